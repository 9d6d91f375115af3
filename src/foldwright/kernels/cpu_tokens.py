"""Layers that pairs guide, for inference on a CPU: single tokens of AF3's trunk, and the rows of its alignment."""

import torch
from torch import Tensor

from foldwright.kernels.attention import ERASED
from foldwright.kernels.columns import linear_by_columns, ranges, some_columns
from foldwright.kernels.cpu_attention import PairLogits
from foldwright.kernels.fast import linear_into, normalised, over_batch, stacked_weights
from foldwright.kernels.spread import spread
from foldwright.nn.attention import MASKED, GatedAttention
from foldwright.nn.attention_pair_bias import AttentionPairBias
from foldwright.nn.pair_weighted_averaging import MSAPairWeightedAveraging


class CPUAttentionPairBias(PairLogits, AttentionPairBias):
    """AF3 SI Alg. 24 without conditioning: neither the normalised pairs nor the weights are ever whole."""

    is_inference_only = True

    def forward(self, s: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(s, z, mask)
        return over_batch(self._one, 2, s, z, mask)

    def _one(self, s: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        dtype = self.product_dtype or s.dtype
        logits = self.logits_of_pairs(z, self.pair_norm, self.bias)
        return gathered_by_tokens(self.core, normalised(s, self.norm, dtype), logits, mask).to(s.dtype)


def gathered_by_tokens(core: GatedAttention, x: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    """Gated self-attention among tokens x [*batch n c], with logits bias [*#batch h n n]; a few heads at a time."""
    if not mask.all():
        bias = bias + ((1 - mask) * ERASED)[..., None, None, :]
    rows = x.reshape(-1, *x.shape[-2:])
    bias = bias.to(x.dtype).expand(*(x.shape[:-2] or (1,)), *bias.shape[-3:]).reshape(-1, *bias.shape[-3:])
    o = x.new_empty(*rows.shape[:-1], core.query.out_features)
    width = o.shape[-1] // core.heads
    assert core.gate is not None
    maps = (core.query, core.key, core.value, core.gate)

    def attend(heads: slice) -> None:
        channels = slice(width * heads.start, width * heads.stop)
        *qkv, gate = (some_columns(rows, layer, channels) for layer in maps)
        q, k, v = (y.unflatten(-1, (-1, width)).transpose(1, 2) for y in qkv)
        found = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[:, heads])
        torch.mul(found.transpose(1, 2).flatten(-2), gate.sigmoid_(), out=o[..., channels])

    spread(attend, ranges(core.heads, *maps))
    return linear_by_columns(o, core.out).view(x.shape)


class CPUMSAPairWeightedAveraging(PairLogits, MSAPairWeightedAveraging):
    """AF3 SI Alg. 10: a few rows at a time, their values beside each other in one product for each head."""

    is_inference_only = True

    def forward(self, m: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(m, z, mask)
        return over_batch(self._one, 3, m, z, mask)

    def _one(self, m: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        dtype = self.product_dtype or m.dtype
        logits = self.logits_of_pairs(z, self.pair_norm, self.bias)[0].masked_fill_(mask.amax(0) == 0, MASKED)
        w = torch.softmax(logits, dim=-1).to(dtype)
        weight, n = stacked_weights(self.value, self.gate, dtype=dtype), m.shape[1]
        out = torch.empty_like(m, memory_format=torch.contiguous_format)

        def average(rows: slice) -> None:
            y = normalised(m[rows], self.norm, dtype)
            v, gate = (y @ weight.t()).unflatten(-1, (2, self.heads, -1)).unbind(-3)
            columns = v.permute(2, 1, 0, 3)  # [h n rows c]
            o = torch.bmm(w, columns.flatten(2)).view(columns.shape).permute(2, 1, 0, 3)
            linear_into(out[rows].flatten(0, 1), gate.sigmoid_().mul(o).flatten(2).flatten(0, 1), self.out)

        self.each_piece(len(m), 2 * n * len(weight) * dtype.itemsize, average)
        return out
