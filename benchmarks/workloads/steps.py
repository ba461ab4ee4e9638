"""Whole training steps: zero_grad, forward, backward, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import workload


def mlp(fw: SimpleNamespace) -> Any:
    """784-128-10."""
    return fw.nn.Sequential(fw.nn.Linear(784, 128), fw.nn.ReLU(), fw.nn.Linear(128, 10))


def lenet(fw: SimpleNamespace) -> Any:
    """The LeNet of PyTorch's introductory tutorial."""
    nn = fw.nn
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def set_weights(fw: SimpleNamespace, net: Any) -> None:
    """The same weights in either framework."""
    rng = np.random.default_rng(1)
    with fw.T.no_grad():
        for p in net.parameters():
            bound = 1 / np.sqrt(max(1, int(np.prod(p.shape[1:]))))
            p.copy_(fw.T.tensor(rng.uniform(-bound, bound, tuple(p.shape)).astype(np.float32)))


def _step(name: str, model: Callable, shape: tuple[int, ...], optimizer: str, budget: float) -> None:
    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        rng = np.random.default_rng(2)
        inputs = [fw.T.tensor(rng.standard_normal((64, *shape)).astype(np.float32)) for _ in range(8)]
        labels = [fw.T.tensor(rng.integers(0, 10, 64)) for _ in range(8)]
        loss_of = fw.nn.CrossEntropyLoss()

        def trainer(dtype: Any) -> Callable:
            net = model(fw)
            set_weights(fw, net)
            net = net.to(dtype)
            images = [x.to(dtype) for x in inputs]
            opt = fw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9) if optimizer == "SGD" else fw.optim.Adam(net.parameters())
            at = [0]

            def step() -> Any:
                i = at[0] = (at[0] + 1) % 8
                opt.zero_grad()
                loss = loss_of(net(images[i]), labels[i])
                loss.backward()
                opt.step()
                return loss

            return step

        def check() -> np.ndarray:
            # Training amplifies rounding: with LeNet and Adam, torch's own float32 and float64 runs part by 0.02
            # within 200 steps. So 200 steps are compared in float64, and the first 50 in float32.
            exact, single = trainer(fw.T.float64), trainer(fw.T.float32)
            return np.array([exact().item() for _ in range(200)] + [single().item() for _ in range(50)])

        return trainer(fw.T.float32), check

    workload(f"step/{name} {optimizer}", budget=budget, tolerance=1e-4, alone=True)(make)


for _optimizer in ("SGD", "Adam"):
    _step("MLP", mlp, (784,), _optimizer, 0.45)
    _step("LeNet", lenet, (1, 28, 28), _optimizer, 0.35)
