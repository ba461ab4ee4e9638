"""Elementwise kernels, from operands that fit a register to operands larger than the caches: forward, and backward
alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import values, workload

SIZES = {"64": 64, "4k": 1 << 12, "100k": 100_000, "1M": 1 << 20, "16M": 1 << 24}
BUDGET = 0.8


SAMPLE = 4096  # elements of a tensor that are compared: the values of large ones would take longer than what is timed


def sampled(run: Callable) -> tuple[Callable, Callable]:
    """``run``, and a function that takes evenly spaced elements of its results for comparison."""

    def thin(y: Any) -> Any:
        if isinstance(y, tuple | list):
            return [thin(v) for v in y]
        flat = y.detach().reshape(-1)
        return flat[:: max(1, flat.shape[0] // SAMPLE)]

    return run, lambda: thin(run())


def pulled(fw: SimpleNamespace, y: Any, wanted: list) -> Callable:
    """The gradients of ``y`` in ``wanted``, for a random gradient of ``y``, again and again."""
    g = fw.tensor(values(*y.shape, seed=9))
    return lambda: fw.T.autograd.grad(y, wanted, g, retain_graph=True)


def _op(name: str, op: Callable, inputs: Callable, *, backward: bool = False, tolerance: float = 1e-5) -> None:
    """``op(fw, *tensors)`` and, if wanted, its gradient in every floating tensor; ``inputs()`` gives arrays."""

    def forward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        args = [fw.tensor(a) for a in inputs()]
        return sampled(lambda: op(fw, *args))

    workload(f"elementwise/{name}", budget=BUDGET, tolerance=tolerance)(forward_of)
    if backward:

        def backward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
            args = [fw.T.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs()]
            return sampled(pulled(fw, op(fw, *args), [a for a in args if a.requires_grad]))

        workload(f"elementwise/{name} backward", budget=BUDGET, tolerance=tolerance)(backward_of)


UNARY: dict[str, Callable] = {
    "exp": lambda fw, x: fw.T.exp(x),
    "log": lambda fw, x: fw.T.log(x),
    "sqrt": lambda fw, x: fw.T.sqrt(x),
    "erf": lambda fw, x: fw.T.erf(x),
    "tanh": lambda fw, x: fw.T.tanh(x),
    "sigmoid": lambda fw, x: fw.T.sigmoid(x),
    "relu": lambda fw, x: fw.F.relu(x),
    "silu": lambda fw, x: fw.F.silu(x),
    "gelu": lambda fw, x: fw.F.gelu(x),
    "gelu tanh": lambda fw, x: fw.F.gelu(x, approximate="tanh"),
    "sin": lambda fw, x: fw.T.sin(x),
    "leaky_relu": lambda fw, x: fw.F.leaky_relu(x),
    "softplus": lambda fw, x: fw.F.softplus(x),
    "abs": lambda fw, x: fw.T.abs(x),
    "pow 2": lambda fw, x: x**2,
    "pow 3": lambda fw, x: x**3,
    "reciprocal": lambda fw, x: 1 / x,
}
SWEPT = ("exp", "gelu", "relu", "sigmoid", "tanh")  # at every size; the others at two
POSITIVE = ("log", "sqrt", "reciprocal")

for _name, _fn in UNARY.items():
    for _label, _n in SIZES.items():
        if _name in SWEPT or _label in ("4k", "1M"):

            def _make(n: int = _n, positive: bool = _name in POSITIVE) -> list:
                x = values(n)
                return [np.abs(x) + np.float32(0.1) if positive else x]

            _op(f"{_name} {_label}", _fn, _make, backward=_label != "64")

BINARY: dict[str, Callable] = {
    "add": lambda fw, a, b: a + b,
    "mul": lambda fw, a, b: a * b,
    "div": lambda fw, a, b: a / b,
    "maximum": lambda fw, a, b: fw.T.maximum(a, b),
    "less": lambda fw, a, b: a < b,
}
LAYOUTS = {
    "100k": ((100_000,), (100_000,)),
    "1M": ((1 << 20,), (1 << 20,)),
    "16M": ((1 << 24,), (1 << 24,)),
    "1024x1024 + row": ((1024, 1024), (1024,)),
    "1024x1024 + column": ((1024, 1024), (1024, 1)),
    "32x64x28x28 + channel": ((32, 64, 28, 28), (64, 1, 1)),
    "64x10 + row": ((64, 10), (10,)),
}

for _name, _fn in BINARY.items():
    for _label, _shapes in LAYOUTS.items():
        if _name == "add" or _label in ("1M", "1024x1024 + row"):

            def _pair(shapes: tuple = _shapes) -> list:
                return [values(*shapes[0]), np.abs(values(*shapes[1], seed=1)) + np.float32(0.1)]

            _op(
                f"{_name} {_label}",
                _fn,
                _pair,
                backward=_name in ("add", "mul", "div") and _label in ("1M", "1024x1024 + row"),
            )

_op(
    "where 1M",
    lambda fw, a, b: fw.T.where(a > 0, a, b),
    lambda: [values(1 << 20), values(1 << 20, seed=1)],
    backward=True,
)
_op("clamp 1M", lambda fw, a: fw.T.clamp(a, -1.0, 1.0), lambda: [values(1 << 20)], backward=True)
_op("x * 2 + 1 1M", lambda fw, a: a * 2.0 + 1.0, lambda: [values(1 << 20)])

# --- other types ----------------------------------------------------------------------------------


def _whole(n: int, kind: str) -> Callable:
    return lambda: [np.random.default_rng(i).integers(1, 100, n).astype(kind) for i in range(2)]


for _kind in ("int8", "int32", "int64"):
    _op(f"add {_kind} 1M", lambda fw, a, b: a + b, _whole(1 << 20, _kind))
    _op(f"less {_kind} 1M", lambda fw, a, b: a < b, _whole(1 << 20, _kind))
_op("mul int32 1M", lambda fw, a, b: a * b, _whole(1 << 20, "int32"))
_op("and bool 1M", lambda fw, a, b: a & b, lambda: [values(1 << 20, seed=i) > 0 for i in range(2)])
for _name in ("exp", "gelu", "tanh"):
    _op(f"{_name} float64 100k", UNARY[_name], lambda: [values(100_000).astype(np.float64)], backward=True)
for _half in ("float16", "bfloat16"):
    for _name, _fn in (("add", lambda a: a + a), ("exp", lambda a: a.exp()), ("gelu", None)):

        def _in_half(fw: SimpleNamespace, half: str = _half, fn: Callable | None = _fn) -> tuple[Callable, Callable]:
            a = fw.tensor(values(1 << 20)).to(getattr(fw.T, half))
            return sampled(lambda: fn(a) if fn else fw.F.gelu(a))

        workload(f"elementwise/{_name} {_half} 1M", budget=BUDGET, tolerance=1e-2)(_in_half)

    def _to_half(fw: SimpleNamespace, half: str = _half) -> tuple[Callable, Callable]:
        a = fw.tensor(values(1 << 20))
        return sampled(lambda: a.to(getattr(fw.T, half)))

    workload(f"elementwise/float32 to {_half} 1M", budget=BUDGET, tolerance=1e-2)(_to_half)
