"""Everything that decides what a training run computes, in one record that is stored with every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from foldwright.models.af2.config import AF2
from foldwright.training.objective_af2 import LossWeights


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What one training example is made of (AF2 Suppl. 1.2)."""

    crop_size: int = 256  # residues, Suppl. Table 4
    # Where the backbone's error is clamped the paper's crops favour the beginning of a chain, Suppl. 1.2.8.
    is_crop_start_uniform: bool = False
    max_passes: int = 4  # N_cycle: passes are drawn uniformly from 1 to this, Suppl. Alg. 31
    unclamped_fraction: float = 0.1  # of examples whose backbone FAPE is not clamped, Suppl. 1.11.5
    deletion_blocks: int = 5  # Alg. 1 "MSABlockDeletion"; 0 keeps every row
    deletion_fraction: float = 0.3  # of the alignment, per block, Alg. 1
    distilled_fraction: float = 0.75  # of examples, where a distillation set is given, Suppl. 1.3
    distilled_rows: int = 1000  # of the alignment of a distilled chain, drawn anew for each example, Suppl. 1.3
    is_length_weighted: bool = True  # longer chains are drawn more often, Suppl. 1.2.5


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """How the parameters follow the gradient (AF2 Suppl. 1.11.3)."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    warmup_examples: int = 128_000  # the rate rises linearly over the first 0.128 million examples
    decay_after_examples: int = 6_400_000  # then it falls by the factor, once
    decay_factor: float = 0.95
    final_fraction: float = 1.0  # of the rate, reached along a cosine at the last example; 1 is the published schedule
    max_gradient_norm: float = 0.1  # Suppl. 1.11.3
    is_clipped_per_example: bool = True  # Suppl. 1.11.3; false clips the gradient of the whole step
    ema_decay: float = 0.999  # Suppl. 1.11.7


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One stage of training: a network, its data, its objective and its optimiser. Defaults: initial training.

    Examples are numbered from 0 through the whole run; each is drawn from (seed, number) alone, so that neither the
    number of processes nor an interruption changes what is seen.
    """

    name: str
    model: AF2
    variant: str = "alphafold"  # which composition of modules is built, `training.recipes.variants`
    losses: LossWeights
    sampling: Sampling = field(default_factory=Sampling)
    optimiser: Optimiser = field(default_factory=Optimiser)
    num_steps: int = 78_125  # 10 million examples, Suppl. Table 4
    examples_per_step: int = 128  # Suppl. Table 4, over all processes
    examples_at_once: int = 1  # put through the network together; clipping then acts on their mean
    precision: str = "float32"  # or "bfloat16": products of the trunk, float32 elsewhere (Suppl. 1.11.8)
    is_checkpointed: bool = True  # activations are recomputed block by block, Suppl. 1.11.8
    seed: int = 0
