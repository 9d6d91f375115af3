"""Options that cannot be are refused with the option's name."""

import pytest

from foldwright.errors import InputError
from foldwright.relax.options import RelaxOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stiffness", -1.0),
        ("stiffness", float("nan")),
        ("tolerance", 0.0),
        ("max_rounds", 0),
        ("max_steps", -1),
        ("threads", 0),
        ("platform", "GPU"),
        ("disulfide", -0.1),
        ("seed", -1),
    ],
)
def test_impossible_values_are_refused(name, value):
    with pytest.raises(InputError, match="not possible") as caught:
        RelaxOptions(**{name: value})
    assert caught.value.field == f"--{name.replace('_', '-')}"


def test_the_defaults_are_the_papers():
    options = RelaxOptions()
    assert options.stiffness == 10.0  # kcal/mol/Å², AF2 Suppl. 1.8.6
    assert options.max_steps == 0
