"""``tables.array_at`` in CUDA kernels. Imports ``numba.cuda``: only loaded where such a kernel is made."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.cuda import types
from numba.cuda.extending import intrinsic
from numba.cuda.np.arrayobj import populate_array

whole = ir.IntType(64)


@intrinsic
def array_at(typingctx, address, first, count, like):
    kind = types.Array(like.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        item = context.get_data_type(like.dtype)
        size = whole(context.get_abi_sizeof(item))
        array = context.make_array(kind)(context, builder)
        populate_array(
            array,
            data=builder.inttoptr(builder.add(args[0], builder.mul(args[1], size)), item.as_pointer()),
            shape=[args[2]],
            strides=[size],
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return kind(types.int64, types.int64, types.int64, like), generate
