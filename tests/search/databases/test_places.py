"""Databases are found however their publisher lays them out."""

from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.search.databases import find
from foldwright.search.databases.catalog import RELEASES, SETS, releases
from foldwright.search.databases.places import HHSUITE_PARTS, PLACES
from foldwright.search.recipes import PRESETS, RECIPES


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(">a\nMKV\n")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("uniref90", "uniref90/uniref90.fasta"),  # scripts of AlphaFold 2
        ("uniref90", "uniref90_2022_05.fa"),  # of AlphaFold 3
        ("small_bfd", "bfd-first_non_consensus_sequences.fasta"),
        ("mgnify", "mgnify/mgy_clusters_2022_05.fa"),
        ("uniprot", "uniprot/uniprot.fasta"),
        ("pdb_seqres", "pdb_seqres/pdb_seqres.txt"),
        ("uniref90", "uniref90.fasta.gz"),
        ("mine", "mine.faa"),  # of one's own
    ],
)
def test_fasta_files_are_found_in_every_layout(tmp_path, name, file):
    make(tmp_path, file, "other.fasta")
    assert find(tmp_path, name) == tmp_path / file


def test_of_several_the_unpacked_and_newest_counts(tmp_path):
    make(tmp_path, "uniref90_2022_05.fa", "uniref90_2021_01.fa", "uniref90_2023_01.fa.gz", ".uniref90_2024.fa")
    assert find(tmp_path, "uniref90").name == "uniref90_2022_05.fa"


def test_hhsuite_databases_are_prefixes_and_must_be_whole(tmp_path):
    parts = [f"uniref30/UniRef30_2021_03{ending}" for ending in HHSUITE_PARTS]
    make(tmp_path, *parts)
    assert find(tmp_path, "uniref30") == tmp_path / "uniref30" / "UniRef30_2021_03"
    (tmp_path / parts[-1]).unlink()
    with pytest.raises(InputError, match=r"not complete: UniRef30_2021_03_hhm\.ffindex is missing"):
        find(tmp_path, "uniref30")


def test_mmseqs_databases_are_prefixes(tmp_path):
    make(tmp_path, *(f"uniref30_2302_db{ending}" for ending in ("", ".dbtype", ".index", "_h", "_h.dbtype")))
    assert find(tmp_path, "uniref30_mmseqs") == tmp_path / "uniref30_2302_db"


def test_structures_are_a_folder(tmp_path):
    make(tmp_path, "pdb_mmcif/mmcif_files/1abc.cif")
    assert find(tmp_path, "pdb_mmcif") == tmp_path / "pdb_mmcif" / "mmcif_files"


def test_what_is_missing_is_named_with_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match=r'"bfd" \(HH-suite\) is not here.*databases list'):
        find(tmp_path, "bfd")
    with pytest.raises(InputError, match=r"mine\.fasta.*databases build"):
        find(tmp_path, "mine")


def test_every_preset_can_be_fetched_and_every_release_has_a_place():
    for name, recipe in RECIPES.items():
        needed = {database for step in recipe() for database in step.databases}
        assert not needed or needed <= {release.database for release in releases(name)}
    assert {release.database for release in RELEASES.values()} == set(PLACES)
    assert set(SETS) - {"af3_rna"} <= set(PRESETS)


def test_a_name_may_be_a_set_a_release_or_a_database():
    assert [release.name for release in releases("af3_rna")] == ["rfam", "rnacentral", "nt_rna"]
    assert releases("uniref90-2022_05")[0].database == "uniref90"
    assert releases("uniref30_mmseqs")[0].name == "uniref30_2302"
    with pytest.raises(InputError, match=r'"uniref91".*Sets: af2_full'):
        releases("uniref91")


def test_a_fetched_release_is_found_under_its_database(tmp_path):
    for release in RELEASES.values():
        if release.kind == "FASTA":
            make(tmp_path, release.target)
            assert find(tmp_path, release.database).is_file()
