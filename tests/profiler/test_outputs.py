"""What a profile can be turned into: each output is read back, and says what the table says."""

import json
import re
import sys

import numpy as np
import pytest

import numtorch as torch
from numtorch import nn
from numtorch.profiler.difference import Change, Comparison
from numtorch.profiler.memory import POINTS, Tracker
from numtorch.profiler.pace import AROUND, PIECES, Pace
from numtorch.profiler.recorder import Recorder
from numtorch.profiler.rows import Row


@pytest.fixture(scope="module")
def net():
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


def step(net, n=64):
    net(torch.ones(n, 64)).sum().backward()


@pytest.fixture(scope="module")
def prof(net):
    step(net)
    with torch.profiler.profile(profile_memory=True) as found:
        for _ in range(8):
            step(net)
    return found


def test_groups_sum_to_the_whole(prof):
    for by, name in (
        ("op", "linear.backward"),
        ("module", "Sequential.1"),
        ("phase", "backward"),
        ("kernel", "relu/cpu/generated"),
    ):
        text = prof.table(group_by=by)
        assert any(line.startswith(name) for line in text.splitlines())
        assert re.search(r"\nall\s.* 100\.0%|\nall\s.* 99\.9%", text)
    with pytest.raises(ValueError, match="no column"):
        prof.table(columns=("colour",))


def test_html_holds_every_row_and_the_legend(prof):
    text = prof._repr_html_()
    (every,) = re.findall(r'<div data-group="rows".*?</table>', text)
    assert every.count("<tr>") == len(prof.rows) + 1 and "what the columns mean" in text
    kernels = re.search(r'<div data-group="kernel".*?</table>', text)[0]
    assert kernels.count("<tr>") == len(prof.key_averages(by=("kernel",))) + 1
    assert "linear.backward/cpu/fused" in text and len(text) < 200_000
    first, second = (re.search(r'id="([\w-]+)"', t).group(1) for t in (text, prof._repr_html_()))
    assert first != second  # each table of a page sorts by itself


def test_flame_graph_nests_and_sums(prof, tmp_path):
    prof.export_speedscope(tmp_path / "flame.json")
    graph = json.loads((tmp_path / "flame.json").read_text())
    frames = [f["name"] for f in graph["shared"]["frames"]]
    (own,) = [p for p in graph["profiles"] if p["name"] == "thread 0"]
    stack, spent, last = [], {}, 0.0
    for e in own["events"]:
        assert e["at"] >= last
        last = e["at"]
        if e["type"] == "O":
            stack.append((e["frame"], e["at"]))
        else:
            frame, at = stack.pop()
            assert frame == e["frame"]
            spent[frames[frame]] = spent.get(frames[frame], 0.0) + e["at"] - at
    assert not stack
    total = sum(r.total_ns for r in prof.rows if r.kernel == "relu/cpu/generated") / 1e3
    assert spent["relu/cpu/generated [forward]"] == pytest.approx(total, rel=0.01, abs=1)


def test_memory_peak_and_who_held_it(net):
    step(net, 4096)
    with torch.profiler.profile(profile_memory=True) as prof:
        step(net, 4096)
    line = prof.memory
    hidden = 4096 * 256 * 4  # bytes of one hidden activation
    # relu's result, which its gradient reads, and two gradients
    assert line.peak >= 3 * hidden and max(line.held) == line.peak
    assert sum(n for n, _, _ in line.holders) == line.peak
    assert any(module == "Sequential.1" and phase == "forward" and n >= hidden for n, phase, module in line.holders)
    assert line.held[-1] < hidden  # the step is over: only gradients of weights live
    assert "peak" in str(line) and len(json.dumps(line.to_dict())) < 100_000


def test_memory_must_be_asked_for():
    with torch.profiler.profile() as prof:
        torch.ones(3)
    with pytest.raises(RuntimeError, match="profile_memory=True"):
        _ = prof.memory


def test_memory_of_a_long_run_is_bounded():
    tracker = Tracker(Recorder())
    for _ in range(POINTS):
        tracker.made(np.empty(1 << 15, np.uint8))
    assert len(tracker.times) <= POINTS + 1 and tracker.now == 0 and not tracker.live


def test_json_and_page(prof, tmp_path):
    assert json.loads(prof.to_json(tmp_path / "p.json"))["wall_ns"] == prof.wall_ns
    assert json.loads((tmp_path / "p.json").read_text())["rows"][0]["self_ns"] == prof.rows[0].self_ns
    prof.export_html(tmp_path / "p.html")
    assert (tmp_path / "p.html").read_text().startswith("<!doctype html>")
    with pytest.raises(OSError, match="cannot be written"):
        prof.export_html(tmp_path / "nowhere" / "p.html")


