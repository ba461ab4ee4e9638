"""Datasets of small images that fit into memory as bytes: CIFAR, SVHN, STL10, USPS, SEMEION, and made-up ones."""

from __future__ import annotations

import bz2
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data.collate import default_collate
from numtorch.vision.datasets import mat
from numtorch.vision.datasets.archives import check_integrity, download_and_extract_archive, download_url, missing
from numtorch.vision.datasets.idx import CorruptFile
from numtorch.vision.datasets.images import gathered, gathers_without_numbers
from numtorch.vision.datasets.vision import VisionDataset
from numtorch.vision.transforms.pictures import pillow


def picture(array: np.ndarray) -> Any:
    """Bytes (height, width[, 3]) as a PIL image; as they are where Pillow is not installed."""
    try:
        return pillow().fromarray(array)
    except ImportError:
        return array


class Arrays(VisionDataset):
    """Base class: ``data`` holds bytes (n, height, width[, 3]), ``targets`` their labels.

    A sample is a PIL image and an int. Where Pillow is not installed, it is an array (height, width[, 3]), which all
    transforms take too.
    """

    data: np.ndarray
    targets: Any

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._done(picture(self.data[index]), int(self.targets[index]))

    @property
    def gathers_alone(self) -> bool:
        """Whether whole batches go through the transform at once, and no sample takes random numbers."""
        transform = self._batched()
        return transform is not None and self.target_transform is None and gathers_without_numbers(transform, self.data)

    def _batched(self) -> Any:
        """The transform of images, if whole batches of them may go through it."""
        data, transform = self.data, self.transform
        plain = type(data) is np.ndarray and data.dtype == np.uint8 and (data.ndim == 3 or data.shape[3:] == (3,))
        return transform if plain and self._separate() else None

    def gather_batch(self, index: np.ndarray) -> list[Any] | None:
        """A whole batch, as the default collation of its samples would make it.

        Args:
            index: int64 array, the numbers of the samples.

        Returns:
            [images, labels]; None if the transform does more than to crop, flip and look up single pixels.

        >>> import numpy as np
        >>> from numtorch.vision import datasets
        >>> datasets.CIFAR10.gather_batch is datasets.SVHN.gather_batch
        True
        """
        transform = self._batched()
        if transform is None:
            return None
        images = gathered(self.data, index, transform, self.target_transform)
        if images is None:
            return None
        labels = [int(self.targets[i]) for i in index.tolist()]
        if self.target_transform is not None:
            labels = list(map(self.target_transform, labels))
        return [images, default_collate(labels)]


_PICKLED = {
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("_codecs", "encode"): ("_codecs", "encode"),
}


