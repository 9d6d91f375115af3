"""The public server as one more program: asked once for each sequence, and never asked again because of a failure."""

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.search import pairs
from foldwright.search.colabfold import ServerAnswer
from foldwright.search.options import SearchOptions
from foldwright.search.programs import server
from foldwright.search.stage import search_chains

ONE, TWO = "MKVLI", "GAVN"


def rows(query, *others):
    names = ["query", *(f"UniRef100_{i}" for i in range(len(others)))]
    return Alignment([query, *others], np.zeros((1 + len(others), len(query)), np.int32), names)


@pytest.fixture
def asked(monkeypatch):
    """What the server was asked; it answers with two rows for each sequence, or three paired ones."""
    seen = []

    def search(sequences, options):
        seen.append((options.host, list(sequences)))
        return [ServerAnswer(rows(s, "A" * len(s), "-" * len(s)), None, ()) for s in sequences]

    def pair(sequences, options):
        seen.append((options.pairing_mode, list(sequences)))
        return [rows(s, "C" * len(s), "D" * len(s)) for s in sequences]

    monkeypatch.setattr(server, "search_on_server", search)
    monkeypatch.setattr(pairs, "pair_on_server", pair)
    return seen


@pytest.fixture
def options(tmp_path):
    def make(**changes):
        chosen = {"preset": "colabfold", "engine": "server", "server": "http://here", "cache": tmp_path / "cache"}
        return SearchOptions(**{**chosen, **changes})

    return make


def test_all_sequences_are_one_ticket_and_are_kept(asked, options):
    for _ in range(2):
        one, two = search_chains([ONE, TWO], options())
        assert one.alignment.sequences == [ONE, "AAAAA", "-----"]
        assert two.alignment.sequences == [TWO, "AAAA", "----"]
    assert asked == [("http://here", [ONE, TWO])]
    (search,) = one.record["searches"]
    assert search["program"] == "ColabFold MSA server"
    assert search["parameters"]["host"] == "http://here"


def test_the_server_is_never_asked_unless_it_is_named(asked, options):
    with pytest.raises(InputError, match="--engine server"):
        search_chains([ONE], options(engine="auto"))
    assert asked == []


def test_a_failure_of_the_server_is_no_reason_to_ask_again(options, monkeypatch):
    asked = []

    def refuse(sequences, _):
        asked.append(sequences)
        raise InputError("closed")

    monkeypatch.setattr(server, "search_on_server", refuse)
    found = search_chains([ONE, TWO], options())
    assert [str(error) for error in found] == ["closed", "closed"]
    assert len(asked) == 1


def test_pairs_are_asked_for_once_and_stand_beside_each_other(asked, options):
    for _ in range(2):
        found = pairs.search_pairs([TWO, ONE, TWO], options())
        assert [own.sequences for own in found] == [
            [TWO, "CCCC", "DDDD"],
            [ONE, "CCCCC", "DDDDD"],
            [TWO, "CCCC", "DDDD"],
        ]
    assert asked == [("pairgreedy", [TWO, ONE])]
    pairs.search_pairs([TWO, ONE], options(), "complete")
    assert asked[1:] == [("paircomplete", [TWO, ONE])]


def test_without_a_server_or_other_chains_nothing_is_paired(asked, options):
    assert pairs.search_pairs([ONE, ONE], options()) is None
    assert pairs.search_pairs([ONE, TWO], options(), "none") is None
    assert pairs.search_pairs([ONE, TWO], options(preset="local", engine="auto")) is None
    assert asked == []
