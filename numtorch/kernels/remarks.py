"""What LLVM did to a kernel's loops: its remarks, the LLVM IR and the assembly.

LLVM's remarks are enabled for a whole process and go to standard error. So kernels are compiled again in a separate
process (``python -m numtorch.kernels.remarks``), with line numbers, which do not change the code. The output is stored
beside the compiled kernels. Knows nothing of ops; ``profiler.vectorization`` translates the remarks into plain words.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numtorch.files import write_atomically
from numtorch.kernels import cache
from numtorch.kernels.images import Placed
from numtorch.kernels.jit import Jit, numba
from numtorch.kernels.recording import Launch
from numtorch.kernels.signature import types

PASS = "loop-vectorize"
_LINE = re.compile(r"remark: (.*):(\d+):\d+: (.*)")


def of(launches: Sequence[Launch]) -> list[dict]:
    """For each kernel: ``remarks`` as (file, line, text), ``vectors`` and ``registers`` counted in its code, or
    ``error``.

    A parallel kernel is compiled as its serial twin, whose loops are the same. About a second, and each kernel's
    compile time, the first time.
    """
    kernels = [Launch(k.serial, s) for k, s in launches]
    found: dict[int, dict] = {}
    missing = []
    for i, launch in enumerate(kernels):
        try:
            found[i] = _refused.get(_path(launch)) or json.loads(_path(launch).read_text())
        except (OSError, ValueError):
            missing.append(i)
    if missing:
        for i, answer in zip(missing, _answers([kernels[i] for i in missing]), strict=True):
            found[i] = answer
            _keep(_path(kernels[i]), answer)
    return [found[i] for i in range(len(kernels))]


_refused: dict[Path, dict] = {}  # what could not be had; not asked for again


def _keep(path: Path, answer: dict) -> None:
    """Keep an answer beside the compiled kernels; what could not be had for as long as this process lives, or beside
    them too where the compiler itself failed, which it will do again."""
    if "error" in answer:
        _refused[path] = answer
        if not answer.pop("lasting", False):
            return
    with contextlib.suppress(OSError):
        write_atomically(path, json.dumps(answer).encode(), mode=0o600)


def types_of(signature: Sequence | str) -> tuple:
    """Numba types: those given, those of example arguments, or those of a text (``signature.of``)."""
    nb = numba()
    if isinstance(signature, str):
        return types(signature)
    return tuple(a if isinstance(a, nb.types.Type) else nb.typeof(a) for a in signature)


def functions(kernel: Jit) -> list[Any]:
    """The Python functions of a kernel and of the helpers that it calls, callers first."""
    found: dict[int, Any] = {}
    todo = [kernel]
    while todo:
        k = todo.pop(0)
        if id(k.fn) not in found:
            found[id(k.fn)] = k.fn
            todo += [v for v in (k.fn.__globals__.get(n) for n in _names(k.fn.__code__)) if isinstance(v, Jit)]
    return list(found.values())


def _names(code: Any) -> list[str]:
    return [*code.co_names, *(n for c in code.co_consts if inspect.iscode(c) for n in _names(c))]


def _path(launch: Launch) -> Path:
    places = [
        f"{os.path.basename(f.__code__.co_filename)}:{f.__code__.co_firstlineno}" for f in functions(launch.kernel)
    ]
    text = f"{launch.kernel.key} {launch.signature} {places}"  # remarks name lines, and equal code may stand on others
    return cache.folder() / f"{launch.kernel.__name__}-{hashlib.sha256(text.encode()).hexdigest()[:40]}.remarks"


def _answers(launches: list[Launch]) -> list[dict]:
    """The answers of fresh processes: of one for all, and, where that ends at a kernel, of another for those behind
    it."""
    numba()
    from numba.core.serialize import dumps

    found: dict[int, dict] = {}
    sent = []
    for i, launch in enumerate(launches):
        try:
            sent.append((i, base64.b64encode(dumps(tuple(launch))).decode()))
        except Exception as e:  # what a user's function holds may not travel
            found[i] = {"error": _line(f"the function cannot be sent to another process ({type(e).__name__}: {e})")}
    while sent:
        answers = _ask([text for _, text in sent])
        for (i, _), answer in zip(sent, answers, strict=False):
            found[i] = answer
        sent = sent[len(answers) :]
    return [found[i] for i in range(len(launches))]


def _ask(sent: list[str]) -> list[dict]:
    """The answers of one process. If it ends before it has given all: what became of it, for the kernel that it ended
    at, or for all that are left where it was not a kernel that ended it."""
    with (
        tempfile.TemporaryDirectory(prefix="numtorch-remarks-") as empty,  # so that nothing is found compiled
        tempfile.TemporaryFile("w+", errors="replace") as heard,
    ):
        env = os.environ | {"NUMTORCH_CACHE": empty, "NUMTORCH_QUIET": "1", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input="\n".join(sent),
            stdout=subprocess.PIPE,
            stderr=heard,
            text=True,
            env=env,
        )
        heard.seek(0)
        words = [line for line in heard.read().splitlines() if line.strip() and "remark: " not in line]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) < len(sent):
        last = f": {_line(words[-1])}" if words else ""
        ending: dict = {"error": f"the compiling process ended with status {done.returncode}{last}"}
        killed = done.returncode < 0
        if killed and -done.returncode in (signal.SIGABRT, signal.SIGSEGV, signal.SIGILL):
            ending["lasting"] = True
        answers += [ending.copy() for _ in range(1 if killed else len(sent) - len(answers))]
    return answers


def _line(text: str) -> str:
    """A text in one line, and no long one."""
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:200]} ... {text[-95:]}"


def main() -> None:
    """Answer for every kernel on stdin, a line each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # standard error is a file of the asking process, which reads in it what LLVM's last words were
    captured = os.fdopen(os.dup(2), "r+", errors="replace")
    import llvmlite.binding as llvm

    for kind in ("", "-missed", "-analysis"):
        llvm.set_option("", f"-pass-remarks{kind}={PASS}")
    numba()
    _keep_lines()
    from numba.core.serialize import pickle

    for line in sys.stdin.read().splitlines():
        captured.seek(0)
        captured.truncate()
        try:
            answer: dict = _examine(*pickle.loads(base64.b64decode(line)))
            captured.seek(0)
            heard = (m for m in map(_LINE.match, captured.read().splitlines()) if m)
            answer["remarks"] = list(dict.fromkeys((m[1], int(m[2]), m[3]) for m in heard if m[1] != "<unknown>"))
        except Exception as e:
            answer = {"error": _line(f"{type(e).__name__}: {e}")}
        print(json.dumps(answer), file=answers, flush=True)


