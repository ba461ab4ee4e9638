"""searchsorted, bucketize, bincount, unique and mode, against PyTorch; block_diag and views made in place."""

import numpy as np
import pytest

import numtorch as torch

reference = pytest.importorskip("torch")


def both(a):
    return torch.tensor(a), reference.tensor(a)


def same(ours, theirs):
    ours, theirs = (x if isinstance(x, tuple) else (x,) for x in (ours, theirs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def numbers(*shape, below=5, dtype="float32"):
    return np.random.default_rng(0).integers(0, below, shape).astype(dtype)


@pytest.mark.parametrize("options", [{}, {"right": True}, {"side": "right", "out_int32": True}], ids=str)
def test_searchsorted(options):
    (a, b), (v, w) = (
        both(np.sort(numbers(3, 7), -1)),
        both(np.where(numbers(3, 5) == 2, np.nan, numbers(3, 5)).astype("float32")),
    )
    same(torch.searchsorted(a, v, **options), reference.searchsorted(b, w, **options))
    same(torch.searchsorted(a[0].contiguous(), v, **options), reference.searchsorted(b[0].contiguous(), w, **options))
    same(
        torch.searchsorted(a[0].contiguous(), 2.0, **options), reference.searchsorted(b[0].contiguous(), 2.0, **options)
    )
    options.pop("side", None)
    same(torch.bucketize(v, a[0].contiguous(), **options), reference.bucketize(w, b[0].contiguous(), **options))


def test_searchsorted_by_a_sorter_and_what_it_refuses():
    x, y = both(numbers(9))
    v, w = both(numbers(4))
    same(torch.searchsorted(x, v, sorter=torch.argsort(x)), reference.searchsorted(y, w, sorter=reference.argsort(y)))
    for bad in (
        lambda: torch.searchsorted(x, v, sorter=torch.full((9,), 9)),
        lambda: torch.searchsorted(x, v, side="up"),
        lambda: torch.searchsorted(torch.zeros(2, 3), torch.zeros(3, 3)),
    ):
        with pytest.raises(RuntimeError):
            bad()


def test_bincount():
    x, y = both(numbers(20, dtype="int64"))
    w, u = both(numbers(20))
    for given in (
        ({}, {}),
        ({"minlength": 9}, {"minlength": 9}),
        ({"weights": w}, {"weights": u}),
        ({"weights": w.double()}, {"weights": u.double()}),
    ):
        same(torch.bincount(x, **given[0]), reference.bincount(y, **given[1]))
    same(torch.bincount(x[:0]), reference.bincount(y[:0]))
    for bad in (x - 1, x.float(), x.reshape(4, 5)):
        with pytest.raises(RuntimeError):
            torch.bincount(bad)


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_unique(dim, dtype):
    x, y = both(numbers(6, 4, below=2, dtype=dtype))
    same(torch.unique(x, dim=dim), reference.unique(y, dim=dim))
    asked = {"return_inverse": True, "return_counts": True, "dim": dim}
    same(torch.unique(x, **asked), reference.unique(y, **asked))
    same(torch.unique(x[:0], return_counts=True), reference.unique(y[:0], return_counts=True))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_unique_slices_in_the_order_of_their_elements(dim):
    x, y = both(numbers(3, 4, 5, below=2, dtype="int64"))
    asked = {"return_inverse": True, "return_counts": True, "dim": dim}
    same(torch.unique(x, **asked), reference.unique(y, **asked))


def test_unique_keeps_every_nan():
    x, y = both(np.array([np.nan, 1, np.nan, 1], "float32"))
    same(torch.unique(x, return_counts=True), reference.unique(y, return_counts=True))


@pytest.mark.parametrize(("dim", "keepdim"), [(-1, False), (0, True)])
def test_mode(dim, keepdim):
    x, y = both(numbers(5, 8))
    x.requires_grad = y.requires_grad = True
    (values, indices), (v, _) = torch.mode(x, dim, keepdim), reference.mode(y, dim, keepdim)
    same(values.detach(), v.detach())
    at = indices if keepdim else indices.unsqueeze(dim)
    assert torch.equal(x.gather(dim, at).reshape(values.shape), values)
    values.sum().backward()
    assert torch.equal(x.grad, torch.zeros(5, 8).scatter(dim, at, 1.0))


def test_block_diag():
    parts = [numbers(2, 3), numbers(4), numbers(1, 1), numbers()]
    same(torch.block_diag(*map(torch.tensor, parts)), reference.block_diag(*map(reference.tensor, parts)))


IN_PLACE = {
    "transpose_": lambda x: x.transpose_(0, 2),
    "unsqueeze_": lambda x: x.unsqueeze_(-1),
    "squeeze_": lambda x: x.squeeze_(),
    "squeeze_ of a dim": lambda x: x.squeeze_(1),
    "t_": lambda x: x[0].t_(),
}


@pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE)
def test_views_in_place(change):
    results = []
    for package in (torch, reference):
        x = package.tensor(numbers(2, 1, 3), requires_grad=True)
        y = x * 2
        z = change(y)
        (z * z).sum().backward()
        results.append((tuple(y.shape), tuple(z.shape), z.tolist(), x.grad.tolist()))
        with pytest.raises(RuntimeError, match="leaf"):
            change(x) if change(y) is y else x.transpose_(0, 1)
    assert results[0] == results[1]
