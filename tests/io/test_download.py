"""Downloads from a server on this machine that misbehaves in the ways real ones do."""

import errno
import hashlib
import re
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.io import download as downloading
from foldwright.io.download import DiskFault, Patience, announced_digests, announced_size, download, part_of, sidecar_of
from local_server import Request, serving

PATIENCE = Patience(timeout=30.0, tries=3, pause=0.01)  # a busy machine may keep a server waiting
HASTE = Patience(timeout=0.7, tries=50, first_tries=50, pause=0.01, longest_pause=0.1)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes without a pattern, so that a piece in the wrong place changes the hash."""
    block = hashlib.sha512(str(seed).encode()).digest()
    blocks = [block]
    while len(blocks) * len(block) < size:
        blocks.append(hashlib.sha512(blocks[-1]).digest())
    return b"".join(blocks)[:size]


class Shop:
    """A file behind an address, and a list of ways to answer: one per request, the last one for all that follow."""

    def __init__(self) -> None:
        self.content, self.etag = noise(3_000_000), '"one"'
        self.headers: dict[str, str] = {}
        self.manners: list[Callable[[Request], None]] = [self.serve]
        self.asked: list[str | None] = []  # the Range of every request
        self.url = ""
        self.is_over = threading.Event()  # what ends a silence

    def answer(self, request: Request) -> None:
        if request.command == "HEAD":
            self.answer_head(request)
            return
        self.asked.append(request.headers.get("Range"))
        manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        manner(request)

    def answer_head(self, request: Request) -> None:
        if self.manners[0] == self.serve:
            self.head(request, 0)
        else:
            self.manners[0](request)

    def start_of(self, request: Request) -> int:
        wanted = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        return int(wanted[1]) if wanted and request.headers.get("If-Range") == self.etag else 0

    def head(self, request: Request, start: int) -> None:
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.send_header("ETag", self.etag)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()

    def serve(self, request: Request, length: int | None = None) -> None:
        start = self.start_of(request)
        self.head(request, start)
        request.wfile.write(self.content[start:][:length])

    def cut(self, request: Request) -> None:
        self.serve(request, 1_100_000)
        request.close_connection = True

    def stall(self, request: Request) -> None:
        self.serve(request, 700_000)
        request.wfile.flush()
        self.is_over.wait(60)
        request.close_connection = True

    def ignore_range(self, request: Request) -> None:
        self.head(request, 0)
        request.wfile.write(self.content)

    def ignore_if_range(self, request: Request) -> None:
        del request.headers["If-Range"]
        request.headers["If-Range"] = self.etag
        self.serve(request)

    def refuse(self, code: int) -> Callable[[Request], None]:
        return lambda request: request.send_error(code)

    def replace_file_then_serve(self, request: Request) -> None:
        self.content, self.etag = noise(2_500_000, seed=1), '"two"'
        self.serve(request)


@contextmanager
def opened(shop: Shop):
    with serving(shop.answer, "HTTP/1.1") as url:
        shop.url = f"{url}/params.tar"
        try:
            yield shop
        finally:
            shop.is_over.set()


@pytest.fixture
def shop():
    with opened(Shop()) as shop:
        yield shop


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "published" / "params.tar"


def get(shop: Shop, target: Path, **options):
    return download([shop.url], target, patience=PATIENCE, **options)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def leftovers(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {target.name}


def test_a_file_arrives_whole_and_its_hash_is_told(shop, target):
    seen = []
    receipt = get(shop, target, report=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == shop.content
    assert (receipt.sha256, receipt.num_bytes) == (sha256(shop.content), len(shop.content))
    assert receipt.checked_against.startswith("nothing")
    assert leftovers(target) == set()
    assert seen[0] == (0, 3_000_000)
    assert seen[-1] == (3_000_000, 3_000_000)


def test_a_cut_connection_is_taken_up_where_it_broke(shop, target):
    shop.manners = [shop.cut, shop.cut, shop.serve]
    get(shop, target)
    assert target.read_bytes() == shop.content
    assert shop.asked == [None, "bytes=1100000-", "bytes=2200000-"]


def test_progress_earns_further_tries(shop, target):
    shop.content = noise(5_000_000)
    shop.manners = [
        shop.cut
    ]  # each of five connections ends early; only three in a row without a byte would be too many
    get(shop, target)
    assert target.read_bytes() == shop.content
    assert len(shop.asked) == 5


def test_giving_up_keeps_what_arrived_and_a_rerun_goes_on(shop, target):
    shop.manners = [shop.cut, shop.refuse(503)]
    with pytest.raises(InputError, match=r"3 times in a row at 1,100,000 bytes.*503"):
        get(shop, target)
    assert not target.exists()
    assert part_of(target).read_bytes() == shop.content[:1_100_000]
    shop.manners = [shop.serve]
    get(shop, target)
    assert shop.asked[-1] == "bytes=1100000-"
    assert target.read_bytes() == shop.content


def test_a_silent_server_is_left_after_the_time_limit(shop, target):
    shop.manners = [shop.stall, shop.serve]
    start = time.monotonic()
    download([shop.url], target, patience=HASTE)  # tries enough for a machine so busy that a good answer is late too
    assert target.read_bytes() == shop.content
    assert 0.6 < time.monotonic() - start < 55  # the silence lasts a minute
    assert len(shop.asked) >= 2


def test_a_server_that_ignores_ranges_is_read_from_the_start(shop, target):
    shop.manners = [shop.cut, shop.ignore_range]
    get(shop, target)
    assert shop.asked == [None, "bytes=1100000-"]
    assert target.read_bytes() == shop.content


def test_a_file_changed_between_tries_is_not_mixed_with_the_old_one(shop, target):
    shop.manners = [shop.cut, shop.replace_file_then_serve]
    receipt = get(shop, target)
    assert target.read_bytes() == noise(2_500_000, seed=1)
    assert receipt.num_bytes == 2_500_000


def test_a_changed_file_is_noticed_even_if_the_server_ignores_if_range(shop, target):
    def replace_and_ignore(request):
        shop.content, shop.etag = noise(3_000_000, seed=1), '"two"'
        shop.ignore_if_range(request)

    shop.manners = [shop.cut, replace_and_ignore, shop.serve]
    get(shop, target)
    assert target.read_bytes() == noise(3_000_000, seed=1)
    assert shop.asked[-1] is None


def test_a_file_that_has_become_shorter_is_read_from_the_start(shop, target):
    def shrunk(request):
        shop.content = noise(1_000_000)
        request.send_error(416)

    shop.manners = [shop.cut, shrunk, shop.serve]
    get(shop, target)
    assert target.read_bytes() == noise(1_000_000)


def test_without_a_version_nothing_is_continued(shop, target):
    shop.etag = 'W/"weak"'
    shop.manners = [shop.cut, shop.serve]
    get(shop, target)
    assert shop.asked == [None, None]
    assert target.read_bytes() == shop.content


def test_wrong_bytes_are_removed_and_both_hashes_told(shop, target):
    with pytest.raises(InputError, match=f"{sha256(shop.content)}.*{'0' * 64}"):
        get(shop, target, sha256="0" * 64)
    assert not target.exists()
    assert leftovers(target) == set()


def test_the_hash_that_the_publishers_server_states_is_held_against_the_file(shop, target):
    shop.headers = {"x-goog-hash": "crc32c=AAAAAA==,md5=XrY7u+Ae7tCTyyK7j1rNww=="}  # md5 of "hello world"
    with pytest.raises(InputError, match="5eb63bbbe01eeed093cb22bb8f5acdc3"):
        get(shop, target)
    shop.content = b"hello world"
    assert get(shop, target).checked_against == "the publisher's server"
    assert target.read_bytes() == b"hello world"


def test_hashes_are_read_from_the_headers_of_both_publishers():
    sha = sha256(b"x")
    assert announced_digests([("X-Linked-Etag", f'"{sha}"')]) == {"sha256": sha}
    assert announced_digests([("ETag", f'"{sha}"'), ("x-goog-hash", "crc32c=AAAAAA==")]) == {}


def test_a_hash_stated_in_a_redirect_is_held_against_the_file(shop, target):
    def redirect(request):
        request.send_response(302)
        request.send_header("X-Linked-Etag", f'"{"1" * 64}"')
        request.send_header("Location", shop.url)
        request.send_header("Content-Length", "0")
        request.end_headers()

    shop.manners = [redirect, shop.serve]
    with pytest.raises(InputError, match="1" * 64):
        get(shop, target)


def test_a_missing_file_is_said_at_once_and_the_mirror_is_asked(shop, target):
    shop.manners = [shop.refuse(404), shop.serve]
    with pytest.raises(InputError, match=r"params.tar: the server answers 404"):
        get(shop, target)
    assert len(shop.asked) == 1
    shop.manners = [shop.refuse(404), shop.serve]
    receipt = download([shop.url, shop.url + "?mirror"], target, patience=PATIENCE)
    assert receipt.url.endswith("?mirror")
    assert target.read_bytes() == shop.content


def test_a_busy_server_is_asked_again(shop, target):
    shop.manners = [shop.refuse(503), shop.refuse(429), shop.serve]
    get(shop, target)
    assert target.read_bytes() == shop.content


def test_no_server_at_all_is_an_error_that_names_the_address(target):
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9/x: the download broke off 3 times"):
        download(["http://127.0.0.1:9/x"], target, patience=PATIENCE)


def test_a_full_disk_keeps_what_fits_and_a_rerun_goes_on(shop, target, full_disk):
    with full_disk(2_000_000), pytest.raises(DiskFault) as fault:
        get(shop, target)
    assert "published: the disk is full after 2,000,000 bytes, which are kept" in str(fault.value)
    assert re.search(r"3,000,000 bytes are needed and [\d,]+ bytes are free", str(fault.value))
    assert not target.exists()
    get(shop, target)
    assert shop.asked == [None, "bytes=2000000-"]
    assert target.read_bytes() == shop.content
    assert leftovers(target) == set()


def test_room_is_checked_before_the_first_byte(shop, target, monkeypatch):
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 68_000_000})())
    with pytest.raises(DiskFault, match=r"are needed and 0\.1 GB are free"):
        get(shop, target, room_factor=2.0)
    assert not part_of(target).exists()
    get(shop, target)


def test_a_folder_that_cannot_be_made_is_named(shop, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DiskFault, match=r"file.*cannot be written to"):
        get(shop, tmp_path / "file" / "params.tar")


def test_a_missing_right_to_write_is_named(shop, target, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(downloading.Path, "mkdir", forbidden)
    with pytest.raises(DiskFault, match="Permission denied"):
        get(shop, target)


def test_two_downloads_of_one_file_do_not_write_over_each_other(shop, target):
    shop.manners = [shop.stall, shop.serve]
    first = threading.Thread(target=get, args=(shop, target))
    first.start()
    while not part_of(target).exists():
        time.sleep(0.01)
    with pytest.raises(DiskFault, match="another process"):
        get(shop, target)
    shop.is_over.set()
    first.join()
    assert target.read_bytes() == shop.content
    assert leftovers(target) == set()


def test_a_damaged_note_means_a_fresh_start(shop, target):
    target.parent.mkdir()
    part_of(target).write_bytes(b"rubbish")
    sidecar_of(target).write_text("{")
    get(shop, target)
    assert shop.asked == [None]
    assert target.read_bytes() == shop.content


def test_the_size_is_asked_without_the_file(shop):
    assert announced_size(["http://127.0.0.1:9/gone", shop.url]) == 3_000_000
    assert announced_size(["http://127.0.0.1:9/gone"]) is None
    shop.manners = [shop.refuse(404)]
    assert announced_size([shop.url]) is None
