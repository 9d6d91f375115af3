"""The search of many chains: one answer each, in order, merged, remembered, and no failure that spreads."""

import json

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search import cache as caching
from foldwright.search import stage
from foldwright.search.found import Found
from foldwright.search.parameters import Hmmsearch, Jackhmmer
from foldwright.search.programs import PROGRAMS, choose_program
from foldwright.search.programs.in_process import JackhmmerInProcess
from foldwright.search.recipes import RECIPES, Step
from foldwright.search.stage import ChainSearch, search_chains, search_templates_of


class Counting(JackhmmerInProcess):
    """jackhmmer that notes which sequences it was run for."""

    runs: list = []  # noqa: RUF012

    def run(self, queries, databases, *rest):
        self.runs.append([query.sequence for query in queries])
        return super().run(queries, databases, *rest)


@pytest.fixture
def runs(monkeypatch):
    monkeypatch.setattr(Counting, "runs", [])
    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Counting})
    return Counting.runs


def searches(found):
    return found.record["searches"]


def test_rows_of_both_databases_are_merged_without_repeats(options, family, other_family):
    first, second = search_chains([family[0], other_family[0]], options())
    assert first.alignment.query == family[0]
    assert second.alignment.query == other_family[0]
    assert len(first.alignment) == 1 + len(family[1]) < 1 + 8 + 6  # two relatives stand in both databases
    for row in first.alignment.sequences:
        assert any(row.replace("-", "") in relative for relative in (family[0], *family[1]))
    assert [search["hits"] for search in searches(first)] == [8, 6]
    assert [search["step"] for search in searches(first)] == ["first", "second"]
    assert [search["hits"] for search in searches(second)] == [0, len(other_family[1])]
    assert first.candidates.sequences[0] == first.alignment.query
    assert set(first.candidates.sequences) == set(first.alignment.sequences)
    assert len(set(first.candidates.descriptions)) == len(first.candidates) > len(first.alignment)  # species differ
    names = [description.split()[0] for description in first.alignment.descriptions]
    assert names[:2] == ["query", next(name for name in names if name.startswith("tr|X"))]
    assert names[-1].startswith("sp|Y")
    assert "_MOUSE/" in names[-1]


def test_answers_stand_in_the_order_of_the_sequences_and_equal_ones_are_searched_once(options, runs, family):
    other = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
    found = search_chains([other, family[0], other], options())
    assert [chain.alignment.query for chain in found] == [other, family[0], other]
    assert runs == [[other, family[0]]] * 2  # one pass for each database


def test_nothing_is_searched_twice(options, runs, family, other_family):
    first = search_chains([family[0]], options())[0]
    again, new = search_chains([family[0], other_family[0]], options())
    assert runs[2:] == [[other_family[0]]] * 2
    assert [s["from_cache"] for s in searches(first)] == [False, False]
    assert [s["from_cache"] for s in searches(again)] == [True, True]
    assert again.alignment.sequences == first.alignment.sequences
    assert again.alignment.descriptions == first.alignment.descriptions
    np.testing.assert_array_equal(again.alignment.deletions, first.alignment.deletions)
    assert len(new.alignment) == 1 + len(other_family[1])


def test_another_database_limit_or_wish_is_another_search(options, runs, family, folder):
    search_chains([family[0]], options())
    limited = search_chains([family[0]], options(max_rows={"first": 3}))[0]
    assert len(runs) == 3
    assert [s["hits"] for s in searches(limited)] == [2, 6]
    search_chains([family[0]], options(refresh=True))
    assert len(runs) == 5
    with (folder / "first.fasta").open("a") as file:
        file.write(f">new\n{family[0]}\n")
    search_chains([family[0]], options())
    assert len(runs) == 6


