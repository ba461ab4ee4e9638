"""The vector code of the matrix product: the operations of ``tile.py``, built as LLVM IR.

Numba's loop vectoriser does not keep a tile of sums in registers, so the inner operations are written with llvmlite.
Each variant (height, vectors, element type, vector length) is one LLVM function. It is compiled on first use as a
kernel of its own (``variants.py``) and called by address (``calls.py``). So nothing is compiled twice, and cached
drivers do not depend on which variants exist.

Imports Numba: only loaded through ``@jit(needs=...)``, whose key contains the text of this file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numtorch.kernels.gemm import tile as plain
from numtorch.kernels.gemm.calls import BLOCK_TYPE, GATHER_TYPE, INT, PTR, TILE_TYPE, VOID, const, dot_type

# The code below holds these numbers, and this file's text is part of every kernel's key.
assert (plain.ACCUMULATE, plain.BIAS, plain.RELU, plain.PADDED) == (1, 2, 4, 8)

INT32 = ir.IntType(32)
BIT = ir.IntType(1)
BYTE = ir.IntType(8)

UNROLL = 4  # steps of k in one pass of the loop: hides the loop's own instructions
MASKED_BYTES = 64  # of a vector, from which masked loads cost what plain ones do: AVX-512 has registers for masks
TIE_DISTANCE = 1  # see Lanes.tie
TIE_REGISTER = {"x86": "v", "aarch64": "w"}  # inline assembly's letter for a vector register


class BFloat(ir.Type):
    """LLVM's bfloat, which llvmlite lacks."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat)

    def __hash__(self) -> int:
        return hash(BFloat)


