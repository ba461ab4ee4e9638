"""Fourier transforms: single lines of all lengths, many lines, several dimensions, and windows along a signal."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.workloads import values, workload
from benchmarks.workloads.elementwise import pulled

BUDGET = 1.5
LINES = {f"2^{k}": (1 << k,) for k in (6, 8, 10, 12, 14, 16, 18, 20)} | {"1024x256": (1024, 256), "64x1000": (64, 1000)}


def _complex(*shape: int) -> np.ndarray:
    return values(*shape) + np.complex64(1j) * values(*shape, seed=1)


def _transform(name: str, op: Callable, array: Callable, backward: bool = False) -> None:
    def make(fw: SimpleNamespace) -> Callable:
        x = fw.tensor(array())
        return lambda: op(fw.T, x)

    workload(f"fourier/{name}", budget=BUDGET)(make)
    if backward:

        def backward_of(fw: SimpleNamespace) -> Callable:
            x = fw.T.tensor(array(), requires_grad=True)
            return pulled(fw, fw.T.view_as_real(op(fw.T, x)), [x])

        workload(f"fourier/{name} backward", budget=BUDGET)(backward_of)


for _label, _shape in LINES.items():
    _transform(f"fft {_label}", lambda t, x: t.fft.fft(x), lambda s=_shape: _complex(*s), _label == "1024x256")
    _transform(f"rfft {_label}", lambda t, x: t.fft.rfft(x), lambda s=_shape: values(*s), _label == "1024x256")
_transform("irfft 1024x256", lambda t, x: t.fft.irfft(x, 256), lambda: _complex(1024, 129))
_transform("fft 1009", lambda t, x: t.fft.fft(x), lambda: _complex(1009))
_transform("fft2 256x256", lambda t, x: t.fft.fft2(x), lambda: _complex(256, 256))
_transform(
    "stft 1s", lambda t, x: t.stft(x, 400, 160, window=t.hann_window(400), return_complex=True), lambda: values(16000)
)
