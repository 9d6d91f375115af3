"""Input files of the AlphaFold 2 oracles."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def oracle_file():
    """A stored input file by its name relative to oracles/af2: the committed copy, else that of ../shared."""

    def find(name: str) -> Path:
        for folder in (TESTS / "oracles" / "af2", TESTS.parents[1] / "shared" / "oracles" / "af2"):
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")

    return find
