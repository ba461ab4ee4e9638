"""AdamW: Adam with weight decay that is separate from the moments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numtorch.optim.adam import Adam


class AdamW(Adam):
    """Adam with ``p *= 1 - lr * weight_decay`` in every step; ``torch.optim.AdamW``.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019).

    >>> import numtorch as torch
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
