"""Convolution: forward, gradient of the input and gradient of the weight, each timed alone.

A gradient is timed as ``autograd.grad`` for one operand, on a graph that was recorded once. So neither the forward pass
nor the other gradient counts.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import values, workload

# name: (input, weight, options of conv2d, budgets of forward, input and weight gradient)
LAYERS: dict[str, tuple[tuple, tuple, dict, tuple[float, float, float]]] = {
    "LeNet 1 3x3": ((64, 1, 28, 28), (6, 1, 3, 3), {}, (0.4, 0.4, 0.4)),
    "LeNet 2 3x3": ((64, 6, 13, 13), (16, 6, 3, 3), {}, (0.4, 0.4, 0.4)),
    "LeNet 1 5x5 padded": ((64, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}, (0.4, 0.4, 0.4)),
    "LeNet 2 5x5": ((64, 6, 14, 14), (16, 6, 5, 5), {}, (0.4, 0.4, 0.4)),
    "demo 1->16 28x28": ((64, 1, 28, 28), (16, 1, 3, 3), {"padding": 1}, (0.4, 0.4, 0.4)),
    "demo 16->32 14x14": ((64, 16, 14, 14), (32, 16, 3, 3), {"padding": 1}, (0.9, 0.9, 0.9)),
    "ResNet stem 3->64 32x32": ((32, 3, 32, 32), (64, 3, 3, 3), {"padding": 1}, (0.9, 0.9, 0.9)),
    "ResNet stem 7x7 stride 2": ((4, 3, 112, 112), (64, 3, 7, 7), {"padding": 3, "stride": 2}, (1.1, 1.1, 1.1)),
    "ResNet 64 32x32": ((32, 64, 32, 32), (64, 64, 3, 3), {"padding": 1}, (0.6, 0.6, 0.6)),
    "ResNet 128 16x16": ((32, 128, 16, 16), (128, 128, 3, 3), {"padding": 1}, (0.6, 0.6, 0.6)),
    "ResNet 256 8x8": ((32, 256, 8, 8), (256, 256, 3, 3), {"padding": 1}, (0.6, 0.6, 0.6)),
    "ResNet 512 4x4": ((32, 512, 4, 4), (512, 512, 3, 3), {"padding": 1}, (0.6, 0.6, 0.6)),
    "ResNet 64->128 stride 2": ((32, 64, 32, 32), (128, 64, 3, 3), {"padding": 1, "stride": 2}, (1.1, 1.1, 1.1)),
    "ResNet 64->128 1x1 stride 2": ((32, 64, 32, 32), (128, 64, 1, 1), {"stride": 2}, (1.1, 1.1, 1.1)),
    "1x1 256->512 8x8": ((32, 256, 8, 8), (512, 256, 1, 1), {}, (0.9, 0.9, 0.9)),
    "depthwise 64 32x32": ((32, 64, 32, 32), (64, 1, 3, 3), {"padding": 1, "groups": 64}, (0.8, 0.8, 0.8)),
    "depthwise 64 32x32 stride 2": (
        (32, 64, 32, 32),
        (64, 1, 3, 3),
        {"padding": 1, "groups": 64, "stride": 2},
        (0.8, 0.8, 0.8),
    ),
    "dilated 64 32x32": ((8, 64, 32, 32), (64, 64, 3, 3), {"padding": 2, "dilation": 2}, (0.6, 0.6, 0.6)),
    "4 groups 64 32x32": ((8, 64, 32, 32), (64, 16, 3, 3), {"padding": 1, "groups": 4}, (1.0, 1.0, 1.0)),
    "one image 64 56x56": ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, (0.6, 0.6, 0.6)),
}


# Other functions of the family, in one and three dimensions and transposed: (function, input, weight, options,
# budgets).
OTHERS: dict[str, tuple[str, tuple, tuple, dict, tuple[float, float, float]]] = {
    "1d 64->64 256 k5": ("conv1d", (16, 64, 256), (64, 64, 5), {"padding": 2}, (1.0, 1.0, 1.0)),
    "3d 8->16 8x16x16": ("conv3d", (4, 8, 8, 16, 16), (16, 8, 3, 3, 3), {"padding": 1}, (1.1, 1.1, 1.1)),
    "DCGAN 128->64 8x8 transposed": (
        "conv_transpose2d",
        (16, 128, 8, 8),
        (128, 64, 4, 4),
        {"stride": 2, "padding": 1},
        (1.1, 1.1, 1.1),
    ),
    "DCGAN 64->3 16x16 transposed": (
        "conv_transpose2d",
        (16, 64, 16, 16),
        (64, 3, 4, 4),
        {"stride": 2, "padding": 1},
        (1.1, 1.1, 1.1),
    ),
}


def _thin(results: Any) -> list[np.ndarray]:
    """A few thousand of the values, spread evenly: enough to see a wrong one, little enough to send."""
    flat = [r.detach().numpy().reshape(-1) for r in (results if isinstance(results, tuple | list) else (results,))]
    return [f[:: max(1, f.size // 4093)] for f in flat]


def _parts(name: str, shape: tuple, weight: tuple, budgets: tuple[float, float, float], convolve: Callable) -> None:
    """Three workloads of one layer. ``convolve(fw, x, w)`` is the layer without bias."""
    scale = np.float32(1 / np.sqrt(np.prod(weight[1:])))

    def operands(fw: SimpleNamespace) -> tuple[Any, Any]:
        return fw.tensor(values(*shape)), fw.tensor(values(*weight, seed=1) * scale)

    def forward(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        x, w = operands(fw)
        return lambda: convolve(fw, x, w), lambda: _thin(convolve(fw, x, w))

    def gradient(of: int) -> Callable:
        def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
            pair = operands(fw)
            pair[of].requires_grad_()
            y = convolve(fw, *pair)
            g = fw.tensor(values(*y.shape, seed=2))

            def run() -> Any:
                return fw.T.autograd.grad(y, pair[of], g, retain_graph=True)

            return run, lambda: _thin(run())

        return make

    for part, budget, make in zip(
        ("forward", "input grad", "weight grad"), budgets, (forward, gradient(0), gradient(1)), strict=True
    ):
        # A gradient of the weight sums over all images and positions: rounding is relative to many terms.
        workload(f"conv/{name}, {part}", budget=budget, tolerance=1e-4 if part == "weight grad" else 1e-5)(make)


def _layer(function: str, options: dict) -> Callable:
    return lambda fw, x, w: getattr(fw.F, function)(x, w, None, **options)


for _name, (_shape, _weight, _options, _budgets) in LAYERS.items():
    _parts(_name, _shape, _weight, _budgets, _layer("conv2d", _options))
for _name, (_function, _shape, _weight, _options, _budgets) in OTHERS.items():
    _parts(_name, _shape, _weight, _budgets, _layer(_function, _options))
