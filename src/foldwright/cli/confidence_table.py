"""What a prediction says of itself, as a table for `foldwright score`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.table import Table

from foldwright.pipeline.judging import Judgement

# Key of the record, heading, decimals.
PAIR_COLUMNS = (
    ("iptm_from_pae", "ipTM*", 3),
    ("ipsae", "ipSAE", 3),
    ("pdockq", "pDockQ", 3),
    ("pdockq2", "pDockQ2", 3),
    ("lis", "LIS", 3),
    ("contacts", "contacts", 0),
    ("min_pae", "min PAE", 1),
)


def confidence_table(judgement: Judgement, model: Path, pae: Path | None) -> Group:
    """The whole and its chains, then every pair of chains."""
    parts: list[Table | str] = [_whole(judgement, model)]
    if judgement.chain_pairs:
        parts += [_pairs(judgement)]
    if pae is None:
        parts += ["No file of aligned errors was found beside it, so there is no score that needs them (--pae FILE)."]
    elif judgement.chain_pairs:
        parts += [f"* estimated from the aligned errors of {pae.name}. What each score means: docs/scores.md"]
    return Group(*parts)


def _whole(judgement: Judgement, model: Path) -> Table:
    table = Table(title=f"{model.name}, as the network judges it", title_justify="left", show_header=False)
    table.add_row("mean pLDDT", f"{judgement.mean_plddt:.1f}")
    for name, value in (("pTM", judgement.ptm), ("ipTM", judgement.iptm)):
        if value is not None:
            table.add_row(name, f"{value:.3f}")
    if len(judgement.chains) > 1:
        for name, chain in judgement.chains.items():
            table.add_row(f"chain {name}", f"pLDDT {chain['mean_plddt']:.1f} · {chain['residues']} residues")
    return table


def _pairs(judgement: Judgement) -> Table:
    known = next(iter(judgement.chain_pairs.values()))
    columns = [column for column in PAIR_COLUMNS if column[0] in known]
    table = Table("chains", *(heading for _, heading, _ in columns))
    for name, scores in judgement.chain_pairs.items():
        table.add_row(name, *(f"{scores[key]:.{decimals}f}" for key, _, decimals in columns))
    return table
