"""A request to end is heard even if the exception that carries it is lost on the way."""

import os
import signal
from contextlib import suppress

import pytest

from foldwright import interrupts


@pytest.fixture(autouse=True)
def _handlers_as_before():
    before = {number: signal.getsignal(number) for number in interrupts.ASKING}
    yield
    interrupts.remember()  # forgets what was asked
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interrupts.ASKING)
def test_a_lost_request_is_raised_again(number):
    interrupts.remember()
    interrupts.check()
    with suppress(KeyboardInterrupt):  # as a library does that ignores what goes wrong while it looks something up
        os.kill(os.getpid(), number)
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    interrupts.remember()
    interrupts.check()
