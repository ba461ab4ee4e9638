"""The compiled versions of the functions in ``tables``.

Imports Numba: only loaded through ``@jit(needs=...)``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import populate_array

from numtorch.kernels import tables

whole = ir.IntType(64)


# Typed and lowered by hand: without reference counting, Numba compiles no function that returns an array.
@type_callable(tables.array_at)
def _type_of_array(context):
    return lambda address, first, count, like: types.Array(like.dtype, 1, "C")


@lower_builtin(tables.array_at, types.Integer, types.Integer, types.Integer, types.Array)
def _array_at(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    address, first, count = (
        context.cast(builder, a, t, types.int64) for a, t in zip(args[:3], signature.args[:3], strict=True)
    )
    item = context.get_data_type(signature.return_type.dtype)
    size = whole(context.get_abi_sizeof(item))
    array = context.make_array(signature.return_type)(context, builder)
    populate_array(
        array,
        data=builder.inttoptr(builder.add(address, builder.mul(first, size)), item.as_pointer()),
        shape=[count],
        strides=[size],
        itemsize=size,
        meminfo=None,
    )
    return array._getvalue()


@type_callable(tables.address_of)
def _type_of_address(context):
    return lambda entry, within: types.int64


@lower_builtin(tables.address_of, types.Integer, types.Integer)
def _address_of(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    entry, within = (context.cast(builder, a, t, types.int64) for a, t in zip(args, signature.args, strict=True))
    found = cgutils.alloca_once_value(builder, entry)
    with builder.if_then(builder.icmp_signed(">=", within, whole(0))):
        builder.store(builder.load(builder.inttoptr(builder.add(entry, within), whole.as_pointer())), found)
    return builder.load(found)
