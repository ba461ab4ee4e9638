"""``torch.fft``: transforms of one, two and several dimensions, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty
from numtorch.arguments import integer, integers
from numtorch.device import as_device
from numtorch.dispatch.loops import remember
from numtorch.dispatch.out import CAST, COUNTED, into
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.ops import movement
from numtorch.ops.creation import finish
from numtorch.ops.fourier.transforms import to_half, to_real, transformed
from numtorch.storage import wrap_dim

# --- arguments --------------------------------------------------------------------------------------


def _scale(name: str, norm: Any, n: int, forward: bool) -> float:
    """What a transform of n elements is multiplied by."""
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"; use "backward", "ortho" or "forward"')
    if norm == "ortho":
        return 1 / sqrt(n)
    return 1 / n if (norm == "forward") is forward else 1.0


def of_type(name: str, x: Any, numbers: str) -> Tensor:
    """The operand in a type that is transformed: ``numbers`` is ``complex``, or says how to refuse complex ones."""
    if not isinstance(x, Tensor):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    d = x._k.dtype
    if d in dtypes.HALVES:
        raise RuntimeError(f"Unsupported dtype {d.scalar}; cast with .float()")
    if numbers == "real" and d.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {d.scalar}")
    floating = d if d.is_floating_point or d.is_complex else dtypes.get_default_dtype()
    return movement.as_type(x, floating.to_complex() if numbers == "complex" else floating)


def _wrapped(name: str, x: Tensor, dim: Any) -> tuple[int, ...]:
    """Dimensions, or one, counted from 0."""
    dims = integers((dim,) if isinstance(dim, int) else dim, f"fft_{name}", "dim")
    if dims and not x.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return tuple([wrap_dim(d, x.ndim, name) for d in dims])


def axis(name: str, x: Tensor, n: Any, dim: Any) -> tuple[tuple, tuple]:
    """The one dimension of a transform, and its size if given."""
    (d,) = _wrapped(name, x, integer(dim, f"fft_{name}", "dim"))
    n = None if n is None else integer(n, f"fft_{name}", "n")
    if n is not None and n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return (d,), (n,)


def axes(name: str, x: Tensor, s: Any, dim: Any, least: int = 0) -> tuple[tuple, tuple]:
    """The dimensions of a transform, and the size of each: None where it is not given."""
    if s is not None:
        s = integers((s,) if isinstance(s, int) else s, f"fft_{name}", "s")
    if dim is not None:
        dims = _wrapped(name, x, dim)
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"FFT dims must be unique, got {dim}")
        if s is not None and len(s) != len(dims):
            raise RuntimeError(
                f"When given, dim and shape arguments must have the same length, got {len(dims)} and {len(s)}"
            )
    else:
        count = x.ndim if s is None else len(s)
        if count > x.ndim:
            raise RuntimeError(f"Got shape with {count} values but input tensor only has {x.ndim} dimensions.")
        dims = tuple(range(x.ndim - count, x.ndim))
    if len(dims) < least:
        raise RuntimeError(f"{name} must transform at least one axis")
    sizes = tuple([None if n == -1 else n for n in s]) if s is not None else (None,) * len(dims)
    for n in sizes:
        if n is not None and n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return dims, sizes


def _sized(x: Tensor, dim: int, n: int) -> Tensor:
    """n elements along a dimension: those there are, and zeros."""
    have = x.shape[dim]
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    if have > n:
        return movement.narrow(x, dim, 0, n)
    return x if have == n else movement.pad_ends(x, (0, 0) * (x.ndim - 1 - dim) + (0, n - have), 0.0)


# --- the three kinds of transforms ------------------------------------------------------------------


def complexes(name: str, x: Tensor, axes: tuple[tuple, tuple], norm: Any, forward: bool) -> Tensor:
    """Of complex numbers along each of the dimensions, the last first."""
    dims, sizes = axes
    total = 1
    for d, n in zip(dims, sizes, strict=True):
        x = _sized(x, d, x.shape[d] if n is None else n)
        total *= x.shape[d]
    scale = _scale(name, norm, total, forward)
    for d in dims[::-1]:
        x, scale = transformed(x, d, forward, scale), 1.0
    return x


def halves(name: str, x: Tensor, axes: tuple[tuple, tuple], norm: Any, forward: bool) -> Tensor:
    """Of real numbers along the last of the dimensions, then of complex ones along the others."""
    dims, sizes = axes
    total = 1
    for d, n in zip(dims, sizes, strict=True):
        x = _sized(x, d, x.shape[d] if n is None else n)
        total *= x.shape[d]
    x = to_half(x, dims[-1], forward, _scale(name, norm, total, forward))
    for d in dims[-2::-1]:
        x = transformed(x, d, forward, 1.0)
    return x


def reals(name: str, x: Tensor, axes: tuple[tuple, tuple], norm: Any, forward: bool) -> Tensor:
    """Of complex numbers along all dimensions but the last, then along that one to real numbers."""
    dims, sizes = axes
    last = 2 * (x.shape[dims[-1]] - 1) if sizes[-1] is None else sizes[-1]
    if last < 1:
        raise RuntimeError(f"Invalid number of data points ({last}) specified")
    total = last
    for d, n in zip(dims, (*sizes[:-1], last // 2 + 1), strict=True):
        x = _sized(x, d, x.shape[d] if n is None else n)
        total *= x.shape[d] if d != dims[-1] else 1
    for d in dims[:-1]:
        x = transformed(x, d, forward, 1.0)
    return to_real(x, last, dims[-1], forward, _scale(name, norm, total, forward))


# --- one dimension ----------------------------------------------------------------------------------

_KNOWN: dict = {}  # the op and its parameters, by function, operand, dimension and norm


def along(name: str, transform: Callable, x: Any, n: Any, dim: Any, norm: Any, forward: bool) -> Tensor:
    """A transform along one dimension. What is found out about operands of one kind and shape is remembered."""
    key = None
    if n is None and dim.__class__ is int and isinstance(x, Tensor) and (norm is None or norm.__class__ is str):
        key = name, x._k, x.shape, dim, norm
        if known := _KNOWN.get(key):
            f, parameters = known
            return f(x, *parameters)
    of = of_type(name, x, "real" if transform is halves else "complex")
    (d,), sizes = axis(name, of, n, dim)
    y = transform(name, of, ((d,), sizes), norm, forward)
    if key is not None and of is x:
        f = {complexes: transformed, halves: to_half, reals: to_real}[transform]
        size = (y if transform is reals else x).shape[d]
        parameters = d, forward, _scale(name, norm, size, forward)
        remember(_KNOWN, key, (f, (size, *parameters) if transform is reals else parameters))
    return y


@exported("fft")
def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The discrete Fourier transform: ``sum over j of x[j] * exp(-2i pi j k / n)``.

    Args:
        input: of any type but half types; integers count as the default floating type.
        n: how many elements count: the others are cut off, or zeros follow; all of them unless given.
        dim: the dimension.
        norm: by what is divided: ``"backward"`` (None): ``ifft`` by n; ``"forward"``: ``fft`` by n; ``"ortho"``: both
            by ``sqrt(n)``.

    Returns:
        Complex numbers, of size n along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type.
        IndexError: there is no such dimension.

    >>> torch.fft.fft(torch.tensor([1.0, 0.0, -1.0, 0.0])).real
    tensor([0., 2., 0., 2.])
    """
    if out is not None:
        return into(out, CAST, fft, input, n, dim, norm)
    return along("fft", complexes, input, n, dim, norm, True)


