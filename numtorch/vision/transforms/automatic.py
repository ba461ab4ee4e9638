"""Augmentations that are chosen at random from a list: AutoAugment, RandAugment, TrivialAugmentWide, AugMix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.transforms import functional as F
from numtorch.vision.transforms.pictures import (
    InterpolationMode,
    as_tensor,
    get_dimensions,
    interpolation_of,
    is_pil,
    like_pil,
)
from numtorch.vision.transforms.transform import Transform, image_of

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def _moved(img: Any, mode: Any, fill: Any, shift: Sequence[int] = (0, 0), shear: Sequence[float] = (0.0, 0.0)) -> Any:
    # A shear is about the upper left corner, as in the paper, and not about the middle.
    centre = [0, 0] if any(shear) else None
    return F.affine(img, 0.0, list(shift), 1.0, list(shear), interpolation=mode, fill=fill, center=centre)


def _sheared(magnitude: float) -> float:
    return math.degrees(math.atan(magnitude))


# What each operation does to an image, with a magnitude.
OPERATIONS: dict[str, Callable] = {
    "Identity": lambda img, m, mode, fill: img,
    "ShearX": lambda img, m, mode, fill: _moved(img, mode, fill, shear=(_sheared(m), 0.0)),
    "ShearY": lambda img, m, mode, fill: _moved(img, mode, fill, shear=(0.0, _sheared(m))),
    "TranslateX": lambda img, m, mode, fill: _moved(img, mode, fill, shift=(int(m), 0)),
    "TranslateY": lambda img, m, mode, fill: _moved(img, mode, fill, shift=(0, int(m))),
    "Rotate": lambda img, m, mode, fill: F.rotate(img, m, mode, fill=fill),
    "Brightness": lambda img, m, mode, fill: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m, mode, fill: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m, mode, fill: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m, mode, fill: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m, mode, fill: F.posterize(img, int(m)),
    "Solarize": lambda img, m, mode, fill: F.solarize(img, m * _white(img)),
    "AutoContrast": lambda img, m, mode, fill: F.autocontrast(img),
    "Equalize": lambda img, m, mode, fill: F.equalize(img),
    "Invert": lambda img, m, mode, fill: F.invert(img),
}
SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")


def _white(img: Any) -> float:
    return 1.0 if isinstance(img, nt.Tensor) and img.is_floating_point() else 255.0


def _strengths(bins: int, greatest: dict[str, float], bits: float) -> dict[str, np.ndarray]:
    """Magnitudes of the operations, from none to the greatest one."""
    table = {name: np.linspace(0.0, limit, bins) for name, limit in greatest.items()}
    steps = np.arange(bins)
    table["Posterize"] = 8 - np.round(steps / ((bins - 1) / bits))
    table["Solarize"] = np.linspace(1.0, 0.0, bins)
    return table


def _random(n: int) -> int:
    return int(nt.randint(0, n, (1,)).item())


class AutoAugmentPolicy(Enum):
    """The data sets for which policies were found.

    >>> from numtorch.vision import transforms
    >>> transforms.AutoAugmentPolicy("cifar10").name
    'CIFAR10'
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# The tables 7, 8 and 9 of the paper: pairs of operation, probability in tenths and magnitude.
POLICIES = {
    "imagenet": (
        "Posterize 4 8 Rotate 6 9; Solarize 6 5 AutoContrast 6 -; Equalize 8 - Equalize 6 -; "
        "Posterize 6 7 Posterize 6 6; Equalize 4 - Solarize 2 4; Equalize 4 - Rotate 8 8; "
        "Solarize 6 3 Equalize 6 -; Posterize 8 5 Equalize 10 -; Rotate 2 3 Solarize 6 8; "
        "Equalize 6 - Posterize 4 6; Rotate 8 8 Color 4 0; Rotate 4 9 Equalize 6 -; "
        "Equalize 0 - Equalize 8 -; Invert 6 - Equalize 10 -; Color 6 4 Contrast 10 8; "
        "Rotate 8 8 Color 10 2; Color 8 8 Solarize 8 7; Sharpness 4 7 Invert 6 -; ShearX 6 5 Equalize 10 -; "
        "Color 4 0 Equalize 6 -; Equalize 4 - Solarize 2 4; Solarize 6 5 AutoContrast 6 -; "
        "Invert 6 - Equalize 10 -; Color 6 4 Contrast 10 8; Equalize 8 - Equalize 6 -"
    ),
    "cifar10": (
        "Invert 1 - Contrast 2 6; Rotate 7 2 TranslateX 3 9; Sharpness 8 1 Sharpness 9 3; "
        "ShearY 5 8 TranslateY 7 9; AutoContrast 5 - Equalize 9 -; ShearY 2 7 Posterize 3 7; "
        "Color 4 3 Brightness 6 7; Sharpness 3 9 Brightness 7 9; Equalize 6 - Equalize 5 -; "
        "Contrast 6 7 Sharpness 6 5; Color 7 7 TranslateX 5 8; Equalize 3 - AutoContrast 4 -; "
        "TranslateY 4 3 Sharpness 2 6; Brightness 9 6 Color 2 8; Solarize 5 2 Invert 0 -; "
        "Equalize 2 - AutoContrast 6 -; Equalize 2 - Equalize 6 -; Color 9 9 Equalize 6 -; "
        "AutoContrast 8 - Solarize 2 8; Brightness 1 3 Color 7 0; Solarize 4 5 AutoContrast 9 -; "
        "TranslateY 9 9 TranslateY 7 9; AutoContrast 9 - Solarize 8 3; Equalize 8 - Invert 1 -; "
        "TranslateY 7 9 AutoContrast 9 -"
    ),
    "svhn": (
        "ShearX 9 4 Invert 2 -; ShearY 9 8 Invert 7 -; Equalize 6 - Solarize 6 6; Invert 9 - Equalize 6 -; "
        "Equalize 6 - Rotate 9 3; ShearX 9 4 AutoContrast 8 -; ShearY 9 8 Invert 4 -; "
        "ShearY 9 5 Solarize 2 6; Invert 9 - AutoContrast 8 -; Equalize 6 - Rotate 9 3; "
        "ShearX 9 4 Solarize 3 3; ShearY 8 8 Invert 7 -; Equalize 9 - TranslateY 6 6; "
        "Invert 9 - Equalize 6 -; Contrast 3 3 Rotate 8 4; Invert 8 - TranslateY 0 2; "
        "ShearY 7 6 Solarize 4 8; Invert 6 - Rotate 8 4; ShearY 3 7 TranslateX 9 3; ShearX 1 6 Invert 6 -; "
        "Solarize 7 2 TranslateY 6 7; ShearY 8 4 Invert 8 -; ShearX 7 9 TranslateY 8 3; "
        "ShearY 8 5 AutoContrast 7 -; ShearX 7 2 Invert 1 -"
    ),
}


