"""Images: datasets that are read from files, transforms from pictures to tensors, and well-known models.

from numtorch.vision import datasets, models, transforms
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision import datasets, io, models, ops, transforms, tv_tensors, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
