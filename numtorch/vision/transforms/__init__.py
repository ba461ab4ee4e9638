"""Transforms: callables that turn an image into a tensor, or a tensor into another.

    pixels.py       kernels
    functional.py   to_tensor, normalize: the functions
    compose.py      the classes, to be put into a data set

A transform that changes every pixel by itself, whatever the others are, should define ``on_values``
(see ``compose.py``): whole batches then go through one kernel instead of sample by sample.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.transforms import functional
from numtorch.vision.transforms.compose import Compose, Lambda, Normalize, ToTensor

__all__ = ["Compose", "Lambda", "Normalize", "ToTensor", "functional"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
