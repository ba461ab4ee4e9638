"""The MNIST family: where their files are looked for, and how their content is checked."""

from __future__ import annotations

import functools
import os
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numtorch.vision.datasets import idx
from numtorch.vision.datasets.archives import download_and_extract_archive
from numtorch.vision.datasets.download import fetch, md5
from numtorch.vision.datasets.images import ImageDataset


@dataclass(frozen=True)
class File:
    """A published file: its name, the shape in it, MD5 checksums of the archive and its content."""

    name: str
    shape: tuple[int, ...]
    gz: str
    content: str | None = None  # known for MNIST, so that recompressed copies can be checked too


def _wrong_archive(file: File, data: bytes) -> str | None:
    found = md5(data)
    return None if found == file.gz else f"expected MD5 {file.gz}, found {found}"


class MNIST(ImageDataset):
    """Handwritten digits: 60,000 images for training, 10,000 for testing, 28 by 28 pixels.

    The files (``train-images-idx3-ubyte`` and so on, raw or ``.gz``) are looked for in
    ``root/MNIST/raw``, in ``root``, and in the folder that the environment variable
    ``NUMTORCH_DATA`` names: there in ``MNIST/raw``, in ``mnist``, and in itself.

    Differs from torch: images are arrays, not PIL images. Files of the published size must have the
    published content; smaller or larger ones are read as they are.

    Args:
        root: the folder for the data.
        train: the training set, or the test set.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: called with each label, an int.
        download: fetch files that are missing into ``root/MNIST/raw``; their checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    >>> from numtorch.vision import datasets
    >>> datasets.MNIST.classes[:3]
    ['0 - zero', '1 - one', '2 - two']

    With the files at hand::

        train = datasets.MNIST("data", download=True, transform=transforms.ToTensor())
        image, label = train[0]  # (1, 28, 28) in [0, 1], and 5

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
    """

    mirrors: Sequence[str] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    places: Sequence[str] = ("MNIST/raw", "")  # inside root
    shared_places: Sequence[str] = ("MNIST/raw", "mnist", "")  # inside NUMTORCH_DATA
    files: Sequence[File] = (
        File("train-images-idx3-ubyte", (60000, 28, 28),
             "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        File("train-labels-idx1-ubyte", (60000,),
             "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        File("t10k-images-idx3-ubyte", (10000, 28, 28),
             "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        File("t10k-labels-idx1-ubyte", (10000,),
             "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
    )  # fmt: skip
    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ):
        self.root = os.path.expanduser(root)
        self.train = train
        if download:
            self.download()
        images, labels = (self._load(file) for file in self.files[0 if train else 2 :][:2])
        if images.ndim != 3 or labels.ndim != 1:
            raise RuntimeError(
                f"{type(self).__name__}: expected images (n, height, width) and labels (n,), "
                f"found shapes {images.shape} and {labels.shape}"
            )
        super().__init__(images, labels.astype(np.int64), transform, target_transform)

    @property
    def raw_folder(self) -> Path:
        """Where downloads go: ``root/MNIST/raw``."""
        return Path(self.root) / self.places[0]

    def folders(self) -> list[Path]:
        """Where files are looked for, in this order.

        Returns:
            A list of paths: in ``root``, then in ``NUMTORCH_DATA``.

        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from numtorch.vision.datasets import MNIST, idx
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for file in MNIST.files[:2]:
        ...         shape = (1, *file.shape[1:])
        ...         _ = pathlib.Path(root, file.name).write_bytes(idx.encode(np.zeros(shape, np.uint8)))
        ...     data = MNIST(root)
        >>> [folder.relative_to(root).as_posix() for folder in data.folders()[:2]]
        ['MNIST/raw', '.']
        """
        found = [Path(self.root) / place for place in self.places]
        if shared := os.environ.get("NUMTORCH_DATA"):
            found += [Path(shared).expanduser() / place for place in self.shared_places]
        return found

    def download(self) -> None:
        """Fetch the files that are missing into ``raw_folder``.

        Raises:
            RuntimeError: no mirror has a file with the right checksum.

        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from numtorch.vision.datasets import MNIST, idx
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for file in MNIST.files:
        ...         shape = (1, *file.shape[1:])
        ...         _ = pathlib.Path(root, file.name).write_bytes(idx.encode(np.zeros(shape, np.uint8)))
        ...     MNIST(root).download()  # nothing is missing
        """
        for file in self.files:
            if self._find(file) is None:
                check = functools.partial(_wrong_archive, file)
                fetch(file.name + ".gz", self.mirrors, self.raw_folder, check)

    def _find(self, file: File) -> Path | None:
        for folder in self.folders():
            for path in (folder / file.name, folder / f"{file.name}.gz"):
                if path.is_file():
                    return path
        return None

    def _load(self, file: File) -> np.ndarray:
        path = self._find(file)
        if path is None:
            looked = "\n".join(f"  {folder}" for folder in self.folders())
            raise RuntimeError(
                f"{type(self).__name__}: {file.name} (or {file.name}.gz) not found. Looked in\n"
                f"{looked}\nPass download=True, or set the environment variable NUMTORCH_DATA to "
                "the folder that holds the files"
            )
        try:
            content = idx.decompressed(path)
            array = idx.parse(content, path)
        except idx.CorruptFile as error:
            found = md5(path.read_bytes())
            expected = file.gz if path.suffix == ".gz" else file.content or "unknown"
            raise self._corrupt(path, str(error), expected, found) from None
        # Only files of the published size are held to the published checksum: a test or a
        # demonstration may bring its own, smaller ones.
        if array.shape == file.shape and (wrong := self._wrong_content(file, content, path)):
            raise self._corrupt(path, *wrong)
        return array

    def _wrong_content(self, file: File, content: bytes, path: Path) -> tuple[str, str, str] | None:
        found = md5(content)
        if file.content is not None:
            if found == file.content:
                return None
            return f"{path} does not hold the published data", file.content, found
        for other in MNIST.files:
            if found == other.content:
                what = f"{path} holds {other.name} of MNIST, not of {type(self).__name__}"
                return what, file.gz, found
        return None

    def _corrupt(self, path: Path, what: str, expected: str, found: str) -> RuntimeError:
        return RuntimeError(
            f"{type(self).__name__}: {what}. Expected MD5 {expected}, found {found}. "
            f"Delete {path} and run again with download=True, or copy a good file there"
        )

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Pictures of clothes in the format of MNIST: 60,000 for training, 10,000 for testing.

    Files are looked for in ``root/FashionMNIST/raw`` and ``root``, then in ``FashionMNIST/raw`` and
    ``fashion-mnist`` in the folder that ``NUMTORCH_DATA`` names.

    Args:
        root: the folder for the data.
        train: the training set, or the test set.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: called with each label, an int.
        download: fetch files that are missing into ``root/FashionMNIST/raw``; their checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms", 2017, https://arxiv.org/abs/1708.07747.

    >>> from numtorch.vision import datasets
    >>> datasets.FashionMNIST.classes[:3]
    ['T-shirt/top', 'Trouser', 'Pullover']
    """

    mirrors = (
        # Amazon serves this one without https; the checksum guards it.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    places = ("FashionMNIST/raw", "")
    # Not the shared folder itself: files of these names in it are MNIST's.
    shared_places = ("FashionMNIST/raw", "fashion-mnist")
    files = (
        File("train-images-idx3-ubyte", (60000, 28, 28), "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        File("train-labels-idx1-ubyte", (60000,), "25c81989df183df01b3e8a0aad5dffbe"),
        File("t10k-images-idx3-ubyte", (10000, 28, 28), "bef4ecab320f06d8554ea6380940ec79"),
        File("t10k-labels-idx1-ubyte", (10000,), "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Cursive Japanese characters in the format of MNIST: 60,000 for training, 10,000 for testing.

    Files are looked for in ``root/KMNIST/raw`` and ``root``, then in ``KMNIST/raw`` and ``kmnist`` in the folder that
    ``NUMTORCH_DATA`` names.

    Args:
        root: the folder for the data.
        train: the training set, or the test set.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: called with each label, an int.
        download: fetch files that are missing into ``root/KMNIST/raw``; their checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Clanuwat and others, Deep Learning for Classical Japanese Literature, 2018.

    >>> from numtorch.vision import datasets
    >>> datasets.KMNIST.classes[:3]
    ['o', 'ki', 'su']
    """

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    places = ("KMNIST/raw", "")
    shared_places = ("KMNIST/raw", "kmnist")
    files = (
        File("train-images-idx3-ubyte", (60000, 28, 28), "bdb82020997e1d708af4cf47b453dcf7"),
        File("train-labels-idx1-ubyte", (60000,), "e144d726b3acfaa3e44228e80efcd344"),
        File("t10k-images-idx3-ubyte", (10000, 28, 28), "5c965bf0a639b31b8f53240b1b52f4d7"),
        File("t10k-labels-idx1-ubyte", (10000,), "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


LETTERS, DIGITS = string.ascii_letters, string.digits
MERGED = sorted(set(DIGITS + LETTERS) - set("cijklmopsuvwxyz"))  # small letters that look like capitals


class EMNIST(MNIST):
    """Handwritten digits and letters in the format of MNIST; images are stored with rows and columns exchanged.

    Files are looked for in ``root/EMNIST/raw`` and ``root``, then in ``EMNIST/raw`` and ``emnist`` in the folder that
    ``NUMTORCH_DATA`` names.

    Args:
        root: the folder for the data.
        split: ``"byclass"``, ``"bymerge"``, ``"balanced"``, ``"letters"``, ``"digits"`` or ``"mnist"``.
        train: the training set, or the test set.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if files are missing; its checksum is verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Cohen, Afshar, Tapson and van Schaik, EMNIST: an extension of MNIST to handwritten letters, 2017.

    >>> from numtorch.vision import datasets
    >>> datasets.EMNIST.classes_split_dict["letters"][:3]
    ['N/A', 'a', 'b']
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    places = ("EMNIST/raw", "")
    shared_places = ("EMNIST/raw", "emnist")
    classes_split_dict = {
        "byclass": sorted(DIGITS + LETTERS),
        "bymerge": MERGED,
        "balanced": MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(DIGITS),
        "mnist": list(DIGITS),
    }

    def __init__(
        self,
        root: str | Path,
        split: str,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ):
        if split not in self.classes_split_dict:
            valid = ", ".join(self.classes_split_dict)
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {valid}.")
        self.split, self.classes = split, self.classes_split_dict[split]
        self.files = tuple(
            File(f"emnist-{split}-{part}-{what}", (-1,), "unknown")
            for part in ("train", "test")
            for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        super().__init__(root, train, transform, target_transform, download)

    def download(self) -> None:
        if any(self._find(file) is None for file in self.files):
            download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
            for path in (self.raw_folder / "gzip").glob("*.gz"):
                path.replace(self.raw_folder / path.name)
