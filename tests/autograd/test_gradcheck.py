"""gradcheck and gradgradcheck: right gradients pass, wrong ones are named."""

from __future__ import annotations

import pytest

import numtorch as nt
from numtorch.autograd import GradcheckError, gradcheck, gradgradcheck


def leaf(*shape, seed=0):
    return nt.rand(*shape, dtype=nt.float64, generator=nt.Generator().manual_seed(seed)).add(0.5).requires_grad_()


class WrongFactor(nt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        return g * 2 + h * 4


class WrongSecond(nt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x * x.detach() * 3)


@pytest.mark.parametrize("fast", [False, True])
def test_right_gradients_pass(fast):
    x, y = leaf(2, 3), leaf(3, seed=1)
    assert gradcheck(lambda x, y: (x * y, (x / y).sum(0), x.exp()), (x, y), fast_mode=fast)
    assert gradgradcheck(lambda x, y: (x * y, (x / y).sum(0), x.exp()), (x, y), fast_mode=fast)
    assert gradcheck(lambda x: x @ x.t(), x, fast_mode=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_wrong_gradients_are_named(fast):
    x = leaf(2)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 1 with respect to input 0") as info:
        gradcheck(WrongFactor.apply, x, fast_mode=fast)
    assert "numerical:" in str(info.value) and "analytical:" in str(info.value)
    assert gradcheck(WrongFactor.apply, x, raise_exception=False, fast_mode=fast) is False
    assert isinstance(info.value, RuntimeError)


def test_wrong_second_derivatives():
    x = leaf(2)
    assert gradcheck(WrongSecond.apply, x)
    assert not gradgradcheck(WrongSecond.apply, x, raise_exception=False)


def test_inputs_of_any_layout():
    x = leaf(3, 4)
    assert gradcheck(lambda x: x.exp() * 2, x.detach().t().requires_grad_())
    assert gradcheck(lambda x: x.sin().sum(), x.detach()[:, ::2].requires_grad_())
    assert gradcheck(lambda x: x * x, leaf())
    assert gradcheck(lambda x: x * x, leaf(0, 3))
    assert gradgradcheck(lambda x: x * x, leaf(2, 2), gen_non_contig_grad_outputs=True)
    assert gradgradcheck(lambda x: x * x, leaf(2), grad_outputs=leaf(2, seed=3))


def test_inputs_that_take_no_part():
    x, y = leaf(2), leaf(3, seed=1)
    assert gradcheck(lambda x, y, n: x * n, (x, y, 3))
    assert gradcheck(lambda x, i: x[i], (x, nt.tensor([0, 1, 0])))
    assert gradcheck(lambda x: (x * 2, x > 1), x)


def test_values_are_left_as_they_were():
    x = leaf(3)
    before = x.tolist()
    gradcheck(lambda x: x * x, x)
    assert x.tolist() == before and x.grad is None


def test_output_that_hides_a_dependence():
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, leaf(2))


def test_gradients_that_change_from_call_to_call():
    class Drifting(nt.autograd.Function):
        calls = 0

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            Drifting.calls += 1
            return g * (2 + 1e-9 * Drifting.calls)

    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Drifting.apply, leaf(1))
    assert gradcheck(Drifting.apply, leaf(1), nondet_tol=1e-6)


def test_bad_inputs():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, nt.ones(2, dtype=nt.float64))
    with pytest.raises(ValueError, match="double precision"):
        gradcheck(lambda x: x * 2, nt.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, nt.ones(1, dtype=nt.float64).expand(3).requires_grad_())


def test_function_that_writes_in_place():
    assert gradcheck(lambda x: (x * 1).mul_(x), leaf(3))


class WrongTangent(nt.autograd.Function):
    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return g * 2 * ctx.saved_tensors[0]

    @staticmethod
    def jvp(ctx, t):
        return t * 3 * ctx.saved_tensors[0]


ALL = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}


@pytest.mark.parametrize("fast", [False, True])
def test_tangents_and_batches_pass(fast):
    x, y = leaf(2, 3), leaf(3, seed=1)
    assert gradcheck(lambda x, y: (x * y, (x / y).sum(0)), (x, y), fast_mode=fast, **ALL)
    assert gradgradcheck(
        lambda x, y: x.exp() * y, (x, y), fast_mode=fast, check_fwd_over_rev=True, check_batched_grad=True
    )
    z = nt.complex(leaf(3).detach(), leaf(3, seed=1).detach()).requires_grad_()
    assert gradcheck(lambda z: z * z.conj() + z.exp(), z, fast_mode=fast, **ALL)


@pytest.mark.parametrize("fast", [False, True])
def test_wrong_tangents_are_named(fast):
    x = leaf(2)
    assert gradcheck(WrongTangent.apply, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="Jacobian computed with forward mode mismatch for output 0"):
        gradcheck(WrongTangent.apply, x, fast_mode=fast, check_forward_ad=True)
    assert (
        gradcheck(WrongFactor.apply, x, check_backward_ad=False, check_forward_ad=True, raise_exception=False) is False
    )


def test_gradients_that_differ_together_are_named():
    class OfTheFirst(nt.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return Doubled.apply(g)

    class Doubled(nt.autograd.Function):
        @staticmethod
        def forward(g):
            return g * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def vmap(info, in_dims, g):
            return g * 5, in_dims[0]

    x = leaf(2)
    assert gradcheck(OfTheFirst.apply, x)
    with pytest.raises(GradcheckError, match="While computing batched gradients"):
        gradcheck(OfTheFirst.apply, x, check_batched_grad=True)


def test_checks_that_need_others_say_so():
    with pytest.raises(AssertionError, match="at least one of check_forward_ad or check_backward_ad"):
        gradcheck(nt.exp, leaf(2), check_backward_ad=False)
    with pytest.raises(AssertionError, match="requires check_forward_ad"):
        gradcheck(nt.exp, leaf(2), check_batched_forward_grad=True)
    with pytest.raises(AssertionError, match="requires check_backward_ad"):
        gradcheck(nt.exp, leaf(2), check_backward_ad=False, check_forward_ad=True, check_batched_grad=True)
