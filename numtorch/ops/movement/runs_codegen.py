"""Copies of runs as LLVM code: vectors for short runs, the C library's memcpy for long ones, and a vector reversed in
its register.

A call of memcpy takes as long as ten cache lines do. So rows of a small image, a head or a narrow table are copied
without it.

Imports Numba: only loaded through ``@jit(needs=...)``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from numtorch.ops.movement import runs

INT32 = ir.IntType(32)
LINE = 64  # bytes of the longest vector
LONG = 1024  # bytes from which memcpy is called


def _address(context: Any, builder: ir.IRBuilder, array: types.Array, value: Any, at: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    return builder.gep(data, [at], source_etype=context.get_data_type(array.dtype))


def vector_item(context: Any, dtype: Any) -> Any:
    """What vectors of such elements are made of: the elements, or their bits, where they are complex."""
    item = context.get_data_type(dtype)
    return ir.IntType(8 * context.get_abi_sizeof(item)) if isinstance(dtype, types.Complex) else item


def _move(builder: ir.IRBuilder, item: Any, vector: Any, source: Any, target: Any, at: Any, size: int) -> None:
    """One vector from ``at`` elements behind a source to as many behind a target."""
    read, write = (
        builder.bitcast(builder.gep(p, [at], source_etype=item), vector.as_pointer()) for p in (source, target)
    )
    block = builder.load(read, typ=vector)
    block.align = size
    builder.store(block, write).align = size


def _by_vectors(builder: ir.IRBuilder, item: Any, size: int, width: int, source: Any, target: Any, n: Any) -> None:
    """n elements in vectors of ``width`` bytes: two, or any number of whole lines. The last one overlaps the one
    before, which writes the same elements twice."""
    count, first = width // size, ir.Constant(n.type, 0)
    vector = ir.VectorType(item, count)
    last = builder.sub(n, ir.Constant(n.type, count))
    if width < LINE:
        _move(builder, item, vector, source, target, first, size)
    else:
        with cgutils.for_range_slice(builder, first, last, ir.Constant(n.type, count), n.type) as (at, _):
            _move(builder, item, vector, source, target, at, size)
    _move(builder, item, vector, source, target, last, size)


def _shorter(builder: ir.IRBuilder, item: Any, size: int, width: int, source: Any, target: Any, n: Any) -> None:
    """n elements by the longest vectors of at most ``width`` bytes that fit."""
    with builder.if_else(builder.icmp_signed(">=", n, ir.Constant(n.type, width // size))) as (fits, rest):
        with fits:
            _by_vectors(builder, item, size, width, source, target, n)
        with rest:
            if width > size:
                _shorter(builder, item, size, width // 2, source, target, n)


@intrinsic
def _copy_run(typingctx, src, s, dst, d, n):
    def generate(context, builder, signature, args):
        given, n = signature.args, args[4]
        item = vector_item(context, given[0].dtype)
        size = context.get_abi_sizeof(item)
        source, target = (
            builder.bitcast(_address(context, builder, given[i], args[i], args[i + 1]), item.as_pointer())
            for i in (0, 2)
        )

        with builder.if_else(builder.icmp_signed(">=", n, ir.Constant(n.type, LONG // size))) as (long, short):
            with long:
                cgutils.raw_memcpy(builder, target, source, n, size)
            with short:
                _shorter(builder, item, size, LINE, source, target, n)
        return context.get_dummy_value()

    return types.void(src, s, dst, d, n), generate


@intrinsic
def _reverse_block(typingctx, src, s, dst, d):
    def generate(context, builder, signature, args):
        given = signature.args
        item = vector_item(context, given[0].dtype)
        vector, size = ir.VectorType(item, runs.BLOCK), context.get_abi_sizeof(item)
        lowest = builder.sub(args[1], ir.Constant(args[1].type, runs.BLOCK - 1))
        source = builder.bitcast(_address(context, builder, given[0], args[0], lowest), vector.as_pointer())
        target = builder.bitcast(_address(context, builder, given[2], args[2], args[3]), vector.as_pointer())
        block = builder.load(source, typ=vector)
        block.align = size
        order = ir.Constant(ir.VectorType(INT32, runs.BLOCK), list(range(runs.BLOCK))[::-1])
        builder.store(builder.shuffle_vector(block, block, order), target).align = size
        return context.get_dummy_value()

    return types.void(src, s, dst, d), generate


overload(runs.copy_run)(lambda src, s, dst, d, n: lambda src, s, dst, d, n: _copy_run(src, s, dst, d, n))
overload(runs.reverse_block)(lambda src, s, dst, d: lambda src, s, dst, d: _reverse_block(src, s, dst, d))
