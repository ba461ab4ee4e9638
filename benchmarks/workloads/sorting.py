"""Order and scans along a dimension: sort, topk, medians, cumulative sums."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled

BUDGET = 0.8
ROWS = {"64": (64,), "64x1000": (64, 1000), "1M": (1_000_000,)}


def _order(
    name: str, op: Callable, array: Callable, *, budget: float = BUDGET, backward: bool = False, tolerance: float = 1e-5
) -> None:
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
    _order(
        f"sort {_label}",
        lambda fw, x: tuple(fw.T.sort(x, stable=True)),
        lambda s=_shape: values(*s),
        backward=_label == "64x1000",
    )
_order(
    "sort int64 100k",
    lambda fw, x: tuple(fw.T.sort(x, stable=True)),
    lambda: np.random.default_rng(0).integers(0, 50_000, 100_000),
)
for _label, _shape, _k in (("64", (64,), 5), ("64x1000", (64, 1000), 5), ("64x1000", (64, 1000), 100)):
    _order(f"topk {_k} of {_label}", lambda fw, x, k=_k: tuple(fw.T.topk(x, k)), lambda s=_shape: values(*s))
# Which of equal values is found is not fixed: the values are compared.
_order("kthvalue 64x10", lambda fw, x: fw.T.kthvalue(x, 5)[0], lambda: values(64, 10))
for _label, _shape in (("1k", (1000,)), ("64x1000", (64, 1000))):
    _order(f"median {_label}", lambda fw, x: fw.T.median(x, -1)[0], lambda s=_shape: values(*s))

SCANS = {
    "1k": ((1000,), 0),
    "64x1000 dim 1": ((64, 1000), 1),
    "2000x2000 dim 0": ((2000, 2000), 0),
    "2000x2000 dim 1": ((2000, 2000), 1),
}
for _label, (_shape, _dim) in SCANS.items():
    # Long sums of float32 differ by what they round.
    _order(
        f"cumsum {_label}",
        lambda fw, x, d=_dim: x.cumsum(d),
        lambda s=_shape: values(*s),
        backward=_label == "1k",
        tolerance=1e-4,
    )
_order(
    "cumprod 64x1000 dim 1",
    lambda fw, x: x.cumprod(1),
    lambda: np.float32(1) + values(64, 1000) / np.float32(100),
    backward=True,
    tolerance=1e-3,
)
_order("cummax 1k", lambda fw, x: tuple(fw.T.cummax(x, 0)), lambda: values(1000))
_order("logcumsumexp 64x1000 dim 1", lambda fw, x: x.logcumsumexp(1), lambda: values(64, 1000), tolerance=1e-4)
