"""vmap against torch: dimensions, trees, operations, writes in place, random numbers, errors."""

from __future__ import annotations

import warnings

import pytest
from against_torch import raises, same

import numtorch
from numtorch.func import calls

pytestmark = pytest.mark.plain(but="layers")  # which ops are called, not what their kernels compute


def v(t, *shape):
    """Some numbers between 0 and 2."""
    n = 1
    for s in shape:
        n *= s
    return ((t.arange(n, dtype=t.float64).reshape(shape) * 7) % 11 + 1) / 7


STRUCTURE = {
    "nested": lambda t: t.vmap(t.vmap(lambda x, y: x @ y, in_dims=(None, 0)), in_dims=(0, None))(
        v(t, 3, 4), v(t, 5, 4)
    ),
    "out_dims": lambda t: t.vmap(lambda x: (x.sum(), x * 2), in_dims=1, out_dims=(0, 1))(v(t, 3, 4)),
    "a negative out_dim": lambda t: t.vmap(lambda x: x.unsqueeze(0), out_dims=-1)(v(t, 3, 4)),
    "a negative in_dim": lambda t: t.vmap(lambda x: x.sum(), in_dims=-1)(v(t, 3, 4)),
    "a result that is shared": lambda t: t.vmap(lambda x: (x, v(t, 2)), out_dims=(0, None))(v(t, 3)),
    "a result that is repeated": lambda t: t.vmap(lambda x: v(t, 2))(v(t, 3)),
    "chunks": lambda t: t.vmap(lambda x: (x.sin().sum(), x), out_dims=(0, 1), chunk_size=2)(v(t, 5, 2)),
    "keywords": lambda t: t.vmap(lambda x, y: x + y)(v(t, 3), y=v(t, 2)),
    "one sample": lambda t: t.vmap(lambda x: x.sum())(v(t, 1, 4)),
    "promotion": lambda t: t.vmap(lambda x: x.sum() * t.ones(2) + t.ones(()))(v(t, 3, 4)),
}


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure(name):
    same(STRUCTURE[name])


def test_trees():
    def run(t):
        function = lambda d: {"s": d["x"].sum(), "l": [d["y"]]}
        q = t.vmap(function, in_dims=({"x": 0, "y": 1},))({"x": v(t, 3, 2), "y": v(t, 2, 3)})
        return (
            q["s"],
            q["l"][0],
            t.vmap(lambda p, q: p[0] + p[1] * q, in_dims=((0, None), 1))((v(t, 3), v(t)), v(t, 2, 3)),
        )

    same(run)


OPERATIONS = """
x.sum() | x.mean(-1, keepdim=True) | x.amax((0, 1)) | x.max(1).values | x.argmax() | x.argmax(0) | x.var() | x.std(1)
x.norm() | x.logsumexp(0) | x.cumsum(1) | x.sort(0).values | x.topk(2, 1).values | x.median() | x.prod() | x.softmax(0)
x.roll(1) | x.roll(1, 0) | x.flip(0) | x.t() | x.T | x.permute(1, 0) | x.reshape(-1) | x.view(4, 2) | x.expand(5, 2, 4)
x.repeat(2, 1, 1) | x.squeeze() | x[None].squeeze(0) | x.unbind(1)[1] | x.chunk(2, 1)[1] | t.cat([x, x], 1)
t.stack([x, t.ones(2, 4, dtype=t.float64)], -1) | x.tril() | x.diagonal() | t.einsum('ij,ik->jk', x, x)
x.unfold(1, 2, 1) | t.where(x > 1, x, 0.0) | x.clamp(0.5, 1) | x.float() * x
F.pad(x, (1, 2)) | F.one_hot(x.argmax(1), 4)
x.masked_fill(x > 1, 0) | x.all() | t.outer(x[0], x[1]) | t.cdist(x, x) | F.normalize(x, dim=0) | F.mse_loss(x, x * 2)
x.scatter(1, t.zeros(2, 1, dtype=t.int64), 0.0) | t.linalg.inv(x @ x.T + t.eye(2, dtype=t.float64))
t.linalg.det(x @ x.T)
x[x.argmax(0)[0]] | x[..., None, 1:] | x[1:, :2] | x[[1, 0]] | x[:, x.argmax(1)] | x[x.argmax(1) - 4] | t.kron(x, x)
x.quantile(0.5) | t.bmm(x[None], x.T[None]) | F.embedding(x.argmax(1), v(t, 4, 3)) | x.sum().softmax(0) | x.sum().amax()
x.index_select(1, x.argmax(1)) | x.index_add(0, x.argmax(1) % 2, x) | x.gather(1, x.argsort(1)) | x @ x[0] | x[0] @ x.T
F.layer_norm(x, (4,), x[0], x[1]) | F.linear(x, x, x[:, 0]) | F.linear(x[0], x) | F.cross_entropy(x, x.argmax(1))
F.binary_cross_entropy(x.sigmoid(), x.sigmoid()) | F.nll_loss(x, x.argmax(1), reduction='none')
x.T.contiguous().view(8)
F.scaled_dot_product_attention(x[None], x[None], x[None]) | x.as_strided((2, 2), (4, 1))
"""


