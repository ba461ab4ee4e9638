"""Transforms of colours: jitter, grey, blur, erasing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.transforms import colour as F
from numtorch.vision.transforms.pictures import get_dimensions
from numtorch.vision.transforms.transform import Transform, image_of, integer, uniform


class _Colour(Transform):
    _colour = True


def _span(value: Any, what: str, centre: float = 1.0, limits: tuple[float, float] = (0.0, math.inf)) -> Any:
    """Least and greatest factor, of one number about the centre or of two; None for no change."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {what} is a single number, it must be non negative.")
        value = [centre - float(value), centre + float(value)]  # type: ignore[arg-type]
        if centre == 1.0:
            value[0] = max(value[0], 0.0)
    elif not (isinstance(value, Sequence) and len(value) == 2):
        raise TypeError(f"{what} should be a single number or a sequence with length 2.")
    if not limits[0] <= value[0] <= value[1] <= limits[1]:
        raise ValueError(f"{what} values should be between {limits}, but got {value}.")
    return None if value[0] == value[1] == centre else (float(value[0]), float(value[1]))


class ColorJitter(_Colour):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    Args:
        brightness, contrast, saturation: least and greatest factor; or one number n for (1 - n, 1 + n).
        hue: least and greatest turn of the wheel of hues; or one number n up to 0.5 for (-n, n).

    >>> from numtorch.vision import transforms
    >>> transforms.ColorJitter(brightness=(2.0, 2.0))(torch.full((3, 1, 1), 0.25)).flatten()
    tensor([0.5000, 0.5000, 0.5000])
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        super().__init__()
        self.brightness = _span(brightness, "brightness")
        self.contrast = _span(contrast, "contrast")
        self.saturation = _span(saturation, "saturation")
        self.hue = _span(hue, "hue", 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple:
        """Draw the order of the four changes, and their factors.

        Args:
            brightness, contrast, saturation, hue: least and greatest factor, or None.

        Returns:
            A permutation of 0 to 3, and four factors.

        >>> from numtorch.vision import transforms
        >>> transforms.ColorJitter.get_params((2.0, 2.0), None, None, None)[1:]
        (2.0, None, None, None)
        """
        spans = (brightness, contrast, saturation, hue)
        return nt.randperm(4), *(None if s is None else uniform(*s) for s in spans)

    def make_params(self, flat_inputs: list) -> dict:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt: Any, params: dict) -> Any:
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = _CHANGES[i](inpt, params["factors"][i])
        return inpt


_CHANGES = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


class RandomPhotometricDistort(_Colour):
    """Brightness, contrast, saturation, hue and the order of the channels, each changed with a probability.

    Args:
        brightness, contrast, saturation: least and greatest factor.
        hue: least and greatest turn of the wheel of hues.
        p: the probability of each.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RandomPhotometricDistort(p=0.0)(torch.ones(3, 1, 1)).sum().item()
    3.0
    """

    def __init__(
        self,
        brightness: tuple[float, float] = (0.875, 1.125),
        contrast: tuple[float, float] = (0.5, 1.5),
        saturation: tuple[float, float] = (0.5, 1.5),
        hue: tuple[float, float] = (-0.05, 0.05),
        p: float = 0.5,
    ):
        super().__init__()
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.chance = p

    def make_params(self, flat_inputs: list) -> dict:
        def maybe(span: tuple[float, float]) -> float | None:
            return uniform(*span) if nt.rand(1).item() < self.chance else None

        channels = get_dimensions(image_of(flat_inputs))[0]
        factors = [maybe(s) for s in (self.brightness, self.contrast, self.saturation, self.hue)]
        late = nt.rand(1).item() < 0.5
        order = nt.randperm(channels).tolist() if nt.rand(1).item() < self.chance else None
        return {"factors": factors, "order": [0, 2, 3, 1] if late else [0, 1, 2, 3], "channels": order}

    def transform(self, inpt: Any, params: dict) -> Any:
        inpt = ColorJitter.transform(self, inpt, params)  # type: ignore[arg-type]
        return inpt if params["channels"] is None else F.permute_channels(inpt, params["channels"])


