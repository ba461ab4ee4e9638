"""Where the tensors of a file go: what ``map_location`` means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import cuda
from numtorch._tensor import Tensor
from numtorch.device import as_device, device
from numtorch.ops import movement


def placing(map_location: Any) -> Callable[[Tensor, str], Tensor]:
    """The function of a tensor and its device's name that a ``map_location`` stands for."""
    if callable(map_location) and not isinstance(map_location, device):  # which is a decorator, too

        def place(t: Tensor, where: str) -> Tensor:
            moved = map_location(t, where)
            return _restore(t, where) if moved is None else moved

        return place
    if isinstance(map_location, dict):
        by_name = {str(as_device(k)): v for k, v in map_location.items()}
        return lambda t, where: movement.to(t, by_name[where]) if where in by_name else _restore(t, where)
    if map_location is None:
        return _restore
    target = as_device(map_location)
    return lambda t, where: movement.to(t, target)


def _restore(t: Tensor, where: str) -> Tensor:
    if where == "cpu":
        return t
    if where == "meta":
        return movement.to(t, where)
    if not cuda.is_available():
        raise RuntimeError(
            f"Attempting to load a tensor that was on {where}, but there is no GPU that CUDA can use. "
            "To put it on the CPU: load(..., map_location='cpu')"
        )
    return movement.to(t, where)
