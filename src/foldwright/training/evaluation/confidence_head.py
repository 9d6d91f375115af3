"""The pLDDT head taught once more, on chains that the network was not trained on: there it learns how often it errs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foldwright.errors import InputError
from foldwright.features.structure import CA
from foldwright.losses.confidence import plddt_loss
from foldwright.models.af2.heads import PLDDTHead
from foldwright.training.data.chain import Chain
from foldwright.training.data.examples import numbers_of
from foldwright.training.data.shards import ShardedChains
from foldwright.training.evaluation.evaluate import ChainSet, NetworkPredictor
from foldwright.training.evaluation.scoring import score_chain

LEARNING_RATE = 3e-4
MAX_STEPS, PATIENCE = 600, 60  # steps over all residues; without improvement on what is held out
HELD_OUT = 4  # every fourth chain decides when to stop


@dataclass(frozen=True)
class Lesson:
    """What the head sees of the residues of some chains, and what it should have said."""

    single: Float[Tensor, "residues c_s"]
    lddt: Float[Tensor, " residues"]  # 0 to 1

    def loss(self, head: PLDDTHead) -> Tensor:
        """AF2 Suppl. 1.9.6, equation 39."""
        return plddt_loss(head(self.single), self.lddt, torch.ones_like(self.lddt))


@dataclass(frozen=True)
class Taught:
    """What teaching changed: the loss on the chains that were held out, before and after."""

    num_chains: int
    num_steps: int
    loss_before: float
    loss_after: float


def chains_to_teach(chains: ShardedChains, split: str = "val") -> ChainSet:
    """Chains outside training that are not judged on and share no cluster with those that are.

    Raises:
        InputError: there are too few to learn from.
    """
    numbers = numbers_of(chains, split)
    judged = {chains.manifest[number].cluster for number in numbers if chains.manifest[number].is_core}
    chosen = tuple(number for number in numbers if chains.manifest[number].cluster not in judged)
    if len(chosen) < 2 * HELD_OUT:
        message = f"only {len(chosen)} chains of the split {split} are left to teach the confidence head."
        raise InputError(message, file=chains.folder, remedy="It needs some that share no cluster with core chains.")
    return ChainSet(chains, chosen)


def teach(predictor: NetworkPredictor, chains: ChainSet, report: Callable[[Chain], None] | None = None) -> Taught:
    """Teach the head of the predictor's network, all else of which stays; it keeps the best of what it was.

    Every fourth chain is held out and decides when to stop.
    """
    lessons = []
    for chain in chains:
        lessons.append(lesson(predictor, chain))
        if report is not None:
            report(chain)
    held_out = joined(lessons[::HELD_OUT])
    learnt = joined([each for i, each in enumerate(lessons) if i % HELD_OUT])
    head = predictor.model.plddt_head
    steps, before, after = fit(head, learnt, held_out)
    return Taught(len(lessons), steps, before, after)


def lesson(predictor: NetworkPredictor, chain: Chain) -> Lesson:
    """The lesson of one chain, predicted as a whole."""
    seen: list[Tensor] = []
    head = predictor.model.plddt_head
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    try:
        score = score_chain(chain, predictor(chain))
    finally:
        hook.remove()
    is_known = torch.from_numpy(chain.mask[:, CA].astype(bool))
    lddt = torch.from_numpy(score.residue_lddt).to(seen[-1])
    has_truth = lddt.isfinite()
    return Lesson(seen[-1][is_known.to(lddt.device)][has_truth], lddt[has_truth])


def joined(lessons: Sequence[Lesson]) -> Lesson:
    """The residues of all."""
    return Lesson(torch.cat([each.single for each in lessons]), torch.cat([each.lddt for each in lessons]))


def fit(head: PLDDTHead, learnt: Lesson, held_out: Lesson) -> tuple[int, float, float]:
    """Follow the gradient until the held-out loss rises: the steps that were kept, and that loss before and after."""
    before = best = _measured(head, held_out)
    kept, kept_at = _copied(head), 0
    with torch.enable_grad():
        parameters = list(head.requires_grad_(True).parameters())
        optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
        for step in range(1, MAX_STEPS + 1):
            optimiser.zero_grad()
            learnt.loss(head).backward()
            optimiser.step()
            now = _measured(head, held_out)
            if now < best:
                best, kept, kept_at = now, _copied(head), step
            elif step - kept_at >= PATIENCE:
                break
    head.load_state_dict(kept)
    return kept_at, before, best


@torch.no_grad()
def _measured(head: PLDDTHead, lesson: Lesson) -> float:
    return float(lesson.loss(head))


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
