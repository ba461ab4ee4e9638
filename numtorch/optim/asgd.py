"""ASGD: gradient descent that also keeps the mean of where it has been."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops.optimizer import asgd_step
from numtorch.optim.elementwise import _Elementwise, decaying
from numtorch.optim.optimizer import check, check_rate, counter, number


class ASGD(_Elementwise):
    """``p = (1 - lambd*eta) * p - eta * g``; the state ``ax`` is the mean of p since step t0 (averaged SGD).

    After step t, ``eta = lr / (1 + lambd*lr*t)**alpha``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the first step size; a number or a tensor of one element, not negative.
        lambd: how fast the parameter shrinks, and the step size falls.
        alpha: the power of that fall.
        t0: the step from which the mean is taken.
        weight_decay: times the parameter is added to the gradient; not negative.
        foreach, capturable: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     (w * w).sum().backward()
    ...     opt.step()
    >>> w.item(), opt.state[w]["ax"].item()
    (1.0, 1.0)
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 10, "weight_decay": 0.1, "maximize": True},
    )
    _formula = asgd_step
    kept = {"ax": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_rate(lr)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _begin(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        step, *means = super()._begin(group, p).items()
        return dict([step, ("eta", counter(number(group["lr"]))), ("mu", counter(1.0)), *means])

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> tuple[float, float]:
        """The step size, and the part of the way that the mean goes; both are then set for the next step."""
        t: float = super()._advance(group, p, state)
        now = state["eta"].item(), state["mu"].item()
        lr = number(group["lr"])
        state["eta"].fill_(lr / (1.0 + group["lambd"] * lr * t) ** group["alpha"])
        state["mu"].fill_(1.0 / max(1.0, t - group["t0"]))
        return now

    def _numbers(self, group: dict[str, Any], count: tuple[float, float]) -> dict[str, Any]:
        eta, share = count
        shrink = 1.0 - number(group["lambd"]) * eta
        return {"rate": eta, "share": share, "averages": share != 1.0, **decaying(group), "shrink": shrink}
