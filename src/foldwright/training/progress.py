"""What a training run tells the person who started it."""

from __future__ import annotations

import sys
import time
from collections import deque
from datetime import timedelta

import psutil
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from foldwright.training.step import StepResult

SHOWN = ("backbone_fape", "distogram", "plddt", "lddt_ca")  # next to the loss
RECENT = 50  # steps over which speed is taken


class Silent:
    """Says nothing; the events of a run, for others to override."""

    def begin(self, step: int, num_steps: int, text: str) -> None:
        """A run begins, or goes on after `step`."""

    def step(self, result: StepResult, examples_per_second: float) -> None:
        """A step is done."""

    def say(self, text: str) -> None:
        """Something that happens now and then: a checkpoint, an evaluation, a warning."""

    def close(self) -> None:
        """Nothing more will be said."""


class Plain(Silent):
    """For logs: a line at the first and last step, and in between no more often than a person would read."""

    def __init__(self, every_seconds: float = 20.0):
        self.every, self.said = every_seconds, float("-inf")

    def begin(self, step: int, num_steps: int, text: str) -> None:
        self.clock = Clock(step, num_steps)
        print(text, flush=True)

    def step(self, result: StepResult, examples_per_second: float) -> None:
        self.clock.tick(result.step)
        now = time.monotonic()
        if now - self.said >= self.every or result.step == self.clock.num_steps:
            self.said = now
            print(f"step {result.step} of {self.clock.num_steps} · {summary(result, examples_per_second)}", end="")
            print(f" · {self.clock.remaining()} left", flush=True)

    def say(self, text: str) -> None:
        print(text, flush=True)


class Live(Silent):
    """For a terminal: one line that stays where it is."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)

    def begin(self, step: int, num_steps: int, text: str) -> None:
        self.clock = Clock(step, num_steps)
        self.say(text)
        columns = (TextColumn("step {task.completed} of {task.total}"), BarColumn(16), TextColumn("{task.description}"))
        self.progress = Progress(*columns, console=self.console)
        self.task = self.progress.add_task("first step", total=num_steps, completed=step)
        self.progress.start()

    def step(self, result: StepResult, examples_per_second: float) -> None:
        self.clock.tick(result.step)
        text = f"{summary(result, examples_per_second)} · {self.clock.remaining()} left"
        self.progress.update(self.task, completed=result.step, description=text)

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        if hasattr(self, "progress"):
            self.progress.stop()


class Clock:
    """How long the rest will take at the speed of late."""

    def __init__(self, step: int, num_steps: int):
        self.num_steps = num_steps
        self.times = deque([(step, time.monotonic())], maxlen=RECENT)

    def tick(self, step: int) -> None:
        """A step is done."""
        self.times.append((step, time.monotonic()))

    def remaining(self) -> timedelta:
        """Until the last step."""
        (first, start), (last, now) = self.times[0], self.times[-1]
        return timedelta(seconds=round((now - start) / max(1, last - first) * (self.num_steps - last)))


def summary(result: StepResult, examples_per_second: float) -> str:
    """The loss and its chief terms, speed and memory."""
    terms = " · ".join(f"{name} {result.terms[name]:.3f}" for name in SHOWN if name in result.terms)
    memory = f"{memory_bytes() / 2**30:.1f} GiB"
    return f"loss {result.terms['loss']:.3f} · {terms} · {examples_per_second:.2f} examples/s · {memory}"


def memory_bytes() -> int:
    """The most a GPU has given to this process, or what the process occupies now."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    return psutil.Process().memory_info().rss


def reporter(is_quiet: bool) -> Silent:
    """The reporter that suits where standard output goes."""
    if is_quiet:
        return Silent()
    return Live() if sys.stdout.isatty() else Plain()
