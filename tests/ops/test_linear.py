"""Products of 16-bit types, precision of float32 products, activations in ``linear``, NumPy's BLAS."""

import math

import numpy as np
import pytest

import numtorch as torch
from numtorch.kernels.gemm.variants import multiplies_pairs
from numtorch.ops import linear, matmul_numpy

F = torch.nn.functional
HALVES = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}  # half a unit in the last place, relative
SHAPES = [
    ((5, 7), (7, 3)),
    ((33, 130), (130, 47)),
    ((1, 9), (9, 1)),
    ((3, 5, 7), (3, 7, 4)),
    ((2, 3, 5, 7), (7, 4)),
    ((4, 1, 6, 8), (3, 8, 5)),
    ((3, 0), (0, 2)),
    ((0, 3), (3, 2)),
    ((300, 200), (200, 100)),
]


def random(*shape, seed=0, dtype=torch.float32):
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32)).to(dtype)


def columns_first(x):
    return x.transpose(-1, -2).contiguous().transpose(-1, -2)


def exact(x):
    return x.detach().double().numpy()


@pytest.mark.parametrize("dtype", HALVES, ids=lambda d: d.name)
@pytest.mark.parametrize(("sx", "sy"), SHAPES)
def test_half_products_are_rounded_once(sx, sy, dtype):
    a, b = random(*sx, dtype=dtype), random(*sy, seed=1, dtype=dtype)
    want, scale = exact(a) @ exact(b), np.abs(exact(a)) @ np.abs(exact(b))
    for x in (a, columns_first(a)):
        for y in (b, columns_first(b)):
            out = x @ y
            assert out.dtype is dtype
            assert (np.abs(exact(out) - want) <= HALVES[dtype] * np.abs(want) + 1e-6 * scale).all()


@pytest.mark.parametrize("dtype", HALVES, ids=lambda d: d.name)
@pytest.mark.parametrize("kernel", [None, "widened"])
def test_half_linear_and_its_gradients(kernel, dtype):
    x, w, b = (random(*s, seed=i, dtype=dtype) for i, s in enumerate(((2, 9, 33), (21, 33), (21,))))
    for t in (x, w, b):
        t.requires_grad_()
    if kernel:
        with torch.kernels.use(F.linear, kernel), torch.kernels.use(torch.matmul, kernel):
            F.linear(x, w, b).backward(torch.ones(2, 9, 21, dtype=dtype))
            out = F.linear(x, w, b)
    else:
        out = F.linear(x, w, b)
        out.backward(torch.ones(2, 9, 21, dtype=dtype))
    ones = np.ones((18, 21))
    tolerance = 2 * HALVES[dtype]
    for got, want in (
        (out, exact(x) @ exact(w).T + exact(b)),
        (x.grad, (ones @ exact(w)).reshape(2, 9, 33)),
        (w.grad, ones.T @ exact(x).reshape(18, 33)),
        (b.grad, np.full(21, 18.0)),
    ):
        assert np.abs(exact(got) - want).max() <= tolerance * np.abs(want).max()


@pytest.mark.skipif(not multiplies_pairs(), reason="this processor has no instruction for pairs of bfloat16")
def test_pairs_are_the_same_for_any_number_of_threads():
    a, b = random(300, 301, dtype=torch.bfloat16), random(301, 310, seed=1, dtype=torch.bfloat16)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append((a @ b).float().numpy())
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(results[0], r) for r in results[1:])
    assert torch.kernels.explain(torch.matmul, a, b).count("-> bfloat16_pairs") == 1


@pytest.fixture
def medium():
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


