"""What the ops mean, in NumPy, and inputs to try them on: the table that ``test_op_table`` is driven by.

An op needs no line here if it declares its own ``ref`` and, where it is not elementwise, ``samples``.
"""

from __future__ import annotations

import math

import numpy as np

import numtorch
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.op import OPS
from numtorch.dispatch.samples import fan_in, index, mask, positive, rng_of

FLOATING = ("float32", "float64", "bfloat16", "float16")
INTEGRAL = ("int32", "int64", "uint8")
DTYPES = (*FLOATING, *INTEGRAL, "bool")

# Half a unit in the last place of the stored type, and the few that a formula in float32 or float64 loses.
RTOL = {"float64": 1e-13, "float32": 3e-6, "bfloat16": 2.0**-8 + 3e-6, "float16": 2.0**-11 + 3e-6}
ATOL = {"float64": 1e-14, "float32": 1e-6, "bfloat16": 1e-6, "float16": 1e-6}


# --- elementwise ----------------------------------------------------------------------------------

erf = np.vectorize(math.erf, otypes=[np.float64])


def trunc_divide(x, y):
    return np.trunc(x / y) if x.dtype.kind == "f" else ((x - np.fmod(x, y)) // y).astype(x.dtype)


ELEMENTWISE = {
    "trunc_divide": trunc_divide,
    "trunc_quotient": lambda x, y: np.trunc(x / y),
    "bits_and": np.bitwise_and,
    "bits_or": np.bitwise_or,
    "bits_xor": np.bitwise_xor,
    "bits_not": np.bitwise_not,
    "where": np.where,
    "clamp_both": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "clamp_min": np.maximum,
    "clamp_max": np.minimum,
    "erf": erf,
    "add_multiple": lambda x, y, w: x + w * y,
    "plus_product": lambda x, y, b, w: x + w * y * b,
    "plus_quotient": lambda x, y, b, w: x + w * y / b,
    "hardtanh": np.clip,
    "threshold": lambda x, threshold, value: np.where(x <= threshold, value, x),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardshrink": lambda x, lambd: np.where(np.abs(x) <= lambd, 0, x),
    "softshrink": lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    "celu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)),
    "prelu": lambda x, w: np.where(x > 0, x, x * w),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, x * slope),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "normal_cdf": lambda x: 0.5 * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "softplus": lambda x, beta, threshold: np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta),
    "logsigmoid": lambda x: -np.log1p(np.exp(-x)),
    "copy": lambda x, y: y,
    "fill": lambda x, y: y,
    "square": lambda x: x * x,
    "sign": lambda x: np.where(x > 0, 1, np.where(x < 0, -1, 0)),  # NumPy's is NaN for NaN; torch's is 0
    "squared_error": lambda x, t: (x - t) ** 2,
    "smooth_error": lambda x, t, beta: np.where(abs(x - t) < beta, (x - t) ** 2 / (2 * beta), abs(x - t) - beta / 2),
    "smooth_slope": lambda x, t, y, beta: y * np.where(abs(x - t) < beta, (x - t) / beta, np.sign(x - t)),
    "huber_error": lambda x, t, delta: np.where(
        abs(x - t) <= delta, (x - t) ** 2 / 2, delta * (abs(x - t) - delta / 2)
    ),
    "bernoulli_error": lambda x, t: -(t * np.maximum(np.log(x), -100) + (1 - t) * np.maximum(np.log1p(-x), -100)),
    "logit_error": lambda x, t: np.where(x > 0, x * (1 - t), -(x * t)) + np.log1p(np.exp(-abs(x))),
    "power_of_share": lambda x, y, p: (np.abs(x) / np.where((y > 0) & np.isfinite(y), y, 1)) ** p,
    "cube_of_share": lambda x, y: (np.abs(x) / np.where((y > 0) & np.isfinite(y), y, 1)) ** 3,
    "cube_slope": lambda x, y: np.where(y == 0, 0, (x / y) * np.abs(x / y)),
    "root_slope": lambda x, y: np.where(y == 0, 0, np.sign(x) * np.sqrt(np.abs(x) / y)),
    "root_of_powers": lambda x, y, p: x ** (1 / p) * np.where((y > 0) & np.isfinite(y), y, 1),
    "power_slope": lambda x, y, p: np.where(
        (y == 0) | ((x == 0) & (y == y)), 0, np.sign(x) * (np.abs(x) / y) ** (p - 1)
    ),
    "divergence": lambda x, t: np.where(t == 0, 0 * t, t * np.log(np.where(t == 0, 1, t))) - t * x,
}


def reference_of(op):
    """The op's meaning in NumPy, or None."""
    table = ELEMENTWISE if isinstance(op, ElementwiseOp) else STRUCTURED
    return table.get(op.name) or op.ref


# The result is the second operand's value in the first one's type.
KEEPS_FIRST_TYPE = {"copy", "fill"}


