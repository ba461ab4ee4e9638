"""The demonstration from the command line: lines in a log, a message where data is missing, a clean line on a
terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from numtorch.__main__ import main
from numtorch.kernels import images, packs, target
from numtorch.vision.datasets import MNIST

ROOT = Path(__file__).parent.parent


def test_a_short_demo_prints_lines_and_no_bars(capfd):
    assert main(["demo", "--data", "digits", "--epochs", "1"]) == 0
    out, err = capfd.readouterr()
    assert "epoch 1: loss" in out and "Identity" not in out and "linear" in out
    assert "\r" not in out + err and "it/s" not in out + err


def test_missing_data_are_a_message(capsys, monkeypatch, tmp_path):
    def nowhere(*args, **options):
        raise RuntimeError("could not download the images; put the file into the folder yourself")

    monkeypatch.setattr(MNIST, "__init__", nowhere)
    assert main(["demo", "--data", "mnist", "--root", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert err == "demo: could not download the images; put the file into the folder yourself\n" and not out


@pytest.mark.parametrize("threads", ["1", "3"])
def test_no_kernel_of_the_demo_compiles_where_packs_were_baked(tmp_path, monkeypatch, threads):
    pytest.importorskip("setuptools", minversion="77")
    monkeypatch.syspath_prepend(str(ROOT / "numtorch" / "_packaging"))
    import backend

    stamp = packs.FOLDER / "native.stamp"
    if not stamp.exists() or stamp.read_text().split()[0] != backend._digest() or not images.possible():
        pytest.skip("pip install -e . has made no kernel pack of this source")
    env = {k: v for k, v in os.environ.items() if k not in ("NUMTORCH_PACKS", *target.OPTIONS)}
    env |= {"NUMTORCH_CACHE": str(tmp_path), "NUMTORCH_NUM_THREADS": threads}
    command = [sys.executable, "-m", "numtorch", "demo", "--data", "digits", "--epochs", "1"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "compiling" not in done.stderr, done.stderr
    assert not list(tmp_path.glob("*.nbc"))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_what_is_printed_after_compiling_begins_a_line(tmp_path):
    """The line that tells of compilation is gone before the program's own output comes."""
    import pty

    ours, theirs = pty.openpty()
    code = (
        "import numtorch as torch\nfrom numtorch.kernels import cache\ncache.stats['compile_seconds'] = 2.0\n"
        "y = torch.ones(3) + torch.ones(3)\nprint('after', y.tolist())\n"
    )
    env = {k: v for k, v in os.environ.items() if k != "NUMTORCH_QUIET"}
    env |= {"NUMTORCH_CACHE": str(tmp_path), "NUMTORCH_PACKS": "0"}  # nothing would compile
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the child's end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert child.returncode == 0 and b"compiling kernels" in shown, shown
    assert shown.decode().rstrip("\r\n").split("\r")[-1] == "after [2.0, 2.0, 2.0]", shown
