"""Matrix products against float64 NumPy: shapes, layouts, epilogues, threads, vector lengths."""

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from numtorch.kernels import threads
from numtorch.kernels.gemm import bmm, gemm, linear

# Relative to |a| @ |b|, the scale of the rounding errors of a sum.
TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 4e-15}
LAYOUTS = list(itertools.product((False, True), (False, True)))


def operand(rng, rows, cols, transposed, dtype, batch=()):
    """A random matrix as stored, and as op(matrix) in float64."""
    stored = rng.standard_normal((*batch, cols, rows) if transposed else (*batch, rows, cols)).astype(dtype)
    seen = stored.swapaxes(-1, -2) if transposed else stored
    return stored, seen.astype(np.float64)


def assert_close(got, want, scale):
    error = np.abs(got - want)
    assert not np.isnan(got).any()
    assert (error <= TOLERANCE[got.dtype] * scale).all(), (error / np.maximum(scale, 1e-30)).max()


def check(m, n, k, ta=False, tb=False, accumulate=False, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    a, a64 = operand(rng, m, k, ta, dtype)
    b, b64 = operand(rng, k, n, tb, dtype)
    c = rng.standard_normal((m, n)).astype(dtype) if accumulate else np.full((m, n), np.nan, dtype)
    start = c.astype(np.float64) if accumulate else np.zeros((m, n))
    gemm(dtype, m, n, k, ta, tb, accumulate)(a.reshape(-1), b.reshape(-1), c.reshape(-1))
    assert_close(c, start + a64 @ b64, np.abs(start) + np.abs(a64) @ np.abs(b64))


@pytest.fixture
def thread_count():
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
def test_every_edge_up_to_forty(ta, tb, dtype):
    for size in range(1, 41):
        check(size, (size * 7) % 41 + 1, (size * 11) % 37 + 1, ta, tb, size % 2 == 0, dtype, seed=size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (64, 128, 784),
        (128, 784, 64),
        (64, 10, 128),
        (10, 128, 64),
        (97, 101, 103),
        (257, 263, 1031),
        (14, 32, 512),
        (15, 33, 513),
        (1000, 3, 7),
        (3, 1000, 7),
        (2, 2, 5000),
        (130, 600, 600),
    ],
)
def test_blocks_and_panels(m, n, k, ta, tb, dtype):
    check(m, n, k, ta, tb, False, dtype)
    check(m, n, k, ta, tb, True, dtype)


def test_random_shapes():
    rng = np.random.default_rng(7)
    for seed in range(60):
        m, n, k = (int(v) for v in rng.integers(1, 160, 3))
        ta, tb, accumulate = (bool(v) for v in rng.integers(0, 2, 3))
        check(m, n, k, ta, tb, accumulate, seed=seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (1, 1, 1),
        (1, 1, 300),
        (1, 37, 5),
        (37, 1, 5),
        (1, 3000, 61),
        (3000, 1, 61),
        (1, 61, 3000),
        (61, 1, 3000),
        (1, 700, 701),
        (700, 1, 701),
    ],
)
def test_one_row_or_column(m, n, k, ta, tb, dtype):
    check(m, n, k, ta, tb, False, dtype)
    check(m, n, k, ta, tb, True, dtype)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 5), (5, 1), (5, 7), (40, 50)])
def test_empty_sum_is_zero(m, n):
    empty = np.empty(0, np.float32)
    for ta, tb in LAYOUTS:
        c = np.full(m * n, np.nan, np.float32)
        gemm(c.dtype, m, n, 0, ta, tb, False)(empty, empty, c)
        assert (c == 0).all()
        c[:] = 3
        gemm(c.dtype, m, n, 0, ta, tb, True)(empty, empty, c)
        assert (c == 3).all()


def test_empty_result_is_left_alone():
    some, empty = np.ones(12, np.float32), np.empty(0, np.float32)
    gemm(np.float32, 0, 3, 4)(empty, some, empty)
    gemm(np.float32, 3, 0, 4)(some, empty, empty)
    bmm(np.float32, 0, 3, 4, 5)(empty, empty, empty)


def test_nan_and_infinity_propagate():
    a, b = np.zeros((20, 24), np.float32), np.ones((24, 40), np.float32)
    b[3, 5], b[4, 39] = np.nan, np.inf
    for ta, tb in LAYOUTS:
        c = np.empty(800, np.float32)
        flat = (a.T if ta else a).copy().reshape(-1), (b.T if tb else b).copy().reshape(-1)
        gemm(np.float32, 20, 40, 24, ta, tb)(*flat, c)
        c = c.reshape(20, 40)
        assert np.isnan(c[:, [5, 39]]).all()
        assert (np.delete(c, [5, 39], axis=1) == 0).all()


