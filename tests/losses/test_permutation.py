"""Equal chains of a complex get the true copy that they are meant to be."""

import pytest
import torch

from foldwright.geometry.rigid import Rigid
from foldwright.losses.permutation import Chains, align_chains


def random_motion():
    rotation = torch.linalg.qr(torch.randn(3, 3)).Q
    return Rigid(rotation * torch.linalg.det(rotation), 40 * torch.randn(3))


def complex_of(entities, lengths, spread=25.0):
    """A complex with one random shape per sequence, its copies moved about; entities: one number per chain."""
    shapes = {entity: 4 * torch.randn(lengths[entity], 3).cumsum(0) for entity in lengths}
    parts, asym, of, number = [], [], [], []
    for chain, entity in enumerate(entities, start=1):
        shape = shapes[entity] - shapes[entity].mean(0)
        turn = random_motion().rotation
        parts.append(shape @ turn.T + spread * torch.randn(3))
        asym += [chain] * len(shape)
        of += [entity] * len(shape)
        number += range(len(shape))
    positions = torch.cat(parts)
    return Chains(positions, torch.ones(len(positions)), torch.tensor(asym), torch.tensor(of), torch.tensor(number))


def relabelled(truth, order):
    """The same complex with chain i called order[i]: how a prediction may have them."""
    rows = torch.cat([(truth.asym_id == chain).nonzero().squeeze(-1) for chain in order])
    return truth._replace(positions=truth.positions[rows], mask=truth.mask[rows]), rows


@pytest.mark.parametrize(
    ("entities", "order"),
    [
        ([1, 1], [2, 1]),
        ([1, 1, 1, 1], [3, 1, 4, 2]),
        ([1, 1, 2, 2, 2], [2, 1, 5, 3, 4]),
        ([1, 2, 2, 2], [1, 4, 2, 3]),
    ],
)
def test_copies_are_found_however_they_are_ordered_and_moved(entities, order):
    truth = complex_of(entities, {1: 9, 2: 6})
    predicted, rows = relabelled(truth, order)
    moved = predicted._replace(positions=random_motion().apply(predicted.positions) + 0.3 * torch.randn(len(rows), 3))
    assert rows.tolist() != list(range(len(rows)))
    assert align_chains(moved, truth).tolist() == rows.tolist()


def test_a_crop_is_compared_with_the_same_residues_of_the_right_copies():
    truth = complex_of([1, 1, 2, 2, 2], {1: 12, 2: 8})
    predicted, rows = relabelled(truth, [2, 1, 4, 5, 3])
    # Parts of three chains, shuffled, with padding behind.
    keep = torch.cat([torch.arange(3, 9), torch.arange(14, 21), torch.arange(26, 31)])
    crop = Chains(*(torch.cat([x[keep], torch.zeros_like(x[:3])]) for x in predicted))
    found = align_chains(crop, truth)
    assert found[:-3].tolist() == rows[keep].tolist()
    assert (found[-3:] == len(truth.mask)).all()


def test_unknown_residues_have_no_say_in_the_choice():
    truth = complex_of([1, 1, 1], {1: 10})
    known = (torch.arange(30) % 10 > 4).float()
    truth = truth._replace(mask=known)
    predicted, rows = relabelled(truth, [3, 1, 2])
    junk = truth._replace(positions=torch.where(known[:, None] > 0, truth.positions, 1e3 * torch.randn(30, 3)))
    predicted = predicted._replace(mask=torch.ones(30))
    assert align_chains(predicted, junk).tolist() == rows.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_the_chain_without_copies_fixes_the_motion(seed):
    """Copies that are turned on the spot would mislead; the one chain of its kind does not."""
    torch.manual_seed(seed)
    truth = complex_of([1, 2, 2, 2, 2], {1: 9, 2: 7})
    predicted, rows = relabelled(truth, [1, 4, 5, 2, 3])
    for chain in (2, 3, 4, 5):
        own = predicted.asym_id == chain
        centre = predicted.positions[own].mean(0)
        predicted.positions[own] = (predicted.positions[own] - centre) @ random_motion().rotation.T + centre
    assert align_chains(predicted, truth).tolist() == rows.tolist()


def test_a_copy_that_was_not_resolved_is_taken_last():
    truth = complex_of([1, 1, 1], {1: 10})
    predicted, rows = relabelled(truth, [3, 1, 2])
    truth = truth._replace(mask=(truth.asym_id != 2).float())
    assert align_chains(predicted._replace(mask=torch.ones(30)), truth).tolist() == rows.tolist()


def test_residues_beyond_the_truth_are_compared_with_nothing():
    truth = complex_of([1, 2], {1: 7, 2: 5})
    longer = Chains(*(torch.cat([x, x[-1:]]) for x in truth))
    longer.residue_index[-1] = 40
    assert align_chains(longer, truth).tolist() == [*range(12), 12]


def test_nothing_known_gives_nothing_to_compare_with():
    truth = complex_of([1, 1], {1: 6})
    found = align_chains(truth, truth._replace(mask=torch.zeros(12)))
    assert (found == 12).all()


def test_a_wrong_assignment_is_worse():
    """The RMSD after the permutation is never above that of the order given."""
    truth = complex_of([1, 1, 1], {1: 8})
    predicted = complex_of([1, 1, 1], {1: 8})
    found = align_chains(predicted, truth)
    assert sorted(found.tolist()) == list(range(24))
    assert all(len(set(truth.asym_id[found[predicted.asym_id == chain]].tolist())) == 1 for chain in (1, 2, 3))
