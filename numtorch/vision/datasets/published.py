"""Published datasets of image files: their archives, their lists of samples, and their labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.datasets import mat
from numtorch.vision.datasets.archives import download_and_extract_archive, download_url, missing
from numtorch.vision.datasets.arrays import one_of
from numtorch.vision.datasets.folder import ImageFolder, find_classes, make_dataset
from numtorch.vision.datasets.idx import CorruptFile
from numtorch.vision.datasets.vision import VisionDataset, default_loader
from numtorch.vision.transforms.pictures import pillow


class Files(VisionDataset):
    """Base class: ``samples`` holds a path and a label for each image.

    ``archives`` holds address and MD5 checksum of each archive; ``folder`` is where their content is, below ``root``.
    """

    archives: Sequence[tuple[str, str | None]] = ()
    folder = ""
    samples: list[tuple[Any, Any]]
    loader: Callable[[Any], Any] = staticmethod(default_loader)
    classes: list[str]
    split = ""

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] | None = None,
        transforms: Callable | None = None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        if loader is not None:
            self.loader = loader
        self._base = Path(self.root) / self.folder
        if download and not self._there():
            for url, md5 in self.archives:
                download_and_extract_archive(url, self._into(), md5=md5)
        if not self._there():
            raise missing(type(self).__name__, self._base, self.archives[0][0], self._into())

    def _into(self) -> Path:
        """Where archives are fetched to, and unpacked."""
        return Path(self.root)

    def _there(self) -> bool:
        return self._base.is_dir()

    def _numbered(self, names: Sequence[str]) -> None:
        self.classes = list(names)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._done(self.loader(path), target)

    def extra_repr(self) -> str:
        return f"split={self.split}" if self.split else ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path} cannot be read: {error}") from error


class Food101(Files):
    """101,000 photographs of food in 101 classes: 750 of each for training, 250 for testing.

    Args:
        root: the folder that holds, or gets, ``food-101``.
        split: ``"train"`` or ``"test"``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Bossard, Guillaumin and Van Gool, Food-101: Mining Discriminative Components with Random Forests, 2014.

    >>> from numtorch.vision import datasets
    >>> datasets.Food101.folder
    'food-101'
    """

    archives = (("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz", "85eeb15f3717b99a5da872d97d918f87"),)
    folder = "food-101"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "test"))
        super().__init__(root, transform, target_transform, download, loader)
        listed = json.loads("\n".join(_lines(self._base / "meta" / f"{split}.json")))
        self._numbered(sorted(listed))
        self.samples = [
            (self._base / "images" / f"{name}.jpg", self.class_to_idx[label])
            for label, names in listed.items()
            for name in names
        ]


class Flowers102(Files):
    """8,189 photographs of flowers in 102 classes: 1,020 for training, 1,020 for validation, 6,149 for testing.

    Args:
        root: the folder that holds, or gets, ``flowers-102``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Nilsback and Zisserman, Automated Flower Classification over a Large Number of Classes, 2008.

    >>> from numtorch.vision import datasets
    >>> datasets.Flowers102.classes[:2]
    ['pink primrose', 'hard-leaved pocket orchid']
    """

    place = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    archives = ((place + "102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),)
    lists = {"imagelabels.mat": "e0620be6f572b9609742df49c70aed4d", "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c"}
    folder = "flowers-102"
    classes = [
        "pink primrose", "hard-leaved pocket orchid", "canterbury bells", "sweet pea", "english marigold",
        "tiger lily", "moon orchid", "bird of paradise", "monkshood", "globe thistle", "snapdragon",
        "colt's foot", "king protea", "spear thistle", "yellow iris", "globe-flower", "purple coneflower",
        "peruvian lily", "balloon flower", "giant white arum lily", "fire lily", "pincushion flower",
        "fritillary", "red ginger", "grape hyacinth", "corn poppy", "prince of wales feathers",
        "stemless gentian", "artichoke", "sweet william", "carnation", "garden phlox", "love in the mist",
        "mexican aster", "alpine sea holly", "ruby-lipped cattleya", "cape flower", "great masterwort",
        "siam tulip", "lenten rose", "barbeton daisy", "daffodil", "sword lily", "poinsettia",
        "bolero deep blue", "wallflower", "marigold", "buttercup", "oxeye daisy", "common dandelion",
        "petunia", "wild pansy", "primula", "sunflower", "pelargonium", "bishop of llandaff", "gaura",
        "geranium", "orange dahlia", "pink-yellow dahlia?", "cautleya spicata", "japanese anemone",
        "black-eyed susan", "silverbush", "californian poppy", "osteospermum", "spring crocus", "bearded iris",
        "windflower", "tree poppy", "gazania", "azalea", "water lily", "rose", "thorn apple", "morning glory",
        "passion flower", "lotus", "toad lily", "anthurium", "frangipani", "clematis", "hibiscus", "columbine",
        "desert-rose", "tree mallow", "magnolia", "cyclamen", "watercress", "canna lily", "hippeastrum",
        "bee balm", "ball moss", "foxglove", "bougainvillea", "camellia", "mallow", "mexican petunia",
        "bromelia", "blanket flower", "trumpet creeper", "blackberry lily",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "val", "test"))
        if download:
            for name, md5 in self.lists.items():
                download_url(self.place + name, Path(root).expanduser() / self.folder, name, md5)
        super().__init__(root, transform, target_transform, download, loader)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        ids = mat.read(self._base / "setid.mat")[{"train": "trnid", "val": "valid", "test": "tstid"}[split]].reshape(-1)
        labels = mat.read(self._base / "imagelabels.mat")["labels"].reshape(-1)
        self.samples = [(self._base / "jpg" / f"image_{i:05d}.jpg", int(labels[i - 1]) - 1) for i in ids.tolist()]

    def _into(self) -> Path:
        return self._base

    def _there(self) -> bool:
        return (self._base / "jpg").is_dir() and all((self._base / n).is_file() for n in self.lists)


class OxfordIIITPet(Files):
    """Photographs of cats and dogs of 37 breeds: 3,680 for training and validation, 3,669 for testing.

    Args:
        root: the folder that holds, or gets, ``oxford-iiit-pet``.
        split: ``"trainval"`` or ``"test"``.
        target_types: ``"category"`` (the breed), ``"binary-category"`` (cat or dog), ``"segmentation"`` (a PIL image),
            or a list of them.
        transforms: called with each image and its target; not together with the next two.
        transform: called with each PIL image.
        target_transform: called with each target.
        download: fetch and unpack the archives if their files are missing; checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Parkhi, Vedaldi, Zisserman and Jawahar, Cats and Dogs, 2012.

    >>> from numtorch.vision import datasets
    >>> datasets.OxfordIIITPet.folder
    'oxford-iiit-pet'
    """

    archives = (
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
    )
    folder = "oxford-iiit-pet"

    def __init__(
        self,
        root: str | Path,
        split: str = "trainval",
        target_types: str | Sequence[str] = "category",
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        self.split = one_of("split", split, ("trainval", "test"))
        kinds = [target_types] if isinstance(target_types, str) else list(target_types)
        self._kinds = [one_of("target_types", k, ("category", "binary-category", "segmentation")) for k in kinds]
        super().__init__(root, transform, target_transform, download, transforms=transforms)
        rows = [line.split() for line in _lines(self._base / "annotations" / f"{split}.txt")]
        breeds = {int(label): name.rpartition("_")[0] for name, label, *_ in rows}
        self._numbered([" ".join(w.title() for w in breeds[i].split("_")) for i in sorted(breeds)])
        self.bin_classes = ["Cat", "Dog"]
        trimaps = self._base / "annotations" / "trimaps"
        self.samples = [
            (self._base / "images" / f"{name}.jpg", (int(label) - 1, int(binary) - 1, trimaps / f"{name}.png"))
            for name, label, binary, *_ in rows
        ]

    def _into(self) -> Path:
        return self._base

    def _there(self) -> bool:
        return (self._base / "images").is_dir() and (self._base / "annotations").is_dir()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, known = self.samples[index]
        order = ("category", "binary-category", "segmentation")
        targets = [_image(known[2]) if k == "segmentation" else known[order.index(k)] for k in self._kinds]
        target = None if not targets else targets[0] if len(targets) == 1 else tuple(targets)
        return self._done(self.loader(path), target)


def _image(path: Path) -> Any:
    """The image in a file, of its own mode."""
    try:
        with pillow().open(path) as image:
            image.load()
            return image.copy()
    except (OSError, SyntaxError) as error:
        raise CorruptFile(f"{path} cannot be read as an image: {error}") from error


class CelebA(Files):
    """202,599 photographs of faces of celebrities, with 40 attributes each.

    Google Drive, where the files are, gives them to browsers alone: fetch them by hand into ``root/celeba``.

    Args:
        root: the folder that holds ``celeba``.
        split: ``"train"``, ``"valid"``, ``"test"`` or ``"all"``.
        target_type: ``"attr"`` (40 zeros and ones), ``"identity"`` (a number), ``"bbox"`` (x, y, width, height),
            ``"landmarks"`` (ten numbers), or a list of them; none for an empty list.
        transform: called with each PIL image.
        target_transform: called with each target.
        download: unpack ``img_align_celeba.zip``, if it is there.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Liu, Luo, Wang and Tang, Deep Learning Face Attributes in the Wild, 2015.

    >>> from numtorch.vision import datasets
    >>> datasets.CelebA.folder
    'celeba'
    """

    archives = (("https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html", None),)
    folder = "celeba"
    tables = {
        "attr": "list_attr_celeba.txt",
        "identity": "identity_CelebA.txt",
        "bbox": "list_bbox_celeba.txt",
        "landmarks": "list_landmarks_align_celeba.txt",
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        target_type: str | Sequence[str] = "attr",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        self.split = one_of("split", split.lower(), ("train", "valid", "test", "all"))
        self.target_type = [target_type] if isinstance(target_type, str) else list(target_type)
        if not self.target_type and target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        for kind in self.target_type:
            one_of("target_type", kind, self.tables)
        archive = Path(root).expanduser() / self.folder / "img_align_celeba.zip"
        if download and archive.is_file() and not archive.with_suffix("").is_dir():
            download_and_extract_archive(archive.name, archive.parent)
        super().__init__(root, transform, target_transform)
        _, parts, _ = self._table("list_eval_partition.txt", False)
        number = {"train": 0, "valid": 1, "test": 2}.get(self.split)
        keep = np.ones(len(parts), bool) if number is None else parts[:, 0] == number
        self.filename: list[str] = []
        for kind in ("attr", "identity", "bbox", "landmarks"):
            headed = kind != "identity"
            names, values, heads = self._table(self.tables[kind], headed)
            setattr(self, kind, nt.from_numpy(values[keep]))
            if kind == "attr":
                self.filename, self.attr_names = [n for n, k in zip(names, keep, strict=True) if k], heads
        self.attr = (self.attr + 1) // 2
        self.samples = [(self._base / "img_align_celeba" / name, i) for i, name in enumerate(self.filename)]

    def _there(self) -> bool:
        wanted = ["list_eval_partition.txt", *self.tables.values()]
        return (self._base / "img_align_celeba").is_dir() and all((self._base / n).is_file() for n in wanted)

    def _table(self, name: str, headed: bool) -> tuple[list[str], np.ndarray, list[str]]:
        """Names of files, numbers and the heads of their columns."""
        path = self._base / name
        lines = _lines(path)
        heads = lines[1].split() if headed else []
        rows = [line.split() for line in lines[2 if headed else 0 :]]
        try:
            return [row[0] for row in rows], np.array([row[1:] for row in rows], np.int64), heads
        except (ValueError, IndexError) as error:
            raise CorruptFile(f"{path} cannot be read: {error}") from error

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, i = self.samples[index]
        targets = [self.identity[i, 0] if k == "identity" else getattr(self, k)[i] for k in self.target_type]
        target = None if not targets else targets[0] if len(targets) == 1 else tuple(targets)
        return self._done(self.loader(path), target)

    identity: Any
    bbox: Any
    landmarks: Any
    attr: Any


class DTD(Files):
    """5,640 photographs of textures in 47 classes, split in ten ways into training, validation and test sets.

    Args:
        root: the folder that holds, or gets, ``dtd``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        partition: which of the ten ways, 1 to 10.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Cimpoi, Maji, Kokkinos, Mohamed and Vedaldi, Describing Textures in the Wild, 2014.

    >>> from numtorch.vision import datasets
    >>> datasets.DTD.folder
    'dtd'
    """

    archives = (("https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
                 "fff73e5086ae6bdbea199a49dfb8a4c1"),)  # fmt: skip
    folder = "dtd"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        partition: int = 1,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "val", "test"))
        self.partition = one_of("partition", partition, range(1, 11))
        super().__init__(root, transform, target_transform, download, loader)
        inner = self._base / "dtd"
        names = _lines(inner / "labels" / f"{split}{partition}.txt")
        self._numbered(sorted({name.split("/")[0] for name in names}))
        self.samples = [(inner / "images" / name, self.class_to_idx[name.split("/")[0]]) for name in names]

    def _into(self) -> Path:
        return self._base


class FGVCAircraft(Files):
    """10,000 photographs of aircraft: 3,334 for training, 3,333 each for validation and testing.

    Args:
        root: the folder that holds, or gets, ``fgvc-aircraft-2013b``.
        split: ``"train"``, ``"val"``, ``"trainval"`` or ``"test"``.
        annotation_level: ``"variant"`` (100 classes), ``"family"`` (70) or ``"manufacturer"`` (41).
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Maji, Kannala, Rahtu, Blaschko and Vedaldi, Fine-Grained Visual Classification of Aircraft, 2013.

    >>> from numtorch.vision import datasets
    >>> datasets.FGVCAircraft.folder
    'fgvc-aircraft-2013b'
    """

    archives = (("https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz", None),)
    folder = "fgvc-aircraft-2013b"

    def __init__(
        self,
        root: str | Path,
        split: str = "trainval",
        annotation_level: str = "variant",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "val", "trainval", "test"))
        level = one_of("annotation_level", annotation_level, ("variant", "family", "manufacturer"))
        super().__init__(root, transform, target_transform, download, loader)
        data = self._base / "data"
        listed = {"variant": "variants.txt", "family": "families.txt", "manufacturer": "manufacturers.txt"}[level]
        self._numbered([line.strip() for line in _lines(data / listed)])
        rows = [line.strip().split(" ", 1) for line in _lines(data / f"images_{level}_{split}.txt")]
        self.samples = [(data / "images" / f"{name}.jpg", self.class_to_idx[label]) for name, label in rows]


class GTSRB(Files):
    """Photographs of German traffic signs in 43 classes: 26,640 for training, 12,630 for testing.

    Args:
        root: the folder that holds, or gets, ``gtsrb``.
        split: ``"train"`` or ``"test"``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archives if their files are missing; checksums are verified.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Stallkamp, Schlipsing, Salmen and Igel, Man vs. Computer: Benchmarking Machine Learning Algorithms for
    Traffic Sign Recognition, 2012.

    >>> from numtorch.vision import datasets
    >>> datasets.GTSRB.folder
    'gtsrb'
    """

    place = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    published = {
        "train": (("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478"),),
        "test": (
            ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
            ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
        ),
    }
    folder = "gtsrb"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        self.split = one_of("split", split, self.published)
        self.archives = tuple((self.place + name, md5) for name, md5 in self.published[split])
        super().__init__(root, transform, target_transform, download)
        if split == "train":
            self.samples = make_dataset(self._inner(), extensions=(".ppm",))
            return
        with open(self._base / "GT-final_test.csv") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
        self.samples = [(self._inner() / row["Filename"], int(row["ClassId"])) for row in rows]

    def _inner(self) -> Path:
        return self._base / "GTSRB" / ("Training" if self.split == "train" else "Final_Test/Images")

    def _into(self) -> Path:
        return self._base

    def _there(self) -> bool:
        return self._inner().is_dir()


class _Classes(Files):
    """Images in a folder with one folder for each class."""

    def _inner(self) -> Path:
        return self._base

    def _there(self) -> bool:
        return self._inner().is_dir()

    def _read(self) -> None:
        self.classes, self.class_to_idx = find_classes(self._inner())
        found = make_dataset(self._inner(), self.class_to_idx, extensions=(".jpg", ".jpeg", ".png"))
        self.samples = self.imgs = found
        self.targets = [label for _, label in found]


class EuroSAT(_Classes):
    """27,000 pictures of land from satellites, 64 by 64 pixels, in 10 classes.

    Args:
        root: the folder that holds, or gets, ``eurosat``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Helber, Bischke, Dengel and Borth, EuroSAT: A Novel Dataset and Deep Learning Benchmark for Land Use and
    Land Cover Classification, 2019.

    >>> from numtorch.vision import datasets
    >>> datasets.EuroSAT.folder
    'eurosat'
    """

    archives = (("https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/"
                 "EuroSAT.zip", "c8fa014336c82ac7804f0398fcb19387"),)  # fmt: skip
    folder = "eurosat"

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        super().__init__(root, transform, target_transform, download, loader)
        self._read()

    def _inner(self) -> Path:
        return self._base / "2750"

    def _into(self) -> Path:
        return self._base


class Imagenette(_Classes):
    """Ten easy classes of ImageNet: 9,469 photographs for training, 3,925 for validation.

    Args:
        root: the folder that holds, or gets, ``imagenette2`` and the like.
        split: ``"train"`` or ``"val"``.
        size: ``"full"``, ``"320px"`` or ``"160px"``: of the shorter edge.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: https://github.com/fastai/imagenette

    >>> from numtorch.vision import datasets
    >>> datasets.Imagenette.names["n03417042"][0]
    'garbage truck'
    """

    published = {
        "full": ("imagenette2", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }
    names = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        size: str = "full",
        download: bool = False,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split, self.size = one_of("split", split, ("train", "val")), one_of("size", size, self.published)
        self.folder, md5 = self.published[size]
        self.archives = ((f"https://s3.amazonaws.com/fast-ai-imageclas/{self.folder}.tgz", md5),)
        super().__init__(root, transform, target_transform, download, loader)
        self._read()
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
        self.classes = [self.names[w] for w in self.wnids]  # type: ignore[misc]
        self.class_to_idx = {name: self.wnid_to_idx[w] for w in self.wnids for name in self.names[w]}

    def _inner(self) -> Path:
        return self._base / self.split


class Country211(_Classes):
    """Photographs from 211 countries: 31,650 for training, 10,550 for validation, 21,100 for testing.

    Args:
        root: the folder that holds, or gets, ``country211``.
        split: ``"train"``, ``"valid"`` or ``"test"``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Radford and others, Learning Transferable Visual Models From Natural Language Supervision, 2021.

    >>> from numtorch.vision import datasets
    >>> datasets.Country211.folder
    'country211'
    """

    archives = (("https://openaipublic.azureedge.net/clip/data/country211.tgz", "84988d7644798601126c29e9877aab6a"),)
    folder = "country211"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "valid", "test"))
        super().__init__(root, transform, target_transform, download, loader)
        self._read()

    def _inner(self) -> Path:
        return self._base / self.split


class RenderedSST2(_Classes):
    """Sentences of film reviews as pictures, negative or positive: 6,920 for training, 872 and 1,821 for others.

    Args:
        root: the folder that holds, or gets, ``rendered-sst2``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        transform: called with each PIL image.
        target_transform: called with each label, an int.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        loader: reads a file, by its path.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Radford and others, Learning Transferable Visual Models From Natural Language Supervision, 2021.

    >>> from numtorch.vision import datasets
    >>> datasets.RenderedSST2.folder
    'rendered-sst2'
    """

    archives = (("https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz", "2384d08e9dcfa4bd55b324e610496ee5"),)
    folder = "rendered-sst2"

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
        loader: Callable[[Any], Any] = default_loader,
    ):
        self.split = one_of("split", split, ("train", "val", "test"))
        super().__init__(root, transform, target_transform, download, loader)
        self._read()

    def _inner(self) -> Path:
        return self._base / {"train": "train", "val": "valid", "test": "test"}[self.split]


class ImageNet(ImageFolder):
    """ImageNet's photographs of 2012 in 1,000 classes, from folders that are called after WordNet's numbers.

    The archives are given to those who have signed for them. Unpack them so that ``root/train/n01440764`` and
    ``root/val/n01440764`` hold images.

    Args:
        root: the folder that holds ``train`` and ``val``.
        split: ``"train"`` or ``"val"``.
        **kwargs: ``transform``, ``target_transform``, ``loader``.

    Raises:
        RuntimeError: there is no such folder.

    Source: Russakovsky and others, ImageNet Large Scale Visual Recognition Challenge, 2014.

    >>> from numtorch.vision import datasets
    >>> issubclass(datasets.ImageNet, datasets.ImageFolder)
    True
    """

    def __init__(self, root: str | Path, split: str = "train", **kwargs: Any):
        self.split = one_of("split", split, ("train", "val"))
        folder = Path(root).expanduser() / split
        if not folder.is_dir():
            raise RuntimeError(
                f"ImageNet: there is no folder {folder}. Sign for the archives at https://image-net.org, and unpack "
                f"them to {folder}/<WordNet number>/*.JPEG"
            )
        super().__init__(folder, **kwargs)
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
