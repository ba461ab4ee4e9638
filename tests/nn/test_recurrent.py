"""Recurrent layers against torch's: outputs, last states, and gradients of inputs, states and parameters."""

import contextlib

import numpy as np
import pytest
from same_as_torch import assert_same, pair, torch

import numtorch as nt
from numtorch.kernels import registry

rng = np.random.default_rng(0)
PACKED, ALONE, BATCH = "packed", "alone", "batch"
CASES = [
    ("LSTM", {}, BATCH),
    ("LSTM", {"batch_first": True, "bidirectional": True, "num_layers": 2}, BATCH),
    ("LSTM", {"bias": False, "bidirectional": True, "num_layers": 2}, PACKED),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}, PACKED),
    ("LSTM", {"proj_size": 2, "batch_first": True}, ALONE),
    ("GRU", {"num_layers": 2, "bidirectional": True}, BATCH),
    ("GRU", {"bias": False, "batch_first": True}, ALONE),
    ("GRU", {"num_layers": 2, "bidirectional": True}, PACKED),
    ("RNN", {"nonlinearity": "relu", "batch_first": True, "num_layers": 2}, BATCH),
    ("RNN", {"bidirectional": True}, PACKED),
    ("RNN", {"bias": False}, ALONE),
]


def run(library, module, how, sequences, whole, states):
    """What a layer gives, and all gradients of a loss of it."""
    states = [library.tensor(s, requires_grad=True) for s in states]
    inputs = [library.tensor(x, requires_grad=True) for x in (sequences if how == PACKED else [whole])]
    x = inputs[0]
    if how == PACKED:
        x = library.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False)
    y, last = module(x, tuple(states) if len(states) > 1 else states[0])
    y = y.data if how == PACKED else y
    last = list(last) if isinstance(last, tuple) else [last]
    ((y * y).sum() + sum((s * 1.5).sum() for s in last)).backward()
    return [y, *last, *[t.grad for t in inputs + states], *[p.grad for p in module.parameters()]]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("kind", "options", "how"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_layers(kind, options, how, dtype, tolerance):
    ours, theirs = pair(lambda library: getattr(library.nn, kind)(3, 5, dtype=getattr(library, dtype), **options))
    assert repr(ours) == repr(theirs)
    assert ours._flat_weights_names == theirs._flat_weights_names
    layers = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    widths = (options.get("proj_size", 5), 5)[: 1 + (kind == "LSTM")]
    states = [rng.standard_normal((layers, *(() if how == ALONE else (3,)), n)).astype(dtype) for n in widths]
    sequences = [rng.standard_normal((n, 3)).astype(dtype) for n in (2, 4, 3)]
    shape = (4, 3) if how == ALONE else (3, 4, 3) if options.get("batch_first") else (4, 3, 3)
    whole = rng.standard_normal(shape).astype(dtype)
    for a, b in zip(
        run(nt, ours, how, sequences, whole, states), run(torch, theirs, how, sequences, whole, states), strict=True
    ):
        assert_same(a, b, tolerance)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
@pytest.mark.parametrize("shape", [(3,), (4, 3)])
def test_cells(kind, shape):
    ours, theirs = pair(lambda library: getattr(library.nn, kind)(3, 5, bias=len(shape) == 2))
    assert repr(ours) == repr(theirs)
    x = rng.standard_normal(shape).astype(np.float32)

    def steps(library, cell):
        y = cell(library.tensor(x), cell(library.tensor(x)))
        y = y if isinstance(y, tuple) else (y,)
        sum((s * s).sum() for s in y).backward()
        return [*y, *[p.grad for p in cell.parameters()]]

    for a, b in zip(steps(nt, ours), steps(torch, theirs), strict=True):
        assert_same(a, b, 1e-5)


def test_many_sequences_are_shared_among_threads():
    ours, theirs = pair(lambda library: library.nn.GRU(16, 64))
    x = rng.standard_normal((20, 40, 16)).astype(np.float32)
    threads, results = nt.get_num_threads(), []
    try:
        for n in (1, 2):
            nt.set_num_threads(n)
            ours.zero_grad()
            y = ours(nt.tensor(x))[0]
            (y * y).mean().backward()
            results.append([y.detach().numpy(), *[p.grad.numpy().copy() for p in ours.parameters()]])
    finally:
        nt.set_num_threads(threads)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert_same(y, theirs(torch.tensor(x))[0], 1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_sequences_of_several_panels(kind):
    """More than a panel has, of different lengths, and more gates than a strip: as the op's body computes it."""
    layer = getattr(nt.nn, kind)(3, 20)
    given = [nt.tensor(rng.standard_normal((n, 3)).astype(np.float32)) for n in [3] * 5 + [2] * 8 + [1] * 60]
    results = []
    for how in (contextlib.nullcontext, registry.bodies_only):
        layer.zero_grad()
        with how():
            y = layer(nt.nn.utils.rnn.pack_sequence(given))[0].data
            (y * y).sum().backward()
        results.append([y, *[p.grad for p in layer.parameters()]])
    for a, b in zip(*results, strict=True):
        nt.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def both(f):
    """What ``f`` gives, or raises, in each framework."""

    def tried(library):
        try:
            return f(library)
        except Exception as e:
            return type(e), str(e)

    return tried(nt), tried(torch)


ROWS = (4, 3, 2)
MISTAKES = {
    "unsorted lengths": lambda t: t.nn.utils.rnn.pack_padded_sequence(t.zeros(ROWS), [1, 2, 3]),
    "a length of zero": lambda t: t.nn.utils.rnn.pack_padded_sequence(t.zeros(ROWS), [4, 2, 0]),
    "too few lengths": lambda t: t.nn.utils.rnn.pack_padded_sequence(t.zeros(ROWS), [4, 2]),
    "a total that is too short": lambda t: t.nn.utils.rnn.pad_packed_sequence(
        t.nn.utils.rnn.pack_padded_sequence(t.zeros(ROWS), [4, 2, 1]), total_length=3
    ),
    "no sequences": lambda t: t.nn.utils.rnn.pad_sequence([]),
    "another side": lambda t: t.nn.utils.rnn.pad_sequence([t.zeros(2)], padding_side="top"),
    "no steps": lambda t: t.nn.LSTM(2, 3)(t.zeros(0, 3, 2)),
    "wrong rank": lambda t: t.nn.GRU(2, 3)(t.zeros(4, 2, 2, 2)),
    "wrong width": lambda t: t.nn.LSTM(2, 3)(t.zeros(4, 2, 5)),
    "another type": lambda t: t.nn.LSTM(2, 3)(t.zeros(4, 2, 2, dtype=t.float64)),
    "states of another rank": lambda t: t.nn.LSTM(2, 3)(t.zeros(ROWS), (t.zeros(3, 3), t.zeros(3, 3))),
    "a state of another rank": lambda t: t.nn.GRU(2, 3)(t.zeros(4, 2), t.zeros(1, 3, 3)),
    "a state of another size": lambda t: t.nn.GRU(2, 3)(t.zeros(ROWS), t.zeros(1, 3, 4)),
    "an h of another size": lambda t: t.nn.LSTM(2, 3)(t.zeros(ROWS), (t.zeros(1, 3, 4), t.zeros(1, 3, 3))),
    "a c of another size": lambda t: t.nn.LSTM(2, 3)(t.zeros(ROWS), (t.zeros(1, 3, 3), t.zeros(1, 3, 4))),
    "cell: wrong width": lambda t: t.nn.LSTMCell(2, 3)(t.zeros(4, 3)),
    "cell: wrong rank": lambda t: t.nn.GRUCell(2, 3)(t.zeros(4, 3, 2)),
    "cell: another batch": lambda t: t.nn.LSTMCell(2, 3)(t.zeros(4, 2), (t.zeros(3, 3), t.zeros(4, 3))),
    "cell: another c": lambda t: t.nn.LSTMCell(2, 3)(t.zeros(4, 2), (t.zeros(4, 3), t.zeros(4, 2))),
    "cell: another function": lambda t: t.nn.RNNCell(2, 3, nonlinearity="sin")(t.zeros(4, 2)),
    "another function": lambda t: t.nn.RNN(2, 3, nonlinearity="sin"),
    "dropout above 1": lambda t: t.nn.GRU(2, 3, dropout=1.5),
    "no states": lambda t: t.nn.GRU(2, 0),
    "no layers": lambda t: t.nn.GRU(2, 3, 0),
    "a projection that widens": lambda t: t.nn.LSTM(2, 3, proj_size=3),
    "a GRU with a projection": lambda t: t.nn.GRU(2, 3, proj_size=2),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_raise_what_torch_raises(mistake):
    (kind, text), (wanted, said) = both(MISTAKES[mistake])
    assert kind is wanted
    assert text == said


def test_functions_of_sequences():
    x = [rng.standard_normal((n, 2)).astype(np.float32) for n in (2, 4, 3)]

    def results(library):
        rnn = library.nn.utils.rnn
        given = [library.tensor(a, requires_grad=True) for a in x]
        packed = rnn.pack_sequence(given, enforce_sorted=False)
        found = [*packed]
        for first in (False, True):
            found += rnn.pad_packed_sequence(packed, first, -1.0, 5)
            for side in ("left", "right"):
                found.append(rnn.pad_sequence(given, first, 0.5, side))
            padded = found[-1]
            found += [*rnn.pack_padded_sequence(padded, [2, 4, 3], first, False)]
            found += rnn.unpad_sequence(padded.clone(), library.tensor([2, 4, 3]), first)
        found += rnn.unpack_sequence(packed)
        loss = sum((t * t).sum() for t in found if t.dtype == library.float32)
        loss.backward()
        return [*found, *[g.grad for g in given], packed.double().data, packed.to(library.float64).batch_sizes]

    for a, b in zip(results(nt), results(torch), strict=True):
        assert_same(a, b)


def test_dropout_between_layers_and_second_derivatives():
    layer = nt.nn.GRU(3, 4, num_layers=2, dropout=1.0)
    assert layer(nt.ones(5, 2, 3))[0].sum() == nt.nn.GRU.forward(layer, nt.zeros(5, 2, 3))[0].sum()
    layer.eval()
    assert not nt.equal(layer(nt.ones(5, 2, 3))[0], layer(nt.zeros(5, 2, 3))[0])
    lstm, theirs = pair(lambda library: library.nn.LSTM(2, 3, dtype=library.float64))
    data = rng.standard_normal((3, 2, 2))

    def second(library, module):
        x = library.tensor(data, requires_grad=True)
        (g,) = library.autograd.grad((module(x)[0] ** 2).sum(), x, create_graph=True)
        (g**2).sum().backward()
        return [x.grad, *[p.grad for p in module.parameters()]]

    for a, b in zip(second(nt, lstm), second(torch, theirs), strict=True):
        assert_same(a, b, 1e-10)
