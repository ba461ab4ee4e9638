"""What a planned loop is given: empty buffers for what is absent, zeroed results, and numbers that differ from call to
call."""

import gc
import weakref

import numpy as np
import pytest

import numtorch as torch
from numtorch.dispatch.loops import COUNTED, EMPTY, Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS
from numtorch.errors import RegistrationError
from numtorch.kernels.jit import jit
from numtorch.nn import functional as F

pytestmark = pytest.mark.usefixtures("scratch_registry")


@jit
def weigh(x, w, b, out):
    for i in range(x.size):
        out[i] = x[i] * (w[i] if w.size else 2) + (b[i] if b.size else 10)


@jit
def unweigh(g, gx, gw, gb):
    for i in range(g.size):
        gx[i] = g[i] * 3
    for i in range(gw.size):
        gw[i] = g[i] * 5
    for i in range(gb.size):
        gb[i] = g[i] * 7


def weighed():
    @op
    def weighed_(x, w=None, b=None):
        """x times w plus b."""
        return x * w + b

    @weighed_.vjp
    def _(g, *, needs):
        return g, g, g

    @weighed_.loop("cpu", dtypes=FLOATS)
    def rows(x, w, b):
        return Loop(weigh, (), like(x), operands=(x, w, b))

    @weighed_.backward.loop("cpu", dtypes=FLOATS)
    def rows_backward(g, needs):
        return Loop(unweigh, (), (like(g), *[like(g) if need else EMPTY for need in needs[1:]]))

    return weighed_


@pytest.mark.parametrize("given", [(True, True), (True, False), (False, True), (False, False)])
def test_what_is_absent_is_an_empty_buffer(given):
    f = weighed()
    for _ in range(3):  # the first call plans, the next ones run the plan
        x = torch.ones(3, requires_grad=True)
        w, b = [torch.full((3,), 4.0, requires_grad=True) if g else None for g in given]
        y = f(x, w, b)
        assert y.tolist() == [(4.0 if given[0] else 2.0) + (4.0 if given[1] else 10.0)] * 3
        y.backward(torch.ones(3))
        assert x.grad.tolist() == [3.0] * 3
        assert w is None or w.grad.tolist() == [5.0] * 3
        assert b is None or b.grad.tolist() == [7.0] * 3


@jit
def count(x, out, step, seed):
    for i in range(x.size):
        out[i] += x[i] * step + seed


def counted():
    @op(seeds=("seed",), differentiable=False)
    def counted_(x, seed: int, step: int = 10):
        """x times ``step``, plus the seed."""
        return x * step + seed

    @counted_.loop("cpu", dtypes=FLOATS)
    def rows(x, step):
        return Loop(count, (step,), like(x, zeroed=True))

    return counted_


def test_seeds_are_those_of_the_call_and_no_plan_depends_on_them():
    f = counted()
    x, apart = torch.ones(3), torch.ones(3, 2)[:, 0]
    for seed in range(20):
        assert f(x, seed).tolist() == [10.0 + seed] * 3
        assert f(apart, seed).tolist() == [10.0 + seed] * 3
        assert f(x, seed, step=3).tolist() == [3.0 + seed] * 3
    assert len(f.op.plans) == 3
    with pytest.raises(RegistrationError, match="asks for 'seed', which is none of x, step"):
        f.loop("cpu", dtypes=FLOATS, name="other")(lambda x, seed: None)


def test_batch_norm_plans_once_for_every_momentum():
    x = torch.randn(6, 4)
    mean, var, plain = torch.zeros(4), torch.ones(4), torch.zeros(4)
    before = len(F.batch_norm.op.plans)
    for i in range(1, 20):
        F.batch_norm(x + i, mean, var, None, None, True, 1 / i)
        plain += ((x + i).mean(0) - plain) / i
    assert len(F.batch_norm.op.plans) <= before + 1
    np.testing.assert_allclose(mean.numpy(), plain.numpy(), rtol=1e-5)


def test_dropout_draws_anew_by_one_plan():
    from numtorch.ops.dropout import dropout_mask

    x = torch.ones(50)
    first = F.dropout(x, 0.5)
    before = len(dropout_mask.op.plans)
    others = [F.dropout(x, 0.5) for _ in range(10)]
    assert len(dropout_mask.op.plans) == before
    assert all(y.tolist() != first.tolist() for y in others)


