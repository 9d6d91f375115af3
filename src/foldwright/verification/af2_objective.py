"""Outputs of AlphaFold 2 that need the true structure: losses, violations, the truth renamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from foldwright.losses.violations import ViolationMetrics, Violations
from foldwright.training import objective_af2
from foldwright.training.objective_af2 import LossTerms, LossWeights, RenamedTruth, measures_of
from foldwright.verification.af2_diagonal import noise_of_diagonal, range_of_diagonal
from foldwright.verification.af2_run import Run, Table

# Presets carry the weights of fine-tuning. The released programs have no loss of the chains' centres.
WEIGHTS = LossWeights(centre_of_mass=0.0)


def terms(run: Run) -> LossTerms:
    batch, measures = run.example.batch, measures_of(run.config)
    return objective_af2.loss_terms(run.output, run.example.labels, batch.residues, batch.masked_msa, 1.0, measures)


def loss(run: Run) -> Tensor:
    """The weighted sum that is trained on."""
    return terms(run).weighted(WEIGHTS)


def loss_with_noise(run: Run) -> Tensor:
    """The same with the original's rounding in it, so that gradients can be compared with the original's."""
    found = terms(run)
    if found.aligned_error is not None:
        found = replace(found, aligned_error=found.aligned_error + noise_of_diagonal(run))
    return found.weighted(WEIGHTS)


def weighted_range(run: Run) -> tuple[float, float]:
    """How far rounding on the diagonal of the aligned error moves the total."""
    below, above = range_of_diagonal(run)
    return WEIGHTS.aligned_error * below, WEIGHTS.aligned_error * above


def truth(run: Run) -> RenamedTruth:
    return objective_af2.rename_truth(run.output.structure, run.example.labels)


def violations(run: Run) -> Violations:
    return objective_af2.find_violations(run.output.structure, run.example.batch.residues, measures_of(run.config))


def metrics(run: Run) -> ViolationMetrics:
    return objective_af2.violation_metrics(run.output.structure, run.example.batch.residues, measures_of(run.config))


def fape_of_layers(run: Run, clamped_fraction: float) -> Tensor:
    return objective_af2.backbone_fape_of_layers(
        run.output.structure,
        run.example.labels,
        run.example.batch.residues,
        clamped_fraction,
        measures_of(run.config),
    )


def _fape_rows(clamped_fraction: float) -> dict[str, tuple[str, Callable[[Run], Tensor]]]:
    layers = partial(fape_of_layers, clamped_fraction=clamped_fraction)
    return {
        f"bb_fape_mean_over_layers_use_clamped_{clamped_fraction}": ("", lambda r: layers(r).mean(0)),
        f"bb_fape_last_use_clamped_{clamped_fraction}": ("", lambda r: layers(r)[-1]),
    }


TABLE: Table = {
    "loss_total": ("", loss),
    "loss_structure_module": ("", lambda r: terms(r).structure.weighted(WEIGHTS)),
    "loss_fape_last_layer": ("", lambda r: terms(r).structure.backbone_fape_last),
    "loss_sidechain_fape": ("", lambda r: terms(r).structure.sidechain_fape),
    "loss_chi": ("", lambda r: terms(r).structure.chi),
    "loss_angle_norm": ("", lambda r: terms(r).structure.angle_norm),
    "loss_distogram": ("", lambda r: terms(r).distogram),
    "loss_masked_msa": ("", lambda r: terms(r).masked_msa),
    "loss_predicted_lddt": ("", lambda r: terms(r).plddt),
    "loss_experimentally_resolved": ("", lambda r: terms(r).experimentally_resolved),
    "loss_predicted_aligned_error": ("", lambda r: terms(r).aligned_error),
    "loss_sm_loss": ("", lambda r: terms(r).structure.weighted(WEIGHTS)),
    "loss_sm_fape": ("", lambda r: terms(r).structure.backbone_fape_last),
    "loss_sm_bb_loss": ("", lambda r: terms(r).structure.backbone_fape),
    "loss_sm_sidechain_fape": ("", lambda r: terms(r).structure.sidechain_fape),
    "loss_sm_chi_loss": ("", lambda r: terms(r).structure.chi),
    "loss_sm_angle_norm_loss": ("", lambda r: terms(r).structure.angle_norm),
    **_fape_rows(0.0),
    **_fape_rows(0.25),
    **_fape_rows(1.0),
    "true_lddt_ca": ("n", lambda r: objective_af2.true_lddt(r.output, r.example.labels)),
    "sm_alt_naming_is_better": ("n", lambda r: truth(r).is_renamed),
    "sm_renamed_atom14_gt_positions": ("n atom xyz", lambda r: truth(r).atoms.positions),
    "sm_renamed_atom14_gt_exists": ("n atom", lambda r: truth(r).atoms.mask),
    "viol_between_residues.bonds_c_n_loss_mean": ("", lambda r: violations(r).bonds.c_n_loss),
    "viol_between_residues.angles_ca_c_n_loss_mean": ("", lambda r: violations(r).bonds.ca_c_n_loss),
    "viol_between_residues.angles_c_n_ca_loss_mean": ("", lambda r: violations(r).bonds.c_n_ca_loss),
    "viol_between_residues.connections_per_residue_loss_sum": ("n", lambda r: violations(r).bonds.residue_loss),
    "viol_between_residues.connections_per_residue_violation_mask": ("n", lambda r: violations(r).bonds.is_violated),
    "viol_between_residues.clashes_mean_loss": ("", lambda r: violations(r).clashes.mean_loss),
    "viol_between_residues.clashes_per_atom_loss_sum": ("n atom", lambda r: violations(r).clashes.atom_loss),
    "viol_between_residues.clashes_per_atom_clash_mask": ("n atom", lambda r: violations(r).clashes.is_violated),
    "viol_within_residues.per_atom_loss_sum": ("n atom", lambda r: violations(r).within.atom_loss),
    "viol_within_residues.per_atom_violations": ("n atom", lambda r: violations(r).within.is_violated),
    "viol_total_per_residue_violations_mask": ("n", lambda r: violations(r).is_violated),
    "metric_violations_extreme_ca_ca_distance": ("", lambda r: metrics(r).extreme_ca_ca_distance),
    "metric_violations_between_residue_bond": ("", lambda r: metrics(r).between_residue_bond),
    "metric_violations_between_residue_clash": ("", lambda r: metrics(r).between_residue_clash),
    "metric_violations_within_residue": ("", lambda r: metrics(r).within_residue),
    "metric_violations_per_residue": ("", lambda r: metrics(r).per_residue),
}

SLACK = {"loss_predicted_aligned_error": range_of_diagonal, "loss_total": weighted_range}
