"""The command from job files of any molecules to AlphaFold 3's folders: what it writes, says and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.pipeline.complexes.plan import ComplexNetwork

ORACLES = Path(__file__).parents[1] / "oracles" / "af3"
CCD = ORACLES / "ccd_subset.json.gz"
TINY = (
    "pairformer.num_blocks=1 msa.num_blocks=1 templates.num_blocks=1 heads.num_confidence_blocks=1 atoms.num_blocks=1 "
    "diffusion.num_blocks=4 diffusion.c_token=16 diffusion.atoms.num_blocks=1 pairformer.c_s=16 pairformer.pair.c_z=8 "
    "msa.pair.c_z=8"
)
SMALL = [word for text in TINY.split() for word in ("--set", text)]


def run(*words):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def job(folder, name, code="MG", **more):
    chain = {"id": "A", "sequence": "ACDEF", "unpairedMsa": "", "pairedMsa": "", "templates": []}
    ligand = {"id": "B", "ccdCodes": [code]}
    content = {"name": name, "modelSeeds": [1], "sequences": [{"protein": chain}, {"ligand": ligand}], **more}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**content, "dialect": "alphafold3", "version": 4}))
    return path


@pytest.fixture
def no_network(monkeypatch):
    """Nothing may be built: what is wrong has to be found before."""

    def load(self):
        raise AssertionError("a network was built")

    monkeypatch.setattr(ComplexNetwork, "load", load)


def test_a_bad_job_fails_alone_and_the_good_one_has_its_files_and_its_page(tmp_path):
    inputs = [job(tmp_path, "good"), job(tmp_path, "bad", "QQQQQ")]
    sampling = ["--samples", 1, "--steps", 1, "--recycles", 0, "--seeds", "4", "--threads", 1]
    result = run(*inputs, "--weights", "rule", "--ccd", CCD, "--out", tmp_path / "out", *sampling, *SMALL)
    assert result.exit_code == 1, result.output
    assert "QQQQQ" in result.output
    assert "seed-4_sample-0" in result.output
    out = tmp_path / "out" / "good"
    record = json.loads((out / "run.json").read_text())
    assert record["predictions"]["seed-4_sample-0"]["ligands"][0]["codes"] == ["MG"]
    assert json.loads((out / "good_data.json").read_text())["modelSeeds"] == [4]
    assert "good" in (out / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "bad" / "status.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--ensemble", "2"], "--ensemble"),
        (["--relax", "best"], "--relax"),
        (["--seed", "1", "--seeds", "2"], "--seeds"),
        (["--samples", "0"], "--samples"),
        (["--threads", "0"], "--threads"),
        (["--memory-limit", "much"], "--memory-limit"),
        (["--set", "trunk.num_blocks=1"], "trunk.num_blocks"),
        (["--model", "model_1_ptm", "--samples", "2"], "--samples"),
        (["ACDEFGHIKL"], "--model af3"),
        (["--ccd", "nowhere.cif"], "nowhere.cif"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_begins(tmp_path, no_network, words, why):
    result = run(job(tmp_path, "good"), "--weights", "rule", "--out", tmp_path / "out", *words)
    assert result.exit_code == 2, result.output
    assert why in result.output
    assert not list(tmp_path.glob("out/*/run.json"))


def test_the_memory_of_a_job_is_estimated_without_weights(tmp_path, no_network):
    result = run(job(tmp_path, "good"), "--ccd", CCD, "--estimate-memory", "--memory-limit", "4GB")
    assert result.exit_code == 0, result.output
    assert "good 6 tokens af3" in result.output
    assert "of 4.0 GB free: fits" in result.output or "MB free" in result.output
