"""Two processes compute what one does, replicated or divided; a lost one is said."""

import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.training import checkpoint
from foldwright.training.loop import train
from foldwright.training.parallel import Processes, check_parallel, processes

WORKER = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from conftest import MadeExamples, small_recipe
from foldwright.errors import TrainingError
from foldwright.training.loop import RunOptions, train
from foldwright.training.parallel import processes
from foldwright.training.progress import Silent

_, _, kind, out, stop_after, what = sys.argv
recipe = small_recipe()
if kind == "fsdp":
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, is_clipped_per_example=False), is_checkpointed=True)

class Reported(Silent):
    def step(self, result, examples_per_second):
        if what == "asked" and result.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

class Dying(MadeExamples):
    def draw(self, number, num_passes):
        if what == "killed" and number == 17:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().draw(number, num_passes)

with processes(kind, "cpu") as all_of_us:
    options = RunOptions(processes=all_of_us, stop_after=int(stop_after), checkpoint_every=1)
    try:
        train(recipe, Dying(recipe), Path(out), options, report=Reported())
    except TrainingError as error:
        print(type(error).__name__, error, flush=True)
        os._exit(1)
    except KeyboardInterrupt as stopped:
        print("stopped", all_of_us.rank, stopped.exit_code, flush=True)
"""


@pytest.fixture
def launch(forkserver):
    """Two processes that find each other as those of torchrun do: how each ended and what it said."""

    def launch(run, kind, stop_after, what=""):
        said = [run.with_name(f"{run.name}_said_{rank}") for rank in range(2)]
        place = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        words = (Path(__file__).parent, kind, run, stop_after, what)
        started = [forkserver(WORKER, *words, said=file, RANK=rank, **place) for rank, file in enumerate(said)]
        for process in started:
            process.join(600)
        return [process.exitcode for process in started], [file.read_text() for file in said]

    return launch


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def table(run):
    head, *rows = (line.split(",") for line in (run / "metrics.csv").read_text().splitlines())
    return [dict(zip(head, map(float, row), strict=True)) for row in rows]


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_have_the_losses_of_one(recipe, made_examples, tmp_path, launch, kind):
    if kind == "fsdp":
        optimiser = replace(recipe.optimiser, is_clipped_per_example=False)
        recipe = replace(recipe, optimiser=optimiser, is_checkpointed=True)
    train(recipe, made_examples(recipe), tmp_path / "one")
    assert launch(tmp_path / "two", kind, 2)[0] == [0, 0]
    # Going on from a checkpoint: by two processes, and then by one that holds all.
    assert launch(tmp_path / "two", kind, 4)[0] == [0, 0]
    train(recipe, made_examples(recipe), tmp_path / "two")
    one, two = table(tmp_path / "one"), table(tmp_path / "two")
    assert len(one) == len(two) == recipe.num_steps
    for left, right in zip(one, two, strict=True):
        assert left == pytest.approx(right, rel=1e-4, abs=1e-5)
    assert len({row["loss"] for row in one}) == recipe.num_steps


def test_a_killed_process_is_said_by_the_others_and_the_checkpoint_stands(tmp_path, launch):
    run = tmp_path / "run"
    codes, said = launch(run, "ddp", 6, what="killed")
    assert sorted(codes) == [-signal.SIGKILL, 1]
    assert "LostProcess" in "".join(said)
    assert "The last checkpoint stands" in "".join(said)
    assert checkpoint.read_header(checkpoint.checkpoints(run)[-1]).step >= 2


def test_one_that_is_asked_to_stop_stops_all_at_the_same_step(tmp_path, launch):
    run = tmp_path / "run"
    codes, said = launch(run, "ddp", 6, what="asked")
    assert codes == [0, 0]
    assert sorted(said) == ["stopped 0 143\n", "stopped 1 143\n"]
    assert len(table(run)) == 3  # the request was seen in the exchange of the third step


def test_a_network_in_parts_cannot_clip_each_example(recipe):
    with pytest.raises(InputError, match="is_clipped_per_example=false"):
        check_parallel(recipe, Processes(0, 2, is_divided=True))
    check_parallel(recipe, Processes(0, 2))


@pytest.mark.parametrize(
    ("kind", "environment", "words"),
    [("ddp", {}, "torchrun"), ("pipeline", {}, "none, ddp, fsdp"), ("none", {"WORLD_SIZE": "2"}, "--parallel ddp")],
)
def test_a_wrong_start_says_what_would_be_right(monkeypatch, kind, environment, words):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=words), processes(kind, "cpu"):
        pass
