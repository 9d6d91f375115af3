"""The folder of one job as AlphaFold 3 writes it: a folder for each sample, and the best one beside them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from foldwright.chem.components import Component, Components
from foldwright.chem.conformers import component_of_smiles
from foldwright.errors import InputError
from foldwright.io.complexes.structure import ComplexStructure
from foldwright.io.complexes.structure import read_complex as read_atoms
from foldwright.io.packed import read_packed
from foldwright.reports.results import Chain, Model, Results, read_json
from foldwright.reports.skeleton import Skeleton
from foldwright.reports.tokens import SMALL, ResidueKey, Tokens, chains_of, read_components, tokens_of

SAMPLE = re.compile(r"seed-(\d+)_sample-(\d+)")
FILES = {"structure": "model.cif", "confidences": "confidences.json", "summary": "summary_confidences.json"}
MOST_SHOWN = 10  # samples that a page carries whole
MOST_PAIRS = 40_000_000  # of tokens, in all that it carries: a browser has to hold them

CLASHES = "Chains of the best model run through each other: its place in the ranking and its interfaces mean little."

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Confidences:
    """The long file of a sample, as arrays."""

    keys: Sequence[ResidueKey]  # of each token
    pae: Float[np.ndarray, "n n"]
    contacts: Float[np.ndarray, "n n"] | None


@dataclass(frozen=True, kw_only=True)
class Sample(Model):
    """One structure of AlphaFold 3; tokens are the rows of its arrays."""

    seed: int
    number: int
    atoms: ComplexStructure  # pLDDT of each in its B factors
    confidences: Confidences
    tokens: Tokens
    files: Mapping[str, str]

    @cached_property
    def plddt(self) -> Float[np.ndarray, " n"]:
        """The mean over each token's atoms, 0 to 100."""
        return self.tokens.means(self.atoms.b_factors)

    @cached_property
    def pae(self) -> Float[np.ndarray, "n n"] | None:
        return self.confidences.pae

    @cached_property
    def contacts(self) -> Float[np.ndarray, "n n"] | None:
        return self.confidences.contacts

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        return chains_of(self.atoms, self.tokens)

    @cached_property
    def skeleton(self) -> Skeleton:
        """Polymers through their tokens' centres, everything else by its bonds."""
        polymers = [(chain.start, chain.stop) for chain in self.chains if chain.kind not in SMALL]
        groups = [range(chain.start, chain.stop) for chain in self.chains if chain.kind in SMALL]
        centres = self.atoms.positions[self.tokens.centres]
        traces = Skeleton.of_traces(centres, self.plddt, np.ones(len(centres), bool), polymers)
        return traces.with_molecules(groups)

    @property
    def structure_bytes(self) -> bytes:
        return read_packed(self.structure_file).encode()

    @property
    def links(self) -> Mapping[str, str]:
        return self.files


@dataclass(frozen=True, kw_only=True)
class ComplexResults(Results):
    """A job of AlphaFold 3."""

    data: Record = field(default_factory=dict)  # the input as it was after the search

    @property
    def name(self) -> str:
        return self.run.get("job") or self.data.get("name") or self.folder.resolve().name

    @cached_property
    def chains(self) -> tuple[Chain, ...]:
        first = self.models[0]
        assert isinstance(first, Sample)
        return first.chains

    @cached_property
    def components(self) -> Mapping[str, Mapping[str, str]]:
        """What the components are called."""
        return read_components(self.models[0].structure_file)

    @cached_property
    def ligand_components(self) -> Mapping[str, Component] | None:
        """Those of every chain that is no polymer; None where a library is missing, or a component is not known."""
        first = self.models[0]
        assert isinstance(first, Sample)
        codes = dict.fromkeys(first.atoms.residue_names[~first.atoms.is_polymer].tolist())
        try:
            return {code: self._component(code) for code in codes}
        except (InputError, KeyError):
            return None

    def _component(self, code: str) -> Component:
        if smiles := self.components.get(code, {}).get("smiles"):
            return component_of_smiles(smiles, code)
        own = self.data.get("userCCD")
        return (Components.bundled().with_blocks(own) if own else Components.bundled())[code]

    @property
    def unit(self) -> str:
        return "token"

    @property
    def remark(self) -> str:
        """What every reader has to know: that of a run, or that chains run through each other."""
        clash = self.models[0].scores.get("has_clash")
        return super().remark or (CLASHES if clash else "")


