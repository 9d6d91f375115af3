"""What must hold of a job of any molecules before anything expensive begins, whatever file it came from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from string import ascii_letters, digits

from foldwright.chem.components import Component, Components
from foldwright.chem.molecules import molecule_of_smiles
from foldwright.chem.residues import ONE_TO_THREE
from foldwright.errors import InputError
from foldwright.io.complexes.alignments import check_alignments
from foldwright.io.complexes.dialects.parts import CCD_PREFIX
from foldwright.io.complexes.draft import Draft, Place
from foldwright.io.complexes.job import DNA, RNA, AtomReference, Entity, Ligand, Polymer, Protein
from foldwright.io.complexes.templates import check_templates

_NAME_LETTERS = frozenset(ascii_letters + digits + "_.-")
_MAX_ID = 4  # letters of an id: more than 400,000 chains
_ALPHABETS = {Protein: "ACDEFGHIKLMNPQRSTVWYX", RNA: "ACGUN", DNA: "ACGTN"}  # X and N: not known
_KINDS = {Protein: "protein", RNA: "RNA", DNA: "DNA"}
_PROTEIN_CODES = {**ONE_TO_THREE, "X": "UNK"}
_REMEDY_FOR = {
    "U": "Write X and the modification SEC at its place, or C.",
    "O": "Write X and the modification PYL at its place, or K.",
    "B": "Write D or N, or X.",
    "Z": "Write E or Q, or X.",
    "J": "Write I or L, or X.",
    "*": "Remove the stop.",
    "-": "Remove the gaps.",
}


def safe_job_name(name: str) -> str:
    """The name as AlphaFold 3 uses it for files: spaces as `_`, then letters, digits, `_`, `.` and `-` only."""
    return "".join(letter for letter in name.replace(" ", "_") if letter in _NAME_LETTERS)


def check(draft: Draft, components: Components | None = None) -> None:
    """Note every fault of the draft. Without `components` codes and names of atoms are taken as they are."""
    if draft.name is not None and not safe_job_name(draft.name):
        draft.refuse(("name",), "the name has no letter that a file name can have.", "Use letters, digits, _ . and -.")
    _check_seeds(draft)
    if draft.at(("entities",)).value == ():
        draft.refuse(("entities",), "the job has no molecules.", "Add a protein, RNA, DNA or a ligand.")
    if draft.user_ccd is not None:
        components = _with_user_ccd(draft, components)
    _check_ids(draft)
    for i, entity in enumerate(draft.entities):
        if isinstance(entity, Ligand):
            _check_ligand(draft, i, entity, components)
        elif entity is not None:
            _check_polymer(draft, i, entity, components)
    _check_bonds(draft, components)


def residue_code(entity: Entity, residue: int) -> str | None:
    """The component at a residue (from 1) of a chain; None for a ligand of SMILES or a letter that is not known."""
    if isinstance(entity, Ligand):
        return entity.ccd_codes[residue - 1] if entity.ccd_codes else None
    modified = {modification.position: modification.code for modification in entity.modifications}
    letter = entity.sequence[residue - 1]
    standard = _PROTEIN_CODES.get(letter) if isinstance(entity, Protein) else letter
    return modified.get(residue, f"D{letter}" if isinstance(entity, DNA) else standard)


def _with_user_ccd(draft: Draft, components: Components | None) -> Components | None:
    base = components if components is not None else Components({}, "nothing")
    try:
        with_own = base.with_blocks(draft.user_ccd or "", draft.files.get(("user_ccd",)))
        return with_own if components is not None else None
    except InputError as error:
        draft.refuse(("user_ccd",), error.message, error.remedy)
        return components


def _check_seeds(draft: Draft) -> None:
    if ("seeds",) in draft.fields and draft.fields[("seeds",)].value == ():
        draft.refuse(("seeds",), "no seed is given.", "Give at least one, for example [1].")
    twice, number = Counter(draft.seeds).most_common(1)[0] if draft.seeds else (0, 0)
    if number > 1:
        draft.refuse(("seeds",), f"seed {twice} is given twice.", "It would give the same structures again.")


def _check_ids(draft: Draft) -> None:
    first: dict[str, Place] = {}
    for i, entity in enumerate(draft.entities):
        for j, name in enumerate(entity.ids if entity else ()):
            place = ("entities", i, "ids", j)
            if not re.fullmatch("[A-Z]+", name):
                draft.refuse(place, f'the id "{name}" is not of capital letters.', "Use A to Z, then AA, AB, ...")
            elif len(name) > _MAX_ID:
                draft.refuse(place, f"an id has at most {_MAX_ID} letters.", "Use A to Z, then AA, AB, ...")
            if name in first:
                line = draft.at(first[name]).located.line
                draft.refuse(place, f'the id "{name}" is already used on line {line}.', "Give each chain its own id.")
            first.setdefault(name, place)


def _check_polymer(draft: Draft, i: int, entity: Polymer, components: Mapping[str, Component] | None) -> None:
    place = ("entities", i)
    _check_sequence(draft, (*place, "sequence"), entity)
    seen: set[int] = set()
    for k, modification in enumerate(entity.modifications):
        own = (*place, "modifications", k)
        if not 1 <= modification.position <= len(entity.sequence):
            message = f"position {modification.position} is outside the chain of {len(entity.sequence)} residues."
            draft.refuse((*own, "position"), message, "Positions count from 1.")
        elif modification.position in seen:
            draft.refuse((*own, "position"), f"residue {modification.position} is modified twice.", "Keep one of them.")
        seen.add(modification.position)
        _check_code(draft, (*own, "code"), modification.code, components)
    check_alignments(draft, i, entity, components)
    if isinstance(entity, Protein):
        check_templates(draft, i, entity)


def _check_sequence(draft: Draft, place: Place, entity: Polymer) -> None:
    letters = _ALPHABETS[type(entity)]
    if not entity.sequence:
        draft.refuse(place, "the sequence is empty.", "Add its letters, or remove the chain.")
    wrong = [(k, letter) for k, letter in enumerate(entity.sequence) if letter not in letters]
    if not wrong:
        return
    at, letter = wrong[0]
    more = f" ({len(wrong)} such letters in all)" if len(wrong) > 1 else ""
    message = f'residue {at + 1} is "{letter}", which no {_KINDS[type(entity)]} has{more}.'
    draft.refuse(place, message, _remedy_for(letter, entity), letter=at)


def _remedy_for(letter: str, entity: Polymer) -> str:
    if letter.upper() in _ALPHABETS[type(entity)]:
        return "Write the sequence in capital letters."
    if isinstance(entity, Protein):
        return _REMEDY_FOR.get(letter, "Write X for a residue that is not known.")
    swapped = {"T": "RNA has U.", "U": "DNA has T."}.get(letter, "")
    return swapped or f"Letters are {', '.join(_ALPHABETS[type(entity)])}; N is not known."


def _check_code(draft: Draft, place: Place, code: str, components: Mapping[str, Component] | None) -> None:
    if code.startswith(CCD_PREFIX):
        draft.refuse(place, f'the code "{code}" begins with {CCD_PREFIX}.', f'Write "{code.removeprefix(CCD_PREFIX)}".')
    elif not code or code != code.strip():
        draft.refuse(place, f'"{code}" is no code.', "Write a code of the Chemical Component Dictionary, such as ATP.")
    elif components is not None and code not in components:
        known = code.upper() in components
        remedy = f'Write "{code.upper()}".' if known else "Give it as SMILES, or define it in userCCD."
        draft.refuse(place, f'the Chemical Component Dictionary has no component "{code}".', remedy)


def _check_ligand(draft: Draft, i: int, entity: Ligand, components: Mapping[str, Component] | None) -> None:
    place = ("entities", i)
    if entity.smiles is not None:
        try:
            molecule_of_smiles(entity.smiles)
        except InputError as error:
            draft.refuse((*place, "smiles"), error.message, error.remedy or "Write the SMILES string of a molecule.")
    elif not entity.ccd_codes:
        draft.refuse((*place, "ccd_codes"), "the ligand has no components.", "Give at least one code.")
    for k, code in enumerate(entity.ccd_codes):
        _check_code(draft, (*place, "ccd_codes", k), code, components)


def _check_bonds(draft: Draft, components: Mapping[str, Component] | None) -> None:
    chains: dict[str, Entity] = {}
    for entity in filter(None, draft.entities):
        chains = dict.fromkeys(entity.ids, entity) | chains
    is_whole = None not in draft.entities  # else a chain that is not here may be one that could not be read
    seen: set[frozenset[AtomReference]] = set()
    for i, bond in enumerate(draft.bonds):
        if bond is None:
            continue
        for end, atom in enumerate(bond):
            if is_whole or atom.chain in chains:
                _check_atom(draft, ("bonds", i, end), atom, chains.get(atom.chain), components)
        if bond[0] == bond[1]:
            draft.refuse(("bonds", i), "the bond is of an atom with itself.", "Name two atoms.")
        elif frozenset(bond) in seen:
            draft.refuse(("bonds", i), "this bond is given twice.", "Keep one of them.")
        elif is_whole and all(isinstance(chains.get(atom.chain), Polymer) for atom in bond):
            message = "the bond lies within or between polymers, of which AlphaFold 3 hears nothing."
            draft.refuse(("bonds", i), message, "Remove it, or give one side as a ligand.")
        elif (bond[0].chain, bond[0].residue) == (bond[1].chain, bond[1].residue):
            message = "the bond lies within one residue, whose bonds are those of its component."
            draft.refuse(("bonds", i), message, "Describe the component as userCCD.")
        seen.add(frozenset(bond))


def _check_atom(
    draft: Draft, place: Place, atom: AtomReference, entity: Entity | None, components: Mapping[str, Component] | None
) -> None:
    if entity is None:
        return draft.refuse(place, f'no chain has the id "{atom.chain}".', "Name a chain of this job.")
    if isinstance(entity, Ligand) and entity.smiles is not None:
        message = f'chain "{atom.chain}" is a ligand of SMILES, whose atoms have no names.'
        return draft.refuse(place, message, "Define it in userCCD, where its atoms are named.")
    length = len(entity.ccd_codes) if isinstance(entity, Ligand) else len(entity.sequence)
    if not 1 <= atom.residue <= length:
        message = f'residue {atom.residue} is outside chain "{atom.chain}" of {length}.'
        return draft.refuse(place, message, "Residues count from 1.")
    code = residue_code(entity, atom.residue)
    if code is None or components is None or code not in components:
        return None
    return _check_atom_name(draft, place, atom, code, components)


def _check_atom_name(
    draft: Draft, place: Place, atom: AtomReference, code: str, components: Mapping[str, Component]
) -> None:
    try:
        atoms = components[code].atoms
    except InputError as error:
        return draft.refuse(place, f"component {code} cannot be read: {error.message}", error.remedy)
    heavy = [name for name, is_hydrogen in zip(atoms.names, atoms.is_hydrogen, strict=True) if not is_hydrogen]
    if atom.atom not in heavy:
        why = "a hydrogen, which is not modelled" if atom.atom in atoms.names else "no atom of it"
        shown = ", ".join(heavy[:40]) + (", ..." if len(heavy) > 40 else "")
        message = f'residue {atom.residue} of chain "{atom.chain}" is {code}, and "{atom.atom}" is {why}.'
        return draft.refuse(place, message, f"Its atoms are {shown}.")
    return None
