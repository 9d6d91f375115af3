"""`foldwright data`: what it writes, what it says, and how it ends."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.io.pdb import write_pdb
from foldwright.io.structure import Structure

SEQUENCE = "MKVLAARDEWYTSGHIKPQNFC"


def data(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


@pytest.fixture
def folder(tmp_path):
    """Two structures of other sequences, one of them only N, CA and C."""
    source = tmp_path / "structures"
    source.mkdir()
    rng = np.random.default_rng(0)
    for name, sequence, atoms in (("one", SEQUENCE, 5), ("two", SEQUENCE[::-1] + "AA", 3)):
        n = len(sequence)
        mask = np.zeros((n, 37), np.float32)
        mask[:, :atoms] = 1
        mask[4] = 0
        positions = rng.normal(scale=9, size=(n, 37, 3)).astype(np.float32)
        write_pdb(source / f"{name}.pdb", Structure.of_sequences([sequence], positions, mask, np.zeros(n)))
    return source


def test_a_folder_is_prepared_and_shown(folder, tmp_path):
    (tmp_path / "one_A.a3m").write_text(f">one\n{SEQUENCE}\n>row\n{SEQUENCE[:-3]}---\n")
    out = tmp_path / "chains"
    made = data("prepare", folder, "--out", out, "--alignments", tmp_path, "--val-fraction", 0)
    assert made.exit_code == 0
    assert "train    2 chains in 2 clusters · 22-24 residues · 1 with alignments · 0 core" in made.stdout
    assert "1 exp, 1 backbone_only" in made.stdout
    assert "set aside for validation" in made.stderr
    shown = data("show", out, "--verify")
    assert shown.exit_code == 0
    assert "1 shards are as they were written" in shown.stdout
    assert "2 chains in 2 clusters" in shown.stdout
    again = data("prepare", folder, "--out", out, "--alignments", tmp_path, "--val-fraction", 0)
    assert "1 shards were there already" in again.stdout


def test_what_is_left_out_is_named(folder, tmp_path):
    (folder / "broken.cif").write_text("nonsense")
    (tmp_path / "bad.a3m").write_text("nonsense")
    made = data("prepare", folder, "--out", tmp_path / "chains", "--max-length", 22, "--alignments", tmp_path)
    assert made.exit_code == 0
    assert "dropped 1: longer than 22 residues (two_A)" in made.stderr
    assert f"({folder / 'broken.cif'})" in made.stderr
    assert f"skipped {tmp_path / 'bad.a3m'}" in made.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prepare", "{empty}", "--out", "{out}"], "no structure is here"),
        (["prepare", "{missing}", "--out", "{out}"], "no such file or folder"),
        (["prepare", "{folder}", "--out", "{out}", "--kinds", "exp,guess"], '"guess" is no kind of chain'),
        (["prepare", "{folder}", "--out", "{out}", "--alignments", "{empty}"], "no alignment is here"),
        (["prepare", "{folder}", "--out", "{out}", "--min-length", "99"], "no chain is left of 2"),
        (["prepare", "{folder}", "--out", "{occupied}"], "cannot be written"),
        (["show", "{empty}"], "holds no prepared chains"),
    ],
)
def test_bad_input_ends_with_one_paragraph_and_exit_code_2(folder, tmp_path, words, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    places = {
        "empty": tmp_path / "empty",
        "missing": tmp_path / "missing",
        "folder": folder,
        "out": tmp_path / "out",
        "occupied": tmp_path / "file" / "out",
    }
    result = data(*(word.format(**places) for word in words))
    assert result.exit_code == 2
    assert result.stderr.startswith("foldwright: ")
    assert told in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.shared
def test_real_structures_with_their_faults_are_prepared(tmp_path):
    """../shared/data/raw: depositions, fragments, restraint files and small molecules side by side."""
    raw = Path(__file__).parents[3] / "shared" / "data" / "raw" / "biopython"
    if not raw.exists():
        pytest.skip("../shared is not here")
    made = data("prepare", raw, "--out", tmp_path / "chains")
    assert made.exit_code == 0
    assert "1A8O_A" in (tmp_path / "chains" / "chains.tsv").read_text()
    assert "cannot be read" in made.stderr
    shutil.rmtree(tmp_path / "chains")
