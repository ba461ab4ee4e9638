"""A pair of distributions of each class, as functions of a library, and values that they take."""

from __future__ import annotations

SPD = [[2.0, 0.5], [0.5, 1.0]]
ROOT = [[1.5, 0.0], [-0.4, 0.8]]
CORRELATED = [[1.0, 0.0], [0.6, 0.8]]


def _case(name, values, **parameters):
    """Numbers in lists become tensors of float64."""

    def make(lib, requires_grad=False):
        given = {k: _tensor(lib, v, requires_grad) for k, v in parameters.items()}
        return getattr(lib.distributions, name)(**given), [v for v in given.values() if isinstance(v, lib.Tensor)]

    return make, values


def _tensor(lib, v, requires_grad=False):
    return lib.tensor(v, dtype=lib.float64, requires_grad=requires_grad) if isinstance(v, list) else v


CASES = {
    "Bernoulli": _case("Bernoulli", [1.0, 0.0], probs=[0.3, 0.8]),
    "Bernoulli of logits": _case("Bernoulli", [1.0, 0.0], logits=[0.3, -2.0]),
    "Beta": _case("Beta", [0.2, 0.7], concentration1=[0.5, 3.0], concentration0=[2.0, 1.5]),
    "Binomial": _case("Binomial", [3.0, 1.0], total_count=5, probs=[0.3, 0.8]),
    "Categorical": _case("Categorical", [2, 0], probs=[[1.0, 2.0, 5.0], [3.0, 0.5, 1.0]]),
    "Categorical of logits": _case("Categorical", [2, 0], logits=[[1.0, 2.0, -1.0], [3.0, 0.5, 1.0]]),
    "Cauchy": _case("Cauchy", [0.5, 3.0], loc=[0.0, -1.0], scale=[1.0, 2.5]),
    "Chi2": _case("Chi2", [0.5, 3.0], df=[1.0, 4.5]),
    "ContinuousBernoulli": _case("ContinuousBernoulli", [0.2, 0.7], probs=[0.3, 0.4995]),
    "Dirichlet": _case(
        "Dirichlet", [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], concentration=[[1.0, 2.0, 5.0], [3.0, 1.5, 1.2]]
    ),
    "Exponential": _case("Exponential", [0.5, 3.0], rate=[1.0, 2.5]),
    "FisherSnedecor": _case("FisherSnedecor", [0.5, 3.0], df1=[3.0, 1.5], df2=[5.0, 12.0]),
    "Gamma": _case("Gamma", [0.5, 3.0], concentration=[0.5, 4.0], rate=[1.0, 2.5]),
    "GeneralizedPareto": _case(
        "GeneralizedPareto", [0.5, 3.0], loc=[0.0, 1.0], scale=[1.0, 2.5], concentration=[0.2, -0.3]
    ),
    "Geometric": _case("Geometric", [3.0, 0.0], probs=[0.3, 0.8]),
    "Gumbel": _case("Gumbel", [0.5, 3.0], loc=[0.0, -1.0], scale=[1.0, 2.5]),
    "HalfCauchy": _case("HalfCauchy", [0.5, 3.0], scale=[1.0, 2.5]),
    "HalfNormal": _case("HalfNormal", [0.5, 3.0], scale=[1.0, 2.5]),
    "InverseGamma": _case("InverseGamma", [0.5, 3.0], concentration=[3.5, 5.0], rate=[1.0, 2.5]),
    "Kumaraswamy": _case("Kumaraswamy", [0.2, 0.7], concentration1=[0.5, 3.0], concentration0=[2.0, 1.5]),
    "LKJCholesky": _case("LKJCholesky", CORRELATED, dim=2, concentration=[0.5, 3.0]),
    "Laplace": _case("Laplace", [0.5, -3.0], loc=[0.0, -1.0], scale=[1.0, 2.5]),
    "LogNormal": _case("LogNormal", [0.5, 3.0], loc=[0.0, -1.0], scale=[0.3, 0.6]),
    "LogisticNormal": _case("LogisticNormal", [0.2, 0.3, 0.5], loc=[0.0, -1.0], scale=[1.0, 0.6]),
    "LowRankMultivariateNormal": _case(
        "LowRankMultivariateNormal", [0.5, 3.0], loc=[0.0, -1.0], cov_factor=[[1.0], [0.5]], cov_diag=[1.0, 2.5]
    ),
    "Multinomial": _case("Multinomial", [[1.0, 2.0], [3.0, 0.0]], total_count=3, probs=[[1.0, 2.0], [3.0, 0.5]]),
    "MultivariateNormal": _case("MultivariateNormal", [0.5, 3.0], loc=[0.0, -1.0], covariance_matrix=SPD),
    "MultivariateNormal of precision": _case("MultivariateNormal", [0.5, 3.0], loc=[0.0, -1.0], precision_matrix=SPD),
    "MultivariateNormal of root": _case("MultivariateNormal", [0.5, 3.0], loc=[0.0, -1.0], scale_tril=ROOT),
    "NegativeBinomial": _case("NegativeBinomial", [3.0, 0.0], total_count=[2.0, 4.5], probs=[0.3, 0.8]),
    "Normal": _case("Normal", [0.5, 3.0], loc=[0.0, -1.0], scale=[1.0, 2.5]),
    "OneHotCategorical": _case(
        "OneHotCategorical", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], probs=[[1.0, 2.0, 5.0], [3.0, 0.5, 1.0]]
    ),
    "OneHotCategoricalStraightThrough": _case(
        "OneHotCategoricalStraightThrough", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], probs=[[1.0, 2.0, 5.0], [3.0, 0.5, 1.0]]
    ),
    "Pareto": _case("Pareto", [1.5, 3.0], scale=[1.0, 2.5], alpha=[4.5, 9.0]),
    "Poisson": _case("Poisson", [3.0, 0.0], rate=[0.4, 14.0]),
    "RelaxedBernoulli": _case("RelaxedBernoulli", [0.2, 0.7], temperature=[0.7], probs=[0.3, 0.8]),
    "RelaxedOneHotCategorical": _case(
        "RelaxedOneHotCategorical",
        [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
        temperature=[0.7],
        probs=[[1.0, 2.0, 5.0], [3.0, 0.5, 1.0]],
    ),
    "StudentT": _case("StudentT", [0.5, 3.0], df=[5.0, 6.5], loc=[0.0, -1.0], scale=[1.0, 2.5]),
    "Uniform": _case("Uniform", [0.5, 3.0], low=[0.0, -1.0], high=[1.0, 4.0]),
    "VonMises": _case("VonMises", [0.5, 3.0], loc=[0.0, -1.0], concentration=[1.0, 25.0]),
    "Weibull": _case("Weibull", [0.5, 3.0], scale=[1.0, 2.5], concentration=[1.5, 4.0]),
    "Wishart": _case("Wishart", SPD, df=[3.5, 4.0], covariance_matrix=[[1.0, 0.3], [0.3, 2.0]]),
}


def _independent(lib, requires_grad=False):
    base, given = CASES["Normal"][0](lib, requires_grad)
    return lib.distributions.Independent(base, 1), given


def _mixture(lib, requires_grad=False):
    weights, given = _case("Categorical", [], probs=[0.3, 0.7])[0](lib, requires_grad)
    parts, more = _case("Normal", [], loc=[0.0, 4.0], scale=[1.0, 0.5])[0](lib, requires_grad)
    return lib.distributions.MixtureSameFamily(weights, parts), given + more


def _transformed(lib, requires_grad=False):
    base, given = CASES["Normal"][0](lib, requires_grad)
    d = lib.distributions
    return d.TransformedDistribution(base, [d.AffineTransform(1.0, -2.0), d.SigmoidTransform()]), given


CASES["Independent"] = _independent, [0.5, 3.0]
CASES["MixtureSameFamily"] = _mixture, 0.5
CASES["TransformedDistribution"] = _transformed, [0.2, 0.7]


def value_of(lib, name, requires_grad=False):
    """The values of a case as a tensor."""
    values = CASES[name][1]
    if isinstance(values, list) and isinstance(values[0], int):
        return lib.tensor(values)
    return lib.tensor(values, dtype=lib.float64, requires_grad=requires_grad)
