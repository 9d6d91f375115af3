"""The loss of AlphaFold 2 put together. Arrays: oracles/af2/e2e (the released program, float64).

The network's stored outputs are fed to the losses, so that nothing but the losses is compared.
"""

from dataclasses import replace

import pytest
import torch

from foldwright.features.batch import MaskedMSA, Residues
from foldwright.features.structure import StructureLabels, structure_labels
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.models.af2 import presets
from foldwright.models.af2.outputs import AF2Output, Confidence, Representations, StructureOutput
from foldwright.training import objective_af2 as objective

pytestmark = pytest.mark.shared
MONOMERS = ["monomer_model_1_ptm", "monomer_model_3_ptm"]
MULTIMERS = ["multimer_v3", "multimer_v3_notempl"]


def tensors(arrays):
    out = {name: torch.as_tensor(x) for name, x in arrays.items()}
    return {name: x.double() if x.is_floating_point() else x.long() for name, x in out.items()}


def residues_of(inputs):
    chain = torch.ones_like(inputs["aatype"])
    return Residues(
        aatype=inputs["aatype"],
        residue_index=inputs["residue_index"],
        asym_id=inputs.get("asym_id", chain),
        entity_id=inputs.get("entity_id", chain),
        sym_id=inputs.get("sym_id", chain),
        mask=inputs["seq_mask"],
    )


def matrices(frames):
    """[..., 12] or [..., 3, 4] to homogeneous matrices."""
    if frames.shape[-1] == 12:
        frames = torch.cat([frames[..., :9].unflatten(-1, (3, 3)), frames[..., 9:, None]], -1)
    last = frames.new_tensor([0, 0, 0, 1.0]).expand(*frames.shape[:-2], 1, 4)
    return torch.cat([frames, last], -2)


def monomer_labels(inputs):
    return StructureLabels(
        aatype=inputs["aatype"],
        positions=inputs["all_atom_positions"],
        atom_mask=inputs["all_atom_mask"],
        atom14_positions=inputs["atom14_gt_positions"],
        atom14_mask=inputs["atom14_gt_exists"],
        atom14_alt_positions=inputs["atom14_alt_gt_positions"],
        atom14_alt_mask=inputs["atom14_alt_gt_exists"],
        atom14_is_ambiguous=inputs["atom14_atom_is_ambiguous"],
        rigid_groups=matrices(inputs["rigidgroups_gt_frames"]),
        rigid_groups_alt=matrices(inputs["rigidgroups_alt_gt_frames"]),
        rigid_groups_mask=inputs["rigidgroups_gt_exists"],
        rigid_group_exists=inputs["rigidgroups_group_exists"],
        rigid_group_is_ambiguous=inputs["rigidgroups_group_is_ambiguous"],
        chi_angles=inputs["chi_angles"],
        chi_mask=inputs["chi_mask"],
        pseudo_beta=inputs["pseudo_beta"],
        pseudo_beta_mask=inputs["pseudo_beta_mask"],
        resolution=inputs["resolution"],
    )


def structure_of(found):
    """The trajectory of the structure module as the two programs store it."""
    if "sm_frames" in found:
        backbone, frames, atoms = matrices(found["sm_traj"]), matrices(found["sm_frames"]), found["sm_atom_pos"]
        rotation, translation = backbone[..., :3, :3], backbone[..., :3, 3]
        frame_rotation, frame_translation = frames[..., :3, :3], frames[..., :3, 3]
    else:
        rotation, translation = rotation_from_quaternion(found["sm_traj"][..., :4]), found["sm_traj"][..., 4:]
        frame_rotation, frame_translation = found["sm_frames_rot"], found["sm_frames_trans"]
        atoms = found["sm_atom14_pos_all_layers"]
    return StructureOutput(
        single=found["repr_structure_module"],
        backbone_rotation=rotation,
        backbone_translation=translation,
        frame_rotation=frame_rotation,
        frame_translation=frame_translation,
        torsions=found["sm_angles_sin_cos"],
        unnormalised_torsions=found["sm_unnormalized_angles_sin_cos"],
        atom14_positions=atoms,
        atom14_mask=found["sm_final_atom14_mask"],
    )


