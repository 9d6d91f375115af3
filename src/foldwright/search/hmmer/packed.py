"""A piece of a FASTA file as codes side by side, so that one pass over them can decide which sequences HMMER sees."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from jaxtyping import Int64, UInt8
from pyhmmer.easel import Alphabet, DigitalSequenceBlock, SequenceFile

STOPS = 8  # codes between two sequences
STOP = 31  # a code of no residue
_FIRST_STOP = 30
_BETWEEN = b"\0" + b"\1" * (STOPS - 1)  # what separates sequences until letters become codes
_UNKNOWN = 255
WHITE = b" \t\r\n\v\f"


@dataclass(frozen=True, eq=False)
class Packed:
    """Sequences by their codes; their text is kept for those that HMMER is to read.

    begins           where in `text` the record of each is, and behind the last a line further than it ends
    starts, lengths  where in `codes` their residues are
    distinct, kind   the lengths that there are, and the place among them of each sequence's
    """

    text: bytes
    begins: Int64[np.ndarray, " boundaries"]
    alphabet: Alphabet
    codes: UInt8[np.ndarray, " letters"]
    starts: Int64[np.ndarray, " sequences"]
    lengths: Int64[np.ndarray, " sequences"]
    distinct: Int64[np.ndarray, " lengths"]
    kind: Int64[np.ndarray, " sequences"]

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, chosen: Int64[np.ndarray, " chosen"]) -> DigitalSequenceBlock:
        """The chosen sequences as HMMER itself reads them."""
        if not len(chosen):
            return DigitalSequenceBlock(self.alphabet)
        records = zip(self.begins[chosen].tolist(), self.begins[chosen + 1].tolist(), strict=True)
        return read_text(b"\n".join([self.text[begin : end - 1] for begin, end in records]), self.alphabet)


def headers_of(text: bytes) -> tuple[Int64[np.ndarray, " records"], Int64[np.ndarray, " records"]]:
    """Where the headers of a FASTA text begin, with their ">", and where they end, before the end of the line."""
    letters = np.frombuffer(text, np.uint8)
    newlines = np.flatnonzero(letters == ord("\n"))
    lines = np.append(0, newlines + 1)
    lines = lines[lines < len(text)]
    is_header = letters[lines] == ord(">")
    return lines[is_header], np.append(newlines, len(text))[: len(lines)][is_header]


def pack(text: bytes, alphabet: Alphabet) -> Packed | None:
    """The records of a FASTA text; None if anything in it is neither a header nor plain letters."""
    begins, ends = headers_of(text)
    begins = np.append(begins, len(text) + 1)
    if text[: begins[0]].strip() or b"\0" in text or b"\1" in text:
        return None
    pieces = zip(ends.tolist(), begins[1:].tolist(), strict=True)
    letters = _BETWEEN.join([b"", *[text[end:begin] for end, begin in pieces], b""])
    codes = np.frombuffer(letters.translate(_codes(alphabet.symbols), WHITE), np.uint8)
    if codes.max(initial=0) == _UNKNOWN:
        return None
    between = np.flatnonzero(codes == _FIRST_STOP)
    starts = between[:-1] + STOPS
    lengths = between[1:] - starts
    return Packed(text, begins, alphabet, codes, starts, lengths, *np.unique(lengths, return_inverse=True))


def read_text(text: bytes, alphabet: Alphabet) -> DigitalSequenceBlock:
    """Every record of a FASTA text. Raises ValueError if HMMER does not know a letter."""
    file = SequenceFile(io.BytesIO(text), format="fasta", digital=True, alphabet=alphabet)
    try:
        return cast(DigitalSequenceBlock, file.read_block())
    finally:
        file.close()


@cache
def _codes(symbols: str) -> bytes:
    """The code of every letter among the symbols of an alphabet, of either case."""
    table = np.full(256, _UNKNOWN, np.uint8)
    for code, letter in enumerate(symbols):
        if letter.isalpha():
            table[[ord(letter.upper()), ord(letter.lower())]] = code
    table[0], table[1] = _FIRST_STOP, STOP
    return table.tobytes()
