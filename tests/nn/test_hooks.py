"""Forward and backward hooks against torch's."""

import warnings

import numpy as np
import pytest
from same_as_torch import assert_same, normal, pair, torch

import numtorch as nt
from numtorch.nn import hooks


def layer(f):
    return f.nn.Sequential(f.nn.Linear(3, 4), f.nn.ReLU(), f.nn.Linear(4, 2))


def test_order_replacement_and_removal():
    m = nt.nn.Identity()
    seen = []

    def pre(tag, value=None):
        def hook(module, args):
            seen.append((tag, args))
            return value

        return hook

    def post(tag, value=None):
        def hook(module, args, output):
            seen.append((tag, args, output))
            return value

        return hook

    handles = [
        m.register_forward_pre_hook(pre("a", 2)),
        m.register_forward_pre_hook(pre("first"), prepend=True),
        m.register_forward_hook(post("b", 10)),
        m.register_forward_hook(post("c"), prepend=True),
    ]
    assert m(1) == 10
    assert seen == [("first", (1,)), ("a", (1,)), ("c", (2,), 2), ("b", (2,), 2)]
    for h in handles:
        h.remove()
        h.remove()
    assert m._hooked and m(1) == 1 and not m._hooked
    with m.register_forward_hook(lambda *a: 5):
        assert m(1) == 5
    assert m(1) == 1


def test_keyword_arguments():
    class Add(nt.nn.Module):
        def forward(self, a, b=0):
            return a + b

    m = Add()
    with m.register_forward_pre_hook(lambda module, args, kwargs: (args, {"b": kwargs["b"] * 2}), with_kwargs=True):
        assert m(1, b=2) == 5
    with m.register_forward_hook(lambda module, args, kwargs, y: (args, kwargs, y), with_kwargs=True):
        assert m(1, b=2) == ((1,), {"b": 2}, 3)
    with (
        m.register_forward_pre_hook(lambda *a: 3, with_kwargs=True),
        pytest.raises(RuntimeError, match="forward pre-hook must return"),
    ):
        m(1)
    with m.register_forward_pre_hook(lambda module, args: None):
        assert m(a=1) == 1


def test_always_call_runs_when_forward_raises():
    class Fails(nt.nn.Module):
        def forward(self, x):
            raise ValueError("inside")

    m, seen = Fails(), []
    m.register_forward_hook(lambda *a: seen.append("no"))
    m.register_forward_hook(lambda module, args, y: seen.append((args, y)), always_call=True)
    with pytest.raises(ValueError, match="inside"):
        m(1)
    assert seen == [((1,), None)]
    m.register_forward_hook(lambda *a: 1 / 0, always_call=True)
    with warnings.catch_warnings(record=True) as caught, pytest.raises(ValueError, match="inside"):
        warnings.simplefilter("always")
        m(1)
    assert "division by zero" in str(caught[0].message)


def test_hooks_of_all_modules():
    m, seen = layer(nt), []
    with hooks.register_module_forward_hook(lambda module, args, y: seen.append(type(module).__name__)):
        m(nt.ones(1, 3))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential"]
    with hooks.register_module_forward_pre_hook(lambda module, args: (args[0] * 0,)):
        assert nt.nn.Identity()(nt.ones(1)).item() == 0
    assert nt.nn.Identity()(nt.ones(1)).item() == 1 and not nt.nn.Module._hooked
    with hooks.register_module_full_backward_hook(lambda module, gi, go: seen.append(gi[0].shape)):
        nt.nn.Identity()(nt.ones(2, requires_grad=True)).sum().backward()
    with hooks.register_module_full_backward_pre_hook(lambda module, go: (go[0] * 2,)):
        x = nt.ones(2, requires_grad=True)
        nt.nn.Identity()(x).sum().backward()
    assert seen[-1] == (2,) and x.grad.tolist() == [2, 2]


def test_registration_hooks():
    with hooks.register_module_parameter_registration_hook(lambda m, name, p: nt.nn.Parameter(p.detach() * 0)):
        m = nt.nn.Module()
        m.p = nt.nn.Parameter(nt.ones(2))
        assert not m.p.any()
    with hooks.register_module_buffer_registration_hook(lambda m, name, b: b + 1):
        m = nt.nn.Module()
        m.register_buffer("b", nt.zeros(1))
        assert m.b.item() == 1
    with hooks.register_module_module_registration_hook(lambda m, name, sub: nt.nn.Identity()):
        assert isinstance(nt.nn.Sequential(nt.nn.ReLU())[0], nt.nn.Identity)


