"""`foldwright predict`: files in, ranked structures with confidence out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

SOME_JOB_FAILED, NOTHING_BEGAN = 1, 2


def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT", help="FASTA, A3M or CSV files, or folders of them; a complex is written SEQ:SEQ."
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
    out: Annotated[Path, Option(help="Folder for the results, one subfolder per job.")] = Path("runs"),
    alignments: Annotated[
        Path | None,
        Option(
            help="Folder with <job>.a3m or .sto files (of one chain: <job>_A.a3m), or the one file of a single job."
        ),
    ] = None,
    templates: Annotated[
        list[Path] | None, Option(help="An mmCIF file to use as a template of every chain; repeat for more.")
    ] = None,
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

    Results of a job go to OUT/<job>/: ranked_0.pdb (best), ranking.json, and per model and seed a PDB and an mmCIF
    file, scores and predicted aligned error; run.json says how they were made. Exit code: 0 if every job was
    predicted, 1 if some failed (OUT/<job>/status.json says why), 2 if nothing could begin.
    """
    from foldwright import kernels

    kernels.keep_large_allocations()  # before the first tensor

    from foldwright.models.overrides import parse_overrides
    from foldwright.pipeline.estimate import estimates
    from foldwright.pipeline.evidence import Evidence
    from foldwright.pipeline.options import Options, consecutive_seeds, model_names, parse_max_msa
    from foldwright.pipeline.prepare import prepare
    from foldwright.pipeline.progress import reporter
    from foldwright.pipeline.results import FailedJob
    from foldwright.pipeline.run import run
    from foldwright.search.options import SearchOptions

    options = Options(
        evidence=Evidence(search=SearchOptions()),
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
    plan = prepare(inputs, options, out=out, alignments=alignments, templates=templates or ())
    failed = [result for result in run(plan, report, is_overwriting=overwrite) if isinstance(result, FailedJob)]
    if failed:
        raise typer.Exit(SOME_JOB_FAILED if plan.tasks else NOTHING_BEGAN)
