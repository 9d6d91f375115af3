"""A publisher on this machine, and releases that it publishes."""

import gzip
import io
import shutil
import subprocess
import tarfile

import pytest

from foldwright.search.databases.catalog import Release
from local_server import serving


def fasta(start: int, stop: int) -> bytes:
    return b"".join(b">s%d\nMKVL\n" % i for i in range(start, stop))


def tar_of(**files: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/").replace("DOT", "."))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


class Publisher:
    def __init__(self):
        self.files = {"a.fasta.gz": gzip.compress(fasta(0, 40)[:-1]), "b.fasta.gz": gzip.compress(fasta(40, 50))}
        self.asked: list[tuple[str, str]] = []
        self.limit: int | None = None  # bytes after which the connection breaks
        self.url = ""

    def answer(self, request) -> None:
        name = request.path.strip("/")
        self.asked.append((request.command, name))
        if name not in self.files:
            request.send_error(404)
            return
        start = int((request.headers.get("Range") or "bytes=0-")[6:-1])
        data = self.files[name]
        request.send_response(206 if start else 200)
        request.send_header("ETag", '"one"')
        request.send_header("Content-Length", str(len(data) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(data[start:][: self.limit])

    def release(self, database: str, target: str, *files: str, unpacked: int | None = 1000) -> Release:
        return Release(
            name=f"{database}-test",
            database=database,
            urls=tuple(f"{self.url}/{file}" for file in files),
            target=target,
            packed=None,
            unpacked=unpacked,
            licence="CC0",
            publisher="the test",
        )


@pytest.fixture
def publisher():
    publisher = Publisher()

    with serving(publisher.answer) as publisher.url:
        yield publisher


@pytest.fixture
def zstandard():
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    return lambda data: subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.fixture(name="tar_of")
def _tar_of():
    return tar_of


@pytest.fixture(name="fasta")
def _fasta():
    return fasta
