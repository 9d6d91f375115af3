"""Sizes of AlphaFold 3, each with the place in the supplement that sets it."""

from dataclasses import dataclass, field, replace

from foldwright.features.af3.batch import NUM_RESIDUE_TYPES


@dataclass(frozen=True, kw_only=True)
class FeatureSizes:
    """How much is read of the alignment and of templates (AF3 SI 2.2, 2.4, 2.8)."""

    num_msa: int = 1024  # rows per pass, drawn anew for each
    num_templates: int = 4  # AF3 SI 2.4; empty slots count in the mean of Alg. 16 as released


@dataclass(frozen=True, kw_only=True)
class PairSizes:
    """The triangle updates of one pair representation (AF3 SI Alg. 12-15, 17 lines 2-6)."""

    c_z: int = 128
    c_triangle: int = 128  # Alg. 12, 13
    heads: int = 4  # Alg. 14, 15
    c_attention: int = 32  # per head, Alg. 14, 15
    transition_factor: int = 4  # Alg. 11
    dropout: float = 0.25  # Alg. 17 lines 2-5


@dataclass(frozen=True, kw_only=True)
class Pairformer:
    """AF3 SI 3.6, Alg. 17."""

    num_blocks: int = 48
    c_s: int = 384
    heads: int = 16  # of the single attention, Alg. 24
    transition_factor: int = 4  # Alg. 11
    pair: PairSizes = field(default_factory=PairSizes)


@dataclass(frozen=True, kw_only=True)
class MSAModule:
    """AF3 SI 3.3, Alg. 8."""

    num_blocks: int = 4
    c_m: int = 64
    c_outer: int = 32  # Alg. 9
    heads: int = 8  # Alg. 10
    c_value: int = 8  # per head; DISCREPANCY(AF3 SI Alg. 10): the paper says 32
    transition_factor: int = 4  # Alg. 11
    dropout: float = 0.15  # Alg. 8 line 7
    pair: PairSizes = field(default_factory=PairSizes)


def template_pair_sizes() -> PairSizes:
    """Half of everything (AF3 SI Alg. 16; the released code's widths)."""
    return PairSizes(c_z=64, c_triangle=64, c_attention=16, transition_factor=2)


@dataclass(frozen=True, kw_only=True)
class TemplateEmbedder:
    """AF3 SI 3.5, Alg. 16."""

    num_blocks: int = 2
    pair: PairSizes = field(default_factory=template_pair_sizes)


@dataclass(frozen=True, kw_only=True)
class AtomAttention:
    """Encoder and decoder of atoms (AF3 SI 3.2, Alg. 5-7)."""

    num_blocks: int = 3  # Alg. 5 line 15, Alg. 6 line 2
    heads: int = 4
    c_atom: int = 128
    c_atom_pair: int = 16
    num_queries: int = 32  # Alg. 7
    num_keys: int = 128  # Alg. 7
    transition_factor: int = 2  # Alg. 25


@dataclass(frozen=True, kw_only=True)
class Diffusion:
    """The denoiser (AF3 SI 3.7, Alg. 20-26)."""

    sigma_data: float = 16.0  # angstrom, Alg. 20
    c_token: int = 768  # Alg. 20
    c_noise: int = 256  # Fourier features, Alg. 21
    num_blocks: int = 24  # Alg. 20 line 5
    heads: int = 16  # Alg. 20 line 5
    blocks_per_pair_bias: int = 4  # as released: blocks that share one projection of the pair logits
    transition_factor: int = 2  # Alg. 25; that of the conditioning, too (Alg. 21)
    num_conditioning_transitions: int = 2  # Alg. 21
    atoms: AtomAttention = field(default_factory=AtomAttention)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """From noise to structures (AF3 SI 3.7.1, Alg. 18, 19)."""

    num_samples: int = 5  # AF3 SI 5.1
    num_steps: int = 200  # AF3 SI 3.7.1
    sigma_max: float = 160.0  # times sigma_data
    sigma_min: float = 4e-4  # times sigma_data
    exponent: float = 7.0  # p of the schedule
    gamma_0: float = 0.8  # Alg. 18
    gamma_min: float = 1.0  # angstrom, Alg. 18
    noise_scale: float = 1.003  # lambda, Alg. 18
    step_scale: float = 1.5  # eta, Alg. 18
    translation_scale: float = 1.0  # angstrom, Alg. 19


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Distogram and confidence (AF3 SI 4.3, 4.4, Alg. 31); the confidence head's Pairformer has the trunk's widths."""

    num_distogram_bins: int = 64  # AF3 SI 4.4
    first_distogram_edge: float = 2.3125  # angstrom
    last_distogram_edge: float = 21.6875  # angstrom
    num_confidence_blocks: int = 4  # Alg. 31 line 4
    num_distance_bins: int = 39  # Alg. 31 line 3; DISCREPANCY: the paper has 11 from 3 3/8 to 21 3/8 angstrom
    first_distance_edge: float = 3.25  # angstrom
    last_distance_edge: float = 50.75  # angstrom
    num_plddt_bins: int = 50  # AF3 SI 4.3.1
    num_pae_bins: int = 64  # AF3 SI 4.3.2
    num_pde_bins: int = 64  # AF3 SI 4.3.3
    max_error: float = 31.0  # angstrom, the last break between bins of PAE and PDE


@dataclass(frozen=True, kw_only=True)
class AF3:
    """Everything that decides which parameters exist and what they compute."""

    features: FeatureSizes = field(default_factory=FeatureSizes)
    atoms: AtomAttention = field(default_factory=AtomAttention)  # of the input features, Alg. 2
    templates: TemplateEmbedder = field(default_factory=TemplateEmbedder)
    msa: MSAModule = field(default_factory=MSAModule)
    pairformer: Pairformer = field(default_factory=Pairformer)
    diffusion: Diffusion = field(default_factory=Diffusion)
    sampling: Sampling = field(default_factory=Sampling)
    heads: Heads = field(default_factory=Heads)
    num_recycles: int = 10  # passes after the first, as released; AF3 SI Alg. 1 has N_cycle = 4 passes in all

    @property
    def c_s(self) -> int:
        """Channels of a token."""
        return self.pairformer.c_s

    @property
    def c_z(self) -> int:
        """Channels of a pair of tokens."""
        return self.pairformer.pair.c_z

    @property
    def c_target(self) -> int:
        """Channels of the input features (Alg. 2): residue type, profile, deletions, and what the atoms say."""
        return 2 * NUM_RESIDUE_TYPES + 1 + self.pairformer.c_s

    @property
    def confidence(self) -> Pairformer:
        """The Pairformer of the confidence head."""
        return replace(self.pairformer, num_blocks=self.heads.num_confidence_blocks)
