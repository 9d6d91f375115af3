"""The networks in memory: each is loaded when it is first asked for and kept while there is room."""

from __future__ import annotations

from dataclasses import dataclass, field

from foldwright.kernels.memory import parameter_bytes
from foldwright.pipeline.infer import Runner, build
from foldwright.pipeline.memory import available_bytes
from foldwright.pipeline.plan import Network, Plan
from foldwright.pipeline.progress import Silent
from foldwright.pipeline.stages import Stages

SHARE = 0.25  # of the free memory that networks at rest may take: the rest is for what they compute


@dataclass
class Loaded:
    """Runners by the name of their network, the latest used last. A network that cannot be loaded is tried once."""

    plan: Plan
    report: Silent
    runners: dict[str, Runner | Exception] = field(default_factory=dict)

    def runner(self, network: Network) -> Runner:
        """The network, ready to predict.

        Raises:
            Exception: it could not be loaded, now or before.
        """
        found = self.runners.pop(network.name, None) or self._load(network)
        self.runners[network.name] = found
        if isinstance(found, Exception):
            raise found
        return found

    def _load(self, network: Network) -> Runner | Exception:
        self._make_room(parameter_bytes(network.config))
        loading = Stages(self.plan.device)
        try:
            with loading.measure("weights"):
                return Runner(network, build(network, self.plan.device), self.plan, loading, self.report)
        except Exception as error:
            return error

    def _make_room(self, size: int) -> None:
        """Drop the networks not used for longest until this one may join the others."""
        held = {n: parameter_bytes(r.network.config) for n, r in self.runners.items() if isinstance(r, Runner)}
        room = SHARE * (available_bytes(self.plan.device) + sum(held.values())) - size
        for name in list(held):
            if sum(held.values()) <= room:
                return
            del self.runners[name], held[name]
