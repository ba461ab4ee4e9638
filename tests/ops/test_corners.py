"""Calls at the edge of what is defined, in convolution, pooling and attention: torch's values, gradients and errors.

A wrong extent that reaches a kernel is read outside of a buffer, so each of these is refused, or computed as torch
does, before.
"""

import itertools

import numpy as np
import pytest

import numtorch as nt
from tests.against_torch import same, torch

pytestmark = pytest.mark.plain(but=r"test_pooling\[")  # shapes and refusals


def leaf(lib, *shape, seed=0):
    """Random numbers that want a gradient, float64."""
    return lib.tensor(np.random.default_rng(seed + len(shape)).standard_normal(shape), requires_grad=True)


def with_gradients(fn, *shapes):
    """``same``'s function: what ``fn`` makes of random tensors of these shapes, and its gradients for them."""

    def run(lib):
        given = [leaf(lib, *shape, seed=i) for i, shape in enumerate(shapes)]
        y = fn(lib.nn.functional, *given)
        y.backward(lib.tensor(np.random.default_rng(9).standard_normal(tuple(y.shape))))
        return (y.detach(), *[t.grad for t in given])

    return run


# --- convolution ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel, stride, padding", list(itertools.product((1, 2, 3, 5), (2, 3), (0, 1, 2))))
def test_images_smaller_than_the_stride(kernel, stride, padding):
    """One phase of the image, and not all taps reach it."""
    for groups, size in itertools.product((1, 2), ((1, 1), (1, 2), (2, 1))):
        if min(size) + 2 * padding >= kernel:
            same(
                with_gradients(
                    lambda F, x, w, g=groups: F.conv2d(x, w, None, stride, padding, 1, g),
                    (2, 4, *size),
                    (6, 4 // groups, kernel, kernel),
                )
            )


TRANSPOSED = [
    # input, weight, options: output padding of a stride or more, which only dilation allows, by every way of computing
    ((16, 9), (16, 2, 1), {"dilation": 2, "output_padding": 1}),
    ((2, 16, 9), (16, 2, 3), {"dilation": 3, "output_padding": 2}),
    ((17, 3, 6), (3, 2, 5), {"dilation": 2, "output_padding": 1, "padding": 1}),
    ((2, 4, 5), (4, 1, 3), {"dilation": 4, "stride": 2, "output_padding": 3, "groups": 4}),
    ((2, 4, 5), (4, 2, 1), {"dilation": 4, "output_padding": 3, "groups": 2}),
    ((2, 3, 4, 5), (3, 2, 1, 1), {"dilation": 2, "output_padding": 1}),
    ((1, 16, 8, 8), (16, 16, 3, 3), {"dilation": 2, "output_padding": 1, "padding": 2}),
    ((1, 2, 3, 3, 3), (2, 1, 2, 2, 2), {"dilation": (1, 2, 3), "stride": (2, 1, 1), "output_padding": (1, 1, 2)}),
    # a stride far larger than the kernel: most of the result is zero
    ((1, 2, 2, 2), (2, 2, 2, 2), {"stride": 300}),
    ((1, 2, 1, 1), (2, 3, 2, 1), {"stride": 1000000, "output_padding": (3, 0)}),
    # nothing is left, or nothing comes in
    ((0, 3, 4), (3, 2, 2), {"output_padding": 7}),
]


@pytest.mark.parametrize("x, w, options", TRANSPOSED, ids=str)
def test_transposed_convolutions(x, w, options):
    name = f"conv_transpose{len(w) - 2}d"
    same(with_gradients(lambda F, x, w: getattr(F, name)(x, w, **options), x, w))


def test_winograd_is_not_taken_for_a_result_with_output_padding():
    """In single precision 3x3 filters have ways of their own; the numbers are those of double precision."""
    x, w = (
        np.random.default_rng(0).standard_normal((2, 16, 8, 8)),
        np.random.default_rng(1).standard_normal((16, 16, 3, 3)),
    )
    options = {"dilation": 2, "output_padding": 1, "padding": 2}
    want = torch.conv_transpose2d(torch.tensor(x), torch.tensor(w), **options)
    given = [nt.tensor(v.astype(np.float32), requires_grad=True) for v in (x, w)]
    y = nt.nn.functional.conv_transpose2d(*given, **options)
    np.testing.assert_allclose(y.detach().numpy(), want.numpy(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("stride, dilation", [((1 << 63) - 1, 1), (1 << 62, 1), (1, 1 << 62)])
def test_steps_that_lead_out_of_any_image(stride, dilation):
    """One position, or one tap: the step does not matter. (torch: so in single precision, in double it refuses 64-bit
    numbers.)"""
    x, w = nt.randn(2, 4, 1, 1), nt.randn(4, 1, 3 if dilation == 1 else 1, 1)
    for groups in (1, 4):
        want, got = [
            nt.nn.functional.conv_transpose2d(x, w, None, s, 0, 0, groups, d) for s, d in ((1, 1), (stride, dilation))
        ]
        assert nt.equal(want, got)


CONVOLUTIONS = [
    ((2, 4, 5), (2, 4, 1), {"stride": 1 << 62}),
    ((2, 4, 5), (4, 1, 2), {"stride": (1 << 63) - 1, "groups": 4}),
    ((2, 4, 5), (2, 4, 1), {"dilation": 1 << 62}),
    ((2, 4, 5), (2, 4, 2), {"dilation": 1 << 62}),
    ((2, 4, 5), (2, 4, 1), {"padding": 1 << 62}),
    ((2, 4, 5), (2, 4, 1), {"padding": 1 << 40}),
    ((2, 4, 5), (2, 4, 1), {"padding": 1 << 70}),
    ((2, 4, 5), (2, 4, 1), {"stride": 1 << 70}),
    ((2, 4, 5), (2, 4, 1), {"groups": 1 << 62}),
    ((2, 4, 5), (2, 4, 0), {}),
    ((2, 4, 5), (0, 4, 1), {}),
    ((2, 4, 0), (2, 4, 1), {"padding": 2}),
    ((0, 4, 5), (2, 4, 2), {}),
    ((0, 4, 1), (2, 4, 2), {}),
    ((2, 4, 5, 5), (2, 4, 0, 1), {}),
    ((2, 4, 0, 5), (2, 4, 1, 1), {"padding": 1}),
    ((2, 4, 0, 5, 5), (2, 4, 1, 1, 1), {"padding": 1}),
    ((4, 5, 5), (2, 4, 1), {}),
    ((2, 4, 5), (2, 4, 1, 1), {}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"stride": 1.0}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"stride": True}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"stride": (1, 1.0)}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"padding": (1.0, 1)}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"padding": None}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"groups": 1.0}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"groups": True}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"groups": 0}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"dilation": 0}),
    ((2, 4, 5, 5), (2, 4, 1, 1), {"stride": ()}),
]


