"""The structure module against the released program: ../shared/oracles/af2, float64, rule parameters."""

import pytest
import torch
from torch import Tensor

from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.models.af2.config import StructureModule as StructureSizes
from foldwright.models.af2.structure_module import (
    InvariantPointAttention,
    MultimerInvariantPointAttention,
    StructureModule,
    all_atom_coordinates,
)
from foldwright.weights import deepmind_af2 as deepmind

SIZES = StructureSizes()
C_S, C_Z = 48, 32
SMALL = StructureSizes(num_layers=3, heads=3, c_hidden=4, num_query_points=2, num_value_points=3, c_angles=8)


def unnormalised(quaternion: Tensor, translation: Tensor) -> Rigid:
    """The monomer's frames: a quaternion rounded to float32 has length 1 + 1e-7, and the program keeps it."""
    return Rigid(rotation_from_quaternion(quaternion) * quaternion.square().sum(-1)[:, None, None], translation)


def quaternion_product(a: Tensor, b: Tensor) -> Tensor:
    (w, x, y, z), (s, t, u, v) = a.unbind(-1), b.unbind(-1)
    return torch.stack(
        [
            w * s - x * t - y * u - z * v,
            w * t + x * s + y * v - z * u,
            w * u - x * v + y * s + z * t,
            w * v + x * u - y * t + z * s,
        ],
        dim=-1,
    )


def test_monomer_attention_equals_the_released_program(module_case):
    case = module_case("ipa_monomer")
    layer = InvariantPointAttention(SIZES, C_S, C_Z)
    case.fill(layer, {"invariant_point_attention": ("", deepmind.joint_point_attention(SIZES))})
    frames = unnormalised(case["quat"], case["trans"])
    assert 0 < case["mask"].mean() < 1
    case.check(out=layer(case["act"], case["pair"], frames, case["mask"][:, 0]))


def test_multimer_attention_equals_the_released_program(module_case):
    case = module_case("ipa_multimer")
    layer = MultimerInvariantPointAttention(SIZES, C_S, C_Z)
    case.fill(layer, {"invariant_point_attention": ("", deepmind.separate_point_attention(SIZES))})
    frames = Rigid(rotation_from_quaternion(case["quat"]), case["trans"])
    assert 0 < case["mask"].mean() < 1
    case.check(out=layer(case["act"], case["pair"], frames, case["mask"][:, 0]))


class OneLayer(StructureModule):
    """Without what stands before the first iteration, whose parameters the stored case does not have."""

    def __init__(self):
        super().__init__(SIZES, C_S, C_Z)
        del self.single_norm, self.pair_norm, self.single_in


def test_one_iteration_equals_the_released_program(module_case):
    case = module_case("fold_iteration_monomer")
    module = OneLayer()
    case.fill(module, {"fold_iteration": ("", deepmind.monomer_fold_iteration(SIZES))})
    start = unnormalised(case["quat"], case["trans"])
    excess = case["quat"].square().sum(-1)[:, None, None]  # which the program's update takes away again
    module.backbone_update.register_forward_hook(lambda _m, _s, step: Rigid(step.rotation / excess, step.translation))
    out = module.layer(case["act"], case["initial_act"], case["pair"], start, case["aatype"], case["mask"][:, 0])
    bcd = module.backbone_update.out(out.single)[:, :3]
    quaternion = quaternion_product(case["quat"], torch.nn.functional.pad(bcd, (1, 0), value=1.0))
    quaternion = quaternion / quaternion.norm(dim=-1, keepdim=True)
    case.check(
        act=out.single,
        affine=torch.cat([quaternion, out.backbone.translation], dim=-1),
        angles=out.torsions,
        atom14=out.atom14_positions,
        unnormalized=out.unnormalised_torsions,
    )


