"""Special functions, inverse functions and functions of pairs: values at edges, integers, and what torch gives beside
it. The op table tests every one of them against NumPy, with its gradients."""

import importlib.util
import math

import numpy as np
import pytest

import numtorch as N
from numtorch.kernels import special

inf, nan = math.inf, math.nan


def same(found, expected, **tolerance):
    np.testing.assert_allclose(found.numpy(), expected, **({"rtol": 1e-6} | tolerance))


def test_edges():
    x = N.tensor([0.0, -0.0, -1.0, inf, -inf, nan])
    same(N.digamma(x), [-inf, inf, nan, inf, nan, nan])
    same(N.lgamma(x), [inf, inf, inf, inf, inf, nan])
    same(N.erfinv(N.tensor([1.0, -1.0, 2.0, nan])), [inf, -inf, nan, nan])
    same(N.special.ndtri(N.tensor([0.0, 1.0, 0.5, -0.1])), [-inf, inf, 0, nan], atol=1e-12)
    same(
        N.logaddexp(N.tensor([inf, -inf, 1e4, nan]), N.tensor([inf, -inf, 1e4, 0])), [inf, -inf, 1e4 + math.log(2), nan]
    )
    same(N.xlogy(N.tensor([0.0, 0.0, 2.0]), N.tensor([0.0, nan, 0.0])), [0, nan, -inf])
    same(N.special.entr(N.tensor([0.0, -1.0, nan, -inf])), [0, -inf, nan, -inf])
    same(N.atan2(N.tensor([0.0, -0.0, 1.0]), N.tensor([-1.0, -1.0, 0.0])), [math.pi, -math.pi, math.pi / 2])
    same(N.copysign(N.tensor([1.0, -2.0]), N.tensor([-0.0, 0.0])), [-1, 2])
    same(N.fmax(N.tensor([nan, 1.0, nan]), N.tensor([1.0, nan, nan])), [1, 1, nan])
    same(N.heaviside(N.tensor([-1.0, 0.0, nan]), N.tensor(0.5)), [0, 0.5, 0])
    same(N.nan_to_num(N.tensor([nan, inf, -inf, 2.0])), [0, np.finfo(np.float32).max, np.finfo(np.float32).min, 2])
    same(N.nan_to_num(N.tensor([nan, inf, -inf]), 1, 2, 3), [1, 2, 3])
    same(N.logit(N.tensor([0.0, 1.0, 2.0])), [-inf, inf, nan])
    same(N.logit(N.tensor([0.0, 1.0]), eps=0.25), [-math.log(3), math.log(3)])
    same(N.sinc(N.tensor([0.0, 0.5])), [1, 2 / math.pi])


def test_gradients_at_edges():
    def slope(f, *values):
        xs = [N.tensor(v, requires_grad=True) for v in values]
        f(*xs).sum().backward()
        return [x.grad.tolist() for x in xs]

    assert slope(N.atan2, 0.0, 0.0) == [0.0, 0.0]
    assert slope(N.xlogy, 0.0, 0.0)[0] == 0.0
    assert slope(N.fmax, 1.0, 1.0) == [1.0, 0.0]
    assert slope(N.fmax, nan, 1.0) == [0.0, 1.0]
    assert slope(N.copysign, 0.0, -1.0) == [0.0, 0.0]
    assert slope(N.sinc, [0.0, 0.0]) == [[0.0, 0.0]]
    assert slope(N.nan_to_num, [nan, inf, 1.0]) == [[0.0, 0.0, 1.0]]
    assert slope(lambda x: N.logit(x, 0.25), [0.0, 0.5]) == [[0.0, 4.0]]


