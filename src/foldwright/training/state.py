"""What changes while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.optim import Adam

from foldwright.models.af2.model import AlphaFold
from foldwright.training.ema import ExponentialMovingAverage
from foldwright.training.recipe import Recipe
from foldwright.training.recipes import variants

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class State:
    """A network in training: its parameters, their average, the optimiser's memory, and the steps that were made."""

    model: AlphaFold
    optimiser: Adam
    ema: ExponentialMovingAverage
    step: int = 0

    def moments(self) -> dict[str, dict[str, Tensor]]:
        """Running means of the gradients and of their squares, by the parameters' names; zero before the first step."""
        return {
            moment: {
                name: self.optimiser.state.get(p, {}).get(moment, torch.zeros_like(p))
                for name, p in self.model.named_parameters()
            }
            for moment in MOMENTS
        }

    def set_moments(self, moments: dict[str, dict[str, Tensor]]) -> None:
        """Go on from moments that were kept."""
        for name, parameter in self.model.named_parameters():
            self.optimiser.state[parameter] = {
                # Every parameter has a gradient in every step, if only zeros: one count serves all.
                "step": torch.tensor(float(self.step), device=parameter.device),
                **{moment: moments[moment][name] for moment in MOMENTS},
            }


def new_network(recipe: Recipe) -> AlphaFold:
    """The recipe's network as it is before the first step, the same in every process."""
    torch.manual_seed(recipe.seed)
    # Training makes as many passes as were drawn, however little the structure still moves.
    recycling = replace(recipe.model.recycling, tolerance=0.0)
    return variants.build(recipe.variant, replace(recipe.model, recycling=recycling))


def new_state(recipe: Recipe, model: AlphaFold) -> State:
    """A network about to make its first step."""
    chosen = recipe.optimiser
    optimiser = Adam(
        model.parameters(),
        lr=chosen.learning_rate,
        betas=(chosen.beta1, chosen.beta2),
        eps=chosen.epsilon,
        fused=True,
    )
    return State(model, optimiser, ExponentialMovingAverage(model, chosen.ema_decay))
