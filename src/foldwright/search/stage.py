"""The search of many chains at once: each step for all of them, from the cache where it was made before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from foldwright import interrupts
from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.cache import Cache
from foldwright.search.found import Found, Query
from foldwright.search.options import SearchOptions
from foldwright.search.plan import PlannedStep, planned_steps
from foldwright.search.record import chain_record, step_record

Report = Callable[[str], None]
Answers = dict[str, Found | Exception]  # by sequence


@dataclass(frozen=True)
class ChainSearch:
    """What was found for one sequence.

    alignment      the rows of all databases in the order of the recipe, none twice; the first is the query
    candidates     rows among which pairing looks for species, equal ones of several; None if the recipe has none
    template_hits  structures in the order of their database, not yet filtered
    record         what was searched, how, and with what result
    """

    alignment: Alignment
    candidates: Alignment | None = None
    template_hits: tuple[TemplateHit, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)


def search_chains(
    sequences: Sequence[str], options: SearchOptions, report: Report | None = None
) -> list[ChainSearch | Exception]:
    """One answer for each sequence, in their order; a sequence whose search failed has its exception instead.

    Raises InputError if nothing can be searched: a program or a database is missing.
    """
    steps = planned_steps(options)
    searching = _Searching(Cache(options.cache_folder), options, report or _silent)
    alive = {sequence: _Chain(sequence) for sequence in sequences}
    for planned in steps:
        searching.run(planned, [chain for chain in alive.values() if chain.error is None])
    finished = {sequence: chain.finish(options, steps) for sequence, chain in alive.items()}
    return [finished[sequence] for sequence in sequences]


def search_templates_of(
    rows: Sequence[Alignment], options: SearchOptions, report: Report | None = None
) -> list[ChainSearch | Exception]:
    """Template hits for sequences whose rows are known; one answer for each alignment, in their order.

    Only the recipe's steps that find templates are run, with the profiles of these rows in the place of those found;
    rows that such a step finds beside them are left out.
    Raises InputError if nothing can be searched: a program or a database is missing.
    """
    steps = [planned for planned in planned_steps(options) if "templates" in planned.step.gives]
    searching = _Searching(Cache(options.cache_folder), options, report or _silent)
    names = [own.letters.tobytes() + own.deletions.tobytes() for own in rows]
    alive = {name: _Chain(own.query, profile=own) for name, own in zip(names, rows, strict=True)}
    for planned in steps:
        searching.run(planned, [chain for chain in alive.values() if chain.error is None])
    finished = {name: chain.finish(options, ()) for name, chain in alive.items()}
    return [finished[name] for name in names]


@dataclass
class _Chain:
    """What is known of one sequence so far; `profile` is what it is searched with if that was given."""

    sequence: str
    profile: Alignment | None = None
    found: dict[str, Found] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None

    def query(self, planned: PlannedStep) -> Query:
        step = planned.step
        rows = self.profile or self.found[step.profile].alignment if step.profile else None
        if rows is not None:
            rows = rows.unique()
            rows = rows.rows(range(min(len(rows), step.max_profile_rows or len(rows))))
        return Query(self.sequence, rows)

    def finish(self, options: SearchOptions, steps: Sequence[PlannedStep]) -> ChainSearch | Exception:
        if self.error is not None:
            return self.error
        return ChainSearch(
            alignment=self._merged(steps) or Alignment.of_query(self.sequence),
            candidates=self._candidates(steps),
            template_hits=tuple(hit for found in self.found.values() for hit in found.template_hits),
            record=chain_record(options, self.records),
        )

    def _candidates(self, steps: Sequence[PlannedStep]) -> Alignment | None:
        """The query once and all rows: two species may have the same residues, and each of them pairs."""
        rows = self._parts(steps, "candidates")
        below = [part.rows(range(1, len(part))) for part in rows if len(part) > 1]
        return Alignment.concatenate([rows[0].rows([0]), *below]) if rows else None

    def _merged(self, steps: Sequence[PlannedStep]) -> Alignment | None:
        """The rows of the alignment, none twice."""
        rows = self._parts(steps, "rows")
        return Alignment.concatenate(rows).unique() if rows else None

    def _parts(self, steps: Sequence[PlannedStep], gives: str) -> list[Alignment]:
        """The answers of the steps that give these."""
        parts = [self.found[s.step.name].alignment for s in steps if gives in s.step.gives]
        return [part for part in parts if part is not None]


@dataclass(frozen=True)
class _Searching:
    cache: Cache
    options: SearchOptions
    report: Report

    def run(self, planned: PlannedStep, chains: Sequence[_Chain]) -> None:
        """One step for these chains; each then holds its answer or the error that ended it."""
        asked = {planned.key(query): (chain, query) for chain in chains for query in [chain.query(planned)]}
        missing = [key for key in asked if not self._remembered(planned, key, asked[key][0])]
        self._tell(planned, len(asked), len(missing))
        left = [key for batch in _batches(missing, planned.program.batch) for key in self._begin(planned, batch, asked)]
        for key in left:  # another process works on these
            with self.cache.claim(key, wait=True):
                if not self._remembered(planned, key, asked[key][0]):
                    self._search(planned, [key], asked)

    def _tell(self, planned: PlannedStep, num_asked: int, num_missing: int) -> None:
        names = " + ".join(planned.step.databases) or planned.step.name
        kept = f", {num_asked - num_missing} from the cache" if num_asked > num_missing else ""
        self.report(f"{names} by {planned.program.name}: {num_asked} {'chains' if num_asked > 1 else 'chain'}{kept}")

    def _remembered(self, planned: PlannedStep, key: str, chain: _Chain) -> bool:
        kept = None if self.options.refresh else self.cache.get(key)
        if kept is None:
            return False
        found, record = kept
        chain.found[planned.step.name] = found
        chain.records.append({**record, "from_cache": True})
        return True

    def _begin(self, planned: PlannedStep, keys: Sequence[str], asked: Mapping[str, tuple[_Chain, Query]]) -> list[str]:
        """Search what no other process is searching, and return the rest."""
        interrupts.check()
        with ExitStack() as claims:
            is_ours = {key: claims.enter_context(self.cache.claim(key)) for key in keys}
            ours = [key for key in keys if is_ours[key] and not self._remembered(planned, key, asked[key][0])]
            self._search(planned, ours, asked)
        return [key for key in keys if not is_ours[key]]

    def _search(self, planned: PlannedStep, keys: Sequence[str], asked: Mapping[str, tuple[_Chain, Query]]) -> None:
        """Run the program for these; if it fails for all of them together, once more for each alone."""
        if not keys:
            return
        queries = [asked[key][1] for key in keys]
        try:
            for key, (found, record) in zip(keys, self._answers(planned, queries), strict=True):
                self.cache.put(key, found, record)
                chain = asked[key][0]
                chain.found[planned.step.name] = found
                chain.records.append({**record, "from_cache": False})
        except Exception as error:
            left = [key for key in keys if planned.step.name not in asked[key][0].found]
            is_alone = len(keys) == 1 or not planned.program.retries or _blames_database(error, planned)
            for key in left:
                if is_alone:
                    asked[key][0].error = error
                else:
                    self._search(planned, [key], asked)

    def _answers(self, planned: PlannedStep, queries: Sequence[Query]) -> Iterator[tuple[Found, dict[str, Any]]]:
        step, begun = planned.step, time.monotonic()
        found = planned.program.run(
            queries, planned.databases, step.parameters, step.max_rows, self.options.num_threads
        )
        answers = list(found)
        if len(answers) != len(queries):
            raise InputError(f"{planned.program.name} answered {len(answers)} of {len(queries)} queries.")
        seconds = (time.monotonic() - begun) / len(queries)
        for answer in answers:
            yield answer, step_record(planned, answer, seconds)


def _blames_database(error: Exception, planned: PlannedStep) -> bool:
    """Whether other queries would fail as well."""
    return isinstance(error, InputError) and error.file in [database.path for database in planned.databases]


def _batches(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _silent(text: str) -> None:
    """Report nothing."""
