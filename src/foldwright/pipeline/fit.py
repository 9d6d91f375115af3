"""Whether a job fits into memory: refused with the size that would, before the network is built."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from foldwright import kernels
from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.kernels.memory import estimate_peak_bytes
from foldwright.models.af2.config import AF2
from foldwright.pipeline.memory import available_bytes, gigabytes
from foldwright.pipeline.plan import Network, Plan

UNCERTAINTY = 0.75  # of an estimate that proved too low; estimates hold within about a quarter


@dataclass(frozen=True)
class Load:
    """What decides the memory of a prediction."""

    config: AF2
    num_rows: int  # of the alignment
    num_templates: int
    device: torch.device
    precision: str

    def peak_bytes(self, num_residues: int) -> int:
        """The estimated peak for so many residues."""
        features = self.config.features
        num_clusters = min(features.num_clusters, self.num_rows)
        return estimate_peak_bytes(
            self.config,
            num_residues,
            num_clusters,
            min(features.num_extra, max(1, self.num_rows - num_clusters)),
            min(features.num_templates, self.num_templates),
            kernels.plan(self.device, num_residues, training=False, precision=self.precision),
        )

    def largest_fitting(self, limit: int, too_many: int) -> int:
        """The most residues whose estimate stays within the limit, below a number that is too many."""
        fits, fails = 0, too_many
        while fails - fits > 1:
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if self.peak_bytes(middle) <= limit else (fits, middle)
        return fits


def load_of(job: Job, config: AF2, device: torch.device, precision: str) -> Load:
    """The load of a job on a network; the rows of a complex's chains stand below each other."""
    rows = sum(len(chain.alignment) if chain.alignment else 1 for chain in job.chains)
    paired = max((len(chain.paired) for chain in job.chains if chain.paired), default=0)
    has_templates = any(chain.templates for chain in job.chains)
    # The multimer reads empty template slots too.
    templates = config.features.num_templates if has_templates or config.is_multimer else 0
    return Load(config, rows + paired, templates if config.templates else 0, device, precision)


def check_fits(job: Job, network: Network, plan: Plan) -> None:
    """Refuse a job that is estimated to need more memory than there is.

    Raises:
        InputError: naming both, and the number of residues that would fit.
    """
    load = load_of(job, network.config, plan.device, plan.options.precision)
    needed, available = load.peak_bytes(job.num_residues), room(plan)
    if needed > available:
        what = f"would need about {gigabytes(needed)} with {network.name}; {gigabytes(available)} are free"
        raise _too_large(job, what, load.largest_fitting(available, job.num_residues))


def room(plan: Plan) -> int:
    """The memory that a prediction may take."""
    free = available_bytes(plan.device)
    return min(free, plan.options.memory_limit or free)


def ran_out(job: Job, network: Network, plan: Plan) -> InputError:
    """The error for a job that was estimated to fit and did not, not even in smaller pieces."""
    load = load_of(job, network.config, plan.device, plan.options.precision)
    needed, available = load.peak_bytes(job.num_residues), room(plan)
    limit = int(min(available, UNCERTAINTY * needed))
    what = f"ran out of memory with {network.name}, in smaller pieces too ({gigabytes(available)} are free)"
    return _too_large(job, what, load.largest_fitting(limit, job.num_residues))


def _too_large(job: Job, what: str, fitting: int) -> InputError:
    return InputError(
        f"{job.name} has {job.num_residues:,} residues and {what}.",
        file=job.source,
        line=job.line,
        remedy=f"Up to {fitting:,} residues would fit here with these options: predict domains one by one, lower "
        "--max-msa, or use a machine with more memory.",
    )
