"""The first stage of a job: everything its prediction will be made from, and a record of where each part came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foldwright.io.job import ChainInput, Job
from foldwright.pipeline.evidence import NONE, Evidence
from foldwright.search.options import SearchOptions
from foldwright.search.stage import ChainSearch, search_chains

HOW = ("seconds", "from_cache")  # how a search went, not what it found: another run may differ


@dataclass(frozen=True)
class Searched:
    """A job with all that its networks will read.

    chains    what run.json says of each chain: where its rows and templates came from
    how       seconds and such of the search, by sequence
    warnings  what makes the prediction less reliable than its reader may think
    """

    job: Job
    chains: tuple[Mapping[str, Any], ...]
    how: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


Found = Mapping[str, ChainSearch | Exception]  # by sequence


def search_jobs(jobs: Sequence[Job], evidence: Evidence) -> list[Searched | Exception]:
    """Search what has to be searched for these jobs, all at once, and complete them; a failure stands in its place.

    This is one unit of work for whoever distributes them: it needs no network, and all that goes in and out of it can
    be sent to another process.
    """
    sequences = list(dict.fromkeys(s for job in jobs for s in evidence.searched_sequences(job)))
    found: Found = {}
    if sequences and evidence.search:
        found = _searched(sequences, evidence.search)
    return [_completed_or_why(job, found, evidence) for job in jobs]


def _searched(sequences: Sequence[str], options: SearchOptions) -> Found:
    try:
        return dict(zip(sequences, search_chains(sequences, options), strict=True))
    except Exception as error:  # a database that was there when the run began
        return dict.fromkeys(sequences, error)


def _completed_or_why(job: Job, found: Found, evidence: Evidence) -> Searched | Exception:
    try:
        return completed(job, found, evidence)
    except Exception as error:
        return error


def completed(job: Job, found: Found, evidence: Evidence) -> Searched:
    """The job with what was found for its chains.

    Raises:
        Exception: the search of one of them failed.
    """
    parts = [_completed_chain(chain, found.get(chain.sequence), evidence) for chain in job.chains]
    whole = replace(job, chains=tuple(chain for chain, _ in parts))
    records = tuple(
        {"chain": name, "residues": len(chain.sequence), **record}
        for name, (chain, record) in zip(job.chain_ids, parts, strict=True)
    )
    how = {s: _how(found[s]) for s in evidence.searched_sequences(job) if s in found}
    return Searched(whole, records, how, tuple(warnings_of(whole, evidence)))


def _completed_chain(
    chain: ChainInput, search: ChainSearch | Exception | None, evidence: Evidence
) -> tuple[ChainInput, dict[str, Any]]:
    if evidence.msa == NONE:
        chain = replace(chain, alignment=None, paired=None)
    source = "given" if chain.alignment or chain.paired else "none"
    record: dict[str, Any] = {}
    if evidence.is_searched(chain):
        if isinstance(search, Exception):
            raise search
        assert search is not None
        chain = replace(chain, alignment=search.alignment)
        source, record = "searched", {"search": without_how(search.record)}
    rows = 0 if chain.alignment is None else len(chain.alignment)
    return chain, {"msa": source, "alignment_rows": rows, "templates": chain.templates, **record}


def without_how(record: Any) -> Any:
    """A search's record less what may differ when the same is found again."""
    if isinstance(record, Mapping):
        return {key: without_how(value) for key, value in record.items() if key not in HOW}
    return [without_how(item) for item in record] if isinstance(record, list | tuple) else record


def _how(search: ChainSearch | Exception) -> Any:
    return {} if isinstance(search, Exception) else search.record


def warnings_of(job: Job, evidence: Evidence) -> list[str]:
    """What makes a prediction of this job less reliable than its reader may think."""
    alone = [name for name, chain in zip(job.chain_ids, job.chains, strict=True) if not _has_relatives(chain)]
    if not alone:
        return []
    which = "no alignment" if len(job.chains) == 1 else f"no alignment for chain {', '.join(alone)}"
    return [f"{which}: predicted from the sequence alone, which is rarely reliable. Give one with --alignments."]


def _has_relatives(chain: ChainInput) -> bool:
    return any(rows is not None and len(rows) > 1 for rows in (chain.alignment, chain.paired))


def require_searched(found: Searched | Exception) -> Searched:
    """What was found.

    Raises:
        Exception: it was not; the reason.
    """
    if isinstance(found, Exception):
        raise found
    return found
