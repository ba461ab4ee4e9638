"""The backward side of an op: its vjp, and kernels that compute it faster.

A vjp is written in ops, so it can be differentiated again. Without ``create_graph`` a faster kernel runs instead: one
that is registered for the vjp or, for elementwise ops, one that is made by tracing the vjp.

The gradient of a complex tensor is torch's: twice the derivative of the loss by the conjugate, so that it points
uphill. A vjp is written as for real numbers, ``g * f'(x)``. Where the result of the op is complex,
``conj(vjp(conj(g)))`` is the gradient of every function that has a complex derivative; of a real input it is the real
part. Other functions (``conj``, ``sgn``) say ``vjp(conjugated=False)``, and their vjp is used as it stands; so is that
of views.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numtorch.dtype as dtypes
from numtorch import engine
from numtorch._tensor import Tensor, empty
from numtorch.autograd.node import Node
from numtorch.dispatch import binding, front, halves, pulls
from numtorch.dispatch.loops import Plan, key_of, remember
from numtorch.dispatch.program import Program
from numtorch.interrupts import cached_property
from numtorch.kernels import registry, timing
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen.expr import Untraceable
from numtorch.kernels.registry import Entry, Kernel, Priority, Signature

if TYPE_CHECKING:
    from numtorch.dispatch.structured import Op


def described(t: Any) -> tuple | None:
    """What a gradient may ask of an input without keeping its elements; the order of ``binding.META``."""
    return (t.shape, t._k, t.strides, t._offset) if isinstance(t, Tensor) else None


NUMBER = int | float | complex


def _conjugates(*values: Any) -> tuple:
    return tuple([None if v is None else engine.conj(v) for v in values])


class Gradient:
    """The vector-Jacobian product of an op, and the kernels that compute it faster.

    The vjp's argument names say what it needs: ``g`` the gradient of the output (a tuple if there are
    several), tensor inputs and ``out`` to be saved, ``x_shape`` the shape of an input without saving it,
    parameters by name, ``needs`` which inputs want a gradient.
    """

    def __init__(self, op: Op, vjp: Callable):
        self.op = op
        self.vjp = vjp
        code = vjp.__code__
        self.names = list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
        params = [n for n, _ in op.params]
        self.saves = [i for i, n in enumerate(op.tensors) if n in self.names]
        self.saves_out = "out" in self.names
        self.wants_inputs = any(
            n.rpartition("_")[2] in binding.META and n.rpartition("_")[0] in op.tensors for n in self.names
        )
        binding.check_binding(self.names, op.tensors, params)
        self.entry = registry.register(
            Entry(
                f"{op.name}.backward",
                vjp,
                site=f"{vjp.__code__.co_filename}:{vjp.__code__.co_firstlineno}",
                doc=vjp.__doc__ or f"Gradient of {op.name}.",
            )
        )
        self.by_shape = False  # there are kernels that are planned
        self.plans: dict = registry.memo()  # by kinds, shapes and parameters of all that the vjp takes
        # those of them that one call of machine code carries out, as ``front.planned_pull`` asks
        self.pulls: dict = registry.memo()

    def taken(self) -> tuple[list[str], list[int], list[int], list[int]]:
        """What kernels are given: the names in order, and the positions of the tensors, twice; see ``Op.taken``."""
        places = [0, *[i for i, n in enumerate(self.names, 1) if n in self.op.tensors or n == "out"]]
        return ["g", *self.names], places, places, []

    @cached_property
    def bound(self) -> Callable:
        """``bound(run, g, saved, params, inputs, needs)`` calls ``run`` with what the vjp's names ask for."""
        params = [n for n, _ in self.op.params]
        return binding.binder(self.names, self.op.tensors, params, self.saves, self.vjp.__code__.co_argcount - 1)

    wide = False  # what is of a half type is widened to float32, and the gradients are rounded once; see ``halves``
    conjugated = True  # where the result is complex: its gradient, and what the vjp makes of it
    partial = False  # the gradient of a result that nothing uses is None in ``g``, not zeros
    static: frozenset = frozenset()  # inputs on whose value the vjp branches when they are Python numbers

    def differentiable_outputs(self, slot: int) -> bool:
        return True

    def _observed(self, kernel: Any, s: Signature) -> Callable:
        positional = self.vjp.__code__.co_argcount - 1
        given = ("g", *self.names[:positional])
        tensors = frozenset(("g", "out", *self.op.tensors))
        return timing.launcher(
            kernel.run,
            lambda: timing.Launcher(
                kernel, self.entry, s, given, tensors, tuple(self.names[positional:]), self.op.seeds
            ),
        )

    def widen(self) -> None:
        """Have what is of a half type computed in float32."""
        self.wide = True
        self.entry.add(
            Kernel(
                self.entry.name,
                "widened",
                "any",
                self._widened,
                None,
                Priority.GENERATED,
                halves.one_half,
                layout="widened",
            )
        )

    def _widened(self, g: Any, *args: Any, **keywords: Any) -> tuple:
        values = dict(zip(self.names, args, strict=False)) | keywords
        saved = [values[self.op.tensors[i]] for i in self.saves] + ([values["out"]] if self.saves_out else [])
        present = g if isinstance(g, Tensor) else next(x for x in g if x is not None)
        if self.by_shape:
            return self._in_float32(self.compute, g, *args, **keywords)
        key = tuple([halves.wide_kind(t) for t in (present, *saved)])
        return self._in_float32(self.entry.memo.get(key) or self._choose(key), g, *args, **keywords)

    def _in_float32(self, run: Callable, g: Any, *args: Any, **keywords: Any) -> tuple:
        """``run`` on widened operands; each gradient rounded to the type of its input."""
        half: Any = halves.half_of((g,))
        grads = run(
            halves.widened(g), *map(halves.widened, args), **{n: halves.widened(v) for n, v in keywords.items()}
        )
        return halves.narrowed(grads if type(grads) in (tuple, list) else (grads,), half)

    def rule(self, g: Any) -> Callable:
        """The vjp for a gradient of this type, or for a tuple of gradients."""
        given = g if isinstance(g, Tensor) else next(x for x in g if x is not None)
        return self._conjugated if self.conjugated and given._k.dtype.is_complex else self.vjp

    def _conjugated(self, g: Any, *args: Any, **named: Any) -> tuple:
        """The vjp for a complex gradient."""
        grads = self.vjp(_conjugates(*g) if isinstance(g, tuple | list) else engine.conj(g), *args, **named)
        return _conjugates(*(grads if type(grads) in (tuple, list) else (grads,)))

    def formula(self, g: Any, saved: list, node: Node, needs: tuple) -> Any:
        """The vjp, op by op."""
        run = self.rule(g)
        if self.wide and halves.half_of((g, *saved)):
            run = partial(self._in_float32, run)
        return self.bound(run, g, saved, node.params, node.inputs, needs)

    def fast(self, g: Any, saved: list, node: Node, needs: tuple) -> Any:
        """The vjp by the best kernel there is, else op by op."""
        if self.by_shape:
            return self.bound(self.compute, g, saved, node.params, node.inputs, needs)
        if self.entry.kernels:
            present = g if isinstance(g, Tensor) else next(x for x in g if x is not None)
            key = (present._k, *[s._k if isinstance(s, Tensor) else None for s in saved])
            run = self.entry.memo.get(key)
            if run is None:
                run = self._choose(key)
            return self.bound(run, g, saved, node.params, node.inputs, needs)
        return self.bound(self.rule(g), g, saved, node.params, node.inputs, needs)

    def _choose(self, key: tuple) -> Callable:
        """What computes the gradient for a gradient and saved values of these kinds."""
        s = Signature(key[0].device.type, tuple(k.dtype if k is not None else None for k in key))
        run = self.entry.memo[key] = self._runner(self.entry.find(s), s)
        return run

    def _runner(self, kernel: Any, s: Signature) -> Callable:
        if kernel is None:
            return self._conjugated if self.conjugated and s.dtypes[0].is_complex else self.vjp
        return kernel.run if kernel.layout == "widened" else self._observed(kernel, s)

    def compute(self, *args: Any, **named: Any) -> Any:
        """The vjp by a plan for its arguments."""
        return self.planned(args, named).run(*args, **named)

    def planned(self, args: tuple, named: dict[str, Any]) -> Plan:
        """The plan for the arguments of the vjp, remembered."""
        key = tuple(map(key_of, (*args, *named.values())))
        try:
            plan = self.plans.get(key)
        except TypeError:  # what cannot be looked up is planned each time
            return self._plan(args, named)
        return plan or remember(self.plans, key, self._plan(args, named))

    def _plan(self, args: tuple, named: dict[str, Any]) -> Plan:
        values = dict(zip(self.names, args[1:], strict=False)) | named
        saved = [values[self.op.tensors[i]] for i in self.saves] + ([values["out"]] if self.saves_out else [])
        g = args[0] if isinstance(args[0], Tensor) else next(x for x in args[0] if x is not None)
        s = Signature(g._k.device.type, tuple(v._k.dtype if isinstance(v, Tensor) else None for v in (g, *saved)))
        for kernel in self.entry.takers(s):
            if kernel is None or kernel.layout != "loop":
                registry.decided(self.entry, s, kernel)
                return Plan(self._runner(kernel, s))
            made = kernel.run.plan(args, named, ())
            if made is not None:
                break
        registry.decided(self.entry, s, kernel)
        return made if timing.active is None else Plan(self._observed(kernel, s))

    def whole(self) -> Recipe:
        """What nodes of the op have in common: their ``pull``, written out."""
        return Recipe((), front.planned_pull(self))

    def first_pull(self, node: Node, g: Any, key: tuple) -> Any:
        """``pull`` of a node of which the written one has no plan yet, or whose saved values have been overwritten."""
        grads = self.op.pull(node, g, False)
        needs = node.needs or tuple([e is not None for e in node.edges])
        plan = self.bound(
            lambda *args, **named: self.planned(args, named), g, node.saved, node.params, node.inputs, needs
        )
        remember(self.pulls, key, plan)
        return grads


