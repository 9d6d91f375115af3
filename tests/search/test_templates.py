"""Which hits become templates, residue by residue, and the reasons of the others."""

import json
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.templates import templates_given
from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit, read_hhr
from foldwright.io.mmcif import read_mmcif
from foldwright.io.structure import Structure
from foldwright.io.text import read_lines
from foldwright.search import templates as t
from foldwright.search.structures import TemplateStructures, read_obsolete
from foldwright.search.template_search import search_templates

MINIDB = Path(__file__).parents[3] / "shared" / "data" / "af3_inputs" / "alphafold3_minidb"


@pytest.fixture
def folder(tmp_path, oracle_file):
    """4i6p (two chains of one sequence, released 2013-01-30) as a folder of the PDB has it."""
    (tmp_path / "4i6p.cif").write_bytes(oracle_file("data/inputs/4i6p.cif").read_bytes())
    return tmp_path


@pytest.fixture
def structure(oracle_file):
    return read_mmcif(oracle_file("data/inputs/4i6p.cif"))


def mutated(sequence, step=7):
    """A relative: every seventh residue is another one."""
    return "".join("A" if i % step == 0 and letter != "A" else letter for i, letter in enumerate(sequence))


def hit_on(sequence, first=0, name="4I6P_A", offset=0, **changes):
    """A hit of these residues, which stand at `first` of their chain, on the columns from `offset` of the query."""
    count = len(sequence)
    places, columns = list(range(first, first + count)), list(range(offset, offset + count))
    hit = TemplateHit(1, name, count, 1.0, mutated(sequence), sequence, columns, places, 99.0, 1e-9)
    return replace(hit, **changes)


def reasons(hits, query, folder, **filters):
    used, rejected = t.select_templates(hits, query, TemplateStructures.of(folder), t.TemplateFilters(**filters))
    assert len(used) + len(rejected) == len(hits)
    return [item.name for item in used], [item.reason for item in rejected]


def test_a_hit_lies_over_the_query_as_found(structure, folder):
    letters = structure.chain("A").sequence[10:50]
    query = "GG" + mutated(letters)
    (used,), rejected = t.select_templates([hit_on(letters, 10, offset=2)], query, TemplateStructures.of(folder))
    assert (used.name, used.chain, used.file, rejected) == ("4i6p_A", "A", folder / "4i6p.cif", [])
    assert used.mapping == tuple((i + 2, i + 10) for i in range(40))
    (template,) = templates_given([query], used, structure)
    assert template is not None
    assert (template.aatype[0] == GAP).tolist() == [True, True, *[False] * 40]
    torch.testing.assert_close(template.positions[0, 2:], torch.from_numpy(structure.chain("A").positions[10:50]))
    assert template.positions.std() > 1
    assert 0 < template.atom_mask.mean() < 1


def test_a_place_that_is_off_by_unseen_residues_is_found_by_the_letters(structure):
    letters = structure.chain("A").sequence[10:50]
    expected = {i: i + 10 for i in range(40)}
    assert t.mapping_of_hit(hit_on(letters, 3), structure.chain("A").sequence) == expected
    unknown = letters[:5] + "XXXXXXXX" + letters[13:]
    assert t.mapping_of_hit(hit_on(unknown, 3), structure.chain("A").sequence) == expected
    assert t.mapping_of_hit(hit_on(letters, 3), structure.chain("A").sequence.replace(letters, unknown)) == expected


def test_of_repeats_the_one_that_was_found_counts():
    unit = "MKTAYIAKQRQISFVKSH"
    assert t.place_of(unit, unit * 3, near=20) == 18
    assert t.place_of(unit, unit * 3, near=40) == 36
    assert t.place_of("WWW", unit * 3) is None


def test_a_hit_on_a_sequence_with_changes_is_realigned(structure):
    letters = list(structure.chain("A").sequence[10:50])
    letters[7], letters[30] = "W", "W"
    found = t.mapping_of_hit(hit_on("".join(letters), 3), structure.chain("A").sequence)
    assert found == {i: i + 10 for i in range(40)}


def test_gaps_of_query_and_hit_are_no_partners(structure):
    letters = structure.chain("A").sequence[10:30]
    hit = hit_on(letters, 10, indices_query=[*range(8), -1, -1, *range(8, 18)])
    hit = replace(hit, query=hit.query[:8] + "--" + hit.query[10:])
    found = t.mapping_of_hit(hit, structure.chain("A").sequence)
    assert found == {**{i: i + 10 for i in range(8)}, **{i: i + 12 for i in range(8, 18)}}


