"""Reading the folder of a complex, and what its page says."""

import base64
import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.reports import write_figures, write_index, write_report
from foldwright.reports.complexes import MOST_SHOWN, Sample, read_complex
from foldwright.reports.folders import is_job_folder, read_folder

MATRIX_OF_CHAINS = "seed-1_sample-0_chain_pair_iptm.svg"


def change(path, **what):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | what), "utf-8")


def sample_file(folder, name, ending):
    return folder / name / f"{folder.name}_{name}_{ending}"


def page_of(folder):
    return write_report(folder).read_text("utf-8")


def blob(text, name):
    start = text.index(">", text.index(f'id="{name}"')) + 1
    return gzip.decompress(base64.b64decode(text[start : text.index("<", start)]))


def data_of(text):
    start = text.index(">", text.index('id="data"')) + 1
    return json.loads(text[start : text.index("</script>", start)])


def test_chains_have_kinds_entities_and_a_place_for_every_token(mixed):
    chains = read_complex(mixed).chains
    assert [(chain.name, chain.kind, chain.entity) for chain in chains] == [
        ("A", "protein", 1),
        ("B", "protein", 1),
        ("R", "RNA", 2),
        ("X", "ligand", 3),
        ("Y", "ion", 4),
    ]
    assert [chain.size for chain in chains] == [26, 26, 6, 6, 1]  # a phosphoserine is as many tokens as atoms
    assert [place.atom for place in chains[0].places[3:7]] == ["", "N", "CA", "C"]
    assert [place.atom for place in chains[3].places] == ["C1", "C2", "C3", "C4", "C5", "C6"]
    assert chains[0].sequence[:6] == "ARYMXK"
    assert chains[2].sequence == "GACUGA"


def test_plddt_of_a_token_is_the_mean_of_its_atoms(mixed):
    sample = read_complex(mixed).models[0]
    assert isinstance(sample, Sample)
    assert sample.plddt.std() > 5
    first = sample.atoms.b_factors[:5]  # alanine: N CA C O CB
    assert sample.plddt[0] == pytest.approx(first.mean(), abs=1e-3)
    low, high = sample.tokens.ranges(sample.atoms.b_factors)
    assert (low[0], high[0]) == (first.min(), first.max())
    assert sample.plddt[4] == low[4] == sample.atoms.b_factors[sample.atoms.residue_names == "SEP"][0]  # one atom


def test_samples_come_by_their_unrounded_ranking_score(mixed):
    (mixed / "mixed_ranking_scores.csv").write_text("seed,sample,ranking_score\n1,0,0.8701\n1,1,0.8702\n", "utf-8")
    results = read_complex(mixed)
    assert [model.name for model in results.models] == ["seed-1_sample-1", "seed-1_sample-0"]
    assert results.ranking["values"]["seed-1_sample-1"] == 0.8702


def test_without_the_table_the_summaries_rank(mixed):
    (mixed / "mixed_ranking_scores.csv").unlink()
    assert [model.name for model in read_complex(mixed).models] == ["seed-1_sample-0", "seed-1_sample-1"]


def test_any_folder_of_alphafold3_is_a_jobs(mixed, tmp_path):
    assert is_job_folder(mixed)
    assert not is_job_folder(tmp_path)
    with pytest.raises(InputError, match="no folder of results"):
        read_folder(tmp_path)


def test_packed_files_are_read(tmp_path, make_complex):
    pytest.importorskip("zstandard", reason="zstandard is not installed")
    plain, packed = make_complex(tmp_path / "a" / "job"), make_complex(tmp_path / "b" / "job", ending=".zst")
    assert (packed / "seed-1_sample-0" / "job_seed-1_sample-0_model.cif.zst").is_file()
    structures = [blob(page_of(folder), "structure-0") for folder in (plain, packed)]
    assert structures[0] == structures[1]


def test_samples_beyond_what_a_page_carries_are_listed(tmp_path, make_complex):
    samples = [(seed, sample) for seed in (1, 2, 3) for sample in range(4)]
    folder = make_complex(tmp_path / "job", copies=1, residues=6, bases=0, samples=samples)
    results = read_complex(folder)
    assert (len(results.models), len(results.others)) == (MOST_SHOWN, 2)
    text = page_of(folder)
    assert f"This page carries the best {MOST_SHOWN}; the others are listed." in text
    assert "seed-3_sample-3" in text
    assert '<optgroup label="seed 2">' in text


