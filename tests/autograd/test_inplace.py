"""In-place writes and the graph: random programs of views and writes have torch's gradients, or its errors."""

from __future__ import annotations

import random

import numpy as np
import pytest
from against_torch import outcome, raises, same, torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as nt


def leaf(lib, values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


# --- random programs ----------------------------------------------------------------------------------


class Program:
    """The same random steps for either library: views, in-place ops, item assignment; then all gradients."""

    def __init__(self, lib, seed):
        self.lib = lib
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        shape = [self.random.randint(1, 4) for _ in range(self.random.randint(1, 3))]
        self.leaves = [self.data(shape).requires_grad_(), self.data(shape).requires_grad_()]
        x, y = self.leaves
        self.pool = [x * 1.5, y + 0.5, x * y]

    def data(self, shape):
        return self.lib.from_numpy(np.asarray(self.numbers.standard_normal(tuple(shape)).round(3)))

    def view(self, x):
        r, n = self.random, x.ndim
        made = [lambda: x.unsqueeze(r.randint(0, n)), lambda: x.reshape(-1), lambda: x.squeeze(), lambda: x[...]]
        if n:
            d = r.randrange(n)
            a, b = sorted((r.randint(0, x.shape[d]), r.randint(0, x.shape[d])))
            made += [lambda: x.narrow(d, a, b - a), lambda: x[tuple(slice(r.randint(0, 1), None, r.randint(1, 2)) for _ in range(n))]]
            if x.shape[d]:
                made += [lambda: x.select(d, r.randrange(x.shape[d])), lambda: x.unbind(d)[-1].view_as(x.select(d, 0))]
        if n > 1:
            made += [lambda: x.transpose(0, r.randrange(n)), lambda: x.diagonal(0, 0, 1), lambda: x.permute(*reversed(range(n)))]
        return r.choice(made)()

    def operand(self, x):
        alike = [p for p in self.pool if p.shape == x.shape or not p.ndim]
        kind = self.random.randint(0, 3)
        if kind == 0:
            return self.random.choice([2.0, -0.5])
        if kind == 1 and alike:
            p = self.random.choice(alike)
            return p if p is not x and self.random.random() < 0.5 else p * 1.0
        return self.data(x.shape)

    def write(self, x):
        r = self.random
        writes = [
            lambda: x.mul_(self.operand(x)),
            lambda: x.add_(self.operand(x)),
            lambda: x.sub_(self.operand(x), alpha=2),
            lambda: x.copy_(self.data(x.shape)),
            lambda: x.sin_(),
            lambda: x.exp_(),
            lambda: x.tanh_(),
            lambda: x.fill_(0.7),
            lambda: x.zero_(),
            lambda: x.div_(self.data(x.shape) ** 2 + 1),
            lambda: x.masked_fill_(x.detach() > 0, 0.3),
            lambda: x.clamp_(-0.5, 0.5),
            lambda: x.pow_(2),
            lambda: x.square_(),
            lambda: x.neg_(),
            lambda: x.relu_(),
            lambda: x.lerp_(self.data(x.shape), 0.3),
            lambda: x.addcmul_(self.data(x.shape), self.data(x.shape), value=0.5),
        ]
        if x.ndim and x.shape[0]:
            index = self.lib.zeros(tuple(x.shape), dtype=self.lib.int64)
            writes += [
                lambda: x.index_fill_(0, self.lib.tensor([x.shape[0] - 1]), 0.25),
                lambda: x.scatter_add_(0, index, self.data(x.shape)),
            ]
        if x.ndim > 1:
            writes.append(lambda: x.tril_())
        r.choice(writes)()

    def assign(self, x):
        r, (a, b) = self.random, self.leaves
        kind = r.randint(0, 5)
        if not x.ndim or not x.shape[0]:
            return
        if kind == 0:
            x[r.randrange(x.shape[0])] = self.data(x.shape[1:]) * self.pool[0].sum()
        elif kind == 1:
            x[x.detach() > 0.2] = a.sum()
        elif kind == 2:
            index = sorted({r.randrange(x.shape[0]) for _ in range(2)})
            x[self.lib.tensor(index)] = self.data((len(index), *x.shape[1:])) * b.sum()
        elif kind == 3:
            x[:1] = 0.1
        elif kind == 4:
            x[..., -1 if x.shape[-1] else slice(None)] = 2.5
        else:
            x[::2] = self.data(x[::2].shape) * b.sum()

    def run(self, steps):
        for _ in range(steps):
            x = self.random.choice(self.pool)
            kind = self.random.randint(0, 9)
            if kind <= 3:
                self.pool.append(self.view(x))
            elif kind <= 6:
                self.write(x)
            elif kind == 7:
                self.assign(x)
            elif kind == 8:
                self.pool.append(x.sin())
            else:
                self.pool.append(x * x)
        total = sum((p * self.data(p.shape)).sum() for p in self.pool)
        return self.lib.autograd.grad(total, self.leaves, allow_unused=True), [p.detach() for p in self.pool]


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 9))
def test_random_programs_have_torchs_gradients(seed, steps):
    theirs, their_error = outcome(lambda lib: Program(lib, seed).run(steps), torch)
    ours, our_error = outcome(lambda lib: Program(lib, seed).run(steps), nt)
    if our_error is not None:
        assert isinstance(our_error, type(their_error)), (our_error, their_error)
        return
    if their_error is not None:
        # x.mul_(x), and writes between overlapping parts of one tensor: torch gives up, the answer exists.
        assert "inplace" in str(their_error) or "single memory location" in str(their_error) or "unsafe" in str(their_error), their_error
        return
    for a, b in zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a[2], b[2], rtol=1e-9, atol=1e-9)


