"""Updates of the pair representation through triangles: every edge ij hears from the edges of its third corners."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.nn.attention import GatedAttention
from foldwright.nn.linear import LayerNorm, Linear


class TriangleMultiplication(nn.Module):
    """What the two directions of Alg. 11 and 12 share; a subclass says which edges meet in `product`."""

    def __init__(self, c_z: int, c_hidden: int = 128, bias: bool = True):  # c = 128, AF2 Suppl. 1.6.5
        super().__init__()
        self.norm = LayerNorm(c_z)
        self.left = Linear(c_z, c_hidden, bias=bias)
        self.right = Linear(c_z, c_hidden, bias=bias)
        self.left_gate = Linear(c_z, c_hidden, bias=bias, init="gating")
        self.right_gate = Linear(c_z, c_hidden, bias=bias, init="gating")
        self.center_norm = LayerNorm(c_hidden)
        self.gate = Linear(c_z, c_z, bias=bias, init="gating")
        self.out = Linear(c_hidden, c_z, bias=bias, init="final")

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        z = self.norm(z)
        x = self.edges(z, mask)
        return torch.sigmoid(self.gate(z)) * self.out(self.center_norm(x))

    def edges(self, z: Tensor, mask: Tensor) -> Tensor:
        """Seam: gated edges of both kinds, multiplied over the third corner."""
        mask = mask[..., None]
        a = mask * torch.sigmoid(self.left_gate(z)) * self.left(z)
        b = mask * torch.sigmoid(self.right_gate(z)) * self.right(z)
        return self.product(a, b)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum over third corners k; which edges of k it joins is the subclass's equation."""
        raise NotImplementedError


class TriangleMultiplicationOutgoing(TriangleMultiplication):
    """Edge ij hears from the edges that leave i and j towards k.

    AF2 Suppl. Alg. 11 "TriangleMultiplicationOutgoing"; AF3 SI Alg. 12 "TriangleMultiplicationOutgoing".
    """

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Line 4: the sum over k of a_ik b_jk."""
        return torch.einsum("...ikc,...jkc->...ijc", a, b)


class TriangleMultiplicationIncoming(TriangleMultiplication):
    """Edge ij hears from the edges that arrive at i and j from k.

    AF2 Suppl. Alg. 12 "TriangleMultiplicationIncoming"; AF3 SI Alg. 13 "TriangleMultiplicationIncoming".
    """

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Line 4: the sum over k of a_ki b_kj."""
        # DISCREPANCY(AF2 Alg. 12 line 4): the released code joins left_kj with right_ki, so "left" means b here.
        return torch.einsum("...kjc,...kic->...ijc", a, b)


class TriangleAttention(nn.Module):
    """What Alg. 13 and 14 share: attention along the rows of the pair matrix, biased by the third edge."""

    def __init__(self, c_z: int, c_hidden: int = 32, heads: int = 4, bias: bool = True):
        super().__init__()
        self.norm = LayerNorm(c_z)
        self.bias = Linear(c_z, heads, bias=False)
        self.core = GatedAttention(c_z, c_z, c_hidden, heads, c_z, bias=bias)

    def around_nodes(self, z: Tensor, mask: Tensor) -> Tensor:
        """Seam: attention along every row of z, around the node that row belongs to."""
        z = self.norm(z)
        b = self.bias(z).movedim(-1, -3)[..., None, :, :, :]
        return self.rows(z, mask, b)

    def rows(self, z: Tensor, mask: Tensor, b: Tensor) -> Tensor:
        """Seam: rows are independent once the bias [*batch 1 h n n] is known."""
        return self.core(z, z, mask, b)


class TriangleAttentionStartingNode(TriangleAttention):
    """Edge ij looks at the edges ik that start at the same node.

    AF2 Suppl. Alg. 13 "TriangleAttentionStartingNode"; AF3 SI Alg. 14 "TriangleAttentionStartingNode".
    """

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        return self.around_nodes(z, mask)


class TriangleAttentionEndingNode(TriangleAttention):
    """Edge ij looks at the edges kj that end at the same node.

    AF2 Suppl. Alg. 14 "TriangleAttentionEndingNode"; AF3 SI Alg. 15 "TriangleAttentionEndingNode".
    """

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        return self.around_nodes(z.transpose(-2, -3), mask.transpose(-1, -2)).transpose(-2, -3)


class TriangleAttentionEndingNodeUnturned(TriangleAttention):
    """Edges that end at one node look at each other, the third edge read in the other direction.

    Edge ij looks at the edges kj, as in AF3 SI Alg. 15 "TriangleAttentionEndingNode", but its third edge is ik, not ki.
    """

    def forward(
        self, z: Float[Tensor, "*batch n n c_z"], mask: Float[Tensor, "*batch n n"]
    ) -> Float[Tensor, "*batch n n c_z"]:
        # DISCREPANCY(AF3 SI Alg. 15 line 3): the paper biases with b_ki, the released code with b_ik.
        z = self.norm(z)
        b = self.bias(z).movedim(-1, -3)[..., None, :, :, :]
        return self.rows(z.transpose(-2, -3), mask.transpose(-1, -2), b).transpose(-2, -3)
