"""Matrix products: ``matmul`` for all shapes, and ``linear``."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor, empty, fresh, new
from numtorch.arguments import element, refused
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.elementwise import array_operand
from numtorch.dispatch.op import op
from numtorch.dispatch.out import CAST, SAME, into
from numtorch.dtype import BOOL, FLOATS, dtype
from numtorch.dtype import bool as TRUTH
from numtorch.exports import exported
from numtorch.kernels import gemm, registry
from numtorch.ops import linear_cuda, movement, reduction
from numtorch.ops.arithmetic import where
from numtorch.ops.movement import contiguous, reshape
from numtorch.storage import Size, allocate, broadcast_shapes, is_contiguous

_MOST_KNOWN = 4096  # a program whose shapes keep changing starts over
_SMALL = 1 << 16  # bytes of a result up to which finding an aligned place costs more than it saves


def _transposed(x: Tensor) -> bool:
    """Whether a matrix's columns are what lies contiguous in memory."""
    rows, cols = x.shape
    return x.strides == (1, rows) and rows > 1 and cols > 1


def _operand(x: Tensor) -> tuple[Any, bool]:
    """A matrix's buffer, and whether it holds the transpose."""
    if not x._k.contiguous and _transposed(x):
        return x._buf[: x.shape.numel()], True
    return contiguous(x)._buf, False


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


def _product_cost(out: Tensor, x: Tensor, y: Tensor) -> tuple[int, int]:
    return nbytes(out, x, y), 2 * numel(out) * x.shape[-1]


@op(
    name="matmul",
    public=False,
    cost=_product_cost,
    wide=False,
    samples=lambda: [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 2)),
        ((1, 3, 4), (2, 4, 2)),
        ((3, 0), (0, 2)),
        ((33, 17), (17, 40)),
    ],
    ref=np.matmul,
)
def product(x, y):
    """Matrix product of the last two dimensions; leading dimensions broadcast.

    The body forms every product and adds them up; the kernels do it without the space.
    """
    _check(x, y, y.shape[-2], "matmul")
    return reduction.sum(movement.unsqueeze(x, -1) * movement.unsqueeze(y, -3), -2, dtype=x.dtype)


@product.vjp
def _(g, x, y, *, needs):
    gx = gy = None
    if needs[0]:
        gx = reduction.sum_to(product(g, movement.transpose(y, -2, -1)), x.shape)
    if needs[1]:
        if x.ndim > 2 and y.ndim == 2:  # one product over all batches, rather than one each and a sum
            gy = product(movement.transpose(rows(x), 0, 1), rows(g))
        else:
            gy = reduction.sum_to(product(movement.transpose(x, -2, -1), g), y.shape)
    return gx, gy


# Products of operands as they lie: what small ones would spend most of their time to find.
_known: dict = registry.memo()


@product.kernel("cpu", dtypes=FLOATS)
def micro_kernel(x, y):
    """Our own register-tiled product; see ``kernels.gemm``."""
    try:
        run, numbers, shape, n, storage, k = _known[x._k, x.shape, x._strides, y._k, y.shape, y._strides]
    except KeyError:
        run = None
    if run is None:
        return _matrices(x, y) if len(x.shape) == 2 and len(y.shape) == 2 else _batched(x, y, _batches)
    out = new(Tensor)
    out.shape = shape
    out._k = k
    if storage is not None:
        out._buf = buf = np.empty(n, storage)
        run(numbers, x._buf, y._buf, buf)
    else:
        out._buf = buf = allocate(n, k.dtype, k.device)
        gemm.run_plan(run, x._buf, y._buf, buf, buf)
    return out


def _matrices(x: Tensor, y: Tensor) -> Tensor:
    """The product of two matrices, entered into ``_known`` where neither had to be copied."""
    (m, k), (k2, n) = x.shape, y.shape
    if k != k2 or x._k.dtype is not y._k.dtype:
        _check(x, y, k2, "matmul")
    a, ta = _operand(x)
    b, tb = _operand(y)
    out = empty(Size((m, n)), x._k.dtype, x._k.device)
    plan = gemm.known_plan(a, b, out._buf, m, n, k, ta, tb)
    gemm.run_plan(plan, a, b, out._buf, out._buf)
    if (ta or x._k.contiguous) and (tb or y._k.contiguous):
        _remember(x, y, out, plan)
    return out


def _remember(x: Tensor, y: Tensor, out: Tensor, plan: gemm.Plan) -> None:
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    n = numel(out)
    small = plan.scratch is None and n * out._k.dtype.storage.itemsize <= _SMALL
    _known[x._k, x.shape, x._strides, y._k, y.shape, y._strides] = (
        plan.run if small else plan,
        plan.numbers,
        out.shape,
        n,
        out._k.dtype.storage if small else None,
        out._k,
    )


