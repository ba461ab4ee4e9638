"""Functions that move pixels: sizes, crops, flips, rotations and other maps. Boxes, masks and points move alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.nn.functional import pad as pad_tensor
from numtorch.vision.transforms import resample
from numtorch.vision.transforms.pictures import (
    PILLOWS,
    InterpolationMode,
    as_tensor,
    get_dimensions,
    image_function,
    interpolation_of,
    is_pil,
    like_pil,
    on_points,
    pair,
    pil_of,
    pillow,
)

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def resized_size(height: int, width: int, size: Any, max_size: Any = None) -> tuple[int, int]:
    """The extents that ``resize`` gives: of one number, the shorter edge gets it and the longer one follows.

    >>> from numtorch.vision.transforms import geometry
    >>> geometry.resized_size(20, 30, 10), geometry.resized_size(20, 30, 10, 12)
    ((10, 15), (8, 12))
    """
    numbers = [size] if isinstance(size, int) else size
    if size is not None and len(numbers) == 2:
        if max_size is not None:
            raise ValueError("max_size should only be passed if size specifies the length of the smaller edge")
        return int(numbers[0]), int(numbers[1])
    short, long = min(height, width), max(height, width)
    if size is None:
        if max_size is None:
            raise ValueError("max_size must be an integer when size is None")
        new_short, new_long = int(max_size * short / long), int(max_size)
    else:
        if len(numbers) != 1:
            raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(numbers)} element one")
        new_short, new_long = int(numbers[0]), int(numbers[0] * long / short)
        if max_size is not None:
            if max_size <= numbers[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                    f"size = {size}"
                )
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


@image_function(geometry=True, nearest=True)
def resize(
    img: Any, size: Any, interpolation: Any = BILINEAR, max_size: int | None = None, antialias: bool | None = True
) -> Any:
    """An image of another size.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        size: (height, width); or one number, which the shorter edge gets, the longer one in proportion.
        interpolation: ``InterpolationMode``.
        max_size: of the longer edge, where ``size`` is one number.
        antialias: of tensors, whether a smaller image averages over what it leaves out. PIL images always do.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: a size or an interpolation that there is not.

    >>> from numtorch.vision.transforms import functional
    >>> functional.resize(torch.zeros(3, 8, 12), 4).shape
    torch.Size([3, 4, 6])
    """
    mode = interpolation_of(interpolation)
    _, h, w = get_dimensions(img)
    new_h, new_w = resized_size(h, w, size, max_size)
    if is_pil(img):
        return img if (new_h, new_w) == (h, w) else img.resize((new_w, new_h), PILLOWS[mode.value])
    if mode.value not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"resize: tensors are not resized by {mode}; NEAREST, NEAREST_EXACT, BILINEAR and BICUBIC are")
    if (new_h, new_w) == (h, w):
        return img
    smooth = bool(antialias) and not mode.value.startswith("nearest")
    tables = {-2: resample.resizing(h, new_h, mode.value, smooth), -1: resample.resizing(w, new_w, mode.value, smooth)}
    if mode.value.startswith("nearest"):
        rows, columns = (nt.from_numpy(tables[d][0][:, 0]).to(img.device) for d in (-2, -1))
        return img.index_select(-2, rows).index_select(-1, columns)
    if new_h == h:
        del tables[-2]
    elif new_w == w:
        del tables[-1]
    return resample.as_dtype(resample.apply(img, tables), img.dtype)


@on_points("resize")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    h, w = resized_size(canvas[0], canvas[1], given["size"], given.get("max_size"))
    return x * (w / canvas[1]), y * (h / canvas[0]), (h, w)


def _edges(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, of a number or of a sequence of one, two or four."""
    if isinstance(padding, int):
        return (padding,) * 4
    numbers = tuple(padding)
    if len(numbers) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(numbers)} element tuple")
    return (numbers * (4 // len(numbers)))[:4]


def _pil_fill(fill: Any, img: Any) -> Any:
    bands = len(img.getbands())
    if fill is None:
        fill = 0
    whole = img.mode not in ("F", "I", "I;16")
    if isinstance(fill, int | float):
        value = int(fill) if whole else fill
        return value if bands == 1 else (value,) * bands
    numbers = tuple(int(v) for v in fill) if whole else tuple(fill)
    if len(numbers) == 1:
        return numbers[0] if bands == 1 else numbers * bands
    if len(numbers) != bands:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(numbers)} != {bands})"
        )
    return numbers


