"""Who draws which examples, and that drawing ahead changes nothing."""

import threading
from dataclasses import replace

import pytest

from foldwright.errors import InputError
from foldwright.training import schedule
from foldwright.training.draws import check_groups, drawn_ahead, groups_of_step, groups_of_steps
from foldwright.training.parallel import Processes


class Numbers:
    """Examples that are their own number and passes."""

    def draw(self, number, num_passes):
        return (number, num_passes)

    def collate(self, examples):
        return tuple(examples)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_every_example_of_a_step_is_drawn_once_by_one_process(recipe, world):
    recipe = replace(recipe, examples_per_step=8, examples_at_once=2)
    processes = [Processes(rank, world) for rank in range(world)]
    groups = [group for one in processes for group in groups_of_step(Numbers(), recipe, 5, one)]
    drawn = sorted(number for group in groups for number, _ in group.examples)
    assert drawn == list(range(40, 48))
    assert all(group.first == group.examples[0][0] for group in groups)
    assert {passes for group in groups for _, passes in group.examples} == {schedule.num_passes(recipe, 5)}


def test_steps_follow_each_other_without_gap(recipe):
    numbers = [group.first for group in groups_of_steps(Numbers(), recipe, range(2, 5), Processes())]
    assert numbers == list(range(8, 20))


@pytest.mark.parametrize(
    ("per_step", "at_once", "world", "words"),
    [(4, 3, 1, "3 at a time"), (4, 2, 4, "2 groups"), (5, 1, 2, "evenly by 2 processes")],
)
def test_examples_that_cannot_be_shared_evenly_are_refused(recipe, per_step, at_once, world, words):
    recipe = replace(recipe, examples_per_step=per_step, examples_at_once=at_once)
    with pytest.raises(InputError, match=words):
        check_groups(recipe, Processes(0, world))


def test_drawing_ahead_keeps_the_order_and_runs_ahead():
    drawn = threading.Event()

    def items():
        yield from range(3)
        drawn.set()
        yield from range(3, 20)

    with drawn_ahead(items(), depth=3) as ahead:
        assert next(ahead) == 0
        assert drawn.wait(5)
        assert list(ahead) == list(range(1, 20))


def test_an_error_while_drawing_arrives_where_the_example_was_wanted():
    def items():
        yield 1
        raise InputError("this chain is damaged.")

    with drawn_ahead(items()) as ahead:
        assert next(ahead) == 1
        with pytest.raises(InputError, match="damaged"):
            next(ahead)


def test_nothing_is_left_running_when_a_run_ends_early():
    def endless():
        while True:
            yield 0

    before = threading.active_count()
    with drawn_ahead(endless()) as ahead:
        next(ahead)
    assert threading.active_count() == before
