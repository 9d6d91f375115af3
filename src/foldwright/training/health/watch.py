"""The object a training loop tells where it is, and that answers with what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from foldwright.training.health import activity, parameters
from foldwright.training.health.findings import Finding, Kind, Limits
from foldwright.training.health.non_finite import explain
from foldwright.training.recipe import Recipe


class Health:
    """Watches a network and its optimiser, thoroughly at the first steps and every so many, else at no cost.

    A step is: `before_step`, forward and backward passes, `after_backward`, the optimiser's step, `after_step`.
    Each finding is returned once.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: Optimizer,
        every: int = 100,
        untaught: Collection[str] = (),
        limits: Limits = Limits(),  # noqa: B008  frozen
    ):
        """`untaught` are the parts that no loss is meant to reach, by the start of their names."""
        self.model, self.optimiser, self.every, self.untaught, self.limits = model, optimiser, every, untaught, limits
        self.parameters = parameters.trained(model)
        self.found: list[Finding] = []  # all that was ever wrong
        self.num_watched = 0
        self.is_watching = False
        self._begun: int | None = None
        self._reached: set[str] = set()
        self._before: dict[str, parameters.Before] = {}
        self._activity = activity.Activity(model, limits)

    def is_watched(self, step: int) -> bool:
        """Whether a step is looked at closely: the first ones after a start, and every so many."""
        self._begun = step if self._begun is None else self._begun
        return step - self._begun < self.limits.first_steps or step % self.every == 0

    def before_step(self, step: int) -> None:
        """The forward passes are about to begin."""
        self.is_watching = self.is_watched(step)
        if self.is_watching:
            self._activity.begin()

    def after_backward(self, step: int, gradient_norm: float | None = None) -> list[Finding]:
        """The gradient is complete and not yet followed. Given its norm, a non-finite one is noticed in every step."""
        if gradient_norm is not None and not math.isfinite(gradient_norm):
            return self._new(self._bad_gradients(step))
        if not self.is_watching:
            return []
        self._activity.end()
        self._before = parameters.before_update(self.parameters, self.optimiser)
        self._reached |= {name for name, then in self._before.items() if then.largest_gradient > 0}
        return self._new(self._bad_gradients(step))

    def after_step(self, step: int) -> list[Finding]:
        """The optimiser has made its step."""
        if not self.is_watching:
            return []
        self.is_watching, self.num_watched = False, self.num_watched + 1
        found = self._new([*self._of_parameters(step), *self._activity.findings(self.num_watched)])
        self._before = {}
        return found

    def explain_non_finite(self, run: Callable[[], Any]) -> str:
        """Run a forward and backward pass again and name the first module that made a NaN or an infinity."""
        return explain(self.model, run)

    def _bad_gradients(self, step: int) -> Iterable[Finding]:
        text = f"The gradient of step {step} holds NaN or infinity."
        return parameters.non_finite({name: p.grad for name, p in self.parameters.items()}, text)

    def _of_parameters(self, step: int) -> Iterable[Finding]:
        if self.num_watched == 1:
            yield from parameters.misplaced(self.model, self.optimiser)
            yield from parameters.non_contiguous(self.parameters, self.optimiser)
        yield from parameters.non_finite(dict(self.parameters), f"The update of step {step} made NaN or infinity.")
        if self._before:
            yield from parameters.unmoved(self.parameters, self.optimiser, self._before, self.limits)
        if self.num_watched == self.limits.patience:
            yield from self._without_gradient()

    def _without_gradient(self) -> Iterable[Finding]:
        text = f"None in {self.num_watched} steps: nothing that is trained depends on it, or the loss is cut off."
        for name in self.parameters:
            if name not in self._reached and not name.startswith(tuple(self.untaught)):
                yield Finding(name, Kind.NO_GRADIENT, text)

    def _new(self, findings: Iterable[Finding]) -> list[Finding]:
        told = {(finding.parameter, finding.kind) for finding in self.found}
        new = [finding for finding in findings if (finding.parameter, finding.kind) not in told]
        self.found += new
        return new


def untaught_parts(recipe: Recipe) -> tuple[str, ...]:
    """The parts of a recipe's network that no loss reaches, by the start of their names, because the recipe says so."""
    weights, config = recipe.losses, recipe.model
    heads = {
        "distogram_head": weights.distogram,
        "masked_msa_head": weights.masked_msa,
        "plddt_head": weights.plddt,
        "experimentally_resolved_head": weights.experimentally_resolved,
        "pae_head": weights.aligned_error,
    }
    parts = [f"{name}." for name, weight in heads.items() if not weight]
    if recipe.sampling.max_passes == 1:
        parts.append("trunk.recycling_embedder.")
    if config.trunk.outer_product_first:  # the last block's rows are read by nothing
        last = f"trunk.extra_msa_stack.blocks.{config.extra_msa.num_blocks - 1}"
        parts += [f"{last}.{layer}." for layer in ("row_attention", "column_attention", "msa_transition")]
    return tuple(parts)
