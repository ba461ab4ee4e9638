"""Pages, traces and notebooks: what they hold, that it says what the rows say, and that it can be read in the dark."""

import json
import math
import re

import numpy as np
import pytest
from pages import drawings, overlaps, read, words

import numtorch as torch
from numtorch import display, nn
from numtorch.profiler import benchmark, explain, figures, page, pictures, profile
from numtorch.profiler.memory import Timeline
from numtorch.profiler.peaks import Machine
from numtorch.profiler.rows import Row

MACHINE = Machine(
    "cpu",
    "some processor",
    2,
    [(1 << 13, 100.0), (1 << 28, 10.0)],
    [("L1", 1 << 14)],
    {"float32": 50.0},
    50.0,
    load=1.5,
    processors=2,
)


@pytest.fixture(scope="module")
def net():
    return nn.Sequential(
        nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.Flatten(), nn.Linear(16 * 64, 10)
    )


@pytest.fixture(scope="module")
def prof(net):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        net(torch.ones(16, 4, 8, 8)).sum().backward()
        optimizer.step()

    step()
    with profile(profile_memory=True) as found:
        for _ in range(4):
            step()
    found._machine = MACHINE
    for r in found.rows:
        r.machine = MACHINE
    return found


def test_the_page_has_its_sections_and_is_one_file(prof, tmp_path):
    prof.export_html(tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", text) == [
        "Summary",
        "Machine",
        "Roofline",
        "Flame graph",
        "Memory",
        "Where the time went",
    ]
    assert "some processor, 2 threads" in text and "kept 1.5 of 2 processors busy" in text
    assert re.findall(r'<option value="(\w+)"', text) == ["kernel", "op", "module", "phase", "shapes", "rows"]
    assert len(re.findall("data-group=", text)) >= 6 and "what the columns mean" in text
    assert not re.search(r'(?:src|href)="(?!#)', text) and "@import" not in text  # nothing that another file holds
    assert len(drawings(text)) == 4


def test_a_page_says_what_is_missing(tmp_path):
    with profile() as prof:
        torch.exp(torch.ones(4))
    prof._machine = None
    with pytest.MonkeyPatch.context() as m:
        m.setattr("numtorch.profiler.peaks.known", lambda device="cpu": None)
        text = page.document(prof, "a title <b>")
    assert (
        "without the machine's peaks" in text.replace("&#x27;", "'")
        and "profile_memory=True" in text
        and "a title &lt;b&gt;" in text
    )


def test_the_parts_of_the_wall_time_add_up(prof):
    found = pictures.parts(prof.rows)
    assert sum(ns for _, _, ns in found) == pytest.approx(prof.wall_ns, rel=0.02)
    named = {what for what, _, _ in found}
    assert {"kernels, forward", "kernels, backward", "kernels, optimizer", "Python dispatch", "your Python"} <= named


def test_the_flame_graph_sums_up_equal_stacks(prof):
    root = pictures.frames(prof.events)
    forward = root.inside["Sequential"]
    assert forward.calls == 4 and forward.inside["Sequential.2"].calls == 4
    (row,) = [r for r in prof.rows if r.op == "conv2d" and r.module == "Sequential.2"]
    kernel = forward.inside["Sequential.2"].inside[row.kernel]
    assert (kernel.calls, kernel.ns) == (row.calls, row.total_ns)
    assert sum(f.ns for f in forward.inside.values()) <= forward.ns <= root.ns <= prof.wall_ns
    svg = drawings(pictures.flame(prof.events, prof.wall_ns, "x"))[0]
    boxes = [(float(g.get("data-x")), float(g.get("data-w"))) for g in svg.iter() if g.get("data-n")]
    assert boxes[0] == (0, pictures.WIDE) and all(x + w <= pictures.WIDE + 0.1 for x, w in boxes)


