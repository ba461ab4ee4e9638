"""``flex_attention``: scores that a function changes, masks of blocks, their pictures and parts, gradients, errors."""

import importlib
import math
import warnings

import numpy as np
import pytest

import numtorch
from numtorch.nn.attention import flex_attention as flex

SHAPES = [(2, 4, 10, 8), (2, 4, 12, 8), (2, 4, 12, 6)]
DOCUMENTS = [0] * 5 + [1] * 7


def operands(lib, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [lib.tensor(rng.standard_normal(s)) for s in (*shapes, (4, 10, 12))]


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def later(b, h, q_idx, kv_idx):
    return q_idx > kv_idx


def plain(q, k, v, bias=0.0, seen=True):
    """The formula in NumPy; rows that see nothing are 0."""
    scores = np.where(seen, q.numpy() @ k.numpy().swapaxes(-2, -1) / math.sqrt(q.shape[-1]) + bias, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v.numpy()


@pytest.mark.parametrize(
    "mod",
    [
        lambda bias: lambda score, b, h, q_idx, kv_idx: score + bias[h, q_idx, kv_idx],
        lambda bias: lambda score, b, h, q_idx, kv_idx: score + bias[h][q_idx][kv_idx],
    ],
)
def test_a_function_of_one_score_changes_all(mod):
    q, k, v, bias = operands(numtorch)
    np.testing.assert_allclose(flex.flex_attention(q, k, v, mod(bias)).numpy(), plain(q, k, v, bias.numpy()), rtol=1e-9)


def test_rows_of_which_nothing_is_taken_are_zero():
    q, k, v, _ = operands(numtorch)
    mask = flex.create_block_mask(later, None, None, 10, 12, BLOCK_SIZE=4)
    want = plain(q, k, v, seen=np.tril(np.ones((10, 12), bool), -1))
    np.testing.assert_allclose(flex.flex_attention(q, k, v, block_mask=mask).numpy(), want, rtol=1e-9)
    y, aux = flex.flex_attention(
        q, k, v, lambda s, *at: s, block_mask=mask, return_aux=flex.AuxRequest(lse=True, max_scores=True)
    )
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-9)
    assert np.isneginf(aux.lse.numpy()[:, :, 0]).all()
    assert np.isneginf(aux.max_scores.numpy()[:, :, 0]).all()
    assert np.isfinite(aux.lse.numpy()[:, :, 1:]).all()


def test_gradients_reach_operands_and_what_the_function_reads():
    rng = np.random.default_rng(1)
    q, k, v = (numtorch.tensor(rng.standard_normal((1, 2, 3, 2)), requires_grad=True) for _ in range(3))
    bias = numtorch.tensor(rng.standard_normal((2, 3)), requires_grad=True)
    mask = flex.create_block_mask(later, None, None, 3, 3, BLOCK_SIZE=2)

    def attend(q, k, v, bias):
        return flex.flex_attention(q, k, v, lambda s, b, h, q_idx, kv_idx: s + bias[h][kv_idx], mask)

    assert numtorch.autograd.gradcheck(attend, (q, k, v, bias))


def test_blocks_without_a_function_leave_out_what_is_in_none():
    q, k, v, _ = operands(numtorch)
    counts, places = numtorch.tensor([[[1, 1, 2]]]), numtorch.tensor([[[[2, 0, 1], [0, 1, 2], [0, 1, 2]]]])
    mask = flex.BlockMask.from_kv_blocks(counts, places, BLOCK_SIZE=4, seq_lengths=(10, 12))
    blocks = np.array([[0, 0, 1], [1, 0, 0], [1, 1, 0]], bool).repeat(4, 0).repeat(4, 1)[:10]
    np.testing.assert_allclose(
        flex.flex_attention(q, k, v, block_mask=mask).numpy(), plain(q, k, v, seen=blocks), rtol=1e-9
    )


def test_masks_as_pictures_and_parts():
    mask = flex.create_block_mask(causal, 1, 2, 300, 300, BLOCK_SIZE=64)
    assert str(mask).startswith("BlockMask(shape=(1, 2, 300, 300), sparsity=31.73%, \n(0, 0)\n██        \n████      \n")
    assert "    kv_num_blocks=torch.Size([1, 2, 5]),\n" in repr(mask)
    assert "    mask_mod=causal\n" in repr(mask)
    assert mask[0, -1].shape == (1, 1, 300, 300)
    assert mask[:, :, 1:3].kv_num_blocks.shape == (1, 2, 2)
    assert mask._adjust(100, 130).to_dense()[0, 0].tolist() == [[1, 0, 0], [1, 1, 0]]
    assert mask.to("cpu").to_dense().tolist() == mask.to_dense().tolist()
    both = flex.create_mask(flex.and_masks(causal, later), None, None, 3, 3)
    assert both[0, 0].tolist() == np.tril(np.ones((3, 3), bool), -1).tolist()
    either = flex.create_mask(flex.or_masks(causal, later), None, None, 3, 3)
    assert either[0, 0].tolist() == np.tril(np.ones((3, 3), bool)).tolist()
    of_scores = flex.create_mask(lambda s, b, h, q, k: numtorch.where(q >= k, s, -math.inf), 1, 1, 3, 3)
    assert of_scores.tolist() == either.tolist()


CASES = {
    "plain": (None, None, {}),
    "scale": (None, None, {"scale": 0.3}),
    "bias": (lambda lib, t: lambda s, b, h, q, k: s + t[h][q][k], None, {}),
    "documents": (None, lambda lib, d: lambda b, h, q, k: (q >= k) & (d[q] == d[k]), {}),
    "heads": (lambda lib, t: lambda s, b, h, q, k: s * (1 + h), lambda lib, d: lambda b, h, q, k: q + h >= k, {}),
    "shared keys": (lambda lib, t: lambda s, b, h, q, k: s + t[h, q, k], None, {"enable_gqa": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_torchs(name):
    torch = pytest.importorskip("torch")
    theirs = importlib.import_module("torch.nn.attention.flex_attention")
    theirs._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True  # as it stands, without its compiler
    score, seen, options = CASES[name]
    shapes = [(2, 4, 10, 8), (2, 2, 12, 8), (2, 2, 12, 6)] if options.get("enable_gqa") else SHAPES
    found = []
    for lib, module in ((numtorch, flex), (torch, theirs)):
        q, k, v, bias = operands(lib, shapes)
        mask = None
        if seen is not None:
            sizes = (2, 4) if name == "heads" else (None, None)
            mod = seen(lib, lib.tensor(DOCUMENTS))
            mask = module.create_block_mask(mod, *sizes, 10, 12, device="cpu", BLOCK_SIZE=4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = module.flex_attention(q, k, v, score and score(lib, bias), mask, **options)
        found.append((y.numpy(), str(mask), repr(mask)))
    (ours, *texts), (other, *their_texts) = found
    np.testing.assert_allclose(ours, other, rtol=1e-9)
    assert texts == their_texts


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda q, k, v: flex.flex_attention(q[0], k[0], v[0]), NotImplementedError, "must be 4D tensors"),
        (lambda q, k, v: flex.flex_attention(q, k[:, :2], v[:, :2]), ValueError, "Try setting enable_gqa=True"),
        (lambda q, k, v: flex.flex_attention(q, k[..., :7], v), ValueError, "same embedding dimension"),
        (lambda q, k, v: flex.flex_attention(q, k[:1], v[:1]), ValueError, "same batch size"),
        (
            lambda q, k, v: flex.flex_attention(q, k, v, None, flex.create_block_mask(causal, 1, 1, 8, 8)),
            ValueError,
            "created for a smaller length",
        ),
        (
            lambda q, k, v: flex.flex_attention(q, k, v, None, flex.create_block_mask(causal, 1, 1, 10, 12)[0]),
            RuntimeError,
            "sliced BlockMask",
        ),
        (lambda q, k, v: flex.create_block_mask(lambda a: a, 1, 1, 2, 2), AssertionError, "4 or 5 positional"),
        (lambda q, k, v: flex.or_masks(3), RuntimeError, "callable mask_mods"),
    ],
)
def test_errors_are_torchs(call, kind, message):
    with pytest.raises(kind, match=message):
        call(*operands(numtorch)[:3])
