"""Folders of results made without a network, in the form that `foldwright predict` writes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.chem.components import Component, ComponentAtoms
from foldwright.chem.residues import ONE_TO_THREE
from foldwright.io.complexes.confidences import (
    Confidences,
    SummaryConfidences,
    confidences_text,
    ranking_text,
    summary_text,
)
from foldwright.io.complexes.modelcif import ComplexDetails, complex_cif_text
from foldwright.io.complexes.structure import PROTEIN, RNA, ComplexStructure
from foldwright.io.modelcif import ModelDetails, modelcif_text
from foldwright.io.packed import write_packed
from foldwright.io.pdb import pdb_text
from foldwright.io.structure import Structure
from foldwright.pipeline.pair_scores import Placed, pair_scores
from foldwright.pipeline.rank import Confidence, ranking_record
from foldwright.pipeline.records import to_json
from foldwright.pipeline.scores import Scores, pae_record, scores_record

# Radius (angstrom), angle (degrees) and height (angstrom) of a residue's atoms around the axis of an alpha helix.
HELIX = {"N": (1.55, -28, -0.9), "CA": (2.28, 0, 0), "C": (1.68, 26, 1.1), "O": (2.0, 19, 2.25), "CB": (3.2, -15, -1.0)}
LETTERS = "ADEKLMQRSVTIFWYN"
MAX_PAE = 31.75


def helices(lengths: Sequence[int]) -> Structure:
    """One helix for each chain, side by side, confident in the middle."""
    sequences = ["".join(LETTERS[(7 * i + chain) % 16] for i in range(n)) for chain, n in enumerate(lengths)]
    positions, mask = np.zeros((sum(lengths), 37, 3)), np.zeros((sum(lengths), 37))
    for name, (radius, angle, height) in HELIX.items():
        turns = np.concatenate([np.arange(n) for n in lengths])
        turned = np.radians(angle + 100 * turns)
        shift = 10 * np.repeat(np.arange(len(lengths)), lengths)
        xyz = np.stack([radius * np.cos(turned) + shift, radius * np.sin(turned), height + 1.5 * turns], axis=1)
        positions[:, ATOM_INDEX[name]], mask[:, ATOM_INDEX[name]] = xyz, 1
    plddt = np.concatenate([97 - 60 * np.abs(np.linspace(-1, 1, n)) ** 3 for n in lengths])
    return Structure.of_sequences(sequences, positions, mask, plddt, name="made")


def errors_of(structure: Structure) -> np.ndarray:
    """Expected errors that grow with distance and with doubt in either residue, and are larger between chains."""
    centres = structure.positions[:, ATOM_INDEX["CA"]]
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    doubt = (100 - structure.residue_b_factors) / 8
    between = structure.chain_index[:, None] != structure.chain_index[None]
    return np.clip(0.3 + 0.07 * distance + doubt[None] + 0.5 * doubt[:, None] + 5 * between, 0, MAX_PAE)


def scores_for(structure: Structure, pae: np.ndarray | None, ptm: float, iptm: float) -> Scores:
    plddt = structure.residue_b_factors
    chains = {name: {"mean_plddt": float(plddt[a:b].mean()), "ptm": ptm} for name, (a, b) in _borders(structure)}
    placed = Placed.of_atoms(
        torch.tensor(structure.positions),
        torch.tensor(structure.mask),
        torch.tensor(plddt),
        None if pae is None else torch.tensor(pae),
    )
    members = {name: torch.arange(a, b) for name, (a, b) in _borders(structure)}
    pairs = {
        f"{a}-{b}": {"iptm": iptm, "iptm_forward": iptm, "iptm_backward": iptm - 0.1}
        | pair_scores(placed, members[a], members[b])
        for a, b in combinations(members, 2)
    }
    is_complex = len(members) > 1
    return Scores(
        plddt=plddt,
        pae=pae,
        max_pae=None if pae is None else MAX_PAE,
        ptm=None if pae is None else ptm,
        iptm=iptm if is_complex and pae is not None else None,
        chains=chains,
        chain_pairs=pairs,
    )


def _borders(structure: Structure):
    return zip(structure.chain_ids, structure.chain_borders, strict=True)


def write_job(
    folder: Path,
    structure: Structure,
    *,
    models: Sequence[str] = ("model_1_ptm",),
    has_pae: bool = True,
    rows: int = 60,
    run: dict | None = None,
) -> Path:
    """A finished job: several models are the same structure, each less confident than the one before."""
    folder.mkdir(parents=True)
    confidences, records, times = {}, {}, {}
    for i, model in enumerate(models):
        name = f"{model}_seed0"
        less = 6.0 * i
        shown = Structure(**{**vars(structure), "b_factors": np.clip(structure.b_factors - less, 1, 100)})
        pae = np.clip(errors_of(shown), 0, MAX_PAE).astype(np.float32) if has_pae else None
        scores = scores_for(shown, pae, 0.86 - 0.05 * i, 0.74 - 0.1 * i)
        about = {"job": folder.name, "model": model, "seed": 0}
        files = {f"{name}.cif": modelcif_text(shown, ModelDetails()), f"{name}.pdb": pdb_text(shown)}
        files[f"{name}_scores.json"] = to_json(about | scores_record(scores), is_compact=True)
        if pae is not None:
            files[f"{name}_pae.json"] = to_json(pae_record(pae, MAX_PAE), is_compact=True)
        for file, text in files.items():
            (folder / file).write_text(text, "utf-8")
        confidences[name] = Confidence(mean_plddt=scores.mean_plddt, ptm=scores.ptm, iptm=scores.iptm)
        records[name] = {
            **about,
            "files": list(files),
            "mean_plddt": round(scores.mean_plddt, 2),
            "ptm": scores.ptm,
            "iptm": scores.iptm,
            "weights": {"source": "params.npz", "sha256": "ab" * 32, "licence": "CC BY 4.0"},
            "recycles_done": 3,
            "moved_angstrom": [4.2 + i, 1.1 + i, 0.4],
            "msa_rows": rows,
            "msa_clusters_used": rows,
            "msa_extra_rows_used": 0,
            "templates_used": 0,
        }
        times[name] = {"features": {"seconds": 0.2, "peak_memory_bytes": 5e8}, "network": {"seconds": 41.0}}
    chains = [
        {"chain": name, "residues": b - a, "msa": "given", "alignment_rows": rows, "templates": []}
        for name, (a, b) in _borders(structure)
    ]
    command = ["/usr/bin/foldwright", "predict", "my protein.fasta", "--out", "runs"]
    about = {"job": folder.name, "source": "my protein.fasta", "chains": chains, "warnings": []} | (run or {})
    execution = {"machine": {"command": command, "device": "cpu", "cores": 2}, "predictions": times}
    (folder / "run.json").write_text(to_json(about | {"predictions": records}), "utf-8")
    (folder / "execution.json").write_text(to_json(execution), "utf-8")
    (folder / "ranking.json").write_text(to_json(ranking_record(confidences)), "utf-8")
    (folder / "status.json").write_text(to_json({"status": "done", "predictions": list(records)}), "utf-8")
    for name, sequence in zip(structure.chain_ids, structure.sequences, strict=True):
        write_alignment(folder / "msas" / f"{name}.a3m", sequence, rows)
    return folder


def write_alignment(path: Path, query: str, rows: int) -> None:
    """Rows ever less like the query, each missing more of its end."""
    path.parent.mkdir(exist_ok=True)
    lines = [f">query\n{query}\n"]
    for i in range(1, rows):
        changed = "".join("G" if (j * 7 + i) % rows < 0.8 * i else letter for j, letter in enumerate(query))
        kept = max(3, len(query) * (rows - i // 2) // rows)
        lines.append(f">row{i}\n{changed[:kept]}{'-' * (len(query) - kept)}\n")
    path.write_text("".join(lines), "utf-8")


RIBOSE = {"P": (8.7, 70, -3.7), "O5'": (7.7, 77, -2.9), "C5'": (7.7, 84, -2.0), "C4'": (8.5, 92, -1.5)} | {
    "C3'": (8.7, 95, 0.0), "O3'": (9.4, 86, 0.6), "C1'": (6.3, 97, 0.5)
}  # fmt: skip
ATOM_ROW = ("chain_ids", "residue_ids", "residue_names", "atom_names", "elements", "positions", "chain_types")


NO_ATOMS = ComponentAtoms((), (), np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool))
NAMES = {"BNZ": "BENZENE", "MG": "MAGNESIUM ION", "SEP": "PHOSPHOSERINE"}
COMPONENTS = {
    code: Component(code, NAMES.get(code, code), "NON-POLYMER", "C6 H6", 78.1, None, "", NO_ATOMS)
    for code in (*ONE_TO_THREE.values(), *"ACGU", "DA", "DC", "DG", "DT", *NAMES)
}


def complex_of(copies: int = 2, residues: int = 20, bases: int = 6, has_ligands: bool = True) -> ComplexStructure:
    """Copies of a helix with a phosphoserine each, RNA, a ring of carbon (chain X) and magnesium (chain Y)."""
    rows = [row for i in range(copies) for row in _protein("AB"[i], residues, 10 * i)]
    rows += [
        ("R", n + 1, "GACU"[n % 4], name, name[0], _around(at, 33 * n, 2.8 * n, shift=-25), RNA)
        for n in range(bases)
        for name, at in RIBOSE.items()
    ]
    ring = [_around((1.4, 60 * i, 0), 0, 12, shift=-8) for i in range(6)]
    small = [("X", 1, "BNZ", f"C{i + 1}", "C", at, "non-polymer") for i, at in enumerate(ring)]
    small.append(("Y", 1, "MG", "MG", "MG", np.array([-8.0, 5.0, 12.0]), "non-polymer"))
    rows += small if has_ligands else []
    columns = {name: np.array(column) for name, column in zip(ATOM_ROW, zip(*rows, strict=True), strict=True)}
    columns["positions"] = columns["positions"].astype(np.float32)
    doubt = np.abs(np.linspace(-1, 1, len(rows)))
    return ComplexStructure(**columns, b_factors=(96 - 50 * doubt**2).round(2).astype(np.float32))


def _protein(chain: str, residues: int, shift: float):
    for n in range(residues):
        name = "SEP" if n == 4 else ONE_TO_THREE[LETTERS[7 * n % 16]]
        atoms = {atom: at for atom, at in HELIX.items() if atom != "CB" or name != "GLY"}
        atoms |= {"OG": (4.2, -10, 0), "P": (5.6, -8, 0.3)} if name == "SEP" else {}
        for atom, at in atoms.items():
            yield chain, n + 1, name, atom, atom[0], _around(at, 100 * n, 1.5 * n, shift), PROTEIN


def _around(at: tuple[float, float, float], turn: float, rise: float, shift: float) -> np.ndarray:
    radius, angle, height = at[0], np.radians(at[1] + turn), at[2] + rise
    return np.array([radius * np.cos(angle) + shift, radius * np.sin(angle), height])


def tokens_of(structure: ComplexStructure) -> np.ndarray:
    """The atoms that tokens start at: one for a standard residue, every one elsewhere (AF3 SI 2.6)."""
    is_whole = np.isin(structure.residue_names, [*ONE_TO_THREE.values(), *"ACGU", "DA", "DC", "DG", "DT"])
    starts = np.isin(np.arange(len(structure)), structure.residue_starts)
    return np.flatnonzero(starts | ~is_whole)


def write_complex_job(
    folder: Path,
    structure: ComplexStructure,
    *,
    samples: Sequence[tuple[int, int]] = ((1, 0), (1, 1)),
    run: dict | None = None,
    ending: str = "",
) -> Path:
    """A finished job of AlphaFold 3: every sample is the same structure, each less confident than the one before."""
    folder.mkdir(parents=True)
    starts, job = tokens_of(structure), folder.name
    chains = list(dict.fromkeys(structure.chain_ids.tolist()))
    rows = []
    for i, (seed, sample) in enumerate(samples):
        name = f"seed-{seed}_sample-{sample}"
        shown = replace(structure, b_factors=np.clip(structure.b_factors - 6 * i, 1, 100))
        confidences = confidences_of(shown, starts)
        summary = summary_of(confidences, chains, 0.8 - 0.1 * i)
        rows.append((seed, sample, summary.ranking_score))
        (folder / name).mkdir()
        text = complex_cif_text(shown, ComplexDetails(name=job, components=COMPONENTS))
        write_packed(folder / name / f"{job}_{name}_model.cif{ending}", text)
        write_packed(folder / name / f"{job}_{name}_confidences.json{ending}", confidences_text(confidences))
        (folder / name / f"{job}_{name}_summary_confidences.json").write_text(summary_text(summary), "utf-8")
    (folder / f"{job}_ranking_scores.csv").write_text(ranking_text(rows), "utf-8")
    for name, record in (run or {}).items():
        (folder / f"{name}.json").write_text(to_json(record), "utf-8")
    return folder


def confidences_of(structure: ComplexStructure, starts: np.ndarray) -> Confidences:
    centres, chains = structure.positions[starts], structure.chain_ids[starts]
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    doubt = (100 - structure.b_factors[starts]) / 8
    pae = 0.3 + 0.07 * distance + doubt[None] + 0.5 * doubt[:, None] + 5 * (chains[:, None] != chains[None])
    return Confidences(
        atom_chain_ids=structure.chain_ids.tolist(),
        atom_plddts=structure.b_factors,
        contact_probs=np.exp(-((distance / 10) ** 2)),
        pae=np.clip(pae, 0, MAX_PAE),
        token_chain_ids=chains.tolist(),
        token_res_ids=structure.residue_ids[starts].tolist(),
    )


def summary_of(confidences: Confidences, chains: Sequence[str], iptm: float) -> SummaryConfidences:
    n = len(chains)
    between = np.abs(np.arange(n)[:, None] - np.arange(n)[None])
    blocks = [np.array(confidences.token_chain_ids) == chain for chain in chains]
    lowest = np.array([[confidences.pae[np.ix_(a, b)].min() for b in blocks] for a in blocks])
    lowest[-1] = np.nan  # an ion has no frame
    return SummaryConfidences(
        chain_ids=confidences.token_chain_ids,
        chain_iptm=np.linspace(0.7, 0.5, n),
        chain_pair_iptm=np.clip(0.9 - 0.15 * between, 0, 1),
        chain_pair_pae_min=lowest,
        chain_ptm=np.array([*np.linspace(0.9, 0.6, n - 1), np.nan]),
        fraction_disordered=0.12,
        has_clash=False,
        iptm=iptm,
        ptm=iptm + 0.04,
        ranking_score=0.8 * iptm + 0.2 * (iptm + 0.04) + 0.06,
    )


@pytest.fixture(scope="session")
def make_complex():
    """Writes a finished job of a complex: `make_complex(folder, copies=1, bases=0, samples=((1, 0),))`."""

    def make(folder: Path, *, copies=2, residues=20, bases=6, has_ligands=True, **how) -> Path:
        return write_complex_job(folder, complex_of(copies, residues, bases, has_ligands), **how)

    return make


@pytest.fixture
def mixed(tmp_path, make_complex):
    """A job of two equal proteins (A, B), RNA (R), a ligand (X) and an ion (Y): two samples of one seed."""
    return make_complex(tmp_path / "runs" / "mixed")


@pytest.fixture(scope="session")
def make_job():
    """Writes a finished job of helices of these lengths: `make_job(folder, [30, 24], models=..., has_pae=...)`."""
    return lambda folder, lengths, **how: write_job(folder, helices(lengths), **how)


@pytest.fixture
def monomer(tmp_path, make_job):
    """A job of one chain of 40 residues with two models."""
    return make_job(tmp_path / "runs" / "helix", [40], models=("model_2_ptm", "model_1_ptm"))


@pytest.fixture
def dimer(tmp_path, make_job):
    """A job of two chains, 30 and 24 residues, with two models."""
    return make_job(tmp_path / "runs" / "pair", [30, 24], models=("model_1_multimer_v3", "model_3_multimer_v3"))
