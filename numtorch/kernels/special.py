"""Special functions of one or two scalars, each written once: the text is Python on float64, and is compiled for CPUs
and for CUDA as it stands. A float32 result is the float64 one, rounded.

``math`` shows them to kernels beside its own functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

TEXTS: dict[Callable, tuple[Callable, int]] = {}  # of each function: its text, and how many numbers it takes
INTEGERS: dict[Callable, Callable] = {}  # functions of integers, which stay what they are
HELPERS: list[Callable] = []  # texts that other texts call
NAMED: dict[str, Callable] = {}

PI = 3.141592653589793
SQRT_HALF = 0.7071067811865476
INF, NAN = math.inf, math.nan


def scalar(text: Callable) -> Callable:
    """The function of any real numbers that a text on float64 defines; float32 gives float32."""

    @wraps(text)
    def plain(*numbers: Any) -> Any:
        kinds = {type(x) for x in numbers}
        with np.errstate(all="ignore"):
            found = text(*map(np.float64, numbers))
        return np.float32(found) if kinds == {np.float32} else np.float64(found)

    plain.__name__ = text.__name__.lstrip("_")
    TEXTS[plain] = text, text.__code__.co_argcount
    NAMED[plain.__name__] = plain
    return plain


def helper(text: Callable) -> Callable:
    """A text that other texts call."""
    HELPERS.append(text)
    return text


def of_integers(text: Callable) -> Callable:
    """The function of integers that a text defines."""

    @wraps(text)
    def plain(*numbers: Any) -> Any:
        kind = np.result_type(*numbers).type if any(isinstance(x, np.generic) for x in numbers) else int
        found = text(*map(int, numbers))
        return found if kind is int else np.int64(found).astype(kind)

    INTEGERS[plain] = text
    NAMED[plain.__name__] = plain
    return plain


# --- the gamma function's derivatives -------------------------------------------------------------


def _digamma(x):
    """The derivative of the logarithm of the gamma function: by recurrence to 10 and beyond, then the asymptotic
    series (Abramowitz and Stegun 6.3.18)."""
    if x == 0.0:
        return -math.copysign(INF, x)
    if x == INF:
        return x
    shift = 0.0
    if x == -INF:
        return NAN
    if x < 0.0:
        fraction = x % 1.0
        if fraction == 0.0:
            return NAN
        shift = -PI / math.tan(PI * fraction)
        x = 1.0 - x
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    tail = z * (
        1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12)))))
    )
    return shift + math.log(x) - 0.5 / x - tail


digamma = scalar(_digamma)


@helper
def _zeta(s, q):
    """The sum of ``(k + q) ** -s`` by Euler's and Maclaurin's formula, behind the first terms."""
    if s == 1.0:
        return INF
    if s < 1.0 or s != s or q != q or q == -INF:
        return NAN
    if q == INF or (s == INF and q > 1.0):
        return 0.0
    if s == INF:
        return 1.0 if q == 1.0 else INF
    if q <= 0.0 and q % 1.0 == 0.0:
        return INF
    if q <= 0.0 and s % 1.0 != 0.0:
        return NAN
    total = 0.0
    for _ in range(10):
        total += q**-s
        q += 1.0
    while q < 10.0:
        total += q**-s
        q += 1.0
    power = q**-s
    total += power * q / (s - 1.0) + 0.5 * power
    # B(2k) / (2k)! times s (s + 1) ... (s + 2k - 2) q ** (1 - s - 2k)
    factor = s * power / q
    square = 1.0 / (q * q)
    total += factor / 12.0
    factor *= (s + 1.0) * (s + 2.0) * square
    total -= factor / 720.0
    factor *= (s + 3.0) * (s + 4.0) * square
    total += factor / 30240.0
    factor *= (s + 5.0) * (s + 6.0) * square
    total -= factor / 1209600.0
    factor *= (s + 7.0) * (s + 8.0) * square
    total += factor / 47900160.0
    factor *= (s + 9.0) * (s + 10.0) * square
    total -= factor * 691.0 / 1307674368000.0
    factor *= (s + 11.0) * (s + 12.0) * square
    return total + factor / 74724249600.0


zeta = scalar(_zeta)


@scalar
def polygamma(n, x):
    """The n-th derivative of ``digamma``, n > 0: ``(-1) ** (n + 1) n! zeta(n + 1, x)``."""
    if n == INF or n != n:
        return NAN
    sign = 1.0 if n % 2.0 == 1.0 else -1.0
    return sign * math.exp(math.lgamma(n + 1.0)) * _zeta(n + 1.0, x)


# --- the error function's relatives ---------------------------------------------------------------


@helper
def _from_tail(q):
    """The number w >= 0 of which ``erfc(w) = q``, 0 < q <= 1: Newton's method on the logarithm. It begins at Winitzki's
    approximation."""
    t = math.log(q * (2.0 - q))
    s = 4.330746750799873 + 0.5 * t
    w = math.sqrt(math.sqrt(s * s - t / 0.147) - s)
    target = math.log(q)
    for _ in range(5):
        tail = math.erfc(w)
        if tail <= 0.0:
            return w
        # d log(erfc) / dw = -2 / sqrt(pi) exp(-w w) / erfc(w)
        w += (math.log(tail) - target) * tail * math.exp(w * w) * 0.886226925452758
    return w


@scalar
def erfinv(x):
    """The inverse of the error function: Newton's method, on ``erf`` near 0 and on ``erfc`` farther out."""
    size = abs(x)
    if size >= 1.0 or x != x:
        return math.copysign(INF, x) if size == 1.0 else NAN
    if size > 0.5:
        return math.copysign(_from_tail(1.0 - size), x)
    w = size * (0.886226925452758 + size * size * 0.2320136665346545)
    for _ in range(4):
        w -= (math.erf(w) - size) * math.exp(w * w) * 0.886226925452758
    return math.copysign(w, x)


