"""Transforms of bounding boxes and points, and crops that are chosen by them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.transforms import geometry as F
from numtorch.vision.transforms.pictures import (
    as_tensor,
    from_corners,
    get_dimensions,
    image_function,
    is_pil,
    pil_of,
    pillow,
    to_corners,
)
from numtorch.vision.transforms.transform import Transform, image_of, integer, leaves, mapped, uniform
from numtorch.vision.tv_tensors import BoundingBoxes, BoundingBoxFormat, KeyPoints, TVTensor, wrap


def convert_bounding_box_format(inpt: Any, old_format: Any = None, new_format: Any = None) -> Any:
    """Boxes in another format.

    Args:
        inpt: ``tv_tensors.BoundingBoxes``, or a plain tensor (n, 4).
        old_format: of a plain tensor.
        new_format: a ``BoundingBoxFormat``, or its name.

    Returns:
        Boxes of the same kind.

    Raises:
        ValueError: the format of a plain tensor, or the new one, is not given.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.convert_bounding_box_format(torch.tensor([[1, 2, 4, 6]]), "XYXY", "XYWH")
    tensor([[1, 2, 3, 4]])
    """
    boxed = isinstance(inpt, BoundingBoxes)
    old = inpt.format if boxed else old_format
    if old is None or new_format is None:
        raise ValueError("convert_bounding_box_format: pass old_format and new_format, such as 'XYXY' and 'XYWH'")
    old, new = (BoundingBoxFormat[f.upper()] if isinstance(f, str) else f for f in (old, new_format))
    plain = inpt.as_plain() if boxed else inpt
    out = from_corners(to_corners(plain, old.name), new.name).to(plain.dtype)
    return wrap(out, like=inpt, format=new) if boxed else out


def clamp_bounding_boxes(inpt: Any, format: Any = None, canvas_size: tuple[int, int] | None = None) -> Any:
    """Boxes cut off at the edges of the image.

    Args:
        inpt: ``tv_tensors.BoundingBoxes``, or a plain tensor (n, 4).
        format: of a plain tensor.
        canvas_size: (height, width) of the image of a plain tensor.

    Returns:
        Boxes of the same kind.

    Raises:
        ValueError: the format or the image's size of a plain tensor is not given.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.clamp_bounding_boxes(torch.tensor([[-1, 2, 4, 9]]), "XYXY", (5, 5))
    tensor([[0, 2, 4, 5]])
    """
    boxed = isinstance(inpt, BoundingBoxes)
    kind, canvas = (inpt.format, inpt.canvas_size) if boxed else (format, canvas_size)
    if kind is None or canvas is None:
        raise ValueError("clamp_bounding_boxes: pass format and canvas_size for a plain tensor")
    name = kind.upper() if isinstance(kind, str) else kind.name
    plain = inpt.as_plain() if boxed else inpt
    corners = to_corners(plain, name)
    limits = nt.tensor([canvas[1], canvas[0]] * 2, dtype=corners.dtype, device=corners.device)
    out = from_corners(nt.minimum(corners.clamp(min=0), limits), name).to(plain.dtype)
    return wrap(out, like=inpt) if boxed else out


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    Args:
        format: a ``BoundingBoxFormat``, or its name.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes([[1, 2, 4, 6]], format="XYXY", canvas_size=(9, 9))
    >>> v2.ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
    [[1, 2, 3, 4]]
    """

    _shown = ("format",)

    def __init__(self, format: Any):
        super().__init__()
        self.format = format

    def _concerned(self, x: Any) -> bool:
        return isinstance(x, BoundingBoxes)

    def forward(self, *inputs: Any) -> Any:
        one = len(inputs) == 1 and self._concerned(inputs[0])
        return self.transform(inputs[0], {}) if one else super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut off at the edges of the image.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes([[-1, 2, 4, 9]], format="XYXY", canvas_size=(5, 5))
    >>> v2.ClampBoundingBoxes()(boxes).tolist()
    [[0, 2, 4, 5]]
    """

    def _concerned(self, x: Any) -> bool:
        return isinstance(x, BoundingBoxes)

    def transform(self, inpt: Any, params: dict) -> Any:
        return clamp_bounding_boxes(inpt)


class ClampKeyPoints(Transform):
    """Points moved into the image.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> v2.ClampKeyPoints()(tv_tensors.KeyPoints([[-1, 9]], canvas_size=(5, 5))).tolist()
    [[0, 4]]
    """

    def _concerned(self, x: Any) -> bool:
        return isinstance(x, KeyPoints)

    def transform(self, inpt: Any, params: dict) -> Any:
        h, w = inpt.canvas_size
        plain = inpt.as_plain()
        limits = nt.tensor([w - 1, h - 1], dtype=plain.dtype)
        return wrap(nt.minimum(plain.clamp(min=0), limits), like=inpt)


class SanitizeBoundingBoxes(Transform):
    """Boxes that are too small, or reach out of the image, left out; labels and masks with them.

    Args:
        min_size: least width and height.
        min_area: least area.
        labels_getter: finds the labels in the sample; by default what is called ``labels``; None for none.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes([[0, 0, 0, 3], [1, 1, 3, 3]], format="XYXY", canvas_size=(5, 5))
    >>> out = v2.SanitizeBoundingBoxes()({"boxes": boxes, "labels": torch.tensor([7, 8])})
    >>> out["boxes"].tolist(), out["labels"].tolist()
    ([[1, 1, 3, 3]], [8])
    """

    def __init__(self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default"):
        super().__init__()
        self.min_size, self.min_area, self.labels_getter = min_size, min_area, labels_getter

    def _labels(self, sample: Any) -> Any:
        if callable(self.labels_getter):
            return self.labels_getter(sample)
        if self.labels_getter is None:
            return None
        for part in sample if isinstance(sample, list | tuple) else [sample]:
            if isinstance(part, dict):
                return next((v for k, v in part.items() if k.lower() in ("label", "labels")), None)
        return None

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        boxes = next((x for x in leaves(sample) if isinstance(x, BoundingBoxes)), None)
        if boxes is None:
            return sample
        labels = self._labels(sample)
        valid = sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)[1]
        follow = [boxes, labels, *(x for x in leaves(sample) if type(x).__name__ == "Mask" and len(x) == len(boxes))]

        def kept(x: Any) -> Any:
            if not any(x is f for f in follow):
                return x
            return wrap(x.as_plain()[valid], like=x) if isinstance(x, TVTensor) else x[valid]

        return mapped(kept, sample)


def sanitize_bounding_boxes(
    bounding_boxes: Any,
    format: Any = None,
    canvas_size: tuple[int, int] | None = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Any]:
    """Boxes without those that are too small, or reach out of the image.

    Args:
        bounding_boxes: ``tv_tensors.BoundingBoxes``, or a plain tensor (n, 4).
        format: of a plain tensor.
        canvas_size: (height, width) of the image of a plain tensor.
        min_size: least width and height.
        min_area: least area.

    Returns:
        The boxes, and which of the given ones they are, bool (n).

    Raises:
        ValueError: the format or the image's size of a plain tensor is not given.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.sanitize_bounding_boxes(torch.tensor([[0, 0, 0, 3]]), "XYXY", (5, 5))[1]
    tensor([False])
    """
    boxed = isinstance(bounding_boxes, BoundingBoxes)
    kind, canvas = (bounding_boxes.format, bounding_boxes.canvas_size) if boxed else (format, canvas_size)
    if kind is None or canvas is None:
        raise ValueError("sanitize_bounding_boxes: pass format and canvas_size for a plain tensor")
    plain = bounding_boxes.as_plain() if boxed else bounding_boxes
    x0, y0, x1, y1 = to_corners(plain, kind.upper() if isinstance(kind, str) else kind.name).unbind(-1)
    w, h = x1 - x0, y1 - y0
    valid = (w >= min_size) & (h >= min_size) & (w * h >= min_area)
    valid = valid & (x0 >= 0) & (y0 >= 0) & (x1 <= canvas[1]) & (y1 <= canvas[0])
    out = plain[valid]
    return (wrap(out, like=bounding_boxes) if boxed else out), valid


class RandomIoUCrop(Transform):
    """A random rectangle that overlaps some box by a random part at least, as for training SSD.

    Args:
        min_scale, max_scale: least and greatest part of each extent.
        min_aspect_ratio, max_aspect_ratio: least and greatest width for a height of 1.
        sampler_options: least overlaps, of which one is drawn; from 1 on the whole image is taken.
        trials: how often a rectangle is drawn before the overlap is drawn again.

    Raises:
        TypeError: the sample has no image or no boxes.

    Source: Liu and others, SSD: Single Shot MultiBox Detector (2015).

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes([[1, 1, 4, 4]], format="XYXY", canvas_size=(8, 8))
    >>> v2.RandomIoUCrop(sampler_options=[1.0])(tv_tensors.Image(torch.zeros(3, 8, 8)), boxes)[0].shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: Sequence[float] | None = None,
        trials: int = 40,
    ):
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = list(sampler_options or [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
        self.trials = trials

    def check_inputs(self, flat_inputs: list) -> None:
        if not any(isinstance(x, BoundingBoxes) for x in flat_inputs):
            raise TypeError("RandomIoUCrop() requires input sample to contain bounding boxes")

    def make_params(self, flat_inputs: list) -> dict:
        _, height, width = get_dimensions(image_of(flat_inputs))
        boxes = next(x for x in flat_inputs if isinstance(x, BoundingBoxes))
        b = to_corners(boxes.as_plain(), boxes.format.name).double().numpy()
        centre = (b[:, :2] + b[:, 2:]) / 2
        while True:
            least = self.options[integer(0, len(self.options))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                fw, fh = uniform(self.min_scale, self.max_scale), uniform(self.min_scale, self.max_scale)
                w, h = int(width * fw), int(height * fh)
                if h == 0 or not self.min_aspect_ratio <= w / h <= self.max_aspect_ratio:
                    continue
                left, top = int((width - w) * nt.rand(1).item()), int((height - h) * nt.rand(1).item())
                inside = ((centre > (left, top)) & (centre < (left + w, top + h))).all(1)
                if w == 0 or not inside.any():
                    continue
                if _overlaps(b[inside], (left, top, left + w, top + h)).max() >= least:
                    return {"place": (top, left, h, w), "inside": inside}

    def transform(self, inpt: Any, params: dict) -> Any:
        if not params:
            return inpt
        out = F.crop(inpt, *params["place"])
        if isinstance(out, BoundingBoxes):
            outside = nt.from_numpy(~params["inside"])
            out = wrap(out.as_plain().masked_fill(outside[:, None], 0), like=out)
        return out


def _overlaps(boxes: np.ndarray, frame: Sequence[float]) -> np.ndarray:
    """Intersection over union of each box with a rectangle."""
    corners = np.maximum(boxes[:, :2], frame[:2]), np.minimum(boxes[:, 2:], frame[2:])
    common = np.clip(corners[1] - corners[0], 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return common / (areas + (frame[2] - frame[0]) * (frame[3] - frame[1]) - common)


@image_function
def jpeg(image: Any, quality: int) -> Any:
    """An image as JPEG of a quality shows it.

    Args:
        image: a PIL image, or a uint8 tensor (channels, height, width) of 1 or 3 channels.
        quality: from 1 to 100.

    Returns:
        An image of the same kind.

    Raises:
        ValueError: a tensor of another dtype or shape.

    >>> from numtorch.vision.transforms.v2 import functional
    >>> functional.jpeg(torch.zeros(3, 8, 8, dtype=torch.uint8), 50).sum().item()
    0
    """
    if is_pil(image):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return pillow().open(buffer).convert(image.mode)
    if image.dtype != nt.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"jpeg: expected uint8 (1 or 3, height, width), got {image.dtype} {tuple(image.shape)}")
    array = image.cpu().numpy()
    picture = pil_of(array[0], "L") if len(array) == 1 else pil_of(array.transpose(1, 2, 0), "RGB")
    return as_tensor(jpeg(picture, quality)).to(image.device)


class JPEG(Transform):
    """Images as JPEG of a random quality shows them.

    Args:
        quality: least and greatest quality, or one, from 1 to 100.

    Raises:
        ValueError: it is out of range.

    >>> from numtorch.vision.transforms import v2
    >>> v2.JPEG(50)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("quality",)
    _colour = True

    def __init__(self, quality: int | Sequence[int]):
        super().__init__()
        self.quality = (quality, quality) if isinstance(quality, int) else tuple(quality)
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, got {quality}")

    def make_params(self, flat_inputs: list) -> dict:
        return {"quality": integer(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt: Any, params: dict) -> Any:
        return jpeg(inpt, params["quality"])


def query_size(flat_inputs: list) -> tuple[int, int]:
    """Height and width of the images of a sample.

    Args:
        flat_inputs: all that is in the sample.

    Returns:
        (height, width).

    >>> from numtorch.vision.transforms import v2
    >>> v2.query_size([torch.zeros(3, 4, 5)])
    (4, 5)
    """
    _, h, w = get_dimensions(image_of(flat_inputs))
    return h, w


def query_chw(flat_inputs: list) -> tuple[int, int, int]:
    """Channels, height and width of the images of a sample.

    Args:
        flat_inputs: all that is in the sample.

    Returns:
        (channels, height, width).

    >>> from numtorch.vision.transforms import v2
    >>> v2.query_chw([torch.zeros(3, 4, 5)])
    (3, 4, 5)
    """
    c, h, w = get_dimensions(image_of(flat_inputs))
    return c, h, w


def check_type(obj: Any, types_or_checks: Sequence[type | Callable]) -> bool:
    """Whether something is of one of some kinds.

    Args:
        obj: anything.
        types_or_checks: classes, or functions that tell.

    Returns:
        A bool.

    >>> from numtorch.vision.transforms import v2
    >>> v2.check_type(3, (int, callable))
    True
    """
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs: list, *types_or_checks: type | Callable) -> bool:
    """Whether something in a sample is of one of some kinds.

    Args:
        flat_inputs: all that is in the sample.
        *types_or_checks: classes, or functions that tell.

    Returns:
        A bool.

    >>> from numtorch.vision.transforms import v2
    >>> v2.has_any([3, "a"], str)
    True
    """
    return any(check_type(x, types_or_checks) for x in flat_inputs)


def has_all(flat_inputs: list, *types_or_checks: type | Callable) -> bool:
    """Whether each of some kinds is in a sample.

    Args:
        flat_inputs: all that is in the sample.
        *types_or_checks: classes, or functions that tell.

    Returns:
        A bool.

    >>> from numtorch.vision.transforms import v2
    >>> v2.has_all([3, "a"], str, float)
    False
    """
    return all(any(check_type(x, [t]) for x in flat_inputs) for t in types_or_checks)


def get_bounding_boxes(flat_inputs: list) -> Any:
    """The bounding boxes of a sample.

    Args:
        flat_inputs: all that is in the sample.

    Returns:
        ``tv_tensors.BoundingBoxes``.

    Raises:
        ValueError: there are none.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> boxes = tv_tensors.BoundingBoxes([[1, 1, 4, 4]], format="XYXY", canvas_size=(8, 8))
    >>> v2.get_bounding_boxes(["a", boxes]) is boxes
    True
    """
    for x in flat_inputs:
        if isinstance(x, BoundingBoxes):
            return x
    raise ValueError("No bounding boxes were found in the sample")
