"""What the tests of modules share: a module in both frameworks with the same weights."""

import numpy as np
import pytest

import numtorch as nt

torch = pytest.importorskip("torch")


def to_torch(t):
    return torch.from_numpy(np.array(t.detach().numpy()))


def copy_state(ours, theirs):
    """Give torch's module the parameters and buffers of ours."""
    theirs.load_state_dict({k: to_torch(v) for k, v in ours.state_dict().items()})


def pair(build):
    """``build(torch)`` in both frameworks, with equal weights."""
    ours, theirs = build(nt), build(torch)
    copy_state(ours, theirs)
    return ours, theirs


def both(x, grad=False):
    """An array as a tensor of each framework."""
    x = np.asarray(x)
    a, b = nt.from_numpy(x.copy()), torch.from_numpy(x.copy())
    return (a.requires_grad_(True), b.requires_grad_(True)) if grad else (a, b)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def assert_same(ours, theirs, tolerance=2e-5):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def assert_same_run(ours, theirs, *inputs, tolerance=2e-5):
    """Equal outputs, gradients of inputs and of parameters, and buffers afterwards."""
    given = [both(x, grad=np.asarray(x).dtype.kind == "f") for x in inputs]
    y, z = ours(*[a for a, _ in given]), theirs(*[b for _, b in given])
    assert tuple(y.shape) == tuple(z.shape)
    assert_same(y, z, tolerance)
    if z.requires_grad:
        g, h = both(normal(*z.shape, seed=9) if z.ndim else np.float32(1.5))
        y.backward(g)
        z.backward(h)
        for a, b in given:
            if b.grad is not None:
                assert_same(a.grad, b.grad, tolerance)
        for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert (p.grad is None) == (q.grad is None), name
            if q.grad is not None:
                assert_same(p.grad, q.grad, tolerance)
    for (name, p), (other, q) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert name == other
        assert_same(p, q, tolerance)
