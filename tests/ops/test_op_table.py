"""Every op of the table, checked for what an op must do: values, types, layouts, special values, gradients,
shapes on ``meta``, and kernels that compute what the body says.
"""

import contextlib
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from functools import partial, reduce

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(__file__))
import places
import references
from places import DEVICES, entries
from references import (
    ATOL,
    COMPLEX,
    DTYPES,
    ELSEWHERE,
    FLOATING,
    FRESH,
    OWN_OPERANDS,
    PROPERTIES,
    RTOL,
    TIED,
    UNCOUNTED,
    arguments,
    array,
    call,
    elementwise_ops,
    gradcheck,
    gradgradcheck,
    gradients,
    is_derivative,
    names_of,
    numbers_of,
    operands,
    quantised,
    reference_of,
    rng_of,
    samples_of,
    structured_ops,
    takes,
    tensor,
    tensors_of,
    values,
)

import numtorch
from numtorch import kernels
from numtorch.device import as_device
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.op import OPS
from numtorch.dispatch.update import UpdateOp
from numtorch.errors import KernelError
from numtorch.kernels import launch, registry, special
from numtorch.kernels.jit import Jit, disabled
from numtorch.ops.matmul_halves import has_pairs, may_round, multiplies_pairs
from numtorch.ops.matmul_numpy import narrow_vectors

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHAPE = (4, 6)
by_name = pytest.mark.parametrize


def name_of(x):
    return x.name if hasattr(x, "name") else str(x).replace(" ", "")


def case_id(x):
    return name_of(x) if not isinstance(x, tuple) else str(x).replace(" ", "")


ELEMENTWISE = elementwise_ops()
SMOOTH = [op for op in ELEMENTWISE if op.gradient is not None and {*op.tensors} - {*op.given}]
OF_COMPLEX = [op for op in ELEMENTWISE if takes(op, "complex64")]
CASES = [(op, s) for op in structured_ops() for s in samples_of(op)]


def result_dtype(op, dtype):
    computed = dtype if dtype in RTOL or not op.program.floats else "float32"
    return op.program.result(getattr(numtorch, computed))[0].name


def expected(op, arrays, dtype):
    """The reference on these elements, in the type of the op's result."""
    if op.program.floats and dtype not in COMPLEX:
        arrays = [a.astype(np.float64) for a in arrays]
    with np.errstate(all="ignore"):
        return reference_of(op)(*arrays, *numbers_of(op))


def check(t, want, dtype, rtol=None, atol=None):
    assert t.dtype.name == dtype
    want = np.asarray(want)
    assert tuple(t.shape) == want.shape
    if dtype not in RTOL:
        np.testing.assert_array_equal(values(t), want)
        return
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(values(t), want, rtol=rtol or RTOL[dtype], atol=atol or ATOL[dtype])


# --- the table itself -----------------------------------------------------------------------------


def lacking(op):
    """What the op lacks to be tested; None if nothing."""
    if isinstance(op, UpdateOp):  # updates of optimizers: tests/optim/test_update_kernels.py tries them all
        return None
    if op.name in ELSEWHERE:
        with open(os.path.join(ROOT, ELSEWHERE[op.name])) as f:
            return None if re.search(rf"\b{op.name}\b", f.read()) else f"{ELSEWHERE[op.name]} does not name it"
    if isinstance(op, ElementwiseOp):
        return None if reference_of(op) is not None else "ref= (NumPy's function) in its decorator"
    if not samples_of(op):
        return "samples= in its decorator"
    if op.body is None and reference_of(op) is None and op.name not in PROPERTIES:
        return "ref= or a line in references.STRUCTURED: it has no body to be compared with"
    return None


@by_name("op", OPS.values(), ids=name_of)
def test_every_op_can_be_tested(op):
    assert lacking(op) is None, f"{op.name} lacks {lacking(op)}"


def test_an_op_without_samples_is_noticed(scratch_registry):
    from numtorch.dispatch import op as dispatch

    @dispatch.op
    def untested(x):
        return x

    @dispatch.primitive()
    def untested_scalar(x):
        return x

    assert "samples" in lacking(untested.op)
    assert "ref" in lacking(untested_scalar.op)


@by_name("op", OPS.values(), ids=name_of)
def test_every_op_says_what_it_means(op):
    assert (op.spec.__doc__ or "").strip()


# --- elementwise: values --------------------------------------------------------------------------


@by_name("dtype", [*DTYPES, "complex64"])
@by_name("op", ELEMENTWISE, ids=name_of)
def test_values(op, dtype):
    arrays = operands(op, dtype)
    tensors = [tensor(a, None if a.dtype == bool else dtype) for a in arrays]
    if not takes(op, dtype):
        with pytest.raises(
            (RuntimeError, NotImplementedError),
            match=r"(?s)not (implemented|supported)|is not defined|does not compile",
        ):
            op.call(*tensors, *numbers_of(op))
        return
    want, kind = expected(op, arrays, dtype), result_dtype(op, dtype)
    check(op.call(*tensors, *numbers_of(op)), want, kind, rtol=RTOL.get(dtype), atol=ATOL.get(dtype))


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 20.5, 88.5, -90.0, 3e38, -3e38, np.inf, -np.inf, np.nan]


