"""`foldwright evaluate`: a network on whole chains, beside what is reached without knowing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.models.af2.model import AlphaFold
    from foldwright.training.data.shards import ShardedChains
    from foldwright.training.evaluation.evaluate import ChainSet, Predictor
    from foldwright.training.evaluation.scoring import Scores


def evaluate(
    data: Annotated[Path, Option(help="Folder that `foldwright data prepare` wrote.")],
    weights: Annotated[
        str | None, Option(help="A training run, one of its checkpoints, an exported network, or published weights.")
    ] = None,
    model: Annotated[
        str | None, Option(help="Name of the network where --weights does not say it: model_1_ptm, ...")
    ] = None,
    split: Annotated[str, Option(help="Which chains: a split of the folder.")] = "val",
    core: Annotated[bool, Option("--core/--all", help="One good experimental chain of each family, or all.")] = True,
    baselines: Annotated[
        bool, Option("--baselines", help="Also score a helix, the nearest training chain, and the untrained network.")
    ] = False,
    single_sequence: Annotated[bool, Option("--single-sequence", help="Show no alignments to the network.")] = False,
    recycles: Annotated[int | None, Option(help="Passes after the first. Default: the network's.", min=0)] = None,
    seed: Annotated[int, Option(help="Decides what is drawn from the alignments.", min=0)] = 0,
    max_chains: Annotated[int | None, Option(help="Only so many chains, spread over the split.", min=1)] = None,
    max_length: Annotated[int | None, Option(help="Only chains of at most so many residues.", min=1)] = None,
    device: Annotated[str, Option(help="cpu, cuda, or auto: a GPU if there is one.")] = "auto",
    threads: Annotated[int | None, Option(help="CPU threads. Default: what torch takes.", min=1)] = None,
    out: Annotated[Path | None, Option(help="Folder for scores.json, chains.tsv and reliability.png.")] = None,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
) -> None:
    """Predict whole chains from their sequences and alignments, and compare them with their structures.

    lDDT-Cα, TM-score and RMSD with bootstrap intervals over chains, by length and by alignment depth; and whether pLDDT
    says what was reached.
    """
    import torch

    from foldwright import kernels
    from foldwright.training.data.shards import ShardedChains
    from foldwright.training.evaluation.evaluate import ChainSet, NetworkPredictor, read_network
    from foldwright.training.evaluation.scoreboard import Scoreboard
    from foldwright.training.launch import chosen_device

    if weights is None and model is None:
        raise InputError(
            "no network is named.", field="--weights", remedy="Give --weights RUN, or --model model_1_ptm."
        )
    if threads:
        torch.set_num_threads(threads)
    place = torch.device(chosen_device(device))
    chains = ShardedChains(data)
    chosen = ChainSet.of_split(
        chains,
        split,
        is_core=core,
        is_single_sequence=single_sequence,
        max_chains=max_chains,
        max_length=max_length,
    )
    network, info = read_network(weights, model)
    longest = max(chains.manifest[number].length for number in chosen.numbers)
    network = kernels.install(network.to(place), kernels.plan(place, longest, training=False))
    name = info.preset or "network"
    predictor = NetworkPredictor.of(network, recycles, seed)
    others = _baselines(network, chains) if baselines else {}
    scores = {label: _scores(label, each, chosen, quiet) for label, each in {name: predictor, **others}.items()}
    about = {
        "weights": info.source,
        "weights_sha256": info.sha256,
        "data": str(data),
        "split": split,
        "is_core": core,
        "is_single_sequence": single_sequence,
        "recycles": predictor.num_passes - 1,
        "seed": seed,
    }
    board = Scoreboard(name, scores.pop(name), scores, about)
    print("\n".join(board.lines()))
    for path in board.write(out) if out else ():
        print(f"→ {path}")


def _baselines(network: AlphaFold, chains: ShardedChains) -> dict[str, Predictor]:
    from foldwright.training.evaluation.baselines import NearestTrainingChain, helix, untrained

    return {
        "untrained": untrained(network.config, device=next(network.parameters()).device),
        "helix": helix,
        "nearest training chain": NearestTrainingChain.of(chains),
    }


def _scores(name: str, predictor: Predictor, chosen: ChainSet, quiet: bool) -> Scores:
    """The scores of one predictor, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from foldwright.training.evaluation.evaluate import evaluate

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(name, total=len(chosen))
        return evaluate(predictor, chosen, lambda _: bar.advance(task))
