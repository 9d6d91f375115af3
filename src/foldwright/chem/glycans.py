"""Which components are sugars that link to each other, other sugars, or ions."""

import re

from foldwright.chem.components import Component

_ION = re.compile(r"\bion\b", re.IGNORECASE)
_UNKNOWN_ATOM = "UNX"  # "UNKNOWN ATOM OR ION"


def is_linking_glycan(component: Component) -> bool:
    """Whether the CCD types it as a saccharide with a stated linkage, such as `D-SACCHARIDE, BETA LINKING`."""
    return "SACCHARIDE" in component.type and component.type.endswith("LINKING")


def is_other_glycan(component: Component) -> bool:
    """Whether the CCD types it as a saccharide without a stated linkage."""
    return "SACCHARIDE" in component.type and not component.type.endswith("LINKING")


def is_glycan(component: Component) -> bool:
    """Whether the CCD types it as any saccharide; such components lose their leaving atoms (AF3 SI 2.5)."""
    return "SACCHARIDE" in component.type


def is_ion(component: Component) -> bool:
    """Whether it is called an ion in the CCD, of one atom or several."""
    return component.code != _UNKNOWN_ATOM and _ION.search(component.name) is not None
