"""Transposes tiles with LLVM vector code: it loads whole rows, shuffles them in log2(n) stages, and stores whole rows.

LLVM's loop vectoriser makes scalar loads and stores of the plain loops. Imports Numba: only loaded through
``@jit(needs=...)``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from numtorch.ops.movement import transposed_tile as tile
from numtorch.ops.movement.runs_codegen import vector_item

INT32 = ir.IntType(32)


def shuffled(builder: ir.IRBuilder, rows: list, n: int) -> list:
    """The rows of the transposed tile: at each stage, pairs of rows exchange blocks half as long as before."""
    h = n // 2
    while h:
        for i in range(n):
            if i & h:
                continue
            a, b = rows[i], rows[i + h]
            first = [n + j - h if j & h else j for j in range(n)]
            second = [n + j if j & h else j + h for j in range(n)]
            rows[i], rows[i + h] = (
                builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, n), m)) for m in (first, second)
            )
        h //= 2
    return rows


def _tile(n: int) -> Any:
    @intrinsic
    def transpose(typingctx, src, s, s_step, dst, d, d_step):
        def generate(context, builder, signature, args):
            arrays = [
                context.make_array(t)(context, builder, v)
                for t, v in ((signature.args[0], args[0]), (signature.args[3], args[3]))
            ]
            item = context.get_data_type(signature.args[0].dtype)
            size = context.get_abi_sizeof(item)
            vector = ir.VectorType(vector_item(context, signature.args[0].dtype), n)
            read, step, write, out_step = (args[k] for k in (1, 2, 4, 5))
            rows = []
            for j in range(n):
                at = builder.add(read, builder.mul(step, ir.Constant(step.type, j)))
                address = builder.bitcast(builder.gep(arrays[0].data, [at], source_etype=item), vector.as_pointer())
                row = builder.load(address, typ=vector)
                row.align = size
                rows.append(row)
            for i, row in enumerate(shuffled(builder, rows, n)):
                at = builder.add(write, builder.mul(out_step, ir.Constant(step.type, i)))
                address = builder.bitcast(builder.gep(arrays[1].data, [at], source_etype=item), vector.as_pointer())
                builder.store(row, address).align = size
            return context.get_dummy_value()

        return types.void(src, s, s_step, dst, d, d_step), generate

    return transpose


def _compiled(n: int) -> Any:
    transpose = _tile(n)
    return lambda src, s, s_step, dst, d, d_step: (
        lambda src, s, s_step, dst, d, d_step: transpose(src, s, s_step, dst, d, d_step)
    )


overload(tile.transpose16)(_compiled(16))
overload(tile.transpose8)(_compiled(8))
overload(tile.transpose4)(_compiled(4))
