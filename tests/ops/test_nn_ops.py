"""Ops of networks against torch: values, gradients, gradients of gradients, bodies against kernels, shapes on meta."""

from __future__ import annotations

import contextlib
import re
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402

import numtorch as nt  # noqa: E402
from numtorch.kernels import registry  # noqa: E402
from numtorch.kernels.jit import disabled  # noqa: E402
from numtorch.ops import activation, attention, conv, embedding, loss, normalization, paired_loss, pooling  # noqa: E402

# Compiled: kernels that have forms for long, many or thin rows, and one of each kind. The others, and all bodies, run
# plain: the op table compares each compiled kernel with them.
pytestmark = pytest.mark.plain(
    but=r"^test_(softmax|conv2d|windows|batch_norm|embedding)\[.*kernels|cross_entropy|far_from|_precision"
    r"|long_and|overflow|infinities|survives|threads|dropout"
)

OURS = {
    name: getattr(module, name)
    for module in (activation, attention, conv, embedding, loss, normalization, paired_loss, pooling)
    for name in dir(module)
    if hasattr(F, name)
}


@pytest.fixture(params=["kernels", "bodies"])
def by(request):
    """Run with the kernels, and with every op's body."""
    with registry.bodies_only() if request.param == "bodies" else contextlib.nullcontext():
        yield


def arrays(*shapes, seed=0):
    random = np.random.RandomState(seed)
    return [np.asarray(random.randn(*s)) for s in shapes]


def agree(call, inputs, *, others=(), dtype="float64", twice=True, tol=None):
    """Values, first and second derivatives of ``call(function of torch's name, lib, *tensors)`` in both libraries."""
    results = []
    for lib, find in ((nt, OURS.__getitem__), (torch, lambda name: getattr(F, name))):

        def leaves(lib=lib):
            return [lib.tensor(a.astype(dtype), requires_grad=True) for a in inputs]

        def given(lib=lib):
            return [lib.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for a in others]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            xs, rest = leaves(), given()
            y = call(find, *xs, *rest)
            found = [y.detach().numpy(), *[t.numpy() for t in rest]]
            weights = lib.tensor(np.asarray(np.random.RandomState(9).randn(*y.shape)).astype(dtype))
            (y * weights).sum().backward()
            found += [x.grad.numpy() for x in xs]
            if twice:
                xs = leaves()
                y = call(find, *xs, *given())
                first = lib.autograd.grad((y * y * weights).sum(), xs, create_graph=True)
                found += [g.detach().numpy() for g in first]
                total = 0
                for g in first:
                    total = total + (g * g).sum()
                total.backward()
                found += [x.grad.numpy() for x in xs]
        results.append(found)
    rtol = tol or (1e-7 if dtype == "float64" else 3e-5)
    for i, (ours, theirs) in enumerate(zip(*results, strict=True)):
        assert ours.dtype == theirs.dtype
        size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0) if theirs.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * size, err_msg=f"result {i}")


def numeric(f, x, h=1e-5):
    """The gradient of a scalar function by central differences."""
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        grad[i] = (f(up) - f(down)) / (2 * h)
    return grad


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "shape, dim",
    [
        ((64, 10), 1),
        ((3, 5), 0),
        ((3, 5, 7), 1),
        ((2, 3, 100), -1),
        ((), 0),
        ((0, 3), 1),
        ((3, 0), 1),
        ((2, 70, 300), 1),
        ((300, 70), 1),
    ],
)
def test_softmax(name, shape, dim, by):
    agree(lambda find, x: find(name)(x, dim=dim), arrays(shape))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("n", [3, 60])
@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_of_infinities_and_nan(name, n, dim):
    x = np.random.RandomState(0).randn(4, n).astype("float32")
    x[0, 1], x[1, 2], x[2, 0], x[3] = np.inf, np.nan, -np.inf, -np.inf
    x = x if dim else np.ascontiguousarray(x.T)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(
            getattr(nt, name)(nt.tensor(x), dim).numpy(), getattr(torch, name)(torch.tensor(x), dim).numpy(), rtol=1e-5
        )