@pytest.mark.parametrize("x, w, options", CONVOLUTIONS, ids=str)
def test_convolutions(x, w, options):
    same(with_gradients(lambda F, x, w: getattr(F, f"conv{len(x.shape) - 2}d")(x, w, **options), x, w))
    # and nothing stays
    same(with_gradients(lambda F, x, w: getattr(F, f"conv{len(x.shape) - 2}d")(x, w), (2, 4, 5, 5), (2, 4, 1, 1)))


@pytest.mark.parametrize(
    "w, options",
    [
        ((0, 3, 2), {}),
        ((3, 0, 2), {}),
        ((3, 2, 0), {}),
        ((4, 2, 2), {}),
        ((3, 2, 2), {"output_padding": 1}),
        ((3, 2, 2), {"groups": 0}),
        ((3, 2, 2), {"groups": 2}),
        ((3, 2, 2), {"padding": 1 << 62}),
        ((3, 2, 2), {"stride": 1 << 62}),
        ((3, 2, 2), {"dilation": 1 << 62}),
        ((3, 2, 1), {"padding": 5}),
        ((3, 2, 2), {"output_padding": -1}),
        ((3, 2, 2), {"stride": 1.0}),
        ((3, 2, 2), {"groups": True}),
        ((3, 2, 2, 2), {}),
    ],
    ids=str,
)
def test_complaints_of_transposed_convolutions(w, options):
    assert same(with_gradients(lambda F, x, w: F.conv_transpose1d(x, w, **options), (2, 3, 4), w)) is not None


