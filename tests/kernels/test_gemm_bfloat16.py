"""Products of bfloat16 pairs against float64 NumPy, and their vector code against its meaning in plain Python."""

import itertools

import numpy as np
import pytest

from numtorch.kernels import threads
from numtorch.kernels.gemm.tile import narrow_rows, pair_rows
from numtorch.kernels.gemm.variants import multiplies_pairs, variants
from numtorch.kernels.jit import jit

pytestmark = pytest.mark.skipif(
    not multiplies_pairs(), reason="this processor has no instruction for pairs of bfloat16"
)
LAYOUTS = list(itertools.product((False, True), (False, True)))


def halves(x):
    """float32 that bfloat16 holds exactly, as its upper 16 bits."""
    return (np.ascontiguousarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def widened(u):
    return (np.asarray(u).astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def product(batch, m, n, k, ta, tb, a_shared=False, b_shared=False, bias=False, wide=False, seed=0):
    """The result as float64, what it should be, and the scale of its errors."""
    from numtorch.kernels.gemm import bfloat16

    rng = np.random.default_rng(seed)
    a = halves(rng.standard_normal(((1 if a_shared else batch), *((k, m) if ta else (m, k)))))
    b = halves(rng.standard_normal(((1 if b_shared else batch), *((n, k) if tb else (k, n)))))
    shift = [rng.standard_normal(n).astype(np.float32)] if bias else []
    c = np.full(batch * m * n, 0x7FC0 if not wide else np.nan, np.float32 if wide else np.uint16)
    steps = [0 if shared else None for shared in (a_shared, b_shared)]
    multiply = bfloat16.bmm(batch, m, n, k, ta, tb, *steps, biased=bias, narrow=not wide)
    multiply(a.reshape(-1), b.reshape(-1), *shift, c)
    x, y = widened(a), widened(b)
    x, y = x.swapaxes(1, 2) if ta else x, y.swapaxes(1, 2) if tb else y
    got = (c.astype(np.float64) if wide else widened(c)).reshape(batch, m, n)
    return got, x @ y + (shift[0] if bias else 0), np.abs(x) @ np.abs(y) + 1


@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (1, 1, 1),
        (5, 3, 7),
        (28, 32, 64),
        (14, 47, 65),
        (56, 320, 128),
        (28, 47, 0),
        (1, 40, 30),
        (42, 1, 31),
        (140, 303, 302),
        (1120, 47, 1201),
    ],
)
def test_layouts_and_blocks(m, n, k, ta, tb):
    for wide in (False, True):
        got, want, scale = product(1, m, n, k, ta, tb, wide=wide, bias=wide == (m % 2 == 0))
        assert (
            np.abs(got - want) <= (2e-6 if wide else 0) * scale + (0 if wide else 2.0**-8 * np.abs(want) + 1e-5 * scale)
        ).all()


@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_batches(ta, tb):
    for a_shared, b_shared in LAYOUTS:
        got, want, scale = product(6, 33, 40, 21, ta, tb, a_shared, b_shared)
        assert (np.abs(got - want) <= 2.0**-8 * np.abs(want) + 1e-5 * scale).all()


def test_threads_do_not_change_a_bit():
    before = threads.get_num_threads()
    try:
        shapes = [(1, 56, 96, 1300), (5, 28, 32, 66), (1, 2044, 32, 1100)]
        for (batch, m, n, k), (ta, tb) in itertools.product(shapes, [(False, False), (True, True)]):
            results = []
            for count in (1, 2, 4):
                threads.set_num_threads(count)
                results.append(product(batch, m, n, k, ta, tb)[0])
            assert all(np.array_equal(results[0], other) for other in results[1:])
    finally:
        threads.set_num_threads(before)


@jit(needs="numtorch.kernels.gemm.calls")
def compiled_pairs(table, x, x0, x_step, out, out0, out_step, rows, cols):
    pair_rows(table, x, x0, x_step, out, out0, out_step, rows, cols)


@jit(needs="numtorch.kernels.gemm.calls")
def compiled_narrowing(table, x, x0, x_step, out, out0, out_step, rows, cols):
    narrow_rows(table, x, x0, x_step, out, out0, out_step, rows, cols)


def test_pairs_mean_what_plain_python_says():
    rng = np.random.default_rng(1)
    micro = variants(False, pairs=True)
    x = rng.integers(0, 1 << 16, 400).astype(np.uint16)
    for rows, cols in itertools.product((1, 2, 5), (1, micro.registers.lanes, micro.registers.strip - 1)):
        micro.need_pairs(cols)
        results = []
        for run in (compiled_pairs, pair_rows):
            out = np.zeros(400, np.uint16)
            run(micro.address, x, 3, 45, out, 2, 66, rows, cols)
            results.append(np.stack([out[2 + 66 * i :][: 2 * cols] for i in range((rows + 1) // 2)]))
        assert np.array_equal(*results)


def test_narrowing_means_what_plain_python_says():
    rng = np.random.default_rng(2)
    micro = variants(False, pairs=True)
    micro.need_narrow()
    x = rng.standard_normal(300).astype(np.float32)
    x[:8] = 0.0, -0.0, np.inf, -np.inf, 3.3895314e38, -3.3895314e38, 1.00390625, 1.01171875  # the last two are ties
    results = []
    for run in (compiled_narrowing, narrow_rows):
        out = np.zeros(300, np.uint16)
        run(micro.address, x.view(np.uint16), 0, 100, out, 1, 51, 5, 43)
        results.append(out)
    assert np.array_equal(*results)
    x[:] = np.nan
    compiled_narrowing(micro.address, x.view(np.uint16), 0, 100, out, 0, 43, 1, 43)
    assert np.isnan(widened(out[:43])).all()