# --- cases ----------------------------------------------------------------------------------------------


def test_write_through_a_view_reaches_base_and_siblings():
    def run(lib):
        x = leaf(lib, [[1.0, 2.0], [3.0, 4.0]])
        base = x * 2
        row, column = base[0], base[:, 1]
        row.mul_(10)
        (base.sum() + column.sum() * 100 + (row * row).sum()).backward()
        return base, row, column, x.grad, column.grad_fn is not None

    same(run)


def test_write_to_a_view_of_a_tensor_without_gradient():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        buffer = lib.zeros(3, 2, dtype=lib.float64)
        for i in range(3):
            buffer[i] = x * (i + 1)
        (buffer * buffer).sum().backward()
        return buffer, x.grad

    same(run)


def test_write_through_transposed_and_offset_bases():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        a = lib.arange(8, dtype=lib.float64).reshape(2, 4).t().detach()
        a[1] = x
        b = lib.arange(8, dtype=lib.float64)[3:].detach()
        b[1:3] = x * 3
        c = lib.arange(12, dtype=lib.float64).reshape(3, 4)[:, ::2].detach()
        c[:2, 1] = x * 5
        total = (a * a).sum() + (b * b).sum() + (c * c).sum()
        return lib.autograd.grad(total, x), a, b, c

    same(run)


def test_operands_that_the_write_overwrites():
    def run(lib):
        x, y = leaf(lib, [1.0, 2.0]), leaf(lib, [3.0, 4.0])
        a = x * 1
        a.mul_(y)
        a.div_(y * 2)
        a.pow_(y)
        a.lerp_(y, y)
        return lib.autograd.grad(a.sum(), [x, y]), a

    same(run)


def test_second_derivatives_through_writes():
    def run(lib):
        x = leaf(lib, [1.0, 2.0, 3.0])
        h = x * x
        h[1:].mul_(x[:2])
        h.exp_()
        (g,) = lib.autograd.grad(h.sum(), x, create_graph=True)
        return g, lib.autograd.grad((g * g).sum(), x)

    same(run)


def test_a_tensor_times_itself_in_place():
    x = leaf(nt, [3.0])
    y = x * 1
    y.mul_(y)
    assert y.tolist() == [9.0]
    y.backward(nt.ones(1, dtype=nt.float64))
    assert x.grad.tolist() == [6.0]


def test_overlapping_writes_read_the_values_from_before():
    x = nt.arange(6.0)
    x[1:] += x[:-1]
    assert x.tolist() == [0, 1, 3, 5, 7, 9]
    x = nt.arange(6.0)
    x[:-1] = x[1:]
    assert x.tolist() == [1, 2, 3, 4, 5, 5]
    x = nt.arange(9.0).reshape(3, 3)
    x.copy_(x.t())
    assert x.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    x = nt.arange(4.0)
    x[nt.tensor([1, 2, 3])] = x[:3]
    assert x.tolist() == [0, 0, 1, 2]


def test_writes_to_expanded_tensors_are_refused():
    raises(lambda lib: lib.zeros(1).expand(3).add_(1), "more than one element of the written-to tensor refers to a single memory location")


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.mul_(2),
        lambda x: x.zero_(),
        lambda x: x.exp_(),
        lambda x: x.clamp_(0, 1),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.copy_(x.detach()),
        lambda x: x.masked_fill_(x > 0, 1),
        lambda x: x.__setitem__(x > 0, 1.0),
    ],
    ids=["add", "mul", "zero", "exp", "clamp", "setitem", "copy", "masked_fill", "mask"],
)
def test_leaves_and_views_of_leaves(write):
    for view in (False, True):
        raises(
            lambda lib, view=view: write(leaf(lib, [[1.0, 2.0]])[0] if view else leaf(lib, [1.0, 2.0])), "leaf Variable that requires grad"
        )
    with nt.no_grad():
        write(leaf(nt, [1.0, 2.0]))


