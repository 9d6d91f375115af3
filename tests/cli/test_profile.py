"""`foldwright profile` measures a small network, writes what it found, and says what is wrong with a request."""

import json
import math

import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.profiling import plots, setup
from foldwright.profiling.trace import NAME

SMALL = [
    *("--residues", "11", "--sequences", "6", "--extra", "5", "--batch", "2", "--blocks", "1"),
    *("--set", "model.trunk.c_m=16", "--set", "model.trunk.c_z=16", "--set", "model.trunk.c_s=16"),
    *("--set", "model.trunk.c_triangle=8", "--set", "model.trunk.c_outer=4", "--set", "model.structure.num_layers=2"),
    *("--steps", "1", "--warmup", "0", "--device", "cpu"),
]


def profile(*words):
    return CliRunner().invoke(app, ["profile", *map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What one call with every option wrote and printed."""
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("profile") / "new"
    result = profile(*SMALL, "--compare", "--trace", "--sweep-batch", "1", "--out", out)
    assert result.exit_code == 0, result.output
    (out / "printed").write_text(result.stdout, encoding="utf-8")
    return out


def test_the_summary_holds_stages_operations_and_memory(folder):
    found = json.loads((folder / "performance_summary.json").read_text())
    assert set(found["stages"]) == {"forward", "losses", "backward", "optimiser"}
    assert found["samples_per_s"] == pytest.approx(2 / found["step_s"])
    operations = {operation["name"]: operation for operation in found["operations"]}
    assert {"MSA row attention", "MSA column attention", "outer product mean", "pair transition"} <= set(operations)
    assert {"triangle multiplication, outgoing", "triangle attention, ending"} <= set(operations)
    assert math.isclose(sum(o["share_of_time"] for o in operations.values()), 1)
    assert math.isclose(sum(o["share_predicted"] for o in operations.values()), 1)
    assert found["flops_per_step"] == sum(o["flops"] for o in operations.values())
    memory = found["memory_bytes"]
    assert memory["peak"] == sum(memory["at_peak"].values())
    assert {"parameters", "activations", "gradients", "optimiser"} <= set(memory["at_peak"])
    assert found["configuration"]["blocks"] == 1
    assert found["comparison"]["passed"]
    assert [one["varied"] for one in found["sweep"]] == ["batch"]


def test_the_same_is_printed(folder):
    printed = (folder / "printed").read_text(encoding="utf-8")
    for words in (
        "samples/s",
        "triangle attention, starting",
        "activations",
        "times as fast",
        "agrees",
        "roofline.png",
    ):
        assert words in printed


def test_pictures_are_drawn(folder):
    for name in ("operations", "roofline", "memory", "sweep"):
        assert (folder / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert (folder / f"{name}.png").stat().st_size > 10_000


def test_the_trace_names_the_operations(folder):
    events = json.loads((folder / "trace" / NAME).read_text())["traceEvents"]
    names = {event["name"] for event in events if "name" in event}
    assert {"backward", "optimiser", "MSA row attention", "invariant point attention", "aten::mm"} <= names
    operators = json.loads((folder / "trace" / "operators.json").read_text())
    assert operators[0]["own_s"] >= operators[-1]["own_s"] > 0


def test_json_alone_is_printed_and_no_picture_drawn(tmp_path):
    result = profile(*SMALL, "--json", "--no-plots", "--textbook", "--checkpointing", "--passes", 2, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["configuration"]["passes"] == 2
    assert found["configuration"]["kernels"] == "textbook"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["performance_summary.json"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--recipe", "huge"], 'unknown recipe "huge"'),
        (["--model", "model_9"], 'unknown model "model_9"'),
        (["--recipe", "tiny", "--model", "model_1"], "Choose one of them"),
        (["--residues", "0"], "--residues: 0 is not possible"),
        (["--set", "model.trunk.c_q=8"], "no field model.trunk.c_q"),
        (["--precision", "float16"], "float16"),
        (["--templates", "2"], "reads no templates"),
        (["--device", "cuda:99"], "cuda:99 cannot be used"),
        (["--sweep-batch", "1,two"], '"1,two" is no list of sizes'),
        (["--out", __file__], "cannot be a folder"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_anything_is_measured(words, says, tmp_path, monkeypatch):
    monkeypatch.setattr("foldwright.profiling.run.make_workload", None)
    result = profile(*words, *(["--out", tmp_path] if "--out" not in words else []))
    assert result.exit_code == 2
    assert says in result.stderr


def test_sizes_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 PB")

    monkeypatch.setattr("foldwright.profiling.run.make_workload", fail)
    result = profile("--no-plots", "--out", tmp_path)
    assert result.exit_code == 2
    assert "does not fit" in result.stderr


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    result = profile(*SMALL, "--out", tmp_path)
    assert result.exit_code == 2
    assert "foldwright[train]" in result.stderr


def test_the_setup_is_tried_part_by_part(tmp_path):
    result = profile(*SMALL, "--validate-setup", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for topic in ("device", "peak", "training step", "formulas", "clock", "memory", "kernels", "trace", "results"):
        line = next(line for line in result.stdout.splitlines() if line.startswith(topic))
        assert " ok " in line
    assert not list(tmp_path.iterdir())


def test_a_part_that_does_not_work_fails_the_setup(tmp_path, monkeypatch):
    def checks(*_):
        yield setup.tried("clock", lambda: (True, "ticks"))
        yield setup.tried("wish", lambda: (False, "would be nice"), is_needed=False)
        yield setup.tried("trace", lambda: 1 / 0)

    monkeypatch.setattr(setup, "validate_setup", checks)
    result = profile(*SMALL, "--validate-setup", "--out", tmp_path)
    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["clock", "ok"],
        ["wish", "-"],
        ["trace", "FAILED"],
    ]
    assert "ZeroDivisionError: division by zero" in result.stdout


def test_a_missing_part_that_is_not_needed_does_not_fail_the_setup(tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "validate_setup", lambda *_: [setup.Check("pictures", False, "missing", False)])
    assert profile("--validate-setup", "--out", tmp_path).exit_code == 0


def test_matplotlib_is_asked_for_before_the_work():
    pytest.importorskip("matplotlib")
    plots.require_matplotlib()
