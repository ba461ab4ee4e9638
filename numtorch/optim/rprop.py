"""Rprop: steps that depend on the sign of the gradient alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops import creation
from numtorch.ops.optimizer import rprop_step
from numtorch.optim.elementwise import _Elementwise
from numtorch.optim.optimizer import check, check_rate, counter, number


class Rprop(_Elementwise):
    """``p -= size * sign(g)``; the size of an element's step grows while its gradient keeps its sign.

    Where the sign changes, the size shrinks, and the element waits for a step. For gradients of all the data, not of
    batches.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the size of the first step; a number or a tensor of one element, not negative.
        etas: the factors of the size where the sign changes, in (0, 1), and where it stays, above 1.
        step_sizes: the least and the largest size.
        capturable, foreach: accepted; the step is always one fused kernel.
        maximize: go along the gradient, not against it.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm
    (1993).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Rprop([w], lr=0.5, etas=(0.5, 2.0))
    >>> for _ in range(2):
    ...     opt.zero_grad()
    ...     (w * w).sum().backward()
    ...     opt.step()
    >>> w.item()
    2.5
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (1e-3, 0.3), "maximize": True},
    )
    _formula = rprop_step
    kept = {"prev": None, "step_size": None}

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-2,
        etas: tuple = (0.5, 1.2),
        step_sizes: tuple = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_rate(lr)
        check("eta values", f"{etas[0]}, {etas[1]}", 0.0 < etas[0] < 1.0 < etas[1])
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _begin(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        lr = number(group["lr"])
        size = creation.full_like(p, complex(lr, lr) if p.is_complex() else lr)  # parts are numbers of their own
        return {"step": counter(), "prev": creation.zeros_like(p).detach(), "step_size": size.detach()}

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        fewer, more = map(number, group["etas"])
        least, most = map(number, group["step_sizes"])
        return {"fewer": fewer, "more": more, "least": least, "most": most, "maximize": group["maximize"]}
