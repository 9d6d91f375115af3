"""The stored inputs of an AlphaFold 2 bundle, as the network reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues, Templates
from foldwright.features.clusters import Clusters, multimer_clusters
from foldwright.features.masking import mask_centres
from foldwright.features.msa import MSA
from foldwright.features.sampling import Draws, read_multimer
from foldwright.features.structure import StructureLabels, structure_labels
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.config import AF2
from foldwright.verification.bundles import Bundle

Arrays = Mapping[str, Tensor]


class Sampled(NamedTuple):
    """What became of a multimer's alignment under the stored draws."""

    msa: MSA  # all rows
    true: MSA  # the centres as they were
    centres: MSA  # the centres as the network sees them
    clusters: Clusters


@dataclass(frozen=True)
class Example:
    """What the network reads, and the true structure."""

    batch: AF2Batch
    labels: StructureLabels
    sampled: Sampled | None = None

    def is_valid(self, axes: str, shape: torch.Size) -> Tensor | None:
        """Which entries are real, where an axis named n counts residues and one named s alignment rows."""
        kinds = {"n": self.batch.residues.mask, "s": self.batch.msa.mask.amax(-1)}
        valid = None
        for at, name in enumerate(axes.split()):
            if name in kinds and shape[at] == len(kinds[name]):
                part = kinds[name].reshape(-1, *[1] * (len(shape) - at - 1))
                valid = part if valid is None else valid * part
        return None if valid is None else valid.expand(shape)


def read_example(bundle: Bundle, config: AF2, dtype: torch.dtype) -> Example:
    """The bundle's inputs in one floating-point type.

    Raises:
        InputError: naming an array that the inputs lack.
    """
    outputs = bundle.arrays(bundle.expected[bundle.truth], "expected")
    # How many extra rows the original read is not among the bundle's words.
    num_extra = len(outputs.get("derived/extra_msa_mask", range(config.features.num_extra)))
    config = replace(config, features=replace(config.features, num_extra=num_extra))
    stored = {key: torch.as_tensor(array) for key, array in bundle.arrays(bundle.inputs, "inputs").items()}
    x = {key: value.to(dtype) if value.is_floating_point() else value for key, value in stored.items()}
    try:
        return _multimer(x, config) if config.is_multimer else _monomer(x)
    except KeyError as error:
        raise bundle.error("inputs", f"the array {error} is missing.") from None
    except (RuntimeError, IndexError) as error:
        raise bundle.error("inputs", f"the arrays do not fit each other ({error}).") from None


def _monomer(x: Arrays) -> Example:
    one = torch.ones_like(x["aatype"])
    batch = AF2Batch(
        residues=Residues(
            aatype=x["aatype"],
            residue_index=x["residue_index"],
            asym_id=one,
            entity_id=one,
            sym_id=one,
            mask=x["seq_mask"],
        ),
        target_feat=x["target_feat"],
        msa=ClusteredMSA(feat=x["msa_feat"], mask=x["msa_mask"]),
        extra_msa=ExtraMSA(
            aatype=x["extra_msa"],
            has_deletion=x["extra_has_deletion"],
            deletion_value=x["extra_deletion_value"],
            mask=x["extra_msa_mask"],
        ),
        templates=_templates(x, x["template_all_atom_masks"]) if "template_aatype" in x else None,
        masked_msa=MaskedMSA(true_msa=x["true_msa"], bert_mask=x["bert_mask"]),
    )
    return Example(batch, _labels(x))


def _multimer(x: Arrays, config: AF2) -> Example:
    msa = MSA(
        rows=x["msa"].long(),
        deletions=x["deletion_matrix"],
        mask=x["msa_mask"],
        bert_mask=x["bert_mask"],
        is_centre=x["cluster_bias_mask"],
    )
    draws = Draws(
        order=x["sampling/index_order"].long(),
        mask_position=x["sampling/mask_position"],
        replacement=x["sampling/bert_sample"].long(),
    )
    num_clusters = len(draws.mask_position)
    reading = read_multimer(msa, draws, config.features.num_extra)
    residues = Residues(
        **{name: x[name] for name in ("aatype", "residue_index", "asym_id", "entity_id", "sym_id")}, mask=x["seq_mask"]
    )
    batch = AF2Batch(
        residues=residues,
        target_feat=F.one_hot(x["aatype"].long(), config.c_target).to(x["seq_mask"]),
        msa=reading.msa,
        extra_msa=reading.extra_msa,
        templates=_templates(x, x["template_all_atom_mask"]) if "template_aatype" in x else None,
        masked_msa=reading.masked_msa,
    )
    true = msa.select(draws.order[:num_clusters])
    centres = mask_centres(true, draws.mask_position, draws.replacement)
    clusters = multimer_clusters(centres, msa.select(draws.order[num_clusters:]))
    return Example(batch, _labels(x), Sampled(msa, true, centres, clusters))


def _templates(x: Arrays, atom_mask: Tensor) -> Templates:
    present = x.get("template_mask", atom_mask.flatten(1).amax(-1))
    return Templates(
        aatype=x["template_aatype"], positions=x["template_all_atom_positions"], atom_mask=atom_mask, mask=present
    )


# What the monomer's inputs hold ready-made, rounded to float32, of the labels that we compute.
_STORED_LABELS = {
    "chi_angles": "chi_angles",
    "chi_mask": "chi_mask",
    "atom14_positions": "atom14_gt_positions",
    "atom14_mask": "atom14_gt_exists",
    "atom14_alt_positions": "atom14_alt_gt_positions",
    "atom14_alt_mask": "atom14_alt_gt_exists",
    "atom14_is_ambiguous": "atom14_atom_is_ambiguous",
    "pseudo_beta": "pseudo_beta",
    "pseudo_beta_mask": "pseudo_beta_mask",
    "rigid_groups_mask": "rigidgroups_gt_exists",
    "rigid_group_exists": "rigidgroups_group_exists",
    "rigid_group_is_ambiguous": "rigidgroups_group_is_ambiguous",
}
_STORED_FRAMES = {"rigid_groups": "rigidgroups_gt_frames", "rigid_groups_alt": "rigidgroups_alt_gt_frames"}


def _labels(x: Arrays) -> StructureLabels:
    computed = structure_labels(x["aatype"], x["all_atom_positions"], x["all_atom_mask"], x.get("resolution"))
    stored = {ours: x[theirs] for ours, theirs in _STORED_LABELS.items() if theirs in x}
    frames = {ours: _frames(x[theirs]).to_matrix() for ours, theirs in _STORED_FRAMES.items() if theirs in x}
    return replace(computed, **stored, **frames)


def _frames(flat: Tensor) -> Rigid:
    """Nine numbers of a rotation, row by row, then three of a translation."""
    rotation, translation = flat.split([9, 3], dim=-1)
    return Rigid(rotation.unflatten(-1, (3, 3)), translation)
