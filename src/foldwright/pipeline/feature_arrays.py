"""The arrays that a network reads of one job, under the released programs' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from foldwright.errors import InputError
from foldwright.features.af2 import Sampler, monomer_example, multimer_example
from foldwright.features.af2_arrays import monomer_arrays, multimer_arrays
from foldwright.features.af3.featurise import featurise
from foldwright.io.complexes.job import ComplexJob
from foldwright.io.job import Job
from foldwright.io.jobs import collect, is_sequence
from foldwright.io.text import suffix
from foldwright.models.af2.presets import PRESETS
from foldwright.pipeline.choose import group_for
from foldwright.pipeline.complexes.options import MODEL as AF3
from foldwright.pipeline.complexes.options import check_seeds
from foldwright.pipeline.complexes.prepare import collect_complexes, dictionary
from foldwright.pipeline.complexes.searching import search_complex
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.features import chain_features
from foldwright.pipeline.options import GROUPS, at_least
from foldwright.pipeline.searching import require_searched, search_jobs

T = TypeVar("T", Job, ComplexJob)

JOB_FILES = (".json", ".yaml", ".yml")  # which say of every chain what molecule it is


@dataclass(frozen=True, kw_only=True)
class FeatureOptions:
    """What a person may choose; None leaves a choice to the job or the model.

    name      of the job, where its file has several
    model     af3, or a model of AlphaFold 2
    buckets   sizes, in tokens, of which the smallest that is large enough is padded to
    ccd       file of the chemical dictionary
    recycles  passes after the first, each of which draws its own rows
    is_strict refuse a job whose alignments and templates are still to be searched
    """

    name: str | None = None
    model: str | None = None
    seed: int | None = None
    buckets: Sequence[int] = ()
    ccd: Path | None = None
    alignments: Path | None = None
    recycles: int | None = None
    evidence: Evidence = field(default_factory=Evidence)
    is_strict: bool = True

    def __post_init__(self):
        for size in self.buckets:
            at_least("--bucket", size, 1)
        at_least("--recycles", self.recycles, 0)
        check_seeds([self.seed or 0], "--seed")
        if self.model not in (None, AF3, *PRESETS):
            remedy = f"Give {AF3}, {', '.join(PRESETS)}."
            raise InputError(f'unknown model "{self.model}".', field="--model", remedy=remedy)


def features_of(given: str | Path, options: FeatureOptions) -> tuple[str, Mapping[str, np.ndarray]]:
    """The name of the model that was asked, and its arrays of a job file, a sequence or an alignment.

    Raises:
        InputError: what is wrong with the job or with a choice.
    """
    is_af3 = options.model == AF3 or (options.model is None and _is_job_file(given))
    foreign = {
        "--bucket": is_af3 or not options.buckets,
        "--ccd": is_af3 or options.ccd is None,
        "--alignments": not is_af3 or options.alignments is None,
        "--recycles": not is_af3 or options.recycles is None,
    }
    for name, is_possible in foreign.items():
        if not is_possible:
            message = f"the features of {AF3 if is_af3 else 'AlphaFold 2'} have no such choice."
            raise InputError(message, field=name, remedy="Leave it out, or choose another --model.")
    return (AF3, _complex(given, options)) if is_af3 else _chains(given, options)


def _is_job_file(given: str | Path) -> bool:
    return not is_sequence(str(given)) and suffix(Path(given)) in JOB_FILES


def _complex(given: str | Path, options: FeatureOptions) -> Mapping[str, np.ndarray]:
    components = dictionary(options.ccd)
    jobs, failures = collect_complexes([given], components)
    job = _only(jobs, [(failure.job, failure.error) for failure in failures], options.name)
    if not options.is_strict:
        job = search_complex(job, options.evidence).job
    return featurise(job, components, job.seeds[0] if options.seed is None else options.seed, options.buckets)


def _chains(given: str | Path, options: FeatureOptions) -> tuple[str, Mapping[str, np.ndarray]]:
    found = collect([given], options.alignments)
    job = _only(found.jobs, [(failure.name, failure.error) for failure in found.failures], options.name)
    name = options.model or GROUPS[group_for(job)][0]
    config = PRESETS[name]()
    job = require_searched(search_jobs([job], options.evidence)[0]).job
    if config.is_multimer:
        return name, multimer_arrays(multimer_example(chain_features(job)), config.features.num_templates)
    sampler = Sampler(monomer_example(chain_features(job)), config.features, is_multimer=False, seed=options.seed or 0)
    recycles = config.recycling.num_recycles if options.recycles is None else options.recycles
    return name, monomer_arrays([sampler.draw(cycle) for cycle in range(recycles + 1)])


def _only(jobs: Sequence[T], failures: Sequence[tuple[str, Exception]], name: str | None) -> T:
    """The job of this name, or the only one there is.

    Raises:
        InputError: what is wrong with it, or that there are several.
    """
    for job, error in failures:
        if name in (None, job):
            raise error
    chosen = [job for job in jobs if name in (None, job.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(job.name for job in jobs)
    message = f'there is no job "{name}".' if name else f"there are {len(jobs)} jobs: {names}."
    raise InputError(message, field="--job", remedy="Name one of them." if not name else f"There are {names}.")
