"""From what was asked on the command line to what is measured: everything is looked at before the first number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from foldwright.errors import InputError
from foldwright.models.af2.presets import PRESETS
from foldwright.models.overrides import override, parse_overrides
from foldwright.profiling import plots
from foldwright.profiling.compare import Comparison, compare
from foldwright.profiling.measure import Profile, profile
from foldwright.profiling.summary import FILE, headline, machine, summary, write_summary
from foldwright.profiling.sweep import Series, around, sweep, write_sweep
from foldwright.profiling.synthetic import Sizes
from foldwright.profiling.trace import write_trace
from foldwright.profiling.workload import Setting, Workload, make_workload
from foldwright.training import recipes
from foldwright.training.objective_af2 import LossWeights
from foldwright.training.recipe import Recipe

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asks to be profiled; None leaves a size to the recipe."""

    recipe: str | None = None
    model: str | None = None
    overrides: tuple[str, ...] = ()
    residues: int | None = None
    sequences: int | None = None
    extra: int | None = None
    templates: int | None = None
    blocks: int | None = None
    batch: int | None = None
    passes: int | None = None
    precision: str | None = None
    is_checkpointed: bool | None = None
    is_textbook: bool = False
    device: str = "auto"
    steps: int = 5
    warmup: int = 2
    out: Path = Path("runs/profile")
    has_plots: bool = True
    is_compared: bool = False
    is_traced: bool = False
    sweep_values: dict[str, tuple[int, ...]] | None = None  # none: no sweep; empty: around the sizes
    limit_s: float = 30.0

    def __post_init__(self):
        least = {"extra": 0, "templates": 0, "warmup": 0}
        for name in ("residues", "sequences", "extra", "templates", "blocks", "batch", "passes", "steps", "warmup"):
            value = getattr(self, name)
            if value is not None and value < least.get(name, 1):
                remedy = f"Give a number of at least {least.get(name, 1)}."
                raise InputError(f"{value} is not possible.", field=f"--{name}", remedy=remedy)
        if self.recipe and self.model:
            raise InputError("is given beside --recipe.", field="--model", remedy="Choose one of them.")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that one call measured; parts that were not asked for are None."""

    workload: Workload
    profile: Profile
    record: dict[str, Any]
    files: list[Path] = field(default_factory=list)
    comparison: Comparison | None = None
    series: list[Series] | None = None


def run(request: Request, tell: Tell = lambda _: None) -> Findings:
    """Measure what was asked for and write it to the request's folder.

    Raises:
        InputError: anything about the request that cannot be used, sizes that do not fit into memory included.
    """
    recipe, sizes, setting = chosen(request)
    if request.has_plots:
        plots.require_matplotlib()
    prepare_folder(request.out)
    try:
        return _run(request, recipe, sizes, setting, tell)
    except (MemoryError, RuntimeError) as fault:
        if not isinstance(fault, MemoryError) and "memory" not in str(fault).lower():
            raise
        remedy = "Ask for fewer --residues, --sequences, --extra, --blocks or a smaller --batch."
        raise InputError(f"{sizes} does not fit into the memory of {setting.device}.", remedy=remedy) from fault


def _run(request: Request, recipe: Recipe, sizes: Sizes, setting: Setting, tell: Tell) -> Findings:
    workload = make_workload(recipe, sizes, setting)
    found = profile(workload, request.steps, request.warmup, tell)
    record, files = summary(workload, found), []
    if request.is_traced:
        tell("trace")
        record["operators"] = write_trace(workload, request.out / "trace")
        files.append(request.out / "trace")
    comparison = series = None
    if request.is_compared:
        comparison = compare(recipe, sizes, setting.device, request.steps, tell)
        record["comparison"] = comparison.record()
    if request.sweep_values is not None:
        values = request.sweep_values or around(recipe, sizes)
        series = list(sweep(recipe, sizes, setting, values, request.steps, request.limit_s, tell))
        record["sweep"] = [_series(one) for one in series]
        write_sweep(request.out / "sweep.csv", series)
        files.append(request.out / "sweep.csv")
    if request.has_plots:
        title = headline(workload, found)
        files += plots.draw_profile(found, request.out, title)
        if series:
            files.append(plots.draw_sweep(series, request.out / "sweep.png", title.splitlines()[0]))
    write_summary(request.out / FILE, record)
    return Findings(
        workload=workload,
        profile=found,
        record=record,
        files=[request.out / FILE, *files],
        comparison=comparison,
        series=series,
    )


def prepare_folder(out: Path) -> None:
    """Make sure that results can be written.

    Raises:
        InputError: they cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        remedy = "Give a folder that you may write to."
        raise InputError(f"cannot be a folder: {fault.strerror}.", file=out, field="--out", remedy=remedy) from fault


def chosen(request: Request) -> tuple[Recipe, Sizes, Setting]:
    """The recipe with every change, the sizes of its example, and how it is run."""
    recipe = of_preset(request.model) if request.model else recipes.recipe(request.recipe or "tiny")
    for path, value in parse_overrides(request.overrides).items():
        recipe = override(recipe, path, value)
    if request.blocks is not None:
        recipe = override(recipe, "model.trunk.num_blocks", request.blocks)
    if request.precision is not None:
        recipe = override(recipe, "precision", request.precision)
    if request.is_checkpointed is not None:
        recipe = replace(recipe, is_checkpointed=request.is_checkpointed)
    sizes = sizes_of(recipe)
    asked = {f.name: getattr(request, f.name) for f in fields(Sizes)}
    sizes = replace(sizes, **{name: value for name, value in asked.items() if value is not None})
    if sizes.templates and recipe.model.templates is None:
        remedy = "Choose one that does, such as --model model_1."
        raise InputError("this network reads no templates.", field="--templates", remedy=remedy)
    return recipe, sizes, Setting(device=chosen_device(request.device), is_textbook=request.is_textbook)


def of_preset(name: str) -> Recipe:
    """The published network of this name, in fine-tuning.

    Raises:
        InputError: an unknown name.
    """
    if name not in PRESETS:
        raise InputError(f'unknown model "{name}".', field="--model", remedy=f"Known: {', '.join(PRESETS)}.")
    return Recipe(name=name, model=PRESETS[name](), losses=LossWeights())


def sizes_of(recipe: Recipe) -> Sizes:
    """What the recipe puts through the network at once, in one pass."""
    features = recipe.model.features
    return Sizes(
        residues=recipe.sampling.crop_size,
        sequences=features.num_clusters,
        extra=features.num_extra,
        templates=features.num_templates if recipe.model.templates else 0,
        batch=recipe.examples_at_once,
    )


def chosen_device(name: str) -> torch.device:
    """A device that is there.

    Raises:
        InputError: it is not.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as fault:
        reason = str(fault).splitlines()[0]
        raise InputError(f"{name} cannot be used: {reason}.", field="--device", remedy="Use cpu or auto.") from fault
    return device


def parse_values(text: str, option: str) -> tuple[int, ...]:
    """`32,64,96` as numbers.

    Raises:
        InputError: anything else.
    """
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 1:
        raise InputError(f'"{text}" is no list of sizes.', field=option, remedy="Write it like 32,64,96.")
    return values


def describe_machine(device: torch.device) -> str:
    """One line about what it runs on."""
    about = machine(device)
    return f"{about['device']} · {about['name']} · {about['threads']} threads · torch {about['torch']}"


def _series(one: Series) -> dict[str, Any]:
    points = [vars(point) for point in one.points]
    return {"varied": one.name, "exponent": one.exponent, "left_out": one.left_out, "points": points}