class Lanes:
    """Vector instructions for one element type and length, written at a builder's position."""

    def __init__(self, builder: ir.IRBuilder, double: bool, lanes: int):
        self.b = builder
        self.lanes = lanes
        self.item = 8 if double else 4
        self.bytes = self.item * lanes
        self.scalar = ir.DoubleType() if double else ir.FloatType()
        self.type = ir.VectorType(self.scalar, lanes)
        self.indices = ir.VectorType(INT32, lanes)
        self.mask_type = ir.VectorType(BIT, lanes)
        self.suffix = f"v{lanes}f{8 * self.item}"
        self.zero = ir.Constant(self.type, [0.0] * lanes)
        self.align = ir.Constant(INT32, self.item)

    def at(self, pointer, offset):
        """The address ``offset`` bytes on."""
        if isinstance(offset, int):
            offset = const(offset)
        return self.b.gep(pointer, [offset], source_etype=BYTE)

    def function(self, name: str, result, arguments):
        return cgutils.get_or_insert_function(self.b.module, ir.FunctionType(result, arguments), name)

    def load(self, pointer):
        value = self.b.load(pointer, typ=self.type)
        value.align = self.item
        return value

    def store(self, value, pointer):
        self.b.store(value, pointer).align = self.item

    def load_masked(self, pointer, mask):
        """Lanes outside of the mask are zero and their memory is not touched."""
        load = self.function(f"llvm.masked.load.{self.suffix}.p0", self.type, [PTR, INT32, self.mask_type, self.type])
        return self.b.call(load, [pointer, self.align, mask, self.zero])

    def store_masked(self, value, pointer, mask):
        store = self.function(f"llvm.masked.store.{self.suffix}.p0", VOID, [self.type, PTR, INT32, self.mask_type])
        self.b.call(store, [value, pointer, self.align, mask])

    def splat(self, value, vector_type=None):
        """All lanes ``value``."""
        vector_type = vector_type or self.type
        undefined = ir.Constant(vector_type, ir.Undefined)
        first = self.b.insert_element(undefined, value, ir.Constant(INT32, 0))
        return self.b.shuffle_vector(first, undefined, ir.Constant(self.indices, [0] * self.lanes))

    def broadcast(self, pointer):
        value = self.b.load(pointer, typ=self.scalar)
        value.align = self.item
        return self.splat(value)

    def first(self, count):
        """The mask of the first ``count`` lanes (none if negative, all if above the length)."""
        limit = self.splat(self.b.trunc(count, INT32), self.indices)
        return self.b.icmp_signed("<", ir.Constant(self.indices, list(range(self.lanes))), limit)

    def multiply_add(self, x, y, z):
        # fmuladd, not fma: without FMA hardware it is a product and a sum, not a library call.
        function = self.function(f"llvm.fmuladd.{self.suffix}", self.type, [self.type] * 3)
        return self.b.call(function, [x, y, z])

    def multiply_add_pairs(self, x, y, z):
        """``multiply_add`` where each lane of x and y holds two bfloat16: both products join z, in float32."""
        bits = 8 * self.bytes
        if self.b.module.triple.startswith("aarch64"):
            name = f"llvm.aarch64.neon.bfdot.{self.suffix}.v{2 * self.lanes}bf16"
        else:
            name = f"llvm.x86.avx512bf16.dpbf16ps.{bits}"
        pairs = ir.VectorType(BFloat(), 2 * self.lanes)
        function = self.function(name, self.type, [self.type, pairs, pairs])
        return self.b.call(function, [z, self.b.bitcast(x, pairs), self.b.bitcast(y, pairs)])

    def relu(self, x):
        """NaN compares false and stays."""
        return self.b.select(self.b.fcmp_ordered("<", x, self.zero), self.zero, x)

    def turned(self, vectors):
        """As many vectors as lanes, transposed: squares inside pieces of 128 bits, then the pieces.

        Every step is a shuffle without a register of indices; swapping halves, quarters and so on needs half of those.
        """
        each = 16 // self.item  # elements of a piece
        pieces = self.lanes // each

        def mixed(x, y, chosen):
            return self.b.shuffle_vector(x, y, ir.Constant(self.indices, chosen))

        def interleaved(x, y, unit):
            """The lower halves of the pieces of x and y, ``unit`` elements of each in turn; the upper halves."""
            results = []
            for start in (0, each // 2):
                chosen = []
                for piece in range(0, self.lanes, each):
                    for i in range(start, start + each // 2, unit):
                        chosen += [piece + i + u for u in range(unit)] + [
                            self.lanes + piece + i + u for u in range(unit)
                        ]
                results.append(mixed(x, y, chosen))
            return results

        def second(x, y, odd):
            """Every second piece of x, then of y."""
            places = [p for p in range(2 * pieces) if p % 2 == odd]
            return mixed(x, y, [p * each + u for p in places for u in range(each)])

        squares = []
        for g in range(0, self.lanes, each):
            if each == 2:
                squares += interleaved(vectors[g], vectors[g + 1], 1)
            else:
                low, high = (interleaved(vectors[g + i], vectors[g + i + 1], 1) for i in (0, 2))
                for x, y in zip(low, high, strict=True):
                    squares += interleaved(x, y, 2)

        def columns(parts):
            """Vectors of one column of each square, side by side, for each of the pieces that the parts hold."""
            if len(parts) == 1:
                return parts
            even = columns([second(x, y, 0) for x, y in zip(parts[::2], parts[1::2], strict=True)])
            odd = columns([second(x, y, 1) for x, y in zip(parts[::2], parts[1::2], strict=True)])
            return [v for pair in zip(even, odd, strict=True) for v in pair]

        by_column = [columns(squares[i::each]) for i in range(each)]
        return [by_column[j % each][j // each] for j in range(self.lanes)]

    def prefetch_for_write(self, pointer):
        function = self.function("llvm.prefetch.p0", VOID, [PTR, INT32, INT32, INT32])
        self.b.call(function, [pointer, *(ir.Constant(INT32, v) for v in (1, 3, 1))])

    def tie(self, pointer, values):
        """``pointer``, not known before ``values`` are: an assembly statement without instructions.

        LLVM otherwise loads the elements of all rows at once, ahead of their use, and spills sums.
        """
        triple = self.b.module.triple
        register = next((r for arch, r in TIE_REGISTER.items() if triple.startswith(arch)), None)
        if register is None:
            return pointer
        statement = ir.FunctionType(PTR, [PTR, *[self.type] * len(values)])
        constraint = "=r,0" + f",{register}" * len(values)
        return self.b.asm(statement, "", constraint, [pointer, *values], False)


def carried_loop(b: ir.IRBuilder, count, state: list, body) -> list:
    """``for _ in range(count): state = body(state)``; returns the last state."""
    before = b.block
    loop = b.append_basic_block("loop")
    after = b.append_basic_block("after")
    b.cbranch(b.icmp_signed(">", count, const(0)), loop, after)

    b.position_at_end(loop)
    left = b.phi(INT)
    left.add_incoming(count, before)
    carried = []
    for value in state:
        phi = b.phi(value.type)
        phi.add_incoming(value, before)
        carried.append(phi)
    result = body(list(carried))
    latch = b.block
    fewer = b.sub(left, const(1))
    left.add_incoming(fewer, latch)
    for phi, value in zip(carried, result, strict=True):
        phi.add_incoming(value, latch)
    b.cbranch(b.icmp_signed(">", fewer, const(0)), loop, after)

    b.position_at_end(after)
    return merge(b, state, before, result, latch)


def merge(b: ir.IRBuilder, ours: list, our_block, theirs: list, their_block) -> list:
    merged = []
    for x, y in zip(ours, theirs, strict=True):
        phi = b.phi(x.type)
        phi.add_incoming(x, our_block)
        phi.add_incoming(y, their_block)
        merged.append(phi)
    return merged


def when(b: ir.IRBuilder, flags, flag: int, state: list, body) -> list:
    """``if flags & flag: state = body(state)``; returns the state."""
    before = b.block
    then = b.append_basic_block("then")
    after = b.append_basic_block("after")
    b.cbranch(b.icmp_signed("!=", b.and_(flags, const(flag)), const(0)), then, after)
    b.position_at_end(then)
    result = body(list(state))
    b.branch(after)
    b.position_at_end(after)
    return merge(b, state, before, result, then)


def either(b: ir.IRBuilder, condition, yes, no) -> list:
    """``yes() if condition else no()``, of values."""
    blocks = b.append_basic_block("yes"), b.append_basic_block("no")
    after = b.append_basic_block("after")
    b.cbranch(condition, *blocks)
    ends = []
    for block, body in zip(blocks, (yes, no), strict=True):
        b.position_at_end(block)
        values = body()
        ends += [values, b.block]
        b.branch(after)
    b.position_at_end(after)
    return merge(b, *ends)


def build_tile(
    fn: ir.Function, double: bool, lanes: int, height: int, vectors: int, by_rows: bool, pairs: bool = False
) -> None:
    """The body of ``tile`` for ``height`` rows and the last vector of ``vectors`` possibly partial.

    With ``pairs`` an element of a and b is a pair of bfloat16, neighbours in k.

    Strides arrive in bytes. The sums live in ``height * vectors`` registers over the whole loop.
    """
    a, a_step, b_at, b_step, c, c_step, bias, depth, width, flags = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    multiply_add = v.multiply_add_pairs if pairs else v.multiply_add
    mask = v.first(b.sub(width, const(lanes * (vectors - 1))))
    offsets = [v.bytes * j for j in range(vectors)]

    def load_whole(pointer):
        return [v.load(v.at(pointer, offset)) for offset in offsets]

    def load_row(pointer):
        """One row of b, c or bias: the last vector may be partial."""
        whole = [v.load(v.at(pointer, offset)) for offset in offsets[:-1]]
        return [*whole, v.load_masked(v.at(pointer, offsets[-1]), mask)]

    # Four rows of a share one pointer and differ by multiples of the row's length: fewer registers.
    multiples = [None] + [b.mul(a_step, const(i)) for i in (1, 2, 3)]
    groups = range(0, height, 4) if by_rows else [0]
    starts = [a if g == 0 else v.at(a, b.mul(a_step, const(g))) for g in groups]

    def step(rows, b_row, u, sums, load):
        """One k: the product of a column of a with a row of b, added to the sums."""
        b_vectors = load(b_row)
        out = []
        for i in range(height):
            if by_rows:
                earlier = out[i - TIE_DISTANCE] if i >= TIE_DISTANCE else sums[max(i - TIE_DISTANCE, -height)]
                rows[i // 4] = v.tie(rows[i // 4], earlier)
                row = rows[i // 4] if i % 4 == 0 else v.at(rows[i // 4], multiples[i % 4])
                element = v.at(row, v.item * u)
            else:
                element = v.at(rows[0], v.item * i)
            x = v.broadcast(element)
            out.append([multiply_add(x, y, s) for y, s in zip(b_vectors, sums[i], strict=True)])
        return out

    end = v.at(c, b.mul(c_step, const(height)))

    def steps(count, load):
        """``count`` steps of k; state: rows of a, row of b, row of c to prefetch, sums."""

        def body(state):
            rows, b_row, c_row, flat = (
                state[: len(starts)],
                state[len(starts)],
                state[len(starts) + 1],
                state[len(starts) + 2 :],
            )
            before = list(rows)
            sums = [flat[i : i + vectors] for i in range(0, len(flat), vectors)]
            for offset in offsets:
                v.prefetch_for_write(v.at(c_row, offset))
            following = v.at(c_row, c_step)
            c_row = b.select(b.icmp_unsigned("<", following, end), following, c_row)
            for u in range(count):
                sums = step(rows, b_row, u, sums, load)
                b_row = v.at(b_row, b_step)
                if not by_rows:
                    rows = [v.at(rows[0], a_step)]
            if by_rows:
                rows = [v.at(row, v.item * count) for row in before]
            return [*rows, b_row, c_row, *(s for row in sums for s in row)]

        return body

    def summed(load):
        state = [*starts, b_at, c, *[v.zero] * (height * vectors)]
        state = carried_loop(b, b.udiv(depth, const(UNROLL)), state, steps(UNROLL, load))
        state = carried_loop(b, b.urem(depth, const(UNROLL)), state, steps(1, load))
        return state[len(starts) + 2 :]

    full = b.icmp_signed("==", width, const(lanes * vectors))
    if v.bytes >= MASKED_BYTES:
        sums = summed(load_row)
    else:
        padded = b.icmp_signed("!=", b.and_(flags, const(plain.PADDED)), const(0))
        sums = either(b, b.or_(full, padded), lambda: summed(load_whole), lambda: summed(load_row))

    c_rows = [c] + [v.at(c, b.mul(c_step, const(i))) for i in range(1, height)]

    def accumulate(values):
        old = [value for row in c_rows for value in load_row(row)]
        return [b.fadd(x, y) for x, y in zip(old, values, strict=True)]

    def add_bias(values):
        row = load_row(bias)
        return [b.fadd(x, row[i % vectors]) for i, x in enumerate(values)]

    sums = when(b, flags, plain.ACCUMULATE, sums, accumulate)
    sums = when(b, flags, plain.BIAS, sums, add_bias)
    sums = when(b, flags, plain.RELU, sums, lambda values: [v.relu(x) for x in values])

    # A masked store is slower than a plain one on some machines: used for true edges alone.
    whole = fn.append_basic_block("whole")
    edge = fn.append_basic_block("edge")
    b.cbranch(full, whole, edge)
    for block in (whole, edge):
        b.position_at_end(block)
        for i, row in enumerate(c_rows):
            for j, offset in enumerate(offsets):
                if block is edge and j == vectors - 1:
                    v.store_masked(sums[i * vectors + j], v.at(row, offset), mask)
                else:
                    v.store(sums[i * vectors + j], v.at(row, offset))
        b.ret_void()


def build_transpose(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``transpose``: squares one after the other, the last one or all of few rows by masks."""
    x, x_step, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    across, down = const(v.bytes), b.mul(out_step, const(lanes))

    def rows_of(pointer, step):
        return [pointer] + [v.at(pointer, b.mul(step, const(i))) for i in range(1, lanes)]

    def whole(state):
        source, target = state
        for value, place in zip(
            v.turned([v.load(s) for s in rows_of(source, x_step)]), rows_of(target, out_step), strict=True
        ):
            v.store(value, place)
        return [v.at(source, across), v.at(target, down)]

    def edge(state):
        source, target, left = state
        none = ir.Constant(v.mask_type, [0] * lanes)
        row_mask, col_mask = v.first(rows), v.first(left)
        loaded = [
            v.load_masked(s, b.select(b.icmp_signed("<", const(i), rows), col_mask, none))
            for i, s in enumerate(rows_of(source, x_step))
        ]
        for i, (value, place) in enumerate(zip(v.turned(loaded), rows_of(target, out_step), strict=True)):
            v.store_masked(value, place, b.select(b.icmp_signed("<", const(i), left), row_mask, none))
        return [v.at(source, across), v.at(target, down), b.sub(left, const(lanes))]

    squares = b.select(b.icmp_signed("==", rows, const(lanes)), b.udiv(cols, const(lanes)), const(0))
    source, target = carried_loop(b, squares, [x, out], whole)
    left = b.sub(cols, b.mul(squares, const(lanes)))
    carried_loop(b, b.udiv(b.add(left, const(lanes - 1)), const(lanes)), [source, target, left], edge)
    b.ret_void()


def build_copy_rows(fn: ir.Function, double: bool, lanes: int, vectors: int) -> None:
    """The body of ``copy_rows`` for rows of ``vectors`` vectors, the last one possibly partial."""
    x, x_step, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    mask = v.first(b.sub(cols, const(lanes * (vectors - 1))))

    def body(state):
        source, target = state
        for j in range(vectors - 1):
            v.store(v.load(v.at(source, v.bytes * j)), v.at(target, v.bytes * j))
        last = v.bytes * (vectors - 1)
        v.store(v.load_masked(v.at(source, last), mask), v.at(target, last))
        return [v.at(source, x_step), v.at(target, out_step)]

    carried_loop(b, rows, [x, out], body)
    b.ret_void()


def build_pair_rows(fn: ir.Function, double: bool, lanes: int, vectors: int) -> None:
    """The body of ``pair_rows`` for rows of ``vectors`` vectors of pairs, the last one possibly partial."""
    x, x_step, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    halves = ir.VectorType(ir.IntType(16), lanes)
    sixteen = ir.Constant(v.indices, [16] * lanes)
    mask = v.first(b.sub(cols, const(lanes * (vectors - 1))))
    masked = v.function(f"llvm.masked.load.v{lanes}i16.p0", halves, [PTR, INT32, v.mask_type, halves])

    def low_halves(row, j, whole):
        """One vector of a row, each number in the lower half of a lane."""
        pointer = v.at(row, v.bytes // 2 * j)
        if j < vectors - 1 or whole:
            value = b.load(pointer, typ=halves)
            value.align = 2
        else:
            value = b.call(masked, [pointer, ir.Constant(INT32, 2), mask, ir.Constant(halves, [0] * lanes)])
        return b.zext(value, v.indices)

    def row_of_pairs(state, whole, partner):
        source, target = state
        below = v.at(source, x_step)
        for j in range(vectors):
            pair = low_halves(source, j, whole)
            if partner:
                pair = b.or_(pair, b.shl(low_halves(below, j, whole), sixteen))
            v.store(b.bitcast(pair, v.type), v.at(target, v.bytes * j))
        return [v.at(below, x_step), v.at(target, out_step)]

    def all_rows(whole):
        state = carried_loop(b, b.ashr(rows, const(1)), [x, out], lambda state: row_of_pairs(state, whole, True))
        carried_loop(b, b.and_(rows, const(1)), state, lambda state: row_of_pairs(state, whole, False))
        return []

    either(b, b.icmp_signed("==", cols, const(lanes * vectors)), lambda: all_rows(True), lambda: all_rows(False))
    b.ret_void()


def build_narrow_rows(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``narrow_rows``."""
    x, x_step, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    halves = ir.VectorType(ir.IntType(16), lanes)
    whole, rest = b.udiv(cols, const(lanes)), b.urem(cols, const(lanes))
    store = v.function(f"llvm.masked.store.v{lanes}i16.p0", VOID, [halves, PTR, INT32, v.mask_type])

    def narrow(value):
        return b.bitcast(b.fptrunc(value, ir.VectorType(BFloat(), lanes)), halves)

    def row(state):
        source, target = state

        def vector(at):
            b.store(narrow(v.load(at[0])), at[1]).align = 2
            return [v.at(at[0], v.bytes), v.at(at[1], v.bytes // 2)]

        def edge(at):
            b.call(store, [narrow(v.load_masked(at[0], v.first(rest))), at[1], ir.Constant(INT32, 2), v.first(rest)])
            return at

        ends = carried_loop(b, whole, [source, target], vector)
        carried_loop(b, b.zext(b.icmp_signed(">", rest, const(0)), INT), ends, edge)
        return [v.at(source, x_step), v.at(target, out_step)]

    carried_loop(b, rows, [x, out], row)
    b.ret_void()


def every_second(fn: ir.Function, double: bool, lanes: int, reads: int, move: Callable) -> None:
    """Rows in pieces of a vector: ``move(v, source, target, count)`` reads so many vectors (2 or 1) and writes the
    others of 3.

    ``count`` is None for a whole vector, else the elements that are left, at least one.
    """
    x, x_step, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    whole = b.udiv(b.sub(cols, const(1)), const(lanes))
    rest = b.sub(cols, b.mul(whole, const(lanes)))

    def row(state):
        source, target = state

        def piece(at):
            move(v, *at, None)
            return [v.at(at[0], v.bytes * reads), v.at(at[1], v.bytes * (3 - reads))]

        move(v, *carried_loop(b, whole, [source, target], piece), rest)
        return [v.at(source, x_step), v.at(target, out_step)]

    carried_loop(b, rows, [x, out], row)
    b.ret_void()


def build_take_every_second(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``take_every_second``: two vectors become one."""

    def take(v, source, target, count):
        even = ir.Constant(v.indices, [2 * i for i in range(lanes)])
        if count is None:
            v.store(v.b.shuffle_vector(v.load(source), v.load(v.at(source, v.bytes)), even), target)
            return
        span = v.b.sub(v.b.mul(count, const(2)), const(1))  # what lies behind the last element may not be ours
        low = v.load_masked(source, v.first(span))
        high = v.load_masked(v.at(source, v.bytes), v.first(v.b.sub(span, const(lanes))))
        v.store_masked(v.b.shuffle_vector(low, high, even), target, v.first(count))

    every_second(fn, double, lanes, 2, take)


def build_put_every_second(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``put_every_second``: one vector becomes the even lanes of two."""

    def put(v, source, target, count):
        value = v.load(source) if count is None else v.load_masked(source, v.first(count))
        span = const(2 * lanes) if count is None else v.b.mul(count, const(2))
        even = ir.Constant(v.mask_type, [1 - i % 2 for i in range(lanes)])
        for half in (0, 1):
            doubled = ir.Constant(v.indices, [half * lanes // 2 + i // 2 for i in range(lanes)])
            spread = v.b.shuffle_vector(value, ir.Constant(v.type, ir.Undefined), doubled)
            inside = v.first(v.b.sub(span, const(half * lanes)))
            v.store_masked(spread, v.at(target, half * v.bytes), v.b.and_(even, inside))

    every_second(fn, double, lanes, 1, put)


def build_gather_rows(fn: ir.Function, double: bool, lanes: int, vectors: int) -> None:
    """The body of ``gather_rows`` for rows of ``vectors`` vectors, the last one possibly partial."""
    x, starts, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    mask = v.first(b.sub(cols, const(lanes * (vectors - 1))))
    whole = fn.append_basic_block("whole")
    edge = fn.append_basic_block("edge")
    b.cbranch(b.icmp_signed("==", cols, const(lanes * vectors)), whole, edge)

    def body(state, masked):
        start, target = state
        source = b.gep(x, [b.load(start, typ=INT)], source_etype=v.scalar)
        for j in range(vectors):
            here, there = v.at(source, v.bytes * j), v.at(target, v.bytes * j)
            if masked and j == vectors - 1:
                v.store_masked(v.load_masked(here, mask), there, mask)
            else:
                v.store(v.load(here), there)
        return [v.at(start, 8), v.at(target, out_step)]

    for block, masked in ((whole, False), (edge, True)):
        b.position_at_end(block)
        carried_loop(b, rows, [starts, out], lambda state, masked=masked: body(state, masked))
        b.ret_void()


def build_gather_transpose(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``gather_transpose``."""
    x, starts, out, out_step, rows, cols = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    sources = [b.gep(x, [b.load(v.at(starts, 8 * i), typ=INT)], source_etype=v.scalar) for i in range(lanes)]
    targets = [out] + [v.at(out, b.mul(out_step, const(i))) for i in range(1, lanes)]
    whole = fn.append_basic_block("whole")
    edge = fn.append_basic_block("edge")
    b.cbranch(b.icmp_signed("==", cols, const(lanes)), whole, edge)

    b.position_at_end(whole)
    for value, target in zip(v.turned([v.load(s) for s in sources]), targets, strict=True):
        v.store(value, target)
    b.ret_void()

    b.position_at_end(edge)
    mask = v.first(cols)
    for i, value in enumerate(v.turned([v.load_masked(s, mask) for s in sources])):
        then = fn.append_basic_block("then")
        after = fn.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", const(i), cols), then, after)
        b.position_at_end(then)
        v.store(value, targets[i])
        b.branch(after)
        b.position_at_end(after)
    b.ret_void()


def build_dot(fn: ir.Function, double: bool, lanes: int) -> None:
    """The body of ``dot``: four vectors of sums, so that additions do not wait for each other."""
    x, y, depth = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    v = Lanes(b, double, lanes)
    count = 4

    def whole(state):
        left, right, *sums = state
        sums = [
            v.multiply_add(v.load(v.at(left, v.bytes * i)), v.load(v.at(right, v.bytes * i)), s)
            for i, s in enumerate(sums)
        ]
        return [v.at(left, v.bytes * count), v.at(right, v.bytes * count), *sums]

    def last(state):
        left, right, remaining, total = state
        mask = v.first(remaining)
        total = v.multiply_add(v.load_masked(left, mask), v.load_masked(right, mask), total)
        return [v.at(left, v.bytes), v.at(right, v.bytes), b.sub(remaining, const(lanes)), total]

    stride = const(lanes * count)
    x, y, *sums = carried_loop(b, b.udiv(depth, stride), [x, y, *[v.zero] * count], whole)
    while len(sums) > 1:
        sums = [b.fadd(s, t) for s, t in zip(sums[::2], sums[1::2], strict=True)]
    remaining = b.urem(depth, stride)
    passes = b.udiv(b.add(remaining, const(lanes - 1)), const(lanes))
    *_, total = carried_loop(b, passes, [x, y, remaining, sums[0]], last)
    half = lanes // 2
    while half:
        turned = ir.Constant(v.indices, [(i + half) % lanes for i in range(lanes)])
        total = b.fadd(total, b.shuffle_vector(total, ir.Constant(v.type, ir.Undefined), turned))
        half //= 2
    b.ret(b.extract_element(total, ir.Constant(INT32, 0)))


# How each kind is built, its type, and which of (height, vectors, by_rows) it varies with.
BUILDERS = {
    "tile": (build_tile, lambda double: TILE_TYPE, slice(0, 3)),
    "pair_tile": (partial(build_tile, pairs=True), lambda double: TILE_TYPE, slice(0, 3)),
    "transpose": (build_transpose, lambda double: BLOCK_TYPE, slice(0, 0)),
    "copy_rows": (build_copy_rows, lambda double: BLOCK_TYPE, slice(1, 2)),
    "gather_rows": (build_gather_rows, lambda double: GATHER_TYPE, slice(1, 2)),
    "gather_transpose": (build_gather_transpose, lambda double: GATHER_TYPE, slice(0, 0)),
    "pair_rows": (build_pair_rows, lambda double: BLOCK_TYPE, slice(1, 2)),
    "narrow_rows": (build_narrow_rows, lambda double: BLOCK_TYPE, slice(0, 0)),
    "take_every_second": (build_take_every_second, lambda double: BLOCK_TYPE, slice(0, 0)),
    "put_every_second": (build_put_every_second, lambda double: BLOCK_TYPE, slice(0, 0)),
    "dot": (build_dot, dot_type, slice(0, 0)),
}


@intrinsic(prefer_literal=True)
def define(typingctx, symbol, kind, double, lanes, height, vectors, by_rows):
    """Put the variant ``symbol`` into the module that is being compiled; arguments are literals."""
    build, function_type, varies = BUILDERS[kind.literal_value]
    numbers = [n.literal_value for n in (height, vectors, by_rows)][varies]
    is_double = bool(double.literal_value)

    def codegen(context, builder, signature, args):
        fn = ir.Function(builder.module, function_type(is_double), symbol.literal_value)
        fn.attributes.add("noinline")
        fn.attributes.add("nounwind")
        build(fn, is_double, lanes.literal_value, *numbers)
        return context.get_dummy_value()

    return types.void(symbol, kind, double, lanes, height, vectors, by_rows), codegen
