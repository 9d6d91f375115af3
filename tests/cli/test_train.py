"""The command from prepared chains to checkpoints: what it writes, what it refuses, how it ends."""

import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.training.data.chain import Chain
from foldwright.training.data.shards import write_shards
from foldwright.training.progress import Plain, reporter

SMALL = {
    "model.trunk.num_blocks": 1,
    "model.trunk.c_m": 16,
    "model.trunk.c_z": 16,
    "model.trunk.c_s": 16,
    "model.trunk.c_triangle": 8,
    "model.structure.num_layers": 1,
    "model.features.num_clusters": 4,
    "sampling.crop_size": 12,
    "sampling.max_passes": 1,
    "examples_per_step": 2,
    "examples_at_once": 1,
    "losses.masked_msa": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Random chains on random walks, as `foldwright data prepare` would write them."""
    rng = np.random.default_rng(0)

    def chain(i, split):
        n = int(rng.integers(14, 20))
        mask = rng.random((n, 37)) < 0.9
        walk = rng.normal(size=(n, 1, 3)).cumsum(0) * 2.2 + rng.normal(size=(n, 37, 3))
        return Chain(
            id=f"chain_{i}",
            aatype=rng.integers(20, size=n).astype(np.uint8),
            residue_index=np.arange(n),
            positions=(walk * mask[..., None]).astype(np.float32),
            mask=mask,
            resolution=2.0,
            cluster=str(i),
            split=split,
            is_core=split == "val",
        )

    folder = tmp_path_factory.mktemp("chains")
    write_shards([chain(i, "train" if i < 4 else "val") for i in range(6)], folder)
    return folder


def arguments(data, out, *more, steps=2, **changes):
    settings = [word for path, value in (SMALL | changes).items() for word in ("--set", f"{path}={value}")]
    return [
        "train",
        "--recipe",
        "tiny",
        "--data",
        str(data),
        "--out",
        str(out),
        "--steps",
        str(steps),
        *settings,
        *more,
    ]


def run(*words):
    return CliRunner().invoke(app, [*words])


def test_a_run_writes_its_curves_and_goes_on(data, tmp_path):
    out = tmp_path / "run"
    first = run(*arguments(data, out, "--stop-after", "1", "--evaluate-every", "1", "--device", "cpu"))
    assert first.exit_code == 0, first.output
    assert "begins" in first.output
    second = run(*arguments(data, out, "--threads", "1", "--device", "cpu"))
    assert second.exit_code == 0, second.output
    assert "goes on after step 1" in second.output
    assert "step 2 of 2" in second.output
    written = {path.name for path in out.iterdir()}
    assert {"checkpoints", "metrics.csv", "evaluation.csv", "times.csv", "recipe.json"} <= written
    assert [line.split(",")[0] for line in (out / "metrics.csv").read_text().splitlines()] == ["step", "1", "2"]
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["model"]["trunk"]["c_z"] == 16
    assert recipe["losses"]["masked_msa"] == 0


def test_parameters_are_taken_over_from_another_run(data, tmp_path):
    assert run(*arguments(data, tmp_path / "a", "--quiet", steps=1)).exit_code == 0
    begun = run(*arguments(data, tmp_path / "b", "--init", str(tmp_path / "a"), steps=1))
    assert begun.exit_code == 0, begun.output
    assert f"begins with {tmp_path / 'a'}" in begun.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--set", "optimiser.lr=1"], ["optimiser.lr", "optimiser.learning_rate"]),
        (["--set", "precision=float16"], ["precision", "bfloat16"]),
        (["--set", "model.is_multimer=true"], ["is_multimer"]),
        (["--checkpoint-every", "0"], ["--checkpoint-every", "at least 1"]),
        (["--device", "abacus"], ["--device", "abacus"]),
        (["--parallel", "ddp"], ["torchrun"]),
        (["--init", "nowhere.safetensors"], ["nowhere.safetensors"]),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_computed(data, tmp_path, monkeypatch, more, words):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    refused = run(*arguments(data, tmp_path / "run"), *more)
    assert refused.exit_code == 2, refused.output
    assert all(word in refused.output + refused.stderr for word in words)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_data_that_is_not_there_or_not_shared_evenly_is_refused(data, tmp_path):
    refused = run(*arguments(tmp_path / "nothing", tmp_path / "run"))
    assert refused.exit_code == 2
    assert "foldwright data prepare" in refused.output + refused.stderr
    refused = run(*arguments(data, tmp_path / "run", examples_at_once=3))
    assert refused.exit_code == 2
    assert "3 at a time" in refused.output + refused.stderr


def test_another_recipe_in_the_same_folder_is_refused(data, tmp_path):
    assert run(*arguments(data, tmp_path, "--quiet", steps=1)).exit_code == 0
    refused = run(*arguments(data, tmp_path, "--set", "seed=5"))
    assert refused.exit_code == 2
    assert "seed (there 0, now 5)" in refused.output + refused.stderr


def test_sigterm_ends_with_a_checkpoint_and_its_own_code(data, tmp_path, forkserver):
    words = arguments(data, tmp_path / "run", "--threads", "1", steps=100_000)
    process = forkserver("from foldwright.cli.main import main; main()", *words, said=tmp_path / "said")
    metrics, patience = tmp_path / "run" / "metrics.csv", time.monotonic() + 300
    while time.monotonic() < patience and not (metrics.exists() and metrics.read_text().count("\n") > 2):
        time.sleep(0.2)
    process.terminate()
    process.join(300)
    assert process.exitcode == 143
    assert "the same command goes on" in (tmp_path / "said").read_text()
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1


def test_a_log_gets_lines_and_quiet_none():
    assert isinstance(reporter(is_quiet=False), Plain)
    assert not isinstance(reporter(is_quiet=True), Plain)
