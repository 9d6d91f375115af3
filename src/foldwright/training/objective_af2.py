"""What AlphaFold 2 is trained on: every term of its loss, and how much each weighs (AF2 Suppl. 1.9)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from foldwright.chem import bonds, rigid_groups
from foldwright.features.batch import MaskedMSA, Residues, TensorGroup
from foldwright.features.structure import CA, C, N, StructureLabels
from foldwright.geometry.rigid import Rigid
from foldwright.losses import confidence, renaming, violations
from foldwright.losses.centre_of_mass import centre_of_mass_loss
from foldwright.losses.distogram import distogram_loss
from foldwright.losses.fape import (
    INTERFACE_CLAMP,
    Length,
    all_atom_fape,
    backbone_fape,
    floored_length,
    smooth_length,
)
from foldwright.losses.masked_msa import masked_msa_loss
from foldwright.losses.smooth_lddt import smooth_lddt_loss
from foldwright.losses.torsion import angle_norm_loss, chi_angle_loss
from foldwright.models.af2.config import AF2
from foldwright.models.af2.outputs import AF2Output, StructureOutput


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each term weighs; the defaults are those of fine-tuning with the PAE head (AF2 Suppl. equation 7)."""

    # DISCREPANCY(AF2 Suppl. equation 7): the paper's 0.5 FAPE + 0.5 auxiliary are, in the released code, these four.
    backbone_fape: float = 0.5
    sidechain_fape: float = 0.5
    chi: float = 0.5
    angle_norm: float = 0.01  # Alg. 27 line 7: 0.02 of the torsion loss
    violation: float = 1.0  # 0 in initial training
    distogram: float = 0.3
    masked_msa: float = 2.0
    plddt: float = 0.01
    experimentally_resolved: float = 0.01  # 0 in initial training
    aligned_error: float = 0.1  # Suppl. 1.9.7: only with the PAE head
    centre_of_mass: float = 1.0  # AF-Multimer, section 2.5; the term of a single chain is 0
    smooth_lddt: float = 0.0  # of C-alpha, mean over layers; not of AlphaFold 2 (AF3 SI Alg. 27)
    # How much a structure of unknown resolution teaches confidence, next to one of 0.1 to 3 angstrom (Suppl. 1.9.6).
    unknown_resolution: float = 0.0


def initial_training() -> LossWeights:
    """Before fine-tuning: no violations, no resolved atoms, no aligned error (AF2 Suppl. equation 7, Table 4)."""
    return LossWeights(violation=0.0, experimentally_resolved=0.0, aligned_error=0.0)


def fine_tuning() -> LossWeights:
    """Violations and resolved atoms count, aligned errors do not yet (AF2 Suppl. equation 7, Table 4)."""
    return LossWeights(aligned_error=0.0)


def fine_tuning_ptm() -> LossWeights:
    """Fine-tuning of the networks that predict aligned errors (AF2 Suppl. 1.9.7)."""
    return LossWeights()


@dataclass(frozen=True, kw_only=True)
class StructureTerms(TensorGroup):
    """The terms that judge coordinates."""

    backbone_fape: Float[Tensor, "*batch"]  # mean over layers
    backbone_fape_last: Float[Tensor, "*batch"]  # of the last layer; contained in the mean
    sidechain_fape: Float[Tensor, "*batch"]
    chi: Float[Tensor, "*batch"]
    angle_norm: Float[Tensor, "*batch"]
    violation: Float[Tensor, "*batch"]
    smooth_lddt: Float[Tensor, "*batch"]  # mean over layers

    def weighted(self, weights: LossWeights) -> Float[Tensor, "*batch"]:
        """Their sum, which the released programs report as the loss of the structure module."""
        total = (
            weights.backbone_fape * self.backbone_fape
            + weights.sidechain_fape * self.sidechain_fape
            + weights.chi * self.chi
            + weights.angle_norm * self.angle_norm
        )
        # Terms over all pairs; without weight their gradients, all zeros, are not computed.
        total = total + weights.violation * self.violation if weights.violation else total
        return total + weights.smooth_lddt * self.smooth_lddt if weights.smooth_lddt else total

    def without_sidechains(self, has_sidechains: Float[Tensor, "*batch"]) -> StructureTerms:
        """The same, 0 where side chains are unknown but for the backbone's own error."""
        told = ("sidechain_fape", "chi", "angle_norm", "violation")
        return replace(self, **{name: getattr(self, name) * has_sidechains for name in told})


