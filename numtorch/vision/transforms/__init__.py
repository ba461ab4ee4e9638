"""Transforms: callables that turn an image into a tensor, or a tensor into another tensor.

    pixels.py       kernels
    functional.py   to_tensor, normalize: the functions
    compose.py      the classes, for use in a dataset

A transform that changes each pixel independently of the others should define ``on_values`` (see ``compose.py``). Then
one kernel transforms whole batches instead of single samples.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.transforms import functional
from numtorch.vision.transforms.compose import Compose, Lambda, Normalize, ToTensor

__all__ = ["Compose", "Lambda", "Normalize", "ToTensor", "functional"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
