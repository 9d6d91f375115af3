"""AlphaFold 3 in memory, and what it makes of one complex with one seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from foldwright import interrupts, kernels
from foldwright.features.af3.batch import AF3Batch, batch_from_arrays
from foldwright.features.af3.rows import draw_rows
from foldwright.models.af3.model import AF3Output, AlphaFold3
from foldwright.models.af3.sampler import SeededDraws, noise_levels, steps
from foldwright.models.af3.trunk import TrunkState
from foldwright.pipeline.complexes.fit import ComplexLoad
from foldwright.pipeline.complexes.options import MODEL
from foldwright.pipeline.complexes.results import Features
from foldwright.pipeline.memory import is_out_of_memory, release
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.stages import Stages


@dataclass
class ComplexRunner:
    """The network, asked again and again."""

    model: AlphaFold3
    device: torch.device
    precision: str
    limit: int  # bytes that a prediction may take
    report: Silent
    loading: Stages

    def new_stages(self) -> Stages:
        """A stopwatch that already knows what loading the network took."""
        return Stages(self.device, dict(self.loading.seconds), dict(self.loading.peak_bytes))

    def predict(self, job: str, features: Features, seed: int, samples: Sequence[int], stages: Stages) -> Predicted:
        """Every pass of the trunk, and the samples asked for.

        What does not fit into memory is tried once more in smaller pieces, one sample at a time.

        Raises:
            Exception: it does not fit then either.
        """
        batch = batch_from_arrays(features)
        num_tokens = batch.tokens.aatype.shape[-1]
        how = kernels.plan(self.device, num_tokens, training=False, precision=self.precision)
        load = ComplexLoad(self.model.config, num_tokens, int(batch.atom_mask.sum()), how)
        together = load.samples_at_once(len(samples), self.limit)
        for attempt, at_once in ((how, together), (kernels.frugal(how), 1)):
            try:
                output = self._predict(batch, seed, samples, stages, attempt, at_once)
                return Predicted(batch, output, self._record(batch, attempt))
            except Exception as error:
                if attempt is not how or not is_out_of_memory(error):
                    raise
            release(self.device)  # only here, where no error holds the frames of the attempt any more
            self.report.warn(job, "the memory ran out; trying once more in smaller pieces.")
        raise AssertionError  # not reached: the second attempt returns or raises

    @torch.inference_mode()
    def _predict(
        self, batch: AF3Batch, seed: int, samples: Sequence[int], stages: Stages, how: kernels.Plan, at_once: int
    ) -> AF3Output:
        model, config = kernels.install(self.model, how), self.model.config
        batch = batch.to(self.device)
        num_passes, num_steps = config.num_recycles + 1, config.sampling.num_steps
        groups = list(grouped(samples, at_once))
        self.report.start(f"{MODEL} seed {seed}", num_passes + num_steps * len(groups))
        with stages.measure("trunk"):
            target_feat = model.input_features(batch)
            orders = [draw_rows(batch.msa, config.features.num_msa, seed, cycle) for cycle in range(num_passes)]
            (state,) = deque(self._told(model.passes(batch, target_feat, orders), num_passes), maxlen=1)
        with stages.measure("diffusion"):
            positions = torch.cat(list(self._samples(batch, target_feat, state, seed, groups, num_passes)))
        with stages.measure("confidence"):
            return model.output(batch, target_feat, state, positions)

    def _told(self, passes: Iterator[TrunkState], num_passes: int) -> Iterator[TrunkState]:
        for number, state in enumerate(passes, 1):
            interrupts.check()
            self.report.advance(number, f"trunk pass {number} of {num_passes}")
            yield state

    def _samples(
        self,
        batch: AF3Batch,
        target_feat: Tensor,
        state: TrunkState,
        seed: int,
        groups: Sequence[Sequence[int]],
        done: int,
    ) -> Iterator[Tensor]:
        """The structures of each group of samples; what they share is computed once."""
        model, config = self.model, self.model.config
        prepared = model.diffusion.prepare(state.single, state.pair, target_feat, batch)
        levels = noise_levels(config.sampling, config.diffusion.sigma_data).to(target_feat)
        mask = batch.atom_mask.to(target_feat.dtype)
        for i, group in enumerate(groups):
            draws = SeededDraws(
                seed,
                group,
                num_tokens=mask.shape[-2],
                translation_scale=config.sampling.translation_scale,
                device=self.device,
            )
            x = None
            for step in steps(
                lambda noisy, t_hat: model.diffusion.denoise(prepared, noisy, t_hat),
                levels,
                draws,
                mask,
                config.sampling,
            ):
                interrupts.check()
                x = step.positions
                number = i * config.sampling.num_steps + step.number + 1
                self.report.advance(done + number, f"sampler step {step.number + 1} of {config.sampling.num_steps}")
            assert x is not None
            yield x

    def _record(self, batch: AF3Batch, how: kernels.Plan) -> dict[str, object]:
        config, templates = self.model.config, batch.templates.mask.flatten(1).amax(-1)
        return {
            "recycles_done": config.num_recycles,
            "steps": config.sampling.num_steps,
            "precision": how.precision,
            "execution": str(how).splitlines(),
            "tokens": int(batch.tokens.mask.sum()),
            "msa_rows": int(batch.msa.num_rows),
            "msa_rows_read": min(config.features.num_msa, int((batch.msa.mask.amax(-1) > 0).sum())),
            "templates_used": int(templates.sum()),
        }


@dataclass(frozen=True)
class Predicted:
    """What the network made of one seed, and how."""

    batch: AF3Batch
    output: AF3Output
    record: dict[str, object]


def grouped(items: Sequence[int], size: int) -> Iterator[list[int]]:
    """The items in order, so many at a time."""
    left = iter(items)
    while group := list(islice(left, size)):
        yield group
