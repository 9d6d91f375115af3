"""Whole networks against the released program: parts of ../shared/oracles/af2/e2e, and all of it where it is there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from foldwright.cli.verify import compared
from foldwright.errors import InputError
from foldwright.verification.af2_diagonal import closest_subset
from foldwright.verification.bundles import Output, compare, find_bundles, read_bundle, relative_error

STORED = Path(__file__).parents[1] / "oracles" / "af2" / "e2e"
SHARED = Path(__file__).parents[3] / "shared" / "oracles" / "af2" / "e2e"


def failures(path: Path, dtype: str) -> tuple[list[str], int]:
    records = list(compared(read_bundle(path), dtype, None))
    return [f"{r.output} {r.relative_error} {r.note}" for r in records if not r.passed], len(records)


@pytest.mark.parametrize("name", ["monomer_small", "multimer_small"])
def test_every_stored_output_agrees(name):
    failed, count = failures(STORED / f"{name}.bundle.json", "float64")
    assert not failed
    assert count > 50


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["monomer_model_1_ptm", "monomer_model_3_ptm", "multimer_v3", "multimer_v3_notempl"])
def test_every_output_of_the_shared_bundles_agrees(name, dtype):
    path = SHARED / f"{name}.bundle.json"
    if not path.exists():
        pytest.skip("needs ../shared")
    failed, count = failures(path, dtype)
    assert not failed
    assert count > 75


@pytest.fixture
def bundle(tmp_path):
    """A bundle that can be spoiled."""
    for path in STORED.glob("multimer_small*"):
        shutil.copy(path, tmp_path)
    told = json.loads((tmp_path / "multimer_small.bundle.json").read_text())
    manifest = STORED.parent / Path(told["parameters"]["manifest"]).name
    told["parameters"]["manifest"] = str(manifest)
    path = tmp_path / "multimer_small.bundle.json"
    path.write_text(json.dumps(told))
    return path


def spoil(path: Path, **changes) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_an_unknown_or_changed_output_fails(bundle):
    arrays = bundle.parent / "multimer_small_outputs_f64.npz"
    with np.load(arrays) as stored:
        outputs = {key: stored[key] for key in ("rec0/conf_plddt", "rec1/repr_single", "rec1/conf_ptm_nopad")}
    outputs["rec0/conf_plddt"] = outputs["rec0/conf_plddt"] * (1 + 1e-4)
    outputs["rec1/conf_ptm_nopad"] = np.zeros(3)
    outputs["rec1/invented"] = np.zeros(2)
    outputs["rec7/repr_single"] = outputs["rec1/repr_single"]
    np.savez(arrays, **outputs)
    records = {r.output: r for r in compared(read_bundle(bundle), "float64", None)}
    assert [key for key, record in records.items() if record.passed] == ["rec1/repr_single"]
    assert records["rec0/conf_plddt"].relative_error == pytest.approx(1e-4, rel=1e-2)
    assert records["rec1/invented"].relative_error is None
    assert len(records) == len(outputs)


def test_other_parameters_give_another_answer(bundle):
    told = json.loads(bundle.read_text())
    spoil(bundle, parameters=told["parameters"] | {"salt": "other"})
    records = list(compared(read_bundle(bundle), "float32", None))
    logits = next(r for r in records if r.output == "rec1/predicted_lddt_logits")
    assert logits.relative_error is not None
    assert logits.relative_error > 0.1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"family": "rosetta"}, "unknown family"),
        ({"preset": "model_9"}, "unknown preset"),
        ({"config": {"num_block": 1}}, "num_block = 1"),
        ({"config": {"num_recycle": "one"}}, "num_recycle = 'one'"),
        ({"format": 2}, "format 1"),
        ({"inputs": "elsewhere.npz"}, '"elsewhere.npz" is not there'),
        ({"inputs": None}, "field inputs"),
        ({"expected": {"float16": "x.npz"}}, "no stored outputs"),
        ({"parameters": {"rule": "of thumb"}}, "field parameters"),
        ({"parameters": {"rule": "af2", "manifest": "gone.json"}}, '"gone.json" is missing'),
    ],
)
def test_a_malformed_bundle_is_one_paragraph(bundle, changes, told):
    from foldwright.cli.main import app

    result = CliRunner().invoke(app, ["verify", str(spoil(bundle, **changes))])
    assert result.exit_code == 2
    said = result.stderr or result.output
    assert said.startswith("foldwright: ")
    assert told in said
    assert "Traceback" not in said
    assert said.strip().count("\n") == 0


def test_truncated_arrays_are_named(bundle):
    arrays = bundle.parent / "multimer_small_inputs.npz"
    arrays.write_bytes(arrays.read_bytes()[:5000])
    with pytest.raises(InputError, match="cannot be read as npz"):
        list(compared(read_bundle(bundle), "float64", None))


def test_a_missing_input_is_named(bundle):
    arrays = bundle.parent / "multimer_small_inputs.npz"
    with np.load(arrays) as stored:
        kept = {key: stored[key] for key in stored.files if key != "asym_id"}
    np.savez(arrays, **kept)
    with pytest.raises(InputError, match="asym_id"):
        list(compared(read_bundle(bundle), "float64", None))


def test_bundles_are_found_in_folders(bundle):
    (bundle.parent / "notes.json").write_text("[1, 2]")
    assert [b.name for b in find_bundles([bundle.parent, bundle])] == ["multimer_small"] * 2
    empty = bundle.parent / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no bundle"):
        find_bundles([empty])


def test_only_valid_entries_are_compared(bundle):
    truth = np.arange(1.0, 7.0).reshape(2, 3)
    ours = torch.as_tensor(truth).clone()
    ours[0, 2] = torch.nan
    valid = torch.tensor([[1.0, 1, 0], [1, 1, 1]])
    assert compare(read_bundle(bundle), "x", Output(ours, valid), truth, 1e-9).passed
    everything = compare(read_bundle(bundle), "x", Output(ours), truth, 1e-9)
    assert not everything.passed
    json.dumps(everything.as_record(), allow_nan=False)


def test_a_range_of_rounding_passes_what_lies_in_it_and_nothing_else(bundle):
    ours = Output(torch.tensor(10.0), slack=(-0.5, 0.2))
    verdicts = {
        theirs: compare(read_bundle(bundle), "x", ours, np.array(theirs), 1e-6) for theirs in (9.6, 10.1, 9.4, 10.3)
    }
    assert [record.passed for record in verdicts.values()] == [True, True, False, False]
    assert verdicts[9.6].relative_error == pytest.approx(0.4 / 9.6)  # the plain difference is still told
    assert not compare(read_bundle(bundle), "x", Output(torch.tensor(10.0)), np.array(10.1), 1e-6).passed


def test_relative_error_of_zeros():
    zero, one = torch.zeros(3), torch.ones(3)
    assert relative_error(zero, zero) == 0
    assert relative_error(one, zero) == float("inf")
    assert relative_error(1e-9 * one, zero, floor=1.0) < 1e-8


def test_the_bins_of_the_diagonal_are_found_again():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(31)
    values[7] = 0
    chosen = rng.random(31) < 0.7
    chosen[7] = False
    assert (closest_subset(values, values[chosen].sum()) == chosen).all()
    many = rng.standard_normal(60)
    assert abs(many[closest_subset(many, 3.0)].sum() - 3.0) < 1e-6


def test_json_lists_every_output(bundle):
    from foldwright.cli.main import app

    result = CliRunner().invoke(app, ["verify", str(bundle), "--json", "--dtype", "float32", "--tolerance", "1e-12"])
    assert result.exit_code == 1  # no float32 run is that close
    records = json.loads(result.stdout)
    assert {"bundle", "output", "shape", "relative_error", "max_abs_error", "passed"} <= records[0].keys()
    assert {r["passed"] for r in records} == {True, False}
