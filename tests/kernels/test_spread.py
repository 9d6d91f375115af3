"""Pieces on threads: each is done once, whatever happens to the others."""

import multiprocessing
import threading

import pytest
import torch

from foldwright.kernels.fast import MEBIBYTE, SMALLEST_SHARE, Fast
from foldwright.kernels.spread import spread


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_every_piece_is_done_once():
    done = torch.zeros(1000, dtype=torch.long)
    spread(lambda i: done[i : i + 1].add_(1), range(1000))
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


@pytest.mark.parametrize("bad", [0, 7])
def test_a_failure_reaches_the_caller_and_the_next_call_works(bad):
    def fail(i: int) -> None:
        if i == bad:
            raise MemoryError(f"piece {i}")

    with pytest.raises(MemoryError, match=f"piece {bad}"):
        spread(fail, range(8))
    assert torch.get_num_threads() == 3
    test_every_piece_is_done_once()


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
    child.join(timeout=60)
    assert child.exitcode == 0


@pytest.mark.parametrize("total", [1, 5, 6, 7, 1000, 4097])
def test_shares_cover_everything_and_stay_within_the_piece(total):
    layer = Fast()
    layer.piece_bytes = 12 * MEBIBYTE
    shares = layer.shares(total, SMALLEST_SHARE)
    assert [i for share in shares for i in range(total)[share]] == list(range(total))
    assert max(len(range(total)[share]) for share in shares) * SMALLEST_SHARE * 3 <= layer.piece_bytes


def test_every_thread_gets_as_many_shares():
    layer = Fast()
    layer.piece_bytes = 12 * MEBIBYTE
    assert [len(layer.shares(total, SMALLEST_SHARE)) for total in (3, 6, 12, 36)] == [3, 3, 3, 9]


def test_small_work_is_not_divided():
    assert Fast().shares(100, SMALLEST_SHARE // 100) == [slice(0, 100)]
