"""What does not fit is tried once more in smaller pieces, and then refused with the size that would fit."""

import pytest
import torch

import foldwright
from foldwright.errors import InputError
from foldwright.models.overrides import parse_overrides
from foldwright.pipeline.infer import Runner

TINY = (
    "trunk.num_blocks=1 trunk.c_m=16 trunk.c_z=8 trunk.c_s=16 trunk.c_triangle=8 extra_msa.num_blocks=1 "
    "structure.num_layers=1 recycling.num_recycles=0"
)


@pytest.fixture
def failing(monkeypatch):
    """Lets the first attempts run out of memory; the plans of all attempts."""
    plans, make = [], Runner._predict

    def fail(times):
        def attempt(self, job, draws, seed, stages, how):
            plans.append(how)
            if len(plans) <= times:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
            return make(self, job, draws, seed, stages, how)

        monkeypatch.setattr(Runner, "_predict", attempt)
        return plans

    return fail


def predict():
    return foldwright.predict("MKTAYIAKQR", weights="rule", preset="none", overrides=parse_overrides(TINY.split()))


def test_the_second_attempt_is_made_in_smaller_pieces_and_recorded(failing):
    plans = failing(1)
    (found,) = predict()
    assert len(plans) == 2
    assert plans[1].piece_bytes < plans[0].piece_bytes
    assert found.record["execution"] == str(plans[1]).splitlines()
    assert found.structure.positions.std() > 0


def test_a_second_failure_names_the_size_that_would_fit(failing):
    plans = failing(2)
    with pytest.raises(InputError, match="ran out of memory with model_1_ptm, in smaller pieces too") as error:
        predict()
    assert len(plans) == 2
    assert "residues would fit" in error.value.remedy


def test_other_errors_are_not_tried_again(monkeypatch):
    calls = []

    def fail(self, *of):
        calls.append(of)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Runner, "_predict", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        predict()
    assert len(calls) == 1
