"""The published network as a function, so that a new one is a `replace` away."""

from collections.abc import Callable

from foldwright.models.af3.config import AF3


def af3() -> AF3:
    """AlphaFold 3 as released (Abramson et al. 2024)."""
    return AF3()


PRESETS: dict[str, Callable[[], AF3]] = {"af3": af3}


def preset(name: str) -> AF3:
    """The configuration of an official model, by its official name.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in PRESETS:
        raise ValueError(f'unknown model "{name}". Known models: {", ".join(PRESETS)}.')
    return PRESETS[name]()
