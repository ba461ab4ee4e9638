"""Losses, products, distances and dropout at their corners: torch's values, types, gradients and errors."""

import numpy as np
import pytest
from against_torch import same, torch  # noqa: F401 - skips the module where there is no torch

inf, nan = float("inf"), float("nan")

# Calls of either library ``t``, F its functional module: the same value, or the same kind of error.
CALLS = [
    # what is multiplied by 0 is ignored
    "t.addmm(t.full((2, 2), nan), t.ones(2, 2), t.ones(2, 2), beta=0)",
    "t.addmm(t.full((2, 2), inf), t.ones(2, 2), t.ones(2, 2), beta=0.0, alpha=2)",
    "t.addmm(t.ones(2, 2), t.full((2, 2), nan), t.ones(2, 2), beta=2, alpha=0)",
    "t.addmm(t.ones(2), t.ones(3, 1), t.ones(1, 2))",
    "t.addmm(t.ones(3), t.ones(3, 1), t.ones(1, 2))",
    "t.addmm(t.ones(2, 2, dtype=t.int64), t.ones(2, 2, dtype=t.int64), t.ones(2, 2, dtype=t.int64), beta=2, alpha=3)",
    "t.ones(2, 2, dtype=t.bool).addmm(t.ones(2, 2, dtype=t.bool), t.ones(2, 2, dtype=t.bool))",
    # products of nothing
    "t.ones(2, 3, 0) @ t.ones(2, 0, 4)",
    "t.ones(2, 0, 3) @ t.ones(3, 4)",
    "t.ones(4, 6, 0) @ t.ones(0, 2)",
    "t.ones(0) @ t.ones(0)",
    "t.bmm(t.ones(0, 2, 3), t.ones(0, 3, 4))",
    "t.ones(2, 3) @ t.ones(3, 2, dtype=t.float64)",
    "t.dot(t.ones(2, dtype=t.int32), t.ones(2, dtype=t.int32))",
    "t.dot(t.ones(2), t.ones(2, dtype=t.float64))",
    "t.outer(t.ones(2, 2), t.ones(2))",
    "F.linear(t.ones(2, 3), t.ones(3))",
    "F.linear(t.ones(3), t.ones(3), t.ones(()))",
    "F.linear(t.ones(2, 3), t.ones(4, 3), t.ones(1))",
    "F.linear(t.ones(()), t.ones(3))",
    "F.linear(t.ones(2, 0), t.ones(4, 0), t.ones(4))",
    "F.linear(t.ones(0, 3), t.ones(4, 3))",
    "F.bilinear(t.ones(2, 3), t.ones(2, 4), t.ones(5, 3, 4), t.ones(4))",
    "F.bilinear(t.ones(0, 3), t.ones(0, 4), t.ones(5, 3, 4))",
    # ranges and types of targets
    "F.binary_cross_entropy(t.tensor([.5]), t.tensor([2.]))",
    "F.binary_cross_entropy(t.tensor([.5]), t.tensor([-.1]))",
    "F.binary_cross_entropy(t.tensor([nan]), t.tensor([1.]))",
    "F.binary_cross_entropy(t.tensor([1.5]), t.tensor([1.]))",
    "F.binary_cross_entropy(t.tensor([.5]), t.tensor([nan]))",
    "F.binary_cross_entropy(t.tensor([.5, 0.]), t.tensor([0., 1.]))",
    "F.binary_cross_entropy(t.tensor([.5]), t.tensor([1.], dtype=t.float64))",
    "F.binary_cross_entropy_with_logits(t.tensor([inf]), t.tensor([2.]), reduction='none')",
    "F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2), pos_weight=t.ones(3))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 3]))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, -1]))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), label_smoothing=-0.1, reduction='none')",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), label_smoothing=1.1)",
    "F.cross_entropy(t.ones(2, 3), t.ones(2, 3), ignore_index=0)",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(2))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(3, dtype=t.float64))",
    "F.cross_entropy(t.ones(0, 3), t.ones(0, dtype=t.int64))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([0, 1], dtype=t.uint8))",
    "F.cross_entropy(t.ones(2, 3), t.tensor([-100, -100]))",
    "F.nll_loss(t.ones(2, 3), t.tensor([5, 0]), ignore_index=5)",
    "F.cross_entropy(t.ones(3), t.tensor(1))",
    "F.cross_entropy(t.ones(()), t.tensor(1))",
    # values at corners
    "F.kl_div(t.ones(2), t.tensor([0., .5]), reduction='sum')",
    "F.kl_div(t.ones(2), t.tensor([-.5, nan]), reduction='none')",
    "F.kl_div(t.ones(2), t.ones(2, dtype=t.int64), reduction='sum')",
    "F.kl_div(t.ones(()), t.tensor(.5), reduction='sum')",
    "F.huber_loss(t.ones(2).half(), t.zeros(2), reduction='none')",
    "F.huber_loss(t.ones(2), t.zeros(2), delta=nan)",
    "F.smooth_l1_loss(t.ones(2), t.zeros(2), beta=-1)",
    "F.cosine_similarity(t.ones(7), t.tensor([-2.]), 0)",
    "F.cosine_similarity(t.ones(2, 3), t.ones(3), 1)",
    "F.cosine_similarity(t.ones(1, 3), t.tensor(2.), 1)",
    "F.cosine_similarity(t.ones(2), t.ones(2), 1)",
    "F.cosine_similarity(t.ones(2, 2, dtype=t.int64), t.ones(2, 2, dtype=t.int64))",
    "F.cosine_similarity(t.ones(2), t.ones(2), 0, eps=-1.)",
    "F.pairwise_distance(t.ones(2, 2), t.zeros(2, 2), p='x')",
    "F.dropout(t.tensor([inf, 1., nan]), 1.0)",
    "F.dropout(t.ones(3, dtype=t.int64), 1.0)",
    "F.dropout(t.ones(3, dtype=t.int64), .5)",
    "F.dropout(t.ones(3), 1.5)",
    "F.dropout1d(t.ones(3), .5)",
    "F.dropout2d(t.ones(3), 0.0)",
    "F.max_pool2d(t.arange(16).reshape(1, 1, 4, 4), 2)",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_calls(call):
    code = compile(call, "<call>", "eval")
    same(lambda t: eval(code, {"t": t, "F": t.nn.functional, "inf": inf, "nan": nan}), rtol=1e-5, atol=1e-6)