@exported("fft")
def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``fft``: ``sum over k of x[k] * exp(2i pi j k / n) / n``.

    Args:
        input: of any type but half types; integers count as the default floating type.
        n: how many elements count: the others are cut off, or zeros follow; all of them unless given.
        dim: the dimension.
        norm: by what is divided: see ``torch.fft.fft``.

    Returns:
        Complex numbers, of size n along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type.
        IndexError: there is no such dimension.

    >>> torch.fft.ifft(torch.fft.fft(torch.tensor([1.0, 2.0]))).real
    tensor([1., 2.])
    """
    if out is not None:
        return into(out, CAST, ifft, input, n, dim, norm)
    return along("ifft", complexes, input, n, dim, norm, False)


@exported("fft")
def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of real numbers: its first half, of which the others are the conjugates.

    Args:
        input: real numbers; integers count as the default floating type.
        n: how many elements count: the others are cut off, or zeros follow; all of them unless given.
        dim: the dimension.
        norm: by what is divided: see ``torch.fft.fft``.

    Returns:
        Complex numbers, of size ``n // 2 + 1`` along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type, or complex.
        IndexError: there is no such dimension.

    >>> torch.fft.rfft(torch.tensor([1.0, 0.0, -1.0, 0.0])).real
    tensor([0., 2., 0.])
    """
    if out is not None:
        return into(out, CAST, rfft, input, n, dim, norm)
    return along("rfft", halves, input, n, dim, norm, True)


