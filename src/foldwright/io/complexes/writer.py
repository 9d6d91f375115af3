"""A job of any molecules as AlphaFold 3's JSON, version 4: what `jobs convert` writes and `<job>_data.json` holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import groupby
from typing import Any

from foldwright.io.complexes.job import DNA, RNA, ComplexJob, Entity, Ligand, Modification, Protein

_INDICES = re.compile(r'("(?:query|template)Indices": )\[([\s\d,]+)\]')


def alphafold3_json(job: ComplexJob) -> str:
    """The text, keys and line ends as the released program writes them; neighbours that differ in id only are one."""
    content = {
        "dialect": "alphafold3",
        "version": 4,
        "name": job.name,
        "sequences": [_entity(entity) for entity in _merged(job)],
        "modelSeeds": job.seeds,
        "bondedAtomPairs": [[(a.chain, a.residue, a.atom) for a in pair] for pair in job.bonds] or None,
        "userCCD": job.user_ccd,
    }
    return _INDICES.sub(lambda found: f"{found[1]}[{' '.join(found[2].split())}]", json.dumps(content, indent=2))


def _merged(job: ComplexJob) -> list[Entity]:
    """Entities, those that follow each other and are the same joined under all their ids."""
    groups = groupby(job.entities, key=lambda entity: replace(entity, ids=()))
    return [replace(entity, ids=tuple(name for each in group for name in each.ids)) for entity, group in groups]


def _entity(entity: Entity) -> dict[str, Any]:
    match entity:
        case Protein():
            return {"protein": _chain(entity, "ptmType", "ptmPosition")}
        case RNA():
            return {"rna": _chain(entity, "modificationType", "basePosition")}
        case DNA():
            return {"dna": _chain(entity, "modificationType", "basePosition")}
        case Ligand():
            content: dict[str, Any] = {"ccdCodes": entity.ccd_codes} if entity.ccd_codes else {"smiles": entity.smiles}
            return {"ligand": {"id": _ids(entity)} | content | _described(entity)}


def _chain(entity: Protein | RNA | DNA, kind: str, position: str) -> dict[str, Any]:
    content: dict[str, Any] = {"id": _ids(entity), "sequence": entity.sequence}
    content["modifications"] = [_modification(each, kind, position) for each in entity.modifications]
    if not isinstance(entity, DNA):
        content["unpairedMsa"] = entity.unpaired_msa
    if isinstance(entity, Protein):
        content["pairedMsa"] = entity.paired_msa
        content["templates"] = _templates(entity)
    return content | _described(entity)


def _modification(modification: Modification, kind: str, position: str) -> dict[str, Any]:
    return {kind: modification.code, position: modification.position}


def _templates(entity: Protein) -> list[dict[str, Any]] | None:
    if entity.templates is None:
        return None
    return [
        {"mmcif": each.mmcif, "queryIndices": each.query_indices, "templateIndices": each.template_indices}
        for each in entity.templates
    ]


def _ids(entity: Entity) -> str | tuple[str, ...]:
    first, *others = entity.ids
    return entity.ids if others else first


def _described(entity: Entity) -> dict[str, Any]:
    return {} if entity.description is None else {"description": entity.description}