CALLS = {
    "softmax": lambda x: torch.softmax(x, 1),
    "strided": lambda x: torch.softmax(x.t(), 0),
    "layer_norm": lambda x: F.layer_norm(x, (5,)),
    "cross_entropy": lambda x: F.cross_entropy(x, torch.zeros(4, dtype=torch.int64)),
    "mse_loss": lambda x: F.mse_loss(x, torch.ones(4, 5)),
    "sort": lambda x: torch.sort(x, 1),
    "cumsum": lambda x: torch.cumsum(x, 0),
    "normalize": F.normalize,
    "var": lambda x: torch.var(x, 1),
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
}


@pytest.mark.plain(but="softmax|mse_loss")  # which kernel a plan launches is all the same here
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_plans_keep_no_tensor_alive(call):
    x = torch.randn(4, 5, requires_grad=True)
    y = call(x)
    (y if isinstance(y, torch.Tensor) else y[0]).sum().backward()
    del y
    seen = weakref.ref(x)
    del x
    gc.collect()
    assert seen() is None


def test_one_tensor_given_twice_is_planned_as_two():
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0])
    assert F.mse_loss(x, x).item() == 0
    assert F.mse_loss(x, y).item() == 12.5


@jit
def complain(x, out, code):
    out[0] = x[0]
    return code


def test_a_code_above_0_is_an_error():
    @op
    def complaining(x, code: int):
        """x"""
        return x

    @complaining.vjp
    def _(g):
        return g

    @complaining.loop("cpu", dtypes=FLOATS)
    def loop(x, code):
        def failed(said, x, code):
            raise ValueError(f"code {said} of {x.shape[0]}")

        return Loop(complain, (code,), like(x), failed=failed)

    x = torch.ones(1)
    assert complaining(x, 0).item() == complaining(x, -1).item() == 1
    for _ in range(2):  # planned, and remembered
        with pytest.raises(ValueError, match="code 3 of 1"):
            complaining(x, 3)
    with pytest.raises(ValueError, match="code 2 of 1"):
        complaining(torch.ones(2)[:1], 2)


def test_a_planning_function_asks_for_what_there_is():
    @op
    def alone(x):
        """x"""
        return x

    with pytest.raises(RegistrationError, match="asks for 'y', which is none of x"):

        @alone.loop("cpu")
        def loop(x, y):
            return None

    @alone.loop("cpu", name="wrong")
    def wrong(x):
        return 3

    with pytest.raises(TypeError, match="the planning function wrong returned int"):
        alone(torch.ones(1))


@jit
def double(x, out, extra):
    for i in range(x.size):
        extra[0] = x[i]
        out[i] = extra[0] * 2


@jit
def increase(x, out, by):
    for i in range(x.size):
        out[i] = x[i] + by


def test_loops_that_run_before():
    @op(shape=True)
    def prepared_(x):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)

    @prepared_.loop("cpu", dtypes=FLOATS)
    def in_turn(x):
        made = like(x)
        first = Loop(increase, (1.0,), made)
        second = Loop(double, (), made, scratch=((1, np.dtype(np.float64)),))
        return Loop(increase, (0.5,), made, before=(first, second))

    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(2):
        assert prepared_(x).tolist() == [[4.5, 6.5], [8.5, 10.5]]
        assert prepared_(x.t()).tolist() == [[4.5, 8.5], [6.5, 10.5]]
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_planning_function_may_give_a_function_of_the_arguments():
    @op(shape=True)
    def turned_(x, by: int):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)

    @turned_.loop("cpu", dtypes=FLOATS)
    def as_it_is(x, by):
        return lambda x, by: x.t() if by % 2 else x.clone()

    x = torch.arange(4.0).reshape(2, 2)
    for _ in range(2):
        assert turned_(x, 1).tolist() == x.t().tolist() and turned_(x, 2).tolist() == x.tolist()


def test_gradients_of_sums_are_contiguous_where_small_and_views_where_large():
    for size, stride in (((4, 8), (8, 1)), ((300, 200), (0, 0))):
        x = torch.ones(size, requires_grad=True)
        for total in (x.sum(), x.mean(), x.sum((0, 1)), x.sum(1, keepdim=True).sum()):
            (g,) = torch.autograd.grad(total, x)
            assert g.shape == x.shape and len(set(g.flatten().tolist())) == 1
        assert torch.autograd.grad(x.sum(), x)[0].stride() == stride


@jit
def add_at(out, at, y, n):
    bad = 0
    for i in range(at.size):
        if at[i] < n:
            out[at[i]] += y[i]
        else:
            bad += 1
    return bad


def refuse(bad, *arguments):
    raise IndexError(f"{bad} outside")


