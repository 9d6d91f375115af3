"""Complexes from job files to AlphaFold 3's folders, with a small network of generated parameters.

Jobs: oracles/af3/inputs; files of the released program: oracles/af3/{e2e,single}/files_sample-0.
"""

import csv
import json
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch

import foldwright
from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.features.af3.featurise import prepare
from foldwright.io.complexes.confidences import confidences_text, read_confidences, read_summary, summary_text
from foldwright.io.complexes.job import ComplexJob, Ligand, Protein
from foldwright.io.complexes.structure import read_complex
from foldwright.pipeline.complexes import fit as af3_fit
from foldwright.pipeline.complexes.folder import KINDS
from foldwright.pipeline.complexes.options import ComplexOptions
from foldwright.pipeline.complexes.plan import ComplexNetwork
from foldwright.pipeline.complexes.prepare import prepare_complexes
from foldwright.pipeline.complexes.results import ComplexPrediction
from foldwright.pipeline.complexes.run import run_complexes
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.results import FailedJob
from foldwright.pipeline.states import Manifest

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
TINY = {
    **{f"{part}.num_blocks": 1 for part in ("pairformer", "msa", "templates", "atoms", "diffusion.atoms")},
    **{f"{part}.pair.c_z": 8 for part in ("pairformer", "msa")},
    **{f"{part}.pair.c_triangle": 8 for part in ("pairformer", "msa", "templates")},
    **{f"{part}.c_atom": 8 for part in ("atoms", "diffusion.atoms")},
    "heads.num_confidence_blocks": 1,
    "diffusion.num_blocks": 4,
    "diffusion.c_token": 16,
    "pairformer.c_s": 16,
}
OPTIONS = ComplexOptions(
    evidence=Evidence(),
    weights="rule",
    recycles=1,
    samples=2,
    steps=2,
    overrides=TINY,
    components=ORACLES / "ccd_subset.json.gz",
    device="cpu",
)
JOB = ORACLES / "inputs" / "tiny.json"


def predict(out, inputs=(JOB,), is_overwriting=False, **choices):
    """Predictions and failures of a run."""
    plan = prepare_complexes(list(inputs), replace(OPTIONS, **choices), out=out)
    return list(run_complexes(plan, is_overwriting=is_overwriting))


