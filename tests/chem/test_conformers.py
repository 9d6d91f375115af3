"""Shapes of molecules: those that RDKit makes, those of the dictionary behind them, and ligands from SMILES."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.chem.conformers import component_of_smiles, conformer, embedded
from foldwright.chem.ligand_shapes import ligand_shape
from foldwright.chem.molecules import forgiving_molecule, molecule, molecule_of_smiles, names
from foldwright.errors import InputError

Chem = pytest.importorskip("rdkit.Chem")
pytest.importorskip("biotite")

# Sugar, cofactors, residues, a porphyrin whose valences RDKit refuses, a cluster, a radical, ions, deuterium, no atoms.
CODES = "NAG ATP SAM SEP DT PSU HIS 7BU FES NO ZN SO4 GOL D8U AZI BEF".split()  # noqa: SIM905
SMILES = {
    "CC(=O)Oc1ccccc1C(=O)O": "C1 C2 O1 O2 C3 C4 C5 C6 C7 C8 C9 O3 O4",  # as in the released program's features
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C": "C1 N1 C2 N2 C3 C4 C5 O1 N3 C6 C7 O2 N4 C8",
    "Oc1ccc(Cl)cc1Br": "O1 C1 C2 C3 C4 CL1 C5 C6 BR1",
    "C[N+](C)(C)CC([O-])=O": "C1 N1 C2 C3 C4 C5 O1 O2",
    "[Na+].[Cl-]": "NA1 CL1",
    "C[Se]C": "C1 SE1 C2",
    "[Zn+2]": "ZN1",
    "N[C@@H](C)C(=O)O": "N1 C1 C2 C3 O1 O2",
    "F/C=C/F": "F1 C1 C2 F2",
}


@pytest.fixture(scope="module")
def components():
    return Components.bundled()


@pytest.mark.parametrize("code", CODES)
def test_molecules_agree_with_rdkits_view_of_them(components, code):
    component = components[code]
    mol = forgiving_molecule(component)
    assert mol is not None
    assert sorted(names(mol)) == sorted(component.atoms.names)
    assert mol.GetNumBonds() == len(component.bonds)
    assert Chem.GetFormalCharge(mol) == component.atoms.charges.sum()
    found = conformer(component, 5)
    assert found.names == component.atoms.names
    assert found.source == ("ideal" if code == "7BU" else "rdkit")
    assert np.isfinite(found.positions).all()
    assert found.positions.shape == (len(component.atoms), 3)


def test_a_conformer_depends_on_the_seed_alone(components):
    first, again, other = (conformer(components["SAM"], seed).positions for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.5


def test_conformers_keep_hands_and_bond_lengths(components):
    shape = ligand_shape(components["NAG"])
    assert {shape.names[centre.atom] for centre in shape.centres} == {"C1", "C2", "C3", "C4", "C5"}
    found = conformer(components["NAG"], 8).positions[~components["NAG"].atoms.is_hydrogen]
    for centre in shape.centres:
        around = list(centre.neighbours[:3])
        volumes = [np.linalg.det(x[around] - x[centre.atom]) for x in (found, shape.positions)]
        assert volumes[0] * volumes[1] > 0
    first, second = shape.bonds.T
    np.testing.assert_allclose(np.linalg.norm(found[first] - found[second], axis=-1), shape.lengths, rtol=0.08)


def test_what_stands_in_for_a_conformer_is_said(components):
    porphyrin = components["7BU"]
    assert molecule(porphyrin) is None
    np.testing.assert_array_equal(conformer(porphyrin, 1).positions, porphyrin.atoms.ideal)
    unknown = np.full_like(porphyrin.atoms.ideal, np.nan)
    early = replace(porphyrin, atoms=replace(porphyrin.atoms, ideal=unknown), modified=date(2021, 3, 13))
    found = conformer(early, 1)
    assert found.source == "model"
    np.testing.assert_array_equal(found.positions, porphyrin.atoms.model)
    late = replace(early, modified=date(2021, 9, 30))
    assert conformer(late, 1).source == "none"
    assert not conformer(late, 1).positions.any()
    assert conformer(late, 1, reference_date=date(2021, 10, 1)).source == "model"
    assert conformer(late, 1, reference_date=None).source == "model"


def test_time_that_runs_out_is_no_error():
    """RDKit needs minutes for a chain of 120 carbons, and gets one second."""
    assert embedded(molecule_of_smiles("C" * 120), 1, seconds=1.0) is None


@pytest.mark.parametrize(("smiles", "expected"), SMILES.items())
def test_atoms_of_smiles_are_named_as_by_the_released_program(smiles, expected):
    component = component_of_smiles(smiles, "LIG_Q")
    heavy = [
        n for n, is_hydrogen in zip(component.atoms.names, component.atoms.is_hydrogen, strict=True) if not is_hydrogen
    ]
    assert heavy == expected.split()
    assert (component.code, component.smiles, component.type) == ("LIG_Q", smiles, "NON-POLYMER")
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert component.atoms.charges.tolist() == [atom.GetFormalCharge() for atom in mol.GetAtoms()]
    assert len(component.bonds) == mol.GetNumBonds()
    assert sum(b.is_aromatic for b in component.bonds) == sum(b.GetIsAromatic() for b in mol.GetBonds())
    assert np.isfinite(conformer(component, 2).positions).all()


def test_the_table_of_a_smiles_is_the_same_molecule():
    for smiles in SMILES:
        component = component_of_smiles(smiles, "LIG_Q")
        again = molecule(component)
        assert again is not None
        assert Chem.MolToSmiles(Chem.RemoveHs(again)) == Chem.CanonSmiles(smiles)


def test_hands_that_a_smiles_leaves_open_are_no_centres():
    assert len(ligand_shape(component_of_smiles("N[C@@H](C)C(=O)O", "LIG_A")).centres) == 1
    assert ligand_shape(component_of_smiles("NC(C)C(=O)O", "LIG_A")).centres == ()


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C1CC", "not well formed"),
        ("C(C)(C)(C)(C)C", "Explicit valence"),
        ("c1cccc1", "kekulize"),
        ("*C", "without an element"),
        ("", "no atoms"),
        (" ", "not well formed"),
    ],
)
def test_why_a_smiles_cannot_be_read_is_said(smiles, reason):
    with pytest.raises(InputError, match=reason):
        component_of_smiles(smiles, "LIG_A")


def test_phosphates_have_no_hand_where_a_proton_alone_makes_it(components):
    shape = ligand_shape(components["ATP"])
    assert {shape.names[centre.atom] for centre in shape.centres} == {"C1'", "C2'", "C3'", "C4'"}
