"""What an op must do at the least: bytes that have to move and arithmetic that has to be done.

One definition each, for every row of the profiler and every roof that it is held against:

    bytes   compulsory traffic: every element that must be read, once, and every element of the results, once,
            times its size. An element seen through a broadcast view counts once; scratch memory does not count.
    FLOPs   arithmetic operators and calls of mathematical functions, one each per element: an addition is one, a
            fused multiply-add two, ``exp`` one. Comparisons, choices, casts and address arithmetic are none.

Formulas of loops follow from their expressions. A kernel that is written by hand has its op's ``cost``: a function
``cost(result, *arguments of the kernel) -> (bytes, flops)``. Views cost nothing.
"""

from __future__ import annotations

import ast
from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.kernels.codegen.elementwise import FULL, ONE
from numtorch.kernels.codegen.expr import Expr, leaves
from numtorch.kernels.codegen.scalar import body_of
from numtorch.kernels.timing import Work


def nbytes(*values: Any) -> int:
    """Bytes of the distinct elements of tensors; of those in tuples; None and numbers have none.

    >>> import numtorch as torch
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


def per_output(flops: float) -> Any:
    """The cost of an op that reads its operands, writes its result and computes ``flops`` for each element of it."""

    def cost(result: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
        out = result if isinstance(result, Tensor) else next(r for r in result if r is not None)
        return nbytes(result, *arguments, *options.values()), int(flops * numel(out))

    return cost


def per_input(flops: float) -> Any:
    """The cost of an op that reads its operands, writes its result and computes ``flops`` for each element of the first."""

    def cost(result: Any, x: Any, *arguments: Any, **options: Any) -> tuple[int, int]:
        return nbytes(result, x, *arguments, *options.values()), int(flops * numel(x))

    return cost


def touched(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many of ``n`` positions ``out`` windows see: with wide strides, not all.

    >>> from numtorch.dispatch.cost import touched
    >>> touched(10, 5, 1, 2, 0), touched(10, 8, 3, 1, 0)
    (5, 10)
    """
    return len({p for i in range(out) for k in range(kernel) if 0 <= (p := i * stride + k * dilation - padding) < n})


# --- loops from expressions -----------------------------------------------------------------------


def operations(outputs: list[Expr]) -> int:
    """Arithmetic operators and function calls for one element; a shared subexpression is computed once."""
    count, todo, seen = 0, list(outputs), set()
    while todo:
        e = todo.pop()
        if id(e) in seen or e.op is None:
            continue
        seen.add(id(e))
        body = body_of(e.op.scalar)
        for part in (*[a.value for a in body.assignments], body.result):
            for n in ast.walk(part):
                count += isinstance(n, ast.BinOp | ast.Call) or (isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.USub)
                                                                 and not isinstance(n.operand, ast.Constant))
        todo.extend(e.args)
    return count


def elementwise_work(outputs: list[Expr], names: list[str], values: tuple, walks: tuple, results: tuple, shape: tuple, form: str,
                     compute: Any, inplace: bool, given: bool) -> Work:
    """The work of an elementwise loop.

    Args:
        names, values: of its operands, tensors and numbers; ``walks`` how it goes through them.
        results: dtypes of what it writes, for ``shape`` elements each; ``given`` says that the memory is not new.
        inplace: the first operand is what is written.
    """
    ops, n = operations(outputs), prod(shape)
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
    return Work("", d.name, 0, 0, 0, ((arrays + written) * d.itemsize, operations(values), 0), 0)


def reduction_work(r: Any, x: Any, extents: tuple, target: Any) -> Work:
    """The work of a reduction loop: each element read, treated and combined; each result finished and written."""
    outer, n, inner = extents
    treated = sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(r.each, mode="eval")))
    finished = sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(r.finish, mode="eval")))
    results = outer * inner
    arithmetic = 0 if r.each == "v != 0" else treated + 1
    return Work(str(list(x.shape)), x._k.dtype.name, results * n * x._k.dtype.itemsize + results * target.itemsize,
                results * n * arithmetic + results * finished, results * target.itemsize)
