"""Relaxation within a run: of the best or of all, once, and a failure that costs no prediction."""

import json
from dataclasses import replace

import pytest

import foldwright
from foldwright.errors import InputError
from foldwright.models.overrides import parse_overrides
from foldwright.relax import relaxation
from foldwright.relax.relaxation import Relaxed

pytest.importorskip("openmm", reason="needs OpenMM: pip install foldwright[relax]")

TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=0"
)


@pytest.fixture
def relaxed(monkeypatch):
    """Moves every atom by 1 Å in place of a minimisation; how often it was asked."""
    calls = []

    def relax_structure(structure, options, report):
        calls.append(structure.name)
        moved = replace(structure, positions=structure.positions + 1.0)
        return Relaxed(structure=moved, record={"unresolved": []}, seconds=0.5)

    monkeypatch.setattr(relaxation, "relax_structure", relax_structure)
    return calls


def predict(out, relax):
    return foldwright.predict(
        "MKTAYIAKQR",
        weights="rule",
        model=("model_1_ptm", "model_2_ptm"),
        preset="none",
        out=out,
        relax=relax,
        overrides=parse_overrides(TINY.split()),
    )


def test_the_best_is_relaxed_once_and_its_ranked_copy_is_the_relaxed_one(tmp_path, relaxed):
    best, second = predict(tmp_path, "best")
    assert len(relaxed) == 1
    assert second.relaxed is None
    assert best.relaxed.positions - best.structure.positions == pytest.approx(1.0)
    folder = tmp_path / "query"
    assert (folder / "ranked_0.cif").read_bytes() == (folder / f"{best.name}_relaxed.cif").read_bytes()
    assert (folder / "ranked_1.cif").read_bytes() == (folder / f"{second.name}.cif").read_bytes()
    record = json.loads((folder / "run.json").read_text())["predictions"]
    assert record[best.name]["relaxation"]["unresolved"] == []
    assert "relaxation" not in record[second.name]
    assert json.loads((folder / "execution.json").read_text())["predictions"][best.name]["relaxation"]["seconds"] == 0.5
    again, _ = predict(tmp_path, "best")
    assert len(relaxed) == 1
    atoms = best.structure.mask > 0
    assert again.relaxed.positions[atoms] == pytest.approx(best.relaxed.positions[atoms], abs=2e-3)
    predict(tmp_path, "all")
    assert len(relaxed) == 2
    predict(tmp_path, "none")
    assert (folder / "ranked_0.cif").read_bytes() == (folder / f"{best.name}.cif").read_bytes()


def test_a_relaxation_that_fails_leaves_the_predictions_and_fails_the_job(tmp_path, monkeypatch):
    def relax_structure(structure, options, report):
        raise InputError("the greatest forces are on A 3 THR.")

    monkeypatch.setattr(relaxation, "relax_structure", relax_structure)
    with pytest.raises(InputError, match="A 3 THR"):
        predict(tmp_path, "best")
    folder = tmp_path / "query"
    status = json.loads((folder / "status.json").read_text())
    assert (status["status"], "A 3 THR" in status["why"]) == ("failed", True)
    assert (folder / "ranked_0.cif").is_file()
    assert (folder / "ranking.json").is_file()


def test_what_is_missing_is_said_before_anything_is_predicted(monkeypatch):
    monkeypatch.setattr("foldwright.pipeline.relaxing.find_spec", lambda name: None)
    monkeypatch.setattr("foldwright.pipeline.loaded.build", lambda *of: pytest.fail("a network was built"))
    with pytest.raises(InputError, match="openmm and pdbfixer are not installed"):
        predict(None, "all")
