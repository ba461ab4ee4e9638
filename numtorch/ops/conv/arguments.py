"""What convolutions are given: torch's complaints about shapes, types and options, which are made numbers for each
dimension."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.arguments import integer, integers, refused
from numtorch.ops.movement.views import slice_backward

Numbers = tuple[int, ...]


_FARTHEST = 1 << 40  # elements: no tensor is longer, so that a longer step leads out of any


def numbers_of(op: str, value: Any, dims: int, name: str, least: int, complaint: str) -> Numbers:
    """``dims`` integers of at least ``least``, from one or from as many."""
    if value.__class__ is int and least <= value < _FARTHEST:
        return (value,) * dims
    if isinstance(value, tuple | list):
        given = integers(value, op, name)
        numbers = given * dims if len(given) == 1 else given
    else:
        numbers = (integer(value, op, name),) * dims
    if len(numbers) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the convolution "
            f"dimensions, but got {name}={list(numbers)} (in {op})"
        )
    if min(numbers) < least:
        raise RuntimeError(f"{complaint} is not supported ({op}: {name}={value})")
    if max(numbers) >= 1 << 63:
        raise ValueError(f"{op}: {name}={value}: Overflow when unpacking long long: an integer does not fit in int64")
    return numbers


def check_dims(op: str, x: Tensor, dims: int) -> None:
    if not isinstance(x, Tensor):
        raise refused(AttributeError(), op, input=x)
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {op}, but got input of size: "
            f"{shape_text(x.shape)}"
        )


def group_count(op: str, groups: Any) -> int:
    groups = integer(groups, op, "groups")
    if groups < 1:
        raise RuntimeError(f"non-positive groups is not supported ({op}: groups={groups})")
    return groups


def steps(op: str, stride: Any, dilation: Any, dims: int) -> tuple[Numbers, Numbers]:
    stride = numbers_of(op, stride, dims, "stride", 1, "non-positive stride")
    dilation = numbers_of(op, dilation, dims, "dilation", 1, "dilation of zero or less")
    if (
        max(stride + dilation) > _FARTHEST
    ):  # loops count with 64 bits; what leads out of every image does so by any number
        return tuple([min(s, _FARTHEST) for s in stride]), tuple([min(d, _FARTHEST) for d in dilation])
    return stride, dilation


def zeros_around(op: str, padding: Any, dims: int) -> Numbers:
    padding = numbers_of(op, padding, dims, "padding", 0, "negative padding")
    if max(padding) >= _FARTHEST:
        raise RuntimeError(f"{op}: Given padding={list(padding)}, expected padding to be less than {_FARTHEST}")
    return padding


def padded(
    op: str, x: Tensor, kernel: Numbers, stride: Numbers, padding: Any, dilation: Numbers
) -> tuple[Tensor, Numbers]:
    """The input (longer by one where ``"same"`` needs an odd number of zeros) and the zeros on each side."""
    dims = len(stride)
    if not isinstance(padding, str):
        return x, zeros_around(op, padding, dims)
    if padding == "valid":
        return x, (0,) * dims
    if padding != "same":
        raise RuntimeError(f"{op}: Invalid padding string: {padding!r}, should be one of {{'valid', 'same'}}")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    for dim, t in enumerate(total, 2):
        if t % 2:  # the odd one goes to the right and below
            x = longer(x, dim, 0, 1)
    return x, tuple(t // 2 for t in total)


def longer(x: Tensor, dim: int, before: int, after: int) -> Tensor:
    """``x`` with zeros before and after it along a dimension."""
    if not before and not after:
        return x
    n = x.shape[dim]
    shape = (*x.shape[:dim], before + n + after, *x.shape[dim + 1 :])
    return slice_backward(x, shape, dim, before, before + n, 1)


def check_weight(op: str, w: Tensor, dims: int) -> None:
    if w.ndim != dims + 2:
        raise RuntimeError(f"{op}: expected a {dims + 2}D weight, but got weight of size {shape_text(w.shape)}")


def shape_text(x: Any) -> str:
    return str(list(x))


def check_extents(name: str, x: tuple) -> None:
    """An error unless all that is empty is the batch or the channels."""
    if 0 in x[2:] and x[1]:
        raise RuntimeError(
            f"{name}: Only zero batch or zero channel inputs are supported, but got input shape: {shape_text(x)}"
        )


def check(x: Tensor, w: Tensor, b: Tensor | None, groups: int, dims: int = 2) -> None:
    """torch's complaints about shapes and types."""
    if w.ndim != dims + 2:
        raise RuntimeError(f"conv{dims}d: expected a {dims + 2}D weight, but got weight of size {shape_text(w.shape)}")
    if w.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{shape_text(w.shape)} instead"
        )
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {shape_text(w.shape)} instead"
        )
    if x.shape[1] != w.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {shape_text(w.shape)}, expected input{shape_text(x.shape)} to have "
            f"{w.shape[1] * groups} channels, but got {x.shape[1]} channels instead"
        )
    if b is not None and tuple(b.shape) != (w.shape[0],):
        raise RuntimeError(
            f"Given weight of size {shape_text(w.shape)}, expected bias to be 1-dimensional with {w.shape[0]} "
            f"elements, but got bias of size {shape_text(b.shape)} instead"
        )
    for name, other in (("weight", w), ("bias", b)):
        if other is not None and other.dtype is not x.dtype:
            raise RuntimeError(
                f"conv{dims}d: Input type ({x.dtype.name}) and {name} type ({other.dtype.name}) should be the same; "
                "cast one with .to(...)"
            )
