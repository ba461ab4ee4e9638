"""``copy.copy``, ``copy.deepcopy`` and ``pickle`` for tensors. ``tensor.py`` adds them to the class.

A copy shares the memory of its tensor. A deep copy has its own memory; tensors that share memory still share it after
they are deep-copied together. A pickle stores each element once, and the shapes and strides.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, alias, as_ndarray, fresh, make, new, view
from numtorch.device import CPU
from numtorch.dtype import dtype
from numtorch.ops import creation, movement
from numtorch.storage import UNSHARED, Size, Storage, allocate_cpu, contiguous_strides, kind


def packed(x: Tensor) -> tuple[Tensor, tuple | None]:
    """The elements of ``x``, each place in memory once, as a contiguous tensor outside any graph; and the strides with
    which ``unpacked`` lays them out as they were, None if they are in row-major order. Gaps between them are closed.
    """
    x = alias(x)
    if x._k.contiguous:
        return x, None
    strides, shape = x.strides, [1 if s == 0 else n for n, s in zip(x.shape, x.strides, strict=True)]
    order = sorted(range(len(shape)), key=lambda d: (-strides[d], d))
    moved = view(x, tuple([shape[d] for d in order]), tuple([strides[d] for d in order]))
    if not moved._k.contiguous:
        found = [0] * len(shape)
        for d, s in zip(order, contiguous_strides(moved.shape), strict=True):
            found[d] = s if x.shape[d] == shape[d] else 0
        strides = tuple(found)
    return movement.contiguous(moved), strides


def unpacked(memory: Tensor, shape: tuple, strides: tuple | None) -> Tensor:
    """A tensor over the memory of a contiguous one, by what ``packed`` returned."""
    return memory if strides is None else fresh(view(memory, shape, strides))


def relaid(x: Tensor) -> Tensor:
    """The elements in memory of their own, laid out as in ``x``."""
    memory, strides = packed(x)
    return unpacked(movement.clone(memory), x.shape, strides)


def attributes(x: Tensor) -> dict[str, Any]:
    """What a user has set on a tensor."""
    return {k: v for k, v in x.__dict__.items() if not k.startswith("_") and k != "shape"}


def shallow(self: Tensor) -> Tensor:
    """``copy.copy``: another tensor over the same memory, a leaf; the gradient stays behind."""
    t = alias(self)
    t.__class__ = self.__class__
    t.__dict__.update(attributes(self))
    if self._edge is not None:
        t.requires_grad = True
    return t


def deep(self: Tensor, memo: dict) -> Tensor:
    """``copy.deepcopy``: the whole storage is copied, once for all the tensors over it, and the gradient."""
    if self.grad_fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage"
        )
    if id(self) in memo:
        return memo[id(self)]
    memo[id(self)] = t = _over_a_copy(self, memo)
    t.__class__ = self.__class__
    t.__dict__.update(copy.deepcopy(attributes(self), memo))
    if self._edge is not None:
        t.requires_grad = True
    if self.grad is not None:
        t.grad = copy.deepcopy(self.grad, memo) if self.grad.grad_fn is None else relaid(self.grad)
    return t


def _over_a_copy(x: Tensor, memo: dict) -> Tensor:
    t = new(Tensor)
    t.shape, t._k, t._buf = x.shape, x._k, None
    if x._storage is UNSHARED:
        t._buf = _copied(x._buf, x)
        return t
    t._strides, t._offset = x._strides, x._offset
    key = "storage", id(x._storage)
    if key not in memo:
        # the first is kept alive, so that its number is its own
        memo[key] = (x._storage, Storage(_copied(x._storage.data, x)))
    t._storage = memo[key][1]
    if (data := t._storage.data) is not None:
        t._buf = data[t._offset : t._offset + t.shape.numel()] if t._k.contiguous else data[t._offset :]
    return t


def _copied(data: Any, x: Tensor) -> Any:
    if data is None:
        return None
    if x._k.device is CPU:
        buffer = allocate_cpu(data.size, data.dtype)
        buffer[:] = data
        return buffer
    return movement.clone(make(data, (data.size,), kind(x._k.dtype, x._k.device)))._buf


def reduce_ex(self: Tensor, protocol: Any) -> tuple:
    """``pickle``: the values, how they lie, ``requires_grad`` and what was set on the tensor; not the graph, the
    gradient or hooks."""
    wanted = self._edge is not None
    if self._k.device.type == "meta":
        made: tuple = rebuild, (self.__class__, None, self.dtype, self.device, wanted, tuple(self.shape))
    else:
        memory, strides = packed(self)
        values = as_ndarray(movement.to(memory, CPU)).copy()
        made = rebuild, (self.__class__, values, self.dtype, self.device, wanted, tuple(self.shape), strides)
    state = attributes(self)
    return (*made, state) if state else made


def rebuild(
    cls: Any,
    array: np.ndarray | None,
    d: dtype,
    where: Any,
    requires_grad: bool,
    shape: tuple | None = None,
    strides: tuple | None = None,
) -> Tensor:
    """The tensor of a pickle."""
    if array is None:
        t = creation.empty(shape, dtype=d, device=where)
    else:
        t = unpacked(
            movement.to(creation.from_ndarray(array, d), where), Size(array.shape if shape is None else shape), strides
        )
    t.__class__ = cls
    if requires_grad:
        t.requires_grad = True
    return t
