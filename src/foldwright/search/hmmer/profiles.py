"""Profiles of sequences and of alignments, as the programs and hmmbuild make them."""

from __future__ import annotations

from pyhmmer.easel import Alphabet, DigitalMSA, TextMSA, TextSequence
from pyhmmer.plan7 import HMM, Background, Builder

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

    Equal to `hmmbuild --hand` of the Stockholm file that the alignment came from: residues without a column are known
    by number only, and profiles take no more from them.
    """
    return of_msa(_with_insertions(alignment, name).digitize(alphabet), seed)


def _with_insertions(alignment: Alignment, name: str) -> TextMSA:
    """All columns; those that the query has no residue in hold as many X as any row needs."""
    widths = alignment.deletions.max(axis=0)
    rows = [
        TextSequence(name=str(number), sequence="".join(_cells(letters, deletions, widths)))
        for number, (letters, deletions) in enumerate(zip(alignment.sequences, alignment.deletions, strict=True))
    ]
    msa = TextMSA(name=name, sequences=rows)
    msa.reference = "".join("." * width + "x" for width in widths)
    return msa


def _cells(letters: str, deletions, widths):
    for letter, deleted, width in zip(letters, deletions, widths, strict=True):
        yield "X" * deleted + "-" * (width - deleted) + letter