@by_name("dtype", ["float32", "float64"])
@by_name("op", [op for op in ELEMENTWISE if takes(op, "float32")], ids=name_of)
def test_special_values_propagate(op, dtype):
    tensors_ = [n for n in op.tensors if n not in op.keep]
    rows = list(itertools.product(SPECIAL, repeat=len(tensors_)))
    if len(rows) > 1000:
        rows = [rows[i] for i in rng_of(op.name).choice(len(rows), 400, replace=False)]
    arrays = [quantised(a, dtype) for a in np.array(rows).T]
    arrays = [np.arange(len(rows)) % 2 == 0] * len(op.keep) + arrays
    with np.errstate(all="ignore"):
        want = expected(op, arrays, dtype)
        if dtype == "float32" and want.dtype != bool:
            want = quantised(want, dtype)  # what overflows float32 is infinite
    got = values(op.call(*[tensor(a, None if a.dtype == bool else dtype) for a in arrays], *numbers_of(op)))
    doubtful = np.zeros(len(rows), bool)
    if op.name in INEXACT:
        with np.errstate(all="ignore"):
            doubtful = INEXACT[op.name](*arrays)
    nan, inf = np.isnan(want), np.isinf(want)
    np.testing.assert_array_equal(np.isnan(got)[~doubtful], nan[~doubtful])
    np.testing.assert_array_equal(got[inf & ~doubtful], want[inf & ~doubtful])
    finite = ~nan & ~inf & ~doubtful
    np.testing.assert_allclose(got[finite], want[finite], rtol=RTOL[dtype] * 10, atol=ATOL[dtype])


# Operands on which NumPy's float64 formula and the op's may both be right and differ: intermediate results
# near the largest number, and infinity minus infinity in the formula (not in the function).
LARGE = 1e38
INEXACT = {
    "gelu": lambda x: np.isinf(x),
    "gelu_tanh": lambda x: np.isinf(x),
    "silu": lambda x: np.isinf(x) | (np.abs(x) > LARGE),
    "logsigmoid": lambda x: x < -80,
    "lerp": lambda x, y, w: ~np.isfinite(x + y + w) | (np.abs(x) > LARGE) | (np.abs(y) > LARGE) | (np.abs(w) > LARGE),
    "floor_divide": lambda x, y: (np.abs(x) > LARGE) | np.isinf(x) | np.isinf(y) | (y == 0),
    "plus_product": lambda x, y, b, w: np.isfinite(w * y * b) & (np.abs(w * y * b) > LARGE),
    "plus_quotient": lambda x, y, b, w: np.isfinite(w * y / b) & (np.abs(w * y / b) > LARGE),
    "hardswish": lambda x: np.isneginf(x),  # 0 times infinity, or the 0 that all below -3 is
    "divergence": lambda x, t: np.abs(t) > LARGE,
    "scaled_difference": lambda x, t, y: np.isfinite(x - t) & (np.abs(x - t) > LARGE),
    "power_of_share": lambda x, y: np.abs(x) > LARGE,
    "power_slope": lambda x, y: np.abs(x) > LARGE,
    "cube_of_share": lambda x, y: np.abs(x) > LARGE,
    "cube_slope": lambda x, y: np.abs(x) > LARGE,
    "root_slope": lambda x, y: np.abs(x) > LARGE,
    "root_of_powers": lambda x, y: (np.abs(x) > 1) & (np.abs(y) > 1),
    # a factor over- or underflows, not the product
    "scaled_exp": lambda x, t, y: np.isfinite(x - t) & (np.abs(x - t) > 80),
    "bernoulli_error": lambda x, t: ~np.isfinite(t) | (np.abs(t) > LARGE) | (x < 0) | (x > 1),
}


# --- elementwise: layouts -------------------------------------------------------------------------


def contiguous(a):
    return tensor(a)


def transposed(a):
    return tensor(np.ascontiguousarray(a.T)).t()


def stepped(a):
    wide = np.zeros((a.shape[0] * 2, a.shape[1] * 3), a.dtype)
    wide[1::2, ::3] = a
    return tensor(wide)[1::2, ::3]


def row(a):
    return tensor(a[0])


def column(a):
    return tensor(a[:, :1])


def expanded(a):
    return tensor(a[:, :1]).expand(a.shape)


def one(a):
    return tensor(a[:1, :1])


def zero_dim(a):
    return tensor(a[0, 0])


def number(a):
    return a[0, 0].item()


LAYOUTS = [contiguous, transposed, stepped, row, column, expanded, one, zero_dim]
MANY_LAYOUTS = [OPS[n] for n in ("add", "mul", "where", "exp", "relu")]


