"""Random numbers of each floating type lie in their intervals, the ends as they are said to be; 16 bits do not round to
an end."""

import math

import numpy as np
import pytest

import numtorch as nt
from numtorch.ops.random import _below, _rounded
from numtorch.ops.random_cpu import fill_uniform16, fill_uniform32, fill_uniform64

N = 250_000
FLOATS = [nt.float16, nt.bfloat16, nt.float32, nt.float64]
HALVES = [nt.float16, nt.bfloat16]
DIGITS = {nt.float16: 11, nt.bfloat16: 8, nt.float32: 24, nt.float64: 53}


def doubles(x):
    return x.double().numpy()


def close(sample, mean, deviation, slack=0.0):
    """The mean of a sample, within five of its standard deviations."""
    assert abs(sample.mean() - mean) < 5 * deviation / math.sqrt(sample.size) + slack, (sample.mean(), mean)


@pytest.mark.parametrize("d", FLOATS)
def test_uniform_numbers_never_reach_one(d):
    nt.manual_seed(1)
    for y in (nt.rand(N, dtype=d), nt.rand_like(nt.empty(N, dtype=d)), nt.empty(N, dtype=d).uniform_()):
        y = doubles(y)
        assert y.min() >= 0 and y.max() < 1 and y.max() > 1 - 2.0**-7
        close(y, 0.5, 12**-0.5, slack=2.0 ** -(DIGITS[d] + 1))  # cut, not rounded


@pytest.mark.parametrize("d", HALVES)
def test_a_number_is_below_a_probability_as_often_as_it_says(d):
    nt.manual_seed(2)
    y = doubles(nt.rand(4 * N, dtype=d))
    for p in (2.0**-9, 0.25, 0.5 + 2.0**-8, 0.75, 1 - 2.0**-8):
        close((y < p).astype(float), p, math.sqrt(p * (1 - p)))
    assert (y == 0).mean() < 1e-5  # all the bits there are: small numbers are as fine as the type


@pytest.mark.parametrize("d", FLOATS)
@pytest.mark.parametrize(
    ("low", "to"), [(0, 4), (-1, 1), (1000, 1001), (-3, -2), (-1, 0), (0.1, 0.7), (1, 1 + 2.0**-6)]
)
def test_uniform_numbers_never_reach_their_end(d, low, to):
    nt.manual_seed(3)
    y, first, end = doubles(nt.empty(N, dtype=d).uniform_(low, to)), _rounded(low, d), _rounded(to, d)
    assert y.min() >= first and (y.max() < end or first == end == y.max())
    step = 2.0 * max(abs(low), abs(to)) * 2.0 ** -DIGITS[d]
    close(y, (first + end) / 2, (end - first) / math.sqrt(12), slack=step)


def test_uniform_numbers_of_an_interval_of_one_number():
    for d in FLOATS:
        assert set(doubles(nt.empty(100, dtype=d).uniform_(2, 2))) == {2.0}
        assert set(doubles(nt.empty(100, dtype=d).uniform_(-2, -2))) == {-2.0}
        assert set(doubles(nt.empty(100, dtype=d).uniform_(0, 0))) == {0.0}


def test_kernels_stop_at_the_last_number():
    """Words whose number rounds up to the end are rare; a shorter interval is not."""
    for fill, type_, more in (
        (fill_uniform32, np.float32, ()),
        (fill_uniform64, np.float64, ()),
        (fill_uniform16, np.float32, (0xFFFFE000,)),
    ):
        out = np.empty(1000, type_)
        fill.serial(out, 0.0, 1.0, 0.625, *more, 5, 0)
        assert out.max() == 0.625 and (out == 0.625).sum() > 300 and (out < 0.625).sum() > 500
    bits = np.empty(1000, np.float32)
    fill_uniform16.serial(bits, 0.0, 1.0, 1.0, 0xFFFFE000, 5, 0)
    assert (bits == bits.astype(np.float16)).all()  # 11 digits


@pytest.mark.parametrize("value", [1.0, 4.0, 0.75, -1.0, -3.0, 0.0, 2.0**-14, 2.0**-24, 1000.0])
def test_the_number_below(value):
    for d, type_ in ((nt.float16, np.float16), (nt.float32, np.float32), (nt.float64, np.float64)):
        assert _below(value, d) == float(np.nextafter(type_(value), type_(-np.inf)))
    below = _below(value, nt.bfloat16)
    between = _rounded((below + value) / 2, nt.bfloat16)
    assert below < value and below == _rounded(below, nt.bfloat16) and between in (below, value)


