"""Tensors that say what they are: an image, a video, a mask, boxes, points. Transforms treat each accordingly."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.nn.parameter import _subclass


class BoundingBoxFormat(Enum):
    """How four numbers give a box: two corners, a corner and the extents, or the centre and the extents.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.BoundingBoxFormat("XYXY").name
    'XYXY'
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"


class TVTensor(nt.Tensor):
    """Base class: a tensor that shares the elements of ``data``. What is computed from one is a plain tensor.

    Args:
        data: a tensor, or what ``torch.as_tensor`` takes.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.Mask([[0, 1]]).shape
    torch.Size([1, 2])
    """

    _fields: tuple[str, ...] = ()  # what it knows beside its elements

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        plain = nt.as_tensor(np.asarray(data) if hasattr(data, "getbands") else data, dtype=dtype, device=device)
        asked = getattr(data, "requires_grad", False) if requires_grad is None else requires_grad
        return _subclass(cls, plain, asked)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def _like(self, plain: nt.Tensor) -> Any:
        """A plain tensor as one of this kind."""
        return wrap(plain, like=self)

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        return self._like(super().clone(*args, **kwargs))

    def to(self, *args: Any, **kwargs: Any) -> Any:
        return self._like(super().to(*args, **kwargs))

    def detach(self) -> Any:
        return self._like(super().detach())

    def as_plain(self) -> nt.Tensor:
        """The same elements as a plain tensor, within the graph.

        Returns:
            A tensor.

        >>> from numtorch.vision import tv_tensors
        >>> type(tv_tensors.Mask([[0, 1]]).as_plain()) is torch.Tensor
        True
        """
        return self.view(self.shape)

    def __repr__(self) -> str:  # type: ignore[override]
        told = "".join(f", {name}={getattr(self, name)}" for name in self._fields)
        return f"{type(self).__name__}({self.as_plain()!r}{told})"


class Image(TVTensor):
    """An image, (..., channels, height, width).

    Args:
        data: a tensor, what ``torch.as_tensor`` takes, or a PIL image.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.Image(torch.zeros(3, 4, 5)).shape
    torch.Size([3, 4, 5])
    """

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        if hasattr(data, "getbands"):  # channels first
            array = np.array(data)
            data = nt.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1) if array.ndim == 3 else array[None]))
        made = super().__new__(cls, data, dtype=dtype, device=device, requires_grad=requires_grad)
        if made.ndim < 2:
            raise ValueError(f"Image: expected at least 2 dimensions, got shape {tuple(made.shape)}")
        return _subclass(cls, made.as_plain().unsqueeze(0), made.requires_grad) if made.ndim == 2 else made


class Video(TVTensor):
    """A video, (..., frames, channels, height, width).

    Args:
        data: a tensor, or what ``torch.as_tensor`` takes.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.Video(torch.zeros(2, 3, 4, 5)).shape
    torch.Size([2, 3, 4, 5])
    """


class Mask(TVTensor):
    """A mask of a detection or a segmentation, (..., height, width).

    Args:
        data: a tensor, what ``torch.as_tensor`` takes, or a PIL image.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.Mask([[0, 1]])
    Mask(tensor([[0, 1]]))
    """


class BoundingBoxes(TVTensor):
    """Boxes in an image, (n, 4).

    Args:
        data: a tensor, or what ``torch.as_tensor`` takes.
        format: a ``BoundingBoxFormat``, or its name.
        canvas_size: (height, width) of the image.
        clamping_mode: how far ``ClampBoundingBoxes`` clamps; kept for it.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.BoundingBoxes([[0, 0, 2, 3]], format="XYXY", canvas_size=(4, 4)).canvas_size
    (4, 4)
    """

    _fields = ("format", "canvas_size", "clamping_mode")
    format: BoundingBoxFormat
    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        format: Any,
        canvas_size: tuple[int, int],
        clamping_mode: Any = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        made = super().__new__(cls, data, dtype=dtype, device=device, requires_grad=requires_grad)
        if made.ndim == 1 and made.shape[0] == 4:
            made = _subclass(cls, made.as_plain().unsqueeze(0), made.requires_grad)
        if made.ndim != 2 or made.shape[-1] != 4:
            raise ValueError(f"BoundingBoxes: expected shape (n, 4), got {tuple(made.shape)}")
        made.format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        made.canvas_size, made.clamping_mode = tuple(canvas_size), clamping_mode
        return made


class KeyPoints(TVTensor):
    """Points in an image, (..., 2), each as (x, y).

    Args:
        data: a tensor, or what ``torch.as_tensor`` takes.
        canvas_size: (height, width) of the image.
        dtype, device, requires_grad: as of ``torch.tensor``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.KeyPoints([[1, 2]], canvas_size=(4, 4)).canvas_size
    (4, 4)
    """

    _fields = ("canvas_size",)
    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        made = super().__new__(cls, data, dtype=dtype, device=device, requires_grad=requires_grad)
        made.canvas_size = tuple(canvas_size)
        return made


def wrap(wrappee: nt.Tensor, *, like: Any, **changed: Any) -> Any:
    """A tensor as the kind of tensor that another one is.

    Args:
        wrappee: the tensor.
        like: gives the kind and, unless they are changed, its fields.
        **changed: fields with new values, such as ``canvas_size``.

    Returns:
        A tensor that shares the elements of ``wrappee``.

    >>> from numtorch.vision import tv_tensors
    >>> tv_tensors.wrap(torch.tensor([[1]]), like=tv_tensors.Mask([[0]]))
    Mask(tensor([[1]]))
    """
    if wrappee.grad_fn is not None:  # stays in the graph
        made: Any = wrappee.view(wrappee.shape)
        made.__class__ = type(like)
    else:
        made = _subclass(type(like), wrappee, wrappee.requires_grad)
    for name in like._fields:
        setattr(made, name, changed.get(name, getattr(like, name)))
    return made
