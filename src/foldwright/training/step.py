"""One step of training: examples in, parameters changed, the mean of every loss term out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from foldwright.errors import TrainingError
from foldwright.features.structure import CA
from foldwright.models.af2.model import AlphaFold
from foldwright.training import schedule
from foldwright.training.chain_order import suited_labels
from foldwright.training.gradients import Gradients
from foldwright.training.health import Health, described, stop_if_fatal
from foldwright.training.objective_af2 import LossTerms, LossWeights, loss_terms, measures_of, true_lddt
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.state import State

if TYPE_CHECKING:
    from foldwright.training.data.examples import TrainingExample


@dataclass(frozen=True)
class Group:
    """Examples of consecutive numbers that go through the network together."""

    first: int  # number of the first example
    examples: TrainingExample  # collated if they are several


@dataclass(frozen=True)
class StepResult:
    """What a step did."""

    step: int  # steps made, this one included
    num_passes: int
    learning_rate: float
    gradient_norm: float  # of the mean over examples, each clipped if the recipe says so
    terms: dict[str, float]  # means over the examples of the step
    is_stop_wanted: bool  # by any process
    warnings: tuple[str, ...] = ()  # what the run's health gives reason to say


class NonFiniteExample(TrainingError):
    """The loss of an example or its gradient is not a number; `rerun` computes both again, drawing the same."""

    def __init__(self, step: int, examples: str, rerun: Callable[[], object]):
        self.rerun = rerun
        super().__init__(f"in step {step} the loss of {examples} or its gradient is not finite")


@dataclass
class Stepper:
    """Makes the steps of a recipe; every process calls it with its own groups of the step."""

    recipe: Recipe
    state: State
    gradients: Gradients
    processes: Processes
    device: torch.device
    health: Health

    def __call__(self, groups: Iterable[Group], is_stop_wanted: bool = False) -> StepResult:
        """Make one step.

        Raises:
            TrainingError: its result would be of no use; nothing was changed if the gradient is at fault.
        """
        recipe, state, health = self.recipe, self.state, self.health
        number = state.step + 1
        health.before_step(number)
        rate = self._set_learning_rate()
        self.gradients.begin()
        terms = [self._learn(group) for group in groups]
        norm = float(self.gradients.finish())
        means, is_stop_wanted = self._means(terms, is_stop_wanted)
        findings = health.after_backward(number, norm)
        stop_if_fatal(findings)
        state.optimiser.step()
        findings += health.after_step(number)
        stop_if_fatal(findings)
        state.ema.update(state.model)
        passes = schedule.num_passes(recipe, state.step)
        state.step = number
        return StepResult(number, passes, rate, norm, means, is_stop_wanted, tuple(described(findings)))

    def _set_learning_rate(self) -> float:
        recipe = self.recipe
        seen, total = ((steps * recipe.examples_per_step) for steps in (self.state.step + 1, recipe.num_steps))
        rate = schedule.learning_rate(recipe.optimiser, seen, total)
        for group in self.state.optimiser.param_groups:
            group["lr"] = rate
        return rate

    def _learn(self, group: Group) -> dict[str, Tensor]:
        """The gradient of one group, and its terms."""
        example = group.examples.to(self.device)
        terms, loss = self._backward(group.first, example)
        norm = self.gradients.add()
        if not bool(loss.isfinite().all() and norm.isfinite()):
            rerun = partial(self._backward, group.first, example)
            raise NonFiniteExample(self.state.step + 1, example.id, rerun)
        return {"loss": loss.mean(), **{name: value.detach().mean() for name, value in terms.items()}}

    def _backward(self, first: int, example: TrainingExample) -> tuple[dict[str, Tensor], Tensor]:
        """The terms and the loss of a group, whose gradient is added to what there is."""
        torch.manual_seed(schedule.dropout_seed(self.recipe, first))
        terms, watched = losses_of(self.state.model, example, self.recipe.losses)
        loss = terms.weighted(self.recipe.losses)
        (loss * example.weight).mean().mul(self.gradients.loss_scale).backward()
        return {**terms.flat(), **watched}, loss.detach()

    def _means(self, terms: list[dict[str, Tensor]], is_stop_wanted: bool) -> tuple[dict[str, float], bool]:
        """Over the groups of all processes; one exchange also tells everybody whether anybody wants to stop."""
        sums = torch.stack([torch.stack([*group.values()]) for group in terms]).sum(0)
        sums = torch.cat([sums, sums.new_tensor([len(terms), is_stop_wanted])])
        *values, count, wanted = self.processes.sum(sums).tolist()
        names = [name.rpartition(".")[2] for name in terms[0]]
        return {name: value / count for name, value in zip(names, values, strict=True)}, wanted > 0


def losses_of(model: AlphaFold, example: TrainingExample, weights: LossWeights) -> tuple[LossTerms, dict[str, Tensor]]:
    """Every term of the loss after the last pass, and what else is worth watching.

    AF2 Suppl. Alg. 31 "RecyclingTraining".
    """
    output = model([[batch] for batch in example.passes])
    last = example.passes[-1]
    labels = suited_labels(example.labels, output.positions.detach(), last.residues, example.truth)
    terms = loss_terms(
        output,
        labels,
        last.residues,
        last.masked_msa,
        clamped_fraction=torch.as_tensor(example.is_clamped).to(example.weight),
        measures=measures_of(model.config),
        has_sidechains=example.has_sidechains,
        unknown_resolution=weights.unknown_resolution,
    )
    is_known = labels.atom_mask[..., CA]
    lddt = (true_lddt(output, labels) * is_known).sum(-1) / is_known.sum(-1).clamp(min=1)
    return terms, {"lddt_ca": lddt}
