"""The steps of optimizers alone, and what is done to gradients before and after one: on many small parameters, on one
large, and on those of a ResNet-18."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.workloads import values, workload

MANY, LARGE = [(1000,)] * 150, [(10_000_000,)]
OPTIMIZERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("SGD", "SGD", {}),
    ("SGD momentum", "SGD", {"momentum": 0.9}),
    ("SGD nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", "Adam", {}),
    ("Adam amsgrad", "Adam", {"amsgrad": True}),
    ("AdamW", "AdamW", {}),
    ("RMSprop", "RMSprop", {}),
    ("Adagrad", "Adagrad", {}),
    ("Adadelta", "Adadelta", {}),
    ("Adamax", "Adamax", {}),
    ("NAdam", "NAdam", {}),
    ("RAdam", "RAdam", {}),
    ("Rprop", "Rprop", {}),
    ("ASGD", "ASGD", {}),
)


def resnet18() -> list[tuple[int, ...]]:
    """The shapes of a ResNet-18's 62 parameters."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    before = 64
    for width in (64, 128, 256, 512):
        for block in range(2):
            shapes += [(width, before, 3, 3), (width,), (width,), (width, width, 3, 3), (width,), (width,)]
            if block == 0 and width != before:
                shapes += [(width, before, 1, 1), (width,), (width,)]
            before = width
    return [*shapes, (1000, 512), (1000,)]


def _parameters(fw: SimpleNamespace, shapes: list) -> list:
    made = []
    for i, shape in enumerate(shapes):
        p = fw.tensor(values(*shape, seed=i)).requires_grad_()
        p.grad = fw.tensor(values(*shape, seed=i + 1000) * 0.1)
        made.append(p)
    return made


def _sample(params: list) -> list:
    return [p.detach().reshape(-1)[:3] for p in params[:5]]


def _step(name: str, kind: str, options: dict, shapes: list, budget: float) -> None:
    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        params = _parameters(fw, shapes)
        opt = getattr(fw.optim, kind)(params, lr=1e-3, **options)

        def check() -> list:
            opt.step()
            return _sample(params)

        return opt.step, check

    workload(f"optimizer/{name}", budget=budget)(make)


for _name, _kind, _options in OPTIMIZERS:
    _step(f"{_name} 150x1k", _kind, _options, MANY, 0.35)
    _step(f"{_name} 10M", _kind, _options, LARGE, 0.9)
_step("Adam ResNet-18", "Adam", {}, resnet18(), 0.35)


def _on_gradients(name: str, run: Callable[[SimpleNamespace, list, Any], Callable], budget: float) -> None:
    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        params = _parameters(fw, MANY)
        call = run(fw, params, fw.optim.SGD(params, lr=0.1))

        def check() -> list:
            call()
            return [p.grad.reshape(-1)[:3] for p in params[:5]]

        return call, check

    workload(f"optimizer/{name} 150x1k", budget=budget)(make)


_on_gradients("clip_grad_norm_", lambda fw, ps, opt: lambda: fw.nn.utils.clip_grad_norm_(ps, 1.0), 0.35)
_on_gradients("clip_grad_value_", lambda fw, ps, opt: lambda: fw.nn.utils.clip_grad_value_(ps, 1.0), 0.35)
_on_gradients("zero_grad to zeros", lambda fw, ps, opt: lambda: opt.zero_grad(set_to_none=False), 0.35)
