"""`foldwright search` from the command line to the files that `predict --alignments` reads."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from foldwright.cli.search import search
from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.job import ChainInput, Job
from foldwright.io.jobs import read_jobs
from foldwright.io.mmcif import read_mmcif
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.searching import search_jobs
from foldwright.search.colabfold import ServerAnswer, ServerHit
from foldwright.search.files import read_hits
from foldwright.search.parameters import Jackhmmer
from foldwright.search.programs import PROGRAMS
from foldwright.search.programs.in_process import JackhmmerInProcess
from foldwright.search.server_structures import Archive

app = typer.Typer()
app.command()(search)
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def made(seed, length=70):
    rng = random.Random(seed)
    query = "".join(rng.choice(LETTERS) for _ in range(length))
    return query, ["".join(rng.choice(LETTERS) if rng.random() < 0.25 else x for x in query) for _ in range(6)]


ONE, ITS_ROWS = made(1)
TWO, ITS_OTHER_ROWS = made(2)


def rows_of(sequence, letter):
    text = [sequence, letter * len(sequence)]
    return Alignment(text, np.zeros((2, len(sequence)), np.int32), ["query", letter])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in a folder with a database and two jobs: `alone`, and `pair` of three chains."""
    databases = tmp_path / "databases"
    databases.mkdir()
    rows = enumerate([*ITS_ROWS, *ITS_OTHER_ROWS])
    (databases / "small.fasta").write_text("".join(f">sp|P{i}|P{i}_HUMAN\n{row}\n" for i, row in rows))
    (tmp_path / "jobs.fasta").write_text(f">alone\n{ONE}\n>pair\n{TWO}:{ONE}:{TWO}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)

    def run(*arguments, databases=databases):
        words = [*arguments, "--out", "found", "--threads", "1", *(["--databases", databases] if databases else [])]
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def test_what_is_found_is_read_by_predict(run, tmp_path):
    assert run("jobs.fasta").exit_code == 0
    names = sorted(path.relative_to(tmp_path / "found").as_posix() for path in (tmp_path / "found").rglob("*.*"))
    assert names == [
        "alone/A.a3m",
        "alone/A.candidates.a3m",
        "alone/search.json",
        "pair/A.a3m",
        "pair/A.candidates.a3m",
        "pair/B.a3m",
        "pair/B.candidates.a3m",
        "pair/search.json",
    ]
    alone, pair = read_jobs("jobs.fasta", "found")
    assert [len(chain.alignment) for chain in (*alone.chains, *pair.chains)] == [7, 7, 7, 7]
    assert [chain.alignment.query for chain in pair.chains] == [TWO, ONE, TWO]
    assert [chain.candidates.query for chain in pair.chains] == [TWO, ONE, TWO]
    assert [len(chain.candidates) for chain in pair.chains] == [7, 7, 7]


def test_the_record_lies_beside_the_files(run, tmp_path):
    run("jobs.fasta", "--max-rows", "small=3")
    record = json.loads((tmp_path / "found" / "pair" / "search.json").read_text())
    assert record["job"] == "pair"
    assert set(record["chains"]) == {"A", "B"}
    assert record["chains"]["B"]["rows"] == 3
    assert record["chains"]["B"]["searches"][0]["max_rows"] == 3
    assert record["failed"] == {}


def test_a_sequence_is_an_input_and_the_second_search_is_remembered(run, tmp_path):
    first, second = run(ONE), run(ONE)
    assert "1 from the cache" not in first.output
    assert "1 from the cache" in second.output
    assert (tmp_path / "found" / "query" / "A.a3m").is_file()
    assert run(ONE, "--quiet").output == ""


def test_one_failed_chain_fails_its_jobs_alone(run, tmp_path, monkeypatch):
    class Poisoned(JackhmmerInProcess):
        def run(self, queries, *rest):
            if TWO in [query.sequence for query in queries]:
                raise InputError("poison")
            return super().run(queries, *rest)

    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Poisoned})
    result = run("jobs.fasta")
    assert result.exit_code == 1
    assert "pair, chain A: poison" in result.output
    assert (tmp_path / "found" / "alone" / "A.a3m").is_file()
    record = json.loads((tmp_path / "found" / "pair" / "search.json").read_text())
    assert record["failed"] == {"A": "poison"}
    assert (tmp_path / "found" / "pair" / "B.a3m").is_file()


