"""jacobian, hessian and the products with them, against torch."""

from __future__ import annotations

import pytest
from against_torch import raises, same


def values(lib, *shape):
    n = 1
    for s in shape:
        n *= s
    return (lib.arange(n, dtype=lib.float64).reshape(shape) + 1) / 3


def quadratic(x, y):
    return (x * x).sum(0) * y


@pytest.mark.parametrize("create", [False, True])
def test_jacobian(create):
    def run(lib):
        F = lib.autograd.functional
        x, y = values(lib, 2, 3), values(lib, 3)
        return (
            F.jacobian(lambda x: x.exp(), x, create_graph=create),
            F.jacobian(quadratic, (x, y), create_graph=create),
            F.jacobian(lambda x: (x.sum(), x * 2), x, create_graph=create),
            F.jacobian(lambda x: (x.sum(),), (x,)),
            F.jacobian(lambda x: x.sum(), values(lib)),
        )

    same(run)


def test_jacobian_with_a_graph_can_be_differentiated():
    def run(lib):
        x = values(lib, 3).requires_grad_()
        j = lib.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True)
        return lib.autograd.grad(j.sum(), x)

    same(run)


def test_hessian():
    def run(lib):
        F = lib.autograd.functional
        x, y = values(lib, 3), values(lib, 3) + 1
        return (
            F.hessian(lambda x: (x**3).sum(), x),
            F.hessian(lambda x, y: (x * x * y).sum(), (x, y)),
            F.hessian(lambda x: x.sum(), x),
            F.hessian(lambda x: (x**3).sum().reshape(1), x),
        )

    same(run)


def test_products():
    def run(lib):
        F = lib.autograd.functional
        x, y = values(lib, 2, 3), values(lib, 3)
        v = values(lib, 3) - 2
        return (
            F.vjp(quadratic, (x, y), v),
            F.jvp(quadratic, (x, y), (x * 2, v)),
            F.jvp(lambda x: (x.sum(), x.sin()), x, x),
            F.vhp(lambda x: (x**3).sum(), y, v),
            F.hvp(lambda x: (x**3).sum(), y, v),
            F.vjp(lambda x: x.sum(), x),
            F.hvp(lambda x, y: (x.sum(0) * y**2).sum(), (x, y), (x, v)),
        )

    same(run)


def test_inputs_are_left_alone():
    def run(lib):
        x = values(lib, 3).requires_grad_()
        lib.autograd.functional.jacobian(lambda x: x * 2, x)
        return x.grad, lib.autograd.functional.vjp(lambda x: x.sum(), x)[1].requires_grad

    same(run)


def test_under_no_grad():
    def run(lib):
        with lib.no_grad():
            return lib.autograd.functional.jacobian(lambda x: x * x, values(lib, 2))

    same(run)


def test_errors():
    raises(lambda lib: lib.autograd.functional.vjp(lambda x: x * 2, values(lib, 3)), "The vector v can only be None")
    raises(
        lambda lib: lib.autograd.functional.jacobian(lambda x: 3, values(lib, 3)),
        "must be either a Tensor or a tuple of Tensors",
    )
    raises(
        lambda lib: lib.autograd.functional.hessian(lambda x: x * 2, values(lib, 3)), "should contain a single element"
    )
    raises(lambda lib: lib.autograd.functional.vjp(lambda x: x * 2, values(lib, 3), values(lib, 2)), "has invalid size")
    raises(
        lambda lib: lib.autograd.functional.jacobian(lambda x, y: x * 2, (values(lib, 3), values(lib, 3)), strict=True),
        "independent of",
    )


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_rows_together(strategy):
    def run(lib):
        F = lib.autograd.functional
        x, y = values(lib, 3), values(lib, 3) + 1
        both = lambda x, y: (x.sin() * y.sum(), (x * y).prod())
        return (
            F.jacobian(both, (x, y), vectorize=True, strategy=strategy),
            F.jacobian(lambda x: x.sum(), x, vectorize=True, strategy=strategy),
            F.jacobian(lambda x: (x * 2, y), x, vectorize=True, strategy=strategy),
            F.hessian(lambda x: (x.sin() * x.sum()).sum(), x, vectorize=True, outer_jacobian_strategy=strategy),
        )

    same(run)


def test_rows_together_can_be_differentiated():
    def run(lib):
        x = values(lib, 3).requires_grad_()
        j = lib.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True, vectorize=True)
        return lib.autograd.grad(j.sum(), x)

    same(run)


def test_errors_of_strategies():
    identity = lambda x: x
    jacobian = lambda **how: lambda lib: lib.autograd.functional.jacobian(identity, values(lib, 2), **how)
    raises(jacobian(strategy="forward-mode"), "implemented for `vectorize=True`")
    raises(jacobian(strict=True, vectorize=True), "are not supported together")
    raises(jacobian(strict=True, strategy="forward-mode"), '`strict=True` and `strategy="forward-mode"`')
    raises(
        lambda lib: lib.autograd.functional.hessian(identity, values(lib, 2), outer_jacobian_strategy="x"),
        "Expected strategy to be either",
    )
