"""Elementwise ops: a scalar body, its generated loops, results written into operands or ``out=``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import _sparse, engine
from numtorch._tensor import Tensor, alias, new
from numtorch.autograd import batched
from numtorch.autograd.inplace import (
    copied,
    one_history,
    rebase,
    recorded,
    same_memory,
    snapshot,
    without_overlaps,
    wrote,
)
from numtorch.autograd.node import Node, stale
from numtorch.dispatch import front
from numtorch.dispatch.cost import nbytes, numel, operations
from numtorch.dispatch.gradient import described
from numtorch.dispatch.out import prepared
from numtorch.dispatch.program import Program, broadcast
from numtorch.dispatch.structured import Op
from numtorch.grad_mode import mode
from numtorch.kernels import registry
from numtorch.kernels.codegen import expr
from numtorch.kernels.registry import Kernel, Priority
from numtorch.storage import UNSHARED, allocate


class ElementwiseOp(Op):
    """An op with a scalar body; ``call`` is its front, ``run`` the general path."""

    elementwise = True

    def __init__(
        self,
        name: str,
        scalar: Callable,
        *,
        result: str = "same",
        keep: tuple = (),
        floats: bool = False,
        counted: tuple | None = None,
        takes: tuple | None = None,
        rounded: bool | tuple[str, ...] = False,
        divisor: str = "",
        check: Callable | None = None,
        fit: Callable | None = None,
        untracked: bool = False,
        whole: bool = False,
        **rest: Any,
    ):
        super().__init__(name, None, scalar, **rest)
        self.scalar = scalar
        self.keep = frozenset(keep)
        operands = [*self.tensors, *[n for n, _ in self.params]]
        symbols = [expr.symbol(n) for n in operands]
        rule = {
            "same": None,
            "bool": lambda d: (dtypes.bool,),
            "counts": lambda d: (dtypes.int64 if d is dtypes.bool else d,),
            "real": lambda d: (d.to_real(),),
            "complex": lambda d: (d.to_complex(),),
        }[result]
        self.program = Program(
            name,
            [expr.apply(self, symbols)],
            operands,
            keep=self.keep,
            result=rule,
            floats=floats,
            counted=frozenset(self.tensors if counted is None else counted) - self.keep,
            takes=dtypes.REAL if takes is None else takes,
            rounded=rounded,
            divisor=divisor,
            check=check,
        )
        self.fit: Any = fit
        self.untracked, self.whole = untracked, whole
        self.unsigned: Callable | None = None
        self.written: dict = registry.memo()  # those that overwrite the first
        self.entry.cost = self.entry.cost or self._cost
        self.entry.add(
            Kernel(name, "generated", "any", self._generated, None, Priority.GENERATED, layout="elementwise")
        )

    def _cost(self, out: Tensor, *values: Any) -> tuple[int, int]:
        """The cost of a kernel that takes the place of the generated loop."""
        return nbytes(out, *values), operations(self.program.outputs) * numel(out)

    def generated(self, args: tuple, named: dict[str, Any]) -> str:
        tensors, params = self.bound(args, named)
        jit = self.program.plan((*tensors, *params), None).jit
        return jit.source if jit is not None else "(nothing to compute)"

    def for_unsigned(self, fn: Callable) -> Callable:
        """Decorates what computes uint16, uint32 and uint64 where no kernel does: from the same bits as int64, to
        int64, of which as many bits as the type has are kept."""
        self.unsigned = fn
        return fn

    def _of_unsigned(self, tensors: tuple, params: tuple) -> Tensor:
        """The result of ``for_unsigned``, in the type of the op."""
        d = self.program.compute_type((*tensors, *params))
        where = next(t._k.device for t in tensors if isinstance(t, Tensor))
        bits = [
            t.to(dtypes.int64)
            if isinstance(t, Tensor)
            else engine.from_ndarray(np.array(int(t) % (1 << 64), np.uint64).view(np.int64)).to(where)
            for t in tensors
        ]
        assert self.unsigned is not None
        return self.unsigned(*bits).to(d)

    def _is_unsigned(self, tensors: tuple, params: tuple) -> bool:
        """Whether ``for_unsigned`` is what computes these operands."""
        return any(isinstance(t, Tensor) and t._k.dtype in dtypes.UNSIGNED for t in tensors) and (
            self.program.compute_type((*tensors, *params)) in dtypes.UNSIGNED
        )

    def _generated(self, *values: Any) -> Tensor:
        return self.program(*values)[0]

    def run(self, tensors: tuple, params: tuple, out: Tensor | None = None) -> Any:
        """The general path: scalars, broadcasting, strides, ``out``, symbols."""
        result = None if params or out is not None else self._again(tensors)
        if result is not None:
            return result
        if not registry.plugins_loaded:
            registry.load_plugins()
        if expr.has_expr(tensors):
            return expr.apply(self, (*tensors, *params))
        if mode.levels and batched.innermost(*tensors, out) is not None:
            return batched.apply(self, tensors, params, out)
        if _sparse.state.used and _sparse.any_of((*tensors, out)):
            return _sparse.answer(self, tensors, params, out)
        tensors = _together(
            [t if isinstance(t, Tensor) else self._operand(t, i, tensors) for i, t in enumerate(tensors)]
        )
        if self.fit is not None:
            tensors = self._fitted(tensors)
        if self.unsigned is not None and self._is_unsigned(tensors, params):
            result = self._of_unsigned(tensors, params)
            return result if out is None else out.copy_(result)
        kernel = None
        if len(self.entry.kernels) > 1 or registry.decisions is not None:
            s = self.signature(tuple(t if isinstance(t, Tensor) else None for t in tensors), params)
            kernel = self.entry.find(s)
        if out is not None:
            return self._written_into(out, tensors, params)
        if kernel is not None and kernel.layout != "elementwise":
            run = self.entry.memo.get(s)
            if run is None:
                run = self.entry.memo[s] = self.observed(kernel, s)
            result = run(*tensors, *params)
        else:
            (result,) = self.program(*tensors, *params)
            front.remember(self, tensors, params, result)
        if (
            mode.grad
            and self.gradient is not None
            and self.differentiable
            and any(isinstance(t, Tensor) and t._edge is not None for t in tensors)
        ):
            self.record(tensors, params, result)
        return result

    def _again(self, tensors: tuple) -> Tensor | None:
        """The result for operands of kinds, shapes and strides that the generated kernel has seen; None for others.

        The front remembers contiguous operands alone, and slices are often not: what the general path asks of each call
        takes twice as long as this.
        """
        if self.unsigned is not None or registry.decisions is not None or len(self.entry.kernels) > 1:
            return None
        key: list = []
        for t in tensors:
            if t.__class__ is Tensor:
                key.append(t._k)
                key.append(t.shape)
                if not t._k.contiguous:
                    key.append(t._strides)
            elif t.__class__ is float or (t.__class__ is int and self.fit is None):
                key.append(t.__class__)
            else:
                return None
        plan = self.program.plans.get(tuple(key))
        if plan is None or plan.entry is None:
            return None
        (k,) = plan.kinds
        y = new(Tensor)
        y.shape, y._k, y._buf = plan.shape, k, allocate(plan.numel, k.dtype, k.device)
        try:
            plan.entry(*[t._buf if t.__class__ is Tensor else t for t in tensors], y._buf, *plan.geometry)
        except (RuntimeError, TypeError, OverflowError):
            return None  # the general path says what is wrong
        if mode.grad and self.gradient is not None and self.differentiable:
            for t in tensors:
                if t.__class__ is Tensor and t._edge is not None:
                    self.record(tensors, (), y)
                    break
        return y

    def _written_into(self, out: Any, tensors: tuple, params: tuple) -> Tensor:
        shape = broadcast(self.name, [t.shape for t in tensors if isinstance(t, Tensor)])
        tensors = prepared(out, self.name, shape, tensors, self.differentiable and self.gradient is not None)
        self.program(*tensors, *params, outs=(out,))
        wrote(out)
        front.remember(self, tensors, params, out)
        return out

    def _fitted(self, tensors: tuple) -> tuple:
        """The operands with numbers that the integer type of the result can hold."""
        if not any(type(t) is int for t in tensors):
            return tensors
        d = self.program.compute_type((*tensors, *[0] * len(self.params)))
        return self.fit(self.name, tensors, d) if d in front.NARROW else tensors

    def _operand(self, value: Any, position: int, tensors: tuple) -> Any:
        if isinstance(value, bool | int | float | complex):
            if not any(isinstance(t, Tensor) for t in tensors):
                raise TypeError(
                    f"{self.name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}"
                )
            return value
        item = getattr(value, "item", None)
        if item is not None and getattr(value, "ndim", None) == 0:  # a NumPy scalar or 0-dim array
            return self._operand(item(), position, tensors)
        if position and isinstance(value, np.ndarray):
            return array_operand(value, tensors[0])
        return self._tensor(value, position)

    def record(self, tensors: tuple, params: tuple, result: Any) -> None:
        """Attach a node that keeps only what the gradient will read."""
        gradient = self.gradient
        edges = tuple([t._edge if isinstance(t, Tensor) else None for t in tensors])
        needs = tuple([e is not None for e in edges])
        used = gradient.used(needs)
        saved = [
            tensors[i] if u or not isinstance(tensors[i], Tensor) else None
            for i, u in zip(gradient.saves, used, strict=False)
        ]
        if gradient.saves_out:
            saved.append(alias(result) if used[-1] else None)
        node = Node(self, edges, saved, params, needs=needs)
        if any(
            isinstance(t, Tensor) and (t.shape != result.shape or t._k.dtype is not result._k.dtype) for t in tensors
        ):
            node.inputs = [described(t) for t in tensors]
        result._edge = node

    def pull(self, node: Node, g: Any, create: bool) -> tuple | list:
        """Gradients of the inputs: straight from the kernel where this node's like has been seen before."""
        if create or node.inputs is not None or node.params:
            return super().pull(node, g, create)
        k, shape, seq = g._k, g.shape, node.seq
        key: list = [node.needs, k, shape]
        if not k.contiguous:
            key.append(g._strides)
        values = [g]
        for s in node.saved:
            values.append(s)
            if isinstance(s, Tensor):
                storage = s._storage
                if storage.written > seq:
                    raise stale(node, s)
                key.append(s._k)
                if s.shape is not shape:
                    key.append(s.shape)
                if not s._k.contiguous:
                    key.append(s._strides)
            else:
                key.append(s.__class__)
        ready = self.gradient.ready.get(tuple(key))
        if ready is None:
            ready = self.gradient.prepare(tuple(key), node, values)
            if ready is None:
                return super().pull(node, g, create)
        entry, positions, geometry, numel, kinds, shape, places = ready
        grads: list = [None] * len(node.edges)
        made = []
        if entry is not None:
            args: list = []
            for i in positions:
                v = values[i]
                args.append(v._buf if isinstance(v, Tensor) else v)
            for kind in kinds:
                y = new(Tensor)
                y.shape = shape
                y._buf = buf = allocate(numel, kind.dtype, kind.device)
                y._k = kind
                made.append(y)
                args.append(buf)
            entry(*args, *geometry)
        for i, place in places:
            grads[i] = g if place < 0 else made[place]
        return grads

    def inplace(self, x: Tensor, rest: tuple, params: tuple) -> Tensor:
        """``x`` overwritten with the result; the graph then says what x is now."""
        key: list = [x._k, x.shape]
        # Nothing is recorded, and no operand lies elsewhere in x's memory.
        plain = not mode.grad or (x._edge is None and ((base := x._base) is None or base._edge is None))
        for t in rest:
            if t.__class__ is float or t.__class__ is int:
                key.append(t.__class__)
            elif t.__class__ is Tensor and t._k.contiguous and (t._storage is UNSHARED or t._storage is not x._storage):
                key.append((t._k, t.shape))
                plain = plain and (not mode.grad or t._edge is None)
            else:
                plain = False
        plan = self.written.get(tuple(key)) if plain else None
        if plan is not None:
            try:
                plan.entry(x._buf, *[t._buf if t.__class__ is Tensor else t for t in rest], *params, *plan.geometry)
            except (TypeError, OverflowError):
                front.unfit(self.name, (*rest, *params))
            finally:
                wrote(x)
            return x
        if mode.levels and batched.innermost(x, *rest) is not None:
            return batched.overwrite(self, x, rest, params)
        if _sparse.state.used and _sparse.any_of((x, *rest)):
            return _sparse.answer(self, (x, *rest), params, x)
        tensors = _together([x, *[t if isinstance(t, Tensor) else self._operand(t, 1, (x,)) for t in rest]])
        if self.fit is not None:
            tensors = self._fitted(tensors)
        if self.unsigned is not None and self._is_unsigned(tensors, params):
            return x.copy_(self._of_unsigned(tensors, params))
        if x._storage is not UNSHARED:
            tensors = without_overlaps(x, tensors, self.name)
        if self.untracked or not recorded(x, self.name, *tensors):
            self.program(*tensors, *params, outs=(x,))
            wrote(x)
            if plain and x._k.contiguous and not (self.fit is not None and x._k.dtype in front.NARROW):
                self._remember_written(tuple(key), tensors, params, x)
            return x
        if not x._k.contiguous:
            one_history(x, self.name)
        operands: list = [snapshot(x), *tensors[1:]]
        gradient = self.gradient
        if gradient is not None:  # what the gradient reads of x must be kept from before the write
            used = gradient.used(tuple([isinstance(t, Tensor) and t._edge is not None for t in operands]))
            for i, u in zip(gradient.saves, used, strict=False):
                if u and isinstance(operands[i], Tensor) and same_memory(operands[i], x):
                    operands[i] = copied(operands[i])
        self.program(*tensors, *params, outs=(x,))
        wrote(x)
        fresh = alias(x)
        if gradient is not None:
            self.record(tuple(operands), params, fresh)
        else:
            fresh._edge = Node(
                Flat(self),
                tuple([t._edge if isinstance(t, Tensor) else None for t in operands]),
                [],
                (),
                [described(t) for t in operands],
            )
        rebase(x, fresh._edge)
        return x

    def _remember_written(self, key: tuple, tensors: tuple, params: tuple, x: Tensor) -> None:
        plan = self.program.plan((*tensors, *params), (x,))
        if plan.inplace and x._k.device.type == "cpu" and all(type(p) in (int, float) for p in params):
            if len(self.written) > 4096:
                self.written.clear()
            self.written[key] = plan


