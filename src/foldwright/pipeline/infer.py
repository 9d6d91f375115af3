"""One network, built and filled with parameters, and what it makes of an input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from foldwright import kernels
from foldwright.features.af2 import Example, Sampler
from foldwright.features.batch import AF2Batch
from foldwright.io.job import Job
from foldwright.models.af2.model import AlphaFold, Pass
from foldwright.pipeline.fit import ran_out
from foldwright.pipeline.memory import is_out_of_memory, release
from foldwright.pipeline.plan import Network, Plan
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.results import Prediction, prediction_name
from foldwright.pipeline.scores import scores_of
from foldwright.pipeline.stages import Stages
from foldwright.pipeline.structures import structure_of


def build(network: Network, device: torch.device) -> AlphaFold:
    """The network with its parameters, ready to predict on the device."""
    return network.source.load(network.config).to(device).eval().requires_grad_(False)


@dataclass
class Runner:
    """A network in memory, asked again and again."""

    network: Network
    model: AlphaFold
    plan: Plan
    loading: Stages
    report: Silent

    def new_stages(self) -> Stages:
        """A stopwatch that already knows what loading the network took."""
        return Stages(self.plan.device, dict(self.loading.seconds), dict(self.loading.peak_bytes))

    def predict(self, job: Job, example: Example, seed: int, stages: Stages) -> Prediction:
        """Every recycling pass of one input with one seed, and the confidence of the last.

        What does not fit into memory is tried once more in smaller pieces.

        Raises:
            InputError: it does not fit then either; with the size that would.
        """
        device, config = self.plan.device, self.network.config
        how = kernels.plan(device, len(example.residues.aatype), training=False, precision=self.plan.options.precision)
        draws = Draws(Sampler(example, config.features, config.is_multimer, seed), config.recycling.num_ensemble)
        self.report.job(job.name, draws.summary)
        for attempt in (how, kernels.frugal(how)):
            try:
                return self._predict(job, draws, seed, stages, attempt)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            release(device)  # only here, where no error holds the frames of the attempt any more
            if attempt is how:
                self.report.warn(job.name, "the memory ran out; trying once more in smaller pieces.")
        raise ran_out(job, self.network, self.plan)

    def _predict(self, job: Job, draws: Draws, seed: int, stages: Stages, how: kernels.Plan) -> Prediction:
        name, num_passes = prediction_name(self.network.name, seed), self.network.config.recycling.num_recycles + 1
        model = kernels.install(self.model, how)
        self.report.start(name, num_passes)
        moved: list[float] = []
        last: Pass | None = None
        with stages.measure("network"), torch.inference_mode():
            for last in model.iterate(draws.passes(num_passes, self.plan.device)):
                moved += [] if last.moved is None else [last.moved]
                self.report.step(last.number + 1, num_passes, last.moved)
        assert last is not None
        with stages.measure("confidence"), torch.inference_mode():
            scores = scores_of(last.output, draws.first.residues.asym_id, job.chain_ids)
            structure = structure_of(job, last.output, scores)
        record = {
            "recycles_done": last.number,
            "moved_angstrom": [round(x, 3) for x in moved],
            "precision": how.precision,
            "execution": str(how).splitlines(),
            **draws.read,
        }
        return Prediction(
            job=job.name, model=self.network.name, seed=seed, structure=structure, scores=scores, record=record
        )


class Draws:
    """What the passes of one prediction read, drawn as they are needed; the first draw is kept to be reported."""

    def __init__(self, sampler: Sampler, num_ensemble: int):
        self.sampler, self.num_ensemble = sampler, num_ensemble
        self.first: AF2Batch = sampler.draw(0, 0)

    def passes(self, num_passes: int, device: torch.device) -> Iterator[list[AF2Batch]]:
        """One ensemble for each pass."""
        for cycle in range(num_passes):
            yield [self.sampler.draw(cycle, member).to(device) for member in range(self.num_ensemble)]

    @cached_property
    def read(self) -> dict[str, int]:
        """How much of the alignment and of the templates one pass truly read."""
        templates = self.first.templates
        return {
            "msa_rows": len(self.sampler.example.msa),
            "msa_clusters_used": _rows(self.first.msa.mask),
            "msa_extra_rows_used": _rows(self.first.extra_msa.mask),
            "templates_used": 0 if templates is None else int(templates.mask.sum()),
        }

    @property
    def summary(self) -> str:
        """The same for the person running it."""
        n, read = len(self.first.residues.aatype), self.read
        used = read["msa_clusters_used"] + read["msa_extra_rows_used"]
        return f"{n} residues · {read['msa_rows']:,} rows ({used:,} used) · {read['templates_used']} templates"


def _rows(mask: torch.Tensor) -> int:
    return int((mask.sum(-1) > 0).sum())
