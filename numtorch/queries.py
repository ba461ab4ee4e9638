"""Functions of ``torch`` that ask: of which type a result is, what a tensor's sign, size or device is; arithmetic that
also takes the symbols of PyTorch's compiler, which here are numbers; and names that PyTorch itself has removed.
"""

from __future__ import annotations

import builtins
import math
import warnings
from collections.abc import Callable
from typing import Any

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.dtype import dtype as DType
from numtorch.dtype import result_of, scalar_dtype
from numtorch.exports import PLACES, exported
from numtorch.ops import ranges
from numtorch.ops.linear_algebra.functions import matrix_norm
from numtorch.ops.vector_norm import vector_norm
from numtorch.storage import wrap_dim

REMOVED = {
    "eig": "torch.linalg.eig",
    "lstsq": "torch.linalg.lstsq",
    "matrix_rank": "torch.linalg.matrix_rank",
    "solve": "torch.linalg.solve",
    "symeig": "torch.linalg.eigh",
}


@exported("torch")
def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an arithmetic operation of two operands.

    Args:
        tensor1, tensor2: tensors or numbers.

    Returns:
        A dtype.

    Raises:
        TypeError: neither is a tensor or a number.

    >>> torch.result_type(torch.tensor([1, 2], dtype=torch.int), 1.0)
    torch.float32
    >>> torch.result_type(torch.tensor([1, 2], dtype=torch.uint8), torch.tensor(1))
    torch.uint8
    """
    both = (tensor1, tensor2)
    tensors = [(x.dtype, x.ndim) for x in both if isinstance(x, Tensor)]
    return result_of(tensors, [scalar_dtype(x) for x in both if not isinstance(x, Tensor)])


@exported("torch")
def typename(obj: Any) -> str:
    """The name of an object's type, with its module.

    Args:
        obj: any object; tensors have a name for each dtype.

    Returns:
        The name.

    >>> torch.typename(torch.zeros(1)), torch.typename([])
    ('torch.FloatTensor', 'list')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__builtin__", None) else f"{module}.{kind.__qualname__}"


@exported("torch", "Tensor")
def is_nonzero(input: Tensor) -> builtins.bool:
    """Whether the only element is not 0.

    Args:
        input: one element.

    Returns:
        A bool.

    Raises:
        RuntimeError: no element, or several.

    >>> torch.is_nonzero(torch.tensor([0.0])), torch.is_nonzero(torch.tensor(2))
    (False, True)
    """
    return builtins.bool(input)


@exported("torch", "Tensor")
def is_same_size(input: Tensor, other: Tensor) -> builtins.bool:
    """Whether two tensors have the same shape.

    Args:
        input, other: any tensors.

    Returns:
        A bool.

    >>> torch.is_same_size(torch.zeros(2), torch.zeros(2, 1))
    False
    """
    return input.shape == other.shape


@exported("torch", "Tensor")
def is_signed(input: Tensor) -> builtins.bool:
    """Whether the dtype has negative numbers.

    Args:
        input: any tensor.

    Returns:
        A bool.

    >>> torch.is_signed(torch.zeros(1)), torch.is_signed(torch.zeros(1, dtype=torch.uint8))
    (True, False)
    """
    return input.dtype.is_signed


@exported("torch")
def is_distributed(input: Tensor) -> builtins.bool:
    """False: no tensor is spread over processes.

    Args:
        input: any tensor.

    Returns:
        False.

    >>> torch.is_distributed(torch.zeros(1))
    False
    """
    return False


@exported("torch")
def get_device(input: Tensor) -> int:
    """The number of the GPU on which a tensor is; -1 on the CPU.

    Args:
        input: any tensor.

    Returns:
        An int.

    >>> torch.get_device(torch.zeros(1))
    -1
    """
    return input.get_device()


# --- numbers and symbols ---------------------------------------------------------------------------------


@exported("torch")
def sym_float(a: Any) -> Any:
    """``float(a)``.

    Args:
        a: a number.

    Returns:
        A float.

    >>> torch.sym_float(2)
    2.0
    """
    return float(a)


@exported("torch")
def sym_int(a: Any) -> Any:
    """``int(a)``.

    Args:
        a: a number.

    Returns:
        An int.

    >>> torch.sym_int(2.5)
    2
    """
    return int(a)


@exported("torch")
def sym_max(a: Any, b: Any) -> Any:
    """The larger of two numbers; a float if one of them is.

    Args:
        a, b: numbers.

    Returns:
        A number.

    >>> torch.sym_max(1, 2), torch.sym_max(1.0, 2)
    (2, 2.0)
    """
    return _common(a, b, max(a, b))


