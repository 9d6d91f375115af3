"""Compiled attention among atoms beside the textbook in double precision: windows, samples, masks, any layout."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

pytest.importorskip("llvmlite")

from foldwright.features.af3.batch import AtomLayout, Gather
from foldwright.kernels import install, plan
from foldwright.kernels.checking import poison
from foldwright.kernels.compiled import atoms, compiled_layers, tiles
from foldwright.kernels.fast import become
from foldwright.models.af3.atom_encoder import AtomAttentionEncoder
from foldwright.models.af3.atom_transformer import AtomTransformer, AtomWindows, PaperAtomTransformer
from foldwright.models.af3.config import AtomAttention

CPU = torch.device("cpu")
SIZES = AtomAttention(num_blocks=3, heads=2, c_atom=32, c_atom_pair=8, transition_factor=3)


@pytest.fixture(autouse=True)
def repeatable():
    torch.manual_seed(11)


@pytest.fixture
def jobs(monkeypatch):
    """The names of compiled jobs that were asked for."""
    asked = []
    original = atoms.Jobs.add

    def add(self, compiled, name, *arguments, **how):
        asked.append(name)
        return original(self, compiled, name, *arguments, **how)

    monkeypatch.setattr(atoms.Jobs, "add", add)
    return asked


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def both(kind=AtomTransformer, sizes=SIZES):
    """The textbook in double precision, and the kernel."""
    layer = kind(sizes)
    for parameter in layer.parameters():
        spread = 0.2 if parameter.dim() == 1 else parameter.shape[-1] ** -0.5
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=spread)
    fast = deepcopy(layer)
    become(fast, compiled_layers()[kind])
    return layer.double(), fast


def scattered(num_windows, num_keys=128):
    """Keys from anywhere: before the first atom, behind the last, some masked, some windows without any."""
    num_atoms = 32 * num_windows
    indices = torch.randint(-num_atoms, num_atoms + 40, (num_windows, num_keys))
    keys = Gather(indices=indices, mask=torch.rand(num_windows, num_keys) > 0.2)
    keys.mask[-1] = num_windows < 3
    return AtomLayout(
        queries=keys, keys=keys, tokens_to_queries=keys, tokens_to_keys=keys, queries_to_tokens=keys, pseudo_beta=keys
    )


def conditioned(num_windows, *leading, sizes=SIZES, layout=None):
    """Windows of atoms that are all there."""
    shape = *leading, num_windows, 32
    return AtomWindows(
        layout=layout or scattered(num_windows),
        mask=torch.ones(shape),
        single=torch.randn(*shape, sizes.c_atom),
        pair=torch.randn(*shape, 128, sizes.c_atom_pair),
    )


def each(function, x):
    """Tensors in groups of groups, each replaced."""
    if isinstance(x, torch.Tensor):
        return function(x)
    return tuple(each(function, y) for y in x) if type(x) is tuple else type(x)(*(each(function, y) for y in x))


def doubled(given):
    return each(torch.Tensor.double, given)


def error(found, expected):
    assert found.shape == expected.shape
    assert found.is_contiguous()
    assert expected.std() > 1e-2
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("kind", [AtomTransformer, PaperAtomTransformer])
@pytest.mark.parametrize("num_windows", [1, 2, 5, 19])
@torch.inference_mode()
def test_windows_equal_the_textbook(kind, num_windows, jobs, threads):
    layer, fast = both(kind)
    windows, q = conditioned(num_windows), torch.randn(num_windows, 32, 32)
    given, before = fast.prepare(windows), q.clone()
    poison(CPU)
    found = fast(q, given, windows.layout)
    assert error(found, layer(q.double(), doubled(given), windows.layout)) < 2e-6
    assert jobs
    assert torch.equal(q, before)


@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize("num_windows", [1, 2, 5])
@torch.inference_mode()
def test_samples_equal_the_textbook(num_windows, is_own, jobs, threads):
    layer, fast = both()
    windows = conditioned(num_windows, 3) if is_own else conditioned(num_windows)
    if is_own:  # places are those of one complex
        keys = replace(
            windows.layout.keys,
            indices=windows.layout.keys.indices.expand(3, -1, -1),
            mask=windows.layout.keys.mask.expand(3, -1, -1),
        )
        given = fast.prepare(replace(windows, layout=replace(windows.layout, keys=keys)))
    else:
        given = fast.prepare(windows)
    q = torch.randn(3, num_windows, 32, 32)
    poison(CPU)
    found = fast(q, given, windows.layout)
    assert jobs
    for i in range(3):
        expected = layer(q[i].double(), doubled(each(lambda x, i=i: x[i], given) if is_own else given), windows.layout)
        assert error(found[i], expected) < 2e-6


@torch.inference_mode()
def test_conditions_of_some_samples_and_of_all_may_be_mixed(jobs):
    layer, fast = both()
    windows, q = conditioned(4), torch.randn(3, 4, 32, 32)
    given = list(fast.prepare(windows))
    given[0] = given[0]._replace(bias=given[0].bias + torch.randn(3, 1, 1, 1, 1))
    given[1] = given[1]._replace(transition=given[1].transition._replace(gate=torch.rand(1, 4, 32, 32)))
    given[2] = given[2]._replace(transition=given[2].transition._replace(gate=torch.rand(3, 4, 32, 32)))
    found = fast(q, tuple(given), windows.layout)
    assert error(found, layer(q.double(), doubled(tuple(given)), windows.layout)) < 2e-6
    assert jobs


@torch.inference_mode()
def test_any_layout_in_memory_is_read(jobs):
    layer, fast = both()
    windows = conditioned(3)
    q = torch.randn(3, 32, 64).mT[:, ::2]
    given = layer.float().prepare(windows)  # not side by side
    assert not q.is_contiguous()
    found = fast(q, given, windows.layout)
    layer.double()
    assert error(found, layer(q.double(), doubled(given), windows.layout)) < 2e-6
    cut = tuple(
        of_block._replace(bias=torch.stack([of_block.bias] * 2, -1)[..., 0]) for of_block in fast.prepare(windows)
    )
    torch.testing.assert_close(fast(q, cut, windows.layout), found)
    assert jobs


@torch.inference_mode()
def test_masked_atoms_are_seen_as_in_the_textbook():
    """Logits of masked queries are 1e9, which absorbs what float32 would add: real atoms are compared."""
    for kind in (AtomTransformer, PaperAtomTransformer):
        layer, fast = both(kind)
        windows, q = conditioned(4), torch.randn(2, 4, 32, 32)
        windows.mask.copy_((torch.rand(4, 32) > 0.4).float())
        windows.layout.keys.mask[:] &= windows.mask.flatten()[windows.layout.keys.indices.clamp(max=127)] > 0
        real = windows.mask > 0
        assert 0.2 < windows.mask.mean() < 0.8
        found = fast(q, fast.prepare(windows), windows.layout)[:, real]
        exact = replace(windows, mask=windows.mask.double(), single=windows.single.double(), pair=windows.pair.double())
        assert error(found, layer(q.double(), layer.prepare(exact), windows.layout)[:, real]) < 2e-6


@torch.inference_mode()
def test_fewer_atoms_than_keys_equal_the_textbook_in_single_precision():
    """One window of 11 atoms looks at all of its slots; what masked ones hold reaches real ones as released."""
    layer, fast = both()
    keys = Gather(indices=torch.arange(-48, 80)[None], mask=(torch.arange(-48, 80) % 64 < 32)[None])
    windows, q = conditioned(1, layout=replace(scattered(1), keys=keys)), torch.randn(1, 32, 32)
    windows.mask[:, 11:] = 0
    found = fast(q, fast.prepare(windows), windows.layout)
    layer.float()
    expected = layer(q, layer.prepare(windows), windows.layout)
    assert error(found, expected) < 5e-6
    other = q + torch.randn_like(q) * (1 - windows.mask[..., None])
    changed = fast(other, fast.prepare(windows), windows.layout)
    assert (changed - found)[:, :11].abs().max() > 1e-3


@torch.inference_mode()
def test_what_is_no_number_stays_so_and_stays_near():
    _, fast = both()
    near = torch.arange(128) + 32 * torch.arange(12)[:, None] - 48
    keys = Gather(indices=near, mask=(near >= 0) & (near < 12 * 32))
    windows, q = conditioned(12, layout=replace(scattered(12), keys=keys)), torch.randn(12, 32, 32)
    q[1, 5, 3] = float("nan")
    found = fast(q, fast.prepare(windows), windows.layout)
    assert found[:3].isnan().all()
    assert not found[-2:].isnan().any()


@pytest.mark.parametrize("c_atom", [8, 20])  # heads of 4 channels are less than a tile, 20 channels no whole vectors
@torch.inference_mode()
def test_sizes_that_do_not_fit_run_as_the_textbook(c_atom, jobs):
    sizes = replace(SIZES, c_atom=c_atom)
    layer, fast = both(sizes=sizes)
    windows, q = conditioned(2, sizes=sizes), torch.randn(2, 32, c_atom)
    given = fast.prepare(windows)
    assert error(fast(q, given, windows.layout), layer(q.double(), doubled(given), windows.layout)) < 2e-6
    assert not jobs


@torch.inference_mode()
def test_other_types_than_single_precision_run_as_the_textbook(jobs):
    layer, fast = both()
    windows, q = conditioned(2), torch.randn(2, 32, 32).double()
    given = doubled(fast.prepare(windows))
    torch.testing.assert_close(fast.double()(q, given, windows.layout), layer(q, given, windows.layout))
    assert not jobs


@torch.inference_mode()
def test_complexes_in_a_batch_run_as_the_textbook(jobs):
    layer, fast = both()
    windows = conditioned(2, 3)
    keys = windows.layout.keys
    keys = Gather(indices=torch.stack([keys.indices.roll(i, 0) for i in range(3)]), mask=keys.mask.expand(3, -1, -1))
    windows, q = replace(windows, layout=replace(windows.layout, keys=keys)), torch.randn(3, 2, 32, 32)
    given = fast.prepare(windows)
    assert error(fast(q, given, windows.layout), layer(q.double(), doubled(given), windows.layout)) < 2e-6
    assert not jobs


def test_gradients_pass_through_the_textbook(jobs):
    _, fast = both()
    windows, q = conditioned(2), torch.randn(2, 32, 32)
    fast(q, fast.prepare(windows), windows.layout).square().sum().backward()
    assert all(parameter.grad is not None for parameter in fast.parameters())
    assert not jobs


@torch.inference_mode()
def test_it_is_installed_in_an_encoder(jobs):
    encoder = install(
        AtomAttentionEncoder(SIZES, 16, transformer=PaperAtomTransformer), plan("cpu", 50, training=False)
    )
    assert isinstance(encoder.transformer, atoms.CompiledPaperAtomTransformer)
    windows, q = conditioned(2), torch.randn(2, 32, 32)
    encoder.attend(q, windows, encoder.transformer.prepare(windows))
    assert jobs


@torch.inference_mode()
def test_samples_share_conditions_without_copies():
    _, fast = both()
    given = fast.prepare(conditioned(2))
    for of_block in given:
        assert of_block.bias.mT.is_contiguous()
        assert of_block.transition.gate.mT.is_contiguous()
    assert tiles.COLUMNS <= atoms.QUERIES
