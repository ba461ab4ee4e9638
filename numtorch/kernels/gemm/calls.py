"""Calls of compiled code by address: drivers call micro-kernels, and parallel loops call drivers.

Owns the types of the entries of the table of addresses. Each call is the compiled version of a plain function in
``tile.py`` or ``blocked.py``.

Imports Numba: only loaded through ``@jit(needs=...)``, whose key contains the text of this file.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, overload, type_callable
from numba.np import arrayobj

from numtorch.kernels.gemm import blocked
from numtorch.kernels.gemm import tile as plain
from numtorch.kernels.gemm.table import (
    COPIES,
    DOT,
    GATHER_TRANSPOSE,
    GATHERS,
    MOST_ROWS,
    MOST_VECTORS,
    NARROW,
    PAIRS,
    PUT_EVERY_SECOND,
    SHIFT,
    TAKE_EVERY_SECOND,
    TILES,
    TRANSPOSE,
)

INT = ir.IntType(64)
PTR = ir.PointerType()
VOID = ir.VoidType()

# Pointers and strides in bytes, then numbers: what the builders of ``microkernel.py`` unpack.
TILE_TYPE = ir.FunctionType(VOID, [PTR, INT, PTR, INT, PTR, INT, PTR, INT, INT, INT])
BLOCK_TYPE = ir.FunctionType(VOID, [PTR, INT, PTR, INT, INT, INT])  # transpose, copy_rows
GATHER_TYPE = ir.FunctionType(VOID, [PTR, PTR, PTR, INT, INT, INT])  # gather_rows, gather_transpose


def dot_type(double: bool) -> ir.FunctionType:
    return ir.FunctionType(ir.DoubleType() if double else ir.FloatType(), [PTR, PTR, INT])


def const(value: int) -> ir.Constant:
    return ir.Constant(INT, value)


def _call(builder, table, slot, function_type, values):
    """Call the address that stands in the table of variants at ``slot``."""
    entry = builder.gep(builder.inttoptr(table, PTR), [slot], source_etype=INT)
    address = builder.load(entry, typ=INT)
    return builder.call(builder.inttoptr(address, function_type.as_pointer()), values)


def _element(context, builder, array_type, array, index):
    """The address of ``array[index]`` of a flat array, and the size of its elements."""
    data = context.make_array(array_type)(context, builder, array).data
    scalar = context.get_data_type(array_type.dtype)
    return builder.gep(data, [index], source_etype=scalar), const(array_type.dtype.bitwidth // 8)


@intrinsic
def call_tile(typingctx, table, slot, a, a0, a_step, b, b0, b_step, c, c0, c_step, bias, bias0, depth, width, flags):
    def codegen(context, builder, signature, args):
        values = []
        for i in (2, 5, 8):
            pointer, size = _element(context, builder, signature.args[i], args[i], args[i + 1])
            values += [pointer, builder.mul(args[i + 2], size)]
        values.append(_element(context, builder, signature.args[11], args[11], args[12])[0])
        _call(builder, args[0], args[1], TILE_TYPE, [*values, *args[13:]])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, i64, a, i64, i64, b, i64, i64, c, i64, i64, bias, i64, i64, i64, i64), codegen


@intrinsic
def call_block(typingctx, table, slot, x, x0, x_step, out, out0, out_step, rows, cols):
    def codegen(context, builder, signature, args):
        values = []
        for i in (2, 5):
            pointer, size = _element(context, builder, signature.args[i], args[i], args[i + 1])
            values += [pointer, builder.mul(args[i + 2], size)]
        _call(builder, args[0], args[1], BLOCK_TYPE, [*values, *args[8:]])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, i64, x, i64, i64, out, i64, i64, i64, i64), codegen


@intrinsic
def call_gather(typingctx, table, slot, x, x0, starts, s0, out, out0, out_step, rows, cols):
    def codegen(context, builder, signature, args):
        source, _ = _element(context, builder, signature.args[2], args[2], args[3])
        first, _ = _element(context, builder, signature.args[4], args[4], args[5])
        target, size = _element(context, builder, signature.args[6], args[6], args[7])
        _call(builder, args[0], args[1], GATHER_TYPE, [source, first, target, builder.mul(args[8], size), *args[9:]])
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, i64, x, i64, starts, i64, out, i64, i64, i64, i64), codegen


@intrinsic
def call_dot(typingctx, table, slot, x, x0, y, y0, depth):
    def codegen(context, builder, signature, args):
        pointers = [_element(context, builder, signature.args[i], args[i], args[i + 1])[0] for i in (2, 4)]
        return _call(builder, args[0], args[1], dot_type(x.dtype == types.float64), [*pointers, args[6]])

    i64 = types.int64
    return x.dtype(i64, i64, x, i64, y, i64, i64), codegen


@intrinsic
def table_entry(typingctx, table, slot):
    def codegen(context, builder, signature, args):
        return builder.load(builder.gep(builder.inttoptr(args[0], PTR), [args[1]], source_etype=INT), typ=INT)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def call_chunk(typingctx, address, plan, a, b, c, bias, scratch, chunk):
    """Call a kernel that Numba compiled for these types, by its address."""
    taken = (plan, a, b, c, bias, scratch, types.int64)

    def codegen(context, builder, signature, args):
        function_type = context.call_conv.get_function_type(types.none, taken)
        kernel = builder.inttoptr(args[0], function_type.as_pointer())
        status, _ = context.call_conv.call_function(builder, kernel, types.none, taken, args[1:])
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(types.int64, *taken), codegen


@intrinsic
def call_epilogue(typingctx, address, c, start, count):
    """Call a kernel that Numba compiled for these types, by its address."""
    taken = (c, types.int64, types.int64)

    def codegen(context, builder, signature, args):
        function_type = context.call_conv.get_function_type(types.none, taken)
        kernel = builder.inttoptr(args[0], function_type.as_pointer())
        status, _ = context.call_conv.call_function(builder, kernel, types.none, taken, args[1:])
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(types.int64, *taken), codegen


@overload(plain.finish)
def _(epilogue, c, start, count):
    def by_address(epilogue, c, start, count):
        call_epilogue(epilogue, c, start, count)

    return by_address


@overload(plain.tile)
def _(table, height, by_rows, a, a0, a_step, b, b0, b_step, c, c0, c_step, bias, bias0, depth, width, flags):
    def vectorised(
        table, height, by_rows, a, a0, a_step, b, b0, b_step, c, c0, c_step, bias, bias0, depth, width, flags
    ):
        vectors = (width - 1) >> table_entry(table, SHIFT)
        slot = TILES + ((by_rows * MOST_VECTORS + vectors) * MOST_ROWS + height - 1)
        call_tile(table, slot, a, a0, a_step, b, b0, b_step, c, c0, c_step, bias, bias0, depth, width, flags)

    return vectorised


@overload(plain.transpose)
def _(table, x, x0, x_step, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, x_step, out, out0, out_step, rows, cols):
        call_block(table, TRANSPOSE, x, x0, x_step, out, out0, out_step, rows, cols)

    return vectorised


def _by_width(fn: Any, first: int) -> None:
    """Compile ``fn`` as a call of the table's entry for so many columns; its entries begin at ``first``."""

    def compiled(table, x, x0, x_step, out, out0, out_step, rows, cols):
        def vectorised(table, x, x0, x_step, out, out0, out_step, rows, cols):
            slot = first + ((cols - 1) >> table_entry(table, SHIFT))
            call_block(table, slot, x, x0, x_step, out, out0, out_step, rows, cols)

        return vectorised

    overload(fn)(compiled)


