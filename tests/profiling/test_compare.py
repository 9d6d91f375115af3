"""Kernels that agree pass, and one that does not is found."""

from dataclasses import replace

import pytest
import torch

from foldwright.kernels.attention import FusedAttention
from foldwright.kernels.checking import CheckResult
from foldwright.profiling.compare import Agreement, agreement, agreements, compare
from foldwright.profiling.workload import make_workload


def test_the_installed_kernels_agree_with_the_textbook(recipe, sizes, setting):
    found = compare(recipe, sizes, setting.device, repeats=1)
    assert found.passed
    quantities = {agreement.quantity for agreement in found.agreements}
    assert {"atoms", "distogram", "gradient of evoformer", "gradient of structure_module"} <= quantities
    assert any(agreement.error > 0 for agreement in found.agreements)  # they are not one and the same
    record = found.record()
    assert record["textbook"]["operations"].keys() == record["installed"]["operations"].keys()
    assert record["speed_up"] == pytest.approx(found.textbook.step_s / found.installed.step_s)


def test_a_wrong_kernel_is_found(recipe, sizes, setting, monkeypatch):
    right = FusedAttention.attend
    monkeypatch.setattr(FusedAttention, "attend", lambda *args: 1.01 * right(*args))
    monkeypatch.setattr(
        "foldwright.kernels.installing.check", lambda layer, kernel, *_: CheckResult(kernel.__name__, True, 0.0)
    )
    textbook, installed = (make_workload(recipe, sizes, replace(setting, is_textbook=x)) for x in (True, False))
    found = {agreement.quantity: agreement for agreement in agreement(textbook, installed)}
    assert not found["gradient of evoformer"].passed
    assert not found["distogram"].passed


def test_in_a_shorter_type_the_kernels_may_round_as_the_textbook_does(recipe, sizes, setting):
    recipe = replace(recipe, precision="bfloat16")
    textbook, installed = (make_workload(recipe, sizes, replace(setting, is_textbook=x)) for x in (True, False))
    found = {a.quantity: a for a in agreement(textbook, installed)}
    assert found["distogram"].passed
    assert 1e-4 < found["distogram"].error < found["distogram"].limit < 0.1


def test_nan_never_agrees():
    one, nan = torch.ones(3), torch.full((3,), float("nan"))
    (found,) = agreements({"x": one}, {"x": nan}, {"x": 1.0})
    assert not found.passed
    assert not list(agreements({"zero": 0 * one}, {"zero": 0 * one}))
    assert not Agreement("y", 1.1, 1.0).passed
