"""What the tests of the op table share: arrays, tensors and gradients of samples, which stand beside the ops; and those
meanings of ops in NumPy that take more than a line.
"""

from __future__ import annotations

import inspect
import math

import numpy as np

import numtorch
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.op import OPS
from numtorch.dispatch.samples import exactly, fan_in, index, mask, positive, rng_of
from numtorch.dispatch.update import UpdateOp

FLOATING = ("float32", "float64", "bfloat16", "float16")
INTEGRAL = ("int32", "int64", "uint8")
DTYPES = (*FLOATING, *INTEGRAL, "bool")
COMPLEX = ("complex64", "complex128")

# Half a unit in the last place of the stored type, and the few that a formula in float32 or float64 loses.
RTOL = {"complex128": 1e-12, "complex64": 1e-5}
RTOL |= {"float64": 1e-13, "float32": 3e-6, "bfloat16": 2.0**-8 + 3e-6, "float16": 2.0**-11 + 3e-6}
ATOL = {"complex128": 1e-13, "complex64": 2e-6}
ATOL |= {"float64": 1e-14, "float32": 1e-6, "bfloat16": 1e-6, "float16": 1e-6}


# --- elementwise ----------------------------------------------------------------------------------


def reference_of(op):
    """The op's meaning in NumPy, or None."""
    return STRUCTURED.get(op.name) or op.ref


def takes(op, dtype):
    """Whether the op means anything for elements of a type: what it says itself, and what torch is asked about."""
    if not isinstance(op, ElementwiseOp):
        return dtype not in COMPLEX or op.name in OF_COMPLEX
    return op.program.takes is None or getattr(numtorch, dtype) in op.program.takes