def test_scalars_for_tensorboard(prof, tmp_path):
    class Writer:
        def __init__(self):
            self.scalars = {}

        def add_scalar(self, tag, value, step):
            self.scalars[tag] = value, step

    writer = Writer()
    prof.to_tensorboard(writer, 3)
    assert writer.scalars["profile/wall_ms"] == (prof.wall_ns / 1e6, 3)
    assert writer.scalars["profile/forward/relu/cpu/generated/self_ms"][0] > 0


def test_event_files_for_tensorboard(prof, tmp_path):
    pytest.importorskip("tensorboardX")
    prof.to_tensorboard(tmp_path / "runs", 1)
    (file,) = (tmp_path / "runs").glob("events.out.tfevents.*")
    assert b"profile/forward/relu/cpu/generated/self_ms" in file.read_bytes()


def test_stretches_of_a_track_nest(prof, tmp_path):
    prof.export_chrome_trace(tmp_path / "trace.json")
    tracks = {}
    for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]:
        if e["ph"] == "X":
            tracks.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
    assert tracks
    for stretches in tracks.values():  # a viewer refuses stretches of one thread that overlap without nesting
        open_until = []
        for start, end in sorted(stretches, key=lambda s: (s[0], -s[1])):
            while open_until and open_until[-1] <= start + 1e-3:  # a nanosecond
                open_until.pop()
            assert not open_until or end <= open_until[-1] + 1e-3
            open_until.append(end)


