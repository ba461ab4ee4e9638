"""Datasets of a folder with one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numtorch.vision.datasets.vision import VisionDataset, default_loader
from numtorch.vision.datasets.vision import pil_loader as pil_loader

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a file's name ends in one of some endings, in letters of either case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename: str) -> bool:
    """Whether a file's name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The classes in a folder: the names of the folders in it, in order, and their numbers."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: Any = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """The files in a folder's folders, each with the number of its class, in order."""
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if is_valid_file is None:
        allowed = extensions if isinstance(extensions, str) else tuple(extensions)

        def is_valid_file(path: str) -> bool:
            return has_file_allowed_extension(path, allowed)

    found: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        place = os.path.join(directory, name)
        before = len(found)
        for folder, _, files in sorted(os.walk(place, followlinks=True)):
            found += [
                (path, class_to_idx[name]) for f in sorted(files) if is_valid_file(path := os.path.join(folder, f))
            ]
        if len(found) == before:
            empty.append(name)
    if empty and not allow_empty:
        ends = extensions if isinstance(extensions, str) else ", ".join(extensions or ())
        known = f" Supported extensions are: {ends}" if ends else ""
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)} in {directory}.{known}")
    return found


class DatasetFolder(VisionDataset):
    """Files in folders that are called after their classes: ``root/class/any/file.ext``.

    Args:
        root: the folder.
        loader: reads a file, by its path.
        extensions: how the names of files end; not together with ``is_valid_file``.
        transform: called with what the loader returns.
        target_transform: called with the number of the class.
        is_valid_file: tells by a path whether a file belongs to the dataset.
        allow_empty: whether folders without files are classes too.

    Raises:
        FileNotFoundError: there is no folder, or a folder without files.

    >>> import pathlib, tempfile
    >>> from numtorch.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cats/1.txt", "dogs/2.txt"):
    ...         pathlib.Path(root, name).parent.mkdir()
    ...         _ = pathlib.Path(root, name).write_text(name)
    ...     data = datasets.DatasetFolder(root, lambda path: pathlib.Path(path).read_text(), (".txt",))
    ...     print(data.classes, data[1])
    ['cats', 'dogs'] ('dogs/2.txt', 1)
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if not os.path.isdir(self.root):
            raise FileNotFoundError(f"{type(self).__name__}: there is no folder {self.root}")
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: Any = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The files, each with the number of its class; a subclass may find others.

        Args:
            directory: the folder.
            class_to_idx: the number of each class, by its name.
            extensions: how the names of files end.
            is_valid_file: tells by a path whether a file belongs to the dataset.
            allow_empty: whether folders without files are classes too.

        Returns:
            A list of (path, number).

        Raises:
            FileNotFoundError: a folder without files.
            ValueError: both or none of ``extensions`` and ``is_valid_file`` are given.

        >>> from numtorch.vision import datasets
        >>> datasets.DatasetFolder.make_dataset(".", {"no folder": 0}, (".png",), allow_empty=True)
        []
        """
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes, and the number of each; a subclass may find others.

        Args:
            directory: the folder.

        Returns:
            Names in order, and a dict.

        >>> from numtorch.vision import datasets
        >>> datasets.FakeData.__name__  # has no folder
        'FakeData'
        """
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._done(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders that are called after their classes: ``root/class/any/picture.jpg``.

    Args:
        root: the folder.
        transform: called with each PIL image of mode RGB.
        target_transform: called with the number of the class.
        loader: reads a file, by its path; Pillow does it if not given.
        is_valid_file: tells by a path whether a file belongs to the dataset; by the name's ending if None.
        allow_empty: whether folders without files are classes too.

    Raises:
        FileNotFoundError: there is no folder, or a folder without files.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from numtorch.vision import datasets, transforms
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cats", "dogs"):
    ...         pathlib.Path(root, name).mkdir()
    ...         Image.new("RGB", (5, 4)).save(f"{root}/{name}/1.png")
    ...     data = datasets.ImageFolder(root, transforms.ToTensor())
    ...     image, label = data[1]
    >>> image.shape, label
    (torch.Size([3, 4, 5]), 1)
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
