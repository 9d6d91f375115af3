"""Predictions as mmCIF with the ModelCIF categories, as the AlphaFold database lays them out."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from foldwright.chem.atoms import ATOM_TYPES
from foldwright.io.atomic import atomic_write
from foldwright.io.coordinates import atom_name
from foldwright.io.job import safe_name
from foldwright.io.structure import Structure

_VERSION = version("foldwright")
_DICTIONARY = ("mmcif_ma.dic", "1.4.6", "https://raw.githubusercontent.com/ihmwg/ModelCIF/master/dist/mmcif_ma.dic")

_LAYOUT = gemmi.cif.WriteOptions()
_LAYOUT.align_pairs, _LAYOUT.align_loops = 33, 30  # columns wide at most


@dataclass(frozen=True, kw_only=True)
class ModelDetails:
    """What a ModelCIF file says of how a model was made, besides its coordinates.

    model           which network and seed: "model_1_ptm, seed 0"
    metrics         scores of the whole model under their ModelCIF names: pTM, ipTM
    has_alignment   the prediction used relatives of the sequence
    has_templates   the prediction used structures of relatives
    """

    model: str = "model"
    title: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    has_alignment: bool = True
    has_templates: bool = False
    citation: str = ""  # DOI of the method


def write_modelcif(path: str | Path, structure: Structure, details: ModelDetails | None = None) -> None:
    """Write `modelcif_text` so that the file appears whole or not at all."""
    with atomic_write(path) as file:
        file.write(modelcif_text(structure, details or ModelDetails()))


def modelcif_text(structure: Structure, details: ModelDetails) -> str:
    """The structure as mmCIF text; its B factors are taken for pLDDT (0-100)."""
    document = gemmi.cif.Document()
    block = document.add_new_block(safe_name(structure.name) or "model")
    for part in (_entry(structure, details), _polymers(structure), _protocol(details), _quality(structure, details)):
        for category, columns in part:
            _add(block, category, columns)
    _add(block, "atom_site", _atom_site(structure))
    return document.as_string(_LAYOUT)


Category = tuple[str, dict[str, Any]]  # a name, and for each item one value or a column of them


def _entry(structure: Structure, details: ModelDetails) -> Iterator[Category]:
    name = structure.name or "model"
    yield "entry", {"id": name}
    yield "audit_conform", dict(zip(("dict_name", "dict_version", "dict_location"), _DICTIONARY, strict=True))
    title = details.title or f"Prediction of {name} by {details.model}"
    yield "struct", {"entry_id": name, "title": title}
    if details.citation:
        yield "citation", {"id": "primary", "pdbx_database_id_DOI": details.citation}
    yield (
        "software",
        {
            "pdbx_ordinal": [1, 2],
            "name": ["Foldwright", details.model],
            "version": [_VERSION, "?"],
            "type": "package",
            "classification": ["other", "model building"],
            "description": ["Structure prediction", "Network and seed that made this model"],
        },
    )
    yield "ma_software_group", {"ordinal_id": [1, 2], "group_id": 1, "software_id": [1, 2]}


def _polymers(structure: Structure) -> Iterator[Category]:
    """What the chains are: residues, entities, chains, and the numbering of every residue."""
    entities = structure.entity_ids
    distinct = sorted(set(entities))
    chains = [structure.select(structure.chain_index == entities.index(entity)) for entity in distinct]
    strands = [",".join(c for c, e in zip(structure.chain_ids, entities, strict=True) if e == k) for k in distinct]
    yield "chem_comp", _components(sorted(set(structure.residue_names.tolist())))
    yield (
        "entity",
        {
            "id": distinct,
            "type": "polymer",
            "src_method": "man",
            "pdbx_description": [f"Chain {names}" for names in strands],
            "pdbx_number_of_molecules": [entities.count(entity) for entity in distinct],
        },
    )
    yield (
        "entity_poly",
        {
            "entity_id": distinct,
            "type": "polypeptide(L)",
            "nstd_linkage": "no",
            "nstd_monomer": ["yes" if any("(" in _letter(n) for n in c.residue_names) else "no" for c in chains],
            "pdbx_seq_one_letter_code": [_wrapped("".join(map(_letter, c.residue_names))) for c in chains],
            "pdbx_seq_one_letter_code_can": [_wrapped(c.sequence) for c in chains],
            "pdbx_strand_id": strands,
        },
    )
    yield (
        "entity_poly_seq",
        {
            "entity_id": [entity for entity, chain in zip(distinct, chains, strict=True) for _ in range(len(chain))],
            "num": [number for chain in chains for number in range(1, len(chain) + 1)],
            "mon_id": [name for chain in chains for name in chain.residue_names],
            "hetero": "n",
        },
    )
    yield "struct_asym", {"id": structure.chain_ids, "entity_id": entities, "details": "?"}
    yield "pdbx_poly_seq_scheme", _numbering(structure)


def _components(names: Sequence[str]) -> dict[str, Any]:
    return {
        "id": names,
        "type": ["peptide linking" if name == "GLY" else "L-peptide linking" for name in names],
        "mon_nstd_flag": ["n" if "(" in _letter(name) else "y" for name in names],
    }


def _numbering(structure: Structure) -> dict[str, Any]:
    chain_of = np.array(structure.chain_ids)[structure.chain_index]
    seen = structure.is_resolved
    place = _places(structure)
    return {
        "asym_id": chain_of,
        "entity_id": np.array(structure.entity_ids)[structure.chain_index],
        "seq_id": place,
        "mon_id": structure.residue_names,
        "ndb_seq_num": place,
        "pdb_seq_num": structure.author_numbers,
        "auth_seq_num": np.where(seen, structure.author_numbers.astype(str), "?"),
        "pdb_mon_id": np.where(seen, structure.residue_names, "?"),
        "auth_mon_id": np.where(seen, structure.residue_names, "?"),
        "pdb_strand_id": chain_of,
        "pdb_ins_code": _codes(structure.insertion_codes, "."),
        "hetero": "n",
    }


def _protocol(details: ModelDetails) -> Iterator[Category]:
    steps = ["coevolution MSA"] * details.has_alignment + ["template search"] * details.has_templates + ["modeling"]
    count = range(1, len(steps) + 1)
    yield "ma_protocol_step", {"ordinal_id": count, "protocol_id": 1, "step_id": count, "method_type": steps}
    yield "ma_data", {"id": 1, "name": "Model", "content_type": "model coordinates"}
    yield (
        "ma_model_list",
        {
            "ordinal_id": 1,
            "model_id": 1,
            "model_group_id": 1,
            "model_name": details.model,
            "model_group_name": f"Foldwright {_VERSION}",
            "data_id": 1,
            "model_type": "Ab initio model",
        },
    )


def _quality(structure: Structure, details: ModelDetails) -> Iterator[Category]:
    """pLDDT of every residue and its mean, then the scores of the whole model; metric 2 is the local one."""
    entities = structure.entity_ids
    distinct = sorted(set(entities))
    yield "ma_target_entity", {"entity_id": distinct, "data_id": 1, "origin": "."}
    yield "ma_target_entity_instance", {"asym_id": structure.chain_ids, "entity_id": entities, "details": "."}
    seen = structure.is_resolved
    plddt = structure.residue_b_factors[seen]
    others = list(details.metrics)
    metrics = ["pLDDT", "pLDDT", *others]
    ids = range(1, len(metrics) + 1)
    modes = ["global", "local"] + ["global"] * len(others)
    yield "ma_qa_metric", {"id": ids, "mode": modes, "name": metrics, "type": metrics, "software_group_id": 1}
    values = [f"{plddt.mean() if len(plddt) else 0:.2f}", *(f"{details.metrics[name]:.4f}" for name in others)]
    yield (
        "ma_qa_metric_global",
        {
            "ordinal_id": range(1, len(values) + 1),
            "model_id": 1,
            "metric_id": [1, *range(3, len(metrics) + 1)],
            "metric_value": values,
        },
    )
    yield (
        "ma_qa_metric_local",
        {
            "ordinal_id": range(1, len(plddt) + 1),
            "model_id": 1,
            "label_asym_id": np.array(structure.chain_ids)[structure.chain_index[seen]],
            "label_comp_id": structure.residue_names[seen],
            "label_seq_id": _places(structure)[seen],
            "metric_id": 2,
            "metric_value": [f"{value:.2f}" for value in plddt],
        },
    )


def _atom_site(structure: Structure) -> dict[str, Any]:
    residue, slot = np.nonzero(structure.mask)
    names = [atom_name(structure.residue_names[i], ATOM_TYPES[k]) for i, k in zip(residue, slot, strict=True)]
    x, y, z = (_column(structure.positions[residue, slot, axis], 3) for axis in range(3))
    chain_of = np.array(structure.chain_ids)[structure.chain_index[residue]]
    count = len(residue)
    return {
        "group_PDB": np.where(structure.is_hetero[residue], "HETATM", "ATOM"),
        "id": range(1, count + 1),
        "type_symbol": [element for _, element in names],
        "label_atom_id": [name for name, _ in names],
        "label_alt_id": ".",
        "label_comp_id": structure.residue_names[residue],
        "label_asym_id": chain_of,
        "label_entity_id": np.array(structure.entity_ids)[structure.chain_index[residue]],
        "label_seq_id": _places(structure)[residue],
        "pdbx_PDB_ins_code": _codes(structure.insertion_codes[residue], "?"),
        "Cartn_x": x,
        "Cartn_y": y,
        "Cartn_z": z,
        "occupancy": "1.00",
        "B_iso_or_equiv": _column(structure.b_factors[residue, slot], 2),
        "pdbx_formal_charge": "?",
        "auth_seq_id": structure.author_numbers[residue],
        "auth_comp_id": structure.residue_names[residue],
        "auth_asym_id": chain_of,
        "auth_atom_id": [name for name, _ in names],
        "pdbx_PDB_model_num": "1",
    }


def _places(structure: Structure) -> np.ndarray:
    """Each residue's place among those of its chain that are written, from 1."""
    return np.concatenate([np.arange(1, stop - start + 1) for start, stop in structure.chain_borders])


