"""Datasets of images.

    vision.py       the base of datasets in folders; how a file is read into an image
    folder.py       ImageFolder, DatasetFolder
    arrays.py       small images in memory: CIFAR, SVHN, STL10, USPS, SEMEION, FakeData
    published.py    archives of image files: Food101, Flowers102, CelebA and others
    annotated.py    Pascal VOC, COCO
    archives.py     archives: fetched, checked, extracted
    images.py       the shared base of the next: bytes in memory, batches by one kernel
    mnist.py        MNIST, FashionMNIST, KMNIST, EMNIST
    digits.py       Digits, which comes with the package (data/)
    idx.py mat.py   the file formats of the MNIST family and of MATLAB
    download.py     files from mirrors, with checksums

To add one, subclass ``Files`` in ``published.py``, or ``Arrays`` in ``arrays.py``, and export it here.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.datasets.annotated import CocoCaptions, CocoDetection, VOCDetection, VOCSegmentation
from numtorch.vision.datasets.arrays import CIFAR10, CIFAR100, SEMEION, STL10, SVHN, USPS, FakeData
from numtorch.vision.datasets.digits import Digits
from numtorch.vision.datasets.folder import DatasetFolder, ImageFolder
from numtorch.vision.datasets.images import ImageDataset
from numtorch.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from numtorch.vision.datasets.published import (
    DTD,
    GTSRB,
    CelebA,
    Country211,
    EuroSAT,
    FGVCAircraft,
    Flowers102,
    Food101,
    ImageNet,
    Imagenette,
    OxfordIIITPet,
    RenderedSST2,
)
from numtorch.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "DTD",
    "EMNIST",
    "GTSRB",
    "KMNIST",
    "MNIST",
    "SEMEION",
    "STL10",
    "SVHN",
    "USPS",
    "CelebA",
    "CocoCaptions",
    "CocoDetection",
    "Country211",
    "DatasetFolder",
    "Digits",
    "EuroSAT",
    "FGVCAircraft",
    "FakeData",
    "FashionMNIST",
    "Flowers102",
    "Food101",
    "ImageDataset",
    "ImageFolder",
    "ImageNet",
    "Imagenette",
    "OxfordIIITPet",
    "RenderedSST2",
    "VOCDetection",
    "VOCSegmentation",
    "VisionDataset",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
