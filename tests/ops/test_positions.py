"""Reading, writing and filling by position: what torch computes is computed, what it refuses is refused with the same
kind of error, and nothing outside a buffer is read or written."""

import numpy as np
import pytest

import numtorch

pytest.importorskip("torch")
from against_torch import evaluated, lines, same

# Expressions; ``t`` is either library, ``l`` makes an index, ``x`` is a 3 x 4 matrix of floats.
READING = """
t.gather(t.zeros(0, 5), 0, t.zeros(3, 5, dtype=t.int64))
t.gather(t.zeros(0, 5), 0, t.zeros(3, 0, dtype=t.int64))
t.gather(t.zeros(5, 0), 0, l([[7]]))
t.gather(t.zeros(5), 0, t.zeros(0, 3, 2))
t.gather(t.tensor(2.), 0, l([0, 0]))
t.gather(t.tensor([2., 3.]), 0, l(1))
t.gather(t.tensor(2.), 0, l([1]))
t.gather(x, 1, l([[-1]]))
t.gather(x, 1, l([[4]]))
t.gather(x, 0, l([[2**63 - 1]]))
t.gather(x, 1, l([[0], [1], [2], [3]]))
t.gather(x, 1, l([[0, 1]], t.int32))
t.gather(x, 1, l([[0, 1]], t.int16))
t.gather(x, 1, l([[0, 1]], t.uint8))
t.gather(x, 1, [[0]])
t.gather(x, 5, l([[0]]))
t.take_along_dim(t.zeros(0, 17), t.zeros(17, 17, dtype=t.int64), -2)
t.take_along_dim(x, l([[-1, -4], [0, 1], [3, 2]]), 1)
t.take_along_dim(x > 5, l([[-1]]), -2)
t.take_along_dim(x, l([5, 0], t.int32))
t.take_along_dim(x, l([[0]], t.int32), 1)
t.take_along_dim(t.tensor(1.), l(0), 0)
t.take_along_dim(t.tensor(1.), l(0))
t.take_along_dim(x, l([[0], [1]]), 1)
t.take_along_dim(x, l([0]), 1)
t.index_select(t.zeros(3, 0), 0, l([5]))
t.index_select(t.zeros(3, 0), 0, l([2]))
t.index_select(t.zeros(0), 0, l([0]))
t.index_select(t.tensor(3.), 0, l([0, 0]))
t.index_select(t.tensor(3.), 0, l([1]))
t.index_select(x, 0, l([0], t.int8))
t.index_select(x, 0, l([[0]]))
t.index_select(x, 0, l(-1))
t.take(x, l([11, -12]))
t.take(x, l([12]))
t.take(x, l([-13]))
t.take(x, l([0], t.int32))
t.take(t.zeros(0), l([0]))
t.take(t.zeros(0), t.zeros(0, 3, dtype=t.int64))
t.masked_select(x, t.ones(2) > 0)
t.masked_select(x, t.ones(4))
t.nonzero(t.tensor([-0., 1.], dtype=t.float16))
t.nonzero(t.tensor([-0., float("nan")], dtype=t.bfloat16), as_tuple=True)
x[((0, 2),)]
x[l([1], t.int8)]
x[l(1, t.int8)]
x[l([1], t.int32)]
x[1.0]
x[l([1.0], t.float32)]
x[1.0:2]
x[::2.0]
x[::0]
x[t.tensor(1):t.tensor(2)]
x[t.tensor(1.0):]
t.zeros(3, 0)[l([5])]
t.zeros(3, 0)[:, l([0])]
t.zeros(0, 3)[l([5]), l([])]
t.zeros(0)[l([0])]
"""

