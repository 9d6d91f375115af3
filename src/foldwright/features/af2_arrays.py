"""What AlphaFold 2 reads, array by array under the released program's names (AF2 Suppl. 1.2.9, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from foldwright.chem import atoms
from foldwright.features.af2 import Example
from foldwright.features.batch import AF2Batch, Residues, Templates
from foldwright.features.structure import pseudo_beta
from foldwright.features.templates import first_slots

Arrays = dict[str, np.ndarray]


def monomer_arrays(passes: Sequence[AF2Batch]) -> Arrays:
    """The features of a monomer, one entry of the first axis for each recycling pass."""
    each = [{**_residues(batch.residues), **_of_pass(batch)} for batch in passes]
    return {name: np.stack([_plain(arrays[name]) for arrays in each]) for name in each[0]}


def multimer_arrays(example: Example, num_templates: int) -> Arrays:
    """The features of a multimer; its network itself draws the rows of each pass."""
    residues, msa = example.residues, example.msa
    arrays = {
        **_residues(residues),
        **{name: getattr(residues, name) for name in ("asym_id", "entity_id", "sym_id")},
        "msa": msa.rows,
        "deletion_matrix": msa.deletions,
        "msa_mask": msa.mask,
        "bert_mask": msa.bert_mask,
        "cluster_bias_mask": msa.is_centre,
        "num_alignments": torch.tensor(len(msa)),
    }
    if example.templates is not None and num_templates:
        templates = first_slots(example.templates, num_templates, fill=True)
        arrays |= _templates(templates, "template_all_atom_mask")
    return {name: _plain(array) for name, array in arrays.items()}


def _residues(residues: Residues) -> dict[str, Tensor]:
    aatype = residues.aatype
    tables = {
        "atom14_atom_exists": atoms.ATOM14_MASK,
        "atom37_atom_exists": atoms.ATOM37_MASK,
        "residx_atom14_to_atom37": atoms.ATOM14_TO_ATOM37,
        "residx_atom37_to_atom14": atoms.ATOM37_TO_ATOM14,
    }
    return {
        "aatype": aatype,
        "residue_index": residues.residue_index,
        "seq_mask": residues.mask,
        "seq_length": torch.tensor(len(aatype)),
        **{name: torch.from_numpy(table)[aatype] for name, table in tables.items()},
    }


def _of_pass(batch: AF2Batch) -> Mapping[str, Tensor]:
    """What one pass reads of the alignment and the templates."""
    extra = batch.extra_msa
    arrays = {
        "target_feat": batch.target_feat,
        "msa_feat": batch.msa.feat,
        "msa_mask": batch.msa.mask,
        "msa_row_mask": batch.msa.mask.amax(-1),
        "true_msa": batch.masked_msa.true_msa,
        "bert_mask": batch.masked_msa.bert_mask,
        "extra_msa": extra.aatype,
        "extra_has_deletion": extra.has_deletion,
        "extra_deletion_value": extra.deletion_value,
        "extra_msa_mask": extra.mask,
        "extra_msa_row_mask": extra.mask.amax(-1),
    }
    return arrays | ({} if batch.templates is None else _monomer_templates(batch.templates))


def _monomer_templates(templates: Templates) -> dict[str, Tensor]:
    beta, beta_mask = pseudo_beta(templates.aatype, templates.positions, templates.atom_mask)
    return _templates(templates, "template_all_atom_masks") | {
        "template_mask": templates.mask,
        "template_pseudo_beta": beta,
        "template_pseudo_beta_mask": beta_mask,
    }


def _templates(templates: Templates, mask: str) -> dict[str, Tensor]:
    return {
        "template_aatype": templates.aatype,
        "template_all_atom_positions": templates.positions,
        mask: templates.atom_mask,
    }


def _plain(array: Tensor) -> np.ndarray:
    """Numbers as the released program stores them: 32 bits."""
    return array.to(torch.float32 if array.is_floating_point() else torch.int32).numpy()
