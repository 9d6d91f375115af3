"""Components as their files say they are."""

import gzip
import json
from datetime import date
from pathlib import Path

import msgpack
import numpy as np
import pytest

from foldwright.chem.binary_cif import decoded
from foldwright.chem.components import Components
from foldwright.chem.glycans import is_glycan, is_ion, is_linking_glycan, is_other_glycan
from foldwright.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "oracles" / "af3"

# Hydrogen cyanide's isomer with a proton on either end, written for this test.
ENTRY = """data_{code}
_chem_comp.id {code}
_chem_comp.name 'a test, "quoted"'
_chem_comp.type non-polymer
_chem_comp.formula 'C H N'
_chem_comp.mon_nstd_parent_comp_id ?
_chem_comp.pdbx_synonyms ?
_chem_comp.formula_weight 27.025
loop_
_chem_comp_atom.comp_id
_chem_comp_atom.atom_id
_chem_comp_atom.type_symbol
_chem_comp_atom.charge
_chem_comp_atom.pdbx_model_Cartn_x_ideal
_chem_comp_atom.pdbx_model_Cartn_y_ideal
_chem_comp_atom.pdbx_model_Cartn_z_ideal
{code} "N1'" N 0 0.0 0.0 0.0
{code} C1 C -1 1.16 0.0 0.0
{code} H1 H 0 -1.0 0.0 ?
loop_
_chem_comp_bond.atom_id_1
_chem_comp_bond.atom_id_2
_chem_comp_bond.value_order
_chem_comp_bond.pdbx_aromatic_flag
"N1'" C1 TRIP N
"N1'" H1 SING N
"""


@pytest.fixture(scope="module")
def bundled():
    pytest.importorskip("biotite")
    return Components.bundled()


def test_a_bundled_component_is_that_of_the_dictionary(bundled):
    atp = bundled["ATP"]  # https://www.rcsb.org/ligand/ATP
    assert (atp.name, atp.type, atp.formula) == ("ADENOSINE-5'-TRIPHOSPHATE", "NON-POLYMER", "C10 H16 N5 O13 P3")
    assert (atp.weight, atp.parent, atp.modified) == (507.181, None, date(2011, 6, 4))
    assert atp.atoms.names[:4] == ("PG", "O1G", "O2G", "O3G")
    assert len(atp.atoms) == 47
    assert len(atp.bonds) == 49
    assert {b.order for b in atp.bonds} == {"SING", "DOUB"}
    assert 0 < sum(b.is_aromatic for b in atp.bonds) < 49
    np.testing.assert_allclose(atp.atoms.ideal[0], [1.2, -0.226, -6.85])
    np.testing.assert_allclose(atp.atoms.model[0], [46.107, 45.182, 56.95])
    assert bundled["SEP"].parent == "SER"
    assert bundled["ZN"].atoms.charges.tolist() == [2]
    leaving = [
        name for name, leaves in zip(bundled["ALA"].atoms.names, bundled["ALA"].atoms.is_leaving, strict=True) if leaves
    ]
    assert leaving == ["OXT", "H2", "HXT"]


def test_the_dictionary_is_large_and_says_where_it_is_from(bundled):
    assert len(bundled) > 40000
    assert "ATP" in bundled
    assert "no such" not in bundled
    assert bundled.date > date(2024, 1, 1)
    assert bundled.source.startswith("CCD of biotite ")
    assert bundled["ATP"] is bundled["ATP"]
    with pytest.raises(KeyError):
        bundled["no such"]


