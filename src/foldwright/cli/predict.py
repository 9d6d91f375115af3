"""`foldwright predict`: files in, ranked structures with confidence out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer import Option

if TYPE_CHECKING:
    from foldwright.pipeline.complexes.options import ComplexOptions
    from foldwright.pipeline.options import Options
    from foldwright.pipeline.progress import Silent
    from foldwright.pipeline.results import FailedJob

SOME_JOB_FAILED, NOTHING_BEGAN = 1, 2


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Sequences, FASTA, A3M or CSV files, or folders of them; a complex is written SEQ:SEQ. Or job files "
            "of any molecules: AlphaFold 3, AlphaFold Server or Protenix JSON, Boltz YAML; AlphaFold 3 predicts these.",
        ),
    ],
    model: Annotated[
        list[str] | None,
        Option(
            help="Official names (model_1_ptm, af3) or groups (monomer, monomer_ptm, multimer, multimer_v2); repeat, "
            "or separate by commas. Default: af3 for job files; else monomer_ptm for one chain, multimer for a "
            "complex, of those whose weights are found.",
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
        int | None,
        Option(help="Passes after the first. Default: the model's (3; multimer 20, with early stop; af3 10)."),
    ] = None,
    recycle_tolerance: Annotated[
        float | None, Option(help="Stop recycling when Cα distances change less than this, in Å; 0 never stops.")
    ] = None,
    seed: Annotated[
        int | None,
        Option(
            help="Decides every random draw: the same seed gives the same bytes. Default: 0, or the seeds of the job."
        ),
    ] = None,
    num_seeds: Annotated[
        int | None, Option(help="How many seeds to run for each model, counting up from --seed. Default: 1.")
    ] = None,
    seeds: Annotated[
        str | None, Option(metavar="1,2,10-14", help="These seeds instead, or instead of those of the job.")
    ] = None,
    samples: Annotated[int | None, Option(help="af3: structures of each seed, numbered from 0. Default: 5.")] = None,
    steps: Annotated[int | None, Option(help="af3: steps of the sampler. Default: 200.")] = None,
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
    threads: Annotated[int | None, Option(help="CPU threads of the network. Default: one for each core.")] = None,
    memory_limit: Annotated[
        str | None,
        Option(metavar="SIZE", help="Refuse jobs that need more memory, such as 12GB. Default: what is free."),
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
    search_server: Annotated[
        str | None, Option(metavar="URL", help="Another MSA server than ColabFold's public one, with its protocol.")
    ] = None,
    template_structures: Annotated[
        Path | None, Option(help="Folder with the PDB's mmCIF files. Default: the one among the databases.")
    ] = None,
    max_template_date: Annotated[
        str | None, Option(metavar="YYYY-MM-DD", help="Take no template that was released later. af3: 2021-09-30.")
    ] = None,
    template_filter: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=NUMBER",
            help="Which hits of a search become templates: max_templates (4), max_identity (none), min_coverage "
            "(0.1), max_subsequence (0.95), min_length (10); repeat.",
        ),
    ] = None,
    relax: Annotated[
        str, Option(help="Relieve clashes by restrained minimisation: of the best prediction, all or none.")
    ] = "none",
    ccd: Annotated[
        Path | None,
        Option(help="af3: another Chemical Component Dictionary, as mmCIF, BinaryCIF or JSON. Default: biotite's."),
    ] = None,
    save_embeddings: Annotated[
        bool, Option("--save-embeddings", help="af3: write the single and pair embeddings of each seed.")
    ] = False,
    save_distogram: Annotated[
        bool, Option("--save-distogram", help="af3: write the distogram logits of each seed.")
    ] = False,
    compress: Annotated[
        bool, Option("--compress", help="af3: pack structures and long confidence files with zstandard.")
    ] = False,
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
    """Predict the structures of proteins and complexes from sequences and alignments, or of any molecules.

    Results of a job go to OUT/<job>/: report.html to look at, ranked_0.pdb (best), ranking.json, and per model and
    seed a PDB and an mmCIF file, scores and predicted aligned error; run.json says what they were made from, msas/
    holds the alignments. AlphaFold 3 names its files as the released program does: <job>_model.cif (best),
    <job>_ranking_scores.csv, seed-<s>_sample-<i>/, and <job>_data.json, which may be given as a job again and is not
    searched then. Jobs are searched while others are predicted; `foldwright jobs OUT` shows how they stand, and the
    same command goes on where it was stopped. Exit code: 0 if every job was predicted, 1 if some failed
    (OUT/<job>/status.json says why), 2 if nothing could begin.
    """
    from foldwright import kernels

    kernels.keep_large_allocations()  # before the first tensor

    from foldwright.models.overrides import parse_overrides
    from foldwright.pipeline.evidence import evidence_of
    from foldwright.pipeline.families import AF3, family_of, refuse_others
    from foldwright.pipeline.memory import parse_bytes, use_threads
    from foldwright.pipeline.progress import reporter
    from foldwright.pipeline.seeds import all_seeds, parse_seeds, seeds_of_complexes
    from foldwright.search.templates import parse_filters

    family = family_of(inputs, model or (), weights)
    of_one_family = {
        "--recycle-tolerance": recycle_tolerance,
        "--max-msa": max_msa,
        "--ensemble": ensemble,
        "--alignments": alignments,
        "--templates": templates,
        "--relax": None if relax == "none" else relax,
        "--engine": None if engine == "local" else engine,
        "--ray-address": ray_address,
        "--samples": samples,
        "--steps": steps,
        "--ccd": ccd,
        "--save-embeddings": save_embeddings or None,
        "--save-distogram": save_distogram or None,
        "--compress": compress or None,
    }
    refuse_others([option for option, value in of_one_family.items() if value is not None], family)
    if threads is not None:
        use_threads(threads)
    evidence = evidence_of(
        msa=msa,
        pairing=pairing,
        use_templates=use_templates,
        preset=preset,
        databases=databases,
        search_engine=search_engine,
        search_server=search_server,
        template_structures=template_structures,
        max_template_date=max_template_date,
        template_filters=parse_filters(template_filter or ()),
        alignments=alignments,
    )
    chosen = parse_seeds(seeds) if seeds else ()
    common: dict[str, Any] = {
        "evidence": evidence,
        "weights": weights,
        "recycles": recycles,
        "overrides": parse_overrides(set_ or ()),
        "precision": precision,
        "device": device,
        "memory_limit": parse_bytes(memory_limit) if memory_limit else None,
    }
    how = Manner(out, reporter(quiet), has_pages=page, is_overwriting=overwrite, is_estimate=estimate_memory)
    if family == AF3:
        from foldwright.pipeline.complexes.options import ComplexOptions

        complex_options = ComplexOptions(
            **common,
            **seeds_of_complexes(seed, num_seeds, chosen),
            samples=samples,
            steps=steps,
            components=ccd,
            saves_embeddings=save_embeddings,
            saves_distogram=save_distogram,
            is_compressed=compress,
        )
        predict_complexes(inputs, complex_options, how)
    else:
        from foldwright.pipeline.options import Options, model_names, parse_max_msa

        options = Options(
            **common,
            models=model_names(model or ()),
            recycle_tolerance=recycle_tolerance,
            seeds=all_seeds(seed, num_seeds, chosen),
            max_msa=parse_max_msa(max_msa) if max_msa else None,
            ensemble=ensemble,
            relax=relax,
        )
        predict_proteins(inputs, options, how, alignments, templates or (), engine, ray_address)


@dataclass(frozen=True)
class Manner:
    """How the jobs are run and shown, whichever the network."""

    out: Path
    report: Silent
    has_pages: bool
    is_overwriting: bool
    is_estimate: bool

    @property
    def on_end(self) -> Callable[[Path], None] | None:
        """What becomes of a job's folder when the job is done."""
        return write_page if self.has_pages else None

    def finish(self, has_begun: bool, results: Iterable[Any]) -> None:
        """Run the jobs, write the page of the run, and end with the exit code that failed ones ask for."""
        from foldwright.pipeline.results import FailedJob

        failed = [result.job for result in results if isinstance(result, FailedJob)]
        if self.has_pages and has_begun:
            self.report.page(write_overview(self.out))
        if failed:
            raise typer.Exit(SOME_JOB_FAILED if has_begun else NOTHING_BEGAN)


