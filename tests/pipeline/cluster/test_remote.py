"""What is sent to other machines, and how these are judged."""

import os
import pickle
import signal
import sys
from dataclasses import replace

import pytest
import torch

from foldwright.errors import InputError
from foldwright.pipeline import engines
from foldwright.pipeline.cluster.connect import connected, own_signals
from foldwright.pipeline.cluster.remote import Answer, Remembered, Setting, sendable, why_unfit
from foldwright.pipeline.prepare import kind_of_device
from foldwright.pipeline.progress import Silent


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.chdir(os.getcwd())
    monkeypatch.setattr(sys, "argv", sys.argv)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_another_process_becomes_as_if_the_command_had_been_given_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", "before")
    Setting(tmp_path, ["foldwright", "predict"], {"FOLDWRIGHT_CACHE": "after"}, {}, 1).enter()
    assert os.getcwd() == str(tmp_path)
    assert sys.argv == ["foldwright", "predict"]
    assert os.environ["FOLDWRIGHT_CACHE"] == "after"
    assert torch.get_num_threads() == 1


def test_a_machine_is_fit_if_versions_agree_and_it_sees_the_results(tmp_path):
    setting, mark = Setting(), tmp_path / "mark"
    assert "does not see" in why_unfit(setting, mark)
    mark.touch()
    assert why_unfit(setting, mark) == why_unfit(setting, None) == ""
    other = replace(setting, versions={**setting.versions, "torch": "0.1"})
    assert f"torch {setting.versions['torch']} (not 0.1)" in why_unfit(other, mark)
    assert "cannot be entered" in why_unfit(replace(setting, folder=tmp_path / "nowhere"), mark)


def test_an_error_arrives_with_the_place_where_it_arose():
    def fail():
        raise InputError("wrong", file="a.fasta", remedy="Do right.")

    try:
        fail()
    except InputError as error:
        sent = pickle.loads(pickle.dumps(sendable(error)))
    assert isinstance(sent, InputError)
    assert str(sent) == "a.fasta: wrong Do right."
    assert "in fail" in sent.__notes__[0]


def test_an_error_that_cannot_be_sent_is_told():
    class Strange(Exception):
        def __reduce__(self):
            raise TypeError("no")

    assert str(sendable(Strange("what"))) == "Strange: what"
    assert sendable([1]) == [1]


def test_what_was_said_there_is_said_here():
    heard = []

    class Person(Silent):
        def warn(self, job, text):
            heard.append((job, text))

        def finish(self, *words):
            heard.append(words)

    remembered = Remembered()
    remembered.warn("a", "beware")
    remembered.finish("a", "m_seed0", "", "", 1.0)
    Answer([], remembered.taken()).tell(Person())
    assert heard == [("a", "beware"), ("a", "m_seed0", "", "", 1.0)]
    assert remembered.taken() == []


def test_signals_stay_with_whoever_had_them():
    before = signal.getsignal(signal.SIGTERM)
    with own_signals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("words", "why"),
    [(("slurm",), 'no "slurm"'), (("local", "a:1"), "only Ray")],
)
def test_an_engine_that_is_not_there_is_refused(words, why):
    with pytest.raises(InputError, match=why):
        engines.engine(*words)


def test_without_ray_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("foldwright.pipeline.cluster.connect.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"foldwright\[ray\]"):
        engines.engine("ray")


def test_the_address_of_a_client_is_refused():
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="client"), connected("ray://host:10001"):
        pass


def test_only_a_kind_of_device_can_be_asked_of_a_cluster():
    assert kind_of_device("cuda").type == "cuda"
    with pytest.raises(InputError, match="cuda:1"):
        kind_of_device("cuda:1")