def takes(op, dtype):
    """Whether the op means anything for elements of a type: what it says itself, and what torch is asked about."""
    return op.program.takes is None or getattr(numtorch, dtype) in op.program.takes


# --- arrays and tensors ---------------------------------------------------------------------------


def quantised(a, dtype):
    """The nearest values that the type can hold, as float64 (or as the integers themselves)."""
    if dtype == "float64":
        return np.asarray(a, np.float64)
    if dtype == "bfloat16":
        bits = np.asarray(a, np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)
    if dtype in FLOATING:
        return np.asarray(a).astype(dtype).astype(np.float64)
    return np.asarray(a).astype(dtype)


def array(shape, dtype="float64", domain=None, seed=0):
    """Random elements that the type can hold; ``domain`` bounds them and keeps them off the edges of meaning."""
    rng = rng_of(shape, dtype, seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in FLOATING:
        return quantised(rng.uniform(*(domain or (-2, 2)), shape), dtype)
    low, high = (1, 5) if domain or dtype == "uint8" else (-4, 5)
    return rng.integers(low, high, shape).astype(dtype)


def tensor(a, dtype=None, **options):
    """A tensor of an array's elements, which the type must hold exactly."""
    a = np.asarray(a)
    dtype = dtype or a.dtype.name
    return (
        numtorch.tensor(a.tolist(), dtype=getattr(numtorch, dtype), **options).reshape(a.shape)
        if a.size
        else numtorch.empty(a.shape, dtype=getattr(numtorch, dtype), **options)
    )


def values(t):
    """A tensor's elements as a NumPy array, through Python numbers: no conversion kernel is trusted."""
    return np.array(t.tolist(), {"b": np.bool_, "i": np.int64, "f": np.float64}[_letter(t)]).reshape(tuple(t.shape))


def _letter(t):
    return "f" if t.dtype.is_floating_point else "b" if t.dtype is numtorch.bool else "i"


# --- other ops ------------------------------------------------------------------------------------
# A sample is a tuple of arguments: a shape in a tensor's place is a random tensor, ``index`` one of positions.


_PLANES, _TAPS, _ONE = (2, 4, 5, 6), (6, 2, 3, 3), (1, 1)

SAMPLES = {
    "conv2d": [
        ((2, 2, 5, 4), (3, 2, 3, 3), (3,)),
        (
            (1, 16, 16, 16),
            fan_in((16, 16, 3, 3)),
            (16,),
            _ONE,
            _ONE,
        ),  # enough channels and tiles for Winograd's transforms
        ((13, 2, 3, 4), fan_in((3, 2, 2, 2)), (3,)),
        ((14, 3, 3, 5), fan_in((11, 3, 2, 3)), (11,)),  # batches, few and more channels
        ((1, 4, 5, 6), (6, 2, 3, 2), None, (2, 1), (1, 1), (1, 2), 2),
        ((2, 3, 4, 4), (5, 3, 1, 1), (5,)),
        ((1, 2, 12, 11), (4, 2, 5, 5), None, (1, 1), (2, 2)),
        ((2, 2, 5, 6), (4, 1, 3, 2), (4,), (2, 1), (1, 0), (1, 2), 2),
    ],
    "conv2d_input_grad": [
        ((1, 16, 16, 16), fan_in((16, 16, 3, 3)), (16, 16), _ONE, _ONE, _ONE, 1),
        ((13, 3, 2, 3), fan_in((3, 2, 2, 2)), (3, 4), _ONE, (0, 0), _ONE, 1),
        ((14, 11, 2, 3), fan_in((11, 3, 2, 3)), (3, 5), _ONE, (0, 0), _ONE, 1),
        ((2, 3, 3, 2), (3, 2, 3, 3), (5, 4), _ONE, (0, 0), _ONE, 1),
        ((1, 6, 3, 6), (6, 2, 3, 2), (5, 6), (2, 1), (1, 1), (1, 2), 2),
        ((2, 4, 3, 4), (4, 1, 3, 2), (5, 6), (2, 1), (1, 0), (1, 2), 2),
        ((2, 4, 3, 2), (4, 3, 1, 1), (3, 2), _ONE, (0, 0), _ONE, 1),
    ],
    "conv2d_weight_grad": [
        ((2, 2, 5, 4), (2, 3, 3, 2), (3, 3), _ONE, (0, 0), _ONE, 1),
        ((1, 16, 16, 16), fan_in((1, 16, 16, 16)), (3, 3), _ONE, _ONE, _ONE, 1),
        ((13, 2, 3, 4), (13, 3, 2, 3), (2, 2), _ONE, (0, 0), _ONE, 1),
        ((1, 4, 5, 6), (1, 6, 3, 6), (3, 2), (2, 1), (1, 1), (1, 2), 2),
        ((2, 2, 5, 6), (2, 4, 3, 4), (3, 2), (2, 1), (1, 0), (1, 2), 2),
        ((2, 3, 4, 2), (2, 4, 4, 2), (1, 1), _ONE, (0, 0), _ONE, 1),
    ],
    "conv2d_bias_grad": [((2, 3, 4, 2),)],
    "max_pool2d": [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), _ONE, False),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), _ONE, True),
        ((1, 1, 6, 6), (2, 2), (1, 2), (0, 0), (2, 1), False),
        ((2, 4, 6), 2),
    ],
    "max_pool1d": [((2, 3, 7), 2), ((3, 6), (3,), (1,), (1,), (2,), True)],
    "max_pool_positions": [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), _ONE, False),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), _ONE, True),
        ((2, 7), (3,), (2,), (1,), (1,), False),
    ],
    "max_pool_scatter": [
        (
            (1, 2, 2, 3),
            numtorch.tensor([[[[0, 3, 11], [13, 20, 23]], [[7, 8, 5], [19, 14, 17]]]]),
            (4, 6),
            (2, 2),
            (2, 2),
            (0, 0),
            _ONE,
        ),
        ((2, 3), numtorch.tensor([[0, 1, 4], [2, 2, 5]]), (6,), (3,), (1,), (0,), (1,)),
    ],
    "max_pool_gather": [
        (
            (1, 2, 4, 6),
            numtorch.tensor([[[[0, 3, 11], [13, 20, 23]], [[7, 8, 5], [19, 14, 17]]]]),
            (2, 2),
            (2, 2),
            (0, 0),
            _ONE,
        )
    ],
    "avg_pool2d": [
        ((2, 2, 4, 6), (2, 2), (2, 2), (0, 0), False, True),
        ((1, 2, 5, 5), (3, 2), (2, 1), (1, 1), True, False),
        ((1, 1, 5, 4), (2, 2), (1, 2), (0, 0), False, True, 3),
        ((2, 5, 4), 3),
    ],
    "avg_pool1d": [((2, 3, 7), 2), ((3, 6), (3,), (1,), (1,), True, False)],
    "avg_pool_grad": [
        ((2, 2, 2, 3), (4, 6), (2, 2), (2, 2), (0, 0), False, True, None),
        ((1, 2, 3, 6), (5, 5), (3, 2), (2, 1), (1, 1), True, False, None),
        ((2, 3), (6,), (2,), (2,), (0,), False, True, None),
    ],
    "adaptive_avg_pool2d": [((2, 2, 5, 4), (2, 3)), ((1, 3, 4, 4), (1, 1)), ((2, 4, 4), 2)],
    "adaptive_avg_pool1d": [((2, 2, 5), 3), ((2, 6), (2,))],
    "adaptive_avg_pool_grad": [((2, 2, 2, 3), (5, 4)), ((1, 3, 1, 1), (4, 4)), ((2, 3), (7,))],
    "embedding": [(index((4,), 5), (5, 3)), (index((6,), 5), (5, 2), 1), (index((2, 3), 40), (40, 3))],
    "embedding_shared_gradient": [((4, 3), index((4,), 5), 5), ((6, 2), index((6,), 3), 4)],
    "batch_statistics": [((4, 3, 2), None, None), ((5, 2), None, None, 0.1, 1e-3)],
    "batch_norm_training": [((4, 3, 2), (3,), positive((3,)), (3,), (3,)), ((5, 2), (2,), positive((2,)), None, None)],
    "batch_norm": [((4, 3, 2), (3,), positive((3,)), (3,), (3,)), ((5, 2), (2,), positive((2,)), None, None)],
    "group_norm": [((2, 4, 3), (4,), (4,), 2), ((3, 6), None, (6,), 3), ((2, 4, 2, 5), (4,), None, 1, 1e-3)],
    "layer_norm": [
        ((4, 6), (6,), (6,), (6,)),
        ((2, 3, 4), (3, 4), (3, 4), (3, 4)),
        ((3, 5), None, None, (5,)),
        ((3, 5), None, (5,), (5,), 1e-3),
    ],
    "rms_norm": [((3, 5), (5,), (5,), 1e-3), ((2, 3, 4), None, (3, 4)), ((4, 6), (6,), (6,))],
    "cast": [((3, 4), numtorch.float32), ((3, 4), numtorch.float64), ((), numtorch.float64)],
    "as_strided": [((3, 4), (2, 2), (4, 1)), ((12,), (3, 5), (2, 1)), ((12,), (2, 3), (0, 1)), ((3, 4), (2,), (5,), 1)],
    "view_as_shape": [((3, 4), (2, 6)), ((3, 4), (-1,)), ((), (1, 1)), ((0, 3), (3, 0))],
    "permute": [((2, 3, 4), (2, 0, 1)), ((3, 4), (-1, 0)), ((), ())],
    "transpose": [((2, 3, 4), 0, 2), ((3, 4), -1, -2), ((3, 3), 1, 1)],
    "expand_to": [((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 0), (3, 0))],
    "squeeze_dims": [((1, 3, 1), (0, 2)), ((1, 3, 1), (2,)), ((2, 3), (0,))],
    "unsqueeze": [((3, 4), 0), ((3, 4), -1), ((), 0)],
    "select": [((3, 4), 0, 1), ((2, 3, 4), -1, -2)],
    "slice": [((7, 3), 0, 1, 6, 2), ((3, 5), 1, 0, 5, 3), ((3, 5), 1, 2, 2, 1)],
    "basic": [
        ((7, 3), ((1, None, 2), 1)),
        ((2, 3, 4), (Ellipsis, None, (-3, -1, None))),
        ((3,), ((2, 1, None),)),
        ((2, 3), (-1,)),
    ],
    "basic_backward": [((3,), (7, 3), ((1, 6, 2), 1)), ((1, 3), (4, 3), ((2, 3, None),)), ((2,), (3, 2), (-1,))],
    "split_along": [((7, 3), (2, 0, 4, 1), 0), ((3, 5), (5,), 1)],
    "unbind_along": [((3, 4), 0), ((2, 3, 4), 2)],
    "slice_backward": [((3, 3), (7, 3), 0, 1, 6, 2), ((3, 2), (3, 5), 1, 0, 5, 3)],
    "diagonal": [((3, 4),), ((3, 4), 1), ((4, 3), -2), ((2, 3, 4), 0, 2, 1)],
    "diagonal_backward": [((3,), (3, 4), 0, 0, 1), ((3,), (3, 4), 1, 0, 1), ((2, 2), (3, 2, 3), -1, 0, 2)],
    "unfold": [((7,), 0, 3, 2), ((3, 6), 1, 2, 1), ((6, 2), 0, 4, 2)],
    "as_strided_backward": [((3, 5), (12,), (3, 5), (2, 1)), ((2, 2), (4, 4), (2, 2), (4, 1))],
    "as_strided_scatter": [
        ((3, 4), (2, 2), (2, 2), (4, 1), 1, (4, 1)),
        ((12,), (3,), (3,), (4,), 0, (1,)),
        ((2, 3), (3,), (3,), (2,), 1, (1, 2)),
    ],
    "strided_read": [((3, 4), (2, 2), (4, 1), 1, (4, 1)), ((2, 3), (3,), (2,), 1, (1, 2))],
    "take_along_extents": [((5, 3), index((4,), 5), 0), ((2, 5, 3), index((7,), 5), 1), ((4, 2), index((0,), 4), 0)],
    "put_along_extents": [((5, 3), index((3,), 5, 0), (3, 3), 0, False), ((2, 5), index((4,), 5), (2, 4), 1, True)],
    "put_into_zeros": [((3, 3), index((3,), 5), (5, 3), 0), ((2, 4), index((4,), 5), (2, 5), 1)],
    "scatter_into_zeros": [((3, 2), index((3, 2), 4), (3, 4), 1), ((2, 3), index((2, 3), 5), (5, 4), 0)],
    "compress": [((5,), mask((5,), 3), 3), ((2, 3), mask((2, 3), 4), 4), ((2, 2), mask((2, 2), 0), 0)],
    "spread": [((3,), mask((5,), 3)), ((4,), mask((2, 3), 4)), ((0,), mask((3,), 0))],
    "gather": [((3, 4), index((3, 2), 4), 1), ((3, 4), index((5, 4), 3), 0), ((3, 4), index((2, 3), 4), 1)],
    "scatter": [
        ((3, 4), index((3, 2), 4, 1), (3, 2), 1, 0),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 1),
        ((5, 2), index((3, 2), 5), (3, 2), 0, 1),
        ((3, 4), index((2, 2), 4, 1), (3, 2), 1, 0),
    ],
    "scatter_combine": [
        ((3, 4), index((2, 2), 4, 1), (2, 2), 1, 2),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 2),
        ((3, 4), index((3, 6), 4), (3, 6), 1, 3),
        ((4, 3), index((2, 2), 4), (3, 3), 0, 4),
    ],
    "cumsum": [((3, 4), 1), ((3, 4), 0), ((9, 5), 1), ((600,), 0), ((0, 3), 0), ((), 0)],
    "cumprod": [((3, 4), 1), ((3, 4), 0), ((), 0)],
    "cummax": [((3, 4), 1), ((3, 4), 0), ((5,), 0)],
    "cummin": [((3, 4), 1), ((3, 4), 0), ((5,), 0)],
    "logcumsumexp": [((3, 4), 1), ((3, 4), 0), ((2, 300), 1), ((5,), 0), ((), 0), ((2, 0), 1)],
    "linear_recurrence": [((3, 4), (3, 4), 1), ((3, 4), (3, 4), 0, True)],
    "sort": [
        ((3, 5), 1, False),
        ((4, 3), 0, True),
        ((2, 60), 1, True),
        ((70000,), 0, False),
        ((2, 60, 3), 1),
        ((), 0, False),
    ],
    "argsort": [((3, 5), 1), ((4, 3), 0, True), ((), 0)],
    "topk": [
        ((3, 5), 2, 1, True),
        ((4, 3), 2, 0, False),
        ((2, 400), 7, 1, True),
        ((2, 200, 3), 40, 1),
        ((), 1, 0, True),
    ],
    "median_of_all": [((3, 5), 1), ((300,), 2), ((), 1)],
    "kthvalue": [
        ((3, 5), 3, 1, False),
        ((4, 3), 2, 0, True),
        ((2, 3, 4), 1, 1, False),
        ((300,), 41, 0, False),
        ((), 1, 0),
    ],
    "median": [((2, 3, 4), 1, False), ((3, 5), 1, True), ((), 0)],
    "nanmedian": [((5,), 0, False), ((4, 3), 0, True)],
    "flip": [((3, 4), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 2)), ((0, 2), (0,))],
    "roll": [((3, 4), 1, 0), ((3, 4), 3, 1), ((5,), 0, 0), ((2, 3, 4), 2, 1)],
    "triangle": [((3, 4), 0, True), ((2, 4, 3), 1, False), ((3, 3), -2, True)],
    "count_nonzero": [((3, 4),), ((3, 4), 1), ((2, 3, 4), (0, 2))],
    "argmax": [((3, 4), 1), ((3, 4), 0, True), ((2, 3, 4), None), ((2, 3), None, True), ((), 0)],
    "argmin": [((3, 4), 1), ((3, 4), 0, True), ((2, 3, 4), None), ((), 0)],
    "max": [((3, 4), 1, False), ((3, 4), 0, True), ((2, 3, 4), 1, False), ((5,), 0, False)],
    "min": [((3, 4), 1, False), ((3, 4), 0, True), ((2, 3, 4), 1, False), ((5,), 0, False)],
    "matmul": [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 2)),
        ((1, 3, 4), (2, 4, 2)),
        ((3, 0), (0, 2)),
        ((33, 17), (17, 40)),
    ],
    "linear_relu": [((3, 4), (5, 4), (5,)), ((2, 3, 4), (5, 4), None), ((4,), (5, 4), (5,))],
    "linear_act": [
        ((3, 4), (5, 4), (5,), "gelu"),
        ((3, 4), (5, 4), None, "silu"),
        ((2, 3, 4), (1, 4), (1,), "tanh"),
        ((4,), (5, 4), (5,), "gelu_tanh"),
        ((9, 2), (3, 2), None, "sigmoid"),
    ],
    "linear": [((3, 4), (5, 4), (5,)), ((3, 4), (5, 4), None), ((2, 3, 4), (5, 4), (5,)), ((4,), (5, 4), (5,))],
    "cross_entropy": [
        ((4, 5), index((4,), 5)),
        ((3, 7), index((3,), 7), None, None, 2),
        ((200, 3), index((200,), 3), None, None, 0),
        ((2, 3, 4), index((2, 4), 3), None, None, 1),
    ],
    "dropout_mask": [((50, 40), 0.25, 7, 1)],
    "kept_scaled": [((3, 4), mask((3, 4), 5), 1.25)],
    "nll_loss": [((4, 5), index((4,), 5)), ((3, 7), index((3,), 7), None, None, 2)],
    "random_like": [((50, 40), "uniform", 7, 0, 0.0, 1.0)],
    "dropout": [((5, 40), 0.5, 7, 0), ((5, 40), 0.25, 7, 3)],
}


