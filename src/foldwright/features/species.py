"""The organism that a row of an alignment comes from, as its description tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# UniProt: database|accession|name_SPECIES, as UniProt and jackhmmer write it.
_ENTRY = re.compile(r"(?:tr|sp)\|[A-Z0-9]{6,10}(?:_\d+)?\|[A-Z0-9]{1,10}(?:_\d+)?_(?P<species>[A-Z0-9]{1,5})")
_TAXON = re.compile(r"(?:^|\s)(?:OX|TaxID)=(\d+)")  # UniProtKB, UniRef
_NAME = re.compile(r"(?:^|\s)(?:OS|Tax)=(.+?)(?=\s+\w+=|$)")
_MEMBERS = re.compile(r"(?:^|\s)n=(\d+)")
_REPRESENTATIVE = re.compile(r"(?:^|\s)RepID=[A-Z0-9]+_([A-Z0-9]{1,5})(?:_\d+)?(?=\s|$)")


@dataclass(frozen=True)
class Organism:
    """What a description says; empty where it is silent."""

    mnemonic: str = ""  # of UniProt: HUMAN
    taxon: str = ""  # number in the taxonomy of the NCBI: 9606
    name: str = ""  # Homo sapiens

    @property
    def is_collective(self) -> bool:
        """Whether the mnemonic stands for many species, as 9BACT does for unclassified bacteria (UniProt speclist)."""
        return self.mnemonic.startswith("9")


def organism_of(description: str) -> Organism:
    """The organism that a UniProtKB or UniRef description names.

    A UniRef cluster is named for its representative, whose sequence the row is. Its taxon is the common ancestor of all
    members, so it counts only where there is one member (UniRef FASTA headers, uniprot.org/help/fasta-headers).
    """
    name, text = (*description.split(maxsplit=1), "", "")[:2]
    taxon, species = (_first(pattern, text) for pattern in (_TAXON, _NAME))
    if not name.startswith("UniRef"):
        entry = _ENTRY.fullmatch(name.partition("/")[0])
        return Organism(entry["species"] if entry else "", taxon, species)
    organism = Organism(_first(_REPRESENTATIVE, text))
    if _first(_MEMBERS, text) not in ("", "1"):
        return Organism() if organism.is_collective else organism
    return Organism("" if organism.is_collective else organism.mnemonic, taxon, species)


def species_of(description: str) -> str:
    """What tells the species of a row: UniProt's mnemonic as AlphaFold reads it, else taxon or name; empty if none."""
    organism = organism_of(description)
    return organism.mnemonic or organism.taxon or organism.name


def by_mnemonic(chains: Sequence[Sequence[str]]) -> list[list[str]]:
    """The species of every row of every chain, told as UniProt's mnemonic where one is known of it."""
    organisms = _organisms(chains)
    known = {o.taxon: o.mnemonic for chain in organisms for o in chain if _tells_both(o)}
    return [[o.mnemonic or known.get(o.taxon, o.taxon) or o.name for o in chain] for chain in organisms]


def by_taxon(chains: Sequence[Sequence[str]]) -> list[list[str]]:
    """The species of every row of every chain, told as NCBI's number where one is known of it."""
    organisms = _organisms(chains)
    known = {o.mnemonic: o.taxon for chain in organisms for o in chain if _tells_both(o)}
    return [[o.taxon or known.get(o.mnemonic) or _single(o) or o.name for o in chain] for chain in organisms]


def _organisms(chains: Sequence[Sequence[str]]) -> list[list[Organism]]:
    return [[organism_of(text) for text in descriptions] for descriptions in chains]


def _tells_both(organism: Organism) -> bool:
    return bool(organism.mnemonic and organism.taxon) and not organism.is_collective


def _single(organism: Organism) -> str:
    return "" if organism.is_collective else organism.mnemonic


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
