"""The DataLoader's worker processes: order, errors, and that none is ever left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils import data as D
from numtorch.utils.data import shared, worker

FORK = "fork" in multiprocessing.get_all_start_methods()
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def loader(dataset, **options):
    # Local classes cannot be sent to a spawned process.
    if FORK:
        options.setdefault("multiprocessing_context", "fork")
    options.setdefault("num_workers", 2)
    return D.DataLoader(dataset, **options)


class Items(D.Dataset):
    def __init__(self, n, get):
        self.n, self.get = n, get

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.get(i)


class Shards(D.IterableDataset):
    """Numbers below n, shared out unevenly: worker 0 has the first two, worker 1 the rest."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = D.get_worker_info()
        numbers = list(range(self.n))
        if info is None or info.num_workers == 1:
            return iter(numbers)
        return iter([numbers[:2], numbers[2:], []][min(info.id, 2)])


@pytest.fixture(scope="module", autouse=True)
def older_objects_are_left_alone():
    """A collection of garbage looks at everything that thousands of tests have left, and in a forked process it copies
    what it looks at."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    gc.collect()  # a caught exception keeps the frames, and so the iterator, in a cycle
    deadline = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4, None])
def test_order_and_values_are_those_of_one_process(workers, batch):
    data = Items(11, lambda i: (np.full(3, i), float(i), str(i)))
    got = list(loader(data, batch_size=batch, num_workers=workers))
    wanted = list(D.DataLoader(data, batch_size=batch))
    assert str(got) == str(wanted)


def test_slow_first_worker_does_not_change_the_order():
    def get(i):
        time.sleep(0.1 if i == 0 else 0)
        return i

    assert [b.item() for b in loader(Items(8, get))] == list(range(8))


def test_shuffling_does_not_depend_on_the_number_of_workers():
    orders = []
    for workers in (0, 1, 3):
        nt.manual_seed(4)
        options = {"num_workers": workers} if workers else {}
        make = loader if workers else D.DataLoader
        orders.append([b.tolist() for b in make(range(30), batch_size=4, shuffle=True, **options)])
    assert orders[0] == orders[1] == orders[2]


def test_gathered_batches_from_workers():
    x = nt.from_numpy(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32))
    data = D.TensorDataset(x, nt.arange(50))
    for got, wanted in zip(loader(data, batch_size=8), D.DataLoader(data, batch_size=8), strict=True):
        assert [g.tolist() for g in got] == [w.tolist() for w in wanted]
        got[0] += 1  # the memory is our own


def test_batches_and_tasks_larger_than_a_pipe():
    data = Items(40_000, lambda i: np.full(20, i))
    total = sum(int(b.sum()) for b in loader(data, batch_size=20_000, prefetch_factor=4, shuffle=True))
    assert total == 20 * sum(range(40_000))


def test_worker_info_and_init():
    def init(i):
        D.get_worker_info().dataset.mark = i * 100

    def get(i):
        info = D.get_worker_info()
        return (info.id, info.num_workers, info.seed, info.dataset.mark, random.random(), nt.rand(1).item())

    data = Items(4, get)
    rows = [tuple(v.item() for v in b) for b in loader(data, worker_init_fn=init)]
    assert [r[0] for r in rows] == [0, 1, 0, 1] and {r[1] for r in rows} == {2}
    assert [r[3] for r in rows] == [0, 100, 0, 100] and rows[1][2] == rows[0][2] + 1
    assert len({r[4] for r in rows}) == len({r[5] for r in rows}) == 4  # every worker its own randomness
    assert D.get_worker_info() is None


def test_workers_randomness_follows_the_global_seed():
    data = Items(4, lambda i: (random.random(), float(np.random.rand()), nt.rand(1).item()))  # noqa: NPY002 - the global state
    runs = []
    for _ in range(2):
        nt.manual_seed(9)
        runs.append(str(list(loader(data))))
    assert runs[0] == runs[1]


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


@pytest.mark.parametrize(("error", "kind"), [
    (ValueError("broken sample"), ValueError),
    (KeyError("broken sample"), KeyError),
    (Odd("broken sample", 2), RuntimeError),
    (StopIteration("broken sample"), RuntimeError),
])  # fmt: skip
def test_an_error_in_a_worker_is_raised_here_with_its_traceback(error, kind):
    def unreadable(i):
        if i == 2:
            raise error
        return i

    batches = iter(loader(Items(4, unreadable)))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with pytest.raises(kind) as caught:
        next(batches)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 0.\n" in text
    assert "Original Traceback" in text and "in unreadable" in text and "broken sample" in text
    assert next(batches).item() == 3  # torch goes on as well


def test_errors_of_local_classes_and_of_unpicklable_batches():
    class Local(Exception):
        pass

    def get(i):
        raise Local("mine")

    with pytest.raises(RuntimeError, match="(?s)Caught .*mine"):
        list(loader(Items(2, get)))
    with pytest.raises(Exception, match="(?s)DataLoader worker process 0.*pickle"):
        list(loader(Items(2, lambda i: lambda: i), batch_size=None))


def test_an_error_in_worker_init_fn():
    def init(i):
        raise OSError("no such disk")

    with pytest.raises(OSError, match="(?s)Caught OSError in DataLoader worker process 0.*no such disk"):
        list(loader(range(4), worker_init_fn=init))


def test_a_dead_worker_is_reported_with_its_signal():
    def get(i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i

    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker 1 \(pid \d+\) exited unexpectedly \(was killed by signal 9\)"):
        list(loader(Items(8, get)))
    assert time.monotonic() - started < 5


def test_a_worker_that_dies_out_of_turn_is_reported_at_once():
    def get(i):
        if i == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker 1 \(pid \d+\) exited unexpectedly \(was killed by signal 9\)"):
        list(loader(Items(2, get)))
    assert time.monotonic() - started < 5


def test_timeout():
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.2 seconds"):
        list(loader(Items(2, lambda i: time.sleep(60)), timeout=0.2))


def test_leaving_in_the_middle_ends_the_workers():
    def get(i):
        time.sleep(0.01)
        return np.zeros(100_000)

    pids = []
    for _ in loader(Items(1000, get), prefetch_factor=4):
        pids = [p.pid for p in multiprocessing.active_children()]
        break
    assert len(pids) == 2
    deadline = time.monotonic() + 3
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_exception_in_the_loop_ends_the_workers():
    with pytest.raises(ZeroDivisionError):
        for _ in loader(Items(1000, lambda i: i)):
            1 / 0  # noqa: B018


@pytest.mark.parametrize("batch", [1, 3, None])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_streams_of_uneven_length(batch, workers):
    got = [v for b in loader(Shards(9), batch_size=batch, num_workers=workers) for v in np.ravel(b)]
    assert sorted(int(v) for v in got) == list(range(9))


def test_streams_drop_each_workers_last_batch():
    batches = [b.tolist() for b in loader(Shards(9), batch_size=3, drop_last=True)]
    assert sorted(batches) == [[2, 3, 4], [5, 6, 7]]


@pytest.mark.parametrize("dataset", [Items(6, lambda i: (i, os.getpid())), None])
def test_persistent_workers(dataset):
    class Pids(D.IterableDataset):
        def __iter__(self):
            return iter([(i, os.getpid()) for i in range(3)])

    batches = loader(dataset or Pids(), persistent_workers=True)
    epochs = [[(i.item(), pid.item()) for i, pid in batches] for _ in range(3)]
    assert epochs[0] == epochs[1] == epochs[2] and len({pid for _, pid in epochs[0]}) == 2
    for _ in batches:  # an epoch that is broken off leaves nothing behind in the next
        break
    assert [(i.item(), pid.item()) for i, pid in batches] == epochs[0]
    assert len(multiprocessing.active_children()) == 2


def test_persistent_workers_report_a_death_between_epochs():
    batches = loader(range(4), persistent_workers=True)
    list(batches)
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)
    assert [b.item() for b in batches] == [0, 1, 2, 3]  # the next epoch has new workers


@pytest.mark.parametrize("method", [m for m in multiprocessing.get_all_start_methods() if m != "fork"])
def test_other_ways_to_start_workers(method):
    batches = D.DataLoader(range(5), batch_size=2, num_workers=1, multiprocessing_context=method, worker_init_fn=print)
    assert [b.tolist() for b in batches] == [[0, 1], [2, 3], [4]]


def run_script(body, **kwargs):
    script = textwrap.dedent("""
        import time
        import numpy as np
        from numtorch.utils.data import DataLoader, Dataset
        class Slow(Dataset):
            def __len__(self): return 1000
            def __getitem__(self, i):
                time.sleep(0.02)
                return np.zeros(50_000)
        def children():
            import multiprocessing
            return [p.pid for p in multiprocessing.active_children()]
    """)
    script += "if __name__ == '__main__':\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **kwargs,
    )  # fmt: skip


def gone(pids, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = []
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] != "Z":
                        alive.append(pid)
            except OSError:
                pass
        if not alive:
            return True
        time.sleep(0.05)
    return False


posix = pytest.mark.parametrize("how", ["group", "parent"] if hasattr(os, "killpg") else [])
LOOP = """
    loader = DataLoader(Slow(), batch_size=4, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        if i == 1:
            print(*children(), flush=True)
"""


@posix
def test_ctrl_c_ends_parent_and_workers(how):
    process = run_script(LOOP)
    pids = [int(p) for p in process.stdout.readline().split()]
    assert len(pids) == 2
    (os.killpg if how == "group" else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1  # the workers are silent
    assert gone(pids)


@posix
def test_workers_do_not_outlive_a_killed_parent(how):
    process = run_script(LOOP)
    pids = [int(p) for p in process.stdout.readline().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert gone(pids), how


def test_a_script_that_ends_in_the_middle_of_an_epoch_ends():
    process = run_script("""
        loader = DataLoader(Slow(), 4, num_workers=2, multiprocessing_context="fork")
        batches = iter(loader)
        next(batches)
        print(*children(), flush=True)
    """)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == ""
    assert gone([int(p) for p in output.split()])


def test_an_error_when_a_stream_starts_again():
    class Once(D.IterableDataset):
        used = False

        def __iter__(self):
            if self.used:
                raise OSError("the stream is used up")
            self.used = True
            return iter(range(2))

    batches = loader(Once(), num_workers=1, persistent_workers=True)
    assert [b.item() for b in batches] == [0, 1]
    with pytest.raises(OSError, match="(?s)worker process 0.*the stream is used up"):
        next(iter(batches))


def test_a_spawned_worker_receives_tensors():
    data = D.TensorDataset(nt.arange(6).reshape(3, 2), nt.tensor([0.5, 1.5, 2.5]))
    batches = list(D.DataLoader(data, 2, num_workers=1, multiprocessing_context="spawn"))
    assert [[t.tolist() for t in b] for b in batches] == [[[[0, 1], [2, 3]], [0.5, 1.5]], [[[4, 5]], [2.5]]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "bool", "uint8", "float64"])
def test_tensors_of_every_kind_come_back(dtype):
    wanted = nt.tensor([0, 1, 2]).to(getattr(nt, dtype))
    data = Items(2, lambda i: (wanted, {"scalar": wanted[1]}))
    for x, rest in loader(data, batch_size=None):
        assert x.dtype == wanted.dtype and str(x) == str(wanted)
        assert str(rest["scalar"]) == str(wanted[1])


def test_a_batch_that_requires_grad_stays_a_leaf():
    def get(i):
        return nt.tensor([1.0, 2.0], requires_grad=True)

    for x in loader(Items(2, get), batch_size=None):
        assert x.requires_grad and x.is_leaf and x.tolist() == [1.0, 2.0]


def large(i):
    return nt.full((300, 400), float(i)), np.full((2, 70000), i), i


def open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("available", [True, False])
def test_large_arrays_come_in_shared_memory(available, monkeypatch):
    """With the values, writable, and with nothing left behind; through the pipe where the system has no such memory."""
    if available and not shared.AVAILABLE:
        pytest.skip("the system has no anonymous files")
    monkeypatch.setattr(shared, "AVAILABLE", available)
    if not FORK:
        pytest.skip("a worker that is spawned does not see the change")
    batches = loader(Items(6, large), batch_size=2)
    for i, (x, y, n) in enumerate(batches):
        assert (
            x.shape == (2, 300, 400)
            and x[1, 5, 7] == 2 * i + 1
            and y.dtype == nt.int64
            and n.tolist() == [2 * i, 2 * i + 1]
        )
        x += 1  # the memory is its own
        assert x.sum() == (4 * i + 3) * 120000
    if available:
        before, kept = open_files(), []
        for x, *_ in loader(Items(6, large)):
            kept.append(x)
        assert open_files() == before  # however many batches a program keeps
        assert [x[0, 299, 399].item() for x in kept] == [0, 1, 2, 3, 4, 5]
        assert not [name for name in os.listdir("/dev/shm") if "numtorch" in name]


@pytest.mark.skipif(not shared.AVAILABLE, reason="the system has no anonymous files")
def test_a_batch_goes_through_the_pipe_where_no_file_can_be_made(monkeypatch):
    def refuse(*args):
        raise OSError("too many open files")

    monkeypatch.setattr(os, "memfd_create", refuse)
    message = worker.encode(large(3))
    assert message.fd == -1
    here, there = multiprocessing.Pipe()
    monkeypatch.undo()
    threading.Thread(target=shared.send, args=(there, message), daemon=True).start()
    x, y, n = shared.receive(here)
    assert x[0, 0] == 3 and y[1, 69999] == 3 and n == 3
