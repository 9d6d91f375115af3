"""What is published beside the bundled network: curves of its stages, hours, recipes.

    python dev/mini_card.py RUN... --out docs/mini

RUN are the folders of the stages in their order, as `foldwright train --out` wrote them.
"""

import argparse
import csv
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TERMS = {"lddt_ca": "lDDT-Cα of crops", "backbone_fape_last": "backbone FAPE (10 Å)", "distogram": "distogram (nats)"}
EVERY = 50  # steps a point of the curves stands for


def read(path: Path, names: list[str]) -> np.ndarray:
    with path.open() as file:
        return np.array([[float(row[name]) for name in names] for row in csv.DictReader(file)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    stages, points, start = [], [], 0
    for run in args.runs:
        values = read(run / "metrics.csv", list(TERMS))
        hours = read(run / "times.csv", ["seconds"]).sum() / 3600
        recipe = json.loads((run / "recipe.json").read_text())
        stages.append({"steps": len(values), "hours": round(float(hours), 2), "recipe": recipe})
        for first in range(0, len(values), EVERY):
            piece = values[first : first + EVERY]
            points.append([recipe["name"], start + first + len(piece), *piece.mean(0).round(4)])
        start += len(values)
    (args.out / "stages.json").write_text(json.dumps(stages, indent=1) + "\n")
    with (args.out / "curves.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["stage", "step", *TERMS], *points])
    figure, axes = plt.subplots(1, len(TERMS), figsize=(11, 3), layout="constrained")
    for i, (axis, label) in enumerate(zip(axes, TERMS.values(), strict=True)):
        for run in dict.fromkeys(point[0] for point in points):
            own = [point for point in points if point[0] == run]
            axis.plot([point[1] for point in own], [point[2 + i] for point in own], label=run)
        axis.set(title=label, xlabel="steps, one chain each")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(args.out / "curves.png", dpi=110)
    print(", ".join(f"{stage['recipe']['name']}: {stage['steps']} steps, {stage['hours']} h" for stage in stages))


main()
