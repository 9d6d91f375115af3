"""The first stage of a job: everything its prediction will be made from, and a record of where each part came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.io.job import ChainInput, Job, TemplateInput
from foldwright.pipeline.evidence import NONE, Evidence
from foldwright.pipeline.pairing import paired
from foldwright.search.options import SERVER, SearchOptions
from foldwright.search.server_structures import locate
from foldwright.search.stage import ChainSearch, search_chains
from foldwright.search.structures import TemplateStructures
from foldwright.search.templates import TemplateFilters, hit_name, select_templates, template_record

HOW = ("seconds", "from_cache")  # how a search went, not what it found: another run may differ

GIVEN, SEARCHED = "given", "searched"

MORE = (
    "Give an alignment with --alignments, a folder of databases with --databases, or let the public server search with "
    "--preset colabfold --search-engine server (the sequence leaves this machine)."
)


@dataclass(frozen=True)
class Searched:
    """A job with all that its networks will read.

    chains    what run.json says of each chain: where its rows and templates came from
    pairing   what run.json says of the pairs; None for one chain
    pairs     the paired rows of each chain, if there are any
    how       seconds and such of the search, by chain
    warnings  what makes the prediction less reliable than its reader may think
    """

    job: Job
    chains: tuple[Mapping[str, Any], ...]
    pairing: Mapping[str, Any] | None = None
    pairs: Sequence[Alignment] = ()
    how: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


What = TypeVar("What")
Found = Mapping[str, ChainSearch | Exception]  # by sequence


def search_jobs(jobs: Sequence[Job], evidence: Evidence) -> list[Searched | Exception]:
    """Search what has to be searched for these jobs, all at once, and complete them; a failure stands in its place.

    This is one unit of work for whoever distributes them: it needs no network, and all that goes in and out of it can
    be sent to another process.
    """
    sequences = list(dict.fromkeys(s for job in jobs for s in evidence.searched_sequences(job)))
    found = _searched(sequences, evidence.search) if sequences and evidence.search else {}
    return [_completed_or_why(job, found, evidence) for job in jobs]


def require_searched(found: What | Exception) -> What:
    """What was found.

    Raises:
        Exception: it was not; the reason.
    """
    if isinstance(found, Exception):
        raise found
    return found


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
    parts = [_Chain(chain, evidence, found.get(chain.sequence)) for chain in job.chains]
    whole = replace(job, chains=tuple(part.complete() for part in parts))
    pairing = paired(whole, evidence, was_searched=all(part.search for part in parts))
    named = list(zip(job.chain_ids, parts, strict=True))
    return Searched(
        pairing.job,
        tuple({"chain": name, **part.record} for name, part in named),
        pairing.record,
        pairing.rows,
        {name: part.search.record for name, part in named if part.search},
        tuple(warnings_of(pairing.job, evidence, was_searched=any(part.search for part in parts))),
    )


@dataclass
class _Chain:
    """One chain on its way: what it is given, what was found, and the record of which was taken."""

    chain: ChainInput
    evidence: Evidence
    found: ChainSearch | Exception | None
    record: dict[str, Any] = field(default_factory=dict)
    search: ChainSearch | None = None

    def complete(self) -> ChainInput:
        if self.evidence.is_searched(self.chain):
            if isinstance(self.found, Exception):
                raise self.found
            self.search = self.found
        self.record["residues"] = len(self.chain.sequence)
        self.chain = self.with_rows()
        self.chain = self.with_templates()
        if self.search:
            self.record["search"] = without_how(self.search.record)
        return self.chain

    def with_rows(self) -> ChainInput:
        chain, source = self.chain, GIVEN if self.chain.alignment or self.chain.paired else NONE
        if self.evidence.msa == NONE:
            chain, source = replace(chain, alignment=None, paired=None, candidates=None), NONE
        elif self.search and source == NONE:
            candidates = chain.candidates or self.search.candidates
            chain, source = replace(chain, alignment=self.search.alignment, candidates=candidates), SEARCHED
        self.record["msa"] = source
        self.record["alignment_rows"] = 0 if chain.alignment is None else len(chain.alignment)
        return chain

    def with_templates(self) -> ChainInput:
        if self.evidence.templates == NONE:
            self.record["templates"] = {"source": NONE, **template_record((), ())}
            return replace(self.chain, templates=())
        hits = self.chain.template_hits or (self.search.template_hits if self.search else ())
        if self.chain.templates or not hits:
            source = GIVEN if self.chain.templates else NONE
            self.record["templates"] = {"source": source, **template_record(self.chain.templates, ())}
            return self.chain
        return self.with_hits(hits)

    def with_hits(self, hits: Sequence[TemplateHit]) -> ChainInput:
        used, record = templates_of_hits(hits, self.chain.sequence, self.evidence, self.evidence.filters)
        self.record["templates"] = {"source": SEARCHED, **record}
        return replace(self.chain, templates=tuple(used))


def templates_of_hits(
    hits: Sequence[TemplateHit], sequence: str, evidence: Evidence, filters: TemplateFilters
) -> tuple[list[TemplateInput], dict[str, Any]]:
    """The hits that become templates, and what became of all of them, for run.json.

    Structures are those of this machine; where the server searches, it sends the others.
    """
    hits, structures = _located(hits, evidence)
    if structures is None:
        reason = {"reason": "no folder of mmCIF files is known (--template-structures)", "hits": names_of(hits)}
        return [], {"used": [], "rejected": [reason]}
    used, rejected = select_templates(hits, sequence, structures, filters)
    return used, {"filters": asdict(filters), **template_record(used, rejected)}


def _located(
    hits: Sequence[TemplateHit], evidence: Evidence
) -> tuple[Sequence[TemplateHit], TemplateStructures | None]:
    """The hits with all that is known of them, and where their structures are."""
    folders = [] if evidence.structures_folder is None else [evidence.structures_folder]
    if evidence.search is not None and evidence.search.engine == SERVER:
        return locate(hits, evidence.search, folders)
    return hits, TemplateStructures.of(*folders) if folders else None


def names_of(hits: Sequence[TemplateHit]) -> list[str]:
    """The entries and chains that hits name."""
    return [hit_name(hit) for hit in hits]


def without_how(record: Any) -> Any:
    """A search's record less what may differ when the same is found again."""
    if isinstance(record, Mapping):
        return {key: without_how(value) for key, value in record.items() if key not in HOW}
    return [without_how(item) for item in record] if isinstance(record, list | tuple) else record


def warnings_of(job: Job, evidence: Evidence, was_searched: bool) -> list[str]:
    """What makes a prediction of this job less reliable than its reader may think."""
    demo = "the small set of sequences that comes with the program, the only one that was searched"
    alone = [name for name, chain in zip(job.chain_ids, job.chains, strict=True) if not _has_relatives(chain)]
    if alone:
        which = "no alignment" if len(job.chains) == 1 else f"no alignment for chain {', '.join(alone)}"
        where = f" (no relatives in {demo})" if evidence.is_demo and was_searched else ""
        return [f"{which}{where}: predicted from the sequence alone, which is rarely reliable. {MORE}"]
    if evidence.is_demo and was_searched:
        return [f"its relatives are from {demo}: a real search finds many more. {MORE}"]
    return []


def _has_relatives(chain: ChainInput) -> bool:
    return any(rows is not None and len(rows) > 1 for rows in (chain.alignment, chain.paired))
