"""NumPy's LAPACK on tensors: batches of matrices as arrays and back, and errors in torch's words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, make
from numtorch.device import CPU
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dtype import HALVES, dtype
from numtorch.errors import LinAlgError
from numtorch.ops.matmul_numpy import limit_blas
from numtorch.ops.movement import contiguous
from numtorch.storage import kind


def array(x: Tensor) -> np.ndarray:
    """The elements of a CPU tensor, not copied where they lie in their order."""
    limit_blas()
    return contiguous(x)._buf.reshape(x.shape)


def tensor(a: np.ndarray, d: dtype) -> Tensor:
    """An array as a tensor of a type."""
    a = np.asarray(a, d.storage, order="C")
    return make(a.reshape(-1), a.shape, kind(d, CPU))


def run(name: str, f: Callable, *tensors: Tensor) -> Any:
    """What a function of arrays gives for tensors, in the type of the first; real results in that of its parts."""
    d = tensors[0].dtype
    try:
        found = f(*map(array, tensors))
    except np.linalg.LinAlgError as error:
        if name == "linalg.solve" and "ingular" in str(error):
            raise LinAlgError("torch.linalg.solve: The solver failed because the input matrix is singular.") from None
        raise LinAlgError(f"{name}: {_reason(str(error), array(tensors[0]))}") from None
    several = isinstance(found, tuple)
    made = tuple([tensor(a, d if np.iscomplexobj(a) else d.to_real()) for a in (found if several else (found,))])
    return made if several else made[0]


def _reason(what: str, a: np.ndarray) -> str:
    """What torch says of a matrix of which NumPy says ``what``."""
    batch, at = "", ()
    if "ingular" in what:
        at = next(i for i in np.ndindex(a.shape[:-2]) if pivots(a[i])[1])
        batch = f"(Batch element {np.ravel_multi_index(at, a.shape[:-2])}): " if at else ""
        return (
            f"{batch}The diagonal element {pivots(a[at])[1]} is zero, the inversion could not be completed because the "
            "input matrix is singular."
        )
    if "positive definite" in what:
        at = next(i for i in np.ndindex(a.shape[:-2]) if leading(a[i]))
        batch = f"(Batch element {np.ravel_multi_index(at, a.shape[:-2])}): " if at else ""
        return (
            f"{batch}The factorization could not be completed because the input is not positive-definite (the leading "
            f"minor of order {leading(a[at])} is not positive-definite)."
        )
    return what


def cost(out: Any, A: Tensor, *rest: Any) -> tuple[int, int]:
    """Bytes of operands and results; operations of a product of such matrices, which factorisations need a part of, or
    a few times."""
    results = out if isinstance(out, tuple) else (out,)
    return nbytes(*results, A, *[x for x in rest if isinstance(x, Tensor)]), 2 * numel(A) * min(A.shape[-2:])


def leading(a: np.ndarray) -> int:
    """The order of the first leading minor that is not positive definite; 0 if none is."""
    for n in range(1, len(a) + 1):
        try:
            np.linalg.cholesky(a[:n, :n])
        except np.linalg.LinAlgError:
            return n
    return 0


def pivots(a: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """The LU factors of one matrix in one array, and the pivots of LAPACK's ``getrf``, from 1 on; and the position from
    1 on of the first pivot that is 0, else 0."""
    lu, k = a.copy(), min(a.shape)
    rows, bad = np.arange(1, k + 1, dtype=np.int32), 0
    for j in range(k):
        p = j + int(np.argmax(np.abs(lu[j:, j].real) + np.abs(lu[j:, j].imag)))  # as LAPACK measures
        rows[j] = p + 1
        if lu[p, j] == 0:
            bad = bad or j + 1
            continue
        if p != j:
            lu[[j, p]] = lu[[p, j]]
        lu[j + 1 :, j] /= lu[j, j]
        lu[j + 1 :, j + 1 :] -= np.outer(lu[j + 1 :, j], lu[j, j + 1 :])
    return (lu, rows), bad


def each(f: Callable, *arrays: np.ndarray) -> Any:
    """``f`` of every matrix of batches, stacked."""
    found = [f(*[a[i] for a in arrays]) for i in np.ndindex(arrays[0].shape[:-2])]
    batch = arrays[0].shape[:-2]

    def stacked(parts: Any) -> np.ndarray:
        return np.stack(parts).reshape(*batch, *np.shape(parts[0]))

    return tuple(map(stacked, zip(*found, strict=True))) if isinstance(found[0], tuple) else stacked(found)


def floating(name: str, *tensors: Any) -> None:
    """TypeError or RuntimeError unless all are tensors of a type that LAPACK knows."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument 'A' (position 1) must be Tensor, not {type(x).__name__}")
        if not x.dtype.differentiable:
            raise RuntimeError(
                f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype.name}; cast with .float()"
            )
        if x.dtype in HALVES:
            raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {x.dtype.name}; cast with .float()")
        if x.dtype is not tensors[0].dtype:
            raise RuntimeError(
                f"{name}: Expected all tensors to have the same dtype, but got {tensors[0].dtype.name} and "
                f"{x.dtype.name}"
            )


def matrices(name: str, A: Tensor, what: str = "A") -> None:
    """RuntimeError unless ``A`` is matrices of a type that LAPACK knows."""
    floating(name, A)
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def square(name: str, A: Tensor, what: str = "A") -> None:
    """RuntimeError unless ``A`` is square matrices."""
    matrices(name, A, what)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"{name}: {what} must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )


@cache
def returned(name: str, *fields: str) -> Any:
    """The class of several results that have names, as torch prints it."""

    def show(self: Any) -> str:
        parts = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    made: dict[str, Any] = {"__slots__": (), "__repr__": show}
    made |= {f: property(itemgetter(i)) for i, f in enumerate(fields)}
    return type(name, (tuple,), made)
