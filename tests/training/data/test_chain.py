"""What a chain knows about itself, and its crops."""

import numpy as np


def test_a_crop_keeps_the_columns_of_its_residues(made_chain):
    chain = made_chain(20, rows=4, confidence=np.linspace(0, 1, 20, dtype=np.float32))
    for chosen in (np.arange(5, 13), np.array([2, 3, 9, 15])):
        part = chain.crop(chosen)
        assert part.sequence == "".join(chain.sequence[i] for i in chosen)
        assert part.alignment.query == part.sequence
        assert part.alignment.sequences[2] == "".join(chain.alignment.sequences[2][i] for i in chosen)
        np.testing.assert_array_equal(part.alignment.deletions, chain.alignment.deletions[:, chosen])
        np.testing.assert_array_equal(part.positions, chain.positions[chosen])
        np.testing.assert_array_equal(part.residue_index, chosen)
        np.testing.assert_array_equal(part.confidence, chain.confidence[chosen])


def test_unsure_residues_of_a_prediction_do_not_teach(made_chain):
    confidence = np.array([0.2, 0.5, 0.51, 0.9], np.float32)
    chain = made_chain(4, confidence=confidence)
    np.testing.assert_array_equal(chain.taught_mask.any(1), [False, False, True, True])
    np.testing.assert_array_equal(made_chain(4).taught_mask, made_chain(4).mask)


def test_a_break_is_where_no_peptide_bond_reaches(made_chain):
    whole, gap = made_chain(20), made_chain(20, missing=[7, 8, 9])
    assert whole.num_breaks == 0
    assert gap.num_breaks == 1
    apart = made_chain(20)
    apart.positions[12:] += 30
    assert apart.num_breaks == 1


def test_side_chains_are_known_where_any_atom_besides_n_ca_c_is(made_chain):
    assert made_chain(8).has_sidechains
    assert not made_chain(8, has_sidechains=False).has_sidechains