def test_another_version_or_parameter_is_another_search(options, runs, family, monkeypatch):
    for version in ("1", "2", "2"):
        monkeypatch.setattr(Counting, "version", lambda self, version=version: version)
        (found,) = search_chains([family[0]], options())
        assert [s["version"] for s in searches(found)] == [version, version]
    assert len(runs) == 4
    key = stage.planned_steps(options())[0].key(stage.Query(family[0]))
    monkeypatch.setattr("foldwright.search.recipes.Jackhmmer", lambda: Jackhmmer(e_value=1e-3))
    assert stage.planned_steps(options())[0].key(stage.Query(family[0])) != key


def test_a_damaged_database_is_not_searched_again_for_each_chain(options, folder, monkeypatch):
    asked = []

    class Broken(JackhmmerInProcess):
        def run(self, queries, databases, *_):
            asked.append(len(queries))
            raise InputError("cut short.", file=databases[0].path)

    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Broken})
    found = search_chains(["MKV", "MKL", "MKI"], options())
    assert asked == [3]
    assert all("cut short" in str(error) for error in found)


def test_the_record_says_what_was_done(options, family):
    found = search_chains([family[0]], options())[0]
    record = json.loads(json.dumps(found.record))
    assert record["preset"] == "local"
    first = record["searches"][0]
    assert first["program"] == "pyhmmer jackhmmer"
    assert first["version"]
    assert first["parameters"]["F3"] == 5e-7
    assert first["databases"][0]["name"] == "first"
    assert len(first["databases"][0]["digest"]) == 64
    assert first["seconds"] > 0


class Poisoned(Counting):
    """Fails whenever a sequence of it begins with W."""

    def run(self, queries, databases, *rest):
        if any(query.sequence.startswith("W") for query in queries):
            self.runs.append("failed")
            raise InputError("poison")
        return super().run(queries, databases, *rest)


def test_a_search_that_fails_takes_no_other_with_it(options, runs, family, monkeypatch):
    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Poisoned})
    bad, good = search_chains(["W" + family[0], family[0]], options())
    assert isinstance(bad, InputError)
    assert bad.message == "poison"
    assert isinstance(good, ChainSearch)
    assert len(good.alignment) == 13
    assert runs.count("failed") == 2  # together, then alone; the second database is not tried


def test_an_interrupt_ends_the_search_and_keeps_what_was_found(options, runs, family, monkeypatch):
    class Stopped(Counting):
        batch = 1

        def run(self, queries, *rest):
            if len(self.runs) == 1:
                raise KeyboardInterrupt
            return super().run(queries, *rest)

    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Stopped})
    with pytest.raises(KeyboardInterrupt):
        search_chains([family[0], "MKTAYIAKQRQISFVK"], options())
    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Counting})
    search_chains([family[0], "MKTAYIAKQRQISFVK"], options())
    assert runs == [[family[0]], ["MKTAYIAKQRQISFVK"], [family[0], "MKTAYIAKQRQISFVK"]]


def test_no_search_gives_the_query_alone(options):
    (found,) = search_chains(["MKV"], options(preset="none", databases=None))
    assert found.alignment.sequences == ["MKV"]
    assert found.candidates is None
    assert found.template_hits == ()
    assert searches(found) == []


class Templates:
    """Answers with one hit, whose name is the number of rows it was asked with."""

    name, batch, retries = "templates", 4, False

    def version(self):
        return "1"

    def files(self, database):
        return [database.path]

    def run(self, queries, databases, parameters, max_rows, threads):
        for query in queries:
            name = f"1abc_A {len(query.profile)} {query.profile.query}"
            yield Found(template_hits=(TemplateHit(1, name, 2, None, "MK", "MR", [0, 1], [5, 6], None, 1e-5),))


@pytest.fixture
def with_templates(monkeypatch):
    """The preset af3 as two steps: rows, and templates with the first five of them."""
    steps = (
        Step(name="first", databases=("first",), parameters=Jackhmmer()),
        Step(
            name="pdb",
            databases=("second",),
            parameters=Hmmsearch(),
            gives=("templates",),
            profile="first",
            max_profile_rows=5,
        ),
    )
    monkeypatch.setitem(RECIPES, "af3", lambda: steps)
    monkeypatch.setitem(PROGRAMS, Hmmsearch, {"pyhmmer": Templates})
    monkeypatch.setattr("foldwright.search.plan._locate", lambda name, o: o.folder / f"{name}.fasta")