@pytest.mark.slow  # biotite unpacks the whole dictionary
def test_components_agree_with_biotites_own_reading(bundled):
    """30 components of all kinds: names, elements, charges and bonds as biotite's reader unpacks them."""
    pdbx = pytest.importorskip("biotite.structure.io.pdbx")
    path = Path(pdbx.__file__).parents[2] / "info" / "components.bcif"
    block = pdbx.BinaryCIFFile.read(path).block
    atoms, bonds = block["chem_comp_atom"], block["chem_comp_bond"]
    of_atom, of_bond = atoms["comp_id"].as_array(), bonds["comp_id"].as_array()
    charged = 0
    for code in ["HEM", "SF4", "UNX", "NAG", "PSU", "SAM", *list(bundled)[:: len(bundled) // 24]]:
        ours, rows, pairs = bundled[code].atoms, of_atom == code, of_bond == code
        assert ours.names == tuple(atoms["atom_id"].as_array()[rows])
        assert ours.elements == tuple(atoms["type_symbol"].as_array()[rows])
        assert ours.charges.tolist() == atoms["charge"].as_array()[rows].tolist()
        ends = zip(bonds["atom_id_1"].as_array()[pairs], bonds["atom_id_2"].as_array()[pairs], strict=True)
        assert [(bond.atom_1, bond.atom_2) for bond in bundled[code].bonds] == list(ends)
        charged += bool(ours.charges.any())
    assert 0 < charged < 30


def test_every_form_of_file_gives_the_same_component(tmp_path):
    code = "X1"
    (tmp_path / "a.cif").write_text(ENTRY.format(code=code))
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(ENTRY.format(code=code).encode()))
    columns = {
        "_chem_comp.id": [code],
        "_chem_comp.name": ['a test, "quoted"'],
        "_chem_comp.type": ["NON-POLYMER"],
        "_chem_comp.formula_weight": ["27.025"],
        "_chem_comp.pdbx_modified_date": ["2020-02-03"],
        "_chem_comp_atom.atom_id": ["N1'", "C1", "H1"],
        "_chem_comp_atom.type_symbol": ["N", "C", "H"],
        "_chem_comp_atom.charge": ["0", "-1", "0"],
        "_chem_comp_atom.pdbx_model_Cartn_x_ideal": ["0.0", "1.16", "-1.0"],
        "_chem_comp_atom.pdbx_model_Cartn_y_ideal": ["0.0", "0.0", "0.0"],
        "_chem_comp_atom.pdbx_model_Cartn_z_ideal": ["0.0", "0.0", "?"],
        "_chem_comp_bond.atom_id_1": ["N1'", "N1'"],
        "_chem_comp_bond.atom_id_2": ["C1", "H1"],
        "_chem_comp_bond.value_order": ["TRIP", "SING"],
        "_chem_comp_bond.pdbx_aromatic_flag": ["N", "N"],
    }
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps({code: columns}).encode()))
    (tmp_path / "a.bcif").write_bytes(_binary_cif(code))
    for name in ("a.cif", "a.cif.gz", "a.json.gz", "a.bcif"):
        component = Components.read(tmp_path / name)[code]
        assert component.name == 'a test, "quoted"'
        assert component.type == "NON-POLYMER"
        assert component.atoms.names == ("N1'", "C1", "H1")
        assert component.atoms.charges.tolist() == [0, -1, 0]
        assert component.atoms.is_hydrogen.tolist() == [False, False, True]
        np.testing.assert_array_equal(component.atoms.ideal, [[0, 0, 0], [1.16, 0, 0], [-1, 0, np.nan]])
        assert np.isnan(component.atoms.model).all()
        assert [(b.atom_1, b.atom_2, b.order) for b in component.bonds] == [
            ("N1'", "C1", "TRIP"),
            ("N1'", "H1", "SING"),
        ]
    assert Components.read(tmp_path / "a.json.gz").date == date(2020, 2, 3)


def _binary_cif(code: str) -> bytes:
    """The same entry in BinaryCIF, by the format's description."""

    def numbers(values, kind, dtype):
        return {"data": np.array(values, dtype).tobytes(), "encoding": [{"kind": "ByteArray", "type": kind}]}

    def column(name, values, mask=None):
        choices = list(dict.fromkeys(values))
        offsets = np.cumsum([0, *map(len, choices)])
        index = numbers([choices.index(value) for value in values], 1, "<i1")
        text = {"kind": "StringArray", "stringData": "".join(choices), "dataEncoding": index["encoding"]}
        text |= {"offsets": offsets.astype("<i4").tobytes(), "offsetEncoding": [{"kind": "ByteArray", "type": 3}]}
        data = {"data": index["data"], "encoding": [text]}
        return {"name": name, "data": data, "mask": None if mask is None else numbers(mask, 4, "<u1")}

    ideal = {"x": [0, 116, -100], "y": [0, 0, 0], "z": [0, 0, 0]}
    atoms = [
        column("comp_id", [code] * 3),
        column("atom_id", ["N1'", "C1", "H1"]),
        column("type_symbol", ["N", "C", "H"]),
    ]
    atoms.append({"name": "charge", "data": numbers([0, -1, 0], 1, "<i1"), "mask": None})
    for axis, values in ideal.items():
        packed = numbers(values, 2, "<i2")
        packed["encoding"].insert(0, {"kind": "FixedPoint", "factor": 100, "srcType": 33})
        mask = numbers([0, 0, 2], 4, "<u1") if axis == "z" else None
        atoms.append({"name": f"pdbx_model_Cartn_{axis}_ideal", "data": packed, "mask": mask})
    tables = {
        "_chem_comp": [
            column("id", [code]),
            column("name", ['a test, "quoted"']),
            column("type", ["non-polymer"]),
            column("formula", [""], mask=[2]),
        ],
        "_chem_comp_atom": atoms,
        "_chem_comp_bond": [
            column("comp_id", [code] * 2),
            column("atom_id_1", ["N1'", "N1'"]),
            column("atom_id_2", ["C1", "H1"]),
            column("value_order", ["TRIP", "SING"]),
        ],
    }
    categories = [{"name": name, "rowCount": 1, "columns": columns} for name, columns in tables.items()]
    packed = msgpack.packb({"version": "0.3.0", "dataBlocks": [{"header": "x", "categories": categories}]})
    return bytes(packed or b"")