def test_complaints_of_the_bias_name_the_layer():
    with pytest.raises(RuntimeError, match=r"conv1d: Input type \(float32\) and bias type \(float64\)"):
        nt.nn.functional.conv1d(nt.ones(1, 2, 3), nt.ones(2, 2, 1), nt.ones(2, dtype=nt.float64))


# --- pooling ----------------------------------------------------------------------------------------------


POOLED = [
    # function, shape, arguments
    ("max_pool2d", (2, 3, 8, 8), (2, (1, 1 << 62))),
    ("max_pool2d", (2, 3, 8, 8), (1 << 31,)),
    ("max_pool2d", (2, 3, 8, 8), (2, 2, 0, 1 << 31)),
    ("avg_pool2d", (2, 3, 8, 8), (2, 1 << 31)),
    ("avg_pool1d", (2, 3, 8), (2, 1 << 40)),
    ("max_pool2d", (2, 3, 8, 8), (2, (1 << 31) - 1)),
    ("max_pool2d", (2, 3, 8, 8), (1, 1, 0, (1 << 31) - 1)),
    ("max_pool2d", (2, 0, 8, 8), (2,)),
    ("max_pool2d", (0, 8, 8), (2,)),
    ("max_pool2d", (0, 3, 8, 8), (2,)),
    ("max_pool2d", (2, 3, 0, 8), (2,)),
    ("avg_pool2d", (2, 0, 8, 8), (2,)),
    ("avg_pool2d", (0, 3, 8, 8), (2,)),
    ("avg_pool2d", (2, 3, 8, 0), (2, 2, 1)),
    ("max_pool1d", (2, 0, 8), (2,)),
    ("avg_pool1d", (2, 0, 8), (2,)),
    ("max_pool1d", (0, 3, 8), (2,)),
    ("avg_pool1d", (0, 3, 8), (2,)),
    ("max_pool2d", (2, 3, 1, 8), (2,)),
    ("max_pool2d", (2, 3, 1, 8), (2, 2, 0, 1, True)),
    ("max_pool2d", (8, 8), (2,)),
    ("max_pool1d", (2, 3, 8), ((),)),
    ("avg_pool1d", (2, 3, 8), ((),)),
    ("max_pool1d", (2, 3, 8), (2, ())),
    ("avg_pool1d", (2, 3, 8), (2, [])),
    ("max_pool1d", (2, 3, 8), ((2, 2),)),
    ("max_pool2d", (2, 3, 8, 8), ((2, 2, 2),)),
    ("max_pool2d", (2, 3, 8, 8), (True,)),
    ("max_pool2d", (2, 3, 8, 8), ((2, 2.0),)),
    ("avg_pool2d", (2, 3, 8, 8), (2, None, 0, False, True, 2.0)),
    ("avg_pool2d", (2, 3, 8, 8), (2, None, 0, False, True, 0)),
    ("avg_pool2d", (2, 3, 8, 8), (2, None, 0, False, True, -3)),
    ("avg_pool2d", (2, 3, 8, 8), (0,)),
    ("avg_pool2d", (2, 3, 8, 8), (2, 0)),
    ("avg_pool2d", (2, 3, 8, 8), (2, 2, -1)),
    ("avg_pool2d", (2, 3, 8, 8), (2, 2, 2)),
    ("max_pool2d", (2, 3, 8, 8), (3, 2, 2, 2)),
    ("max_pool1d", (3, 8), (2,)),
    ("avg_pool1d", (3, 8), (2,)),
    ("adaptive_avg_pool1d", (3, 8), (3,)),
    ("adaptive_avg_pool2d", (2, 3, 8, 8), (-1,)),
    ("adaptive_avg_pool2d", (2, 3, 8, 8), (1 << 62,)),
    ("adaptive_avg_pool2d", (2, 3, 8, 8), ((1, 1 << 40),)),
    ("adaptive_avg_pool2d", (2, 3, 8, 8), (2.0,)),
    ("adaptive_avg_pool2d", (2, 3, 8, 8), (True,)),
    ("adaptive_avg_pool2d", (2, 3, 0, 8), (2,)),
    ("adaptive_avg_pool2d", (0, 3, 8, 8), (2,)),
    ("adaptive_avg_pool2d", (2, 3, 0, 8), ((0, 2),)),
    ("adaptive_avg_pool1d", (2, 3, 8), ((),)),
    ("adaptive_avg_pool1d", (2, 3, 8), (None,)),
]


