"""What the HMMER programs can be told, under their own names; frozen, so that a result can say how it was made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from foldwright.errors import InputError

_STRANDS = ("watson", "crick", None)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What all four programs share; the defaults are hmmsearch's own (HMMER User's Guide 3.4, manual pages).

    e_value, domE     sequences and their domains are reported up to these E-values
    incE, incdomE     they enter the alignment up to these
    F1, F2, F3        P-values that the MSV, Viterbi and Forward filters let pass
    z                 the size of the database that E-values assume: sequences, for nhmmer millions of nucleotides;
                      None is what the database holds
    seed              of the random numbers of calibration and domain clustering; 0 is a new one each time
    max_hits          at most so many rows are kept, best first; None is all
    """

    e_value: float = 10.0
    domE: float = 10.0
    incE: float = 0.01
    incdomE: float = 0.01
    F1: float = 0.02
    F2: float = 1e-3
    F3: float = 1e-5
    bias_filter: bool = True
    z: float | None = None
    seed: int = 42
    max_hits: int | None = None

    def __post_init__(self):
        for name in ("e_value", "domE", "incE", "incdomE"):
            self._require(name, getattr(self, name) > 0, "an E-value above 0")
        for name in ("F1", "F2", "F3"):
            self._require(name, 0 < getattr(self, name) <= 1, "a P-value above 0 and at most 1")
        self._require("z", self.z is None or self.z > 0, "above 0")
        self._require("seed", 0 <= self.seed < 2**32, "a whole number from 0 to 4294967295")
        self._require("max_hits", self.max_hits is None or self.max_hits > 0, "above 0")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise InputError(f"{getattr(self, name)} cannot be used.", field=name, remedy=f"Give {what}.")

    def pipeline(self) -> dict[str, Any]:
        """The keywords of `pyhmmer.plan7.Pipeline`; z is left to the search, which knows the database."""
        names = ("domE", "incE", "incdomE", "F1", "F2", "F3", "bias_filter", "seed")
        return {"E": self.e_value, **{name: getattr(self, name) for name in names}}

    def record(self) -> dict[str, Any]:
        """Every setting, for the record of a run."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class JackhmmerOptions(Thresholds):
    """jackhmmer; the program's own inclusion thresholds are stricter than those of the others."""

    incE: float = 0.001
    incdomE: float = 0.001
    iterations: int = 5

    def __post_init__(self):
        super().__post_init__()
        self._require("iterations", self.iterations > 0, "at least 1")


@dataclass(frozen=True, kw_only=True)
class PhmmerOptions(Thresholds):
    """phmmer: one sequence against sequences, once."""


@dataclass(frozen=True, kw_only=True)
class HmmsearchOptions(Thresholds):
    """hmmsearch: a profile against sequences."""


@dataclass(frozen=True, kw_only=True)
class NhmmerOptions(Thresholds):
    """nhmmer: a nucleotide sequence or profile against long sequences.

    strand    watson | crick | None for both
    alphabet  rna | dna
    """

    F2: float = 3e-3
    F3: float = 3e-5
    strand: Literal["watson", "crick"] | None = None
    alphabet: str = "rna"

    def __post_init__(self):
        super().__post_init__()
        self._require("strand", self.strand in _STRANDS, "watson, crick or None for both")
        self._require("alphabet", self.alphabet in ("rna", "dna"), "rna or dna")


def af2_jackhmmer(**changes: Any) -> JackhmmerOptions:
    """jackhmmer as AlphaFold 2 runs it: one iteration, stricter filters (AF2 Suppl. 1.2.2; released pipeline)."""
    settings: dict[str, Any] = {"iterations": 1, "e_value": 1e-4, "incE": 1e-4, "F1": 5e-4, "F2": 5e-5, "F3": 5e-7}
    return JackhmmerOptions(**(settings | changes))


def af3_nhmmer(length: int, **changes: Any) -> NhmmerOptions:
    """nhmmer as AlphaFold 3 runs it for an RNA of this length (AF3 SI 2.2): short ones pass the last filter easily."""
    settings: dict[str, Any] = {"e_value": 1e-3, "incE": 1e-3, "F3": 0.02 if length < 50 else 1e-5, "strand": "watson"}
    return NhmmerOptions(**(settings | changes))


def template_hmmsearch(**changes: Any) -> HmmsearchOptions:
    """hmmsearch for templates, which filters next to nothing (AF-Multimer, section 2.2; AF3 SI 2.4)."""
    settings: dict[str, Any] = {
        "e_value": 100.0,
        "domE": 100.0,
        "incE": 100.0,
        "incdomE": 100.0,
        "F1": 0.1,
        "F2": 0.1,
        "F3": 0.1,
    }
    return HmmsearchOptions(**(settings | changes))
