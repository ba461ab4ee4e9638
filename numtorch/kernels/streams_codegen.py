"""The compiled versions of the functions in ``streams``: a block on the stack, and non-temporal stores of whole cache
lines.

No fence follows the stores. Results reach another thread through the counter of a pool or through Python's lock. Both
use a locked instruction, and no store passes a locked instruction. Imports Numba: only loaded through
``@jit(needs=...)``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numba.np.arrayobj import populate_array

from numtorch.kernels import streams

LINE = 64  # bytes
whole = ir.IntType(64)


@intrinsic
def _room(typingctx, out):
    kind = types.Array(out.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        item = context.get_data_type(out.dtype)
        size = context.get_abi_sizeof(item)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(item, streams.BLOCK))
        memory.align = LINE
        array = context.make_array(kind)(context, builder)
        populate_array(
            array,
            data=builder.bitcast(memory, item.as_pointer()),
            shape=[whole(streams.BLOCK)],
            strides=[whole(size)],
            itemsize=whole(size),
            meminfo=None,
        )
        return array._getvalue()

    return kind(out), generate


@intrinsic
def _stream(typingctx, block, out, first, count):
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        item = context.get_data_type(out.dtype)
        size = context.get_abi_sizeof(item)
        wide = ir.VectorType(item, LINE // size)
        source = context.make_array(signature.args[0])(context, builder, args[0]).data
        target = builder.gep(context.make_array(signature.args[1])(context, builder, args[1]).data, [args[2]])
        n = args[3]
        # Single elements up to the first whole line of the target, and after the last one.
        aside = builder.lshr(
            builder.and_(builder.neg(builder.ptrtoint(target, whole)), whole(LINE - 1)), whole(size.bit_length() - 1)
        )
        head = builder.select(builder.icmp_signed("<", aside, n), aside, n)
        lines = builder.sdiv(builder.sub(n, head), whole(LINE // size))
        tail = builder.add(head, builder.mul(lines, whole(LINE // size)))
        past = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        for start, end, step, kind in ((whole(0), head, 1, item), (head, tail, LINE // size, wide), (tail, n, 1, item)):
            with cgutils.for_range_slice(builder, start, end, whole(step)) as (i, _):
                value = builder.load(builder.bitcast(builder.gep(source, [i]), kind.as_pointer()), align=size)
                stored = builder.store(
                    value,
                    builder.bitcast(builder.gep(target, [i]), kind.as_pointer()),
                    align=LINE if kind is wide else size,
                )
                if kind is wide:
                    stored.set_metadata("nontemporal", past)
        return context.get_dummy_value()

    return types.none(block, out, types.int64, types.int64), generate


@overload(streams.room, target="cpu", inline="always")
def _(out):
    return lambda out: _room(out)


@overload(streams.stream, target="cpu")
def _(block, out, first, count):
    return lambda block, out, first, count: _stream(block, out, first, count)
