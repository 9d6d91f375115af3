"""Structures of relatives over the columns of the query."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.chem.residues import GAP, HHBLITS_TO_RESTYPE
from foldwright.errors import InputError
from foldwright.features import templates as t
from foldwright.features.structure import pseudo_beta
from foldwright.io.job import TemplateInput
from foldwright.io.mmcif import read_mmcif
from foldwright.io.pdb import write_pdb
from foldwright.io.structure_files import read_structure


@pytest.fixture
def structure(oracle_file):
    return read_mmcif(oracle_file("data/inputs/4i6p.cif"))


def test_template_features_equal_deepmind(oracle, structure):
    """Arrays: data/template_features_4i6p.npz (4i6p chain A with a given mapping)."""
    case = oracle("data/template_features_4i6p.npz")
    query, aligned = str(case["in_query"]), str(case["in_template_sequence"])
    chain = structure.chain(str(case["chain"]))
    offset = chain.sequence.index(aligned)
    mapping = {int(column): int(place) + offset for column, place in case["in_mapping"]}
    template = t.template_of_chain(chain, mapping, len(query))
    assert 0 < template.atom_mask.mean() < 1
    np.testing.assert_array_equal(template.positions[0], case["template_all_atom_positions"])
    np.testing.assert_array_equal(template.atom_mask[0], case["template_all_atom_masks"])
    np.testing.assert_array_equal(template.aatype[0], HHBLITS_TO_RESTYPE[case["template_aatype"].argmax(-1)])
    assert template.mask.tolist() == [1]


def test_template_pseudo_beta_equals_deepmind(oracle):
    """Arrays: data/tf_features_mask.npz; the fourth slot is empty, there residue type 0 (monomer: its mask is 0)."""
    case = oracle("data/tf_features_mask.npz")
    aatype = torch.from_numpy(case["out/template_aatype"][0]).long()
    assert torch.equal(aatype[:3], torch.from_numpy(HHBLITS_TO_RESTYPE[case["in/template_aatype"].argmax(-1)]))
    positions = torch.from_numpy(case["out/template_all_atom_positions"][0])
    beta, mask = pseudo_beta(aatype, positions, torch.from_numpy(case["out/template_all_atom_masks"][0]))
    np.testing.assert_array_equal(mask, case["out/template_pseudo_beta_mask"][0])
    np.testing.assert_allclose(beta, case["out/template_pseudo_beta"][0], atol=1e-6)
    assert beta.std() > 1


def test_a_template_without_coordinates_is_refused(structure):
    chain = structure.chain("A")
    unseen = int(np.flatnonzero(~chain.is_resolved)[0])
    with pytest.raises(InputError, match="none of the 1 aligned residues"):
        t.template_of_chain(chain, {0: unseen}, 5)
    bare = replace(chain, mask=chain.mask * 0)
    with pytest.raises(InputError, match="has coordinates"):
        t.template_of_chain(bare, {i: i for i in range(80)}, 80)


def test_a_chosen_structure_is_aligned_by_sequence(structure, oracle_file):
    sequence = structure.chain("B").sequence
    query = "GGGGSS" + sequence[8:40] + sequence[52:80]
    path = oracle_file("data/inputs/4i6p.cif")
    template, same = t.templates_given([query, query], TemplateInput(path), structure)
    assert template is not None
    assert same is not None
    chain, _ = t.nearest_chain(query, structure)
    torch.testing.assert_close(template.positions[0, 6:38], torch.from_numpy(chain.positions[8:40]))
    torch.testing.assert_close(template.positions[0, 38:], torch.from_numpy(chain.positions[52:80]))
    assert torch.equal(same.aatype, template.aatype)


def test_a_structure_is_laid_only_over_chains_that_it_resembles(structure, oracle_file):
    path = oracle_file("data/inputs/4i6p.cif")
    other = "MGSSHHHHHHSSGLVPGSHMDKKETKHLLKIKKEDYPQIFDFLENVPRGTKTAHIREALRRYIEEIGENP"  # 2q2k
    found = t.templates_given([other, structure.sequences[0]], TemplateInput(path), structure)
    assert found[0] is None
    assert found[1] is not None
    with pytest.raises(InputError, match=r"4i6p.cif: no chain resembles the sequence"):
        t.templates_given([other], TemplateInput(path), structure)


def test_alignment_leaves_out_single_residues_between_gaps():
    match = t.align("AAAACFGRTRVVVPCGD", "GPGSEFKVTVCFGRTRVVVPCGDGRMKVFSD")
    assert match.mapping == {i: i + 6 for i in match.mapping}
    assert set(range(4, 16)) <= set(match.mapping)


def random_templates(num_slots, num_residues):
    return t.Templates(
        aatype=torch.randint(0, 20, (num_slots, num_residues)),
        positions=torch.randn(num_slots, num_residues, 37, 3),
        atom_mask=torch.ones(num_slots, num_residues, 37),
        mask=torch.ones(num_slots),
    )


def test_chains_of_a_complex_keep_their_templates_over_their_columns():
    a, b = random_templates(2, 5), random_templates(1, 3)
    both = t.side_by_side([a, None, b], [5, 4, 3], absent=GAP)
    assert both is not None
    assert both.mask.tolist() == [1, 1]
    torch.testing.assert_close(both.positions[:, :5], a.positions)
    torch.testing.assert_close(both.positions[:1, 9:], b.positions)
    assert (both.aatype[:, 5:9] == GAP).all()
    assert both.atom_mask[:, 5:9].sum() == both.atom_mask[1, 5:].sum() == 0
    assert t.side_by_side([None, None], [5, 4], absent=GAP) is None


def test_slots_are_cut_and_filled():
    three = random_templates(3, 5)
    assert t.first_slots(three, 2, fill=False).mask.tolist() == [1, 1]
    assert t.first_slots(three, 4, fill=False).mask.tolist() == [1, 1, 1]
    filled = t.first_slots(three, 4, fill=True)
    assert filled.mask.tolist() == [1, 1, 1, 0]
    assert filled.positions[3].abs().sum() == filled.aatype[3].sum() == 0
    stacked = t.stack([three, three])
    assert stacked is not None
    assert stacked.aatype.shape == (6, 5)
    assert t.stack([]) is None


def test_a_map_lays_residues_over_columns_as_it_says(structure, oracle_file):
    path = oracle_file("data/inputs/4i6p.cif")
    mapping = ((0, 40), (1, 20), (7, 30))
    (template,) = t.templates_given(["G" * 9], TemplateInput(path, "B", mapping), structure)
    assert template is not None
    chain = structure.chain("B")
    assert (template.aatype[0] != GAP).nonzero().flatten().tolist() == [0, 1, 7]
    torch.testing.assert_close(template.positions[0, [0, 1, 7]], torch.from_numpy(chain.positions[[40, 20, 30]]))


@pytest.mark.parametrize(
    ("chain", "mapping", "message"),
    [
        ("Q", None, "there is no protein chain Q. Its chains are A, B"),
        (None, ((0, 0),), "the map does not say of which chain it speaks: there are A, B"),
        ("A", ((9, 0),), r"residue 9 \(counted from 0\) of the map is beyond the 9 of the sequence"),
        ("A", ((0, 500),), r"residue 500 \(counted from 0\) of the map is beyond the \d+ of the chain"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(structure, chain, mapping, message):
    with pytest.raises(InputError, match=message):
        t.templates_given(["G" * 9], TemplateInput(Path("x.cif"), chain, mapping), structure)


def test_a_named_chain_is_taken_though_another_is_nearer(structure):
    chain = structure.chain("B")
    query = chain.sequence[5:80]
    (template,) = t.templates_given([query], TemplateInput(Path("x.cif"), "B"), structure)
    assert template is not None
    torch.testing.assert_close(template.positions[0], torch.from_numpy(chain.positions[5:80]))


def test_a_chain_of_a_pdb_file_is_laid_over_the_query(structure, tmp_path):
    write_pdb(tmp_path / "x.pdb", structure)
    query = structure.chain("A").sequence[5:80]
    (template,) = t.templates_given([query], TemplateInput(Path("x.pdb"), "A"), read_structure(tmp_path / "x.pdb"))
    assert template is not None
    assert 0 < template.atom_mask.mean() < 1
    expected = torch.from_numpy(structure.chain("A").positions[5:80])
    torch.testing.assert_close(template.positions[0], expected, atol=6e-4, rtol=0)
