"""The chains of a job as residues, and the residues as tokens: who stands where (AF3 SI 2.6).

A residue of a protein or a nucleotide is one token with a slot for each of its heavy atoms; a modified one, and every
ligand, is a token for each heavy atom. Chains stand in the order of `ComplexJob.chains`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from foldwright.chem.components import Component
from foldwright.chem.glycans import is_glycan
from foldwright.chem.residues import ONE_TO_THREE, RESTYPES, UNKNOWN
from foldwright.errors import InputError
from foldwright.features.af3.batch import ATOMS_PER_TOKEN
from foldwright.io.complexes.job import DNA, RNA, ComplexJob, Entity, Ligand, Protein

MoleculeKind = Literal["protein", "rna", "dna", "ligand"]
KINDS: Mapping[type, MoleculeKind] = {Protein: "protein", RNA: "rna", DNA: "dna", Ligand: "ligand"}
MMCIF_TYPES = {"protein": "polypeptide(L)", "rna": "polyribonucleotide", "dna": "polydeoxyribonucleotide"}

# AF3 SI 2.8, restype: the number of the first base of each kind; its letters in the order of their numbers.
BASES = {"rna": ("AGCU", 22), "dna": ("AGCT", 26)}
UNKNOWN_BASE = 30
UNKNOWN_CODES = {"protein": "UNK", "rna": "N", "dna": "DN"}

NUCLEOTIDES = frozenset({"A", "G", "C", "U", "N", "DA", "DG", "DC", "DT", "DN"})
AMINO_ACIDS = frozenset({*ONE_TO_THREE.values(), "UNK", "MSE"})  # MSE is methionine with a heavier sulphur
CENTRES = {"protein": "CA", "rna": "C1'", "dna": "C1'"}  # AF3 SI 2.6: the atom that stands for the token
PURINES = frozenset({"A", "G", "DA", "DG"})
LONGEST_NAME = 4  # characters of an atom name, AF3 SI 2.8 ref_atom_name_chars


@dataclass(frozen=True)
class Residue:
    """One residue, nucleotide or component of a ligand, cut down to the atoms that are predicted."""

    code: str
    number: int  # in its chain, from 1
    kind: MoleculeKind
    restype: int  # 0-30
    letter: str  # as alignments write it
    component: Component
    tokens: tuple[tuple[str, ...], ...]  # for each token the names in its slots; empty where an atom is missing

    @cached_property
    def atoms(self) -> tuple[str, ...]:
        """All that are predicted, token after token."""
        return tuple(name for names in self.tokens for name in names if name)

    @cached_property
    def elements(self) -> tuple[tuple[str, ...], ...]:
        """As `tokens`, the symbols of the elements; in capitals, but for the components of SMILES."""
        known = dict(zip(self.component.atoms.names, self.component.atoms.elements, strict=True))
        known = {name: e.capitalize() for name, e in known.items()} if self.component.is_of_smiles else known
        return tuple(tuple(known[name] if name else "" for name in names) for names in self.tokens)

    @property
    def is_atomised(self) -> bool:
        """Whether each atom is a token of its own."""
        return _is_atomised(self.kind, self.code)

    def centre(self, token: int) -> int:
        """The slot of the atom that stands for this token."""
        return _slot(self.tokens[token], CENTRES.get(self.kind, ""))

    def pseudo_beta(self, token: int) -> int:
        """The slot of the atom whose distances are predicted (AF3 SI 4.4): CB, else CA; C4 of purines, else C2."""
        if self.kind == "protein":
            return _slot(self.tokens[token], "CB", "CA")
        if self.kind == "ligand":
            return 0
        is_purine = (self.component.parent or self.code) in PURINES
        return _slot(self.tokens[token], "C4" if is_purine else "C2")


@dataclass(frozen=True)
class ChainTokens:
    """One chain. Chains of the same residues are copies of one entity; numbers count from 1."""

    id: str
    kind: MoleculeKind
    entity: Entity
    number: int  # asym_id
    entity_number: int
    copy_number: int  # sym_id
    residues: tuple[Residue, ...]

    @property
    def mmcif_type(self) -> str:
        """As `_entity_poly.type` and `_entity.type` name it; several components in a chain are branched."""
        return MMCIF_TYPES.get(self.kind, "branched" if len(self.residues) > 1 else "non-polymer")

    @property
    def sequence(self) -> str:
        """As alignments write it: a letter for each residue, for a modified one that of its parent."""
        return "".join(residue.letter for residue in self.residues)

    @property
    def num_tokens(self) -> int:
        return sum(len(residue.tokens) for residue in self.residues)


def tokenise(job: ComplexJob, components: Mapping[str, Component]) -> tuple[ChainTokens, ...]:
    """The chains of a job in the order of their tokens.

    Raises:
        InputError: a component that nobody knows, or one that cannot be written into features.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    numbers: dict[tuple[str, ...], int] = {}
    bonded = _bonded(job)
    chains = []
    for number, (name, entity) in enumerate(job.chains, start=1):
        residues = tuple(_residues(name, entity, components, bonded))
        key = tuple(residue.code for residue in residues for _ in residue.tokens)
        seen[key] += 1
        entity_number = numbers.setdefault(key, len(numbers) + 1)
        chains.append(ChainTokens(name, KINDS[type(entity)], entity, number, entity_number, seen[key], residues))
    return tuple(chains)


