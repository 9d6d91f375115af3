"""`foldwright score` from the command line to the numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from foldwright.chem.atoms import ATOM14_NAMES, ATOM37_MASK, ATOM_INDEX
from foldwright.chem.residues import ONE_TO_THREE, sequence_to_aatype
from foldwright.cli.score import by_alignment, by_number, match_chains, match_residues, score
from foldwright.errors import InputError
from foldwright.io.pdb import write_pdb
from foldwright.io.structure import Structure

RAW = Path(__file__).parents[3] / "shared" / "data" / "raw"
SEQUENCE = "MDFRGEYKLVNSTWHCIPQADERF"

app = typer.Typer()
app.command()(score)


def run(*arguments):
    return CliRunner().invoke(app, [str(x) for x in arguments], catch_exceptions=True)


def model_of(*sequences, seed=0, chain_ids=None):
    """Atoms in a loose ball about each C-alpha of a walk."""
    rng = np.random.default_rng(seed)
    letters = "".join(sequences)
    trace = np.cumsum(rng.normal(size=(len(letters), 1, 3)) * 2.5, axis=0)
    positions = trace + rng.normal(size=(len(letters), 37, 3)) * 1.2
    mask = ATOM37_MASK[sequence_to_aatype(letters)]
    return Structure.of_sequences(sequences, positions, mask, np.full(len(letters), 50.0), chain_ids=chain_ids)


def changed(structure, **arrays):
    from dataclasses import replace

    return replace(structure, **arrays)


@pytest.fixture
def written(tmp_path):
    def write(name, structure):
        write_pdb(tmp_path / name, structure)
        return tmp_path / name

    return write


def test_a_structure_is_like_itself(written):
    path = written("a.pdb", model_of(SEQUENCE))
    found = json.loads(run(path, path, "--json").stdout)
    assert {found[key] for key in ("lddt", "lddt_ca", "gdt_ts", "gdt_ha", "sequence_identity")} == {1.0}
    assert found["tm"] == pytest.approx(1, abs=1e-6)
    assert found["rmsd"] < 1e-3
    assert found["num_matched"] == len(SEQUENCE) == len(found["residues"])
    assert [residue["residue"] for residue in found["residues"]] == [ONE_TO_THREE[x] for x in SEQUENCE]


def test_noise_lowers_every_score(written):
    truth = model_of(SEQUENCE)
    noise = np.random.default_rng(1).normal(size=truth.positions.shape).astype(np.float32)
    paths = written("noisy.pdb", changed(truth, positions=truth.positions + 1.5 * noise)), written("truth.pdb", truth)
    found = json.loads(run(*paths, "--json").stdout)
    for key in ("lddt", "lddt_ca", "tm", "gdt_ts", "gdt_ha"):
        assert 0.05 < found[key] < 0.95, key
    assert 1 < found["rmsd"] < 4
    assert found["gdt_ha"] < found["gdt_ts"]
    assert len({residue["lddt"] for residue in found["residues"]}) > 5


def test_names_of_equivalent_atoms_do_not_matter(written):
    truth = model_of(SEQUENCE)
    positions = truth.positions.copy()
    for residue, pairs in {"D": ("OD1", "OD2"), "R": ("NH1", "NH2"), "V": ("CG1", "CG2")}.items():
        rows = [i for i, letter in enumerate(SEQUENCE) if letter == residue]
        i, j = (ATOM_INDEX[name] for name in pairs)
        positions[np.ix_(rows, [i, j])] = positions[np.ix_(rows, [j, i])]
    paths = written("renamed.pdb", changed(truth, positions=positions)), written("truth.pdb", truth)
    assert json.loads(run(*paths, "--json").stdout)["lddt"] == 1


def test_table_shows_scores_and_coverage(written):
    truth = model_of(SEQUENCE)
    part = truth.select(np.arange(len(SEQUENCE)) < 18)
    result = run(written("part.pdb", part), written("truth.pdb", truth), "--tm-align")
    assert result.exit_code == 0
    assert "18 of 24" in result.stdout
    assert "0.750" in result.stdout  # GDT-TS and TM count the missing residues
    assert "TM-align" in result.stdout


def test_numbers_decide_while_sequences_agree():
    truth = model_of(SEQUENCE)
    tail = truth.select(np.arange(len(SEQUENCE)) >= 5)
    pairs = by_number(tail, truth, np.arange(len(tail)), np.arange(len(truth)))
    assert pairs == [(i, i + 5) for i in range(len(tail))]


def test_other_numbers_are_matched_by_sequence():
    truth = model_of(SEQUENCE)
    tail = model_of(SEQUENCE[5:])  # numbered from 1
    whole = np.arange(len(tail)), np.arange(len(truth))
    assert by_number(tail, truth, *whole) == []
    assert by_alignment(tail, truth, *whole) == [(i, i + 5) for i in range(len(tail))]
    assert match_residues(tail, truth).tolist() == [[i, i + 5] for i in range(len(tail))]


def test_chains_are_matched_by_sequence_then_by_name():
    other = SEQUENCE[::-1]
    model = model_of(SEQUENCE, other, SEQUENCE, chain_ids=["A", "B", "C"])
    reference = model_of(other, SEQUENCE, SEQUENCE, chain_ids=["X", "C", "A"])
    assert match_chains(model, reference) == [(1, 0), (2, 1), (0, 2)]


def test_unrelated_sequences_are_an_error(written):
    paths = written("a.pdb", model_of("GGGGGGGGGGGG")), written("b.pdb", model_of("WWWWWWWWWWWW"))
    result = run(*paths)
    assert result.exit_code != 0
    assert isinstance(result.exception, InputError)
    assert "a.pdb" in str(result.exception)


def test_a_file_without_protein_is_an_error(written, tmp_path):
    (tmp_path / "empty.pdb").write_text("END\n")
    result = run(tmp_path / "empty.pdb", written("a.pdb", model_of(SEQUENCE)))
    assert isinstance(result.exception, InputError)
    assert "empty.pdb" in str(result.exception)


def test_every_equivalent_atom_exists():
    from foldwright.cli.score import EQUIVALENT_ATOMS

    for residue, pairs in EQUIVALENT_ATOMS.items():
        assert {name for pair in pairs for name in pair} <= set(ATOM14_NAMES[residue])


@pytest.mark.shared
@pytest.mark.skipif(not RAW.exists(), reason="needs ../shared")
def test_the_same_entry_from_two_formats():
    found = json.loads(run(RAW / "biopython/1A8O.cif.gz", RAW / "biopython/1A8O.pdb.gz", "--json").stdout)
    assert found["num_matched"] == found["num_reference"] == 70
    assert found["lddt"] == found["gdt_ha"] == 1


@pytest.mark.shared
@pytest.mark.skipif(not RAW.exists(), reason="needs ../shared")
def test_two_unrelated_proteins_are_not_compared():
    result = run(RAW / "gemmi/1orc.pdb.gz", RAW / "ngl/1crn.pdb")
    assert isinstance(result.exception, InputError)
    assert "1orc.pdb.gz" in str(result.exception)