def test_softmax_does_not_overflow_and_takes_strided_inputs():
    x = nt.tensor([[1e30, 1e30], [-1e30, 0.0]])
    assert nt.softmax(x, 1).tolist() == [[0.5, 0.5], [0.0, 1.0]]
    a = np.random.RandomState(0).randn(6, 4)
    np.testing.assert_allclose(nt.softmax(nt.tensor(a).t(), 1).numpy(), torch.softmax(torch.tensor(a).t(), 1).numpy())


@pytest.mark.parametrize("offset", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("shape, dim", [((4, 3), 1), ((4, 300), 1), ((5, 30), 0), ((2, 3, 70), 1)])
def test_logarithms_of_softmax_far_from_zero(shape, dim, offset):
    a = (np.random.RandomState(0).randn(*shape) + offset).astype("float32")
    exact = torch.log_softmax(torch.tensor(a, dtype=torch.float64), dim)
    np.testing.assert_allclose(nt.log_softmax(nt.tensor(a), dim).numpy(), exact.numpy(), rtol=1e-6, atol=1e-6)
    if dim == 1:
        labels = np.zeros((shape[0], *shape[2:]), "int64")
        loss = F.nll_loss(exact, torch.tensor(labels)).item()
        np.testing.assert_allclose(
            nt.nn.functional.cross_entropy(nt.tensor(a), nt.tensor(labels)).item(), loss, rtol=1e-6
        )


# --- losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 1])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "shape, labels", [((5, 4), (5,)), ((5, 4, 3), (5, 3)), ((4,), ()), ((2, 3, 2, 2), (2, 2, 2)), ((300, 10), (300,))]
)
def test_cross_entropy(shape, labels, smoothing, ignore, weighted, reduction):
    classes = shape[0] if len(shape) == 1 else shape[1]
    t = np.asarray(np.random.RandomState(1).randint(0, classes, labels))
    if labels == ():
        t = np.asarray(2)
    options = {"reduction": reduction, "ignore_index": ignore}
    weight = [np.linspace(0.5, 2, classes)] if weighted else []

    def call(name, **more):
        return lambda find, x, t, *w: find(name)(x, t, *w, **options, **more)

    agree(call("cross_entropy", label_smoothing=smoothing), arrays(shape), others=[t, *weight])
    agree(call("nll_loss"), arrays(shape), others=[t, *weight])


@pytest.mark.parametrize("shape", [(1, 1), (64, 10), (7, 300), (3000, 11)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_rows(shape, dtype, by):
    t = np.random.RandomState(1).randint(0, shape[1], shape[0])
    t[::5] = -100 if shape[0] > 1 else t[::5]
    agree(
        lambda find, x, t: find("cross_entropy")(x, t), arrays(shape), others=[t], dtype=dtype, twice=dtype == "float64"
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (4,)])
def test_cross_entropy_against_probabilities(shape, reduction, by):
    (t,) = arrays(shape, seed=1)
    t = np.abs(t)
    for options in ({}, {"label_smoothing": 0.2}):
        agree(lambda find, x, t, o=options: find("cross_entropy")(x, t, reduction=reduction, **o), [*arrays(shape), t])
        classes = shape[0] if len(shape) == 1 else shape[1]
        agree(
            lambda find, x, t, w, o=options: find("cross_entropy")(x, t, w, reduction=reduction, **o),
            [*arrays(shape), t],
            others=[np.linspace(0.5, 2, classes)],
        )


def test_cross_entropy_without_targets_is_nan(by):
    x = nt.zeros(3, 4, requires_grad=True)
    assert np.isnan(OURS["cross_entropy"](x, nt.full((3,), -100, dtype=nt.int64)).item())
    assert np.isnan(OURS["cross_entropy"](nt.zeros(0, 4), nt.zeros(0, dtype=nt.int64)).item())
    assert np.isnan(OURS["nll_loss"](nt.zeros(0, 4), nt.zeros(0, dtype=nt.int64)).item())


@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"label_smoothing": 0.1}])
def test_labels_out_of_range(options, by):
    for bad in (12, -1):
        with pytest.raises(IndexError, match=f"Target {bad} is out of bounds.*cross_entropy.*10 classes"):
            OURS["cross_entropy"](nt.zeros(2, 10), nt.tensor([3, bad]), **options)
    with pytest.raises(IndexError, match=r"Target 4 is out of bounds.*nll_loss"):
        OURS["nll_loss"](nt.zeros(2, 4), nt.tensor([4, 0]))


