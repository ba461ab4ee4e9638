"""Reading and writing by position: gather, scatter, advanced indexing, masks, embeddings; forward, and backward alone."""

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


def _index(name: str, op: Callable, inputs: Callable, *, backward: bool = False, budget: float = BUDGET, tolerance: float = 1e-5) -> None:
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


for _label, _shape in (("1k", (32, 32)), ("100k", (316, 316)), ("4M", (2000, 2000)), ("8x16x28x28", (8, 16, 28, 28))):
    for _d in sorted({0, 1, len(_shape) - 1}):
        _n = _shape[_d]
        _same = lambda s=_shape, n=_n: [values(*s), positions(n, *s)]
        _index(f"gather {_label} dim {_d}", lambda fw, x, i, d=_d: fw.T.gather(x, d, i), _same, backward=_label != "8x16x28x28")
        _index(f"scatter_add {_label} dim {_d}", lambda fw, x, i, y, d=_d: fw.T.scatter_add(x, d, i, y),
               lambda s=_shape, n=_n: [values(*s), positions(n, *s), values(*s, seed=2)], tolerance=1e-4, backward=_label == "100k")
        _few = lambda s=_shape, n=_n: [values(*s), positions(n, n // 2)]
        _index(f"index_select {_label} dim {_d}", lambda fw, x, i, d=_d: fw.T.index_select(x, d, i), _few, backward=True)
        _index(f"index_add {_label} dim {_d}", lambda fw, x, i, y, d=_d: fw.T.index_add(x, d, i, y),
               lambda s=_shape, n=_n, d=_d: [values(*s), positions(n, n // 2), values(*s[:d], n // 2, *s[d + 1 :], seed=2)])
    _index(f"x[rows] {_label}", lambda fw, x, i: x[i], lambda s=_shape: [values(*s), positions(s[0], s[0])], backward=True)
    _index(f"x[rows, columns] {_label}", lambda fw, x, i, j: x[i, j],
           lambda s=_shape: [values(*s), positions(s[0], 5000), positions(s[1], 5000)], backward=True)
    _index(f"x[mask] {_label}", lambda fw, x: x[x > 0], lambda s=_shape: [values(*s)], backward=True)
    _index(f"masked_fill {_label}", lambda fw, x, m: x.masked_fill(m, 0.5), lambda s=_shape: [values(*s), values(*s, seed=1) > 0],
           backward=True)
    _index(f"nonzero {_label}", lambda fw, m: fw.T.nonzero(m), lambda s=_shape: [values(*s) > 1])

_index("x[rows] = y 2000x2000", lambda fw, x, i, y: x.clone().__setitem__(i, y),
       lambda: [values(2000, 2000), positions(2000, 1000), values(1000, 2000)])
_index("x[mask] = 0 2000x2000", lambda fw, x, m: x.__setitem__(m, 0.0), lambda: [values(2000, 2000), values(2000, 2000) > 0])
_index("index_copy 316x316 dim 0", lambda fw, x, i, y: x.index_copy(0, i, y),
       lambda: [values(316, 316), np.random.default_rng(1).permutation(316)[:150], values(150, 316)], backward=True)
_index("index_fill 316x316 dim 0", lambda fw, x, i: x.index_fill(0, i, 1.0), lambda: [values(316, 316), positions(316, 150)])
for _how in ("sum", "mean", "amax"):
    _index(f"scatter_reduce {_how} 316x316 dim 1", lambda fw, x, i, y, how=_how: fw.T.scatter_reduce(x, 1, i, y, how),
           lambda: [values(316, 316), positions(316, 316, 316), values(316, 316, seed=2)], backward=True, tolerance=1e-4)
_index("take_along_dim 64x1000", lambda fw, x, i: fw.T.take_along_dim(x, i, 1), lambda: [values(64, 1000), positions(1000, 64, 1000)])
_index("one_hot 4096 of 100", lambda fw, i: fw.F.one_hot(i, 100), lambda: [positions(100, 4096)])
_index("masked_select 316x316", lambda fw, x, m: fw.T.masked_select(x, m), lambda: [values(316, 316), values(316, 316, seed=1) > 0])

for _rows, _width, _shape in ((50_000, 256, (64, 64)), (65, 128, (12, 64)), (1000, 32, (64, 20)), (50_000, 768, (8, 1024))):
    _index(f"embedding {_rows}x{_width} of {_shape[0]}x{_shape[1]}", lambda fw, i, w: fw.F.embedding(i, w),
           lambda r=_rows, c=_width, s=_shape: [positions(r, *s), values(r, c)], backward=True)
