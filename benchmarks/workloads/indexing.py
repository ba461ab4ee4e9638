"""Reads and writes by position: gather, scatter, advanced indexing, masks, embeddings; forward, and backward alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled

BUDGET = 0.8


def positions(n: int, *shape: int) -> np.ndarray:
    """Reproducible positions below ``n``."""
    return np.random.default_rng(1).integers(0, n, shape)


def _index(
    name: str,
    op: Callable,
    inputs: Callable,
    *,
    backward: bool = False,
    budget: float = BUDGET,
    tolerance: float = 1e-5,
) -> None:
    """``op(fw, *tensors)`` and, if wanted, its gradient in every floating tensor; ``inputs()`` gives arrays."""

    def forward_of(fw: SimpleNamespace) -> Callable:
        args = [fw.tensor(a) for a in inputs()]
        return lambda: op(fw, *args)

    workload(f"indexing/{name}", budget=budget, tolerance=tolerance)(forward_of)
    if backward:

        def backward_of(fw: SimpleNamespace) -> Callable:
            args: list[Any] = [fw.T.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs()]
            return pulled(fw, op(fw, *args), [a for a in args if a.requires_grad])

        workload(f"indexing/{name} backward", budget=budget, tolerance=tolerance)(backward_of)


# A size for each cost: calls (1k), caches (100k), memory (4M). One dimension stands for the others where they take one
# path.
SMALL, MIDDLE, LARGE = (32, 32), (316, 316), (2000, 2000)


def _same(shape: tuple, n: int, sources: bool = False) -> Callable:
    """A tensor and positions below ``n`` of its shape, and if wanted what to write there."""
    return lambda: [values(*shape), positions(n, *shape), *([values(*shape, seed=2)] if sources else [])]


_index("gather 1k dim 1", lambda fw, x, i: fw.T.gather(x, 1, i), _same(SMALL, 32))
_index("gather 100k dim 0", lambda fw, x, i: fw.T.gather(x, 0, i), _same(MIDDLE, 316))
_index("gather 100k dim 1", lambda fw, x, i: fw.T.gather(x, 1, i), _same(MIDDLE, 316), backward=True)
_index(
    "scatter_add 100k dim 1", lambda fw, x, i, y: fw.T.scatter_add(x, 1, i, y), _same(MIDDLE, 316, True), tolerance=1e-4
)
_index(
    "scatter_reduce amax 100k dim 1",
    lambda fw, x, i, y: fw.T.scatter_reduce(x, 1, i, y, "amax"),
    _same(MIDDLE, 316, True),
)
_index(
    "index_select 1k dim 1", lambda fw, x, i: fw.T.index_select(x, 1, i), lambda: [values(*SMALL), positions(32, 16)]
)
_index(
    "index_select 4M dim 0",
    lambda fw, x, i: fw.T.index_select(x, 0, i),
    lambda: [values(*LARGE), positions(2000, 1000)],
)
_index(
    "index_add 100k dim 0",
    lambda fw, x, i, y: fw.T.index_add(x, 0, i, y),
    lambda: [values(*MIDDLE), positions(316, 158), values(158, 316, seed=2)],
)
_index("x[rows] 1k", lambda fw, x, i: x[i], lambda: [values(*SMALL), positions(32, 32)])
_index(
    "x[rows, columns] 100k",
    lambda fw, x, i, j: x[i, j],
    lambda: [values(*MIDDLE), positions(316, 5000), positions(316, 5000)],
)
_index("x[mask] 100k", lambda fw, x: x[x > 0], lambda: [values(*MIDDLE)], backward=True)
_index("masked_fill 1k", lambda fw, x, m: x.masked_fill(m, 0.5), lambda: [values(*SMALL), values(*SMALL, seed=1) > 0])
_index("nonzero 1k", lambda fw, m: fw.T.nonzero(m), lambda: [values(*SMALL) > 1])
_index("nonzero 100k", lambda fw, m: fw.T.nonzero(m), lambda: [values(*MIDDLE) > 1])

for _rows, _width, _shape in ((1000, 32, (64, 20)), (50_000, 768, (4, 512))):
    _index(
        f"embedding {_rows}x{_width} of {_shape[0]}x{_shape[1]}",
        lambda fw, i, w: fw.F.embedding(i, w),
        lambda r=_rows, c=_width, s=_shape: [positions(r, *s), values(r, c)],
        backward=_rows == 1000,
    )
