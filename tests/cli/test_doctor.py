"""`foldwright doctor` reports what works and fails only for what every prediction needs."""

import json

import pytest
from typer.testing import CliRunner

from foldwright import kernels
from foldwright.cli import doctor
from foldwright.cli.main import app


@pytest.fixture
def few_kernels(monkeypatch):
    """One passing check instead of all: the checks have tests of their own."""
    monkeypatch.setattr(kernels, "self_check", lambda device: [kernels.CheckResult("Quick", True, 1e-7)])


def report(*words):
    return CliRunner().invoke(app, ["doctor", *words])


@pytest.mark.usefixtures("few_kernels")
def test_a_healthy_machine_is_described():
    result = report()
    assert result.exit_code == 0
    for topic in ("python", "torch", "threads", "memory", "device cpu", "kernel on cpu", "weights", "relaxation"):
        assert topic in result.stdout
    assert "FAILED" not in result.stdout


@pytest.mark.usefixtures("few_kernels")
def test_the_report_as_json_has_the_same_topics():
    found = json.loads(report("--json").stdout)
    assert {"topic", "text", "passed", "is_core"} == set(found[0])
    assert any(item["topic"] == "device cpu" and item["passed"] for item in found)


@pytest.mark.usefixtures("few_kernels")
def test_a_missing_optional_part_says_how_to_get_it_and_does_not_fail(monkeypatch):
    part = doctor.OptionalPart("dance", "a partner", ("no_such_module",), ("no-such-program",), "ask someone")
    monkeypatch.setattr(doctor, "OPTIONAL", (part,))
    result = report()
    assert result.exit_code == 0
    assert "a partner: missing no_such_module, no-such-program. Get: ask someone" in result.stdout


def test_a_missing_core_library_fails(monkeypatch):
    monkeypatch.setattr(doctor, "CORE", ("torch", "no_such_module"))
    result = report()
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert "pip install no_such_module" in result.stdout


def test_a_kernel_that_fails_is_shown_but_the_textbook_still_runs(monkeypatch):
    monkeypatch.setattr(kernels, "self_check", lambda device: [kernels.CheckResult("Broken", False, 0.3)])
    result = report()
    assert result.exit_code == 0
    assert "Broken: relative error 3.0e-01" in result.stdout
