"""What a profile says: every nanosecond once, the same each time, and nothing of what was not to be recorded."""

import inspect
import threading
import time

import numpy as np
import pytest

import numtorch as torch
from numtorch import nn
from numtorch.kernels import timing
from numtorch.profiler import ProfilerAction, legend, profile, record_function, schedule
from numtorch.profiler.folding import SAMPLES, Sums, quantile
from numtorch.profiler.recorder import Recorder
from numtorch.profiler.rows import Row
from numtorch.utils.data import DataLoader, Dataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.fixture(scope="module")
def training():
    """Six steps of training under a profile: the profile, and how long they took by a clock outside."""
    net, loader = Net(), DataLoader([(torch.rand(8), i % 4) for i in range(48)], batch_size=8)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    with profile() as prof:
        started = time.perf_counter_ns()
        for x, t in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), t).backward()
            optimizer.step()
        wall = time.perf_counter_ns() - started
    return prof, wall


def kernels(prof, op=None):
    return [r for r in prof.rows if r.kind == "kernel" and op in (None, r.op)]


def explained(prof):
    return sum(r.self_ns + r.compile_ns + r.load_ns for r in prof.rows if r.thread == 0)


def test_rows_add_up_to_the_wall_time(training):
    prof, outside = training
    assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)
    assert prof.wall_ns == pytest.approx(outside, rel=0.02, abs=2e6)
    assert sum(r.share for r in prof.rows if r.thread == 0) == pytest.approx(1, abs=0.02)
    assert all(r.self_ns >= 0 and r.total_ns >= r.self_ns for r in prof.rows)
    assert all(s.self_ns >= 0 for s in prof.spans)
    assert all(0 <= r.median_ns <= r.p95_ns for r in prof.rows)


def test_modules_and_phases(training):
    prof, _ = training
    found = {(r.op, r.phase, r.module) for r in kernels(prof)}
    assert {
        ("linear", "forward", "Net.body.0"),
        ("linear", "forward", "Net.head"),
        ("relu", "forward", "Net.body.1"),
        ("linear.backward", "backward", "Net.body.0"),
        ("linear.backward", "backward", "Net.head"),
        ("relu.backward", "backward", "Net.body.1"),
        ("cross_entropy", "forward", ""),
        ("sgd_step", "optimizer", "SGD"),
    } <= found
    assert {"Python dispatch", "data loading"} <= {r.op for r in prof.rows if r.kind != "kernel"}
    counts = {(s.kind, s.name): s.calls for s in prof.spans}
    assert counts["module", "Net.body.0"] == counts["backward", "backward"] == counts["optimizer", "SGD"] == 6
    assert counts["data", "DataLoader"] == 7  # the last one finds the end


def test_every_call_is_counted(training):
    prof, _ = training
    assert sum(r.calls for r in kernels(prof, "linear")) == 12
    assert sum(r.calls for r in kernels(prof, "relu.backward")) == 6
    (row,) = [r for r in kernels(prof, "linear") if r.module == "Net.head"]
    assert row.flops == 6 * 8 * 4 * (2 * 16 + 1)
    assert row.bytes == 6 * 4 * (8 * 16 + 4 * 16 + 4 + 8 * 4)
    assert row.allocated == 6 * 4 * 8 * 4
    assert row.shapes == "[8, 16], [4, 16], [4]"
    assert row.kernel == "linear/cpu/fused"
    assert row.why.startswith("chosen: the first of its priority")
    assert row.dtype == "float32"


def test_reading_twice_gives_the_same(training):
    prof, _ = training
    assert prof.table() == prof.table()
    assert str(prof) == prof.table()
    assert prof.to_dict() == prof.to_dict()
    averages = prof.key_averages()
    assert averages.table(sort_by="self_cpu_time_total") == averages.table(sort_by="self_cpu_time_total")
    assert sum(r.calls for r in averages if r.op == "linear") == 12
    assert prof.total_average().calls == sum(r.calls for r in prof.rows)


def test_events_are_in_order_and_belong_to_rows(training):
    prof, _ = training
    events = prof.events
    assert [e.start_ns for e in events] == sorted(e.start_ns for e in events)
    assert all(e.start_ns >= 0 and e.start_ns + e.duration_ns <= prof.wall_ns for e in events)
    of = {id(r) for r in prof.rows} | {id(s) for s in prof.spans}
    others = [e.of for e in events if id(e.of) not in of]
    assert (
        all(o.op == "profiler" or o.why.startswith("its first call") for o in others) and len(others) < len(events) / 4
    )


