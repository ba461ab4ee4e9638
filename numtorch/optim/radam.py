"""RAdam: Adam that does not divide by the second moment until enough gradients have been seen."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from numtorch.ops.optimizer import radam_step
from numtorch.optim.elementwise import _Elementwise, decaying, moments
from numtorch.optim.optimizer import check, check_betas, check_rate, number


class RAdam(_Elementwise):
    """Adam with a factor r for the few gradients in the second moment: ``p -= lr * r * m / (sqrt(v) + eps)``.

    With ``far = 2 / (1 - beta2) - 1`` and ``n = far - 2 * t * beta2**t / (1 - beta2**t)`` at step t, r is ``sqrt((n-4)
    * (n-2) * far / ((far-4) * (far-2) * n))``. As long as n is not above 5, ``p -= lr * m``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        betas: beta1 and beta2, how much of the running means is kept in each step; in [0, 1).
        eps: added to the root; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` instead, as ``AdamW`` does.
        foreach, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond (2020).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()  # the first steps are those of SGD with momentum
    >>> w.item()
    2.0
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.01},
        {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "eps": 1e-3},
    )
    _formula = radam_step
    kept = {"exp_avg": None, "exp_avg_sq": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        numbers = moments(group) | decaying(group, group["decoupled_weight_decay"])
        rate = number(group["lr"]) / (1.0 - numbers["beta1"] ** count)
        beta2 = numbers["beta2"]
        left = beta2**count
        far = 2.0 / (1.0 - beta2) - 1.0
        n = far - 2.0 * count * left / (1.0 - left)
        if n > 5.0:
            rate *= sqrt((n - 4.0) * (n - 2.0) * far / ((far - 4.0) * (far - 2.0) * n)) * sqrt(1.0 - left)
        return numbers | {"rate": rate, "adaptive": n > 5.0, "eps": number(group["eps"])}
