"""Checkpointing: the same gradients and random numbers, with the function run once more."""

import contextlib
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils import checkpoint as c

X = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)


@pytest.fixture
def net():
    nt.manual_seed(0)
    return nt.nn.Sequential(nt.nn.Linear(6, 4), nt.nn.GELU(), nt.nn.Dropout(0.5), nt.nn.Linear(4, 6))


def gradients(net, run):
    nt.manual_seed(3)
    net.zero_grad()
    x = nt.from_numpy(X).requires_grad_(True)
    run(x).square().sum().backward()
    return [t.numpy() for t in (x.grad, *(p.grad for p in net.parameters()), nt.rand(2))]


@pytest.mark.parametrize(
    "options", [{"use_reentrant": False}, {"use_reentrant": True}, {"use_reentrant": False, "early_stop": False}]
)
def test_nothing_differs_but_the_calls(net, options):
    calls = []

    def counted(x):
        calls.append(1)
        return net(x)

    plain = gradients(net, net)
    again = gradients(net, lambda x: c.checkpoint(counted, x, **options))
    nested = gradients(net, lambda x: c.checkpoint(lambda x: c.checkpoint(net, x, **options), x, **options))
    parts = gradients(net, lambda x: c.checkpoint_sequential(net, 2, x, use_reentrant=options["use_reentrant"]))
    for found in (again, nested, parts):
        for a, b in zip(plain, found, strict=True):
            np.testing.assert_array_equal(a, b)
    assert len(calls) == 2


def test_it_stops_early_and_may_be_used_twice():
    seen = []

    def f(x, scale=1.0):
        y = (x * scale).exp()
        seen.append(1)
        return y + 1

    x = nt.ones(2, requires_grad=True)
    y = c.checkpoint(f, x, use_reentrant=False, scale=2.0).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), [4 * np.exp(2)] * 2, rtol=1e-6)
    assert len(seen) == 1  # the last that is saved comes before
    with c.set_checkpoint_early_stop(False):
        y = c.checkpoint(f, x, use_reentrant=False).sum()
    y.backward()
    assert len(seen) == 3


def test_gradients_of_gradients():
    x = nt.tensor([0.5, 2.0], requires_grad=True)
    (g,) = nt.autograd.grad(c.checkpoint(lambda x: x.sin() * x, x, use_reentrant=False).sum(), x, create_graph=True)
    g.sum().backward()
    v = np.array([0.5, 2.0], np.float32)
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(v) - v * np.sin(v), rtol=1e-5)


def test_contexts():
    order = []

    @contextlib.contextmanager
    def told(name):
        order.append(name)
        yield

    x = nt.ones(2, requires_grad=True)
    contexts = lambda: (told("called"), told("again"))  # noqa: E731
    c.checkpoint(nt.exp, x, use_reentrant=False, context_fn=contexts).sum().backward()
    assert order == ["called", "again"]


def test_what_changes_is_told():
    sizes = [1, 2, 1, 2]
    x = nt.ones(2, requires_grad=True)
    run = lambda x: (x[: sizes.pop()] * x[:1]).exp()  # noqa: E731
    y = c.checkpoint(run, x, use_reentrant=False, debug=True)
    with pytest.raises(c.CheckpointError, match=r"(?s)\[2\] .* \[1\] .*again: "):
        y.sum().backward()
    sin = [lambda y: y, nt.sin]
    y = c.checkpoint(lambda x: sin.pop()(x.exp()), x, use_reentrant=False)
    with pytest.raises(c.CheckpointError, match="tensors for backward"):
        y.sum().backward()


@pytest.mark.parametrize(
    "words, options",
    [
        ("need use_reentrant=False", {"use_reentrant": True, "scale": 2}),
        ("need use_reentrant=False", {"use_reentrant": True, "debug": True}),
        ("determinism_check must be", {"use_reentrant": False, "determinism_check": "never"}),
    ],
)
def test_refusals(words, options):
    with pytest.raises(ValueError, match=words):
        c.checkpoint(nt.exp, nt.ones(1, requires_grad=True), **options)