_by_width(plain.copy_rows, COPIES)
_by_width(plain.pair_rows, PAIRS)


@overload(plain.narrow_rows)
def _(table, x, x0, x_step, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, x_step, out, out0, out_step, rows, cols):
        call_block(table, NARROW, x, x0, x_step, out, out0, out_step, rows, cols)

    return vectorised


@overload(plain.take_every_second)
def _(table, x, x0, x_step, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, x_step, out, out0, out_step, rows, cols):
        call_block(table, TAKE_EVERY_SECOND, x, x0, x_step, out, out0, out_step, rows, cols)

    return vectorised


@overload(plain.put_every_second)
def _(table, x, x0, x_step, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, x_step, out, out0, out_step, rows, cols):
        call_block(table, PUT_EVERY_SECOND, x, x0, x_step, out, out0, out_step, rows, cols)

    return vectorised


@overload(plain.gather_rows)
def _(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
        slot = GATHERS + ((cols - 1) >> table_entry(table, SHIFT))
        call_gather(table, slot, x, x0, starts, s0, out, out0, out_step, rows, cols)

    return vectorised


@overload(plain.gather_transpose)
def _(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
    def vectorised(table, x, x0, starts, s0, out, out0, out_step, rows, cols):
        call_gather(table, GATHER_TRANSPOSE, x, x0, starts, s0, out, out0, out_step, rows, cols)

    return vectorised


@type_callable(plain.on_stack)
def _(context):
    return lambda like: types.Array(like.dtype, 1, "C")


@lower_builtin(plain.on_stack, types.Array)
def _(context, builder, signature, args):
    # Not an overload, which would be a function of its own: the space belongs to the caller's frame.
    (like,) = signature.args
    with builder.goto_entry_block():
        space = builder.alloca(context.get_data_type(like.dtype), plain.STACK)
    space.align = 64
    item = const(like.dtype.bitwidth // 8)
    array = context.make_array(signature.return_type)(context, builder)
    arrayobj.populate_array(array, space, [const(plain.STACK)], [item], item, meminfo=None)
    return array._getvalue()


@overload(plain.dot)
def _(table, x, x0, y, y0, depth):
    def vectorised(table, x, x0, y, y0, depth):
        return call_dot(table, DOT, x, x0, y, y0, depth)

    return vectorised


@overload(blocked.run_chunk)
def _(address, plan, a, b, c, bias, scratch, chunk):
    def by_address(address, plan, a, b, c, bias, scratch, chunk):
        call_chunk(address, plan, a, b, c, bias, scratch, chunk)

    return by_address