def array_operand(value: np.ndarray, beside: Any) -> Tensor:
    """An array as an operand beside a tensor, in the type that NumPy gives both: it is what computes them where torch
    is given an array."""
    d = value.dtype
    if isinstance(beside, Tensor) and beside.dtype is not dtypes.bfloat16 and d.kind in "biufc":
        d = np.result_type(np.dtype(beside.dtype.name), d)
    dtypes.from_numpy_dtype(d)  # TypeError for one that tensors do not have
    made = engine.from_ndarray(np.ascontiguousarray(value, d))
    return made if not isinstance(beside, Tensor) or beside.device == made.device else made.to(beside.device)


def _together(values: list) -> tuple:
    """Operands with 0-dim CPU tensors brought to the device of the others, where they count as numbers."""
    where = None
    for t in values:
        if isinstance(t, Tensor):
            if where is None:
                where = t._k.device
            elif t._k.device is not where:
                break
    else:
        return tuple(values)
    tensors = [t for t in values if isinstance(t, Tensor)]
    where = next((t._k.device for t in tensors if t.shape or t._k.device.type != "cpu"), where)
    return tuple(
        [
            engine.move(t, where) if isinstance(t, Tensor) and not t.shape and t._k.device.type == "cpu" else t
            for t in values
        ]
    )


class Flat:
    """What nodes of in-place comparisons know: a result that steps has no slope."""

    def __init__(self, op: Op):
        self.name, self.backward_name = op.name, op.backward_name

    def pull(self, node: Node, g: Any, create: bool) -> tuple:
        """Zeros for each input that wants a gradient."""
        return tuple(
            [
                None if e is None else engine.zeros(meta[0], dtype=meta[1].dtype, device=meta[1].device)
                for e, meta in zip(node.edges, node.inputs, strict=True)
            ]
        )
