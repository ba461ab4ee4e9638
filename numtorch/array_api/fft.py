"""The extension for Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch.array_api.types import Tensor, checked

_OF = {"fft": "floating", "ifft": "floating", "rfft": "real floating", "irfft": "floating"}
_OF |= {"hfft": "floating", "ihfft": "real floating"}


def _along(name: str, doc: str) -> Callable:
    compute, group = getattr(torch.fft, name), _OF[name]

    def function(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return compute(checked(name, x, group), n, axis, norm)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _over(name: str, doc: str) -> Callable:
    compute, group = getattr(torch.fft, name), _OF[name[:-1]]

    def function(x: Tensor, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
        return compute(
            checked(name, x, group), None if s is None else tuple(s), None if axes is None else tuple(axes), norm
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


fft = _along("fft", "The discrete Fourier transform along an axis.")
ifft = _along("ifft", "The inverse of ``fft``.")
rfft = _along("rfft", "``fft`` of real numbers: the half that determines the rest.")
irfft = _along("irfft", "The inverse of ``rfft``.")
hfft = _along("hfft", "``fft`` of numbers that are conjugate to their mirror images, which gives real ones.")
ihfft = _along("ihfft", "The inverse of ``hfft``.")
fftn = _over("fftn", "The discrete Fourier transform along axes.")
ifftn = _over("ifftn", "The inverse of ``fftn``.")
rfftn = _over("rfftn", "``fftn`` of real numbers: the half that determines the rest.")
irfftn = _over("irfftn", "The inverse of ``rfftn``.")


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of ``fft``."""
    return torch.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of ``rfft``."""
    return torch.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Frequency 0 moved to the middle."""
    return torch.fft.fftshift(checked("fftshift", x, "floating"), axes)


def ifftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """The inverse of ``fftshift``."""
    return torch.fft.ifftshift(checked("ifftshift", x, "floating"), axes)
