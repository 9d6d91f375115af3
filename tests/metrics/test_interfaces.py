"""Scores of the interface between two chains, on values worked out by hand or published."""

import math

import pytest
import torch

from foldwright.metrics.contacts import interface_contacts
from foldwright.metrics.ipsae import IpSAE, ipsae, ipsae_scale, iptm_of_pae
from foldwright.metrics.lis import local_interaction_area, local_interaction_score
from foldwright.metrics.pdockq import interface_plddt, pdockq, pdockq2
from foldwright.metrics.ptm import best_frame, closeness, expected_closeness, tm_scale

CLOSE = 1 / (1 + (4 / 1.0389) ** 2)  # error 4 with the d0 of 27 residues or fewer


def doubles(*rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture
def random_pae():
    return 30 * torch.rand(40, 50, dtype=torch.float64)


@pytest.mark.parametrize(
    ("residues", "scale"),
    # n0chn, n0dom, n0res and their d0 in Example/fold_5b8c_model_0_10_10.txt and the README of DunbrackLab/IPSAE
    [(259, 5.95), (232, 5.65), (240, 5.74), (120, 4.05), (111, 3.88), (1571, 12.57), (553, 8.29), (290, 6.26)],
)
def test_the_scale_of_ipsae_is_the_published_one(residues, scale):
    assert float(ipsae_scale(doubles(residues))) == pytest.approx(scale, abs=0.005)


def test_the_scale_of_ipsae_is_bounded_below():
    by_hand = 1.24 * 12 ** (1 / 3) - 1.8  # 27 residues
    assert ipsae_scale(doubles(0, 9, 27)).tolist() == pytest.approx([by_hand] * 3)
    assert ipsae_scale(doubles(28)) > by_hand


def test_the_scale_of_ptm_is_bounded_below():
    assert tm_scale(doubles(3, 19)).tolist() == pytest.approx([1.24 * 4 ** (1 / 3) - 1.8] * 2)
    assert float(tm_scale(doubles(140))) == pytest.approx(1.24 * 5 - 1.8)


def test_ipsae_by_hand():
    """Frame 2 sees two sure residues, frame 1 one surer; 15 is not counted, nor is the cutoff itself."""
    pae = doubles([0, 15, 10], [4, 4, 30])
    found = ipsae(pae, cutoff=10.0)
    assert found == pytest.approx(IpSAE(1.0, 1.0, 1.0))
    found = ipsae(pae[1:], cutoff=10.0)
    assert found.d0res == pytest.approx(CLOSE, rel=1e-3)


def test_ipsae_is_the_best_frame_under_each_of_three_lengths(random_pae):
    """The same by loops, one pair at a time."""
    found = ipsae(random_pae, cutoff=12.0)
    rows = [[e for e in row if e < 12] for row in random_pae.tolist()]
    columns = sum(any(e < 12 for e in column) for column in random_pae.T.tolist())
    domain = sum(map(bool, rows)) + columns

    def of_frame(errors, length):
        d0 = max(1.0, 1.24 * (max(length, 27) - 15) ** (1 / 3) - 1.8)
        return sum(1 / (1 + (e / d0) ** 2) for e in errors) / len(errors)

    assert found.d0res == pytest.approx(max(of_frame(row, len(row)) for row in rows if row))
    assert found.d0dom == pytest.approx(max(of_frame(row, domain) for row in rows if row))
    assert found.d0chn == pytest.approx(max(of_frame(row, 90) for row in rows if row))
    assert iptm_of_pae(random_pae) == pytest.approx(max(of_frame(row, 90) for row in random_pae.tolist()))
    assert 0 < found.d0res < found.d0dom <= found.d0chn < 1
    assert found != ipsae(random_pae.T, cutoff=12.0)


def test_a_pair_without_sure_residues_has_no_ipsae():
    assert ipsae(torch.full((5, 6), 20.0)) == (0, 0, 0)
    assert iptm_of_pae(torch.full((5, 6), 20.0)) > 0


def test_a_disordered_tail_lowers_iptm_but_not_ipsae(random_pae):
    sure = random_pae / 10
    tail = torch.cat([sure, torch.full((40, 200), 28.0, dtype=torch.float64)], dim=1)
    assert ipsae(tail).d0res == pytest.approx(ipsae(sure).d0res)
    assert iptm_of_pae(tail) < 0.6 * iptm_of_pae(sure)


def test_lis_by_hand():
    """Kim et al.: 1 - PAE / 12 over the pairs below 12, here 1, 1/2 and 1/4."""
    pae = doubles([0, 6, 12], [9, 30, 13])
    assert local_interaction_score(pae) == pytest.approx((1 + 0.5 + 0.25) / 3)
    assert local_interaction_area(pae) == 3
    assert local_interaction_score(pae[:, 2:]) == 0


def test_contacts_are_pairs_of_known_residues_within_the_cutoff():
    first, second = doubles([0, 0, 0], [100, 0, 0], [0, 0, 0]), doubles([0, 8, 0], [0, 0, 8.01], [100, 0, 3])
    found = interface_contacts(first, torch.tensor([1.0, 1, 0]), second, torch.ones(3))
    assert found.tolist() == [[True, False, False], [False, False, True], [False, False, False]]


def test_pdockq_by_hand():
    """Three contacts of two and two residues: x = 85 log10 3."""
    contacts = torch.tensor([[True, True], [False, True], [False, False]])
    plddt, other = doubles(90, 70, 10), doubles(80, 100)
    assert interface_plddt(plddt, other, contacts) == 85
    x = 85 * math.log10(3)
    assert pdockq(plddt, other, contacts) == pytest.approx(0.724 / (1 + math.exp(-0.052 * (x - 152.611))) + 0.018)
    # A hundred contacts at pLDDT 90: x = 180, most of the way up the published sigmoid.
    many = torch.ones(10, 10, dtype=torch.bool)
    sure = torch.full((10,), 90.0)
    assert pdockq(sure, sure, many) == pytest.approx(0.6015, abs=1e-4)
    assert pdockq(sure, sure, ~many) == 0
    assert pdockq(sure, sure, torch.eye(10, dtype=torch.bool)) < 0.2


def test_pdockq2_by_hand():
    """Errors of 0 and 10 add 1 and 1/2, so x = 90 x 3/4; the error of a pair without contact does not count."""
    contacts = torch.tensor([[True, True, False]])
    plddt, other, pae = doubles(90), doubles(90, 90, 0), doubles([0, 10, 30])
    expected = 1.31 / (1 + math.exp(-0.075 * (67.5 - 84.733))) + 0.005
    assert pdockq2(plddt, other, contacts, pae) == pytest.approx(expected)
    assert expected == pytest.approx(0.287, abs=1e-3)
    assert pdockq2(plddt, other, torch.zeros_like(contacts), pae) == 0


def test_expected_closeness_is_the_mean_over_the_predicted_errors():
    logits = doubles([[0, 0], [math.log(3), 0]])  # one row, two columns: half and half, three to one
    found = expected_closeness(logits, torch.tensor([0.0, 5.0]), torch.tensor(5.0))
    assert found.tolist() == [[pytest.approx(0.75), pytest.approx(0.875)]]
    assert float(closeness(doubles(5), 5.0)) == 0.5


def test_the_best_frame_is_the_row_of_the_highest_mean_over_what_counts():
    values, counted = doubles([0.9, 0.1, 0.2], [0.5, 0.6, 0.7]), doubles([1, 1, 0], [0, 1, 1])
    assert float(best_frame(values, counted)) == pytest.approx(0.65)
