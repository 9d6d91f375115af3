"""Which chains are fit for training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foldwright.training.data.chain import Chain


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a chain must be like; limits that are 0 do not apply."""

    kinds: tuple[str, ...] = ("exp", "clean", "backbone_only")
    max_resolution: float = 9.0  # angstrom, AF2 Suppl. 1.2.5; a chain of unknown resolution is kept
    max_single_residue: float = 0.8  # of the sequence may be one amino acid, AF2 Suppl. 1.2.5
    min_length: int = 16  # residues
    max_length: int = 0  # residues
    min_resolved: float = 0.5  # of the residues have N, CA and C
    max_breaks: int | None = None  # places without a peptide bond; None allows any number

    def fault(self, chain: Chain) -> str | None:
        """Why a chain is not taken, in words that are the same for all chains of that fault; None if it is."""
        breaks, most = chain.num_breaks, self.max_breaks
        faults = {
            "a coordinate is no number": not np.isfinite(chain.positions).all(),
            f"kind is {chain.kind}": chain.kind not in self.kinds,
            f"resolution above {self.max_resolution:g} angstrom": 0 < self.max_resolution < chain.resolution,
            f"shorter than {self.min_length} residues": len(chain) < self.min_length,
            f"longer than {self.max_length} residues": 0 < self.max_length < len(chain),
            f"{self.max_single_residue:.0%} or more is one amino acid": dominance(chain) >= self.max_single_residue,
            f"less than {self.min_resolved:.0%} of the backbone is known": resolved(chain) < self.min_resolved,
            f"more than {most} chain breaks": most is not None and breaks > most,
        }
        return next((name for name, is_fault in faults.items() if is_fault), None)


def dominance(chain: Chain) -> float:
    """The share of the commonest amino acid."""
    return float(np.bincount(chain.aatype, minlength=1).max() / max(1, len(chain)))


def resolved(chain: Chain) -> float:
    """The share of residues whose N, CA and C are known."""
    return float(chain.has_backbone.mean()) if len(chain) else 0.0
