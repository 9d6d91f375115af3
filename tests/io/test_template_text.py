"""One chain of a deposition as text says what the whole file says of it."""

from pathlib import Path

import gemmi
import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.mmcif import parse_mmcif, read_mmcif
from foldwright.io.template_text import chain_text

INPUTS = Path(__file__).parents[1] / "oracles" / "af2" / "data" / "inputs"


@pytest.mark.parametrize(("file", "chain"), [("4i6p.cif", "A"), ("4i6p.cif", "B"), ("4zey.cif.gz", "A")])
def test_residues_and_atoms_stay_where_they_are(file, chain):
    whole = read_mmcif(INPUTS / file)
    cut = parse_mmcif(chain_text(INPUTS / file, chain), "cut")
    expected = whole.chain(chain)
    assert cut.chain_ids == (chain,)
    assert cut.sequence == expected.sequence
    np.testing.assert_array_equal(cut.positions, expected.positions)
    np.testing.assert_array_equal(cut.mask, expected.mask)
    assert cut.header == expected.header
    assert 0 < cut.mask.mean() < 1


def test_nothing_of_other_molecules_is_left():
    block = gemmi.cif.read_string(chain_text(INPUTS / "4i6p.cif", "B"))[0]
    assert set(block.find_values("_atom_site.auth_asym_id")) == {"B"}
    assert set(block.find_values("_atom_site.label_comp_id")) <= set(block.find_values("_chem_comp.id"))
    assert "HOH" not in set(block.find_values("_chem_comp.id"))
    assert len(block.find_mmcif_category("_entity.")) == 1


def test_only_the_first_model_is_kept(tmp_path):
    lines = [f"ATOM {i} N MET A 1 1 {x} 0 0 A {model} . N" for i, x, model in ((1, 1.0, 1), (2, 2.0, 1), (3, 9.0, 2))]
    tags = "group_PDB id type_symbol label_comp_id label_asym_id label_entity_id label_seq_id Cartn_x Cartn_y Cartn_z"
    tags = f"{tags} auth_asym_id pdbx_PDB_model_num label_alt_id label_atom_id"
    loop = "\n".join(["loop_", *(f"_atom_site.{tag}" for tag in tags.split()), *lines])
    (tmp_path / "x.cif").write_text(f"data_X\n{loop}\n")
    block = gemmi.cif.read_string(chain_text(tmp_path / "x.cif", "A"))[0]
    assert list(block.find_values("_atom_site.Cartn_x")) == ["1.0", "2.0"]


def test_a_chain_that_is_not_there_is_named():
    with pytest.raises(InputError, match="no polymer chain Z"):
        chain_text(INPUTS / "4i6p.cif", "Z")
