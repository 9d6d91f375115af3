"""Complexes as mmCIF with the ModelCIF categories, category for category as AlphaFold 3 writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foldwright.chem.components import Component
from foldwright.chem.residues import ONE_TO_THREE
from foldwright.io.cif_text import Items, cif_text
from foldwright.io.complexes.structure import POLYMERS, ComplexStructure
from foldwright.version import __version__

_DICTIONARY = {
    "dict_location": "https://raw.githubusercontent.com/ihmwg/ModelCIF/master/dist/mmcif_ma.dic",
    "dict_name": "mmcif_ma.dic",
    "dict_version": "1.4.5",
}
_PAPER = {  # Abramson et al. 2024
    "book_publisher": "?",
    "country": "UK",
    "id": "primary",
    "journal_full": "Nature",
    "journal_id_ASTM": "NATUAS",
    "journal_id_CSD": "0006",
    "journal_id_ISSN": "0028-0836",
    "journal_volume": "630",
    "page_first": "493",
    "page_last": "500",
    "pdbx_database_id_DOI": "10.1038/s41586-024-07487-w",
    "pdbx_database_id_PubMed": "38718835",
    "title": "Accurate structure prediction of biomolecular interactions with AlphaFold 3",
    "year": "2024",
}
_PAPER_AUTHORS = ("Google DeepMind", "Isomorphic Labs")
_NUCLEOTIDES = ("A", "C", "G", "U", "N", "DA", "DC", "DG", "DT", "DN")
_STANDARD = (*ONE_TO_THREE.values(), "UNK", *_NUCLEOTIDES)  # residues whose atoms are ATOM records

Atom = tuple[str, int, str]  # chain, residue from 1, name


@dataclass(frozen=True, kw_only=True)
class ComplexDetails:
    """What the file says besides atoms.

    name        of the job
    components  of the dictionary, those of the structure at least
    bonds       that the job asks for
    authors     who stands behind the parameters
    program     what the model was made with: its name and version
    group       what the models of one run have in common
    """

    name: str
    components: Mapping[str, Component]
    bonds: Sequence[tuple[Atom, Atom]] = ()
    authors: Sequence[str] = ("Foldwright",)
    program: tuple[str, str] = ("Foldwright", __version__)
    group: str = f"Foldwright {__version__}"
    usage: Sequence[tuple[str, str]] = field(default=())  # kinds and texts of pdbx_data_usage


def complex_cif_text(structure: ComplexStructure, details: ComplexDetails) -> str:
    """The structure as mmCIF text; its B factors are taken for pLDDT (0-100)."""
    chains = _Chains(structure)
    categories = {
        "entry": {"id": details.name},
        "atom_type": {"symbol": sorted(set(structure.elements.tolist()))},
        "audit_author": {"name": details.authors, "pdbx_ordinal": _count(details.authors)},
        "audit_conform": _DICTIONARY,
        "chem_comp": _chem_comp(structure, details.components),
        "citation": _PAPER,
        "citation_author": {
            "citation_id": "primary",
            "name": _PAPER_AUTHORS,
            "ordinal": _count(_PAPER_AUTHORS),
        },
        **dict(_entities(chains)),
        **dict(_model(details)),
        **dict(_quality(structure, chains)),
        **dict(_schemes(chains, details)),
        **dict(_connections(structure, details.bonds)),
        "atom_site": _atom_site(structure, chains),
    }
    return cif_text(details.name, categories)


class _Chains:
    """The residues of every chain; each chain is an entity of its own, as released."""

    def __init__(self, structure: ComplexStructure):
        self.starts = structure.residue_starts
        self.names = structure.residue_names[self.starts]
        self.numbers = structure.residue_ids[self.starts]
        self.of_residue = structure.chain_ids[self.starts]
        chain_starts = structure.chain_starts
        self.ids = structure.chain_ids[chain_starts].tolist()
        self.types = structure.chain_types[chain_starts].tolist()
        self.entity = {chain: i for i, chain in enumerate(self.ids, 1)}
        self.is_polymer = np.isin(
            self.of_residue, [c for c, t in zip(self.ids, self.types, strict=True) if t in POLYMERS]
        )
        self.labels = np.where(self.is_polymer, self.numbers.astype(str), ".")

    def columns(self, kept: np.ndarray) -> tuple[list[str], list[int], list[str], list[int]]:
        """Chain, entity, name and number of these residues."""
        chains = self.of_residue[kept].tolist()
        return chains, [self.entity[c] for c in chains], self.names[kept].tolist(), self.numbers[kept].tolist()


Category = tuple[str, Items]


def _chem_comp(structure: ComplexStructure, components: Mapping[str, Component]) -> Items:
    names = sorted(set(structure.residue_names.tolist()))
    rows = [_component(components[name]) for name in names]
    if all(row["pdbx_smiles"] == "?" for row in rows):
        rows = [{tag: value for tag, value in row.items() if tag != "pdbx_smiles"} for row in rows]
    return {tag: [row[tag] for row in rows] for tag in (rows[0] if rows else ())}


def _component(component: Component) -> dict[str, Any]:
    is_made = component.code.startswith("LIG_")  # of SMILES: the released program knows no more of these
    is_polymer = component.type.lower() != "non-polymer"
    flag = "." if not is_polymer else "n" if component.parent else "y"
    return {
        "formula": "?" if is_made else component.formula,
        "formula_weight": "?" if is_made else f"{component.weight:.3f}",
        "id": component.code,
        "mon_nstd_flag": "?" if is_made else flag,
        "name": "?" if is_made else component.name,
        "pdbx_smiles": component.smiles or "?",
        "pdbx_synonyms": component.synonyms or "?",
        "type": "non-polymer" if is_made else component.written_type or component.type,
    }


def _entities(chains: _Chains) -> Iterator[Category]:
    ids = range(1, len(chains.ids) + 1)
    types = ["polymer" if kind in POLYMERS else kind for kind in chains.types]
    yield "entity", {"id": ids, "pdbx_description": ["."] * len(types), "type": types}
    polymers = [(chain, kind) for chain, kind in zip(chains.ids, chains.types, strict=True) if kind in POLYMERS]
    yield (
        "entity_poly",
        {
            "entity_id": [chains.entity[chain] for chain, _ in polymers],
            "pdbx_strand_id": [chain for chain, _ in polymers],
            "type": [kind for _, kind in polymers],
        },
    )
    _, entities, names, numbers = chains.columns(chains.is_polymer)
    yield "entity_poly_seq", {"entity_id": entities, "hetero": "n", "mon_id": names, "num": numbers}


def _model(details: ComplexDetails) -> Iterator[Category]:
    yield "ma_data", {"content_type": "model coordinates", "id": 1, "name": "Model"}
    yield (
        "ma_model_list",
        {
            "data_id": 1,
            "model_group_id": 1,
            "model_group_name": details.group,
            "model_id": 1,
            "model_name": "Top ranked model",
            "model_type": "Ab initio model",
            "ordinal_id": 1,
        },
    )
    steps = ("coevolution MSA", "template search", "modeling")
    yield (
        "ma_protocol_step",
        {"method_type": steps, "ordinal_id": _count(steps), "protocol_id": 1, "step_id": _count(steps)},
    )


def _quality(structure: ComplexStructure, chains: _Chains) -> Iterator[Category]:
    """pLDDT: the mean over all atoms, and over those of each residue."""
    yield (
        "ma_qa_metric",
        {"id": [1, 2], "mode": ["global", "local"], "name": "pLDDT", "software_group_id": 1, "type": "pLDDT"},
    )
    plddt = np.round(structure.b_factors.astype(np.float64), 2)
    mean = f"{plddt.mean() if len(plddt) else 0:.2f}"
    yield "ma_qa_metric_global", {"metric_id": 1, "metric_value": mean, "model_id": 1, "ordinal_id": 1}
    residues = np.split(plddt, chains.starts[1:]) if len(plddt) else []
    yield (
        "ma_qa_metric_local",
        {
            "label_asym_id": chains.of_residue,
            "label_comp_id": chains.names,
            "label_seq_id": chains.labels,
            "metric_id": 2,
            "metric_value": [f"{values.mean():.2f}" for values in residues],
            "model_id": 1,
            "ordinal_id": _count(chains.names),
        },
    )


def _schemes(chains: _Chains, details: ComplexDetails) -> Iterator[Category]:
    """Who made the model, and what bears which number."""
    entities = list(chains.entity.values())
    yield "ma_software_group", {"group_id": 1, "ordinal_id": 1, "software_id": 1}
    yield "ma_target_entity", {"data_id": 1, "entity_id": entities, "origin": "."}
    yield "ma_target_entity_instance", {"asym_id": chains.ids, "details": ".", "entity_id": entities}
    kinds = [kind for kind, _ in details.usage]
    yield (
        "pdbx_data_usage",
        {"details": [text for _, text in details.usage], "id": _count(kinds), "type": kinds},
    )
    yield "pdbx_nonpoly_scheme", _scheme(chains, ~chains.is_polymer)
    polymers = _scheme(chains, chains.is_polymer)
    numbers = {"hetero": ["n"] * len(polymers["asym_id"]), "seq_id": polymers["pdb_seq_num"]}
    yield "pdbx_poly_seq_scheme", dict(sorted({**polymers, **numbers}.items()))
    yield (
        "software",
        {
            "classification": "other",
            "date": "?",
            "description": "Structure prediction",
            "name": details.program[0],
            "pdbx_ordinal": 1,
            "type": "package",
            "version": details.program[1],
        },
    )
    yield "struct_asym", {"entity_id": entities, "id": chains.ids}


def _scheme(chains: _Chains, kept: np.ndarray) -> dict[str, Any]:
    ids, entities, names, numbers = chains.columns(kept)
    return {
        "asym_id": ids,
        "auth_seq_num": numbers,
        "entity_id": entities,
        "mon_id": names,
        "pdb_ins_code": ".",
        "pdb_seq_num": numbers,
        "pdb_strand_id": ids,
    }


def _connections(structure: ComplexStructure, bonds: Sequence[tuple[Atom, Atom]]) -> Iterator[Category]:
    if not bonds:
        return
    chains = zip(structure.chain_ids.tolist(), structure.residue_ids.tolist(), strict=True)
    residues = dict(zip(chains, structure.residue_names.tolist(), strict=True))
    polymers = set(structure.chain_ids[structure.is_polymer].tolist())
    items: dict[str, Any] = {
        "conn_type_id": ["covale"] * len(bonds),
        "id": [f"covale{i}" for i in _count(bonds)],
        "pdbx_ptnr1_PDB_ins_code": "?",
        "pdbx_ptnr1_label_alt_id": "?",
        "pdbx_ptnr2_PDB_ins_code": "?",
        "pdbx_ptnr2_label_alt_id": "?",
        "pdbx_role": "?",
        "pdbx_value_order": "?",
    }
    for side in (1, 2):
        atoms = [bond[side - 1] for bond in bonds]
        items |= {
            f"ptnr{side}_auth_asym_id": [chain for chain, _, _ in atoms],
            f"ptnr{side}_auth_seq_id": [residue for _, residue, _ in atoms],
            f"ptnr{side}_label_asym_id": [chain for chain, _, _ in atoms],
            f"ptnr{side}_label_atom_id": [name for _, _, name in atoms],
            f"ptnr{side}_label_comp_id": [residues[chain, residue] for chain, residue, _ in atoms],
            f"ptnr{side}_label_seq_id": [residue if chain in polymers else "." for chain, residue, _ in atoms],
            f"ptnr{side}_symmetry": "1_555",
        }
    yield "struct_conn", items
    yield "struct_conn_type", {"criteria": "?", "id": "covale", "reference": "?"}


def _atom_site(structure: ComplexStructure, chains: _Chains) -> Items:
    is_standard = np.isin(structure.residue_names, _STANDARD) & structure.is_polymer
    x, y, z = ([f"{value:.3f}" for value in axis] for axis in structure.positions.T.tolist())
    return {
        "group_PDB": np.where(is_standard, "ATOM", "HETATM").tolist(),
        "id": _count(structure.atom_names),
        "type_symbol": structure.elements.tolist(),
        "label_atom_id": structure.atom_names.tolist(),
        "label_alt_id": ".",
        "label_comp_id": structure.residue_names.tolist(),
        "label_asym_id": structure.chain_ids.tolist(),
        "label_entity_id": [chains.entity[chain] for chain in structure.chain_ids.tolist()],
        "label_seq_id": np.where(structure.is_polymer, structure.residue_ids.astype(str), ".").tolist(),
        "pdbx_PDB_ins_code": "?",
        "Cartn_x": x,
        "Cartn_y": y,
        "Cartn_z": z,
        "occupancy": "1.00",
        "B_iso_or_equiv": [f"{value:.2f}" for value in structure.b_factors.tolist()],
        "auth_seq_id": structure.residue_ids.tolist(),
        "auth_asym_id": structure.chain_ids.tolist(),
        "pdbx_PDB_model_num": "1",
    }


def _count(values: Any) -> range:
    """1, 2, 3, ... for each of the values."""
    return range(1, len(values) + 1)
