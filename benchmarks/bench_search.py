"""jackhmmer in process against the installed program: seconds per query, memory, and a second run from the cache.

    python benchmarks/bench_search.py [--count 50] [--database FASTA] [--queries FASTA] [--threads 2] [--results DIR]

Without files: chains of ../shared/data/structures, drawn at random, against the 145k sequences of ../shared/data/seqdb.
The program is run once per query on the unpacked database, with the options of AlphaFold 2. Groups of queries are
timed in turn on both sides, because machines drift; memory is each side's own peak. Processor seconds say what the work
costs, wall seconds what a person waits; beside other programs only the first can be compared.
"""

import argparse
import csv
import gzip
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

DATA = Path(__file__).parents[2] / "shared" / "data"
DATABASE = DATA / "seqdb" / "seqdb.fasta.gz"
CHAINS = DATA / "structures" / "chains.tsv.gz"
PROGRAM = "jackhmmer -o /dev/null --noali -N 1 -E 0.0001 --incE 0.0001 --F1 0.0005 --F2 5e-05 --F3 5e-07"
CPU = "8"  # what AlphaFold 2 asks for; its program says so and leaves the rest to the machine


@dataclass
class Cost:
    """What some runs took; memory is the highest of them."""

    wall: float = 0.0
    processor: float = 0.0
    memory: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.processor + other.processor, max(self.memory, other.memory))


def main() -> None:
    """Measure both sides group by group, then the cache; print and keep the figures."""
    options = arguments()
    if options.one_group:
        ours_here(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        database = unpacked(options.database, work)
        queries = chosen(options.queries, options.count)
        program, ours = Cost(), Cost()
        for start in range(0, len(queries), options.group):
            group = work / f"group{start}.fasta"
            group.write_text(
                "".join(f">{name}\n{sequence}\n" for name, sequence in queries[start : start + options.group])
            )
            program += with_program(group, database, options.cpu)
            ours += in_process(group, database, options)
            print(f"{min(start + options.group, len(queries))} queries: {ratios(program, ours)}", flush=True)
        text = report(options, len(queries), program, ours, repeated(queries, database, work, options.threads))
    print(text)
    if options.results:
        place = options.results / f"{date.today()}-search.md"
        place.write_text(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, default=DATABASE)
    parser.add_argument("--queries", type=Path, default=CHAINS, help="FASTA, or a table with columns id and sequence")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--group", type=int, default=50, help="queries that are measured together")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu", default=CPU, help="what the program is given as --cpu")
    parser.add_argument("--shard-bytes", type=int, default=32 << 20)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--one-group", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(path: Path, count: int) -> list[tuple[str, str]]:
    """Names and sequences, the same each time."""
    if path.name.endswith((".tsv", ".tsv.gz")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            rows = [row for row in csv.DictReader(file, delimiter="\t") if row.get("eval_core", "1") == "1"]
        known = [(f"q{i}", row["sequence"]) for i, row in enumerate(rows)]
    else:
        from foldwright.io.fasta import read_fasta

        known = [(f"q{i}", record.sequence) for i, record in enumerate(read_fasta(path))]
    return random.Random(0).sample(known, min(count, len(known)))


def unpacked(database: Path, work: Path) -> Path:
    """The database as plain text, alone in a folder: the program reads it faster so."""
    place = work / "databases" / "database.fasta"
    place.parent.mkdir()
    with gzip.open(database) if database.suffix == ".gz" else database.open("rb") as file, place.open("wb") as out:
        shutil.copyfileobj(file, out)
    return place


def with_program(group: Path, database: Path, cpu: str) -> Cost:
    """One process per query, as AlphaFold 2 runs it."""
    total = Cost()
    query = group.with_suffix(".one")
    for record in group.read_text().split(">")[1:]:
        query.write_text(f">{record}")
        command = [*PROGRAM.split(), "--cpu", cpu, "-A", f"{query}.sto", str(query), str(database)]
        total += cost_of(command)
    return total


def in_process(group: Path, database: Path, options: argparse.Namespace) -> Cost:
    """All queries of the group in one process, its start and the counting of the database included."""
    command = [sys.executable, __file__, "--one-group", str(group), "--database", str(database)]
    command += ["--threads", str(options.threads), "--shard-bytes", str(options.shard_bytes)]
    return cost_of(command, {"FOLDWRIGHT_CACHE": str(group.parent / f"cache-{group.stem}")})


def ours_here(options: argparse.Namespace) -> None:
    """The search itself, with alignments ready for a network."""
    from foldwright.io.fasta import read_fasta
    from foldwright.search.hmmer import Query, SequenceShards, af2_jackhmmer, jackhmmer

    queries = [Query(record.name, record.sequence) for record in read_fasta(options.one_group)]
    database = SequenceShards(options.database, options.shard_bytes)
    for hits in jackhmmer.run(queries, database, af2_jackhmmer(), threads=options.threads):
        hits.alignment()


def cost_of(command: list[str], environment: dict[str, str] | None = None) -> Cost:
    """What a command takes, its children included."""
    start = perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} ended with status {status}")
    return Cost(perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def repeated(queries: list[tuple[str, str]], database: Path, work: Path, threads: int) -> float:
    """Seconds of a second search for sequences whose answers are kept, made with `foldwright.search`."""
    import machine  # it loads torch, which a search has no need of

    from foldwright.search.options import SearchOptions
    from foldwright.search.stage import search_chains

    options = SearchOptions(
        preset="local", databases=database.parent, engine="pyhmmer", cache=work / "kept", threads=threads
    )
    sequences = [sequence for _, sequence in queries]
    failed = [answer for answer in search_chains(sequences, options) if isinstance(answer, Exception)]
    if failed:
        raise failed[0]
    return machine.seconds(lambda: search_chains(sequences, options))


def ratios(program: Cost, ours: Cost) -> str:
    return f"{program.wall / ours.wall:.1f}x by the clock, {program.processor / ours.processor:.1f}x in processor time"


def report(options: argparse.Namespace, count: int, program: Cost, ours: Cost, again: float) -> str:
    """The figures with what they were measured on."""
    lines = [
        f"# {date.today():%-d %B %Y}: search",
        "",
        f"`python benchmarks/bench_search.py {' '.join(sys.argv[1:])}`",
        f"{processor()}; load {os.getloadavg()[0]:.1f} at the end.",
        "",
        f"{count} queries against {options.database.name}. Program: `{PROGRAM} --cpu {options.cpu}`,",
        f"one process per query. Foldwright: {options.group} queries in a pass on {options.threads} threads,",
        f"shards of {options.shard_bytes / 2**20:.0f} MiB.",
        "",
        "| | seconds per query | processor seconds per query | peak memory |",
        "|---|---|---|---|",
        *(
            f"| {name} | {cost.wall / count:.2f} | {cost.processor / count:.2f} | {cost.memory / 2**20:.0f} MiB |"
            for name, cost in (("jackhmmer", program), ("foldwright", ours))
        ),
        "",
        f"foldwright is {ratios(program, ours)}. The same sequences again, answered from the cache: {again:.2f} s.",
        "",
    ]
    return "\n".join(lines)


def processor() -> str:
    """The machine in words."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores, {platform.platform()}"


if __name__ == "__main__":
    main()
