"""The denoiser: from noisy atoms to where it takes them to be."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from foldwright.features.af3.batch import AF3Batch
from foldwright.models.af3.atom_encoder import (
    AtomAttentionDecoder,
    AtomPairEmbedder,
    DiffusionAtomEncoder,
)
from foldwright.models.af3.atom_transformer import AtomTransformer, AtomWindows, PreparedBlock
from foldwright.models.af3.config import AF3
from foldwright.models.af3.diffusion_conditioning import DiffusionConditioning
from foldwright.models.af3.diffusion_transformer import DiffusionTransformer
from foldwright.nn.adaptive_norm import ScaleLayerNorm
from foldwright.nn.linear import Linear


@dataclass(frozen=True)
class Prepared:
    """All that is the same at every noise level and for every sample."""

    single: Float[Tensor, "*batch n c_s"]  # of the conditioning, before the noise level is added
    windows: AtomWindows
    encoder: tuple[PreparedBlock, ...]
    token_biases: tuple[Tensor, ...]  # per block, [*batch h n n]
    decoder: tuple[PreparedBlock, ...]
    mask: Float[Tensor, "*batch n"]
    atom_mask: Float[Tensor, "*batch n 24"]


class DiffusionModule(nn.Module):
    """Where the atoms would be without the noise.

    AF3 SI Alg. 20 "DiffusionModule". Axes before those of the batch are samples, which share what was prepared.
    """

    def __init__(
        self,
        config: AF3,
        pair_embedder: type[AtomPairEmbedder] = AtomPairEmbedder,
        atom_transformer: type[AtomTransformer] = AtomTransformer,
        conditioning: type[DiffusionConditioning] = DiffusionConditioning,
    ):
        super().__init__()
        sizes, c_s, c_z = config.diffusion, config.c_s, config.c_z
        self.sigma_data = sizes.sigma_data
        self.conditioning = conditioning(sizes, config.c_target, c_s, c_z)
        self.atom_encoder = DiffusionAtomEncoder(sizes.atoms, sizes.c_token, c_s, c_z, pair_embedder, atom_transformer)
        self.single_norm = ScaleLayerNorm(c_s)
        self.single = Linear(c_s, sizes.c_token, bias=False, init="final")
        self.transformer = DiffusionTransformer(sizes, c_s, c_z)
        self.norm = ScaleLayerNorm(sizes.c_token)
        self.atom_decoder = AtomAttentionDecoder(sizes.atoms, sizes.c_token, atom_transformer)

    def forward(
        self,
        x_noisy: Float[Tensor, "*samples n 24 3"],
        t_hat: Float[Tensor, "*#samples"],
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        target_feat: Float[Tensor, "*batch n c_target"],
        batch: AF3Batch,
    ) -> Float[Tensor, "*samples n 24 3"]:
        return self.denoise(self.prepare(s, z, target_feat, batch), x_noisy, t_hat)

    def prepare(
        self,
        s: Float[Tensor, "*batch n c_s"],
        z: Float[Tensor, "*batch n n c_z"],
        target_feat: Float[Tensor, "*batch n c_target"],
        batch: AF3Batch,
    ) -> Prepared:
        """Everything of Alg. 20 that neither the positions nor the noise level enters."""
        z = self.conditioning.pairs(z, batch.tokens)
        windows = self.atom_encoder.condition(s, z, batch)
        return Prepared(
            single=self.conditioning.singles(s, target_feat),
            windows=windows,
            encoder=self.atom_encoder.transformer.prepare(windows),
            token_biases=self.transformer.prepare(z),
            decoder=self.atom_decoder.transformer.prepare(windows),
            mask=batch.tokens.mask.to(z),
            atom_mask=batch.atom_mask.to(z),
        )

    def denoise(
        self,
        prepared: Prepared,
        x_noisy: Float[Tensor, "*samples n 24 3"],
        t_hat: Float[Tensor, "*#samples"],
    ) -> Float[Tensor, "*samples n 24 3"]:
        """The positions without their noise, whose standard deviation is `t_hat` angstrom."""
        variance = (t_hat.square() + self.sigma_data**2)[..., None, None, None]
        update = self.update(prepared, x_noisy / variance.sqrt(), t_hat)
        c_skip = self.sigma_data**2 / variance
        c_out = self.sigma_data * t_hat[..., None, None, None] / variance.sqrt()
        return (c_skip * x_noisy + c_out * update) * prepared.atom_mask[..., None]

    def update(
        self, prepared: Prepared, r: Float[Tensor, "*samples n 24 3"], t_hat: Float[Tensor, "*#samples"]
    ) -> Float[Tensor, "*samples n 24 3"]:
        """The network itself, from positions of unit variance (AF3 SI Alg. 20 lines 1, 3-7)."""
        windows, encoder = prepared.windows, self.atom_encoder
        s = self.conditioning(prepared.single, t_hat)
        q = encoder.place(r * prepared.atom_mask[..., None], windows)
        q = encoder.attend(q, windows, prepared.encoder)
        a = encoder.aggregate(q, windows.layout, prepared.atom_mask)
        a = a + self.single(self.single_norm(s))
        a = self.transformer(a, s, prepared.token_biases, prepared.mask)
        return self.atom_decoder(self.norm(a), q, windows, prepared.decoder)
