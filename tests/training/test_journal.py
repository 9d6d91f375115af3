"""The tables of a run: exact, and cut back to where the run goes on from."""

import csv

import pytest

from foldwright.errors import InputError
from foldwright.training.journal import Journal, Table
from foldwright.training.progress import Plain, summary
from foldwright.training.recipe_json import recipe_from_json
from foldwright.training.step import StepResult


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def filled(path, steps):
    table = Table(path, 0)
    for step in range(1, steps + 1):
        table.add({"step": step, "loss": 0.1 * step})
    table.close()
    return path


def test_numbers_read_back_exactly(tmp_path):
    path = filled(tmp_path / "run" / "metrics.csv", 3)
    assert [float(row["loss"]) for row in rows(path)] == [0.1, 0.2, 0.1 * 3]


def test_rows_beyond_the_step_and_a_row_cut_short_are_left_out(tmp_path):
    path = filled(tmp_path / "metrics.csv", 5)
    with open(path, "a") as file:
        file.write("3,0.4")  # the process was killed here
    table = Table(path, 3)
    assert [row["step"] for row in rows(path)] == ["1", "2", "3"]
    table.add({"step": 4, "loss": 1.5})
    table.close()
    assert rows(path)[-1] == {"step": "4", "loss": "1.5"}


@pytest.mark.parametrize("text", ["", "step,lo"])
def test_a_table_without_a_whole_head_begins_anew(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    table = Table(path, 7)
    table.add({"step": 1, "other": 2.0})
    table.close()
    assert rows(path) == [{"step": "1", "other": "2.0"}]


def test_other_columns_are_refused(tmp_path):
    table = Table(filled(tmp_path / "metrics.csv", 1), 1)
    with pytest.raises(InputError, match="columns"):
        table.add({"step": 2, "plddt": 1.0})


RESULT = StepResult(1, 2, 1e-3, 0.05, {"loss": 5.25, "distogram": 4.1, "lddt_ca": 0.3}, False)


def test_times_stand_apart_from_what_a_rerun_repeats(tmp_path, recipe):
    journal = Journal(tmp_path, recipe, 0)
    journal.step(RESULT, recipe, seconds=0.5)
    journal.evaluation(1, {"lddt_ca": 0.25})
    journal.close()
    (metrics,) = rows(tmp_path / "metrics.csv")
    assert metrics["passes"] == "2"
    assert float(metrics["distogram"]) == 4.1
    assert int(metrics["examples"]) == recipe.examples_per_step
    assert not {"seconds", "memory_bytes"} & set(metrics)
    assert rows(tmp_path / "times.csv")[0]["seconds"] == "0.5"
    assert rows(tmp_path / "evaluation.csv") == [{"step": "1", "lddt_ca": "0.25"}]
    assert recipe_from_json((tmp_path / "recipe.json").read_text()) == recipe


def test_curves_for_tensorboard_are_written_where_it_is_installed(tmp_path, recipe):
    pytest.importorskip("tensorboard")
    journal = Journal(tmp_path, recipe, 0, has_tensorboard=True)
    journal.step(RESULT, recipe, seconds=0.5)
    journal.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Scalars("train/loss")[0].value == 5.25
    assert events.Scalars("run/examples_per_second")[0].value == recipe.examples_per_step / 0.5


def test_a_line_says_loss_terms_speed_memory_and_the_time_left(capsys):
    report = Plain(every_seconds=0.0)
    report.begin(0, 10, "small · 0.1 million parameters")
    report.step(RESULT, 7.5)
    line = capsys.readouterr().out.splitlines()[-1]
    for words in ("step 1 of 10", "loss 5.250", "distogram 4.100", "lddt_ca 0.300", "7.50 examples/s", "GiB", "left"):
        assert words in line
    assert "plddt" not in summary(RESULT, 1.0)
