"""`foldwright predict`: files in, ranked structures with confidence out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

SOME_JOB_FAILED, NOTHING_BEGAN = 1, 2


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Sequences, FASTA, A3M or CSV files, or folders of them; a complex is written SEQ:SEQ.",
        ),
    ],
    model: Annotated[
        list[str] | None,
        Option(
            help="Official names (model_1_ptm) or groups (monomer, monomer_ptm, multimer, multimer_v2); repeat, or "
            "separate by commas. Default: monomer_ptm for one chain, multimer for a complex, of those whose weights "
            "are found.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        Option(
            help="A parameter file, a folder of them, or `rule` for generated parameters (a trial run; the coordinates "
            "mean nothing). Default: what `foldwright weights fetch` or `import` put into the cache.",
        ),
    ] = None,
    recycles: Annotated[
        int | None, Option(help="Passes after the first. Default: the model's (3; multimer 20, with early stop).")
    ] = None,
    recycle_tolerance: Annotated[
        float | None, Option(help="Stop recycling when Cα distances change less than this, in Å; 0 never stops.")
    ] = None,
    seed: Annotated[int, Option(help="Decides every random draw: the same seed gives the same bytes.")] = 0,
    num_seeds: Annotated[int, Option(help="How many seeds to run for each model, counting up from --seed.")] = 1,
    max_msa: Annotated[
        str | None,
        Option(
            metavar="CLUSTERS:EXTRA",
            help="Rows of the alignment that one pass reads, templates not counted. Default: the model's.",
        ),
    ] = None,
    ensemble: Annotated[
        int | None, Option(help="Draws of the alignment averaged in each pass (8 in CASP14). Default: 1.")
    ] = None,
    precision: Annotated[
        str,
        Option(
            help="Of matrix products: float32, bfloat16 (layers agree within 2%), or auto: bfloat16 where it is "
            "measured to be faster."
        ),
    ] = "float32",
    device: Annotated[str, Option(help="cpu, cuda, cuda:1, ..., or auto: a GPU if there is one.")] = "auto",
    engine: Annotated[
        str,
        Option(
            help="Where jobs are run: local (in this process), or ray (on every machine of a Ray cluster; all must see "
            "OUT, weights and databases under the same paths)."
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        Option(
            metavar="HOST:PORT",
            help="A Ray cluster that runs, or `auto` for the one that this machine belongs to. Default: $RAY_ADDRESS, "
            "else one is started on this machine alone.",
        ),
    ] = None,
    out: Annotated[Path, Option(help="Folder for the results, one subfolder per job.")] = Path("runs"),
    alignments: Annotated[
        Path | None,
        Option(
            help="Folder with <job>.a3m or .sto files (of one chain: <job>_A.a3m), or of `foldwright search`; or the "
            "one file of a single job. What is given is not searched."
        ),
    ] = None,
    msa: Annotated[
        str, Option(help="auto: alignments given, else searched as --preset says; none: the sequence alone.")
    ] = "auto",
    pairing: Annotated[
        str,
        Option(
            help="Rows of different chains side by side: auto (those given, else as the preset's program does), "
            "none, af2, af3, greedy or complete."
        ),
    ] = "auto",
    templates: Annotated[
        list[Path] | None,
        Option(
            help="An mmCIF or PDB file to use as a template of every chain (1abc.cif:B for its chain B), a folder of "
            "them, or a JSON list with index maps; repeat for more."
        ),
    ] = None,
    use_templates: Annotated[
        str, Option(help="auto: templates given, else those that the search finds; none: no templates.")
    ] = "auto",
    preset: Annotated[
        str | None,
        Option(
            help="How to search where nothing is given: af2_full, af2_reduced, af3, colabfold, local (every FASTA file "
            "of --databases, or the small set that comes with the program), none. Default: local."
        ),
    ] = None,
    databases: Annotated[
        Path | None, Option(help="Folder of databases. Default: $FOLDWRIGHT_DATABASES, if it is set.")
    ] = None,
    search_engine: Annotated[
        str,
        Option(
            help="pyhmmer (in this process), programs (installed ones), server (the public MSA server of ColabFold: "
            "sequences leave this machine), or auto: pyhmmer or programs."
        ),
    ] = "auto",
    template_structures: Annotated[
        Path | None, Option(help="Folder with the PDB's mmCIF files. Default: the one among the databases.")
    ] = None,
    max_template_date: Annotated[
        str | None, Option(metavar="YYYY-MM-DD", help="Take no template that was released later.")
    ] = None,
    relax: Annotated[
        str, Option(help="Relieve clashes by restrained minimisation: of the best prediction, all or none.")
    ] = "none",
    page: Annotated[
        bool, Option("--report/--no-report", help="Write report.html for every job and index.html for the run.")
    ] = True,
    estimate_memory: Annotated[
        bool, Option("--estimate-memory", help="Print the memory that each job and model would need, and exit.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="Change a number of the network, e.g. trunk.num_blocks=8; repeat."),
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Predict again what is already there from the same input and options.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Predict the structures of proteins and complexes from sequences and alignments.

    Results of a job go to OUT/<job>/: report.html to look at, ranked_0.pdb (best), ranking.json, and per model and
    seed a PDB and an mmCIF file, scores and predicted aligned error; run.json says what they were made from, msas/
    holds the alignments. Jobs are searched while others are predicted; `foldwright jobs OUT` shows how they stand, and
    the same command goes on where it was stopped. Exit code: 0 if every job was predicted, 1 if some failed
    (OUT/<job>/status.json says why), 2 if nothing could begin.
    """
    from foldwright import kernels

    kernels.keep_large_allocations()  # before the first tensor

    from foldwright.models.overrides import parse_overrides
    from foldwright.pipeline import engines
    from foldwright.pipeline.estimate import estimates
    from foldwright.pipeline.evidence import evidence_of
    from foldwright.pipeline.options import Options, consecutive_seeds, model_names, parse_max_msa
    from foldwright.pipeline.prepare import prepare
    from foldwright.pipeline.progress import reporter
    from foldwright.pipeline.results import FailedJob

    options = Options(
        evidence=evidence_of(
            msa=msa,
            pairing=pairing,
            use_templates=use_templates,
            preset=preset,
            databases=databases,
            search_engine=search_engine,
            template_structures=template_structures,
            max_template_date=max_template_date,
        ),
        models=model_names(model or ()),
        weights=weights,
        recycles=recycles,
        recycle_tolerance=recycle_tolerance,
        seeds=consecutive_seeds(seed, num_seeds),
        max_msa=parse_max_msa(max_msa) if max_msa else None,
        ensemble=ensemble,
        overrides=parse_overrides(set_ or ()),
        precision=precision,
        device=device,
        relax=relax,
    )
    report = reporter(quiet)
    if estimate_memory:
        found = list(estimates(inputs, options, alignments, templates or ()))
        for item in found:
            if isinstance(item, FailedJob):
                report.fail(item.job, str(item.error))
            else:
                print(item)
        raise typer.Exit(NOTHING_BEGAN if any(isinstance(item, FailedJob) for item in found) else 0)
    run, is_local = engines.engine(engine, ray_address), engine == engines.LOCAL
    plan = prepare(inputs, options, out=out, alignments=alignments, templates=templates or (), is_run_here=is_local)
    results = run(plan, report, is_overwriting=overwrite, on_end=write_page if page else None)
    failed = [result.job for result in results if isinstance(result, FailedJob)]
    if page and plan.tasks:
        report.page(write_overview(out))
    if failed:
        raise typer.Exit(SOME_JOB_FAILED if plan.tasks else NOTHING_BEGAN)


def write_page(folder: Path) -> None:
    """report.html of a job, unless it is newer than all that it shows."""
    from foldwright.reports import write_report

    page = folder / "report.html"
    records = (path for path in folder.glob("*.json") if page.is_file())
    if not page.is_file() or any(path.stat().st_mtime_ns > page.stat().st_mtime_ns for path in records):
        write_report(folder)


def write_overview(out: Path) -> Path:
    """index.html of a run; of a single job its own page is enough."""
    from foldwright.reports import write_index

    pages = list(out.glob("*/report.html"))
    return write_index(out) if len(pages) != 1 else pages[0]
