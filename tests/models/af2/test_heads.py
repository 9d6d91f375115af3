import torch

from foldwright.models.af2.heads import DistogramHead, PLDDTHead, distogram_edges


def test_distances_are_the_same_in_both_directions():
    head = DistogramHead(c_z=6, num_bins=5)
    torch.nn.init.normal_(head.out.weight)
    logits = head(torch.randn(2, 4, 4, 6))
    assert logits.std() > 0.1
    torch.testing.assert_close(logits, logits.transpose(-2, -3))


def test_heads_start_undecided():
    assert PLDDTHead(c_s=6, c_hidden=4, num_bins=5)(torch.randn(3, 6)).abs().max() == 0


def test_distogram_edges_are_the_released_ones():
    """AF2 oracles: rec0/distogram_bin_edges, linspace(2.3125, 21.6875, 63)."""
    edges = distogram_edges()
    assert len(edges) == 63
    torch.testing.assert_close(edges[[0, 1, 62]], torch.tensor([2.3125, 2.625, 21.6875]).double())
