"""Whether there is room for the results of a job: asked of the disk itself, with a job larger than any disk."""

import re

import pytest

from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job
from foldwright.pipeline.kept import require_room
from foldwright.pipeline.plan import Task

KEYS = {"m_seed0": "a", "m_seed1": "b"}


def test_a_job_whose_results_cannot_fit_is_refused_before_it_begins(tmp_path):
    task = Task(Job("huge", (ChainInput("A" * 30_000_000),)), (), KEYS)
    with pytest.raises(InputError) as error:
        require_room(tmp_path, task)
    said = str(error.value)
    assert said.startswith(f"{tmp_path}: the results of huge need about 18000240.0 GB; ")  # 10 bytes a pair, twice
    assert re.search(r"; [\d.]+ [GM]B are free\. Make room", said)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_fits_is_not_refused(tmp_path):
    require_room(tmp_path, Task(Job("small", (ChainInput("MKTAYI"),)), (), KEYS))
