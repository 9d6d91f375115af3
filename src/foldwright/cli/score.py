"""`foldwright score`: how sure a prediction is of itself, or how close a model is to a reference structure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import gemmi
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from foldwright.chem.atoms import ATOM_INDEX, SWAPPABLE_ATOMS
from foldwright.chem.residues import ONE_TO_THREE
from foldwright.cli.confidence_table import confidence_table
from foldwright.errors import InputError
from foldwright.io.pae import find_pae, read_pae
from foldwright.io.structure import Structure
from foldwright.io.structure_files import read_structure
from foldwright.metrics import gdt, lddt, rmsd, tm
from foldwright.metrics.ipsae import PAE_CUTOFF
from foldwright.pipeline.judging import judge

CA = ATOM_INDEX["CA"]
LEAST_IDENTITY = 0.3  # of chains that are compared
# Mariani et al. (2013): besides the atoms that AlphaFold renames, these differ in name only.
EQUIVALENT_ATOMS = {
    **SWAPPABLE_ATOMS,
    "ARG": (("NH1", "NH2"),),
    "LEU": (("CD1", "CD2"),),
    "VAL": (("CG1", "CG2"),),
}


@dataclass(frozen=True)
class ResidueScore:
    """One pair of residues; None where there is nothing to compare."""

    chain: str
    number: int
    insertion_code: str
    residue: str
    model_chain: str
    model_number: int
    lddt: float | None
    lddt_ca: float | None
    distance: float  # angstrom between the C-alphas, all pairs superposed


@dataclass(frozen=True)
class Scores:
    """lDDT, TM and GDT from 0 to 1, RMSD of C-alphas in angstrom."""

    lddt: float | None  # mean over residues
    lddt_ca: float | None
    tm: float  # by the pairs of residues found here
    tm_align: float | None  # by the structural alignment of TM-align, if asked for
    gdt_ts: float
    gdt_ha: float
    rmsd: float
    sequence_identity: float  # of matched residues
    num_matched: int  # residues with a C-alpha in both structures
    num_model: int
    num_reference: int
    residues: tuple[ResidueScore, ...]


def score(
    model: Annotated[Path, typer.Argument(help="The structure to judge: PDB or mmCIF, .gz or plain.")],
    reference: Annotated[Path | None, typer.Argument(help="The structure it should be.")] = None,
    pae: Annotated[
        Path | None,
        typer.Option(
            help="Its aligned errors: JSON of Foldwright, AlphaFold 2 or 3, ColabFold. Else looked for beside it."
        ),
    ] = None,
    pae_cutoff: Annotated[float, typer.Option(help="Pairs of residues below it count in ipSAE, in Å.")] = PAE_CUTOFF,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, per residue too, as JSON.")] = False,
    tm_align: Annotated[
        bool, typer.Option("--tm-align", help="Also align the structures whatever their sequences.")
    ] = False,
) -> None:
    """Judge a prediction: by its own confidence, or with a reference by lDDT, TM-score, GDT and RMSD.

    Without a reference: pLDDT (from the B factors), and for each two chains ipTM, ipSAE, pDockQ, pDockQ2, LIS and
    contacts, from the aligned errors that AlphaFold 2 or 3, ColabFold or Foldwright wrote next to the structure.

    With one: residues are matched by chain and number where the sequences agree, else by aligning the sequences. TM and
    GDT count the residues of the reference. Chains with the same sequence are matched by name, then in order.
    """
    if reference is None:
        _show_confidence(model, pae, pae_cutoff, as_json)
    else:
        _show_comparison(model, reference, as_json, tm_align)


def _show_confidence(model: Path, pae: Path | None, pae_cutoff: float, as_json: bool) -> None:
    if pae_cutoff <= 0:
        raise InputError(f"{pae_cutoff} is no error.", field="--pae-cutoff", remedy="Give angstroms, 10 for example.")
    structure, file = _read(model), pae or find_pae(model)
    judgement = judge(structure, read_pae(file) if file else None, file, pae_cutoff)
    if as_json:
        about = {"model": str(model), "pae": file and str(file), "pae_cutoff": pae_cutoff}
        print(json.dumps({**about, **asdict(judgement)}, indent=1))
    else:
        Console().print(confidence_table(judgement, model, file))


def _show_comparison(model: Path, reference: Path, as_json: bool, tm_align: bool) -> None:
    a, b = _read(model), _read(reference)
    pairs = match_residues(a, b)
    if len(pairs) < 3:
        remedy = "Are these structures of the same protein?"
        raise InputError(f"only {len(pairs)} residues of {reference} are found in it.", file=model, remedy=remedy)
    scores = compare(a, b, pairs)
    if tm_align:
        scores = replace(scores, tm_align=tm.tm_align_score(*_trace(a), *_trace(b)))
    if as_json:
        print(json.dumps({"model": str(model), "reference": str(reference), **asdict(scores)}, indent=1))
    else:
        Console().print(_table(scores, model, reference))


def _read(path: Path) -> Structure:
    structure = read_structure(path)
    if not structure.mask[:, CA].any():
        raise InputError("no residue has a C-alpha atom.", file=path, remedy="Give a file with a protein chain.")
    return structure


def compare(model: Structure, reference: Structure, pairs: np.ndarray) -> Scores:
    """Every score of residues paired as [(model, reference), ...]."""
    a, b = pairs.T
    ca, true_ca = (torch.tensor(s.positions[i, CA], dtype=torch.float64) for s, i in ((model, a), (reference, b)))
    known = torch.ones(len(pairs), dtype=torch.float64)
    length = int(reference.mask[:, CA].sum())
    per_residue, per_ca = all_atom_lddt(model, reference, pairs), lddt.lddt_ca(ca, true_ca, known)
    shares = gdt.shares_within(ca, true_ca, length, sorted({*gdt.TOTAL_SCORE, *gdt.HIGH_ACCURACY}))
    distances = rmsd.superposed_distances(ca, true_ca, known)
    return Scores(
        lddt=_mean(per_residue),
        lddt_ca=_mean(per_ca),
        tm=float(tm.tm_score(ca, true_ca, length)),
        tm_align=None,
        gdt_ts=fmean(shares[cutoff] for cutoff in gdt.TOTAL_SCORE),
        gdt_ha=fmean(shares[cutoff] for cutoff in gdt.HIGH_ACCURACY),
        rmsd=float(rmsd.rmsd(ca, true_ca, known)),
        sequence_identity=float((model.aatype[a] == reference.aatype[b]).mean()),
        num_matched=len(pairs),
        num_model=int(model.mask[:, CA].sum()),
        num_reference=length,
        residues=tuple(
            ResidueScore(
                chain=reference.chain_ids[reference.chain_index[j]],
                number=int(reference.author_numbers[j]),
                insertion_code=str(reference.insertion_codes[j]),
                residue=str(reference.residue_names[j]),
                model_chain=model.chain_ids[model.chain_index[i]],
                model_number=int(model.author_numbers[i]),
                lddt=_number(per_residue[k]),
                lddt_ca=_number(per_ca[k]),
                distance=round(float(distances[k]), 4),
            )
            for k, (i, j) in enumerate(pairs)
        ),
    )


def all_atom_lddt(model: Structure, reference: Structure, pairs: np.ndarray) -> torch.Tensor:
    """lDDT of each pair over the atoms known in both, equivalent atoms named as suits best: [pairs]."""
    a, b = pairs.T
    group, atom = np.nonzero(model.mask[a] * reference.mask[b])
    other = _equivalent_atoms(reference.sequence, model.mask)[b][group, atom]
    has_both = (model.mask[a[group], other] * reference.mask[b[group], other]) > 0
    other = np.where(has_both, other, atom)
    given, renamed = (torch.tensor(model.positions[a[group], slot], dtype=torch.float64) for slot in (atom, other))
    truth = torch.tensor(reference.positions[b[group], atom], dtype=torch.float64)
    index, mask = torch.tensor(group), torch.ones(len(group), dtype=torch.float64)
    best = lddt.better_names(given, renamed, truth, mask, index)
    return lddt.lddt_all_atom(best, truth, mask, index)


def _equivalent_atoms(sequence: str, mask: np.ndarray) -> np.ndarray:
    """For each residue and atom the atom that could have its name: [n 37]."""
    table = np.tile(np.arange(mask.shape[-1]), (len(sequence), 1))
    letters = np.array(list(sequence))
    for letter, residue in ONE_TO_THREE.items():
        for names in EQUIVALENT_ATOMS.get(residue, ()):
            i, j = (ATOM_INDEX[name] for name in names)
            table[np.ix_(letters == letter, [i, j])] = j, i
    return table


def match_residues(model: Structure, reference: Structure) -> np.ndarray:
    """Residues that correspond and have a C-alpha in both: [pairs 2] of (model, reference)."""
    found: list[tuple[int, int]] = []
    for i, j in match_chains(model, reference):
        a, b = (np.arange(*s.chain_borders[k]) for s, k in ((model, i), (reference, j)))
        found += by_number(model, reference, a, b) or by_alignment(model, reference, a, b)
    return np.array([(i, j) for i, j in found if model.mask[i, CA] * reference.mask[j, CA] > 0]).reshape(-1, 2)


def match_chains(model: Structure, reference: Structure) -> list[tuple[int, int]]:
    """Pairs of chains, the most similar first; of equals, those of the same name, then those of the same place."""
    candidates = [
        (-_identity(a, b), model.chain_ids[i] != reference.chain_ids[j], abs(i - j), i, j)
        for i, a in enumerate(model.sequences)
        for j, b in enumerate(reference.sequences)
    ]
    pairs: list[tuple[int, int]] = []
    for negative_identity, _, _, i, j in sorted(candidates):
        is_free = all(i != taken and j != met for taken, met in pairs)
        if is_free and -negative_identity >= LEAST_IDENTITY:
            pairs.append((i, j))
    return sorted(pairs, key=lambda pair: pair[1])


def by_number(model: Structure, reference: Structure, a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """Residues of the same number, or nothing if their types differ or the numbers hardly overlap."""
    numbers, true_numbers = (
        {(int(s.author_numbers[i]), str(s.insertion_codes[i])): int(i) for i in chain if s.mask[i, CA] > 0}
        for s, chain in ((model, a), (reference, b))
    )
    pairs = [(numbers[key], true_numbers[key]) for key in true_numbers if key in numbers]
    overlap = len(pairs) / max(1, min(len(numbers), len(true_numbers)))
    agrees = all(model.aatype[i] == reference.aatype[j] for i, j in pairs)
    return pairs if agrees and overlap > 0.9 else []


def by_alignment(model: Structure, reference: Structure, a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """Residues that stand together in a global alignment of the two sequences."""
    first, second = (_letters(s, chain) for s, chain in ((model, a), (reference, b)))
    aligned = _align(first, second)
    rows = aligned.add_gaps(first, 1), aligned.add_gaps(second, 2)
    pairs, i, j = [], 0, 0
    for x, y in zip(*rows, strict=True):
        if x != "-" and y != "-":
            pairs.append((int(a[i]), int(b[j])))
        i, j = i + (x != "-"), j + (y != "-")
    return pairs


def _letters(structure: Structure, chain: np.ndarray) -> str:
    return structure.sequence[chain[0] : chain[-1] + 1]


def _align(first: str, second: str) -> gemmi.AlignmentResult:
    a, b = (gemmi.expand_one_letter_sequence(s, gemmi.ResidueKind.AA) for s in (first, second))
    return gemmi.align_string_sequences(a, b, [])


def _identity(first: str, second: str) -> float:
    """The share of the shorter sequence that an alignment finds in the other."""
    if first == second:
        return 1.0
    return _align(first, second).match_count / max(1, min(len(first), len(second)))


def _trace(structure: Structure) -> tuple[np.ndarray, str]:
    known = structure.mask[:, CA] > 0
    return structure.positions[known, CA], "".join(np.array(list(structure.sequence))[known])


def _mean(values: torch.Tensor) -> float | None:
    return _number(values.nanmean())


def _number(value: torch.Tensor) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def _table(scores: Scores, model: Path, reference: Path) -> Table:
    table = Table(title=f"{model.name} against {reference.name}", title_justify="left", show_header=False)
    rows: dict[str, Any] = {
        "lDDT": _shown(scores.lddt),
        "lDDT-Cα": _shown(scores.lddt_ca),
        "TM-score": _shown(scores.tm),
        "GDT-TS": _shown(scores.gdt_ts),
        "GDT-HA": _shown(scores.gdt_ha),
        "RMSD (Cα)": f"{scores.rmsd:.2f} Å",
        "sequence identity": f"{scores.sequence_identity:.0%}",
        "residues matched": f"{scores.num_matched} of {scores.num_reference} (model has {scores.num_model})",
    }
    if scores.tm_align is not None:
        rows["TM-score (TM-align)"] = _shown(scores.tm_align)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
