"""Transforms of windows along a signal, and the signal from them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numtorch import notices, ops
from numtorch._tensor import Tensor
from numtorch.arguments import integer
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.fourier.functions import fft, ifft, irfft, rfft
from numtorch.ops.movement.views import as_strided_backward

LEAST = 1e-11  # what the windows over an element must add up to
EXTENSIONS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # as NumPy calls them


def _extended(x: Tensor, width: int, mode: str) -> Tensor:
    """The signals continued to both sides."""
    if mode == "constant":
        return movement.pad_ends(x, (width, width), 0.0)
    if mode not in EXTENSIONS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}; use constant, reflect, replicate or circular")
    n = x.shape[-1]
    if width >= n + (mode == "circular") and mode != "replicate":
        raise RuntimeError(
            f"stft: Padding size should be less than the corresponding input dimension, but got: padding {width} for "
            f"{n} elements; with pad_mode='constant' zeros are added"
        )
    return ops.indexing.index_select(x, x.ndim - 1, _positions(n, width, mode, x.device))


@lru_cache(16)
def _positions(n: int, width: int, mode: str, device: Any) -> Tensor:
    """Which element each one of the longer signal is."""
    at = np.pad(np.arange(n), width, mode=EXTENSIONS[mode])  # type: ignore[call-overload]
    return ops.creation.tensor(at, device=device)


def _lengths(name: str, n_fft: Any, hop_length: Any, win_length: Any, window: Any) -> tuple[int, int, int]:
    """The three lengths, checked but for their size, and that the window is a tensor."""
    n = integer(n_fft, name, "n_fft")
    hop = n // 4 if hop_length is None else integer(hop_length, name, "hop_length")
    length = n if win_length is None else integer(win_length, name, "win_length")
    if window is not None and not isinstance(window, Tensor):
        raise TypeError(f"{name}(): argument 'window' must be Tensor, not {type(window).__name__}")
    return n, hop, length


def _whole_window(window: Tensor | None, length: int, n: int, like: Tensor) -> Tensor | None:
    """The window, of ones unless given, in the middle of n elements; None if it is ones alone."""
    if window is None:
        if length == n:
            return None
        d = like.dtype.to_real() if like.dtype.is_complex else like.dtype
        window = ops.creation.ones(length, dtype=d, device=like.device)
    left = (n - length) // 2
    return movement.pad_ends(window, (left, n - length - left), 0.0) if length < n else window


@exported("torch", "Tensor")
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of windows along a signal: which frequencies it has when.

    Args:
        input: signals, (L) or (N, L), floating or complex.
        n_fft: how many elements are transformed.
        hop_length: how far the next window begins behind; a quarter of ``n_fft`` unless given.
        win_length: elements of the window, in the middle of those that are transformed; all unless given.
        window: what the elements are multiplied by; ones unless given.
        center: the first window has the first element in its middle: the signal is continued to both sides.
        pad_mode: how: ``"reflect"``, ``"replicate"``, ``"circular"``, or ``"constant"`` with zeros.
        normalized: divide by ``sqrt(n_fft)``.
        onesided: only half of each transform, as of real numbers; it is so for these unless given.
        return_complex: must be given for real numbers; False returns the parts in a last dimension.
        align_to_window: without ``center``, windows begin where the signal does, not where the transforms do.

    Returns:
        Complex numbers (N, frequencies, windows), or without N.

    Raises:
        RuntimeError: lengths that do not fit, ``return_complex`` is missing, or half of complex numbers is asked for.
        NotImplementedError: an unknown ``pad_mode``.

    >>> torch.stft(torch.ones(4), 4, hop_length=2, return_complex=True).real
    tensor([[4., 4., 4.],
            [0., 0., 0.],
            [0., 0., 0.]])
    """
    n, hop, length = _lengths("stft", n_fft, hop_length, win_length, window)
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = input
    if center and x.ndim:
        x = _extended(x, n // 2, pad_mode) if n > 1 else x
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(f"stft: expected a tensor of floating point or complex values, got {x.dtype.name}")
    if x.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got {x.ndim} dimensions")
    size = x.shape[-1]
    if not 0 < n <= size:
        raise RuntimeError(f"stft: expected 0 < n_fft < {size}, but got n_fft={n}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and window.shape != (length,):
        raise RuntimeError(
            f"stft: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )
    is_complex = x.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not is_complex:
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs; pass True")
    if is_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    half = not is_complex if onesided is None else onesided
    if align_to_window:
        left = (n - length) // 2
        x = movement.pad_ends(x, (left, n - length - left), 0.0)
    frames = movement.unfold(x, x.ndim - 1, n, hop)
    scale = _whole_window(window, length, n, x)
    frames = frames if scale is None else frames * scale
    y = (rfft if half else fft)(frames, norm="ortho" if normalized else None)
    y = movement.transpose(y, -2, -1)
    if return_complex is False:
        notices.warn("stft with return_complex=False is deprecated; view_as_real gives the parts", UserWarning)
        return movement.view_as_real(movement.contiguous(y))
    return y


@exported("torch", "Tensor")
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The inverse of ``stft``: the signal whose windows come nearest to those given.

    Each element is the sum of the windows' elements over it, times the window, over the sum of the window's squares.

    Args:
        input: complex numbers (N, frequencies, windows), or without N.
        n_fft, hop_length, win_length, window, center, normalized, onesided: as they were for ``stft``; whether half of
            each transform is there is seen, unless given.
        length: of the signal; what the windows reach unless given.
        return_complex: the signal is complex.

    Returns:
        (N, L), or without N.

    Raises:
        RuntimeError: lengths that do not fit, real numbers, or an element over which the windows are 0.

    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> window = torch.ones(2)
    >>> torch.istft(torch.stft(x, 2, 1, window=window, return_complex=True), 2, 1, window=window)
    tensor([1., 2., 3., 4.])
    """
    if window is None:
        notices.warn(
            "A window was not provided. A rectangular window will be applied. Pass the window that stft had, or "
            "window=torch.ones(n_fft).",
            UserWarning,
        )
    n, hop, win = _lengths("istft", n_fft, hop_length, win_length, window)
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    _check(input, n, hop, win, window, onesided, return_complex)
    z = movement.transpose(input if input.ndim == 3 else movement.unsqueeze(input, 0), -2, -1)
    norm = "ortho" if normalized else None
    frames = ifft(z, norm=norm) if return_complex else irfft(z[..., : n // 2 + 1], n, norm=norm)
    scale = _whole_window(window, win, n, frames)
    if scale is None:
        scale = ops.creation.ones(n, dtype=frames.dtype, device=frames.device)
    windows, reach = z.shape[1], n + hop * (z.shape[1] - 1)
    y = _added(frames * scale, reach, hop)
    envelope = _added(movement.expand(scale * scale, (1, windows, n)), reach, hop)
    start = n // 2 if center else 0
    end = start + integer(length, "istft", "length") if length is not None else reach - (n // 2 if center else 0)
    y, envelope = (movement.narrow(t, 1, start, max(min(end, reach) - start, 0)) for t in (y, envelope))
    if not y.shape[1] or (y.device.type != "meta" and reduction.amin(ops.elementary.abs(envelope)).item() <= LEAST):
        raise RuntimeError(
            "istft: window overlap add min: the windows over an element add up to 0; use a smaller hop_length, or the "
            "window and center that stft had"
        )
    y = y / envelope
    if end > reach:
        notices.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            UserWarning,
        )
        y = movement.pad_ends(y, (0, end - reach), 0.0)
    return y if input.ndim == 3 else movement.squeeze(y, 0)


def _added(frames: Tensor, reach: int, hop: int) -> Tensor:
    """Windows (N, windows, n) added up where they overlap: (N, reach). What ``unfold`` has for its gradient."""
    shape, size = (frames.shape[0], reach), tuple(frames.shape)
    return as_strided_backward(frames, shape, size, (reach, hop, 1))


def _check(
    z: Tensor, n: int, hop: int, win: int, window: Tensor | None, onesided: bool | None, return_complex: bool
) -> None:
    """RuntimeError where lengths or types do not fit."""
    if z.ndim not in (2, 3):
        raise (IndexError if z.ndim < 2 else RuntimeError)(f"istft: expected 2 or 3 dimensions, but got {z.ndim}")
    if not z.shape.numel():
        raise RuntimeError("istft: input tensor cannot be empty.")
    have = z.shape[-2]
    half = have != n if onesided is None else onesided
    if have != (n // 2 + 1 if half else n):
        raise RuntimeError(
            f"istft: expected the frequency dimension of the input tensor to match n_fft{' / 2 + 1' * half} when "
            f"onesided={half}, but got {have} for n_fft={n}"
        )
    if not 0 < hop <= win:
        raise RuntimeError(f"istft: expected 0 < hop_length <= win_length, but got {hop} and {win}")
    if not 0 < win <= n:
        raise RuntimeError(f"istft: expected 0 < win_length <= n_fft, but got {win} and {n}")
    if window is not None and window.shape != (win,):
        raise RuntimeError(
            f"istft: Invalid window shape. window has to be 1D and length of win_length={win}, got {list(window.shape)}"
        )
    if half and return_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if window is not None and window.dtype.is_complex and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