def policy_of(name: str) -> list[list[tuple[str, float, int | None]]]:
    """Pairs of (operation, probability, magnitude).

    >>> from numtorch.vision.transforms import automatic
    >>> automatic.policy_of("cifar10")[0]
    [('Invert', 0.1, None), ('Contrast', 0.2, 6)]
    """
    pairs = []
    for entry in POLICIES[name].split(";"):
        words = entry.split()
        steps = [words[i : i + 3] for i in (0, 3)]
        pairs.append([(n, int(p) / 10, None if m == "-" else int(m)) for n, p, m in steps])
    return pairs


class _Automatic(Transform):
    _colour = True

    def __init__(self, interpolation: Any = NEAREST, fill: Any = None):
        super().__init__()
        self.interpolation, self.fill = interpolation_of(interpolation), fill

    def _do(self, img: Any, name: str, magnitude: float, signed: bool = True) -> Any:
        if signed and name in SIGNED and _random(2):
            magnitude = -magnitude
        return OPERATIONS[name](img, float(magnitude), self.interpolation, self.fill)

    def make_params(self, flat_inputs: list) -> dict:
        """Nothing: the operations are drawn one by one.

        Args:
            flat_inputs: all that is in the sample.

        Returns:
            The size of the image.

        >>> from numtorch.vision import transforms
        >>> transforms.RandAugment().make_params([torch.zeros(3, 4, 5)])
        {'size': (4, 5)}
        """
        return {"size": tuple(get_dimensions(image_of(flat_inputs))[1:])}