def test_unaligned_arrays():
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(70 * 70 + 3).astype(np.float32) for _ in "ab")
    c = np.full(70 * 70 + 6, -7, np.float32)
    gemm(np.float32, 70, 70, 70, False, True)(a[3:], b[1:-2], c[5:-1])
    want = a[3:].reshape(70, 70).astype(np.float64) @ b[1:-2].reshape(70, 70).T
    assert np.abs(c[5:-1].reshape(70, 70) - want).max() < 1e-4
    assert (c[:5] == -7).all()
    assert c[-1] == -7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ta", "tb"), LAYOUTS)
@pytest.mark.parametrize(
    ("batch", "m", "n", "k"),
    [
        (48, 64, 64, 32),
        (3, 5, 7, 11),
        (2, 150, 150, 150),
        (5, 1, 9, 20),
        (5, 9, 1, 20),
        (70, 1, 130, 17),
        (7, 33, 17, 0),
    ],
)
def test_batches_and_shared_operands(batch, m, n, k, ta, tb, dtype):
    for share_a, share_b, accumulate in itertools.product((False, True), repeat=3):
        rng = np.random.default_rng(5)
        a, a64 = operand(rng, m, k, ta, dtype, () if share_a else (batch,))
        b, b64 = operand(rng, k, n, tb, dtype, () if share_b else (batch,))
        c = rng.standard_normal((batch, m, n)).astype(dtype)
        start = c.astype(np.float64) if accumulate else np.zeros(c.shape)
        steps = 0 if share_a else m * k, 0 if share_b else k * n
        bmm(dtype, batch, m, n, k, ta, tb, *steps, accumulate)(a.reshape(-1), b.reshape(-1), c.reshape(-1))
        assert_close(c, start + a64 @ b64, np.abs(start) + np.abs(a64) @ np.abs(b64))


def test_batch_strides_default_to_dense():
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((4, 3, 5)), rng.standard_normal((4, 5, 2))
    c = np.empty((4, 3, 2))
    bmm(np.float64, 4, 3, 2, 5)(a.reshape(-1), b.reshape(-1), c.reshape(-1))
    np.testing.assert_allclose(c, a @ b, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [
        (64, 128, 784),
        (64, 10, 128),
        (5, 3, 2),
        (3, 40, 30),
        (1, 40, 30),
        (40, 1, 30),
        (33, 47, 1100),
        (3, 4, 0),
        (300, 300, 200),
    ],
)
def test_linear(m, n, k, dtype):
    rng = np.random.default_rng(8)
    x, x64 = operand(rng, m, k, False, dtype)
    w, w64 = operand(rng, k, n, True, dtype)
    for has_bias, relu in LAYOUTS:
        bias = [rng.standard_normal(n).astype(dtype)] if has_bias else []
        out = np.full((m, n), np.nan, dtype)
        linear(dtype, m, n, k, has_bias, relu)(x.reshape(-1), w.reshape(-1), *bias, out.reshape(-1))
        shift = bias[0].astype(np.float64) if has_bias else np.zeros(n)
        want = x64 @ w64 + shift
        assert_close(out, np.maximum(want, 0) if relu else want, np.abs(x64) @ np.abs(w64) + np.abs(shift))


def test_relu_keeps_nan():
    for m, n, k in [(4, 5, 3), (1, 5, 3)]:
        x, w = np.full(m * k, np.nan, np.float32), np.ones(n * k, np.float32)
        out = np.zeros(m * n, np.float32)
        linear(np.float32, m, n, k, biased=True, relu=True)(x, w, np.ones(n, np.float32), out)
        assert np.isnan(out).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("batch", "m", "n", "k"),
    [
        (1, 64, 128, 784),
        (1, 128, 784, 64),
        (1, 257, 263, 1031),
        (1, 65, 65, 65),
        (1, 1, 2000, 600),
        (1, 2000, 1, 600),
        (1, 3, 700, 600),
        (48, 64, 64, 32),
        (3, 200, 100, 100),
        (6, 1, 300, 300),
    ],
)
def test_threads_do_not_change_a_bit(batch, m, n, k, dtype, thread_count):
    rng = np.random.default_rng(9)
    for ta, tb in LAYOUTS:
        a = operand(rng, m, k, ta, dtype, (batch,))[0].reshape(-1)
        b = operand(rng, k, n, tb, dtype, (batch,))[0].reshape(-1)
        results = []
        for count in (1, 2, 3, 4):
            thread_count(count)
            c = np.full(batch * m * n, np.nan, dtype)
            bmm(dtype, batch, m, n, k, ta, tb)(a, b, c)
            results.append(c)
        for other in results[1:]:
            assert results[0].tobytes() == other.tobytes()