def _letter(residue: str) -> str:
    """One letter, or the name in brackets for a modified residue."""
    info = gemmi.find_tabulated_residue(residue)
    return info.one_letter_code if info.is_standard() else f"({residue})"


def _wrapped(sequence: str) -> str:
    """Over lines of 80 letters: CIF lines end at 2048."""
    return "\n".join(textwrap.wrap(sequence, 80)) if len(sequence) > 80 else sequence


def _codes(codes: np.ndarray, absent: str) -> np.ndarray:
    return np.where(codes == "", absent, codes)


def _column(values: np.ndarray, decimals: int) -> list[str]:
    return [f"{value:.{decimals}f}" for value in values.tolist()]


def _add(block: gemmi.cif.Block, category: str, items: Mapping[str, Any]) -> None:
    """Write a category: as pairs if its items are single values, else as a loop in which single values repeat."""
    columns = {tag: value for tag, value in items.items() if not isinstance(value, str | int | float)}
    if not columns:
        for tag, value in items.items():
            block.set_pair(f"_{category}.{tag}", _quoted(value))
        return
    count = len(next(iter(columns.values())))
    loop = block.init_loop(f"_{category}.", list(items))
    loop.set_all_values([[_quoted(x) for x in columns.get(tag, [items[tag]] * count)] for tag in items])


def _quoted(value: Any) -> str:
    text = str(value)
    return text if text in (".", "?") else gemmi.cif.quote(text)
