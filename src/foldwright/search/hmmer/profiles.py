"""Profiles of sequences and of alignments, as the programs and hmmbuild make them."""

import io
from collections.abc import Iterator
from typing import cast

import numpy as np
from jaxtyping import Int
from pyhmmer.easel import MSA, Alphabet, DigitalMSA, MSAFile, TextMSA, TextSequence
from pyhmmer.plan7 import HMM, Background, Builder, HMMFile

from foldwright.io.alignment import Alignment
from foldwright.search.hmmer.queries import Query


def of_sequence(query: Query, alphabet: Alphabet, seed: int = 42) -> HMM:
    """The profile of one sequence: BLOSUM62 for proteins, DNA1 for nucleotides, the programs' gap probabilities."""
    profile, _, _ = Builder(alphabet, seed=seed).build(query.digital(alphabet), Background(alphabet))
    return profile


def of_msa(msa: DigitalMSA, seed: int = 42) -> HMM:
    """The profile whose match states are the columns that the alignment marks: `hmmbuild --hand`."""
    profile, _, _ = Builder(msa.alphabet, architecture="hand", seed=seed).build_msa(msa, Background(msa.alphabet))
    return profile


def of_alignment(alignment: Alignment, alphabet: Alphabet, name: str = "query", seed: int = 42) -> HMM:
    """The profile whose match states are the columns of the query.

    Residues without a column are known by number only and enter as X; against the profile of the Stockholm file that
    the alignment came from, numbers differ in the sixth digit.
    """
    return as_hmmbuild(_with_insertions(alignment, name), alphabet, seed)


def as_hmmbuild(msa: MSA, alphabet: Alphabet, seed: int = 42) -> HMM:
    """What hmmsearch reads in the file that `hmmbuild --hand` writes for the Stockholm file of this alignment.

    Both files are written and read here too, in memory: each changes the last digits.
    """
    text = io.BytesIO()
    msa.write(text, "stockholm")
    text.seek(0)
    with MSAFile(text, format="stockholm", digital=True, alphabet=alphabet) as file:
        read = cast(DigitalMSA, file.read())
    return _as_written(of_msa(read, seed))


def _as_written(profile: HMM) -> HMM:
    """With the digits that a file of profiles has: what the program hmmsearch reads."""
    text = io.BytesIO()
    profile.write(text)
    text.seek(0)
    file = HMMFile(text)
    try:
        return cast(HMM, file.read())
    finally:
        file.close()


def _with_insertions(alignment: Alignment, name: str) -> TextMSA:
    """All columns; those that the query has no residue in hold as many X as any row needs."""
    widths = alignment.deletions.max(axis=0)
    rows = [
        TextSequence(name=str(number), sequence="".join(_cells(letters, deletions, widths)))
        for number, (letters, deletions) in enumerate(zip(alignment.sequences, alignment.deletions, strict=True))
    ]
    msa = TextMSA(name=name, sequences=rows)
    msa.reference = "".join("." * int(width) + "x" for width in widths)
    return msa


def _cells(letters: str, deletions: Int[np.ndarray, "columns"], widths: Int[np.ndarray, "columns"]) -> Iterator[str]:
    """The row column by column, residues that have none as X to the left of the next."""
    for letter, deleted, width in zip(letters, deletions, widths, strict=True):
        yield "X" * int(deleted) + "-" * int(width - deleted) + letter