def test_a_bad_record_is_told_and_the_good_ones_are_searched(run, tmp_path):
    (tmp_path / "jobs.fasta").write_text(f">bad\nMK1V\n>good\n{ONE}\n")
    result = run("jobs.fasta")
    assert result.exit_code == 1
    assert "bad" in result.output
    assert (tmp_path / "found" / "good" / "A.a3m").is_file()
    (tmp_path / "jobs.fasta").write_text(">bad\nMK1V\n")
    assert run("jobs.fasta").exit_code == 2


def test_without_databases_the_small_set_is_searched_and_said_to_be_one(run):
    result = run(UBIQUITIN, databases=None)
    assert result.exit_code == 0
    assert "try things out" in result.output
    assert "76 residues" in result.output


def test_a_complex_gets_the_pairs_of_the_server(run, tmp_path, monkeypatch):
    def search(sequences, options):
        return [ServerAnswer(rows_of(s, "A"), None, ()) for s in sequences]

    def pair(sequences, options):
        return [rows_of(s, "C") for s in sequences]

    monkeypatch.setattr("foldwright.search.programs.server.search_on_server", search)
    monkeypatch.setattr("foldwright.search.pairs.pair_on_server", pair)
    assert run("jobs.fasta", "--preset", "colabfold", "--engine", "server", databases=None).exit_code == 0
    alone, complex_ = read_jobs("jobs.fasta", "found")
    assert alone.chains[0].paired is None
    assert [chain.paired.sequences[1][:3] for chain in complex_.chains] == ["CCC", "CCC", "CCC"]
    assert [chain.alignment.sequences[1][:3] for chain in complex_.chains] == ["AAA", "AAA", "AAA"]
    assert json.loads((tmp_path / "found" / "pair" / "search.json").read_text())["pairs"] == 2


def test_rna_is_searched_in_the_databases_of_rna(run, tmp_path):
    rng = random.Random(5)
    query = "".join(rng.choice("ACGU") for _ in range(90))
    for name in ("rfam", "rnacentral", "nt_rna"):
        (tmp_path / "databases" / f"{name}.fasta").write_text(f">{name}_1 made\n{query[10:]}GGGG\n>x\n{'ACGU' * 30}\n")
    (tmp_path / "rna.fasta").write_text(f">hammerhead\n{query}\n>protein\nMKV\n")
    result = run("rna.fasta", "--preset", "af3_rna")
    assert result.exit_code == 1
    assert "line 3" in result.output
    assert "no RNA" in result.output
    text = (tmp_path / "found" / "hammerhead" / "A.a3m").read_text()
    assert text.startswith(f">query\n{query}\n>rfam_1/1-80 [subseq from] made\n")
    assert text.count(">") == 2  # the others are the same row


@pytest.mark.shared
def test_every_step_of_af3_is_run_on_its_subsampled_databases(run, tmp_path):
    """../shared/data/af3_inputs/alphafold3_minidb: the files as AlphaFold 3 names them."""
    minidb = Path(__file__).parents[3] / "shared" / "data" / "af3_inputs" / "alphafold3_minidb"
    if not minidb.exists():
        pytest.skip("../shared is not here")
    assert run(UBIQUITIN, "--preset", "af3", databases=minidb).exit_code == 0
    chain = json.loads((tmp_path / "found" / "query" / "search.json").read_text())["chains"]["A"]
    assert [search["step"] for search in chain["searches"]] == [
        "uniref90", "small_bfd", "mgnify", "uniprot", "pdb_seqres"
    ]  # fmt: skip
    assert chain["searches"][0]["hits"] > 5
    assert chain["rows"] > 2


