"""Matrix products by NumPy's BLAS: the fallback where numtorch's micro-kernels are not the fastest.

The micro-kernels are the fastest on processors with vectors of at least 256 bits, and on Arm. On older processors the
BLAS has its own assembly. It runs on one thread, because two thread pools that wait by spinning slow each other down
many times.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from numtorch._tensor import Tensor, as_ndarray, empty
from numtorch.dtype import FLOATS
from numtorch.kernels.gemm.variants import outruns_blas
from numtorch.kernels.registry import Priority, Signature
from numtorch.ops.linear import _check, product
from numtorch.storage import Size, broadcast_shapes

SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def narrow_vectors(s: Signature) -> bool:
    """The processor has no vectors for which the micro-kernels are faster than a BLAS."""
    return not outruns_blas()


@cache
def limit_blas() -> bool:
    """Give NumPy's OpenBLAS one thread; False where this NumPy has none that can be told."""
    base = Path(np.__file__).parent
    for library in [*base.parent.glob("numpy.libs/*openblas*"), *base.glob(".dylibs/*openblas*")]:
        loaded = ctypes.CDLL(str(library))
        for name in SETTERS:
            if hasattr(loaded, name):
                getattr(loaded, name)(1)
                return True
    return False


def _multiply(x: Tensor, y: Tensor) -> Tensor:
    _check(x, y, y.shape[-2], "matmul")
    limit_blas()
    try:
        lead = broadcast_shapes(Size(x.shape[:-2]), Size(y.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"matmul: batch dimensions {list(x.shape[:-2])} and {list(y.shape[:-2])} do not broadcast"
        ) from None
    out = empty((*lead, x.shape[-2], y.shape[-1]), x.dtype, x.device)
    np.matmul(as_ndarray(x), as_ndarray(y), out=as_ndarray(out))
    return out


@product.kernel("cpu", dtypes=FLOATS, when=narrow_vectors, priority=Priority.OVERRIDE)
def blas(x, y):
    """NumPy's BLAS, on one thread."""
    return _multiply(x, y)


@product.kernel("cpu", dtypes=FLOATS, name="numpy", priority=Priority.GENERATED)
def by_numpy(x, y):
    """NumPy's BLAS, on one thread: behind the micro-kernels, to compare them with (``kernels.use``)."""
    return _multiply(x, y)
