"""Structure files: oracles/af3/{e2e,single}/files_sample-0, as the released program wrote them."""

from pathlib import Path

import gemmi
import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3.featurise import prepare
from foldwright.io.cif_text import cif_text, quoted
from foldwright.io.complexes.jobs import read_complex_jobs
from foldwright.io.complexes.modelcif import ComplexDetails, complex_cif_text
from foldwright.io.complexes.structure import PROTEIN, RNA, read_complex
from foldwright.io.packed import read_packed, write_packed

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
RELEASED = {  # what the released program says of itself
    "authors": ("Google DeepMind", "Isomorphic Labs"),
    "program": ("AlphaFold", "AlphaFold-beta-20231127 (oracle-0)"),
}


@pytest.fixture(scope="module")
def components():
    return Components.read(ORACLES / "ccd_subset.json.gz")


def released_file(name: str) -> Path:
    return ORACLES / name / "files_sample-0" / f"{name}_seed-11_sample-0_model.cif"


@pytest.fixture(params=["e2e", "single"])
def released(request):
    return released_file(request.param)


def details(file: Path, components: Components) -> ComplexDetails:
    """What the released program knew when it wrote a file."""
    name = file.name.partition("_")[0]
    job = read_complex_jobs(ORACLES / "inputs" / f"{name}.json", components).jobs[0]
    residues = [residue for chain in prepare(job, components).table.chains for residue in chain.residues]
    group = gemmi.cif.read(str(file)).sole_block().find_value("_ma_model_list.model_group_name")
    return ComplexDetails(
        name=name,
        components={residue.code: residue.component for residue in residues},
        bonds=[((a.chain, a.residue, a.atom), (b.chain, b.residue, b.atom)) for a, b in job.bonds],
        group=gemmi.cif.as_string(group),
        **RELEASED,
    )


def test_a_structure_file_is_the_released_programs_byte_for_byte(released, components):
    structure = read_complex(released)
    assert structure.positions.std() > 10
    assert structure.b_factors.std() > 1
    assert complex_cif_text(structure, details(released, components)) == released.read_text()


def test_every_kind_of_molecule_is_read(components):
    structure = read_complex(released_file("e2e"))
    types = dict(zip(structure.chain_ids.tolist(), structure.chain_types.tolist(), strict=True))
    assert types == {"A": PROTEIN, "B": PROTEIN, "R": RNA, "G": "non-polymer", "L": "non-polymer", "M": "non-polymer"}
    assert len(structure.residue_starts) == 30
    assert structure.residue_names[structure.chain_starts].tolist() == ["THR", "ASP", "NAG", "LIG_L", "MG", "G"]
    assert 0 < structure.is_polymer.mean() < 1


def test_other_programs_open_it(released, components, tmp_path):
    structure = read_complex(released)
    file = write_packed(tmp_path / "a.cif", complex_cif_text(structure, details(released, components)))
    model = gemmi.read_structure(str(file))[0]
    assert sum(len(residue) for chain in model for residue in chain) == len(structure)
    pdbx = pytest.importorskip("biotite.structure.io.pdbx")
    with pytest.warns(UserWarning, match="auth_"):  # the released program leaves two columns out
        atoms = pdbx.get_structure(pdbx.CIFFile.read(file), model=1)
    np.testing.assert_allclose(atoms.coord, structure.positions)
    assert atoms.atom_name.tolist() == structure.atom_names.tolist()


def test_our_own_files_say_who_made_them_and_on_what_terms(components):
    file = released_file("single")
    text = complex_cif_text(
        read_complex(file),
        ComplexDetails(name="x", components=components, usage=[("license", "on these terms"), ("disclaimer", "none")]),
    )
    block = gemmi.cif.read_string(text).sole_block()
    assert [x.strip('"') for x in block.find_values("_pdbx_data_usage.details")] == ["on these terms", "none"]
    assert block.find_value("_audit_author.name") == block.find_value("_software.name") == "Foldwright"


@pytest.mark.parametrize(
    "value",
    ["plain", "two words", "5'", 'a "b"', "both ' and \"", "_tag", "#no", ";x", "data_x", "", "a\nb", "a\n;b", "?"],
)
def test_values_come_back_as_they_were(value):
    text = cif_text("t", {"one": {"a": "first", "b": value}, "many": {"a": ["x", "y"], "b": [value, "z"]}})
    block = gemmi.cif.read_string(text).sole_block()
    expected = value.replace("\n;", "\n ;")  # no line within a text may begin with a semicolon
    if value != "?":
        assert gemmi.cif.as_string(block.find_value("_one.b")) == expected
        assert [gemmi.cif.as_string(x) for x in block.find_values("_many.b")] == [expected, "z"]
    assert quoted("?") == "?"


@pytest.mark.parametrize("text", ["no mmCIF", "data_x\n_entry.id x\n", "data_x\nloop_\n_atom_site.id\n"])
def test_a_file_without_atoms_is_refused_by_name(tmp_path, text):
    (tmp_path / "a.cif").write_text(text)
    with pytest.raises(InputError, match=r"a\.cif"):
        read_complex(tmp_path / "a.cif")


def test_packed_files_are_read_as_they_were_written(tmp_path):
    pytest.importorskip("zstandard")
    file = write_packed(tmp_path / "a.json.zst", "text Å\n" * 100)
    assert file.stat().st_size < 100
    assert read_packed(file) == "text Å\n" * 100
    (tmp_path / "b.zst").write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        read_packed(tmp_path / "b.zst")
    with pytest.raises(InputError, match="cannot be read"):
        read_packed(tmp_path / "c.zst")
