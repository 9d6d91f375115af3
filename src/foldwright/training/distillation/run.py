"""From unlabelled sequences to a folder of chains to train on; what is done is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from foldwright.errors import InputError
from foldwright.io.atomic import atomic_write
from foldwright.training.data.chain import MIN_CONFIDENCE, Chain
from foldwright.training.data.shards import Shard, write_shard, write_shards
from foldwright.training.distillation.confidence import Background
from foldwright.training.distillation.sequences import Refused, Unlabelled
from foldwright.training.distillation.teacher import NO_EXPERIMENT, Teacher

SETTINGS, BACKGROUND, PREDICTIONS = "distillation.json", "background.safetensors", "predictions"
NUM_REFERENCE = 1000  # sequences whose mean distances are the background, AF2 Suppl. 1.3
MISHAPS = (RuntimeError, ValueError, InputError)  # what one sequence can cause: no memory, no number, no residue

Sequences = Iterable[Unlabelled | Refused]  # read anew whenever it is iterated


@dataclass(frozen=True)
class Outcome:
    """What became of one sequence, as soon as it is known."""

    name: str
    is_background: bool  # predicted for the background only
    number: int  # of those of its kind, from 1
    total: int
    num_residues: int = 0
    num_confident: int = 0
    is_new: bool = True  # not taken over from an earlier run
    failure: str | None = None


@dataclass
class Summary:
    """How many chains were written, and why the others were not."""

    num_chains: int = 0
    num_residues: int = 0
    num_confident: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def distil(
    sequences: Sequences,
    teacher: Teacher,
    out: Path,
    num_reference: int = NUM_REFERENCE,
    least_confidence: float = MIN_CONFIDENCE,
    told: Callable[[Outcome], None] = lambda outcome: None,
) -> Summary:
    """Predict every sequence and write those with confident residues as chains to train on (AF2 Suppl. 1.3).

    A sequence that cannot be predicted is left out and named. A run that was stopped goes on where it was. Sequences
    may be added later, which are judged by the background of the first run, and `least_confidence` may be changed.

    Raises:
        InputError: the folder was begun with another teacher or other settings; no residue is confident.
    """
    _check_settings(out, teacher, num_reference)
    summary = Summary(left_out={one.name: one.reason for one in sequences if isinstance(one, Refused)})
    background = find_background(sequences, teacher, out, num_reference, told)
    chains = predictions(sequences, teacher, background.distributions(), out, least_confidence, summary, told)
    # The notes are written last, when `summary` knows what became of every sequence.
    write_shards(_counted(chains, summary), out, {"source": "self-distillation", "dropped": summary.left_out})
    return summary


def find_background(
    sequences: Sequences, teacher: Teacher, out: Path, num_reference: int, told: Callable[[Outcome], None]
) -> Background:
    """The teacher's mean distance distributions over a random choice of the sequences (AF2 Suppl. 1.3)."""
    found, done, is_whole = _read_background(out / BACKGROUND, teacher)
    if is_whole:
        return found
    keys = sorted(one.key for one in _usable(sequences))
    chosen = set(np.random.default_rng(teacher.seed).permutation(keys)[:num_reference].tolist())
    for one in _usable(sequences):
        if one.key not in chosen or one.key in done:
            continue
        done.append(one.key)
        try:
            found = found.plus(teacher.guess(one).distogram_logits)
            failure = None
        except MISHAPS as fault:
            failure = str(fault)
        _write_background(out / BACKGROUND, found, done, is_whole=len(done) == len(chosen))
        told(Outcome(one.name, True, len(done), len(chosen), len(one.sequence), failure=failure))
    if not found.counts.any():
        raise InputError(
            "no sequence could be predicted.", file=out, remedy="See why above; is this the network that was meant?"
        )
    return found


def predictions(
    sequences: Sequences,
    teacher: Teacher,
    background: Tensor,
    out: Path,
    least_confidence: float,
    summary: Summary,
    told: Callable[[Outcome], None],
) -> Iterator[Chain]:
    """The confident residues of every chain; predictions are kept whole, each as soon as it is made."""
    total = sum(1 for _ in _usable(sequences))
    for number, one in enumerate(_usable(sequences), 1):
        path = out / PREDICTIONS / f"{one.key}.safetensors"
        outcome = Outcome(one.name, False, number, total, len(one.sequence), is_new=not path.exists())
        try:
            if outcome.is_new:
                write_shard(path, [teacher.guess(one).chain(one, background)])
            chain = confident_part(_as_written(path, one), least_confidence)
        except MISHAPS as fault:
            summary.left_out[one.name] = str(fault)
            told(replace(outcome, failure=str(fault)))
            continue
        sure = int(chain.mask.any(1).sum())
        told(replace(outcome, num_confident=sure))
        summary.num_confident += sure
        if sure:
            yield chain
        else:
            summary.left_out[one.name] = f"no residue has a confidence above {least_confidence:g}"


def confident_part(chain: Chain, least: float) -> Chain:
    """A predicted chain without the atoms of residues that the teacher is not sure of (AF2 Suppl. 1.3)."""
    assert chain.confidence is not None
    mask = chain.mask & (chain.confidence > least)[:, None]
    # Without confidences: from here on every atom that is there teaches.
    return replace(chain, mask=mask, positions=chain.positions * mask[..., None], confidence=None)


def fingerprint(model: nn.Module) -> str:
    """Names a network by its parameters."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _usable(sequences: Sequences) -> Iterator[Unlabelled]:
    return (one for one in sequences if isinstance(one, Unlabelled))


def _counted(chains: Iterable[Chain], summary: Summary) -> Iterator[Chain]:
    for chain in chains:
        summary.num_chains += 1
        summary.num_residues += len(chain)
        yield chain
    if not summary.num_chains:
        raise InputError(
            f"of {len(summary.left_out)} sequences none has a residue that the teacher is sure of.",
            field="--teacher",
            remedy="Train the teacher for longer, or give sequences that it can predict.",
        )


def _as_written(path: Path, one: Unlabelled) -> Chain:
    names = {"id": one.name, "cluster": one.name, "split": "train", "kind": "distilled"}
    return replace(Shard(path)[0], resolution=NO_EXPERIMENT, **names)


def _check_settings(out: Path, teacher: Teacher, num_reference: int) -> None:
    """Compare with those the folder was begun with, or write them down."""
    path = out / SETTINGS
    given = {
        "teacher": fingerprint(teacher.model),
        "seed": teacher.seed,
        "max_rows": teacher.max_rows,
        "num_reference": num_reference,
        "network": asdict(teacher.model.config),
    }
    if not path.exists():
        with atomic_write(path) as file:
            json.dump(given, file, indent=1)
        return
    there = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in given.items() if there.get(name) != value]
    if differing:
        raise InputError(
            f"this folder was begun with another {', another '.join(differing)}.",
            file=path,
            remedy="Give the same to go on, or another --out.",
        )


def _read_background(path: Path, teacher: Teacher) -> tuple[Background, list[str], bool]:
    """What there is of it, from which sequences, and whether that is all."""
    if not path.exists():
        return Background.empty(teacher.model.config.heads.num_distogram_bins), [], False
    with safe_open(path, "pt") as file:
        note = file.metadata()
        found = Background(sums=file.get_tensor("sums"), counts=file.get_tensor("counts"))
    return found, json.loads(note["sequences"]), note["is_whole"] == "True"


def _write_background(path: Path, background: Background, done: list[str], is_whole: bool) -> None:
    note = {"sequences": json.dumps(done), "is_whole": str(is_whole)}
    with atomic_write(path, "wb") as file:
        file.write(save(background.flat(), metadata=note))
