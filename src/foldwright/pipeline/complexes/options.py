"""What a person may choose for a prediction by AlphaFold 3, checked where it enters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.io.complexes.job import ComplexJob
from foldwright.models.af3.config import AF3
from foldwright.models.af3.presets import preset
from foldwright.models.overrides import override
from foldwright.pipeline.evidence import Evidence
from foldwright.pipeline.options import at_least, check_precision
from foldwright.pipeline.seeds import check_seeds

MODEL = "af3"


@dataclass(frozen=True, kw_only=True)
class ComplexOptions:
    """One choice of evidence, network, sampling and machine; None leaves a number to the model or to the job."""

    evidence: Evidence = field(default_factory=Evidence)

    weights: str | None = None  # a file, a folder or "rule"; None: the cache
    recycles: int | None = None
    samples: int | None = None  # structures of each seed
    steps: int | None = None  # of the sampler
    seeds: tuple[int, ...] = ()  # none: those of the job
    num_seeds: int | None = None  # so many from the job's first, or only, seed on
    overrides: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    device: str = "auto"
    memory_limit: int | None = None  # bytes
    components: Path | None = None  # of the chemical dictionary; None: the bundled one
    saves_embeddings: bool = False
    saves_distogram: bool = False
    is_compressed: bool = False  # structures and long confidence files

    def __post_init__(self):
        at_least("--recycles", self.recycles, 0)
        for option, count in (("--samples", self.samples), ("--steps", self.steps), ("--num-seeds", self.num_seeds)):
            at_least(option, count, 1)
        check_precision(self.precision)
        check_seeds(self.seeds, "--seeds")
        if self.is_compressed:
            from foldwright.io.packed import zstandard

            zstandard()

    def config(self) -> AF3:
        """The network with every choice applied.

        Raises:
            InputError: an unknown field, a value of the wrong type, or one number set by two options.
        """
        config = preset(MODEL)
        for path, value in self._as_overrides().items():
            config = override(config, path, value)
        return config

    def seeds_of(self, job: ComplexJob) -> tuple[int, ...]:
        """The seeds of a job.

        Raises:
            InputError: `--num-seeds` with several seeds to count from, or beyond the largest seed.
        """
        seeds = self.seeds or job.seeds
        if self.num_seeds is None:
            return tuple(dict.fromkeys(seeds))
        if len(seeds) != 1 and not self.seeds:
            raise InputError(
                f"{job.name} has {len(seeds)} seeds of its own, so that --num-seeds has none to count from.",
                file=job.source,
                line=job.line,
                field="--num-seeds",
                remedy="Leave it out, or say with --seeds where to begin.",
            )
        found = tuple(range(seeds[0], seeds[0] + self.num_seeds))
        check_seeds(found, "--num-seeds")
        return found

    def _as_overrides(self) -> dict[str, Any]:
        chosen = {
            "num_recycles": ("--recycles", self.recycles),
            "sampling.num_samples": ("--samples", self.samples),
            "sampling.num_steps": ("--steps", self.steps),
        }
        result = {path: value for path, (_, value) in chosen.items() if value is not None}
        for path in result:
            if path in self.overrides:
                option = chosen[path][0]
                raise InputError(f"{option} and --set {path} both set the same number.", remedy="Give one of them.")
        return result | dict(self.overrides)
