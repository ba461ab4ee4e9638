"""The transforms as functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data.dataset import plain_array
from numtorch.vision.transforms import pixels


def _is_pil(image: Any) -> bool:
    # Recognised by what it offers, so that Pillow need not be installed, or imported.
    return hasattr(image, "getbands") and hasattr(image, "tobytes")


def to_tensor(pic: Any) -> Any:
    """An image as a tensor (channels, height, width); bytes become float32 in [0, 1].

    Args:
        pic: array (height, width) or (height, width, channels), or a PIL image.

    Returns:
        A tensor, float32 for bytes; of the array's dtype for others.

    Raises:
        TypeError: anything else.
        ValueError: an array that is not 2- or 3-dimensional.

    >>> import numpy as np
    >>> from numtorch.vision.transforms import functional
    >>> functional.to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """
    if _is_pil(pic):
        scale = 255 if pic.mode == "1" else 1
        array = np.asarray(pic)
        array = array.astype(np.uint8) * np.uint8(scale) if array.dtype == bool else array
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        kind = f"{type(pic).__module__}.{type(pic).__qualname__}".removeprefix("builtins.")
        hint = "; it is a tensor already" if isinstance(pic, nt.Tensor) else ""
        raise TypeError(f"to_tensor: pic should be PIL Image or ndarray. Got {kind}{hint}")
    if array.ndim not in (2, 3):
        raise ValueError(
            f"to_tensor: pic should be 2/3 dimensional. Got {array.ndim} dimensions. "
            "Give one image, (height, width) or (height, width, channels)"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    h, w, c = array.shape
    if array.dtype != np.uint8:
        return nt.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
    out = np.empty((c, h, w), np.float32)
    pixels.unit(np.ascontiguousarray(array).reshape(-1), c, h * w, out.reshape(-1))
    return nt.from_numpy(out)


def standardise(x: np.ndarray, mean: np.ndarray, std: np.ndarray, c: int, plane: int) -> np.ndarray:
    """``(x - mean) / std`` for contiguous floats.

    Args:
        x: array of images, each of c channels with ``plane`` elements.
        mean, std: arrays of one value, or one for each channel.
        c: number of channels.
        plane: elements of a channel.

    Returns:
        An array of the same shape.

    >>> import numpy as np
    >>> from numtorch.vision.transforms import functional
    >>> functional.standardise(np.ones((1, 2), np.float32), np.zeros(1, np.float32), np.full(1, 2, np.float32), 1, 2)
    array([[0.5, 0.5]], dtype=float32)
    """
    out = np.empty_like(x)
    if x.size:
        n = x.size // (c * plane)
        pixels.standardise(x.reshape(-1), mean, std, n, c, plane, out.reshape(-1))
    return out


def per_channel(values: Any, dtype: Any, what: str, c: int) -> np.ndarray:
    """``mean`` or ``std`` as an array.

    Args:
        values: a number, or one for each channel.
        dtype: of the array.
        what: ``"mean"`` or ``"std"``, which must not be 0.
        c: number of channels.

    Returns:
        An array of one value, or of ``c``.

    Raises:
        ValueError: another number of values, or a zero ``std``.

    >>> import numpy as np
    >>> from numtorch.vision.transforms import functional
    >>> functional.per_channel(0.5, np.float32, "mean", 3)
    array([0.5], dtype=float32)
    """
    if not isinstance(values, Iterable):
        values = (values,)
    numbers = tuple(map(float, values))
    made = _per_channel.__wrapped__ if 0.0 in numbers else _per_channel  # to a memo -0.0 is 0.0
    return made(numbers, dtype, what, c)


@lru_cache(maxsize=64)  # samples come by the ten thousand with the same few numbers
def _per_channel(values: tuple[float, ...], dtype: Any, what: str, c: int) -> np.ndarray:
    array = np.array(values, dtype)
    if array.size not in (1, c):
        raise ValueError(
            f"normalize: {what} has {array.size} values, but the image has {c} channels. "
            "Give one value for each channel"
        )
    if what == "std" and (array == 0).any():
        raise ValueError(
            f"normalize: std evaluated to zero after conversion to {np.dtype(dtype).name}, leading to division by zero"
        )
    return array


def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """``(tensor - mean) / std`` for each channel of an image.

    Args:
        tensor: floating point, (..., channels, height, width).
        mean, std: one number for each channel, or one for all.
        inplace: change the given tensor instead of making a new one.

    Returns:
        A tensor of the same shape.

    Raises:
        TypeError: ``tensor`` is not a floating-point tensor.
        ValueError: fewer than 3 dimensions, a zero ``std``, or a number of values that does not fit.

    >>> from numtorch.vision.transforms import functional
    >>> functional.normalize(torch.tensor([[[0.0, 0.5, 1.0]]]), [0.5], [0.5])
    tensor([[[-1.,  0.,  1.]]])
    """
    if not isinstance(tensor, nt.Tensor):
        raise TypeError(f"normalize: img should be Tensor Image. Got {type(tensor).__name__}. Put ToTensor() first")
    if not tensor.is_floating_point():
        raise TypeError(
            f"normalize: Input tensor should be a float tensor. Got {tensor.dtype}. "
            "Convert it with ToTensor(), or with .float() / 255"
        )
    if tensor.dim() < 3:
        raise ValueError(
            "normalize: Expected tensor to be a tensor image of size (..., C, H, W). Got "
            f"tensor.size() = {tuple(tensor.shape)}. Add a channel dimension with .unsqueeze"
        )
    c, plane = tensor.shape[-3], tensor.shape[-2] * tensor.shape[-1]
    array = plain_array(tensor)
    dtype = np.float64 if tensor.dtype == nt.float64 else np.float32
    m, s = per_channel(mean, dtype, "mean", c), per_channel(std, dtype, "std", c)
    if array is not None and not inplace and array.dtype == dtype:
        return nt.from_numpy(standardise(array, m, s, c, plane))
    centre, scale = (nt.from_numpy(v).to(tensor.device, tensor.dtype).reshape(-1, 1, 1) for v in (m, s))
    if inplace:
        return tensor.sub_(centre).div_(scale)
    return (tensor - centre) / scale
