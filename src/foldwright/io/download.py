"""Downloads that survive cut connections, full disks and interrupted runs, and are whole when they appear.

Bytes go to `<name>.part`; beside it `<name>.part.json` remembers which version of the file they belong to. Only a file
of the right length and hash gets its final name.
"""

import base64
import contextlib
import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.atomic import free_bytes

CHUNK = 1 << 20
RESERVE = 64_000_000  # bytes left free on the disk, for the files of other programs
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}
WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}

Report = Callable[[int, int | None], None]  # bytes so far, bytes in all if the server says


def silent(done: int, total: int | None) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a server, and how often to come back to it."""

    timeout: float = 60.0  # seconds without a byte
    tries: int = 6  # in a row without progress
    first_tries: int = 3  # the same while nothing has come at all: an address that does not answer
    pause: float = 1.0  # seconds after the first failure, doubled after each further one
    longest_pause: float = 60.0


PATIENT = Patience()


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was downloaded, from where, and how it was checked."""

    path: Path
    url: str
    num_bytes: int
    sha256: str
    checked_against: str  # who stated the hash that it was compared with


@dataclass(frozen=True)
class Offer:
    """What a server says about a file in its answer."""

    total: int | None
    version: str | None  # a strong ETag or a date: what `If-Range` may name
    digests: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"total": self.total, "version": self.version, "digests": dict(self.digests)}


class ConnectionLost(Exception):
    """The transfer stopped for a reason that another try may overcome."""


class FileChanged(ConnectionLost):
    """What was received belongs to a file that the server no longer has."""


class DiskFault(InputError):
    """Nothing can be written here, whichever address the bytes come from."""


def download(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str | None = None,
    stated_by: str = "the catalogue",
    room_factor: float = 1.0,
    patience: Patience = PATIENT,
    report: Report = silent,
) -> Receipt:
    """Bring a file here from the first address that has it, continuing what an earlier run began.

    `stated_by`: who says that this is its `sha256`. `room_factor`: how many times its size must be free on the disk.

    Raises:
        InputError: not found, cut too often, no room, no right to write, or not the file that was promised.
    """
    faults: list[InputError] = []
    with _writable(target), _alone(target):
        for url in urls:
            try:
                offer = _transfer(url, target, room_factor, patience, report)
                return _finish(url, target, offer, {"sha256": sha256} if sha256 else {}, stated_by)
            except DiskFault:
                raise
            except InputError as fault:
                faults.append(fault)
    raise faults[0]


def announced_size(urls: Sequence[str], timeout: float = 20.0) -> int | None:
    """How many bytes the first address that answers says its file has; None if none says so."""
    for url in urls:
        request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "foldwright"})
        with contextlib.suppress(OSError, http.client.HTTPException):
            with urllib.request.urlopen(request, timeout=timeout) as response:
                length = response.headers.get("Content-Length", "")
            if length.isdigit():
                return int(length)
    return None


def _transfer(url: str, target: Path, room_factor: float, patience: Patience, report: Report) -> Offer:
    """Every byte of `url` in the part file, over as many connections as it takes."""
    failures, reached = 0, -1
    while True:
        try:
            return _one_connection(url, target, room_factor, patience.timeout, report)
        except ConnectionLost as lost:
            if isinstance(lost, FileChanged):
                _forget(target)
            size = _size(part_of(target))
            failures = 1 if size > reached else failures + 1
            reached = max(size, reached)
            if failures >= (patience.tries if reached > 0 else min(patience.tries, patience.first_tries)):
                raise InputError(
                    f"the download broke off {failures} times in a row at {size:,} bytes ({lost}).",
                    file=url,
                    remedy="What has arrived is kept: run the command again to go on from there.",
                ) from lost
            time.sleep(min(patience.pause * 2 ** (failures - 1), patience.longest_pause))


