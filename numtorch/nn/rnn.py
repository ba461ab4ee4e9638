"""Recurrent layers: ``RNN``, ``LSTM``, ``GRU`` and their cells. One op goes through the steps of a layer and direction;
see ``ops.recurrent``."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import TYPE_CHECKING, Any

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.nn.utils.rnn import PackedSequence
from numtorch.ops.creation import empty, zeros
from numtorch.ops.indexing.slices import index_select
from numtorch.ops.linear import linear
from numtorch.ops.movement import reshape, squeeze, unsqueeze
from numtorch.ops.movement.joining import cat, stack
from numtorch.ops.movement.views import select
from numtorch.ops.recurrent import projected, recurrent


def _draw(module: Module, hidden_size: int) -> None:
    bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for p in module.parameters():
        init.uniform_(p, -bound, bound)


class RNNBase(Module):
    """What ``RNN``, ``LSTM`` and ``GRU`` share: their parameters, layers and directions.

    Args:
        mode: ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
        input_size: size of the input's last dimension.
        hidden_size: size of the state.
        num_layers: how many layers there are, each of which takes the states of the one before.
        bias: add learnt numbers to each gate, two for each.
        batch_first: input and output are (batch, steps, ...).
        dropout: the probability with which a state that goes to the next layer is set to 0 in training.
        bidirectional: go through the steps in both directions, and join both states.
        proj_size: of an LSTM, to which size states are projected; 0: not at all.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Raises:
        ValueError: a size is out of range.
        TypeError: ``hidden_size`` is no integer.

    >>> torch.nn.RNNBase("GRU", 3, 4).weight_hh_l0.shape
    torch.Size([12, 4])
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # weights are made by their names

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:  # type: ignore[operator]
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        if not isinstance(hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        gates = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}.get(mode)
        if gates is None:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        state, rows = proj_size or hidden_size, gates * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else state * (1 + bidirectional)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, state)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
            for suffix in ("", "_reverse")[: 1 + bidirectional]:
                for name, shape in shapes.items():
                    made = Parameter(empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{name}_l{layer}{suffix}", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew from U(-b, b), ``b = 1 / sqrt(hidden_size)``.

        >>> layer = torch.nn.GRU(2, 4)
        >>> layer.reset_parameters()
        >>> bool((layer.weight_hh_l0.abs() <= 0.5).all())
        True
        """
        _draw(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Accepted, and does nothing: weights are packed by the kernels.

        >>> torch.nn.GRU(2, 4).flatten_parameters()
        """

    def _names(self, layer: int, direction: int) -> list[str]:
        parts = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else [])]
        parts += ["weight_hr"] if self.proj_size else []
        return [f"{part}_l{layer}{'_reverse' * direction}" for part in parts]

    @property
    def _all_weights(self) -> list[list[str]]:
        return [self._names(layer, d) for layer in range(self.num_layers) for d in range(1 + bool(self.bidirectional))]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [n for names in self._all_weights for n in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, n) for n in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction.

        >>> [tuple(p.shape) for p in torch.nn.GRU(2, 4).all_weights[0]]
        [(12, 2), (12, 4), (12,), (12,)]
        """
        return [[getattr(self, n) for n in names] for names in self._all_weights]

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Refuse an input that does not fit the layer.

        Args:
            input: three-dimensional, or the data of packed sequences.
            batch_sizes: of packed sequences.

        Raises:
            RuntimeError: the number of dimensions or the size of the last one is wrong.
            ValueError: it is of another type than the parameters.

        >>> torch.nn.GRU(2, 4).check_input(torch.zeros(5, 1, 2), None)
        """
        own = self._flat_weights[0].dtype
        if input.dtype is not own:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({own}). Convert input: input.to({own}), "
                f"or convert model: model.to({input.dtype})"
            )
        dims = 3 if batch_sizes is None else 2
        if input.ndim != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that a state must have.

        Args:
            input: three-dimensional, or the data of packed sequences.
            batch_sizes: of packed sequences.

        Returns:
            (layers * directions, batch, size of a state).

        >>> torch.nn.GRU(2, 4).get_expected_hidden_size(torch.zeros(5, 1, 2), None)
        (1, 1, 4)
        """
        batch = int(batch_sizes[0]) if batch_sizes is not None else input.shape[0 if self.batch_first else 1]
        return self.num_layers * (1 + bool(self.bidirectional)), batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuse a state of another shape.

        Args:
            hx: the state.
            expected_hidden_size: what its shape must be.
            msg: the error, with places for both shapes.

        Raises:
            RuntimeError: the shape is another one.

        >>> torch.nn.GRU(2, 4).check_hidden_size(torch.zeros(1, 1, 4), (1, 1, 4))
        """
        if hx.shape != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def _given(self, input: Any, hx: Any) -> tuple[Tensor, tuple | None, Any, bool]:
        """(the input as a batch, sizes of packed sequences, the states or None, whether it was a batch); checked."""
        lstm = self.mode == "LSTM"
        states = () if hx is None else tuple(hx) if lstm else (hx,)
        if isinstance(input, PackedSequence):
            self._check(input.data, input.batch_sizes, states)
            sizes = tuple(input.batch_sizes.tolist())
            if input.sorted_indices is not None:
                states = tuple([index_select(s, 1, input.sorted_indices) for s in states])
            return input.data, sizes, states, True
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        batched = input.ndim == 3
        if any(s.ndim != input.ndim for s in states):
            of = f"{'batched' if batched else 'unbatched'} {input.ndim}-D input, hx"
            got = f"({', '.join(f'{s.ndim}-D' for s in states)}) tensors" if lstm else f"{states[0].ndim}-D tensor"
            raise RuntimeError(f"For {of} {'and cx ' if lstm else ''}should also be {input.ndim}-D but got {got}")
        if not batched:
            input = unsqueeze(input, 0 if self.batch_first else 1)
            states = tuple([unsqueeze(s, 1) for s in states])
        self._check(input, None, states)
        if not input.shape[1 if self.batch_first else 0]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        return input, None, states, batched

    def _check(self, input: Tensor, batch_sizes: Tensor | None, states: tuple) -> None:
        self.check_input(input, batch_sizes)
        if not states:
            return
        expected = self.get_expected_hidden_size(input, batch_sizes)
        if self.mode != "LSTM":
            self.check_hidden_size(states[0], expected)
            return
        self.check_hidden_size(states[0], expected, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(states[1], (*expected[:2], self.hidden_size), "Expected hidden[1] size {}, got {}")

    def _direction(
        self, x: Tensor, states: list, weights: list, reverse: bool, sizes: tuple | None
    ) -> tuple[Tensor, list]:
        """One layer in one direction: the states of all steps, and the last ones."""
        w, recurrent_w, *rest = weights
        bias, own = (rest[0], rest[1]) if self.bias else (None, None)
        gru = self.mode == "GRU"
        if bias is not None and not gru:  # only a GRU treats them differently
            bias, own = bias + own, None
        z = linear(x, w, bias)
        if self.proj_size:
            before, cell = states
            y, h, cell = projected(z, before, cell, recurrent_w, rest[-1], reverse, sizes, self.batch_first)
            return y, [h, cell]
        c = states[1] if len(states) > 1 else None
        y, h, c, _, _ = recurrent(
            z, states[0], c, recurrent_w, own, self.mode.lower(), reverse, sizes, self.batch_first
        )
        return y, [h, c][: len(states)]

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, sizes, given, batched = self._given(input, hx)
        layers, batch, _ = self.get_expected_hidden_size(x, input.batch_sizes if sizes is not None else None)
        if not given:
            widths = (self.proj_size or self.hidden_size, self.hidden_size)[: 1 + (self.mode == "LSTM")]
            blank = {n: zeros((batch, n), dtype=x.dtype, device=x.device) for n in set(widths)}
            states = [[blank[n] for n in widths]] * layers
        else:
            states = [[select(s, 0, i) for s in given] for i in range(layers)]
        directions = 1 + bool(self.bidirectional)
        last: list[list] = []
        for layer in range(self.num_layers):
            parts = []
            for d in range(directions):
                weights = [getattr(self, n) for n in self._names(layer, d)]
                part, end = self._direction(x, states[layer * directions + d], weights, d == 1, sizes)
                parts.append(part)
                last.append(end)
            x = parts[0] if directions == 1 else cat(parts, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        ends = [unsqueeze(of[0], 0) if layers == 1 else stack(list(of), 0) for of in zip(*last, strict=True)]
        y: Any
        if sizes is not None:
            if input.unsorted_indices is not None:
                ends = [index_select(e, 1, input.unsorted_indices) for e in ends]
            y = PackedSequence(x, input.batch_sizes, input.sorted_indices, input.unsorted_indices)
        else:
            y = x if batched else squeeze(x, 0 if self.batch_first else 1)
            ends = ends if batched else [squeeze(e, 1) for e in ends]
        return y, tuple(ends) if len(ends) > 1 else ends[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        for name, usual in (("bias", True), ("batch_first", False), ("dropout", 0.0), ("bidirectional", False)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(RNNBase):
    """``h[t] = tanh(x[t] @ w_ih.T + b_ih + h[t - 1] @ w_hh.T + b_hh)`` for each step of a sequence.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of the state.
        num_layers: how many layers there are, each of which takes the states of the one before.
        nonlinearity: ``"tanh"``, or ``"relu"`` in its place.
        bias: add learnt numbers, ``b_ih`` and ``b_hh``.
        batch_first: input and output are (batch, steps, ...).
        dropout: the probability with which a state that goes to the next layer is set to 0 in training.
        bidirectional: go through the steps in both directions, and join both states.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.
        **kwargs: refused; ``proj_size`` is of an ``LSTM`` alone.

    Shape:
        input: (T, B, input_size), (B, T, input_size) with ``batch_first``, (T, input_size), or a ``PackedSequence``.
        h_0: the states before, (layers * directions, B, H); zeros unless given.
        output: the states of the last layer, (T, B, directions * H), or as the input is; and the last states, as h_0.

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k]: of layer k, (H, input_size or directions * H),
            (H, H), (H), (H), drawn from U(-b, b) with ``b = 1 / sqrt(H)``; with ``_reverse`` of the other direction.

    Raises:
        ValueError: a size, or ``nonlinearity``, is none of these.

    See https://pytorch.org/docs/stable/generated/torch.nn.RNN.html

    >>> y, h = torch.nn.RNN(3, 4)(torch.zeros(5, 2, 3))
    >>> y.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        _no_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


def _no_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if kwargs:
        raise TypeError(f"__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")


class LSTM(RNNBase):
    """A state and a cell for each step of a sequence, as gates let them pass.

    ``i, f, g, o`` are the parts of ``x[t] @ w_ih.T + b_ih + h[t - 1] @ w_hh.T + b_hh``;
    ``c[t] = sigmoid(f) * c[t - 1] + sigmoid(i) * tanh(g)`` and ``h[t] = sigmoid(o) * tanh(c[t])``.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of state and cell.
        num_layers: how many layers there are, each of which takes the states of the one before.
        bias: add learnt numbers, ``b_ih`` and ``b_hh``.
        batch_first: input and output are (batch, steps, ...).
        dropout: the probability with which a state that goes to the next layer is set to 0 in training.
        bidirectional: go through the steps in both directions, and join both states.
        proj_size: P, to which size each state is projected, ``h[t] @ w_hr.T``; 0: not at all.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        input: (T, B, input_size), (B, T, input_size) with ``batch_first``, (T, input_size), or a ``PackedSequence``.
        (h_0, c_0): states and cells before, (layers * directions, B, P or H) and (layers * directions, B, H); zeros
            unless given.
        output: the states of the last layer, (T, B, directions * (P or H)), or as the input is; and the last states and
            cells.

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k]: of layer k, (4 * H, input_size or the size of a
            state), (4 * H, P or H), (4 * H), (4 * H), drawn from U(-b, b) with ``b = 1 / sqrt(H)``; with ``_reverse``
            of the other direction.
        weight_hr_l[k]: (P, H), with ``proj_size``.

    Raises:
        ValueError: a size is out of range.

    Source: Hochreiter and Schmidhuber 1997, Long Short-Term Memory.
    See https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html

    >>> y, (h, c) = torch.nn.LSTM(3, 4, num_layers=2)(torch.zeros(5, 2, 3))
    >>> y.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """A state for each step of a sequence, as gates let it pass.

    ``r = sigmoid(x_r + h_r)``, ``z = sigmoid(x_z + h_z)``, ``n = tanh(x_n + r * h_n)``, and
    ``h[t] = (1 - z) * n + z * h[t - 1]``, of the parts of ``x[t] @ w_ih.T + b_ih`` and ``h[t - 1] @ w_hh.T + b_hh``.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of the state.
        num_layers: how many layers there are, each of which takes the states of the one before.
        bias: add learnt numbers, ``b_ih`` and ``b_hh``.
        batch_first: input and output are (batch, steps, ...).
        dropout: the probability with which a state that goes to the next layer is set to 0 in training.
        bidirectional: go through the steps in both directions, and join both states.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.
        **kwargs: refused; ``proj_size`` is of an ``LSTM`` alone.

    Shape:
        input: (T, B, input_size), (B, T, input_size) with ``batch_first``, (T, input_size), or a ``PackedSequence``.
        h_0: the states before, (layers * directions, B, H); zeros unless given.
        output: the states of the last layer, (T, B, directions * H), or as the input is; and the last states, as h_0.

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k]: of layer k, (3 * H, input_size or directions * H),
            (3 * H, H), (3 * H), (3 * H), drawn from U(-b, b) with ``b = 1 / sqrt(H)``; with ``_reverse`` of the other
            direction.

    Raises:
        ValueError: a size is out of range.

    Source: Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder.
    See https://pytorch.org/docs/stable/generated/torch.nn.GRU.html

    >>> y, h = torch.nn.GRU(3, 4, bidirectional=True)(torch.zeros(5, 2, 3))
    >>> y.shape, h.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        _no_projection(kwargs)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


class RNNCellBase(Module):
    """What ``RNNCell``, ``LSTMCell`` and ``GRUCell`` share.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: size of the state.
        bias: add learnt numbers to each gate, two for each.
        num_chunks: how many gates there are.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    >>> torch.nn.GRUCell(3, 4).weight_hh.shape
    torch.Size([12, 4])
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None
    nonlinearity = "tanh"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew from U(-b, b), ``b = 1 / sqrt(hidden_size)``.

        >>> cell = torch.nn.GRUCell(2, 4)
        >>> cell.reset_parameters()
        >>> bool((cell.weight_hh.abs() <= 0.5).all())
        True
        """
        _draw(self, self.hidden_size)

    def _step(self, input: Tensor, states: tuple, cell: str) -> tuple:
        """The states after one step."""
        name, two = type(self).__name__, cell == "lstm"
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        for i, s in enumerate(states):
            if s.ndim not in (1, 2):
                of = f"hx[{i}]" if two else "hidden"
                raise ValueError(f"{name}: Expected {of} to be 1D or 2D, got {s.ndim}D instead")
        x = input if input.ndim == 2 else unsqueeze(input, 0)
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        if not states:
            blank = zeros((x.shape[0], self.hidden_size), dtype=x.dtype, device=x.device)
            states = (blank,) * (1 + two)
        elif input.ndim == 1:
            states = tuple([reshape(s, (1, -1)) for s in states])
        for i, s in enumerate(states):
            if s.shape[0] != x.shape[0]:
                raise RuntimeError(f"Input batch size {x.shape[0]} doesn't match hidden{i} batch size {s.shape[0]}")
            if s.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {s.shape[1]}, expected {self.hidden_size}"
                )
        bias: Tensor | None = self.bias_ih
        own: Tensor | None = self.bias_hh
        if bias is not None and own is not None and cell != "gru":
            bias, own = bias + own, None
        c = states[1] if two else None
        sizes = (x.shape[0],)
        _, h, c, _, _ = recurrent(
            linear(x, self.weight_ih, bias), states[0], c, self.weight_hh, own, cell, False, sizes
        )
        after = (h, c) if two else (h,)
        return after if input.ndim == 2 else tuple([squeeze(s, 0) for s in after])

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.nonlinearity != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text


class RNNCell(RNNCellBase):
    """``tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)``: one step of an ``RNN``.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of the state.
        bias: add learnt numbers.
        nonlinearity: ``"tanh"``, or ``"relu"`` in its place.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: input (B, input_size) or (input_size), state (B, H) or (H); zeros unless given. To the next state.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (H, input_size), (H, H), (H), (H), drawn from U(-b, b) with
            ``b = 1 / sqrt(H)``.

    See https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html

    >>> torch.nn.RNNCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(input, () if hx is None else (hx,), f"rnn_{self.nonlinearity}")[0]


class LSTMCell(RNNCellBase):
    """One step of an ``LSTM``: the next state and the next cell.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of state and cell.
        bias: add learnt numbers.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: input (B, input_size) or (input_size), state and cell (B, H) or (H); zeros unless given. To the next state
        and cell.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (4 * H, input_size), (4 * H, H), (4 * H), (4 * H), drawn from U(-b, b)
            with ``b = 1 / sqrt(H)``.

    See https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html

    >>> h, c = torch.nn.LSTMCell(3, 4)(torch.zeros(2, 3))
    >>> h.shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        return self._step(input, () if hx is None else tuple(hx), "lstm")  # type: ignore[return-value]


class GRUCell(RNNCellBase):
    """One step of a ``GRU``: the next state.

    Args:
        input_size: size of the input's last dimension.
        hidden_size: H, the size of the state.
        bias: add learnt numbers.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: input (B, input_size) or (input_size), state (B, H) or (H); zeros unless given. To the next state.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (3 * H, input_size), (3 * H, H), (3 * H), (3 * H), drawn from U(-b, b)
            with ``b = 1 / sqrt(H)``.

    See https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html

    >>> torch.nn.GRUCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, () if hx is None else (hx,), "gru")[0]
