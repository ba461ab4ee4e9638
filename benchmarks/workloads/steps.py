"""Whole training steps: zero_grad, forward, backward, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.workloads import workload

SGD = {"lr": 0.01, "momentum": 0.9}
ADAM = {"lr": 1e-3}
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1}


def images(batch: int, *shape: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Eight batches of random images with labels of ten classes."""
    rng = np.random.default_rng(2)
    pictures = [rng.standard_normal((batch, *shape)).astype(np.float32) for _ in range(8)]
    return [(x, rng.integers(0, 10, batch)) for x in pictures]


def characters(batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Eight batches of random characters, each with the one that follows it."""
    text = np.random.default_rng(2).integers(0, models.VOCABULARY, (8, batch, models.CONTEXT + 1))
    return [(x[:, :-1].copy(), x[:, 1:].reshape(-1).copy()) for x in text]


def torch_trainer(
    fw: SimpleNamespace, model: Callable, optimizer: str, options: dict, batches: list, dtype: str
) -> Callable:
    """A function that makes one step on the next of ``batches`` and returns its loss."""
    net = model(fw)
    models.set_weights(fw, net)
    kind = getattr(fw.T, dtype)
    net = net.to(kind)
    given = [(fw.T.tensor(x), fw.T.tensor(y)) for x, y in batches]
    given = [(x.to(kind) if x.is_floating_point() else x, y) for x, y in given]
    opt = getattr(fw.optim, optimizer)(net.parameters(), **options)
    criterion = fw.nn.CrossEntropyLoss()

    def loss_of(x: Any, y: Any) -> Any:
        return criterion(net(x), y)

    forward = fw.T.compile(loss_of) if fw.compiled else loss_of
    at = [0]

    def step() -> Any:
        i = at[0] = (at[0] + 1) % len(given)
        opt.zero_grad()
        loss = forward(*given[i])
        loss.backward()
        opt.step()
        return loss

    return step


def _step(
    name: str,
    model: Callable,
    batches: Callable,
    optimizer: str,
    options: dict,
    exact: int,
    single: int,
    tolerance: float,
    budget: dict[str, float],
) -> None:
    """Register a step whose first losses are compared: ``exact`` of them in float64, ``single`` in float32."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        made = batches()

        def trainer(dtype: str) -> Callable:
            if fw.name != "jax":
                return torch_trainer(fw, model, optimizer, options, made, dtype)
            from benchmarks import jax_steps

            return jax_steps.trainer(model.__name__, optimizer, options, models.weights(model), made, dtype)

        def losses(dtype: str, count: int) -> list[float]:
            step = trainer(dtype) if count else None
            return [step().item() for _ in range(count)] if step else []

        def check() -> np.ndarray:
            if fw.name != "jax":
                return np.array(losses("float64", exact) + losses("float32", single))
            with fw.T.enable_x64(True):
                doubles = losses("float64", exact)
            return np.array(doubles + losses("float32", single))

        return trainer("float32"), check

    budget = budget | {"jax": 1.0}
    workload(f"step/{name} {optimizer}", budget=budget, tolerance=tolerance, alone=True, rivals=tuple(budget))(make)


# Training amplifies rounding: with LeNet and Adam, torch's own float32 and float64 runs part by 0.02 within 200 steps.
# So the many steps are compared in float64, and fewer in float32.
for _optimizer, _options in (("SGD", SGD), ("Adam", ADAM)):
    _step(
        "MLP",
        models.mlp,
        lambda: images(64, 784),
        _optimizer,
        _options,
        200,
        50,
        1e-4,
        {"torch": 0.45, "torch.compile": 0.45},
    )
    _step(
        "LeNet",
        models.lenet,
        lambda: images(64, 1, 28, 28),
        _optimizer,
        _options,
        200,
        50,
        1e-4,
        {"torch": 0.35, "torch.compile": 0.35},
    )
_step(
    "ResNet-18",
    models.resnet18,
    lambda: images(32, 3, 32, 32),
    "SGD",
    SGD,
    0,
    2,
    3e-4,
    {"torch": 1.0, "torch.compile": 1.1},
)
_step("GPT", models.gpt, lambda: characters(12), "AdamW", ADAMW, 0, 10, 1e-4, {"torch": 0.7, "torch.compile": 0.7})