def _one_connection(url: str, target: Path, room_factor: float, timeout: float, report: Report) -> Offer:
    """Ask for what is missing and append it; raise ConnectionLost if it ends too early."""
    part, start, known = part_of(target), *_progress_so_far(url, target)
    if known is not None and start == known.total:
        return known
    with _answer(url, start, known, timeout) as response:
        begin = _first_byte(response) if response.status == 206 else 0
        offer = _offer(response, begin, known)
        is_same = known is not None and (offer.version, offer.total) == (known.version, known.total)
        if begin and (begin != start or not is_same):  # a server that ignores If-Range
            raise FileChanged("the server's file has changed")
        _check_room(target, offer.total, begin, room_factor)
        sidecar_of(target).write_text(json.dumps({"url": url, **offer.as_json()}))
        with disk_faults(target, offer.total), part.open("r+b" if begin else "wb", buffering=0) as file:
            file.seek(begin)
            _pour(response, file, begin, offer.total, report)
    return offer


def _answer(url: str, start: int, known: Offer | None, timeout: float) -> http.client.HTTPResponse:
    """The server's answer to a request for the bytes from `start`, if its file is still the same one."""
    headers = {"User-Agent": "foldwright", "Accept-Encoding": "identity"}
    if start and known is not None and known.version:
        headers |= {"Range": f"bytes={start}-", "If-Range": known.version}
    redirects, request = _Redirects(), urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.build_opener(redirects).open(request, None, timeout)
    except urllib.error.HTTPError as refused:
        refused.close()
        if refused.code == 416:  # nothing lies beyond `start`: the file is shorter now
            raise FileChanged("the server's file has changed") from refused
        if refused.code in WORTH_ANOTHER_TRY:
            raise ConnectionLost(f"the server answers {refused.code} {refused.reason}") from refused
        raise InputError(
            f"the server answers {refused.code} {refused.reason}.",
            file=url,
            remedy="If the publisher moved the file, download it by hand and give its path.",
        ) from refused
    except (OSError, http.client.HTTPException) as failure:  # no route, no name, refused, time-out
        raise ConnectionLost(str(getattr(failure, "reason", "") or failure) or type(failure).__name__) from failure
    for name, value in redirects.headers.items():
        response.headers[name] = value
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Hugging Face states the hash of a file in the answer that sends one on to where it lies."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.headers |= {k: v for k, v in headers.items() if k.lower() == "x-linked-etag"}
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _pour(response: http.client.HTTPResponse, file: Any, done: int, total: int | None, report: Report) -> None:
    while True:
        report(done, total)
        try:
            chunk = response.read1(CHUNK)  # what has come, so that a stall loses nothing
        except http.client.IncompleteRead as cut:
            file.write(cut.partial)
            raise ConnectionLost("the connection closed too early") from cut
        except (OSError, http.client.HTTPException) as cut:
            raise ConnectionLost(str(cut) or type(cut).__name__) from cut
        if not chunk:
            break
        while chunk:  # an unbuffered write may take less than it was given
            chunk = chunk[file.write(chunk) :]
        done = file.tell()
    if total is not None and done < total:
        raise ConnectionLost(f"the connection closed after {done:,} of {total:,} bytes")
    os.fsync(file.fileno())


def _offer(response: http.client.HTTPResponse, begin: int, known: Offer | None) -> Offer:
    length = response.headers.get("Content-Length")
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    digests = announced_digests(response.headers.items()) or (known.digests if begin and known else {})
    return Offer(begin + int(length) if length and length.isdigit() else None, version, digests)


