"""Matrix products: the shapes of training, cubes, batches, ``linear`` with an epilogue, float64 and bfloat16.

NN is ``a @ b``, TN ``a.T @ b``, NT ``a @ b.T``; sizes are m x k x n.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.workloads import values, workload

EVEN = 1.0
LARGE = 1 / 0.97  # cubes from 512 on
SMALL = 1 / 1.5  # below 64 cubed
HALF = 1 / 1.2  # bfloat16


def sample(run: Callable) -> Callable:
    """Rows of a large result: enough to compare, and quick to send."""

    def check() -> Any:
        out = run().detach().float()
        return out[:: max(1, out.shape[0] // 61)]

    return check


def _product(
    label: str, layout: str, m: int, k: int, n: int, budget: float, dtype: str = "float32", batch: int = 0
) -> None:
    lead = (batch,) if batch else ()

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        a = fw.tensor(values(*lead, *((k, m) if layout[0] == "T" else (m, k)))).to(getattr(fw.T, dtype))
        b = fw.tensor(values(*lead, *((n, k) if layout[1] == "T" else (k, n)), seed=1)).to(getattr(fw.T, dtype))
        a = a.transpose(-1, -2) if layout[0] == "T" else a
        b = b.transpose(-1, -2) if layout[1] == "T" else b

        def run() -> Any:
            return a @ b

        return run, sample(run)

    tolerance = {"float32": 1e-5, "float64": 1e-13, "bfloat16": 1e-2}[dtype]
    size = f"{batch}x({m}x{k}x{n})" if batch else f"{m}x{k}x{n}"
    workload(f"gemm/{label} {layout} {size}", budget=budget, tolerance=tolerance)(make)


for _layout, _m, _k, _n in (
    ("NN", 64, 784, 128),
    ("TN", 784, 64, 128),
    ("NT", 64, 128, 784),
    ("NN", 64, 128, 10),
    ("TN", 128, 64, 10),
    ("NT", 64, 10, 128),
):
    _product("training", _layout, _m, _k, _n, EVEN)
for _m, _k, _n in ((768, 128, 512), (4096, 384, 1536)):
    for _layout in ("NN", "NT"):
        _product("layer", _layout, _m, _k, _n, EVEN)
# A small transformer's step, 12 sequences of 64 tokens of 128 numbers: forward, to the input, to the weight.
for _layout, _m, _k, _n in (
    ("NT", 768, 128, 384),
    ("NT", 768, 512, 128),
    ("NN", 768, 384, 128),
    ("NN", 768, 512, 128),
    ("TN", 384, 768, 128),
    ("TN", 512, 768, 128),
    ("TN", 128, 768, 512),
):
    _product("transformer", _layout, _m, _k, _n, EVEN)
for _size in (16, 32, 48):
    for _layout in ("NN", "TN", "NT"):
        _product("cube", _layout, _size, _size, _size, SMALL)
for _size in (64, 128, 256, 512, 1024, 2048):
    for _layout in ("NN", "TN", "NT"):
        _product("cube", _layout, _size, _size, _size, LARGE if _size >= 512 else EVEN)
for _layout, _m, _k, _n in (
    ("NN", 64, 32, 64),
    ("NT", 64, 32, 64),
    ("NT", 64, 64, 32),
    ("NN", 64, 64, 32),
    ("TN", 64, 64, 32),
):
    _product("batched", _layout, _m, _k, _n, EVEN, batch=48)
_product("batched", "NN", 256, 256, 64, EVEN, batch=16)
_product("batched", "NT", 256, 64, 256, EVEN, batch=16)
for _layout, _m, _k, _n in (
    ("NN", 64, 784, 128),
    ("TN", 784, 64, 128),
    ("NT", 64, 128, 784),
    ("NN", 512, 512, 512),
    ("NN", 1024, 1024, 1024),
):
    _product("float64", _layout, _m, _k, _n, LARGE if _m >= 512 else EVEN, "float64")
for _size in (256, 512, 1024, 2048):
    _product("bfloat16", "NN", _size, _size, _size, HALF, "bfloat16")
for _layout in ("TN", "NT"):
    _product("bfloat16", _layout, 512, 512, 512, HALF, "bfloat16")


def _linear(activation: str, m: int, k: int, n: int, dtype: str = "float32") -> None:
    """``linear`` with its activation: ours in one call, torch's in the two that its users write."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        x, w, b = (
            fw.tensor(values(*shape, seed=i)).to(getattr(fw.T, dtype)) for i, shape in enumerate(((m, k), (n, k), (n,)))
        )
        act = {
            "none": lambda y: y,
            "relu": fw.F.relu,
            "gelu": fw.F.gelu,
            "silu": fw.F.silu,
            "gelu_tanh": lambda y: fw.F.gelu(y, approximate="tanh"),
        }[activation]

        def run() -> Any:
            if fw.name == "torch" or activation == "none":
                return act(fw.F.linear(x, w, b))
            return fw.F.linear(x, w, b, activation=activation)

        return run, sample(run)

    name = (
        "gemm/linear" + (f"+{activation}" if activation != "none" else "") + ("" if dtype == "float32" else f" {dtype}")
    )
    workload(
        f"{name} {m}x{k}x{n}",
        budget=HALF if dtype == "bfloat16" else EVEN,
        tolerance=1e-2 if dtype == "bfloat16" else 1e-5,
    )(make)


for _activation in ("none", "relu", "gelu", "gelu_tanh", "silu"):
    _linear(_activation, 64, 784, 128)
    _linear(_activation, 768, 128, 512)
_linear("none", 512, 512, 512, "bfloat16")