def test_a_table_can_be_sorted_cut_and_told_its_columns(training):
    prof, _ = training
    lines = prof.table(sort_by="calls", row_limit=2, columns=("name", "calls", "bytes")).splitlines()
    assert len(lines) == 5
    assert lines[0].split() == ["kernel", "calls", "MB"]
    assert "more rows" in lines[3]
    assert lines[4].startswith("all")
    with pytest.raises(ValueError, match="cannot sort by 'speed'"):
        prof.table(sort_by="speed")
    with pytest.raises(ValueError, match="no column 'speed'"):
        prof.table(columns=("speed",))


def test_every_column_has_one_definition():
    columns = legend()
    for name in columns:
        assert hasattr(Row("kernel", "x"), name), name
    assert set(Row("kernel", "x").to_dict()) == set(columns)
    private = {"wall_ns", "id", "jits", "sample", "machine", "parts"}
    assert set(Row.__dataclass_fields__) - private <= set(columns)


def test_the_legend_is_read_with_and_without_indentation(monkeypatch):
    """Python 3.13 takes the indentation of docstrings away when it compiles them."""
    monkeypatch.setattr(Row, "__doc__", inspect.cleandoc(Row.__doc__))
    assert legend.__wrapped__() == legend() and "roof_ns" in legend()


# --- what must not be in it -----------------------------------------------------------------------


def test_warm_up_and_waiting_are_not_recorded():
    x = torch.ones(5)
    cycles = []
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=2),
        on_trace_ready=lambda p: cycles.append(sum(r.calls for r in kernels(p, "exp"))),
    ) as prof:
        for step in range(10):
            for _ in range(10**step if step < 2 else 3):
                torch.exp(x)
            prof.step()
    assert cycles == [6, 6]
    assert all(r.compile_ns == r.load_ns == 0 and r.cold_calls == 0 for r in kernels(prof))
    assert timing.active is None


def test_a_schedule():
    actions = [schedule(skip_first=1, wait=1, active=1, repeat=1)(i).name for i in range(5)]
    assert actions == ["NONE", "NONE", "RECORD_AND_SAVE", "NONE", "NONE"]
    with pytest.raises(ValueError, match="active"):
        schedule(active=0)
    assert ProfilerAction["RECORD"] is ProfilerAction.RECORD


def test_compiling_is_no_part_of_own_time(tmp_path):
    from numtorch.kernels.cache import use_folder

    @torch.primitive(name="profiled_once", public=False)
    def fresh(x):
        """A formula that nobody else compiles."""
        return x * x + x

    try:
        with use_folder(tmp_path), profile() as prof:
            for _ in range(5):
                fresh(torch.ones(4))
        (row,) = kernels(prof, "profiled_once")
        if row.cache == "ready":
            pytest.skip("nothing is compiled: plain Python")
        assert (row.cache, row.calls) == ("miss", 5)
        assert row.compile_ns > 10 * row.self_ns
        assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)
    finally:
        from numtorch.dispatch.op import OPS
        from numtorch.kernels import registry

        del OPS["profiled_once"], registry.ENTRIES["profiled_once"]


class Slow(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        time.sleep(0.02)
        return torch.exp(torch.full((3,), float(i)))


def test_waiting_for_workers_is_data_loading():
    with profile() as prof:
        batches = list(DataLoader(Slow(), batch_size=2, num_workers=1))
    assert len(batches) == 2
    (row,) = [r for r in prof.rows if r.kind == "data"]
    assert row.self_ns > 0.05e9
    assert sum(r.self_ns for r in prof.rows if r.kind == "idle") < 0.5 * row.self_ns
    assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)


