"""The compiled version of ``pointer.call``. Imports Numba: loaded when a kernel compiles."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from numtorch.ops.conv import pointer


@intrinsic
def call_address(typingctx, target, args):
    """Call the C entry point at ``target`` with the elements of the tuple ``args``."""

    def codegen(context, builder, signature, values):
        kinds = [context.get_value_type(t) for t in signature.args[1].types]
        entry = ir.FunctionType(context.get_value_type(types.none), kinds)
        function = builder.inttoptr(values[0], entry.as_pointer())
        builder.call(function, cgutils.unpack_tuple(builder, values[1]))
        return context.get_dummy_value()

    return types.void(target, args), codegen


@overload(pointer.call, inline="never")
def _(target, *args):
    def impl(target, *args):
        call_address(target, args)

    return impl
