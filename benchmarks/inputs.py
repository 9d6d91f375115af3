"""Inputs of any size for the benchmarks: random values, masks with zeros and ones."""

import torch
from torch import Tensor, nn

from foldwright.features.batch import AF2Batch, ClusteredMSA, ExtraMSA, MaskedMSA, Residues, Templates


def real_mask(rows: int, columns: int, empty_rows: int) -> Tensor:
    """As features make them: the last residues are padding in every row, and the last rows are empty."""
    mask = torch.ones(rows, columns)
    mask[:, -max(1, columns // 40) :] = 0
    mask[rows - empty_rows :] = 0
    return mask


def pair_mask(n: int) -> Tensor:
    """One where both residues are real."""
    return real_mask(n, n, max(1, n // 40))


@torch.no_grad()
def randomise(model: nn.Module) -> nn.Module:
    """Parameters of the size that training leaves, so that no gate or output is shut."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.normal_(std=parameter.shape[-1] ** -0.5)
        else:
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def random_batch(n: int, num_clusters: int, num_extra: int, num_templates: int, c_target: int = 22) -> AF2Batch:
    """One draw of features for one chain."""
    one = torch.ones(n, dtype=torch.long)
    return AF2Batch(
        residues=Residues(
            aatype=torch.randint(20, (n,)),
            residue_index=torch.arange(n),
            asym_id=one,
            entity_id=one,
            sym_id=one,
            mask=torch.ones(n),
        ),
        target_feat=torch.rand(n, c_target),
        msa=ClusteredMSA(feat=torch.rand(num_clusters, n, 49), mask=real_mask(num_clusters, n, 2)),
        extra_msa=ExtraMSA(
            aatype=torch.randint(22, (num_extra, n)),
            has_deletion=torch.rand(num_extra, n),
            deletion_value=torch.rand(num_extra, n),
            mask=real_mask(num_extra, n, 2),
        ),
        templates=Templates(
            aatype=torch.randint(20, (num_templates, n)),
            positions=20 * torch.randn(num_templates, n, 37, 3),
            atom_mask=(torch.rand(num_templates, n, 37) > 0.2).float(),
            mask=torch.ones(num_templates),
        ),
        masked_msa=MaskedMSA(
            true_msa=torch.randint(22, (num_clusters, n)), bert_mask=(torch.rand(num_clusters, n) > 0.85).float()
        ),
    )
