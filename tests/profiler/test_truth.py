"""Whether a profile is true: against an independent sampling profiler, and against what the machine can do."""

import json
import signal
import threading
import time

import pytest

import numtorch as torch
from numtorch import nn
from numtorch.kernels.jit import disabled
from numtorch.profiler import machine, peaks, profile, table, tensorboard_trace_handler
from numtorch.profiler.peaks import Machine
from numtorch.profiler.rows import Row

# the profiler's own work, which is not the kernel's in whose wrapper it is done
OWN = {"asleep_ns", "delay_ns", "keep_pace", "fold"}


class Sampler:
    """Looks, at every tick of a timer, whether a kernel's wrapper is on the stack; ticks weigh the time since the
    last."""

    def __init__(self, seconds=0.001):
        self.seconds = seconds
        self.inside = self.outside = 0.0

    def look(self, signum, frame):
        now = time.perf_counter()
        kernel = False
        while frame is not None and not kernel and frame.f_code.co_name not in OWN:
            kernel = frame.f_code.co_filename == "<numtorch profiler>" and frame.f_code.co_name == "timed"
            frame = frame.f_back
        if kernel:
            self.inside += now - self.last
        else:
            self.outside += now - self.last
        self.last = now

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.look)
        self.last = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, self.seconds, self.seconds)
        return self

    def __exit__(self, *exc):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


@pytest.mark.skipif(
    not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread(),
    reason="no timer signals",
)
@pytest.mark.skipif(disabled(), reason="in plain Python a kernel is no one call")
def test_a_sampling_profiler_finds_the_same_share_of_kernels():
    x, net = torch.rand(1 << 17), nn.Linear(256, 256)
    small = torch.rand(64, 256)

    def work():
        torch.exp(x)
        net(small)
        sum(range(20_000))

    with profile() as prof, Sampler() as seen:  # compiling is sampled too, and no kernel's own time
        for _ in range(2):
            work()
        seen.inside = seen.outside = 0.0
        own = sum(r.self_ns for r in prof.rows if r.kind == "kernel")
        started = time.perf_counter()
        while time.perf_counter() - started < 0.6:
            work()
        mine = (sum(r.self_ns for r in prof.rows if r.kind == "kernel") - own) / 1e9
        wall = time.perf_counter() - started
    sampled = seen.inside / (seen.inside + seen.outside)
    assert 0.02 < mine / wall < 0.98
    assert sampled == pytest.approx(mine / wall, abs=0.15)


@pytest.fixture(scope="module")
def here():
    return machine()


@pytest.mark.skipif(disabled(), reason="plain Python has no bandwidth to speak of")
def test_no_kernel_is_above_the_roof(here):
    x = torch.rand(1 << 20)
    a = torch.rand(256, 256)
    for _ in range(
        5
    ):  # where other processes disturbed the probes, their roofs are too low until they are measured again
        with profile() as prof:
            for _ in range(30):
                x.clone()
                a @ a
        if all((r.percent_of_roof or 0) <= 105 for r in prof.rows):
            break
        here = machine(refresh=True)
    copy = next(r for r in prof.rows if r.op == "clone")
    product = next(r for r in prof.rows if r.op == "matmul")
    assert copy.bound == "memory"
    assert product.bound == "compute"
    for row in (copy, product):
        assert 1 < row.percent_of_roof <= 105, (row.gbps, row.gflops, str(here))
        assert row.roof_ns <= row.total_ns * 1.05
    assert copy.gbps <= here.bandwidth(copy.bytes / copy.calls) * 1.05


def test_the_machine_is_measured_once(here, monkeypatch):
    here = machine()  # another test may have measured again
    monkeypatch.setattr(peaks, "_measure", lambda count: pytest.fail("measured again"))
    monkeypatch.setattr(peaks.load, "now", lambda: 100.0)
    assert machine() is here
    peaks._known.clear()
    assert machine() == here  # from the file
    assert peaks.known() == here
    with pytest.raises(ValueError, match="'cpu' or 'cuda'"):
        machine("tpu")


def test_refreshing_keeps_the_better(here, monkeypatch, tmp_path):
    worse = Machine(
        "cpu",
        here.name,
        here.threads,
        [(n, r / 2) for n, r in here.bandwidths],
        here.caches,
        {d: r * 2 for d, r in here.rates.items()},
        here.launch_ns * 2,
        here.parallel_ns,
    )
    monkeypatch.setattr(peaks, "_measure", lambda count: worse)
    monkeypatch.setattr(peaks.kernel_cache, "_folder", tmp_path)
    peaks._file("cpu", here.threads).write_text(json.dumps(here.to_dict()))
    try:
        found = machine(refresh=True)
        assert found.bandwidths == here.bandwidths
        assert found.rates["float32"] == 2 * here.rates["float32"]
        assert found.launch_ns == here.launch_ns
    finally:
        peaks._known.clear()


def made(load=0.0, rate=10.0):
    return Machine(
        "cpu", "some", torch.get_num_threads(), [(1 << 10, rate)], [], {"float32": rate}, 100.0, load=load, processors=2
    )


