"""Recurrent layers as functions of their weights, ``torch.lstm`` and similar, and one step of each.

``nn.LSTM`` and similar modules keep their own weights and call ``recurrent`` themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numtorch._tensor import Tensor
from numtorch.exports import exported
from numtorch.ops.dropout import dropout as drop
from numtorch.ops.linear import linear
from numtorch.ops.movement.joining import cat, stack
from numtorch.ops.movement.views import select
from numtorch.ops.recurrent import projected, recurrent


def _forms(name: str, input: Tensor, args: tuple) -> tuple:
    """(sizes of packed sequences or None, and what follows them) of both forms in which a layer is called."""
    packed = len(args) == 8 and isinstance(args[0], Tensor) and not isinstance(args[1], bool) and _listed(args[2])
    if len(args) != 8 or not (packed or _listed(args[1])):
        raise TypeError(
            f"{name}(): expected (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, "
            "batch_first) or (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)"
        )
    if input.ndim != (2 if packed else 3):
        raise RuntimeError(
            f"{name}: input must have {2 if packed else 3} dimensions, got shape {list(input.shape)}; "
            "use .unsqueeze() for a batch of one sequence"
        )
    return (tuple(args[0].tolist()), *args[1:], False) if packed else (None, *args)


def _listed(params: Any) -> bool:
    return isinstance(params, list | tuple)


def _layers(name: str, input: Tensor, args: tuple) -> Any:
    """All layers and directions: the states of each step, and those at the end."""
    sizes, hx, params, biases, layers, p, train, both, batch_first = _forms(name, input, args)
    states = tuple(hx) if name == "lstm" else (hx,)
    if name == "lstm" and len(states) != 2:
        raise RuntimeError(f"lstm expects two hidden states, got {len(states)}")
    directions = 2 if both else 1
    narrow = name == "lstm" and states[0].shape[2] != states[1].shape[2]  # h is projected
    each = 2 + 2 * bool(biases) + narrow
    if len(params) != each * layers * directions:
        raise RuntimeError(
            f"{name}: expected {each} weights for each of {layers} layers and {directions} directions, "
            f"got {len(params)}"
        )
    for s in states:
        if s.ndim != 3 or s.shape[0] != layers * directions:
            raise RuntimeError(
                f"{name}: expected states of shape ({layers * directions}, batch, n), got {list(s.shape)}"
            )
    x, last = input, []
    for layer in range(layers):
        parts = []
        for d in range(directions):
            i = layer * directions + d
            begin = [select(s, 0, i) for s in states]
            w, own_w, *rest = params[each * i : each * (i + 1)]
            y, end = _direction(
                name,
                x,
                begin,
                w,
                own_w,
                rest[:2] if biases else (None, None),
                d == 1,
                sizes,
                batch_first,
                rest[-1] if narrow else None,
            )
            parts.append(y)
            last.append(end)
        x = parts[0] if directions == 1 else cat(parts, -1)
        if p and train and layer < layers - 1:
            x = drop(x, p, True)
    return (x, *[stack(list(of), 0) for of in zip(*last, strict=True)])


def _direction(
    name: str,
    x: Tensor,
    begin: list,
    w: Tensor,
    own_w: Tensor,
    biases: Sequence,
    reverse: bool,
    sizes: tuple | None,
    batch_first: bool,
    to: Tensor | None = None,
) -> tuple[Tensor, list]:
    """One layer in one direction: the states of all steps, and the last ones."""
    bias, own = biases
    if name != "gru" and bias is not None and own is not None:  # only a GRU treats them differently
        bias, own = bias + own, None
    z = linear(x, w, bias)
    if to is not None:
        y, h, c = projected(z, begin[0], begin[1], own_w, to, reverse, sizes, batch_first)
        return y, [h, c]
    before = begin[1] if len(begin) > 1 else None
    y, *end = recurrent(z, begin[0], before, own_w, own, name, reverse, sizes, batch_first)
    return y, end[: len(begin)]


@exported("torch")
def lstm(input: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The layers of an ``nn.LSTM`` with weights that are given.

    Args:
        input: (steps, batch, n), or with ``batch_first`` (batch, steps, n).
        *args: ``hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first``: the states h and c,
            each (num_layers * directions, batch, hidden); the weights of each layer and direction, in the order of
            ``nn.LSTM``'s parameters; and its options. Or of packed sequences, whose elements are ``input``:
            ``batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional``.

    Returns:
        (the h of each step, h at the end, c at the end).

    Raises:
        RuntimeError: the number or the shapes of states or weights do not fit.
        TypeError: other arguments.

    >>> layer, state = torch.nn.LSTM(2, 3), torch.zeros(1, 5, 3)
    >>> x = torch.randn(4, 5, 2)
    >>> y, h, c = torch.lstm(x, (state, state), list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> torch.equal(y, layer(x)[0])
    True
    """
    return _layers("lstm", input, args)


