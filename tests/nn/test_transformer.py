"""Attention of several heads and Transformers against torch's: outputs, weights, gradients of inputs and parameters."""

import numpy as np
import pytest
from same_as_torch import assert_same, pair, torch

import numtorch as nt

FUTURE = np.triu(np.ones((5, 5), bool), 1)
PADDING = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], bool)


def compared(build, call, tolerance=2e-5):
    """``call(library, module, tensor)`` with both modules; ``tensor(*shape)`` makes an input."""
    modules = pair(build)
    assert repr(modules[0]) == repr(modules[1])

    def run(library, module):
        rng, inputs = np.random.default_rng(1), []

        def tensor(*shape):
            inputs.append(library.tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True))
            return inputs[-1]

        results = call(library, module, tensor)
        results = [y for y in (results if isinstance(results, tuple) else (results,)) if y is not None]
        sum((y * y).sum() for y in results).backward()
        return [*results, *[t.grad for t in inputs], *[p.grad for p in module.parameters()]]

    for a, b in zip(run(nt, modules[0]), run(torch, modules[1]), strict=True):
        assert_same(a, b, tolerance * max(1.0, b.abs().max().item()))


MASKS = {
    "none": lambda t: {},
    "bool": lambda t: {"attn_mask": t.tensor(FUTURE)},
    "numbers": lambda t: {"attn_mask": t.tensor(np.where(FUTURE, -np.inf, 0.3).astype(np.float32))},
    "padding": lambda t: {"key_padding_mask": t.tensor(PADDING), "average_attn_weights": False},
    "both": lambda t: {"attn_mask": t.tensor(FUTURE), "key_padding_mask": t.tensor(PADDING)},
    "of each head": lambda t: {"attn_mask": t.ones(4, 5, 5).tril()},
    "causal": lambda t: {"attn_mask": t.tensor(FUTURE), "is_causal": True},
}
KINDS = [
    {},
    {"bias": False, "batch_first": True},
    {"add_bias_kv": True, "add_zero_attn": True},
    {"kdim": 6, "vdim": 10},
]


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_multihead_attention(options, mask, need_weights):
    shape = (2, 5) if options.get("batch_first") else (5, 2)

    def call(library, module, tensor):
        q, k, v = (tensor(*shape, n) for n in (8, options.get("kdim", 8), options.get("vdim", 8)))
        return module(q, k, v, need_weights=need_weights, **MASKS[mask](library))

    if mask == "causal" and "add_bias_kv" in options and not need_weights:
        pytest.skip("the hint is wrong where keys are added")
    compared(lambda library: library.nn.MultiheadAttention(8, 2, **options), call)


def test_attention_of_one_or_two_tensors_and_without_a_batch():
    def of_itself(library, module, tensor):
        x = tensor(2, 5, 8)
        return module(x, x, x)

    def of_two(library, module, tensor):
        x, y = tensor(2, 3, 8), tensor(2, 5, 8)
        return module(x, y, y, need_weights=False)

    def alone(library, module, tensor):
        x = tensor(5, 8)
        return module(x, x, x, key_padding_mask=library.tensor(PADDING[0]))

    for call in (of_itself, of_two, alone):
        compared(lambda library: library.nn.MultiheadAttention(8, 2, batch_first=True), call)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "gelu", "batch_first": True},
        {"norm_first": True},
        {"norm_first": True, "bias": False, "batch_first": True},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_transformers(options):
    first = options.get("batch_first", False)
    long, short = ((2, 5, 8), (2, 4, 8)) if first else ((5, 2, 8), (4, 2, 8))

    def encoded(library, module, tensor):
        future = library.nn.Transformer.generate_square_subsequent_mask(5)
        padding = library.tensor(np.where(PADDING, -np.inf, 0).astype(np.float32))
        return module(tensor(*long), mask=future), module(tensor(*long), src_key_padding_mask=padding)

    def encoder(library):
        layer = library.nn.TransformerEncoderLayer(8, 2, 16, 0.0, **options)
        return library.nn.TransformerEncoder(layer, 2, library.nn.LayerNorm(8), enable_nested_tensor=False)

    def whole(library, module, tensor):
        future = library.nn.Transformer.generate_square_subsequent_mask(4)
        padding = library.tensor(PADDING)
        return module(
            tensor(*long),
            tensor(*short),
            tgt_mask=future,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )

    compared(encoder, encoded)
    compared(lambda library: library.nn.Transformer(8, 2, 1, 1, 16, 0.0, **options), whole, 5e-5)


X = (3, 2, 8)
MISTAKES = {
    "no heads": lambda t: t.nn.MultiheadAttention(8, 0),
    "heads that do not divide": lambda t: t.nn.MultiheadAttention(8, 3),
    "another width": lambda t: t.nn.MultiheadAttention(8, 2)(*[t.zeros(3, 2, 6)] * 3),
    "another rank": lambda t: t.nn.MultiheadAttention(8, 2)(*[t.zeros(3, 2, 1, 8)] * 3),
    "keys of another rank": lambda t: t.nn.MultiheadAttention(8, 2)(t.zeros(X), t.zeros(2, 8), t.zeros(2, 8)),
    "a mask of another shape": lambda t: t.nn.MultiheadAttention(8, 2)(*[t.zeros(X)] * 3, attn_mask=t.zeros(3, 4)),
    "a mask of integers": lambda t: t.nn.MultiheadAttention(8, 2)(
        *[t.zeros(X)] * 3, key_padding_mask=t.zeros(2, 3, dtype=t.int64)
    ),
    "padding of another shape": lambda t: t.nn.MultiheadAttention(8, 2)(
        *[t.zeros(X)] * 3, key_padding_mask=t.zeros(3, 3)
    ),
    "causal without a mask": lambda t: t.nn.MultiheadAttention(8, 2)(*[t.zeros(X)] * 3, is_causal=True),
    "another activation": lambda t: t.nn.TransformerEncoderLayer(8, 2, activation="sin"),
    "another batch": lambda t: t.nn.Transformer(8, 2, 1, 1, 8, batch_first=True)(t.zeros(3, 2, 8), t.zeros(2, 2, 8)),
    "another size": lambda t: t.nn.Transformer(8, 2, 1, 1, 8, batch_first=True)(t.zeros(3, 2, 6), t.zeros(3, 2, 6)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_raise_what_torch_raises(mistake):
    def tried(library):
        try:
            MISTAKES[mistake](library)
        except Exception as e:
            return type(e), str(e)

    assert tried(nt) == tried(torch)
