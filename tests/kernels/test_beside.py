"""Helpers: what a step needs next is compiled beside the program, once, and nobody else notices."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fresh import ROOT

import numtorch as torch
from numtorch.kernels import beside, claims, warm

pytestmark = pytest.mark.skipif(not warm.possible(), reason="needs fork on Linux, and a compiler")

# A module of ten small kernels. After the first one the program waits for the helper, so that the outcome is certain.
NET = """
import os, sys, time
import numpy as np
import numtorch as torch
from numtorch.kernels import beside, cache
from numtorch.kernels.jit import compile_source

HERE = os.getpid()
kernels = [compile_source(f"def ahead(x):\\n    x[0] = {i}\\n", "ahead", {}, f"ahead {i}") for i in range(10)]

def patiently(enough):
    end = time.monotonic() + 120
    while os.getpid() == HERE and not enough() and time.monotonic() < end:
        time.sleep(0.01)

class Net(torch.nn.Module):
    def between(self):
        patiently(lambda: beside.helped()[0] >= 3)

    def forward(self, x):
        kernels[0](x)
        self.between()
        for k in kernels[1:]:
            k(x)
        return x
"""
COUNTS = """
patiently(lambda: cache.stats["misses"] + beside.helped()[0] >= 10)  # a helper saves a kernel before it says so
print(len(cache.entries()), cache.stats["misses"], beside.helped()[0])
"""
RUN = NET + "x = Net()(np.zeros(99))\nassert x[0] == 9\n" + COUNTS


def python(code, folder, helpers, *options):
    """A process that runs the code as ``-c`` does, or what it is told by options."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *(options or ("-c", code))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {"NUMTORCH_CACHE": str(folder), "NUMTORCH_PACKS": "0", "NUMTORCH_HELPERS": helpers, "NUMTORCH_QUIET": "1"},
    )


def finished(process, text=None):
    out, err = process.communicate(text, timeout=300)
    assert process.returncode == 0, err
    assert err == ""
    return out


def marked(folder):
    """The processes that were started with this cache folder and are there still."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"NUMTORCH_CACHE={folder}".encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def elsewhere(folder, pid):
    """Those of them that are in another session than this process."""
    found = []
    for other in map(int, marked(folder)):
        try:
            found += [other] * (os.getsid(other) != os.getsid(pid))
        except ProcessLookupError:  # it was on its way out
            continue
    return found


def gone(folder):
    end = time.monotonic() + 20
    while marked(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return not marked(folder)


def test_helpers_compile_what_the_call_needs_next_and_no_kernel_twice(tmp_path):
    files, here, there = map(int, finished(python(RUN, tmp_path, "2")).split())
    assert files == 10 and here + there == 10 and there >= 3
    assert gone(tmp_path)


def test_without_helpers_the_program_compiles_alone(tmp_path):
    code = RUN.replace("beside.helped()[0] >= 3", "True")
    assert finished(python(code, tmp_path, "0")).split() == ["10", "10", "0"]


def test_a_wrong_number_of_helpers_is_an_error(tmp_path):
    process = python(RUN, tmp_path, "many")
    _, err = process.communicate(timeout=300)
    assert "ValueError: NUMTORCH_HELPERS: expected how many processes (0: none), got 'many'" in err


EFFECTS = """
import json, mmap, multiprocessing, pathlib, random, subprocess
folder = pathlib.Path(sys.argv[1])
log = open(folder / "log", "a")
shared = mmap.mmap(-1, 8)
queue = multiprocessing.SimpleQueue()
for i in range(5):
    queue.put(i)
seen = []

class Acts(Net):
    def between(self):
        super().between()
        EFFECT

