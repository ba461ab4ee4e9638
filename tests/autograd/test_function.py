"""autograd.Function, against torch."""

from __future__ import annotations

import pytest
from against_torch import raises, same

import numtorch as nt


def leaf(lib, values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


def cube(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    return Cube


def test_forward_and_backward():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = cube(lib).apply(x)
        y.sum().backward()
        return y, x.grad, y.grad_fn.name()

    same(run)


def test_double_backward():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        (g,) = lib.autograd.grad(cube(lib).apply(x).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x)
        return g, h

    same(run)
    x = leaf(nt, [0.5, -2.0])
    assert nt.autograd.gradcheck(cube(nt).apply, (x,)) and nt.autograd.gradgradcheck(cube(nt).apply, (x,))


def test_saved_output_in_double_backward():
    def run(lib):
        class Exp(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x.exp()
                ctx.save_for_backward(y)
                return y

            @staticmethod
            def backward(ctx, g):
                return g * ctx.saved_tensors[0]

        x = leaf(lib, [0.1, 0.2])
        (g,) = lib.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
        return g, lib.autograd.grad(g.sum(), x)

    same(run)


def test_setup_context():
    def run(lib):
        class Scale(lib.autograd.Function):
            @staticmethod
            def forward(x, factor=3.0):
                return x * factor

            @staticmethod
            def setup_context(ctx, inputs, output):
                x, ctx.factor = inputs
                ctx.save_for_backward(x, output)

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * ctx.factor * (y / x) / ctx.factor, None

        x = leaf(lib, [1.0, 2.0])
        y = Scale.apply(x, 5.0)
        y.sum().backward()
        first = x.grad.clone()
        Scale.apply(x).sum().backward()
        return y, first, x.grad

    same(run)


def test_several_inputs_and_outputs_and_other_arguments():
    def run(lib):
        seen = []

        class Both(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, name, y, factor, z):
                ctx.save_for_backward(x, y)
                ctx.factor = factor
                seen.append((name, ctx.needs_input_grad))
                return x * y * factor, "text", x + z

            @staticmethod
            def backward(ctx, g, nothing, h):
                x, y = ctx.saved_tensors
                seen.append((nothing, ctx.needs_input_grad))
                return g * y * ctx.factor + h, None, g * x * ctx.factor, None, None

        x, y = leaf(lib, [1.0, 2.0]), leaf(lib, [3.0, 4.0])
        p, text, q = Both.apply(x, "both", y, 2, lib.ones(2, dtype=lib.float64))
        (p * 2 + q).sum().backward()
        return seen, text, x.grad, y.grad, p.requires_grad, q.requires_grad

    same(run)


@pytest.mark.parametrize("materialize", [True, False])
def test_unused_outputs(materialize):
    def run(lib):
        seen = []

        class Two(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(materialize)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx, g, h):
                seen.append(h is None)
                return g * 2

        x = leaf(lib, [1.0, 2.0])
        Two.apply(x)[0].sum().backward()
        return seen, x.grad

    same(run)


def test_not_differentiable_outputs():
    def run(lib):
        class Sorted(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                order = x.detach() * 2
                ctx.mark_non_differentiable(order)
                return x * 1, order, (x > 0)

            @staticmethod
            def backward(ctx, g, h, k):
                assert h is not None
                return g

        y, order, positive = Sorted.apply(leaf(lib, [1.0, -2.0]))
        return y.requires_grad, order.requires_grad, positive.requires_grad

    same(run)


def inplace(lib):
    class Double(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return Double


def test_mark_dirty():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        h = x * 3
        y = inplace(lib).apply(h)
        same_object = y is h
        (h * y).sum().backward()
        return same_object, h, x.grad

    same(run)
    raises(lambda lib: inplace(lib).apply(leaf(lib, [1.0])), "a leaf Variable that requires grad")


def test_dirty_view_changes_the_history_of_its_base():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        h = x * 3
        inplace(lib).apply(h[:1])
        h.sum().backward()
        return h, x.grad

    same(run)


def test_dirty_values_saved_elsewhere_are_stale():
    def run(lib):
        h = leaf(lib, [1.0, 2.0]) * 3
        y = h.exp()
        inplace(lib).apply(y)
        h.sum().backward(retain_graph=True)
        (y * 2).sum().backward()

    same(run)


def test_saved_tensor_overwritten():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        h = x * 1
        y = cube(lib).apply(h)
        h.add_(1)
        y.sum().backward()

    raises(run, "modified by an inplace operation")


def test_input_returned_as_it_is():
    def run(lib):
        class Same(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x

            @staticmethod
            def backward(ctx, g):
                return g * 7

        x = leaf(lib, [1.0, 2.0])
        y = Same.apply(x)
        y.sum().backward()
        return y is x, x.is_leaf, y.is_leaf, x.grad

    same(run)


def test_no_graph_under_no_grad():
    def run(lib):
        with lib.no_grad():
            y = cube(lib).apply(leaf(lib, [1.0]))
        return y.requires_grad, cube(lib).apply(lib.ones(1)).requires_grad

    same(run)


def test_gradients_are_cast_and_summed_to_the_input():
    def run(lib):
        class Broad(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * lib.ones(3, 2, dtype=x.dtype)

            @staticmethod
            def backward(ctx, g):
                return g.double()

        x = lib.tensor([1.0, 2.0], requires_grad=True)
        Broad.apply(x).sum().backward()
        return x.grad

    same(run)


def returning(lib, result, several=False):
    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return result(g)

    def run():
        x = leaf(lib, [1.0, 2.0, 3.0])
        Wrong.apply(x, 3).sum().backward()
        return x.grad

    return run


def test_wrong_results_of_backward():
    raises(
        lambda lib: returning(lib, lambda g: g)(),
        "function WrongBackward returned an incorrect number of gradients (expected 2, got 1)",
    )
    raises(
        lambda lib: returning(lib, lambda g: (g, None, g))(),
        "returned an incorrect number of gradients (expected 2, got 3)",
    )
    same(lambda lib: returning(lib, lambda g: (g, None, None))())
    raises(
        lambda lib: returning(lib, lambda g: (g[:2], None))(),
        "returned an invalid gradient at index 0 - got [2] but expected shape compatible with [3]",
    )
    raises(lambda lib: returning(lib, lambda g: (g, g))(), "returned a gradient different than None at position 2")
    same(lambda lib: returning(lib, lambda g: (3, None))())


def test_no_gradient_at_all():
    same(lambda lib: returning(lib, lambda g: (None, None))())


def test_missing_methods():
    class Nothing(nt.autograd.Function):
        pass

    with pytest.raises(NotImplementedError, match="forward function"):
        Nothing.apply(leaf(nt, [1.0]))

    def run(lib):
        class Forward(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

        Forward.apply(leaf(lib, [1.0])).sum().backward()

    raises(run, "You must implement either the backward or vjp method")
    with pytest.raises(RuntimeError, match="Legacy autograd function"):
        Nothing()


def test_save_for_backward_takes_tensors():
    def run(lib):
        class Saves(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x, 3)
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g

        Saves.apply(leaf(lib, [1.0]))

    raises(run, "save_for_backward can only save variables, but argument 1 is of type int")


def test_ctx_attributes_do_not_collide_with_the_node():
    class Free(nt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.op, ctx.inputs, ctx.params, ctx.seq, ctx.edges, ctx.saved = "op", 1, 2, 3, 4, 5
            ctx.save_for_backward(x, None)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert (ctx.op, ctx.inputs, ctx.params, ctx.seq, ctx.edges, ctx.saved) == ("op", 1, 2, 3, 4, 5)
            assert ctx.saved_tensors[1] is None
            return g * 2

    x = leaf(nt, [1.0])
    y = Free.apply(x)
    assert y.grad_fn.saved_tensors[0] is x
    y.sum().backward()
    assert x.grad.tolist() == [2.0]
    with pytest.raises(RuntimeError, match="second time"):
        _ = y.grad_fn.saved_tensors


def test_second_backward():
    def run(lib):
        y = cube(lib).apply(leaf(lib, [1.0])).sum()
        y.backward(retain_graph=True)
        y.backward()
        y.backward()

    raises(run, "Trying to backward through the graph a second time")


def test_once_differentiable():
    def once(lib):
        class Once(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**2

            @staticmethod
            @lib.autograd.function.once_differentiable
            def backward(ctx, g):
                assert not lib.is_grad_enabled()
                return g * 2 * ctx.saved_tensors[0]

        return Once

    def first(lib):
        x = leaf(lib, [3.0])
        return lib.autograd.grad(once(lib).apply(x).sum(), x)

    same(first)

    def second(lib):
        x = leaf(lib, [3.0])
        (g,) = lib.autograd.grad((once(lib).apply(x) * x).sum(), x, create_graph=True)
        g.sum().backward()

    raises(second, "trying to differentiate twice a function that was marked with @once_differentiable")


def test_hooks_on_results():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = cube(lib).apply(x)
        y.register_hook(lambda g: g * 2)
        y.retain_grad()
        y.sum().backward()
        return x.grad, y.grad

    same(run)


def test_ops_inside_forward_record_nothing():
    def run(lib):
        seen = []

        class Inside(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 2
                seen.append((lib.is_grad_enabled(), y.requires_grad, x.requires_grad))
                return y

            @staticmethod
            def backward(ctx, g):
                seen.append(lib.is_grad_enabled())
                return g

        Inside.apply(leaf(lib, [1.0])).sum().backward()
        return seen

    same(run)
