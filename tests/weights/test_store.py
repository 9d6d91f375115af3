import hashlib
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foldwright.errors import InputError
from foldwright.weights import deepmind_af2, formats, openfold, store
from foldwright.weights.catalog import PUBLICATIONS
from foldwright.weights.library import cache_folder, folder_of
from foldwright.weights.locate import available_presets
from foldwright.weights.rule import rule_parameters
from foldwright.weights.store import import_weights, load_network, load_weights

V2 = "triangle_multiplication_outgoing/left_projection"  # a scope that only unfused files have


@pytest.fixture
def npz(tmp_path, narrow):
    """A DeepMind file of a narrow network: `npz("model_1_ptm")` -> its path."""

    def write(preset, name=None, salt="", **changes):
        arrays = rule_parameters(deepmind_af2.manifest(narrow(preset), changes.pop("keys", ())), salt) | changes
        path = tmp_path / (name or f"params_{preset}.npz")
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
        return path

    return write


def conversions():
    folder = cache_folder() / "converted"
    return sorted(folder.iterdir()) if folder.exists() else []


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_published_file_gives_the_parameters_that_the_rule_gives(npz, narrow):
    config = narrow("model_1_ptm")
    path = npz("model_1_ptm")
    state, info = load_weights(path, config, "model_1_ptm")
    assert equal(state, load_weights("rule", config)[0])
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (info.source, info.format, info.preset) == (str(path), formats.DEEPMIND, "model_1_ptm")
    assert "CC BY" in info.licence
    assert not info.is_rule


@pytest.mark.parametrize("preset", ["model_1", "model_3_ptm", "model_2_multimer_v3", "model_2_multimer_v2"])
def test_a_network_of_every_kind_is_filled(preset, npz, narrow):
    keys = [V2] if preset.endswith("v2") else []
    model, _ = load_network(npz(preset, keys=keys), narrow(preset), preset)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    assert not model.training
    again = deepmind_af2.arrays_of(model, keys=keys)
    expected = rule_parameters(deepmind_af2.manifest(narrow(preset), keys))
    assert again.keys() == expected.keys()
    assert equal(dict(model.state_dict()), load_weights("rule", narrow(preset), preset)[0])
    for key, array in again.items():
        np.testing.assert_array_equal(array, expected[key])


def test_conversion_happens_once_and_says_where_it_comes_from(npz, narrow, monkeypatch):
    path, config = npz("model_1"), narrow("model_1")
    first, info = load_weights(path, config, "model_1")
    (kept,) = conversions()
    note = formats.read_note(kept)
    assert (note["source"], note["sha256"], note["preset"]) == (str(path), info.sha256, "model_1")
    assert note["network"]["trunk"]["c_m"] == 16
    monkeypatch.setattr(store, "_convert", pytest.fail)
    monkeypatch.setattr(hashlib, "file_digest", pytest.fail)  # the hash is remembered too
    second, again = load_weights(path, config, "model_1")
    assert equal(first, second)
    assert again == info


def test_a_changed_file_is_converted_anew(npz, narrow):
    config = narrow("model_1")
    first, _ = load_weights(npz("model_1"), config, "model_1")
    second, _ = load_weights(npz("model_1", salt="other"), config, "model_1")
    assert not equal(first, second)
    assert len(conversions()) == 2


def test_how_much_is_read_does_not_matter_to_a_conversion_but_the_network_does(npz, narrow):
    path, config = npz("model_1"), narrow("model_1")
    load_weights(path, config, "model_1")
    load_weights(path, replace(config, features=replace(config.features, num_clusters=8)), "model_1")
    assert len(conversions()) == 1
    with pytest.raises(InputError, match="mis-shaped"):
        load_weights(path, replace(config, trunk=replace(config.trunk, num_blocks=2)), "model_1")


def test_a_damaged_conversion_is_made_again(npz, narrow):
    path, config = npz("model_1"), narrow("model_1")
    state, _ = load_weights(path, config, "model_1")
    (kept,) = conversions()
    del state
    kept.write_bytes(kept.read_bytes()[:1000])
    state, _ = load_weights(path, config, "model_1")
    assert equal(state, load_weights("rule", config)[0])
    assert load_file(kept)


def test_a_cache_that_cannot_be_written_does_not_prevent_loading(npz, narrow, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "file"))
    state, _ = load_weights(npz("model_1"), narrow("model_1"), "model_1")
    assert equal(state, load_weights("rule", narrow("model_1"))[0])


def test_changing_loaded_weights_does_not_change_the_cache(npz, narrow):
    path, config = npz("model_1"), narrow("model_1")
    for _ in range(2):  # converted, then mapped
        model, _ = load_network(path, config, "model_1")
        with torch.no_grad():
            model.plddt_head.out.weight.zero_()
    assert equal(load_weights(path, config, "model_1")[0], load_weights("rule", config)[0])


