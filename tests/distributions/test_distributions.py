"""Every distribution: values against PyTorch's and SciPy's, samples against their own distribution functions."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from distribution_cases import CASES, value_of

import numtorch
from numtorch import distributions as D
from numtorch.kernels.jit import disabled

F64 = {"dtype": numtorch.float64}


def tensor(*values):
    return numtorch.tensor(values, **F64)


def plain(x):
    """Tensors as arrays; what is not implemented as None."""
    return np.asarray(x.detach().tolist(), np.float64) if hasattr(x, "detach") else x


def attempt(f):
    try:
        return plain(f())
    except NotImplementedError:
        return None


def same(ours, theirs, what, rtol):
    if isinstance(theirs, np.ndarray):
        np.testing.assert_allclose(ours, theirs, rtol, 1e-10, err_msg=what)
    else:
        assert ours == theirs, what


# --- against torch --------------------------------------------------------------------------------

QUESTIONS = {
    **{
        name: lambda d, v, lib, name=name: getattr(d, name)
        for name in ("mean", "variance", "stddev", "mode", "has_rsample", "has_enumerate_support")
    },
    "shapes": lambda d, v, lib: (tuple(d.batch_shape), tuple(d.event_shape), repr(d)),
    "log_prob": lambda d, v, lib: d.log_prob(v),
    "cdf": lambda d, v, lib: d.cdf(v),
    "icdf": lambda d, v, lib: d.icdf(lib.tensor([0.3, 0.8], dtype=lib.float64)),
    "entropy": lambda d, v, lib: d.entropy(),
    "enumerate_support": lambda d, v, lib: d.enumerate_support(),
    "enumerate_support(False)": lambda d, v, lib: d.enumerate_support(False),
    "support": lambda d, v, lib: (d.support.is_discrete, d.support.event_dim, type(d.support).__name__),
    "support.check": lambda d, v, lib: d.support.check(v),
    "expand": lambda d, v, lib: d.expand((3, *d.batch_shape)).log_prob(v),
    "repr of expand": lambda d, v, lib: repr(d.expand((3, *d.batch_shape))),
    "shape of samples": lambda d, v, lib: tuple(d.sample((3,)).shape),
}
ROUGH = {"VonMises": 1e-5, "Multinomial": 1e-6}  # torch's polynomials, and its lgamma of an int
OWN = {("Kumaraswamy", "mode")}  # torch's is NaN beyond concentrations of 1


@pytest.mark.plain
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_as_in_torch(name):
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        ours, theirs = [(CASES[name][0](lib)[0], value_of(lib, name), lib) for lib in (numtorch, torch)]
        for what, ask in QUESTIONS.items():
            if (name, what) not in OWN:
                a, b = attempt(lambda: ask(*ours)), attempt(lambda: ask(*theirs))  # noqa: B023
                same(a, b, what, ROUGH.get(name, 1e-8))
        for a, b in zip(slopes(numtorch, name), slopes(torch, name), strict=True):
            np.testing.assert_allclose(a, b, ROUGH.get(name, 1e-7), 1e-9)
    finally:
        torch.set_default_dtype(before)


def slopes(lib, name):
    """Gradients of ``log_prob`` by the parameters."""
    d, parameters = CASES[name][0](lib, requires_grad=True)
    d.log_prob(value_of(lib, name)).sum().backward()
    return [plain(p.grad) for p in parameters if p.grad is not None]


@pytest.mark.filterwarnings("ignore")
def test_every_class_of_torch_is_here_and_has_a_case():
    torch = pytest.importorskip("torch")
    assert set(torch.distributions.__all__) <= set(dir(D))
    made = {type(make(numtorch)[0]).__name__ for make, _ in CASES.values()}
    classes = {n for n in torch.distributions.__all__ if isinstance(getattr(D, n), type)}
    classes = {n for n in classes if issubclass(getattr(D, n), D.Distribution)}
    assert classes - made == {"Distribution", "ExponentialFamily"}
    names = {n for n in dir(torch.distributions.constraints) if n[0] != "_"}
    assert names - {"Any", "Callable", "Optional", "torch"} <= set(dir(D.constraints))


# --- against SciPy, and formulas ------------------------------------------------------------------

SCIPY = {
    "Beta": lambda s: s.beta([0.5, 3.0], [2.0, 1.5]),
    "Binomial": lambda s: s.binom(5, [0.3, 0.8]),
    "Chi2": lambda s: s.chi2([1.0, 4.5]),
    "FisherSnedecor": lambda s: s.f([3.0, 1.5], [5.0, 12.0]),
    "Gamma": lambda s: s.gamma([0.5, 4.0], scale=[1.0, 0.4]),
    "GeneralizedPareto": lambda s: s.genpareto([0.2, -0.3], [0.0, 1.0], [1.0, 2.5]),
    "Gumbel": lambda s: s.gumbel_r([0.0, -1.0], [1.0, 2.5]),
    "InverseGamma": lambda s: s.invgamma([3.5, 5.0], scale=[1.0, 2.5]),
    "NegativeBinomial": lambda s: s.nbinom([2.0, 4.5], [0.7, 0.2]),
    "Pareto": lambda s: s.pareto([4.5, 9.0], scale=[1.0, 2.5]),
    "Poisson": lambda s: s.poisson([0.4, 14.0]),
    "StudentT": lambda s: s.t([5.0, 6.5], [0.0, -1.0], [1.0, 2.5]),
    "VonMises": lambda s: s.vonmises([1.0, 25.0], [0.0, -1.0]),
    "Weibull": lambda s: s.weibull_min([1.5, 4.0], scale=[1.0, 2.5]),
}


@pytest.mark.plain
@pytest.mark.parametrize("name", SCIPY)
def test_as_in_scipy(name):
    theirs = SCIPY[name](pytest.importorskip("scipy.stats"))
    ours, x = CASES[name][0](numtorch)[0], value_of(numtorch, name)
    density = theirs.logpmf if hasattr(theirs.dist, "pmf") else theirs.logpdf
    np.testing.assert_allclose(plain(ours.log_prob(x)), density(plain(x)), 1e-9)
    if name != "VonMises":  # of which the variance is a circular one
        np.testing.assert_allclose(plain(ours.mean), theirs.mean(), 1e-9)
        np.testing.assert_allclose(plain(ours.variance), theirs.var(), 1e-9)


def test_values():
    half = tensor(0.5)
    np.testing.assert_allclose(plain(D.Normal(half, 2.0).log_prob(half)), -math.log(2) - 0.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(plain(D.Poisson(half).log_prob(tensor(2.0))), math.log(0.125) - 0.5)
    np.testing.assert_allclose(plain(D.Geometric(half).log_prob(tensor(2.0))), 3 * math.log(0.5))
    np.testing.assert_allclose(plain(D.Kumaraswamy(tensor(3.0), tensor(1.5)).mode), (2 / 3.5) ** (1 / 3))
    np.testing.assert_allclose(plain(D.Categorical(tensor(1.0, 3.0)).entropy()), 0.5623351446188083)
    for name in ("Exponential", "Gamma", "Laplace", "Uniform", "Weibull", "Gumbel", "Cauchy"):
        d = CASES[name][0](numtorch)[0]
        if name != "Gamma":
            np.testing.assert_allclose(plain(d.cdf(d.icdf(tensor(0.3, 0.8)))), [0.3, 0.8])


# --- samples --------------------------------------------------------------------------------------

COUNT = 2_000 if disabled() else 10_000


def standing(d, x):
    """Where samples lie among all values, from 0 to 1: uniform if they are of the distribution."""
    if isinstance(d, D.Gamma | D.InverseGamma):  # incomplete gamma functions, in plain Python otherwise
        return numtorch.special.gammainc(d.concentration, d.rate * (1 / x if isinstance(d, D.InverseGamma) else x))
    return d.cdf(x)


# Kernels that draw numbers are tried compiled; the other classes compute theirs from such numbers.
@pytest.mark.plain(but=r"\[(Gamma|Poisson|Binomial|VonMises|Normal|Categorical|Dirichlet)\]")
@pytest.mark.parametrize("name", CASES)
def test_samples(name):
    """A test of Kolmogorov and Smirnov where the distribution function is known, and moments."""
    numtorch.manual_seed(7)
    d = CASES[name][0](numtorch)[0]
    x = d.sample((COUNT,))
    assert x.shape == (COUNT, *d.batch_shape, *d.event_shape) and not x.requires_grad
    assert bool(d.support.check(x).all())
    try:
        p = np.sort(plain(standing(d, x)).reshape(COUNT, -1), 0)
        gap = np.abs(p - (np.arange(COUNT)[:, None] + 0.5) / COUNT).max()
        assert gap * math.sqrt(COUNT) < 2.2  # one in 10,000 is greater
    except NotImplementedError:
        pass
    moments = [attempt(lambda: d.mean), attempt(lambda: d.variance)]
    if None in [m if m is None else 0 for m in moments] or not np.isfinite(moments).all() or name == "VonMises":
        return
    x, (mean, variance) = plain(x), moments
    assert (np.abs(x.mean(0) - mean) <= 5 * np.sqrt(variance / COUNT) + 1e-12).all()
    fourth = ((x - mean) ** 4).mean(0)
    assert (np.abs(((x - mean) ** 2).mean(0) - variance) <= 6 * np.sqrt(fourth / COUNT) + 1e-12).all()


@pytest.mark.parametrize("n, p", [(12, 0.3), (12, 0.9), (200, 0.45), (0, 0.5)])
def test_binomial_samples(n, p):
    """Both methods of drawing, by a chi-squared test."""
    numtorch.manual_seed(3)
    probs = tensor(p).expand(COUNT)
    x = numtorch.binomial(numtorch.full_like(probs, n), probs).numpy().astype(int)
    expected = COUNT * np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])
    chi_squared(np.bincount(x, minlength=n + 1), expected)


@pytest.mark.parametrize("rate", [0.5, 9.0, 40.0])
def test_poisson_samples(rate):
    numtorch.manual_seed(3)
    x = numtorch.poisson(tensor(rate).expand(COUNT)).numpy().astype(int)
    n = max(int(x.max()), 1) + 1
    chi_squared(
        np.bincount(x, minlength=n), COUNT * np.exp([k * math.log(rate) - rate - math.lgamma(k + 1) for k in range(n)])
    )


def chi_squared(found, expected):
    many = expected > 5
    statistic = ((found - expected)[many] ** 2 / expected[many]).sum()
    freedom = max(many.sum() - 1, 1)
    assert statistic < freedom + 5 * math.sqrt(2 * freedom) + 5


def test_categorical_samples():
    numtorch.manual_seed(3)
    probs = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    x = plain(D.Categorical(numtorch.tensor(probs)).sample((COUNT,))).astype(int)
    for column, p in zip(x.T, probs, strict=True):
        chi_squared(np.bincount(column, minlength=3), COUNT * p)


def test_seeds_decide():
    gamma, generator = D.Gamma(tensor(2.0, 0.1), 1.0), numtorch.Generator()
    drawn = [(numtorch.manual_seed(5), gamma.sample((4,)))[1] for _ in range(2)]
    assert numtorch.equal(*drawn) and not numtorch.equal(drawn[0], gamma.sample((4,)))
    drawn = [numtorch.poisson(tensor(3.0, 20.0), generator.manual_seed(5)) for _ in range(2)]
    assert numtorch.equal(*drawn)


def test_small_concentrations():
    """Their gamma numbers are too small for their type, but not their ratios."""
    numtorch.manual_seed(3)
    x = D.Dirichlet(numtorch.full((1000, 3), 1e-3)).sample()
    np.testing.assert_allclose(x.sum(-1).numpy(), 1, rtol=1e-5)
    assert 250 < (x.argmax(-1) == 0).sum() < 420
    assert bool((D.Gamma(numtorch.full((100,), 1e-3), 1.0).sample() > 0).all())


# --- gradients of samples -------------------------------------------------------------------------

MOVING = [
    n
    for n, (make, _) in CASES.items()
    if make(numtorch)[0].has_rsample and n not in ("OneHotCategoricalStraightThrough", "Wishart", "ContinuousBernoulli")
]


@pytest.mark.parametrize("name", MOVING)
def test_gradients_of_samples(name):
    """The mean of the samples moves with the parameters as the distribution's mean does."""
    numtorch.manual_seed(11)
    d, parameters = CASES[name][0](numtorch, requires_grad=True)
    x = d.rsample((COUNT,))
    assert x.requires_grad
    mean = attempt(lambda: d.mean)
    if mean is None or not np.isfinite(mean).all():
        x.sum().backward()
        assert all(np.isfinite(plain(p.grad)).all() for p in parameters if p.grad is not None)
        return
    weights = numtorch.randn(d.mean.shape, **F64)
    moved = numtorch.autograd.grad((d.mean * weights).sum(), parameters, retain_graph=True, allow_unused=True)
    drawn = [
        numtorch.autograd.grad((part.mean(0) * weights).sum(), parameters, retain_graph=True) for part in x.chunk(10)
    ]
    for right, parts in zip(moved, zip(*drawn, strict=True), strict=True):
        parts = np.array([plain(p) for p in parts])
        error = parts.std(0, ddof=1) / math.sqrt(len(parts)) + 1e-9
        assert (np.abs(parts.mean(0) - (0 if right is None else plain(right))) < 6 * error + 1e-6).all()


