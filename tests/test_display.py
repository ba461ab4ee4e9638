"""What tensors, modules and graphs show in a notebook: right, escaped, and small whatever the size."""

import re

import numpy as np
import pytest
from pages import read

import numtorch as torch
from numtorch import display, nn


def test_numbers_of_a_small_tensor_are_shown():
    text = torch.tensor([[1.5, -2.0], [0.25, 4.0]])._repr_html_()
    assert "float32 [2 × 2] on cpu" in text
    assert re.findall(r">([-\d.]+)</td>", text) == ["1.5", "-2", "0.25", "4"]


def test_colours_follow_sign_and_size():
    low, zero, high, nan = display._colours(np.array([[-2.0, 0.0, 2.0, np.nan]]))[0]
    assert zero == "#ffffff" and nan == "#a0a0a0"
    assert int(low[5:], 16) > int(low[1:3], 16) and int(high[1:3], 16) > int(high[5:], 16)


@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (1, 1), (4000, 3), (3, 4000), (1500, 3000), (5, 4, 40, 40)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "bfloat16"])
def test_any_tensor_fits_a_page(shape, dtype):
    text = torch.ones(*shape, dtype=getattr(torch, dtype))._repr_html_()
    assert dtype in text and len(text) < 120_000


def test_what_the_title_says_of_the_graph():
    x = torch.ones(2, requires_grad=True)
    assert "requires_grad" in x._repr_html_() and "MulBackward0" in (x * 2)._repr_html_()
    assert "meta" in torch.empty(3, device="meta")._repr_html_()


def test_module_lists_layers_and_parameters():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2, bias=False)))
    text = net._repr_html_()
    assert "24 parameters" in text and "Linear(in_features=3, out_features=4, bias=True)" in text
    assert "&lt;" in display.table(["<b>"], [["<i>"]]) and "<i>" not in display.table(["h"], [["<i>"]])


def shown(what):
    w, x = torch.ones(3, 4, requires_grad=True), torch.tensor([[1.5, -2.0, 0.25], [float("nan"), 0.0, -9.0]])
    found = {
        "numbers": x,
        "a number": x[0, 0],
        "heat map": torch.randn(40, 40),
        "matrices": torch.randn(5, 3, 3),
        "module": nn.Sequential(nn.Linear(3, 4), nn.ReLU()),
        "graph": torch.autograd.draw((x @ w).relu().sum(), {"w": w}),
    }
    return found[what]._repr_html_()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", ["numbers", "a number", "heat map", "matrices", "module", "graph"])
def test_everything_can_be_read_on_light_and_on_dark_pages(what, theme):
    page = read(shown(what), theme)
    assert page.complaints == [] and page.proportional == [] and page.wide == []


def test_what_cannot_be_read_is_found():
    pale, grey = '<td style="background:#cfe8ff">1</td>', '<span style="color:#555555">x</span>'
    assert read(pale, "dark").complaints and not read(pale, "light").complaints
    assert read(grey, "dark").complaints and not read(grey, "light").complaints
    assert (
        read('<svg><text fill="#000000">x</text></svg>', "dark").complaints and read("<p>x</p>", "light").proportional
    )


def test_graph_is_drawn_down_to_named_leaves():
    w, b, x = torch.ones(3, 4, requires_grad=True), torch.ones(4, requires_grad=True), torch.ones(2, 3)
    y = ((x @ w + b).relu() * w.sum()).mean()
    svg = torch.autograd.draw(y, {"w": w, "b": b}).svg
    for label in ("result scalar", "MeanBackward0", "ReluBackward0", "SumBackward0", "w 3×4", "b 4"):
        assert svg.count(f">{label}<") == 1  # w is used twice, and drawn once
    assert svg.count("<line") == 9


def test_a_graph_is_also_text():
    w, b, x = torch.ones(3, 4, requires_grad=True), torch.ones(4, requires_grad=True), torch.ones(2, 3)
    picture = torch.autograd.draw((x @ w + b).sum() * w.sum(), {"w": w, "b": b})
    assert str(picture).splitlines() == [
        "result scalar",
        "MulBackward0",
        "├─ SumBackward0",
        "│  AddBackward0",
        "│  ├─ MatmulBackward0",
        "│  │  w 3×4",
        "│  └─ b 4",
        "└─ SumBackward0",
        "   w 3×4",
    ]
    y = torch.ones(1, requires_grad=True) * 2
    for _ in range(3):
        y = y + y
    assert str(torch.autograd.draw(y)).count("(see above)") == 3  # it does not double with each step


def test_what_does_not_scroll_is_found():
    assert read("<table><tr><td>1</td></tr></table>", "light").wide and read("<pre>x</pre>", "light").wide
    assert not read('<div style="overflow-x:auto"><table><tr><td>1</td></tr></table></div><p>x</p>', "light").wide
    assert read('<div style="overflow-x:auto"><p>x</p></div><pre>x</pre>', "light").wide


def test_long_graphs_are_cut_and_constants_refused():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(200):
        y = y * 2
    assert "... more" in torch.autograd.draw(y).svg
    with pytest.raises(RuntimeError, match="has no graph"):
        torch.autograd.draw(torch.ones(1))
