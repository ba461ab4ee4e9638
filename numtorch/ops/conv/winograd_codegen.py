"""The compiled transforms of ``winograd``: they load 36 vectors of channels, combine them in registers, and store the
results.

LLVM's vectoriser cannot know that the 36 places it reads and those it writes are distinct, so the vectors are explicit.
Processors with shorter vectors split each into several. Imports Numba: loaded when a kernel compiles.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

import numtorch.kernels.gemm.calls  # noqa: F401 - the loops that need this module also call tiles
from numtorch.ops.conv import winograd

LANES, TILE, SIDE, TAPS = 16, 4, 6, 3  # as in ``winograd``; here, because this file's text is part of the kernels' key
assert (winograd.LANES, winograd.TILE, winograd.SIDE, winograd.TAPS) == (LANES, TILE, SIDE, TAPS)

INT = ir.IntType(64)
FEWER = 4
CONTRACT = ("contract", "nsz")  # a product and a sum may become one instruction


class Number:
    """A vector of channels in formulas."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.b, self.value = builder, value

    def _of(self, other: Number | float) -> ir.Value:
        return (
            other.value
            if isinstance(other, Number)
            else ir.Constant(self.value.type, [float(other)] * self.value.type.count)
        )

    def __add__(self, other: Number) -> Number:
        return Number(self.b, self.b.fadd(self.value, self._of(other), flags=CONTRACT))

    def __sub__(self, other: Number) -> Number:
        return Number(self.b, self.b.fsub(self.value, self._of(other), flags=CONTRACT))

    def __mul__(self, other: Number | float) -> Number:
        return Number(self.b, self.b.fmul(self.value, self._of(other), flags=CONTRACT))

    __rmul__ = __mul__


# The products with the matrices of ``winograd``, which come in pairs of rows (even part plus and minus odd part).
A = 0.5**0.5
B = 2.0**0.5


def of_image(d: list) -> list:
    """``winograd.IMAGE`` times six numbers."""
    inner_even, inner_odd = d[4] - 2.0 * d[2], A * (d[3] - 2.0 * d[1])
    outer_even, outer_odd = d[4] - 0.5 * d[2], B * (d[3] - 0.5 * d[1])
    return [
        d[0] + d[4] - 2.5 * d[2],
        inner_even + inner_odd,
        inner_even - inner_odd,
        outer_even + outer_odd,
        outer_even - outer_odd,
        d[1] + d[5] - 2.5 * d[3],
    ]


def of_products(m: list) -> list:
    """``winograd.RESULT`` times six numbers."""
    inner_even, inner_odd, outer_even, outer_odd = m[1] + m[2], A * (m[1] - m[2]), m[3] + m[4], B * (m[3] - m[4])
    return [
        m[0] + inner_even + outer_even,
        inner_odd + outer_odd,
        0.5 * inner_even + 2.0 * outer_even,
        m[5] + 0.5 * inner_odd + 2.0 * outer_odd,
    ]


def of_weights(w: list) -> list:
    """``winograd.WEIGHT`` times three numbers."""
    inner_even, inner_odd = (-2 / 3) * w[0] - (1 / 3) * w[2], (-2 / 3 * A) * w[1]
    outer_even, outer_odd = (1 / 6) * w[0] + (1 / 3) * w[2], (B / 6) * w[1]
    return [w[0], inner_even + inner_odd, inner_even - inner_odd, outer_even + outer_odd, outer_even - outer_odd, w[2]]


def of_gradient(d: list) -> list:
    """``winograd.RESULT`` turned, times four numbers."""
    inner_even, inner_odd = d[0] + 0.5 * d[2], A * (d[1] + 0.5 * d[3])
    outer_even, outer_odd = d[0] + 2.0 * d[2], B * (d[1] + 2.0 * d[3])
    return [d[0], inner_even + inner_odd, inner_even - inner_odd, outer_even + outer_odd, outer_even - outer_odd, d[3]]


def of_taps(m: list) -> list:
    """``winograd.WEIGHT`` turned, times six numbers."""
    inner_even, inner_odd, outer_even, outer_odd = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [
        m[0] - (2 / 3) * inner_even + (1 / 6) * outer_even,
        (B / 6) * outer_odd - (2 / 3 * A) * inner_odd,
        m[5] + (1 / 3) * (outer_even - inner_even),
    ]


