"""Where atoms stand in tokens, in windows and in files, and the gathers that lead between them (AF3 SI 2.6, 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int, Shaped

from foldwright.features.af3.batch import ATOMS_PER_TOKEN
from foldwright.features.af3.tokens import ChainTokens

QUERIES = 32  # AF3 SI 3.2
KEYS = 128  # AF3 SI 3.2
FIELDS = ("chain_id", "chain_type", "res_id", "res_name", "atom_name", "atom_element")


@dataclass(frozen=True, eq=False)
class TokenTable:
    """A row for every token of all chains, without padding."""

    chains: tuple[ChainTokens, ...]
    chain: Int[np.ndarray, " n"]  # its place in `chains`
    residue: Int[np.ndarray, " n"]  # its place in the chain, from 0
    space: Int[np.ndarray, " n"]  # its residue's place among the residues of all chains
    names: Shaped[np.ndarray, "n 24"]  # of atoms; "" in an empty slot
    elements: Shaped[np.ndarray, "n 24"]
    centre: Int[np.ndarray, " n"]  # the slot of the atom that stands for the token
    pseudo_beta: Int[np.ndarray, " n"]  # the slot of the atom that distances are of

    def __len__(self) -> int:
        return len(self.chain)

    @cached_property
    def is_atom(self) -> Bool[np.ndarray, "n 24"]:
        return self.names != ""

    @cached_property
    def num_atoms(self) -> int:
        return int(self.is_atom.sum())

    @cached_property
    def first(self) -> Int[np.ndarray, " residues"]:
        """The first token of every residue."""
        return np.unique(self.space, return_index=True)[1]

    @cached_property
    def keys(self) -> Int[np.ndarray, "n 24"]:
        """A number for every slot: an atom's place among all atoms; one number for all empty slots of tokens."""
        keys = np.full(self.is_atom.shape, self.num_atoms)
        keys[self.is_atom] = np.arange(self.num_atoms)
        return keys

    @property
    def padding_key(self) -> int:
        """The number of all slots that belong to no token: as released, ways lead from one to the other."""
        return self.num_atoms + 1


def table_of(chains: Sequence[ChainTokens]) -> TokenTable:
    """All tokens of the chains, in their order."""
    rows = [
        (number, residue.number - 1, residue, chain, part)
        for number, chain in enumerate(chains)
        for residue in chain.residues
        for part in range(len(residue.tokens))
    ]
    place = np.array([(number, position) for number, position, *_ in rows], np.int64).reshape(-1, 2)
    starts = np.cumsum([0, *(len(chain.residues) for chain in chains)])
    return TokenTable(
        chains=tuple(chains),
        chain=place[:, 0],
        residue=place[:, 1],
        space=starts[place[:, 0]] + place[:, 1],
        names=np.array([residue.tokens[part] for *_, residue, _, part in rows]),
        elements=np.array([residue.elements[part] for *_, residue, _, part in rows]),
        centre=np.array([residue.centre(part) for *_, residue, _, part in rows], np.int64),
        pseudo_beta=np.array([residue.pseudo_beta(part) for *_, residue, _, part in rows], np.int64),
    )


def padded(array: np.ndarray, length: int, axis: int = 0) -> np.ndarray:
    """Zeros, or empty texts, appended to this length."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, length - array.shape[axis])
    if array.dtype.kind != "U":
        return np.pad(array, widths)
    out = np.zeros([size + sum(width) for size, width in zip(array.shape, widths, strict=True)], array.dtype)
    out[tuple(slice(size) for size in array.shape)] = array
    return out


def layout_features(table: TokenTable, num_tokens: int) -> dict[str, np.ndarray]:
    """Whose atom stands in every slot, and in every line of the predicted structure."""
    slots = slot_fields(table)
    flat = {name: array[table.is_atom] for name, array in slots.items()}
    return {
        **{f"layout:token_atoms_layout/{name}": padded(array, num_tokens) for name, array in slots.items()},
        **{f"layout:flat_output_layout/{name}": array for name, array in flat.items()},
    }


def slot_fields(table: TokenTable) -> dict[str, np.ndarray]:
    """The columns of `FIELDS` for every slot; an empty slot has the residue's, but no atom."""
    chains = table.chains
    fields = {
        "chain_id": np.array([chain.id for chain in chains])[table.chain],
        "chain_type": np.array([chain.mmcif_type for chain in chains])[table.chain],
        "res_id": table.residue + 1,
        "res_name": np.array([residue.code for chain in chains for residue in chain.residues])[table.space],
    }
    return {
        **{name: np.repeat(column[:, None], ATOMS_PER_TOKEN, axis=1) for name, column in fields.items()},
        "atom_name": table.names,
        "atom_element": table.elements,
    }


