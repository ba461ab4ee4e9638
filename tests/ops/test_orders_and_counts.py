"""Sorting, scans, counting, looking up: arguments, degenerate sizes and gradients at ties, beside torch."""

import numpy as np
import pytest

import numtorch

pytest.importorskip("torch")
from against_torch import evaluated, lines, same

CALLS = """
t.topk(t.tensor(5.), 0)
t.topk(t.tensor(5.), 2)
t.topk(t.tensor([1., 2.]), 0)
t.topk(t.tensor([1., 2.]), 3)
t.topk(t.tensor([1., 2.]), -1)
t.topk(t.tensor([1., 2.]), 1.0)
t.topk(t.tensor([True]), 1)
t.topk(t.zeros(0, 3), 2)
t.sort(t.tensor(5.))
t.sort(t.zeros(2, 0), 1)
t.sort(x, 2)
t.msort(t.tensor([[2., nan], [nan, 1.]]))
t.kthvalue(t.zeros(2, 0), 1, 1)
t.kthvalue(t.zeros(2, 0), 0, 1)
t.kthvalue(x, 5)
t.kthvalue(x, 0)
t.kthvalue(t.tensor([True]), 1)
t.median(t.zeros(0))
t.median(t.tensor([True]))
t.median(t.tensor([[True]]), 1)
t.nanmedian(t.tensor([True]))
t.nanmedian(t.tensor([nan, nan]))
t.nanmedian(t.tensor([inf, nan, -inf]))
t.median(t.zeros(2, 0), 1)
t.median(t.zeros(0, 2), 1)
t.mode(t.zeros(2, 0), 1)
t.mode(t.zeros(0, 2), 1)
t.argmax(t.tensor([True]))
t.argmin(t.tensor([[True]]), 1)
t.argmax(t.zeros(0))
t.argmax(t.zeros(0, 2), 1)
t.argmax(x, 1.0)
t.cumsum(t.tensor([True, True]), 0)
t.cumsum(t.tensor([True, True]), 0, dtype=t.bool)
t.cumprod(x, 0, dtype=t.bool)
t.cumprod(t.zeros(0), 0, dtype=t.bool)
t.cumsum(t.tensor(True), 0, dtype=t.bool)
t.cumsum(x, 0, dtype=t.int8)
t.cumsum(x, 2)
t.cumsum(x, True)
t.cumsum(t.tensor(2.), -2)
t.logcumsumexp(t.tensor([1]), 0)
t.logcumsumexp(t.zeros(0), 0)
t.cummax(t.zeros(2, 0), 1)
t.cummax(t.tensor(5.), 0)
t.tensor([100, 100], dtype=t.int8).cumsum_(0)
t.tensor([1., 2.]).cumsum_(0, dtype=t.float64)
t.tensor([1., 2.]).cumprod_(0, dtype=t.float32)
t.tensor([True]).cumsum_(0)
t.zeros(0, dtype=t.bool).cumprod_(-1)
t.tensor(True).cumprod_(0)
t.searchsorted(t.tensor([1, 3, 5]), t.tensor([1.5, 3.]))
t.searchsorted(t.tensor([1, 3, 5]), 1.5)
t.searchsorted(t.tensor([1., 3., 5.]), t.tensor([3], dtype=t.uint8), right=True)
t.searchsorted(t.zeros(3, 3, dtype=t.int64), t.zeros(3, 0, dtype=t.float16), right=True, out_int32=True)
t.searchsorted(t.tensor([]), t.tensor([1]))
t.searchsorted(t.zeros(2, 0), t.zeros(2, 3))
t.searchsorted(t.zeros(2, 3), t.zeros(2, 0))
t.searchsorted(t.tensor(1.), t.tensor([1.]))
t.searchsorted(t.zeros(2, 3), t.tensor(1.))
t.searchsorted(t.zeros(2, 3), 1.)
t.searchsorted(t.zeros(2, 3), t.zeros(3, 2))
t.searchsorted(t.tensor([True]), t.tensor([True]))
t.searchsorted(t.tensor([1.]), [1.])
t.searchsorted(t.tensor([1.]), "a")
t.searchsorted(t.tensor([1.]), t.tensor([1.]), right=1)
t.searchsorted(t.tensor([3., 1.]), t.tensor([1.]), sorter=l([1, 5]))
t.searchsorted(t.tensor([3., 1.]), t.tensor([1.]), sorter=l([-1, 0]))
t.searchsorted(t.tensor([3., 1.]), t.tensor([1.]), sorter=l([2**62, 0]))
t.searchsorted(t.tensor([3., 1.]), t.tensor([1.]), sorter=l([1, 0], t.int32))
t.searchsorted(t.tensor([3., 1.]), t.tensor([1.]), sorter=l([1]))
t.searchsorted(t.tensor([3., 1.]), t.tensor([2.]), sorter=l([1, 0]))
t.bucketize(1.5, t.tensor([1, 3]))
t.bucketize(t.tensor([2]), t.tensor([]))
t.bucketize(t.tensor([2]), t.zeros(1, 2))
t.bincount(l([1, -1]))
t.bincount(l([]), minlength=3)
t.bincount(l([]), t.tensor([]), 2)
t.bincount(t.zeros(0, 3, dtype=t.int64))
t.bincount(t.tensor([True]))
t.bincount(l([1]), minlength=-1)
t.bincount(l([1]), minlength=1.0)
t.bincount(l([1]), minlength=2**62)
t.bincount(l([2**63 - 1]))
t.bincount(l([1]), t.tensor([1., 2.]))
t.bincount(l([1]), [1.])
t.bincount(l([1], t.uint8), t.tensor([True]))
t.unique(t.tensor(1), dim=0)
t.unique(t.tensor(1), return_inverse=True, return_counts=True)
t.unique(t.zeros(2, 0), dim=0)
t.unique(t.zeros(2, 0), dim=1)
t.unique(t.zeros(0, 0), dim=0)
t.unique(t.zeros(0, 2), dim=0, return_inverse=True, return_counts=True)
F.one_hot(l(1), 0)
F.one_hot(l([1]), -2)
F.one_hot(l([]), 0)
F.one_hot(l([]), 3)
F.one_hot(l([]))
F.one_hot(l([-1]), 3)
F.one_hot(l([-1]))
F.one_hot(l([3]), 3)
F.one_hot(l([1]), 2.0)
F.one_hot(l([1]), True)
F.one_hot(l([1], t.int32))
F.one_hot([1])
F.one_hot(l([2**62]))
F.embedding(l([5]), t.zeros(3, 0))
F.embedding(l([0]), t.zeros(0, 2))
F.embedding(l([]), t.zeros(0, 2))
F.embedding(l([-1]), t.zeros(3, 2))
F.embedding(l([2**62]), t.zeros(3, 2))
F.embedding(l(1), t.ones(3, 2))
F.embedding([1], t.ones(3, 2))
F.embedding(l([1]), [[1.]])
F.embedding(l([1], t.int8), t.ones(3, 2))
F.embedding(l([1]), t.ones(3))
F.embedding(l([1]), t.ones(3, 2), padding_idx=3)
F.embedding(l([1]), t.ones(3, 2), padding_idx=1.0)
F.embedding(l([5]), t.ones(3, 2), max_norm=1.0)
F.embedding(l([1]), l([[3], [4]]), max_norm=1.0)
t.cumprod(l([[2**62, 4, 3], [-2**63, 2, 1]]), 1)
t.cumprod(l([[2**62, -2**63], [4, 2], [3, 1]]), 0)
t.cumsum(l([2**63 - 1, 1, 5]), 0)
F.embedding(l([1]), t.zeros(3, 0), scale_grad_by_freq=True)
t.repeat_interleave(t.tensor(1), 2, dim=-1)
t.repeat_interleave(t.tensor(1), 2)
t.repeat_interleave(x, -1)
t.repeat_interleave(x, 1.0)
t.repeat_interleave(x, l([1, -1, 0]), 0)
t.repeat_interleave(x, l([1, 2]), 1)
t.repeat_interleave(x, l([[1]]), 0)
t.repeat_interleave(x, l([1, 2, 0], t.int32), -2)
t.repeat_interleave(x, t.tensor([1., 2., 3.]), 0)
t.repeat_interleave(x, l(2), 1)
t.repeat_interleave(x, l([2**62] * 3), 0)
t.repeat_interleave(l([2, 0, 1]))
t.repeat_interleave(l([1, -1]))
t.repeat_interleave(l(2))
t.repeat_interleave(x, l([1, 2, 0]), 0, output_size=3)
t.repeat_interleave(x, l([1, 2, 0]), 0, output_size=4)
t.multinomial(t.zeros(0), 1)
t.multinomial(t.zeros(3, 0), 1, True)
t.multinomial(t.ones(3), 1.0)
"""


