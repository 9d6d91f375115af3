"""The one structure class, and its way through files and back."""

from collections import Counter

import gemmi
import numpy as np
import pytest

from foldwright.chem.atoms import ATOM14_NAMES, ATOM_INDEX
from foldwright.chem.residues import ONE_TO_THREE
from foldwright.errors import InputError
from foldwright.io.mmcif import read_mmcif
from foldwright.io.modelcif import ModelDetails, modelcif_text, write_modelcif
from foldwright.io.pdb import pdb_text, read_pdb, write_pdb
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure

SEQUENCES = ("ACDEFGHIKLMNPQRSTVWY", "GRX", "GRX")


def predicted(sequences=SEQUENCES, **arguments):
    """What a network would return for these chains: every heavy atom, somewhere."""
    letters = "".join(sequences)
    rng = np.random.default_rng(1)
    mask = np.zeros((len(letters), 37), np.float32)
    for row, letter in zip(mask, letters, strict=True):
        names = ATOM14_NAMES[ONE_TO_THREE[letter]] if letter != "X" else ("N", "CA", "C", "O")
        row[[ATOM_INDEX[name] for name in names]] = 1
    positions = rng.uniform(-90, 90, (len(letters), 37, 3)).round(3)
    positions[:, ATOM_INDEX["NH1"]] = positions[:, ATOM_INDEX["CD"]] + [0.5, 0, 0]  # as IUPAC names the nearer one
    return Structure.of_sequences(sequences, positions, mask, rng.uniform(0, 100, len(letters)).round(2), **arguments)


@pytest.mark.parametrize("kind", ["x.cif", "x.pdb"])
def test_a_prediction_comes_back_from_its_file(tmp_path, kind):
    structure = predicted(name="job")
    write = write_modelcif if kind == "x.cif" else write_pdb
    write(tmp_path / kind, structure)
    back = read_structure(tmp_path / kind)
    assert back.chain_ids == ("A", "B", "C")
    assert back.sequences == SEQUENCES
    np.testing.assert_array_equal(back.mask, structure.mask)
    np.testing.assert_allclose(back.positions, structure.positions, atol=1e-4)
    np.testing.assert_allclose(back.b_factors, structure.b_factors, atol=1e-4)
    np.testing.assert_array_equal(back.author_numbers, structure.author_numbers)
    assert 0 < back.mask.mean() < 1


@pytest.mark.parametrize("kind", ["x.cif", "x.pdb"])
def test_a_deposition_comes_back_with_what_was_not_seen(tmp_path, oracle_file, kind):
    for source in ("4zey.cif.gz", "4i6p.cif"):
        structure = read_mmcif(oracle_file(f"data/inputs/{source}"))
        (write_modelcif if kind == "x.cif" else write_pdb)(tmp_path / kind, structure)
        back = read_structure(tmp_path / kind)
        assert back.sequences == structure.sequences
        for name in ("mask", "residue_names", "is_hetero", "insertion_codes", "residue_index", "positions"):
            np.testing.assert_array_equal(getattr(back, name), getattr(structure, name), err_msg=name)
        seen = structure.is_resolved
        np.testing.assert_array_equal(back.author_numbers[seen], structure.author_numbers[seen])
        assert source != "4i6p.cif" or not seen.all()
        assert source == "4i6p.cif" or "MSE" in structure.residue_names


def test_modelcif_has_the_categories_of_the_alphafold_database():
    details = ModelDetails(model="model_1, seed 3", metrics={"pTM": 0.81, "ipTM": 0.5}, has_templates=True)
    structure = predicted(name="a job")
    block = gemmi.cif.read_string(modelcif_text(structure, details))[0]
    rows = {
        name: len(block.get_mmcif_category(name)[next(iter(block.get_mmcif_category(name)))])
        for name in block.get_mmcif_category_names()
    }
    assert rows["_entity."] == 2
    assert rows["_struct_asym."] == rows["_ma_target_entity_instance."] == 3
    assert rows["_entity_poly_seq."] == 23
    assert rows["_pdbx_poly_seq_scheme."] == rows["_ma_qa_metric_local."] == 26
    assert rows["_ma_protocol_step."] == 3
    assert rows["_ma_qa_metric."] == 4
    assert {"_ma_data.", "_ma_model_list.", "_ma_software_group.", "_ma_target_entity.", "_software."} <= set(rows)
    local = np.array(block.find_values("_ma_qa_metric_local.metric_value"), float)
    np.testing.assert_allclose(local, structure.residue_b_factors, atol=1e-4)
    values = block.get_mmcif_category("_ma_qa_metric_global.")
    assert values["metric_value"] == [f"{structure.residue_b_factors.mean():.2f}", "0.8100", "0.5000"]
    assert values["metric_id"] == ["1", "3", "4"]
    assert block.get_mmcif_category("_ma_qa_metric.")["mode"] == ["global", "local", "global", "global"]
    assert block.get_mmcif_category("_entity_poly.")["pdbx_strand_id"] == ["A", "B,C"]


def test_other_programs_see_protein_chains_in_the_modelcif():
    text = modelcif_text(predicted(), ModelDetails())
    source = gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
    assert [(e.name, e.subchains, e.polymer_type) for e in source.entities] == [
        ("1", ["A"], gemmi.PolymerType.PeptideL),
        ("2", ["B", "C"], gemmi.PolymerType.PeptideL),
    ]
    assert Counter(atom.element.name for atom in (cra.atom for cra in source[0].all()))["S"] == 2


