"""Any value of a configuration by its dotted path; a wrong one says what would be right."""

import pytest

from foldwright.errors import InputError
from foldwright.models.af2.presets import preset
from foldwright.models.overrides import override, parse_overrides, settable
from foldwright.training.recipes import RECIPES


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


@pytest.mark.parametrize("name", ["tiny", "fine_tuning"])
def test_every_value_of_a_recipe_can_be_set_to_what_it_is(name):
    recipe = RECIPES[name]()
    paths = [path for path, _ in settable(recipe) if path != "model.is_multimer"]
    assert {"optimiser.learning_rate", "losses.violation", "model.trunk.c_z", "precision", "num_steps"} <= set(paths)
    for path in paths:
        assert override(recipe, path, str(value(recipe, path))) == recipe


@pytest.mark.parametrize(
    ("path", "text"), [("losses.masked_msa", "0"), ("seed", "0"), ("optimiser.warmup_examples", "0")]
)
def test_what_may_be_left_out_of_training_may_be_zero(path, text):
    changed = override(RECIPES["fine_tuning"](), path, text)
    assert value(changed, path) == 0


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("precision", "float16", ["float32 or bfloat16", "float16"]),
        ("optimiser.learning_rate", "0", ["not possible"]),
        ("optimiser.ema_decay", "1.1", ["between 0 and 1"]),
        ("sampling.unclamped_fraction", "-0.1", ["between 0 and 1"]),
        ("model.is_multimer", "true", ["belongs to the model"]),
    ],
)
def test_a_wrong_value_of_a_recipe_says_what_would_be_right(path, text, words):
    with pytest.raises(InputError) as error:
        override(RECIPES["tiny"](), path, text)
    assert all(word in str(error.value) for word in words)


def test_overrides_are_path_and_value_once_each():
    assert parse_overrides(["a.b=1", "c = x=y"]) == {"a.b": "1", "c": "x=y"}
    for texts in (["a.b"], ["=1"], ["a="], ["a=1", "a=2"]):
        with pytest.raises(InputError, match="--set"):
            parse_overrides(texts)
