"""What an op does when it is called: it finds its kernel, remembers the choice, and adds its node to the graph."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

from numtorch import _sparse, engine
from numtorch._tensor import Tensor, alias, placed
from numtorch.autograd import batched
from numtorch.autograd.node import Node, Output, stale
from numtorch.device import CPU
from numtorch.dispatch import aliases, binding, front, halves
from numtorch.dispatch.cost import nothing
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.gradient import described
from numtorch.dispatch.loops import Plan, remember
from numtorch.dispatch.text import compiled
from numtorch.dtype import float32
from numtorch.grad_mode import _Setting, mode
from numtorch.kernels import registry, timing
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen.expr import Untraceable
from numtorch.kernels.registry import Entry, Kernel, Priority, Signature

_MISSING = inspect.Parameter.empty


class Op:
    """An op. Made by the decorators of ``op``; not called directly.

    Attributes:
        name: also the key in the registry.
        body: the meaning.
        tensors: names of the tensor inputs; ``params``: (name, default) of the others.
        gradient: the vjp, or None.
        differentiable: False for ops whose result never requires gradients (comparisons, indices).
        samples: argument tuples for the op's tests and benchmark row.
        ref: NumPy's function of the same meaning, for tests.
        torch: torch's function of the same meaning, for tests, where it has not the op's name: its path, or a function
            of the module and the tensors.
        domain: between which numbers the tests choose random elements.
        given: tensors that the gradient takes for constants, as statistics of earlier batches.
        out: the ``Rule`` by which a result goes into ``out=``; None if the op takes none. Elementwise ops take one,
            unless it is False.
        seeds: parameters that differ from call to call and say nothing about the work. No plan depends on them: a loop
            gets them after its own numbers, and the op's rule must leave them as they are.
        wide: operands of a half type that no kernel takes are widened to float32; see ``halves``.
        returns: the class of what users get where there are several results; None for a plain tuple.
        aside: parameters that only those functions read of which the op is composed for some arguments; no plan depends
            on them either.
        lacking: tensors without a default that may nevertheless be None.
        strided: plans depend on the strides of the operands, too.
        fold: the ``Reduction`` that the op is in a row formula; see ``rows``.
        rows: the op is a row formula: the parameter that names the dimensions of a row; see ``rows``.
        kept: how many of the results, the last ones, are made for the gradient alone: no graph goes through them.
    """

    elementwise = False
    listed = False  # see ``lists``

    def __init__(
        self,
        name: str,
        body: Callable | None,
        spec: Callable,
        *,
        select: tuple = (),
        differentiable: bool = True,
        ref: Callable | None = None,
        torch: str | Callable | None = None,
        samples: Callable | None = None,
        domain: tuple | None = None,
        given: tuple = (),
        cost: Callable | None = None,
        seeds: tuple = (),
        public: bool = True,
        view: Any = False,
        direct: bool = False,
        out: Any = None,
        wide: bool | None = None,
        returns: Any = None,
        lacking: tuple = (),
        aside: tuple = (),
        strided: bool = False,
        fold: Any = None,
        rows: Any = None,
        kept: int = 0,
        part: bool = False,
    ):
        self.name = name
        self.fold, self.rows, self.kept = fold, rows, kept
        self.lacking = frozenset(lacking)
        self.strided = strided
        self.returns = returns
        self.spec = spec
        self.view = bool(view)
        self.part = part
        self.direct = self.view or direct
        self.where = view if callable(view) else None
        if self.where is not None:
            body = _view(view)
        self.out = out
        self.body = body
        self.select = tuple(s for s in select if not callable(s))
        self.features = tuple(s for s in select if callable(s))
        self.differentiable = differentiable
        self.ref, self.torch, self.samples, self.domain, self.given = ref, torch, samples, domain, given
        self.seeds = frozenset(seeds)
        self.varying = self.seeds | frozenset(aside)
        self.public = public
        self.backward_name = "".join(p[:1].upper() + p[1:] for p in name.split("_")) + "Backward0"
        code = spec.__code__
        self.entry = registry.register(
            Entry(
                name,
                body,
                site=f"{code.co_filename}:{code.co_firstlineno}",
                doc=spec.__doc__ or "",
                cost=nothing if view else cost,
                op=self,
            )
        )
        self.wide = body is not None and not self.direct if wide is None else wide
        if self.wide:
            self.entry.add(
                Kernel(
                    name, "widened", "any", self._widened, None, Priority.GENERATED, halves.one_half, layout="widened"
                )
            )
        self.gradient: Any = None  # a Gradient
        names, self.tensors, self.params, self.keyword_only = _parameters(spec)
        own = [*self.tensors, *[n for n, _ in self.params]]
        # from the order in which kernels get arguments, tensors first, to the signature's
        self.as_written = [own.index(n) for n in names]
        self.from_written = [names.index(n) for n in own]
        if names != own and body is not None and self.body is body:
            self.body = self.entry.body = _in_order(body, self.as_written)
        self.arguments: Any = None  # the rule that makes a call's arguments canonical; see ``Function.arguments``
        self.canonical: Any = None  # the op on arguments that the rule has made so; written together with the front
        self.by_shape = False  # plans are remembered by shapes and parameters, not by kinds alone
        self.plans: dict = registry.memo()
        self.call: Any = lambda *a, **k: None  # the front, set by op.publish

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def taken(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """What kernels are given: the names in order, the positions of the tensors that are always there, those of all,
        and those of the seeds."""
        optional = binding.optional(self)
        every = list(range(len(self.tensors)))
        names = [*self.tensors, *[n for n, _ in self.params]]
        late = [i for i, n in enumerate(names) if n in self.seeds]
        return names, [i for i in every if self.tensors[i] not in optional], every, late

    def bound(self, args: tuple, named: dict[str, Any]) -> tuple[tuple, tuple]:
        """The tensors and the parameters of a call."""
        own = {other: name for name, other in aliases.OTHER.items()}
        bound = inspect.signature(front.write(self)).bind(*args, **{own.get(n, n): v for n, v in named.items()})
        bound.apply_defaults()
        values = bound.arguments
        return tuple([values[PUBLIC.get(n, n)] for n in self.tensors]), tuple([values[n] for n, _ in self.params])

    def generated(self, args: tuple, named: dict[str, Any]) -> str | None:
        """The text of the kernel that is generated for such a call; None where none is."""
        if self.rows is None:
            return None
        made = self.ruled(*self.bound(args, named))
        if callable(made):
            return None
        loop = self.planned(*made).loop
        return None if loop is None else getattr(loop.function, "source", None)

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
            if self.fold is not None:
                return expr.folded(self.fold, *tensors, *params)
            if self.body is None:
                raise Untraceable(f"{self.name} is not elementwise")
            return self.body(*tensors, *params)
        if mode.levels and batched.innermost(*tensors) is not None:
            return batched.apply(self, tensors, params)
        if _sparse.state.used and _sparse.any_of(tensors):
            return _sparse.answer(self, tensors, params, None)
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
        if mode.grad and self.gradient is not None and self.tracked(tensors):
            self.record(tensors, params, result)
        return result

    def _first_by_shape(self, tensors: tuple, params: tuple) -> Any:
        given, made = params, self.ruled(tensors, params)
        if callable(made):
            plan = Plan(None)
            plan.again = made
            with contextlib.suppress(TypeError):
                remember(self.plans, front.key(self, tensors, given), plan)
            values = (*tensors, *params)
            return made(*[values[i] for i in self.as_written])
        changed, params = made
        if all(a is b for a, b in zip(changed, tensors, strict=True)):
            plan = self.planned(tensors, params)
            result = self._run(plan, tensors)
        else:
            plan = Plan(None)
            plan.again = self._again
            result = self.canonical(*changed, *params)
        with contextlib.suppress(TypeError):  # an unhashable parameter: planned anew each time
            remember(self.plans, front.key(self, tensors, given), plan)
        return result

    def ruled(self, tensors: tuple, params: tuple) -> Any:
        """The tensors and the parameters as the op's rule leaves them; or the function that it gives instead."""
        if self.arguments is None:
            return tensors, params
        values = (*tensors, *params)
        made = self.arguments(*[values[i] for i in self.as_written])
        if callable(made):
            return made
        canonical = tuple([made[i] for i in self.from_written])
        return canonical[: len(tensors)], canonical[len(tensors) :]

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
        if mode.grad and self.gradient is not None and self.tracked(tensors):
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
        if timing.active is not None:
            return Plan(self.runner(kernel, s), params, made.loop)
        if self.gradient is None and self.differentiable and self.body is not None:
            return Plan(self._unless_recorded(made.run), params, made.loop)
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
        if kernel is not None:
            run = self.observed(kernel, s)
            through_body = self.gradient is None and self.differentiable and body is not None
            return self._unless_recorded(run) if through_body else run
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

    def _unless_recorded(self, run: Callable) -> Callable:
        """``run``, or the body where a graph is recorded: without a gradient of its own, the op is differentiated
        through it."""
        body: Any = self.body

        def choose(*args: Any) -> Any:
            recording = mode.grad and any(isinstance(a, Tensor) and a._edge is not None for a in args)
            return body(*args) if recording else run(*args)

        return choose

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

    def on_cpu(self) -> None:
        """Have operands on CUDA computed by the kernels of the CPU: a kernel that moves them there, and the results
        back."""

        def run(*values: Any) -> Any:
            where = next(v._k.device for v in values if isinstance(v, Tensor))
            here = [engine.move(alias(v), CPU) if isinstance(v, Tensor) else v for v in values]
            with _Setting(grad=False):
                y = self.planned(tuple(here[: len(self.tensors)]), tuple(here[len(self.tensors) :])).run(*here)
            return tuple([engine.move(t, where) for t in y]) if isinstance(y, tuple) else engine.move(y, where)

        self.entry.add(Kernel(self.name, "on_cpu", "cuda", run, None, Priority.GENERATED))

    def observed(self, kernel: Kernel, s: Signature) -> Callable:
        """What runs a kernel; a profile that is open stands in between."""
        names = (*self.tensors, *[n for n, _ in self.params])
        return timing.launcher(
            kernel.run, lambda: timing.Launcher(kernel, self.entry, s, names, frozenset(self.tensors), (), self.seeds)
        )

    def _tensor(self, value: Any, position: int) -> Tensor:
        if isinstance(value, Tensor):
            return value
        name = PUBLIC.get(self.tensors[position], self.tensors[position])
        raise TypeError(
            f"{self.name}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}"
        )

    def _same_device(self, tensors: tuple) -> None:
        where = None
        for t in tensors:
            if t is None:
                continue
            if where is not None and t._k.device != where:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{where} and {t._k.device}! (in {self.name}; move one with .to(...))"
                )
            where = t._k.device

    # --- backward ----------------------------------------------------------------------------------

    def tracked(self, tensors: tuple) -> bool:
        """Whether any of the tensors has a history."""
        return any(t is not None and t._edge is not None for t in tensors)

    def record(self, tensors: tuple, params: tuple, result: Any) -> None:
        """Attach a node to the result."""
        gradient = self.gradient
        several = isinstance(result, tuple)
        if not several and not result._k.dtype.differentiable:
            return  # numbers without a fractional part are in no graph
        edges = tuple([None if t is None or not isinstance(t, Tensor) else t._edge for t in tensors])
        saved = [tensors[i] for i in gradient.saves]
        if gradient.saves_out:
            saved.append(tuple(map(alias, result)) if several else alias(result))
        inputs = [described(t) for t in tensors] if gradient.wants_inputs else None
        if not several:
            result._edge = Node(self, edges, saved, params, inputs)
            return
        free = len(result) - self.kept
        filled = 0 if gradient.partial else free
        outputs = [(y.shape, y._k) if slot < filled else None for slot, y in enumerate(result)]
        node = Node(self, edges, saved, params, inputs, outputs)
        for slot, y in enumerate(result[:free]):
            if y._k.dtype.differentiable and gradient.differentiable_outputs(slot):
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
        if y._k.dtype.differentiable and slot < len(saved) - node.op.kept:
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


def _parameters(fn: Callable) -> tuple[list[str], list[str], list[tuple[str, Any]], int]:
    """All names in their order, those of the tensor inputs (unannotated), (name, default) of the parameters, count of
    keyword-only ones. ``inspect`` would take longer for all ops than anything else in the import."""
    code: Any = fn.__code__
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    given = fn.__defaults__ or ()  # type: ignore[attr-defined]
    defaults = dict(zip(names[code.co_argcount - len(given) : code.co_argcount], given, strict=True))
    defaults |= fn.__kwdefaults__ or {}  # type: ignore[attr-defined]
    tensors = [n for n in names if n not in fn.__annotations__]
    params = [(n, defaults.get(n, _MISSING)) for n in names if n in fn.__annotations__]
    return names, tensors, params, sum(n in fn.__annotations__ for n in names[code.co_argcount :])