GRADIENTS = [
    ("F.huber_loss(x, t.zeros(3), reduction='sum')", [nan, 1.0, -3.0]),
    ("F.huber_loss(x, t.zeros(3), reduction='sum')", [1.0, -1.0, inf]),
    ("F.smooth_l1_loss(x, t.zeros(3), reduction='sum')", [nan, 1.0, -3.0]),
    ("t.addmm(x[None], t.ones(1, 1), t.ones(1, 3), beta=0).sum()", [1.0, nan, 2.0]),
    ("F.cross_entropy(x[None], t.tensor([1]), weight=t.tensor([1., 2., 3.]), reduction='sum')", [1.0, 2.0, 3.0]),
    (
        "F.cross_entropy(x.reshape(1, 3, 1), t.tensor([[2]]), weight=t.tensor([1., 2., 3.]), reduction='none').sum()",
        [1.0, 2.0, 3.0],
    ),
    ("F.cosine_similarity(x, t.tensor([2.]), 0)", [1.0, 2.0, 3.0]),
    ("F.kl_div(x, t.tensor([0., .5, 1.]), reduction='sum')", [1.0, 2.0, 3.0]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call, values", GRADIENTS, ids=[c for c, _ in GRADIENTS])
def test_gradients(call, values):
    def run(t):
        x = t.tensor(values, requires_grad=True)
        eval(call, {"t": t, "F": t.nn.functional, "x": x}).backward()
        return x.grad

    same(run, rtol=1e-5, atol=1e-6)


def test_weights_of_image_labels():
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((3, 7, 5)), rng.integers(0, 7, (3, 5)), rng.random(7)

    def run(t):
        scores = t.tensor(x, requires_grad=True)
        loss = t.nn.functional.cross_entropy(scores, t.tensor(y), weight=t.tensor(w), reduction="none")
        loss.backward(t.tensor(rng_of_gradient))
        return loss.detach(), scores.grad

    rng_of_gradient = rng.standard_normal((3, 5))
    same(run)
