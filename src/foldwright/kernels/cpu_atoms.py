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
        way = layout.queries_to_tokens
        token, slot = (way.mask & (atom_mask > 0)).nonzero(as_tuple=True)
        atoms = self.out(q.flatten(0, 1)).relu_()[way.indices[token, slot]]
        total = atoms.new_zeros(len(atom_mask), atoms.shape[-1]).index_add_(0, token, atoms)
        return total.div_(atom_mask.sum(-1, keepdim=True).to(total) + 1e-10)


class CPUInputAtoms(AtomSums, CopiedAtoms):
    """The form without trunk and positions."""


class CPUNoisyAtoms(AtomSums, DiffusionAtomEncoder):
    """The denoiser's."""


ATOM_SUMS: dict[type, type[Fast]] = {AtomAttentionEncoder: CPUInputAtoms, DiffusionAtomEncoder: CPUNoisyAtoms}
