"""The least work of an op: the bytes that must move and the arithmetic that must be done.

The profiler uses one definition of each, for every row and every roof:

    bytes   compulsory traffic: each element that must be read and each element of the results, once, times its size.
            An element of a broadcast view counts once. Scratch memory does not count.
    FLOPs   arithmetic operators per element: an addition is one, a fused multiply-add two. A function like ``exp``
            counts the arithmetic instructions of its compiled formula (``function_operations``).
            Comparisons, choices, casts and address arithmetic count zero.

For generated loops the cost follows from the expressions. For a hand-written kernel the op has a function
``cost(result, *arguments of the kernel) -> (bytes, flops)``. A kernel that needs fewer operations than the definition
has its own cost: the roof uses the operations of the kernel, GFLOP/s those of the definition. Views cost nothing.
"""

from __future__ import annotations

import ast
from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.kernels.codegen.elementwise import FULL, ONE
from numtorch.kernels.codegen.expr import Expr, leaves
from numtorch.kernels.codegen.reduction import Reduction
from numtorch.kernels.codegen.scalar import body_of
from numtorch.kernels.timing import Work


def nbytes(*values: Any) -> int:
    """Bytes of the distinct elements of tensors; of those in tuples; None and numbers have none.

    >>> from numtorch.dispatch.cost import nbytes
    >>> nbytes(torch.ones(3), None, torch.ones(2, 1).expand(2, 5))
    20
    """
    total = 0
    for v in values:
        if isinstance(v, Tensor):
            total += _distinct(v) * v._k.dtype.itemsize
        elif isinstance(v, tuple | list):
            total += nbytes(*v)
    return total


# Arithmetic instructions of the functions of ``kernels.math`` on CPUs, for an element of float32 and of float64; a
# fused multiply-add is two. A test counts them in what LLVM makes of the formulas.
_INSTRUCTIONS = {
    "exp": (24, 34),
    "exp_nonpositive": (20, 30),
    "exp2": (17, 27),
    "expm1": (22, 32),
    "log": (28, 30),
    "log2": (32, 34),
    "log10": (35, 37),
    "log1p": (31, 33),
    "sigmoid": (30, 40),
    "tanh": (34, 44),
    "erf": (48, 90),
    "normal_cdf": (25, 93),
    "rsqrt": (2, 2),
    "sin": (27, 0),
    "cos": (26, 0),
}
COSTLY = 8  # operations from which a value is rather kept than computed again
LIBRARY = 24  # what a function counts that is a call into the C library: about what ``exp`` takes
_LIBRARY = {
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "atan2",
    "sinh",
    "cosh",
    "asinh",
    "acosh",
    "atanh",
    "hypot",
    "erfc",
    "lgamma",
    "pow",
    "fmod",
    "remainder",
}


def function_operations(name: str, dtype: str = "float32") -> int:
    """Operations of one call of a function of ``kernels.math``: the arithmetic instructions of its compiled formula.

    >>> from numtorch.dispatch.cost import function_operations
    >>> function_operations("sqrt"), function_operations("exp"), function_operations("exp", "float64")
    (1, 24, 34)
    """
    counted = _INSTRUCTIONS.get(name, (0, 0))[dtype == "float64"]
    return counted or (LIBRARY if name in _LIBRARY else 1)