def test_every_encoding_of_binary_cif_is_undone():
    def unpack(data, *encoding):
        return decoded({"data": data, "encoding": list(encoding)}).tolist()

    def byte(kind):
        return {"kind": "ByteArray", "type": kind}

    wide = np.array([5, 127, 127, 3, -128, -1], "<i1").tobytes()  # 5, 257, -129
    packing = {"kind": "IntegerPacking", "byteCount": 1, "isUnsigned": False, "srcSize": 3}
    assert unpack(wide, packing, byte(1)) == [5, 257, -129]
    runs = np.array([7, 3, 2, 1], "<i4").tobytes()
    assert unpack(runs, {"kind": "RunLength", "srcType": 3, "srcSize": 4}, byte(3)) == [7, 7, 7, 2]
    steps = np.array([0, 2, -1], "<i1").tobytes()
    assert unpack(steps, {"kind": "Delta", "origin": 1000, "srcType": 3}, byte(1)) == [1000, 1002, 1001]
    interval = {"kind": "IntervalQuantization", "min": 1.0, "max": 2.0, "numSteps": 5, "srcType": 33}
    assert unpack(np.array([0, 4, 1], "<u1").tobytes(), interval, byte(4)) == [1.0, 2.0, 1.25]


def test_a_users_entries_lie_over_the_others(tmp_path):
    (tmp_path / "a.cif").write_text(ENTRY.format(code="X1") + ENTRY.format(code="X2"))
    below = Components.read(tmp_path / "a.cif")
    old = below["X1"]
    above = below.with_blocks(ENTRY.format(code="X1").replace("27.025", "28") + ENTRY.format(code="X3"))
    assert list(above) == ["X1", "X2", "X3"]
    assert list(below) == ["X1", "X2"]
    assert (above["X1"].weight, below["X1"].weight, old.weight) == (28, 27.025, 27.025)
    assert above["X2"].atoms.names == below["X2"].atoms.names
    assert above.source.endswith("X1, X3 given by the user")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ENTRY.replace("_chem_comp.formula 'C H N'\n", ""), "_chem_comp.formula"),
        (ENTRY.split("loop_\n_chem_comp_bond")[0], "_chem_comp_bond.atom_id_1"),
        (ENTRY.replace("C1 TRIP", "C9 TRIP"), "C9"),
        (ENTRY.replace("H1 SING", "C1 SING"), "two bonds"),
        (ENTRY.replace("H1 H", "C1 H"), "two atoms called C1"),
        (ENTRY.replace("1.16", "about"), "about"),
        (ENTRY + ENTRY, "twice|duplicate"),
        ("no mmCIF at all", "no mmCIF"),
        ("", "at least one"),
    ],
)
def test_what_is_wrong_with_a_users_entry_is_said(text, problem):
    with pytest.raises(InputError, match=problem):
        Components({}, "nothing").with_blocks(text.format(code="X1"))


def test_a_users_ion_needs_no_table_of_bonds():
    lines = [line for line in ENTRY.format(code="X1").splitlines() if not line.startswith(("X1 C1", "X1 H1"))]
    ion = "\n".join(lines).split("loop_\n_chem_comp_bond")[0]
    assert Components({}, "nothing").with_blocks(ion)["X1"].bonds == ()


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe nothing", b"\x1f\x8bcut", b'{"A": 3}', b"data_x\n_a.b c\n", b"\x82\xa1"]
)
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="x"):
        Components.read(tmp_path / "x")
    with pytest.raises(InputError, match="cannot be read"):
        Components.read(tmp_path / "missing")


def test_sugars_and_ions_are_told_by_type_and_name(bundled):
    kinds = (is_linking_glycan, is_other_glycan, is_glycan, is_ion)
    told = {code: [kind(bundled[code]) for kind in kinds] for code in ("NAG", "ZN", "SO4", "ATP", "UNX", "WO4")}
    assert told["NAG"] == [True, False, True, False]
    assert told["ZN"] == told["SO4"] == told["WO4"] == [False, False, False, True]
    assert told["ATP"] == told["UNX"] == [False] * 4


@pytest.mark.shared
def test_sugars_and_ions_are_those_of_the_released_program():
    """ccd_sets.json: the released program's sets over a later CCD than biotite's; the components that both have."""
    components = Components.read(SHARED / "ccd_subset.json.gz")
    assert len(components) == 1360
    sets = json.loads((SHARED / "ccd_sets.json").read_text())
    told = {"glycans_linking": is_linking_glycan, "glycans_other": is_other_glycan, "ions": is_ion}
    looked_at = {*list(components)[::9], *(code for codes in sets.values() for code in codes if code in components)}
    for name, is_one in told.items():
        assert {code for code in looked_at if is_one(components[code])} == set(sets[name]) & looked_at
