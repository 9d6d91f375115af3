"""Training examples of any size without data: random letters, masks with zeros and ones, a chain of real geometry."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from foldwright.chem.atoms import ATOM14_MASK
from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues, Templates
from foldwright.features.structure import StructureLabels, atom37_from_atom14, structure_labels
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import rotation_from_quaternion
from foldwright.models.af2.config import AF2
from foldwright.models.af2.structure_module import all_atom_coordinates, of_residues

CA_STEP = 3.8  # angstrom between neighbouring C-alphas of a chain
UNRESOLVED = 0.05  # of the atoms of a structure
PADDED = 16  # one residue in so many is padding, as crops of short chains have


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much one example holds, and how many of them go through the network together."""

    residues: int
    sequences: int  # rows of the alignment that become cluster centres
    extra: int
    templates: int
    batch: int
    passes: int = 1  # of the recycling; all but the last without gradient


def synthetic_passes(config: AF2, sizes: Sizes) -> list[list[AF2Batch]]:
    """What every pass reads, drawn anew for each from the random numbers of torch."""
    residues = _residues(sizes)
    return [[_batch(config, sizes, residues)] for _ in range(sizes.passes)]


def synthetic_labels(residues: Residues) -> StructureLabels:
    """A random walk of residues with ideal geometry, some of its atoms unresolved."""
    shape = residues.aatype.shape
    steps = CA_STEP * normalize(torch.randn(*shape, 3), dim=-1)
    backbone = Rigid(rotation_from_quaternion(torch.randn(*shape, 4)), steps.cumsum(-2))
    torsions = normalize(torch.randn(*shape, 7, 2), dim=-1)
    _, atom14 = all_atom_coordinates(backbone, torsions, residues.aatype)
    positions, mask = atom37_from_atom14(residues.aatype, atom14, of_residues(ATOM14_MASK, residues.aatype, atom14))
    mask = mask * (torch.rand(mask.shape) > UNRESOLVED) * residues.mask[..., None]
    resolution = torch.full(shape[:-1], 2.0)
    return structure_labels(residues.aatype, positions * mask[..., None], mask, resolution)


@torch.no_grad()
def open_gates(model: nn.Module) -> None:
    """Parameters of the size that training leaves, so that no gate or update rests at its zero start."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.normal_(std=parameter.shape[-1] ** -0.5)
        else:
            parameter.add_(0.1 * torch.randn_like(parameter))


def _residues(sizes: Sizes) -> Residues:
    shape = (sizes.batch, sizes.residues)
    one = torch.ones(shape, dtype=torch.long)
    mask = torch.ones(shape)
    mask[:, -max(1, sizes.residues // PADDED) :] = 0
    mask[0] = 1  # one example of the batch is full
    return Residues(
        aatype=torch.randint(20, shape),
        residue_index=torch.arange(sizes.residues).expand(shape).contiguous(),
        asym_id=one,
        entity_id=one.clone(),
        sym_id=one.clone(),
        mask=mask,
    )


def _batch(config: AF2, sizes: Sizes, residues: Residues) -> AF2Batch:
    b, n, s, e = sizes.batch, sizes.residues, sizes.sequences, sizes.extra
    letters = config.heads.num_msa_classes
    return AF2Batch(
        residues=residues,
        target_feat=torch.rand(b, n, config.c_target),
        msa=ClusteredMSA(feat=torch.rand(b, s, n, 49), mask=_rows(s, residues.mask)),
        extra_msa=ExtraMSA(
            aatype=torch.randint(22, (b, e, n)),
            has_deletion=(torch.rand(b, e, n) > 0.9).float(),
            deletion_value=torch.rand(b, e, n),
            mask=_rows(e, residues.mask),
        ),
        templates=_templates(sizes) if config.templates is not None and sizes.templates else None,
        masked_msa=MaskedMSA(
            true_msa=torch.randint(letters, (b, s, n)),
            bert_mask=(torch.rand(b, s, n) < config.features.masked_fraction).float(),
        ),
    )


def _rows(rows: int, mask: Tensor) -> Tensor:
    """The mask of an alignment whose last rows are empty."""
    is_row = torch.ones(rows)
    is_row[rows - rows // PADDED :] = 0
    return is_row[:, None] * mask[:, None, :]


def _templates(sizes: Sizes) -> Templates:
    shape = (sizes.batch, sizes.templates, sizes.residues)
    mask = torch.ones(shape[:2])
    mask[:, 1:] = (torch.rand(sizes.batch, sizes.templates - 1) > 0.25).float()
    return Templates(
        aatype=torch.randint(22, shape),
        positions=20 * torch.randn(*shape, 37, 3),
        atom_mask=(torch.rand(*shape, 37) > UNRESOLVED).float(),
        mask=mask,
    )