@pytest.mark.parametrize("x, t", [((3, 4), (2,)), ((3, 4), (3, 2)), ((2, 3, 4), (2, 5)), ((4,), (3,))])
def test_target_shapes(x, t, by):
    for name in ("cross_entropy", "nll_loss"):
        with pytest.raises((RuntimeError, ValueError)) as theirs:
            getattr(F, name)(torch.zeros(x), torch.zeros(t, dtype=torch.int64))
        with pytest.raises(type(theirs.value)):
            OURS[name](nt.zeros(x), nt.zeros(t, dtype=nt.int64))


def test_target_types(by):
    for t in (nt.zeros(3, dtype=nt.int32), nt.zeros(3)):
        with pytest.raises(RuntimeError, match="expected scalar type Long"):
            OURS["cross_entropy"](nt.zeros(3, 4), t)
    with pytest.raises(RuntimeError, match="floating point type for target with class probabilities"):
        OURS["cross_entropy"](nt.zeros(3, 4), nt.zeros(3, 4, dtype=nt.int64))
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        OURS["cross_entropy"](nt.zeros(3, 4), nt.zeros(3, dtype=nt.int64), reduction="average")
    with pytest.raises(RuntimeError, match="weight tensor should be defined"):
        OURS["cross_entropy"](nt.zeros(3, 4), nt.zeros(3, dtype=nt.int64), nt.ones(3))


