"""`foldwright features`: what a network reads of a job, as arrays in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from foldwright.errors import InputError


def features(
    given: Annotated[
        str,
        typer.Argument(
            metavar="JOB",
            help="A job file (AlphaFold 3 JSON and the other dialects of `foldwright jobs`); a FASTA, A3M or CSV file, "
            "or a sequence (chains separated by colons).",
        ),
    ],
    out: Annotated[Path, Option(help="The NumPy archive to write.")] = Path("features.npz"),
    job: Annotated[str | None, Option(help="Name of the job, where the file has several.")] = None,
    model: Annotated[
        str | None,
        Option(
            help="af3, or a model of AlphaFold 2 (model_1_ptm ...). Default: af3 for job files; for sequences and "
            "alignments model_1_ptm, or model_1_multimer_v3 for several chains."
        ),
    ] = None,
    seed: Annotated[int | None, Option(help="Decides every random draw. Default: the job's first, or 0.")] = None,
    bucket: Annotated[
        list[int] | None,
        Option(help="Pad to so many tokens (af3); of several the smallest that is large enough. Default: no padding."),
    ] = None,
    ccd: Annotated[
        Path | None,
        Option(help="Chemical dictionary (af3): mmCIF, BinaryCIF or JSON. Default: the one that comes with biotite."),
    ] = None,
    alignments: Annotated[
        Path | None, Option(help="Alignments of sequences, as for `foldwright predict` (AlphaFold 2).")
    ] = None,
    recycles: Annotated[
        int | None, Option(help="Passes after the first, each with its own draw (monomers). Default: the model's.")
    ] = None,
    msa: Annotated[str, Option(help="auto: alignments given or searched; none: the sequence alone.")] = "auto",
    pairing: Annotated[
        str, Option(help="Rows of different chains side by side: auto, none, af2, af3, greedy or complete.")
    ] = "auto",
    use_templates: Annotated[str, Option(help="auto: templates given or searched; none.")] = "auto",
    preset: Annotated[
        str | None,
        Option(
            help="How to search where nothing is given: af2_full, af2_reduced, af3, colabfold, local, or none: do "
            "without. Default: refuse a job file that leaves something to be searched."
        ),
    ] = None,
    databases: Annotated[
        Path | None, Option(help="Folder of databases. Default: $FOLDWRIGHT_DATABASES, if it is set.")
    ] = None,
    search_engine: Annotated[str, Option(help="pyhmmer, programs, server, or auto.")] = "auto",
    search_server: Annotated[
        str | None, Option(metavar="URL", help="Another MSA server than ColabFold's public one.")
    ] = None,
    template_structures: Annotated[
        Path | None, Option(help="Folder with the PDB's mmCIF files. Default: the one among the databases.")
    ] = None,
    max_template_date: Annotated[
        str | None, Option(metavar="YYYY-MM-DD", help="Take no template that was released later.")
    ] = None,
    template_filter: Annotated[
        list[str] | None,
        Option(metavar="NAME=NUMBER", help="Which hits of a search become templates, as for `foldwright predict`."),
    ] = None,
) -> None:
    """Write what a network reads of a job, array by array under the names of the released program.

    Of AlphaFold 3 these are the arrays of its featurised input, rows of the alignment that are padding left out, and
    `layout:` arrays that say which atom is where. Of a monomer of AlphaFold 2 each array has one entry for each pass;
    a multimer's network draws its rows itself.
    """
    import numpy as np

    from foldwright.io.atomic import atomic_write
    from foldwright.pipeline.evidence import evidence_of
    from foldwright.pipeline.feature_arrays import FeatureOptions, features_of
    from foldwright.search.templates import parse_filters

    if out.suffix != ".npz":
        raise InputError(f'"{out}" is no NumPy archive.', field="--out", remedy="Give a name that ends in .npz.")
    options = FeatureOptions(
        name=job,
        model=model,
        seed=seed,
        buckets=bucket or (),
        ccd=ccd,
        alignments=alignments,
        recycles=recycles,
        evidence=evidence_of(
            msa=msa,
            pairing=pairing,
            use_templates=use_templates,
            preset=preset or "none",
            databases=databases,
            search_engine=search_engine,
            search_server=search_server,
            template_structures=template_structures,
            max_template_date=max_template_date,
            template_filters=parse_filters(template_filter or ()),
        ),
        is_strict=preset is None and msa == "auto",
    )
    name, arrays = features_of(given, options)
    with atomic_write(out, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    print(f"{out}: {len(arrays)} arrays for {name}, {int(np.max(arrays['seq_length']))} tokens")
