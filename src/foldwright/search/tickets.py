"""A ticket at an MSA server of ColabFold: asked for once, waited for politely, found again after a restart."""

from __future__ import annotations

import datetime
import hashlib
import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.io.cache_folder import cache_folder

T = TypeVar("T")
CHUNK = 1 << 16
FIRST_NUMBER = 101  # the server of ColabFold numbers queries from here
BUSY = {408, 425, 429, 500, 502, 503, 504}
WAITING, AGAIN, DONE, CLOSED = ("PENDING", "RUNNING"), ("UNKNOWN", "RATELIMIT"), "COMPLETE", "MAINTENANCE"
PROJECT = "https://pypi.org/project/foldwright"

Report = Callable[[str], None]
turn = threading.Lock()  # of this process with any server: one question at a time


def contact() -> str:
    """The address that operators may write to: $FOLDWRIGHT_CONTACT, or none."""
    return os.environ.get("FOLDWRIGHT_CONTACT", "")


def silent(text: str) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a client treats a server that many people share; all times in seconds.

    timeout        without a byte, after which a connection counts as broken
    tries          broken answers in a row before giving up; being told to wait is none
    first_pause    between two questions, longer each time up to `longest_pause`
    longest_pause  unless the server asks for more with Retry-After
    total          for one ticket, from the first question to the last byte
    """

    timeout: float = 30.0
    tries: int = 6
    first_pause: float = 5.0
    longest_pause: float = 60.0
    total: float = 4 * 3600.0


@dataclass(frozen=True)
class Order:
    """What is asked for: `ticket/msa` or `ticket/pair`, the server's word for how, and the sequences."""

    endpoint: str
    mode: str
    sequences: tuple[str, ...]

    def form(self) -> bytes:
        text = "".join(f">{i}\n{sequence}\n" for i, sequence in enumerate(self.sequences, FIRST_NUMBER))
        return urllib.parse.urlencode({"q": text, "mode": self.mode}).encode()


@dataclass(frozen=True)
class Answer:
    """The state of a ticket."""

    status: str
    ticket: str = ""


class Unusable(InputError):
    """The server refuses, or answers what cannot be understood: its ticket is not worth remembering."""


class Refused(Unusable):
    """The server does not do what it is asked, whoever asks again."""


class NotYet(Exception):
    """Another try may do better; `wait` is how long the server wants to be left alone, None if it does not say."""

    def __init__(self, what: str, wait: float | None = None, was_told: bool = False):
        super().__init__(what)
        self.wait, self.was_told = wait, was_told


class Garbage(NotYet):
    """An answer that is none."""