def as_array(t):
    return values(t) if isinstance(t, numtorch.Tensor) else np.asarray(t)


@by_name("op", MANY_LAYOUTS, ids=name_of)
def test_layouts(op):
    arrays = operands(op)
    choices = [[*LAYOUTS, *([number] if i and n not in op.keep else [])] for i, n in enumerate(op.tensors)]
    combinations = list(itertools.product(*choices))
    if len(combinations) > 60:  # as many as of two operands
        combinations = [combinations[i] for i in rng_of(op.name).choice(len(combinations), 60, replace=False)]
    for layouts in combinations:
        given = [f(a) for f, a in zip(layouts, arrays, strict=True)]
        want = reference_of(op)(*map(as_array, given))
        y = op.call(*given)  # of two numbers, in the default type
        np.testing.assert_allclose(values(y), want, RTOL[y.dtype.name], err_msg=str([f.__name__ for f in layouts]))


@by_name("op", [op for op in ELEMENTWISE if len(op.tensors) == 2], ids=name_of)
def test_second_operand_may_be_a_number(op):
    dtype = "int64" if not takes(op, "float64") else "float64"
    x, y = operands(op, dtype)
    got = op.call(tensor(x), number(y), *numbers_of(op))
    check(got, expected(op, [x, np.broadcast_to(y[0, 0], x.shape)], dtype), result_dtype(op, dtype))


@by_name("op", ELEMENTWISE, ids=name_of)
@by_name("shape", [(), (0,), (3, 0, 2), (1,), (2, 1, 3)], ids=str)
def test_shapes(op, shape):
    dtype = "int64" if not takes(op, "float64") else "float64"
    arrays = operands(op, dtype, shape)
    check(op.call(*map(tensor, arrays), *numbers_of(op)), expected(op, arrays, dtype), result_dtype(op, dtype))


@by_name("op", [op for op in ELEMENTWISE if takes(op, "float64") and op.out is None], ids=name_of)
def test_out_and_inplace(op):
    arrays = operands(op)
    tensors = list(map(tensor, arrays))
    want = expected(op, arrays, "float64")
    d = getattr(numtorch, result_dtype(op, "float64"))
    out = numtorch.empty(SHAPE, dtype=d)
    assert op.call(*tensors, *numbers_of(op), out=out) is out
    check(out, want, d.name)
    if op in MANY_LAYOUTS:
        late = numtorch.zeros((6, 4), dtype=d).t()
        op.call(*tensors, *numbers_of(op), out=late)
        check(late, want, d.name)
    other = numtorch.empty((5, 6), dtype=d)
    with pytest.warns(UserWarning, match=r"resized since it had shape \[5, 6\]"):
        op.call(*tensors, *numbers_of(op), out=other)
    check(other, want, d.name)
    if op.program.result(numtorch.float64)[0] is not numtorch.bool and not op.keep and not op.params:
        x, version = tensors[0], tensors[0]._version
        assert op.inplace(x, tuple(tensors[1:]), ()) is x
        check(x, want, "float64")
        assert x._version == version + 1


def test_a_written_tensor_may_not_overlap_itself():
    with pytest.raises(RuntimeError, match="single memory location"):
        numtorch.add(numtorch.ones(3, 4), 1, out=numtorch.ones(3, 1).expand(3, 4))


@by_name("op", ELEMENTWISE, ids=name_of)
def test_meta(op):
    dtype = "int64" if not takes(op, "float64") else "float32"
    arrays = operands(op, dtype)
    meta = [
        numtorch.empty(SHAPE, dtype=numtorch.bool if a.dtype == bool else getattr(numtorch, dtype), device="meta")
        for a in arrays
    ]
    y = op.call(*meta, *numbers_of(op))
    assert (tuple(y.shape), y.dtype.name, y.device.type) == (SHAPE, result_dtype(op, dtype), "meta")


# --- elementwise: gradients -----------------------------------------------------------------------


def smooth(op):
    """The op as a function of its floating operands, with inputs on which it has a slope."""
    shape = (3, 4)
    fixed = {n: array(shape, "bool", seed=op.name) for n in op.keep}
    fixed |= {n: array(shape, domain=op.domain, seed=(op.name, n)) for n in op.given}
    free = [n for n in op.tensors if n not in fixed]

    def f(*tensors):
        given = dict(zip(free, tensors, strict=True)) | {n: tensor(a) for n, a in fixed.items()}
        return op.call(*[given[n] for n in op.tensors], *numbers_of(op))

    return f, [array(shape, domain=op.domain, seed=(op.name, n)) for n in free]


@by_name("op", SMOOTH, ids=name_of)
def test_gradcheck(op):
    f, inputs = smooth(op)
    gradcheck(f, inputs)


