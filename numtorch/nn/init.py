"""Initial values of parameters. Each function overwrites a tensor without recording a graph, and returns it.

Differs from torch: the same seed gives other numbers of the same distribution.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from numtorch import absent, notices
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.ops.creation import empty, eye, from_ndarray, to_ndarray, zeros_like
from numtorch.ops.generator import Generator
from numtorch.ops.random import randn, randperm

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor by which a nonlinearity shrinks the spread of its input, to be made up for by the weights.

    >>> import numtorch as torch
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
    """Uniform numbers in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers of a normal distribution."""
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
    """Numbers of a normal distribution restricted to [a, b], by inverting its distribution function."""
    if mean < a - 2 * std or mean > b + 2 * std:
        notices.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect."
        )
    from statistics import NormalDist

    low, high = (_below((edge - mean) / std) for edge in (a, b))
    # Probabilities between those of the edges; in float64, where the tails keep their resolution.
    u = to_ndarray(empty(tensor.shape, dtype=_float64()).uniform_(0.0, 1.0, generator=generator)).reshape(-1)
    standard = NormalDist()
    tiny = 5e-324
    z = [standard.inv_cdf(min(max(low + (high - low) * v, tiny), 1 - 2**-53)) for v in u.tolist()]
    values = np.clip(np.array(z, dtype=np.float64).reshape(tensor.shape) * std + mean, a, b)
    return tensor.copy_(from_ndarray(values).to(tensor.device, tensor.dtype))


def _float64() -> Any:
    from numtorch.dtype import float64

    return float64


def _below(z: float) -> float:
    """The standard normal distribution's probability below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same number everywhere."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights that pass as many channels through as they can."""
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
    """Uniform numbers with variance ``gain**2 * 2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
    a = math.sqrt(3.0) * _spread(tensor, gain)
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers with variance ``gain**2 * 2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
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
    """Uniform numbers with standard deviation ``gain / sqrt(fan)`` (He et al. 2015)."""
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
    """Normal numbers with standard deviation ``gain / sqrt(fan)`` (He et al. 2015)."""
    std = _deviation(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random matrix with orthonormal rows or columns (Saxe et al. 2013), times ``gain``."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.shape.numel():
        return tensor
    rows = tensor.shape[0]
    cols = tensor.shape.numel() // rows
    a = to_ndarray(randn(max(rows, cols), min(rows, cols), generator=generator, dtype=_float64()))
    q, r = np.linalg.qr(a)
    q = q * np.sign(np.diag(r))  # without this the signs, and so q, are not uniformly distributed
    q = gain * (q.T if rows < cols else q)
    return tensor.copy_(from_ndarray(np.ascontiguousarray(q).reshape(tensor.shape)).to(tensor.device, tensor.dtype))


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, a share of each column replaced by 0 (Martens 2010)."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, cols = tensor.shape
    keep = to_ndarray(zeros_like(tensor, device="cpu")).astype(np.float32) + 1
    for j in range(cols):
        keep[to_ndarray(randperm(rows, generator=generator))[: math.ceil(sparsity * rows)], j] = 0
    tensor.normal_(0, std, generator=generator)
    return tensor.mul_(from_ndarray(keep).to(tensor.device, tensor.dtype))


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
