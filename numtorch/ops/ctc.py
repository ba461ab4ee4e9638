"""Connectionist temporal classification: the loss of labels that stand somewhere in a longer sequence. Its loops are in
``ctc_cpu``."""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import exactly
from numtorch.dtype import FLOATS, float32
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops import ctc_cpu
from numtorch.ops import reduction as reductions
from numtorch.ops.arithmetic import eq, where
from numtorch.ops.creation import empty, from_numpy, ones_like
from numtorch.ops.loss import check_reduction
from numtorch.ops.movement import squeeze, unsqueeze


def _ahead(x: Any, labels: list, blank: int) -> Any:
    """The probability of all ways to each place at each step, by NumPy."""
    y = np.exp(x[:, labels])
    a = np.zeros_like(y)
    a[0, :2] = y[0, :2]
    for s in range(1, len(y)):
        for p, c in enumerate(labels):
            a[s, p] = a[s - 1, max(p - 1, 0) : p + 1].sum()
            if p > 1 and c not in (blank, labels[p - 2]):
                a[s, p] += a[s - 1, p - 2]
            a[s, p] *= y[s, p]
    return a


def _reference(x: Any, t: Any, steps: Any, lengths: Any, blank: int = 0) -> tuple:
    losses = np.zeros(x.shape[1], x.dtype)
    alpha = np.full((x.shape[1], x.shape[0], 2 * t.shape[1] + 1), ctc_cpu.NOTHING, x.dtype)
    for n, (of, length) in enumerate(zip(steps, lengths, strict=True)):
        labels = [blank, *[c for label in t[n, :length] for c in (label, blank)]]
        ways = _ahead(x[:of, n], labels, blank)
        losses[n] = -np.log(ways[-1, -2:].sum())
        alpha[n, :of, : len(labels)][ways > 0] = np.log(ways[ways > 0])
    return losses, alpha


def _cost(results: tuple, x: Tensor, t: Tensor, *rest: Any) -> tuple[int, int]:
    return nbytes(*results, x), 40 * x.shape[0] * x.shape[1] * (2 * t.shape[1] + 1)


def _grad_cost(gx: Tensor, g: Tensor, x: Tensor, t: Tensor, *rest: Any) -> tuple[int, int]:
    return nbytes(gx, g, x), 60 * x.shape[0] * x.shape[1] * (2 * t.shape[1] + 1) + 20 * numel(x)


_SAMPLE = (exactly([[1, 2], [2, 2], [1, 0]]), exactly([5, 4, 3]), exactly([2, 2, 1]))


@op(
    public=False,
    shape=True,
    kept=1,
    cost=_cost,
    samples=lambda: [((5, 3, 4), *_SAMPLE, 0), ((5, 3, 4), *_SAMPLE, 3)],
    ref=_reference,
)
def ctc_losses(x, t, steps, lengths, blank: int):
    """(loss (N), what the gradient needs) of log-probabilities x (T, N, C), labels t (N, S), and how many steps and
    labels of each sequence there are."""
    n = x.shape[1]
    return (
        empty((n,), dtype=x.dtype, device=x.device),
        empty((n, x.shape[0], 2 * t.shape[1] + 1), dtype=x.dtype, device=x.device),
    )


@op(public=False, shape=True, differentiable=False, cost=_grad_cost)
def ctc_grad(g, x, t, steps, lengths, loss, alpha, blank: int):
    """The gradient of x: as torch's, it counts on ``exp(x)`` adding up to 1."""
    return empty(x.shape, dtype=x.dtype, device=x.device)


@ctc_losses.vjp
def _(g, x, t, steps, lengths, out, *, blank):
    if mode.grad:  # what is recorded is linear in g
        ones = ones_like(g[0].detach())
        return unsqueeze(g[0], 1) * ctc_grad(ones, x, t, steps, lengths, out[0], out[1], blank), None, None, None
    return ctc_grad(g[0], x, t, steps, lengths, out[0], out[1], blank), None, None, None


def _sizes(x: Tensor, t: Tensor, blank: int) -> tuple:
    return (*x.shape, t.shape[1], blank)


@ctc_losses.loop("cpu")
def lattices(x, t, steps, lengths, blank):
    if x.dtype not in FLOATS:
        return None
    outs = like(x, x.shape[1:2]), like(x, (x.shape[1], x.shape[0], 2 * t.shape[1] + 1))
    work = x.shape[0] * x.shape[1] * (2 * t.shape[1] + 1)
    return Loop(ctc_cpu.forward, _sizes(x, t, blank), outs, elements=work, weight=40)


