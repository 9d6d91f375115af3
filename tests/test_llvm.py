"""Functions written as expressions beside what numpy makes of the same numbers."""

import gc
import weakref
from threading import Barrier, Thread

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvmlite import ir

from foldwright.llvm import BYTE, WORD, Compiled, Writer

LANES = [1, 8, 16]
FLOATS = {
    "sum": (lambda x, y: x + y, np.add),
    "difference": (lambda x, y: x - y, np.subtract),
    "product": (lambda x, y: x * y, np.multiply),
    "quotient": (lambda x, y: x / y, np.divide),
    "constant behind": (lambda x, y: x * 3.0 + 0.1, lambda x, y: x * np.float32(3) + np.float32(0.1)),
    "constant before": (lambda x, y: 1.0 / y, lambda x, y: 1 / y),
    "root": (lambda x, y: (x * x).root(), lambda x, y: np.sqrt(x * x)),
    "larger": (lambda x, y: x.at_least(y), np.maximum),
    "smaller": (lambda x, y: x.at_most(y), np.minimum),
    "larger than a constant": (lambda x, y: x.at_least(0.25), lambda x, y: np.maximum(x, np.float32(0.25))),
}
WORDS = {
    "sum": (lambda x, y: x + y, np.add),
    "difference": (lambda x, y: x - y, np.subtract),
    "product": (lambda x, y: x * y, np.multiply),
    "constants": (lambda x, y: x * 3 + 5, lambda x, y: 3 * x + 5),
    "whole quotient": (lambda x, y: (x * x) // (y * y + 1), lambda x, y: (x * x) // (y * y + 1)),
    "quotient without sign": (lambda x, y: x // 7, lambda x, y: (x.view(np.uint64) // np.uint64(7)).view(np.int64)),
    "shift": (lambda x, y: x << 5, lambda x, y: x << 5),
    "larger": (lambda x, y: x.at_least(y), np.maximum),
    "smaller": (lambda x, y: x.at_most(y), np.minimum),
    "itself": (lambda x, y: x.largest(), lambda x, y: x),
}
BYTES = {
    "sum": (lambda x, y: x + y, np.add),
    "difference": (lambda x, y: x - y, np.subtract),
    "full difference": (
        lambda x, y: x.minus_saturated(y),
        lambda x, y: (x.astype(int) - y).clip(-128, 127).astype(np.int8),
    ),
    "larger": (lambda x, y: x.at_least(y), np.maximum),
    "smaller": (lambda x, y: x.at_most(y), np.minimum),
}


def run(body, *arguments):
    """Call the function that `body` writes, with integers and with the addresses of arrays."""
    module = ir.Module()
    write = Writer(module, "written", len(arguments))
    body(write, *write.arguments)
    write.end()
    Compiled(module).function("written")(*(x if isinstance(x, int) else x.ctypes.data for x in arguments))


def normal(*shape):
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def whole(kind, low, high, *shape):
    return np.random.default_rng(shape).integers(low, high, shape, kind)


def each(memory, lanes, how):
    """A function that makes one array of two, so many at a time."""

    def body(write, x, y, out, count):
        with write.loop(count, step=lanes) as i:
            places = [getattr(array, memory)(i) for array in (x, y, out)]
            places[2].store(how(*(place.load(lanes) for place in places[:2])))

    return body


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", FLOATS)
def test_operations_on_floats(name, lanes):
    how, expected = FLOATS[name]
    x, y = normal(2, 48)
    out = np.empty_like(x)
    run(each("floats", lanes, how), x, y, out, len(x))
    assert out.tolist() == expected(x, y).tolist()
    assert out.std() > 0.05


@pytest.mark.parametrize("name", WORDS)
def test_operations_on_integers(name):
    how, expected = WORDS[name]
    x, y = whole(np.int64, -(10**6), 10**6, 2, 50)
    out = np.empty_like(x)
    run(each("words", 1, how), x, y, out, len(x))
    assert out.tolist() == expected(x, y).tolist()


@pytest.mark.parametrize("lanes", [1, 32])
@pytest.mark.parametrize("name", BYTES)
def test_operations_on_bytes(name, lanes):
    how, expected = BYTES[name]
    x, y = whole(np.int8, -128, 128, 2, 96)
    out = np.empty_like(x)
    run(each("bytes", lanes, how), x, y, out, len(x))
    assert out.tolist() == expected(x, y).tolist()


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", ["at_least", "at_most"])
def test_nan_stays_and_that_of_another_counts_for_nothing(name, lanes):
    x, y = normal(2, 64)
    x[::3] = np.nan
    y[::4] = np.nan
    out = np.empty_like(x)
    run(each("floats", lanes, lambda x, y: getattr(x, name)(y)), x, y, out, len(x))
    chosen = (np.fmax if name == "at_least" else np.fmin)(x, y)
    np.testing.assert_array_equal(out, np.where(np.isnan(x), np.nan, chosen))


@pytest.mark.parametrize("lanes", LANES)
def test_times_plus_rounds_once(lanes):
    x, y = normal(2, 64)
    out = -(x * y)

    def body(write, x, y, out):
        with write.loop(64, step=lanes) as i:
            numbers = [array.floats(i).load(lanes) for array in (x, y, out)]
            out.floats(i).store(numbers[0].times_plus(*numbers[1:]))

    lost = x.astype(np.float64) * y - x * y
    run(body, x, y, out)
    assert out.tolist() == lost.tolist()
    assert np.count_nonzero(lost) > 50


@pytest.mark.parametrize("lanes", LANES)
def test_bits_there_and_back(lanes):
    x = normal(64)
    there, back = np.empty(64, np.int32), np.empty_like(x)

    def body(write, x, there, back):
        with write.loop(64, step=lanes) as i:
            bits = x.floats(i).load(lanes).bits() + 1
            there.floats(i).store(bits)
            back.floats(i).store((bits - 1).bits())

    run(body, x, there, back)
    assert there.tolist() == (x.view(np.int32) + 1).tolist()
    assert back.tolist() == x.tolist()


@pytest.mark.parametrize("lanes", LANES)
def test_total_and_largest_over_lanes_and_copies_everywhere(lanes):
    x = normal(5, lanes) - 2
    totals, largest, copies = (np.zeros_like(x) for _ in range(3))

    def body(write, x, totals, largest, copies):
        with write.loop(5) as row:
            vector = x.floats(row * lanes).load(lanes)
            totals.floats(row * lanes).store(vector.total())
            largest.floats(row * lanes).store(vector.largest())
            copies.floats(row * lanes).store(vector.largest().everywhere(lanes))

    run(body, x, totals, largest, copies)
    np.testing.assert_allclose(totals[:, 0], x.sum(1, np.float64), rtol=1e-6)
    assert largest[:, 0].tolist() == x.max(1).tolist()
    assert copies.tolist() == np.repeat(x.max(1, keepdims=True), lanes, 1).tolist()
    assert not totals[:, 1:].any()
    assert not largest[:, 1:].any()


@pytest.mark.parametrize("lanes", [1, 32])
def test_bytes_have_a_sign_when_the_largest_is_found(lanes):
    x, out = whole(np.int8, -128, 90, 9, lanes), np.zeros(9, np.int8)

    def body(write, x, out):
        with write.loop(9) as row:
            out.bytes(row).store(x.bytes(row * lanes).load(lanes).largest())

    run(body, x, out)
    assert out.tolist() == x.max(1).tolist()


def test_lanes_of_two_vectors_in_any_order():
    x, y = normal(2, 8)
    lanes, out = [9, 0, 15, 15, 3, 8, 1, 14], np.empty(8, np.float32)

    def body(write, x, y, out):
        out.floats().store(x.floats().load(8).shuffled(y.floats().load(8), lanes))

    run(body, x, y, out)
    assert out.tolist() == np.concatenate([x, y])[lanes].tolist()


def test_a_byte_counts_from_0_to_255_as_an_integer():
    x, out = np.arange(256).astype(np.uint8), np.empty(256, np.int64)

    def body(write, x, out):
        with write.loop(256) as i:
            out.words(i).store(x.bytes(i).load().word())

    run(body, x, out)
    assert out.tolist() == x.tolist()


def test_constants():
    vectors, words, byte = np.empty((2, 4), np.float32), np.empty(2, np.int64), np.empty(4, np.int8)

    def body(write, vectors, words, byte):
        vectors.floats().store(write.zeros(4))
        vectors.floats(4).store(write.constant(0.3, 4))
        words.words().store(write.word(-(2**60)))
        words.words(1).store(write.constant(7, kind=WORD))
        byte.bytes().store(write.constant(-128, 4, BYTE))

    run(body, vectors, words, byte)
    assert vectors.tolist() == [[0] * 4, [np.float32(0.3)] * 4]
    assert words.tolist() == [-(2**60), 7]
    assert byte.tolist() == [-128] * 4


@pytest.mark.parametrize("kind", [np.float32, np.int8, np.int64])
@pytest.mark.parametrize("offset", range(4))
def test_memory_is_read_and_written_where_it_is_said_and_nowhere_else(kind, offset):
    x, out = np.arange(40).astype(kind), np.full(40, -1, kind)
    memory = {np.float32: "floats", np.int8: "bytes", np.int64: "words"}[kind]

    def body(write, x, out, at):
        getattr(out, memory)(at)[3].store(getattr(x, memory)(at)[at].load(8))

    run(body, x, out, offset)
    expected = np.full(40, -1, kind)
    expected[offset + 3 :][:8] = x[2 * offset :][:8]
    assert out.tolist() == expected.tolist()


@pytest.mark.parametrize("turns", [(0, 0, 1), (0, 7, 1), (3, 3, 2), (5, 3, 1), (2, 17, 3), (0, 16, 8), (-4, 3, 2)])
@pytest.mark.parametrize("is_known", [True, False])
def test_loops_count(turns, is_known):
    seen = np.zeros(20, np.int64)

    def body(write, seen, *numbers):
        begin, end, step = turns if is_known else numbers
        with write.loop(end, begin, step) as i:
            count = seen.words().load() + 1
            seen.words().store(count)
            seen.words(count).store(i)

    run(body, seen, *turns)
    count, *counters = seen.tolist()
    assert counters[:count] == list(range(*turns))


@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (3, 0), (1, 1), (5, 7)])
def test_loops_within_loops_and_what_is_done_only_if(rows, columns):
    out = np.zeros((rows, columns), np.int64)

    def body(write, out, rows, columns):
        with write.loop(rows) as i, write.loop(columns) as j:
            place = out.words(i * columns + j)
            with write.when(j < i):
                place.store(i * 10 + j)
            with write.when(i <= j):
                place.store(place.load() - 1)

    run(body, out, rows, columns)
    i, j = np.indices(out.shape)
    assert out.tolist() == np.where(j < i, i * 10 + j, -1).tolist()


