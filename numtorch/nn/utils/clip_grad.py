"""Clips gradients before an optimizer step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.ops import gradients
from numtorch.ops.arithmetic import clamp
from numtorch.ops.creation import tensor


def _gradients(parameters: Any) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """``norm([norm(t) for t in tensors])``: the norm of all elements of all tensors.

    Args:
        tensors: an iterable of tensors, or one.
        norm_type: order of the norm; ``float("inf")`` for the largest absolute value.
        error_if_nonfinite: raise an error if the norm is infinite or NaN.
        foreach: accepted; makes no difference.

    Returns:
        A 0-dim tensor; 0 if there are no tensors.

    Raises:
        RuntimeError: the norm is not finite, and ``error_if_nonfinite``.

    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return tensor(0.0)
    total = gradients.total_norm(tensors, float(norm_type))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Multiply all gradients by ``min(1, max_norm / (total norm + 1e-6))``, so that their total norm is at most
    ``max_norm``.

    Args:
        parameters: an iterable of tensors, or one; those without a gradient are passed over.
        max_norm: the largest norm.
        norm_type: order of the norm; ``float("inf")`` for the largest absolute value.
        error_if_nonfinite: raise an error if the norm is infinite or NaN.
        foreach: accepted; makes no difference.

    Returns:
        The total norm before, 0-dim.

    Raises:
        RuntimeError: the norm is not finite, and ``error_if_nonfinite``.

    Source: Pascanu et al., On the difficulty of training recurrent neural networks (2013).

    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_(w, 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    several = isinstance(parameters, Tensor) or hasattr(parameters, "__len__")
    parameters = parameters if several else list(parameters)
    if not several and not parameters:
        notices.warn("`parameters` is an empty generator, no gradient clipping will occur.")
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale(grads, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The deprecated name of ``clip_grad_norm_``.

    Args:
        parameters, max_norm, norm_type, error_if_nonfinite, foreach: those of ``clip_grad_norm_``.

    Returns:
        The total norm before, 0-dim.

    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.utils.clip_grad_norm(w, 1.0)
    tensor(5.)
    """
    notices.warn("nn.utils.clip_grad_norm is deprecated: clip_grad_norm_ is its name now", FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Multiply all gradients by ``min(1, max_norm / (total_norm + 1e-6))``: the second half of ``clip_grad_norm_``.

    Args:
        parameters: an iterable of tensors, or one; those without a gradient are passed over.
        max_norm: the largest norm.
        total_norm: the norm of all gradients, as ``get_total_norm`` gives it.
        foreach: accepted; makes no difference.

    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grads_with_norm_(w, 1.0, torch.tensor(10.0))
    >>> w.grad
    tensor([0.3000, 0.4000])
    """
    _scale(_gradients(parameters), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total: Tensor) -> None:
    # Multiplied even where the factor is 1: to look at it would wait for the device.
    gradients.scale(grads, clamp(float(max_norm) / (total + 1e-6), max=1.0))


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of all gradients to ``[-clip_value, clip_value]``.

    Args:
        parameters: an iterable of tensors, or one; those without a gradient are passed over.
        clip_value: the limit.
        foreach: accepted; makes no difference.

    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> w.grad = torch.tensor([0.5, -4.0])
    >>> torch.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 0.5000, -1.0000])
    """
    limit = float(clip_value)
    grads = _gradients(parameters)
    if grads:
        gradients.limit(grads, -limit, limit)