def test_pdb_lines_have_their_columns():
    lines = pdb_text(predicted(("GM", "C"))).splitlines()
    assert {len(line) for line in lines} == {80}
    records = [line[:6].strip() for line in lines]
    assert Counter(records) == {"SEQRES": 2, "MODEL": 1, "ATOM": 18, "TER": 2, "ENDMDL": 1, "END": 1}
    assert records[2] == "MODEL"
    assert records[-2:] == ["ENDMDL", "END"]
    first, ter = lines[3], lines[records.index("TER")]
    assert first[:30] == "ATOM      1  N   GLY A   1    "
    assert first[76:78] == " N"
    assert ter.rstrip() == "TER      13      MET A   2"
    assert [int(line[6:11]) for line in lines[3:-2]] == list(range(1, 21))


def test_selenium_stands_one_column_further_left(oracle_file):
    lines = pdb_text(read_mmcif(oracle_file("data/inputs/4zey.cif.gz"))).splitlines()
    selenium = [line for line in lines if line[76:78] == "SE"]
    assert [line[:20] for line in selenium[:1]] == ["HETATM   11 SE   MSE"]
    assert len(selenium) == 3


@pytest.mark.parametrize("kind", ["x.cif", "x.pdb"])
@pytest.mark.parametrize("sequences", [("G",), ("A", "GG"), ("X", "W")])
def test_the_shortest_chains_come_back(tmp_path, kind, sequences):
    (write_modelcif if kind == "x.cif" else write_pdb)(tmp_path / kind, predicted(sequences))
    assert read_structure(tmp_path / kind).sequences == sequences


def test_long_chain_names_become_letters_in_a_pdb(tmp_path):
    structure = predicted(("AC",) * 30)
    assert structure.chain_ids[25:27] == ("Z", "AA")
    write_pdb(tmp_path / "x.pdb", structure)
    assert read_pdb(tmp_path / "x.pdb").chain_ids[25:28] == ("Z", "a", "b")
    write_modelcif(tmp_path / "x.cif", structure)
    assert read_mmcif(tmp_path / "x.cif").chain_ids == structure.chain_ids


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: predicted(("A",) * 63), "63 chains, a PDB file holds 62"),
        (lambda: predicted(("W" * 7200,)), "100,801 atoms and chain ends, a PDB file holds 99,999"),
        (lambda: predicted(("G" * 10_000,)), "residue numbers from 1 to 10000"),
        (lambda: moved(10_000), "coordinates below -999 or above 9,999 angstrom"),
        (lambda: moved(-1_000), "coordinates below -999"),
    ],
)
def test_what_a_pdb_cannot_hold_is_refused(tmp_path, change, message):
    structure = change()
    with pytest.raises(InputError, match=message) as caught:
        write_pdb(tmp_path / "x.pdb", structure)
    assert "mmCIF" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def moved(angstrom):
    structure = predicted(("AC",))
    structure.positions[structure.mask > 0] += angstrom
    return structure


def test_chains_are_taken_out_whole():
    structure = predicted()
    chain = structure.chain("B")
    assert (chain.chain_ids, chain.sequence, len(chain)) == (("B",), "GRX", 3)
    np.testing.assert_array_equal(chain.positions, structure.positions[20:23])
    assert structure.entity_ids == (1, 2, 2)
    assert structure.chain_borders == [(0, 20), (20, 23), (23, 26)]
    with pytest.raises(KeyError, match="there are A, B, C"):
        structure.chain("D")


def test_a_selection_drops_chains_that_are_empty():
    structure = predicted()
    part = structure.select((np.arange(26) < 2) | (np.arange(26) > 23))
    assert part.chain_ids == ("A", "C")
    assert part.sequences == ("AC", "RX")
    assert part.residue_index.tolist() == [1, 2, 2, 3]
    back = gemmi.make_structure_from_block(gemmi.cif.read_string(modelcif_text(part, ModelDetails()))[0])
    assert [len(chain) for chain in back[0]] == [2, 2]


def test_the_b_factor_of_a_residue_is_that_of_its_alpha_carbon():
    structure = predicted()
    structure.b_factors[0, ATOM_INDEX["CA"]] = 7
    structure.mask[1, ATOM_INDEX["CA"]] = 0
    structure.mask[2] = 0
    values = structure.residue_b_factors
    assert values[0] == 7
    assert values[1] == pytest.approx(structure.b_factors[1, 0])
    assert values[2] == 0


def test_a_pdb_without_seqres_and_chain_name(tmp_path):
    atoms = [
        line[:21] + " " + line[22:]
        for line in pdb_text(predicted(("ACW",))).splitlines()
        if line[:4] in ("ATOM", "TER ")
    ]
    (tmp_path / "x.pdb").write_text("\n".join(atoms))
    structure = read_pdb(tmp_path / "x.pdb")
    assert (structure.chain_ids, structure.sequence) == (("A",), "ACW")


def test_other_kinds_of_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no kind of structure file.*\.cif"):
        read_structure(tmp_path / "x.xyz")
    (tmp_path / "x.pdb").write_text("REMARK only\n")
    with pytest.raises(InputError, match="holds no protein chain"):
        read_structure(tmp_path / "x.pdb")
