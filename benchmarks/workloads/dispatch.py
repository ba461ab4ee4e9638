"""Tensors of 64 elements: the time is that of dispatch, not of arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload


def _dispatch(name: str, op: Callable, *shapes: tuple[int, ...], budgets: tuple[float, float] = (0.8, 0.7)) -> None:
    for grad in (False, True):

        def make(fw: SimpleNamespace, op: Callable = op, grad: bool = grad) -> tuple[Callable, Callable]:
            args = [fw.T.tensor(values(*s, seed=i), requires_grad=grad) for i, s in enumerate(shapes)]
            return (lambda: op(*args)), (lambda: op(*args).detach().numpy())

        workload(f"dispatch/{name}{' with grad' if grad else ''}", budget=budgets[grad])(make)


_dispatch("add", lambda a, b: a + b, (64,), (64,))
_dispatch("mul", lambda a, b: a * b, (64,), (64,))
_dispatch("broadcast add", lambda a, b: a + b, (4, 64), (64,), budgets=(1.0, 1.0))
_dispatch("relu", lambda a: a.relu(), (64,))
_dispatch("sum", lambda a: a.sum(), (64,))
_dispatch("matmul", lambda a, b: a @ b, (8, 8), (8, 8))


@workload("dispatch/backward of a 3-op chain", budget=0.6)
def backward_chain(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    x = fw.T.tensor(values(64), requires_grad=True)
    w = fw.T.tensor(values(64, seed=1))
    y = (x * w).relu().sum()

    def run() -> None:
        y.backward(retain_graph=True)

    def check() -> np.ndarray:
        x.grad = None
        run()
        return x.grad.numpy().copy()

    return run, check
