"""In-place writes and the graph: random programs of views and writes have torch's gradients, or its errors."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from against_torch import outcome, raises, same, torch
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as nt


def leaf(lib, values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


def computes(run):
    """Both libraries give the same, and neither raises."""
    assert same(run) is None


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
            made += [
                lambda: x.narrow(d, a, b - a),
                lambda: x[tuple(slice(r.randint(0, 1), None, r.randint(1, 2)) for _ in range(n))],
            ]
            if x.shape[d]:
                made += [lambda: x.select(d, r.randrange(x.shape[d])), lambda: x.unbind(d)[-1].view_as(x.select(d, 0))]
        if n > 1:
            made += [
                lambda: x.transpose(0, r.randrange(n)),
                lambda: x.diagonal(0, 0, 1),
                lambda: x.permute(*reversed(range(n))),
            ]
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
        assert (
            "inplace" in str(their_error)
            or "single memory location" in str(their_error)
            or "unsafe" in str(their_error)
        ), their_error
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
    raises(
        lambda lib: lib.zeros(1).expand(3).add_(1),
        "more than one element of the written-to tensor refers to a single memory location",
    )


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
            lambda lib, view=view: write(leaf(lib, [[1.0, 2.0]])[0] if view else leaf(lib, [1.0, 2.0])),
            "leaf Variable that requires grad",
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


# --- what hangs on an edge ------------------------------------------------------------------------------


def test_retained_gradients_are_of_what_a_tensor_has_become():
    """By its own write, a view's, its base's, a sibling's; used before the write or not."""

    def run(lib, kind):
        x = leaf(lib, [1.0, 2.0, 3.0, 4.0])
        y = x * 2
        v, w = y[:2], y[1:]
        for t in (y, v, w):
            t.retain_grad()
        used = (y * y).sum() + v.sum()
        {
            "own": lambda: y.mul_(3),
            "view": lambda: v.mul_(3),
            "sibling": lambda: w.mul_(3),
            "all": lambda: y.add_(1) + v.mul_(5)[0] + w.mul_(2)[0],
            "geometry": lambda: y.add_(1).reshape(2, 2).t().mul_(2),
        }[kind]()
        used = used.detach() + (y * lib.arange(4, dtype=lib.float64)).sum() + (v * 7).sum() + w.sin().sum()
        used.backward()
        return y.grad, v.grad, w.grad, x.grad, [t.retains_grad for t in (y, v, w)]

    for kind in ("own", "view", "sibling", "all", "geometry"):
        computes(lambda lib, kind=kind: run(lib, kind))


def test_retained_gradients_accumulate_and_keep_their_graph():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 2
        v = y[:1]
        v.retain_grad()
        v.sum().backward(retain_graph=True)
        y.mul_(3)
        v.sum().backward()
        return v.grad, x.grad

    computes(run)
    z = leaf(nt, [1.0, 2.0]) * 2
    z.retain_grad()
    (z**3).sum().backward(create_graph=True)
    assert z.grad.tolist() == [12.0, 48.0] and z.grad.requires_grad


def test_hooks_see_the_gradient_of_what_the_tensor_was_when_they_were_registered():
    x = leaf(nt, [1.0, 1.0, 1.0, 1.0])
    y = x * 2
    v = y[:2]
    seen = []
    y.register_hook(lambda g: seen.append(("base before", g.tolist())))
    v.register_hook(lambda g: seen.append(("view before", g.tolist())))
    v.mul_(3)
    y.register_hook(lambda g: seen.append(("base after", g.tolist())))
    v.register_hook(lambda g: seen.append(("view after", g.tolist())))
    (y.sum() + v.sum()).backward()
    assert dict(seen) == {
        "base before": [6.0, 6.0, 1.0, 1.0],
        "view before": [6.0, 6.0],
        "base after": [2.0, 2.0, 1.0, 1.0],
        "view after": [1.0, 1.0],
    }


def test_hooks_of_leaves_stay_while_no_gradient_is_wanted():
    def run(lib):
        x, seen = leaf(lib, [1.0, 2.0]), []
        x.register_hook(lambda g: seen.append(g.sum().item()))
        x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.sum().item()))
        x.requires_grad_(False)
        x.requires_grad_(True)
        (x * 3).sum().backward()
        kept = x.detach_().grad
        return seen, kept, x.requires_grad

    computes(run)


