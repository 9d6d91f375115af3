"""A network and an example small enough to be profiled in a test."""

from dataclasses import replace

import pytest
import torch

from foldwright.profiling.synthetic import Sizes
from foldwright.profiling.workload import Setting, make_workload
from foldwright.training.recipes.small import tiny

SMALL = Sizes(residues=11, sequences=6, extra=5, templates=0, batch=2)
CPU = torch.device("cpu")


@pytest.fixture
def recipe():
    """One block and few channels."""
    base = tiny()
    trunk = replace(base.model.trunk, num_blocks=1, c_m=16, c_z=16, c_s=16, c_triangle=8, c_outer=4, c_pair_attention=4)
    structure = replace(base.model.structure, num_layers=2, heads=2, c_hidden=4, c_angles=16)
    model = replace(base.model, trunk=trunk, structure=structure)
    return replace(base, model=model, is_checkpointed=False)


@pytest.fixture
def sizes():
    return SMALL


@pytest.fixture
def setting():
    return Setting(device=CPU, is_textbook=True)


@pytest.fixture
def workload(recipe, sizes, setting):
    """A textbook step of that network."""
    return make_workload(recipe, sizes, setting)
