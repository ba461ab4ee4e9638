"""Random numbers of distributions that are drawn by rejection, each written once: the text is Python on float64, and is
compiled for CPUs and for CUDA as it stands.

A number that is drawn needs nobody knows how many others. So each has a stream of its own, whose seed are two words of
the generator's stream; positions in it are those of ``math.uniform64`` and ``math.normal64``, two to a block.
"""

from __future__ import annotations

import math

import numpy as np

from numtorch.kernels.math import normal64, random_bits, uniform64

TRIALS = 1000  # each succeeds more often than not; where parameters are NaN or infinite, none does


def stream(seed, at):
    """The seed of the stream that belongs to the words ``at`` and ``at + 1``."""
    return np.int64(random_bits(seed, at)) | np.int64(random_bits(seed, at + 1)) << np.int64(32)


def log_gamma_variate(seed, at, a):
    """The logarithm of a number of the gamma distribution of shape ``a`` and rate 1 (Marsaglia and Tsang 2000). For
    small shapes the number itself is too small for its type."""
    own = stream(seed, at)
    d = (a if a >= 1.0 else a + 1.0) - 1.0 / 3
    c = 1.0 / math.sqrt(9.0 * d) if d > 0.0 else np.nan
    v = 1.0
    for k in range(1, TRIALS):
        x = normal64(own, 4 * k)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            if math.log(1.0 - uniform64(own, 4 * k + 2)) < 0.5 * x * x + d - d * v + d * math.log(v):
                break
    if not a > 0.0:
        return -np.inf if a == 0.0 else np.nan
    y = math.log(d * v) if v > 0.0 and d < np.inf else d
    return y if a >= 1.0 else y + math.log(1.0 - uniform64(own, 0)) / a


def poisson_variate(seed, at, rate):
    """A number of the Poisson distribution: for small rates the inverse of its function, else transformed rejection
    (Hoermann 1993, PTRS)."""
    own = stream(seed, at)
    if rate < 10.0:
        u, p, k = uniform64(own, 0), math.exp(-rate), 0.0
        while u >= p and k < TRIALS:
            u -= p
            k += 1.0
            p *= rate / k
        return k
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = 0.02483 * b - 0.059
    scale = 1.1239 + 1.1328 / (b - 3.4)
    for t in range(TRIALS):
        u, v = uniform64(own, 2 * t) - 0.5, 1.0 - uniform64(own, 2 * t + 1)
        s = 0.5 - abs(u)
        if s <= 0.0:
            continue
        k = math.floor((2.0 * a / s + b) * u + rate + 0.43)
        if s >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
            return float(k)
        if k >= 0.0 and math.log(v * scale / (a / (s * s) + b)) <= k * math.log(rate) - rate - math.lgamma(k + 1.0):
            return float(k)
    return rate


def _rarer_count(own, n, p):
    """How many of ``n`` trials of probability ``p``, at most 1/2, succeed: the inverse of the distribution's function
    where few do, else transformed rejection (Hoermann 1993, BTRS)."""
    q = 1.0 - p
    odds = p / q
    if n * p < 10.0:
        u, f, k = uniform64(own, 0), math.exp(n * math.log1p(-p)), 0.0
        while u >= f and k < n:
            u -= f
            k += 1.0
            f *= odds * (n - k + 1.0) / k
        return k
    spread = math.sqrt(n * p * q)
    b = 1.15 + 2.53 * spread
    a = 0.0248 * b + 0.01 * p - 0.0873
    scale = (2.83 + 5.1 / b) * spread
    mode = float(math.floor((n + 1.0) * p))
    top = math.lgamma(mode + 1.0) + math.lgamma(n - mode + 1.0)
    for t in range(TRIALS):
        u, v = uniform64(own, 2 * t) - 0.5, 1.0 - uniform64(own, 2 * t + 1)
        s = 0.5 - abs(u)
        if s <= 0.0:
            continue
        k = float(math.floor((2.0 * a / s + b) * u + n * p + 0.5))
        if k < 0.0 or k > n:
            continue
        if s >= 0.07 and v <= 0.92 - 4.2 / b:
            return k
        height = top - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0) + (k - mode) * math.log(odds)
        if math.log(v * scale / (a / (s * s) + b)) <= height:
            return k
    return mode


def binomial_variate(seed, at, n, p):
    """How many of ``n`` trials of probability ``p`` succeed."""
    if n != n or p != p:
        return np.nan
    own = stream(seed, at)
    return _rarer_count(own, n, p) if p <= 0.5 else n - _rarer_count(own, n, 1.0 - p)


def von_mises_variate(seed, at, kappa):
    """An angle of [-pi, pi] of the von Mises distribution of mean 0 (Best and Fisher 1979)."""
    own = stream(seed, at)
    if kappa < 1e-5:  # as good as uniform; beyond, r is near 1 / kappa, and its digits count
        return math.pi * (2.0 * uniform64(own, 0) - 1.0)
    tau = 1.0 + math.sqrt(1.0 + 4.0 * kappa * kappa)
    rho = (tau - math.sqrt(2.0 * tau)) / (2.0 * kappa)
    r = (1.0 + rho * rho) / (2.0 * rho)
    if kappa > 1e4:  # r - 1 is lost above; this is its series
        r = 1.0 + 0.5 / kappa
    for t in range(TRIALS):
        z = math.cos(math.pi * uniform64(own, 4 * t))
        f = (1.0 + r * z) / (r + z)
        c = kappa * (r - f)
        u = 1.0 - uniform64(own, 4 * t + 1)
        if c * (2.0 - c) > u or math.log(c / u) + 1.0 >= c:
            angle = math.acos(min(1.0, max(-1.0, f)))
            return angle if uniform64(own, 4 * t + 2) < 0.5 else -angle
    return np.nan if kappa != kappa else 0.0


# The functions that kernels call, and how many parameters their distributions have; the others they call themselves.
VARIATES = {log_gamma_variate: 1, poisson_variate: 1, binomial_variate: 2, von_mises_variate: 1}
