"""Copies between layouts in which different dimensions are contiguous: transposes of any rank, tile by tile.

Elements are copied as bits, so one kernel per element size serves all types.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.autograd.inplace import same_memory
from numtorch.device import CPU
from numtorch.dispatch.loops import Loop, Made
from numtorch.dispatch.program import Plan, Program, compiled_entry, shared_from
from numtorch.kernels import threads
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.timing import Work
from numtorch.ops.movement.runs import BLOCK, copy_run, reverse_block
from numtorch.ops.movement.transposed_tile import transpose4, transpose8, transpose16
from numtorch.storage import collapse, contiguous_strides, kind

CODE = "numtorch.ops.movement.transposed_tile_codegen"
RUNS = "numtorch.ops.movement.runs_codegen"
SPAN = 32  # source elements of a row that a work item takes: whole cache lines, and few pages at a time
MOVED = 1  # what an element that is moved costs, in additions
U = np.uint64  # an index that cannot be negative: Numba else asks whether it is, and LLVM does not vectorise
GRAIN = 1 << 12  # elements that a work item of rows moves at least
SPAN_PLACED = 1 << 14  # elements of a row that a work item joins


@jit(needs=CODE, _nrt=False)
def transpose_span(src, s, s_step, dst, d, d_step, rows, cols):
    """dst[d + i*d_step + j] = src[s + j*s_step + i] for i below ``rows`` and j below ``cols``.

    Tiles at the ends overlap their neighbours, which writes the same elements twice.
    """
    if rows >= 16 and cols >= 16 and src.itemsize < 8:
        for j in range(0, cols, 16):
            j = min(j, cols - 16)
            for i in range(0, rows, 16):
                i = min(i, rows - 16)
                transpose16(src, s + j * s_step + i, s_step, dst, d + i * d_step + j, d_step)
    elif rows >= 8 and cols >= 8:
        for j in range(0, cols, 8):
            j = min(j, cols - 8)
            for i in range(0, rows, 8):
                i = min(i, rows - 8)
                transpose8(src, s + j * s_step + i, s_step, dst, d + i * d_step + j, d_step)
    elif rows >= 4 and cols >= 4:
        for j in range(0, cols, 4):
            j = min(j, cols - 4)
            for i in range(0, rows, 4):
                i = min(i, rows - 4)
                transpose4(src, s + j * s_step + i, s_step, dst, d + i * d_step + j, d_step)
    elif cols == 3 and d_step == 3:  # with steps that it knows, LLVM interleaves in registers
        for i in range(rows):
            for j in range(3):
                dst[U(d + i * 3 + j)] = src[U(s + j * s_step + i)]
    elif cols == 2 and d_step == 2:
        for i in range(rows):
            for j in range(2):
                dst[U(d + i * 2 + j)] = src[U(s + j * s_step + i)]
    elif rows == 3 and s_step == 3:
        for j in range(cols):
            for i in range(3):
                dst[U(d + i * d_step + j)] = src[U(s + j * 3 + i)]
    elif rows == 2 and s_step == 2:
        for j in range(cols):
            for i in range(2):
                dst[U(d + i * d_step + j)] = src[U(s + j * 2 + i)]
    else:
        for i in range(rows):
            for j in range(cols):
                dst[U(d + i * d_step + j)] = src[U(s + j * s_step + i)]


@jit(parallel=True, needs=CODE)
def transpose(src, dst, rows, cols, s_step, d_step, sizes, s_steps, d_steps):
    """dst[o.d + i*d_step + j] = src[o.s + j*s_step + i] at every position o of the outer ``sizes``."""
    spans = (rows + SPAN - 1) // SPAN
    outer = 1
    for n in sizes:
        outer *= n
    for item in prange(outer * spans):
        r = item // spans
        i = (item - r * spans) * SPAN
        s, d = i, i * d_step
        for k in range(sizes.size - 1, -1, -1):
            at = r % sizes[k]
            r = r // sizes[k]
            s += at * s_steps[k]
            d += at * d_steps[k]
        transpose_span(src, s, s_step, dst, d, d_step, min(SPAN, rows - i), cols)


@jit(needs=RUNS, _nrt=False)
def copy_reversed(src, s, dst, d, n):
    """dst[d + j] = src[s - j] for j below n; the last block overlaps its neighbour, which writes the same elements
    twice."""
    if n >= BLOCK:
        for j in range(0, n, BLOCK):
            j = min(j, n - BLOCK)
            reverse_block(src, s - j, dst, d + j)
    else:
        for j in range(n):
            dst[U(d + j)] = src[U(s - j)]


@jit(parallel=True, needs=RUNS)
def copy_planes(src, dst, s, rows, cols, s_row, s_col, d_row, d_col, sizes, s_steps, d_steps):
    """dst[i*d_row + j*d_col] = src[s + i*s_row + j*s_col] at every position of the outer ``sizes``; steps may be
    negative."""
    height = max(1, GRAIN // cols)
    spans = (rows + height - 1) // height
    outer = 1
    for n in sizes:
        outer *= n
    for item in prange(outer * spans):
        r = item // spans
        first = (item - r * spans) * height
        p, q = s + first * s_row, first * d_row
        for k in range(sizes.size - 1, -1, -1):
            at = r % sizes[k]
            r = r // sizes[k]
            p += at * s_steps[k]
            q += at * d_steps[k]
        if d_col == 1 and s_col == 1:
            for i in range(min(height, rows - first)):
                copy_run(src, p + i * s_row, dst, q + i * d_row, cols)
            continue
        for _ in range(min(height, rows - first)):
            if d_col == 1 and s_col == -1:
                copy_reversed(src, p, dst, q, cols)
            elif d_col == 1 and s_col == 0:
                v = src[p]
                for j in range(cols):
                    dst[U(q + j)] = v
            else:
                for j in range(cols):
                    dst[U(q + j * d_col)] = src[U(p + j * s_col)]
            p += s_row
            q += d_row


@jit(parallel=True, needs=RUNS)
def place(src, dst, rows, width, pitch, start):
    """dst[i*pitch + start + j] = src[i*width + j]: one tensor's part of joined ones"""
    spans = (width + SPAN_PLACED - 1) // SPAN_PLACED
    for item in prange(rows * spans):
        i = item // spans
        j = (item - i * spans) * SPAN_PLACED
        copy_run(src, i * width + j, dst, i * pitch + start + j, min(SPAN_PLACED, width - j))


