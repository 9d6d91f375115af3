"""Seconds and peak memory belong to the stage that used them."""

import mmap
import time
from pathlib import Path

import pytest

from foldwright.pipeline.stages import Stages


def test_each_stage_has_its_own_seconds_and_a_repeated_one_adds_up():
    stages = Stages()
    for name, seconds in (("a", 0.02), ("b", 0.05), ("a", 0.02)):
        with stages.measure(name):
            time.sleep(seconds)
    assert stages.seconds["a"] >= 0.04
    assert stages.seconds["b"] >= 0.05
    assert list(stages.as_record()) == ["a", "b"]


def test_the_peak_of_a_stage_does_not_count_what_an_earlier_one_freed():
    stages = Stages()
    # Mapped memory goes back to the system at once, whatever the allocator keeps.
    with stages.measure("large"), mmap.mmap(-1, 200_000_000) as large:
        large.write(b"1" * 200_000_000)
    with stages.measure("small"):
        sum(range(1000))
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system cannot reset the high-water mark")
    assert stages.peak_bytes["large"] - stages.peak_bytes["small"] > 150e6


def test_a_stage_that_fails_is_measured_too():
    stages = Stages()
    with pytest.raises(RuntimeError), stages.measure("broken"):
        raise RuntimeError
    assert stages.peak_bytes["broken"] > 0