def test_digits_in_double_precision():
    """Values from the definitions, by series in whole numbers."""
    same(N.polygamma(1, N.tensor([1.0, 0.5], dtype=N.float64)), [math.pi**2 / 6, math.pi**2 / 2], rtol=1e-14)
    same(N.special.zeta(N.tensor([2.0, 4.0], dtype=N.float64), 1.0), [math.pi**2 / 6, math.pi**4 / 90], rtol=1e-14)
    same(N.digamma(N.tensor([1.0], dtype=N.float64)), [-0.5772156649015329], rtol=1e-14)
    x = N.linspace(-0.999, 0.999, 101, dtype=N.float64)
    same(N.erf(N.erfinv(x)), x.numpy(), rtol=1e-13, atol=1e-16)
    p = N.tensor([1e-300, 1e-20, 0.01, 0.3, 0.7, 0.99], dtype=N.float64)
    same(N.special.ndtr(N.special.ndtri(p)), p.numpy(), rtol=1e-12)
    t = np.linspace(0, np.pi, 20001)
    for v in (0.3, 5.0, 30.0):  # Bessel's integral
        values = np.exp(v * np.cos(t) - v)
        middle = (values[:-1] + values[1:]).sum() / 2 * (t[1] - t[0]) / np.pi
        same(N.special.i0e(N.tensor(v, dtype=N.float64)), middle, rtol=1e-8)
    a, x = N.tensor([0.5, 3.0, 200.0], dtype=N.float64), N.tensor([0.2, 5.0, 190.0], dtype=N.float64)
    same(N.igamma(a, x) + N.igammac(a, x), [1, 1, 1], rtol=1e-12)
    same(N.igamma(N.ones(1, dtype=N.float64), x[:1]), [-math.expm1(-0.2)], rtol=1e-14)


def test_integers():
    x, y = N.tensor([12, 0, -4, 7]), N.tensor([18, 5, 6, 0])
    assert N.gcd(x, y).tolist() == [6, 5, 2, 7]
    assert N.lcm(x, y).tolist() == [36, 0, 12, 0]
    small = N.tensor([1, 3], dtype=N.int8)
    assert (small << 7).tolist() == [-128, -128]
    assert N.bitwise_left_shift(x, 64).tolist() == [0] * 4
    assert (x >> 70).tolist() == [0, 0, -1, 0]
    assert (2 << N.tensor([1, 3])).tolist() == [4, 16]
    x <<= 1
    assert x.tolist() == [24, 0, -8, 14]
    with pytest.raises((RuntimeError, NotImplementedError)):
        N.gcd(N.tensor([1.5]), N.tensor([2.0]))
    assert N.atan2(N.tensor([1]), N.tensor([1])).dtype is N.float32
    assert N.frexp(N.tensor([12.0])).__class__ is not N.Tensor
    with pytest.raises(RuntimeError, match="only supports floating"):
        N.frexp(N.tensor([1]))


def test_other_names_are_the_same_functions():
    for place, name, same_as in (
        (N, "arcsin", N.asin),
        (N, "arctan", N.atan),
        (N, "fix", N.trunc),
        (N, "ger", N.outer),
        (N, "conv2d", N.nn.functional.conv2d),
        (N.special, "modified_bessel_i0", N.i0),
        (N, "arctan2", N.atan2),
        (N.special, "expit", N.sigmoid),
        (N.special, "psi", N.digamma),
        (N.special, "gammaln", N.lgamma),
        (N.special, "gammainc", N.igamma),
        (N.special, "logsumexp", N.logsumexp),
    ):
        assert getattr(place, name) is same_as


