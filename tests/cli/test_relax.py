"""`foldwright relax` from files to files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from foldwright.chem.atoms import ATOM37_MASK
from foldwright.chem.residues import sequence_to_aatype
from foldwright.cli import relax as command
from foldwright.cli.main import app
from foldwright.errors import InputError
from foldwright.io.pdb import write_pdb
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure
from foldwright.relax import minimise, relaxation
from foldwright.relax.relaxation import Relaxed


def run(*arguments):
    return CliRunner().invoke(app, ["relax", *map(str, arguments)])


def made_of(sequence):
    mask = ATOM37_MASK[sequence_to_aatype(sequence)]
    positions = np.random.default_rng(0).normal(size=(len(sequence), 37, 3)) * 5
    return Structure.of_sequences([sequence], positions, mask, np.full(len(sequence), 70.0), name="made")


@pytest.fixture
def without_openmm(monkeypatch):
    """Relaxation that moves everything by 1 Å, refuses files with tryptophan, and leaves prolines unresolved."""

    def relaxed(structure, options, report):
        if "W" in structure.sequence:
            raise InputError("no parameters for TRP A1.")
        record = {
            "force_field": "amber99sb",
            "platform": options.platform,
            "violations": {"before": {"residues": 3}, "after": {"residues": structure.sequence.count("P")}},
            "energy": {"before": None, "after": -12.5},
            "displacement": {"rmsd": 1.0, "max": 1.0},
            "rounds": [{}],
            "mirrored": {"before": [], "after": ["HIS A1"] * structure.sequence.count("H")},
            "unresolved": ["PRO A2"] * structure.sequence.count("P"),
        }
        moved = replace(structure, positions=structure.positions + structure.mask[..., None])
        return Relaxed(structure=moved, record=record, seconds=1.25)

    monkeypatch.setattr(minimise, "choose_platform", lambda options: None)
    monkeypatch.setattr(relaxation, "relax_structure", relaxed)


@pytest.fixture
def written(tmp_path):
    def write(name, sequence):
        write_pdb(tmp_path / name, made_of(sequence))
        return tmp_path / name

    return write


def test_three_files_are_written(without_openmm, written, tmp_path):
    file = written("a.b.pdb", "GAC")
    done = run(file, "--out", tmp_path / "out", "--platform", "CPU")
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"a.b_relaxed.{e}" for e in ("cif", "json", "pdb")]
    given = read_structure(file)
    for ending in ("cif", "pdb"):
        found = read_structure(tmp_path / "out" / f"a.b_relaxed.{ending}")
        np.testing.assert_allclose(found.positions, given.positions + given.mask[..., None], atol=2e-3)
        np.testing.assert_allclose(found.b_factors, given.b_factors)
    record = json.loads((tmp_path / "out" / "a.b_relaxed.json").read_text("utf-8"))
    assert (record["source"], record["platform"], record["seconds"]) == ("a.b.pdb", "CPU", 1.25)
    assert "3 → 0" in done.output


def test_results_lie_beside_the_file_by_default(without_openmm, written, tmp_path):
    assert run(written("a.pdb", "GAC")).exit_code == 0
    assert (tmp_path / "a_relaxed.cif").exists()


def test_a_refused_file_costs_no_other_and_does_not_exit_0(without_openmm, written, tmp_path):
    done = run(written("bad.pdb", "GWC"), written("good.pdb", "GAC"))
    assert done.exit_code == 1
    assert "bad.pdb: no parameters for TRP A1." in done.stderr
    assert (tmp_path / "good_relaxed.cif").exists()
    assert not (tmp_path / "bad_relaxed.cif").exists()


def test_nothing_relaxed_exits_2(without_openmm, written, tmp_path):
    assert run(written("bad.pdb", "GWC"), tmp_path / "absent.pdb").exit_code == 2


def test_violations_that_stay_are_named_and_exit_1(without_openmm, written, tmp_path):
    done = run(written("stays.pdb", "GPC"))
    assert done.exit_code == 1
    assert "still with violations after 1 rounds: PRO A2" in done.output
    assert (tmp_path / "stays_relaxed.cif").exists()


def test_mirrored_residues_are_named(without_openmm, written):
    assert "D amino acids): HIS A1" in run(written("turned.pdb", "HAC")).output


def test_two_files_for_one_name_are_refused(without_openmm, written, tmp_path):
    (tmp_path / "sub").mkdir()
    done = run(written("a.pdb", "GAC"), written("sub/a.pdb", "GAC"), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "more than one file would be written as a_relaxed" in done.stderr
    assert not (tmp_path / "out").exists()


def test_impossible_options_are_refused(written):
    done = run(written("a.pdb", "GAC"), "--tolerance", 0)
    assert done.exit_code == 2
    assert "--tolerance" in done.stderr


def test_stems_lose_one_ending_and_gz():
    from pathlib import Path

    assert command._stem(Path("x/model.v2.pdb.gz")) == "model.v2"