class _Plain(pickle.Unpickler):
    """Reads arrays, texts, lists and dicts, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        place = _PICKLED.get((module, name))
        if place is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which a file of arrays does not need")
        if place[0] == "numpy._core.multiarray" and np.lib.NumpyVersion(np.__version__) < "2.0.0":
            place = ("numpy.core.multiarray", place[1])
        return super().find_class(*place)


def read_pickle(path: Path) -> dict:
    """The dict in a pickled file of arrays, such as CIFAR's; nothing in it is run.

    Raises:
        CorruptFile: the file is not whole, or wants code to be run.
    """
    try:
        found = _Plain(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # whatever a damaged pickle leads to
        raise CorruptFile(f"{path} cannot be read: {error}. Delete it, and pass download=True") from error
    if not isinstance(found, dict):
        raise CorruptFile(f"{path} holds no dict but {type(found).__name__}")
    return found


class CIFAR10(Arrays):
    """60,000 colour images of 32 by 32 pixels in 10 classes: 50,000 for training, 10,000 for testing.

    Args:
        root: the folder that holds, or gets, ``cifar-10-batches-py``.
        train: the training set, or the test set.
        transform: called with each image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

    >>> from numtorch.vision import datasets
    >>> datasets.CIFAR10.filename
    'cifar-10-python.tar.gz'
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if (wrong := self._wrong()) is not None:
            raise missing(type(self).__name__, wrong, self.url, self.root)
        parts = [read_pickle(self._place(name)) for name, _ in (self.train_list if train else self.test_list)]
        data = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(data.transpose(0, 2, 3, 1))
        self.targets = [n for part in parts for n in part["labels" if "labels" in part else "fine_labels"]]
        self.classes = read_pickle(self._place(self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _place(self, name: str) -> Path:
        return Path(self.root) / self.base_folder / name

    def _wrong(self) -> Path | None:
        """The first file that is missing or another one."""
        wanted = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return next((self._place(n) for n, md5 in wanted if not check_integrity(self._place(n), md5)), None)

    def download(self) -> None:
        """Fetch and unpack the archive, if its files are missing.

        Raises:
            RuntimeError: there is no connection, or the archive is another one or corrupt.

        >>> from numtorch.vision import datasets
        >>> datasets.CIFAR10.download.__name__
        'download'
        """
        if self._wrong() is not None:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 colour images of 32 by 32 pixels in 100 classes: 50,000 for training, 10,000 for testing.

    Args:
        root: the folder that holds, or gets, ``cifar-100-python``.
        train: the training set, or the test set.
        transform: called with each image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

    >>> from numtorch.vision import datasets
    >>> datasets.CIFAR100.filename
    'cifar-100-python.tar.gz'
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}


def one_of(name: str, value: Any, allowed: Any) -> Any:
    """A value, if it is among those that are allowed."""
    if value not in allowed:
        raise ValueError(f"Unknown value '{value}' for argument {name}. Valid values are {tuple(allowed)}.")
    return value


class SVHN(Arrays):
    """House numbers from street views, colour images of 32 by 32 pixels: 73,257 for training, 26,032 for testing.

    Args:
        root: the folder that holds, or gets, ``train_32x32.mat`` and the like.
        split: ``"train"``, ``"test"`` or ``"extra"``.
        transform: called with each image.
        target_transform: called with each label, an int.
        download: fetch the file if it is missing; its checksum is verified.

    Raises:
        RuntimeError: the file is missing or corrupt.

    Source: Netzer and others, Reading Digits in Natural Images with Unsupervised Feature Learning, 2011.

    >>> from numtorch.vision import datasets
    >>> datasets.SVHN.split_list["test"][1]
    'test_32x32.mat'
    """

    split_list = {
        "train": ["http://ufldl.stanford.edu/housenumbers/train_32x32.mat", "train_32x32.mat",
                  "e26dedcc434d2e4c54c9b2d4a06d8373"],
        "test": ["http://ufldl.stanford.edu/housenumbers/test_32x32.mat", "test_32x32.mat",
                 "eb5a983be6a315427106f1b164d9cef3"],
        "extra": ["http://ufldl.stanford.edu/housenumbers/extra_32x32.mat", "extra_32x32.mat",
                  "a93ce644f1a588dc4d68dda5feec44a7"],
    }  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = one_of("split", split, self.split_list)
        url, name, md5 = self.split_list[split]
        path = Path(self.root) / name
        if download:
            download_url(url, self.root, name, md5)
        if not check_integrity(path, md5):
            raise missing("SVHN", path, url, self.root)
        found = mat.read(path)
        self.data = np.ascontiguousarray(found["X"].transpose(3, 0, 1, 2))
        self.labels = found["y"].astype(np.int64).reshape(-1) % 10  # the file calls 0 10

    @property
    def targets(self) -> Any:  # type: ignore[override]
        """The labels."""
        return self.labels

    def extra_repr(self) -> str:
        return f"Split: {self.split.capitalize()}"


class STL10(Arrays):
    """Colour images of 96 by 96 pixels in 10 classes: 5,000 for training, 8,000 for testing, 100,000 without labels.

    Args:
        root: the folder that holds, or gets, ``stl10_binary``.
        split: ``"train"``, ``"test"``, ``"unlabeled"`` or ``"train+unlabeled"``.
        folds: one of the ten published parts of the training set, 0 to 9; None for all of it.
        transform: called with each image.
        target_transform: called with each label, an int; -1 where there is none.
        download: fetch and unpack the archive if its files are missing; checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Coates, Lee and Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, 2011.

    >>> from numtorch.vision import datasets
    >>> datasets.STL10.filename
    'stl10_binary.tar.gz'
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    splits = ("train", "train+unlabeled", "unlabeled", "test")
    parts = {
        "train_X.bin": "918c2871b30a85fa023e0c44e0bee87f",
        "train_y.bin": "5a34089d4802c674881badbb80307741",
        "unlabeled_X.bin": "5242ba1fed5e4be9e1e742405eb56ca4",
        "test_X.bin": "7f263ba9f9e0b06b93213547f721ac82",
        "test_y.bin": "36f9794fa4beb8a2c72628de14fa638e",
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = one_of("split", split, self.splits)
        self.folds = one_of("folds", folds, (None, *range(10)))
        folder = Path(self.root) / self.base_folder

        def wrong() -> Path | None:
            return next((folder / n for n, md5 in self.parts.items() if not check_integrity(folder / n, md5)), None)

        if download and wrong() is not None:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)
        if (gone := wrong()) is not None:
            raise missing("STL10", gone, self.url, self.root)
        names = split.split("+")
        images = [np.fromfile(folder / f"{n}_X.bin", np.uint8).reshape(-1, 3, 96, 96) for n in names]
        labels = [
            np.full(len(x), -1, np.int64)
            if n == "unlabeled"
            else np.fromfile(folder / f"{n}_y.bin", np.uint8).astype(np.int64) - 1
            for n, x in zip(names, images, strict=True)
        ]
        if folds is not None and names[0] == "train":
            chosen = np.array((folder / "fold_indices.txt").read_text().splitlines()[folds].split(), np.int64)
            images[0], labels[0] = images[0][chosen], labels[0][chosen]
        self.data = np.concatenate(images).transpose(0, 1, 3, 2)  # the files hold columns
        self.labels = np.concatenate(labels)
        names_file = folder / "class_names.txt"
        self.classes = names_file.read_text().splitlines() if names_file.is_file() else []

    @property
    def targets(self) -> Any:  # type: ignore[override]
        """The labels."""
        return self.labels

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = np.ascontiguousarray(self.data[index].transpose(1, 2, 0))
        return self._done(picture(image), int(self.labels[index]))

    def extra_repr(self) -> str:
        return f"Split: {self.split.capitalize()}"


class USPS(Arrays):
    """Digits from envelopes, grey images of 16 by 16 pixels: 7,291 for training, 2,007 for testing.

    Args:
        root: the folder that holds, or gets, ``usps.bz2`` and ``usps.t.bz2``.
        train: the training set, or the test set.
        transform: called with each image.
        target_transform: called with each label, an int.
        download: fetch the file if it is missing; its checksum is verified.

    Raises:
        RuntimeError: the file is missing or corrupt.

    Source: J. Hull, A Database for Handwritten Text Recognition Research, 1994.

    >>> from numtorch.vision import datasets
    >>> datasets.USPS.split_list["test"][1]
    'usps.t.bz2'
    """

    split_list = {
        "train": ["https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2", "usps.bz2",
                  "ec16c51db3855ca6c91edd34d0e9b197"],
        "test": ["https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2", "usps.t.bz2",
                 "8ea070ee2aca1ac39742fdd1ef5ed118"],
    }  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = Path(self.root) / name
        if download:
            download_url(url, self.root, name, md5)
        if not check_integrity(path, md5):
            raise missing("USPS", path, url, self.root)
        try:
            with bz2.open(path) as file:
                rows = [line.decode().split() for line in file]
            values = np.array([[x.split(":")[-1] for x in row[1:]] for row in rows], np.float32)
            self.data = ((values.reshape(-1, 16, 16) + 1) / 2 * 255).astype(np.uint8)
            self.targets = [int(row[0]) - 1 for row in rows]
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise CorruptFile(f"{path} cannot be read: {error}") from error


class SEMEION(Arrays):
    """1,593 handwritten digits, black and white images of 16 by 16 pixels.

    Args:
        root: the folder that holds, or gets, ``semeion.data``.
        transform: called with each image.
        target_transform: called with each label, an int.
        download: fetch the file if it is missing; its checksum is verified.

    Raises:
        RuntimeError: the file is missing or corrupt.

    Source: Semeion Handwritten Digit, UCI Machine Learning Repository, 1994.

    >>> from numtorch.vision import datasets
    >>> datasets.SEMEION.filename
    'semeion.data'
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum = "cb545d371d2ce14ec121470795a77432"

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = True,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        path = Path(self.root) / self.filename
        if download:
            download_url(self.url, self.root, self.filename, self.md5_checksum)
        if not check_integrity(path, self.md5_checksum):
            raise missing("SEMEION", path, self.url, self.root)
        try:
            table = np.loadtxt(path)
            self.data = (table[:, :256] * 255).astype(np.uint8).reshape(-1, 16, 16)
            self.labels = table[:, 256:266].argmax(1)
        except (ValueError, IndexError) as error:
            raise CorruptFile(f"{path} cannot be read: {error}") from error

    @property
    def targets(self) -> Any:  # type: ignore[override]
        """The labels."""
        return self.labels


class FakeData(VisionDataset):
    """Images of random numbers with random labels, always the same ones.

    Args:
        size: how many.
        image_size: (channels, height, width).
        num_classes: labels are below it.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        random_offset: another number gives other images.

    >>> from numtorch.vision import datasets, transforms
    >>> image, label = datasets.FakeData(10, (3, 4, 5), transform=transforms.ToTensor())[0]
    >>> image.shape, 0 <= label < 10
    (torch.Size([3, 4, 5]), True)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ):
        super().__init__(".", transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"FakeData: index {index} is out of range for {len(self)} samples")
        generator = nt.Generator().manual_seed(index + self.random_offset)
        values = nt.randn(*self.image_size, generator=generator)
        target = int(nt.randint(0, self.num_classes, (1,), generator=generator).item())
        array = (values * 255).to(nt.int32).numpy().astype(np.uint8).transpose(1, 2, 0)
        array = array[:, :, 0] if array.shape[2] == 1 else array
        return self._done(picture(np.ascontiguousarray(array)), target)

    def __len__(self) -> int:
        return self.size