# --- views that were made outside the graph --------------------------------------------------------------

WRITES = {
    "mul": lambda v, lib: v.mul_(3),
    "add": lambda v, lib: v.add_(lib.ones(2, dtype=lib.float64)),
    "zero": lambda v, lib: v.zero_(),
    "fill": lambda v, lib: v.fill_(2.0),
    "copy": lambda v, lib: v.copy_(lib.ones(2, dtype=lib.float64)),
    "item": lambda v, lib: v.__setitem__(0, 3.0),
    "slice": lambda v, lib: v.__setitem__(slice(None), 3.0),
    "mask": lambda v, lib: v.__setitem__(v.detach() > 0, 3.0),
    "positions": lambda v, lib: v.__setitem__(lib.tensor([0, 1]), lib.ones(2, dtype=lib.float64)),
    "index_put": lambda v, lib: v.index_put_((lib.tensor([0]),), lib.tensor([5.0], dtype=lib.float64)),
    "index_fill": lambda v, lib: v.index_fill_(0, lib.tensor([0]), 1.0),
    "index_add": lambda v, lib: v.index_add_(0, lib.tensor([0]), lib.ones(1, dtype=lib.float64)),
    "masked_fill": lambda v, lib: v.masked_fill_(v.detach() > 0, 1.0),
    "scatter": lambda v, lib: v.scatter_(0, lib.tensor([0]), 1.0),
    "cumsum": lambda v, lib: v.cumsum_(0),
    "clamp": lambda v, lib: v.clamp_(0, 1),
    "eq": lambda v, lib: v.eq_(1),
    "addcmul": lambda v, lib: v.addcmul_(lib.ones(2, dtype=lib.float64), lib.ones(2, dtype=lib.float64)),
    "normal": lambda v, lib: v.normal_(),
    "uniform": lambda v, lib: v.uniform_(),
    "bernoulli": lambda v, lib: v.bernoulli_(0.5),
    "exponential": lambda v, lib: v.exponential_(),
    "relu": lambda v, lib: lib.nn.functional.relu(v, inplace=True),
    "dropout": lambda v, lib: lib.nn.functional.dropout(v, 0.5, True, True),
    "unsqueeze": lambda v, lib: v.unsqueeze_(0),
}


def _seen_without_gradient(y, lib, how):
    if how == "no_grad":
        with lib.no_grad():
            return y[:2]
    if how == "inference":
        with lib.inference_mode():
            return y.narrow(0, 0, 2)
    if how == "split":
        with lib.no_grad():
            return y.split(2)[0]
    if how == "twice":
        with lib.no_grad():
            v = y[:3]
        return v[:2]
    v = y[:3]
    with lib.no_grad():
        return v[:2]


@pytest.mark.parametrize("name", WRITES)
def test_views_made_without_gradient_are_not_written_to_with_it(name):
    for how in ("no_grad", "inference", "split", "twice", "inner") if name in ("mul", "zero") else ("no_grad",):

        def run(lib, how=how):
            y = leaf(lib, [1.0, 2.0, 3.0, 4.0]) * 2
            WRITES[name](_seen_without_gradient(y, lib, how), lib)

        with pytest.raises(RuntimeError, match="created in (no_grad|inference) mode"):
            run(torch)
        with pytest.raises(
            RuntimeError,
            match="A view was created in no_grad mode and is being modified inplace with grad mode enabled",
        ):
            run(nt)
    for lib in (torch, nt):  # all of it within the block, and a tensor that is in no graph
        x = leaf(lib, [1.0, 2.0, 3.0, 4.0])
        y = x * 2
        with lib.no_grad():
            WRITES[name](y[:2], lib)
            WRITES[name](x[:2], lib)
        y.sum().backward()
        assert x.grad.tolist() == [2.0] * 4
        with lib.no_grad():
            v = lib.ones(4, dtype=lib.float64)[:2]
        WRITES[name](v, lib)


