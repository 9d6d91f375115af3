"""Pieces on threads: each is done once, whatever happens to the others."""

import multiprocessing
import threading

import pytest
import torch

from foldwright.kernels.fast import MEBIBYTE, Fast
from foldwright.kernels.spread import SMALLEST_SHARE, num_threads, spread, team


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_every_piece_is_done_once():
    done = torch.zeros(1000, dtype=torch.long)

    def add(i: int) -> None:
        done[i] += 1

    spread(add, range(1000))
    assert done.tolist() == [1] * 1000


def test_several_threads_take_part_and_each_computes_alone():
    barrier, seen = threading.Barrier(3, timeout=30), []

    def meet(_: int) -> None:
        barrier.wait()
        seen.append((threading.get_ident(), torch.get_num_threads()))

    spread(meet, range(3))
    assert len({name for name, _ in seen}) == 3
    assert {threads for _, threads in seen} == {1}
    assert torch.get_num_threads() == 3


def test_other_threads_are_in_inference_mode_as_the_caller_is():
    with torch.inference_mode():
        x = torch.zeros(8)
        barrier = threading.Barrier(3, timeout=30)

        def write(i: int) -> None:
            barrier.wait()
            x[i] = 1 + i  # refused outside of inference mode

        spread(write, range(3))
    assert x.tolist()[:3] == [1, 2, 3]


def test_no_thread_records_gradients():
    parameter, found = torch.ones(3, requires_grad=True), [True] * 3
    barrier = threading.Barrier(3, timeout=30)

    def multiply(i: int) -> None:
        barrier.wait()
        found[i] = (2 * parameter[i]).requires_grad

    with torch.no_grad():
        spread(multiply, range(3))
    assert found == [False] * 3


def test_in_a_team_operations_run_on_one_thread_and_pieces_on_all():
    barrier, seen = threading.Barrier(3, timeout=30), []

    def meet(_: int) -> None:
        barrier.wait()
        seen.append((torch.get_num_threads(), num_threads() if threading.get_ident() == caller else None))

    caller = threading.get_ident()
    with team():
        assert torch.get_num_threads() == 1
        spread(meet, range(3))
        assert (torch.get_num_threads(), num_threads()) == (1, 3)
    assert sorted(seen, key=str) == [(1, 3), (1, None), (1, None)]
    assert (torch.get_num_threads(), num_threads()) == (3, 3)


def test_a_team_ends_with_its_threads_whatever_happens():
    with pytest.raises(MemoryError), team():
        raise MemoryError
    assert (torch.get_num_threads(), num_threads()) == (3, 3)


@pytest.mark.parametrize("bad", [0, 7])
def test_a_failure_reaches_the_caller_and_the_next_call_works(bad):
    def fail(i: int) -> None:
        if i == bad:
            raise MemoryError(f"piece {i}")

    with pytest.raises(MemoryError, match=f"piece {bad}"):
        spread(fail, range(8))
    assert torch.get_num_threads() == 3
    test_every_piece_is_done_once()


def test_a_failure_of_another_thread_reaches_the_caller():
    caller, barrier = threading.get_ident(), threading.Barrier(3, timeout=30)

    def fail_elsewhere(_: int) -> None:
        barrier.wait()
        if threading.get_ident() != caller:
            raise MemoryError("elsewhere")

    with pytest.raises(MemoryError, match="elsewhere"):
        spread(fail_elsewhere, range(3))


def test_pieces_not_begun_are_left_out_after_a_failure_of_the_caller():
    caller, done = threading.get_ident(), []

    def fail_here(i: int) -> None:
        if threading.get_ident() == caller:
            raise KeyboardInterrupt
        done.append(i)
        threading.Event().wait(0.005)

    with pytest.raises(KeyboardInterrupt):
        spread(fail_here, range(10_000))
    assert len(done) < 5_000


def test_a_forked_process_spreads_too():
    test_every_piece_is_done_once()
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=test_every_piece_is_done_once)
    child.start()
    child.join(timeout=30)
    child.kill()  # waits for ever if it has no threads
    assert child.exitcode == 0


def shares(total: int, bytes_each: int) -> tuple[list[slice], set[int]]:
    """The ranges that a layer with pieces of 12 MiB makes of its work, and the threads that do it."""
    layer, found, names = Fast(), [], set()
    layer.piece_bytes = 12 * MEBIBYTE

    def note(some: slice) -> None:
        found.append(some)
        names.add(threading.get_ident())
        threading.Event().wait(0.002)

    layer.each_piece(total, bytes_each, note)
    return sorted(found, key=lambda some: some.start), names


@pytest.mark.parametrize("total", [1, 5, 6, 7, 100, 127])
def test_shares_cover_everything_and_stay_within_the_piece(total):
    found, _ = shares(total, SMALLEST_SHARE)
    assert [i for some in found for i in range(total)[some]] == list(range(total))
    assert max(len(range(total)[some]) for some in found) * SMALLEST_SHARE * 3 <= 12 * MEBIBYTE


def test_every_thread_gets_as_many_shares():
    assert [len(shares(total, SMALLEST_SHARE)[0]) for total in (3, 6, 12, 36)] == [3, 3, 3, 9]


def test_small_work_stays_on_one_thread():
    found, names = shares(100, SMALLEST_SHARE // 100)
    assert found == [slice(0, 100)]
    assert names == {threading.get_ident()}
