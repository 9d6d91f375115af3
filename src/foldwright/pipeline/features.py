"""From a job to the features of a network, built once for all models that read them."""

from __future__ import annotations

from dataclasses import dataclass, field

from foldwright.features.af2 import ChainFeatures, Example, monomer_example, multimer_example
from foldwright.io.alignment import Alignment
from foldwright.io.job import ChainInput, Job
from foldwright.pipeline.plan import Network, Plan


@dataclass
class Featuriser:
    """Builds examples and keeps the latest, which the next model will ask for again."""

    latest: dict[tuple[Job, bool], Example] = field(default_factory=dict)

    def __call__(self, job: Job, network: Network, plan: Plan) -> Example:
        """The example of a job in the form that this network reads.

        Raises:
            InputError: an alignment or a template that does not fit its chain.
        """
        form = id(job), network.config.is_multimer
        if form not in self.latest:
            make = multimer_example if network.config.is_multimer else monomer_example
            self.latest = {form: make([chain_features(chain) for chain in job.chains])}
        return self.latest[form]


def chain_features(chain: ChainInput) -> ChainFeatures:
    """What is known of one chain."""
    return ChainFeatures(
        sequence=chain.sequence,
        alignment=chain.alignment or Alignment.of_query(chain.sequence),
        paired=chain.paired,
        templates=None,
    )
