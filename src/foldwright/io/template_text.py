"""One chain of a deposition as mmCIF text: what a job file carries as a template."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gemmi

from foldwright.errors import InputError
from foldwright.io.coordinates import read_with

# What is kept whole: who the entry is, how it was measured, how well, and when it was released.
_WHOLE = ("_entry.", "_exptl.", "_refine.", "_em_3d_reconstruction.", "_pdbx_audit_revision_history.")
_WHOLE = (*_WHOLE, "_pdbx_database_status.")


def chain_text(path: str | Path, chain: str) -> str:
    """The first model of one protein chain, named as its authors do, residues that were not seen included.

    Raises:
        InputError: no such file, no mmCIF file, or no such chain.
    """
    return read_with(lambda text: _cut(gemmi.cif.read_string(text)[0], chain, path), path)


def _cut(block: gemmi.cif.Block, chain: str, path: str | Path) -> str:
    atoms = block.find(
        "_atom_site.", ["auth_asym_id", "label_asym_id", "label_entity_id", "label_seq_id", "label_comp_id"]
    )
    is_ours = [_text(row[0]) == chain and row[3] not in (".", "?") for row in atoms]
    found = next((row for row, ours in zip(atoms, is_ours, strict=True) if ours), None)
    if found is None:
        raise InputError(f"there is no polymer chain {chain}.", file=path, field="chain")
    asym, entity = found[1], found[2]
    names = {row[4] for row in atoms if row[1] == asym}
    names |= {row[1] for row in block.find("_entity_poly_seq.", ["entity_id", "mon_id"]) if row[0] == entity}
    models = block.find_values("_atom_site.pdbx_PDB_model_num")
    keep: dict[str, tuple[str, Callable[[str], bool]]] = {
        "_chem_comp.": ("id", names.__contains__),
        "_entity.": ("id", entity.__eq__),
        "_entity_poly.": ("entity_id", entity.__eq__),
        "_entity_poly_seq.": ("entity_id", entity.__eq__),
        "_struct_asym.": ("id", asym.__eq__),
        "_pdbx_poly_seq_scheme.": ("asym_id", asym.__eq__),
        "_atom_site.": ("label_asym_id", asym.__eq__),
    }
    document = gemmi.cif.Document()
    out = document.add_new_block(block.name)
    for category in _WHOLE:
        _copy(block, out, category, None, lambda _: True)
    for category, (column, is_kept) in keep.items():
        _copy(block, out, category, column, is_kept)
    _first_model(out, models[0] if len(models) else None)
    return document.as_string()


def _copy(
    block: gemmi.cif.Block, out: gemmi.cif.Block, category: str, column: str | None, is_kept: Callable[[str], bool]
) -> None:
    """The rows of a category whose entry in this column is kept; none at all leaves the category out."""
    table = block.find_mmcif_category(category)
    tags = [tag.removeprefix(category) for tag in table.tags]
    at = None if column is None or column not in tags else tags.index(column)
    rows = [list(row) for row in table if at is None or is_kept(row[at])]
    if rows:
        _write(out, category, tags, rows)


def _write(out: gemmi.cif.Block, category: str, tags: list[str], rows: list[list[str]]) -> None:
    if len(rows) == 1:
        for tag, value in zip(tags, rows[0], strict=True):
            out.set_pair(category + tag, value)
        return
    loop = out.init_loop(category, tags)
    for row in rows:
        loop.add_row(row)


def _first_model(out: gemmi.cif.Block, first: str | None) -> None:
    """Drop the atoms of all other models."""
    table = out.find_mmcif_category("_atom_site.")
    tag = "_atom_site.pdbx_PDB_model_num"
    if first is None or tag not in list(table.tags):
        return
    at = list(table.tags).index(tag)
    for number in reversed([i for i, row in enumerate(table) if row[at] != first]):
        table.remove_row(number)


def _text(value: str) -> str:
    return gemmi.cif.as_string(value)
