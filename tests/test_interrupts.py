"""A request to end is heard even if the exception that carries it is lost on the way."""

import ctypes
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


def test_ctrl_c_is_heard_again_after_a_library_that_kept_it_for_itself():
    interrupts.remember()
    ignore = ctypes.c_void_p(1)  # SIG_IGN
    ctypes.CDLL(None).signal(signal.SIGINT, ignore)  # which Python does not notice
    os.kill(os.getpid(), signal.SIGINT)
    interrupts.check()
    interrupts.renew()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
