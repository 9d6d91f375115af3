"""Compiled layers beside the textbook in double precision: sizes around those of tiles, masks, batches, any layout."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch

pytest.importorskip("llvmlite")

from foldwright.kernels import columns
from foldwright.kernels.cases import CASES, applied, example, forms
from foldwright.kernels.checking import poison
from foldwright.kernels.compiled import compiled_layers, panels, tiles
from foldwright.kernels.fast import AddsInPlace, Fast, become
from foldwright.kernels.installing import reference
from foldwright.llvm import Compiled
from foldwright.models.af3.diffusion_transformer import DiffusionTransformer
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.transition import SwiGLUTransition, Transition

KERNELS = list(compiled_layers().values())
OF_ROWS = [k for k in KERNELS if not issubclass(k, (AttentionPairBias, DiffusionTransformer))]
FORMS = [(kernel, form) for kernel in KERNELS for form in forms(reference(kernel))]
CPU = torch.device("cpu")


def name(value):
    return value.__name__ if isinstance(value, type) else " ".join(value) if isinstance(value, dict) else str(value)


@pytest.fixture
def calls(monkeypatch):
    """The names of compiled functions that were asked for."""
    asked = []
    original = Compiled.address

    def address(self, name):
        asked.append(name)
        return original(self, name)

    monkeypatch.setattr(Compiled, "address", address)
    return asked


def resized(inputs, n):
    """Inputs of another length, with as many masked places as before or more."""
    torch.manual_seed(n)
    found = []
    for x in inputs:
        is_mask = set(x.unique().tolist()) <= {0.0, 1.0}
        shape = [n if size == 7 else size for size in x.shape]
        y = (torch.rand(shape) > 0.3).float() if is_mask else torch.randn(shape)
        if is_mask and n > 2:
            y[..., -1] = 0
            y[1] = 0
        found.append(y)
    return found


def both(kernel, form, n):
    with torch.no_grad():
        layer, inputs = example(reference(kernel), form)
    fast = deepcopy(layer)
    become(fast, kernel)
    assert isinstance(fast, Fast)
    fast.piece_bytes = 5000  # several pieces
    return layer.double(), fast, resized(inputs, n)


def randomised(module):
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def assert_close(found, expected):
    error = (found.double() - expected).norm() / expected.norm()
    assert error < 2e-6
    assert expected.std() > 1e-2


@pytest.mark.parametrize(("kernel", "form"), FORMS, ids=name)
@pytest.mark.parametrize("n", [1, 5, 6, 7, 8, 15, 16, 17, 33, 50])
@torch.inference_mode()
def test_outputs_equal_the_textbook(kernel, form, n, calls):
    layer, fast, inputs = both(kernel, form, n)
    poison(CPU)
    assert_close(applied(fast, inputs), applied(layer, [x.double() for x in inputs]))
    assert calls


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if issubclass(kernel, AddsInPlace)], ids=name)
@torch.inference_mode()
def test_updates_in_place_equal_the_textbook_in_a_batch(kernel, calls):
    layer, fast, inputs = both(kernel, {}, 19)
    inputs = [torch.stack([x, x.flip(0)]) for x in inputs]
    assert isinstance(fast, AddsInPlace)
    expected = inputs[0].double() + applied(layer, [x.double() for x in inputs])
    assert_close(fast.add_to(inputs[0].clone(), *inputs[1:]), expected)
    assert calls


@pytest.mark.parametrize("kernel", OF_ROWS, ids=name)
@torch.inference_mode()
def test_turned_inputs_are_read_as_they_are(kernel):
    layer, fast, inputs = both(kernel, {}, 18)
    turned = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in inputs]
    assert not turned[0].is_contiguous()
    assert_close(applied(fast, turned), applied(layer, [x.double() for x in inputs]))


@pytest.mark.parametrize("kernel", OF_ROWS, ids=name)
@torch.inference_mode()
def test_inputs_with_gaps_are_read_as_they_are(kernel):
    layer, fast, inputs = both(kernel, {}, 18)
    cut = [torch.stack([x, x + 1], 1)[:, 0] for x in inputs]
    assert not cut[0].is_contiguous()
    assert_close(applied(fast, cut), applied(layer, [x.double() for x in inputs]))


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if "Triangle" in kernel.__name__], ids=name)
@torch.inference_mode()
def test_products_deeper_than_a_panel_are_summed(kernel):
    layer, fast, inputs = both(kernel, {}, 261)
    assert_close(applied(fast, inputs), applied(layer, [x.double() for x in inputs]))


@pytest.fixture
def many(monkeypatch):
    """No number of rows counts as few."""
    monkeypatch.setattr(columns, "FEW", 0)


@pytest.mark.parametrize("n", [1, 5, 6, 7, 16, 33])
@torch.inference_mode()
def test_few_rows_are_widened_as_many_are(many, n):
    layer, fast, (x,) = both(compiled_layers()[SwiGLUTransition], {}, n)
    expected = layer(x.double())
    assert_close(fast(x), expected)
    assert_close(fast.add_to(x.clone()), x.double() + expected)


@pytest.mark.parametrize("layer", [Transition, SwiGLUTransition])
@torch.inference_mode()
def test_transitions_wider_than_a_panel_is_deep_are_summed(layer, many):
    module, x = randomised(layer(80)), torch.randn(5, 11, 80)
    fast = deepcopy(module)
    become(fast, compiled_layers()[layer])
    assert_close(fast(x), module.double()(x.double()))


@pytest.fixture
def small_caches(monkeypatch):
    """Functions over panels that take two panels and 16 channels at a time."""
    monkeypatch.setattr(panels, "CACHED", 2 * 16 * 4 * tiles.COLUMNS)
    monkeypatch.setattr(panels, "DEPTH", 16)
    panels.over_panels.cache_clear()
    yield
    panels.over_panels.cache_clear()


@pytest.mark.parametrize("is_conditioned_alike", [False, True])
@torch.inference_mode()
def test_samples_of_many_panels_are_denoised_as_in_the_textbook(small_caches, is_conditioned_alike):
    n = 2 * tiles.COLUMNS + 3
    layer, (_, _, z, _) = example(DiffusionTransformer)
    fast = deepcopy(layer)
    become(fast, compiled_layers()[DiffusionTransformer])
    a, s, mask = (
        torch.randn(3, n, 32),
        torch.randn(1 if is_conditioned_alike else 3, n, 16),
        (torch.rand(n) > 0.3).float(),
    )
    z = torch.randn(n, n, z.shape[-1])
    layer.double()
    expected = layer(a.double(), s.double(), layer.prepare(z.double()), mask.double())
    assert_close(fast(a, s, fast.prepare(z), mask), expected)
    assert_close(fast(a, s, tuple(bias.contiguous() for bias in fast.prepare(z)), mask), expected)


@pytest.mark.parametrize("kernel", OF_ROWS, ids=name)
@torch.inference_mode()
def test_what_is_no_number_stays_so(kernel):
    _, fast, inputs = both(kernel, {}, 9)
    inputs[0][2, 3, 1] = float("nan")
    found = applied(fast, inputs)
    assert found[2, 3].isnan().all()
    assert not found.isnan().all()


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
@torch.inference_mode()
def test_large_numbers_neither_overflow_nor_vanish(kernel):
    layer, fast, inputs = both(kernel, {}, 9)
    for module in (layer, fast):
        for parameter in module.parameters():
            parameter.mul_(12)
    expected = applied(layer, [x.double() for x in inputs])
    error = (applied(fast, inputs).double() - expected).norm() / expected.norm()
    assert error < 2e-4


@torch.inference_mode()
def test_channels_that_are_no_whole_vectors_run_as_before(calls):
    for layer, kernel in compiled_layers().items():
        sizes = [size - 4 if size in (16, 32) else size for size in CASES[layer].sizes]
        if not all(isinstance(size, int) for size in sizes):  # those of a configuration
            continue
        module = randomised(layer(*sizes))
        fast = deepcopy(module)
        become(fast, kernel)
        inputs = [x[..., : x.shape[-1] - 4] if x.shape[-1] in (16, 32) else x for x in example(layer)[1]]
        assert_close(applied(fast, inputs), applied(module.double(), [x.double() for x in inputs]))
    assert not calls


def test_wider_vectors_compute_the_same():
    """AVX-512 has them; LLVM splits them elsewhere."""
    script = """
import torch
from foldwright.kernels.compiled import compiled_layers, tiles
tiles.LANES, tiles.COLUMNS, tiles.BLOCK = 16, 32, 96
from foldwright.kernels.checking import check
from foldwright.kernels.compiled.attention import LANES
from foldwright.kernels.installing import reference
assert LANES == 16
for kernel in compiled_layers().values():
    result = check(reference(kernel), kernel, torch.device("cpu"))
    print(result)
    assert result.error < 2e-6, result
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
