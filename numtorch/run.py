"""``python -m numtorch.run``: runs a program that is written for PyTorch, without a change to it, on numtorch.

    python -m numtorch.run train.py --epochs 2     a script; also -m module, -c "code"
    python -m numtorch.run --profile train.py      the same, and the profiler's table at the end
    python -m numtorch.run --check train.py src/   reads sources, and lists the names that numtorch does not have

The program finds everything as if Python had started it: ``__main__``, ``sys.argv``, ``sys.path``; its exit status and
its traceback are its own. ``import torch`` and ``import torchvision`` are numtorch, in child processes too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numtorch as torch
from numtorch import notices, programs, torch_shim
from numtorch.torch_shim import checking


def parser_of(prog: str) -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Run a program that is written for PyTorch on numtorch, without a change to it."
    )
    parser.add_argument(
        "--strict", action="store_true", help="names that are not here are errors where they are imported"
    )
    parser.add_argument("--report", action="store_true", help="list the missing names that were asked for, at the end")
    parser.add_argument("--profile", action="store_true", help="print the time of each kernel at the end")
    parser.add_argument(
        "--blocked", default="", metavar="PKG,...", help="packages that see PyTorch itself, or that it is not installed"
    )
    parser.add_argument(
        "--check",
        nargs="+",
        metavar="PATH",
        help="run nothing: list the names in these files and folders that are missing",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module")
    kind.add_argument("-c", dest="code", action="store_true", help="SCRIPT is the program itself")
    parser.add_argument("script", nargs="?", help="the script: a file, or a folder or archive with a __main__.py")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="arguments for the script")
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "python -m numtorch.run") -> int:
    """Run the command; the exit status."""
    parser = parser_of(prog)
    given = parser.parse_args(sys.argv[1:] if argv is None else argv)
    if given.check:
        return checking.check(given.check)
    if given.script is None:
        parser.error("which script?")
    find = programs.module if given.module else programs.text if given.code else programs.script
    try:
        program = find(given.script)
    except programs.NotFound as e:
        parser.error(str(e))
    torch_shim.install([p for p in given.blocked.split(",") if p], not given.strict, given.report)
    failure = profiled(program, given.args) if given.profile else programs.run(program, given.args)
    return programs.end(failure, f"{notices.PACKAGE}profiler", "<numtorch profiler>", __file__)


def profiled(program: programs.Program, arguments: list[str]) -> BaseException | None:
    """Run a program under a profile, and print the table; what the program raised."""
    watch: Any = torch.profiler.profile()
    watch.start()
    failure = programs.run(program, arguments)
    watch.stop()
    notices.flush()
    print(f"\n{watch.table()}", flush=True)
    return failure


if __name__ == "__main__":
    sys.exit(main())
