"""What a prediction answers, as a digest: the same question need not be answered twice."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

from foldwright import __version__
from foldwright.io.alignment import Alignment
from foldwright.io.job import Job
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.options import Options
from foldwright.pipeline.plan import Network, Task
from foldwright.pipeline.records import digest, file_sha256
from foldwright.pipeline.results import prediction_name


def asked(task: Task, options: Options) -> Task:
    """The task with the digest of every prediction that it asks for, by the prediction's name."""
    job_sha256 = job_digest(task.job)
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
                "templates": [[file_sha256(item.file), item.chain, item.mapping] for item in chain.templates],
            }
            for chain in job.chains
        ]
    )


def prediction_digest(network: Network, job_sha256: str, seed: int, options: Options) -> str:
    """Of everything that decides a prediction: input, evidence, network, parameters, seed, precision, program."""
    return digest(
        {
            "input": job_sha256,
            "model": network.name,
            "config": asdict(network.config),
            "weights": network.source.sha256,
            "seed": seed,
            "precision": options.precision,
            "evidence": _evidence(options.evidence),
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


def _evidence(evidence: Evidence) -> dict[str, Any]:
    """The choices that decide what is found; not where results are kept, nor by how many threads they are found."""
    chosen = asdict(evidence)
    for name in ("cache", "use_cache", "threads"):
        (chosen["search"] or {}).pop(name, None)
    return chosen
