"""Containers against torch's: contents, order, text and errors after the same changes."""

from collections import OrderedDict

import pytest
from same_as_torch import torch

import numtorch as nt


def layers(nn, n=4):
    return [nn.Linear(i + 1, i + 2) for i in range(n)]


def apply(act, f, make):
    c = make(f.nn)
    try:
        result = act(f.nn, c)
    except Exception as e:
        return type(e), str(e).split("<class")[0], repr(c)
    return repr(result), repr(c), list(c.state_dict()), list(c._modules) == [k for k, _ in c.named_children()], len(c)


SEQUENTIAL = [
    lambda nn, c: c[1],
    lambda nn, c: c[-1],
    lambda nn, c: c[1:3],
    lambda nn, c: c[::2],
    lambda nn, c: c[4],
    lambda nn, c: c[-5],
    lambda nn, c: c["a"],
    lambda nn, c: c.__setitem__(1, nn.ReLU()),
    lambda nn, c: c.__setitem__(9, nn.ReLU()),
    lambda nn, c: c.__setitem__(0, 3),
    lambda nn, c: c.__delitem__(1),
    lambda nn, c: c.__delitem__(slice(1, 3)),
    lambda nn, c: c.__delitem__(-1),
    lambda nn, c: c.append(nn.Tanh()),
    lambda nn, c: c.append(3),
    lambda nn, c: c.extend([nn.Tanh(), nn.ReLU()]),
    lambda nn, c: c.insert(1, nn.Tanh()),
    lambda nn, c: c.insert(-1, nn.Tanh()),
    lambda nn, c: c.insert(4, nn.Tanh()),
    lambda nn, c: c.pop(0),
    lambda nn, c: list(c),
    lambda nn, c: len(c),
]


@pytest.mark.parametrize(
    "act",
    [
        *SEQUENTIAL,
        lambda nn, c: c + c,
        lambda nn, c: c * 2,
        lambda nn, c: 2 * c,
        lambda nn, c: c.__iadd__(nn.Sequential(nn.ReLU())),
        lambda nn, c: c.__imul__(2),
        lambda nn, c: c * 0,
        lambda nn, c: c * "a",
        lambda nn, c: c + [1],
        lambda nn, c: c.insert(9, nn.Tanh()),
        lambda nn, c: c.insert(0, 3),
    ],
)
def test_sequential(act):
    def make(nn):
        return nn.Sequential(*layers(nn))

    assert apply(act, nt, make) == apply(act, torch, make)


@pytest.mark.parametrize(
    "act",
    [
        *SEQUENTIAL,
        lambda nn, c: c + layers(nn, 2),
        lambda nn, c: c.__iadd__(layers(nn, 2)),
        lambda nn, c: c.extend(3),
        lambda nn, c: c.extend([nn.ReLU()] * 3),
    ],
)
def test_module_list(act):
    def make(nn):
        return nn.ModuleList(layers(nn))

    if act is SEQUENTIAL[17]:  # a negative place: torch overwrites the last entry; a list inserts before it
        ours = make(nt.nn)
        ours.insert(-1, nt.nn.Tanh())
        assert [type(m).__name__ for m in ours] == ["Linear"] * 3 + ["Tanh", "Linear"]
        return
    assert apply(act, nt, make) == apply(act, torch, make)


def test_sequential_of_names():
    for nn in (nt.nn, torch.nn):
        c = nn.Sequential(OrderedDict([("a", nn.Linear(1, 1)), ("b", nn.ReLU())]))
        assert c.a is c[0] and list(c[:1]._modules) == ["a"] and list(c.state_dict()) == ["a.weight", "a.bias"]
        c[1] = nn.Tanh()
        assert isinstance(c.b, nn.Tanh)