@by_name("op", SMOOTH, ids=name_of)
def test_gradgradcheck(op):
    f, inputs = smooth(op)
    gradgradcheck(f, inputs)


@by_name("op", SMOOTH, ids=name_of)
def test_fused_gradient_is_the_formula(op):
    f, inputs = smooth(op)
    weights = [array(inputs[0].shape, seed="weights")]
    fused, formula = gradients(f, inputs, weights), gradients(f, inputs, weights, create_graph=True)
    for x, y in zip(fused, formula, strict=True):
        np.testing.assert_allclose(values(x), values(y), rtol=1e-13, atol=1e-14)


@pytest.mark.plain(but=r"\[(add|mul|div|where|exp|abs)\]")  # the types of their kernels
@by_name("op", [op for op in OF_COMPLEX if op.gradient is not None], ids=name_of)
def test_complex_gradients(op):
    """Of complex128, together with its values; the second operand, if there are two, is broadcast."""
    shapes = [(2, 2), (2,), (2, 2), (2, 2)]
    arrays = [
        array(s, "bool" if n in op.keep else "complex128", op.domain, (op.name, n))
        for s, n in zip(shapes, op.tensors, strict=False)
    ]
    leaves = [tensor(a).requires_grad_(a.dtype != bool) for a in arrays]
    f = lambda *given: op.call(*given, *numbers_of(op))
    want = np.broadcast_to(expected(op, arrays, "complex128"), shapes[0])
    check(f(*leaves).detach(), want, result_dtype(op, "complex128"))
    numtorch.autograd.gradcheck(f, leaves, atol=1e-7, rtol=1e-6)
    numtorch.autograd.gradgradcheck(f, leaves, atol=1e-6, rtol=1e-5)


@by_name("op", [OPS[n] for n in ("add", "mul", "div", "where", "exp")], ids=name_of)
def test_complex_layouts_and_in_place(op):
    arrays = operands(op, "complex64")
    for layouts in ((contiguous, transposed, stepped), (transposed, row, column), (stepped, number, zero_dim)):
        given = [contiguous(a) if n in op.keep else f(a) for f, a, n in zip(layouts, arrays, op.tensors, strict=False)]
        want = reference_of(op)(*map(as_array, given))
        np.testing.assert_allclose(values(op.call(*given)), want, rtol=1e-5, atol=1e-6)
        if not op.keep:
            assert op.inplace(given[0], tuple(given[1:]), ()) is given[0]
            np.testing.assert_allclose(values(given[0]), want, rtol=1e-5, atol=1e-6)


# Loops over broadcast operands are generated by one rule from every op's formula: two ops try each of them.
BOTH = ((2, 1, 2), (3, 1))
BROADCAST = [(op, BOTH) for op in SMOOTH if len(op.tensors) == 2 and not op.given]
BROADCAST += [(OPS[n], s) for n in ("mul", "div") for s in [((3, 4), (4,)), ((3, 1), (3, 4)), ((), (2, 3))]]


@pytest.mark.plain(but=r"\[(mul|div)-")
@by_name(("op", "shapes"), BROADCAST, ids=case_id)
def test_gradients_of_broadcast_operands(op, shapes):
    gradcheck(
        lambda x, y: op.call(x, y, *numbers_of(op)),
        [array(s, domain=op.domain, seed=(op.name, i)) for i, s in enumerate(shapes)],
    )


# --- other ops ------------------------------------------------------------------------------------


def plain(result):
    return result if isinstance(result, tuple) else (result,)


@contextlib.contextmanager
def matmul_precision(name):
    before = numtorch.get_float32_matmul_precision()
    if name != before:
        numtorch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        if name != before:
            numtorch.set_float32_matmul_precision(before)


def check_all(op, result, arrays, params, dtype, body_dtype=None):
    if op.name in PROPERTIES:
        for y in plain(result):
            PROPERTIES[op.name](values(y), *arrays, *params)
        return
    reference = reference_of(op)
    if reference is None:
        with registry.bodies_only():
            operands = tensors_of(arrays, dtype)
            if body_dtype is not None:
                operands = [
                    t.to(getattr(numtorch, body_dtype)) if t is not None and t.is_floating_point() else t
                    for t in operands
                ]
            want = [values(y) for y in plain(call(op, operands, params))]
    else:
        want = reference(*arrays, *params)
        want = want if isinstance(want, tuple) else (want,)
    for y, w in zip(plain(result), want, strict=True):
        assert tuple(y.shape) == np.shape(w)
        got = values(y)
        if got.dtype.kind in "fc":
            name = y.dtype.name
            np.testing.assert_allclose(
                got, w, rtol=max(RTOL[dtype], RTOL[name]) * 10, atol=max(ATOL[dtype], ATOL[name]) * 10
            )
        else:
            np.testing.assert_array_equal(got, w)


