"""Real and imaginary parts: views of complex tensors as real ones, and of pairs of real numbers as complex ones.

A complex element is two real numbers side by side in memory. So the parts are views of the same memory with other
strides, counted in real numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numtorch import engine, ops
from numtorch._tensor import Tensor, geometry, keep_view, new, shared_storage
from numtorch.dispatch.op import op
from numtorch.dtype import dtype
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops.movement.copies import cast, copy_
from numtorch.storage import contiguous_strides, kind, retyped


def _placed(x: Tensor, d: dtype, seen: tuple, offset: int) -> Tensor:
    """A view of the memory of ``x`` as elements of another type, by what ``geometry`` gives."""
    t = new(Tensor)
    t.shape, steps, n, _ = seen
    t._storage = storage = retyped(shared_storage(x), d)
    t._base = x if x._base is None else x._base
    t._offset, t._k = offset, kind(d, x._k.device, steps is None)
    if steps is not None:
        t._strides = steps
    data = storage.data
    t._buf = None if data is None else data[offset : offset + n] if steps is None else data[offset:]
    if mode.grad:
        keep_view(storage, t)
    return t


def _complex_only(x: Tensor, name: str, what: str) -> None:
    if not x._k.dtype.is_complex:
        raise RuntimeError(f"{name} is {what}; got {x._k.dtype.name}")


@exported("torch")
@op(view=True)
def view_as_real(x):
    """A complex tensor as pairs of real numbers, over the same memory.

    Args:
        input: (*), complex.

    Returns:
        (*, 2), of the type of the parts; a write to either is seen by both.

    Raises:
        RuntimeError: ``input`` is not complex.

    >>> torch.view_as_real(torch.tensor([1.0 + 2.0j]))
    tensor([[1., 2.]])
    """
    _complex_only(x, "view_as_real", "only supported for complex tensors")
    shape, strides = (*x.shape, 2), (*[2 * s for s in x.strides], 1)
    return _placed(x, x._k.dtype.to_real(), geometry(shape, strides), 2 * x._offset)


@view_as_real.vjp
def _(g):
    return view_as_complex(engine.contiguous(g))


@exported("torch")
@op(view=True)
def view_as_complex(x):
    """Pairs of real numbers as a complex tensor, over the same memory.

    Args:
        input: (*, 2), float32 or float64, the numbers of a pair side by side in memory.

    Returns:
        (*), complex; a write to either is seen by both.

    Raises:
        RuntimeError: for another type, shape or order in memory.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    d = x._k.dtype
    if d.is_half or not d.is_floating_point:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{d.scalar}"
        )
    shape, strides = x.shape, x.strides
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError(f"Tensor must have a last dimension of size 2; got {list(shape)}")
    if strides[-1] != 1:
        raise RuntimeError(f"Tensor must have a last dimension with stride 1; got {strides}. Use .contiguous() first.")
    if any(s % 2 for s, n in zip(strides[:-1], shape[:-1], strict=True)):
        raise RuntimeError(f"Tensor must have a stride divisible by 2 for all but last dimension; got {strides}")
    if x._offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    seen = geometry(tuple(shape[:-1]), tuple([s // 2 for s in strides[:-1]]))
    return _placed(x, d.to_complex(), seen, x._offset // 2)


@view_as_complex.vjp
def _(g):
    return view_as_real(g)


@lru_cache(maxsize=4096)
def _spread(shape: tuple, strides: tuple | None) -> tuple:
    """The geometry of one part of a complex tensor, counted in real numbers."""
    return geometry(shape, tuple([2 * s for s in strides or contiguous_strides(shape)]))


def _part(x: Tensor, second: int) -> Tensor:
    """The real (0) or the imaginary (1) parts, over the same memory."""
    seen = _spread(x.shape, x._strides)
    return _placed(x, x._k.dtype.to_real(), seen, 2 * x._offset + second * (seen[2] > 0))


@op(view=True, name="real", public=False)
def real_part(x):
    """The real parts, over the same memory."""
    return _part(x, 0)


@real_part.vjp
def _(g):
    return cast(g, g.dtype.to_complex())


@op(view=True, name="imag", public=False)
def imaginary_part(x):
    """The imaginary parts, over the same memory."""
    return _part(x, 1)


@imaginary_part.vjp
def _(g):
    return cast(g, g.dtype.to_complex()) * 1j


@exported("torch")
@engine.fill
def real(input: Tensor) -> Tensor:
    """The real parts; a real tensor itself.

    Args:
        input: (*), of any type.

    Returns:
        (*): a view of the same memory, of the type of the parts.

    >>> torch.real(torch.tensor([1.0 + 2.0j]))
    tensor([1.])
    """
    if not input._k.dtype.is_complex:
        return input
    return real_part(input) if (input._edge is not None and mode.grad) or mode.levels else _part(input, 0)


@exported("torch")
def imag(input: Tensor) -> Tensor:
    """The imaginary parts.

    Args:
        input: (*), complex.

    Returns:
        (*): a view of the same memory, of the type of the parts.

    Raises:
        RuntimeError: ``input`` is not complex.

    >>> torch.imag(torch.tensor([1.0 + 2.0j]))
    tensor([2.])
    """
    _complex_only(input, "imag", "not implemented for tensors with non-complex dtypes")
    return imaginary_part(input) if (input._edge is not None and mode.grad) or mode.levels else _part(input, 1)


def set_real(x: Tensor, value: Any) -> None:
    """``x.real = value``: the real parts overwritten."""
    copy_(real(x), value if isinstance(value, Tensor) else ops.creation.as_tensor(value, device=x.device))


def set_imag(x: Tensor, value: Any) -> None:
    """``x.imag = value``: the imaginary parts overwritten."""
    copy_(imag(x), value if isinstance(value, Tensor) else ops.creation.as_tensor(value, device=x.device))


@engine.fill
def as_pairs(x: Tensor) -> Tensor:
    """``view_as_real`` outside the graph."""
    return view_as_real.op.body(x)


@exported("torch", "Tensor")
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex.

    Args:
        input: of any type.

    Returns:
        True or False.

    >>> torch.is_complex(torch.tensor([1j]))
    True
    """
    return input._k.dtype.is_complex


@exported("torch", "Tensor")
def is_conj(input: Tensor) -> bool:
    """False: conjugates are computed when they are asked for, not when they are read.

    Args:
        input: of any type.

    Returns:
        False.

    >>> torch.is_conj(torch.tensor([1j]).conj())
    False
    """
    return False


@exported("torch", "Tensor")
def is_neg(input: Tensor) -> bool:
    """False: negatives are computed when they are asked for, not when they are read.

    Args:
        input: of any type.

    Returns:
        False.

    >>> torch.is_neg(torch.tensor([1j]).conj().imag)
    False
    """
    return False


@exported("torch", "Tensor")
def is_inference(input: Tensor) -> bool:
    """False: what ``inference_mode`` makes are ordinary tensors.

    Differs from torch: there it is True for what is made in ``inference_mode``, which may not be used in graphs later.

    Args:
        input: of any type.

    Returns:
        False.

    >>> torch.is_inference(torch.ones(2))
    False
    """
    return False


@exported("torch", "Tensor")
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are computed when they are asked for, not when they are read.

    Args:
        input: of any type.

    Returns:
        ``input``.

    >>> torch.resolve_conj(torch.tensor([1j]).conj())
    tensor([0.-1.j])
    """
    return input


@exported("torch", "Tensor")
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negatives are computed when they are asked for, not when they are read.

    Args:
        input: of any type.

    Returns:
        ``input``.

    >>> torch.resolve_neg(torch.tensor([1j]).conj().imag)
    tensor([-1.])
    """
    return input