def _strided(x, size, stride, offset):
    item = x.itemsize
    flat = np.ascontiguousarray(x).reshape(-1)
    return np.lib.stride_tricks.as_strided(flat[offset or 0 :], size, [s * item for s in stride])


def _assigned(blank, at, x):
    at(blank)[...] = x
    return blank


def _key(items):
    return tuple(slice(*k) if isinstance(k, tuple) else k for k in items)


def _slice(x, dim, start, end, step=1):
    return x[(np.s_[:],) * dim + (np.s_[start:end:step],)]


def _diagonal_of(x, offset, dim1, dim2):
    d = np.diagonal(x, offset, dim1, dim2)
    d.flags.writeable = True
    return d


def _strided_sum(g, shape, size, stride):
    total, at = np.zeros(math.prod(shape)), _strided(np.arange(math.prod(shape)), size, stride, 0)
    np.add.at(total, at, g)
    return total.reshape(shape)


def _places(size, stride, start):
    at = np.full(size, start)
    for d, step in enumerate(stride):
        at += np.expand_dims(np.arange(size[d]) * step, tuple(range(1, len(size) - d)))
    return at


def _memory(x, strides):
    """The buffer in which ``x`` lies with these strides."""
    at = _places(x.shape, strides, 0)
    buffer = np.zeros(at.max() + 1)
    buffer[at] = x
    return buffer


