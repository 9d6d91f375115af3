"""Whether the templates given with a job are structures of one protein chain, and their indices within bounds."""

from __future__ import annotations

import gemmi

from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.job import Protein, TemplateMapping

_MAX_TEMPLATES = 20  # AlphaFold 3's input format


def check_templates(draft: Draft, i: int, entity: Protein) -> None:
    """Note what is wrong with the templates of a protein."""
    templates = entity.templates or ()
    if len(templates) > _MAX_TEMPLATES:
        draft.refuse(
            ("entities", i, "templates"), f"{len(templates)} templates are given.", f"Give {_MAX_TEMPLATES} at most."
        )
    for k, template in enumerate(templates):
        _check(draft, ("entities", i, "templates", k), template, len(entity.sequence))


def _check(draft: Draft, place: Place, template: TemplateMapping, length: int) -> None:
    query, other = template.query_indices, template.template_indices
    if len(query) != len(other):
        message = f"{len(query)} query indices stand against {len(other)} template indices."
        draft.refuse((*place, "template_indices"), message, "Give one for each, counted from 0.")
    beyond = next((index for index in query if index >= length), None)
    if beyond is not None:
        message = f"query index {beyond} is outside the chain of {length} residues."
        draft.refuse((*place, "query_indices"), message, "Indices count from 0.")
    if len(set(query)) < len(query):
        draft.refuse((*place, "query_indices"), "a residue of the query is mapped twice.", "Map each once.")
    found = _length_or_fault(template.mmcif)
    if isinstance(found, str):
        draft.refuse((*place, "mmcif"), found, "Give the mmCIF text of one protein chain.")
    elif other and max(other) >= found:
        message = f"template index {max(other)} is outside the template of {found} residues."
        remedy = "Indices count from 0, residues that were not seen among them."
        draft.refuse((*place, "template_indices"), message, remedy)


def _length_or_fault(mmcif: str) -> int | str:
    """How many residues the only protein chain of a structure has, or why there is no such chain."""
    try:
        document = gemmi.cif.read_string(mmcif)
        block = document[0]
        structure = gemmi.make_structure_from_block(block)
        structure.setup_entities()
    except (ValueError, RuntimeError, IndexError) as error:
        return f"the template is no mmCIF structure: {error}."
    if not len(structure) or not block.find_values("_atom_site.label_atom_id"):
        return "the template has no atoms."
    proteins = (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    entities = [entity for entity in structure.entities if entity.polymer_type in proteins]
    chains = [name for entity in entities for name in entity.subchains]
    if len(chains) != 1:
        return f"the template has {len(chains)} protein chains, not one."
    seen = structure[0].get_subchain(chains[0])
    last = max((residue.label_seq or 0 for residue in seen), default=0)
    return max(len(entities[0].full_sequence), last, 0)
