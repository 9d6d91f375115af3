"""A server on this machine that stands in for ColabFold's: it answers, and fails in the ways that one does."""

import gzip
import io
import json
import re
import tarfile
import time
import urllib.parse
import zlib
from collections.abc import Callable
from itertools import count

import pytest

from local_server import serving


class Kitchen:
    """Answers by path: each a list of ways, one per request, the last one for all that follow."""

    def __init__(self):
        self.states = ["PENDING", "RUNNING", "COMPLETE"]
        self.files: dict[str, bytes] = {}
        self.structures: dict[str, bytes] = {}
        self.sequences: dict[str, str] = {}
        self.manners: dict[str, list[Callable]] = {}
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.agents: set[str] = set()
        self.url, self.numbers = "", count(1)
        self.patience = 0.8  # seconds of a stall

    def answer(self, request) -> None:
        path = request.path.strip("/")
        self.asked.append(re.sub(r"\d+$", "", path))
        self.agents.add(request.headers["User-Agent"])
        if request.command == "POST":
            text = request.rfile.read(int(request.headers["Content-Length"])).decode()
            self.forms.append({key: value[0] for key, value in urllib.parse.parse_qs(text).items()})
        kind = "submit" if request.command == "POST" else path.split("/")[0]
        ways = self.manners.get(kind, [self.usual])
        (ways.pop(0) if len(ways) > 1 else ways[0])(request)

    def usual(self, request) -> None:
        path = request.path.strip("/")
        if request.command == "POST":
            self.say(request, {"id": f"{path.split('/')[1]}-{next(self.numbers)}", "status": self.states[0]})
        elif path.startswith("ticket/"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            self.say(request, {"id": path.split("/")[1], "status": state})
        elif path.startswith("template/"):
            self.send(request, self.templates(path.removeprefix("template/").split(",")))
        else:
            self.send(request, self.files[path.split("/")[-1].split("-")[0]])

    def templates(self, names: list[str]) -> bytes:
        """As the server of ColabFold packs them: sequences first, then entries in order, up to one that is missing."""
        rows, index = "", ""
        for name in sorted({name for name in names if name in self.sequences}):
            row = f">ss_dssp\nCCHH\n>{name} a protein\n{self.sequences[name]}\n>other\n----\n\0"
            index += f"{name}\t{len(rows)}\t{len(row)}\n"
            rows += row
        members = {"pdb70_a3m.ffdata": rows.encode(), "pdb70_a3m.ffindex": index.encode()}
        for entry in sorted({name.split("_")[0].lower() for name in names}):
            if entry not in self.structures:
                return self.packed(members, is_whole=False)
            members[f"{entry}.cif"] = self.structures[entry]
        return self.packed(members)

    def archive(self, **files: str) -> bytes:
        """Texts under these names, in which `__` stands for a point."""
        return self.packed({name.replace("__", "."): text.encode() for name, text in files.items()})

    @staticmethod
    def packed(members: dict[str, bytes], is_whole: bool = True) -> bytes:
        """A packed archive, or one to whose end the words of a failure were written."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, text in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
            end = data.tell()
        if is_whole:
            return gzip.compress(data.getvalue(), compresslevel=1)
        stream = zlib.compressobj(wbits=31)
        sent = stream.compress(data.getvalue()[:end]) + stream.flush(zlib.Z_SYNC_FLUSH)
        return sent + b"open /pdb/ab/1abc.cif.gz: no such file or directory\n"

    def say(self, request, answer: object) -> None:
        self.send(request, json.dumps(answer).encode())

    def send(self, request, body: bytes, code: int = 200, length: int | None = None, **headers: str) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    def refuse(self, code: int, **headers: str) -> Callable:
        return lambda request: self.send(request, b"no", code, **headers)

    def state(self, word: str) -> Callable:
        return lambda request: self.say(request, {"status": word})

    def garbage(self, request) -> None:
        self.send(request, b"<html>502 Bad Gateway</html>")

    def stall(self, request) -> None:
        time.sleep(self.patience)
        request.close_connection = True

    def cut(self, request) -> None:
        self.send(request, b"a part", length=100)
        request.close_connection = True

    def hang_up(self, request) -> None:
        request.close_connection = True


@pytest.fixture
def kitchen():
    kitchen = Kitchen()
    with serving(kitchen.answer) as kitchen.url:
        yield kitchen
