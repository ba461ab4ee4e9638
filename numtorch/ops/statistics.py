"""Quantiles, histograms, covariances, sums that leave NaN out, and integrals by the trapezoidal rule."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import moments, movement, reduction
from numtorch.ops.arithmetic import clamp, where
from numtorch.ops.comparison import logical_not
from numtorch.ops.complex_numbers import conj
from numtorch.ops.elementary import ceil, floor, isnan, nearest, sqrt
from numtorch.ops.linear_algebra.lapack import returned
from numtorch.ops.matmul import matmul
from numtorch.storage import wrap_dim


def _with_mean(f: Any, x: Tensor, args: tuple, named: dict) -> tuple[Tensor, Tensor]:
    given = dict(zip(("dim", "unbiased", "keepdim"), args, strict=False)) | named
    if isinstance(given.get("dim"), bool):  # the older form, of which the first is ``unbiased``
        given = {"unbiased": given.pop("dim")} | given
    dim, keepdim = given.get("dim"), given.get("keepdim", False)
    return f(x, **given), reduction.mean(x, dim, keepdim) if dim is not None or keepdim else reduction.mean(x)


@exported("torch")
def var_mean(input: Tensor, *args: Any, **named: Any) -> tuple[Tensor, Tensor]:
    """The variance and the mean of all elements, or along dimensions.

    Args:
        input: of a floating or complex type.
        *args, **named: ``dim``, ``unbiased`` or ``correction``, ``keepdim`` as for ``torch.var``.

    Returns:
        (variance, mean).

    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _with_mean(moments.var, input, args, named)


@exported("torch")
def std_mean(input: Tensor, *args: Any, **named: Any) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean of all elements, or along dimensions.

    Args:
        input: of a floating or complex type.
        *args, **named: ``dim``, ``unbiased`` or ``correction``, ``keepdim`` as for ``torch.std``.

    Returns:
        (deviation, mean).

    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _with_mean(moments.std, input, args, named)


@exported("torch", "Tensor")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest element, of all or along a dimension.

    Args:
        input: of any real type.
        dim: the dimension; all if None.
        keepdim: whether it stays, with extent 1.

    Returns:
        (min, max).

    >>> torch.aminmax(torch.tensor([3, 1, 2])).max
    tensor(3)
    """
    if out is not None:
        return into(out, SAME, aminmax, input, dim=dim, keepdim=keepdim)
    dims: Any = tuple(range(input.ndim)) if dim is None else dim
    if not input.ndim:
        return returned("aminmax", "min", "max")((input.clone(), input.clone()))
    found = reduction.amin(input, dims, keepdim=keepdim), reduction.amax(input, dims, keepdim=keepdim)
    return returned("aminmax", "min", "max")(found)


# --- without NaN ----------------------------------------------------------------------------------


@exported("torch", "Tensor")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The sum in which NaN counts as 0.

    Args:
        input: of any real type.
        dim: the dimension or dimensions; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type of the result.

    Returns:
        The shape of ``input`` without ``dim``.

    >>> torch.nansum(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(3.)
    """
    if out is not None:
        return into(out, SAME, nansum, input, dim, keepdim, dtype=dtype)
    x = where(isnan(input), 0.0, input) if input.dtype.is_floating_point else input
    return reduction.sum(x, dim, keepdim, dtype=dtype)


