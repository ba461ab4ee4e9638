"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numtorch.ops import creation
from numtorch.ops.optimizer import sgd_step
from numtorch.optim.optimizer import Optimizer, check, check_rate, evaluate, number


class SGD(Optimizer):
    """``p -= lr * g``, or along a running sum of gradients (stochastic gradient descent).

    With momentum ``m = momentum * m + (1 - dampening) * g`` (m begins as g) and ``p -= lr * m``; with ``nesterov``
    ``p -= lr * (g + momentum * m)``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        momentum: how much of the running sum is kept in each step; not negative.
        dampening: how much less than the whole gradient is added to it.
        weight_decay: times the parameter is added to the gradient; not negative.
        nesterov: look ahead along the running sum; needs momentum and no dampening.
        maximize: go along the gradient, not against it.
        foreach, fused: accepted; the step is always one fused kernel.
        differentiable: only False.

    Raises:
        ValueError: a number is outside its range, ``params`` is empty, or ``differentiable`` is set.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning (2013).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.SGD([w], lr=0.125, momentum=0.5)
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     (w * w).sum().backward()
    ...     opt.step()
    >>> w.item()
    1.75
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    )

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_rate(lr)
        check("momentum value", momentum, momentum >= 0.0)
        check("weight_decay value", weight_decay, weight_decay >= 0.0)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        states = self.state
        for group in self.param_groups:
            lr, momentum, decay = number(group["lr"]), number(group["momentum"]), number(group["weight_decay"])
            gain = 1.0 - number(group["dampening"])
            nesterov, maximize, decays = group["nesterov"], group["maximize"], decay != 0.0
            for p in group["params"]:
                g = p.grad
                if g is None:
                    continue
                if momentum == 0.0:
                    sgd_step(p, g, None, lr, 0.0, 1.0, decay, decays, False, maximize)
                    continue
                state = states[p]
                m = state.get("momentum_buffer")
                if m is None:
                    m = state["momentum_buffer"] = creation.zeros_like(p)
                    sgd_step(p, g, m, lr, momentum, 1.0, decay, decays, nesterov, maximize)
                else:
                    sgd_step(p, g, m, lr, momentum, gain, decay, decays, nesterov, maximize)
        return loss
