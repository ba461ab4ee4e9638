"""Images: data sets that are read from files, and transforms that turn pictures into tensors.

from numtorch.vision import datasets, transforms
"""

from numtorch.vision import datasets, transforms

__all__ = ["datasets", "transforms"]
