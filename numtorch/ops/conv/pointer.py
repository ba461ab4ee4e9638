"""Calls a compiled kernel by its address.

If a parallel loop calls a kernel by name, LLVM optimises that kernel again, several times. By address, one small
parallel driver serves all kernels of the same signature.
"""

from __future__ import annotations

from typing import Any

from numtorch.kernels.jit import Jit, disabled


def call(target, *args):
    """Call ``target``: in compiled code an address, in plain Python the function itself."""
    target(*args)


def address(kernel: Jit, *args: Any) -> Any:
    """What ``call`` takes to run ``kernel`` on arguments of these types."""
    if disabled():
        return kernel.fn
    return kernel.addressable.address(*args)
