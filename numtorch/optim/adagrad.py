"""Adagrad: divides each step by the root of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.ops import creation
from numtorch.ops.optimizer import adagrad_step
from numtorch.ops.sparse import gradients
from numtorch.optim.elementwise import _Elementwise, decaying
from numtorch.optim.optimizer import check, check_rate, counter, number


class Adagrad(_Elementwise):
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
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
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

    _formula = adagrad_step
    kept = {"sum": None}

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
                self.state[p] = self._begin(group, p)

    def _begin(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        start = group["initial_accumulator_value"]
        start = complex(start, start) if p.is_complex() else start  # its parts are numbers of their own
        return {"step": counter(), "sum": creation.full_like(p, start).detach()}

    def _numbers(self, group: dict[str, Any], count: float) -> dict[str, Any]:
        rate = number(group["lr"]) / (1.0 + (count - 1.0) * number(group["lr_decay"]))
        return {"rate": rate, "eps": number(group["eps"]), **decaying(group)}

    def _sparse_step(self, group: dict[str, Any], p: Tensor, g: Any) -> None:
        if group["weight_decay"]:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        if p.is_complex():
            raise RuntimeError("Adagrad does not support complex parameters with sparse gradients")
        state = self.state[p]
        numbers = self._numbers(group, self._advance(group, p, state))
        g = gradients.gradient_of(g, group["maximize"])
        if g._nnz():
            gradients.add_to(state["sum"], g, g.elements * g.elements)
            root = gradients.read(state["sum"], g).sqrt() + numbers["eps"]
            gradients.add_to(p, g, g.elements / root * -numbers["rate"])

    def share_memory(self) -> None:
        """Does nothing: worker processes receive copies.

        >>> torch.optim.Adagrad([torch.zeros(1, requires_grad=True)]).share_memory()
        """
