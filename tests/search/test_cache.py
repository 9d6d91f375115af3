"""Results are kept whole, shared between processes, and damaged ones are not believed."""

import multiprocessing
import os
import time

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.cache import Cache, key_of
from foldwright.search.found import Found

ROWS = Alignment(["MKV", "M-V"], np.array([[0, 0, 0], [0, 2, 1]], np.int32), ["query", "row OX=9606"])
HIT = TemplateHit(1, "1abc_A x", 2, None, "MK", "MR", [0, 1], [5, 6], None, 1e-5)
KEY = key_of(sequence="MKV")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "search")


def test_what_was_put_is_got(cache):
    assert cache.get(KEY) is None
    cache.put(KEY, Found(ROWS, (HIT,)), {"hits": 1})
    found, record = cache.get(KEY)
    assert found.alignment.sequences == ROWS.sequences
    assert found.alignment.descriptions == ROWS.descriptions
    np.testing.assert_array_equal(found.alignment.deletions, ROWS.deletions)
    assert found.template_hits == (HIT,)
    assert record == {"hits": 1}


def test_hits_without_rows_are_kept_too(cache):
    cache.put(KEY, Found(template_hits=(HIT,)), {})
    assert cache.get(KEY)[0] == Found(None, (HIT,))


def test_everything_that_is_asked_is_in_the_key():
    keys = {key_of(sequence="MKV"), key_of(sequence="MKI"), key_of(sequence="MKV", version="2")}
    assert len(keys) == 3
    assert key_of(a=1, b={"x": 1, "y": 2}) == key_of(b={"y": 2, "x": 1}, a=1)


@pytest.mark.parametrize("file", ["alignment.a3m.gz", "hits.json", "record.json"])
def test_a_damaged_entry_counts_as_none_and_is_replaced(cache, file):
    cache.put(KEY, Found(ROWS), {})
    path = next(cache.folder.rglob(file))
    path.write_bytes(path.read_bytes()[:-3])
    assert cache.get(KEY) is None
    cache.put(KEY, Found(ROWS), {})
    assert cache.get(KEY) is not None


def test_an_interrupted_put_leaves_nothing(cache, monkeypatch):
    calls = []

    def stop(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.put(KEY, Found(ROWS), {})
    assert cache.get(KEY) is None
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "search").write_text("a file")
    with pytest.raises(InputError, match="FOLDWRIGHT_CACHE"):
        Cache(tmp_path / "search").put(KEY, Found(ROWS), {})


def test_a_claim_is_held_by_one_and_then_free(cache):
    with cache.claim(KEY) as ours:
        assert ours
        with cache.claim(KEY) as theirs, cache.claim("another") as another:
            assert (theirs, another) == (False, True)
    with cache.claim(KEY) as again:
        assert again
    assert not list((cache.folder / "locks").iterdir())


def _hold(folder, has_begun, seconds):
    with Cache(folder).claim(KEY):
        has_begun.set()
        time.sleep(seconds)
        Cache(folder).put(KEY, Found(ROWS), {"by": "the other"})


def test_another_process_is_waited_for(cache):
    context = multiprocessing.get_context("fork")
    has_begun = context.Event()
    other = context.Process(target=_hold, args=(cache.folder, has_begun, 0.4))
    other.start()
    assert has_begun.wait(20)
    with cache.claim(KEY) as ours:
        assert not ours
    with cache.claim(KEY, wait=True) as ours:
        assert ours
        assert cache.get(KEY)[1] == {"by": "the other"}
    other.join()


def test_the_claim_of_a_killed_process_is_free(cache):
    context = multiprocessing.get_context("fork")
    has_begun = context.Event()
    other = context.Process(target=_hold, args=(cache.folder, has_begun, 60))
    other.start()
    assert has_begun.wait(20)
    other.kill()
    other.join()
    with cache.claim(KEY) as ours:
        assert ours
