"""What is known of each ligand and ion: how sure its place is, what it touches, whether its chemistry is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from foldwright.reports.chemistry import ligand_records, says_bonds, says_chirality, says_clashes
from foldwright.reports.complexes import ComplexResults, Sample
from foldwright.reports.markup import Markup, table, tag
from foldwright.reports.results import Chain
from foldwright.reports.sections import meanings, section
from foldwright.reports.tokens import SMALL
from foldwright.reports.words import LIGAND_SCORES, describe_chain

NEAR = 5.0  # angstrom between heavy atoms: what is said to touch


def ligands(results: ComplexResults) -> Markup | None:
    """A table for each model; a button brings a ligand and its surroundings to the front of the structure."""
    chains = [chain for chain in results.chains if chain.kind in SMALL]
    if not chains:
        return None
    parts = [
        tag("div", _table(results, model, chains), data_model=i)
        for i, model in enumerate(results.models)
        if isinstance(model, Sample)
    ]
    return section("ligands", "Ligands and ions", *parts, meanings(LIGAND_SCORES.values()))


def _table(results: ComplexResults, model: Sample, chains: Sequence[Chain]) -> Markup:
    checks = ligand_records(results, model)
    head = ["chain", "what", "mean pLDDT", "lowest atom", "touches", "ipTM", "lowest PAE, Å"]
    rows = [[_button(chain), *_facts(results, model, chain)] for chain in chains]
    if checks:
        head += ["chirality", "bonds", "clashes"]
        rows = [[*row, *_checked(checks.get(chain.name))] for row, chain in zip(rows, chains, strict=True)]
    return table(f"Ligands of {model.name}; a button shows one with its surroundings", head, rows)


def _button(chain: Chain) -> Markup:
    return tag("button", chain.name, type="button", class_="pair", data_focus=chain.name)


def _facts(results: ComplexResults, model: Sample, chain: Chain) -> Iterator[object]:
    own = model.atoms.chain_ids == chain.name
    plddt, names = model.atoms.b_factors[own], model.atoms.atom_names[own]
    lowest = int(plddt.argmin())
    polymers = [other for other in results.chains if other.kind not in SMALL]
    yield describe_chain(chain, results.components)
    yield f"{plddt.mean():.1f}"
    yield f"{names[lowest]} {plddt[lowest]:.1f}"
    yield ", ".join(_touched(model, own)) or "nothing"
    yield _best(model, results.chains, chain, polymers)
    yield _lowest_error(model, chain, polymers)


def _touched(model: Sample, own: np.ndarray) -> list[str]:
    """The chains with an atom near one of these."""
    positions, names = model.atoms.positions, model.atoms.chain_ids
    inside = positions[own]
    low, high = inside.min(axis=0) - NEAR, inside.max(axis=0) + NEAR
    nearby = np.flatnonzero(~own & ((positions > low) & (positions < high)).all(axis=1))
    gaps = np.linalg.norm(positions[nearby][:, None] - inside[None], axis=-1).min(axis=1, initial=np.inf)
    return list(dict.fromkeys(names[nearby[gaps < NEAR]].tolist()))


def _best(model: Sample, chains: Sequence[Chain], chain: Chain, polymers: Sequence[Chain]) -> str | None:
    """The highest ipTM with a polymer, and with which."""
    rows = model.scores.get("chain_pair_iptm")
    order = [other.name for other in chains]
    values = [(rows[order.index(chain.name)][order.index(p.name)], p.name) for p in polymers] if rows else []
    known = [pair for pair in values if pair[0] is not None]
    value, name = max(known, default=(None, ""))
    return None if value is None else f"{value:.2f} ({name})"


def _lowest_error(model: Sample, chain: Chain, polymers: Sequence[Chain]) -> str | None:
    """Of its atoms, when some residue of a polymer is laid in place."""
    assert model.pae is not None
    blocks = [(float(model.pae[p.start : p.stop, chain.start : chain.stop].min()), p.name) for p in polymers]
    value, name = min(blocks, default=(None, ""))
    return None if value is None else f"{value:.1f} ({name})"


def _checked(record: Mapping[str, Any] | None) -> Iterator[object]:
    """Three cells; what is wrong stands out."""
    if record is None:
        yield from (None, None, None)
        return
    yield _marked(says_chirality(record), bool(record["wrong_centres"]))
    yield _marked(says_bonds(record), bool(record["num_bond_outliers"]))
    yield _marked(says_clashes(record), bool(record["num_clashes"]))


def _marked(text: str, is_wrong: bool) -> object:
    return tag("strong", text, class_="wrong") if is_wrong else text
