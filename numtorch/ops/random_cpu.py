"""Loops on the CPU that write random numbers: element i is a function of the seed and of ``at + i``."""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import (
    bits_float,
    float_bits,
    normal32,
    normal64,
    random_bits,
    random_block,
    uniform32,
    uniform64,
)


@jit(parallel=True)
def fill_uniform32(out, low, width, last, seed, at):
    """out[i] = low + width * u(seed, at + i), at most ``last``: sum and product may round up to the end, which is not
    drawn"""
    a = np.float32(low)
    b = np.float32(width)
    c = np.float32(last)
    for i in prange(out.size):
        v = a + b * uniform32(seed, at + i)
        out[i] = v if v < c else c


@jit(parallel=True)
def fill_uniform64(out, low, width, last, seed, at):
    """out[i] = low + width * u(seed, at + i), at most ``last``"""
    for i in prange(out.size):
        v = low + width * uniform64(seed, at + i)
        out[i] = v if v < last else last


@jit(parallel=True)
def fill_uniform16(out, low, width, last, keep, seed, at):
    """``fill_uniform32`` where u has the leading bits that a type of 16 bits holds, those of ``keep``: cut, not
    rounded, so u < p with probability p"""
    a = np.float32(low)
    b = np.float32(width)
    c = np.float32(last)
    for i in prange(out.size):
        v = a + b * bits_float(float_bits(uniform32(seed, at + i)) & keep)
        out[i] = v if v < c else c


@jit(parallel=True)
def fill_normal32(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    a = np.float32(mean)
    b = np.float32(std)
    for i in prange(out.size):
        out[i] = a + b * normal32(seed, at + i)


@jit(parallel=True)
def fill_normal64(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    for i in prange(out.size):
        out[i] = mean + std * normal64(seed, at + i)


@jit
def fill_integers(out, seed, at, low, span):
    """out[i] = low + 64 random bits modulo span: of random words 2 * (at + i) and the next, which are of one block"""
    for i in range(out.size):
        c0, c1, c2, c3 = random_block(seed, (at + i) >> 1)
        odd = (at + i) & 1
        high = np.int64(c2 if odd else c0) & np.int64(0x7FFFFFFF)
        bits = (high << np.int64(32)) | np.int64(c3 if odd else c1)
        out[i] = low + bits % span


@jit
def fill_words(out, seed, at, low, span):
    """out[i] = low + 64 random bits modulo span, where span has all 64 bits itself; 0 stands for 2**64"""
    for i in range(out.size):
        bits = (np.uint64(random_bits(seed, 2 * (at + i))) << np.uint64(32)) | np.uint64(
            random_bits(seed, 2 * (at + i) + 1)
        )
        out[i] = np.int64(np.uint64(low) + (bits % span if span else bits))


@jit
def fill_permutation(out, seed, at):
    """out = 0 ... n - 1 in random order: from the last one on each changes places with one of those up to itself
    (Fisher and Yates); a block of four random words is two positions of 53 bits"""
    n = out.size
    for i in range(n):
        out[i] = i
    for b in range(n // 2):
        c0, c1, c2, c3 = random_block(seed, (at >> 1) + b)
        for half in range(2):
            high, low = (c2, c3) if half else (c0, c1)
            i = n - 1 - 2 * b - half
            u = np.float64(np.int64((high >> np.uint64(5)) << np.uint64(26) | (low >> np.uint64(6)))) * 2.0**-53
            j = min(np.int64(u * (i + 1)), i)
            out[i], out[j] = out[j], out[i]


@jit
def mask_few(mask, seed, at, least):
    """The few elements of ``fill_mask`` before and after whole blocks of random words."""
    for i in range(mask.size):
        mask[i] = random_bits(seed, at + i) >> np.uint32(8) >= least


@jit(parallel=True)
def fill_mask(mask, least, seed, at):
    """mask[i] = the upper 24 bits of random word at + i are at least ``least``, a block of four words for four
    elements"""
    head = min(mask.size, (-at) & 3)
    blocks = (mask.size - head) // 4
    tail = head + 4 * blocks
    mask_few(mask[:head], seed, at, least)
    mask_few(mask[tail:], seed, at + tail, least)
    part = mask[head:tail]
    first = (at + head) >> 2
    limit = np.uint64(least << 8)
    for b in prange(blocks):
        c0, c1, c2, c3 = random_block(seed, first + b)
        # Unsigned positions need no check for negative ones, which would keep the loop scalar.
        k = np.uint64(b) * np.uint64(4)
        part[k] = c0 >= limit
        part[k + np.uint64(1)] = c1 >= limit
        part[k + np.uint64(2)] = c2 >= limit
        part[k + np.uint64(3)] = c3 >= limit


@jit(parallel=True)
def scale_kept(x, mask, out, scale):
    """out[i] = x[i] * (scale if mask[i] else 0): what is not finite leaves NaN"""
    s = x.dtype.type(scale)
    for i in prange(out.size):
        out[i] = x[i] * (s if mask[i] else x.dtype.type(0))