def predict_complexes(inputs: list[str], options: ComplexOptions, how: Manner) -> None:
    """Job files of any molecules, by AlphaFold 3."""
    from foldwright.pipeline.complexes.estimate import complex_estimates
    from foldwright.pipeline.complexes.prepare import prepare_complexes
    from foldwright.pipeline.complexes.run import run_complexes

    if how.is_estimate:
        estimate(complex_estimates(inputs, options), how.report)
    plan = prepare_complexes(inputs, options, out=how.out)
    results = run_complexes(plan, how.report, is_overwriting=how.is_overwriting, on_end=how.on_end)
    how.finish(bool(plan.tasks), results)


def predict_proteins(
    inputs: list[str],
    options: Options,
    how: Manner,
    alignments: Path | None,
    templates: Sequence[Path],
    engine: str,
    ray_address: str | None,
) -> None:
    """Chains and complexes of proteins, by AlphaFold 2."""
    from foldwright.pipeline import engines
    from foldwright.pipeline.estimate import estimates
    from foldwright.pipeline.prepare import prepare

    if how.is_estimate:
        estimate(estimates(inputs, options, alignments, templates), how.report)
    run, is_local = engines.engine(engine, ray_address), engine == engines.LOCAL
    plan = prepare(inputs, options, out=how.out, alignments=alignments, templates=templates, is_run_here=is_local)
    results = run(plan, how.report, is_overwriting=how.is_overwriting, on_end=how.on_end)
    how.finish(bool(plan.tasks), results)


def estimate(lines: Iterable[str | FailedJob], report: Silent) -> NoReturn:
    """Print what every job would need, and end."""
    from foldwright.pipeline.results import FailedJob

    found = list(lines)
    for item in found:
        if isinstance(item, FailedJob):
            report.fail(item.job, str(item.error))
        else:
            print(item)
    raise typer.Exit(NOTHING_BEGAN if any(isinstance(item, FailedJob) for item in found) else 0)


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
