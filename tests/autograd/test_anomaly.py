"""Anomaly detection and saved-tensor hooks."""

from __future__ import annotations

import pytest
from against_torch import same

import numtorch as nt
from numtorch.autograd import graph


class Broken(nt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise ValueError("broken backward")


def a_line_to_be_named(x):
    return (x * 0 / x).sqrt()


def test_nan_names_function_and_forward_line():
    x = nt.tensor([0.0, 1.0], requires_grad=True)
    with nt.autograd.detect_anomaly():
        y = a_line_to_be_named(x)
        with pytest.raises(
            RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th output."
        ) as info:
            y.sum().backward()
    assert "a_line_to_be_named" in str(info.value) and __file__ in str(info.value)


def test_nan_in_another_input():
    x, y = nt.tensor([float("inf")], requires_grad=True), nt.tensor([1.0], requires_grad=True)
    with nt.autograd.detect_anomaly():
        z = x * y
        with pytest.raises(RuntimeError, match="MulBackward0' returned nan values in its 1th output"):
            z.backward(nt.tensor([0.0]))


def test_errors_name_the_forward_line():
    x = nt.tensor([1.0], requires_grad=True)
    with nt.autograd.detect_anomaly():
        y = Broken.apply(x)
        with pytest.raises(ValueError, match="broken backward") as info:
            y.sum().backward()
    assert any("y = Broken.apply(x)" in note for note in info.value.__notes__)


def test_without_nan_check():
    x = nt.tensor([0.0], requires_grad=True)
    with nt.autograd.detect_anomaly(check_nan=False):
        assert nt.autograd.is_anomaly_enabled() and not nt.autograd.is_anomaly_check_nan_enabled()
        a_line_to_be_named(x).backward()
    assert x.grad.isnan().all()
    assert nt.autograd.is_anomaly_check_nan_enabled()


def test_settings_are_restored():
    assert not nt.autograd.is_anomaly_enabled()
    with nt.autograd.set_detect_anomaly(True):
        assert nt.autograd.is_anomaly_enabled()
        with nt.autograd.set_detect_anomaly(False):
            assert not nt.autograd.is_anomaly_enabled()
            assert (nt.ones(1, requires_grad=True) * 2).grad_fn.trace is None
        assert (nt.ones(1, requires_grad=True) * 2).grad_fn.trace is not None
    assert not nt.autograd.is_anomaly_enabled()
    nt.autograd.set_detect_anomaly(True)
    assert nt.autograd.is_anomaly_enabled()
    nt.autograd.set_detect_anomaly(False)
    assert not nt.autograd.is_anomaly_enabled()


def test_stale_values_say_where_they_were_saved():
    x = nt.ones(2, requires_grad=True)
    with nt.autograd.detect_anomaly():
        y = (x * 2).exp()
        y.add_(1)
        with pytest.raises(RuntimeError, match="inplace operation") as info:
            y.sum().backward()
    assert any("y = (x * 2).exp()" in note for note in info.value.__notes__)


# --- saved-tensor hooks ---------------------------------------------------------------------------------


def test_packing():
    def run(lib):
        x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
        log = []

        def pack(t):
            log.append(("pack", t.requires_grad))
            return t * 10

        def unpack(t):
            log.append("unpack")
            return t / 10

        with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = x.exp() * x
        y.sum().backward()
        return x.grad, len(log) > 3

    same(run)


def test_packed_values_in_double_backward():
    def run(lib):
        x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
        with lib.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda v: lib.tensor(v, dtype=lib.float64)):
            y = (x**3).exp()
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
        return g, lib.autograd.grad(g.sum(), x)

    same(run)


def test_packing_of_functions_and_several_outputs():
    class Cube(nt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x**3
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * 3 * y / x

    x = nt.tensor([[1.0, 2.0], [4.0, 3.0]], requires_grad=True)
    count = []
    with graph.saved_tensors_hooks(lambda t: (count.append(1), t.numpy().copy())[1], nt.from_numpy):
        y = Cube.apply(x).max(1)[0]
    y.sum().backward()
    assert x.grad.tolist() == [[0.0, 12.0], [48.0, 0.0]] and len(count) >= 2


def test_save_on_cpu():
    x = nt.tensor([1.0, 2.0], requires_grad=True)
    with graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_disabled_hooks():
    with graph.disable_saved_tensors_hooks("not here"):
        (nt.ones(1, requires_grad=True) * 2).sum().backward()
        with pytest.raises(RuntimeError, match="not here"), graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass


def test_unpack_must_return_a_tensor():
    x = nt.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: None):
        y = x.exp()
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor"):
        y.sum().backward()


def test_increment_version():
    x = nt.ones(2, requires_grad=True)
    h = x * 2
    y = h.exp()
    graph.increment_version(y)
    with pytest.raises(RuntimeError, match="inplace operation"):
        y.sum().backward()
