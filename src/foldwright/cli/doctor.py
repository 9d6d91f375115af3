"""`foldwright doctor`: what this machine can do, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

CORE = ("torch", "numpy", "gemmi", "safetensors", "jaxtyping", "typer", "rich", "psutil", "tmtools")

INSTRUCTIONS = (  # what makes matrix products fast, by its name in /proc/cpuinfo
    ("avx2", "AVX2"),
    ("avx512f", "AVX-512"),
    ("avx512_bf16", "bfloat16 products"),
    ("amx_bf16", "AMX bfloat16 tiles"),
    ("bf16", "Arm bfloat16 products"),
    ("sve", "SVE"),
)


@dataclass(frozen=True)
class Finding:
    """One line of the report. A core part that fails makes the whole report fail."""

    topic: str
    text: str
    passed: bool | None = None  # None: nothing to pass
    is_core: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether this alone makes the report fail."""
        return self.is_core and self.passed is False


@dataclass(frozen=True)
class OptionalPart:
    """A part that Foldwright runs without."""

    topic: str
    what: str
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    remedy: str = ""

    def missing(self) -> list[str]:
        """Modules and programs of it that are not here."""
        modules = [name for name in self.modules if importlib.util.find_spec(name) is None]
        return modules + [name for name in self.programs if shutil.which(name) is None]


OPTIONAL = (
    OptionalPart(
        "AlphaFold 3",
        "RDKit, biotite, zstandard, msgpack and PyYAML",
        ("rdkit", "biotite", "zstandard", "msgpack", "yaml"),
        remedy='pip install "foldwright[af3]"',
    ),
    OptionalPart(
        "relaxation", "OpenMM and PDBFixer", ("openmm", "pdbfixer"), remedy='pip install "foldwright[relax]", or conda'
    ),
    OptionalPart("search in process", "pyhmmer", ("pyhmmer",), remedy="pip install pyhmmer"),
    OptionalPart("compiled layers and searches", "llvmlite", ("llvmlite",), remedy="pip install llvmlite"),
    OptionalPart(
        "search programs",
        "jackhmmer, hhblits, hhsearch, mmseqs",
        programs=("jackhmmer", "hhblits", "hhsearch", "mmseqs"),
        remedy="your package manager or bioconda: hmmer, hhsuite, mmseqs2; alignments made elsewhere need none of them",
    ),
    OptionalPart("many machines", "Ray", ("ray",), remedy='pip install "foldwright[ray]"'),
    OptionalPart("plots", "matplotlib", ("matplotlib",), remedy='pip install "foldwright[plots]"'),
    OptionalPart("training curves", "TensorBoard", ("tensorboard",), remedy='pip install "foldwright[train]"'),
)


def doctor(
    is_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    is_training: Annotated[
        bool, typer.Option("--train", help="Make a few steps of training instead, and watch parameters and gradients.")
    ] = False,
    recipe: Annotated[str, typer.Option(help="With --train: the recipe.")] = "tiny",
    data: Annotated[
        Path | None, typer.Option(help="With --train: folder of prepared chains. Default: helices made up here.")
    ] = None,
    steps: Annotated[int, typer.Option(help="With --train: how many.")] = 12,
    device: Annotated[str, typer.Option(help="With --train: cpu, cuda, or auto.")] = "auto",
) -> None:
    """Report the machine, the devices, kernels that pass their self-check, weights found, and what is missing.

    Exits 1 if a part that every prediction needs, or with --train every training run, does not work.
    """
    found = _training(recipe, data, steps, device) if is_training else examine()
    failed = _print_json(found) if is_json else _print_lines(found)
    raise typer.Exit(failed)


def _print_json(found: Iterable[Finding]) -> bool:
    """The report for programs; whether a core part failed."""
    import json
    from dataclasses import asdict

    findings = list(found)
    print(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
    return any(finding.has_failed for finding in findings)


def _print_lines(found: Iterable[Finding]) -> bool:
    """The report line by line as it is made; whether a core part failed."""
    has_failed = False
    for finding in found:
        mark = {True: "ok", False: "FAILED" if finding.is_core else "-", None: ""}[finding.passed]
        print(f"{finding.topic:<20} {mark:<7}{finding.text}", flush=True)
        has_failed |= finding.has_failed
    return has_failed


def _training(recipe: str, data: Path | None, steps: int, device: str) -> Iterator[Finding]:
    from foldwright.training import recipes
    from foldwright.training.health.doctoring import examine_training
    from foldwright.training.launch import chosen_device

    for check in examine_training(recipes.recipe(recipe), data, steps, chosen_device(device)):
        yield Finding(check.topic, check.text, check.passed, is_core=check.is_fatal)


def examine() -> Iterator[Finding]:
    """Every finding, core parts first."""
    missing = [name for name in CORE if importlib.util.find_spec(name) is None]
    yield Finding("core libraries", ", ".join(missing) or f"all {len(CORE)} found", not missing, is_core=True)
    if missing:
        yield Finding("how to get them", f"pip install {' '.join(missing)}")
        return
    yield from _machine()
    yield from _kernels()
    yield from _weights()
    for part in OPTIONAL:
        lacks = part.missing()
        verdict = f"missing {', '.join(lacks)}. Get: {part.remedy}" if lacks else "found"
        yield Finding(part.topic, f"{part.what}: {verdict}", not lacks)


def _machine() -> Iterator[Finding]:
    import psutil
    import torch

    import foldwright
    from foldwright.pipeline.memory import available_bytes, gigabytes

    yield Finding("foldwright", foldwright.__version__)
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    yield Finding("processor", ", ".join([_processor_name(), *_instructions()]))
    free, total = available_bytes(torch.device("cpu")), psutil.virtual_memory().total
    yield Finding("memory", f"{gigabytes(free)} free of {gigabytes(total)}")
    for device in _devices():
        yield _device_works(device)


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return platform.processor() or platform.machine()


def _instructions() -> list[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((set(line.split()) for line in file if line.startswith(("flags", "Features"))), set())
    except OSError:
        return []
    return [name for flag, name in INSTRUCTIONS if flag in flags]


def _devices() -> list[str]:
    import torch

    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def _device_works(name: str) -> Finding:
    import torch

    try:
        x = torch.randn(64, 64, device=name)
        error = (x @ x - (x.cpu().double() @ x.cpu().double()).to(x)).abs().max().item()
    except RuntimeError as fault:
        return Finding(f"device {name}", str(fault).splitlines()[0], False, is_core=name == "cpu")
    about = "" if name == "cpu" else f"{torch.cuda.get_device_name(name)}, "
    passed = error < 1e-1  # TF32 allowed
    return Finding(
        f"device {name}", f"{about}a matrix product is off by {error:.0e} at most", passed, is_core=name == "cpu"
    )


def _kernels() -> Iterator[Finding]:
    import torch

    from foldwright import kernels

    for name in _devices():
        device = torch.device(name)
        chosen = kernels.plan(device, 256, training=False, precision="auto").precision
        yield Finding("precision", f"--precision auto is {chosen} on {name}")
        for check in kernels.self_check(device):
            verdict = check.fault or f"relative error {check.error:.1e}"
            yield Finding(f"kernel on {name}", f"{check.name}: {verdict}", check.passed)


def _weights() -> Iterator[Finding]:
    from foldwright.weights.library import cache_folder
    from foldwright.weights.locate import available_presets

    found = sorted(available_presets(None))
    get = "none. Get: foldwright weights fetch alphafold-2022-12-06 (about 5 GB), or import your own"
    yield Finding("weights", f"in {cache_folder()}: {', '.join(found) or get}", bool(found))