@exported("torch", "Tensor")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The mean of the elements that are not NaN.

    Args:
        input: of a floating type.
        dim: the dimension or dimensions; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type of the result.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        RuntimeError: ``input`` is of integers.

    >>> torch.nanmean(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(1.5000)
    """
    if out is not None:
        return into(out, SAME, nanmean, input, dim, keepdim, dtype=dtype)
    if not input.dtype.differentiable:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.name}; cast with "
            ".float()"
        )
    there = reduction.sum(logical_not(isnan(input)), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / there.to(input.dtype)


# --- quantiles ------------------------------------------------------------------------------------


@exported("torch", "Tensor")
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Any = None,
) -> Tensor:
    """The q-th quantiles: of the sorted elements that at ``q * (n - 1)``, between two by interpolation. NaN where any
    element is NaN.

    Args:
        input: of type float32 or float64.
        q: a number from 0 to 1, or a vector of such numbers in the type of ``input``.
        dim: the dimension; all elements if None.
        keepdim: whether it stays, with extent 1.
        interpolation: ``linear``, ``lower``, ``higher``, ``midpoint`` or ``nearest``.

    Returns:
        The shape of ``input`` without ``dim``, and before it the length of ``q`` if that is a vector.

    Raises:
        RuntimeError: ``q`` is beyond 0 and 1 or of another type, there are no elements, or another interpolation.

    >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    if out is not None:
        return into(out, SAME, quantile, input, q, dim, keepdim, interpolation=interpolation)
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@exported("torch", "Tensor")
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Any = None,
) -> Tensor:
    """``torch.quantile`` of the elements that are not NaN.

    Args:
        input, q, dim, keepdim, interpolation: as there.

    Returns:
        As there; NaN where there are only NaN.

    Raises:
        RuntimeError: as there.

    >>> torch.nanquantile(torch.tensor([0.0, torch.nan, 2.0]), 0.5)
    tensor(1.)
    """
    if out is not None:
        return into(out, SAME, nanquantile, input, q, dim, keepdim, interpolation=interpolation)
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name: str, x: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip: bool) -> Tensor:
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, got {x.dtype.name}")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not x.shape.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    q = q if isinstance(q, Tensor) else ops.creation.tensor(q, dtype=x.dtype, device=x.device)
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not x.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor, got {q.dtype.name}")
    if bool(reduction.any((q < 0) | (q > 1))):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    shape = tuple(x.shape)
    if dim is None:
        kept, rows = (1,) * len(shape), movement.reshape(x, (-1,))
        reduced: tuple = kept if keepdim else ()
    else:
        d = wrap_dim(dim, max(x.ndim, 1), name)
        rows = movement.movedim(x, d, -1) if x.ndim else movement.reshape(x, (1,))
        reduced = (*shape[:d], *((1,) if keepdim else ()), *shape[d + 1 :]) if x.ndim else ()
    ordered = ops.sorting.sort(rows, -1)[0]
    missing = isnan(ordered)
    count = reduction.sum(logical_not(missing), -1, keepdim=True)
    n = rows.shape[-1]
    if not skip:
        count = where(count == n, n, 1)  # where any is NaN, which is last, the result is made NaN below
    place = movement.reshape(q, (-1,)) * (clamp(count, 1) - 1).to(x.dtype)
    if interpolation in ("lower", "higher", "nearest"):
        place = {"lower": floor, "higher": ceil, "nearest": nearest}[interpolation](place)
    below = floor(place)
    weight = place - below
    if interpolation == "midpoint":
        weight = where(weight == 0, 0.0, 0.5).to(x.dtype)
    low = ops.indexing.gather(ordered, -1, below.to(dtypes.int64))
    high = ops.indexing.gather(ordered, -1, ceil(place).to(dtypes.int64))
    found = where(weight == 0, low, low + (high - low) * weight)
    if not skip:
        found = where(movement.expand(missing[..., -1:], found.shape), float("nan"), found)
    found = movement.movedim(found, -1, 0)
    return movement.reshape(found, (*q.shape, *reduced))


# --- histograms -----------------------------------------------------------------------------------


def _range(name: str, x: Tensor | None, low: Any, high: Any) -> tuple[float, float]:
    if low == high and x is not None and x.shape.numel():
        low, high = float(reduction.amin(x)), float(reduction.amax(x))
    if low != low or high != high or low in (float("inf"), -float("inf")) or high in (float("inf"), -float("inf")):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min, got [{low}, {high}]")
    return (low - 1, high + 1) if low == high and name == "torch.histc" else (low, high)


