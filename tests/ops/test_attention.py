"""Attention by panels: any strides and shapes as torch, causal or not, the same for any number of threads."""

import tracemalloc

import numpy as np
import pytest

import numtorch as nt
from numtorch import kernels
from numtorch.ops import attention_cpu
from numtorch.profiler import profile

torch = pytest.importorskip("torch")


def attended(lib, shapes, causal, dtype="float64", lay=lambda x: x):
    """The result and the gradients of q, k and v, which lie as ``lay`` makes them."""
    rng = np.random.default_rng(0)
    given = [lib.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]
    y = lib.nn.functional.scaled_dot_product_attention(*map(lay, given), is_causal=causal)
    y.backward(lib.tensor(rng.standard_normal(tuple(y.shape)).astype(dtype)))
    return [y.detach().numpy(), *[t.grad.numpy() for t in given]]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 2, 70, 40), (1, 2, 77, 40), (1, 2, 77, 33)),
        ((3, 9, 8),) * 3,
        ((9, 8),) * 3,
        ((2, 1, 4, 5), (3, 6, 5), (1, 3, 6, 5)),
        ((2, 3, 0, 4), (2, 3, 5, 4), (2, 3, 5, 4)),
    ],
    ids=["uneven", "3-D", "2-D", "broadcast", "no query"],
)
def test_as_torch(shapes, causal):
    for ours, theirs in zip(attended(nt, shapes, causal), attended(torch, shapes, causal), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (3, 1, 0, 2), (0, 1, 3, 2)])
def test_operands_are_read_where_they_lie(axes):
    back = tuple(np.argsort(axes))
    shape = tuple((2, 3, 20, 4)[a] for a in axes)
    results = [attended(lib, (shape,) * 3, True, lay=lambda x: x.permute(back)) for lib in (nt, torch)]
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_heads_of_a_projection_are_not_copied():
    heads = nt.randn(2, 20, 3, 4).transpose(1, 2)
    y = nt.nn.functional.scaled_dot_product_attention(heads, heads, heads)
    assert y.shape == (2, 3, 20, 4) and y.transpose(1, 2).is_contiguous()


def test_the_same_for_any_number_of_threads():
    threads = nt.get_num_threads()
    try:
        results = []
        for n in (1, 3):
            nt.set_num_threads(n)
            results.append(attended(nt, ((2, 3, 70, 8),) * 3, True, "float32"))
    finally:
        nt.set_num_threads(threads)
    _, large = attention_cpu.plan_of(False, False, 2, 3, 1, 70, 70, 8, 8, True, (0,) * 12)
    assert large, "too small for several threads"
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


def test_large_scores_and_nan():
    q = nt.full((1, 1, 3, 2), 1e4)
    y = nt.nn.functional.scaled_dot_product_attention(q, q, nt.tensor([[[[1.0], [2.0], [3.0]]]]), is_causal=True)
    assert y.flatten().tolist() == [1.0, 1.5, 2.0]
    q[0, 0, 1, 0] = float("nan")
    y = nt.nn.functional.scaled_dot_product_attention(q, nt.ones(1, 1, 3, 2), nt.ones(1, 1, 3, 1))
    assert y.flatten().isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("mask", [None, [[True, True]], [[0.0, 1.0]]])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_attended_to_in_single_precision(dtype, mask):
    given = [[[300.0, 1.0]], [[300.0, 1.0], [3.0, 4.0]], [[6e4, 1.0], [3.0, 0.1]]]  # 300 * 300 is beyond float16
    results = []
    for lib, d in ((nt, dtype), (torch, dtype), (torch, "float64")):
        q, k, v = (lib.tensor(x).to(getattr(lib, dtype)).to(getattr(lib, d)).requires_grad_() for x in given)
        m = mask if mask is None else lib.tensor(mask) if mask[0][0] is True else lib.tensor(mask).to(getattr(lib, d))
        y = lib.nn.functional.scaled_dot_product_attention(q, k, v, m)
        y.sum().backward()
        results.append([t.detach().float().numpy() for t in (y, q.grad, k.grad, v.grad)])
        assert str(y.dtype) == f"torch.{d}"
    for ours, theirs, exact in zip(*results, strict=True):
        for found in (ours, theirs):
            np.testing.assert_allclose(found, exact, rtol=1e-2, atol=1e-2)


def test_gradients_of_both_results():
    rng = np.random.default_rng(1)
    q, k, v = (nt.tensor(rng.standard_normal((1, 2, 5, 3)), requires_grad=True) for _ in range(3))

    def f(q, k, v):
        y, logs = nt.ops.attention.attention(q, k, v, None, None, True, 0.5)
        return y, logs * logs

    assert nt.autograd.gradcheck(f, (q, k, v))
    assert nt.autograd.gradgradcheck(f, (q, k, v))
    with kernels.bodies_only():
        assert nt.autograd.gradcheck(f, (q, k, v))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gradients_of_halves_come_from_the_widened_kernel(dtype):
    """Also where the results have other strides than those of the kernel."""
    rng = np.random.default_rng(2)
    given = [nt.tensor(rng.standard_normal((2, 3, 5, 4))).to(getattr(nt, dtype)) for _ in "qkv"]
    found = []
    for d in (dtype, "float32"):
        q, k, v = (t.detach().to(getattr(nt, d)).clone().requires_grad_() for t in given)
        y, logs = nt.ops.attention.attention(q, k, v, None, None, True, 0.5)
        with profile() as prof:
            (y * y).sum().backward(retain_graph=True)
            (logs * logs).sum().backward()
        assert "attention.backward/cpu/panels" in {r.kernel for r in prof.rows}
        found.append([t.detach().float().numpy() for t in (y, logs, q.grad, k.grad, v.grad)])
    for half, single in zip(*found, strict=True):
        np.testing.assert_allclose(half, single, rtol=5e-2, atol=5e-2)


