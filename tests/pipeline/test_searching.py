"""What a job is predicted from: given, searched or none, each part by itself, and recorded as it was."""

from dataclasses import replace

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.io.job import ChainInput, Job, TemplateInput
from foldwright.io.mmcif import read_mmcif
from foldwright.pipeline import searching
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.searching import search_jobs
from foldwright.search.server_structures import Archive, Shelf
from foldwright.search.stage import ChainSearch

A, B = "MKTAYIAKQRQISFVKSHFS", "GSHMLEDPVDAWLKQ"


def rows(query, *others):
    """An alignment; each other row is a description, its letters those of the query but one."""
    letters = [query, *(f"{query[:i]}W{query[i + 1 :]}" for i in range(len(others)))]
    return Alignment(letters, np.zeros((len(letters), len(query)), np.int32), ["query", *others])


def job(*sequences, **more):
    return Job("job", tuple(ChainInput(sequence, **more) for sequence in sequences))


@pytest.fixture
def searched(monkeypatch):
    """Searches that find two rows and two candidates for every sequence; the list of what was asked."""
    asked = []

    def search_chains(sequences, options, report=None):
        asked.append((list(sequences), options.preset))
        return [
            ChainSearch(
                alignment=rows(sequence, "UniRef90_1", "UniRef90_2"),
                candidates=rows(sequence, "sp|P00001|X_HUMAN", "sp|P00002|X_MOUSE"),
                record={"preset": options.preset, "searches": [{"hits": 2, "seconds": 1.5, "from_cache": False}]},
            )
            for sequence in sequences
        ]

    monkeypatch.setattr(searching, "search_chains", search_chains)
    return asked


def complete(given, **choices):
    (found,) = search_jobs([given], evidence_of(**choices))
    if isinstance(found, Exception):
        raise found
    return found


def test_chains_of_all_jobs_are_searched_together_and_each_sequence_once(searched):
    found = search_jobs([job(A), job(A, B), job(B)], evidence_of())
    assert searched == [([A, B], "local")]
    assert [len(item.chains) for item in found] == [1, 2, 1]
    assert all(chain["msa"] == "searched" and chain["alignment_rows"] == 3 for item in found for chain in item.chains)


def test_what_is_given_is_not_searched(searched):
    found = complete(job(A, alignment=rows(A, "mine")))
    assert searched == []
    assert found.chains[0]["msa"] == "given"
    assert found.job.chains[0].alignment.descriptions == ["query", "mine"]
    assert found.warnings == ()


def test_without_an_alignment_nothing_is_searched_and_what_was_given_is_left_out(searched):
    found = complete(job(A, alignment=rows(A, "mine")), msa="none")
    assert searched == []
    assert found.chains[0]["msa"] == "none"
    assert found.job.chains[0].alignment is None
    assert "sequence alone" in found.warnings[0]
    assert complete(job(A), preset="none").chains[0]["msa"] == "none"
    assert searched == []


def test_the_record_says_what_was_found_and_the_time_stands_apart(searched):
    found = complete(job(A))
    assert found.chains[0]["search"] == {"preset": "local", "searches": [{"hits": 2}]}
    assert found.how["A"]["searches"][0]["seconds"] == 1.5


def test_the_demonstration_database_is_named_in_a_warning(searched, monkeypatch, tmp_path):
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)
    assert "comes with the program" in complete(job(A)).warnings[0]
    (tmp_path / "own.fasta").write_text(">x\nMKTAYI\n")
    assert complete(job(A), databases=tmp_path).warnings == ()


def test_one_failed_search_is_one_failed_job(monkeypatch):
    def search_chains(sequences, options, report=None):
        return [InputError("too long") if s == B else ChainSearch(rows(s, "x")) for s in sequences]

    monkeypatch.setattr(searching, "search_chains", search_chains)
    good, bad, both = search_jobs([job(A), job(B), job(A, B)], evidence_of())
    assert good.chains[0]["alignment_rows"] == 2
    assert isinstance(bad, InputError)
    assert isinstance(both, InputError)


def test_a_search_that_breaks_as_a_whole_fails_only_the_jobs_that_need_it(monkeypatch):
    def search_chains(sequences, options, report=None):
        raise OSError("the database is gone")

    monkeypatch.setattr(searching, "search_chains", search_chains)
    needs, has = search_jobs([job(A), job(B, alignment=rows(B, "mine"))], evidence_of())
    assert isinstance(needs, OSError)
    assert has.chains[0]["msa"] == "given"