def test_gradient_of_a_gamma_number():
    """Where the probability stays, as the shape changes, found by differences."""
    a, h = tensor(0.05, 0.5, 2.0, 8.0, 300.0), 1e-5
    shape = a.clone().requires_grad_()
    numtorch.manual_seed(2)
    x = D.Gamma(shape, 1.0).rsample()
    x.sum().backward()
    below = numtorch.special.gammainc(a * (1 + h), x.detach()) - numtorch.special.gammainc(a * (1 - h), x.detach())
    density = D.Gamma(a, 1.0).log_prob(x.detach()).exp()
    np.testing.assert_allclose(plain(shape.grad), plain(-below / (2 * h * a) / density), rtol=1e-5)
    with pytest.raises(NotImplementedError, match="derivative of its own"):
        numtorch.autograd.grad(D.Gamma(shape, 1.0).rsample().sum(), shape, create_graph=True)


def test_gradient_of_the_incomplete_gamma_function():
    a, x, h = tensor(0.5, 2.0, 9.0, 3.0), tensor(0.3, 3.0, 8.0, 0.0), 1e-6
    shape = a.clone().requires_grad_()
    numtorch.special.gammainc(shape, x).sum().backward()
    steps = numtorch.special.gammainc(a + h, x) - numtorch.special.gammainc(a - h, x)
    np.testing.assert_allclose(plain(shape.grad), plain(steps / (2 * h)), rtol=1e-6, atol=1e-9)


