"""Forward-mode differentiation, against torch."""

from __future__ import annotations

import pytest
from against_torch import raises, same

pytestmark = pytest.mark.plain(but="test_tangents$")  # which ops are called, not what their kernels compute


def v(t, *shape):
    """Some numbers between 0 and 2."""
    n = 1
    for s in shape:
        n *= s
    return ((t.arange(n, dtype=t.float64).reshape(shape) * 7) % 11 + 1) / 7


def test_tangents():
    def run(t):
        fw = t.autograd.forward_ad
        with fw.dual_level():
            x = fw.make_dual(v(t, 3), v(t, 3) + 1)
            y = fw.unpack_dual(x.sin() * x.sum())
            split = fw.unpack_dual(x.max(0).values), fw.unpack_dual(x[1:] @ x[:2])
            constant = fw.unpack_dual(v(t, 2))
        assert isinstance(y, fw.UnpackedDualTensor) and fw.unpack_dual(x).tangent is None
        return y.primal, y.tangent, [s.tangent for s in split], constant.primal, constant.tangent is None

    same(run)


def test_tangents_can_be_differentiated():
    def run(t):
        fw = t.autograd.forward_ad
        p, d = v(t, 3).requires_grad_(), (v(t, 3) + 1).requires_grad_()
        with fw.dual_level():
            x = fw.make_dual(p, d)
            y = x * x.sum()
            z = y.clone()
            z[0] = x[1]
            z.mul_(x)
            u = fw.unpack_dual(z)
            gradients = t.autograd.grad(u.tangent.sum(), (p, d))
            plain = t.autograd.grad(fw.unpack_dual(x * 2).primal.sum(), p)
        return u.primal.detach(), u.tangent.detach(), gradients, plain

    same(run)


def test_without_recording():
    def run(t):
        fw = t.autograd.forward_ad
        net = t.nn.Linear(3, 2).double()
        with t.no_grad():
            net.weight.copy_(v(t, 2, 3))
            net.bias.copy_(v(t, 2))
            with fw.dual_level():
                for name, p in list(net.named_parameters()):
                    delattr(net, name)
                    setattr(net, name, fw.make_dual(p, t.ones_like(p)))
                y = fw.unpack_dual(net(v(t, 4, 3)))
        return y.primal.detach(), y.tangent.detach()

    same(run)


def test_levels():
    def run(t):
        fw = t.autograd.forward_ad
        level = fw.enter_dual_level()
        x = fw.make_dual(v(t, 2), v(t, 2), level=level)
        tangent = fw.unpack_dual(x * x, level=level).tangent
        fw.exit_dual_level(level=level)
        return level, tangent, fw.unpack_dual(x).tangent is None

    same(run)


def dual(t, x, tangent):
    with t.autograd.forward_ad.dual_level():
        t.autograd.forward_ad.make_dual(x, tangent)


def nested(t):
    with t.autograd.forward_ad.dual_level(), t.autograd.forward_ad.dual_level():
        pass


ERRORS = {
    "no level": (lambda t: t.autograd.forward_ad.make_dual(v(t, 2), v(t, 2)), "no level exists"),
    "sizes": (lambda t: dual(t, v(t, 2), v(t, 3)), "different size than that of the original Tensor"),
    "integers": (lambda t: dual(t, t.arange(3), t.arange(3)), "Expected primal to be floating point or complex"),
    "nested": (nested, "Nested forward mode AD is not supported"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raises(*ERRORS[name])
