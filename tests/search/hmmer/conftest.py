"""A family of sequences among unrelated ones, made here; the programs are asked the same where they are installed."""

import io
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from foldwright.search.hmmer import Query

AMINO = "ACDEFGHIKLMNPQRSTVWY"
RNA = "ACGU"


def relatives(parent, alphabet, count, random_numbers, changed, inserted=0.03):
    """Sequences derived from `parent`: letters exchanged, put in and left out."""
    for _ in range(count):
        letters = []
        for letter in parent:
            chance = random_numbers.random()
            if chance < inserted:
                letters += random_numbers.choices(alphabet, k=3)
            if chance > inserted * 2:
                letters.append(random_numbers.choice(alphabet) if random_numbers.random() < changed else letter)
        yield "".join(letters)


def write_database(path, parents, alphabet, unrelated=300, changed=0.35):
    """A FASTA file in which every parent has a family, wrapped lines, one sequence without description."""
    numbers = random.Random(7)
    sequences = [s for parent in parents for s in relatives(parent, alphabet, 12, numbers, changed)]
    sequences += ["".join(numbers.choices(alphabet, k=numbers.randint(40, 200))) for _ in range(unrelated)]
    numbers.shuffle(sequences)
    with path.open("w") as file:
        for i, sequence in enumerate(sequences):
            lines = "\n".join(sequence[k : k + 60] for k in range(0, len(sequence), 60))
            file.write(f">s{i}{'' if i % 5 == 0 else f' protein {i} OX={i}'}\n{lines}\n")
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def queries():
    numbers = random.Random(3)
    return [Query(f"q{i}", "".join(numbers.choices(AMINO, k=length))) for i, length in enumerate((60, 90, 130))]


@pytest.fixture(scope="session")
def database(tmp_path_factory, queries):
    return write_database(tmp_path_factory.mktemp("amino") / "db.fasta", [q.sequence for q in queries], AMINO)


@pytest.fixture(scope="session")
def rna_queries():
    numbers = random.Random(5)
    return [Query(f"r{i}", "".join(numbers.choices(RNA, k=length))) for i, length in enumerate((48, 120))]


@pytest.fixture(scope="session")
def rna_database(tmp_path_factory, rna_queries):
    path = tmp_path_factory.mktemp("rna") / "db.fasta"
    return write_database(path, [q.sequence for q in rna_queries], RNA, unrelated=100, changed=0.1)


@pytest.fixture
def installed():
    """The path of a program, or the test is skipped."""

    def find(name):
        return shutil.which(name) or pytest.skip(f"{name} is not installed (apt install hmmer)")

    return find


@pytest.fixture
def program(installed, tmp_path):
    """Runs an installed program: its hit table, its domain table (None for nhmmer) and the alignment it writes."""

    def run(name, options, query, database):
        if not isinstance(query, Path):
            (tmp_path / "q.fasta").write_text("".join(f">{one.name}\n{one.sequence}\n" for one in query))
            query = tmp_path / "q.fasta"
        paths = {kind: tmp_path / kind for kind in ("hits", "domains", "alignment")}
        tables = ["--tblout", paths["hits"], *([] if name == "nhmmer" else ["--domtblout", paths["domains"]])]
        command = [installed(name), "--noali", "--cpu", 1, "-o", "/dev/null", "-A", paths["alignment"], *tables]
        command = [str(word) for word in (*command, *options, query, database)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return tuple(_words(path.read_text()) if path.exists() else None for path in paths.values())

    return run


@pytest.fixture
def written():
    """The same three of what was found in process."""

    def write(hits):
        tables = (_words("".join(_table(one, kind) for one in hits)) for kind in ("targets", "domains"))
        return *tables, _words("".join(one.stockholm_text() for one in hits))

    return write


def _table(hits, kind):
    text = io.BytesIO()
    hits.top.write(text, kind, header=False)
    return text.getvalue().decode()


def _words(text):
    """Lines as words: widths of columns, comments of tables and the program's version may differ."""
    kept = (line for line in text.splitlines() if not line.startswith(("# ", "#-", "#=GF AU")))
    return [line.split() for line in kept if line != "#"]
