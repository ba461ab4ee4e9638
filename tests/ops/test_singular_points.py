"""Reductions where rounding, overflow or a missing slope could spoil them: numbers far from 0, huge and tiny ones,
equal ones, none."""

import numpy as np
import pytest

import numtorch as nt
from numtorch.kernels.jit import disabled
from tests.against_torch import lines, same

nan, inf = float("nan"), float("inf")
FLOATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")


@pytest.fixture(autouse=True)
def quiet():
    """Kernels that run as plain Python warn of what overflows and of what is not finite."""
    with np.errstate(all="ignore"):
        yield


def numbers(shape, dtype, shift):
    """Whole numbers from 1 to 7 beyond ``shift``: exact in every type, far from 0 for their deviation."""
    return (np.random.default_rng(len(shape)).integers(1, 8, shape) + shift).astype(dtype)


def slopes(fn, *values, dtype="float64"):
    """``same``'s function: what ``fn(lib, *tensors)`` gives, and the gradients of its sum for the tensors."""

    def run(lib):
        given = [lib.tensor(v, dtype=getattr(lib, dtype), requires_grad=True) for v in values]
        y = fn(lib, *given)
        y.sum().backward()
        return (y.detach(), *[t.grad for t in given])

    return run


# --- variances and deviations -----------------------------------------------------------------------------

LAYOUTS = {
    "rows": ((20, 33), 1),
    "rows in pieces": ((9, 5000), 1),
    "few long rows": ((3, 40_000), 1),
    "short rows": ((50, 2), 1),
    "columns": ((300, 700), 0),
    "columns in strips": ((20, 1500), 0),
    "narrow columns": ((1000, 3), 0),
    "columns in parts": ((9000, 2), 0),
    "middle": ((3, 300, 50), 1),
    "planes": ((4, 6, 10, 11), (0, 2, 3)),
    "long planes": ((2, 3, 5000), (0, 2)),
    "apart": ((5, 4, 3), (0, 2)),
    "three apart": ((6, 5, 4, 3, 2), (0, 2, 4)),
    "all": ((7, 31), None),
    "all in pieces": ((100_000,), None),
    "two": ((2,), 0),
}
if disabled():
    LAYOUTS = {name: given for name, given in LAYOUTS.items() if np.prod(given[0]) < 10_000}


def moments_of(x, dim, **options):
    return [f(x, dim, **options).numpy() for f in (nt.var, nt.std)]


def wanted_moments(a, dim, ddof=1):
    a = a.astype(np.longdouble)
    return [f(a, axis=dim, ddof=ddof).astype(np.float64) for f in (np.var, np.std)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shift", [0, 1000, 1e6, 1e7])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_variances_far_from_zero(layout, shift, dtype):
    shape, dim = LAYOUTS[layout]
    a = numbers(shape, dtype, shift)
    for got, want in zip(moments_of(nt.tensor(a), dim), wanted_moments(a, dim), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("dim", [0, 1, 2, (0, 1), (0, 2), (1, 2), None])
def test_variances_of_views_far_from_zero(dim, dtype):
    a = numbers((12, 34, 70), dtype, 1e6)
    x = nt.tensor(a)
    views = [
        (x.permute(2, 0, 1), a.transpose(2, 0, 1)),
        (x.transpose(0, 1), a.swapaxes(0, 1)),
        (x[:, ::2, 1:], a[:, ::2, 1:]),
        (x[3:4].expand(5, 34, 70), np.broadcast_to(a[3:4], (5, 34, 70))),
    ]
    for view, want in views:
        for _ in range(2):
            for keepdim in (False, True):
                got = nt.var(view, dim, keepdim=keepdim)
                np.testing.assert_allclose(
                    got.numpy(), np.var(want.astype(np.float64), axis=dim, ddof=1, keepdims=keepdim), rtol=2e-5
                )


@pytest.mark.skipif(disabled(), reason="minutes of plain Python")
def test_variances_of_many_elements_far_from_zero():
    a = ((np.arange(10_000_000) % 7) + 1e6).astype(np.float32)
    x = nt.from_numpy(a)
    want = a.astype(np.float64).var(ddof=1)
    assert x.var().item() == pytest.approx(want, rel=1e-6) and x.std().item() == pytest.approx(want**0.5, rel=1e-6)
    np.testing.assert_allclose(
        x.reshape(-1, 5).var(0).numpy(), a.reshape(-1, 5).astype(np.float64).var(0, ddof=1), rtol=1e-5
    )


def test_a_variance_that_was_wrong():
    v = ((np.arange(1000) % 7) + 1e6).astype(np.float32)
    assert nt.tensor(v).var().item() == pytest.approx(3.99899, rel=1e-6)


def test_variances_by_the_body_far_from_zero():
    """What other devices compute."""
    a = numbers((40, 50), np.float32, 1e6)
    with nt.kernels.bodies_only():
        for dim in (0, 1, None):
            for got, want in zip(moments_of(nt.tensor(a), dim), wanted_moments(a, dim), strict=True):
                # plain Python adds up one by one
                np.testing.assert_allclose(got, want, rtol=1e-2 if disabled() else 1e-4)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_variances_do_not_depend_on_threads(layout, threads):
    shape, dim = LAYOUTS[layout]
    x = nt.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32) + np.float32(40))
    want = moments_of(x, dim)
    before = nt.get_num_threads()
    try:
        nt.set_num_threads(threads)
        for got, first in zip(moments_of(x, dim), want, strict=True):
            np.testing.assert_array_equal(got, first)
    finally:
        nt.set_num_threads(before)