@exported("torch", "Tensor")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Tensor:
    """How many elements lie in each of several intervals of one width.

    Args:
        input: of a floating type.
        bins: the number of intervals.
        min, max: where they begin and end; the smallest and the largest element if both are equal. Elements beyond are
            not counted, and ``max`` itself is in the last interval.

    Returns:
        A vector of ``bins`` counts in the type of ``input``.

    Raises:
        RuntimeError: ``bins`` is not positive, or the range is not finite.

    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if out is not None:
        return into(out, SAME, histc, input, bins, min, max)
    if bins <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins} for dimension 0")
    low, high = _range("torch.histc", input, float(min), float(max))
    x = movement.reshape(input.detach(), (-1,))
    if not x.shape[0]:
        return ops.creation.zeros(bins, dtype=input.dtype, device=input.device)
    low, high = float(x.new_tensor(low)), float(x.new_tensor(high))
    x = x[(x >= low) & (x <= high)]
    width = float(x.new_tensor(high - low))
    place = clamp(floor((x - low) * bins / width), 0, bins - 1)  # each step rounded to the type, as PyTorch does it
    return ops.searching.bincount(place.to(dtypes.int64), minlength=bins).to(input.dtype)


@exported("torch", "Tensor")
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False, out: Any = None
) -> Any:
    """How many elements lie in each of several intervals, or how much they weigh.

    Args:
        input: of a floating type.
        bins: the number of intervals of one width, or a rising vector of their ends.
        range: (first, last) end, for a number of bins; those of the elements unless given, and 0 and 1 where
            there are none.
        weight: what each element counts; of the shape of ``input``.
        density: whether the result is over the whole and the width of each interval.

    Returns:
        (hist, bin_edges). The last interval has both its ends.

    Raises:
        RuntimeError: ``bins`` is not positive, or the range is not finite.

    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist
    tensor([0., 2., 1., 0.])
    """
    if out is not None:
        return into(out, SAME, histogram, input, bins, range=range, weight=weight, density=density)
    x = movement.reshape(input.detach(), (-1,))
    if isinstance(bins, Tensor):
        edges = bins
    else:
        edges = interval_ends("torch.histogram", x, bins, range)
    counted = ops.creation.ones_like(x) if weight is None else movement.reshape(weight, (-1,))
    inside = (x >= edges[0]) & (x <= edges[-1])
    x, counted = x[inside], counted[inside]
    place = clamp(ops.searching.searchsorted(edges, x, right=True) - 1, 0, edges.shape[0] - 2)
    zeros = ops.creation.zeros(edges.shape[0] - 1, dtype=input.dtype, device=input.device)
    hist = ops.indexing.index_add(zeros, 0, place, counted) if x.shape[0] else zeros
    if density:
        hist = hist / reduction.sum(hist) / (edges[1:] - edges[:-1])
    return returned("histogram", "hist", "bin_edges")((hist, edges))


def interval_ends(name: str, x: Tensor, bins: int, range: Any, dim: int = 0) -> Tensor:
    """The ends of intervals of one width, from the first of ``range`` to the last, or over all elements."""
    if bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins} for dimension {dim}")
    if range is None:
        low, high = _range(name, x, 0.0, 0.0) if x.shape.numel() else (0.0, 1.0)
    else:
        low, high = _range(name, None, *map(float, range))
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    return ops.ranges.linspace(low, high, bins + 1, dtype=x.dtype, device=x.device)


# --- covariances ----------------------------------------------------------------------------------


@exported("torch", "Tensor")
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of variables, which are the rows of a matrix; its columns are observations.

    Args:
        input: a matrix, or a vector for one variable.
        correction: what the number of observations is less by: 1 for samples, 0 for whole populations.
        fweights: how often each observation was made: integers.
        aweights: how important each is.

    Returns:
        A square matrix, or a number for one variable.

    Raises:
        RuntimeError: ``input`` has more dimensions, or the weights do not fit.

    >>> torch.cov(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim}")
    if input.dtype is dtypes.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input; cast with .float()")
    x = input if input.ndim == 2 else movement.reshape(input, (1, -1))
    x = x if x.dtype.differentiable else x.to(dtypes.get_default_dtype())
    n = x.shape[1]
    w: Any = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if weights.ndim > 1 or weights.shape.numel() != n:
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input")
        if name == "fweights" and weights.dtype.differentiable:
            raise RuntimeError(f"cov(): expected fweights to have integral dtype but got {weights.dtype.name}")
        if name == "aweights" and not weights.dtype.is_floating_point:
            raise RuntimeError(f"cov(): expected aweights to have floating point dtype but got {weights.dtype.name}")
        if bool(reduction.any(weights < 0)):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        w = weights if w is None else w * weights
    total: Any = n if w is None else reduction.sum(w)
    center = reduction.sum(x if w is None else x * w, 1, keepdim=True) / total
    left = n - correction if w is None else total - correction
    if w is not None and aweights is not None and correction:
        left = total - correction * reduction.sum(w * aweights) / total
    x = x - center
    weighed = x if w is None else x * w
    other = movement.transpose(weighed, 0, 1)
    left = max(left, 0) if isinstance(left, int) else clamp(left, 0)
    found = matmul(x.to(other.dtype), conj(other) if x.dtype.is_complex else other) / left
    return found if input.ndim == 2 and input.shape[0] != 1 else movement.reshape(found, ())


@exported("torch", "Tensor")
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables: their covariances over the product of their deviations.

    Args:
        input: a matrix whose rows are variables, or a vector for one.

    Returns:
        A square matrix, or a number for one variable.

    Raises:
        RuntimeError: ``input`` has more dimensions.

    >>> torch.corrcoef(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if not c.ndim:
        return c / c
    d = movement.diagonal(c)
    d = sqrt(d.real if c.dtype.is_complex else d)
    found = c / movement.unsqueeze(d, -1).to(c.dtype) / movement.unsqueeze(d, 0).to(c.dtype)
    return found if c.dtype.is_complex else clamp(found, -1, 1)


# --- the trapezoidal rule -------------------------------------------------------------------------


def _trapezoids(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    """The area between each two neighbours."""
    d = wrap_dim(dim, y.ndim, name)
    n = y.shape[d]
    if n < 2:
        none = movement.narrow(y, d, 0, 0)
        return none if none.dtype.differentiable else none.to(dtypes.get_default_dtype())
    sums = movement.narrow(y, d, 0, n - 1) + movement.narrow(y, d, 1, n - 1)
    if x is None:
        return sums * 0.5 if dx is None else sums * (dx / 2 if not isinstance(dx, Tensor) else dx * 0.5)
    if x.ndim == 1:
        if x.shape[0] != n:
            raise RuntimeError(
                f"{name}(): There must be one `x` value for each sample point. Expected {n} values, got {x.shape[0]}"
            )
        steps = movement.reshape(x[1:] - x[:-1], (-1, *(1,) * (y.ndim - d - 1)))
    else:
        e = wrap_dim(dim, x.ndim, name)
        steps = movement.narrow(x, e, 1, n - 1) - movement.narrow(x, e, 0, n - 1)
    return sums * steps * 0.5


@exported("torch")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral by the trapezoidal rule: half of the sum of each two neighbours, times their distance.

    Args:
        y: the values.
        x: where they are; at distance ``dx`` unless given.
        dx: the distance; 1 unless given.
        dim: the dimension along which it is integrated.

    Returns:
        The shape of ``y`` without ``dim``.

    Raises:
        RuntimeError: ``x`` has another length than ``y`` along ``dim``.

    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    return reduction.sum(_trapezoids("trapezoid", y, x, dx, dim), dim)


exported("torch", name="trapz")(trapezoid)


@exported("torch")
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral up to each point, by the trapezoidal rule.

    Args:
        y, x, dx, dim: as for ``torch.trapezoid``.

    Returns:
        The shape of ``y`` with one element less along ``dim``.

    Raises:
        RuntimeError: ``x`` has another length than ``y`` along ``dim``.

    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    return ops.scan.cumsum(_trapezoids("cumulative_trapezoid", y, x, dx, dim), dim)
