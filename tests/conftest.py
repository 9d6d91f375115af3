"""Fixtures shared by every test: the oracle arrays, a fixed seed, processes that need not load the package first."""

import multiprocessing
import os
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.weights import mapping
from foldwright.weights.rule import rule_parameters

COMMITTED = Path(__file__).parent / "oracles" / "af2"
SHARED = Path(__file__).parents[2] / "shared" / "oracles" / "af2"


def oracle_path(name: str) -> Path:
    """A stored file of the AlphaFold 2 oracles: the committed copy, else ../shared, else the test is skipped."""
    for folder in (COMMITTED, SHARED):
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")


@pytest.fixture
def oracle_file():
    """The path of a stored file, by its name relative to oracles/af2."""
    return oracle_path


@pytest.fixture
def oracle():
    """Arrays computed by the original program, by file name relative to oracles/af2."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(oracle_path(name), allow_pickle=False) as arrays:
            return dict(arrays)

    return load


PRELOADED = ["foldwright.cli.predict", "foldwright.cli.train", "foldwright.weights.store"]
BEGIN = """
import os, sys
os.environ.update(variables)
sys.argv = ["-c", *words]
os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
"""


@pytest.fixture(scope="session")
def forkserver():
    """A process of its own for a program, as `python -c program *words` is, but the package is loaded already.

    What it prints goes to the file `said`. The modules come from a server without a thread or a test's shape checks.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)

    def start(program: str, *words: object, said: Path | str = os.devnull, **variables: object) -> BaseProcess:
        given = {"program": program, "words": [str(word) for word in words], "said": str(said)}
        given["variables"] = {name: str(value) for name, value in variables.items()}
        process = context.Process(target=exec, args=(BEGIN, given))
        process.start()
        return process

    return start


@pytest.fixture
def full_disk():
    """`with full_disk(size):` the system refuses to let any file grow beyond so many bytes, as a full disk would."""
    resource = pytest.importorskip("resource", reason="needs limits of a process")

    @contextmanager
    def full(size: int):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores the signal and raises the error
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


class ModuleCase:
    """One layer as the original program computed it (float64, rule parameters): inputs, outputs and gradients."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.parts: dict[str, dict[str, torch.Tensor]] = {}
        for key, array in arrays.items():
            part, name = key.split("/", 1)
            tensor = torch.from_numpy(array)
            self.parts.setdefault(part, {})[name] = tensor.double() if tensor.is_floating_point() else tensor
        for name in self.parts.get("grad_in", {}):
            self.parts["in"][name].requires_grad_()

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.parts["in"][name]

    def fill(self, module: torch.nn.Module, table: mapping.Table) -> torch.nn.Module:
        """The module in float64, its parameters read by `table` from rule arrays of the stored names."""
        self.module, self.table = module.double().eval(), table
        expected = mapping.manifest(module, table)
        assert set(expected) == set(self.parts["grad_param_norm"])
        mapping.load_arrays(module, table, rule_parameters(expected))
        return module

    def check(self, tolerance: float = 1e-9, **outputs: torch.Tensor) -> None:
        """Outputs, gradients of the inputs and gradient norms of every array agree, and none is constant."""
        expected = self.parts["out"]
        assert outputs.keys() == expected.keys()
        for name, value in outputs.items():
            assert expected[name].std() > 1e-3
            assert relative_error(value, expected[name]) < tolerance, name
        sum((outputs[name] * cot).sum() for name, cot in self.parts["cot"].items()).backward()
        for name, gradient in self.parts.get("grad_in", {}).items():
            assert relative_error(self[name].grad, gradient) < tolerance, name
        gradients = {name: p.grad for name, p in self.module.named_parameters()}
        norms = {key: array.norm() for key, array in mapping.write_arrays(self.table, gradients).items()}
        scale = max(self.parts["grad_param_norm"].values())
        for key, norm in self.parts["grad_param_norm"].items():
            assert abs(norms[key] - norm) < tolerance * max(norm, 1e-3 * scale), key


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """|ours - theirs| / |theirs|."""
    assert ours.shape == theirs.shape
    return float((ours.detach() - theirs).norm() / theirs.norm())


@pytest.fixture
def module_case(oracle):
    """A stored layer of ../shared/oracles/af2/modules by name: `fill` a module, run it, `check` what it returns."""
    return lambda name: ModuleCase(oracle(f"modules/{name}.npz"))
