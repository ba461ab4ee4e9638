"""Order and scans along a dimension: sort, topk, medians, cumulative sums."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled

BUDGET = 0.8
ROWS = {"64": (64,), "1k": (1000,), "64x10": (64, 10), "64x1000": (64, 1000), "100k": (100_000,), "1M": (1_000_000,)}


def _order(name: str, op: Callable, array: Callable, *, budget: float = BUDGET, backward: bool = False, tolerance: float = 1e-5) -> None:
    def make(fw: SimpleNamespace) -> Callable:
        x = fw.tensor(array())
        return lambda: op(fw, x)

    workload(f"sorting/{name}", budget=budget, tolerance=tolerance)(make)
    if backward:

        def backward_of(fw: SimpleNamespace) -> Callable:
            x = fw.T.tensor(array(), requires_grad=True)
            y = op(fw, x)
            return pulled(fw, y if hasattr(y, "shape") else y[0], [x])

        workload(f"sorting/{name} backward", budget=budget, tolerance=tolerance)(backward_of)


for _label, _shape in ROWS.items():
    _order(f"sort {_label}", lambda fw, x: tuple(fw.T.sort(x, stable=True)), lambda s=_shape: values(*s), backward=_label == "64x1000")
    _order(f"topk 5 of {_label}", lambda fw, x: tuple(fw.T.topk(x, 5)), lambda s=_shape: values(*s), backward=_label == "64x1000")
    # Which of equal values is found is not fixed: the values are compared.
    _order(f"kthvalue {_label}", lambda fw, x: fw.T.kthvalue(x, x.shape[-1] // 2)[0], lambda s=_shape: values(*s))
    _order(f"median {_label}", lambda fw, x: fw.T.median(x, -1)[0], lambda s=_shape: values(*s))
_order("topk 100 of 64x1000", lambda fw, x: tuple(fw.T.topk(x, 100)), lambda: values(64, 1000))
_order("topk 1000 of 1M", lambda fw, x: tuple(fw.T.topk(x, 1000)), lambda: values(1_000_000))
_order("sort 64x1000 descending", lambda fw, x: tuple(fw.T.sort(x, stable=True, descending=True)), lambda: values(64, 1000))
_order("sort 1000x64 dim 0", lambda fw, x: tuple(fw.T.sort(x, dim=0, stable=True)), lambda: values(1000, 64))
_order("sort int64 100k", lambda fw, x: tuple(fw.T.sort(x, stable=True)), lambda: np.random.default_rng(0).integers(0, 50_000, 100_000))
_order("argsort 64x1000", lambda fw, x: fw.T.argsort(x, stable=True), lambda: values(64, 1000))

SCANS = {"1k": ((1000,), 0), "100k": ((100_000,), 0), "4M": ((4_000_000,), 0), "64x1000 dim 1": ((64, 1000), 1),
         "64x1000 dim 0": ((64, 1000), 0), "4096x64 dim 1": ((4096, 64), 1), "2000x2000 dim 1": ((2000, 2000), 1),
         "2000x2000 dim 0": ((2000, 2000), 0), "8x16x28x28 dim 1": ((8, 16, 28, 28), 1), "8x16x28x28 dim 3": ((8, 16, 28, 28), 3)}
for _label, (_shape, _dim) in SCANS.items():
    # Long sums of float32 differ by what they round.
    _order(f"cumsum {_label}", lambda fw, x, d=_dim: x.cumsum(d), lambda s=_shape: values(*s), backward=True, tolerance=1e-4)
    if _label in ("1k", "64x1000 dim 1", "64x1000 dim 0", "2000x2000 dim 0"):
        _order(f"cumprod {_label}", lambda fw, x, d=_dim: x.cumprod(d), lambda s=_shape: np.float32(1) + values(*s) / np.float32(100),
               backward=True, tolerance=1e-3)
        _order(f"cummax {_label}", lambda fw, x, d=_dim: tuple(fw.T.cummax(x, d)), lambda s=_shape: values(*s), backward=True)
        _order(f"logcumsumexp {_label}", lambda fw, x, d=_dim: x.logcumsumexp(d), lambda s=_shape: values(*s), backward=True,
               tolerance=1e-4)
