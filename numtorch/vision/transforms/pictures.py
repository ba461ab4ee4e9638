"""What counts as an image, and how a function of images takes each kind.

An image is a PIL image, a tensor (..., channels, height, width) or an array (height, width[, channels]). Pillow is
imported only where there is a PIL image, or where one is made.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap


class InterpolationMode(Enum):
    """How values between pixels are found.

    >>> from numtorch.vision import transforms
    >>> transforms.InterpolationMode("bilinear").name
    'BILINEAR'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


PILLOWS = {"nearest": 0, "nearest-exact": 0, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5, "lanczos": 1}


def interpolation_of(given: Any) -> InterpolationMode:
    """An ``InterpolationMode``; also of one of Pillow's numbers."""
    if isinstance(given, InterpolationMode):
        return given
    if isinstance(given, int):
        for name, number in PILLOWS.items():
            if number == int(given):
                return InterpolationMode(name)
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
        f"got {given!r}"
    )


def pillow(part: str = "Image") -> Any:
    """A module of Pillow."""
    try:
        return importlib.import_module(f"PIL.{part}")
    except ImportError as error:
        raise ImportError("PIL images need Pillow: pip install pillow") from error


def pil_of(array: np.ndarray, mode: str) -> Any:
    """A PIL image of an array (height, width[, channels]) in a mode that the elements fit."""
    if mode == "1":
        return pillow().fromarray(array).convert("1")
    h, w = array.shape[:2]
    return pillow().frombytes(mode, (w, h), np.ascontiguousarray(array).tobytes())


def is_pil(image: Any) -> bool:
    """Whether something is a PIL image; told by what it offers, so that Pillow need not be imported."""
    return hasattr(image, "getbands") and hasattr(image, "tobytes")


def is_image(x: Any) -> bool:
    """Whether transforms take something for an image."""
    if isinstance(x, np.ndarray):
        return x.ndim in (2, 3) and x.dtype.kind in "uif"
    return is_pil(x) or isinstance(x, nt.Tensor) and not isinstance(x, Mask | BoundingBoxes | KeyPoints)


def as_tensor(image: Any) -> Any:
    """An array (height, width[, channels]) or a PIL image as a tensor (channels, height, width)."""
    if isinstance(image, nt.Tensor):
        return image
    array = np.array(image) if is_pil(image) else image
    if array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    array = array[:, :, None] if array.ndim == 2 else array
    return nt.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


def like_pil(tensor: Any, image: Any) -> Any:
    """A tensor (channels, height, width) as a PIL image of the mode that another one has."""
    array = tensor.numpy()
    return pil_of(array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0), image.mode)


def as_array(tensor: Any, like: np.ndarray) -> np.ndarray:
    """A tensor (channels, height, width) as an array of the layout that another one has."""
    array = tensor.numpy()
    return array[0] if like.ndim == 2 and array.shape[0] == 1 else np.ascontiguousarray(array.transpose(1, 2, 0))


def _each(result: Any, f: Callable) -> Any:
    return tuple(map(f, result)) if isinstance(result, tuple) else f(result)


def image_function(f: Callable | None = None, *, geometry: bool = False, nearest: bool = False) -> Any:
    """Make a function of PIL images and tensors one of arrays and of ``tv_tensors`` too.

    Args:
        geometry: pixels move, so that masks are images for it. Else masks, boxes and points stay as they are.
        nearest: of masks, the nearest pixel is taken.
    """

    def mark(f: Callable) -> Callable:
        @functools.wraps(f)
        def run(img: Any, *args: Any, **kwargs: Any) -> Any:
            if type(img) is nt.Tensor or is_pil(img):
                return f(img, *args, **kwargs)
            if isinstance(img, np.ndarray):
                return _each(f(as_tensor(img), *args, **kwargs), lambda y: as_array(y, img))
            if isinstance(img, TVTensor):
                return other(img, args, kwargs)
            if isinstance(img, nt.Tensor):
                return f(img, *args, **kwargs)
            raise TypeError(
                f"{f.__name__}: img should be a PIL image, a tensor or an array. Got {type(img).__qualname__}"
            )

        def other(img: Any, args: tuple, kwargs: dict) -> Any:
            if isinstance(img, Image | Video):
                return _each(f(img.as_plain(), *args, **kwargs), lambda y: wrap(y, like=img))
            if not geometry:
                return img
            if isinstance(img, Mask):
                if nearest:
                    args, kwargs = (), bound(f, args, kwargs) | {"interpolation": InterpolationMode.NEAREST}
                if "fill" in kwargs:
                    kwargs = kwargs | {"fill": 0}
                flat = img.as_plain()
                grown = flat.unsqueeze(0) if flat.ndim == 2 else flat
                return _each(f(grown, *args, **kwargs), lambda y: wrap(y.squeeze(0) if flat.ndim == 2 else y, like=img))
            return moved(f.__name__, img, bound(f, args, kwargs))

        return run

    return mark(f) if f is not None else mark


