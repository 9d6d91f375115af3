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

    records          the text of each after its ">"
    starts, lengths  where in `codes` their residues are
    distinct, kind   the lengths that there are, and the place among them of each sequence's
    """

    records: list[bytes]
    alphabet: Alphabet
    codes: UInt8[np.ndarray, " letters"]
    starts: Int64[np.ndarray, " sequences"]
    lengths: Int64[np.ndarray, " sequences"]
    distinct: Int64[np.ndarray, " lengths"]
    kind: Int64[np.ndarray, " sequences"]

    def __len__(self) -> int:
        return len(self.records)

    def read(self, chosen: Int64[np.ndarray, " chosen"]) -> DigitalSequenceBlock:
        """The chosen sequences as HMMER itself reads them."""
        if not len(chosen):
            return DigitalSequenceBlock(self.alphabet)
        return read_text(b"".join(b">%b\n" % self.records[number] for number in chosen.tolist()), self.alphabet)


def records_of(text: bytes) -> list[bytes]:
    """What precedes the first record of a FASTA text, nothing as a rule, and each record after its ">"."""
    return (b"\n" + text).split(b"\n>")


def pack(text: bytes, alphabet: Alphabet) -> Packed | None:
    """The records of a FASTA text; None if anything in it is neither a header nor plain letters."""
    before, *records = records_of(text)
    if before.strip() or b"\0" in text or b"\1" in text:
        return None
    letters = _BETWEEN.join([b"", *(record.partition(b"\n")[2] for record in records), b""])
    codes = np.frombuffer(letters.translate(_codes(alphabet.symbols), WHITE), np.uint8)
    if codes.max(initial=0) == _UNKNOWN:
        return None
    between = np.flatnonzero(codes == _FIRST_STOP)
    starts = between[:-1] + STOPS
    lengths = between[1:] - starts
    return Packed(records, alphabet, codes, starts, lengths, *np.unique(lengths, return_inverse=True))


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