@dataclass(frozen=True, eq=False)
class Way:
    """`target = source.flatten()[indices]` where `mask` holds; `shape` is the source's."""

    indices: np.ndarray
    mask: np.ndarray
    shape: tuple[int, ...]

    def features(self, name: str) -> dict[str, np.ndarray]:
        return {
            f"{name}:gather_idxs": self.indices.astype(np.int64),
            f"{name}:gather_mask": self.mask.astype(bool),
            f"{name}:input_shape": np.array(self.shape, np.int64),
        }


def way(source: np.ndarray, target: np.ndarray) -> Way:
    """From places with these numbers to places with those; of places with the same number the last counts."""
    last = np.full(max(source.max(), target.max()) + 1, -1)
    last[source.ravel()] = np.arange(source.size)
    found = last[target]
    return Way(found.clip(min=0), found >= 0, source.shape)


def gather_features(table: TokenTable, num_tokens: int) -> dict[str, np.ndarray]:
    """The ways between tokens, their atoms, and windows of queries and keys (AF3 SI 3.2)."""
    slots = np.full((num_tokens, ATOMS_PER_TOKEN), table.padding_key)
    slots[: len(table)] = table.keys
    flat = np.full(-(-slots.size // QUERIES) * QUERIES, table.padding_key)
    flat[: table.num_atoms] = np.arange(table.num_atoms)
    queries = flat.reshape(-1, QUERIES)
    keys = flat[key_windows(table.num_atoms, len(flat))]
    is_atom = slots < table.num_atoms
    to_queries, to_keys = way(slots, queries), way(slots, keys)
    pseudo_beta = np.arange(len(table)) * ATOMS_PER_TOKEN + table.pseudo_beta
    has_one = np.arange(num_tokens) < len(table)
    return {
        **to_queries.features("token_atoms_to_queries"),
        **_of_tokens(to_queries, is_atom).features("tokens_to_queries"),
        **_of_tokens(to_keys, is_atom).features("tokens_to_keys"),
        **way(queries, keys).features("queries_to_keys"),
        **way(queries, slots).features("queries_to_token_atoms"),
        **Way(padded(pseudo_beta, num_tokens), has_one, table.names.shape).features("token_atoms_to_pseudo_beta"),
    }


def _of_tokens(atoms: Way, is_atom: Bool[np.ndarray, "n 24"]) -> Way:
    """The same way for what tokens have instead of atoms; no slot without an atom is reached."""
    return Way(atoms.indices // ATOMS_PER_TOKEN, atoms.mask & is_atom.ravel()[atoms.indices], is_atom.shape[:1])


def key_windows(num_atoms: int, num_slots: int) -> Int[np.ndarray, "s 128"]:
    """The places of the keys around every window of queries: centred on it, and moved to lie among the atoms."""
    starts = np.arange(0, num_slots, QUERIES) + (QUERIES - KEYS) // 2
    # DISCREPANCY(AF3 SI 3.2): a window is moved once, up or down. With fewer than 128 atoms it runs on behind them or,
    # moved down, begins before the first place, which counts from the end.
    starts = np.where(starts < 0, 0, np.minimum(starts, num_atoms - KEYS))
    places = starts[:, None] + np.arange(KEYS)
    return np.where(places < 0, places % num_slots, places.clip(max=num_slots - 1))
