"""The one way in which typed groups are moved, saved and collated."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foldwright.features.batch import TensorGroup


@dataclass(frozen=True, kw_only=True)
class Inner(TensorGroup):
    number: Int[Tensor, "*batch n"]
    value: Float[Tensor, "*batch n c"]


@dataclass(frozen=True, kw_only=True)
class Outer(TensorGroup):
    inner: Inner
    extra: Inner | None
    mask: Float[Tensor, "*batch n"]


def group(n: int, c: int = 3, has_extra: bool = False) -> Outer:
    def inner():
        return Inner(number=torch.randint(1, 9, (n,)), value=torch.randn(n, c))

    return Outer(inner=inner(), extra=inner() if has_extra else None, mask=torch.ones(n))


def assert_same(a: TensorGroup, b: TensorGroup):
    assert a.flat().keys() == b.flat().keys()
    for name, x in a.flat().items():
        torch.testing.assert_close(b.flat()[name], x, rtol=0, atol=0, msg=name)


def test_flat_names_are_dotted_and_absent_parts_are_not_there():
    assert list(group(4).flat()) == ["inner.number", "inner.value", "mask"]
    assert "extra.value" in group(4, has_extra=True).flat()


def test_a_dtype_reaches_only_floating_point_tensors():
    moved = group(4, has_extra=True).to(torch.float64)
    assert moved.inner.value.dtype == torch.float64
    assert moved.extra is not None
    assert moved.extra.value.dtype == torch.float64
    assert moved.inner.number.dtype == torch.int64


def test_a_device_reaches_every_tensor():
    moved = group(4).to("meta", torch.float16)
    assert {x.device.type for x in moved.flat().values()} == {"meta"}
    assert moved.inner.number.dtype == torch.int64
    assert moved.mask.dtype == torch.float16


def test_a_dtype_alone_moves_nothing():
    there = group(4).to("meta").to(torch.float64)
    assert {x.device.type for x in there.flat().values()} == {"meta"}
    assert there.mask.dtype == torch.float64


def test_what_is_saved_is_loaded(tmp_path):
    for has_extra in (False, True):
        saved = group(5, has_extra=has_extra).map(lambda x: x.T if x.ndim == 2 else x)
        saved.save(tmp_path / "group.safetensors")
        loaded = Outer.load(tmp_path / "group.safetensors")
        assert_same(saved, loaded)
        assert (loaded.extra is None) is not has_extra


def test_collate_pads_with_zeros_to_the_longest():
    groups = [group(3, c=2), group(5, c=4)]
    both = Outer.collate(groups)
    assert both.inner.value.shape == (2, 5, 4)
    assert both.mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    torch.testing.assert_close(both.inner.value[0, :3, :2], groups[0].inner.value)
    torch.testing.assert_close(both.inner.number[1], groups[1].inner.number)
    assert both.inner.value[0, 3:].abs().sum() == both.inner.value[0, :, 2:].abs().sum() == 0
    assert both.extra is None


def test_a_part_that_only_some_examples_have_is_padding_in_the_others():
    groups = [group(3), group(5, has_extra=True)]
    both = Outer.collate(groups)
    assert both.extra is not None
    assert groups[1].extra is not None
    assert both.extra.value.shape == (2, 5, 3)
    assert both.extra.value[0].abs().sum() == 0
    torch.testing.assert_close(both.extra.value[1], groups[1].extra.value)


def test_map_changes_every_tensor_and_leaves_the_original():
    before = group(4, has_extra=True)
    after = before.map(lambda x: x + 1)
    torch.testing.assert_close(after.inner.value, before.inner.value + 1)
    assert not torch.equal(after.inner.number, before.inner.number)
