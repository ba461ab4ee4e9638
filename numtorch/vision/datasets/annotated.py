"""Datasets whose targets are boxes, masks or sentences: Pascal VOC and COCO."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from numtorch.vision.datasets.archives import download_and_extract_archive, missing
from numtorch.vision.datasets.arrays import one_of
from numtorch.vision.datasets.idx import CorruptFile
from numtorch.vision.datasets.vision import VisionDataset, default_loader
from numtorch.vision.transforms.pictures import pillow

PLACE = "http://host.robots.ox.ac.uk/pascal/VOC/"
YEARS = {
    "2012": ("voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", "VOCdevkit/VOC2012"),
    "2011": ("voc2011/VOCtrainval_25-May-2011.tar", "6c3384ef61512963050cb5d687e5bf1e", "TrainVal/VOCdevkit/VOC2011"),
    "2010": ("voc2010/VOCtrainval_03-May-2010.tar", "da459979d0c395079b5c75ee67908abb", "VOCdevkit/VOC2010"),
    "2009": ("voc2009/VOCtrainval_11-May-2009.tar", "a3e00b113cfcfebf17e343f59da3caa1", "VOCdevkit/VOC2009"),
    "2008": ("voc2008/VOCtrainval_14-Jul-2008.tar", "2629fa636546599198acfcfbfcf1904a", "VOCdevkit/VOC2008"),
    "2007": ("voc2007/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", "VOCdevkit/VOC2007"),
    "2007-test": ("voc2007/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", "VOCdevkit/VOC2007"),
}


class _VOC(VisionDataset):
    """Base class of both; ``lists`` and ``targets_in`` are folders of the archive."""

    lists = targets_in = ending = ""

    def __init__(
        self,
        root: str | Path,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        transforms: Callable | None = None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.year = one_of("year", year, [y for y in YEARS if "-" not in y])
        sets = ("train", "trainval", "val", *(("test",) if year == "2007" else ()))
        self.image_set = one_of("image_set", image_set, sets)
        name, md5, inner = YEARS["2007-test" if image_set == "test" else year]
        base = Path(self.root) / inner
        listed = base / "ImageSets" / self.lists / f"{image_set}.txt"
        if download and not listed.is_file():
            download_and_extract_archive(PLACE + name, self.root, md5=md5)
        if not listed.is_file():
            raise missing(type(self).__name__, listed, PLACE + name, self.root)
        names = [line.strip() for line in listed.read_text().splitlines()]
        self.images = [str(base / "JPEGImages" / f"{n}.jpg") for n in names]
        self.targets = [str(base / self.targets_in / (n + self.ending)) for n in names]

    def __len__(self) -> int:
        return len(self.images)


class VOCSegmentation(_VOC):
    """Pascal VOC's photographs with masks of 20 kinds of things.

    Args:
        root: the folder that holds, or gets, ``VOCdevkit``.
        year: ``"2007"`` to ``"2012"``.
        image_set: ``"train"``, ``"trainval"`` or ``"val"``; of 2007 ``"test"`` too.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        transform: called with each PIL image.
        target_transform: called with each mask, a PIL image.
        transforms: called with both; not together with the other two.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Everingham and others, The Pascal Visual Object Classes (VOC) Challenge, 2010.

    >>> from numtorch.vision import datasets
    >>> datasets.VOCSegmentation.lists
    'Segmentation'
    """

    lists, targets_in, ending = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self) -> list[str]:
        """The paths of the masks."""
        return self.targets

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        with pillow().open(self.targets[index]) as mask:
            mask.load()
        return self._done(default_loader(self.images[index]), mask)


class VOCDetection(_VOC):
    """Pascal VOC's photographs with boxes around 20 kinds of things.

    Args:
        root: the folder that holds, or gets, ``VOCdevkit``.
        year: ``"2007"`` to ``"2012"``.
        image_set: ``"train"``, ``"trainval"`` or ``"val"``; of 2007 ``"test"`` too.
        download: fetch and unpack the archive if its files are missing; its checksum is verified.
        transform: called with each PIL image.
        target_transform: called with each annotation, a dict as in its XML file.
        transforms: called with both; not together with the other two.

    Raises:
        RuntimeError: files are missing or corrupt.

    Source: Everingham and others, The Pascal Visual Object Classes (VOC) Challenge, 2010.

    >>> from numtorch.vision import datasets
    >>> datasets.VOCDetection.targets_in
    'Annotations'
    """

    lists, targets_in, ending = "Main", "Annotations", ".xml"

    @property
    def annotations(self) -> list[str]:
        """The paths of the annotations."""
        return self.targets

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path = self.targets[index]
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            raise CorruptFile(f"{path} cannot be read: {error}") from error
        return self._done(default_loader(self.images[index]), self.parse_voc_xml(root))

    @staticmethod
    def parse_voc_xml(node: Any) -> dict[str, Any]:
        """An annotation as a dict; ``object`` is a list.

        Args:
            node: an element of an XML tree.

        Returns:
            A dict.

        >>> from xml.etree import ElementTree
        >>> from numtorch.vision import datasets
        >>> datasets.VOCDetection.parse_voc_xml(ElementTree.fromstring("<size><width>5</width></size>"))
        {'size': {'width': '5'}}
        """
        children = list(node)
        if not children:
            return {node.tag: (node.text or "").strip() or None}
        found = defaultdict(list)
        for child in children:
            for key, value in VOCDetection.parse_voc_xml(child).items():
                found[key].append(value)
        listed: dict[str, Any] = dict(found)
        if node.tag == "annotation":
            listed["object"] = [listed.get("object", [])]
        return {node.tag: {key: value[0] if len(value) == 1 else value for key, value in listed.items()}}


class CocoDetection(VisionDataset):
    """COCO's photographs with a list of what is in each: boxes, categories, outlines.

    The file of annotations is read without further libraries.

    Args:
        root: the folder of the images.
        annFile: the file of annotations.
        transform: called with each PIL image.
        target_transform: called with each list of dicts.
        transforms: called with both; not together with the other two.

    Raises:
        CorruptFile: the file of annotations is of another format.

    Source: Lin and others, Microsoft COCO: Common Objects in Context, 2014.

    >>> import json, pathlib, tempfile
    >>> from numtorch.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     images = [{"id": 7, "file_name": "a.jpg"}]
    ...     path = pathlib.Path(root, "instances.json")
    ...     _ = path.write_text(json.dumps({"images": images, "annotations": []}))
    ...     len(datasets.CocoDetection(root, path))
    1
    """

    def __init__(
        self,
        root: str | Path,
        annFile: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        transforms: Callable | None = None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        try:
            found = json.loads(Path(annFile).read_text())
            self.files = {image["id"]: image["file_name"] for image in found["images"]}
            self.known: dict[Any, list[dict]] = {i: [] for i in self.files}
            for annotation in found.get("annotations", ()):
                self.known[annotation["image_id"]].append(annotation)
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptFile(f"{annFile} holds no annotations of COCO's format ({error!r})") from error
        self.categories = {c["id"]: c["name"] for c in found.get("categories", ())}
        self.ids = sorted(self.files)

    def _target(self, known: list[dict]) -> Any:
        return known

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        number = self.ids[index]
        image = default_loader(Path(self.root) / self.files[number])
        return self._done(image, self._target(self.known[number]))

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """COCO's photographs with some sentences on each.

    Args:
        root: the folder of the images.
        annFile: the file of annotations.
        transform: called with each PIL image.
        target_transform: called with each list of sentences.
        transforms: called with both; not together with the other two.

    Raises:
        CorruptFile: the file of annotations is of another format.

    Source: Chen and others, Microsoft COCO Captions, 2015.

    >>> from numtorch.vision import datasets
    >>> issubclass(datasets.CocoCaptions, datasets.CocoDetection)
    True
    """

    def _target(self, known: list[dict]) -> Any:
        return [annotation["caption"] for annotation in known]
