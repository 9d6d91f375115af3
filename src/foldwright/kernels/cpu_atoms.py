"""The mean over the atoms of each token for inference on a CPU, without a slot for the atoms it does not have."""

import torch
from torch import Tensor

from foldwright.features.af3.batch import AtomLayout
from foldwright.kernels.fast import Fast, over_batch
from foldwright.kernels.inplace import CopiedAtoms
from foldwright.models.af3.atom_encoder import AtomAttentionEncoder, DiffusionAtomEncoder


class AtomSums(Fast, AtomAttentionEncoder):
    """AF3 SI Alg. 5 line 16."""

    is_inference_only = True

    def aggregate(self, q: Tensor, layout: AtomLayout, atom_mask: Tensor) -> Tensor:
        if torch.is_grad_enabled() or atom_mask.dim() > 2:
            return super().aggregate(q, layout, atom_mask)
        return over_batch(lambda one: self._mean(one, layout, atom_mask), 3, q)

    def _mean(self, q: Tensor, layout: AtomLayout, atom_mask: Tensor) -> Tensor:
        way, atoms = layout.queries_to_tokens, q.flatten(0, 1)
        is_there = way.mask & (atom_mask > 0)
        token, slot = is_there.nonzero(as_tuple=True)
        places, ends = way.indices[token, slot], is_there.sum(-1).cumsum(0).tolist()
        total = q.new_zeros(len(atom_mask), self.out.out_features)

        def add(some: slice) -> None:
            there = slice(ends[some.start - 1] if some.start else 0, ends[some.stop - 1])
            total.index_add_(0, token[there], self.out(atoms[places[there]]).relu_())

        self.each_piece(len(total), atom_mask.shape[-1] * total[0].nbytes, add)
        return total.div_(atom_mask.sum(-1, keepdim=True).to(total) + 1e-10)


class CPUInputAtoms(AtomSums, CopiedAtoms):
    """The form without trunk and positions."""


class CPUNoisyAtoms(AtomSums, DiffusionAtomEncoder):
    """The denoiser's."""


ATOM_SUMS: dict[type, type[Fast]] = {AtomAttentionEncoder: CPUInputAtoms, DiffusionAtomEncoder: CPUNoisyAtoms}
