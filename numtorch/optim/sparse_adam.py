"""SparseAdam: Adam for gradients most of whose rows are zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from numtorch._sparse import is_sparse
from numtorch._tensor import Tensor
from numtorch.ops import creation
from numtorch.ops.sparse import gradients
from numtorch.optim.optimizer import Optimizer, check, check_betas, check_one, evaluate, number


class SparseAdam(Optimizer):
    """Adam that touches only the elements that a sparse gradient has.

    For elements that the gradient g has: ``m += (1 - beta1) * (g - m); v += (1 - beta2) * (g*g - v)`` and
    ``p -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)`` at step t. All others stay as they are.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        lr: the step size; a number or a tensor of one element, positive.
        betas: beta1 and beta2, how much of the running means is kept in each step; in [0, 1).
        eps: added to the root; positive.
        maximize: go along the gradient, not against it.

    Raises:
        ValueError: a number is outside its range, ``params`` is empty or has complex tensors.
        TypeError: ``params`` is a tensor, or has something else than tensors.
        RuntimeError: from ``step``: a gradient is dense.

    >>> table = torch.nn.Embedding(3, 1, sparse=True, _weight=torch.ones(3, 1))
    >>> opt = torch.optim.SparseAdam(table.parameters(), lr=0.5)
    >>> table(torch.tensor([2])).sum().backward()
    >>> opt.step()
    >>> table.weight.detach().flatten()
    tensor([1.0000, 1.0000, 0.5000])
    """

    def __init__(
        self, params: Iterable, lr: Any = 1e-3, betas: tuple = (0.9, 0.999), eps: float = 1e-8, maximize: bool = False
    ):
        check_one(lr)
        check("learning rate", lr, bool(lr > 0.0))
        check("epsilon value", eps, eps > 0.0)
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_complex()
        ]
        if places:
            raise ValueError(f"Complex params at indices {places}: SparseAdam does not support complex parameters")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = evaluate(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if not is_sparse(p.grad):
                    raise RuntimeError(
                        f"SparseAdam does not support dense gradients, as that of the parameter of shape "
                        f"{list(p.shape)}; please consider Adam instead"
                    )
                self._advance(group, p, gradients.gradient_of(p.grad, group["maximize"]))
        return loss

    def _advance(self, group: dict[str, Any], p: Tensor, g: Any) -> None:
        """The step of one parameter."""
        state = self.state[p]
        if not state:
            state.update(step=0, exp_avg=creation.zeros_like(p).detach(), exp_avg_sq=creation.zeros_like(p).detach())
        state["step"] += 1
        if not g._nnz():
            return
        (beta1, beta2), step = map(number, group["betas"]), state["step"]
        mean, square, new = gradients.read(state["exp_avg"], g), gradients.read(state["exp_avg_sq"], g), g.elements
        more, more_square = (new - mean) * (1.0 - beta1), (new * new - square) * (1.0 - beta2)
        gradients.add_to(state["exp_avg"], g, more)
        gradients.add_to(state["exp_avg_sq"], g, more_square)
        rate = number(group["lr"]) * (1.0 - beta2**step) ** 0.5 / (1.0 - beta1**step)
        root = (square + more_square).sqrt() + number(group["eps"])
        gradients.add_to(p, g, (mean + more) / root * -rate)
