"""einops' backend for tensors. einops finds it among the subclasses of its ``AbstractBackend``."""

from __future__ import annotations

from typing import Any

import numtorch as torch

_MADE: list = []  # a class knows its subclasses only as long as somebody else does


def register(backends: Any) -> None:
    """Make the backend, once; ``backends`` is the module ``einops._backends``."""
    base = backends.AbstractBackend
    if any(known.__module__ == __name__ for known in base.__subclasses__()):
        return

    class NumtorchBackend(base):  # type: ignore[misc, valid-type]
        """What einops asks of tensors."""

        framework_name = "numtorch"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, torch.Tensor)

        def from_numpy(self, x: Any) -> Any:
            made = torch.from_numpy(x)
            return made.requires_grad_() if self.is_float_type(made) else made

        def to_numpy(self, x: Any) -> Any:
            return x.numpy(force=True)

        def arange(self, start: int, stop: int) -> Any:
            return torch.arange(start, stop)

        def reduce(self, x: Any, operation: str, axes: Any) -> Any:
            axes = tuple(axes)
            if not axes:
                return x
            if operation in ("min", "max"):
                return getattr(x, f"a{operation}")(axes)
            if operation == "prod":
                for axis in sorted(axes, reverse=True):
                    x = x.prod(axis)
                return x
            if operation not in ("sum", "mean", "any", "all"):
                raise NotImplementedError(f"reduction {operation!r} is none of min, max, sum, mean, prod, any, all")
            return getattr(x, operation)(axes)

        def transpose(self, x: Any, axes: Any) -> Any:
            return x.permute(axes)

        def stack_on_zeroth_dimension(self, tensors: list) -> Any:
            return torch.stack(tensors)

        def add_axes(self, x: Any, n_axes: int, pos2len: dict) -> Any:
            sizes = [-1] * n_axes
            for position, length in pos2len.items():
                x = x.unsqueeze(position)
                sizes[position] = length
            return x.expand(sizes)

        def tile(self, x: Any, repeats: Any) -> Any:
            return x.repeat(repeats)

        def concat(self, tensors: list, axis: int) -> Any:
            return torch.cat(tensors, axis)

        def add_axis(self, x: Any, new_position: int) -> Any:
            return x.unsqueeze(new_position)

        def is_float_type(self, x: Any) -> bool:
            return x.is_floating_point()

        def einsum(self, pattern: str, *x: Any) -> Any:
            return torch.einsum(pattern, *x)

    _MADE.append(NumtorchBackend)
