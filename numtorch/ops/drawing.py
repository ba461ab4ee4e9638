"""The short way of ``rand``, ``randn``, ``randint`` and ``randperm``: as programs call them in their loops, without
options.

Knows nothing of distributions: ``random.py`` has drawn such a shape before, and left here what is to be called again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, make, new
from numtorch.device import CPU, DEFAULT
from numtorch.grad_mode import mode
from numtorch.kernels import registry
from numtorch.ops import random_cpu
from numtorch.ops.generator import Generator, default_generator
from numtorch.storage import Size, kind

MANY = 1 << 15  # numbers, beside whose drawing it does not matter what a call costs
_SHAPES = tuple, list, Size
_WIDE = 1 << 62
_INT64 = np.dtype(np.int64)
_INT64_KIND = kind(dtypes.int64, CPU)
_plans = {"uniform": registry.memo(), "normal": registry.memo()}  # of ``rand`` and ``randn``, by shape
_entries = registry.memo()  # the machine code of ``randint`` and ``randperm``


def known(distribution: str, shape: tuple) -> bool:
    """Whether ``again`` has something for a shape."""
    return shape in _plans[distribution]


def remember(distribution: str, plan: Any, n: int, late: tuple) -> None:
    """Keep the plan of a shape of n numbers for ``again``; ``late`` follows the seed and the position."""
    if plan.fill is not None:
        plans = _plans[distribution]
        if len(plans) > 1024:
            plans.clear()
        plans[tuple(plan.shape)] = plan.fill, plan.make, plan.shape, plan.kind, plan.numbers, late, n


def again(args: tuple, distribution: str, generator: Generator | None) -> Tensor | None:
    """What ``rand`` and ``randn`` give for a shape that they were called with before; None for another one."""
    given: Any = args[0] if len(args) == 1 and args[0].__class__ is not int else args
    try:
        fill, make, shape, k, numbers, late, n = _plans[distribution][given]
    except (KeyError, TypeError):
        return None
    for extent in given:
        if extent.__class__ is not int:  # equal to one, and refused
            return None
    if k.dtype is not dtypes._default or DEFAULT.device is not CPU or mode.levels:
        return None
    source = default_generator if generator is None else generator
    t = new(Tensor)
    t.shape = shape
    t._k = k
    t._buf = buf = make()
    at = source._at
    source._at = at + n
    fill(buf, *numbers, source._seed, at, *late)
    return t


def few_integers(low: Any, high: Any, size: Any, generator: Generator | None) -> Tensor | None:
    """What ``randint`` gives for plain bounds and a plain shape of a few numbers; None for others."""
    if size is None:
        low, high, size = 0, low, high
    if high is None:
        low, high = 0, low
    if not (low.__class__ is high.__class__ is int and -_WIDE < low < high < _WIDE) or size.__class__ not in _SHAPES:
        return None
    n = 1
    for extent in size:
        if extent.__class__ is not int or extent < 0:
            return None
        n *= extent
    if n > MANY or DEFAULT.device is not CPU or mode.levels:
        return None
    buf = np.empty(n, _INT64)
    source = default_generator if generator is None else generator
    seed, at = source._seed, source._at
    source._at = at + 2 * n
    entry = _entries.get("randint")
    if entry is None:
        entry = _entries["randint"] = random_cpu.fill_integers.entry(buf, seed, at, low, high - low)
    entry(buf, seed, at, low, high - low)
    return make(buf, tuple(size), _INT64_KIND)


def few_in_order(n: int, generator: Generator | None) -> Tensor | None:
    """What ``randperm`` gives for a few numbers; None for many."""
    if n.__class__ is not int or not 0 <= n <= MANY or DEFAULT.device is not CPU or mode.levels:
        return None
    buf = np.empty(n, _INT64)
    source = default_generator if generator is None else generator
    seed, at = source._seed, source._at
    source._at = at + n
    entry = _entries.get("randperm")
    if entry is None:
        entry = _entries["randperm"] = random_cpu.fill_permutation.entry(buf, seed, at)
    entry(buf, seed, at)
    return make(buf, (n,), _INT64_KIND)
