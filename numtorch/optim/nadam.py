"""NAdam: Adam with Nesterov's look ahead along the first moment."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops.optimizer import nadam_step
from numtorch.optim.elementwise import _Elementwise, decaying, moments
from numtorch.optim.optimizer import check, check_betas, check_rate, counter, number


class NAdam(_Elementwise):
    """Adam, moving along a mixture of the gradient and of its running mean one step ahead.

    With ``b(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` and B(t) the product of all b up to t, step t is ``p -=
    lr * ((1 - b(t)) / (1 - B(t)) * g + b(t+1) / (1 - B(t+1)) * m) / (sqrt(v / (1 - beta2**t)) + eps)``, with Adam's m
    and v.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        betas: beta1 and beta2, how much of the running means is kept in each step; in [0, 1).
        eps: added to the root; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        momentum_decay: how fast b rises to beta1; not negative.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` instead, as ``AdamW`` does.
        foreach, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Dozat, Incorporating Nesterov Momentum into Adam (2016).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.NAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w
    tensor([3.4718], requires_grad=True)
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "eps": 1e-3},
    )
    _formula = nadam_step
    kept = {"exp_avg": None, "exp_avg_sq": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 2e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check("epsilon value", eps, eps >= 0.0)
        check_betas(betas)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        check("momentum_decay value", momentum_decay, momentum_decay >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _begin(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        step, *means = super()._begin(group, p).items()
        return dict([step, ("mu_product", counter(1.0)), *means])

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> tuple[float, float]:
        """The step's number and the product of all b up to it."""
        count: float = super()._advance(group, p, state)
        return count, state["mu_product"].mul_(_kept(group, count)).item()

    def _numbers(self, group: dict[str, Any], count: tuple[float, float]) -> dict[str, Any]:
        t, product = count
        now, ahead, lr = _kept(group, t), _kept(group, t + 1.0), number(group["lr"])
        numbers = moments(group) | decaying(group, group["decoupled_weight_decay"])
        return numbers | {
            "rate": lr * (1.0 - now) / (1.0 - product),
            "rate_ahead": lr * ahead / (1.0 - product * ahead),
            "root": sqrt(1.0 - numbers["beta2"] ** t),
            "eps": number(group["eps"]),
        }


def _kept(group: dict[str, Any], t: float) -> float:
    """b(t): how much of the first moment step t keeps."""
    return number(group["betas"][0]) * (1.0 - 0.5 * 0.96 ** (t * number(group["momentum_decay"])))
