"""From a training run, an exported network or the one in the package to a prediction, with no official model's name."""

import json

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import foldwright
from foldwright.cli.main import app
from foldwright.errors import InputError
from foldwright.io.jobs import sequence_job
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Recycling, StructureModule
from foldwright.models.af2.config_json import config_to_values
from foldwright.models.af2.model import AlphaFold
from foldwright.pipeline.choose import choose_models
from foldwright.weights.trained import BUNDLED, CHECKPOINT_FORMAT, export_network, find_trained

SEQUENCE = "MKTAYIAKQRQISFV"
CONFIG = AF2(
    features=FeatureSizes(num_clusters=4, num_extra=4, num_templates=0),
    trunk=Evoformer(num_blocks=1, c_m=16, c_z=8, c_s=16, c_msa_attention=4, c_pair_attention=4, c_triangle=8),
    extra_msa=ExtraMSAStack(num_blocks=1, c_e=8),
    templates=None,
    structure=StructureModule(num_layers=1, heads=2),
    recycling=Recycling(num_recycles=1),
)


@pytest.fixture
def run(tmp_path):
    """A training run's folder."""
    state = {f"ema.{name}": 0.2 * torch.randn_like(p) for name, p in AlphaFold(CONFIG).named_parameters()}
    recipe = {"name": "thin", "model": config_to_values(CONFIG), "variant": "alphafold"}
    header = {"format": CHECKPOINT_FORMAT, "recipe": json.dumps(recipe), "step": "3", "examples": "12"}
    path = tmp_path / "run" / "checkpoints" / "step_00000003.safetensors"
    path.parent.mkdir(parents=True)
    save_file(state, path, header)
    return tmp_path / "run"


@pytest.fixture
def bundled(run, tmp_path, monkeypatch):
    """The same network in the package, under the name `dwarf`."""
    found = export_network(find_trained(run), tmp_path / "dwarf.safetensors", "dwarf", licence="Apache-2.0")
    monkeypatch.setitem(BUNDLED, "dwarf", found.path)
    return found


def test_a_run_predicts_under_its_own_name(run):
    (found,) = foldwright.predict(SEQUENCE, weights=run)
    assert found.model == "thin"
    assert found.structure.positions.std() > 0.5
    assert found.plddt.std() > 0
    assert found.record["recycles_done"] == 1


def test_the_network_in_the_package_needs_no_weights_and_predicts_alike(run, bundled):
    (kept,) = foldwright.predict(SEQUENCE, weights=run)
    (found,) = foldwright.predict(SEQUENCE, model="dwarf")
    assert found.model == "dwarf"
    assert found.plddt == pytest.approx(kept.plddt, abs=0.5)  # half precision on the disk


def test_options_vary_what_is_not_trained(run):
    (found,) = foldwright.predict(SEQUENCE, weights=run, recycles=0, max_msa=(2, 1))
    assert found.record["recycles_done"] == 0
    with pytest.raises(InputError, match="in this file and"):
        foldwright.predict(SEQUENCE, weights=run, overrides={"trunk.c_m": 24})


def test_a_complex_is_predicted_by_a_network_for_single_chains(run):
    (found,) = foldwright.predict(f"{SEQUENCE}:MKTAYIAK", weights=run)
    assert found.structure.chain_ids == ("A", "B")


def test_the_weights_decide_and_another_model_is_refused(run):
    with pytest.raises(InputError, match="holds the network thin, not model_1"):
        foldwright.predict(SEQUENCE, weights=run, model="model_1")


def test_the_command_writes_what_the_network_is(bundled, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "job.fasta").write_text(f">job\n{SEQUENCE}\n")
    result = CliRunner().invoke(app, ["predict", str(tmp_path / "job.fasta"), "--model", "dwarf", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert (out / "job" / "dwarf_seed0.cif").is_file()
    (made,) = json.loads((out / "job" / "run.json").read_text())["predictions"].values()
    assert made["weights"]["licence"] == "Apache-2.0"
    assert made["weights"]["preset"] == "dwarf"
    assert made["config"]["trunk"]["c_m"] == 16


def test_memory_is_estimated_for_a_run(run, tmp_path):
    (tmp_path / "job.fasta").write_text(f">job\n{SEQUENCE}\n")
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path / "job.fasta"), "--weights", str(run), "--estimate-memory"]
    )
    assert result.exit_code == 0, result.output
    assert "15 residues thin" in result.output


def test_a_request_without_weights_is_told_of_the_network_in_the_package(bundled):
    with pytest.raises(InputError, match="`--model dwarf` for the small network in the package"):
        choose_models(sequence_job(SEQUENCE), (), set())


def test_a_run_is_exported_and_looked_into_by_command(run, tmp_path):
    target = tmp_path / "out.safetensors"
    (tmp_path / "scores.json").write_text('{"lddt_ca": 0.5}')
    first = ["weights", "export", str(run), str(target), "--name", "mine", "--licence", "CC0"]
    again = ["weights", "export", str(target), str(target), "--scores", str(tmp_path / "scores.json")]
    for words in (first, again):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    found = find_trained(target)
    assert (found.name, found.licence, found.note["scores"]) == ("mine", "CC0", {"lddt_ca": 0.5})
    assert found.state().keys() == find_trained(run).state().keys()
    result = CliRunner().invoke(app, ["weights", "inspect", str(target)])
    assert result.exit_code == 0, result.output
    assert "every array fits mine" in result.output
    assert "recipe thin: 3 steps" in result.output


@pytest.mark.parametrize(("source", "target"), [("nowhere", "a.safetensors"), ("run", "a.npz")])
def test_an_export_that_cannot_be_is_refused(run, tmp_path, source, target):
    result = CliRunner().invoke(app, ["weights", "export", str(tmp_path / source), str(tmp_path / target)])
    assert result.exit_code == 2
    assert not (tmp_path / target).exists()


def test_the_configuration_survives_its_journey_through_a_file(run):
    assert find_trained(run).config == CONFIG
