"""Layers of sequence models, forward and backward: attention, recurrent layers, an encoder's layer; and whole steps of
small models of names."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import makemore
from benchmarks.models import set_weights
from benchmarks.workloads import workload


def normal(fw: SimpleNamespace, *shape: int, grad: bool = False) -> Any:
    """A tensor of normal numbers, the same in every framework."""
    values = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    return fw.T.tensor(values, requires_grad=grad)


def attention(
    name: str, budget: float, sizes: tuple, mask: str = "", p: float = 0.0, backward: bool = True, **how: Any
) -> None:
    """Register attention of (batch, heads, steps, width), with a mask of the kind ``mask`` or with dropout."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        q, k, v = (normal(fw, *sizes, grad=backward) for _ in "qkv")
        g = normal(fw, *sizes)
        seen = None
        if mask == "bool":
            seen = fw.T.tensor(np.random.default_rng(1).random((sizes[0], 1, sizes[2], sizes[2])) < 0.8)
        elif mask == "numbers":
            seen = normal(fw, sizes[2], sizes[2])

        def attend(p: float) -> list:
            y = fw.F.scaled_dot_product_attention(q, k, v, seen, p, **how)
            if not backward:
                return [y]
            q.grad = k.grad = v.grad = None
            y.backward(g)
            return [y, q.grad, k.grad, v.grad]

        # What dropout drops differs between the frameworks: there the values without it are compared.
        return lambda: attend(p), lambda: np.concatenate([t.detach().numpy().ravel() for t in attend(0.0)])

    workload(f"sequence/attention {name}", budget=budget, tolerance=1e-4, alone=True)(make)


LONG, SHORT = (1, 8, 2048, 64), (12, 4, 64, 32)
attention("1x8x2048x64 causal, forward", 0.8, LONG, backward=False, is_causal=True)
attention("1x8x2048x64 causal", 0.7, LONG, is_causal=True)
attention("12x4x64x32 bool mask", 1.0, SHORT, "bool")
attention("12x4x64x32 additive mask", 1.0, SHORT, "numbers")
attention("12x4x64x32 dropout", 1.0, SHORT, p=0.1)


def layer(name: str, budget: float, made: Callable, *sizes: int) -> None:
    """Register a layer, forward and backward."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        net = made(fw.nn)
        set_weights(fw, net)
        x = normal(fw, *sizes, grad=True)
        g = normal(fw, *sizes)

        def run() -> list:
            net.zero_grad()
            x.grad = None
            y = net(x)
            y = y[0] if isinstance(y, tuple) else y
            y.backward(g)
            return [y, x.grad, *[p.grad for p in net.parameters()]]

        return run, lambda: np.concatenate([t.detach().numpy().ravel() for t in run()])

    workload(f"sequence/{name}", budget=budget, tolerance=1e-4, alone=True)(make)


layer("LSTM 100x32x128", 0.5, lambda nn: nn.LSTM(128, 128), 100, 32, 128)
layer("GRU 100x32x128", 0.5, lambda nn: nn.GRU(128, 128), 100, 32, 128)
layer(
    "TransformerEncoderLayer 12x64x128",
    0.6,
    lambda nn: nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True),
    12,
    64,
    128,
)


@workload("sequence/LSTMCell 100 steps of 32x128", budget=0.5, tolerance=1e-4, alone=True)
def cells(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    """A loop in Python over the steps, forward and backward."""
    cell = fw.nn.LSTMCell(128, 128)
    set_weights(fw, cell)
    x = normal(fw, 100, 32, 128)

    def run() -> list:
        cell.zero_grad()
        h, c = fw.T.zeros(32, 128), fw.T.zeros(32, 128)
        for step in x:
            h, c = cell(step, (h, c))
        h.sum().backward()
        return [h, c, *[p.grad for p in cell.parameters()]]

    return run, lambda: np.concatenate([t.detach().numpy().ravel() for t in run()])


def names(name: str, budget: float, model: Callable) -> None:
    """Register makemore's training step: 32 names of 16 letters, AdamW."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        text = np.random.default_rng(2).integers(0, makemore.VOCABULARY, (8, 32, makemore.CONTEXT + 1))
        batches = [(fw.T.tensor(x[:, :-1]), fw.T.tensor(x[:, 1:])) for x in text]

        def trainer() -> Callable:
            net = model(fw)
            set_weights(fw, net)
            options = {"lr": 5e-4, "weight_decay": 0.01, "betas": (0.9, 0.99), "eps": 1e-8}
            opt, at = fw.optim.AdamW(net.parameters(), **options), [0]

            def step() -> Any:
                at[0] = (at[0] + 1) % len(batches)
                x, y = batches[at[0]]
                logits = net(x)
                loss = fw.F.cross_entropy(logits.view(-1, logits.size(-1)), y.reshape(-1), ignore_index=-1)
                net.zero_grad(set_to_none=True)
                loss.backward()
                opt.step()
                return loss

            return step

        def losses() -> np.ndarray:
            step = trainer()
            return np.array([step().item() for _ in range(20)])

        return trainer(), losses

    workload(f"sequence/makemore {name}", budget=budget, tolerance=1e-4, alone=True)(make)


names("RNN", 0.5, lambda fw: makemore.recurrent(fw, False))
names("GRU", 0.5, lambda fw: makemore.recurrent(fw, True))
names("Transformer", 0.5, makemore.transformer)