class RandomChannelPermutation(_Colour):
    """Channels in a random order.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RandomChannelPermutation()(torch.arange(3).reshape(3, 1, 1)).sum().item()
    3
    """

    def make_params(self, flat_inputs: list) -> dict:
        return {"permutation": nt.randperm(get_dimensions(image_of(flat_inputs))[0]).tolist()}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.permute_channels(inpt, params["permutation"])


class Grayscale(_Colour):
    """Images in grey.

    Args:
        num_output_channels: 1, or 3 of equal values.

    >>> from numtorch.vision import transforms
    >>> transforms.Grayscale()(torch.ones(3, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(_Colour):
    """Images in grey, at random, with as many channels as before.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomGrayscale(1.0)(torch.ones(3, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.1):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.rgb_to_grayscale(inpt, get_dimensions(inpt)[0])


class RGB(_Colour):
    """Images of three channels, also of grey ones.

    >>> from numtorch.vision.transforms import v2
    >>> v2.RGB()(torch.ones(1, 4, 4)).shape
    torch.Size([3, 4, 4])
    """

    def transform(self, inpt: Any, params: dict) -> Any:
        return inpt if get_dimensions(inpt)[0] == 3 else F.rgb_to_grayscale(inpt, 3)


class GaussianBlur(_Colour):
    """Images blurred by a Gaussian of random width.

    Args:
        kernel_size: the extents along x and y, odd; or one number for both.
        sigma: least and greatest width, or one.

    Raises:
        ValueError: an extent that is not odd and positive, or widths in the wrong order.

    >>> from numtorch.vision import transforms
    >>> transforms.GaussianBlur(3)(torch.ones(1, 5, 5)).shape
    torch.Size([1, 5, 5])
    """

    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)):
        super().__init__()
        self.kernel_size = tuple([kernel_size] * 2 if isinstance(kernel_size, int) else kernel_size)
        if any(n <= 0 or n % 2 == 0 for n in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        self.sigma = (float(sigma),) * 2 if isinstance(sigma, int | float) else tuple(map(float, sigma))
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {self.sigma}")

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """Draw a width.

        Args:
            sigma_min, sigma_max: between these.

        Returns:
            The width.

        >>> from numtorch.vision import transforms
        >>> transforms.GaussianBlur.get_params(0.5, 0.5)
        0.5
        """
        return uniform(sigma_min, sigma_max)

    def make_params(self, flat_inputs: list) -> dict:
        return {"sigma": self.get_params(*self.sigma)}

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.gaussian_blur(inpt, self.kernel_size, [params["sigma"]] * 2)


class GaussianNoise(_Colour):
    """Images plus normal noise.

    Args:
        mean, sigma: of the noise, where white is 1.
        clip: keep values between black and white.

    >>> from numtorch.vision.transforms import v2
    >>> v2.GaussianNoise(sigma=0.0)(torch.ones(1, 1, 1))
    tensor([[[1.]]])
    """

    _shown = ("mean", "sigma", "clip")

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.gaussian_noise(inpt, self.mean, self.sigma, self.clip)


class RandomInvert(_Colour):
    """Colours inverted, at random.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomInvert(1.0)(torch.ones(1, 1, 1))
    tensor([[[0.]]])
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.invert(inpt)


class RandomPosterize(_Colour):
    """The lower bits of bytes set to 0, at random.

    Args:
        bits: how many upper bits stay.
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomPosterize(2, 1.0)(torch.tensor([[[255]]], dtype=torch.uint8)).item()
    192
    """

    _shown = ("bits", "p")

    def __init__(self, bits: int, p: float = 0.5):
        super().__init__()
        self.bits, self.p = bits, p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.posterize(inpt, self.bits)


class RandomSolarize(_Colour):
    """Values from a threshold on inverted, at random.

    Args:
        threshold: the least value that is.
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomSolarize(0.5, 1.0)(torch.tensor([[[0.75]]])).item()
    0.25
    """

    _shown = ("threshold", "p")

    def __init__(self, threshold: float, p: float = 0.5):
        super().__init__()
        self.threshold, self.p = threshold, p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.solarize(inpt, self.threshold)


class RandomAdjustSharpness(_Colour):
    """Images made sharper or blurred, at random.

    Args:
        sharpness_factor: 0 gives a blurred image, 1 the image, 2 a sharper one.
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomAdjustSharpness(2.0, 1.0)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    _shown = ("sharpness_factor", "p")

    def __init__(self, sharpness_factor: float, p: float = 0.5):
        super().__init__()
        self.sharpness_factor, self.p = sharpness_factor, p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.adjust_sharpness(inpt, self.sharpness_factor)


class RandomAutocontrast(_Colour):
    """The darkest value made black and the lightest white, at random.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomAutocontrast(1.0)(torch.tensor([[[0.25, 0.5, 0.75]]])).flatten().tolist()
    [0.0, 0.5, 1.0]
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.autocontrast(inpt)


class RandomEqualize(_Colour):
    """All values made about equally frequent, at random.

    Args:
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> image = torch.tensor([[[10] * 255 + [20] * 255]], dtype=torch.uint8)
    >>> transforms.RandomEqualize(1.0)(image).unique()
    tensor([  0, 255], dtype=torch.uint8)
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.equalize(inpt)


class RandomErasing(_Colour):
    """A random rectangle of the image given other values, at random.

    Args:
        p: the probability.
        scale: least and greatest part of the image's area.
        ratio: least and greatest height for a width of 1.
        value: a number, one for each channel, or ``"random"`` for normal noise.
        inplace: write into the given tensor.

    Raises:
        TypeError: ``value`` is none of these.
        ValueError: a text other than ``"random"``, or a part outside of [0, 1].

    Source: Zhong, Zheng, Kang, Li and Yang, Random Erasing Data Augmentation (2017).

    >>> from numtorch.vision import transforms
    >>> transforms.RandomErasing(1.0)(torch.ones(1, 8, 8)).min().item()
    0.0
    """

    _shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        super().__init__()
        if not isinstance(value, int | float | str | Sequence):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple:
        """Draw a rectangle and its values: ten tries, then none.

        Args:
            img: the image, a tensor.
            scale: least and greatest part of its area.
            ratio: least and greatest height for a width of 1.
            value: one for each channel, or one for all; normal noise if None.

        Returns:
            Row, column, height, width and values.

        >>> from numtorch.vision import transforms
        >>> transforms.RandomErasing.get_params(torch.ones(1, 8, 8), (0.1, 0.2), (1, 1), [0.0])[4].shape
        torch.Size([1, 1, 1])
        """
        channels, height, width = get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(*scale)
            proportion = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            h, w = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if h < height and w < width:
                v = nt.randn(channels, h, w) if value is None else nt.tensor(value)[:, None, None]
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w, v
        return 0, 0, height, width, img

    def make_params(self, flat_inputs: list) -> dict:
        img = image_of(flat_inputs)
        value: Any = self.value
        if isinstance(value, int | float):
            value = [float(value)]
        elif not isinstance(value, str) and len(value) not in (1, get_dimensions(img)[0]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{get_dimensions(img)[0]} (number of input channels), got {len(value)}"
            )
        return {"place": self.get_params(img, self.scale, self.ratio, None if isinstance(value, str) else list(value))}

    def transform(self, inpt: Any, params: dict) -> Any:
        i, j, h, w, v = params["place"]
        return inpt if v is inpt else F.erase(inpt, i, j, h, w, v, self.inplace)


class LinearTransformation(_Colour):
    """``(x - mean_vector) @ transformation_matrix`` of the flat image; whitening, for example.

    Args:
        transformation_matrix: (d, d), where d is the number of elements of an image.
        mean_vector: (d).

    Raises:
        ValueError: the matrix is not square, or the vector does not fit it.

    >>> from numtorch.vision import transforms
    >>> transforms.LinearTransformation(torch.eye(4), torch.ones(4))(torch.ones(1, 2, 2)).sum().item()
    0.0
    """

    def __init__(self, transformation_matrix: Any, mean_vector: Any):
        super().__init__()
        m, n = transformation_matrix.shape
        if m != n:
            raise ValueError(f"transformation_matrix should be square. Got {tuple(transformation_matrix.shape)}")
        if mean_vector.shape[0] != m:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the dimensions of the "
                f"transformation_matrix [{m} x {n}]"
            )
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def transform(self, inpt: Any, params: dict) -> Any:
        n = math.prod(inpt.shape[-3:])
        if n != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape: "
                f"{tuple(inpt.shape[-3:])} != {self.transformation_matrix.shape[0]}"
            )
        flat = inpt.reshape(-1, n) - self.mean_vector
        return (flat.to(self.transformation_matrix.dtype) @ self.transformation_matrix).reshape(inpt.shape)


