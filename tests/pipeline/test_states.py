"""How the jobs of a folder stand, told from files and locks alone."""

import json
import multiprocessing
import os

import pytest

from foldwright.errors import InputError
from foldwright.pipeline.states import Entry, Manifest, take


@pytest.fixture
def manifest(tmp_path):
    found = Manifest(tmp_path)
    found.add([Entry(name=name, residues=10, chains=1, models=["m"]) for name in "abc"])
    return found


def write(folder, job, **status):
    (folder / job).mkdir(exist_ok=True)
    (folder / job / "status.json").write_text(json.dumps(status))


def states(manifest):
    return {job.entry.name: job.state for job in manifest.states()}


def test_jobs_wait_until_something_is_said_of_them(manifest):
    assert states(manifest) == {"a": "waiting", "b": "waiting", "c": "waiting"}


def test_a_job_that_a_process_works_on_is_active_and_interrupted_when_the_process_is_gone(manifest, tmp_path):
    write(tmp_path, "a", status="predicting")
    handle = take(tmp_path / ".locks" / "a")
    assert states(manifest)["a"] == "predicting"
    assert not manifest.was_lost("a")
    os.close(handle)
    assert states(manifest)["a"] == "interrupted"
    assert manifest.was_lost("a")


def test_done_and_failed_jobs_say_how(manifest, tmp_path):
    write(tmp_path, "a", status="done")
    ranking = {"ranked_by": "mean pLDDT", "order": ["m_seed0"], "values": {"m_seed0": 81.25}}
    (tmp_path / "a" / "ranking.json").write_text(json.dumps(ranking))
    write(tmp_path, "b", status="failed", why="the memory ran out.")
    done, failed, _ = manifest.states()
    assert (done.state, done.best, done.score, done.ranked_by) == ("done", "m_seed0", 81.25, "mean pLDDT")
    assert (failed.state, failed.why) == ("failed", "the memory ran out.")


def test_a_second_list_adds_to_the_first(manifest):
    manifest.add([Entry(name="b", residues=12, chains=2), Entry(name="d", residues=5, chains=1)])
    assert [(entry.name, entry.residues) for entry in manifest.entries()] == [("a", 10), ("b", 12), ("c", 10), ("d", 5)]


def test_a_folder_without_a_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="--out of `foldwright predict`"):
        Manifest(tmp_path / "nowhere").states()


def hold(folder, job, is_held, may_end):
    with Manifest(folder).lock(job) as is_mine:
        assert is_mine
        is_held.set()
        may_end.wait(60)


def test_a_lock_keeps_other_processes_away_and_dies_with_its_own(manifest, tmp_path):
    context = multiprocessing.get_context("fork")
    is_held, may_end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path, "a", is_held, may_end))
    process.start()
    assert is_held.wait(30)
    with manifest.lock("a") as is_mine:
        assert not is_mine
    with manifest.lock("b") as is_mine:
        assert is_mine
    process.kill()
    process.join()
    with manifest.lock("a") as is_mine:
        assert is_mine