def test_atoms_equal_the_released_program(oracle):
    """torsion_angles_to_frames_to_atom14.npz: all residue types, float64."""
    case = {k: torch.as_tensor(v) for k, v in oracle("geometry/torsion_angles_to_frames_to_atom14.npz").items()}
    backbone = Rigid(case["out/rot"], case["in/trans"].double())
    frames, positions = all_atom_coordinates(backbone, case["in/angles_sin_cos"].double(), case["in/aatype"])
    torch.testing.assert_close(frames.rotation, case["out/frames_rot"], atol=1e-12, rtol=0)
    torch.testing.assert_close(frames.translation, case["out/frames_trans"], atol=1e-12, rtol=0)
    torch.testing.assert_close(positions, case["out/atom14"], atol=1e-12, rtol=0)
    assert positions.std() > 1


@pytest.fixture(params=[InvariantPointAttention, MultimerInvariantPointAttention])
def module(request):
    module = StructureModule(SMALL, 16, 8, request.param).double().eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


@pytest.fixture
def features():
    n = 9
    mask = (torch.arange(n) < 7).double().expand(2, n)
    aatype = torch.randint(0, 21, (2, n))
    return torch.randn(2, n, 16).double(), torch.randn(2, n, n, 8).double(), aatype, mask


def test_attention_does_not_see_a_motion_of_the_whole(module, features):
    s, z, _, mask = features
    frames = Rigid(rotation_from_quaternion(torch.randn(2, 9, 4).double()), torch.randn(2, 9, 3).double())
    motion = Rigid(rotation_from_quaternion(torch.randn(4).double()), torch.randn(3).double() * 5)
    out = module.ipa(s, z, frames, mask)
    assert out.std() > 1e-2
    torch.testing.assert_close(module.ipa(s, z, motion @ frames, mask), out)


def test_the_structure_moves_with_its_first_frames(module, features):
    s, z, aatype, mask = features
    motion = Rigid(rotation_from_quaternion(torch.randn(4).double()), torch.randn(3).double())
    start = Rigid(rotation_from_quaternion(torch.randn(2, 9, 4).double()), torch.randn(2, 9, 3).double())
    here = module.layer(s, s, z, start, aatype, mask)
    there = module.layer(s, s, z, motion @ start, aatype, mask)
    moved = motion.scale(SMALL.position_scale).apply(here.atom14_positions)
    exists = (here.atom14_positions != 0).any(-1)
    torch.testing.assert_close(there.atom14_positions[exists], moved[exists])
    assert (there.atom14_positions - here.atom14_positions)[exists].abs().mean() > 1
    torch.testing.assert_close(there.torsions, here.torsions)


def test_padding_does_not_change_real_residues(module, features):
    s, z, aatype, mask = features
    out = module(s, z, aatype, mask)
    alone = module(s[:, :7], z[:, :7, :7], aatype[:, :7], mask[:, :7])
    for ours, theirs in ((out.single, alone.single), (out.atom14_mask, alone.atom14_mask)):
        torch.testing.assert_close(ours[:, :7], theirs)
    torch.testing.assert_close(out.atom14_positions[:, :, :7], alone.atom14_positions)
    assert out.atom14_mask[:, 7:].abs().max() == 0
    assert 0 < mask.mean() < 1


def test_rotations_carry_no_gradient_from_layer_to_layer(module, features):
    s, z, aatype, mask = features
    start = Rigid.identity(mask.shape, s)
    first = module.layer(s, s, z, start, aatype, mask)
    first.backbone.rotation.retain_grad()
    second = module.layer(first.single, s, z, first.backbone.detach_rotation(), aatype, mask)
    second.atom14_positions.sum().backward()
    assert first.backbone.rotation.grad is None
    expected = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    module.num_layers = 2
    norms = (module.single_norm, module.single_in, module.pair_norm)
    module.single_norm, module.single_in, module.pair_norm = (torch.nn.Identity() for _ in norms)
    module(s, z, aatype, mask).atom14_positions[-1].sum().backward()
    for name, gradient in expected.items():
        torch.testing.assert_close(module.get_parameter(name).grad, gradient)
    assert max(g.norm() for g in expected.values()) > 1e-3