@exported("torch")
def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers; a float if one of them is.

    Args:
        a, b: numbers.

    Returns:
        A number.

    >>> torch.sym_min(1, 2), torch.sym_min(1, 2.0)
    (1, 1.0)
    """
    return _common(a, b, min(a, b))


def _common(a: Any, b: Any, chosen: Any) -> Any:
    return float(chosen) if isinstance(a, float) or isinstance(b, float) else chosen


@exported("torch")
def sym_not(a: Any) -> builtins.bool:
    """``not a``.

    Args:
        a: a bool.

    Returns:
        A bool.

    >>> torch.sym_not(False)
    True
    """
    return not a


@exported("torch")
def sym_sqrt(a: Any) -> float:
    """The square root of a number.

    Args:
        a: a number.

    Returns:
        A float.

    >>> torch.sym_sqrt(4)
    2.0
    """
    return math.sqrt(a)


@exported("torch")
def sym_sum(args: Any) -> Any:
    """The sum of numbers.

    Args:
        args: numbers.

    Returns:
        A number.

    >>> torch.sym_sum([1, 2, 3])
    6
    """
    return builtins.sum(args)


@exported("torch")
def sym_ite(b: builtins.bool, t: Any, f: Any) -> Any:
    """``t if b else f``.

    Args:
        b: which one.
        t, f: values of one type.

    Returns:
        One of them.

    >>> torch.sym_ite(True, 1, 2)
    1
    """
    return t if b else f


@exported("torch")
def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: Any = ()) -> Any:
    """The result of one of two functions.

    Args:
        pred: a bool or a tensor of one element.
        true_fn, false_fn: functions of the operands.
        operands: a tuple or list of arguments.

    Returns:
        What the function gives.

    >>> torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.tensor(1),))
    tensor(2)
    """
    return (true_fn if builtins.bool(pred) else false_fn)(*operands)


@exported("torch")
def while_loop(cond_fn: Callable, body_fn: Callable, carried_inputs: Any) -> Any:
    """Call ``body_fn`` on its own results as long as ``cond_fn`` of them is true.

    Args:
        cond_fn: a function of the carried values to a bool.
        body_fn: a function of the carried values to new ones.
        carried_inputs: the first values, a tuple or list.

    Returns:
        The last values.

    >>> torch.while_loop(lambda i: i < 3, lambda i: (i + 1,), (torch.tensor(0),))
    (tensor(3),)
    """
    values = tuple(carried_inputs)
    while builtins.bool(cond_fn(*values)):
        made = body_fn(*values)
        values = tuple(made) if isinstance(made, tuple | list) else (made,)
    return values


# --- what PyTorch has removed -----------------------------------------------------------------------------


@exported("torch", name="range")
def inclusive_range(
    start: Any,
    end: Any,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: builtins.bool = False,
) -> Tensor:
    """``start``, ``start + step``, ... up to ``end``, which is included; ``arange`` took its place.

    Args:
        start, end, step: numbers.
        dtype: the default floating type unless given.
        layout, device, requires_grad: as ``arange`` takes them.

    Returns:
        A vector of ``floor((end - start) / step) + 1`` numbers.

    Raises:
        RuntimeError: ``step`` is 0 or leads away from ``end``, or a number is not finite.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     torch.range(1, 2, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not all(map(math.isfinite, (start, end, step))):
        raise RuntimeError(f"unsupported range: {start} -> {end} in steps of {step}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = math.floor((end - start) / step) + 1
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    exact = dtypes.float64 if kind.is_floating_point else kind
    made = ranges.arange(count, dtype=exact, device=device, layout=layout) * step + start
    made = made.to(kind)
    if out is not None:
        return out.resize_(made.shape).copy_(made)
    return made.requires_grad_(requires_grad)


@exported("torch")
def frobenius_norm(
    input: Tensor, dim: Any = (), keepdim: builtins.bool = False, *, out: Tensor | None = None
) -> Tensor:
    """``(sum of x²) ** 0.5``; ``linalg.vector_norm`` took its place.

    Args:
        input: of any shape, floating or complex.
        dim: one or several; all if none is given.
        keepdim: keep them, of size 1.

    Returns:
        The norm over ``dim``.

    >>> torch.frobenius_norm(torch.tensor([[3.0, 4.0]]), [0, 1])
    tensor(5.)
    """
    return vector_norm(input, 2, dim if isinstance(dim, int) or len(dim) else None, keepdim, out=out)


@exported("torch")
def nuclear_norm(
    input: Tensor, dim: Any = None, keepdim: builtins.bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The sum of the singular values; ``linalg.matrix_norm(x, "nuc")`` took its place.

    Args:
        input: matrices, floating or complex.
        dim: the two dimensions of the matrices; the last two unless given.
        keepdim: keep them, of size 1.

    Returns:
        A norm for each matrix.

    Raises:
        RuntimeError: fewer than two dimensions.

    >>> torch.nuclear_norm(torch.eye(2) * 3)
    tensor(6.)
    """
    if input.ndim < 2:
        raise RuntimeError(f"nuclear_norm: expected at least 2 dimensions, got shape {list(input.shape)}")
    dims = (-2, -1) if dim is None else (dim, dim) if isinstance(dim, int) else tuple(dim)
    return matrix_norm(input, "nuc", dims, keepdim, out=out)


@exported("torch")
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm over all dimensions but one, which weight normalisation divides by.

    Args:
        v: of any shape.
        pow: the order of the norm.
        dim: the dimension that stays; -1 for none.

    Returns:
        Of the number of dimensions of ``v``, of size 1 but for ``dim``; 0-dim for -1.

    Raises:
        IndexError: there is no such dimension.

    >>> torch.norm_except_dim(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), 2, 0)
    tensor([[ 5.],
            [10.]])
    """
    if dim == -1:
        return vector_norm(v, pow)
    if not v.ndim:
        raise IndexError(f"norm_except_dim: dim {dim} of a tensor that has no dimensions; -1 stands for none")
    kept = wrap_dim(dim, v.ndim, "norm_except_dim")
    return vector_norm(v, pow, [d for d in builtins.range(v.ndim) if d != kept], True)


def _removed(name: str, instead: str) -> Callable:
    def gone(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"torch.{name} has been removed from PyTorch; {instead} takes its place")

    gone.__name__ = gone.__qualname__ = name
    gone.__module__ = "numtorch"
    gone.__doc__ = f"""An error: PyTorch has removed this function. ``{instead}`` takes its place.

    Args:
        *args, **kwargs: whatever.

    Returns:
        Nothing.

    Raises:
        RuntimeError: always.

    >>> try:
    ...     torch.{name}(torch.eye(2){", torch.eye(2)" * (name in ("lstsq", "solve"))})
    ... except RuntimeError as error:
    ...     "removed" in str(error)
    True
    """
    return gone


PLACES["torch"].update({name: _removed(name, instead) for name, instead in REMOVED.items()})
