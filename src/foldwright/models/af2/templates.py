"""What the structures of relatives say: a term for every pair, and extra rows for the alignment."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.features.batch import Residues, Templates
from foldwright.features.structure import atom37_to_torsions, chi_angles, pseudo_beta
from foldwright.geometry.rigid import Rigid
from foldwright.models.af2.config import AF2, TemplateEmbedder
from foldwright.models.af2.embed import distance_bins
from foldwright.models.af2.evoformer import PairBlock
from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import LayerNorm, Linear

N, CA, C = (ATOM_INDEX[name] for name in ("N", "CA", "C"))
DISTANCE_EDGES = (3.25, 50.75, 39)  # angstrom, AF2 Suppl. Table 1 `template_distogram`
NUM_CLASSES = 22  # 20 residues, unknown, gap
C_MONOMER_PAIR = 88  # 39 distances, 2 masks, 2 residue types, unit vector; AF2 Suppl. Table 1
C_MONOMER_ROW = 57  # residue type, 7 angles and their alternatives, 7 masks; AF2 Suppl. Table 1
C_MULTIMER_ROW = 34  # residue type, 4 sines, 4 cosines, 4 masks


def pairs(mask: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n n"]:
    """One where both residues are."""
    return mask[..., :, None] * mask[..., None, :]


def residue_types(templates: Templates) -> Float[Tensor, "*batch t n 22"]:
    return one_hot(templates.aatype.long(), NUM_CLASSES).to(templates.positions.dtype)


def has_backbone(templates: Templates) -> Float[Tensor, "*batch t n"]:
    """One where N, CA and C are resolved."""
    return templates.atom_mask[..., [N, CA, C]].prod(-1)


def distances(templates: Templates) -> tuple[Float[Tensor, "*batch t n n 39"], Float[Tensor, "*batch t n n"]]:
    """Binned pseudo-beta distances, and where both ends are resolved."""
    positions, mask = pseudo_beta(templates.aatype, templates.positions, templates.atom_mask)
    return distance_bins(positions, *DISTANCE_EDGES), pairs(mask)


def no_templates(residues: Residues) -> Templates:
    """One empty slot, which is what the networks were trained to see where there is no template."""
    shape = residues.aatype.shape
    slots = (*shape[:-1], 1, shape[-1])
    return Templates(
        aatype=residues.aatype.new_zeros(slots),
        positions=residues.mask.new_zeros(*slots, 37, 3),
        atom_mask=residues.mask.new_zeros(*slots, 37),
        mask=residues.mask.new_zeros(*shape[:-1], 1),
    )


class TemplatePairBlock(PairBlock):
    """The pair block with attention before multiplication.

    AF2 Suppl. Alg. 16 "TemplatePairStack", one iteration (lines 2-6).
    """

    def forward(
        self, z: Float[Tensor, "*batch n n c_t"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_t"]:
        z = self.add(z, self.row_dropout(self.triangle_attention_starting(z, mask)))
        z = self.add(z, self.column_dropout(self.triangle_attention_ending(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_multiplication_outgoing(z, mask)))
        z = self.add(z, self.row_dropout(self.triangle_multiplication_incoming(z, mask)))
        return self.add(z, self.pair_transition(z))


class TemplatePairStack(nn.Module):
    """Triangle updates within one template.

    AF2 Suppl. Alg. 16 "TemplatePairStack"; the multimer's blocks are plain pair blocks.
    """

    def __init__(self, block: type[PairBlock], config: TemplateEmbedder):
        super().__init__()
        c = config
        self.blocks = nn.ModuleList(
            block(c.c_t, c.c_triangle, c.heads, c.c_attention, c.transition_factor, c.dropout)
            for _ in range(c.num_blocks)
        )
        self.norm = LayerNorm(c.c_t)

    def forward(
        self, t: Float[Tensor, "*batch n n c_t"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_t"]:
        for block in self.blocks:
            t = block(t, mask)
        return self.norm(t)


class TemplatePointwiseAttention(nn.Module):
    """Every pair chooses among the templates on its own.

    AF2 Suppl. Alg. 17 "TemplatePointwiseAttention".
    """

    def __init__(self, c_z: int, c_t: int, c_hidden: int, heads: int):
        super().__init__()
        self.core = GatedAttention(c_z, c_t, c_hidden, heads, c_z, is_gated=False)

    def forward(
        self,
        z: Float[Tensor, "*batch n n c_z"],
        t: Float[Tensor, "*batch n n t c_t"],
        mask: Float[Tensor, "*batch t"],
    ) -> Float[Tensor, "*batch n n c_z"]:
        return self.pairs(z, t, mask)

    def pairs(self, z: Tensor, t: Tensor, mask: Tensor) -> Tensor:
        """Seam: pairs are independent."""
        is_used = mask[..., None, None, :].expand(t.shape[:-1])
        found = self.core(z[..., None, :], t, is_used).squeeze(-2)
        return found * (mask.sum(-1) > 0)[..., None, None, None]


class MonomerTemplates(nn.Module):
    """The pair term of the templates.

    AF2 Suppl. 1.7.1, the pair part: 88 channels (Table 1), Alg. 16 for each template, Alg. 17 over all.
    """

    def __init__(self, config: TemplateEmbedder, c_z: int):
        super().__init__()
        self.embed = Linear(C_MONOMER_PAIR, config.c_t, init="relu")
        self.stack = TemplatePairStack(TemplatePairBlock, config)
        self.attention = TemplatePointwiseAttention(c_z, config.c_t, config.c_attention, config.heads)

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], templates: Templates, residues: Residues
    ) -> Float[Tensor, "*batch n n c_z"]:
        pair_mask = pairs(residues.mask)
        features = (self.features(slot).squeeze(-4).to(z.dtype) for slot in slots(templates))
        t = [self.stack(self.embed(f), pair_mask) for f in features]
        return self.attention(z, torch.stack(t, dim=-2), templates.mask)

    def features(self, templates: Templates) -> Float[Tensor, "*batch t n n 88"]:
        """Distances, residue types and unit vectors of each pair, zero where a backbone is missing."""
        bins, is_resolved = distances(templates)
        aatype = residue_types(templates)
        shape = bins.shape[:-1]
        known = pairs(has_backbone(templates))[..., None]
        parts = [
            bins,
            is_resolved[..., None],
            aatype[..., None, :, :].expand(*shape, -1),
            aatype[..., :, None, :].expand(*shape, -1),
            # DISCREPANCY(AF2 Suppl. Table 1): every released monomer was trained with the unit vectors set to zero.
            bins.new_zeros(*shape, 3),
            known,
        ]
        return torch.cat(parts, dim=-1) * known


class MultimerTemplates(nn.Module):
    """The pair term of the templates of a complex: each sees the query's pairs, and their mean is added.

    The template embedder of AlphaFold-Multimer (Evans et al. 2021); it reads pairs within one chain only.
    """

    def __init__(self, config: TemplateEmbedder, c_z: int):
        super().__init__()
        c_t = config.c_t
        self.distance = Linear(DISTANCE_EDGES[2], c_t, init="relu")
        self.is_resolved = Linear(1, c_t, init="relu")
        self.aatype_column = Linear(NUM_CLASSES, c_t, init="relu")
        self.aatype_row = Linear(NUM_CLASSES, c_t, init="relu")
        self.unit_vector_x = Linear(1, c_t, init="relu")
        self.unit_vector_y = Linear(1, c_t, init="relu")
        self.unit_vector_z = Linear(1, c_t, init="relu")
        self.has_backbone = Linear(1, c_t, init="relu")
        self.query_norm = LayerNorm(c_z)
        self.query = Linear(c_z, c_t, init="relu")
        self.stack = TemplatePairStack(PairBlock, config)
        self.out = Linear(c_t, c_z, init="relu")

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], templates: Templates, residues: Residues
    ) -> Float[Tensor, "*batch n n c_z"]:
        pair_mask = pairs(residues.mask)
        is_same_chain = (residues.asym_id[..., :, None] == residues.asym_id[..., None, :]).to(z.dtype)
        query = self.query(self.query_norm(z))
        total = torch.zeros_like(query)
        for slot in slots(templates):
            total = total + self.stack(query + self.embed(slot, is_same_chain).squeeze(-4), pair_mask)
        return self.out(torch.relu(total / templates.mask.shape[-1]))

    def embed(
        self, templates: Templates, is_same_chain: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch t n n c_t"]:
        """Distances, residue types and unit vectors within each chain, each through a map of its own."""
        is_same_chain = is_same_chain[..., None, :, :]
        bins, is_resolved = (x.to(is_same_chain) for x in distances(templates))
        aatype = residue_types(templates).to(is_same_chain)
        is_resolved = (is_resolved * is_same_chain)[..., None]
        known = (pairs(has_backbone(templates)).to(is_same_chain) * is_same_chain)[..., None]
        x, y, z = (unit_vectors(templates).to(known) * known).split(1, dim=-1)
        return (
            self.distance(bins * is_resolved)
            + self.is_resolved(is_resolved)
            + self.aatype_column(aatype)[..., None, :, :]
            + self.aatype_row(aatype)[..., :, None, :]
            + self.unit_vector_x(x)
            + self.unit_vector_y(y)
            + self.unit_vector_z(z)
            + self.has_backbone(known)
        )


def slots(templates: Templates) -> Iterator[Templates]:
    """The templates one by one, so that the pair features of only one are in memory."""
    parts = (templates.aatype.split(1, -2), templates.positions.split(1, -4), templates.atom_mask.split(1, -3))
    for aatype, positions, atom_mask, mask in zip(*parts, templates.mask.split(1, -1), strict=True):
        yield Templates(aatype=aatype, positions=positions, atom_mask=atom_mask, mask=mask)


def unit_vectors(templates: Templates) -> Float[Tensor, "*batch t n n 3"]:
    """The direction of residue j seen from the backbone frame of residue i; zero on the diagonal."""
    backbone = Rigid.from_3_points(*(templates.positions[..., atom, :] for atom in (N, CA, C)), eps=1e-12)
    towards = backbone[..., None].invert_apply(backbone.translation[..., None, :, :])
    return towards / towards.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()


class TemplateRows(nn.Module):
    """The angles of the templates as further rows of the alignment.

    AF2 Suppl. 1.7.1, the angle part: two linear maps with a ReLU between them.
    """

    def __init__(self, c_in: int, c_m: int):
        super().__init__()
        self.embed = Linear(c_in, c_m, init="relu")
        self.project = Linear(c_m, c_m, init="relu")

    def forward(self, templates: Templates) -> tuple[Float[Tensor, "*batch t n c_m"], Float[Tensor, "*batch t n"]]:
        """The rows and their mask."""
        features, mask = self.features(templates)
        return self.project(torch.relu(self.embed(features.to(self.embed.weight.dtype)))), mask

    def features(self, templates: Templates) -> tuple[Tensor, Tensor]:
        """Channels and mask of each residue of each template."""
        raise NotImplementedError


class MonomerTemplateRows(TemplateRows):
    """All seven angles, a row counting where psi is known."""

    def features(self, templates: Templates) -> tuple[Float[Tensor, "*batch t n 57"], Float[Tensor, "*batch t n"]]:
        """Residue type, angles, alternative angles, masks (AF2 Suppl. Table 1 `template_torsion_angles`)."""
        # DISCREPANCY(AF2 Suppl. Table 1): angles whose atoms are missing are not masked in the released models.
        torsions = atom37_to_torsions(templates.aatype, templates.positions, templates.atom_mask)
        angles = [torsions.sin_cos.flatten(-2), torsions.alt_sin_cos.flatten(-2), torsions.mask]
        return torch.cat([residue_types(templates), *angles], dim=-1), torsions.mask[..., 2]


class MultimerTemplateRows(TemplateRows):
    """The side-chain angles alone, a row counting where chi 1 is known (AF-Multimer)."""

    def features(self, templates: Templates) -> tuple[Float[Tensor, "*batch t n 34"], Float[Tensor, "*batch t n"]]:
        """Residue type, sines, cosines, masks."""
        chi, mask = chi_angles(templates.aatype, templates.positions, templates.atom_mask)
        parts = [residue_types(templates), torch.sin(chi) * mask, torch.cos(chi) * mask, mask]
        return torch.cat(parts, dim=-1), mask[..., 0]


def template_embedder(model: AF2, config: TemplateEmbedder) -> MonomerTemplates | MultimerTemplates:
    """The pair term for one chain or for several."""
    return (MultimerTemplates if model.is_multimer else MonomerTemplates)(config, model.trunk.c_z)


def template_rows(model: AF2) -> TemplateRows:
    """The rows for one chain or for several."""
    if model.is_multimer:
        return MultimerTemplateRows(C_MULTIMER_ROW, model.trunk.c_m)
    return MonomerTemplateRows(C_MONOMER_ROW, model.trunk.c_m)
