"""Which database is searched by which program, with which limits: every preset is a table of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from foldwright.search.parameters import (
    Hhblits,
    Hhsearch,
    Hmmsearch,
    Jackhmmer,
    Mmseqs,
    Nhmmer,
    Parameters,
    Server,
)

Gives = Literal["rows", "candidates", "templates"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One search.

    databases  names of the catalogue, searched together
    gives      `rows` of the alignment, `candidates` whose species pair the chains of a complex, or `templates`
    max_rows   rows kept of each database, the query among them; None keeps all
    profile    the step whose rows are searched with, where it is not the sequence alone
    """

    name: str
    databases: tuple[str, ...]
    parameters: Parameters
    gives: tuple[Gives, ...] = ("rows",)
    max_rows: int | None = None
    profile: str | None = None
    max_profile_rows: int | None = None


Recipe = tuple[Step, ...]

# DISCREPANCY(AF2 Suppl. 1.2.2): the text keeps 5,000 rows of MGnify, the released program 501.
_MGNIFY_ROWS = 501
_UNIREF90_ROWS = 10_000  # AF2 Suppl. 1.2.2
_UNIPROT_ROWS = 50_000  # AF-Multimer, section 2.2


def af2_full() -> Recipe:
    """AF2 Suppl. 1.2.2: UniRef90, BFD and UniClust30, MGnify; templates from PDB70; UniProt for pairing."""
    clusters = Step(name="bfd_uniref30", databases=("bfd", "uniref30"), parameters=Hhblits())
    return (_uniref90(), clusters, _mgnify(_MGNIFY_ROWS), _uniprot(), _pdb70())


def af2_reduced() -> Recipe:
    """As `af2_full` with jackhmmer over the reduced BFD (the first sequence of each cluster without a consensus)."""
    small = Step(name="small_bfd", databases=("small_bfd",), parameters=Jackhmmer())
    return (_uniref90(), small, _mgnify(_MGNIFY_ROWS), _uniprot(), _pdb70())


def af3() -> Recipe:
    """AF3 SI 2.2, Table 1: the databases of proteins; templates by hmmsearch, AF3 SI 2.4."""
    small = Step(name="small_bfd", databases=("small_bfd",), parameters=Jackhmmer(), max_rows=5_000)
    templates = Step(
        name="pdb_seqres",
        databases=("pdb_seqres",),
        parameters=Hmmsearch(),
        gives=("templates",),
        profile="uniref90",
        max_profile_rows=300,  # AF3 SI 2.4
    )
    return (_uniref90(), small, _mgnify(5_000), _uniprot(), templates)


def af3_rna() -> Recipe:
    """AF3 SI 2.2, Table 1: the databases of RNA."""
    names = ("rfam", "rnacentral", "nt_rna")
    return tuple(Step(name=name, databases=(name,), parameters=Nhmmer(), max_rows=10_000) for name in names)


def colabfold() -> Recipe:
    """Mirdita et al. 2022: MMseqs2 over UniRef30 and the environmental sequences of ColabFold."""
    return (Step(name="colabfold", databases=("uniref30_mmseqs", "colabfold_envdb"), parameters=Mmseqs()),)


def colabfold_server() -> Recipe:
    """The same on a server, which has its own databases and also looks for structures in PDB70."""
    return (Step(name="server", databases=(), parameters=Server(), gives=("rows", "templates")),)


def none() -> Recipe:
    """No search: the query alone."""
    return ()


def local(*names: str) -> Recipe:
    """jackhmmer over each of these databases, whose rows also pair the chains of a complex."""
    return tuple(
        Step(
            name=name,
            databases=(name,),
            parameters=Jackhmmer(),
            max_rows=_UNIREF90_ROWS,
            gives=("rows", "candidates"),
        )
        for name in names
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "af2_full": af2_full,
    "af2_reduced": af2_reduced,
    "af3": af3,
    "af3_rna": af3_rna,
    "colabfold": colabfold,
    "none": none,
}
LOCAL, COLABFOLD = "local", "colabfold"
PRESETS = (*RECIPES, LOCAL)


def _uniref90() -> Step:
    return Step(name="uniref90", databases=("uniref90",), parameters=Jackhmmer(), max_rows=_UNIREF90_ROWS)


def _mgnify(max_rows: int) -> Step:
    return Step(name="mgnify", databases=("mgnify",), parameters=Jackhmmer(), max_rows=max_rows)


def _uniprot() -> Step:
    return Step(
        name="uniprot", databases=("uniprot",), parameters=Jackhmmer(), max_rows=_UNIPROT_ROWS, gives=("candidates",)
    )


def _pdb70() -> Step:
    return Step(
        name="pdb70",
        databases=("pdb70",),
        parameters=Hhsearch(),
        gives=("templates",),
        profile="uniref90",
        max_profile_rows=_UNIREF90_ROWS,
    )
