"""Matrix products: ``matmul`` for all shapes, and what is made of it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor, fresh, make
from numtorch.arguments import element, refused
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, SAME, into
from numtorch.dtype import BOOL, FLOATS, dtype
from numtorch.dtype import bool as TRUTH
from numtorch.exports import exported
from numtorch.kernels import gemm
from numtorch.ops import matmul_cuda, movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.movement import reshape
from numtorch.storage import Size, broadcast_shapes, is_contiguous


def _check(x: Tensor, y: Tensor, inner: int, name: str) -> None:
    if x.shape[-1] != inner:
        raise RuntimeError(
            f"{name}: mat1 and mat2 shapes cannot be multiplied ({_flat(x)} and {_flat(y)}): "
            f"{x.shape[-1]} and {inner} differ"
        )
    _check_types(x, y, name)


def _check_types(x: Tensor, y: Tensor, name: str) -> None:
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"{name}: expected m1 and m2 to have the same dtype, but got: {x.dtype.name} != {y.dtype.name}; "
            "cast one with .to(...)"
        )
    if x.dtype.category == BOOL:
        raise NotImplementedError(f'"{name}" not implemented for bool; cast with .float() or .long()')


def rows(x: Tensor) -> Tensor:
    """All but the last dimension as one, also where there are no elements."""
    return reshape(x, (Size(x.shape[:-1]).numel(), x.shape[-1]))


def _flat(x: Tensor) -> str:
    return "x".join(map(str, x.shape))


def _cost(out: Tensor, x: Tensor, y: Tensor) -> tuple[int, int]:
    return nbytes(out, x, y), 2 * numel(out) * x.shape[-1]


def _backward_cost(grads: tuple, g: Tensor, x: Tensor, y: Tensor, *, needs: tuple) -> tuple[int, int]:
    read = nbytes(g, x if needs[1] else None, y if needs[0] else None)
    return nbytes(grads) + read, 2 * numel(g) * x.shape[-1] * (needs[0] + needs[1])


@exported("torch", "Tensor", "linalg")
@op(
    cost=_cost,
    out=SAME,
    strided=True,
    samples=lambda: [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 5)),
        ((1, 3, 4), (2, 4, 2)),
        ((3, 0), (0, 2)),
        ((33, 17), (17, 40)),
        ((4,), (4, 2)),
    ],
    ref=np.matmul,
)
def matmul(x, y):
    """The matrix product ``input @ other``.

    Args:
        input, other: (..., n, k) and (..., k, m), of one type, whose leading dimensions broadcast. A vector on the left
            counts as a row, on the right as a column, and its dimension is missing in the result.

    Returns:
        (..., n, m).

    Raises:
        RuntimeError: the sizes or types do not fit, or an operand has no dimensions.
        TypeError: an operand is no tensor.
        NotImplementedError: the elements are booleans.

    >>> torch.matmul(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    >>> torch.matmul(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return reduction.sum(movement.unsqueeze(x, -1) * movement.unsqueeze(y, -3), -2, dtype=x.dtype)


@matmul.arguments
def _(x, y):
    if not x.ndim or not y.ndim:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D")
    if x.ndim == 1 or y.ndim == 1:
        return _of_vectors
    _check(x, y, y.shape[-2], "matmul")
    if x.ndim == 2 or y.ndim == 2 or x.shape[:-2] == y.shape[:-2]:
        return x, y
    try:
        lead = broadcast_shapes(Size(x.shape[:-2]), Size(y.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"matmul: batch dimensions {list(x.shape[:-2])} and {list(y.shape[:-2])} do not broadcast"
        ) from None
    return tuple([_in_batch(t, lead) for t in (x, y)])


def _in_batch(x: Tensor, lead: Size) -> Tensor:
    """The matrices of a batch, or the one matrix that all of it share."""
    if x.shape[:-2] == lead:
        return x
    one = prod(x.shape[:-2]) == 1
    return reshape(x, x.shape[-2:]) if one else movement.expand_to(x, (*lead, *x.shape[-2:]))


def _of_vectors(x: Tensor, y: Tensor) -> Tensor:
    """The product where an operand is a vector, whose dimension the result lacks."""
    a, b = len(x.shape), len(y.shape)
    z = matmul(movement.unsqueeze(x, 0) if a == 1 else x, movement.unsqueeze(y, 1) if b == 1 else y)
    if z._edge is None and z._k.contiguous:  # nobody else holds its elements
        *lead, n, m = z.shape
        return make(z._buf, (*lead, *[n] * (a > 1), *[m] * (b > 1)), z._k)
    if b == 1:
        z = movement.squeeze(z, -1)
    return fresh(movement.squeeze(z, -1 if b == 1 else -2) if a == 1 else z)


@matmul.vjp(cost=_backward_cost, wide=False)
def _(g, x, y, *, needs):
    gx = gy = None
    if needs[0]:
        gx = reduction.sum_to(matmul(g, movement.transpose(y, -2, -1)), x.shape)
    if needs[1]:
        if x.ndim > 2 and y.ndim == 2:  # one product over all batches, rather than one each and a sum
            gy = matmul(movement.transpose(rows(x), 0, 1), rows(g))
        else:
            gy = reduction.sum_to(matmul(movement.transpose(x, -2, -1), g), y.shape)
    return gx, gy


class Product:
    """The sizes of a product of matrices: of ``x`` and ``y``, or of their transposes where these are ``turned``.

    Attributes:
        sizes: batch, m, n, k, whether each buffer holds the transposes, and the steps from matrix to matrix.
        shape: of the result.
        lying: which operands are read as they lie in memory; the others are packed.
    """

    def __init__(self, x: Tensor, y: Tensor, turned_x: bool = False, turned_y: bool = False):
        (m, k, ta, a_lies), (_, n, tb, b_lies) = _matrix(x, turned_x), _matrix(y, turned_y)
        lead = x.shape[:-2] if x.ndim >= y.ndim else y.shape[:-2]
        self.sizes = (prod(lead), m, n, k, ta, tb, m * k if x.ndim > 2 else 0, k * n if y.ndim > 2 else 0)
        self.shape, self.lying = (*lead, m, n), (a_lies, b_lies)


def _matrix(x: Tensor, turned: bool) -> tuple[int, int, bool, bool]:
    """Rows and columns of a factor, whether the buffer holds its transpose, and whether it is read as it lies."""
    *lead, rows, cols = x.shape
    held = False
    if not x._k.contiguous:
        *outer, down, across = x.strides
        held = is_contiguous(Size((*lead, cols, rows)), (*outer, across, down))
    lies = held or x._k.contiguous
    return (cols, rows, not held, lies) if turned else (rows, cols, held, lies)


def _loop(x: Tensor, y: Tensor, *turned: bool) -> Loop:
    of = Product(x, y, *turned)
    made_of = (x._k.dtype.storage, *of.sizes)
    return Loop(gemm.bmm, (), like(x, of.shape), operands=(x, y), lying=of.lying, made_of=made_of)


@matmul.loop("cpu", dtypes=FLOATS)
def micro_kernel(x, y):
    """Our own register-tiled product; see ``kernels.gemm``."""
    return _loop(x, y)


def sum_of_products(x: Tensor, y: Tensor, out: Any) -> Loop:
    """``rows(x).T @ rows(y)``: the gradient of a matrix that many rows share."""
    made_of = (x._k.dtype.storage, x.shape[-1], y.shape[-1], prod(x.shape[:-1]), True)
    return Loop(gemm.gemm, (), out, operands=(x, y), made_of=made_of)


@matmul.backward.loop("cpu", dtypes=FLOATS, name="micro_kernel")
def _(g, x, y, needs):
    if x.ndim < y.ndim:
        return None
    gx = _loop(g, y, False, True) if needs[0] else None
    if not needs[1]:
        return gx, None
    return gx, sum_of_products(x, g, like(y)) if x.ndim > y.ndim else _loop(x, g, True, False)


@matmul.loop("cuda", dtypes=FLOATS)
def tiled(x, y):
    """Tiles of both operands meet in shared memory."""
    of = Product(x, y)
    return matmul_cuda.loop(like(x, of.shape), (x, y, y), of.sizes, lying=(*of.lying, of.lying[1]))


def _of_rank(x: Tensor, rank: int, name: str, argument: str) -> None:
    try:
        found = x.ndim
    except AttributeError as e:
        raise refused(e, name, **{argument: x}) from None
    if found != rank:
        raise RuntimeError(f"{name}: {argument} must be {rank}D, got {found}D tensor of shape {list(x.shape)}")


@exported("torch", "Tensor")
def mm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """The product of two matrices.

    Args:
        input, mat2: (n, k) and (k, m), of one type.

    Returns:
        (n, m).

    Raises:
        RuntimeError: the sizes or types do not fit, or an operand is no matrix.

    >>> torch.mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if out is not None:
        return into(out, SAME, mm, input, mat2)
    _of_rank(input, 2, "mm", "self")
    _of_rank(mat2, 2, "mm", "mat2")
    return matmul(input, mat2)


@exported("torch", "Tensor")
def bmm(input: Tensor, mat2: Tensor, *, out: Any = None) -> Tensor:
    """The products of two batches of matrices.

    Args:
        input, mat2: (b, n, k) and (b, k, m), of one type.

    Returns:
        (b, n, m).

    Raises:
        RuntimeError: the sizes or types do not fit, or an operand has another number of dimensions.

    >>> torch.bmm(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0], [4.0]]]))
    tensor([[[11.]]])
    """
    if out is not None:
        return into(out, SAME, bmm, input, mat2)
    _of_rank(input, 3, "bmm", "batch1")
    _of_rank(mat2, 3, "bmm", "batch2")
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"bmm: expected equal batch sizes, got {list(input.shape)} and {list(mat2.shape)}")
    return matmul(input, mat2)


@exported("torch", "Tensor")
def mv(input: Tensor, vec: Tensor, *, out: Any = None) -> Tensor:
    """The product of a matrix and a vector.

    Args:
        input: (n, k).
        vec: (k), of the same type.

    Returns:
        (n).

    Raises:
        RuntimeError: the sizes or types do not fit.

    >>> torch.mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if out is not None:
        return into(out, SAME, mv, input, vec)
    _of_rank(input, 2, "mv", "input")
    _of_rank(vec, 1, "mv", "vec")
    return matmul(input, vec)


