"""The whole network: passes, structures and confidence are functions of the batch and of what is drawn outside."""

from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.features.af3.batch import AF3Batch, batch_from_arrays
from foldwright.features.af3.rows import draw_rows
from foldwright.models.af3.atom_encoder import PaperAtomPairEmbedder
from foldwright.models.af3.atom_transformer import PaperAtomTransformer
from foldwright.models.af3.config import (
    AF3,
    AtomAttention,
    Diffusion,
    Heads,
    MSAModule,
    Pairformer,
    PairSizes,
    Sampling,
    TemplateEmbedder,
)
from foldwright.models.af3.diffusion_conditioning import PaperDiffusionConditioning
from foldwright.models.af3.model import AF3Output, AlphaFold3, Parts
from foldwright.models.af3.pairformer import PaperPairBlock
from foldwright.models.af3.sampler import SeededDraws
from foldwright.nn.relative_position import PaperTokenRelativePosition

TINY = Path(__file__).parents[2] / "oracles" / "af3" / "batch_tiny.npz"
PAIR = PairSizes(c_z=16, c_triangle=8, heads=2, c_attention=4, transition_factor=2)
ATOMS = AtomAttention(num_blocks=1, heads=2, c_atom=8, c_atom_pair=4)
SMALL = AF3(
    atoms=ATOMS,
    templates=TemplateEmbedder(num_blocks=1, pair=PAIR),
    msa=MSAModule(num_blocks=1, c_m=8, c_outer=4, heads=2, c_value=4, pair=PAIR),
    pairformer=Pairformer(num_blocks=1, c_s=24, heads=2, pair=PAIR),
    diffusion=Diffusion(c_token=16, c_noise=256, num_blocks=2, heads=2, blocks_per_pair_bias=1, atoms=ATOMS),
    sampling=Sampling(num_samples=2, num_steps=3),
    heads=Heads(num_confidence_blocks=1),
)


@pytest.fixture
def batch() -> AF3Batch:
    with np.load(TINY, allow_pickle=False) as arrays:
        return batch_from_arrays(dict(arrays))


@pytest.fixture
def model() -> AlphaFold3:
    """Small, with no gate or output left at zero."""
    model = AlphaFold3(SMALL)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def run(model: AlphaFold3, batch: AF3Batch, samples: tuple[int, ...], passes: int = 2) -> AF3Output:
    orders = [draw_rows(batch.msa, 16, seed=3, cycle=i) for i in range(passes)]
    with torch.no_grad():
        return model(batch, orders, SeededDraws(3, samples, batch.tokens.mask.shape[-1]))


def test_a_run_is_repeatable_and_complete(model, batch):
    output = run(model, batch, (0, 1))
    for name, tensor in run(model, batch, (0, 1)).flat().items():
        assert torch.equal(tensor, output.flat()[name]), name
        assert tensor.isfinite().all(), name
    assert output.positions.shape == (2, 16, 24, 3)
    assert output.confidence.pae.shape == (2, 16, 16)
    assert output.positions.std() > 1
    assert output.confidence.plddt.std() > 0.1


def test_a_sample_does_not_depend_on_those_beside_it(model, batch):
    together, alone = run(model, batch, (0, 1)), run(model, batch, (1,))
    torch.testing.assert_close(together.positions[1], alone.positions[0], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(together.confidence.pae[1], alone.confidence.pae[0], atol=1e-3, rtol=1e-4)
    assert (together.positions[0] - together.positions[1]).abs().max() > 1


def test_another_pass_changes_the_trunk(model, batch):
    once, twice = run(model, batch, (0,), passes=1), run(model, batch, (0,), passes=2)
    assert (once.trunk.pair - twice.trunk.pair).abs().max() > 1e-2


def test_only_the_last_pass_is_differentiated(model, batch):
    orders = [draw_rows(batch.msa, 16, seed=3, cycle=i) for i in range(2)]
    first, last = model.passes(batch, model.input_features(batch), orders)
    assert not first.pair.requires_grad
    assert last.pair.requires_grad


PAPER = {
    "pair_block": PaperPairBlock,
    "atom_pair_embedder": PaperAtomPairEmbedder,
    "atom_transformer": PaperAtomTransformer,
    "relative_position": PaperTokenRelativePosition,
    "diffusion_conditioning": PaperDiffusionConditioning,
}


@pytest.mark.parametrize("part", PAPER)
def test_each_part_of_the_paper_takes_the_same_weights_and_computes_something_else(model, batch, part):
    other = AlphaFold3(SMALL, Parts(**{part: PAPER[part]}))
    other.load_state_dict(model.state_dict())
    used = {type(module) for module in other.modules()}
    assert PAPER[part] in used
    assert not used & (set(PAPER.values()) - {PAPER[part]})
    found, released = run(other.eval(), batch, (0,)), run(model, batch, (0,))
    assert found.positions.isfinite().all()
    assert not torch.equal(found.positions, released.positions)