ERRORS = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {},
    "smooth_l1_loss ": {"beta": 0.3},
    "smooth_l1_loss  ": {"beta": 0.0},
    "huber_loss": {},
    "huber_loss ": {"delta": 0.7},
    "binary_cross_entropy_with_logits": {},
    "kl_div": {"log_target": True},
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ERRORS)
def test_errors_element_by_element(name, reduction, by):
    options = ERRORS[name] | {"reduction": reduction}
    agree(lambda find, x, t: find(name.strip())(x, t, **options), arrays((4, 5), (4, 5)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_probabilities(reduction, by):
    x, t, w = [np.random.RandomState(i).uniform(0.05, 0.95, (4, 5)) for i in range(3)]
    agree(lambda find, x, t: find("binary_cross_entropy")(x, t, reduction=reduction), [x, t])
    agree(lambda find, x, t, w: find("binary_cross_entropy")(x, t, w, reduction=reduction), [x, t], others=[w])
    agree(
        lambda find, x, t, w, p: find("binary_cross_entropy_with_logits")(x, t, w, pos_weight=p, reduction=reduction),
        [x, t],
        others=[w, w[0] + 1],
    )
    agree(lambda find, x, t: find("kl_div")(x, t, reduction=reduction), [x, t])
    agree(lambda find, x, t: find("kl_div")(x, t, reduction="batchmean"), [x, t])
    agree(lambda find, x, t, w: find("mse_loss")(x, t, weight=w, reduction=reduction), [x, t], others=[w])


def test_extremes_of_binary_cross_entropy():
    x, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    agree(lambda find, x, t: find("binary_cross_entropy")(x, t, reduction="none"), [x], others=[t], twice=False)
    agree(
        lambda find, x, t: find("binary_cross_entropy_with_logits")(x, t, reduction="none"),
        [(x - 0.5) * 2000],
        others=[t],
    )
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        OURS["binary_cross_entropy"](nt.tensor([1.5]), nt.tensor([1.0]))


def test_shapes_that_differ():
    with pytest.warns(UserWarning, match="different to the input size"):
        OURS["mse_loss"](nt.zeros(3, 2), nt.zeros(2))
    with pytest.raises(ValueError, match="Using a target size"):
        OURS["binary_cross_entropy"](nt.zeros(3, 2), nt.zeros(2))
    with pytest.raises(ValueError, match="Target size"):
        OURS["binary_cross_entropy_with_logits"](nt.zeros(3, 2), nt.zeros(2))


# --- convolution ----------------------------------------------------------------------------------

CONVOLUTIONS = [
    ((2, 3, 7, 8), (4, 3, 3, 3), {}),
    ((2, 4, 7, 8), (6, 2, 3, 2), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 3, 9, 8), (4, 3, 3, 3), {"dilation": 2, "padding": (2, 1)}),
    ((3, 7, 8), (4, 3, 3, 3), {}),
    ((2, 3, 7, 8), (4, 3, 3, 3), {"padding": "same"}),
    ((2, 3, 7, 8), (4, 3, 4, 3), {"padding": "same"}),
    ((2, 3, 7, 8), (4, 3, 4, 3), {"padding": "valid", "stride": (2, 1)}),
    ((2, 4, 6, 6), (4, 1, 3, 3), {"groups": 4, "padding": [1, 1]}),
    ((2, 8, 5, 5), (8, 8, 1, 1), {}),
]


@pytest.mark.parametrize("x, w, options", CONVOLUTIONS, ids=str)
def test_conv2d(x, w, options, by):
    agree(lambda find, x, w, b: find("conv2d")(x, w, b, **options), arrays(x, w, w[:1]))
    agree(lambda find, x, w: find("conv2d")(x, w, **options), arrays(x, w))


def test_other_convolutions(by):
    agree(lambda find, x, w, b: find("conv1d")(x, w, b, stride=2, padding=1), arrays((2, 3, 9), (4, 3, 3), (4,)))
    agree(lambda find, x, w, b: find("conv1d")(x, w, b, padding="same"), arrays((3, 9), (4, 3, 4), (4,)))
    agree(
        lambda find, x, w, b: find("conv_transpose2d")(x, w, b, stride=2, padding=1, output_padding=1),
        arrays((2, 3, 5, 4), (3, 4, 3, 3), (4,)),
    )
    agree(
        lambda find, x, w, b: find("conv_transpose2d")(x, w, b, groups=2, dilation=2, output_padding=1),
        arrays((2, 4, 5, 4), (4, 2, 3, 3), (4,)),
    )
    agree(
        lambda find, x, w, b: find("conv_transpose1d")(x, w, b, stride=3, output_padding=2),
        arrays((2, 3, 5), (3, 2, 4), (2,)),
    )
    agree(lambda find, x, w, b: find("conv_transpose1d")(x, w, b, padding=1), arrays((3, 5), (3, 2, 4), (2,)))


VOLUMES = [
    ("conv3d", (2, 3, 4, 5, 4), (4, 3, 2, 3, 2), (4,), {}),
    (
        "conv3d",
        (1, 4, 5, 5, 4),
        (4, 2, 3, 2, 2),
        (4,),
        {"stride": (2, 1, 2), "padding": (1, 0, 1), "dilation": (2, 1, 1), "groups": 2},
    ),
    ("conv3d", (2, 4, 3, 4), (3, 2, 2, 3, 2), (3,), {"padding": "same"}),
    (
        "conv_transpose3d",
        (2, 4, 2, 3, 2),
        (4, 1, 3, 2, 3),
        (2,),
        {"stride": (2, 1, 2), "padding": (1, 0, 1), "groups": 2},
    ),
    ("conv_transpose3d", (4, 2, 3, 2), (4, 3, 2, 2, 2), (3,), {"stride": 2, "dilation": 2, "output_padding": 1}),
]


@pytest.mark.parametrize("name, x, w, b, options", VOLUMES, ids=str)
def test_convolutions_of_volumes(name, x, w, b, options, by):
    agree(lambda find, x, w, b: find(name)(x, w, b, **options), arrays(x, w, b))


@pytest.mark.parametrize(
    "name, x, w, options",
    [
        ("conv1d", (3, 3), (4, 2, 3), {}),
        ("conv1d", (2, 3, 5), (4, 3, 3), {"stride": (1, 2)}),
        ("conv3d", (2, 3, 2, 4, 4), (4, 3, 3, 3, 3), {}),
        ("conv3d", (2, 3, 4, 4, 4), (4, 2, 3, 3, 3), {}),
        ("conv_transpose2d", (2, 3, 4, 4), (4, 2, 3, 3), {}),
    ],
)
def test_complaints_of_other_convolutions(name, x, w, options, by):
    with pytest.raises(RuntimeError) as theirs:
        getattr(F, name)(torch.zeros(x), torch.zeros(w), **options)
    with pytest.raises(RuntimeError) as ours:
        OURS[name](nt.zeros(x), nt.zeros(w), **options)
    assert str(ours.value).split(",")[0][:40] == str(theirs.value).split(",")[0][:40], (
        str(ours.value),
        str(theirs.value),
    )


def test_which_way_a_convolution_is_computed():
    def way(x, w, **options):
        lines = nt.kernels.explain("conv2d", nt.zeros(x), nt.zeros(w), **options).splitlines()
        (chosen,) = (line.split()[1] for line in lines if line.lstrip().startswith("->"))
        return chosen

    assert way((2, 1, 9, 9), (6, 1, 3, 3)) == "direct"
    assert way((16, 1, 9, 9), (6, 1, 3, 3)) == "images"
    assert way((16, 6, 9, 9), (16, 6, 3, 3)) == "points"
    assert way((4, 16, 9, 9), (16, 16, 3, 3)) == "winograd"
    assert way((4, 16, 9, 9), (16, 16, 3, 3), stride=2) == way((2, 16, 9, 9), (16, 16, 3, 3)) == "implicit_gemm"
    assert way((2, 16, 9, 9), (16, 16, 1, 1)) == "pointwise"
    assert way((2, 16, 9, 9), (16, 1, 3, 3), groups=16) == "depthwise"
    assert "each group has one input channel" in nt.kernels.explain(
        "conv2d", nt.zeros(2, 16, 9, 9), nt.zeros(16, 16, 3, 3)
    )


def test_conv2d_in_single_precision():
    agree(
        lambda find, x, w, b: find("conv2d")(x, w, b, padding=1),
        arrays((4, 3, 8, 8), (6, 3, 3, 3), (6,)),
        dtype="float32",
        twice=False,
    )


def test_gradients_of_conv2d_by_differences():
    x, w = arrays((1, 2, 4, 4), (2, 2, 3, 3))
    tensors = [nt.tensor(a, requires_grad=True) for a in (x, w)]

    def f(x, w):
        return (OURS["conv2d"](x, w, stride=2, padding=1) ** 2).sum()

    f(*tensors).backward()
    np.testing.assert_allclose(
        tensors[0].grad.numpy(), numeric(lambda a: f(nt.tensor(a), nt.tensor(w)).item(), x), atol=1e-6
    )
    np.testing.assert_allclose(
        tensors[1].grad.numpy(), numeric(lambda a: f(nt.tensor(x), nt.tensor(a)).item(), w), atol=1e-6
    )


def test_conv2d_of_no_images(by):
    x, w = nt.zeros(0, 3, 6, 6, requires_grad=True), nt.ones(4, 3, 3, 3, requires_grad=True)
    y = OURS["conv2d"](x, w)
    assert y.shape == (0, 4, 4, 4)
    y.sum().backward()
    assert x.grad.shape == x.shape and not w.grad.numpy().any()


@pytest.mark.parametrize(
    "x, w, b, options",
    [
        ((2, 4, 8, 8), (8, 3, 3, 3), None, {}),
        ((2, 3, 2, 2), (8, 3, 3, 3), None, {}),
        ((8, 8), (8, 3, 3, 3), None, {}),
        ((2, 4, 8, 8), (3, 2, 3, 3), None, {"groups": 2}),
        ((2, 3, 8, 8), (4, 3, 3, 3), (3,), {}),
        ((2, 3, 8, 8), (4, 3, 3, 3), None, {"stride": 0}),
        ((2, 3, 8, 8), (4, 3, 3, 3), None, {"padding": -1}),
        ((2, 3, 8, 8), (4, 3, 3, 3), None, {"padding": "same", "stride": 2}),
    ],
)
def test_complaints_of_conv2d(x, w, b, options, by):
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        F.conv2d(torch.zeros(x), torch.zeros(w), None if b is None else torch.zeros(b), **options)
    with pytest.raises(RuntimeError) as ours:
        OURS["conv2d"](nt.zeros(x), nt.zeros(w), None if b is None else nt.zeros(b), **options)
    expected = str(theirs.value).replace("[[", "[").replace("]]", "]").split("(")[0].rstrip(". ")
    assert str(ours.value).startswith(expected), (str(ours.value), str(theirs.value))


# --- pooling --------------------------------------------------------------------------------------

WINDOWS = [
    ((2,), {}),
    ((3, 2, 1), {}),
    ((3, 2, 1), {"ceil_mode": True}),
    ((2, 3), {"ceil_mode": True}),
    (((2, 3), (1, 2)), {}),
    (([2, 2],), {}),
]


@pytest.mark.parametrize("shape", [(2, 3, 8, 9), (3, 7, 7), (0, 3, 8, 8)])
@pytest.mark.parametrize("window, options", WINDOWS, ids=str)
def test_windows(shape, window, options, by):
    agree(lambda find, x: find("max_pool2d")(x, *window, **options), arrays(shape))
    agree(lambda find, x: find("avg_pool2d")(x, *window, **options), arrays(shape))
    agree(lambda find, x: find("avg_pool2d")(x, *window, count_include_pad=False, **options), arrays(shape))
    agree(lambda find, x: find("avg_pool2d")(x, *window, divisor_override=5, **options), arrays(shape))


def test_more_windows(by):
    agree(lambda find, x: find("max_pool2d")(x, (2, 3), (1, 2), dilation=(2, 1)), arrays((2, 3, 8, 9)))
    for size in (1, 2, (3, None), (8, 10), 5):
        agree(lambda find, x, s=size: find("adaptive_avg_pool2d")(x, s), arrays((2, 3, 8, 9)))
    agree(lambda find, x: find("max_pool1d")(x, 3, 2, 1), arrays((2, 3, 9)))
    agree(lambda find, x: find("avg_pool1d")(x, 3, 2, 1), arrays((2, 3, 9)))
    agree(lambda find, x: find("adaptive_avg_pool1d")(x, 4), arrays((2, 3, 9)))


@pytest.mark.parametrize("window", [(2,), (3, 1, 1), (3, 2, 1)], ids=str)
def test_positions_of_maxima(window, by):
    x = np.random.RandomState(0).randint(0, 4, (2, 3, 7, 8)).astype("float64")  # many ties
    x[0, 0, 1, 1] = x[0, 0, 2, 2] = x[1, 2, 0, 0] = np.nan
    x[1, 1] = -np.inf
    ours = OURS["max_pool2d"](nt.tensor(x), *window, return_indices=True)
    theirs = F.max_pool2d(torch.tensor(x), *window, return_indices=True)
    np.testing.assert_array_equal(ours[0].numpy(), theirs[0].numpy())
    np.testing.assert_array_equal(ours[1].numpy(), theirs[1].numpy())
    grads = []
    for lib, f in ((nt, OURS["max_pool2d"]), (torch, F.max_pool2d)):
        leaf = lib.tensor(x, requires_grad=True)
        f(leaf, *window).sum().backward()
        grads.append(leaf.grad.numpy())
    np.testing.assert_array_equal(*grads)


def test_pooling_survives_writing_over_its_result():
    x = nt.tensor(arrays((1, 1, 4, 4))[0], requires_grad=True)
    y = OURS["max_pool2d"](x, 2)
    y.mul_(2.0)
    y.sum().backward()
    assert x.grad.sum().item() == 8


def test_complaints_of_pooling():
    for call in (
        lambda: OURS["max_pool2d"](nt.zeros(2, 2), 2),
        lambda: OURS["max_pool2d"](nt.zeros(1, 1, 4, 4), 3, padding=2),
        lambda: OURS["max_pool2d"](nt.zeros(1, 1, 2, 2), 3),
        lambda: OURS["avg_pool2d"](nt.zeros(1, 1, 4, 4), 2, divisor_override=0),
        lambda: OURS["max_pool2d"](nt.zeros(1, 1, 4, 4), 0),
    ):
        with pytest.raises(RuntimeError):
            call()


# --- normalisation --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 4), (70, 5), (5, 3, 7), (20, 3, 4, 5)])
@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape, affine, training, by):
    (x,) = arrays(shape)
    c = shape[1]
    inputs = [x * 2 + 3, np.linspace(0.5, 2, c), np.linspace(-1, 1, c)][: 1 + affine]
    running = [np.linspace(-1, 1, c), np.linspace(0.5, 2, c)]
    agree(
        lambda find, x, *rest: find("batch_norm")(x, *rest[affine:], *rest[:affine], training=training),
        inputs,
        others=running,
    )
    if training:
        agree(lambda find, x, *rest: find("batch_norm")(x, None, None, *rest, training=True), inputs)


