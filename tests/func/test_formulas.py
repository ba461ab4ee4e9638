"""Transforms against formulas and finite differences, without torch."""

import numpy as np
import pytest

import numtorch as torch
from numtorch.autograd.batched import Batched


def values(*shape):
    return torch.tensor(np.random.default_rng(0).normal(size=shape))


def close(got, want):
    np.testing.assert_allclose(got.numpy(), np.asarray(want), rtol=1e-9, atol=1e-12)


def net(p, x):
    return torch.tanh(x @ p["w"] + p["b"]) @ p["v"]


@pytest.fixture
def parameters():
    return {"w": values(3, 4), "b": values(4), "v": values(4)}


def differences(f, x, eps=1e-6):
    """The Jacobian of a function of arrays by central differences."""
    columns = []
    for at in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[at] = eps
        columns.append((f(x + d) - f(x - d)) / (2 * eps))
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


def test_gradients_and_hessian_of_a_network(parameters):
    x = values(5, 3)

    def loss(w):
        return net(parameters | {"w": w}, x).square().sum()

    def number(w):
        return loss(torch.tensor(w)).numpy()

    w = parameters["w"]
    gradient = torch.func.grad(loss)(w)
    np.testing.assert_allclose(gradient.numpy(), differences(number, w.numpy()), rtol=1e-6, atol=1e-7)
    second = torch.func.hessian(loss)(w)
    slope = lambda w: torch.func.grad(loss)(torch.tensor(w)).numpy()
    np.testing.assert_allclose(second.numpy(), differences(slope, w.numpy()), rtol=1e-6, atol=1e-6)
    direction = values(3, 4)
    product = torch.func.jvp(torch.func.grad(loss), (w,), (direction,))[1]
    close(product, np.tensordot(second.numpy(), direction.numpy(), 2))


def test_gradients_of_each_sample_are_those_of_a_loop(parameters):
    x = values(5, 3)
    loss = lambda p, x: net(p, x).square()
    each = torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, x)
    for name in parameters:
        close(each[name], np.stack([torch.func.grad(loss)(parameters, row)[name].numpy() for row in x]))


def test_jacobians_by_rows_and_by_columns_agree(parameters):
    f = lambda x: torch.softmax(net(parameters, x), 0)
    x = values(5, 3)
    rows, columns = torch.func.jacrev(f)(x), torch.func.jacfwd(f)(x)
    assert rows.shape == (5, 5, 3)
    close(rows, columns.numpy())
    np.testing.assert_allclose(
        rows.numpy(), differences(lambda x: f(torch.tensor(x)).numpy(), x.numpy()), rtol=1e-6, atol=1e-8
    )


def test_a_function_runs_once_for_all_samples():
    calls = []

    def f(x):
        calls.append(tuple(x.shape))
        return x.sum()

    close(torch.vmap(f)(torch.ones(4, 3)), np.full(4, 3.0))
    torch.func.jacfwd(f)(torch.ones(3))
    assert calls == [(3,), (3,)]


def test_a_tensor_of_one_sample_shows_what_is_behind_it():
    seen = []

    def f(x):
        seen.extend([repr(x), x.shape, torch.func.debug_unwrap(x).shape, type(x)])
        return x

    torch.vmap(f)(torch.zeros(2, 3))
    assert seen[0].startswith("BatchedTensor(lvl=1, bdim=0, value=") and seen[1:] == [(3,), (2, 3), Batched]


def test_a_tensor_that_outlives_vmap_says_so():
    kept = []
    torch.vmap(lambda x: kept.append(x) or x)(torch.zeros(2, 3))
    with pytest.raises(RuntimeError, match="after vmap has returned"):
        kept[0] + 1


def test_gradients_inside_vmap_are_those_of_one_sample():
    """Of a function whose result does not depend on some of the inputs, too."""
    f = lambda x, y: (x * 2).sum()
    gx, gy = torch.vmap(torch.func.grad(f, argnums=(0, 1)))(torch.ones(3, 2), torch.ones(3, 4))
    close(gx, np.full((3, 2), 2.0))
    close(gy, np.zeros((3, 4)))


def test_inner_and_outer_derivatives_are_told_apart():
    inner = lambda x: torch.func.grad(lambda y: x * y)(torch.tensor(3.0))
    assert torch.func.grad(lambda x: x * inner(x))(torch.tensor(2.0)).item() == 4.0
    pushed = lambda x: torch.func.jvp(lambda y: x * y, (torch.tensor(3.0),), (torch.tensor(1.0),))[1]
    assert torch.func.jvp(lambda x: x * pushed(x), (torch.tensor(2.0),), (torch.tensor(1.0),))[1].item() == 4.0


def test_a_function_with_only_a_jvp_has_gradients():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            return x**3

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * t

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert torch.func.jvp(Cube.apply, (x.detach(),), (torch.ones(2),))[1].tolist() == [3.0, 12.0]
    assert torch.func.hessian(lambda x: Cube.apply(x).sum())(torch.tensor([2.0])).tolist() == [[12.0]]
