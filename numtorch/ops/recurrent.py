"""Recurrent layers: all steps of a sequence in one op; its loops are in ``recurrent_cpu``.

The products of the inputs with their weights do not depend on the state: ``linear`` makes them for all steps at once,
and they come here as ``x``. The op goes through the steps once, in one direction. Layers, directions and packed
sequences are ``nn.rnn``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.cost import nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS
from numtorch.ops import recurrent_cpu, reduction
from numtorch.ops.activation import relu, sigmoid, tanh
from numtorch.ops.arithmetic import gt, where
from numtorch.ops.creation import zeros
from numtorch.ops.linear import linear
from numtorch.ops.matmul import matmul
from numtorch.ops.movement import transpose
from numtorch.ops.movement.joining import cat, chunk, stack
from numtorch.ops.movement.views import narrow, select
from numtorch.storage import Size

# Each cell: how many gates there are, how many blocks of h's width are kept for the gradient; one step of x, h and c,
# which gives the new h and c and what the gradient needs; and back, from the gradients of h and c: those of x's and
# of h's gates, and those that go straight to the h and the c before.


def _tanh_step(x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any) -> tuple:
    y = tanh(x + linear(h, w, b))
    return y, None, (y,)


def _tanh_back(d: Tensor, dc: Any, h: Tensor, c: Any, y: Tensor) -> tuple:
    gz = d * (1 - y * y)
    return gz, gz, None, None


def _relu_step(x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any) -> tuple:
    y = relu(x + linear(h, w, b))
    return y, None, (y,)


def _relu_back(d: Tensor, dc: Any, h: Tensor, c: Any, y: Tensor) -> tuple:
    gz = where(gt(y, 0), d, 0.0)
    return gz, gz, None, None


def _lstm_step(x: Tensor, h: Tensor, c: Tensor, w: Tensor, b: Any) -> tuple:
    i, f, g, o = chunk(x + linear(h, w, b), 4, 1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    return o * tanh(c), c, (i, f, g, o, c)


def _lstm_back(
    d: Tensor, dc: Tensor, h: Tensor, before: Tensor, i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor
) -> tuple:
    t = tanh(c)
    dc = dc + d * o * (1 - t * t)
    slopes = [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), d * t * o * (1 - o)]
    gz = cat(slopes, 1)
    return gz, gz, None, dc * f


def _gru_step(x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any) -> tuple:
    xr, xu, xm = chunk(x, 3, 1)
    hr, hu, q = chunk(linear(h, w, b), 3, 1)
    r, u = sigmoid(xr + hr), sigmoid(xu + hu)
    m = tanh(xm + r * q)
    return m + u * (h - m), None, (r, u, m, q)


def _gru_back(d: Tensor, dc: Any, h: Tensor, c: Any, r: Tensor, u: Tensor, m: Tensor, q: Tensor) -> tuple:
    gm = d * (1 - u) * (1 - m * m)
    gu = d * (h - m) * u * (1 - u)
    gr = gm * q * r * (1 - r)
    return cat([gr, gu, gm], 1), cat([gr, gu, gm * r], 1), d * u, None


CELLS: dict[str, tuple[int, int, Callable, Callable]] = {
    "rnn_tanh": (1, 0, _tanh_step, _tanh_back),
    "rnn_relu": (1, 0, _relu_step, _relu_back),
    "lstm": (4, 4, _lstm_step, _lstm_back),
    "gru": (3, 4, _gru_step, _gru_back),
}


def _times(x: Tensor, sizes: tuple | None, reverse: bool, batch_first: bool) -> list[tuple[int, int]]:
    """(where the step is in x, how many sequences it has), in the layer's direction."""
    if sizes is None:
        batch, steps = x.shape[:2] if batch_first else x.shape[1::-1]
        times = [(t, batch) for t in range(steps)]
    else:
        times = list(zip(accumulate((0, *sizes)), sizes, strict=False))
    return times[::-1] if reverse else times


def _at(x: Tensor, time: tuple[int, int], sizes: tuple | None, batch_first: bool) -> Tensor:
    """One step of x."""
    if sizes is not None:
        return narrow(x, 0, *time)
    return select(x, 1 if batch_first else 0, time[0])


