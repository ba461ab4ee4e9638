"""Loops on the CPU that draw numbers of distributions, each from the two random words at its place."""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.sampling import binomial_variate, log_gamma_variate, poisson_variate, von_mises_variate


@jit(parallel=True)
def fill_log_gamma(a, out, seed, at):
    """out[i] = the logarithm of a number of the gamma distribution of shape a[i]"""
    for i in prange(out.size):
        out[i] = log_gamma_variate(seed, at + 2 * i, np.float64(a[i]))


@jit(parallel=True)
def fill_poisson(rate, out, seed, at):
    """out[i] = a number of the Poisson distribution of mean rate[i]"""
    for i in prange(out.size):
        out[i] = poisson_variate(seed, at + 2 * i, np.float64(rate[i]))


@jit(parallel=True)
def fill_binomial(count, p, out, seed, at):
    """out[i] = how many of count[i] trials of probability p[i] succeed"""
    for i in prange(out.size):
        out[i] = binomial_variate(seed, at + 2 * i, np.float64(count[i]), np.float64(p[i]))


@jit(parallel=True)
def fill_von_mises(kappa, out, seed, at):
    """out[i] = an angle of the von Mises distribution of mean 0 and concentration kappa[i]"""
    for i in prange(out.size):
        out[i] = von_mises_variate(seed, at + 2 * i, np.float64(kappa[i]))
