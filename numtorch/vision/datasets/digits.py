"""The small digits that come with the package: real data without a download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from numtorch.vision.datasets import idx
from numtorch.vision.datasets.images import ImageDataset

FILE = Path(__file__).parent / "data" / "digits-idx2-ubyte.gz"
TRAINING = 1437


class Digits(ImageDataset):
    """1,797 handwritten digits of 8 by 8 pixels: 1,437 for training, 360 for testing.

    In the original order the first 1,437 are for training and the last 360 for testing. The
    original values 0 to 16 are scaled to bytes 0 to 255, so that ``ToTensor`` makes [0, 1] of them.

    Args:
        train: the training set, or the test set.
        transform: called with each image, a uint8 array (8, 8).
        target_transform: called with each label, an int.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; its test set.

    >>> from numtorch.vision import datasets
    >>> len(datasets.Digits(train=True)), len(datasets.Digits(train=False))
    (1437, 360)
    >>> image, label = datasets.Digits()[0]
    >>> image.shape, label
    ((8, 8), 0)
    """

    classes = [str(digit) for digit in range(10)]

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ):
        self.train = train
        table = idx.read(FILE)
        table = table[:TRAINING] if train else table[TRAINING:]
        images = (table[:, :64].astype(np.uint16) * 255 + 8) // 16  # rounded to nearest
        data = images.astype(np.uint8).reshape(-1, 8, 8)
        super().__init__(data, table[:, 64].astype(np.int64), transform, target_transform)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"
