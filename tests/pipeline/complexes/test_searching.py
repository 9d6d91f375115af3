"""What a complex is predicted from: given, searched or none, each part by itself, and recorded as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.features.af3.msa import ChainRows, msa_features
from foldwright.io.alignment import Alignment
from foldwright.io.complexes.job import DNA, RNA, ComplexJob, Ligand, Protein, TemplateMapping
from foldwright.io.hhr import TemplateHit
from foldwright.io.mmcif import parse_mmcif, read_mmcif
from foldwright.pipeline.complexes import searching as af3_searching
from foldwright.pipeline.complexes.searching import check_complex_search, search_complex, search_complexes
from foldwright.pipeline.evidence import evidence_of
from foldwright.search.server_structures import Archive, Shelf
from foldwright.search.stage import ChainSearch

A, B, R = "MKTAYIAKQRQISFVKSHFS", "GSHMLEDPVDAFLKQ", "GGCAUUAGC"
STRUCTURE = Path(__file__).parents[2] / "oracles" / "af2" / "data" / "inputs" / "4i6p.cif"


def rows(query, *others):
    """An alignment; each other row is a description, its letters those of the query but one."""
    letters = [query, *(f"{query[:i]}W{query[i + 1 :]}" for i in range(len(others)))]
    return Alignment(letters, np.zeros((len(letters), len(query)), np.int32), ["query", *others])


def job(*entities):
    return ComplexJob("job", entities, (1,))


class Searches:
    """Stands for the search room: what was asked, and answers of two rows, two candidates and one hit each."""

    def __init__(self):
        self.asked, self.hits = [], ()

    def chains(self, sequences, options, report=None):
        self.asked.append((options.preset, list(sequences)))
        return [
            ChainSearch(
                alignment=rows(sequence, "UniRef90_1", "UniRef90_2"),
                candidates=None if options.preset == "af3_rna" else rows(sequence, *self.entries(sequence)),
                template_hits=self.hits,
                record={"preset": options.preset, "searches": [{"hits": 2, "seconds": 1.5, "from_cache": False}]},
            )
            for sequence in sequences
        ]

    def templates(self, alignments, options, report=None):
        self.asked.append(("templates", [own.sequences for own in alignments]))
        return [ChainSearch(own, None, self.hits, {"preset": options.preset}) for own in alignments]

    @staticmethod
    def entries(sequence):
        return f"sp|P{len(sequence):05}|X_HUMAN", f"sp|Q{len(sequence):05}|X_MOUSE"


@pytest.fixture
def searched(monkeypatch, tmp_path):
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)
    searches = Searches()
    monkeypatch.setattr(af3_searching, "search_chains", searches.chains)
    monkeypatch.setattr(af3_searching, "search_templates_of", searches.templates)
    searches.folder = tmp_path
    return searches


def complete(*entities, **choices):
    return search_complex(job(*entities), evidence_of(**choices))


def test_equal_chains_of_all_jobs_are_searched_once_and_rna_in_its_own_databases(searched):
    jobs = [
        job(Protein(("A", "B"), A), RNA(("R",), R)),
        job(Protein(("X",), B), Protein(("Y",), A)),
        job(RNA(("C",), R)),
    ]
    found = search_complexes(jobs, evidence_of(preset="af3", databases=searched.folder))
    assert searched.asked == [("af3", [A, B]), ("af3_rna", [R])]
    for item in found:
        for _, entity in item.job.chains:
            assert entity.unpaired_msa.count(">") == 3
    assert [chain["chain"] for chain in found[0].chains] == ["A, B", "R"]
    assert all(chain["msa"] == "searched" and chain["alignment_rows"] == 3 for item in found for chain in item.chains)
    assert found[0].how == {"A": found[0].how["A"], "R": found[0].how["R"]}
    assert "seconds" not in str(found[0].chains)


def test_what_is_given_is_not_searched_even_where_it_is_nothing(searched):
    given = Protein(("A",), A, unpaired_msa=f">q\n{A}\n>mine\n{A}\n", paired_msa="", templates=())
    alone = Protein(("B",), B, unpaired_msa="", paired_msa="", templates=())
    dna, ligand = DNA(("D",), "ACGT"), Ligand(("L",), ("ATP",))
    found = complete(given, alone, dna, ligand)
    assert searched.asked == []
    assert found.job.entities == (given, alone, dna, ligand)
    assert [chain["msa"] for chain in found.chains] == ["given", "none"]
    assert "no relatives of chain B" in found.warnings[0]


def test_none_leaves_out_what_was_given_as_well(searched):
    template = TemplateMapping("data_x", (0,), (0,))
    given = Protein(("A",), A, unpaired_msa=f">q\n{A}\n>mine\n{A}\n", paired_msa=f">q\n{A}\n", templates=(template,))
    (entity,) = complete(given, msa="none", use_templates="none").job.entities
    assert (entity.unpaired_msa, entity.paired_msa, entity.templates) == ("", "", ())
    (entity,) = complete(given, msa="none").job.entities
    assert entity.templates == (template,)
    (entity,) = complete(given, use_templates="none").job.entities
    assert entity.unpaired_msa == given.unpaired_msa
    assert complete(Protein(("A",), A), preset="none").chains[0]["msa"] == "none"
    assert searched.asked == []


def test_rna_has_no_alignment_where_the_preset_has_no_such_databases(searched):
    found = complete(RNA(("R",), R))
    assert searched.asked == []
    assert found.job.entities[0].unpaired_msa == ""
    assert found.warnings


def features_of(found):
    """The paired rows that the network will read."""
    chains = [
        ChainRows("protein", e.sequence, i, e.unpaired_msa, e.paired_msa) for i, e in enumerate(found.job.entities)
    ]
    columns = np.array([(i, j) for i, chain in enumerate(chains) for j in range(len(chain.sequence))])
    return msa_features(chains, columns)["msa"]


@pytest.mark.parametrize("strategy", ["auto", "af3", "af2", "greedy"])
def test_proteins_are_paired_by_species_whatever_the_strategy(searched, strategy):
    found = complete(Protein(("A",), A), Protein(("B",), B), pairing=strategy)
    assert found.pairing["strategy"] == strategy.replace("auto", "af3")
    assert found.pairing["rows_of_each"] == [3, 3]
    msa = features_of(found)
    assert (msa[:3] != 21).all()  # the query and two species, both chains in each row
    assert (msa[1:3] == 17).sum() == 4


def test_pairs_of_another_strategy_survive_the_features(searched, monkeypatch):
    """The second row of A with the first of B, and one row that has no partner."""
    gaps = Alignment(["-" * len(B)], np.zeros((1, len(B)), np.int32), ["no_partner"])
    pairs = [rows(A, "x", "y"), Alignment.concatenate([rows(B, "z"), gaps]).rows([0, 1, 2])]
    monkeypatch.setattr(
        "foldwright.pipeline.complexes.pairing.paired_rows", lambda *_: [p.rows([0, 2, 1]) for p in pairs]
    )
    found = complete(Protein(("A",), A), Protein(("B",), B), pairing="greedy")
    assert found.pairing == {"strategy": "greedy", "rows": 2, "rows_of_each": [3, 2]}
    msa = features_of(found)
    assert msa[1, 0] == 17
    assert msa[1, len(A)] == 17
    assert found.job.entities[1].paired_msa.count(">") == 2


def test_pairs_that_are_given_stay_and_none_are_made_if_none_are_wanted(searched):
    given = Protein(("A",), A, unpaired_msa="", paired_msa=f">q\n{A}\n>mine\n{A}\n", templates=())
    found = complete(given, Protein(("B",), B))
    assert found.pairing["strategy"] == "given"
    assert found.job.entities[0].paired_msa == given.paired_msa
    found = complete(given, Protein(("B",), B), pairing="none")
    assert found.pairing == {"strategy": "none", "rows": 0}
    assert [entity.paired_msa for entity in found.job.entities] == ["", ""]
    assert complete(Protein(("A", "B"), A)).pairing is None


@pytest.fixture
def hits(searched):
    """A database folder with one structure, and hits on it: one of two copies of a chain, and one that is not there."""
    folder = searched.folder / "mmcif_files"
    folder.mkdir()
    (folder / "4i6p.cif").write_bytes(STRUCTURE.read_bytes())
    chain = read_mmcif(STRUCTURE).chain("B")
    letters = chain.sequence[5:45]
    whole = TemplateHit(
        1, "4i6p_B mol:protein", 40, None, letters, letters, list(range(40)), list(range(5, 45)), None, 1.0
    )
    searched.hits = (whole, replace(whole, index=2, name="9xyz_A mol:protein"))
    return "GGGG" + letters + "GGGG", chain


def test_hits_become_templates_of_one_chain_as_text(searched, hits):
    query, chain = hits
    searched.hits = tuple(replace(hit, indices_query=list(range(4, 44))) for hit in searched.hits)
    found = complete(Protein(("A",), query), preset="af3", databases=searched.folder)
    (template,) = found.job.entities[0].templates
    assert template.query_indices == tuple(range(4, 44))
    assert template.template_indices == tuple(range(5, 45))
    read = parse_mmcif(template.mmcif, "template")
    assert read.chain_ids == ("B",)
    assert read.sequence == chain.sequence
    np.testing.assert_array_equal(read.positions, chain.positions)
    assert 0 < read.mask.mean() < 1
    assert read.header == chain.header
    record = found.chains[0]["templates"]
    assert (record["source"], record["max_date"], record["used"][0]["name"]) == ("searched", "2021-09-30", "4i6p_B")
    assert record["rejected"] == [{"reason": "no structure file", "hits": ["9xyz_A"]}]


def test_templates_that_are_too_young_are_not_used(searched, hits):
    found = complete(Protein(("A",), hits[0]), preset="af3", databases=searched.folder, max_template_date="2001-01-01")
    assert found.job.entities[0].templates == ()
    assert "released after 2001-01-01" in str(found.chains[0]["templates"]["rejected"])


def test_structures_that_the_server_sent_become_templates(searched, hits, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(searched.folder / "cache"))
    monkeypatch.setattr("foldwright.search.tickets.Desk.fetch", lambda *_: Archive({}, {}, True))
    choices = {"preset": "colabfold", "search_engine": "server"}
    query, chain = hits
    shelf = Shelf.of(evidence_of(**choices).search)
    shelf.put(Archive({"4i6p": STRUCTURE.read_bytes()}, {"4i6p_B": chain.sequence}, True), ["4i6p_B"])
    places = {"indices_query": list(range(4, 44)), "hit_sequence": ""}
    searched.hits = tuple(replace(hit, **places) for hit in searched.hits)
    found = complete(Protein(("A",), query), **choices, template_filters={"max_subsequence": 1.0})
    (template,) = found.job.entities[0].templates
    assert template.template_indices == tuple(range(5, 45))
    record = found.chains[0]["templates"]
    assert record["rejected"] == [{"reason": "the server has no structure of it", "hits": ["9xyz_A"]}]
    assert (record["filters"]["max_subsequence"], record["filters"]["max_date"]) == (1.0, "2021-09-30")


def test_templates_are_searched_with_the_rows_that_are_given(searched, hits):
    given = Protein(("A",), A, unpaired_msa=f">q\n{A}\n>mine\n{A[:-1]}-\n", paired_msa="")
    found = complete(given, preset="af3", databases=searched.folder)
    assert searched.asked == [("templates", [[A, f"{A[:-1]}-"]])]
    assert found.chains[0]["msa"] == "given"
    assert found.job.entities[0].unpaired_msa == given.unpaired_msa


def test_a_failed_search_fails_its_own_job_alone(searched, monkeypatch):
    def failing(sequences, options, report=None):
        answers = Searches().chains(sequences, options)
        return [
            InputError("poison") if sequence == A else found for sequence, found in zip(sequences, answers, strict=True)
        ]

    monkeypatch.setattr(af3_searching, "search_chains", failing)
    bad, good = search_complexes([job(Protein(("A",), A)), job(Protein(("B",), B))], evidence_of())
    assert isinstance(bad, InputError)
    assert good.job.entities[0].unpaired_msa.count(">") == 3


def test_missing_databases_are_named_before_anything_is_searched(tmp_path):
    evidence = evidence_of(preset="af3", databases=tmp_path)
    with pytest.raises(InputError, match="rfam"):
        check_complex_search([job(RNA(("R",), R))], evidence)
    check_complex_search([job(DNA(("D",), "ACGT"))], evidence)
