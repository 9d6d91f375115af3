"""The settings of every program that a recipe uses, under the programs' own names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Jackhmmer:
    """jackhmmer as AlphaFold runs it (AF2 Suppl. 1.2.2; AF3 SI 2.2): one iteration, filters ten times stricter than
    the program's own."""

    iterations: int = 1
    e_value: float = 1e-4
    incE: float = 1e-4
    F1: float = 5e-4
    F2: float = 5e-5
    F3: float = 5e-7


@dataclass(frozen=True, kw_only=True)
class Nhmmer:
    """nhmmer for RNA (AF3 SI 2.2); queries below 50 nucleotides pass the third filter more easily.

    aligner  what lays the hits over the whole query
    """

    e_value: float = 1e-3
    incE: float = 1e-3
    F3: float = 1e-5
    F3_short: float = 0.02
    short: int = 50  # nucleotides
    aligner: str = "hmmalign"


@dataclass(frozen=True, kw_only=True)
class Hmmsearch:
    """hmmsearch for templates: next to nothing is filtered (AF-Multimer, section 2.2; AF3 SI 2.4)."""

    e_value: float = 100.0
    domE: float = 100.0
    incE: float = 100.0
    incdomE: float = 100.0
    F1: float = 0.1
    F2: float = 0.1
    F3: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Hhblits:
    """HHblits (AF2 Suppl. 1.2.2)."""

    iterations: int = 3
    e_value: float = 1e-3
    realign_max: int = 100_000
    maxfilt: int = 100_000
    min_prefilter_hits: int = 1000
    maxseq: int = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Hhsearch:
    """HHsearch against PDB70 (AF2 Suppl. 1.2.3)."""

    maxseq: int = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Mmseqs:
    """The search of ColabFold (Mirdita et al. 2022, Methods, "MSA generation"): a profile from UniRef30 in three
    iterations, hits expanded to the members of their clusters, realigned, and filtered to keep a diverse set; then the
    profile against the environmental sequences."""

    iterations: int = 3
    sensitivity: float = 8.0
    e_value: float = 0.1
    align_e_value: float = 10.0
    max_seqs: int = 10_000
    qsc: float = 0.8
    max_seq_id: float = 0.95
    max_accept: int = 100_000
    diff: int = 3000
    filter_min_enable: int = 1000
    gpu: bool = False


@dataclass(frozen=True, kw_only=True)
class Server:
    """What the public MSA server of ColabFold is asked for; `templates` are the structures that it names."""

    host: str = ""
    environmental: bool = True
    filtered: bool = True
    templates: bool = True


Parameters = Jackhmmer | Nhmmer | Hmmsearch | Hhblits | Hhsearch | Mmseqs | Server
