"""The vector code of ``butterflies``: each step loads cells, combines them in registers, and stores the results.

LLVM's vectoriser cannot know that the places a step reads and those it writes are distinct, so the vectors are
explicit. Imports Numba: loaded when a kernel compiles.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from numtorch.ops.fourier import butterflies

INT, INT32 = ir.IntType(64), ir.IntType(32)
CONTRACT = ("contract", "nsz")  # a product and a sum may become one instruction
BYTES = 32
assert butterflies.BYTES == BYTES


class Complex:
    """Complex numbers in formulas: vectors of real and of imaginary parts."""

    def __init__(self, b: ir.IRBuilder, re: ir.Value, im: ir.Value):
        self.b, self.re, self.im = b, re, im

    def __add__(self, other: Complex) -> Complex:
        add = self.b.fadd
        return Complex(self.b, add(self.re, other.re, flags=CONTRACT), add(self.im, other.im, flags=CONTRACT))

    def __sub__(self, other: Complex) -> Complex:
        sub = self.b.fsub
        return Complex(self.b, sub(self.re, other.re, flags=CONTRACT), sub(self.im, other.im, flags=CONTRACT))

    def __mul__(self, other: Complex | float) -> Complex:
        b = self.b

        def times(x: ir.Value, y: ir.Value) -> ir.Value:
            return b.fmul(x, y, flags=CONTRACT)

        if isinstance(other, float):
            c = ir.Constant(self.re.type, [other] * self.re.type.count)
            return Complex(b, times(self.re, c), times(self.im, c))
        re = b.fsub(times(self.re, other.re), times(self.im, other.im), flags=CONTRACT)
        im = b.fadd(times(self.re, other.im), times(self.im, other.re), flags=CONTRACT)
        return Complex(b, re, im)

    def back(self) -> Complex:
        """``-1j * self``: a quarter turn back."""
        return Complex(self.b, self.im, self.b.fneg(self.re))

    def conj(self) -> Complex:
        return Complex(self.b, self.re, self.b.fneg(self.im))


# --- the transforms of small size -------------------------------------------------------------------


def of_2(z: list) -> list:
    return [z[0] + z[1], z[0] - z[1]]


def of_3(z: list) -> list:
    even, odd = z[1] + z[2], ((z[1] - z[2]) * math.sin(math.pi / 3)).back()
    rest = z[0] - even * 0.5
    return [z[0] + even, rest + odd, rest - odd]


def of_4(z: list) -> list:
    even, odd = of_2(z[::2]), of_2(z[1::2])
    turned = odd[1].back()
    return [even[0] + odd[0], even[1] + turned, even[0] - odd[0], even[1] - turned]


def of_5(z: list) -> list:
    (c1, s1), (c2, s2) = ((math.cos(t), math.sin(t)) for t in (2 * math.pi / 5, 4 * math.pi / 5))
    even1, odd1, even2, odd2 = z[1] + z[4], z[1] - z[4], z[2] + z[3], z[2] - z[3]
    a, b = z[0] + even1 * c1 + even2 * c2, (odd1 * s1 + odd2 * s2).back()
    c, d = z[0] + even1 * c2 + even2 * c1, (odd1 * s2 - odd2 * s1).back()
    return [z[0] + even1 + even2, a + b, c + d, c - d, a - b]


def of_8(z: list) -> list:
    even, odd = of_4(z[::2]), of_4(z[1::2])
    half = math.sqrt(0.5)
    odd[1] = (odd[1] + odd[1].back()) * half
    odd[2] = odd[2].back()
    odd[3] = (odd[3].back() - odd[3]) * half
    return [e + o for e, o in zip(even, odd, strict=True)] + [e - o for e, o in zip(even, odd, strict=True)]


# --- memory -----------------------------------------------------------------------------------------


class Flat:
    """A flat array at a builder's position: numbers, vectors and cells at positions."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array_type: Any, array: ir.Value):
        self.b, self.item = builder, context.get_data_type(array_type.dtype)
        self.size = context.get_abi_sizeof(self.item)
        self.lanes = BYTES // self.size
        self.vector = ir.VectorType(self.item, self.lanes)
        data = context.make_array(array_type)(context, builder, array).data
        self.data = builder.inttoptr(builder.ptrtoint(data, INT), ir.PointerType())

    def at(self, position: ir.Value, more: int = 0) -> ir.Value:
        position = self.b.add(position, INT(more)) if more else position
        return self.b.gep(self.data, [position], source_etype=self.item)

    def load(self, position: ir.Value, more: int = 0, count: int = 0) -> ir.Value:
        value = self.b.load(self.at(position, more), typ=ir.VectorType(self.item, count or self.lanes))
        value.align = self.size
        return value

    def store(self, value: ir.Value, position: ir.Value, more: int = 0) -> None:
        self.b.store(value, self.at(position, more)).align = self.size

    def cell(self, position: ir.Value) -> Complex:
        return Complex(self.b, self.load(position), self.load(position, self.lanes))

    def put(self, z: Complex, position: ir.Value) -> None:
        self.store(z.re, position)
        self.store(z.im, position, self.lanes)

    def spread(self, value: ir.Value) -> ir.Value:
        """A number in all lanes."""
        one = self.b.insert_element(ir.Constant(self.vector, ir.Undefined), value, INT32(0))
        return self.shuffle(one, one, [0] * self.lanes)

    def root(self, position: ir.Value) -> Complex:
        """A complex number in all lanes."""
        re, im = (self.spread(self.b.load(self.at(position, k), typ=self.item)) for k in (0, 1))
        return Complex(self.b, re, im)

    def shuffle(self, a: ir.Value, b: ir.Value, order: list) -> ir.Value:
        return self.b.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(order)), order))

    def alternating(self, position: ir.Value) -> Complex:
        """Complex numbers whose parts alternate."""
        z = self.load(position, count=2 * self.lanes)
        return Complex(self.b, *(self.shuffle(z, z, list(range(k, 2 * self.lanes, 2))) for k in (0, 1)))

    def put_alternating(self, z: Complex, position: ir.Value) -> None:
        order = [k for lane in range(self.lanes) for k in (lane, self.lanes + lane)]
        self.store(self.shuffle(z.re, z.im, order), position)

    def reversed(self, z: Complex) -> Complex:
        order = list(range(self.lanes))[::-1]
        return Complex(self.b, self.shuffle(z.re, z.re, order), self.shuffle(z.im, z.im, order))