def test_the_roofline_places_kernels_under_the_roof():
    def row(moved, done, ns):
        return Row(
            "kernel",
            "x",
            kernel="x/cpu/y",
            calls=1,
            bytes=moved,
            flops=done,
            self_ns=ns,
            total_ns=ns,
            dtype="float32",
            machine=MACHINE,
            wall_ns=ns,
        )

    at = []
    for r in (
        row(1 << 28, 1 << 26, (1 << 28) // 10),
        row(1 << 20, 1 << 28, (1 << 28) // 50),
    ):  # at the roof of memory, of arithmetic
        svg = drawings(pictures.roofline([r], MACHINE))[0]
        circle = next(e for e in svg.iter() if e.tag.endswith("circle"))
        at.append(tuple(float(circle.get(a)) for a in ("cx", "cy")))
        lines = [tuple(float(e.get(a)) for a in ("x1", "y1", "x2", "y2")) for e in svg.iter() if e.tag.endswith("line")]
        if r.bound == "memory":
            x1, y1, x2, y2 = lines[1]
            assert at[-1][1] == pytest.approx(y1 + (y2 - y1) * (at[-1][0] - x1) / (x2 - x1), abs=0.2)
        else:
            assert at[-1][1] == pytest.approx(lines[-1][1], abs=0.2)
    assert at[1][0] > at[0][0]


def test_memory_is_drawn_up_to_its_peak(prof):
    svg = drawings(pictures.memory(prof.memory, prof.wall_ns))[0]
    path = next(e for e in svg.iter() if e.tag.endswith("path")).get("d")
    heights = [float(y) for y in re.findall(r"L[\d.]+ ([\d.]+)", path)]
    (peak,) = [float(e.get("cy")) for e in svg.iter() if e.tag.endswith("circle")]
    assert min(heights) == pytest.approx(peak, abs=0.1)


# --- labels ---------------------------------------------------------------------------------------


def crowd(count=12, seed=0, dtypes=("float32", "float64", "float16")):
    """A machine whose lines lie close to each other, and kernels many of which stand in the same place."""
    rng = np.random.default_rng(seed)
    near = 10 ** rng.uniform(0, 3)
    rates = {d: near * r for d, r in zip(dtypes, (1.0, 0.99, 0.5), strict=True)}
    sizes = [(1 << n, 100.0 / (1 + i * rng.choice([0.02, 0.2, 1.0]))) for i, n in enumerate((13, 18, 22, 28))]
    machine = Machine("cpu", "m", 2, sizes, [("L1", 1 << 14), ("L2", 1 << 19), ("L3", 1 << 23)], rates, 50.0)
    rows = []
    for n in range(count):
        moved, ns = 1 << int(rng.choice([12, 16, 20])), int(10 ** rng.uniform(3, 5))
        done = int(moved * rng.choice([0, 0.125, 0.3, 6, 6.2, 40]))
        rows.append(
            Row(
                "kernel",
                f"op{n}",
                kernel=f"op{n}/cpu/y",
                calls=1,
                bytes=moved,
                flops=done,
                self_ns=ns,
                total_ns=ns,
                dtype=str(rng.choice(dtypes)),
                machine=machine,
                wall_ns=12 * ns,
            )
        )
    return machine, rows


@pytest.mark.parametrize("seed", range(20))
def test_no_label_of_the_roofline_lies_over_another(seed):
    machine, rows = crowd(seed=seed)
    text = pictures.roofline(rows, machine)
    found = words(drawings(text)[0])
    assert overlaps(found) == []
    said = [label for label, _ in found] + re.findall(r"Lines, from the top: ([^.]*GFLOP/s|.*?)\. Blue", text)
    assert {str(n + 1) for n in range(len(rows))} <= set(said)  # each point has its number, and each number its line
    assert [int(n) for n in re.findall(r"</span> (\d+) op", text)] == list(range(1, len(rows) + 1))
    for name, _ in machine.levels():
        assert any(name in label for label in said)
    for dtype in {r.dtype for r in rows}:
        assert any(dtype in label for label in said)
    assert all(0 <= x <= pictures.NARROW for _, corners in found for x, _ in corners)


@pytest.mark.parametrize("seed", range(8))
def test_no_label_of_the_matplotlib_roofline_lies_over_another(seed):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from types import SimpleNamespace

    machine, rows = crowd(8, seed)
    ax = figures.roofline(SimpleNamespace(machine=machine, key_averages=lambda by: rows), most=8)
    ax.figure.canvas.draw()
    found = []
    for t in ax.texts:
        turned = t.get_rotation()
        t.set_rotation(0)
        box = t.get_window_extent()
        t.set_rotation(turned)
        x, y = ax.transData.transform(t.get_position())
        angle, height = math.radians(turned), 0.7 * t.get_fontsize() * ax.figure.dpi / 72
        left = {"left": 0.0, "center": -box.width / 2, "right": -box.width}[t.get_ha()]
        shape = [(left, 0), (left + box.width, 0), (left + box.width, height), (left, height)]
        found.append(
            (
                t.get_text(),
                [
                    (x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle))
                    for u, v in shape
                ],
            )
        )
    assert overlaps(found) == []
    assert {str(n + 1) for n in range(len(rows))} <= {label for label, _ in found}
    assert max(y for _, corners in found for _, y in corners) <= ax.get_window_extent().y1  # the title stands above
    said = [label for label, _ in found] + ax.get_xlabel().splitlines()
    for name in [*(name for name, _ in machine.levels()), *(r.dtype for r in rows)]:
        assert any(name in label for label in said)
    matplotlib.pyplot.close(ax.figure)


def test_labels_that_lie_over_each_other_are_found():
    svg = '<svg><text x="0" y="10" font-size="10">abc</text><text x="{}" y="12" font-size="10">abc</text></svg>'
    assert overlaps(words(drawings(svg.format(10))[0])) and not overlaps(words(drawings(svg.format(20))[0]))
    turned = '<svg><text x="0" y="0" font-size="10">a</text><text transform="rotate(-90 3 40)" x="3" y="40" font-size="10">{}</text></svg>'  # noqa: E501
    assert overlaps(words(drawings(turned.format("abcdefgh"))[0])) and not overlaps(
        words(drawings(turned.format("abc"))[0])
    )


def test_the_peak_of_memory_is_labelled_within_the_picture(prof):
    for at in (0, prof.wall_ns // 2, prof.wall_ns):
        timeline = Timeline([0, at], [0, 5_000_000], 5_000_000, at, [])
        found = words(drawings(pictures.memory(timeline, prof.wall_ns))[0])
        assert overlaps(found) == [] and any("peak 5.0 MB" in label for label, _ in found)
        assert all(0 <= x <= pictures.NARROW for _, corners in found for x, _ in corners)


def test_what_is_told_in_sentences_ends_where_the_page_does(prof):
    for shown in (prof.table(), prof.compare(prof).table()):
        assert isinstance(shown, display.Text) and "\n" in str(shown)
        sentences = [
            line for line in str(shown).splitlines() if line.startswith(("roof:", "wall time", "the same pieces", "e:"))
        ]
        assert sentences and all(len(line) <= display.WIDE for line in sentences)
        assert all(
            line[:40] not in re.findall(r"<pre.*?</pre>", shown._repr_html_(), re.DOTALL)[0] for line in sentences
        )


# --- light and dark, monospace --------------------------------------------------------------------


SHOWN = {
    "profile": lambda prof, net: prof._repr_html_(),
    "page": lambda prof, net: page.document(prof, "a page"),
    "comparison": lambda prof, net: prof.compare(prof)._repr_html_(),
    "benchmark": lambda prof, net: benchmark(
        torch.exp, [(100,)], against=["numpy"], rounds=3, seconds=1e-4
    )._repr_html_(),
    "explanation": lambda prof, net: explain(torch.exp, torch.ones(100))._repr_html_(),
    "summary": lambda prof, net: torch.profiler.summary(net, torch.ones(1, 4, 8, 8), repeats=1)._repr_html_(),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", SHOWN)
def test_what_is_shown_can_be_read_and_its_columns_stand_under_each_other(what, theme, prof, net, monkeypatch):
    monkeypatch.setattr("numtorch.profiler.peaks.machine", lambda device="cpu": MACHINE)
    found = read(SHOWN[what](prof, net).replace("<body>", '<body style="font-family:monospace">'), theme)
    assert found.complaints == [] and found.proportional == []
    assert found.wide == []  # each table scrolls in a box of its own, where the page is narrower


def test_a_notebook_gets_text_and_html(prof):
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    data, _ = formatter.format(prof)
    assert data["text/plain"] == prof.table() and data["text/html"].startswith("<div")
    machine, found = MACHINE, explain(torch.exp, torch.ones(100))
    for shown in (
        prof.table(),
        prof.key_averages(),
        prof.memory,
        prof.compare(prof),
        machine,
        found,
        torch.kernels.source(torch.relu),
    ):
        data, _ = formatter.format(shown)
        assert data["text/plain"] == str(shown) and "monospace" in data["text/html"]


# --- the trace ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trace(prof, tmp_path_factory):
    file = tmp_path_factory.mktemp("trace") / "trace.json"
    prof.export_chrome_trace(file)
    return json.loads(file.read_text())["traceEvents"]


def test_threads_have_names():
    import threading

    x = torch.ones(8)
    with profile() as prof:
        torch.exp(x)
        other = threading.Thread(target=torch.exp, args=(x,), name="the other one")
        other.start()
        other.join()
    from numtorch.profiler.trace import chrome

    names = {e["tid"]: e["args"]["name"] for e in chrome(prof)["traceEvents"] if e["name"] == "thread_name"}
    assert names[0] == threading.current_thread().name and "the other one" in names.values()
    assert {e["tid"] for e in chrome(prof)["traceEvents"] if e["ph"] == "X"} <= set(names)


def test_counters_add_up_to_what_was_moved_and_done(trace, prof):
    counters = {}
    for e in trace:
        if e["ph"] == "C":
            counters.setdefault(e["name"], []).append((e["ts"], *e["args"].values()))
    assert set(counters) == {"GB/s", "GFLOP/s", "memory"}
    for name, total in (("GB/s", "bytes"), ("GFLOP/s", "flops")):
        each = counters[name][1][0] - counters[name][0][0]
        counted = sum(value for _, value in counters[name]) * each * 1e3  # a billion a second for so many microseconds
        assert counted == pytest.approx(sum(getattr(r, total) for r in prof.rows), rel=0.02)
    assert max(value for _, value in counters["memory"]) == pytest.approx(prof.memory.peak / 1e6)
    assert all(0 <= at <= prof.wall_ns / 1e3 for points in counters.values() for at, *_ in points)


def test_arrows_lead_from_a_kernel_to_its_gradient(trace):
    slices = [e for e in trace if e["ph"] == "X" and e["tid"] == 0]
    begins, ends = ({e["id"]: e for e in trace if e["ph"] == phase} for phase in ("s", "f"))
    assert begins.keys() == ends.keys()

    def kernel(event):  # the innermost slice that holds it, as viewers bind arrows
        around = [e for e in slices if e["ts"] <= event["ts"] <= e["ts"] + e["dur"]]
        return min(around, key=lambda e: e["dur"])["name"]

    pairs = [(kernel(begins[i]).partition("/")[0], kernel(ends[i]).partition("/")[0]) for i in begins]
    assert pairs.count(("relu", "relu.backward")) == 4 and pairs.count(("linear", "linear.backward")) == 4
    assert (
        len(
            [
                p
                for p in pairs
                if p[0] == "conv2d" and p[1] in ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")
            ]
        )
        == 8
    )
    assert all(begins[i]["ts"] < ends[i]["ts"] for i in begins)


def test_arrows_tell_two_layers_of_a_kind_apart():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    x = torch.ones(2, 4, requires_grad=True)
    second(first(x)).sum().backward()
    with profile() as prof:
        second(first(x)).sum().backward()
    from numtorch.profiler.trace import _arrows

    arrows = _arrows(prof)
    begins = [e["ts"] for e in arrows if e["ph"] == "s" and "linear" in str(_named(prof, e["ts"]))]
    assert len(begins) == 2 and begins[0] > begins[1]  # what came last goes back first


def _named(prof, at):
    return next((e.name for e in prof.events if e.start_ns / 1e3 == at and isinstance(e.of, Row)), None)
