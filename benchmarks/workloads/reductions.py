"""Reductions along every axis: few long sums, many short ones, along rows and along columns."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled, sampled

BUDGET = 0.8
CASES = {
    "64": ((64,), None),
    "4k": ((4096,), None),
    "100k": ((100_000,), None),
    "1M": ((1 << 20,), None),
    "16M": ((1 << 24,), None),
    "64x10 dim 1": ((64, 10), 1),
    "4096x64 dim 1": ((4096, 64), 1),
    "768x512 dim 1": ((768, 512), 1),
    "768x512 dim 0": ((768, 512), 0),
    "1024x1024 dim 1": ((1024, 1024), 1),
    "1024x1024 dim 0": ((1024, 1024), 0),
    "32x64x28x28 dim 1": ((32, 64, 28, 28), 1),
}
OPS: dict[str, Callable] = {
    "sum": lambda fw, x, d: x.sum() if d is None else x.sum(d),
    "mean": lambda fw, x, d: x.mean() if d is None else x.mean(d),
    "max": lambda fw, x, d: x.max() if d is None else x.max(d),
    "argmax": lambda fw, x, d: x.argmax(d),
    "amax": lambda fw, x, d: x.amax() if d is None else x.amax(d),
    "var": lambda fw, x, d: x.var() if d is None else x.var(d),
    "norm": lambda fw, x, d: x.norm() if d is None else x.norm(2, d),
    "logsumexp": lambda fw, x, d: fw.T.logsumexp(x, 0 if d is None else d),
    "any": lambda fw, x, d: (x > 9).any() if d is None else (x > 9).any(d),
}
EVERYWHERE = ("sum", "argmax", "var")
SOME = ("4k", "1M", "768x512 dim 1", "768x512 dim 0")
BACKWARD = {"sum", "mean", "max", "amax", "var", "norm", "logsumexp"}


def _reduction(name: str, op: Callable, shape: tuple, dim: int | None, backward: bool) -> None:
    def forward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        x = fw.tensor(values(*shape))
        return sampled(lambda: op(fw, x, dim))

    workload(f"reductions/{name}", budget=BUDGET, tolerance=2e-5)(forward_of)
    if backward:

        def backward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
            x = fw.T.tensor(values(*shape), requires_grad=True)
            y = op(fw, x, dim)
            return sampled(pulled(fw, y[0] if isinstance(y, tuple) else y, [x]))

        workload(f"reductions/{name} backward", budget=BUDGET, tolerance=2e-5)(backward_of)


for _name, _op in OPS.items():
    for _label, (_shape, _dim) in CASES.items():
        if _name in EVERYWHERE or _label in SOME:
            _reduction(f"{_name} {_label}", _op, _shape, _dim, _name in BACKWARD and _label in SOME)

_reduction("sum 32x64x28x28 dims 0, 2, 3", lambda fw, x, d: x.sum((0, 2, 3)), (32, 64, 28, 28), None, True)
_reduction("mean 32x64x28x28 dims 2, 3", lambda fw, x, d: x.mean((2, 3)), (32, 64, 28, 28), None, True)
_reduction("sum 1024x1024 transposed dim 1", lambda fw, x, d: x.t().sum(1), (1024, 1024), None, False)
_reduction("std 32x64x28x28 dims 0, 2, 3", lambda fw, x, d: x.std((0, 2, 3)), (32, 64, 28, 28), None, False)