def test_a_missing_library_is_named(prof, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        prof.roofline()
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        prof.to_tensorboard(tmp_path)


def test_pictures(prof):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    prof.measure()
    ax = prof.roofline(most=3)
    assert len(ax.collections) == 3 and "GFLOP/s" in ax.get_ylabel()
    for r in prof.rows:
        assert r.percent_of_roof is None or r.percent_of_roof >= 0
    assert prof.plot_memory().get_ylabel() == "MB held by tensors"


def test_before_and_after():
    x = torch.randn(256, 512)

    def run(fn):
        fn()
        with torch.profiler.profile() as prof:
            for _ in range(60):
                fn()
        return prof

    before = run(lambda: torch.exp(x))
    with torch.kernels.use(
        torch.exp, lambda x: torch.exp2(torch.exp2(torch.exp2(x * 0.1))) * 0 + torch.exp2(x * 1.442695)
    ):
        slower = run(lambda: torch.exp(x))
    gone = {c.kernel: c.verdict for c in before.compare(slower).changes}
    assert gone["exp/cpu/generated"] == "gone" and "new" in gone.values()
    table = before.compare(before)
    assert all(c.verdict in ("no difference", "") for c in table.changes)
    assert "1.00 of it" in str(table) and "<table" in table._repr_html_() and json.dumps(table.to_dict())


@pytest.mark.parametrize(
    ("ratio", "significant", "verdict"),
    [(0.5, True, "faster"), (2.0, True, "slower"), (0.9, False, "no difference"), (0.1, None, "too few calls")],
)
def test_verdicts(ratio, significant, verdict):
    assert Change("k", "", "", "", (9, 9), (10, 5), (90, 45), 1.0, ratio, significant).verdict == verdict


def test_significance_follows_the_spread():
    from numtorch.profiler.difference import _significant

    rng = np.random.default_rng(0)

    def row(middle, spread):
        return Row("kernel", "k", sample=middle + spread * rng.standard_normal(50))

    assert _significant(row(1000, 10), row(1100, 10)) is True
    assert _significant(row(1000, 500), row(1100, 500)) is False
    assert _significant(row(1000, 10), Row("kernel", "k", sample=np.array([1.0]))) is None


class Steady(Pace):
    """A pace at which every piece takes as long as is said, one time less and the next time more."""

    def __init__(self, seconds, spread=0.0):
        super().__init__()
        self.seconds = {piece: [seconds * (1 - spread), seconds * (1 + spread)] * 6 for piece in PIECES}


class Taken:
    def __init__(self, rows, pace):
        self.rows, self.pace, self.wall_ns = rows, pace, 1000


def timed(**middles):
    rng = np.random.default_rng(2)
    rows = []
    for name, middle in middles.items():
        sample = middle * (1 + 0.02 * rng.standard_normal(50))
        rows.append(
            Row(
                "kernel",
                name,
                kernel=name,
                calls=50,
                self_ns=50 * middle,
                median_ns=int(np.median(sample)),
                sample=sample,
                threads=1,
            )
        )
    return rows


def test_untouched_kernels_are_no_slower_on_a_slower_machine():
    before = Taken(timed(a=1000, b=5000, c=3000), Steady(100))
    after = Taken(timed(a=1300, b=6500, c=7800), Steady(130))
    found = {c.kernel: c for c in Comparison(before, after).changes}
    assert [found[k].verdict for k in "abc"] == ["no difference", "no difference", "slower"]
    assert found["c"].machine == 1.3 and found["c"].ratio == pytest.approx(2, rel=0.02)
    assert "1.30 (one thread)" in str(Comparison(before, after))
    unmoved = {
        c.kernel: c.verdict for c in Comparison(before, Taken(timed(a=1000, b=4000, c=3000), Steady(130))).changes
    }
    assert unmoved == {"a": "no difference", "b": "faster", "c": "no difference"}  # the load did not meet them


def test_nothing_is_claimed_where_the_pieces_of_work_varied():
    changed = timed(a=1200)
    for spread, verdict in ((0.001, "slower"), (0.4, "no difference")):
        found = Comparison(Taken(timed(a=1000), Steady(100, spread)), Taken(changed, Steady(100, spread))).changes
        assert [c.verdict for c in found] == [verdict]
    drifting = Steady(100)
    drifting.seconds = {piece: [80.0] * 6 + [120.0] * 6 for piece in PIECES}
    assert Comparison(Taken(timed(a=1000), Steady(100)), Taken(changed, drifting)).changes[0].verdict == "no difference"


def test_memory_and_threads_have_pieces_of_their_own():
    def three(middle):
        small, shared, large = timed(a=middle, b=middle, c=middle)
        shared.threads = 2
        large.bytes = large.calls << 22
        return [small, shared, large]

    pace = Steady(100)
    pace.seconds |= {"all threads": [200.0] * 12, "memory": [150.0] * 12}
    before = Taken(three(1000), Steady(100))
    for middle, machine, slower in (
        (1300, [1.0, 1.3, 1.3], "a"),
        (1700, [1.0, 1.7, 1.5], "ac"),
        (3000, [1.0, 2.0, 1.5], "abc"),
    ):
        found = {c.kernel: c for c in Comparison(before, Taken(three(middle), pace)).changes}
        assert [found[k].machine for k in "abc"] == pytest.approx(machine, rel=0.02)
        assert "".join(k for k in "abc" if found[k].verdict == "slower") == slower


def test_a_profile_times_the_pieces_around_and_inside_it(monkeypatch):
    monkeypatch.setattr("numtorch.profiler.pace.EVERY", 0)
    x = torch.ones(3)
    with torch.profiler.profile() as prof:
        for _ in range(12_000):
            torch.exp(x)
    for piece in PIECES:
        taken = prof.pace.seconds[piece]
        assert (
            len(taken) > (2 * AROUND if piece != "memory" else 2 * AROUND // 3)
            and min(taken) > 0
            and prof.pace.typical(piece) > 0
        )
    assert sum(r.self_ns + r.compile_ns + r.load_ns for r in prof.rows) == pytest.approx(prof.wall_ns, rel=0.02)


def test_summary_counts_what_the_formulas_say():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Sequential(nn.Linear(8 * 36, 10)))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    report = torch.profiler.summary(net, torch.randn(2, 3, 8, 8), repeats=2)
    by = {layer.name: layer for layer in report.layers}
    assert by["0"].outputs == [(2, 8, 6, 6)] and by["0"].parameters == 8 * 3 * 9 + 8
    assert by["0"].flops == 2 * 2 * 8 * 36 * 27 + 2 * 8 * 36  # products and sums, and the bias
    assert by["3.0"].flops >= 2 * 2 * 8 * 36 * 10 and by["3"].flops == by["3.0"].flops
    assert (
        by[""].parameters == sum(p.numel() for p in net.parameters()) and by[""].flops >= by["0"].flops + by["3"].flops
    )
    assert by["0"].activations == 2 * 8 * 36 * 4 and by["0"].forward_ns > 0 and by["0"].backward_ns > 0
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())  # batch statistics too
    assert "Conv2d" in str(report) and "BatchNorm2d" in report._repr_html_() and json.dumps(report.to_dict())
    with pytest.raises(TypeError, match="expected a Module"):
        torch.profiler.summary(torch.relu, torch.ones(1))