SIZES = [
    (np.float32, 1e37),
    (np.float32, 1e-30),
    (np.float32, 1e-44),
    (np.float64, 1e300),
    (np.float64, 1e-200),
    (np.float64, 1e-310),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype, size", SIZES)
def test_deviations_of_huge_and_tiny_numbers(layout, dtype, size):
    """The variance does not fit into the type, its root does."""
    shape, dim = LAYOUTS[layout]
    small = numbers(shape, np.float64, 0)
    a = (small * size).astype(dtype)
    got = nt.std(nt.tensor(a), dim).numpy()
    factor = np.longdouble(2) ** (-1000 if size > 1e100 else 0)
    want = np.std(a.astype(np.longdouble) * factor, axis=dim, ddof=1) / factor
    np.testing.assert_allclose(
        got,
        want.astype(np.float64),
        rtol=1e-5 if dtype is np.float32 else 1e-12,
        atol=np.finfo(dtype).smallest_subnormal,
    )


def test_a_huge_row_beside_others_and_what_is_not_finite():
    a = np.array(
        [[1, 2, 4], [3e37, 1e37, 2e37], [3e-30, 1e-30, 2e-30], [nan, 1, 2], [inf, 1, 2], [5, 5, 5]], np.float32
    )
    want = np.array([np.std([1, 2, 4], ddof=1), 1e37, 1e-30, nan, nan, 0])
    np.testing.assert_allclose(nt.std(nt.tensor(a), 1).numpy(), want, rtol=1e-6)
    np.testing.assert_allclose(nt.std(nt.tensor(a).t().contiguous(), 0).numpy(), want, rtol=1e-6)
    np.testing.assert_array_equal(nt.var(nt.tensor(a), 1).numpy()[1:3], [inf, 0])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equal_numbers_do_not_deviate(layout, dtype):
    shape, dim = LAYOUTS[layout]
    x = nt.full(shape, 0.1, dtype=getattr(nt, dtype), requires_grad=True)
    for f in (nt.var, nt.std):
        assert (f(x, dim).detach().numpy() == 0).all()
    nt.std(x, dim).sum().backward()
    assert (x.grad.numpy() == 0).all()


SPREAD = [[1.0, 1.0, 1.0], [1.0, 2.0, 4.0], [0.0, 0.0, 0.0]]


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("dim", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("correction", [0, 1, 2, 3, 4, 9, 10])
def test_variances_and_their_gradients(correction, dim, name, dtype):
    for keepdim in (False, True):
        same(
            slopes(
                lambda t, x, k=keepdim: getattr(t, name)(x, dim, correction=correction, keepdim=k), SPREAD, dtype=dtype
            ),
            rtol=1e-6,
        )


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize(
    "values", [3.0, [3.0], [], [nan, 1.0], [inf, 1.0], [[1.0, nan, 2.0], [1.0, 2.0, 3.0]], [[], []]], ids=str
)
def test_variances_of_one_and_of_none(values, name):
    same(slopes(lambda t, x: getattr(t, name)(x), values))
    same(slopes(lambda t, x: getattr(t, name)(x, 0), values))
    same(slopes(lambda t, x: getattr(t, name)(x, -1, correction=0), values))


@pytest.mark.plain
def test_second_derivatives_of_deviations():
    x = nt.tensor(np.random.default_rng(0).standard_normal((3, 4)), requires_grad=True)
    for f in (lambda x: x.std(1), lambda x: x.std(), lambda x: x.var(0), lambda x: x.norm(2, 1)):
        assert nt.autograd.gradcheck(f, (x,)) and nt.autograd.gradgradcheck(f, (x,))
    y = nt.tensor(SPREAD, dtype=nt.float64, requires_grad=True)
    for f in (lambda x: x.std(1), lambda x: x.norm(2, 1), lambda x: x.norm(3, 1)):
        (g,) = nt.autograd.grad(f(y).sum(), y, create_graph=True)
        (h,) = nt.autograd.grad((g * nt.tensor([1.0, 2.0, 3.0])).sum(), y)
        assert np.isfinite(h.numpy()).all()


@pytest.mark.plain(but="bfloat16")
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ["var", "std", "norm", "logsumexp", "sum", "mean", "cumsum", "logcumsumexp"])
def test_half_types_are_rounded_once(name, dtype):
    for shape, dim in (((5000,), 0), ((3000, 3), 0), ((3, 3000), 1)):
        x = nt.tensor(np.random.default_rng(0).random(shape).astype(np.float32)).to(getattr(nt, dtype))
        got, want = (getattr(nt, name)(v, dim=dim) for v in (x, x.float()))
        np.testing.assert_array_equal(got.float().numpy(), want.to(x.dtype).float().numpy())


def test_a_deviation_whose_variance_no_half_type_holds():
    assert ((nt.arange(16.0) * 0.7).sin() * 400).half().std().item() == 282.5


# --- norms ------------------------------------------------------------------------------------------------

ORDERS = [0.5, 1, 1.5, 2, 2.5, 3, -1, -2.5, inf, -inf, "fro"]
VECTORS = [
    [0.0, 0.0],
    [0.0, 1.0, -2.0, 2.0],
    [1.0, 2.0, 3.0],
    [nan, 1.0, 3.0],
    [inf, 1.0],
    [-inf, inf, 1.0],
    [2.0, -2.0, 2.0],
    [],
]


@pytest.mark.plain(but=r"\[(1|2|2.5|inf)\]")
@pytest.mark.parametrize("p", ORDERS)
def test_norms_and_their_gradients(p):
    for v in VECTORS:
        same(slopes(lambda t, x: t.norm(x, p), v))
    rows = [[0.0, 0.0, 0.0], [1.0, 0.0, -2.0], [1.0, 1.0, 1.0]]
    for dtype in FLOATS:
        for dim in (0, 1, -1, (0, 1)):
            for keepdim in (False, True):
                same(
                    slopes(lambda t, x, d=dim, k=keepdim: t.norm(x, p, d, k), rows, dtype=dtype),
                    rtol=1e-6 if dtype == "float32" else 1e-9,
                )
    for shape, dim in (((0, 3), 0), ((0, 3), 1), ((3, 0), 1), ((0,), None)):
        same(lambda t, s=shape, d=dim: t.norm(t.ones(s), p, d))


@pytest.mark.plain
@pytest.mark.parametrize("p", [1.5, 2, 2.5, 3, -1])
def test_second_derivatives_of_norms(p):
    x = nt.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -4.0]], dtype=nt.float64, requires_grad=True)
    assert nt.autograd.gradcheck(lambda x: x.norm(p, 1), (x,)) and nt.autograd.gradgradcheck(
        lambda x: x.norm(p, 1), (x,)
    )