@pytest.mark.parametrize("name, shape, args", POOLED, ids=str)
def test_pooling(name, shape, args):
    same(with_gradients(lambda F, x: getattr(F, name)(x, *args), shape))


@pytest.mark.parametrize(
    "name, shape, out",
    [
        ("adaptive_avg_pool2d", (2, 0, 8, 8), 2),
        ("adaptive_avg_pool2d", (2, 3, 8, 8), (0, 3)),
        ("adaptive_avg_pool2d", (2, 3, 0, 8), 1),
        ("adaptive_avg_pool1d", (2, 0, 8), 1),
        ("adaptive_avg_pool1d", (2, 3, 8), 0),
    ],
)
def test_adaptive_pooling_of_and_to_nothing(name, shape, out):
    # torch has no gradients of these
    same(lambda lib: getattr(lib.nn.functional, name)(leaf(lib, *shape), out).detach())


INTEGERS = [
    ("max_pool2d", "int64", (2,)),
    ("max_pool2d", "uint8", (3, 2, 1, 2, True, True)),
    ("max_pool2d", "int8", (2, 3, 1, 1, True, True)),
    ("max_pool2d", "int32", (2, 2, 0, 1, False, True)),
    ("max_pool2d", "bool", (2,)),
    ("max_pool1d", "bool", (2,)),
    ("avg_pool2d", "int64", (2,)),
    ("avg_pool2d", "int64", (3, 2, 1, True, False)),
    ("avg_pool2d", "int64", (2, None, 0, False, True, -2)),
    ("avg_pool1d", "int64", (2,)),
    ("avg_pool2d", "int32", (2,)),
    ("avg_pool2d", "bool", (2,)),
    ("adaptive_avg_pool2d", "int64", (2,)),
]


@pytest.mark.parametrize("name, dtype, args", INTEGERS, ids=str)
def test_pooling_of_integers(name, dtype, args):
    values = np.random.default_rng(0).integers(-9, 9, (2, 3, 7, 8) if name.endswith("2d") else (2, 3, 8))
    same(lambda lib: getattr(lib.nn.functional, name)(lib.tensor(values).to(getattr(lib, dtype)), *args))


def test_maxima_of_sequences_at_a_large_step():
    """One window (torch gives it too, unless a gradient is asked for)."""
    x = nt.tensor([[[3.0, -1, -5, 2]]], requires_grad=True)
    y = nt.nn.functional.max_pool1d(x, 2, 1 << 40)
    y.sum().backward()
    assert y.tolist() == [[[3]]] and x.grad.tolist() == [[[1, 0, 0, 0]]]


def test_maxima_of_integer_sequences_are_computed():
    """torch computes them with their positions, and refuses them alone."""
    x = nt.tensor([[[3, -1, -5, 2]]], dtype=nt.int32)
    assert nt.nn.functional.max_pool1d(x, 2).tolist() == [[[3, 2]]]


def test_positions_in_windows_of_more_than_16_bits():
    values = np.zeros((1, 1, 1 << 17), np.float32)
    values[..., 70_000] = 1
    same(lambda lib: lib.nn.functional.max_pool1d(lib.tensor(values), 1 << 17, 1, return_indices=True))
    x = nt.tensor(values, requires_grad=True)
    nt.nn.functional.max_pool1d(x, (1 << 17) - 1, 1).sum().backward()
    assert x.grad[..., 70_000].item() == 2 and x.grad.sum().item() == 2


# --- attention --------------------------------------------------------------------------------------------