def _strided_scatter(x, y, size, stride, start, strides):
    buffer = _memory(x, strides)
    buffer[_places(size, stride, start)] = y
    return buffer[_places(x.shape, strides, 0)]


def _cross_entropy(x, t, w=None, size_average=None, ignored=-100):
    logs, t = np.moveaxis(np.log(_softmax(x, 1)), 1, -1).reshape(-1, x.shape[1]), t.reshape(-1)
    return -np.mean([logs[i, c] for i, c in enumerate(t) if c != ignored])


def _put(x, i, y, dim, accumulate):
    z = np.moveaxis(x.copy(), dim, 0)
    if accumulate:
        np.add.at(z, i, np.moveaxis(y, dim, 0))
    else:
        z[i] = np.moveaxis(y, dim, 0)
    return np.moveaxis(z, 0, dim)


def _extremes_so_far(x, dim, sign):
    values = (np.maximum if sign > 0 else np.minimum).accumulate(x, dim)
    shape = [-1 if d == dim else 1 for d in range(x.ndim)]
    places = np.broadcast_to(np.arange(x.shape[dim]).reshape(shape), x.shape)
    return values, np.maximum.accumulate(np.where(x == values, places, 0), dim)


def _recurrence(x, y, dim, reverse):
    x, y = np.moveaxis(x, dim, 0), np.moveaxis(y, dim, 0)
    z, last = np.zeros_like(y), 0
    for j in range(len(y))[:: -1 if reverse else 1]:
        last = z[j] = x[j] * last + y[j]
    return np.moveaxis(z, 0, dim)


