"""Recurrent layers as functions of their weights: they give what the modules give. Those are compared with torch."""

import pytest

import numtorch as torch

NAMES = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def module_of(name, cell=False, **options):
    kind = name[:3].upper() + "Cell" * cell if "rnn" in name else name.upper() + "Cell" * cell
    options |= {"nonlinearity": name[4:]} if "rnn" in name else {}
    torch.manual_seed(0)
    return getattr(torch.nn, kind)(2, 3, **options).double()


def flat(results):
    return [t for r in results for t in (r if isinstance(r, tuple) else (r,))]


def same(found, expected):
    assert len(found) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("biases", [True, False])
def test_layers_are_those_of_the_modules(name, biases):
    layer = module_of(name, num_layers=2, bidirectional=True, bias=biases, batch_first=True)
    x, state = torch.randn(2, 4, 2, dtype=torch.float64), torch.randn(4, 2, 3, dtype=torch.float64)
    states = (state, state * 2) if name == "lstm" else state
    weights = list(layer.parameters())
    found = getattr(torch, name)(x, states, weights, biases, 2, 0.0, False, True, True)
    same(found, flat(layer(x, states)))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, [4, 2], batch_first=True)
    found = getattr(torch, name)(packed.data, packed.batch_sizes, states, weights, biases, 2, 0.0, True, True)
    y, end = layer(packed, states)
    same(found, [y.data, *flat([end])])
    found[0].sum().backward()
    assert all(w.grad is not None for w in weights)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_those_of_the_modules(name):
    cell, x, state = module_of(name, cell=True), torch.randn(4, 2).double(), torch.randn(4, 3).double()
    states = (state, state * 2) if name == "lstm" else state
    f = getattr(torch, f"{name}_cell")
    same(flat([f(x, states, *cell.parameters())]), flat([cell(x, states)]))
    bare = module_of(name, cell=True, bias=False)
    same(flat([f(x, states, *bare.parameters())]), flat([bare(x, states)]))
    with pytest.raises(RuntimeError, match=r"inconsistent input_size: got shape \[4, 3\], expected \(batch, 2\)"):
        f(state, states, *cell.parameters())


def test_states_that_are_projected():
    layer = module_of("lstm", proj_size=1)
    x, h, c = (torch.randn(n, 2, k, dtype=torch.float64) for n, k in ((4, 2), (1, 1), (1, 3)))
    same(torch.lstm(x, (h, c), list(layer.parameters()), True, 1, 0.0, False, False, False), flat(layer(x, (h, c))))


def test_dropout_is_between_layers_in_training():
    layer, x, h = module_of("gru", num_layers=2), torch.ones(1, 1, 2).double(), torch.zeros(2, 1, 3).double()
    weights = list(layer.parameters())
    first, _ = torch.gru(x, h[:1], weights[:4], True, 1, 1.0, True, False, False)
    second, _ = torch.gru(first * 0, h[:1], weights[4:], True, 1, 0.0, False, False, False)
    assert torch.equal(torch.gru(x, h, weights, True, 2, 1.0, True, False, False)[0], second)


def test_refusals():
    layer, x, h = module_of("gru"), torch.zeros(4, 5, 2).double(), torch.zeros(1, 5, 3).double()
    weights = list(layer.parameters())
    rest = (True, 1, 0.0, False, False, False)
    for f, kind, message in (
        (lambda: torch.gru(x, h, weights), TypeError, r"gru\(\): expected \(input, hx, params"),
        (lambda: torch.gru(x, h, weights[:3], *rest), RuntimeError, "expected 4 weights for each of 1 layers .* got 3"),
        (lambda: torch.gru(x[0], h, weights, *rest), RuntimeError, "input must have 3 dimensions"),
        (lambda: torch.gru(x, h[0], weights, *rest), RuntimeError, r"expected states of shape \(1, batch, n\)"),
        (lambda: torch.lstm(x, (h,), weights, *rest), RuntimeError, "lstm expects two hidden states"),
        (lambda: torch.lstm_cell(x[0], (h[0],), *weights), RuntimeError, "expects two hidden states"),
    ):
        with pytest.raises(kind, match=message):
            f()
