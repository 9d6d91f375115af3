"""Input files of the AlphaFold 2 oracles, and jobs of AlphaFold 3 with the released program's features."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from foldwright.features.af3.msa import ChainRows, Columns
from foldwright.io.complexes.job import TemplateMapping

TESTS = Path(__file__).parents[1]
PARENTS = {"SEP": "S", "MSE": "M", "PSU": "U", "2MG": "G", "5CM": "C"}  # of the modified residues in these jobs
CASES = ("e2e_seed3", "glyco_template_seed1", "hetero_paired_userccd_seed1", "odd_seed1", "prot_ptm_lig_seed42")
CASES = (*CASES, "rna_dna_mod_seed1", "single_seed4", "tiny_seed1")


@pytest.fixture
def oracle_file():
    """A stored input file by its name relative to oracles/af2: the committed copy, else that of ../shared."""

    def find(name: str) -> Path:
        for folder in (TESTS / "oracles" / "af2", TESTS.parents[1] / "shared" / "oracles" / "af2"):
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")

    return find


@pytest.fixture
def af3_case():
    """A stored job and its features, by the name of those."""
    return case_of


@pytest.fixture(params=CASES)
def each_af3_case(request):
    """Every stored job in turn."""
    return case_of(request.param)


def stored(name: str) -> Path:
    """A file of oracles/af3: the committed copy, else that of ../shared."""
    for folder in (TESTS / "oracles" / "af3", TESTS.parents[1] / "shared" / "oracles" / "af3"):
        if (folder / name).exists():
            return folder / name
    pytest.skip(f"{name} is neither in tests/oracles nor in ../shared")


@dataclass(frozen=True)
class Case:
    """One job, taken apart without our own readers, and its features."""

    arrays: dict[str, np.ndarray]
    chains: list[ChainRows]
    columns: Columns


def case_of(name: str) -> Case:
    """By the name of its features, without their padding."""
    with np.load(stored(f"featurisation/{name}.npz"), allow_pickle=False) as file:
        arrays = dict(file)
    job = json.loads(stored(f"inputs/{name.partition('_seed')[0]}.json").read_text())
    entities = {i: item for entry in job["sequences"] for item in entry.items() for i in _listed(item[1]["id"])}
    size = int(arrays["seq_length"])
    names = arrays["layout:token_atoms_layout/chain_id"][:size, 0].tolist()
    order = list(dict.fromkeys(names))
    residues = arrays["residue_index"][:size] - 1
    chains = [
        _chain(i, *entities[i], int(residues[np.array(names) == i].max()) + 1, int(arrays["entity_id"][names.index(i)]))
        for i in order
    ]
    return Case(arrays, chains, np.stack([[order.index(name) for name in names], residues], axis=1))


def _chain(name: str, kind: str, given: dict, num_residues: int, entity: int) -> ChainRows:
    if kind == "ligand":
        return ChainRows(kind, "-" * num_residues, entity, name=name)
    letters = list(given["sequence"])
    for change in given.get("modifications", ()):
        code, position = change.values()
        letters[position - 1] = PARENTS[code]
    templates = [
        TemplateMapping(t["mmcif"], tuple(t["queryIndices"]), tuple(t["templateIndices"]))
        for t in given.get("templates", ())
    ]
    rows = {key: given.get(f"{key}Msa") or "" for key in ("unpaired", "paired")}
    return ChainRows(kind, "".join(letters), entity, **rows, templates=tuple(templates), name=name)


def _listed(ids: str | list[str]) -> list[str]:
    return [ids] if isinstance(ids, str) else ids
