"""What random functions are asked for: bounds, probabilities and parameters, refused as in torch; and that all that is
allowed is drawn."""

import pytest

import numtorch as nt

inf, nan = float("inf"), float("nan")
REFUSED = """
    t.bernoulli(t.tensor([1.5]))
    t.bernoulli(t.tensor([nan, 0.5]))
    t.bernoulli(t.tensor([0.5, -0.5]))
    t.bernoulli(t.tensor([1]))
    t.bernoulli(t.ones(2), 2.0)
    x.bernoulli_(1.5)
    x.bernoulli_(nan)
    x.bernoulli_(t.tensor([1.5] * 3))
    t.normal(0.0, -1.0, (2,))
    t.normal(0.0, nan, (2,))
    t.normal(t.zeros(2), -1.0)
    t.normal(0.0, t.tensor([-1.0]))
    t.normal(t.zeros(2), t.tensor([1.0, nan]))
    t.normal(t.zeros(2), t.ones(3))
    t.normal(0.0, 1.0, (-1,))
    x.normal_(0, -1)
    x.normal_(0, nan)
    x.long().normal_()
    x.exponential_(-1)
    x.exponential_(0)
    x.exponential_(nan)
    x.long().exponential_()
    x.uniform_(1, 0)
    x.uniform_(nan, 1)
    x.uniform_(0, inf)
    x.uniform_(-3e38, 3e38)
    x.half().uniform_(0, 7e4)
    x.long().uniform_()
    x.random_(0)
    x.random_(5, 5)
    x.random_(5, 4)
    x.random_(1.5)
    x.random_(True)
    x.random_(2**63)
    x.byte().random_(257)
    x.byte().random_(-1, 5)
    x.bool().random_(3)
    x.half().random_(70000)
    t.randint(5, 5, (1,))
    t.randint(5, 4, (1,))
    t.randint(0, (1,))
    t.randint(0, 300, (5,), dtype=t.uint8)
    t.randint(-1, 256, (5,), dtype=t.uint8)
    t.randint(0, 3, (5,), dtype=t.bool)
    t.randint(0, 70000, (5,), dtype=t.float16)
    t.randint(0, 2, (-1,))
    t.randint(0, 2, 2)
    t.randint(0, 2**63, (2,))
    t.randint_like(x.byte(), 300)
    t.randperm(-1)
    t.randperm(300, dtype=t.uint8)
    t.randperm(3000, dtype=t.float16)
    t.randperm(2, dtype=t.bool)
    t.multinomial(x, -1)
    t.multinomial(x, 0)
    t.multinomial(x + 1, 4)
    t.multinomial(x * 0, 1)
    t.multinomial(t.tensor([1.0, nan]), 1)
    t.multinomial(t.tensor([1.0, -1.0]), 1)
    t.multinomial(t.tensor([1, 2]), 1)
    t.multinomial(t.tensor(1.0), 1)
    t.multinomial(x + 1, 1.0)
    t.rand(-1)
    t.rand(2, dtype=t.int64)
    t.rand_like(x.long())
    t.rand(2, size=(2,))
    t.Generator().manual_seed(2**64)
"""


@pytest.mark.parametrize("call", REFUSED.strip().splitlines())
def test_refused_as_in_torch(call):
    pytest.importorskip("torch")
    from against_torch import same

    assert same(lambda t: eval(call.strip(), {"t": t, "x": t.ones(2, 3), "inf": inf, "nan": nan})) is not None


@pytest.mark.parametrize("d", [nt.uint8, nt.int8, nt.bool])
def test_random_reaches_both_ends(d):
    nt.manual_seed(0)
    low, high = (0, 1) if d is nt.bool else (nt.iinfo(d).min, nt.iinfo(d).max)
    drawn = nt.zeros(20000, dtype=d).random_()
    assert (int(drawn.min()), int(drawn.max())) == (0, high)  # never below 0 unless asked
    drawn = nt.zeros(20000, dtype=d).random_(low, None)
    assert (int(drawn.min()), int(drawn.max())) == (low, high)
    drawn = nt.randint(low, high + 1, (20000,), dtype=d)
    assert drawn.dtype is d and (int(drawn.min()), int(drawn.max())) == (low, high)


def test_all_of_64_bits_is_drawn():
    nt.manual_seed(0)
    for drawn in (
        nt.randint(-(2**63), 2**63 - 1, (1000,)),
        nt.zeros(1000, dtype=nt.int64).random_(-(2**63), None),
        nt.zeros(1000, dtype=nt.int64).random_(-(2**63), 2**63 - 1),
    ):
        values = drawn.tolist()
        assert min(values) < -(2**62) and max(values) > 2**62 and len(set(values)) == 1000
    assert nt.zeros(100, dtype=nt.int64).random_().min().item() >= 0
    assert set(nt.randint(2**62, 2**62 + 2, (100,)).tolist()) == {2**62, 2**62 + 1}


@pytest.mark.parametrize(("d", "digits"), [(nt.float16, 11), (nt.bfloat16, 8), (nt.float32, 24), (nt.float64, 53)])
def test_integers_of_floats_are_exact_and_below_the_bound(d, digits):
    nt.manual_seed(0)
    drawn = nt.zeros(5000, dtype=d).random_()
    assert 0.9 * 2**digits < drawn.max().item() < 2**digits and nt.isfinite(drawn).all()
    assert (nt.zeros(5000, dtype=d).random_(2**digits + 1).double() <= 2**digits).all()
    top = 5 * 2**digits // 4 + 1  # rounds to what is not to be drawn
    assert (nt.randint(0, top, (5000,), dtype=d).double() < top).all()


def test_what_is_drawn_has_no_slope_in_its_parameters():
    p, mean, std = (nt.full((3,), 0.5, requires_grad=True) for _ in range(3))
    x = (nt.ones(3, requires_grad=True) * 1).requires_grad_()
    for y in (nt.bernoulli(p), nt.normal(mean, std), nt.normal(mean, 2.0)):
        y.sum().backward()
    assert p.grad.tolist() == mean.grad.tolist() == std.grad.tolist() == [0, 0, 0]
    base = nt.ones(3, requires_grad=True)
    x = base * 1
    x.normal_().mul_(2).sum().backward()
    assert x.requires_grad and base.grad.tolist() == [0, 0, 0]
    assert nt.normal(nt.tensor(1.0), nt.ones(2, dtype=nt.float64)).dtype is nt.float32  # of the mean


def test_seeds_are_told_as_they_are_given():
    for seed, told in ((5, 5), (-1, 2**64 - 1), (2**63, 2**63)):
        assert nt.Generator().manual_seed(seed).initial_seed() == told
    assert nt.randint(3, size=(2,)).shape == (2,) and nt.randint(high=3, size=(2,)).shape == (2,)
    assert nt.zeros(50).random_(to=3).max().item() <= 2 and nt.zeros(50).uniform_(2, to=3).min().item() >= 2
