"""Datasets of images that are in memory as bytes, with an integer label each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data.collate import default_collate
from numtorch.utils.data.dataset import Dataset, plain_array
from numtorch.utils.data.gather import take_mapped, take_rows
from numtorch.vision.transforms.compose import batch_plan, byte_table


def gathered(data: np.ndarray, index: np.ndarray, transform: Any, target_transform: Any) -> Any:
    """A batch of byte images (n, height, width[, channels]) as the transform makes them one by one, or None.

    A transform of targets may draw random numbers in between, so it excludes transforms that do.
    """
    if data.ndim == 3 and (table := byte_table(transform)) is not None:
        return nt.from_numpy(take_mapped(data[:, None], index, table))
    plan = _plan(data, transform)
    if plan is None or (plan.random and target_transform is not None):
        return None
    return plan(data, index)


def gathers_without_numbers(transform: Any, data: np.ndarray | None) -> bool:
    """Whether ``gathered`` makes batches, and no sample takes random numbers."""
    if data is None or data.dtype != np.uint8:
        return False
    if data.ndim == 3 and byte_table(transform) is not None:
        return True
    plan = _plan(data, transform)
    return plan is not None and not plan.random


def _plan(data: np.ndarray, transform: Any) -> Any:
    if data.ndim not in (3, 4) or not data.flags.c_contiguous or not data.size:
        return None
    return batch_plan(transform, data.shape[1], data.shape[2], data.shape[3] if data.ndim == 4 else 1)


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Images with labels; a sample is the pair of an image and an int.

    Differs from torch: torchvision hands out PIL images. ``PIL.Image.fromarray(image)`` makes one.

    Args:
        data: uint8 (n, height, width) or (n, height, width, channels), a tensor or an array.
        targets: int64 (n,), a tensor, an array or a list.
        transform: called with each image, a uint8 array (height, width[, channels]).
        target_transform: called with each label, an int.

    Raises:
        ValueError: the numbers of images and labels differ.

    >>> import numpy as np
    >>> from numtorch.vision import datasets, transforms
    >>> pictures = np.zeros((2, 2, 2), np.uint8)
    >>> data = datasets.ImageDataset(pictures, [0, 1], transform=transforms.ToTensor())
    >>> image, label = data[1]
    >>> image.shape, label
    (torch.Size([1, 2, 2]), 1)
    """

    classes: list[str] = []
    root: Any = None  # the folder of the files, where there is one

    def __init__(
        self,
        data: Any,
        targets: Any,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ):
        self.data = nt.as_tensor(data)
        self.targets = nt.as_tensor(targets)
        if len(self.data) != len(self.targets):
            raise ValueError(f"{type(self).__name__}: {len(self.data)} images but {len(self.targets)} targets")
        self.transform = transform
        self.target_transform = target_transform

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class, by its name.

        >>> from numtorch.vision import datasets
        >>> datasets.Digits().class_to_idx["7"]
        7
        """
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self.data[index].numpy(), int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    @property
    def gathers_alone(self) -> bool:
        """Whether the transform is one of single pixels, which the whole batch goes through at once."""
        return self.target_transform is None and (
            self.transform is None or gathers_without_numbers(self.transform, plain_array(self.data))
        )

    def gather_batch(self, index: np.ndarray) -> list[Any] | None:
        """A whole batch, as the default collation of its samples would make it.

        The images are ``table[pixel]``: one kernel, with the bits of the sample-by-sample path.

        Args:
            index: int64 array, the numbers of the samples.

        Returns:
            [images, labels]; None if the transform does more than to crop, flip and look up single pixels.

        >>> import numpy as np
        >>> from numtorch.vision import datasets, transforms
        >>> images, labels = datasets.Digits(transform=transforms.ToTensor()).gather_batch(np.array([0, 1]))
        >>> images.shape, labels
        (torch.Size([2, 1, 8, 8]), tensor([0, 1]))
        """
        data, targets = plain_array(self.data), plain_array(self.targets)
        if data is None or targets is None or data.dtype != np.uint8 or data.ndim not in (3, 4):
            return None
        if targets.ndim != 1 or targets.dtype.kind not in "iu" or len(targets) != len(data):
            return None
        if self.transform is None:
            images = nt.from_numpy(take_rows(data, index))
        else:
            images = gathered(data, index, self.transform, self.target_transform)
            if images is None:
                return None
        labels = take_rows(targets, index)
        if self.target_transform is not None:
            collated = default_collate(tuple(map(self.target_transform, labels.tolist())))
        else:
            collated = nt.from_numpy(labels.astype(np.int64, copy=False))
        return [images, collated]

    def extra_repr(self) -> str:
        """More lines for the text of the dataset; subclasses define it.

        Returns:
            A text.

        >>> from numtorch.vision import datasets
        >>> datasets.Digits().extra_repr()
        'Split: Train'
        """
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        parts = [f"Dataset {type(self).__name__}", *(f"    {line}" for line in lines)]
        chosen = [("Transform: ", self.transform), ("Target transform: ", self.target_transform)]
        if any(transform is not None for _, transform in chosen):
            parts.append("    StandardTransform")
        for head, transform in chosen:
            if transform is not None:
                parts.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        return "\n".join(parts)
