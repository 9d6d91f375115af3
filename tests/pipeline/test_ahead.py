"""The next searches run while the present job is predicted, and never keep a person waiting who wants to stop."""

import threading
import time

import pytest

from foldwright.pipeline.ahead import Ahead


def test_items_come_in_order_and_one_is_made_ahead():
    begun = threading.Event()

    def items():
        yield 1
        begun.set()
        yield 2

    found = iter(Ahead(items()))
    assert next(found) == 1
    assert begun.wait(5)  # the second is made although nobody asked for it yet
    assert list(found) == [2]


def test_no_more_than_two_are_made_ahead():
    made = []

    def items():
        for i in range(10):
            made.append(i)
            yield i

    ahead = Ahead(items())
    time.sleep(0.3)
    assert made == [0, 1]
    assert list(ahead) == list(range(10))


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_what_goes_wrong_in_the_thread_is_raised_where_it_is_read(error):
    def items():
        yield 1
        raise error

    found = iter(Ahead(items()))
    assert next(found) == 1
    with pytest.raises(type(error)):
        next(found)


def test_a_stopped_one_begins_nothing_more():
    made = []

    def items():
        for i in range(10):
            made.append(i)
            yield i

    ahead = Ahead(items())
    assert next(iter(ahead)) == 0
    ahead.stop()
    time.sleep(0.3)
    assert len(made) < 5


def test_waiting_is_said_once_it_lasts(monkeypatch):
    monkeypatch.setattr("foldwright.pipeline.ahead.PATIENCE", 0.05)
    said = []

    def items():
        time.sleep(0.3)
        yield 1
        yield 2

    assert list(Ahead(items(), lambda: said.append("waiting"))) == [1, 2]
    assert said == ["waiting"]
