"""``python -m benchmarks.compiling [models]``: CPU seconds of compiling the kernels of a model's step, by phase.

Each model of ``numtorch.kernels.steps`` has its own process with an empty kernel cache. The phases add up to the total:
a function that is compiled within another one's type inference counts in its own phases. Importing Numba is not in it.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.compare import ROOT, machine

MODELS = ("mlp", "lenet", "gpt", "resnet18")
# (phase, module, function of it); what none of them contains is "other"
PARTS = (
    ("bytecode, untyped passes", "numba.core.compiler_machinery", "PassManager._runPass"),
    ("type inference", "numba.core.typed_passes", "NopythonTypeInference.run_pass"),
    ("parallel loops", "numba.core.typed_passes", "PreParforPass.run_pass"),
    ("parallel loops", "numba.core.typed_passes", "ParforPass.run_pass"),
    ("parallel loops", "numba.core.typed_passes", "ParforFusionPass.run_pass"),
    ("parallel loops", "numba.core.typed_passes", "ParforPreLoweringPass.run_pass"),
    ("lowering", "numba.core.typed_passes", "BaseNativeLowering.run_pass"),
    ("wrappers", "numba.core.lowering", "BaseLower.create_cpython_wrapper"),
    ("wrappers", "numba.core.lowering", "BaseLower.create_cfunc_wrapper"),
    ("IR as text, parsing", "numba.core.codegen", "CPUCodeLibrary.add_ir_module"),
    ("IR as text, parsing", "numtorch.kernels.linking", "Library.add_ir_module"),
    ("linking", "llvmlite.binding.module", "ModuleRef.link_in"),
    ("LLVM's passes", "llvmlite.binding.newpassmanagers", "NewPassManager.run"),
    ("machine code", "numba.core.codegen", "JitEngine.finalize_object"),
    ("refreshing registries", "numba.core.base", "BaseContext.refresh"),
    ("writing the cache", "numtorch.kernels.cache", "DiskCache.save_overload"),
)
UNIT = "JitEngine.finalize_object"  # called once for each unit that is emitted


class Phases:
    """Seconds of this thread by phase; the time of a phase that begins within another one is its own."""

    def __init__(self) -> None:
        self.seconds: Counter = Counter()
        self.calls: Counter = Counter()
        self.open: list[str] = []
        self.since = 0.0

    def _account(self) -> None:
        now = time.thread_time()
        if self.open:
            self.seconds[self.open[-1]] += now - self.since
        self.since = now

    def timed(self, phase: str, name: str, work: Callable) -> Callable:
        """``work``, whose time counts as the phase's."""

        @functools.wraps(work)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._account()
            self.open.append(phase)
            self.calls[name] += 1
            try:
                return work(*args, **kwargs)
            finally:
                self._account()
                self.open.pop()

        return call

    def patch(self, phase: str, module: str, name: str) -> None:
        """Time a method where it stands."""
        owner, _, method = name.rpartition(".")
        cls = getattr(importlib.import_module(module), owner)
        setattr(cls, method, self.timed(phase, name, getattr(cls, method)))


def measured(model: str) -> dict:
    """Run the model's step here, and say what its kernels cost."""
    from numtorch.kernels import cache, jit, steps, toolchain

    jit.numba()
    phases = Phases()
    for part in PARTS:
        phases.patch(*part)
    toolchain._alone = phases.timed("other", "work", toolchain._alone)
    kernels = []
    made = jit.Jit._make_dispatcher
    jit.Jit._make_dispatcher = lambda self: kernels.append(made(self)) or kernels[-1]  # type: ignore
    steps.step(model)
    return {
        "total": sum(phases.seconds.values()),
        "kernels": cache.stats["misses"],
        "specialisations": sum(len(d.overloads) for d in kernels),
        "units": phases.calls[UNIT],
        "megabytes": cache.size() / 1e6,
    } | dict(sorted(phases.seconds.items(), key=lambda item: -item[1]))


def fresh(model: str) -> dict:
    """``measured`` in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"NUMTORCH_CACHE": folder, "NUMTORCH_QUIET": "1"}
        command = [sys.executable, "-m", "benchmarks.compiling", "--here", model]
        out = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(out.stdout.splitlines()[-1])


def main() -> int:
    """Print a table: a column for each model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiling", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS, help=f"of {', '.join(MODELS)}")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measured(args.here)))
        return 0
    print(f"{machine()}; CPU seconds")
    columns = [fresh(m) for m in args.models]
    print(f"{'':<32}" + "".join(f"{m:>10}" for m in args.models))
    for row in dict.fromkeys(name for column in columns for name in column):
        print(f"{row:<32}" + "".join(f"{column.get(row, 0):>10.4g}" for column in columns), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
