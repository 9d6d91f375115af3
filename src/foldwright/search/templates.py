"""Which hits of a template search are used, laid over the query residue by residue, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf, isinf
from typing import Any

import numpy as np

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.errors import InputError
from foldwright.io.hhr import TemplateHit
from foldwright.io.job import TemplateInput
from foldwright.io.pairwise import align
from foldwright.io.structure import Structure
from foldwright.search.structures import TemplateStructures

MIN_IDENTITY_OF_HIT = 0.9  # of a hit's sequence with the chain it names; the released pipeline's bound
MIN_ATOMS = 5  # of the aligned residues; the released pipelines' bound
MAX_STEP = 150.0  # Å between Cα of neighbours; the released pipeline's bound for a chain that is torn


_BOUNDS = {  # what the numbers of `TemplateFilters` may be
    "max_templates": (0, inf),
    "min_length": (1, inf),
    "min_coverage": (0, 1),
    "max_subsequence": (0, inf),
    "max_identity": (0, 1),
}


@dataclass(frozen=True, kw_only=True)
class TemplateFilters:
    """What makes a hit a template.

    max_templates     how many are wanted
    max_date          latest day of first release, 2021-09-30; None takes every entry
    min_coverage      a hit must align more than this part of the query
    max_subsequence   a hit that is a piece of the query and longer than this part of it is the query itself
    min_length        residues of the hit
    max_identity      of the aligned residues; None takes the most alike too
    is_deduplicated   two hits that lay the same residues over the query count once
    """

    max_templates: int = 4  # AF2 Suppl. 1.2.3; AF3 SI 2.4
    max_date: str | None = None
    min_coverage: float = 0.1  # AF2 Suppl. 1.2.3
    max_subsequence: float = 0.95  # AF2 Suppl. 1.2.3; AF3 SI 2.4
    min_length: int = 10  # AF2 Suppl. 1.2.3; AF3 SI 2.4
    max_identity: float | None = None
    is_deduplicated: bool = True  # AF3 SI 2.4

    def __post_init__(self):
        if self.max_date is not None and not _is_date(self.max_date):
            message = f'"{self.max_date}" is no date.'
            raise InputError(message, field="max_date", remedy="Write year-month-day: 2021-09-30.")
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                remedy = f"Give at least {least}{'' if isinf(most) else f' and at most {most}'}."
                raise InputError(f"{value} is not possible.", field=name, remedy=remedy)


def parse_filters(texts: Sequence[str]) -> dict[str, Any]:
    """Numbers of `TemplateFilters` by name, from words like `max_identity=0.9`.

    Raises InputError for a word that is none, or a name or number that there is not.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, _, number = text.partition("=")
        kind = int if name in ("max_templates", "min_length") else float
        try:
            found[name] = kind(number)
            TemplateFilters(**{name: found[name]})
        except (ValueError, TypeError) as error:
            remedy = f"Write one of {', '.join(_BOUNDS)} with a number: max_identity=0.9."
            raise InputError(f'"{text}" is no bound.', field="--template-filter", remedy=remedy) from error
        except InputError as error:
            raise InputError(f"{text}: {error.message}", field="--template-filter", remedy=error.remedy) from error
    return found


@dataclass(frozen=True)
class Rejected:
    """A hit that is no template, and why."""

    hit: TemplateHit
    reason: str


class _NoTemplate(Exception):
    """Why a hit cannot be used."""


def select_templates(
    hits: Iterable[TemplateHit],
    query: str,
    structures: TemplateStructures,
    filters: TemplateFilters | None = None,
) -> tuple[list[TemplateInput], list[Rejected]]:
    """The best hits as templates of the query, realigned to their structures; and all others with the reason.

    AF2 Suppl. 1.2.3, AF3 SI 2.4. Hits of HHsearch are taken in the order of the sum of their probabilities, others in
    their own. No hit makes this fail: a file that is missing or damaged is a reason.
    """
    filters = filters or TemplateFilters()
    chosen: dict[str, TemplateInput] = {}
    rejected: list[Rejected] = []
    for hit in in_order(list(hits)):
        try:
            _check_room(len(chosen), filters)
            check_hit(hit, query, filters)
            row, template = _template(hit, query, structures, filters)
            if row in chosen and filters.is_deduplicated:
                raise _NoTemplate(f"the same residues as {chosen[row].name}")
            chosen[row if filters.is_deduplicated else f"{row} {hit.name} {hit.index}"] = template
        except _NoTemplate as error:
            rejected.append(Rejected(hit, str(error)))
    return list(chosen.values()), rejected


