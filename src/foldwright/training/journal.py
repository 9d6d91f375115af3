"""What a run leaves to read: numbers of every step, and what a person watches meanwhile."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.training.progress import memory_bytes
from foldwright.training.recipe import Recipe
from foldwright.training.recipe_json import recipe_to_json
from foldwright.training.step import StepResult

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Table:
    """A CSV file whose rows each belong to a step; what lies beyond the step a run goes on from is cut off."""

    def __init__(self, path: Path, step: int):
        self.path = path
        self.columns = _cut(path, step)
        self.file = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row, `step` among its columns; numbers are written so that they read back exactly."""
        if not self.columns:
            self.columns = list(row)
            self._write(self.columns)
        if list(row) != self.columns:
            remedy = "Give another --out."
            raise InputError(f"this table has other columns than {', '.join(row)}.", file=self.path, remedy=remedy)
        self._write([repr(value) if isinstance(value, float) else value for value in row.values()])

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def _write(self, values: list[Any]) -> None:
        if self.file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path, "a", newline="", encoding="utf-8")  # noqa: SIM115  open for the whole run
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        self.file.write(line.getvalue())
        self.file.flush()


def _cut(path: Path, step: int) -> list[str]:
    """Leave only whole rows up to a step; the columns, none if nothing is left."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if not lines or not lines[0].endswith("\n"):
        path.unlink()
        return []
    columns = next(csv.reader(lines[:1]))
    where = columns.index("step")
    kept = [line for line in lines[1:] if line.endswith("\n") and int(next(csv.reader([line]))[where]) <= step]
    with atomic_write(path) as file:
        file.writelines([lines[0], *kept])
    return columns


class Journal:
    """The tables of a run. `metrics.csv` holds only what a rerun computes again to the last digit; times are apart."""

    def __init__(self, out: Path, recipe: Recipe, step: int, has_tensorboard: bool = False):
        self.metrics = Table(out / "metrics.csv", step)
        self.times = Table(out / "times.csv", step)
        self.evaluations = Table(out / "evaluation.csv", step)
        self.board = _board(out / "tensorboard", step) if has_tensorboard else None
        with atomic_write(out / "recipe.json") as file:
            file.write(recipe_to_json(recipe))

    def step(self, result: StepResult, recipe: Recipe, seconds: float) -> None:
        """The numbers of a step."""
        examples = result.step * recipe.examples_per_step
        numbers = {"learning_rate": result.learning_rate, "gradient_norm": result.gradient_norm, **result.terms}
        self.metrics.add({"step": result.step, "examples": examples, "passes": result.num_passes, **numbers})
        times = {"seconds": round(seconds, 4), "memory_bytes": memory_bytes()}
        self.times.add({"step": result.step, **times})
        self._show("train", result.step, numbers)
        self._show("run", result.step, times | {"examples_per_second": recipe.examples_per_step / seconds})

    def evaluation(self, step: int, scores: Mapping[str, float]) -> None:
        """Scores of the averaged parameters."""
        self.evaluations.add({"step": step, **scores})
        self._show("evaluation", step, scores)

    def close(self) -> None:
        """Let go of the files."""
        for table in (self.metrics, self.times, self.evaluations):
            table.close()
        if self.board is not None:
            self.board.close()

    def _show(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        if self.board is not None:
            for name, value in numbers.items():
                self.board.add_scalar(f"{group}/{name}", value, step)


def _board(folder: Path, step: int) -> SummaryWriter:
    """A writer for TensorBoard that hides what was written of later steps."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as fault:
        remedy = "Install it with: pip install foldwright[train]"
        raise InputError("TensorBoard is not installed.", field="--tensorboard", remedy=remedy) from fault
    return SummaryWriter(str(folder), purge_step=step + 1)
