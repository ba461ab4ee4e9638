"""The decorators that declare ops, and what they register.

    @primitive()                       a scalar body: from one element of each input to one element of the result
    @op()                              a body written in other ops
    @op(view=True)                     a view: other shape and strides over the same elements
    @op(shape=True)                    a rule for shapes and types; only kernels compute the op

Each decorator returns the function that users call. It has the attributes ``.vjp``, ``.kernel``, ``.backward`` and
``.op``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from numtorch._tensor import Tensor
from numtorch.dispatch import aliases, front, layouts, rows
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.gradient import ElementwiseGradient, Gradient
from numtorch.dispatch.lists import ListOp
from numtorch.dispatch.loops import Planner
from numtorch.dispatch.structured import Op, ShapedOp
from numtorch.kernels import registry
from numtorch.kernels.registry import Entry, Kernel, Priority

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
        def vjp(
            self,
            *,
            static: tuple = (),
            cost: Callable | None = None,
            wide: bool | None = None,
            conjugated: bool | None = None,
            generated: bool = True,
            partial: bool = False,
        ) -> Callable[[F], F]: ...
        def arguments(self, f: F) -> F: ...
        def on_cpu(self) -> None: ...
        def kernel(
            self,
            device: str,
            *,
            dtypes: tuple | None = None,
            when: Callable | None = None,
            name: str | None = None,
            priority: Priority = Priority.TUNED,
            layout: str = "launcher",
            functions: tuple = (),
            cost: Callable | None = None,
        ) -> Callable[[F], F]: ...


OPS: dict[str, Op] = {}


def primitive(**options: Any) -> Callable[[Callable[..., Any]], Function[Tensor]]:
    """An op given by a scalar body, which says what becomes of one element; loops are generated from it.

    Args:
        **options: see below.

    Options:
        result: ``same`` (the promoted type), ``bool``, ``counts`` (``same`` but for truth values, of which it is
            int64), ``real`` (the type of the parts of complex numbers) or ``complex``.
        floats: integers are computed in the default floating type.
        keep: operands that take no part in type promotion (conditions).
        takes: the types in which the formula means something; all real ones (``dtype.REAL``) unless given. For a
            formula that means the same for complex numbers: ``dtype.COMPUTED``.
        rounded: operands of other types become elements of the half type in which the formula computes, as where it
            compares; or the names of the operands of which this is so.
        divisor: the operand by which integers are divided, of which none may be 0.
        check: ``check(name, operands)`` raises for operands that the op refuses, before a kernel is chosen.
        whole: mostly for integers, which alone take the front's own path: there it need not ask who wants a gradient.
        untracked: the in-place form says nothing to the graph: what it overwrites keeps its history.
        fit: ``fit(name, operands, dtype)`` gives the operands with numbers that may be beyond the integer type made to
            fit.
        ref, torch, samples, domain, given: for the op's tests.

    Returns:
        A decorator, which makes the op's function of its body.

    >>> @torch.primitive()
    ... def affine(x, a: float, b: float):
    ...     return a * x + b
    >>> affine(torch.tensor([1.0, 2.0]), 3.0, 0.5)
    tensor([3.5000, 6.5000])
    """

    def wrap(fn: Callable) -> Any:
        return publish(ElementwiseOp(options.pop("name", fn.__name__), fn, **options), fn)

    return wrap


@overload
def op(fn: Callable[..., R], *, shape: bool = False, **options: Any) -> Function[R]: ...
@overload
def op(fn: None = None, *, shape: bool = False, **options: Any) -> Callable[[Callable[..., R]], Function[R]]: ...
def op(fn: Callable | None = None, *, shape: bool = False, **options: Any) -> Any:
    """An op given by a body written in ops: it runs where no kernel takes the operands, and says what the result is.

    Args:
        fn: the body.
        shape: the body is only the rule for shapes and types, run on ``meta`` tensors; kernels compute.
        **options: see below.

    Options:
        view: the body only makes views. A function of the shape, the strides (None if contiguous) and the parameters
            may stand for it, which gives the geometry that ``placed`` takes; it is cached, and the op then has no body
            of its own.
        listed: the operand is a list of tensors; see ``lists``.
        direct: the body launches kernels itself, without calling ops that would be recorded.
        select: what the choice of a kernel depends on beside device and types: names of parameters, and functions of
            all tensors and parameters that return something small and hashable, say a class of shapes. A function is
            called on every call: it looks its answer up. The signature holds it under the function's name.
        rows: the body and the vjp are formulas over a row, along the dimensions that this parameter names (or that a
            function of all arguments by name, and of how many dimensions there are, gives); see ``rows``.
        fold: the ``Reduction`` that the op is in such a formula.
        differentiable: False if no result ever requires a gradient.
        out: the ``Rule`` by which the result goes into ``out=``.
        kept: how many of the results, the last ones, are made for the gradient alone: no graph goes through them.
        wide: False where the body does nothing with half types that float32 could do better, as when it only moves
            elements.
        ref, torch, samples, domain, given: for the op's tests.

    Returns:
        The op's function; without ``fn`` a decorator, which makes it.

    >>> @torch.op
    ... def norm_of_legs(x, y):
    ...     return torch.sqrt(x * x + y * y)
    >>> norm_of_legs(torch.tensor(3.0), torch.tensor(4.0))
    tensor(5.)
    """

    def wrap(f: Callable) -> Any:
        name = options.pop("name", f.__name__)
        if shape:
            return publish(ShapedOp(name, f, **options), f)
        return publish((ListOp if options.pop("listed", False) else Op)(name, aliases.positional(f), f, **options), f)

    return wrap if fn is None else wrap(fn)


def publish(o: Op, fn: Callable) -> Any:
    """The function that users call for an op, with the decorators of its gradient, rule and kernels; puts the op into
    ``OPS``."""
    call: Any = front.build(o)
    call.__doc__ = fn.__doc__
    call.__module__ = fn.__module__
    o.call = call

    def vjp(
        f: Callable | None = None,
        *,
        static: tuple = (),
        cost: Callable | None = None,
        wide: bool | None = None,
        conjugated: bool | None = None,
        generated: bool = True,
        partial: bool = False,
    ) -> Callable:
        """Make ``f`` the op's gradient; see ``Gradient``.

        Args:
            static: inputs on whose value ``f`` branches when they are Python numbers.
            cost: of the kernels of the gradient.
            wide: whether half types are computed in float32; as the op if not given.
            conjugated: whether gradients of complex results are conjugated before and after; not for views, nor for
                functions without a complex derivative.
            generated: whether kernels of a row formula's gradient are generated.
            partial: of several results: whether ``f`` is given None, not zeros, for the gradient of one that nothing
                uses.
        """
        if f is None:
            return lambda g: vjp(
                g, static=static, cost=cost, wide=wide, conjugated=conjugated, generated=generated, partial=partial
            )
        o.gradient = (ElementwiseGradient if isinstance(o, ElementwiseOp) else Gradient)(o, f)
        o.gradient.entry.cost = cost
        if o.wide if wide is None else wide:
            o.gradient.widen()
        o.gradient.conjugated = not o.view if conjugated is None else conjugated
        o.gradient.partial = partial
        o.gradient.static = frozenset(o.tensors.index(n) for n in static)
        call.backward = Attach(o.gradient.entry, o.gradient)
        if o.rows is not None and generated:
            rows.attach_vjp(o, call.backward, o.gradient)
        front.rewrite(o)
        registry.clear_memos()
        return f

    def arguments(f: Callable) -> Callable:
        """Make ``f`` the rule for the op's arguments: it checks them and gives them, all in their order, as body, vjp
        and kernels want them. It runs once for each set of kinds, shapes and parameters; it reads no elements, and
        leaves canonical arguments alone. A tensor that it changes, as by a cast, is seen by the graph. Where the op is
        composed of others, it returns the function that does so, which takes the same arguments."""
        o.arguments, o.by_shape = f, True
        return f

    call.op = o
    call.vjp = vjp
    call.arguments = arguments
    call.on_cpu = o.on_cpu
    call.kernel, call.loop = (attached := Attach(o.entry, o)).kernel, attached.loop
    OPS[o.name] = o
    if o.rows is not None:
        rows.attach_body(o, call)
    return call


class Attach:
    """``@softmax.kernel("cpu", ...)`` and ``@softmax.backward.kernel("cpu", ...)``."""

    def __init__(self, entry: Entry, owner: Any):
        self.entry, self.owner = entry, owner

    def loop(
        self,
        device: str,
        *,
        dtypes: tuple | None = None,
        when: Callable | None = None,
        name: str | None = None,
        priority: Priority = Priority.TUNED,
        cost: Callable | None = None,
    ) -> Callable:
        """Register a kernel that is planned: a function of the op's tensors and parameters that returns a ``Loop``, or
        None for what it does not take; see ``loops``. For a backward kernel it is a function of what the vjp takes."""

        def wrap(f: Callable) -> Callable:
            kernel = f"{self.entry.name}/{device}/{name or f.__name__}"
            planner = Planner(f, self.entry.name, kernel, *self.owner.taken())
            self.owner.by_shape = True
            front.rewrite(getattr(self.owner, "op", self.owner))
            self.entry.add(
                Kernel(
                    self.entry.name,
                    name or f.__name__,
                    device,
                    planner,
                    dtypes,
                    priority,
                    when,
                    "loop",
                    planner.planned,
                    cost,
                )
            )
            return f

        return wrap

    def kernel(
        self,
        device: str,
        *,
        dtypes: tuple | None = None,
        when: Callable | None = None,
        name: str | None = None,
        priority: Priority = Priority.TUNED,
        layout: str = "launcher",
        functions: tuple = (),
        cost: Callable | None = None,
    ) -> Callable:
        """Register a kernel: a function of the op's tensors and parameters that returns the result.

        With ``layout="rows"`` the function is the loop itself, ``rows(x, out, cols)`` on flat arrays whose rows are the
        op's ``dim``; parameters that it names after ``cols`` follow. See ``layouts``. ``cost`` is for a kernel that
        computes less than the op's own ``cost`` says.
        """

        def wrap(f: Callable) -> Callable:
            run, used = (
                layouts.adapt(self.entry, self.owner.taken()[0], f, layout, device)
                if layout != "launcher"
                else (f, functions)
            )
            kernel = Kernel(
                self.entry.name, name or f.__name__, device, run, dtypes, priority, when, layout, used, cost
            )
            self.entry.add(kernel)
            return f

        return wrap
