"""The published recipes, as tables."""

import pytest

from foldwright.search import recipes
from foldwright.search.parameters import Hhblits, Jackhmmer


def limits(recipe):
    return {step.name: step.max_rows for step in recipe}


def test_the_full_recipe_of_af2():
    """AF2 Suppl. 1.2.2; 501 rows of MGnify are the released program's."""
    steps = {step.name: step for step in recipes.af2_full()}
    assert limits(steps.values()) == {
        "uniref90": 10_000,
        "bfd_uniref30": None,
        "mgnify": 501,
        "uniprot": 50_000,
        "pdb70": None,
    }
    assert steps["uniref90"].parameters == Jackhmmer(iterations=1, e_value=1e-4, F1=5e-4, F2=5e-5, F3=5e-7)
    assert steps["bfd_uniref30"].parameters == Hhblits(iterations=3, e_value=1e-3, realign_max=100_000)
    assert steps["pdb70"].profile == "uniref90"


def test_the_reduced_recipe_differs_in_bfd_alone():
    full, reduced = recipes.af2_full(), recipes.af2_reduced()
    assert [a == b for a, b in zip(full, reduced, strict=True)] == [True, False, True, True, True]
    assert reduced[1].databases == ("small_bfd",)


def test_the_limits_of_af3():
    """AF3 SI 2.2, Table 1."""
    assert limits(recipes.af3()) == {
        "uniref90": 10_000,
        "small_bfd": 5_000,
        "mgnify": 5_000,
        "uniprot": 50_000,
        "pdb_seqres": None,
    }
    assert limits(recipes.af3_rna()) == {"rfam": 10_000, "rnacentral": 10_000, "nt_rna": 10_000}


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_profiles_come_from_earlier_steps_and_names_are_used_once(name):
    seen = []
    for step in recipes.RECIPES[name]():
        assert step.profile is None or step.profile in seen
        assert step.name not in seen
        seen.append(step.name)
    assert name == "none" or seen
