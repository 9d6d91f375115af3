"""The published networks by their official names; each is a function, so that a new one is a `replace` away."""

from collections.abc import Callable
from dataclasses import replace

from foldwright.models.af2.config import AF2, FeatureSizes, Heads


def model_1() -> AF2:
    """Fine-tuned with templates (AF2 Suppl. Table 5, model 1.1.1)."""
    return AF2(
        # DISCREPANCY(AF2 Suppl. Table 5): 512 clusters counts the 4 template slots; 508 rows are alignment.
        features=FeatureSizes(num_clusters=508, num_extra=5120),
        heads=Heads(is_pae_predicted=False),
    )


def model_2() -> AF2:
    """As model_1 with 1,024 extra rows (Table 5, model 1.1.2)."""
    base = model_1()
    return replace(base, features=replace(base.features, num_extra=1024))


def model_3() -> AF2:
    """Without templates (Table 5, model 1.2.1)."""
    features = FeatureSizes(num_clusters=512, num_extra=5120, num_templates=0)
    return replace(model_1(), features=features, templates=None)


def model_4() -> AF2:
    """As model_3 (Table 5, model 1.2.2): another training run."""
    return model_3()


def model_5() -> AF2:
    """As model_3 with 1,024 extra rows (Table 5, model 1.2.3)."""
    base = model_3()
    return replace(base, features=replace(base.features, num_extra=1024))


def with_pae(config: AF2) -> AF2:
    """The same network with the predicted-aligned-error head (Suppl. 1.9.7)."""
    return replace(config, heads=replace(config.heads, is_pae_predicted=True))


def multimer_v3() -> AF2:
    """AlphaFold-Multimer v3: 508 clusters, 2,048 extra rows, 20 recycles with early stop at 0.5 angstrom."""
    base = AF2(is_multimer=True)
    return replace(
        base,
        features=FeatureSizes(num_clusters=508, num_extra=2048),
        trunk=replace(base.trunk, outer_product_first=True),
        structure=replace(base.structure, position_scale=20.0),
        heads=replace(base.heads, num_msa_classes=22),
        recycling=replace(base.recycling, num_recycles=20, tolerance=0.5),
    )


def multimer_v3_less_extra() -> AF2:
    """Models 4 and 5 of v3 read 1,152 extra rows (AlphaFold 2.3 technical note)."""
    base = multimer_v3()
    return replace(base, features=replace(base.features, num_extra=1152))


def multimer_v2() -> AF2:
    """AlphaFold-Multimer v2: 252 clusters, 1,152 extra rows (AF-Multimer Suppl. 7.3)."""
    return replace(multimer_v3(), features=FeatureSizes(num_clusters=252, num_extra=1152))


_MONOMER = [model_1, model_2, model_3, model_4, model_5]

PRESETS: dict[str, Callable[[], AF2]] = {
    **{f.__name__: f for f in _MONOMER},
    **{f"{f.__name__}_ptm": (lambda f=f: with_pae(f())) for f in _MONOMER},
    **{f"model_{i}_multimer_v2": multimer_v2 for i in range(1, 6)},
    **{f"model_{i}_multimer_v3": multimer_v3 for i in (1, 2, 3)},
    **{f"model_{i}_multimer_v3": multimer_v3_less_extra for i in (4, 5)},
}


def preset(name: str) -> AF2:
    """The configuration of an official model, by its official name.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown model "{name}". Known models: {", ".join(PRESETS)}.')
    return PRESETS[name]()