def _sorted(x, dim, descending):
    if not x.ndim:
        return x, np.zeros((), np.int64)
    at = np.argsort(-x if descending else x, dim, kind="stable")
    return np.take_along_axis(x, at, dim), at


def _kth(x, k, dim, keepdim):
    if not x.ndim:
        return _sorted(x, dim, False)
    found = [np.take(y, [k], dim) for y in _sorted(x, dim, False)]
    return tuple(found) if keepdim else tuple(y.squeeze(dim) for y in found)


def _spread(x, m):
    z = np.zeros(m.shape)
    z[m] = x
    return z


def _gather(x, i, dim):
    part = x[tuple(np.s_[:] if d == dim else np.s_[:n] for d, n in enumerate(i.shape))]
    return np.take_along_axis(part, i, dim)


def _scatter(x, i, y, dim, mode):
    z = x.copy()
    for at in np.ndindex(i.shape):
        to = (*at[:dim], i[at], *at[dim + 1 :])
        v = y[at]
        z[to] = (v, z[to] + v, z[to] * v, max(z[to], v), min(z[to], v))[mode]
    return z


def _extreme(x, dim, keepdim, sign):
    at = np.argmax(sign * x, dim, keepdims=True)
    best = np.take_along_axis(x, at, dim)
    return (best, at) if keepdim else (best.squeeze(dim), at.squeeze(dim))