@jit(needs=RUNS)
def join(parts, dst, rows, pitch, start):
    """Each of a tuple of buffers of ``rows`` rows beside the one before, the first at column ``start``"""
    for part in parts:
        width = part.size // rows
        for i in range(rows):
            copy_run(part, i * width, dst, i * pitch + start, width)
        start += width


def join_each(parts: tuple, dst: Any, steps: list) -> None:
    """Many or large buffers side by side, in steps as ``joined`` plans them."""
    for entry, which, start, numbers in steps:
        entry(parts[which], dst[start:], *numbers)


@jit(parallel=True, needs=RUNS)
def roll_rows(src, dst, rows, width, first):
    """dst[i*width + (first + j) % width] = src[i*width + j]"""
    spans = (width + SPAN_PLACED - 1) // SPAN_PLACED
    for item in prange(rows * spans):
        i = item // spans
        start = (item - i * spans) * SPAN_PLACED
        end = min(start + SPAN_PLACED, width)
        cut = min(max(first, start), end)
        row = i * width
        copy_run(src, row + width - first + start, dst, row + start, cut - start)
        copy_run(src, row + cut - first, dst, row + cut, end - cut)


# The type under which elements of a size are moved; float32 and float64, because most buffers need no view then.
CARRIERS: dict[int, Any] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.float32),
    8: np.dtype(np.float64),
    16: np.dtype(np.complex128),
}


class Relayout(Program):
    """A copy that moves tiles where source and target differ in which dimension is contiguous.

    The source is the last operand; ``clone`` writes to a new tensor, ``copy`` to its first operand.
    """

    @classmethod
    def like(cls, program: Program) -> Relayout:
        """The program, with such copies done by tiles."""
        return cls(program.name, program.outputs, program.operands, counted=program.counted)

    def plan(self, values: tuple, outs: tuple | None) -> Plan:
        x = values[-1]
        if not isinstance(x, Tensor) or x._k.contiguous and outs is None or x._k.device is not CPU:
            return super().plan(values, outs)
        target = outs[0] if outs is not None else None
        if target is not None and (
            target._k.dtype is not x._k.dtype or target.shape != x.shape or same_memory(target, x)
        ):
            return super().plan(values, outs)
        if target is not None and x._k.contiguous and target._k.contiguous and not x._k.dtype.is_half:
            # the flat loop compiles in a tenth of the time, and each first model needs it
            return super().plan(values, outs)
        numel = x.shape.numel()
        if numel == 0:
            return super().plan(values, outs)
        sizes, steps = collapse(x.shape, [x.strides, contiguous_strides(x.shape) if target is None else target.strides])
        kernel, geometry = _tiled(sizes, *steps) or planes(sizes, 0, *steps)
        kernel = kernel if numel >= shared_from(MOVED) and threads.get_num_threads() > 1 else kernel.serial
        carrier = CARRIERS[x._k.dtype.itemsize]
        one = np.empty(1, carrier)
        moved, name = numel * x._k.dtype.itemsize, x._k.dtype.name
        work = Work(str(list(x.shape)), name, 2 * moved, 0, moved if target is None else 0)
        launch = compiled_entry(kernel, (one, one, *geometry), self.name, lambda: work)
        inplace = target is not None and target is values[0]  # then the buffers are the operands' alone
        plain = x._k.dtype.storage == carrier

        def entry(*buffers: np.ndarray) -> None:
            src, dst = (buffers[-1], buffers[0]) if inplace else (buffers[-2], buffers[-1])
            if not plain:
                src, dst = src.view(carrier), dst.view(carrier)
            launch(src, dst, *geometry)

        return Plan(entry, (), x.shape, (kind(x._k.dtype, CPU),), numel, kernel, (), inplace)