# Pairing


def test_rows_of_one_species_are_paired_and_counted(searched):
    found = complete(job(A, B))
    assert found.pairing == {"strategy": "af2", "rows": 2, "rows_of_all_chains": 2}
    assert [p.descriptions for p in found.pairs] == [["query", "sp|P00001|X_HUMAN", "sp|P00002|X_MOUSE"]] * 2
    assert all(chain.paired is None for chain in found.job.chains)  # the features do this pairing themselves
    assert all(len(chain.candidates) == 3 for chain in found.job.chains)


def test_no_pairing_leaves_nothing_to_pair(searched):
    found = complete(job(A, B), pairing="none")
    assert found.pairing == {"strategy": "none", "rows": 0}
    assert all(len(chain.candidates) == 1 and chain.paired is None for chain in found.job.chains)


def test_a_named_strategy_writes_its_pairs_into_the_job(searched, monkeypatch):
    monkeypatch.setattr(
        "foldwright.pipeline.pairing.paired_rows", lambda candidates, name: [c.rows([0, 2]) for c in candidates]
    )
    found = complete(job(A, B), pairing="complete")
    assert found.pairing["strategy"] == "complete"
    assert [chain.paired.descriptions for chain in found.job.chains] == [["query", "sp|P00002|X_MOUSE"]] * 2


def test_the_server_pairs_what_it_searched_and_nothing_else(searched, monkeypatch):
    asked = []

    def search_pairs(sequences, options, pairing):
        asked.append((tuple(sequences), pairing))
        return [rows(sequence, "pair") for sequence in sequences]

    monkeypatch.setattr("foldwright.pipeline.pairing.search_pairs", search_pairs)
    choices = {"preset": "colabfold", "search_engine": "server"}
    found = complete(job(A, B), **choices)
    assert asked == [((A, B), "greedy")]
    assert found.pairing == {"strategy": "greedy", "by": "server", "rows": 1, "rows_of_all_chains": 1}
    assert [chain.paired.descriptions for chain in found.job.chains] == [["query", "pair"]] * 2
    own = Job("job", tuple(ChainInput(s, alignment=rows(s, "own")) for s in (A, B)))
    assert "by" not in complete(own, use_templates="none", **choices).pairing
    assert len(asked) == 1


def test_given_pairs_stay_as_they_are(searched):
    given = Job("job", tuple(ChainInput(s, alignment=rows(s, "own"), paired=rows(s, "pair")) for s in (A, B)))
    found = complete(given)
    assert found.pairing == {"strategy": "given", "rows": 1, "rows_of_all_chains": 1}
    assert [chain.paired.descriptions for chain in found.job.chains] == [["query", "pair"]] * 2


def test_copies_of_one_chain_are_not_paired(searched):
    assert complete(job(A, A)).pairing is None


# Templates


def hit(name):
    n = len(A)
    return TemplateHit(1, name, n, 10.0, A, A, list(range(n)), list(range(n)), 99.0, 1e-9)


def test_hits_that_cannot_be_used_are_recorded_with_the_reason(searched, tmp_path):
    with_hits = job(A, alignment=rows(A, "mine"), template_hits=(hit("1abc_A"),))
    without_folder = complete(with_hits).chains[0]["templates"]
    assert without_folder["used"] == []
    assert without_folder["rejected"][0]["hits"] == ["1abc_A"]
    record = complete(with_hits, template_structures=tmp_path).chains[0]["templates"]
    assert record["source"] == "searched"
    assert record["rejected"][0]["hits"] == ["1abc_A"]
    assert record["rejected"][0]["reason"]


def test_given_templates_come_before_hits_and_none_means_none(searched, tmp_path):
    chain = ChainInput(A, template_hits=(hit("1abc_A"),), templates=(TemplateInput(tmp_path / "x.cif", name="x"),))
    given = Job("job", (chain,))
    record = complete(given, template_structures=tmp_path).chains[0]["templates"]
    assert record["source"] == "given"
    assert [item["name"] for item in record["used"]] == ["x"]
    none = complete(given, use_templates="none")
    assert none.chains[0]["templates"]["source"] == "none"
    assert none.job.chains[0].templates == ()


