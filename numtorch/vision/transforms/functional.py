"""The transforms as functions; those that change an image are in ``geometry.py`` and ``colour.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data.dataset import plain_array
from numtorch.vision.transforms import pixels
from numtorch.vision.transforms.colour import adjust_brightness as adjust_brightness
from numtorch.vision.transforms.colour import adjust_contrast as adjust_contrast
from numtorch.vision.transforms.colour import adjust_gamma as adjust_gamma
from numtorch.vision.transforms.colour import adjust_hue as adjust_hue
from numtorch.vision.transforms.colour import adjust_saturation as adjust_saturation
from numtorch.vision.transforms.colour import adjust_sharpness as adjust_sharpness
from numtorch.vision.transforms.colour import autocontrast as autocontrast
from numtorch.vision.transforms.colour import convert_image_dtype as convert_image_dtype
from numtorch.vision.transforms.colour import equalize as equalize
from numtorch.vision.transforms.colour import erase as erase
from numtorch.vision.transforms.colour import gaussian_blur as gaussian_blur
from numtorch.vision.transforms.colour import invert as invert
from numtorch.vision.transforms.colour import posterize as posterize
from numtorch.vision.transforms.colour import rgb_to_grayscale as rgb_to_grayscale
from numtorch.vision.transforms.colour import solarize as solarize
from numtorch.vision.transforms.geometry import affine as affine
from numtorch.vision.transforms.geometry import center_crop as center_crop
from numtorch.vision.transforms.geometry import crop as crop
from numtorch.vision.transforms.geometry import elastic_transform as elastic_transform
from numtorch.vision.transforms.geometry import five_crop as five_crop
from numtorch.vision.transforms.geometry import hflip as hflip
from numtorch.vision.transforms.geometry import pad as pad
from numtorch.vision.transforms.geometry import perspective as perspective
from numtorch.vision.transforms.geometry import resize as resize
from numtorch.vision.transforms.geometry import resized_crop as resized_crop
from numtorch.vision.transforms.geometry import rotate as rotate
from numtorch.vision.transforms.geometry import ten_crop as ten_crop
from numtorch.vision.transforms.geometry import vflip as vflip
from numtorch.vision.transforms.pictures import InterpolationMode as InterpolationMode
from numtorch.vision.transforms.pictures import as_tensor as _as_tensor
from numtorch.vision.transforms.pictures import get_dimensions as get_dimensions
from numtorch.vision.transforms.pictures import get_image_num_channels as get_image_num_channels
from numtorch.vision.transforms.pictures import get_image_size as get_image_size
from numtorch.vision.transforms.pictures import is_pil as _is_pil
from numtorch.vision.transforms.pictures import pil_of as _pil_of
from numtorch.vision.tv_tensors import Image, TVTensor, wrap

to_grayscale = rgb_to_grayscale


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
    out = (tensor - centre) / scale
    return wrap(out, like=tensor) if isinstance(tensor, TVTensor) else out


def pil_to_tensor(pic: Any) -> Any:
    """A PIL image as a tensor of its own values, (channels, height, width).

    Args:
        pic: a PIL image.

    Returns:
        A tensor, uint8 for most modes.

    Raises:
        TypeError: anything else.

    >>> from PIL import Image
    >>> from numtorch.vision.transforms import functional
    >>> functional.pil_to_tensor(Image.new("RGB", (2, 1), (1, 2, 3))).flatten()
    tensor([1, 1, 2, 2, 3, 3], dtype=torch.uint8)
    """
    if not _is_pil(pic):
        raise TypeError(f"pil_to_tensor: pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic)
    return nt.from_numpy(np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1)))


def to_image(inpt: Any) -> Any:
    """A PIL image, an array or a tensor as a ``tv_tensors.Image`` of the same values.

    Args:
        inpt: a PIL image, a tensor (..., channels, height, width) or an array (height, width[, channels]).

    Returns:
        A ``tv_tensors.Image``.

    Raises:
        TypeError: anything else.

    >>> import numpy as np
    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.to_image(np.zeros((4, 5, 3), np.uint8)).shape
    torch.Size([3, 4, 5])
    """
    if _is_pil(inpt):
        return Image(pil_to_tensor(inpt))
    if isinstance(inpt, np.ndarray | nt.Tensor):
        return Image(_as_tensor(inpt))
    raise TypeError(f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead.")


def to_dtype(inpt: Any, dtype: Any = nt.float32, scale: bool = False) -> Any:
    """A tensor in another dtype.

    Args:
        inpt: a tensor.
        dtype: of the result.
        scale: multiply so that white stays white.

    Returns:
        A tensor of the same shape and kind.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.to_dtype(torch.tensor([255], dtype=torch.uint8), scale=True)
    tensor([1.])
    """
    if not scale:
        return inpt.to(dtype)
    out = convert_image_dtype(inpt, dtype)
    return wrap(out, like=inpt) if isinstance(inpt, TVTensor) else out


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor or an array as a PIL image; floating values are those of white 1.

    Args:
        pic: a tensor (channels, height, width) or (height, width), or an array (height, width[, channels]).
        mode: Pillow's mode; by the number of channels and the dtype if None.

    Returns:
        A PIL image.

    Raises:
        TypeError: anything else, or a dtype that Pillow has not.
        ValueError: another number of dimensions or channels, or a mode that does not fit.

    >>> from numtorch.vision.transforms import functional
    >>> functional.to_pil_image(torch.ones(3, 4, 5)).size
    (5, 4)
    """
    if not isinstance(pic, nt.Tensor | np.ndarray):
        raise TypeError(f"to_pil_image: pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"to_pil_image: pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if isinstance(pic, nt.Tensor):
        if pic.is_floating_point() and mode != "F":
            pic = (pic.detach() * 255).to(nt.uint8)
        array = pic.detach().cpu().contiguous().numpy()
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array[:, :, None]
    else:
        array = pic if pic.ndim == 3 else pic[:, :, None]
    channels = array.shape[2]
    if channels > 4:
        raise ValueError(f"to_pil_image: pic should not have > 4 channels. Got {channels} channels.")
    natural = {np.uint8: "L", np.int16: "I;16", np.int32: "I", np.float32: "F", np.uint16: "I;16"}
    allowed: tuple[str | None, ...]
    if channels == 1:
        array = np.ascontiguousarray(array[:, :, 0])
        expected = natural.get(array.dtype.type)
        allowed = (expected,) if array.dtype != np.uint8 else ("L", "1", "P")
    else:
        allowed = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}[channels]
        expected = allowed[0] if array.dtype == np.uint8 else None
    if expected is None:
        raise TypeError(f"to_pil_image: Input type {array.dtype} is not supported")
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"to_pil_image: Incorrect mode ({mode}) supplied for input type {array.dtype}. Should be "
            f"{' or '.join(map(str, allowed))}"
        )
    return _pil_of(np.ascontiguousarray(array), mode or expected)
