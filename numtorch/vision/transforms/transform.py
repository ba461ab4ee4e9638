"""The base of transforms: one set of random parameters for a sample, applied to every part of it that it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch as nt
from numtorch import nn
from numtorch.vision.transforms.pictures import is_image, is_pil
from numtorch.vision.tv_tensors import BoundingBoxes, KeyPoints, Mask, TVTensor


def leaves(sample: Any, found: list | None = None) -> list:
    """What is in nested tuples, lists and dicts."""
    found = [] if found is None else found
    parts = sample.values() if isinstance(sample, dict) else sample if isinstance(sample, list | tuple) else None
    if parts is None:
        found.append(sample)
        return found
    for part in parts:
        leaves(part, found)
    return found


def mapped(f: Callable, sample: Any) -> Any:
    """Nested tuples, lists and dicts with each leaf replaced by ``f`` of it."""
    if isinstance(sample, dict):
        return type(sample)((key, mapped(f, value)) for key, value in sample.items())
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(mapped(f, part) for part in sample))
    if isinstance(sample, list | tuple):
        return type(sample)(mapped(f, part) for part in sample)
    return f(sample)


class Transform(nn.Module):
    """Base class of transforms. A subclass defines ``transform``, and ``make_params`` if it draws numbers.

    A transform takes an image: a PIL image, a tensor (..., channels, height, width) or an array (height, width[,
    channels]). It also takes a sample of nested tuples, lists and dicts, or several arguments: images, masks, boxes and
    points (see ``numtorch.vision.tv_tensors``) are transformed with the same parameters, and the rest stays. Where
    there is no other image, the first plain tensor is the image.

    Attributes:
        p: the probability that anything is done; None for always.

    >>> from numtorch.vision import transforms
    >>> class Darker(transforms.Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt * 0.5
    >>> Darker()(torch.ones(1, 1, 1), "label")
    (tensor([[[0.5000]]]), 'label')
    """

    p: float | None = None
    _shown: tuple[str, ...] = ()  # attributes that the text shows
    _colour = False  # masks, boxes and points stay

    def check_inputs(self, flat_inputs: list) -> None:
        """Raise an error for a sample that the transform cannot take.

        Args:
            flat_inputs: all that is in the sample.

        >>> from numtorch.vision import transforms
        >>> transforms.Transform().check_inputs([])
        """

    def make_params(self, flat_inputs: list) -> dict[str, Any]:
        """Draw the random parameters for a sample.

        Args:
            flat_inputs: all that is in the sample.

        Returns:
            A dict, which ``transform`` gets.

        >>> from numtorch.vision import transforms
        >>> transforms.Transform().make_params([])
        {}
        """
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Transform one part of a sample.

        Args:
            inpt: an image, a mask, boxes or points.
            params: what ``make_params`` has returned.

        Returns:
            The new part.

        Raises:
            NotImplementedError: a subclass does not define it.

        >>> from numtorch.vision import transforms
        >>> transforms.Grayscale().transform(torch.ones(3, 1, 1), {}).shape
        torch.Size([1, 1, 1])
        """
        raise NotImplementedError(f"{type(self).__name__} must define transform(inpt, params)")

    def _concerned(self, x: Any) -> bool:
        """Whether the transform changes a part of this kind."""
        return is_image(x) or (not self._colour and isinstance(x, Mask | BoundingBoxes | KeyPoints))

    def forward(self, *inputs: Any) -> Any:
        """The transformed sample.

        Args:
            *inputs: an image; or parts of a sample.

        Returns:
            What was given, of the same structure.

        >>> from numtorch.vision import transforms
        >>> transforms.CenterCrop(2)(torch.zeros(3, 4, 4)).shape
        torch.Size([3, 2, 2])
        """
        if len(inputs) == 1 and is_image(inputs[0]):  # what nearly every call is
            flat = [inputs[0]]
            self.check_inputs(flat)
            if self.p is not None and not _happens(self.p):
                return inputs[0]
            return self.transform(inputs[0], self.make_params(flat))
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat = leaves(sample)
        if not any(map(self._concerned, flat)):
            if len(inputs) == 1 and not isinstance(sample, list | tuple | dict):
                raise TypeError(
                    f"{type(self).__name__}: got {type(sample).__qualname__}; give a PIL image, a tensor "
                    "(channels, height, width) or an array (height, width, channels)"
                )
            return sample
        self.check_inputs(flat)
        if self.p is not None and not _happens(self.p):
            return sample
        chosen = self._chosen(flat)
        params = self.make_params([x for x, is_chosen in zip(flat, chosen, strict=True) if is_chosen])
        turns = iter(chosen)
        return mapped(lambda x: self.transform(x, params) if next(turns) else x, sample)

    def _chosen(self, flat: list) -> list[bool]:
        """Of the parts of a sample, those that are transformed."""
        pictured = any(is_pil(x) or (isinstance(x, TVTensor) and is_image(x)) for x in flat)
        chosen = []
        for x in flat:
            plain = isinstance(x, np.ndarray) or (isinstance(x, nt.Tensor) and not isinstance(x, TVTensor))
            take = self._concerned(x) and not (plain and pictured)
            pictured = pictured or (plain and take)
            chosen.append(take)
        return chosen

    def extra_repr(self) -> str:
        """The options, for the text of the transform.

        Returns:
            A text.

        >>> from numtorch.vision import transforms
        >>> transforms.CenterCrop(2).extra_repr()
        'size=(2, 2)'
        """
        parts = []
        for name in self._shown:
            value = getattr(self, name)
            parts.append(f"{name}={value.value if hasattr(value, 'value') else value}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        if self._modules and not self._shown:
            return super().__repr__()
        return f"{type(self).__name__}({self.extra_repr()})"


def _happens(p: float) -> bool:
    return nt.rand(1).item() < p


def uniform(low: float, high: float) -> float:
    """A random number between two."""
    return low + (high - low) * nt.rand(1).item()


def integer(low: int, high: int) -> int:
    """A random integer from ``low`` to ``high - 1``."""
    return int(nt.randint(low, high, (1,)).item())


def image_of(flat_inputs: list) -> Any:
    """The part of a sample that gives its extents."""
    for x in flat_inputs:
        if is_image(x) or isinstance(x, Mask | BoundingBoxes | KeyPoints):
            return x
    raise TypeError("there is no image, mask or box in the sample")
