"""Sizes of AlphaFold 2, each with the section of the supplement that sets it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class FeatureSizes:
    """How much of the alignment one pass reads (AF2 Suppl. 1.2.7, Table 5; AF-Multimer Suppl. 7.3)."""

    num_clusters: int = 512  # N_clust, template rows not counted
    num_extra: int = 5120  # N_extra_seq
    num_templates: int = 4  # N_templ
    masked_fraction: float = 0.15  # replace_fraction, Suppl. 1.2.7
    # An alignment without extra rows has the query as one. Else Alg. 10 as released divides by 1e-3 instead of a number
    # of rows: a thousandfold bias, to which the published networks are used and on which training from scratch stalls.
    is_query_repeated: bool = False


@dataclass(frozen=True, kw_only=True)
class Evoformer:
    """Suppl. 1.6, Alg. 6. Its field in `AF2` is named `trunk`."""

    num_blocks: int = 48  # N_block, Suppl. 1.6
    c_m: int = 256  # Suppl. 1.5
    c_z: int = 128  # Suppl. 1.5
    c_s: int = 384  # Suppl. 1.5
    msa_heads: int = 8  # Alg. 7, 8
    c_msa_attention: int = 32  # per head, Alg. 7, 8
    pair_heads: int = 4  # Alg. 13, 14
    c_pair_attention: int = 32  # per head, Alg. 13, 14
    c_triangle: int = 128  # Alg. 11, 12
    c_outer: int = 32  # Alg. 10
    transition_factor: int = 4  # Alg. 9, 15
    msa_dropout: float = 0.15  # Alg. 6 line 2
    pair_dropout: float = 0.25  # Alg. 6 lines 6-9
    outer_product_first: bool = False  # AF-Multimer Suppl. 7.3: the outer product opens the block


@dataclass(frozen=True, kw_only=True)
class ExtraMSAStack:
    """Suppl. 1.7.2, Alg. 18; what is not here is as in the Evoformer."""

    num_blocks: int = 4  # Suppl. 1.7.2
    c_e: int = 64  # Suppl. 1.7.2
    msa_heads: int = 8
    c_msa_attention: int = 8  # per head, Alg. 19


@dataclass(frozen=True, kw_only=True)
class TemplateEmbedder:
    """Suppl. 1.7.1, Alg. 16, 17; the class chosen is that of the preset (monomer or multimer)."""

    num_blocks: int = 2  # Alg. 16
    c_t: int = 64  # Suppl. 1.7.1
    heads: int = 4  # Alg. 16, 17
    c_attention: int = 16  # per head; the released code's 64 / 4
    c_triangle: int = 64
    transition_factor: int = 2  # Alg. 16 line 6
    dropout: float = 0.25  # Alg. 16


@dataclass(frozen=True, kw_only=True)
class StructureModule:
    """Suppl. 1.8, Alg. 20, 22."""

    num_layers: int = 8  # N_layer, Alg. 20
    heads: int = 12  # N_head, Alg. 22
    c_hidden: int = 16  # c, Alg. 22
    num_query_points: int = 4  # Alg. 22
    num_value_points: int = 8  # Alg. 22
    c_angles: int = 128  # Alg. 20 lines 11-14
    position_scale: float = 10.0  # angstrom per unit, Suppl. 1.8; 20 in multimer
    dropout: float = 0.1  # Alg. 20


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Suppl. 1.9.6 to 1.9.10."""

    num_distogram_bins: int = 64  # Suppl. 1.9.8
    num_plddt_bins: int = 50  # Suppl. 1.9.6, Alg. 29
    c_plddt: int = 128  # Alg. 29
    num_msa_classes: int = 23  # Suppl. 1.9.9; 22 in multimer
    num_pae_bins: int = 64  # Suppl. 1.9.7
    is_pae_predicted: bool = True  # only the fine-tuned pTM models have this head, Suppl. 1.9.7


@dataclass(frozen=True, kw_only=True)
class Recycling:
    """Suppl. 1.10, Alg. 30, 32."""

    num_recycles: int = 3  # passes after the first, Suppl. 1.10
    tolerance: float = 0.0  # stop when C-alpha distances move less, angstrom; 0 never (multimer: 0.5)
    num_ensemble: int = 1  # Alg. 2; 8 in CASP14
    num_distance_bins: int = 15  # Alg. 32
    first_edge: float = 3.25  # angstrom; DISCREPANCY(AF2 Alg. 32): the paper says 3 3/8
    last_edge: float = 20.75  # angstrom; DISCREPANCY(AF2 Alg. 32): the paper says 21 3/8


@dataclass(frozen=True, kw_only=True)
class AF2:
    """Everything that decides which parameters exist and what they compute."""

    is_multimer: bool = False
    features: FeatureSizes = field(default_factory=FeatureSizes)
    trunk: Evoformer = field(default_factory=Evoformer)
    extra_msa: ExtraMSAStack = field(default_factory=ExtraMSAStack)
    templates: TemplateEmbedder | None = field(default_factory=TemplateEmbedder)
    structure: StructureModule = field(default_factory=StructureModule)
    heads: Heads = field(default_factory=Heads)
    recycling: Recycling = field(default_factory=Recycling)

    @property
    def c_target(self) -> int:
        """Channels of `target_feat`: the multimer drops the domain-break channel."""
        return 21 if self.is_multimer else 22