class Recipe:
    """What nodes of one op, of operands of the same kinds, have in common.

    Attributes:
        used: which saved values the gradient reads.
        inputs: ``Node.inputs``.
        pull: the gradient of such a node, written out; None where only the general path computes it, or once
            a registration could have changed the choice of the kernel.
    """

    __slots__ = ("__weakref__", "inputs", "pull", "used")

    def __init__(self, used: tuple, pull: Callable | None, inputs: Any = None):
        self.used, self.pull, self.inputs = used, pull, inputs

    def clear(self) -> None:
        """Forget the kernel."""
        self.pull = None


class ElementwiseGradient(Gradient):
    """A vjp of an elementwise op: traced once for each set of wanted inputs, and run as one kernel."""

    def __init__(self, op: Any, vjp: Callable):
        super().__init__(op, vjp)
        self.rounded = op.program.rounded
        self.programs = registry.memo()
        self.ready = registry.memo()
        self.wants_inputs = False
        self._used: dict[tuple, tuple] = {}

    def used(self, needs: tuple) -> tuple:
        """Which saved values the formula reads for these wanted inputs; the others need not be kept alive."""
        found = self._used.get(needs)
        if found is None:
            saves = len(self.saves) + self.saves_out
            names = ["g", *[f"s{i}" for i in range(saves)], *[f"p{i}" for i in range(len(self.op.params))]]

            def formula(*symbols: Any) -> Any:
                return self.bound(self.vjp, symbols[0], symbols[1 : 1 + saves], symbols[1 + saves :], None, needs)

            try:
                read = expr.leaves([y for y in expr.trace(formula, names) if y is not None])
                found = tuple(f"s{i}" in read for i in range(saves))
            except Untraceable:
                found = (True,) * saves
            self._used[needs] = found
        return found

    def formula(self, g: Any, saved: list, node: Node, needs: tuple) -> tuple:
        grads = self.bound(self.rule(g), g, saved, node.params, node.inputs, needs)
        return self._fit(grads if isinstance(grads, tuple) else (grads,), node)

    def fast(self, g: Any, saved: list, node: Node, needs: tuple) -> tuple | list:
        if self.entry.kernels:
            whole = super().fast(g, saved, node, needs)
            return self._fit(whole if isinstance(whole, tuple) else (whole,), node)
        params = node.params
        if not params and not self.static:  # the common case: only which operands are numbers matters
            key: Any = (needs, g._k.dtype.is_complex, *[s.__class__ for s in saved])
        else:
            numbers = tuple(
                [
                    False if isinstance(s, Tensor) else s if i in self.static else True
                    for i, s in zip(self.saves, saved, strict=False)
                ]
            )
            others = tuple([p for p in params if not isinstance(p, NUMBER)])
            key = (needs, g._k.dtype.is_complex, numbers, others)
        traced = self.programs.get(key)
        if traced is None:
            if len(self.programs) > 4096:  # exponents that never come again, say
                self.programs.clear()
            traced = self.programs[key] = self._trace(needs, g, saved, params)
        if traced is False:
            return self.formula(g, saved, node, needs)
        program, positions, places = traced
        grads: list[Any] = [None] * len(needs)
        if program is not None:
            values = [g, *saved, *params]
            results = program(*[values[i] for i in positions])
        for i, place in places:
            grads[i] = g if place < 0 else results[place]
        return grads if node.inputs is None else self._fit(grads, node)

    def prepare(self, key: tuple, node: Node, values: list) -> Any:
        """What ``ElementwiseOp.pull`` needs to launch the kernel for nodes like this one; None if there is none."""
        ready = self.find(node.needs or tuple([e is not None for e in node.edges]), values, ())
        if ready is not None:
            if len(self.ready) > 4096:
                self.ready.clear()
            self.ready[key] = ready
        return ready

    def find(self, needs: tuple, values: list, params: tuple) -> Any:
        """(entry, which of g, saved and params it takes, geometry, elements, kinds, shape, where results go), or
        None."""
        saved = values[1:]
        if (
            self.entry.kernels
            or self.static
            or any(s is not None and not isinstance(s, Tensor | NUMBER) for s in saved)
        ):
            return None
        if not all(isinstance(p, NUMBER) for p in params):
            return None
        traced = self._trace(needs, values[0], saved, params)
        if traced is False:
            return None
        program, positions, places = traced
        if program is None:
            return None, (), (), 0, (), None, places
        values = [*values, *params]
        plan = program.plan(tuple(values[i] for i in positions), None)
        if plan.entry is None:
            return None
        return plan.entry, positions, plan.geometry, plan.numel, plan.kinds, plan.shape, places

    def recipe(self, recipes: dict, needs: tuple, tensors: tuple, params: tuple, out: Tensor) -> Recipe:
        """The recipe of nodes that the front makes for operands like these, put where the front will look."""
        used = self.used(needs)
        found = recipes[needs] = Recipe(used, self._written(needs, used, tensors, params, out))
        registry.watch(found)
        return found

    def recipe_by_shapes(self, recipes: dict, needs: tuple, tensors: tuple, params: tuple, out: Tensor) -> Recipe:
        """The same for operands that are large or broadcast. ``pull`` is written when their shapes come again."""
        used, inputs = self.used(needs), [described(t) for t in tensors]
        differ = any(i is not None and (i[0] != out.shape or i[1].dtype is not out._k.dtype) for i in inputs)
        found = Recipe(used, None, inputs if differ else None)
        if needs not in recipes:
            recipes[needs] = None
            return found
        given = [*[tensors[i] for i in self.saves], *([out] if self.saves_out else [])]
        saved = [t if u or not isinstance(t, Tensor) else None for t, u in zip(given, used, strict=True)]
        ready = self.find(needs, [out, *saved], params)
        if ready is not None:
            found.pull = pulls.written_pull(self.op, ready, len(saved), [out._k, *saved], params, (out.shape, inputs))
            registry.watch(found)
        recipes[needs] = found
        return found

    def _written(self, needs: tuple, used: tuple, tensors: tuple, params: tuple, out: Tensor) -> Callable | None:
        given = [*[tensors[i] for i in self.saves], *([out] if self.saves_out else [])]
        # Small stand-ins: the front's tensors differ in nothing but the number of elements.
        small = [
            empty((1,), t._k.dtype, t._k.device)
            if u and isinstance(t, Tensor)
            else None
            if isinstance(t, Tensor)
            else t
            for t, u in zip(given, used, strict=True)
        ]
        ready = self.find(needs, [empty((1,), out._k.dtype, out._k.device), *small], params)
        if ready is None:
            return None
        return pulls.written_pull(self.op, ready, len(small), [out._k, *small], params)

    def _trace(self, needs: tuple, g: Any, saved: list, params: tuple) -> Any:
        """(program, which of g, saved and params it takes, where each result goes), or False."""
        names = ["g"] + [f"s{i}" for i in range(len(saved))] + [f"p{i}" for i in range(len(params))]
        values = [None, *saved, *params]
        # Numbers stay symbols, so that one kernel serves them all, unless the formula branches on them.
        fixed = {
            i
            for i, v in enumerate(values)
            if i
            and not isinstance(v, Tensor)
            and (not isinstance(v, NUMBER) or (i <= len(self.saves) and self.saves[i - 1] in self.static))
        }

        rule = self.rule(g)

        def formula(*symbols: Any) -> Any:
            given = [values[i] if i in fixed else s for i, s in enumerate(symbols)]
            return self.bound(rule, given[0], given[1 : 1 + len(saved)], given[1 + len(saved) :], None, needs)

        try:
            outputs = expr.trace(formula, names)
        except Untraceable:
            return False
        wanted: list[Any] = []
        places: list[tuple[int, int]] = []
        for i, (need, y) in enumerate(zip(needs, outputs, strict=True)):
            if not need or y is None:
                continue
            if y.op is None and y.name == "g":
                places.append((i, -1))
            else:
                places.append((i, len(wanted)))
                wanted.append(y)
        if not wanted:
            return None, (), places
        used = expr.leaves(wanted)
        used.add("g")  # fixes the shape and the type of the result
        positions = [i for i, n in enumerate(names) if n in used]
        operands = [names[i] for i in positions]
        keep = frozenset(
            n
            for i, n in zip(positions, operands, strict=True)
            if isinstance(values[i], Tensor) and values[i]._k.dtype is dtypes.bool
        )
        counted = frozenset(n for n in operands if n[0] in "gs") - keep
        program = Program(
            f"{self.op.name}.backward", wanted, operands, keep=keep, counted=counted, rounded=self.rounded
        )
        return program, positions, places

    def _fit(self, grads: Any, node: Node) -> tuple:
        """Sum gradients down to the shapes of broadcast inputs, and cast them to the inputs' types."""
        if node.inputs is None:
            return grads
        fitted = []
        for gx, meta in zip(grads, node.inputs, strict=True):
            if gx is not None and meta is not None:
                shape, k = meta[:2]
                if gx.shape != shape:
                    gx = engine.sum_to(gx, shape)
                if gx._k.dtype is not k.dtype:
                    gx = engine.as_type(gx, k.dtype)
            fitted.append(gx)
        return tuple(fitted)