WRITING = """
t.scatter(x, 1, l([[0]]), t.zeros(1))
t.scatter(x, 1, l([[0, 0]]), t.zeros(1, 1))
t.scatter(x, 1, l([[4]]), 1.0)
t.scatter(x, 1, l([[-1]]), 1.0)
t.scatter(x, 1, l([[0]] * 4), 1.0)
t.scatter(x, 1, l([[0]], t.int16), 1.0)
t.scatter(x, 1, t.zeros(0, 2, 7), 1.0)
t.scatter(x, 1, l([[0]]), t.tensor([[1]]))
t.scatter(x, 1, l([[0]]))
t.scatter(x, 1, l([[0]]), t.zeros(1, 1), value=2.0)
t.scatter(x, 1, l([[0]]), 2.0, reduce="mul")
t.scatter(x.to(t.int8), 1, l([[0]]), float("nan"))
t.scatter(x.to(t.int8), 1, l([]), float("nan"))
t.scatter(x.to(t.int8), 1, l([[0]]), 300)
t.scatter(x.to(t.uint8), 1, l([[0]]), -1)
t.scatter(x.to(t.uint8), 1, l([[0]]), -0.5)
t.scatter(t.tensor(1.), 0, l([0]), t.tensor(5.))
t.scatter(t.tensor([1., 2.]), 0, l(1), t.tensor([5., 6.]))
t.scatter_add(x, 0, l([[0, 0]], t.uint8), t.ones(1, 2))
t.scatter_add(x, 0, l([[0, 0]]), t.ones(2))
t.scatter_add(t.tensor(1.), 0, l(0, t.int16), t.tensor(1.))
t.scatter_reduce(x > 3, 0, l([[0]]), t.ones(1, 1) > 0, "mean")
t.scatter_reduce(x, 0, l([[0]]), t.ones(1, 1), "median")
t.scatter_reduce(x, 0, t.zeros(0), t.ones(1, 1), "prod", include_self=False)
t.index_add(t.tensor([1, 2]), 0, l([0, 0]), t.tensor([3, 5]), alpha=0.5)
t.index_add(t.tensor([1, 2]), 0, l([0, 0]), t.tensor([3, 5]), alpha=2.9)
t.index_add(t.tensor([1, 2]), 0, l([0]), t.tensor([3]), alpha=float("nan"))
t.index_add(t.tensor([True, False]), 0, l([1]), t.tensor([True]), alpha=2)
t.index_add(t.tensor([True, False]), 0, l([1]), t.tensor([True]), alpha=False)
t.index_add(t.zeros(2, dtype=t.int8), 0, l([0]), t.ones(1, dtype=t.int8), alpha=300)
t.index_add(t.zeros(0, 8), 0, l([-5000, 0]), t.zeros(2, 8))
t.index_add(t.zeros(0), 0, l([0]), t.zeros(1))
t.index_add(t.zeros(3, 0), 0, l([7]), t.zeros(1, 0))
t.index_add(x, 0, l([3]), t.zeros(1, 4))
t.index_add(x, 0, l([0], t.int16), t.zeros(1, 4))
t.index_add(x, 0, l([[0]]), t.zeros(1, 4))
t.index_add(x, 0, l([0]), t.zeros(1, 3))
t.index_add(x, 0, l([0, 1]), t.zeros(1, 4))
t.index_add(x, 0, l([0]), t.zeros(4))
t.index_add(x, 0, l(0), t.ones(1, 4))
t.index_add(t.zeros(3), 0, l(1), t.tensor(1.))
t.index_add(t.tensor(1.), 0, l([0]), t.tensor(1.))
t.index_add(t.tensor(1.), 0, l([0]), t.tensor([1.]))
t.index_add(t.tensor(1.), 0, l([0, 0]), t.tensor(1.))
t.index_copy(x, 0, l([0], t.int32), t.zeros(1, 4))
t.index_copy(x, 0, l([3]), t.zeros(1, 4))
t.index_copy(x, 0, l([0]), t.zeros(1, 3))
t.index_copy(x, 0, l([0, 1]), t.zeros(1, 4))
t.index_copy(x, 0, l([0]), t.zeros(4))
t.index_copy(t.zeros(3), 0, l(1), t.tensor(1.))
t.index_copy(t.tensor(0.), 0, l([0]), t.tensor([1.]))
t.index_copy(x, 0, l([0]), t.zeros(1, 4, dtype=t.float64))
t.index_fill(x, 0, l([1], t.int32), 1.0)
t.index_fill(x, 0, l([1.0], t.float32), 1.0)
t.index_fill(x, 0, l(-1), 1.0)
t.index_fill(x, 0, l([[1]]), 1.0)
t.index_fill(x, 0, l([3]), 1.0)
t.index_fill(x, 0, l([1]), t.ones(1))
t.index_fill(t.zeros(3, 0), 0, l([5]), 1.0)
t.index_fill(t.zeros(2, dtype=t.int8), 0, l([1]), 255)
t.index_fill(t.zeros(2, dtype=t.int16), 0, l([1]), 2**40)
t.index_fill(t.zeros(2, dtype=t.int64), 0, l([1]), float("inf"))
t.index_fill(t.zeros(2, dtype=t.int64), 0, l([1]), t.tensor(1.7))
t.index_fill(t.tensor(1), -1, l([0, 0]), 7)
t.index_reduce(x, 0, l([0], t.int8), t.ones(1, 4), "prod")
t.index_reduce(x, 0, l([0]), t.ones(1, 3), "prod")
t.index_reduce(x, 0, l([0]), t.ones(1, 4, dtype=t.float64), "prod")
t.index_reduce(x, 0, l([5]), t.ones(1, 4), "amax")
t.index_reduce(t.zeros(0, 3), 0, l([5]), t.ones(1, 3), "mean")
t.put(x, l([0], t.int32), t.ones(1))
t.put(x, l([0, 1]), t.ones(1))
t.put(x, l([12]), t.ones(1))
t.put(x, l([0]), t.ones(1, dtype=t.float64))
t.put(t.zeros(0), l([0]), t.ones(1))
t.index_put(x, (l(1),), t.tensor(5.))
t.index_put(x, (l(1), l(-1)), t.tensor(5.), True)
t.index_put(t.zeros(4), (l(1),), t.tensor([5.]), accumulate=True)
t.index_put(x, (l(7), l([1, 0])), t.tensor(5.))
t.index_put(x, (l(1), l([1, 0])), t.tensor([5., 6.]))
t.index_put(x, (t.tensor(True),), t.tensor(5.))
t.index_put(x > 3, (l(2),), t.tensor(False))
t.index_put(x, (l([1]),), t.tensor(5))
t.index_put(x, (l([1]),), 5.0)
t.index_put(x, (1,), t.tensor(5.))
t.index_put(x, (None, l([1])), t.tensor(5.))
t.index_put(x, l([1]), t.tensor(5.))
t.index_put(x, (l([1], t.int8),), t.tensor(5.))
t.index_put(x, (l([1]),), t.zeros(1, 1, 4))
t.index_put(x, (l([1]),), t.zeros(3))
t.index_put(x, (l([3]),), t.tensor(5.))
t.index_put(t.zeros(0, 3), (l([0]),), t.tensor(5.))
t.masked_fill(x.to(t.int16), x > 3, 2**40)
t.masked_fill(x.to(t.int64), x > 3, float("nan"))
t.masked_fill(x.to(t.int64), x > 3, 1.5)
t.masked_fill(x.to(t.uint8), x > 3, -1)
t.masked_fill(x.to(t.float16), x > 3, 1e6)
t.masked_fill(x, x > 3, t.tensor(1e300, dtype=t.float64))
t.masked_fill(x, x > 3, t.tensor(7))
t.masked_fill(x, x > 3, t.tensor([7.]))
t.masked_fill(x, x > 3, "a")
t.masked_fill(x, [True], 1.0)
t.masked_fill(x, t.ones(4), 1.0)
t.masked_fill(x > 3, x > 5, 2)
x.masked_scatter(x > 3, t.ones(7))
x.masked_scatter(x > 3, t.ones(8, dtype=t.int64))
x.masked_scatter(t.ones(4), t.ones(12))
x.masked_scatter(t.ones(2, 3, 4) > 0, t.ones(24))
x.masked_scatter(t.ones(5) > 0, t.ones(24))
"""


