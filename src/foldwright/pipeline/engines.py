"""Where jobs are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from foldwright.errors import InputError
from foldwright.pipeline.cluster.connect import require_ray
from foldwright.pipeline.cluster.run import RayRun
from foldwright.pipeline.results import FailedJob, Prediction
from foldwright.pipeline.run import run

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)

Engine = Callable[..., Iterator[Prediction | FailedJob]]


def engine(name: str, ray_address: str | None = None) -> Engine:
    """What runs a plan; it is called as `foldwright.pipeline.run.run` is.

    Raises:
        InputError: there is no such engine, or it is not installed.
    """
    if name not in ENGINES:
        raise InputError(f'there is no "{name}".', field="--engine", remedy=f"Use {' or '.join(ENGINES)}.")
    if ray_address and name != RAY:
        raise InputError("only Ray has such an address.", field="--ray-address", remedy="Add --engine ray.")
    if name == LOCAL:
        return run
    require_ray()
    return partial(run, kind=partial(RayRun, address=ray_address))
