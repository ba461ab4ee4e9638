"""Memory-bound ops on arrays much larger than the caches; ``python -m benchmarks.bandwidth`` measures them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled, sampled

BUDGET = 0.9
N = 1 << 25  # elements of an operand: 128 MB of float32, as cores may have caches of 32 MB each


def large(*shape: int) -> np.ndarray:
    """Normal numbers that repeat after a million: making so many would take longer than what is timed."""
    return np.resize(values(1 << 20), shape)


def _op(name: str, op: Callable, *shapes: tuple, backward: bool = False, whole: tuple = ()) -> None:
    """``op(fw, *tensors)``, and its gradient in them; ``whole`` are arrays of positions that come after them."""

    def forward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        args = [fw.tensor(large(*s)) for s in shapes] + [
            fw.tensor(np.random.default_rng(5).integers(0, most, s)) for s, most in whole
        ]
        return sampled(lambda: op(fw, *args))

    workload(f"bandwidth/{name}", budget=BUDGET, tolerance=2e-5)(forward_of)
    if backward:

        def backward_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
            leaves = [fw.T.tensor(large(*s), requires_grad=True) for s in shapes]
            positions = [fw.tensor(np.random.default_rng(5).integers(0, most, s)) for s, most in whole]
            return sampled(pulled(fw, op(fw, *leaves, *positions), leaves))

        workload(f"bandwidth/{name} backward", budget=BUDGET, tolerance=5e-5)(backward_of)


FLAT, SQUARE, ROWS, IMAGES = (N,), (4096, 8192), (32768, 1024), (128, 64, 64, 64)

_op("relu", lambda fw, x: fw.F.relu(x), FLAT, backward=True)
_op("square", lambda fw, x: fw.T.square(x), FLAT)
_op("exp", lambda fw, x: fw.T.exp(x), FLAT)
_op("clamp", lambda fw, x: fw.T.clamp(x, -1.0, 1.0), FLAT)
_op("add", lambda fw, x, y: x + y, FLAT, FLAT)
_op("mul", lambda fw, x, y: x * y, FLAT, FLAT, backward=True)
_op("add, out=", lambda fw, x, y, out: fw.T.add(x, y, out=out), FLAT, FLAT, FLAT)
_op("mul in place", lambda fw, x: x.mul_(1.0), FLAT)
_op("add in place", lambda fw, x, y: x.add_(y), FLAT, FLAT)
_op("add a row", lambda fw, x, y: x + y, SQUARE, (8192,))
_op("add a column", lambda fw, x, y: x + y, SQUARE, (4096, 1))
_op("add to channels", lambda fw, x, y: x + y, IMAGES, (64, 1, 1))
_op("float32 to bfloat16", lambda fw, x: x.to(fw.T.bfloat16), FLAT)

_op("clone", lambda fw, x: x.clone(), FLAT)
_op("transpose", lambda fw, x: x.t().contiguous(), SQUARE)
_op("NCHW to NHWC", lambda fw, x: x.permute(0, 2, 3, 1).contiguous(), IMAGES)

for _name in ("sum", "amax"):

    def _reduced(fw: SimpleNamespace, x: Any, name: str = _name, dim: Any = ()) -> Any:
        return getattr(fw.T, name)(x, dim)

    _op(f"{_name} of all", _reduced, FLAT)
    for _label, _shape, _dim in (
        ("rows", ROWS, 1),
        ("columns", ROWS, 0),
        ("the middle", (64, 1024, 512), 1),
        ("narrow rows", (1 << 20, 32), 1),
    ):
        _op(f"{_name} of {_label}", lambda fw, x, f=_reduced, d=_dim: f(fw, x, dim=d), _shape)
_op("var of rows", lambda fw, x: x.var(1), ROWS, backward=True)
_op("argmax of rows", lambda fw, x: x.argmax(1), ROWS)
_op("argmax of columns", lambda fw, x: x.argmax(0), ROWS)
_op("cumsum of rows", lambda fw, x: x.cumsum(1), ROWS)
_op("cumsum of columns", lambda fw, x: x.cumsum(0), ROWS)

_op("softmax", lambda fw, x: fw.F.softmax(x, -1), ROWS, backward=True)
_op("log_softmax", lambda fw, x: fw.F.log_softmax(x, -1), ROWS, backward=True)
_op("layer_norm", lambda fw, x, w, b: fw.F.layer_norm(x, (1024,), w, b), ROWS, (1024,), (1024,), backward=True)
_op("rms_norm", lambda fw, x, w: fw.F.rms_norm(x, (1024,), w), ROWS, (1024,), backward=True)
_op(
    "batch_norm",
    lambda fw, x, w, b: fw.F.batch_norm(x, None, None, w, b, training=True),
    IMAGES,
    (64,),
    (64,),
    backward=True,
)
_op("cross_entropy", lambda fw, x, t: fw.F.cross_entropy(x, t), ROWS, backward=True, whole=(((32768,), 1024),))
_op("embedding", lambda fw, w, i: fw.F.embedding(i, w), (131072, 256), whole=(((131072,), 131072),))
_op("gather", lambda fw, x, i: x.gather(1, i), ROWS, whole=(((32768, 512), 1024),))


@workload("bandwidth/dropout", budget=BUDGET, tolerance=2e-3)
def _dropout(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    x = fw.tensor(large(N))
    run = lambda: fw.F.dropout(x, 0.5)  # noqa: E731
    return run, lambda: (run() == 0).float().mean()  # the frameworks draw other numbers, but as many
