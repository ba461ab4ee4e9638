"""backward, grad and hooks, against torch."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from against_torch import raises, same

import numtorch as nt
from numtorch.autograd import graph

# What a graph is made of, not what its kernels compute; these are those of autograd/test_broadcast_gradients.py.
pytestmark = pytest.mark.plain(but=r"test_backward_|memory|deep|test_broadcast_gradients\[\(\((4, 1, 3|2, 3)\)")


def leaf(lib, values, dtype="float64"):
    return lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True)


# --- backward -------------------------------------------------------------------------------------


def test_backward_of_a_scalar():
    def run(lib):
        x = leaf(lib, [1.0, 2.0, 3.0])
        (x * x).sum().backward()
        return x.grad

    same(run)


def test_backward_with_a_gradient():
    def run(lib):
        x = leaf(lib, [1.0, 2.0, 3.0])
        (x * x).backward(lib.tensor([1.0, 10.0, 100.0], dtype=lib.float64))
        return x.grad

    same(run)


def test_backward_casts_the_gradient_to_the_outputs_type():
    x = leaf(nt, [1.0, 2.0], "float32")
    (x * 2).backward(nt.tensor([1.0, 2.0], dtype=nt.float64))
    assert x.grad.dtype is nt.float32 and x.grad.tolist() == [2.0, 4.0]


def test_gradients_accumulate():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        for _ in range(3):
            (x * x + x).sum().backward()
        return x.grad

    same(run)


def test_gradients_of_parts():
    def run(lib):
        x = leaf(lib, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
        y = x * 2
        total = (y**2).sum()
        for i in range(3):
            parts = y[i], y[:, i], y.select(1, i), y.narrow(0, i, 1), y[..., i:], y[::2, None], x[i]
            total = total + sum(((i + 1) * part**2).sum() for part in parts)
        (first,) = lib.autograd.grad(total, y, retain_graph=True)
        second = lib.autograd.grad((lib.autograd.grad(total, x, create_graph=True)[0] ** 2).sum(), x, retain_graph=True)
        total.backward()
        return first, *second, x.grad

    same(run)


def test_the_gradient_of_a_part_is_not_widened(monkeypatch):
    """A loop over steps takes time by their number, not by its square: all but the first two are added in place."""
    added = []
    add = graph._add_part
    monkeypatch.setattr(graph, "_add_part", lambda *given: added.append(given) or add(*given))
    x = leaf(nt, np.ones((5, 2)))
    y = x * 1
    sum(y[i] * i for i in range(5)).sum().backward()
    assert len(added) == 3
    assert x.grad.tolist() == [[i, i] for i in range(5)]


def test_retain_graph():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = (x.exp() * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        return x.grad

    same(run)


def test_second_backward_is_an_error():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = (x.exp() * x).sum()
        y.backward()
        y.backward()

    raises(run, "Trying to backward through the graph a second time")


def test_second_backward_is_fine_where_nothing_was_saved():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = (x + x).sum()
        y.backward()
        y.backward()
        return x.grad

    same(run)


def test_create_graph():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        (g,) = lib.autograd.grad((x**3).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x, create_graph=True)
        (k,) = lib.autograd.grad(h.sum(), x)
        return g, h, k

    same(run)


def test_backward_with_create_graph_gives_a_gradient_with_a_graph():
    x = leaf(nt, [2.0])
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (g,) = nt.autograd.grad(x.grad.sum(), x)
    assert g.tolist() == [12.0]


def test_backward_inputs():
    def run(lib):
        x, y = leaf(lib, [1.0, 2.0]), leaf(lib, [3.0, 4.0])
        (x * y).sum().backward(inputs=[x])
        return x.grad, y.grad

    same(run)


def test_backward_inputs_that_are_not_leaves():
    x = leaf(nt, [1.0, 2.0])
    h = x * 3
    (h * h).sum().backward(inputs=[h, x])
    assert h.grad.tolist() == [6.0, 12.0] and x.grad.tolist() == [18.0, 36.0]


def test_backward_inputs_must_not_be_empty():
    raises(lambda lib: leaf(lib, [1.0]).sum().backward(inputs=[]), "cannot be empty")


def test_backward_of_several_tensors():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        lib.autograd.backward([x.sum(), (x * x)], [None, lib.tensor([2.0, 3.0], dtype=lib.float64)])
        return x.grad

    same(run)


def test_errors_of_backward():
    raises(lambda lib: (leaf(lib, [1.0, 2.0]) * 2).backward(), "grad can be implicitly created only for scalar outputs")
    raises(
        lambda lib: lib.tensor([1.0]).sum().backward(),
        "element 0 of tensors does not require grad and does not have a grad_fn",
    )
    raises(
        lambda lib: (leaf(lib, [1.0, 2.0]) * 2).backward(lib.ones(3, dtype=lib.float64)),
        "Mismatch in shape: grad_output[0] has a shape of",
    )
    raises(lambda lib: lib.tensor([1, 2], requires_grad=True), "can require gradients")
    raises(lambda lib: lib.tensor([1, 2]).requires_grad_(), "can require gradients")
    raises(
        lambda lib: setattr(leaf(lib, [1.0]) * 2, "requires_grad", False),
        "you can only change requires_grad flags of leaf variables",
    )


def test_output_without_graph_names_its_position():
    x = leaf(nt, [1.0])
    with pytest.raises(RuntimeError, match="element 1 of tensors"):
        nt.autograd.backward([x.sum(), nt.ones(())])


# --- grad -----------------------------------------------------------------------------------------


def test_grad_leaves_grad_alone():
    x = leaf(nt, [1.0, 2.0])
    nt.autograd.grad((x * x).sum(), x)
    assert x.grad is None


def test_grad_through_inputs_that_are_not_leaves():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        h = x * 3
        y = (h * x).sum()
        return lib.autograd.grad(y, [h, x])

    same(run)


def test_grad_of_an_output_by_itself():
    def run(lib):
        y = leaf(lib, [1.0, 2.0]).sum()
        return lib.autograd.grad(y, y)

    same(run)


def test_grad_outputs():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        return lib.autograd.grad([x * x, x.sum()], [x], [lib.tensor([1.0, 5.0], dtype=lib.float64), None])

    same(run)


def test_unused_inputs():
    def run(lib, **options):
        x, y = leaf(lib, [1.0, 2.0]), leaf(lib, [3.0])
        return lib.autograd.grad((x * x).sum(), [x, y], **options)

    raises(run, "appears to not have been used in the graph")
    same(lambda lib: run(lib, allow_unused=True))
    same(lambda lib: run(lib, materialize_grads=True))
    raises(lambda lib: run(lib, materialize_grads=True, allow_unused=False), "Expected allow_unused to be True")
    raises(lambda lib: lib.autograd.grad(leaf(lib, [1.0]).sum(), lib.ones(1)), "does not require grad")


def test_batched_gradients():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        return lib.autograd.grad(x * x * x, x, lib.eye(2, dtype=lib.float64), is_grads_batched=True)

    same(run)


def test_outputs_of_ops_with_several():
    def run(lib):
        x = lib.arange(12, dtype=lib.float64).reshape(3, 4).requires_grad_()
        y = (x * 1.5).sin()
        values, indices = y.max(1)
        a, b, c = y.unbind(0)
        p, q = y.split([1, 3], 1)
        assert not indices.requires_grad
        total = values.sum() * 2 + (a * c).sum() + p.sum() * q.sum()
        return lib.autograd.grad(total, [x, y, values], retain_graph=True), lib.autograd.grad(b.sum() + p.sum(), [x])

    same(run)


def test_one_input_twice():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        return lib.autograd.grad((x * x).sum(), [x, x])

    same(run)


# --- hooks ----------------------------------------------------------------------------------------


def test_hooks_on_leaves_run_in_order_and_replace():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        seen = []
        first = x.register_hook(lambda g: g * 2)
        x.register_hook(lambda g: seen.append(g.tolist()))
        x.register_hook(lambda g: g + 1)
        (x * x).sum().backward()
        first.remove()
        first.remove()
        (x * x).sum().backward()
        return seen, x.grad

    same(run)


def test_hooks_on_computed_tensors():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 3
        seen = []
        y.register_hook(lambda g: seen.append(g.tolist()))
        y.register_hook(lambda g: g * 10)
        y.retain_grad()
        y.register_hook(lambda g: g + 1)
        (y * y + y).sum().backward()
        return seen, x.grad, y.grad

    same(run)


def test_hooks_on_one_output_of_several():
    def run(lib):
        x = leaf(lib, [[1.0, 5.0], [4.0, 2.0]])
        values, _ = (x * 2).max(1)
        values.register_hook(lambda g: g * 3)
        parts = (x * 3).unbind(0)
        parts[1].register_hook(lambda g: g * 100)
        (values.sum() + parts[0].sum() + parts[1].sum()).backward()
        return x.grad

    same(run)


def test_hooks_of_nodes():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 3
        z = y.exp()
        seen = []
        h = z.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), gi[0].tolist(), go[0].tolist())))
        z.grad_fn.register_prehook(lambda go: (go[0] * 2,))
        y.grad_fn.register_hook(lambda gi, go: (gi[0] + 1, *gi[1:]))
        z.sum().backward(retain_graph=True)
        h.remove()
        z.sum().backward()
        return seen, x.grad

    same(run)


def test_post_accumulate_hooks():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        seen = []

        def hook(p):
            seen.append(p.grad.tolist())
            p.grad = None

        handle = x.register_post_accumulate_grad_hook(hook)
        (x * x).sum().backward()
        before = x.grad
        handle.remove()
        (x * x).sum().backward()
        return seen, before, x.grad

    same(run)
    raises(
        lambda lib: (leaf(lib, [1.0]) * 2).register_post_accumulate_grad_hook(print),
        "cannot be registered on non-leaf tensors",
    )


def test_errors_of_hooks():
    raises(
        lambda lib: lib.ones(2).register_hook(print), "cannot register a hook on a tensor that doesn't require gradient"
    )
    raises(lambda lib: lib.ones(2).retain_grad(), "can't retain_grad on Tensor that has requires_grad=False")

    def wrong_shape(lib):
        x = leaf(lib, [1.0, 2.0])
        x.register_hook(lambda g: g[:1])
        x.sum().backward()

    raises(wrong_shape, "has changed the size of value")

    def wrong_type(lib):
        x = leaf(lib, [1.0, 2.0])
        x.register_hook(lambda g: 3)
        x.sum().backward()

    same(wrong_type)


def test_retain_grad_follows_in_place_writes():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 2
        y.retain_grad()
        y.mul_(5)
        (y * 3).sum().backward()
        return y.grad, x.grad, y.retains_grad

    same(run)


def test_retained_gradients_accumulate():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = x * 2
        y.retain_grad()
        y.sum().backward(retain_graph=True)
        (y * y).sum().backward()
        return y.grad, x.grad

    same(run)


# --- what the graph shows -----------------------------------------------------------------------------


def test_names_and_edges_of_nodes():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        y = lib.tensor([3.0, 4.0], dtype=lib.float64)
        z = (x * y).exp().sum()
        names, node = [], z.grad_fn
        while node is not None:
            names.append(node.name())
            node = node.next_functions[0][0] if node.next_functions else None
        return names, (x * y).grad_fn.next_functions[1], x.is_leaf, z.is_leaf, x.grad_fn

    same(run)


def test_accumulating_node_knows_its_tensor():
    x = leaf(nt, [1.0])
    assert (x * 2).grad_fn.next_functions[0][0].variable is x


def test_output_numbers():
    def run(lib):
        values, _ = leaf(lib, [[1.0, 2.0]]).max(1)
        return values.output_nr

    same(run)


# --- grad attributes --------------------------------------------------------------------------------


def test_setting_grad():
    def run(lib):
        x = leaf(lib, [1.0, 2.0])
        x.grad = lib.ones(2, dtype=lib.float64)
        (x * x).sum().backward()
        first = x.grad
        x.grad = None
        return first, x.grad

    same(run)
    same(lambda lib: setattr(leaf(lib, [1.0]), "grad", lib.ones(2, dtype=lib.float64)))
    same(lambda lib: setattr(leaf(lib, [1.0]), "grad", lib.ones(1, dtype=lib.float32)))
    same(lambda lib: setattr(leaf(lib, [1.0]), "grad", 3))


def test_gradients_of_two_leaves_do_not_share_memory():
    a, b = leaf(nt, [1.0, 2.0]), leaf(nt, [3.0, 4.0])
    (a + b).sum().backward()
    a.grad.mul_(10)
    assert b.grad.tolist() == [1.0, 1.0]
    assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())


def test_gradient_does_not_share_memory_with_the_given_one():
    a, b = leaf(nt, [1.0, 2.0]), leaf(nt, [3.0, 4.0])
    g = nt.ones(2, dtype=nt.float64)
    (a + b).backward(g)
    (a + b).backward(g)
    assert g.tolist() == [1.0, 1.0] and a.grad.tolist() == [2.0, 2.0] and b.grad.tolist() == [2.0, 2.0]


def test_gradients_kept_by_hooks_are_not_added_to_in_place():
    x = leaf(nt, [1.0, 2.0])
    kept = []
    x.register_hook(kept.append)
    (x * x + x).sum().backward()
    (x * x + x).sum().backward()
    assert [g.tolist() for g in kept] == [[3.0, 5.0], [3.0, 5.0]]


def test_gradients_of_views_do_not_share_memory():
    x, y = leaf(nt, [[1.0, 2.0], [3.0, 4.0]]), leaf(nt, [1.0, 2.0, 3.0, 4.0])
    (x.reshape(-1) + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0] * 4
    x.grad = y.grad = None
    (x.t() + y.view(2, 2)).backward(nt.ones(2, 2, dtype=nt.float64))
    assert not np.shares_memory(x.grad.numpy(), y.grad.numpy())


# --- shapes and types ---------------------------------------------------------------------------------

SHAPES = [
    ((), ()),
    ((3,), ()),
    ((), (3,)),
    ((3,), (1,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 1)),
    ((4, 1, 3), (2, 1)),
    ((0,), ()),
    ((0,), (1,)),
    ((2, 0), (1, 1)),
    ((1, 1, 1), (2, 3)),
    ((5, 1, 2, 1), (3, 1, 4)),
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_broadcast_gradients(shapes):
    rng = np.random.default_rng(0)
    values = [rng.uniform(0.5, 2, s) for s in shapes]

    def run(lib):
        x, y = (lib.from_numpy(v.copy()).requires_grad_() for v in map(np.asarray, values))
        for z in (x + y, x * y, x / y, x - y, lib.maximum(x, y), x**y, lib.where(x > 1, x, y)):
            (z * z).sum().backward()
        return x.grad, y.grad

    same(run, rtol=1e-8)


@pytest.mark.parametrize("first", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("second", ["float16", "bfloat16", "float32", "float64", "int64", "bool"])
def test_gradients_have_the_type_of_their_tensors(first, second):
    def run(lib):
        x = lib.tensor([1.0, 2.0], dtype=getattr(lib, first), requires_grad=True)
        y = lib.tensor([1, 1], dtype=getattr(lib, second))
        if y.is_floating_point():
            y.requires_grad_()
        (x * y + x).sum().backward()
        return x.grad, y.grad

    same(run)


def test_gradient_of_a_cast():
    def run(lib):
        x = leaf(lib, [1.5, 2.5], "float32")
        (x.double() ** 2).sum().backward()
        return x.grad

    same(run)


# --- size ---------------------------------------------------------------------------------------------


def test_a_deep_graph_goes_forward_and_backward():
    x = leaf(nt, 1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0


def test_a_deep_graph_is_freed_without_backward():
    x = leaf(nt, 1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    first = weakref.ref(y.grad_fn)
    del y
    assert first() is None


def test_a_deep_graph_is_searched_without_recursion():
    x = leaf(nt, 1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = nt.autograd.grad(y, x)
    assert g.item() == 1.0


def test_a_wide_graph():
    x = leaf(nt, [1.0, 2.0])
    y = sum(x * float(i) for i in range(2000))
    y.sum().backward()
    assert x.grad.tolist() == [1999000.0, 1999000.0]


def test_many_paths_are_walked_once():
    x = leaf(nt, 1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_saved_buffers_go_as_backward_passes_them():
    x = leaf(nt, np.ones(1000).tolist())
    alive = []
    y = x
    for i in range(50):
        y = y.exp().log()
        if i % 10 == 0:
            y.register_hook(lambda g: alive.append(sum(r() is not None for r in saved)))
    saved, node = [], y.grad_fn
    while node.next_functions:
        saved.extend(weakref.ref(s) for s in node.saved if isinstance(s, nt.Tensor))
        node = node.next_functions[0][0]
    del node
    total = len(saved)
    y.sum().backward()
    assert total >= 99 and alive == sorted(alive, reverse=True) and alive[-1] < total // 10


def test_peak_memory_of_backward_stays_flat():
    def peak(depth):
        x = nt.ones(25_000, requires_grad=True)
        y = x
        for _ in range(depth):
            y = y.tanh()
        y = y.sum()
        gc.collect()
        tracemalloc.start()
        y.backward()
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(2)
    assert peak(60) < peak(3) + 3 * 100_000


def test_a_training_loop_leaves_no_cycles():
    w = nt.randn(8, 4, requires_grad=True)
    b = nt.zeros(4, requires_grad=True)
    x, t = nt.randn(16, 8), nt.randn(16, 4)
    results = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            loss = (((x @ w + b).relu() - t) ** 2).mean()
            results.append(weakref.ref(loss))
            results.append(weakref.ref(loss.grad_fn))
            loss.backward()
            with nt.no_grad():
                for p in (w, b):
                    p -= 0.01 * p.grad
                    p.grad = None
        del loss
        assert sum(r() is not None for r in results) == 0
    finally:
        gc.enable()


def test_a_user_function_leaves_no_cycle():
    class Square(nt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, _ = ctx.saved_tensors
            return 2 * x * g

    x = leaf(nt, [1.0])
    gc.collect()
    gc.disable()
    try:
        y = Square.apply(x)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_backward_in_several_threads():
    x = leaf(nt, [1.0, 2.0])
    found = []

    def work():
        y = leaf(nt, [3.0, 4.0])
        for _ in range(50):
            (g,) = nt.autograd.grad((x * y).sum(), y)
            found.append(g.tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [[1.0, 2.0]] * 200


def test_backward_inside_a_hook():
    x = leaf(nt, [1.0, 2.0])
    z = leaf(nt, [5.0])

    def hook(g):
        with nt.enable_grad():
            (z * z).sum().backward()

    x.register_hook(hook)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and z.grad.tolist() == [10.0]
