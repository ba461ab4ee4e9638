"""Scans, sorting, scatters and copies where the table of ops does not reach: long rows, threads, NaN, torch's own
answers."""

import importlib.util

import numpy as np
import pytest

import numtorch
from numtorch.kernels.jit import disabled

rng = np.random.default_rng(0)
LONG = 300 if disabled() else 70_000


def on_threads(f):
    """What ``f`` computes on one thread and on two."""
    before = numtorch.get_num_threads()
    results = []
    for n in (1, 2):
        numtorch.set_num_threads(n)
        try:
            results.append([y.numpy().copy() for y in f()])
        finally:
            numtorch.set_num_threads(before)
    return results


@pytest.mark.parametrize(
    "f",
    [
        lambda x: [x.cumsum(0), x.flip((0,)), x.roll(3)],
        lambda x: numtorch.sort(x),
        lambda x: [
            numtorch.scatter_add(
                numtorch.zeros(20, 64),
                0,
                (x[: 64 * (LONG // 64)].reshape(-1, 64) > 0).long(),
                x[: 64 * (LONG // 64)].reshape(-1, 64),
            )
        ],
    ],
    ids=["scans", "sort", "scatter_add"],
)
def test_results_do_not_depend_on_threads(f):
    x = numtorch.tensor(rng.standard_normal(LONG).astype(np.float32))
    for one, two in zip(*on_threads(lambda: f(x)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_long_sums():
    a, g = rng.standard_normal((2, LONG))
    x = numtorch.tensor(a, requires_grad=True)
    y = x.cumsum(0)
    y.backward(numtorch.tensor(g))
    np.testing.assert_allclose(y.detach().numpy(), np.cumsum(a), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(x.grad.numpy(), np.cumsum(g[::-1])[::-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 700), (700, 3), (1, 256), (3, 257)])
@pytest.mark.parametrize("dim", [0, 1])
def test_gradients_of_long_logarithms_of_sums(shape, dim):
    a, g = rng.standard_normal((2, *shape)) * 3
    a[rng.random(shape) < 0.1] = -np.inf
    a[tuple(np.s_[:1] if d == dim else np.s_[:] for d in range(2))] = (
        1  # of nothing but -inf, and of inf, there is no slope
    )
    x = numtorch.tensor(a, requires_grad=True)
    y = x.logcumsumexp(dim)
    y.backward(numtorch.tensor(g))
    sums = np.logaddexp.accumulate(a, dim)
    np.testing.assert_allclose(y.detach().numpy(), sums, rtol=1e-12)
    lines = np.moveaxis(np.stack([a, g, sums]), dim + 1, -1)
    want = [
        [sum(g[j] * np.exp(a[i] - y[j]) for j in range(i, len(a))) for i in range(len(a))]
        for a, g, y in lines.swapaxes(0, 1)
    ]
    np.testing.assert_allclose(np.moveaxis(x.grad.numpy(), dim, -1), want, rtol=1e-9, atol=1e-12)


SPECIAL = np.array([1, np.nan, -0.0, 0.0, np.inf, -np.inf, -np.nan, 2, 1], np.float32)


def test_nan_is_the_largest_and_zeros_are_equal():
    for descending in (False, True):
        values, at = numtorch.sort(numtorch.tensor(SPECIAL), descending=descending)
        order = [5, 2, 3, 0, 8, 7, 4, 1, 6] if not descending else [1, 6, 4, 7, 0, 8, 2, 3, 5]
        assert at.tolist() == order
        np.testing.assert_array_equal(values.numpy(), SPECIAL[order])
    assert numtorch.topk(numtorch.tensor(SPECIAL), 3).indices.tolist() == [1, 6, 4]
    assert np.isnan(numtorch.median(numtorch.tensor(SPECIAL)).item())
    assert numtorch.nanmedian(numtorch.tensor(SPECIAL)).item() == 1


@pytest.mark.parametrize("dtype", ["int64", "uint8", "int16", "bool", "float16", "bfloat16"])
def test_every_type_is_sorted(dtype):
    x = numtorch.tensor(rng.integers(0, 50, 60)).to(getattr(numtorch, dtype))
    values, at = numtorch.sort(x, descending=True)
    want = np.argsort(-x.double().numpy(), kind="stable")
    assert values.dtype is x.dtype
    np.testing.assert_array_equal(at.numpy(), want)
    np.testing.assert_array_equal(values.double().numpy(), x.double().numpy()[want])


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((33, 47), (1, 0)),
        ((2, 3, 20, 30), (0, 2, 3, 1)),
        ((2, 20, 30, 3), (0, 3, 1, 2)),
        ((5, 6, 7), (2, 0, 1)),
        ((4, 9, 8, 2), (3, 2, 1, 0)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "float16"])
def test_copies_between_layouts(shape, order, dtype):
    x = numtorch.tensor(rng.integers(0, 200, shape)).to(getattr(numtorch, dtype))
    a = x.float().numpy()
    y = x.permute(order).contiguous()
    np.testing.assert_array_equal(y.float().numpy(), a.transpose(order))
    back = numtorch.zeros(shape, dtype=x.dtype)
    back.permute(order).copy_(y)
    np.testing.assert_array_equal(back.float().numpy(), a)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, i: numtorch.gather(x, 0, i),
        lambda x, i: numtorch.scatter_add(x, 0, i, x),
        lambda x, i: numtorch.index_select(x, 0, i),
        lambda x, i: numtorch.index_add(x, 0, i, x),
        lambda x, i: numtorch.index_copy(x, 0, i, x),
    ],
    ids=["gather", "scatter_add", "index_select", "index_add", "index_copy"],
)
@pytest.mark.parametrize("bad", [3, -1])
def test_positions_outside_are_named(call, bad, request):
    name = request.node.callspec.id.split("-")[-1]
    with pytest.raises(IndexError, match=rf"index {bad} is out of bounds for dimension 0 with size 3") as e:
        call(numtorch.ones(3), numtorch.tensor([0, bad, 1]))
    assert any(
        str(e.value).startswith(f"{n}()") for n in ("gather", "scatter_add", "index_select", "index_add", "index_copy")
    ), name


def test_half_types_add_up_as_numbers():
    x = numtorch.zeros(2, dtype=numtorch.bfloat16)
    y = numtorch.tensor([1.5, 2.0, 3.0]).to(numtorch.bfloat16)
    assert numtorch.index_add(x, 0, numtorch.tensor([0, 0, 1]), y).tolist() == [3.5, 3.0]
    assert numtorch.scatter_add(x, 0, numtorch.tensor([1, 1, 0]), y).tolist() == [3.0, 3.5]
    assert y.cumsum(0).tolist() == [1.5, 3.5, 6.5]


if importlib.util.find_spec("torch"):
    import torch

    X = rng.standard_normal((4, 5)).astype(np.float32)
    WITH_ZEROS = np.where(X > 0.5, 0, X).astype(np.float32)
    INDEX = [[0, 1, 1, 0], [2, 2, 2, 2], [4, 3, 2, 1]]
    SAME = {
        "cumprod": lambda t, x: t.cumprod(x, 1),
        "logcumsumexp": lambda t, x: t.logcumsumexp(x, 0),
        "cummax": lambda t, x: t.cummax(x, 0)[0],
        "kthvalue": lambda t, x: t.kthvalue(x, 2, 0)[0],
        "roll": lambda t, x: t.roll(x, (1, -2), (0, 1)),
        "rot90": lambda t, x: t.rot90(x, 3),
        "diff": lambda t, x: t.diff(x, 2),
        "diag_embed": lambda t, x: t.diag_embed(x, 1),
        "repeat_interleave": lambda t, x: t.repeat_interleave(x, 3, 1),
        "masked_scatter": lambda t, x: t.masked_scatter(x, x > 0, x * x),
        "masked_select": lambda t, x: t.masked_select(x, x > 0),
        "take": lambda t, x: t.take(x, t.tensor([[1, 5], [5, -1]])),
        "slice_scatter": lambda t, x: t.slice_scatter(x, x[:2], 0, 1, 3),
        "take_along_dim": lambda t, x: t.take_along_dim(x, t.tensor([[0], [2], [1], [0]]), 1),
        "tensor_split": lambda t, x: t.tensor_split(x, (1, 3))[1],
        "column_stack": lambda t, x: t.column_stack((x[:, 0], x)),
    }
    for _how in ("sum", "prod", "mean", "amax", "amin"):
        for _self in (True, False):
            SAME[f"scatter_reduce {_how} {_self}"] = lambda t, x, how=_how, own=_self: t.scatter_reduce(
                x, 1, t.tensor(INDEX), x[1:, :4] * 1.5, how, include_self=own
            )

    @pytest.mark.parametrize("values", [X, WITH_ZEROS], ids=["plain", "zeros"])
    @pytest.mark.parametrize("f", SAME.values(), ids=SAME)
    def test_values_and_gradients_are_torchs(f, values):
        results = []
        for t in (numtorch, torch):
            x = t.tensor(values, requires_grad=True)
            y = f(t, x)
            y.backward(t.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)).astype(np.float32)))
            results.append((y.detach().numpy(), x.grad.numpy()))
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("width", [15, 16, 37])
def test_rows_longer_and_shorter_than_a_block(width):
    x = np.arange(3 * width, dtype=np.float32).reshape(3, width)
    t = numtorch.tensor(x)
    np.testing.assert_array_equal(t.flip((1,)).numpy(), x[:, ::-1])
    np.testing.assert_array_equal(t.flip((0,)).numpy(), x[::-1])
    np.testing.assert_array_equal(t.roll(-2, 1).numpy(), np.roll(x, -2, 1))
    np.testing.assert_array_equal(numtorch.cat([t, t + 1], 1).numpy(), np.concatenate([x, x + 1], 1))
    np.testing.assert_array_equal(
        numtorch.nn.functional.pad(t, (2, -3, 1, 0), value=0.5).numpy(),
        np.pad(x[:, :-3], ((1, 0), (2, 0)), constant_values=0.5),
    )


def test_pairs_of_positions_wrap_and_are_checked():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    t = numtorch.tensor(x)
    rows, cols = np.array([2, -1, 0]), np.array([-4, 3, 1])
    np.testing.assert_array_equal(t[numtorch.tensor(rows), numtorch.tensor(cols)].numpy(), x[rows, cols])
    with pytest.raises(IndexError, match="index 4 is out of bounds for dimension 1 with size 4"):
        t[numtorch.tensor([0, 0]), numtorch.tensor([1, 4])]
    with pytest.raises(IndexError, match="index -4 is out of bounds for dimension 0 with size 3"):
        t[numtorch.tensor([0, -4]), numtorch.tensor([1, 1])]


@pytest.mark.parametrize("shape, form", [((2, 3, 4, 5), "channels_last"), ((2, 3, 2, 2, 2), "channels_last_3d")])
def test_copies_with_channels_last(shape, form):
    form = getattr(numtorch, form)
    x = numtorch.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
    for y in (x.clone(memory_format=form), x.contiguous(memory_format=form)):
        assert y.is_contiguous(memory_format=form) and not y.is_contiguous()
        assert numtorch.equal(y, x)
        (g,) = numtorch.autograd.grad(y.sum(), x)
        assert numtorch.equal(g, numtorch.ones_like(x))
    y = x.detach().contiguous(memory_format=form)
    z = y.clone(memory_format=form)
    z.zero_()
    assert numtorch.equal(y, x.detach()) and z.is_contiguous(memory_format=form)
    assert x.clone(memory_format=numtorch.contiguous_format).is_contiguous() and y.clone().is_contiguous()
    with pytest.raises(RuntimeError, match="required rank"):
        x[0].contiguous(memory_format=form)
    for copy in (x.clone, x.contiguous):
        with pytest.raises(TypeError, match="must be torch.memory_format, not str"):
            copy(memory_format="channels_last")


@pytest.mark.parametrize(
    "name",
    ["empty", "zeros", "ones", "full", "rand", "randn", "randint", "randperm", "arange", "linspace", "logspace", "eye"],
)
def test_factories_take_layout_and_pin_memory(name):
    args = {"full": ((2,), 1.0), "randint": (3, (2,)), "linspace": (0, 1, 3), "logspace": (0, 1, 3)}.get(name, (2,))
    options = {"layout": numtorch.strided, "pin_memory": False}
    assert getattr(numtorch, name)(*args, **options).layout is numtorch.strided
    if like := getattr(numtorch, f"{name}_like", None):
        more = {"full": (1.0,), "randint": (3,)}.get(name, ())
        assert like(numtorch.ones(2), *more, memory_format=numtorch.preserve_format, **options).shape == (2,)
    layout = numtorch.sparse_bsr if name in ("empty", "zeros") else numtorch.sparse_coo
    with pytest.raises(NotImplementedError, match=f"layout={layout} is not here"):
        getattr(numtorch, name)(*args, layout=layout)
