"""A small network, its optimiser, and one step of training at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from foldwright.training.draws import groups_of_step, num_groups
from foldwright.training.gradients import ReplicatedGradients
from foldwright.training.health import Finding, Health, Limits, untaught_parts
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.state import State, new_network, new_state
from foldwright.training.step import losses_of


@dataclass
class Patient:
    """A network in training that can be broken between any two moments of a step."""

    recipe: Recipe
    examples: Any
    state: State
    health: Health
    before_update: Callable[[], None] = lambda: None
    after_update: Callable[[], None] = lambda: None

    def __post_init__(self):
        self.gradients = ReplicatedGradients(
            self.state.model, self.recipe.optimiser, num_groups(self.recipe), Processes()
        )

    def parameter(self, name):
        return self.state.model.get_parameter(name)

    def learn(self, group=None):
        """Forward and backward passes of one example."""
        group = group or next(iter(groups_of_step(self.examples, self.recipe, self.state.step, Processes())))
        torch.manual_seed(group.first)
        terms, _ = losses_of(self.state.model, group.examples, self.recipe.losses)
        terms.weighted(self.recipe.losses).mean().backward()
        return terms

    def steps(self, count=1) -> list[Finding]:
        """Make steps; what is found in them."""
        found: list[Finding] = []
        for _ in range(count):
            step, state = self.state.step, self.state
            self.health.before_step(step)
            self.gradients.begin()
            for group in groups_of_step(self.examples, self.recipe, step, Processes()):
                self.learn(group)
                self.gradients.add()
            norm = float(self.gradients.finish())
            self.before_update()
            found += self.health.after_backward(step, norm)
            state.optimiser.step()
            self.after_update()
            found += self.health.after_step(step)
            state.step += 1
        return found


@pytest.fixture
def new_patient(recipe, made_examples):
    """A network about to make its first step, every step of which is watched."""

    def build(recipe=replace(recipe, examples_per_step=1), every=1, limits=Limits(), begin=lambda model: model):  # noqa: B008  frozen
        torch.manual_seed(0)
        state = new_state(recipe, begin(new_network(recipe).train()))
        for group in state.optimiser.param_groups:
            group["lr"] = 1e-3
        health = Health(state.model, state.optimiser, every, untaught_parts(recipe), limits)
        return Patient(recipe, made_examples(recipe), state, health)

    return build


@pytest.fixture
def patient(new_patient):
    return new_patient()
