"""The thread pool: every chunk once whoever runs it, results that do not depend on the number of threads, forks,
settings."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import numtorch as torch
from numtorch import nn
from numtorch.kernels import threads
from numtorch.kernels.jit import compile_source, disabled, jit, prange
from numtorch.nn import functional as F


@pytest.fixture(autouse=True)
def number_of_threads():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


@jit(parallel=True)
def count(out, work):
    for i in prange(out.size):
        for _ in range(work):
            out[i] += 1


def own_pool():
    """The module of our pool; None where Numba's pool runs the threads."""
    count(np.zeros(2), 1)
    return threads._pool


@pytest.mark.skipif(disabled(), reason="plain Python has no threads")
def test_every_chunk_runs_once():
    """More threads than cores, regions of all sizes, close together and far apart."""
    sizes = np.random.default_rng(0).integers(1, 300, 600)
    for n in (2, 4, 7, 3):
        threads.set_num_threads(n)
        for i, size in enumerate(sizes.tolist()):
            out = np.zeros(size)
            count(out, 1 + i % 7 * 20)
            assert (out == 1 + i % 7 * 20).all()
            if i % 150 == 0:
                time.sleep(0.002)  # workers fall asleep


def test_a_region_inside_a_region_runs_on_the_thread_that_calls():
    if (pool := own_pool()) is None:
        pytest.skip("Numba's pool runs the threads")
    threads.set_num_threads(2)
    before = threads.state().regions
    pool._words[pool.LOCK // 8] = 1  # as if a region were running
    try:
        out = np.zeros(500)
        count(out, 3)
    finally:
        pool._words[pool.LOCK // 8] = 0
    assert (out == 3).all()
    assert threads.state().regions == before
    count(out, 3)
    assert threads.state().regions == before + 1


def test_a_worker_that_does_not_run_costs_nothing_but_its_share():
    """With no worker left the caller runs all chunks."""
    if (pool := own_pool()) is None:
        pytest.skip("Numba's pool runs the threads")
    threads.set_num_threads(4)
    pool._words[pool.ACTIVE // 8] = 1  # the others go to sleep; their chunks are still cut
    out = np.zeros(1000)
    for i in range(50):
        count(out, 1)
        assert (out == i + 1).all()


@jit(parallel=True)
def total(x):
    t = 0
    for i in prange(x.size):
        t += x[i]
    return t


@pytest.mark.skipif(disabled(), reason="plain Python has no threads")
def test_a_sum_over_the_region_has_a_partial_result_for_each_chunk():
    """Numba finds it by ``get_thread_id``, of which each chunk that runs beside another needs one of its own."""
    import numba

    x = np.arange(100_000)
    for n in (2, 4, 3):
        threads.set_num_threads(n)
        assert {int(total(x)) for _ in range(300)} == {4_999_950_000}
        with numba.parallel_chunksize(1000):  # more parts than threads
            assert {int(total(x)) for _ in range(100)} == {4_999_950_000}


def test_chunks_know_their_numbers():
    if (pool := own_pool()) is None:
        pytest.skip("Numba's pool runs the threads")
    from numba import get_thread_id

    text = "def number(out):\n    for i in prange(out.size):\n        out[i] = get_thread_id()\n"
    number = compile_source(text, "number", {"prange": prange, "get_thread_id": get_thread_id}, "a test", parallel=True)
    out = np.empty(1200, np.int64)
    for n in (2, 4, 3):
        threads.set_num_threads(n)
        number(out)
        assert sorted(set(out.tolist())) == list(range(n))
    pool._words[pool.LOCK // 8] = 1  # as if a region were running
    try:
        number(out)
    finally:
        pool._words[pool.LOCK // 8] = 0
    assert set(out.tolist()) == {0}


def weights(*shape, seed=0, grad=True):
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return torch.tensor(values, requires_grad=grad)


def gradients(fn, *tensors):
    """The result of ``fn`` and its gradients, against which a fixed random gradient is pulled."""
    y = fn(*tensors)
    return (y, *torch.autograd.grad(y, tensors, weights(*y.shape, seed=9, grad=False)))


def optimizer_step():
    p = nn.Parameter(weights(300, 301, grad=False))
    opt = torch.optim.Adam([p], lr=0.1, weight_decay=0.01)
    for seed in (1, 2):
        p.grad = weights(300, 301, seed=seed, grad=False)
        opt.step()
    return (p,)


def dropped():
    torch.manual_seed(3)
    return F.dropout(torch.ones(400, 257), 0.3), torch.randn(70_001), torch.rand(70_001)


LABELS = torch.tensor((np.arange(601) * 7 % 130).tolist())
FAMILIES = {
    "elementwise": lambda: gradients(
        lambda x, y: torch.exp(x) * y + torch.tanh(y), weights(300, 401), weights(401, seed=1)
    ),
    "strided": lambda: (weights(501, 400, grad=False).t() + weights(400, 501, seed=1, grad=False),),
    "matmul": lambda: gradients(torch.matmul, weights(131, 260), weights(260, 143, seed=1)),
    "batched matmul": lambda: (torch.matmul(weights(9, 40, 70, grad=False), weights(9, 70, 50, seed=1, grad=False)),),
    "linear": lambda: gradients(F.linear, weights(130, 257), weights(140, 257, seed=1), weights(140, seed=2)),
    "convolution": lambda: gradients(
        lambda x, w, b: F.conv2d(x, w, b, padding=1),
        weights(5, 6, 20, 21),
        weights(7, 6, 3, 3, seed=1),
        weights(7, seed=2),
    ),
    "strided convolution": lambda: gradients(
        lambda x, w: F.conv2d(x, w, stride=2), weights(5, 6, 31, 30), weights(7, 6, 3, 3, seed=1)
    ),
    "pooling": lambda: gradients(lambda x: F.max_pool2d(x, 2) + F.avg_pool2d(x, 2), weights(5, 8, 34, 32)),
    "reductions": lambda: [
        f(weights(401, 350, grad=False))
        for f in (
            torch.sum,
            lambda x: x.sum(0),
            lambda x: x.sum(1),
            lambda x: x.max(1)[0],
            lambda x: x.var(0),
            lambda x: x.argmax(0),
        )
    ],
    "softmax": lambda: gradients(lambda x: torch.softmax(x, 1) + torch.log_softmax(x, 0), weights(301, 130)),
    "layer_norm": lambda: gradients(
        lambda x, w, b: F.layer_norm(x, (130,), w, b), weights(301, 130), weights(130, seed=1), weights(130, seed=2)
    ),
    "batch_norm": lambda: gradients(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        weights(9, 12, 20, 21),
        weights(12, seed=1),
        weights(12, seed=2),
    ),
    "cross_entropy": lambda: gradients(lambda x: F.cross_entropy(x, LABELS), weights(601, 130)),
    "embedding": lambda: gradients(lambda w: F.embedding(LABELS, w), weights(130, 140)),
    "optimizer": optimizer_step,
    "dropout": dropped,
}


@pytest.mark.skipif(disabled(), reason="plain Python has no threads")
@pytest.mark.parametrize("family", FAMILIES)
def test_results_do_not_depend_on_the_number_of_threads(family):
    results = {}
    for n in (1, 2, 4):
        threads.set_num_threads(n)
        results[n] = [t.detach().numpy().copy() for t in FAMILIES[family]()]
    for n in (2, 4):
        for i, (one, many) in enumerate(zip(results[1], results[n], strict=True)):
            difference = (
                f"result {i} on {n} threads: {(one != many).sum()} values differ, by {np.abs(one - many).max()}"
            )
            assert one.tobytes() == many.tobytes(), difference


@pytest.mark.skipif(disabled(), reason="plain Python has no threads")
def test_results_under_contention():
    """Two callers at once, more threads than cores, another process that wants a core, the number of threads
    changing."""
    threads.set_num_threads(1)
    families = [family for family in FAMILIES if family != "dropout"]  # whose callers share a generator
    results = {family: [t.detach().numpy().tobytes() for t in FAMILIES[family]()] for family in families}
    wrong = []

    def caller(shift):
        for i in range(4 * len(families)):
            family = families[i * shift % len(families)]
            if [t.detach().numpy().tobytes() for t in FAMILIES[family]()] != results[family]:
                wrong.append(family)

    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        threads.set_num_threads(3)
        callers = [threading.Thread(target=caller, args=(shift,)) for shift in (2, 7)]
        for thread in callers:
            thread.start()
        while any(thread.is_alive() for thread in callers):
            for n in (2, 4, 1, 3):
                threads.set_num_threads(n)
                time.sleep(0.005)
        for thread in callers:
            thread.join()
    finally:
        busy.kill()
        busy.wait()
    assert not wrong


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_environment_refuses(text, monkeypatch):
    monkeypatch.setenv("NUMTORCH_NUM_THREADS", text)
    monkeypatch.setattr(threads, "_count", None)
    with pytest.raises(ValueError, match=f"NUMTORCH_NUM_THREADS: expected a positive integer, got .*{text}"):
        threads.get_num_threads()


def test_environment_sets_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_count", None)
    monkeypatch.setenv("NUMTORCH_NUM_THREADS", "3")
    assert threads.get_num_threads() == torch.get_num_threads() == 3
    monkeypatch.setattr(threads, "_count", None)
    monkeypatch.setenv("NUMTORCH_NUM_THREADS", "")
    assert threads.get_num_threads() == threads._cores()


def test_interop_threads_are_remembered(monkeypatch):
    monkeypatch.setattr(threads, "_interop", None)
    assert torch.get_num_interop_threads() == threads._cores()
    torch.set_num_interop_threads(5)
    assert torch.get_num_interop_threads() == 5
    with pytest.raises(ValueError, match="positive integer"):
        torch.set_num_interop_threads(0)


def python(code, **env):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ | env, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


USE = """
import numpy as np
import numtorch as torch
from numtorch.kernels import threads
x = torch.tensor(np.random.default_rng(0).standard_normal(300_000).astype(np.float32))
def results():
    return [t.numpy().tobytes() for t in (torch.exp(x), x.sum(), x.reshape(500, 600).sum(1), torch.softmax(x.reshape(500, 600), 1))]
"""  # noqa: E501


@pytest.mark.skipif(disabled(), reason="plain Python has no threads")
def test_layers_agree_and_the_process_ends():
    """Our pool and Numba's; a process that ends while its workers still look for work."""
    code = USE + "import hashlib\nprint(hashlib.sha256(b''.join(results())).hexdigest(), threads.state().layer)"
    ours = python(code, NUMTORCH_NUM_THREADS="3").split()
    numbas = python(code, NUMTORCH_THREADS="numba", NUMTORCH_NUM_THREADS="2").split()
    assert ours[0] == numbas[0]
    assert numbas[1] in ("omp", "workqueue")
    assert ours[1] == ("numtorch" if sys.platform == "linux" else numbas[1])


@pytest.mark.skipif(disabled() or sys.platform != "linux", reason="our pool runs on Linux")
def test_a_forked_child_gets_the_same_results_and_may_start_threads():
    python(
        USE
        + """
import os, sys
want = results()
child = os.fork()
if not child:
    good = threads.get_num_threads() == 1 and results() == want and threads.state().regions == 0
    torch.set_num_threads(2)
    good = good and threads.get_num_threads() == 2 and results() == want and threads.state().regions > 0
    os._exit(0 if good else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or disabled(), reason="needs affinities")
def test_all_threads_on_one_core_make_progress():
    """Threads that share a core with each other, and spin for none of it: waiting must not starve who is waited for."""
    if own_pool() is None:
        pytest.skip("Numba's pool runs the threads")
    code = (
        USE
        + """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
torch.set_num_threads(3)
want = results()
for _ in range(50):
    assert results() == want
"""
    )
    python(code)


def test_unknown_layer_is_refused():
    code = "import numtorch as torch\ntry:\n    torch.exp(torch.ones(300_000))\nexcept Exception as e:\n    print(e)"
    if not disabled():
        assert "NUMTORCH_THREADS: expected 'numtorch' (our pool) or 'numba'" in python(code, NUMTORCH_THREADS="fast")


def test_workers_wait_asleep():
    """Idle threads use no processor time: another library's pool finds its cores free."""
    if own_pool() is None:
        pytest.skip("Numba's pool runs the threads")
    threads.set_num_threads(4)
    count(np.zeros(1000), 10)
    time.sleep(0.01)
    sleepers = ctypes.c_int64.from_address(threads._pool._words.ctypes.data + threads._pool.SLEEPERS)
    for _ in range(1000):
        if sleepers.value >= 3:
            break
        time.sleep(0.01)
    assert sleepers.value >= 3


def test_workers_of_a_data_loader_use_one_thread(tmp_path):
    """However they are started: the parent's kernels, or the other workers, have the other cores."""
    script = tmp_path / "script.py"
    script.write_text("""
import sys
import numtorch as torch
from numtorch.utils.data import DataLoader, Dataset

class Threads(Dataset):
    def __len__(self):
        return 2
    def __getitem__(self, i):
        return torch.get_num_threads()

if __name__ == "__main__":
    torch.set_num_threads(4)
    for method in sys.argv[1:]:
        found = [b.tolist() for b in DataLoader(Threads(), 1, num_workers=2, multiprocessing_context=method)]
        assert found == [[1], [1]], (method, found)
    assert torch.get_num_threads() == 4
""")
    methods = ["spawn", "fork"] if hasattr(os, "fork") else ["spawn"]
    done = subprocess.run([sys.executable, str(script), *methods], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
