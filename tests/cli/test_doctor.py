"""`foldwright doctor` reports what works and fails only for what every prediction needs."""

import json
import re
import tomllib
from pathlib import Path

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


def test_optional_parts_are_named_as_the_extras_of_the_project(monkeypatch):
    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    remedies = {part.topic: part.remedy for part in doctor.OPTIONAL}
    for topic, extra in {
        "AlphaFold 3": "af3",
        "relaxation": "relax",
        "many machines": "ray",
        "plots": "plots",
        "training curves": "train",
    }.items():
        assert f'pip install "foldwright[{extra}]"' in remedies[topic]
        assert extra in extras
    (part,) = (part for part in doctor.OPTIONAL if part.topic == "AlphaFold 3")
    imported = {"pyyaml": "yaml"}
    needed = {re.match(r"[\w-]+", line)[0] for line in extras["af3"]}
    assert set(part.modules) == {imported.get(name, name) for name in needed}
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name in ("rdkit", "yaml") else name)
    assert part.missing() == ["rdkit", "yaml"]


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


@pytest.fixture
def few_steps(monkeypatch):
    """What a few steps showed, without making them: they have tests of their own."""
    import foldwright.training.health.doctoring as doctoring

    asked = {}

    def examine_training(recipe, data, num_steps, device):
        asked.update(recipe=recipe.name, data=data, steps=num_steps, device=device)
        yield doctoring.Check("gradients", "they arrive", True, False)
        yield doctoring.Check("layers", "one is silent", False, asked["steps"] == 5)

    monkeypatch.setattr(doctoring, "examine_training", examine_training)
    return asked


def test_training_is_examined_where_it_is_asked_for(few_steps, tmp_path):
    result = report("--train", "--data", str(tmp_path), "--steps", "7", "--device", "cpu")
    assert few_steps == {"recipe": "tiny", "data": tmp_path, "steps": 7, "device": "cpu"}
    assert result.exit_code == 0
    assert result.stdout.split() == ["gradients", "ok", "they", "arrive", "layers", "-", "one", "is", "silent"]


def test_a_training_that_cannot_go_on_fails(few_steps):
    result = report("--train", "--steps", "5", "--device", "cpu")
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert few_steps["steps"] == 5


def test_an_unknown_recipe_is_refused():
    result = report("--train", "--recipe", "no_such_recipe")
    assert result.exit_code == 2
