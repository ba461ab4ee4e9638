"""Padding layers: more elements at both ends of the last dimensions."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn.functional import pad
from numtorch.nn.module import Module

_DOC = """Adds {what} at both ends of the last {dimensions}.

    Args:
        padding: one width for all ends, or {widths}; negative ones cut off.{value}

    Shape: (N, C, {sizes}) or (C, {sizes}), to the same with other {sizes}.

    Raises:
        ValueError: another number of widths.

    See https://pytorch.org/docs/stable/generated/torch.nn.{name}.html

    >>> torch.nn.{name}({given})(torch.ones(1{twos})).shape
    torch.Size([1{fours}])
    """


class _Pad(Module):
    """``padding``: one width for all ends, or (left, right) of the last dimension, then of the one before, and on."""

    dims: int
    mode: str
    what: str  # is added, in words
    value: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__doc__ is None and "dims" in vars(cls):
            i, constant = cls.dims - 1, issubclass(cls, _ConstantPad) and not issubclass(cls, _ZeroPad)
            cls.__doc__ = _DOC.format(
                what=cls.what,
                dimensions=("dimension", "two dimensions", "three dimensions")[i],
                widths=("(left, right)", "(left, right, top, bottom)", "(left, right, top, bottom, front, back)")[i],
                sizes=("L", "H, W", "D, H, W")[i],
                name=cls.__name__,
                value="\n        value: what is added." if constant else "",
                given="1, 2.0" if constant else "1",
                twos=", 2" * cls.dims,
                fours=", 4" * cls.dims,
            )

    def __init__(self, padding: Any):
        super().__init__()
        several = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)
        if len(several) != 2 * self.dims:
            raise ValueError(f"{type(self).__name__}: expected {2 * self.dims} widths or one number, got {padding}")
        self.padding = several

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode, what = "constant", "``value``"

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    what = "zeros"

    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode, what = "reflect", "what is mirrored at the edge, without the edge,"


class _ReplicationPad(_Pad):
    mode, what = "replicate", "the edge"


class _CircularPad(_Pad):
    mode, what = "circular", "what stands at the other end"


class ConstantPad1d(_ConstantPad):
    dims = 1


class ConstantPad2d(_ConstantPad):
    dims = 2


class ConstantPad3d(_ConstantPad):
    dims = 3


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    dims = 1


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    dims = 2


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    dims = 3


class ReflectionPad1d(_ReflectionPad):
    dims = 1


class ReflectionPad2d(_ReflectionPad):
    dims = 2


class ReflectionPad3d(_ReflectionPad):
    dims = 3


class ReplicationPad1d(_ReplicationPad):
    dims = 1


class ReplicationPad2d(_ReplicationPad):
    dims = 2


class ReplicationPad3d(_ReplicationPad):
    dims = 3


class CircularPad1d(_CircularPad):
    dims = 1


class CircularPad2d(_CircularPad):
    dims = 2


class CircularPad3d(_CircularPad):
    dims = 3
