"""Reading mmCIF, against AlphaFold 2's parser (../shared/oracles/af2/data; commands in its README)."""

import json
from pathlib import Path

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.mmcif import read_mmcif
from foldwright.io.text import read_lines

# The file of entry 1psm that the oracle was made of (the first 16 digits of its SHA-256 are in data/index.json).
ENTRY_1PSM = "data/af3_inputs/openfold3/openfold3/tests/test_data/mmcifs/1psm.cif.gz"
SHARED = Path(__file__).parents[3] / "shared"

HEADER = """data_TEST
_entry.id TEST
loop_
_entity.id
_entity.type
1 polymer
_entity_poly.entity_id 1
_entity_poly.type 'polypeptide(L)'
loop_
_entity_poly_seq.entity_id
_entity_poly_seq.num
_entity_poly_seq.mon_id
1 1 GLY
1 2 ARG
1 3 SEP
1 4 ALA
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
"""


@pytest.mark.parametrize("source", ["4i6p.cif", "4zey.cif.gz", "2q2k.cif", "3u8v.cif", "3zee.cif"])
def test_chains_equal_deepmind(oracle, oracle_file, source):
    equals_deepmind(oracle, oracle_file, oracle_file(f"data/inputs/{source}"))


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / ENTRY_1PSM).exists(), reason="needs ../shared")
def test_the_first_model_of_an_nmr_entry_equals_deepmind(oracle, oracle_file):
    equals_deepmind(oracle, oracle_file, SHARED / ENTRY_1PSM)


def equals_deepmind(oracle, oracle_file, path):
    theirs = oracle(f"data/mmcif_{path.name[:4]}.npz")
    facts = json.loads("\n".join(read_lines(oracle_file("data/index.json.gz"))))[f"mmcif_{path.name[:4]}"]
    structure = read_mmcif(path)
    assert structure.header.method == facts["header"]["structure_method"]
    assert structure.header.release_date == facts["header"]["release_date"]
    assert structure.header.resolution == facts["header"]["resolution"]
    assert dict(zip(structure.chain_ids, structure.sequences, strict=True)) == facts["seqres"]
    for chain_id, expected in facts["chains"].items():
        chain = structure.chain(chain_id)
        np.testing.assert_array_equal(chain.mask, theirs[f"{chain_id}/mask"])
        np.testing.assert_array_equal(chain.positions, theirs[f"{chain_id}/pos"])
        assert np.flatnonzero(~chain.is_resolved).tolist() == expected["missing"]
        assert "".join("H" if het else " " for het in chain.is_hetero) == expected["hetflags"]
        for place, number, code in expected["auth"]:
            assert chain.author_numbers[place] == number
            assert chain.insertion_codes[place] == code.strip()
        assert 0 < chain.mask.mean() < 1


@pytest.fixture
def small(tmp_path):
    """ARG with its NH1 and NH2 exchanged and its CA in two places, SEP with a number of its own, GLY and ALA unseen."""
    atoms = """ATOM   1 C CA  A ARG A 1 2 ? 1 0 0 0.4 10 7 X 1
ATOM   2 C CA  B ARG A 1 2 ? 2 0 0 0.6 20 7 X 1
ATOM   3 C CD  . ARG A 1 2 ? 0 0 0 1.0 30 7 X 1
ATOM   4 N NH1 . ARG A 1 2 ? 0 4 0 1.0 40 7 X 1
ATOM   5 N NH2 . ARG A 1 2 ? 0 2 0 1.0 50 7 X 1
HETATM 6 C CA  A SEP A 1 3 B 5 0 0 0.5 60 7 X 1
HETATM 7 C CA  B SEP A 1 3 B 6 0 0 0.5 70 7 X 1
ATOM   8 C CA  . ARG A 1 2 ? 9 9 9 1.0 10 7 X 2
"""
    path = tmp_path / "small.cif"
    path.write_text(HEADER + atoms)
    return path


def test_modified_missing_and_alternative_residues(small):
    structure = read_mmcif(small)
    assert structure.chain_ids == ("X",)
    assert structure.sequence == "GRSA"
    assert structure.residue_names.tolist() == ["GLY", "ARG", "SEP", "ALA"]
    assert structure.is_resolved.tolist() == [False, True, True, False]
    assert structure.is_hetero.tolist() == [False, False, True, False]
    assert structure.insertion_codes.tolist() == ["", "", "B", ""]
    assert structure.author_numbers.tolist() == [6, 7, 7, 8]
    assert structure.positions[1:3, 1, 0].tolist() == [2, 5]  # the more occupied place, the first of equals
    assert structure.b_factors[1:3, 1].tolist() == [20, 60]
    nh1, nh2 = 29, 30
    assert structure.positions[1, [nh1, nh2], 1].tolist() == [2, 4]  # NH1 is the one nearer to CD
    assert structure.b_factors[1, [nh1, nh2]].tolist() == [50, 40]


def test_faults_are_named(tmp_path):
    for content, line, message in [
        ("data_a\nloop_\n_x.a\n_x.b\n1 2 3\n", 2, "cannot be read as a structure"),
        ("ATOM      1  N   GLY A   1\n", 1, "cannot be read as a structure"),
        ("data_a\n_cell.length_a 1\n", None, "holds no protein chain"),
        ("\n", None, "empty"),
    ]:
        path = tmp_path / "x.cif"
        path.write_text(content)
        with pytest.raises(InputError, match=message) as caught:
            read_mmcif(path)
        assert caught.value.line == line
        assert str(path) in str(caught.value)
        assert caught.value.remedy
