"""Structures that a server names: asked for politely, kept, laid over the query as found; what is wrong is a reason."""

import gzip
import os

import pytest

from foldwright.errors import InputError
from foldwright.io.mmcif import read_mmcif
from foldwright.search import server_structures
from foldwright.search.colabfold import ServerHit
from foldwright.search.options import SearchOptions
from foldwright.search.server_structures import MOST, Shelf, locate, unpacked
from foldwright.search.stage import search_chains, search_templates_of
from foldwright.search.templates import TemplateFilters, select_templates
from foldwright.search.tickets import Manners

MANNERS = Manners(timeout=1.5, tries=2, first_pause=0.02, longest_pause=0.05, total=20.0)


@pytest.fixture
def chain(oracle_file):
    return read_mmcif(oracle_file("data/inputs/4i6p.cif")).chain("A").sequence


@pytest.fixture
def query(chain):
    """A relative of residues 11 to 60, with five residues of its own in the middle and two that it lacks."""
    letters = chain[10:60]
    letters = "".join("A" if i % 7 == 0 else letter for i, letter in enumerate(letters))
    return letters[:20] + "GSGSG" + letters[22:]


@pytest.fixture
def kitchen(kitchen, oracle_file, chain):
    """The server, with the structure 4i6p."""
    kitchen.states, kitchen.patience = ["COMPLETE"], 2.0
    kitchen.structures = {"4i6p": oracle_file("data/inputs/4i6p.cif").read_bytes()}
    kitchen.sequences = {"4i6p_A": chain}
    return kitchen


@pytest.fixture
def options(kitchen, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "tickets"))
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)

    def options(**changes):
        chosen = {"preset": "colabfold", "engine": "server", "server": kitchen.url, "cache": tmp_path / "cache"}
        return SearchOptions(**{**chosen, **changes})

    return options


HIT = ServerHit("4i6p_A", 0.8, (1, 53), (11, 60), 1e-9, "20M5I2D28M")


def hits_named(query, *names):
    return [HIT._replace(name=name).as_template(i, query) for i, name in enumerate(names, 1)]


def reasons_of(found, query, **filters):
    used, rejected = select_templates(found.hits, query, found.structures, TemplateFilters(**filters))
    return [item.name for item in used], {item.hit.name: item.reason for item in rejected}


def asked(kitchen):
    return [path.removeprefix("template/").split(",") for path in kitchen.asked if path.startswith("template/")]


def test_a_hit_lies_over_the_query_as_the_server_found_it(query, chain):
    hit = HIT.as_template(3, query)
    assert (hit.index, hit.name, hit.e_value, hit.sum_probs) == (3, "4i6p_A", 1e-9, None)
    assert hit.query == query[:25] + "--" + query[25:]
    assert hit.indices_query == [*range(25), -1, -1, *range(25, 53)]
    assert hit.indices_hit == [*range(10, 30), *[-1] * 5, *range(30, 60)]
    assert hit.aligned_cols == 48
    complete = server_structures.with_letters(hit, chain)
    assert complete.hit_sequence == chain[10:30] + "-----" + chain[30:60]
    assert server_structures.with_letters(hit, chain[:59]) == hit


@pytest.mark.parametrize(
    "changes", [{"cigar": ""}, {"cigar": "50M"}, {"cigar": "garbage"}, {"query_range": (5, 57)}, {"hit_range": (1, 60)}]
)
def test_of_a_hit_whose_columns_disagree_the_name_is_taken(query, changes):
    hit = HIT._replace(**changes).as_template(1, query)
    assert (hit.name, hit.query, hit.indices_query, hit.indices_hit) == ("4i6p_A", "", [], [])


def test_from_a_sequence_to_a_template(kitchen, options, query, tmp_path):
    """The whole way, over the network; the second time nothing is asked for."""
    row = "101\t4i6p_A\t0.8\t48\t7\t2\t1\t53\t11\t60\t1e-9\t99\t20M5I2D28M\n"
    kitchen.files["msa"] = kitchen.archive(uniref__a3m=f">101\n{query}\n", pdb70__m8=row)
    for _ in range(2):
        (found,) = search_chains([query], options())
        located = locate(found.template_hits, options(), manners=MANNERS)
        (used,), rejected = select_templates(located.hits, query, located.structures)
    assert (used.name, used.chain, rejected) == ("4i6p_A", "A", [])
    assert used.mapping == tuple(zip([*range(20), *range(25, 53)], [*range(10, 30), *range(32, 60)], strict=True))
    assert used.file.is_relative_to(tmp_path / "cache")
    assert asked(kitchen) == [["4i6p_A"]]
    assert len(kitchen.forms) == 1
    assert all(agent.startswith("foldwright/") for agent in kitchen.agents)
    assert found.record["searches"][0]["template_hits"] == 1


def test_without_templates_the_server_is_not_asked_for_any(kitchen, options, query):
    kitchen.files["msa"] = kitchen.archive(uniref__a3m=f">101\n{query}\n", pdb70__m8="101 1abc_A oh no\n")
    (found,) = search_chains([query], options(templates=False))
    assert found.template_hits == ()


