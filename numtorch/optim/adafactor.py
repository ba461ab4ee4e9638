"""Adafactor: scales steps by second moments of which only sums along rows and columns are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import finfo
from numtorch.grad_mode import no_grad
from numtorch.ops import creation
from numtorch.ops.optimizer import advance
from numtorch.optim.optimizer import Optimizer, above, check_one, counter, evaluate, number


class Adafactor(Optimizer):
    """Adam without a first moment, and for matrices with a second moment of rank one.

    At step t, with ``b = t**beta2_decay``: r and c are running means of the squared gradient's means along rows and
    columns, ``r += b * (mean(g*g, -1) - r)``; ``v = r * c / mean(r)``, for vectors the running mean of g*g itself; ``u
    = g / max(sqrt(v), eps1)``; ``p -= max(eps2, rms(p)) * min(lr, 1/sqrt(t)) * u / max(1, rms(u) / d)``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the largest step size relative to the parameter's; a number or a tensor of one element, not negative.
        beta2_decay: the power of t; not positive.
        eps: eps1, the least root (the rounding error of the parameter's dtype if None), and eps2, the least size of a
            parameter; not negative.
        d: how long an update may be, in root mean squares; at least 1.
        weight_decay: times ``lr`` is the share by which a parameter shrinks; not negative.
        foreach: accepted; makes no difference.
        maximize: go along the gradient, not against it.

    Raises:
        ValueError: a number is outside its range, or ``params`` is empty.
        TypeError: ``params`` is a tensor, or has something else than tensors.
        RuntimeError: from ``step``: a parameter is complex.

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost (2018).

    >>> w = torch.tensor([4.0], requires_grad=True)
    >>> opt = torch.optim.Adafactor([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> opt.step()  # a quarter of the parameter
    >>> w.item()
    3.0
    """

    samples: tuple[dict[str, Any], ...] = (
        {},
        {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1, "maximize": True},
    )

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_one(lr)
        above("Learning rate", lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for name, value in zip(("epsilon1", "epsilon2"), eps, strict=True):
            above(name, 0.0 if value is None and name == "epsilon1" else value)
        above("Clipping threshold d", d, 1.0)
        above("weight_decay", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(group, p, self.state[p])
        return loss

    def _update(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        if p.is_complex():
            raise RuntimeError(
                f"Adafactor does not support complex parameters, as that of shape {list(p.shape)}; optimize "
                "torch.view_as_real(p), or use Adam"
            )
        g = -p.grad if group["maximize"] else p.grad
        if not state:
            state.update(_begin(g))
        t, lr, decay = advance(state["step"]), number(group["lr"]), number(group["weight_decay"])
        share = t ** group["beta2_decay"]
        eps1, eps2 = group["eps"]
        eps1 = finfo(p.dtype).eps if eps1 is None else eps1
        rate = max(eps2, _size(p)) * min(lr, t**-0.5)
        if decay != 0.0:
            p.mul_(1.0 - lr * decay)
        v = _second_moment(g, state, share, eps1)
        u = v.clamp(min=eps1 * eps1).rsqrt().mul(g)
        p.add_(u, alpha=-rate / max(1.0, _size(u) / group["d"]))


def _begin(g: Any) -> dict[str, Any]:
    if g.dim() < 2:
        return {"step": counter(), "variance": creation.zeros_like(g)}
    rows, columns = list(g.shape), list(g.shape)
    rows[-1] = columns[-2] = 1
    return {"step": counter(), "row_var": g.new_zeros(rows), "col_var": g.new_zeros(columns)}


def _second_moment(g: Any, state: dict[str, Any], share: float, eps1: float) -> Any:
    if g.dim() < 2:
        return state["variance"].lerp_(g * g, share)
    r = state["row_var"].lerp_(g.norm(dim=-1, keepdim=True).square().div(g.shape[-1]), share)
    c = state["col_var"].lerp_(g.norm(dim=-2, keepdim=True).square().div(g.shape[-2]), share)
    return r * c / r.mean(dim=-2, keepdim=True).clamp(min=eps1)


def _size(x: Tensor) -> float:
    """The root of the mean square."""
    return x.norm().item() / x.numel() ** 0.5 if x.numel() else 0.0  # type: ignore[attr-defined]
