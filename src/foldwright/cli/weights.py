"""`foldwright weights`: what is published, fetching it, converting your own, looking into a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from foldwright.io.download import Report
    from foldwright.weights.catalog import Publication
    from foldwright.weights.trained import Trained

app = typer.Typer(
    no_args_is_help=True, help="Published parameters: list, fetch, import, inspect.", rich_markup_mode=None
)
MOST_NAMED = 20  # faulty arrays told one by one


@app.command("list")
def list_() -> None:
    """Show what is published and what is here."""
    from rich.console import Console
    from rich.table import Table

    from foldwright.weights.catalog import AF3_PARAMETERS, PUBLICATIONS
    from foldwright.weights.library import cache_folder, find_fetched

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "GB", "here", "models", "licence", "remark"):
        table.add_column(title, justify="right" if title == "GB" else "left", overflow="fold")
    for p in PUBLICATIONS.values():
        here = "yes" if find_fetched(p) else ""
        table.add_row(p.name, f"{p.about_bytes / 1e9:.1f}", here, models_of(p), p.licence.split(",")[0], p.remark)
    asked = AF3_PARAMETERS
    table.add_row(asked.name, f"{asked.about_bytes / 1e9:.1f}", "", asked.name, "non-commercial", f"ask: {asked.form}")
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    imported = sorted(path.stem for path in (cache_folder() / "imported").glob("*.safetensors"))
    print(f"\nimported: {', '.join(imported) or 'none'}\ncache: {cache_folder()}")


def models_of(publication: Publication) -> str:
    """The models a publication fills, in few words: "model_1..5, model_1..5_ptm"."""
    numbers: dict[str, list[str]] = {}
    for name in publication.presets:
        numbers.setdefault(name[len("model_1") :], []).append(name[len("model_")])
    return ", ".join(f"model_{_range(found)}{suffix}" for suffix, found in numbers.items())


def _range(numbers: list[str]) -> str:
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]}..{numbers[-1]}"


@app.command()
def fetch(
    name: Annotated[str, Argument(help="A name from `foldwright weights list`, or a model's: model_1_ptm.")],
    out: Annotated[
        Path | None, Option(help="Folder for the files. Default: the cache, where `predict` finds them by itself.")
    ] = None,
) -> None:
    """Download published parameters; an interrupted download goes on where it stopped."""
    from foldwright.weights import library
    from foldwright.weights.catalog import find_publication

    publication = find_publication(name)
    is_new = library.find_fetched(publication, out) is None
    if is_new:
        print(notice(publication))
    with progress(publication.file_name) as report:
        found = library.fetch(publication, out, report=report)
    receipt = found.receipt
    if is_new:
        print(f"sha256 {receipt['sha256']} (checked against {receipt['checked_against']})")
    else:
        print("already here")
    print(f"{len(found.files)} file{'s' * (len(found.files) != 1)} in {found.files[0].parent}")


def notice(publication: Publication) -> str:
    """Whose work it is, on what terms, and what to cite."""
    lines = [
        f"{publication.file_name} by {publication.publisher}: about {publication.about_bytes / 1e9:.1f} GB",
        f"Licence: {publication.licence}",
        *(f"Please cite {citation}" for citation in publication.citations),
    ]
    return "\n".join(lines)


@contextmanager
def progress(name: str) -> Iterator[Report]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        Argument(
            help="DeepMind's params_*.npz, an OpenFold .pt, AlphaFold 3's af3.bin or af3.bin.zst (any of its parts, or "
            "their folder), or a converted .safetensors."
        ),
    ],
    model: Annotated[str, Option(help="The model these parameters are for, by its official name: model_1_ptm, af3.")],
    accept_terms: Annotated[
        bool, Option("--accept-terms", help="Accept the terms of use of AlphaFold 3's parameters; asked once.")
    ] = False,
) -> None:
    """Convert parameters and keep them in the cache, where `predict` finds them by itself."""
    from foldwright.models.af2.presets import PRESETS
    from foldwright.models.af3.presets import PRESETS as AF3_PRESETS
    from foldwright.weights.af3_store import import_af3
    from foldwright.weights.store import import_weights

    known = [*PRESETS, *AF3_PRESETS]
    if model not in known:
        raise InputError(f'unknown model "{model}".', field="--model", remedy=f"Known models: {', '.join(known)}.")
    if model in AF3_PRESETS:
        _settle_terms(accept_terms)
        target, info = import_af3(file, AF3_PRESETS[model]())
    else:
        target, info = import_weights(file, PRESETS[model](), model)
    print(f"{model} from {info.source} ({info.format}, sha256 {info.sha256})")
    print(f"Licence: {info.licence}")
    print(f"{target} ({target.stat().st_size / 1e6:,.0f} MB)")


def _settle_terms(are_accepted: bool) -> None:
    """Show the terms of AlphaFold 3's parameters and note that they were accepted: by the option, or when asked."""
    from foldwright.weights import terms
    from foldwright.weights.catalog import AF3_PARAMETERS

    if terms.are_accepted(AF3_PARAMETERS):
        return
    print(terms.told(AF3_PARAMETERS))
    if are_accepted or (sys.stdin.isatty() and typer.confirm("Do you accept these terms?")):
        terms.accept(AF3_PARAMETERS)


