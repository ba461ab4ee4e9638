"""What a planned loop is given: empty buffers for what is absent, zeroed results, and numbers that differ from call to call."""

import numpy as np
import pytest

import numtorch as torch
from numtorch.dispatch.loops import EMPTY, Loop, like
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
    from numtorch.ops.random import dropout_mask

    x = torch.ones(50)
    first = F.dropout(x, 0.5)
    before = len(dropout_mask.op.plans)
    others = [F.dropout(x, 0.5) for _ in range(10)]
    assert len(dropout_mask.op.plans) == before
    assert all(y.tolist() != first.tolist() for y in others)
