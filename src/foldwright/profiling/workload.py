"""One training step in its four parts, made again and again on the same example."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foldwright import kernels
from foldwright.features.batch import AF2Batch
from foldwright.features.structure import StructureLabels
from foldwright.kernels.precision import DTYPES
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.outputs import AF2Output
from foldwright.profiling.synthetic import Sizes, open_gates, synthetic_labels, synthetic_passes
from foldwright.training.blocks import recompute, use_bfloat16
from foldwright.training.gradients import Gradients, ReplicatedGradients
from foldwright.training.objective_af2 import LossTerms, length_weight, loss_terms, measures_of
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.state import State, new_network, new_state

STAGES = ("forward", "losses", "backward", "optimiser")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a step is run; nothing here changes what it computes."""

    device: torch.device
    is_textbook: bool = False  # without kernels


@dataclass
class Workload:
    """A network in training and what it is trained on."""

    recipe: Recipe
    sizes: Sizes
    setting: Setting
    state: State
    gradients: Gradients
    passes: list[list[AF2Batch]]
    labels: StructureLabels

    @property
    def dtype(self) -> torch.dtype:
        """Of the matrix products."""
        return DTYPES[self.recipe.precision]

    @property
    def model(self) -> AlphaFold:
        """The network."""
        return self.state.model

    def forward(self) -> AF2Output:
        """All passes, with the dropout of the first step each time."""
        torch.manual_seed(self.recipe.seed)
        self.gradients.begin()
        return self.model(self.passes)

    def losses(self, output: AF2Output) -> tuple[LossTerms, Tensor]:
        """Every term, and what is differentiated."""
        batch = self.passes[-1][0]
        assert batch.masked_msa is not None
        terms = loss_terms(
            output, self.labels, batch.residues, batch.masked_msa, measures=measures_of(self.recipe.model)
        )
        loss = terms.weighted(self.recipe.losses) * length_weight(batch.residues)
        return terms, loss.mean() * self.gradients.loss_scale

    def optimise(self) -> Tensor:
        """Clip, update, average; the norm of the gradient."""
        self.gradients.add()
        norm = self.gradients.finish()
        self.state.optimiser.step()
        self.state.ema.update(self.state.model)
        self.state.step += 1
        return norm

    def step(self) -> Tensor:
        """All of it; the loss."""
        _, loss = self.losses(self.forward())
        loss.backward()
        self.optimise()
        return loss.detach()

    def wait(self) -> None:
        """Until the device has done what it was asked."""
        if self.setting.device.type == "cuda":
            torch.cuda.synchronize(self.setting.device)


def prepare(model: AlphaFold, recipe: Recipe, sizes: Sizes, setting: Setting) -> None:
    """Let the network run as a training run would, or as the textbook has it."""
    if not setting.is_textbook:
        kernels.install(model, kernels.plan(setting.device, sizes.residues, training=True))
    if recipe.precision == "bfloat16":
        use_bfloat16(model)
    if recipe.is_checkpointed:
        recompute(model)


def make_workload(recipe: Recipe, sizes: Sizes, setting: Setting) -> Workload:
    """The recipe's network with open gates, its optimiser and an example of these sizes; the same at every call."""
    recipe = replace(recipe, examples_per_step=sizes.batch, examples_at_once=sizes.batch)
    model = new_network(recipe)
    open_gates(model)
    prepare(model.to(setting.device).train(), recipe, sizes, setting)
    torch.manual_seed(recipe.seed)
    passes = synthetic_passes(recipe.model, sizes)
    labels = synthetic_labels(passes[0][0].residues).to(setting.device)
    return Workload(
        recipe=recipe,
        sizes=sizes,
        setting=setting,
        state=new_state(recipe, model),
        gradients=ReplicatedGradients(model, recipe.optimiser, 1, Processes()),
        passes=[[batch.to(setting.device) for batch in members] for members in passes],
        labels=labels,
    )
