"""Heads against the released AlphaFold 3: ../shared/oracles/af3/modules/{confidence_head,distogram_head}.npz."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.features.af3.batch import batch_from_arrays
from foldwright.metrics.af3_scores import scores
from foldwright.models.af3.confidence import confidence, error_centres, tokens_of_both_chains
from foldwright.models.af3.confidence_head import ConfidenceHead
from foldwright.models.af3.config import AF3, Heads
from foldwright.models.af3.distogram import DistogramHead, contact_probabilities, distogram_edges
from foldwright.models.af3.scores import predicted_errors
from foldwright.weights import mapping
from foldwright.weights.deepmind_af3 import DISTOGRAM_HEAD, confidence_head
from foldwright.weights.rule import af3_rule_parameters

COMMITTED = Path(__file__).parents[2] / "oracles" / "af3"
SHARED = Path(__file__).parents[4] / "shared" / "oracles" / "af3"
ONE_BLOCK = AF3(heads=Heads(num_confidence_blocks=1))


def load(name: str) -> dict[str, np.ndarray]:
    path = next((folder / name for folder in (COMMITTED, SHARED) if (folder / name).exists()), None)
    if path is None:
        pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def filled(module, scope, table):
    table = {scope: ("", table)}
    mapping.load_arrays(module, table, af3_rule_parameters(mapping.manifest(module, table)))
    return module.double().eval()


def relative_error(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def head():
    return filled(ConfidenceHead(ONE_BLOCK), "confidence_head", confidence_head(ONE_BLOCK.confidence))


@pytest.fixture
def tiny():
    """A stored batch of 16 tokens with random representations and structure."""
    batch = batch_from_arrays(load("batch_tiny.npz")).to(torch.float64)
    n = batch.tokens.mask.shape[-1]
    sizes = ((n, ONE_BLOCK.c_target), (n, ONE_BLOCK.c_s), (n, n, ONE_BLOCK.c_z), (n, 24, 3))
    return batch, [torch.randn(size, dtype=torch.float64) for size in sizes]


@pytest.mark.shared
def test_the_confidence_head_equals_the_released_one(head):
    arrays = {key: torch.from_numpy(a) for key, a in load("modules/confidence_head.npz").items()}
    batch = batch_from_arrays(load("batch_e2e.npz"))
    inputs = [arrays[f"in/{name}"].double() for name in ("emb/target_feat", "emb/single", "emb/pair")]
    with torch.no_grad():
        logits = head(batch, *inputs, arrays["in/dense_atom_positions"].double())
    found = confidence(logits, batch.tokens)
    keep = batch.tokens.mask.bool()
    assert (~keep).sum() > 0
    pairs = keep[:, None] & keep
    names = {
        "full_pae": found.pae,
        "full_pde": found.pde,
        "tmscore_adjusted_pae_global": found.tm_global,
        "tmscore_adjusted_pae_interface": found.tm_interface,
    }
    for name, value in names.items():
        expected = arrays[f"out/{name}"]
        assert expected[pairs].std() > 1e-3
        assert relative_error(value[pairs], expected[pairs]) < 2e-6, name
    assert not found.pae[~pairs].any()
    assert relative_error(found.plddt[keep], arrays["out/predicted_lddt"][keep]) < 2e-6
    assert relative_error(found.resolved[keep], arrays["out/predicted_experimentally_resolved"][keep]) < 2e-6
    assert relative_error(found.average_pde, arrays["out/average_pde"]) < 2e-6


@pytest.mark.shared
def test_the_distogram_head_equals_the_released_one():
    head = filled(DistogramHead(128, 64), "distogram_head", DISTOGRAM_HEAD)
    arrays = {key: torch.from_numpy(a) for key, a in load("modules/distogram_head.npz").items()}
    with torch.no_grad():
        logits = head(arrays["in/pair"].double())
    edges = distogram_edges(Heads())
    assert relative_error(logits, arrays["out/distogram"]) < 1e-6
    torch.testing.assert_close(edges.float(), arrays["out/bin_edges"])
    mask = batch_from_arrays(load("batch_e2e.npz")).tokens.mask.double()
    assert relative_error(contact_probabilities(logits, edges, mask), arrays["out/contact_probs"]) < 1e-6


def test_contacts_are_the_bins_that_end_within_eight_angstrom():
    edges = distogram_edges(Heads())
    last = int((edges < 8.1).sum()) - 1
    assert edges[last] <= 8.001 < edges[last + 1]
    logits = torch.full((64,), -100.0, dtype=torch.float64)
    for bin, expected in ((last, 1.0), (last + 1, 0.0)):
        one = logits.clone()
        one[bin] = 100
        assert contact_probabilities(one[None, None], edges, torch.ones(1)).item() == pytest.approx(expected)


def test_the_pde_is_symmetric_and_the_pae_is_not(head, tiny):
    batch, inputs = tiny
    with torch.no_grad():
        logits = head(batch, *inputs)
    torch.testing.assert_close(logits.pde, logits.pde.transpose(0, 1))
    assert (logits.pae - logits.pae.transpose(0, 1)).abs().max() > 0.1


def test_another_structure_is_trusted_differently(head, tiny):
    batch, (*trunk, positions) = tiny
    with torch.no_grad():
        near, far = head(batch, *trunk, positions * 5), head(batch, *trunk, positions * 20)
    assert (near.pae - far.pae).abs().max() > 0.01


def test_a_turned_structure_is_trusted_as_much(head, tiny):
    batch, (*trunk, positions) = tiny
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    with torch.no_grad():
        one, other = head(batch, *trunk, positions * 8), head(batch, *trunk, positions * 8 @ turn + 3)
    torch.testing.assert_close(one.plddt, other.plddt)


def test_errors_are_between_the_edges_of_their_bins():
    centres = error_centres(64, 31.0)
    assert centres[0] == pytest.approx(0.25)
    assert centres[-1] == pytest.approx(31.75)
    assert len(centres) == 64


def test_an_interface_has_the_tokens_of_both_chains_and_a_chain_its_own(tiny):
    tokens = tiny[0].tokens
    asym = torch.tensor([1] * 5 + [2] * 7 + [0] * (len(tokens.mask) - 12))
    counts = tokens_of_both_chains(replace(tokens, asym_id=asym, mask=(asym > 0).double()))
    assert counts[0, 4] == 5
    assert counts[6, 11] == 7
    assert counts[0, 11] == counts[11, 0] == 12


def test_scores_leave_padding_out(head, tiny):
    batch, inputs = tiny
    asym = torch.where(torch.arange(len(batch.tokens.mask)) < 5, 1, 2)
    batch = replace(batch, tokens=replace(batch.tokens, asym_id=asym))
    real = int(batch.tokens.mask.sum())
    assert real < len(batch.tokens.mask)
    with torch.no_grad():
        found = confidence(head(batch, *inputs), batch.tokens)
    contacts = torch.rand_like(found.pae)
    errors = predicted_errors(batch, found, contacts)
    assert errors.pae.shape == (real, real)
    result = scores(errors)
    assert result.chain_pair_iptm.shape == (2, 2)
    assert 0 < result.iptm < 1
    assert 0 < result.ptm < 1