def test_every_rejected_hit_has_its_reason(structure, folder):
    sequence = structure.chain("A").sequence
    good, query = hit_on(sequence[5:80], 5), mutated(sequence[5:80])
    hits = {
        "fewer than 10 residues": hit_on(sequence[5:14], 5, name="8zzz_A"),  # no file is looked for
        "covers at most 20% of the query": hit_on(sequence[5:20], 5, name="8zzz_A"),
        "no structure file": replace(good, name="9zzz_A"),
        "the same residues as 4i6p_A": replace(good, name="4i6p_B"),
        "5 of its 18 residues are those of its chain": hit_on("MKTAYIAKQRQISFVKSH"),
    }
    used, found = reasons([good, *hits.values()], query, folder, min_coverage=0.2)
    assert used == ["4i6p_A"]
    expected = list(hits)
    assert found[:4] == expected[:4]
    assert found[4].endswith("of its 18 residues are those of its chain")


def test_both_chains_are_kept_if_duplicates_are_wanted(structure, folder):
    good = hit_on(structure.chain("A").sequence[5:80], 5)
    used, _ = reasons([good, replace(good, name="4I6P_B")], good.query, folder, is_deduplicated=False)
    assert used == ["4i6p_A", "4i6p_B"]


def test_the_query_itself_is_no_template_of_it(structure, folder):
    sequence = structure.chain("A").sequence[5:80]
    hit = hit_on(sequence, 5, query=sequence)
    assert reasons([hit], sequence, folder)[1] == ["is the query itself: the same residues over more than 95% of it"]
    assert reasons([hit], sequence, folder, max_subsequence=1.0)[0] == ["4i6p_A"]
    assert reasons([hit], sequence + "G" * 20, folder)[0] == ["4i6p_A"]


def test_templates_that_are_too_alike_are_left_out_on_request(structure, folder):
    hit = hit_on(structure.chain("A").sequence[5:80], 5)
    assert reasons([hit], hit.query, folder, max_identity=0.9)[0] == ["4i6p_A"]
    assert reasons([hit], hit.query, folder, max_identity=0.5)[1] == ["more than 50% of the aligned residues are equal"]


def test_entries_after_a_day_are_left_out(structure, folder):
    hit = hit_on(structure.chain("A").sequence[5:80], 5)
    released = structure.header.release_date
    assert reasons([hit], hit.query, folder, max_date=released)[0] == ["4i6p_A"]
    assert reasons([hit], hit.query, folder, max_date="2012-12-31") == ([], ["released after 2012-12-31"])
    with pytest.raises(InputError, match=r'field max_date: "31.12.2012" is no date'):
        t.TemplateFilters(max_date="31.12.2012")
    with pytest.raises(InputError, match="field min_length: 0 is not possible"):
        t.TemplateFilters(min_length=0)


def test_an_entry_that_gives_no_day_is_left_out_where_it_matters(structure, folder):
    document = gemmi.cif.read(str(folder / "4i6p.cif"))
    document[0].find_mmcif_category("_pdbx_audit_revision_history.").erase()
    document.write_file(str(folder / "4i6p.cif"))
    hit = hit_on(structure.chain("A").sequence[5:80], 5)
    assert reasons([hit], hit.query, folder, max_date="2030-01-01")[1] == ["its file gives no release date"]
    assert reasons([hit], hit.query, folder)[0] == ["4i6p_A"]


def test_no_more_than_wanted_are_taken_the_most_probable_first(structure, folder):
    sequence = structure.chain("A").sequence
    first = hit_on(sequence[5:60], 5, sum_probs=20.0)
    best = hit_on(sequence[20:80], 20, offset=15, sum_probs=50.0)
    used, rejected = t.select_templates(
        [first, best], mutated(sequence[5:80]), TemplateStructures.of(folder), t.TemplateFilters(max_templates=1)
    )
    assert used[0].mapping is not None
    assert used[0].mapping[0] == (15, 20)
    assert [item.reason for item in rejected] == ["1 better ones were found"]
    found = [replace(first, sum_probs=None), best]
    assert t.in_order(found) == found


def test_hits_of_hhsearch_come_in_the_order_of_their_probabilities(oracle_file):
    """data/inputs/hhr__pdb70_hits.hhr: HHsearch itself lists them in another order."""
    hits = read_hhr(oracle_file("data/inputs/hhr__pdb70_hits.hhr"))
    ordered = [hit.sum_probs or 0.0 for hit in t.in_order(hits)]
    assert ordered == sorted(ordered, reverse=True)
    assert [hit.sum_probs for hit in hits] != ordered


