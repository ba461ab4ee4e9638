"""Images: data sets that are read from files, transforms that turn pictures into tensors, and known models.

from numtorch.vision import datasets, models, transforms
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision import datasets, models, transforms

__all__ = ["datasets", "models", "transforms"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
