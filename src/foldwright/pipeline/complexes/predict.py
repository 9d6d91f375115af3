"""`foldwright.predict_complexes`: AlphaFold 3's pipeline as one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foldwright.io.complexes.job import ComplexJob
from foldwright.pipeline.complexes.options import ComplexOptions
from foldwright.pipeline.complexes.prepare import prepare_complexes
from foldwright.pipeline.complexes.results import ComplexPrediction
from foldwright.pipeline.complexes.run import run_complexes
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.memory import parse_bytes, use_threads
from foldwright.pipeline.predict import JobsFailed, Quiet
from foldwright.pipeline.progress import Silent


def predict_complexes(
    inputs: str | Path | ComplexJob | Sequence[str | Path | ComplexJob],
    *,
    weights: str | Path | None = None,
    recycles: int | None = None,
    samples: int | None = None,
    steps: int | None = None,
    seeds: Sequence[int] = (),
    num_seeds: int | None = None,
    precision: str = "float32",
    device: str = "auto",
    threads: int | None = None,
    memory_limit: str | int | None = None,
    out: str | Path | None = None,
    components: str | Path | None = None,
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
    overrides: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    report: Silent | None = None,
) -> list[ComplexPrediction]:
    """Predict complexes of any molecules with AlphaFold 3; the options are those of `foldwright predict --model af3`.

    inputs        the path of a job file, a `ComplexJob`, a sequence of proteins (`SEQ:SEQ`), or a list of these
    seeds         instead of those of the jobs
    threads       of the CPU, from now on in this process; None leaves them as they are
    memory_limit  jobs that need more are refused; "12GB", or bytes
    out           folder for the files that the command writes; None writes nothing
    components    a chemical dictionary instead of the bundled one
    report        told what happens; `foldwright.pipeline.progress.Live()` draws it on a terminal

    Returns every sample, jobs in the order of the input, the best of a job first.

    Raises:
        InputError: an option or the only input cannot be used.
        JobsFailed: some of several jobs failed; it holds the predictions of the others.
    """
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
        template_filters=template_filters,
    )
    options = ComplexOptions(
        evidence=evidence,
        weights=None if weights is None else str(weights),
        recycles=recycles,
        samples=samples,
        steps=steps,
        seeds=tuple(seeds),
        num_seeds=num_seeds,
        overrides=dict(overrides or {}),
        precision=precision,
        device=device,
        memory_limit=parse_bytes(memory_limit) if isinstance(memory_limit, str) else memory_limit,
        components=None if components is None else Path(components),
    )
    items = [inputs] if isinstance(inputs, str | Path | ComplexJob) else list(inputs)
    plan = prepare_complexes(items, options, out=out)
    results = list(run_complexes(plan, report or Quiet(), overwrite))
    predictions = [result for result in results if isinstance(result, ComplexPrediction)]
    failures = [result for result in results if not isinstance(result, ComplexPrediction)]
    if failures and not predictions and len(failures) == 1:
        raise failures[0].error
    if failures:
        raise JobsFailed(failures, predictions)
    places = {task.job.name: place for place, task in enumerate(plan.tasks)}
    return sorted(predictions, key=lambda p: (places[p.job], -p.ranking_score))
