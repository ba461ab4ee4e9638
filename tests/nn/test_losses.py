"""Every loss module and function against torch's, with each reduction."""

import os
import sys

import numpy as np
import pytest
from same_as_torch import assert_same, both, normal, torch

import numtorch as nt
from numtorch import exports

sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir, "ops"))
import references

LABELS = np.array([0, 2, -100, 1, 2])
PROBABILITY = 1 / (1 + np.exp(-normal(5, 3, seed=2)))
LOGS = np.log(PROBABILITY)

LOSSES = {
    "cross entropy": (lambda f, **k: f.nn.CrossEntropyLoss(**k), normal(5, 3), LABELS),
    "cross entropy of pixels": (
        lambda f, **k: f.nn.CrossEntropyLoss(**k),
        normal(2, 3, 4),
        np.array([[0, 1, 2, 0], [2, 2, 1, 0]]),
    ),
    "cross entropy, weighted": (
        lambda f, **k: f.nn.CrossEntropyLoss(f.tensor([0.5, 2.0, 1.0]), ignore_index=1, **k),
        normal(5, 3),
        abs(LABELS) % 3,
    ),
    "cross entropy, smoothed": (lambda f, **k: f.nn.CrossEntropyLoss(label_smoothing=0.2, **k), normal(5, 3), LABELS),
    "cross entropy of probabilities": (lambda f, **k: f.nn.CrossEntropyLoss(**k), normal(5, 3), PROBABILITY),
    "nll": (lambda f, **k: f.nn.NLLLoss(**k), LOGS, LABELS),
    "nll, weighted": (lambda f, **k: f.nn.NLLLoss(weight=f.tensor([0.5, 2.0, 1.0]), **k), LOGS, LABELS),
    "mse": (lambda f, **k: f.nn.MSELoss(**k), normal(5, 3), normal(5, 3, seed=1)),
    "l1": (lambda f, **k: f.nn.L1Loss(**k), normal(5, 3), normal(5, 3, seed=1)),
    "smooth l1": (lambda f, **k: f.nn.SmoothL1Loss(beta=0.5, **k), normal(5, 3), normal(5, 3, seed=1)),
    "huber": (lambda f, **k: f.nn.HuberLoss(delta=0.5, **k), normal(5, 3), normal(5, 3, seed=1)),
    "bce": (lambda f, **k: f.nn.BCELoss(**k), PROBABILITY, (normal(5, 3) > 0).astype(np.float32)),
    "bce, weighted": (
        lambda f, **k: f.nn.BCELoss(f.tensor([0.5, 2.0, 1.0]), **k),
        PROBABILITY,
        (normal(5, 3) > 0).astype(np.float32),
    ),
    "bce with logits": (lambda f, **k: f.nn.BCEWithLogitsLoss(**k), normal(5, 3), PROBABILITY),
    "bce with logits, weighted": (
        lambda f, **k: f.nn.BCEWithLogitsLoss(f.tensor([0.5, 2.0, 1.0]), pos_weight=f.tensor([3.0, 1.0, 2.0]), **k),
        normal(5, 3),
        PROBABILITY,
    ),
    "kl": (lambda f, **k: f.nn.KLDivLoss(**k), LOGS, PROBABILITY),
    "kl of logarithms": (lambda f, **k: f.nn.KLDivLoss(log_target=True, **k), LOGS, LOGS[::-1].copy()),
}


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, reduction):
    make, x, t = LOSSES[name]
    results = []
    for f, a, b in zip((nt, torch), both(x, grad=True), both(t), strict=True):
        module = make(f, reduction=reduction)
        y = module(a, b)
        (y * y).sum().backward()
        results.append((repr(module), list(module.state_dict()), y, a.grad))
    assert results[0][:2] == results[1][:2]
    assert_same(results[0][2], results[1][2])
    assert_same(results[0][3], results[1][3], 5e-5)


def test_batchmean():
    a, b = [
        f.nn.functional.kl_div(x, t, reduction="batchmean")
        for f, x, t in zip((nt, torch), both(LOGS), both(PROBABILITY), strict=True)
    ]
    assert_same(a, b)


def test_old_names_of_reductions():
    x, t = nt.ones(2), nt.zeros(2)
    with pytest.warns(UserWarning, match="please use reduction='sum'"):
        assert nt.nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="please use reduction='none'"):
        assert nt.nn.functional.l1_loss(x, t, reduce=False).tolist() == [1, 1]
    with pytest.warns(UserWarning, match="please use reduction='mean'"):
        assert nt.nn.functional.mse_loss(x, t, True).item() == 1


@pytest.mark.parametrize("name", ["l1_loss", "mse_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weights_of_elements(name, reduction):
    y, z = [
        getattr(f.nn.functional, name)(x, t, weight=w, reduction=reduction)
        for f, x, t, w in zip((nt, torch), both(LOGS), both(PROBABILITY), both(normal(5, 3) ** 2), strict=True)
    ]
    assert_same(y, z)
    with pytest.raises(ValueError, match="Weights and input must have the same size"):
        getattr(nt.nn.functional, name)(nt.ones(2), nt.ones(2), weight=nt.ones(1))


@pytest.mark.parametrize("name", sorted(n for n, f in exports.LOSSES.items() if hasattr(f, "op")))
def test_modules_made_of_their_functions(name):
    op = exports.LOSSES[name].op
    x, t = references.arguments(op, op.samples()[0], "float32")[0][:2]
    for reduction in ("mean", "sum", "none"):
        ours = getattr(nt.nn, name)(reduction=reduction)(nt.tensor(x), nt.tensor(t))
        assert_same(ours, getattr(torch.nn, name)(reduction=reduction)(torch.tensor(x), torch.tensor(t)))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        getattr(nt.nn, name)(no_such_option=1)