def test_the_norm_of_order_zero():
    x = nt.tensor([[0.0, nan, -2.0], [0.0, 0.0, 0.0]], requires_grad=True)
    for dim, want in ((None, 2), (1, [2, 0]), ((0, 1), 2)):
        y = x.norm(0, dim)
        assert y.tolist() == want and y.dtype is nt.float32
        x.grad = None
        y.sum().backward()
        assert x.grad.tolist() == [[0] * 3] * 2
    same(lambda t: t.norm(t.tensor([0.0, 1.0, -inf, nan]), 0))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
@pytest.mark.parametrize("p", [*ORDERS, 0])
def test_norms_of_whole_numbers_are_refused(p, dtype):
    error = same(lambda t: t.norm(t.ones(3, dtype=getattr(t, dtype)), p))
    assert "Expected a floating point or complex tensor as input" in str(error)


def test_norms_of_which_powers_overflow():
    for dtype in (nt.float32, nt.float64):
        assert nt.tensor([3e37, 1e37], dtype=dtype).norm(2.5).item() == pytest.approx(3.0755472204e37, rel=1e-6)
        assert nt.tensor([1e-30], dtype=dtype).norm(3).item() == pytest.approx(1e-30, rel=1e-6)
        assert nt.tensor([1e-30, 2e-30], dtype=dtype).norm(-3).item() == pytest.approx(
            1e-30 * (1 + 0.125) ** (-1 / 3), rel=1e-6
        )
    x = nt.tensor([[3e37, 1e37], [0.0, 0.0], [3e-37, -1e-37]], requires_grad=True)
    x.norm(2.5, 1).sum().backward()
    slope = np.array([3.0, 1.0]) ** 1.5 / (3**2.5 + 1) ** 0.6
    np.testing.assert_allclose(x.grad.numpy(), [slope, [0, 0], slope * [1, -1]], rtol=1e-6)