@pytest.mark.parametrize("op", ["exp", "sigmoid", "tanh", "sqrt"])
def test_saved_results_that_are_overwritten(op):
    def run(lib):
        y = getattr(leaf(lib, [1.0, 2.0]) * 2, op)()
        y.add_(1)
        y.sum().backward()

    raises(run, "modified by an inplace operation")
    with pytest.raises(RuntimeError, match=f"saved by {op}"):
        run(nt)


def test_saved_inputs_that_are_overwritten():
    def run(lib):
        a = leaf(lib, [1.0, 2.0]) * 2
        y = a * a
        a.add_(1)
        y.sum().backward()

    raises(run, "modified by an inplace operation")

    def by_view(lib):
        a = leaf(lib, [1.0, 2.0]) * 2
        y = a.sin()
        a[0] = 5
        y.sum().backward()

    raises(by_view, "modified by an inplace operation")


def test_values_that_no_gradient_reads_may_be_overwritten():
    def run(lib):
        a = leaf(lib, [1.0, 2.0]) * 2
        b = a + 1
        a.zero_()
        c = lib.ones(2, dtype=lib.float64)
        d = b * c
        b.mul_(3)
        return lib.autograd.grad((b + d).sum(), b)

    same(run)


def test_versions():
    def run(lib):
        x = lib.zeros(4)
        found = [x._version]
        x.add_(1)
        x[1:] = 2
        found.append(x._version)
        y = x.detach()
        y.mul_(2)
        found += [x._version, y._version]
        z = x.data
        z.mul_(2)
        found += [x._version]
        with lib.no_grad():
            x.zero_()
        found += [x._version]
        return found

    same(run)


def test_detach_shares_memory_and_is_watched():
    def run(lib):
        x = leaf(lib, [1.0, 2.0]) * 1
        y = x.exp()
        y.detach().zero_()
        y.sum().backward()

    raises(run, "modified by an inplace operation")


def test_data_shares_memory_and_is_not_watched():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = (x * 1).exp()
        y.data.fill_(5)
        y.sum().backward()
        return y, x.grad

    same(run)


def test_setting_data():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        x.data = lib.tensor([5.0, 6.0], dtype=lib.float64)
        (x * x).sum().backward()
        return x, x.grad, x.is_leaf

    same(run)


def test_view_made_under_no_grad():
    def run(lib):
        x = leaf(lib, [1.0, 2.0]) * 1
        with lib.no_grad():
            v = x[0]
        v.mul_(leaf(lib, 2.0))

    raises(run, "A view was created in no_grad mode and is being modified inplace")


def test_view_under_no_grad_of_a_tensor_without_gradient():
    x = nt.zeros(2, dtype=nt.float64)
    with nt.no_grad():
        v = x[0]
    w = leaf(nt, 3.0)
    v.add_(w)
    assert x.requires_grad and v.requires_grad
    v.backward()
    assert w.grad.item() == 1.0


def test_detaching_in_place():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 2
        y.detach_()
        return y.requires_grad, y.is_leaf

    same(run)
    raises(lambda lib: (leaf(lib, [1.0, 2.0]) * 2)[0].detach_(), "Can't detach views in-place")


def test_requires_grad_from_a_write():
    def run(lib):
        x = lib.zeros(2, dtype=lib.float64)
        x.add_(leaf(lib, [1.0, 2.0]))
        return x.requires_grad, x.is_leaf

    same(run)


def test_out_takes_no_part_in_graphs():
    raises(
        lambda lib: lib.add(leaf(lib, [1.0]), 1, out=lib.zeros(1, dtype=lib.float64)),
        "out=... arguments don't support automatic differentiation",
    )


def test_types_of_writes():
    for run in (
        lambda lib: lib.zeros(2, dtype=lib.int64).add_(0.5),
        lambda lib: lib.zeros(2, dtype=lib.int64).mul_(lib.ones(2)),
        lambda lib: lib.zeros(2, dtype=lib.bool).add_(1),
        lambda lib: lib.ones(2, dtype=lib.int32).div_(2),
    ):
        raises(run, "can't be cast to the desired output type")
    same(lambda lib: lib.zeros(2, dtype=lib.float32).add_(lib.ones(2, dtype=lib.float64)))
    same(lambda lib: lib.zeros(2, dtype=lib.uint8).add_(lib.ones(2, dtype=lib.int64)))


def test_shapes_of_writes():
    same(lambda lib: lib.zeros(2, 3).add_(lib.ones(3)))
    same(lambda lib: lib.zeros(3).add_(lib.ones(2, 3)))


def test_gradient_of_copy():
    def run(lib):
        x, y = leaf(lib, [1.0, 2.0]), lib.tensor([3.0], requires_grad=True)
        a = x * 2
        a.copy_(y)
        (a * a).sum().backward()
        return a, x.grad, y.grad

    same(run)
