"""The stream of representations and what is added to it."""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Layers whose outputs are added to the stream that runs past them."""

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """Seam: the residual sum, which may be taken in place where no gradient is needed."""
        return x + update
