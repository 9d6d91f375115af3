"""`foldwright search`: sequences in, alignments and template hits out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.io.job import Job, JobList
    from foldwright.search.files import TemplateKeeper
    from foldwright.search.options import SearchOptions
    from foldwright.search.stage import ChainSearch

RNA_LETTERS = frozenset("ACGUTN")
SOME_JOB_FAILED, NOTHING_BEGAN = 1, 2


def search(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT", help="Sequences, FASTA or CSV files, or folders of them; SEQ:SEQ is a complex."
        ),
    ],
    out: Annotated[Path, Option(help="Folder for the results, one subfolder per job.")] = Path("searches"),
    preset: Annotated[
        str | None,
        Option(
            help="af2_full, af2_reduced, af3, af3_rna (of RNA), colabfold, local (every FASTA file "
            "of --databases, or the small set that comes with the program) or none. Default: local."
        ),
    ] = None,
    databases: Annotated[
        Path | None, Option(help="Folder of databases. Default: $FOLDWRIGHT_DATABASES, if it is set.")
    ] = None,
    engine: Annotated[
        str,
        Option(
            help="pyhmmer (in this process), programs (installed ones), server (the public MSA server of ColabFold: "
            "sequences leave this machine), or auto: pyhmmer or programs."
        ),
    ] = "auto",
    max_rows: Annotated[
        list[str] | None, Option(metavar="STEP=ROWS", help="Keep so many rows of a step, e.g. mgnify=5000; repeat.")
    ] = None,
    templates: Annotated[bool, Option(help="Whether to search for templates too.")] = True,
    template_filter: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=NUMBER",
            help="Keep only such hits: max_templates, max_identity, min_coverage, max_subsequence, min_length; repeat. "
            "Default: all hits are kept, and `foldwright predict` chooses.",
        ),
    ] = None,
    server: Annotated[
        str | None, Option(metavar="URL", help="Address of the MSA server. Default: ColabFold's public one.")
    ] = None,
    pairing: Annotated[
        str, Option(help="How the server pairs the chains of a complex: greedy, complete or none.")
    ] = "greedy",
    gpu: Annotated[bool, Option("--gpu", help="Let MMseqs2 search on a GPU.")] = False,
    threads: Annotated[int | None, Option(help="CPU threads of one search. Default: all.")] = None,
    cache: Annotated[Path | None, Option(help="Folder that keeps results. Default: the cache of this system.")] = None,
    refresh: Annotated[bool, Option("--refresh", help="Search again what was searched before.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Search for relatives of sequences, and for structures to use as templates.

    Results of a job go to OUT/<job>/: A.a3m for chain A, A.candidates.a3m (rows to pair chains by species),
    A.paired.a3m (rows that the server has paired) and A.hits.json (templates); search.json says how they were found.
    OUT/structures/ holds the structures that the server names. `foldwright predict INPUT --alignments OUT` reads them.
    Nothing is searched twice, whichever job asked for it. Exit code: 0 if every job was searched, 1 if some failed
    (OUT/<job>/search.json says why), 2 if nothing could begin.
    """
    from foldwright.io.jobs import collect
    from foldwright.search.colabfold import PUBLIC
    from foldwright.search.files import STRUCTURES, TemplateKeeper
    from foldwright.search.options import SearchOptions
    from foldwright.search.pairs import search_pairs
    from foldwright.search.recipes import LOCAL
    from foldwright.search.stage import search_chains
    from foldwright.search.templates import parse_filters

    options = SearchOptions(
        preset=preset or LOCAL,
        databases=databases,
        engine=engine,
        max_rows=parse_max_rows(max_rows or ()),
        templates=templates,
        gpu=gpu,
        server=server or PUBLIC,
        cache=cache,
        refresh=refresh,
        threads=threads,
    )
    filters = parse_filters(template_filter or ())
    tell = _silent if quiet else _tell
    jobs = rna_jobs(inputs) if preset == "af3_rna" else collect(inputs)
    for failure in jobs.failures:
        print(f"{failure.name}: {failure.error}", file=sys.stderr)
    if not jobs:
        raise typer.Exit(NOTHING_BEGAN)
    warn_of_demo(options)
    sequences = list(dict.fromkeys(sequence for job in jobs for sequence in job.sequences))
    found = dict(zip(sequences, search_chains(sequences, options, tell), strict=True))
    pairs = partial(search_pairs, options=options, pairing=pairing)
    keep = TemplateKeeper(options, filters, out / STRUCTURES)
    failed = [job for job in jobs if not _write(job, found, pairs, keep, out / job.name, tell)]
    if failed or jobs.failures:
        raise typer.Exit(SOME_JOB_FAILED)


