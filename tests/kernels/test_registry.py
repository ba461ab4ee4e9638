"""Registering, finding, explaining, listing, showing and replacing kernels; ops of a user's own."""

import importlib.metadata
import sys
import types

import numpy as np
import pytest

import numtorch as torch
from numtorch import kernels
from numtorch.autograd import gradcheck, gradgradcheck
from numtorch.dispatch.op import op, primitive
from numtorch.dtype import FLOATS
from numtorch.errors import KernelError, KernelNotFound, RegistrationError
from numtorch.kernels import math as m
from numtorch.kernels import registry
from numtorch.kernels.registry import Priority

pytestmark = pytest.mark.usefixtures("scratch_registry")


def double(*values, **options):
    return torch.tensor(values, dtype=torch.float64, **options)


# --- ops of a user's own, in ten lines ------------------------------------------------------------


def bent():
    @primitive(ref=lambda x: x * np.tanh(x))
    def bent(x):
        """``x * tanh(x)``."""
        return x * m.tanh(x)

    @bent.vjp
    def _(g, x):
        t = torch.tanh(x)
        return g * (t + x * (1 - t * t))

    return bent


def test_a_scalar_op():
    f = bent()
    x = double(-1.0, 0.5, 2.0, requires_grad=True)
    np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * np.tanh(x.detach().numpy()), rtol=1e-14)
    assert gradcheck(f, (x,))
    assert gradgradcheck(f, (x,))
    assert "->" in kernels.explain(f, x)
    assert kernels.list(f).split()[0] == "bent/any/generated"
    assert "x * m.tanh(x)" in kernels.source(f)
    assert "t1 = x * tanh(x)" in kernels.source(f, x)
    with kernels.use(f, lambda x: x * 0):
        assert f(x).tolist() == [0.0, 0.0, 0.0]
    assert f(x.float()).dtype is torch.float32
    assert f(torch.empty(3, device="meta")).shape == (3,)


def row_norm():
    @op
    def row_norm(x, dim: int):
        """Each row over its length."""
        return x / torch.sqrt(torch.sum(x * x, dim, keepdim=True))

    @row_norm.vjp
    def _(g, x, *, out, dim):
        length = torch.sqrt(torch.sum(x * x, dim, keepdim=True))
        return (g - out * torch.sum(g * out, dim, keepdim=True)) / length

    @row_norm.kernel("cpu", dtypes=FLOATS, layout="rows")
    def rows(x, out, cols):
        for i in range(x.size // cols):
            total = x[0] * 0
            for k in range(i * cols, (i + 1) * cols):
                total += x[k] * x[k]
            for k in range(i * cols, (i + 1) * cols):
                out[k] = x[k] / np.sqrt(total)

    return row_norm


def test_an_op_with_a_kernel_of_its_own():
    f = row_norm()
    x = torch.tensor([[3.0, 4.0], [6.0, 8.0], [5.0, 12.0]], dtype=torch.float64, requires_grad=True)
    want = x.detach().numpy() / np.linalg.norm(x.detach().numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(f(x, 1).detach().numpy(), want, rtol=1e-14)
    np.testing.assert_allclose(f(x.t(), 0).detach().numpy(), want.T, rtol=1e-14)
    with kernels.bodies_only():
        np.testing.assert_allclose(f(x, 1).detach().numpy(), want, rtol=1e-14)
    for dim in (0, 1):
        assert gradcheck(lambda x, dim=dim: f(x, dim), (x,))
        assert gradgradcheck(lambda x, dim=dim: f(x, dim), (x,))
    text = kernels.explain(f, x, 1)
    assert "-> rows (cpu, tuned): chosen" in text
    assert "the meaning; runs where no kernel does" in text
    halves = kernels.explain(f, x.bfloat16(), 1)
    assert "takes float32, float64, not bfloat16" in halves
    assert "-> widened" in halves
    assert [line.split()[0] for line in kernels.list(f).splitlines()] == [
        "row_norm/cpu/rows",
        "row_norm/any/widened",
        "row_norm/any/body",
    ]
    assert "# row_norm/cpu/rows\n" in kernels.source(f)
    assert "out[k] = x[k] / np.sqrt(total)" in kernels.source(f)
    with kernels.use(f, "rows") as chosen:
        assert chosen.priority is Priority.OVERRIDE
    with kernels.use(f, lambda x, dim: x + dim):
        assert f(x, 1)[0, 0].item() == 4.0
    assert f(x, 1)[0, 0].item() == pytest.approx(0.6)


def test_a_backward_kernel():
    f = row_norm()
    calls = []

    @f.backward.kernel("cpu", dtypes=FLOATS)
    def mine(g, x, *, out, dim):
        calls.append(dim)
        return f.op.gradient.vjp(g, x, out=out, dim=dim)

    x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    f(x, 1).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.032, -0.024]], rtol=1e-5)
    assert calls == [1]
    assert kernels.list("row_norm.backward").split()[0] == "row_norm.backward/cpu/mine"


