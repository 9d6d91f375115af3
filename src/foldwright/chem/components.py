"""Molecules by their three-letter codes: the Chemical Component Dictionary (CCD), and a user's entries over it."""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Int

from foldwright.errors import InputError

HYDROGENS = frozenset({"H", "D"})


@dataclass(frozen=True, eq=False)
class ComponentAtoms:
    """The atoms of a component in the order of its entry; positions in angstrom, NaN where unknown."""

    names: tuple[str, ...]
    elements: tuple[str, ...]  # upper case, as the CCD has them
    charges: Int[np.ndarray, " atoms"]
    ideal: Float[np.ndarray, "atoms 3"]  # computed
    model: Float[np.ndarray, "atoms 3"]  # of an experimental structure
    is_leaving: Bool[np.ndarray, " atoms"]  # may go when the component is bonded

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def is_hydrogen(self) -> Bool[np.ndarray, " atoms"]:
        return np.array([element in HYDROGENS for element in self.elements], bool)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Where each name stands."""
        return MappingProxyType({name: i for i, name in enumerate(self.names)})


@dataclass(frozen=True)
class ComponentBond:
    """A bond between two atoms by name; `order` as in the CCD (SING, DOUB, TRIP, QUAD, AROM, DELO, PI)."""

    atom_1: str
    atom_2: str
    order: str
    is_aromatic: bool


@dataclass(frozen=True, eq=False)
class Component:
    """One entry: a residue, a ligand, an ion."""

    code: str
    name: str
    type: str  # as in the CCD, upper case: L-PEPTIDE LINKING, NON-POLYMER ...
    formula: str
    weight: float  # dalton; NaN where unknown
    parent: str | None  # the standard residue that this one is a modification of
    synonyms: str
    atoms: ComponentAtoms
    bonds: tuple[ComponentBond, ...] = ()
    smiles: str | None = None
    is_of_smiles: bool = False  # made from `smiles`, which therefore says all that is known of its stereochemistry
    modified: datetime.date | None = None
    written_type: str = ""  # the type in the letters of the entry
    letter: str | None = None  # of the standard residue that stands for this one in alignments


Columns = Callable[[str], Sequence[str | None]]  # "_chem_comp.id" -> its rows; none where there is no such column


@dataclass(frozen=True, eq=False)
class Components(Mapping[str, Component]):
    """Components by code, each parsed when it is first asked for."""

    entries: Mapping[str, Callable[[], Component]]
    source: str  # for the record: where they came from
    date: datetime.date | None = None  # of the newest entry, as far as known
    _parsed: dict[str, Component] = field(default_factory=dict, repr=False)

    @staticmethod
    def bundled() -> "Components":
        """The CCD that comes with the biotite package, read once. Raises InputError if that is not installed."""
        from foldwright.chem.component_files import bundled

        return bundled()

    @staticmethod
    def read(path: str | Path) -> "Components":
        """Components of an mmCIF or BinaryCIF file or a JSON of mmCIF columns, plain or gzipped.

        Raises InputError if the file is none of them.
        """
        from foldwright.chem.component_files import read

        return read(Path(path))

    def with_blocks(self, mmcif: str, file: str | Path | None = None) -> "Components":
        """These, and over them every data block of a text in the CCD's format, parsed at once.

        Raises InputError, naming the block and the column, where one lacks what AlphaFold 3 requires.
        """
        from foldwright.chem.component_files import user_blocks

        own = user_blocks(mmcif, file)
        parsed = {code: component for code, component in self._parsed.items() if code not in own} | own
        made = {code: (lambda component=component: component) for code, component in own.items()}
        source = f"{self.source}; {', '.join(own)} given by the user"
        return Components({**self.entries, **made}, source, self.date, parsed)

    def __getitem__(self, code: str) -> Component:
        if code not in self._parsed:
            self._parsed[code] = self.entries[code]()
        return self._parsed[code]

    def __contains__(self, code: object) -> bool:
        return code in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def component_of_columns(columns: Columns) -> Component:
    """The component that the columns of one data block describe. Raises InputError where they do not fit together."""
    code = _only(columns, "id") or ""
    atoms = _atoms(code, columns)
    return Component(
        code=code,
        name=_only(columns, "name") or "",
        type=(_only(columns, "type") or "").upper(),
        formula=_only(columns, "formula") or "",
        weight=float(_numbers(code, "formula_weight", [_only(columns, "formula_weight")])[0]),
        parent=_only(columns, "mon_nstd_parent_comp_id"),
        synonyms=_only(columns, "pdbx_synonyms") or "",
        atoms=atoms,
        bonds=_bonds(code, columns, set(atoms.names)),
        smiles=_smiles(columns),
        written_type=_only(columns, "type") or "",
        modified=_date(_only(columns, "pdbx_modified_date")),
        letter=_only(columns, "one_letter_code"),
    )


def _atoms(code: str, columns: Columns) -> ComponentAtoms:
    names = [name or "" for name in columns("_chem_comp_atom.atom_id")]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"Component {code} has two atoms called {twice}.", field="_chem_comp_atom.atom_id")

    def column(name: str) -> Sequence[str | None]:
        return _padded(code, f"_chem_comp_atom.{name}", columns, len(names))

    def positions(*axes: str) -> np.ndarray:
        return np.stack([_numbers(code, axis, column(axis)) for axis in axes], axis=-1)

    return ComponentAtoms(
        names=tuple(names),
        elements=tuple((element or "").upper() for element in column("type_symbol")),
        charges=np.nan_to_num(_numbers(code, "charge", column("charge"))).astype(int),
        ideal=positions("pdbx_model_Cartn_x_ideal", "pdbx_model_Cartn_y_ideal", "pdbx_model_Cartn_z_ideal"),
        model=positions("model_Cartn_x", "model_Cartn_y", "model_Cartn_z"),
        is_leaving=np.array([flag == "Y" for flag in column("pdbx_leaving_atom_flag")], bool),
    )


def _bonds(code: str, columns: Columns, atoms: set[str]) -> tuple[ComponentBond, ...]:
    first = columns("_chem_comp_bond.atom_id_1")
    others = ("atom_id_2", "value_order", "pdbx_aromatic_flag")
    rows = zip(first, *(_padded(code, f"_chem_comp_bond.{name}", columns, len(first)) for name in others), strict=True)
    bonds = tuple(ComponentBond(a or "", b or "", (order or "SING").upper(), flag == "Y") for a, b, order, flag in rows)
    if len({frozenset((bond.atom_1, bond.atom_2)) for bond in bonds}) < len(bonds) or any(
        bond.atom_1 == bond.atom_2 for bond in bonds
    ):
        message = f"Component {code} has an atom bonded with itself, or two bonds of the same atoms."
        raise InputError(message, field="_chem_comp_bond")
    for bond in bonds:
        for atom in (bond.atom_1, bond.atom_2):
            if atom not in atoms:
                message = f"Component {code} has a bond of atom {atom or '?'}, which it does not have."
                raise InputError(message, field="_chem_comp_bond")
    return bonds


def _padded(code: str, name: str, columns: Columns, length: int) -> Sequence[str | None]:
    rows = columns(name)
    if rows and len(rows) != length:
        raise InputError(f"Component {code} has {length} rows in this table, but {len(rows)} here.", field=name)
    return rows or [None] * length


def _only(columns: Columns, name: str) -> str | None:
    rows = columns(f"_chem_comp.{name}")
    return rows[0] if rows else None


def _smiles(columns: Columns) -> str | None:
    """`pdbx_smiles` where the block has it, else the first canonical descriptor, else the first that is SMILES."""
    kinds = columns("_pdbx_chem_comp_descriptor.type")
    texts = columns("_pdbx_chem_comp_descriptor.descriptor")
    found = {kind: text for kind, text in zip(reversed(kinds), reversed(texts), strict=False) if text}
    return _only(columns, "pdbx_smiles") or found.get("SMILES_CANONICAL") or found.get("SMILES")


def _numbers(code: str, name: str, texts: Sequence[str | None]) -> Float[np.ndarray, " rows"]:
    """The numbers, NaN where there is none."""
    try:
        return np.array([np.nan if text is None else float(text) for text in texts], np.float64)
    except ValueError as error:
        raise InputError(f"Component {code} has something else where a number belongs: {error}.", field=name) from None


def _date(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError:
        return None
