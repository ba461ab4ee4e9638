"""Row formulas: ops whose body reduces along one row and computes elementwise beside; kernels are generated from it.

    @op(rows="dim")
    def softmax(x, dim: int):
        e = exp(x - amax(x, dim, keepdim=True))
        return e / sum(e, dim, keepdim=True)

The body is what it is without ``rows=``: it runs on tensors, op by op, where no kernel takes the operands. Called on
symbols it gives expressions in which ``sum``, ``mean``, ``amax`` and ``amin`` along the row appear, and
``codegen/rows.py`` makes one kernel of them. So does the vjp, which names the parameter ``dim`` among its arguments.

An operand has all elements, or varies only along the row, as a weight does, or has one number for each row. A result
has all elements, or one number for each row. What is neither, and what the formula does beside, runs op by op.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.cost import costly, nbytes, row_operations
from numtorch.dispatch.loops import Loop, like, remember
from numtorch.dispatch.text import compiled
from numtorch.dtype import FLOATS, dtype
from numtorch.dtype import bool as BOOL
from numtorch.kernels import launch
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen import rows as codegen
from numtorch.kernels.codegen.elementwise import COLUMN, FULL, ROW, SCALAR, Operand
from numtorch.kernels.codegen.expr import Expr, Untraceable
from numtorch.kernels.codegen.reduction import Reduction, block_size
from numtorch.kernels.registry import Priority
from numtorch.storage import Size


class RowFormula:
    """A body or a vjp whose kernels are generated.

    Attributes:
        name: of the op; kernels are named after it.
        fn: the body or the vjp.
        names: what it takes, in order.
        positional: how many of these are given by position.
        row: the parameter that names the dimensions of a row, or ``row(arguments by name, ndim)`` that gives them.
    """

    def __init__(self, name: str, fn: Callable, names: list[str], positional: int, row: Any):
        self.name, self.fn, self.names, self.positional, self.row = name, fn, names, positional, row
        self.writers: dict = {}  # by all that the text depends on

    def planner(self, plan: str) -> Callable:
        """The planning function ``plan``, ``rows`` for the CPU or ``blocks`` for CUDA, as ``loops`` calls it."""
        names = ", ".join(self.names)
        text = f"def {plan}({names}):\n    return planned_([{names}])\n"
        return compiled(plan, text, {"planned_": getattr(self, plan)})

    def rows(self, values: list) -> Loop | None:
        """The loop on the CPU; None for operands that the formula does not take."""
        traced = self.traced(values)
        if traced is None:
            return None
        outer, n, inner = traced.extents
        form = "rows" if inner == 1 else "columns"
        kernel = codegen.build(traced.writer, form, self._label(traced, form))
        extents = (outer, n) if inner == 1 else traced.extents
        return Loop(kernel, (*extents, *traced.numbers), traced.out, operands=traced.tensors, weight=traced.weight)

    def blocks(self, values: list) -> Loop | None:
        """The loop on CUDA; None for operands that the formula does not take."""
        traced = self.traced(values)
        if traced is None:
            return None
        outer, n, inner = traced.extents
        kernel = codegen.build_cuda(traced.writer, self._label(traced, "blocks"))
        numbers = (*traced.extents, *[traced.compute.type(v) for v in traced.numbers])
        grid = (outer * inner, block_size(n))
        if ROW not in traced.writer.formula.results:
            return Loop(kernel, numbers, traced.out, operands=traced.tensors, grid=grid)
        sums = codegen.build_cuda(traced.writer, self._label(traced, "sums"), sums=True)
        left = len(traced.writer.left()) * outer * inner

        def rows_and_sums(*given: Any) -> None:
            buffers = (*given[: -len(numbers)], launch.allocate(max(left, 1), traced.compute))
            kernel.launch_blocks(*grid, *buffers, *numbers)
            sums.launch_blocks(n, block_size(outer * inner), *buffers, *numbers)

        return Loop(rows_and_sums, numbers, traced.out, operands=traced.tensors)

    def cost(self, result: Any, *values: Any, **named: Any) -> tuple[int, int]:
        """Bytes and operations of a call, from the formula."""
        given = [*values, *named.values()]
        traced = self.traced(given)
        moved = nbytes(result, *[v for v in given if isinstance(v, Tensor)])
        if traced is None:
            return moved, 0
        return moved, prod(traced.extents) * row_operations(traced.writer.formula, traced.compute.name)

    def _label(self, traced: Traced, form: str) -> str:
        operands = ", ".join(f"{o.dtype.name if o.dtype else 'number'} {o.walk}" for o in traced.writer.operands)
        return f"{self.name}: {operands} [{form}]"

    def traced(self, values: list) -> Traced | None:
        """The formula for these arguments; None where it is none of their rows. One kernel serves all numbers, unless
        the formula branches on them."""
        for fixed in (False, True):
            with suppress(Untraceable):
                return Traced(self, values, fixed)
        return None


class Traced:
    """A row formula for arguments of known shapes: its expressions, extents, operands and results."""

    def __init__(self, of: RowFormula, values: list, fixed: bool):
        given = dict(zip(of.names, values, strict=True))
        tensors = [v for v in values if isinstance(v, Tensor)]
        shape = max([*[t.shape for t in tensors], *[s for s in values if isinstance(s, Size)]], key=_size)
        first = next((t for t in tensors if t._k.dtype is not BOOL), None)
        if first is None or any(t._k.dtype not in (first._k.dtype, BOOL) for t in tensors) or 0 in shape:
            raise Untraceable("elements of several types, or none")
        dims = of.row(given, len(shape)) if callable(of.row) else _dims(given, of.row, len(shape))
        self.extents = _extents(shape, dims)
        symbols: dict[str, Any] = {
            n: v for n, v in given.items() if isinstance(v, Tensor) or (v.__class__ is float and not fixed)
        }

        def formula(*made: Any) -> Any:
            every = list((given | dict(zip(symbols, made, strict=True))).values())
            keywords = dict(zip(of.names[of.positional :], every[of.positional :], strict=True))
            return of.fn(*every[: of.positional], **keywords)

        outputs = expr.trace(formula, list(symbols), (dims, shape))
        walks = {n: SCALAR if v.__class__ is float else _walk(v.shape, shape, dims) for n, v in symbols.items()}
        if "" in walks.values():
            raise Untraceable("an operand is neither that of a row nor one for each row")
        self.compute = first._k.dtype.compute
        operands = tuple(
            Operand(n, None if walks[n] is SCALAR else given[n]._k.dtype, walks[n])
            for n in sorted(symbols, key=lambda n: walks[n] is SCALAR)
        )
        results = [y for y in outputs if y is not None]
        made = codegen.Formula([_plain(y) for y in results], walks, [y.op is expr.SUMMED for y in results])
        _check_types(made, given, first._k.dtype)
        key = (made.key(), operands, first._k.dtype)
        self.writer = of.writers.get(key) or remember(
            of.writers, key, codegen.Writer(of.name, made, operands, first._k.dtype, costly)
        )
        found = iter(made.results)
        self.out: Any = tuple(
            [None if y is None else like(first, _result_shape(y, next(found), shape, dims)) for y in outputs]
        )
        self.out = self.out[0] if len(outputs) == 1 else self.out
        self.tensors = tuple([given[o.name] for o in operands if o.walk is not SCALAR])
        self.numbers = tuple([given[o.name] for o in operands if o.walk is SCALAR])
        self.weight = self.writer.weight


def _result_shape(y: Expr, walk: str, shape: tuple, dims: tuple[int, ...]) -> tuple:
    """The shape of a result: of all elements, of one row, or of one number for each row."""
    if walk == FULL:
        return shape
    if walk == ROW:
        return y.name
    kept = enumerate(shape)
    return tuple([1 if d in dims else n for d, n in kept if y.op is not expr.DROPPED or d not in dims])


def _size(shape: tuple) -> tuple[int, int]:
    return prod(shape), len(shape)


def _dims(given: dict[str, Any], name: str, ndim: int) -> tuple[int, ...]:
    if name not in given:
        raise Untraceable(f"the formula does not take {name!r}")
    dim = given[name]
    every = range(ndim) if dim is None or dim == () else dim if isinstance(dim, tuple) else (dim,)
    if not all(-ndim <= d < ndim for d in every) and ndim:
        raise Untraceable("the body says what is wrong with the dimensions")
    return tuple(sorted({d % ndim for d in every})) if ndim else ()


def _extents(shape: tuple, dims: tuple[int, ...]) -> tuple[int, int, int]:
    """(outer, n, inner), where the dimensions of a row are neighbours."""
    big = [d for d in dims if shape[d] != 1]
    if not big:
        return prod(shape), 1, 1
    between = range(big[0], big[-1] + 1)
    if any(shape[d] != 1 and d not in dims for d in between):
        raise Untraceable("the dimensions of a row are no neighbours")
    return prod(shape[: big[0]]), prod([shape[d] for d in between]), prod(shape[big[-1] + 1 :])


def _walk(shape: tuple, whole: tuple, dims: tuple[int, ...]) -> str:
    """How an operand of this shape is read beside one of the ``whole`` shape: as broadcasting does."""
    padded = (*(1,) * (len(whole) - len(shape)), *shape)
    if padded == tuple(whole):
        return FULL
    if all(padded[d] == (n if d in dims else 1) for d, n in enumerate(whole)):
        return ROW
    if all(padded[d] == (1 if d in dims else n) for d, n in enumerate(whole)):
        return COLUMN
    return ""


def _check_types(formula: codegen.Formula, given: dict[str, Any], d: dtype) -> None:
    """Untraceable if truth values are reduced, or are a result: these are of other types than the elements."""
    real: dict[int, Any] = {}
    for e in formula.order:
        if e.op is None:
            real[id(e)] = not (e.name and isinstance(given[e.name], Tensor) and given[e.name]._k.dtype is BOOL)
        elif isinstance(e.op, Reduction):
            real[id(e)] = real[id(e.args[0])]
        else:
            program = getattr(e.op, "program", None)
            same = program is None or program.result(d) == (d,)
            real[id(e)] = same and any(real[id(a)] for a in e.args)
    reduced = [e.args[0] for e in formula.order if isinstance(e.op, Reduction)]
    if not all(real[id(e)] for e in (*reduced, *formula.outputs)):
        raise Untraceable("truth values are reduced, or are a result")


def _plain(root: Expr) -> Expr:
    """A result without what says which dimensions it has; Untraceable if something is computed without the reduced
    ones, beside what has them."""
    made: dict[int, Expr] = {}
    stack = [(root, False)]
    while stack:
        e, ready = stack.pop()
        if id(e) in made:
            continue
        if e.op is None:
            made[id(e)] = e
        elif not ready:
            stack.append((e, True))
            stack.extend((a, False) for a in e.args)
        elif e.op in (expr.DROPPED, expr.SUMMED) and e is root:
            made[id(e)] = made[id(e.args[0])]
        elif e.op in (expr.DROPPED, expr.SUMMED):
            raise Untraceable("the formula goes on with rows reduced without keepdim=True, or with a sum over rows")
        else:
            made[id(e)] = Expr(e.op, tuple([made[id(a)] for a in e.args]), e.name)
    return made[id(root)]


def attach_body(op: Any, call: Any) -> None:
    """Register the kernels of an op whose body is a row formula."""
    names = [*op.tensors, *[n for n, _ in op.params]]
    _attach(RowFormula(op.name, op.body, names, len(names), op.rows), call, op.entry)


def attach_vjp(op: Any, backward: Any, gradient: Any) -> None:
    """Register the kernels of its vjp."""
    code = gradient.vjp.__code__
    formula = RowFormula(f"{op.name}.backward", gradient.vjp, ["g", *gradient.names], code.co_argcount, op.rows)
    _attach(formula, backward, gradient.entry)


def _attach(formula: RowFormula, to: Any, entry: Any) -> None:
    entry.cost = entry.cost or formula.cost
    for device, plan in (("cpu", "rows"), ("cuda", "blocks")):
        to.loop(device, dtypes=FLOATS, name=plan, priority=Priority.GENERATED)(formula.planner(plan))