def test_of_a_sequence_whose_rows_are_known_the_templates_alone_are_taken(kitchen, options, query):
    row = "101\t4i6p_A\t0.8\t48\t7\t2\t1\t53\t11\t60\t1e-9\t99\t20M5I2D28M\n"
    kitchen.files["msa"] = kitchen.archive(uniref__a3m=f">101\n{query}\n>other\n{query[:-1]}-\n", pdb70__m8=row)
    (whole,) = search_chains([query], options())
    (found,) = search_templates_of([whole.alignment.rows([0])], options())
    assert len(whole.alignment) == 2
    assert found.alignment.sequences == [query]
    assert found.template_hits == whole.template_hits
    assert len(kitchen.forms) == 1


def test_the_filters_are_those_of_all_templates(options, query, kitchen):
    found = locate(hits_named(query, "4i6p_A", "4i6p_A"), options(), manners=MANNERS)
    assert reasons_of(found, query)[1] == {"4i6p_A": "the same residues as 4i6p_A"}
    assert reasons_of(found, query, max_date="2001-01-01")[1] == {"4i6p_A": "released after 2001-01-01"}
    assert "are equal" in reasons_of(found, query, max_identity=0.5)[1]["4i6p_A"]
    assert "covers at most 95%" in reasons_of(found, query, min_coverage=0.95)[1]["4i6p_A"]


def test_without_its_sequence_a_chain_is_aligned(kitchen, options, query, chain):
    kitchen.sequences = {}
    found = locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS)
    assert found.hits[0].hit_sequence == ""
    (used,), _ = select_templates(found.hits, query, found.structures)
    same = sum(query[column] == chain[place] for column, place in used.mapping)
    assert same > 35


def test_a_sequence_that_is_not_the_one_of_the_file_is_realigned(kitchen, options, query, chain):
    kitchen.sequences = {"4i6p_A": "GGGG" + chain}  # as one with a tag that was not deposited
    hit = HIT._replace(hit_range=(15, 64)).as_template(1, query)
    found = locate([hit], options(), manners=MANNERS)
    (used,), _ = select_templates(found.hits, query, found.structures)
    assert used.mapping == tuple(zip([*range(20), *range(25, 53)], [*range(10, 30), *range(32, 60)], strict=True))


@pytest.mark.parametrize("refuses", [True, False])
def test_a_structure_that_the_server_lacks_takes_no_other_with_it(kitchen, options, query, refuses):
    """It refuses the whole list if it has sent nothing yet, and breaks off if it has."""
    if refuses:

        def way(request):
            names = request.path.removeprefix("/template/").split(",")
            is_there = all(name.split("_")[0] in kitchen.structures for name in names)
            (kitchen.usual if is_there else kitchen.refuse(400))(request)

        kitchen.manners["template"] = [way]
    kitchen.structures["9xyz"] = kitchen.structures["4i6p"]
    found = locate(hits_named(query, "5gon_A", "9xyz_A", "4i6p_A", "6gon_B"), options(), manners=MANNERS)
    used, reasons = reasons_of(found, query, is_deduplicated=False)
    assert used == ["9xyz_A", "4i6p_A"]
    assert reasons.keys() == {"5gon_A", "6gon_B"}
    assert all("the server has no structure of it" in reason for reason in reasons.values())
    assert ("400" in reasons["5gon_A"]) is refuses
    assert len(asked(kitchen)) <= 7


@pytest.mark.parametrize("trouble", ["busy", "garbage", "hang_up", "stall"])
def test_a_passing_trouble_is_overcome(kitchen, options, query, trouble):
    way = kitchen.refuse(503) if trouble == "busy" else getattr(kitchen, trouble)
    kitchen.manners["template"] = [way, kitchen.usual]
    assert reasons_of(locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS), query)[0] == ["4i6p_A"]
    assert len(asked(kitchen)) == 2


@pytest.mark.parametrize("trouble", ["busy", "garbage", "hang_up", "stall"])
def test_a_lasting_trouble_is_the_reason_and_is_not_remembered(kitchen, options, query, trouble):
    kitchen.manners["template"] = [kitchen.refuse(500) if trouble == "busy" else getattr(kitchen, trouble)]
    hits = hits_named(query, "4i6p_A", "9xyz_A")
    reasons = reasons_of(locate(hits, options(), manners=MANNERS), query)[1]
    assert all("the server could not be asked for it" in reason for reason in reasons.values())
    assert "2 times in a row" in reasons["4i6p_A"]
    assert len(asked(kitchen)) == 2  # a server in trouble is not asked for each of them
    kitchen.manners.clear()
    assert reasons_of(locate(hits, options(), manners=MANNERS), query)[0] == ["4i6p_A"]


def test_being_told_to_wait_is_obeyed(kitchen, options, query, monkeypatch):
    rests = []
    monkeypatch.setattr(server_structures.Desk, "_rest", lambda desk, seconds: rests.append(seconds))
    kitchen.manners["template"] = [kitchen.refuse(429, Retry_After="9")] * 4 + [kitchen.usual]
    assert reasons_of(locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS), query)[0] == ["4i6p_A"]
    assert rests == [9.0] * 4


