"""A server on this machine stands in for the public one: it answers, and fails in the ways that one does."""

import datetime
import gzip
import json
import time
from email.utils import format_datetime
from pathlib import Path

import pytest

import foldwright
from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.search import tickets
from foldwright.search.colabfold import ServerOptions, pair_on_server, search_on_server, unpacked
from foldwright.search.tickets import Manners, Pauses, retry_after

RECORDED = Path(__file__).parents[3] / "shared/data/predictions/colabfold/mmseqs-api-reponses"
MANNERS = Manners(timeout=0.4, tries=3, first_pause=0.02, longest_pause=0.05, total=20.0)
QUERY, OTHER = "MKVLITG", "GAVNC"
UNIREF = f">101\n{QUERY}\n>UniRef100_A\t88\t0.5\nMRVL-TG\n>UniRef100_B\t70\t0.4\nMKVaaLITA\n"
ENVIRONMENT = f">101\n{QUERY}\n>SRR1\t60\t0.4\n--VLITG\n"
OF_OTHER = f"\0>102\n{OTHER}\n>UniRef100_C\t50\t0.4\nGAVN-\n\0"


@pytest.fixture
def kitchen(kitchen):
    """The server, with rows for two sequences."""
    kitchen.files = {"msa": kitchen.archive(uniref__a3m=UNIREF + OF_OTHER, env__a3m=ENVIRONMENT)}
    return kitchen


@pytest.fixture
def search(kitchen, tmp_path):
    def search(*sequences: str, manners: Manners = MANNERS, **chosen):
        options = ServerOptions(host=kitchen.url, manners=manners, tickets=tmp_path / "tickets", **chosen)
        return search_on_server(sequences, options)

    return search


def open_tickets(tmp_path: Path) -> list[str]:
    return [json.loads(file.read_text())["ticket"] for file in (tmp_path / "tickets").glob("*.json")]


def test_rows_of_both_databases_come_with_their_insertions(kitchen, search, tmp_path):
    (answer,) = search(QUERY)
    assert answer.alignment.sequences == [QUERY, "MRVL-TG", "MKVLITA", "--VLITG"]
    assert answer.alignment.deletions[2].tolist() == [0, 0, 0, 2, 0, 0, 0]
    assert answer.alignment.descriptions[:2] == ["query", "UniRef100_A\t88\t0.5"]
    assert (answer.paired, answer.templates) == (None, ())
    assert kitchen.asked == ["ticket/msa", "ticket/msa-", "ticket/msa-", "ticket/msa-", "result/download/msa-"]
    assert kitchen.forms == [{"q": f">101\n{QUERY}\n", "mode": "env"}]
    assert open_tickets(tmp_path) == []


def test_the_client_says_who_it_is_and_whom_to_write_to(kitchen, search):
    search(QUERY, contact="a@b.org")
    (agent,) = kitchen.agents
    assert agent.startswith(f"foldwright/{foldwright.__version__} (")
    assert agent.endswith(", a@b.org)")


def test_each_sequence_gets_its_own_rows_and_is_asked_once(kitchen, search):
    first, second, third, unknown = search(QUERY, OTHER, QUERY, "WWWW")
    assert first.alignment.sequences == third.alignment.sequences
    assert second.alignment.sequences == [OTHER, "GAVN-"]
    assert unknown.alignment.sequences == ["WWWW"]
    assert kitchen.forms[0]["q"] == f">101\n{QUERY}\n>102\n{OTHER}\n>103\nWWWW\n"


@pytest.mark.parametrize(
    ("environmental", "filtered", "mode"),
    [(True, True, "env"), (False, True, "all"), (True, False, "env-nofilter"), (False, False, "nofilter")],
)
def test_the_recipe_is_told_in_the_words_of_the_server(environmental, filtered, mode):
    assert ServerOptions(environmental=environmental, filtered=filtered).mode == mode


@pytest.mark.parametrize("strategy", ["greedy", "complete"])
def test_chains_of_a_complex_are_paired_row_by_row(kitchen, search, strategy, tmp_path):
    blocks = f">101\n{QUERY}\n>A\nMRVL-TG\n>DUMMY\n-------\n\0>102\n{OTHER}\n>C\nGAVN-\n>D\nGAVNC\n\0"
    kitchen.files["pair"] = kitchen.archive(pair__a3m=blocks)
    one, two = search(QUERY, OTHER, pairing=strategy)
    assert one.paired.sequences == [QUERY, "MRVL-TG", "-------"]
    assert two.paired.sequences == [OTHER, "GAVN-", "GAVNC"]
    assert [form["mode"] for form in kitchen.forms] == ["env", f"pair{strategy}"]
    assert search(QUERY, QUERY, pairing=strategy)[0].paired is None
    kitchen.forms.clear()
    options = ServerOptions(host=kitchen.url, manners=MANNERS, tickets=tmp_path, pairing=strategy)
    alone = pair_on_server([QUERY, OTHER], options)
    assert [rows.sequences for rows in alone] == [one.paired.sequences, two.paired.sequences]
    assert len(kitchen.forms) == 1


