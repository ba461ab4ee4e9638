"""Fourier transforms along the middle of (outer, n, inner), for sizes whose prime factors are small.

L transforms are computed at once, in the lanes of vectors (``butterflies``): Stockham's algorithm in steps of radix 8,
4, 2, 3, 5 and small primes. The L transforms are either of L lines (``across_lines``), or of one line
(``along_lines``): with n = n1 * n2, j = j1 * n2 + j2 and k = k1 + n1 * k2

    X[k] = sum over j2 of root(n2)^(j2 k2) * root(n)^(j2 k1) * sum over j1 of root(n1)^(j1 k1) * x[j]

are n2 transforms of n1 elements, factors, and n1 transforms of n2. The elements of both lie as vectors need them, and
the parts of a long line are shared among threads.

2 * n real numbers are n complex ones, from whose spectrum theirs follows (``mirror``). Transforms in the other
direction are those of the conjugate numbers, conjugated. All factors are computed once for a size, in double
precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.ops.fourier.butterflies import (
    combine,
    combine_lines,
    lanes_of,
    mirror,
    mirror_cells,
    separate,
    separate_lines,
    step2,
    step3,
    step4,
    step5,
    step8,
    step_odd,
    turn,
)

COMPLEX, TO_HALF, TO_REAL = 0, 1, 2  # complex to complex, real to half of the spectrum, and back
LARGEST_PRIME = 61  # that a step has: its work grows with the square
SHORT = 64  # elements of a line that is not divided
SHARED = 1 << 15  # elements of a line whose parts threads share
GROUP = 1 << 12  # elements in what one thread takes
SIDE_BY_SIDE = 1 << 10  # elements of lines of which several are computed at once, where there are several

NEEDS = "numtorch.ops.fourier.butterflies_codegen"
INNER: dict[str, Any] = {"needs": NEEDS, "_nrt": False, "no_cpython_wrapper": True}
EXACT = frozenset({"contract"})  # where -0.0 becomes 0.0, as by adding 0: a sign is no news

# What stands where in a plan, an int64 array.
N = 0  # complex elements of a line
KIND = 1
OUTER, PER = 2, 3  # lines: groups, and how many of them side by side
X_OUTER, X_ROW, X_LANE, X_PART = 4, 5, 6, 7  # numbers from one group, element, line to the next; real to imaginary part
Y_OUTER, Y_ROW, Y_LANE, Y_PART = 8, 9, 10, 11
FACTORS = 12  # where in the roots those of ``mirror`` begin
N1, N2 = 13, 14
BETWEEN = 15  # where those between the two parts of a divided transform begin
FIRST, SECOND = 16, 17  # where in the plan the steps of both parts begin: how many, then radix and roots of each
PLAN_SIZE = 18


# --- plans ------------------------------------------------------------------------------------------


@lru_cache(1024)
def factors(n: int) -> tuple[int, ...]:
    """The radices of n: of powers of two as many eights as there can be, then primes."""
    twos = (n & -n).bit_length() - 1 if n else 0
    n >>= twos
    fours = (0, 2, 1)[twos % 3] if twos > 1 else 0
    found = [8] * ((twos - 2 * fours) // 3) + [4] * fours + [2] * (twos == 1)
    p = 3
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p = p + 2 if p * p <= n else max(n, p + 2)
    return tuple(found)


def smooth(n: int) -> bool:
    """Whether all prime factors of n have a step."""
    return max(factors(n), default=1) <= LARGEST_PRIME


def turns(n: int, k: np.ndarray) -> np.ndarray:
    """``exp(-2i pi k / n)``, each part exact to the last place: by quarters of the circle, from a quarter's middle."""
    quarter = (8 * (k % n) + n) // (2 * n)
    angle = (4 * (k % n) - quarter * n) * (np.pi / 2 / n)
    return (np.cos(angle) - 1j * np.sin(angle)) * np.array([1, -1j, -1, 1j])[quarter % 4]