def output_of(found):
    return AF2Output(
        representations=Representations(
            msa=found["repr_msa"],
            msa_first_row=found["repr_msa_first_row"],
            pair=found["repr_pair"],
            single=found["repr_single"],
        ),
        structure=structure_of(found),
        distogram_logits=found["distogram_logits"],
        masked_msa_logits=found["masked_msa_logits"],
        plddt_logits=found["predicted_lddt_logits"],
        experimentally_resolved_logits=found["experimentally_resolved_logits"],
        pae_logits=found["predicted_aligned_error_logits"],
        positions=found["sm_final_atom_positions"],
        atom_mask=found["sm_final_atom_mask"],
        confidence=Confidence(plddt=100 * found["conf_plddt"]),
    )


@pytest.fixture
def bundle(oracle):
    def load(name):
        inputs, outputs = (tensors(oracle(f"e2e/{name}_{part}.npz")) for part in ("inputs", "outputs_f64"))
        found = {key.removeprefix("rec1/"): x for key, x in outputs.items() if key.startswith("rec1/")}
        derived = {key.removeprefix("derived/"): x for key, x in outputs.items() if key.startswith("derived/")}
        return inputs | derived, found

    return load


def close(ours, theirs, rtol=1e-6, atol=1e-9):
    torch.testing.assert_close(ours, theirs.double(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", MONOMERS)
def test_every_loss_of_a_monomer_equals_deepmind(name, bundle):
    inputs, found = bundle(name)
    output, labels, residues = output_of(found), monomer_labels(inputs), residues_of(inputs)
    masked_msa = MaskedMSA(true_msa=inputs["true_msa"], bert_mask=inputs["bert_mask"])
    terms = objective.loss_terms(output, labels, residues, masked_msa)
    weights = objective.LossWeights()
    close(terms.structure.chi, found["loss_chi"])
    close(terms.structure.angle_norm, found["loss_angle_norm"])
    close(terms.structure.backbone_fape_last, found["loss_fape_last_layer"])
    close(terms.structure.sidechain_fape, found["loss_sidechain_fape"])
    close(terms.structure.weighted(weights), found["loss_structure_module"])
    close(terms.distogram, found["loss_distogram"])
    close(terms.masked_msa, found["loss_masked_msa"])
    close(terms.plddt, found["loss_predicted_lddt"])
    close(terms.experimentally_resolved, found["loss_experimentally_resolved"])
    # The diagonal of the aligned error is zero up to rounding, and the first edge is 0: either bin may be right.
    close(terms.aligned_error, found["loss_predicted_aligned_error"], rtol=2e-2)
    others = replace(terms, aligned_error=found["loss_predicted_aligned_error"])
    close(others.weighted(weights), found["loss_total"])
    close(objective.true_lddt(output, labels), found["true_lddt_ca"])


@pytest.mark.parametrize("name", MONOMERS)
@pytest.mark.parametrize("clamped", [0.0, 0.25, 1.0])
def test_backbone_error_mixes_clamped_and_free_as_deepmind_does(name, clamped, bundle):
    inputs, found = bundle(name)
    layers = objective.backbone_fape_of_layers(
        structure_of(found), monomer_labels(inputs), residues_of(inputs), clamped
    )
    assert layers.std() > 1e-3
    close(layers.mean(), found[f"bb_fape_mean_over_layers_use_clamped_{clamped}"])
    close(layers[-1], found[f"bb_fape_last_use_clamped_{clamped}"])


@pytest.mark.parametrize("name", MONOMERS)
def test_names_violations_and_metrics_of_a_monomer_equal_deepmind(name, bundle):
    inputs, found = bundle(name)
    structure, residues = structure_of(found), residues_of(inputs)
    truth = objective.rename_truth(structure, monomer_labels(inputs))
    close(truth.is_renamed, found["sm_alt_naming_is_better"])
    close(truth.atoms.positions, found["sm_renamed_atom14_gt_positions"])
    close(truth.atoms.mask, found["sm_renamed_atom14_gt_exists"])
    found_by_us = objective.find_violations(structure, residues)
    ours = {
        "between_residues.bonds_c_n_loss_mean": found_by_us.bonds.c_n_loss,
        "between_residues.angles_ca_c_n_loss_mean": found_by_us.bonds.ca_c_n_loss,
        "between_residues.angles_c_n_ca_loss_mean": found_by_us.bonds.c_n_ca_loss,
        "between_residues.connections_per_residue_loss_sum": found_by_us.bonds.residue_loss,
        "between_residues.connections_per_residue_violation_mask": found_by_us.bonds.is_violated,
        "between_residues.clashes_mean_loss": found_by_us.clashes.mean_loss,
        "between_residues.clashes_per_atom_loss_sum": found_by_us.clashes.atom_loss,
        "between_residues.clashes_per_atom_clash_mask": found_by_us.clashes.is_violated,
        "within_residues.per_atom_loss_sum": found_by_us.within.atom_loss,
        "within_residues.per_atom_violations": found_by_us.within.is_violated,
        "total_per_residue_violations_mask": found_by_us.is_violated,
    }
    assert {f"viol_{key}" for key in ours} == {key for key in found if key.startswith("viol_")}
    for key, value in ours.items():
        close(value, found[f"viol_{key}"], rtol=1e-6, atol=1e-7)
    check_metrics(structure, residues, found, objective.MONOMER)


def check_metrics(structure, residues, found, measures):
    metrics = objective.violation_metrics(structure, residues, measures)
    shares = (
        "extreme_ca_ca_distance",
        "between_residue_bond",
        "between_residue_clash",
        "within_residue",
        "per_residue",
    )
    for share in shares:
        close(getattr(metrics, share), found[f"metric_violations_{share}"], rtol=2e-7)


@pytest.mark.parametrize("name", MULTIMERS)
def test_every_loss_of_a_multimer_equals_deepmind(name, bundle):
    inputs, found = bundle(name)
    output, residues = output_of(found), residues_of(inputs)
    labels = structure_labels(inputs["aatype"], inputs["all_atom_positions"], inputs["all_atom_mask"])
    masked_msa = MaskedMSA(true_msa=inputs["true_msa"], bert_mask=inputs["bert_mask"])
    measures = objective.measures_of(presets.preset("model_1_multimer_v3"))
    terms = objective.loss_terms(output, labels, residues, masked_msa, measures=measures)
    assert len(residues.asym_id.unique()) > 2
    close(terms.structure.backbone_fape_last, found["loss_sm_fape"])
    close(terms.structure.backbone_fape, found["loss_sm_bb_loss"])
    close(terms.structure.sidechain_fape, found["loss_sm_sidechain_fape"])
    close(terms.structure.chi, found["loss_sm_chi_loss"])
    close(terms.structure.angle_norm, found["loss_sm_angle_norm_loss"])
    close(terms.structure.weighted(objective.LossWeights()), found["loss_sm_loss"])
    close(terms.distogram, found["loss_distogram"])
    close(terms.masked_msa, found["loss_masked_msa"])
    check_metrics(output.structure, residues, found, measures)
    assert terms.plddt == 0  # no resolution is known


def test_initial_training_leaves_out_what_only_fine_tuning_has(bundle):
    inputs, found = bundle(MONOMERS[0])
    masked_msa = MaskedMSA(true_msa=inputs["true_msa"], bert_mask=inputs["bert_mask"])
    terms = objective.loss_terms(output_of(found), monomer_labels(inputs), residues_of(inputs), masked_msa)
    without = replace(terms, aligned_error=None, experimentally_resolved=terms.plddt * 0)
    weights = objective.initial_training()
    close(terms.weighted(weights), without.weighted(weights))
    assert terms.weighted(weights) < terms.weighted(objective.LossWeights())


def test_examples_of_a_batch_keep_their_own_losses(bundle):
    inputs, found = bundle(MONOMERS[0])
    parts = [output_of(found), monomer_labels(inputs), residues_of(inputs)]
    parts += [MaskedMSA(true_msa=inputs["true_msa"], bert_mask=inputs["bert_mask"])]
    alone = objective.loss_terms(*parts).weighted(objective.LossWeights())
    other = replace(parts[1], atom14_positions=parts[1].atom14_positions + 3, chi_mask=1 - parts[1].chi_mask)
    apart = objective.loss_terms(parts[0], other, *parts[2:]).weighted(objective.LossWeights())

    structure = parts[0].structure
    layered = {
        name: torch.stack([x, x], dim=0 if name in ("single", "atom14_mask") else 1)
        for name, x in vars(structure).items()
    }
    flat = {name: torch.stack([x, x]) for name, x in vars(parts[0]).items() if isinstance(x, torch.Tensor)}
    output = replace(parts[0], structure=StructureOutput(**layered), **flat)
    batch = [type(part).collate([part, part]) for part in parts[2:]]
    together = objective.loss_terms(output, StructureLabels.collate([parts[1], other]), *batch)
    assert alone != apart
    close(together.weighted(objective.LossWeights()), torch.stack([alone, apart]))