@pytest.mark.parametrize(
    ("ending", "text", "says"),
    [
        ("summary_confidences.json", "{", "cannot be read"),
        ("summary_confidences.json", None, "no file ending in summary_confidences.json"),
        ("confidences.json", '{"pae": 1}', "holds no confidences of tokens"),
        ("confidences.json", "[]", "holds no confidences"),
        ("model.cif", "data_x\n", "there is no _atom_site"),
    ],
)
def test_damaged_and_missing_files_are_named(mixed, ending, text, says):
    path = sample_file(mixed, "seed-1_sample-0", ending)
    path.unlink() if text is None else path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=says):
        read_complex(mixed)


def test_confidences_of_another_structure_are_refused(mixed):
    path = sample_file(mixed, "seed-1_sample-0", "confidences.json")
    found = json.loads(path.read_text("utf-8"))
    change(path, token_res_ids=[number + 1 for number in found["token_res_ids"]])
    with pytest.raises(InputError, match="other residues than the structure"):
        read_complex(mixed)


def test_the_page_carries_tokens_maps_and_ranges(mixed):
    text = page_of(mixed)
    data = data_of(text)
    assert data["unit"] == "token"
    assert data["chains"][0]["places"][4] == [5, "SEP", "N"]
    ion = {"name": "Y", "start": 64, "size": 1, "kind": "ion", "entity": 4, "places": [[1, "MG", ""]]}
    assert data["chains"][4] == ion
    blobs = (blob(text, f"{what}-0") for what in ("errors", "contacts"))
    errors, contacts = (np.frombuffer(found, np.uint8).reshape(65, 65) for found in blobs)
    sample = read_complex(mixed).models[0]
    for packed, values, step in ((errors, sample.pae, 0.2), (contacts, sample.contacts, 0.01)):
        assert values is not None
        assert values.std() > 0.1
        assert np.abs(np.cumsum(packed, axis=1, dtype=np.uint8) * step - values).max() <= step / 2 + 1e-4
    model = data["models"][0]
    assert all(low <= mean + 0.1 for low, mean in zip(model["low"], model["plddt"], strict=True))
    assert model["low"][0] < model["high"][0]


def test_matrices_of_chains_have_a_button_for_each_pair_and_none_where_nothing_is_known(mixed):
    text = page_of(mixed)
    matrices = text[text.index('class="matrices"') : text.index('data-model="1"', text.index('class="matrices"'))]
    assert matrices.count("<table") == 2
    assert matrices.count('data-rows="Y"') == 5  # of ipTM; an ion has no frame to lay in place
    assert '--share:90%"><button type="button" class="pair" data-rows="A" data-columns="A">0.90' in matrices


def test_ligands_are_judged_by_what_run_json_says(tmp_path, make_complex):
    atom = {"chain": "X", "residue": 1, "atom": "C4"}
    other = {"chain": "A", "residue": 7, "atom": "CA"}
    sound = {
        "chain": "Y",
        "codes": ["MG"],
        "is_sound": True,
        "chirality_ok": 0,
        "chirality_total": 0,
        "wrong_centres": [],
        "bonds_total": 0,
        "num_bond_outliers": 0,
        "bond_outliers": [],
        "num_clashes": 0,
        "clashing_chains": {},
        "clashes": [],
    }
    bad = sound | {
        "chain": "X",
        "chirality_ok": 1,
        "chirality_total": 2,
        "wrong_centres": [atom],
        "bonds_total": 6,
        "num_bond_outliers": 1,
        "bond_outliers": [{"atom_1": atom, "atom_2": {**atom, "atom": "C5"}, "length": 1.93, "expected": 1.39}],
        "num_clashes": 2,
        "clashing_chains": {"A": 2},
        "clashes": [{"atom": atom, "other": other, "distance": 1.2, "allowed": 2.5}],
    }
    record = {"ligands": [bad, sound]}
    text = page_of(make_complex(tmp_path / "job", run={"run": {"predictions": {"seed-1_sample-0": record}}}))
    for part in (
        "1 of 2; wrong: C4",
        "5 of 6; worst: C4 to C5 1.93 Å, not 1.39",
        "2 with A; worst: C4 1.2 Å from A 7 CA",
        "Stereocentres of ligand X have the wrong hand",
        "no centres",
    ):
        assert part in text