def _keep_lines() -> None:
    # Line numbers alone: with full debug information LLVM keeps every variable in memory and vectorises nothing. And
    # for its remarks alone: where they are to be written out too, LLVM ends the process over kernels that call Numba's
    # own functions (np.empty).
    from numba.core.cpu import CPUTargetOptions
    from numba.core.debuginfo import DIBuilder

    finalize = CPUTargetOptions.finalize

    def with_lines(self: Any, flags: Any, options: Any) -> None:
        finalize(self, flags, options)
        flags.debuginfo, flags.dbg_directives_only = True, True
        flags.dbg_extend_lifetimes, flags.boundscheck = False, False

    CPUTargetOptions.finalize = with_lines
    described = DIBuilder._di_compile_unit

    def for_remarks(self: Any) -> Any:
        self.emission_kind = "NoDebug"
        return described(self)

    DIBuilder._di_compile_unit = for_remarks


def in_memory(kernel: Jit) -> dict[str, int] | None:
    """The vectors in the optimised code that this process has loaded for a kernel; None if it has loaded none.

    Immediate, and all that is known without ``of``: which loop they belong to cannot be told.
    """
    compiled = list(getattr(getattr(kernel, "_dispatcher", None), "overloads", {}).values())
    noted = [code.vectors for code in kernel.codes.values() if isinstance(code, Placed)]
    if not compiled and not noted:
        return None
    found = noted or [cache.vectors(str(result.library._get_module_for_linking())) for result in compiled]
    return dict(sum(map(Counter, found), Counter()))


def _examine(kernel: Jit, signature: tuple) -> dict:
    library = _compiled(kernel, signature)
    vectors = cache.vectors(library.get_llvm_str())
    registers = Counter(re.findall(r"%([xyz]mm)\d", library.get_asm_str()))
    return {"vectors": dict(vectors.most_common(8)), "registers": dict(registers)}


class _NoCache:
    """A dispatcher's cache that neither finds nor keeps: code from the disk cache cannot be inspected."""

    cache_path = None

    def load_overload(self, signature: Any, target: Any) -> None:
        target.refresh()

    def save_overload(self, signature: Any, result: Any) -> None: ...


def _compiled(kernel: Jit, signature: tuple) -> Any:
    dispatcher = kernel._make_dispatcher()
    dispatcher._cache = _NoCache()
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].library


def llvm_ir(kernel: Jit, signature: tuple) -> str:
    """The optimised LLVM IR of a kernel function for Numba types; compiles it once more."""
    return _compiled(kernel, signature).get_llvm_str()


def assembly(kernel: Jit, signature: tuple) -> str:
    """The machine code of a kernel function as text; compiles it once more."""
    return _compiled(kernel, signature).get_asm_str()


def host() -> dict[str, Any]:
    """What LLVM takes this machine for: ``cpu``, ``triple``, ``features`` by name, and LLVM's own version."""
    import llvmlite.binding as llvm

    return {
        "cpu": llvm.get_host_cpu_name(),
        "triple": llvm.get_process_triple(),
        "features": dict(llvm.get_host_cpu_features()),
        "llvm": ".".join(map(str, llvm.llvm_version_info)),
    }


if __name__ == "__main__":
    main()
