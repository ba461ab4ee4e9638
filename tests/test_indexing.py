"""x[...] and x[...] = v: every kind of key gives what torch gives; property tests by Hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from against_torch import outcome, same, torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as nt


class Key:
    """A key that can be written out for either library."""

    def __init__(self, parts):
        self.parts = parts

    def of(self, lib):
        found = tuple(
            lib.tensor(p.tolist(), dtype=getattr(lib, str(p.dtype))) if isinstance(p, np.ndarray) else p
            for p in self.parts
        )
        return found if len(found) != 1 else found[0]

    def __repr__(self):
        return f"Key({self.parts})"


@st.composite
def shaped_keys(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    parts, dim, ellipsis = [], 0, False
    index_shape = draw(st.sampled_from([(2,), (1,), (2, 2), (), (0,)]))
    while dim < len(shape):
        n = shape[dim]
        kind = draw(
            st.sampled_from(["int", "slice", "none", "ellipsis", "index", "mask", "list", "stop", "wide", "numpyint"])
        )
        if kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "numpyint":
            parts.append(np.int64(draw(st.integers(-n, n - 1))))
        elif kind == "slice":
            parts.append(
                slice(
                    draw(st.none() | st.integers(-5, 5)),
                    draw(st.none() | st.integers(-5, 5)),
                    draw(st.none() | st.integers(1, 3)),
                )
            )
        elif kind == "none":
            parts.append(None)
            continue
        elif kind == "ellipsis" and not ellipsis:
            ellipsis = True
            parts.append(Ellipsis)
            dim += draw(st.integers(0, len(shape) - dim))
            continue
        elif kind == "index":
            parts.append(
                np.array(
                    draw(
                        st.lists(
                            st.integers(-n, n - 1),
                            min_size=int(np.prod(index_shape)),
                            max_size=int(np.prod(index_shape)),
                        )
                    ),
                    dtype=np.int64,
                ).reshape(index_shape)
            )
        elif kind == "mask" and not any(isinstance(p, np.ndarray) for p in parts):
            wide = draw(st.integers(1, min(2, len(shape) - dim)))
            size = shape[dim : dim + wide]
            parts.append(
                np.array(
                    draw(st.lists(st.booleans(), min_size=int(np.prod(size)), max_size=int(np.prod(size))))
                ).reshape(size)
            )
            dim += wide
            continue
        elif kind == "list":
            parts.append([draw(st.integers(0, n - 1))])
        elif kind == "stop":
            break
        else:
            continue
        dim += 1
    return shape, Key(parts or [slice(None)])


@settings(max_examples=500, deadline=None)
@given(shaped_keys())
def test_reading(case):
    shape, key = case
    n = int(np.prod(shape))
    theirs, their_error = outcome(lambda lib: lib.arange(n).reshape(shape)[key.of(lib)], torch)
    ours, our_error = outcome(lambda lib: lib.arange(n).reshape(shape)[key.of(lib)], nt)
    if their_error is not None:
        assert isinstance(our_error, type(their_error)), (our_error, their_error)
        return
    if our_error is not None:
        raise our_error
    assert ours[:2] == theirs[:2]
    np.testing.assert_array_equal(ours[2], theirs[2])


@settings(max_examples=400, deadline=None)
@given(shaped_keys(), st.sampled_from(["number", "zero", "full", "broadcast", "double"]))
def test_writing(case, kind):
    shape, key = case
    n = int(np.prod(shape))

    def run(lib):
        x = lib.arange(n, dtype=lib.float32).reshape(shape)
        target = x[key.of(lib)]
        if kind == "number":
            value = -1
        elif kind == "zero":
            value = lib.tensor(-7.5)
        elif kind == "double":
            value = lib.full(tuple(target.shape), -3.5, dtype=lib.float64)
        elif kind == "full":
            value = (lib.arange(target.numel(), dtype=lib.float32) * 0 - 2).reshape(target.shape)
        else:
            value = lib.full((1,) * min(1, target.ndim) + tuple(target.shape[-1:] if target.ndim > 1 else ()), -4.0)
        x[key.of(lib)] = value
        return x

    theirs, their_error = outcome(run, torch)
    ours, our_error = outcome(run, nt)
    if their_error is not None:
        if "dtypes match" in str(their_error):  # numtorch converts here too
            return
        assert isinstance(our_error, type(their_error)), (our_error, their_error)
        return
    if our_error is not None:
        raise our_error
    np.testing.assert_array_equal(ours[2], theirs[2])


@settings(max_examples=150, deadline=None)
@given(shaped_keys())
def test_gradients_of_reading_and_writing(case):
    shape, key = case
    n = int(np.prod(shape))

    def run(lib):
        x = (lib.arange(n, dtype=lib.float64).reshape(shape) / n).requires_grad_()
        y = x * 1
        v = lib.tensor(0.5, dtype=lib.float64, requires_grad=True)
        part = y[key.of(lib)]
        total = (part * part).sum() * v
        z = x * 3
        z[key.of(lib)] = v * 2
        return lib.autograd.grad(total + (z * z).sum(), [x, v])

    theirs, their_error = outcome(run, torch)
    ours, our_error = outcome(run, nt)
    if their_error is not None:
        assert isinstance(our_error, type(their_error)), (our_error, their_error)
        return
    if our_error is not None:
        raise our_error
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a[2], b[2], rtol=1e-9, atol=1e-12)


KEYS = [
    "x[True]",
    "x[False]",
    "x[None, True]",
    "x[lib.tensor(True)]",
    "x[lib.tensor(1)]",
    "x[lib.tensor(1), lib.tensor([0, 2])]",
    "x[[0, 1], [2, 0]]",
    "x[:, [0, 2]]",
    "x[..., lib.tensor([[0], [1]])]",
    "x[lib.tensor([0, 1], dtype=lib.int32)]",
    "x[-1]",
    "x[1, 2]",
    "x[1:, ::2]",
    "x[x > 2]",
    "x[(x > 2).any(1)]",
    "x[:, x[0] > 0]",
    "x[lib.zeros(0, dtype=lib.int64)]",
    "x[[]]",
    "x[...]",
    "x[()]",
    "x[range(2)]",
    "x[lib.tensor([True, False])]",
    "x[lib.tensor([1, 0], dtype=lib.uint8).bool()]",
    "x[0][1]",
    "x[slice(None, lib.tensor(1))]",
    "x[5]",
    "x[0, 0, 0]",
    "x[lib.tensor([5])]",
    "x[lib.tensor([0.5])]",
    "x['a']",
    "x[1.5]",
    "x[::-1]",
    "x[lib.tensor([True])]",
    "x[[0, 1], [0, 1, 2]]",
]


@pytest.mark.parametrize("text", KEYS)
def test_keys(text):
    same(lambda lib: eval(text, {"x": lib.arange(6).reshape(2, 3), "lib": lib}))


WRITES = [
    "x[0] = 5",
    "x[:] = y",
    "x[x > 2] = 0",
    "x[x > 2] = y[y > 2]",
    "x[0, 1] = lib.tensor(9.0)",
    "x[[0, 1], [1, 1]] = lib.tensor([7.0, 8.0])",
    "x[:, 1] = lib.tensor([7.0, 8.0])",
    "x[:, [0, 2]] = 1",
    "x[...] = lib.tensor([1.0, 2.0, 3.0])",
    "x[None] = y[None]",
    "x[0] = True",
    "x[1] = x[0]",
    "x[lib.tensor([0, 0])] = 4",
    "x[True] = 3",
    "x[0] = lib.ones(1, 1, 3)",
    "x[0] = lib.ones(2)",
    "x[5] = 1",
    "x[0] = lib.tensor([1, 2, 3])",
    "x[x > 100] = 1",
    "x[lib.tensor([0, 1])] = lib.ones(3)",
    "x[:, :2] = lib.ones(2, 3)",
    "x[0, 0] = None",
    "x[0] = [1, 2, 3]",
    "x[lib.tensor([9])] = 1",
    "x[0:0] = 5",
    "x[x > 2] = lib.ones(7)",
]


@pytest.mark.parametrize("text", WRITES)
def test_writes(text):
    def run(lib):
        x = lib.arange(6, dtype=lib.float32).reshape(2, 3)
        exec(text, {"x": x, "y": x * 10, "lib": lib})
        return x

    same(run)


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8", "float16", "bfloat16", "float64"])
def test_writes_convert_to_the_tensors_type(dtype):
    def run(lib):
        x = lib.zeros(4, dtype=getattr(lib, dtype))
        x[0] = 2.7
        x[1] = lib.tensor(1.5)
        x[lib.tensor([2])] = 3.9
        x[lib.tensor([False, False, False, True])] = 1.2
        return x

    same(run)


def test_numpy_keys_and_values():
    x = nt.arange(6.0).reshape(2, 3)
    assert x[np.array([1, 0])].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert x[np.array([True, False])].tolist() == [[0, 1, 2]]
    x[0] = np.array([7.0, 8.0, 9.0])
    x[np.bool_(True), 1, np.int32(2)] = np.float32(1)
    assert x.tolist() == [[7, 8, 9], [3, 4, 1]]


def test_where_torch_is_undecided():
    x = nt.arange(6).reshape(2, 3)
    assert x[[[0, 1], [1, 0]]].shape == (2, 2, 3)  # a nested list is one index tensor, as in NumPy
    with pytest.raises(IndexError, match="single ellipsis"):
        x[..., ...]


def test_indices_that_repeat():
    def run(lib):
        x = lib.zeros(3, dtype=lib.float64)
        i = lib.tensor([0, 0, 2])
        a = x.index_put((i,), lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64), accumulate=True)
        b = x.index_add(0, i, lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64))
        c = x.scatter_add(0, i, lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64))
        y = lib.arange(3, dtype=lib.float64).requires_grad_()
        (y[i] * lib.tensor([1.0, 10.0, 100.0], dtype=lib.float64)).sum().backward()
        return a, b, c, y.grad

    same(run)


def test_zero_dimensions_and_empty():
    def run(lib):
        x = lib.tensor(3.0)
        y = lib.zeros(0, 3)
        return (
            x[None],
            x[...],
            x[()],
            x[lib.tensor(True)],
            y[:, 1],
            y[lib.zeros(0, 3, dtype=lib.bool)],
            y[lib.zeros(2, 0, dtype=lib.int64)],
        )

    same(run)
    same(lambda lib: lib.tensor(3.0)[0])
    same(lambda lib: lib.zeros(0)[0])


def test_single_elements_and_rows_are_written_as_by_the_general_way():
    """Programs write them in loops: they have a short way of their own."""
    x = torch.zeros(3, 4)
    x[1, -1], x[-1], x[0] = 5, torch.ones(4), 2.5
    x[1][0] = True
    assert x.tolist() == [[2.5] * 4, [1.0, 0.0, 0.0, 5.0], [1.0] * 4]
    assert x._version == 4
    x[2] = x[2]  # over itself
    flags, whole = torch.zeros(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64)
    flags[1], whole[0], whole[1] = True, 7, 2**40
    assert flags.tolist() == [False, True] and whole.tolist() == [7, 2**40]
    whole[0] = 2.9  # cut off
    assert whole[0].item() == 2
    half = torch.zeros(2, dtype=torch.float16)
    half[0] = 1.5
    assert half.tolist() == [1.5, 0.0]
    with pytest.raises(IndexError):
        x[3] = 1.0
    with pytest.raises(IndexError):
        x[0, 4] = 1.0
    with pytest.raises(RuntimeError, match="overflow"):
        torch.zeros(2, dtype=torch.uint8)[0] = 300
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        w[0] = 2.0
    with pytest.raises(RuntimeError, match="leaf"):
        w.view(2, 1)[0] = torch.ones(1)
    y = w * 1
    y[0] = 3.0
    y.sum().backward()
    assert w.grad.tolist() == [0.0, 1.0]
    z = torch.zeros(2)
    z[0] = (w * 2).sum()
    assert z.requires_grad


def test_a_write_of_one_element_makes_saved_values_stale():
    w, x = torch.ones(2, requires_grad=True), torch.ones(2)
    loss = (w * x).sum()
    x[0] = 5.0
    with pytest.raises(RuntimeError, match="modified by an in"):
        loss.backward()


def test_rows_of_a_view_are_views():
    x = torch.arange(24.0).reshape(4, 6)
    for base in (x, x[1:], x[:, 2:], x[::2], x.t()):
        rows = list(base)
        assert [r.tolist() for r in rows] == base.tolist()
        assert all(r.untyped_storage().data_ptr() == x.data_ptr() for r in rows)
    next(iter(x[1:]))[0] = -1.0
    assert x[1, 0].item() == -1.0
    assert list(torch.zeros(0, 3)) == [] and [r.shape for r in torch.zeros(2, 0)] == [(0,)] * 2
