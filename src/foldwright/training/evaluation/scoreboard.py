"""The scores of a network beside those of its baselines: as lines to read, and as files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from foldwright.io.atomic import atomic_write
from foldwright.training.evaluation.calibration import Calibration, calibration, plot
from foldwright.training.evaluation.scoring import MEASURES, ChainScore, Scores

SCORES, CHAINS, CURVE = "scores.json", "chains.tsv", "reliability.png"
COLUMNS = tuple(f.name for f in fields(ChainScore) if not f.name.startswith("residue_"))


@dataclass(frozen=True)
class Scoreboard:
    """A network and its baselines on the same chains, and what they were asked."""

    name: str
    scores: Scores
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)  # weights, data, options: what makes the scores again

    @property
    def all(self) -> dict[str, Scores]:
        """Every predictor by its name, the network first."""
        return {self.name: self.scores, **self.baselines}

    def record(self) -> dict[str, Any]:
        """All of it but single chains, as JSON has it."""
        return {
            "about": dict(self.about),
            "network": _summary(self.scores),
            "by_length": {name: _summary(part) for name, part in self.scores.by_length().items()},
            "by_depth": {name: _summary(part) for name, part in self.scores.by_depth().items()},
            "baselines": {
                name: {**_summary(other), "lddt_ca_behind": asdict(self.scores.better_by(other))}
                for name, other in self.baselines.items()
            },
            "calibration": _calibration_record(calibration(self.scores)),
        }

    def lines(self) -> Iterator[str]:
        """For a person to read."""
        wide = max(len(name) for name in ("predictor", *self.all))
        yield f"{'predictor':{wide}}  {_heading()}"
        for name, scores in self.all.items():
            yield f"{name:{wide}}  {_line(scores)}"
        for name, other in self.baselines.items():
            yield f"lDDT-Cα above {name}: {self.scores.better_by(other)}"
        for title, parts in (("residues", self.scores.by_length()), ("rows read", self.scores.by_depth())):
            yield ""
            yield f"{title:>9}  {_heading()}"
            yield from (f"{name:>9}  {_line(part)}" for name, part in parts.items())
        yield ""
        yield from reliability_lines(calibration(self.scores))

    def write(self, folder: Path) -> list[Path]:
        """`scores.json`, `chains.tsv`, and `reliability.png` where matplotlib is installed.

        Raises:
            InputError: the folder cannot be written.
        """
        targets = [folder / SCORES, folder / CHAINS]
        with atomic_write(targets[0]) as file:
            json.dump(_without_nan(self.record()), file, indent=1)
        with atomic_write(targets[1]) as file:
            file.write(self._table())
        if _has_matplotlib():
            plot(calibration(self.scores), folder / CURVE, self.name)
            targets.append(folder / CURVE)
        return targets

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t", lineterminator="\n")
        writer.writerow(("predictor", *COLUMNS))
        for name, scores in self.all.items():
            writer.writerows([name, *(_shown(getattr(chain, column)) for column in COLUMNS)] for chain in scores.chains)
        return text.getvalue()


def reliability_lines(found: Calibration) -> Iterator[str]:
    """The reliability curve: for each range of pLDDT the lDDT-Calpha that its residues reached."""
    yield f"{'pLDDT':>9}  {'residues':>9}  {'mean pLDDT':>10}  {'lDDT-Cα reached':>15}"
    for each in found.bins:
        yield f"{each.low:3.0f} - {each.high:3.0f}  {each.count:9,}  {each.plddt:10.1f}  {each.lddt:15.1f}"
    yield (
        f"pLDDT and lDDT-Cα correlate with r = {found.residue_r:.2f} over residues, {found.chain_r:.2f} over chains; "
        f"they lie {found.expected_error:.1f} apart on average"
    )


def _heading() -> str:
    return f"{'chains':>6}  {'lDDT-Cα (95% of resampled means)':33} {'TM':>6} {'RMSD Å':>7} {'pLDDT':>6}"


def _line(scores: Scores) -> str:
    means = scores.means
    plddt = "-" if math.isnan(means["plddt"]) else f"{means['plddt']:.1f}"
    lddt = str(scores.interval("lddt_ca"))
    return f"{len(scores.chains):6}  {lddt:33} {means['tm']:6.3f} {means['rmsd']:7.2f} {plddt:>6}"


def _summary(scores: Scores) -> dict[str, Any]:
    return {"chains": len(scores.chains), **{measure: asdict(scores.interval(measure)) for measure in MEASURES}}


def _calibration_record(found: Calibration) -> dict[str, Any]:
    return {**asdict(found), "expected_error": found.expected_error}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _shown(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


def _has_matplotlib() -> bool:
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None