def test_batch_norm_of_few_and_of_distant_values():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        OURS["batch_norm"](nt.zeros(1, 3), None, None, training=True)
    with pytest.raises(RuntimeError, match="should contain 3 elements"):
        OURS["batch_norm"](nt.zeros(2, 3), nt.zeros(2), nt.ones(2))
    x = (np.random.RandomState(0).randn(40, 2, 9, 9) + 1000).astype("float32")
    want = (x - x.astype("float64").mean((0, 2, 3), keepdims=True)) / x.astype("float64").std((0, 2, 3), keepdims=True)
    got = OURS["batch_norm"](nt.tensor(x), None, None, training=True).numpy()
    np.testing.assert_allclose(got, want, atol=3e-4)


def test_batch_norm_survives_writing_over_its_result():
    x = nt.tensor(arrays((4, 3, 2, 2))[0], requires_grad=True)
    y = OURS["batch_norm"](x, None, None, training=True)
    y.mul_(2.0)
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("shape", [(6, 4), (70, 5), (5, 3, 7), (3, 3, 4, 5)])
def test_row_norms(shape, by):
    (x,) = arrays(shape)
    for rows in (shape[-1:], shape[1:]):
        w, b = [np.abs(a) + 0.5 for a in arrays(rows, rows, seed=1)]
        agree(lambda find, x, w, b, r=rows: find("layer_norm")(x, r, w, b), [x * 2 + 3, w, b])
        agree(lambda find, x, w, r=rows: find("layer_norm")(x, r, w), [x, w])
        agree(lambda find, x, r=rows: find("layer_norm")(x, r), [x])
        agree(lambda find, x, w, r=rows: find("rms_norm")(x, r, w, 1e-6), [x, w])
        agree(lambda find, x, r=rows: find("rms_norm")(x, r), [x])