def test_templates_are_searched_with_the_first_rows_of_another_step(options, family, with_templates):
    for _ in range(2):  # the second time from the cache
        (found,) = search_chains([family[0]], options(preset="af3"))
        assert [hit.name for hit in found.template_hits] == [f"1abc_A 5 {family[0]}"]
        assert len(found.alignment) == 9
        assert found.candidates is None


def test_templates_are_searched_with_rows_that_are_known(options, family, with_templates, runs):
    known = search_chains([family[0]], options(preset="af3"))[0].alignment
    runs.clear()
    few, again, alone = search_templates_of(
        [known.rows(range(3)), known.rows(range(3)), known.rows([0])], options(preset="af3")
    )
    assert [hit.name for hit in few.template_hits] == [f"1abc_A 3 {family[0]}"]
    assert again.template_hits == few.template_hits
    assert [hit.name for hit in alone.template_hits] == [f"1abc_A 1 {family[0]}"]
    assert runs == []  # no rows were searched


def test_templates_can_be_left_out(options, family, with_templates):
    (found,) = search_chains([family[0]], options(preset="af3", templates=False))
    assert found.template_hits == ()
    assert len(searches(found)) == 1


def test_what_is_missing_is_said_before_anything_is_searched(options, runs, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for changes, words in [
        ({"databases": empty}, "no FASTA file"),
        ({"preset": "af2_full", "databases": None}, "needs a folder of databases"),
        ({"max_rows": {"mgnify": 5}}, "no step"),
    ]:
        with pytest.raises(InputError, match=words):
            search_chains(["MKV"], options(**changes))
    assert runs == []


def test_an_engine_that_cannot_do_a_step_is_refused(options):
    step = next(step for step in RECIPES["af2_full"]() if step.name == "bfd_uniref30")
    with pytest.raises(InputError, match="hhblits") as caught:
        choose_program(step, "pyhmmer")
    assert caught.value.field == "--engine"
    assert choose_program(step, "auto").name == "hhblits"


def test_a_program_that_answers_too_little_has_failed(options, monkeypatch, family):
    class Silent(JackhmmerInProcess):
        def run(self, *_):
            return iter(())

    monkeypatch.setitem(PROGRAMS, Jackhmmer, {"pyhmmer": Silent})
    (found,) = search_chains([family[0]], options())
    assert isinstance(found, InputError)
    assert "0 of 1" in str(found)


def test_progress_is_told(options, family):
    told = []
    search_chains([family[0]], options(), told.append)
    search_chains([family[0]], options(), told.append)
    assert told == [
        "first by pyhmmer jackhmmer: 1 chain",
        "second by pyhmmer jackhmmer: 1 chain",
        "first by pyhmmer jackhmmer: 1 chain, 1 from the cache",
        "second by pyhmmer jackhmmer: 1 chain, 1 from the cache",
    ]


def test_a_search_of_another_process_is_waited_for_and_taken(options, runs, family, monkeypatch):
    """The lock of the first database is held; what its holder found is what we answer."""
    given = options()
    planned = stage.planned_steps(given)[0]
    cache = stage.Cache(given.cache_folder)
    key = planned.key(stage.Query(family[0]))
    other = Alignment([family[0], family[1][0]], np.zeros((2, 80), np.int32), ["query", "theirs"])
    record = {"step": "first", "hits": 1}
    looks = []

    def look(path):  # the first look finds it taken; by the second it is done
        looks.append(path.name)
        if looks.count(f"{key}.lock") == 1:
            cache.put(key, Found(other), record)
            return None
        return locked(path)

    locked = caching._lock
    monkeypatch.setattr(caching, "_lock", look)
    (found,) = search_chains([family[0]], given)
    assert "theirs" in found.alignment.descriptions
    assert len(runs) == 1  # of the second database
