"""Loops on CUDA that draw numbers of distributions, the same ones as on the CPU."""

from __future__ import annotations

import numpy as np

from numtorch.kernels.launch import cuda, cuda_kernel
from numtorch.kernels.sampling import binomial_variate, log_gamma_variate, poisson_variate, von_mises_variate


@cuda_kernel
def fill_log_gamma(a, out, seed, at):
    """out[i] = the logarithm of a number of the gamma distribution of shape a[i]"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = log_gamma_variate(seed, at + 2 * i, np.float64(a[i]))


@cuda_kernel
def fill_poisson(rate, out, seed, at):
    """out[i] = a number of the Poisson distribution of mean rate[i]"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = poisson_variate(seed, at + 2 * i, np.float64(rate[i]))


@cuda_kernel
def fill_binomial(count, p, out, seed, at):
    """out[i] = how many of count[i] trials of probability p[i] succeed"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = binomial_variate(seed, at + 2 * i, np.float64(count[i]), np.float64(p[i]))


@cuda_kernel
def fill_von_mises(kappa, out, seed, at):
    """out[i] = an angle of the von Mises distribution of mean 0 and concentration kappa[i]"""
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = von_mises_variate(seed, at + 2 * i, np.float64(kappa[i]))
