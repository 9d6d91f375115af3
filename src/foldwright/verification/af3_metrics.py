"""The scores of every sample that a bundle of AlphaFold 3 holds, against ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foldwright.chem.elements import SYMBOLS
from foldwright.chem.residues import RESTYPE_NAMES
from foldwright.io.complexes.structure import DNA, PROTEIN, RNA, ComplexStructure
from foldwright.metrics.af3_scores import Scores, ranking_score, scores
from foldwright.metrics.disorder import fraction_disordered
from foldwright.models.af3.scores import predicted_errors
from foldwright.pipeline.complexes.results import has_polymer_clash, protein_chains
from foldwright.verification.af3_run import Run
from foldwright.verification.bundles import Bundle, Output


@dataclass(frozen=True)
class Sample:
    """One structure of a run and what follows from it; padding is left out."""

    run: Run
    number: int

    @cached_property
    def scores(self) -> Scores:
        """What the predicted errors say."""
        output, batch = self.run.output, self.run.batch
        confidence = output.confidence.map(lambda x: x[self.number])
        return scores(predicted_errors(batch, confidence, output.contact_probabilities))

    @cached_property
    def structure(self) -> ComplexStructure:
        """The atoms in the order of the files."""
        return structure_of(self.run, self.number)

    @cached_property
    def disordered(self) -> float:
        return fraction_disordered(protein_chains(self.structure))

    @cached_property
    def has_clash(self) -> bool:
        return has_polymer_clash(self.structure)

    @property
    def ranking_score(self) -> float:
        return ranking_score(self.scores.ptm, self.scores.iptm, self.disordered, self.has_clash)

    @property
    def mean_tm(self) -> float:
        """That of all chains; of one chain its own."""
        return self.scores.ptm if np.isnan(self.scores.iptm) else self.scores.mean_tm

    @property
    def average_pde(self) -> float:
        return float(self.run.output.confidence.average_pde[self.number])

    @property
    def chains(self) -> np.ndarray:
        """The chain of every token, as the batch counts them."""
        return self.run.tokens(self.run.batch.tokens.asym_id)

    @property
    def residues(self) -> np.ndarray:
        """The number of every token's residue."""
        return self.run.tokens(self.run.batch.tokens.residue_index)


METRICS: Mapping[str, Callable[[Sample], Any]] = {
    "predicted_distance_error": lambda s: s.average_pde,
    "ranking_score": lambda s: s.ranking_score,
    "fraction_disordered": lambda s: s.disordered,
    "has_clash": lambda s: s.has_clash,
    "predicted_tm_score": lambda s: s.scores.ptm,
    "interface_predicted_tm_score": lambda s: s.scores.iptm,
    "ptm": lambda s: s.scores.ptm,
    "iptm": lambda s: s.scores.iptm,
    "ptm_iptm_average": lambda s: s.scores.mean_tm,
    "chain_pair_pde_mean": lambda s: s.scores.chain_pair_pde_mean,
    "chain_pair_pde_min": lambda s: s.scores.chain_pair_pde_min,
    "chain_pair_pae_min": lambda s: s.scores.chain_pair_pae_min,
    "intra_chain_single_pde": lambda s: s.scores.pde_within,
    "cross_chain_single_pde": lambda s: s.scores.pde_across,
    "pae_ichain": lambda s: s.scores.pae_within,
    "pae_xchain": lambda s: s.scores.pae_across,
    "ranking_confidence": lambda s: s.mean_tm,
    "ranking_confidence_pae": lambda s: -s.scores.contact_pae,
    "chain_pair_iptm": lambda s: s.scores.chain_pair_iptm,
    "iptm_ichain": lambda s: s.scores.chain_ptm,
    "iptm_xchain": lambda s: s.scores.chain_iptm,
    "token_chain_ids": lambda s: ordinals(s.chains),
    "token_res_ids": lambda s: s.residues,
}


def compare_metrics(bundle: Bundle, run: Run) -> dict[str, tuple[Output | None, np.ndarray]]:
    """Ours and theirs of every metric of every sample, by `metrics/<sample>/<name>`."""
    if bundle.metrics is None:
        return {}
    told = bundle.json(bundle.metrics, "metrics")
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise bundle.error("metrics", "not a list with the scores of every sample.")
    return dict(_rows(told, run))


def _rows(told: list[dict[str, Any]], run: Run) -> Iterator[tuple[str, tuple[Output | None, np.ndarray]]]:
    for number, metrics in enumerate(told):
        sample = Sample(run, number)
        for name, value in metrics.items():
            theirs = ordinals(value) if name == "token_chain_ids" else as_numbers(value)
            ours = METRICS[name](sample) if name in METRICS and number < len(run.output.positions) else None
            yield f"metrics/{number}/{name}", (None if ours is None else as_output(ours), theirs)


def as_output(value: Any, rounding: float = 0.0) -> Output:
    """Numbers of ours as something to compare."""
    return Output(torch.as_tensor(as_numbers(value)), rounding=rounding)


def as_numbers(value: Any) -> np.ndarray:
    """Numbers and tables of JSON, null and NaN alike missing."""
    return np.array(value, dtype=float)


def ordinals(names: Any) -> np.ndarray:
    """Which of its chains each of many things is in, counted as they appear."""
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in np.asarray(names).tolist()])


def structure_of(run: Run, number: int) -> ComplexStructure:
    """The atoms of one sample in the order of the files, named by what the batch says of them."""
    tokens, mask, reference = run.batch.tokens, run.batch.atom_mask > 0, run.batch.reference

    def of_atoms(x: Tensor) -> np.ndarray:
        return x[:, None].expand(mask.shape)[mask].numpy()

    kinds = {PROTEIN: tokens.is_protein, RNA: tokens.is_rna, DNA: tokens.is_dna}
    return ComplexStructure(
        atom_names=np.array(["".join(chr(c + 32) for c in name if c) for name in reference.name_chars[mask].tolist()]),
        elements=np.array([SYMBOLS[number - 1] for number in reference.element[mask].tolist()]),
        residue_names=np.array(residue_names(run))[of_atoms(torch.arange(len(mask)))],
        residue_ids=of_atoms(tokens.residue_index),
        chain_ids=of_atoms(tokens.asym_id).astype(str),
        chain_types=np.select([of_atoms(x) for x in kinds.values()], list(kinds), "non-polymer"),
        positions=run.output.positions[number][mask].float().numpy(),
        b_factors=run.output.confidence.plddt[number][mask].float().numpy(),
    )


def residue_names(run: Run) -> list[str]:
    """The amino acid that each token is; nothing for other tokens, atoms of modified residues among them."""
    tokens = run.batch.tokens
    places = list(zip(tokens.asym_id.tolist(), tokens.residue_index.tolist(), strict=True))
    count = Counter(places)
    return [
        RESTYPE_NAMES[kind] if is_protein and kind < len(RESTYPE_NAMES) and count[place] == 1 else ""
        for place, kind, is_protein in zip(places, tokens.aatype.tolist(), tokens.is_protein.tolist(), strict=True)
    ]