@pytest.mark.filterwarnings("ignore:There is a performance drop because we have not")  # of torch
@pytest.mark.parametrize("text", [part.strip() for part in OPERATIONS.strip().replace("\n", " | ").split(" | ")])
def test_operations(text):
    def run(t):
        return t.vmap(lambda x: eval(text, {"t": t, "F": t.nn.functional, "x": x, "v": v}))(v(t, 3, 2, 4))  # noqa: S307

    same(run)


def test_an_op_without_a_rule_warns_once_and_is_called_for_each_sample():
    places, x = numtorch.tensor([[0.0, 1.0], [2.0, 3.0]]), numtorch.tensor([0.5, 2.5])
    calls._warned.discard("insertion_places")
    with pytest.warns(UserWarning, match="no rule for insertion_places"):
        assert numtorch.vmap(numtorch.searchsorted)(places, x).tolist() == [1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numtorch.vmap(numtorch.searchsorted)(places, x)


def test_layers():
    def run(t):
        F = t.nn.functional
        x, w, b, m = v(t, 3, 2, 4, 5, 5), v(t, 3, 6, 2, 3, 3), v(t, 3, 6), v(t, 3, 4)
        how = {"groups": 2, "padding": 1, "stride": 2}
        return (
            t.vmap(lambda x: F.conv2d(x, w[0], b[0], **how))(x),
            t.vmap(lambda x, w: F.conv2d(x, w, b[0], **how))(x, w),
            t.vmap(lambda w, b: F.conv2d(x[0], w, b, **how))(w, b),
            t.vmap(lambda b: F.conv2d(x[0], w[0], b, **how))(b),
            t.vmap(lambda x, w: F.conv_transpose2d(x, w, padding=1))(x, v(t, 3, 4, 2, 3, 3)),
            t.vmap(t.func.grad(lambda w, x: (F.conv2d(x, w, **how) ** 2).sum()), (None, 0))(w[0], x),
            t.vmap(lambda x: F.batch_norm(x, None, None, m[0], None, True))(x),
            t.vmap(t.func.grad(lambda x: (F.batch_norm(x, None, None, m[0], None, True) ** 3).sum()))(x),
            t.vmap(lambda x, m: F.batch_norm(x, m, m + 1, m[:4], None))(x, m),
            t.vmap(lambda x, m: F.group_norm(x, 2, m, m))(x, m),
            t.vmap(lambda x: F.max_pool2d(F.avg_pool2d(x, 2), 2))(x),
        )

    same(run, rtol=1e-7, atol=1e-9)


def test_writes_in_place():
    def run(t):
        def own(x):
            y = x.clone()
            y[0] = 5
            y.add_(x)
            y[1:] *= 2
            y.T[0] = x[0, 0]
            y.index_add_(0, t.tensor([1]), x[:1])
            return y

        def made(x):
            y, z = x.new_zeros(3), t.zeros_like(x)
            y[1:] = x[0, :2]
            z.copy_(x)[0] = 0
            return y, z.zero_().add_(x.sin())

        x = v(t, 3, 2, 4)
        return t.vmap(own)(x), t.vmap(made)(x), t.vmap(t.func.grad(lambda x: own(x).sum()))(x)

    same(run)


def test_random_numbers():
    def run(t):
        t.manual_seed(0)
        like = lambda function, how: t.vmap(function, randomness=how)(t.ones(3, 50))
        alike = lambda x: bool((x[0] == x[1]).all())
        nested = t.vmap(t.vmap(lambda x: t.randn(2), randomness="different"), randomness="same")(t.ones(3, 4))
        functions = [
            lambda x: x * t.rand(50),
            lambda x: t.randn_like(x),
            lambda x: t.nn.functional.dropout(x, 0.5),
            lambda x: t.randperm(50) + x,
            lambda x: t.randint(0, 1000, (50,)) + x,
        ]
        made = [alike(like(f, how)) for how in ("same", "different") for f in functions]
        return made, alike(nested), alike(nested[0]), tuple(nested.shape)

    same(run)


ERRORS = {
    "item": (lambda t: t.vmap(lambda x: x.item())(v(t, 2)), ".item()"),
    "bool": (lambda t: t.vmap(lambda x: x if x > 0 else -x)(v(t, 2)), "data-dependent control flow"),
    "nonzero": (lambda t: t.vmap(lambda x: x.nonzero())(v(t, 2, 3)), "vmap: "),
    "sizes": (lambda t: t.vmap(t.add)(v(t, 2), v(t, 3)), "Expected all tensors to have the same size in the mapped"),
    "no inputs": (lambda t: t.vmap(t.add)(), "got no inputs"),
    "in_dim": (lambda t: t.vmap(t.sin, in_dims=3)(v(t, 2)), "Got in_dim=3 for some input"),
    "no in_dim": (lambda t: t.vmap(t.sin, in_dims=None)(v(t, 2)), "expected `in_dims` to be int or a"),
    "nothing to map": (lambda t: t.vmap(t.add, in_dims=(None, None))(v(t, 2), v(t, 2)), "at least one Tensor"),
    "structure": (lambda t: t.vmap(t.add, in_dims=(0,))(v(t, 2), v(t, 2)), "in_dims is not compatible"),
    "a number": (lambda t: t.vmap(t.add)(v(t, 2), 1), "non-Tensor arguments"),
    "results": (lambda t: t.vmap(lambda x: 1)(v(t, 2)), "must only return Tensors"),
    "no out_dim": (
        lambda t: t.vmap(t.sin, out_dims=None)(v(t, 2)),
        "can not return a BatchedTensor when out_dim is None",
    ),
    "out_dim": (lambda t: t.vmap(t.sin, out_dims=3)(v(t, 2)), "Dimension out of range"),
    "random": (lambda t: t.vmap(lambda x: x + t.rand(2))(v(t, 2)), "randomness error mode"),
    "dropout": (lambda t: t.vmap(lambda x: t.nn.functional.dropout(x, 0.5))(v(t, 3, 5)), "randomness error mode"),
    "randomness": (lambda t: t.vmap(t.sin, randomness="x"), "Only allowed values for randomness"),
    "chunk_size": (lambda t: t.vmap(t.sin, chunk_size=0), "chunk_size should be None or greater than 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    raises(*ERRORS[name])


def test_writing_to_what_samples_share_is_an_error():
    y = numtorch.zeros(3)
    with pytest.raises(RuntimeError, match="inplace arithmetic"):
        numtorch.vmap(lambda x: y.add_(x))(numtorch.ones(2, 3))


def test_indices_out_of_range_do_not_reach_the_next_sample():
    x, i = numtorch.zeros(2, 3), numtorch.tensor([[0, 1], [2, 3]])
    with pytest.raises(IndexError, match="index 3 is out of bounds for dimension 0 with size 3"):
        numtorch.vmap(lambda x, i: x[i])(x, i)


@pytest.mark.parametrize("f", [numtorch.real, numtorch.imag, lambda v: numtorch.logcumsumexp(v, 0)])
def test_parts_of_complex_numbers_that_need_no_gradient(f):
    x = numtorch.complex(numtorch.randn(3, 4), numtorch.randn(3, 4))
    assert numtorch.allclose(numtorch.vmap(f)(x), numtorch.stack([f(row) for row in x]))


def test_an_integer_of_a_sample_is_an_index():
    x = numtorch.arange(24.0).reshape(2, 3, 4)
    at = numtorch.tensor([0, -1, 1])
    for pick in (lambda k: x[:, k], lambda k: x[None, 0, k, 1:3], lambda k: x[0][k][1]):
        want = [pick(k).tolist() for k in (0, -1, 1)]
        assert numtorch.func.vmap(pick)(at).tolist() == want
