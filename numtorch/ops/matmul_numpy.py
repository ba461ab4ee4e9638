"""Matrix products by NumPy's BLAS: the fallback where numtorch's micro-kernels are not the fastest.

The micro-kernels are the fastest on processors with vectors of at least 256 bits, and on Arm. On older processors the
BLAS has its own assembly. It runs on one thread, because two thread pools that wait by spinning slow each other down
many times.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numtorch._tensor import Tensor
from numtorch.dispatch.loops import Loop, like
from numtorch.dtype import FLOATS
from numtorch.kernels.gemm.variants import outruns_blas
from numtorch.kernels.registry import Priority, Signature
from numtorch.ops.matmul import Product, matmul

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


def _loop(x: Tensor, y: Tensor) -> Loop:
    limit_blas()
    of = Product(x, y)
    given = [(t.shape, tuple([s * t.dtype.itemsize for s in t.strides])) for t in (x, y)]

    def multiply(a: Any, b: Any, c: Any) -> None:
        np.matmul(as_strided(a, *given[0]), as_strided(b, *given[1]), out=c.reshape(of.shape))

    return Loop(multiply, (), like(x, of.shape), lying=True)


@matmul.loop("cpu", dtypes=FLOATS, when=narrow_vectors, priority=Priority.OVERRIDE)
def blas(x, y):
    """NumPy's BLAS, on one thread."""
    return _loop(x, y)


@matmul.loop("cpu", dtypes=FLOATS, name="numpy", priority=Priority.GENERATED)
def by_numpy(x, y):
    """NumPy's BLAS, on one thread: behind the micro-kernels, to compare them with (``kernels.use``)."""
    return _loop(x, y)