MASKS = {
    "keys that are hidden": ("bool", (2, 1, 1, 40)),
    "pairs that are hidden, shared heads": ("bool", (1, 1, 30, 40), 2),
    "numbers for each head": ("numbers", (4, 30, 40)),
    "numbers for each query": ("numbers", (30, 1)),
    "shared heads, causal": (None, (), 2),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_and_shared_heads_as_torch(name):
    kind, shape, *shared = MASKS[name]
    results = []
    for lib in (nt, torch):
        rng = np.random.default_rng(3)
        heads = (2, *(shared or [4]))
        given = [lib.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 4, 30, 8), (*heads, 40, 8))]
        given.append(lib.tensor(rng.standard_normal((*heads, 40, 5)), requires_grad=True))
        mask = None
        if kind == "bool":
            shown = rng.random(shape) < 0.6
            shown[..., -1, :] &= shape[-2] == 1  # a query that sees nothing gets zeros
            mask = lib.tensor(shown)
        elif kind:
            mask = lib.tensor(rng.standard_normal(shape), requires_grad=True)
        y = lib.nn.functional.scaled_dot_product_attention(
            *given, mask, is_causal=mask is None, enable_gqa=bool(shared)
        )
        y.backward(lib.tensor(rng.standard_normal(tuple(y.shape))))
        grads = [t.grad for t in (*given, *([mask] if kind == "numbers" else []))]
        results.append([t.detach().numpy() for t in (y, *grads)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["bool", "numbers"])
def test_a_causal_mask_beside_one_that_is_given(kind):
    results = []
    for lib in (nt, torch):
        rng = np.random.default_rng(5)
        q, k, v = (lib.tensor(rng.standard_normal((1, 2, n, 8)), requires_grad=True) for n in (20, 30, 30))
        given = rng.random((20, 30)) < 0.7 if kind == "bool" else rng.standard_normal((20, 30))
        y = lib.nn.functional.scaled_dot_product_attention(q, k, v, lib.tensor(given), is_causal=True)
        y.backward(lib.tensor(rng.standard_normal(tuple(y.shape))))
        results.append([t.detach().numpy() for t in (y, q.grad, k.grad, v.grad)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("causal", [False, True])
def test_dropout_is_drawn_again_for_gradients(causal):
    """The kernels' weights are those of the op's body, to the bit of what is dropped."""
    rng = np.random.default_rng(4)
    shapes = (1, 2, 7, 3), (1, 1, 9, 3), (1, 1, 9, 4)
    q, k, v = (nt.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes)
    draw = nt.tensor([11, 6])

    def f(q, k, v):
        return nt.ops.attention.attention(q, k, v, None, draw, causal, 0.5, 0.4)

    assert nt.autograd.gradcheck(f, (q, k, v)) and nt.autograd.gradgradcheck(f, (q, k, v))
    found = f(q, k, v)
    with kernels.bodies_only():
        for ours, defined in zip(found, f(q, k, v), strict=True):
            np.testing.assert_allclose(ours.detach().numpy(), defined.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_dropout_follows_the_seed_and_keeps_the_mean():
    q, v = nt.zeros(1, 1, 50, 4), nt.ones(1, 1, 400, 1)
    attend = nt.nn.functional.scaled_dot_product_attention
    results = []
    for seed in (1, 1, 2):
        nt.manual_seed(seed)
        results.append(attend(q, nt.zeros(1, 1, 400, 4), v, dropout_p=0.25).numpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any() and len(np.unique(results[0])) > 5
    assert abs(results[0].mean() - 1) < 0.02
    assert not attend(q, nt.zeros(1, 1, 400, 4), v, dropout_p=1.0).any()


@pytest.mark.parametrize("how", ["causal", "hidden keys", "numbers", "dropout", "half", "shared heads"])
def test_memory_grows_with_the_number_of_keys_and_not_with_its_square(how):
    """Not even the scores of one head are ever stored, forward or backward."""
    n = 1024
    kind = nt.bfloat16 if how == "half" else nt.float32
    q = nt.randn(1, 2, n, 8, dtype=kind, requires_grad=True)
    k = nt.randn(1, 1 if how == "shared heads" else 2, n, 8, dtype=kind, requires_grad=True)
    given = {
        "hidden keys": {"attn_mask": nt.arange(n) < 900},
        "numbers": {"attn_mask": nt.arange(n) * -0.01},
        "dropout": {"dropout_p": 0.1},
        "shared heads": {"enable_gqa": True, "is_causal": True},
    }.get(how, {"is_causal": True})

    def step():
        nt.nn.functional.scaled_dot_product_attention(q, k, k, **given).sum().backward()

    step()  # compiled
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * n * 4 / 2, f"{peak} bytes; the scores of a head are {n * n * 4}"
