"""``torch._foreach_add`` and its kin."""

import numpy as np
import pytest
from against_torch import lines

import numtorch


def lists(t):
    x = [t.tensor([0.5, 0.25]), t.tensor([[0.75]])]
    return {"t": t, "x": x, "y": [v + 1 for v in x], "z": [v * 3 for v in x]}


def flat(found):
    return [np.asarray(v.tolist()) for v in found]


@pytest.mark.parametrize(
    "text",
    lines("""
t._foreach_add(x, 2), t._foreach_add(x, [1.0, 2.0]), t._foreach_add(x, y), t._foreach_add(x, y, alpha=3)
t._foreach_sub(x, y, alpha=0.5), t._foreach_mul(x, t.tensor(4.0)), t._foreach_div(x, y), t._foreach_div(x, [2, 4])
t._foreach_pow(x, 2), t._foreach_pow(2.0, x), t._foreach_pow(x, y)
t._foreach_maximum(x, y), t._foreach_maximum(x, 0.6), t._foreach_minimum(x, [0.3, 0.4]), t._foreach_clamp_max(x, 0.3)
t._foreach_addcmul(x, y, z, 2), t._foreach_addcdiv(x, y, z, [1.0, 3.0])
t._foreach_addcdiv(x, y, z, t.tensor([1.0, 3.0])), t._foreach_addcdiv(x, y, z, scalars=[2, 3])
t._foreach_lerp(x, y, 0.25), t._foreach_lerp(x, y, z)
t._foreach_norm(x), t._foreach_norm(x, 1), t._foreach_norm(x, float("inf")), t._foreach_max(x), t._foreach_clone(x)
t._foreach_add_(x, y), t._foreach_mul_(x, 2), t._foreach_addcmul_(x, y, z, value=-1), t._foreach_sqrt_(x)
t._foreach_lerp_(x, y, 0.5), t._foreach_div_(x, z), t._foreach_neg_(x), t._foreach_copy_(x, y), t._foreach_zero_(x)
"""),
)
def test_as_in_torch(text):
    torch = pytest.importorskip("torch")
    theirs, ours = (eval(text, lists(t)) for t in (torch, numtorch))  # noqa: S307
    for a, b in zip(theirs, ours, strict=True):
        assert type(a) is type(b) and all(map(np.array_equal, map(np.shape, flat(a)), map(np.shape, flat(b))))
        for v, w in zip(flat(a), flat(b), strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-6)


def test_in_place_forms_write_to_the_tensors():
    x = lists(numtorch)["x"]
    kept = x[0]
    assert numtorch._foreach_add_(x, [1, 2]) is x and kept.tolist() == [1.5, 1.25] and x[1].tolist() == [[2.75]]
    assert numtorch._foreach_norm(x)[0].item() == pytest.approx((1.5**2 + 1.25**2) ** 0.5)


def test_gradients_go_through():
    x = [numtorch.ones(2, requires_grad=True), numtorch.ones(1, requires_grad=True)]
    sum(y.sum() for y in numtorch._foreach_mul(x, [2.0, 3.0])).backward()
    assert x[0].grad.tolist() == [2, 2] and x[1].grad.tolist() == [3]
