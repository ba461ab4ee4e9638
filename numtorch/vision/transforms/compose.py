"""Transform objects for datasets.

``on_values(values)`` applies a transform of single pixels to whole batches. ``values`` is an array (channels, 256): the
value that the earlier transforms have made of each byte value of each channel. For the first transform, it holds the
byte values themselves. The method returns the new values, or None if they depend on more than the old value. A dataset
of bytes keeps the last result as a table, and looks up every pixel of a batch in it.

``on_places(h, w)`` says in the same way how a transform moves pixels: see ``moves.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.vision.transforms import functional, moves
from numtorch.vision.transforms.combinations import Lambda as Lambda
from numtorch.vision.transforms.transform import Transform


def _speaks(transform: Any, name: str, *others: str) -> bool:
    """Whether the method ``name`` of a transform describes it: no subclass, hook or attribute changes what a call does.

    ``others`` are methods that it describes besides ``forward``.
    """
    changed = {"__call__", "forward", *others}
    own = getattr(transform, "__dict__", {})
    if changed & own.keys() or own.get("_forward_hooks") or own.get("_forward_pre_hooks"):
        return False
    for kind in type(transform).__mro__:
        if name in vars(kind):
            return True
        if changed & vars(kind).keys():
            return False
    return False


def apply_to_values(transform: Any, values: np.ndarray) -> np.ndarray | None:
    """What ``transform`` makes of pixel values, or None where it does not say.

    A subclass that changes ``__call__`` and not ``on_values`` is not taken at its parent's word.
    """
    return transform.on_values(values) if _speaks(transform, "on_values") else None


def move_of(transform: Any, h: int, w: int) -> moves.Move | None:
    """How ``transform`` moves the pixels of an image of a size, or None where it does not say."""
    if not _speaks(transform, "on_places", "transform", "make_params", "check_inputs", "get_params"):
        return None
    return transform.on_places(h, w)


def byte_table(transform: Any, channels: int = 1) -> np.ndarray | None:
    """What ``transform`` makes of every byte, (channels, 256), or None where it is not pixelwise.

    Example:
        >>> byte_table(ToTensor())[0, 51].item() == 0.2
        False
        >>> byte_table(Compose([ToTensor(), Normalize((0.5,), (0.5,))]))[0, [0, 255]].tolist()
        [-1.0, 1.0]
        >>> byte_table(Lambda(lambda x: x)) is None
        True
    """
    state = _state(transform)
    if state is None:
        return _byte_table(transform, channels)
    return _remembered((state, channels), lambda: _byte_table(transform, channels))


_tables: dict[tuple, Any] = {}  # every batch of an epoch asks for the same one


def _remembered(key: tuple, make: Callable[[], Any]) -> Any:
    if key not in _tables:
        if len(_tables) > 64:
            _tables.clear()
        _tables[key] = make()
    return _tables[key]


def _state(transform: Any) -> tuple | None:
    """What the table of one of this module's transforms depends on; None for others, which may do anything."""
    if type(transform) is Compose:
        parts = tuple(map(_state, transform.transforms))
        return None if None in parts else parts
    if type(transform) is ToTensor:
        return ("ToTensor",)
    if type(transform) is Normalize:
        numbers = [transform.mean, transform.std]
        if all(type(v) in (tuple, list) and all(type(x) is float for x in v) for v in numbers):
            return ("Normalize", *map(tuple, numbers), *(str(v) for v in numbers))  # to a memo -0.0 is 0.0
    return None


def _byte_table(transform: Any, channels: int) -> np.ndarray | None:
    bytes_ = np.repeat(np.arange(256, dtype=np.uint8)[None], channels, axis=0)
    values = apply_to_values(transform, bytes_)
    # A table of bytes would mean that no transform made a tensor: the samples are not of this kind.
    if values is None or values.dtype == np.uint8:
        return None
    return np.ascontiguousarray(values)


def batch_plan(transform: Any, h: int, w: int, channels: int) -> moves.Plan | None:
    """What makes a batch of byte images (h, w[, channels]) as ``transform`` makes them one by one, or None.

    Example:
        >>> from numtorch.vision import transforms
        >>> chain = Compose([transforms.RandomCrop(4, padding=1), transforms.RandomHorizontalFlip(), ToTensor()])
        >>> plan = batch_plan(chain, 4, 4, 3)
        >>> plan is not None and plan.random
        True
        >>> batch_plan(Compose([transforms.RandomRotation(10), ToTensor()]), 4, 4, 3) is None
        True
    """
    if nt.get_default_dtype() is not nt.float32:  # random numbers are of that type
        return None
    found: list[moves.Move] = []
    steps: list[Any] = []  # transforms of pixels, and borders that are put around them
    for step in _flat(transform):
        move = move_of(step, h, w)
        if move is None:
            steps.append(step)
        else:
            found.append(move)
            h, w = move.size
            if move.fill is not None:
                steps.append(("border", move.fill))
    table = _border_and_bytes(steps, channels)
    return None if table is None else moves.Plan(found, table)


def _flat(transform: Any) -> list[Any]:
    """The transforms of a chain of chains."""
    if type(transform) is not Compose or not _speaks(transform, "on_values"):
        return [transform]
    return [step for part in transform.transforms for step in _flat(part)]


