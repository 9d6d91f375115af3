"""`foldwright score` from the command line to the numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from foldwright.chem.atoms import ATOM14_NAMES, ATOM37_MASK, ATOM_INDEX
from foldwright.chem.residues import ONE_TO_THREE, sequence_to_aatype
from foldwright.cli import main
from foldwright.cli.score import by_alignment, by_number, match_chains, match_residues, score
from foldwright.errors import InputError
from foldwright.io.pdb import write_pdb
from foldwright.io.structure import Structure

RAW = Path(__file__).parents[3] / "shared" / "data" / "raw"
SEQUENCE = "MDFRGEYKLVNSTWHCIPQADERF"

app = typer.Typer()
app.command()(score)


def run(*arguments):
    return CliRunner().invoke(app, [str(x) for x in arguments], catch_exceptions=True)


def model_of(*sequences, seed=0, chain_ids=None):
    """Atoms in a loose ball about each C-alpha of a walk."""
    rng = np.random.default_rng(seed)
    letters = "".join(sequences)
    trace = np.cumsum(rng.normal(size=(len(letters), 1, 3)) * 2.5, axis=0)
    positions = trace + rng.normal(size=(len(letters), 37, 3)) * 1.2
    mask = ATOM37_MASK[sequence_to_aatype(letters)]
    return Structure.of_sequences(sequences, positions, mask, np.full(len(letters), 50.0), chain_ids=chain_ids)


def changed(structure, **arrays):
    from dataclasses import replace

    return replace(structure, **arrays)


@pytest.fixture
def written(tmp_path):
    def write(name, structure):
        write_pdb(tmp_path / name, structure)
        return tmp_path / name

    return write


def test_a_structure_is_like_itself(written):
    path = written("a.pdb", model_of(SEQUENCE))
    found = json.loads(run(path, path, "--json").stdout)
    assert {found[key] for key in ("lddt", "lddt_ca", "gdt_ts", "gdt_ha", "sequence_identity")} == {1.0}
    assert found["tm"] == pytest.approx(1, abs=1e-6)
    assert found["rmsd"] < 1e-3
    assert found["num_matched"] == len(SEQUENCE) == len(found["residues"])
    assert [residue["residue"] for residue in found["residues"]] == [ONE_TO_THREE[x] for x in SEQUENCE]


def test_noise_lowers_every_score(written):
    truth = model_of(SEQUENCE)
    noise = np.random.default_rng(1).normal(size=truth.positions.shape).astype(np.float32)
    paths = written("noisy.pdb", changed(truth, positions=truth.positions + 1.5 * noise)), written("truth.pdb", truth)
    found = json.loads(run(*paths, "--json").stdout)
    for key in ("lddt", "lddt_ca", "tm", "gdt_ts", "gdt_ha"):
        assert 0.05 < found[key] < 0.95, key
    assert 1 < found["rmsd"] < 4
    assert found["gdt_ha"] < found["gdt_ts"]
    assert len({residue["lddt"] for residue in found["residues"]}) > 5


def test_names_of_equivalent_atoms_do_not_matter(written):
    truth = model_of(SEQUENCE)
    positions = truth.positions.copy()
    for residue, pairs in {"D": ("OD1", "OD2"), "R": ("NH1", "NH2"), "V": ("CG1", "CG2")}.items():
        rows = [i for i, letter in enumerate(SEQUENCE) if letter == residue]
        i, j = (ATOM_INDEX[name] for name in pairs)
        positions[np.ix_(rows, [i, j])] = positions[np.ix_(rows, [j, i])]
    paths = written("renamed.pdb", changed(truth, positions=positions)), written("truth.pdb", truth)
    assert json.loads(run(*paths, "--json").stdout)["lddt"] == 1


def test_table_shows_scores_and_coverage(written):
    truth = model_of(SEQUENCE)
    part = truth.select(np.arange(len(SEQUENCE)) < 18)
    result = run(written("part.pdb", part), written("truth.pdb", truth), "--tm-align")
    assert result.exit_code == 0
    assert "18 of 24" in result.stdout
    assert "0.750" in result.stdout  # GDT-TS and TM count the missing residues
    assert "TM-align" in result.stdout


def test_numbers_decide_while_sequences_agree():
    truth = model_of(SEQUENCE)
    tail = truth.select(np.arange(len(SEQUENCE)) >= 5)
    pairs = by_number(tail, truth, np.arange(len(tail)), np.arange(len(truth)))
    assert pairs == [(i, i + 5) for i in range(len(tail))]


def test_other_numbers_are_matched_by_sequence():
    truth = model_of(SEQUENCE)
    tail = model_of(SEQUENCE[5:])  # numbered from 1
    whole = np.arange(len(tail)), np.arange(len(truth))
    assert by_number(tail, truth, *whole) == []
    assert by_alignment(tail, truth, *whole) == [(i, i + 5) for i in range(len(tail))]
    assert match_residues(tail, truth).tolist() == [[i, i + 5] for i in range(len(tail))]


def test_chains_are_matched_by_sequence_then_by_name():
    other = SEQUENCE[::-1]
    model = model_of(SEQUENCE, other, SEQUENCE, chain_ids=["A", "B", "C"])
    reference = model_of(other, SEQUENCE, SEQUENCE, chain_ids=["X", "C", "A"])
    assert match_chains(model, reference) == [(1, 0), (2, 1), (0, 2)]


def test_unrelated_sequences_are_an_error(written):
    paths = written("a.pdb", model_of("GGGGGGGGGGGG")), written("b.pdb", model_of("WWWWWWWWWWWW"))
    result = run(*paths)
    assert result.exit_code != 0
    assert isinstance(result.exception, InputError)
    assert "a.pdb" in str(result.exception)


def test_a_file_without_protein_is_an_error(written, tmp_path):
    (tmp_path / "empty.pdb").write_text("END\n")
    result = run(tmp_path / "empty.pdb", written("a.pdb", model_of(SEQUENCE)))
    assert isinstance(result.exception, InputError)
    assert "empty.pdb" in str(result.exception)


def test_every_equivalent_atom_exists():
    from foldwright.cli.score import EQUIVALENT_ATOMS

    for residue, pairs in EQUIVALENT_ATOMS.items():
        assert {name for pair in pairs for name in pair} <= set(ATOM14_NAMES[residue])


@pytest.mark.shared
@pytest.mark.skipif(not RAW.exists(), reason="needs ../shared")
def test_the_same_entry_from_two_formats():
    found = json.loads(run(RAW / "biopython/1A8O.cif.gz", RAW / "biopython/1A8O.pdb.gz", "--json").stdout)
    assert found["num_matched"] == found["num_reference"] == 70
    assert found["lddt"] == found["gdt_ha"] == 1


@pytest.mark.shared
@pytest.mark.skipif(not RAW.exists(), reason="needs ../shared")
def test_two_unrelated_proteins_are_not_compared():
    result = run(RAW / "gemmi/1orc.pdb.gz", RAW / "ngl/1crn.pdb")
    assert isinstance(result.exception, InputError)
    assert "1orc.pdb.gz" in str(result.exception)


def compact_pair(gap=6.0):
    """Two chains of twelve residues that face each other at this distance, pLDDT 80 and 60."""
    letters = SEQUENCE[:12]
    positions = np.zeros((24, 37, 3), np.float32)
    positions[:, :, 0] = np.tile(np.arange(12) * 3.8, 2)[:, None]
    positions[12:, :, 1] = gap
    mask = ATOM37_MASK[sequence_to_aatype(letters * 2)]
    return Structure.of_sequences([letters] * 2, positions, mask, np.repeat([80.0, 60.0], 12))


def pae_of_pair():
    pae = np.full((24, 24), 2.0)
    pae[:12, 12:], pae[12:, :12] = 4.0, 25.0
    pae[12, 0] = 3.0
    return pae


def test_confidence_is_read_from_the_file_beside_the_structure(written, tmp_path):
    """Forward every pair counts with error 4, backward one pair with error 3; values by hand."""
    path = written("x_unrelaxed_rank_001_m.pdb", compact_pair())
    record = {"pae": pae_of_pair().tolist(), "ptm": 0.7, "iptm": 0.6}
    (tmp_path / "x_scores_rank_001_m.json").write_text(json.dumps(record))
    found = json.loads(run(path, "--json").stdout)
    assert found["pae"] == str(tmp_path / "x_scores_rank_001_m.json")
    assert (found["ptm"], found["iptm"], found["mean_plddt"], found["pae_cutoff"]) == (0.7, 0.6, 70, 10)
    assert found["chains"]["B"] == {"residues": 12, "mean_plddt": 60}
    pair = found["chain_pairs"]["A-B"]
    d0 = 1.24 * 12 ** (1 / 3) - 1.8
    assert pair["ipsae_forward"] == pytest.approx(1 / (1 + (4 / d0) ** 2))
    assert pair["ipsae_backward"] == pytest.approx(1 / (1 + (3 / d0) ** 2)) == pair["ipsae"]
    assert pair["contacts"] == 12 + 2 * 11  # 6 Å across, 7.1 Å to the neighbours of the opposite residue
    assert pair["interface_plddt"] == 70
    assert pair["pdockq"] == pytest.approx(0.724 / (1 + np.exp(-0.052 * (70 * np.log10(34) - 152.611))) + 0.018)
    assert pair["pdockq2_forward"] > 3 * pair["pdockq2_backward"]
    assert pair["pdockq2"] == pair["pdockq2_forward"]
    assert pair["lis"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert pair["lia"] == 145
    assert (pair["min_pae"], pair["mean_pae"]) == (3, pytest.approx((144 * 4 + 143 * 25 + 3) / 288))
    assert pair["iptm_from_pae"] > pair["ipsae_forward"] - 1e-9


def test_the_cutoff_of_ipsae_can_be_chosen(written, tmp_path):
    path = written("x.pdb", compact_pair())
    (tmp_path / "mine.json").write_text(json.dumps({"pae": pae_of_pair().tolist()}))
    found = json.loads(run(path, "--pae", tmp_path / "mine.json", "--pae-cutoff", "3.5", "--json").stdout)
    assert found["chain_pairs"]["A-B"]["ipsae_forward"] == 0 < found["chain_pairs"]["A-B"]["ipsae"]
    result = run(path, "--pae-cutoff", "0")
    assert "--pae-cutoff" in str(result.exception)


def test_confidence_is_shown_as_a_table(written, tmp_path):
    path = written("x.pdb", compact_pair())
    (tmp_path / "x_pae.json").write_text(json.dumps([{"predicted_aligned_error": pae_of_pair().tolist()}]))
    shown = run(path).stdout
    assert "A-B" in shown
    assert "ipSAE" in shown
    assert "pDockQ2" in shown
    assert "chain B" in shown


def test_without_aligned_errors_there_are_only_scores_that_need_none(written):
    path = written("x.pdb", compact_pair())
    found = json.loads(run(path, "--json").stdout)
    assert found["pae"] is None
    assert set(found["chain_pairs"]["A-B"]) == {"contacts", "interface_residues", "interface_plddt", "pdockq"}
    assert "--pae FILE" in run(path).stdout


def test_chains_that_do_not_touch_have_no_docking_score(written):
    found = json.loads(run(written("x.pdb", compact_pair(gap=30.0)), "--json").stdout)["chain_pairs"]["A-B"]
    assert found == {"contacts": 0, "interface_residues": 0, "interface_plddt": 0, "pdockq": 0}


def test_errors_of_another_prediction_are_refused(written, tmp_path):
    (tmp_path / "x_pae.json").write_text(json.dumps([{"predicted_aligned_error": [[1.0]]}]))
    result = run(written("x.pdb", compact_pair()))
    assert isinstance(result.exception, InputError)
    assert "x_pae.json" in str(result.exception)


def test_a_prediction_on_disk_has_the_scores_that_were_written_of_it(tmp_path):
    """Files hold errors with two decimals and coordinates with three, so scores agree nearly."""
    tiny = (
        "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
        "structure.num_layers=1 recycling.num_recycles=0"
    )
    (tmp_path / "jobs.csv").write_text("id,sequence\npair,MKTAYIAK:GSHMLEDP\n")
    options = [word for text in tiny.split() for word in ("--set", text)]
    where = [tmp_path / "jobs.csv", "--weights", "rule", "--msa", "none", "--out", tmp_path / "out", "--no-report"]
    done = CliRunner().invoke(main.app, ["predict", *map(str, where), *options])
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "out" / "pair").glob("*_scores.json")
    expected = json.loads(written.read_text())
    found = json.loads(run(tmp_path / "out" / "pair" / "ranked_0.cif", "--json").stdout)
    assert found["pae"] == str(written)
    assert (found["ptm"], found["iptm"]) == (expected["ptm"], expected["iptm"])
    ours, theirs = found["chain_pairs"]["A-B"], expected["chain_pairs"]["A-B"]
    assert set(theirs) - set(ours) == {"iptm", "iptm_forward", "iptm_backward"}
    for name in set(theirs) & set(ours):
        assert ours[name] == pytest.approx(theirs[name], rel=0.02, abs=0.01), name
    assert theirs["iptm"] == max(theirs["iptm_forward"], theirs["iptm_backward"]) > 0