@pytest.mark.parametrize("expression", lines(READING) + lines(WRITING))
def test_one_call(expression):
    same(evaluated(expression))


# ``y`` is written to; what it is then is compared, and also after an error.
IN_PLACE = """
t.zeros(3) | y.index_add_(0, l([0, 5]), t.ones(2))
t.zeros(3) | y.index_copy_(0, l([0, 5]), t.ones(2))
t.zeros(3) | y.scatter_(0, l([0, 5]), t.ones(2))
t.zeros(3) | y.scatter_add_(0, l([0, -1]), t.ones(2))
t.zeros(3) | y.put_(l([0, 3]), t.ones(2))
t.zeros(3) | y.__setitem__(l([0, 3]), 1.0)
t.zeros(3) | y.index_put_((l([0, 3]),), t.tensor(1.))
t.zeros(3) | y.masked_scatter_(y == 0, t.ones(2))
t.zeros(3) | y.index_put_((l(1),), t.tensor(1.), True)
t.zeros(2, 2) | y.index_put_((l(1), l(0)), t.tensor(1.))
t.zeros(1, 3).expand(2, 3) | y.index_add_(0, l([0]), t.ones(1, 3))
t.zeros(1, 3).expand(2, 3) | y.index_copy_(0, l([0]), t.ones(1, 3))
t.zeros(1, 3).expand(2, 3) | y.scatter_(0, l([[0, 1, 0]]), t.ones(1, 3))
t.zeros(1, 3).expand(2, 3) | y.scatter_add_(0, l([[0, 1, 0]]), t.ones(1, 3))
t.zeros(1, 3).expand(2, 3) | y.scatter_reduce_(0, l([[0, 1, 0]]), t.ones(1, 3), "amax")
t.zeros(1, 3).expand(2, 3) | y.index_reduce_(0, l([0]), t.ones(1, 3), "amax")
t.zeros(1, 3).expand(2, 3) | y.put_(l([0, 1]), t.ones(2))
t.zeros(1, 3).expand(2, 3) | y.masked_scatter_(y == 0, t.ones(6))
t.ones(1, 3).expand(2, 3) | y.cumsum_(0)
t.ones(1, 3).expand(2, 3) | y.cumprod_(0)
t.zeros(1, 3).expand(2, 3) | y.masked_fill_(t.tensor([[True, False, True], [False, False, False]]), 7)
t.zeros(1, 3).expand(2, 3) | y.index_fill_(0, l([1]), 7)
t.zeros(1, 3).expand(2, 3) | y.index_put_((l([0, 1]),), t.tensor([[1.], [2.]]), True)
t.zeros(1).expand(3) | y.__setitem__((None, l([2, 2, 1])), t.tensor([[1., 2., 3.]]))
t.zeros(3, 1, 2).expand(3, 2, 2) | y.__setitem__((l([2, 0]), 1), t.tensor([1., 3.]))
t.zeros(3, dtype=t.uint8) | y.masked_fill_(y == 0, 1e30)
t.zeros(3) | y.masked_fill_(t.ones(2, 3) > 0, 1.0)
t.zeros(3) | y.index_fill_(0, l([0]), t.tensor([1.]))
"""