# --- finding --------------------------------------------------------------------------------------


def test_the_higher_priority_comes_first_and_conditions_hold():
    f = row_norm()

    def only_double(s):
        """all operands are float64"""
        return s.dtypes == (torch.float64,)

    @f.kernel("cpu", dtypes=FLOATS, when=only_double, name="special", priority=Priority.OVERRIDE)
    def special(x, dim):
        return x * 0

    assert f(double(3.0, 4.0), 0).tolist() == [0.0, 0.0]
    assert f(torch.tensor([3.0, 4.0]), 0).tolist() == pytest.approx([0.6, 0.8])
    assert "its condition does not hold: all operands are float64" in kernels.explain(f, torch.ones(2), 0)
    assert "would do, but special comes first" in kernels.explain(f, double(1.0, 2.0), 0)


def test_a_registration_changes_what_was_chosen_before():
    f = row_norm()
    x = torch.tensor([3.0, 4.0])
    f(x, 0)
    f.kernel("cpu", dtypes=FLOATS, name="late", priority=Priority.OVERRIDE)(lambda x, dim: x * 0)
    assert f(x, 0).tolist() == [0.0, 0.0]


def test_what_cannot_be_registered():
    f = row_norm()
    with pytest.raises(RegistrationError, match=r"row_norm/cpu/rows is registered already"):
        f.kernel("cpu", dtypes=(torch.bfloat16,), name="rows")(lambda x, dim: x)
    with pytest.raises(
        RegistrationError, match=r"row_norm/cpu/twin and row_norm/cpu/rows take the same inputs with the same priority"
    ):
        f.kernel("cpu", dtypes=FLOATS, name="twin")(lambda x, dim: x)
    with pytest.raises(RegistrationError, match=r"an op named row_norm exists already \(.*test_registry.py:\d+\)"):
        row_norm()
    with pytest.raises(RegistrationError, match=r"an op named row_norm.backward exists already"):
        f.vjp(lambda g: g)

    @op
    def same(x):
        """The same."""
        return x * 1

    with pytest.raises(TypeError, match="a vjp cannot ask for 'z'"):
        same.vjp(lambda g, z: g)
    same.vjp(lambda g: g)  # the failed attempt has left nothing behind
    with pytest.raises(ValueError, match="unknown kernel layout 'columns'"):
        f.kernel("cpu", layout="columns", name="other")(lambda x, out: None)


def test_no_kernel_says_what_there_is():
    @op(shape=True)
    def floats_only(x):
        """Nothing but its shape."""
        return torch.empty_like(x)

    @floats_only.kernel("cpu", dtypes=FLOATS)
    def copied(x):
        return x.clone()

    assert floats_only(torch.ones(2)).tolist() == [1.0, 1.0]
    assert floats_only(torch.empty(2, device="meta")).shape == (2,)
    with pytest.raises(KernelNotFound) as caught:
        floats_only(torch.ones(2, dtype=torch.float16))
    assert str(caught.value) == (
        "\"floats_only\" not implemented for 'Half': there is no kernel for cpu (float16)\n  copied (cpu)  takes "
        "float32, float64\n"
        'Cast with .float(), or register one: @floats_only.kernel("cpu", ...)'
    )


def test_a_kernel_that_does_not_compile_says_where():
    @primitive()
    def unheard(x):
        """Calls what is not there."""
        return nothing_of_the_kind(x)  # noqa: F821

    with pytest.raises((KernelError, NameError), match="unheard|nothing_of_the_kind") as caught:
        unheard(torch.ones(2))
    if isinstance(caught.value, KernelError):
        assert "does not compile" in str(caught.value)
        assert "test_registry.py:" in str(caught.value)  # the op's own definition, not the generated loop
        assert "nothing_of_the_kind" in str(caught.value)