@pytest.mark.parametrize("shape", [(3, 9000), (200, 100)])
def test_row_norm_of_long_and_of_many_rows(shape):
    x, g = arrays(shape, shape)
    x += 100
    centred = x - x.mean(1, keepdims=True)
    unit = centred / np.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)
    x, w, b = [nt.tensor(a.astype("float32"), requires_grad=True) for a in (x, np.ones(shape[1]), np.zeros(shape[1]))]
    y = OURS["layer_norm"](x, shape[1:], w, b)
    np.testing.assert_allclose(y.detach().numpy(), unit, atol=2e-4)
    y.backward(nt.tensor(g.astype("float32")))
    np.testing.assert_allclose(w.grad.numpy(), (g * unit).sum(0), atol=2e-3)
    np.testing.assert_allclose(b.grad.numpy(), g.sum(0), atol=1e-4)
    slope = unit * (g * unit).mean(1, keepdims=True)
    want = (g - g.mean(1, keepdims=True) - slope) / np.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(x.grad.numpy(), want, atol=2e-4)


@pytest.mark.parametrize("shift", [1e3, 1e6, 1e7])
@pytest.mark.parametrize("shape", [(50, 10), (9, 1000), (2, 200_000)])
def test_row_norm_far_from_zero(shape, shift):
    if disabled() and shape[1] > 1000:
        pytest.skip("minutes of plain Python")
    rng = np.random.default_rng(0)
    x = rng.integers(1, 8, shape) + shift  # exact in float32
    g = rng.standard_normal(shape)
    centred = x - x.mean(1, keepdims=True)
    rstd = 1 / np.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)
    x, w = nt.tensor(x.astype("float32"), requires_grad=True), nt.ones(shape[1], requires_grad=True)
    y = OURS["layer_norm"](x, shape[1:], w)
    np.testing.assert_allclose(y.detach().numpy(), centred * rstd, atol=2e-6)
    y.backward(nt.tensor(g.astype("float32")))
    unit = centred * rstd
    want = (g - g.mean(1, keepdims=True) - unit * (g * unit).mean(1, keepdims=True)) * rstd
    np.testing.assert_allclose(x.grad.numpy(), want, atol=4e-6)
    np.testing.assert_allclose(w.grad.numpy(), (g * unit).sum(0), atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4, 7), (3, 4, 4, 5)])
