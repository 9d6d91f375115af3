"""HHblits and HHsearch on a database of two made families."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.search.found import Database, Query
from foldwright.search.parameters import Hhblits, Hhsearch
from foldwright.search.programs.hhsuite import InstalledHhblits, InstalledHhsearch

LIBEXEC = Path("/usr/libexec/hhsuite")
CSTRANSLATE = shutil.which("cstranslate") or next(
    (str(LIBEXEC / f"cstranslate-{k}") for k in ("sse3", "plain") if (LIBEXEC / f"cstranslate-{k}").exists()), None
)
DATA = Path(os.environ.get("HHLIB", "/usr/share/hhsuite")) / "data"
TOOLS = ("hhblits", "hhsearch", "hhmake", "ffindex_build")
pytestmark = pytest.mark.skipif(
    not (all(map(shutil.which, TOOLS)) and CSTRANSLATE and DATA.exists()), reason="hhsuite is not installed"
)


def related(query, count, seed):
    rng = random.Random(seed)
    return ["".join(rng.choice("ADEFGIKLNPQRSTVWY") if rng.random() < 0.3 else x for x in query) for _ in range(count)]


@pytest.fixture(scope="module")
def database(tmp_path_factory, family, other_family):
    """An HH-suite database as the programs' guide makes it: alignments, profiles, states of columns."""
    place = tmp_path_factory.mktemp("hh")
    for kind in ("a3m", "hhm"):
        (place / kind).mkdir(parents=True)
    for name, (query, rows) in {"1abc_A": family, "2xyz_B": other_family}.items():
        text = "".join(f">{name}_{i} row\n{row}\n" for i, row in enumerate([*rows, *related(query, 20, 9)]))
        (place / "a3m" / name).write_text(f">{name} made\n{rows[0]}\n{text}")
        _run("hhmake", "-i", place / "a3m" / name, "-o", place / "hhm" / name, "-v", "0", "-name", f"{name} made")
    for kind in ("a3m", "hhm"):
        _run("ffindex_build", "-s", place / f"made_{kind}.ffdata", place / f"made_{kind}.ffindex", place / kind)
    library = ["-A", DATA / "cs219.lib", "-D", DATA / "context_data.lib"]
    made = ["-i", place / "made_a3m", "-o", place / "made_cs219"]
    _run(CSTRANSLATE, "-f", "-x", "0.3", "-c", "4", "-I", "a3m", *made, *library)
    return Database("made", place / "made")


def _run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def test_hhblits_finds_the_rows_of_the_family(database, family):
    (found,) = InstalledHhblits().run([Query(family[0])], [database], Hhblits(), 6, 1)
    assert found.alignment.query == family[0]
    assert len(found.alignment) == 6
    assert all("1abc_A" in description for description in found.alignment.descriptions[1:])


def test_hhsearch_finds_the_structure_with_the_rows_it_is_given(database, other_family):
    query, rows = other_family
    profile = Alignment([query, *rows], np.zeros((1 + len(rows), len(query)), np.int32), ["query", *map(str, rows)])
    (found,) = InstalledHhsearch().run([Query(query, profile)], [database], Hhsearch(), None, 1)
    best = found.template_hits[0]
    assert (best.pdb_id, best.chain_id) == ("2xyz", "B")
    assert best.sum_probs > 30
    assert found.alignment is None


def test_an_incomplete_database_is_named_by_the_missing_file(database, tmp_path):
    for file in InstalledHhblits().files(database):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    missing = tmp_path / "made_cs219.ffdata"
    missing.unlink()
    with pytest.raises(InputError) as caught:
        InstalledHhblits().files(Database("made", tmp_path / "made"))
    assert caught.value.file == missing
