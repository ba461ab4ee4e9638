"""``@jit``: lazy, keyed by content, the same in plain Python, serial where there is one thread."""

import importlib.machinery
import re
import subprocess
import sys
import types

import numpy as np
import pytest

from numtorch.kernels import threads
from numtorch.kernels.jit import Jit, compile_source, content, disabled, jit, prange

SCALE = 3.0


@jit
def scaled(v):
    return v * SCALE


@jit
def axpy(a, x, y):
    """y += a * scaled(x)"""
    for i in range(y.size):
        y[i] += a * scaled(x[i])


@jit(parallel=True)
def squares(x, out):
    for i in prange(out.size):
        out[i] = x[i] * x[i]


def test_a_kernel_calls_helpers_and_globals():
    y = np.ones(4)
    axpy(2.0, np.arange(4.0), y)
    np.testing.assert_array_equal(y, 1 + 6 * np.arange(4.0))
    axpy.fn(2.0, np.arange(4.0), y)  # the function as it was written
    np.testing.assert_array_equal(y, 1 + 12 * np.arange(4.0))


def test_it_looks_like_its_function():
    assert (axpy.__name__, axpy.__doc__) == ("axpy", "y += a * scaled(x)")
    assert repr(axpy) == f"<kernel function {__name__}.axpy>"


def test_entry_is_for_the_types_of_its_arguments():
    x, out = np.arange(5, dtype=np.float32), np.empty(5, np.float32)
    entry = squares.serial.entry(x, out)
    entry(x, out)
    np.testing.assert_array_equal(out, x * x)
    assert squares.serial.entry(np.ones(9, np.float32), np.empty(9, np.float32)) is entry
    if not disabled():
        assert squares.serial.entry(np.ones(9), np.empty(9)) is not entry


def test_a_parallel_kernel_has_a_serial_twin_and_runs_on_any_number_of_threads():
    assert squares.serial.parallel is False
    assert squares.serial is squares.serial
    assert scaled.serial is scaled
    x = np.arange(1000.0)
    for n in (1, 2):
        threads.set_num_threads(n)
        out = np.empty(1000)
        squares(x, out)
        np.testing.assert_array_equal(out, x * x)


def test_nan_and_infinity_keep_their_meaning():
    text = "def total(x):\n    a = 0.0\n    for i in range(x.size):\n        a += x[i]\n    return a\n"
    total = compile_source(text, "total", {}, "total")
    assert np.isnan(total(np.array([1.0, np.nan])))
    assert total(np.array([1.0, np.inf])) == np.inf
    quotient = compile_source("def quotient(x, y):\n    return x / y\n", "quotient", {}, "quotient")
    with np.errstate(all="ignore"):
        assert quotient(np.float64(1), np.float64(0)) == np.inf


def test_source_is_kept():
    kernel = compile_source("def f(x):\n    return x + 1\n", "f", {}, "kept")
    assert kernel.source == "def f(x):\n    return x + 1\n"
    assert kernel(1) == 2


def test_defining_a_kernel_imports_nothing():
    code = (
        "import sys\nfrom numtorch.kernels.jit import jit, prange\n"
        "@jit(parallel=True)\ndef f(x):\n    for i in prange(3): x[i] = 0\n"
        "assert 'numba' not in sys.modules\nassert len(f.key) == 64\nassert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_key_of_a_kernel_is_the_same_wherever_packages_are_installed():
    """Kernels that are compiled where pip builds the package run where it is installed."""
    keys = []
    for folder in ("/here", "/there"):
        package = types.ModuleType("numpy")
        package.__spec__ = importlib.machinery.ModuleSpec("numpy", None, origin=f"{folder}/numpy/__init__.py")
        assert folder in repr(package)
        kernel = compile_source("def f(x):\n    return np.int64(x)\n", "f", {"np": package}, "f")
        assert "np=numpy" in content(kernel).splitlines()
        keys.append(kernel.key)
    assert keys[0] == keys[1]


def test_keys_hold_neither_paths_nor_addresses():
    ours = [m for name, m in list(sys.modules.items()) if name.split(".")[0] == "numtorch"]
    kernels = {v for m in ours for v in list(vars(m).values()) if isinstance(v, Jit)}
    assert len(kernels) > 100
    for kernel in kernels:
        for line in content(kernel).splitlines():
            assert not re.search(r" at 0x|['\"]/|from '", line), (kernel, line)


def test_twins_lead_to_each_other():
    assert squares.twin is squares.serial and squares.serial.twin is squares
    assert scaled.twin is None and axpy.twin is None


@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
def test_set_num_threads_refuses(n):
    with pytest.raises(ValueError, match="positive integer"):
        threads.set_num_threads(n)


def test_a_forked_child_uses_one_thread():
    """OpenMP kills a child that touches its parent's pool."""
    code = """
import os, sys
import numpy as np
import numtorch as torch
from numtorch.kernels import threads
x = torch.tensor(np.arange(400_000.0).tolist())
want = (x.sum().item(), (x + x)[-1].item())
child = os.fork()
if not child:
    good = threads.get_num_threads() == 1 and abs(x.sum().item() / want[0] - 1) < 1e-6 and (x + x)[-1].item() == want[1]
    os._exit(0 if good else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    if sys.platform != "win32":
        done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@jit
def doubled(x):
    return 2 * x


@jit
def doubled_sum(x):
    total = 0
    for i in range(x.size):
        total += doubled(x[i])
    return total


@pytest.mark.skipif(disabled(), reason="plain Python compiles nothing")
def test_a_helper_is_called_from_python_and_from_kernels():
    """Kernels use a variant without Python's entry point; what Python calls is compiled when it does."""
    assert doubled_sum(np.arange(4)) == 12
    assert doubled.helper is doubled.helper.helper
    assert not doubled.dispatcher.overloads
    assert doubled(np.int64(4)) == 8
    assert doubled.helper.key != doubled.key