def test_views_of_a_tensor_that_came_to_require_gradients():
    def run(lib):
        x = lib.ones(4, dtype=lib.float64)
        v = x[:2]
        x.requires_grad_()
        v.mul_(2)

    raises(run, "a view of a leaf Variable that requires grad")


class _Returns(nt.autograd.Function):
    @staticmethod
    def forward(ctx, x, part):
        return part(x)

    @staticmethod
    def backward(ctx, g):
        return g.reshape(4) * 5, None


@pytest.mark.parametrize(
    "part", [lambda x: x, lambda x: x.view(4), lambda x: x.view(2, 2)], ids=["itself", "view", "shape"]
)
def test_views_that_a_custom_function_returns(part):
    """Writes to them, to views of them, and to what they are views of would lose the function's own gradient."""
    for write in (
        lambda v, y: v.mul_(3),
        lambda v, y: v[:1].mul_(3),
        lambda v, y: y.mul_(3),
        lambda v, y: y[1:].zero_(),
    ):
        y = leaf(nt, [1.0, 2.0, 3.0, 4.0]) * 2
        v = _Returns.apply(y, part)
        with pytest.raises(RuntimeError, match="This view was created inside a custom Function"):
            write(v, y)
            (v.sum() + y.sum()).backward()
    x = leaf(nt, [1.0, 2.0, 3.0, 4.0])
    y = x * 2
    v = _Returns.apply(y, part)
    used = v * 3  # before the write: nothing is lost
    y.mul_(3)
    (used.sum() + y.sum()).backward()
    assert x.grad.tolist() == [36.0] * 4
    v = _Returns.apply(leaf(nt, [1.0] * 4) * 2, lambda x: part(x) + 0)
    v.mul_(3)  # memory of its own


def test_an_input_that_a_custom_function_returns_outside_any_graph_is_a_view():
    x = nt.ones(4, dtype=nt.float64)
    v = _Returns.apply(x, lambda x: x)
    assert v is not x
    w = leaf(nt, [1.0, 2.0, 3.0, 4.0])
    x.mul_(w)
    v.sum().backward()
    assert w.grad.tolist() == [1.0] * 4


def test_outputs_of_split_and_unbind_may_be_written_to():
    """torch refuses; there is one right answer."""
    x = leaf(nt, [1.0, 2.0, 3.0, 4.0])
    y = x * 2
    a, b = y.split(2)
    a.mul_(3)
    y.unbind()[3].zero_()
    (y * nt.arange(1, 5)).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0, 6.0, 0.0] and b.tolist() == [6.0, 0.0]


# --- what a write records --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda y, lib: y.normal_(),
        lambda y, lib: y.uniform_(),
        lambda y, lib: y.bernoulli_(),
        lambda y, lib: y.random_(),
        lambda y, lib: y.exponential_(),
        lambda y, lib: y.eq_(1),
        lambda y, lib: y.lt_(y.detach()),
        lambda y, lib: y.zero_(),
        lambda y, lib: y.floor_(),
        lambda y, lib: y.copy_(lib.ones(2, dtype=lib.int64)),
        lambda y, lib: y[:1].eq_(1),
    ],
    ids=["normal", "uniform", "bernoulli", "random", "exponential", "eq", "lt", "zero", "floor", "copy", "view"],
)
def test_results_that_do_not_depend_on_the_values_before_have_a_gradient_of_zero(write):
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 2
        write(y, lib)
        y.sum().backward()
        return y.requires_grad, x.grad

    computes(run)


def test_comparisons_give_their_operand_a_gradient_of_zero_and_logical_ops_none():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y, z = lib.zeros(2, dtype=lib.float64), lib.ones(2, dtype=lib.float64)
        y.ne_(x)
        z.logical_and_(x)
        y.sum().backward()
        w = leaf(lib, [1.0, 0.0])
        w.logical_not_()
        return y, z, z.requires_grad, x.grad, w, w.is_leaf

    computes(run)


