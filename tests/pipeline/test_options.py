"""Options are checked where they enter; a wrong one names itself and what would be right."""

import pytest

from foldwright.errors import InputError
from foldwright.models.af2.presets import preset
from foldwright.pipeline.options import (
    GROUPS,
    Options,
    consecutive_seeds,
    model_names,
    parse_max_msa,
)


def test_every_choice_reaches_the_configuration():
    options = Options(
        recycles=7, recycle_tolerance=0.25, ensemble=3, max_msa=(16, 32), overrides={"trunk.num_blocks": "2"}
    )
    config = options.config("model_1_ptm")
    assert config.recycling.num_recycles == 7
    assert config.recycling.tolerance == 0.25
    assert config.recycling.num_ensemble == 3
    assert (config.features.num_clusters, config.features.num_extra) == (16, 32)
    assert config.trunk.num_blocks == 2
    assert Options().config("model_1_ptm") == preset("model_1_ptm")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recycles": -1}, "--recycles"),
        ({"recycle_tolerance": float("nan")}, "--recycle-tolerance"),
        ({"ensemble": 0}, "--ensemble"),
        ({"max_msa": (0, 5)}, "--max-msa"),
        ({"seeds": (-3,)}, "--seed"),
        ({"seeds": ()}, "--num-seeds"),
        ({"precision": "float16"}, "--precision"),
    ],
)
def test_an_impossible_option_is_named(change, field):
    with pytest.raises(InputError, match=field):
        Options(**change)


def test_one_number_is_not_set_by_two_options():
    with pytest.raises(InputError, match=r"--recycles and --set recycling\.num_recycles"):
        Options(recycles=1, overrides={"recycling.num_recycles": 2}).config("model_1")


def test_models_are_named_singly_in_lists_and_in_groups():
    assert model_names(["model_2,model_1_ptm", "model_2"]) == ("model_2", "model_1_ptm")
    assert model_names(["multimer"]) == GROUPS["multimer"]
    with pytest.raises(InputError, match=r"model_9.*multimer_v2.*model_1_ptm"):
        model_names(["model_9"])


def test_max_msa_is_read_as_clusters_and_extra_rows():
    assert parse_max_msa("512:1024") == (512, 1024)
    for text in ("512", "512:", "a:b", "1:2:3", "-1:4"):
        with pytest.raises(InputError, match="CLUSTERS:EXTRA"):
            parse_max_msa(text)


def test_seeds_count_up():
    assert consecutive_seeds(5, 3) == (5, 6, 7)
    with pytest.raises(InputError, match="--num-seeds"):
        consecutive_seeds(0, 0)