def test_straight_through():
    probs = tensor(1.0, 3.0).requires_grad_()
    x = D.OneHotCategoricalStraightThrough(probs).rsample()
    (x * tensor(1.0, 0.0)).sum().backward()
    np.testing.assert_allclose(plain(probs.grad), [3 / 16, -1 / 16])


# --- the interface --------------------------------------------------------------------------------


def test_numbers_tensors_and_types():
    assert D.Normal(0, 1).batch_shape == () and D.Normal(0, 1).loc.dtype is numtorch.float32
    assert D.Normal(numtorch.zeros(3, 1), numtorch.ones(2)).batch_shape == (3, 2)
    assert D.Normal(tensor(0.0), 1).scale.dtype is numtorch.float64
    x = D.Normal(numtorch.zeros(3, 1), numtorch.ones(2)).log_prob(numtorch.zeros(4, 1, 1))
    assert x.shape == (4, 3, 2)
    for d in (D.Gamma(2.0, 1.0), D.Beta(0.5, 0.5), D.StudentT(3.0), D.Bernoulli(0.3), D.Poisson(3.0), D.VonMises(0, 1)):
        assert d.sample().dtype is numtorch.float32 and d.sample().shape == ()


@pytest.mark.parametrize("name", ["Normal", "Gumbel", "Beta", "MultivariateNormal", "MixtureSameFamily", "Wishart"])
def test_copies(name):
    d, x = CASES[name][0](numtorch)[0], value_of(numtorch, name)
    for twin in (copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
        np.testing.assert_array_equal(plain(twin.log_prob(x)), plain(d.log_prob(x)))


class Shifted(D.Normal):
    """A class of a user's, whose ``__init__`` takes something else."""

    def __init__(self, center, validate_args=None):
        super().__init__(center, 1.0, validate_args=validate_args)


class Wider(Shifted):
    def expand(self, batch_shape, _instance=None):
        return super().expand(batch_shape, self._get_checked_instance(Wider, _instance))


class Nothing(D.Distribution):
    arg_constraints = {}  # noqa: RUF012


def test_classes_of_users():
    assert Wider(0.0).expand((2,)).batch_shape == (2,)
    with pytest.raises(NotImplementedError, match=r"Shifted has an __init__ of its own"):
        Shifted(0.0).expand((2,))
    for call in ("sample", "rsample", "entropy", "enumerate_support"):
        with pytest.raises(NotImplementedError, match="Nothing does not define"):
            getattr(Nothing(), call)()
    with pytest.raises(NotImplementedError, match="does not define log_prob"):
        Nothing().log_prob(tensor(0.0))
    with pytest.warns(UserWarning, match="does not say arg_constraints"):
        D.Distribution(validate_args=True)


WRONG = {
    "Expected parameter scale .* GreaterThan": lambda: D.Normal(0.0, -1.0),
    "Expected parameter loc .* Real": lambda: D.Normal(math.nan, 1.0),
    "Expected parameter probs .* Interval": lambda: D.Bernoulli(tensor(0.5, 1.5)),
    "Expected parameter probs .* positive": lambda: D.Geometric(tensor(0.0)),
    "Expected parameter covariance_matrix": lambda: D.MultivariateNormal(
        tensor(0.0, 0.0), tensor([1.0, 2.0], [2.0, 1.0])
    ),
    "Expected parameter low": lambda: D.Uniform(1.0, 0.0),
    "either probs or logits": lambda: D.Bernoulli(),
    "not both": lambda: D.Categorical(tensor(1.0), tensor(1.0)),
    "at least one dimension": lambda: D.Categorical(numtorch.tensor(1.0)),
    "one of covariance_matrix": lambda: D.MultivariateNormal(tensor(0.0, 0.0)),
    "tensors or numbers": lambda: D.Normal("0", 1.0),
    "dim must be at least 2": lambda: D.LKJCholesky(1),
    "df of Wishart must be greater": lambda: D.Wishart(tensor(0.5), numtorch.eye(2, **F64)),
    "reinterpreted_batch_ndims is 2": lambda: D.Independent(D.Normal(tensor(0.0), 1.0), 2),
    "must be a Categorical": lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)),
    "there are 2 probabilities": lambda: D.MixtureSameFamily(D.Categorical(tensor(1.0, 1.0)), D.Normal(0.0, 1.0)),
    "transform or a list": lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), 3),
    "must be a tensor": lambda: D.Normal(0.0, 1.0).log_prob(1.0),
    "do not broadcast": lambda: D.Normal(tensor(0.0, 1.0), 1.0).log_prob(tensor(1.0, 2.0, 3.0)),
    "do not end with the event shape": lambda: D.Dirichlet(tensor(1.0, 1.0)).log_prob(tensor(1.0, 0.0, 0.0)),
    "within the support .*GreaterThanEq": lambda: D.Exponential(1.0).log_prob(numtorch.tensor(-1.0)),
    "within the support .*IntegerInterval": lambda: D.Categorical(tensor(1.0, 1.0)).log_prob(numtorch.tensor(2)),
    "within the support .*Simplex": lambda: D.Dirichlet(tensor(1.0, 1.0)).log_prob(tensor(1.0, 1.0)),
    "takes True or False": lambda: D.Distribution.set_default_validate_args(None),
}


@pytest.mark.parametrize("message", WRONG)
def test_mistakes(message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        WRONG[message]()


def test_checks_can_be_left_out():
    assert D.Normal(0.0, -1.0, validate_args=False).scale == -1.0
    assert D.Exponential(1.0, validate_args=False).log_prob(numtorch.tensor(-1.0)) == 1.0
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(NotImplementedError, match="one integer"):
        D.Multinomial(2.5, tensor(1.0, 1.0))
    with pytest.raises(NotImplementedError, match="one total_count for all"):
        D.Binomial(tensor(1.0, 2.0), tensor(0.5, 0.5)).entropy()
    with pytest.raises(RuntimeError, match="invalid Poisson rate"):
        numtorch.poisson(tensor(-1.0))
    with pytest.raises(RuntimeError, match="prob must be between"):
        numtorch.binomial(tensor(1.0), tensor(2.0))
