"""Adam: scales each step by running moments of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops.optimizer import adam_step
from numtorch.optim.elementwise import _Elementwise, decaying, moments
from numtorch.optim.optimizer import check, check_betas, check_rate, number


class Adam(_Elementwise):
    """``p -= lr * m / (sqrt(v) + eps)`` with unbiased running means m of g and v of g**2.

    ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g*g``, each divided by ``1 - beta**t`` at step t.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        betas: beta1 and beta2, how much of the running means is kept in each step; in [0, 1).
        eps: added to the root; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        amsgrad: divide by the largest v so far.
        foreach, fused, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` instead, as ``AdamW`` does.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015); Reddi et al., On the Convergence of Adam
    and Beyond (2018).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()  # the first step has the length lr, whatever the gradient's
    >>> w.item()
    3.5
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.01},
        {"lr": 0.01, "betas": (0.0, 0.5), "eps": 0.001},
        {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True},
        {"lr": 0.01, "maximize": True, "decoupled_weight_decay": True, "weight_decay": 0.1},
    )

    _formula = adam_step
    kept = {"exp_avg": None, "exp_avg_sq": None, "max_exp_avg_sq": "amsgrad"}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_rate(lr)
        check("epsilon value", eps, eps >= 0.0)
        check_betas(betas)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(map(number, betas)),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        numbers = moments(group) | decaying(group, group["decoupled_weight_decay"])
        return numbers | {
            "rate": number(group["lr"]) / (1.0 - numbers["beta1"] ** count),
            "root": sqrt(1.0 - numbers["beta2"] ** count),
            "eps": number(group["eps"]),
        }
