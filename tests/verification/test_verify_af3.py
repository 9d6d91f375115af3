"""Runs of the released AlphaFold 3, replayed: part of ../shared/oracles/af3/single, and all where it is there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.cli.verify import compared, with_kernels
from foldwright.errors import InputError
from foldwright.features.af3.batch import batch_from_arrays
from foldwright.verification.af3_files import as_codes
from foldwright.verification.af3_templates import has_noise, rounding_noise, solve
from foldwright.verification.bundles import Output, as_built, compare, read_bundle

STORED = Path(__file__).parents[1] / "oracles" / "af3" / "single"
SHARED = Path(__file__).parents[3] / "shared" / "oracles" / "af3"


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """The bundle with one number changed in each kind of file."""
    folder = shutil.copytree(STORED, tmp_path_factory.mktemp("bundle") / "single")
    with np.load(folder / "outputs.npz") as stored:
        arrays = dict(stored)
    arrays["sample0/denoiser_out"][5, 0, 1] += 1.0
    arrays["out/full_pae"][:, 26:] = 7.0  # padding
    arrays["out/invented"] = np.zeros(2)
    np.savez(folder / "outputs.npz", **arrays)
    metrics = json.loads((folder / "metadata.json").read_text())
    metrics[1]["ptm"] *= 1.001
    (folder / "metadata.json").write_text(json.dumps(metrics))
    cif = folder / "files_sample-0" / "single_seed-11_sample-0_model.cif"
    before = cif.read_text()
    cif.write_text(before.replace(" OXT . THR", " OXZ . THR", 1))
    assert cif.read_text() != before
    summary = next(folder.glob("*/*summary_confidences.json"))
    summary.write_text(summary.read_text().replace('"fraction_disordered": 1.0', '"fraction_disordered": 0.98'))
    return folder


@pytest.fixture(scope="module")
def records(spoiled):
    return {r.output: r for r in compared(read_bundle(spoiled / "single.bundle.json"), "float32", None)}


def test_every_stored_output_agrees_but_those_that_were_changed(records):
    assert {name for name, record in records.items() if not record.passed} == {
        "sample0/denoiser_out/5",
        "out/invented",
        "metrics/1/ptm",
        "files_sample-0/model/atom_names",
        "files_sample-0/summary_confidences/fraction_disordered",
    }
    assert len(records) > 90
    worst = max(r.relative_error for r in records.values() if r.passed)
    assert 0 < worst < 1e-5  # so close that the tolerance of 2e-4 hides nothing


def test_every_step_and_every_kind_of_output_is_compared(records):
    assert {f"sample0/denoiser_in/{i}" for i in range(6)} < records.keys()
    kinds = (
        "out/target_feat",
        "out/single_embeddings",
        "out_recycle0/single_embeddings",
        "noise_levels",
        "out/full_pae",
    )
    files = ("model/positions", "model/b_factors", "confidences/pae", "summary_confidences/ranking_score")
    assert {*kinds, *(f"files_sample-0/{name}" for name in files), "metrics/0/has_clash"} < records.keys()
    assert not any(name.startswith("rand/") for name in records)


def test_each_step_is_judged_on_its_own(records):
    assert records["sample0/denoiser_out/4"].passed
    assert records["sample0/denoiser_out/5"].relative_error > 1e-3


def test_a_number_that_was_rounded_may_be_off_by_half_a_unit():
    bundle = read_bundle(STORED / "single.bundle.json")
    ours = Output(torch.tensor([0.123, float("nan")]), rounding=0.005)
    verdicts = [
        compare(bundle, "x", ours, np.array(x), 1e-6).passed for x in ([0.12, np.nan], [0.13, np.nan], [0.12, 1])
    ]
    assert verdicts == [True, False, False]


def test_words_are_compared_by_what_they_say():
    ours, theirs = as_codes(np.array(["CA", "N"]), np.array(["CA", "O"]))
    assert (ours.value.numpy() == theirs).tolist() == [True, False]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config": {"num_layers": 3}}, "num_layers = 3"),
        ({"config": {"num_recycles": 4}}, "2 orders of rows for 5 passes"),
        ({"draws": None}, "random numbers are needed"),
        ({"parameters": {"rule": "af3", "list": "metadata.json"}}, "lists no parameters"),
        ({"parameters": {"rule": "af2"}}, "field parameters"),
    ],
)
def test_a_malformed_bundle_says_what_is_wrong(tmp_path, changes, told):
    folder = shutil.copytree(STORED, tmp_path / "single")
    path = folder / "single.bundle.json"
    bundle = json.loads(path.read_text())
    bundle |= changes | {"config": bundle["config"] | changes.get("config", {})}
    path.write_text(json.dumps(bundle))
    with pytest.raises(InputError, match=told):
        list(compared(read_bundle(path), "float32", None))


def test_noise_on_the_diagonal_is_told_from_what_follows_from_it():
    """A made-up network in which residues disturb each other and the noise acts in a curve."""
    torch.manual_seed(0)
    has_backbone = torch.tensor([[1.0, 1, 1, 0, 1, 0], [0, 1, 1, 1, 1, 0]])
    is_real = torch.tensor([True] * 5 + [False])
    weights, mixing = torch.randn(2, 3, 16), 0.1 * torch.randn(6, 6)

    def pair(diagonal):
        own = torch.einsum("tni,tic->nc", diagonal, weights)
        own = torch.tanh(own + mixing @ own)
        return torch.diag_embed(own.mT).movedim(0, -1) + 0.1 * torch.randn(6, 6, 16, generator=torch.manual_seed(1))

    planted = torch.randn(2, 6, 3) * has_backbone[..., None]
    planted = planted / planted.norm(dim=-1, keepdim=True).clamp(min=1)
    found = solve(pair, pair(planted), torch.zeros(2, 6, 3), has_backbone, is_real)
    torch.testing.assert_close(found, planted, atol=1e-3, rtol=1e-3)
    assert planted.std() > 0.3
    assert not solve(pair, pair(0 * planted), 0 * planted, has_backbone, is_real).any()


def test_rounding_leaves_directions_no_longer_than_one():
    with np.load(STORED.parent / "batch_e2e.npz", allow_pickle=False) as arrays:
        batch = batch_from_arrays(dict(arrays))
    noise = rounding_noise(batch.templates) * has_noise(batch)[..., None]
    lengths = noise.norm(dim=-1)
    assert 0 < (lengths > 0).sum() < 21  # of the 21 residues that have a backbone
    assert lengths.max() <= 1 + 1e-6


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["e2e", "single"])
def test_every_output_of_the_shared_bundles_agrees(name):
    path = SHARED / name / "bundle.json"
    if not path.exists():
        pytest.skip("needs ../shared")
    found = list(compared(read_bundle(path), "float32", None))
    assert [f"{r.output} {r.relative_error} {r.note}" for r in found if not r.passed] == []
    assert {r.bundle for r in found} == {name}
    assert len(found) > 120


def test_a_network_that_runs_with_kernels_agrees_too():
    textbook, faster = (
        {r.output: r for r in compared(read_bundle(STORED / "single.bundle.json"), "float32", None, prepare)}
        for prepare in (as_built, with_kernels)
    )
    assert all(record.passed for record in faster.values())
    assert faster.keys() == textbook.keys()
    name = "sample0/denoiser_out/5"
    assert faster[name].relative_error != textbook[name].relative_error  # something else has run
