"""``linear`` with an optional activation in the same pass: each panel of the product is activated while it is in the
cache.

Owns the list of these activations. The loop over a panel is generated from the activation's own scalar body, so both
ways compute the same formula.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, empty
from numtorch.arguments import refused
from numtorch.dispatch.cost import nbytes, numel, operations
from numtorch.dispatch.op import op
from numtorch.dispatch.out import SAME, into
from numtorch.dtype import FLOATS, dtype
from numtorch.exports import exported
from numtorch.kernels import gemm
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen.elementwise import ENV, type_name
from numtorch.kernels.codegen.scalar import emit
from numtorch.kernels.jit import Jit, compile_source
from numtorch.ops import linear as plain
from numtorch.ops.activation import gelu_erf, gelu_tanh, relu, sigmoid, silu, tanh
from numtorch.ops.arithmetic import le, where
from numtorch.ops.linear import _affine_backward_cost, _affine_cost, _bias, _check_linear, affine, fused_backward
from numtorch.ops.movement import contiguous, reshape, transpose
from numtorch.ops.reduction import sum
from numtorch.storage import Size

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


def _run(x: Tensor, w: Tensor, b: Tensor | None, **how: Any) -> Tensor:
    m, n, k = _check_linear(x, w, b)
    out = empty(Size((*x.shape[:-1], n)), x._k.dtype, x._k.device)
    gemm.linear(contiguous(x)._buf, contiguous(w)._buf, _bias(x, b), out._buf, m, n, k, **how)
    return out


@op(
    name="linear_relu",
    public=False,
    cost=_affine_cost,
    samples=lambda: [((3, 4), (5, 4), (5,)), ((2, 3, 4), (5, 4), None), ((4,), (5, 4), (5,))],
    ref=lambda *given: np.maximum(affine.op.ref(*given), 0),
)
def affine_relu(x, w, b=None):
    """``relu(x @ w.T + b)``; its gradient needs the result alone."""
    return relu(affine(x, w, b))


def _relu_backward_cost(grads: tuple, g: Tensor, x: Tensor, w: Tensor, out: Tensor, *, needs: tuple) -> tuple[int, int]:
    moved, flops = _affine_backward_cost(grads, g, x, w, needs=needs)
    return moved + nbytes(out), flops


@affine_relu.vjp(cost=_relu_backward_cost)
def _(g, x, w, out, *, needs):
    flat = plain.rows(where(le(out, 0), 0.0, g))
    gx = reshape(plain.product(flat, w), x.shape) if needs[0] else None
    gw = plain.product(transpose(flat, 0, 1), plain.rows(x)) if needs[1] else None
    return gx, gw, (sum(flat, 0) if needs[2] else None)


@affine_relu.kernel("cpu", dtypes=FLOATS, name="fused")
def fused_relu(x, w, b=None):
    """One product; bias and relu as results leave the registers."""
    return _run(x, w, b, relu=True)


@affine_relu.backward.kernel("cpu", dtypes=FLOATS, name="fused")
def fused_relu_backward(g, x, w, out, *, needs):
    """The mask in one pass, then both products from the operands as they lie."""
    return fused_backward(where(le(out, 0), 0.0, g), x, w, needs=needs)


def _formula(activation: str) -> expr.Expr:
    return expr.apply(ACTIVATIONS[activation].op, [expr.symbol("x")])


def _act_cost(out: Tensor, x: Tensor, w: Tensor, b: Tensor | None, activation: str) -> tuple[int, int]:
    moved, flops = _affine_cost(out, x, w, b)
    return moved, flops + numel(out) * operations([_formula(activation)], x._k.dtype.name)


@op(
    name="linear_act",
    public=False,
    select=("activation",),
    cost=_act_cost,
    samples=lambda: [
        ((3, 4), (5, 4), (5,), "gelu"),
        ((3, 4), (5, 4), None, "silu"),
        ((2, 3, 4), (1, 4), (1,), "tanh"),
        ((4,), (5, 4), (5,), "gelu_tanh"),
        ((9, 2), (3, 2), None, "sigmoid"),
    ],
    ref=lambda x, w, b, activation: ACTIVATIONS[activation].op.ref(affine.op.ref(x, w, b)),
)
def affine_act(x, w, b=None, activation: str = "gelu"):
    """An activation of ``x @ w.T + b``. Its gradient needs what was activated, so a graph records the two steps."""
    return ACTIVATIONS[activation](affine(x, w, b))


@affine_act.kernel("cpu", dtypes=FLOATS, name="fused")
def fused_act(x, w, b=None, activation="gelu"):
    """One product; each panel of rows is activated once it is stored."""
    return _run(x, w, b, epilogue=epilogue(activation, x._k.dtype))


@exported("nn.functional")
def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str | None = None, out: Any = None
) -> Tensor:
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
    if out is not None:
        return into(out, SAME, linear, input, weight, bias, activation=activation)
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(
            f"linear: expected activation to be one of {', '.join(map(repr, ACTIVATIONS))}, got {activation!r}"
        )
    try:
        if len(weight.shape) != 2 or not input.shape:
            return _of_vectors(input, weight, bias, activation)
    except AttributeError as e:
        raise refused(e, "linear", input=input, weight=weight) from None
    try:
        if activation is None:
            return affine(input, weight, bias)
        return affine_relu(input, weight, bias) if activation == "relu" else affine_act(input, weight, bias, activation)
    except RuntimeError:
        if bias is None or bias.shape == weight.shape[:1] or bias.dtype is not weight.dtype:
            raise
        y = affine(input, weight)
        if not _expands(bias.shape, y.shape):
            raise
        return _activated(y + bias, activation)


def _expands(shape: Size, to: Size) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))


def _activated(y: Tensor, activation: str | None) -> Tensor:
    return y if activation is None else ACTIVATIONS[activation](y)


def _of_vectors(x: Tensor, w: Tensor, b: Tensor | None, activation: str | None) -> Tensor:
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
    y = plain.matmul(x, w)
    return _activated(y if b is None else y + b, activation)
