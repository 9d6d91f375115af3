"""`foldwright relax`: structures in, the same without clashes and bad bonds out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from foldwright.errors import InputError

if TYPE_CHECKING:
    from foldwright.relax.options import RelaxOptions
    from foldwright.relax.relaxation import Relaxed

SOME_FAILED = 1


def relax(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Structures to relax: PDB or mmCIF, .gz or plain.")
    ],
    out: Annotated[
        Path | None, Option(help="Folder for <name>_relaxed.cif, .pdb and .json. Default: beside each file.")
    ] = None,
    platform: Annotated[str, Option(help="CUDA, HIP, OpenCL, CPU, Reference, or auto: the fastest here.")] = "auto",
    threads: Annotated[int | None, Option(help="CPU threads. Default: what OpenMM takes.")] = None,
    stiffness: Annotated[float, Option(help="Of the restraints on heavy atoms, kcal/mol/Å², AF2 Suppl. 1.8.6.")] = 10.0,
    tolerance: Annotated[float, Option(help="Force at which a minimisation ends, kJ/mol/nm.")] = 10.0,
    max_rounds: Annotated[int, Option(help="Minimisations, each with violating residues released.")] = 10,
    patience: Annotated[int, Option(help="Rounds without fewer violations, after which it gives up.")] = 3,
    max_steps: Annotated[int, Option(help="Of one minimisation; 0 for no limit, AF2 Suppl. 1.8.6.")] = 0,
    disulfide: Annotated[float, Option(help="Cysteines' sulphurs nearer than this are bonded, Å; 0 for none.")] = 3.0,
    take_parents: Annotated[
        bool, Option("--take-parents", help="Relax and write modified residues as the amino acids they were made of.")
    ] = False,
    seed: Annotated[int, Option(help="Decides where hydrogens and missing atoms begin.")] = 0,
) -> None:
    """Relieve clashes and bad bonds by restrained minimisation in the Amber99SB force field.

    Writes the structure as mmCIF and PDB, and a JSON file with violations before and after, energy, displacement and
    what was done. Exit code: 0 if no violation is left anywhere, 1 if some are or a file failed, 2 for bad input only.
    """
    from foldwright.relax.minimise import choose_platform
    from foldwright.relax.options import RelaxOptions

    options = RelaxOptions(
        platform=platform,
        threads=threads,
        stiffness=stiffness,
        tolerance=tolerance,
        max_rounds=max_rounds,
        patience=patience,
        max_steps=max_steps,
        disulfide=disulfide,
        takes_parents=take_parents,
        seed=seed,
    )
    choose_platform(options)  # before any file is read
    targets = _targets(files, out)
    outcomes = [_relax_one(file, targets[file], options) for file in files]
    if all(outcome is None for outcome in outcomes):
        raise typer.Exit(2)
    if not all(outcome is not None and not outcome.unresolved for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _targets(files: list[Path], out: Path | None) -> dict[Path, Path]:
    """For each file the path of its results, without ending. Raises InputError if two would be the same."""
    targets = {file: (out or file.parent) / f"{_stem(file)}_relaxed" for file in files}
    twice = [target for target, count in Counter(targets.values()).items() if count > 1]
    if twice:
        remedy = "Rename one, or relax them into different folders."
        raise InputError(f"more than one file would be written as {twice[0].name}.", field="--out", remedy=remedy)
    return targets


def _stem(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).stem


def _relax_one(file: Path, target: Path, options: RelaxOptions) -> Relaxed | None:
    """The result, written; None if there is none, with the reason on standard error."""
    from foldwright.io.structure_files import read_structure
    from foldwright.relax.relaxation import relax_structure

    try:
        relaxed = relax_structure(read_structure(file), options, lambda item: print(f"{file.name}  {item}", flush=True))
        _write(target, relaxed, file)
    except InputError as error:
        place = "" if error.file else f"{file}: "
        print(f"foldwright: {place}{error}", file=sys.stderr)
        return None
    print("\n".join([*_told(file, relaxed), f"  → {target}.cif"]))
    return relaxed


def _write(target: Path, relaxed: Relaxed, source: Path) -> None:
    from foldwright.io.atomic import atomic_write
    from foldwright.io.modelcif import ModelDetails, write_modelcif
    from foldwright.io.pdb import write_pdb

    title = f"{source.name}, relaxed with {relaxed.record['force_field']}"
    write_modelcif(f"{target}.cif", relaxed.structure, ModelDetails(title=title))
    with suppress(InputError):  # too large for the format: the mmCIF file has it
        write_pdb(f"{target}.pdb", relaxed.structure)
    with atomic_write(f"{target}.json") as file:
        record = {"source": source.name, **relaxed.record, "seconds": round(relaxed.seconds, 2)}
        json.dump(record, file, indent=1, ensure_ascii=False)


def _told(file: Path, relaxed: Relaxed) -> list[str]:
    """What a person wants to know of it."""
    from foldwright.relax.naming import listed

    record = relaxed.record
    violations, energy, moved = record["violations"], record["energy"], record["displacement"]
    lines = [
        f"{file.name}  {len(relaxed.structure):,} residues · {record['platform']} · {relaxed.seconds:.0f} s",
        f"  residues with violations: {violations['before']['residues']} → {violations['after']['residues']} · "
        f"energy {energy['after']:,.0f} kcal/mol · atoms moved {moved['rmsd']:.2f} Å, at most {moved['max']:.2f} Å",
    ]
    if relaxed.unresolved:
        lines.append(f"  still with violations after {len(record['rounds'])} rounds: {listed(relaxed.unresolved)}")
    if turned := set(record["mirrored"]["after"]) - set(record["mirrored"]["before"]):
        lines.append(f"  now mirror images (D amino acids): {listed(sorted(turned))}")
    return lines
