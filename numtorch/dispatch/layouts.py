"""Calling conventions for kernels that are only a loop: converts tensors to the flat arrays that the loop takes.

rows    the op's ``dim`` is the last dimension of contiguous arrays, and ``cols`` is its length:
        ``kernel(x, out, cols)``; for a backward kernel ``kernel(g, out, gx, cols)``, with what the vjp saves
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor, empty
from numtorch.kernels.jit import Jit, jit
from numtorch.storage import wrap_dim


def adapt(entry: Any, fn: Callable, layout: str, device: str) -> tuple[Callable, tuple]:
    """A launcher around the loop ``fn``, and the compiled functions that it launches."""
    if layout != "rows":
        raise ValueError(f"{entry.name}: unknown kernel layout {layout!r}; there is 'rows', or a launcher of your own")
    if device == "cpu":
        kernel: Any = fn if isinstance(fn, Jit) else jit(fn)

        def call(rows: int, *args: Any) -> None:
            kernel(*args)
    else:
        from numtorch.kernels import launch

        kernel = launch.cuda_kernel(fn)

        def call(rows: int, *args: Any) -> None:
            kernel.launch(rows, *args)

    def run(*tensors: Any, **params: Any) -> Tensor:
        values = [t for t in tensors if isinstance(t, Tensor)] + [v for v in params.values() if isinstance(v, Tensor)]
        rest = [t for t in tensors if not isinstance(t, Tensor)]
        dim = params.get("dim", rest[0] if rest else -1)
        x = values[0]
        dim = wrap_dim(dim, x.ndim, entry.name)
        last = x.ndim - 1
        packed = [(t if dim >= last else t.transpose(dim, last)).contiguous() for t in values]
        out = empty(packed[0].shape, x.dtype, x.device)
        cols = x.shape[dim] if x.ndim else 1
        if x.numel():
            call(x.numel() // cols, *[t._buf for t in packed], out._buf, cols)
        return out if dim >= last else out.transpose(dim, last)

    return run, (kernel,)