def test_norms_of_half_types_that_overflow_them():
    assert nt.full((8,), 300.0, dtype=nt.float16).norm(3).item() == 600
    x = nt.full((8,), 300.0, dtype=nt.float16, requires_grad=True)
    x.norm(3).backward()
    assert x.grad.tolist() == [0.25] * 8


@pytest.mark.plain
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, inf])
def test_distances_of_equal_points(p):
    a, b = [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]], [[1.0, 2.0], [0.0, 0.0], [3.0, 5.0]]
    for eps in (0.0, 1e-6):
        same(slopes(lambda t, x, y, e=eps: t.nn.functional.pairwise_distance(x, y, p, e), a, b))
    same(slopes(lambda t, x: t.nn.functional.normalize(x, p, 1), a))
    same(slopes(lambda t, x: t.nn.functional.normalize(x, p, 0), a))
    same(slopes(lambda t, x, y: t.nn.functional.cosine_similarity(x, y), a, b))


@pytest.mark.plain
@pytest.mark.parametrize(
    "one, other", [("int64", "float64"), ("bool", "float32"), ("float32", "float16"), ("float64", "float32")]
)
def test_distances_of_two_types(one, other):
    def run(t):
        x, y = (
            t.tensor([[1, 0, 3]]).to(getattr(t, one)),
            t.tensor([[1.5, 2.0, 0.5]], dtype=getattr(t, other), requires_grad=True),
        )
        z = t.nn.functional.cosine_similarity(x, y)
        z.sum().backward()
        return z.detach(), y.grad

    same(run, rtol=2e-3 if other == "float16" else 1e-6, atol=1e-4 if other == "float16" else 1e-7)
    same(lambda t: t.nn.functional.pairwise_distance(t.tensor([[1, 2]]), t.tensor([[1, 4]]), eps=2), rtol=1e-6)


# --- logsumexp --------------------------------------------------------------------------------------------

