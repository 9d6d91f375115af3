import errno
import os
import stat

import pytest

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write


def test_the_file_appears_whole_at_the_end(tmp_path):
    target = tmp_path / "new" / "scores.json"
    with atomic_write(target) as file:
        file.write("whole å")
        file.flush()
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "whole å"
    assert os.listdir(target.parent) == ["scores.json"]


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there(tmp_path, reason):
    target = tmp_path / "scores.json"
    target.write_text("before")
    with pytest.raises(reason):
        write_and_raise(target, reason)
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["scores.json"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"scores.json: cannot be written: No space left.*bytes are free there"):
        write_and_raise(tmp_path / "scores.json", OSError(errno.ENOSPC, "No space left on device"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [30_000, 30_000_000])  # seen when buffers are emptied, or at once
def test_what_the_system_refuses_to_write_leaves_what_was_there(tmp_path, full_disk, size):
    target = tmp_path / "scores.json"
    target.write_text("before")
    with full_disk(20_000), pytest.raises(InputError, match=r"scores.json: cannot be written: File too large"):  # noqa: SIM117
        with atomic_write(target) as file:
            file.write("x" * size)
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["scores.json"]


def test_an_error_about_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_and_raise(tmp_path / "scores.json", OSError(errno.ENOENT, "No such file"))


def write_and_raise(target, reason):
    with atomic_write(target, "wb") as file:
        file.write(b"half")
        raise reason


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "atomic") as file:
        file.write("x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "plain").chmod(0o640)
    with atomic_write(tmp_path / "plain") as file:
        file.write("x")
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640


def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"file/x.json: cannot be written: .*Choose a place"),
        atomic_write(tmp_path / "file" / "x.json"),
    ):
        pass