def files(folder):
    """The bytes of every file below a folder, less what differs from run to run."""
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in ("execution.json",))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def small_job(name="small", seeds=(7,), ligand=("MG",), **more):
    chain = Protein(("A",), "ACDEF", unpaired_msa="", paired_msa="", templates=())
    return ComplexJob(name, (chain, Ligand(("B",), ligand)), seeds, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One run: tiny.json with two samples, and everything that can be asked for."""
    out = tmp_path_factory.mktemp("made")
    found = predict(out, saves_embeddings=True, saves_distogram=True)
    assert [type(x) for x in found] == [ComplexPrediction] * 2
    return out / "tiny", found


@pytest.fixture
def no_network(monkeypatch):
    """Nothing may be built: what is wrong has to be found before."""

    def load(self):
        raise AssertionError("a network was built")

    monkeypatch.setattr(ComplexNetwork, "load", load)


def test_the_folder_is_laid_out_as_the_released_programs(made):
    folder, found = made
    best = max(found, key=lambda p: p.ranking_score)
    samples = [f"seed-1_sample-{i}/tiny_seed-1_sample-{i}_{ending}" for i in (0, 1) for ending in KINDS.values()]
    arrays = [f"seed-1_{kind}/tiny_seed-1_{kind}.npz" for kind in ("embeddings", "distogram")]
    ours = ["run.json", "execution.json", "status.json", "ranking.json"]
    top = [f"tiny_{ending}" for ending in (*KINDS.values(), "data.json", "ranking_scores.csv")]
    assert set(files(folder)) | {"execution.json"} == {*samples, *arrays, *ours, *top}
    for kind, ending in KINDS.items():
        assert (folder / f"tiny_{ending}").read_bytes() == best.paths[kind].read_bytes()
    rows = list(csv.DictReader((folder / "tiny_ranking_scores.csv").read_text().splitlines()))
    assert [(int(r["seed"]), int(r["sample"])) for r in rows] == [(1, 0), (1, 1)]
    assert [float(r["ranking_score"]) for r in rows] == [p.ranking_score for p in found]


@pytest.mark.parametrize("name", ["e2e", "single"])
def test_the_released_programs_files_and_ours_are_read_by_the_same_reader(made, name):
    stored, prefix = ORACLES / name / "files_sample-0", f"{name}_seed-11_sample-0"
    for paths in (made[1][0].paths, {kind: stored / f"{prefix}_{ending}" for kind, ending in KINDS.items()}):
        structure, long = read_complex(paths["cif"]), read_confidences(paths["confidences"])
        summary = read_summary(paths["summary"])
        assert list(long.atom_chain_ids) == structure.chain_ids.tolist()
        np.testing.assert_allclose(long.atom_plddts, structure.b_factors, atol=0.011)
        assert long.pae.shape == long.contact_probs.shape == (len(long.token_res_ids),) * 2
        assert list(summary.chain_ids) == list(long.token_chain_ids)
        assert len(summary.chain_ptm) == len(structure.chain_starts)
        assert confidences_text(long) == paths["confidences"].read_text()
        assert summary_text(summary) == paths["summary"].read_text()


def test_every_atom_has_its_official_name_and_other_programs_open_the_file(made):
    structure = made[1][0].structure
    ligand = structure.take(structure.residue_names == "MG")
    with np.load(ORACLES / "featurisation" / "tiny_seed1.npz") as stored:
        for ours, theirs in {"atom_names": "atom_name", "residue_ids": "res_id", "chain_types": "chain_type"}.items():
            assert getattr(structure, ours).tolist() == stored[f"layout:flat_output_layout/{theirs}"].tolist()
    model = gemmi.read_structure(str(made[1][0].paths["cif"]))[0]
    assert sum(len(residue) for chain in model for residue in chain) == len(structure) == 60
    assert len(ligand) in (0, 1)
    assert structure.positions.std() > 1


def test_run_json_says_what_was_used(made):
    folder, found = made
    record = json.loads((folder / "run.json").read_text())
    assert record["components"]["source"].endswith("ccd_subset.json.gz")
    assert record["chains"][0]["msa"] == "none"
    assert record["options"]["samples"] == 2
    sample = record["predictions"]["seed-1_sample-1"]
    assert sample["ranking_score"] == found[1].ranking_score
    assert (sample["steps"], sample["recycles_done"], sample["tokens"]) == (2, 1, 13)
    assert "mean nothing" in sample["remark"]
    assert [checks["chain"] for checks in sample["ligands"]] == ["B"]
    assert "mean nothing" in found[0].paths["cif"].read_text()
    (state,) = Manifest(folder.parent).states()
    assert (state.state, state.entry.residues, state.entry.chains) == ("done", 13, 2)
    assert state.best == max(found, key=lambda p: p.ranking_score).name


def test_embeddings_and_distogram_are_those_of_the_tokens_in_half_precision(made):
    folder, _ = made
    with np.load(folder / "seed-1_embeddings" / "tiny_seed-1_embeddings.npz") as arrays:
        assert arrays["single_embeddings"].shape == (13, 16)
        assert arrays["pair_embeddings"].shape == (13, 13, 8)
        assert arrays["pair_embeddings"].dtype == np.float16
        assert arrays["pair_embeddings"].std() > 1e-2
    with np.load(folder / "seed-1_distogram" / "tiny_seed-1_distogram.npz") as arrays:
        assert arrays["distogram"].shape == (13, 13, 64)
        np.testing.assert_array_equal(arrays["distogram"], arrays["distogram"].swapaxes(0, 1))


def test_a_run_again_reads_what_is_there_and_more_samples_leave_the_first_as_they_are(made, tmp_path, no_network):
    folder, found = made
    before = files(folder)
    again = predict(folder.parent)
    assert files(folder) == before
    assert [p.name for p in again] == [p.name for p in found]
    assert again[1].ranking_score == found[1].ranking_score
    np.testing.assert_allclose(again[0].structure.positions, found[0].structure.positions, atol=6e-4)
    (failure,) = predict(folder.parent, samples=3)  # one sample is missing, so that the network is needed
    assert isinstance(failure.error, AssertionError)
    assert (
        files(folder)["seed-1_sample-0/tiny_seed-1_sample-0_model.cif"]
        == before["seed-1_sample-0/tiny_seed-1_sample-0_model.cif"]
    )


def test_samples_do_not_depend_on_how_many_are_made_nor_on_what_was_made_before(made, tmp_path):
    predict(tmp_path, samples=1)
    whole = predict(tmp_path, samples=2)
    for ours, theirs in zip(whole, made[1], strict=True):
        np.testing.assert_allclose(ours.structure.positions, theirs.structure.positions, atol=0.02)
    assert np.abs(whole[0].structure.positions - whole[1].structure.positions).max() > 1


def test_the_data_file_is_a_job_that_asks_the_same(made, tmp_path):
    folder, found = made
    again = predict(tmp_path, [folder / "tiny_data.json"], samples=1)
    assert again[0].paths["cif"].read_bytes() == found[0].paths["cif"].read_bytes() or np.allclose(
        again[0].structure.positions, found[0].structure.positions, atol=0.02
    )
    data = json.loads((folder / "tiny_data.json").read_text())
    assert list(data) == ["dialect", "version", "name", "sequences", "modelSeeds", "bondedAtomPairs", "userCCD"]
    assert data["sequences"][0]["protein"]["unpairedMsa"] == ""


def test_packed_files_replace_the_plain_ones(tmp_path):
    pytest.importorskip("zstandard")
    job = small_job("two words")
    plain = predict(tmp_path, [job], samples=1)
    packed = predict(tmp_path, [job], samples=1, is_overwriting=True, is_compressed=True)
    assert {p.suffix for p in packed[0].paths.values()} == {".zst", ".json"}
    assert (tmp_path / "two_words" / "two_words_model.cif.zst").is_file()
    assert not plain[0].paths["cif"].exists()
    assert not (tmp_path / "two_words" / "two_words_model.cif").exists()
    np.testing.assert_array_equal(read_complex(packed[0].paths["cif"]).elements, plain[0].structure.elements)
    assert json.loads((tmp_path / "two_words" / "two_words_data.json").read_text())["name"] == "two words"


def test_bad_molecules_among_jobs_fail_alone_before_any_network_runs(tmp_path, no_network):
    good = [small_job(f"job{i}") for i in range(3)]
    bad = [small_job("unknown", ligand=("QQQQQ",)), small_job("seeds", seeds=(1, 2)), small_job("JOB1")]
    plan = prepare_complexes([*good, *bad], replace(OPTIONS, num_seeds=2), out=tmp_path)
    assert [task.job.name for task in plan.tasks] == ["job0", "job1", "job2"]
    reasons = {failure.job: str(failure.error) for failure in plan.failures}
    assert "QQQQQ" in reasons["unknown"]
    assert "--num-seeds" in reasons["seeds"]
    assert "already used" in reasons["JOB1"]
    found = [x for x in run_complexes(plan) if isinstance(x, FailedJob)]
    assert {failure.job for failure in found} == {*reasons, "job0", "job1", "job2"}  # these at the network
    states = {state.entry.name: state for state in Manifest(tmp_path).states()}
    assert "QQQQQ" in states["unknown"].why
    assert states["job0"].state == "failed"


@pytest.fixture
def neither_dictionary_nor_weights(monkeypatch, tmp_path):
    """A plain install on which nothing was fetched."""

    def missing():
        raise InputError("the dictionary is not here.")

    monkeypatch.setattr(Components, "bundled", missing)
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("neither_dictionary_nor_weights")
def test_a_file_that_cannot_be_read_is_named_before_what_the_machine_lacks(tmp_path):
    (tmp_path / "broken.json").write_text('{"name": [}')
    inputs = [tmp_path / "nosuch.json", tmp_path / "broken.json"]
    for components in (None, OPTIONS.components):  # without a dictionary, and then without weights
        options = replace(OPTIONS, components=components, weights=None)
        plan = prepare_complexes(inputs, options, out=None)
        assert not plan.tasks
        assert [failure.job for failure in plan.failures] == ["nosuch", "broken"]
        assert all("json" in str(failure.error) for failure in plan.failures)
        plan = prepare_complexes([small_job(), *inputs], options, out=None)
        assert [failure.job for failure in plan.failures] == ["nosuch", "broken", "small"]
        with pytest.raises(InputError, match="weights" if components else "dictionary"):
            prepare_complexes([small_job()], options, out=None)


@pytest.mark.usefixtures("neither_dictionary_nor_weights")
def test_molecules_that_are_not_known_are_named_before_weights_that_are_missing():
    plan = prepare_complexes([small_job(ligand=("QQQQQ",))], replace(OPTIONS, weights=None), out=None)
    assert [("QQQQQ" in str(failure.error)) for failure in plan.failures] == [True]


def test_a_job_too_large_is_refused_with_the_size_that_fits(tmp_path, no_network, monkeypatch):
    monkeypatch.setattr(af3_fit, "available_bytes", lambda device: 10**12)
    long = ComplexJob("long", (Protein(("A",), "A" * 700, unpaired_msa="", paired_msa="", templates=()),), (1,))
    plan = prepare_complexes([small_job(), long], replace(OPTIONS, memory_limit=900_000_000), out=tmp_path)
    assert [task.job.name for task in plan.tasks] == ["small"]
    text = str(plan.failures[0].error)
    assert "700 tokens" in text
    assert "0.9 GB" in text
    fitting = int(text.split("Up to ")[1].split()[0].replace(",", ""))
    load = af3_fit.load_of(
        plan.tasks[0].network.config, prepare(long, plan.tasks[0].components).table, plan.device, "float32"
    )
    assert load.resized(fitting).peak_bytes(1) <= 900_000_000 < load.resized(fitting + 1).peak_bytes(1)
    assert load.samples_at_once(5, load.peak_bytes(3)) == 3


def test_what_ran_out_of_memory_is_tried_again_in_smaller_pieces(monkeypatch, tmp_path):
    attempts = []

    def steps_that_run_out(self, batch, seed, samples, stages, how, at_once):
        attempts.append((how.piece_bytes, at_once))
        if len(attempts) == 1:
            raise MemoryError
        return original(self, batch, seed, samples, stages, how, at_once)

    from foldwright.pipeline.complexes.infer import ComplexRunner

    original = ComplexRunner._predict
    monkeypatch.setattr(ComplexRunner, "_predict", steps_that_run_out)
    assert len(predict(None, [small_job()])) == 2
    (first, two), (second, one) = attempts
    assert second < first
    assert (two, one) == (2, 1)


@pytest.mark.parametrize(
    ("choices", "seeds"),
    [({}, (3, 5)), ({"seeds": (9,)}, (9,)), ({"seeds": (9,), "num_seeds": 3}, (9, 10, 11))],
)
def test_seeds_are_those_of_the_job_unless_others_are_chosen(choices, seeds):
    assert replace(OPTIONS, **choices).seeds_of(small_job(seeds=(3, 5))) == seeds
    assert replace(OPTIONS, num_seeds=2).seeds_of(small_job(seeds=(2,))) == (2, 3)


def test_one_number_is_not_set_twice_and_no_seed_is_too_large():
    with pytest.raises(InputError, match=r"--steps and --set sampling\.num_steps"):
        replace(OPTIONS, overrides={"sampling.num_steps": 3}).config()
    with pytest.raises(InputError, match="--seeds"):
        replace(OPTIONS, seeds=(2**32,))
    with pytest.raises(InputError, match="--samples"):
        replace(OPTIONS, samples=0)


def test_the_pipeline_is_one_call(tmp_path):
    found = foldwright.predict_complexes(
        [small_job(), "ACDE:ACDE"],
        weights="rule",
        overrides=TINY,
        recycles=0,
        samples=2,
        steps=1,
        preset="none",
        components=OPTIONS.components,
    )
    assert [p.job for p in found] == ["small", "small", "query", "query"]
    assert found[0].ranking_score >= found[1].ranking_score
    assert found[2].structure.chain_ids[found[2].structure.chain_starts].tolist() == ["A", "B"]
    with pytest.raises(InputError, match="QQQQQ"):
        foldwright.predict_complexes(small_job(ligand=("QQQQQ",)), weights="rule", components=OPTIONS.components)


def test_threads_and_memory_of_the_call_take_effect(monkeypatch, no_network):
    chosen = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    choices = {"weights": "rule", "components": OPTIONS.components, "preset": "none", "threads": 3}
    for limit in ("200MB", 200_000_000):
        with pytest.raises(InputError, match=r"0\.2 GB are free"):
            foldwright.predict_complexes(small_job(), memory_limit=limit, **choices)
    assert chosen == [3, 3]
    with pytest.raises(InputError, match="--memory-limit"):
        foldwright.predict_complexes(small_job(), memory_limit="much", **choices)
