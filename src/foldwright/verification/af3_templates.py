"""The part of the template features that is rounding noise, inferred from what was stored.

Where a residue looks at itself, the vector between the two is zero but for rounding; the original program divides it by
its length, or by 1e-6 if that is more, so that noise of 1e-7 becomes a direction. Ours is zero there. Which noise it
was depends on how the original was compiled. So it is inferred: three numbers for each residue of each template, each
vector no longer than 1, from the pair representation after the first pass alone. All else that was stored (the single
representation, the other passes, structures, scores, files) is evidence of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from foldwright.features.af3.batch import AF3Batch, AF3Templates
from foldwright.models.af3.model import AlphaFold3
from foldwright.models.af3.templates import BACKBONE_SLOTS, TemplateEmbedder, backbone_frames, slots
from foldwright.verification.af3_run import Inputs

MOST_ROUNDS = 12
CLOSE_ENOUGH = 1e-5  # relative error of the pair representation
WORTH_WHILE = 0.8  # the error a round leaves of the one before; when it leaves more, no more rounds follow
LONGEST = 1.5  # on the way; in the end a vector is no longer than 1
NUDGE = 0.1  # by which a component is changed to see what follows

Diagonal = Float[Tensor, "t n 3"]


class NoisyTemplateEmbedder(TemplateEmbedder):
    """With the unit vectors on the diagonal that the original's rounding made."""

    diagonal: Diagonal
    rest: Iterator[Tensor]

    def forward(self, z: Tensor, templates: AF3Templates, asym_id: Tensor, pair_mask: Tensor) -> Tensor:
        self.rest = iter(self.diagonal)
        return super().forward(z, templates, asym_id, pair_mask)

    def embed(self, templates: AF3Templates, is_same_chain: Tensor) -> Tensor:
        x, y, z = next(self.rest).split(1, dim=-1)
        noise = self.unit_vector_x(x) + self.unit_vector_y(y) + self.unit_vector_z(z)
        return super().embed(templates, is_same_chain) + torch.diag_embed(noise.mT).movedim(0, -1)


def infer_noise(model: AlphaFold3, inputs: Inputs, stored: Float[Tensor, "n n c_z"]) -> None:
    """Give the network the noise with which its first pass yields the stored pair representation.

    Each residue's noise is told from its own place on the diagonal, where it matters most, for all residues at once;
    what they do to each other's places is gone after a few rounds.
    """
    has_backbone = has_noise(inputs.batch)
    if not has_backbone.any():
        return
    embedder = model.trunk.template_embedder
    embedder.__class__ = NoisyTemplateEmbedder
    assert isinstance(embedder, NoisyTemplateEmbedder)
    target_feat = model.input_features(inputs.batch)
    stored = stored.to(target_feat)

    def pair(diagonal: Diagonal) -> Tensor:
        embedder.diagonal = diagonal
        (first,) = model.passes(inputs.batch, target_feat, inputs.orders[:1])
        return first.pair

    guess = (rounding_noise(inputs.batch.templates) * has_backbone[..., None]).to(stored)
    best = solve(pair, stored, guess, has_backbone, inputs.batch.tokens.mask > 0)
    embedder.diagonal = best / best.norm(dim=-1, keepdim=True).clamp(min=1)


def solve(
    pair: Callable[[Diagonal], Tensor],
    stored: Tensor,
    diagonal: Diagonal,
    has_backbone: Float[Tensor, "t n"],
    is_real: Tensor,
) -> Diagonal:
    """The diagonal with which `pair` comes nearest to what was stored, from a first guess."""
    best, least = diagonal, float("inf")
    for _ in range(MOST_ROUNDS):
        found = pair(diagonal)
        error = float((stored - found)[is_real][:, is_real].norm() / stored[is_real][:, is_real].norm())
        stalls = error > WORTH_WHILE * least
        if error < least:
            best, least = diagonal, error
        if stalls or error < CLOSE_ENOUGH:
            break
        diagonal = nudged(pair, diagonal, has_backbone, found, stored)
    return best


def has_noise(batch: AF3Batch) -> Float[Tensor, "t n"]:
    """Which residues of which templates have a backbone, and so a direction."""
    return torch.cat([backbone_frames(slot)[1] for slot in slots(batch.templates)]) * batch.tokens.mask


def nudged(
    pair: Callable[[Diagonal], Tensor], diagonal: Diagonal, has_backbone: Tensor, found: Tensor, stored: Tensor
) -> Diagonal:
    """One step of Gauss and Newton for every residue by itself."""
    columns, places = [], []
    for t in range(len(diagonal)):
        if not has_backbone[t].any():
            continue
        for axis in range(3):
            other = diagonal.clone()
            other[t, :, axis] += NUDGE * has_backbone[t]
            change = own(pair(other) - found) / NUDGE
            columns.append(change * has_backbone[t, :, None])
            places.append((t, axis))
    jacobian = torch.stack(columns, dim=-1).double()  # n c k
    wrong = own(stored - found).double()[..., None]
    normal = jacobian.mT @ jacobian
    ridge = 1e-9 * normal.diagonal(dim1=-2, dim2=-1).sum(-1).clamp(min=1e-12)
    eye = torch.eye(len(places), dtype=normal.dtype)
    step = torch.linalg.solve(normal + ridge[:, None, None] * eye, jacobian.mT @ wrong).squeeze(-1)
    result = diagonal.clone()
    for k, (t, axis) in enumerate(places):
        result[t, :, axis] += step[:, k].to(result) * has_backbone[t]
    return result / (result.norm(dim=-1, keepdim=True) / LONGEST).clamp(min=1)


def own(x: Tensor) -> Tensor:
    """What every residue says of itself."""
    return x.diagonal(dim1=0, dim2=1).mT


def rounding_noise(templates: AF3Templates) -> Diagonal:
    """The noise as one compiler makes it, by fusing the sums of products of the frames: a good first guess, no more."""
    slot = torch.tensor(BACKBONE_SLOTS)[templates.aatype]
    n, ca, c = torch.take_along_dim(templates.positions.float(), slot[..., None], dim=-2).unbind(-2)
    e0 = unit(c - ca)
    e1 = unit(fused(-dot(n - ca, e0, 0)[..., None], e0, n - ca))
    e2 = fused(e0.roll(-1, -1), e1.roll(-2, -1), -e0.roll(-2, -1) * e1.roll(-1, -1))
    # The frame applied to the origin is summed in another order than its inverse's translation.
    return unit(torch.stack([dot(e, ca, 0) - dot(e, ca, 1) for e in (e0, e1, e2)], dim=-1))


def unit(x: Tensor) -> Tensor:
    """Along x, of length 1; what is shorter than 1e-6 divided by that."""
    length = dot(x, x, 0).clamp(min=1e-12).double().sqrt().float()  # the root in float32 may be off in its last bit
    return x / length[..., None]


def dot(a: Tensor, b: Tensor, last: int) -> Tensor:
    """A sum of three products in float32; of the first two, only the product that is not `last` is rounded first."""
    i, j = (0, 1) if last == 0 else (1, 0)
    first = fused(a[..., i], b[..., i], a[..., j] * b[..., j])
    return fused(a[..., 2], b[..., 2], first)


def fused(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """a b + c, rounded once to float32."""
    return (a.double() * b.double() + c.double()).float()
