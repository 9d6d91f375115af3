"""Folders of structures become shards; what is damaged is named, what was done is kept."""

import csv
import json
from dataclasses import fields, replace

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM_TYPES
from foldwright.errors import InputError
from foldwright.training.data.filters import Filters
from foldwright.training.data.prepare import prepare
from foldwright.training.data.shards import MANIFEST, ShardedChains
from foldwright.training.data.sources import Arrays


@pytest.fixture
def folder(made_chain, pdb_file, as_mmcif, tmp_path):
    """Six good structures, four as PDB and two as mmCIF."""
    source = tmp_path / "structures"
    (source / "deeper").mkdir(parents=True)
    for i in range(6):
        path = pdb_file(source / "deeper" if i == 3 else source, made_chain(20 + i, i, missing=[5]), 1.5 + 0.1 * i)
        if i > 3:
            as_mmcif(path)
    return source


def write_arrays(path, chains, table=True):
    """Chains in the form of `chains.npz`."""
    masks = [chain.mask for chain in chains]
    atoms = [chain.positions[chain.mask] for chain in chains]
    np.savez(
        path,
        ids=np.array([chain.id for chain in chains]),
        res_offset=np.cumsum([0, *map(len, chains)]),
        atom_offset=np.cumsum([0, *map(len, atoms)]),
        aatype=np.concatenate([chain.aatype for chain in chains]).astype(np.uint8),
        residue_index=np.concatenate([chain.residue_index for chain in chains]).astype(np.int16),
        atom37_mask_packed=np.packbits(np.concatenate(masks), axis=1),
        xyz_centi=np.round(np.concatenate(atoms) * 100).astype(np.int16),
    )
    if table:
        with path.with_suffix(".tsv").open("w") as file:
            columns = ("id", "eval_core", "split", "kind", "resolution", "cluster40")
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(columns)
            for i, chain in enumerate(chains):
                writer.writerow([chain.id, int(i == 0), "val" if i == 0 else "train", chain.kind, "2.5", f"F{i}"])
    return path


def test_structures_become_chains(folder, made_chain, tmp_path):
    report = prepare([folder], tmp_path / "out")
    stored = ShardedChains(tmp_path / "out")
    assert len(stored) == len(report.rows) == 6
    assert not report.dropped
    for i in range(6):
        ours, back = made_chain(20 + i, i, missing=[5]), stored[stored.index[f"made{i}_A"]]
        assert back.sequence == ours.sequence
        assert back.resolution == pytest.approx(1.5 + 0.1 * i, abs=1e-3)
        np.testing.assert_array_equal(back.mask, ours.mask)
        fixed = [i for i, name in enumerate(ATOM_TYPES) if name not in ("NH1", "NH2")]  # those are named on reading
        np.testing.assert_allclose(back.positions[:, fixed], ours.positions[:, fixed], atol=6e-4)
        np.testing.assert_array_equal(back.residue_index, ours.residue_index)
        assert 0 < back.mask.mean() < 1


