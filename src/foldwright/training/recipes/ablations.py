"""What each part of AlphaFold 2 is worth: the same training without it (Jumper et al. 2021, Fig. 4a; AF2 Suppl. 1.13).

Each is a function of a recipe, so that anything can be ablated: the published training, or one for a laptop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from foldwright.training.recipe import Recipe
from foldwright.training.recipes.af2 import initial_training
from foldwright.training.recipes.variants import WHOLE

Ablation = Callable[[Recipe], Recipe]


def with_self_distillation(base: Recipe) -> Recipe:
    """Three of four examples are predictions for sequences of unknown structure (AF2 Suppl. 1.3)."""
    return replace(base, sampling=replace(base.sampling, distilled_fraction=0.75))


def no_self_distillation(base: Recipe) -> Recipe:
    """Experimental structures alone: the baseline that all the other ablations start from."""
    return replace(base, sampling=replace(base.sampling, distilled_fraction=0.0))


def no_templates(base: Recipe) -> Recipe:
    """Without the template stack and the template rows of the alignment."""
    features = replace(base.model.features, num_templates=0)
    return replace(base, model=replace(base.model, features=features, templates=None))


def no_distogram(base: Recipe) -> Recipe:
    """The head for distances is there, and nothing is learnt from it."""
    return replace(base, losses=replace(base.losses, distogram=0.0))


def no_masked_msa(base: Recipe) -> Recipe:
    """Letters of the alignment are still hidden, but the network is not asked for them."""
    return replace(base, losses=replace(base.losses, masked_msa=0.0))


def no_recycling(base: Recipe) -> Recipe:
    """One pass in training and in prediction."""
    model = replace(base.model, recycling=replace(base.model.recycling, num_recycles=0))
    return _varied(replace(base, model=model, sampling=replace(base.sampling, max_passes=1)), "no_recycling")


def no_raw_msa(base: Recipe) -> Recipe:
    """Pair frequencies of the alignment instead of its rows."""
    return _varied(base, "no_raw_msa")


def no_ipa(base: Recipe) -> Recipe:
    """Frames projected from the single representation."""
    return _varied(base, "no_ipa")


def no_triangles(base: Recipe) -> Recipe:
    """Axial attention, without bias or gates, instead of triangle updates."""
    return _varied(base, "no_triangles")


def no_structure_gradients(base: Recipe) -> Recipe:
    """The trunk learns from the auxiliary heads alone."""
    return _varied(base, "no_structure_gradients")


def no_ipa_and_no_recycling(base: Recipe) -> Recipe:
    """Neither is decisive alone; without both the structure is not refined at all."""
    return no_recycling(no_ipa(base))


ABLATIONS: dict[str, Ablation] = {
    f.__name__: f
    for f in (
        with_self_distillation,
        no_self_distillation,
        no_templates,
        no_distogram,
        no_raw_msa,
        no_ipa,
        no_masked_msa,
        no_recycling,
        no_triangles,
        no_structure_gradients,
        no_ipa_and_no_recycling,
    )
}


def ablated(base: Recipe, name: str) -> Recipe:
    """The recipe without the part of this name, and named for that."""
    return replace(ABLATIONS[name](base), name=f"{base.name}+{name}")


def published(name: str) -> Recipe:
    """An ablation as it was published: of initial training, and, but for the one that adds it, without distillation."""
    return replace(ABLATIONS[name](no_self_distillation(initial_training())), name=f"ablation_{name}")


def _varied(base: Recipe, change: str) -> Recipe:
    """With one more change of the network."""
    changes = [name for name in base.variant.split("+") if name not in (WHOLE, change)]
    return replace(base, variant="+".join([*changes, change]))