@exported("torch", "Tensor")
def dot(input: Tensor, tensor: Tensor, *, out: Any = None) -> Tensor:
    """``sum(input * tensor)`` of two vectors.

    Args:
        input, tensor: (n), of one type.

    Returns:
        A 0-dimensional tensor.

    Raises:
        RuntimeError: the sizes or types do not fit, or an operand is no vector.
        NotImplementedError: the elements are booleans.

    >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if out is not None:
        return into(out, SAME, dot, input, tensor)
    _of_rank(input, 1, "dot", "input")
    _of_rank(tensor, 1, "dot", "tensor")
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"dot: inconsistent tensor size, expected tensors to have the same number of elements, but got "
            f"{input.shape[0]} and {tensor.shape[0]} elements respectively"
        )
    _check_types(input, tensor, "dot")
    if input.dtype.is_half:
        return matmul(input, tensor)  # rounded once
    return reduction.sum(input * tensor, dtype=input.dtype)


@exported("torch", "Tensor", also=("ger",))
def outer(input: Tensor, vec2: Tensor, *, out: Any = None) -> Tensor:
    """Every product of an element of one vector and an element of the other.

    Args:
        input, vec2: (n) and (m).

    Returns:
        (n, m), of the promoted type.

    Raises:
        RuntimeError: an operand is no vector.

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([10, 20, 30]))
    tensor([[10, 20, 30],
            [20, 40, 60]])
    """
    if out is not None:
        return into(out, CAST, outer, input, vec2)
    _of_rank(input, 1, "outer", "self")
    _of_rank(vec2, 1, "outer", "vec2")
    return movement.unsqueeze(input, 1) * vec2


@exported("torch", "Tensor")
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``; what is multiplied by 0 is ignored, NaN and infinity too.

    Args:
        input: broadcast to (n, m).
        mat1, mat2: (n, k) and (k, m); all are of one type.
        beta, alpha: numbers, whose fractions are cut off for integers.

    Returns:
        (n, m).

    Raises:
        RuntimeError: the shapes or types do not fit.
        TypeError: ``beta`` or ``alpha`` is no number.

    >>> torch.addmm(torch.tensor([1.0, 2.0]), torch.ones(1, 2), torch.ones(2, 2), beta=10)
    tensor([[12., 22.]])
    """
    if out is not None:
        return into(out, SAME, addmm, input, mat1, mat2, beta=beta, alpha=alpha)
    y = mm(mat1, mat2)
    if input._k.dtype is not y._k.dtype or input.shape != y.shape:
        _check_addend(input, y)
    if beta.__class__ is not int or alpha.__class__ is not int or not y._k.dtype.is_floating_point:
        beta, alpha = factor(beta, y.dtype), factor(alpha, y.dtype)
    if beta and alpha:
        return (y if alpha == 1 else y * alpha) + (input if beta == 1 else input * beta)
    y = y if alpha == 1 else y * alpha if alpha else _ignored(y)
    return y + input * beta if beta else y + _ignored(input) if input.requires_grad else y


def _ignored(x: Tensor) -> Tensor:
    """Zeros whose gradient for x is zero."""
    return where(ops.creation.zeros((), dtype=TRUTH, device=x.device), x, 0)


def _check_addend(x: Tensor, y: Tensor) -> None:
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"addmm: self and mat2 must have the same dtype, but got {x.dtype.name} and {y.dtype.name}; cast one with "
            ".to(...)"
        )
    if x.ndim > 2 or any(n not in (1, m) for n, m in zip(reversed(x.shape), reversed(y.shape), strict=False)):
        raise RuntimeError(
            f"addmm: input of shape {list(x.shape)} does not expand to {list(y.shape)}, the shape of the product"
        )


def factor(value: Any, d: dtype, name: str = "addmm") -> Any:
    """beta or alpha as a number for elements of a type."""
    if not isinstance(value, int | float | complex | np.number | Tensor):
        raise TypeError(f"{name}(): arguments 'beta' and 'alpha' must be Number, not {type(value).__name__}")
    if d.is_floating_point and not isinstance(value, complex):
        return value if isinstance(value, int | float) else float(value)
    return element(value, d)
