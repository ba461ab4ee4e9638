"""Divergences and transforms, against PyTorch's and by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from distribution_cases import CASES

import numtorch
from numtorch import distributions as D
from numtorch.distributions import kl

pytestmark = pytest.mark.plain(but="affine|softplus")  # formulas; their kernels have tests of their own

F64 = {"dtype": numtorch.float64}


def plain(x):
    return np.asarray(x.detach().tolist(), np.float64)


def pairs():
    named = [(p.__name__, q.__name__) for p, q in kl._REGISTRY]
    # torch's divergence of these is infinite where the uniform distribution is on all of [0, 1]; here it is finite
    own = {("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")}
    return [(p, q) for p, q in named if p in CASES and q in CASES and (p, q) not in own]


@pytest.mark.parametrize("p, q", pairs())
def test_divergence_as_in_torch(p, q):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (numtorch, torch):
        a, b = CASES[p][0](lib)[0], CASES[q][0](lib)[0]
        if p == q and p not in ("Multinomial", "Binomial"):
            b = b.expand((2, *b.batch_shape))
        found.append(plain(lib.distributions.kl_divergence(a, b)))
    np.testing.assert_allclose(*found, rtol=1e-8, atol=1e-10)


def test_all_pairs_of_torch_are_here():
    torch = pytest.importorskip("torch")
    names = lambda registry: {(p.__name__, q.__name__) for p, q in registry}
    assert names(torch.distributions.kl._KL_REGISTRY) == names(kl._REGISTRY)


def test_divergence_is_the_mean_of_the_ratio():
    numtorch.manual_seed(1)
    for p, q in (("Beta", "Normal"), ("Gamma", "Gumbel"), ("Normal", "Laplace"), ("Gumbel", "Normal")):
        p, q = CASES[p][0](numtorch)[0], CASES[q][0](numtorch)[0]
        x = p.sample((5_000,))
        ratio = p.log_prob(x) - q.log_prob(x)
        error = plain(ratio.std(0)) / 5_000**0.5
        assert (np.abs(plain(ratio.mean(0) - D.kl_divergence(p, q))) < 5 * error).all()
    with pytest.raises(NotImplementedError, match="no KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.StudentT(3.0))


X = numtorch.tensor([[0.3, -1.2, 0.7]], **F64)
TRANSFORMS = {
    "exp": (D.ExpTransform(), X),
    "affine": (D.AffineTransform(1.0, -2.0), X),
    "sigmoid": (D.SigmoidTransform(), X),
    "softplus": (D.SoftplusTransform(), X),
    "tanh": (D.TanhTransform(), X),
    "power": (D.PowerTransform(numtorch.tensor(-1.5, **F64)), X.exp()),
    "normal": (D.CumulativeDistributionTransform(D.Normal(numtorch.tensor(0.0, **F64), 1.0)), X),
    "stick": (D.StickBreakingTransform(), X),
    "correlation": (D.CorrCholeskyTransform(), X),
    "composed": (D.ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 3.0), D.StickBreakingTransform()]), X),
    "independent": (D.IndependentTransform(D.ExpTransform(), 1), X),
    "cat": (D.CatTransform([D.ExpTransform(), D.SigmoidTransform()], 1, [2, 1]), X),
    "stack": (D.StackTransform([D.ExpTransform(), D.SigmoidTransform(), D.TanhTransform()], 1), X),
    "reshape": (D.ReshapeTransform((3,), (3, 1)), X),
    "inverse": (D.ExpTransform().inv, X.exp()),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name):
    t, x = TRANSFORMS[name]
    y = t(x)
    assert tuple(t.forward_shape(x.shape)) == y.shape and tuple(t.inverse_shape(y.shape)) == x.shape
    np.testing.assert_allclose(plain(t.inv(y)), plain(x), atol=1e-10)
    assert t.bijective and t.inv.inv is t
    assert bool(t.codomain.check(y).all())
    slope = t.log_abs_det_jacobian(x, y)
    assert slope.shape == x.shape[: x.ndim - t.domain.event_dim] or name in ("cat", "stack")
    jacobian = np.array(numtorch.autograd.functional.jacobian(lambda v: t(v[None])[0].reshape(-1), x[0]).tolist())
    if name == "stick" or name == "composed":
        jacobian = jacobian[:-1]
    if name == "correlation":
        jacobian = jacobian[[3, 6, 7]]
    np.testing.assert_allclose(plain(slope).sum(), np.linalg.slogdet(jacobian)[1], atol=1e-10)


def test_transforms_to_constraints():
    c = D.constraints
    for constraint in (c.real, c.positive, c.greater_than(2.0), c.less_than(1.0), c.interval(-1.0, 3.0), c.simplex):
        for registry in (D.biject_to, D.transform_to):
            assert bool(constraint.check(registry(constraint)(X)).all())
    for constraint in (c.lower_cholesky, c.positive_definite):
        m = numtorch.tensor([[0.3, 1.0], [-0.5, 0.2]], **F64)
        t = D.transform_to(constraint)
        assert bool(constraint.check(t(m)))
        np.testing.assert_allclose(plain(t(t.inv(t(m)))), plain(t(m)))
    with pytest.raises(NotImplementedError, match="no transform"):
        D.biject_to(c.lower_cholesky)
    with pytest.raises(ValueError, match="cannot be checked"):
        c.dependent.check(X)
    with pytest.raises(ValueError, match="cache_size"):
        D.ExpTransform(cache_size=2)
    t = D.ExpTransform(cache_size=1)
    assert t(X) is t(X) and t.inv(t(X)) is X and t == D.ExpTransform()