def nothing(result: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
    """The cost of a view."""
    return 0, 0


def numel(x: Tensor) -> int:
    """Number of elements."""
    return prod(x.shape)


def _distinct(t: Tensor) -> int:
    if t._k.contiguous:
        return prod(t.shape)
    return prod([n for n, s in zip(t.shape, t.strides, strict=True) if s]) if 0 not in t.shape else 0


def moves(result: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
    """The cost of an op that only moves elements: all operands in, all results out, no arithmetic."""
    return nbytes(result, *arguments, *options.values()), 0


def picks(result: Any, x: Any, index: Any, *arguments: Any) -> tuple[int, int]:
    """The cost of reading elements of ``x`` at positions: what is picked, the positions, the results."""
    return nbytes(result, index) + min(nbytes(result), nbytes(x)), 0


def per_output(flops: float, *functions: str) -> Any:
    """The cost of an op that reads its operands, writes its result and computes ``flops`` and ``functions`` for each
    element of it."""

    def cost(result: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
        out = result if isinstance(result, Tensor) else next(r for r in result if r is not None)
        return nbytes(result, *arguments, *options.values()), int((flops + called(functions, out)) * numel(out))

    return cost


def per_input(flops: float, *functions: str) -> Any:
    """The cost of an op that reads its operands, writes its result and computes ``flops`` and ``functions`` for each
    element of the first."""

    def cost(result: Any, x: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
        return nbytes(result, x, *arguments, *options.values()), int((flops + called(functions, x)) * numel(x))

    return cost


def per_reduced(each: int, finish: int = 0) -> Any:
    """The cost of a reduction: ``each`` operations for an element that it reads, ``finish`` for one that it writes."""

    def cost(result: Any, x: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
        return nbytes(result, x), each * numel(x) + finish * numel(result)

    return cost


def called(functions: tuple[str, ...], x: Tensor) -> int:
    """Operations of one call of each of these functions in the type of ``x``; half types compute in float32."""
    return sum(function_operations(name, x._k.dtype.name) for name in functions)


def touched(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many of ``n`` positions ``out`` windows see: with wide strides, not all.

    >>> from numtorch.dispatch.cost import touched
    >>> touched(10, 5, 1, 2, 0), touched(10, 8, 3, 1, 0)
    (5, 10)
    """
    return len({p for i in range(out) for k in range(kernel) if 0 <= (p := i * stride + k * dilation - padding) < n})


# --- loops from expressions -----------------------------------------------------------------------


def operations(outputs: list[Expr], dtype: str = "float32") -> int:
    """Arithmetic operators and instructions of functions for one element; a shared subexpression is computed once."""
    count, todo, seen = 0, list(outputs), set()
    while todo:
        e = todo.pop()
        if id(e) in seen or e.op is None:
            continue
        seen.add(id(e))
        count += own_operations(e, dtype)
        todo.extend(e.args)
    return count


def own_operations(e: Expr, dtype: str = "float32") -> int:
    """``operations`` of the outermost op of an expression; of a reduction, for each element."""
    if e.op is None:
        return 0
    if isinstance(e.op, Reduction):
        return ("+" in e.op.combine) + _arithmetic(ast.parse(e.op.each, mode="eval"), dtype)
    body = body_of(e.op.scalar)
    return sum(_arithmetic(part, dtype) for part in (*[a.value for a in body.assignments], body.result))


def costly(e: Expr) -> bool:
    """Whether the outermost op of an expression takes so many instructions that its value is worth keeping."""
    return own_operations(e) >= COSTLY


def _arithmetic(tree: ast.AST, dtype: str) -> int:
    count = 0
    for n in ast.walk(tree):
        if isinstance(n, ast.Call):
            count += function_operations(
                n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", ""), dtype
            )
        else:
            count += isinstance(n, ast.BinOp) or (
                isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub) and not isinstance(n.operand, ast.Constant)
            )
    return count


def row_operations(formula: Any, dtype: str) -> int:
    """Operations of a row formula (``codegen.rows.Formula``) for each element; what each row has one of does not
    count."""
    counted = [e for e in formula.order if formula.full[id(e)] or isinstance(e.op, Reduction)]
    return sum(own_operations(e, dtype) for e in counted)


def elementwise_work(
    outputs: list[Expr],
    names: list[str],
    values: tuple,
    walks: tuple,
    results: tuple,
    shape: tuple,
    form: str,
    compute: Any,
    inplace: bool,
    given: bool,
) -> Work:
    """The work of an elementwise loop.

    Args:
        names, values: of its operands, tensors and numbers; ``walks`` how it goes through them.
        results: dtypes of what it writes, for ``shape`` elements each; ``given`` says that the memory is not new.
        inplace: the first operand is what is written.
    """
    ops, n = operations(outputs, compute.name), prod(shape)
    written = sum(d.itemsize for d in results)
    needed = leaves(outputs)  # a fill does not read what it overwrites
    read = [(v, w) for name, v, w in zip(names, values, walks, strict=True) if isinstance(v, Tensor) and name in needed]
    if form == "flat":
        each = sum(v._k.dtype.itemsize for v, w in read if w is FULL) + written
        fixed = sum(v._k.dtype.itemsize for v, w in read if w is ONE)
        # A front calls this loop for any number of elements.
        return Work("", compute.name, fixed, 0, 0, (each, ops, 0 if given else written), 0 if inplace else -1)
    moved = nbytes(*[v for v, _ in read]) + written * n
    shapes = ", ".join(str(list(v.shape)) for v in values if isinstance(v, Tensor))
    return Work(shapes, compute.name, moved, ops * n, 0 if given else written * n)


def update_work(values: list[Expr], arrays: int, written: int, d: Any) -> Work:
    """The work of an update loop: ``arrays`` operands read, ``written`` of them overwritten."""
    return Work("", d.name, 0, 0, 0, ((arrays + written) * d.itemsize, operations(values, d.name), 0), 0)
