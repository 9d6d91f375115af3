"""The official files of every sample that a bundle of AlphaFold 3 holds, against ours: names, and rounded numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from foldwright.io.complexes.confidences import Confidences, SummaryConfidences, read_confidences, read_summary
from foldwright.io.complexes.structure import ComplexStructure, read_complex
from foldwright.verification.af3_metrics import Sample, as_numbers, as_output, ordinals
from foldwright.verification.af3_run import Run
from foldwright.verification.bundles import Bundle, Output

FOLDER = re.compile(r"files_sample-(\d+)")
Pairs = Mapping[str, tuple[Output | None, np.ndarray]]
CENTI, DECI, MILLI = 0.005, 0.05, 0.0005  # half a unit of the last decimal
LARGEST_PLDDT = 99.99  # as written


def compare_files(bundle: Bundle, run: Run) -> Pairs:
    """Ours and theirs of everything in the files, by `files_sample-<number>/<kind>/<name>`.

    Raises:
        InputError: a file that is not one of its kind.
    """
    return dict(_rows(bundle.path.parent, run))


def _rows(folder: Path, run: Run) -> Iterator[tuple[str, tuple[Output | None, np.ndarray]]]:
    for path in sorted(folder.iterdir()):
        match = FOLDER.fullmatch(path.name)
        if match is None:
            continue
        sample = Sample(run, int(match[1]))
        kinds = {"model.cif": _structure, "summary_confidences.json": _summary, "confidences.json": _confidences}
        for file in sorted(path.iterdir()):
            kind = next((kind for kind in kinds if file.name.endswith(kind)), None)
            if kind is not None:
                name = f"{path.name}/{kind.partition('.')[0]}"
                yield from ((f"{name}/{key}", pair) for key, pair in kinds[kind](file, sample).items())


def _structure(file: Path, sample: Sample) -> Pairs:
    theirs, ours = read_complex(file), sample.structure
    return {
        "positions": (as_output(ours.positions, MILLI), as_numbers(theirs.positions)),
        "b_factors": (as_output(ours.b_factors, CENTI), as_numbers(theirs.b_factors)),
        "residue_ids": (as_output(ours.residue_ids), as_numbers(theirs.residue_ids)),
        **_names(ours, theirs),
    }


def _names(ours: ComplexStructure, theirs: ComplexStructure) -> Pairs:
    """Names as numbers, so that they compare like everything else."""
    return {
        "chain_ids": (as_output(ordinals(ours.chain_ids)), as_numbers(ordinals(theirs.chain_ids))),
        **{name: as_codes(getattr(ours, name), getattr(theirs, name)) for name in ("atom_names", "elements")},
    }


def as_codes(ours: np.ndarray, theirs: np.ndarray) -> tuple[Output, np.ndarray]:
    """Two lists of words by their places in the list of all their words, from 1."""
    codes = {word: float(i) for i, word in enumerate(np.unique([*ours, *theirs]).tolist(), start=1)}
    return as_output([codes[x] for x in ours.tolist()]), as_numbers([codes[x] for x in theirs.tolist()])


def _summary(file: Path, sample: Sample) -> Pairs:
    theirs, scores = read_summary(file), sample.scores
    ours = SummaryConfidences(
        chain_ids=sample.chains.astype(str).tolist(),
        chain_iptm=scores.chain_iptm,
        chain_pair_iptm=scores.chain_pair_iptm,
        chain_pair_pae_min=scores.chain_pair_pae_min,
        chain_ptm=scores.chain_ptm,
        fraction_disordered=sample.disordered,
        has_clash=sample.has_clash,
        iptm=scores.iptm,
        ptm=scores.ptm,
        ranking_score=sample.ranking_score,
    )
    pairs = {
        name: (as_output(value, CENTI), as_numbers(getattr(theirs, name)))
        for name, value in vars(ours).items()
        if name != "chain_ids"
    }
    return {**pairs, "chain_ids": (as_output(ordinals(ours.chain_ids)), as_numbers(ordinals(theirs.chain_ids)))}


def _confidences(file: Path, sample: Sample) -> Pairs:
    theirs: Confidences = read_confidences(file)
    output, structure = sample.run.output, sample.structure
    keep = sample.run.batch.tokens.mask > 0
    both = torch.outer(keep, keep)
    n = int(keep.sum())
    contacts = output.contact_probabilities[both].view(n, n).numpy()
    pae = output.confidence.pae[sample.number][both].view(n, n).numpy()
    plddt = np.minimum(structure.b_factors, LARGEST_PLDDT)
    return {
        "atom_plddts": (as_output(plddt, CENTI), as_numbers(theirs.atom_plddts)),
        "contact_probs": (as_output(contacts, CENTI), as_numbers(theirs.contact_probs)),
        "pae": (as_output(pae, DECI), as_numbers(theirs.pae)),
        "token_res_ids": (as_output(sample.residues), as_numbers(theirs.token_res_ids)),
        "token_chain_ids": (as_output(ordinals(sample.chains)), as_numbers(ordinals(theirs.token_chain_ids))),
        "atom_chain_ids": (as_output(ordinals(structure.chain_ids)), as_numbers(ordinals(theirs.atom_chain_ids))),
    }