def test_medium_precision_rounds_operands(medium):
    assert torch.get_float32_matmul_precision() == "medium"
    x, w, b = random(80, 70).requires_grad_(), random(90, 70, seed=1).requires_grad_(), random(90, seed=2)
    rough, linear = x @ w.T, F.linear(x, w, b)
    linear.sum().backward()
    rounded = multiplies_pairs()
    a, c = (exact(t.bfloat16() if rounded else t) for t in (x, w))
    ones = np.ones((80, 90))
    for got, want in ((rough, a @ c.T), (linear, a @ c.T + exact(b)), (x.grad, ones @ c), (w.grad, ones.T @ a)):
        assert got.dtype is torch.float32
        np.testing.assert_allclose(exact(got), want, rtol=1e-4, atol=1e-4)
    small = x[:4] @ w[:4].T  # not worth rounding
    np.testing.assert_allclose(exact(small), exact(x)[:4] @ exact(w)[:4].T, rtol=1e-4, atol=1e-5)
    torch.set_float32_matmul_precision("high")
    np.testing.assert_allclose(exact(x @ w.T), exact(x) @ exact(w).T, rtol=1e-4, atol=1e-5)


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="expected 'highest', 'high' or 'medium', got 'low'"):
        torch.set_float32_matmul_precision("low")


ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_that_of_the_op(activation):
    """Panels, several blocks of k, parts of columns, one row, one column, nothing to sum."""
    assert set(ACTIVATIONS) == set(linear.ACTIVATIONS)
    for dtype, tolerance in ((torch.float32, 2e-5), (torch.float64, 1e-12)):
        for m, k, n in ((1, 5, 3), (5, 3, 1), (2, 40, 30), (64, 130, 50), (100, 300, 600), (3, 0, 4)):
            x, w, b = (random(*s, seed=i, dtype=dtype) * 0.3 for i, s in enumerate(((m, k), (n, k), (n,))))
            for bias in (b, None):
                got, want = F.linear(x, w, bias, activation=activation), ACTIVATIONS[activation](F.linear(x, w, bias))
                assert got.shape == want.shape
                assert (got - want).abs().max() <= tolerance


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_differentiable_twice(activation):
    x, w, b = (random(*s, seed=i, dtype=torch.float64).requires_grad_() for i, s in enumerate(((3, 4), (5, 4), (5,))))
    assert torch.autograd.gradcheck(lambda *t: F.linear(*t, activation=activation), (x, w, b))
    assert torch.autograd.gradgradcheck(lambda *t: F.linear(*t, activation=activation), (x, w, b))


def test_relu_keeps_nan_and_its_gradient_at_zero_is_zero():
    x, w = torch.tensor([[1.0, math.nan]], requires_grad=True), torch.eye(2)
    assert torch.isnan(F.linear(x, w, activation="relu")).all()
    x = torch.tensor([[0.0, 2.0]], requires_grad=True)
    F.linear(x, w, activation="relu").sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0]]


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="expected activation to be one of 'relu', .*, got 'swish'"):
        F.linear(torch.ones(1, 2), torch.ones(3, 2), activation="swish")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=lambda d: d.name)
def test_numpy_multiplies_on_one_thread(dtype):
    for sx, sy in SHAPES:
        x, y = random(*sx, dtype=dtype), columns_first(random(*sy, seed=1, dtype=dtype))
        with torch.kernels.use(torch.matmul, "numpy"):
            got = x @ y
        np.testing.assert_allclose(got.numpy(), exact(x) @ exact(y), rtol=1e-4, atol=1e-4)
    with torch.kernels.use(torch.matmul, "numpy"), pytest.raises(RuntimeError, match="do not broadcast"):
        torch.ones(2, 3, 4) @ torch.ones(3, 4, 5)
    assert isinstance(matmul_numpy.limit_blas(), bool)


def test_transposed_and_sliced_operands():
    """What lies as a transpose is read in place, what lies otherwise is copied; a shape seen before takes a shorter
    way."""
    base = random(40, 40)
    for _ in range(2):
        for x in (base, base.T, base[:16, :16], base[3:20].T, base[::2, 1:21], base[:, :1].T):
            for y in (base, base.T, base[:16, 4:20], base[::2, ::2].T):
                k = min(x.shape[1], y.shape[0])
                got = x[:, :k] @ y[:k]
                np.testing.assert_allclose(got.numpy(), exact(x[:, :k]) @ exact(y[:k]), rtol=1e-4, atol=1e-4)
