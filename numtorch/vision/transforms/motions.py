"""Transforms that flip, rotate and distort images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.transforms import geometry as F
from numtorch.vision.transforms import moves
from numtorch.vision.transforms.colour import gaussian_blur
from numtorch.vision.transforms.pictures import InterpolationMode, get_dimensions, interpolation_of
from numtorch.vision.transforms.transform import Transform, image_of, integer, uniform

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


class RandomHorizontalFlip(Transform):
    """Images mirrored from left to right, at random.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomHorizontalFlip(1.0)(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.hflip(inpt)

    def on_places(self, h: int, w: int) -> moves.Move:
        """How the transform moves the pixels of an image of a size.

        Args:
            h, w: height and width.

        Returns:
            A ``Move``.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomHorizontalFlip().on_places(4, 4).size
        (4, 4)
        """
        return moves.Move((h, w), lambda drawn: (None, _mirrored(drawn, self.p, w)), (0,))


class RandomVerticalFlip(Transform):
    """Images turned upside down, at random.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomVerticalFlip(1.0)(torch.tensor([[[1], [2]]])).flatten()
    tensor([2, 1])
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.vflip(inpt)

    def on_places(self, h: int, w: int) -> moves.Move:
        """How the transform moves the pixels of an image of a size.

        Args:
            h, w: height and width.

        Returns:
            A ``Move``.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomVerticalFlip().on_places(4, 4).size
        (4, 4)
        """
        return moves.Move((h, w), lambda drawn: (_mirrored(drawn, self.p, h), None), (0,))


def _mirrored(drawn: np.ndarray, p: Any, n: int) -> np.ndarray:
    """Positions of a dimension of n, backwards in samples whose number is below p."""
    forwards = np.arange(n)
    return np.where(drawn < p, forwards[::-1], forwards)


def _around(value: Any, what: str) -> list[float]:
    """Least and greatest angle, of one number or two."""
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {what} is a single number, it must be positive.")
        return [-float(value), float(value)]
    if not isinstance(value, Sequence):
        raise TypeError(f"{what} should be a number or a sequence, got {type(value).__name__}")
    if len(value) not in ((2, 4) if what == "shear" else (2,)):
        raise ValueError(f"{what} should be a sequence of length 2{' or 4' * (what == 'shear')}.")
    return [float(v) for v in value]


class RandomRotation(Transform):
    """Images rotated by a random angle.

    Args:
        degrees: least and greatest angle; or one number n for (-n, n).
        interpolation: ``InterpolationMode``.
        expand: let the result hold the whole rotated image.
        center: (x, y) of what stays; the middle if None.
        fill: value of what comes from outside.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomRotation((90, 90))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[2, 4],
             [1, 3]]])
    """

    _shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = NEAREST,
        expand: bool = False,
        center: Sequence[int] | None = None,
        fill: Any = 0,
    ):
        super().__init__()
        self.degrees, self.expand, self.center, self.fill = _around(degrees, "degrees"), expand, center, fill
        self.interpolation = interpolation_of(interpolation)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw an angle.

        Args:
            degrees: least and greatest angle.

        Returns:
            The angle.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomRotation.get_params([30.0, 30.0])
        30.0
        """
        return uniform(degrees[0], degrees[1])

    def make_params(self, flat_inputs: list) -> dict:
        return {"angle": self.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.rotate(inpt, params["angle"], self.interpolation, self.expand, self.center, fill=self.fill)


class RandomAffine(Transform):
    """Images rotated, shifted, scaled and sheared at random, about their middle.

    Args:
        degrees: least and greatest angle; or one number n for (-n, n).
        translate: greatest shift along x and y, as a part of the width and the height; None for none.
        scale: least and greatest factor; None for none.
        shear: least and greatest angle along x, or both along x and along y; one number n for (-n, n); None for none.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside.
        center: (x, y) of what stays; the middle if None.

    Raises:
        ValueError: a shift outside of [0, 1], or a factor that is not positive.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomAffine(0)(torch.ones(1, 4, 4)).sum().item()
    16.0
    """

    _shown = ("degrees", "translate", "scale", "shear", "interpolation", "fill")

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = NEAREST,
        fill: Any = 0,
        center: Sequence[int] | None = None,
    ):
        super().__init__()
        self.degrees = _around(degrees, "degrees")
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and not all(s > 0 for s in scale):
            raise ValueError("scale values should be positive")
        self.translate, self.scale, self.fill, self.center = translate, scale, fill, center
        self.shear = None if shear is None else _around(shear, "shear")
        self.interpolation = interpolation_of(interpolation)

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Draw the numbers of an affine map.

        Args:
            degrees: least and greatest angle.
            translate: greatest shifts, as parts of the extents.
            scale_ranges: least and greatest factor.
            shears: least and greatest angle along x, and along y.
            img_size: (width, height).

        Returns:
            Angle, shifts, factor and shears.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomAffine.get_params([5.0, 5.0], None, None, None, [4, 4])
        (5.0, (0, 0), 1.0, (0.0, 0.0))
        """
        angle = uniform(degrees[0], degrees[1])
        shift, scale, shear = (0, 0), 1.0, (0.0, 0.0)
        if translate is not None:
            dx, dy = (float(t * n) for t, n in zip(translate, img_size, strict=True))
            shift = (round(uniform(-dx, dx)), round(uniform(-dy, dy)))
        if scale_ranges is not None:
            scale = uniform(scale_ranges[0], scale_ranges[1])
        if shears is not None:
            shear = (uniform(shears[0], shears[1]), uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0)
        return angle, shift, scale, shear

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        return {"map": self.get_params(self.degrees, self.translate, self.scale, self.shear, [w, h])}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.affine(inpt, *params["map"], interpolation=self.interpolation, fill=self.fill, center=self.center)


class RandomPerspective(Transform):
    """Images seen from elsewhere, at random.

    Args:
        distortion_scale: how far the corners move, from 0 to 1.
        p: the probability.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomPerspective(0.5, p=1.0)(torch.ones(1, 8, 8)).shape
    torch.Size([1, 8, 8])
    """

    _shown = ("p",)

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = BILINEAR, fill: Any = 0):
        super().__init__()
        self.p, self.distortion_scale, self.fill = p, distortion_scale, fill
        self.interpolation = interpolation_of(interpolation)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """Draw where the corners go.

        Args:
            width, height: of the image.
            distortion_scale: how far they move.

        Returns:
            The corners, and where they go.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomPerspective.get_params(4, 4, 0.0)[1]
        [[0, 0], [3, 0], [3, 3], [0, 3]]
        """
        dx, dy = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        ends = [
            [integer(0, dx + 1), integer(0, dy + 1)],
            [integer(width - dx - 1, width), integer(0, dy + 1)],
            [integer(width - dx - 1, width), integer(height - dy - 1, height)],
            [integer(0, dx + 1), integer(height - dy - 1, height)],
        ]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        return {"points": self.get_params(w, h, self.distortion_scale)}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.perspective(inpt, *params["points"], interpolation=self.interpolation, fill=self.fill)


class ElasticTransform(Transform):
    """Images whose pixels are shifted by smooth random displacements.

    Args:
        alpha: how far, along x and y or along both.
        sigma: how smooth, along x and y or along both.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside.

    >>> from numtorch.vision import transforms
    >>> transforms.ElasticTransform(0.0, 1.0)(torch.ones(1, 8, 8)).sum().item()
    64.0
    """

    _shown = ("alpha", "sigma", "interpolation", "fill")

    def __init__(self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = BILINEAR, fill: Any = 0):
        super().__init__()
        self.alpha, self.sigma = (
            [float(v)] * 2 if isinstance(v, int | float) else [float(n) for n in v] * (3 - len(v))
            for v in (alpha, sigma)
        )
        self.interpolation, self.fill = interpolation_of(interpolation), fill

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Any:
        """Draw displacements.

        Args:
            alpha: how far, along x and y.
            sigma: how smooth, along x and y.
            size: (height, width).

        Returns:
            A tensor (1, height, width, 2).

        >>> from numtorch.vision import transforms
        >>> transforms.ElasticTransform.get_params([1.0, 1.0], [1.0, 1.0], [8, 8]).shape
        torch.Size([1, 8, 8, 2])
        """
        parts = []
        for amount, width, extent in zip(alpha, sigma, size, strict=True):
            noise = nt.rand(1, 1, *size) * 2 - 1
            if width > 0.0:
                taps = int(8 * width + 1) | 1
                noise = gaussian_blur(noise, [min(taps, 2 * n - 1) for n in size[::-1]], [width, width])
            parts.append(noise * (amount / extent))
        return nt.cat(parts, 1).permute(0, 2, 3, 1)

    def make_params(self, flat_inputs: list) -> dict:
        _, h, w = get_dimensions(image_of(flat_inputs))
        return {"displacement": self.get_params(self.alpha, self.sigma, [h, w])}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.elastic_transform(inpt, params["displacement"], self.interpolation, fill=self.fill)
