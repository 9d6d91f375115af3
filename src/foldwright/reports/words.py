"""What the numbers mean, in words: definitions for the tables, a verdict for the reader, descriptions for those who
cannot see the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from jaxtyping import Bool, Float

from foldwright.reports.alignments import IDENTITIES, Depth
from foldwright.reports.palette import CLASSES, confidence_class
from foldwright.reports.results import Chain, Model, Results


@dataclass(frozen=True)
class Score:
    """One score of the files: the name people use, its range, and what it says."""

    label: str
    range: str
    meaning: str
    digits: int = 2


SCORES: Mapping[str, Score] = {
    "mean_plddt": Score(
        "mean pLDDT",
        "0 to 100",
        "How well each residue's surroundings are expected to agree with the true structure, averaged. Local: it says "
        "nothing about how domains or chains lie to each other (AF2 Suppl. 1.9.6).",
    ),
    "ptm": Score(
        "pTM",
        "0 to 1",
        "Expected TM-score of the whole structure. Above 0.5 the fold is probably right. Large parts dominate it, and "
        "a disordered tail lowers it (AF2 Suppl. 1.9.7).",
    ),
    "iptm": Score(
        "ipTM",
        "0 to 1",
        "Expected TM-score over pairs of residues in different chains: how the chains lie to each other. Above 0.8 "
        "usually right, below 0.6 usually wrong, between them open. Disordered ends lower it (AF-Multimer, eq. 2).",
    ),
    "ipsae": Score(
        "ipSAE",
        "0 to 1",
        "ipTM over those pairs of residues only whose expected error is below 10 Å, so that disordered ends do not "
        "lower it; the better of the two directions (Dunbrack 2025, d0res).",
    ),
    "pdockq": Score(
        "pDockQ",
        "0 to 0.74",
        "DockQ expected from the number of contacts and the pLDDT of the residues that make them; above 0.23 the "
        "interface is probably acceptable (Bryant et al. 2022).",
    ),
    "pdockq2": Score(
        "pDockQ2",
        "0 to 1",
        "DockQ expected from the pLDDT and the expected errors of the contacts; above 0.23 probably acceptable "
        "(Zhu et al. 2023).",
    ),
    "lis": Score(
        "LIS",
        "0 to 1",
        "How small the expected errors are where they are below 12 Å at all; sees small interfaces between flexible "
        "chains (Kim et al. 2024).",
    ),
    "contacts": Score("contacts", "count", "Pairs of residues whose Cβ lie within 8 Å in the model.", digits=0),
    "interface_plddt": Score(
        "interface pLDDT", "0 to 100", "The mean pLDDT of the residues that make contacts.", digits=1
    ),
    "mean_pae": Score("mean PAE", "Å, lower is better", "The mean expected error between the two chains.", digits=1),
    "min_pae": Score("lowest PAE", "Å, lower is better", "The smallest expected error between them.", digits=1),
}

# AlphaFold 3's; the names of its summary files.
COMPLEX_SCORES: Mapping[str, Score] = {
    "ranking_score": Score(
        "ranking score",
        "-100 to 1.5",
        "0.8 ipTM + 0.2 pTM (pTM alone for one chain) + 0.5 times the disordered share - 100 if chains run through "
        "each other. It puts samples of one job in order and compares nothing else (AF3 SI 5.9.3).",
    ),
    "mean_plddt": Score(
        "mean pLDDT",
        "0 to 100",
        "How well the distances from each atom to its neighbours are expected to agree with the true structure, "
        "averaged over all atoms. Local: it says nothing about how chains lie to each other (AF3 SI 4.3.1).",
    ),
    "ptm": SCORES["ptm"],
    "iptm": Score(
        "ipTM",
        "0 to 1",
        "Expected TM-score over pairs of tokens in different chains. Above 0.8 usually right, below 0.6 usually wrong. "
        "Small chains and ligands weigh little in it: read the matrix of pairs for those (AF3 SI 5.9.1).",
    ),
    "fraction_disordered": Score(
        "disordered share", "0 to 1", "The share of protein residues that lie open to the solvent (AF3 SI 5.9.3)."
    ),
    "chain_pair_iptm": Score(
        "ipTM of two chains",
        "0 to 1",
        "ipTM over these two chains alone; on the diagonal pTM of the chain. Of a ligand with a protein it tells how "
        "well its place is known (AF3 SI 5.9.1).",
    ),
    "chain_pair_pae_min": Score(
        "lowest PAE of two chains",
        "Å, lower is better",
        "The smallest expected error of the column's tokens when one of the row's is laid in place. Low values go with "
        "true contacts; a chain without a frame, such as an ion, has no row.",
    ),
}


LIGAND_SCORES: Mapping[str, Score] = {
    "iptm": Score(
        "ipTM",
        "0 to 1",
        "Of the ligand with the polymer for which it is highest: how well its place there is known (AF3 SI 5.9.1).",
    ),
    "pae": Score(
        "lowest PAE",
        "Å, lower is better",
        "Of the ligand's atoms when the best placed residue of a polymer is laid in place.",
    ),
    "touches": Score("touches", "chains", "Chains with a heavy atom within 5 Å of one of the ligand's."),
    "chirality": Score(
        "chirality",
        "right of all",
        "Stereocentres of the model that are as the component's definition says. Networks get some wrong, and "
        "a ligand of the wrong hand is another molecule.",
    ),
    "bonds": Score("bonds", "outliers", "Bonds much longer or shorter than in the ideal component."),
    "clashes": Score("clashes", "count", "Atoms of other molecules that are nearer than atoms can be without a bond."),
}


@dataclass(frozen=True)
class Matrix:
    """A score of each two chains: its place in the files, and what is best and worst."""

    key: str
    label: str
    best: float
    worst: float
    digits: int

    def share(self, value: float) -> float:
        """0 for the worst, 1 for the best."""
        return min(1.0, max(0.0, (value - self.worst) / (self.best - self.worst)))


MATRICES = (
    Matrix("chain_pair_iptm", "ipTM of each two chains", 1.0, 0.0, 2),
    Matrix("chain_pair_pae_min", "Lowest expected error in Å, row laid in place", 0.0, 31.75, 1),
)

PAIR_SCORES = ("iptm", "ipsae", "pdockq", "pdockq2", "lis", "contacts", "interface_plddt", "mean_pae", "min_pae")


def verdicts(results: Results) -> Iterator[tuple[str, str, str]]:
    """For each headline score of the best model: its name, its value, and what it says of this structure."""
    if not results.models:
        return
    scores = results.models[0].scores
    if scores.get("ranking_score") is not None:
        yield "ranking score", f"{scores['ranking_score']:.2f}", "For the order of these samples only."
    yield "mean pLDDT", f"{scores['mean_plddt']:.1f}", _of_plddt(scores["mean_plddt"])
    if scores.get("ptm") is not None:
        yield "pTM", f"{scores['ptm']:.2f}", _of_ptm(scores["ptm"])
    if scores.get("iptm") is not None:
        yield "ipTM", f"{scores['iptm']:.2f}", _of_iptm(scores["iptm"])


def _of_plddt(value: float | int) -> str:
    return (
        "Each part is expected to be accurate, most side chains included.",
        "The course of the backbone is expected to be right; side chains less so.",
        "Parts may be right; look at the colours before you trust one.",
        "Not to be trusted, or disordered: such regions often have no fixed structure.",
    )[confidence_class(value)]


def _of_ptm(value: float | int) -> str:
    if value > 0.8:
        return "The arrangement of the whole is expected to be right."
    if value > 0.5:
        return "The overall fold is probably right; domains may be turned against each other."
    return "The arrangement of the whole is not to be trusted, even where parts of it are."


def _of_iptm(value: float | int) -> str:
    if value > 0.8:
        return "How the chains lie to each other is expected to be right."
    if value > 0.6:
        return "How the chains lie to each other may be right or wrong."
    return "How the chains lie to each other is not to be trusted; they may not bind at all."


def describe_chain(chain: Chain, components: Mapping[str, Mapping[str, str]]) -> str:
    """Residues of a polymer, components of anything else."""
    if chain.sequence:
        modified = [f"{place.name} {place.number}" for place in chain.places if len(place.name) > 1]
        kept = list(dict.fromkeys(modified))
        more = f", {', '.join(kept[:6])}{' …' if len(kept) > 6 else ''}" if kept else ""
        return f"{len(chain.sequence):,} residues{more}"
    codes = list({place.number: place.name for place in chain.places}.values())
    about = components.get(codes[0], {})
    if len(codes) > 1:
        return "-".join(codes)
    told = about.get("name") or about.get("smiles") or about.get("formula")
    return f"{codes[0]}: {told}" if told else codes[0]


def describe_plddt(plddt: Float[np.ndarray, " n"], chains: Sequence[Chain]) -> str:
    """Shares of the four classes, and where confidence is lowest."""
    classes = np.array([confidence_class(value) for value in plddt.tolist()])
    shares = [f"{100 * (classes == i).mean():.0f}% {name}" for i, (_, _, name) in enumerate(CLASSES)]
    doubtful = stretches(classes == len(CLASSES) - 1, chains)
    where = f" Very low: {', '.join(doubtful)}." if doubtful else ""
    return f"Mean {plddt.mean():.1f}: {', '.join(shares)}.{where}"


def stretches(chosen: Bool[np.ndarray, " n"], chains: Sequence[Chain], most: int = 8) -> list[str]:
    """Runs of chosen residues as people write them: A 1-7; the longest ones, in their order."""
    runs = [
        (chain, [i - chain.start + 1 for i in run])
        for chain in chains
        for is_chosen, run in groupby(range(chain.start, chain.stop), key=lambda i: bool(chosen[i]))
        if is_chosen
    ]
    longest = sorted(sorted(range(len(runs)), key=lambda k: -len(runs[k][1]))[:most])
    names = [f"{runs[k][0].name} " if len(chains) > 1 else "" for k in longest]
    found = [f"{name}{_span(runs[k][1])}" for name, k in zip(names, longest, strict=True)]
    return found + ([f"and {len(runs) - most} shorter stretches"] if len(runs) > most else [])


def describe_errors(pae: Float[np.ndarray, "n n"], chains: Sequence[Chain]) -> str:
    """Mean errors within and between chains."""
    blocks = [(a, b, float(pae[a.start : a.stop, b.start : b.stop].mean())) for a in chains for b in chains]
    within = ", ".join(f"{a.name} {value:.1f} Å" for a, b, value in blocks if a is b)
    text = f"Mean expected error within chains: {within}."
    between = [value for a, b, value in blocks if a is not b]
    return text + (f" Between chains: {min(between):.1f} to {max(between):.1f} Å." if between else "")


def describe_depth(depth: Depth) -> str:
    """How many sequences, and where they are few."""
    total = depth.total
    close = sum(rows for rows, bound in zip(depth.class_rows, IDENTITIES, strict=True) if bound >= 0.5)
    return (
        f"{depth.rows:,} sequences, the query among them; {close:,} are at least 50% identical to it. "
        f"Half of the positions are covered by {int(np.median(total)):,} or more, the thinnest by {int(total.min()):,}."
    )


def describe_recycling(model: Model) -> str:
    """The first and the last step of the recycling passes."""
    moved = model.record.get("moved_angstrom") or []
    if not moved:
        return "One pass only; nothing to compare."
    return f"{model.name}: {moved[0]:.2f} Å in the first recycle, {moved[-1]:.2f} Å in the last of {len(moved)}."


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
