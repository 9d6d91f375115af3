"""Which chains are relatives: clusters that count as one, and splits that share no relatives."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import gemmi

from foldwright.chem.residues import ONE_TO_THREE
from foldwright.training.data.shards import Row

CLUSTER_IDENTITY = 0.4  # of the shorter chain's residues, AF2 Suppl. 1.2.5
RELATED_SCORE = 40  # BLOSUM62 over the whole of both; chance gives less than 0 in 99 of 100 pairs
WORD = 4  # letters
MIN_SHARED_WORDS = 2  # before two sequences are aligned
MOST_ALIGNED = 10  # candidates for each sequence, those that share most words
TRAIN, VAL, UNUSED = "train", "val", "unused"


@dataclass(frozen=True)
class Families:
    """For every sequence the number of its cluster, and of all clusters that relatives join to it."""

    cluster: list[int]
    component: list[int]


def families(sequences: Sequence[str]) -> Families:
    """Greedy clusters at 40% identity around the longest sequences, and what their relatives join together."""
    found = _Search()
    numbers = {text: found.place(text) for text in sorted(dict.fromkeys(sequences), key=lambda s: (-len(s), s))}
    cluster = [numbers[text] for text in sequences]
    return Families(cluster, [found.root(number) for number in cluster])


@dataclass
class _Search:
    """The representatives of all clusters so far, and who of them is related."""

    representatives: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    containing: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by word

    def place(self, sequence: str) -> int:
        """The cluster of a sequence: that of the representative it is most like, or a new one."""
        alike = {number: compare(sequence, self.representatives[number]) for number in self._candidates(sequence)}
        related = {number: likeness for number, likeness in alike.items() if likeness.score >= RELATED_SCORE}
        best = max(related, key=lambda number: (related[number].identity, -number), default=None)
        if best is None or related[best].identity < CLUSTER_IDENTITY:
            best = self._new(sequence)
        for number in related:
            self._join(best, number)
        return best

    def root(self, number: int) -> int:
        """The least number of all that are joined with this one."""
        while self.parents[number] != number:
            self.parents[number] = number = self.parents[self.parents[number]]
        return number

    def _join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self.parents[high] = low

    def _new(self, sequence: str) -> int:
        number = len(self.representatives)
        self.representatives.append(sequence)
        self.parents.append(number)
        for word in set(words(sequence)):
            self.containing[word].append(number)
        return number

    def _candidates(self, sequence: str) -> list[int]:
        shared = Counter(number for word in set(words(sequence)) for number in self.containing.get(word, ()))
        ranked = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
        return [number for number, count in ranked[:MOST_ALIGNED] if count >= MIN_SHARED_WORDS]


def words(sequence: str) -> Iterator[str]:
    """All runs of `WORD` known letters."""
    runs = (sequence[i : i + WORD] for i in range(len(sequence) - WORD + 1))
    return (run for run in runs if "X" not in run)


class Likeness(NamedTuple):
    """How alike two sequences are over their whole length."""

    identity: float  # share of the shorter one
    score: float  # BLOSUM62, half bits


def compare(one: str, other: str) -> Likeness:
    """The likeness of two sequences when they are aligned."""
    ours, theirs = ([ONE_TO_THREE.get(letter, "UNK") for letter in text] for text in (one, other))
    aligned = gemmi.align_string_sequences(ours, theirs, [], gemmi.AlignmentScoring("b"))
    return Likeness(aligned.match_count / min(len(one), len(other)), aligned.score)


def with_families(rows: Sequence[Row], sequences: Sequence[str], val_fraction: float) -> list[Row]:
    """The rows with what their source did not say: cluster, split, and the core on which a network is judged.

    Relatives are never in different splits: those of chains whose split is given follow them, and are `unused` where
    such chains disagree. Otherwise the split of a family depends on its sequences alone.
    """
    if all(row.cluster and row.split for row in rows):
        return list(rows)
    found = families(sequences)
    named = _cluster_names(rows, found)
    splits = _splits(rows, sequences, found, val_fraction)
    placed = [
        replace(row, cluster=row.cluster or named[cluster], split=row.split or splits[component])
        for row, cluster, component in zip(rows, found.cluster, found.component, strict=True)
    ]
    return placed if any(row.is_core for row in rows) else _with_core(placed, found.component)


def _cluster_names(rows: Sequence[Row], found: Families) -> dict[int, str]:
    """A cluster is called as its source calls it, or by its first chain."""
    names: dict[int, str] = {}
    for row, cluster in sorted(zip(rows, found.cluster, strict=True), key=lambda pair: not pair[0].cluster):
        names.setdefault(cluster, row.cluster or row.id)
    return names


def _splits(rows: Sequence[Row], sequences: Sequence[str], found: Families, val_fraction: float) -> dict[int, str]:
    given, first = defaultdict(set), {}
    for row, sequence, component in zip(rows, sequences, found.component, strict=True):
        if row.split:
            given[component].add(row.split)
        first[component] = min(first.get(component, sequence), sequence)
    splits = {component: _split_of(text, val_fraction) for component, text in first.items()}
    return splits | {c: UNUSED if len(known) > 1 else known.copy().pop() for c, known in given.items()}


def _split_of(sequence: str, val_fraction: float) -> str:
    """Validation for this share of all sequences, whatever others there are."""
    number = int.from_bytes(hashlib.sha256(sequence.encode()).digest()[:8], "big")
    return VAL if number < val_fraction * 2**64 else TRAIN


def _with_core(rows: Sequence[Row], components: Sequence[int]) -> list[Row]:
    """One chain of every family outside training is core: with side chains if possible, the best resolved."""
    best: dict[int, int] = {}
    for i, (row, component) in enumerate(zip(rows, components, strict=True)):
        if row.split != TRAIN and (component not in best or _quality(row) > _quality(rows[best[component]])):
            best[component] = i
    core = set(best.values())
    return [replace(row, is_core=i in core) for i, row in enumerate(rows)]


def _quality(row: Row) -> tuple[bool, float, int]:
    return row.kind in ("exp", "clean"), -(row.resolution or 99.0), row.length
