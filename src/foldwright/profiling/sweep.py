"""How time and memory grow with each size of the problem, one size varied at a time."""

from __future__ import annotations

import csv
import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median

from foldwright.io.atomic import atomic_write
from foldwright.profiling.clock import counting
from foldwright.profiling.measure import measure_stages
from foldwright.profiling.memory import measure_memory
from foldwright.profiling.synthetic import Sizes
from foldwright.profiling.workload import Setting, Workload, make_workload
from foldwright.training.recipe import Recipe

Values = Mapping[str, Sequence[int]]
GROWTH = {"residues": 3.0, "sequences": 2.0}  # time ~ size to this power at most (Alg. 11-14, Alg. 8); others 1


@dataclass(frozen=True, kw_only=True)
class Point:
    """One workload."""

    value: int
    forward_s: float  # losses included
    backward_s: float
    step_s: float
    samples_per_s: float
    flops: int  # of a step, both directions, by the formulas
    peak_bytes: int
    kept_bytes: int  # activations, when the backward pass begins


@dataclass(frozen=True)
class Series:
    """One size varied, all others as they were."""

    name: str
    points: list[Point]
    left_out: list[int]  # values that would have taken too long or did not fit

    @property
    def exponent(self) -> float:
        """p of the power law, time ~ size^p, between the first and the last point; 0 where there is but one."""
        first, last = self.points[0], self.points[-1]
        if first.value == last.value:
            return 0.0
        return math.log(last.step_s / first.step_s) / math.log(last.value / first.value)


def around(recipe: Recipe, sizes: Sizes) -> dict[str, list[int]]:
    """What is varied unless asked otherwise: half, once, one and a half times and twice of each size."""
    base = {
        "residues": sizes.residues,
        "sequences": sizes.sequences,
        "blocks": recipe.model.trunk.num_blocks,
        "batch": sizes.batch,
    }
    return {name: sorted({max(1, value // 2), value, value * 3 // 2, 2 * value}) for name, value in base.items()}


def sweep(
    recipe: Recipe,
    sizes: Sizes,
    setting: Setting,
    values: Values,
    repeats: int,
    limit_s: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Series]:
    """Measure every value of every size; one whose step is expected to take more than `limit_s` is left out."""
    for name, wanted in values.items():
        points: list[Point] = []
        left_out: list[int] = []
        for value in sorted(wanted):
            tell(f"{name} {value}")
            point = None if left_out else _measure(name, value, recipe, sizes, setting, repeats, limit_s, points)
            left_out += [value] if point is None else []
            points += [point] if point is not None else []
        if points:
            yield Series(name, points, left_out)


def varied(name: str, value: int, recipe: Recipe, sizes: Sizes) -> tuple[Recipe, Sizes]:
    """Recipe and sizes with one number changed."""
    if name != "blocks":
        return recipe, replace(sizes, **{name: value})
    trunk = replace(recipe.model.trunk, num_blocks=value)
    return replace(recipe, model=replace(recipe.model, trunk=trunk)), sizes


def write_sweep(path: Path, series: Sequence[Series]) -> None:
    """All points as a table."""
    with atomic_write(path) as file:
        writer = csv.writer(file)
        writer.writerow(["varied", *(field.name for field in fields(Point))])
        for one in series:
            writer.writerows([one.name, *asdict(point).values()] for point in one.points)


def _measure(
    name: str,
    value: int,
    recipe: Recipe,
    sizes: Sizes,
    setting: Setting,
    repeats: int,
    limit_s: float,
    before: Sequence[Point],
) -> Point | None:
    """One point; None if it would take too long, as the points before it tell, or does not fit."""
    changed = varied(name, value, recipe, sizes)
    if before and before[-1].step_s * (value / before[-1].value) ** GROWTH.get(name, 1.0) > limit_s:
        return None
    try:
        return _point(value, make_workload(*changed, setting), repeats)
    except (MemoryError, RuntimeError) as fault:
        if not _is_out_of_memory(fault):
            raise
        return None
    finally:
        gc.collect()


def flops_of(workload: Workload) -> int:
    """Of one step in both directions, by the formulas."""
    with counting(workload.model) as counts:
        workload.forward()
    return sum(p.flops + is_differentiated * p.backward_flops for _, is_differentiated, p in counts.products)


def _point(value: int, workload: Workload, repeats: int) -> Point:
    workload.step()
    stages = measure_stages(workload, repeats)
    memory = measure_memory(workload)
    seconds = {stage: median(some) for stage, some in stages.items()}
    step = sum(seconds.values())
    return Point(
        value=value,
        forward_s=seconds["forward"] + seconds["losses"],
        backward_s=seconds["backward"],
        step_s=step,
        samples_per_s=workload.sizes.batch / step,
        flops=flops_of(workload),
        peak_bytes=memory.total,
        kept_bytes=memory.kept,
    )


def _is_out_of_memory(fault: Exception) -> bool:
    return isinstance(fault, MemoryError) or "memory" in str(fault).lower()
