"""Images: datasets that are read from files, transforms from pictures to tensors, and well-known models.

from numtorch.vision import datasets, models, transforms
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision import datasets, models, transforms

__all__ = ["datasets", "models", "transforms"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
