"""A structure without attention between residues: frames and torsions read off the single representation."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foldwright.chem.atoms import ATOM14_MASK
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.config import StructureModule as StructureSizes
from foldwright.models.af2.outputs import StructureOutput
from foldwright.models.af2.structure_module import AngleResnet, all_atom_coordinates, of_residues
from foldwright.nn.linear import LayerNorm, Linear


class DirectProjection(nn.Module):
    """Each residue says where it is: three points by one linear map, and the frame they span.

    The ablation "No IPA (use direct projection)" of Jumper et al. 2021, Fig. 4a; AF2 Suppl. 1.13. There is one layer,
    in a coordinate system that the network has to agree on by itself; the points become frames by
    AF2 Suppl. Alg. 21 "rigidFrom3Points", torsions are those of AF2 Suppl. Alg. 20 lines 11-14.
    """

    def __init__(self, sizes: StructureSizes, c_s: int):
        super().__init__()
        self.position_scale = sizes.position_scale
        self.single_norm = LayerNorm(c_s)
        self.single_in = Linear(c_s, c_s)
        self.points = Linear(c_s, 9)
        self.angles = AngleResnet(c_s, sizes.c_angles)

    def forward(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        aatype: Int[Tensor, "*batch n"],
        mask: Float[Tensor, "*batch n"],
    ) -> StructureOutput:
        s_initial = self.single_norm(s)
        s = self.single_in(s_initial)
        x = self.points(s).unflatten(-1, (3, 3)) * self.position_scale
        backbone = Rigid.from_3_points(x[..., 0, :], x[..., 1, :], x[..., 2, :])
        alpha = self.angles(s, s_initial)
        torsions = alpha / torch.sqrt(alpha.square().sum(-1, keepdim=True).clamp_min(1e-12))
        frames, positions = all_atom_coordinates(backbone, torsions, aatype)
        return StructureOutput(
            single=s,
            backbone_rotation=backbone.rotation[None],
            backbone_translation=backbone.translation[None],
            frame_rotation=frames.rotation[None],
            frame_translation=frames.translation[None],
            torsions=torsions[None],
            unnormalised_torsions=alpha[None],
            atom14_positions=positions[None],
            atom14_mask=of_residues(ATOM14_MASK, aatype, s) * mask[..., None],
        )
