"""Distances with written-out derivatives beside the formula that autograd differentiates."""

import pytest
import torch

from foldwright.geometry.distances import smooth_distances, squared_distances, squared_lengths_of_products


def plain_squared_distances(a, b):
    return (a[..., :, None, :] - b[..., None, :, :]).square().sum(-1)


def plain_squared_lengths(a, b):
    return torch.einsum("...fxk,...kp->...fxp", a, b).square().sum(-2)


def points(*shape):
    return torch.randn(*shape, 3, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
@pytest.mark.parametrize(
    ("fast", "plain", "shapes"),
    [
        (squared_distances, plain_squared_distances, ((5, 3), (7, 3))),
        (squared_lengths_of_products, plain_squared_lengths, ((5, 3, 7), (7, 9))),
    ],
)
def test_values_and_gradients_are_those_of_the_formula(batch, fast, plain, shapes):
    a, b = (torch.randn(*batch, *shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    out, expected = fast(a, b), plain(a, b)
    torch.testing.assert_close(out, expected)
    cotangent = torch.randn_like(out)
    for found, right in zip(
        torch.autograd.grad(out, (a, b), cotangent), torch.autograd.grad(expected, (a, b), cotangent), strict=True
    ):
        assert right.std() > 0.1
        torch.testing.assert_close(found, right)
    if not batch:
        assert torch.autograd.gradcheck(fast, (a, b))


def test_points_against_themselves_get_the_gradient_of_both_sides():
    x = points(6)
    weights = torch.randn(6, 6, dtype=torch.float64)
    found = torch.autograd.grad((weights * smooth_distances(x, x, eps=1e-10)).sum(), x)[0]
    expected = torch.autograd.grad((weights * (plain_squared_distances(x, x) + 1e-10).sqrt()).sum(), x)[0]
    torch.testing.assert_close(found, expected)
    assert expected.std() > 0.1


def test_points_that_meet_far_from_the_origin_get_no_gradient_from_each_other():
    x = torch.full((4, 3), 123.4, requires_grad=True)
    smooth_distances(x, x, eps=1e-10).sum().backward()
    assert torch.equal(x.grad, torch.zeros(4, 3))