def _batched(x: Tensor, y: Tensor, run: Any) -> Tensor:
    _check(x, y, y.shape[-2], "matmul")
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if y.ndim == 2:
        flat = product(rows(x), y)
        return fresh(reshape(flat, (*x.shape[:-1], n)))
    try:
        lead = broadcast_shapes(Size(x.shape[:-2]), Size(y.shape[:-2]))
    except ValueError:
        raise RuntimeError(
            f"matmul: batch dimensions {list(x.shape[:-2])} and {list(y.shape[:-2])} do not broadcast"
        ) from None
    out = empty((*lead, m, n), x.dtype, x.device)
    batch = lead.numel()
    if out.shape.numel():
        a, ta, a_step = _batch_operand(x, lead)
        b, tb, b_step = _batch_operand(y, lead)
        plan = run(a, b, out._buf, batch, m, n, k, ta, tb, a_step, b_step)
        if plan is not None and a is x._buf and b is y._buf:
            _remember(x, y, out, plan)
    return out


def _batches(
    a: Any, b: Any, c: Any, batch: int, m: int, n: int, k: int, ta: bool, tb: bool, sa: int, sb: int
) -> gemm.Plan:
    plan = gemm.known_batch_plan(a, b, c, batch, m, n, k, ta, tb, sa, sb)
    gemm.run_plan(plan, a, b, c, c)
    return plan


def _batch_operand(x: Tensor, lead: Size) -> tuple[Any, bool, int]:
    """Buffer, whether matrices are transposed, and the step from one to the next (0 if shared)."""
    rows, cols = x.shape[-2:]
    if x.ndim == 2 or Size(x.shape[:-2]).numel() == 1:
        x = reshape(x, (rows, cols)) if x._k.contiguous else x
        if x.ndim == 2:
            return *_operand(x), 0
    if x.shape[:-2] == lead:
        if x._k.contiguous:
            return x._buf, False, rows * cols
        *outer, down, across = x.strides
        if is_contiguous(Size((*lead, cols, rows)), (*outer, across, down)):
            return x._buf, True, rows * cols
    x = contiguous(movement.expand_to(x, (*lead, rows, cols)))
    return x._buf, False, rows * cols


@product.kernel("cuda", dtypes=FLOATS, name="tiled")
def tiled(x, y):
    """Tiles of both operands meet in shared memory."""
    if x.ndim == 2 and y.ndim == 2:
        _check(x, y, y.shape[-2], "matmul")
        out = empty((x.shape[0], y.shape[1]), x.dtype, x.device)
        a, ta = _operand(x)
        b, tb = _operand(y)
        if out.shape.numel():
            linear_cuda.bmm(a, b, out._buf, 1, x.shape[0], y.shape[1], x.shape[1], ta, tb, 0, 0)
        return out
    return _batched(x, y, linear_cuda.bmm)


