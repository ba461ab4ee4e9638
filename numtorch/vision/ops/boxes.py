"""Bounding boxes: conversions, areas, overlaps, and the suppression of boxes that overlap better ones."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch as nt
from numtorch.kernels.jit import jit
from numtorch.vision.transforms.pictures import from_corners, to_corners


@jit
def suppressed(boxes, order, threshold, keep):
    """keep[i] of the boxes in an order: False for those that overlap an earlier one that is kept by more than the
    threshold. Boxes (n, 4) are corners."""
    n = order.size
    for i in range(n):
        if not keep[i]:
            continue
        a = order[i] * 4
        x0, y0, x1, y1 = boxes[a], boxes[a + 1], boxes[a + 2], boxes[a + 3]
        area = (x1 - x0) * (y1 - y0)
        for j in range(i + 1, n):
            if keep[j]:
                b = order[j] * 4
                w = min(x1, boxes[b + 2]) - max(x0, boxes[b])
                h = min(y1, boxes[b + 3]) - max(y0, boxes[b + 1])
                if w > 0 and h > 0:
                    other = (boxes[b + 2] - boxes[b]) * (boxes[b + 3] - boxes[b + 1])
                    if w * h > threshold * (area + other - w * h):
                        keep[j] = False


def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """The boxes that overlap no better one by more than a threshold.

    Args:
        boxes: (n, 4): left, top, right, bottom.
        scores: (n).
        iou_threshold: of intersection over union.

    Returns:
        Numbers of the boxes, int64, by descending score.

    Raises:
        RuntimeError: other shapes.

    >>> from numtorch.vision import ops
    >>> boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [6, 6, 8, 8]])
    >>> ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5)
    tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"nms: boxes should be a 2d tensor (n, 4), got shape {list(boxes.shape)}")
    if scores.ndim != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(f"nms: scores should be a 1d tensor of {boxes.shape[0]}, got shape {list(scores.shape)}")
    corners = boxes.detach().cpu().float().contiguous().numpy()
    order = scores.detach().cpu().argsort(descending=True, stable=True).numpy()
    keep = np.ones(order.size, np.bool_)
    suppressed(corners.reshape(-1), order, np.float32(iou_threshold), keep)
    return nt.from_numpy(order[keep]).to(boxes.device)


