"""How the rows of a complex's chains are brought side by side, and the record of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foldwright.features.pairing import paired_rows, pairing_record
from foldwright.io.alignment import Alignment
from foldwright.io.job import Job
from foldwright.pipeline.evidence import AUTO, NONE, Evidence
from foldwright.search.pairs import search_pairs

SERVER_STRATEGIES = ("greedy", "complete")
NATIVE = "af2"  # what the features of a complex do by themselves, copies of chains treated as each network wants them


@dataclass(frozen=True)
class Pairing:
    """A job whose chains are paired; `rows` are the pairs of each chain, to be kept beside the results."""

    job: Job
    rows: Sequence[Alignment] = ()
    record: Mapping[str, Any] | None = None


def paired(job: Job, evidence: Evidence, was_searched: bool = False) -> Pairing:
    """The job with paired rows: those given with it, else those that the strategy makes of its candidates.

    was_searched  its chains were sent to wherever the search goes, so that the server may be asked for their pairs

    Raises:
        InputError: the server does not answer.
    """
    if len(set(job.sequences)) < 2:
        return Pairing(job)
    given = [chain.paired for chain in job.chains if chain.paired is not None]
    if evidence.pairing == NONE:
        alone = (replace(c, paired=None, candidates=Alignment.of_query(c.sequence)) for c in job.chains)
        return Pairing(replace(job, chains=tuple(alone)), (), {"strategy": NONE, "rows": 0})
    if given and evidence.pairing == AUTO:
        are_whole = len(given) == len(job.chains) and len(set(map(len, given))) == 1
        return Pairing(job, given, {"strategy": "given", **(pairing_record(given) if are_whole else {})})
    if was_searched and (rows := _of_server(job, evidence)):
        chains = (replace(chain, paired=own) for chain, own in zip(job.chains, rows, strict=True))
        record = {"strategy": evidence.strategy, "by": "server", **pairing_record(rows)}
        return Pairing(replace(job, chains=tuple(chains)), rows, record)
    candidates = [c.candidates or c.alignment or Alignment.of_query(c.sequence) for c in job.chains]
    rows = paired_rows(candidates, evidence.strategy)
    record = {"strategy": evidence.strategy, **pairing_record(rows)}
    explicit = [None] * len(rows) if evidence.strategy == NATIVE else rows
    chains = (replace(chain, paired=own) for chain, own in zip(job.chains, explicit, strict=True))
    return Pairing(replace(job, chains=tuple(chains)), rows, record)


def _of_server(job: Job, evidence: Evidence) -> Sequence[Alignment] | None:
    """The pairs that the server makes, if it is the one that searches and knows the strategy."""
    if evidence.search is None or evidence.strategy not in SERVER_STRATEGIES:
        return None
    return search_pairs(job.sequences, evidence.search, evidence.strategy)