def test_group_and_instance_norm(shape, by):
    x, w, b = [*arrays(shape), np.linspace(0.5, 2, 4), np.linspace(-1, 1, 4)]
    for groups in (1, 2, 4):
        agree(lambda find, x, w, b, g=groups: find("group_norm")(x, g, w, b), [x, w, b])
    agree(lambda find, x: find("group_norm")(x, 2), [x])
    agree(lambda find, x, w, b, mean, var: find("instance_norm")(x, mean, var, w, b), [x, w, b], others=[b, w])


def test_complaints_of_row_norms():
    with pytest.raises(RuntimeError, match=re.escape("Given normalized_shape=[4], expected input with shape [*, 4]")):
        OURS["layer_norm"](nt.zeros(2, 3), (4,))
    with pytest.raises(RuntimeError, match="same shape as normalized_shape"):
        OURS["layer_norm"](nt.zeros(2, 3), (3,), nt.ones(4))
    with pytest.raises(RuntimeError, match="divisible by num_groups"):
        OURS["group_norm"](nt.zeros(2, 3, 4), 2)


def test_empty_batches():
    for f in (
        lambda x: OURS["layer_norm"](x, (4,)),
        lambda x: OURS["rms_norm"](x, (4,)),
        lambda x: OURS["softmax"](x, 1),
    ):
        x = nt.zeros(0, 4, requires_grad=True)
        f(x).sum().backward()
        assert x.grad.shape == (0, 4)