@by_name("dtype", ["float32", "float64"])
@by_name(("op", "sample"), CASES, ids=case_id)
def test_structured_values(op, sample, dtype):
    arrays, params = arguments(op, sample, dtype)
    check_all(op, call(op, tensors_of(arrays, dtype), params), arrays, params, dtype)


def test_ops_of_complex_numbers_exist():
    assert {op.name for op in structured_ops()} >= references.OF_COMPLEX


@by_name(("op", "sample"), CASES, ids=case_id)
def test_structured_complex_values(op, sample):
    arrays, params = arguments(op, sample, "complex64")
    tensors = tensors_of(arrays, "complex64")
    if takes(op, "complex64"):
        check_all(op, call(op, tensors, params), arrays, params, "complex64")
        return
    # one mean is a sum; of weights torch takes the real parts, with a warning; sums in logarithms are made of other ops
    taken = op.name == "adaptive_avg_pool2d" and sample[1] == (1, 1) or op.name in ("bincount", "logcumsumexp")
    if (
        op.public and not taken and any(t is not None and t.is_complex() for t in tensors)
    ):  # those of others have been asked before
        with pytest.raises((RuntimeError, TypeError)) as refused:
            call(op, tensors, params)
        assert type(refused.value) is not KernelError


@by_name(("op", "sample"), CASES, ids=case_id)
def test_structured_inputs_need_not_be_contiguous(op, sample):
    arrays, params = arguments(op, sample)
    if op.name == "as_strided":  # it speaks of the memory itself
        return check_all(op, call(op, tensors_of(arrays), params), arrays, params, "float64")
    spread = []
    for name, a in zip(names_of(op, arrays), arrays, strict=True):
        if a is None or a.dtype.kind != "f" or a.ndim == 0 or name in FRESH.get(op.name, ()):
            spread.append(None if a is None else tensor(a))
            continue
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]))
        wide[..., ::2] = a
        spread.append(tensor(wide)[..., ::2] if a.size else tensor(a))
    if op.name == "view" and 0 not in sample[0]:
        return check_all(op, call(op, [spread[0].contiguous()], params), arrays, params, "float64")
    return check_all(op, call(op, spread, params), arrays, params, "float64")


@by_name(("op", "sample"), CASES, ids=case_id)
def test_bodies_compute_what_kernels_do(op, sample):
    if op.body is None:
        assert op.entry.kernels, "only kernels compute it, and it has none"
        return
    arrays, params = arguments(op, sample)
    with registry.bodies_only():
        check_all(op, call(op, tensors_of(arrays), params), arrays, params, "float64")


def test_every_cpu_kernel_computes_what_the_op_means():
    seen = set()
    for op, sample in CASES:
        for kernel in list(op.entry.kernels):
            if kernel.device not in ("cpu", "any"):
                continue
            half = kernel.dtypes is not None and all(d.is_half for d in kernel.dtypes)
            types = (
                [d.name for d in kernel.dtypes]
                if half
                else ["float16"]
                if kernel.layout == "widened"
                else ["float32", "float64"]
            )
            for dtype in types:
                arrays, params = arguments(op, sample, dtype)
                tensors = tensors_of(arrays, dtype)
                chosen = (*params, *[default for _, default in op.params[len(params) :]])
                ruled = op.ruled((tensors,) if op.listed else tuple(tensors), chosen)
                if callable(ruled):  # the op is composed of others
                    continue
                s = op.signature(*ruled)
                rounds = kernel.refusal(s) is not None  # a kernel that rounds float32 to bfloat16 must be asked for
                with matmul_precision("medium" if rounds else "highest"):
                    if kernel.refusal(s) is None:
                        seen.add(kernel.id)
                        with kernels.use(op.call, kernel):
                            check_all(
                                op,
                                call(op, tensors, params),
                                arrays,
                                params,
                                "bfloat16" if rounds else dtype,
                                "float32" if kernel.layout == "widened" else None,
                            )
    wrong, reached = places.survey("cpu", dtypes=("float64",))
    assert wrong == {}
    with matmul_precision("medium"):  # tests/ops/test_linear.py says what rounded operands give
        rounding = [op for op in structured_ops() for e in entries(op) for k in e.kernels if k.when is may_round]
        reached |= places.survey("cpu", rounding)[1]
    registered = {k.id for op in structured_ops() for k in op.entry.kernels if k.device == "any"}
    registered |= set(places.registered("cpu"))
    # Those of processors with other vectors; "blas" is what "numpy" is, in another place.
    absent = (may_round,) if not multiplies_pairs() else ()
    foreign = {
        k.id
        for k in places.registered("cpu").values()
        if k.when in absent or k.when in (narrow_vectors, has_pairs) and not k.when(None)
    }
    there = {k.id for n, file in ELSEWHERE.items() if file in OWN_OPERANDS for k in OPS[n].entry.kernels}
    assert registered - seen - reached - foreign - there == set(), "no sample reaches these kernels"


