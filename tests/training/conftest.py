"""Examples made in memory, drawn by number like those of real chains; and a network small enough to train in a test."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from foldwright.chem.residues import sequence_to_aatype
from foldwright.features.af2 import ChainFeatures, Sampler, monomer_example
from foldwright.features.batch import AF2Batch, TensorGroup
from foldwright.features.structure import StructureLabels, structure_labels
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Heads, Recycling, StructureModule
from foldwright.training.objective_af2 import initial_training
from foldwright.training.recipe import Optimiser, Recipe, Sampling

NUM_CHAINS = 5


def small_recipe() -> Recipe:
    """One block of each kind on crops of 12 residues: a step takes some 50 ms."""
    return Recipe(
        name="small",
        model=AF2(
            features=FeatureSizes(num_clusters=4, num_extra=4, num_templates=0),
            trunk=Evoformer(
                num_blocks=1,
                c_m=16,
                c_z=16,
                c_s=16,
                msa_heads=2,
                c_msa_attention=4,
                pair_heads=2,
                c_pair_attention=4,
                c_triangle=8,
                c_outer=4,
            ),
            extra_msa=ExtraMSAStack(num_blocks=1, c_e=8, msa_heads=2, c_msa_attention=4),
            templates=None,
            structure=StructureModule(num_layers=2, heads=2, c_hidden=4, c_angles=8),
            heads=Heads(is_pae_predicted=False, c_plddt=8),
            recycling=Recycling(num_recycles=1),
        ),
        losses=initial_training(),
        sampling=Sampling(crop_size=12, max_passes=2),
        optimiser=Optimiser(warmup_examples=8, decay_after_examples=1000, ema_decay=0.9),
        num_steps=6,
        examples_per_step=4,
        is_checkpointed=False,
        seed=3,
    )


@dataclass
class MadeExample:
    """What `foldwright.training.data.examples.TrainingExample` holds, from a chain that was made up."""

    id: str
    passes: list[AF2Batch]
    labels: StructureLabels
    has_sidechains: torch.Tensor
    weight: torch.Tensor
    is_clamped: torch.Tensor
    truth: None = None  # no complex

    def to(self, device):
        groups = {"passes": [batch.to(device) for batch in self.passes], "labels": self.labels.to(device)}
        tensors = {name: getattr(self, name).to(device) for name in ("has_sidechains", "weight", "is_clamped")}
        return replace(self, **groups, **tensors)


class MadeExamples:
    """A few chains of random residues on random walks."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe

    def draw(self, number: int, num_passes: int) -> MadeExample:
        rng = np.random.default_rng([self.recipe.seed, number])
        chain = np.random.default_rng(int(rng.integers(NUM_CHAINS)))
        n = self.recipe.sampling.crop_size - int(chain.integers(3))
        sequence = "".join(chain.choice(list("ARNDCQEGHILKMFPSTWYV"), n))
        sampler = Sampler(
            monomer_example([ChainFeatures.of_sequence(sequence)]), self.recipe.model.features, False, number
        )
        walk = np.cumsum(chain.normal(size=(n, 3)) * 2.2, 0)[:, None] + chain.normal(size=(n, 37, 3))
        mask = torch.from_numpy((chain.random((n, 37)) < 0.9).astype(np.float32))
        positions = torch.from_numpy(walk.astype(np.float32)) * mask[..., None]
        labels = structure_labels(torch.from_numpy(sequence_to_aatype(sequence)), positions, mask, torch.tensor(2.0))
        return MadeExample(
            id=f"made_{number}",
            passes=[sampler.draw(cycle) for cycle in range(num_passes)],
            labels=labels,
            has_sidechains=torch.tensor(float(chain.integers(2))),
            weight=torch.tensor(float(n)).sqrt(),
            is_clamped=torch.tensor(float(rng.random() < 0.9)),
        )

    def collate(self, examples: list[MadeExample]) -> MadeExample:
        def stacked(groups: list[TensorGroup]):
            return type(groups[0]).collate(groups)

        tensors = ("has_sidechains", "weight", "is_clamped")
        return MadeExample(
            id=" ".join(example.id for example in examples),
            passes=[stacked(list(batches)) for batches in zip(*(e.passes for e in examples), strict=True)],
            labels=stacked([e.labels for e in examples]),
            **{name: torch.stack([getattr(e, name) for e in examples]) for name in tensors},
        )


@pytest.fixture(autouse=True)
def _one_thread():
    """On tensors this small several threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A recipe for tests; vary it with `dataclasses.replace`."""
    return small_recipe()


@pytest.fixture(scope="session")
def made_examples():
    """Examples for a recipe, from chains made in memory."""
    return MadeExamples