class Flat:
    """A flat float32 array at a builder's position: vectors at element offsets."""

    def __init__(self, context, builder, array_type, array, first):
        self.b = builder
        data = context.make_array(array_type)(context, builder, array).data
        self.data = builder.gep(
            builder.inttoptr(builder.ptrtoint(data, INT), ir.PointerType()), [first], source_etype=ir.FloatType()
        )

    def _at(self, offset):
        return self.b.gep(self.data, [offset], source_etype=ir.FloatType())

    def load(self, offset, lanes: int) -> Number:
        value = self.b.load(self._at(offset), typ=ir.VectorType(ir.FloatType(), lanes))
        value.align = 4
        return Number(self.b, value)

    def store(self, number: Number, offset) -> None:
        self.b.store(number.value, self._at(offset)).align = 4


def _combine(b, source, source_steps, target, target_steps, count, sides, formula, bias=None) -> None:
    """``formula`` down the columns, then along the rows, of squares of vectors; both squares have two steps.

    Strips of weights may be no multiple of 16 on other processors, but always one of 4.
    """
    size, grown = sides

    def place(steps, i, j, c):
        row, col = (b.mul(step, ir.Constant(INT, k)) for step, k in zip(steps, (i, j), strict=True))
        return b.add(b.add(row, col), c)

    done = ir.Constant(INT, 0)
    for lanes in (LANES, FEWER):
        vectors = b.udiv(b.sub(count, done), ir.Constant(INT, lanes))
        with cgutils.for_range(b, vectors) as loop:
            c = b.add(done, b.mul(loop.index, ir.Constant(INT, lanes)))
            columns = [
                formula([source.load(place(source_steps, i, j, c), lanes) for i in range(size)]) for j in range(size)
            ]
            add = None if bias is None else bias.load(c, lanes)
            for i in range(grown):
                for j, number in enumerate(formula([column[i] for column in columns])):
                    target.store(number if add is None else number + add, place(target_steps, i, j, c))
        if sides != (TAPS, SIDE):
            return
        done = b.mul(vectors, ir.Constant(INT, lanes))


def _transform(sides: tuple[int, int], formula, with_bias: bool = False):
    """The intrinsic of one formula: squares of vectors, each with the distance of its rows and of its columns."""

    @intrinsic
    def transform(typingctx, x, x0, x_row, x_col, bias, out, out0, out_row, out_col, channels):
        def codegen(context, builder, signature, args):
            kinds = signature.args
            source, target = (
                Flat(context, builder, kinds[0], args[0], args[1]),
                Flat(context, builder, kinds[5], args[5], args[6]),
            )
            add = Flat(context, builder, kinds[4], args[4], ir.Constant(INT, 0)) if with_bias else None
            _combine(builder, source, args[2:4], target, args[7:9], args[9], sides, formula, add)
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(x, i64, i64, i64, bias, out, i64, i64, i64, i64), codegen

    return transform


transform_image = _transform((SIDE, SIDE), of_image)
transform_weights = _transform((TAPS, SIDE), of_weights)
transform_gradient = _transform((TILE, SIDE), of_gradient)
transform_results = _transform((SIDE, TILE), of_products, with_bias=True)
transform_taps = _transform((SIDE, TAPS), of_taps)


@overload(winograd.image_tile, inline="never")
def _(x, x0, row, col, out, out0, step, channels):
    def impl(x, x0, row, col, out, out0, step, channels):
        transform_image(x, x0, row, col, x, out, out0, SIDE * step, step, channels)

    return impl


@overload(winograd.weight_tile, inline="never")
def _(x, x0, row, col, out, out0, step, channels):
    def impl(x, x0, row, col, out, out0, step, channels):
        transform_weights(x, x0, row, col, x, out, out0, SIDE * step, step, channels)

    return impl


@overload(winograd.gradient_tile, inline="never")
def _(x, x0, row, col, out, out0, step, channels):
    def impl(x, x0, row, col, out, out0, step, channels):
        transform_gradient(x, x0, row, col, x, out, out0, SIDE * step, step, channels)

    return impl


@overload(winograd.result_tile, inline="never")
def _(x, x0, step, bias, out, out0, row, col, channels):
    def impl(x, x0, step, bias, out, out0, row, col, channels):
        transform_results(x, x0, SIDE * step, step, bias, out, out0, row, col, channels)

    return impl


@overload(winograd.taps_tile, inline="never")
def _(x, x0, step, out, out0, row, col, channels):
    def impl(x, x0, step, out, out0, row, col, channels):
        transform_taps(x, x0, SIDE * step, step, x, out, out0, row, col, channels)

    return impl
