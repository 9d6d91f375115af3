"""Which points lie close together, without looking at every two."""

from itertools import product

import numpy as np
from jaxtyping import Float, Int

Pairs = tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]


def pairs_within(points: Float[np.ndarray, "n 3"], radius: float) -> Pairs:
    """The indices i < j of all pairs no farther apart than the radius, in ascending order."""
    if len(points) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    points = points.astype(np.float64)
    cells = np.floor((points - points.min(0)) / radius).astype(np.int64)
    sides = cells.max(0) + 2  # one cell between the end of a row and the next row
    strides = np.array([sides[1] * sides[2], sides[2], 1])
    keys = cells @ strides
    order = np.argsort(keys, kind="stable")
    found = [_at(keys, order, int(np.array(step) @ strides)) for step in product((-1, 0, 1), repeat=3)]
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    near = (i < j) & (np.square(points[i] - points[j]).sum(-1) <= radius**2)
    ascending = np.lexsort((j[near], i[near]))
    return i[near][ascending], j[near][ascending]


def _at(keys: Int[np.ndarray, " n"], order: Int[np.ndarray, " n"], step: int) -> Pairs:
    """Every point with every point of the cell that lies one step from its own."""
    ordered = keys[order]
    begin, end = (np.searchsorted(ordered, keys + step, side) for side in ("left", "right"))
    count = end - begin
    first = np.repeat(np.arange(len(keys)), count)
    within = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    return first, order[np.repeat(begin, count) + within]