def _one_hot(labels: Any, classes: int | None) -> Any:
    if labels.ndim > 1:
        return labels.float()
    if classes is None:
        raise ValueError("num_classes must be given where labels are not one-hot encoded")
    return nt.nn.functional.one_hot(labels, classes).float()


class _Mixing(Transform):
    """Mixes a batch with itself, shifted by one sample; labels become probabilities."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default"):
        super().__init__()
        self.alpha, self.num_classes, self.labels_getter = float(alpha), num_classes, labels_getter

    def _portion(self) -> float:
        """A number of the distribution Beta(alpha, alpha)."""
        seed = int(nt.randint(0, 2**31 - 1, (1,)).item())
        return float(np.random.default_rng(seed).beta(self.alpha, self.alpha))

    def _mix(self, images: Any, portion: float) -> tuple[Any, float]:
        """The mixed images, and what part of them is their own."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1:
            inputs = tuple(inputs[0])
        images, labels = inputs[:2]
        name = type(self).__name__
        if not isinstance(images, nt.Tensor) or images.ndim < 4:
            raise ValueError(f"{name}: expected a batch of images (n, channels, height, width)")
        if callable(self.labels_getter):
            labels = self.labels_getter(inputs)
        if labels.shape[0] != images.shape[0]:
            raise ValueError(f"{name}: {images.shape[0]} images but {labels.shape[0]} labels")
        mixed, portion = self._mix(images, self._portion())
        given = _one_hot(labels, self.num_classes)
        return (mixed, given * portion + given.roll(1, 0) * (1.0 - portion), *inputs[2:])


