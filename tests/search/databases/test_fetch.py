"""Databases come whole, are looked at before they are fetched, and are not fetched twice."""

import gzip
import hashlib
import json
import tarfile

import pytest

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.download import Patience
from foldwright.search.databases import fetch as fetching
from foldwright.search.databases import unpacking
from foldwright.search.databases.fetch import Planned, check_room, fetch, plan

PATIENCE = Patience(timeout=2.0, tries=2, first_tries=2, pause=0.01)


@pytest.fixture
def uniprot(publisher):
    return publisher.release("uniprot", "uniprot/uniprot.fasta", "a.fasta.gz", "b.fasta.gz")


def test_fasta_files_are_unpacked_joined_and_noted(publisher, uniprot, tmp_path, fasta):
    seen = []
    found = fetch(uniprot, tmp_path, patience=PATIENCE, unpacking=lambda done, total: seen.append((done, total)))
    assert found == tmp_path / "uniprot" / "uniprot.fasta"
    assert found.read_bytes() == fasta(0, 50)
    note = json.loads((tmp_path / "receipts" / "uniprot-test.json").read_text())
    assert note["sha256"] == hashlib.sha256(fasta(0, 50)).hexdigest()
    assert [each["bytes"] for each in note["downloads"]] == [len(data) for data in publisher.files.values()]
    assert note["files"] == {"uniprot/uniprot.fasta": len(fasta(0, 50))}
    assert seen[-1] == (len(fasta(0, 50)) - 1, 1000)
    assert not any((tmp_path / ".downloads").iterdir())


def test_what_is_here_is_not_fetched_again(publisher, uniprot, tmp_path):
    fetch(uniprot, tmp_path)
    asked = len(publisher.asked)
    assert fetch(uniprot, tmp_path) == tmp_path / "uniprot" / "uniprot.fasta"
    assert plan([uniprot], tmp_path)[0].here is not None
    assert len(publisher.asked) == asked


def test_a_database_that_others_brought_is_used(publisher, uniprot, tmp_path):
    (tmp_path / "uniprot_all_2021_04.fa").write_text(">a\nMK\n")
    assert fetch(uniprot, tmp_path).name == "uniprot_all_2021_04.fa"
    assert publisher.asked == []


def test_the_servers_are_asked_for_sizes_before_anything_is_downloaded(publisher, uniprot, tmp_path):
    (planned,) = plan([uniprot], tmp_path)
    packed = sum(len(data) for data in publisher.files.values())
    assert (planned.packed, planned.room) == (packed, packed + 1000)
    assert [command for command, _ in publisher.asked] == ["HEAD", "HEAD"]
    unknown = publisher.release("rfam", "rfam.fasta", "a.fasta.gz", unpacked=None)
    assert plan([unknown], tmp_path)[0].unpacked == 5 * len(publisher.files["a.fasta.gz"])
    del publisher.files["b.fasta.gz"]
    assert plan([uniprot], tmp_path)[0].packed is None  # then the catalogue's, which does not know either


def test_too_little_room_is_told_before_the_first_byte(uniprot, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 400_000_000_000})()
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage)
    large = Planned(uniprot, None, 500_000_000_000)
    with pytest.raises(InputError, match=r"500\.0 GB are needed and 400\.0 GB are free"):
        check_room([large], tmp_path / "not" / "yet")
    check_room([Planned(uniprot, None, 1000)], tmp_path)
    check_room([Planned(uniprot, tmp_path, 500_000_000_000)], tmp_path)  # here already


@pytest.mark.parametrize("kind", ["joined", "extracted"])
def test_a_disk_that_fills_while_unpacking_is_told_and_leaves_no_half_of_it(
    publisher, tmp_path, full_disk, tar_of, kind
):
    content = b">a\n" + b"M" * 300_000
    publisher.files["a.fasta.gz"], publisher.files["a.tar.gz"] = gzip.compress(content), tar_of(**{"aDOTcif": content})
    release = (
        publisher.release("uniprot", "uniprot.fasta", "a.fasta.gz")
        if kind == "joined"
        else publisher.release("pdb_mmcif", "mmcif_files", "a.tar.gz")
    )
    with full_disk(100_000), pytest.raises(InputError, match=r"[\d,]+ bytes are free"):
        fetch(release, tmp_path, patience=PATIENCE)
    (packed,) = publisher.files.keys() & {url.rpartition("/")[2] for url in release.urls}
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {packed, f"{packed}.json"}  # the download, from which unpacking goes on
    assert fetch(release, tmp_path, patience=PATIENCE).exists()


def test_a_cut_download_goes_on_where_it_stopped(publisher, uniprot, tmp_path, fasta):
    publisher.limit = 60
    with pytest.raises(InputError, match="broke off"):
        fetch(uniprot, tmp_path, patience=Patience(timeout=2.0, tries=1, first_tries=1, pause=0.01))
    part = tmp_path / ".downloads" / "uniprot-test" / "a.fasta.gz.part"
    assert part.stat().st_size == 60
    publisher.limit = None
    assert fetch(uniprot, tmp_path, patience=PATIENCE).read_bytes() == fasta(0, 50)


def test_after_an_interrupt_while_unpacking_nothing_is_half_there_and_nothing_is_downloaded_again(
    publisher, uniprot, tmp_path, monkeypatch, fasta
):
    monkeypatch.setattr(interrupts, "_asked", [2])
    with pytest.raises(KeyboardInterrupt):
        fetch(uniprot, tmp_path)
    assert not list((tmp_path / "uniprot").glob("*"))
    monkeypatch.setattr(interrupts, "_asked", [])
    asked = len(publisher.asked)
    assert fetch(uniprot, tmp_path).read_bytes() == fasta(0, 50)
    assert len(publisher.asked) == asked