def screened(
    hits: Sequence[TemplateHit], query: str, filters: TemplateFilters
) -> tuple[list[TemplateHit], list[Rejected]]:
    """The best hits, and the others with the reason, as far as it can be said without their structures."""
    kept: list[TemplateHit] = []
    rejected: list[Rejected] = []
    for hit in in_order(hits):
        try:
            _check_room(len(kept), filters)
            check_hit(hit, query, filters)
            kept.append(hit)
        except _NoTemplate as error:
            rejected.append(Rejected(hit, str(error)))
    return kept, rejected


def in_order(hits: Sequence[TemplateHit]) -> list[TemplateHit]:
    """By the expected number of correctly aligned residues where all hits have it (AF2 Suppl. 1.2.3), else as found."""
    if any(hit.sum_probs is None for hit in hits):
        return list(hits)
    return sorted(hits, key=lambda hit: hit.sum_probs or 0.0, reverse=True)


def template_record(used: Sequence[TemplateInput], rejected: Sequence[Rejected]) -> dict[str, Any]:
    """What was used and what was not, for the record of a run: hits with one reason stand together."""
    return {"used": [_used(item) for item in used], "rejected": rejected_record(rejected)}


def rejected_record(rejected: Sequence[Rejected]) -> list[dict[str, Any]]:
    """Hits that were not used, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for item in rejected:
        reasons.setdefault(item.reason, []).append(hit_name(item.hit))
    return [{"reason": reason, "hits": names} for reason, names in reasons.items()]


def _used(template: TemplateInput) -> dict[str, Any]:
    known = {} if template.mapping is None else {"residues": len(template.mapping)}
    return {"name": template.name, "file": str(template.file), "chain": template.chain, **known}


def hit_name(hit: TemplateHit) -> str:
    """`1abc_A`: the entry in lower case, the chain as its authors write it."""
    return f"{hit.pdb_id}_{hit.chain_id}"


def _check_room(count: int, filters: TemplateFilters) -> None:
    if count >= filters.max_templates:
        raise _NoTemplate(f"{filters.max_templates} better ones were found")


def check_hit(hit: TemplateHit, query: str, filters: TemplateFilters) -> None:
    """What can be said before a structure is read (AF2 Suppl. 1.2.3)."""
    letters = _letters(hit)
    if not letters:
        return  # only its name is known
    aligned = [(q, h) for q, h in zip(hit.query, hit.hit_sequence, strict=True) if "-" not in (q, h)]
    if len(letters) < filters.min_length:
        raise _NoTemplate(f"fewer than {filters.min_length} residues")
    if len(aligned) <= filters.min_coverage * len(query):
        raise _NoTemplate(f"covers at most {filters.min_coverage:.0%} of the query")
    if letters in query and len(letters) > filters.max_subsequence * len(query):
        raise _NoTemplate(f"is the query itself: the same residues over more than {filters.max_subsequence:.0%} of it")
    equal = sum(q.upper() == h.upper() for q, h in aligned)
    if filters.max_identity is not None and equal > filters.max_identity * len(aligned):
        raise _NoTemplate(f"more than {filters.max_identity:.0%} of the aligned residues are equal")


def _template(
    hit: TemplateHit, query: str, structures: TemplateStructures, filters: TemplateFilters
) -> tuple[str, TemplateInput]:
    """The letters that a hit lays over the query, and the template."""
    entry = structures.current(hit.pdb_id)
    if entry is None:
        raise _NoTemplate("withdrawn from the PDB without a successor")
    file = structures.find(entry)
    if file is None:
        raise _NoTemplate(structures.why_missing(entry))
    try:
        structure = structures.read(file)
    except InputError as error:
        raise _NoTemplate(f"{file.name} cannot be used: {error.message.rstrip('.')}") from error
    _check_date(structure, filters)
    chain = chain_of_hit(hit, structure)
    if not _letters(hit):
        hit = aligned_hit(hit, query, chain.sequence)
        check_hit(hit, query, filters)
    mapping = mapping_of_hit(hit, chain.sequence)
    _check_chain(chain, mapping, query, filters)
    row = "".join(chain.sequence[mapping[i]] if i in mapping else "-" for i in range(len(query)))
    name = f"{entry}_{chain.chain_ids[0]}"
    return row, TemplateInput(file, chain.chain_ids[0], tuple(sorted(mapping.items())), name)


def _check_date(structure: Structure, filters: TemplateFilters) -> None:
    released = structure.header.release_date
    if filters.max_date is None:
        return
    if not released:
        raise _NoTemplate("its file gives no release date")
    if released > filters.max_date:
        raise _NoTemplate(f"released after {filters.max_date}")


def _check_chain(chain: Structure, mapping: dict[int, int], query: str, filters: TemplateFilters) -> None:
    places = np.array(list(mapping.values()), np.int64)
    if len(places) <= filters.min_coverage * len(query):
        raise _NoTemplate(f"covers at most {filters.min_coverage:.0%} of the query")
    if chain.mask[places].sum() < MIN_ATOMS:
        raise _NoTemplate(f"fewer than {MIN_ATOMS} atoms of its aligned residues were seen")
    if _largest_step(chain) > MAX_STEP:
        raise _NoTemplate(f"neighbouring Cα are more than {MAX_STEP:.0f} Å apart")


def _largest_step(chain: Structure) -> float:
    """The largest distance between Cα of residues that are neighbours in the sequence and both seen, in Å."""
    alpha, is_seen = chain.positions[:, ATOM_INDEX["CA"]], chain.mask[:, ATOM_INDEX["CA"]] > 0
    steps = np.linalg.norm(np.diff(alpha, axis=0), axis=1)[is_seen[1:] & is_seen[:-1]]
    return float(steps.max(initial=0.0))


def chain_of_hit(hit: TemplateHit, structure: Structure) -> Structure:
    """The chain that a hit names; if that has other residues, one that has the hit's; or the only one there is."""
    letters, names = _letters(hit), structure.chain_ids
    named = structure.chain(hit.chain_id) if hit.chain_id in names else None
    if named is not None and (not letters or place_of(letters, named.sequence) is not None):
        return named
    same = [name for name, text in zip(names, structure.sequences, strict=True) if place_of(letters, text) is not None]
    if letters and same:
        return structure.chain(same[0])
    if named is None and len(names) > 1:
        raise _NoTemplate(f"its file has no such protein chain, only {', '.join(names)}")
    return structure if named is None else named