@dataclass
class Desk:
    """One server and how to talk to it.

    contact  an e-mail address the operators may write to, told with every request
    tickets  folder in which open tickets are remembered; None is in the cache of this system
    """

    host: str
    contact: str = ""
    manners: Manners = field(default_factory=Manners)
    tickets: Path | None = None
    report: Report = silent

    def __post_init__(self):
        if urllib.parse.urlsplit(self.host).scheme not in ("http", "https"):
            raise InputError(f'"{self.host}" is no address.', field="host", remedy="It begins with https://.")
        self._deadline = time.monotonic() + self.manners.total

    def result(self, order: Order, read: Callable[[bytes], T]) -> T:
        """What the server found, as `read` understands it; `read` raises ValueError for what it does not.

        Raises InputError if the server refuses, fails, is closed, or takes longer than there is time.
        """
        self._deadline = time.monotonic() + self.manners.total
        try:
            ticket = self._completed(order)
            found = self._ask(f"result/download/{urllib.parse.quote(ticket)}", read)
        except Unusable:
            self._forget(order)
            raise
        self._forget(order)
        return found

    def fetch(self, path: str, read: Callable[[bytes], T]) -> T:
        """What the server has under this path, for which there is no ticket; `read` as for `result`.

        Raises Refused for what it does not have, and InputError as `result` does.
        """
        self._deadline = time.monotonic() + self.manners.total
        return self._ask(path, read)

    def rest(self, seconds: float) -> None:
        """Leave the server alone for a while."""
        self._deadline = time.monotonic() + self.manners.total
        self._rest(seconds)

    def _completed(self, order: Order) -> str:
        """The ticket once it is done."""
        remembered = self._remembered(order)
        answer = self._state_of(remembered) if remembered else self._submit(order)
        pauses = Pauses(self.manners)
        while answer.status != DONE:
            self.report(f"{urllib.parse.urlsplit(self.host).netloc}: {answer.status.lower()}")
            if answer.status in WAITING:
                self._rest(pauses.next())
                answer = self._state_of(answer.ticket)
            elif answer.status in AGAIN:
                self._rest(pauses.next() if answer.status != "UNKNOWN" or not remembered else 0.0)
                remembered, answer = None, self._submit(order)
            else:
                raise self._refusal(order, answer)
        return answer.ticket

    def _refusal(self, order: Order, answer: Answer) -> InputError:
        """Why there will be no result."""
        if answer.status == CLOSED:
            remedy = "Try again later: the same command goes on from there."
            return InputError("the server is closed for maintenance.", file=self.host, remedy=remedy)
        remedy = (
            f"Check the {'sequences' if len(order.sequences) > 1 else 'sequence'}; if they are proteins of usual "
            "length, try again in an hour, or search databases of your own."
        )
        said = f'the server answers "{answer.status}" for ticket {answer.ticket or "(none)"}.'
        return Unusable(said, file=self.host, remedy=remedy)

    def _submit(self, order: Order) -> Answer:
        answer = self._ask(order.endpoint, _answer, order.form())
        if answer.ticket and answer.status in (*WAITING, DONE):
            self._remember(order, answer.ticket)
        return answer

    def _state_of(self, ticket: str) -> Answer:
        answer = self._ask(f"ticket/{urllib.parse.quote(ticket)}", _answer)
        return Answer(answer.status, ticket)

    def _ask(self, path: str, read: Callable[[bytes], T], form: bytes | None = None) -> T:
        """One question, repeated while the server is busy or its answers are broken."""
        pauses, broken = Pauses(self.manners), 0
        while True:
            try:
                return read(self._once(path, form))
            except ValueError as garbage:
                trouble = Garbage(f"what it answers cannot be understood: {garbage}")
            except NotYet as not_yet:
                trouble = not_yet
            broken += not trouble.was_told
            if broken >= self.manners.tries:
                remedy = "Is there a network, and is the address right? The same command goes on from here."
                said = f"the server did not answer properly {broken} times in a row ({trouble})."
                kind = Unusable if isinstance(trouble, Garbage) else InputError
                raise kind(said, file=f"{self.host}/{path}", remedy=remedy) from trouble
            self.report(f"{urllib.parse.urlsplit(self.host).netloc}: {trouble}")
            self._rest(max(trouble.wait or 0.0, pauses.next()))

    def _once(self, path: str, form: bytes | None) -> bytes:
        name = f"foldwright/{version('foldwright')} ({', '.join(filter(None, [PROJECT, self.contact]))})"
        request = urllib.request.Request(f"{self.host.rstrip('/')}/{path}", form, {"User-Agent": name})
        try:
            with urllib.request.urlopen(request, timeout=self.manners.timeout) as response:
                return self._body(response)
        except urllib.error.HTTPError as refused:
            refused.close()
            said = f"it answers {refused.code} {refused.reason}"
            if refused.code in BUSY:
                raise NotYet(
                    said, retry_after(refused.headers.get("Retry-After")), was_told=refused.code == 429
                ) from refused
            remedy = "Is this the address of an MSA server of ColabFold?"
            raise Refused(f"{said}.", file=request.full_url, remedy=remedy) from refused
        except (OSError, http.client.HTTPException) as failure:
            reason = getattr(failure, "reason", "") or failure
            raise NotYet(str(reason) or type(failure).__name__) from failure

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """All of it; a server that only drips is left when there is no time any more."""
        parts = []
        while chunk := response.read(CHUNK):
            parts.append(chunk)
            self._check_time()
        return b"".join(parts)

    def _rest(self, seconds: float) -> None:
        """Do nothing, but hear Ctrl-C even outside the main thread."""
        end = time.monotonic() + seconds
        if end > self._deadline:
            self._give_up()
        while (left := end - time.monotonic()) > 0:
            interrupts.check()
            time.sleep(min(left, 0.5))

    def _check_time(self) -> None:
        interrupts.check()
        if time.monotonic() > self._deadline:
            self._give_up()

    def _give_up(self) -> None:
        remedy = "The ticket is remembered: the same command goes on from there; or search databases of your own."
        raise InputError(f"no result within {self.manners.total:,.0f} seconds.", file=self.host, remedy=remedy)

    def _memory(self, order: Order) -> Path:
        text = json.dumps([self.host, order.endpoint, order.mode, order.sequences])
        folder = self.tickets or cache_folder() / "tickets"
        return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def _remembered(self, order: Order) -> str | None:
        try:
            return str(json.loads(self._memory(order).read_text())["ticket"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _forget(self, order: Order) -> None:
        self._memory(order).unlink(missing_ok=True)

    def _remember(self, order: Order, ticket: str) -> None:
        note = {"ticket": ticket, "host": self.host, "endpoint": order.endpoint, "mode": order.mode, "asked": _now()}
        with atomic_write(self._memory(order)) as file:
            json.dump(note, file)


class Pauses:
    """Each half as long again as the one before, with some chance, so that clients do not come in step."""

    def __init__(self, manners: Manners):
        self._length, self._longest = manners.first_pause, manners.longest_pause

    def next(self) -> float:
        length, self._length = self._length, min(1.5 * self._length, self._longest)
        return length * random.uniform(0.75, 1.25)


def retry_after(text: str | None) -> float | None:
    """The seconds that a server asks to wait: a number, or a date (RFC 9110, 10.2.3); None if it says neither."""
    text = (text or "").strip()
    if text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when - datetime.datetime.now(when.tzinfo)).total_seconds())


def _answer(body: bytes) -> Answer:
    """Raises ValueError if this is not what a server of ColabFold says of a ticket."""
    said = json.loads(body)
    if not isinstance(said, dict) or not isinstance(said.get("status"), str):
        raise ValueError(f"no status in {body[:80]!r}")
    answer = Answer(said["status"].upper(), str(said.get("id") or ""))
    if answer.status in (*WAITING, DONE) and not answer.ticket:
        raise ValueError(f"no ticket in {body[:80]!r}")
    return answer


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def unique(sequences: Sequence[str]) -> tuple[str, ...]:
    """Each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(sequences))
