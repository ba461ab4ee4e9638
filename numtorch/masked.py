"""``torch.masked``: reductions and normalisations that leave out elements where a mask is false.

What is left out stands as the number that changes no result: 0 in sums, -inf under a maximum. Where nothing is left,
that number is the result, and NaN where there is none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numtorch as torch
from numtorch import Tensor

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Tensor])
SUMMED = {"bool", "uint8", "int8", "int16", "int32"}  # whose sums and products are int64
MEANINGS = {
    "input": "a tensor.",
    "dim": "the dimension, or for a reduction also several; all of these unless given.",
    "keepdim": "whether reduced dimensions stay with extent 1.",
    "dtype": "the type of the result; that of ``input`` unless given.",
    "mask": "true where elements count; it broadcasts to ``input``. All count unless given.",
    "ord": "which norm, as of ``linalg.vector_norm``.",
    "eps": "the least number that is divided by.",
    "unbiased": "whether the divisor is the number of elements less 1, in place of ``correction=1``.",
    "correction": "what the number of elements is less by; 1 unless given.",
    "other": "a tensor.",
    "input_mask": "true where elements of ``input`` count.",
    "other_mask": "true where elements of ``other`` count.",
}


def _documented(fn: F) -> F:
    """With what parameters mean, which all functions share."""
    first, _, rest = inspect.cleandoc(fn.__doc__ or "").partition("\n\n")
    names = inspect.signature(fn).parameters
    told = "".join(f"    {n}: {MEANINGS[n]}\n" for n in names)
    shape = "The shape of ``input``" + (" without ``dim``." if "keepdim" in names else ".")
    fn.__doc__ = f"{first}\n\nArgs:\n{told}\nReturns:\n    {shape}\n\n{rest}"
    return fn


def _mask(input: Tensor, mask: Tensor) -> Tensor:
    if mask.ndim > input.ndim:
        raise IndexError(
            f"masked: the mask of shape {list(mask.shape)} does not broadcast to the input of shape {list(input.shape)}"
        )
    return torch.broadcast_to(mask, input.shape).to(torch.bool)


def _kept(input: Tensor, mask: Tensor | None, other: float) -> Tensor:
    """``input``, with ``other`` where the mask is false."""
    if mask is None:
        return input
    if not input.dtype.is_floating_point and not input.dtype.is_complex and other in (torch.inf, -torch.inf):
        if input.dtype is torch.bool:
            raise NotImplementedError("masked: booleans have no number that changes no result; cast with .long()")
        limits = torch.iinfo(input.dtype)
        other = limits.max if other > 0 else limits.min
    return torch.where(_mask(input, mask), input, torch.full((), other, dtype=input.dtype, device=input.device))


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions from 0 on, in their order."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    n = max(ndim, 1)
    found: set[int] = set()
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -n <= d < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
        if d % n in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        found.add(d % n)
    return tuple(sorted(found))


def _summing(input: Tensor, dtype: Any) -> Any:
    """The type of a sum or product."""
    return dtype or (torch.int64 if input.dtype.name in SUMMED else input.dtype)


@_documented
def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sum of the elements that a mask leaves; of small integers in int64.

    >>> torch.masked.sum(torch.tensor([1, 2, 3]), mask=torch.tensor([True, False, True]))
    tensor(4)
    """
    dims = _dims(dim, input.ndim)
    return torch.sum(_kept(input, mask, 0), dims, keepdim=bool(keepdim), dtype=_summing(input, dtype))


@_documented
def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The product of the elements that a mask leaves; of small integers in int64.

    >>> torch.masked.prod(torch.tensor([2, 2, 3]), mask=torch.tensor([True, False, True]))
    tensor(6)
    """
    d = _summing(input, dtype)
    y = _kept(input, mask, 1).to(d)
    for i in reversed(_dims(dim, input.ndim)):
        y = torch.prod(y, i, keepdim=bool(keepdim), dtype=d)
    return y


@_documented
def amax(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The largest of the elements that a mask leaves.

    >>> torch.masked.amax(torch.tensor([1, 2, 3]), mask=torch.tensor([True, True, False]))
    tensor(2)
    """
    y = torch.amax(_kept(input, mask, -torch.inf), _dims(dim, input.ndim), bool(keepdim))
    return y.to(dtype or input.dtype)