@dataclass(frozen=True, kw_only=True)
class LossTerms(TensorGroup):
    """Every term of the loss, unweighted, per example."""

    structure: StructureTerms
    distogram: Float[Tensor, "*batch"]
    masked_msa: Float[Tensor, "*batch"]
    plddt: Float[Tensor, "*batch"]
    experimentally_resolved: Float[Tensor, "*batch"]
    aligned_error: Float[Tensor, "*batch"] | None  # None without the PAE head
    centre_of_mass: Float[Tensor, "*batch"]  # of chains; 0 for one chain

    def weighted(self, weights: LossWeights) -> Float[Tensor, "*batch"]:
        """The loss (AF2 Suppl. equation 7)."""
        total = (
            self.structure.weighted(weights)
            + weights.distogram * self.distogram
            + weights.masked_msa * self.masked_msa
            + weights.plddt * self.plddt
            + weights.experimentally_resolved * self.experimentally_resolved
            + weights.centre_of_mass * self.centre_of_mass
        )
        return total if self.aligned_error is None else total + weights.aligned_error * self.aligned_error


@dataclass(frozen=True)
class RenamedTruth:
    """The true structure under the atom names that suit the prediction."""

    atoms: renaming.Atoms  # [*batch n 14]
    frames: Rigid  # [*batch n 8]
    is_renamed: Float[Tensor, "*batch n"]


@dataclass(frozen=True)
class Measures:
    """In what the losses of the two released programs differ."""

    length: Length = smooth_length
    cos_ca_c_n_stddev: float = bonds.COS_CA_C_N_STDDEV
    interface_clamp: float = INTERFACE_CLAMP


MONOMER = Measures()
# DISCREPANCY(AF2 Suppl. 1.9.11): the released AF-Multimer takes the angle CA-C-N to vary as the length C-N does.
MULTIMER = Measures(length=floored_length, cos_ca_c_n_stddev=bonds.C_N_LENGTH_STDDEV[0])


def measures_of(config: AF2) -> Measures:
    """Those of the program that made this network's weights."""
    return MULTIMER if config.is_multimer else MONOMER


def loss_terms(
    output: AF2Output,
    labels: StructureLabels,
    residues: Residues,
    masked_msa: MaskedMSA,
    clamped_fraction: Float[Tensor, "*batch"] | float = 1.0,  # Suppl. 1.11.5: 1 for 90% of the examples, else 0
    measures: Measures = MONOMER,
    has_sidechains: Float[Tensor, "*batch"] | None = None,
    unknown_resolution: float = 0.0,
) -> LossTerms:
    """All that AlphaFold 2 is trained on, for one pass.

    Terms that need more than N, CA and C are 0 where `has_sidechains` is; by default, where no other atom is known.
    `unknown_resolution` is that of `LossWeights`.
    """
    has_sidechains = knows_sidechains(labels) if has_sidechains is None else has_sidechains
    well_resolved = confidence.is_well_resolved(labels.resolution, unknown_resolution)
    resolved = confidence.experimentally_resolved_loss(
        output.experimentally_resolved_logits, labels.atom_mask, output.atom_mask
    )
    plddt = confidence.plddt_loss(output.plddt_logits, true_lddt(output, labels), labels.atom_mask[..., CA])
    structure = structure_terms(output.structure, labels, residues, clamped_fraction, measures)
    return LossTerms(
        structure=structure.without_sidechains(has_sidechains),
        distogram=distogram_loss(output.distogram_logits, labels.pseudo_beta, labels.pseudo_beta_mask),
        masked_msa=masked_msa_loss(output.masked_msa_logits, masked_msa.true_msa, masked_msa.bert_mask),
        plddt=plddt * well_resolved,
        experimentally_resolved=resolved * well_resolved * has_sidechains,
        aligned_error=None if output.pae_logits is None else _aligned_error(output, labels) * well_resolved,
        centre_of_mass=centre_of_mass_loss(
            output.positions[..., CA, :],
            labels.positions[..., CA, :],
            labels.atom_mask[..., CA],
            residues.asym_id,
        ),
    )


def knows_sidechains(labels: StructureLabels) -> Float[Tensor, "*batch"]:
    """1 where the truth has any atom besides N, CA and C."""
    others = labels.atom_mask.sum((-2, -1)) - labels.atom_mask[..., [N, CA, C]].sum((-2, -1))
    return (others > 0).to(labels.atom_mask)


def length_weight(residues: Residues) -> Float[Tensor, "*batch"]:
    """The root of the number of residues after cropping, by which an example's loss is multiplied (AF2 Suppl. 1.9)."""
    return residues.mask.sum(-1).sqrt()


