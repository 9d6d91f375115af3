"""What AlphaFold 2 returns: representations, structure, logits and confidence, as typed groups."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from foldwright.features.batch import TensorGroup
from foldwright.geometry.rigid import Rigid


@dataclass(frozen=True, kw_only=True)
class Previous(TensorGroup):
    """What one pass hands to the next (AF2 Suppl. 1.10); all zero before the first pass."""

    msa_first_row: Float[Tensor, "*batch n c_m"]
    pair: Float[Tensor, "*batch n n c_z"]
    positions: Float[Tensor, "*batch n 37 3"]  # angstrom

    @classmethod
    def zeros(cls, mask: Float[Tensor, "*batch n"], c_m: int, c_z: int) -> Previous:
        """What the first pass is given, for residues with this mask."""
        n = mask.shape[-1]
        return cls(
            msa_first_row=mask.new_zeros(*mask.shape, c_m),
            pair=mask.new_zeros(*mask.shape, n, c_z),
            positions=mask.new_zeros(*mask.shape, 37, 3),
        )


@dataclass(frozen=True, kw_only=True)
class Representations(TensorGroup):
    """What the trunk has learnt of the alignment, of pairs and of single residues (AF2 Suppl. Alg. 6)."""

    msa: Float[Tensor, "*batch s n c_m"]  # cluster rows, template rows left out
    msa_first_row: Float[Tensor, "*batch n c_m"]  # that of the query, averaged over the ensemble unlike `msa`
    pair: Float[Tensor, "*batch n n c_z"]
    single: Float[Tensor, "*batch n c_s"]


@dataclass(frozen=True, kw_only=True)
class StructureOutput(TensorGroup):
    """The structure after each layer of the structure module; lengths in angstrom (AF2 Suppl. Alg. 20)."""

    single: Float[Tensor, "*batch n c_s"]  # after the last layer; the input of the pLDDT head
    backbone_rotation: Float[Tensor, "layers *batch n 3 3"]
    backbone_translation: Float[Tensor, "layers *batch n 3"]
    frame_rotation: Float[Tensor, "layers *batch n 8 3 3"]  # backbone, pre-omega, phi, psi, chi 1-4
    frame_translation: Float[Tensor, "layers *batch n 8 3"]
    torsions: Float[Tensor, "layers *batch n 7 2"]  # (sin, cos)
    unnormalised_torsions: Float[Tensor, "layers *batch n 7 2"]
    atom14_positions: Float[Tensor, "layers *batch n 14 3"]
    atom14_mask: Float[Tensor, "*batch n 14"]  # 1 where the residue has the atom

    @property
    def backbone(self) -> Rigid:
        """[layers *batch n]"""
        return Rigid(self.backbone_rotation, self.backbone_translation)

    @property
    def frames(self) -> Rigid:
        """[layers *batch n 8]"""
        return Rigid(self.frame_rotation, self.frame_translation)


@dataclass(frozen=True, kw_only=True)
class Confidence(TensorGroup):
    """How much the network trusts its structure (AF2 Suppl. 1.9.6, 1.9.7); padding is left out.

    What needs the PAE head is None without it, ipTM also where there is one chain.
    """

    plddt: Float[Tensor, "*batch n"]  # 0 to 100
    pae: Float[Tensor, "*batch n n"] | None = None  # angstrom, row: aligned on, column: error of
    max_pae: Float[Tensor, ""] | None = None  # angstrom
    ptm: Float[Tensor, "*batch"] | None = None
    iptm: Float[Tensor, "*batch"] | None = None


@dataclass(frozen=True, kw_only=True)
class AF2Output(TensorGroup):
    """Everything one pass computes."""

    representations: Representations
    structure: StructureOutput
    distogram_logits: Float[Tensor, "*batch n n bins"]
    masked_msa_logits: Float[Tensor, "*batch s n classes"]
    plddt_logits: Float[Tensor, "*batch n plddt_bins"]
    experimentally_resolved_logits: Float[Tensor, "*batch n 37"]
    pae_logits: Float[Tensor, "*batch n n pae_bins"] | None
    positions: Float[Tensor, "*batch n 37 3"]  # angstrom
    atom_mask: Float[Tensor, "*batch n 37"]
    confidence: Confidence

    def recycled(self) -> Previous:
        """What the next pass is given, cut from the gradient (AF2 Suppl. Alg. 31 "RecyclingTraining")."""
        kept = self.representations
        return Previous(msa_first_row=kept.msa_first_row, pair=kept.pair, positions=self.positions).map(Tensor.detach)
