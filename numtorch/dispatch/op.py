"""What an op is: its body, its gradient, and its entry in the registry.

    @primitive()                       a scalar body: from one element of each input to one element of the result
    @op()                              a body written in other ops
    @op(view=True)                     a view: other shape and strides over the same elements
    @op(shape=True)                    a rule for shapes and types; only kernels compute the op

Each decorator returns the function that users call. It has the attributes ``.vjp``, ``.kernel``, ``.backward`` and ``.op``.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import numpy as np

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import Tensor, alias, new, placed
from numtorch.autograd.inplace import apart, copied, one_history, rebase, recorded, same_memory, snapshot, wrote
from numtorch.autograd.node import Node, Output, stale
from numtorch.dispatch import aliases, front, halves
from numtorch.dispatch.cost import nbytes, nothing, numel, operations
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.gradient import ElementwiseGradient, Gradient, described
from numtorch.dispatch.loops import Plan, Planner, remember
from numtorch.dispatch.out import prepared
from numtorch.dispatch.program import Program, broadcast
from numtorch.dispatch.text import compiled
from numtorch.dtype import float32
from numtorch.grad_mode import _Setting, mode
from numtorch.kernels import registry, timing
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen.expr import Untraceable
from numtorch.kernels.registry import Entry, Kernel, Priority, Signature
from numtorch.storage import FRESH, allocate

_MISSING = inspect.Parameter.empty

if TYPE_CHECKING:
    F = TypeVar("F", bound=Callable[..., Any])
    R = TypeVar("R")
    R_co = TypeVar("R_co", covariant=True)

    class Function(Protocol[R_co]):
        """What the decorators return: the function that users call, and what hangs on it."""

        op: Any
        backward: Attach
        loop: Callable[..., Callable[[F], F]]

        def __call__(self, *args: Any, **kwargs: Any) -> R_co: ...
        @overload
        def vjp(self, f: F) -> F: ...
        @overload
        def vjp(self, *, static: tuple = (), cost: Callable | None = None, wide: bool | None = None) -> Callable[[F], F]: ...
        def arguments(self, f: F) -> F: ...
        def kernel(self, device: str, *, dtypes: tuple | None = None, when: Callable | None = None, name: str | None = None,
                   priority: Priority = Priority.TUNED, layout: str = "launcher", functions: tuple = (),
                   cost: Callable | None = None) -> Callable[[F], F]: ...


class Op:
    """An op. Made by the decorators of this module; not called directly.

    Attributes:
        name: also the key in the registry.
        body: the meaning.
        tensors: names of the tensor inputs; ``params``: (name, default) of the others.
        gradient: the vjp, or None.
        differentiable: False for ops whose result never requires gradients (comparisons, indices).
        samples: argument tuples for the op's tests and benchmark row.
        ref: NumPy's function of the same meaning, for tests.
        out: the ``Rule`` by which a result goes into ``out=``; None if the op takes none. Elementwise ops take one, unless it is False.
        seeds: parameters that differ from call to call and say nothing about the work. No plan depends on them: a loop gets them after
            its own numbers, and the op's rule must leave them as they are.
        wide: operands of a half type that no kernel takes are widened to float32; see ``halves``.
        returns: the class of what users get where there are several results; None for a plain tuple.
        aside: parameters that only those functions read of which the op is composed for some arguments; no plan depends on them either.
        lacking: tensors without a default that may nevertheless be None.
        strided: plans depend on the strides of the operands, too.
        generates: the text of its kernel is made for a signature, by ``generated_source``.
    """

    generates = False
    elementwise = False
    generated_source: Callable[[Signature], str]

    def __init__(self, name: str, body: Callable | None, spec: Callable, *, select: tuple = (), differentiable: bool = True,
                 ref: Callable | None = None, samples: Callable | None = None, domain: tuple | None = None,
                 cost: Callable | None = None, seeds: tuple = (), public: bool = True, view: Any = False, direct: bool = False,
                 out: Any = None, wide: bool | None = None, returns: Any = None, lacking: tuple = (), aside: tuple = (),
                 strided: bool = False):
        self.name = name
        self.lacking = frozenset(lacking)
        self.strided = strided
        self.returns = returns
        self.spec = spec
        self.direct = bool(view) or direct
        self.where = view if callable(view) else None
        if self.where is not None:
            body = _view(view)
        self.out = out
        self.body = body
        self.select = tuple(s for s in select if not callable(s))
        self.features = tuple(s for s in select if callable(s))
        self.differentiable = differentiable
        self.ref, self.samples, self.domain = ref, samples, domain
        self.seeds = frozenset(seeds)
        self.varying = self.seeds | frozenset(aside)
        self.public = public
        self.backward_name = "".join(p[:1].upper() + p[1:] for p in name.split("_")) + "Backward0"
        code = spec.__code__
        self.entry = registry.register(Entry(name, body, site=f"{code.co_filename}:{code.co_firstlineno}", doc=spec.__doc__ or "",
                                             cost=nothing if view else cost))
        self.wide = body is not None and not self.direct if wide is None else wide
        if self.wide:
            self.entry.add(Kernel(name, "widened", "any", self._widened, None, Priority.GENERATED, halves.one_half, layout="widened"))
        self.gradient: Any = None  # a Gradient
        self.tensors, self.params, self.keyword_only = _parameters(spec)
        names = list(inspect.signature(spec).parameters)
        own = [*self.tensors, *[n for n, _ in self.params]]
        self.as_written = [own.index(n) for n in names]  # from the order in which kernels get arguments, tensors first, to the signature's
        self.from_written = [names.index(n) for n in own]
        if names != own and body is not None and self.body is body:
            self.body = self.entry.body = _in_order(body, self.as_written)
        self.arguments: Any = None  # the rule that makes a call's arguments canonical; see ``Function.arguments``
        self.canonical: Any = None  # the op on arguments that the rule has made so; written together with the front
        self.by_shape = False  # plans are remembered by shapes and parameters, not by kinds alone
        self.plans: dict = registry.memo()
        self.call: Any = lambda *a, **k: None  # the front, set by _publish

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def taken(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """What kernels are given: the names in order, the positions of the tensors that are always there, those of all, and those of
        the seeds."""
        optional = front.optional(self)
        every = list(range(len(self.tensors)))
        names = [*self.tensors, *[n for n, _ in self.params]]
        late = [i for i, n in enumerate(names) if n in self.seeds]
        return names, [i for i in every if self.tensors[i] not in optional], every, late

    # --- forward -----------------------------------------------------------------------------------

    def signature(self, tensors: tuple, params: tuple) -> Signature:
        """What a kernel is chosen by."""
        present = [t for t in tensors if t is not None]
        where = present[0]._k.device if present else None
        chosen = tuple((n, v) for (n, _), v in zip(self.params, params, strict=True) if n in self.select)
        chosen += tuple((f.__name__, f(*tensors, *params)) for f in self.features)
        kinds = tuple(None if t is None else t._k.dtype for t in tensors)
        return Signature(where.type if where else "cpu", kinds, chosen)

    def first(self, tensors: tuple, params: tuple) -> Any:
        """The slow path of a call: check, choose, remember, run."""
        if expr.has_expr(tensors):
            if self.body is None:
                raise Untraceable(f"{self.name} is not elementwise")
            return self.body(*tensors, *params)
        tensors = tuple(None if t is None else self._tensor(t, i) for i, t in enumerate(tensors))
        self._same_device(tensors)
        if self.by_shape:
            return self._first_by_shape(tensors, params)
        launch = self.launcher(self.signature(tensors, params))
        try:
            self.entry.memo[front.key(self, tensors, params)] = launch
        except TypeError:
            pass  # an unhashable parameter: chosen anew each time
        result = launch(*tensors, *params)
        if mode.grad and self.gradient is not None and any(t is not None and t._edge is not None for t in tensors):
            self.record(tensors, params, result)
        return result

    def _first_by_shape(self, tensors: tuple, params: tuple) -> Any:
        given, changed = params, tensors
        if self.arguments is not None:
            values = (*tensors, *params)
            asked = [values[i] for i in self.as_written]
            made = self.arguments(*asked)
            if callable(made):
                plan = Plan(None)
                plan.again = made
                with contextlib.suppress(TypeError):
                    remember(self.plans, front.key(self, tensors, given), plan)
                return made(*asked)
            canonical = tuple([made[i] for i in self.from_written])
            changed, params = canonical[: len(tensors)], canonical[len(tensors) :]
        if all(a is b for a, b in zip(changed, tensors, strict=True)):
            plan = self.plan(tensors, params)
            result = self._run(plan, tensors)
        else:
            plan = Plan(None)
            plan.again = self._again
            result = self.canonical(*changed, *params)
        with contextlib.suppress(TypeError):  # an unhashable parameter: planned anew each time
            remember(self.plans, front.key(self, tensors, given), plan)
        return result

    def _again(self, *values: Any) -> Any:
        """The op on arguments whose tensors the rule changes."""
        made = self.arguments(*values)
        return self.canonical(*[made[i] for i in self.from_written])

    def planned(self, tensors: tuple, params: tuple) -> Plan:
        """The plan for canonical arguments, remembered."""
        key = front.key(self, tensors, params)
        try:
            plan = self.plans.get(key)
        except TypeError:
            return self.plan(tensors, params)
        return plan or remember(self.plans, key, self.plan(tensors, params))

    def _run(self, plan: Plan, tensors: tuple) -> Any:
        result = plan.run(*tensors, *plan.params)
        if mode.grad and self.gradient is not None and any(t is not None and t._edge is not None for t in tensors):
            self.record(tensors, plan.params, result)
        return result if self.returns is None else self.returns(result)

    def plan(self, tensors: tuple, params: tuple) -> Plan:
        """What computes the op for such arguments: the first kernel that takes them, or the body."""
        registry.load_plugins()
        s = self.signature(tensors, params)
        if self.direct or (s.device == "meta" and self.body is not None):
            registry.decided(self.entry, s, None)
            return Plan(self.runner(None, s), params)
        for kernel in self.entry.takers(s):
            if kernel is None or kernel.layout != "loop":
                registry.decided(self.entry, s, kernel)
                wide = kernel is not None and kernel.layout == "widened" and registry.decisions is None
                return Plan(self._wide_run(tensors, params) if wide else self.runner(kernel, s), params)
            made = kernel.run.plan((*tensors, *params), {}, params)
            if made is not None:
                break
        registry.decided(self.entry, s, kernel)
        if timing.active is not None or (self.gradient is None and self.differentiable and self.body is not None):
            return Plan(self.runner(kernel, s), params, made.loop)
        return made

    def launcher(self, s: Signature) -> Callable:
        """What computes the op for a signature."""
        registry.load_plugins()
        if self.direct or (s.device == "meta" and self.body is not None):
            registry.decided(self.entry, s, None)
            return self.runner(None, s)
        return self.runner(self.entry.find(s), s)

    def runner(self, kernel: Kernel | None, s: Signature) -> Callable:
        """What runs a kernel, or the body, and records nothing of what is inside."""
        body: Any = self.body
        if self.direct:
            return body
        if kernel is not None and kernel.layout == "widened":
            return kernel.run
        if kernel is not None and self.gradient is None and self.differentiable and body is not None:
            # Without a gradient of its own the op is differentiated through its body.
            run = self.observed(kernel, s)

            def choose(*args: Any) -> Any:
                recording = mode.grad and any(isinstance(a, Tensor) and a._edge is not None for a in args)
                return body(*args) if recording else run(*args)

            return choose
        if kernel is not None:
            return self.observed(kernel, s)
        if self.gradient is None:
            return body

        def quiet(*args: Any) -> Any:
            before = mode.grad
            mode.grad = False
            try:
                return body(*args)
            finally:
                mode.grad = before

        return quiet

    def _widened(self, *values: Any) -> Any:
        """The op on operands of a half type: in float32, rounded once."""
        half: Any = halves.half_of(values)
        before = mode.grad
        mode.grad = before and self.gradient is None
        try:
            values = tuple(map(halves.widened, values))
            tensors, params = values[: len(self.tensors)], values[len(self.tensors) :]
            if self.by_shape:
                return halves.narrowed(self.planned(tensors, params).run(*values), half)
            key = front.key(self, tensors, params)
            launch = self.entry.memo.get(key)
            if launch is None:
                launch = self.entry.memo[key] = self.launcher(self.signature(tensors, params))
            return halves.narrowed(launch(*values), half)
        finally:
            mode.grad = before

    def _wide_run(self, tensors: tuple, params: tuple) -> Callable:
        """``_widened`` for operands like these, of which the half type and the plan in float32 are known."""
        half: Any = halves.half_of(tensors)
        with _Setting(grad=False):
            wide = tuple(map(halves.widened, tensors))
        plan = self.planned(wide, params)
        places = [i for i, (a, b) in enumerate(zip(tensors, wide, strict=True)) if a is not b]
        kinds = [None if t is None else t._k for t in wide]

        def run(*values: Any) -> Any:
            before = mode.grad
            mode.grad = before and self.gradient is None
            try:
                given = list(values)
                for i in places:
                    given[i] = t = engine.as_type(values[i], float32)
                    if t._k is not kinds[i]:
                        return self._widened(*values)
                return halves.narrowed(plan.run(*given), half)
            finally:
                mode.grad = before

        return run

    def observed(self, kernel: Kernel, s: Signature) -> Callable:
        """What runs a kernel; a profile that is open stands in between."""
        names = (*self.tensors, *[n for n, _ in self.params])
        return timing.launcher(kernel.run, lambda: timing.Launcher(kernel, self.entry, s, names, frozenset(self.tensors), (), self.seeds))

    def _tensor(self, value: Any, position: int) -> Tensor:
        if isinstance(value, Tensor):
            return value
        name = PUBLIC.get(self.tensors[position], self.tensors[position])
        raise TypeError(f"{self.name}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}")

    def _same_device(self, tensors: tuple) -> None:
        where = None
        for t in tensors:
            if t is None:
                continue
            if where is not None and t._k.device != where:
                raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, "
                                   f"{where} and {t._k.device}! (in {self.name}; move one with .to(...))")
            where = t._k.device

    # --- backward ----------------------------------------------------------------------------------

    def record(self, tensors: tuple, params: tuple, result: Any) -> None:
        """Attach a node to the result."""
        gradient = self.gradient
        several = isinstance(result, tuple)
        if not several and not result._k.dtype.is_floating_point:
            return  # numbers without a fractional part are in no graph
        edges = tuple([None if t is None or not isinstance(t, Tensor) else t._edge for t in tensors])
        saved = [tensors[i] for i in gradient.saves]
        if gradient.saves_out:
            saved.append(tuple(map(alias, result)) if several else alias(result))
        inputs = [described(t) for t in tensors] if gradient.wants_inputs else None
        if not several:
            result._edge = Node(self, edges, saved, params, inputs)
            return
        node = Node(self, edges, saved, params, inputs, [(y.shape, y._k) for y in result])
        for slot, y in enumerate(result):
            if y._k.dtype.is_floating_point and gradient.differentiable_outputs(slot):
                y._edge = Output(node, slot)

    def pull(self, node: Node, g: Any, create: bool) -> tuple | list:
        """Gradients of the inputs for the gradient of the output."""
        gradient = self.gradient
        needs = node.needs or tuple([e is not None for e in node.edges])
        saved = node.saved
        for t in saved:
            for s in t if type(t) is tuple else (t,):
                if isinstance(s, Tensor) and s._storage.written > node.seq:
                    raise stale(node, s)
        if create:
            if gradient.saves_out and saved[-1] is not None:
                saved = [*saved[:-1], _reattach(saved[-1], node)]
            grads = gradient.formula(g, saved, node, needs)
        else:
            grads = gradient.fast(g, saved, node, needs)
        return grads if type(grads) is tuple or type(grads) is list else (grads,)


def _reattach(saved: Any, node: Node) -> Any:
    """A saved output as the graph sees it, for gradients of gradients."""
    if isinstance(saved, Tensor):
        y = alias(saved)
        y._edge = node
        return y
    result = []
    for slot, s in enumerate(saved):
        y = alias(s)
        if y._k.dtype.is_floating_point:
            y._edge = Output(node, slot)
        result.append(y)
    return tuple(result)


def _view(where: Callable) -> Callable:
    """The body of an op that makes one view."""
    def body(x: Tensor, *params: Any) -> Tensor:
        return placed(x, where(x.shape, x._strides, *params))

    return body


def _in_order(body: Callable, order: list[int]) -> Callable:
    """``body``, called with tensors first."""
    names = [f"a{i}" for i in range(len(order))]
    text = f"def in_order({', '.join(names)}):\n    return body({', '.join(names[i] for i in order)})\n"
    return compiled("in_order", text, {"body": body})


class ElementwiseOp(Op):
    """An op with a scalar body; ``call`` is its front, ``run`` the general path."""

    elementwise = True

    def __init__(self, name: str, scalar: Callable, *, result: str = "same", keep: tuple = (), floats: bool = False,
                 counted: tuple | None = None, takes: tuple | None = None, rounded: bool = False, divisor: str = "",
                 check: Callable | None = None, fit: Callable | None = None, untracked: bool = False, whole: bool = False,
                 **rest: Any):
        super().__init__(name, None, scalar, **rest)
        self.scalar = scalar
        self.keep = frozenset(keep)
        operands = [*self.tensors, *[n for n, _ in self.params]]
        symbols = [expr.symbol(n) for n in operands]
        rule = {"same": None, "bool": lambda d: (dtypes.bool,), "counts": lambda d: (dtypes.int64 if d is dtypes.bool else d,)}[result]
        self.program = Program(name, [expr.apply(self, symbols)], operands, keep=self.keep, result=rule, floats=floats,
                               counted=frozenset(self.tensors if counted is None else counted) - self.keep, takes=takes,
                               rounded=rounded, divisor=divisor, check=check)
        self.fit: Any = fit
        self.untracked, self.whole = untracked, whole
        self.written: dict = registry.memo()  # those that overwrite the first
        self.entry.cost = self.entry.cost or self._cost
        self.entry.add(Kernel(name, "generated", "any", self._generated, None, Priority.GENERATED, layout="elementwise"))

    def _cost(self, out: Tensor, *values: Any) -> tuple[int, int]:
        """The cost of a kernel that takes the place of the generated loop."""
        return nbytes(out, *values), operations(self.program.outputs) * numel(out)

    def _generated(self, *values: Any) -> Tensor:
        return self.program(*values)[0]

    def run(self, tensors: tuple, params: tuple, out: Tensor | None = None) -> Any:
        """The general path: scalars, broadcasting, strides, ``out``, symbols."""
        if not registry.plugins_loaded:
            registry.load_plugins()
        if expr.has_expr(tensors):
            return expr.apply(self, (*tensors, *params))
        tensors = _together([t if isinstance(t, Tensor) else self._operand(t, i, tensors) for i, t in enumerate(tensors)])
        if self.fit is not None:
            tensors = self._fitted(tensors)
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
        if mode.grad and self.gradient is not None and self.differentiable and \
                any(isinstance(t, Tensor) and t._edge is not None for t in tensors):
            self.record(tensors, params, result)
        return result

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
        if isinstance(value, bool | int | float):
            if not any(isinstance(t, Tensor) for t in tensors):
                raise TypeError(f"{self.name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")
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
        saved = [tensors[i] if u or not isinstance(tensors[i], Tensor) else None for i, u in zip(gradient.saves, used, strict=False)]
        if gradient.saves_out:
            saved.append(alias(result) if used[-1] else None)
        node = Node(self, edges, saved, params, needs=needs)
        if any(isinstance(t, Tensor) and (t.shape != result.shape or t._k.dtype is not result._k.dtype) for t in tensors):
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
            elif t.__class__ is Tensor and t._k.contiguous and (t._storage is FRESH or t._storage is not x._storage):
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
        tensors = _together([x, *[t if isinstance(t, Tensor) else self._operand(t, 1, (x,)) for t in rest]])
        if self.fit is not None:
            tensors = self._fitted(tensors)
        if x._storage is not FRESH:
            tensors = apart(x, tensors, self.name)
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
            fresh._edge = Node(Flat(self), tuple([t._edge if isinstance(t, Tensor) else None for t in operands]), [], (),
                               [described(t) for t in operands])
        rebase(x, fresh._edge)
        return x

    def _remember_written(self, key: tuple, tensors: tuple, params: tuple, x: Tensor) -> None:
        plan = self.program.plan((*tensors, *params), (x,))
        if plan.inplace and x._k.device.type == "cpu" and all(type(p) in (int, float) for p in params):
            if len(self.written) > 4096:
                self.written.clear()
            self.written[key] = plan


def array_operand(value: np.ndarray, beside: Any) -> Tensor:
    """An array as an operand beside a tensor, in the type that NumPy gives both: it is what computes them where torch is given
    an array."""
    d = value.dtype
    if isinstance(beside, Tensor) and beside.dtype is not dtypes.bfloat16 and d.kind in "biuf":
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
    return tuple([engine.move(t, where) if isinstance(t, Tensor) and not t.shape and t._k.device.type == "cpu" else t for t in values])


# --- decorators -----------------------------------------------------------------------------------


def primitive(**options: Any) -> Callable[[Callable[..., Any]], Function[Tensor]]:
    """An op given by a scalar body; see ``ElementwiseOp``.

    Args:
        result: ``same`` (the promoted type), ``bool``, or ``counts`` (``same`` but for truth values, of which it is int64).
        floats: integers are computed in the default floating type.
        keep: operands that take no part in type promotion (conditions).
        takes: the types in which the formula means something; None for all.
        rounded: operands of other types become elements of the half type in which the formula computes, as where it compares.
        divisor: the operand by which integers are divided, of which none may be 0.
        check: ``check(name, operands)`` raises for operands that the op refuses, before a kernel is chosen.
        whole: mostly for integers, which alone take the front's own path: there it need not ask who wants a gradient.
        untracked: the in-place form says nothing to the graph: what it overwrites keeps its history.
        fit: ``fit(name, operands, dtype)`` gives the operands with numbers that may be beyond the integer type made to fit.
        ref, samples, domain: for the op's tests.
    """
    def wrap(fn: Callable) -> Any:
        return _publish(ElementwiseOp(options.pop("name", fn.__name__), fn, **options), fn)

    return wrap


@overload
def op(fn: Callable[..., R], *, shape: bool = False, **options: Any) -> Function[R]: ...
@overload
def op(fn: None = None, *, shape: bool = False, **options: Any) -> Callable[[Callable[..., R]], Function[R]]: ...
def op(fn: Callable | None = None, *, shape: bool = False, **options: Any) -> Any:
    """An op given by a body written in ops.

    Args:
        shape: the body is only the rule for shapes and types, run on ``meta`` tensors; kernels compute.
        view: the body only makes views. A function of the shape, the strides (None if contiguous) and the parameters may stand for it,
            which gives the geometry that ``placed`` takes; it is cached, and the op then has no body of its own.
        direct: the body launches kernels itself, without calling ops that would be recorded.
        select: what the choice of a kernel depends on beside device and types: names of parameters, and functions of all
            tensors and parameters that return something small and hashable, say a class of shapes. A function is called
            on every call: it looks its answer up. The signature holds it under the function's name.
        differentiable: False if no result ever requires a gradient.
        out: the ``Rule`` by which the result goes into ``out=``.
        wide: False where the body does nothing with half types that float32 could do better, as when it only moves elements.
        ref, samples: for the op's tests.
    """
    def wrap(f: Callable) -> Any:
        made = ShapedOp(options.pop("name", f.__name__), f, **options) if shape else \
            Op(options.pop("name", f.__name__), aliases.positional(f), f, **options)
        return _publish(made, f)

    return wrap if fn is None else wrap(fn)


class VariadicOp:
    """An op on any number of tensors, computed by ``body(tensors, *params)`` without a graph.

    ``vjp(g, inputs, *params)`` gets (shape, kind, strides, offset) of each input and gives each its gradient.
    """

    def __init__(self, name: str, body: Callable, vjp: Callable):
        self.name, self.body, self.vjp = name, body, vjp
        self.backward_name = name.capitalize() + "Backward0"
        code = body.__code__
        self.entry = registry.register(Entry(name, body, site=f"{code.co_filename}:{code.co_firstlineno}", doc=body.__doc__ or ""))

    def chosen_for(self, tensors: list) -> None:
        """Tell who watches choices that the body computes the op for these tensors."""
        registry.decided(self.entry, Signature(tensors[0]._k.device.type, tuple([t._k.dtype for t in tensors])), None)

    def __call__(self, tensors: list, *params: Any) -> Tensor:
        with _Setting(grad=False):
            y = self.body(tensors, *params)
        if mode.grad and any(t._edge is not None for t in tensors) and y._k.dtype.is_floating_point:
            y._edge = Node(self, tuple([t._edge for t in tensors]), [], params, [described(t) for t in tensors])
        return y

    def pull(self, node: Node, g: Any, create: bool) -> tuple:
        return self.vjp(g, node.inputs, *node.params)


class Flat:
    """What nodes of in-place comparisons know: a result that steps has no slope."""

    def __init__(self, op: Op):
        self.name, self.backward_name = op.name, op.backward_name

    def pull(self, node: Node, g: Any, create: bool) -> tuple:
        """Zeros for each input that wants a gradient."""
        return tuple([None if e is None else engine.zeros(meta[0], dtype=meta[1].dtype, device=meta[1].device)
                      for e, meta in zip(node.edges, node.inputs, strict=True)])


class ShapedOp(Op):
    """An op that only kernels compute; its function states shapes and types, and runs on ``meta`` tensors."""

    def __init__(self, name: str, rule: Callable, **rest: Any):
        super().__init__(name, None, rule, **rest)
        self.rule = aliases.positional(rule)

    def launcher(self, s: Signature) -> Callable:
        return self.rule if s.device == "meta" else super().launcher(s)

    def plan(self, tensors: tuple, params: tuple) -> Plan:
        on_meta = any(t is not None and t._k.device.type == "meta" for t in tensors)
        return Plan(self.rule, params) if on_meta else super().plan(tensors, params)


def _publish(o: Op, fn: Callable) -> Any:
    call: Any = front.build(o)
    call.__doc__ = fn.__doc__
    call.__module__ = fn.__module__
    o.call = call

    def vjp(f: Callable | None = None, *, static: tuple = (), cost: Callable | None = None, wide: bool | None = None) -> Callable:
        if f is None:
            return lambda g: vjp(g, static=static, cost=cost, wide=wide)
        o.gradient = (ElementwiseGradient if isinstance(o, ElementwiseOp) else Gradient)(o, f)
        o.gradient.entry.cost = cost
        if o.wide if wide is None else wide:
            o.gradient.widen()
        o.gradient.static = frozenset(o.tensors.index(n) for n in static)
        call.backward = Attach(o.gradient.entry, o.gradient)
        registry.clear_memos()
        return f

    def arguments(f: Callable) -> Callable:
        """Make ``f`` the rule for the op's arguments: it checks them and gives them, all in their order, as body, vjp and kernels want
        them. It runs once for each set of kinds, shapes and parameters; it reads no elements, and leaves canonical arguments alone.
        A tensor that it changes, as by a cast, is seen by the graph. Where the op is composed of others, it returns the function that
        does so, which takes the same arguments."""
        o.arguments, o.by_shape = f, True
        return f

    call.op = o
    call.vjp = vjp
    call.arguments = arguments
    call.kernel, call.loop = (attached := Attach(o.entry, o)).kernel, attached.loop
    OPS[o.name] = o
    return call


OPS: dict[str, Op] = {}


class Attach:
    """``@softmax.kernel("cpu", ...)`` and ``@softmax.backward.kernel("cpu", ...)``."""

    def __init__(self, entry: Entry, owner: Any):
        self.entry, self.owner = entry, owner

    def loop(self, device: str, *, dtypes: tuple | None = None, when: Callable | None = None, name: str | None = None,
             priority: Priority = Priority.TUNED, cost: Callable | None = None) -> Callable:
        """Register a kernel that is planned: a function of the op's tensors and parameters that returns a ``Loop``, or None for what
        it does not take; see ``loops``. For a backward kernel it is a function of what the vjp takes."""
        def wrap(f: Callable) -> Callable:
            planner = Planner(f, self.entry.name, *self.owner.taken())
            self.owner.by_shape = True
            front.rewrite(self.owner)
            self.entry.add(Kernel(self.entry.name, name or f.__name__, device, planner, dtypes, priority, when, "loop", planner.planned,
                                  cost))
            return f

        return wrap

    def kernel(self, device: str, *, dtypes: tuple | None = None, when: Callable | None = None, name: str | None = None,
               priority: Priority = Priority.TUNED, layout: str = "launcher", functions: tuple = (),
               cost: Callable | None = None) -> Callable:
        """Register a kernel: a function of the op's tensors and parameters that returns the result.

        With ``layout="rows"`` the function is the loop itself, ``rows(x, out, cols)`` on flat arrays whose rows are the op's ``dim``;
        parameters that it names after ``cols`` follow. See ``layouts``. ``cost`` is for a kernel that computes less than the op's own
        ``cost`` says.
        """
        def wrap(f: Callable) -> Callable:
            from numtorch.dispatch import layouts

            run, used = layouts.adapt(self.entry, self.owner.taken()[0], f, layout, device) if layout != "launcher" else (f, functions)
            kernel = Kernel(self.entry.name, name or f.__name__, device, run, dtypes, priority, when, layout, used, cost)
            self.entry.add(kernel)
            return f

        return wrap


def _parameters(fn: Callable) -> tuple[list[str], list[tuple[str, Any]], int]:
    """Names of the tensor inputs (unannotated), (name, default) of the parameters, count of keyword-only ones."""
    tensors, params, keyword = [], [], 0
    for p in inspect.signature(fn).parameters.values():
        if p.annotation is _MISSING:
            tensors.append(p.name)
        else:
            params.append((p.name, p.default))
            keyword += p.kind is p.KEYWORD_ONLY
    return tensors, params, keyword
