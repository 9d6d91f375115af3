"""Lists of jobs: every piece is done once, after what it waits for, however many threads come."""

import signal
import threading
import time

import pytest
import torch

pytest.importorskip("llvmlite")

from llvmlite import ir

from foldwright.kernels.compiled.jobs import UNINTERRUPTED, Jobs, Piece, run
from foldwright.kernels.spread import num_threads, pool, team
from foldwright.llvm import Compiled

MUCH = 1 << 23  # bytes: enough for every thread
MILLISECOND = 1_000_000  # turns of an empty loop, or less than that


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[1, 2, 5])
def threads(two_threads, request):
    torch.set_num_threads(request.param)
    return request.param


@pytest.fixture(scope="module")
def compiled():
    module = ir.Module()
    write = Piece(module, "count", 1)
    with write.loop(write.stop, write.begin) as i:
        place = write.arguments[0].floats(i)
        place.store(place.load() + 1.0)
    write.end()

    write = Piece(module, "sum", 3)
    x, out, n = write.arguments
    with write.loop(write.stop, write.begin) as i:
        total = write.fold(n, [write.zeros()], lambda k, sums: [sums[0] + x.floats(k).load()])
        out.floats(i).store(total[0])
    write.end()

    write = Piece(module, "number", 2)
    seen = write.room.floats()
    with write.loop(write.stop, write.begin) as i:
        with write.loop(write.arguments[1]):
            pass
        seen.store(seen.load() + 1.0)
        write.arguments[0].floats(i).store(seen.load())
    write.end()

    write = Piece(module, "linger", 2)
    with write.loop(write.stop, write.begin) as i:
        with write.loop(write.arguments[1]):
            pass
        write.arguments[0].floats(i).store(write.constant(1.0))
    write.end()
    return Compiled(module)


@pytest.mark.parametrize(("total", "unit"), [(0, 1), (1, 1), (7, 6), (1000, 1), (1000, 48), (5, 100)])
def test_all_there_is_to_do_is_done_once(threads, compiled, total, unit):
    done = torch.zeros(total + 1)
    run(compiled, "count", done, total=total, num_bytes=MUCH if total > 100 else 1, unit=unit)
    assert done.tolist() == [1.0] * total + [0.0]


def test_a_job_that_waits_sees_all_that_was_done_before_it(threads, compiled):
    n = 64
    for _ in range(20):
        x, sums, more = torch.zeros(n), torch.zeros(n), torch.zeros(n)
        jobs = Jobs()
        jobs.add(compiled, "linger", x, MILLISECOND // 10, total=n, num_bytes=MUCH)
        jobs.add(compiled, "count", more, total=n, num_bytes=MUCH, waits=False)
        jobs.add(compiled, "sum", x, sums, n, total=n, num_bytes=MUCH)
        jobs.run()
        assert sums.tolist() == [1.0 * n] * n
        assert more.tolist() == [1.0] * n


def test_each_thread_takes_part_and_has_a_room_of_zeros_to_itself(threads, compiled):
    found = torch.zeros(200)
    run(compiled, "number", found, 10 * MILLISECOND, total=200, num_bytes=MUCH, room=1)
    counts = torch.bincount(found.long())[1:]  # how many threads got so far
    assert counts[0] == threads
    assert counts.sum() == 200
    assert (counts[:-1] >= counts[1:]).all()


def test_threads_that_are_busy_elsewhere_are_not_waited_for(compiled):
    release = threading.Event()
    with team():
        pool().submit(release.wait)
        done = torch.zeros(1000)
        run(compiled, "count", done, total=1000, num_bytes=MUCH)
    assert done.tolist() == [1.0] * 1000
    release.set()


def test_little_work_is_done_by_one_thread(compiled, monkeypatch):
    def never():
        raise AssertionError

    monkeypatch.setattr("foldwright.kernels.compiled.jobs.pool", never)
    done = torch.zeros(100)
    run(compiled, "count", done, total=100, num_bytes=1000)
    assert done.tolist() == [1.0] * 100


def test_an_interrupt_ends_the_list_after_the_pieces_under_way(threads, compiled):
    class Asked(Exception):
        pass

    def ask(*_):
        raise Asked

    before = signal.signal(signal.SIGALRM, ask)
    done, count = torch.zeros(10_000), 10_000
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(Asked):
            run(compiled, "linger", done, 20 * MILLISECOND, total=count, num_bytes=count * UNINTERRUPTED)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 0 < done.sum() < 500
    seen = done.clone()
    time.sleep(0.2)
    assert torch.equal(done, seen)  # nobody writes any more
    after = torch.zeros(500)
    run(compiled, "count", after, total=500, num_bytes=MUCH)
    assert after.tolist() == [1.0] * 500
    assert num_threads() == threads


def test_tensors_that_do_not_lie_in_one_piece_are_refused(compiled):
    with pytest.raises(ValueError, match="one piece"):
        run(compiled, "count", torch.zeros(4, 4).t(), total=4, num_bytes=1)
    with pytest.raises(ValueError, match="float32"):
        run(compiled, "count", torch.zeros(4, dtype=torch.double), total=4, num_bytes=1)
