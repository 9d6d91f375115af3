"""The MSA server of ColabFold (Mirdita et al. 2022): relatives, paired rows and templates found by MMseqs2 elsewhere.

Sequences leave this machine. The server is shared by everyone: one ticket at a time, and what it answers is to be kept.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.tickets import FIRST_NUMBER, Desk, Manners, Order, Report, contact, silent, turn, unique

PUBLIC = "https://api.colabfold.com"
PAIRINGS = ("none", "greedy", "complete")
LARGEST = 1 << 31  # bytes of an unpacked answer
_UNIREF, _PAIRED, _TEMPLATES = "uniref.a3m", "pair.a3m", "pdb70.m8"
_STEPS = re.compile(r"(\d+)([MID])")


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """What a server is asked for.

    environmental  also search the sequences of the environment
    filtered       let the server thin the rows out (hhfilter's diversity filter), as its website does
    templates      also ask which structures of the PDB are similar
    pairing        rows for a complex: `greedy` pairs what it can, `complete` only species that have all chains
    environmental_pairing  also pair sequences of the environment
    contact        e-mail address told to the operators; None is $FOLDWRIGHT_CONTACT
    """

    host: str = PUBLIC
    environmental: bool = True
    filtered: bool = True
    templates: bool = False
    pairing: str = "none"
    environmental_pairing: bool = False
    contact: str | None = None
    manners: Manners = field(default_factory=Manners)
    tickets: Path | None = None

    def __post_init__(self):
        if self.pairing not in PAIRINGS:
            remedy = f"Choose one of {', '.join(PAIRINGS)}."
            raise InputError(f'"{self.pairing}" is not known.', field="--pairing", remedy=remedy)

    @property
    def mode(self) -> str:
        """The server's word for how to search single chains."""
        kind = "env" if self.environmental else "all"
        return kind if self.filtered else {"env": "env-nofilter", "all": "nofilter"}[kind]

    @property
    def pairing_mode(self) -> str:
        """The server's word for how to pair."""
        return f"pair{self.pairing}{'-env' if self.environmental_pairing else ''}"


class ServerHit(NamedTuple):
    """A structure that the server names as a template: `1abc_A`, with the columns of its table.

    The ranges count from 1 and hold both ends. `cigar` says what lies over what between them: `M` both, `I` residues of
    the query alone, `D` of the structure alone.
    """

    name: str
    identity: float
    query_range: tuple[int, int]
    hit_range: tuple[int, int]
    e_value: float
    cigar: str = ""

    def as_template(self, number: int, query: str) -> TemplateHit:
        """The hit as other programs report it, its letters not known yet; its name alone if the columns disagree."""
        steps = [(int(count), kind) for count, kind in _STEPS.findall(self.cigar)]
        queries = sum(count for count, kind in steps if kind in "MI")
        places = sum(count for count, kind in steps if kind in "MD")
        ends = (self.query_range[0] + queries - 1, self.hit_range[0] + places - 1)
        if not steps or ends != (self.query_range[1], self.hit_range[1]) or not 0 < ends[0] <= len(query):
            return TemplateHit.of_name(self.name, number, self.e_value)
        moves = "".join(count * kind for count, kind in steps)
        columns, seats = _counted(moves, "MI", self.query_range[0]), _counted(moves, "MD", self.hit_range[0])
        letters = "".join("-" if column < 0 else query[column] for column in columns)
        return TemplateHit(number, self.name, moves.count("M"), None, letters, "", columns, seats, None, self.e_value)


class ServerAnswer(NamedTuple):
    """What a server found for one sequence; the rows of `paired` stand beside those of the other chains."""

    alignment: Alignment
    paired: Alignment | None
    templates: tuple[ServerHit, ...]


def search_on_server(
    sequences: Sequence[str], options: ServerOptions | None = None, report: Report = silent
) -> list[ServerAnswer]:
    """One answer for each sequence; with pairing, the sequences are the chains of one complex.

    Raises InputError if the server cannot be reached, refuses, is closed, or what it sends is not for these sequences.
    """
    options = options or ServerOptions()
    asked = unique(sequences)
    files = _answered(Order("ticket/msa", options.mode, asked), options, report)
    is_paired = options.pairing != "none" and len(asked) > 1
    paired = pair_on_server(asked, options, report) if is_paired else [None] * len(asked)
    hits = _hits(files.get(_TEMPLATES, "")) if options.templates else {}
    found = {
        sequence: ServerAnswer(_alignment(files, i, sequence), paired[i], hits.get(i + FIRST_NUMBER, ()))
        for i, sequence in enumerate(asked)
    }
    return [found[sequence] for sequence in sequences]


def pair_on_server(sequences: Sequence[str], options: ServerOptions, report: Report = silent) -> list[Alignment]:
    """The paired rows alone, for each of the different chains of one complex, where their own rows are known already.

    Raises InputError as `search_on_server` does.
    """
    files = _answered(Order("ticket/pair", options.pairing_mode, tuple(sequences)), options, report)
    text = files.get(_PAIRED, "")
    rows = [_block(text, _PAIRED, i, s) or Alignment.of_query(s) for i, s in enumerate(sequences)]
    if len(depths := sorted({len(each) for each in rows})) > 1:
        remedy = "Run the search again; if this repeats, choose --pairing none."
        told = f"the paired chains have {' and '.join(map(str, depths))} rows; they must be equal."
        raise InputError(told, file=options.host, remedy=remedy)
    return rows


def _answered(order: Order, options: ServerOptions, report: Report) -> dict[str, str]:
    """The files of an answer; other threads of this process wait for their turn."""
    address = options.contact if options.contact is not None else contact()
    desk = Desk(options.host, address, options.manners, options.tickets, report)
    with turn:
        return desk.result(order, unpacked)


def unpacked(data: bytes) -> dict[str, str]:
    """The texts of an answer by file name. Raises ValueError if the archive is damaged or has no alignment in it."""
    texts: dict[str, str] = {}
    try:
        whole = gzip.decompress(data)  # tarfile alone overlooks an end that was cut off between two members
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
            for member in tar:
                name = Path(member.name).name
                if member.isreg() and name.endswith((".a3m", ".m8")) and member.size < LARGEST:
                    file = tar.extractfile(member)
                    texts[name] = file.read().decode("utf-8") if file else ""
    except (tarfile.TarError, EOFError, zlib.error, OSError) as fault:
        raise ValueError(f"the archive is damaged ({fault})") from fault
    if not any(name.endswith(".a3m") for name in texts):
        raise ValueError("the archive holds no alignment")
    return texts


def _alignment(files: Mapping[str, str], index: int, sequence: str) -> Alignment:
    """The rows of UniRef, then those of the environment, the query once."""
    names = sorted((name for name in files if name.endswith(".a3m")), key=lambda name: (name != _UNIREF, name))
    parts = [part for name in names if (part := _block(files[name], name, index, sequence)) is not None]
    rows = [part.rows(range(1, len(part))) for part in parts if len(part) > 1]
    return Alignment.concatenate([Alignment.of_query(sequence), *rows])


def _block(text: str, name: str, index: int, sequence: str) -> Alignment | None:
    """The rows that belong to one query: blocks are parted by NUL and begin with the query's number."""
    for block in text.split("\0"):
        lines = block.strip().splitlines()
        if lines and lines[0].strip() == f">{index + FIRST_NUMBER}":
            found = parse_a3m(lines, f"{name} of the server", sequence)
            return Alignment(found.sequences, found.deletions, ["query", *found.descriptions[1:]])
    return None


def _counted(moves: str, kinds: str, first: int) -> list[int]:
    """The places of one sequence, from 0 on; -1 where a step is of the other alone."""
    place = first - 2
    return [(place := place + 1) if kind in kinds else -1 for kind in moves]


def _hits(table: str) -> dict[int, tuple[ServerHit, ...]]:
    """Templates by the number of their query; columns as MMseqs2 and BLAST write them."""
    hits: dict[int, tuple[ServerHit, ...]] = {}
    for line in table.replace("\0", "").splitlines():
        words = line.split()
        try:
            hit = ServerHit(
                name=words[1],
                identity=float(words[2]),
                query_range=(int(words[6]), int(words[7])),
                hit_range=(int(words[8]), int(words[9])),
                e_value=float(words[10]),
                cigar=words[12] if len(words) > 12 else "",
            )
            hits[int(words[0])] = (*hits.get(int(words[0]), ()), hit)
        except (IndexError, ValueError) as fault:
            remedy = "Run the search again; if this repeats, search without --templates."
            raise InputError(f'"{line[:60]}" is no hit.', file=f"{_TEMPLATES} of the server", remedy=remedy) from fault
    return hits
