"""Forms of functions that torch has beside the plain one: decimals of round, complex numbers, matrix norms by word,
factors of products that are cut off for integers, gradients of Cholesky factors as torch defines them."""

import importlib.util
import math

import numpy as np
import pytest

import numtorch as N

inf, nan = math.inf, math.nan
torch_too = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def same(found, expected, **tolerance):
    np.testing.assert_allclose(found.detach().numpy(), expected, **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


def test_round_takes_decimals():
    x = N.tensor([0.126, 12.5, -167.0], requires_grad=True)
    same(N.round(x, decimals=2), [0.13, 12.5, -167.0])
    y = N.round(x, decimals=-1)
    same(y, [0.0, 10.0, -170.0])
    y.sum().backward()
    same(x.grad, [0.0, 0.0, 0.0])
    same(N.tensor([126.0]).round_(decimals=-1), [130.0])
    same(N.round(x.detach(), decimals=2, out=N.empty(3)), [0.13, 12.5, -167.0])
    with pytest.raises(NotImplementedError, match=r"decimals=1 not implemented for 'Long'; cast with \.float"):
        N.round(N.tensor([1]), decimals=1)


def test_products_of_integers_cut_the_fractions_of_their_factors():
    ones, vector = N.ones(2, 2, dtype=N.int64), N.ones(2, dtype=N.int64)
    for found in (
        N.addmv(vector, ones, vector, beta=0.6, alpha=1.2),
        N.addbmm(ones, ones[None], ones[None], beta=0.6, alpha=1.2),
        N.baddbmm(ones[None], ones[None], ones[None], beta=0.6, alpha=1.2),
    ):
        assert found.dtype is N.int64 and bool((found == 2).all())
    truth = N.ones(2, dtype=N.bool)
    assert N.addr(N.zeros(2, 2, dtype=N.bool), truth, truth, beta=0.6, alpha=0.2).dtype is N.bool
    with pytest.raises(TypeError, match=r"addmv\(\): arguments 'beta' and 'alpha' must be Number, not str"):
        N.addmv(vector, ones, vector, beta="1")


def test_complex_numbers():
    x, y = np.array([0.5 + 0.3j, -1 + 0.5j, 200j]), np.array([0.2 - 0.4j, 0.7 + 0.5j, 1])
    same(N.logaddexp(N.tensor(x), N.tensor(y)), np.log(np.exp(x) + np.exp(y)))
    low = N.tensor([complex(-inf, 0)])
    assert N.logaddexp(low, low).real.item() == -inf
    same(N.logcumsumexp(N.tensor(x), 0), np.log(np.cumsum(np.exp(x))))
    same(N.logcumsumexp(N.tensor([complex(-inf), 800, 800]), 0), [-inf, 800, 800 + math.log(2)])
    same(N.logspace(1 + 1j, 2, 3, dtype=N.complex128), 10 ** np.linspace(1 + 1j, 2, 3))
    same(N.logspace(0, 2, 3, base=2j), [1, 2j, -4])
    z = N.zeros(50, dtype=N.complex64).uniform_(1, 2)
    assert bool(((z.real >= 1) & (z.real < 2) & (z.imag >= 1) & (z.imag < 2)).all()) and bool((z.real != z.imag).any())
    a = N.tensor(x[:2], requires_grad=True)
    b = N.tensor(y[:2], requires_grad=True)
    for f in (N.logaddexp, lambda s, t: N.logcumsumexp(s * t, 0), lambda s, t: N.sinc(s + t)):
        assert N.autograd.gradcheck(f, (a, b))
        assert N.autograd.gradgradcheck(f, (a, b))


def test_angles_of_logarithms_of_sums_are_not_brought_back_to_the_principal_value():
    x = [1 + 3j, 0.5 + 3j, 1 - 2j, -1 + 1j, 4 + 5j, 4 + 3j, complex(-inf, 1), 2 + 6j]
    real = [1, 1.4741, 1.7512, 1.7008, 4.0049, 4.1538, 4.1538, 4.1050]
    imag = [3, 3, 3.4695, 3.4277, 4.9, 3.9534, 3.9534, 4.0619]
    for given, expected in ((x, np.array(real) + 1j * np.array(imag)), ([200j], [200j])):
        found = N.logcumsumexp(N.tensor(given, dtype=N.complex128), 0)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_words_and_empty_operands():
    x = N.tensor([[3.0, 0.0], [0.0, -4.0]])
    same(N.norm(x, "nuc"), 7.0)
    same(x[None].norm("nuc", dim=(1, 2), keepdim=True), [[[7.0]]])
    with pytest.raises(RuntimeError, match=r"norm: order 'nuc' is of a matrix; name two dimensions of shape \[2\]"):
        N.norm(x[0], "nuc")
    same(N.histogram(N.empty(0), 2).bin_edges, [0.0, 0.5, 1.0])
    same(N.histogram(N.ones(2), 2, range=(3.0, 3.0)).bin_edges, [2.5, 3.0, 3.5])
    nothing = N.combinations(N.ones(1, requires_grad=True), 2)
    assert nothing.shape == (0, 2) and nothing.requires_grad
    same(N.slice_scatter(N.zeros(3), N.ones(1), 0, 2, out=N.empty(3)), [0.0, 0.0, 1.0])
    assert N.normal(1.0, 2.0, (3,), layout=N.strided, requires_grad=True).requires_grad
    assert N.matrix_exp(N.zeros(2, 2, dtype=N.float16)).dtype is N.float16
    weights = N.tensor([0.5, 0.25])
    assert N.cov(N.tensor([[1.0, 2.0]], dtype=N.float16), aweights=weights).dtype is N.float32


def test_gradients_of_cholesky_factors_count_both_triangles():
    root = N.tensor([[2.0, 5.0], [1.0, 4.0]], dtype=N.float64, requires_grad=True)
    inverse = N.cholesky_inverse(root)
    same(inverse, np.linalg.inv(np.array([[4.0, 2.0], [2.0, 17.0]])))
    inverse.sum().backward()
    a = inverse.detach().numpy()
    both = 2 * a @ np.ones((2, 2)) @ a
    same(root.grad, -both @ root.detach().numpy())
    several = N.stack([root.detach(), root.detach() * 2])
    b = N.ones(2, 1, dtype=N.float64)
    alone = N.stack([N.ops.linear_algebra.factorizations.solved_by_root(b, r) for r in several])
    same(N.func.vmap(lambda r: N.cholesky_solve(b, r))(several), alone.numpy())
    b = N.ones(2, 1, dtype=N.float64, requires_grad=True)
    assert N.autograd.gradcheck(lambda t: N.cholesky_solve(t, root.detach()), (b,))
    assert N.autograd.gradgradcheck(lambda t: N.cholesky_solve(t, root.detach()), (b,))


@torch_too
def test_gradients_of_cholesky_factors_are_torch_s():
    import torch

    matrix = np.array([[4.0, 1 - 2j], [1 + 2j, 9.0]])
    weight = np.array([[1 + 1j, 2.0], [3 - 2j, 1j]])
    for upper in (False, True):
        found = []
        for t in (N, torch):
            a = t.tensor(matrix, requires_grad=True)
            b = t.tensor(weight, requires_grad=True)
            root = t.linalg.cholesky(a, upper=upper)
            ((root * t.tensor(weight)).abs().sum() + t.cholesky_solve(b, root, upper).abs().sum()).backward()
            found.append((a.grad.numpy(), b.grad.numpy()))
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9)
