"""Initial values of parameters. Each function overwrites a tensor without recording a graph, and returns it.

Differs from torch: the same seed gives other numbers of the same distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from numtorch import absent, notices
from numtorch._tensor import Tensor
from numtorch.dtype import float64
from numtorch.grad_mode import no_grad
from numtorch.ops.creation import empty, from_ndarray, to_ndarray, zeros_like
from numtorch.ops.creation import eye as identity
from numtorch.ops.generator import Generator
from numtorch.ops.random import randn, randperm

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor by which weights make up for how much a nonlinearity shrinks the spread of its input.

    Args:
        nonlinearity: ``"linear"``, ``"conv1d"`` (2d, 3d), ``"conv_transpose1d"`` (2d, 3d) and ``"sigmoid"``: 1;
            ``"tanh"``: 5/3; ``"relu"``: sqrt(2); ``"leaky_relu"``: ``sqrt(2 / (1 + param**2))``; ``"selu"``: 3/4.
        param: the slope of ``"leaky_relu"``; 0.01 if None.

    Returns:
        A number.

    Raises:
        ValueError: an unknown nonlinearity, or a ``param`` that is not a number.

    >>> torch.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, int | float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite a tensor with uniform numbers in [a, b).

    Args:
        tensor: floating point, of any shape.
        a: the lower end.
        b: the upper end.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    >>> w = torch.nn.init.uniform_(torch.empty(3), -1.0, 1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite a tensor with numbers of a normal distribution.

    Args:
        tensor: floating point, of any shape.
        mean: the mean.
        std: the standard deviation; not negative.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    >>> torch.nn.init.normal_(torch.empty(2), 5.0, 0.0)
    tensor([5., 5.])
    """
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite a tensor with numbers of a normal distribution restricted to [a, b], by inverting its distribution
    function.

    Args:
        tensor: floating point, of any shape.
        mean: the mean of the distribution before it is restricted.
        std: its standard deviation.
        a: the least number.
        b: the largest number.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    >>> w = torch.nn.init.trunc_normal_(torch.empty(100), a=-1.0, b=1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        notices.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect."
        )
    from statistics import NormalDist

    low, high = (_below((edge - mean) / std) for edge in (a, b))
    # Probabilities between those of the edges; in float64, where the tails keep their resolution.
    u = to_ndarray(empty(tensor.shape, dtype=_float64(), device="cpu").uniform_(0.0, 1.0, generator=generator)).reshape(
        -1
    )
    standard = NormalDist()
    tiny = 5e-324
    z = [standard.inv_cdf(min(max(low + (high - low) * v, tiny), 1 - 2**-53)) for v in u.tolist()]
    values = np.clip(np.array(z, dtype=np.float64).reshape(tensor.shape) * std + mean, a, b)
    return tensor.copy_(from_ndarray(values).to(tensor.device, tensor.dtype))


def _float64() -> Any:
    return float64


