"""What a prediction answers, as a digest: the same question need not be answered twice."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from foldwright import __version__
from foldwright.io.alignment import Alignment
from foldwright.io.job import Job
from foldwright.pipeline.plan import Network
from foldwright.pipeline.records import digest, file_sha256


def job_digest(job: Job) -> str:
    """Of the sequences, their alignments and the bytes of their templates; where they were read from plays no part."""
    return digest(
        [
            {
                "sequence": chain.sequence,
                "alignment": alignment_digest(chain.alignment),
                "paired": alignment_digest(chain.paired),
                "templates": [file_sha256(path) for path in chain.templates],
            }
            for chain in job.chains
        ]
    )


def prediction_digest(network: Network, job_sha256: str, seed: int, precision: str) -> str:
    """Of everything that decides a prediction: input, network, parameters, seed, precision, program."""
    return digest(
        {
            "input": job_sha256,
            "model": network.name,
            "config": asdict(network.config),
            "weights": network.source.sha256,
            "seed": seed,
            "precision": precision,
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
