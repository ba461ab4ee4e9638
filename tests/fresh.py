"""Programs run by processes of their own, with a kernel cache of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numtorch

ROOT = Path(numtorch.__file__).parent.parent


def python(code, folder, **env):
    variables = {k: v for k, v in os.environ.items() if k not in ("NUMTORCH_QUIET", "NUMTORCH_CACHE")}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=variables | {"NUMTORCH_CACHE": str(folder), "NUMTORCH_PACKS": "0"} | env,
    )


def run(code, folder, **env):
    """(printed, written to stderr) by a process of its own."""
    done = python(code, folder, **env)
    out, err = done.communicate(timeout=300)
    assert done.returncode == 0, err
    return out, err


def answer(out):
    return out.rsplit("]", 1)[0]


def counts(out):
    hits, misses = out.split()[-2:]
    return int(hits), int(misses)
