"""`foldwright weights`, as a person types it."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from foldwright.cli.weights import app
from foldwright.errors import InputError
from foldwright.models.af2 import presets
from foldwright.weights import deepmind_af2, openfold
from foldwright.weights.catalog import PUBLICATIONS
from foldwright.weights.library import cache_folder
from foldwright.weights.rule import rule_parameters
from foldwright.weights.store import load_weights
from local_server import Request, serving

_spec = importlib.util.spec_from_file_location("narrow", Path(__file__).parents[1] / "weights" / "conftest.py")
assert _spec
assert _spec.loader
_networks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_networks)


@pytest.fixture(autouse=True)
def _small_world(tmp_path, monkeypatch):
    """Narrow networks under the official names, and a cache of one's own."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    small = {name: (lambda name=name: _narrow[name]) for name in ("model_1", "model_3", "model_1_ptm")}
    _narrow = {name: _networks.narrow(name) for name in small}
    for name, make in small.items():
        monkeypatch.setitem(presets.PRESETS, name, make)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "params_model_1.npz"
    np.savez(path, **rule_parameters(deepmind_af2.manifest(presets.preset("model_1"))))
    return path


def test_the_list_names_every_publication_and_where_the_cache_is():
    shown = run("list").stdout
    assert all(name in shown for name in PUBLICATIONS)
    assert "CC BY-NC 4.0" in shown
    assert f"cache: {cache_folder()}" in shown
    assert "imported: none" in shown


def test_import_keeps_weights_for_predictions_to_come(npz):
    done = run("import", npz, "--model", "model_1")
    assert done.exit_code == 0
    assert re.search(r"sha256 [0-9a-f]{64}", done.stdout)
    assert "Licence: CC BY" in done.stdout
    assert load_weights(None, presets.preset("model_1"), "model_1")[1].source == str(npz)
    assert "imported: model_1" in run("list").stdout


def test_import_under_a_wrong_name_is_refused(npz):
    refused = run("import", npz, "--model", "model_7")
    assert isinstance(refused.exception, InputError)
    assert "model_1_ptm" in str(refused.exception)
    other = npz.rename(npz.with_name("mine.npz"))
    refused = run("import", other, "--model", "model_3")
    assert "with templates, without the PAE head (model_1, model_2)" in str(refused.exception)
    assert not (cache_folder() / "imported").exists()


def test_alphafold_3_is_asked_for_and_its_terms_are_shown_before_anything_is_read(tmp_path):
    assert "forms.gle" in run("list").stdout
    assert "cannot be fetched" in str(run("fetch", "af3").exception)
    path = tmp_path / "af3.bin"
    path.write_bytes(b"no parameters")
    refused = run("import", path, "--model", "af3")
    assert "no commercial use" in refused.stdout
    assert "--accept-terms" in str(refused.exception)
    damaged = run("import", path, "--model", "af3", "--accept-terms")
    assert "ends within" in str(damaged.exception)
    again = run("import", path, "--model", "af3")
    assert "no commercial use" not in again.stdout
    assert "ends within" in str(again.exception)


def test_inspect_says_what_a_file_is(npz):
    seen = run("inspect", npz, "--arrays")
    assert seen.exit_code == 0
    assert "DeepMind npz, 336 arrays" in seen.stdout
    assert "looks like a monomer network with templates, without the PAE head: model_1, model_2" in seen.stdout
    assert "every array fits model_1" in seen.stdout
    assert re.search(r"evoformer/single_activations//weights\t16x20", seen.stdout)


def test_inspect_names_what_does_not_fit_and_says_so_by_its_exit_code(npz):
    seen = run("inspect", npz, "--model", "model_1_ptm")
    assert seen.exit_code == 1
    assert "2 missing for model_1_ptm:" in seen.stdout
    assert "predicted_aligned_error_head/logits//bias" in seen.stdout
    seen = run("inspect", npz, "--model", "model_3")
    assert "71 unused for model_3:" in seen.stdout
    assert "and 51 more" in seen.stdout


def test_inspect_reads_checkpoints_and_converted_files(npz, tmp_path):
    config = presets.preset("model_1_ptm")
    path = tmp_path / "finetuning_ptm_2.pt"
    torch.save({"model": openfold.checkpoint_of(config, load_weights("rule", config)[0])}, path)
    seen = run("inspect", path)
    assert "OpenFold checkpoint" in seen.stdout
    assert "every array fits model_1_ptm" in seen.stdout
    run("import", npz, "--model", "model_1")
    seen = run("inspect", cache_folder() / "imported" / "model_1.safetensors")
    assert f"converted from {npz} (model_1)" in seen.stdout
    assert "every array fits model_1" in seen.stdout


CONTENT = b"checkpoint"


@pytest.fixture
def publisher():
    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT)

    with serving(answer) as url:
        yield url


def test_fetch_shows_terms_and_hash_before_and_after(publisher, monkeypatch):
    name = "openfold-finetuning_ptm_2"
    publication = replace(PUBLICATIONS[name], urls=(f"{publisher}/finetuning_ptm_2.pt",))
    monkeypatch.setitem(PUBLICATIONS, name, publication)
    done = run("fetch", name)
    assert done.exit_code == 0, done.exception
    assert "Licence: CC BY 4.0" in done.stdout
    assert "Please cite Ahdritz" in done.stdout
    assert re.search(r"sha256 [0-9a-f]{64} \(checked against nothing", done.stdout)
    assert (cache_folder() / "published" / name / "finetuning_ptm_2.pt").read_bytes() == CONTENT
    assert "already here" in run("fetch", name).stdout


def test_an_unknown_name_is_refused():
    refused = run("fetch", "alphafold-9")
    assert isinstance(refused.exception, InputError)
    assert "weights list" in str(refused.exception)
