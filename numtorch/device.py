"""Devices: ``cpu``, ``cuda:i``, and ``meta`` (tensors with a shape but no elements)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

# Names that are given in place of a device's.
_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "half",
    "float",
    "double",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "int",
    "bool",
)


class device:
    """A place of tensors: the CPU, a GPU, or ``"meta"`` for tensors that have a shape but no elements.

    Within a ``with`` block of a device, and in a function that it decorates, new tensors are made there.

    Args:
        type: ``"cpu"``, ``"cuda"``, ``"cuda:0"`` or ``"meta"``; a number for a GPU; or a device.
        index: which GPU; None for the current one.

    Attributes:
        type: ``"cpu"``, ``"cuda"`` or ``"meta"``.
        index: the number, or None.

    Raises:
        RuntimeError: an unknown type, or a negative number.
        TypeError: ``type`` is none of these.

    >>> torch.device("cuda", 0)
    device(type='cuda', index=0)
    >>> with torch.device("meta"):
    ...     torch.nn.Linear(2, 1).weight.device
    device(type='meta')
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
            if index < 0:
                raise RuntimeError(f"Device index must not be negative, got {index}")
        elif not isinstance(type, str):
            raise TypeError(
                f"device(): argument 'type' must be str, int or torch.device, not {type.__class__.__name__}"
            )
        elif ":" in type:
            type, _, number = type.partition(":")
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{number}'")
            index = int(number)
        if type not in ("cpu", "cuda", "meta"):
            dtype = (
                f"; torch.{type} is a dtype: pass dtype=torch.{type}, or .to(torch.{type})" if type in _DTYPES else ""
            )
            raise RuntimeError(f"Expected one of cpu, cuda, meta device type at start of device string: {type}{dtype}")
        self.type = type
        self.index = index

    def __enter__(self) -> device:
        DEFAULT.before.append(DEFAULT.device)
        DEFAULT.device = as_device(self)
        return self

    def __exit__(self, *exc: object) -> None:
        DEFAULT.device = DEFAULT.before.pop()

    def __call__(self, fn: Callable) -> Callable:
        @wraps(fn)
        def there(*args: Any, **kwargs: Any) -> Any:
            with self:
                return fn(*args, **kwargs)

        return there

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)


CPU = device("cpu")
META = device("meta")


class _Default(threading.local):
    """Where new tensors are made in a thread, and where they were outside the blocks that it is in."""

    device = CPU

    def __init__(self) -> None:
        self.before: list[device] = []


DEFAULT = _Default()


def as_device(d: Any) -> device:
    """A string, an index or a device, as one of the canonical devices; the default one for ``None``."""
    if d is None:
        return DEFAULT.device
    if d is CPU:
        return CPU
    d = d if isinstance(d, device) else device(d)
    if d.type == "cpu":
        return CPU
    if d.type == "meta":
        return META
    return device("cuda", _current if d.index is None else d.index)


_current = 0


def current_cuda() -> int:
    """The number of the GPU that ``"cuda"`` stands for."""
    return _current


def set_current_cuda(index: int) -> None:
    """Let ``"cuda"`` stand for another GPU."""
    global _current
    _current = index
