"""Datasets of images.

images.py     the shared base: bytes in memory, transforms, batches by one kernel
idx.py        the file format of the MNIST family
download.py   files from mirrors, with checksums
mnist.py      MNIST, FashionMNIST
digits.py     Digits, which comes with the package (data/)
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.datasets.digits import Digits
from numtorch.vision.datasets.images import ImageDataset
from numtorch.vision.datasets.mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "Digits", "FashionMNIST", "ImageDataset"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
