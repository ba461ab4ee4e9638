"""Runs the same code with numtorch and with torch, and compares what comes out, errors included."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

import numtorch

torch = pytest.importorskip("torch")
with warnings.catch_warnings():  # torch imports these with its first tangent, and warns of itself
    warnings.simplefilter("ignore")
    importlib.import_module("torch._decomp.decompositions_for_jvp")


def plain(value):
    """Tensors as (dtype, shape, elements); containers and numbers as they are."""
    if isinstance(value, numtorch.Tensor | torch.Tensor):
        values = value.detach()
        if str(value.dtype) in ("torch.bfloat16", "torch.float16"):
            values = values.float()
        kind = np.complex128 if values.is_complex() else np.float64
        return str(value.dtype), tuple(value.shape), np.asarray(values.tolist(), dtype=kind)
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    if isinstance(value, numtorch.dtype | torch.dtype):
        return str(value)
    return value


def equal(ours, theirs, rtol, atol):
    """AssertionError where two results differ."""
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple) and len(ours) == len(theirs), f"{ours} != {theirs}"
        for a, b in zip(ours, theirs, strict=True):
            equal(a, b, rtol, atol)
    elif isinstance(theirs, (np.ndarray, float)):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    else:
        assert ours == theirs, f"{ours!r} != {theirs!r}"


def outcome(fn, lib):
    """The result of ``fn(lib)``, or what it raised."""
    try:
        return plain(fn(lib)), None
    except Exception as e:
        return None, e


def same(fn, rtol=1e-9, atol=1e-12):
    """``fn(numtorch)`` gives what ``fn(torch)`` gives; where torch raises, the same kind is raised."""
    theirs, their_error = outcome(fn, torch)
    ours, our_error = outcome(fn, numtorch)
    if their_error is not None:
        assert our_error is not None, f"torch raises {their_error!r}; numtorch returned {ours!r}"
        assert isinstance(our_error, type(their_error)), f"torch raises {their_error!r}; numtorch raises {our_error!r}"
        return our_error
    if our_error is not None:
        raise our_error
    equal(ours, theirs, rtol, atol)
    return None


def raises(fn, text):
    """Both raise the same kind, and both messages contain ``text``."""
    _, error = outcome(fn, torch)
    assert error is not None, "torch does not raise"
    assert text in str(error), f"torch says: {error}"
    with pytest.raises(type(error)) as info:
        fn(numtorch)
    assert text in str(info.value)


def lines(text):
    """The lines of a table of expressions."""
    return [line for line in text.splitlines() if line]


def evaluated(expression):
    """What ``same`` takes, of an expression in which ``t`` is either library, ``l`` makes an index and ``x`` is a 3 x 4
    matrix."""

    def run(t):
        scope = {
            "t": t,
            "l": lambda v, d=None: t.tensor(v, dtype=d or t.int64),
            "x": t.arange(12, dtype=t.float32).reshape(3, 4),
            "z": t.complex(t.arange(12, dtype=t.float32), t.arange(3, -9, -1, dtype=t.float32)).reshape(3, 4) / 4,
            "F": t.nn.functional,
            "inf": float("inf"),
            "nan": float("nan"),
        }
        return eval(expression, scope)  # noqa: S307 - the expressions of the tests' own tables

    return run
