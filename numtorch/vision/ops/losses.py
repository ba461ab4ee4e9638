"""Losses of detection."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch as nt
from numtorch.nn import functional as F


def _reduced(loss: Any, reduction: str, name: str) -> Any:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"{name}: Invalid Value for arg 'reduction': '{reduction}'. Supported modes: 'none', 'mean', 'sum'"
    )


def sigmoid_focal_loss(
    inputs: Any, targets: Any, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Any:
    """``-alpha (1 - p) ** gamma log(p)``, where p is the probability of what is true.

    Args:
        inputs: (*), logits.
        targets: (*), 0 or 1.
        alpha: weight of the positive class, in [0, 1]; below 0 for none.
        gamma: how much less easy examples count.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        (*), or a scalar.

    Raises:
        ValueError: another ``alpha`` or ``reduction``.

    Source: Lin, Goyal, Girshick, He and Dollár, Focal Loss for Dense Object Detection, 2017.

    >>> from numtorch.vision import ops
    >>> ops.sigmoid_focal_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.0433])
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = nt.sigmoid(inputs)
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    true = p * targets + (1 - p) * (1 - targets)
    loss = entropy * (1 - true) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction, "sigmoid_focal_loss")


def _parts(a: Any, b: Any, eps: float) -> tuple[Any, Any, Any, Any]:
    """Of boxes side by side: intersection over union, area of the union, extents of the box around both."""
    ax0, ay0, ax1, ay1 = a.unbind(-1)
    bx0, by0, bx1, by1 = b.unbind(-1)
    w = (nt.minimum(ax1, bx1) - nt.maximum(ax0, bx0)).clamp(min=0)
    h = (nt.minimum(ay1, by1) - nt.maximum(ay0, by0)).clamp(min=0)
    common = w * h
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - common
    across = nt.maximum(ax1, bx1) - nt.minimum(ax0, bx0), nt.maximum(ay1, by1) - nt.minimum(ay0, by0)
    return common / (union + eps), union, *across


def generalized_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 minus the generalized intersection over union of boxes side by side.

    Args:
        boxes1, boxes2: (n, 4): left, top, right, bottom.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        eps: added to what is divided by.

    Returns:
        (n), or a scalar.

    Raises:
        ValueError: another ``reduction``.

    >>> from numtorch.vision import ops
    >>> ops.generalized_box_iou_loss(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 0, 4, 1]]))
    tensor([1.5000])
    """
    near, union, w, h = _parts(boxes1, boxes2, eps)
    return _reduced(1 - near + (w * h - union) / (w * h + eps), reduction, "generalized_box_iou_loss")


def _distance(boxes1: Any, boxes2: Any, eps: float) -> tuple[Any, Any]:
    near, _, w, h = _parts(boxes1, boxes2, eps)
    centres = [(b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2)]
    far = ((centres[0] - centres[1]) ** 2).sum(-1)
    return 1 - near + far / (w * w + h * h + eps), near


def distance_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 minus the distance intersection over union of boxes side by side.

    Args:
        boxes1, boxes2: (n, 4): left, top, right, bottom.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        eps: added to what is divided by.

    Returns:
        (n), or a scalar.

    Raises:
        ValueError: another ``reduction``.

    >>> from numtorch.vision import ops
    >>> box = torch.tensor([[0.0, 0, 2, 2]])
    >>> ops.distance_box_iou_loss(box, box).item() < 1e-6
    True
    """
    return _reduced(_distance(boxes1, boxes2, eps)[0], reduction, "distance_box_iou_loss")


def complete_box_iou_loss(boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7) -> Any:
    """1 minus the complete intersection over union of boxes side by side.

    Args:
        boxes1, boxes2: (n, 4): left, top, right, bottom.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        eps: added to what is divided by.

    Returns:
        (n), or a scalar.

    Raises:
        ValueError: another ``reduction``.

    >>> from numtorch.vision import ops
    >>> box = torch.tensor([[0.0, 0, 2, 2]])
    >>> ops.complete_box_iou_loss(box, box).item() < 1e-6
    True
    """
    loss, near = _distance(boxes1, boxes2, eps)
    angles = [nt.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)]
    v = 4 / np.pi**2 * (angles[1] - angles[0]) ** 2
    weight = (v / (1 - near + v + eps)).detach()
    return _reduced(loss + weight * v, reduction, "complete_box_iou_loss")
