"""The methods of tensors of one sample that are no ops: what asks for elements is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch.autograd.batched import Batched, batched
from numtorch.ops.indexing.keys import _plain, basic, getitem


def _refused(what: str, instead: str) -> Callable:
    def method(self: Batched, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"vmap: {what} of a tensor of one sample is not possible: each sample would have another one. {instead}"
        )

    return method


_CONTROL = "Write data-dependent control flow with torch.where."
Batched.item = _refused(".item()", "Leave the element in a tensor.")  # type: ignore[method-assign]
Batched.tolist = _refused(".tolist()", "Leave the elements in a tensor.")  # type: ignore[method-assign]
Batched.numpy = _refused(".numpy()", "Convert what vmap returns.")  # type: ignore[method-assign]
Batched.__bool__ = _refused("the truth value", _CONTROL)  # type: ignore[method-assign]
for _name in ("__int__", "__float__", "__index__", "__complex__"):
    setattr(Batched, _name, _refused("the number", _CONTROL))
Batched.backward = _refused(".backward()", "torch.func.grad and torch.func.vjp differentiate.")  # type: ignore[method-assign]


def _method(f: Callable) -> Callable:
    setattr(Batched, f.__name__, f)
    return f


@_method
def detach(self: Batched) -> Any:
    return batched(self.value.detach(), self.level)


Batched.data = property(detach)  # type: ignore[assignment]


@_method
def requires_grad_(self: Batched, requires_grad: bool = True) -> Any:
    self.value.requires_grad_(requires_grad)
    return self


@_method
def is_contiguous(self: Batched, memory_format: Any = None) -> bool:
    return self.value.select(0, 0).is_contiguous() if self.level.size else True


def _new(name: str) -> None:
    def method(self: Batched, *args: Any, **kwargs: Any) -> Any:
        plain = torch.empty(0, dtype=self.dtype, device=self.device)
        return _repeated(self, getattr(plain, name)(*args, **kwargs))

    method.__name__ = name
    setattr(Batched, name, method)


def _repeated(like: Batched, one: Any) -> Any:
    """A tensor for each sample, which can be written to."""
    value = like.value
    inner = _repeated(value, one) if value.__class__ is Batched else one
    return batched(inner.unsqueeze(0).expand(like.level.size, *inner.shape).clone(), like.level)


for _name in ("new_zeros", "new_ones", "new_full", "new_empty"):
    _new(_name)


@_method
def __getitem__(self: Batched, key: Any) -> Any:
    items = _plain(key)
    if items is not None:
        return basic(self, items)
    keys = list(key) if key.__class__ is tuple else [key]
    scalars = [i for i, k in enumerate(keys) if isinstance(k, Batched) and not k.ndim and not k.dtype.differentiable]
    if not scalars:
        return getitem(self, key)
    if any(isinstance(k, torch.Tensor | list) and i not in scalars for i, k in enumerate(keys)):
        return getitem(self, tuple([k.unsqueeze(0) if i in scalars else k for i, k in enumerate(keys)]))
    # A position that is another one in each sample takes its dimension away, as an integer does.
    x: Any = self
    before = sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (self.ndim - before)
    dim = 0
    rest: list = []
    for k in keys:
        if isinstance(k, Batched) and not k.ndim:
            x = x.index_select(dim, torch.where(k < 0, k + x.shape[dim], k).reshape(1)).squeeze(dim)
        else:
            rest.append(k)
            dim += k is not None
    return x[tuple(rest)] if rest else x


@_method
def __repr__(self: Batched, *, tensor_contents: Any = None) -> str:
    inside = repr(self.value).replace("\n", "\n    ")
    return f"BatchedTensor(lvl={self.level.depth}, bdim=0, value=\n    {inside}\n)"
