"""Runs of elements as LLVM code: the C library's memcpy, and a vector reversed in its register.

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


def _address(context: Any, builder: ir.IRBuilder, array: types.Array, value: Any, at: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    return builder.gep(data, [at], source_etype=context.get_data_type(array.dtype))


@intrinsic
def _copy_run(typingctx, src, s, dst, d, n):
    def generate(context, builder, signature, args):
        given = signature.args
        size = context.get_abi_sizeof(context.get_data_type(given[0].dtype))
        source = _address(context, builder, given[0], args[0], args[1])
        target = _address(context, builder, given[2], args[2], args[3])
        cgutils.raw_memcpy(builder, target, source, args[4], size)
        return context.get_dummy_value()

    return types.void(src, s, dst, d, n), generate


@intrinsic
def _reverse_block(typingctx, src, s, dst, d):
    def generate(context, builder, signature, args):
        given = signature.args
        item = context.get_data_type(given[0].dtype)
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
