"""The Kullback-Leibler divergence of two distributions: how many nats q wastes where p is true.

It is ``-entropy(p) - E[log q(x)]``. The expectation of most densities is made of a few means of functions of x, as of
``x``, ``log(x)`` and ``exp(-t x)``; so many pairs of classes need no formula of their own. Where both are of one class
the formula is written with ratios, so that it is exactly 0 for equal distributions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch import Tensor
from numtorch.distributions.bernoulli import Bernoulli, ContinuousBernoulli, Geometric
from numtorch.distributions.binomial import Binomial, Poisson
from numtorch.distributions.categorical import Categorical, OneHotCategorical
from numtorch.distributions.distribution import Distribution, ExponentialFamily
from numtorch.distributions.gamma import Beta, Dirichlet, Exponential, Gamma
from numtorch.distributions.multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from numtorch.distributions.normal import HalfNormal, Normal
from numtorch.distributions.parameters import _sum_rightmost, euler_constant, log_2pi
from numtorch.distributions.pareto import Gumbel, Pareto
from numtorch.distributions.transformed_distribution import Independent, TransformedDistribution
from numtorch.distributions.uniform import Cauchy, Laplace, Uniform
from numtorch.nn.functional import softplus

_REGISTRY: dict[tuple[type, type], Callable] = {}
_FOUND: dict[tuple[type, type], Callable | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """A decorator: the function gives the divergence of distributions of two classes, and of their subclasses.

    Args:
        type_p, type_q: classes of distributions.

    Returns:
        The decorator.

    Raises:
        TypeError: one of them is no class of distributions.

    >>> from numtorch.distributions import Normal, kl_divergence, register_kl
    >>> class Mine(Normal):
    ...     pass
    >>> @register_kl(Mine, Mine)
    ... def mine_to_mine(p, q):
    ...     return torch.tensor(7.0)
    >>> kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))
    tensor(7.)
    """
    for cls in (type_p, type_q):
        if not (isinstance(cls, type) and issubclass(cls, Distribution)):
            raise TypeError(f"register_kl takes classes of distributions, but found {cls!r}")

    def register(f: Callable) -> Callable:
        _REGISTRY[type_p, type_q] = f
        _FOUND.clear()
        return f

    return register


def _dispatch_kl(type_p: type, type_q: type) -> Callable | None:
    """The function of the nearest classes. Which is nearer of p's classes and of q's must not contradict."""
    ranks = {
        (type_p.__mro__.index(p), type_q.__mro__.index(q)): f
        for (p, q), f in _REGISTRY.items()
        if issubclass(type_p, p) and issubclass(type_q, q)
    }
    if not ranks:
        return None
    first, other = ranks[min(ranks)], ranks[min(ranks, key=lambda r: r[::-1])]
    if first is not other:
        p, q = type_p.__mro__[min(ranks)[0]].__name__, type_q.__mro__[min(r[1] for r in ranks)].__name__
        warnings.warn(
            f"kl_divergence({type_p.__name__}, {type_q.__name__}) is ambiguous; register_kl({p}, {q}) says which it is",
            RuntimeWarning,
            stacklevel=3,
        )
    return first


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence ``E[log p(x) - log q(x)]`` of values x of p.

    Args:
        p, q: distributions, whose batches broadcast together.

    Returns:
        A number for each pair of the batch.

    Raises:
        NotImplementedError: no formula is registered for the classes.

    >>> from numtorch.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _FOUND:
        _FOUND[pair] = _dispatch_kl(*pair)
    f = _FOUND[pair]
    if f is None:
        raise NotImplementedError(
            f"no KL(p || q) is registered for a {pair[0].__name__} and a {pair[1].__name__}; see register_kl"
        )
    return f(p, q)


# --- entropy and cross entropy --------------------------------------------------------------------


def _x_log_x(x: Tensor) -> Tensor:
    return torch.xlogy(x, x)


MEAN_LOG: dict[type, Callable] = {  # of log(x)
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: lambda p: (_x_log_x(p.high) - _x_log_x(p.low)) / (p.high - p.low) - 1,
}
MEAN_LOG_REST: dict[type, Callable] = {  # of log(1 - x)
    Uniform: lambda p: (_x_log_x(1 - p.low) - _x_log_x(1 - p.high)) / (p.high - p.low) - 1
}
MEAN_DECAY: dict[type, Callable] = {  # of exp(-t x)
    Exponential: lambda p, t: p.rate / (p.rate + t),
    Gamma: lambda p, t: (p.rate / (p.rate + t)) ** p.concentration,
    Normal: lambda p, t: torch.exp(0.5 * (p.scale * t).square() - p.loc * t),
    Uniform: lambda p, t: (torch.exp(-p.low * t) - torch.exp(-p.high * t)) / ((p.high - p.low) * t),
}


def _of(means: dict[type, Callable], p: Any, *rest: Tensor) -> Tensor:
    return next(f for cls, f in means.items() if isinstance(p, cls))(p, *rest)


MEAN_LOG_DENSITY: dict[type, Callable] = {  # of log q(x), by the means of p
    Beta: lambda p, q: (
        (q.concentration1 - 1) * _of(MEAN_LOG, p)
        + (q.concentration0 - 1) * _of(MEAN_LOG_REST, p)
        - q._log_normalizer(q.concentration1, q.concentration0)
    ),
    ContinuousBernoulli: lambda p, q: p.mean * q.logits + torch.log1p(-q.probs) + q._cont_bern_log_norm(),
    Exponential: lambda p, q: q.rate.log() - q.rate * p.mean,
    Gamma: lambda p, q: (
        q.concentration * q.rate.log()
        - q.concentration.lgamma()
        + (q.concentration - 1) * _of(MEAN_LOG, p)
        - q.rate * p.mean
    ),
    Gumbel: lambda p, q: (
        (q.loc - p.mean) / q.scale
        - torch.exp(q.loc / q.scale) * _of(MEAN_DECAY, p, q.scale.reciprocal())
        - q.scale.log()
    ),
    Normal: lambda p, q: -0.5 * (log_2pi + (p.variance + (p.mean - q.loc).square()) / q.scale.square()) - q.scale.log(),
    Pareto: lambda p, q: q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _of(MEAN_LOG, p),
    Uniform: lambda p, q: -torch.log(q.high - q.low) + 0 * p.mean,
}
ENDS: dict[type, Callable] = {  # between which the values lie, where that is not all numbers
    Beta: lambda p: (0.0, 1.0),
    ContinuousBernoulli: lambda p: (0.0, 1.0),
    Exponential: lambda p: (0.0, math.inf),
    Gamma: lambda p: (0.0, math.inf),
    Pareto: lambda p: (p.scale, math.inf),
    Uniform: lambda p: (p.low, p.high),
}


def _ends(p: Any) -> tuple[Any, Any]:
    return next((f(p) for cls, f in ENDS.items() if isinstance(p, cls)), (-math.inf, math.inf))


def _infinite(p: Any, q: Any) -> Tensor:
    """Infinity: p has values that q never takes."""
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    return torch.full(shape, math.inf, dtype=p.mean.dtype, device=p.mean.device)


def _by_means(p: Any, q: Any) -> Tensor:
    """The cross entropy less the entropy, where q takes all values of p."""
    (low, high), (least, most) = _ends(p), _ends(q)
    inside = (least <= low) & (high <= most)  # type: ignore[operator]
    mean = next(f for cls, f in MEAN_LOG_DENSITY.items() if isinstance(q, cls))
    kl = -p.entropy() - mean(p, q)
    return kl if inside is True else torch.where(inside, kl, math.inf)


_ON_LINE = {
    f.__name__: f for f in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Normal, Pareto, Uniform)
}
_FINITE = {
    "Beta": "ContinuousBernoulli Exponential Gamma Normal Uniform",
    "ContinuousBernoulli": "ContinuousBernoulli Exponential Normal Uniform",
    "Exponential": "Gamma Gumbel Normal",
    "Gamma": "Exponential Gumbel Normal",
    "Gumbel": "Normal",
    "Laplace": "Normal",
    "Normal": "Gumbel",
    "Pareto": "Exponential Gamma Normal",
    "Uniform": "Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto",
}
_NEVER = {
    "Beta": "Pareto",
    "ContinuousBernoulli": "Pareto",
    "Exponential": "Beta ContinuousBernoulli Pareto Uniform",
    "Gamma": "Beta ContinuousBernoulli Pareto Uniform",
    "Gumbel": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Laplace": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Normal": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Pareto": "Beta ContinuousBernoulli Uniform",
}
for _pairs, _formula in ((_FINITE, _by_means), (_NEVER, _infinite)):
    for _p, _qs in _pairs.items():
        for _q in _qs.split():
            register_kl(_ON_LINE[_p], _ON_LINE[_q])(_formula)
for _discrete in (Bernoulli, Binomial):
    register_kl(Poisson, _discrete)(_infinite)


# --- of one class ---------------------------------------------------------------------------------


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    away = (p.loc - q.loc).abs()
    return (q.scale / p.scale).log() + (away + p.scale * torch.exp(-away / p.scale)) / q.scale - 1


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    distance = math.sqrt(2 / math.pi) * torch.exp(-0.5 * z.square()) + z * torch.erf(math.sqrt(0.5) * z)
    return p.scale / q.scale * distance + torch.log(2 * q.scale) - p.entropy()


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    """Chyzak and Nielsen 2019."""
    return ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return away - ratio.log() + (ratio - 1) * euler_constant + torch.exp((1 + ratio).lgamma() - away) - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + (b.lgamma() - a.lgamma())
        + (a - b) * a.digamma()
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return torch.where(p.scale < q.scale, math.inf, kl)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    outside = (q.low > p.low) | (q.high < p.high)
    return torch.where(outside, math.inf, ((q.high - q.low) / (p.high - p.low)).log())


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    slopes = a.digamma() - total.digamma().unsqueeze(-1)
    return total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1) + ((a - b) * slopes).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def part(of: Tensor, other: Tensor, sign: int) -> Tensor:
        kl = of * (softplus(-sign * q.logits) - softplus(-sign * p.logits))
        return torch.where(of == 0, 0.0, torch.where(other == 0, math.inf, kl))

    return part(p.probs, q.probs, 1) + part(1 - p.probs, 1 - q.probs, -1)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log() - p.entropy()


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("the divergence of Binomials is not known where q has more trials than p")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return torch.where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    kl = torch.where(q.probs == 0, math.inf, p.probs * (p.logits - q.logits))
    return torch.where(p.probs == 0, 0.0, kl).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _normal_vectors(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(f"normal vectors of {p.event_shape[0]} and of {q.event_shape[0]} elements have no divergence")
    away = q._squared_lengths((q.loc - p.loc).unsqueeze(-1)) + q._squared_lengths(p._columns())
    return q._half_log_determinant() - p._half_log_determinant() + 0.5 * (away - p.event_shape[0])


# --- of families ----------------------------------------------------------------------------------


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the logarithm of the normalizer (Nielsen and Nock 2010)."""
    if type(p) is not type(q):
        raise NotImplementedError(
            f"no KL(p || q) is registered for a {type(p).__name__} and a {type(q).__name__}, and of two exponential "
            "families there is no general formula"
        )
    theta, f, slopes = p._normalizer_slopes()
    kl = q._log_normalizer(*q._natural_params) - f
    for a, b, slope in zip(theta, q._natural_params, slopes, strict=True):
        kl = kl - _sum_rightmost((b - a) * slope, len(q.event_shape))
    return kl


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the divergence of distributions with different transforms is not known")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the divergence of Independents with different dimensions is not known")
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
