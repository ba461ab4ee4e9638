"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch._sparse import is_sparse
from numtorch._tensor import Tensor
from numtorch.ops import creation
from numtorch.ops.optimizer import sgd_step
from numtorch.ops.sparse import gradients
from numtorch.optim.elementwise import _Elementwise, decaying
from numtorch.optim.optimizer import check, check_rate, number


class SGD(_Elementwise):
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
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
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

    _formula = sgd_step
    kept = {"momentum_buffer": "momentum"}

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

    def _advance_all(self, group: dict[str, Any], params: list[Tensor], states: list[dict]) -> list:
        """Whether there is a running sum already; the gradient that begins it is not dampened."""
        if group["momentum"] == 0.0:
            return [True] * len(params)
        begun = [state.get("momentum_buffer") is not None for state in states]
        if not all(begun):
            for p, state, there in zip(params, states, begun, strict=True):
                if not there:
                    state["momentum_buffer"] = creation.zeros_like(p).detach()
        return begun

    def _sparse_step(self, group: dict[str, Any], p: Tensor, g: Any) -> None:
        if group["weight_decay"]:
            raise RuntimeError(
                "SGD: weight_decay is not compatible with sparse gradients: the decay of all elements is dense"
            )
        g = gradients.gradient_of(g, group["maximize"])
        if group["momentum"]:
            state = self.state[p]
            sum_before = state.get("momentum_buffer")
            if sum_before is None:
                m = g.clone()
            else:
                m = (sum_before * number(group["momentum"])) + g * (1.0 - number(group["dampening"]))
            state["momentum_buffer"] = m
            if not is_sparse(m):
                p.detach().add_(m, alpha=-number(group["lr"]))
                return
            g = g + m * number(group["momentum"]) if group["nesterov"] else m
            g = gradients.gradient_of(g, False)
        gradients.add_to(p, g, g.elements * -number(group["lr"]))

    def _numbers(self, group: dict[str, Any], count: bool) -> dict[str, Any]:
        return {
            "lr": number(group["lr"]),
            "momentum": number(group["momentum"]),
            "gain": 1.0 - number(group["dampening"]) if count else 1.0,
            "nesterov": group["nesterov"] and group["momentum"] != 0.0,
            **decaying(group),
        }