@functools.cache
def _names(f: Callable) -> tuple[str, ...]:
    code = f.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def bound(f: Callable, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The arguments of a call, after the first, by their names."""
    return dict(zip(_names(f), args, strict=False)) | kwargs


POINTS: dict[str, Callable] = {}  # of each function: (x, y, (height, width), arguments) -> (x, y, (height, width))


def on_points(name: str) -> Callable:
    """Register where a function of images moves points."""

    def register(f: Callable) -> Callable:
        POINTS[name] = f
        return f

    return register


def moved(name: str, img: Any, given: dict[str, Any]) -> Any:
    """Boxes or points after a function that moves pixels."""
    move = POINTS.get(name)
    if move is None:
        raise TypeError(f"{name}: {type(img).__name__} cannot be moved by it; images and masks can")
    exact = img.as_plain().double()
    if isinstance(img, KeyPoints):
        x, y, canvas = move(exact[..., 0], exact[..., 1], img.canvas_size, given)
        x, y = x - int(name == "hflip"), y - int(name == "vflip")  # points are pixels, and not places between them
        out = nt.stack([x, y], -1)
    else:
        corners = to_corners(exact, img.format.name)
        x0, y0, x1, y1 = corners.unbind(-1)
        x, y, canvas = move(nt.stack([x0, x1, x1, x0]), nt.stack([y0, y0, y1, y1]), img.canvas_size, given)
        corners = nt.stack([x.amin(0), y.amin(0), x.amax(0), y.amax(0)], -1)
        h, w = canvas
        limits = nt.tensor([w, h, w, h], dtype=nt.float64)
        out = from_corners(nt.minimum(corners.clamp(min=0), limits), img.format.name)
    return wrap(out.to(img.dtype), like=img, canvas_size=tuple(canvas))


def to_corners(boxes: Any, kind: str) -> Any:
    """Boxes of a format as (x0, y0, x1, y1)."""
    a, b, c, d = boxes.unbind(-1)
    if kind == "XYWH":
        return nt.stack([a, b, a + c, b + d], -1)
    if kind == "CXCYWH":
        return nt.stack([a - c / 2, b - d / 2, a + c / 2, b + d / 2], -1)
    return boxes


def from_corners(boxes: Any, kind: str) -> Any:
    """Boxes (x0, y0, x1, y1) in a format."""
    a, b, c, d = boxes.unbind(-1)
    if kind == "XYWH":
        return nt.stack([a, b, c - a, d - b], -1)
    if kind == "CXCYWH":
        return nt.stack([(a + c) / 2, (b + d) / 2, c - a, d - b], -1)
    return boxes


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width of an image.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array (height, width[, channels]).

    Returns:
        A list of three ints.

    Raises:
        TypeError: anything else.

    >>> from numtorch.vision.transforms import functional
    >>> functional.get_dimensions(torch.zeros(3, 4, 5))
    [3, 4, 5]
    """
    if isinstance(img, BoundingBoxes | KeyPoints):
        return [1, *img.canvas_size]
    if isinstance(img, nt.Tensor):
        if img.ndim < 2:
            raise TypeError(f"get_dimensions: Tensor is not a torch image: its shape is {tuple(img.shape)}")
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    if isinstance(img, np.ndarray):
        return [1 if img.ndim == 2 else img.shape[2], *img.shape[:2]]
    if is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    raise TypeError(f"get_dimensions: Unexpected type {type(img)}; give a PIL image, a tensor or an array")


def get_image_size(img: Any) -> list[int]:
    """Width and height of an image.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.

    Returns:
        A list of two ints.

    >>> from numtorch.vision.transforms import functional
    >>> functional.get_image_size(torch.zeros(3, 4, 5))
    [5, 4]
    """
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels of an image.

    Args:
        img: a PIL image, a tensor (..., channels, height, width) or an array.

    Returns:
        An int.

    >>> from numtorch.vision.transforms import functional
    >>> functional.get_image_num_channels(torch.zeros(3, 4, 5))
    3
    """
    return get_dimensions(img)[0]


def pair(size: Any, what: str = "size") -> tuple[int, int]:
    """A size (height, width), of a number or of a sequence of one or two."""
    numbers = list(size) if isinstance(size, Sequence) else [size, size]
    numbers = numbers * 2 if len(numbers) == 1 else numbers
    if len(numbers) != 2:
        raise ValueError(f"Please provide only two dimensions (h, w) for {what}, got {size!r}")
    return int(numbers[0]), int(numbers[1])