def is_complex_folder(folder: Path) -> bool:
    """Whether AlphaFold 3, or Foldwright in its way, wrote structures here."""
    return folder.is_dir() and any(True for _ in sample_folders(folder))


def sample_folders(folder: Path) -> Iterator[Path]:
    """Those that hold a structure, by seed and sample."""
    found = [(match, path) for path in folder.iterdir() if (match := SAMPLE.fullmatch(path.name)) and path.is_dir()]
    for _, path in sorted(found, key=lambda pair: (int(pair[0][1]), int(pair[0][2]))):
        if any(path.glob("*model.cif*")):
            yield path


def read_complex(folder: Path) -> ComplexResults:
    """The samples of a job, by their ranking score; those that a page can carry are read whole.

    Raises:
        InputError: a file is missing or damaged.
    """
    run, status, execution = (read_json(folder / f"{name}.json") or {} for name in ("run", "status", "execution"))
    data = next((read_json(path) or {} for path in sorted(folder.glob("*_data.json"))), {})
    run = run or {"chains": entity_records(data)}
    summaries = {path: _summary(path) for path in sample_folders(folder)}
    values = _values(folder, summaries)
    order = sorted(summaries, key=lambda path: -values[path.name])
    records = _Records(run.get("predictions") or {}, execution.get("predictions") or {})
    models: list[Sample] = []
    for path in order:
        if models and (len(models) == MOST_SHOWN or (len(models) + 1) * len(models[0].plddt) ** 2 > MOST_PAIRS):
            break
        models.append(_read_sample(path, summaries[path], records))
    others = [_read_listed(path, summaries[path], records) for path in order[len(models) :]]
    return ComplexResults(
        folder=folder,
        run=run,
        status=status,
        ranking={"ranked_by": "ranking score", "values": values},
        execution=execution or run,
        models=models,
        others=others,
        data=data,
    )


def best_sample(folder: Path) -> Listed:
    """What the small files say of the best sample.

    Raises:
        InputError: a file is missing or damaged.
    """
    summaries = {path: _summary(path) for path in sample_folders(folder)}
    values = _values(folder, summaries)
    best = max(summaries, key=lambda path: values[path.name])
    return _read_listed(best, summaries[best], _Records({}, {}))


def _values(folder: Path, summaries: Mapping[Path, Record]) -> dict[str, float]:
    """What samples are ranked by, as exactly as it is known."""
    scores = _ranking_scores(folder)
    return {
        path.name: scores.get(path.name, float(found.get("ranking_score") or 0)) for path, found in summaries.items()
    }


def entity_records(data: Record) -> list[Record]:
    """What the input after the search says of rows and templates, in the form of run.json."""
    return [
        {
            "chain": ids if isinstance(ids := about.get("id", ""), str) else ", ".join(ids),
            "residues": len(about["sequence"]),
            "msa": "given" if about.get("unpairedMsa") else "none",
            "alignment_rows": (about.get("unpairedMsa") or "").count(">"),
            "templates": {"used": list(_templates(about))},
        }
        for entity in data.get("sequences") or ()
        for kind, about in entity.items()
        if kind in ("protein", "rna")
    ]


def _templates(about: Record) -> Iterator[Record]:
    for template in about.get("templates") or ():
        name = (template.get("mmcif") or "").lstrip().partition("\n")[0].removeprefix("data_").strip()
        file = template.get("mmcifPath") or "in the input"
        yield {"name": name or file, "file": file, "residues": len(template.get("queryIndices") or ())}


@dataclass(frozen=True)
class _Records:
    """What run.json and execution.json say of each sample; of another program's folder, nothing."""

    about: Mapping[str, Record]
    times: Mapping[str, Record]

    def of(self, folder: Path) -> tuple[Record, Record]:
        times = self.times.get(folder.name) or {}
        return self.about.get(folder.name) or {}, times.get("stages", times)


