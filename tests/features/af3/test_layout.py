"""Ways between tokens, atoms and windows. That they are the released program's is held in test_af3.py."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from foldwright.chem.components import Components
from foldwright.features.af3.layout import (
    KEYS,
    QUERIES,
    gather_features,
    key_windows,
    layout_features,
    padded,
    table_of,
    way,
)
from foldwright.features.af3.tokens import tokenise
from foldwright.io.complexes.job import RNA, ComplexJob, Ligand, Protein

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"


@lru_cache
def table(num_residues: int = 30):
    entities = (
        Protein(("A",), ("GASTWYX" * num_residues)[:num_residues]),
        RNA(("B",), "GACU"),
        Ligand(("C",), ("GOL", "NAG")),
    )
    return table_of(tokenise(ComplexJob("a", entities, (1,)), Components.read(ORACLES / "ccd_subset.json.gz")))


def follow(features, name, source):
    """What is found at the end of a way."""
    assert tuple(features[f"{name}:input_shape"]) == source.shape[: len(features[f"{name}:input_shape"])]
    return np.where(features[f"{name}:gather_mask"], source.ravel()[features[f"{name}:gather_idxs"]], -1)


@pytest.mark.parametrize("num_tokens", [54, 64])
def test_atoms_come_back_from_windows_to_their_slots(num_tokens):
    found = table()
    assert len(found) == 54
    features = gather_features(found, num_tokens)
    values = np.full((num_tokens, 24), -1)
    values[: len(found)][found.is_atom] = np.random.default_rng(1).permutation(found.num_atoms)
    queries = follow(features, "token_atoms_to_queries", values)
    back = follow(features, "queries_to_token_atoms", queries)
    assert (back == values).all()
    assert (values >= 0).any()
    assert (values < 0).any()


def test_windows_hold_all_atoms_in_order_and_then_nothing():
    found = table()
    numbers = np.full((len(found), 24), -1)
    numbers[found.is_atom] = np.arange(found.num_atoms)
    queries = follow(gather_features(found, len(found)), "token_atoms_to_queries", numbers).ravel()
    assert (queries[: found.num_atoms] == np.arange(found.num_atoms)).all()
    assert (queries[found.num_atoms :] == -1).all()


def test_every_query_is_among_its_own_keys_and_those_lie_side_by_side():
    windows = key_windows(1000, 1600)
    assert windows.shape == (50, KEYS)
    assert (np.diff(windows, axis=1) == 1).all()
    atoms = np.arange(1000)
    assert (windows[atoms // QUERIES, 0] <= atoms).all()
    assert (windows[atoms // QUERIES, -1] >= atoms).all()
    assert windows.min() == 0
    assert windows.max() == 999
    assert (windows[10, :64] == np.arange(272, 336)).all()  # centred on 320 ... 351


def test_with_few_atoms_windows_run_on_or_begin_at_the_end():
    windows = key_windows(100, 320)
    assert (windows[0] == np.arange(128)).all()
    assert (windows[5] == np.concatenate([np.arange(292, 320), np.arange(100)])).all()


def test_tokens_reach_the_windows_of_their_atoms():
    found = table()
    features = gather_features(found, 64)
    tokens = np.arange(64)
    slots = np.where(padded(found.is_atom, 64), tokens[:, None], -1)
    queries = follow(features, "token_atoms_to_queries", slots)
    assert (follow(features, "tokens_to_queries", tokens) == queries).all()
    keys = follow(features, "tokens_to_keys", tokens)
    mine = follow(features, "queries_to_keys", queries)
    assert (keys == mine).all()
    assert 0 < (queries >= 0).mean() < 1


def test_pseudo_betas_are_atoms_and_padding_has_none():
    found = table()
    features = gather_features(found, 64)
    names = follow_names(features, found)
    assert names[:4] == ["CA", "CB", "CB", "CB"]
    assert features["token_atoms_to_pseudo_beta:gather_mask"].tolist() == [True] * 54 + [False] * 10


def follow_names(features, found):
    return found.names.ravel()[features["token_atoms_to_pseudo_beta:gather_idxs"]].tolist()[: len(found)]


def test_padding_changes_no_real_window_but_what_stands_in_empty_places():
    found = table()
    short, long = (gather_features(found, size) for size in (54, 96))
    rows = found.num_atoms // QUERIES
    for name in ("token_atoms_to_queries", "queries_to_keys", "tokens_to_queries", "tokens_to_keys"):
        assert (short[f"{name}:gather_idxs"][:rows] == long[f"{name}:gather_idxs"][:rows]).all(), name


def test_the_flat_layout_has_a_line_for_every_atom_in_the_order_of_tokens():
    found = table()
    features = layout_features(found, 64)
    flat = features["layout:flat_output_layout/atom_name"]
    assert flat.tolist() == found.names[found.is_atom].tolist()
    assert features["layout:token_atoms_layout/atom_name"].shape == (64, 24)
    assert (features["layout:token_atoms_layout/chain_id"][54:] == "").all()
    assert features["layout:flat_output_layout/res_id"][-1] == 2


def test_the_last_of_equal_places_counts():
    found = way(np.array([4, 2, 4]), np.array([[4, 2], [3, 4]]))
    assert found.indices.tolist() == [[2, 1], [0, 2]]
    assert found.mask.tolist() == [[True, True], [False, True]]
    assert found.shape == (3,)
