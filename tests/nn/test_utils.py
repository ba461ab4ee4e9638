"""Clipping and flattening of parameters against torch's."""

import numpy as np
import pytest
from same_as_torch import assert_same, normal, pair, torch

import numtorch as nt


def trained():
    ours, theirs = pair(lambda f: f.nn.Sequential(f.nn.Linear(3, 4), f.nn.Linear(4, 2)))
    x = normal(5, 3) * 10
    ours(nt.from_numpy(x)).square().sum().backward()
    theirs(torch.from_numpy(x)).square().sum().backward()
    return ours, theirs


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clip_grad_norm(norm_type, limit):
    ours, theirs = trained()
    total = nt.nn.utils.clip_grad_norm_(ours.parameters(), limit, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit, norm_type)
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_clip_grad_value_and_edges():
    ours, theirs = trained()
    nt.nn.utils.clip_grad_value_(ours.parameters(), 0.3)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.3)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_same(p.grad, q.grad)
    assert nt.nn.utils.clip_grad_norm_([nt.ones(1)], 1.0).item() == 0
    p = nt.nn.Parameter(nt.ones(1))
    p.grad = nt.tensor([float("nan")])
    with pytest.raises(RuntimeError, match="non-finite, so it cannot be clipped"):
        nt.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_parameters_to_vector_and_back():
    ours, theirs = trained()
    vector = nt.nn.utils.parameters_to_vector(ours.parameters())
    assert_same(vector, torch.nn.utils.parameters_to_vector(theirs.parameters()))
    nt.nn.utils.vector_to_parameters(vector * 2, ours.parameters())
    assert_same(ours[0].weight, theirs[0].weight * 2)
    assert ours[1].bias.requires_grad
    with pytest.raises(TypeError, match="expected torch.Tensor, but got: int"):
        nt.nn.utils.vector_to_parameters(3, ours.parameters())
