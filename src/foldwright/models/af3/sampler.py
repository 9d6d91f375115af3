"""From noise to structures: the sampler as a function of any denoiser, and what it draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.geometry.rotation import rotation_from_two_vectors
from foldwright.models.af3.config import Sampling

Denoiser = Callable[[Tensor, Tensor], Tensor]  # (x_noisy [*samples n 24 3], t_hat []) -> x


@dataclass(frozen=True)
class StepDraw:
    """What one step draws."""

    rotation: Float[Tensor, "*samples 3 3"]  # acts on rows: x R
    translation: Float[Tensor, "*samples 3"]  # angstrom
    noise: Float[Tensor, "*samples n 24 3"]  # of unit variance


@runtime_checkable
class Draws(Protocol):
    """Everything random in a run of the sampler; the arithmetic draws nothing itself."""

    def initial(self) -> Float[Tensor, "*samples n 24 3"]:
        """Noise of unit variance to begin with."""
        ...

    def step(self, number: int) -> StepDraw:
        """What step `number`, from 0, draws; the same whenever it is asked."""
        ...


@dataclass(frozen=True)
class RecordedDraws:
    """Draws that somebody made before."""

    init_noise: Float[Tensor, "*samples n 24 3"]
    rotation: Float[Tensor, "*samples steps 3 3"]
    translation: Float[Tensor, "*samples steps 3"]
    step_noise: Float[Tensor, "*samples steps n 24 3"]

    def initial(self) -> Tensor:
        return self.init_noise

    def step(self, number: int) -> StepDraw:
        return StepDraw(
            self.rotation[..., number, :, :],
            self.translation[..., number, :],
            self.step_noise[..., number, :, :, :],
        )


@dataclass(frozen=True)
class SeededDraws:
    """Draws that a seed decides, for each sample on its own.

    They depend on (seed, sample, step) alone: not on the device, on which samples run together, nor on padding.
    """

    seed: int
    samples: Sequence[int]
    num_tokens: int
    atoms_per_token: int = 24
    translation_scale: float = 1.0  # angstrom, AF3 SI Alg. 19 line 3
    device: torch.device | str = "cpu"

    def initial(self) -> Tensor:
        return self._stacked(lambda sample: self._noise(self._generator(sample, 0)))

    def step(self, number: int) -> StepDraw:
        generators = [self._generator(sample, number + 1) for sample in self.samples]
        axes = self._tensor([g.standard_normal((2, 3), np.float32) for g in generators])
        shifts = self._tensor([g.standard_normal(3, np.float32) for g in generators])
        noise = self._tensor([self._noise(g) for g in generators])
        return StepDraw(random_rotation(axes), shifts * self.translation_scale, noise)

    def _generator(self, sample: int, step: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence((self.seed, sample, step))))

    def _noise(self, generator: np.random.Generator) -> np.ndarray:
        return generator.standard_normal((self.num_tokens, self.atoms_per_token, 3), np.float32)

    def _stacked(self, draw: Callable[[int], np.ndarray]) -> Tensor:
        return self._tensor([draw(sample) for sample in self.samples])

    def _tensor(self, arrays: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self.device)


@dataclass(frozen=True)
class Step:
    """One step as it is done: what the denoiser was given, what it said, and where the atoms are now."""

    number: int
    t_hat: float
    noisy: Float[Tensor, "*samples n 24 3"]
    denoised: Float[Tensor, "*samples n 24 3"]
    positions: Float[Tensor, "*samples n 24 3"]


def noise_levels(config: Sampling, sigma_data: float, num_steps: int | None = None) -> Float[Tensor, " levels"]:
    """Standard deviations from the first to the last step, in angstrom (AF3 SI 3.7.1, eq. 7)."""
    t = torch.linspace(0, 1, (config.num_steps if num_steps is None else num_steps) + 1, dtype=torch.float64)
    first, last = config.sigma_max ** (1 / config.exponent), config.sigma_min ** (1 / config.exponent)
    return (sigma_data * (first + t * (last - first)) ** config.exponent).float()


def random_rotation(axes: Float[Tensor, "*batch 2 3"]) -> Float[Tensor, "*batch 3 3"]:
    """A rotation, uniform over all of them if the two vectors are normally distributed."""
    return rotation_from_two_vectors(axes[..., 0, :], axes[..., 1, :], eps=0.0).mT


def augmented(
    x: Float[Tensor, "*samples n 24 3"],
    mask: Float[Tensor, "*#samples n 24"],
    rotation: Float[Tensor, "*#samples 3 3"],
    translation: Float[Tensor, "*#samples 3"],
) -> Float[Tensor, "*samples n 24 3"]:
    """The atoms centred, turned and moved.

    AF3 SI Alg. 19 "CentreRandomAugmentation".
    """
    mask = mask[..., None]
    centre = (x * mask).sum((-3, -2)) / (mask.sum((-3, -2)) + 1e-6)
    x = torch.einsum("...nai,...ij->...naj", x - centre[..., None, None, :], rotation)
    return (x + translation[..., None, None, :]) * mask


def sample(
    denoise: Denoiser,
    levels: Float[Tensor, " levels"],
    draws: Draws,
    mask: Float[Tensor, "*#samples n 24"],
    config: Sampling,
) -> Float[Tensor, "*samples n 24 3"]:
    """Structures, as many as `draws` has samples of: the last positions of `steps`."""
    x = None
    for step in steps(denoise, levels, draws, mask, config):
        x = step.positions
    return levels[0] * draws.initial() if x is None else x


def steps(
    denoise: Denoiser,
    levels: Float[Tensor, " levels"],
    draws: Draws,
    mask: Float[Tensor, "*#samples n 24"],
    config: Sampling,
) -> Iterator[Step]:
    """Every step from noise to structures, as it is done.

    AF3 SI Alg. 18 "SampleDiffusion".
    """
    x = levels[0] * draws.initial()
    for number in range(len(levels) - 1):
        before, level, drawn = levels[number], levels[number + 1], draws.step(number)
        x = augmented(x, mask, drawn.rotation, drawn.translation)
        gamma = config.gamma_0 if level > config.gamma_min else 0.0
        t_hat = before * (1 + gamma)
        xi = config.noise_scale * (t_hat.square() - before.square()).clamp(min=0).sqrt() * drawn.noise
        x_noisy = x + xi
        denoised = denoise(x_noisy, t_hat)
        delta = (x_noisy - denoised) / t_hat
        x = x_noisy + config.step_scale * (level - t_hat) * delta
        yield Step(number, float(t_hat), x_noisy, denoised, x)
