"""A run of many jobs that is killed again and again ends with the same files as one that nobody disturbed."""

import json
import random
import time

import pytest

from foldwright.pipeline.states import Manifest

NUM_JOBS, NUM_KILLS = 40, 10
TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=0"
)
PROGRAM = "import torch; torch.set_num_threads(1); from foldwright.cli.main import main; main()"
PATIENCE = 900  # seconds: as much as a busy machine may take
DIFFERS = {"execution.json"}  # named for what differs from run to run: when, where, how long


@pytest.fixture
def start(tmp_path, forkserver):
    """A process that predicts all jobs into a folder."""
    draw = random.Random(1)
    chains = ["".join(draw.choices("ACDEFGHIKLMNPQRSTVWY", k=24 + i % 7)) for i in range(NUM_JOBS)]
    (tmp_path / "databases").mkdir()
    relatives = [f">sp|P{i:05}|R{i}_HUMAN\n{chain[:5]}W{chain[6:]}\n" for i, chain in enumerate(chains)]
    (tmp_path / "databases" / "small.fasta").write_text("".join(relatives))
    (tmp_path / "jobs.fasta").write_text("".join(f">job{i}\n{chain}\n" for i, chain in enumerate(chains)))
    variables = {"FOLDWRIGHT_CACHE": tmp_path / "cache", "FOLDWRIGHT_DATABASES": tmp_path / "databases"}
    settings = [word for text in TINY.split() for word in ("--set", text)]

    def start(out):
        words = ["predict", tmp_path / "jobs.fasta", "--weights", "rule", "--out", out, "--quiet", "--no-report"]
        return forkserver(PROGRAM, *words, *settings, **variables)

    return start


def files_of(out):
    """The bytes of every file that is a result."""
    paths = (path for path in out.rglob("*") if path.is_file() and path.name not in DIFFERS)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def num_done(out):
    return len(list(out.glob("*/ranking.json")))


def seconds_per_job(out):
    """From the first result to the last: what starting takes does not count."""
    times = sorted(path.stat().st_mtime for path in out.glob("*/ranking.json"))
    return (times[-1] - times[0]) / (len(times) - 1)


@pytest.mark.slow
def test_a_run_killed_ten_times_equals_an_undisturbed_one(tmp_path, start):
    quiet, disturbed = tmp_path / "quiet", tmp_path / "disturbed"
    process = start(quiet)
    process.join(PATIENCE)
    assert process.exitcode == 0
    draw, pause = random.Random(2), seconds_per_job(quiet)
    for number in range(NUM_KILLS):
        process = start(disturbed)
        goal = num_done(disturbed) + draw.randint(0, 2)
        while num_done(disturbed) < goal and process.is_alive():
            time.sleep(0.005)
        moment = time.monotonic() + draw.uniform(0, pause)
        while num_done(disturbed) <= goal and time.monotonic() < moment:  # ten kills find unfinished jobs at any speed
            time.sleep(0.002)
        assert process.is_alive(), f"too fast to be killed for the {number + 1}. time"
        process.kill()
        process.join()
        states = [job.state for job in Manifest(disturbed).states()] if (disturbed / "jobs.json").exists() else []
        assert not {"searching", "predicting"} & set(states)
    process = start(disturbed)
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert num_done(disturbed) == NUM_JOBS
    expected, found = files_of(quiet), files_of(disturbed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    record = json.loads(found["job7/run.json"])
    assert record["chains"][0]["alignment_rows"] == 2
