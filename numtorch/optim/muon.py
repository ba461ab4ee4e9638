"""Muon: steps along the orthogonal matrix that is nearest to the running mean of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

from numtorch.grad_mode import no_grad
from numtorch.ops import creation
from numtorch.optim.optimizer import Optimizer, above, check_one, evaluate, number


class Muon(Optimizer):
    """``m += (1 - momentum) * (g - m); p -= lr * (orthogonal(m) + weight_decay * p)``, for matrices.

    The orthogonal matrix is found in bfloat16 by Newton and Schulz's iteration, ``x = a*x + (b*y + c*y@y) @ x`` with
    ``y = x @ x.T``, roughly: its singular values come to lie near 1.

    Args:
        params: matrices, (name, matrix) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, not negative.
        weight_decay: times ``lr`` is the share by which a parameter shrinks; not negative.
        momentum: how much of the running mean is kept in each step; not negative.
        nesterov: go along ``g + momentum * (m - g)``.
        ns_coefficients: a, b and c.
        eps: the least norm by which the matrix is divided.
        ns_steps: how many times the iteration runs; below 100.
        adjust_lr_fn: by what ``lr`` is multiplied for a matrix of A rows and B columns: ``"original"``, the same as
            None: ``sqrt(max(1, A/B))``; ``"match_rms_adamw"``: ``0.2 * sqrt(max(A, B))``.

    Raises:
        ValueError: a number is outside its range, a parameter is no matrix, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.
        RuntimeError: from ``step``: a parameter is complex.

    Source: Jordan, Muon: An optimizer for hidden layers in neural networks (2024); Liu et al., Muon is Scalable for LLM
    Training (2025).

    >>> w = torch.zeros(2, 2, requires_grad=True)
    >>> opt = torch.optim.Muon([w], lr=0.5, ns_steps=1, ns_coefficients=(1.0, 0.0, 0.0))
    >>> w.grad = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> opt.step()
    >>> [round(v, 2) for v in w.diagonal().tolist()]
    [-0.3, -0.4]
    """

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        check_one(lr)
        above("Learning rate", lr)
        above("momentum", momentum)
        above("weight decay", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported; expected None, 'original' or "
                "'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters, but found one of shape {list(p.shape)}; give the others to "
                        "AdamW"
                    )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(group, p, p.grad)
        return loss

    def _update(self, group: dict[str, Any], p: Any, g: Any) -> None:
        if p.is_complex():
            raise RuntimeError(f"Muon does not support complex parameters, as that of shape {list(p.shape)}; use Adam")
        state, lr, momentum = self.state[p], number(group["lr"]), number(group["momentum"])
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = creation.zeros_like(g)
        m = state["momentum_buffer"].lerp_(g, 1.0 - momentum)
        move = _orthogonal(
            g.lerp(m, momentum) if group["nesterov"] else m, group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        p.mul_(1.0 - lr * number(group["weight_decay"]))
        p.add_(move.to(p.dtype), alpha=-lr * _factor(group["adjust_lr_fn"], *p.shape))


def _orthogonal(x: Any, coefficients: tuple, steps: int, eps: float) -> Any:
    if steps >= 100:
        raise ValueError(f"Number of steps must be less than 100 for computational efficiency, got ns_steps={steps}")
    if len(coefficients) != 3:
        raise ValueError(f"Coefficients must be a tuple of exactly 3 values, got ns_coefficients={coefficients}")
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.bfloat16()
    x = x.t() if tall else x
    x = (x / x.norm().clamp(min=eps)).float()
    for _ in range(steps):
        y = _rounded(x @ x.t())
        x = _rounded(x * a + _rounded(y * b + y @ y * c) @ x)
    return x.t() if tall else x


def _rounded(x: Any) -> Any:
    """To what bfloat16 holds; products are summed before they are rounded."""
    return x.bfloat16().float()


def _factor(kind: str | None, rows: int, columns: int) -> float:
    return 0.2 * sqrt(max(rows, columns)) if kind == "match_rms_adamw" else sqrt(max(1.0, rows / columns))
