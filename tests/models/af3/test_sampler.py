"""The sampler: recorded runs of the released AlphaFold 3 replayed, and what holds for any denoiser."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.models.af3.config import Sampling
from foldwright.models.af3.sampler import (
    Draws,
    RecordedDraws,
    SeededDraws,
    augmented,
    noise_levels,
    random_rotation,
    sample,
    steps,
)

FOLDERS = (Path(__file__).parents[2] / "oracles" / "af3", Path(__file__).parents[4] / "shared" / "oracles" / "af3")
PUBLISHED = Sampling()


def stored(name: str, folders: Sequence[Path] = FOLDERS) -> dict[str, torch.Tensor]:
    for folder in folders:
        if (folder / name).exists():
            with np.load(folder / name, allow_pickle=False) as arrays:
                return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    pytest.skip(f"{name} is neither in tests/oracles/af3 nor in ../shared")


@pytest.mark.parametrize("num_steps", [6, 20, 200])
def test_noise_levels_equal_the_released_ones(num_steps):
    levels = noise_levels(PUBLISHED, 16.0, num_steps)
    torch.testing.assert_close(levels, stored("modules/noise_schedule.npz")[f"schedule_steps{num_steps}"])
    assert levels[0] == 2560


def test_augmentation_equals_the_released_one():
    case = stored("modules/random_augmentation.npz")
    rotation = random_rotation(case["in/v"])
    torch.testing.assert_close(rotation, case["in/rot"])
    out = augmented(case["in/positions"], case["in/mask"], rotation, case["in/translation"])
    torch.testing.assert_close(out, case["out"])
    assert 0 < case["in/mask"].mean() < 1


@pytest.mark.shared
@pytest.mark.parametrize("run", ["e2e", "single"])
def test_a_recorded_run_is_replayed(run):
    """The denoiser answers what the released one answered; what it is asked must be what that one was asked."""
    arrays = stored(f"{run}/outputs.npz", FOLDERS[1:])  # the committed copy is without steps
    batch = stored(f"{run}/batch.npz")
    names = ("init_noise", "rotation", "translation", "step_noise")
    draws = RecordedDraws(*(arrays[f"rand/{name}"][0] for name in names))
    answers = iter(arrays["sample0/denoiser_out"])
    mask = batch["pred_dense_atom_mask"].float()
    found = list(steps(lambda x, t: next(answers), arrays["noise_levels"], draws, mask, PUBLISHED))
    trajectory = arrays["out/diffusion_samples/trajectory"][:, 0]
    assert len(found) == len(arrays["noise_levels"]) - 1
    for step, asked, place in zip(found, arrays["sample0/denoiser_in"], trajectory, strict=True):
        real = mask > 0
        assert_near(step.noisy[real], asked[real])
        assert_near(step.positions[real], place[real])


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert expected.std() > 1
    assert float((found - expected).norm() / expected.norm()) < 1e-5


MASK = (torch.arange(7 * 24).view(7, 24) % 24 < 9).float()
LEVELS = noise_levels(PUBLISHED, 16.0, 8)


def shrink(x: torch.Tensor, t_hat: torch.Tensor) -> torch.Tensor:
    """A denoiser that does not know where up is."""
    return x * (0.9 + 0.01 * x.square().sum(-1, keepdim=True).sqrt().sin()) * 256 / (256 + t_hat**2)


def seeded(samples=(0, 1, 2), seed=5, num_tokens=7) -> SeededDraws:
    return SeededDraws(seed=seed, samples=samples, num_tokens=num_tokens)


def recorded(draws: Draws, num_steps: int = 8, **others) -> RecordedDraws:
    drawn = [draws.step(i) for i in range(num_steps)]
    parts = {
        "init_noise": draws.initial(),
        "rotation": torch.stack([d.rotation for d in drawn], dim=-3),
        "translation": torch.stack([d.translation for d in drawn], dim=-2),
        "step_noise": torch.stack([d.noise for d in drawn], dim=-4),
    }
    return RecordedDraws(**(parts | others))


def test_draws_that_are_recorded_give_the_same_structures():
    expected = sample(shrink, LEVELS, seeded(), MASK, PUBLISHED)
    assert torch.equal(sample(shrink, LEVELS, recorded(seeded()), MASK, PUBLISHED), expected)
    assert expected.std() > 1e-2
    assert not torch.equal(expected[0], expected[1])


def test_a_sample_does_not_depend_on_its_company():
    together = sample(shrink, LEVELS, seeded((0, 1, 2)), MASK, PUBLISHED)
    others = sample(shrink, LEVELS, seeded((2, 0)), MASK, PUBLISHED)
    torch.testing.assert_close(others, together[[2, 0]])


def test_draws_depend_on_seed_sample_and_step_alone():
    first, again = seeded().step(3), seeded().step(3)
    assert torch.equal(first.noise, again.noise)
    assert torch.equal(first.rotation, again.rotation)
    for other in (seeded(seed=6).step(3), seeded((1, 2, 3)).step(3), seeded().step(4)):
        assert not torch.isclose(first.noise, other.noise).any(dim=-1).any()
    assert first.noise.std() == pytest.approx(1, abs=0.05)


def test_padding_does_not_change_what_real_tokens_draw():
    short, long = seeded(num_tokens=7).step(2), seeded(num_tokens=11).step(2)
    assert torch.equal(long.noise[:, :7], short.noise)
    assert torch.equal(long.rotation, short.rotation)


def test_rotations_are_proper_and_point_everywhere():
    draws = seeded(samples=range(400))
    rotation = draws.step(0).rotation
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(400, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(400))
    assert rotation.mean(0).abs().max() < 0.15


def test_a_denoiser_without_up_makes_the_same_structure_however_it_is_turned():
    """One step's rotation is undone by turning what follows the other way."""
    draws = recorded(seeded((0,)), translation=torch.zeros(1, 8, 3))
    turn = draws.rotation[:, :1].clone()
    still = draws.rotation.clone()
    still[:, 0] = torch.eye(3)
    # The first step turns by R; without it every noise of that step and after must be turned back by R.
    turned = RecordedDraws(draws.init_noise, still, draws.translation, draws.step_noise.clone())
    turned.step_noise[:, 0] = draws.step_noise[:, 0] @ turn.mT
    turned.rotation[:, 1] = turn[:, 0] @ draws.rotation[:, 1]
    expected = sample(shrink, LEVELS, draws, MASK, PUBLISHED)
    found = sample(shrink, LEVELS, turned, MASK, PUBLISHED)
    real = MASK > 0
    torch.testing.assert_close(found[:, real], expected[:, real], rtol=1e-3, atol=1e-3)
    assert expected[:, real].std() > 1e-2