def test_attributes_follow_positions():
    c = nt.nn.Sequential(*layers(nt.nn))
    del c[0]
    assert getattr(c, "0") is c[0] and not hasattr(c, "3") and c[0].in_features == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda nn, c: c["a"],
        lambda nn, c: c["zz"],
        lambda nn, c: c.__setitem__("c", nn.Tanh()),
        lambda nn, c: c.__delitem__("a"),
        lambda nn, c: c.pop("a"),
        lambda nn, c: c.clear(),
        lambda nn, c: list(c),
        lambda nn, c: list(c.keys()),
        lambda nn, c: list(c.items()),
        lambda nn, c: list(c.values()),
        lambda nn, c: "a" in c,
        lambda nn, c: c.update({"z": nn.ReLU(), "a": nn.Tanh()}),
        lambda nn, c: c.update([("q", nn.ReLU())]),
        lambda nn, c: c.update(nn.ModuleDict({"m": nn.ReLU()})),
        lambda nn, c: c.update(3),
        lambda nn, c: c.update([3]),
        lambda nn, c: c.update([(1, 2, 3)]),
        lambda nn, c: c.__setitem__("c", 3),
    ],
)
def test_module_dict(act):
    def make(nn):
        return nn.ModuleDict({"b": nn.Linear(1, 2), "a": nn.ReLU()})

    ours, theirs = apply(act, nt, make), apply(act, torch, make)
    if theirs[0] is TypeError and "should be Iterable" in theirs[1]:  # torch's text lacks a space
        theirs = (theirs[0], theirs[1].replace("is", "is ", 1), theirs[2])
        ours = (ours[0], ours[1], ours[2])
    assert ours == theirs


def parameters(f):
    return [f.nn.Parameter(f.ones(2)), f.ones(3, 1), "text"]


@pytest.mark.parametrize(
    "act",
    [
        lambda f, c: c[0],
        lambda f, c: c[-1],
        lambda f, c: c[3],
        lambda f, c: c[1:],
        lambda f, c: c.append(f.ones(1)),
        lambda f, c: c.extend([f.ones(1), 3]),
        lambda f, c: c.__setitem__(1, f.zeros(4)),
        lambda f, c: c.extend(3),
        lambda f, c: c.extend(f.ones(1)),
        lambda f, c: list(c),
        lambda f, c: c(1),
        lambda f, c: c.__iadd__([f.ones(2)]),
    ],
)
def test_parameter_list(act):
    results = []
    for f in (nt, torch):
        c = f.nn.ParameterList(parameters(f))
        try:
            result = repr(act(f, c))
        except Exception as e:
            result = type(e), str(e)
        results.append((result, repr(c), list(c.state_dict()), len(c), len(list(c.parameters()))))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "act",
    [
        lambda f, c: c["a"],
        lambda f, c: c.get("zz", 4),
        lambda f, c: c.__setitem__("c", f.ones(1)),
        lambda f, c: c.__delitem__("a"),
        lambda f, c: c.pop("a"),
        lambda f, c: c.popitem(),
        lambda f, c: c.clear(),
        lambda f, c: c.update({"z": f.ones(1), "c": f.ones(2)}),
        lambda f, c: c.setdefault("n", f.ones(1)),
        lambda f, c: c.setdefault("a"),
        lambda f, c: list(c),
        lambda f, c: list(reversed(c)),
        lambda f, c: list(c.items()),
        lambda f, c: list(c.values()),
        lambda f, c: list(c.keys()),
        lambda f, c: c | f.nn.ParameterDict({"x": f.ones(1)}),
        lambda f, c: c.copy(),
        lambda f, c: c.fromkeys(["k"], f.ones(1)),
        lambda f, c: c.update(OrderedDict(z=f.ones(1), c=f.ones(2))),
        lambda f, c: c.update([("q", f.ones(1))]),
        lambda f, c: c.update(3),
        lambda f, c: c.update([(1, 2, 3)]),
        lambda f, c: c(1),
        lambda f, c: "a" in c,
        lambda f, c: c.__ior__({"x": f.ones(1)}),
    ],
)
def test_parameter_dict(act):
    results = []
    for f in (nt, torch):
        c = f.nn.ParameterDict({"b": f.ones(2), "a": f.nn.Parameter(f.ones(1)), "n": 3})
        try:
            result = repr(act(f, c))
        except Exception as e:
            result = type(e), str(e).replace("ParametersDict", "ParameterDict")  # torch's slip
        results.append((result, repr(c), list(c.state_dict()), len(c), len(list(c.parameters()))))
    assert results[0] == results[1]