def test_names_in_an_archive_lead_nowhere(kitchen, options, query, tmp_path):
    text = b"data_4I6P\n_atom_site.id\n"
    members = {"../../4i6p.cif": text, "/tmp/4i6p.cif": text, "7abc.cif": text, "../escaped.cif": text}
    kitchen.manners["template"] = [lambda request: kitchen.send(request, kitchen.packed(members))]
    before = sorted(tmp_path.rglob("*.cif*"))
    found = locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS)
    assert reasons_of(found, query)[1] == {"4i6p_A": "the server has no structure of it"}
    assert sorted(tmp_path.rglob("*.cif*")) == before


def test_names_of_hits_are_looked_at_before_they_are_asked_for(kitchen, options, query):
    names = ["../etc_A", "4i6p_A/..", "4i6p", "x" * 40 + "_A"]
    reasons = reasons_of(locate(hits_named(query, *names), options(), manners=MANNERS), query)[1]
    assert set(reasons.values()) == {"its name is not one of the PDB"}
    assert asked(kitchen) == []


def test_what_is_no_structure_is_not_kept(kitchen, options, query, tmp_path):
    kitchen.structures["4i6p"] = b"<html>not found</html>"
    reasons = reasons_of(locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS), query)[1]
    assert reasons == {"4i6p_A": "the server has no structure of it"}
    assert not list(tmp_path.rglob("*.cif.gz"))


def test_structures_of_this_machine_come_first_and_are_not_asked_for(kitchen, options, query, chain, tmp_path):
    place = tmp_path / "mmcif"
    place.mkdir()
    (place / "4i6p.cif").write_bytes(kitchen.structures["4i6p"])
    hit = server_structures.with_letters(HIT.as_template(1, query), chain)
    found = locate([hit], options(), [place], MANNERS)
    (used,), _ = select_templates(found.hits, query, found.structures)
    assert (used.file, asked(kitchen)) == (place / "4i6p.cif", [])


def test_the_best_hits_are_asked_for_together_and_the_others_are_told(kitchen, options, query):
    names = [f"{i}abc_A" for i in range(1, 10)] + [f"{i}abd_A" for i in range(1, 10)] + ["4i6p_A"] * 3 + ["8xyz_A"]
    found = locate(hits_named(query, *names), options(), manners=MANNERS)
    assert asked(kitchen)[0] == sorted({*names[:MOST]})
    assert reasons_of(found, query)[1]["8xyz_A"] == f"only the {MOST} best hits are asked of the server"


def test_what_the_server_did_not_have_is_asked_for_again_after_a_week(kitchen, options, query):
    hits = hits_named(query, "4i6p_A", "9xyz_A")
    first = reasons_of(locate(hits, options(), manners=MANNERS), query)
    count = len(asked(kitchen))
    assert reasons_of(locate(hits, options(), manners=MANNERS), query) == first
    assert len(asked(kitchen)) == count
    (note,) = Shelf.of(options()).folder.glob("*.none")
    os.utime(note, (0, 0))
    kitchen.structures["9xyz"] = kitchen.structures["4i6p"]
    found = locate(hits, options(), manners=MANNERS)
    assert reasons_of(found, query, is_deduplicated=False)[0] == ["4i6p_A", "9xyz_A"]
    assert asked(kitchen)[count:] == [["9xyz_A"]]


def test_a_refresh_asks_again(kitchen, options, query):
    hits = hits_named(query, "4i6p_A")
    for choice in ({}, {}, {"refresh": True}):
        locate(hits, options(**choice), manners=MANNERS)
    assert len(asked(kitchen)) == 2


def test_what_was_sent_is_kept_whole(kitchen, options, query):
    locate(hits_named(query, "4i6p_A"), options(), manners=MANNERS)
    shelf = Shelf.of(options())
    assert gzip.decompress((shelf.folder / "4i6p.cif.gz").read_bytes()) == kitchen.structures["4i6p"]
    assert sorted(file.name for file in shelf.folder.iterdir()) == ["4i6p.cif.gz", "4i6p_A.txt"]
    other = options(server="http://127.0.0.1:9")
    assert Shelf.of(other).folder != shelf.folder


def test_a_cache_that_cannot_be_written_is_told(options, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="FOLDWRIGHT_CACHE"):
        Shelf.of(options())


def test_an_archive_is_read_as_far_as_it_is_whole(kitchen):
    whole = kitchen.templates(["4i6p_A"])
    read = unpacked(whole, ["4i6p_A"])
    assert (list(read.structures), list(read.sequences), read.is_whole) == (["4i6p"], ["4i6p_A"], True)
    broken = unpacked(kitchen.templates(["4i6p_A", "9xyz_A"]), ["4i6p_A", "9xyz_A"])
    assert (list(broken.structures), broken.is_whole) == (["4i6p"], False)
    assert unpacked(whole[: len(whole) // 2], ["4i6p_A"])[0::2] == ({}, False)
    assert not unpacked(whole[:-6], ["4i6p_A"]).is_whole
    with pytest.raises(ValueError, match="no packed archive"):
        unpacked(b"<html>", ["4i6p_A"])
