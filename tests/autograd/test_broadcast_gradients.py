"""Gradients of elementwise ops on broadcast, large and mixed operands: a node whose shapes came before runs a function
written for them, which must give what the general path gave at the first time."""

import numpy as np
import pytest

import numtorch as torch

OPS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "rsub": lambda a, b: b - a,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1),
    "pow": lambda a, b: (a * a + 0.5) ** b,
    "maximum": torch.maximum,
    "where": lambda a, b: torch.where(a > 0, a, b),
    "hypot": torch.hypot,
    "exp of a sum": lambda a, b: torch.exp(a + b),
}
SHAPES = [((4, 6), (6,)), ((4, 1), (1, 6)), ((3, 4), (3, 4)), ((5,), ()), ((2, 3, 4), (3, 1)), ((200, 300), (200, 300))]


def made(shape, dtype, seed):
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def gradients(f, *tensors):
    for t in tensors:
        t.grad = None
    y = f(*tensors)
    y.backward(torch.ones_like(y) * 2)
    return [t.grad for t in tensors], y.grad_fn


def same(first, then):
    for a, b in zip(first, then, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("name", OPS)
def test_the_third_time_gives_what_the_first_gave(name):
    for shapes in SHAPES if name in ("add", "mul") else SHAPES[:2]:
        a, b = (made(shape, torch.float32, i) for i, shape in enumerate(shapes))
        first, _ = gradients(OPS[name], a, b)
        gradients(OPS[name], a, b)
        then, _ = gradients(OPS[name], a, b)
        same(first, then)


@pytest.mark.parametrize("pair", [(torch.float32, torch.float64), (torch.float64, torch.float32)])
def test_gradients_have_the_types_of_their_operands(pair):
    a, b = made((4, 6), pair[0], 0), made((6,), pair[1], 1)
    first, _ = gradients(OPS["mul"], a, b)
    gradients(OPS["mul"], a, b)
    then, _ = gradients(OPS["mul"], a, b)
    same(first, then)
    assert [t.dtype for t in then] == list(pair)


def known(f, *tensors):
    """A result of shapes that have come before, whose node is run by the function written for them."""
    f(*tensors)
    f(*tensors)
    y = f(*tensors)
    assert y.grad_fn.recipe.pull is not None
    return y


def test_a_node_has_its_own_function_from_the_third_time():
    a, b = made((4, 6), torch.float32, 0), made((6,), torch.float32, 1)
    assert "sum_to" in known(torch.mul, a, b).grad_fn.recipe.pull.source


def test_an_operand_that_was_overwritten_is_refused():
    a, b = made((4, 6), torch.float32, 0), made((6,), torch.float32, 1)
    y = known(torch.mul, a, b)
    with torch.no_grad():
        b.mul_(2)
    with pytest.raises(RuntimeError, match="inplace operation"):
        y.sum().backward()


def test_other_gradients_take_the_general_path():
    a, b = made((4, 6), torch.float32, 0), made((6,), torch.float32, 1)
    y = known(torch.mul, a, b)
    strided = torch.ones(6, 4).T
    found = torch.autograd.grad(y, (a, b), strided, retain_graph=True)
    same(found, torch.autograd.grad(y, (a, b), torch.ones(4, 6)))


def test_only_what_is_wanted_is_computed():
    a, b = made((4, 6), torch.float32, 0), made((6,), torch.float32, 1).detach()
    y = known(torch.mul, a, b)
    y.sum().backward()
    assert np.array_equal(a.grad.numpy(), np.broadcast_to(b.numpy(), (4, 6)))
    assert b.grad is None


def test_gradients_of_gradients():
    a, b = made((3, 4), torch.float64, 0), made((4,), torch.float64, 1)
    known(torch.mul, a, b)
    assert torch.autograd.gradcheck(torch.mul, (a, b))
    assert torch.autograd.gradgradcheck(torch.mul, (a, b))


def test_a_profile_sees_the_gradients():
    a, b = made((4, 6), torch.float32, 0), made((6,), torch.float32, 1)
    expected, _ = gradients(OPS["mul"], a, b)
    known(torch.mul, a, b)
    with torch.profiler.profile() as profile:
        found, _ = gradients(OPS["mul"], a, b)
    same(expected, found)
    assert "mul.backward" in str(profile.table())