@image_function(geometry=True)
def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: Any = "constant") -> Any:
    """An image with a border.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        padding: one number for all edges; two for left and right, and for top and bottom; or left, top, right, bottom.
        fill: the border's value, or one for each channel, where the mode is constant.
        padding_mode: ``"constant"``, ``"edge"``, ``"reflect"`` or ``"symmetric"``.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: an unknown mode, or another number of values.

    >>> from numtorch.vision.transforms import functional
    >>> functional.pad(torch.ones(1, 1, 1), [1, 0], fill=5)
    tensor([[[5., 1., 5.]]])
    """
    left, top, right, bottom = _edges(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if is_pil(img):
        if padding_mode == "constant":
            return pillow("ImageOps").expand(img, (left, top, right, bottom), _pil_fill(fill, img))
        array = np.asarray(img)
        cropped = array[max(-top, 0) : len(array) - max(-bottom, 0), max(-left, 0) : array.shape[1] - max(-right, 0)]
        ends: Any = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)][: array.ndim]
        made = pil_of(np.pad(cropped, ends, padding_mode), img.mode)
        if img.mode == "P":
            made.putpalette(img.getpalette())
        return made
    widths = [left, right, top, bottom]
    if padding_mode == "constant":
        if isinstance(fill, int | float) or len(fill) == 1:
            return pad_tensor(img, widths, value=fill if isinstance(fill, int | float) else fill[0])
        values = nt.tensor(fill, dtype=img.dtype, device=img.device).reshape(-1, 1, 1)
        inside = pad_tensor(nt.ones(img.shape[-2:], dtype=nt.bool, device=img.device), widths, value=False)
        return nt.where(inside, pad_tensor(img, widths), values)
    if min(widths) < 0:
        img = pad_tensor(img, [min(n, 0) for n in widths])
        widths = [max(n, 0) for n in widths]
    h, w = img.shape[-2:]
    rows, columns = (
        np.pad(np.arange(n), around, padding_mode)
        for n, around in ((h, (widths[2], widths[3])), (w, (widths[0], widths[1])))
    )
    return img.index_select(-2, nt.from_numpy(rows).to(img.device)).index_select(
        -1, nt.from_numpy(columns).to(img.device)
    )


@on_points("pad")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    left, top, right, bottom = _edges(given["padding"])
    return x + left, y + top, (canvas[0] + top + bottom, canvas[1] + left + right)


@image_function(geometry=True)
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle of an image; what is outside the image is 0.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        top, left: where it begins.
        height, width: its extents.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.crop(torch.arange(9).reshape(1, 3, 3), 1, 1, 2, 2)
    tensor([[[4, 5],
             [7, 8]]])
    """
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    h, w = img.shape[-2:]
    if left >= 0 and top >= 0 and top + height <= h and left + width <= w:
        return img[..., top : top + height, left : left + width]
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    before = (min(max(-left, 0), width), min(max(-top, 0), height))
    after = (width - before[0] - inside.shape[-1], height - before[1] - inside.shape[-2])
    return pad_tensor(inside, [before[0], after[0], before[1], after[1]])


@on_points("crop")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    return x - given["left"], y - given["top"], (given["height"], given["width"])


def centred(canvas: Any, size: Any) -> tuple[int, int, int, int]:
    """Top, left, height and width of a rectangle in the middle."""
    h, w = pair(size)
    return round((canvas[0] - h) / 2.0), round((canvas[1] - w) / 2.0), h, w


@image_function(geometry=True)
def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of an image, which is first padded with 0 where it is smaller.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        output_size: (height, width), or one number for both.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.center_crop(torch.arange(9).reshape(1, 3, 3), 1)
    tensor([[[4]]])
    """
    h, w = pair(output_size)
    _, height, width = get_dimensions(img)
    if w > width or h > height:
        left, top = max(w - width, 0) // 2, max(h - height, 0) // 2
        right, bottom = (max(w - width, 0) + 1) // 2, (max(h - height, 0) + 1) // 2
        img = pad(img, [left, top, right, bottom], fill=0)
        _, height, width = get_dimensions(img)
    return crop(img, *centred((height, width), (h, w)))


