"""Layers that add their update to the stream themselves, beside the update of the textbook and a sum."""

from copy import deepcopy

import pytest
import torch

from foldwright.kernels.cases import example, forms
from foldwright.kernels.checking import poison
from foldwright.kernels.fast import AddsInPlace
from foldwright.kernels.installing import reference
from foldwright.kernels.planning import CPU_INFERENCE

KERNELS = [kernel for kernel in CPU_INFERENCE.values() if issubclass(kernel, AddsInPlace)]

FORMS = [(kernel, form) for kernel in KERNELS for form in forms(reference(kernel))]


def test_every_update_of_pairs_through_triangles_can_be_added_so():
    assert len(KERNELS) == 6


@pytest.mark.parametrize(("kernel", "form"), FORMS)
@pytest.mark.parametrize("piece_bytes", [1, 1500, 10**9])
@pytest.mark.parametrize("batched", [False, True])
def test_the_stream_gets_the_update(kernel, form, piece_bytes, batched):
    with torch.no_grad():
        layer, inputs = example(reference(kernel), form)
        layer.double()
        fast = deepcopy(layer)
        fast.__class__ = kernel
        fast.piece_bytes = piece_bytes
        x, *rest = (torch.stack([x, x.flip(0)]) if batched else x for x in (x.double() for x in inputs))
        expected = x + layer(x, *rest)
        poison(torch.device("cpu"))
        stream = x.clone()
        found = fast.add_to(stream, *rest)
    assert found is stream
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert (expected - x).std() > 1e-2