@pytest.mark.parametrize("turns", [0, 1, 2, 31])
def test_numbers_are_carried_from_turn_to_turn(turns):
    out = np.empty(3, np.int64)

    def turn(i, carried):
        one, other, total = carried
        return [other, one + other, total + i]

    def body(write, out, turns):
        carried = write.fold(turns, [write.word(0), write.word(1), write.word(100)], turn)
        for place, number in enumerate(carried):
            out.words(place).store(number)

    run(body, out, turns)
    one, other = 0, 1
    for _ in range(turns):
        one, other = other, one + other
    assert out.tolist() == [one, other, 100 + sum(range(turns))]


@pytest.mark.parametrize(("rows", "columns"), [(0, 8), (3, 0), (3, 24)])
def test_a_fold_within_a_fold_with_a_loop_beside_it(rows, columns):
    x, marks, out = normal(rows, columns), np.zeros((rows, 5), np.int64), np.empty(8, np.float32)

    def body(write, x, marks, out, rows, columns):
        def row(i, total):
            with write.loop(5, begin=1, step=2) as j, write.when(i < 2):
                marks.words(i * 5 + j).store(j)
            at = x.floats(i * columns)
            return write.fold(columns, total, lambda j, sums: [sums[0] + at[j].load(8)], step=8)

        out.floats().store(write.fold(rows, [write.zeros(8)], row)[0])

    run(body, x, marks, out, rows, columns)
    np.testing.assert_allclose(out, x.reshape(-1, 8).sum(0), rtol=1e-5, atol=1e-6)
    assert marks.tolist() == [[0, 1, 0, 3, 0]] * min(rows, 2) + [[0] * 5] * (rows - 2)


