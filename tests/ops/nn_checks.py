"""What the ops of networks compute, on a device of choice: tiny, so that Numba's simulator runs them too.

NUMBA_ENABLE_CUDASIM=1 python tests/ops/nn_checks.py
"""

from __future__ import annotations

import json
import sys
import traceback

import numpy as np

import numtorch as torch
from numtorch.ops.attention import scaled_dot_product_attention
from numtorch.ops.conv import conv2d
from numtorch.ops.embedding import embedding
from numtorch.ops.loss import cross_entropy
from numtorch.ops.normalization import batch_norm, group_norm, layer_norm, rms_norm
from numtorch.ops.paired_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from numtorch.ops.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d

CHECKS = {}


def check(fn):
    CHECKS[fn.__name__] = fn
    return fn


class Values:
    """Numbers between -2 and 2, the same on every device."""

    def __init__(self, device, dtype):
        self.device, self.dtype, self.random = device, dtype, np.random.RandomState(0)

    def __call__(self, *shape, grad=True):
        return torch.tensor(self.random.uniform(-2, 2, shape), dtype=self.dtype, device=self.device, requires_grad=grad)

    def labels(self, *values):
        return torch.tensor(list(values), device=self.device)


def differentiated(y, *inputs):
    """The result and the gradients of a weighted sum of it."""
    weights = torch.arange(y.numel(), dtype=y.dtype, device=y.device).reshape(y.shape) * 0.1 + 1
    (y * weights).sum().backward()
    return [y, *[x.grad for x in inputs]]


@check
def softmaxes(v):
    results = []
    for f in (torch.softmax, torch.log_softmax):
        for dim in (0, 1):
            x = v(3, 5, 2)
            results += differentiated(f(x, dim), x)
    return results


@check
def class_numbers(v):
    x = v(4, 5)
    return differentiated(cross_entropy(x, v.labels(1, 0, -100, 4)), x)


@check
def weighted_classes(v):
    x, w = v(2, 3, 2), v(3, grad=False).abs()
    return differentiated(cross_entropy(x, v.labels([1, 0], [2, 1]), w, label_smoothing=0.1), x)


@check
def errors(v):
    results = []
    for f in (mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy_with_logits):
        x, t = v(2, 3), v(2, 3)
        results += differentiated(f(x, t), x, t)
    x, t = v(2, 3), v(2, 3)
    results += differentiated(binary_cross_entropy(x.sigmoid(), t.sigmoid()), x, t)
    x, t = v(2, 3), v(2, 3)
    return results + differentiated(kl_div(x, t.sigmoid(), reduction="sum"), x, t)


@check
def batch_norms(v):
    results = []
    for shape in ((4, 3), (2, 3, 2)):
        for training in (True, False):
            x, w, b, mean, var = v(*shape), v(3), v(3), v(3, grad=False), v(3, grad=False).abs()
            results += [*differentiated(batch_norm(x, mean, var, w, b, training), x, w, b), mean, var]
    x = v(4, 3)
    return results + differentiated(batch_norm(x, None, None, training=True), x)


@check
def row_norms(v):
    x, w, b = v(3, 5), v(5), v(5)
    results = differentiated(layer_norm(x, (5,), w, b), x, w, b)
    x, w = v(3, 5), v(5)
    results += differentiated(rms_norm(x, (5,), w), x, w)
    x = v(2, 4, 3)
    return results + differentiated(group_norm(x, 2), x)


@check
def convolutions(v):
    x, w, b = v(2, 2, 4, 3), v(2, 2, 2, 2), v(2)
    results = differentiated(conv2d(x, w, b, padding=1), x, w, b)
    x, w = v(1, 2, 4, 4), v(2, 1, 3, 3)
    return results + differentiated(conv2d(x, w, None, stride=2, padding=1, groups=2), x, w)


@check
def pooled(v):
    results = []
    for f in (
        lambda x: max_pool2d(x, 2),
        lambda x: max_pool2d(x, 3, 2, 1),
        lambda x: avg_pool2d(x, 2),
        lambda x: adaptive_avg_pool2d(x, 2),
    ):
        x = v(1, 2, 4, 5)
        results += differentiated(f(x), x)
    return results


@check
def embedded(v):
    w = v(4, 3)
    return differentiated(embedding(v.labels([0, 1], [1, 3]), w, 1), w)


@check
def attended(v):
    q, k, x = v(1, 3, 4), v(1, 3, 4), v(1, 3, 4)
    return differentiated(scaled_dot_product_attention(q, k, x, is_causal=True), q, k, x)


def difference(name, device):
    """What is wrong with a check's results on the device; "" if nothing."""
    want, got = [[t.detach().cpu().numpy() for t in CHECKS[name](Values(d, torch.float32))] for d in ("cpu", device)]
    for i, (w, g) in enumerate(zip(want, got, strict=True)):
        if not np.allclose(w, g, rtol=2e-5, atol=2e-6, equal_nan=True):
            return f"result {i} is {g.tolist()}, on the CPU {w.tolist()}"
    return ""


def main(names):
    """Run on 'cuda'; print a JSON object from check to what is wrong with it."""
    found = {}
    for name in names or CHECKS:
        try:
            found[name] = difference(name, "cuda")
        except Exception:
            found[name] = traceback.format_exc()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
