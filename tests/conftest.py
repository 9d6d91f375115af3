"""Fixtures shared by every test: the oracle arrays, a fixed seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

COMMITTED = Path(__file__).parent / "oracles" / "af2"
SHARED = Path(__file__).parents[2] / "shared" / "oracles" / "af2"


def oracle_path(name: str) -> Path:
    """A stored file of the AlphaFold 2 oracles: the committed copy, else ../shared, else the test is skipped."""
    for folder in (COMMITTED, SHARED):
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")


@pytest.fixture
def oracle():
    """Arrays computed by the original program, by file name relative to oracles/af2."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(oracle_path(name), allow_pickle=False) as arrays:
            return dict(arrays)

    return load


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)
