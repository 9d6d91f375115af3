"""`foldwright features` from the command line to the arrays of the released programs."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from foldwright.cli.features import features
from foldwright.errors import InputError

pytest.importorskip("biotite", reason="extra af3")
pytest.importorskip("rdkit", reason="extra af3")

app = typer.Typer()
app.command()(features)
TESTS = Path(__file__).parents[1]
QUERY = "MKTAYIAKQRQIS"


def stored(name):
    """A file of oracles/af3: the committed copy, else that of ../shared."""
    for folder in (TESTS / "oracles" / "af3", TESTS.parents[1] / "shared" / "oracles" / "af3"):
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in an empty folder; returns the arrays it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)

    def run(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments), "--out", "made.npz"], catch_exceptions=False)
        assert result.exit_code == 0
        with np.load("made.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    return run


def test_arrays_are_those_of_the_released_program(run):
    job, ccd = stored("inputs/tiny.json"), stored("ccd_subset.json.gz")
    with np.load(stored("featurisation/tiny_seed1.npz"), allow_pickle=False) as file:
        expected = dict(file)
    made = run(job, "--seed", 1, "--ccd", ccd)
    assert set(made) == set(expected)
    for key in set(expected) - {"ref_pos"}:  # as this version of RDKit draws them
        np.testing.assert_array_equal(made[key], expected[key], err_msg=key)
    assert made["ref_pos"].shape == expected["ref_pos"].shape
    padded = run(job, "--ccd", ccd, "--bucket", 64, "--bucket", 16, "--bucket", 4)
    assert padded["msa"].shape == (2, 16)
    assert padded["seq_mask"].sum() == padded["seq_length"] == 13
    np.testing.assert_array_equal(padded["ref_pos"][:13], made["ref_pos"])  # the job's own seed is 1


def write_job(path, **changes):
    protein = {"id": "A", "sequence": QUERY, **changes}
    job = {"name": "job", "modelSeeds": [7], "sequences": [{"protein": protein}], "dialect": "alphafold3", "version": 4}
    path.write_text(json.dumps(job))
    return path


def test_what_is_still_to_be_searched_is_refused_unless_it_is_done_without(run, tmp_path):
    job, ccd = write_job(tmp_path / "job.json"), stored("ccd_subset.json.gz")
    with pytest.raises(InputError, match="chain A has none yet"):
        run(job, "--ccd", ccd)
    assert not Path("made.npz").exists()
    made = run(job, "--ccd", ccd, "--preset", "none")
    assert made["num_alignments"] == 2
    assert not made["template_atom_mask"].any()


def test_one_job_of_several_is_chosen_by_name(run, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.fasta").write_text(f">{name}\n{QUERY if name == 'one' else QUERY[:9]}\n")
    with pytest.raises(InputError, match="2 jobs: one, two"):
        run(tmp_path, "--recycles", 0)
    assert run(tmp_path, "--recycles", 0, "--job", "two")["aatype"].shape == (1, 9)
    with pytest.raises(InputError, match='no job "three"'):
        run(tmp_path, "--job", "three")


def test_sequences_are_for_alphafold2_and_complexes_for_its_multimer(run):
    monomer = run(QUERY, "--seed", 5)
    assert monomer["msa_feat"].shape == (4, 1, len(QUERY), 49)
    assert run(f"{QUERY}:{QUERY[:9]}")["asym_id"].tolist() == [1] * len(QUERY) + [2] * 9
    af3 = run(QUERY[:6], "--model", "af3", "--msa", "none", "--ccd", stored("ccd_subset.json.gz"))
    assert af3["msa"].shape == (2, 6)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((QUERY, "--bucket", "64"), "--bucket"),
        ((QUERY, "--model", "af3", "--recycles", "2"), "--recycles"),
        ((QUERY, "--model", "af9"), "--model"),
        ((QUERY, "--model", "af3", "--bucket", "0"), "--bucket"),
        ((QUERY, "--template-filter", "max_identity=90"), "--template-filter"),
    ],
)
def test_what_cannot_be_chosen_is_refused_by_name(run, words, named):
    with pytest.raises(InputError) as refused:
        run(*words)
    assert refused.value.field == named


def test_the_file_must_be_an_archive(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.npz"):
        CliRunner().invoke(app, [QUERY, "--out", str(tmp_path / "made.txt")], catch_exceptions=False)
