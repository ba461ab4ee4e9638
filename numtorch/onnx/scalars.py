"""Ops that are defined by a scalar body: the body, read as a formula, becomes nodes of the graph."""

from __future__ import annotations

import ast
import inspect
import operator
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import numtorch as torch
from numtorch.dispatch.op import OPS
from numtorch.onnx.graph import Graph, Value
from numtorch.onnx.table import EXPORTERS, Exporter, alike, common

_OPERATORS: dict[type, tuple[str, Callable]] = {
    ast.Add: ("add", operator.add), ast.Sub: ("sub", operator.sub), ast.Mult: ("mul", operator.mul),
    ast.Div: ("div", operator.truediv), ast.FloorDiv: ("floor_divide", operator.floordiv),
    ast.Mod: ("remainder", operator.mod), ast.Pow: ("pow", operator.pow), ast.Lt: ("lt", operator.lt),
    ast.LtE: ("le", operator.le), ast.Gt: ("gt", operator.gt), ast.GtE: ("ge", operator.ge),
    ast.Eq: ("eq", operator.eq),
    ast.NotEq: ("ne", operator.ne), ast.BitAnd: ("bitwise_and", operator.and_), ast.BitOr: ("bitwise_or", operator.or_),
    ast.BitXor: ("bitwise_xor", operator.xor),
}  # fmt: skip


def body_exporter(name: str) -> Exporter | None:
    """The exporter that the scalar body of an op makes; None for other functions, and for bodies that hold something
    without a form in ONNX."""
    op = OPS.get(name.removeprefix("op."))
    scalar = getattr(op, "scalar", None)
    return None if scalar is None else _exporter(scalar)


@cache
def _exporter(scalar: Callable) -> Exporter | None:
    """What writes a body's formula."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(scalar))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        return None
    names = [a.arg for a in tree.args.args]
    names_of_globals = scalar.__globals__
    if not all(_known(node, names_of_globals) for part in tree.body for node in ast.walk(part)):
        return None

    def write(g: Graph, *args: Any, **kwargs: Any) -> Value:
        given = dict(zip(names, args, strict=False)) | kwargs
        tensors = [v for v in given.values() if isinstance(v, Value)]
        dtype = common(*given.values())
        if not dtype.is_floating_point and g.result.dtype.is_floating_point:
            dtype = g.result.dtype
        for n, v in given.items():
            if isinstance(v, Value) and v.dtype is not torch.bool:
                given[n] = g.cast(v, dtype)
        found = _Formula(g, given, names_of_globals, dtype).block(tree.body)
        if not isinstance(found, Value):
            found = g.op(
                "Expand",
                g.constant(found, dtype),
                g.op("Shape", tensors[0], dtype=torch.int64, shape=(tensors[0].ndim,)),
            )
        return g.cast(found, g.result.dtype)

    return write


def _known(node: ast.AST, scope: dict[str, Any]) -> bool:
    if isinstance(node, ast.Call):
        f = node.func
        return isinstance(f, ast.Attribute) and (f.attr == "isfinite" or f.attr in EXPORTERS) and not node.keywords
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name)
    plain = (
        ast.Assign, ast.Return, ast.If, ast.IfExp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Name,
        ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.Expr,
    )  # fmt: skip
    return isinstance(node, plain)


class _Formula:
    """Writes the nodes of a body."""

    def __init__(self, g: Graph, given: dict[str, Any], scope: dict[str, Any], dtype: torch.dtype):
        self.g, self.given, self.scope, self.dtype = g, dict(given), scope, dtype

    def block(self, statements: list[Any]) -> Any:
        """What statements return."""
        for i, s in enumerate(statements):
            if isinstance(s, ast.Return):
                return self.value(s.value)
            if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name):
                self.given[s.targets[0].id] = self.value(s.value)
            elif isinstance(s, ast.If):
                rest = [*s.orelse, *statements[i + 1 :]]
                before = dict(self.given)
                yes = self.block([*s.body, *([] if isinstance(s.body[-1], ast.Return) else statements[i + 1 :])])
                self.given = before
                return self.choice(self.value(s.test), yes, self.block(rest))
            elif not isinstance(s, ast.Expr):
                raise self.g.fail("a body with such a statement has no form in ONNX that is known here")
        raise self.g.fail("a body that returns nothing has no form in ONNX")

    def choice(self, test: Any, yes: Any, no: Any) -> Any:
        """One of two values."""
        if not isinstance(test, Value):
            return yes if test else no
        g = self.g
        a, b = alike(g, yes, no, dtype=None if isinstance(yes, Value) or isinstance(no, Value) else self.dtype)
        return g.op("Where", g.cast(test, torch.bool), a, b, like=a)

    def call(self, name: str, plain: Callable | None, *args: Any) -> Any:
        """A function of values; of numbers alone Python's."""
        if any(isinstance(a, Value) for a in args):
            return EXPORTERS[name](self.g, *args)
        if plain is None:
            return EXPORTERS[name](self.g, *[self.g.constant(a, self.dtype) for a in args])
        return plain(*args)

    def value(self, node: Any) -> Any:
        """What an expression is."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.given[node.id] if node.id in self.given else self.scope[node.id]
        if isinstance(node, ast.Attribute):
            return getattr(self.scope[node.value.id], node.attr)  # type: ignore[attr-defined]
        if isinstance(node, ast.BinOp):
            name, plain = _OPERATORS[type(node.op)]
            return self.call(name, plain, self.value(node.left), self.value(node.right))
        if isinstance(node, ast.UnaryOp):
            inner = self.value(node.operand)
            if isinstance(node.op, ast.Not):
                return self.g.op("Not", self.g.cast(inner, torch.bool)) if isinstance(inner, Value) else not inner
            return self.call("neg", operator.neg, inner) if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.IfExp):
            return self.choice(self.value(node.test), self.value(node.body), self.value(node.orelse))
        if isinstance(node, ast.Compare):
            found, left = None, self.value(node.left)
            for op, right in zip(node.ops, map(self.value, node.comparators), strict=True):
                one = self.call(*_OPERATORS[type(op)], left, right)
                found, left = one if found is None else self.call("bitwise_and", operator.and_, found, one), right
            return found
        if isinstance(node, ast.BoolOp):
            parts = [self.value(v) for v in node.values]
            name, plain = _OPERATORS[ast.BitAnd if isinstance(node.op, ast.And) else ast.BitOr]
            found = parts[0]
            for part in parts[1:]:
                found = self.call(name, plain, found, part)
            return found
        assert isinstance(node, ast.Call)
        name, args = node.func.attr, [self.value(a) for a in node.args]  # type: ignore[attr-defined]
        if name == "isfinite":
            wrong = self.g.op("Or", self.call("isnan", None, *args), self.call("isinf", None, *args))
            return self.g.op("Not", wrong)
        return self.call(name, None, *args)