def structured_smooth(op, sample):
    arrays, params = arguments(op, sample)
    names = names_of(op, arrays)
    free = [i for i, a in enumerate(arrays) if a is not None and a.dtype.kind == "f" and names[i] not in op.given]

    def f(*tensors):
        given = [None if a is None else tensor(a) for a in arrays]
        for i, t in zip(free, tensors, strict=True):
            given[i] = t
        results = call(op, given, params)
        return results[: len(results) - op.kept] if op.kept else results

    return f, [arrays[i] for i in free]


# Differentiating a product of hundreds of elements by differences takes long and proves nothing more.
def is_smooth(op, sample):
    if not op.differentiable or op.gradient is None or op.name in TIED:
        return False
    if op.name == "cast":
        return sample[1] is not numtorch.float32  # differences need float64
    return all(a is None or a.size <= 120 for a in arguments(op, sample)[0])


SMOOTH_CASES = [(op, s) for op, s in CASES if is_smooth(op, s)]
SLOPES = [(op, s) for op, s in SMOOTH_CASES if is_derivative(op, s)]


@by_name(("op", "sample"), SLOPES, ids=case_id)
def test_structured_gradcheck(op, sample):
    f, inputs = structured_smooth(op, sample)
    gradcheck(f, inputs)


@by_name(("op", "sample"), SLOPES, ids=case_id)
def test_structured_gradgradcheck(op, sample):
    f, inputs = structured_smooth(op, sample)
    gradgradcheck(f, inputs)


@by_name(("op", "sample"), SMOOTH_CASES, ids=case_id)
def test_structured_gradient_kernels_compute_the_formula(op, sample):
    f, inputs = structured_smooth(op, sample)
    outputs = plain(f(*map(tensor, inputs)))
    weights = [array(tuple(y.shape), seed="weights") for y in outputs if y.dtype.is_floating_point]
    for x, y in zip(gradients(f, inputs, weights), gradients(f, inputs, weights, create_graph=True), strict=True):
        np.testing.assert_allclose(values(x), values(y), rtol=1e-12, atol=1e-13)


@by_name(("op", "sample"), CASES, ids=case_id)
def test_structured_meta(op, sample):
    arrays, params = arguments(op, sample, "float32")
    tensors = tensors_of(arrays, "float32")
    here = plain(call(op, tensors, params))
    empty = [None if t is None else numtorch.empty(t.shape, dtype=t.dtype, device="meta") for t in tensors]
    if op.name in UNCOUNTED:
        with pytest.raises(NotImplementedError, match="of a meta tensor is not known"):
            call(op, empty, params)
        return
    there = plain(call(op, empty, params))
    for x, y in zip(here, there, strict=True):
        assert (tuple(x.shape), x.dtype, y.device.type) == (tuple(y.shape), y.dtype, "meta")


@by_name("dtype", [d for d in DTYPES if d not in ("float32", "float64")])
@by_name("name", ["sum", "prod", "amax", "amin", "any", "all", "count_nonzero", "mean"])
def test_reductions_of_every_type(name, dtype):
    op = OPS[name]
    a = array((3, 5), dtype)
    if name == "mean" and dtype not in FLOATING:
        with pytest.raises(RuntimeError, match="could not infer output dtype"):
            op.call(tensor(a, dtype), 1)
        return
    y = op.call(tensor(a, dtype), 1)
    truth = "uint8" if dtype == "uint8" else "bool"
    kind = {"any": truth, "all": truth, "count_nonzero": "int64"}.get(name)
    kind = kind or (dtype if dtype in FLOATING or name in ("amax", "amin") else "int64")
    check(y, reference_of(op)(a, 1), kind)


def test_move_between_devices():
    move = lambda x, where: OPS["move"].call(x, as_device(where))
    x = numtorch.ones(3, 2, requires_grad=True)
    there = move(x, "meta")
    assert (tuple(there.shape), there.dtype, there.device.type) == ((3, 2), x.dtype, "meta")
    assert there.requires_grad
    with pytest.raises(NotImplementedError, match="no data"):
        move(there, "cpu")


def test_random_ops_depend_on_seed_and_position_alone():
    x = numtorch.zeros(100)
    draw = lambda seed, at: values(OPS["uniform_like"].call(x, seed, at, 0.0, 1.0))
    np.testing.assert_array_equal(draw(1, 5), draw(1, 5))
    assert not np.array_equal(draw(1, 5), draw(2, 5))
    assert not np.array_equal(draw(1, 5), draw(1, 6))


# --- against torch, where it is installed ---------------------------------------------------------


# Formulas behind a function that gives other types to another formula.
NARROWER = {"trunc_divide": FLOATING} | dict.fromkeys(
    ("hardtanh", "threshold", "plus_product", "plus_quotient", "prelu"), DTYPES
)


def _in_single(torch, f, *given):
    d = given[0].dtype
    y = f(*[x if d is torch.float64 else x.float() for x in given])
    return y.to(d) if d in (torch.float16, torch.bfloat16) else y


