"""Functions composed in ``nn.functional``, against torch's."""

import inspect

import numpy as np
import pytest
from same_as_torch import assert_same, both, normal, torch

import numtorch as nt


def check(fn, *arrays, tolerance=2e-5):
    given = [both(x, grad=x.dtype.kind == "f") for x in arrays]
    y, z = fn(nt.nn.functional, *[a for a, _ in given]), fn(torch.nn.functional, *[b for _, b in given])
    assert tuple(y.shape) == tuple(z.shape)
    assert_same(y, z, tolerance)
    if z.requires_grad:
        (y * y).sum().backward()
        (z * z).sum().backward()
        for a, b in given:
            if b.grad is not None:
                assert_same(a.grad, b.grad, tolerance)


@pytest.mark.parametrize(
    ("widths", "mode"),
    [
        ((1, 2), "constant"),
        ((1, 2, 0, 3), "constant"),
        ((-1, 2, 1, -1), "constant"),
        ((0, 0, 0, 0, 1, 1), "constant"),
        ((), "constant"),
        ((2, 3), "circular"),
        ((1, 2, 2, 1), "circular"),
        ((2, 1), "reflect"),
        ((2, 1, 0, 2), "reflect"),
        ((5, 2), "replicate"),
        ((1, 2, 3, 4), "replicate"),
    ],
)
def test_pad(widths, mode):
    x = normal(2, 3, 4, 5) if len(widths) > 2 or mode == "constant" else normal(2, 3, 5)
    check(lambda F, x: F.pad(x, widths, mode), x)


def test_pad_value_and_errors():
    check(lambda F, x: F.pad(x, (1, 1), value=2.5), normal(3))
    x = nt.ones(2, 3)
    for widths in ((1,), (1, 1, 1, 1, 1, 1), (-2, -2)):
        with pytest.raises(RuntimeError):
            nt.nn.functional.pad(x, widths)
        with pytest.raises(RuntimeError):
            torch.nn.functional.pad(torch.ones(2, 3), widths)
    with pytest.raises(RuntimeError, match="less than the corresponding input dimension"):
        nt.nn.functional.pad(x, (3, 0), "reflect")
    with pytest.raises(NotImplementedError):
        nt.nn.functional.pad(x, (1, 1), "mirror")


@pytest.mark.parametrize(
    "fn",
    [
        lambda F, x, y: F.normalize(x),
        lambda F, x, y: F.normalize(x, p=1, dim=0),
        lambda F, x, y: F.cosine_similarity(x, y),
        lambda F, x, y: F.cosine_similarity(x, y, dim=0),
        lambda F, x, y: F.pairwise_distance(x, y),
        lambda F, x, y: F.pairwise_distance(x, y, p=1, keepdim=True),
        lambda F, x, y: F.prelu(x, y[0]),
        lambda F, x, y: F.softmin(x, dim=0),
        lambda F, x, y: F.glu(x),
        lambda F, x, y: F.threshold(x, 0.1, 0.5),
        lambda F, x, y: F.hardtanh(x, -0.2, 0.3),
        lambda F, x, y: F.linear(x, y),
        lambda F, x, y: F.gelu(x, approximate="tanh"),
    ],
)
def test_composed(fn):
    check(fn, normal(3, 4), normal(3, 4, seed=1))


def test_one_hot():
    check(lambda F, x: F.one_hot(x, 4), np.array([[0, 3], [1, 2]]))


def test_relu_at_zero_and_nan():
    check(lambda F, x: F.relu(x), np.array([0.0, -0.0, -1, 1, np.inf], np.float32))
    assert nt.nn.functional.relu(nt.tensor(float("nan"))).isnan().item()
    x = nt.tensor([-1.0, 1.0])
    assert nt.nn.functional.relu_(x) is x and x.tolist() == [0, 1]
    y = x * -1
    assert nt.nn.functional.relu(y, inplace=True) is y and y.tolist() == [0, 0]


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": True}])
def test_attention(options):
    mask = normal(4, 4, seed=7)

    def attend(F, q, k, v):
        given = dict(options)
        if "attn_mask" in given:
            given["attn_mask"] = (nt if F is nt.nn.functional else torch).from_numpy(mask)
        return F.scaled_dot_product_attention(q, k, v, **given)

    check(attend, *[normal(2, 3, 4, 5, seed=i) for i in range(3)])


def test_argument_names_and_defaults_are_torchs():
    for name, ours in vars(nt.nn.functional).items():
        theirs = getattr(torch.nn.functional, name, None)
        if not inspect.isfunction(ours) or name.startswith("_") or not inspect.isfunction(theirs) or "pool" in name:
            continue
        if hasattr(ours, "op"):  # takes its signature on first use
            continue
        wanted = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values() if p.name != "_stacklevel"]
        have = [
            (p.name, p.default)
            for p in inspect.signature(ours).parameters.values()
            if p.name not in ("_stacklevel", "out")
        ]
        assert have == [w for w in wanted if w[0] != "out"], name


def test_layer_signatures_are_torchs():
    for name, ours in vars(nt.nn).items():
        theirs = getattr(torch.nn, name, None)
        if not inspect.isclass(ours) or not issubclass(ours, nt.nn.Module) or name in ("Module", "Sequential"):
            continue
        if name in (
            "RNN",
            "LSTM",
            "GRU",
        ):  # torch takes anything and looks later; tests/nn/test_recurrent.py calls them
            continue
        sides = []
        for cls in (ours, theirs):
            parameters = inspect.signature(cls.__init__).parameters.values()
            sides.append(
                [
                    (p.name, getattr(p.default, "__name__", p.default), p.kind)
                    for p in parameters
                    if p.name not in ("min_value", "max_value")
                ]
            )
        assert sides[0] == sides[1], name


def test_plans_of_pads_tell_apart_the_zeros():
    x = nt.ones(2, requires_grad=True)
    for value in (0.0, -0.0, 0.0, float("nan"), -0.0):
        y = nt.nn.functional.pad(x, (1, 0), value=value)
        np.testing.assert_array_equal(np.signbit(y.detach().numpy()), [np.signbit(value), False, False])
        assert nt.autograd.grad(y.sum(), x)[0].tolist() == [1.0, 1.0]
