"""The trunk and its layers against the released AlphaFold 3: ../shared/oracles/af3/modules, rule parameters."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from foldwright.features.af3.batch import AF3Batch, AF3Templates, Bonds, Gather, batch_from_arrays
from foldwright.models.af3 import templates as template_features
from foldwright.models.af3.config import AF3, MSAModule, Pairformer, PairSizes, TemplateEmbedder
from foldwright.models.af3.config import template_pair_sizes as template_sizes
from foldwright.models.af3.embed import bonded, sequence_features
from foldwright.models.af3.msa_module import MSAModuleBlock, msa_features
from foldwright.models.af3.pairformer import PairBlock, PairformerBlock, PaperPairBlock
from foldwright.models.af3.presets import preset
from foldwright.models.af3.templates import TemplateEmbedder as Templates
from foldwright.models.af3.templates import pairs
from foldwright.models.af3.trunk import Trunk, TrunkState
from foldwright.nn.relative_position import token_relations
from foldwright.nn.transition import SwiGLUTransition
from foldwright.weights import mapping
from foldwright.weights.deepmind_af3 import TRANSITION, msa_block, pair_block, pairformer_block
from foldwright.weights.deepmind_af3 import trunk as trunk_table
from foldwright.weights.mapping import Table
from foldwright.weights.rule import af3_rule_parameters

ORACLES = (Path(__file__).parents[2] / "oracles" / "af3", Path(__file__).parents[4] / "shared" / "oracles" / "af3")


def oracle(name: str, folders: Sequence[Path] = ORACLES) -> dict[str, Tensor]:
    path = next((folder / name for folder in folders if (folder / name).exists()), None)
    if path is None:
        pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")
    with np.load(path, allow_pickle=False) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def batch_of(name: str) -> AF3Batch:
    return batch_from_arrays({key: x.numpy() for key, x in oracle(name).items()})


@pytest.fixture
def batch() -> AF3Batch:
    """57 tokens, padded to 64: two chains of protein, glycan, ligand; templates with holes."""
    return batch_of("batch_e2e.npz")


def filled(module: torch.nn.Module, scope: str, table: Table) -> torch.nn.Module:
    """The module with the parameters that the rule makes of the names of its arrays."""
    whole: Table = {scope: ("", table)}
    mapping.load_arrays(module, whole, af3_rule_parameters(mapping.manifest(module, whole)))
    return module.eval()


def relative_error(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    assert expected.double().std() > 1e-2
    return float((found.double() - expected.double()).norm() / expected.double().norm())


PAIR, MSA, BODY = PairSizes(), MSAModule(), Pairformer()


@pytest.mark.parametrize(
    ("name", "layer", "scope", "table", "inputs", "outputs"),
    [
        ("transition_noglu", SwiGLUTransition(128), "pair_transition", TRANSITION, ("act",), ("out",)),
        (
            "pairformer_iteration_template",
            PairBlock(template_sizes()),
            "template_embedding_iteration",
            pair_block(template_sizes()),
            ("act", "pair_mask"),
            ("out",),
        ),
        (
            "pairformer_iteration",
            PairformerBlock(BODY),
            "trunk_pairformer",
            pairformer_block(BODY),
            ("single_act", "act", "seq_mask", "pair_mask"),
            ("out/1", "out/0"),
        ),
        (
            "evoformer_iteration",
            MSAModuleBlock(MSA),
            "msa_stack",
            msa_block(MSA),
            ("msa", "pair", "msa_mask", "pair_mask"),
            ("out/msa", "out/pair"),
        ),
    ],
    ids=lambda x: x if isinstance(x, str) and "_" in x else "",
)
def test_blocks_equal_the_released_program(name, layer, scope, table, inputs, outputs):
    case = oracle(f"modules/{name}.npz")
    arguments = [case[f"in/{x}"].double() for x in inputs]
    assert all(0 < x.mean() < 1 for x in arguments if set(x.unique().tolist()) <= {0.0, 1.0})
    with torch.no_grad():
        found = filled(layer, scope, table).double()(*arguments)
    for value, key in zip(found if isinstance(found, tuple) else (found,), outputs, strict=True):
        assert relative_error(value, case[key]) < 1e-6, key


def test_the_ending_node_of_the_paper_is_another_equation():
    case = oracle("modules/pairformer_iteration_template.npz")
    layer = filled(PaperPairBlock(template_sizes()), "template_embedding_iteration", pair_block(template_sizes()))
    with torch.no_grad():
        found = layer(case["in/act"], case["in/pair_mask"])
    assert relative_error(found, case["out"]) > 1e-2


def test_features_equal_the_released_program(batch):
    tokens = batch.tokens
    found = {
        "msa_feat": msa_features(batch.msa),
        "target_feat_raw": sequence_features(tokens, batch.msa),
        "relative_encoding": token_relations(
            tokens.residue_index, tokens.token_index, tokens.asym_id, tokens.entity_id, tokens.sym_id
        ),
    }
    for name, value in found.items():
        assert relative_error(value, oracle(f"modules/{name}.npz")["out"]) < 1e-7, name


def test_template_features_equal_the_released_program(batch):
    case = oracle("modules/template_features.npz")
    apart = ~torch.eye(64, dtype=torch.bool)
    slots = list(template_features.slots(batch.templates))
    for number in range(2):
        slot = slots[number]
        beta, has_beta = template_features.pseudo_beta(slot)
        frames, has_backbone = template_features.backbone_frames(slot)
        bins = template_features.distance_bins(beta, *template_features.DISTANCE_EDGES)
        for name, value in (
            ("pseudo_beta", beta),
            ("pseudo_beta_mask", has_beta),
            ("backbone_mask", has_backbone),
            ("dgram", bins),
        ):
            torch.testing.assert_close(value[0], case[f"out/{number}/{name}"])
        assert 0 < has_backbone.mean() < 1
        # On the diagonal the released program normalises its rounding noise; ours is zero there.
        vectors = template_features.unit_vectors(frames)[0]
        assert relative_error(vectors[apart], case[f"out/{number}/unit_vector"][apart]) < 1e-5
        assert vectors[~apart].abs().max() < 1e-3


def test_bonds_are_listed_one_way_and_not_at_the_first_token():
    def listed(*found):
        indices = torch.tensor([*found, (0, 0)])
        return Gather(indices=indices, mask=(indices != 0).any(-1, keepdim=True).expand(-1, 2))

    matrix = bonded(Bonds(polymer_ligand=listed((1, 3)), ligand_ligand=listed((2, 3), (3, 2), (1, 3))), 5)
    assert matrix.nonzero().tolist() == [[1, 3], [2, 3], [3, 2]]
    assert matrix.max() == 1


def small(num_templates: int = 1) -> AF3:
    pair = PairSizes(c_z=16, c_triangle=8, heads=2, c_attention=4, transition_factor=2)
    return AF3(
        templates=TemplateEmbedder(num_blocks=num_templates, pair=replace(pair, c_z=8)),
        msa=MSAModule(num_blocks=1, c_m=8, c_outer=4, heads=2, c_value=4, pair=pair),
        pairformer=Pairformer(num_blocks=1, c_s=24, heads=2, pair=pair),
    )


def awake(module: torch.nn.Module) -> torch.nn.Module:
    """The module in float64 with no gate or output left at zero."""
    for parameter in module.double().parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.eval()


def unpadded(batch: AF3Batch, n: int) -> AF3Batch:
    """The trunk's part of the batch, cut to its first n tokens."""
    rows = batch.msa
    bonds = Bonds(
        polymer_ligand=Gather(indices=batch.bonds.polymer_ligand.indices[:n], mask=batch.bonds.polymer_ligand.mask[:n]),
        ligand_ligand=batch.bonds.ligand_ligand,
    )
    return replace(
        batch,
        tokens=batch.tokens.map(lambda x: x[:n]),
        msa=replace(
            rows,
            rows=rows.rows[:2, :n],
            deletions=rows.deletions[:2, :n],
            mask=rows.mask[:2, :n],
            profile=rows.profile[:n],
            deletion_mean=rows.deletion_mean[:n],
        ),
        templates=AF3Templates(
            aatype=batch.templates.aatype[:, :n],
            positions=batch.templates.positions[:, :n],
            mask=batch.templates.mask[:, :n],
        ),
        bonds=bonds,
    )


