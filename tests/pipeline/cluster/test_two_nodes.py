"""Two Ray nodes on this machine, one of them killed in the middle: the files are those of a local run."""

import os
import time
from functools import partial

import pytest

from foldwright.models.overrides import parse_overrides
from foldwright.pipeline.cluster.connect import QUIET
from foldwright.pipeline.cluster.run import RayRun
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.options import Options
from foldwright.pipeline.prepare import prepare
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import Prediction
from foldwright.pipeline.run import run
from foldwright.pipeline.states import PREDICTING, Manifest

SEQUENCES = ("MKTAYIAKQRQISFVKSHF", "GSHMLEDPVERLLKAQWNTDE", "ACDEFGHIKLMNPQRSTVWYACDE")
TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=1"
)
PATIENCE = 300  # seconds: as much as a busy machine may take for anything here
NODE = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80_000_000}
HEAD = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
CONFIG = {  # a node that is gone is missed at once, one that is slow never, and no process ends for want of memory
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
    "health_check_timeout_ms": 1000 * PATIENCE,
    "worker_register_timeout_seconds": PATIENCE,
    "agent_register_timeout_ms": 1000 * PATIENCE,
    "memory_monitor_refresh_ms": 0,
}
WAITS = ("RAY_gcs_server_port_wait_time_s", "RAY_raylet_start_wait_time_s")
DIFFERS = {"execution.json"}  # named for what differs from run to run


class Said(Silent):
    def __init__(self):
        self.warnings = {}

    def warn(self, job, text):
        self.warnings.setdefault(job, []).append(text)


@pytest.fixture
def cluster(monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed")
    for name, value in {**QUIET, **dict.fromkeys(WAITS, str(PATIENCE))}.items():
        monkeypatch.setenv(name, value)
    from ray._private import ray_constants
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(ray_constants, "GCS_SERVER_REQUEST_TIMEOUT_SECONDS", PATIENCE)
    made = Cluster()
    try:
        made.add_node(wait=False, **NODE, **HEAD, _system_config=CONFIG)
        made.victim = made.add_node(wait=False, **NODE)
        made.wait_for_nodes(PATIENCE)
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan that writes into a folder; relatives are found in a small database."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "databases").mkdir()
    relatives = [f">sp|P{i:05}|R{i}_HUMAN\n{s[:5]}W{s[6:]}\n" for i, s in enumerate(SEQUENCES)]
    (tmp_path / "databases" / "small.fasta").write_text("".join(relatives))
    (tmp_path / "jobs.fasta").write_text("".join(f">job{i}\n{s}\n" for i, s in enumerate(SEQUENCES)))
    evidence = evidence_of(databases=tmp_path / "databases")
    options = Options(evidence=evidence, weights="rule", overrides=parse_overrides(TINY.split()))
    return lambda out, here: prepare([tmp_path / "jobs.fasta"], options, out=tmp_path / out, is_run_here=here)


def files_of(out):
    """The bytes of every file that is a result."""
    paths = [path for path in out.rglob("*") if path.is_file() and path.name not in DIFFERS]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


class Disturbed(RayRun):
    """Waits until both machines can work, gives them jobs and kills one of them, whose job cannot end before."""

    cluster = None
    cut_short = ""

    def start_predictions(self):
        idle = [member.machine.node for member in self.crew.members if member.is_idle]
        if self.cut_short:
            super().start_predictions()
        elif len(idle) == 2 and len(self.queue) >= 2:
            self.cut_short = self.queue[idle.index(self.cluster.victim.node_id)][0].job.name
            barrier = self.plan.folder(self.cut_short).file("msas/A.a3m")  # read before it is written: a pipe holds
            barrier.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(barrier)
            super().start_predictions()
            self.kill()
            barrier.unlink()

    def kill(self):
        deadline = time.monotonic() + PATIENCE
        while self.manifest.written_state(self.cut_short) != PREDICTING and time.monotonic() < deadline:
            time.sleep(0.01)
        assert {state.entry.name: state.state for state in self.manifest.states()}[self.cut_short] == PREDICTING
        self.cluster.remove_node(self.cluster.victim, allow_graceful=False)


@pytest.mark.slow
def test_a_node_killed_in_the_middle_changes_no_file(tmp_path, cluster, plan):
    expected = list(run(plan("local", True)))
    said = Said()
    disturbed = Disturbed(plan("ray", False), said, address=cluster.address)
    disturbed.cluster = cluster
    found = list(disturbed.results())
    assert disturbed.cut_short
    assert "begun once more" in " ".join(said.warnings[disturbed.cut_short])
    assert all(isinstance(item, Prediction) for item in (*expected, *found))
    assert sorted(item.job for item in found) == ["job0", "job1", "job2"]
    assert {state.state for state in Manifest(tmp_path / "ray").states()} == {"done"}
    ours, theirs = files_of(tmp_path / "ray"), files_of(tmp_path / "local")
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    again = list(run(plan("ray", False), kind=partial(RayRun, address="nowhere:1")))  # complete: nobody is asked
    assert sorted(item.job for item in again) == ["job0", "job1", "job2"]
