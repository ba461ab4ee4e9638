"""What is said of a kernel's loops is what stands in its code."""

import linecache
import os
import platform
import shutil
import sys

import numpy as np
import pytest

from numtorch.kernels import cache, remarks
from numtorch.kernels.jit import jit
from numtorch.profiler import vectorization


@jit
def doubled(x):
    for i in range(x.size):
        x[i] = x[i] + x[i]


@jit
def loops(x, out):
    for i in range(x.size):
        out[i] = x[i] * x[i]
    for i in range(1, x.size):
        out[i] = out[i - 1] * x[i]
    for _ in range(2):
        doubled(out)


SAMPLE = [np.ones(64, np.float32)] * 2


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with cache.use_folder(tmp_path_factory.mktemp("kernels")) as folder:
        yield vectorization.of(loops, SAMPLE), folder


def test_each_loop_is_told_with_its_line(found):
    v, _ = found
    square, product, twice, helper = v.loops
    assert square.width >= 4 and square.reason == ""
    assert product.width == 1 and product.reason == "an iteration may read what an earlier one wrote"
    assert square.text == "for i in range(x.size):" and square.place.startswith("test_vectorization.py:")
    assert twice.text == "for _ in range(2):"
    assert helper.function == "doubled" and helper.width == square.width
    assert v and v.width == square.width and v.element == "float32"
    assert product in v.scalar and square not in v.scalar
    assert v.summary.startswith(f"{v.width} (2 of ")
    assert f"vectorised at {v.width} x float32" in str(v)
    assert "not vectorised: an iteration may read" in str(v)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of registers")
def test_the_code_agrees(found):
    v, _ = found
    assert v.registers[{16: "zmm", 8: "ymm", 4: "xmm"}[v.width]] > 0
    assert v.vectors[f"{v.width} x float"] > 0
    loops(*SAMPLE)
    assert vectorization.widest(loops) == v.width
    assert f"<{v.width} x float>" in remarks.llvm_ir(loops, remarks.types_of(SAMPLE))
    assert "mulps" in remarks.assembly(loops, remarks.types_of(SAMPLE))


def test_the_answer_is_kept(found, monkeypatch):
    v, folder = found
    assert len(list(folder.glob("*.remarks"))) == 1
    monkeypatch.setattr(remarks, "_ask", None)
    assert vectorization.of(loops, SAMPLE) == v
    cache.clear()
    assert not list(folder.iterdir())


def test_lines_are_those_where_the_kernel_stands_now(tmp_path):
    text = "def moved(x):\n    for i in range(x.size):\n        x[i] = x[i] * x[i]\n"
    with cache.use_folder(tmp_path / "kernels"):
        for above in (0, 3):
            file = tmp_path / "mine.py"
            file.write_text("\n" * above + text)
            linecache.checkcache()
            env = {}
            exec(compile(file.read_text(), str(file), "exec"), env)
            (loop,) = vectorization.of(jit(env["moved"]), SAMPLE[:1]).loops
            assert loop.line == above + 2 and loop.width >= 4


@jit
def through_scratch(x, y):
    t = np.empty(x.size, np.float32)  # Numba's own functions are linked in
    for i in range(x.size):
        t[i] = x[i] * 2
    for i in range(x.size):
        y[i] = t[i]


class Deadly:
    """Ends the process that reads it."""

    def __reduce__(self):
        return os.abort, ()


class Homebound:
    """Cannot be sent."""

    def __reduce__(self):
        raise ValueError("stays\nhere")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals end processes there")
def test_a_kernel_that_ends_the_compiler_costs_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    monkeypatch.setattr(remarks, "_refused", {})
    good = remarks.types_of([np.ones(8, np.float32)] * 2)
    asked, ask = [], remarks._ask
    monkeypatch.setattr(remarks, "_ask", lambda sent: asked.append(len(sent)) or ask(sent))
    launches = [
        remarks.Launch(through_scratch, good),
        remarks.Launch(through_scratch, (Deadly(),)),
        remarks.Launch(through_scratch, (Homebound(),)),
        remarks.Launch(loops, remarks.types_of(SAMPLE)),
    ]
    first, second, third, fourth = remarks.of(launches)
    assert [text for _, _, text in first["remarks"] if text.startswith("vectorized loop")] and fourth["remarks"]
    assert second == {"error": "the compiling process ended with status -6"}
    assert third == {"error": "the function cannot be sent to another process (ValueError: stays here)"}
    assert asked == [3, 1]
    assert remarks.of(launches) == [first, second, third, fourth] and asked == [3, 1]
    remarks._refused.clear()
    remarks.of(launches[:2])
    assert asked == [3, 1], "what the compiler itself failed at is kept on the disk"


def test_a_compiler_that_does_not_start_is_asked_once(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    monkeypatch.setattr(remarks, "_refused", {})
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    signature = remarks.types_of([np.ones(8, np.float32)] * 2)
    found = remarks.of([remarks.Launch(through_scratch, signature), remarks.Launch(loops, remarks.types_of(SAMPLE))])
    assert found == [{"error": "the compiling process ended with status 1"}] * 2
    assert not list(tmp_path.iterdir())


@jit
def never_called(x):
    for i in range(x.size):
        x[i] = 0


def test_what_cannot_be_told(monkeypatch):
    assert vectorization.widest(never_called) is None
    with pytest.raises(ValueError, match="never_called has not been called yet"):
        vectorization.of(never_called)
    with pytest.raises(TypeError, match="expected a function with @jit, got function"):
        vectorization.of(vectorization.widest, [])
    monkeypatch.setattr(vectorization, "disabled", lambda: True)
    v = vectorization.of(never_called, [])
    assert not v and v.summary == "?" and "plain Python" in str(v)


@pytest.mark.parametrize(
    "said, width, reason",
    [
        (
            ["loop not vectorized: call instruction cannot be vectorized", "loop not vectorized"],
            1,
            "it calls a function that has no vector form",
        ),
        (
            [
                "the cost-model indicates that interleaving is not beneficial",
                "vectorized loop (vectorization width: 8, interleaved count: 2)",
            ],
            8,
            "",
        ),
        (["loop not vectorized: something new"], 1, "something new"),
        ([], 0, "no loop is left: unrolled, merged with another, or replaced by a call such as memset"),
    ],
)
def test_words(said, width, reason):
    found, _, words = vectorization._verdict(said)
    assert (found, words) == (width, reason)
