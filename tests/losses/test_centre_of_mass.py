"""Chains that stand too close to each other."""

import torch

from foldwright.losses.centre_of_mass import centre_of_mass_loss

ASYM = torch.tensor([1, 1, 1, 2, 2, 3, 3, 3, 0])
MASK = torch.tensor([1, 1, 0, 1, 1, 1, 1, 1, 0.0])
DIRECTIONS = torch.tensor([[0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]])


def complex_at(distance, noise):
    """Chain 1 at the origin, chain 2 and 3 at a distance along x and y; chain 0 is padding."""
    centres = torch.cat([torch.full((1, 3), 99.0), distance * DIRECTIONS])
    return centres[ASYM] + noise


def noise():
    """Random shapes whose known atoms have their centre at 0."""
    out = 5 * torch.randn(9, 3)
    for chain in (1, 2, 3):
        where = (chain == ASYM) & (MASK > 0)
        out[where] -= out[where].mean(0)
    return out


def test_the_loss_is_the_squared_excess_averaged_over_pairs():
    truth, shape = complex_at(40.0, noise()), noise()
    loss = centre_of_mass_loss(complex_at(20.0, shape), truth, MASK, ASYM)
    pairs = [(20.0 - 4.0) / 20, (20.0 - 4.0) / 20, (20.0 * 2**0.5 - 4.0) / 20]
    torch.testing.assert_close(loss, torch.tensor(pairs).square().mean(), rtol=1e-4, atol=0)


def test_too_far_apart_or_a_little_too_close_costs_nothing():
    truth, shape = complex_at(40.0, noise()), noise()
    assert centre_of_mass_loss(complex_at(70.0, shape), truth, MASK, ASYM) == 0
    assert centre_of_mass_loss(complex_at(38.0, shape), truth, MASK, ASYM) == 0
    assert centre_of_mass_loss(complex_at(33.0, shape), truth, MASK, ASYM) > 0


def test_the_gradient_pushes_chains_apart_and_reaches_known_atoms_only():
    positions = complex_at(20.0, noise()).requires_grad_()
    centre_of_mass_loss(positions, complex_at(40.0, noise()), MASK, ASYM).backward()
    assert positions.grad is not None
    assert (positions.grad[3:5, 0] < 0).all()
    assert (positions.grad[:2, 0] > 0).all()
    assert positions.grad[MASK == 0].abs().max() == 0


def test_one_chain_has_no_loss_and_a_finite_gradient():
    positions = torch.randn(9, 3, requires_grad=True)
    loss = centre_of_mass_loss(positions, torch.randn(9, 3), MASK, torch.ones(9, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert positions.grad is not None
    assert positions.grad.abs().max() == 0


def test_examples_of_a_batch_keep_their_own_chains():
    one, two = torch.tensor([5, 5, 5, 7, 7, 7, 7, 7, 0]), ASYM
    positions, truth = 10 * torch.randn(2, 9, 3), 30 * torch.randn(2, 9, 3)
    together = centre_of_mass_loss(positions, truth, MASK.expand(2, 9), torch.stack([one, two]))
    alone = [centre_of_mass_loss(positions[i], truth[i], MASK, asym) for i, asym in enumerate((one, two))]
    assert together.std() > 1e-4
    torch.testing.assert_close(together, torch.stack(alone))
