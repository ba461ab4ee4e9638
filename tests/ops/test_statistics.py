"""Quantiles, histograms, covariances, distances and sets: NumPy's values, gradients, refusals, and torch beside."""

import importlib.util

import numpy as np
import pytest

import numtorch as N

trapezoid = getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz")  # as before NumPy 2
rng = np.random.default_rng(0)
X = rng.standard_normal((3, 4, 5))
HOLED = X.copy()
HOLED[0, 1, 2] = HOLED[1, 2, 0] = np.nan
M = rng.standard_normal((3, 6))
COUNTS = rng.integers(0, 9, (4, 5))


def close(found, expected):
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles(interpolation):
    x, holed = N.tensor(X), N.tensor(HOLED)
    q = [0.0, 0.3, 1.0]
    for dim in (None, 1):
        close(
            N.quantile(x, N.tensor(q, dtype=N.float64), dim, interpolation=interpolation),
            np.quantile(X, q, axis=dim, method=interpolation),
        )
        close(
            N.nanquantile(holed, 0.3, dim, interpolation=interpolation),
            np.nanquantile(HOLED, 0.3, axis=dim, method=interpolation),
        )
    assert N.isnan(N.quantile(holed, 0.5, 1, interpolation=interpolation)).sum().item() == 2


def test_moments_and_sums_without_nan():
    x, holed = N.tensor(X), N.tensor(HOLED)
    for found, expected in (
        (N.var_mean(x, 1)[0], X.var(1, ddof=1)),
        (N.var_mean(x, (0, 2), keepdim=True)[1], X.mean((0, 2), keepdims=True)),
        (N.std_mean(x, False)[0], X.std()),
        (N.nansum(holed, 1), np.nansum(HOLED, 1)),
        (N.nanmean(holed, (0, 1)), np.nanmean(HOLED, (0, 1))),
        (N.aminmax(x, dim=2).min, X.min(2)),
        (N.aminmax(x).max, X.max()),
    ):
        close(found, expected)


def test_histograms():
    x = N.tensor(X)
    close(N.histc(x, 10, -1, 1), np.histogram(X, 10, (-1, 1))[0])
    close(N.histc(x, 7), np.histogram(X, 7)[0])
    hist, edges = N.histogram(x, 5, range=(-1.0, 2.0), weight=x.abs())
    expected = np.histogram(X, 5, (-1, 2), weights=np.abs(X))
    close(hist, expected[0])
    close(edges, expected[1])
    own = [-1.0, 0.0, 0.5, 2.0]
    close(N.histogram(x, N.tensor(own, dtype=N.float64), density=True).hist, np.histogram(X, own, density=True)[0])


def test_covariances():
    m, often, weight = N.tensor(M), rng.integers(1, 4, 6), rng.uniform(0.1, 1, 6)
    close(N.cov(m), np.cov(M))
    close(N.cov(m[0]), np.cov(M[0]))
    close(N.cov(m, fweights=N.tensor(often), aweights=N.tensor(weight)), np.cov(M, fweights=often, aweights=weight))
    close(N.corrcoef(m), np.corrcoef(M))


def test_integrals():
    m = N.tensor(M)
    close(N.trapezoid(m, dx=0.3, dim=0), trapezoid(M, dx=0.3, axis=0))
    close(N.trapz(m, N.tensor(M[0].cumsum())), trapezoid(M, M[0].cumsum()))
    close(N.cumulative_trapezoid(m)[:, -1], trapezoid(M))


def test_distances():
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    for p in (0.5, 1, 2, 3, np.inf):
        difference = np.abs(a[:, None] - b[None])
        expected = difference.max(-1) if p == np.inf else (difference**p).sum(-1) ** (1 / p)
        close(N.cdist(N.tensor(a), N.tensor(b), p), expected)
        own = np.abs(a[:, None] - a[None])
        own = own.max(-1) if p == np.inf else (own**p).sum(-1) ** (1 / p)
        close(N.pdist(N.tensor(a), p), own[np.triu_indices(4, 1)])
    many = rng.standard_normal((30, 3))
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        found = N.cdist(N.tensor(many), N.tensor(b), compute_mode=mode)
        np.testing.assert_allclose(found.numpy(), np.linalg.norm(many[:, None] - b, axis=-1), rtol=1e-7)
    close(N.dist(N.tensor(a), N.tensor(b[0]), 3), (np.abs(a - b[0]) ** 3).sum() ** (1 / 3))
    shortened = N.renorm(N.tensor(a), 2, 0, 0.5)
    assert (shortened.norm(dim=1) <= 0.5).all()
    assert N.cdist(N.ones(3, 0), N.ones(2, 0)).tolist() == [[0.0, 0.0]] * 3