@pytest.mark.parametrize("copied", [True, False])
def test_results_that_stand_first(copied):
    @op(shape=True)
    def added_(x, at, y):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)

    @added_.loop("cpu")
    def onto(x, at, y):
        rest = {"copied": True} if copied else {"first": True, "operands": (at, y)}
        made = like(x, zeroed=not copied)
        return Loop(add_at, (x.numel(),), made, elements=at.numel(), failed=refuse, **rest)

    x, at, y = torch.ones(4, 2)[:, 0], torch.tensor([1, 3, 1]), torch.tensor([1.0, 2.0, 4.0])
    for _ in range(2):
        assert added_(x, at, y).tolist() == ([1.0, 6.0, 1.0, 3.0] if copied else [0.0, 5.0, 0.0, 2.0])
        with pytest.raises(IndexError, match="1 outside"):
            added_(x, at + 1, y)
        assert added_(x, at[:0], y[:0]).tolist() == [float(copied)] * 4
        with pytest.raises(IndexError, match="3 outside"):
            added_(x[:0], at, y)
    assert x.tolist() == [1.0] * 4


@jit
def every(x, out, step):
    for i in range(out.size):
        out[i] = x[i * step]


def test_loops_over_operands_as_they_lie():
    @op(shape=True, strided=True)
    def laid_(x):
        return torch.empty(x.shape, dtype=x.dtype, device=x.device)

    @laid_.loop("cpu", dtypes=FLOATS)
    def steps(x):
        return Loop(every, (x.stride(0),), like(x), lying=True)

    x = torch.arange(12.0)
    for view in (x, x[::3], x[1::2], x):
        assert laid_(view).tolist() == view.tolist()


@jit
def follow(x, mean, out, pace):
    for i in range(x.size):
        mean[i] += pace * (x[i] - mean[i])
        out[i] = x[i] - mean[i]


def test_operands_that_a_loop_overwrites():
    @op(seeds=("pace",), differentiable=False)
    def followed(x, mean, pace: float):
        """x less a mean that follows it."""
        mean += pace * (x - mean)
        return x - mean

    @followed.loop("cpu", dtypes=FLOATS)
    def rows(x, mean):
        return Loop(follow, (), like(x), overwritten=(mean,))

    x, mean, w = torch.ones(3), torch.zeros(3), torch.ones(3, requires_grad=True)
    y = w * mean
    assert followed(x, mean, 0.5).tolist() == [0.5] * 3
    assert (mean.tolist(), mean._version) == ([0.5] * 3, 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    strided = torch.zeros(3, 2)[:, 0]
    assert followed(x, strided, 0.25).tolist() == [0.75] * 3
    assert strided.tolist() == [0.25] * 3
    assert [p.loop is None for p in followed.op.plans.values()] == [False, True]


@jit
def count_large(x, at_least, order, limit):
    n = 0
    for i in range(x.size):
        order[i] = n
        at_least[i] = x[i] >= limit
        n += x[i] >= limit
    return n


@jit
def pick_large(x, out, order, limit):
    for i in range(x.size):
        if x[i] >= limit:
            out[order[i]] = x[i]


def test_results_as_long_as_another_loop_counts():
    @op(shape=True, differentiable=False)
    def large(x, limit: float):
        """Whether elements are at least the limit, and those that are."""
        raise NotImplementedError

    @large.loop("cpu", dtypes=FLOATS)
    def rows(x, limit):
        count = Loop(count_large, (limit,), None)
        out = like(x, dtype=torch.bool), like(x, (COUNTED,))
        return Loop(pick_large, (limit,), out, counts=count, scratch=((x.numel(), np.dtype(np.int64)),))

    for numbers in ([1.0, 5.0, 3.0], [4.0, 7.0, 9.0], [0.0, 1.0, 2.0]):
        x = torch.tensor([numbers, numbers]).t()[:, 0]
        which, found = large(x, 3.0)
        assert which.tolist() == [n >= 3 for n in numbers]
        assert found.tolist() == [n for n in numbers if n >= 3]
    assert len(large.op.plans) == 1


@pytest.mark.parametrize("options", [{"stride": 1 << 44}, {"dilation": 1 << 44}], ids=str)
def test_a_result_that_memory_cannot_hold_is_refused_before_a_plan_is_made_for_its_size(options):
    with pytest.raises(RuntimeError, match="allocate|overflow"):
        F.conv_transpose1d(torch.ones(2, 3, 4), torch.ones(3, 2, 2), **options)
