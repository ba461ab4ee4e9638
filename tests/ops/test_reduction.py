"""Reductions in every form: over neighbours and not, of permuted tensors, in blocks, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import numtorch as torch
from numtorch.kernels.jit import disabled

CASES = [
    ((3, 5, 4, 2), (0, 2)),
    ((3, 5, 4, 2), (0, 1, 3)),
    ((3, 1, 4), (0, 2)),
    ((9000,), None),
    ((3, 9000), 1),
    ((700, 3), 0),
    ((3, 300, 5), 1),
    ((2, 3, 600), 1),
    ((40000, 2), 0),
    ((0, 3), 0),
    ((3, 0), 1),
]


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_over_any_dimensions(shape, dim):
    a = random(*shape)
    x = torch.tensor(a)
    np.testing.assert_allclose(torch.sum(x, dim).numpy(), a.astype(np.float64).sum(dim), rtol=1e-5, atol=1e-4)
    if a.size:
        np.testing.assert_allclose(torch.mean(x, dim).numpy(), a.astype(np.float64).mean(dim), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(torch.amax(x, () if dim is None else dim).numpy(), a.max(dim))
        np.testing.assert_array_equal(torch.any(x > 2, dim).numpy(), (a > 2).any(dim))


@pytest.mark.parametrize(("shape", "dim"), [((1_000_000,), 0), ((100_000, 10), 0), ((10, 100_000), 1)])
def test_sums_of_single_precision_round_about_once(shape, dim):
    if disabled():  # plain Python is slow, and adds up a block one by one, where vectors have 32 sums
        shape = tuple([max(n // 50, 1) if i == dim else n for i, n in enumerate(shape)])
    for of, most in ((np.full(shape, 0.1), 4e-7), (np.random.default_rng(0).random(shape), 2e-7)):
        most *= 100 if disabled() else 1
        x = of.astype(np.float32)
        for f in ("sum", "mean"):
            want = getattr(x.astype(np.float64), f)(dim)
            assert np.abs(getattr(torch.tensor(x), f)(dim).numpy() / want - 1).max() < most


@pytest.mark.parametrize("dim", [0, 1, 2, (0, 2), None])
def test_of_permuted_tensors(dim):
    a = random(4, 5, 6).transpose(2, 0, 1)
    x = torch.tensor(random(4, 5, 6)).permute(2, 0, 1)
    np.testing.assert_allclose(torch.sum(x, dim).numpy(), a.sum(dim), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dim"), [((100_000,), None), ((300, 400), 0), ((300, 400), 1), ((8, 20, 500), (0, 2)), ((60_000, 3), 0)]
)
def test_the_number_of_threads_changes_no_bit(shape, dim):
    x = torch.tensor(random(*shape))
    before = torch.get_num_threads()
    results = []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            results.append([torch.sum(x, dim).numpy(), torch.amax(x, () if dim is None else dim).numpy()])
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
@pytest.mark.parametrize(("shape", "dim"), [((7,), 0), ((140_000,), 0), ((3, 600), 1), ((600, 3), 0), ((2, 5, 600), 1)])
def test_extremes_and_their_positions(shape, dim, dtype):
    a = (random(*shape) * 10).astype(dtype)
    for x in (torch.tensor(a), torch.tensor(-a)):
        n = x.numpy()
        np.testing.assert_array_equal(torch.argmax(x, dim).numpy(), n.argmax(dim))
        np.testing.assert_array_equal(torch.argmin(x, dim).numpy(), n.argmin(dim))
        np.testing.assert_array_equal(torch.max(x, dim)[0].numpy(), n.max(dim))


@pytest.mark.parametrize(("shape", "dim"), [((2000,), 0), ((4, 600), 1), ((600, 4), 0)])
def test_nan_is_the_extreme_and_the_first_one_counts(shape, dim):
    a = random(*shape)
    a.reshape(-1)[a.size // 3] = np.nan
    a.reshape(-1)[-1] = np.nan
    x = torch.tensor(a)
    for name in ("max", "min"):
        np.testing.assert_array_equal(getattr(torch, f"a{name}")(x, dim).numpy(), getattr(a, name)(dim))
        np.testing.assert_array_equal(getattr(torch, f"arg{name}")(x, dim).numpy(), getattr(a, f"arg{name}")(dim))


def test_extremes_of_half_types_compare_numbers_not_bits():
    x = torch.tensor([-1.0, -2.0, 0.5]).half()
    assert torch.argmin(x).item() == 1
    assert torch.max(x, 0).values.item() == 0.5


def test_the_gradient_of_an_extreme_goes_where_it_was():
    x = torch.tensor(random(3, 4, 5), requires_grad=True)
    values, indices = torch.max(x, 1)
    values.sum().backward()
    expected = np.zeros((3, 4, 5), np.float32)
    np.put_along_axis(expected, indices.numpy()[:, None], 1, 1)
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_moments_at_their_edges():
    x = torch.zeros(3, requires_grad=True)
    x.norm().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 0)  # there is no gradient at 0; torch says 0
    for row, want in (
        ([np.inf, 1.0], np.inf),
        ([-np.inf] * 2, -np.inf),
        ([np.nan, 1.0], np.nan),
        ([800.0] * 2, 800 + np.log(2)),
    ):
        np.testing.assert_allclose(torch.logsumexp(torch.tensor(row), 0).numpy(), want, rtol=1e-6)
        np.testing.assert_allclose(
            torch.logsumexp(torch.tensor(row * 80), 0).numpy(),
            want + (np.log(80) if np.isfinite(want) else 0),
            rtol=1e-6,
        )
    assert np.isnan(torch.var(torch.ones(1)).numpy())


def test_larger_operands_follow_the_choice_of_kernels():
    x, row = torch.tensor(random(64, 1024)), torch.tensor(random(1024))
    for other in (x, row, 2.0):
        first = (x * other).numpy()
        np.testing.assert_array_equal((x * other).numpy(), first)  # from the front's plan
        with torch.no_grad():
            out = torch.empty(64, 1024)
            assert torch.mul(x, other, out=out) is out
        np.testing.assert_array_equal(out.numpy(), first)
    w = torch.tensor(random(1024), requires_grad=True)
    for _ in range(2):
        (grad,) = torch.autograd.grad((x * w).sum(), w)
        np.testing.assert_allclose(grad.numpy(), x.numpy().sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "dim"), [((3, 1), 1), ((2, 4097), 1), ((40, 500), -1), ((3, 70_000), 1), ((4, 6, 5), (1, 2))]
)
def test_variance_of_rows(shape, dim):
    """One kernel, in blocks that combine in order; few rows of many elements go by the general reductions."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32) + np.float32(100)
    want = np.full(3, np.nan) if shape == (3, 1) else np.var(x.astype(np.float64), dim, ddof=1)
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 1, 2, 2):  # the second call goes by what the first has remembered
            torch.set_num_threads(count)
            with np.errstate(invalid="ignore"):  # of kernels that run as plain Python
                found.append(torch.var(torch.tensor(x), dim).numpy())
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found[0], want, rtol=2e-5)
    assert all(np.array_equal(f, found[0], equal_nan=True) for f in found)
    with np.errstate(invalid="ignore"):
        assert torch.std(torch.tensor(x), dim, keepdim=True).ndim == len(shape)
