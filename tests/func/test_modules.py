"""Networks as functions of their parameters, against torch."""

from __future__ import annotations

import pytest
from against_torch import raises, same


def v(t, *shape):
    """Some numbers between 0 and 2."""
    n = 1
    for s in shape:
        n *= s
    return ((t.arange(n, dtype=t.float64).reshape(shape) * 7) % 11 + 1) / 7


def nets(t, n):
    made = [t.nn.Sequential(t.nn.Linear(3, 2), t.nn.Tanh(), t.nn.Linear(2, 2)).double() for _ in range(n)]
    for k, net in enumerate(made):
        with t.no_grad():
            for p in net.parameters():
                p.copy_(v(t, *p.shape) - k / 3)
    return made


def test_an_ensemble():
    def run(t):
        several = nets(t, 3)
        parameters, buffers = t.func.stack_module_state(several)
        call = lambda p, b, x: t.func.functional_call(several[0], (p, b), (x,))
        shared = t.vmap(call, (0, 0, None))(parameters, buffers, v(t, 4, 3))
        own = t.vmap(call, (0, 0, 0))(parameters, buffers, v(t, 3, 3))
        assert all(p.is_leaf and p.requires_grad for p in parameters.values()) and buffers == {}
        return shared, own, t.autograd.grad(shared.sum() + own.sum(), tuple(parameters.values()))

    same(run)


def test_gradients_of_each_sample():
    def run(t):
        (net,) = nets(t, 1)
        p = {name: t.detach() for name, t in net.named_parameters()}
        x, y = v(t, 5, 3), t.tensor([0, 1, 1, 0, 1])

        def loss(p, x, y):
            return t.nn.functional.cross_entropy(t.func.functional_call(net, p, (x.unsqueeze(0),)), y.unsqueeze(0))

        each = t.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(p, x, y)
        whole = t.func.grad(lambda p: t.vmap(loss, (None, 0, 0))(p, x, y).mean())(p)
        return list(each.values()), list(whole.values())

    same(run)


def test_functional_call():
    def run(t):
        net = t.nn.Linear(2, 2).double()
        w, b = v(t, 2, 2), v(t, 2)
        before = net.weight.detach().clone()
        called = t.func.functional_call(net, ({"weight": w}, {"bias": b}), v(t, 2), strict=True)
        part = t.func.functional_call(net, {"weight": w}, (), {"input": v(t, 2)}) - net.bias.detach()
        with pytest.raises(RuntimeError):
            t.func.functional_call(net, {"weight": w}, (v(t, 3),))
        assert bool((net.weight == before).all()) and isinstance(net.weight, t.nn.Parameter)

        class Tied(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = t.nn.Linear(2, 2, bias=False)
                self.b = t.nn.Linear(2, 2, bias=False)
                self.b.weight = self.a.weight

            def forward(self, x):
                return self.b(self.a(x))

        return called, part, t.func.functional_call(Tied().double(), {"a.weight": w}, v(t, 2))

    same(run)


def test_batch_norm():
    def run(t):
        net = t.func.replace_all_batch_norm_modules_(t.nn.Sequential(t.nn.BatchNorm1d(2), t.nn.ReLU()).double())
        return t.vmap(net)(v(t, 3, 4, 2)), len(list(net.buffers()))

    same(run)


ERRORS = {
    "missing": (
        lambda t: t.func.functional_call(t.nn.Linear(2, 2), {"weight": v(t, 2, 2)}, v(t, 2), strict=True),
        "'bias'",
    ),
    "twice": (
        lambda t: t.func.functional_call(t.nn.Linear(2, 2), ({"bias": v(t, 2)}, {"bias": v(t, 2)}), v(t, 2)),
        "multiple dictionaries",
    ),
    "no networks": (lambda t: t.func.stack_module_state([]), "Expected at least one model, got 0."),
    "classes": (lambda t: t.func.stack_module_state([t.nn.Linear(2, 2), t.nn.ReLU()]), "same class"),
    "modes": (
        lambda t: t.func.stack_module_state([t.nn.Linear(2, 2), t.nn.Linear(2, 2).eval()]),
        "same training/eval mode",
    ),
    "statistics": (lambda t: t.vmap(t.nn.BatchNorm1d(2).double())(v(t, 3, 4, 2)), "running"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raises(*ERRORS[name])
