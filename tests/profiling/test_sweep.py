"""A sweep varies one size at a time and leaves out what would take too long."""

import csv

import pytest

from foldwright.profiling import sweep as sweeps
from foldwright.profiling.sweep import Point, Series, around, sweep, varied, write_sweep


def point(value, seconds):
    return Point(
        value=value,
        forward_s=seconds / 3,
        backward_s=seconds / 2,
        step_s=seconds,
        samples_per_s=1 / seconds,
        flops=100 * value,
        peak_bytes=value,
        kept_bytes=value,
    )


@pytest.fixture
def slow(monkeypatch):
    """Steps whose time is the cube of the value, in milliseconds."""
    monkeypatch.setattr(sweeps, "make_workload", lambda *args: args)
    monkeypatch.setattr(sweeps, "_point", lambda value, workload, repeats: point(value, value**3 / 1e3))


@pytest.mark.usefixtures("slow")
def test_values_expected_to_take_too_long_are_left_out(recipe, sizes, setting):
    (found,) = sweep(recipe, sizes, setting, {"residues": [40, 10, 20]}, repeats=1, limit_s=10.0)
    assert [p.value for p in found.points] == [10, 20]
    assert found.left_out == [40]
    assert found.exponent == pytest.approx(3)


@pytest.mark.usefixtures("slow")
def test_what_does_not_fit_is_left_out_and_other_errors_are_not_hidden(recipe, sizes, setting, monkeypatch):
    def fail(message):
        def make(recipe, sizes, setting):
            raise RuntimeError(message)

        monkeypatch.setattr(sweeps, "make_workload", make)
        return list(sweep(recipe, sizes, setting, {"batch": [1, 2]}, repeats=1, limit_s=1.0))

    assert fail("DefaultCPUAllocator: can't allocate memory") == []
    with pytest.raises(RuntimeError, match="shapes"):
        fail("shapes do not match")


def test_only_the_varied_size_changes(recipe, sizes):
    deeper, same = varied("blocks", 7, recipe, sizes)
    assert (deeper.model.trunk.num_blocks, same) == (7, sizes)
    assert deeper.model.extra_msa == recipe.model.extra_msa
    same, longer = varied("residues", 77, recipe, sizes)
    assert (same, longer.residues, longer.batch) == (recipe, 77, sizes.batch)
    assert around(recipe, sizes)["batch"] == [1, 2, 3, 4]


def test_points_are_measured_and_written(recipe, sizes, setting, tmp_path):
    found = list(sweep(recipe, sizes, setting, {"batch": [1, 2]}, repeats=1, limit_s=60.0))
    one, two = found[0].points
    assert two.flops == 2 * one.flops
    assert two.kept_bytes > 1.8 * one.kept_bytes
    assert two.peak_bytes > one.peak_bytes
    write_sweep(tmp_path / "sweep.csv", found)
    with (tmp_path / "sweep.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["varied"], row["value"]) for row in rows] == [("batch", "1"), ("batch", "2")]
    assert float(rows[1]["step_s"]) == two.step_s


def test_a_single_point_has_no_exponent():
    assert Series("batch", [point(3, 1.0)], []).exponent == 0
