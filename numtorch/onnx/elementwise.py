"""Elementwise functions, comparisons and reductions in ONNX."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch.onnx.graph import Graph, Value
from numtorch.onnx.table import alike, common, dims_of, exporter, floating, operand

# --- one operand ------------------------------------------------------------------------------------------

_SAME = {"neg": "Neg", "abs": "Abs", "sign": "Sign"}
_ROUNDED = {"floor": "Floor", "ceil": "Ceil", "round": "Round"}
_FLOATS = {"exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin"} | {
    "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "erf": "Erf", "sigmoid": "Sigmoid", "reciprocal": "Reciprocal",
}  # fmt: skip
_ACTIVATIONS = {"softsign": "Softsign", "mish": "Mish", "hardswish": "HardSwish", "selu": "Selu"}
_OTHER_NAMES = {
    "__neg__": "neg", "__abs__": "abs", "absolute": "abs", "negative": "neg", "sgn": "sign", "expit": "sigmoid",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip


def _unary(kind: str, floats: bool) -> Any:
    def write(g: Graph, input: Value, inplace: bool = False, *, out: None = None) -> Value:
        return g.op(kind, floating(g, input) if floats else input)

    return write


for _name, _kind in _SAME.items():
    exporter(_name, *[a for a, b in _OTHER_NAMES.items() if b == _name])(_unary(_kind, False))
for _name, _kind in (_FLOATS | _ACTIVATIONS).items():
    exporter(_name, *[a for a, b in _OTHER_NAMES.items() if b == _name])(_unary(_kind, True))


def _rounding(kind: str) -> Any:
    def write(g: Graph, input: Value, *, decimals: int = 0, out: None = None) -> Value:
        if not input.dtype.is_floating_point:
            return g.op("Identity", input)
        if not decimals:
            return g.op(kind, input)
        scale = g.constant(10.0**decimals, input.dtype)
        return g.op("Div", g.op(kind, g.op("Mul", input, scale)), scale)

    return write


for _name, _kind in _ROUNDED.items():
    exporter(_name)(_rounding(_kind))


@exporter("trunc", "fix")
def trunc(g: Graph, input: Value) -> Value:
    """Toward zero."""
    if not input.dtype.is_floating_point:
        return g.op("Identity", input)
    return g.op("Mul", g.op("Sign", input), g.op("Floor", g.op("Abs", input)))


@exporter("frac")
def frac(g: Graph, input: Value) -> Value:
    """What ``trunc`` leaves."""
    return g.op("Sub", input, trunc(g, input))


@exporter("relu", "nn.functional.relu")
def relu(g: Graph, input: Value, inplace: bool = False) -> Value:
    """max(x, 0)."""
    return g.op("Relu", input)


@exporter("exp2")
def exp2(g: Graph, input: Value) -> Value:
    """Two to a power."""
    x = floating(g, input)
    return g.op("Pow", g.constant(2.0, x.dtype), x, like=x)


@exporter("expm1")
def expm1(g: Graph, input: Value) -> Value:
    """exp(x) - 1."""
    x = floating(g, input)
    return g.op("Sub", g.op("Exp", x), g.constant(1.0, x.dtype))


@exporter("log1p")
def log1p(g: Graph, input: Value) -> Value:
    """log(1 + x)."""
    x = floating(g, input)
    return g.op("Log", g.op("Add", x, g.constant(1.0, x.dtype)))


def _logarithm(base: float) -> Any:
    def write(g: Graph, input: Value) -> Value:
        x = floating(g, input)
        return g.op("Div", g.op("Log", x), g.constant(math.log(base), x.dtype))

    return write


exporter("log2")(_logarithm(2.0))
exporter("log10")(_logarithm(10.0))


@exporter("rsqrt")
def rsqrt(g: Graph, input: Value) -> Value:
    """1 / sqrt(x)."""
    return g.op("Reciprocal", g.op("Sqrt", floating(g, input)))


@exporter("erfc")
def erfc(g: Graph, input: Value) -> Value:
    """1 - erf(x)."""
    x = floating(g, input)
    return g.op("Sub", g.constant(1.0, x.dtype), g.op("Erf", x), like=x)


@exporter("square")
def square(g: Graph, input: Value) -> Value:
    """x * x."""
    return g.op("Mul", input, input)


@exporter("logit")
def logit(g: Graph, input: Value, eps: float | None = None) -> Value:
    """log(x / (1 - x))."""
    x = floating(g, input)
    if eps is not None:
        x = g.op("Clip", x, g.constant(eps, x.dtype), g.constant(1 - eps, x.dtype))
    return g.op("Log", g.op("Div", x, g.op("Sub", g.constant(1.0, x.dtype), x, like=x)))


@exporter("silu")
def silu(g: Graph, input: Value, inplace: bool = False) -> Value:
    """x * sigmoid(x)."""
    return g.op("Mul", input, g.op("Sigmoid", input))


@exporter("logsigmoid")
def logsigmoid(g: Graph, input: Value) -> Value:
    """log(sigmoid(x))."""
    return g.op("Neg", g.op("Softplus", g.op("Neg", input)))


@exporter("nn.functional.gelu", "op.gelu")
def gelu(g: Graph, input: Value, approximate: str = "none") -> Value:
    """x * Phi(x)."""
    if g.opset >= 20:
        return g.op("Gelu", input, approximate=approximate)

    def c(v: float) -> Value:
        return g.constant(v, input.dtype)

    if approximate == "tanh":
        cube = g.op("Mul", g.op("Mul", input, input), input)
        inner = g.op("Mul", g.op("Add", input, g.op("Mul", cube, c(0.044715))), c(math.sqrt(2 / math.pi)))
        bent = g.op("Tanh", inner)
    else:
        bent = g.op("Erf", g.op("Div", input, c(math.sqrt(2.0))))
    return g.op("Mul", g.op("Mul", input, c(0.5)), g.op("Add", bent, c(1.0)))


@exporter("op.gelu_tanh")
def gelu_tanh(g: Graph, input: Value) -> Value:
    """x * Phi(x), with the tangent in place of Phi."""
    return gelu(g, input, "tanh")


@exporter("nn.functional.relu6")
def relu6(g: Graph, input: Value, inplace: bool = False) -> Value:
    """min(max(x, 0), 6)."""
    return g.op("Clip", input, g.constant(0, input.dtype), g.constant(6, input.dtype))


@exporter("nn.functional.hardtanh", "op.hardtanh")
def hardtanh(g: Graph, input: Value, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Value:
    """Between two bounds."""
    return g.op("Clip", input, g.constant(min_val, input.dtype), g.constant(max_val, input.dtype))


@exporter("nn.functional.hardsigmoid", "op.hardsigmoid")
def hardsigmoid(g: Graph, input: Value, inplace: bool = False) -> Value:
    """clip(x / 6 + 1/2, 0, 1)."""
    return g.op("HardSigmoid", input, alpha=1 / 6, beta=0.5)


@exporter("nn.functional.leaky_relu", "op.leaky_relu")
def leaky_relu(g: Graph, input: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    """max(x, 0) + slope * min(x, 0)."""
    return g.op("LeakyRelu", input, alpha=float(negative_slope))


@exporter("nn.functional.elu", "op.elu")
def elu(g: Graph, input: Value, alpha: float = 1.0, inplace: bool = False) -> Value:
    """max(x, 0) + min(0, alpha * (exp(x) - 1))."""
    return g.op("Elu", input, alpha=float(alpha))


@exporter("nn.functional.celu", "celu")
def celu(g: Graph, input: Value, alpha: float = 1.0, inplace: bool = False) -> Value:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return g.op("Celu", input, alpha=float(alpha))


@exporter("nn.functional.softplus")
def softplus(g: Graph, input: Value, beta: float = 1.0, threshold: float = 20.0) -> Value:
    """log(1 + exp(beta x)) / beta."""
    if beta == 1:
        return g.op("Softplus", input)
    scale = g.constant(beta, input.dtype)
    return g.op("Div", g.op("Softplus", g.op("Mul", input, scale)), scale)


@exporter("nn.functional.threshold", "threshold")
def threshold(g: Graph, input: Value, threshold: float, value: float, inplace: bool = False) -> Value:
    """x where it is above a threshold, else a value."""
    above = g.op("Greater", input, g.constant(threshold, input.dtype), dtype=torch.bool)
    return g.op("Where", above, input, g.constant(value, input.dtype), like=input)


@exporter("nn.functional.hardshrink", "hardshrink")
def hardshrink(g: Graph, input: Value, lambd: float = 0.5) -> Value:
    """x where it is beyond lambda, else 0."""
    return g.op("Shrink", input, lambd=float(lambd), bias=0.0)


@exporter("nn.functional.softshrink", "softshrink")
def softshrink(g: Graph, input: Value, lambd: float = 0.5) -> Value:
    """x drawn toward 0 by lambda."""
    return g.op("Shrink", input, lambd=float(lambd), bias=float(lambd))


@exporter("nn.functional.tanhshrink")
def tanhshrink(g: Graph, input: Value) -> Value:
    """x - tanh(x)."""
    return g.op("Sub", input, g.op("Tanh", input))


@exporter("nn.functional.prelu", "prelu")
def prelu(g: Graph, input: Value, weight: Value) -> Value:
    """max(x, 0) + weight * min(x, 0), a weight a channel."""
    if weight.shape and weight.shape[0] > 1 and input.ndim > 2:
        weight = g.reshape(weight, [weight.shape[0]] + [1] * (input.ndim - 2))
    return g.op("PRelu", input, weight)


# --- two operands ------------------------------------------------------------------------------------------


def _scaled(g: Graph, other: Any, alpha: Any) -> Any:
    if alpha == 1:
        return other
    if not isinstance(other, Value):
        return other * alpha
    return g.op("Mul", *alike(g, other, alpha), like=other)


@exporter("add", "__add__")
def add(g: Graph, input: Any, other: Any, *, alpha: Any = 1) -> Value:
    """A sum."""
    x, y = alike(g, input, _scaled(g, other, alpha))
    return g.op("Or" if x.dtype is torch.bool else "Add", x, y)


@exporter("sub", "subtract", "__sub__")
def sub(g: Graph, input: Any, other: Any, *, alpha: Any = 1) -> Value:
    """A difference."""
    return g.op("Sub", *alike(g, input, _scaled(g, other, alpha)))


@exporter("rsub")
def rsub(g: Graph, input: Any, other: Any, *, alpha: Any = 1) -> Value:
    """The second less the first."""
    return g.op("Sub", *alike(g, other, _scaled(g, input, alpha)))


@exporter("mul", "multiply", "__mul__")
def mul(g: Graph, input: Any, other: Any) -> Value:
    """A product."""
    x, y = alike(g, input, other)
    return g.op("And" if x.dtype is torch.bool else "Mul", x, y)


@exporter("div", "divide", "true_divide", "__truediv__", "__div__")
def div(g: Graph, input: Any, other: Any, *, rounding_mode: str | None = None) -> Value:
    """A quotient."""
    if rounding_mode == "floor":
        return floor_divide(g, input, other)
    dtype = common(input, other)
    if rounding_mode == "trunc":
        x, y = alike(g, input, other)
        return trunc(g, g.op("Div", x, y)) if dtype.is_floating_point else g.op("Div", x, y)
    if not dtype.is_floating_point:
        dtype = torch.get_default_dtype()
    return g.op("Div", *alike(g, input, other, dtype=dtype))


@exporter("floor_divide", "__floordiv__")
def floor_divide(g: Graph, input: Any, other: Any) -> Value:
    """A quotient, rounded down."""
    x, y = alike(g, input, other)
    if x.dtype.is_floating_point:
        return g.op("Floor", g.op("Div", x, y))
    return g.op("Div", g.op("Sub", x, g.op("Mod", x, y)), y)


@exporter("remainder", "__mod__")
def remainder(g: Graph, input: Any, other: Any) -> Value:
    """What a division rounded down leaves, with the sign of the divisor."""
    x, y = alike(g, input, other)
    if x.dtype.is_floating_point:
        return g.op("Sub", x, g.op("Mul", g.op("Floor", g.op("Div", x, y)), y))
    return g.op("Mod", x, y)


@exporter("fmod")
def fmod(g: Graph, input: Any, other: Any) -> Value:
    """What a division rounded to zero leaves."""
    return g.op("Mod", *alike(g, input, other), fmod=1)


@exporter("pow", "__pow__", "float_power")
def pow(g: Graph, input: Any, exponent: Any) -> Value:
    """A power."""
    if exponent == 2 and isinstance(input, Value):
        return g.op("Mul", input, input)
    x, y = alike(g, input, exponent)
    return g.op("Pow", x, y)


@exporter("maximum")
def maximum(g: Graph, input: Value, other: Value) -> Value:
    """The larger of two."""
    return g.op("Max", *alike(g, input, other))


@exporter("minimum")
def minimum(g: Graph, input: Value, other: Value) -> Value:
    """The smaller of two."""
    return g.op("Min", *alike(g, input, other))


@exporter("hypot")
def hypot(g: Graph, input: Value, other: Value) -> Value:
    """sqrt(x^2 + y^2)."""
    x, y = alike(g, input, other)
    return g.op("Sqrt", g.op("Add", g.op("Mul", x, x), g.op("Mul", y, y)))


@exporter("atan2", "arctan2")
def atan2(g: Graph, input: Value, other: Value) -> Value:
    """The angle of (other, input)."""
    y, x = alike(g, floating(g, input), floating(g, other))
    zero, turn = g.constant(0.0, x.dtype), g.constant(math.pi, x.dtype)
    angle = g.op("Atan", g.op("Div", y, x))
    below = g.op("Less", y, zero, dtype=torch.bool)
    around = g.op("Where", below, g.op("Sub", angle, turn), g.op("Add", angle, turn), like=angle)
    return g.op("Where", g.op("Less", x, zero, dtype=torch.bool), around, angle, like=angle)


def _comparison(kind: str, negated: bool = False) -> Any:
    def write(g: Graph, input: Any, other: Any) -> Value:
        x, y = alike(g, input, other)
        if x.dtype is torch.bool and kind != "Equal":
            x, y = g.cast(x, torch.int32), g.cast(y, torch.int32)
        found = g.op(kind, x, y, dtype=torch.bool)
        return g.op("Not", found) if negated else found

    return write


for _names, _kind, _negated in (
    (("eq", "__eq__"), "Equal", False),
    (("ne", "not_equal", "__ne__"), "Equal", True),
    (("lt", "less", "__lt__"), "Less", False),
    (("le", "less_equal", "__le__"), "LessOrEqual", False),
    (("gt", "greater", "__gt__"), "Greater", False),
    (("ge", "greater_equal", "__ge__"), "GreaterOrEqual", False),
):
    exporter(*_names)(_comparison(_kind, _negated))


def _truth(kind: str) -> Any:
    def write(g: Graph, input: Value, other: Value) -> Value:
        return g.op(kind, g.cast(input, torch.bool), g.cast(other, torch.bool))

    return write


def _bits(truths: str, integers: str) -> Any:
    def write(g: Graph, input: Any, other: Any) -> Value:
        x, y = alike(g, input, other)
        return g.op(truths if x.dtype is torch.bool else integers, x, y)

    return write


for _word, _kind in (("and", "And"), ("or", "Or"), ("xor", "Xor")):
    exporter(f"logical_{_word}")(_truth(_kind))
    exporter(f"bitwise_{_word}", f"__{_word}__", f"op.bits_{_word}")(_bits(_kind, f"Bitwise{_kind}"))


@exporter("logical_not")
def logical_not(g: Graph, input: Value) -> Value:
    """Whether it is zero."""
    return g.op("Not", g.cast(input, torch.bool))


@exporter("bitwise_not", "__invert__", "op.bits_not")
def bitwise_not(g: Graph, input: Value) -> Value:
    """Its bits, turned."""
    return g.op("Not" if input.dtype is torch.bool else "BitwiseNot", input)


@exporter("isnan")
def isnan(g: Graph, input: Value) -> Value:
    """Whether it is not a number."""
    return g.op("IsNaN", floating(g, input), dtype=torch.bool)


@exporter("isinf")
def isinf(g: Graph, input: Value) -> Value:
    """Whether it is infinite."""
    return g.op("IsInf", floating(g, input), dtype=torch.bool)


@exporter("clamp", "clip", "op.clamp_both")
def clamp(g: Graph, input: Value, min: Any = None, max: Any = None) -> Value:
    """Between two bounds."""
    bounds = [b for b in (min, max) if b is not None]
    dtype = common(input, *bounds)
    x = g.cast(input, dtype)
    if min is not None:
        x = g.op("Max", x, operand(g, min, dtype))
    if max is not None:
        x = g.op("Min", x, operand(g, max, dtype))
    return x


@exporter("clamp_min")
def clamp_min(g: Graph, input: Value, min: Any) -> Value:
    """At least a bound."""
    return clamp(g, input, min)


@exporter("clamp_max")
def clamp_max(g: Graph, input: Value, max: Any) -> Value:
    """At most a bound."""
    return clamp(g, input, None, max)


@exporter("where")
def where(g: Graph, condition: Value, input: Any, other: Any) -> Value:
    """One of two, by a condition."""
    dtype = common(input, other) if isinstance(input, Value) or isinstance(other, Value) else g.result.dtype
    x, y = alike(g, input, other, dtype=dtype)
    return g.op("Where", g.cast(condition, torch.bool), x, y, like=x)


@exporter("masked_fill")
def masked_fill(g: Graph, input: Value, mask: Value, value: Any) -> Value:
    """A value where a mask is True."""
    return g.op("Where", mask, operand(g, value, input.dtype), input, like=input)


@exporter("lerp")
def lerp(g: Graph, input: Value, end: Value, weight: Any) -> Value:
    """From one to the other."""
    way = g.op("Sub", end, input)
    return g.op("Add", input, g.op("Mul", way, operand(g, weight, input.dtype)))


@exporter("addcmul")
def addcmul(g: Graph, input: Value, tensor1: Value, tensor2: Value, *, value: Any = 1) -> Value:
    """x + value * a * b."""
    product = g.op("Mul", tensor1, tensor2)
    return add(g, input, product, alpha=value)


# --- types --------------------------------------------------------------------------------------------------


def _to(dtype: torch.dtype) -> Any:
    def write(g: Graph, input: Value, *args: Any, **kwargs: Any) -> Value:
        return g.cast(input, dtype)

    return write


for _name, _dtype in (
    ("float", torch.float32), ("double", torch.float64), ("half", torch.float16), ("bfloat16", torch.bfloat16),
    ("int", torch.int32), ("long", torch.int64), ("short", torch.int16), ("char", torch.int8), ("byte", torch.uint8),
    ("bool", torch.bool),
):  # fmt: skip
    exporter(_name)(_to(_dtype))


@exporter("to", "type_as", "type", "op.cast")
def to(g: Graph, input: Value, *args: Any, **kwargs: Any) -> Value:
    """In the type of the result."""
    return g.cast(input, g.result.dtype)


def _itself(g: Graph, input: Value, *args: Any, **kwargs: Any) -> Value:
    return g.op("Identity", input)


exporter(
    "clone", "detach", "contiguous", "cpu", "positive", "__pos__", "alias", "data", "resolve_conj", "resolve_neg",
    "nn.functional.dropout1d", "nn.functional.dropout2d", "nn.functional.dropout3d", "requires_grad",
)(_itself)  # fmt: skip


@exporter("nn.functional.dropout", "nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout", "dropout")
def dropout(g: Graph, input: Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    """Nothing, but in training."""
    if not training or p == 0:
        return g.op("Identity", input)
    return g.op("Dropout", input, g.constant(p, torch.float32), g.constant(True))


# --- reductions ---------------------------------------------------------------------------------------------


def _reduce(g: Graph, kind: str, x: Value, dim: Any, keepdim: bool) -> Value:
    dims = dims_of(dim, x.ndim)
    shape = [1 if i in dims else s for i, s in enumerate(x.shape)]
    if not keepdim:
        shape = [s for i, s in enumerate(x.shape) if i not in dims]
    if not x.ndim:
        return g.op("Identity", x)
    return g.op(kind, x, g.ints(dims), shape=shape, keepdims=int(keepdim))


@exporter("sum")
def sum(g: Graph, input: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    """A sum along dimensions."""
    return _reduce(g, "ReduceSum", g.cast(input, g.result.dtype), dim, keepdim)


@exporter("mean")
def mean(g: Graph, input: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    """A mean along dimensions."""
    return _reduce(g, "ReduceMean", g.cast(input, g.result.dtype), dim, keepdim)


@exporter("prod")
def prod(g: Graph, input: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    """A product along a dimension."""
    return _reduce(g, "ReduceProd", g.cast(input, g.result.dtype), dim, keepdim)


@exporter("logsumexp")
def logsumexp(g: Graph, input: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """log(sum(exp(x)))."""
    return _reduce(g, "ReduceLogSumExp", floating(g, input), dim, keepdim)


def _wide(g: Graph, x: Value) -> Value:
    return g.cast(x, torch.int32) if x.dtype in (torch.bool, torch.int16) else x


@exporter("amax")
def amax(g: Graph, input: Value, dim: Any = (), keepdim: bool = False) -> Value:
    """The largest along dimensions."""
    return g.cast(_reduce(g, "ReduceMax", _wide(g, input), dim, keepdim), input.dtype)


@exporter("amin")
def amin(g: Graph, input: Value, dim: Any = (), keepdim: bool = False) -> Value:
    """The smallest along dimensions."""
    return g.cast(_reduce(g, "ReduceMin", _wide(g, input), dim, keepdim), input.dtype)


def _extreme(largest: bool) -> Any:
    def write(g: Graph, input: Value, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, Value):
            other = dim
        if other is not None:
            return (maximum if largest else minimum)(g, input, other)
        values = (amax if largest else amin)(g, input, dim, keepdim)
        if dim is None:
            return values
        return values, _position(g, "ArgMax" if largest else "ArgMin", input, dim, keepdim)

    return write


exporter("max")(_extreme(True))
exporter("min")(_extreme(False))


def _position(g: Graph, kind: str, input: Value, dim: Any, keepdim: bool) -> Value:
    x = _wide(g, input)
    if dim is None:
        x, dim = g.reshape(x, [-1]), 0
        found = g.op(kind, x, dtype=torch.int64, shape=(), axis=0, keepdims=0)
        return g.reshape(found, [1] * input.ndim) if keepdim else found
    (d,) = dims_of(dim, x.ndim)
    shape = [s for i, s in enumerate(x.shape) if i != d or keepdim]
    return g.op(kind, x, dtype=torch.int64, shape=shape, axis=d, keepdims=int(keepdim))


@exporter("argmax")
def argmax(g: Graph, input: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Where the largest is."""
    return _position(g, "ArgMax", input, dim, keepdim)


