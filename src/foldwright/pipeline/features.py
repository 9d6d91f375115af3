"""From a job to the features of a network, built once for all models that read them."""

from __future__ import annotations

from dataclasses import dataclass, field

from foldwright.features.af2 import ChainFeatures, Example, monomer_example, multimer_example
from foldwright.features.batch import Templates
from foldwright.features.templates import stack, templates_of_file
from foldwright.io.alignment import Alignment
from foldwright.io.job import ChainInput, Job
from foldwright.pipeline.plan import Network, Plan

Form = tuple[int, bool]  # which job, and whether for a multimer network


@dataclass
class Featuriser:
    """Builds examples and keeps the latest, which the next seed or model will ask for again."""

    latest: dict[Form, Example] = field(default_factory=dict)

    def __call__(self, job: Job, network: Network, plan: Plan) -> Example:
        """The example of a job in the form that this network reads.

        Raises:
            InputError: an alignment or a template that does not fit its chain.
        """
        form = id(job), network.config.is_multimer
        if form not in self.latest:
            make = multimer_example if network.config.is_multimer else monomer_example
            self.latest = {form: make(chain_features(job))}
        return self.latest[form]


def chain_features(job: Job) -> list[ChainFeatures]:
    """What is known of each chain of a job."""
    return [
        ChainFeatures(
            sequence=chain.sequence,
            alignment=chain.alignment or Alignment.of_query(chain.sequence),
            paired=chain.paired,
            templates=templates,
        )
        for chain, templates in zip(job.chains, chain_templates(job), strict=True)
    ]


def warnings_of(job: Job) -> list[str]:
    """What makes a prediction of this job less reliable than its reader may think."""
    alone = [name for name, chain in zip(job.chain_ids, job.chains, strict=True) if not _has_relatives(chain)]
    if not alone:
        return []
    which = "no alignment" if len(job.chains) == 1 else f"no alignment for chain {', '.join(alone)}"
    return [f"{which}: predicted from the sequence alone, which is rarely reliable. Give one with --alignments."]


def _has_relatives(chain: ChainInput) -> bool:
    return any(rows is not None and len(rows) > 1 for rows in (chain.alignment, chain.paired))


def chain_templates(job: Job) -> list[Templates | None]:
    """The templates of each chain, in the order of its files; each file is read once."""
    slots: list[list[Templates]] = [[] for _ in job.chains]
    for path in dict.fromkeys(path for chain in job.chains for path in chain.templates):
        wanted = [i for i, chain in enumerate(job.chains) if path in chain.templates]
        for i, template in zip(wanted, templates_of_file([job.chains[i].sequence for i in wanted], path), strict=True):
            slots[i] += [] if template is None else [template]
    return [stack(found) for found in slots]
