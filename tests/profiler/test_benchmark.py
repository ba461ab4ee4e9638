"""``benchmark``: values first, then turns; what is shown, written and warned of."""

import csv
import importlib.util
import io
import statistics

import numpy as np
import pytest

import numtorch as torch
from numtorch.profiler import benchmark, stopwatch
from numtorch.profiler.benchmark import Comparison, Row

QUICK = {"rounds": 3, "seconds": 2e-4}


def test_against_numpy_a_function_and_the_body():
    def twice(x):
        return torch.relu(torch.relu(x))

    against = {"numpy": None, "numpy maximum": lambda x: np.maximum(x, 0), "twice": twice}
    found = benchmark(torch.relu, [(50,), (4, 5)], against=against, **QUICK)
    assert found.labels == ["numtorch", "numpy", "numpy maximum", "twice"]
    assert [(r.shape, r.size) for r in found.rows if r.label == "twice"] == [("50", 50), ("4x5", 20)]
    for r in found.rows:
        assert 0 < r.best_us <= r.low_us <= r.median_us <= r.high_us
        assert r.gbps == pytest.approx(8 * r.size / (r.median_us * 1e3))
    by = {r.label: r for r in found.rows[:4]}
    assert by["numpy"].ratio == pytest.approx(by["numtorch"].median_us / by["numpy"].median_us)
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(rows) == 8 and float(rows[0]["median_us"]) == found.rows[0].median_us
    assert "vs numpy maximum" in found.table() and "4x5" in str(found)
    assert ">relu: medians" in found._repr_html_()


def test_names_of_kernels_parameters_and_csv(tmp_path):
    found = benchmark(torch.softmax, [(3, 4)], dim=-1, against=["numpy", "body"], **QUICK)
    assert [r.label for r in found.rows] == ["numtorch", "numpy", "body"]
    found.to_csv(tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == found.to_csv()
    with pytest.raises(ValueError, match="expected one of numpy, torch, .*rows.* or a dict"):
        benchmark(torch.softmax, [(3, 4)], dim=-1, against=["fastest"], **QUICK)


def test_two_tensors_of_their_own_shapes_and_inputs():
    found = benchmark(torch.matmul, [[(4, 3), (3, 5)]], against="numpy", **QUICK)
    assert {r.shape for r in found.rows} == {"4x3, 3x5"} and found.rows[0].gflops
    given = benchmark(lambda x: x + 1, [7], inputs=lambda n: [np.arange(n)], against=[], **QUICK)
    assert given.rows[0].size == 7 and given.labels == ["<lambda>"]


def test_nothing_is_timed_where_values_differ(monkeypatch):
    monkeypatch.setattr(stopwatch, "measure", None)
    for wrong, said in (
        (lambda x: np.maximum(x, 0) + 0.1, "differ by 1.0e-01"),
        (lambda x: x / 0, "infinite or NaN"),
        (lambda x: x[1:], "different shapes"),
    ):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match=said):
            benchmark(torch.relu, [(5,)], against={"numpy": wrong}, **QUICK)


def test_a_cold_cache_is_slower(monkeypatch):
    monkeypatch.setattr(stopwatch, "cache_bytes", lambda: 1 << 20)
    found = benchmark(torch.relu, [(1000,)], against=[], cache="cold", rounds=5)
    assert found.cache == "cold" and "cold cache" in str(found)
    with pytest.raises(ValueError, match="'hot' or 'cold', not 'lukewarm'"):
        benchmark(torch.relu, [(5,)], cache="lukewarm")


def test_rivals_that_are_missing_are_named(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else there(name))
    found = benchmark(torch.cummax, [(5,)], dim=0, against=["numpy", "torch"], **QUICK)
    assert found.labels == ["numtorch"]
    assert any(w.startswith("without numpy: no function of NumPy") for w in found.warnings)
    assert "warning: without torch: it is not installed" in str(found)


def test_torch_in_a_process_of_its_own():
    pytest.importorskip("torch")
    found = benchmark(torch.softmax, [(3, 4), (2, 2)], dim=-1, against=["torch"], **QUICK)
    assert [r.label for r in found.rows] == ["numtorch", "torch"] * 2
    away = stopwatch.Away("relu", 1, ".")
    try:
        with pytest.raises(LookupError, match="torch has no function rleu"):
            away.ask(find="rleu")
        with pytest.raises(RuntimeError, match="torch: FileNotFoundError"):
            away.ask(prepare="relu", inputs="nowhere.npz", params={}, result="")
    finally:
        away.close()


def test_noise_is_told(monkeypatch):
    quiet = stopwatch.Quiet()
    quiet.seconds = [1.0, 1.5, 1.6]
    quiet.before = stopwatch._switches() - 100
    monkeypatch.setattr(stopwatch.os, "getloadavg", lambda: (99.0, 0, 0), raising=False)
    noise, load, switches = quiet.complaints()
    assert "1.50 times its best" in noise and "load is 99.0" in load and "interrupted 1" in switches
    for _ in range(3):
        quiet.tick()
    assert statistics.median(quiet.seconds) < 1


def test_plots(tmp_path, monkeypatch):
    rows = [
        Row(str(n), n, label, n * k, n * k, n * k, n * k, 1.0 * k, None, 1.0, 0.0)
        for n in (10, 100)
        for k, label in ((1, "a"), (2, "b"))
    ]
    found = Comparison("f", ["a", "b"], rows)
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else there(name))
    with pytest.raises(ImportError, match="matplotlib is not installed: pip install matplotlib"):
        found.plot()
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    figure = found.plot(tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 1000
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["a", "b"]