@exported("fft")
def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``rfft``: real numbers from the first half of their transform.

    Args:
        input: the half, of any type but half types; the imaginary part of its first number counts as 0.
        n: of the result; ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimension.
        norm: by what is divided: see ``torch.fft.fft``.

    Returns:
        Real numbers, of size n along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type.
        IndexError: there is no such dimension.

    >>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0])), n=3)
    tensor([1., 2., 3.])
    """
    if out is not None:
        return into(out, CAST, irfft, input, n, dim, norm)
    return along("irfft", reals, input, n, dim, norm, False)


@exported("fft")
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of numbers with Hermitian symmetry, from their first half: real.

    Args:
        input: the half, of any type but half types; the imaginary part of its first number counts as 0.
        n: of the result; ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimension.
        norm: by what is divided: see ``torch.fft.fft``.

    Returns:
        Real numbers, of size n along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type.
        IndexError: there is no such dimension.

    >>> torch.fft.hfft(torch.tensor([1.0 + 0.0j, 0.5 + 0.0j]), n=2)
    tensor([1.5000, 0.5000])
    """
    if out is not None:
        return into(out, CAST, hfft, input, n, dim, norm)
    return along("hfft", reals, input, n, dim, norm, True)


@exported("fft")
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``hfft``: the first half of the inverse Fourier transform of real numbers.

    Args:
        input: real numbers; integers count as the default floating type.
        n: how many elements count: the others are cut off, or zeros follow; all of them unless given.
        dim: the dimension.
        norm: by what is divided: see ``torch.fft.fft``.

    Returns:
        Complex numbers, of size ``n // 2 + 1`` along ``dim``.

    Raises:
        RuntimeError: n is below 1, ``norm`` is unknown, or the type is a half type, or complex.
        IndexError: there is no such dimension.

    >>> torch.fft.ihfft(torch.tensor([1.5, 0.5])).real
    tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, CAST, ihfft, input, n, dim, norm)
    return along("ihfft", halves, input, n, dim, norm, False)


# --- frequencies and their order --------------------------------------------------------------------


def _frequencies(
    name: str, counts: np.ndarray, n: int, d: float, dtype: DType | None, device: Any, requires_grad: bool
) -> Tensor:
    """``counts / (n * d)``."""
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not to.is_floating_point:
        raise RuntimeError(f"{name} requires a floating point dtype, got {to.name}")
    where = as_device(device)
    if where.type == "meta":
        return empty((len(counts),), to, where)
    values = counts * (1.0 / (n * d)) if n else counts * 1.0
    return finish(ops.creation.tensor(values, dtype=to, device=where), requires_grad)


def _count(name: str, n: Any) -> int:
    n = integer(n, f"fft_{name}", "n")
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    return n


@exported("fft")
def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies that the numbers of ``fft`` belong to: ``0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1`` over
    ``n * d``.

    Args:
        n: size of the transform.
        d: distance of its samples.
        dtype: a floating type; the default one unless given.
        layout: only ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of n numbers.

    Raises:
        RuntimeError: n is negative, or ``dtype`` is not floating.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    if out is not None:
        return into(out, COUNTED, fftfreq, n, d, dtype=dtype, device=device, requires_grad=requires_grad)
    n = _count("fftfreq", n)
    counts = (np.arange(n) + n // 2) % max(n, 1) - n // 2
    return _frequencies("fftfreq", counts, n, d, dtype, device, requires_grad)


@exported("fft")
def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies that the numbers of ``rfft`` belong to: ``0, 1, ..., n // 2`` over ``n * d``.

    Args:
        n: size of the transform.
        d: distance of its samples.
        dtype: a floating type; the default one unless given.
        layout: only ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of ``n // 2 + 1`` numbers.

    Raises:
        RuntimeError: n is below -3, or ``dtype`` is not floating.

    >>> torch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    if out is not None:
        return into(out, COUNTED, rfftfreq, n, d, dtype=dtype, device=device, requires_grad=requires_grad)
    n = integer(n, "fft_rfftfreq", "n")
    counts = np.arange(_count("rfftfreq", int(n / 2) + 1))
    return _frequencies("rfftfreq", counts, n, d, dtype, device, requires_grad)


def _rolled(name: str, x: Any, dim: Any, more: int) -> Tensor:
    """Dimensions turned by half of their size, rounded up by ``more``."""
    if not isinstance(x, Tensor):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    dims = tuple(range(x.ndim)) if dim is None else _wrapped(name, x, dim)
    return movement.roll(x, tuple([(x.shape[d] + more) // 2 for d in dims]), dims) if dims else movement.clone(x)


@exported("fft")
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The frequencies of ``fft`` in ascending order: the negative ones first.

    Args:
        input: of any type.
        dim: the dimension, or several; all unless given.

    Returns:
        Of the same shape.

    Raises:
        IndexError: there is no such dimension.

    >>> torch.fft.fftshift(torch.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _rolled("fftshift", input, dim, 0)


@exported("fft")
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of ``fftshift``.

    Args:
        input: of any type.
        dim: the dimension, or several; all unless given.

    Returns:
        Of the same shape.

    Raises:
        IndexError: there is no such dimension.

    >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _rolled("ifftshift", input, dim, 1)
