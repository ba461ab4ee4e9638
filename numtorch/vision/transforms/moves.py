"""Transforms of whole batches of byte images: pixels that move as each sample's random numbers say, and are looked up.

``on_places(h, w)`` of a transform says how it moves pixels: a ``Move``. ``on_values`` (see ``compose.py``) says what it
makes of a pixel. A chain of transforms that say one or the other is one kernel for a batch, with the values and with
the random numbers of single samples: every sample takes its numbers in its turn, in the order of the transforms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.dispatch.program import shared_from
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import random_bits, uniform32
from numtorch.kernels.threads import get_num_threads
from numtorch.ops.generator import default_generator
from numtorch.utils.data.gather import CHUNK, checked_index

PARALLEL_FROM = shared_from(4)
OUTSIDE = -1  # the position of a pixel that is not of the image but of its border


@dataclass(frozen=True)
class Move:
    """How a transform moves the pixels of an image.

    Attributes:
        size: (height, width) of its result.
        place: from the numbers drawn for n samples, (n, len(draws)), to the rows and the columns of the image that are
            the rows and columns of the result: (n or 1, height) and (n or 1, width) integers, ``OUTSIDE`` for the
            border; None where they stay.
        draws: of each number that a sample takes, the integer that it is below; 0 for a float in [0, 1).
        fill: the value of the border, or one for each channel; None where there is none.
    """

    size: tuple[int, int]
    place: Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray | None]]
    draws: tuple[int, ...] = ()
    fill: Any = None


@jit
def draw(seed, at, below, out):
    """out[i, j] = the numbers that sample i takes: random integers below below[j], or floats where that is 0.

    They are those of ``randint(0, below[j], (1,))``, which takes two of the stream, and of ``rand(1)``, which takes
    one.
    """
    k = below.size
    for i in range(out.size):
        span = below[i % k]
        if span:
            high = np.int64(random_bits(seed, 2 * at)) & np.int64(0x7FFFFFFF)
            out[i] = ((high << np.int64(32)) | np.int64(random_bits(seed, 2 * at + 1))) % span
            at += 2
        else:
            out[i] = uniform32(seed, at)
            at += 1


@jit
def moved(x, index, n, h, w, c, rows, columns, table, oh, ow, out):
    """out[i, k, y, x] = table[k, pixel k of image index[i] at (rows[i, y], columns[i, x])] for bytes x (n, h, w, c) and
    table (c, 257), the last of which is the border's."""
    for i in range(index.size):
        s = index[i]
        if s < 0:
            s += n
        for k in range(c):
            values = table[k * 257 : (k + 1) * 257]
            for y in range(oh):
                r = rows[i * oh + y]
                target = out[((i * c + k) * oh + y) * ow : ((i * c + k) * oh + y + 1) * ow]
                if r < 0:
                    for j in range(ow):
                        target[j] = values[256]
                    continue
                source = x[(s * h + r) * w * c : (s * h + r + 1) * w * c]
                for j in range(ow):
                    q = columns[i * ow + j]
                    target[j] = values[source[q * c + k]] if q >= 0 else values[256]