def torchs(op, torch):
    """torch's function of an op's meaning; where it has none, the formula for NumPy, made of Python's operators."""
    if callable(op.torch):
        return partial(op.torch, torch)
    if op.torch and op.torch.startswith("special."):  # torch has most of them in float32 and float64 alone
        return partial(_in_single, torch, getattr(torch.special, op.torch.removeprefix("special.")))
    paths = [op.torch] if op.torch else [op.name, f"nn.functional.{op.name}"]
    found = [f for path in paths if (f := reduce(lambda o, n: getattr(o, n, None), path.split("."), torch))]
    return found[0] if found else lambda *given: op.ref(*given, *numbers_of(op))


if importlib.util.find_spec("torch"):
    from tests.against_torch import evaluated, same

    # Of log_gamma_slope torch has an approximation of three digits; its own test knows better.
    @by_name("op", [op for op in ELEMENTWISE if op.name != "log_gamma_slope"], ids=name_of)
    def test_values_and_types_are_torchs(op):
        import torch

        theirs = torchs(op, torch)
        for dtype in DTYPES:
            arrays = operands(op, dtype)
            d = getattr(torch, dtype)
            given = [torch.tensor(a.tolist(), dtype=torch.bool if a.dtype == bool else d) for a in arrays]
            ours = [tensor(a, None if a.dtype == bool else dtype) for a in arrays]
            if not takes(op, dtype):
                if op.name in NARROWER and dtype in NARROWER[op.name]:
                    continue
                with pytest.raises((RuntimeError, NotImplementedError)):
                    theirs(*given)
                continue
            want = theirs(*given)
            got = op.call(*ours, *numbers_of(op))
            name = str(want.dtype).removeprefix("torch.")
            # torch rounds half types between the steps of a formula, whose terms may cancel; numtorch rounds once.
            loose = {"rtol": 4 * RTOL[name], "atol": 4 * RTOL[name]} if name in ("bfloat16", "float16") else {}
            check(got, want.double().numpy() if want.is_floating_point() else want.numpy(), name, **loose)

    # Functions that are composed of ops, and those that refuse complex numbers before any op is asked.
    @by_name(
        "expression",
        [
            "t.scatter_reduce(z, 1, l([[0, 0], [1, 3], [2, 2]]), 1 - z, 'prod')",
            "t.scatter_reduce(z, 1, l([[0, 0], [1, 3], [2, 2]]), 1 - z, 'mean')",
            "t.scatter_reduce(z, 1, l([[0, 0], [1, 3], [2, 2]]), 1 - z, 'amax')",
            *[f"t.norm(z, {p}, 1)" for p in ("0", "1", "2", "3", "inf", "-inf")],
            "F.layer_norm(z, (4,))",
            "F.batch_norm(z, None, None, training=True)",
            "F.group_norm(z, 2)",
            "F.rms_norm(z, (4,))",
            "F.max_pool1d(z, 2)",
            "F.avg_pool1d(z, 2)",
            "F.adaptive_avg_pool1d(z, 1)",
            "F.softmax(z, 1)",
            "F.glu(z)",
            "F.gelu(z)",
            "F.binary_cross_entropy_with_logits(z, z)",
            "F.scaled_dot_product_attention(z, z, z)",
            "F.mse_loss(z, z * 2)",
            "F.linear(z, z, z[:, 0])",
            "F.conv1d(z.reshape(1, 3, 4), z.reshape(2, 3, 2), z[0, :2])",
            "t.sort(z)",
            "t.topk(z, 2)",
            "t.median(z)",
            "t.searchsorted(z, z)",
            "t.bucketize(z, z[0])",
            "t.max(z)",
            "t.clamp(z, 0, 1)",
            "t.floor_divide(z, z)",
            "z < z",
            "z & z",
            "z.bernoulli_()",
            "z.random_()",
            "t.var(z, 1)",
            "t.logsumexp(z, 1)",
            "t.cumprod(z, 0)",
        ],
    )
    def test_complex_functions_are_torchs(expression):
        same(evaluated(expression), rtol=1e-5, atol=1e-5)


# --- what the compiler made of it -----------------------------------------------------------------


def float32_kernels():
    """(kernel, arguments it is compiled for) of every float32 elementwise op, forward and backward."""
    found = {}
    entry = Jit.entry

    def spy(self, *args):
        found.setdefault(getattr(self, "source", self.__name__), (self, args))
        return entry(self, *args)

    registry.clear_memos()
    Jit.entry = spy
    try:
        for op in ELEMENTWISE:
            if not takes(op, "float32"):
                continue
            arrays = operands(op, "float32")
            leaves = [
                tensor(a) if a.dtype == bool else tensor(a, "float32").requires_grad_(n not in op.given)
                for n, a in zip(op.tensors, arrays, strict=True)
            ]
            y = op.call(*leaves, *numbers_of(op))
            if y.requires_grad:
                y.backward(numtorch.ones(SHAPE))
    finally:
        Jit.entry = entry
        registry.clear_memos()
    return found