def test_padding_changes_no_real_token_of_the_trunk():
    whole = batch_of("batch_tiny.npz").to(torch.float64)
    n = int(whole.tokens.mask.sum())
    trunk, config = awake(Trunk(small())), small()
    feat = torch.randn(16, config.c_target).double()
    state = TrunkState(single=torch.randn(16, 24).double(), pair=torch.randn(16, 16, 16).double())
    with torch.no_grad():
        padded = trunk(whole, feat, state)
        plain = trunk(unpadded(whole, n), feat[:n], TrunkState(single=state.single[:n], pair=state.pair[:n, :n]))
    torch.testing.assert_close(padded.single[:n], plain.single)
    torch.testing.assert_close(padded.pair[:n, :n], plain.pair)
    assert 0 < whole.tokens.mask.mean() < 1
    assert plain.pair.std() > 1e-2


def test_a_batch_of_inputs_is_its_items():
    one = batch_of("batch_tiny.npz").to(torch.float64)
    other = replace(one, tokens=replace(one.tokens, mask=one.tokens.mask * (one.tokens.token_index < 9)))
    trunk, config = awake(Trunk(small())), small()
    feat = torch.randn(2, 16, config.c_target).double()
    state = TrunkState(single=torch.randn(2, 16, 24).double(), pair=torch.randn(2, 16, 16, 16).double())
    with torch.no_grad():
        both = trunk(AF3Batch.collate([one, other]), feat, state)
        for i, item in enumerate((one, other)):
            alone = trunk(item, feat[i], TrunkState(single=state.single[i], pair=state.pair[i]))
            torch.testing.assert_close(both.pair[i], alone.pair)
            torch.testing.assert_close(both.single[i], alone.single)
    assert (both.pair[0] - both.pair[1]).abs().max() > 1e-2


