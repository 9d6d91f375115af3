"""Every kernel beside the layer it replaces: outputs, gradients, odd sizes, mixed masks, memory full of NaN."""

from copy import deepcopy

import pytest
import torch

from foldwright.kernels.cases import CASES, applied, example, forms
from foldwright.kernels.checking import check, poison, relative_error
from foldwright.kernels.fast import Fast
from foldwright.kernels.installing import reference
from foldwright.kernels.low_precision import LowPrecisionLinear
from foldwright.kernels.planning import CHUNKED, CPU_INFERENCE, CPU_TRAINING, DIFFERENTIABLE
from foldwright.models.af3.atom_transformer import WindowAttention
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning, PaperDiffusionConditioning
from foldwright.models.af3.diffusion_transformer import ConditionedAttention, DiffusionTransformer
from foldwright.nn.adaptive_norm import AdaptiveLayerNorm, ConditionedTransition
from foldwright.nn.relative_position import PaperTokenRelativePosition, TokenRelativePosition
from foldwright.nn.transition import SwiGLUTransition, Transition

CPU = torch.device("cpu")
TABLES = (CPU_INFERENCE, DIFFERENTIABLE, CHUNKED, CPU_TRAINING)
KERNELS = list(dict.fromkeys(kernel for table in TABLES for kernel in table.values()))
FORMS = [(kernel, form) for kernel in KERNELS for form in forms(reference(kernel))]
DENOISER = (AdaptiveLayerNorm, ConditionedTransition, ConditionedAttention, DiffusionTransformer, WindowAttention)
MASKLESS = (
    Transition,
    SwiGLUTransition,
    ConditionedTransition,
    AdaptiveLayerNorm,
    PaperTokenRelativePosition,
    TokenRelativePosition,
    DiffusionConditioning,
    PaperDiffusionConditioning,
    WindowAttention,  # its mask is part of the bias
)
WITH_GRADIENTS = [(kernel, form) for kernel, form in FORMS if not kernel.is_inference_only]


def is_mask(x):
    return set(x.unique().tolist()) <= {0.0, 1.0}


def name(kernel):
    return kernel.__name__ if isinstance(kernel, type) else " ".join(kernel)


def pair_of(kernel, piece_bytes=1500, form=None):
    """The textbook layer in float64, the kernel with the same parameters, and inputs."""
    with torch.no_grad():
        layer, inputs = example(reference(kernel), form)
    layer.double()
    fast = deepcopy(layer)
    fast.__class__ = kernel
    fast.piece_bytes = piece_bytes
    return layer, fast, [x.double() for x in inputs]


@pytest.mark.parametrize(("kernel", "form"), FORMS, ids=name)
@pytest.mark.parametrize("piece_bytes", [1, 1500, 10**9])
def test_outputs_equal_in_pieces_of_any_size(kernel, form, piece_bytes):
    layer, fast, inputs = pair_of(kernel, piece_bytes, form)
    with torch.no_grad():
        expected = applied(layer, inputs)
        poison(CPU)
        found = applied(fast, inputs)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert expected.std() > 1e-2
    masks = [x for x in inputs if set(x.unique().tolist()) == {0.0, 1.0}]
    assert masks or reference(kernel) in MASKLESS


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_outputs_equal_where_every_row_ends_in_padding(kernel):
    layer, fast, inputs = pair_of(kernel)
    for x in inputs:
        if set(x.unique().tolist()) == {0.0, 1.0}:
            x[:] = 1
            x[..., -2:] = 0
            x[-2:] = 0 if x.dim() > 1 else x[-2:]
    with torch.no_grad():
        expected = applied(layer, inputs)
        torch.testing.assert_close(applied(fast, inputs), expected, rtol=1e-10, atol=1e-10)
    assert expected.std() > 1e-2


@pytest.mark.parametrize(("kernel", "form"), WITH_GRADIENTS, ids=name)
@pytest.mark.parametrize(
    ("case", "piece_bytes"),
    [
        ("mixed masks", 1),
        ("mixed masks", 10**9),
        ("a batch", 1500),
        ("all rows end in padding", 1500),
        ("nothing masked", 1500),
    ],
)
def test_gradients_equal(kernel, form, case, piece_bytes):
    layer, fast, inputs = pair_of(kernel, piece_bytes, form)
    if case == "a batch":
        inputs = [torch.stack([x, x.flip(0)]) for x in inputs]
    for mask in (x for x in inputs if is_mask(x)):
        if case == "nothing masked":
            mask[:] = 1
        elif case == "all rows end in padding":
            mask[:] = (torch.arange(mask.shape[-1]) < 5).to(mask)
    gradients = []
    for module in (layer, fast):
        values = [x.clone().requires_grad_(not is_mask(x)) for x in inputs]
        out = applied(module, values)
        cotangent = torch.sin(torch.arange(out.numel(), dtype=out.dtype)).view_as(out)
        out.backward(cotangent)
        gradients.append([x.grad for x in values if x.requires_grad] + [p.grad for p in module.parameters()])
    assert len(gradients[0]) > 1
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert max(float(x.std()) for x in gradients[0] if x.numel() > 1) > 1e-2


@pytest.mark.parametrize("kernel", [k for k in CPU_INFERENCE.values() if k.is_inference_only], ids=name)
def test_inference_kernels_run_the_textbook_while_gradients_are_recorded(kernel):
    layer, fast, inputs = pair_of(kernel)
    out = applied(fast, inputs)
    assert out.requires_grad
    assert torch.equal(out, applied(layer, inputs))


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_leading_batches_are_items(kernel):
    _, fast, inputs = pair_of(kernel)
    batch = [torch.stack([x, x.flip(-1) if x.dim() > 2 else x]) for x in inputs]
    with torch.no_grad():
        found = applied(fast, batch)
        expected = torch.stack([applied(fast, item) for item in zip(*batch, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert (found[0] - found[1]).std() > 1e-3


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_float32_keeps_the_promised_accuracy(kernel):
    result = check(reference(kernel), kernel, CPU)
    assert result.passed
    assert 0 < result.error < 1e-6


@pytest.mark.parametrize("kernel", [*dict.fromkeys(CPU_INFERENCE.values()), LowPrecisionLinear], ids=name)
def test_bfloat16_keeps_the_promised_accuracy(kernel):
    result = check(reference(kernel), kernel, CPU, "bfloat16")
    assert result.passed
    # Chunked layers leave their products to the linear maps; those of the denoiser stay in float32.
    if not kernel.__name__.startswith("Chunked") and reference(kernel) not in DENOISER:
        assert 1e-4 < result.error < 2e-2


@pytest.mark.parametrize("layer", CASES, ids=name)
def test_the_check_notices_a_kernel_that_is_off(layer):
    class Off(Fast, layer):
        def forward(self, *inputs):
            return super().forward(*inputs) * 1.001

    class Unwritten(Fast, layer):
        def forward(self, *inputs):
            return torch.full_like(super().forward(*inputs), float("nan"))

    class Broken(Fast, layer):
        def forward(self, *inputs):
            raise RuntimeError("no such instruction")

    assert not check(layer, Off, CPU).passed
    assert relative_error(layer, Off, CPU, "float32") == pytest.approx(1e-3, rel=0.01)
    assert not check(layer, Unwritten, CPU).passed
    assert check(layer, Broken, CPU).fault == "no such instruction"
