"""Ops on a list of tensors, as ``cat``: the list is one argument of the op's body, of its rule and of its kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import _sparse
from numtorch._tensor import Tensor
from numtorch.arguments import no_tensor
from numtorch.autograd import batched
from numtorch.autograd.node import Node
from numtorch.dispatch import front
from numtorch.dispatch.gradient import described
from numtorch.dispatch.structured import Op
from numtorch.grad_mode import mode
from numtorch.kernels.registry import Signature


class ListOp(Op):
    """An op whose only operand is a list of tensors.

    The vjp finds what is asked of an operand once for each tensor: ``tensors_shape`` is a tuple of shapes. It gives a
    gradient for each of them. Kernels are planned for all their kinds and shapes.
    """

    listed = True

    def __init__(self, name: str, body: Callable, spec: Callable, **options: Any):
        super().__init__(name, body, spec, wide=False, **options)
        self.by_shape = True

    def tail(self, x: str, params: list[str]) -> str:
        """What the front does after the checks. Where all are of one kind and shape, their number stands for them.

        For ``cat`` it reads:

            try:
                _k, _shape = tensors[0]._k, tensors[0].shape
                for _x in tensors:
                    if _x._k is not _k or _x.shape != _shape:
                        _plan = _memo[(*[(_x._k, _x.shape) for _x in tensors], dim)]
                        break
                else:
                    _plan = _memo[(len(tensors), _k, _shape, dim)]
            except (KeyError, AttributeError, TypeError, IndexError):
                _plan = None
            if _plan is None:
                return _first((tensors,), (dim,))
            ...
        """
        more = "".join(f", {n}" for n in params)
        ran = front.run_lines("_plan", [x], [x], "*_plan.params" if params else "", [], f"{x}{more}")
        ran = ran.replace(f"({x}._buf, ", f"(tuple([_x._buf for _x in {x}]), ")
        return f"""    try:
        _k, _shape = {x}[0]._k, {x}[0].shape
        for _x in {x}:
            if _x._k is not _k or _x.shape != _shape:
                _plan = _memo[(*[(_x._k, _x.shape) for _x in {x}]{more})]
                break
        else:
            _plan = _memo[(len({x}), _k, _shape{more})]
    except (KeyError, AttributeError, TypeError, IndexError):
        _plan = None
    if _plan is None:
        return _first(({x},), ({"".join(f"{n}, " for n in params)}))
{ran}    if _mode.grad:
        for _x in {x}:
            if _x._edge is not None:
                _op.record(({x},), _plan.params, _out)
                break
    return _out
"""

    def signature(self, tensors: tuple, params: tuple) -> Signature:
        (listed,) = tensors
        return Signature(listed[0]._k.device.type, tuple(dict.fromkeys([t._k.dtype for t in listed])), ())

    def first(self, tensors: tuple, params: tuple) -> Any:
        (listed,) = tensors
        for i, t in enumerate(listed):
            if not isinstance(t, Tensor):
                raise no_tensor(self.name, i, t)
        if mode.levels and batched.innermost(*listed) is not None:
            return batched.apply(self, tensors, params)
        if _sparse.state.used and _sparse.any_of(listed):
            return _sparse.answer(self, tensors, params, None)
        self._same_device(tuple(listed))
        return self._first_by_shape(tensors, params)

    def tracked(self, tensors: tuple) -> bool:
        return any(t._edge is not None for t in tensors[0])

    def record(self, tensors: tuple, params: tuple, result: Any) -> None:
        (listed,) = tensors
        if result._k.dtype.differentiable:
            inputs = [tuple(zip(*map(described, listed), strict=True))]
            result._edge = Node(self, tuple([t._edge for t in listed]), [], params, inputs)
