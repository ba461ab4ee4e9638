"""Adamax: Adam with the largest gradient of late in the place of the second moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch.ops.optimizer import adamax_step
from numtorch.optim.elementwise import _Elementwise, decaying, moments
from numtorch.optim.optimizer import check, check_betas, check_rate, number


class Adamax(_Elementwise):
    """``m = beta1*m + (1-beta1)*g; u = max(beta2*u, |g| + eps); p -= lr / (1 - beta1**t) * m / u`` at step t.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        betas: beta1 and beta2, how much of m and of u is kept in each step; in [0, 1).
        eps: added to the gradient's absolute value; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        foreach, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()  # the first step has the length lr, whatever the gradient's
    >>> w.item()
    3.5
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
    )
    _formula = adamax_step
    kept = {"exp_avg": None, "exp_inf": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 2e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_rate(lr)
        check("epsilon value", eps, eps >= 0.0)
        check_betas(betas)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        numbers = moments(group) | decaying(group)
        rate = number(group["lr"]) / (1.0 - numbers["beta1"] ** count)
        return numbers | {"rate": rate, "eps": number(group["eps"])}
