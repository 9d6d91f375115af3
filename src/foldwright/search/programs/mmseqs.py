"""The installed MMseqs2, run as ColabFold runs it: all queries at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.search.found import Database, Found, Query
from foldwright.search.parameters import Mmseqs
from foldwright.search.programs import installed
from foldwright.search.programs.jackhmmer import first_rows

_GPU_SINCE = 16  # the first version that searches on a GPU


class InstalledMmseqs:
    name = "mmseqs"
    batch = 256
    retries = True

    def version(self) -> str:
        return installed.version("mmseqs")

    def files(self, database: Database) -> Sequence[Path]:
        """Every file whose name begins with the database's."""
        folder, name = database.path.parent, database.path.name
        if not (folder / f"{name}.dbtype").is_file():
            remedy = f"Fetch it with `foldwright databases fetch`, or make it: `mmseqs createdb FASTA {database.path}`."
            raise InputError(f"the database {database.name} is not there.", file=database.path, remedy=remedy)
        return [file for file in sorted(folder.glob(f"{name}*")) if file.is_file()]

    def run(
        self,
        queries: Sequence[Query],
        databases: Sequence[Database],
        parameters: Mmseqs,
        max_rows: int | None,
        threads: int,
    ) -> Iterator[Found]:
        if parameters.gpu:
            require_gpu(self.version())
        with tempfile.TemporaryDirectory(prefix="foldwright-") as name:
            search = MmseqsSearch(Path(name), parameters, threads)
            search.begin([query.sequence for query in queries])
            profile = "queries"
            for number, database in enumerate(databases):
                profile = search.against(database.path.resolve(), profile, number)
            for i, query in enumerate(queries):
                parts = [search.rows(i, number, query.sequence) for number in range(len(databases))]
                yield Found(Alignment.concatenate([first_rows(part, max_rows) for part in parts]).unique())


def require_gpu(version: str) -> None:
    """Raises InputError if this version cannot search on a GPU."""
    number = version.split("-")[0].split(".")[0]
    if number.isdigit() and int(number) < _GPU_SINCE:
        remedy = "Install a newer one from https://mmseqs.com, or leave --gpu out."
        message = f"MMseqs2 {version} is here; searching on a GPU needs {_GPU_SINCE} or newer."
        raise InputError(message, field="--gpu", remedy=remedy)


@dataclass(frozen=True)
class MmseqsSearch:
    """The steps of one search, in a folder of their own (Mirdita et al. 2022, Methods, "MSA generation")."""

    folder: Path
    parameters: Mmseqs
    threads: int

    def begin(self, sequences: Sequence[str]) -> None:
        """Make a database of the queries; their keys count from 0."""
        text = "".join(f">query\n{sequence}\n" for sequence in sequences)
        (self.folder / "queries.fasta").write_text(text)
        self._call("createdb", "queries.fasta", "queries", "--shuffle", 0)

    def against(self, database: Path, profile: str, number: int) -> str:
        """Search a database with the profiles of the one before; rows go to `rows<number>`. Returns our profiles."""
        hits, scratch = f"hits{number}", f"scratch{number}"
        self._call("search", profile, database, hits, scratch, *self._search_flags(), *self._threads)
        found = self._profile_of(scratch) or profile
        if number == 0 and found != profile:
            self._call("mvdb", found, "profile0")
            self._call("lndb", "queries_h", "profile0_h")
            found = "profile0"
        members, hits = self._expanded(database, hits, profile, found, number)
        self._filter_and_write(members, hits, number)
        return found

    def rows(self, i: int, number: int, sequence: str) -> Alignment:
        """What one database holds for the i-th query."""
        file = self.folder / f"rows{number}" / f"{i}.a3m"
        if not file.is_file() or not file.read_bytes().strip(b"\0\n "):
            return Alignment.of_query(sequence)
        return read_a3m(file, sequence)

    def _expanded(self, database: Path, hits: str, query: str, profile: str, number: int) -> tuple[Path, str]:
        """Where hits stand for clusters, the members of these, aligned once more; else the hits themselves."""
        p, members, clusters = self.parameters, _beside(database, "_seq"), _beside(database, "_aln")
        if not _is_database(members) or not _is_database(clusters):
            return database, hits
        bounds = ["--expansion-mode", 0, "-e", "inf"]
        if number == 0:
            bounds += ["--expand-filter-clusters", 1, "--max-seq-id", p.max_seq_id]
        expanded, realigned = f"expanded{number}", f"realigned{number}"
        self._call("expandaln", query, members, hits, clusters, expanded, *bounds, *self._threads)
        limits = ["-e", p.align_e_value, "--max-accept", p.max_accept, "--alt-ali", 10, "-a"]
        self._call("align", profile, members, expanded, realigned, *limits, *self._threads)
        return members, realigned

    def _filter_and_write(self, members: Path, hits: str, number: int) -> None:
        """Drop poor rows where there are many, keep a diverse set, and unpack an A3M for each query."""
        p, filtered = self.parameters, f"filtered{number}"
        bounds = ["--qid", 0, "--qsc", p.qsc, "--cov", 0, "--diff", 0, "--max-seq-id", 1.0, "--filter-min-enable", 100]
        self._call("filterresult", "queries", members, hits, filtered, *bounds, *self._threads)
        diverse = ["--filter-msa", 1, "--filter-min-enable", p.filter_min_enable, "--diff", p.diff]
        diverse += ["--qid", "0.0,0.2,0.4,0.6,0.8,1.0", "--qsc", 0, "--max-seq-id", p.max_seq_id]
        a3m, folder = f"a3m{number}", f"rows{number}"
        self._call("result2msa", "queries", members, filtered, a3m, "--msa-format-mode", 6, *diverse, *self._threads)
        self._call("unpackdb", a3m, folder, "--unpack-name-mode", 0, "--unpack-suffix", ".a3m", *self._threads)

    def _search_flags(self) -> list[object]:
        p = self.parameters
        flags: list[object] = ["--num-iterations", p.iterations, "-s", p.sensitivity, "-e", p.e_value]
        flags += ["--max-seqs", p.max_seqs, "-a"]
        return [*flags, "--gpu", 1] if p.gpu else flags

    def _profile_of(self, scratch: str) -> str | None:
        """The profiles of the last iteration but one, if the search came so far."""
        name = f"{scratch}/latest/profile_1"
        return name if _is_database(self.folder / name) else None

    @property
    def _threads(self) -> list[object]:
        return ["--threads", self.threads]

    def _call(self, *words: object) -> None:
        installed.call("mmseqs", *words, "-v", 1, folder=self.folder)


def _beside(database: Path, ending: str) -> Path:
    return database.with_name(database.name + ending)


def _is_database(path: Path) -> bool:
    return path.with_name(f"{path.name}.dbtype").is_file()
