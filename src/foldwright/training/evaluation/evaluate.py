"""What a network is worth: whole chains predicted as `foldwright predict` would, and compared with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from foldwright.errors import InputError
from foldwright.features.af2 import ChainFeatures, Sampler, monomer_example
from foldwright.features.structure import CA
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import PRESETS
from foldwright.training.data.chain import Chain
from foldwright.training.data.examples import numbers_of
from foldwright.training.data.shards import ShardedChains
from foldwright.training.evaluation.scoring import ChainScore, Scores, Trace, collect, score_chain
from foldwright.training.recipes import variants
from foldwright.weights.store import WeightsInfo, describe_trained, load_network
from foldwright.weights.trained import BUNDLED, check_state, find_trained

Predictor = Callable[[Chain], Trace]


@dataclass(frozen=True)
class ChainSet:
    """The chains that predictors are compared on, in the order of the manifest."""

    chains: ShardedChains
    numbers: tuple[int, ...]
    is_single_sequence: bool = False  # alignments are not shown

    @classmethod
    def of_split(
        cls,
        chains: ShardedChains,
        split: str = "val",
        *,
        is_core: bool = True,
        is_single_sequence: bool = False,
        max_chains: int | None = None,
        max_length: int | None = None,
    ) -> ChainSet:
        """The chains of a split, or so many that are spread evenly over it.

        Raises:
            InputError: there is none.
        """
        numbers = numbers_of(chains, split, is_core)
        numbers = [i for i in numbers if max_length is None or chains.manifest[i].length <= max_length]
        if not numbers:
            raise InputError(f"no chain has at most {max_length} residues.", field="--max-length")
        count = min(len(numbers), max_chains or len(numbers))
        spread = (numbers[i * len(numbers) // count] for i in range(count))
        return cls(chains, tuple(spread), is_single_sequence)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Chain]:
        for number in self.numbers:
            chain = self.chains[number]
            yield replace(chain, alignment=None) if self.is_single_sequence else chain


def evaluate(
    predictor: Predictor, chains: Iterable[Chain], report: Callable[[ChainScore], None] | None = None
) -> Scores:
    """Predict and score every chain; `report` is told each as it is done."""
    return collect(_scored(predictor, chains, report or (lambda _: None)))


def _scored(
    predictor: Predictor, chains: Iterable[Chain], report: Callable[[ChainScore], None]
) -> Iterator[ChainScore]:
    for chain in chains:
        score = score_chain(chain, predictor(chain))
        report(score)
        yield score


@dataclass(frozen=True)
class NetworkPredictor:
    """A network as a predictor of C-alphas, reading each chain's sequence and alignment and nothing else of it."""

    model: AlphaFold
    num_passes: int
    seed: int = 0

    @classmethod
    def of(cls, model: AlphaFold, num_recycles: int | None = None, seed: int = 0) -> NetworkPredictor:
        """With as many passes as the network's configuration says, or after so many recycles."""
        return cls(model, 1 + (model.config.recycling.num_recycles if num_recycles is None else num_recycles), seed)

    def __call__(self, chain: Chain) -> Trace:
        known = ChainFeatures.of_sequence(chain.sequence)
        if chain.alignment is not None:
            known = ChainFeatures(chain.sequence, chain.alignment)
        config, device = self.model.config, next(self.model.parameters()).device
        sampler = Sampler(monomer_example([known]), config.features, config.is_multimer, self.seed)
        passes = ([sampler.draw(cycle).to(device)] for cycle in range(self.num_passes))
        with torch.no_grad():
            output = self.model.eval()(passes)
        return Trace(output.positions[:, CA].cpu(), output.confidence.plddt.cpu())


def evaluation_in_training(
    chains: ShardedChains, num_chains: int = 40, max_length: int = 160
) -> Callable[[AlphaFold], dict[str, float]]:
    """What the loop calls: mean scores on an even part of the chains that networks are judged on.

    Where no chain of the split is marked as such, on a part of all of it.
    """
    has_core = any(row.is_core and row.split == "val" for row in chains.manifest)
    chosen = ChainSet.of_split(chains, is_core=has_core, max_chains=num_chains, max_length=max_length)

    def scores(model: AlphaFold) -> dict[str, float]:
        return evaluate(NetworkPredictor.of(model), chosen).means

    return scores


def read_network(weights: str | None, model: str | None = None) -> tuple[AlphaFold, WeightsInfo]:
    """A network that may be an ablated one, from a run, a file that says what it is, the package, or published weights.

    Raises:
        InputError: not found, damaged, or published weights without the model's name.
    """
    trained = find_trained(weights, model)
    if trained is None:
        if model not in PRESETS:
            remedy = f"Name one with --model: {', '.join((*BUNDLED, *PRESETS))}; or a training run with --weights."
            raise InputError("it is not clear which network to evaluate.", field="--model", remedy=remedy)
        return load_network(weights, PRESETS[model](), model)
    network, state = variants.build(trained.variant, trained.config), trained.state()
    check_state(trained, network, state)
    network.load_state_dict(state)
    return network.eval(), describe_trained(trained)
