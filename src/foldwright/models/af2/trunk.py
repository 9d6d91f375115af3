"""One pass from features to representations: everything before the structure module."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.batch import AF2Batch, Templates
from foldwright.features.structure import pseudo_beta
from foldwright.models.af2.config import AF2
from foldwright.models.af2.embed import ExtraMSAEmbedder, RecyclingEmbedder, input_embedder
from foldwright.models.af2.evoformer import EvoformerStack, ExtraMSAStack
from foldwright.models.af2.outputs import Previous, Representations
from foldwright.models.af2.templates import MultimerTemplates, no_templates, pairs, template_embedder, template_rows


class Trunk(nn.Module):
    """What one draw of the alignment says, given what the previous pass found.

    AF2 Suppl. Alg. 2 "Inference", the body of its inner loop: one member of the ensemble, up to the Evoformer.
    """

    def __init__(self, config: AF2):
        super().__init__()
        c_m, c_z = config.trunk.c_m, config.trunk.c_z
        self.input_embedder = input_embedder(config)
        self.recycling_embedder = RecyclingEmbedder(config.recycling, c_m, c_z)
        self.template_embedder = None if config.templates is None else template_embedder(config, config.templates)
        self.template_rows = None if config.templates is None else template_rows(config)
        self.extra_msa_embedder = ExtraMSAEmbedder(config.extra_msa.c_e)
        self.extra_msa_stack = ExtraMSAStack(config.trunk, config.extra_msa)
        self.evoformer = EvoformerStack(config.trunk)

    def forward(self, batch: AF2Batch, previous: Previous) -> Representations:
        pair_mask = pairs(batch.residues.mask)
        m, z = self.embed(batch, previous)
        num_rows, msa_mask = m.shape[-3], batch.msa.mask
        templates = self.templates_of(batch)
        if templates is not None and self.template_embedder is not None and self.template_rows is not None:
            z = z + self.template_embedder(z, templates, batch.residues)
            a, a_mask = self.template_rows(templates)
            m, msa_mask = torch.cat([m, a], dim=-3), torch.cat([msa_mask, a_mask.to(msa_mask)], dim=-2)
        z = self.extra_msa_stack(self.extra_msa_embedder(batch.extra_msa), z, batch.extra_msa.mask, pair_mask)
        m, z, s = self.evoformer(m, z, msa_mask, pair_mask)
        # The first row is recycled: as a view it would keep the whole alignment in memory.
        return Representations(msa=m[..., :num_rows, :, :], msa_first_row=m[..., 0, :, :].clone(), pair=z, single=s)

    def embed(
        self, batch: AF2Batch, previous: Previous
    ) -> tuple[Float[Tensor, "*batch s n c_m"], Float[Tensor, "*batch n n c_z"]]:
        """Alignment and pairs from the features, and the previous pass added to them."""
        m, z = self.input_embedder(batch.target_feat, batch.msa.feat, batch.residues)
        # The pseudo-beta of an unknown residue is the origin, where its absent atoms stand.
        atom_mask = torch.ones_like(previous.positions[..., 0])
        beta, _ = pseudo_beta(batch.residues.aatype, previous.positions, atom_mask)
        m_first, z_update = self.recycling_embedder(previous.msa_first_row, previous.pair, beta)
        first, others = m[..., :1, :, :], m[..., 1:, :, :]
        return torch.cat([first + m_first[..., None, :, :], others], dim=-3), z + z_update

    def templates_of(self, batch: AF2Batch) -> Templates | None:
        """The templates of the batch. Without any, a multimer sees one empty slot, which adds biases to every pair;
        a monomer none, for an empty slot adds exactly nothing there."""
        if batch.templates is not None and batch.templates.mask.shape[-1] > 0:
            return batch.templates
        return no_templates(batch.residues) if isinstance(self.template_embedder, MultimerTemplates) else None
