"""Transforms that choose what part of an image is seen, and of what size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numtorch as nt
from numtorch.vision.transforms import geometry as F
from numtorch.vision.transforms import moves
from numtorch.vision.transforms.pictures import InterpolationMode, get_dimensions, interpolation_of, pair
from numtorch.vision.transforms.transform import Transform, image_of, integer, uniform

BILINEAR = InterpolationMode.BILINEAR


class Resize(Transform):
    """Images of another size.

    Args:
        size: (height, width); or one number, which the shorter edge gets, the longer one in proportion.
        interpolation: ``InterpolationMode``.
        max_size: of the longer edge, where ``size`` is one number.
        antialias: of tensors, whether a smaller image averages over what it leaves out. PIL images always do.

    Raises:
        TypeError: ``size`` is neither a number nor a sequence.
        ValueError: ``size`` has more than two numbers.

    >>> from numtorch.vision import transforms
    >>> transforms.Resize(4)(torch.zeros(3, 8, 12)).shape
    torch.Size([3, 4, 6])
    """

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self, size: Any, interpolation: Any = BILINEAR, max_size: int | None = None, antialias: bool | None = True
    ):
        super().__init__()
        if not isinstance(size, int | Sequence) and size is not None:
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_of(interpolation)

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of images, which are padded with 0 where they are smaller.

    Args:
        size: (height, width), or one number for both.

    >>> from numtorch.vision import transforms
    >>> transforms.CenterCrop(2)(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 2, 2])
    """

    _shown = ("size",)

    def __init__(self, size: Any):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.center_crop(inpt, self.size)

    def on_places(self, h: int, w: int) -> moves.Move | None:
        """How the transform moves the pixels of an image of a size.

        Args:
            h, w: height and width.

        Returns:
            A ``Move``; None where the image gets a border.

        >>> from numtorch.vision import transforms
        >>> move = transforms.CenterCrop(2).on_places(4, 4)
        >>> move is not None and move.size
        (2, 2)
        """
        if h < self.size[0] or w < self.size[1]:
            return None
        top, left, *_ = F.centred((h, w), self.size)
        place = moves.crop((h, w), (0, 0, 0, 0), "constant", [top], [left], self.size)
        return moves.Move(self.size, lambda drawn: place)


