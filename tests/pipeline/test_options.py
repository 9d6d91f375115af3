"""Options are checked where they enter; a wrong one names itself and what would be right."""

import pytest

from foldwright.errors import InputError
from foldwright.models.af2.presets import preset
from foldwright.models.overrides import override, parse_overrides, settable
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
    "path", ["trunk.num_blocks", "templates.dropout", "trunk.outer_product_first", "heads.c_plddt"]
)
def test_any_number_can_be_set_by_its_path_and_nothing_else_changes(path):
    kind = dict(settable(preset("model_1_ptm")))[path]
    text = {int: "3", float: "0.5", bool: "true"}[kind]
    before, after = (list_fields(c) for c in (preset("model_1_ptm"), override(preset("model_1_ptm"), path, text)))
    assert {name for name in before if before[name] != after[name]} == {path}
    assert type(after[path]) is kind


def list_fields(config):
    return {path: value(config, path) for path, _ in settable(config)}


def value(config, path):
    for name in path.split("."):
        config = getattr(config, name)
    return config


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("trunk.num_block", "8", ["num_block", "Did you mean trunk.num_blocks", "structure.num_layers"]),
        ("trunk", "8", ["trunk"]),
        ("trunk.num_blocks", "many", ["trunk.num_blocks", "whole number", "many"]),
        ("trunk.num_blocks", "1.5", ["whole number"]),
        ("trunk.c_m", "0", ["at least 1"]),
        ("trunk.msa_dropout", "1.5", ["between 0 and 1"]),
        ("recycling.tolerance", "nan", ["not possible"]),
        ("trunk.outer_product_first", "perhaps", ["true or false"]),
        ("is_multimer", "true", ["--model"]),
    ],
)
def test_a_wrong_override_says_what_would_be_right(path, text, words):
    with pytest.raises(InputError) as error:
        override(preset("model_1_ptm"), path, text)
    assert all(word in str(error.value) for word in words)


def test_a_network_without_templates_has_no_template_numbers():
    with pytest.raises(InputError, match=r"templates\.num_blocks"):
        override(preset("model_3_ptm"), "templates.num_blocks", 1)


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


def test_overrides_are_path_and_value_once_each():
    assert parse_overrides(["a.b=1", "c = x=y"]) == {"a.b": "1", "c": "x=y"}
    for texts in (["a.b"], ["=1"], ["a="], ["a=1", "a=2"]):
        with pytest.raises(InputError, match="--set"):
            parse_overrides(texts)


def test_seeds_count_up():
    assert consecutive_seeds(5, 3) == (5, 6, 7)
    with pytest.raises(InputError, match="--num-seeds"):
        consecutive_seeds(0, 0)
