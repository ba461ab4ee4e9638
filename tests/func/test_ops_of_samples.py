"""Every op under vmap, against a loop over the samples, and its pushforward, against finite differences."""

import os
import sys
import warnings

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(__file__)), "ops"))
from references import (
    arguments,
    array,
    call,
    differentiable,
    elementwise_ops,
    numbers_of,
    operands,
    samples_of,
    structured_ops,
    takes,
    tensors_of,
    values,
)

import numtorch as torch
from numtorch.dispatch.elementwise import ElementwiseOp

# The rules of vmap and of pushforwards say which ops are called; what these compute, their own tests ask.
pytestmark = pytest.mark.plain(but=r"\[(add|sum|matmul|softmax|conv|index_select)\]")

RANDOM = {"dropout_mask", "masked_scale", "uniform_like", "normal_like", "batch_statistics"} | {
    f"{name}_variates" for name in ("log_gamma", "poisson", "binomial", "von_mises")
}
# Whose gradient is not that of their numbers: it knows more, or is meant to be another one.
OTHERWISE = {"batch_norm_training", "ctc_losses", "embedding_shared_gradient"}
SHAPELESS = {"nonzero", "compress", "bincount"}  # the shape of the result depends on the elements
CASES = [
    op for op in [*elementwise_ops(), *structured_ops()] if op.name not in RANDOM and (op.elementwise or samples_of(op))
]


def given(op):
    """(arrays, parameters) of the op's first sample."""
    if isinstance(op, ElementwiseOp):
        return operands(op, "float64" if takes(op, "float64") else "int64"), numbers_of(op)
    return arguments(op, samples_of(op)[op.name == "cast"])  # to float64


def another(op, a, i):
    """Another sample of an operand: as it is where elements mean something."""
    if a is None or a.dtype.kind != "f":
        return a
    return array(a.shape, "float64", op.domain, (op.name, i, "another"))


def several(made):
    return list(made) if isinstance(made, tuple | list) else [made]


@pytest.mark.parametrize("op", CASES, ids=lambda op: op.name)
def test_vmap_is_a_loop(op):
    arrays, params = given(op)
    samples = [tensors_of(arrays), tensors_of([another(op, a, i) for i, a in enumerate(arrays)])]
    own = op.name in LOOPED

    def one(*tensors):
        return tuple(several(call(op, tensors, params)))

    ways = [range(len(arrays))] + ([[0], [len(arrays) - 1]] if len(arrays) > 1 else [])
    for way in ways:
        mapped = [i for i in way if arrays[i] is not None]
        if not mapped:
            continue
        rows = [[samples[k if i in mapped else 0][i] for i in range(len(arrays))] for k in range(2)]
        whole = [torch.stack([r[i] for r in rows]) if i in mapped else rows[0][i] for i in range(len(arrays))]
        dims = tuple(0 if i in mapped else None for i in range(len(arrays)))
        if op.name in SHAPELESS:
            with pytest.raises(RuntimeError, match="vmap"):
                torch.vmap(one, dims)(*whole)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if own else "error")
            got = torch.vmap(one, dims)(*whole)
        want = [torch.stack(column) for column in zip(*[one(*r) for r in rows], strict=True)]
        for y, w in zip(got, want, strict=True):
            assert y.dtype is w.dtype and y.shape == w.shape
            np.testing.assert_allclose(values(y), values(w), rtol=1e-10, atol=1e-12)


# Ops without a rule of their own.
LOOPED = {
    *("ctc_losses", "embedding_shared_gradient", "insertion_places", "longest_run", "recurrent", "runs", "spread"),
    *("neighbour", "products", "sampled_product", "sparse_product", "spread_taps", "weighed"),
}


@pytest.mark.parametrize(
    "op", [op for op in CASES if op.gradient is not None and op.name not in OTHERWISE], ids=lambda op: op.name
)
def test_pushforward(op):
    arrays, params = given(op)
    floating = [
        i
        for i, a in enumerate(arrays)
        if a is not None and a.dtype.kind == "f" and op.tensors[0 if op.listed else i] not in op.given
    ]
    if not floating:
        pytest.skip("no floating operand")

    def f(*some):
        tensors = tensors_of(arrays)
        for i, t in zip(floating, some, strict=True):
            tensors[i] = t
        made = several(call(op, tensors, params))
        return tuple(differentiable(tuple(made[: len(made) - op.kept])))

    primals = tuple(tensors_of([arrays[i] for i in floating]))
    tangents = tuple(torch.tensor(array(x.shape, "float64", None, ("tangent", i))) for i, x in enumerate(primals))
    _, pushed = torch.func.jvp(f, primals, tangents)
    eps = 1e-6
    ahead, behind = (f(*[x + s * eps * t for x, t in zip(primals, tangents, strict=True)]) for s in (1, -1))
    for got, a, b in zip(pushed, ahead, behind, strict=True):
        np.testing.assert_allclose(values(got), values((a - b) / (2 * eps)), rtol=1e-5, atol=1e-6)
