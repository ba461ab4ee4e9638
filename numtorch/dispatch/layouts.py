"""Calling conventions for kernels that are only a loop: converts tensors to the flat arrays that the loop takes.

rows    the op's ``dim`` is the last dimension of contiguous arrays, and ``cols`` is its length:
        ``kernel(x, out, cols)``; for a backward kernel ``kernel(g, out, gx, cols)``, with what the vjp saves.
        Parameters of the op that the loop names after ``cols`` follow it: ``kernel(x, out, cols, eps)``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor, empty
from numtorch.errors import RegistrationError
from numtorch.kernels import launch
from numtorch.kernels.jit import Jit, jit
from numtorch.storage import wrap_dim


def adapt(entry: Any, names: list[str], fn: Callable, layout: str, device: str) -> tuple[Callable, tuple]:
    """A launcher around the loop ``fn``, and the compiled functions that it launches.

    Args:
        names: what the op, or its vjp, takes, in order.
    """
    if layout != "rows":
        raise ValueError(f"{entry.name}: unknown kernel layout {layout!r}; there is 'rows', or a launcher of your own")
    code = (fn.fn if isinstance(fn, Jit) else fn).__code__
    given = code.co_varnames[: code.co_argcount]
    wanted = [n for n in (given[given.index("cols") + 1 :] if "cols" in given else ()) if n != "dim"]
    unknown = [n for n in wanted if n not in names]
    if unknown:
        raise RegistrationError(
            f"{entry.name}: the loop {fn.__name__} asks for {unknown[0]!r} after cols; it can ask for the parameters "
            f"among {', '.join(names)}"
        )
    if device == "cpu":
        kernel: Any = fn if isinstance(fn, Jit) else jit(fn)

        def call(rows: int, *args: Any) -> None:
            kernel(*args)
    else:
        kernel = launch.cuda_kernel(fn)

        def call(rows: int, *args: Any) -> None:
            kernel.launch(rows, *args)

    def run(*values: Any, **named: Any) -> Tensor:
        arguments = dict(zip(names, values, strict=False)) | named
        tensors = [t for t in arguments.values() if isinstance(t, Tensor)]
        x = tensors[0]
        dim = wrap_dim(arguments.get("dim", -1), x.ndim, entry.name)
        last = x.ndim - 1
        packed = [(t if dim >= last else t.transpose(dim, last)).contiguous() for t in tensors]
        out = empty(packed[0].shape, x.dtype, x.device)
        cols = x.shape[dim] if x.ndim else 1
        if x.numel():
            call(x.numel() // cols, *[t._buf for t in packed], out._buf, cols, *[arguments[n] for n in wanted])
        return out if dim >= last else out.transpose(dim, last)

    return run, (kernel,)
