"""`foldwright jobs check` and `jobs convert`; how a run stands is tested with `predict`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foldwright.cli.main import app

TESTS = Path(__file__).parents[1]
SAMPLES = TESTS / "io" / "complexes" / "job_samples"
CCD = ("--ccd", str(TESTS / "oracles" / "af3" / "ccd_subset.json.gz"))


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, ["jobs", *map(str, words)])


@pytest.fixture
def server(tmp_path) -> Path:
    """Two jobs, the first with two faults."""
    content = json.loads((SAMPLES / "server.json").read_text("utf-8"))
    content[0]["sequences"][0]["proteinChain"]["sequence"] = "PREA?"
    content[0]["sequences"][4]["ion"]["ion"] = "QQQ1"
    path = tmp_path / "server.json"
    path.write_text(json.dumps(content, indent=1), "utf-8")
    return path


def test_check_shows_good_jobs_and_ends_with_0(run):
    result = run("check", SAMPLES / "alphafold3.json", SAMPLES / "plain.fasta", *CCD)
    assert result.exit_code == 0, result.output
    assert "every part: 2 protein, 1 dna, 4 ligand, 1 rna; seeds 1, 42" in result.stdout
    assert result.stdout.count("ok ") == 5


def test_check_shows_every_fault_with_its_place_and_ends_with_2(run, server):
    result = run("check", SAMPLES / "alphafold3.json", server, server.with_name("gone.json"), *CCD)
    assert result.exit_code == 2
    assert "refused first: 2 faults" in result.stderr
    assert "line 8, column 23, field [0].sequences[0].proteinChain.sequence" in result.stderr
    assert 'no component "QQQ1"' in result.stderr
    assert "no such file" in result.stderr
    assert "ok      second" in result.stdout


def test_check_prints_json_for_programs(run, server):
    result = run("check", server, "--json", *CCD)
    assert result.exit_code == 2
    second, first = json.loads(result.stdout)
    assert (second["name"], second["faults"]) == ("second", [])
    assert first["faults"][0]["line"] == 8
    assert first["faults"][0]["column"] == 23
    assert first["file"] == str(server)


def test_convert_writes_alphafold3s_json_which_check_takes(run, tmp_path):
    out = tmp_path / "boltz.json"
    assert run("convert", SAMPLES / "boltz_chains.fasta", "--out", out, *CCD).exit_code == 0
    written = json.loads(out.read_text("utf-8"))
    assert (written["dialect"], written["version"], written["name"]) == ("alphafold3", 4, "boltz_chains")
    assert written["sequences"][0]["protein"]["unpairedMsa"].startswith(">query")
    assert run("check", out, *CCD).exit_code == 0


def test_convert_writes_the_good_jobs_of_a_list_and_ends_with_2(run, server, tmp_path):
    result = run("convert", server, "--out", tmp_path / "all", *CCD)
    assert result.exit_code == 2
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["second.json"]
    assert "refused first" in result.stderr


def test_convert_refuses_one_file_for_several_jobs_and_the_job_file_itself(run, server, tmp_path):
    assert "several jobs" in run("convert", server, "--out", tmp_path / "x.json", *CCD).stderr
    path = tmp_path / "own.json"
    path.write_text((SAMPLES / "alphafold3.json").read_text("utf-8"), "utf-8")
    before = path.read_text("utf-8")
    result = run("convert", path, "--out", path, *CCD)
    assert (result.exit_code, path.read_text("utf-8")) == (2, before)


def test_restraints_may_be_named(run, tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("chainA,res_idxA,chainB,res_idxB,connection_type\nA,N10,B,K1,contact\n", "utf-8")
    result = run("check", SAMPLES / "chai.fasta", "--restraints", table, *CCD)
    assert result.exit_code == 2
    assert "own.csv, line 2" in result.stderr


def test_a_folder_of_results_needs_no_word_before_it(run, tmp_path):
    (tmp_path / "runs").mkdir()
    for words in ((tmp_path / "runs",), ("show", tmp_path / "runs"), ("--json", tmp_path / "runs")):
        assert run(*words).exit_code == run(tmp_path / "runs").exit_code
    assert "check" in run("--help").stdout
