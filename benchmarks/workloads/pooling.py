"""Pooling: forward, and forward with the gradient.

The gradient alone cannot be compared: PyTorch writes positions of maxima in the forward pass; we find them again in the
    gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.workloads import values, workload

# name: (function, input, arguments)
LAYERS: dict[str, tuple[str, tuple, tuple]] = {
    "max 2x2 LeNet 1": ("max_pool2d", (64, 6, 26, 26), (2,)),
    "max 2x2 LeNet 2": ("max_pool2d", (64, 16, 11, 11), (2,)),
    "max 2x2 8x8": ("max_pool2d", (64, 16, 8, 8), (2,)),
    "max 2x2 32x32": ("max_pool2d", (32, 64, 32, 32), (2,)),
    "max 3x3 stride 2": ("max_pool2d", (32, 64, 16, 16), (3, 2, 1)),
    "mean 2x2 32x32": ("avg_pool2d", (32, 64, 32, 32), (2,)),
    "mean 3x3": ("avg_pool2d", (32, 64, 16, 16), (3, 1, 1)),
    "mean of everything 4x4": ("adaptive_avg_pool2d", (32, 512, 4, 4), (1,)),
    "adaptive mean 7x7": ("adaptive_avg_pool2d", (8, 64, 14, 14), (7,)),
}


def _parts(name: str, function: str, shape: tuple, arguments: tuple) -> None:
    def forward(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        x, pool = fw.tensor(values(*shape)), getattr(fw.F, function)
        return lambda: pool(x, *arguments), lambda: [pool(x, *arguments).numpy()]

    def both(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        x, pool = fw.tensor(values(*shape)), getattr(fw.F, function)
        x.requires_grad_()
        g = fw.tensor(values(*pool(x, *arguments).shape, seed=2))

        def run() -> Any:
            return fw.T.autograd.grad(pool(x, *arguments), x, g)

        return run, lambda: [run()[0].numpy()]

    for part, make in (("forward", forward), ("with gradient", both)):
        workload(f"pooling/{name}, {part}", budget=0.8)(make)


for _name, (_function, _shape, _arguments) in LAYERS.items():
    _parts(_name, _function, _shape, _arguments)
