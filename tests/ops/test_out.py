"""``out=`` of every function that takes one in torch: shapes, types, devices, overlapping memory, gradients,
warnings."""

import warnings

import numpy as np
import pytest

import numtorch as nt

torch = pytest.importorskip("torch")


def table(t):
    """Name: function and arguments. One kind of element, so that few kernels are compiled."""
    a = t.tensor([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    v, m, i = a[0], t.tensor([[1.0, 2.0], [3.0, 4.0]]), t.tensor([[0, 1, 1], [1, 0, 0]])
    b, f = a.reshape(1, 2, 3), t.nn.functional
    return {
        "add": (t.add, a, v),
        "sub scaled": (lambda *x, **k: t.sub(*x, alpha=2, **k), a, v),
        "mul": (t.mul, a, 2),
        "div": (t.div, a, v),
        "div rounded": (lambda *x, **k: t.div(*x, rounding_mode="trunc", **k), a, v),
        "floor_divide": (t.floor_divide, a, 2),
        "remainder": (t.remainder, a, v),
        "pow": (t.pow, a, 2),
        "exp": (t.exp, a),
        "sign": (t.sign, a),
        "clamp": (t.clamp, a, 2, 5),
        "maximum": (t.maximum, a, v),
        "lerp": (t.lerp, a, a, 0.5),
        "addcmul": (t.addcmul, a, a, v),
        "addcdiv": (t.addcdiv, a, a, v),
        "eq": (t.eq, a, v),
        "ge": (t.ge, a, 2),
        "logical_and": (t.logical_and, a, v),
        "logical_not": (t.logical_not, a),
        "bitwise_or": (t.bitwise_or, i, 2),
        "bitwise_not": (t.bitwise_not, i),
        "sigmoid": (t.sigmoid, a),
        "square": (t.square, a),
        "all": (t.all, a, 0),
        "any": (t.any, a),
        "amax": (t.amax, a, 0),
        "amin": (t.amin, a, 1),
        "argmax": (t.argmax, a, 0),
        "argmin": (t.argmin, a),
        "max": (t.max, a, 0),
        "min of all": (t.min, a),
        "max of two": (t.max, a, v),
        "sum": (t.sum, a, 0),
        "mean": (t.mean, a, 1),
        "prod": (t.prod, a, 0),
        "std": (t.std, a, 0),
        "var": (t.var, a, 0),
        "norm": (t.norm, a, 2, 0),
        "logsumexp": (t.logsumexp, a, 0),
        "softmax": (t.softmax, a, 0),
        "log_softmax": (t.log_softmax, a, 1),
        "mm": (t.mm, m, a),
        "bmm": (t.bmm, b, b.transpose(1, 2)),
        "mv": (t.mv, m, m[0]),
        "dot": (t.dot, v, v),
        "outer": (t.outer, v, v),
        "matmul": (t.matmul, m, a),
        "addmm": (t.addmm, m, m, m),
        "linear": (f.linear, m, m),
        "cat": (t.cat, [a, a], 1),
        "stack": (t.stack, [a, a]),
        "hstack": (t.hstack, [a, a]),
        "vstack": (t.vstack, [a, a]),
        "dstack": (t.dstack, [a, a]),
        "column_stack": (t.column_stack, [a, a]),
        "diff": (t.diff, a),
        "tril": (t.tril, a),
        "triu": (t.triu, a),
        "diag": (t.diag, v),
        "cumsum": (t.cumsum, a, 0),
        "cumprod": (t.cumprod, a, 0),
        "cummax": (t.cummax, a, 1),
        "cummin": (t.cummin, a, 0),
        "logcumsumexp": (t.logcumsumexp, a, 0),
        "sort": (t.sort, a, 0),
        "topk": (t.topk, a, 1, 0),
        "kthvalue": (t.kthvalue, a, 1, 0),
        "median": (t.median, a, 0),
        "nanmedian": (t.nanmedian, a, 0),
        "msort": (t.msort, a),
        "mode": (t.mode, a, 0),
        "searchsorted": (t.searchsorted, v.sort()[0], v),
        "bucketize": (t.bucketize, a, v.sort()[0]),
        "gather": (t.gather, a, 0, i),
        "take": (t.take, a, i),
        "take_along_dim": (t.take_along_dim, a, i, 0),
        "index_select": (t.index_select, a, 0, i[1]),
        "index_add": (t.index_add, a, 0, i[1, :2], a),
        "nonzero": (t.nonzero, a),
        "index_copy": (t.index_copy, a, 0, i[1, :2], a),
        "scatter": (t.scatter, a, 0, i[:1], a),
        "scatter_add": (t.scatter_add, a, 0, i, a),
        "scatter_reduce": (t.scatter_reduce, a, 0, i, a, "prod"),
        "masked_select": (t.masked_select, a, a > 2),
        "where": (t.where, a > 2, a, v),
        "gelu": (f.gelu, a),
        "softshrink": (f.softshrink, a),
        "normalize": (f.normalize, a),
        "full": (t.full, (2, 3), 7.0),
        "zeros": (t.zeros, 2, 3),
        "ones": (t.ones, (3,)),
        "eye": (t.eye, 2),
        "arange": (t.arange, 4),
        "linspace": (t.linspace, 0, 1, 4),
        "avg_pool2d": (f.avg_pool2d, b, 1),
    }


DRAWN = ("rand", "randn", "randperm", "bernoulli", "multinomial")
# torch gives these without gradient, and says nothing
NO_SLOPE_IN_TORCH = {"softmax", "log_softmax", "diag", "where", "floor_divide"}


def outcome(lib, name, make):
    """What is written, its types and shapes, and the first warning; or the class of the error."""
    fn, *args = table(lib)[name]
    result = fn(*args)
    several = isinstance(result, tuple)
    outs = [make(lib, y) for y in (result if several else (result,))]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            given = fn(*args, out=tuple(outs) if several else outs[0])
        except Exception as e:
            return type(e)
    assert (given[0] if several else given) is outs[0]
    warned = [str(w.message).split(" (Triggered")[0] for w in told if issubclass(w.category, UserWarning)][:1]
    return [(str(o.dtype), tuple(o.shape), o.detach().double().tolist()) for o in outs], warned


def like(shape=None, dtype=None, grad=False):
    def make(t, y):
        d = getattr(t, dtype) if dtype else y.dtype
        o = t.ones(tuple(y.shape if shape is None else shape), dtype=d)
        return o.requires_grad_(grad and d.is_floating_point)

    return make


def strided(t, y):
    return t.ones((*y.shape, 2), dtype=y.dtype)[..., 1]


def expanded(t, y):
    return t.ones(1, dtype=y.dtype).expand(y.shape if y.numel() > 1 else (2,))


def elsewhere(t, y):
    return t.empty(y.shape, dtype=y.dtype, device="meta")


KINDS = {
    "right": like(),
    "empty": like((0,)),
    "longer": like((3, 1, 5)),
    "strided": strided,
    "float64": like(dtype="float64"),
    "int64": like(dtype="int64"),
    "wants a gradient": like(grad=True),
}
# Where torch takes the result's type alone, though it promotes elsewhere; says other things of inner shapes; or writes
# nothing.
OTHERS = {
    ("sign", "float64"),
    ("clamp", "float64"),
    ("bitwise_not", "float64"),
    ("where", "float64"),
    ("arange", "longer"),
    ("kthvalue", "longer"),
    ("mode", "longer"),
    ("gelu", "strided"),
}


@pytest.mark.plain(but=r"\[(add|mul|sum|matmul|sort|cat)\]")
@pytest.mark.parametrize("name", table(nt))
def test_written_as_in_torch(name):
    for kind, make in KINDS.items():
        if (name, kind) in OTHERS:
            continue
        ours, theirs = outcome(nt, name, make), outcome(torch, name, make)
        if isinstance(theirs, type) or isinstance(ours, type):
            assert ours is theirs, (kind, ours, theirs)
            continue
        assert ours[1] == theirs[1], kind
        for (d, shape, values), (their_d, their_shape, their_values) in zip(ours[0], theirs[0], strict=True):
            assert (d, shape) == (their_d, their_shape), kind
            np.testing.assert_allclose(values, their_values, rtol=1e-5, atol=1e-6, err_msg=kind)


@pytest.mark.parametrize("name", table(nt))
def test_refused(name):
    result = table(nt)[name][0](*table(nt)[name][1:])
    if (
        not isinstance(result, tuple) and result.numel() > 1
    ):  # torch refuses most of these; the others write one element many times
        assert outcome(nt, name, expanded) is RuntimeError
    if name not in ("zeros", "ones", "full", "eye", "arange", "linspace"):
        assert outcome(nt, name, elsewhere) is RuntimeError
    fn, *args = table(nt)[name]
    with pytest.raises(TypeError, match="argument 'out' must be"):
        fn(*args, out=3)
    if isinstance(args[0], nt.Tensor) and args[0].dtype.is_floating_point and name not in NO_SLOPE_IN_TORCH:

        def wanting(lib):
            f, x, *rest = table(lib)[name]
            y = f(x, *rest)
            out = tuple(lib.empty_like(o) for o in y) if isinstance(y, tuple) else lib.empty_like(y)
            try:
                f(x.clone().requires_grad_(), *rest, out=out)
            except RuntimeError as e:
                return "don't support automatic differentiation" in str(e)
            return None

        assert wanting(nt) == wanting(torch)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_numbers(name):
    args = {
        "rand": (2, 3),
        "randn": (2, 3),
        "randperm": (6,),
        "bernoulli": (nt.full((2, 3), 0.5),),
        "multinomial": (nt.ones(6), 3),
    }[name]
    fn = getattr(nt, name)
    integers = name in ("randperm", "multinomial")
    out = nt.full((1,), -1, dtype=nt.int64 if integers else nt.float32)
    nt.manual_seed(3)
    want = fn(*args)
    nt.manual_seed(3)
    assert fn(*args, out=out) is out
    assert out.tolist() == want.tolist()


def test_several_results():
    x = nt.tensor([[1.0, 3.0], [4.0, 2.0]])
    values, places = nt.zeros(0), nt.zeros(0, dtype=nt.int64)
    result = nt.max(x, 1, out=(values, places))
    assert result.values is values and result.indices is places
    assert values.tolist() == [3, 4] and places.tolist() == [1, 0]
    nt.sort(x, 1, out=[values.resize_(0), places.resize_(0)])
    assert values.tolist() == [[1, 3], [2, 4]]
    for wrong in (values, (values,), (values, places, places), (values, 3)):
        with pytest.raises(TypeError, match="argument 'out' must be"):
            nt.max(x, 1, out=wrong)
    with pytest.raises(RuntimeError, match="dtype int64, but got int32"):
        nt.max(x, 1, out=(nt.zeros(2), nt.zeros(2, dtype=nt.int32)))


@pytest.mark.parametrize(
    "fn",
    [
        nt.exp,
        lambda x, **k: nt.add(x, 1, **k),
        lambda x, **k: nt.mul(nt.ones(()), x, **k),
        lambda x, **k: nt.maximum(x, x, **k),
        lambda x, **k: nt.cumsum(x, 0, **k),
    ],
)
def test_overlapping_memory(fn):
    # torch refuses these; the result of the function that writes nowhere is what is meant.
    for start in (0, 1, 2):
        for times in range(3):  # the front remembers what it has called
            memory = nt.arange(8.0)
            x = memory[1:6]
            want = fn(x.clone()).tolist()
            fn(x, out=memory[start : start + 5])
            assert memory[start : start + 5].tolist() == want, times
    memory = nt.arange(9.0)
    fn(memory[:5], out=memory[::2])
    assert memory[::2].tolist() == fn(nt.arange(5.0)).tolist()


def test_a_resized_view_and_an_operand_that_is_written_to():
    x, y = nt.ones(3), nt.ones(2, 3)
    assert nt.add(y, x, out=y) is y and y.tolist() == [[2.0] * 3] * 2
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        nt.add(x, y, out=x)  # the operand would change under the reader
    assert x.shape == (3,)


def test_no_gradient_is_lost_in_silence():
    leaf = nt.ones(2, requires_grad=True)
    for call in (
        lambda o: nt.sum(leaf, 0, out=o),
        lambda o: nt.cat([nt.ones(1), leaf], out=o),
        lambda o: nt.dot(leaf, nt.ones(2), out=o),
        lambda o: nt.stack((leaf, leaf), out=o),
        lambda o: nt.mul(nt.ones(2), leaf, out=o),
    ):
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            call(nt.zeros(0))
        with nt.no_grad():
            assert not call(nt.zeros(0)).requires_grad
    assert nt.argmax(leaf, out=nt.zeros((), dtype=nt.int64)).item() == 0
    kept = nt.zeros(2, requires_grad=True)
    assert nt.eq(leaf, 1, out=kept) is kept and kept.requires_grad and kept.tolist() == [1, 1]


def test_versions_count_what_out_writes():
    x = nt.ones(2, requires_grad=True)
    w = nt.full((2,), 3.0)
    y = x * w
    nt.sum(nt.ones(2, 2), 0, out=w)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_tests_that_ask_about_elements_take_no_out():
    for fn in (nt.isnan, nt.isinf, nt.isfinite):
        with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
            fn(nt.ones(1), out=nt.ones(1, dtype=nt.bool))