def _whole(parts: list, sizes: tuple | None, reverse: bool, batch_first: bool) -> Tensor:
    """Steps as one tensor, laid out as x is; they come in the layer's direction."""
    parts = parts[::-1] if reverse else parts
    if sizes is not None:
        return cat(parts, 0)
    return stack(parts, 1 if batch_first else 0)


def _first(x: Any, rows: int) -> Any:
    return x if x is None or rows == x.shape[0] else narrow(x, 0, 0, rows)


def _with_rest(y: Any, x: Any) -> Any:
    """``y`` in place of the first rows of ``x``."""
    if y is None or y.shape[0] == x.shape[0]:
        return y
    return cat([y, narrow(x, 0, y.shape[0], x.shape[0] - y.shape[0])], 0)


def unrolled(
    x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any, cell: str, reverse: bool, sizes: tuple | None, batch_first: bool
) -> tuple[Tensor, Any, list]:
    """The state at the end, and of each step: (h and c before it, h after it, what the gradient needs)."""
    step = CELLS[cell][2]
    steps = []
    for time in _times(x, sizes, reverse, batch_first):
        h0, c0 = _first(h, time[1]), _first(c, time[1])
        y, now, kept = step(_at(x, time, sizes, batch_first), h0, c0, w, b)
        steps.append((h0, c0, y, kept))
        h, c = _with_rest(y, h), _with_rest(now, c)
    return h, c, steps


