"""Views: shape, strides, offset and elements are torch's; memory is shared; property tests by Hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from against_torch import same, torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as nt

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def geometry(t):
    return tuple(t.shape), tuple(t.stride()), t.storage_offset(), t.is_contiguous()


def both(shape):
    n = int(np.prod(shape))
    return nt.arange(n).reshape(shape), torch.arange(n).reshape(shape)


def agree(x, y):
    assert tuple(x.shape) == tuple(y.shape)
    assert x.tolist() == y.tolist()
    if y.numel() and all(n > 1 for n in y.shape):
        assert geometry(x) == geometry(y)


STEPS = [
    "transpose",
    "permute",
    "select",
    "narrow",
    "slice",
    "unsqueeze",
    "squeeze",
    "diagonal",
    "unfold",
    "flatten",
    "unflatten",
    "expand",
    "movedim",
    "T",
    "chunk",
    "split",
    "view",
    "unbind",
    "reshape",
]


@settings(max_examples=400, deadline=None)
@given(shapes, st.data())
def test_chains_of_views_are_torchs(shape, data):
    x, y = both(shape)
    for _ in range(data.draw(st.integers(1, 5))):
        step = data.draw(st.sampled_from(STEPS))
        n = y.ndim
        dim = data.draw(st.integers(-n, n - 1)) if n else 0
        size = y.shape[dim] if n else 0
        if step == "transpose" and n:
            other = data.draw(st.integers(-n, n - 1))
            x, y = x.transpose(dim, other), y.transpose(dim, other)
        elif step == "permute":
            order = data.draw(st.permutations(range(n)))
            x, y = x.permute(tuple(order)), y.permute(tuple(order))
        elif step == "select" and size:
            i = data.draw(st.integers(-size, size - 1))
            x, y = x.select(dim, i), y.select(dim, i)
        elif step == "narrow" and n:
            a = data.draw(st.integers(0, size))
            b = data.draw(st.integers(0, size - a))
            x, y = x.narrow(dim, a, b), y.narrow(dim, a, b)
        elif step == "slice" and n:
            key = tuple(
                slice(
                    data.draw(st.none() | st.integers(-5, 5)),
                    data.draw(st.none() | st.integers(-5, 5)),
                    data.draw(st.none() | st.integers(1, 3)),
                )
                for _ in range(data.draw(st.integers(1, n)))
            )
            x, y = x[key], y[key]
        elif step == "unsqueeze":
            at = data.draw(st.integers(-n - 1, n))
            x, y = x.unsqueeze(at), y.unsqueeze(at)
        elif step == "squeeze":
            x, y = (x.squeeze(dim), y.squeeze(dim)) if n and data.draw(st.booleans()) else (x.squeeze(), y.squeeze())
        elif step == "diagonal" and n > 1:
            k = data.draw(st.integers(-3, 3))
            x, y = x.diagonal(k, 0, n - 1), y.diagonal(k, 0, n - 1)
        elif step == "unfold" and size:
            w = data.draw(st.integers(1, size))
            s = data.draw(st.integers(1, 3))
            x, y = x.unfold(dim, w, s), y.unfold(dim, w, s)
        elif step == "flatten":
            x, y = x.flatten(), y.flatten()
        elif step == "unflatten" and n and size % 2 == 0 and size:
            x, y = x.unflatten(dim, (2, -1)), y.unflatten(dim, (2, -1))
        elif step == "expand":
            target = tuple(3 if m == 1 else -1 for m in y.shape)
            x, y = x.expand(2, *target), y.expand(2, *target)
        elif step == "movedim" and n:
            to = data.draw(st.integers(-n, n - 1))
            x, y = x.movedim(dim, to), y.movedim(dim, to)
        elif step == "T" and n == 2:
            x, y = x.T, y.T
        elif step in ("chunk", "split") and n:
            k = data.draw(st.integers(1, 3))
            xs, ys = getattr(x, step)(k, dim), getattr(y, step)(k, dim)
            assert len(xs) == len(ys)
            x, y = xs[-1], ys[-1]
        elif step == "unbind" and size:
            x, y = x.unbind(dim)[-1], y.unbind(dim)[-1]
        elif step in ("view", "reshape"):
            target = data.draw(st.sampled_from([(-1,), (1, -1), (*y.shape, 1), tuple(reversed(y.shape))]))
            if -1 in target and not y.numel():
                continue
            try:
                z = getattr(y, step)(target)
            except RuntimeError:
                with pytest.raises(RuntimeError):
                    getattr(x, step)(target)
                continue
            x, y = getattr(x, step)(target), z
        agree(x, y)


@settings(max_examples=150, deadline=None)
@given(shapes, st.data())
def test_writes_through_views_are_seen_by_the_base(shape, data):
    x, y = both(shape)
    key = tuple(
        slice(data.draw(st.none() | st.integers(-4, 4)), None, data.draw(st.integers(1, 2)))
        for _ in range(data.draw(st.integers(0, len(shape))))
    )
    a, b = x[key], y[key]
    order = data.draw(st.permutations(range(len(shape))))
    a.permute(tuple(order)).mul_(3)
    b.permute(tuple(order)).mul_(3)
    a.add_(1)
    b.add_(1)
    assert x.tolist() == y.tolist()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=4), st.data())
def test_broadcasting_is_numpys(shape, data):
    other = [n if data.draw(st.booleans()) else 1 for n in shape][data.draw(st.integers(0, len(shape))) :]
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shape), rng.standard_normal(other)
    x, y = nt.from_numpy(np.asarray(a)), nt.from_numpy(np.asarray(b))
    if data.draw(st.booleans()):
        a, x = a.transpose(), x.permute(*reversed(range(x.ndim)))
        b, y = b.transpose(), y.permute(*reversed(range(y.ndim)))
    try:
        expected = a * b + b
    except ValueError:
        with pytest.raises(RuntimeError):
            x * y
        return
    np.testing.assert_allclose((x * y + y).numpy(), expected)
    assert tuple(nt.broadcast_tensors(x, y)[0].shape) == expected.shape


@settings(max_examples=100, deadline=None)
@given(shapes, st.data())
def test_gradients_of_view_chains_are_torchs(shape, data):
    n = len(shape)
    order = data.draw(st.permutations(range(n)))
    starts = [data.draw(st.integers(0, 2)) for _ in range(n)]
    steps = [data.draw(st.integers(1, 2)) for _ in range(n)]

    def run(lib):
        x = lib.arange(int(np.prod(shape)), dtype=lib.float64).reshape(shape).requires_grad_()
        y = (x * 2).permute(tuple(order))[tuple(slice(a, None, s) for a, s in zip(starts, steps, strict=True))]
        z = y.reshape(-1).unsqueeze(0).expand(3, -1)
        w = lib.arange(3, dtype=lib.float64).unsqueeze(1) + 1
        ((z * w) ** 2).sum().backward()
        return x.grad

    same(run)


def test_as_strided_and_unfold_gradients_add_up():
    def run(lib):
        x = lib.arange(6, dtype=lib.float64).requires_grad_()
        y = x.as_strided((3, 3), (1, 1)) * 2
        z = x.unfold(0, 3, 1)
        v = x.as_strided((2, 2), (2, 1), 1)
        return lib.autograd.grad((y**2).sum() + (z**3).sum() + (v**2).sum(), x, create_graph=True)

    same(run)


def test_views_share_storage_and_base():
    x = nt.arange(6).reshape(2, 3)
    v = x[1][1:]
    assert v.data_ptr() == x.data_ptr() + 4 * 8 and v.storage_offset() == 4
    assert np.shares_memory(v.numpy(), x.numpy())
    assert not np.shares_memory(x.contiguous().clone().numpy(), x.numpy())
    assert x.contiguous() is x and x.t().contiguous() is not x


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: x.view(5),
        lambda x: x.t().view(-1),
        lambda x: x.reshape(4, -1),
        lambda x: x.permute(0, 0),
        lambda x: x.permute(0),
        lambda x: x.transpose(0, 2),
        lambda x: x.select(0, 5),
        lambda x: x.narrow(0, 1, 5),
        lambda x: x.expand(3, 3),
        lambda x: x.squeeze(4),
        lambda x: x.unsqueeze(5),
        lambda x: x.split([1, 2]),
        lambda x: x.chunk(0),
        lambda x: x.unfold(0, 5, 1),
        lambda x: x.diagonal(0, 0, 0),
        lambda x: x.as_strided((9,), (1,)),
        lambda x: x.view(-1, -1),
        lambda x: x.flatten(1, 0),
        lambda x: x.movedim(0, 3),
    ],
    ids=range(19),
)
def test_errors_are_of_torchs_kind(bad):
    same(lambda lib: bad(lib.arange(6).reshape(2, 3)))


@pytest.mark.parametrize(
    "fn",
    [
        lambda lib, x: lib.cat([x, x * 2], 1),
        lambda lib, x: lib.stack([x, x], -1),
        lambda lib, x: x.repeat(2, 1, 3),
        lambda lib, x: x.tile((2,)),
        lambda lib, x: lib.cat([x, lib.tensor([]), x]),
        lambda lib, x: lib.cat([x, x.long()]),
        lambda lib, x: x.ravel(),
        lambda lib, x: x.mT,
        lambda lib, x: lib.movedim(x.unsqueeze(0), (0, 1), (2, 0)),
        lambda lib, x: x.expand_as(lib.zeros(4, 2, 3)),
        lambda lib, x: lib.flatten(lib.tensor(3.0)),
        lambda lib, x: x.t().reshape(3, 2, 1),
        lambda lib, x: x.view_as(lib.zeros(6)),
    ],
    ids=range(13),
)
def test_other_movements(fn):
    same(lambda lib: fn(lib, lib.arange(6, dtype=lib.float32).reshape(2, 3)))
