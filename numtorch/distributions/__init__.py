"""Probability distributions: random values, their probabilities, and gradients through both.

>>> import numtorch as torch
>>> from numtorch.distributions import Normal, kl_divergence
>>> loc = torch.tensor(1.0, requires_grad=True)
>>> kl_divergence(Normal(loc, 1.0), Normal(0.0, 1.0)).backward()
>>> loc.grad
tensor(1.)
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.distributions import constraint_registry as constraint_registry
from numtorch.distributions import constraints as constraints
from numtorch.distributions import kl as kl
from numtorch.distributions import transforms as transforms
from numtorch.distributions import utils as utils
from numtorch.distributions.bernoulli import Bernoulli as Bernoulli
from numtorch.distributions.bernoulli import ContinuousBernoulli as ContinuousBernoulli
from numtorch.distributions.bernoulli import Geometric as Geometric
from numtorch.distributions.bernoulli import RelaxedBernoulli as RelaxedBernoulli
from numtorch.distributions.binomial import Binomial as Binomial
from numtorch.distributions.binomial import Multinomial as Multinomial
from numtorch.distributions.binomial import NegativeBinomial as NegativeBinomial
from numtorch.distributions.binomial import Poisson as Poisson
from numtorch.distributions.categorical import Categorical as Categorical
from numtorch.distributions.categorical import OneHotCategorical as OneHotCategorical
from numtorch.distributions.categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
from numtorch.distributions.categorical import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from numtorch.distributions.constraint_registry import biject_to as biject_to
from numtorch.distributions.constraint_registry import transform_to as transform_to
from numtorch.distributions.distribution import Distribution as Distribution
from numtorch.distributions.distribution import ExponentialFamily as ExponentialFamily
from numtorch.distributions.gamma import Beta as Beta
from numtorch.distributions.gamma import Chi2 as Chi2
from numtorch.distributions.gamma import Dirichlet as Dirichlet
from numtorch.distributions.gamma import Exponential as Exponential
from numtorch.distributions.gamma import FisherSnedecor as FisherSnedecor
from numtorch.distributions.gamma import Gamma as Gamma
from numtorch.distributions.gamma import InverseGamma as InverseGamma
from numtorch.distributions.gamma import StudentT as StudentT
from numtorch.distributions.kl import kl_divergence as kl_divergence
from numtorch.distributions.kl import register_kl as register_kl
from numtorch.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from numtorch.distributions.multivariate_normal import LowRankMultivariateNormal as LowRankMultivariateNormal
from numtorch.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from numtorch.distributions.normal import HalfNormal as HalfNormal
from numtorch.distributions.normal import LogisticNormal as LogisticNormal
from numtorch.distributions.normal import LogNormal as LogNormal
from numtorch.distributions.normal import Normal as Normal
from numtorch.distributions.pareto import GeneralizedPareto as GeneralizedPareto
from numtorch.distributions.pareto import Gumbel as Gumbel
from numtorch.distributions.pareto import Kumaraswamy as Kumaraswamy
from numtorch.distributions.pareto import Pareto as Pareto
from numtorch.distributions.pareto import Weibull as Weibull
from numtorch.distributions.transformed_distribution import Independent as Independent
from numtorch.distributions.transformed_distribution import TransformedDistribution as TransformedDistribution
from numtorch.distributions.transforms import AbsTransform as AbsTransform
from numtorch.distributions.transforms import AffineTransform as AffineTransform
from numtorch.distributions.transforms import CatTransform as CatTransform
from numtorch.distributions.transforms import ComposeTransform as ComposeTransform
from numtorch.distributions.transforms import CorrCholeskyTransform as CorrCholeskyTransform
from numtorch.distributions.transforms import CumulativeDistributionTransform as CumulativeDistributionTransform
from numtorch.distributions.transforms import ExpTransform as ExpTransform
from numtorch.distributions.transforms import IndependentTransform as IndependentTransform
from numtorch.distributions.transforms import LowerCholeskyTransform as LowerCholeskyTransform
from numtorch.distributions.transforms import PositiveDefiniteTransform as PositiveDefiniteTransform
from numtorch.distributions.transforms import PowerTransform as PowerTransform
from numtorch.distributions.transforms import ReshapeTransform as ReshapeTransform
from numtorch.distributions.transforms import SigmoidTransform as SigmoidTransform
from numtorch.distributions.transforms import SoftmaxTransform as SoftmaxTransform
from numtorch.distributions.transforms import SoftplusTransform as SoftplusTransform
from numtorch.distributions.transforms import StackTransform as StackTransform
from numtorch.distributions.transforms import StickBreakingTransform as StickBreakingTransform
from numtorch.distributions.transforms import TanhTransform as TanhTransform
from numtorch.distributions.transforms import Transform as Transform
from numtorch.distributions.transforms import identity_transform as identity_transform
from numtorch.distributions.uniform import Cauchy as Cauchy
from numtorch.distributions.uniform import HalfCauchy as HalfCauchy
from numtorch.distributions.uniform import Laplace as Laplace
from numtorch.distributions.uniform import Uniform as Uniform
from numtorch.distributions.uniform import VonMises as VonMises
from numtorch.distributions.wishart import LKJCholesky as LKJCholesky
from numtorch.distributions.wishart import Wishart as Wishart

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