ATTENTION = [
    # query, key, value, options
    ((3, 16, 4), (3, 2, 4), (3, 4, 1), {}),  # more values than keys, and fewer
    ((3, 16, 4), (3, 40, 4), (3, 2, 3), {}),
    ((1, 2, 3, 4), (1, 2, 5, 3), (1, 2, 5, 3), {}),  # query and key differ in width
    ((1, 2, 3, 3), (1, 2, 5, 40), (1, 2, 5, 3), {"is_causal": True}),
    ((2, 3, 4), (3, 3, 4), (3, 3, 4), {}),
    ((1, 2, 3, 0), (1, 2, 5, 0), (1, 2, 5, 3), {}),
    ((1, 2, 3, 4), (1, 2, 0, 4), (1, 2, 0, 3), {}),
    ((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 0), {}),
    ((1, 0, 3, 4), (1, 0, 5, 4), (1, 0, 5, 3), {"is_causal": True}),
    ((0, 2, 3, 4), (0, 2, 5, 4), (0, 2, 5, 3), {}),
    ((1, 2, 7, 4), (1, 2, 3, 4), (1, 2, 3, 4), {"is_causal": True}),
    ((1, 2, 3, 4), (1, 2, 7, 4), (1, 2, 7, 4), {"is_causal": True}),
    ((1, 2, 5, 2), (1, 2, 1, 2), (1, 2, 1, 3), {"is_causal": True}),
    ((4,), (5, 4), (5, 4), {}),
    ((1, 4, 3, 2), (1, 2, 5, 2), (1, 2, 5, 2), {"enable_gqa": True}),
    ((1, 4, 3, 2), (1, 3, 5, 2), (1, 3, 5, 2), {"enable_gqa": True}),
    ((3, 2), (5, 2), (5, 2), {"enable_gqa": True}),
    ((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4), {"dropout_p": 1.0}),
    ((2, 3, 4), (2, 5, 4), (2, 5, 4), {"dropout_p": 1.5}),
]


