"""Ops that only move memory: copies between layouts, joins, and elements in another order."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from benchmarks.workloads import values, workload

BUDGET = 0.8


def _move(name: str, op: Callable, *shapes: tuple, budget: float = BUDGET) -> None:
    """``op(fw, *tensors)`` of random tensors."""

    def make(fw: SimpleNamespace) -> Callable:
        args = [fw.tensor(values(*s, seed=i)) for i, s in enumerate(shapes)]
        return lambda: op(fw, *args)

    workload(f"movement/{name}", budget=budget)(make)


# A size for each cost: calls (32), caches (300x300), memory (2048x2048).
for _n in (32, 300, 2048):
    _move(f"transpose {_n}x{_n}", lambda fw, x: x.t().contiguous(), (_n, _n))
_move("transpose 12x64x4x16 dims 1, 2", lambda fw, x: x.transpose(1, 2).contiguous(), (12, 64, 4, 16))
_move("NCHW to NHWC 32x64x28x28", lambda fw, x: x.permute(0, 2, 3, 1).contiguous(), (32, 64, 28, 28))
_move("NHWC to NCHW 8x224x224x3", lambda fw, x: x.permute(0, 3, 1, 2).contiguous(), (8, 224, 224, 3))
_move("every second column 1000x1000", lambda fw, x: x[:, ::2].contiguous(), (1000, 1000))
_move("crop 64x3x40x40 to 32", lambda fw, x: x[:, :, 4:36, 4:36].contiguous(), (64, 3, 40, 40))
_move("cat four 32", lambda fw, *xs: fw.T.cat(xs, 0), *[(32,)] * 4)
_move("cat four 300x300 dim 1", lambda fw, *xs: fw.T.cat(xs, 1), *[(300, 300)] * 4)
_move("cat four 1000x1000 dim 0", lambda fw, *xs: fw.T.cat(xs, 0), *[(1000, 1000)] * 4)
_move("stack four 32", lambda fw, *xs: fw.T.stack(xs), *[(32,)] * 4)
_move("flip 100k last dim", lambda fw, x: x.flip((1,)), (316, 316))
_move("roll 8x16x28x28 last dim", lambda fw, x: x.roll(3, 3), (8, 16, 28, 28))
_move("tril 1k", lambda fw, x: x.tril(), (32, 32))
_move("repeat 1k twice each", lambda fw, x: x.repeat(2, 2), (32, 32))
_move("repeat_interleave 100k last dim", lambda fw, x: x.repeat_interleave(3, 1), (316, 316))
_move("pad 8x16x28x28", lambda fw, x: fw.F.pad(x, (2, 2, 1, 1)), (8, 16, 28, 28))


def _split(fw: SimpleNamespace) -> Callable:
    x = fw.tensor(values(300, 96))
    return lambda: x.split(32, 1)


def _split_backward(fw: SimpleNamespace) -> Callable:
    x, g = fw.T.tensor(values(256, 384), requires_grad=True), [fw.tensor(values(256, 128, seed=i)) for i in range(3)]
    return lambda: fw.T.autograd.grad(x.split(128, 1), x, g)


workload("movement/split in three", budget=BUDGET)(_split)
workload("movement/split in three, there and back", budget=BUDGET)(_split_backward)
