"""L-BFGS: a quasi-Newton method, with a line search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from numtorch._tensor import Tensor
from numtorch.grad_mode import enable_grad, no_grad
from numtorch.ops import creation, movement
from numtorch.ops.movement.parts import view_as_real
from numtorch.optim.optimizer import Optimizer, check_rate, number


class LBFGS(Optimizer):
    """Moves along ``-H @ g``, with an inverse Hessian H that the last steps and changes of the gradient tell of.

    One ``step`` does up to ``max_iter`` such moves. It keeps ``2 * history_size`` vectors as long as all parameters
    together. There can be one group only.

    Args:
        params: tensors or (name, tensor) pairs; all on one device.
        lr: the length of a move, the first that a line search tries; a number or a tensor of one element, not negative.
        max_iter: the most moves in a step.
        max_eval: the most calls of the closure in a step; ``max_iter * 5 // 4`` if None.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where a move, or the change of the loss, is smaller.
        history_size: how many moves are remembered.
        line_search_fn: ``"strong_wolfe"``, or None for moves of length ``lr``.

    Raises:
        ValueError: ``lr`` is negative, ``params`` is empty or has several groups.
        TypeError: ``params`` is a tensor, or has something else than tensors; ``step`` is called without a closure.
        RuntimeError: from ``step``: another line search is asked for.

    Source: Liu and Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization (1989); the line search:
    Nocedal and Wright, Numerical Optimization, chapter 3 (2006).

    >>> w = torch.tensor([4.0, 1.0], requires_grad=True)
    >>> opt = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((w - 3) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> opt.step(closure)  # what the closure returned first
    tensor(5., grad_fn=<SumBackward0>)
    >>> [round(v, 4) for v in w.tolist()]
    [3.0, 3.0]
    """

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_rate(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError(
                f"LBFGS doesn't support per-parameter options (parameter groups), but got {len(self.param_groups)} "
                "groups; pass all parameters in one list"
            )

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimize what the closure computes.

        Args:
            closure: a function that sets the gradients to zero, computes the loss and its gradients, and returns it.

        Returns:
            What ``closure`` returned first.

        >>> w = torch.tensor([2.0], requires_grad=True)
        >>> opt = torch.optim.LBFGS([w])
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = (w * w).sum()
        ...     loss.backward()
        ...     return loss
        >>> opt.step(closure).item(), w.item()
        (4.0, 0.0)
        """
        with no_grad():
            return self._minimize(enable_grad()(closure))

    def _minimize(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        most, most_calls = group["max_iter"], group["max_eval"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        loss, g, calls = float(first), self._gradient(), 1
        state["func_evals"] += 1
        if _largest(g) <= group["tolerance_grad"]:
            return first
        for i in range(1, most + 1):
            state["n_iter"] += 1
            fresh = state["n_iter"] == 1
            d = self._direction(g, state, group["history_size"])
            t = number(group["lr"]) * (min(1.0, 1.0 / g.abs().sum().item()) if fresh else 1.0)
            before = loss
            state |= {"d": d, "t": t, "prev_flat_grad": g, "prev_loss": loss}
            slope = g.dot(d).item()
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"] is not None:
                found, more = self._search(closure, Point(0.0, loss, g, slope), t, d, most_calls - calls)
                t, loss, g = found.t, found.loss, found.gradient
                self._move(t, d)
            else:
                self._move(t, d)
                more = int(i != most)
                if more:  # after the last move nobody asks for the loss
                    loss, g = float(closure()), self._gradient()
            state["t"] = t
            calls += more
            state["func_evals"] += more
            if (
                calls >= most_calls
                or _largest(g) <= group["tolerance_grad"]
                or _largest(d) * t <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first

    def _direction(self, g: Any, state: dict[str, Any], size: int) -> Any:
        """``-H @ g``, after the last move is remembered: ``old_stps`` are moves, ``old_dirs`` the changes of the
        gradient by them, ``ro`` one over the product of both, and ``H_diag * identity`` is where H begins."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            return -g
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        ys = y.dot(s)
        if ys > 1e-10:
            for known, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / ys)):
                state[known] = [*state[known], value][-size:]
            state["H_diag"] = ys / y.dot(y)
        history = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        q = -g
        shares = []
        for y, s, r in reversed(history):
            shares.append(s.dot(q) * r)
            q = q - y * shares[-1]
        state["al"] = [*reversed(shares), *[None] * (size - len(shares))]
        q = q * state["H_diag"]
        for (y, s, r), share in zip(history, reversed(shares), strict=True):
            q = q + s * (share - y.dot(q) * r)
        return q

    def _search(self, closure: Callable[[], Any], start: Point, t: float, d: Any, limit: int) -> tuple[Point, int]:
        group = self.param_groups[0]
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported, got line_search_fn={group['line_search_fn']!r}")
        origin = [p.clone() for p in self._params]

        def at(t: float) -> Point:
            self._move(t, d)
            loss, g = float(closure()), self._gradient()
            for p, old in zip(self._params, origin, strict=True):
                p.copy_(old)
            return Point(t, loss, g, g.dot(d).item())

        return strong_wolfe(at, start, t, group["tolerance_change"] / _largest(d), limit)

    def _gradient(self) -> Any:
        """The gradients of all parameters as one vector."""
        parts = []
        for p in self._params:
            g = creation.zeros_like(p) if p.grad is None else p.grad.detach()
            parts.append((view_as_real(g) if g.is_complex() else g).reshape(-1))
        return movement.cat(parts)

    def _move(self, t: float, d: Any) -> None:
        at = 0
        for p in self._params:
            x = view_as_real(p) if p.is_complex() else p
            x.add_(d[at : at + x.numel()].view_as(x), alpha=t)
            at += x.numel()


class Point(NamedTuple):
    """A place along a direction.

    Attributes:
        t: how many times the direction was added.
        loss: what the closure returned there.
        gradient: of the loss.
        slope: the gradient times the direction.
    """

    t: float
    loss: float
    gradient: Tensor
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    least: float,
    limit: int,
    decrease: float = 1e-4,
    curvature: float = 0.9,
) -> tuple[Point, int]:
    """A point with ``loss <= start.loss + decrease * t * start.slope`` and ``|slope| <= curvature * |start.slope|``.

    First t grows until such points lie between two others; these then close in on one.

    Args:
        at: the point at t.
        start: the point at 0.
        t: the first that is tried.
        least: stop where the two are nearer than this.
        limit: the most calls of ``at`` after the first.
        decrease, curvature: of the conditions; 0 < decrease < curvature < 1.

    Returns:
        The point, or the best that was found, and the number of calls.
    """

    def too_high(p: Point) -> bool:
        return p.loss > start.loss + decrease * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -curvature * start.slope

    last, new, n = start, at(t), 0
    while n < limit:
        if too_high(new) or (n > 1 and new.loss >= last.loss):
            break
        if flat(new):
            return new, n + 1
        if new.slope >= 0.0:
            break
        t = lowest_of_cubic(last, new, new.t + 0.01 * (new.t - last.t), new.t * 10.0)
        last, new, n = new, at(t), n + 1
    else:
        last = start
    low, high = sorted((last, new), key=_loss)
    stuck = False
    while n < limit and abs(high.t - low.t) >= least:
        left, right = sorted((low.t, high.t))
        t = lowest_of_cubic(low, high, left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            stuck = False
        elif stuck or not left < t < right:  # too near to an end for the second time
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            stuck = False
        else:
            stuck = True
        new, n = at(t), n + 1
        if too_high(new) or new.loss >= low.loss:
            low, high = sorted((low, new), key=_loss)
            continue
        if not flat(new) and new.slope * (high.t - low.t) >= 0.0:
            high = low
        low = new
        if flat(new):
            break
    return low, n + 1


def lowest_of_cubic(a: Point, b: Point, least: float, most: float) -> float:
    """Where the cubic with the losses and slopes of two points is lowest, in [least, most]; its middle if nowhere."""
    a, b = sorted((a, b), key=lambda p: p.t)
    try:
        d = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t)
        root = math.sqrt(d * d - a.slope * b.slope)
        t = b.t - (b.t - a.t) * ((b.slope + root - d) / (b.slope - a.slope + 2.0 * root))
    except (ValueError, ZeroDivisionError, OverflowError):
        t = math.nan
    return (least + most) / 2.0 if math.isnan(t) else min(max(t, least), most)


def _loss(p: Point) -> float:
    return p.loss


def _largest(x: Any) -> float:
    return x.abs().max().item()