def test_warnings():
    with pytest.warns(UserWarning, match="pass use_reentrant=False"):
        c.checkpoint(nt.exp, nt.ones(1, requires_grad=True))
    with pytest.warns(UserWarning, match="no argument requires gradients"):
        c.checkpoint(nt.exp, nt.ones(1), use_reentrant=True)


# --- results that are kept ------------------------------------------------------------------------------


def part(x, w):
    y = nt.nn.functional.dropout(x @ w, 0.5)
    return nt.matmul(nt.tanh(y), w) * nt.rand(2, 2)


def of_part(**options):
    """Gradients, and how many products were computed forward."""
    nt.manual_seed(3)
    x, w = (nt.tensor([[1.0, 2.0], [3.0, 4.0]]).mul(0.1).requires_grad_() for _ in "xw")
    products = []

    def counted(x, y):
        products.append(1)
        return nt.from_numpy(x.detach().numpy() @ y.detach().numpy())

    with nt.kernels.use(nt.matmul, counted):
        y = c.checkpoint(part, x, w, use_reentrant=False, **options) if options else part(x, w)
        (y * nt.tensor([1.0, 2.0])).sum().backward()
    return [x.grad.tolist(), w.grad.tolist()], len(products)


def selected(policy, **options):
    return {"context_fn": partial(c.create_selective_checkpoint_contexts, policy, **options)}


def test_results_that_a_policy_keeps_are_not_computed_again():
    want, once = of_part()
    grads, all_again = of_part(context_fn=c.noop_context_fn)
    assert grads == want
    asked = []

    def policy(context, op, *args, **kwargs):
        asked.append((op, context.op_output.shape, context.is_recompute))
        return c.CheckpointPolicy.MUST_SAVE if op is nt.matmul else c.CheckpointPolicy.PREFER_RECOMPUTE

    for options in (
        selected([nt.matmul]),
        selected(policy),
        selected(lambda context, op, *args, **kwargs: True),
        selected([nt.matmul, nt.nn.functional.dropout, nt.rand], allow_cache_entry_mutation=True),
    ):
        grads, products = of_part(**options)
        assert grads == want
        assert products == once < all_again
    assert (nt.matmul, (2, 2), False) in asked
    grads, products = of_part(**selected(lambda context, op, *args, **kwargs: False))
    assert (grads, products) == (want, all_again)


def test_kept_results_that_were_written_to_are_told():
    x = nt.ones(2, 2, requires_grad=True)
    run = lambda x: (x @ x).mul_(2.0).exp()  # noqa: E731
    y = c.checkpoint(run, x, use_reentrant=False, **selected([nt.matmul]))
    with pytest.raises(RuntimeError, match=r"has been mutated: the result of torch\.matmul"):
        y.sum().backward()


def test_policies_are_functions_or_lists_of_them():
    with pytest.raises(TypeError, match="either a function or a list of ops"):
        c.create_selective_checkpoint_contexts(3)
    with pytest.raises(ValueError, match="to be a function, as torch.matmul"):
        c.create_selective_checkpoint_contexts(["aten.mm"])


def test_what_checkpoints_are_made_of():
    x, y, z = c.detach_variable((nt.ones(1, requires_grad=True) * 2, nt.ones(1), 3))
    assert (x.requires_grad, x.grad_fn, y.requires_grad, z) == (True, None, False, 3)
    with pytest.raises(RuntimeError, match="Only tuple of tensors is supported"):
        c.detach_variable([1])
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        c.check_backward_validity([nt.ones(1), 3])


def test_modes_that_begin_within_a_profile_work_after_it():
    code = """
import numtorch as nt
class Names(nt.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(nt.overrides.resolve_name(func))
        return func(*args, **(kwargs or {}))
x = nt.ones(1)
with nt.profiler.profile(), Names():
    nt.exp(x)
with Names():
    nt.exp(x)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["torch.exp"] * 2