@pytest.mark.filterwarnings("ignore:Use of .* on expanded tensors is deprecated:UserWarning")
@pytest.mark.parametrize("case", lines(IN_PLACE))
def test_one_call_in_place(case):
    start, call = case.split(" | ")

    def run(t):
        scope = {"t": t, "l": lambda v: t.tensor(v, dtype=t.int64)}
        y = scope["y"] = eval(start, scope)  # noqa: S307
        before = y.tolist()
        try:
            eval(call, scope)  # noqa: S307
        except Exception:
            assert t is not numtorch or y.tolist() == before, "written to although an index is bad"
            raise
        return y

    same(run)


# Gradients: expressions of ``a`` and ``b``, of which the sum of products with 1, 2, 3 ... is differentiated.
GRADIENTS = {
    "gather_empty": ("[[1., 2.]]", "[0.]", "t.gather(a, 0, t.zeros(0, 3, 2)).sum() * 0 + a.sum()"),
    "take_along_dim": ("[[1., 2., 3.]]", "[0.]", "t.take_along_dim(a, t.tensor([[-1, 0, -1]]), 1)"),
    "scatter_empty": ("[[1., 2.]]", "[3.]", "t.scatter(a, 0, t.zeros(0), b)"),
    "index_add_alpha": ("[1., 2.]", "[3., 4.]", "t.index_add(a, 0, t.tensor([1, 1]), b, alpha=0.5)"),
    "index_fill_repeated": ("[[1., 2.], [3., 4.]]", "5.", "t.index_fill(a, -1, t.tensor([1, 1, 1]), b)"),
    "index_put_scalar": ("[1., 2.]", "5.", "t.index_put(a, (t.tensor(1),), b, True)"),
    "index_put_row": ("[[1., 2.], [3., 4.]]", "[5., 6.]", "t.index_put(a, (t.tensor(1),), b)"),
    "amax_untouched": ("[1., 2., 3.]", "[3.]", "t.scatter_reduce(a, 0, t.tensor([2]), b, 'amax')"),
    "amin_nan": ("[1., 2., 3.]", "[float('nan'), 0.]", "t.scatter_reduce(a, 0, t.tensor([1, 1]), b, 'amin')"),
    "masked_fill": ("[1., 2.]", "3.", "a.masked_fill(a > 1, b)"),
}