POWERS = [
    ([], 0),
    ([[], []], 1),
    ([[], []], 0),
    ([[], []], (0, 1)),
    ([[], []], (1,)),
    (3.0, 0),
    (3.0, ()),
    ([[1e3, 1e3], [-1e3, -1e3]], (0, 1)),
    ([[-inf, -inf], [-inf, -inf]], (0, 1)),
    ([[inf, 1.0], [-inf, -inf]], (0, 1)),
    *[([[inf, 1.0], [inf, inf], [-inf, -inf], [-inf, 1.0], [nan, 1.0], [nan, inf]], d) for d in (0, 1)],
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("values, dim", POWERS, ids=str)
def test_logsumexp_of_none_and_of_what_is_not_finite(values, dim, dtype):
    for keepdim in (False, True):
        same(
            slopes(lambda t, x, k=keepdim: t.logsumexp(x, dim, k), values, dtype=dtype),
            rtol=1e-9 if dtype == "float64" else 1e-4,
        )


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_logsumexp_of_whole_numbers(dtype):
    for dim in (0, 1, (0, 1)):
        same(lambda t, d=dim: t.logsumexp(t.tensor([[1, 0, 2], [0, 0, 0]]).to(getattr(t, dtype)), d), rtol=1e-6)
    same(lambda t: t.logsumexp(t.ones(2, 0).to(getattr(t, dtype)), 1))


def test_logsumexp_of_none_on_meta():
    assert nt.logsumexp(nt.ones(3, 0, device="meta"), 1).shape == (3,)


# --- extremes, logic, sums --------------------------------------------------------------------------------


@pytest.mark.plain
@pytest.mark.parametrize("name", ["max", "min", "median", "nanmedian"])
def test_a_nan_that_is_the_extreme_has_the_gradient(name):
    for values in ([[nan, 1.0, nan, 2.0], [3.0, 3.0, 1.0, 1.0]], [[1.0, 3.0, 3.0, 1.0]], [nan], [inf, -inf, inf, -inf]):
        same(slopes(lambda t, x: getattr(t, name)(x), values))


@pytest.mark.parametrize("name", ["amax", "amin"])
def test_nans_that_are_extremes_share_the_gradient(name):
    """In torch all elements of such a row get NaN."""
    x = nt.tensor([[nan, 1.0, nan, 2.0], [3.0, 3.0, 3.0, 3.0]], requires_grad=True)
    getattr(nt, name)(x, 1).sum().backward()
    assert x.grad.tolist() == [[0.5, 0, 0.5, 0], [0.25] * 4]


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "bool", "float32"])
@pytest.mark.parametrize("name", ["any", "all"])
def test_truths_over_no_dimension_and_of_bytes(name, dtype):
    for options in (
        {},
        {"dim": ()},
        {"dim": []},
        {"dim": 0},
        {"dim": (0, 1)},
        {"dim": [1]},
        {"dim": (), "keepdim": True},
        {"dim": 1, "keepdim": True},
    ):
        same(lambda t, o=options: getattr(t, name)(t.tensor([[0, 1, 2], [0, 3, 4]]).to(getattr(t, dtype)), **o))
    same(lambda t: getattr(t, name)(t.ones(0, 3).to(getattr(t, dtype)), 0))
    for out in ("uint8", "bool"):
        same(
            lambda t, o=out: getattr(t, name)(
                t.ones(2, 3).to(getattr(t, dtype)), 0, out=t.empty(3, dtype=getattr(t, o))
            )
        )
    assert getattr(nt, name)(nt.ones(2, 3, device="meta"), ()).shape == (2, 3)


REFUSED = lines("""
t.sum(x, dtype=t.int64)
t.sum(x, 0, dtype=t.int32)
t.prod(x, dtype=t.int64)
t.prod(x, 0, dtype=t.bool)
t.cumsum(x, 0, dtype=t.int64)
t.cumprod(x, 0, dtype=t.int32)
""")


@pytest.mark.parametrize("expression", REFUSED)
def test_sums_of_integers_have_no_gradient(expression):
    for wants in (True, False):
        error = same(lambda t, w=wants: eval(expression, {"t": t, "x": t.tensor([1.0, 2.5, 3.5], requires_grad=w)}))  # noqa: S307
        assert wants is (error is not None) and "Autograd not support dtype" in str(
            error or "Autograd not support dtype"
        )
    with nt.no_grad():
        assert nt.sum(nt.ones(3, requires_grad=True), dtype=nt.int64).item() == 3


@pytest.mark.plain(but=r"\[(float16-float64|float32-bfloat16)-sum\]")
@pytest.mark.parametrize("name", ["sum", "mean", "prod"])
@pytest.mark.parametrize("made", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradients_through_another_type(dtype, made, name):
    for dim in ((), (0,)):
        same(
            slopes(lambda t, x, d=dim: getattr(t, name)(x, *d, dtype=getattr(t, made)), [1.5, 2.5, 3.0], dtype=dtype),
            rtol=1e-2,
        )


@pytest.mark.parametrize("values", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, inf, 2.0], [-0.0, 1.0], []], ids=str)
def test_products_at_zeros(values):
    same(slopes(lambda t, x: t.prod(x), values))
    same(slopes(lambda t, x: t.prod(x, 0), values))


def test_the_gradient_of_a_product_leaves_out_the_element_itself():
    """torch divides by it, and has NaN where it is not finite."""
    x = nt.tensor([inf, 2.0, 3.0], requires_grad=True)
    x.prod().backward()
    assert x.grad.tolist() == [6, inf, inf]


def test_the_slope_of_squares_does_not_overflow_on_the_way():
    """A difference of 3e38 has a square beyond float32, but its share of a mean has a slope."""
    for target in (nt.zeros(4), nt.zeros(4, dtype=nt.bool)):
        x = nt.tensor([3e38, 1.0, -2.0, 0.5], requires_grad=True)
        nt.nn.functional.mse_loss(x, target).backward()
        np.testing.assert_allclose(x.grad.numpy(), [1.5e38, 0.5, -1.0, 0.25], rtol=1e-6)