def test_a_schedule_that_fails_leaves_no_profile_open():
    with pytest.raises(ZeroDivisionError), profile(schedule=lambda step: 1 // 0):
        pass
    with profile() as prof:
        torch.exp(torch.ones(3))
    assert [r.calls for r in kernels(prof, "exp")] == [1]


def test_sleeping_is_idle():
    with profile() as prof:
        torch.exp(torch.ones(3))
        time.sleep(0.05)
    (idle,) = [r for r in prof.rows if r.kind == "idle"]
    assert 0.04e9 <= idle.self_ns <= prof.wall_ns


def test_other_threads_are_no_part_of_the_wall_time():
    x = torch.ones(100)
    torch.exp(x)

    def work():
        for _ in range(50):
            torch.exp(x)

    with profile() as prof:
        others = [threading.Thread(target=work) for _ in range(2)]
        for t in others:
            t.start()
        work()
        for t in others:
            t.join()
    rows = kernels(prof, "exp")
    assert [r.calls for r in rows if r.thread == 0] == [50]
    assert sum(r.calls for r in rows if r.thread > 0) == 100
    assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)
    assert all(r.self_ns > 0 for r in rows)


# --- bad input ------------------------------------------------------------------------------------


def test_profiles_do_not_nest():
    with profile() as prof:
        with pytest.raises(RuntimeError, match="do not nest"), profile():
            pass
        torch.exp(torch.ones(3))
    assert [r.calls for r in kernels(prof, "exp")] == [1]
    with profile():  # and the next one opens
        pass


def test_an_exception_leaves_what_was_gathered():
    net = Net()
    with pytest.raises(ZeroDivisionError), profile() as prof:
        net(torch.ones(2, 8))
        with record_function("part"):
            1 / 0  # noqa: B018
    assert sum(r.calls for r in kernels(prof, "linear")) == 2
    assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)
    assert [s.calls for s in prof.spans if s.name == "part"] == [1]
    assert timing.active is None
    assert not hasattr(nn.Module.__call__, "__closure__") or nn.Module.__call__.__closure__ is None


def test_an_exception_in_a_kernel_keeps_the_books():
    with profile() as prof:
        for _ in range(3):
            with pytest.raises(IndexError):
                nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 7]))
        torch.exp(torch.ones(3))
    assert explained(prof) == pytest.approx(prof.wall_ns, rel=0.02)
    assert all(r.self_ns >= 0 for r in prof.rows)


