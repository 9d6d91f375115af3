"""From a job to the features of a network, built once for all models that read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from foldwright.features.af2 import ChainFeatures, Example, monomer_example, multimer_example
from foldwright.features.batch import Templates
from foldwright.features.templates import stack, templates_given
from foldwright.io.alignment import Alignment
from foldwright.io.job import Job, TemplateInput
from foldwright.io.structure_files import read_structure
from foldwright.pipeline.plan import Network


@dataclass(frozen=True, eq=False)
class Latest:
    """An example, and what it was made of."""

    job: Job
    is_multimer: bool
    example: Example

    def is_of(self, job: Job, is_multimer: bool) -> bool:
        return self.job is job and self.is_multimer == is_multimer


@dataclass
class Featuriser:
    """Builds examples and keeps the latest, which the next seed or model will ask for again."""

    latest: Latest | None = None

    def __call__(self, job: Job, network: Network) -> Example:
        """The example of a job in the form that this network reads.

        Raises:
            InputError: an alignment or a template that does not fit its chain.
        """
        is_multimer = network.config.is_multimer
        if self.latest is None or not self.latest.is_of(job, is_multimer):
            make = multimer_example if is_multimer else monomer_example
            self.latest = Latest(job, is_multimer, make(chain_features(job)))
        return self.latest.example


def chain_features(job: Job) -> list[ChainFeatures]:
    """What is known of each chain of a job."""
    return [
        ChainFeatures(
            sequence=chain.sequence,
            alignment=chain.alignment or Alignment.of_query(chain.sequence),
            paired=chain.paired,
            candidates=chain.candidates,
            templates=templates,
        )
        for chain, templates in zip(job.chains, chain_templates(job), strict=True)
    ]


def chain_templates(job: Job) -> list[Templates | None]:
    """The templates of each chain, in their order; each file is read once.

    Raises:
        InputError: a file cannot be read, or is no template of any chain that it was given for.
    """
    wanted: dict[TemplateInput, list[str]] = {}
    for chain in job.chains:
        for item in chain.templates:
            wanted.setdefault(item, []).append(chain.sequence)
    read = lru_cache(maxsize=1)(read_structure)
    found: dict[tuple[TemplateInput, str], Templates | None] = {}
    for item in sorted(wanted, key=lambda item: item.file):
        offered = templates_given(wanted[item], item, read(item.file))
        found |= {(item, query): template for query, template in zip(wanted[item], offered, strict=True)}
    return [
        stack(list(filter(None, (found[item, chain.sequence] for item in chain.templates)))) for chain in job.chains
    ]
