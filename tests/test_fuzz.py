"""Generated calls of everything public, with fixed seeds; and that the fuzzer sees what it is there to see."""

import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guard pages are Linux's")


def run(*command):
    """(exit status, output) of Python in the repository's root."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=900)
    return done.returncode, done.stdout[-8000:] + done.stderr[-2000:]


def test_a_generated_call_of_each_function_is_clean():
    options = ("--calls", "6000", "--seed", "0", "--narrow", "--no-torch", "--jobs", "2", "--once")
    status, said = run("-m", "tests.fuzz", *options)
    assert status == 0, said


PLANTED = """
import ctypes, math, os, sys
import numtorch
from tests.fuzz import guard, runner
from tests.fuzz.calls import Call, T

torch = runner.prepare(False)

def beyond(x):
    return ctypes.c_float.from_address(x.data_ptr() + x.nbytes).value

def before(x):
    return ctypes.c_float.from_address(x.data_ptr() - 4).value

def writes_beside(x):
    ctypes.c_float.from_address(x.data_ptr() + x.nbytes).value = 1.0

def after_free(x):
    y = x + 1
    at = y.data_ptr()
    del y
    assert math.isnan(ctypes.c_float.from_address(at).value)

def unwritten(x):
    return numtorch.zeros(3) + numtorch.empty(3)

def state(x):
    numtorch.set_default_dtype(numtorch.float64)

def hangs(x):
    while True:
        pass

def right(x):
    return x + 1

x = T("float32", (9,), fill=("value", 7))
for fn, index in ((beyond, 1), (before, 2), (writes_beside, 2), (after_free, 1), (unwritten, 0), (state, 0), (hangs, 0), (right, 0)):
    setattr(numtorch, fn.__name__, fn)
    status, found = runner.alone(Call("numtorch." + fn.__name__, (x,)), None, 2.0 if fn is hangs else 60.0, index)
    print(fn.__name__, status, *(sorted({c for c, _ in found}) if status == "ok" else []))
sys.stdout.flush()
os._exit(0)
"""  # noqa: E501


def test_planted_faults_are_found():
    status, said = run("-c", PLANTED)
    assert status == 0, said
    assert said.splitlines() == [
        "beyond crash",
        "before crash",
        "writes_beside ok memory",
        "after_free ok",
        "unwritten ok unwritten",
        "state ok process_state",
        "hangs hang",
        "right ok",
    ], said


def test_calls_are_read_back_and_every_function_is_called():
    from tests.fuzz.calls import read
    from tests.fuzz.generate import Calls
    from tests.fuzz.surface import functions

    calls = Calls(0)
    called = set()
    for i in range(6000):
        call = calls[i]
        called.add(call.name)
        if i % 10 == 0:
            assert repr(read(repr(call))[0]) == repr(call)
    assert repr(calls[77]) == repr(Calls(0)[77])
    names = {f.name for f in functions()}
    assert {"numtorch.softmax", "Tensor.add_", "Tensor.__getitem__", "numtorch.conv2d", "numtorch.rand"} <= names
    assert len(names - called) < len(names) / 20
