"""A prediction's coordinates as a structure, and as the files that other programs read."""

from __future__ import annotations

import textwrap
from pathlib import Path

from foldwright.errors import InputError
from foldwright.io.job import Job
from foldwright.io.modelcif import ModelDetails, modelcif_text
from foldwright.io.pdb import pdb_text
from foldwright.io.structure import Structure
from foldwright.models.af2.outputs import AF2Output
from foldwright.pipeline.folder import JobFolder
from foldwright.pipeline.results import Prediction
from foldwright.pipeline.scores import Scores

MONOMER = "10.1038/s41586-021-03819-2"  # Jumper et al. 2021
MULTIMER = "10.1101/2021.10.04.463034"  # Evans et al. 2021


def structure_of(job: Job, output: AF2Output, scores: Scores) -> Structure:
    """The predicted chains, pLDDT in their B factors."""
    return Structure.of_sequences(
        job.sequences,
        output.positions.float().cpu().numpy(),
        output.atom_mask.float().cpu().numpy(),
        scores.plddt,
        chain_ids=job.chain_ids,
        name=job.name,
    )


def write_structures(folder: JobFolder, prediction: Prediction, name: str, caveat: str) -> dict[str, Path]:
    """A ModelCIF file and a PDB file; what is too large for the PDB format has the first alone."""
    structure = prediction.structure
    paths = {"cif": folder.write(f"{name}.cif", modelcif_text(structure, details_of(prediction, caveat)))}
    try:
        text = pdb_text(structure)
    except InputError:
        return paths
    return paths | {"pdb": folder.write(f"{name}.pdb", pdb_header(prediction, caveat) + text)}


def details_of(prediction: Prediction, caveat: str) -> ModelDetails:
    """What the ModelCIF file says of how the model was made."""
    metrics = {"pTM": prediction.ptm, "ipTM": prediction.iptm}
    return ModelDetails(
        model=f"{prediction.model}, seed {prediction.seed}",
        title=caveat,
        metrics={name: value for name, value in metrics.items() if value is not None},
        has_alignment=prediction.record["msa_rows"] > 1,
        has_templates=prediction.record["templates_used"] > 0,
        citation=MULTIMER if "multimer" in prediction.model else MONOMER,
    )


def pdb_header(prediction: Prediction, caveat: str) -> str:
    """TITLE, CAVEAT and EXPDTA records."""
    lines = _continued("TITLE ", f"{prediction.job}, predicted by {prediction.model}, seed {prediction.seed}", start=10)
    lines += _continued("CAVEAT", caveat, start=19) if caveat else []
    return "".join(f"{line:<80}\n" for line in [*lines, "EXPDTA    THEORETICAL MODEL"])


def _continued(record: str, text: str, start: int) -> list[str]:
    """Text over as many lines as it takes; from the second on they are numbered in columns 9 and 10."""
    parts = textwrap.wrap(text, 79 - start - 1)
    numbers = ["  ", *(f"{i:>2}" for i in range(2, len(parts) + 1))]
    indents = ["", *[" "] * (len(parts) - 1)]
    return [
        f"{record}  {number}".ljust(start) + indent + part
        for number, indent, part in zip(numbers, indents, parts, strict=True)
    ]