class MixUp(_Mixing):
    """Images of a batch mixed with the ones before them: ``portion * x + (1 - portion) * roll(x)``, labels alike.

    Args:
        alpha: the portion is drawn from Beta(alpha, alpha).
        num_classes: of labels that are numbers.
        labels_getter: finds the labels in the sample; the second argument if not given.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization (2017).

    >>> from numtorch.vision.transforms import v2
    >>> mixed, labels = v2.MixUp(num_classes=3)(torch.rand(2, 3, 4, 4), torch.tensor([0, 2]))
    >>> labels.shape
    torch.Size([2, 3])
    """

    def _mix(self, images: Any, portion: float) -> tuple[Any, float]:
        out = images * portion + images.roll(1, 0) * (1.0 - portion)
        return (out if images.is_floating_point() else out.round()).to(images.dtype), portion


class CutMix(_Mixing):
    """Images of a batch with a rectangle of the ones before them; labels are mixed by the areas.

    Args:
        alpha: the area that stays is drawn from Beta(alpha, alpha).
        num_classes: of labels that are numbers.
        labels_getter: finds the labels in the sample; the second argument if not given.

    Source: Yun, Han, Oh, Chun, Choe and Yoo, CutMix: Regularization Strategy to Train Strong Classifiers (2019).

    >>> from numtorch.vision.transforms import v2
    >>> mixed, labels = v2.CutMix(num_classes=3)(torch.rand(2, 3, 4, 4), torch.tensor([0, 2]))
    >>> labels.shape
    torch.Size([2, 3])
    """

    def _mix(self, images: Any, portion: float) -> tuple[Any, float]:
        h, w = images.shape[-2:]
        x, y, r = integer(0, w), integer(0, h), 0.5 * math.sqrt(1.0 - portion)
        x0, y0 = max(x - int(r * w), 0), max(y - int(r * h), 0)
        x1, y1 = min(x + int(r * w), w), min(y + int(r * h), h)
        out = images.clone()
        out[..., y0:y1, x0:x1] = images.roll(1, 0)[..., y0:y1, x0:x1]
        return out, 1.0 - (x1 - x0) * (y1 - y0) / (w * h)
