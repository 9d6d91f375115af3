"""A small family of made sequences, a folder of databases that hold it, and a server in place of ColabFold's."""

import random

import pytest

from colabfold_server import kitchen as kitchen
from foldwright.search.options import SearchOptions

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def made_family(seed=1, length=80, size=12, share=0.25):
    """A sequence and relatives of it, each with some residues exchanged."""
    rng = random.Random(seed)
    query = "".join(rng.choice(LETTERS) for _ in range(length))
    relatives = [
        "".join(rng.choice(LETTERS) if rng.random() < share else letter for letter in query) for _ in range(size)
    ]
    return query, relatives


def fasta_of(sequences, prefix="tr|X{i}|X{i}_HUMAN made protein OX=9606"):
    return "".join(f">{prefix.format(i=i)}\n{sequence}\n" for i, sequence in enumerate(sequences))


@pytest.fixture(scope="session")
def family():
    return made_family()


@pytest.fixture(scope="session")
def other_family():
    return made_family(seed=2, length=60)


@pytest.fixture
def folder(tmp_path, family, other_family):
    """Two FASTA databases: `first` with one family, `second` with relatives of both."""
    place = tmp_path / "databases"
    place.mkdir()
    noise = made_family(seed=3, length=90, size=60, share=0.95)[1]
    (place / "first.fasta").write_text(fasta_of([*family[1][:8], *noise[:30]]))
    (place / "second.fasta").write_text(fasta_of([*family[1][6:], *other_family[1], *noise[30:]], "sp|Y{i}|Y{i}_MOUSE"))
    return place


@pytest.fixture
def options(folder, tmp_path):
    def make(**changes):
        return SearchOptions(**{"databases": folder, "cache": tmp_path / "cache", "threads": 1, **changes})

    return make