def test_templates_are_searched_although_the_alignment_is_given(monkeypatch, tmp_path):
    monkeypatch.setattr(searching, "search_chains", lambda s, *_: [ChainSearch(rows(A, "x"), None, (hit("9xyz_A"),))])
    evidence = evidence_of(preset="af3", databases=tmp_path, template_structures=tmp_path)
    (found,) = search_jobs([job(A, alignment=rows(A, "mine"))], evidence)
    assert found.chains[0]["msa"] == "given"
    assert found.job.chains[0].alignment.descriptions == ["query", "mine"]
    assert found.chains[0]["templates"]["rejected"][0]["hits"] == ["9xyz_A"]


@pytest.fixture
def on_the_shelf(monkeypatch, tmp_path, oracle_file):
    """What a server has sent before: 4i6p; of which it names a relative, and another entry that it cannot send."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setattr("foldwright.search.tickets.Desk.fetch", refuse)
    file = oracle_file("data/inputs/4i6p.cif")
    chain = read_mmcif(file).chain("A").sequence
    evidence = evidence_of(preset="colabfold", search_engine="server")
    Shelf.of(evidence.search).put(Archive({"4i6p": file.read_bytes()}, {"4i6p_A": chain}, True), ["4i6p_A"])
    query = "".join("A" if i % 7 == 0 else letter for i, letter in enumerate(chain[10:50]))
    known = TemplateHit(1, "4i6p_A", 40, None, query, "", list(range(40)), list(range(10, 50)), None, 1e-9)
    hits = (known, replace(known, index=2, name="9xyz_A"))
    monkeypatch.setattr(searching, "search_chains", lambda s, *_: [ChainSearch(rows(query, "x"), None, hits)])
    return query


def refuse(desk, path, read):
    raise InputError("the server is closed.")


def test_structures_of_the_server_become_templates_and_the_rest_is_told(on_the_shelf):
    found = complete(job(on_the_shelf), preset="colabfold", search_engine="server")
    (used,) = found.job.chains[0].templates
    assert used.mapping == tuple((i, i + 10) for i in range(40))
    record = found.chains[0]["templates"]
    assert (record["source"], record["used"][0]["name"]) == ("searched", "4i6p_A")
    reason = "the server could not be asked for it: the server is closed"
    assert record["rejected"] == [{"reason": reason, "hits": ["9xyz_A"]}]


def test_without_templates_the_server_is_not_asked_for_structures(on_the_shelf):
    found = complete(job(on_the_shelf), preset="colabfold", search_engine="server", use_templates="none")
    assert found.job.chains[0].templates == ()


def test_chosen_bounds_decide_and_are_recorded(on_the_shelf):
    chosen = {"preset": "colabfold", "search_engine": "server", "template_filters": {"max_identity": 0.5}}
    record = complete(job(on_the_shelf), **chosen).chains[0]["templates"]
    assert record["used"] == []
    assert "50% of the aligned residues are equal" in record["rejected"][0]["reason"]
    assert (record["filters"]["max_identity"], record["filters"]["min_length"]) == (0.5, 10)


# Choices


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"msa": "given"}, "--msa"),
        ({"pairing": "best"}, "--pairing"),
        ({"use_templates": "yes"}, "--use-templates"),
        ({"preset": "all"}, "--preset"),
        ({"template_structures": "/nowhere"}, "--template-structures"),
        ({"max_template_date": "last year"}, "max_date"),
    ],
)
def test_a_choice_that_does_not_exist_names_its_option(choices, reason):
    with pytest.raises(InputError, match=reason):
        evidence_of(**choices)


def test_the_preset_decides_how_pairs_are_made_unless_it_is_said():
    assert evidence_of().strategy == "af2"
    assert evidence_of(preset="af3").strategy == "af3"
    assert evidence_of(preset="colabfold").strategy == "greedy"
    assert evidence_of(preset="af3", pairing="complete").strategy == "complete"
    assert replace(evidence_of(), search=None).strategy == "af2"


def test_a_server_of_ones_own_is_asked_and_only_where_servers_are_asked(searched, monkeypatch):
    asked = []

    def search_pairs(sequences, options, pairing):
        asked.append(options.server)
        return [rows(sequence, "pair") for sequence in sequences]

    monkeypatch.setattr("foldwright.pipeline.pairing.search_pairs", search_pairs)
    chosen = {"preset": "colabfold", "search_server": "http://msa.example"}
    complete(job(A, B), search_engine="server", **chosen)
    assert asked == ["http://msa.example"]
    with pytest.raises(InputError, match="would not be asked"):
        evidence_of(**chosen)