@pytest.mark.parametrize("case", GRADIENTS.values(), ids=GRADIENTS.keys())
def test_gradients(case):
    def run(t):
        a, b = (eval(f"t.tensor({v}, dtype=t.float64, requires_grad=True)", {"t": t}) for v in case[:2])  # noqa: S307
        y = eval(case[2], {"t": t, "a": a, "b": b})  # noqa: S307
        (y * t.arange(1, y.numel() + 1).reshape(y.shape)).sum().backward()
        return [y, a.grad, b.grad]

    same(run)


def test_the_gradient_of_a_half_type_is_of_that_type():
    for reduce in ("amax", "prod", "mean"):
        x = numtorch.ones(3, dtype=numtorch.bfloat16, requires_grad=True)
        y = numtorch.ones(1, dtype=numtorch.bfloat16)
        numtorch.scatter_reduce(x, 0, numtorch.tensor([1]), y, reduce, include_self=False).sum().backward()
        assert x.grad.dtype is numtorch.bfloat16
        assert x.grad.tolist() == [1, 0, 1]


def test_minus_infinity_that_is_not_compared_with_what_was_there():
    x = numtorch.zeros(2)
    y = numtorch.tensor([-np.inf, -np.inf, 1.0], requires_grad=True)
    numtorch.scatter_reduce(x, 0, numtorch.tensor([0, 0, 1]), y, "amax", include_self=False).sum().backward()
    assert y.grad.tolist() == [0.5, 0.5, 1]  # torch counts the start of the search as a third one


def test_where_torch_computes_and_an_error_serves_better():
    x = numtorch.arange(3.0)
    with pytest.raises(IndexError, match="index 5 is out of bounds for dimension 0 with size 3"):
        numtorch.take_along_dim(x, numtorch.tensor([5]), 0)  # torch takes it modulo 3
    for key in ([0.5], [1.0], np.array([1.0])):  # torch cuts fractions off
        with pytest.raises(IndexError, match="float"):
            x[key]


def test_where_torch_refuses_and_computing_hides_nothing():
    x = numtorch.arange(6.0).reshape(2, 3)
    # torch cannot view a transposed tensor
    assert numtorch.take_along_dim(x.T, numtorch.tensor([0, 1])).tolist() == [0, 3]
    x[numtorch.tensor([0])] = numtorch.tensor([7])  # converted, as x[0] = and x[:1] = do
    assert x[0].tolist() == [7, 7, 7]
    assert x.index_reduce(0, numtorch.tensor([1]), numtorch.full((1, 3), 9.0), "amax")[1].tolist() == [9, 9, 9]
    assert (x > 3).index_reduce(0, numtorch.tensor([1]), numtorch.zeros(1, 3) > 0, "amin")[1].tolist() == [False] * 3


def test_errors_name_the_index_and_are_of_both_kinds():
    x = numtorch.zeros(3, 2)
    for call in (
        lambda: numtorch.gather(x, 0, numtorch.tensor([[0, 9]])),
        lambda: numtorch.index_add(x, 0, numtorch.tensor([9]), x[:1]),
        lambda: numtorch.index_select(x, 0, numtorch.tensor([9])),
    ):
        for kind in (IndexError, RuntimeError):  # torch raises one or the other
            with pytest.raises(kind, match="index 9 is out of bounds for dimension 0 with size 3"):
                call()


def test_a_mask_that_is_changed_behind_the_graph_is_noticed():
    flags = np.array([True, False, False])
    x = numtorch.arange(3.0, requires_grad=True)
    y = x.masked_select(numtorch.from_numpy(flags))
    flags[:] = True
    with pytest.raises(RuntimeError, match="written to"):
        y.sum().backward()
