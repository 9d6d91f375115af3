"""`foldwright profile`: where the time and the memory of a training step go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from foldwright.profiling.compare import Comparison
    from foldwright.profiling.run import Findings, Request
    from foldwright.profiling.sweep import Series

FAILED = 1
SWEPT = ("residues", "sequences", "blocks", "batch")


def profile(
    recipe: Annotated[str | None, Option(help="A training recipe: tiny (the default), mini_1, ...")] = None,
    model: Annotated[str | None, Option(help="A published network instead, such as model_1_ptm.")] = None,
    set_: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="Change the recipe, e.g. model.trunk.c_z=64; repeat."),
    ] = None,
    residues: Annotated[int | None, Option(help="Length of the crop. Default: the recipe's.")] = None,
    sequences: Annotated[int | None, Option(help="Rows of the alignment.")] = None,
    extra: Annotated[int | None, Option(help="Rows of the extra alignment.")] = None,
    templates: Annotated[int | None, Option(help="Templates.")] = None,
    blocks: Annotated[int | None, Option(help="Evoformer blocks.")] = None,
    batch: Annotated[int | None, Option(help="Examples put through the network together.")] = None,
    passes: Annotated[
        int | None, Option(help="Recycling passes, all but the last without gradient. Default: 1.")
    ] = None,
    precision: Annotated[str | None, Option(help="float32 or bfloat16. Default: the recipe's.")] = None,
    checkpointing: Annotated[
        bool | None, Option("--checkpointing/--no-checkpointing", help="Recompute activations block by block.")
    ] = None,
    textbook: Annotated[bool, Option("--textbook", help="Without kernels.")] = False,
    device: Annotated[str, Option(help="cpu, cuda, cuda:1, ..., or auto: a GPU if there is one.")] = "auto",
    threads: Annotated[int | None, Option(help="CPU threads. Default: what torch takes.", min=1)] = None,
    steps: Annotated[int, Option(help="Steps to measure; medians are shown.")] = 5,
    warmup: Annotated[int, Option(help="Steps before them.")] = 2,
    out: Annotated[Path, Option(help="Folder for performance_summary.json, pictures and traces.")] = Path(
        "runs/profile"
    ),
    compare: Annotated[
        bool, Option("--compare", help="Also run the textbook beside the kernels and check that they agree.")
    ] = False,
    sweep: Annotated[
        bool, Option("--sweep", help="Also vary residues, sequences, blocks and batch, one at a time.")
    ] = False,
    sweep_residues: Annotated[str | None, Option(metavar="N,N,...", help="Vary this, with these values.")] = None,
    sweep_sequences: Annotated[str | None, Option(metavar="N,N,...", help="Likewise.")] = None,
    sweep_blocks: Annotated[str | None, Option(metavar="N,N,...", help="Likewise.")] = None,
    sweep_batch: Annotated[str | None, Option(metavar="N,N,...", help="Likewise.")] = None,
    limit: Annotated[float, Option(help="Leave out sizes of a sweep whose step would take longer, in seconds.")] = 30.0,
    trace: Annotated[
        bool, Option("--trace", help="Also write a trace of one step for TensorBoard or Perfetto.")
    ] = False,
    plots: Annotated[bool, Option("--plots/--no-plots", help="Draw pictures (needs matplotlib).")] = True,
    is_json: Annotated[bool, Option("--json", help="Print the summary as JSON instead of tables.")] = False,
    validate_setup: Annotated[
        bool, Option("--validate-setup", help="Try every part of a profile on a small network, and exit.")
    ] = False,
) -> None:
    """Measure a training step on made-up examples: time, FLOPs and memory of every operation of the network.

    OUT gets performance_summary.json and the pictures operations.png, roofline.png and memory.png. Exit code: 0, 1 if
    --compare finds a disagreement or --validate-setup a part that does not work, 2 for bad input.
    """
    from foldwright import kernels

    kernels.keep_large_allocations()  # before the first tensor, as in training

    import torch

    from foldwright.profiling.run import Request, parse_values

    if threads is not None:
        torch.set_num_threads(threads)
    given = dict(zip(SWEPT, (sweep_residues, sweep_sequences, sweep_blocks, sweep_batch), strict=True))
    values = {name: parse_values(text, f"--sweep-{name}") for name, text in given.items() if text}
    request = Request(
        recipe=recipe,
        model=model,
        overrides=tuple(set_ or ()),
        residues=residues,
        sequences=sequences,
        extra=extra,
        templates=templates,
        blocks=blocks,
        batch=batch,
        passes=passes,
        precision=precision,
        is_checkpointed=checkpointing,
        is_textbook=textbook,
        device=device,
        steps=steps,
        warmup=warmup,
        out=out,
        has_plots=plots,
        is_compared=compare,
        is_traced=trace,
        sweep_values=values if values or sweep else None,
        limit_s=limit,
    )
    raise typer.Exit(_validate(request) if validate_setup else _profile(request, is_json))


def _validate(request: Request) -> int:
    from foldwright.profiling.run import chosen
    from foldwright.profiling.setup import validate_setup

    recipe, _, setting = chosen(request)
    is_fit = True
    for check in validate_setup(recipe, setting.device, request.out):
        verdict = "ok" if check.passed else "FAILED" if check.is_needed else "-"
        print(f"{check.topic:<16} {verdict:<7}{check.text}", flush=True)
        is_fit &= check.passed or not check.is_needed
    return 0 if is_fit else FAILED


def _profile(request: Request, is_json: bool) -> int:
    from rich.console import Console

    from foldwright.profiling.run import run

    err = Console(stderr=True)
    with err.status("profiling") as status:
        findings = run(request, lambda what: status.update(f"profiling: {what}"))
    if is_json:
        print(json.dumps(findings.record, indent=1))
    else:
        _show(findings)
    return FAILED if findings.comparison is not None and not findings.comparison.passed else 0


def _show(findings: Findings) -> None:
    from rich.console import Console

    from foldwright.profiling.run import describe_machine
    from foldwright.profiling.setup import is_quiet
    from foldwright.profiling.summary import headline, tables

    console = Console(width=max(120, Console().width), highlight=False, soft_wrap=True)
    console.print(headline(findings.workload, findings.profile))
    console.print(f"  {describe_machine(findings.workload.setting.device)}")
    if not (quiet := is_quiet())[0]:
        console.print(f"  this machine is busy, {quiet[1]}: times will be longer and shares less certain")
    for title, table in tables(findings.profile):
        console.print(f"\n{title}")
        console.print(table)
    if findings.comparison is not None:
        _show_comparison(findings.comparison)
    for one in findings.series or ():
        _show_series(one)
    print()
    for path in findings.files:
        print(f"→ {path}")


def _show_comparison(comparison: Comparison) -> None:
    from foldwright.profiling.summary import duration, megabytes

    print("\nTextbook and installed kernels")
    for title, name in (("forward and losses", "forward_s"), ("backward", "backward_s"), ("step", "step_s")):
        textbook, installed = getattr(comparison.textbook, name), getattr(comparison.installed, name)
        speed_up = textbook / installed
        print(f"  {title:<20} {duration(textbook):>12} {duration(installed):>12}  {speed_up:.2f} times as fast")
    peaks = (megabytes(way.peak_bytes) for way in (comparison.textbook, comparison.installed))
    print("  {:<20} {:>12} {:>12}".format("peak memory", *peaks))
    for agreement in sorted(comparison.agreements, key=lambda a: -a.error):
        verdict = "agrees" if agreement.passed else f"DISAGREES: more than {agreement.limit:.0e}"
        print(f"  {agreement.quantity:<44} relative error {agreement.error:.1e}  {verdict}")


def _show_series(one: Series) -> None:
    from foldwright.profiling.summary import duration, megabytes

    print(f"\n{one.name}: time of a step ~ {one.name}^{one.exponent:.2f}")
    for point in one.points:
        numbers = f"{duration(point.step_s):>12} {point.samples_per_s:8.2f} samples/s"
        print(f"  {point.value:>6} {numbers} {megabytes(point.peak_bytes):>12}")
    if one.left_out:
        print(f"  left out, too long or too large: {', '.join(map(str, one.left_out))}")
