"""What a sample of an op holds where a random tensor will not do: positions, masks, positive numbers.

    @op(samples=lambda: [((3, 5), index((3,), 5))])

A shape stands for a random tensor; these stand for tensors of other elements, the same in every run.
"""

from __future__ import annotations

import math
import zlib

import numpy as np

erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none


def rng_of(*parts: object) -> np.random.Generator:
    """A generator that depends on what it is for, and on nothing else."""
    return np.random.default_rng(zlib.crc32(repr(parts).encode()))


class index:  # noqa: N801 - it reads as a word in a sample, as do those below
    """Positions below ``high`` in the given shape; unique ones differ along a dimension."""

    def __init__(self, shape: tuple, high: int, unique_along: int | None = None):
        self.shape, self.high, self.along = shape, high, unique_along

    def array(self) -> np.ndarray:
        """The positions."""
        rng = rng_of(self.shape, self.high)
        if self.along is None:
            return rng.integers(0, self.high, self.shape)
        n = self.shape[self.along]
        lines = [s for i, s in enumerate(self.shape) if i != self.along]
        made = [rng.permutation(self.high)[:n] for _ in range(math.prod(lines))]
        return np.moveaxis(np.array(made).reshape(*lines, n), -1, self.along)

    def __repr__(self) -> str:
        return f"index{self.shape}<{self.high}"


class exactly:  # noqa: N801
    """These numbers."""

    def __init__(self, elements: list):
        self.elements = elements
        self.shape, self.high = self.array().shape, int(self.array().max()) + 1

    def array(self) -> np.ndarray:
        """The numbers."""
        return np.array(self.elements)

    def __repr__(self) -> str:
        return f"exactly({self.elements if self.array().size < 64 else self.shape})"


class mask:  # noqa: N801
    """Truth values of a shape, ``n`` of which are true."""

    def __init__(self, shape: tuple, n: int):
        self.shape, self.n = shape, n

    def array(self) -> np.ndarray:
        """The truth values."""
        a = np.arange(math.prod(self.shape)) < self.n
        return rng_of(self.shape, self.n).permutation(a).reshape(self.shape)

    def __repr__(self) -> str:
        return f"mask{self.shape}:{self.n}"


class positive:  # noqa: N801
    """Floating elements above 0, as variances are."""

    def __init__(self, shape: tuple):
        self.shape = shape

    def __repr__(self) -> str:
        return f"positive{self.shape}"


class fan_in:  # noqa: N801
    """Weights as layers begin with them: over the root of the number of products in a result, so that results are of
    order one."""

    def __init__(self, shape: tuple):
        self.shape = shape

    def __repr__(self) -> str:
        return f"fan_in{self.shape}"
