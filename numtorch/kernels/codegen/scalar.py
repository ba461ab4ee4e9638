"""Scalar formulas as text: the source of an op's body, with names and types for one kernel.

A scalar body is straight-line Python: assignments, then one ``return``. ``a if c else b`` chooses a value. Such a body
can become vector instructions, and can be pasted into any loop on any device.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

from numtorch.kernels.codegen.expr import Expr

_REAL = {"complex64": "float32", "complex128": "float64"}  # the type of the parts


class Body:
    """The parsed body of a scalar function: parameter names, assignments, and the returned expression."""

    def __init__(self, fn: Callable):
        try:
            tree = _parsed(fn)
        except OSError:
            raise TypeError(
                f"{fn.__name__}: a scalar body is read from its source, which cannot be found; define it in a file or "
                "a notebook cell"
            ) from None
        definition = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda))
        self.params = [a.arg for a in (*definition.args.args, *definition.args.kwonlyargs)]
        self.assignments: list[Any] = []  # ast.Assign, each to one name
        if isinstance(definition, ast.Lambda):
            self.result = definition.body
            return
        statements = [s for s in definition.body if not _is_docstring(s)]
        *before, last = statements
        simple = all(isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) for s in before)
        if not simple or not isinstance(last, ast.Return) or last.value is None:
            where = f"{fn.__code__.co_filename}:{fn.__code__.co_firstlineno}"
            raise SyntaxError(
                f"{fn.__name__} ({where}): a scalar body is assignments to names, then one return; "
                "choose with `a if c else b`"
            )
        self.assignments, self.result = before, last.value


def _parsed(fn: Callable) -> ast.Module:
    code = inspect.unwrap(fn).__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    last = max((end or 0 for _, end, *_ in code.co_positions()), default=0)
    try:  # to find the end by Python's own rules (``inspect``) takes as long as to load all kernels of a model
        if code.co_name != "<lambda>" and code.co_firstlineno <= last <= len(lines):
            return ast.parse(textwrap.dedent("".join(lines[code.co_firstlineno - 1 : last])))
    except SyntaxError:
        pass
    return ast.parse(textwrap.dedent(inspect.getsource(fn)))


@cache
def body_of(fn: Callable) -> Body:
    """The parsed body of ``fn``, read once."""
    return Body(fn)


def _is_docstring(s: ast.stmt) -> bool:
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)


class _Rename(ast.NodeTransformer):
    """Rename variables, wrap literals in the compute type, and drop the module from ``m.tanh``. A quotient of complex
    numbers becomes a call: Numba's own raises an error where the divisor is 0."""

    def __init__(self, names: dict[str, str], compute: str):
        self.names, self.compute = names, compute

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name(node.attr, node.ctx)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Name(literal(node.value, self.compute), ast.Load())

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Div) and self.compute in _REAL:
            return ast.Call(ast.Name("quotient", ast.Load()), [self.visit(node.left), self.visit(node.right)], [])
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        ordered = any(isinstance(o, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for o in node.ops)
        if not ordered or self.compute not in _REAL:
            return self.generic_visit(node)
        # What is compared is real, as an absolute value is, and so are the numbers that it is compared with.
        real = _Rename(self.names, _REAL[self.compute])
        return real.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            value: Any = node.operand.value
            return ast.Name(literal(-value, self.compute), ast.Load())
        return self.generic_visit(node)


def literal(value: Any, compute: str) -> str:
    """A number as kernel text: typed where the kernel computes in floats, so that float32 stays float32."""
    if (
        isinstance(value, bool)
        or compute == "bool_"
        or (isinstance(value, int) and not compute.startswith("float") and compute not in _REAL)
    ):
        return repr(value)
    if isinstance(value, float) and value != value:
        return f"{compute}(nan)"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f"{compute}({'-' if value < 0 else ''}inf)"
    return f"{compute}({value!r})"


def emit(
    outputs: list[Expr],
    compute: str,
    variable: Callable[[str], str] = str,
    done: dict[int, str] | None = None,
    at: int = 0,
) -> tuple[list[str], list[str]]:
    """Lines that evaluate the expressions, and the text of each result; ``variable`` names the operands' variables.

    Shared subexpressions are evaluated once; a single op reads as its own formula. ``done`` has the texts of what is
    known already, by identity; names are numbered from ``at``.
    """
    lines: list[str] = [""] * at
    done = {} if done is None else dict(done)
    results = []
    for e in outputs:
        results.append(_emit(e, compute, lines, done, variable))
    return lines[at:], results


def _emit(root: Expr, compute: str, lines: list[str], done: dict[int, str], variable: Callable[[str], str]) -> str:
    stack = [(root, False)]
    while stack:  # iterative: a fused chain may be longer than Python's stack
        e, ready = stack.pop()
        if id(e) in done:
            continue
        if e.op is None:
            done[id(e)] = variable(e.name) if e.name else literal(e.args[0], compute)
        elif not ready:
            stack.append((e, True))
            stack.extend((a, False) for a in reversed(e.args))
        else:
            done[id(e)] = _inline(e, [done[id(a)] for a in e.args], compute, lines)
    return done[id(root)]


def _inline(e: Expr, args: list[str], compute: str, lines: list[str]) -> str:
    body = body_of(e.op.scalar)
    names = dict(zip(body.params, args, strict=True))
    number = len(lines) + 1
    for s in body.assignments:
        target = s.targets[0].id
        fresh = f"{target}_{number}"
        lines.append(f"{fresh} = {_text(s.value, names, compute)}")
        names[target] = fresh
    result = f"t{number}"
    lines.append(f"{result} = {_text(body.result, names, compute)}")
    return result


def _text(node: ast.expr, names: dict[str, str], compute: str) -> str:
    copy = ast.parse(ast.unparse(node), mode="eval").body
    return ast.unparse(_Rename(names, compute).visit(copy))
