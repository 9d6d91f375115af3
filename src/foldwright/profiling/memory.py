"""What the memory of a step holds, allocation by allocation: exact on any device, no allocator asked."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from foldwright.profiling.workload import Workload

RESIDENT = ("parameters", "optimiser", "average", "gradients", "batch")  # there before the step begins
ACTIVATIONS, TEMPORARIES = "activations", "temporaries"
KINDS = (*RESIDENT, ACTIVATIONS, TEMPORARIES)


@dataclass
class Allocation:
    """The storage of one or several tensors: when it came and went, counted in operations."""

    bytes: int
    stage: str
    born: int
    died: int | None = None


class Ledger(TorchDispatchMode):
    """Follows every storage that operations make while it is entered.

    Scratch memory within a single operation of torch is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.allocations: list[Allocation] = []
        self.stage = ""
        self.stages: list[tuple[str, int]] = []  # name, first operation
        self.now = 0
        self._known: dict[int, Allocation] = {}

    def begin(self, stage: str) -> None:
        """What the next operations allocate belongs to this stage."""
        self.stage = stage
        self.stages.append((stage, self.now + 1))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.now += 1
        given = {key for key in map(_key, _tensors((args, kwargs))) if key is not None}
        for tensor in _tensors(out):
            key = _key(tensor)
            if key is not None and key not in given and key not in self._known:
                self._enter(key, tensor)
        return out

    def _enter(self, key: int, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        allocation = Allocation(storage.nbytes(), self.stage, self.now)
        self.allocations.append(allocation)
        self._known[key] = allocation
        weakref.finalize(storage, self._leave, key)

    def _leave(self, key: int) -> None:
        self._known.pop(key).died = self.now + 1  # not before what was made from it is there


@dataclass(frozen=True)
class MemorySplit:
    """Bytes of each kind, and when."""

    peak: dict[str, int]  # at the moment when all kinds together are most
    kept: int  # activations that wait for the backward pass when it begins
    stage: str  # of the peak
    by_stage: dict[str, int]  # the most at any moment of each stage
    timeline: list[tuple[int, dict[str, int]]]  # operation number, bytes of each kind from then on
    stages: list[tuple[str, int]]
    device_peak: int | None = None  # what the allocator of an accelerator says

    @property
    def total(self) -> int:
        """Bytes at the peak."""
        return sum(self.peak.values())


def measure_memory(workload: Workload) -> MemorySplit:
    """The memory of one step, after steps that made the optimiser's state."""
    resident = resident_bytes(workload)
    device = workload.setting.device
    workload.gradients.begin()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with Ledger() as ledger:
        ledger.begin("forward")
        output = workload.forward()
        ledger.begin("losses")
        terms, loss = workload.losses(output)
        del output, terms  # the graph keeps what it needs
        ledger.begin("backward")
        loss.backward()
        del loss
        ledger.begin("optimiser")
        workload.optimise()
    asked = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return split(ledger, resident, asked)


def resident_bytes(workload: Workload) -> dict[str, int]:
    """What is there all the time."""
    state = workload.state
    gradients = [p.grad for p in state.model.parameters() if p.grad is not None]
    gradients += [x for x in vars(workload.gradients).values() if isinstance(x, Tensor)]
    batch = [x for members in workload.passes for item in members for x in item.flat().values()]
    tensors: dict[str, Iterable[Tensor]] = {
        "parameters": [*state.model.parameters(), *state.model.buffers()],
        "optimiser": (x for entry in state.optimiser.state.values() for x in entry.values() if isinstance(x, Tensor)),
        "average": state.ema.state.values(),
        "gradients": gradients,
        "batch": [*batch, *workload.labels.flat().values()],
    }
    return {kind: storage_bytes(some) for kind, some in tensors.items()}


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """Of all tensors, those that share memory counted once."""
    return sum({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}.values())


def split(ledger: Ledger, resident: dict[str, int], device_peak: int | None = None) -> MemorySplit:
    """What a ledger says about a step."""
    timeline = list(_timeline(ledger, resident))
    at_peak = max(timeline, key=lambda item: sum(item[1].values()))
    backward = next(first for stage, first in ledger.stages if stage == "backward")
    kept = [item[1][ACTIVATIONS] for item in timeline if item[0] <= backward]
    return MemorySplit(
        peak=at_peak[1],
        kept=kept[-1],
        stage=_stage_at(ledger.stages, at_peak[0]),
        by_stage={
            stage: max(sum(item[1].values()) for item in timeline if _stage_at(ledger.stages, item[0]) == stage)
            for stage, _ in ledger.stages
        },
        timeline=timeline,
        stages=ledger.stages,
        device_peak=device_peak,
    )


def _timeline(ledger: Ledger, resident: dict[str, int]) -> Iterator[tuple[int, dict[str, int]]]:
    """The bytes of each kind after every operation that changed them, and where each stage begins."""
    changes: dict[int, dict[str, int]] = {first: {} for _, first in ledger.stages}
    for allocation in ledger.allocations:
        kind = ACTIVATIONS if allocation.stage in ("forward", "losses") else TEMPORARIES
        for moment, sign in ((allocation.born, 1), (allocation.died, -1)):
            if moment is not None:
                change = changes.setdefault(moment, {})
                change[kind] = change.get(kind, 0) + sign * allocation.bytes
    now = {**resident, ACTIVATIONS: 0, TEMPORARIES: 0}
    for moment in sorted(changes):
        now = {kind: size + changes[moment].get(kind, 0) for kind, size in now.items()}
        yield moment, now


def _stage_at(stages: list[tuple[str, int]], moment: int) -> str:
    return [stage for stage, first in stages if first <= moment][-1]


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors of arguments or results; `tree_iter` of torch does the same in twice the time of a whole step."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _key(tensor: Tensor) -> int | None:
    """What tensors of one storage share; None for those without memory of their own."""
    try:
        return tensor.untyped_storage()._cdata
    except NotImplementedError:  # sparse, meta
        return None