def _softmax(x, dim):
    if x.size == 0:
        return x
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def _reduced(f):
    def run(x, dim=None, keepdim=False, dtype=None):
        axes = None if dim is None or dim == () else dim
        return f(x, axis=axes, keepdims=keepdim)

    return run


def _linear(x, w, b):
    return x @ w.T + (0 if b is None else b)


ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x * math.sqrt(0.5))),
    "gelu_tanh": lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}

STRUCTURED = {
    "softmax": lambda x, dim: _softmax(x, dim) if x.ndim else np.ones(()),
    "log_softmax": lambda x, dim: np.log(_softmax(x, dim)) if x.ndim else np.zeros(()),
    "cast": lambda x, dtype: quantised(x, dtype.name),
    "as_strided": lambda x, size, stride, offset=0: _strided(x, size, stride, offset),
    "view_as_shape": np.reshape,
    "permute": np.transpose,
    "transpose": np.swapaxes,
    "expand_to": np.broadcast_to,
    "squeeze_dims": lambda x, dims: np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1)),
    "unsqueeze": np.expand_dims,
    "select": lambda x, dim, i: np.take(x, i, dim),
    "slice": _slice,
    "basic": lambda x, items: x[_key(items)],
    "basic_backward": lambda x, shape, items: _assigned(np.zeros(shape), lambda z: z[_key(items)], x),
    "split_along": lambda x, sizes, dim: tuple(np.split(x, np.cumsum(sizes)[:-1], dim)),
    "unbind_along": lambda x, dim: tuple(np.take(x, i, dim) for i in range(x.shape[dim])),
    "slice_backward": lambda x, shape, *at: _assigned(np.zeros(shape), lambda z: _slice(z, *at), x),
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
    "diagonal_backward": lambda x, shape, *at: _assigned(np.zeros(shape), lambda z: _diagonal_of(z, *at), x),
    "unfold": lambda x, dim, size, step: _slice(
        np.lib.stride_tricks.sliding_window_view(x, size, dim), dim, 0, None, step
    ),
    "as_strided_backward": _strided_sum,
    "as_strided_scatter": _strided_scatter,
    "strided_read": lambda x, size, stride, start, steps: _memory(x, steps)[_places(size, stride, start)],
    "take_along_extents": lambda x, i, dim: np.take(x, i, dim),
    "put_along_extents": _put,
    "cumsum": lambda x, dim: np.cumsum(x, dim) if x.ndim else x,
    "cumprod": lambda x, dim: np.cumprod(x, dim) if x.ndim else x,
    "cummax": lambda x, dim: _extremes_so_far(x, dim, 1),
    "cummin": lambda x, dim: _extremes_so_far(x, dim, -1),
    "logcumsumexp": lambda x, dim: np.logaddexp.accumulate(x, dim) if x.ndim else x,
    "linear_recurrence": lambda x, y, dim, reverse=False: _recurrence(x, y, dim, reverse),
    "sort": lambda x, dim, descending=False: _sorted(x, dim, descending),
    "argsort": lambda x, dim, descending=False: _sorted(x, dim, descending)[1],
    "msort": lambda x: np.sort(x, 0) if x.ndim else x,
    "topk": lambda x, k, dim, largest=True: tuple(
        np.take(y, np.arange(k), dim) if x.ndim else y for y in _sorted(x, dim, largest)
    ),
    "median_of_all": lambda x, nan: np.sort(x.reshape(-1))[(x.size - 1) // 2],
    "kthvalue": lambda x, k, dim, keepdim=False: _kth(x, k - 1, dim, keepdim),
    "median": lambda x, dim, keepdim=False: _kth(x, (x.shape[dim] - 1) // 2 if x.ndim else 0, dim, keepdim),
    "nanmedian": lambda x, dim, keepdim=False: _kth(x, (x.shape[dim] - 1) // 2, dim, keepdim),
    "flip": np.flip,
    "roll": np.roll,
    "triangle": lambda x, diagonal, lower: (np.tril if lower else np.triu)(x, diagonal),
    "put_into_zeros": lambda x, i, shape, dim: _put(np.zeros(shape), i, x, dim, True),
    "scatter_into_zeros": lambda x, i, shape, dim: _scatter(np.zeros(shape), i, x, dim, 1),
    "compress": lambda x, m, n: x[m],
    "spread": _spread,
    "gather": _gather,
    "scatter": _scatter,
    "scatter_combine": _scatter,
    "sum": _reduced(np.sum),
    "mean": _reduced(np.mean),
    "prod": _reduced(np.prod),
    "amax": _reduced(np.max),
    "amin": _reduced(np.min),
    "any": _reduced(np.any),
    "all": _reduced(np.all),
    "count_nonzero": _reduced(np.count_nonzero),
    "max": lambda x, dim, keepdim: _extreme(x, dim, keepdim, 1),
    "min": lambda x, dim, keepdim: _extreme(x, dim, keepdim, -1),
    "argmax": lambda x, dim, keepdim=False: np.argmax(x, dim if x.ndim else None, keepdims=keepdim),
    "argmin": lambda x, dim, keepdim=False: np.argmin(x, dim if x.ndim else None, keepdims=keepdim),
    "matmul": np.matmul,
    "cross_entropy": _cross_entropy,
    "kept_scaled": lambda x, m, scale: np.where(m, x * scale, 0),
    "nll_loss": lambda x, t, w=None, size_average=None, ignored=-100: -x[np.arange(t.size), t][t != ignored].mean(),
    "linear": _linear,
    "linear_relu": lambda x, w, b: np.maximum(_linear(x, w, b), 0),
    "linear_act": lambda x, w, b, activation: ACTIVATIONS[activation](_linear(x, w, b)),
}


def _is_uniform(y, x, distribution, seed, at, low, high):
    assert y.min() >= low and y.max() < high
    assert abs(y.mean() - (low + high) / 2) < 4 * (high - low) / math.sqrt(12 * y.size)
    assert len(np.unique(y)) > 0.99 * y.size


def _is_masked(y, x, p, seed, at):
    kept = y != 0
    np.testing.assert_allclose(y[kept], (x / (1 - p))[kept], rtol=1e-6)
    assert abs(kept.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / y.size)


def _is_mask(y, x, p, seed, at):
    assert y.dtype == np.bool_
    assert abs(y.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / y.size)


# Ops whose values are random: what must hold of them instead.
PROPERTIES = {"dropout_mask": _is_mask, "random_like": _is_uniform, "dropout": _is_masked}

# Operands that are statistics of another, or of earlier batches: the gradient does not treat them as free.
GIVEN = {"batch_norm": ("running_mean", "running_var")}
# The gradient counts on mean and rstd being those of x, which differences cannot vary one by one.
TIED = {"batch_norm_training"}


def is_derivative(op, sample):
    """Whether the op's gradient is the slope of its values: a padding row and shared gradients are so by definition
    alone."""
    return op.name != "embedding_shared_gradient" and not (op.name == "embedding" and len(sample) > 2)


# Operands that only ever come fresh from another op, and are contiguous therefore.
FRESH = {"batch_norm_training": ("mean", "rstd")}

# Ops that overwrite several of their operands have tests of their own, which name them.
ELSEWHERE = {"move": "tests/ops/test_op_table.py"}


def samples_of(op):
    """The op's samples, its own or this table's; those for which it refuses empty input left to its own tests."""
    return list(op.samples()) if op.samples is not None else SAMPLES.get(op.name, [])


def arguments(op, sample, dtype="float64"):
    """(arrays, params) for a sample: an array or None for each tensor of the op."""
    arrays = []
    for i, s in enumerate(sample[: len(op.tensors)]):
        if s is None:
            arrays.append(None)
        elif isinstance(s, numtorch.Tensor):
            arrays.append(values(s))
        elif isinstance(s, index | mask):
            arrays.append(s.array())
        elif isinstance(s, fan_in):
            arrays.append(
                (array(s.shape, dtype, op.domain, (op.name, i)) / np.sqrt(np.prod(s.shape[1:]))).astype(arrays[0].dtype)
            )
        elif isinstance(s, positive):
            arrays.append(array(s.shape, dtype, (0.5, 2), (op.name, i)))
        else:
            arrays.append(array(tuple(s), dtype, op.domain, (op.name, i)))
    arrays += [None] * (len(op.tensors) - len(arrays))  # tensors that the sample leaves out
    return arrays, tuple(sample[len(op.tensors) :])


def tensors_of(arrays, dtype="float64", **options):
    """Tensors of the arrays: floating ones in the given type."""
    return [None if a is None else tensor(a, dtype, **options) if a.dtype.kind == "f" else tensor(a) for a in arrays]


def call(op, tensors, params):
    """The op by its public argument names."""
    named = {PUBLIC.get(n, n): t for n, t in zip(op.tensors, tensors, strict=True)}
    return op.call(**named, **{n: v for (n, _), v in zip(op.params, params, strict=False)})


def elementwise_ops():
    return [op for op in OPS.values() if isinstance(op, ElementwiseOp)]


def structured_ops():
    return [
        op for op in OPS.values() if not isinstance(op, ElementwiseOp) and not op.generates and op.name not in ELSEWHERE
    ]


# --- gradients ------------------------------------------------------------------------------------


def numerical(f, inputs, weights, eps=1e-5):
    """Gradients of ``sum(weights * f(*inputs))`` by central differences, for float64 arrays."""
    grads = []
    for x in inputs:
        g = np.zeros_like(x)
        for at in np.ndindex(x.shape):
            kept = x[at]
            x[at] = kept + eps
            high = sum(float((w * y).sum()) for w, y in zip(weights, f(*inputs), strict=True))
            x[at] = kept - eps
            low = sum(float((w * y).sum()) for w, y in zip(weights, f(*inputs), strict=True))
            x[at] = kept
            g[at] = (high - low) / (2 * eps)
        grads.append(g)
    return grads


def differentiable(outputs):
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [y for y in outputs if y.dtype.is_floating_point]


def gradients(f, inputs, weights, create_graph=False):
    """The same gradients by ``numtorch.autograd``: (gradients, the leaf tensors)."""
    from numtorch.autograd.graph import grad

    leaves = [tensor(x, requires_grad=True) for x in inputs]
    outputs = differentiable(f(*leaves))
    grads = grad(outputs, leaves, [tensor(w) for w in weights], create_graph=create_graph, allow_unused=True)
    return [
        numtorch.zeros(x.shape, dtype=numtorch.float64) if g is None else g for g, x in zip(grads, leaves, strict=True)
    ]


def gradcheck(f, inputs):
    """The gradient of ``f`` (tensors to tensors) is that of its numbers."""
    plain = lambda *xs: [values(y) for y in differentiable(f(*[tensor(x) for x in xs]))]
    weights = [array(y.shape, seed=("weights", i)) for i, y in enumerate(plain(*inputs))]
    for got, want in zip(gradients(f, inputs, weights), numerical(plain, inputs, weights), strict=True):
        np.testing.assert_allclose(values(got), want, rtol=1e-6, atol=1e-7)


def gradgradcheck(f, inputs):
    """The gradient of the gradient, with respect to the inputs and to the incoming gradient."""
    from numtorch.autograd.graph import grad

    outputs = differentiable(f(*[tensor(x) for x in inputs]))
    weights = [array(tuple(y.shape), seed=("weights", i)) for i, y in enumerate(outputs)]
    n = len(inputs)

    def first(*given):
        leaves = [x if x.requires_grad else x.detach().requires_grad_() for x in given[:n]]
        grads = grad(differentiable(f(*leaves)), leaves, list(given[n:]), create_graph=True, allow_unused=True)
        return tuple(leaf * 0 if g is None else g + leaf * 0 for g, leaf in zip(grads, leaves, strict=True))

    gradcheck(first, [*inputs, *weights])
