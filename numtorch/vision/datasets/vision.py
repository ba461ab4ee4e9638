"""The base of datasets of image files, and how a file is read into an image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numtorch.utils.data.dataset import Dataset
from numtorch.vision.transforms.pictures import pillow


class StandardTransform:
    """One transform of images and one of targets, as one of pairs.

    Args:
        transform: called with each image; None for none.
        target_transform: called with each target; None for none.
    """

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = ["StandardTransform"]
        for head, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Base class of datasets of images in a folder.

    Args:
        root: the folder.
        transforms: called with each image and its target; not together with the next two.
        transform: called with each image; None for none.
        target_transform: called with each target; None for none.

    Raises:
        ValueError: ``transforms`` is given with one of the others.

    >>> from numtorch.vision import datasets
    >>> class Ones(datasets.VisionDataset):
    ...     def __len__(self):
    ...         return 3
    >>> print(Ones("."))
    Dataset Ones
        Number of datapoints: 3
        Root location: .
    """

    def __init__(
        self,
        root: str | Path = ".",
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ):
        self.root = os.path.expanduser(root)
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform, self.target_transform = transform, target_transform
        if transforms is None and (transform is not None or target_transform is not None):
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def _separate(self) -> bool:
        """Whether images and targets have transforms of their own: the attributes, which programs also set later."""
        return self.transforms is None or type(self.transforms) is StandardTransform

    def _done(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after the transforms."""
        if not self._separate():
            return self.transforms(image, target)  # type: ignore[misc]
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self) -> str:
        """More lines for the text of the dataset; subclasses define it.

        Returns:
            A text.

        >>> from numtorch.vision import datasets
        >>> datasets.VisionDataset(".").extra_repr()
        ''
        """
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}"]  # type: ignore[arg-type]
        lines += self.extra_repr().splitlines()
        lines += repr(self.transforms).splitlines() if self.transforms is not None else []
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in lines)])


def pil_loader(path: str | Path) -> Any:
    """The image in a file, as a PIL image of mode RGB; Pillow decodes it.

    Raises:
        RuntimeError: the file is no image that Pillow knows, or not whole.
    """
    image = pillow()
    with open(path, "rb") as file:
        try:
            return image.open(file).convert("RGB")
        except (OSError, SyntaxError, ValueError) as error:  # truncated, of no known format, or damaged
            raise RuntimeError(f"{path} cannot be read as an image: {error}") from error


default_loader = pil_loader