def batched_nms(boxes: Any, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """``nms`` for each category on its own.

    Args:
        boxes: (n, 4): left, top, right, bottom.
        scores: (n).
        idxs: (n), the categories.
        iou_threshold: of intersection over union.

    Returns:
        Numbers of the boxes, int64, by descending score.

    >>> from numtorch.vision import ops
    >>> boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5]])
    >>> ops.batched_nms(boxes, torch.tensor([0.5, 0.9]), torch.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    if boxes.numel() == 0:
        return nt.empty(0, dtype=nt.int64, device=boxes.device)
    kept = [where[nms(boxes[where], scores[where], iou_threshold)] for where in
            ((idxs == i).nonzero().flatten() for i in idxs.unique())]  # fmt: skip
    every = nt.cat(kept)
    return every[scores[every].argsort(descending=True, stable=True)]


def remove_small_boxes(boxes: Any, min_size: float) -> Any:
    """The boxes of a least width and height.

    Args:
        boxes: (n, 4): left, top, right, bottom.
        min_size: of both.

    Returns:
        Numbers of the boxes, int64.

    >>> from numtorch.vision import ops
    >>> ops.remove_small_boxes(torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 1]]), 2)
    tensor([0])
    """
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return ((w >= min_size) & (h >= min_size)).nonzero().flatten()


def clip_boxes_to_image(boxes: Any, size: tuple[int, int]) -> Any:
    """Boxes cut off at the edges of an image.

    Args:
        boxes: (..., 4): left, top, right, bottom.
        size: (height, width).

    Returns:
        A tensor of the same shape.

    >>> from numtorch.vision import ops
    >>> ops.clip_boxes_to_image(torch.tensor([[-1.0, 0, 4, 9]]), (5, 5))
    tensor([[0., 0., 4., 5.]])
    """
    h, w = size
    limits = nt.tensor([w, h, w, h], dtype=boxes.dtype, device=boxes.device)
    return nt.minimum(boxes.clamp(min=0), limits)


def box_convert(boxes: Any, in_fmt: str, out_fmt: str) -> Any:
    """Boxes in another format.

    Args:
        boxes: (n, 4).
        in_fmt, out_fmt: ``"xyxy"`` (corners), ``"xywh"`` (a corner and extents) or ``"cxcywh"`` (centre and extents).

    Returns:
        (n, 4).

    Raises:
        ValueError: another format.

    >>> from numtorch.vision import ops
    >>> ops.box_convert(torch.tensor([[1.0, 2, 4, 6]]), "xyxy", "xywh")
    tensor([[1., 2., 3., 4.]])
    """
    for name in (in_fmt, out_fmt):
        if name not in ("xyxy", "xywh", "cxcywh"):
            raise ValueError(f"box_convert: formats are xyxy, xywh and cxcywh, got {name!r}")
    return boxes.clone() if in_fmt == out_fmt else from_corners(to_corners(boxes, in_fmt.upper()), out_fmt.upper())


def _exact(boxes: Any) -> Any:
    """Boxes in a type that holds products of their extents."""
    if boxes.is_floating_point():
        return boxes if boxes.dtype in (nt.float32, nt.float64) else boxes.float()
    return boxes if boxes.dtype in (nt.int32, nt.int64) else boxes.int()


def box_area(boxes: Any, fmt: str = "xyxy") -> Any:
    """Areas of boxes.

    Args:
        boxes: (n, 4).
        fmt: as of ``box_convert``.

    Returns:
        (n).

    >>> from numtorch.vision import ops
    >>> ops.box_area(torch.tensor([[1.0, 2, 4, 6]]))
    tensor([12.])
    """
    x0, y0, x1, y1 = box_convert(_exact(boxes), fmt, "xyxy").unbind(-1)
    return (x1 - x0) * (y1 - y0)


def _union(a: Any, b: Any) -> tuple[Any, Any]:
    """Areas of intersections and unions of each pair of boxes."""
    a, b = _exact(a), _exact(b)
    corner = nt.maximum(a[:, None, :2], b[None, :, :2]), nt.minimum(a[:, None, 2:], b[None, :, 2:])
    extents = (corner[1] - corner[0]).clamp(min=0)
    common = extents[..., 0] * extents[..., 1]
    return common, box_area(a)[:, None] + box_area(b) - common


def box_iou(boxes1: Any, boxes2: Any, fmt: str = "xyxy") -> Any:
    """Intersection over union of each pair of boxes.

    Args:
        boxes1, boxes2: (n, 4) and (m, 4).
        fmt: as of ``box_convert``.

    Returns:
        (n, m).

    >>> from numtorch.vision import ops
    >>> ops.box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 1]]))
    tensor([[0.5000]])
    """
    common, union = _union(*(box_convert(b, fmt, "xyxy") for b in (boxes1, boxes2)))
    return common / union


def _hull(a: Any, b: Any) -> Any:
    """Extents of the smallest box around each pair."""
    return (nt.maximum(a[:, None, 2:], b[None, :, 2:]) - nt.minimum(a[:, None, :2], b[None, :, :2])).clamp(min=0)


def generalized_box_iou(boxes1: Any, boxes2: Any) -> Any:
    """``box_iou`` minus the part of the smallest box around both that neither covers.

    Args:
        boxes1, boxes2: (n, 4) and (m, 4): left, top, right, bottom.

    Returns:
        (n, m).

    Source: Rezatofighi and others, Generalized Intersection over Union, 2019.

    >>> from numtorch.vision import ops
    >>> ops.generalized_box_iou(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 0, 4, 1]]))
    tensor([[-0.5000]])
    """
    common, union = _union(boxes1, boxes2)
    extents = _hull(_exact(boxes1), _exact(boxes2))
    hull = extents[..., 0] * extents[..., 1]
    return common / union - (hull - union) / hull


def distance_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7) -> Any:
    """``box_iou`` minus the squared distance of the centres over that of the corners of the box around both.

    Args:
        boxes1, boxes2: (n, 4) and (m, 4): left, top, right, bottom.
        eps: added to what is divided by.

    Returns:
        (n, m).

    Source: Zheng and others, Distance-IoU Loss, 2019.

    >>> from numtorch.vision import ops
    >>> box = torch.tensor([[0.0, 0, 2, 2]])
    >>> ops.distance_box_iou(box, box)
    tensor([[1.]])
    """
    a, b = _exact(boxes1), _exact(boxes2)
    across = (_hull(a, b) ** 2).sum(-1) + eps
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    return box_iou(a, b) - ((centres[0][:, None] - centres[1][None]) ** 2).sum(-1) / across


def complete_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7) -> Any:
    """``distance_box_iou`` minus a term for the difference of proportions.

    Args:
        boxes1, boxes2: (n, 4) and (m, 4): left, top, right, bottom.
        eps: added to what is divided by.

    Returns:
        (n, m).

    Source: Zheng and others, Distance-IoU Loss, 2019.

    >>> from numtorch.vision import ops
    >>> box = torch.tensor([[0.0, 0, 2, 2]])
    >>> ops.complete_box_iou(box, box)
    tensor([[1.]])
    """
    a, b = _exact(boxes1), _exact(boxes2)
    near, far = box_iou(a, b), distance_box_iou(a, b, eps)
    angles = [nt.atan((x[:, 2] - x[:, 0]) / (x[:, 3] - x[:, 1])) for x in (a, b)]
    v = 4 / np.pi**2 * (angles[0][:, None] - angles[1][None]) ** 2
    weight = (v / (1 - near + v + eps)).detach()
    return far - weight * v


def masks_to_boxes(masks: Any) -> Any:
    """The smallest box around each mask.

    Args:
        masks: (n, height, width).

    Returns:
        (n, 4): left, top, right and bottom pixel.

    >>> from numtorch.vision import ops
    >>> ops.masks_to_boxes(torch.tensor([[[0, 0, 0], [0, 1, 1]]]))
    tensor([[1., 1., 2., 1.]])
    """
    out = nt.zeros(masks.shape[0], 4, device=masks.device)
    for i, mask in enumerate(masks):
        y, x = mask.nonzero().unbind(-1)
        if x.numel():
            out[i] = nt.stack([x.min(), y.min(), x.max(), y.max()]).float()
    return out