def test_one_of_two_is_chosen():
    x, y = whole(np.int64, -5, 5, 2, 60)
    less, not_more = np.empty_like(x), np.empty_like(x)

    def body(write, x, y, less, not_more):
        with write.loop(60) as i:
            a, b = x.words(i).load(), y.words(i).load()
            less.words(i).store(write.choose(a < b, a, b * 100))
            not_more.words(i).store(write.choose(a <= b, a, b * 100))

    run(body, x, y, less, not_more)
    assert less.tolist() == np.where(x < y, x, y * 100).tolist()
    assert not_more.tolist() == np.where(x <= y, x, y * 100).tolist()
    assert (x == y).any()


def test_what_is_announced_need_not_be_there():
    x = normal(8)
    before = x.tolist()

    def body(write, x):
        write.word(0).floats().prefetch()
        x.floats(2**40).prefetch()
        x.bytes().prefetch()

    run(body, x)
    assert x.tolist() == before


def test_functions_of_a_module_are_called_by_name():
    module, out = ir.Module(), np.zeros(2, np.int64)
    for name, value in (("one", 1), ("two", 2)):
        write = Writer(module, name, value)
        write.arguments[0].words().store(write.arguments[-1] if value == 2 else write.word(value))
        write.end()
    compiled = Compiled(module)
    compiled.function("one")(out.ctypes.data)
    assert out.tolist() == [1, 0]
    compiled.function("two")(out[1:].ctypes.data, 22)
    assert out.tolist() == [1, 22]


