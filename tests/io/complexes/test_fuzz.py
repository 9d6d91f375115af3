"""Damaged job files are refused in words, never with a traceback.

`FOLDWRIGHT_FUZZ=10000 pytest tests/io/test_complex_fuzz.py` tries more of them.
"""

import json
import os
import random
import shutil
from copy import deepcopy
from pathlib import Path

import pytest

from foldwright.chem.components import Components
from foldwright.io.complexes.jobs import read_complex_jobs
from foldwright.io.complexes.writer import alphafold3_json

SAMPLES = Path(__file__).parent / "job_samples"
ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
FILES = [*sorted(SAMPLES.glob("*.*")), ORACLES / "inputs" / "hetero_paired_userccd.json"]
NUM_FILES = int(os.environ.get("FOLDWRIGHT_FUZZ", "500"))

VALUES = [
    *(None, True, False, 0, -1, 10**12, 10**25, 1.5, "", "A", "x" * 300, "CCD_ATP", "é", "\n", ">", "C1CC", "\0", "²"),
    *([], {}, [[]], {"a": 1}, [None], [1, 2, 3], "FILE_x", "../..", "nan", "Ａ", "A B", " ", "CCD_", "[Xx]", "*"),
]
LETTERS = ["", "Z", "*", "(", "1", "\n", ">", "é", "[", "a", " ", "\t", "\0", "\U0001f600"]
SNIPPETS = [
    *(
        b'"',
        b"{",
        b"]",
        b",",
        b":",
        b"\\",
        b"\\u00",
        b"\\ud800",
        b"\n",
        b">",
        b"|",
        b"\t",
        b"  ",
        b"- ",
        b"&a ",
        b"*a ",
    ),
    *(b"!!int ", b"!x ", b"#", b"%", b"\xff", b"\0", b"1e999", b"[[[[", b"? ", b"(", b"@", b"'", b"<<: ", b"~", b"\r"),
]


def places(value, path=()):
    """The paths of everything in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def damaged_value(draw: random.Random, value):
    """A JSON value with one member renamed, lost, doubled, or of another kind."""
    path = draw.choice(list(places(value)))
    if not path:
        return deepcopy(draw.choice(VALUES))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    key, how = path[-1], draw.randrange(6)
    old = holder[key]
    if how == 0 and isinstance(holder, dict):
        holder[key + draw.choice(["x", " ", ""])] = holder.pop(key)
    elif how == 1:
        del holder[key]
    elif how == 2 and isinstance(holder, list):
        holder.insert(key, json.loads(json.dumps(old)))
    elif how == 3 and isinstance(old, str) and old:
        at = draw.randrange(len(old))
        holder[key] = old[:at] + draw.choice(LETTERS) + old[at + 1 :]
    elif how == 4 and isinstance(old, int):
        holder[key] = old + draw.choice([-1, 1, 1000, 10**20, -(10**5)])
    else:
        holder[key] = deepcopy(draw.choice(VALUES))
    return value


def damaged_bytes(draw: random.Random, data: bytes) -> bytes:
    """A file with bytes changed, lost, inserted, repeated or moved, or cut short."""
    at = draw.randrange(len(data) + 1)
    before, after = data[:at], data[at:]
    copied = draw.randrange(len(data) + 1)
    return draw.choice(
        [
            before + bytes([draw.randrange(256)]) + after[1:],
            before + after[draw.choice([1, 3, 30]) :],
            before + draw.choice(SNIPPETS) + after,
            before,
            before + data[copied : copied + draw.randrange(60)] + after,
            before + after[:1] * draw.choice([2, 50]) + after[1:],
        ]
    )


def damaged(draw: random.Random, file: Path) -> bytes:
    data = file.read_bytes()
    if file.suffix == ".json" and draw.random() < 0.6:
        value = json.loads(data)
        for _ in range(draw.choice([1, 1, 2, 4])):
            value = damaged_value(draw, value)
        return json.dumps(value, indent=draw.choice([None, 1])).encode()
    for _ in range(draw.choice([1, 1, 2, 5])):
        data = damaged_bytes(draw, data)
    return data


@pytest.fixture(scope="module")
def components() -> Components:
    return Components.read(ORACLES / "ccd_subset.json.gz")


def test_damaged_files_are_refused_in_words(tmp_path, components):
    pytest.importorskip("yaml")
    shutil.copytree(SAMPLES / "protenix_msa", tmp_path / "protenix_msa")
    (tmp_path / "job.fasta").write_bytes((SAMPLES / "chai.fasta").read_bytes())
    num_good = num_refused = 0
    for seed in range(NUM_FILES):
        draw = random.Random(seed)
        file = draw.choice(FILES)
        table = file.suffix == ".restraints"
        path = tmp_path / ("job.restraints" if table else f"other{file.suffix}")
        path.write_bytes(damaged(draw, file))
        try:
            jobs = read_complex_jobs(tmp_path / "job.fasta" if table else path, components)
            words = [str(error) for failure in jobs.failures for error in (failure.error, *failure.errors)]
            texts = [alphafold3_json(job) for job in jobs]
        except Exception as error:
            raise AssertionError(f"seed {seed}, from {file.name}") from error
        assert all(text.encode() for text in words + texts)
        assert len(jobs) + len(jobs.failures)
        num_good += bool(len(jobs))
        num_refused += bool(jobs.failures)
    assert num_good > NUM_FILES / 20
    assert num_refused > NUM_FILES / 2