@pytest.mark.parametrize("expression", lines(CALLS))
def test_one_call(expression):
    same(evaluated(expression))


TIES = {
    "median": "t.median(a)",
    "nanmedian": "t.nanmedian(a)",
    "median with NaN": "t.median(t.where(a > 2, a, nan))",
    "topk of one": "t.topk(a.sum(), 0)[0]",
}


@pytest.mark.parametrize("expression", TIES.values(), ids=TIES.keys())
def test_gradients_at_ties(expression):
    def run(t):
        a = t.tensor([1.0, 2.0, 2.0, 2.0, 3.0], dtype=t.float64, requires_grad=True)
        y = eval(expression, {"t": t, "a": a, "nan": float("nan")})  # noqa: S307
        y.sum().backward()
        return [y, a.grad]

    same(run)


def test_gradients_that_torch_has_not():
    x = numtorch.tensor([3.0, 1.0, 3.0], requires_grad=True)
    (numtorch.unique(x) * numtorch.tensor([2.0, 5.0])).sum().backward()
    assert x.grad.tolist() == [5, 2, 0]  # of the elements that the values are: the first of equal ones
    w = numtorch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (numtorch.bincount(numtorch.tensor([1, 0, 1]), w) * numtorch.tensor([10.0, 100.0])).sum().backward()
    assert w.grad.tolist() == [100, 10, 100]


