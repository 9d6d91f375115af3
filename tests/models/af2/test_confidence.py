import pytest
import torch

from foldwright.models.af2 import confidence


@pytest.fixture
def logits():
    return 3 * torch.randn(24, 24, 64, dtype=torch.float64)


@pytest.fixture
def chains():
    return torch.tensor([1] * 9 + [2] * 8 + [3] * 7)


def test_confidence_equals_the_released_program(oracle):
    """geometry/confidence.npz: 79 residues, computed in float32; its pTM knows no mask."""
    case = {k: torch.as_tensor(v) for k, v in oracle("geometry/confidence.npz").items()}
    pae, asym_id = case["in/pae_logits"].double(), case["in/asym_id"]
    ones = torch.ones(len(asym_id), dtype=torch.float64)
    found = {
        "plddt": confidence.plddt(case["in/plddt_logits"].double()),
        "pae": confidence.predicted_aligned_error(pae),
        "max_pae": confidence.max_predicted_aligned_error(),
        "ptm": confidence.ptm(pae, ones),
        "iptm": confidence.iptm(pae, ones, asym_id),
    }
    for name, value in found.items():
        theirs = case[f"out/{name}"]
        torch.testing.assert_close(value, theirs.double(), atol=1e-6, rtol=1e-6)
    assert found["plddt"].std() > 1
    assert found["pae"].std() > 1


def test_padding_does_not_change_the_scores(logits, chains):
    mask = torch.ones(24).double()
    padded = torch.nn.functional.pad(logits, (0, 0, 0, 4, 0, 4), value=5.0)
    padded[..., 24:, 24:, 0] = 50  # confident nonsense among padding
    wider, more_chains = (torch.nn.functional.pad(x, (0, 4)) for x in (mask, chains))
    torch.testing.assert_close(confidence.ptm(padded, wider), confidence.ptm(logits, mask))
    torch.testing.assert_close(confidence.iptm(padded, wider, more_chains), confidence.iptm(logits, mask, chains))
    table = confidence.chain_pair_iptm(padded, wider, more_chains)
    torch.testing.assert_close(table, confidence.chain_pair_iptm(logits, mask, chains))
    # A mask of ones counts the padding, as the released program does.
    assert confidence.ptm(padded, torch.ones(28).double()) > confidence.ptm(padded, wider) + 0.05


def test_interface_score_sees_only_pairs_across_chains(logits, chains):
    mask = torch.ones(24).double()
    same = chains[:, None] == chains
    changed = torch.where(same[..., None], torch.randn_like(logits), logits)
    torch.testing.assert_close(confidence.iptm(changed, mask, chains), confidence.iptm(logits, mask, chains))
    assert confidence.ptm(changed, mask) != confidence.ptm(logits, mask)
    assert confidence.iptm(logits, mask, torch.ones_like(chains)) == 0


def test_scores_of_chains_are_those_of_the_chains_alone(logits, chains):
    mask = torch.ones(24).double()
    mask[3] = 0
    table = confidence.chain_pair_iptm(logits, mask, chains)
    torch.testing.assert_close(table, table.T)
    alone = chains == 2
    expected = confidence.ptm(logits[alone][:, alone], mask[alone])
    torch.testing.assert_close(table[1, 1], expected)
    both = chains != 2
    expected = confidence.iptm(logits[both][:, both], mask[both], chains[both])
    torch.testing.assert_close(table[0, 2], expected)
    assert table.shape == (3, 3)
    assert table.std() > 1e-4


def test_each_direction_of_two_chains_is_read_at_the_other(logits, chains):
    mask = torch.ones(24).double()
    mask[20] = 0
    table = confidence.directed_chain_pair_iptm(logits, mask, chains)
    assert (table - table.T).abs().max() > 1e-3
    first, second = chains == 1, (chains == 3) & (mask > 0)
    d0 = 1.24 * (19 - 15) ** (1 / 3) - 1.8  # 15 residues, counted as 19
    close = (logits.softmax(-1) / (1 + (confidence.pae_centres() / d0) ** 2)).sum(-1)
    torch.testing.assert_close(table[0, 2], close[first][:, second].mean(1).max())
    torch.testing.assert_close(table[2, 0], close[second][:, first].mean(1).max())
    torch.testing.assert_close(table.diagonal(), confidence.chain_ptm(logits, mask, chains))