def _no_tensors(x: Any, y: Any) -> Tensor:
    """A product with an array, in the type that NumPy gives both; TypeError for anything else, and the error there was
    for tensors."""
    if isinstance(x, Tensor) and isinstance(y, np.ndarray):
        y = array_operand(y, x)
        return matmul(x if x.dtype is y.dtype else x.to(y.dtype), y)
    for position, (name, value) in enumerate((("input", x), ("other", y)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"matmul(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
            ) from None
    raise  # noqa: PLE0704 - called where an exception is handled


@exported("torch", "Tensor")
def matmul(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
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
    if out is not None:
        return into(out, SAME, matmul, input, other)
    try:
        a, b = len(input.shape), len(other.shape)
        if a >= 2 and b >= 2:
            return product(input, other)
    except (AttributeError, TypeError):
        return _no_tensors(input, other)
    if isinstance(other, np.ndarray):
        return _no_tensors(input, other)
    if a == 0 or b == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D")
    y = product(movement.unsqueeze(input, 0) if a == 1 else input, movement.unsqueeze(other, 1) if b == 1 else other)
    if b == 1:
        y = movement.squeeze(y, -1)
    return fresh(movement.squeeze(y, -1 if b == 1 else -2) if a == 1 else y)


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
    return product(input, mat2)


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
    return product(input, mat2)


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


@exported("torch", "Tensor")
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
        beta, alpha = _factor(beta, y.dtype), _factor(alpha, y.dtype)
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


def _factor(value: Any, d: dtype) -> Any:
    """beta or alpha as a number for elements of a type."""
    if not isinstance(value, int | float | complex | np.number | Tensor):
        raise TypeError(f"addmm(): arguments 'beta' and 'alpha' must be Number, not {type(value).__name__}")
    if d.is_floating_point and not isinstance(value, complex):
        return value if isinstance(value, int | float) else float(value)
    return element(value, d)


# --- linear ---------------------------------------------------------------------------------------


def _affine_cost(out: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None) -> tuple[int, int]:
    return nbytes(out, x, w, b), numel(out) * (2 * w.shape[1] + (b is not None))


def _affine_backward_cost(grads: tuple, g: Tensor, x: Tensor, w: Tensor, *, needs: tuple) -> tuple[int, int]:
    read = nbytes(g, x if needs[1] else None, w if needs[0] else None)
    return nbytes(grads) + read, numel(g) * (2 * w.shape[1] * (needs[0] + needs[1]) + needs[2])


@op(
    name="linear",
    public=False,
    cost=_affine_cost,
    wide=False,
    samples=lambda: [((3, 4), (5, 4), (5,)), ((3, 4), (5, 4), None), ((2, 3, 4), (5, 4), (5,)), ((4,), (5, 4), (5,))],
    ref=lambda x, w, b=None: x @ w.T + (0 if b is None else b),
)
def affine(x, w, b=None):
    """``x @ w.T + b``."""
    _check_linear(x, w, b)
    y = matmul(x, movement.transpose(w, 0, 1))
    return y if b is None else y + b


@affine.vjp(cost=_affine_backward_cost)
def _(g, x, w, *, needs):
    flat = rows(g)
    gx = matmul(g, w) if needs[0] else None
    gw = product(movement.transpose(flat, 0, 1), rows(x)) if needs[1] else None
    return gx, gw, (reduction.sum(flat, 0) if needs[2] else None)


def _check_linear(x: Tensor, w: Tensor, b: Tensor | None) -> tuple[int, int, int]:
    n, k = w.shape
    if x.shape[-1] != k or x.dtype is not w.dtype:
        rows = Size(x.shape[:-1]).numel()
        if x.dtype is not w.dtype:
            raise RuntimeError(
                f"linear: mat1 and mat2 must have the same dtype, but got {x.dtype.name} and {w.dtype.name}; cast the "
                f"input with .to(torch.{w.dtype.name})"
            )
        raise RuntimeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and {k}x{n}): the input's last "
            f"dimension is {x.shape[-1]}, the layer takes {k}"
        )
    if b is not None and (b.shape != (n,) or b.dtype is not x.dtype):
        if b.dtype is not x.dtype:
            raise RuntimeError(
                f"linear: self and mat2 must have the same dtype, but got bias of type {b.dtype.name} and input of "
                f"type {x.dtype.name}; cast one with .to(...)"
            )
        raise RuntimeError(f"linear: bias has shape {list(b.shape)}, the weight {list(w.shape)} needs [{n}]")
    return x.shape.numel() // k if k else Size(x.shape[:-1]).numel(), n, k


_NO_BIAS: dict = {}


def _bias(x: Tensor, b: Tensor | None) -> Any:
    """The bias as the kernels take it: an empty buffer for none."""
    if b is not None:
        return contiguous(b)._buf
    none = _NO_BIAS.get(x._k.dtype)
    if none is None:
        none = _NO_BIAS[x._k.dtype] = empty((0,), x.dtype, x.device)._buf
    return none


@affine.kernel("cpu", dtypes=FLOATS)
def fused(x, w, b=None):
    """One product with the bias added as results leave the registers."""
    m, n, k = _check_linear(x, w, b)
    out = empty(Size((*x.shape[:-1], n)), x._k.dtype, x._k.device)
    gemm.linear(contiguous(x)._buf, contiguous(w)._buf, _bias(x, b), out._buf, m, n, k)
    return out


@affine.backward.kernel("cpu", dtypes=FLOATS)
def fused_backward(g, x, w, *, needs):
    """Both products straight from the operands as they lie, and the column sums of ``g``."""
    n, k = w.shape
    g = contiguous(g)
    m = g.shape.numel() // n if n else Size(g.shape[:-1]).numel()
    d, where = g._k.dtype, g._k.device
    gx = gw = gb = None
    if needs[0]:
        gx = empty(Size((*g.shape[:-1], k)), d, where)
        gemm.gemm(g._buf, contiguous(w)._buf, gx._buf, m, k, n, False, False)
    if needs[1]:
        gw = empty(w.shape, d, where)
        gemm.gemm(g._buf, contiguous(x)._buf, gw._buf, n, k, m, True, False)
    if needs[2]:
        gb = reduction.sum(reshape(g, (m, n)), 0)
    return gx, gw, gb


@affine.kernel("cuda", dtypes=FLOATS, name="tiled_bias")
def tiled_bias(x, w, b=None):
    """The tiled product, the bias added as results leave the registers."""
    m, n, k = _check_linear(x, w, b)
    out = empty(Size((*x.shape[:-1], n)), x.dtype, x.device)
    if out.shape.numel():
        linear_cuda.bmm(
            contiguous(x)._buf,
            contiguous(w)._buf,
            out._buf,
            1,
            m,
            n,
            k,
            False,
            True,
            0,
            0,
            None if b is None else contiguous(b)._buf,
        )
    return out