def _times(b: ir.IRBuilder, *factors: Any) -> ir.Value:
    """The product of integers."""
    product = factors[0]
    for f in factors[1:]:
        product = b.mul(product, INT(f) if isinstance(f, int) else f)
    return product


def _call(arguments: Any, body: Any) -> Any:
    """What an intrinsic returns whose arguments are arrays, integers and numbers: nothing; ``body`` writes its code."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: tuple) -> Any:
        given = [
            Flat(context, builder, t, a) if isinstance(t, types.Array) else a
            for t, a in zip(signature.args, args, strict=True)
        ]
        body(builder, *given)
        return context.get_dummy_value()

    return types.void(*arguments), codegen


def _whole(*arguments: Any) -> list:
    """The types of the arguments, in which all integers have 64 bits."""
    return [types.int64 if isinstance(t, types.Integer) else t for t in arguments]


# --- steps ------------------------------------------------------------------------------------------


def _step(radix: int, formula: Any) -> Any:
    """The intrinsic of a step: without factors for p = 0, with them for the others."""

    def body(b, x, source, work, target, roots, w, rest, done):
        cell = 2 * work.lanes

        def lines(p, factors):
            read, written = (b.add(to, _times(b, p, done, cell * n)) for to, n in ((source, 1), (target, radix)))
            apart, row = _times(b, rest, done, cell), _times(b, done, cell)
            with cgutils.for_range(b, done) as loop:
                q = _times(b, loop.index, cell)
                z = [x.cell(b.add(b.add(read, q), _times(b, apart, j))) for j in range(radix)]
                for k, y in enumerate(formula(z)):
                    y = y * factors[k - 1] if k and factors else y
                    work.put(y, b.add(b.add(written, q), _times(b, row, k)))

        lines(INT(0), [])
        with cgutils.for_range_slice(b, INT(1), rest, INT(1)) as (p, _):
            at = b.add(w, _times(b, p, 2 * (radix - 1)))
            lines(p, [roots.root(b.add(at, INT(2 * k))) for k in range(radix - 1)])

    @intrinsic
    def step(typingctx, x, source, work, target, roots, w, rest, done):
        return _call(_whole(x, source, work, target, roots, w, rest, done), body)

    def compiled(x, source, work, target, roots, w, rest, done):
        def run(x, source, work, target, roots, w, rest, done):
            step(x, source, work, target, roots, w, rest, done)

        return run

    return compiled


for _radix, _formula in ((2, of_2), (3, of_3), (4, of_4), (5, of_5), (8, of_8)):
    overload(getattr(butterflies, f"step{_radix}"), inline="never")(_step(_radix, _formula))


def _odd(b, x, source, work, target, roots, w, radix, rest, done):
    """Sums of the definition, by pairs of opposite inputs: their sums go with cosines, their differences with sines."""
    cell = 2 * work.lanes
    own = b.add(w, _times(b, rest, b.sub(radix, INT(1)), 2))  # the roots of unity of the radix
    half = b.udiv(radix, INT(2))
    apart, row = _times(b, rest, done, cell), _times(b, done, cell)
    parts = [cgutils.alloca_once(b, work.vector) for _ in range(4)]
    with cgutils.for_range(b, rest) as outer:
        p = outer.index
        factors = b.sub(b.add(w, _times(b, p, b.sub(radix, INT(1)), 2)), INT(2))
        read, written = b.add(source, _times(b, p, row)), b.add(target, _times(b, p, radix, row))
        with cgutils.for_range(b, done) as middle:
            q = _times(b, middle.index, cell)
            first = x.cell(b.add(read, q))

            def opposite(j):
                near, far = (x.cell(b.add(b.add(read, q), _times(b, apart, i))) for i in (j, b.sub(radix, j)))
                return near + far, near - far

            b.store(first.re, parts[0])
            b.store(first.im, parts[1])
            with cgutils.for_range_slice(b, INT(1), b.add(half, INT(1)), INT(1)) as (j, _):
                total = Complex(b, b.load(parts[0]), b.load(parts[1])) + opposite(j)[0]
                b.store(total.re, parts[0])
                b.store(total.im, parts[1])
            work.put(Complex(b, b.load(parts[0]), b.load(parts[1])), b.add(written, q))
            with cgutils.for_range_slice(b, INT(1), b.add(half, INT(1)), INT(1)) as (k, _):
                zero = ir.Constant(work.vector, [0.0] * work.lanes)
                for place, value in zip(parts, (first.re, first.im, zero, zero), strict=True):
                    b.store(value, place)
                with cgutils.for_range_slice(b, INT(1), b.add(half, INT(1)), INT(1)) as (j, _):
                    even, odd = opposite(j)
                    c = roots.root(b.add(own, _times(b, b.urem(b.mul(j, k), radix), 2)))
                    values = (even.re, even.im, odd.re, odd.im)
                    for place, value, factor in zip(parts, values, (c.re, c.re, c.im, c.im), strict=True):
                        b.store(b.fadd(b.load(place), b.fmul(value, factor, flags=CONTRACT), flags=CONTRACT), place)
                even, odd = (Complex(b, b.load(parts[i]), b.load(parts[i + 1])) for i in (0, 2))
                turned = odd.back()  # -1j * odd
                for i, y in ((k, even - turned), (b.sub(radix, k), even + turned)):
                    y = y * roots.root(b.add(factors, _times(b, i, 2)))
                    work.put(y, b.add(b.add(written, q), _times(b, row, i)))


@intrinsic
def _step_odd(typingctx, x, source, work, target, roots, w, radix, rest, done):
    return _call(_whole(x, source, work, target, roots, w, radix, rest, done), _odd)


@overload(butterflies.step_odd, inline="never")
def _(x, source, work, target, roots, w, radix, rest, done):
    def run(x, source, work, target, roots, w, radix, rest, done):
        _step_odd(x, source, work, target, roots, w, radix, rest, done)

    return run


# --- between cells and complex numbers whose parts alternate ----------------------------------------


@intrinsic
def _separate(typingctx, x, at, row, work, target, rows, sign):
    def body(b, x, at, row, work, target, rows, sign):
        turn = work.spread(sign)
        with cgutils.for_range(b, rows) as loop:
            z = x.alternating(b.add(at, b.mul(loop.index, row)))
            z = Complex(b, z.re, b.fmul(z.im, turn))
            work.put(z, b.add(target, _times(b, loop.index, 2 * work.lanes)))

    return _call([*_whole(x, at, row, work, target, rows), work.dtype], body)


@overload(butterflies.separate, inline="never")
def _(x, at, row, work, target, rows, sign):
    def run(x, at, row, work, target, rows, sign):
        _separate(x, at, row, work, target, rows, sign)

    return run


def _scaled(b: ir.IRBuilder, value: ir.Value, factor: ir.Value) -> ir.Value:
    """The product, in which -0.0 becomes 0.0."""
    return b.fadd(b.fmul(value, factor), ir.Constant(value.type, [0.0] * value.type.count))


@intrinsic
def _combine(typingctx, work, source, out, at, row, rows, scale, scale_imaginary):
    def body(b, work, source, out, at, row, rows, scale, scale_imaginary):
        real, imaginary = work.spread(scale), work.spread(scale_imaginary)
        with cgutils.for_range(b, rows) as loop:
            z = work.cell(b.add(source, _times(b, loop.index, 2 * work.lanes)))
            z = Complex(b, _scaled(b, z.re, real), _scaled(b, z.im, imaginary))
            out.put_alternating(z, b.add(at, b.mul(loop.index, row)))

    return _call([*_whole(work, source, out, at, row, rows), work.dtype, work.dtype], body)


@overload(butterflies.combine, inline="never")
def _(work, source, out, at, row, rows, scale, scale_imaginary):
    def run(work, source, out, at, row, rows, scale, scale_imaginary):
        _combine(work, source, out, at, row, rows, scale, scale_imaginary)

    return run


def _exchanged(flat: Flat, rows: list) -> list:
    """Square tiles turned over: in stages, pairs of rows exchange blocks half as long as before."""
    n = h = flat.lanes
    while h := h // 2:
        for i in range(n):
            if not i & h:
                first = [n + j - h if j & h else j for j in range(n)]
                second = [n + j if j & h else j + h for j in range(n)]
                a, b = rows[i], rows[i + h]
                rows[i], rows[i + h] = flat.shuffle(a, b, first), flat.shuffle(a, b, second)
    return rows


@intrinsic
def _separate_lines(typingctx, x, at, line, work, target, tiles, sign):
    def body(b, x, at, line, work, target, tiles, sign):
        n, cell, turn = work.lanes, 2 * work.lanes, work.spread(sign)
        with cgutils.for_range(b, tiles) as loop:
            first, to = (b.add(p, _times(b, loop.index, c)) for p, c in ((at, cell), (target, n * cell)))
            z = [x.alternating(b.add(first, _times(b, line, i))) for i in range(n)]
            imaginary = [b.fmul(c.im, turn) for c in z]
            for half, rows in ((0, [c.re for c in z]), (n, imaginary)):
                for i, row in enumerate(_exchanged(work, rows)):
                    work.store(row, to, i * cell + half)

    return _call([*_whole(x, at, line, work, target, tiles), work.dtype], body)


@overload(butterflies.separate_lines, inline="never")
def _(x, at, line, work, target, tiles, sign):
    def run(x, at, line, work, target, tiles, sign):
        _separate_lines(x, at, line, work, target, tiles, sign)

    return run


@intrinsic
def _combine_lines(typingctx, work, source, out, at, line, tiles, scale, scale_imaginary):
    def body(b, work, source, out, at, line, tiles, scale, scale_imaginary):
        n, cell, real, imaginary = work.lanes, 2 * work.lanes, work.spread(scale), work.spread(scale_imaginary)
        with cgutils.for_range(b, tiles) as loop:
            first, to = (b.add(p, _times(b, loop.index, c)) for p, c in ((source, n * cell), (at, cell)))
            z = [work.cell(b.add(first, INT(i * cell))) for i in range(n)]
            re = _exchanged(work, [_scaled(b, c.re, real) for c in z])
            im = _exchanged(work, [_scaled(b, c.im, imaginary) for c in z])
            for i in range(n):
                out.put_alternating(Complex(b, re[i], im[i]), b.add(to, _times(b, line, i)))

    return _call([*_whole(work, source, out, at, line, tiles), work.dtype, work.dtype], body)


@overload(butterflies.combine_lines, inline="never")
def _(work, source, out, at, line, tiles, scale, scale_imaginary):
    def run(work, source, out, at, line, tiles, scale, scale_imaginary):
        _combine_lines(work, source, out, at, line, tiles, scale, scale_imaginary)

    return run


@intrinsic
def _turn(typingctx, work, source, out, target, target_step, roots, w, tiles):
    def body(b, work, source, out, target, target_step, roots, w, tiles):
        n, cell = work.lanes, 2 * work.lanes
        with cgutils.for_range(b, tiles) as loop:
            first = _times(b, loop.index, n * cell)
            places = [b.add(first, INT(i * cell)) for i in range(n)]
            z = [work.cell(b.add(source, p)) * roots.cell(b.add(w, p)) for p in places]
            to = b.add(target, b.mul(loop.index, target_step))
            for half, rows in ((0, [c.re for c in z]), (n, [c.im for c in z])):
                for i, row in enumerate(_exchanged(work, rows)):
                    out.store(row, to, i * cell + half)

    return _call(_whole(work, source, out, target, target_step, roots, w, tiles), body)


@overload(butterflies.turn, inline="never")
def _(work, source, out, target, target_step, roots, w, tiles):
    def run(work, source, out, target, target_step, roots, w, tiles):
        _turn(work, source, out, target, target_step, roots, w, tiles)

    return run


# --- real numbers -----------------------------------------------------------------------------------


def _mirrored(a: Complex, b: Complex, w: Complex) -> tuple[Complex, Complex]:
    b = b.conj()
    both, turned = a + b, (a - b) * w
    return both + turned, (both - turned).conj()


@intrinsic
def _mirror(typingctx, z, at, roots, w, pairs, last):
    def body(b, z, at, roots, w, pairs, last):
        lanes = z.lanes
        with cgutils.for_range(b, b.udiv(pairs, INT(lanes))) as loop:
            k = b.add(_times(b, loop.index, lanes), INT(1))
            near = b.add(at, _times(b, k, 2))
            far = b.add(at, _times(b, b.sub(b.sub(last, k), INT(lanes - 1)), 2))
            turn = roots.alternating(b.add(w, _times(b, k, 2)))
            here, there = _mirrored(z.alternating(near), z.reversed(z.alternating(far)), turn)
            z.put_alternating(here, near)
            z.put_alternating(z.reversed(there), far)

    return _call(_whole(z, at, roots, w, pairs, last), body)


@overload(butterflies.mirror, inline="never")
def _(z, at, roots, w, pairs, last):
    def run(z, at, roots, w, pairs, last):
        _mirror(z, at, roots, w, pairs, last)

    return run


@intrinsic
def _mirror_cells(typingctx, work, at, roots, w, last):
    def body(b, work, at, roots, w, last):
        cell = 2 * work.lanes
        stop = b.add(b.udiv(last, INT(2)), INT(1))
        with cgutils.for_range_slice(b, INT(1), stop, INT(1)) as (k, _):
            near, far = (b.add(at, _times(b, i, cell)) for i in (k, b.sub(last, k)))
            here, there = _mirrored(work.cell(near), work.cell(far), roots.root(b.add(w, _times(b, k, 2))))
            work.put(here, near)
            work.put(there, far)

    return _call(_whole(work, at, roots, w, last), body)


@overload(butterflies.mirror_cells, inline="never")
def _(work, at, roots, w, last):
    def run(work, at, roots, w, last):
        _mirror_cells(work, at, roots, w, last)

    return run