def test_a_damaged_file_is_named(publisher, uniprot, tmp_path):
    publisher.files["b.fasta.gz"] = publisher.files["b.fasta.gz"][:-12]
    with pytest.raises(InputError, match=r"b\.fasta\.gz: this file cannot be unpacked.*fetch it again"):
        fetch(uniprot, tmp_path)
    assert not (tmp_path / "uniprot" / "uniprot.fasta").exists()


def test_what_is_no_fasta_is_refused(publisher, tmp_path):
    publisher.files |= {"page.txt": b"<html>moved</html>", "empty.fasta.gz": gzip.compress(b"")}
    with pytest.raises(InputError, match=r"page\.txt: this is no FASTA file"):
        fetch(publisher.release("rfam", "rfam.fasta", "page.txt"), tmp_path)
    with pytest.raises(InputError, match=r"empty\.fasta\.gz: nothing is in it"):
        fetch(publisher.release("mgnify", "mgnify.fasta", "empty.fasta.gz"), tmp_path)


def test_zstandard_is_unpacked(publisher, tmp_path, zstandard, fasta):
    publisher.files["r.fasta.zst"] = zstandard(fasta(0, 1000))
    release = publisher.release("rfam", "rfam_14.fasta", "r.fasta.zst")
    assert fetch(release, tmp_path).read_bytes() == fasta(0, 1000)
    (tmp_path / "rfam_14.fasta").unlink()
    publisher.files["r.fasta.zst"] = zstandard(fasta(0, 1000))[:-20]
    with pytest.raises(InputError, match=r"r\.fasta\.zst: this file cannot be unpacked"):
        fetch(release, tmp_path)
    assert not (tmp_path / "rfam_14.fasta").exists()


def test_without_a_program_for_zstandard_nothing_is_downloaded(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_has_zstd", lambda: False)
    with pytest.raises(InputError, match="apt install zstd"):
        fetch(publisher.release("rfam", "rfam.fasta", "r.fasta.zst"), tmp_path)
    assert publisher.asked == []


def test_archives_become_folders_of_which_every_part_is_noted(publisher, tmp_path, tar_of):
    endings = [f"_{kind}DOTff{part}" for kind in ("a3m", "cs219", "hhm") for part in ("data", "index")]
    publisher.files["pdb70.tar.gz"] = tar_of(**{f"pdb70{ending}": b"x" * 9 for ending in endings})
    release = publisher.release("pdb70", "pdb70", "pdb70.tar.gz")
    assert fetch(release, tmp_path) == tmp_path / "pdb70" / "pdb70"
    note = json.loads((tmp_path / "receipts" / "pdb70-test.json").read_text())
    assert (note["num_files"], set(note["files"].values())) == (6, {9})
    (tmp_path / "pdb70" / "pdb70_hhm.ffdata").unlink()
    with pytest.raises(InputError, match=r"pdb70: this is not complete.*Remove it"):
        fetch(release, tmp_path)


def test_a_folder_that_an_archive_brings_is_not_nested(publisher, tmp_path, tar_of):
    publisher.files["m.tar.gz"] = tar_of(mmcif_files__1abcDOTcif=b"data_1ABC", mmcif_files__2xyzDOTcif=b"data_2XYZ")
    found = fetch(publisher.release("pdb_mmcif", "mmcif_files", "m.tar.gz"), tmp_path)
    assert sorted(path.name for path in found.iterdir()) == ["1abc.cif", "2xyz.cif"]


@pytest.mark.parametrize("has_guard", [True, False])  # tarfile's own came with Python 3.11.4
def test_an_archive_cannot_write_outside_its_folder(publisher, tmp_path, tar_of, monkeypatch, has_guard):
    if not has_guard:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    publisher.files["m.tar.gz"] = tar_of(**{"..__..__evilDOTcif": b"data"})
    with pytest.raises(InputError, match="cannot be unpacked"):
        fetch(publisher.release("pdb_mmcif", "mmcif_files", "m.tar.gz"), tmp_path / "folder")
    assert not list(tmp_path.rglob("evil.cif"))
    assert not (tmp_path / "folder" / "mmcif_files").exists()


def test_archives_are_unpacked_by_pythons_without_a_guard_of_their_own(publisher, tmp_path, tar_of, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    publisher.files["m.tar.gz"] = tar_of(mmcif_files__ab__1abcDOTcif=b"data_1ABC")
    fetch(publisher.release("pdb_mmcif", "mmcif_files", "m.tar.gz"), tmp_path)
    assert [path.read_bytes() for path in tmp_path.rglob("1abc.cif")] == [b"data_1ABC"]


def test_a_wrong_check_sum_behind_an_archive_is_not_overlooked(publisher, tmp_path, tar_of):
    publisher.files["m.tar.gz"] = tar_of(mmcif_files__1abcDOTcif=b"data_1ABC")[:-8] + bytes(8)
    with pytest.raises(InputError, match=r"m\.tar\.gz: this file cannot be unpacked: CRC"):
        fetch(publisher.release("pdb_mmcif", "mmcif_files", "m.tar.gz"), tmp_path)
    assert not (tmp_path / "mmcif_files").exists()
