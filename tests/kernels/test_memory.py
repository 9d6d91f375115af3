"""The estimate of memory against what a prediction takes in a process of its own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foldwright import kernels
from foldwright.kernels.memory import estimate_peak_bytes, parameter_bytes
from foldwright.kernels.memory_complexes import estimate_complex_bytes
from foldwright.kernels.memory_complexes import parameter_bytes as complex_parameter_bytes
from foldwright.models.af2.presets import preset
from foldwright.models.af3.presets import af3

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEASURE, MEASURE_COMPLEX = BENCHMARKS / "measure_memory.py", BENCHMARKS / "measure_complex_memory.py"


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(144, 32, 128, 2), (96, 32, 2000, 0)], ids=["pairs and templates", "deep alignment"])
def test_the_estimate_is_near_the_measured_peak(sizes):
    command = [sys.executable, str(MEASURE), *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured, estimated = map(int, done.stdout.split())
    assert 0.9 < estimated / measured < 1.35


@pytest.mark.slow
def test_the_estimate_of_a_complex_is_near_the_measured_peak():
    """128 tokens, 64 rows, one sample; larger ones are measured in benchmarks/."""
    command = [sys.executable, str(MEASURE_COMPLEX), "128", "64", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured, estimated = map(int, done.stdout.split())
    assert 0.85 < estimated / measured < 1.25


def test_the_estimate_grows_with_every_size():
    config = preset("model_1_ptm")
    plan = kernels.plan("cpu", 500, training=False)
    base = (300, 128, 5120, 2)
    peak = estimate_peak_bytes(config, *base, plan)
    for i in (0, 1, 2):
        more = [2 * x if k == i else x for k, x in enumerate(base)]
        assert estimate_peak_bytes(config, *more, plan) > peak
    deeper = replace(config, trunk=replace(config.trunk, num_blocks=96))
    assert estimate_peak_bytes(deeper, *base, plan) > peak
    assert estimate_peak_bytes(config, *base, replace(plan, is_in_place=False)) > peak


def test_model_1_ptm_with_128_residues_fits_in_four_gigabytes():
    plan = kernels.plan("cpu", 128, training=False)
    assert estimate_peak_bytes(preset("model_1_ptm"), 128, 128, 5120, 4, plan) < 4e9
    assert 350e6 < parameter_bytes(preset("model_1_ptm")) < 400e6  # 93 million numbers


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(288, 64, 1), (96, 1200, 2)], ids=["pairs", "deep alignment and samples"])
def test_the_estimate_for_complexes_is_near_the_measured_peak(sizes):
    command = [sys.executable, str(MEASURE.with_name("measure_complex_memory.py")), *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured, estimated = map(int, done.stdout.split())
    assert 0.9 < estimated / measured < 1.35


def test_the_estimate_for_complexes_grows_with_every_size():
    plan = kernels.plan("cpu", 500, training=False)
    base = (3000, 24000, 1024, 5)
    peak = estimate_complex_bytes(af3(), *base, plan)
    assert estimate_complex_bytes(af3(), 6000, *base[1:], plan) > 3 * peak
    for i, factor in ((1, 20), (2, 200), (3, 200)):
        more = [factor * x if k == i else x for k, x in enumerate(base)]
        assert estimate_complex_bytes(af3(), *more, plan) > peak
    assert estimate_complex_bytes(af3(), *base, replace(plan, is_in_place=False)) > peak


def test_alphafold_3_has_368_million_parameters():
    assert 360e6 < complex_parameter_bytes(af3()) / 4 < 375e6