def test_residues_without_coordinates_make_no_template(structure, folder):
    chain = structure.chain("A")
    unseen = np.flatnonzero(~chain.is_resolved)
    start, stop = int(unseen[0]), int(unseen[0]) + 1
    while stop < len(chain) and not chain.is_resolved[stop]:
        stop += 1
    hit = hit_on(chain.sequence[start:stop], start)
    found = reasons([hit], hit.query, folder, min_length=1, max_subsequence=2.0)[1]
    assert found == ["fewer than 5 atoms of its aligned residues were seen"]


def test_a_torn_chain_is_no_template(structure, folder):
    source = gemmi.read_structure(str(folder / "4i6p.cif"))
    for atom in source[0]["A"][20]:
        atom.pos = gemmi.Position(500, 500, 500)
    source.make_mmcif_document().write_file(str(folder / "4i6p.cif"))
    hit = hit_on(structure.chain("A").sequence[5:80], 5)
    assert reasons([hit], hit.query, folder)[1] == ["neighbouring Cα are more than 150 Å apart"]
    assert reasons([replace(hit, name="4i6p_B")], hit.query, folder)[0] == ["4i6p_B"]


def test_a_damaged_file_is_a_reason_and_no_failure(structure, folder):
    text = (folder / "4i6p.cif").read_text()
    (folder / "4i6p.cif").write_text(text[:3000] + "\nloop_\n_broken\n'")
    hit = hit_on(structure.chain("A").sequence[5:80], 5)
    (reason,) = reasons([hit], hit.query, folder)[1]
    assert reason.startswith("4i6p.cif cannot be used: ")


def test_a_chain_that_has_another_name_today_is_found_by_its_residues(structure, folder):
    hit = hit_on(structure.chain("A").sequence[5:80], 5, name="4i6p_Q")
    assert reasons([hit], hit.query, folder)[0] == ["4i6p_A"]
    other = hit_on("MKTAYIAKQRQISFVKSH", name="4i6p_Q")
    assert reasons([other], other.query, folder)[1] == ["its file has no such protein chain, only A, B"]


def test_another_chain_counts_where_the_named_one_has_other_residues():
    sequences = ["MKTAYIAKQRQISFVKSH", "GSHMACDEFGHIKLMNPQ"]
    atoms = np.zeros((36, 37, 3)), np.ones((36, 37)), np.zeros(36)
    whole = Structure.of_sequences(sequences, *atoms, chain_ids=("A", "B"))
    assert t.chain_of_hit(hit_on("HMACDEFG", name="1abc_A"), whole).chain_ids == ("B",)
    assert t.chain_of_hit(hit_on("TAYIAKQR", name="1abc_A"), whole).chain_ids == ("A",)
    assert t.chain_of_hit(hit_on("WWWWWWWW", name="1abc_A"), whole).chain_ids == ("A",)
    assert t.chain_of_hit(TemplateHit.of_name("1abc_B", 1), whole).chain_ids == ("B",)
    assert t.chain_of_hit(hit_on("WWWWWWWW", name="1abc_Q"), whole.chain("B")).chain_ids == ("B",)


def test_chains_with_names_of_several_letters(structure, folder):
    source = gemmi.read_structure(str(folder / "4i6p.cif"))
    source.rename_chain("B", "Bj")
    source.make_mmcif_document().write_file(str(folder / "4i6p.cif"))
    hit = hit_on(structure.chain("B").sequence[5:80], 5, name="4i6p_Bj")
    (used,), _ = t.select_templates([hit], hit.query, TemplateStructures.of(folder))
    assert (used.name, used.chain) == ("4i6p_Bj", "Bj")


def test_a_hit_of_which_only_the_name_is_known_is_aligned(structure, folder):
    query = "GG" + mutated(structure.chain("A").sequence[10:70])
    named = TemplateHit.of_name("4i6p_A", 1)
    (used,), _ = t.select_templates([named], query, TemplateStructures.of(folder))
    assert used.mapping is not None
    assert set(used.mapping) >= {(i + 2, i + 10) for i in range(4, 56)}
    assert reasons([named], "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ", folder)[1] == [
        "unrelated chains resemble the query as much"
    ]
    sequence = structure.chain("A").sequence
    assert reasons([named], sequence, folder)[1] == ["is the query itself: the same residues over more than 95% of it"]


