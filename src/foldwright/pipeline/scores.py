"""What a prediction is worth by the network's own judgement, and the two JSON files that say so."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from foldwright.models.af2 import confidence
from foldwright.models.af2.outputs import AF2Output
from foldwright.pipeline.pair_scores import Placed, pair_scores
from foldwright.pipeline.rank import Confidence


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Confidence of one prediction; what needs the PAE head is None without it, ipTM also for one chain."""

    plddt: Float[np.ndarray, " n"]  # expected lDDT-Calpha, 0 to 100
    pae: Float[np.ndarray, "n n"] | None  # angstrom: error of the column's residue, aligned on the row's
    max_pae: float | None  # angstrom: the largest error that can be predicted
    ptm: float | None
    iptm: float | None
    chains: dict[str, dict[str, int | float]]  # by chain name: mean_plddt, ptm
    chain_pairs: dict[str, dict[str, int | float]]  # by "A-B": iptm, ipsae, pdockq ..., docs/scores.md

    @property
    def mean_plddt(self) -> float:
        return float(self.plddt.mean())

    @property
    def for_ranking(self) -> Confidence:
        return Confidence(mean_plddt=self.mean_plddt, ptm=self.ptm, iptm=self.iptm)

    def __str__(self) -> str:
        parts = [f"pLDDT {self.mean_plddt:.1f}"]
        parts += [] if self.ptm is None else [f"pTM {self.ptm:.2f}"]
        parts += [] if self.iptm is None else [f"ipTM {self.iptm:.2f}"]
        return " · ".join(parts)


def scores_of(output: AF2Output, asym_id: Int[torch.Tensor, " n"], chain_ids: tuple[str, ...]) -> Scores:
    """The confidence of one unpadded prediction, for the whole, for each chain and for each two chains."""
    found, asym_id = output.confidence, asym_id.cpu()
    plddt = found.plddt.cpu().numpy()
    pae = None if found.pae is None else found.pae.cpu().numpy()
    members = {name: (asym_id == i).nonzero()[:, 0] for i, name in enumerate(chain_ids, 1)}
    chains = {name: {"mean_plddt": float(plddt[i].mean())} for name, i in members.items()}
    placed = Placed.of_atoms(
        output.positions.float().cpu(), output.atom_mask.float().cpu(), found.plddt.cpu(), _on_cpu(found.pae)
    )
    pairs = {f"{a}-{b}": pair_scores(placed, members[a], members[b]) for a, b in combinations(chain_ids, 2)}
    if output.pae_logits is not None:
        mask = torch.ones_like(asym_id, dtype=torch.float32)
        table = confidence.directed_chain_pair_iptm(output.pae_logits.float().cpu(), mask, asym_id).tolist()
        for i, name in enumerate(chain_ids):
            chains[name]["ptm"] = table[i][i]
        for (i, a), (j, b) in combinations(enumerate(chain_ids), 2):
            pairs[f"{a}-{b}"] = _both_ways(table[i][j], table[j][i]) | pairs[f"{a}-{b}"]
    return Scores(
        plddt=plddt,
        pae=pae,
        max_pae=_number(found.max_pae),
        ptm=_number(found.ptm),
        iptm=_number(found.iptm) if len(chain_ids) > 1 else None,
        chains=chains,
        chain_pairs=pairs,
    )


def scores_record(scores: Scores) -> dict[str, Any]:
    """The content of scores.json: numbers rounded to what they mean."""
    return {
        "ranking_confidence": round(scores.for_ranking.score, 4),
        "mean_plddt": round(scores.mean_plddt, 2),
        "ptm": _rounded(scores.ptm),
        "iptm": _rounded(scores.iptm),
        "chains": {name: _rounded_all(values) for name, values in scores.chains.items()},
        "chain_pairs": {name: _rounded_all(values) for name, values in scores.chain_pairs.items()},
        "plddt": _two_decimals(scores.plddt),
        "max_pae": _rounded(scores.max_pae),
        "pae": None if scores.pae is None else _two_decimals(scores.pae),
    }


def scores_from_record(record: dict[str, Any]) -> Scores:
    """Scores as scores.json tells them."""
    return Scores(
        plddt=np.array(record["plddt"], np.float32),
        pae=None if record["pae"] is None else np.array(record["pae"], np.float32),
        **{name: record[name] for name in ("max_pae", "ptm", "iptm", "chains", "chain_pairs")},
    )


def pae_record(pae: Float[np.ndarray, "n n"], max_pae: float) -> list[dict[str, Any]]:
    """The content of a PAE file of the AlphaFold Protein Structure Database: whole angstrom, row aligned on."""
    return [{"predicted_aligned_error": np.rint(pae).astype(int), "max_predicted_aligned_error": round(max_pae, 2)}]


def _both_ways(forward: float, backward: float) -> dict[str, int | float]:
    """ipTM of two chains: the better direction, aligned on the first, aligned on the second."""
    return {"iptm": max(forward, backward), "iptm_forward": forward, "iptm_backward": backward}


def _on_cpu(values: torch.Tensor | None) -> torch.Tensor | None:
    return None if values is None else values.cpu()


def _number(value: torch.Tensor | None) -> float | None:
    return None if value is None else float(value)


def _rounded(value: int | float | None) -> int | float | None:
    return None if value is None else round(value, 4)


def _rounded_all(values: dict[str, int | float]) -> dict[str, int | float | None]:
    return {name: _rounded(value) for name, value in values.items()}


def _two_decimals(values: np.ndarray) -> list:
    return np.round(values.astype(float), 2).tolist()
