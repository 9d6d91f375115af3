"""Single tokens of AF3's trunk, compiled: rows too few to pay for packing weights meet them where they lie."""

from __future__ import annotations

from torch import Tensor, nn

from foldwright.kernels.attention import ERASED
from foldwright.kernels.compiled.attention import CompiledPairLogits
from foldwright.kernels.compiled.jobs import Jobs
from foldwright.kernels.compiled.panel_jobs import (
    add_gather,
    add_map,
    add_widened,
    from_panels,
    padded_mask,
    panelled,
)
from foldwright.kernels.compiled.tiles import ROWS, fits
from foldwright.kernels.cpu_tokens import CPUAttentionPairBias
from foldwright.nn.linear import LayerNorm
from foldwright.nn.transition import SwiGLUTransition


class CompiledAttentionPairBias(CompiledPairLogits, CPUAttentionPairBias):
    """AF3 SI Alg. 24 without conditioning."""

    def _one(self, s: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        core = self.core
        width = core.query.out_features // core.heads
        if self.product_dtype is not None or width < ROWS or not (fits(s, s.shape[-1], width) and fits(z, z.shape[-1])):
            return super()._one(s, z, mask)
        bias = self.logits_of_pairs(z.transpose(0, 1), self.pair_norm, self.bias)[0].transpose(-1, -2)
        x, jobs = _normal(s, self.norm), Jobs()
        gathered = add_gather(jobs, core, x, bias, padded_mask(((1 - mask) * ERASED).to(s.dtype)))
        out = add_map(jobs, core.out, gathered)
        jobs.run()
        return from_panels(out, len(s))[0]


def widened_few(layer: SwiGLUTransition, x: Tensor) -> Tensor:
    """AF3 SI Alg. 11 of x [n c]."""
    jobs = Jobs()
    wide = add_widened(jobs, layer.gate, layer.expand, _normal(x, layer.norm))
    out = add_map(jobs, layer.contract, wide)
    jobs.run()
    return from_panels(out, len(x))[0]


def _normal(x: Tensor, norm: LayerNorm) -> Tensor:
    """Normalised positions [n c] in panels [1 panels c COLUMNS]."""
    return panelled(nn.functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)[None])
