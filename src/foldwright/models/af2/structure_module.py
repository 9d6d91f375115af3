"""From representations to atoms: backbone frames refined by invariant point attention, then torsion angles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foldwright.chem.atoms import ATOM14_MASK
from foldwright.chem.rigid_groups import ATOM14_POSITIONS, ATOM14_TO_RIGID_GROUP, RIGID_GROUP_FRAMES
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.geometry.torsion import rotation_about_x
from foldwright.models.af2.config import StructureModule as StructureSizes
from foldwright.models.af2.outputs import StructureOutput
from foldwright.nn.linear import LayerNorm, Linear


class InvariantPointAttention(nn.Module):
    """Residues attend to each other by channels, by pair and by points that each carries in its own frame.

    AF2 Suppl. Alg. 22 "InvariantPointAttention".

    The outputs of a point projection are three blocks, all x then all y then all z, each heads x points; that is the
    order of the released monomer. Its joint key-value projections hold, per head, the key before the value.
    """

    def __init__(self, sizes: StructureSizes, c_s: int, c_z: int, has_bias: bool = True):
        super().__init__()
        self.heads, c, query_points, value_points = (
            sizes.heads,
            sizes.c_hidden,
            sizes.num_query_points,
            sizes.num_value_points,
        )
        # DISCREPANCY(AF2 Alg. 22 line 1): the released monomer gives queries, keys and values a bias.
        self.query = Linear(c_s, self.heads * c, bias=has_bias)
        self.key = Linear(c_s, self.heads * c, bias=has_bias)
        self.value = Linear(c_s, self.heads * c, bias=has_bias)
        # DISCREPANCY(AF2 Alg. 22 lines 2-3): the released points have a bias.
        self.query_points = Linear(c_s, 3 * self.heads * query_points)
        self.key_points = Linear(c_s, 3 * self.heads * query_points)
        self.value_points = Linear(c_s, 3 * self.heads * value_points)
        self.pair_bias = Linear(c_z, self.heads)
        self.point_weights = nn.Parameter(torch.full((self.heads,), 0.5413248546))  # softplus of it is 1
        self.out = Linear(self.heads * (c_z + c + 4 * value_points), c_s, init="final")

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        frames: Rigid,
        mask: Float[Tensor, "*batch n"],
    ) -> Float[Tensor, "*batch n c_s"]:
        q, k, v = (f(s).unflatten(-1, (self.heads, -1)) for f in (self.query, self.key, self.value))
        points = (self.query_points, self.key_points, self.value_points)
        q_points, k_points, v_points = (self.in_global_frame(f(s), frames) for f in points)
        logits = self.logits(q, k, q_points, k_points) + 3**-0.5 * self.pair_bias(z).movedim(-1, -3)
        a = torch.softmax(logits - 1e5 * (1 - mask[..., None, :, None] * mask[..., None, None, :]), dim=-1)
        o = torch.einsum("...hij,...jhc->...ihc", a, v)
        o_points = torch.einsum("...hij,...jhpx->...ihpx", a, v_points)
        o_points = frames[..., None, None].invert_apply(o_points)
        o_pair = torch.einsum("...hij,...ijc->...ihc", a, z)
        o_xyz = o_points.movedim(-1, -3).flatten(-3)
        return self.out(
            torch.cat([o.flatten(-2), o_xyz, self.length(o_points).flatten(-2), o_pair.flatten(-2)], dim=-1)
        )

    def logits(self, q: Tensor, k: Tensor, q_points: Tensor, k_points: Tensor) -> Tensor:
        """Seam: affinities by channels and by distance of points, without the pair term (Alg. 22 line 7)."""
        w_l, w_c = 3**-0.5, (2 / (9 * q_points.shape[-2])) ** 0.5
        gamma = F.softplus(self.point_weights)
        distance2 = (q_points[..., :, None, :, :, :] - k_points[..., None, :, :, :, :]).square().sum((-1, -2))
        by_points = (gamma * w_c / 2 * distance2).movedim(-1, -3)
        return w_l * (torch.einsum("...ihc,...jhc->...hij", q, k) * q.shape[-1] ** -0.5 - by_points)

    def length(self, points: Tensor) -> Tensor:
        """Distances from the origin, with an epsilon for a gradient at zero."""
        return torch.sqrt(points.square().sum(-1) + 1e-8)

    def in_global_frame(self, projected: Tensor, frames: Rigid) -> Tensor:
        """Blocks of x, y and z -> points [*batch n h p 3], seen from outside the frames."""
        return frames[..., None, None].apply(projected.unflatten(-1, (3, self.heads, -1)).movedim(-3, -1))


class MultimerInvariantPointAttention(InvariantPointAttention):
    """The same attention as AlphaFold-Multimer was trained: bias-free channels, another epsilon in the lengths.

    AF2 Suppl. Alg. 22 "InvariantPointAttention".
    """

    def __init__(self, sizes: StructureSizes, c_s: int, c_z: int):
        super().__init__(sizes, c_s, c_z, has_bias=False)

    def length(self, points: Tensor) -> Tensor:
        """Distances from the origin, none shorter than 1e-8."""
        return torch.sqrt(points.square().sum(-1).clamp_min(1e-16))


class BackboneUpdate(nn.Module):
    """How each residue's frame moves, seen from itself: a rotation by the quaternion (1, b, c, d) and a shift.

    AF2 Suppl. Alg. 23 "BackboneUpdate".
    """

    def __init__(self, c_s: int):
        super().__init__()
        self.out = Linear(c_s, 6, init="final")

    def forward(self, s: Float[Tensor, "*batch n c_s"]) -> Rigid:
        bcd, shift = self.out(s).split(3, dim=-1)
        return Rigid(rotation_from_quaternion(F.pad(bcd, (1, 0), value=1.0)), shift)


class AngleBlock(nn.Module):
    """AF2 Suppl. Alg. 20 "StructureModule", line 12 or 13."""

    def __init__(self, c: int):
        super().__init__()
        self.first = Linear(c, c, init="relu")
        self.second = Linear(c, c, init="final")

    def forward(self, a: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
        return a + self.second(torch.relu(self.first(torch.relu(a))))


class AngleResnet(nn.Module):
    """The seven torsion angles of a residue, as points of the plane not yet on the unit circle.

    AF2 Suppl. Alg. 20 "StructureModule", lines 11-14.
    """

    def __init__(self, c_s: int, c: int, num_blocks: int = 2):  # Alg. 20 lines 12, 13
        super().__init__()
        self.single_in = Linear(c_s, c)
        self.initial_in = Linear(c_s, c)
        self.blocks = nn.ModuleList(AngleBlock(c) for _ in range(num_blocks))
        self.out = Linear(c, 14)

    def forward(
        self, s: Float[Tensor, "*batch n c_s"], s_initial: Float[Tensor, "*batch n c_s"]
    ) -> Float[Tensor, "*batch n 7 2"]:
        # DISCREPANCY(AF2 Alg. 20 line 11): the released code cuts both inputs at zero before projecting them.
        a = self.single_in(torch.relu(s)) + self.initial_in(torch.relu(s_initial))
        for block in self.blocks:
            a = block(a)
        return self.out(torch.relu(a)).unflatten(-1, (7, 2))


class Layer(NamedTuple):
    """What one iteration of Alg. 20 computes; `backbone` in the units of the attention, the rest in angstrom."""

    single: Float[Tensor, "*batch n c_s"]
    backbone: Rigid
    frames: Rigid
    torsions: Float[Tensor, "*batch n 7 2"]
    unnormalised_torsions: Float[Tensor, "*batch n 7 2"]
    atom14_positions: Float[Tensor, "*batch n 14 3"]


class StructureModule(nn.Module):
    """Refines all residues' frames from one common origin, with shared weights, and hangs the atoms on them.

    AF2 Suppl. Alg. 20 "StructureModule".
    """

    def __init__(
        self, sizes: StructureSizes, c_s: int, c_z: int, ipa: type[InvariantPointAttention] = InvariantPointAttention
    ):
        super().__init__()
        self.num_layers, self.position_scale = sizes.num_layers, sizes.position_scale
        self.single_norm = LayerNorm(c_s)
        self.pair_norm = LayerNorm(c_z)
        self.single_in = Linear(c_s, c_s)
        self.ipa = ipa(sizes, c_s, c_z)
        self.attention_norm = LayerNorm(c_s)
        self.transition = nn.Sequential(
            Linear(c_s, c_s, init="relu"),
            nn.ReLU(),
            Linear(c_s, c_s, init="relu"),
            nn.ReLU(),
            Linear(c_s, c_s, init="final"),
        )
        self.transition_norm = LayerNorm(c_s)
        self.backbone_update = BackboneUpdate(c_s)
        self.angles = AngleResnet(c_s, sizes.c_angles)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        aatype: Int[Tensor, "*batch n"],
        mask: Float[Tensor, "*batch n"],
    ) -> StructureOutput:
        s_initial = self.single_norm(s)
        z = self.pair_norm(z)
        s = self.single_in(s_initial)
        backbone = Rigid.identity(mask.shape, like=s)
        layers: list[Layer] = []
        for _ in range(self.num_layers):
            layers.append(self.layer(s, s_initial, z, backbone, aatype, mask))
            # Gradients of a rotation through many layers are unstable (Suppl. 1.8.1).
            s, backbone = layers[-1].single, layers[-1].backbone.detach_rotation()
        return self.collect(layers, of_residues(ATOM14_MASK, aatype, s) * mask[..., None])

    def layer(self, s: Tensor, s_initial: Tensor, z: Tensor, backbone: Rigid, aatype: Tensor, mask: Tensor) -> Layer:
        """One iteration of Alg. 20 (lines 6-14, 23-24)."""
        s = s + self.ipa(s, z, backbone, mask)
        s = self.attention_norm(self.dropout(s))
        s = s + self.transition(s)
        s = self.transition_norm(self.dropout(s))
        backbone = backbone @ self.backbone_update(s)
        alpha = self.angles(s, s_initial)
        torsions = alpha / torch.sqrt(alpha.square().sum(-1, keepdim=True).clamp_min(1e-12))
        frames, positions = all_atom_coordinates(backbone.scale(self.position_scale), torsions, aatype)
        return Layer(s, backbone, frames, torsions, alpha, positions)

    def collect(self, layers: list[Layer], atom14_mask: Tensor) -> StructureOutput:
        """The output of all layers, in angstrom."""
        backbone = Rigid.stack([layer.backbone for layer in layers]).scale(self.position_scale)
        frames = Rigid.stack([layer.frames for layer in layers])
        return StructureOutput(
            single=layers[-1].single,
            backbone_rotation=backbone.rotation,
            backbone_translation=backbone.translation,
            frame_rotation=frames.rotation,
            frame_translation=frames.translation,
            torsions=torch.stack([layer.torsions for layer in layers]),
            unnormalised_torsions=torch.stack([layer.unnormalised_torsions for layer in layers]),
            atom14_positions=torch.stack([layer.atom14_positions for layer in layers]),
            atom14_mask=atom14_mask,
        )


def all_atom_coordinates(
    backbone: Rigid, torsions: Float[Tensor, "*batch n 7 2"], aatype: Int[Tensor, "*batch n"]
) -> tuple[Rigid, Float[Tensor, "*batch n 14 3"]]:
    """The frames [*batch n 8] of every rigid group, and its atoms; atoms a residue does not have are zero.

    AF2 Suppl. Alg. 24 "computeAllAtomCoordinates".
    """
    frames = torsion_frames(backbone, torsions, aatype)
    group = of_residues(ATOM14_TO_RIGID_GROUP, aatype, aatype).long()
    of_atom = Rigid(
        torch.take_along_dim(frames.rotation, group[..., None, None], dim=-3),
        torch.take_along_dim(frames.translation, group[..., None], dim=-2),
    )
    positions = of_atom.apply(of_residues(ATOM14_POSITIONS, aatype, torsions))
    return frames, positions * of_residues(ATOM14_MASK, aatype, torsions)[..., None]


def torsion_frames(backbone: Rigid, torsions: Float[Tensor, "*batch n 7 2"], aatype: Int[Tensor, "*batch n"]) -> Rigid:
    """Every group turned by its torsion and hung on the group before it (Alg. 24 lines 1-10)."""
    local = Rigid.from_matrix(of_residues(RIGID_GROUP_FRAMES, aatype, torsions))
    no_turn = torsions.new_tensor([0.0, 1.0]).expand(*torsions.shape[:-2], 1, 2)
    turned = local @ make_rot_x(torch.cat([no_turn, torsions], dim=-2))
    groups = [turned[..., i] for i in range(5)]  # up to chi1 all hang on the backbone
    for chi in (5, 6, 7):
        groups.append(groups[-1] @ turned[..., chi])
    return backbone[..., None] @ Rigid.stack(groups, dim=len(backbone.shape))


def make_rot_x(alpha: Float[Tensor, "*batch 2"]) -> Rigid:
    """A turn about the x axis by an angle given as (sin, cos).

    AF2 Suppl. Alg. 25 "makeRotX".
    """
    return Rigid(rotation_about_x(alpha), alpha.new_zeros(*alpha.shape[:-1], 3))


def of_residues(table: np.ndarray, aatype: Int[Tensor, "*batch n"], like: Tensor) -> Tensor:
    """The rows of a table of foldwright.chem for these residue types, with the dtype and device of `like`."""
    return torch.as_tensor(table, dtype=like.dtype, device=like.device)[aatype.long()]