@scalar
def ndtri(p):
    """The inverse of the standard normal distribution's function."""
    if p <= 0.0 or p >= 1.0 or p != p:
        return -INF if p == 0.0 else INF if p == 1.0 else NAN
    if p > 0.25 and p < 0.75:
        size = abs(2.0 * p - 1.0)
        w = size * (0.886226925452758 + size * size * 0.2320136665346545)
        for _ in range(4):
            w -= (math.erf(w) - size) * math.exp(w * w) * 0.886226925452758
        return math.copysign(w, p - 0.5) / SQRT_HALF
    if p <= 0.25:
        return -_from_tail(2.0 * p) / SQRT_HALF
    return _from_tail(2.0 * (1.0 - p)) / SQRT_HALF


@helper
def _erfcx(x):
    """``exp(x * x) * erfc(x)``; the square is formed in two parts, so that no digit of the exponent is lost."""
    if x < -26.7:
        return INF
    if x > 25.0:
        z = 0.5 / (x * x)
        tail = 1.0 - 7.0 * z * (1.0 - 9.0 * z * (1.0 - 11.0 * z * (1.0 - 13.0 * z)))
        return 0.5641895835477563 / x * (1.0 - z * (1.0 - 3.0 * z * (1.0 - 5.0 * z * tail)))
    wide = x * 134217729.0
    head = wide - (wide - x)
    return math.exp(head * head) * math.exp((x - head) * (x + head)) * math.erfc(x)


erfcx = scalar(_erfcx)


@scalar
def ndtr(x):
    """The standard normal distribution's probability below x."""
    return 0.5 * math.erfc(-x * SQRT_HALF)


@scalar
def log_ndtr(x):
    """The logarithm of ``ndtr``, also where that is too small for a number."""
    if x == -INF:
        return x
    if x < -1.0:
        return math.log(0.5 * _erfcx(-x * SQRT_HALF)) - 0.5 * x * x
    return math.log1p(-0.5 * math.erfc(x * SQRT_HALF))


# --- Bessel functions -----------------------------------------------------------------------------


@helper
def _scaled_i(order, x):
    """``exp(-x)`` times the modified Bessel function of the first kind, of order 0 or 1, x >= 0: the power series, of
    positive terms, and far out the asymptotic one (Abramowitz and Stegun 9.6.10 and 9.7.1)."""
    if x == INF:
        return 0.0
    if x < 20.0:
        square = 0.25 * x * x
        term = 1.0 if order == 0.0 else 0.5 * x
        total = term
        for k in range(1, 80):
            term *= square / (k * (k + order))
            total += term
            if term < total * 1e-17:
                break
        return total * math.exp(-x)
    term, total = 1.0, 1.0
    for k in range(1, 60):
        odd = 2.0 * k - 1.0
        step = -(4.0 * order * order - odd * odd) / (k * 8.0 * x)
        if abs(step) >= 1.0:
            break
        term *= step
        total += term
        if abs(term) < 1e-17:
            break
    return total / math.sqrt(2.0 * PI * x)


@scalar
def i0e(x):
    """``exp(-abs(x)) * i0(x)``."""
    return _scaled_i(0.0, abs(x))


@scalar
def i1e(x):
    """``exp(-abs(x)) * i1(x)``."""
    return math.copysign(_scaled_i(1.0, abs(x)), x) if x == x else x


@scalar
def i0(x):
    """The modified Bessel function of the first kind of order 0."""
    x = abs(x)
    if x > 1400.0 and x < INF:
        return INF
    half = math.exp(0.5 * x)  # in two steps, of which neither overflows before the result does
    return _scaled_i(0.0, x) * half * half


@scalar
def i1(x):
    """The modified Bessel function of the first kind of order 1."""
    size = abs(x)
    if size > 1400.0 and size < INF:
        return math.copysign(INF, x)
    half = math.exp(0.5 * size)
    return math.copysign(_scaled_i(1.0, size) * half * half, x) if x == x else x


# --- incomplete gamma functions -------------------------------------------------------------------


@helper
def _lower_part(a, x):
    """The regularised lower incomplete gamma function by its series (Abramowitz and Stegun 6.5.29), 0 < x <= a + 1."""
    term = 1.0 / a
    total = term
    n = a
    for _ in range(20000):
        n += 1.0
        term *= x / n
        total += term
        if term < total * 1e-17:
            break
    return total * math.exp(a * math.log(x) - x - math.lgamma(a))