def test_gradients():
    m = N.tensor(M, requires_grad=True)
    for f in (
        lambda x: N.quantile(x, 0.3, 1),
        lambda x: N.cdist(x, x[:2] + 1),
        lambda x: N.cdist(x, x[:2] + 1, compute_mode="use_mm_for_euclid_dist"),
        lambda x: N.pdist(x, 3),
        lambda x: N.cov(x),
        lambda x: N.corrcoef(x),
        lambda x: N.var_mean(x, 1),
        lambda x: N.renorm(x, 2, 0, 0.5),
        lambda x: N.trapezoid(x, x[0]),
    ):
        assert N.autograd.gradcheck(f, (m,))
    point = N.ones(1, 2, requires_grad=True)
    N.cdist(point, N.ones(1, 2)).backward()
    assert point.grad.tolist() == [[0.0, 0.0]]


def test_sets():
    i = N.tensor(COUNTS)
    for tests in ([1, 3, 5], list(range(0, 40, 3))):
        assert np.array_equal(N.isin(i, N.tensor(tests)).numpy(), np.isin(COUNTS, tests))
        assert np.array_equal(N.isin(i, N.tensor(tests), invert=True).numpy(), ~np.isin(COUNTS, tests))
    assert N.isin(3, N.tensor([1, 3])).item() is True
    assert N.cartesian_prod(N.tensor([1, 2]), N.tensor([3, 4])).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert N.combinations(N.tensor([1, 2]), 2, True).tolist() == [[1, 1], [1, 2], [2, 2]]
    assert N.combinations(N.tensor([1, 2]), 3).shape == (0, 3)
    flat = N.tensor(COUNTS * 6)
    for found, expected in zip(N.unravel_index(flat, (5, 4, 6)), np.unravel_index(COUNTS * 6, (5, 4, 6)), strict=True):
        assert np.array_equal(found.numpy(), expected)
    assert N.broadcast_shapes((2, 1), (3,), 1) == (2, 3)
    values, run, lengths = N.unique_consecutive(N.tensor([1, 1, 2, 1]), return_inverse=True, return_counts=True)
    assert (values.tolist(), run.tolist(), lengths.tolist()) == ([1, 2, 1], [0, 0, 1, 2], [2, 1, 1])
    assert N.unique_consecutive(N.tensor([[1, 1, 2], [3, 3, 4]]), dim=1).tolist() == [[1, 2], [3, 4]]
    assert N.unique_consecutive(N.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: N.quantile(N.ones(3), 1.5), RuntimeError, r"in the range \[0, 1\]"),
        (lambda: N.quantile(N.ones(3).long(), 0.5), RuntimeError, "either float or double"),
        (lambda: N.quantile(N.ones(0), 0.5), RuntimeError, "must be non-empty"),
        (lambda: N.quantile(N.ones(2), 0.5, interpolation="x"), RuntimeError, "interpolation must be one of"),
        (lambda: N.cdist(N.ones(2, 3), N.ones(2, 2)), RuntimeError, "same number of columns. X1: 3 X2: 2"),
        (lambda: N.pdist(N.ones(3)), RuntimeError, "only supports 2D"),
        (lambda: N.histc(N.ones(3), 0), RuntimeError, "bins must be > 0"),
        (lambda: N.histc(N.tensor([np.inf])), RuntimeError, "is not finite"),
        (lambda: N.broadcast_shapes((2,), (3,)), RuntimeError, "cannot be broadcast"),
        (lambda: N.cov(N.ones(2, 2, 2)), RuntimeError, "two or fewer dimensions"),
        (lambda: N.combinations(N.ones(2, 2)), RuntimeError, "Expect a 1D vector"),
        (lambda: N.renorm(N.ones(3), 2, 0, 1), RuntimeError, "at least 2 dimensions"),
        (lambda: N.unravel_index(N.ones(2), (2,)), TypeError, "integer dtype"),
        (lambda: N.nanmean(N.ones(2).long()), RuntimeError, "floating point or complex"),
    ],
)
def test_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


if importlib.util.find_spec("torch"):
    import torch as T

    def test_gradients_are_those_of_torch():
        for f in (
            lambda lib, x: lib.nanmean(lib.where(x > 1, float("nan"), x), 1),
            lambda lib, x: lib.nanquantile(lib.where(x > 1, float("nan"), x), 0.4, 1),
            lambda lib, x: lib.aminmax(x, dim=0)[1],
            lambda lib, x: lib.cdist(x, x, 1.0),
            lambda lib, x: lib.cumulative_trapezoid(x, dx=2),
        ):
            grads = []
            for lib in (T, N):
                x = lib.tensor(M, requires_grad=True)
                y = f(lib, x)
                (y * lib.arange(y.shape[-1])).sum().backward()
                grads.append(x.grad.numpy())
            np.testing.assert_allclose(grads[1], grads[0], rtol=1e-9, atol=1e-12)
