"""HMMER in this process, through pyhmmer: many queries share one pass over a database."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyhmmer

from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import parse_stockholm
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Jackhmmer
from foldwright.search.programs.installed import one_file


class JackhmmerInProcess:
    name = "pyhmmer jackhmmer"
    batch = 64

    def version(self) -> str:
        return pyhmmer.__version__

    def files(self, database: Database) -> Sequence[Path]:
        return one_file(database)

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Jackhmmer,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        alphabet = pyhmmer.easel.Alphabet.amino()
        with pyhmmer.easel.SequenceFile(str(databases[0].path), digital=True, alphabet=alphabet) as file:
            block = file.read_block()
        digital = [
            pyhmmer.easel.TextSequence(name=b"query", sequence=query.sequence).digitize(alphabet) for query in queries
        ]
        results = pyhmmer.hmmer.jackhmmer(
            digital,
            block,
            max_iterations=parameters.iterations,
            cpus=threads,
            E=parameters.e_value,
            incE=parameters.incE,
            F1=parameters.F1,
            F2=parameters.F2,
            F3=parameters.F3,
        )
        for result in results:
            yield Found(_alignment(result.msa, max_rows))


def _alignment(msa, max_rows: int | None) -> Alignment:
    text = io.BytesIO()
    msa.write(text, "pfam")
    stockholm = parse_stockholm(text.getvalue().decode().splitlines())
    rows = stockholm.alignment()
    described = [f"{name} {stockholm.descriptions.get(name, '')}".strip() for name in rows.descriptions]
    whole = Alignment(rows.sequences, rows.deletions, described)
    return whole.rows(range(min(len(whole), max_rows or len(whole))))