@exporter("argmin")
def argmin(g: Graph, input: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Where the smallest is."""
    return _position(g, "ArgMin", input, dim, keepdim)


@exporter("any")
def any(g: Graph, input: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Whether one is not zero."""
    x = g.cast(g.cast(input, torch.bool), torch.int32)
    return g.cast(_reduce(g, "ReduceMax", x, dim, keepdim), torch.bool)


@exporter("all")
def all(g: Graph, input: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Whether none is zero."""
    x = g.cast(g.cast(input, torch.bool), torch.int32)
    return g.cast(_reduce(g, "ReduceMin", x, dim, keepdim), torch.bool)


def _variance(root: bool, both: bool) -> Any:
    def write(
        g: Graph, input: Value, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        dims = dims_of(dim, input.ndim)
        center = _reduce(g, "ReduceMean", input, dims, True)
        away = g.op("Sub", input, center)
        found = _reduce(g, "ReduceMean", g.op("Mul", away, away), dims, keepdim)
        if correction:
            count = g.op("Shape", input, dtype=torch.int64, shape=(input.ndim,))
            count = g.op("Gather", count, g.ints(dims), shape=(len(dims),), axis=0)
            count = g.cast(g.op("ReduceProd", count, g.ints([0]), shape=(), keepdims=0), input.dtype)
            rest = g.op("Sub", count, g.constant(float(correction), input.dtype))
            found = g.op("Mul", found, g.op("Div", count, rest))
        found = g.op("Sqrt", found) if root else found
        if not both:
            return found
        return found, center if keepdim else g.squeeze(center, *dims)

    return write


exporter("var")(_variance(False, False))
exporter("std")(_variance(True, False))
exporter("var_mean")(_variance(False, True))
exporter("std_mean")(_variance(True, True))


@exporter("norm", "linalg.vector_norm")
def norm(
    g: Graph, input: Value, p: Any = None, dim: Any = None, keepdim: bool = False, dtype: Any = None, *, ord: Any = None
) -> Value:
    """The p-norm along dimensions."""
    p = next((v for v in (ord, p) if v is not None), 2)
    if p in ("fro", 2):
        return _reduce(g, "ReduceL2", input, dim, keepdim)
    if p == 1:
        return _reduce(g, "ReduceL1", input, dim, keepdim)
    if p == math.inf:
        return _reduce(g, "ReduceMax", g.op("Abs", input), dim, keepdim)
    if not isinstance(p, int | float) or p == 0 or p == -math.inf:
        raise g.fail(f"norms of order {p} have no form in ONNX that is known here")
    power = g.constant(float(p), input.dtype)
    total = _reduce(g, "ReduceSum", g.op("Pow", g.op("Abs", input), power), dim, keepdim)
    return g.op("Pow", total, g.constant(1 / p, input.dtype))


@exporter("nn.functional.normalize")
def normalize(g: Graph, input: Value, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Value:
    """x / max(norm(x), eps)."""
    length = norm(g, input, p, dim, True)
    return g.op("Div", input, g.op("Max", length, g.constant(eps, input.dtype)))


@exporter("cumsum")
def cumsum(g: Graph, input: Value, dim: int, *, dtype: Any = None) -> Value:
    """Sums of all up to here."""
    (d,) = dims_of(dim, input.ndim)
    return g.op("CumSum", g.cast(input, g.result.dtype), g.constant(d, torch.int64))


@exporter("softmax", "nn.functional.softmax", "special.softmax")
def softmax(g: Graph, input: Value, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Value:
    """exp(x) / sum(exp(x))."""
    return _exponential(g, "Softmax", input, dim)


@exporter("log_softmax", "nn.functional.log_softmax", "special.log_softmax")
def log_softmax(g: Graph, input: Value, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Value:
    """x - logsumexp(x)."""
    return _exponential(g, "LogSoftmax", input, dim)


def _exponential(g: Graph, kind: str, input: Value, dim: Any) -> Value:
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return g.op(kind, g.cast(input, g.result.dtype), axis=dims_of(dim, input.ndim)[0])


@exporter("nn.functional.softmin")
def softmin(g: Graph, input: Value, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Value:
    """softmax(-x)."""
    return softmax(g, g.op("Neg", input), dim)