def test_augmentation_centres_real_atoms_and_hides_the_rest():
    x = torch.randn(2, 7, 24, 3) + 30
    eye = torch.eye(3).expand(2, 3, 3)
    out = augmented(x, MASK, eye, torch.zeros(2, 3))
    real = MASK > 0
    torch.testing.assert_close(out[:, real].mean(1), torch.zeros(2, 3), atol=1e-4, rtol=0)
    assert out[:, ~real].eq(0).all()
    torch.testing.assert_close(augmented(torch.where(real[..., None], x, 1e3), MASK, eye, torch.zeros(2, 3)), out)


def test_every_step_is_told_as_it_is_done():
    asked = []

    def denoise(x, t_hat):
        asked.append(float(t_hat))
        return shrink(x, t_hat)

    told = [(step.number, step.t_hat) for step in steps(denoise, LEVELS, seeded(), MASK, PUBLISHED)]
    assert told == list(enumerate(asked))
    # gamma_0 adds noise as long as the level that is reached lies above gamma_min.
    added = [t_hat / float(level) for t_hat, level in zip(asked, LEVELS[:-1], strict=True)]
    assert added == pytest.approx([1.8 if level > 1 else 1.0 for level in LEVELS[1:]], rel=1e-6)
    assert {1.0, 1.8} == {round(x, 6) for x in added}


def test_no_step_leaves_the_noise():
    draws = seeded()
    torch.testing.assert_close(sample(shrink, LEVELS[:1], draws, MASK, PUBLISHED), 2560 * draws.initial())
