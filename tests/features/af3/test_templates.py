"""Templates of AlphaFold 3 jobs are the released program's, atom by atom."""

from dataclasses import replace

import numpy as np
import pytest

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.af3.templates import template_features
from foldwright.io.complexes.job import TemplateMapping


def test_every_array_is_the_released_one(each_af3_case):
    case = each_af3_case
    for key, array in template_features(case.chains, case.columns).items():
        assert array.dtype == case.arrays[key].dtype, key
        np.testing.assert_array_equal(array, case.arrays[key], err_msg=key)


@pytest.fixture
def case(af3_case):
    """A chain of 47 residues with two templates, and glycans."""
    return af3_case("glyco_template_seed1")


def test_the_stored_templates_have_gaps_and_missing_atoms(case):
    made = template_features(case.chains, case.columns)
    assert (made["template_aatype"] == GAP).any()
    mask = made["template_atom_mask"][0]
    assert 0 < mask[mask.any(axis=1)].mean() < 1
    assert made["template_atom_positions"].std() > 1


def test_copies_share_the_templates_of_the_first(case):
    chain = case.chains[0]
    columns = np.array([(i, j) for i in range(2) for j in range(len(chain.sequence))])
    made = template_features([chain, replace(chain, templates=())], columns)
    for array in made.values():
        first, second = np.split(array, 2, axis=1)
        np.testing.assert_array_equal(first, second)
        assert first.any()


def test_only_the_first_templates_have_a_slot(case):
    chain = replace(case.chains[0], templates=case.chains[0].templates * 3)
    made = template_features([chain], case.columns[case.columns[:, 0] == 0])["template_aatype"]
    assert len(made) == 4
    np.testing.assert_array_equal(made[:2], made[2:])


def test_a_template_without_aligned_residues_is_all_gaps(case):
    chain = replace(
        case.chains[0], templates=(replace(case.chains[0].templates[0], query_indices=(), template_indices=()),)
    )
    made = template_features([chain], case.columns[case.columns[:, 0] == 0])
    assert (made["template_aatype"][0] == GAP).all()
    assert not made["template_atom_mask"].any()


@pytest.mark.parametrize(
    ("query", "theirs", "message"),
    [
        ((0, 47), (0, 1), "residue 47 is not among the 47 of the query"),
        ((0, 1), (0, 99), "residue 99 is not among the 47 of the template"),
        ((0, -1), (0, 1), "residue -1"),
        ((0, 1), (0,), "queryIndices has 2 numbers, templateIndices has 1"),
    ],
)
def test_maps_beyond_a_sequence_are_refused(case, query, theirs, message):
    template = TemplateMapping(case.chains[0].templates[0].mmcif, query, theirs)
    with pytest.raises(InputError, match=message) as refused:
        template_features([replace(case.chains[0], templates=(template,))], case.columns[:47])
    assert "template 1 of chain A" in str(refused.value)


def test_text_that_is_no_structure_is_refused(case):
    template = TemplateMapping("data_1ABC\nloop_\n_atom_site.id\n", (0,), (0,))
    with pytest.raises(InputError, match="template 1 of chain A"):
        template_features([replace(case.chains[0], templates=(template,))], case.columns[:47])


def test_a_residue_of_unknown_type_repeats_its_first_atom(case):
    """As the released features do; others repeat it where they have no atom."""
    template = case.chains[0].templates[0]
    unknown = template.mmcif.replace("LYS", "UNK")
    assert unknown != template.mmcif
    chain = replace(case.chains[0], templates=(replace(template, mmcif=unknown),))
    made = template_features([chain], case.columns[case.columns[:, 0] == 0])
    is_unknown = (made["template_aatype"][0] == 20) & made["template_atom_mask"][0].any(axis=-1)
    assert is_unknown.any()
    positions = made["template_atom_positions"][0][is_unknown]
    np.testing.assert_array_equal(positions, np.repeat(positions[:, :1], 24, axis=1))
    assert positions.std() > 1
