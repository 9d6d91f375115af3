"""docs/losses.md says what the code does."""

from dataclasses import fields
from pathlib import Path

import pytest

from foldwright.training import objective_af2 as objective

PAGE = (Path(__file__).parents[2] / "docs" / "losses.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize(
    ("column", "stage"), [(4, objective.initial_training), (5, objective.fine_tuning), (6, objective.fine_tuning_ptm)]
)
def test_weights_of_the_page_are_those_of_the_stages(column, stage):
    told = {row[0].strip("`"): float(row[column]) for row in ROWS}
    weights = stage()
    assert told == {name: getattr(weights, name) for name in told}


def test_the_page_tells_every_term():
    terms = {f.name for kind in (objective.StructureTerms, objective.LossTerms) for f in fields(kind)}
    assert {row[0].strip("`") for row in ROWS} == terms - {"structure", "backbone_fape_last"}
