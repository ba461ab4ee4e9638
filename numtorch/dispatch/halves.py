"""Ops on half types compute in float32.

Generated loops convert each element to float32 as they read it (``dtype.compute``). Hand-written loops have only
float32 and float64, and a body of several ops would round to 16 bits after each op: squares would overflow, an eps
would become 0, long sums would stop growing. So if all floating operands have one half type and no kernel is made for
it, the op runs on float32
copies and the result is rounded once. The conversion to float32 is exact.
"""

from __future__ import annotations

from typing import Any

from numtorch import engine
from numtorch._tensor import Tensor
from numtorch.dtype import dtype, float32
from numtorch.kernels.registry import Signature
from numtorch.storage import Kind, kind


def one_half(s: Signature) -> bool:
    """all floating operands are of one half type"""
    return _half_type([d for d in s.dtypes if d is not None]) is not None


def half_of(values: Any) -> dtype | None:
    """The half type of all floating tensors among values and tuples of them; None if they are of others."""
    each = [t for v in values for t in (v if type(v) in (tuple, list) else (v,))]
    return _half_type([t._k.dtype for t in each if isinstance(t, Tensor)])


def _half_type(types: list[dtype]) -> dtype | None:
    found = None
    for d in types:
        if d.is_floating_point and d is not found:
            if found is not None or not d.is_half:
                return None
            found = d
    return found


def widened(value: Any) -> Any:
    """A tensor of a half type in float32, also in a tuple; all else as it is."""
    if type(value) in (tuple, list):
        return tuple(widened(v) for v in value)
    return engine.as_type(value, float32) if isinstance(value, Tensor) and value._k.dtype.is_half else value


def wide_kind(value: Any) -> Kind | None:
    """What a tensor will be once it is widened, as the registry's keys name it; None for all that is no tensor."""
    if not isinstance(value, Tensor):
        return None
    return kind(float32, value._k.device) if value._k.dtype.is_half else value._k


def narrowed(value: Any, to: dtype) -> Any:
    """A float32 tensor in another type, also in a tuple; all else as it is."""
    if type(value) in (tuple, list):
        return tuple(narrowed(v, to) for v in value)
    return engine.as_type(value, to) if isinstance(value, Tensor) and value._k.dtype is float32 else value
