"""Jobs to features: oracles/af3/featurisation, which the released AlphaFold 3 made of oracles/af3/inputs."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3 import reference as af3_reference
from foldwright.features.af3.batch import batch_from_arrays
from foldwright.features.af3.featurise import BUCKETS, featurise, padded_size, prepare
from foldwright.io.complexes.job import ComplexJob, Protein
from foldwright.io.complexes.jobs import read_complex_jobs

rdBase = pytest.importorskip("rdkit.rdBase", reason="conformers need RDKit")

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
BUCKETS_OF_ORACLES = (96, 128, 192, 256)  # of those whose names say padded
THEIR_RDKIT = "2025.09.4"  # oracles/af3/README.md


@pytest.fixture(scope="module", autouse=True)
def _conformers_once():
    """Each conformer is made once for all files of the same job and seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(af3_reference, "conformer", lru_cache(None)(af3_reference.conformer))
        yield


@lru_cache
def components() -> Components:
    return Components.read(ORACLES / "ccd_subset.json.gz")


@lru_cache
def prepared(name: str, buckets: tuple[int, ...]):
    return prepare(read_complex_jobs(ORACLES / "inputs" / f"{name}.json")[0], components(), buckets)


@lru_cache
def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(ORACLES / "featurisation" / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def ours(name: str):
    """The job of a stored file, as prepared here, and all of its features."""
    job, _, seed = name.partition("_seed")
    found = prepared(job.removesuffix("_padded"), BUCKETS_OF_ORACLES if job.endswith("_padded") else ())
    return found, found.draw(int(seed))


ALL = sorted(path.stem for path in (ORACLES / "featurisation").glob("*.npz"))


@pytest.mark.parametrize("name", ALL)
def test_every_array_is_the_released_one(name):
    found, features = ours(name)
    expected = stored(name)
    assert features.keys() == expected.keys()
    for key in features.keys() - {"ref_pos"}:
        assert features[key].dtype == expected[key].dtype, key
        np.testing.assert_array_equal(features[key], expected[key], err_msg=key)
    assert features["ref_pos"].dtype == expected["ref_pos"].dtype
    assert_same_conformers(found.table, features["ref_pos"], expected["ref_pos"])


def assert_same_conformers(table, positions, expected):
    """With the same RDKit everywhere the same; with another one lengths and angles of bonds, and what is padding."""
    assert (positions[: len(table)][~table.is_atom] == 0).all()
    assert (positions[len(table) :] == 0).all()
    if rdBase.rdkitVersion == THEIR_RDKIT:
        np.testing.assert_allclose(positions, expected, atol=1e-5)
    for number, residue in enumerate(af3_reference.residues_of(table)):
        atoms = (table.space == number)[:, None] & table.is_atom
        mine, theirs = (distances(array[: len(table)][atoms]) for array in (positions, expected))
        near = within_two_bonds(residue)
        assert near.any() or len(near) == 1
        np.testing.assert_allclose(mine[near], theirs[near], atol=0.2)


def distances(positions):
    return np.linalg.norm(positions[:, None] - positions, axis=-1)


def within_two_bonds(residue):
    place = {name: i for i, name in enumerate(residue.atoms)}
    bonds = [(place.get(bond.atom_1), place.get(bond.atom_2)) for bond in residue.component.bonds]
    matrix = np.zeros((len(place), len(place)), int)
    for i, j in bonds:
        if i is not None and j is not None:
            matrix[i, j] = matrix[j, i] = 1
    return matrix + matrix @ matrix > 0


def test_the_jobs_have_all_that_could_go_wrong():
    """What the comparison would not see if no stored job had it."""
    everything = [stored(name) for name in ALL]
    kinds = {str(kind) for arrays in everything for kind in arrays["layout:flat_output_layout/chain_type"]}
    assert {"polypeptide(L)", "polyribonucleotide", "polydeoxyribonucleotide", "non-polymer", "branched"} == kinds
    for key in ("frames_mask", "tokens_to_polymer_ligand_bonds:gather_mask", "template_atom_mask", "seq_mask"):
        assert {bool(value) for arrays in everything for value in arrays[key].ravel()} == {True, False}, key
    assert {int(charge) for arrays in everything for charge in arrays["ref_charge"].ravel()} >= {-1, 0, 1, 2}
    assert max(int(arrays["sym_id"].max()) for arrays in everything) > 1


def test_ions_lie_where_the_released_program_drew_them():
    """One atom has no shape, so whatever RDKit does, its place is that of the generator."""
    _, features = ours("e2e_seed3")
    expected = stored("e2e_seed3")
    is_ion = features["ref_element"][:, 0] == 12
    assert is_ion.sum() == 1
    np.testing.assert_allclose(features["ref_pos"][is_ion, 0], expected["ref_pos"][is_ion, 0], atol=1e-6)
    assert np.abs(features["ref_pos"][is_ion, 0]).max() > 0.1


def test_a_complex_of_a_metal_has_the_coordinates_of_the_dictionary():
    """RDKit refuses a zinc porphyrin, whose place is then drawn without a seed: the same with every RDKit."""
    found, features = ours("odd_seed1")
    is_porphyrin = found.table.chain == 4
    assert is_porphyrin.sum() == 41
    expected = stored("odd_seed1")["ref_pos"]
    np.testing.assert_allclose(features["ref_pos"][is_porphyrin, 0], expected[is_porphyrin, 0], atol=1e-5)


def test_the_batch_is_made_of_the_features():
    batch = batch_from_arrays(ours("prot_ptm_lig_padded_seed1")[1])
    assert batch.tokens.mask.shape == (128,)
    assert batch.tokens.mask.sum() == 116


def test_seeds_change_the_conformers_and_nothing_else():
    first, second = (ours(f"prot_ptm_lig_seed{seed}")[1] for seed in (1, 42))
    different = {key for key in first if not np.array_equal(first[key], second[key])}
    assert different == {"ref_pos"}


def test_padding_is_to_the_smallest_bucket_that_is_large_enough():
    assert [padded_size(n, BUCKETS) for n in (1, 128, 129, 5120, 5121)] == [128, 128, 256, 5120, 5121]
    assert padded_size(300, None) == 300
    assert padded_size(300, (256, 512, 384)) == 384


def test_what_is_still_to_be_searched_is_refused_by_chain_and_field():
    job = ComplexJob("a", (Protein(("B",), "ACDEFG", unpaired_msa="", templates=()),), (1,))
    with pytest.raises(InputError, match="chain B") as caught:
        featurise(job, components(), 1)
    assert caught.value.field == "pairedMsa"


def test_components_given_with_the_job_are_used():
    found = prepared("hetero_paired_userccd", ())
    assert found.table.chains[-1].residues[0].component.atoms.names[0] == "C02"
    with pytest.raises(InputError, match="MY-X7F"):
        prepare(ComplexJob("a", found.job.entities, (1,)), components())
