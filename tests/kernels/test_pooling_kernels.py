"""Pooling kernels against torch: values, positions and gradients over a spread of parameters."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from numtorch.dispatch.program import shared_from
from numtorch.kernels import threads
from numtorch.kernels.jit import Jit
from numtorch.ops.pooling import cpu

# n, c, h, w, kernel, stride, padding, dilation, ceil_mode
MAX_CASES = {
    "2x2": (3, 4, 26, 26, (2, 2), (2, 2), (0, 0), (1, 1), False),
    "2x2 odd": (3, 4, 11, 13, (2, 2), (2, 2), (0, 0), (1, 1), False),
    "2x2 ceil": (2, 3, 11, 13, (2, 2), (2, 2), (0, 0), (1, 1), True),
    "2x2 stride 1": (2, 3, 6, 7, (2, 2), (1, 1), (0, 0), (1, 1), False),
    "3x3 stride 2 padded": (2, 3, 11, 10, (3, 3), (2, 2), (1, 1), (1, 1), False),
    "3x3 ceil padded": (2, 3, 12, 10, (3, 3), (2, 2), (1, 1), (1, 1), True),
    "dilated": (2, 2, 12, 13, (3, 2), (1, 2), (1, 1), (2, 3), False),
    "row": (2, 3, 1, 30, (1, 3), (1, 3), (0, 1), (1, 1), False),
    "column": (2, 3, 30, 1, (4, 1), (2, 1), (0, 0), (1, 1), False),
    "whole plane": (1, 5, 7, 9, (7, 9), (1, 1), (0, 0), (1, 1), False),
    "large": (16, 8, 16, 16, (3, 3), (2, 2), (1, 1), (1, 1), False),
}

# n, c, h, w, kernel, stride, padding, ceil_mode, count_include_pad, divisor
AVERAGE_CASES = {
    "2x2": (3, 4, 26, 26, (2, 2), (2, 2), (0, 0), False, True, 0),
    "2x2 odd": (3, 4, 11, 13, (2, 2), (2, 2), (0, 0), False, False, 0),
    "2x2 divisor": (2, 2, 6, 6, (2, 2), (2, 2), (0, 0), False, True, 3),
    "2x2 ceil": (2, 3, 11, 13, (2, 2), (2, 2), (0, 0), True, True, 0),
    "3x3 padded": (2, 3, 11, 10, (3, 3), (2, 2), (1, 1), False, True, 0),
    "3x3 padded, inside only": (2, 3, 11, 10, (3, 3), (2, 2), (1, 1), False, False, 0),
    "3x3 ceil padded": (2, 3, 12, 10, (3, 3), (2, 2), (1, 1), True, True, 0),
    "3x3 ceil inside only": (2, 3, 12, 10, (3, 3), (2, 2), (1, 1), True, False, 0),
    "overlap, divisor": (2, 3, 9, 8, (3, 2), (1, 1), (1, 0), False, False, 5),
    "row": (2, 3, 1, 30, (1, 3), (1, 2), (0, 1), False, True, 0),
    "large": (16, 8, 16, 16, (3, 3), (1, 1), (1, 1), False, True, 0),
}

ADAPTIVE_CASES = {
    "whole": (4, 6, 7, 7, 1, 1),
    "divides": (2, 3, 12, 8, 3, 4),
    "uneven": (2, 3, 11, 13, 5, 7),
    "grows": (2, 3, 3, 4, 5, 7),
    "same": (1, 2, 5, 5, 5, 5),
    "large": (32, 16, 11, 11, 5, 5),
}

TOLERANCE = {"float32": 1e-6, "float64": 1e-14}


def torch_module():
    return pytest.importorskip("torch")


def values(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def launch(loop, *arrays):
    """The loop on these arrays, by the twin that a plan would choose."""
    function = loop.function
    if isinstance(function, Jit) and loop.elements < shared_from(loop.weight):
        function = function.serial
    function(*[a.reshape(-1) for a in arrays], *loop.numbers)


def run_max(x, shape, case):
    *_, kernel, stride, padding, dilation, _ceil = case
    n, c, h, w = x.shape
    ho, wo = shape
    ints = (n * c, h, w, ho, wo, *kernel, *stride, *padding, *dilation)
    out = np.full((n, c, ho, wo), 7, x.dtype)
    indices = np.full(out.shape, -7, np.int64)
    gx, scattered = np.full(x.shape, np.nan, x.dtype), np.full(x.shape, np.nan, x.dtype)
    g = values(out.shape, x.dtype, 1)
    launch(cpu.max_values(None, *ints), x, out)
    launch(cpu.max_positions(None, *ints), x, indices)
    launch(cpu.max_gradient(None, *ints), g, x, gx)
    launch(cpu.max_scatter(None, *ints), g, indices, scattered)
    return out, indices, gx, scattered


def expected_max(x, case):
    torch = torch_module()
    *_, kernel, stride, padding, dilation, ceil = case
    xt = torch.from_numpy(x.copy()).requires_grad_()
    out, indices = torch.nn.functional.max_pool2d(xt, kernel, stride, padding, dilation, ceil, return_indices=True)
    g = torch.from_numpy(values(tuple(out.shape), x.dtype, 1))
    (gx,) = torch.autograd.grad(out, xt, g)
    return out.detach().numpy(), indices.numpy(), gx.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAX_CASES)
@pytest.mark.parametrize("special", ["plain", "ties", "nan", "-inf"])
def test_max_pool_matches_torch(name, dtype, special):
    case = MAX_CASES[name]
    x = values(case[:4], dtype)
    if special == "ties":
        x = np.round(x)
    elif special == "nan":
        x[np.random.default_rng(2).random(x.shape) < 0.2] = np.nan
    elif special == "-inf":
        x[np.random.default_rng(2).random(x.shape) < 0.9] = -np.inf
    out, indices, gx = expected_max(x, case)
    got, got_indices, got_gx, scattered = run_max(x, out.shape[2:], case)
    np.testing.assert_array_equal(got, out)
    np.testing.assert_array_equal(got_indices, indices)
    np.testing.assert_allclose(got_gx, gx, atol=4 * TOLERANCE[dtype])
    np.testing.assert_allclose(scattered, gx, atol=4 * TOLERANCE[dtype])


def test_max_pool_of_a_window_without_pixels_is_minus_infinity():
    case = (1, 1, 4, 4, (2, 2), (1, 1), (1, 1), (5, 5), False)
    x = values(case[:4], "float32")
    out, at, gx, scattered = run_max(x, (1, 1), case)
    assert out.item() == -np.inf
    assert at.item() == 16
    assert not gx.any() and not scattered.any()


def run_average(x, shape, case):
    *_, kernel, stride, padding, _ceil, include_pad, divisor = case
    n, c, h, w = x.shape
    ho, wo = shape
    ints = (n * c, h, w, ho, wo, *kernel, *stride, *padding, int(include_pad), divisor)
    out = np.full((n, c, ho, wo), np.nan, x.dtype)
    gx = np.full(x.shape, np.nan, x.dtype)
    launch(cpu.means(None, *ints), x, out)
    launch(cpu.mean_gradient(None, *ints), values(out.shape, x.dtype, 1), gx)
    return out, gx


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", AVERAGE_CASES)
def test_avg_pool_matches_torch(name, dtype):
    torch = torch_module()
    case = AVERAGE_CASES[name]
    *_, kernel, stride, padding, ceil, include_pad, divisor = case
    x = values(case[:4], dtype)
    xt = torch.from_numpy(x).requires_grad_()
    out = torch.nn.functional.avg_pool2d(xt, kernel, stride, padding, ceil, include_pad, divisor or None)
    g = torch.from_numpy(values(tuple(out.shape), dtype, 1))
    (gx,) = torch.autograd.grad(out, xt, g)
    got, got_gx = run_average(x, out.shape[2:], case)
    np.testing.assert_allclose(got, out.detach().numpy(), atol=TOLERANCE[dtype])
    np.testing.assert_allclose(got_gx, gx.numpy(), atol=4 * TOLERANCE[dtype])


def run_adaptive(x, ho, wo):
    n, c, h, w = x.shape
    out = np.full((n, c, ho, wo), np.nan, x.dtype)
    gx = np.full(x.shape, np.nan, x.dtype)
    g = values(out.shape, x.dtype, 1)
    launch(cpu.adaptive(None, n * c, h, w, ho, wo), x, out)
    launch(cpu.adaptive_gradient(None, n * c, h, w, ho, wo), g, gx)
    return out, gx


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ADAPTIVE_CASES)
def test_adaptive_avg_pool_matches_torch(name, dtype):
    torch = torch_module()
    *shape, ho, wo = ADAPTIVE_CASES[name]
    x = values(tuple(shape), dtype)
    xt = torch.from_numpy(x).requires_grad_()
    out = torch.nn.functional.adaptive_avg_pool2d(xt, (ho, wo))
    (gx,) = torch.autograd.grad(out, xt, torch.from_numpy(values(tuple(out.shape), dtype, 1)))
    got, got_gx = run_adaptive(x, ho, wo)
    np.testing.assert_allclose(got, out.detach().numpy(), atol=TOLERANCE[dtype])
    np.testing.assert_allclose(got_gx, gx.numpy(), atol=4 * TOLERANCE[dtype])


def every_result(dtype="float32"):
    for case in MAX_CASES.values():
        n, c, h, w, kernel, stride, padding, dilation, ceil = case
        ho, wo = (
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip((h, w), kernel, stride, padding, dilation, strict=True)
        )
        yield from run_max(values((n, c, h, w), dtype), (ho, wo), case)
    for case in AVERAGE_CASES.values():
        n, c, h, w, kernel, stride, padding, *_ = case
        ho, wo = ((size + 2 * p - k) // s + 1 for size, k, s, p in zip((h, w), kernel, stride, padding, strict=True))
        yield from run_average(values((n, c, h, w), dtype), (ho, wo), case)
    for *shape, ho, wo in ADAPTIVE_CASES.values():
        yield from run_adaptive(values(tuple(shape), dtype), ho, wo)


def test_results_do_not_depend_on_the_number_of_threads():
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            results.append([a.tobytes() for a in every_result()])
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]


PLAIN = """
import sys; sys.path.insert(0, {here!r})
import numpy as np
import test_pooling_kernels as t
tiny = lambda cases: {{k: (1, 2, min(c[2], 7), min(c[3], 7), *c[4:]) for k, c in cases.items()}}
t.MAX_CASES = {{k: c for k, c in tiny(t.MAX_CASES).items() if k not in ("whole plane", "dilated")}}
t.AVERAGE_CASES = tiny(t.AVERAGE_CASES)
t.ADAPTIVE_CASES = tiny(t.ADAPTIVE_CASES)
for name in t.MAX_CASES:
    t.test_max_pool_matches_torch(name, "float32", "nan")
for name in t.AVERAGE_CASES:
    t.test_avg_pool_matches_torch(name, "float32")
for name in t.ADAPTIVE_CASES:
    t.test_adaptive_avg_pool_matches_torch(name, "float32")
assert "numba" not in sys.modules
"""


def test_kernels_run_as_plain_python():
    pytest.importorskip("torch")  # what the results are compared with
    here = os.path.dirname(os.path.abspath(__file__))
    env = dict(os.environ, NUMBA_DISABLE_JIT="1")
    subprocess.run([sys.executable, "-c", PLAIN.format(here=here)], env=env, check=True)