@pytest.mark.parametrize("words", [("--max-rows", "mgnify"), ("--preset", "af4"), ("--engine", "server")])
def test_wrong_options_are_refused(run, words):
    result = run(ONE, *words)
    assert isinstance(result.exception, InputError)
    assert result.exception.field == words[0]


@pytest.fixture
def hits(monkeypatch, oracle_file):
    """A query, and a server that names two structures for it, of which it has one."""
    text = oracle_file("data/inputs/4i6p.cif").read_bytes()
    letters = read_mmcif(oracle_file("data/inputs/4i6p.cif")).chain("A").sequence[10:50]
    query = "".join("A" if i % 4 == 0 else letter for i, letter in enumerate(letters))
    rows = [ServerHit(name, 0.8, (1, 40), (1, 40), 1e-9, "40M") for name in ("4i6p_A", "9xyz_A")]

    def fetch(desk, path, read):
        return Archive({"4i6p": text}, {"4i6p_A": letters}, True)

    monkeypatch.setattr("foldwright.search.tickets.Desk.fetch", fetch)
    answers = [ServerAnswer(rows_of(query, "A"), None, tuple(rows))]
    monkeypatch.setattr("foldwright.search.programs.server.search_on_server", lambda *_: answers)
    return query


def test_structures_of_the_server_lie_beside_the_hits(run, hits, tmp_path):
    result = run(hits, "--preset", "colabfold", "--engine", "server", databases=None)
    assert result.exit_code == 0, result.output
    found = tmp_path / "found"
    assert [file.name for file in (found / "structures").iterdir()] == ["4i6p.cif.gz"]
    kept = read_hits(found / "query" / "A.hits.json")
    assert [hit.name for hit in kept] == ["4i6p_A", "9xyz_A"]
    assert kept[0].hit_sequence
    record = json.loads((found / "query" / "search.json").read_text())["chains"]["A"]["templates"]
    assert record == {"without_structure": {"9xyz": "the server has no structure of it"}}
    evidence = evidence_of(alignments=found)
    chain = ChainInput(hits, alignment=rows_of(hits, "A"), template_hits=kept)
    (searched,) = search_jobs([Job("query", (chain,))], evidence)
    assert [item.name for item in searched.job.chains[0].templates] == ["4i6p_A"]


def test_bounds_leave_hits_out_and_say_so(run, hits, tmp_path):
    def kept(*words):
        result = run(hits, "--preset", "colabfold", "--engine", "server", *words, databases=None)
        assert result.exit_code == 0, result.output
        chain = json.loads((tmp_path / "found" / "query" / "search.json").read_text())["chains"]["A"]
        file = tmp_path / "found" / "query" / "A.hits.json"
        names = [hit.name for hit in read_hits(file)] if file.is_file() else []
        return names, chain["templates"].get("rejected")

    assert kept("--template-filter", "max_templates=1") == (
        ["4i6p_A"],
        [{"reason": "1 better ones were found", "hits": ["9xyz_A"]}],
    )
    assert kept("--template-filter", "max_identity=0.5") == (
        ["9xyz_A"],  # of which only the name is known
        [{"reason": "more than 50% of the aligned residues are equal", "hits": ["4i6p_A"]}],
    )


@pytest.mark.parametrize(
    "text",
    ["max_identity", "max_identity=2", "max_identity=nan", "min_length=0", "min_length=1.5", "best=1", "max_date=3"],
)
def test_a_bound_that_is_none_is_refused(run, text):
    result = run(ONE, "--template-filter", text)
    assert isinstance(result.exception, InputError)
    assert result.exception.field == "--template-filter"
    assert text in result.exception.message