def test_two_threads_run_a_function_at_once():
    """Each looks out for the other while it runs itself, for a second at most."""
    module = ir.Module()
    write = Writer(module, "meet", 3)
    own, other, seen = (place.words() for place in write.arguments)
    own.store(write.word(1))
    with write.loop(10**6), write.when(seen.load() < 1), write.loop(1000):
        seen.store(other.load())
    write.end()
    meet, here, seen = Compiled(module).function("meet"), np.zeros(2, np.int64), np.zeros(2, np.int64)
    both_ready = Barrier(2)

    def come(i):
        both_ready.wait()
        meet(here[i:].ctypes.data, here[1 - i :].ctypes.data, seen[i:].ctypes.data)

    threads = [Thread(target=come, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen.tolist() == [1, 1]


def test_threads_compile_at_once_and_code_that_may_be_running_is_not_freed():
    found = []

    def work(number):
        module, out = ir.Module(), np.zeros(1, np.int64)
        write = Writer(module, "same", 1)
        write.arguments[0].words().store(write.word(number))
        write.end()
        compiled = Compiled(module)
        compiled.function("same")(out.ctypes.data)
        found.append((number, out[0], weakref.ref(compiled)))

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert sorted(number for number, _, _ in found) == list(range(8))
    assert all(number == out and code() is not None for number, out, code in found)