@helper
def _upper_part(a, x):
    """The regularised upper incomplete gamma function by its continued fraction (6.5.31), x > a + 1: Lentz's method."""
    b = x + 1.0 - a
    c = 1e300
    d = 1.0 / b
    h = d
    for i in range(1, 20000):
        n = -i * (i - a)
        b += 2.0
        d = n * d + b
        d = 1.0 / (d if abs(d) > 1e-300 else 1e-300)
        c = b + n / c
        c = c if abs(c) > 1e-300 else 1e-300
        change = c * d
        h *= change
        if abs(change - 1.0) < 1e-16:
            break
    return h * math.exp(a * math.log(x) - x - math.lgamma(a))


@scalar
def gammainc(a, x):
    """The regularised lower incomplete gamma function."""
    if a < 0.0 or x < 0.0 or a != a or x != x or (a == 0.0 and x == 0.0) or (a == INF and x == INF):
        return NAN
    if a == 0.0 or x == INF:
        return 1.0
    if x == 0.0 or a == INF:
        return 0.0
    return _lower_part(a, x) if x <= a + 1.0 else 1.0 - _upper_part(a, x)


@scalar
def gammaincc(a, x):
    """The regularised upper incomplete gamma function."""
    if a < 0.0 or x < 0.0 or a != a or x != x or (a == 0.0 and x == 0.0) or (a == INF and x == INF):
        return NAN
    if a == 0.0 or x == INF:
        return 0.0
    if x == 0.0 or a == INF:
        return 1.0
    return 1.0 - _lower_part(a, x) if x <= a + 1.0 else _upper_part(a, x)


@scalar
def log_gamma_slope(a, y):
    """By how much the logarithm y of a number x of the gamma distribution moves with the shape a, where its probability
    stays: ``-(dP(a, x) / da) / (x dP / dx)`` (Figurnov, Mohamed and Mnih 2018).

    P is the series or the continued fraction of ``gammainc``, differentiated term by term; a number of a large shape is
    the cube of a normal number (Wilson and Hilferty 1931).
    """
    if not a > 0.0 or y != y or a == INF or y == INF:
        return NAN
    if y > 709.0:  # so rare a number hardly moves
        return 0.0
    if a > 1e5:
        t = math.exp((y - math.log(a)) / 3.0)
        w = 3.0 * (t - 1.0 + 1.0 / (9.0 * a))  # the normal number over the root of a
        return 1.0 / a + 3.0 / (a * t) * (1.0 / (9.0 * a) - w / 6.0)
    x = math.exp(y)
    away = y - _digamma(a)
    if x <= a + 1.0:
        term, inverses = 1.0 / a, 1.0 / a
        total, slope = term, -term * inverses
        n = a
        for _ in range(20000):
            n += 1.0
            term *= x / n
            inverses += 1.0 / n
            total += term
            slope -= term * inverses
            if term * inverses < -slope * 1e-17:
                break
        return -(slope + total * away) if y > -INF else -y
    b = x + 1.0 - a
    c, c_ = 1e300, 0.0
    d, d_ = 1.0 / b, 1.0 / (b * b)
    h, h_ = d, d_
    for i in range(1, 20000):
        n = -i * (i - a)
        b += 2.0
        d_ = i * d + n * d_ - 1.0
        d = 1.0 / (n * d + b)
        d_ *= -d * d
        c_ = i / c - n * c_ / (c * c) - 1.0
        c = b + n / c
        change, change_ = c * d, c_ * d + c * d_
        h_ = h_ * change + h * change_
        h *= change
        if abs(change - 1.0) + abs(change_) < 1e-15:
            break
    return h_ + h * away


# --- mantissas and exponents ----------------------------------------------------------------------


@scalar
def mantissa(x):
    """The number between 0.5 and 1 (in size) that a power of two makes x of; 0, infinity and NaN themselves."""
    return math.frexp(x)[0]


@scalar
def exponent(x):
    """The power of two that ``mantissa`` is multiplied by; 0 for 0, infinity and NaN."""
    return float(math.frexp(x)[1])


# --- integers -------------------------------------------------------------------------------------


@of_integers
def gcd(x, y):
    """The greatest common divisor; of 0 and 0 it is 0."""
    while y != 0:
        x, y = y, x % y
    return abs(x)


@of_integers
def lcm(x, y):
    """The least common multiple; 0 where either is 0."""
    a, b = x, y
    while b != 0:
        a, b = b, a % b
    return abs(x // a * y) if a != 0 else a


@of_integers
def shift_left(x, y):
    """x times 2 ** y, as bits; 0 for a shift that is negative or beyond 63."""
    return x << y if 0 <= y < 64 else x - x


@of_integers
def shift_right(x, y):
    """x over 2 ** y, rounded down; a shift that is negative or beyond 63 leaves the sign."""
    return x >> (y if 0 <= y < 64 else 63)
