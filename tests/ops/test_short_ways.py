"""Factories of few elements, and elementwise ops on slices: the short way gives what the general way gives, and takes
nothing that it refuses."""

import collections

import numpy as np
import pytest

import numtorch as nt
from numtorch.ops import drawing

DRAWN = {
    "rand": lambda **options: nt.rand(3, 2, **options),
    "randn": lambda **options: nt.randn((3, 2), **options),
    "randint": lambda **options: nt.randint(-3, 1000, (7,), **options),
    "randint of one bound": lambda **options: nt.randint(1 << 61, [2, 3], **options),
    "rand_like": lambda **options: nt.rand_like(nt.zeros(3, 2), **options),
    "randn_like": lambda **options: nt.randn_like(nt.zeros(3, 2), **options),
}


@pytest.mark.parametrize("name", DRAWN)
def test_random_numbers_do_not_depend_on_the_way(name):
    draw = DRAWN[name]
    draw()  # from now on its shape is known
    nt.manual_seed(5)
    short = [draw().tolist(), draw().tolist(), nt.rand(1).item()]
    nt.manual_seed(5)
    general = [draw(device="cpu").tolist(), draw(device="cpu").tolist(), nt.rand(1, device="cpu").item()]
    assert short == general


def test_a_generator_of_ones_own():
    nt.rand(3)
    a, b = (nt.rand(3, generator=nt.Generator().manual_seed(3), **o).tolist() for o in ({}, {"device": "cpu"}))
    assert a == b


def test_the_short_way_forgets_what_the_registry_forgets():
    nt.rand(11)
    assert drawing.known("uniform", (11,))
    with nt.profiler.profile() as profile:
        nt.rand(11)
    assert "uniform_like" in str(profile.key_averages())
    with nt.kernels.use("uniform_like", "philox"):
        assert not drawing.known("uniform", (11,))


def test_defaults_are_obeyed():
    for make in (nt.rand, nt.randn, nt.zeros, nt.ones, nt.empty):
        make(2, 3)
        nt.set_default_dtype(nt.float64)
        try:
            assert make(2, 3).dtype == nt.float64
        finally:
            nt.set_default_dtype(nt.float32)
        with nt.device("meta"):
            assert make(2, 3).device.type == "meta"
    with nt.device("meta"):
        assert nt.randint(0, 3, (2,)).device.type == "meta"
        assert nt.full((2, 3), 0.5).device.type == "meta"


@pytest.mark.parametrize("make", [nt.rand, nt.randn, nt.zeros, nt.ones, nt.empty])
def test_what_equals_a_known_shape_is_still_refused(make):
    make(2, 3)
    for wrong in ((2.0, 3), ((2, 3.0),), ("23",)):
        with pytest.raises(TypeError):
            make(*wrong)
    with pytest.raises(RuntimeError, match="negative"):
        make(-1)
    for shape in ((), (0,), (2, 0), [2, 3], nt.Size([2, 3])):
        assert make(shape).shape == tuple(shape)


def test_samples_of_a_vmap_draw_their_own():
    nt.rand(3)
    x = nt.func.vmap(lambda row: row + nt.rand(3), randomness="different")(nt.zeros(2, 3))
    assert not nt.equal(x[0], x[1])


def test_equal_elements():
    x = nt.arange(6).reshape(2, 3)
    assert nt.zeros_like(x).tolist() == [[0] * 3] * 2 and nt.ones_like(x).dtype == nt.int64
    assert nt.ones_like(x.t()).is_contiguous() and nt.ones_like(x.t()).tolist() == [[1, 1]] * 3
    assert nt.ones_like(nt.zeros(2, dtype=nt.bfloat16)).tolist() == [1.0, 1.0]
    assert nt.full((2,), 2.5).tolist() == [2.5, 2.5] and nt.full((), -0.0).sign().item() == 0
    assert np.signbit(nt.full((2,), -0.0).numpy()).all()
    assert nt.full((2,), float("inf")).tolist() == [float("inf")] * 2
    assert nt.zeros(3).requires_grad_(True).requires_grad and nt.zeros(3, requires_grad=True).requires_grad


def test_orders():
    for n in (0, 1, 2, 5, 1000):
        assert sorted(nt.randperm(n).tolist()) == list(range(n))
    g = nt.Generator().manual_seed(3)
    counts = collections.Counter(tuple(nt.randperm(4, generator=g).tolist()) for _ in range(4800))
    assert len(counts) == 24 and min(counts.values()) > 130 and max(counts.values()) < 270
    assert nt.randperm(5, dtype=nt.int32).dtype == nt.int32


def test_elementwise_ops_on_slices():
    base = nt.arange(24.0, requires_grad=True)
    x = base.reshape(4, 6)[:, 1:4]
    for y in (x.detach().numpy(), 2.0, 3):
        given = nt.tensor(y)[:, :].T.contiguous().T if isinstance(y, np.ndarray) else y
        for _ in range(2):  # the first call plans, the second one finds the plan
            z = x * given
            assert z.tolist() == (x.detach().numpy() * y).tolist()
            base.grad = None
            z.sum().backward()
            assert base.grad.reshape(4, 6)[:, 1:4].tolist() == (np.ones((4, 3)) * y).tolist()
    whole = nt.arange(6).reshape(2, 3).T
    for _ in range(2):
        assert (whole // 2).tolist() == (whole.numpy() // 2).tolist()
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            whole // (whole * 0)
        with pytest.raises(RuntimeError, match="size"):
            whole + nt.ones(4, 1)
    with nt.profiler.profile() as profile:
        whole + whole
    assert "add/" in str(profile.key_averages())