def test_damaged_files_are_named_and_the_rest_is_kept(folder, tmp_path):
    (folder / "broken.cif").write_text("data_x\nloop_\n_atom_site.id\n_atom_site.type_symbol\n1\n")
    (folder / "empty.pdb").write_text("")
    (folder / "cut.pdb.gz").write_bytes(b"\x1f\x8b\x08 cut")
    (folder / "notes.txt").write_text("not a structure")
    report = prepare([folder], tmp_path / "out")
    assert len(report.rows) == 6
    assert {item.name for item in report.dropped} == {
        str(folder / n) for n in ("broken.cif", "empty.pdb", "cut.pdb.gz")
    }
    assert all(item.why.startswith("cannot be read") for item in report.dropped)
    notes = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert notes["num_dropped"] == 3


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no structure is here"):
        prepare([tmp_path / "nothing"], tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        prepare([tmp_path / "missing"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_filters_that_leave_nothing_say_why(folder, tmp_path):
    with pytest.raises(InputError, match=r"no chain is left of 6 \(6 times: shorter than 99 residues\)"):
        prepare([folder], tmp_path / "out", Filters(min_length=99))


def test_each_filter_drops_what_it_names(made_chain):
    whole = made_chain(40, resolution=3.0)
    faults = {
        "resolution above 2.5 angstrom": (whole, Filters(max_resolution=2.5)),
        "shorter than 41 residues": (whole, Filters(min_length=41)),
        "longer than 39 residues": (whole, Filters(max_length=39)),
        "kind is model": (replace(whole, kind="model"), Filters()),
        "80% or more is one amino acid": (replace(whole, aatype=np.array([0] * 32 + [1] * 8)), Filters()),
        "less than 50% of the backbone is known": (made_chain(40, missing=range(21)), Filters()),
        "more than 1 chain breaks": (made_chain(40, missing=[3, 4, 20]), Filters(max_breaks=1)),
        "a coordinate is no number": (replace(whole, positions=whole.positions * np.nan), Filters()),
    }
    for expected, (chain, filters) in faults.items():
        assert filters.fault(chain) == expected
    assert Filters(max_resolution=3.0, max_length=40, min_length=40, max_breaks=0).fault(whole) is None
    assert Filters().fault(replace(whole, aatype=np.array([0] * 31 + [1] * 9))) is None


def test_arrays_become_chains_with_what_the_table_says(made_chain, tmp_path):
    chains = [made_chain(18 + i, i, missing=[2], has_sidechains=i != 1) for i in range(4)]
    prepare([write_arrays(tmp_path / "chains.npz", chains)], tmp_path / "out")
    stored = ShardedChains(tmp_path / "out")
    for i, ours in enumerate(chains):
        back = stored[i]
        assert (back.id, back.kind, back.cluster, back.resolution) == (ours.id, ours.kind, f"F{i}", 2.5)
        assert (back.split, back.is_core) == (("val", True) if i == 0 else ("train", False))
        np.testing.assert_array_equal(back.mask, ours.mask)
        np.testing.assert_allclose(back.positions, ours.positions, atol=0.0051)


def test_arrays_without_a_table_are_clustered_and_split(made_chain, tmp_path):
    chains = [made_chain(30, i) for i in range(12)]
    prepare([write_arrays(tmp_path / "chains.npz", chains, table=False)], tmp_path / "out", val_fraction=0.4)
    stored = ShardedChains(tmp_path / "out")
    assert {row.split for row in stored.manifest} == {"train", "val"}
    assert len({row.cluster for row in stored.manifest}) == 12
    assert sum(row.is_core for row in stored.manifest) == sum(row.split == "val" for row in stored.manifest)


@pytest.mark.parametrize("name", [f.name for f in fields(Arrays)])
def test_arrays_that_do_not_fit_each_other_are_refused(made_chain, tmp_path, name):
    path = write_arrays(tmp_path / "chains.npz", [made_chain(18), made_chain(20, 1)])
    with np.load(path) as stored:
        arrays = dict(stored)
    for damaged in ({k: v for k, v in arrays.items() if k != name}, {**arrays, name: arrays[name][:-1]}):
        np.savez(path, **damaged)
        with pytest.raises(InputError, match=r"chains\.npz"):
            prepare([path], tmp_path / "out")


def test_a_table_of_other_chains_is_refused(made_chain, tmp_path):
    path = write_arrays(tmp_path / "chains.npz", [made_chain(18), made_chain(20, 1)])
    table = path.with_suffix(".tsv")
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="1 lines describe 2 chains"):
        prepare([path], tmp_path / "out")


def test_what_was_done_is_kept_after_an_interruption(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("foldwright.training.data.sources.FILES_PER_BATCH", 2)
    calls = []

    def interrupt(done, total):
        calls.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([folder], tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out" / MANIFEST).exists()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert len(stamps) == 2
    report = prepare([folder], tmp_path / "out")
    assert report.num_reused == 2
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    prepare([folder], tmp_path / "whole")
    assert [replace(row, shard="") for row in report.rows] == [
        replace(row, shard="") for row in ShardedChains(tmp_path / "whole").manifest
    ]


def test_a_changed_file_or_filter_is_read_again(folder, made_chain, pdb_file, tmp_path):
    first = prepare([folder], tmp_path / "out")
    pdb_file(folder, made_chain(25, 0, missing=[5]))
    second = prepare([folder], tmp_path / "out")
    assert (first.rows[0].id, second.num_reused) == ("made3_A", 0)
    assert {row.id: row.length for row in second.rows}["made0_A"] == 25
    third = prepare([folder], tmp_path / "out", Filters(max_length=24))
    assert {row.id for row in third.rows} == {"made1_A", "made2_A", "made3_A", "made4_A"}
    assert len(list((tmp_path / "out").glob("shard-*"))) == 1


def test_a_folder_prepared_from_other_sources_is_left_alone(folder, made_chain, tmp_path):
    prepare([folder], tmp_path / "out")
    other = write_arrays(tmp_path / "chains.npz", [made_chain(18)])
    with pytest.raises(InputError, match="prepared from other sources"):
        prepare([other], tmp_path / "out")
    assert len(ShardedChains(tmp_path / "out")) == 6


def test_files_of_one_name_are_told_apart_by_their_folders(folder, made_chain, pdb_file, tmp_path):
    pdb_file(folder / "deeper", made_chain(33, 0))
    report = prepare([folder], tmp_path / "out")
    assert {row.id: row.length for row in report.rows if "made0" in row.id} == {"made0_A": 20, "deeper-made0_A": 33}
    assert {row.entry for row in report.rows if "made0" in row.id} == {"made0", "deeper-made0"}


def test_a_structure_in_two_formats_is_taken_once(folder, made_chain, pdb_file, tmp_path):
    pdb_file(folder, made_chain(25, 5))
    report = prepare([folder], tmp_path / "out")
    assert len(report.rows) == 6
    assert [(item.name, item.why) for item in report.dropped] == [("made5_A", "a chain of this name was there before")]


def test_alignments_are_stored_with_their_chains(folder, made_chain, tmp_path):
    ours = made_chain(21, 1, rows=6)
    (tmp_path / "made1_A.a3m").write_text("".join(f">{i}\n{row}\n" for i, row in enumerate(ours.alignment.sequences)))
    (tmp_path / "bad.a3m").write_text("no alignment")
    report = prepare([folder], tmp_path / "out", alignments=[tmp_path])
    stored = ShardedChains(tmp_path / "out")
    assert stored[stored.index["made1_A"]].alignment.sequences == ours.alignment.sequences
    assert stored[stored.index["made2_A"]].alignment is None
    assert list(report.unreadable) == [str(tmp_path / "bad.a3m")]
    assert prepare([folder], tmp_path / "out", alignments=[tmp_path]).unreadable == report.unreadable


@pytest.mark.slow
def test_several_processes_make_the_same_shards(folder, tmp_path, monkeypatch):
    one = prepare([folder], tmp_path / "one")
    two = prepare([folder], tmp_path / "two", workers=2)
    assert one.rows == two.rows
    assert ShardedChains(tmp_path / "one").notes["shards"] == ShardedChains(tmp_path / "two").notes["shards"]