def _ranking_scores(folder: Path) -> dict[str, float]:
    """The unrounded scores, by the names of the samples' folders."""
    for path in sorted(folder.glob("*ranking_scores.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            try:
                rows = list(csv.DictReader(file))
                return {f"seed-{row['seed']}_sample-{row['sample']}": float(row["ranking_score"]) for row in rows}
            except (KeyError, ValueError, TypeError) as error:
                raise InputError(f"is no table of ranking scores: {error}.", file=path) from error
    return {}


def _summary(folder: Path) -> Record:
    return _json(_file(folder, "summary"))


def _read_sample(folder: Path, summary: Record, records: _Records) -> Sample:
    files = {what: _file(folder, what) for what in FILES}
    atoms = read_atoms(files["structure"])
    confidences = _confidences(files["confidences"])
    tokens = tokens_of(atoms, confidences.keys, files["confidences"])
    seed, number = _place(folder)
    record, stages = records.of(folder)
    return Sample(
        name=folder.name,
        record=record,
        scores=_scores(summary, atoms),
        structure_file=files["structure"],
        stages=stages,
        seed=seed,
        number=number,
        atoms=atoms,
        confidences=confidences,
        tokens=tokens,
        files=_links(files),
    )


def _read_listed(folder: Path, summary: Record, records: _Records) -> Listed:
    """A sample by its small file alone."""
    record, stages = records.of(folder)
    return Listed(
        name=folder.name,
        record=record,
        scores=_whole(summary) | ({"mean_plddt": record["mean_plddt"]} if "mean_plddt" in record else {}),
        structure_file=_file(folder, "structure"),
        stages=stages,
        files=_links({what: _file(folder, what) for what in FILES}),
    )


@dataclass(frozen=True, kw_only=True)
class Listed(Model):
    """A sample by its small files alone."""

    files: Mapping[str, str]

    @property
    def links(self) -> Mapping[str, str]:
        return self.files


def _place(folder: Path) -> tuple[int, int]:
    match = SAMPLE.fullmatch(folder.name)
    assert match
    return int(match[1]), int(match[2])


def _links(files: Mapping[str, Path]) -> dict[str, str]:
    return {what: f"{path.parent.name}/{path.name}" for what, path in files.items()}


def _file(folder: Path, what: str) -> Path:
    """One of a sample's files, packed or not; its name may bear that of the job, or not."""
    for path in sorted(folder.glob(f"*{FILES[what]}*")):
        plain = path.name.removesuffix(".zst")
        if plain.endswith(FILES[what]) and (what == "summary" or not plain.endswith(FILES["summary"])):
            return path
    message = f"there is no file ending in {FILES[what]}."
    raise InputError(message, file=folder, remedy="Run the same `foldwright predict` command again.")


def _json(path: Path) -> Record:
    try:
        found = json.loads(read_packed(path))
    except ValueError as error:
        raise InputError(f"cannot be read: {error}.", file=path, remedy="Predict the job again.") from error
    if not isinstance(found, dict):
        raise InputError("holds no confidences.", file=path, remedy="Predict the job again.")
    return found


def _confidences(path: Path) -> Confidences:
    found = _json(path)
    try:
        keys = list(zip(found["token_chain_ids"], found["token_res_ids"], strict=True))
        contacts = found.get("contact_probs")
        return Confidences(
            keys=keys,
            pae=_square(found["pae"], len(keys)),
            contacts=None if contacts is None else _square(contacts, len(keys)),
        )
    except (KeyError, ValueError, TypeError) as error:
        message = f"holds no confidences of tokens: {error}."
        raise InputError(message, file=path, remedy="Predict the job again.") from error


def _square(rows: Any, size: int) -> Float[np.ndarray, "n n"]:
    found = np.array(rows, np.float32)
    if found.shape != (size, size):
        raise ValueError(f"{size} tokens, but a matrix of {found.shape}")
    return found


def _whole(summary: Record) -> dict[str, Any]:
    """The scores of the whole complex."""
    names = ("ptm", "iptm", "ranking_score", "fraction_disordered", "has_clash")
    return {name: summary.get(name) for name in names} | {"chain_ids": summary.get("chain_ids") or ()}


def _scores(summary: Record, atoms: ComplexStructure) -> dict[str, Any]:
    """Those of the summary under the names that the page knows, and means of pLDDT."""
    names = list(dict.fromkeys(atoms.chain_ids.tolist()))
    chains = {
        name: {
            "mean_plddt": float(atoms.b_factors[atoms.chain_ids == name].mean()),
            "ptm": _at(summary, "chain_ptm", i),
            "iptm": _at(summary, "chain_iptm", i),
        }
        for i, name in enumerate(names)
    }
    matrices = {name: summary.get(name) for name in ("chain_pair_iptm", "chain_pair_pae_min")}
    return _whole(summary) | {"mean_plddt": float(atoms.b_factors.mean()), "chains": chains} | matrices


def _at(summary: Record, name: str, i: int) -> float | None:
    values = summary.get(name) or ()
    return values[i] if i < len(values) else None