def test_paired_chains_with_different_numbers_of_rows_are_refused(kitchen, search):
    kitchen.files["pair"] = kitchen.archive(pair__a3m=f">101\n{QUERY}\n>A\nMRVL-TG\n\0>102\n{OTHER}\n\0")
    with pytest.raises(InputError, match=r"1 and 2 rows.*--pairing none"):
        search(QUERY, OTHER, pairing="greedy")


def test_templates_are_named_with_their_scores(kitchen, search):
    table = (
        "101\t1abc_A\t0.5\t7\t3\t0\t1\t7\t11\t17\t1e-20\t99\t7M\n101\t2xyz_BB\t0.4\t5\t3\t0\t2\t6\t1\t5\t0.001\t50\n"
    )
    kitchen.files["msa"] = kitchen.archive(uniref__a3m=UNIREF, pdb70__m8=table)
    (answer,) = search(QUERY, templates=True)
    assert [hit.name for hit in answer.templates] == ["1abc_A", "2xyz_BB"]
    assert answer.templates[0].hit_range == (11, 17)
    assert answer.templates[1].e_value == 0.001
    kitchen.files["msa"] = kitchen.archive(uniref__a3m=UNIREF, pdb70__m8="101 1abc_A oh no\n")
    with pytest.raises(InputError, match='"101 1abc_A oh no" is no hit'):
        search(QUERY, templates=True)


@pytest.mark.parametrize("kind", ["submit", "ticket", "result"])
@pytest.mark.parametrize("trouble", ["refuse", "garbage", "hang_up"])
def test_a_passing_trouble_anywhere_is_overcome(kitchen, search, kind, trouble):
    way = kitchen.refuse(503) if trouble == "refuse" else getattr(kitchen, trouble)
    kitchen.manners[kind] = [way, way, kitchen.usual]
    assert len(search(QUERY)[0].alignment) == 4


def test_a_stall_and_a_cut_answer_are_overcome(kitchen, search):
    kitchen.manners = {"ticket": [kitchen.stall, kitchen.usual], "result": [kitchen.cut, kitchen.usual]}
    assert len(search(QUERY)[0].alignment) == 4
    assert kitchen.asked.count("result/download/msa-") == 2


def test_a_lasting_trouble_is_told_and_the_ticket_kept_for_the_next_run(kitchen, search, tmp_path):
    kitchen.manners["result"] = [kitchen.refuse(500)]
    with pytest.raises(InputError, match=r"3 times in a row \(it answers 500"):
        search(QUERY)
    assert open_tickets(tmp_path) == ["msa-1"]
    kitchen.manners.clear()
    assert len(search(QUERY)[0].alignment) == 4
    assert len(kitchen.forms) == 1  # not asked for again
    assert open_tickets(tmp_path) == []


def test_an_archive_that_stays_damaged_is_told_and_asked_for_anew(kitchen, search, tmp_path):
    kitchen.files["msa"] = b"no archive"
    with pytest.raises(InputError, match=r"result/download/msa-1: .*archive is damaged"):
        search(QUERY)
    assert open_tickets(tmp_path) == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda archive: b"",
        lambda archive: b"garbage",
        lambda archive: archive(uniref__a3m=UNIREF)[:-9],
        lambda archive: archive(readme__txt="hello"),
    ],
)
def test_what_is_no_answer_is_recognised(answer, kitchen):
    with pytest.raises(ValueError, match="archive"):
        unpacked(answer(kitchen.archive))


def test_being_told_to_wait_is_obeyed_and_is_no_failure(kitchen, search, monkeypatch):
    rests = []
    monkeypatch.setattr(tickets.Desk, "_rest", lambda desk, seconds: rests.append(seconds))
    kitchen.manners["submit"] = [kitchen.refuse(429, Retry_After="7")] * 5 + [kitchen.usual]
    assert len(search(QUERY)[0].alignment) == 4
    assert rests[:5] == [7.0] * 5
    assert max(rests[5:]) < 0.1


def test_rate_limits_and_lost_tickets_are_asked_for_again(kitchen, search):
    kitchen.manners["submit"] = [kitchen.state("RATELIMIT"), kitchen.state("RATELIMIT"), kitchen.usual]
    kitchen.manners["ticket"] = [kitchen.state("UNKNOWN"), kitchen.usual]
    assert len(search(QUERY)[0].alignment) == 4
    assert len(kitchen.forms) == 4


