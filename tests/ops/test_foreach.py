"""``torch._foreach_*``: each name, in place and not, with lists, numbers and tensors; one launch where there is one."""

import numpy as np
import pytest

import numtorch
from numtorch import exports
from numtorch.ops import foreach

VALUES = [[0.3, 0.5], [[0.2, 0.7, 0.9]], 0.4]
NAMES = [n for n in dir(numtorch) if n.startswith("_foreach_")]


def tensors(lib, plus=0.0):
    return [lib.tensor(np.array(v, np.float64) + plus) for v in VALUES]


def test_every_name_of_the_tables_is_there():
    made = {f"_foreach_{n}{end}" for n in (*foreach.UNARY, *foreach.BINARY, "addcmul", "addcdiv") for end in ("", "_")}
    assert made <= set(NAMES)
    assert len(NAMES) == 91


@pytest.mark.parametrize("name", ["sqrt", "neg", "round"])
def test_each_element_is_that_of_the_op(name):
    want = [getattr(x, name)().tolist() for x in tensors(numtorch)]
    assert [y.tolist() for y in getattr(numtorch, f"_foreach_{name}")(tensors(numtorch))] == want
    xs = tensors(numtorch)
    assert getattr(numtorch, f"_foreach_{name}_")(xs) is xs
    assert [x.tolist() for x in xs] == want


def test_every_function_of_one_list_runs_its_op(monkeypatch):
    called = []
    for name in foreach.UNARY:
        monkeypatch.setitem(exports.PLACES["torch"], name, lambda x, name=name: called.append(name))
        getattr(numtorch, f"_foreach_{name}")([numtorch.ones(1)])
        x = numtorch.empty(2, device="meta")
        assert getattr(numtorch, f"_foreach_{name}_")([x])[0] is x
    assert called == list(foreach.UNARY)


@pytest.mark.parametrize("name", [n for n in NAMES if n.removeprefix("_foreach_").rstrip("_") not in foreach.UNARY])
def test_names_give_what_torch_gives(name):
    torch = pytest.importorskip("torch")
    short = name.removeprefix("_foreach_").rstrip("_")
    numbers = [1.0, 2.0, 3.0]
    if short in foreach.BINARY:
        calls = [lambda lib, v=v: (v,) for v in (2, 0.5, numbers)] + [lambda lib: (tensors(lib, 1.0),)]
        if short in ("add", "mul", "div"):
            calls.append(lambda lib: (lib.tensor(2.0, dtype=lib.float64),))
    elif short.startswith("addc"):
        pair = lambda lib: (tensors(lib, 1.0), tensors(lib, 2.0))
        calls = [lambda lib, v=v: (*pair(lib), *v) for v in ((), (0.5,), (numbers,))]
        calls.append(lambda lib: (*pair(lib), lib.tensor(numbers)))
    elif short == "lerp":
        calls = [lambda lib, v=v: (tensors(lib, 1.0), v) for v in (0.3, 0.7, numbers)]
        calls.append(lambda lib: (tensors(lib, 1.0), tensors(lib)))
    elif short == "copy":
        calls = [lambda lib: (tensors(lib, 1.0),)]
    elif short == "mm":
        calls = []
    else:
        calls = [lambda lib: ()] + [lambda lib, v=v: (v,) for v in (1, float("inf")) if short in ("norm", "powsum")]
    for call in calls:
        found = [getattr(lib, name)(tensors(lib), *call(lib)) for lib in (numtorch, torch)]
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)
            assert str(ours.dtype) == str(theirs.dtype)


def test_products_and_powers_of_a_number():
    (y,) = numtorch._foreach_mm([numtorch.ones(2, 3)], [numtorch.ones(3, 1)])
    assert y.tolist() == [[3.0], [3.0]]
    assert [y.tolist() for y in numtorch._foreach_pow(2.0, [numtorch.tensor([1.0, 3.0])])] == [[2.0, 8.0]]


def test_a_step_of_adam_is_the_formula():
    p, g, m, v = (tensors(numtorch, i) for i in range(4))
    want = [b * 0.9 + a * 0.1 for a, b in zip(g, m, strict=True)]
    numtorch._foreach_lerp_(m, g, 0.1)
    for a, b in zip(m, want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    before = [x.clone() for x in v]
    numtorch._foreach_mul_(v, 0.999)
    numtorch._foreach_addcmul_(v, g, g, 0.001)
    roots = numtorch._foreach_sqrt(v)
    numtorch._foreach_add_(roots, 1e-8)
    start = [x.clone() for x in p]
    numtorch._foreach_addcdiv_(p, m, roots, -0.1)
    for x, s, b, u, a in zip(p, start, before, m, g, strict=True):
        second = b.numpy() * 0.999 + a.numpy() ** 2 * 0.001
        np.testing.assert_allclose(x.numpy(), s.numpy() - 0.1 * u.numpy() / (np.sqrt(second) + 1e-8), rtol=1e-10)


def test_lists_in_place_are_one_launch():
    xs, ys = ([numtorch.ones(3) for _ in range(5)] for _ in range(2))
    with numtorch.profiler.profile() as prof:
        numtorch._foreach_mul_(xs, 2.0)
        numtorch._foreach_add_(xs, ys, alpha=3)
        numtorch._foreach_zero_(ys)
    assert {r.kernel: r.calls for r in prof.rows if r.kind == "kernel"} == {
        "scale_each/cpu/generated": 1,
        "add_each/cpu/generated": 1,
        "fill_each/cpu/generated": 1,
    }
    assert xs[4].tolist() == [5.0] * 3
    assert xs[0]._version == 2


def test_gradients_flow_and_leaves_are_kept():
    w = numtorch.ones(2, requires_grad=True)
    (y,) = numtorch._foreach_mul([w], 3.0)
    y.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        numtorch._foreach_mul_([w], 2.0)


def test_integers_keep_their_type_in_place():
    with pytest.raises(RuntimeError, match="can't be cast"):
        numtorch._foreach_add_([numtorch.tensor([1])], 1.5)
    assert numtorch._foreach_add([numtorch.tensor([1])], 1.5)[0].tolist() == [2.5]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda t: t._foreach_add([], 1), RuntimeError, "Tensor list must have at least one tensor"),
        (lambda t: t._foreach_sqrt(3), TypeError, "must be tuple of Tensors, not int"),
        (lambda t: t._foreach_add([1], 1), TypeError, "expected Tensor as element 0"),
        (lambda t: t._foreach_add(tensors(t), [1.0]), RuntimeError, "same number of elements as scalar list"),
        (lambda t: t._foreach_add(tensors(t), tensors(t)[:1]), RuntimeError, "number of tensors, got 3 and 1"),
        (lambda t: t._foreach_add(tensors(t), t.ones(2)), RuntimeError, "expected to be 0 dim but it has 1 dim"),
        (lambda t: t._foreach_max([t.ones(0)]), RuntimeError, "max over zero elements is undefined"),
        (lambda t: t._foreach_addcmul(*[tensors(t)] * 3, t.ones(1)), RuntimeError, "match input of length 3 but got 1"),
    ],
)
def test_errors_are_torchs(call, kind, message):
    with pytest.raises(kind, match=message):
        call(numtorch)
