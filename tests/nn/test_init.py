"""Initialisation: the distributions torch draws from, exact values where there is nothing random."""

import math

import numpy as np
import pytest
from same_as_torch import torch

import numtorch as nt

init = nt.nn.init


@pytest.mark.parametrize(
    "draw",
    [
        lambda i, w: i.uniform_(w, -2, 3),
        lambda i, w: i.normal_(w, 1, 2),
        lambda i, w: i.xavier_uniform_(w),
        lambda i, w: i.xavier_normal_(w, 2.0),
        lambda i, w: i.kaiming_uniform_(w, nonlinearity="relu"),
        lambda i, w: i.kaiming_uniform_(w, math.sqrt(5)),
        lambda i, w: i.kaiming_normal_(w, mode="fan_out"),
        lambda i, w: i.trunc_normal_(w),
        lambda i, w: i.trunc_normal_(w, 0.5, 2.0, -1.0, 1.0),
        lambda i, w: i.trunc_normal_(w, std=0.02),
        lambda i, w: i.trunc_normal_(w, 0, 1, 3.0, 4.0),
    ],
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("shape", [(120, 80), (20, 10, 7, 7)])
def test_same_distribution(draw, shape):
    nt.manual_seed(3)
    torch.manual_seed(3)
    w, v = nt.nn.Parameter(nt.empty(shape)), torch.nn.Parameter(torch.empty(shape))
    assert draw(init, w) is w and w.requires_grad and w.is_leaf
    draw(torch.nn.init, v)
    a, b = np.sort(w.detach().numpy().ravel()), np.sort(v.detach().numpy().ravel())
    spread = b.max() - b.min()
    at = np.linspace(0.02, 0.98, 25)
    np.testing.assert_allclose(np.quantile(a, at), np.quantile(b, at), atol=0.025 * spread)
    assert a.min() > b.min() - 0.25 * spread and a.max() < b.max() + 0.25 * spread


@pytest.mark.parametrize(
    "fill",
    [
        lambda i, w: i.constant_(w, 3.5),
        lambda i, w: i.ones_(w),
        lambda i, w: i.zeros_(w),
        lambda i, w: i.eye_(w[:, :, 0]),
        lambda i, w: i.dirac_(w),
        lambda i, w: i.dirac_(w, 2),
        lambda i, w: i.dirac_(w[..., None]),
        lambda i, w: i.dirac_(w[..., None, None]),
    ],
)
def test_same_values(fill):
    w, v = nt.full((4, 3, 5), 9.0), torch.full((4, 3, 5), 9.0)
    np.testing.assert_array_equal(fill(init, w).numpy(), fill(torch.nn.init, v).numpy())


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 2, 3), (3, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(nt.empty(shape), gain=2.0).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)
    assert init.orthogonal_(nt.empty(0, 3)).shape == (0, 3)


def test_sparse():
    w = init.sparse_(nt.empty(10, 7), 0.25).numpy()
    assert ((w == 0).sum(0) == 3).all() and 0.002 < w.std() < 0.02


@pytest.mark.parametrize(
    "args",
    [("linear",), ("conv2d",), ("sigmoid",), ("tanh",), ("relu",), ("leaky_relu",), ("leaky_relu", 0.3), ("selu",)],
)
def test_gain(args):
    assert init.calculate_gain(*args) == torch.nn.init.calculate_gain(*args)


@pytest.mark.parametrize(
    "act",
    [
        lambda i, t: i.calculate_gain("nope"),
        lambda i, t: i.calculate_gain("leaky_relu", "a"),
        lambda i, t: i.xavier_uniform_(t(3)),
        lambda i, t: i.kaiming_normal_(t(3, 3), mode="fan"),
        lambda i, t: i.eye_(t(3)),
        lambda i, t: i.dirac_(t(3, 3)),
        lambda i, t: i.dirac_(t(3, 3, 3), 2),
        lambda i, t: i.orthogonal_(t(3)),
        lambda i, t: i.sparse_(t(3), 0.1),
    ],
)
def test_errors_are_torchs(act):
    texts = []
    for f in (nt, torch):
        with pytest.raises(ValueError) as e:
            act(f.nn.init, f.zeros)
        texts.append(str(e.value))
    assert texts[0] == texts[1]


def test_empty_tensors_and_generators():
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(nt.empty(0, 3))
    a, b = (init.normal_(nt.empty(5), generator=nt.Generator().manual_seed(1)) for _ in range(2))
    assert a.equal(b)
