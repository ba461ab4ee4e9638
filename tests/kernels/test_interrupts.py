"""Ctrl-C, forks, deep recursion at any moment: the next call works and gives the right values."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import numtorch as torch
from numtorch.grad_mode import _Setting, mode
from numtorch.kernels.jit import disabled

ROOT = Path(torch.__file__).parent.parent
PACKAGE = str(Path(torch.__file__).parent)

posix = pytest.mark.skipif(os.name != "posix", reason="signals of timers and forks are POSIX's")
compiled = pytest.mark.skipif(disabled(), reason="plain Python compiles nothing")


def run(code, folder, *args, timeout=120):
    """What a process of its own prints, with an empty kernel cache."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env=os.environ | {"NUMTORCH_CACHE": str(folder), "NUMTORCH_PACKS": "0", "NUMTORCH_QUIET": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


STORM = """
    import signal, sys

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
    where = "nowhere"
    try:
        import numtorch as t
        x = t.arange(6.0).reshape(2, 3).requires_grad_()
        t.exp(x).sum().backward()
        while True:
            pass
    except KeyboardInterrupt:
        pass
    except RuntimeError as e:  # Python's own, where the interrupt came while it made a class of a module that it brings
        if not isinstance(e.__cause__, KeyboardInterrupt):
            raise
    import numtorch as t
    x = t.arange(6.0).reshape(2, 3).requires_grad_()
    y = t.exp(x).sum()
    y.backward()
    print(round(y.item(), 3), x.grad.tolist() == t.exp(x).tolist())
"""


@posix
@compiled
@pytest.mark.parametrize("moment", [0.01, 0.04, 0.08, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5])
def test_an_interrupt_during_import_first_kernel_and_compilation(tmp_path, moment):
    out = run(STORM, tmp_path, moment)
    assert out == "234.204 True\n"


def train(folder):
    """A step of training, saved and loaded: everything that a program does, in a moment."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    opt = torch.optim.Adam(net.parameters(), lr=0.1)
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 1])
    loss = torch.nn.functional.cross_entropy(net(x), y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    torch.save(net.state_dict(), folder / "net.pt")
    again = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    again.load_state_dict(torch.load(folder / "net.pt"))
    with torch.no_grad():
        result = again.eval()(x)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=2)
    return [loss.item(), result.tolist(), [batch.tolist() for batch, _ in data]]


WITH = (_Setting.__enter__.__code__, _Setting.__exit__.__code__)


def interrupted(work, at):
    """How many of the package's functions ``work()`` calls; at the ``at``-th a KeyboardInterrupt comes, as a signal
    handler's would."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        code = frame.f_code
        # What a ``with`` statement of Python begins and ends with is beyond the reach of Python itself.
        if event == "call" and code.co_filename.startswith(PACKAGE) and code not in WITH:
            count += 1
            if count == at:
                sys.settrace(None)
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_an_interrupt_in_any_function(tmp_path):
    want = train(tmp_path)
    total = interrupted(lambda: train(tmp_path), -1)
    assert total > 1000
    for at in range(1, total, total // 60):
        try:
            assert interrupted(lambda: train(tmp_path), at) < at  # there are fewer calls than at first
        except KeyboardInterrupt:
            pass
        assert mode.grad and not mode.inference and not mode.packing, at
        assert train(tmp_path) == want, at
        assert [p.name for p in tmp_path.iterdir()] == ["net.pt"], at


FORK = """
    import os, sys, threading, time
    import numtorch as t

    t.ones(3) + 1
    def work():
        t.softmax(t.ones(3, 4), 1), t.sort(t.ones(7)), t.tanh(t.ones(3)), t.ones(4, 4).cumsum(1), t.log(t.ones(2))
    thread = threading.Thread(target=work)
    thread.start()
    children = []
    while thread.is_alive() and len(children) < 6:
        pid = os.fork()
        if not pid:
            ok = (t.exp(t.zeros(3)) + t.tanh(t.zeros(3))).tolist() == [1, 1, 1]
            os._exit(0 if ok else 1)
        children.append(pid)
        time.sleep(0.1)
    thread.join()
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
"""


@posix
@compiled
def test_children_forked_while_a_thread_compiles_can_compile(tmp_path):
    codes = run(FORK, tmp_path)
    assert codes.count("0") >= 1 and set(codes) <= set("[0, ]\n")


DEEP = """
    import sys
    import numtorch as t

    def deep(n):
        return t.exp(t.zeros(3)).tolist() if not n else deep(n - 1)

    for left in (400, 60, 30, 20):  # frames: enough for the call itself, and then not even for that
        try:
            assert deep(sys.getrecursionlimit() - left) == [1, 1, 1]
        except RecursionError:
            pass
    print(t.exp(t.zeros(3)).tolist(), t.tanh(t.zeros(2)).tolist())
"""


@compiled
def test_a_first_call_deep_in_a_recursion(tmp_path):
    assert run(DEEP, tmp_path) == "[1.0, 1.0, 1.0] [0.0, 0.0]\n"


PROPERTY = """
    import os, signal, threading, time
    from numtorch.interrupts import cached_property

    class Slow:
        @cached_property
        def value(self):
            time.sleep(self.seconds)
            return self.seconds

    parent, child = Slow(), Slow()
    parent.seconds, child.seconds = 1.0, 0.0
    thread = threading.Thread(target=lambda: parent.value)
    thread.start()
    time.sleep(0.3)  # the thread is within
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        os._exit(0 if child.value == 0.0 and child.__dict__["value"] == 0.0 else 1)
    thread.join()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), parent.value)
"""


@posix
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_computed(tmp_path):
    assert run(PROPERTY, tmp_path) == "0 1.0\n"