def test_withdrawn_entries_are_followed_to_their_successors(structure, folder):
    (folder / "obsolete.dat").write_text(
        " LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS\n"
        "OBSLTE    31-JUL-94 1OLD     2MID\n"
        "OBSLTE    31-JUL-95 2MID     4I6P     5XYZ\n"
        "OBSLTE    08-NOV-96 3GON\n"
        "OBSLTE    08-NOV-96 1ABC     1ABC\n"
    )
    assert read_obsolete(folder / "obsolete.dat") == {"1old": "2mid", "2mid": "4i6p", "3gon": None, "1abc": "1abc"}
    hit = hit_on(structure.chain("A").sequence[5:80], 5, name="1OLD_A")
    used, rejected = reasons([hit, replace(hit, name="3gon_A"), replace(hit, name="1abc_A")], hit.query, folder)
    assert used == ["4i6p_A"]
    assert rejected == ["withdrawn from the PDB without a successor", "no structure file"]


@pytest.mark.parametrize("place", ["4i6p.cif.gz", "i6/4i6p.cif.gz", "4I6P.cif", "mmcif_files/4i6p.cif"])
def test_structures_are_found_in_every_layout(tmp_path, oracle_file, place):
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("data_x\n")
    structures = TemplateStructures.of(tmp_path)
    assert structures.find("4i6p") == structures.find("4I6P") == file
    assert structures.find("4zey") is None


def test_a_missing_folder_of_structures_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        TemplateStructures.of(tmp_path / "missing")


def test_the_record_says_what_was_used_and_why_not_the_rest(structure, folder):
    good = hit_on(structure.chain("A").sequence[5:80], 5)
    absent = [replace(good, name=f"9zz{i}_A") for i in range(2)]
    used, rejected = t.select_templates([good, *absent], good.query, TemplateStructures.of(folder))
    assert t.template_record(used, rejected) == {
        "used": [{"name": "4i6p_A", "file": str(folder / "4i6p.cif"), "chain": "A", "residues": 75}],
        "rejected": [{"reason": "no structure file", "hits": ["9zz0_A", "9zz1_A"]}],
    }


def test_a_hit_of_hhsearch_lies_over_the_query_as_with_deepmind(oracle_file):
    """data/index.json "hit0_mapping": query column to letter of the first hit of data/inputs/hhr__pdb70_hits.hhr."""
    expected = json.loads("\n".join(read_lines(oracle_file("data/index.json.gz"))))["hit0_mapping"]
    first = read_hhr(oracle_file("data/inputs/hhr__pdb70_hits.hhr"))[0]
    sequence = "GG" + first.hit_sequence.replace("-", "") + "AAA"
    found = t.mapping_of_hit(first, sequence)
    assert found == {int(column): place + 2 for column, place in expected.items()}


def test_hits_of_hhsearch_on_real_structures(oracle_file):
    """data/inputs: an HHR file and two of the entries that it names, one of them packed."""
    hits = read_hhr(oracle_file("data/inputs/hhr__pdb70_hits.hhr"))
    folder = oracle_file("data/inputs/4zey.cif.gz").parent
    used, rejected = t.select_templates(hits, "X" * 73, TemplateStructures.of(folder))
    by_name = {t.hit_name(hit): hit for hit in hits}
    assert {item.name for item in used} >= {"4zey_A", "4i6p_A"}
    for item in used:
        hit = by_name[item.name]
        pairs = zip(hit.indices_query, hit.indices_hit, strict=True)
        assert item.mapping == tuple((q, h) for q, h in pairs if q >= 0 and h >= 0)
    assert {item.reason for item in rejected} == {"no structure file"}


@pytest.mark.shared
@pytest.mark.skipif(not MINIDB.is_dir(), reason=f"{MINIDB} is not there")
def test_a_chain_with_two_letters_of_a_ribosome():
    """6ydw chain Bj of AlphaFold 3's small PDB: found by hmmsearch, with the residues that were not seen."""
    database = MINIDB / "pdb_seqres_2022_09_28__subsampled_1000.fasta.gz"
    sequence = "QLEEIQIERSLYSDHELRALDEAQQLAKKKSDLYEEEDEQNILLAQDLEDMWEQKFLHFKLGARLTEADKKDDRTSLHRKLDRNLILLVREKLGDQDIWMLPQ"
    query = mutated(sequence)
    (hits,) = search_templates([Alignment.of_query(query)], database)
    used, rejected = t.select_templates(hits, query, TemplateStructures.of(MINIDB / "pdb_mmcif"))
    assert (used[0].name, used[0].chain) == ("6ydw_Bj", "Bj")
    assert len(used[0].mapping or ()) > 80
    assert len(used) + len(rejected) == len(hits)
