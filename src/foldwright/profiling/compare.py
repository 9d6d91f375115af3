"""The textbook and the installed kernels on the same step: whether they agree, and what the kernels save."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from foldwright.profiling.measure import measure_stages, operation_seconds
from foldwright.profiling.memory import measure_memory
from foldwright.profiling.synthetic import Sizes
from foldwright.profiling.workload import STAGES, Setting, Workload, make_workload
from foldwright.training.recipe import Recipe

# Of a whole network in float32, whose layers pass their rounding on; a wrong kernel is off by far more.
TOLERANCE = 1e-4
# In a shorter type the kernels may be this many times as far from the float32 textbook as the textbook in that type is.
ROUNDING = 2.0


@dataclass(frozen=True)
class Agreement:
    """The relative error of one quantity of the kernels against the textbook in float32."""

    quantity: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether it is within the limit; NaN is not."""
        return self.error <= self.limit


@dataclass(frozen=True, kw_only=True)
class Way:
    """One of the two ways to run a step."""

    forward_s: float  # losses included
    backward_s: float
    step_s: float
    peak_bytes: int
    operations: dict[str, float]  # seconds, forward and backward


@dataclass(frozen=True)
class Comparison:
    """Both, and whether they agree."""

    agreements: list[Agreement]
    textbook: Way
    installed: Way

    @property
    def passed(self) -> bool:
        """Whether every quantity agrees."""
        return all(agreement.passed for agreement in self.agreements)

    def record(self) -> dict[str, Any]:
        """For the summary."""
        agreements = [{**asdict(a), "passed": a.passed} for a in self.agreements]
        return {
            "passed": self.passed,
            "agreements": agreements,
            "textbook": asdict(self.textbook),
            "installed": asdict(self.installed),
            "speed_up": self.textbook.step_s / self.installed.step_s,
        }


def compare(
    recipe: Recipe, sizes: Sizes, device: torch.device, repeats: int, tell: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Run one step both ways from the same parameters, example and dropout, then measure each."""
    settings = [Setting(device=device, is_textbook=is_textbook) for is_textbook in (True, False)]
    workloads = [make_workload(recipe, sizes, setting) for setting in settings]
    tell("textbook and kernels: do they agree")
    return Comparison(agreement(*workloads), *measured_in_turn(workloads, repeats, tell))


def agreement(textbook: Workload, installed: Workload) -> list[Agreement]:
    """How far apart the two are in everything a step computes, beyond what a shorter type costs either."""
    recipe, sizes, setting = textbook.recipe, textbook.sizes, textbook.setting
    found = quantities(installed)
    if recipe.precision == "float32":
        return list(agreements(quantities(textbook), found))
    exact = quantities(make_workload(replace(recipe, precision="float32"), sizes, setting))
    rounded = {a.quantity: ROUNDING * a.error for a in agreements(exact, quantities(textbook))}
    return list(agreements(exact, found, rounded))


def quantities(workload: Workload) -> dict[str, Tensor]:
    """What a step computes: outputs, terms of the loss, and the gradient of every part of the network."""
    output = workload.forward()
    terms, loss = workload.losses(output)
    loss.backward()
    kept = {
        "distogram": output.distogram_logits,
        "masked MSA": output.masked_msa_logits,
        "atoms": output.structure.atom14_positions,
        "pLDDT logits": output.plddt_logits,
        **{f"loss {name.rpartition('.')[2]}": term for name, term in terms.flat().items()},
    }
    for name, child in _parts(workload.model):
        gradients = [p.grad.flatten() for p in child.parameters() if p.grad is not None]
        if gradients:
            kept[f"gradient of {name}"] = torch.cat(gradients)
    return {name: x.detach().double().cpu().clone() for name, x in kept.items()}


def agreements(
    textbook: Mapping[str, Tensor],
    installed: Mapping[str, Tensor],
    rounding: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Agreement]:
    """Every quantity that is not zero on both sides."""
    for name, expected in textbook.items():
        norm = torch.linalg.vector_norm(expected)
        difference = torch.linalg.vector_norm(installed[name] - expected)
        if norm > 0 or difference > 0:
            yield Agreement(name, float(difference / norm), TOLERANCE + rounding.get(name, 0.0))


def _parts(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Children of the network, and of its trunk instead of the trunk."""
    for name, child in model.named_children():
        yield from child.named_children() if name == "trunk" else [(name, child)]


def measured_in_turn(workloads: Sequence[Workload], repeats: int, tell: Callable[[str], None]) -> list[Way]:
    """Time and memory of each; steps alternate, so that whatever else the machine does hinders all alike."""
    stages: list[dict[str, list[float]]] = [{stage: [] for stage in STAGES} for _ in workloads]
    for workload in workloads:
        workload.step()
    for number in range(repeats):
        tell(f"textbook and kernels in turn, {number + 1} of {repeats}")
        for workload, seconds in zip(workloads, stages, strict=True):
            for stage, found in measure_stages(workload, 1).items():
                seconds[stage] += found
    return [_way(workload, seconds, repeats) for workload, seconds in zip(workloads, stages, strict=True)]


def _way(workload: Workload, stages: dict[str, list[float]], repeats: int) -> Way:
    seconds = {stage: median(some) for stage, some in stages.items()}
    operations: dict[str, float] = defaultdict(float)
    for (_, name), taken in operation_seconds(workload, repeats).items():
        operations[name] += taken
    return Way(
        forward_s=seconds["forward"] + seconds["losses"],
        backward_s=seconds["backward"],
        step_s=sum(seconds.values()),
        peak_bytes=measure_memory(workload).total,
        operations=dict(operations),
    )
