"""What will be done with complexes: one network, many jobs, each with its seeds and samples."""

from __future__ import annotations

from dataclasses import dataclass, field

from foldwright.chem.components import Component, Components
from foldwright.features.af3.featurise import Prepared
from foldwright.io.complexes.job import ComplexJob
from foldwright.models.af3.config import AF3
from foldwright.models.af3.model import AlphaFold3
from foldwright.pipeline.complexes.folder import ComplexFolder
from foldwright.pipeline.complexes.options import MODEL, ComplexOptions
from foldwright.pipeline.plan import Plan, Task
from foldwright.weights.af3_store import load_af3
from foldwright.weights.store import WeightsInfo


@dataclass(frozen=True)
class ComplexNetwork:
    """AlphaFold 3 as it will be built."""

    config: AF3
    asked: str | None  # where the parameters are to be found
    info: WeightsInfo
    name: str = MODEL

    def load(self) -> AlphaFold3:
        """The network with its parameters in place."""
        return load_af3(self.asked, self.config)


@dataclass(frozen=True, kw_only=True)
class ComplexTask(Task):
    """One complex; `keys` digest what each sample answers, by its name.

    title       the job's name as it was written; that of `job` is what its files are called
    prepared    its tokens, before anything is searched
    components  the chemical dictionary; the job's own entries go over it
    """

    job: ComplexJob
    networks: tuple[ComplexNetwork, ...]
    title: str
    seeds: tuple[int, ...]
    prepared: Prepared = field(repr=False)
    components: Components = field(repr=False)

    @property
    def network(self) -> ComplexNetwork:
        return self.networks[0]

    @property
    def samples(self) -> range:
        return range(self.network.config.sampling.num_samples)

    @property
    def size(self) -> int:
        """Tokens of all chains."""
        return len(self.prepared.table)

    @property
    def used_components(self) -> dict[str, Component]:
        """What the residues of the job are, ligands of SMILES among them."""
        return {residue.code: residue.component for chain in self.prepared.table.chains for residue in chain.residues}


@dataclass(frozen=True)
class ComplexPlan(Plan):
    """A request that was checked; nothing of it is begun."""

    tasks: tuple[ComplexTask, ...]
    options: ComplexOptions

    def folder(self, job: str) -> ComplexFolder | None:
        """Where the results of a job go, if they are written at all."""
        return None if self.out is None else ComplexFolder(self.out / job)
