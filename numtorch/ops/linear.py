"""``linear``, with an optional activation in the same pass: each panel of the product is activated while it is in the
cache.

Owns the list of these activations. The loop over a panel is generated from the activation's own scalar body, so both
ways compute the same formula.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel, operations
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME
from numtorch.dtype import FLOATS, dtype
from numtorch.exports import exported
from numtorch.kernels import gemm
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen.elementwise import ENV, type_name
from numtorch.kernels.codegen.scalar import emit
from numtorch.kernels.jit import Jit, compile_source
from numtorch.ops import matmul_cuda
from numtorch.ops.activation import gelu_erf, gelu_tanh, relu, sigmoid, silu, tanh
from numtorch.ops.arithmetic import le, where
from numtorch.ops.matmul import matmul, rows, sum_of_products
from numtorch.ops.movement import transpose
from numtorch.ops.reduction import sum, sum_of_rows

ACTIVATIONS: dict[str, Any] = {
    "relu": relu,
    "gelu": gelu_erf,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "sigmoid": sigmoid,
    "tanh": tanh,
}


@cache
def epilogue(activation: str, d: dtype) -> Jit:
    """The loop that activates ``count`` elements of c in place."""
    compute = type_name(d.compute)
    lines, (result,) = emit([_formula(activation)], compute)
    body = ["x = row[at]", *lines, f"row[at] = {result}"]
    # A slice, because LLVM does not vectorise a loop from ``start`` on.
    text = ["def activate(c, start, count):", "    row = c[start : start + count]", "    for at in range(row.size):"]
    source = "\n".join([*text, *[f"        {line}" for line in body]]) + "\n"
    return compile_source(source, "activate", ENV, f"{activation} after a product: {d.name}", _nrt=False)


# --- the product and the bias ---------------------------------------------------------------------


def _cost(out: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *rest: Any, **named: Any) -> tuple[int, int]:
    return nbytes(out, x, w, b), numel(out) * (2 * w.shape[1] + (b is not None))


def _backward_cost(grads: tuple, g: Tensor, x: Tensor, w: Tensor, *, needs: tuple) -> tuple[int, int]:
    read = nbytes(g, x if needs[1] else None, w if needs[0] else None)
    return nbytes(grads) + read, numel(g) * (2 * w.shape[1] * (needs[0] + needs[1]) + needs[2])


@exported("nn.functional")
@op(
    cost=_cost,
    out=SAME,
    samples=lambda: [
        ((3, 4), (5, 4), (5,)),
        ((3, 4), (5, 4), None),
        ((2, 3, 4), (5, 4), (5,)),
        ((4,), (5, 4), (5,)),
        ((3, 4), (4,), ()),
        ((3, 4), (5, 4), (3, 1)),
    ],
    ref=lambda x, w, b=None: x @ w.T + (0 if b is None else b),
)
def linear(x, w, b=None, *, activation: str | None = None):
    """``input @ weight.T + bias``.

    Args:
        input: (*, in_features).
        weight: (out_features, in_features); or (in_features) for a single feature without a dimension.
        bias: (out_features), or what broadcasts to the result; all are of one type.
        activation: differs from torch: one of ``"relu"``, ``"gelu"``, ``"gelu_tanh"``, ``"silu"``, ``"sigmoid"`` and
            ``"tanh"``, applied to the result while it is in the cache.

    Returns:
        (*, out_features).

    Raises:
        RuntimeError: the shapes or types do not fit.
        TypeError: an operand is no tensor.
        ValueError: another ``activation``.

    >>> x, w = torch.ones(1, 2), torch.tensor([[1.0, 2.0]])
    >>> torch.nn.functional.linear(x, w, torch.tensor([10.0]))
    tensor([[13.]])
    >>> torch.nn.functional.linear(x, w, torch.tensor([-9.0]), activation="relu")
    tensor([[0.]])
    """
    y = matmul(x, transpose(w, 0, 1))
    return y if b is None else y + b


@linear.arguments
def _(x, w, b, activation):
    if activation is not None:
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"linear: expected activation to be one of {', '.join(map(repr, ACTIVATIONS))}, got {activation!r}"
            )
        return _activated
    if w.ndim != 2 or not x.ndim:
        return _of_vectors
    if b is not None and b.shape != w.shape[:1] and b.dtype is w.dtype:
        _check(x, w, None)
        if _expands(b.shape, (*x.shape[:-1], w.shape[0])):
            return _with_broadcast_bias
    return _checked(x, w, b, None)


def _checked(x: Tensor, w: Tensor, b: Tensor | None, *rest: Any) -> tuple:
    """The rule of all ops here: nothing is changed."""
    _check(x, w, b)
    return x, w, b, *rest


def _check(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    n, k = w.shape
    if x.shape[-1] != k or x.dtype is not w.dtype:
        if x.dtype is not w.dtype:
            raise RuntimeError(
                f"linear: mat1 and mat2 must have the same dtype, but got {x.dtype.name} and {w.dtype.name}; cast the "
                f"input with .to(torch.{w.dtype.name})"
            )
        raise RuntimeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied ({prod(x.shape[:-1])}x{x.shape[-1]} and {k}x{n}): the "
            f"input's last dimension is {x.shape[-1]}, the layer takes {k}"
        )
    if b is not None and (b.shape != (n,) or b.dtype is not x.dtype):
        if b.dtype is not x.dtype:
            raise RuntimeError(
                f"linear: self and mat2 must have the same dtype, but got bias of type {b.dtype.name} and input of "
                f"type {x.dtype.name}; cast one with .to(...)"
            )
        raise RuntimeError(f"linear: bias has shape {list(b.shape)}, the weight {list(w.shape)} needs [{n}]")


def _expands(shape: tuple, to: tuple) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))


def _with_broadcast_bias(x: Tensor, w: Tensor, b: Tensor, activation: None) -> Tensor:
    return linear(x, w) + b


def _activated(x: Tensor, w: Tensor, b: Tensor | None, activation: str) -> Tensor:
    """``linear`` and an activation: one op where the bias has one number for each feature."""
    if w.ndim != 2 or not x.ndim or (b is not None and b.shape != w.shape[:1]):
        return ACTIVATIONS[activation](linear(x, w, b))
    return linear_relu(x, w, b) if activation == "relu" else linear_act(x, w, b, activation)


def _of_vectors(x: Tensor, w: Tensor, b: Tensor | None, activation: None) -> Tensor:
    """``linear`` with a weight of one dimension, (in_features), whose result has none for the features."""
    if not x.shape or not w.shape:
        raise RuntimeError(
            f"linear: both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D"
        )
    if w.ndim > 2 or (b is not None and b.shape):
        raise RuntimeError(
            "linear: weight must be 2D (out_features, in_features), or 1D (in_features) with a bias of no dimension, "
            f"got weight of shape {list(w.shape)} and bias of shape {None if b is None else list(b.shape)}"
        )
    if b is not None and b.dtype is not w.dtype:
        raise RuntimeError(
            f"linear: weight and bias must have the same dtype, but got {w.dtype.name} and {b.dtype.name}"
        )
    y = matmul(x, w)
    return y if b is None else y + b


@linear.vjp(cost=_backward_cost, wide=False)
def _(g, x, w, *, needs):
    flat = rows(g)
    gx = matmul(g, w) if needs[0] else None
    gw = matmul(transpose(flat, 0, 1), rows(x)) if needs[1] else None
    return gx, gw, (sum(flat, 0) if needs[2] else None)


def _loop(x: Tensor, w: Tensor, b: Tensor | None, *activated: Any) -> Loop:
    m, (n, k) = prod(x.shape[:-1]), w.shape
    made_of = (x._k.dtype.storage, m, n, k, b is not None, *activated)
    return Loop(gemm.linear, (), like(x, (*x.shape[:-1], n)), made_of=made_of)


@linear.loop("cpu", dtypes=FLOATS)
def fused(x, w, b):
    """One product with the bias added as results leave the registers."""
    return _loop(x, w, b)


@linear.backward.loop("cpu", dtypes=FLOATS, name="fused")
def _(g, x, w, needs):
    """Both products straight from the operands as they lie, and the column sums of ``g``."""
    to_x = (g._k.dtype.storage, prod(g.shape[:-1]), *reversed(w.shape))
    return (
        Loop(gemm.gemm, (), like(x), operands=(g, w), made_of=to_x) if needs[0] else None,
        sum_of_products(g, x, like(w)) if needs[1] else None,
        sum_of_rows(g) if needs[2] else None,
    )


@linear.loop("cuda", dtypes=FLOATS)
def tiled(x, w, b):
    """The tiled product, the bias added as results leave the registers."""
    n, k = w.shape
    sizes = (1, prod(x.shape[:-1]), n, k, False, True, 0, 0)
    return matmul_cuda.loop(like(x, (*x.shape[:-1], n)), (x, w, w if b is None else b), sizes, biased=b is not None)


# --- with an activation ---------------------------------------------------------------------------


@op(
    public=False,
    cost=_cost,
    samples=lambda: [((3, 4), (5, 4), (5,)), ((2, 3, 4), (5, 4), None), ((4,), (5, 4), (5,))],
    ref=lambda *given: np.maximum(linear.op.ref(*given), 0),
)
def linear_relu(x, w, b=None):
    """``relu(x @ w.T + b)``; its gradient needs the result alone."""
    return relu(linear(x, w, b))


linear_relu.arguments(_checked)


def _relu_backward_cost(grads: tuple, g: Tensor, x: Tensor, w: Tensor, out: Tensor, *, needs: tuple) -> tuple[int, int]:
    moved, flops = _backward_cost(grads, g, x, w, needs=needs)
    return moved + nbytes(out), flops


@linear_relu.vjp(cost=_relu_backward_cost)
def _(g, x, w, out, *, needs):
    return linear.op.gradient.vjp(where(le(out, 0), 0.0, g), x, w, needs=needs)


@linear_relu.loop("cpu", dtypes=FLOATS, name="fused")
def _(x, w, b):
    """One product; bias and relu as results leave the registers."""
    return _loop(x, w, b, True)


@linear_relu.backward.kernel("cpu", dtypes=FLOATS, name="fused")
def fused_relu_backward(g, x, w, out, *, needs):
    """The mask in one pass, then both products from the operands as they lie."""
    return linear.op.gradient.compute(where(le(out, 0), 0.0, g), x, w, needs=needs)


def _formula(activation: str) -> expr.Expr:
    return expr.apply(ACTIVATIONS[activation].op, [expr.symbol("x")])


def _act_cost(out: Tensor, x: Tensor, w: Tensor, b: Tensor | None, activation: str) -> tuple[int, int]:
    moved, flops = _cost(out, x, w, b)
    return moved, flops + numel(out) * operations([_formula(activation)], x._k.dtype.name)


@op(
    public=False,
    cost=_act_cost,
    samples=lambda: [
        ((3, 4), (5, 4), (5,), "gelu"),
        ((3, 4), (5, 4), None, "silu"),
        ((2, 3, 4), (1, 4), (1,), "tanh"),
        ((4,), (5, 4), (5,), "gelu_tanh"),
        ((9, 2), (3, 2), None, "sigmoid"),
    ],
    ref=lambda x, w, b, activation: ACTIVATIONS[activation].op.ref(linear.op.ref(x, w, b)),
)
def linear_act(x, w, b=None, activation: str = "gelu"):
    """An activation of ``x @ w.T + b``. Its gradient needs what was activated, so a graph records the two steps."""
    return ACTIVATIONS[activation](linear(x, w, b))


linear_act.arguments(_checked)


@linear_act.loop("cpu", dtypes=FLOATS, name="fused")
def _(x, w, b, activation):
    """One product; each panel of rows is activated once it is stored."""
    return _loop(x, w, b, False, epilogue(activation, x._k.dtype))