def _tiled(sizes: list, s: list, d: list) -> tuple | None:
    """``transpose`` and what it takes for such a copy; None where the same dimension is contiguous, or none is."""
    if 1 not in s or 1 not in d or 0 in s or 0 in d:
        return None
    i, j = s.index(1), d.index(1)
    if i == j:
        return None
    return transpose, (sizes[i], sizes[j], s[j], d[i], *_outer((i, j), sizes, s, d))


def _outer(inner: tuple, *values: list) -> list:
    rest = [k for k in range(len(values[0])) if k not in inner]
    return [np.array([v[k] for k in rest], np.int64) for v in values]


def moving(x: Tensor) -> dict[str, Any]:
    """Options of a ``Loop`` that only moves elements of ``x``."""
    return {"carrier": CARRIERS[x._k.dtype.itemsize], "weight": MOVED, "moves": True}


def planes(sizes: list, start: int, s: list, d: list) -> tuple:
    """``copy_planes`` and what it takes (after the buffers) to walk the last two dimensions as rows and columns."""
    sizes, s, d = ([1] * (2 - len(sizes)) + sizes, [0] * (2 - len(s)) + s, [0] * (2 - len(d)) + d)
    i, j = len(sizes) - 2, len(sizes) - 1
    if sizes[j] < 16 <= sizes[i]:  # a loop this short costs more than it does
        i, j = j, i
    return copy_planes, (start, sizes[i], sizes[j], s[i], s[j], d[i], d[j], *_outer((i, j), sizes, s, d))


TOGETHER = 8  # buffers that one kernel joins: each count is compiled for itself
SHORT = 16  # elements of a row below which columns are the longer loops


def joined(tensors: list, rows: int, out: Made) -> Loop | None:
    """The loop that writes tensors of ``rows`` rows side by side; None unless all are of one type and device, and none
    that is strided is large: those that are small are made contiguous first, which costs less than a copy into each
    part."""
    k, n = tensors[0]._k, prod(out.shape)
    if any(x._k.strided is not k.strided for x in tensors):
        return None
    if n >= shared_from(MOVED) and not all(x._k.contiguous for x in tensors):
        return None
    if n < shared_from(MOVED) and len(tensors) <= TOGETHER or not n:
        return Loop(join, (rows, n // max(rows, 1), 0), out, together=True, elements=n)
    steps: list[tuple] = []
    one, at = np.empty(1, k.dtype.storage), 0
    widths = [prod(x.shape) // rows for x in tensors]
    if n < shared_from(MOVED):
        for i in range(0, len(widths), TOGETHER):
            width = widths[i : i + TOGETHER]
            entry = join.entry((one,) * len(width), one, 1, 1, 1)
            steps.append((entry, slice(i, i + TOGETHER), 0, (rows, n // rows, at)))
            at += sum(width)
        return Loop(join_each, (steps,), out, together=True)
    several = threads.get_num_threads() > 1
    for i, width in enumerate(widths):
        kernel, numbers, start = place, (rows, width, n // rows, at), 0
        if width < SHORT:
            (kernel, numbers), start = planes([rows, width], 0, [width, 1], [n // rows, 1]), at
        large = several and rows * width >= shared_from(MOVED)
        if width:
            steps.append(((kernel if large else kernel.serial).entry(one, one, *numbers), i, start, numbers))
        at += width
    return Loop(join_each, (steps,), out, together=True)