def run_backward(f, m, x, change=False):
    seen = []

    def full(module, gi, go):
        seen.append(
            (
                "full",
                [None if g is None else g.detach().numpy().copy() for g in gi],
                [g.detach().numpy().copy() for g in go],
            )
        )
        return tuple(None if g is None else g * 2 for g in gi) if change else None

    def pre(module, go):
        seen.append(("pre", [], [g.detach().numpy().copy() for g in go]))
        return (go[0] + 1,) if change else None

    m[2].register_full_backward_hook(full)
    m[0].register_full_backward_pre_hook(pre)
    m.register_full_backward_hook(full)
    m(x).sum().backward()
    return seen


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # torch's, where no input wants a gradient
@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("wants", [False, True])
def test_backward_hooks_see_and_change_gradients(change, wants):
    ours, theirs = pair(layer)
    a = nt.from_numpy(normal(5, 3)).requires_grad_(wants)
    b = torch.from_numpy(normal(5, 3)).requires_grad_(wants)
    for (kind, gi, go), (kind2, gi2, go2) in zip(
        run_backward(nt, ours, a, change), run_backward(torch, theirs, b, change), strict=True
    ):
        assert kind == kind2 and len(gi) == len(gi2)
        for g, h in zip(gi + go, gi2 + go2, strict=True):
            assert (g is None) == (h is None)
            if g is not None:
                np.testing.assert_allclose(g, h, rtol=1e-5, atol=1e-6)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_same(p.grad, q.grad)
    if wants:
        assert_same(a.grad, b.grad)


def test_backward_hook_with_several_inputs_and_outputs():
    class Swap(nt.nn.Module):
        def forward(self, a, b, n):
            return b * n, a

    m, seen = Swap(), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    a, b = nt.ones(2, requires_grad=True), nt.ones(2)
    y, z = m(a, b, 3)
    assert not y.requires_grad
    z.sum().backward()
    ((gi, go),) = seen
    assert gi[0].tolist() == [1, 1] and gi[1] is None and gi[2] is None and go[0] is None and go[1].tolist() == [1, 1]


def test_wrong_returns():
    m = nt.nn.Identity()
    with m.register_full_backward_hook(lambda *a: (1, 2)):
        y = m(nt.ones(1, requires_grad=True))
        with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
            y.backward()
    with (
        m.register_full_backward_hook(lambda *a: None),
        pytest.warns(UserWarning, match="module output should be a Tensor"),
    ):
        m([1])


def test_hooks_survive_copies():
    import copy

    m = nt.nn.Identity()
    m.register_forward_hook(post_hook)
    assert copy.deepcopy(m)(1) == 6


def post_hook(module, args, y):
    return y + 5


def test_gradients_of_gradients_pass_hooks():
    m = nt.nn.Tanh()
    m.register_full_backward_hook(lambda *a: None)
    x = nt.tensor(0.3, requires_grad=True)
    (g,) = nt.autograd.grad(m(x), x, create_graph=True)
    g.backward()
    t = np.tanh(0.3)
    assert x.grad.item() == pytest.approx(-2 * t * (1 - t * t), rel=1e-5)


@pytest.mark.parametrize("everywhere", [False, True])
def test_older_backward_hooks_see_the_last_op(everywhere):
    seen = {}
    for f in (nt, torch):
        x = f.tensor([-1.0, 2.0], requires_grad=True)
        relu = f.nn.ReLU()
        hook = lambda module, grad_input, grad_output: (grad_input[0] * 10,)  # noqa: E731
        module = hooks if f is nt else torch.nn.modules.module
        handle = module.register_module_backward_hook(hook) if everywhere else relu.register_backward_hook(hook)
        with handle:
            relu(x * 1).sum().backward()
        seen[f] = x.grad.tolist()
    torch.nn.modules.module._global_is_full_backward_hook = None
    assert seen[nt] == seen[torch] == [0.0, 10.0]


def test_backward_hooks_are_of_one_kind():
    m = nt.nn.Sequential(nt.nn.ReLU(), nt.nn.Tanh())
    m.register_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match="Please use only one of them"):
        m.register_full_backward_hook(lambda *a: None)
    with pytest.warns(FutureWarning, match="sees only the last op"):
        m(nt.ones(2, requires_grad=True))