@pytest.mark.parametrize("q, k, v, options", ATTENTION, ids=str)
def test_attention(q, k, v, options):
    if options.get("dropout_p") == 1.0:  # torch's kernel has no dropout, its formula drops all
        options = options | {"attn_mask": None}
    same(
        with_gradients(lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, **options), q, k, v),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize(
    "shape, dtype",
    [
        ((3, 5), "bool"),
        ((3, 5), "float64"),
        ((3, 5), "float32"),
        ((3, 1), "float64"),
        ((1, 5), "bool"),
        ((2, 1, 3, 5), "float64"),
        ((3, 6), "float64"),
        ((4, 5), "bool"),
        ((5, 3), "bool"),
        ((1, 1, 2, 3, 5), "float64"),
        ((3, 5), "int64"),
        ((3, 5), "float16"),
        ((3, 2, 3, 5), "float64"),
    ],
)
def test_masks(shape, dtype):
    def attended(F, q, k, v, lib):
        mask = lib.tensor(np.random.default_rng(0).standard_normal(shape) > -0.5).to(getattr(lib, dtype))
        return F.scaled_dot_product_attention(q, k, v, mask)

    def run(lib):
        return with_gradients(lambda F, *given: attended(F, *given, lib), (2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 2))(lib)

    same(run, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_attention_of_integers_is_refused(dtype):
    assert (
        same(
            lambda lib: lib.nn.functional.scaled_dot_product_attention(
                *[lib.ones(2, 3, 3, dtype=getattr(lib, dtype))] * 3
            )
        )
        is not None
    )


@pytest.mark.parametrize(
    "x, w, options",
    [
        ((1, 8, 6, 1), (8, 1, 2, 2), {"groups": 2, "padding": (0, 1)}),
        ((3, 4, 5, 1, 6), (4, 3, 1, 2, 2), {"padding": 1}),
        ((2, 3, 1), (3, 2, 2), {"padding": 1}),
        ((2, 3, 4), (3, 2, 1), {"padding": 2}),
    ],
    ids=str,
)
def test_transposed_convolutions_whose_padding_leaves_nothing_have_gradients(x, w, options):
    """torch's float32 kernels have them, its float64 kernels do not."""
    given = leaf(nt, *x), leaf(nt, *w)
    y = getattr(nt.nn.functional, f"conv_transpose{len(x) - 2}d")(*given, **options)
    assert y.numel() == 0
    y.sum().backward()
    assert all(t.grad.shape == t.shape and not t.grad.any() for t in given)


@pytest.mark.parametrize(
    "call",
    [
        "F.glu(t.ones(4, 3), -3)",
        "F.glu(t.ones(()), 0)",
        "F.glu(t.ones(4, 3), 0)",
        "F.glu(t.ones(4, 3))",
        "t.ones(2).mul_()",
        "t.ones(2).mul_(2, 3)",
        "t.ones(2).sin_(foo=1)",
        "t.ones(2).ne_(1, dim=2)",
        "t.ones(2).lerp_(t.zeros(2))",
        "t.ones(2).lerp_(end=t.zeros(2), weight=0.5)",
        "t.ones(2).add_(other=t.ones(2), alpha=2)",
        "t.ones(2).clamp_max_(t.ones(2), dim=1)",
        "t.ones(2).exp_(1)",
    ],
)
def test_arguments_of_in_place_forms(call):
    same(lambda t: eval(call, {"t": t, "F": t.nn.functional}), rtol=1e-6)


@pytest.mark.parametrize(
    "x, w", [((0, 4, 2, 5, 0), (4, 1, 1, 2, 2)), ((0, 4, 5, 0), (4, 1, 2, 2)), ((0, 4, 0), (4, 1, 2))], ids=str
)
def test_transposed_convolutions_of_images_of_no_extent_have_gradients(x, w):
    given = leaf(nt, *x), leaf(nt, *w)
    getattr(nt.nn.functional, f"conv_transpose{len(x) - 2}d")(*given).sum().backward()
    assert given[0].grad.shape == x and not given[1].grad.any()


@pytest.mark.parametrize("mean, var", [(None, None), (1, 0), (2, 1), (1, 1)])
def test_batch_norm_of_nothing_asks_for_no_statistics(mean, var):
    def run(lib):
        x, b = leaf(lib, 0, 1, 1, 9), leaf(lib, 1)
        given = [None if n is None else lib.ones(n, dtype=lib.float64) for n in (mean, var)]
        y = lib.nn.functional.batch_norm(x, *given, bias=b)
        y.sum().backward()
        return y.detach(), x.grad, b.grad

    same(run)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
@pytest.mark.parametrize(
    "call",
    [
        "t.meshgrid(t.ones(2), t.zeros(3), indexing=None)",
        "t.ones(1, 2, 1).squeeze(0, 2)",
        "t.ones(1, 2, 1).squeeze_(2, 0)",
        "t.ones(1, 2, 1).squeeze(0, 0)",
        "t.arange(12).view(2, 6).hsplit(2, 4)",
        "t.arange(12).view(6, 2).vsplit(3, 1)",
        "t.arange(8).view(2, 1, 4).dsplit(1, 3)",
        "t.addcmul(*[t.ones(1, dtype=t.float16)] * 3, value=1e12)",
        "t.addcdiv(*[t.ones(1, dtype=t.float16)] * 2, t.full((1,), 6e4, dtype=t.float16), value=1e8)",
        "t.ones(1, dtype=t.float16).addcmul_(*[t.ones(1, dtype=t.float16)] * 2, value=-7e4)",
        "t.addcmul(*[t.ones(1, dtype=t.float16)] * 3, value=1e39)",
    ],
)
def test_arguments_in_other_forms(call):
    same(lambda t: eval(call, {"t": t}), rtol=1e-3)


@pytest.mark.parametrize("exponent", [-(2**63), 2**63 - 1, 2**62, -3, 3])
def test_slopes_of_powers_at_the_ends_of_the_integers(exponent):
    def run(lib):
        x = lib.tensor([1.0, 2.0, 0.5], requires_grad=True)
        lib.pow(x, exponent).sum().backward()
        return x.grad

    same(run, rtol=1e-6)