# --- embedding and attention ----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"padding_idx": -1}])
@pytest.mark.parametrize("shape", [(4, 5), (6,), (0,), ()])
def test_embedding(options, shape, by):
    index = np.asarray(np.random.RandomState(0).randint(0, 7, shape))
    twice = index.size > 0  # torch cannot differentiate twice through an empty one
    agree(lambda find, w, i: find("embedding")(i, w, **options), arrays((7, 3)), others=[index], twice=twice)


def test_embedding_by_frequency_and_norm(by):
    index = np.random.RandomState(0).randint(0, 7, (4, 5))
    agree(
        lambda find, w, i: find("embedding")(i, w, padding_idx=1, scale_grad_by_freq=True),
        arrays((7, 3)),
        others=[index],
        twice=False,
    )
    results = []
    for lib, f in ((nt, OURS["embedding"]), (torch, F.embedding)):
        w = lib.tensor(arrays((7, 3))[0])
        results.append((f(lib.tensor(index), w, max_norm=1.0).numpy(), w.numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("bad", [7, -1])
def test_embedding_out_of_range(bad, by):
    with pytest.raises(IndexError, match=f"index out of range in self.*{bad}"):
        OURS["embedding"](nt.tensor([0, bad]), nt.zeros(7, 3))


def test_attention(by):
    q, k, v = arrays((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7))
    mask = np.random.RandomState(1).rand(2, 1, 4, 6) > 0.4
    mask[0, 0, 1] = False
    bias = arrays((4, 6))[0]
    bias[2] = -np.inf

    def call(**options):
        return lambda find, q, k, v, *m: find("scaled_dot_product_attention")(q, k, v, *m, **options)

    agree(call(), [q, k, v])
    agree(call(scale=0.3), [q, k, v])
    agree(call(is_causal=True), [q, k, v])
    agree(call(), [q, k, v], others=[mask])
    agree(call(), [q, k, v], others=[bias])
    agree(call(enable_gqa=True), [arrays((2, 6, 4, 5))[0], k, v])


def test_attention_with_dropout():
    q = nt.ones(1, 50, 8)
    nt.manual_seed(0)
    y = OURS["scaled_dot_product_attention"](q, q, q, dropout_p=0.5)
    assert len(np.unique(np.round(y.numpy(), 5))) > 5
    assert abs(y.mean().item() - 1) < 0.1


# --- everywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda x: OURS["softmax"](x, 1),
        lambda x: OURS["layer_norm"](x, (40,)),
        lambda x: OURS["cross_entropy"](x, nt.zeros(900, dtype=nt.int64)),
        lambda x: OURS["batch_norm"](x, None, None, training=True),
        lambda x: OURS["batch_norm"](x.reshape(45, 20, 40), None, None, training=True),
        lambda x: OURS["max_pool2d"](x.reshape(1, 9, 100, 40), 2),
    ],
    ids=["softmax", "layer_norm", "cross_entropy", "batch_norm", "batch_norm of images", "max_pool2d"],
)
def test_results_do_not_depend_on_the_threads(call):
    results = []
    before = nt.get_num_threads()
    for threads in (1, 2):
        nt.set_num_threads(threads)
        x = nt.tensor(arrays((900, 40))[0].astype("float32"), requires_grad=True)
        y = call(x)
        (y * y).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    nt.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