def _below(z: float) -> float:
    """The standard normal distribution's probability below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set all elements to one number.

    Args:
        tensor: of any shape.
        val: the number.

    Returns:
        The tensor.

    >>> torch.nn.init.constant_(torch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Set all elements to 1.

    Args:
        tensor: of any shape.

    Returns:
        The tensor.

    >>> torch.nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Set all elements to 0.

    Args:
        tensor: of any shape.

    Returns:
        The tensor.

    >>> torch.nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Set a matrix to the identity: 1 on the diagonal, 0 elsewhere.

    Args:
        tensor: (n, m).

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor does not have two dimensions.

    >>> torch.nn.init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(identity(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Set convolution weights so that each channel passes through unchanged, as far as there are channels.

    Args:
        tensor: (out, in, ...), with 1 to 3 dimensions of a window.
        groups: into how many groups the channels of the result are divided; each passes the same inputs.

    Returns:
        The tensor.

    Raises:
        ValueError: another number of dimensions, or ``groups`` does not divide the first.

    >>> torch.nn.init.dirac_(torch.empty(1, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    each = tensor.shape[0] // groups
    centre = tuple(n // 2 for n in tensor.shape[2:])
    values = np.zeros(tensor.shape, np.float32)
    for group in range(groups):
        for i in range(min(each, tensor.shape[1])):
            values[(group * each + i, i, *centre)] = 1
    return tensor.copy_(from_ndarray(values).to(tensor.device, tensor.dtype))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output element has, and how many outputs an input element reaches."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _spread(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite a tensor with uniform numbers of mean 0 and variance ``gain**2 * 2 / (fan_in + fan_out)``.

    fan_in counts the inputs of an output element, ``shape[1] * prod(shape[2:])``; fan_out is ``shape[0] *
    prod(shape[2:])``.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).

    Args:
        tensor: (out, in, ...), floating point.
        gain: the factor of ``calculate_gain``.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> w = torch.nn.init.xavier_uniform_(torch.empty(2, 4))
    >>> bool((w.abs() <= 1).all())
    True
    """
    a = math.sqrt(3.0) * _spread(tensor, gain)
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Overwrite a tensor with normal numbers of mean 0 and variance ``gain**2 * 2 / (fan_in + fan_out)``.

    fan_in counts the inputs of an output element, ``shape[1] * prod(shape[2:])``; fan_out is ``shape[0] *
    prod(shape[2:])``.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).

    Args:
        tensor: (out, in, ...), floating point.
        gain: the factor of ``calculate_gain``.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> torch.nn.init.xavier_normal_(torch.empty(2, 4), gain=0.0)
    tensor([[0., 0., 0., 0.],
            [0., 0., 0., 0.]])
    """
    return normal_(tensor, 0.0, _spread(tensor, gain), generator)


def _deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """gain / sqrt(fan), None for tensors without elements."""
    if 0 in tensor.shape:
        notices.warn("Initializing zero-element tensors is a no-op")
        return None
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _calculate_fan_in_and_fan_out(tensor)[mode.lower() == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite a tensor with uniform numbers of mean 0 and standard deviation ``gain / sqrt(fan)``.

    fan_in counts the inputs of an output element, ``shape[1] * prod(shape[2:])``; fan_out is ``shape[0] *
    prod(shape[2:])``. The gain is ``calculate_gain(nonlinearity, a)``.

    Source: He et al., Delving Deep into Rectifiers (2015).

    Args:
        tensor: (out, in, ...), floating point.
        a: slope of the ``"leaky_relu"`` that follows.
        mode: the fan: ``"fan_in"`` keeps the variance in the forward pass, ``"fan_out"`` in the backward pass.
        nonlinearity: what follows the layer, as in ``calculate_gain``.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor has fewer than two dimensions, or an unknown ``mode`` or ``nonlinearity``.

    >>> w = torch.nn.init.kaiming_uniform_(torch.empty(2, 4), nonlinearity="relu")
    >>> w.shape
    torch.Size([2, 4])
    """
    std = _deviation(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Overwrite a tensor with normal numbers of mean 0 and standard deviation ``gain / sqrt(fan)``.

    fan_in counts the inputs of an output element, ``shape[1] * prod(shape[2:])``; fan_out is ``shape[0] *
    prod(shape[2:])``. The gain is ``calculate_gain(nonlinearity, a)``.

    Source: He et al., Delving Deep into Rectifiers (2015).

    Args:
        tensor: (out, in, ...), floating point.
        a: slope of the ``"leaky_relu"`` that follows.
        mode: the fan: ``"fan_in"`` keeps the variance in the forward pass, ``"fan_out"`` in the backward pass.
        nonlinearity: what follows the layer, as in ``calculate_gain``.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor has fewer than two dimensions, or an unknown ``mode`` or ``nonlinearity``.

    >>> w = torch.nn.init.kaiming_normal_(torch.empty(2, 4), nonlinearity="relu")
    >>> w.shape
    torch.Size([2, 4])
    """
    std = _deviation(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Overwrite a tensor with a random matrix whose rows or columns, whichever are fewer, are orthonormal, times
    ``gain``.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (2013).

    Args:
        tensor: (n, ...), taken as a matrix of n rows; floating point.
        gain: the factor.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> w = torch.nn.init.orthogonal_(torch.empty(2, 3))
    >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.shape.numel():
        return tensor
    rows = tensor.shape[0]
    cols = tensor.shape.numel() // rows
    a = to_ndarray(randn(max(rows, cols), min(rows, cols), generator=generator, dtype=_float64(), device="cpu"))
    q, r = np.linalg.qr(a)
    q = q * np.sign(np.diag(r))  # without this the signs, and so q, are not uniformly distributed
    q = gain * (q.T if rows < cols else q)
    return tensor.copy_(from_ndarray(np.ascontiguousarray(q).reshape(tensor.shape)).to(tensor.device, tensor.dtype))


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Overwrite a matrix with normal numbers, a share of each column with 0.

    Source: Martens, Deep learning via Hessian-free optimization (2010).

    Args:
        tensor: (n, m), floating point.
        sparsity: the share of zeros in each column, rounded up to whole elements.
        std: standard deviation of the others.
        generator: source of the random numbers; the default one if None.

    Returns:
        The tensor.

    Raises:
        ValueError: the tensor does not have two dimensions.

    >>> torch.nn.init.sparse_(torch.empty(4, 2), 0.5).eq(0).sum(0)
    tensor([2, 2])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, cols = tensor.shape
    keep = to_ndarray(zeros_like(tensor, device="cpu")).astype(np.float32) + 1
    for j in range(cols):
        keep[to_ndarray(randperm(rows, generator=generator, device="cpu"))[: math.ceil(sparsity * rows)], j] = 0
    tensor.normal_(0, std, generator=generator)
    return tensor.mul_(from_ndarray(keep).to(tensor.device, tensor.dtype))


def _older(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function under the name that it had before names of functions that overwrite ended in ``_``."""
    old = f.__name__.removesuffix("_")

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        notices.warn(f"nn.init.{old} is deprecated: {f.__name__} is its name now", FutureWarning)
        return f(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    return call


uniform, normal, constant = _older(uniform_), _older(normal_), _older(constant_)
eye, dirac, sparse, orthogonal = _older(eye_), _older(dirac_), _older(sparse_), _older(orthogonal_)
xavier_uniform, xavier_normal = _older(xavier_uniform_), _older(xavier_normal_)
kaiming_uniform, kaiming_normal = _older(kaiming_uniform_), _older(kaiming_normal_)

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