# The angle of a sine is reduced to a quarter turn in float64, or large angles would have no digits left. Special
# functions are texts on float64, of which float32 gets the rounded result. The C library's erfc and lgamma of float32
# miss several units of the last place. Those of float64 are called; no vector is lost, as they are calls either way.
WIDE = re.compile(rf"\b(?:sin|cos|erfc|lgamma|{'|'.join(special.NAMED)})\(")
ARITHMETIC = re.compile(r"= (?:\w+ )*?(fadd|fsub|fmul|fdiv|frem|fneg|fcmp|call|fpext|sitofp|uitofp)\b[^\n]*\bdouble\b")


@pytest.mark.skipif(disabled(), reason="plain Python has no machine code to look at")
def test_float32_kernels_compute_in_float32():
    """A literal or an integer that Numba promotes to float64 halves the width of the vectors."""
    found = float32_kernels()
    assert len(found) > 80
    wrong = {}
    for text, (kernel, args) in found.items():
        if WIDE.search(text):
            continue
        fresh = Jit(
            kernel.fn,
            parallel=kernel.parallel,
            fastmath=kernel.fastmath,
            needs=kernel.needs,
            inline=False,
            options=kernel.options,
        )
        dispatcher = fresh._make_dispatcher()
        dispatcher._cache = type(dispatcher)(kernel.fn)._cache  # not from disk: loaded code has no IR
        from numba import typeof

        signature = tuple(map(typeof, args))
        dispatcher.compile(signature)
        ir = dispatcher.inspect_llvm(signature)
        bodies = [
            b
            for b in re.findall(r"^define [^\n]*\{\n.*?^\}", ir, re.S | re.M)
            if "cpython" not in b.split("\n", 1)[0] and "cfunc." not in b.split("\n", 1)[0]
        ]
        lines = [line.strip() for b in bodies for line in b.splitlines() if ARITHMETIC.search(line)]
        if lines:
            wrong[text.split("(")[0]] = lines[:3]
    assert wrong == {}


# --- at every place -------------------------------------------------------------------------------

# Where the choice is made when Numba is imported, a process of its own looks at all ops.
PLAIN = {"NUMBA_DISABLE_JIT": "1"}
SETTINGS = {"python": PLAIN, "simulator": PLAIN | {"NUMBA_ENABLE_CUDASIM": "1"}, "ptx": {}}


@by_name("place", SETTINGS)
def test_every_op_and_kernel_at(place):
    """In plain Python, for a debugger; CUDA's kernels in Numba's simulator, and compiled by NVIDIA's compiler."""
    if DEVICES[place] == "cuda":
        pytest.importorskip("numba_cuda")
    env = {k: v for k, v in os.environ.items() if k not in ("NUMBA_DISABLE_JIT", "NUMBA_ENABLE_CUDASIM")}
    done = subprocess.run(
        [sys.executable, "-W", "error", places.__file__, place],
        capture_output=True,
        text=True,
        check=False,
        env=env | SETTINGS[place] | {"PYTHONPATH": ROOT},
    )
    assert done.returncode == 0, done.stderr
    wrong, missed = json.loads(done.stdout)
    assert wrong == {}
    assert DEVICES[place] == "cpu" or missed == [], "no sample reaches these kernels"


if numtorch.cuda.is_available() and not launch.simulated():

    @by_name("op", OPS.values(), ids=name_of)
    def test_every_op_on_the_card(op):
        assert places.survey("card", [op], ["float32", "float64"])[0] == {}


def test_a_kernel_that_no_sample_reaches_or_that_is_wrong_is_noticed(scratch_registry):
    from numtorch.dispatch import op as dispatch

    @dispatch.op(samples=lambda: [((3,), 1.0)])
    def planted(x, scale: float):
        return x * scale

    @planted.vjp
    def _(g, *, scale):
        return g * scale

    planted.kernel("cpu", name="wrong")(lambda x, scale: x * (scale + 1))
    planted.kernel("cpu", name="unreached", when=lambda s: s.dtypes[0] is numtorch.int8)(lambda x, scale: x)
    planted.backward.kernel("cpu", name="wrong")(lambda g, *, scale: g * (scale + 1))
    planted.backward.kernel("cpu", name="unreached", when=lambda s: s.dtypes[0] is numtorch.int8)(lambda g, *, scale: g)
    wrong, reached = places.survey("cpu", [planted.op])
    (said,) = wrong.values()
    assert "result 0 is" in said
    of_it = {k for k in places.registered("cpu") if k.startswith("planted")}
    assert of_it & reached == {"planted/cpu/wrong", "planted.backward/cpu/wrong"}
    assert of_it - reached == {"planted/cpu/unreached", "planted.backward/cpu/unreached"}
