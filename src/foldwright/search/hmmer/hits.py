"""What a search found: rows to read, an alignment to fold with, Stockholm as the programs write it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import cast

import numpy as np
from jaxtyping import Int, UInt8
from pyhmmer.easel import MSA, DigitalMSA
from pyhmmer.easel import Sequence as EaselSequence
from pyhmmer.plan7 import HMM, Domain, Hit, TopHits, Trace

from foldwright.io.alignment import Alignment
from foldwright.search.hmmer.queries import Query

_GAP, _NO_COLUMN = ord("-"), ord(".")


@dataclass(frozen=True)
class Row:
    """One domain of a sequence. Places count from 1 and include both ends; on the other strand start exceeds end.

    e_value, score       of the whole sequence
    domain_e_value ...   of this domain alone ("i-Evalue"), domain_score in bits
    is_included          whether it enters the alignment
    """

    name: str
    description: str
    e_value: float
    score: float
    domain_e_value: float
    domain_score: float
    start: int
    end: int
    query_start: int
    query_end: int
    is_included: bool


class Hits:
    """The hits of one query, best first.

    has_query_row, has_all_columns  what the program writes with -A: the query as first row, columns that no hit covers
    """

    def __init__(
        self,
        query: Query,
        profile: HMM,
        top: TopHits,
        *,
        name: str,
        has_query_row: bool = False,
        has_all_columns: bool = True,
        max_hits: int | None = None,
    ):
        self.query, self.profile, self.top = query, profile, top
        self.name, self.max_hits = name, max_hits
        self.has_query_row, self.has_all_columns = has_query_row, has_all_columns

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every reported domain, as in the programs' domain table."""
        reported = ((hit, domain) for hit in self.top.reported for domain in hit.domains.reported)
        return tuple(_row(hit, domain) for hit, domain in islice(reported, self.max_hits))

    def __len__(self) -> int:
        """How many sequences were found."""
        return len(self.top.reported)

    def alignment(self, query: str | None = None) -> Alignment:
        """The query and every included domain over the query's columns, at most `max_hits` rows below the query.

        Descriptions are `name/start-end description`. Raises ValueError if `query` is not as long as the profile.
        """
        first = Alignment.of_query(query or self.query.sequence, self.query.name)
        if len(first.query) != self.profile.M:
            raise ValueError(f"a query of {len(first.query)} residues, a profile of {self.profile.M} columns")
        chosen = list(islice(self._included(), self.max_hits))
        letters = np.full((len(chosen), self.profile.M), _GAP, np.uint8)
        deletions = np.zeros(letters.shape, np.int32)
        for row, (_, domain) in enumerate(chosen):
            _place(domain, letters[row], deletions[row])
        names = [f"{_named(hit, domain)} {_described(hit)}" for hit, domain in chosen]
        return Alignment.concatenate([first, Alignment.of_letters(letters, deletions, names)]) if chosen else first

    def residues(self) -> list[tuple[str, str]]:
        """Description and residues of every included domain, at most `max_hits`, insertions among them."""
        return [
            (f"{_named(hit, domain)} {_described(hit)}", domain.alignment.target_sequence.replace("-", "").upper())
            for hit, domain in islice(self._included(), self.max_hits)
        ]

    def stockholm_text(self) -> str:
        """The alignment as the program writes it with -A, all columns; `max_hits` does not apply."""
        text = io.BytesIO()
        self._msa(is_digital=self.has_query_row).write(text, "stockholm")  # jackhmmer alone writes it from digits
        return text.getvalue().decode()

    def msa(self) -> DigitalMSA:
        """The included domains over all columns; with the query as first row where the program puts it there."""
        return cast(DigitalMSA, self._msa(is_digital=True))

    def _msa(self, is_digital: bool) -> MSA:
        alphabet = self.profile.alphabet
        first: list[EaselSequence] = [self.query.digital(alphabet)] if self.has_query_row else []
        msa = self.top.to_msa(
            alphabet,
            sequences=first or None,
            traces=[Trace.from_sequence(sequence) for sequence in first] or None,
            all_consensus_cols=self.has_all_columns,
            digitize=is_digital,
        )
        msa.name = self.name
        return msa

    def _included(self) -> Iterator[tuple[Hit, Domain]]:
        return ((hit, domain) for hit in self.top.included for domain in hit.domains.included)


def _row(hit: Hit, domain: Domain) -> Row:
    aligned = domain.alignment
    return Row(
        name=hit.name,
        description=hit.description or "",
        e_value=hit.evalue,
        score=hit.score,
        domain_e_value=domain.i_evalue,
        domain_score=domain.score,
        start=aligned.target_from,
        end=aligned.target_to,
        query_start=aligned.hmm_from,
        query_end=aligned.hmm_to,
        is_included=hit.included and domain.included,
    )


def _named(hit: Hit, domain: Domain) -> str:
    return f"{hit.name}/{domain.alignment.target_from}-{domain.alignment.target_to}"


def _described(hit: Hit) -> str:
    return f"[subseq from] {hit.description or hit.name}"


def _place(domain: Domain, letters: UInt8[np.ndarray, "columns"], deletions: Int[np.ndarray, "columns"]) -> None:
    """Write the aligned residues of a domain to its columns; residues without a column are counted at the next."""
    aligned = domain.alignment
    places = np.flatnonzero(np.frombuffer(aligned.hmm_sequence.encode(), np.uint8) != _NO_COLUMN)
    columns = slice(aligned.hmm_from - 1, aligned.hmm_to)
    letters[columns] = np.frombuffer(aligned.target_sequence.upper().encode(), np.uint8)[places]
    deletions[columns][0] = places[0]
    deletions[columns][1:] = places[1:] - places[:-1] - 1