def residue_codes(entity: Entity, chain: str) -> tuple[str, ...]:
    """The component of every residue; a ligand of SMILES has none in the CCD and is called after its chain."""
    if isinstance(entity, Ligand):
        return entity.ccd_codes or (f"LIG_{chain}",)
    kind = KINDS[type(entity)]
    codes = [_code(kind, letter) for letter in entity.sequence]
    for modification in entity.modifications:
        codes[modification.position - 1] = modification.code
    return tuple(codes)


def _code(kind: MoleculeKind, letter: str) -> str:
    if kind == "protein":
        return ONE_TO_THREE.get(letter, UNKNOWN_CODES[kind])
    code = letter if letter in BASES[kind][0] else "N"
    return f"D{code}" if kind == "dna" else code


def _residues(
    chain: str, entity: Entity, components: Mapping[str, Component], bonded: Mapping[tuple[str, int], set[str]]
) -> Iterator[Residue]:
    kind = KINDS[type(entity)]
    codes = residue_codes(entity, chain)
    for number, code in enumerate(codes, start=1):
        component = _component(chain, entity, code, components)
        dropped = _dropped(kind, component, number == 1, number == len(codes), bonded.get((chain, number), set()))
        # As released, an unknown amino acid has the atoms of glycine: its entry in the CCD has two more than are meant.
        names = _heavy_atoms(components["GLY"] if code == "UNK" else component)
        letter = _letter(entity, number, component)
        tokens = _tokens(names, dropped, _is_atomised(kind, code))
        yield Residue(code, number, kind, _restype(kind, letter), letter, component, tokens)


def _component(chain: str, entity: Entity, code: str, components: Mapping[str, Component]) -> Component:
    if isinstance(entity, Ligand) and entity.smiles is not None:
        from foldwright.chem.conformers import component_of_smiles

        return component_of_smiles(entity.smiles, code)
    if code not in components:
        raise InputError(
            f"chain {chain} holds {code}, which is no component that is known here.",
            field="ccdCodes" if isinstance(entity, Ligand) else "modifications",
            remedy="Correct the code, or describe the component as userCCD.",
        )
    return components[code]


def _letter(entity: Entity, number: int, component: Component) -> str:
    """Of an unmodified residue the letter that was written; else that of the component's parent, if it has one."""
    if isinstance(entity, Ligand):
        return "X"
    if all(modification.position != number for modification in entity.modifications):
        return entity.sequence[number - 1]
    letter = component.letter or ""
    return letter if len(letter) == 1 and letter.isalpha() else "X"


def _restype(kind: MoleculeKind, letter: str) -> int:
    """AF3 SI 2.8, restype: ligands are of the unknown amino acid."""
    if kind in BASES:
        letters, first = BASES[kind]
        return first + letters.index(letter) if letter in letters else UNKNOWN_BASE
    return RESTYPES.index(letter) if kind == "protein" and letter in RESTYPES else UNKNOWN


def _dropped(kind: MoleculeKind, component: Component, is_first: bool, is_last: bool, bonded: set[str]) -> set[str]:
    """Atoms that left when the residue was bonded to its neighbours."""
    if kind == "ligand":
        # DISCREPANCY(AF3 SI 2.5): leaving atoms of all bonded ligands should go; the released program drops the O1 of
        # glycans, and does so even where the glycan stands alone.
        return {"O1"} - bonded if is_glycan(component) else set()
    if kind == "protein":
        return set() if is_last else {"OXT"}
    return set() if is_first else {"OP3"}


def _is_atomised(kind: MoleculeKind, code: str) -> bool:
    return kind == "ligand" or code not in (AMINO_ACIDS if kind == "protein" else NUCLEOTIDES)


def _tokens(names: Sequence[str], dropped: set[str], is_atomised: bool) -> tuple[tuple[str, ...], ...]:
    if is_atomised:
        return tuple((name, *("",) * (ATOMS_PER_TOKEN - 1)) for name in names if name not in dropped)
    slots = ["" if name in dropped else name for name in names]
    return ((*slots, *("",) * (ATOMS_PER_TOKEN - len(slots))),)


def _heavy_atoms(component: Component) -> list[str]:
    atoms = component.atoms
    names = [name for name, is_hydrogen in zip(atoms.names, atoms.is_hydrogen, strict=True) if not is_hydrogen]
    bad = next((name for name in names if not _is_plain(name)), None)
    if bad is not None:
        raise InputError(
            f"component {component.code} has an atom called {bad!r}; AlphaFold 3 reads names of 1 to {LONGEST_NAME} "
            "characters, and of letters only capitals.",
            field="userCCD",
            remedy="Rename the atom.",
        )
    if not names:
        raise InputError(f"component {component.code} has no atom but hydrogen.", field="ccdCodes")
    return names


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and all(32 < ord(character) < 96 for character in name)


def _bonded(job: ComplexJob) -> dict[tuple[str, int], set[str]]:
    """The atoms of every residue that the job bonds to another residue."""
    found: dict[tuple[str, int], set[str]] = {}
    for bond in job.bonds:
        for atom in bond:
            found.setdefault((atom.chain, atom.residue), set()).add(atom.atom)
    return found


def _slot(names: tuple[str, ...], *wanted: str) -> int:
    """Where the first of the wanted atoms stands that is there, else the first atom of all."""
    return names.index(next(name for name in (*wanted, *names) if name and name in names))
