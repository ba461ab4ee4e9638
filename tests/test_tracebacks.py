"""Where an error is said to be: the layer in a note, the user's own lines in what is printed."""

import os
import pdb
import pickle
import subprocess
import sys
import traceback

import pytest

import numtorch as torch
from numtorch import nn, tracebacks


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x, mask=None):
        return self.fc(x) if mask is None else x @ mask


def notes(fn):
    with pytest.raises(Exception) as info:  # noqa: PT011
        fn()
    return getattr(info.value, "__notes__", [])


def test_the_layer_is_named():
    net = nn.Sequential(nn.Linear(4, 4), Block())
    layer = "Linear(in_features=5, out_features=2, bias=True)"
    assert notes(lambda: net(torch.ones(2, 4))) == [f"in net.1.fc.1 ({layer}), input [2, 4]"]
    block = Block()
    assert notes(lambda: block(torch.ones(2, 4, dtype=torch.int64))) == [f"in block.fc.1 ({layer}), input [2, 4] int64"]
    assert notes(lambda: block(torch.ones(2, 4), mask=torch.ones(3))) == [
        "in block (Block()), inputs [2, 4], [3]".replace("()", "")
    ]
    assert notes(lambda: nn.Linear(5, 2)([1.0])) == [f"in {layer}"]
    assert notes(lambda: nn.Sequential(nn.Linear(5, 2))(torch.ones(3))) == [f"in Sequential.0 ({layer}), input [3]"]


def test_hooks_keyword_arguments_and_missing_ones():
    net = nn.Sequential(nn.Linear(5, 2))
    net[0].register_forward_hook(lambda *a: None)
    assert notes(lambda: net(torch.ones(3)))[0].startswith("in net.0 (Linear(")
    assert notes(lambda: net(input=torch.ones(3)))[0].startswith("in net.0 (Linear(")
    assert notes(lambda: nn.Linear(2, 2)()) == ["in Linear(in_features=2, out_features=2, bias=True)"]


def test_errors_that_are_caught_inside_and_raised_again():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(9, 1), nn.Linear(4, 2)

        def forward(self, x):
            try:
                return self.first(x)
            except RuntimeError:
                return self.second(x)

    tries = Tries()
    assert tries(torch.ones(1, 4)).shape == (1, 2)
    assert notes(lambda: tries(torch.ones(1, 5))) == [
        "in tries.second (Linear(in_features=4, out_features=2, bias=True)), input [1, 5]"
    ]


def test_a_module_that_cannot_be_described_hides_nothing():
    class Odd(nn.Module):
        def extra_repr(self):
            raise ValueError("no")

        def forward(self, x):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Odd()(torch.ones(1))


def test_errors_with_notes_travel():
    net = nn.Sequential(nn.Linear(5, 2))
    with pytest.raises(RuntimeError) as info:
        net(torch.ones(3))
    again = pickle.loads(pickle.dumps(info.value))
    assert str(again) == str(info.value) and again.__notes__ == info.value.__notes__
    assert "in net.0" in "".join(traceback.format_exception(info.value))


SCRIPT = """
import numtorch as torch
net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(5, 2))
def main():
    return net(torch.ones(2, 4))
"""


def run(code, **env):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + code], capture_output=True, text=True, check=False, env=os.environ | env
    )
    return done.stdout, done.stderr


def test_the_framework_s_frames_are_left_out():
    _, said = run("main()")
    assert said.count("  File ") == 2 and "in main" in said and "numtorch/nn" not in said
    assert (
        "in net.1 (Linear(in_features=5" in said
        and "frames of numtorch left out; NUMTORCH_TRACEBACK=full shows them" in said
    )
    _, said = run("main()", NUMTORCH_TRACEBACK="full")
    assert said.count("  File ") > 4 and "linear.py" in said and "left out" not in said
    _, said = run("torch.cat([torch.ones(1), torch.ones(1, 1)], axis=0)")
    assert said.count("  File ") == 1 and "left out" in said


def test_causes_are_shortened_too():
    _, said = run("""
try:
    main()
except RuntimeError as e:
    raise ValueError("mine") from e
""")
    assert said.count("  File ") == 3 and "direct cause" in said and "ValueError: mine" in said