def test_a_remembered_ticket_that_the_server_forgot_is_replaced(kitchen, search, tmp_path):
    kitchen.manners["result"] = [kitchen.refuse(500)]
    with pytest.raises(InputError):
        search(QUERY)
    kitchen.manners = {"ticket": [kitchen.state("UNKNOWN"), kitchen.usual]}
    assert len(search(QUERY)[0].alignment) == 4
    assert kitchen.asked[-1] == "result/download/msa-"
    assert len(kitchen.forms) == 2


@pytest.mark.parametrize(
    ("word", "match", "is_kept"),
    [("ERROR", 'answers "ERROR" for ticket msa-1', False), ("MAINTENANCE", "closed for maintenance", True)],
)
def test_a_refusal_ends_the_search_with_advice(kitchen, search, tmp_path, word, match, is_kept):
    kitchen.states = ["PENDING", "RUNNING", word]
    with pytest.raises(InputError, match=match):
        search(QUERY)
    assert (open_tickets(tmp_path) == ["msa-1"]) is is_kept


def test_an_address_without_such_a_server_is_told(kitchen, search):
    kitchen.manners["submit"] = [kitchen.refuse(404)]
    with pytest.raises(InputError, match=r"ticket/msa: it answers 404.*Is this the address"):
        search(QUERY)
    assert len(kitchen.asked) == 1
    with pytest.raises(InputError, match="is no address"):
        search_on_server([QUERY], ServerOptions(host="api.colabfold.com"))


def test_nobody_listening_is_told(tmp_path):
    options = ServerOptions(host="http://127.0.0.1:9", manners=MANNERS, tickets=tmp_path)
    with pytest.raises(InputError, match=r"3 times in a row.*Is there a network"):
        search_on_server([QUERY], options)


def test_the_search_ends_when_its_time_is_over(kitchen, search, tmp_path):
    kitchen.states = ["RUNNING"]
    begun = time.monotonic()
    with pytest.raises(InputError, match="no result within 1 seconds"):
        search(QUERY, manners=Manners(timeout=0.4, first_pause=0.2, longest_pause=0.2, total=1.0))
    assert time.monotonic() - begun < 5
    assert open_tickets(tmp_path) == ["msa-1"]


def test_an_alignment_of_another_sequence_is_refused(kitchen, search):
    with pytest.raises(InputError, match=r"uniref\.a3m of the server.*not the query"):
        search("MKVLITA")


def test_ctrl_c_is_heard_while_waiting(kitchen, search, monkeypatch):
    kitchen.states = ["RUNNING"]
    monkeypatch.setattr(interrupts, "_asked", [2])
    with pytest.raises(KeyboardInterrupt):
        search(QUERY)


def test_pauses_grow_to_a_limit_and_clients_differ():
    lengths = [[pauses.next() for _ in range(9)] for pauses in (Pauses(Manners()), Pauses(Manners()))]
    assert lengths[0] != lengths[1]
    assert 3.7 < lengths[0][0] < 6.3
    assert all(45 <= each[-1] <= 75 for each in lengths)


def test_retry_after_is_a_number_or_a_date():
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    assert retry_after("12") == 12.0
    assert 80 < retry_after(format_datetime(later, usegmt=True)) < 91
    assert retry_after("soon") is None
    assert retry_after(None) is None


@pytest.mark.shared
@pytest.mark.parametrize("name", ["batch", "complex_monomer", "get_msa_uniref", "get_msa_uniref_env"])
def test_recorded_answers_of_the_public_server_are_read(kitchen, search, name):
    """Recorded alignments hold the rows of UniRef, then, behind the query once more, those of the environment."""
    if not RECORDED.is_dir():
        pytest.skip("recorded answers are not in ../shared")
    with gzip.open(RECORDED / f"{name}.json.gz", "rt") as file:
        recorded = json.load(file)
    assert recorded
    for case in recorded:
        (sequence,), (lines,) = case["config"]["query"], case["response"]
        starts = [i for i, line in enumerate(lines) if line == ">101"]
        parts = ["\n".join(lines[a:b]) + "\n" for a, b in zip(starts, [*starts[1:], None], strict=True)]
        names = ("uniref.a3m", "bfd.mgnify30.metaeuk30.smag30.a3m")
        kitchen.files["msa"] = kitchen.archive(**dict(zip(names, parts, strict=False)))
        (answer,) = search(sequence, environmental=case["config"]["use_env"])
        assert answer.alignment.query == sequence
        assert len(answer.alignment) == 1 + sum(part.count(">") - 1 for part in parts)
        assert kitchen.forms[-1]["mode"] == ("env" if case["config"]["use_env"] else "all")
