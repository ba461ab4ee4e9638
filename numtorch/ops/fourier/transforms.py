"""Fourier transforms along one dimension: of complex numbers, of real ones to half of their spectrum, and back.

    transformed(x)[k] = scale * sum over j of x[j] * exp(-+ 2i pi j k / n)

Bodies are made of matrix products: a size that has divisors is divided, as in the kernels. A size with a large prime
factor is a convolution (Bluestein), on the CPU too. Each gradient is the transform in the other direction.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import log2
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.program import shared_from
from numtorch.dtype import COMPLEXES, FLOATS, dtype
from numtorch.kernels import threads
from numtorch.ops import movement
from numtorch.ops.complex_numbers import conj
from numtorch.ops.fourier import cpu
from numtorch.ops.matmul import matmul
from numtorch.storage import around

LONG = 1 << 12  # elements of a line that is moved to the end before it is transformed
PRODUCT = 64  # elements of a line that is transformed by one product


def _cost(out: Tensor, x: Tensor, *rest: Any) -> tuple[int, int]:
    """Bytes of operand and result; operations of the usual count, ``5 n log2(n)`` for a complex line of n."""
    real = not (out.dtype.is_complex and x.dtype.is_complex)
    wider = x if numel(x) >= numel(out) else out
    n = wider.shape[rest[0] if out.dtype.is_complex else rest[1]]
    return nbytes(out, x), int(numel(wider) * log2(max(n, 2)) * 5) // (1 + real)


def _loop(x: Tensor, kind: int, dim: int, n: int, forward: bool, scale: float, out: Any) -> Loop | None:
    """The loop for lines of n complex numbers, or twice as many real ones."""
    outer, _, inner = around(x.shape, dim)
    if not (n and outer * inner and cpu.smooth(n)):
        return None
    weight = 4 * n.bit_length()
    large = outer * n * inner >= shared_from(weight) and not threads.forked()
    parts = x.dtype.to_real().storage
    return Loop(cpu.ready, (), out, made_of=(parts, kind, outer, n, inner, forward, scale, large), weight=weight)


def _at_the_end(f: Any, x: Tensor, dim: int) -> Tensor:
    """``f`` of a tensor whose last dimension is ``dim``."""
    return movement.movedim(f(movement.contiguous(movement.movedim(x, dim, -1))), -1, dim)


# --- complex numbers --------------------------------------------------------------------------------


@op(public=False, cost=_cost, samples=list)
def transformed(x, dim: int, forward: bool, scale: float):
    """The transform of complex lines along ``dim``, or in the other direction, times ``scale``."""
    y = _at_the_end(partial(_whole, forward=forward), x, dim)
    return y if scale == 1.0 else y * scale


@transformed.arguments
def _(x, dim, forward, scale):
    if x.shape[dim] > LONG and around(x.shape, dim)[2] > 1:
        return lambda x, dim, forward, scale: _at_the_end(lambda y: transformed(y, y.ndim - 1, forward, scale), x, dim)
    return x, dim, forward, scale


@transformed.vjp(conjugated=False)
def _(g, *, dim, forward, scale):
    return transformed(g, dim, not forward, scale)


@transformed.loop("cpu", dtypes=COMPLEXES)
def stockham(x, dim, forward, scale):
    """By steps of small radices, if all prime factors of the size are small."""
    return _loop(x, cpu.COMPLEX, dim, x.shape[dim], forward, scale, like(x))


@lru_cache(16)
def _constant(make: Any, d: dtype, device: Any, *numbers: Any) -> Tensor:
    """``make(*numbers)``, an array, as a tensor."""
    return ops.creation.tensor(make(*numbers), dtype=d, device=device)


def _turns(n: int, rows: int, cols: int, forward: bool) -> np.ndarray:
    """``exp(-+ 2i pi j k / n)`` for j below ``rows``, k below ``cols``."""
    w = cpu.turns(n, np.outer(np.arange(rows), np.arange(cols)))
    return w if forward else w.conj()


def _whole(x: Tensor, forward: bool) -> Tensor:
    """The transform along the last dimension, in ops."""
    n = x.shape[-1]
    if not cpu.smooth(n):
        return _by_convolution(x, forward)
    of = partial(_constant, _turns, x.dtype, x.device)
    if n <= PRODUCT:
        return matmul(x, of(n, n, n, forward))
    n1 = max(d for d in range(1, PRODUCT + 1) if n % d == 0)
    n2 = n // n1
    z = matmul(of(n1, n1, n1, forward), movement.reshape(x, (*x.shape[:-1], n1, n2))) * of(n, n1, n2, forward)
    return movement.reshape(movement.transpose(_whole(z, forward), -2, -1), x.shape)


def _chirp(n: int, forward: bool) -> np.ndarray:
    """``exp(-+ 1i pi j^2 / n)``."""
    w = cpu.turns(2 * n, np.arange(n) ** 2 % (2 * n))
    return w if forward else w.conj()


def _room(n: int) -> int:
    """A power of two in which lines of n are convolved without meeting their own ends."""
    return 1 << (2 * n - 2).bit_length()


def _filter(n: int, forward: bool) -> np.ndarray:
    """The transform of the chirp's conjugate, at positive and negative positions, over how many there are."""
    w, m = _chirp(n, forward).conj(), _room(n)
    return np.fft.fft(np.concatenate([w, np.zeros(m - 2 * n + 1), w[:0:-1]])) / m


