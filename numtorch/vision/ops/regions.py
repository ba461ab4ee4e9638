"""Features of regions: what lies in boxes, as grids of one size."""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch as nt
from numtorch import nn
from numtorch.vision.transforms.pictures import pair
from numtorch.vision.transforms.resample import sampling


def _rows(boxes: Any, name: str) -> np.ndarray:
    """Boxes as rows of image, left, top, right and bottom."""
    if isinstance(boxes, list | tuple):
        for b in boxes:
            if b.ndim != 2 or b.shape[-1] != 4:
                raise AssertionError(f"{name}: each element of boxes should be (n, 4), got {tuple(b.shape)}")
        found = [np.c_[np.full(len(b), i), b.detach().cpu().double().numpy()] for i, b in enumerate(boxes)]
        return np.concatenate(found) if found else np.zeros((0, 5))
    if boxes.ndim != 2 or boxes.shape[-1] != 5:
        raise AssertionError(f"{name}: boxes should be (n, 5), the image's number first, got {tuple(boxes.shape)}")
    return boxes.detach().cpu().double().numpy()


def roi_align(
    input: Any,
    boxes: Any,
    output_size: Any,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Any:
    """Means of bilinear samples in the cells of boxes.

    Args:
        input: (n, channels, height, width).
        boxes: a list with a tensor (k, 4) for each image, or one tensor (k, 5) with the image's number first: left,
            top, right, bottom.
        output_size: (height, width) of the grid, or one number for both.
        spatial_scale: factor from the boxes' coordinates to those of ``input``.
        sampling_ratio: samples along each dimension of a cell; as many as it has pixels if not positive.
        aligned: a pixel's value is at its middle.

    Returns:
        (k, channels, *output_size).

    Raises:
        AssertionError: boxes of another shape.

    Source: He, Gkioxari, Dollár and Girshick, Mask R-CNN, 2017.

    >>> from numtorch.vision import ops
    >>> ops.roi_align(torch.ones(1, 2, 8, 8), [torch.tensor([[1.0, 1, 5, 5]])], 2).shape
    torch.Size([1, 2, 2, 2])
    """
    rows, (ph, pw) = _rows(boxes, "roi_align"), pair(output_size, "output_size")
    h, w = input.shape[-2:]
    flat = input.flatten(-2)
    out = []
    for image, *corners in rows:
        x0, y0, x1, y1 = (v * spatial_scale - (0.5 if aligned else 0.0) for v in corners)
        rw, rh = x1 - x0, y1 - y0
        if not aligned:
            rw, rh = max(rw, 1.0), max(rh, 1.0)
        ny, nx = sampling_ratio, sampling_ratio
        if sampling_ratio <= 0:
            ny, nx = max(int(np.ceil(rh / ph)), 0), max(int(np.ceil(rw / pw)), 0)
        gy = y0 + (np.arange(ph * ny) + 0.5) * rh / max(ph * ny, 1)
        gx = x0 + (np.arange(pw * nx) + 0.5) * rw / max(pw * nx, 1)
        outside = ((gy < -1) | (gy > h))[:, None] | ((gx < -1) | (gx > w))
        across, down = np.broadcast_arrays(np.clip(gx, 0, w - 1), np.clip(gy, 0, h - 1)[:, None])
        index, weight = sampling(across, down, h, w, "bilinear")
        amount = nt.from_numpy((weight * ~outside).astype(np.float32)).to(input.device, input.dtype)
        values = flat[int(image)].index_select(-1, nt.from_numpy(index.reshape(-1)).to(input.device))
        values = values.unflatten(-1, index.shape) * amount
        cells = values.sum(1).reshape(-1, ph, max(ny, 1), pw, max(nx, 1)) if ny and nx else None
        out.append(cells.mean((2, 4)) if cells is not None else input.new_zeros(input.shape[1], ph, pw))
    return nt.stack(out) if out else input.new_zeros(0, input.shape[1], ph, pw)


def roi_pool(input: Any, boxes: Any, output_size: Any, spatial_scale: float = 1.0) -> Any:
    """Greatest values in the cells of boxes, whose edges are rounded to pixels.

    Args:
        input: (n, channels, height, width).
        boxes: a list with a tensor (k, 4) for each image, or one tensor (k, 5) with the image's number first: left,
            top, right, bottom.
        output_size: (height, width) of the grid, or one number for both.
        spatial_scale: factor from the boxes' coordinates to those of ``input``.

    Returns:
        (k, channels, *output_size).

    Raises:
        AssertionError: boxes of another shape.

    Source: Girshick, Fast R-CNN, 2015.

    >>> from numtorch.vision import ops
    >>> ops.roi_pool(torch.arange(16.0).reshape(1, 1, 4, 4), [torch.tensor([[0.0, 0, 3, 3]])], 2).flatten()
    tensor([ 5.,  7., 13., 15.])
    """
    rows, (ph, pw) = _rows(boxes, "roi_pool"), pair(output_size, "output_size")
    h, w = input.shape[-2:]
    out = []
    for image, *corners in rows:
        x0, y0, x1, y1 = (int(np.floor(v * spatial_scale + 0.5)) for v in corners)
        rh, rw = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)
        down = [_cell(i, rh / ph, y0, h) for i in range(ph)]
        across = [_cell(i, rw / pw, x0, w) for i in range(pw)]
        plane = input[int(image)]
        zero = plane.new_zeros(plane.shape[0])
        cells = [plane[:, a:b, c:d].amax((-2, -1)) if b > a and d > c else zero for a, b in down for c, d in across]
        out.append(nt.stack(cells, -1).unflatten(-1, (ph, pw)))
    return nt.stack(out) if out else input.new_zeros(0, input.shape[1], ph, pw)


def _cell(i: int, extent: float, start: int, limit: int) -> tuple[int, int]:
    low, high = int(np.floor(i * extent)) + start, int(np.ceil((i + 1) * extent)) + start
    return min(max(low, 0), limit), min(max(high, 0), limit)


class RoIAlign(nn.Module):
    """Means of bilinear samples in the cells of boxes; see ``roi_align``.

    Args:
        output_size, spatial_scale, sampling_ratio, aligned: as of ``roi_align``.

    >>> from numtorch.vision import ops
    >>> ops.RoIAlign(2, 1.0, 2)(torch.ones(1, 2, 8, 8), [torch.tensor([[1.0, 1, 5, 5]])]).shape
    torch.Size([1, 2, 2, 2])
    """

    def __init__(self, output_size: Any, spatial_scale: float, sampling_ratio: int, aligned: bool = False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Any, rois: Any) -> Any:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )


class RoIPool(nn.Module):
    """Greatest values in the cells of boxes; see ``roi_pool``.

    Args:
        output_size, spatial_scale: as of ``roi_pool``.

    >>> from numtorch.vision import ops
    >>> ops.RoIPool(2, 1.0)(torch.ones(1, 2, 8, 8), [torch.tensor([[1.0, 1, 5, 5]])]).shape
    torch.Size([1, 2, 2, 2])
    """

    def __init__(self, output_size: Any, spatial_scale: float):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Any, rois: Any) -> Any:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