class Fake:
    """A machine on which others keep ``busy`` processors busy; the clock of looks is turned by hand."""

    def __init__(self, monkeypatch, folder):
        self.busy, self.rate, self.measured = 1.5, 10.0, 0
        monkeypatch.setattr(peaks.kernel_cache, "_folder", folder)
        monkeypatch.setattr(peaks, "_known", {})
        monkeypatch.setattr(peaks, "_looked", {})
        monkeypatch.setattr(peaks, "_measure", self.measure)
        monkeypatch.setattr(peaks.load.Others, "processors", lambda others: self.busy)
        monkeypatch.setattr(peaks.load, "now", lambda: self.busy)
        monkeypatch.setattr(peaks.load, "processors", lambda: 2)

    def measure(self, count):
        self.measured += 1
        return made(rate=self.rate)


def test_the_load_is_noted_and_the_roof_measured_again_when_it_is_less(monkeypatch, tmp_path, capsys):
    fake = Fake(monkeypatch, tmp_path)
    found = machine()
    assert (found.load, found.busy, fake.measured) == (1.5, True, 1)
    assert "kept 1.5 of 2 processors busy" in capsys.readouterr().err and "1.5 of 2 processors busy" in str(found)
    peaks._known.clear()
    assert machine().load == 1.5 and fake.measured == 1  # from the file, and as busy as it was
    fake.busy, fake.rate = 0.1, 12.0
    assert machine().rate("float32") == 10 and fake.measured == 1  # it has just been looked at
    peaks._looked.clear()
    found = machine()
    assert (found.load, found.busy, found.rate("float32"), fake.measured) == (0.1, False, 12, 2)
    assert not found.doubt() and "busy" not in str(found) and capsys.readouterr().err == ""
    peaks._looked.clear()
    fake.busy = 0.0
    assert machine() is found and fake.measured == 2  # quiet is quiet enough


def test_a_table_says_what_its_roofs_were_measured_under():
    rows = [
        Row(
            "kernel",
            "x",
            kernel="x/cpu/y",
            calls=2,
            bytes=1000,
            flops=500,
            self_ns=400,
            total_ns=400,
            dtype="float32",
            machine=made(load=load),
        )
        for load in (1.5, 0.0)
    ]
    assert "1.5 of 2 processors busy" in table.text(rows[:1], 400) and "busy" not in table.text(rows[1:], 400)
    assert "busy" not in table.text(rows[:1], 400, columns=("name", "calls"))  # nothing of a roof is shown
    rows[1].total_ns = rows[1].self_ns = 10
    assert "x/cpu/y beat it" in table.text(rows[1:], 400)


def test_peaks_between_and_beyond_what_was_measured():
    m = Machine(
        "cpu",
        "some",
        1,
        [(1 << 10, 100.0), (1 << 20, 50.0), (1 << 24, 60.0)],
        [("L1", 1 << 15), ("L2", 1 << 21)],
        {"float32": 10.0},
        100.0,
    )
    assert m.bandwidth(1) == m.bandwidth(1 << 10) == m.bandwidth((1 << 20) - 1) == 100
    assert m.bandwidth(1 << 20) == 60  # a smaller stretch cannot be slower
    assert m.bandwidth(1 << 40) == 60
    assert m.rate("int64") == 10
    assert [m.level(n) for n in (1, 1 << 16, 1 << 30)] == ["L1", "L2", "memory"]
    assert [name for name, _ in m.levels()] == ["L1", "L2", "memory"]
    assert m.slants() == [("L1", 100.0), ("L2 and memory", 60.0)]


def test_what_bounds_a_row():
    from numtorch.profiler import Row

    m = Machine("cpu", "some", 1, [(1 << 10, 10.0)], [], {"float32": 100.0}, 50.0)

    def row(moved, done, calls=2):
        return Row(
            "kernel",
            "x",
            calls=calls,
            bytes=moved * calls,
            flops=done * calls,
            total_ns=4000 * calls,
            dtype="float32",
            machine=m,
        )

    assert row(10_000, 1000).bound == "memory"
    assert row(10_000, 1000).percent_of_roof == pytest.approx(25)
    assert row(1000, 200_000).bound == "compute"
    assert row(100, 100).bound == "dispatch"
    assert Row("kernel", "x", calls=1, bytes=5).bound == ""


# --- the trace ------------------------------------------------------------------------------------


def test_the_chrome_trace(tmp_path):
    file = tmp_path / "trace.json"
    with profile(trace=file) as prof:
        torch.exp(torch.ones(3))
    events = json.loads(file.read_text())["traceEvents"]
    (event,) = [e for e in events if e["name"] == "exp/cpu/generated" and e["args"].get("calls")]
    assert event["ph"] == "X"
    assert event["dur"] > 0
    prof.export_chrome_trace(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["traceEvents"] == events


def test_a_path_that_cannot_be_written_is_said_before_the_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        profile(trace=tmp_path / "nowhere" / "trace.json")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        profile(trace=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="traces cannot be written"):
        tensorboard_trace_handler(str(tmp_path / "file" / "folder"))


def test_a_file_for_each_cycle(tmp_path):
    from numtorch.profiler import schedule

    with profile(
        schedule=schedule(active=1, repeat=2), on_trace_ready=tensorboard_trace_handler(str(tmp_path / "log"), "me")
    ) as prof:
        for _ in range(3):
            torch.exp(torch.ones(3))
            prof.step()
    files = sorted((tmp_path / "log").iterdir())
    assert len(files) == 2
    assert all(f.name.startswith("me.") for f in files)