def _by_convolution(x: Tensor, forward: bool) -> Tensor:
    """Bluestein: as ``2 j k = j^2 + k^2 - (k - j)^2``, the transform is a convolution with a chirp."""
    n, m, last = x.shape[-1], _room(x.shape[-1]), x.ndim - 1
    chirp = _constant(_chirp, x.dtype, x.device, n, forward)
    z = transformed(movement.pad_ends(x * chirp, (0, m - n), 0.0), last, True, 1.0)
    z = transformed(z * _constant(_filter, x.dtype, x.device, n, forward), last, False, 1.0)
    return movement.narrow(z, last, 0, n) * chirp


# --- real numbers -----------------------------------------------------------------------------------


@op(public=False, cost=_cost, samples=list)
def to_half(x, dim: int, forward: bool, scale: float):
    """The transform of real lines: the first ``n // 2 + 1`` numbers, of which the others are conjugates."""
    z = transformed(movement.as_type(x, x.dtype.to_complex()), dim, forward, scale)
    return movement.narrow(z, dim, 0, x.shape[dim] // 2 + 1)


@op(public=False, cost=_cost, samples=list)
def to_real(x, n: int, dim: int, forward: bool, scale: float):
    """Real lines of n from half of their transform; imaginary parts that such a half cannot have are not read."""
    rest = movement.narrow(x, dim, 1, n - n // 2 - 1)
    z = transformed(movement.cat([x, movement.flip(conj(rest), (dim,))], dim), dim, forward, scale)
    return movement.contiguous(movement.real(z))


@to_half.arguments
def _(x, dim, forward, scale):
    if x.shape[dim] > LONG and around(x.shape, dim)[2] > 1:
        return lambda x, dim, forward, scale: _at_the_end(lambda y: to_half(y, y.ndim - 1, forward, scale), x, dim)
    return x, dim, forward, scale


@to_real.arguments
def _(x, n, dim, forward, scale):
    if n > LONG and around(x.shape, dim)[2] > 1:
        return lambda x, n, dim, forward, scale: _at_the_end(
            lambda y: to_real(y, n, y.ndim - 1, forward, scale), x, dim
        )
    return x, n, dim, forward, scale


def _weights(n: int, inner: float) -> np.ndarray:
    """1 for the numbers of half a spectrum that stand alone, ``inner`` for those that have a conjugate."""
    w = np.full(n // 2 + 1, inner)
    w[0] = 1
    if n % 2 == 0:
        w[-1] = 1
    return w


def _weighted(z: Tensor, n: int, dim: int, inner: float) -> Tensor:
    w = _constant(_weights, z.dtype.to_real(), z.device, n, inner)
    return z * movement.reshape(w, (-1, *[1] * (z.ndim - 1 - dim)))


@to_half.vjp(conjugated=False)
def _(g, x_shape, *, dim, forward, scale):
    n = x_shape[dim]
    return to_real(_weighted(g, n, dim, 0.5), n, dim, not forward, scale)


@to_real.vjp(conjugated=False)
def _(g, *, n, dim, forward, scale):
    return _weighted(to_half(g, dim, not forward, scale), n, dim, 2.0)


@to_half.loop("cpu", dtypes=FLOATS, name="pairs")
def _(x, dim, forward, scale):
    """Two real numbers as a complex one, if the size is even."""
    n = x.shape[dim]
    if n % 2:
        return None
    shape = (*x.shape[:dim], n // 2 + 1, *x.shape[dim + 1 :])
    return _loop(x, cpu.TO_HALF, dim, n // 2, forward, scale, like(x, shape, x.dtype.to_complex()))


@to_real.loop("cpu", dtypes=COMPLEXES, name="pairs")
def _(x, n, dim, forward, scale):
    """Two real numbers as a complex one, if the size is even."""
    if n % 2:
        return None
    shape = (*x.shape[:dim], n, *x.shape[dim + 1 :])
    return _loop(x, cpu.TO_REAL, dim, n // 2, forward, scale, like(x, shape, x.dtype.to_real()))