def test_several_at_once_agree(npz, narrow):
    path, config = npz("model_1"), narrow("model_1")
    states = []
    threads = [threading.Thread(target=lambda: states.append(load_weights(path, config)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states) == 4
    assert all(equal(states[0], state) for state in states)
    assert len(conversions()) == 1


@pytest.mark.parametrize(
    ("held", "wanted", "words"),
    [
        ("model_1", "model_3", r"monomer network with templates, without the PAE head \(model_1, model_2\)"),
        (
            "model_3_ptm",
            "model_1_ptm",
            r"without templates, with the PAE head \(model_3_ptm, model_4_ptm, model_5_ptm\)",
        ),
        ("model_1", "model_1_ptm", "without the PAE head"),
        ("model_1_multimer_v3", "model_1_ptm", "multimer v3 network"),
        ("model_1_ptm", "model_1_multimer_v3", "monomer network"),
    ],
)
def test_weights_of_another_network_are_refused_with_the_names_they_fit(held, wanted, words, npz, narrow):
    path = npz(held, name="mystery.npz")
    with pytest.raises(InputError, match=words) as refusal:
        load_weights(path, narrow(wanted), wanted)
    assert "mystery.npz" in str(refusal.value)
    assert "--model model_" in str(refusal.value)


def test_multimer_v2_and_v3_are_told_apart(npz, narrow):
    v2 = npz("model_1_multimer_v2", name="unfused.npz", keys=[V2])
    with pytest.raises(InputError, match="multimer v2 network"):
        load_weights(v2, narrow("model_1_multimer_v3"), "model_1_multimer_v3")
    with pytest.raises(InputError, match="multimer v3 network"):
        load_weights(npz("model_1_multimer_v3", name="fused.npz"), narrow("model_1_multimer_v2"), "model_1_multimer_v2")


def test_a_file_named_for_another_model_of_the_same_shape_is_refused(npz, narrow):
    path = npz("model_2")
    with pytest.raises(InputError, match="parameters of model_2, not of model_1"):
        load_weights(path, narrow("model_1"), "model_1")
    load_weights(path, narrow("model_2"), "model_2")


BIAS = "alphafold/alphafold_iteration/distogram_head/half_logits//bias"


def test_missing_unused_and_misshapen_arrays_are_named(npz, narrow):
    faults = {BIAS: None, "alphafold/extra//weights": np.zeros(3), BIAS.replace("bias", "weights"): np.zeros((2, 2))}
    path = npz("model_1", name="faulty.npz", **faults)
    with pytest.raises(InputError, match=r"faulty\.npz") as refusal:
        load_weights(path, narrow("model_1"), "model_1")
    assert f"1 missing: {BIAS}" in str(refusal.value)
    assert "1 unused: alphafold/extra//weights" in str(refusal.value)
    assert r"half_logits//weights is (2, 2), should be (12, 64)" in str(refusal.value)
    assert conversions() == []


def test_a_truncated_file_is_said_to_be_one(npz, narrow):
    path = npz("model_1")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"params_model_1\.npz: not a whole npz archive"):
        load_weights(path, narrow("model_1"), "model_1")


def test_a_damaged_array_is_named(npz, narrow):
    path = npz("model_1")
    content = bytearray(path.read_bytes())
    at = content.index(b"half_logits//bias.npy") + 300
    content[at : at + 40] = bytes(40)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r'array ".*half_logits//bias" cannot be read \(Bad CRC'):
        load_weights(path, narrow("model_1"), "model_1")


def test_python_objects_in_a_file_are_not_made(tmp_path, narrow):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match='array "x" holds Python objects'):
        load_weights(tmp_path / "evil.npz", narrow("model_1"))
    torch.save({"x": threading.Lock}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="does not run code"):
        load_weights(tmp_path / "evil.pt", narrow("model_1"))


@pytest.mark.parametrize("suffix", ["npz", "pt", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"rubbish" * 100, b"PK\x03\x04"])
def test_rubbish_is_named(suffix, content, tmp_path, narrow):
    path = tmp_path / f"rubbish.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"rubbish\.") as refusal:
        load_weights(path, narrow("model_1"))
    assert "\n" not in str(refusal.value)


def test_other_kinds_of_files_and_missing_ones_are_refused(tmp_path, narrow):
    (tmp_path / "weights.bin").write_text("x")
    with pytest.raises(InputError, match=r"weights files end in \.npz"):
        load_weights(tmp_path / "weights.bin", narrow("model_1"))
    with pytest.raises(InputError, match=r"gone\.npz: no such file"):
        load_weights(tmp_path / "gone.npz", narrow("model_1"))
    with pytest.raises(InputError, match='no weights called "nonsense"'):
        load_weights("nonsense", narrow("model_1"))


