"""The steps of a Fourier transform in their plain meaning: ``butterflies_codegen`` compiles them to vector code.

A *cell* is ``2 * L`` numbers of one array: the real parts of L complex numbers, then their imaginary parts. The L
numbers belong to L transforms, which are computed at once. A transform of n elements is n cells.
"""

from __future__ import annotations

import numpy as np

BYTES = 32  # of the real parts in a cell


def lanes_of(dtype: np.dtype) -> int:
    """How many transforms a cell belongs to."""
    return BYTES // np.dtype(dtype).itemsize


def cells(a, at: int, *shape: int) -> np.ndarray:
    """Cells of an array from a position on, as complex numbers with a last dimension of lanes."""
    lanes = lanes_of(a.dtype)
    c = a[at : at + int(np.prod(shape)) * 2 * lanes].reshape(*shape, 2, lanes)
    return c[..., 0, :] + 1j * c[..., 1, :]


def put_cells(a, at: int, z: np.ndarray) -> None:
    parts = np.stack([z.real, z.imag], -2).astype(a.dtype)
    a[at : at + parts.size] = parts.reshape(-1)


def complexes(a, at: int, count: int) -> np.ndarray:
    """Complex numbers whose parts alternate."""
    c = a[at : at + 2 * count].reshape(count, 2)
    return c[:, 0] + 1j * c[:, 1]


def step(x, source, work, target, roots, w, radix, rest, done):
    """One step of Stockham's transform, which sorts as it goes.

    ``target[p, k, q] = sum_j source[j, p, q] * exp(-2i pi j k / radix) * w[p, k]`` for p below ``rest``, q below
    ``done``, and j, k below ``radix``; w is 1 for k = 0, which is not stored, and for p = 0.
    """
    z = cells(x, source, radix, rest, done)
    turn = np.exp(-2j * np.pi / radix * np.outer(np.arange(radix), np.arange(radix)))
    w = complexes(roots, w, rest * (radix - 1)).reshape(rest, radix - 1)
    w = np.concatenate([np.ones((rest, 1)), w], 1)
    put_cells(work, target, np.einsum("jpql,jk,pk->pkql", z, turn, w))


def step2(x, source, work, target, roots, w, rest, done):
    """A step of radix 2."""
    step(x, source, work, target, roots, w, 2, rest, done)


def step3(x, source, work, target, roots, w, rest, done):
    """A step of radix 3."""
    step(x, source, work, target, roots, w, 3, rest, done)


def step4(x, source, work, target, roots, w, rest, done):
    """A step of radix 4."""
    step(x, source, work, target, roots, w, 4, rest, done)


def step5(x, source, work, target, roots, w, rest, done):
    """A step of radix 5."""
    step(x, source, work, target, roots, w, 5, rest, done)


def step8(x, source, work, target, roots, w, rest, done):
    """A step of radix 8."""
    step(x, source, work, target, roots, w, 8, rest, done)


def step_odd(x, source, work, target, roots, w, radix, rest, done):
    """A step of another odd radix, whose roots of unity follow ``w``."""
    step(x, source, work, target, roots, w, radix, rest, done)


def separate(x, at, row, work, target, rows, sign):
    """Rows of L complex numbers whose parts alternate, ``row`` numbers apart, as cells; imaginary parts times
    ``sign``."""
    lanes = lanes_of(work.dtype)
    for j in range(rows):
        z = complexes(x, at + j * row, lanes)
        put_cells(work, target + j * 2 * lanes, z.real + 1j * sign * z.imag)


def combine(work, source, out, at, row, rows, scale, scale_imaginary):
    """Cells as rows of complex numbers whose parts alternate, times ``scale`` and ``scale_imaginary``."""
    lanes = lanes_of(work.dtype)
    for j in range(rows):
        z = cells(work, source + j * 2 * lanes, 1)[0]
        parts = np.stack([z.real * scale, z.imag * scale_imaginary], -1).astype(out.dtype) + out.dtype.type(0)
        out[at + j * row : at + j * row + 2 * lanes] = parts.reshape(-1)


def separate_lines(x, at, line, work, target, tiles, sign):
    """As ``separate`` for elements of L lines, ``line`` numbers apart: L cells for each of ``tiles``."""
    lanes = lanes_of(work.dtype)
    z = np.stack([complexes(x, at + k * line, tiles * lanes) for k in range(lanes)], 1)
    put_cells(work, target, z.real + 1j * sign * z.imag)


def combine_lines(work, source, out, at, line, tiles, scale, scale_imaginary):
    """As ``combine`` for elements of L lines."""
    lanes = lanes_of(work.dtype)
    for k, z in enumerate(cells(work, source, tiles * lanes).T):
        parts = np.stack([z.real * scale, z.imag * scale_imaginary], -1).astype(out.dtype) + out.dtype.type(0)
        out[at + k * line : at + k * line + parts.size] = parts.reshape(-1)


def turn(work, source, out, target, target_step, roots, w, tiles):
    """Tiles of L cells, times as many cells of ``roots``, with rows and lanes exchanged; results are ``target_step``
    apart."""
    size = 2 * lanes_of(work.dtype) ** 2
    for t in range(tiles):
        z = cells(work, source + t * size, lanes_of(work.dtype)) * cells(roots, w + t * size, lanes_of(work.dtype))
        put_cells(out, target + t * target_step, z.T)


def mirror(z, at, roots, w, pairs, last):
    """The spectrum of twice as many real numbers from that of them in pairs, or back, in place, for k from 1 on:

    ``z[k], z[last - k] = a + b + m, conj(a + b - m)`` with ``a = z[k], b = conj(z[last - k]), m = (a - b) * w[k]``.

    The parts of z alternate. ``pairs`` is a multiple of L below ``last / 2``.
    """
    a, b = complexes(z, at + 2, pairs), complexes(z, at + 2 * (last - pairs), pairs)[::-1].conj()
    m = (a - b) * complexes(roots, w + 2, pairs)
    for first, value in ((1, a + b + m), (last - pairs, (a + b - m).conj()[::-1])):
        z[at + 2 * first : at + 2 * (first + pairs)] = np.stack([value.real, value.imag], -1).reshape(-1)


def mirror_cells(work, at, roots, w, last):
    """As ``mirror`` for cells, and all pairs."""
    lanes = lanes_of(work.dtype)
    for k in range(1, last // 2 + 1):
        here, there = at + k * 2 * lanes, at + (last - k) * 2 * lanes
        a, b = cells(work, here, 1), cells(work, there, 1).conj()
        m = (a - b) * complexes(roots, w + 2 * k, 1)
        put_cells(work, here, a + b + m)
        put_cells(work, there, (a + b - m).conj())
