"""Folders of results made without a network, in the form that `foldwright predict` writes."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from foldwright.chem.atoms import ATOM_INDEX
from foldwright.io.modelcif import ModelDetails, modelcif_text
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
