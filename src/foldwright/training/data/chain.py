"""One protein chain as training sees it: what its residues are, where their atoms stand, who its relatives are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.residues import aatype_to_sequence
from foldwright.io.alignment import Alignment

KINDS = ("exp", "clean", "backbone_only", "relaxed", "design", "model", "distilled", "unknown")
BACKBONE = [ATOM_INDEX[name] for name in ("N", "CA", "C")]
MIN_CONFIDENCE = 0.5  # residues of a predicted structure that teach, AF2 Suppl. 1.3
BROKEN_BOND = 2.5  # angstrom between C and the next N; a peptide bond has 1.33


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """A chain whose residues may lack atoms; one without any was in the sequence but not seen.

    kind        where its coordinates come from, one of `KINDS`
    cluster     chains that count as one when examples are drawn
    is_core     one of those a network is judged on
    entry       chains of one entry stand together as they were found; a chain without one stands alone
    alignment   its relatives, the chain's own sequence first
    confidence  of every residue of a predicted structure, in nats above the background (AF2 Suppl. 1.3)
    """

    id: str
    aatype: Integer[np.ndarray, " n"]  # 0-19 in the order ARNDCQEGHILKMFPSTWYV, 20 unknown
    residue_index: Int[np.ndarray, " n"]  # place in the chain, from 0
    positions: Float[np.ndarray, "n 37 3"]  # angstrom, 0 where the mask is
    mask: Bool[np.ndarray, "n 37"]
    resolution: float = 0.0  # angstrom; 0 unknown
    kind: str = "exp"
    cluster: str = ""
    split: str = ""
    is_core: bool = False
    entry: str = ""
    alignment: Alignment | None = None
    confidence: Float[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        return len(self.aatype)

    @property
    def sequence(self) -> str:
        """One letter for each residue."""
        return aatype_to_sequence(self.aatype)

    @property
    def depth(self) -> int:
        """Rows of the alignment, 1 where there is none."""
        return 1 if self.alignment is None else len(self.alignment)

    @property
    def has_sidechains(self) -> bool:
        """Whether any atom besides N, CA and C is known."""
        return bool(np.delete(self.mask, BACKBONE, axis=1).any())

    @property
    def taught_mask(self) -> Bool[np.ndarray, "n 37"]:
        """The atoms that teach: of a predicted structure those of confident residues (AF2 Suppl. 1.3)."""
        return self.mask if self.confidence is None else self.mask & (self.confidence > MIN_CONFIDENCE)[:, None]

    @property
    def has_backbone(self) -> Bool[np.ndarray, " n"]:
        """Residues whose N, CA and C are known."""
        return np.all(self.mask[:, BACKBONE], axis=1)

    @property
    def num_breaks(self) -> int:
        """How often the next known residue is too far away for a peptide bond."""
        n, c = ATOM_INDEX["N"], ATOM_INDEX["C"]
        known = self.positions[self.has_backbone]
        return int((np.linalg.norm(known[1:, n] - known[:-1, c], axis=1) > BROKEN_BOND).sum())

    def crop(self, chosen: Int[np.ndarray, " m"]) -> Chain:
        """Only these residues, in this order, with their columns of the alignment."""
        confidence = None if self.confidence is None else self.confidence[chosen]
        return replace(
            self,
            aatype=self.aatype[chosen],
            residue_index=self.residue_index[chosen],
            positions=self.positions[chosen],
            mask=self.mask[chosen],
            alignment=None if self.alignment is None else _columns(self.alignment, chosen),
            confidence=confidence,
        )


def join(chains: Sequence[Chain]) -> Chain:
    """The residues of several chains one after the other, without their alignments."""
    confidence = None
    if any(chain.confidence is not None for chain in chains):
        known = (np.ones(len(c), np.float32) if c.confidence is None else c.confidence for c in chains)
        confidence = np.concatenate(list(known))
    return replace(
        chains[0],
        id="+".join(chain.id for chain in chains),
        aatype=np.concatenate([chain.aatype for chain in chains]),
        residue_index=np.concatenate([chain.residue_index for chain in chains]),
        positions=np.concatenate([chain.positions for chain in chains]),
        mask=np.concatenate([chain.mask for chain in chains]),
        alignment=None,
        confidence=confidence,
    )


def _columns(alignment: Alignment, chosen: Int[np.ndarray, " m"]) -> Alignment:
    if len(chosen) and (np.diff(chosen) == 1).all():
        return alignment.columns(int(chosen[0]), int(chosen[-1]) + 1)
    letters = np.ascontiguousarray(alignment.letters[:, chosen])
    return Alignment.of_letters(letters, alignment.deletions[:, chosen], alignment.descriptions)
