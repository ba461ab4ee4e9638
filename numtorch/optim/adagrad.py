"""Adagrad: divides each step by the root of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numtorch.dispatch.update import overwrite, update
from numtorch.ops import creation
from numtorch.ops.arithmetic import sqrt
from numtorch.ops.optimizer import advance
from numtorch.optim.optimizer import Optimizer, check, check_rate, counter, evaluate, number


@update
def adagrad_step(
    x,
    g,
    v,
    rate: float = 1e-2,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    decay: bool = False,
    maximize: bool = False,
):
    """``v += g*g; x -= rate * g / (sqrt(v) + eps)`` (Duchi, Hazan, Singer 2011)."""
    d = -g if maximize else g
    if decay:
        d = d + x * weight_decay
    v_new = v + d * d
    return overwrite((x, v), (x - d / (sqrt(v_new) + eps) * rate, v_new))


class Adagrad(Optimizer):
    """``v += g*g; p -= lr / (1 + (t - 1)*lr_decay) * g / (sqrt(v) + eps)`` at step t.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        lr_decay: how fast the step size falls with t; not negative.
        weight_decay: times the parameter is added to the gradient; not negative.
        initial_accumulator_value: with what v begins; not negative.
        eps: added to the root; not negative.
        foreach, fused: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: only False.

    Raises:
        ValueError: a number is outside its range, ``params`` is empty, or ``differentiable`` is set.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Duchi, Hazan, Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization (2011).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.item()
    3.5
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.1},
        {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.001},
    )

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_rate(lr)
        check("lr_decay value", lr_decay, lr_decay >= 0.0)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        check("initial_accumulator_value value", initial_accumulator_value, initial_accumulator_value >= 0.0)
        check("epsilon value", eps, eps >= 0.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = {"step": counter(), "sum": creation.full_like(p, initial_accumulator_value).detach()}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        for group in self.param_groups:
            lr, slower, eps, decay = (number(group[n]) for n in ("lr", "lr_decay", "eps", "weight_decay"))
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    t = advance(state["step"])
                    adagrad_step(
                        p,
                        p.grad,
                        state["sum"],
                        lr / (1.0 + (t - 1.0) * slower),
                        eps,
                        decay,
                        decay != 0.0,
                        group["maximize"],
                    )
        return loss

    def share_memory(self) -> None:
        """Does nothing: worker processes receive copies.

        >>> torch.optim.Adagrad([torch.zeros(1, requires_grad=True)]).share_memory()
        """
