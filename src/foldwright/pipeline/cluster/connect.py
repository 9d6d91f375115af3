"""The connection to a Ray cluster, and the machines in it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from foldwright.errors import InputError
from foldwright.interrupts import ASKING

AUTO, LOCAL, CLIENT = "auto", "local", "ray://"
FIELD = "--ray-address"

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning of what this will mean in a later version
}


@dataclass(frozen=True)
class Machine:
    """One node of the cluster and what it lends."""

    node: str
    host: str
    cpus: int
    gpus: int


def require_ray() -> None:
    """Refuse what needs Ray where there is none.

    Raises:
        InputError: with how to get it.
    """
    if find_spec("ray") is None:
        remedy = '`pip install "foldwright[ray]"` gets it, here and on every machine of the cluster.'
        raise InputError("Ray is not installed.", field="--engine ray", remedy=remedy)


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to the cluster at this address, until the block ends.

    address  HOST:PORT, or `auto` for the cluster that this machine belongs to; None is $RAY_ADDRESS, and without that
             a cluster of this machine alone, which ends with the block

    Raises:
        InputError: no cluster answers there.
    """
    require_ray()
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    import ray

    if ray.is_initialized():  # by whoever calls from Python: theirs to end
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address.startswith(CLIENT):
        remedy = "Run the command on a machine of the cluster, with HOST:PORT or auto."
        raise InputError(f"{address} is the address of a client.", field=FIELD, remedy=remedy)
    own: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    try:
        with own_signals():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        remedy = "`ray status` on a machine of the cluster says whether it runs; `ray start --head` starts one."
        raise InputError(f"no Ray cluster at {address}: {error}.", field=FIELD, remedy=remedy) from error
    try:
        yield
    finally:
        with own_signals():
            ray.shutdown()


@contextmanager
def own_signals() -> Iterator[None]:
    """What Ctrl-C and a request to end do stays as it was: Ray puts a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ASKING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def machines() -> list[Machine]:
    """The living machines that lend processors."""
    import ray

    found = []
    for node in ray.nodes():
        lends = node["Resources"]
        if node["Alive"] and (lends.get("CPU") or lends.get("GPU")):
            cpus, gpus = int(lends.get("CPU", 0)), int(lends.get("GPU", 0))
            found.append(Machine(node["NodeID"], node["NodeManagerHostname"], cpus, gpus))
    return found