class Pad(Transform):
    """Images with a border.

    Args:
        padding: one number for all edges; two for left and right, and for top and bottom; or left, top, right, bottom.
        fill: the border's value, or one for each channel, where the mode is constant.
        padding_mode: ``"constant"``, ``"edge"``, ``"reflect"`` or ``"symmetric"``.

    Raises:
        TypeError: ``padding`` is neither a number nor a sequence.
        ValueError: another number of values, or an unknown mode.

    >>> from numtorch.vision import transforms
    >>> transforms.Pad(1)(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 6, 6])
    """

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        super().__init__()
        if not isinstance(padding, int | Sequence):
            raise TypeError("Got inappropriate padding arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        F._edges(padding)
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.pad(inpt, self.padding, fill=self.fill, padding_mode=self.padding_mode)

    def on_places(self, h: int, w: int) -> moves.Move | None:
        """How the transform moves the pixels of an image of a size.

        Args:
            h, w: height and width.

        Returns:
            A ``Move``; None where the border takes pixels away.

        >>> from numtorch.vision import transforms
        >>> move = transforms.Pad(1).on_places(4, 4)
        >>> move is not None and move.size
        (6, 6)
        """
        left, top, right, bottom = edges = F._edges(self.padding)
        if not _fits(edges, self.padding_mode, h, w):
            return None
        size = h + top + bottom, w + left + right
        place = moves.crop((h, w), edges, self.padding_mode, [0], [0], size)
        return moves.Move(size, lambda drawn: place, fill=_border(self, edges))


class RandomCrop(Transform):
    """A rectangle of the image at a random place.

    Args:
        size: (height, width), or one number for both.
        padding: a border that is added first, as of ``Pad``; None for none.
        pad_if_needed: pad images that are smaller than ``size``.
        fill: the border's value.
        padding_mode: as of ``Pad``.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomCrop(4, padding=1)(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    _shown = ("size", "padding")

    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant"
    ):
        super().__init__()
        self.size, self.padding, self.pad_if_needed = pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: Sequence[int]) -> tuple[int, int, int, int]:
        """Draw a place for a rectangle.

        Args:
            img: the image.
            output_size: (height, width) of the rectangle.

        Returns:
            Top, left, height and width.

        Raises:
            ValueError: the image is smaller.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomCrop.get_params(torch.zeros(3, 4, 4), (4, 4))
        (0, 0, 4, 4)
        """
        _, h, w = get_dimensions(img)
        return _place(h, w, *output_size)

    def _padding(self, h: int, w: int) -> list[int]:
        """Left, top, right and bottom."""
        left, top, right, bottom = (0, 0, 0, 0) if self.padding is None else F._edges(self.padding)
        if self.pad_if_needed:
            dy, dx = (max(0, n - m) for n, m in zip(self.size, (h + top + bottom, w + left + right), strict=True))
            left, right, top, bottom = left + dx, right + dx, top + dy, bottom + dy
        return [left, top, right, bottom]

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        left, top, right, bottom = padding = self._padding(h, w)
        return {"padding": padding, "place": _place(h + top + bottom, w + left + right, *self.size)}

    def transform(self, inpt: Any, params: dict) -> Any:
        if any(params["padding"]):
            inpt = F.pad(inpt, params["padding"], fill=self.fill, padding_mode=self.padding_mode)
        return F.crop(inpt, *params["place"])

    def on_places(self, h: int, w: int) -> moves.Move | None:
        """How the transform moves the pixels of an image of a size.

        Args:
            h, w: height and width.

        Returns:
            A ``Move``; None where the image is smaller than the rectangle.

        >>> from numtorch.vision import transforms
        >>> move = transforms.RandomCrop(4, padding=1).on_places(4, 4)
        >>> move is not None and (move.size, move.draws)
        ((4, 4), (3, 3))
        """
        left, top, right, bottom = edges = self._padding(h, w)
        down, across = h + top + bottom - self.size[0], w + left + right - self.size[1]
        if down < 0 or across < 0 or not _fits(edges, self.padding_mode, h, w):
            return None
        if not down and not across:
            place = moves.crop((h, w), edges, self.padding_mode, [0], [0], self.size)
            return moves.Move(self.size, lambda drawn: place, fill=_border(self, edges))
        return moves.Move(
            self.size,
            lambda drawn: moves.crop((h, w), edges, self.padding_mode, drawn[:, 0], drawn[:, 1], self.size),
            (down + 1, across + 1),
            _border(self, edges),
        )


def _fits(edges: Sequence[int], mode: str, h: int, w: int) -> bool:
    """Whether a border only adds pixels, and an image has those that it repeats."""
    left, top, right, bottom = edges
    most = {"reflect": 1, "symmetric": 0}.get(mode)
    return min(edges) >= 0 and (most is None or (max(top, bottom) <= h - most and max(left, right) <= w - most))


def _border(padding: Any, edges: Sequence[int]) -> Any:
    """The value of the border of a transform; None if there is none."""
    return padding.fill if padding.padding_mode == "constant" and any(edges) else None


def _place(h: int, w: int, th: int, tw: int) -> tuple[int, int, int, int]:
    if h < th or w < tw:
        raise ValueError(f"Required crop size {(th, tw)} is larger than input image size {(h, w)}")
    if h == th and w == tw:  # nothing is drawn
        return 0, 0, h, w
    return integer(0, h - th + 1), integer(0, w - tw + 1), th, tw


class RandomResizedCrop(Transform):
    """A rectangle of random place, area and proportions, resized.

    Args:
        size: (height, width) of the result, or one number for both.
        scale: least and greatest part of the image's area.
        ratio: least and greatest width for a height of 1.
        interpolation: ``InterpolationMode``.
        antialias: as of ``Resize``.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomResizedCrop(4)(torch.zeros(3, 9, 9)).shape
    torch.Size([3, 4, 4])
    """

    _shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ):
        super().__init__()
        self.size, self.scale, self.ratio, self.antialias = pair(size), scale, ratio, antialias
        self.interpolation = interpolation_of(interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Draw a rectangle: ten tries, then the middle in the nearest proportions.

        Args:
            img: the image.
            scale: least and greatest part of its area.
            ratio: least and greatest width for a height of 1.

        Returns:
            Top, left, height and width.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomResizedCrop.get_params(torch.zeros(3, 4, 4), (1, 1), (1, 1))
        (0, 0, 4, 4)
        """
        _, height, width = get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(*scale)
            proportion = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = round(w / min(ratio))
        elif width / height > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def make_params(self, flat_inputs: list) -> dict:
        return {"place": self.get_params(image_of(flat_inputs), self.scale, self.ratio)}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.resized_crop(inpt, *params["place"], self.size, self.interpolation, self.antialias)


class FiveCrop(Transform):
    """The four corners of an image and its middle.

    Args:
        size: (height, width), or one number for both.

    >>> from numtorch.vision import transforms
    >>> len(transforms.FiveCrop(2)(torch.zeros(3, 4, 4)))
    5
    """

    _shown = ("size",)
    _colour = True

    def __init__(self, size: Any):
        super().__init__()
        self.size = pair(size)

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.five_crop(inpt, self.size)


class TenCrop(Transform):
    """``FiveCrop`` of an image and of its mirror image.

    Args:
        size: (height, width), or one number for both.
        vertical_flip: mirror from top to bottom, and not from left to right.

    >>> from numtorch.vision import transforms
    >>> len(transforms.TenCrop(2)(torch.zeros(3, 4, 4)))
    10
    """

    _shown = ("size", "vertical_flip")
    _colour = True

    def __init__(self, size: Any, vertical_flip: bool = False):
        super().__init__()
        self.size, self.vertical_flip = pair(size), vertical_flip

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.ten_crop(inpt, self.size, self.vertical_flip)


class ScaleJitter(Transform):
    """Images resized to fit a target size, times a random factor.

    Args:
        target_size: (height, width).
        scale_range: least and greatest factor.
        interpolation: ``InterpolationMode``.
        antialias: as of ``Resize``.

    >>> from numtorch.vision.transforms import v2
    >>> v2.ScaleJitter((8, 8), (0.5, 0.5))(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    _shown = ("target_size", "scale_range", "interpolation", "antialias")

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ):
        super().__init__()
        self.target_size, self.scale_range, self.antialias = target_size, scale_range, antialias
        self.interpolation = interpolation_of(interpolation)

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        r = min(self.target_size[1] / h, self.target_size[0] / w) * uniform(*self.scale_range)
        return {"size": (int(h * r), int(w * r))}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomShortestSize(Transform):
    """Images whose shorter edge gets one of some sizes.

    Args:
        min_size: the sizes, or one.
        max_size: of the longer edge; None for any.
        interpolation: ``InterpolationMode``.
        antialias: as of ``Resize``.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RandomShortestSize([2])(torch.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    _shown = ("min_size", "max_size", "interpolation", "antialias")

    def __init__(
        self, min_size: Any, max_size: int | None = None, interpolation: Any = BILINEAR, antialias: bool | None = True
    ):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size, self.antialias = max_size, antialias
        self.interpolation = interpolation_of(interpolation)

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        r = self.min_size[integer(0, len(self.min_size))] / min(h, w)
        if self.max_size is not None:
            r = min(r, self.max_size / max(h, w))
        return {"size": (int(h * r), int(w * r))}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomResize(Transform):
    """Images whose shorter edge gets a random size.

    Args:
        min_size, max_size: the size is below ``max_size``.
        interpolation: ``InterpolationMode``.
        antialias: as of ``Resize``.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RandomResize(2, 3)(torch.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    _shown = ("min_size", "max_size", "interpolation", "antialias")

    def __init__(self, min_size: int, max_size: int, interpolation: Any = BILINEAR, antialias: bool | None = True):
        super().__init__()
        self.min_size, self.max_size, self.antialias = min_size, max_size, antialias
        self.interpolation = interpolation_of(interpolation)

    def make_params(self, flat_inputs: list) -> dict:
        return {"size": [integer(self.min_size, self.max_size)]}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.resize(inpt, params["size"], self.interpolation, antialias=self.antialias)


class RandomZoomOut(Transform):
    """Images at a random place on a larger canvas.

    Args:
        fill: value of the canvas.
        side_range: least and greatest factor of its extents.
        p: the probability.

    Raises:
        ValueError: a factor below 1, or in the wrong order.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RandomZoomOut(side_range=(2.0, 2.0), p=1.0)(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("p", "fill", "side_range")

    def __init__(self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5):
        super().__init__()
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill, self.side_range, self.p = fill, side_range, p

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        r = uniform(*self.side_range)
        new_h, new_w = int(h * r), int(w * r)
        left, top = (int(uniform(0, n)) for n in (new_w - w, new_h - h))
        return {"padding": [left, top, new_w - w - left, new_h - h - top]}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.pad(inpt, params["padding"], fill=self.fill)


class UniformTemporalSubsample(Transform):
    """Frames of a video at equal distances.

    Args:
        num_samples: how many.

    >>> from numtorch.vision.transforms import v2
    >>> v2.UniformTemporalSubsample(2)(torch.zeros(9, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _shown = ("num_samples",)
    _colour = True

    def __init__(self, num_samples: int):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt: Any, params: dict) -> Any:
        where = nt.linspace(0, inpt.shape[-4] - 1, self.num_samples).long()
        return inpt.index_select(-4, where)