def structure_terms(
    structure: StructureOutput,
    labels: StructureLabels,
    residues: Residues,
    clamped_fraction: Float[Tensor, "*batch"] | float = 1.0,
    measures: Measures = MONOMER,
) -> StructureTerms:
    """The structure module's own terms (AF2 Suppl. Alg. 20 "StructureModule", lines 17, 18 and 28; 1.9.11)."""
    truth = rename_truth(structure, labels)
    backbone = backbone_fape_of_layers(structure, labels, residues, clamped_fraction, measures)
    sidechain = all_atom_fape(
        structure.frames[-1],
        structure.atom14_positions[-1],
        truth.frames,
        truth.atoms.positions,
        labels.rigid_groups_mask,
        truth.atoms.mask,
        measures.length,
    )
    is_pi_periodic = structure.torsions.new_tensor(rigid_groups.CHI_IS_PI_PERIODIC)[labels.aatype.clamp(max=20).long()]
    chi = chi_angle_loss(structure.torsions[..., 3:, :], labels.chi_angles, is_pi_periodic, labels.chi_mask)
    return StructureTerms(
        backbone_fape=backbone.mean(0),
        backbone_fape_last=backbone[-1],
        sidechain_fape=sidechain,
        chi=chi.mean(0),
        angle_norm=angle_norm_loss(structure.unnormalised_torsions, residues.mask).mean(0),
        violation=find_violations(structure, residues, measures).loss,
        smooth_lddt=smooth_lddt_loss(
            structure.backbone.translation, labels.backbone.translation, labels.backbone_mask
        ).mean(0),
    )


def backbone_fape_of_layers(
    structure: StructureOutput,
    labels: StructureLabels,
    residues: Residues,
    clamped_fraction: Float[Tensor, "*batch"] | float = 1.0,
    measures: Measures = MONOMER,
) -> Float[Tensor, " layers *batch"]:
    """Backbone FAPE after each layer (AF2 Suppl. Alg. 20 "StructureModule", line 17)."""
    is_same_chain = (residues.asym_id[..., :, None] == residues.asym_id[..., None, :]).to(labels.backbone_mask)
    return backbone_fape(
        structure.backbone,
        labels.backbone,
        labels.backbone_mask,
        is_same_chain,
        clamped_fraction,
        measures.length,
        measures.interface_clamp,
    )


def rename_truth(structure: StructureOutput, labels: StructureLabels) -> RenamedTruth:
    """Atoms and frames of the truth, named as the last layer suggests.

    AF2 Suppl. Alg. 26 "renameSymmetricGroundTruthAtoms".
    """
    atoms = renaming.Atoms(labels.atom14_positions, labels.atom14_mask)
    alternative = renaming.Atoms(labels.atom14_alt_positions, labels.atom14_alt_mask)
    predicted = structure.atom14_positions[-1].detach()
    is_renamed = renaming.alternative_names_fit_better(predicted, atoms, alternative, labels.atom14_is_ambiguous)
    return RenamedTruth(
        renaming.rename_symmetric_ground_truth_atoms(atoms, alternative, is_renamed),
        renaming.rename_frames(labels.frames, labels.alt_frames, is_renamed),
        is_renamed,
    )


def find_violations(
    structure: StructureOutput, residues: Residues, measures: Measures = MONOMER
) -> violations.Violations:
    """What is impossible about the last layer's atoms (AF2 Suppl. 1.9.11)."""
    return violations.find_violations(
        structure.atom14_positions[-1],
        structure.atom14_mask,
        residues.aatype,
        residues.residue_index,
        residues.asym_id,
        measures.cos_ca_c_n_stddev,
    )


def violation_metrics(
    structure: StructureOutput, residues: Residues, measures: Measures = MONOMER
) -> violations.ViolationMetrics:
    """The share of residues with each kind of violation; to watch, not to train on."""
    found = find_violations(structure, residues, measures)
    return violations.violation_metrics(
        found, structure.atom14_positions[-1], structure.atom14_mask, residues.residue_index, residues.mask
    )


def true_lddt(output: AF2Output, labels: StructureLabels) -> Float[Tensor, "*batch n"]:
    """The lDDT-C-alpha that each residue has, 0 to 1: what the pLDDT head is taught (AF2 Suppl. 1.9.6)."""
    predicted = output.positions[..., CA, :].detach()
    return confidence.lddt_ca(predicted, labels.positions[..., CA, :], labels.atom_mask[..., CA])


def _aligned_error(output: AF2Output, labels: StructureLabels) -> Tensor:
    assert output.pae_logits is not None
    return confidence.aligned_error_loss(
        output.pae_logits, output.structure.backbone[-1], labels.backbone, labels.backbone_mask
    )
