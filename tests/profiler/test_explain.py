"""``explain`` puts together what the registry, the compiler and the profile say."""

import pytest

import numtorch as torch
from numtorch.kernels.jit import disabled
from numtorch.profiler import explain, peaks
from numtorch.profiler.vectorization import Vectorization

MACHINE = peaks.Machine(
    "cpu", "a machine", 2, [(1 << 14, 100.0), (1 << 28, 10.0)], [("L1", 1 << 15)], {"float32": 100.0}, 100.0
)


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(peaks, "machine", lambda *a, **k: MACHINE)
    return explain(torch.relu, torch.ones(300))


def test_the_choice(found):
    assert found.op == "relu" and found.chosen == "relu/any/generated"
    assert [(c.name, c.chosen) for c in found.candidates] == [("generated", True)]
    assert "for i in prange(out0.size):" in found.source
    assert [f.kernel.__name__ for f in found.functions] == ["relu_flat"]


def test_the_roof(found):
    (row,) = found.rows
    assert row.calls >= 30 and row.bytes / row.calls == 2400
    assert found.roof == pytest.approx(2400 / 100e9)  # what is moved fits where 100 GB/s were measured
    assert found.seconds > 0 and found.fraction == pytest.approx(found.roof / found.seconds)


def test_as_text_and_html(found, monkeypatch):
    monkeypatch.setitem(
        found.__dict__, "vectorization", [Vectorization("relu_flat", "float32", vectors={"16 x float": 3})]
    )
    text = str(found)
    assert "-> generated (any, generated): chosen" in text
    assert "relu_flat: no loop; written in vectors of 16 float32" in text
    assert "roof: 0.02 us" in text
    assert "<details><summary>source</summary>" in found._repr_html_()


def test_the_code(found):
    assert "define " in found.llvm and "; relu_flat" in found.llvm
    assert found.assembly.startswith("# relu_flat\n")


def test_a_body():
    windows = explain(torch.Tensor.unfold, torch.ones(8), 0, 2, 2)
    assert windows.chosen == "unfold/any/body"
    assert str(windows.candidates[-1]).strip().startswith("-> body (composite): chosen")
    loss = explain(torch.nn.functional.mse_loss, torch.ones(3, 2), torch.ones(3, 2))
    assert "mse_loss/any/body" in loss.chosen and loss.rows
    assert {f.kernel.__name__ for f in loss.functions} == {"squared_error_flat", "mean_rows"}


def test_what_is_no_op():
    with pytest.raises(KeyError, match="did you mean relu"):
        explain("rleu", torch.ones(3))
    with pytest.raises(TypeError, match="is not an op"):
        explain(len, torch.ones(3))


def test_functions_that_take_other_arguments_than_their_op():
    x, y = torch.ones(4, 8), torch.zeros(4, dtype=torch.int64)
    F = torch.nn.functional
    for op, args in (
        ("cross_entropy", (x, y)),
        (F.cross_entropy, (x, y)),
        ("layer_norm", (x, (8,))),
        (torch.sort, (x, 1)),
    ):
        found = explain(op, *args)
        assert (
            found.chosen.startswith(f"{found.op}/cpu/")
            and any(c.chosen for c in found.candidates)
            and found.functions
            and found.rows
        )
        assert "def " in found.source
    with pytest.raises(TypeError):
        explain("cross_entropy", x)


@pytest.mark.skipif(disabled(), reason="nothing is compiled")
def test_loops_of_kernels_with_room_of_their_own():
    text = str(explain("softmax", torch.ones(4, 8), 1))  # its kernel calls np.empty
    assert "softmax_rows" in text and "vectorised at" in text and "not known" not in text
