"""Images: data sets that are read from files, transforms that turn pictures into tensors, and known models.

from numtorch.vision import datasets, models, transforms
"""

from numtorch.vision import datasets, models, transforms

__all__ = ["datasets", "models", "transforms"]