def test_integers_are_in_no_graph():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        c, b = lib.zeros(2, dtype=lib.int64), lib.zeros(2, dtype=lib.bool)
        c.copy_(x)
        b.copy_(x)
        casts = x.to(lib.int64), x.long(), x.type_as(c), x.bool(), x.to("cpu", lib.int8), x.type(lib.int32)
        return c, b, *casts, [t.requires_grad for t in (c, b, *casts)]

    computes(run)
    c, x = nt.zeros(2, dtype=nt.int64), leaf(nt, [1.0, 2.0])
    for write in (
        lambda: c.__setitem__(0, x[1]),
        lambda: c.__setitem__(c > 0, x[0]),
        lambda: c.fill_(x[0]),
        lambda: c.masked_fill_(c > 0, x[0]),
    ):
        write()
        assert not c.requires_grad


def test_geometry_in_place():
    """Of leaves and of computed tensors under ``no_grad``, and of tensors of which there are views."""

    def run(lib):
        x = leaf(lib, [[1.0, 2.0, 3.0]])
        with lib.no_grad():
            x.t_()
        (x * x).sum().backward()
        y = leaf(lib, [1.0, 2.0, 3.0]) * 2
        v = y[:2]
        y.unsqueeze_(0)
        y.retain_grad()
        (y * lib.arange(3)).sum().backward(retain_graph=True)
        (v * 5).sum().backward()
        return x.grad, x.is_leaf, y.grad

    computes(run)
    x = leaf(nt, [[1.0, 2.0, 3.0]])
    y = x * 2
    with nt.no_grad():
        y.t_()
    (y * nt.tensor([[1.0], [2.0], [3.0]])).sum().backward()  # torch: an error in backward
    assert x.grad.tolist() == [[2.0, 4.0, 6.0]]


def test_what_may_not_be_done_to_tensors_in_a_graph():
    raises(lambda lib: (leaf(lib, [1.0, 2.0]) * 2).resize_(3), "cannot resize variables that require grad")
    raises(lambda lib: leaf(lib, [1.0, 2.0]).resize_(3), "cannot resize variables that require grad")
    raises(lambda lib: setattr(leaf(lib, [1.0, 2.0]), "data", lib.ones(2, dtype=lib.int64)), "must be floating point")
    raises(lambda lib: setattr(lib.ones(2), "requires_grad", 1), "requires_grad must be a bool")
    with pytest.raises(RuntimeError, match="gradients would not fit"):
        (leaf(nt, [1.0, 2.0]) * 2).data = nt.ones(3)


# --- tensors that hold one element at several places -----------------------------------------------------


def _calls(names, *shapes):
    return {
        name: lambda x, lib, name=name: getattr(x, name)(*[lib.ones(*s) if s else 0 for s in shapes]) for name in names
    }


EXPANDED_REFUSED = {
    **_calls(
        ["add_", "mul_", "div_", "sub_", "pow_", "fmod_", "remainder_", "eq_", "lt_", "ge_", "logical_and_", "copy_"],
        (3, 3),
    ),
    **_calls(["exp_", "neg_", "logical_not_", "normal_", "uniform_", "bernoulli_", "exponential_"]),
    **_calls(["cumsum_", "cumprod_"], ()),
    **_calls(["addcmul_", "addcdiv_"], (3, 3), (3, 3)),
    "index_add_": lambda x, lib: x.index_add_(0, lib.tensor([0]), lib.ones(1, 3)),
    "index_copy_": lambda x, lib: x.index_copy_(0, lib.tensor([0]), lib.ones(1, 3)),
    "index_reduce_": lambda x, lib: x.index_reduce_(0, lib.tensor([0]), lib.ones(1, 3), "amax"),
    "put_": lambda x, lib: x.put_(lib.tensor([0]), lib.ones(1)),
    "scatter_": lambda x, lib: x.scatter_(0, lib.zeros(3, 3, dtype=lib.int64), lib.ones(3, 3)),
    "scatter_add_": lambda x, lib: x.scatter_add_(0, lib.zeros(3, 3, dtype=lib.int64), lib.ones(3, 3)),
    "scatter_reduce_": lambda x, lib: x.scatter_reduce_(0, lib.zeros(3, 3, dtype=lib.int64), lib.ones(3, 3), "sum"),
    "masked_scatter_": lambda x, lib: x.masked_scatter_(lib.ones(3, 3) > 0, lib.ones(3, 3)),
    "slice": lambda x, lib: x.__setitem__(0, lib.ones(3)),
    "number": lambda x, lib: x.__setitem__(0, 5.0),
    "out": lambda x, lib: lib.add(lib.ones(3, 3), 1, out=x),
    "bitwise_and_": lambda x, lib: (
        x.long().expand(3, 3)[:, :1].expand(3, 3).bitwise_and_(lib.ones(3, 3, dtype=lib.int64))
    ),
}


