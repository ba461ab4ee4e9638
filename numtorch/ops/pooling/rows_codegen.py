"""The compiled version of ``rows``. Imports Numba: loaded when a kernel compiles."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from numtorch.ops.pooling import rows

INT, INT32, BIT, PTR = ir.IntType(64), ir.IntType(32), ir.IntType(1), ir.PointerType()
BYTES = 64  # of a vector; processors with shorter ones take each as several


class Vectors:
    """Masked vectors of a float type at a builder's position."""

    def __init__(self, builder: ir.IRBuilder, double: bool):
        self.b = builder
        self.lanes = BYTES // (8 if double else 4)
        self.scalar = ir.DoubleType() if double else ir.FloatType()
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.indices = ir.VectorType(INT32, self.lanes)
        self.mask = ir.VectorType(BIT, self.lanes)
        self.suffix = f"v{self.lanes}f{64 if double else 32}.p0"
        self.align = ir.Constant(INT32, 8 if double else 4)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)

    def address(self, context, kind, array, offset):
        data = context.make_array(kind)(context, self.b, array).data
        return self.b.gep(self.b.inttoptr(self.b.ptrtoint(data, INT), PTR), [offset], source_etype=self.scalar)

    def on(self, pointer, elements):
        return self.b.gep(pointer, [elements], source_etype=self.scalar)

    def first(self, count):
        """The mask of the first ``count`` lanes."""
        undefined = ir.Constant(self.indices, ir.Undefined)
        limit = self.b.insert_element(undefined, self.b.trunc(count, INT32), ir.Constant(INT32, 0))
        limit = self.b.shuffle_vector(limit, undefined, ir.Constant(self.indices, [0] * self.lanes))
        return self.b.icmp_signed("<", ir.Constant(self.indices, list(range(self.lanes))), limit)

    def load(self, pointer, mask):
        kind = ir.FunctionType(self.type, [PTR, INT32, self.mask, self.type])
        load = cgutils.get_or_insert_function(self.b.module, kind, f"llvm.masked.load.{self.suffix}")
        return self.b.call(load, [pointer, self.align, mask, self.zero])

    def store(self, value, pointer, count):
        """The first ``count`` lanes, in at most four pieces: a masked store takes longer than all of them on Zen 4."""
        b = self.b
        with b.if_else(b.icmp_signed(">=", count, ir.Constant(INT, self.lanes))) as (whole, part):
            with whole:
                b.store(value, pointer).align = self.align.constant
            with part:
                size = self.lanes // 2
                count = b.select(b.icmp_signed("<", count, ir.Constant(INT, 0)), ir.Constant(INT, 0), count)
                while size:
                    wanted = b.icmp_signed("!=", b.and_(count, ir.Constant(INT, size)), ir.Constant(INT, 0))
                    with b.if_then(wanted):
                        low = ir.Constant(ir.VectorType(INT32, size), list(range(size)))
                        b.store(b.shuffle_vector(value, value, low), pointer).align = self.align.constant
                    rest = self.shuffle(value, value, [(i + size) % self.lanes for i in range(self.lanes)])
                    value = b.select(wanted, rest, value)
                    pointer = b.select(wanted, self.on(pointer, ir.Constant(INT, size)), pointer)
                    size //= 2

    def shuffle(self, x, y, lanes):
        return self.b.shuffle_vector(x, y, ir.Constant(self.indices, lanes))

    def pairs(self, pointer, masks):
        """The even and the odd elements of two vectors."""
        x, y = self.load(pointer, masks[0]), self.load(self.on(pointer, ir.Constant(INT, self.lanes)), masks[1])
        return [self.shuffle(x, y, [2 * i + odd for i in range(self.lanes)]) for odd in (0, 1)]

    def store_pairs(self, even, odd, pointer, count):
        lanes = self.lanes
        for half in (0, 1):
            mixed = self.shuffle(even, odd, [half * lanes // 2 + i // 2 + lanes * (i % 2) for i in range(lanes)])
            passed = ir.Constant(INT, half * lanes)
            self.store(mixed, self.on(pointer, passed), self.b.sub(count, passed))

    def wins(self, new, best):
        """Where ``new`` takes the place of ``best``: if it is larger or NaN."""
        return self.b.or_(self.b.fcmp_ordered(">", new, best), self.b.fcmp_unordered("uno", new, new))


def _pieces(b, v, count, body):
    """``body(position, how many are left, masks of the two vectors under them)`` for each vector of a row."""
    lanes = ir.Constant(INT, v.lanes)
    pieces = b.udiv(b.add(count, ir.Constant(INT, v.lanes - 1)), lanes)
    with cgutils.for_range(b, pieces) as loop:
        position = b.mul(loop.index, lanes)
        left = b.sub(count, position)
        twice = b.mul(left, ir.Constant(INT, 2))
        body(position, left, (v.first(twice), v.first(b.sub(twice, lanes))))


@intrinsic
def write_max_row(typingctx, x, top, low, out, at, count):
    def codegen(context, builder, signature, args):
        v = Vectors(builder, x.dtype == types.float64)
        upper, lower = (v.address(context, signature.args[0], args[0], i) for i in args[1:3])
        target = v.address(context, signature.args[3], args[3], args[4])

        def body(position, left, masks):
            far = builder.mul(position, ir.Constant(INT, 2))
            values = v.pairs(v.on(upper, far), masks) + v.pairs(v.on(lower, far), masks)
            best = values[0]
            for value in values[1:]:
                best = builder.select(v.wins(value, best), value, best)
            v.store(best, v.on(target, position), left)

        _pieces(builder, v, args[5], body)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, i64, out, i64, i64), codegen


@intrinsic
def write_max_grad_row(typingctx, x, top, low, g, at, gx, count):
    def codegen(context, builder, signature, args):
        v = Vectors(builder, x.dtype == types.float64)
        kinds = signature.args
        sources = [v.address(context, kinds[0], args[0], i) for i in args[1:3]]
        targets = [v.address(context, kinds[5], args[5], i) for i in args[1:3]]
        incoming = v.address(context, kinds[3], args[3], args[4])

        def body(position, left, masks):
            far = builder.mul(position, ir.Constant(INT, 2))
            (v0, v1), (v2, v3) = (v.pairs(v.on(source, far), masks) for source in sources)
            grad = v.load(v.on(incoming, position), v.first(left))
            right, corner = v.wins(v1, v0), v.wins(v3, v2)
            below = v.wins(builder.select(corner, v3, v2), builder.select(right, v1, v0))
            above, under = builder.select(below, v.zero, grad), builder.select(below, grad, v.zero)
            for share, second, target in ((above, right, targets[0]), (under, corner, targets[1])):
                even, odd = builder.select(second, v.zero, share), builder.select(second, share, v.zero)
                v.store_pairs(even, odd, v.on(target, far), builder.mul(left, ir.Constant(INT, 2)))

        _pieces(builder, v, args[6], body)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(x, i64, i64, g, i64, gx, i64), codegen


@overload(rows.max_row)
def _(x, top, low, out, at, count):
    def impl(x, top, low, out, at, count):
        write_max_row(x, top, low, out, at, count)

    return impl


@overload(rows.max_grad_row)
def _(x, top, low, g, at, gx, count):
    def impl(x, top, low, g, at, gx, count):
        write_max_grad_row(x, top, low, g, at, gx, count)

    return impl
