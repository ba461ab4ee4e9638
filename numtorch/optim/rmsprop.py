"""RMSprop: scales each step by a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch.ops.optimizer import rmsprop_step
from numtorch.optim.elementwise import _Elementwise, decaying
from numtorch.optim.optimizer import check, check_rate, number


class RMSprop(_Elementwise):
    """``v = alpha*v + (1-alpha)*g*g; p -= lr * g / (sqrt(v) + eps)``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        alpha: how much of v is kept in each step; not negative.
        eps: added to the root; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        momentum: move along ``b = momentum*b + g / (sqrt(v) + eps)`` instead; not negative.
        centered: subtract the squared running mean of g from v before the root.
        capturable, foreach: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Hinton, Neural Networks for Machine Learning, lecture 6e (2012); centered: Graves, Generating Sequences With
    Recurrent Neural Networks (2013).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.RMSprop([w], lr=0.5, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.item()
    3.0
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.01},
        {"lr": 0.01, "alpha": 0.9, "momentum": 0.8, "weight_decay": 0.1},
        {"lr": 0.01, "centered": True, "maximize": True},
        {"lr": 0.01, "centered": True, "momentum": 0.5},
    )

    _formula = rmsprop_step
    kept = {"square_avg": None, "momentum_buffer": "momentum", "grad_avg": "centered"}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check("epsilon value", eps, eps >= 0.0)
        check("momentum value", momentum, momentum >= 0.0)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        check("alpha value", alpha, alpha >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        numbers = {name: number(group[name]) for name in ("lr", "alpha", "eps", "momentum")}
        return numbers | decaying(group) | {"gain": 1.0 - numbers["alpha"]}
