"""Transforms: callables that turn an image into a tensor, or an image into another one.

    pictures.py       what counts as an image; how a function of images takes each kind
    geometry.py       functions that move pixels; boxes, masks and points move alike
    colour.py         functions that change values
    functional.py     to_tensor, normalize and other conversions; all functions by torchvision's names
    resample.py       kernels of resizing, blurring and warping
    pixels.py         kernels of to_tensor and normalize
    moves.py          whole batches of crops and flips in one kernel
    transform.py      the base class: random parameters, and samples with several parts
    sizes.py motions.py looks.py automatic.py combinations.py compose.py    the transforms
    v2/               the names of torchvision.transforms.v2: the same transforms

A transform that changes each pixel independently of the others should define ``on_values`` (see ``compose.py``). Then
one kernel transforms whole batches instead of single samples. One that moves pixels should define ``on_places``.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.transforms import functional
from numtorch.vision.transforms.automatic import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from numtorch.vision.transforms.combinations import (
    ConvertImageDtype,
    Lambda,
    PILToTensor,
    RandomApply,
    RandomChoice,
    RandomOrder,
    ToPILImage,
)
from numtorch.vision.transforms.compose import Compose, Normalize, ToTensor
from numtorch.vision.transforms.looks import (
    ColorJitter,
    GaussianBlur,
    Grayscale,
    LinearTransformation,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from numtorch.vision.transforms.motions import (
    ElasticTransform,
    RandomAffine,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomRotation,
    RandomVerticalFlip,
)
from numtorch.vision.transforms.pictures import InterpolationMode
from numtorch.vision.transforms.sizes import CenterCrop, FiveCrop, Pad, RandomCrop, RandomResizedCrop, Resize, TenCrop
from numtorch.vision.transforms.transform import Transform

__all__ = [
    "AugMix",
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
    "Transform",
    "TrivialAugmentWide",
    "functional",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__, late=["v2"])