def test_python_threads_do_not_share_scratch():
    rng = np.random.default_rng(10)
    a, b = (rng.standard_normal(200 * 200).astype(np.float32) for _ in "ab")
    first = np.empty(200 * 200, np.float32)
    multiply = gemm(np.float32, 200, 200, 200, False, True)
    multiply(a, b, first)
    wrong = []

    def work():
        for _ in range(30):
            c = np.empty(200 * 200, np.float32)
            multiply(a, b, c)
            if c.tobytes() != first.tobytes():
                wrong.append(c)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_forked_child_multiplies():
    code = """
import os, numpy as np
from numtorch.kernels.gemm import gemm
a = np.random.default_rng(0).standard_normal(40000).astype(np.float32)
c, d = np.empty_like(a), np.empty_like(a)
multiply = gemm(np.float32, 200, 200, 200, False, True)
multiply(a, a, c)
child = os.fork()
if not child:
    multiply(a, a, d)
    os._exit(0 if c.tobytes() == d.tobytes() else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_types_are_refused():
    for make in (gemm, lambda dtype, *sizes: bmm(dtype, 3, *sizes), lambda *how: linear(*how, biased=True)):
        for dtype in (np.int32, np.float16, np.complex64):
            with pytest.raises(TypeError, match=f"float32 or float64, got {np.dtype(dtype)}"):
                make(dtype, 2, 2, 2)


SMALL_SHAPES = """
import itertools
import numpy as np
from numtorch.kernels.gemm import bmm, gemm, linear
rng = np.random.default_rng(0)
for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 4e-15)):
    for (m, n, k), ta, tb, accumulate in itertools.product(SHAPES, (0, 1), (0, 1), (0, 1)):
        a = rng.standard_normal((k, m) if ta else (m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if tb else (k, n)).astype(dtype)
        c = rng.standard_normal((m, n)).astype(dtype)
        a64, b64 = ((x.T if t else x).astype(np.float64) for x, t in ((a, ta), (b, tb)))
        want = a64 @ b64 + accumulate * c.astype(np.float64)
        scale = np.abs(a64) @ np.abs(b64) + np.abs(c)
        flat = a.reshape(-1), b.reshape(-1), c.reshape(-1)
        gemm(dtype, m, n, k, bool(ta), bool(tb), bool(accumulate))(*flat)
        assert (np.abs(c - want) <= tolerance * scale).all(), (dtype, m, n, k, ta, tb)
    x, w, bias, out = (rng.standard_normal(s).astype(dtype) for s in (6 * 9, 5 * 9, 5, 30))
    linear(dtype, 6, 5, 9, True, True)(x, w, bias, out)
    want = np.maximum(x.reshape(6, 9).astype(np.float64) @ w.reshape(5, 9).T + bias, 0)
    assert np.abs(out.reshape(6, 5) - want).max() < 1e-5
    out = np.empty(2 * 6 * 5, dtype)
    bmm(dtype, 2, 6, 5, 9, False, True, b_stride=0)(np.concatenate([x, -x]), w, out)
    assert np.array_equal(out[:30], -out[30:])
"""


def run_elsewhere(shapes, **environment):
    code = SMALL_SHAPES.replace("SHAPES", repr(shapes))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_plain_python():
    run_elsewhere([(3, 4, 5), (8, 8, 8), (7, 19, 2), (1, 6, 3), (6, 1, 3), (2, 3, 0)], NUMBA_DISABLE_JIT="1")


@pytest.mark.parametrize("bits", ["128", "256"])
def test_shorter_vectors(bits):
    run_elsewhere(
        [(64, 128, 784), (8, 8, 8), (13, 37, 29), (1, 60, 30), (60, 1, 30), (61, 10, 67), (150, 170, 90)],
        NUMTORCH_VECTOR_BITS=bits,
    )


def test_unknown_vector_length_is_refused():
    with pytest.raises(AssertionError, match="NUMTORCH_VECTOR_BITS: expected 128, 256 or 512"):
        run_elsewhere([(2, 2, 2)], NUMTORCH_VECTOR_BITS="96")


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled")
def test_second_process_compiles_nothing(tmp_path):
    code = """
import numpy as np
from numtorch.kernels import cache
from numtorch.kernels.gemm import gemm, linear
x = np.ones(64 * 784, np.float32)
linear(x.dtype, 64, 40, 784, True, True)(x, x[: 784 * 40], x[:40], np.empty(64 * 40, np.float32))
gemm(x.dtype, 10, 40, 64, True)(x[: 64 * 10], x[: 64 * 40], np.empty(400, np.float32))
print(cache.stats["misses"])
"""
    environment = os.environ | {"NUMTORCH_CACHE": str(tmp_path), "NUMTORCH_PACKS": "0"}
    misses = [
        int(
            subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    assert misses[0] > 0
    assert misses[1] == 0
