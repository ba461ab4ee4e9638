"""The compiled versions of the tiles of ``images``: LLVM IR that is called by address, like the micro-kernels of
``gemm``.

Imports Numba: loaded when a kernel compiles.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from numtorch.kernels.gemm.calls import INT, PTR, VOID, _element, const
from numtorch.kernels.gemm.microkernel import Lanes, carried_loop
from numtorch.ops.conv import images, points

SUMS_TYPE = ir.FunctionType(VOID, [PTR, PTR, INT, PTR, PTR, PTR, INT])
PIXELS_TYPE = ir.FunctionType(VOID, [PTR, PTR, INT, INT])
PRODUCTS_TYPE = ir.FunctionType(VOID, [PTR, INT, PTR, PTR, INT])
DOTS_TYPE = ir.FunctionType(VOID, [PTR, INT, PTR, INT, INT, INT, INT, PTR, INT])


def build_sums(fn: ir.Function, double: bool, lanes: int, channels: int, columns: int) -> None:
    """The body of ``sums``: ``channels * columns`` vectors of sums stay in registers."""
    x, starts, depth, w, bias, out, out_step = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)

    def body(state):
        start, weights, *flat = state
        source = b.gep(x, [b.load(start, typ=INT)], source_etype=v.scalar)
        pixels = [v.load(v.at(source, v.bytes * j)) for j in range(columns)]
        sums = []
        for i in range(channels):
            weight = v.broadcast(v.at(weights, v.item * i))
            sums += [v.multiply_add(weight, pixel, flat[i * columns + j]) for j, pixel in enumerate(pixels)]
        return [v.at(start, 8), v.at(weights, v.item * channels), *sums]

    first = [v.broadcast(v.at(bias, v.item * i)) for i in range(channels) for _ in range(columns)]
    _, _, *sums = carried_loop(b, depth, [starts, w, *first], body)
    for i in range(channels):
        row = v.at(out, b.mul(out_step, const(i)))
        for j in range(columns):
            v.store(sums[i * columns + j], v.at(row, v.bytes * j))
    b.ret_void()


def sums_of_lanes(v: Lanes, vectors: list) -> list:
    """The sum of each vector's lanes; the results stand in as few vectors as hold them, in the order of their vectors.

    Two vectors become one of twice as many, half as long partial sums, until each sum has one lane.
    """
    zero, half, found = v.zero, v.lanes // 2, []
    for first in range(0, len(vectors), v.lanes):
        group = vectors[first : first + v.lanes]
        group += [zero] * (v.lanes - len(group))
        while half:
            # A lane of the final vector is the number of the vector it sums: pairs are as far apart as their halves.
            low = [i if not i & half else v.lanes + i - half for i in range(v.lanes)]
            high = [i + half if not i & half else v.lanes + i for i in range(v.lanes)]
            count = len(group) // 2
            pairs = [(group[i], group[i + count]) for i in range(count)]
            group = [
                v.b.fadd(
                    v.b.shuffle_vector(p, q, ir.Constant(v.indices, low)),
                    v.b.shuffle_vector(p, q, ir.Constant(v.indices, high)),
                )
                for p, q in pairs
            ]
            half //= 2
        found.append(group[0])
        half = v.lanes // 2
    return found


def build_dots(fn: ir.Function, double: bool, lanes: int, channels: int, taps: int) -> None:
    """The body of ``dots``: ``channels * taps`` vectors of sums stay in registers over a whole plane."""
    x, x_row, g, g_row, g_channel, rows, cols, out, out_step = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)

    def column(state):
        source, grad, *sums = state
        pixels = [v.load(v.at(source, v.bytes * t)) for t in range(taps)]
        added = []
        for i in range(channels):
            value = v.load(v.at(grad, b.mul(g_channel, const(i))))
            added += [v.multiply_add(value, pixel, sums[i * taps + t]) for t, pixel in enumerate(pixels)]
        return [v.at(source, v.bytes), v.at(grad, v.bytes), *added]

    def row(state):
        source, grad, *sums = state
        _, _, *sums = carried_loop(b, cols, [source, grad, *sums], column)
        return [v.at(source, x_row), v.at(grad, g_row), *sums]

    _, _, *sums = carried_loop(b, rows, [x, g, *[v.zero] * (channels * taps)], row)
    totals = sums_of_lanes(v, sums)
    for n in range(channels * taps):
        i, t = divmod(n, taps)
        place = v.at(out, b.add(b.mul(out_step, const(i)), const(v.item * t)))
        total = b.extract_element(totals[n // lanes], ir.Constant(ir.IntType(32), n % lanes))
        old = b.load(place, typ=v.scalar)
        old.align = v.item
        b.store(b.fadd(old, total), place).align = v.item
    b.ret_void()


# As in ``points``; here, because this file's text is part of the kernels' key.
A, B = 0.5**0.5, 2.0**0.5
IMAGE = [
    [1, 0, -2.5, 0, 1, 0],
    [0, -2 * A, -2, A, 1, 0],
    [0, 2 * A, -2, -A, 1, 0],
    [0, -B / 2, -0.5, B, 1, 0],
    [0, B / 2, -0.5, -B, 1, 0],
    [0, 1, 0, -2.5, 0, 1],
]
RESULT = {
    4: [[1, 1, 1, 1, 1, 0], [0, A, -A, B, -B, 0], [0, 0.5, 0.5, 2, 2, 0], [0, A / 2, -A / 2, 2 * B, -2 * B, 1]],
    2: [[1, 1, 1, 1, 1, 0], [0, A, -A, B, -B, 1]],
}
assert np.allclose(IMAGE, points.IMAGE) and all(np.allclose(RESULT[step], points.RESULT[step]) for step in RESULT)


def combined(v: Lanes, row: list[float], vectors: list, total=None):
    """The sum of vectors times the numbers of a row; ``total`` is the first summand."""
    for number, vector in zip(row, vectors, strict=True):
        if number and total is None and number == 1:
            total = vector
        elif number:
            factor = ir.Constant(v.type, [float(number)] * v.lanes)
            total = v.b.fmul(factor, vector) if total is None else v.multiply_add(factor, vector, total)
    return total


def build_pixels(fn: ir.Function, double: bool, lanes: int, step: int, _: int) -> None:
    """The body of ``of_pixels``."""
    x, out, out_step, count = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)

    def body(state):
        source, target = state
        pixels = [v.load(v.at(source, v.bytes * i)) for i in range(len(IMAGE))]
        for p, row in enumerate(IMAGE):
            v.store(combined(v, row, pixels), v.at(target, b.mul(out_step, const(p))))
        return [v.at(source, v.bytes * step), v.at(target, v.bytes)]

    carried_loop(b, count, [x, out], body)
    b.ret_void()


def build_products(fn: ir.Function, double: bool, lanes: int, step: int, _: int) -> None:
    """The body of ``of_products``."""
    m, m_step, bias, out, count = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    first = v.broadcast(bias)

    def body(state):
        source, target = state
        products = [v.load(v.at(source, b.mul(m_step, const(p)))) for p in range(len(IMAGE))]
        for i, row in enumerate(RESULT[step]):
            v.store(combined(v, row, products, first), v.at(target, v.bytes * i))
        return [v.at(source, v.bytes), v.at(target, v.bytes * step)]

    carried_loop(b, count, [m, out], body)
    b.ret_void()


BUILDERS = {
    "sums": (build_sums, SUMS_TYPE),
    "dots": (build_dots, DOTS_TYPE),
    "pixels": (build_pixels, PIXELS_TYPE),
    "products": (build_products, PRODUCTS_TYPE),
}


@intrinsic(prefer_literal=True)
def define(typingctx, symbol, kind, double, lanes, height, width):
    """Put the tile ``symbol`` into the module that is being compiled; arguments are literals."""
    build, function_type = BUILDERS[kind.literal_value]
    numbers = [n.literal_value for n in (lanes, height, width)]
    is_double = bool(double.literal_value)

    def codegen(context, builder, signature, args):
        fn = ir.Function(builder.module, function_type, symbol.literal_value)
        fn.attributes.add("noinline")
        fn.attributes.add("nounwind")
        build(fn, is_double, *numbers)
        return context.get_dummy_value()

    return types.void(symbol, kind, double, lanes, height, width), codegen


def _call(builder, address, function_type, values):
    builder.call(builder.inttoptr(address, function_type.as_pointer()), values)


@intrinsic
def call_sums(typingctx, kernel, x, x0, starts, s0, depth, w, w0, bias, b0, out, out0, out_step):
    def codegen(context, builder, signature, args):
        (source, _), (first, _), (weights, _), (start, _), (target, size) = [
            _element(context, builder, signature.args[i], args[i], args[i + 1]) for i in (1, 3, 6, 8, 10)
        ]
        _call(
            builder, args[0], SUMS_TYPE, [source, first, args[5], weights, start, target, builder.mul(args[12], size)]
        )
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, x, i64, starts, i64, i64, w, i64, bias, i64, out, i64, i64), codegen


@intrinsic
def call_dots(typingctx, kernel, x, x0, x_row, g, g0, g_row, g_channel, rows, cols, out, out0, out_step):
    def codegen(context, builder, signature, args):
        (source, size), (grad, _), (target, _) = [
            _element(context, builder, signature.args[i], args[i], args[i + 1]) for i in (1, 4, 10)
        ]
        x_step, row_step, channel_step, out_step = (builder.mul(args[i], size) for i in (3, 6, 7, 12))
        _call(
            builder,
            args[0],
            DOTS_TYPE,
            [source, x_step, grad, row_step, channel_step, args[8], args[9], target, out_step],
        )
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, x, i64, i64, g, i64, i64, i64, i64, i64, out, i64, i64), codegen


@intrinsic
def call_pixels(typingctx, kernel, x, x0, out, out0, out_step, count):
    def codegen(context, builder, signature, args):
        (source, _), (target, size) = [
            _element(context, builder, signature.args[i], args[i], args[i + 1]) for i in (1, 3)
        ]
        _call(builder, args[0], PIXELS_TYPE, [source, target, builder.mul(args[5], size), args[6]])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, x, i64, out, i64, i64, i64), codegen


@intrinsic
def call_products(typingctx, kernel, m, m0, m_step, bias, b0, out, out0, count):
    def codegen(context, builder, signature, args):
        (source, size), (first, _), (target, _) = [
            _element(context, builder, signature.args[i], args[i], args[j]) for i, j in ((1, 2), (4, 5), (6, 7))
        ]
        _call(builder, args[0], PRODUCTS_TYPE, [source, builder.mul(args[3], size), first, target, args[8]])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, m, i64, i64, bias, i64, out, i64, i64), codegen


@overload(points.of_pixels)
def _(kernel, step, lanes, x, x0, out, out0, out_step, count):
    def impl(kernel, step, lanes, x, x0, out, out0, out_step, count):
        call_pixels(kernel, x, x0, out, out0, out_step, count)

    return impl


@overload(points.of_products)
def _(kernel, step, lanes, m, m0, m_step, bias, b0, out, out0, count):
    def impl(kernel, step, lanes, m, m0, m_step, bias, b0, out, out0, count):
        call_products(kernel, m, m0, m_step, bias, b0, out, out0, count)

    return impl


@overload(images.sums)
def _(kernel, channels, columns, lanes, x, x0, starts, s0, depth, w, w0, bias, b0, out, out0, out_step):
    def impl(kernel, channels, columns, lanes, x, x0, starts, s0, depth, w, w0, bias, b0, out, out0, out_step):
        call_sums(kernel, x, x0, starts, s0, depth, w, w0, bias, b0, out, out0, out_step)

    return impl


@overload(images.dots)
def _(kernel, channels, taps, lanes, x, x0, x_row, g, g0, g_row, g_channel, rows, cols, out, out0, out_step):
    def impl(kernel, channels, taps, lanes, x, x0, x_row, g, g0, g_row, g_channel, rows, cols, out, out0, out_step):
        call_dots(kernel, x, x0, x_row, g, g0, g_row, g_channel, rows, cols, out, out0, out_step)

    return impl
