"""Modules as programs handle them: conversion, exchange of contents, warnings and errors in PyTorch's words."""

import contextlib
import warnings

import pytest

import numtorch
from numtorch import __future__ as future
from numtorch import nn

PARAMETRIZE = numtorch.nn.utils.parametrize


@contextlib.contextmanager
def overwriting():
    future.set_overwrite_module_params_on_conversion(True)
    try:
        yield
    finally:
        future.set_overwrite_module_params_on_conversion(False)


def warned(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in found]


def test_conversion_keeps_parameters_unless_it_is_told_to_replace_them():
    layer = nn.Linear(2, 3)
    before = layer.weight
    layer.double()
    assert layer.weight is before
    with overwriting():
        assert future.get_overwrite_module_params_on_conversion()
        layer.weight.grad = numtorch.ones(3, 2, dtype=numtorch.float64)
        layer.weight.requires_grad_(True)
        layer.float()
    assert layer.weight is not before
    assert (layer.weight.dtype, before.dtype) == (numtorch.float32, numtorch.float64)
    assert layer.weight.grad.tolist() == [[1.0] * 2] * 3
    assert dict(layer.named_parameters())["weight"] is layer.weight
    future.set_swap_module_params_on_conversion(True)
    assert future.get_swap_module_params_on_conversion()
    future.set_swap_module_params_on_conversion(False)


def test_tensors_exchange_all_that_they_hold():
    p, x = nn.Parameter(numtorch.ones(1)), numtorch.zeros(2, dtype=numtorch.int64)
    (p * 2).sum().backward()
    hooks = []
    x.note = "x"
    numtorch.utils.swap_tensors(p, x)
    assert (type(p), type(x)) == (numtorch.Tensor, nn.Parameter)
    assert (p.tolist(), x.tolist(), p.note) == ([0, 0], [1.0], "x")
    assert (x.grad.tolist(), p.grad, p.requires_grad) == ([2.0], None, False)
    x.register_post_accumulate_grad_hook(lambda t: hooks.append(t is x))
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0]
    assert hooks == [True]
    with pytest.raises(TypeError, match="two tensors, not int"):
        numtorch.utils.swap_tensors(p, 3)


def test_elements_for_parameters_without_any():
    layer = nn.Linear(2, 3, device="meta")
    full = nn.Linear(2, 3).state_dict()
    told = warned(lambda: layer.load_state_dict(full))
    assert len(told) == 2
    assert told[0].startswith("for weight: copying from a non-meta parameter in the checkpoint to a meta parameter")
    with pytest.raises(NotImplementedError, match=r"Please use torch\.nn\.Module\.to_empty\(\) instead"):
        layer.to("cpu")
    layer.load_state_dict(full, assign=True)
    assert layer.to("cpu").weight.tolist() == full["weight"].tolist()


def test_what_is_warned_of():
    layer = nn.Linear(1, 1)
    handle = layer.register_full_backward_hook(lambda *seen: None)
    (told,) = warned(lambda: layer(numtorch.ones(1, 1)).sum().backward())
    assert told.startswith("Full backward hook is firing when gradients are computed with respect to module outputs")
    assert not warned(lambda: layer(numtorch.ones(1, 1, requires_grad=True)).sum().backward())
    handle.remove()
    (told,) = warned(lambda: nn.utils.clip_grad_norm_((p for p in ()), 1.0))
    assert told == "`parameters` is an empty generator, no gradient clipping will occur."
    assert not warned(lambda: nn.utils.clip_grad_norm_([], 1.0))
    (told,) = warned(lambda: layer.to(numtorch.complex64))
    assert told.startswith("Complex modules are a new feature")


class Narrow(nn.Module):
    def forward(self, x):
        return x[:1]


@pytest.mark.parametrize(
    ("kind", "message", "call"),
    [
        (AttributeError, "object has no attribute 'q'", lambda m: nn.ParameterDict({"a": m.weight})["q"]),
        (ValueError, "may not change the shape", lambda m: PARAMETRIZE.register_parametrization(m, "weight", Narrow())),
        (ValueError, "does not have a parameter", lambda m: PARAMETRIZE.register_parametrization(m, "q", Narrow())),
        (ValueError, "not have a parametrization on", lambda m: PARAMETRIZE.remove_parametrizations(m, "bias")),
        (ValueError, "Expected a matrix or batch", lambda m: nn.utils.parametrizations.orthogonal(m, "bias")),
        (
            ValueError,
            r"'weight'.* multiple dictionaries",
            lambda m: numtorch.func.functional_call(m, [m.state_dict()] * 2),
        ),
        (
            RuntimeError,
            r"reparametrizing for Linear:\n\tUnexpected key\(s\): 'q'.\n\tMissing key\(s\): 'weight', 'bias'.",
            lambda m: numtorch.func.functional_call(m, {"q": m.weight}, strict=True),
        ),
        (
            NotImplementedError,
            "Got 3D input, but bilinear mode needs 4D input",
            lambda m: nn.Upsample(3, mode="bilinear")(numtorch.ones(1, 1, 2)),
        ),
    ],
)
def test_errors_are_torchs(kind, message, call):
    with pytest.raises(kind, match=message):
        call(nn.Linear(2, 3))