def divided(n: int, lanes: int) -> tuple[int, int]:
    """(n1, n2) of about equal size, such that vectors are full; (n, 1) where a line is not divided."""
    if n < SHORT:
        return n, 1

    def waste(n1: int) -> tuple:
        n2 = n // n1
        return -(-n1 // lanes) * lanes * n2 + -(-n2 // lanes) * lanes * n1, abs(n1 - n2)

    fitting = [d for d in range(lanes // 2, n // (lanes // 2) + 1) if n % d == 0] if n <= SHARED else _near_root(n)
    n1 = min(fitting, key=waste, default=n)
    return n1, n // n1


def _near_root(n: int) -> list[int]:
    """Divisors of n about its root."""
    found = {1}
    for f in factors(n):
        found |= {d * f for d in found}
    return [d for d in found if n < 64 * d * d and d * d < 64 * n]


def _steps(n: int) -> tuple[list[int], list[np.ndarray]]:
    """Radix and position of the roots of each step, and the roots."""
    table, roots, at, rest = [], [], 0, n
    for radix in factors(n):
        size, rest = rest, rest // radix
        table += [radix, at]
        roots.append(turns(size, np.outer(np.arange(rest), np.arange(1, radix))).reshape(-1))
        if radix not in (2, 3, 4, 5, 8):
            roots.append(turns(radix, np.arange(radix)))
        at = 2 * sum(map(len, roots))
    return table, roots


def _tables(dtype: np.dtype, n: int, kind: int, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """The plan without strides, and the roots as numbers; ``whole``: the line is not divided. Remembered: of short
    lines many, of long ones few."""
    return (_many if n < SHARED else _few)(dtype, n, kind, whole)


def _made(dtype: np.dtype, n: int, kind: int, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    lanes = lanes_of(dtype)
    n1, n2 = (n, 1) if whole else divided(n, lanes)
    plan = [0] * PLAN_SIZE
    plan[N], plan[KIND], plan[N1], plan[N2] = n, kind, n1, n2
    roots: list[np.ndarray] = []
    for place, size in ((FIRST, n1), (SECOND, n2)):
        plan[place], begin = len(plan), sum(map(len, roots))
        table, own = _steps(size)
        table[1::2] = [at + begin for at in table[1::2]]
        plan += [len(table) // 2, *table]
        roots += [np.stack([z.real, z.imag], -1).reshape(-1) for z in own]
    plan[FACTORS] = sum(map(len, roots))
    if kind != COMPLEX:
        z = -1j * turns(2 * n, np.arange(n // 2 + 1))
        roots.append(np.stack([z.real, z.imag], -1).reshape(-1))
    plan[BETWEEN] = sum(map(len, roots))
    if n2 > 1:
        rows, cols = (-(-size // lanes) * lanes for size in (n1, n2))
        z = turns(n, np.outer(np.arange(rows), np.arange(cols))).reshape(rows, cols // lanes, lanes).swapaxes(0, 1)
        roots.append(np.stack([z.real, z.imag], -2).reshape(-1))
    return np.array(plan, np.int64), np.concatenate([*roots, np.zeros(1)]).astype(dtype)


_many, _few = lru_cache(256)(_made), lru_cache(8)(_made)


# --- one transform ----------------------------------------------------------------------------------


@jit(**INNER)
def transform(x, source, work, free, other, roots, plan, steps, n):
    """n cells of x transformed in work, from ``free`` and ``other`` on by turns; where the result is. x may be work,
    and ``source`` be ``other``."""
    rest, done = n, 1
    for i in range(plan[steps]):
        radix, w = plan[steps + 1 + 2 * i], plan[steps + 2 + 2 * i]
        rest //= radix
        if radix == 8:
            step8(x, source, work, free, roots, w, rest, done)
        elif radix == 4:
            step4(x, source, work, free, roots, w, rest, done)
        elif radix == 2:
            step2(x, source, work, free, roots, w, rest, done)
        elif radix == 3:
            step3(x, source, work, free, roots, w, rest, done)
        elif radix == 5:
            step5(x, source, work, free, roots, w, rest, done)
        else:
            step_odd(x, source, work, free, roots, w, radix, rest, done)
        done *= radix
        x, source, free, other = work, free, other, free
    return source


@jit(**INNER)
def fetch(x, at, row, lane, part, count, work, target, rows, sign):
    """``rows`` elements of ``count`` lines as cells; imaginary parts times ``sign``."""
    lanes = 32 // x.itemsize
    if count == lanes and lane == 2 and part == 1:
        separate(x, at, row, work, target, rows, x.dtype.type(sign))
        return
    factor, done = x.dtype.type(sign), 0
    if count == lanes and row == 2 and part == 1:
        separate_lines(x, at, lane, work, target, rows // lanes, x.dtype.type(sign))
        done = rows // lanes * lanes
    for j in range(done, rows):
        first = at + j * row
        cell = target + j * 2 * lanes
        for k in range(count):
            work[np.uint64(cell + k)] = x[np.uint64(first + k * lane)]
            work[np.uint64(cell + lanes + k)] = x[np.uint64(first + k * lane + part)] * factor
        for k in range(count, lanes):
            work[np.uint64(cell + k)] = 0
            work[np.uint64(cell + lanes + k)] = 0


@jit(**INNER, fastmath=EXACT)
def put(work, source, out, at, row, lane, part, count, rows, scale, sign):
    """Cells as ``rows`` elements of ``count`` lines, times ``scale``; imaginary parts times ``sign`` too."""
    lanes = 32 // out.itemsize
    real, imaginary, zero = out.dtype.type(scale), out.dtype.type(scale * sign), out.dtype.type(0)
    if count == lanes and lane == 2 and part == 1:
        combine(work, source, out, at, row, rows, real, imaginary)
        return
    done = 0
    if count == lanes and row == 2 and part == 1:
        combine_lines(work, source, out, at, lane, rows // lanes, real, imaginary)
        done = rows // lanes * lanes
    for j in range(done, rows):
        first = at + j * row
        cell = source + j * 2 * lanes
        for k in range(count):
            out[np.uint64(first + k * lane)] = work[np.uint64(cell + k)] * real + zero
            out[np.uint64(first + k * lane + part)] = work[np.uint64(cell + lanes + k)] * imaginary + zero


# --- several lines side by side ---------------------------------------------------------------------


@jit(**INNER)
def ends_of_cells(work, at, n, kind):
    """The first and the last cell of a spectrum of 2n real numbers, which are real, from or to one complex number."""
    lanes = 32 // work.itemsize
    for k in range(lanes):
        first, second = at + k, at + k + lanes
        last = first + n * 2 * lanes
        if kind == TO_HALF:
            a, b = work[first], work[second]
            work[first], work[last] = a + b + (a + b), a - b + (a - b)
            work[second] = work[last + lanes] = 0
        else:
            a, b = work[first], work[last]
            work[first], work[second] = a + b, b - a


@jit(parallel=True, needs=NEEDS)
def across_lines(x, out, roots, plan, scale, sign_in, sign_out):
    """L lines at once."""
    lanes = 32 // x.itemsize
    n, kind, per = plan[N], plan[KIND], plan[PER]
    groups = (per + lanes - 1) // lanes
    region = (n + 1) * 2 * lanes
    for item in prange(plan[OUTER] * groups):
        work = np.empty(2 * region, x.dtype)
        o, first = item // groups, item % groups * lanes
        count = min(lanes, per - first)
        at = o * plan[X_OUTER] + first * plan[X_LANE]
        rows = n + (kind == TO_REAL)
        fetch(x, at, plan[X_ROW], plan[X_LANE], plan[X_PART], count, work, 0, rows, sign_in)
        if kind == TO_REAL:
            ends_of_cells(work, 0, n, kind)
            mirror_cells(work, 0, roots, plan[FACTORS], n)
        found = transform(work, 0, work, region, 0, roots, plan, plan[FIRST], n)
        if kind == TO_HALF:
            ends_of_cells(work, found, n, kind)
            mirror_cells(work, found, roots, plan[FACTORS], n)
        at = o * plan[Y_OUTER] + first * plan[Y_LANE]
        rows = n + (kind == TO_HALF)
        put(work, found, out, at, plan[Y_ROW], plan[Y_LANE], plan[Y_PART], count, rows, scale, sign_out)


# --- one line, divided ------------------------------------------------------------------------------


@jit(**INNER)
def first_part(x, at, roots, plan, turned, work, block, sign):
    """L of the n2 transforms of n1 elements, times the factors, with rows and lanes exchanged in ``turned``."""
    lanes = 32 // x.itemsize
    n1, n2 = plan[N1], plan[N2]
    tiles, cols = (n1 + lanes - 1) // lanes, (n2 + lanes - 1) // lanes
    region = tiles * lanes * 2 * lanes
    count = min(lanes, n2 - block * lanes)
    fetch(x, at + block * lanes * 2, n2 * 2, 2, 1, count, work, 0, n1, sign)
    found = transform(work, 0, work, region, 0, roots, plan, plan[FIRST], n1)
    tile = 2 * lanes * lanes
    turn(work, found, turned, block * tile, cols * tile, roots, plan[BETWEEN] + block * region, tiles)


@jit(**INNER)
def second_part(out, at, roots, plan, turned, work, block, scale, sign):
    """L of the n1 transforms of n2 elements."""
    lanes = 32 // out.itemsize
    n1, n2 = plan[N1], plan[N2]
    cols = (n2 + lanes - 1) // lanes
    region = n2 * 2 * lanes
    found = transform(turned, block * cols * 2 * lanes * lanes, work, 0, region, roots, plan, plan[SECOND], n2)
    count = min(lanes, n1 - block * lanes)
    put(work, found, out, at + block * lanes * 2, n1 * 2, 2, 1, count, n2, scale, sign)


@jit(**INNER)
def mirror_line(z, at, roots, w, n, kind):
    """The spectrum of 2n real numbers from that of n complex ones, or what that is transformed to, in place."""
    a, b, last = z[at], z[at + 1], at + 2 * n
    if kind == TO_HALF:
        z[at], z[last] = a + b + (a + b), a - b + (a - b)
        z[at + 1] = z[last + 1] = 0
    else:
        b = z[last]
        z[at], z[at + 1] = a + b, b - a
    lanes = 32 // z.itemsize
    pairs = (n - 1) // 2 // lanes * lanes
    mirror(z, at, roots, w, pairs, n)
    for k in range(pairs + 1, n // 2 + 1):
        near, far = at + 2 * k, at + 2 * (n - k)
        c, s = roots[w + 2 * k], roots[w + 2 * k + 1]
        re, im, re2, im2 = z[near], z[near + 1], z[far], -z[far + 1]
        turned_re, turned_im = (re - re2) * c - (im - im2) * s, (re - re2) * s + (im - im2) * c
        z[near], z[near + 1] = re + re2 + turned_re, im + im2 + turned_im
        z[far], z[far + 1] = re + re2 - turned_re, turned_im - im - im2


@jit(**INNER, fastmath=EXACT)
def copy_line(x, at, z, to, n, sign):
    """n complex numbers; imaginary parts times ``sign``"""
    factor, zero = x.dtype.type(sign), x.dtype.type(0)
    for k in range(n):
        z[np.uint64(to + 2 * k)] = x[np.uint64(at + 2 * k)]
        z[np.uint64(to + 2 * k + 1)] = x[np.uint64(at + 2 * k + 1)] * factor + zero


@jit(**INNER)
def turned_size(plan, lanes):
    """Numbers between the two parts of a divided transform"""
    return (plan[N1] + lanes - 1) // lanes * ((plan[N2] + lanes - 1) // lanes) * 2 * lanes * lanes


@jit(**INNER)
def work_size(plan, lanes):
    """Numbers that either part works on"""
    return 4 * lanes * (max((plan[N1] + lanes - 1) // lanes * lanes, plan[N2]) + 1)


@jit(parallel=True, needs=NEEDS)
def along_lines(x, out, roots, plan, scale, sign_in, sign_out):
    """Line by line, each as a whole by one thread."""
    lanes = 32 // x.itemsize
    n, kind, lines = plan[N], plan[KIND], plan[PER]
    first_blocks, second_blocks = (plan[N2] + lanes - 1) // lanes, (plan[N1] + lanes - 1) // lanes
    group = max(1, GROUP // n)
    for item in prange((lines + group - 1) // group):
        turned, work = np.empty(turned_size(plan, lanes), x.dtype), np.empty(work_size(plan, lanes), x.dtype)
        copied = np.empty(2 * n + 2 if kind == TO_REAL else 0, x.dtype)
        for line in range(item * group, min(item * group + group, lines)):
            source, at, sign = x, line * plan[X_LANE], sign_in
            to = line * plan[Y_LANE]
            if kind == TO_REAL:
                copy_line(x, at, copied, 0, n + 1, sign_in)
                mirror_line(copied, 0, roots, plan[FACTORS], n, kind)
                source, at, sign = copied, 0, 1.0
            for block in range(first_blocks):
                first_part(source, at, roots, plan, turned, work, block, sign)
            for block in range(second_blocks):
                second_part(out, to, roots, plan, turned, work, block, scale, 1.0 if kind == TO_HALF else sign_out)
            if kind == TO_HALF:
                mirror_line(out, to, roots, plan[FACTORS], n, kind)
                if sign_out < 0:
                    copy_line(out, to, out, to, n + 1, sign_out)


@jit(parallel=True, needs=NEEDS)
def within_lines(x, out, roots, plan, scale, sign_in, sign_out):
    """Line by line, the parts of each by several threads."""
    lanes = 32 // x.itemsize
    n, kind, lines = plan[N], plan[KIND], plan[PER]
    first_blocks, second_blocks = (plan[N2] + lanes - 1) // lanes, (plan[N1] + lanes - 1) // lanes
    turned = np.empty(turned_size(plan, lanes), x.dtype)
    copied = np.empty(2 * n + 2 if kind == TO_REAL else 0, x.dtype)
    group = 4
    for line in range(lines):
        source, at, sign = x, line * plan[X_LANE], sign_in
        to = line * plan[Y_LANE]
        if kind == TO_REAL:
            copy_line(x, at, copied, 0, n + 1, sign_in)
            mirror_line(copied, 0, roots, plan[FACTORS], n, kind)
            source, at, sign = copied, 0, 1.0
        for item in prange((first_blocks + group - 1) // group):
            work = np.empty(work_size(plan, lanes), x.dtype)
            for block in range(item * group, min(item * group + group, first_blocks)):
                first_part(source, at, roots, plan, turned, work, block, sign)
        for item in prange((second_blocks + group - 1) // group):
            work = np.empty(work_size(plan, lanes), x.dtype)
            for block in range(item * group, min(item * group + group, second_blocks)):
                second_part(out, to, roots, plan, turned, work, block, scale, 1.0 if kind == TO_HALF else sign_out)
        if kind == TO_HALF:
            mirror_line(out, to, roots, plan[FACTORS], n, kind)
            if sign_out < 0:
                copy_line(out, to, out, to, n + 1, sign_out)


def ready(
    dtype: np.dtype, kind: int, outer: int, n: int, inner: int, forward: bool, scale: float, large: bool
) -> Callable:
    """A function of the buffers of an operand and a result, complex or real.

    Args:
        dtype: of the parts.
        kind: see above; 2n real numbers, n complex ones.
        outer, n, inner: the lines.
        forward: the sign of the exponent is minus.
        scale: what the result is multiplied by.
        large: whether threads share the work.
    """
    whole = inner > 1 or (n <= SIDE_BY_SIDE and outer >= lanes_of(dtype))
    plan, roots = _tables(dtype, n, kind, whole)
    plan = plan.copy()
    x_rows, y_rows = n + (kind == TO_REAL), n + (kind == TO_HALF)
    if inner == 1:
        plan[OUTER : X_PART + 1] = 1, outer, 0, 2, 2 * x_rows, 1
        plan[Y_OUTER : Y_PART + 1] = 0, 2, 2 * y_rows, 1
    else:
        plan[OUTER : X_PART + 1] = outer, inner, 2 * x_rows * inner, 2 * inner, 2, 1
        plan[Y_OUTER : Y_PART + 1] = 2 * y_rows * inner, 2 * inner, 2, 1
        for real, lane in ((TO_HALF, X_LANE), (TO_REAL, Y_LANE)):
            if kind == real:
                plan[lane : lane + 2] = 1, inner
    loop = across_lines if plan[N2] == 1 else along_lines if n < SHARED else within_lines
    sign_in, sign_out = {
        COMPLEX: (1.0, 1.0) if forward else (-1.0, -1.0),
        TO_HALF: (1.0, 1.0 if forward else -1.0),
        TO_REAL: (1.0 if forward else -1.0, -1.0),
    }[kind]
    numbers = scale / 2 if kind == TO_HALF else scale, sign_in, sign_out
    one = np.empty(1, dtype)
    run = (loop if large else loop.serial).entry(one, one, roots, plan, *numbers)

    def call(x: Any, out: Any) -> None:
        run(x.view(dtype), out.view(dtype), roots, plan, *numbers)

    def call_long(x: Any, out: Any) -> None:  # without holding the roots
        run(x.view(dtype), out.view(dtype), _tables(dtype, n, kind, whole)[1], plan, *numbers)

    return call if n < SHARED else call_long
