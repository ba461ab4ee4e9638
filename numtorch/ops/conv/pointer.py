"""Calling a compiled kernel through its address.

A parallel loop that calls a kernel by name has LLVM optimise that kernel again, several times
over. By address, one small parallel driver serves every kernel of the same signature.
"""

from __future__ import annotations

from typing import Any

from numtorch.kernels.jit import Jit, disabled, numba


def call(target, *args):
    """Call ``target``: in compiled code an address, in plain Python the function itself."""
    target(*args)


def address(kernel: Jit, *args: Any) -> Any:
    """What ``call`` takes to run ``kernel`` on arguments of these types."""
    if disabled():
        return kernel.fn
    return kernel.addressable.address(tuple(numba().typeof(a) for a in args))