def test_lookups_are_exact_where_torch_rounds_or_wraps():
    edges = numtorch.tensor([1, 3, 5], dtype=numtorch.uint8)
    assert [numtorch.searchsorted(edges, v).item() for v in (-1, 300, 2.5, float("nan"), 2**70)] == [0, 3, 1, 3, 3]
    big = numtorch.tensor([2**24 + 1])
    assert numtorch.searchsorted(big, numtorch.tensor([float(2**24)]), right=True).item() == 0


def test_an_empty_tensor_of_integers_has_no_median():
    with pytest.raises(RuntimeError, match="no median"):  # torch: the smallest integer
        numtorch.median(numtorch.zeros(0, dtype=numtorch.int64))


def test_an_index_that_is_changed_behind_the_graph_writes_nowhere():
    numbers = np.array([0, 1])
    w = numtorch.ones(3, 4, requires_grad=True)
    y = numtorch.nn.functional.embedding(numtorch.from_numpy(numbers), w)
    numbers[:] = [10**12, -(10**12)]
    y.sum().backward()
    assert w.grad.sum().item() == 0


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (9, 4), (40, 4), (1, 700), (1, 40000)], ids=str)
@pytest.mark.parametrize("dim", [0, 1])
def test_scans_come_back_into_the_range_of_float32(shape, dim):
    terms, factors = np.ones(shape, np.float32), np.ones(shape, np.float32)
    terms[0, :4] = 2e38, 2e38, -1e38, -1e38
    factors[0, :4] = 1e30, 1e30, 1e-30, 1e-20
    small = 1 / factors
    small[-1, 3] = 0
    for values, name in (
        (terms, "cumsum"),
        (factors, "cumprod"),
        (small, "cumprod"),
        (np.full_like(terms, np.nan), "cumsum"),
    ):
        given = values if dim else np.ascontiguousarray(values.T)
        exact = getattr(np, name)(given.astype(np.float64), dim)
        with np.errstate(over="ignore"):
            found = getattr(numtorch, name)(numtorch.from_numpy(given), dim)
            np.testing.assert_allclose(found.numpy(), exact.astype(np.float32), rtol=1e-5)


@pytest.mark.parametrize("shape", [(9, 4), (40, 4), (1, 700), (1, 40000)], ids=str)
@pytest.mark.parametrize("dim", [0, 1])
def test_scans_of_float32_are_exact_to_the_last_bit(shape, dim):
    near = 1 + np.random.default_rng(0).standard_normal(shape).astype(np.float32) / 1000
    given = near if dim else np.ascontiguousarray(near.T)
    x = numtorch.from_numpy(given).requires_grad_()
    for f, exact in ((numtorch.cumsum, np.cumsum), (numtorch.cumprod, np.cumprod)):
        expected = exact(given.astype(np.float64), dim).astype(np.float32)
        np.testing.assert_array_max_ulp(f(x, dim).detach().numpy(), expected, 1)
    numtorch.cumsum(x, dim).backward(numtorch.from_numpy(given))
    back = np.flip(np.cumsum(np.flip(given, dim), dim, np.float64), dim)
    np.testing.assert_array_max_ulp(x.grad.numpy(), back.astype(np.float32), 1)


@pytest.mark.parametrize("copies", [1, 3])
def test_gradients_of_products_come_back_into_the_range_of_float32(copies):
    x = numtorch.tensor([[2.0, 0.0, 1e30, 1e30, 1e30]] * copies).T.contiguous().requires_grad_()
    numtorch.cumprod(x, 0).sum().backward()
    assert x.grad[2:].tolist() == [[0.0] * copies] * 3


def test_a_row_whose_norm_is_nan_is_not_limited():
    w = numtorch.tensor([[3.0, 4.0], [1.0, np.nan], [0.3, 0.4]])
    rows = numtorch.nn.functional.embedding(numtorch.tensor([0, 1, 2]), w, max_norm=0.5)
    np.testing.assert_allclose(rows.numpy(), [[0.3, 0.4], [1, np.nan], [0.3, 0.4]], rtol=1e-6)


def test_one_element_is_its_own_logcumsumexp():
    x = numtorch.tensor(float("nan"), requires_grad=True)
    numtorch.logcumsumexp(x, 0).backward()
    assert x.grad.item() == 1
