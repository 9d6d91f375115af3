"""The whole of AlphaFold 2: trunk, structure module and heads, run again on what they made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.batch import AF2Batch, Residues
from foldwright.features.structure import CA, atom37_from_atom14
from foldwright.models.af2 import confidence
from foldwright.models.af2.config import AF2
from foldwright.models.af2.heads import (
    DistogramHead,
    ExperimentallyResolvedHead,
    MaskedMSAHead,
    PAEHead,
    PLDDTHead,
)
from foldwright.models.af2.outputs import AF2Output, Confidence, Previous, Representations
from foldwright.models.af2.structure_module import (
    InvariantPointAttention,
    MultimerInvariantPointAttention,
    StructureModule,
)
from foldwright.models.af2.trunk import Trunk

Members = Sequence[AF2Batch]  # the ensemble of one pass: draws of the alignment of the same residues


@dataclass(frozen=True)
class Pass:
    """One recycling pass: its number from 0, what it computed, and how far that is from the pass before."""

    number: int
    output: AF2Output
    moved: float | None  # root mean square change of C-alpha distances, angstrom; None for the first pass


class AlphaFold(nn.Module):
    """AlphaFold 2, monomer or multimer, as its configuration says.

    AF2 Suppl. Alg. 2 "Inference"; AF-Multimer Suppl. 7.
    """

    def __init__(self, config: AF2):
        super().__init__()
        self.config = config
        c_m, c_z, c_s, heads = config.trunk.c_m, config.trunk.c_z, config.trunk.c_s, config.heads
        self.trunk = Trunk(config)
        ipa = MultimerInvariantPointAttention if config.is_multimer else InvariantPointAttention
        self.structure_module = StructureModule(config.structure, c_s, c_z, ipa)
        self.distogram_head = DistogramHead(c_z, heads.num_distogram_bins)
        self.masked_msa_head = MaskedMSAHead(c_m, heads.num_msa_classes)
        self.plddt_head = PLDDTHead(c_s, heads.c_plddt, heads.num_plddt_bins)
        self.experimentally_resolved_head = ExperimentallyResolvedHead(c_s)
        self.pae_head = PAEHead(c_z, heads.num_pae_bins) if heads.is_pae_predicted else None

    def forward(self, passes: Iterable[Members]) -> AF2Output:
        """The output of the last pass; each item of `passes` is the ensemble of one, drawn anew.

        AF2 Suppl. Alg. 30 "RecyclingInference". Trained with as many passes as were drawn for this step, it is
        Alg. 31 "RecyclingTraining": only the last pass keeps its gradient.
        """
        output = None
        for step in self.iterate(passes):
            output = step.output
        if output is None:
            raise ValueError("no passes to run")
        return output

    def iterate(self, passes: Iterable[Members]) -> Iterator[Pass]:
        """Every pass as it is done; the last one alone can be differentiated.

        Once C-alpha distances move less than the tolerance, one more pass is run and is the last: the rule of the
        released multimer program.
        """
        previous, moved = None, None
        for number, (members, is_last) in enumerate(_with_last(passes)):
            is_last = is_last or self.has_settled(moved)
            mask = members[0].residues.mask
            previous = previous or Previous.zeros(mask, self.config.trunk.c_m, self.config.trunk.c_z)
            with torch.set_grad_enabled(is_last and torch.is_grad_enabled()):
                output = self.one_pass(members, previous)
            moved = distance_change(output.positions, previous.positions, mask) if number else None
            previous = output.recycled()
            yield Pass(number, output, moved)
            if is_last:
                return

    def has_settled(self, moved: float | None) -> bool:
        """Whether the structure changed so little that recycling it again is not worth the time."""
        return moved is not None and moved <= self.config.recycling.tolerance

    def one_pass(self, members: Members, previous: Previous) -> AF2Output:
        """One pass over all members of the ensemble (AF2 Suppl. Alg. 2 "Inference", lines 3-15)."""
        kept = self.ensemble(members, previous)
        residues = members[0].residues
        structure = self.structure_module(kept.single, kept.pair, residues.aatype, residues.mask)
        positions, atom_mask = atom37_from_atom14(
            residues.aatype, structure.atom14_positions[-1], structure.atom14_mask
        )
        plddt_logits = self.plddt_head(structure.single)
        pae_logits = None if self.pae_head is None else self.pae_head(kept.pair)
        return AF2Output(
            representations=kept,
            structure=structure,
            distogram_logits=self.distogram_head(kept.pair),
            masked_msa_logits=self.masked_msa_head(kept.msa),
            plddt_logits=plddt_logits,
            experimentally_resolved_logits=self.experimentally_resolved_head(kept.single),
            pae_logits=pae_logits,
            positions=positions,
            atom_mask=atom_mask,
            confidence=confidence_of(plddt_logits, pae_logits, residues),
        )

    def ensemble(self, members: Members, previous: Previous) -> Representations:
        """The trunk's representations averaged over the members (Alg. 2 lines 5-11)."""
        first = self.trunk(members[0], previous)
        if len(members) == 1:
            return first
        total = first
        for member in members[1:]:
            more = self.trunk(member, previous)
            total = replace(
                total,
                msa_first_row=total.msa_first_row + more.msa_first_row,
                pair=total.pair + more.pair,
                single=total.single + more.single,
            )
        # DISCREPANCY(AF2 Alg. 2): rows of different draws are not alike; of the alignment only the query's is averaged.
        return replace(total.map(lambda x: x / len(members)), msa=first.msa)


@torch.no_grad()
def confidence_of(
    plddt_logits: Float[Tensor, "*batch n plddt_bins"],
    pae_logits: Float[Tensor, "*batch n n pae_bins"] | None,
    residues: Residues,
) -> Confidence:
    """Everything the network says about its own errors; padding is left out of pTM and ipTM."""
    plddt = confidence.plddt(plddt_logits)
    if pae_logits is None:
        return Confidence(plddt=plddt)
    mask, asym_id = residues.mask, residues.asym_id
    has_one_chain = bool((asym_id == asym_id[..., :1]).logical_or(mask == 0).all())
    return Confidence(
        plddt=plddt,
        pae=confidence.predicted_aligned_error(pae_logits),
        max_pae=confidence.max_predicted_aligned_error(pae_logits.shape[-1]).to(pae_logits),
        ptm=confidence.ptm(pae_logits, mask),
        iptm=None if has_one_chain else confidence.iptm(pae_logits, mask, asym_id),
    )


@torch.no_grad()
def distance_change(
    positions: Float[Tensor, "*batch n 37 3"], before: Float[Tensor, "*batch n 37 3"], mask: Float[Tensor, "*batch n"]
) -> float:
    """Root mean square change of the distances between C-alphas, angstrom; the largest of a batch."""
    now, then = (_distances(x[..., CA, :]) for x in (positions, before))
    pairs = mask[..., :, None] * mask[..., None, :]
    mean = ((now - then).square() * pairs).sum((-1, -2)) / (pairs.sum((-1, -2)) + 1e-10)
    return float(torch.sqrt(mean + 1e-8).max())


def _distances(points: Tensor) -> Tensor:
    return (points[..., :, None, :] - points[..., None, :, :]).square().sum(-1).sqrt()


def _with_last(passes: Iterable[Members]) -> Iterator[tuple[Members, bool]]:
    """Every item, and whether it is the last; one item is read ahead."""
    items = iter(passes)
    for current in items:
        for following in items:
            yield current, False
            current = following
        yield current, True