if importlib.util.find_spec("torch"):
    import torch as T

    @pytest.mark.parametrize(
        "name",
        [
            "acosh",
            "atan2",
            "logaddexp2",
            "lgamma",
            "special.erfcx",
            "special.log_ndtr",
            "special.i1e",
            "special.xlog1py",
        ],
    )
    def test_values_and_gradients_are_those_of_torch(name):
        rng = np.random.default_rng(0)
        count = 2 if name in ("atan2", "logaddexp2", "special.xlog1py") else 1
        given = [rng.uniform(1.1 if name == "acosh" else -5, 5, 60) for _ in range(count)]
        results = []
        for lib in (T, N):
            xs = [lib.tensor(a, requires_grad=True) for a in given]
            f = lib
            for part in name.split("."):
                f = getattr(f, part)
            y = f(*xs)
            y.sum().backward()
            results.append([y.detach().numpy(), *[x.grad.numpy() for x in xs]])
        for ours, theirs in zip(results[1], results[0], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_bessel_functions_and_polynomials():
    """Integrals and recurrences that define them (Abramowitz and Stegun 9.1.21, 9.1.16, 9.6.24, 10.4.32, 22.3)."""
    t = np.linspace(0, np.pi, 4001)

    def double(f, *values):
        return f(*[N.tensor(v, dtype=N.float64) for v in values]).numpy()

    x = np.array([0.1, 1.9, 2.404825557695773, 7.9, 8.1, 50.0])
    s = N.special
    for f, n in ((s.bessel_j0, 0), (s.bessel_j1, 1)):
        expected = [np.trapezoid(np.cos(n * t - v * np.sin(t)), t) / np.pi for v in x]
        np.testing.assert_allclose(double(f, x), expected, rtol=1e-13, atol=1e-15)
    wronskian = double(s.bessel_j1, x) * double(s.bessel_y0, x) - double(s.bessel_j0, x) * double(s.bessel_y1, x)
    np.testing.assert_allclose(wronskian, 2 / (np.pi * x), rtol=1e-13)
    u = np.linspace(0, 9, 4001)
    for f, n in ((s.scaled_modified_bessel_k0, 0), (s.scaled_modified_bessel_k1, 1)):
        expected = [np.trapezoid(np.exp(v - v * np.cosh(u)) * np.cosh(n * u), u) for v in x]
        np.testing.assert_allclose(double(f, x), expected, rtol=1e-12)
    np.testing.assert_allclose(
        double(s.modified_bessel_k0, x), double(s.scaled_modified_bessel_k0, x) * np.exp(-x), rtol=1e-13
    )
    h = 1e-3  # Airy's equation, y'' = x y
    for v in (-20.0, -4.5, -1.0, 0.5, 2.0, 6.0):
        before, here, after = double(s.airy_ai, [v - h, v, v + h])
        slopes = (after - 2 * here + before) / h**2
        np.testing.assert_allclose(slopes, v * here, rtol=3e-4 * max(1, abs(v)), atol=1e-7)
    same(s.airy_ai(N.tensor([0.0])), [3 ** (-2 / 3) / math.gamma(2 / 3)])
    same(s.spherical_bessel_j0(N.tensor([0.0, 2.0, inf])), [1, math.sin(2) / 2, 0])
    same(s.bessel_y0(N.tensor([0.0, -1.0, nan])), [-inf, nan, nan])
    same(s.modified_bessel_k1(N.tensor([0.0, -1.0, inf])), [inf, nan, 0])
    a = np.array([-1.0, -0.3, 0.2, 1.0, 1.7])
    series = np.polynomial
    for name, value in (
        ("chebyshev_polynomial_t", series.Chebyshev),
        ("hermite_polynomial_h", series.Hermite),
        ("hermite_polynomial_he", series.HermiteE),
        ("laguerre_polynomial_l", series.Laguerre),
        ("legendre_polynomial_p", series.Legendre),
    ):
        for n in (0, 1, 2, 5, 12):
            expected = value.basis(n)(a)
            np.testing.assert_allclose(double(lambda x: getattr(s, name)(x, n), a), expected, rtol=1e-10)  # noqa: B023
    for n in (1, 3, 10):  # U sin(t) = sin((n + 1) t), and the half angles of V and W
        angle = np.arccos(a[1:3])
        for kind, expected in (
            ("u", np.sin((n + 1) * angle) / np.sin(angle)),
            ("v", np.cos((n + 0.5) * angle) / np.cos(angle / 2)),
            ("w", np.sin((n + 0.5) * angle) / np.sin(angle / 2)),
        ):
            for name, where in (
                (f"chebyshev_polynomial_{kind}", a),
                (f"shifted_chebyshev_polynomial_{kind}", a / 2 + 0.5),
            ):
                found = double(lambda x: getattr(s, name)(x, n), where[1:3])  # noqa: B023
                np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert s.chebyshev_polynomial_t(2.0, N.tensor([-1, 0, 2])).tolist() == [0, 1, 7]
    with pytest.raises(TypeError, match="a tensor must be given"):
        s.chebyshev_polynomial_t(2.0, 3)


@pytest.mark.parametrize("a", [0.3, 1.0, 4.5, 30.0])
@pytest.mark.parametrize("x", [0.1, 1.0, 5.0, 40.0])
def test_slope_of_numbers_of_the_gamma_distribution(a, x):
    """Against central differences of its distribution function."""
    h = 1e-5
    part, sign = (special.gammainc, -1) if x < a else (special.gammaincc, 1)  # the one that is not 1
    moved = sign * (part(a + h, x) - part(a - h, x)) / (2 * h)
    density = math.exp(a * math.log(x) - x - math.lgamma(a))  # times x
    assert special.log_gamma_slope(a, math.log(x)) == pytest.approx(moved / density, rel=1e-6)
