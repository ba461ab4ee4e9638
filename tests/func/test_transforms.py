"""Derivatives of functions, and their compositions with vmap, against torch."""

from __future__ import annotations

from collections import namedtuple

import pytest
from against_torch import raises, same

pytestmark = pytest.mark.plain(but="test_networks")  # which ops are called, not what their kernels compute


def v(t, *shape):
    """Some numbers between 0 and 2."""
    n = 1
    for s in shape:
        n *= s
    return ((t.arange(n, dtype=t.float64).reshape(shape) * 7) % 11 + 1) / 7


def f(x):
    return (x.sin() * x.sum()).sum()


def g(x):
    return x.sin() * x.sum()


COMPOSED = {
    "grad": lambda t: t.func.grad(lambda x: (x**3).sum())(v(t, 3)),
    "grad twice": lambda t: t.func.grad(t.func.grad(lambda x: x.sin() * x))(v(t)),
    "several arguments": lambda t: t.func.grad(lambda x, y: (x * y * y).sum(), argnums=(0, 1))(v(t, 3), v(t, 3)),
    "the last argument": lambda t: t.func.grad(lambda x, y: (x * y * y).sum(), argnums=-1)(v(t, 3), v(t, 3)),
    "grad_and_value": lambda t: t.func.grad_and_value(f)(v(t, 3)),
    "jacrev": lambda t: t.func.jacrev(g)(v(t, 4)),
    "jacfwd": lambda t: t.func.jacfwd(g)(v(t, 4)),
    "in chunks": lambda t: (t.func.jacrev(g, chunk_size=2)(v(t, 5)), t.func.jacrev(g, chunk_size=1)(v(t, 5))),
    "hessian": lambda t: t.func.hessian(lambda x: g(x).prod())(v(t, 4)),
    "jacrev of jacfwd": lambda t: t.func.jacrev(t.func.jacfwd(f))(v(t, 3)),
    "three times": lambda t: t.func.jacrev(t.func.jacrev(t.func.jacfwd(f)))(v(t, 2)),
    "jvp": lambda t: t.func.jvp(lambda x, y: (x * y, x.sum()), (v(t, 3), v(t, 3)), (v(t, 3) + 1, v(t, 3))),
    "jvp of jvp": lambda t: t.func.jvp(
        lambda x: t.func.jvp(lambda y: (x * y).sin(), (x * x,), (t.ones_like(x),))[1], (v(t, 3),), (v(t, 3),)
    ),
    "jvp of grad": lambda t: t.func.jvp(t.func.grad(f), (v(t, 3),), (v(t, 3) + 1,)),
    "jvp without dependence": lambda t: t.func.jvp(lambda x: (x, v(t, 2)), (v(t, 3),), (v(t, 3),)),
    "jacrev of jvp": lambda t: t.func.jacrev(lambda x: t.func.jvp(t.sin, (x,), (x,))[1])(v(t, 3)),
    "vmap of grad": lambda t: t.vmap(t.func.grad(f))(v(t, 3, 2)),
    "vmap of grad by what is shared": lambda t: t.vmap(
        t.func.grad(lambda w, x: (w * x).tanh().sum()), in_dims=(None, 0)
    )(v(t, 3), v(t, 5, 3)),
    "grad of vmap": lambda t: t.func.grad(lambda w: t.vmap(lambda x: f(w * x))(v(t, 5, 3)).prod())(v(t, 3)),
    "vmap of jacrev": lambda t: t.vmap(t.func.jacrev(g))(v(t, 3, 4)),
    "vmap of jacfwd": lambda t: t.vmap(t.func.jacfwd(g))(v(t, 3, 4)),
    "vmap of hessian": lambda t: t.vmap(t.func.hessian(f))(v(t, 3, 2)),
    "jacrev of vmap": lambda t: t.func.jacrev(t.vmap(f))(v(t, 3, 2)),
    "jacfwd of vmap": lambda t: t.func.jacfwd(t.vmap(f))(v(t, 3, 2)),
    "vmap of jvp": lambda t: t.vmap(lambda x: t.func.jvp(f, (x,), (x * 2,))[1])(v(t, 3, 2)),
    "vmap of tangents": lambda t: t.vmap(lambda d: t.func.jvp(f, (v(t, 2),), (d,))[1])(v(t, 3, 2)),
    "vmap of vjp": lambda t: t.vmap(lambda x: t.func.vjp(f, x)[1](x.sum())[0])(v(t, 3, 2)),
    "vmap of vmap of grad": lambda t: t.vmap(t.vmap(t.func.grad(f)), in_dims=1)(v(t, 2, 3, 2)),
    "complex numbers": lambda t: t.func.jvp(
        lambda z: z * z.exp(), (t.complex(v(t, 2), v(t, 2) + 1),), (t.complex(v(t, 2), -v(t, 2)),)
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_compositions(name):
    same(COMPOSED[name], rtol=1e-8)


def test_vjp_can_be_called_again_and_mapped():
    def run(t):
        y, pull = t.func.vjp(g, v(t, 3))
        return y, pull(v(t, 3)), pull(v(t, 3) + 1), t.vmap(pull)(t.eye(3, dtype=t.float64))

    same(run)


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # of torch
def test_linearize():
    def run(t):
        y, push = t.func.linearize(g, v(t, 3))
        return y, push(v(t, 3)), push(v(t, 3) + 1), t.vmap(push)(t.eye(3, dtype=t.float64))

    same(run)


def test_aux():
    def run(t):
        x = v(t, 2)
        return (
            t.func.grad(lambda x: (x.sum(), x * 2), has_aux=True)(x),
            t.func.grad_and_value(lambda x: (x.sum(), (x * 2, x)), has_aux=True)(x),
            t.func.jacrev(lambda x: (x * x, x), has_aux=True)(x),
            t.func.jacfwd(lambda x: (x * x, x), has_aux=True)(x),
            t.func.vjp(lambda x: (x.sin(), x), x, has_aux=True)[2],
            t.func.jvp(lambda x: (x.sin(), x), (x,), (x,), has_aux=True),
        )

    same(run)


def test_trees():
    Pair = namedtuple("Pair", "a b")

    def run(t):
        p = {"x": v(t, 2), "y": [v(t, 2)]}
        function = lambda p: {"a": p["x"] * p["y"][0], "b": (p["x"].sum(),)}
        made = [t.func.jacrev(function)(p), t.func.jacfwd(function)(p)]
        pair = t.func.grad(lambda p: (p.a * p.b[0]).sum())(Pair(v(t, 2), [v(t, 2)]))
        assert type(pair) is Pair and list(made[0]) == ["a", "b"]
        return [(j["a"]["x"], j["a"]["y"][0], j["b"][0]["x"], j["b"][0]["y"][0]) for j in made], pair.a, pair.b[0]

    same(run)


def test_what_is_captured_gets_gradients():
    def run(t):
        w = v(t, 3).requires_grad_()
        gradient = t.func.grad(lambda x: (x * x * w).sum())(v(t, 3))
        j = t.func.jacfwd(lambda x: x * x * w)(v(t, 3))
        return gradient.requires_grad, t.autograd.grad(gradient.sum() + j.sum(), w)

    same(run)


def test_results_are_outside_the_graph_where_nothing_is_recorded():
    def run(t):
        x, w = v(t, 3), v(t, 3).requires_grad_()
        with t.no_grad():
            inside = t.func.grad(lambda x: (x * w).sum())(x)
        made = [inside, *t.func.grad_and_value(f)(x), t.func.hessian(f)(x), *t.func.jvp(f, (x,), (x,))]
        return [y.requires_grad for y in made], made

    same(run)


@pytest.mark.parametrize("layer", ["mlp", "cnn", "attention"])
def test_networks(layer):
    def mlp(t, p, x, y):
        h = t.nn.functional.linear(x, p["w"], p["b"]).tanh() @ p["v"]
        return t.nn.functional.cross_entropy(h, y)

    def cnn(t, p, x, y):
        F = t.nn.functional
        h = F.max_pool2d(F.relu(F.conv2d(x.unsqueeze(0), p["w"], p["b"], padding=1)), 2)
        return F.cross_entropy(F.adaptive_avg_pool2d(h, 1).flatten(1) @ p["v"], y.unsqueeze(0))

    def attention(t, p, x, y):
        q, k = x @ p["w"], x @ p["v"]
        return (((q @ k.transpose(-1, -2)) / 2).softmax(-1) @ x)[y].pow(2).sum()

    def run(t):
        if layer == "mlp":
            function, p = mlp, {"w": v(t, 4, 3) - 0.8, "b": v(t, 4), "v": v(t, 4, 2)}
            x, y = v(t, 6, 3), t.tensor([0, 1, 1, 0, 1, 0])
        elif layer == "cnn":
            function, p = cnn, {"w": v(t, 4, 3, 3, 3) - 0.8, "b": v(t, 4), "v": v(t, 4, 5) - 0.7}
            x, y = v(t, 3, 3, 6, 6), t.tensor([0, 3, 1])
        else:
            function, p = attention, {"w": v(t, 5, 5) - 0.9, "v": v(t, 5, 5) - 0.5}
            x, y = v(t, 3, 4, 5), t.tensor([[0, 2], [1, 1], [3, 0]])
        loss = lambda p, x, y: function(t, p, x, y)
        each = t.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(p, x, y)
        curvature = t.func.hessian(lambda w: loss(p | {"v": w}, x[0], y[0]))(p["v"])
        assert list(each) == list(p)
        return list(each.values()), curvature

    same(run, rtol=1e-7, atol=1e-9)


def test_batched_gradients():
    def run(t):
        x = v(t, 3).requires_grad_()
        y = x.exp() * x.sum()
        rows = t.eye(3, dtype=t.float64)
        return (
            t.autograd.grad(y, x, rows, is_grads_batched=True, retain_graph=True),
            t.vmap(lambda g: t.autograd.grad(y, x, g, retain_graph=True)[0])(rows),
            t.autograd.grad((y, x * 2), x, (rows, rows), is_grads_batched=True, retain_graph=True),
        )

    same(run)


def test_functions_with_gradients_of_their_own():
    def run(t):
        class Cube(t.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(x, w):
                return x**3 * w

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)
                ctx.save_for_forward(*inputs)

            @staticmethod
            def backward(ctx, g):
                x, w = ctx.saved_tensors
                return g * 3 * x**2 * w, g * x**3

            @staticmethod
            def jvp(ctx, dx, dw):
                x, w = ctx.saved_tensors
                return 3 * x**2 * w * dx + (0 if dw is None else x**3 * dw)

        class Twice(t.autograd.Function):
            @staticmethod
            def forward(x):
                return x * 2

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def backward(ctx, g):
                return g * 2

            @staticmethod
            def vmap(info, in_dims, x):
                assert info.batch_size == 4 and info.randomness == "error"
                return Twice.apply(x), in_dims[0]

        x, w = v(t, 4), v(t)
        return (
            t.vmap(Cube.apply, (0, None))(x, w),
            t.vmap(t.func.grad(Cube.apply, argnums=(0, 1)), (0, None))(x, w),
            t.func.grad(lambda w: t.vmap(Cube.apply, (0, None))(x, w).sum())(w),
            t.func.jvp(Cube.apply, (x, w), (x + 1, w)),
            t.vmap(Twice.apply)(x),
            t.vmap(t.func.grad(Twice.apply))(x),
        )

    same(run)


ERRORS = {
    "scalar": (lambda t: t.func.grad(lambda x: x)(v(t, 2)), "with 1 dims"),
    "no tensor": (
        lambda t: t.func.grad(lambda x: 1.0)(v(t, 2)),
        "grad_and_value(f)(*args): Expected f(*args) to return",
    ),
    "no argument": (lambda t: t.func.grad(f, argnums=1)(v(t, 2)), "Got argnum=1, but only 1 positional inputs"),
    "integers": (lambda t: t.func.grad(f)(t.arange(3)), "can require gradients"),
    "aux": (lambda t: t.func.grad(f, has_aux=True)(v(t, 2)), "if has_aux is True"),
    "primals": (lambda t: t.func.jvp(t.sin, v(t, 2), v(t, 2)), "Expected primals to be a tuple"),
    "tangents": (lambda t: t.func.jvp(t.sin, (v(t, 2),), (v(t, 3),)), "different size than that of the original"),
    "trees of tangents": (lambda t: t.func.jvp(t.sin, (v(t, 2),), ()), "same python structure"),
    "cotangents": (lambda t: t.func.vjp(t.sin, v(t, 2))[1](v(t, 3)), "Mismatch in shape"),
    "trees of cotangents": (lambda t: t.func.vjp(t.sin, v(t, 2))[1]((v(t, 2),)), "pytree structure of cotangents"),
    "chunk": (lambda t: t.func.jacrev(f, chunk_size=0), "should be greater than 0"),
    "remove": (lambda t: t.func.functionalize(f, remove="x"), "functionalize(f, remove='mutations')"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raises(*ERRORS[name])


def test_a_function_without_a_rule_says_so():
    def run(t):
        class Cube(t.autograd.Function):
            @staticmethod
            def forward(x):
                return x**3

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

        t.vmap(Cube.apply)(v(t, 3))

    raises(run, "You tried to vmap over Cube, but it does not have vmap support")
