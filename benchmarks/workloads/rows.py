"""Kernels on rows and channels: softmax, normalisations, losses, dropout; forward, and backward alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled, sampled

BUDGET = 0.8


def _row(name: str, build: Callable, *, backward: bool = True, tolerance: float = 2e-5) -> None:
    """``build(fw, leaf)`` returns a function of nothing; ``leaf(array)`` makes the tensors that want gradients."""

    def forward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        return sampled(build(fw, fw.tensor))

    workload(f"rows/{name}", budget=BUDGET, tolerance=tolerance)(forward_of)
    if backward:

        def backward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
            leaves: list[Any] = []

            def leaf(array: np.ndarray) -> Any:
                leaves.append(fw.T.tensor(array, requires_grad=True))
                return leaves[-1]

            return sampled(pulled(fw, build(fw, leaf)(), leaves))

        workload(f"rows/{name} backward", budget=BUDGET, tolerance=tolerance)(backward_of)


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


# --- softmax --------------------------------------------------------------------------------------

for _shape, _dim in (
    ((64, 10), -1),
    ((64, 1000), -1),
    ((768, 512), -1),
    ((4096, 64), -1),
    ((12, 4, 64, 64), -1),
    ((1024, 4096), -1),
    ((256, 50_000), -1),
    ((32, 21, 64, 64), 1),
):

    def _softmax(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape, dim: int = _dim) -> Callable:
        x = leaf(values(*shape))
        return lambda: fw.F.softmax(x, dim)

    def _log_softmax(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape, dim: int = _dim) -> Callable:
        x = leaf(values(*shape))
        return lambda: fw.F.log_softmax(x, dim)

    _row(f"softmax {_text(_shape)}", _softmax)
    if _shape != (256, 50_000):
        _row(f"log_softmax {_text(_shape)}", _log_softmax)

# --- normalisations -------------------------------------------------------------------------------

for _shape in ((64, 10), (768, 512), (4096, 64), (64, 1000), (512, 4096)):

    def _layer_norm(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape) -> Callable:
        x, w, b = leaf(values(*shape)), leaf(values(shape[1], seed=1)), leaf(values(shape[1], seed=2))
        return lambda: fw.F.layer_norm(x, (shape[1],), w, b)

    def _rms_norm(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape) -> Callable:
        x, w = leaf(values(*shape)), leaf(values(shape[1], seed=1))
        return lambda: fw.F.rms_norm(x, (shape[1],), w)

    _row(f"layer_norm {_text(_shape)}", _layer_norm)
    _row(f"rms_norm {_text(_shape)}", _rms_norm)

for _shape in ((4, 8, 4, 4), (32, 64, 32, 32), (64, 6, 26, 26), (64, 128), (16, 256, 8, 8)):
    for _training in (True, False):

        def _batch_norm(
            fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape, training: bool = _training
        ) -> Callable:
            c = shape[1]
            x, w, b = leaf(values(*shape)), leaf(values(c, seed=1)), leaf(values(c, seed=2))
            mean, var = fw.T.zeros(c), fw.T.ones(c)
            return lambda: fw.F.batch_norm(x, mean, var, w, b, training)

        _row(f"batch_norm {'' if _training else 'eval '}{_text(_shape)}", _batch_norm)
    if len(_shape) == 4 and _shape[1] % 4 == 0:

        def _group_norm(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape) -> Callable:
            c = shape[1]
            x, w, b = leaf(values(*shape)), leaf(values(c, seed=1)), leaf(values(c, seed=2))
            return lambda: fw.F.group_norm(x, 4, w, b)

        _row(f"group_norm {_text(_shape)}", _group_norm)

# --- losses and dropout ---------------------------------------------------------------------------

for _shape in ((64, 10), (64, 1000), (768, 65), (4096, 512), (256, 50_000)):

    def _cross_entropy(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape) -> Callable:
        x, t = leaf(values(*shape)), fw.tensor(np.random.default_rng(1).integers(0, shape[1], shape[0]))
        return lambda: fw.F.cross_entropy(x, t)

    def _nll(fw: SimpleNamespace, leaf: Callable, shape: tuple = _shape) -> Callable:
        x, t = leaf(values(*shape)), fw.tensor(np.random.default_rng(1).integers(0, shape[1], shape[0]))
        return lambda: fw.F.nll_loss(x, t)

    _row(f"cross_entropy {_text(_shape)}", _cross_entropy)
    if _shape[1] < 50_000:
        _row(f"nll_loss {_text(_shape)}", _nll)


def _segmentation(fw: SimpleNamespace, leaf: Callable) -> Callable:
    x, t = leaf(values(8, 21, 64, 64)), fw.tensor(np.random.default_rng(1).integers(0, 21, (8, 64, 64)))
    return lambda: fw.F.cross_entropy(x, t)


_row("cross_entropy 8x21x64x64", _segmentation)

for _name in ("mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits"):
    for _label, _n in (("64", 64), ("4k", 1 << 12), ("1M", 1 << 20)):

        def _loss(fw: SimpleNamespace, leaf: Callable, name: str = _name, n: int = _n) -> Callable:
            x, t = leaf(values(n)), fw.tensor(np.abs(values(n, seed=1)) % np.float32(1))
            return lambda: getattr(fw.F, name)(x, t)

        _row(f"{_name} {_label}", _loss)

for _label, _n in (("64", 64), ("4k", 1 << 12), ("100k", 100_000), ("1M", 1 << 20)):
    for _backward in (False, True):
        # The two draw different masks: only how many elements are kept is compared.
        def _dropout(fw: SimpleNamespace, n: int = _n, backward: bool = _backward) -> tuple[Callable, Callable]:
            x = fw.T.tensor(np.abs(values(n)) + np.float32(0.1), requires_grad=True)
            y = fw.F.dropout(x, 0.1)
            run = pulled(fw, y, [x]) if backward else (lambda: fw.F.dropout(x.detach(), 0.1))
            return run, lambda: np.array([float((fw.F.dropout(fw.T.ones(1 << 16), 0.1) > 0).float().mean())])

        workload(f"rows/dropout {_label}{' backward' if _backward else ''}", budget=BUDGET, tolerance=2e-2)(_dropout)