def _border_and_bytes(steps: list[Any], channels: int) -> np.ndarray | None:
    """(channels, 257): what steps make of every byte and, last, of the border; None where they do not say, or where
    there are borders of several values."""
    states = tuple(step if type(step) is tuple else _state(step) for step in steps)
    if None in states:
        return _make_border_and_bytes(steps, channels)
    try:
        return _remembered(("border", states, str(states), channels), lambda: _make_border_and_bytes(steps, channels))
    except TypeError:  # a fill that cannot be a key
        return _make_border_and_bytes(steps, channels)


def _make_border_and_bytes(steps: list[Any], channels: int) -> np.ndarray | None:
    values: np.ndarray | None = np.repeat(np.arange(256, dtype=np.uint8)[None], channels, axis=0)
    border: np.ndarray | None = None
    for step in steps:
        assert values is not None
        if type(step) is tuple:
            new = moves.border_table(step[1], values)
            if new is None or (border is not None and new.tobytes() != border.tobytes()):
                return None
            border = new
            continue
        values = apply_to_values(step, values)
        border = None if border is None else apply_to_values(step, border)
        if values is None:
            return None
    if values is None or values.dtype == np.uint8:
        return None
    last = values[:, :1] if border is None else border[:, :1]
    return np.ascontiguousarray(np.concatenate([values, last], axis=1))


class Compose(Transform):
    """One transform after the other.

    Args:
        transforms: an iterable of them.

    Raises:
        TypeError: one cannot be called.

    >>> import numpy as np
    >>> from numtorch.vision import transforms
    >>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    >>> prepare
    Compose(
        ToTensor()
        Normalize(mean=(0.5,), std=(0.5,))
    )
    >>> prepare(np.array([[0, 255]], np.uint8))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Iterable[Any]):
        super().__init__()
        self.transforms = list(transforms)
        for i, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(
                    f"Compose: transform {i} is {transform!r}, which cannot be called. "
                    "Give an object such as ToTensor()"
                )

    def forward(self, *inputs: Any) -> Any:
        sample: Any = inputs if len(inputs) > 1 else inputs[0]
        for transform in self.transforms:
            sample = transform(*sample) if len(inputs) > 1 else transform(sample)
        return sample

    def on_values(self, values: np.ndarray) -> np.ndarray | None:
        """What the transforms make of pixel values, one after the other.

        Args:
            values: (channels, 256).

        Returns:
            The new values; None if they depend on more than the old one.

        >>> import numpy as np
        >>> from numtorch.vision import transforms
        >>> transforms.Compose([transforms.ToTensor()]).on_values(np.arange(256, dtype=np.uint8)[None])[0, 255].item()
        1.0
        """
        current: np.ndarray | None = values
        for transform in self.transforms:
            if current is None:
                return None
            current = apply_to_values(transform, current)
        return current

    def __repr__(self) -> str:
        lines = [f"    {transform}" for transform in self.transforms]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class ToTensor(Transform):
    """An image, (height, width[, channels]), as a tensor (channels, height, width).

    Bytes become float32 in [0, 1], exactly ``x / 255``; other dtypes keep their values.

    >>> import numpy as np
    >>> from numtorch.vision import transforms
    >>> transforms.ToTensor()(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """

    _colour = True

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not isinstance(inputs[0], tuple | dict):
            return functional.to_tensor(inputs[0])
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return inpt if isinstance(inpt, nt.Tensor) else functional.to_tensor(inpt)

    def on_values(self, values: np.ndarray) -> np.ndarray | None:
        """What the transform makes of pixel values.

        Args:
            values: uint8 (channels, 256).

        Returns:
            float32 (channels, 256); None if the values are not bytes.

        >>> import numpy as np
        >>> from numtorch.vision import transforms
        >>> transforms.ToTensor().on_values(np.arange(256, dtype=np.uint8)[None])[0, 255].item()
        1.0
        """
        if values.dtype != np.uint8:  # already a tensor: let the sample path say so
            return None
        c = values.shape[0]
        return functional.to_tensor(values.T[:, None]).numpy().reshape(c, 256)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize(Transform):
    """``(x - mean) / std`` for each channel of an image, or of a batch of images (..., C, H, W).

    Args:
        mean, std: one number for each channel, or one for all.
        inplace: change the given tensor instead of making a new one.

    >>> from numtorch.vision import transforms
    >>> transforms.Normalize((0.5,), (0.5,))(torch.tensor([[[0.0, 0.5, 1.0]]]))
    tensor([[[-1.,  0.,  1.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, *inputs: Any) -> Any:
        if len(inputs) == 1 and not isinstance(inputs[0], list | tuple | dict):
            return functional.normalize(inputs[0], self.mean, self.std, self.inplace)
        return super().forward(*inputs)

    def transform(self, inpt: Any, params: dict) -> Any:
        return functional.normalize(inpt, self.mean, self.std, self.inplace)

    def on_values(self, values: np.ndarray) -> np.ndarray | None:
        """What the transform makes of pixel values.

        Args:
            values: floating point, (channels, 256).

        Returns:
            The new values; None if they are integers, or ``mean`` and ``std`` do not fit.

        >>> import numpy as np
        >>> from numtorch.vision import transforms
        >>> transforms.Normalize((0.5,), (0.5,)).on_values(np.zeros((1, 256), np.float32))[0, 0].item()
        -1.0
        """
        if values.dtype.kind != "f":
            return None
        c = values.shape[0]
        try:
            mean = functional.per_channel(self.mean, values.dtype, "mean", c)
            std = functional.per_channel(self.std, values.dtype, "std", c)
        except ValueError:  # the sample path raises it, where a person can see which sample
            return None
        return functional.standardise(values, mean, std, c, 256)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"