def announced_digests(headers: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> dict[str, str]:
    """The hashes that a publisher's server sends along: Google's `x-goog-hash`, Hugging Face's `x-linked-etag`."""
    found = {}
    for name, value in headers:
        if name.lower() == "x-goog-hash" and (md5 := re.search(r"md5=([\w+/=]+)", value)):
            found["md5"] = base64.b64decode(md5[1]).hex()
        if name.lower() == "x-linked-etag" and (sha := re.fullmatch(r'"?([0-9a-f]{64})"?', value)):
            found["sha256"] = sha[1]
    return found


def _first_byte(response: http.client.HTTPResponse) -> int:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _finish(url: str, target: Path, offer: Offer, stated: Mapping[str, str], stated_by: str) -> Receipt:
    """Compare length and hashes, then give the file its name; a wrong file is removed."""
    part = part_of(target)
    expected = {**offer.digests, **stated}
    judge = stated_by if stated else "the publisher's server" if expected else "nothing: none was published"
    measured = digests_of(part, {"sha256", *expected})
    wrong = [
        f"its {kind} is {measured[kind]}, by {judge} it should be {value}"
        for kind, value in expected.items()
        if measured[kind] != value
    ]
    if offer.total is not None and _size(part) != offer.total:
        wrong.append(f"it has {_size(part):,} bytes and should have {offer.total:,}")
    if wrong:
        _forget(target)
        raise InputError(
            f"what arrived is not the published file: {'; '.join(wrong)}. It was removed.",
            file=url,
            remedy="Run the command again; if this repeats, something between the publisher and you changes the file.",
        )
    size = _size(part)
    os.replace(part, target)
    sidecar_of(target).unlink(missing_ok=True)
    return Receipt(path=target, url=url, num_bytes=size, sha256=measured["sha256"], checked_against=judge)


def digests_of(path: Path, kinds: set[str]) -> dict[str, str]:
    """Hashes of a file's contents, read once."""
    hashes = {kind: hashlib.new(kind) for kind in kinds}
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for each in hashes.values():
                each.update(chunk)
    return {kind: each.hexdigest() for kind, each in hashes.items()}


def part_of(target: Path) -> Path:
    """Where the bytes of an unfinished download lie."""
    return target.with_name(target.name + ".part")


def sidecar_of(target: Path) -> Path:
    """Where it is remembered which version of the file they belong to."""
    return target.with_name(target.name + ".part.json")


def _progress_so_far(url: str, target: Path) -> tuple[int, Offer | None]:
    """Bytes that are here and what they are bytes of; nothing if either is in doubt."""
    try:
        note = json.loads(sidecar_of(target).read_text())
        if note["url"] != url:
            return 0, None
        return _size(part_of(target)), Offer(note["total"], note["version"], note["digests"])
    except (OSError, ValueError, KeyError):
        return 0, None


def _forget(target: Path) -> None:
    part_of(target).unlink(missing_ok=True)
    sidecar_of(target).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_room(target: Path, total: int | None, begin: int, room_factor: float) -> None:
    needed = 0 if total is None else int(total * room_factor) - begin
    free = shutil.disk_usage(target.parent).free
    if needed + RESERVE > free:
        raise DiskFault(
            f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free on this disk.",
            file=target.parent,
            remedy="Free some room, or choose a folder on a larger disk; --help says how.",
        )


@contextlib.contextmanager
def _writable(target: Path) -> Iterator[None]:
    """Make the folder, and turn a missing right to write into an error that says so."""
    with disk_faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        yield


@contextlib.contextmanager
def disk_faults(target: Path, needed: int | None = None) -> Iterator[None]:
    """A full disk or a missing right, said in words; what arrived stays for the next run.

    needed  bytes of the whole file, where that is known
    """
    try:
        yield
    except OSError as fault:
        if fault.errno in NO_ROOM:
            problem, remedy = _fullness(target, needed), "Free some room and run the command again."
        elif fault.errno in NO_RIGHT | {errno.ENOTDIR, errno.EEXIST}:
            problem = f"this folder cannot be written to ({fault.strerror})."
            remedy = "Choose another; --help says how."
        else:
            raise
        raise DiskFault(problem, file=target.parent, remedy=remedy) from fault


def _fullness(target: Path, needed: int | None) -> str:
    arrived, free = _size(part_of(target)), free_bytes(target)
    after = f" after {arrived:,} bytes, which are kept" if arrived else ""
    wanted = f"{needed:,} bytes are needed and " if needed else ""
    return f"the disk is full{after}: {wanted}{free:,} bytes are free."


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Only one process writes a part file at a time (where the system has file locks)."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    lock = target.with_name(target.name + ".lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiskFault("another process is downloading this file.", file=target, remedy="Wait for it.") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