@pytest.mark.parametrize("name", EXPANDED_REFUSED)
def test_expanded_tensors_are_not_written_to(name):
    raises(
        lambda lib: EXPANDED_REFUSED[name](lib.ones(3, 1).expand(3, 3), lib),
        "more than one element of the written-to tensor refers to a single memory location",
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda x, lib: x.fill_(7),
        lambda x, lib: x.zero_(),
        lambda x, lib: x.masked_fill_(lib.eye(3) > 0, 9),
        lambda x, lib: x.index_fill_(0, lib.tensor([0, 2]), 9),
        lambda x, lib: x.tril_(),
        lambda x, lib: x.triu_(1),
        lambda x, lib: x.fill_diagonal_(9),
        lambda x, lib: x.__setitem__(lib.eye(3).flip(0) > 0, 5),
        lambda x, lib: x.masked_fill_(lib.tensor([True, False, False]), lib.tensor(4)),
        lambda x, lib: x.index_put_((lib.tensor([0, 2]),), lib.tensor(9, dtype=x.dtype)),
        lambda x, lib: x.index_put_((lib.tensor([0, 2]), lib.tensor([1, 1])), lib.tensor([7, 9], dtype=x.dtype)),
        lambda x, lib: x.index_put_((lib.tensor([1, 2]),), lib.tensor(6, dtype=x.dtype), True),
        lambda x, lib: x.__setitem__((slice(None), lib.tensor([2, 2, 1])), lib.arange(9, dtype=x.dtype).reshape(3, 3)),
    ],
    ids=[
        "fill",
        "zero",
        "masked_fill",
        "index_fill",
        "tril",
        "triu",
        "fill_diagonal",
        "mask",
        "broadcast mask",
        "index_put",
        "index_put two",
        "accumulate",
        "positions",
    ],
)
def test_one_value_may_be_written_to_an_element_at_several_places(write):
    def run(lib):
        base, wide = lib.tensor([[1], [2], [3]]), lib.arange(5)
        write(base.expand(3, 3), lib)
        write(wide.as_strided((3, 3), (1, 1)), lib)
        return base, wide

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls some of these deprecated
        computes(run)


def test_elements_at_several_places_are_computed_in_turn():
    def run(lib):
        found = []
        for write in (
            lambda x: x.add_(lib.arange(9.0).reshape(3, 3)),
            lambda x: x.mul_(2),
            lambda x: x.square_(),
            lambda x: x.clamp_(1, 2),
        ):
            base = lib.arange(5.0)
            write(base.as_strided((3, 3), (1, 1)))
            found.append(base)
        return found

    computes(run)


def test_where_the_order_of_writing_would_tell_the_write_is_refused():
    """torch leaves these to the order in which its loops run, which depends on strides, sizes and threads."""
    index = nt.zeros(3, 3, dtype=nt.int64)
    for write in (
        lambda x: x.copy_(nt.ones(3, 3)),
        lambda x: x.cumsum_(0),
        lambda x: x.scatter_(0, index, nt.ones(3, 3)),
        lambda x: nt.add(nt.ones(3, 3), 1, out=x),
        lambda x: x.__setitem__(slice(None), nt.ones(3, 3)),
    ):
        with pytest.raises(RuntimeError, match="single memory location.*order of writing"):
            write(nt.arange(5.0).as_strided((3, 3), (1, 1)))
    with pytest.raises(RuntimeError, match="single memory location"):
        (leaf(nt, [0.0] * 5) * 1).as_strided((3, 3), (1, 1)).mul_(2)
    x = nt.zeros(8)
    x.as_strided((3, 2), (2, 3)).copy_(nt.arange(1.0, 7.0).reshape(3, 2))  # interleaved, but each element once
    assert x.tolist() == [1, 0, 3, 2, 5, 4, 0, 6]