@pytest.mark.parametrize("d", FLOATS)
def test_certain_outcomes(d):
    nt.manual_seed(4)
    one, none = nt.ones(N, dtype=d), nt.zeros(N, dtype=d)
    for y in (
        nt.bernoulli(one),
        nt.bernoulli(none, 1.0),
        one.bernoulli(),
        none.bernoulli(1.0),
        one.clone().bernoulli_(1.0),
        none.clone().bernoulli_(one),
        nt.empty(N, dtype=d).bernoulli_(nt.ones(N)),
    ):
        assert y.dtype is d and (doubles(y) == 1).all()
    for y in (nt.bernoulli(none), nt.bernoulli(one, 0.0), one.clone().bernoulli_(0.0), one.clone().bernoulli_(none)):
        assert y.dtype is d and (doubles(y) == 0).all()
    y = nt.nn.functional.dropout(one, 0.25)
    assert set(doubles(y)) == {0.0, _rounded(1 / 0.75, d)}
    close((doubles(y) > 0).astype(float), 0.75, math.sqrt(0.25 * 0.75))


@pytest.mark.parametrize("d", FLOATS)
def test_outcomes_are_as_probable_as_the_type_says(d):
    nt.manual_seed(5)
    for p in (0.01, 0.3, 0.99):
        given = nt.full((N,), p, dtype=d)
        q = float(doubles(given)[0])
        for y, mean in (
            (nt.bernoulli(given), q),
            (nt.empty(N, dtype=d).bernoulli_(given), q),
            (nt.empty(N, dtype=d).bernoulli_(p), p),
            (nt.empty(N, dtype=nt.int32).bernoulli_(given), q),
        ):
            close(doubles(y), mean, math.sqrt(mean * (1 - mean)))


@pytest.mark.parametrize("d", FLOATS)
@pytest.mark.parametrize("rate", [1.0, 0.5, 1000.0])
def test_exponential_numbers_are_finite_and_above_zero(d, rate):
    nt.manual_seed(6)
    y = doubles(nt.empty(N, dtype=d).exponential_(rate))
    assert np.isfinite(y).all() and y.min() > 0
    close(y, 1 / rate, 1 / rate)
    close((y < 1 / rate).astype(float), 1 - math.exp(-1), 0.5, slack=2.0 ** -DIGITS[d])


def test_an_exponential_number_of_a_draw_of_zero(monkeypatch):
    """Nor when the word is 0, which is one in 2**24."""
    from numtorch.ops import random

    for d, least in ((nt.float32, 2.0**-25), (nt.float64, 2.0**-54), (nt.float16, 2.0**-24), (nt.bfloat16, 2.0**-25)):
        monkeypatch.setattr(random, "_draw", lambda shape, kind, low, to, d, *_: nt.zeros(shape, dtype=d))
        assert set(doubles(nt.empty(3, dtype=d).exponential_())) == {least}
        assert set(doubles(nt.empty(3, dtype=d).exponential_(0.25))) == {4 * 2.0**-25 if d.is_half else 4 * least}
        assert nt.empty(3, dtype=d).exponential_(1e30).min().item() > 0
        monkeypatch.setattr(
            random, "_draw", lambda shape, kind, low, to, d, *_: nt.full(shape, _below(1.0, d), dtype=d)
        )
        assert nt.isfinite(nt.empty(3, dtype=d).exponential_()).all()


@pytest.mark.parametrize("d", FLOATS)
def test_normal_numbers_are_finite(d):
    nt.manual_seed(7)
    for y, mean, deviation in (
        (nt.randn(N, dtype=d), 0, 1),
        (nt.randn_like(nt.empty(N, dtype=d)), 0, 1),
        (nt.empty(N, dtype=d).normal_(-2, 3), -2, 3),
        (nt.normal(0.0, 8000.0, (N,), dtype=d), 0, 8000),
    ):
        y = doubles(y)
        assert np.isfinite(y).all()
        close(y, mean, deviation)


def test_probabilities_of_marks_in_place_have_no_slope():
    p, base = nt.full((3,), 0.5, requires_grad=True), nt.ones(3, requires_grad=True)
    y = (base * 1).bernoulli_(p)
    assert y.requires_grad
    y.sum().backward()
    assert p.grad.tolist() == base.grad.tolist() == [0, 0, 0]
    q = nt.full((1,), 0.5, requires_grad=True)
    nt.zeros(2, 3).bernoulli_(q).sum().backward()
    assert q.grad.tolist() == [0]
    with nt.no_grad():
        assert not nt.zeros(3).bernoulli_(p).requires_grad
