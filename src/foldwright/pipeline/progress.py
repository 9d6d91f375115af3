"""What a run tells the person who started it: a live line on a terminal, one plain line per model elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Silent:
    """Says nothing; the events of a run, for others to override."""

    def job(self, name: str, summary: str) -> None:
        """A job begins: its size and what it brings."""

    def wait(self) -> None:
        """Nothing is ready to be predicted: a search is still running."""

    def start(self, name: str, num_passes: int) -> None:
        """A prediction begins."""

    def step(self, done: int, num_passes: int, moved: float | None) -> None:
        """A recycling pass is done; `moved` is how far C-alpha distances changed, in angstrom."""

    def relaxing(self, job: str, name: str, round_done: str) -> None:
        """A round of a prediction's relaxation is done."""

    def advance(self, done: int, what: str) -> None:
        """So much of what `start` announced is done; `what` says which part."""

    def finish(self, job: str, name: str, where: str, scores: str, seconds: float) -> None:
        """A prediction is done."""

    def skip(self, job: str, name: str) -> None:
        """A prediction was there already, made by the same options, weights and input."""

    def warn(self, job: str, text: str) -> None:
        """Something about a job that makes its result worth less."""

    def page(self, path: Path) -> None:
        """There is a page to look at."""

    def fail(self, job: str, why: str) -> None:
        """A job failed; the others go on."""
        print(f"foldwright: {why}" if job in why else f"foldwright: {job}: {why}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing more will be said."""


class Plain(Silent):
    """For logs: one line per finished model."""

    def finish(self, job: str, name: str, where: str, scores: str, seconds: float) -> None:
        print(f"{job} {name} {scores} {seconds:.0f} s {where}".replace("  ", " "), flush=True)

    def relaxing(self, job: str, name: str, round_done: str) -> None:
        print(f"{job} {name} relaxation, {round_done}", flush=True)

    def warn(self, job: str, text: str) -> None:
        print(f"foldwright: {job}: warning: {text}", file=sys.stderr, flush=True)

    def skip(self, job: str, name: str) -> None:
        print(f"{job} {name} already done with the same options, weights and input: skipped", flush=True)


class Live(Silent):
    """For a terminal: the job, a bar over the recycling passes, the result."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self.said = ""

    def job(self, name: str, summary: str) -> None:
        text = f"{name}  {summary}"
        if text != self.said:
            self.console.print(text, style="bold", markup=False)
        self.said = text

    def wait(self) -> None:
        self.console.print("searching relatives ...", style="dim", markup=False)

    def relaxing(self, job: str, name: str, round_done: str) -> None:
        self.console.print(f"  {name}  relaxation, {round_done}", style="dim", markup=False)

    def warn(self, job: str, text: str) -> None:
        self.console.print(f"{job}  {text}", style="yellow", markup=False)

    def start(self, name: str, num_passes: int) -> None:
        columns = (TextColumn("  {task.description}"), BarColumn(20), TextColumn("{task.fields[step]}"))
        self.progress = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
        self.task = self.progress.add_task(name, total=num_passes, step="first pass")
        self.progress.start()

    def step(self, done: int, num_passes: int, moved: float | None) -> None:
        if self.progress is None or self.task is None:
            return
        text = f"recycle {done} of {num_passes - 1}" if done < num_passes else "writing"
        self.progress.update(
            self.task, completed=done, step=text if moved is None else f"{text} · Cα moved {moved:.1f} Å"
        )

    def advance(self, done: int, what: str) -> None:
        if self.progress is not None and self.task is not None:
            self.progress.update(self.task, completed=done, step=what)

    def finish(self, job: str, name: str, where: str, scores: str, seconds: float) -> None:
        self.close()
        self.console.print(f"  {name}  {seconds:.0f} s", markup=False)
        self.console.print(f"  → {where}   {scores}" if where else f"  → {scores}", markup=False, soft_wrap=True)

    def skip(self, job: str, name: str) -> None:
        text = f"{job}  {name} is already done with the same options, weights and input: skipped"
        self.console.print(text, markup=False, soft_wrap=True)

    def fail(self, job: str, why: str) -> None:
        self.close()
        super().fail(job, why)

    def page(self, path: Path) -> None:
        self.console.print(f"→ {path}", markup=False, soft_wrap=True)

    def close(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


def reporter(is_quiet: bool) -> Silent:
    """The reporter that suits where standard output goes."""
    if is_quiet:
        return Silent()
    return Live() if sys.stdout.isatty() else Plain()