@ctc_grad.loop("cpu", name="lattices")
def _(g, x, t, steps, lengths, loss, alpha, blank):
    places = 2 * t.shape[1] + 1
    work = x.shape[0] * x.shape[1] * places
    scratch = ((x.shape[1] * 2 * places, x._k.dtype.storage),)
    return Loop(ctc_cpu.backward, _sizes(x, t, blank), like(x), elements=work, weight=60, scratch=scratch)


ctc_losses.on_cpu()
ctc_grad.on_cpu()


def _lengths(name: str, value: Any, n: int) -> np.ndarray:
    found = np.atleast_1d(value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value))
    if found.dtype.kind not in "iu":
        raise RuntimeError(f"ctc_loss: {name} must be integral")
    if found.size != n:
        raise RuntimeError(f"ctc_loss: {name} must be of size batch_size")
    return found.astype(np.int64)


@exported("nn.functional")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log-probability that a sequence gives the target, once repeated labels and then blanks are left out.

    The gradient is that of ``log_softmax`` and this loss together: ``log_probs`` must be normalized.

    Args:
        log_probs: (T, N, C) or (T, C), as of ``log_softmax``.
        targets: class numbers other than ``blank``: (N, S), padded; or all sequences one after the other; int64.
        input_lengths: (N), at most T: how many steps of each sequence count.
        target_lengths: (N): how many labels each target has.
        blank: the class of no label.
        reduction: ``"mean"`` of the losses over the lengths of their targets, ``"sum"`` or ``"none"``.
        zero_infinity: let the loss and the gradient be 0 where the input is too short for its target.

    Returns:
        A 0-dimensional tensor; of ``"none"`` (N), or 0-dimensional for (T, C).

    Raises:
        RuntimeError: lengths, shapes or types do not fit.

    Source: Graves et al. 2006, Connectionist Temporal Classification.

    >>> x = torch.zeros(2, 1, 2).log_softmax(2)
    >>> torch.nn.functional.ctc_loss(x, torch.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """
    check_reduction(reduction)
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(f"ctc_loss: expected log_probs (T, N, C) or (T, C), got {list(log_probs.shape)}")
    batched = log_probs.ndim == 3
    x = log_probs if batched else unsqueeze(log_probs, 1)
    most, n, classes = x.shape
    if x.dtype.is_half:
        x = x.to(float32)
    steps, lengths = _lengths("input_lengths", input_lengths, n), _lengths("target_lengths", target_lengths, n)
    if not 0 <= blank < classes:
        raise RuntimeError("ctc_loss: blank must be in label range")
    if steps.size and (steps.max() > most or steps.min() < 0):
        at = int(np.argmax((steps > most) | (steps < 0)))
        raise RuntimeError(
            f"ctc_loss: Expected input_lengths to have value at most {most}, but got value {int(steps[at])} "
            f"(while checking arguments for ctc_loss)"
        )
    labels = targets.detach().cpu().numpy().astype(np.int64)
    width = max(int(lengths.max(initial=0)), 0)
    if labels.ndim == 1 and (batched or labels.size != width):
        if labels.size < lengths.sum():
            raise RuntimeError(
                f"ctc_loss: Expected targets to have {int(lengths.sum())} elements, the sum of target_lengths, but "
                f"got {labels.size}"
            )
        table, starts = np.zeros((n, width), np.int64), np.cumsum(lengths) - lengths
        for i, (first, k) in enumerate(zip(starts, lengths, strict=True)):
            table[i, :k] = labels[first : first + k]
    else:
        table = np.atleast_2d(labels)
        if table.shape[0] != n or table.shape[1] < width:
            raise RuntimeError(
                f"ctc_loss: Expected tensor to have size at least {width} at dimension 1, but got size "
                f"{list(targets.shape)} for argument #2 'targets'"
            )
        table = np.ascontiguousarray(table[:, :width])
    used = table[np.arange(width)[None, :] < lengths[:, None]]
    if used.size and (used.min() < 0 or used.max() >= classes):
        raise RuntimeError(
            f"ctc_loss: targets are classes below {classes}, got {int(used.max())} and {int(used.min())}"
        )
    table = np.where(np.arange(width)[None, :] < lengths[:, None], table, 0)
    given = [from_numpy(np.ascontiguousarray(a)).to(x.device) for a in (table, steps, lengths)]
    each = ctc_losses(x, *given, blank)[0]
    if zero_infinity:
        each = where(eq(each, float("inf")), 0.0, each)
    each = each.to(log_probs.dtype)
    if reduction == "mean":
        return reductions.mean(each / from_numpy(np.maximum(lengths, 1)).to(each.device).to(each.dtype))
    if reduction == "sum":
        return reductions.sum(each)
    return each if batched else squeeze(each, 0)
