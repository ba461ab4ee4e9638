"""Copies between layouts, joins, and elements in another order: what only moves memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload

BUDGET = 0.8


def _move(name: str, op: Callable, *shapes: tuple, budget: float = BUDGET) -> None:
    """``op(fw, *tensors)`` of random tensors."""

    def make(fw: SimpleNamespace) -> Callable:
        args = [fw.tensor(values(*s, seed=i)) for i, s in enumerate(shapes)]
        return lambda: op(fw, *args)

    workload(f"movement/{name}", budget=budget)(make)


for _n in (32, 256, 1024, 4096):
    _move(f"transpose {_n}x{_n}", lambda fw, x: x.t().contiguous(), (_n, _n))
_move("transpose 16x64x128 dims 1, 2", lambda fw, x: x.transpose(1, 2).contiguous(), (16, 64, 128))
_move("transpose 12x64x4x16 dims 1, 2", lambda fw, x: x.transpose(1, 2).contiguous(), (12, 64, 4, 16))
_move("transpose 64x32x49 dims 0, 2", lambda fw, x: x.transpose(0, 2).contiguous(), (64, 32, 49))
for _n, _c, _h in ((32, 64, 28), (8, 3, 224), (64, 128, 7)):
    _move(f"NCHW to NHWC {_n}x{_c}x{_h}x{_h}", lambda fw, x: x.permute(0, 2, 3, 1).contiguous(), (_n, _c, _h, _h))
    _move(f"NHWC to NCHW {_n}x{_h}x{_h}x{_c}", lambda fw, x: x.permute(0, 3, 1, 2).contiguous(), (_n, _h, _h, _c))
_move("every second row 1000x1000", lambda fw, x: x[::2].contiguous(), (1000, 1000))
_move("every second column 1000x1000", lambda fw, x: x[:, ::2].contiguous(), (1000, 1000))
_move("crop 64x3x40x40 to 32", lambda fw, x: x[:, :, 4:36, 4:36].contiguous(), (64, 3, 40, 40))
_move("expand 1000x1 to 1000x1000", lambda fw, x: x.expand(1000, 1000).contiguous(), (1000, 1))
_move("copy_ into a transpose 1024x1024", lambda fw, x, y: x.t().copy_(y), (1024, 1024), (1024, 1024))

for _label, _shape in (("32", (32,)), ("300x300", (300, 300)), ("2000x2000", (2000, 2000)), ("8x64x28x28", (8, 64, 28, 28))):
    for _d in sorted({0, 1, len(_shape) - 1} & set(range(len(_shape)))):
        _move(f"cat four {_label} dim {_d}", lambda fw, *xs, d=_d: fw.T.cat(xs, d), *[_shape] * 4)
    _move(f"stack four {_label} dim 0", lambda fw, *xs: fw.T.stack(xs), *[_shape] * 4)
_move("cat sixteen 64x10 dim 0", lambda fw, *xs: fw.T.cat(xs, 0), *[(64, 10)] * 16)
_move("stack four 300x300 dim 2", lambda fw, *xs: fw.T.stack(xs, 2), *[(300, 300)] * 4)

for _label, _shape in (("1k", (32, 32)), ("100k", (316, 316)), ("4M", (2000, 2000)), ("8x16x28x28", (8, 16, 28, 28))):
    _last = len(_shape) - 1
    _move(f"flip {_label} dim 0", lambda fw, x: x.flip((0,)), _shape)
    _move(f"flip {_label} last dim", lambda fw, x, d=_last: x.flip((d,)), _shape)
    _move(f"roll {_label} dim 0", lambda fw, x: x.roll(3, 0), _shape)
    _move(f"roll {_label} last dim", lambda fw, x, d=_last: x.roll(3, d), _shape)
    _move(f"tril {_label}", lambda fw, x: x.tril(), _shape)
    _move(f"repeat {_label} twice each", lambda fw, x: x.repeat(*[2] * x.ndim), _shape)
    _move(f"repeat_interleave {_label} last dim", lambda fw, x, d=_last: x.repeat_interleave(3, d), _shape)
    _move(f"pad {_label}", lambda fw, x: fw.F.pad(x, (2, 2, 1, 1)), _shape)


def _split(fw: SimpleNamespace) -> Callable:
    x = fw.tensor(values(300, 96))
    return lambda: x.split(32, 1)


workload("movement/split in three", budget=BUDGET)(_split)


def _repeats(fw: SimpleNamespace) -> Callable:
    x, n = fw.tensor(values(1000, 64)), fw.tensor(np.random.default_rng(0).integers(0, 4, 1000))
    return lambda: x.repeat_interleave(n, 0)


workload("movement/repeat_interleave 1000x64 by a tensor", budget=BUDGET)(_repeats)
