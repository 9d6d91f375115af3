"""One structure that AlphaFold 3 made of one complex, and what its confidence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from foldwright.features.af3.batch import AF3Batch
from foldwright.io.complexes.confidences import Confidences, SummaryConfidences
from foldwright.io.complexes.structure import PROTEIN, ComplexStructure
from foldwright.metrics.af3_scores import Scores, ranking_score, scores
from foldwright.metrics.clash import has_clash
from foldwright.metrics.disorder import ProteinChain, fraction_disordered
from foldwright.models.af3.model import AF3Output
from foldwright.models.af3.outputs import Confidence
from foldwright.models.af3.scores import predicted_errors

LAYOUT = "layout:token_atoms_layout/"
_FIELDS = {
    "atom_names": "atom_name",
    "elements": "atom_element",
    "residue_names": "res_name",
    "residue_ids": "res_id",
    "chain_ids": "chain_id",
    "chain_types": "chain_type",
}
Features = Mapping[str, np.ndarray]  # under the names of the released program


@dataclass(frozen=True, kw_only=True, eq=False)
class ComplexPrediction:
    """One sample of one seed."""

    job: str
    model: str
    seed: int
    sample: int
    structure: ComplexStructure  # pLDDT in its B factors
    confidences: Confidences
    summary: SummaryConfidences
    paths: Mapping[str, Path] = field(default_factory=dict)  # cif, confidences, summary; empty if nothing was written
    record: Mapping[str, Any] = field(default_factory=dict)  # how it was made: what run.json says of it

    @property
    def name(self) -> str:
        return sample_name(self.seed, self.sample)

    @property
    def ranking_score(self) -> float:
        """What it is ranked by; of one that was read from files exactly what it was when it was made."""
        return self.record.get("ranking_score", self.summary.ranking_score)

    @property
    def mean_plddt(self) -> float:
        """The mean over all atoms, 0 to 100."""
        return float(self.structure.b_factors.mean())

    def __str__(self) -> str:
        parts = [f"pLDDT {self.mean_plddt:.1f}", f"pTM {self.summary.ptm:.2f}"]
        parts += [] if np.isnan(self.summary.iptm) else [f"ipTM {self.summary.iptm:.2f}"]
        return " · ".join([*parts, f"ranking score {self.ranking_score:.3f}"])


def sample_name(seed: int, sample: int) -> str:
    """The folder of a sample's files, and what its job's records call it."""
    return f"seed-{seed}_sample-{sample}"


def predictions_of(
    output: AF3Output,
    batch: AF3Batch,
    features: Features,
    job: str,
    model: str,
    seed: int,
    samples: Sequence[int],
) -> list[ComplexPrediction]:
    """Every structure of an output with its scores; padding is left out."""
    output = output.map(lambda x: x.float().cpu() if x.is_floating_point() else x.cpu())
    found = []
    for place, sample in enumerate(samples):
        confidence = output.confidence.map(lambda x, i=place: x[i])
        structure = structure_of(features, output.positions[place].numpy(), confidence.plddt.numpy())
        found_scores = scores(predicted_errors(batch, confidence, output.contact_probabilities))
        confidences = confidences_of(features, structure, confidence, output.contact_probabilities.numpy())
        summary = summary_of(found_scores, structure, confidences.token_chain_ids)
        found.append(
            ComplexPrediction(
                job=job,
                model=model,
                seed=seed,
                sample=sample,
                structure=structure,
                confidences=confidences,
                summary=summary,
                record={"average_pde": float(confidence.average_pde)},
            )
        )
    return found


def structure_of(features: Features, positions: np.ndarray, plddt: np.ndarray) -> ComplexStructure:
    """The atoms of a prediction in the order of its files; positions [n 24 3] and pLDDT [n 24] may be padded."""
    mask = features["pred_dense_atom_mask"].astype(bool)
    columns = {name: features[f"{LAYOUT}{key}"][mask] for name, key in _FIELDS.items()}
    return ComplexStructure(
        **columns,
        positions=positions[mask].astype(np.float32),
        b_factors=plddt[mask].astype(np.float32),
    )


def confidences_of(
    features: Features, structure: ComplexStructure, confidence: Confidence, contacts: np.ndarray
) -> Confidences:
    """The long confidence file."""
    n = int(features["seq_mask"].sum())
    chains, residues = token_names(features)
    return Confidences(
        atom_chain_ids=structure.chain_ids.tolist(),
        atom_plddts=structure.b_factors,
        contact_probs=contacts[:n, :n],
        pae=confidence.pae.numpy()[:n, :n],
        token_chain_ids=chains,
        token_res_ids=residues,
    )


def token_names(features: Features) -> tuple[list[str], list[int]]:
    """The chain and the number in it of every token's residue."""
    mask = features["pred_dense_atom_mask"].astype(bool)
    first = mask.argmax(-1)
    tokens = np.flatnonzero(features["seq_mask"])
    chains = features[f"{LAYOUT}chain_id"][tokens, first[tokens]]
    return chains.tolist(), features["residue_index"][tokens].astype(int).tolist()


def summary_of(found: Scores, structure: ComplexStructure, token_chain_ids: Sequence[str]) -> SummaryConfidences:
    """The short confidence file."""
    disordered, clashes = fraction_disordered(protein_chains(structure)), has_polymer_clash(structure)
    return SummaryConfidences(
        chain_ids=token_chain_ids,
        chain_iptm=found.chain_iptm,
        chain_pair_iptm=found.chain_pair_iptm,
        chain_pair_pae_min=found.chain_pair_pae_min,
        chain_ptm=found.chain_ptm,
        fraction_disordered=disordered,
        has_clash=clashes,
        iptm=found.iptm,
        ptm=found.ptm,
        ranking_score=ranking_score(found.ptm, found.iptm, disordered, clashes),
    )


def has_polymer_clash(structure: ComplexStructure) -> bool:
    """Whether proteins and nucleic acids lie in each other."""
    polymers = structure.take(structure.is_polymer)
    return len(polymers) > 0 and has_clash(polymers.positions, polymers.chain_ids, polymers.residue_ids)


def protein_chains(structure: ComplexStructure) -> list[ProteinChain]:
    """The chains in which disorder is measured."""
    starts = structure.chain_starts
    slices = [slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(structure)], strict=True)]
    return [
        ProteinChain(
            positions=structure.positions[part],
            atom_names=structure.atom_names[part],
            residue_names=structure.residue_names[part],
            residue_ids=structure.residue_ids[part],
        )
        for part in slices
        if structure.chain_types[part.start] == PROTEIN
    ]