def test_what_is_no_op():
    with pytest.raises(KeyError, match="no op named 'sofmax'; did you mean softmax"):
        kernels.list("sofmax")
    with pytest.raises(TypeError, match="is not an op"):
        kernels.explain(3)
    with pytest.raises(KeyError, match="has no kernel named 'none'"), kernels.use(torch.relu, "none"):
        pass


def test_everything_can_be_listed():
    lines = kernels.list().splitlines()
    assert len(lines) > len(registry.ENTRIES) // 2
    assert len({line.split()[0] for line in lines}) == len(lines)


# --- other packages -------------------------------------------------------------------------------


def points(monkeypatch, *found):
    monkeypatch.setattr(registry, "plugins_loaded", False)
    monkeypatch.setattr(registry, "_plugins_installed", lambda: True)
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda *, group: found if group == "numtorch.kernels" else ()
    )


def test_installed_packages_bring_kernels(monkeypatch):
    f = row_norm()
    module = types.ModuleType("a_package_of_kernels")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class Point(importlib.metadata.EntryPoint):
        def load(self):
            f.kernel("cpu", dtypes=FLOATS, name="theirs", priority=Priority.OVERRIDE)(lambda x, dim: x * 0)
            return super().load()

    points(monkeypatch, Point("mine", module.__name__, "numtorch.kernels"))
    assert f(torch.tensor([3.0, 4.0]), 0).tolist() == [0.0, 0.0]
    assert "row_norm/cpu/theirs" in kernels.list(f)


@pytest.mark.parametrize("folder", ["theirs-1.0.dist-info", "theirs.egg-info", "EGG-INFO"])
def test_the_files_of_installed_packages_are_asked(monkeypatch, tmp_path, folder):
    names = tmp_path / "[site]" / folder / "entry_points.txt"
    names.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "none"), str(tmp_path / "[site]")])
    names.write_text("[console_scripts]\nprogram = theirs:main\n")
    before = registry._plugins_installed()
    names.write_text("[numtorch.kernels]\ntheirs = theirs.kernels\n")
    assert (before, registry._plugins_installed()) == (False, True)


def test_a_package_that_fails_is_left_out(monkeypatch):
    points(monkeypatch, importlib.metadata.EntryPoint("broken", "there_is_no_such_module", "numtorch.kernels"))
    with pytest.warns(UserWarning, match="there_is_no_such_module could not be loaded"):
        registry.load_plugins()
    registry.load_plugins()


def test_warmup_leaves_gradients_alone():
    w = torch.ones(3, requires_grad=True)

    class Model:
        def parameters(self):
            return [w]

        def __call__(self, x):
            return torch.relu(x * w)

    cost = kernels.warmup(Model(), torch.ones(2, 3))
    assert set(cost) == {"kernels", "loaded", "seconds"}
    assert w.grad is None


def test_a_choice_by_a_feature_of_the_shapes():
    def size(x, by):
        return "large" if x.shape.numel() * by > 4 else "small"

    @op(select=(size,))
    def grown(x, by: int):
        return x * by

    @grown.kernel("cpu", dtypes=FLOATS, when=lambda s: s["size"] == "large")
    def whole(x, by):
        return x * by + 100

    few, many = torch.ones(2), torch.ones(3)
    for _ in range(2):  # the second time from memory
        assert grown(few, 2).tolist() == [2.0, 2.0]
        assert grown(few, 3).tolist() == [103.0, 103.0]
        assert grown(many, 2).tolist() == [102.0] * 3
    assert "size=large" in kernels.explain(grown, many, 2)
    assert "-> body" in kernels.explain(grown, few, 2)


def test_a_loop_over_rows_gets_the_parameters_that_it_names(scratch_registry):
    @op
    def shifted(x, by: float, dim: int, factor: float = 2.0):
        """``x * factor + by``."""
        return x * factor + by

    @shifted.kernel("cpu", dtypes=FLOATS, layout="rows")
    def rows(x, out, cols, factor, by):
        for i in range(x.size):
            out[i] = x[i] * factor + by + cols

    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert shifted(x, 0.5, 0, 10.0).tolist() == (x * 10 + 0.5 + 3).tolist()
    with pytest.raises(RegistrationError, match="asks for 'scale' after cols"):

        @shifted.kernel("cpu", dtypes=FLOATS, layout="rows", name="other")
        def other(x, out, cols, scale):
            pass
