"""What the optimizers share that update each element by a formula.

Such an optimizer is an update op, the state that the op overwrites, and the op's numbers in a step. ``SGD`` and
``Adadelta`` are examples.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from numtorch._sparse import is_sparse
from numtorch._tensor import Tensor
from numtorch.grad_mode import enable_grad
from numtorch.ops import creation
from numtorch.ops.optimizer import advance, advance_all
from numtorch.optim.optimizer import Optimizer, counter, evaluate, number


class _Elementwise(Optimizer):
    """An optimizer whose step is one formula for all elements of all parameters.

    A subclass has these, and may replace ``_begin`` and ``_advance``:

        _formula        the update op: of a parameter, its gradient and its state
        kept            names of the state's tensors in the order in which the formula takes them, each with the option
                        on which it depends, or None
        _numbers        the formula's numbers, as keyword arguments
    """

    _formula: Any
    kept: dict[str, str | None] = {}

    def _numbers(self, group: dict[str, Any], count: Any) -> dict[str, Any]:
        """The formula's numbers, for a group's options and what ``_advance`` returned."""
        raise NotImplementedError

    def _names(self, group: dict[str, Any]) -> list[str | None]:
        return [name if option is None or group[option] else None for name, option in self.kept.items()]

    def _begin(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        """A parameter's state before its first step."""
        return {"step": counter(), **{n: creation.zeros_like(p).detach() for n in self._names(group) if n}}

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> Any:
        """Count a step of a parameter. Returns what its numbers depend on beside the options."""
        if not state:
            state.update(self._begin(group, p))
        return advance(state["step"])

    def _advance_all(self, group: dict[str, Any], params: list[Tensor], states: list[dict]) -> list:
        """``_advance`` of each parameter."""
        if type(self)._advance is not _Elementwise._advance:
            return [self._advance(group, p, state) for p, state in zip(params, states, strict=True)]
        for p, state in zip(params, states, strict=True):
            if not state:
                state.update(self._begin(group, p))
        return advance_all([state["step"] for state in states])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        for group in self.param_groups:
            params, grads = [], []
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    if is_sparse(g):
                        self._sparse_step(group, p, g)
                        continue
                    params.append(p)
                    grads.append(g)
            if not params:
                continue
            names = self._names(group)
            states = [self.state[p] for p in params] if any(names) else [{}] * len(params)
            counts = self._advance_all(group, params, states)
            columns = [params, grads, *[[state[n] for state in states] if n else None for n in names]]
            first = counts[0]
            if counts.count(first) == len(counts):
                self._overwrite(group, columns, self._numbers(group, first))
                continue
            places: dict[Hashable, list[int]] = {}  # of the parameters whose steps have the same numbers
            for i, count in enumerate(counts):
                places.setdefault(count, []).append(i)
            for count, rows in places.items():
                part = [None if c is None else [c[i] for i in rows] for c in columns]
                self._overwrite(group, part, self._numbers(group, count))
        return loss

    def _sparse_step(self, group: dict[str, Any], p: Tensor, g: Any) -> None:
        """The step of a parameter whose gradient is sparse."""
        raise RuntimeError(
            f"{type(self).__name__} does not support sparse gradients, as that of the parameter of shape "
            f"{list(p.shape)}; please consider SparseAdam, SGD or Adagrad instead, or a layer with sparse=False"
        )

    def _overwrite(self, group: dict[str, Any], columns: list, numbers: dict[str, Any]) -> None:
        if group.get("differentiable"):
            absent = [None] * len(columns[0])
            with enable_grad():
                for tensors in zip(*[absent if c is None else c for c in columns], strict=True):
                    self._formula.op.recorded(tensors, numbers)
        else:
            self._formula.op.together(columns, numbers)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for saved in self.state.values():
            if "step" in saved and not isinstance(saved["step"], Tensor):  # a number, in states saved long ago
                saved["step"] = counter(saved["step"])


def moments(group: dict[str, Any]) -> dict[str, Any]:
    """How much of Adam's running means is kept in a step, and how much of the gradient is added."""
    beta1, beta2 = map(number, group["betas"])
    return {"beta1": beta1, "gain1": 1.0 - beta1, "beta2": beta2, "gain2": 1.0 - beta2}


def decaying(group: dict[str, Any], decoupled: bool = False) -> dict[str, Any]:
    """Weight decay as the formulas take it: a pull that is added to the gradient, or a factor of the parameter."""
    decay = number(group["weight_decay"])
    own = decoupled and decay != 0.0
    numbers: dict[str, Any] = {"weight_decay": decay, "decay": decay != 0.0 and not own, "maximize": group["maximize"]}
    return numbers | {"shrink": 1.0 - number(group["lr"]) * decay, "decoupled": own} if own else numbers
