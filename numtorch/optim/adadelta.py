"""Adadelta: scales each step by running means of squared gradients and of squared steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch.ops.optimizer import adadelta_step
from numtorch.optim.elementwise import _Elementwise, decaying
from numtorch.optim.optimizer import check, check_rate, number


class Adadelta(_Elementwise):
    """``s = g * sqrt(u + eps) / sqrt(v + eps); p -= lr * s`` with running means v of g**2 and u of s**2.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: factor of the step; a number or a tensor of one element, not negative.
        rho: how much of the running means is kept in each step; in [0, 1].
        eps: added below the roots; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        foreach, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method (2012).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Adadelta([w], rho=0.75, eps=1.0)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w
    tensor([2.0597], requires_grad=True)
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
    )
    _formula = adadelta_step
    kept = {"square_avg": None, "acc_delta": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check("rho value", rho, 0.0 <= rho <= 1.0)
        check("epsilon value", eps, eps >= 0.0)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        numbers = {name: number(group[name]) for name in ("lr", "rho", "eps")}
        return numbers | decaying(group) | {"gain": 1.0 - numbers["rho"]}
