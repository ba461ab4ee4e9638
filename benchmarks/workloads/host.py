"""What programs do outside of kernels: elements, rows, lists, numbers in formulas, and loaders of Python's datasets."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload


def _host(name: str, make: Callable) -> None:
    workload(f"host/{name}", budget=1.0)(make)


_FLOATS = values(1000).tolist()
_ROWS = values(30, 30).tolist()
_ARRAY = values(64)
_host("tensor(3 numbers)", lambda fw: lambda: fw.T.tensor([1.0, 2.0, 3.0]))
_host("tensor(1000 numbers)", lambda fw: lambda: fw.T.tensor(_FLOATS))
_host("tensor(30 lists)", lambda fw: lambda: fw.T.tensor(_ROWS))
_host("tensor(number)", lambda fw: lambda: fw.T.tensor(1.5))


def _of(*shape: int) -> Callable:
    """A workload of a tensor of this shape."""

    def wrap(run: Callable) -> Callable:
        def make(fw: SimpleNamespace) -> Callable:
            x = fw.T.tensor(values(*shape))
            return lambda: run(fw, x)

        return make

    return wrap


_host("50 x[i].item()", _of(1000)(lambda fw, x: [x[i].item() for i in range(50)]))
_host("50 x[i, j].item()", _of(64, 64)(lambda fw, x: [x[i, 3].item() for i in range(50)]))
_host("50 float(x[i])", _of(1000)(lambda fw, x: [float(x[i]) for i in range(50)]))
_host("for row in x", _of(64, 64)(lambda fw, x: list(x)))
_host("tolist 10", _of(10)(lambda fw, x: x.tolist()))
_host("tolist 64x64", _of(64, 64)(lambda fw, x: x.tolist()))
_host("numpy", _of(64, 64)(lambda fw, x: x.numpy()))
_host("numpy of a new view", _of(64, 64)(lambda fw, x: x[3].numpy()))
_host("from_numpy", lambda fw: lambda: fw.T.from_numpy(_ARRAY))
_host("as_tensor of an array", lambda fw: lambda: fw.T.as_tensor(_ARRAY))
_host("float(x)", _of()(lambda fw, x: float(x)))
_host("item", _of()(lambda fw, x: x.item()))
_host("clone", _of(64)(lambda fw, x: x.clone()))
_host("detach", _of(64)(lambda fw, x: x.detach()))
_host("cat 2", _of(64)(lambda fw, x: fw.T.cat([x, x])))
_host("zeros_like", _of(64)(lambda fw, x: fw.T.zeros_like(x)))
_host("ones_like", _of(64)(lambda fw, x: fw.T.ones_like(x)))
_host("x.shape, x.size(0), len(x)", _of(64, 3)(lambda fw, x: (*x.shape, x.size(0), len(x), x.dim())))
for _name in ("zeros", "ones"):
    _host(f"{_name}(64)", lambda fw, name=_name: lambda: getattr(fw.T, name)(64))
    _host(f"{_name}((8, 8))", lambda fw, name=_name: lambda: getattr(fw.T, name)((8, 8)))
_host("full((8, 8), 0.5)", lambda fw: lambda: fw.T.full((8, 8), 0.5))
_host("arange(64)", lambda fw: lambda: fw.T.arange(64))


def _drawn(draw: Callable) -> Callable:
    """A workload of results whose values differ."""

    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        return lambda: draw(fw.T), lambda: list(draw(fw.T).shape)

    return make


_host("empty(64)", _drawn(lambda T: T.empty(64)))
_host("empty(8, 8)", _drawn(lambda T: T.empty(8, 8)))
_host("rand(64)", _drawn(lambda T: T.rand(64)))
_host("randn(8, 8)", _drawn(lambda T: T.randn(8, 8)))
_host("randint(0, 10, (64,))", _drawn(lambda T: T.randint(0, 10, (64,))))
_host("randperm(64)", _drawn(lambda T: T.randperm(64)))
_host("x * 2 + 1", _of(10)(lambda fw, x: x * 2 + 1))
_host("1 - x / 255", _of(3, 32, 32)(lambda fw, x: 1 - x / 255))
_host("mean().item()", _of(1000)(lambda fw, x: x.mean().item()))


def _stacked(n: int, *shape: int) -> Callable:
    def make(fw: SimpleNamespace) -> Callable:
        listed = [fw.T.tensor(values(*shape, seed=i)) for i in range(n)]
        return lambda: fw.T.stack(listed)

    return make


def _of_tensors(fw: SimpleNamespace) -> Callable:
    listed = [fw.T.tensor(float(i)) for i in range(100)]
    return lambda: fw.T.tensor(listed)


_host("tensor(100 tensors)", _of_tensors)
_host("stack 32 of 8x8", _stacked(32, 8, 8))
_host("stack 100 numbers", _stacked(100))


def _written(write: Callable) -> Callable:
    def make(fw: SimpleNamespace) -> Callable:
        x, row = fw.T.zeros(64, 64), fw.T.tensor(values(64))

        def run() -> object:
            for i in range(50):
                write(x, i, row)
            return x

        return run

    return make


def _element(x, i, row) -> None:  # noqa: ANN001
    x[i, 3] = 0.5


def _row(x, i, row) -> None:  # noqa: ANN001
    x[i] = row


_host("50 x[i, j] = number", _written(_element))
_host("50 x[i] = row", _written(_row))


class _Samples:
    """A dataset in Python: what a sample is, is made by a function."""

    def __init__(self, make: Callable):
        self.make, self.images = make, values(512, 3, 8, 8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> object:
        return self.make(self.images[i], i)


def _loader(make: Callable) -> Callable:
    def workload_of(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        loader = fw.data.DataLoader(_Samples(lambda image, i: make(fw, image, i)), batch_size=64)

        def run() -> int:
            return sum(1 for _ in loader)

        def check() -> np.ndarray:
            return np.concatenate([np.asarray(batch[-1]) for batch in loader])

        return run, check

    return workload_of


_host("loader of tensors", _loader(lambda fw, image, i: (fw.T.from_numpy(image), i)))
_host("loader of arrays", _loader(lambda fw, image, i: (image, i)))
_host("loader of numbers", _loader(lambda fw, image, i: (float(i), (i, i + 1), i)))
