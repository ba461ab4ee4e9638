"""Windows: functions that fade out at both ends, as vectors. All are computed in double precision.

``torch.signal.windows`` has symmetric ones unless asked otherwise, ``torch.hann_window`` and similar functions periodic
ones: a periodic window of M elements is the symmetric one of M + 1, without the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, empty
from numtorch.arguments import integer
from numtorch.device import as_device
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.layouts import strided
from numtorch.ops.creation import finish, tensor

NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
BLACKMAN = (0.42, 0.5, 0.08)


def _evaluated(f: Callable, m: int, symmetric: bool, d: DType, device: Any, requires_grad: bool) -> Tensor:
    """``f(positions, n)`` at the first m of the positions 0, 1, ..., n - 1; one element alone is 1."""
    where = as_device(device)
    if where.type == "meta":
        return empty((m,), d, where)
    values = np.ones(m) if m < 2 else f(np.arange(m, dtype=np.float64), m + (not symmetric))
    return finish(tensor(values, dtype=d, device=where), requires_grad)


def made(
    name: str, f: Callable, m: Any, sym: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool
) -> Tensor:
    """A window of ``torch.signal``."""
    m = integer(m, name, "M")
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if m < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={m}")
    if layout is not None and layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if d not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: torch.{d.name}")
    return _evaluated(f, m, bool(sym), d, device, requires_grad)


def _cosines(a: Any) -> Callable:
    """``sum over i of (-1)^i a[i] cos(i t)``, where t goes once round."""
    return lambda k, n: sum((-1) ** i * c * np.cos(2 * np.pi * i / (n - 1) * k) for i, c in enumerate(a))


def _triangle(k: np.ndarray, n: int) -> np.ndarray:
    return 1 - np.abs(2 / (n - 1) * k - 1)


def _bessel(beta: float) -> Callable:
    """``i0(beta * sqrt(1 - t^2)) / i0(beta)``, where t goes from -1 to 1."""
    return lambda k, n: np.i0(beta * np.sqrt(np.maximum(1 - (2 / (n - 1) * k - 1) ** 2, 0))) / np.i0(beta)


# --- torch.signal.windows ---------------------------------------------------------------------------


@exported("signal.windows")
def general_cosine(
    M: int,  # noqa: N803 - as in torch
    *,
    a: Any,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of cosines: ``sum over i of (-1)^i a[i] cos(2 pi i k / (M - 1))``.

    Args:
        M: how many elements.
        a: the coefficients.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, there are no coefficients, or the type is another one.
        TypeError: the coefficients are no list.

    >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, list | tuple):
        raise TypeError(f"Coefficients must be a list/tuple, got {type(a).__name__}")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    values = _cosines(a)
    return made("general_cosine", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def general_hamming(
    M: int,  # noqa: N803 - as in torch
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine: ``alpha - (1 - alpha) cos(2 pi k / (M - 1))``.

    Args:
        M: how many elements.
        alpha: of the formula.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.general_hamming(3, alpha=0.75)
    tensor([0.5000, 1.0000, 0.5000])
    """
    values = _cosines((alpha, 1 - alpha))
    return made("general_hamming", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def hamming(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming's window: ``0.54 - 0.46 cos(2 pi k / (M - 1))``.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    values = _cosines((0.54, 0.46))
    return made("hamming", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def hann(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hann's window: ``(1 - cos(2 pi k / (M - 1))) / 2``.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    values = _cosines((0.5, 0.5))
    return made("hann", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def blackman(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window: ``0.42 - 0.5 cos(2 pi k / (M - 1)) + 0.08 cos(4 pi k / (M - 1))``.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.blackman(4)[1:3]
    tensor([0.6300, 0.6300])
    """
    values = _cosines(BLACKMAN)
    return made("blackman", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def nuttall(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window: a sum of four cosines whose side lobes are least.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.nuttall(3)
    tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    values = _cosines(NUTTALL)
    return made("nuttall", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def bartlett(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Bartlett's window: a triangle, ``1 - abs(2 k / (M - 1) - 1)``.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    values = _triangle
    return made("bartlett", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def cosine(
    M: int,  # noqa: N803 - as in torch
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half of a sine: ``sin(pi (k + 0.5) / M)``.

    Args:
        M: how many elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, or the type is another one.

    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """

    def values(k: np.ndarray, n: int) -> np.ndarray:
        return np.sin(np.pi / n * (k + 0.5))

    return made("cosine", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def exponential(
    M: int,  # noqa: N803 - as in torch
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Exponentials to both sides: ``exp(-abs(k - center) / tau)``.

    Args:
        M: how many elements.
        center: where it is 1; the middle unless given, as it must be in a symmetric window.
        tau: in which distance it falls by a factor of e.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, ``tau`` is not positive, a symmetric one has a center, or the type is another one.

    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def values(k: np.ndarray, n: int) -> np.ndarray:
        return np.exp(-np.abs(k - ((n - 1) / 2 if center is None else center)) / tau)

    return made("exponential", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def gaussian(
    M: int,  # noqa: N803 - as in torch
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A Gaussian around the middle: ``exp(-t^2 / 2)`` with ``t = (k - (M - 1) / 2) / std``.

    Args:
        M: how many elements.
        std: its standard deviation, in elements.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, ``std`` is not positive, or the type is another one.

    >>> torch.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def values(k: np.ndarray, n: int) -> np.ndarray:
        return np.exp(-(((k - (n - 1) / 2) / std) ** 2) / 2)

    return made("gaussian", values, M, sym, dtype, layout, device, requires_grad)


@exported("signal.windows")
def kaiser(
    M: int,  # noqa: N803 - as in torch
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: ``i0(beta sqrt(1 - t^2)) / i0(beta)`` with ``t = 2 k / (M - 1) - 1``.

    Args:
        M: how many elements.
        beta: how fast it fades.
        sym: symmetric; False begins a periodic function, of which the next element would be the first one.
        dtype: float32 or float64; the default type unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.

    Returns:
        A vector of M numbers.

    Raises:
        ValueError: M is negative, ``beta`` is negative, or the type is another one.

    >>> torch.signal.windows.kaiser(3, beta=1.0)
    tensor([0.7898, 1.0000, 0.7898])
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    values = _bessel(beta)
    return made("kaiser", values, M, sym, dtype, layout, device, requires_grad)


# --- torch.hann_window and similar ------------------------------------------------------------------


def _older(
    name: str, f: Callable, length: Any, periodic: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool
) -> Tensor:
    """A window that is periodic unless asked otherwise."""
    m = integer(length, name, "window_length")
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if layout is not None and layout is not strided:
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    if not d.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: torch.{d.name}")
    if m < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={m}")
    return _evaluated(f, m, not periodic, d, device, requires_grad)


@exported("torch")
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Hann's window: ``(1 - cos(2 pi k / N)) / 2``.

    Args:
        window_length: how many elements, N.
        periodic: the next element would be the first one again; False makes a symmetric window, with N - 1 for N.
        dtype: a floating type; the default one unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.
        pin_memory: makes no difference.

    Returns:
        A vector of N numbers.

    Raises:
        RuntimeError: the length is negative, or the type is not floating.

    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("hann_window", _cosines((0.5, 0.5)), window_length, periodic, dtype, layout, device, requires_grad)


@exported("torch")
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming's window: ``alpha - beta * cos(2 pi k / N)``.

    Args:
        window_length: how many elements, N.
        periodic: the next element would be the first one again; False makes a symmetric window, with N - 1 for N.
        alpha, beta: of the formula.
        dtype: a floating type; the default one unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.
        pin_memory: makes no difference.

    Returns:
        A vector of N numbers.

    Raises:
        RuntimeError: the length is negative, or the type is not floating.

    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _older(
        "hamming_window", _cosines((alpha, beta)), window_length, periodic, dtype, layout, device, requires_grad
    )


@exported("torch")
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window: ``0.42 - 0.5 cos(2 pi k / N) + 0.08 cos(4 pi k / N)``.

    Args:
        window_length: how many elements, N.
        periodic: the next element would be the first one again; False makes a symmetric window, with N - 1 for N.
        dtype: a floating type; the default one unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.
        pin_memory: makes no difference.

    Returns:
        A vector of N numbers.

    Raises:
        RuntimeError: the length is negative, or the type is not floating.

    >>> torch.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _older("blackman_window", _cosines(BLACKMAN), window_length, periodic, dtype, layout, device, requires_grad)


@exported("torch")
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Bartlett's window: a triangle, ``1 - abs(2 k / N - 1)``.

    Args:
        window_length: how many elements, N.
        periodic: the next element would be the first one again; False makes a symmetric window, with N - 1 for N.
        dtype: a floating type; the default one unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.
        pin_memory: makes no difference.

    Returns:
        A vector of N numbers.

    Raises:
        RuntimeError: the length is negative, or the type is not floating.

    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _older("bartlett_window", _triangle, window_length, periodic, dtype, layout, device, requires_grad)


@exported("torch")
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: ``i0(beta sqrt(1 - t^2)) / i0(beta)`` with ``t = 2 k / N - 1``.

    Args:
        window_length: how many elements, N.
        periodic: the next element would be the first one again; False makes a symmetric window, with N - 1 for N.
        beta: how fast it fades.
        dtype: a floating type; the default one unless given.
        layout: ``torch.strided``.
        device, requires_grad: of the result.
        pin_memory: makes no difference.

    Returns:
        A vector of N numbers.

    Raises:
        RuntimeError: the length is negative, or the type is not floating.

    >>> torch.kaiser_window(4, True, 1.0)
    tensor([0.7898, 0.9450, 1.0000, 0.9450])
    """
    return _older("kaiser_window", _bessel(beta), window_length, periodic, dtype, layout, device, requires_grad)
