"""The command from files to files: what it writes, what it refuses, what it skips, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import gemmi
import numpy as np
import pytest
from typer.testing import CliRunner

from foldwright import interrupts
from foldwright.cli.main import app
from foldwright.io.a3m import read_a3m
from foldwright.models.af2.presets import PRESETS
from foldwright.models.overrides import parse_overrides
from foldwright.pipeline import infer, memory
from foldwright.pipeline.infer import Runner
from foldwright.pipeline.options import Options
from foldwright.weights.deepmind_af2 import manifest
from foldwright.weights.rule import rule_parameters

UBIQUITIN = Path(__file__).parents[2] / "examples" / "ubiquitin.a3m"
TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=0"
)
SMALL = [word for text in TINY.split() for word in ("--set", text)]


def run(*words):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def predict(folder, *words):
    """The tiny network with generated parameters; results in `folder`/out."""
    return run(*words, "--weights", "rule", "--out", folder / "out", "--no-report", *SMALL)


def read(path):
    return json.loads(path.read_text("utf-8"))


def written(folder, text, name="input.fasta"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def rows(tmp_path):
    """An alignment of 14 rows."""
    query = "MKTAYIAKQRQISFV"
    more = "".join(f">row{i}\n{query[:i]}{'G' * (15 - i)}\n" for i in range(1, 14))
    return written(tmp_path, f">query\n{query}\n{more}", "job.a3m")


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "own_cache"))
    monkeypatch.delenv("FOLDWRIGHT_DATABASES", raising=False)


@pytest.fixture
def no_network(monkeypatch):
    """Nothing may be built: what is wrong has to be found before."""

    def build(network, device):
        raise AssertionError("a network was built")

    monkeypatch.setattr("foldwright.pipeline.loaded.build", build)


# What is written


def test_a_chain_with_an_alignment_gives_every_file_and_they_agree(tmp_path):
    result = predict(tmp_path, UBIQUITIN, "--max-msa", "8:16")
    assert result.exit_code == 0, result.output
    out = tmp_path / "out" / "ubiquitin"
    name = "model_1_ptm_seed0"
    assert {p.name for p in out.iterdir()} == {
        *(f"{name}{ending}" for ending in (".pdb", ".cif", "_scores.json", "_pae.json")),
        *("ranked_0.pdb", "ranked_0.cif", "ranking.json", "run.json", "execution.json", "status.json", "msas"),
    }
    kept, given = (read_a3m(path) for path in (out / "msas" / "A.a3m", UBIQUITIN))
    assert kept.sequences == given.sequences
    assert kept.descriptions == given.descriptions
    scores, (pae,) = read(out / f"{name}_scores.json"), read(out / f"{name}_pae.json")
    assert len(scores["plddt"]) == 76
    assert np.std(scores["plddt"]) > 0.01
    assert set(pae) == {"predicted_aligned_error", "max_predicted_aligned_error"}
    assert pae["max_predicted_aligned_error"] == 31.75
    assert np.abs(np.array(pae["predicted_aligned_error"]) - scores["pae"]).max() <= 0.51
    assert all(isinstance(value, int) for value in pae["predicted_aligned_error"][3])
    for ending in (".pdb", ".cif"):
        model = gemmi.read_structure(str(out / f"{name}{ending}"))[0]
        alphas = [residue["CA"][0].b_iso for residue in model["A"]]
        assert alphas == pytest.approx(scores["plddt"], abs=0.011)
        assert (out / f"ranked_0{ending}").read_bytes() == (out / f"{name}{ending}").read_bytes()
    assert read(out / "ranking.json")["order"] == [name]
    assert read(out / "status.json")["status"] == "done"


def test_run_json_says_what_was_truly_used(tmp_path, rows):
    predict(tmp_path, rows, "--max-msa", "8:5", "--recycle-tolerance", "0", "--ensemble", "2", "--seed", "3")
    record = read(tmp_path / "out" / "job" / "run.json")
    (made,) = record["predictions"].values()
    assert made["seed"] == 3
    assert made["msa_rows"] == record["chains"][0]["alignment_rows"] == 14
    assert (made["msa_clusters_used"], made["msa_extra_rows_used"], made["templates_used"]) == (8, 5, 0)
    assert made["config"]["trunk"]["num_blocks"] == 1
    assert made["config"]["recycling"]["num_ensemble"] == 2
    assert made["precision"] == "float32"
    assert made["weights"]["source"] == "rule"
    assert len(made["weights"]["sha256"]) == 64
    assert {"torch", "foldwright"} <= set(record["versions"])


def test_execution_json_says_how_it_went(tmp_path, rows):
    predict(tmp_path, rows)
    record = read(tmp_path / "out" / "job" / "execution.json")
    (stages,) = record["predictions"].values()
    assert set(stages) == {"weights", "features", "network", "confidence", "writing"}
    assert all(stage["seconds"] >= 0 and stage["peak_memory_bytes"] > 1e7 for stage in stages.values())
    assert {"host", "device", "threads", "command"} <= set(record["machine"])
    assert record["finished"].startswith("2")


def test_generated_parameters_are_said_to_mean_nothing_in_every_file(tmp_path):
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"))
    out = tmp_path / "out" / "a"
    assert "mean nothing" in result.stdout
    assert "mean nothing" in read(out / "model_1_ptm_seed0_scores.json")["remark"]
    assert "mean nothing" in read(out / "run.json")["predictions"]["model_1_ptm_seed0"]["remark"]
    assert "mean nothing" in (out / "ranked_0.cif").read_text()
    assert "CAVEAT" in (out / "ranked_0.pdb").read_text()


def test_a_sequence_without_relatives_is_predicted_with_a_warning(tmp_path, rows):
    alone = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"))
    assert alone.exit_code == 0
    assert alone.stderr.startswith("foldwright: a: warning: no alignment")
    assert "no alignment" in read(tmp_path / "out" / "a" / "run.json")["warnings"][0]
    assert predict(tmp_path, rows).stderr == ""
    assert read(tmp_path / "out" / "job" / "run.json")["warnings"] == []


def test_a_complex_in_a_table_has_scores_by_chain_and_by_pair(tmp_path):
    table = written(tmp_path, "id,sequence\nmono,MKTAYIAK\npair,MKTAYIAK:GSHMLEDP\n", "jobs.csv")
    assert predict(tmp_path, table).exit_code == 0
    scores = read(tmp_path / "out" / "pair" / "model_1_multimer_v3_seed0_scores.json")
    assert set(scores["chains"]) == {"A", "B"}
    assert {"iptm", "ipsae", "pdockq", "lis", "contacts", "min_pae"} < set(scores["chain_pairs"]["A-B"])
    assert scores["ranking_confidence"] == pytest.approx(0.8 * scores["iptm"] + 0.2 * scores["ptm"], abs=2e-4)
    mono = read(tmp_path / "out" / "mono" / "model_1_ptm_seed0_scores.json")
    assert mono["iptm"] is None
    assert mono["ranking_confidence"] == pytest.approx(mono["mean_plddt"], abs=0.01)
    chains = gemmi.read_structure(str(tmp_path / "out" / "pair" / "ranked_0.cif"))[0]
    assert [len(chain) for chain in chains] == [8, 8]


def test_models_and_seeds_are_ranked_together(tmp_path, rows):
    assert predict(tmp_path, rows, "--model", "model_2_ptm,model_3_ptm", "--num-seeds", "2").exit_code == 0
    out = tmp_path / "out" / "job"
    ranking = read(out / "ranking.json")
    assert set(ranking["order"]) == {f"model_{m}_ptm_seed{k}" for m in (2, 3) for k in (0, 1)}
    values = [read(out / f"{name}_scores.json")["mean_plddt"] for name in ranking["order"]]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1
    for i, name in enumerate(ranking["order"]):
        assert (out / f"ranked_{i}.pdb").read_bytes() == (out / f"{name}.pdb").read_bytes()


def test_a_template_is_read_and_counted(tmp_path):
    predict(tmp_path, written(tmp_path, ">a\nMKTAYIAKQRQISFVKSHFSRQ\n"))
    template = tmp_path / "out" / "a" / "ranked_0.cif"
    other = written(tmp_path, ">b\nMKTAYIAKQRQISFVKSHFSRA\n", "b.fasta")
    assert predict(tmp_path, other, "--templates", template).exit_code == 0
    (made,) = read(tmp_path / "out" / "b" / "run.json")["predictions"].values()
    assert made["templates_used"] == 1


def test_a_parameter_file_gives_what_the_same_numbers_give_without_it(tmp_path, rows, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    config = Options(overrides=parse_overrides(TINY.split())).config("model_2_ptm")
    folder = tmp_path / "parameters"
    folder.mkdir()
    np.savez(folder / "params_model_2_ptm.npz", **rule_parameters(manifest(config)))
    generated = predict(tmp_path, rows, "--model", "model_2_ptm")
    plddt = read(tmp_path / "out" / "job" / "model_2_ptm_seed0_scores.json")["plddt"]
    for place in (folder, folder / "params_model_2_ptm.npz"):
        result = run(rows, "--weights", place, "--out", tmp_path / place.name, *SMALL)
        assert result.exit_code == 0, result.stderr
        assert "mean nothing" not in result.stdout
        (made,) = read(tmp_path / place.name / "job" / "run.json")["predictions"].values()
        assert made["model"] == "model_2_ptm"
        assert made["weights"]["source"].endswith("params_model_2_ptm.npz")
        assert "remark" not in made
        assert read(tmp_path / place.name / "job" / "model_2_ptm_seed0_scores.json")["plddt"] == plddt
    assert "mean nothing" in generated.stdout


def test_every_official_model_predicts(tmp_path):
    job = written(tmp_path, ">a\nMKTAYI:GSHM\n")
    result = predict(tmp_path, job, "--model", "monomer,monomer_ptm,multimer,multimer_v2")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 20
    order = read(tmp_path / "out" / "a" / "ranking.json")["order"]
    assert sorted(order) == sorted(f"{name}_seed0" for name in PRESETS)


# Reproducible, and done only once


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path, rows):
    for out, seed in (("one", 5), ("two", 5), ("three", 6)):
        run(rows, "--weights", "rule", "--out", tmp_path / out, "--seed", seed, *SMALL)
    texts = [next((tmp_path / out).glob(f"*/model_*{end}")).read_bytes()
             for end in (".pdb", "_scores.json") for out in ("one", "two", "three")]  # fmt: skip
    assert texts[0] == texts[1]
    assert texts[3] == texts[4]
    assert texts[1].splitlines()[10:] != texts[2].splitlines()[10:]


def test_a_rerun_skips_what_is_done_and_redoes_what_differs(tmp_path, rows):
    first = predict(tmp_path, rows)
    cif = tmp_path / "out" / "job" / "model_1_ptm_seed0.cif"
    stamp = cif.stat().st_mtime_ns
    again = predict(tmp_path, rows)
    assert "skipped" not in first.stdout
    assert "skipped" in again.stdout
    assert again.exit_code == 0
    assert cif.stat().st_mtime_ns == stamp
    for change in (["--max-msa", "4:4"], ["--overwrite", "--max-msa", "4:4"]):
        execution = tmp_path / "out" / "job" / "execution.json"
        before = execution.read_bytes()
        assert "skipped" not in predict(tmp_path, rows, *change).stdout
        assert execution.read_bytes() != before


def test_a_rerun_adds_only_the_missing_seed(tmp_path, rows):
    predict(tmp_path, rows)
    result = predict(tmp_path, rows, "--num-seeds", "2")
    assert "seed0 already done" in result.stdout
    assert "seed1 already done" not in result.stdout
    assert len(read(tmp_path / "out" / "job" / "ranking.json")["order"]) == 2


def test_another_alignment_of_the_same_sequence_is_another_question(tmp_path):
    rows = written(tmp_path, ">a\nMKTAYI\n>b\nMKSAYI\n", "a.a3m")
    predict(tmp_path, rows)
    written(tmp_path, ">a\nMKTAYI\n>b\nMKSAFI\n", "a.a3m")
    assert "skipped" not in predict(tmp_path, rows).stdout
    assert "skipped" in predict(tmp_path, rows).stdout


def test_a_file_that_was_removed_is_made_again(tmp_path, rows):
    predict(tmp_path, rows)
    pae = tmp_path / "out" / "job" / "model_1_ptm_seed0_pae.json"
    pae.unlink()
    assert "skipped" not in predict(tmp_path, rows).stdout
    assert pae.is_file()


# One failure is one failure


def test_one_bad_record_of_three_leaves_two_results_and_a_reason(tmp_path):
    result = predict(tmp_path, written(tmp_path, ">one\nMKTAYI\n>two\nMKTAJI\n>three\nGSHMLE\n"))
    assert result.exit_code == 1
    assert [read(tmp_path / "out" / name / "status.json")["status"] for name in ("one", "two", "three")] == [
        "done",
        "failed",
        "done",
    ]
    status = read(tmp_path / "out" / "two" / "status.json")
    assert status["type"] == "InputError"
    assert "line 4" in status["why"]
    assert status["why"] in result.stderr


def test_a_job_that_fails_while_it_runs_does_not_stop_the_others(tmp_path, monkeypatch):
    make = Runner.predict

    def fail_once(self, job, *rest):
        if job.name == "two":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return make(self, job, *rest)

    monkeypatch.setattr(infer.Runner, "predict", fail_once)
    result = predict(tmp_path, written(tmp_path, ">one\nMKTAYI\n>two\nMKTAGI\n>three\nGSHMLE\n"))
    assert result.exit_code == 1
    assert read(tmp_path / "out" / "three" / "status.json")["status"] == "done"
    status = read(tmp_path / "out" / "two" / "status.json")
    assert status["type"] == "RuntimeError"
    assert "memory ran out" in status["why"]


def test_a_job_whose_folder_cannot_be_written_does_not_stop_the_others(tmp_path):
    (tmp_path / "out").mkdir()
    written(tmp_path / "out", "a file where the folder should be", "two")
    result = predict(tmp_path, written(tmp_path, ">one\nMKTAYI\n>two\nMKTAGI\n>three\nGSHMLE\n"))
    assert result.exit_code == 1
    assert str(tmp_path / "out" / "two") in result.stderr
    assert read(tmp_path / "out" / "three" / "status.json")["status"] == "done"


def test_two_jobs_of_one_name_do_not_share_a_folder(tmp_path):
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"), written(tmp_path, ">a\nGSHMLE\n", "other.fasta"))
    assert result.exit_code == 1
    assert "already used" in result.stderr
    assert read(tmp_path / "out" / "a" / "status.json")["status"] == "done"


# What is refused before a network is built


BAD_FILES = {
    "empty": ("", ["input.fasta", "empty"]),
    "binary": (bytes(range(256)), ["input.fasta", "binary"]),
    "no record": ("MKTAYI\n", ["input.fasta"]),
    "unknown letter": (">a\nMKT\nAJI\n", ["line 3", "J", "Write I or L"]),
    "lower case": (">a\nmktayi\n", ["line 2", "capital"]),
    "no residues": (">a\n>b\n", ["line 1", "no residues"]),
}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_file_line_and_remedy(tmp_path, case):
    text, words = BAD_FILES[case]
    result = predict(tmp_path, written(tmp_path, text))
    assert result.exit_code == 2
    paragraphs = result.stderr.strip().splitlines()
    assert all(line.startswith("foldwright: ") for line in paragraphs)
    assert all(word in paragraphs[0] for word in words)
    assert result.stdout == ""
    (status, *_) = (tmp_path / "out").glob("*/status.json")
    assert read(status)["status"] == "failed"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">a\nMKTAYI\n>row\nMKTAY\n", ["line 4", "row", "5", "6"]),
        (">other\nMKTAYW\n>row\nMKTAYI\n", ["line 2", "first row", "not the query"]),
    ],
)
def test_an_alignment_that_does_not_fit_is_refused(tmp_path, text, words):
    jobs, alignments = tmp_path / "jobs", tmp_path / "alignments"
    jobs.mkdir()
    alignments.mkdir()
    written(alignments, text, "a.a3m")
    result = predict(tmp_path, written(jobs, ">a\nMKTAYI\n"), "--alignments", alignments)
    assert result.exit_code == 2
    assert "a.a3m" in result.stderr
    assert all(word in result.stderr for word in words)


@pytest.mark.usefixtures("no_network")
def test_weights_that_cannot_be_used_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    job = written(tmp_path, ">a\nMKTAYI\n")
    whole = tmp_path / "params_model_1_ptm.npz"
    np.savez(whole, **{"alphafold/alphafold_iteration/evoformer/preprocess_1d//weights": np.ones((22, 256))})
    cut = written(tmp_path, whole.read_bytes()[:-40], "params_model_2_ptm.npz")
    for words, reason in (
        ([job, "--weights", cut], "params_model_2_ptm.npz"),
        ([job, "--weights", whole, "--model", "model_2_ptm"], "model_1_ptm"),
        ([job, "--weights", tmp_path / "none.npz"], "none.npz"),
        ([job], "foldwright weights fetch"),
    ):
        result = run(*words, "--out", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert reason in result.stderr
        assert result.stderr.startswith("foldwright: ")
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.usefixtures("no_network")
def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    written(tmp_path, "a file, not a folder", "out")
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"))
    assert result.exit_code == 2
    assert "--out" in result.stderr


@pytest.mark.usefixtures("no_network")
def test_a_job_too_large_for_memory_is_refused_with_the_size_that_fits(tmp_path, monkeypatch):
    for module in ("fit", "estimate"):
        monkeypatch.setattr(f"foldwright.pipeline.{module}.available_bytes", lambda device: 4_000_000_000)
    result = predict(tmp_path, written(tmp_path, f">long\n{'MKTAYIAKQR' * 1000}\n"))
    assert result.exit_code == 2
    assert "10,000 residues" in result.stderr
    assert "4.0 GB are free" in result.stderr
    size = int(result.stderr.partition("Up to ")[2].split()[0].replace(",", ""))
    assert 100 < size < 10_000
    for count, verdict in ((size, "fits"), (size + 1, f"too large: {size} would fit")):
        job = written(tmp_path, f">long\n{'A' * count}\n")
        assert predict(tmp_path, job, "--estimate-memory").stdout.strip().endswith(verdict)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--model", "model_9"], "model_9"),
        (["--device", "tpu"], "tpu"),
        (["--precision", "float16"], "float16"),
        (["--max-msa", "12"], "CLUSTERS:EXTRA"),
        (["--set", "trunk.blocks=3"], "trunk.num_blocks"),
        (["--recycles", "-1"], "--recycles"),
        (["--templates", "missing.cif"], "missing.cif"),
        (["--alignments", "missing"], "missing"),
    ],
)
def test_a_wrong_option_names_itself(tmp_path, words, reason):
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"), *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("foldwright: ")
    assert reason in result.stderr


@pytest.mark.usefixtures("no_network")
def test_templates_for_models_that_read_none_are_refused(tmp_path):
    template = written(tmp_path, "data_x\n", "x.cif")
    job = written(tmp_path, ">a\nMKTAYI\n")
    result = predict(tmp_path, job, "--model", "model_3_ptm", "--templates", template)
    assert result.exit_code == 2
    assert "reads no templates" in result.stderr


def test_available_memory_is_positive_and_at_most_that_of_the_machine():
    import psutil
    import torch

    assert 0 < memory.available_bytes(torch.device("cpu")) <= psutil.virtual_memory().total


# Quiet, estimates, interrupts


def test_the_estimate_prints_a_line_for_each_job_and_model_and_writes_nothing(tmp_path, rows):
    result = predict(tmp_path, rows, "--estimate-memory", "--model", "monomer_ptm")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[3] for line in lines] == [f"model_{i}_ptm" for i in range(1, 6)]
    assert all("15 residues" in line and "fits" in line for line in lines)
    assert not (tmp_path / "out").exists()


def test_quiet_prints_nothing(tmp_path):
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n"), "--quiet")
    assert result.exit_code == 0
    assert result.output == ""


def test_a_pipe_gets_one_line_for_each_model(tmp_path):
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n>b\nGSHMLE\n"))
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["a", "model_1_ptm_seed0"], ["b", "model_1_ptm_seed0"]]


def test_ctrl_c_keeps_what_is_whole_and_the_same_command_goes_on(tmp_path, monkeypatch):
    make = Runner.predict

    def interrupt(self, job, *rest):
        if job.name == "b":
            raise KeyboardInterrupt
        return make(self, job, *rest)

    job = written(tmp_path, ">a\nMKTAYI\n>b\nGSHMLE\n")
    with monkeypatch.context() as patched:
        patched.setattr(infer.Runner, "predict", interrupt)
        result = predict(tmp_path, job)
    assert result.exit_code == 130
    assert "goes on from there" in result.stderr
    assert read(tmp_path / "out" / "b" / "status.json")["status"] == "interrupted"
    again = predict(tmp_path, job)
    assert again.exit_code == 0
    assert "a model_1_ptm_seed0 already done" in again.stdout
    assert read(tmp_path / "out" / "b" / "status.json")["status"] == "done"


def test_a_request_to_end_that_a_library_swallowed_is_heard_before_the_next_job(tmp_path, monkeypatch):
    make = Runner.predict

    def swallow(self, job, *rest):
        interrupts.remember()
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        return make(self, job, *rest)

    before = {number: signal.getsignal(number) for number in interrupts.ASKING}
    monkeypatch.setattr(infer.Runner, "predict", swallow)
    result = predict(tmp_path, written(tmp_path, ">a\nMKTAYI\n>b\nGSHMLE\n"))
    interrupts.remember()
    for number, handler in before.items():
        signal.signal(number, handler)
    assert result.exit_code == 130
    assert read(tmp_path / "out" / "a" / "status.json")["status"] == "done"
    assert read(tmp_path / "out" / "b" / "status.json")["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment_leaves_only_whole_files(tmp_path, number):
    text = "".join(f">job{i}\nMKTAYIAKQR\n" for i in range(200))
    words = ["predict", written(tmp_path, text), "--weights", "rule", "--out", tmp_path / "out", *SMALL]
    command = [sys.executable, "-m", "foldwright", *map(str, words)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("job1/ranking.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == 130
    left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert len(left) > 10
    assert not [p for p in left if p.suffix == ".part"]
    for path in left:
        if path.suffix == ".json":
            read(path)