def mapping_of_hit(hit: TemplateHit, sequence: str) -> dict[int, int]:
    """For each column of the query that a hit aligns the residue of the chain, missing ones counted.

    Where the chain's sequence is not the one that was searched, the hit is aligned to it.
    """
    letters = _letters(hit)
    start = min(i for i in hit.indices_hit if i >= 0)
    first = place_of(letters, sequence, near=start)
    place = range(first, first + len(letters)) if first is not None else _realigned(letters, sequence)
    pairs = ((q, h - start) for q, h in zip(hit.indices_query, hit.indices_hit, strict=True) if q >= 0 and h >= 0)
    found = place if isinstance(place, dict) else dict(enumerate(place))
    return {q: found[h] for q, h in pairs if h in found}


def aligned_hit(hit: TemplateHit, query: str, sequence: str) -> TemplateHit:
    """A hit of which only the name is known, with the alignment of its chain to the query."""
    match = align(query, sequence)
    if match.is_by_chance:
        raise _NoTemplate("unrelated chains resemble the query as much")
    column = {place: q for q, place in match.mapping.items()}
    places = list(range(min(column), max(column) + 1))
    columns = [column.get(place, -1) for place in places]
    return replace(
        hit,
        aligned_cols=len(match.mapping),
        query="".join("-" if q < 0 else query[q] for q in columns),
        hit_sequence=sequence[places[0] : places[-1] + 1],
        indices_query=columns,
        indices_hit=places,
    )


def place_of(letters: str, sequence: str, near: int = 0) -> int | None:
    """Where these residues stand in a sequence, nearest to `near` if more than once; X stands for any residue."""
    found = _occurrences(letters, sequence)
    return min(found, key=lambda place: abs(place - near), default=None)


def _occurrences(letters: str, sequence: str) -> list[int]:
    pattern = "".join("." if letter == "X" else f"[{letter}X]" for letter in letters)
    return [match.start() for match in re.finditer(f"(?={pattern})", sequence)]


def _realigned(letters: str, sequence: str) -> dict[int, int]:
    match = align(letters, sequence)
    if match.num_identical < MIN_IDENTITY_OF_HIT * min(len(letters), len(sequence)):
        raise _NoTemplate(f"{match.num_identical} of its {len(letters)} residues are those of its chain")
    return match.mapping


def _letters(hit: TemplateHit) -> str:
    return hit.hit_sequence.replace("-", "").upper()


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