def test_an_optimizer_that_fails_leaves_no_span_open():
    class Broken(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        def step(self, closure=None):
            raise ValueError("no")

    opt = Broken([torch.ones(2, requires_grad=True)])
    with profile() as prof:
        for _ in range(2):
            with record_function("try"), pytest.raises(ValueError, match="no"):
                opt.step()
        torch.exp(torch.ones(3))
    (row,) = kernels(prof, "exp")
    assert (row.phase, row.module) == ("forward", "")
    assert [s.calls for s in prof.spans if s.name == "try"] == [2]


def test_step_outside_is_an_error():
    with pytest.raises(RuntimeError, match="not open"):
        profile().step()


def test_a_wrong_cost_formula_does_not_break_the_program(scratch_registry):
    @torch.op(name="badly_described", public=False, cost=lambda out, x: 1 / 0)
    def badly(x):
        """Twice x."""
        return x * 2

    @badly.kernel("cpu")
    def doubled(x):
        return x.detach() * 2

    with pytest.warns(UserWarning, match="badly_described: its cost failed"), profile() as prof:
        assert badly(torch.ones(2)).tolist() == [2, 2]
    (row,) = kernels(prof, "badly_described")
    assert (row.calls, row.bytes) == (1, 0)


# --- names and ranges -----------------------------------------------------------------------------


def test_ranges():
    @record_function("decorated")
    def work():
        return torch.exp(torch.ones(3))

    work()  # of no effect outside
    with profile() as prof:
        work()
        with record_function("outer"), record_function("inner"):
            work()
    spans = {s.name: s for s in prof.spans}
    assert {n: s.calls for n, s in spans.items()} == {"decorated": 2, "outer": 1, "inner": 1}
    assert spans["outer"].total_ns >= spans["inner"].total_ns


def test_a_profile_can_be_read_while_it_is_open():
    with profile() as prof:
        torch.exp(torch.ones(3))
        assert [r.calls for r in kernels(prof, "exp")] == [1]
        torch.exp(torch.ones(3))
    assert [r.calls for r in kernels(prof, "exp")] == [2]


def test_where_a_kernel_was_called_from():
    with profile(with_stack=True) as prof:
        torch.exp(torch.ones(3))
    (row,) = kernels(prof, "exp")
    assert row.stack[-1].endswith("test_where_a_kernel_was_called_from")
    with pytest.raises(ValueError, match="gpu"):
        profile(activities=["gpu"])


def test_gradients_of_gradients_under_a_profile():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with profile():
        (g,) = torch.autograd.grad((x * x * x).sum(), x, create_graph=True)
        g.sum().backward()
    assert x.grad.tolist() == [6, 12]


# --- bounded memory -------------------------------------------------------------------------------


def test_the_time_line_keeps_the_newest_and_the_rows_count_all():
    x = torch.ones(3)
    with profile(events=64) as prof:
        for _ in range(40_000):
            torch.exp(x)
    (row,) = kernels(prof, "exp")
    assert row.calls == 40_000
    assert len(prof.events) == 64
    assert prof.events[-1].start_ns > 0.9 * (prof.wall_ns - 1e6)


def test_shapes_without_end_share_a_row(monkeypatch):
    monkeypatch.setattr("numtorch.profiler.recorder.MAX_ROWS", 3)
    w = torch.ones(2, 2)
    with profile() as prof:
        for n in range(1, 9):
            torch.ones(n, 2) @ w
    rows = kernels(prof, "matmul")
    assert sum(r.calls for r in rows) == 8
    assert sum(r.flops for r in rows) == sum(8 * n for n in range(1, 9))
    assert "others" in {r.shapes for r in rows}


def test_quantiles_are_exact_while_few_and_near_when_many():
    sums = Sums(4)
    times = np.random.default_rng(0).permutation(20_000) + 1
    for n in (200, 20_000):
        sums.clear()
        journal = [v for k, t in enumerate(times[times <= n]) for v in (0, k * 10**6, k * 10**6 + int(t))]
        sums.add(journal, [])
        kept = sums.sample(0)
        assert kept.size == min(n, SAMPLES)
        for q in (0.5, 0.95):
            found = quantile([kept], [n], q)
            assert found == pytest.approx(q * n, rel=0 if n == 200 else 0.08)


def test_self_times_of_nested_calls():
    recorder = Recorder(8)
    inner = recorder.enter("function", "outer")
    recorder.enter("function", "inner")
    recorder.exit(2)
    recorder.exit(inner)
    recorder.fold()
    ring = recorder.sums.newest()
    assert ring[0, 2] == ring[0, 3]
    assert ring[1, 3] == ring[1, 2] - ring[0, 2]


def test_own_times_survive_more_calls_than_the_pile_holds():
    """Two spans stay open around, and between, far more kernels than are remembered one by one."""
    sums = Sums(4)
    sums.reserve(3)
    outer, inner, t, journal = 10, None, 20, []
    for k in range(30_000):
        if k == 7000:
            inner, t = t, t + 5
        journal += (0, t, t + 2)
        t += 3
        if len(journal) == 3072:
            sums.add(journal, [s for s in (outer, inner) if s is not None])
            journal.clear()
    journal += (1, inner, t)
    journal += (2, outer, t + 10)
    sums.add(journal, [])
    assert sums.own.tolist()[:3] == [60_000, t - inner - 2 * 23_000, t + 10 - outer - (t - inner) - 2 * 7000]
    assert sums.total[2] == t + 10 - outer


@pytest.mark.parametrize(
    ("call", "op", "kernel"),
    [
        (lambda x, y: torch.cat([x, y]), "cat", "side_by_side"),
        (lambda x, y: torch.stack([x, y], 1), "stack", "side_by_side"),
        (lambda x, y: x.repeat(2, 3), "repeat", "planes"),
        (lambda x, y: torch.repeat_interleave(x, 2, 1), "repeat_slices", "planes"),
    ],
    ids=["cat", "stack", "repeat", "repeat_interleave"],
)
def test_copies_that_join_and_repeat_have_rows(call, op, kernel):
    x, y = torch.rand(4, 8), torch.rand(4, 8)
    with profile() as prof:
        result = call(x, y)
    (row,) = kernels(prof, op)
    assert row.kernel == f"{op}/cpu/{kernel}" and row.calls == 1
    assert row.bytes == 4 * result.numel() + 4 * (x.numel() + y.numel() * (op in ("cat", "stack")))
    assert f"-> {kernel} (cpu, tuned): chosen" in torch.kernels.explain(call, x, y)
    with torch.kernels.bodies_only():
        assert torch.equal(call(x, y), result)