@app.command()
def export(
    source: Annotated[
        Path, Argument(help="A training run (its last checkpoint), a checkpoint, or an exported network.")
    ],
    target: Annotated[Path, Argument(help="The file to write, ending in .safetensors.")],
    name: Annotated[str | None, Option(help="What the network is called. Default: as its recipe.")] = None,
    scores: Annotated[
        Path | None, Option(help="scores.json of `foldwright evaluate --out`, to be kept with it.")
    ] = None,
    licence: Annotated[str | None, Option(help="On what terms others may use it.")] = None,
    teach_confidence: Annotated[
        Path | None,
        Option(
            metavar="DATA",
            help="Teach the pLDDT head once more, on validation chains of this folder that share no cluster with core "
            "chains: it then says how well unseen chains are predicted.",
        ),
    ] = None,
) -> None:
    """Write a trained network as one file in half precision that `predict --weights` and others can use."""
    import json

    from foldwright.weights.trained import export_network, find_trained

    if target.suffix != ".safetensors":
        raise InputError("an exported network ends in .safetensors.", file=target, remedy="Choose such a name.")
    trained = find_trained(source)
    if trained is None:
        remedy = "Give the folder that `foldwright train --out` wrote, or one of its checkpoints."
        raise InputError("there is no trained network.", file=source, remedy=remedy)
    note: dict[str, object] = {} if licence is None else {"licence": licence}
    if scores is not None:
        try:
            note["scores"] = json.loads(scores.read_text("utf-8"))
        except (OSError, ValueError) as fault:
            raise InputError(f"these are no scores ({fault}).", file=scores, remedy="See --help.") from fault
    state = None
    if teach_confidence is not None:
        state, note["confidence_head"] = _taught(trained, teach_confidence)
    written = export_network(trained, target, name, state, **note)
    count = sum(tensor.numel() for tensor in written.state().values())
    print(f"{written.name}: {count:,} parameters from {trained.path}")
    print(f"{target} ({target.stat().st_size / 1e6:,.1f} MB)")


def _taught(trained: Trained, data: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The parameters with a new confidence head, and how it was made."""
    from dataclasses import asdict

    from foldwright.training.data.shards import ShardedChains
    from foldwright.training.evaluation.confidence_head import chains_to_teach, teach
    from foldwright.training.evaluation.evaluate import NetworkPredictor, read_network

    chains = chains_to_teach(ShardedChains(data))
    network, _ = read_network(str(trained.path))
    found = teach(NetworkPredictor.of(network), chains)
    print(
        f"pLDDT head taught on {found.num_chains} chains in {found.num_steps} steps: held-out loss "
        f"{found.loss_before:.3f}, now {found.loss_after:.3f}"
    )
    return network.state_dict(), {**asdict(found), "data": str(data)}


@app.command()
def inspect(
    file: Annotated[Path, Argument(help="A parameter file of any known format.")],
    model: Annotated[str | None, Option(help="Compare with this model. Default: the one it looks like.")] = None,
    arrays: Annotated[bool, Option("--arrays", help="List every array with its shape.")] = False,
) -> None:
    """Say what a parameter file holds, which model it fits, and which arrays are missing or unused."""
    from foldwright.weights.inspection import is_af3, look_into, look_into_af3

    seen = look_into_af3(file) if is_af3(file, model) else look_into(file, model)
    print(f"{file}: {seen.format}, {len(seen.shapes)} arrays, {seen.num_parameters:,} parameters")
    print(f"sha256 {seen.sha256}")
    if "recipe" in seen.note:
        print(f"trained by the recipe {seen.note['recipe']['name']}: {seen.note['step']:,} steps")
    elif seen.note:
        print(f"converted from {seen.note.get('source')} ({seen.note.get('preset')})")
    print(f"looks like {seen.traits}: {', '.join(seen.presets)}")
    for what, names in seen.faults.items():
        told = "\n".join(f"  {name}" for name in names[:MOST_NAMED])
        more = f"\n  and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        print(f"{len(names)} {what} for {seen.compared_with}:\n{told}{more}")
    if not seen.faults:
        print(f"every array fits {seen.compared_with}")
    if arrays:
        for name, shape in sorted(seen.shapes.items()):
            print(f"{name}\t{'x'.join(map(str, shape))}")
    if seen.faults:
        raise typer.Exit(1)