def test_an_openfold_checkpoint_is_read(tmp_path, narrow):
    config = narrow("model_1_ptm")
    expected = load_weights("rule", config)[0]
    path = tmp_path / "finetuning_ptm_2.pt"
    torch.save(openfold.checkpoint_of(config, expected), path)
    state, info = load_weights(path, config, "model_1_ptm")
    assert equal(state, expected)
    assert info.format == formats.OPENFOLD
    with pytest.raises(InputError, match="with the PAE head"):
        load_weights(path, narrow("model_1"), "model_1")
    with pytest.raises(InputError, match="multimer"):
        load_weights(path, narrow("model_1_multimer_v3"), "model_1_multimer_v3")


def test_another_salt_gives_another_network(narrow):
    config = narrow("model_1")
    plain, plain_info = load_weights("rule", config)
    salted, salted_info = load_weights("rule:seven", config)
    assert not equal(plain, salted)
    assert plain_info.sha256 != salted_info.sha256
    assert plain_info.is_rule
    assert salted_info.is_rule
    assert conversions() == []


def test_imported_weights_are_found_without_a_path(npz, narrow):
    config = narrow("model_4_ptm")
    with pytest.raises(InputError, match="weights fetch model_4_ptm"):
        load_weights(None, config, "model_4_ptm")
    path = npz("model_4_ptm")
    target, info = import_weights(path, config, "model_4_ptm")
    path.unlink()
    state, found = load_weights(None, config, "model_4_ptm")
    assert equal(state, load_weights("rule", config)[0])
    assert (found.source, found.sha256, found.licence) == (str(path), info.sha256, info.licence)
    assert found.format == formats.OURS
    assert available_presets(None) == {"model_4_ptm"}
    with pytest.raises(InputError, match="parameters of model_4_ptm, not of model_3_ptm"):
        load_weights(target, narrow("model_3_ptm"), "model_3_ptm")


def test_an_imported_file_that_lost_an_array_is_refused(npz, narrow):
    config = narrow("model_1")
    target, _ = import_weights(npz("model_1"), config, "model_1")
    state = load_file(target)
    note = json.dumps(formats.read_note(target))
    save_file(
        {k: v for k, v in state.items() if k != "plddt_head.out.bias"},
        target.with_name("less.safetensors"),
        metadata={"foldwright": note},
    )
    with pytest.raises(InputError, match=r"1 missing: plddt_head\.out\.bias"):
        load_weights(target.with_name("less.safetensors"), config, "model_1")


def test_a_folder_is_searched_for_the_file_of_the_model(npz, narrow, tmp_path):
    npz("model_1", name="params/params_model_1.npz")
    npz("model_2", name="params/params_model_2.npz", salt="other")
    state, info = load_weights(tmp_path, narrow("model_2"), "model_2")
    assert info.source.endswith("params/params_model_2.npz")
    assert equal(state, load_weights("rule:other", narrow("model_2"))[0])
    assert available_presets(tmp_path / "params") == {"model_1", "model_2"}
    with pytest.raises(InputError, match=r"no weights of model_5 .*holds params_model_1\.npz, params_model_2\.npz"):
        load_weights(tmp_path / "params", narrow("model_5"), "model_5")


def test_checkpoints_of_a_folder_are_known_by_the_catalogue(narrow, tmp_path):
    config = narrow("model_3_ptm")
    torch.save(
        openfold.checkpoint_of(config, load_weights("rule", config)[0]), tmp_path / "finetuning_no_templ_ptm_1.pt"
    )
    assert available_presets(tmp_path) == {"model_3_ptm", "model_4_ptm", "model_5_ptm"}
    load_weights(tmp_path, config, "model_4_ptm")
    for name in ("finetuning_ptm_1.pt", "finetuning_ptm_2.pt"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"several files fit: finetuning_ptm_1\.pt, finetuning_ptm_2\.pt"):
        load_weights(tmp_path, narrow("model_1_ptm"), "model_1_ptm")


def test_a_fetched_publication_is_found_by_name_and_its_licence_told(npz, narrow):
    config = narrow("model_1")
    with pytest.raises(InputError, match="weights fetch alphafold-2021-07-14"):
        load_weights("alphafold-2021-07-14", config, "model_1")
    folder = folder_of(PUBLICATIONS["alphafold-2021-07-14"])
    folder.mkdir(parents=True)
    npz("model_1").rename(folder / "params_model_1.npz")
    note = {"files": ["params_model_1.npz"], "licence": "CC BY-NC 4.0"}
    (folder / "receipt.json").write_text(json.dumps(note))
    for source in ("alphafold-2021-07-14", None):
        _, info = load_weights(source, config, "model_1")
        assert info.licence == "CC BY-NC 4.0"
