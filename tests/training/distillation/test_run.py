"""Sequences in, chains to train on out; stopped or not, with bad sequences or without."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.training.data.shards import Shard, ShardedChains
from foldwright.training.distillation import teacher as teaching
from foldwright.training.distillation.confidence import Background, residue_confidence
from foldwright.training.distillation.run import distil
from foldwright.training.distillation.sequences import Refused, Unlabelled
from foldwright.training.distillation.teacher import Teacher

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def sequences(count=3, length=9):
    """The first with an alignment, each a residue longer than the one before."""
    rng = np.random.default_rng(3)
    found = []
    for i in range(count):
        rows = ["".join(rng.choice(LETTERS, length + i)) for _ in range(6 if i == 0 else 1)]
        deletions = rng.integers(0, 2, (len(rows), length + i), dtype=np.int32)
        found.append(Unlabelled(f"s{i}", Alignment(rows, deletions, rows)))
    return found


def passable(given, teacher):
    """A threshold that parts of every chain pass."""
    logits = [teacher.guess(one).distogram_logits for one in given]
    background = Background.empty(64)
    for one in logits:
        background = background.plus(one)
    return min(float(residue_confidence(x, background.distributions()).median()) for x in logits)


def test_another_threshold_needs_no_new_prediction(teacher, tmp_path, monkeypatch):
    distil(sequences(2), teacher, tmp_path, least_confidence=0.0)
    before = [chain.mask.any(1).sum() for chain in ShardedChains(tmp_path)]
    threshold = passable(sequences(2), teacher)
    monkeypatch.setattr(Teacher, "guess", None)
    distil(sequences(2), teacher, tmp_path, least_confidence=threshold)
    after = [chain.mask.any(1).sum() for chain in ShardedChains(tmp_path)]
    assert before == [9, 10]
    assert 0 < sum(after) < 19


class Stop(Exception):
    pass


class Failing(Teacher):
    """Cannot predict one sequence."""

    def guess(self, of):
        if of.name == "s1":
            raise RuntimeError("out of memory")
        return super().guess(of)


def test_every_confident_residue_is_written_with_the_structure_that_was_predicted(teacher, tmp_path):
    given, unsure = sequences(), 0
    threshold = passable(given, teacher)
    summary = distil([Refused("bad", "no residues"), *given], teacher, tmp_path, least_confidence=threshold)
    chains = ShardedChains(tmp_path)
    assert [row.id for row in chains.manifest] == ["s0", "s1", "s2"]
    assert {row.kind for row in chains.manifest} == {"distilled"}
    assert chains.notes["dropped"] == summary.left_out == {"bad": "no residues"}
    assert summary.num_residues == sum(9 + i for i in range(3))
    background = Background.empty(64)
    for one in sorted(given, key=lambda one: one.key):
        background = background.plus(teacher.guess(one).distogram_logits)
    for one, chain in zip(given, chains, strict=True):
        guess = teacher.guess(one)
        assert chain.sequence == one.sequence
        assert chain.depth == len(one.alignment)
        confidence = residue_confidence(guess.distogram_logits, background.distributions()).numpy()
        mask = (guess.atom_mask.numpy() > 0) & (confidence > threshold)[:, None]
        np.testing.assert_array_equal(chain.mask, mask)
        np.testing.assert_allclose(chain.positions, guess.positions.numpy() * mask[..., None])
        assert not 0 <= chain.resolution <= 3
        unsure += int((confidence <= threshold).sum())
        kept = Shard(tmp_path / "predictions" / f"{one.key}.safetensors")[0]
        np.testing.assert_allclose(kept.confidence, confidence, rtol=1e-5)
        assert kept.mask.any(1).all()
    assert 0 < unsure < summary.num_residues
    assert summary.num_confident == summary.num_residues - unsure


def test_residues_without_confidence_teach_nothing_and_chains_of_them_are_left_out(teacher, tmp_path):
    """A teacher that always says the same knows no more than the background."""
    torch.nn.init.zeros_(teacher.model.distogram_head.out.weight)
    with pytest.raises(InputError, match="none has a residue"):
        distil(sequences(), teacher, tmp_path)


def test_a_run_that_was_stopped_goes_on_and_ends_as_if_it_had_not_been(teacher, tmp_path):
    given, made = sequences(), []
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    distil(given, teacher, whole)

    def stop_at(limit):
        made.clear()

        def told(outcome):
            made.append(outcome)
            if len(made) == limit:
                raise Stop

        return told

    for limit in (2, 2):  # halfway through the background, then halfway through the predictions
        with pytest.raises(Stop):
            distil(given, teacher, parts, told=stop_at(limit))
    distil(given, teacher, parts, told=stop_at(None))
    assert [(outcome.is_background, outcome.is_new) for outcome in made] == [(False, new) for new in (0, 1, 1)]
    for one, other in zip(ShardedChains(whole), ShardedChains(parts), strict=True):
        assert one.id == other.id
        assert one.positions.std() > 0.1
        assert all(np.array_equal(getattr(one, x), getattr(other, x)) for x in ("positions", "mask"))


def test_what_is_done_is_not_predicted_again_and_sequences_may_be_added(teacher, tmp_path, monkeypatch):
    distil(sequences(2), teacher, tmp_path)
    guessed = []
    monkeypatch.setattr(
        Teacher, "guess", lambda self, of, guess=Teacher.guess: guessed.append(of.name) or guess(self, of)
    )
    summary = distil(sequences(3), teacher, tmp_path)
    assert guessed == ["s2"]
    assert summary.num_chains == len(ShardedChains(tmp_path)) == 3


def test_one_sequence_that_fails_costs_no_other_and_is_tried_again(teacher, tmp_path):
    failing = Failing(teacher.model)
    outcomes = []
    summary = distil(sequences(), failing, tmp_path, told=outcomes.append)
    assert summary.left_out == {"s1": "out of memory"}
    assert [row.id for row in ShardedChains(tmp_path).manifest] == ["s0", "s2"]
    assert [o.failure for o in outcomes if o.name == "s1"] == ["out of memory"] * 2
    assert distil(sequences(), teacher, tmp_path).left_out == {}
    assert len(ShardedChains(tmp_path)) == 3


def test_a_prediction_that_is_not_finite_is_left_out(teacher, tmp_path):
    torch.nn.init.constant_(teacher.model.distogram_head.out.bias, float("nan"))
    with pytest.raises(InputError, match="no sequence could be predicted"):
        distil(sequences(2), teacher, tmp_path)


def test_another_teacher_in_the_same_folder_is_refused(teacher, tmp_path):
    distil(sequences(2), teacher, tmp_path)
    with torch.no_grad():
        teacher.model.plddt_head.out.bias += 1
    with pytest.raises(InputError, match="another teacher"):
        distil(sequences(2), teacher, tmp_path)
    with pytest.raises(InputError, match="another teacher, another seed"):
        distil(sequences(2), replace(teacher, seed=1), tmp_path)


def test_the_background_comes_from_a_random_choice_of_the_sequences(teacher, tmp_path):
    outcomes = []
    distil(sequences(4), teacher, tmp_path, num_reference=2, told=outcomes.append)
    assert len([o for o in outcomes if o.is_background]) == 2
    assert len([o for o in outcomes if not o.is_background]) == 4


def test_a_teacher_sees_as_many_rows_as_it_may(teacher, monkeypatch):
    seen = []
    original = teaching.monomer_example
    monkeypatch.setattr(teaching, "monomer_example", lambda x: seen.append(len(x[0].alignment)) or original(x))
    deep = sequences(1)[0]
    guesses = [
        replace(teacher, max_rows=rows, seed=seed).guess(deep) for rows, seed in [(None, 0), (3, 0), (3, 0), (3, 7)]
    ]
    assert seen == [6, 3, 3, 3]
    assert torch.equal(guesses[1].positions, guesses[2].positions)
    assert not torch.equal(guesses[1].positions, guesses[3].positions)
