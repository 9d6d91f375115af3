"""Which rows of a complex's proteins stand side by side, written as a job file can say it: as rows of one species."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foldwright.features.pairing import NO_PARTNER, paired_rows
from foldwright.io.a3m import write_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.complexes.job import Protein
from foldwright.pipeline.evidence import AUTO, NONE, Evidence
from foldwright.pipeline.pairing import SERVER_STRATEGIES
from foldwright.pipeline.searching import GIVEN
from foldwright.search.pairs import search_pairs

NATIVE = "af3"  # what the features of a complex do by themselves
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def strategy_of(evidence: Evidence) -> str:
    """How rows of different proteins are paired where no pairs are given."""
    if evidence.pairing != AUTO:
        return evidence.pairing
    return "greedy" if evidence.search and evidence.search.preset == "colabfold" else NATIVE


def pair_proteins(
    proteins: Sequence[Protein], candidates: Sequence[Alignment | None], evidence: Evidence
) -> tuple[list[Protein], Mapping[str, Any] | None]:
    """The proteins with paired rows, and the record of it; None where there are not two sequences to be paired.

    candidates  what was found for each protein to be paired, None where nothing was searched

    Raises:
        InputError: the server does not answer.
    """
    if evidence.msa == NONE or evidence.pairing == NONE:
        alone = [replace(protein, paired_msa="") for protein in proteins]
        return alone, {"strategy": NONE, "rows": 0} if _are_different(proteins) else None
    if not _are_different(proteins):
        return [_filled(protein, _text(rows)) for protein, rows in zip(proteins, candidates, strict=True)], None
    if any(protein.paired_msa for protein in proteins):
        given = [_filled(protein, _text(rows)) for protein, rows in zip(proteins, candidates, strict=True)]
        return given, {"strategy": GIVEN, "rows_of_each": _depths(given)}
    texts, record = _paired(proteins, candidates, evidence)
    paired = [_filled(protein, text) for protein, text in zip(proteins, texts, strict=True)]
    return paired, {**record, "rows_of_each": _depths(paired)}


def _are_different(proteins: Sequence[Protein]) -> bool:
    return len({protein.sequence for protein in proteins}) > 1


def _filled(protein: Protein, text: str) -> Protein:
    """With these rows if it has none of its own."""
    return protein if protein.paired_msa is not None else replace(protein, paired_msa=text)


def _text(rows: Alignment | None) -> str:
    return "" if rows is None else write_a3m(rows)


def _depths(proteins: Sequence[Protein]) -> list[int]:
    return [(protein.paired_msa or "").count(">") for protein in proteins]


def _paired(
    proteins: Sequence[Protein], candidates: Sequence[Alignment | None], evidence: Evidence
) -> tuple[list[str], dict[str, Any]]:
    strategy = strategy_of(evidence)
    if strategy == NATIVE:
        return [_text(rows) for rows in candidates], {"strategy": strategy}
    pairs = _of_server(proteins, candidates, strategy, evidence)
    by = {"by": "server"} if pairs else {}
    if not pairs:
        queries = (Alignment.of_query(protein.sequence) for protein in proteins)
        pairs = paired_rows([rows or query for rows, query in zip(candidates, queries, strict=True)], strategy)
    return [write_a3m(with_species(rows)) for rows in pairs], {"strategy": strategy, **by, "rows": len(pairs[0]) - 1}


def _of_server(
    proteins: Sequence[Protein], candidates: Sequence[Alignment | None], strategy: str, evidence: Evidence
) -> Sequence[Alignment] | None:
    """The pairs that the server makes, if it is the one that searched and knows the strategy."""
    if evidence.search is None or strategy not in SERVER_STRATEGIES or any(rows is None for rows in candidates):
        return None
    return search_pairs([protein.sequence for protein in proteins], evidence.search, strategy)


def with_species(rows: Alignment) -> Alignment:
    """Paired rows under the names of a species for each pair, so that the features pair them so and not otherwise.

    Gaps that stand for a missing partner are left out.
    """
    kept = [i for i, text in enumerate(rows.descriptions) if i == 0 or text != NO_PARTNER]
    names = [f"tr|PAIR{_species(i)}|PAIR_{_species(i)} {text}" for i, text in enumerate(rows.descriptions)]
    return replace(rows, descriptions=[rows.descriptions[0], *names[1:]]).rows(kept)


def _species(number: int) -> str:
    """Five characters, the most that UniProt's mnemonics of species have."""
    digits = []
    for _ in range(5):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