@exported("torch")
def gru(input: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
    """The layers of an ``nn.GRU`` with weights that are given.

    Args:
        input: (steps, batch, n), or with ``batch_first`` (batch, steps, n).
        *args: ``hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first``: the states
            (num_layers * directions, batch, hidden); the weights of each layer and direction, in the order of the
            parameters of ``nn.GRU``; and its options. Or of packed sequences, whose elements are ``input``:
            ``batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional``.

    Returns:
        (the state of each step, the states at the end).

    Raises:
        RuntimeError: the number or the shapes of states or weights do not fit.
        TypeError: other arguments.

    >>> layer, x = torch.nn.GRU(2, 3), torch.randn(4, 5, 2)
    >>> y, h = torch.gru(x, torch.zeros(1, 5, 3), list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> torch.equal(y, layer(x)[0])
    True
    """
    return _layers("gru", input, args)


@exported("torch")
def rnn_tanh(input: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
    """The layers of an ``nn.RNN`` with weights that are given.

    Args:
        input: (steps, batch, n), or with ``batch_first`` (batch, steps, n).
        *args: ``hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first``: the states
            (num_layers * directions, batch, hidden); the weights of each layer and direction, in the order of the
            parameters of ``nn.RNN``; and its options. Or of packed sequences, whose elements are ``input``:
            ``batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional``.

    Returns:
        (the state of each step, the states at the end).

    Raises:
        RuntimeError: the number or the shapes of states or weights do not fit.
        TypeError: other arguments.

    >>> layer, x = torch.nn.RNN(2, 3), torch.randn(4, 5, 2)
    >>> y, h = torch.rnn_tanh(x, torch.zeros(1, 5, 3), list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> torch.equal(y, layer(x)[0])
    True
    """
    return _layers("rnn_tanh", input, args)


@exported("torch")
def rnn_relu(input: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
    """The layers of an ``nn.RNN`` with ``nonlinearity="relu"`` with weights that are given.

    Args:
        input: (steps, batch, n), or with ``batch_first`` (batch, steps, n).
        *args: ``hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first``: the states
            (num_layers * directions, batch, hidden); the weights of each layer and direction, in the order of the
            parameters of ``nn.RNN``; and its options. Or of packed sequences, whose elements are ``input``:
            ``batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional``.

    Returns:
        (the state of each step, the states at the end).

    Raises:
        RuntimeError: the number or the shapes of states or weights do not fit.
        TypeError: other arguments.

    >>> layer, x = torch.nn.RNN(2, 3, nonlinearity="relu"), torch.randn(4, 5, 2)
    >>> y, h = torch.rnn_relu(x, torch.zeros(1, 5, 3), list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> torch.equal(y, layer(x)[0])
    True
    """
    return _layers("rnn_relu", input, args)


def _step(name: str, x: Tensor, states: Sequence, w_ih: Tensor, w_hh: Tensor, b_ih: Any, b_hh: Any) -> list:
    """The states after one step."""
    if x.ndim != 2 or x.shape[1] != w_ih.shape[1]:
        raise RuntimeError(
            f"{name}_cell: input has inconsistent input_size: got shape {list(x.shape)}, "
            f"expected (batch, {w_ih.shape[1]})"
        )
    for s in states:
        if s.shape != (x.shape[0], w_hh.shape[1]):
            raise RuntimeError(
                f"{name}_cell: hidden has inconsistent hidden_size: got shape {list(s.shape)}, expected "
                f"({x.shape[0]}, {w_hh.shape[1]})"
            )
    return _direction(name, x, list(states), w_ih, w_hh, (b_ih, b_hh), False, (x.shape[0],), False)[1]


@exported("torch")
def lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM; ``nn.LSTMCell`` has the formula.

    Args:
        input: (batch, n).
        hx: h and c, each (batch, hidden).
        w_ih, w_hh: (4 * hidden, n) and (4 * hidden, hidden).
        b_ih, b_hh: (4 * hidden,), or None.

    Returns:
        (h, c) after the step.

    Raises:
        RuntimeError: the number or the shapes of states or weights do not fit.

    >>> cell, state, x = torch.nn.LSTMCell(2, 3), torch.zeros(5, 3), torch.randn(5, 2)
    >>> h, c = torch.lstm_cell(x, (state, state), *cell.parameters())
    >>> torch.equal(h, cell(x)[0])
    True
    """
    if len(hx) != 2:
        raise RuntimeError(f"lstm_cell expects two hidden states, got {len(hx)}")
    h, c = _step("lstm", input, hx, w_ih, w_hh, b_ih, b_hh)
    return h, c


@exported("torch")
def gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """One step of a GRU; ``nn.GRUCell`` has the formula.

    Args:
        input: (batch, n).
        hx: (batch, hidden).
        w_ih, w_hh: (3 * hidden, n) and (3 * hidden, hidden).
        b_ih, b_hh: (3 * hidden,), or None.

    Returns:
        The state after the step, (batch, hidden).

    Raises:
        RuntimeError: the shapes of state or weights do not fit.

    >>> cell, state, x = torch.nn.GRUCell(2, 3), torch.zeros(5, 3), torch.randn(5, 2)
    >>> torch.equal(torch.gru_cell(x, state, *cell.parameters()), cell(x, state))
    True
    """
    return _step("gru", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@exported("torch")
def rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """One step of a recurrent layer with tanh; ``nn.RNNCell`` has the formula.

    Args:
        input: (batch, n).
        hx: (batch, hidden).
        w_ih, w_hh: (hidden, n) and (hidden, hidden).
        b_ih, b_hh: (hidden,), or None.

    Returns:
        The state after the step, (batch, hidden).

    Raises:
        RuntimeError: the shapes of state or weights do not fit.

    >>> cell, state, x = torch.nn.RNNCell(2, 3), torch.zeros(5, 3), torch.randn(5, 2)
    >>> torch.equal(torch.rnn_tanh_cell(x, state, *cell.parameters()), cell(x, state))
    True
    """
    return _step("rnn_tanh", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@exported("torch")
def rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """One step of a recurrent layer with relu; ``nn.RNNCell`` has the formula.

    Args:
        input: (batch, n).
        hx: (batch, hidden).
        w_ih, w_hh: (hidden, n) and (hidden, hidden).
        b_ih, b_hh: (hidden,), or None.

    Returns:
        The state after the step, (batch, hidden).

    Raises:
        RuntimeError: the shapes of state or weights do not fit.

    >>> cell, state, x = torch.nn.RNNCell(2, 3, nonlinearity="relu"), torch.zeros(5, 3), torch.randn(5, 2)
    >>> torch.equal(torch.rnn_relu_cell(x, state, *cell.parameters()), cell(x, state))
    True
    """
    return _step("rnn_relu", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