def test_what_is_not_the_framework_s_stays_whole():
    _, said = run("def f(): return 1 / 0\nf()")
    assert said.count("  File ") == 2 and "left out" not in said
    _, said = run("from numtorch.arguments import integer\nimport threading\nraise KeyboardInterrupt")
    assert "KeyboardInterrupt" in said


def test_debuggers_and_other_hooks_see_everything():
    out, _ = run("""
import sys, traceback
try:
    main()
except RuntimeError as e:
    whole = len(traceback.extract_tb(e.__traceback__))
    sys.excepthook(type(e), e, e.__traceback__)
    print(whole > 4 and len(traceback.extract_tb(e.__traceback__)) == whole)
""")
    assert out.strip() == "True"
    code = "import sys; sys.excepthook = mine = lambda *a: None; import numtorch; print(sys.excepthook is mine)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "True"
    )
    assert pdb.pm  # works from sys.last_traceback, which Python sets before it asks the hook


def test_shortening():
    try:
        nn.Linear(3, 2)(torch.ones(2))
    except RuntimeError as e:
        short, hidden = tracebacks.shortened(e.__traceback__)
        assert hidden >= 2 and short.tb_next is None and short.tb_frame is e.__traceback__.tb_frame
    assert tracebacks.shortened(None) == (None, 0)


def test_notebooks_skip_the_frames(capsys):
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    tracebacks._in_notebooks(shell)
    tracebacks._in_notebooks(shell)
    shell.run_cell("import numtorch as torch\nnet = torch.nn.Sequential(torch.nn.Linear(4, 2))\nnet(torch.ones(3))")
    out, err = capsys.readouterr()
    assert "_check_linear" not in out and "in net.0" in out and "net" in out and "left out" in err
    assert len(traceback.extract_tb(sys.last_traceback)) > 4
    assert "During handling" not in out
    shell.run_cell("1 / 0")
    out, err = capsys.readouterr()
    assert "ZeroDivisionError" in out and "left out" not in err
    shell.run_cell("torch.ones(2).squeze()")
    assert "Did you mean 'squeeze'?" in capsys.readouterr().out


def test_nothing_stands_before_the_error():
    """A lookup that misses is not shown as what an error came of."""
    for fn in (
        lambda x: x.sum(5),
        lambda x: x + torch.ones(5),
        lambda x: torch.cat([x, torch.ones(5)]),
        lambda x: x @ torch.ones(7),
        lambda x: x.max(5),
        lambda x: x.softmax(5),
        lambda x: x.exp(out=3),
        lambda x: nn.Linear(9, 1)(x),
        lambda x: x.unsqueeze(9),
        lambda x: x.std(7),
        lambda x: torch.where(x, x, x),
        lambda x: x.add_(torch.ones(5)),
        lambda x: x.argmax(4),
    ):
        with pytest.raises((RuntimeError, IndexError, TypeError)) as info:
            fn(torch.ones(2, 3))
        e = info.value
        assert e.__context__ is None or e.__suppress_context__ or e.__cause__ is not None, (
            f"{e!r} came of {e.__context__!r}"
        )


@pytest.mark.parametrize(
    "call, said",
    [
        ("torch.tril([1])", "tril(): argument 'input' (position 1) must be Tensor, not list"),
        ("torch.mean(None)", "mean(): argument 'input' (position 1) must be Tensor, not NoneType"),
        ("torch.ones(2).view_as(1)", "Tensor.view_as(): argument 'other' (position 1) must be Tensor, not int"),
        (
            "nn.functional.binary_cross_entropy(torch.ones(1), torch.zeros(1), weight=[1.0])",
            "binary_cross_entropy(): argument 'weight' (position 3) must be Tensor, not list",
        ),
        ("torch.ones(2).tolist().shape", None),
        ("nn.Linear(2, 2).foo", None),
        ("torch.ones(2).foo", None),
    ],
)
def test_what_is_no_tensor_is_said(call, said):
    with pytest.raises(AttributeError) as info:
        eval(call, {"torch": torch, "nn": nn})  # noqa: S307
    for _ in range(2):
        tracebacks._hint(info.value)
    assert getattr(info.value, "__notes__", []) == ([said] if said else [])


def test_an_op_says_itself_what_is_no_tensor():
    with pytest.raises(
        TypeError, match=r"cross_entropy\(\): argument 'weight' \(position 3\) must be Tensor, not list"
    ):
        nn.functional.cross_entropy(torch.ones(1, 2), torch.zeros(1).long(), weight=[1.0])