class AutoAugment(_Automatic):
    """Two operations, of pairs that were found to be good for a data set.

    Args:
        policy: an ``AutoAugmentPolicy``.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside; 0 if None.

    Source: Cubuk, Zoph, Mane, Vasudevan and Le, AutoAugment: Learning Augmentation Strategies from Data (2018).

    >>> from numtorch.vision import transforms
    >>> transforms.AutoAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("policy", "fill")

    def __init__(
        self, policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET, interpolation: Any = NEAREST, fill: Any = None
    ):
        super().__init__(interpolation, fill)
        self.policy = policy
        self.policies = policy_of(policy.value)

    @staticmethod
    def get_params(transform_num: int) -> tuple:
        """Draw a pair, two probabilities and two signs.

        Args:
            transform_num: how many pairs there are.

        Returns:
            An int, a tensor of two numbers, and a tensor of two bits.

        >>> from numtorch.vision import transforms
        >>> transforms.AutoAugment.get_params(1)[0]
        0
        """
        return _random(transform_num), nt.rand(2), nt.randint(0, 2, (2,))

    def transform(self, inpt: Any, params: dict) -> Any:
        h, w = params["size"]
        limits = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": 150.0 / 331.0 * w, "TranslateY": 150.0 / 331.0 * h}
        limits |= {"Rotate": 30.0} | dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9)
        table = _strengths(10, limits, 4)
        which, chances, signs = self.get_params(len(self.policies))
        for i, (name, p, level) in enumerate(self.policies[which]):
            if chances[i].item() <= p:
                magnitude = float(table[name][level]) if level is not None else 0.0
                if name in SIGNED and signs[i].item() == 0:
                    magnitude = -magnitude
                inpt = self._do(inpt, name, magnitude, False)
        return inpt


class RandAugment(_Automatic):
    """Some operations of equal magnitude.

    Args:
        num_ops: how many.
        magnitude: from 0 to ``num_magnitude_bins - 1``.
        num_magnitude_bins: how many magnitudes there are.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside; 0 if None.

    Source: Cubuk, Zoph, Shlens and Le, RandAugment: Practical Automated Data Augmentation (2019).

    >>> from numtorch.vision import transforms
    >>> transforms.RandAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: Any = NEAREST,
        fill: Any = None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def transform(self, inpt: Any, params: dict) -> Any:
        h, w = params["size"]
        limits = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": 150.0 / 331.0 * w, "TranslateY": 150.0 / 331.0 * h}
        limits |= {"Rotate": 30.0} | dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.9)
        table = _strengths(self.num_magnitude_bins, limits, 4)
        names = [n for n in OPERATIONS if n != "Invert"]
        for _ in range(self.num_ops):
            name = names[_random(len(names))]
            inpt = self._do(inpt, name, table[name][self.magnitude] if name in table else 0.0)
        return inpt


class TrivialAugmentWide(_Automatic):
    """One operation of any magnitude.

    Args:
        num_magnitude_bins: how many magnitudes there are.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside; 0 if None.

    Source: Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation (2021).

    >>> from numtorch.vision import transforms
    >>> transforms.TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins: int = 31, interpolation: Any = NEAREST, fill: Any = None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def transform(self, inpt: Any, params: dict) -> Any:
        limits = {"ShearX": 0.99, "ShearY": 0.99, "TranslateX": 32.0, "TranslateY": 32.0, "Rotate": 135.0}
        limits |= dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99)
        table = _strengths(self.num_magnitude_bins, limits, 6)
        names = [n for n in OPERATIONS if n != "Invert"]
        name = names[_random(len(names))]
        return self._do(inpt, name, table[name][_random(self.num_magnitude_bins)] if name in table else 0.0)


class AugMix(_Automatic):
    """The image mixed with chains of operations on it.

    Args:
        severity: greatest magnitude, from 1 to 10.
        mixture_width: how many chains.
        chain_depth: how many operations a chain has; 1 to 3 at random if not positive.
        alpha: the weights are drawn from Dirichlet and Beta distributions with it.
        all_ops: also brightness, colour, contrast and sharpness.
        interpolation: ``InterpolationMode``.
        fill: value of what comes from outside; 0 if None.

    Raises:
        ValueError: ``severity`` is out of range.

    Source: Hendrycks, Mu, Cubuk, Zoph, Gilmer and Lakshminarayanan, AugMix (2019).

    >>> from numtorch.vision import transforms
    >>> transforms.AugMix()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: Any = BILINEAR,
        fill: Any = None,
    ):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def transform(self, inpt: Any, params: dict) -> Any:
        h, w = params["size"]
        limits = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": w / 3.0, "TranslateY": h / 3.0, "Rotate": 30.0}
        table = _strengths(10, limits, 4)
        names = [*limits, "Posterize", "Solarize", "AutoContrast", "Equalize"]
        if self.all_ops:
            changes = ("Brightness", "Color", "Contrast", "Sharpness")
            table |= {name: np.linspace(0.0, 0.9, 10) for name in changes}
            names += changes
        rng = np.random.default_rng(int(nt.randint(0, 2**31 - 1, (1,)).item()))
        stays = rng.beta(self.alpha, self.alpha)
        shares = rng.dirichlet([self.alpha] * self.mixture_width) * (1.0 - stays)
        whole = as_tensor(inpt)
        mixed = whole.float() * float(stays)
        for share in shares:
            image = inpt
            for _ in range(self.chain_depth if self.chain_depth > 0 else 1 + _random(3)):
                name = names[_random(len(names))]
                image = self._do(image, name, table[name][_random(self.severity)] if name in table else 0.0)
            mixed = mixed + as_tensor(image).float() * float(share)
        out = mixed.to(whole.dtype)
        if is_pil(inpt):
            return like_pil(out, inpt)
        return out