@_documented
def amin(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest of the elements that a mask leaves.

    >>> torch.masked.amin(torch.tensor([1, 2, 3]), mask=torch.tensor([False, True, True]))
    tensor(2)
    """
    y = torch.amin(_kept(input, mask, torch.inf), _dims(dim, input.ndim), bool(keepdim))
    return y.to(dtype or input.dtype)


@_documented
def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The position of the largest of the elements that a mask leaves, in the type of ``input``.

    >>> torch.masked.argmax(torch.tensor([1, 2, 3]), mask=torch.tensor([True, True, False]))
    tensor(1)
    """
    return torch.argmax(_kept(input, mask, -torch.inf), dim, bool(keepdim)).to(dtype or input.dtype)


@_documented
def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The position of the smallest of the elements that a mask leaves, in the type of ``input``.

    >>> torch.masked.argmin(torch.tensor([1, 2, 3]), mask=torch.tensor([False, True, True]))
    tensor(1)
    """
    return torch.argmin(_kept(input, mask, torch.inf), dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    """How many elements the mask leaves."""
    there = torch.ones_like(input, dtype=torch.bool) if mask is None else _mask(input, mask)
    return torch.sum(there, _dims(dim, input.ndim), keepdim=keepdim)


@_documented
def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of the elements that a mask leaves.

    Raises:
        ValueError: the result would be of integers.

    >>> torch.masked.mean(torch.tensor([1.0, 2.0, 5.0]), mask=torch.tensor([True, False, True]))
    tensor(3.)
    """
    d = dtype or input.dtype
    if not (d.is_floating_point or d.is_complex):
        raise ValueError(f"mean(): the dtype must be either a floating point or complex dtype. Got: {d}")
    return sum(input, dim, keepdim=keepdim, dtype=d, mask=mask) / _count(input, dim, bool(keepdim), mask)


def _variance(input: Tensor, dim: Any, less: float, keepdim: bool, dtype: Any, mask: Tensor | None) -> Tensor:
    d = dtype or (input.dtype if input.dtype.is_floating_point or input.dtype.is_complex else torch.float32)
    x = input.to(d)
    centred = x - sum(x, dim, keepdim=True, mask=mask) / _count(x, dim, True, mask)
    square = centred * centred.conj() if d.is_complex else centred * centred
    divisor = torch.clamp(_count(x, dim, keepdim, mask) - less, min=0)
    return sum(square, dim, keepdim=keepdim, mask=mask) / divisor.to(d.to_real() if d.is_complex else d)


def _correction(unbiased: bool | None, correction: float | None) -> float:
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    return correction if correction is not None else 1.0 if unbiased is None else float(unbiased)


@_documented
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements that a mask leaves.

    Raises:
        AssertionError: both ``unbiased`` and ``correction``.

    >>> torch.masked.var(torch.tensor([1.0, 2.0, 5.0]), mask=torch.tensor([True, False, True]))
    tensor(8.)
    """
    return _variance(input, dim, _correction(unbiased, correction), bool(keepdim), dtype, mask)


@_documented
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The deviation of the elements that a mask leaves: the root of their variance.

    Raises:
        AssertionError: both ``unbiased`` and ``correction``.

    >>> torch.masked.std(torch.tensor([1.0, 2.0, 5.0]), unbiased=False, mask=torch.tensor([True, False, True]))
    tensor(2.)
    """
    return torch.sqrt(_variance(input, dim, _correction(unbiased, correction), bool(keepdim), dtype, mask))


@_documented
def norm(
    input: Tensor,
    ord: float = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of the elements that a mask leaves.

    >>> torch.masked.norm(torch.tensor([3.0, 2.0, 4.0]), mask=torch.tensor([True, False, True]))
    tensor(5.)
    """
    x = _kept(input, mask, torch.inf if ord == -torch.inf else 0)
    return torch.linalg.vector_norm(x, ord, _dims(dim, input.ndim), bool(keepdim), dtype=dtype or input.dtype)


@_documented
def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The median of the elements that a mask leaves; of an even number of them the lower one of both in the middle.

    Raises:
        ValueError: integers of which a row has none left.

    >>> torch.masked.median(torch.tensor([3.0, 2.0, 4.0]), mask=torch.tensor([True, False, True]))
    tensor(3.)
    """
    d = dtype or input.dtype
    x = input if input.dtype.is_floating_point else input.to(torch.float32)
    y = torch.nanmedian(_kept(x, mask, torch.nan), _dims(dim, input.ndim)[0], keepdim)[0]
    if input.dtype.is_floating_point:
        return y
    if bool(torch.isnan(y).any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return y.to(d)


@_documented
def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """``log(sum(exp(x)))`` of the elements that a mask leaves.

    >>> torch.masked.logsumexp(torch.tensor([0.0, 9.0, 0.0]), mask=torch.tensor([True, False, True]))
    tensor(0.6931)
    """
    y = torch.logsumexp(_kept(input, mask, -torch.inf), _dims(dim, input.ndim), keepdim)
    return y.to(dtype or input.dtype)


@_documented
def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Sums from the first element on, without those where a mask is false.

    >>> torch.masked.cumsum(torch.tensor([1, 2, 3]), 0, mask=torch.tensor([True, False, True]))
    tensor([1, 1, 4])
    """
    return torch.cumsum(_kept(input, mask, 0), _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


@_documented
def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Products from the first element on, without those where a mask is false.

    >>> torch.masked.cumprod(torch.tensor([1, 2, 3]), 0, mask=torch.tensor([True, False, True]))
    tensor([1, 1, 3])
    """
    return torch.cumprod(_kept(input, mask, 1), _dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


@_documented
def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """``softmax`` of the elements that a mask leaves; the others become 0, and NaN where none are left.

    >>> torch.masked.softmax(torch.tensor([1.0, 9.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    dims = _dims(dim, input.ndim)
    return torch.nn.functional.softmax(_kept(input, mask, -torch.inf), dims[0], dtype=dtype or input.dtype)


@_documented
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """``log_softmax`` of the elements that a mask leaves; the others become -inf, and NaN where none are left.

    >>> torch.masked.log_softmax(torch.tensor([1.0, 9.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    dims = _dims(dim, input.ndim)
    return torch.nn.functional.log_softmax(_kept(input, mask, -torch.inf), dims[0], dtype=dtype or input.dtype)


@_documented
def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """``softmax(-x)`` of the elements that a mask leaves; the others become 0, and NaN where none are left.

    >>> torch.masked.softmin(torch.tensor([1.0, 0.0, 1.0]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    dims = _dims(dim, input.ndim)
    return torch.nn.functional.softmin(_kept(input, mask, torch.inf), dims[0], dtype=dtype or input.dtype)


@_documented
def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The elements that a mask leaves over their norm; the others become 0.

    >>> torch.masked.normalize(torch.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=torch.tensor([True, False, True]))
    tensor([0.6000, 0.0000, 0.8000])
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _kept(input, mask, 0) / torch.maximum(length, length.new_full((), eps))


@_documented
def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """``log(exp(input) + exp(other))`` of the elements that masks leave, of which those left out count as -inf.

    >>> a, b = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 5.0])
    >>> torch.masked.logaddexp(a, b, other_mask=torch.tensor([True, False]))
    tensor([0.6931, 1.0000])
    """
    left, right = _kept(input, input_mask, -torch.inf), _kept(other, other_mask, -torch.inf)
    return torch.logaddexp(left, right).to(dtype or input.dtype)
