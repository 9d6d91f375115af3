"""Whether ligands are sound molecules: as run.json says, or looked at now where another program made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foldwright.io.complexes.job import AtomReference
from foldwright.metrics.ligand_checks import ligand_checks
from foldwright.reports.complexes import ComplexResults, Sample

MOST_NAMED = 6  # atoms in a cell of the table

Record = Mapping[str, Any]


def ligand_records(results: ComplexResults, model: Sample) -> Mapping[str, Record]:
    """What `LigandChecks` says of each chain that is no polymer; nothing where its components are not known."""
    found = model.record.get("ligands")
    if found is None:
        found = _looked_at(results, model)
    return {str(record["chain"]): record for record in found}


def _looked_at(results: ComplexResults, model: Sample) -> Sequence[Record]:
    components = results.ligand_components
    if components is None:
        return []
    return [checks.record() for checks in ligand_checks(model.atoms, components, _bonds(results.data))]


def _bonds(data: Record) -> Iterator[tuple[AtomReference, AtomReference]]:
    for first, second in data.get("bondedAtomPairs") or ():
        yield AtomReference(*first), AtomReference(*second)


def says_chirality(record: Record) -> str:
    """How many centres are right, and which are not."""
    if not record["chirality_total"]:
        return "no centres"
    wrong = [_own(record, atom) for atom in record["wrong_centres"]]
    text = f"{record['chirality_ok']} of {record['chirality_total']}"
    more = f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
    return f"{text}; wrong: {', '.join(wrong[:MOST_NAMED])}{more}" if wrong else text


def says_bonds(record: Record) -> str:
    """How many bonds are as long as they should be, and the worst that is not."""
    total, wrong = record["bonds_total"], record["num_bond_outliers"]
    if not total:
        return "no bonds"
    if not wrong:
        return f"{total} of {total}"
    worst = record["bond_outliers"][0]
    ends = f"{_own(record, worst['atom_1'])} to {_own(record, worst['atom_2'])}"
    return f"{total - wrong} of {total}; worst: {ends} {worst['length']} Å, not {worst['expected']}"


def says_clashes(record: Record) -> str:
    """With which chains, and the worst."""
    if not record["num_clashes"]:
        return "none"
    chains = ", ".join(f"{count} with {chain}" for chain, count in record["clashing_chains"].items())
    worst = record["clashes"][0]
    other = worst["other"]
    where = f"{other['chain']} {other['residue']} {other['atom']}"
    return f"{chains}; worst: {_own(record, worst['atom'])} {worst['distance']} Å from {where}"


def _own(record: Record, atom: Record) -> str:
    """An atom of the ligand; with its residue where there are several."""
    return f"{atom['residue']} {atom['atom']}" if len(record["codes"]) > 1 else str(atom["atom"])


def ligand_warnings(results: ComplexResults) -> Iterator[str]:
    """One sentence if ligands of the best model are not the molecules that were asked for."""
    best = results.models[0]
    assert isinstance(best, Sample)
    records = ligand_records(results, best)
    bent = [chain for chain, record in records.items() if record["wrong_centres"]]
    strained = [chain for chain, record in records.items() if record["num_bond_outliers"] or record["num_clashes"]]
    if bent:
        yield f"Stereocentres of {_names(bent)} have the wrong hand in the best model: another molecule than asked for."
    if strained:
        yield f"Bonds of {_names(strained)} have wrong lengths, or atoms run into others, in the best model."


def _names(chains: Sequence[str]) -> str:
    return f"ligand{'s' if len(chains) > 1 else ''} {', '.join(chains)}"