net = Acts()
net.register_forward_hook(lambda *a: seen.append("hook"))
net(np.zeros(99))
patiently(lambda: not [r for r in beside._state.reports if r.read() and r.rehearsing])
log.close()
print(json.dumps([seen, queue.get(), shared[:1].hex(), sorted(p.name for p in folder.iterdir()), random.random() < 1]))
"""


@pytest.mark.parametrize(
    ("effect", "printed", "files"),
    [
        ("print('once'); log.write('once'); log.flush(); seen.append(sys.stdin.readline())", ["once\n", "a\n"], None),
        (
            "(folder / 'new').write_text('x' * os.path.exists(folder / 'old')); os.remove(folder / 'old')",
            [],
            ["log", "new"],
        ),
        ("shared[0] = shared[0] + 1; seen.append(queue.get())", [], None),
        ("seen.append(subprocess.run(['sh', '-c', 'echo >> ' + str(folder / 'spawned')]).returncode)", [], None),
    ],
    ids=["streams", "files", "shared", "processes"],
)  # fmt: skip
def test_a_rehearsal_has_no_effect(tmp_path, effect, printed, files):
    """Each effect comes before the kernels that a helper would find, and once."""
    import json

    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "old").touch()
    code = (NET + EFFECTS).replace("EFFECT", effect).replace(">= 3", ">= 0").replace("sys.argv[1]", repr(str(folder)))
    *lines, last = finished(python(code, tmp_path, "1"), "a\nb\n").splitlines(keepends=True)
    seen, got, first, names, _ = json.loads(last)
    assert seen.count("hook") == 1
    if printed:
        assert lines == printed[:1] and seen == [printed[1], "hook"]
        assert (folder / "log").read_text() == "once"
    if files:
        assert names == files and (folder / "new").read_text() == "x"
    if "shared" in effect:
        assert seen == [0, "hook"] and got == 1 and first == "01"
    if "subprocess" in effect:
        assert seen == [0, "hook"] and (folder / "spawned").read_text() == "\n"
    assert gone(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_end_of_the_program_ends_its_helpers(tmp_path, number):
    """Also where it is killed while they work. In their own session a terminal's Ctrl-C does not reach them."""
    slow = NET.replace("x[0] = {i}", "x[0] = " + " + ".join(["np.sum(np.sqrt(x[::2] * {i}))"] * 20)).replace(
        '"ahead", {}', '"ahead", {"np": np}'
    )
    code = (
        slow
        + "print(HERE, flush=True)\nNet.between = lambda self: os.getpid() == HERE and time.sleep(60)\n"
        + "Net()(np.zeros(99))\n"
    )
    process = python(code, tmp_path, "2")
    assert process.stdout.readline()
    end = time.monotonic() + 120
    while not elsewhere(tmp_path, process.pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert elsewhere(tmp_path, process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode and (number == signal.SIGKILL or "KeyboardInterrupt" in err)
    assert gone(tmp_path)


def test_a_program_that_forks_and_waits_meets_only_its_own_children(tmp_path):
    code = (
        RUN
        + "\nchild = os.fork()\nif not child:\n    os._exit(beside.helped()[0] + len(beside._state.lifelines))\n"
        + "assert os.wait() == (child, 0)\ntry:\n    os.wait()\nexcept ChildProcessError:\n    print('alone')\n"
    )
    assert finished(python(code, tmp_path, "1")).split()[-1] == "alone"


def test_a_program_from_standard_input_is_run_once(tmp_path):
    process = python(None, tmp_path, "1", "-")
    started, files, here, there = finished(process, "print('started')\n" + RUN).split()
    assert (started, files, int(here) + int(there)) == ("started", "10", 10) and int(there) >= 3


def test_a_full_disk_costs_only_time(tmp_path):
    full = "import numtorch.files\ndef full(*a, **k): raise OSError(28, 'No space left on device')\ncache.write_atomically = full\n"  # noqa: E501
    code = NET + full + "Net.between = lambda self: None\nx = Net()(np.zeros(99))\nassert x[0] == 9\n" + COUNTS
    assert finished(python(code, tmp_path, "1")).split()[:2] == ["0", "10"]


def test_two_programs_at_once_share_the_work(tmp_path):
    code = RUN.replace("self.between()", "pass")
    programs = [python(code, tmp_path, "1") for _ in range(2)]
    counts = [list(map(int, finished(p).split())) for p in programs]
    assert all(files == 10 for files, _, _ in counts)
    assert sum(here + there for _, here, there in counts) == 10


# --- what is rehearsed ----------------------------------------------------------------------------


def entered(call):
    """The name of the function in which the framework was entered."""
    found = []

    def look(*args):
        frame = beside._entered(sys._getframe(1))
        found.append(frame.f_code.co_name if frame else None)
        return args[0] if args else None

    call(look)
    return found[0]


def test_the_call_that_is_rehearsed_is_the_outermost_one_of_a_step():
    class Net(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

    x, w = torch.ones(3), torch.ones(3, requires_grad=True)

    def backward(look):
        (w * 2).sum().register_hook(look)
        y = w * 2
        y.register_hook(lambda g: look(g))
        y.sum().backward()

    def step(look):
        class Descent(torch.optim.SGD):
            def step(self, closure=None):
                super().step(closure)

        torch.optim.SGD([w], lr=0.1).step(lambda: look() or torch.ones(1))

    @torch.no_grad()
    def evaluate(look):
        Net(Net(look))(x)

    assert entered(lambda look: Net(Net(look))(x)) == "__call__"
    assert entered(evaluate) == "__call__"
    assert entered(backward) == "backward"
    assert entered(step) == "step"
    assert entered(lambda look: look()) is None


FOLLOWS = """
import numtorch as torch
from numtorch.kernels import beside, recording, warm
net = torch.nn.Sequential(torch.nn.Linear(70, 80), torch.nn.ReLU(), torch.nn.Linear(80, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
needs = warm.Needs()
with recording.rehearsing(needs.note):
    y = net(torch.empty(65, 70))
    print(*[kernel.__name__ for kernel, _ in needs.found.values()])
    beside._go_on({"logits": y})
print(*[kernel.__name__ for kernel, _ in needs.found.values()])
"""


def test_after_a_call_come_backward_and_the_optimizers(tmp_path):
    """In a process of its own: launchers keep what they were given in a rehearsal."""
    forward, step = finished(python(FOLLOWS, tmp_path, "0")).splitlines()
    assert "relu" in forward and "backward" not in forward
    assert step.startswith(forward) and "relu_backward" in step and "sgd" in step


# --- claims ---------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from numtorch.kernels import claims
assert claims.take(int(sys.argv[1]))
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder():
    """Another process that holds a byte until it is told or killed."""
    at = claims.place(os.urandom(8))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(at)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout.readline() == b"held\n"
    yield at, process
    process.kill()
    process.communicate()


def test_who_finds_a_kernel_claimed_waits_and_then_looks_for_it(holder):
    at, process = holder
    asked = []

    def waiting():
        if not asked:
            process.stdin.write(b"\n")
            process.stdin.flush()
        asked.append(at)

    assert not claims.take(at)
    with claims.held(at, waiting) as waited:
        assert waited and asked
    with claims.held(at, waiting) as waited:
        assert not waited


def test_the_claims_of_a_killed_process_are_void(holder):
    at, process = holder
    process.kill()
    process.wait()
    assert claims.take(at)
    claims.release(at)


def test_a_stopped_process_delays_no_one_for_ever(holder, monkeypatch):
    at, process = holder
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    with claims.held(at, lambda: None) as waited:
        assert waited
    process.send_signal(signal.SIGCONT)


def test_ctrl_c_ends_the_wait(holder):
    at, _ = holder

    def interrupt():
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), claims.held(at, interrupt):
        pass