def rna_jobs(inputs: Sequence[str]) -> JobList:
    """One job for each RNA, from sequences and FASTA files; what is no RNA is among the failures."""
    from foldwright.io.fasta import Record, parse_fasta
    from foldwright.io.job import ChainInput, Failure, Job, JobList, safe_name
    from foldwright.io.jobs import is_sequence
    from foldwright.io.text import read_lines

    jobs, failures = [], []
    for text in inputs:
        path = None if is_sequence(text) else Path(text)
        for record in parse_fasta(read_lines(path), path) if path else [Record("query", "query", text, 1)]:
            name = safe_name(record.name) or f"line_{record.line}"
            if record.sequence and set(record.sequence) <= RNA_LETTERS:
                jobs.append(Job(name, (ChainInput(record.sequence),), path, record.line))
                continue
            message, remedy = f'record "{record.name}" is no RNA.', "Write it with A, C, G, U, or N."
            failures.append(Failure(name, InputError(message, file=path, line=record.line, remedy=remedy)))
    return JobList(tuple(jobs), tuple(failures)).refusing_duplicates()


def parse_max_rows(texts: list[str] | tuple[str, ...]) -> dict[str, int]:
    """Limits by step, from words like `mgnify=5000`."""
    limits = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdigit():
            raise InputError(f'"{text}" is not STEP=ROWS.', field="--max-rows", remedy="Write mgnify=5000.")
        limits[name] = int(number)
    return limits


def warn_of_demo(options: SearchOptions) -> None:
    """Say so if the database is the small one of the package."""
    if options.preset == "local" and options.folder is None:
        print(
            "note: no folder of databases is set, so the small set that comes with the program is searched. It is "
            "there to try things out: most proteins have no relatives in it. Name a folder with --databases, fetch one "
            "with `foldwright databases fetch`, or ask the public server with --preset colabfold --engine server.",
            file=sys.stderr,
        )


def _write(
    job: Job, found: dict[str, ChainSearch | Exception], search_pairs, keep: TemplateKeeper, folder: Path, tell
) -> bool:
    """The files of one job; whether all its chains were searched."""
    from foldwright.search.files import write_chain, write_json, write_pairs

    chains, errors = {}, {}
    names = distinct(job)
    for name, sequence in names.items():
        result = found[sequence]
        if isinstance(result, Exception):
            errors[name] = str(result)
            continue
        result, told = keep.of_chain(result, sequence)
        write_chain(folder, name, result)
        chains[name] = {"residues": len(sequence), "rows": len(result.alignment), **result.record, **told}
        tell(f"{job.name}  {name} · {len(sequence)} residues · {len(result.alignment):,} rows")
    try:
        pairs = None if errors else search_pairs(list(names.values()))
        write_pairs(folder, list(names), pairs)
    except InputError as error:
        pairs, errors[":".join(names)] = None, str(error)
    for name, error in errors.items():
        print(f"{job.name}, chain {name}: {error}", file=sys.stderr)
    record = {"job": job.name, "chains": chains, "pairs": len(pairs[0]) if pairs else None, "failed": errors}
    write_json(folder / "search.json", record)
    return not errors


def distinct(job: Job) -> dict[str, str]:
    """The sequences of a job, each under the name of the first chain that has it."""
    names: dict[str, str] = {}
    for name, sequence in zip(job.chain_ids, job.sequences, strict=True):
        names.setdefault(sequence, name)
    return {name: sequence for sequence, name in names.items()}


def _tell(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    """Print nothing."""