def projected(
    x: Tensor, h: Tensor, c: Tensor, w: Tensor, to: Tensor, reverse: bool, sizes: tuple | None, batch_first: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """An LSTM whose h is multiplied by ``to`` (p, n) after each step; h is (batch, p), and w (4 * n, p). Op by op."""
    parts = []
    for time in _times(x, sizes, reverse, batch_first):
        y, now, _ = _lstm_step(_at(x, time, sizes, batch_first), _first(h, time[1]), _first(c, time[1]), w, None)
        parts.append(linear(y, to))
        h, c = _with_rest(parts[-1], h), _with_rest(now, c)
    return _whole(parts, sizes, reverse, batch_first), h, c


def _cost(results: tuple, x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any, *rest: Any) -> tuple[int, int]:
    return nbytes(*results, x, h, c, w, b), numel(x) * (2 * w.shape[1] + 12)


def _grad_cost(
    grads: tuple, g: tuple, x: Tensor, h: Tensor, c: Any, w: Tensor, b: Any, out: tuple, *, needs: tuple, **rest: Any
) -> tuple[int, int]:
    return nbytes(*grads, *g, x, h, c, w, b, *out), numel(x) * ((2 + 2 * needs[3]) * w.shape[1] + 16)


@op(
    public=False,
    cost=_cost,
    lacking=("c", "b"),
    kept=2,
    samples=lambda: [
        ((4, 3, 8), (3, 2), (3, 2), (8, 2), None, "lstm", False, None, False),
        ((3, 4, 12), (3, 3), (3, 3), (12, 3), None, "lstm", True, None, True),
        ((6, 9), (3, 3), None, (9, 3), (9,), "gru", False, (3, 2, 1), False),
        ((4, 2, 15), (2, 5), None, (15, 5), None, "gru", True, None, False),
        ((6, 4), (3, 4), None, (4, 4), (4,), "rnn_tanh", True, (3, 2, 1), False),
        ((3, 2, 3), (2, 3), None, (3, 3), None, "rnn_relu", False, None, False),
    ],
)
def recurrent(
    x, h, c, w, b, cell: str, reverse: bool = False, sizes: tuple | None = None, batch_first: bool = False
):  # fmt: skip
    """(h of each step, h at the end, c at the end, and two results for the gradient).

    x are the products of the inputs with their weights, (steps, batch, gates * n), or with ``batch_first`` (batch,
    steps, gates * n); h and c the states at the beginning, (batch, n), w (gates * n, n) and b (gates * n). With
    ``sizes`` x is (sum of sizes, gates * n): the first sequences are the longest, and step t has ``sizes[t]`` of them.
    """
    end, c_end, steps = unrolled(x, h, c, w, b, cell, reverse, sizes, batch_first)
    y = _whole([s[2] for s in steps], sizes, reverse, batch_first)
    none = zeros((0,), dtype=x.dtype, device=x.device)
    if not CELLS[cell][1]:
        return y, end, none, none, none
    kept = _whole([cat(list(s[3][:4]), 1) for s in steps], sizes, reverse, batch_first)
    if cell == "gru":
        return y, end, none, kept, none
    return y, end, c_end, kept, _whole([s[3][4] for s in steps], sizes, reverse, batch_first)


@recurrent.vjp(cost=_grad_cost)
def _(g, x, h, c, w, b, out, *, cell, reverse, sizes, batch_first, needs):
    back = CELLS[cell][3]
    _, _, steps = unrolled(x, h, c, w, b, cell, reverse, sizes, batch_first)
    d, dc = g[1], None if c is None else g[2]
    gx, gz, before = [], [], []
    times = _times(x, sizes, reverse, batch_first)
    for time, (h0, c0, _, kept) in zip(times[::-1], steps[::-1], strict=True):
        now = _at(g[0], time, sizes, batch_first) + _first(d, time[1])
        to_x, to_h, straight, to_c = back(now, _first(dc, time[1]), h0, c0, *kept)
        gh = matmul(to_h, w)
        d = _with_rest(gh if straight is None else gh + straight, d)
        dc = _with_rest(to_c, dc)
        gx.append(to_x)
        gz.append(to_h)
        before.append(h0)
    gz = cat(gz, 0)
    return (
        _whole(gx, sizes, not reverse, batch_first) if needs[0] else None,
        d if needs[1] else None,
        dc if needs[2] else None,
        matmul(transpose(gz, 0, 1), cat(before, 0)) if needs[3] else None,
        reduction.sum(gz, 0) if needs[4] else None,
    )


def _how(x: Tensor, h: Tensor, b: Any, cell: str, reverse: bool, sizes: tuple | None, batch_first: bool) -> tuple:
    """The arguments of ``recurrent_cpu.plan_of`` from ``cell`` on."""
    steps = len(sizes) if sizes is not None else x.shape[1 if batch_first else 0]
    by_sequence = batch_first and sizes is None
    return cell, reverse, b is not None, steps, *h.shape, sizes, by_sequence


@recurrent.loop("cpu", dtypes=FLOATS)
def sequence(x, h, c, w, b, cell, reverse, sizes, batch_first):
    """One region for all steps; the weights are packed once."""
    if not x.shape.numel() or (b is not None and cell == "lstm"):
        return None
    lead, n = x.shape[:-1], h.shape[1]
    none = like(x, (0,))
    kept = like(x, (*lead, CELLS[cell][1] * n)) if CELLS[cell][1] else none
    lstm = cell == "lstm"
    outs = like(x, (*lead, n)), like(x, h.shape), like(x, h.shape) if lstm else none, kept
    how = (x._k.dtype.storage, *_how(x, h, b, cell, reverse, sizes, batch_first))
    return Loop(
        recurrent_cpu.ready_forward,
        (),
        (*outs, like(x, (*lead, n)) if lstm else none),
        operands=(x, h, c, w, b),
        made_of=how,
    )


@recurrent.backward.loop("cpu", dtypes=FLOATS, name="sequence")
def _(g, x, h, c, w, b, out, cell, reverse, sizes, batch_first, needs):
    """The steps once more, the last first; the weight's gradient is one product over all of them."""
    if not x.shape.numel() or (b is not None and cell == "lstm"):
        return None
    none = Size((0,))
    how = (x._k.dtype.storage, needs[3], *_how(x, h, b, cell, reverse, sizes, batch_first))
    outs = (
        like(x),
        like(x, h.shape),
        like(x, h.shape if c is not None else none),
        like(x, w.shape if needs[3] else none),
        like(x, b.shape if needs[4] else none),
    )
    operands = (g[0], g[1], g[2], h, c, w, out[0], out[3], out[4])
    return Loop(recurrent_cpu.ready_backward, (), outs, operands=operands, made_of=how)
