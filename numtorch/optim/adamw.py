"""AdamW: Adam with weight decay that is separate from the moments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch.optim.adam import Adam


class AdamW(Adam):
    """``Adam`` with ``p *= 1 - lr * weight_decay`` in every step, apart from the moments.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        betas: beta1 and beta2, how much of the running means is kept in each step; in [0, 1).
        eps: added to the root; not negative.
        weight_decay: times ``lr`` is the share by which a parameter shrinks; not negative.
        amsgrad: divide by the largest v so far.
        maximize: go along the gradient, not against it.
        foreach, fused, capturable: accepted; the step is always one fused kernel.
        differentiable: let autograd follow the step; the parameters may then be computed tensors.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.AdamW([w], lr=0.5, weight_decay=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.item()
    3.0
    """

    samples: tuple[dict[str, Any], ...] = (
        {"lr": 0.01},
        {"lr": 0.01, "amsgrad": True, "weight_decay": 0.2, "maximize": True},
    )

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # whatever optimizer the state was saved from
            group["decoupled_weight_decay"] = True
