"""From a bare sequence to a prediction: what is searched, what was used, what is kept, and the page."""

import json

import pytest
from typer.testing import CliRunner

from colabfold_server import kitchen as kitchen
from foldwright.cli.main import app
from foldwright.io.a3m import read_a3m
from foldwright.io.mmcif import read_mmcif

TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=0"
)
ONE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVK"
OTHER = "GSHMLEDPVDAFLTQWKNIYGRSPEELARALGVSPATISRWENGRRKPSLENLLKLAELL"


@pytest.fixture
def predict(tmp_path, monkeypatch):
    """The command on a folder of databases that holds relatives of two chains, species named."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)
    folder = tmp_path / "databases"
    folder.mkdir()
    text = ""
    for number, chain in enumerate((ONE, OTHER)):
        for i, species in enumerate(("HUMAN", "MOUSE", f"ONLY{number}")):
            row = f"{chain[: 9 + i]}W{chain[10 + i :]}"
            text += f">sp|P{number}000{i}|NAME{number}_{species} relative\n{row}\n"
    (folder / "small.fasta").write_text(text)
    settings = [word for text in TINY.split() for word in ("--set", text)]

    def predict(*words):
        common = ["--weights", "rule", "--out", tmp_path / "out", "--databases", folder, *settings]
        return CliRunner().invoke(app, ["predict", *map(str, words), *map(str, common)])

    return predict


def read(path):
    return json.loads(path.read_text("utf-8"))


def test_a_bare_sequence_is_searched_predicted_and_shown(predict, tmp_path):
    result = predict(ONE)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "query"
    record = read(out / "run.json")
    (chain,) = record["chains"]
    assert (chain["msa"], chain["alignment_rows"]) == ("searched", 4)
    (search,) = chain["search"]["searches"]
    assert search["hits"] == 3
    assert search["program"]
    assert search["version"]
    assert search["databases"][0]["name"] == "small"
    assert record["predictions"]["model_1_ptm_seed0"]["msa_rows"] == 4
    assert record["warnings"] == []
    assert len(read_a3m(out / "msas" / "A.a3m", ONE)) == 4
    assert "<html" in (out / "report.html").read_text("utf-8")
    assert "seconds" not in json.dumps(record)
    assert read(out / "execution.json")["search"]["A"]["searches"][0]["seconds"] >= 0


@pytest.fixture
def served(kitchen, oracle_file):
    """A chain whose relatives and templates the server knows: 4i6p, and 9zzz, which it cannot send."""
    chain = read_mmcif(oracle_file("data/inputs/4i6p.cif")).chain("A").sequence
    query = "".join("A" if i % 7 == 0 else letter for i, letter in enumerate(chain[10:60]))
    rows = f">101\n{query}\n>UniRef100_A\t88\t0.5\n{query[:20]}W{query[21:]}\n"
    fields = "0.8\t50\t7\t0\t1\t50\t11\t60\t1e-9\t99\t50M"
    hits = f"101\t4i6p_A\t{fields}\n101\t9zzz_A\t{fields}\n"
    kitchen.states, kitchen.sequences = ["COMPLETE"], {"4i6p_A": chain}
    kitchen.structures = {"4i6p": oracle_file("data/inputs/4i6p.cif").read_bytes()}
    kitchen.files = {"msa": kitchen.archive(uniref__a3m=rows, pdb70__m8=hits)}
    return query


def test_a_server_gives_relatives_templates_and_their_structures(predict, served, kitchen, tmp_path):
    words = [served, "--preset", "colabfold", "--search-engine", "server", "--search-server", kitchen.url]
    result = predict(*words)
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "query"
    record = read(out / "run.json")
    (chain,) = record["chains"]
    assert chain["alignment_rows"] == 2
    assert [template["name"] for template in chain["templates"]["used"]] == ["4i6p_A"]
    assert [rejected["hits"] for rejected in chain["templates"]["rejected"]] == [["9zzz_A"]]
    assert "4i6p" in (out / "report.html").read_text("utf-8")
    asked = len(kitchen.asked)
    assert "skipped" in predict(*words).stdout
    stricter = predict(*words, "--template-filter", "max_identity=0.5", "--no-report")
    assert stricter.exit_code == 0, stricter.output
    assert read(out / "run.json")["chains"][0]["templates"]["used"] == []
    assert len(kitchen.asked) == asked, "what the server has answered is kept"


def test_rows_of_one_species_stand_side_by_side_in_a_complex(predict, tmp_path):
    result = predict(f"{ONE}:{OTHER}", "--no-report")
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "query"
    record = read(out / "run.json")
    assert record["pairing"] == {"strategy": "af2", "rows": 2, "rows_of_all_chains": 2}
    names = [read_a3m(out / "msas" / f"{name}.paired.a3m").descriptions[1:] for name in "AB"]
    species = [[text.split()[0].partition("/")[0].rpartition("_")[2] for text in chain] for chain in names]
    assert species[0] == species[1]
    assert set(species[0]) == {"HUMAN", "MOUSE"}
    alone = predict(f"{ONE}:{OTHER}", "--pairing", "none", "--no-report")
    assert "skipped" not in alone.stdout
    assert read(out / "run.json")["pairing"] == {"strategy": "none", "rows": 0}
    assert not (out / "msas" / "A.paired.a3m").exists()


def test_another_database_is_another_question_and_the_same_one_is_not(predict, tmp_path):
    predict(ONE, "--no-report")
    assert "skipped" in predict(ONE, "--no-report").stdout
    with (tmp_path / "databases" / "small.fasta").open("a") as file:
        file.write(f">sp|P99999|NEW_YEAST\n{ONE[:20]}W{ONE[21:]}\n")
    assert "skipped" not in predict(ONE, "--no-report").stdout
    assert read(tmp_path / "out" / "query" / "run.json")["chains"][0]["alignment_rows"] == 5


def test_a_search_that_is_not_possible_is_refused_before_anything_begins(predict, tmp_path, monkeypatch):
    monkeypatch.setattr("foldwright.pipeline.loaded.build", lambda *of: pytest.fail("a network was built"))
    for words, reason in (
        (["--preset", "af2_full"], "uniref90"),
        (["--preset", "everything"], "--preset"),
        (["--template-filter", "max_identity=90"], "--template-filter"),
        (["--msa", "none", "--alignments", tmp_path], "--msa none"),
        (["--relax", "twice"], "--relax"),
    ):
        result = predict(ONE, *words)
        assert result.exit_code == 2, result.output
        assert reason in result.stderr


def test_foldwright_jobs_shows_how_a_run_stands(predict, tmp_path):
    jobs = tmp_path / "jobs.fasta"
    jobs.write_text(f">good\n{ONE}\n>bad\nMKTAJI\n>other\n{OTHER}\n")
    assert predict(jobs, "--no-report").exit_code == 1
    result = CliRunner().invoke(app, ["jobs", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    found = {job["name"]: job for job in json.loads(result.stdout)}
    assert {name: job["state"] for name, job in found.items()} == {"good": "done", "other": "done", "bad": "failed"}
    assert "line 4" in found["bad"]["why"]
    assert found["good"]["residues"] == 60
    assert found["good"]["score"] > 0
    table = CliRunner().invoke(app, ["jobs", str(tmp_path / "out")]).stdout
    assert "2 done, 1 failed" in table
    assert CliRunner().invoke(app, ["jobs", str(tmp_path / "out"), "--state", "lost"]).exit_code == 2