# Ops without a scalar body that take complex numbers; the others refuse them.
# fmt: off
OF_COMPLEX = {
    "cast", "as_strided", "permute", "transpose", "unsqueeze", "select", "slice", "slice_backward", "diagonal",
    "diagonal_backward", "unfold", "as_strided_backward", "as_strided_scatter", "strided_read", "pad_ends",
    "unbind_along", "split_along", "flip", "roll", "triangle", "compress", "spread", "gather", "scatter_into_zeros",
    "scatter", "put_into_zeros", "basic", "basic_backward", "sum", "mean", "prod", "any", "all", "count_nonzero",
    "matmul", "linear", "var", "std", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad",
    "embedding", "rms_norm", "cumsum", "cumprod", "linear_recurrence", "logsumexp", "normalize", "view", "expand",
    "squeeze", "index_select", "index_put", "scaled_where",
    "cat", "stack", "repeat", "repeat_slices", "nonzero",
}
# fmt: on


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
    if dtype.startswith("complex"):
        return array(shape, seed=(seed, "real")) + 1j * array(shape, seed=(seed, "imag"))
    rng = rng_of(shape, dtype, seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in FLOATING:
        return quantised(rng.uniform(*(domain or (-2, 2)), shape), dtype)
    if dtype in COMPLEX:  # turned by less than a right angle: those of a positive domain have positive real parts
        z = rng.uniform(*(domain or (-2, 2)), shape) * np.exp(1j * rng.uniform(-1.2, 1.2, shape))
        return np.asarray(z, dtype).astype(np.complex128)
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
    kind = {"b": np.bool_, "i": np.int64, "f": np.float64, "c": np.complex128}[_letter(t)]
    return np.array(t.tolist(), kind).reshape(tuple(t.shape))


def _letter(t):
    return "c" if t.dtype.is_complex else "f" if t.dtype.is_floating_point else "b" if t.dtype is numtorch.bool else "i"


# --- other ops ------------------------------------------------------------------------------------
# A sample is a tuple of arguments: a shape in a tensor's place is a random tensor, ``index`` one of positions.


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
    total, at = np.zeros(math.prod(shape), g.dtype), _strided(np.arange(math.prod(shape)), size, stride, 0)
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
    buffer = np.zeros(at.max() + 1, x.dtype)
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
    z = np.zeros(m.shape, x.dtype)
    z[m] = x[: m.sum()]
    return z


def _gather(x, i, dim):
    part = x[tuple(np.s_[:] if d == dim else np.s_[:n] for d, n in enumerate(i.shape))]
    return np.take_along_axis(part, i, dim)


def _scatter(x, i, y, dim, mode):
    z = x.copy()
    for at in np.ndindex(i.shape):
        to = (*at[:dim], i[at], *at[dim + 1 :])
        v = y[at]
        z[to] = (v, z[to] + v, z[to] * v, np.maximum(z[to], v), np.minimum(z[to], v))[mode]
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


STRUCTURED = {
    "softmax": lambda x, dim: _softmax(x, dim) if x.ndim else np.ones(()),
    "log_softmax": lambda x, dim: np.log(_softmax(x, dim)) if x.ndim else np.zeros(()),
    "cast": lambda x, dtype: quantised(x.real if np.iscomplexobj(x) and not dtype.is_complex else x, dtype.name),
    "as_strided": lambda x, size, stride, offset=0: _strided(x, size, stride, offset),
    "slice": _slice,
    "basic": lambda x, items: x[_key(items)],
    "basic_backward": lambda x, shape, items: _assigned(np.zeros(shape, x.dtype), lambda z: z[_key(items)], x),
    "slice_backward": lambda x, shape, *at: _assigned(np.zeros(shape, x.dtype), lambda z: _slice(z, *at), x),
    "diagonal_backward": lambda x, shape, *at: _assigned(np.zeros(shape, x.dtype), lambda z: _diagonal_of(z, *at), x),
    "unfold": lambda x, dim, size, step: _slice(
        np.lib.stride_tricks.sliding_window_view(x, size, dim), dim, 0, None, step
    ),
    "as_strided_backward": _strided_sum,
    "as_strided_scatter": _strided_scatter,
    "strided_read": lambda x, size, stride, start, steps: _memory(x, steps)[_places(size, stride, start)],
    "index_put": _put,
    "cummax": lambda x, dim: _extremes_so_far(x, dim, 1),
    "cummin": lambda x, dim: _extremes_so_far(x, dim, -1),
    "linear_recurrence": lambda x, y, dim, reverse=False: _recurrence(x, y, dim, reverse),
    "sort": lambda x, dim, descending=False: _sorted(x, dim, descending),
    "argsort": lambda x, dim, descending=False: _sorted(x, dim, descending)[1],
    "topk": lambda x, k, dim, largest=True: tuple(
        np.take(y, np.arange(k), dim) if x.ndim else y for y in _sorted(x, dim, largest)
    ),
    "kthvalue": lambda x, k, dim, keepdim=False: _kth(x, k - 1, dim, keepdim),
    "median": lambda x, dim, keepdim=False: _kth(x, (x.shape[dim] - 1) // 2 if x.ndim else 0, dim, keepdim),
    "nanmedian": lambda x, dim, keepdim=False: _kth(x, (x.shape[dim] - 1) // 2, dim, keepdim),
    "put_into_zeros": lambda x, i, shape, dim: _put(np.zeros(shape, x.dtype), i, x, dim, True),
    "scatter_into_zeros": lambda x, i, shape, dim: _scatter(np.zeros(shape, x.dtype), i, x, dim, 1),
    "spread": _spread,
    "gather": _gather,
    "scatter": _scatter,
    "scatter_combine": _scatter,
    "max": lambda x, dim, keepdim: _extreme(x, dim, keepdim, 1),
    "min": lambda x, dim, keepdim: _extreme(x, dim, keepdim, -1),
    "cross_entropy": _cross_entropy,
}


def _is_uniform(y, x, seed, at, low, to, dtype=None):
    assert y.min() >= low and y.max() < to
    assert abs(y.mean() - (low + to) / 2) < 4 * (to - low) / math.sqrt(12 * y.size)
    if dtype is None:
        assert len(np.unique(y)) > 0.99 * y.size
    else:
        np.testing.assert_array_equal(y, y.astype(dtype.name))


def _is_normal(y, x, seed, at, mean, std):
    assert abs(y.mean() - mean) < 4 * std / math.sqrt(y.size)
    assert abs(y.std() / std - 1) < 4 / math.sqrt(2 * y.size)
    assert len(np.unique(y)) > 0.99 * y.size


def _is_masked(y, x, p, seed, at):
    kept = y != 0
    np.testing.assert_allclose(y[kept], (x / (1 - p))[kept], rtol=1e-6)
    assert abs(kept.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / y.size)


def _is_mask(y, x, p, seed, at):
    assert y.dtype == np.bool_
    assert abs(y.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / y.size)


# Ops whose values are random: what must hold of them instead.
def _is_log_gamma(y, x, seed, at):
    assert abs((np.exp(y) - x).mean()) < 4 * math.sqrt(x.mean() / x.size)


def _is_poisson(y, x, seed, at):
    assert abs((y - x).mean()) < 4 * math.sqrt(x.mean() / x.size) and (y % 1 == 0).all()


def _is_binomial(y, x, p, seed, at):
    assert abs((y - x * p).mean()) < 4 * math.sqrt((x * p * (1 - p)).mean() / x.size) and (y % 1 == 0).all()


def _is_von_mises(y, x, seed, at):
    assert abs(y.mean()) < 4 * math.pi / math.sqrt(3 * y.size) and (np.abs(y) <= math.pi + 1e-6).all()


PROPERTIES = {
    "log_gamma_variates": _is_log_gamma,
    "poisson_variates": _is_poisson,
    "binomial_variates": _is_binomial,
    "von_mises_variates": _is_von_mises,
    "dropout_mask": _is_mask,
    "uniform_like": _is_uniform,
    "normal_like": _is_normal,
    "masked_scale": _is_masked,
}

# Operands that are statistics of another, or of earlier batches: the gradient does not treat them as free.
# The gradient counts on mean and rstd being those of x, which differences cannot vary one by one.
TIED = {"batch_norm_training"}


def is_derivative(op, sample):
    """Whether the op's gradient is the slope of its values: a padding row and shared gradients are so by definition
    alone, that of ``ctc_losses`` only together with ``log_softmax``, and that of ``log_gamma_variates`` where the
    probability stays, not the random words."""
    return op.name not in ("embedding_shared_gradient", "ctc_losses", "log_gamma_variates") and not (
        op.name == "embedding" and len(sample) > 2
    )


# Whose gradient has no gradient, and says so.
ONCE_DIFFERENTIABLE = {"log_gamma_variates"}

# Ops whose results are as long as elements say: the shape of a mask, on ``meta``, tells nothing.
UNCOUNTED = {"nonzero", "compress", "spread", "bincount", "runs"}

# Operands that only ever come fresh from another op, and are contiguous therefore.
FRESH = {"batch_norm_training": ("mean", "rstd")}

# Ops that overwrite several of their operands have tests of their own, which name them.
ELSEWHERE = {
    "move": "tests/ops/test_op_table.py",
    "ctc_grad": "tests/nn/test_ctc.py",
    "solved_by_root": "tests/ops/test_forms.py",  # its gradient is no slope: PyTorch counts both triangles
} | dict.fromkeys(
    ("view_as_real", "view_as_complex", "real", "imag", "complex", "blocks", "product_of_rows"), "tests/test_complex.py"
)
_LAPACK = "inv det sign_and_logarithm solved triangular lower_root orthogonal_and_upper hermitian_eigen general_eigen"
_LAPACK += " singular lower_and_upper pseudo_inverse reflections"
LINEAR_ALGEBRA = "tests/ops/test_linear_algebra.py"
FOURIER = "tests/ops/test_fourier.py"
ELSEWHERE |= dict.fromkeys(_LAPACK.split(), LINEAR_ALGEBRA) | dict.fromkeys(
    ("transformed", "to_half", "to_real"), FOURIER
)
OWN_OPERANDS = (LINEAR_ALGEBRA, FOURIER)  # whose kernels take operands of their own kind, and are reached there


def samples_of(op):
    """The op's samples."""
    return list(op.samples()) if op.samples is not None else []


def arguments(op, sample, dtype="float64"):
    """(arrays, params) for a sample: an array or None for each tensor of the op."""
    arrays = []
    if op.listed:  # the first of the sample are the shapes of a list
        return [array(s, dtype, op.domain, (op.name, i)) for i, s in enumerate(sample[0])], tuple(sample[1:])
    for i, s in enumerate(sample[: len(op.tensors)]):
        if s is None:
            arrays.append(None)
        elif isinstance(s, exactly | index | mask):
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


def names_of(op, arrays):
    """What the op calls each of its tensors."""
    return op.tensors * len(arrays) if op.listed else op.tensors


def tensors_of(arrays, dtype="float64", **options):
    """Tensors of the arrays: floating ones in the given type."""
    return [None if a is None else tensor(a, dtype if a.dtype.kind in "fc" else None, **options) for a in arrays]


def operands(op, dtype="float64", shape=(4, 6)):
    """An array for each tensor of an elementwise op."""
    arrays = [array(shape, "bool" if n in op.keep else dtype, op.domain, (op.name, n)) for n in op.tensors]
    if op.program.divisor and dtype not in FLOATING:  # integers divided by 0 are an error
        at = op.tensors.index(op.program.divisor)
        arrays[at] = np.where(arrays[at] == 0, np.ones_like(arrays[at]), arrays[at])
    return arrays


def numbers_of(op):
    return [0.7 if default is inspect.Parameter.empty else default for _, default in op.params]


def call(op, tensors, params):
    """The op by its public argument names."""
    if op.listed:
        return op.call(list(tensors), *params)
    named = {PUBLIC.get(n, n): t for n, t in zip(op.tensors, tensors, strict=True)}
    return op.call(**named, **{n: v for (n, _), v in zip(op.params, params, strict=False)})


def elementwise_ops():
    return [op for op in OPS.values() if isinstance(op, ElementwiseOp) and op.name not in ELSEWHERE]


def structured_ops():
    return [op for op in OPS.values() if not isinstance(op, ElementwiseOp | UpdateOp) and op.name not in ELSEWHERE]


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
