"""``torch.masked``: what NumPy gives for the elements that a mask leaves."""

import numpy as np
import pytest

import numtorch as N
from numtorch import masked

X = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
MASK = np.array([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1]], bool)


def rows(f):
    """``f`` of what is left of each row."""
    return [f(x[m].astype(np.float64)) for x, m in zip(X, MASK, strict=True)]


def full(f):
    """``f`` of what is left of each row, at its places; 0 elsewhere."""
    found = np.zeros(X.shape)
    found[MASK] = np.concatenate(rows(f))
    return found


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda x, m: masked.sum(x, 1, mask=m), lambda: rows(np.sum)),
        (lambda x, m: masked.prod(x, 1, mask=m), lambda: rows(np.prod)),
        (lambda x, m: masked.mean(x, 1, mask=m), lambda: rows(np.mean)),
        (lambda x, m: masked.amax(x, 1, mask=m), lambda: rows(np.max)),
        (lambda x, m: masked.amin(x, 1, mask=m), lambda: rows(np.min)),
        (lambda x, m: masked.var(x, 1, mask=m), lambda: rows(lambda v: v.var(ddof=1))),
        (lambda x, m: masked.std(x, 1, unbiased=False, mask=m), lambda: rows(np.std)),
        (lambda x, m: masked.norm(x, 2.0, 1, mask=m), lambda: rows(np.linalg.norm)),
        (lambda x, m: masked.median(x, 1, mask=m), lambda: rows(lambda v: np.sort(v)[(len(v) - 1) // 2])),
        (lambda x, m: masked.logsumexp(x, 1, mask=m), lambda: rows(lambda v: np.log(np.exp(v).sum()))),
        (lambda x, m: masked.softmax(x, 1, mask=m), lambda: full(softmax)),
        (lambda x, m: masked.softmin(x, 1, mask=m), lambda: full(lambda v: softmax(-v))),
        (lambda x, m: masked.log_softmax(x, 1, mask=m).exp(), lambda: full(softmax)),
        (lambda x, m: masked.normalize(x, 2.0, 1, mask=m), lambda: full(lambda v: v / np.linalg.norm(v))),
        (lambda x, m: masked.cumsum(x, 1, mask=m) * m, lambda: full(np.cumsum)),
        (lambda x, m: masked.cumprod(x, 1, mask=m) * m, lambda: full(np.cumprod)),
        (lambda x, m: masked.sum(x, mask=m, keepdim=True), lambda: [[X[MASK].sum()]]),
    ],
)
def test_what_is_left_counts(found, expected):
    np.testing.assert_allclose(found(N.tensor(X), N.tensor(MASK)).numpy(), expected(), rtol=1e-5, atol=1e-6)


def test_positions_types_and_gradients():
    x, m = N.tensor(X, requires_grad=True), N.tensor(MASK)
    want = [int(np.flatnonzero(keep)[np.argmax(row[keep])]) for row, keep in zip(X, MASK, strict=True)]
    assert masked.argmax(x, 1, mask=m).tolist() == want
    assert masked.argmin(-x, 1, mask=m).tolist() == want
    masked.amax(x, 1, mask=m).sum().backward()
    assert x.grad.argmax(1).tolist() == want and x.grad.sum().item() == 3
    assert masked.sum(N.tensor([True, True])).dtype is N.int64
    assert masked.amin(N.tensor([3, 4]), mask=N.tensor([False, False])).item() == N.iinfo(N.int64).max
    got = masked.logaddexp(N.zeros(2), N.zeros(2), other_mask=N.tensor([True, False]))
    np.testing.assert_allclose(got.numpy(), [np.log(2), 0], rtol=1e-6)


def test_refusals():
    x = N.ones(2, 3)
    for error, text, wrong in (
        (IndexError, "does not broadcast", lambda: masked.sum(x, mask=N.ones(1, 2, 3) > 0)),
        (IndexError, "out of range", lambda: masked.sum(x, 2)),
        (RuntimeError, "multiple times", lambda: masked.sum(x, (0, -2))),
        (ValueError, "floating point or complex", lambda: masked.mean(x.long())),
        (ValueError, "fully masked", lambda: masked.median(x.long(), mask=x > 1)),
        (AssertionError, "Only one of", lambda: masked.var(x, unbiased=True, correction=1)),
    ):
        with pytest.raises(error, match=text):
            wrong()
