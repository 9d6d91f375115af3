"""`foldwright verify`: runs stored examples of the original programs and compares every output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from torch import nn

from foldwright import kernels
from foldwright.errors import InputError
from foldwright.verification import af2, af3
from foldwright.verification.bundles import (
    TOLERANCE,
    Bundle,
    Comparison,
    Computed,
    Prepare,
    as_built,
    compare_all,
    find_bundles,
)

FAMILIES: dict[str, Callable[[Bundle, str, Prepare], Computed]] = {"af2": af2.compute, "af3": af3.compute}
TOLERANCES = {"af2": TOLERANCE, "af3": af3.TOLERANCE}
FAILED = 1
NUM_TOKENS = 256  # for which kernels are planned


def verify(
    paths: Annotated[list[Path], typer.Argument(help="Bundles (*.bundle.json), or folders that hold some.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list instead of lines.")] = False,
    dtype: Annotated[
        Literal["float32", "float64"] | None, typer.Option(help="Compute in this type; by default that of the truth.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Largest relative error; by default what rounding in the type explains.")
    ] = None,
    faster: Annotated[
        bool,
        typer.Option("--kernels", help="Run as predictions do: float32, with this processor's kernels."),
    ] = False,
) -> None:
    """Compare this program with stored runs of the original ones; exit code 0 only if every output agrees."""
    bundles = find_bundles(paths)
    if faster:
        dtype = dtype or "float32"  # the type that compiled kernels know
    for bundle in bundles:
        if bundle.family not in FAMILIES:
            known = f"Known are {', '.join(FAMILIES)}."
            raise InputError(f'unknown family "{bundle.family}".', file=bundle.path, field="family", remedy=known)
    records: list[Comparison] = []
    for bundle in bundles:
        for record in compared(bundle, dtype, tolerance, with_kernels if faster else as_built):
            records.append(record)
            if not as_json:
                print(line(record), flush=True)
        if not as_json:
            print(summary([r for r in records if r.bundle == bundle.name]), flush=True)
    if as_json:
        json.dump([record.as_record() for record in records], sys.stdout, indent=1, allow_nan=False)
        print()
    if not all(record.passed for record in records):
        raise typer.Exit(FAILED)


def compared(
    bundle: Bundle, dtype: str | None, tolerance: float | None, prepare: Prepare = as_built
) -> Iterator[Comparison]:
    """Every stored output of a bundle against ours."""
    dtype = dtype or bundle.truth
    if tolerance is None:
        allowed = TOLERANCES[bundle.family]
        tolerance = max(allowed[dtype], allowed[bundle.truth])
    return compare_all(bundle, FAMILIES[bundle.family](bundle, dtype, prepare), tolerance)


def with_kernels(model: nn.Module, training: bool) -> nn.Module:
    """The network as it is run."""
    return kernels.install(model, kernels.plan("cpu", NUM_TOKENS, training))


def line(record: Comparison) -> str:
    """One output: bundle, name, shape, relative error, maximum absolute error, verdict."""
    shape = "x".join(map(str, record.shape)) or "scalar"
    errors = "  ".join("       -" if x is None else f"{x:8.1e}" for x in (record.relative_error, record.max_abs_error))
    verdict = f"{'ok' if record.passed else 'FAILED'} {record.note}".rstrip()
    return f"{record.bundle}  {record.output:<72} {shape:>14}  {errors}  {verdict}"


def summary(records: list[Comparison]) -> str:
    """How many outputs of a bundle agree, and the worst of them."""
    passed = sum(record.passed for record in records)
    errors = [(r.relative_error, r.output) for r in records if r.relative_error is not None]
    worst = "" if not errors else "; largest relative error {:.1e} ({})".format(*max(errors))
    return f"{records[0].bundle}: {passed} of {len(records)} outputs agree{worst}\n"
