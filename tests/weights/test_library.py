"""Fetching a publication from a server on this machine: unpacking, receipts, trust on first use."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from foldwright.errors import InputError
from foldwright.io.download import Patience
from foldwright.weights.catalog import PUBLICATIONS
from foldwright.weights.library import cache_folder, fetch, find_fetched, folder_of, unpack
from local_server import Request, serving

PATIENCE = Patience(timeout=1.0, tries=2, pause=0.01)
FILES = {"./params_model_1.npz": b"one" * 5000, "params/params_model_1_ptm.npz": b"two" * 7000}


def tar_of(files, links=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    return buffer.getvalue()


@pytest.fixture
def served(monkeypatch):
    """A publisher: `served[path] = content`; yields a publication whose tar is there."""
    contents: dict[str, bytes] = {}

    def answer(request: Request) -> None:
        content = contents.get(request.path)
        if content is None:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with serving(answer) as url:
        name = "alphafold-2021-07-14"
        publication = replace(PUBLICATIONS[name], urls=(f"{url}/alphafold_params.tar",))
        monkeypatch.setitem(PUBLICATIONS, name, publication)
        contents["/alphafold_params.tar"] = tar_of({**FILES, "LICENSE": b"text"})
        yield publication, contents


def test_a_publication_is_unpacked_where_predictions_look_for_it(served):
    publication, contents = served
    found = fetch(publication, patience=PATIENCE)
    folder = folder_of(publication)
    assert [file.name for file in found.files] == ["params_model_1.npz", "params_model_1_ptm.npz"]
    assert (folder / "params_model_1_ptm.npz").read_bytes() == b"two" * 7000
    assert {path.name for path in folder.iterdir()} == {"params_model_1.npz", "params_model_1_ptm.npz", "receipt.json"}
    assert found.receipt["sha256"] == hashlib.sha256(contents["/alphafold_params.tar"]).hexdigest()
    assert found.receipt["licence"] == publication.licence
    assert found.receipt["checked_against"].startswith("nothing")


def test_what_is_here_is_not_fetched_again(served):
    publication, contents = served
    fetch(publication, patience=PATIENCE)
    contents.clear()
    assert len(fetch(publication, patience=PATIENCE).files) == 2
    assert find_fetched(publication)
    (folder_of(publication) / "params_model_1.npz").unlink()
    assert find_fetched(publication) is None


def test_a_hash_once_seen_is_expected_again(served):
    publication, contents = served
    first = fetch(publication, patience=PATIENCE)
    first.files[0].unlink()
    contents["/alphafold_params.tar"] = tar_of({"params_model_1.npz": b"forged"})
    with pytest.raises(
        InputError, match=r"by the receipt of an earlier download .* it should be " + first.receipt["sha256"]
    ):
        fetch(publication, patience=PATIENCE)
    contents["/alphafold_params.tar"] = tar_of({**FILES, "LICENSE": b"text"})
    again = fetch(publication, patience=PATIENCE)
    assert "earlier download" in again.receipt["checked_against"]


def test_an_interrupted_unpacking_goes_on_with_what_is_missing(served, tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_of(FILES))
    first, _ = unpack(archive, tmp_path)
    time = first.stat().st_mtime_ns
    (tmp_path / "params_model_1_ptm.npz").unlink()
    assert len(unpack(archive, tmp_path)) == 2
    assert first.stat().st_mtime_ns == time


def test_a_disk_that_fills_while_unpacking_is_told_and_keeps_whole_files_only(full_disk, tmp_path):
    archive, target = tmp_path / "a.tar", tmp_path / "inside"
    target.mkdir()
    archive.write_bytes(tar_of({"params_model_1.npz": b"x" * 1000, "params_model_2.npz": b"y" * 200_000}))
    told = r"inside: the disk is full: 200,000 bytes are needed and [\d,]+ bytes are free"
    with full_disk(100_000), pytest.raises(InputError, match=told):
        unpack(archive, target)
    assert [path.name for path in target.iterdir()] == ["params_model_1.npz"]
    assert len(unpack(archive, target)) == 2


def test_nothing_but_parameter_files_leaves_an_archive(tmp_path):
    archive = tmp_path / "evil.tar"
    inside = tmp_path / "inside"
    inside.mkdir()
    evil = {"../escaped.npz": b"x", "/tmp/params_evil.npz": b"x", "run.sh": b"x", "../params_model_2.npz": b"good"}
    archive.write_bytes(tar_of(evil, links=["params_model_3.npz"]))
    assert [path.name for path in unpack(archive, inside)] == ["params_model_2.npz"]
    assert {path.name for path in tmp_path.iterdir()} == {"evil.tar", "inside"}
    assert not (inside / "params_model_3.npz").exists()


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000, tar_of({"README": b"x"}), tar_of(FILES)[:20_000]])
def test_a_broken_or_empty_archive_is_named_and_leaves_no_half_file(content, tmp_path):
    archive = tmp_path / "broken.tar"
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.tar"):
        unpack(archive, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "params_model_1_ptm.npz").exists()


def test_the_cache_is_where_it_is_told_to_be(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("FOLDWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "xdg" / "foldwright"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "foldwright")


def test_a_single_file_is_kept_as_it_is(served, tmp_path):
    publication, contents = served
    contents["/finetuning_ptm_2.pt"] = b"checkpoint"
    url = publication.urls[0].replace("alphafold_params.tar", "finetuning_ptm_2.pt")
    found = fetch(replace(PUBLICATIONS["openfold-finetuning_ptm_2"], urls=(url,)), tmp_path / "here", patience=PATIENCE)
    assert found.files[0].read_bytes() == b"checkpoint"
    assert json.loads((tmp_path / "here" / "receipt.json").read_text())["files"] == ["finetuning_ptm_2.pt"]