@on_points("center_crop")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    top, left, h, w = centred(canvas, given["output_size"])
    return x - left, y - top, (h, w)


@image_function(geometry=True, nearest=True)
def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """``resize`` of ``crop``.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        top, left: where the rectangle begins.
        height, width: its extents.
        size: (height, width) of the result.
        interpolation: ``InterpolationMode``.
        antialias: as of ``resize``.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.resized_crop(torch.zeros(1, 9, 9), 0, 0, 4, 4, (2, 2)).shape
    torch.Size([1, 2, 2])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


@on_points("resized_crop")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    h, w = pair(given["size"])
    fy, fx = h / given["height"], w / given["width"]
    return (x - given["left"]) * fx, (y - given["top"]) * fy, (h, w)


@image_function(geometry=True)
def hflip(img: Any) -> Any:
    """An image mirrored from left to right.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.hflip(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """
    return img.transpose(0) if is_pil(img) else img.flip(-1)


@on_points("hflip")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    return canvas[1] - x, y, canvas


@image_function(geometry=True)
def vflip(img: Any) -> Any:
    """An image turned upside down.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.vflip(torch.tensor([[[1], [2]]]))
    tensor([[[2],
             [1]]])
    """
    return img.transpose(1) if is_pil(img) else img.flip(-2)


@on_points("vflip")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    return x, canvas[0] - y, canvas


@image_function
def five_crop(img: Any, size: Any) -> tuple:
    """The four corners of an image and its middle.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        size: (height, width), or one number for both.

    Returns:
        A tuple: top left, top right, bottom left, bottom right, middle.

    Raises:
        ValueError: the image is smaller.

    >>> from numtorch.vision.transforms import functional
    >>> [int(x) for x in functional.five_crop(torch.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4]
    """
    h, w = pair(size)
    _, height, width = get_dimensions(img)
    if w > width or h > height:
        raise ValueError(f"Requested crop size {(h, w)} is bigger than input size {(height, width)}")
    corners = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
    return (*[crop(img, top, left, h, w) for top, left in corners], center_crop(img, [h, w]))


@image_function
def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple:
    """``five_crop`` of an image and of its mirror image.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        size: (height, width), or one number for both.
        vertical_flip: mirror from top to bottom, and not from left to right.

    Returns:
        A tuple of ten.

    >>> from numtorch.vision.transforms import functional
    >>> [int(x) for x in functional.ten_crop(torch.arange(9).reshape(1, 3, 3), 1)]
    [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


# --- maps -----------------------------------------------------------------------------------------------------


def affine_matrix(
    centre: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """The six numbers of the map from the result's pixels to the image's: the inverse of ``T C R S C^-1``, of shift,
    centre, rotation with shear, and scale; angles in degrees."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]
    (cx, cy), (tx, ty) = centre, translate
    m[2] = cx - m[0] * (cx + tx) - m[1] * (cy + ty)
    m[5] = cy - m[3] * (cx + tx) - m[4] * (cy + ty)
    return m


def _mapped(img: Any, matrix: Sequence[float], size: tuple[int, int], mode: Any, fill: Any) -> Any:
    """A tensor of another size by an affine map; positions are those of pixels' corners."""
    kind = interpolation_of(mode).value
    h, w = size
    x, y = np.arange(w) + 0.5, (np.arange(h) + 0.5)[:, None]
    gx = matrix[0] * x + matrix[1] * y + (matrix[2] - 0.5)
    gy = matrix[3] * x + matrix[4] * y + (matrix[5] - 0.5)
    return resample.as_dtype(resample.warp(img, gx, gy, kind, fill), img.dtype)


def _rotated_size(h: int, w: int, angle: float, exact: bool) -> tuple[int, int]:
    """The extents that hold a rotated image: as Pillow rounds them for PIL images, else as PyTorch does."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    xs = [x * c + y * s for x in (-w / 2, w / 2) for y in (-h / 2, h / 2)]
    ys = [-x * s + y * c for x in (-w / 2, w / 2) for y in (-h / 2, h / 2)]

    def extent(v: list[float]) -> int:
        tiny = 1e-4
        return math.ceil(math.trunc(max(v) / tiny + 0.5) * tiny) - math.floor(math.trunc(min(v) / tiny + 0.5) * tiny)

    return extent(ys), extent(xs)


@image_function(geometry=True, nearest=True)
def rotate(
    img: Any,
    angle: float,
    interpolation: Any = NEAREST,
    expand: bool = False,
    center: Sequence[int] | None = None,
    fill: Any = None,
) -> Any:
    """An image rotated counter-clockwise.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        angle: in degrees.
        interpolation: ``InterpolationMode``.
        expand: let the result hold the whole rotated image, which is about its middle then.
        center: (x, y) of what stays; the middle if None.
        fill: value of what comes from outside, or one for each channel; 0 if None.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> functional.rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    if is_pil(img):
        mode = PILLOWS[interpolation_of(interpolation).value]
        return img.rotate(angle, mode, expand, center, fillcolor=_pil_fill(fill, img))
    matrix, size = _rotation(img.shape[-2:], angle, expand, center)
    return _mapped(img, matrix, size, interpolation, fill)


def _rotation(canvas: Any, angle: float, expand: bool, center: Any) -> tuple[list[float], tuple[int, int]]:
    h, w = canvas
    cx, cy = (w / 2, h / 2) if center is None else center
    matrix = affine_matrix((cx, cy), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    if not expand:
        return matrix, (h, w)
    new_h, new_w = _rotated_size(h, w, angle, False)
    # The middle of the result is the middle of the rotated image.
    matrix = affine_matrix((w / 2, h / 2), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    dx, dy = (w - new_w) / 2, (h - new_h) / 2
    matrix[2] += matrix[0] * dx + matrix[1] * dy
    matrix[5] += matrix[3] * dx + matrix[4] * dy
    return matrix, (new_h, new_w)


def _forward(x: Any, y: Any, matrix: Sequence[float]) -> tuple[Any, Any]:
    """Where points of the image go by the inverse of a map."""
    (a, b, c), (d, e, f) = matrix[:3], matrix[3:]
    det = a * e - b * d
    x, y = x - c, y - f
    return (e * x - b * y) / det, (a * y - d * x) / det


@on_points("rotate")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    matrix, size = _rotation(canvas, given["angle"], given.get("expand", False), given.get("center"))
    return *_forward(x, y, matrix), size


def _shears(shear: Any) -> list[float]:
    numbers = [shear] if isinstance(shear, int | float) else list(shear)
    numbers = [numbers[0], 0.0] if len(numbers) == 1 else numbers
    if len(numbers) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return numbers


@image_function(geometry=True, nearest=True)
def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = NEAREST,
    fill: Any = None,
    center: Sequence[int] | None = None,
) -> Any:
    """An image rotated, shifted, scaled and sheared about its middle.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        angle: of a clockwise rotation, in degrees.
        translate: pixels to the right and down.
        scale: a factor above 0.
        shear: degrees along x and along y, or along x.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside, or one for each channel; 0 if None.
        center: (x, y) of what stays; the middle if None.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: ``scale`` is not positive, or another number of values.

    >>> from numtorch.vision.transforms import functional
    >>> functional.affine(torch.tensor([[[1, 2, 3]]]), 0, [1, 0], 1.0, [0.0])
    tensor([[[0, 1, 2]]])
    """
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    _, h, w = get_dimensions(img)
    middle = [w * 0.5, h * 0.5] if center is None else center
    matrix = affine_matrix(middle, angle, translate, scale, _shears(shear))
    if is_pil(img):
        mode = PILLOWS[interpolation_of(interpolation).value]
        return img.transform((w, h), 0, matrix, mode, fillcolor=_pil_fill(fill, img))
    return _mapped(img, matrix, (h, w), interpolation, fill)


@on_points("affine")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    middle = given.get("center") or [canvas[1] * 0.5, canvas[0] * 0.5]
    matrix = affine_matrix(middle, given["angle"], given["translate"], given["scale"], _shears(given["shear"]))
    return *_forward(x, y, matrix), canvas


def perspective_numbers(startpoints: Any, endpoints: Any) -> list[float]:
    """The eight numbers of the map that takes the end points to the start points."""
    rows, values = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    return np.linalg.lstsq(np.array(rows, float), np.array(values, float), None)[0].tolist()


@image_function(geometry=True, nearest=True)
def perspective(img: Any, startpoints: Any, endpoints: Any, interpolation: Any = BILINEAR, fill: Any = None) -> Any:
    """An image seen from elsewhere: four of its points go to four others.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        startpoints: four [x, y].
        endpoints: where they go, four [x, y].
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside, or one for each channel; 0 if None.

    Returns:
        An image of the same kind.

    >>> from numtorch.vision.transforms import functional
    >>> corners = [[0, 0], [3, 0], [3, 3], [0, 3]]
    >>> functional.perspective(torch.ones(1, 4, 4), corners, corners).sum().item()
    16.0
    """
    c = perspective_numbers(startpoints, endpoints)
    if is_pil(img):
        mode = PILLOWS[interpolation_of(interpolation).value]
        return img.transform(img.size, 2, c, mode, fillcolor=_pil_fill(fill, img))
    h, w = img.shape[-2:]
    x, y = np.arange(w) + 0.5, (np.arange(h) + 0.5)[:, None]
    below = c[6] * x + c[7] * y + 1
    gx, gy = (c[0] * x + c[1] * y + c[2]) / below - 0.5, (c[3] * x + c[4] * y + c[5]) / below - 0.5
    return resample.as_dtype(resample.warp(img, gx, gy, interpolation_of(interpolation).value, fill), img.dtype)


@on_points("perspective")
def _(x: Any, y: Any, canvas: Any, given: dict) -> Any:
    c = perspective_numbers(given["endpoints"], given["startpoints"])  # the other way
    below = c[6] * x + c[7] * y + 1
    return (c[0] * x + c[1] * y + c[2]) / below, (c[3] * x + c[4] * y + c[5]) / below, canvas


@image_function(geometry=True, nearest=True)
def elastic_transform(img: Any, displacement: Any, interpolation: Any = BILINEAR, fill: Any = None) -> Any:
    """An image whose pixels are taken from elsewhere.

    Args:
        img: a PIL image, a tensor (..., height, width) or an array.
        displacement: (1, height, width, 2): how far to the right and down, where the image goes from -1 to 1.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside, or one for each channel; 0 if None.

    Returns:
        An image of the same kind.

    Raises:
        TypeError: ``displacement`` is no tensor.
        ValueError: it has another shape.

    >>> from numtorch.vision.transforms import functional
    >>> functional.elastic_transform(torch.ones(1, 4, 4), torch.zeros(1, 4, 4, 2)).sum().item()
    16.0
    """
    if not isinstance(displacement, nt.Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, h, w = get_dimensions(img)
    if tuple(displacement.shape) != (1, h, w, 2):
        raise ValueError(f"Argument displacement shape should be {(1, h, w, 2)}, but given {tuple(displacement.shape)}")
    shift = displacement.detach().cpu().double().numpy()[0]
    gx, gy = np.arange(w) + shift[..., 0] * (w / 2), np.arange(h)[:, None] + shift[..., 1] * (h / 2)
    x = as_tensor(img)
    out = resample.as_dtype(resample.warp(x, gx, gy, interpolation_of(interpolation).value, fill), x.dtype)
    return like_pil(out, img) if is_pil(img) else out
