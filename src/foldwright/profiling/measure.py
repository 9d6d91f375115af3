"""A profile: the time of each part of a step and of each operation, its cost by the formulas, and its memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from foldwright.profiling.clock import BACKWARD, FORWARD, Clock, counting, timing
from foldwright.profiling.memory import MemorySplit, measure_memory
from foldwright.profiling.operations import LOSSES, ORDER, OTHER
from foldwright.profiling.peak import Peak, measure_peak
from foldwright.profiling.products import Product
from foldwright.profiling.workload import STAGES, Workload


@dataclass(frozen=True, kw_only=True)
class Operation:
    """All calls of one operation in one step."""

    name: str
    forward_s: float
    backward_s: float
    products: int  # matrix products of the forward pass
    forward_flops: int
    backward_flops: int
    forward_bytes: int  # operands and results of the products, each moved once
    attainable_s: float  # that its products would take at the machine's limits, forward and backward

    @property
    def seconds(self) -> float:
        """Both directions."""
        return self.forward_s + self.backward_s

    @property
    def flops(self) -> int:
        """Both directions."""
        return self.forward_flops + self.backward_flops

    @property
    def flops_per_s(self) -> float:
        """Reached, in both directions together."""
        return self.flops / self.seconds if self.seconds else 0.0

    @property
    def flops_per_byte(self) -> float:
        """Of its forward products."""
        return self.forward_flops / self.forward_bytes if self.forward_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What was measured of one step, repeated."""

    stages: dict[str, list[float]]  # seconds of every repeat
    operations: list[Operation]
    memory: MemorySplit
    peak: Peak
    num_examples: int

    @property
    def step_s(self) -> float:
        """The median of whole steps."""
        return median(sum(parts) for parts in zip(*self.stages.values(), strict=True))

    @property
    def samples_per_s(self) -> float:
        """Examples trained on in a second."""
        return self.num_examples / self.step_s

    @property
    def flops(self) -> int:
        """Of a step by the formulas, both directions."""
        return sum(operation.flops for operation in self.operations)

    @property
    def fraction_of_peak(self) -> float:
        """Of the machine's matrix products, reached by whole steps."""
        return self.flops / self.step_s / self.peak.flops_per_s

    def time_share(self, operation: Operation) -> float:
        """Of the time of all operations."""
        return operation.seconds / sum(other.seconds for other in self.operations)

    def predicted_share(self, operation: Operation) -> float:
        """Of the FLOPs of all operations: its time if all ran at the same speed."""
        return operation.flops / self.flops


def profile(workload: Workload, repeats: int, warmup: int, tell: Callable[[str], None] = lambda _: None) -> Profile:
    """Measure a workload, which is trained a little by it."""
    device = workload.setting.device
    tell("peak of the machine")
    peak = measure_peak(device, workload.dtype)
    for number in range(warmup):
        tell(f"warm-up step {number + 1} of {warmup}")
        workload.step()
    stages = measure_stages(workload, repeats, tell)
    tell("operations")
    operations = measure_operations(workload, repeats, peak)
    tell("memory")
    return Profile(
        stages=stages,
        operations=operations,
        memory=measure_memory(workload),
        peak=peak,
        num_examples=workload.sizes.batch,
    )


def measure_stages(
    workload: Workload, repeats: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, list[float]]:
    """Seconds of forward pass, losses, backward pass and update, each waited for."""
    seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for number in range(repeats):
        tell(f"step {number + 1} of {repeats}")
        moments = [_now(workload)]
        output = workload.forward()
        moments.append(_now(workload))
        _, loss = workload.losses(output)
        moments.append(_now(workload))
        loss.backward()
        moments.append(_now(workload))
        workload.optimise()
        moments.append(_now(workload))
        del output, loss
        for stage, start, end in zip(STAGES, moments, moments[1:], strict=False):
            seconds[stage].append(end - start)
    return seconds


def measure_operations(workload: Workload, repeats: int, peak: Peak) -> list[Operation]:
    """Median seconds of every operation in both directions, beside what its formulas say."""
    time = operation_seconds(workload, repeats)
    with counting(workload.model) as counts:
        workload.forward()
    products: dict[str, list[tuple[bool, Product]]] = defaultdict(list)
    for name, is_differentiated, product in counts.products:
        products[name].append((is_differentiated, product))
    names = [name for name in ORDER if products[name] or (FORWARD, name) in time]
    return [
        _operation(name, products[name], time.get((FORWARD, name), 0.0), time.get((BACKWARD, name), 0.0), peak)
        for name in names
    ]


def operation_seconds(workload: Workload, repeats: int) -> dict[tuple[str, str], float]:
    """Median seconds of every (phase, operation)."""
    seconds = [clocked(workload) for _ in range(repeats)]
    return {key: median(s.get(key, 0.0) for s in seconds) for s in seconds for key in s}


def clocked(workload: Workload) -> dict[tuple[str, str], float]:
    """Seconds of every (phase, operation) of one step without its update."""
    clock = Clock(workload.setting.device)
    with timing(workload.model, clock):
        clock.switch(OTHER, FORWARD)
        output = workload.forward()
        clock.switch(LOSSES)
        _, loss = workload.losses(output)
        clock.switch(LOSSES, BACKWARD)
        loss.backward()
        clock.switch(OTHER)
    return clock.seconds()


def _operation(
    name: str, products: list[tuple[bool, Product]], forward_s: float, backward_s: float, peak: Peak
) -> Operation:
    forward = [product for _, product in products]
    backward = [product for is_differentiated, product in products if is_differentiated]
    return Operation(
        name=name,
        forward_s=forward_s,
        backward_s=backward_s,
        products=len(forward),
        forward_flops=sum(p.flops for p in forward),
        backward_flops=sum(p.backward_flops for p in backward),
        forward_bytes=peak.number_bytes * sum(p.numbers for p in forward),
        attainable_s=math.fsum(attainable(p, peak) for p in forward)
        + math.fsum(p.num_gradients * attainable(p, peak) for p in backward),
    )


def attainable(product: Product, peak: Peak) -> float:
    """Seconds of one product at the machine's limits: the longer of its arithmetic and its traffic."""
    return max(product.flops / peak.flops_per_s, peak.number_bytes * product.numbers / peak.bytes_per_s)


def _now(workload: Workload) -> float:
    workload.wait()
    return perf_counter()