@jit(parallel=True)
def moved_parallel(x, index, n, h, w, c, rows, columns, table, oh, ow, out):
    """``moved`` with chunks of samples spread over the threads."""
    for b in prange((index.size + CHUNK - 1) // CHUNK):
        start, stop = b * CHUNK, min(index.size, b * CHUNK + CHUNK)
        part = out[start * c * oh * ow : stop * c * oh * ow]
        r, q = rows[start * oh : stop * oh], columns[start * ow : stop * ow]
        moved(x, index[start:stop], n, h, w, c, r, q, table, oh, ow, part)


class Plan:
    """What a chain of transforms makes of every batch of byte images of one size.

    Args:
        moves: in their order.
        table: (c, 257), what becomes of each byte, and of the border.
    """

    def __init__(self, moves: Sequence[Move], table: np.ndarray):
        self.moves, self.table = moves, table
        self.below = np.array([n for move in moves for n in move.draws], np.int64)

    @property
    def random(self) -> bool:
        """Whether the samples take random numbers."""
        return self.below.size > 0

    def __call__(self, x: np.ndarray, index: np.ndarray) -> Any:
        """The tensor (m, c, height, width) of the m images ``index`` of ``x``, bytes (n, h, w[, c])."""
        n, h, w = x.shape[:3]
        c = self.table.shape[0]
        index = checked_index(index, n)
        rows, columns, (oh, ow) = self._places(index.size, h, w)
        out = np.empty((index.size, c, oh, ow), self.table.dtype)
        if out.size:
            kernel = moved_parallel if out.size >= PARALLEL_FROM and get_num_threads() > 1 else moved
            args = x.reshape(-1), index, n, h, w, c, rows, columns, self.table.reshape(-1), oh, ow, out.reshape(-1)
            kernel(*args)
        return nt.from_numpy(out)

    def _places(self, m: int, h: int, w: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        """For m samples the flat rows and columns that are read, and (height, width) of the result."""
        drawn = np.empty((m, self.below.size))
        if drawn.size:
            taken = m * int(np.where(self.below, 2, 1).sum())
            draw(*default_generator.take(taken), self.below, drawn.reshape(-1))
        size, first = (h, w), 0
        found: list[np.ndarray] = [np.arange(h)[None], np.arange(w)[None]]
        for move in self.moves:
            last = first + len(move.draws)
            for axis, chosen in enumerate(move.place(drawn[:, first:last])):
                if chosen is not None:
                    found[axis] = _through(found[axis], chosen)
            size, first = move.size, last
        rows, columns = (
            np.ascontiguousarray(np.broadcast_to(f, (m, extent)), np.int64).reshape(-1)
            for f, extent in zip(found, size, strict=True)
        )
        return rows, columns, size


def _through(positions: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``positions[i, chosen[i, j]]``; what is outside stays there."""
    if len(positions) == 1:
        picked = positions[0][chosen]  # also for -1, which is overwritten
    else:
        picked = np.take_along_axis(positions, np.broadcast_to(chosen, (len(positions), chosen.shape[1])), 1)
    return np.where(chosen < 0, OUTSIDE, picked)


def crop(size: tuple[int, int], edges: Sequence[int], mode: str, tops: Any, lefts: Any, out: tuple[int, int]) -> Any:
    """Rows and columns of rectangles of an image with a border.

    Args:
        size: (height, width) of the image.
        edges: left, top, right and bottom, of the border.
        mode: of padding.
        tops, lefts: of the rectangles in the image with its border.
        out: (height, width) of the rectangles.

    Example:
        >>> rows, columns = crop((2, 2), (1, 0, 0, 0), "constant", np.array([0]), np.array([0, 1]), (2, 2))
        >>> rows.tolist(), columns.tolist()
        ([[0, 1]], [[-1, 0], [0, 1]])
    """
    left, top, right, bottom = edges
    found = []
    for n, around, starts, extent in ((size[0], (top, bottom), tops, out[0]), (size[1], (left, right), lefts, out[1])):
        if mode == "constant":
            known = np.pad(np.arange(n), around, constant_values=OUTSIDE)
        else:
            known = np.pad(np.arange(n), around, mode)  # type: ignore[call-overload]
        found.append(known[np.asarray(starts, np.int64)[:, None] + np.arange(extent)])
    return tuple(found)


def border_table(fill: Any, values: np.ndarray) -> np.ndarray | None:
    """The border's value in the dtype of ``values``, (channels, 256) of the same number, or None if it does not fit.

    Example:
        >>> table = border_table((1, 2), np.zeros((2, 256), np.uint8))
        >>> table is not None and table[:, 0].tolist()
        [1, 2]
        >>> border_table(0.5, np.zeros((2, 256), np.uint8)) is None
        True
    """
    c = values.shape[0]
    given = (fill,) if isinstance(fill, int | float) else fill
    if not isinstance(given, tuple | list) or len(given) not in (1, c):
        return None
    if values.dtype == np.uint8 and not all(type(v) is int and 0 <= v <= 255 for v in given):
        return None
    if not all(isinstance(v, int | float) for v in given):
        return None
    column = np.array(given if len(given) == c else given * c, values.dtype)
    return np.repeat(column[:, None], 256, axis=1)
