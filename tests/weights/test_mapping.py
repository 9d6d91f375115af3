"""The table engine on small networks of its own."""

import numpy as np
import pytest
import torch
from torch import nn

from foldwright.errors import InputError
from foldwright.weights import mapping
from foldwright.weights.mapping import Column, Flat, FromHeads, HeadPoints, Joint, Same, Stacked, ToHeads, Transposed

LINEAR = {"weights": Transposed("weight"), "bias": Same("bias")}


class Toy(nn.Module):
    """Two stacked blocks and one projection."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(3, 4) for _ in range(2))
        self.out = nn.Linear(4, 5)


TABLE = {"toy": ("", {"layers": Stacked("blocks.{i}", LINEAR, 2), "projection": ("out", LINEAR)})}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {
        "toy/layers//weights": (2, 3, 4),
        "toy/layers//bias": (2, 4),
        "toy/projection//weights": (4, 5),
        "toy/projection//bias": (5,),
    }
    return {key: rng.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}


def test_the_manifest_is_that_of_the_file(arrays):
    assert mapping.manifest(Toy(), TABLE) == {key: array.shape for key, array in arrays.items()}
    with torch.device("meta"):
        assert mapping.manifest(Toy(), TABLE) == {key: array.shape for key, array in arrays.items()}


def test_every_block_gets_its_slice(arrays):
    toy = Toy()
    mapping.load_arrays(toy, TABLE, arrays)
    x = torch.randn(3)
    expected = x.numpy() @ arrays["toy/layers//weights"][1] + arrays["toy/layers//bias"][1]
    np.testing.assert_allclose(toy.blocks[1](x).detach().numpy(), expected, rtol=1e-6, atol=1e-6)
    assert expected.std() > 0.1


def test_reading_backwards_returns_the_file(arrays):
    toy = Toy()
    mapping.load_arrays(toy, TABLE, arrays)
    back = mapping.write_arrays(TABLE, dict(toy.named_parameters()))
    assert back.keys() == arrays.keys()
    for key, array in arrays.items():
        np.testing.assert_array_equal(back[key].detach().numpy(), array)


def test_gradients_are_mapped_as_parameters_are(arrays):
    toy = Toy()
    mapping.load_arrays(toy, TABLE, arrays)
    x = torch.randn(3)
    toy.out(toy.blocks[0](x)).sum().backward()
    toy.blocks[1](x).sum().backward()
    gradients = mapping.write_arrays(TABLE, {name: p.grad for name, p in toy.named_parameters()})
    torch.testing.assert_close(gradients["toy/layers//weights"][1], x[:, None].expand(3, 4))


def test_one_error_names_everything_that_does_not_fit(arrays):
    del arrays["toy/projection//bias"]
    arrays["toy/stranger//weights"] = np.zeros(3, dtype=np.float32)
    arrays["toy/layers//bias"] = np.zeros((3, 4), dtype=np.float32)
    with pytest.raises(InputError) as error:
        mapping.load_arrays(Toy(), TABLE, arrays, file="params.npz")
    told = str(error.value)
    assert told.startswith("params.npz: ")
    assert "1 missing: toy/projection//bias" in told
    assert "1 unused: toy/stranger//weights" in told
    assert "1 mis-shaped: toy/layers//bias is (3, 4), should be (2, 4)" in told


def test_a_refused_file_changes_nothing(arrays):
    toy = Toy()
    before = {name: p.detach().clone() for name, p in toy.named_parameters()}
    del arrays["toy/projection//bias"]
    with pytest.raises(InputError):
        mapping.load_arrays(toy, TABLE, arrays)
    for name, parameter in toy.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"layers": Stacked("blocks.{i}", LINEAR, 2)}, "not in the table: out.bias, out.weight"),
        ({**TABLE["toy"][1], "more": ("absent", LINEAR)}, "not in the model: absent.bias, absent.weight"),
        ({**TABLE["toy"][1], "more": ("out", {"bias": Same("bias")})}, "twice: out.bias"),
    ],
)
def test_a_table_must_account_for_every_parameter_once(table, what, arrays):
    with pytest.raises(ValueError, match=what):
        mapping.load_arrays(Toy(), {"toy": ("", table)}, arrays)


@pytest.mark.parametrize("key", ["toy/layers//weights", "toy/projection//bias"])
def test_read_only_arrays_are_accepted(arrays, key):
    arrays[key].flags.writeable = False
    mapping.load_arrays(Toy(), TABLE, arrays)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (Same("x"), (4,)),
        (Transposed("x"), (3, 4)),
        (Column("x"), (4,)),
        (Flat("x", 2), (2, 3)),
        (ToHeads("x", 2), (5, 2, 3)),
        (FromHeads("x", 2), (2, 3, 5)),
        (Joint("x", "y"), (3, 8)),
        (Joint("x", "y"), (8,)),
        (Joint("x", "y", 2, (1, 3)), (5, 16)),
        (Joint("x", "y", 2, (1, 3)), (16,)),
        (HeadPoints("x", 2), (5, 2, 12)),
        (HeadPoints("x", 2), (2, 12)),
    ],
)
def test_every_layout_is_its_own_way_back(layout, shape):
    array = torch.randn(shape)
    parts = layout.read(array)
    torch.testing.assert_close(layout.write(parts), array, rtol=0, atol=0)
    assert sum(part.numel() for part in parts) == array.numel()


def test_attention_arrays_keep_heads_together():
    array = torch.arange(2 * 3 * 4).reshape(2, 3, 4)  # in, heads, channels
    (weight,) = ToHeads("x", 3).read(array)
    torch.testing.assert_close(weight[4 * 2 + 1], array[:, 2, 1])
    (weight,) = FromHeads("x", 3).read(array.permute(1, 2, 0))
    torch.testing.assert_close(weight[:, 4 * 2 + 1], array[:, 2, 1])


def test_joint_arrays_split_within_each_group():
    left, right = Joint("x", "y", groups=2, parts=(1, 2)).read(torch.arange(6))
    assert left.tolist() == [0, 3]
    assert right.tolist() == [1, 2, 4, 5]


def test_points_are_regrouped_by_coordinate():
    (bias,) = HeadPoints("x", 2).read(torch.tensor([[0, 1, 10, 11, 20, 21], [2, 3, 12, 13, 22, 23]]))
    assert bias.tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
