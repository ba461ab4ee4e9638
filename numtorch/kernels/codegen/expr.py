"""Expressions: what a formula of ops becomes when it is called on symbols instead of tensors.

An elementwise op called on an ``Expr`` returns an ``Expr``. So a body or a gradient called on symbols gives the whole
formula, and ``elementwise`` turns the formula into one kernel. What a scalar loop cannot do (a reduction, a shape, a
branch on a value) raises ``Untraceable``; then the formula runs op by op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Untraceable(Exception):
    """The formula needs more than elementwise ops on its operands."""


class Expr:
    """A node of a formula: an operand (``op`` None), a constant, or an op applied to expressions.

    Attributes:
        op: the elementwise op, or None for a leaf.
        args: operands of ``op``; for a constant, the number; for an operand, nothing.
        name: the operand's variable name; of a sum over rows, the shape of the result.
    """

    __slots__ = ("args", "name", "op")

    def __init__(self, op: Any, args: tuple = (), name: Any = ""):
        self.op, self.args, self.name = op, args, name

    def __bool__(self) -> bool:
        raise Untraceable("the formula branches on a value")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if _row is not None and isinstance(other, int | float):  # a row formula's numbers are symbols too
            raise Untraceable("the formula compares a value with a number")
        return self is other

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise Untraceable(f"the formula reads .{name} of an operand")

    def __repr__(self) -> str:
        if self.op is None:
            return self.name or repr(self.args[0])
        return f"{self.op.name}({', '.join(map(repr, self.args))})"


def symbol(name: str) -> Expr:
    """An operand."""
    return Expr(None, (), name)


def constant(value: Any) -> Expr:
    """A literal number."""
    if not isinstance(value, bool | int | float | complex):
        raise Untraceable(f"{type(value).__name__} is neither a number nor an operand")
    return Expr(None, (value,))


def as_expr(value: Any) -> Expr:
    """An expression unchanged, a number as a constant."""
    return value if type(value) is Expr else constant(value)


def has_expr(values: Iterable[Any]) -> bool:
    """Whether any value is symbolic."""
    return any(type(v) is Expr for v in values)


def apply(op: Any, operands: Iterable[Any]) -> Expr:
    """``op`` on symbols."""
    return Expr(op, tuple(map(as_expr, operands)))


DROPPED = "dropped"  # the op of a row's number without the reduced dimensions
SUMMED = "summed"  # the op of what is added up over all rows
_row: tuple[tuple[int, ...], tuple] | None = None  # (dimensions of the row, shape of the elements) while one is traced


def row_dims(dim: Any) -> None:
    """Untraceable unless ``dim`` is what the formula that is traced calls its row."""
    if _row is None:
        raise Untraceable("a reduction is not elementwise")
    dims, ndim = _row[0], len(_row[1])
    given = range(ndim) if dim is None or dim == () else dim if isinstance(dim, tuple | list) else (dim,)
    if {d % max(ndim, 1) for d in given} != set(dims) and ndim:
        raise Untraceable(f"the formula reduces {dim}, which is not its row")


def folded(reduction: Any, x: Expr, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Expr:
    """``x`` reduced along the row."""
    row_dims(dim)
    if dtype is not None:
        raise Untraceable("the formula reduces in another type")
    e = Expr(reduction, (x,))
    return e if keepdim else Expr(DROPPED, (e,))


def summed(x: Expr, shape: tuple) -> Expr:
    """``x`` added up over the rows to ``shape``, that of an operand which varies along the row."""
    if _row is None:
        raise Untraceable("a sum is not elementwise")
    dims, whole = _row
    if (*(1,) * (len(whole) - len(shape)), *shape) != tuple([n if d in dims else 1 for d, n in enumerate(whole)]):
        raise Untraceable(f"the formula adds up to {tuple(shape)}, which is not the shape of its row")
    return Expr(SUMMED, (x,), shape)


def trace(formula: Callable, operands: list[str], row: Any = None) -> tuple[Expr | None, ...]:
    """The expressions that ``formula`` returns for symbolic operands (None where it returns None). With ``row``,
    (dimensions, shape of the elements), reductions along them are expressions too."""
    global _row
    before, _row = _row, row
    try:
        result = formula(*map(symbol, operands))
    except (TypeError, AttributeError, ValueError, IndexError) as e:
        raise Untraceable(str(e)) from e
    finally:
        _row = before
    outputs = result if isinstance(result, tuple) else (result,)
    return tuple(None if y is None else as_expr(y) for y in outputs)


def leaves(outputs: Iterable[Expr]) -> set[str]:
    """Names of the operands that the expressions read."""
    found: set[str] = set()
    seen: set[int] = set()
    todo = list(outputs)
    while todo:
        e = todo.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        if e.op is not None:
            todo.extend(e.args)
        elif e.name:
            found.add(e.name)
    return found