def test_recycling_nothing_still_adds_the_offset_of_its_norm():
    trunk = awake(Trunk(small()))
    s, z = trunk.recycling_embedder(torch.zeros(3, 24).double(), torch.zeros(3, 3, 16).double())
    assert s.abs().max() > 1e-2
    torch.testing.assert_close(z, z[:1, :1].expand(3, 3, 16))


def test_an_empty_template_slot_still_counts():
    config = small()
    embedder = awake(Templates(config.templates, config.c_z))
    batch = batch_of("batch_tiny.npz").to(torch.float64)
    z, mask = torch.randn(16, 16, 16).double(), pairs(batch.tokens.mask)
    assert batch.templates.mask.max() == 0
    with torch.no_grad():
        out = embedder(z, batch.templates, batch.tokens.asym_id, mask)
    assert out.std() > 1e-2


def test_known_presets_are_named():
    config = preset("af3")
    assert (config.c_target, config.confidence.num_blocks, config.pairformer.num_blocks) == (447, 4, 48)
    with pytest.raises(ValueError, match="af3"):
        preset("af4")


@pytest.mark.shared
def test_both_passes_of_the_trunk_equal_the_released_program():
    """single/outputs.npz: 26 tokens without templates, padded to 32; two passes, rows as the program drew them."""
    stored = oracle("single/outputs.npz", ORACLES[1:])  # the committed copy is without pairs
    batch = batch_of("single/batch.npz")
    config = AF3(
        templates=TemplateEmbedder(num_blocks=1), msa=MSAModule(num_blocks=1), pairformer=Pairformer(num_blocks=2)
    )
    trunk = filled(Trunk(config), "diffuser/evoformer", trunk_table(config))
    real = batch.tokens.mask.bool()
    both = pairs(batch.tokens.mask).bool()
    state = TrunkState.zeros(batch.tokens.mask, config.c_s, config.c_z)
    for order, prefix in zip(stored["rand/msa_perm"].long(), ("out_recycle0", "out"), strict=True):
        with torch.no_grad():
            state = trunk(replace(batch, msa=batch.msa.take(order[:16])), stored["out/target_feat"], state)
        assert relative_error(state.single[real], stored[f"{prefix}/single_embeddings"][real]) < 1e-5
        assert relative_error(state.pair[both], stored[f"{prefix}/pair_embeddings"][both]) < 1e-5
    assert 0 < real.float().mean() < 1
