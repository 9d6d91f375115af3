"""What a prediction answers, as a digest: the same question need not be answered twice."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

from foldwright.io.alignment import Alignment
from foldwright.io.job import Job
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.options import Options
from foldwright.pipeline.plan import Network, Task
from foldwright.pipeline.records import digest, file_sha256
from foldwright.pipeline.results import prediction_name
from foldwright.search.options import SearchOptions
from foldwright.search.plan import planned_steps
from foldwright.version import __version__


def asked(task: Task, options: Options, search_sha256: str) -> Task:
    """The task with the digest of every prediction that it asks for, by the prediction's name.

    search_sha256  of what would be searched where a chain brings nothing; what is found there is not known yet
    """
    evidence = _evidence(task.job, options.evidence, search_sha256)
    job_sha256 = digest([job_digest(task.job), evidence])
    keys = {
        prediction_name(network.name, seed): prediction_digest(network, job_sha256, seed, options)
        for network in task.networks
        for seed in options.seeds
    }
    return replace(task, keys=keys)


def job_digest(job: Job) -> str:
    """Of the sequences, their alignments and the bytes of their templates; where they were read from plays no part."""
    return digest(
        [
            {
                "sequence": chain.sequence,
                "alignment": alignment_digest(chain.alignment),
                "paired": alignment_digest(chain.paired),
                "candidates": alignment_digest(chain.candidates),
                "template_hits": chain.template_hits,
                "templates": [[file_sha256(item.file), item.chain, item.mapping] for item in chain.templates],
            }
            for chain in job.chains
        ]
    )


def prediction_digest(network: Network, job_sha256: str, seed: int, options: Options) -> str:
    """Of everything that decides a prediction: input, network, parameters, seed, precision, program."""
    return digest(
        {
            "input": job_sha256,
            "model": network.name,
            "config": asdict(network.config),
            "weights": network.source.sha256,
            "seed": seed,
            "precision": options.precision,
            "foldwright": __version__,
        }
    )


def alignment_digest(alignment: Alignment | None) -> str | None:
    """Of the rows, their deletions, and their descriptions, which decide what is paired."""
    if alignment is None:
        return None
    found = hashlib.sha256()
    for part in (alignment.letters, alignment.deletions.astype("<i4")):
        found.update(str(part.shape).encode() + part.tobytes())
    found.update("\n".join(alignment.descriptions).encode())
    return found.hexdigest()


def search_digest(options: SearchOptions) -> str:
    """Of all that decides what a search finds: databases, programs, parameters; neither caches nor threads.

    Raises:
        InputError: a program or a database is missing.
    """
    return digest(
        [
            {
                "step": planned.step,
                "program": [planned.program.name, planned.version],
                "databases": [identity.digest for identity in planned.identities],
            }
            for planned in planned_steps(options)
        ]
    )


def _evidence(job: Job, evidence: Evidence, search_sha256: str) -> dict[str, Any]:
    """The choices that matter for this job: what is given with it is not searched."""
    is_searched = bool(evidence.searched_sequences(job))
    chosen: dict[str, Any] = {"msa": evidence.msa, "templates": evidence.templates}
    if len(set(job.sequences)) > 1:
        chosen["pairing"] = [evidence.pairing, evidence.strategy]
    if is_searched:
        chosen["search"] = search_sha256
    if evidence.finds_templates or any(chain.template_hits for chain in job.chains):
        chosen["filters"], chosen["structures"] = evidence.filters, evidence.structures_folder
    return chosen