def test_ligands_of_other_programs_are_looked_at(mixed):
    pytest.importorskip("biotite", reason="biotite is not installed")
    pytest.importorskip("rdkit", reason="RDKit is not installed")
    text = page_of(mixed)
    ligands = text[text.index('id="ligands"') :]
    assert ligands.index("BNZ: BENZENE") < ligands.index("no centres") < ligands.index("6 of 6")


def test_what_a_ligand_touches_and_where_it_is_surest(mixed):
    text = page_of(mixed)
    row = text[text.index('data-focus="X"') :]
    row = row[: row.index("</tr>")]
    assert "<td>A, Y</td>" in row  # the helix and the ion beside it, not the other helix
    assert "0.75 (R)" in row


def test_clashing_chains_are_warned_of(mixed):
    change(sample_file(mixed, "seed-1_sample-0", "summary_confidences.json"), has_clash=1.0)
    assert "run through each other" in page_of(mixed)


def test_the_input_tells_of_alignments_and_templates(mixed):
    query = "ARYMXKTDSNQWLIEVARYM".replace("X", "S")
    rows = "".join(f">row{i}\n{query[: 12 + i]}{'-' * (8 - i)}\n" for i in range(5))
    protein = {
        "id": ["A", "B"],
        "sequence": query,
        "unpairedMsa": f">query\n{query}\n{rows}",
        "pairedMsa": "",
        "templates": [{"mmcif": "data_1ABC\n#\n", "queryIndices": [0, 1, 2], "templateIndices": [0, 1, 2]}],
    }
    data = {"name": "Mixed job", "sequences": [{"protein": protein}, {"ligand": {"id": "X", "ccdCodes": ["BNZ"]}}]}
    (mixed / "mixed_data.json").write_text(json.dumps(data), "utf-8")
    text = page_of(mixed)
    for part in ("<h1>Mixed job</h1>", "6 sequences, the query among them", "chain A, B", "1ABC"):
        assert part in text


def test_figures_of_maps_and_matrices_are_written(mixed):
    names = {path.name for path in write_figures(mixed, ["svg"])}
    kinds = ("backbone", "pae", "contacts", "chain_pair_iptm", "chain_pair_pae_min")
    assert {f"seed-1_sample-0_{kind}.svg" for kind in kinds} < names
    text = (mixed / "figures" / MATRIX_OF_CHAINS).read_text("utf-8")
    assert all(f">{value}</text>" in text for value in ("0.90", "0.75", "0.30", "R", "Y"))


def test_the_index_lists_complexes_by_their_best_sample(mixed):
    write_report(mixed)
    text = write_index(mixed.parent).read_text("utf-8")
    row = text[text.index('href="mixed/report.html"') :]
    for part in ("done", "65", "0.84", "0.80", "seed-1_sample-0"):
        assert part in row


def test_a_single_protein_has_neither_matrices_nor_ligands(tmp_path, make_complex):
    text = page_of(make_complex(tmp_path / "job", copies=1, bases=0, has_ligands=False))
    assert 'class="matrices"' not in text
    assert 'id="ligands"' not in text
    assert "1 chain: 1 protein" in text


@pytest.mark.shared
@pytest.mark.parametrize(("name", "tokens", "chains"), [("e2e", 57, 6), ("single", 26, 1)])
def test_official_files_are_read(name, tokens, chains, tmp_path):
    """../shared/oracles/af3/{e2e,single}/files_sample-*: what the released program wrote."""
    source = Path(__file__).parents[3] / "shared" / "oracles" / "af3" / name
    if not source.is_dir():
        pytest.skip("there is no ../shared")
    for i in (0, 1):
        shutil.copytree(source / f"files_sample-{i}", tmp_path / name / f"seed-11_sample-{i}")
    results = read_complex(tmp_path / name)
    assert (results.size, len(results.chains)) == (tokens, chains)
    best = results.models[0]
    summary = json.loads(next((source / "files_sample-0").glob("*summary*")).read_text("utf-8"))
    assert best.scores["ptm"] == summary["ptm"]
    assert best.plddt.std() > 0.5
    assert page_of(tmp_path / name).count("data-focus=") == 2 * (3 if name == "e2e" else 0)
