"""Reading a job's folder: whole, partial, of an older run, damaged."""

import json

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.reports.results import read_results


def change(path, **what):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | what), "utf-8")


def test_models_come_best_first_with_their_arrays(monomer):
    results = read_results(monomer)
    assert [model.name for model in results.models] == ["model_2_ptm_seed0", "model_1_ptm_seed0"]
    best, second = results.models
    assert best.plddt.shape == (40,)
    assert best.plddt.mean() > second.plddt.mean() + 3
    assert best.pae is not None
    assert best.pae.shape == (40, 40)
    assert best.pae.std() > 0.5


def test_the_order_is_that_of_ranking_json(monomer):
    change(monomer / "ranking.json", order=["model_1_ptm_seed0", "model_2_ptm_seed0"])
    assert read_results(monomer).models[0].name == "model_1_ptm_seed0"


def test_chains_start_where_the_one_before_ends(dimer):
    first, second = read_results(dimer).chains
    assert (first.name, first.start, first.stop) == ("A", 0, 30)
    assert (second.name, second.start, second.stop) == ("B", 30, 54)


def test_networks_without_error_head_have_no_errors(tmp_path, make_job):
    folder = make_job(tmp_path / "job", [20], models=("model_1",), has_pae=False)
    assert read_results(folder).models[0].pae is None


def test_times_are_found_where_older_runs_wrote_them(monomer):
    (monomer / "execution.json").unlink()
    run = json.loads((monomer / "run.json").read_text("utf-8"))
    run["predictions"]["model_1_ptm_seed0"]["stages"] = {"network": {"seconds": 7.0}}
    change(monomer / "run.json", predictions=run["predictions"], machine={"command": ["foldwright", "predict"]})
    results = read_results(monomer)
    assert results.models[1].stages == {"network": {"seconds": 7.0}}
    assert results.machine["command"] == ["foldwright", "predict"]


def test_a_failed_job_has_no_models(tmp_path):
    (tmp_path / "status.json").write_text('{"status": "failed", "why": "no memory"}', "utf-8")
    results = read_results(tmp_path)
    assert results.models == ()
    assert results.chains == ()
    assert results.status["why"] == "no memory"


@pytest.mark.parametrize(
    ("name", "text"),
    [("run.json", '{"job": '), ("model_2_ptm_seed0_scores.json", ""), ("model_2_ptm_seed0.cif", None)],
)
def test_damaged_and_missing_files_are_named(monomer, name, text):
    (monomer / name).unlink() if text is None else (monomer / name).write_text(text, "utf-8")
    with pytest.raises(InputError, match=name):
        read_results(monomer)


def test_any_other_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of results"):
        read_results(tmp_path)


def test_errors_survive_packing(monomer):
    from foldwright.reports.page import PAE_STEP, packed

    pae = read_results(monomer).models[0].pae
    assert pae is not None
    steps = np.frombuffer(packed(pae, PAE_STEP), np.uint8).reshape(pae.shape)
    unpacked = np.cumsum(steps, axis=1, dtype=np.uint8) * PAE_STEP
    assert np.abs(unpacked - pae).max() <= PAE_STEP / 2 + 1e-4
    assert (np.diff(pae, axis=1) < 0).any()  # steps down wrap around
