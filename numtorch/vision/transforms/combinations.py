"""Transforms of transforms, and conversions between kinds of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch import nn
from numtorch.vision.transforms import functional as F
from numtorch.vision.transforms.pictures import is_image, is_pil
from numtorch.vision.transforms.transform import Transform
from numtorch.vision.tv_tensors import TVTensor, Video


class RandomApply(Transform):
    """Some transforms one after the other, or none of them, at random.

    Args:
        transforms: a list or an ``nn.ModuleList``.
        p: the probability.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomApply([transforms.Lambda(lambda x: x + 1)], p=1.0)(torch.zeros(1))
    tensor([1.])
    """

    def __init__(self, transforms: Any, p: float = 0.5):
        super().__init__()
        self.transforms, self.p = _checked("RandomApply", transforms), p

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        if nt.rand(1).item() >= self.p:
            return sample
        for transform in self.transforms:
            sample = transform(*sample) if len(inputs) > 1 else transform(sample)
        return sample

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", f"    p={self.p}", *(f"    {t}" for t in self.transforms), ")"])


def _checked(name: str, transforms: Any) -> Any:
    if not isinstance(transforms, Sequence | nn.ModuleList):
        raise TypeError(f"{name}: Argument transforms should be a sequence of callables")
    for i, transform in enumerate(transforms):
        if not callable(transform):
            raise TypeError(f"{name}: transform {i} is {transform!r}, which cannot be called")
    return transforms


class RandomChoice(Transform):
    """One of some transforms, at random.

    Args:
        transforms: a list.
        p: for each how probable it is, in proportion; equal ones if None.

    Raises:
        ValueError: another number of probabilities.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomChoice([transforms.Lambda(lambda x: x + 1)])(torch.zeros(1))
    tensor([1.])
    """

    def __init__(self, transforms: Any, p: Sequence[float] | None = None):
        super().__init__()
        self.transforms = _checked("RandomChoice", transforms)
        if p is not None and len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        self.weights = p

    def forward(self, *inputs: Any) -> Any:
        weights = nt.tensor(self.weights or [1.0] * len(self.transforms), dtype=nt.float32)
        return self.transforms[int(nt.multinomial(weights, 1).item())](*inputs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transforms})(p={self.weights})"


class RandomOrder(Transform):
    """Some transforms one after the other, in a random order.

    Args:
        transforms: a list.

    >>> from numtorch.vision import transforms
    >>> transforms.RandomOrder([transforms.Lambda(lambda x: x + 1)])(torch.zeros(1))
    tensor([1.])
    """

    def __init__(self, transforms: Any):
        super().__init__()
        self.transforms = _checked("RandomOrder", transforms)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        for i in nt.randperm(len(self.transforms)).tolist():
            sample = self.transforms[i](*sample) if len(inputs) > 1 else self.transforms[i](sample)
        return sample

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {t}" for t in self.transforms), ")"])


class Identity(Transform):
    """Nothing is changed.

    >>> from numtorch.vision.transforms import v2
    >>> v2.Identity()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, *inputs: Any) -> Any:
        return inputs if len(inputs) > 1 else inputs[0]


class PILToTensor(Transform):
    """PIL images as tensors of their own values, (channels, height, width).

    >>> from PIL import Image
    >>> from numtorch.vision import transforms
    >>> transforms.PILToTensor()(Image.new("L", (2, 1), 7))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """

    _colour = True

    def _concerned(self, x: Any) -> bool:
        return is_pil(x)

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not isinstance(inputs[0], list | tuple | dict):
            return F.pil_to_tensor(inputs[0])
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Tensors and arrays as PIL images; floating values are those of white 1.

    Args:
        mode: Pillow's mode; by the number of channels and the dtype if None.

    >>> from numtorch.vision import transforms
    >>> transforms.ToPILImage()(torch.ones(3, 4, 5)).size
    (5, 4)
    """

    _colour = True
    _shown = ("mode",)

    def __init__(self, mode: str | None = None):
        super().__init__()
        self.mode = mode

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not isinstance(inputs[0], list | tuple | dict):
            return F.to_pil_image(inputs[0], self.mode)
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return inpt if is_pil(inpt) else F.to_pil_image(inpt, self.mode)


class ToImage(Transform):
    """PIL images, arrays and tensors as ``tv_tensors.Image`` of the same values.

    >>> import numpy as np
    >>> from numtorch.vision.transforms import v2
    >>> v2.ToImage()(np.zeros((4, 5, 3), np.uint8)).shape
    torch.Size([3, 4, 5])
    """

    _colour = True

    def transform(self, inpt: Any, params: dict) -> Any:
        return inpt if isinstance(inpt, Video) else F.to_image(inpt)


class ToPureTensor(Transform):
    """``tv_tensors`` as plain tensors.

    >>> from numtorch.vision import tv_tensors
    >>> from numtorch.vision.transforms import v2
    >>> type(v2.ToPureTensor()(tv_tensors.Mask([[1]]))) is torch.Tensor
    True
    """

    def _concerned(self, x: Any) -> bool:
        return isinstance(x, TVTensor)

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not isinstance(inputs[0], list | tuple | dict):
            return self.transform(inputs[0], {})
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return inpt.as_plain() if isinstance(inpt, TVTensor) else inpt


class ConvertImageDtype(Transform):
    """Tensors in another dtype, scaled so that white stays white.

    Args:
        dtype: of the result.

    >>> from numtorch.vision import transforms
    >>> transforms.ConvertImageDtype(torch.float32)(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """

    _colour = True

    def __init__(self, dtype: Any = nt.float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict) -> Any:
        return F.to_dtype(inpt, self.dtype, True)


class ToDtype(Transform):
    """Tensors in another dtype.

    Args:
        dtype: for images and videos; or a dict of dtypes by kinds, in which ``"others"`` is for the rest.
        scale: multiply images so that white stays white.

    >>> from numtorch.vision.transforms import v2
    >>> v2.ToDtype(torch.float32, scale=True)(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """

    _shown = ("dtype", "scale")

    def __init__(self, dtype: Any, scale: bool = False):
        super().__init__()
        self.dtype, self.scale = dtype, scale

    def _concerned(self, x: Any) -> bool:
        return isinstance(x, TVTensor) or is_image(x)

    def transform(self, inpt: Any, params: dict) -> Any:
        image = is_image(inpt)
        if isinstance(self.dtype, dict):
            kind = type(inpt) if type(inpt) in self.dtype else "others"
            dtype = self.dtype.get(kind)
        else:
            dtype = self.dtype if image else None
        if dtype is None or is_pil(inpt) or isinstance(inpt, np.ndarray):
            return inpt
        return F.to_dtype(inpt, dtype, self.scale and image)


class Lambda(Transform):
    """Any function as a transform; samples go through it one by one.

    Args:
        lambd: the function, of one argument.
        *types: of a sample with several parts, which kinds it is for; all if none is given.

    Raises:
        TypeError: it cannot be called.

    >>> from numtorch.vision import transforms
    >>> transforms.Lambda(lambda x: x + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any], *types: type):
        super().__init__()
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd
        self.types = types

    def _concerned(self, x: Any) -> bool:
        return not self.types or isinstance(x, self.types)

    def _chosen(self, flat: list) -> list[bool]:
        return [self._concerned(x) for x in flat]

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not self.types:
            return self.lambd(inputs[0])
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return self.lambd(inpt)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
