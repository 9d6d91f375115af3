"""`foldwright.predict`: the pipeline as one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foldwright.io.job import Job
from foldwright.pipeline import engines
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.options import Options, consecutive_seeds, model_names
from foldwright.pipeline.prepare import prepare
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.rank import ranked
from foldwright.pipeline.results import FailedJob, Prediction

__all__ = ["JobsFailed", "Prediction", "predict"]


class JobsFailed(Exception):
    """Some of several jobs failed; the predictions of the others are here."""

    def __init__(self, failures: Sequence[FailedJob], predictions: Sequence[Any]):
        self.failures, self.predictions = list(failures), list(predictions)
        reasons = "; ".join(f"{failure.job}: {failure.error}" for failure in failures)
        super().__init__(f"{len(self.failures)} failed ({reasons}); {len(self.predictions)} predictions were made")


def predict(
    inputs: str | Path | Job | Sequence[str | Path | Job],
    *,
    model: str | Sequence[str] = (),
    weights: str | Path | None = None,
    recycles: int | None = None,
    recycle_tolerance: float | None = None,
    seed: int = 0,
    num_seeds: int = 1,
    max_msa: tuple[int, int] | None = None,
    ensemble: int | None = None,
    precision: str = "float32",
    device: str = "auto",
    out: str | Path | None = None,
    alignments: str | Path | None = None,
    templates: Sequence[str | Path] = (),
    msa: str = "auto",
    pairing: str = "auto",
    use_templates: str = "auto",
    preset: str | None = None,
    databases: str | Path | None = None,
    search_engine: str = "auto",
    search_server: str | None = None,
    template_structures: str | Path | None = None,
    max_template_date: str | None = None,
    template_filters: Mapping[str, Any] | None = None,
    relax: str = "none",
    overrides: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    engine: str = "local",
    ray_address: str | None = None,
    report: Silent | None = None,
) -> list[Prediction]:
    """Predict structures; the options are those of the command `foldwright predict`.

    inputs     a sequence (`SEQ:SEQ` for a complex), the path of a FASTA, A3M or CSV file, a `Job`, or a list of these
    out        folder for the files that the command writes; None writes nothing
    max_msa    rows of the alignment read as cluster centres, and as extra rows
    preset     how relatives are searched where none are given; None searches the small database of the package, or the
               folder of databases that is named
    overrides  numbers of the network by dotted path, {"trunk.num_blocks": 8}
    template_filters  numbers of `TemplateFilters` by name, {"max_identity": 0.9}
    report     told what happens; `foldwright.pipeline.progress.Live()` draws it on a terminal

    Returns every prediction, jobs in the order of the input, the most confident of a job first.

    Raises:
        InputError: an option or the only input cannot be used.
        JobsFailed: some of several jobs failed; it holds the predictions of the others.
    """
    options = Options(
        evidence=evidence_of(
            msa=msa,
            pairing=pairing,
            use_templates=use_templates,
            preset=preset,
            databases=databases,
            search_engine=search_engine,
            search_server=search_server,
            template_structures=template_structures,
            max_template_date=max_template_date,
            template_filters=template_filters,
            alignments=alignments,
        ),
        models=model_names([model] if isinstance(model, str) else tuple(model)),
        weights=None if weights is None else str(weights),
        recycles=recycles,
        recycle_tolerance=recycle_tolerance,
        seeds=consecutive_seeds(seed, num_seeds),
        max_msa=max_msa,
        ensemble=ensemble,
        overrides=dict(overrides or {}),
        precision=precision,
        device=device,
        relax=relax,
    )
    items = [inputs] if isinstance(inputs, str | Path | Job) else list(inputs)
    run, is_local = engines.engine(engine, ray_address), engine == engines.LOCAL
    plan = prepare(items, options, out=out, alignments=alignments, templates=templates, is_run_here=is_local)
    results = list(run(plan, report or Quiet(), overwrite))
    predictions = [result for result in results if isinstance(result, Prediction)]
    failures = [result for result in results if isinstance(result, FailedJob)]
    if failures and not predictions and len(failures) == 1:
        raise failures[0].error
    if failures:
        raise JobsFailed(failures, predictions)
    return [prediction for job in plan.jobs for prediction in best_first(predictions, job.name)]


def best_first(predictions: Sequence[Prediction], job: str) -> list[Prediction]:
    """The predictions of one job in the order of their ranking."""
    found = {p.name: p for p in predictions if p.job == job}
    return [found[name] for name in ranked({name: p.for_ranking for name, p in found.items()})]


class Quiet(Silent):
    """Says nothing at all: failures are raised."""

    def fail(self, job: str, why: str) -> None:
        pass
