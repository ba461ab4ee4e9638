"""Bakes kernel packs: ``python -m numtorch.kernels bake``.

The kernels are compiled in a process of its own, whose environment names the level, into a cache folder of its own;
what is there in the end becomes the pack. Programs run in child processes of it, which leave nothing behind but
kernels. They are rehearsed first, so that all cores compile, and then run: that compiles what a rehearsal has missed.
The serial and parallel twins of all kernels are compiled, too. For a level that this processor lacks, programs are only
rehearsed: what that misses such a machine finds in the pack of the level below.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import numtorch as torch
from numtorch import demo, notices
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.op import OPS
from numtorch.dispatch.samples import exactly, fan_in, index, mask, positive
from numtorch.kernels import cache, images, packs, recording, steps, target, threads, toolchain, warm
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import Jit
from numtorch.vision.datasets import MNIST, idx

Program = tuple[str, Callable[[], Any]]
CPUS = (*sorted(target.LEVELS), target.NATIVE)
README = Path(torch.__file__).parents[1] / "README.md"
SOME = 24  # ops that one process calls
POOL_OPTIONS = ("NUMTORCH_THREADS", "NUMTORCH_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_DISABLE_JIT")


def bake(
    cpu: str, out: str | None, *, models: bool, ops: str | None, workloads: list[str], processes: int | None
) -> int:
    """Write a pack; the exit status.

    Args:
        cpu: the level, or ``native``: this machine.
        out: the file; beside the package if None.
        models: the models of ``steps``, the demo and, in a source folder, README's programs.
        ops: common forms of the ops whose names contain this text; None for no op.
        workloads: command lines of Python scripts, each of which is run.
        processes: how many compile; one a core if None.
    """
    if not images.possible():
        raise RuntimeError("kernel packs need Linux on x86-64, and Numba")
    for text in workloads:
        if not Path(shlex.split(text)[0]).is_file():
            raise RuntimeError(f"there is no script {shlex.split(text)[0]}")
    path = Path(out).absolute() if out else packs.FOLDER / f"{cpu}{packs.SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise RuntimeError(f"{path} cannot be written: {e}") from None
    words = [cpu, str(path), str(processes or 0), str(int(models)), "-" if ops is None else ops, *workloads]
    with tempfile.TemporaryDirectory(prefix="numtorch-bake-") as folder:
        env = {k: v for k, v in os.environ.items() if k not in (*target.OPTIONS, *POOL_OPTIONS)}
        env |= {
            "NUMTORCH_CACHE": folder,
            "NUMTORCH_CACHE_MB": "0",
            "NUMTORCH_PACKS": packs.OFF,
            "NUMTORCH_HELPERS": "0",
        }
        if cpu != target.NATIVE:
            env["NUMBA_CPU_NAME"] = cpu
        return subprocess.run([sys.executable, "-m", __name__, *words], env=env).returncode


def main(words: list[str]) -> int:
    """What the process that compiles does."""
    cpu, out, processes, models, ops, *workloads = words
    programs: list[Program] = []
    if models == "1":
        programs += [("micro-kernels", micro_kernels), *[(name, partial(steps.step, name)) for name in steps.MODELS]]
        programs += [("demo", partial(demo.run, data="digits", epochs=1)), ("demo on MNIST", demo_on_mnist)]
        programs += [(f"README, program {i + 1}", partial(run_text, text)) for i, text in enumerate(readme())]
    if ops != "-":
        programs += [(f"ops {part[0].name} to {part[-1].name}", partial(call_ops, part)) for part in parts_of(ops)]
        programs += [("optimizers", step_optimizers)] if not ops else []
    programs += [(text, partial(run_script, text)) for text in workloads]
    toolchain.run(toolchain.import_numba)  # here, once, and not in every child
    runs = cpu == target.NATIVE or target.runs(cpu)
    if not runs:
        lacking = ", ".join(sorted(target.LEVELS[cpu] - target.flags()))
        notices.tell(f"programs are rehearsed and not run: this processor lacks {lacking} of {cpu}")
    for name, program in programs:
        notices.tell(f"{name} ...")
        for count in (1, max(2, torch.get_num_threads())) if runs else (1,):
            child = multiprocessing.get_context("fork").Process(
                target=compile_for, args=(program, count, int(processes) or None, runs)
            )
            child.start()
            child.join()
            if child.exitcode:
                return 1
    found = collected()
    packs.write(out, f"{target.NATIVE}:{target.identity_digest()}" if cpu == target.NATIVE else cpu, found)
    print(f"{out}: {len(found)} kernels for {cpu}, {os.path.getsize(out) / 1e6:.1f} MB")
    return 0


def compile_for(program: Callable[[], Any], count: int, processes: int | None, runs: bool) -> None:
    """Compile the kernels of a program that runs on ``count`` threads, and the serial and parallel twins of all of
    them: which twin runs depends on the number of threads and on sizes. In a child process, and once in it."""
    seen: dict[tuple, tuple] = {}
    threads._forked = False  # its parent has no threads
    torch.set_num_threads(count)
    warm.compile_found(lambda note: recording.rehearse(program, with_twins(note)), processes)
    if not runs:
        return
    os.environ["NUMTORCH_QUIET"] = "1"
    with (
        open(os.devnull, "w") as null,
        contextlib.redirect_stdout(null),
        recording.asked_for(lambda kernel, types: seen.setdefault((kernel.key, types), (kernel, types))),
    ):
        program()
    warm.compile_found(lambda note: [with_twins(note)(*found) for found in seen.values()], processes)


def with_twins(note: recording.Note) -> recording.Note:
    """A function that tells ``note`` of a kernel and of its twin."""

    def both(kernel: Jit, types: str | tuple) -> None:
        note(kernel, types)
        if kernel.twin is not None:
            note(kernel.twin, types)

    return both


def collected() -> dict[bytes, bytes]:
    """The images in the cache folder, by the keys that packs have; without those that only other kernels call."""
    found = {}
    for path in cache.entries():
        key, image, _ = cache.unpack(path.read_bytes())
        if image and set(images.parse(image).exports) != {"native"}:
            found[key] = image
    return found


# --- programs ---------------------------------------------------------------------------------------------


def micro_kernels() -> None:
    """All tiles of matrix products: which of them a program needs depends on shapes and on the number of threads."""
    for double in (False, True):
        micro = variants(double)
        for width in (micro.registers.lanes, micro.registers.strip):
            for height in range(1, micro.registers.height + 1):
                for by_rows in (False, True):
                    micro.need_tile(height, width, by_rows)
            micro.need_copy(width)
            micro.need_gather(width)
        micro.need_transpose()
        micro.need_gather_transpose()
        micro.need_every_second()
        micro.need_dot()


def demo_on_mnist() -> None:
    """The demo, as it runs where MNIST is found, on a few images of noise."""
    noise = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as root:
        for file, count in zip(MNIST.files, (200, 200, 520, 520), strict=True):
            data = noise.integers(0, 256 if len(file.shape) > 1 else 10, (count, *file.shape[1:]), np.uint8)
            Path(root, file.name).write_bytes(idx.encode(data))
        if demo.run(data="mnist", root=root, epochs=1):
            raise RuntimeError("bake: the demo finds no images")


def readme() -> list[str]:
    """The texts of README's programs, where it stands beside the package."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S) if README.exists() else []


def run_text(text: str) -> None:
    """Run a program, which stands in a file, so that Python finds the source of its functions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.py")
        path.write_text(text)
        runpy.run_path(str(path), run_name="__main__")


def run_script(text: str) -> None:
    """Run a script with its arguments, as ``python`` does."""
    words = shlex.split(text)
    before, sys.argv = sys.argv, words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as e:
        if e.code not in (None, 0):
            raise RuntimeError(f"bake: {text} ended with {e.code}") from None
    finally:
        sys.argv = before


def parts_of(text: str) -> list[list]:
    """The ops whose names contain a text, some at a time: a process keeps all that it has compiled in memory."""
    ops = [OPS[name] for name in sorted(OPS) if text in name]
    return [ops[i : i + SOME] for i in range(0, len(ops), SOME)]


def call_ops(ops: list) -> None:
    """Forward and backward of ops, on operands of common forms."""
    for op in ops:
        for tensors, params in calls(op):
            with contextlib.suppress(Exception):  # what an op does not take
                _forward_and_backward(op, tensors, params)


OPTIONS: tuple[dict, ...] = (
    {},
    {"weight_decay": 0.01},
    {"momentum": 0.9},
    {"momentum": 0.9, "weight_decay": 0.01},
    {"momentum": 0.9, "nesterov": True},
    {"amsgrad": True},
)


def step_optimizers() -> None:
    """Two steps of each optimizer, with its usual options."""
    kinds: list[Any] = [*vars(torch.optim).values()]
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer):
            for options in OPTIONS:
                with contextlib.suppress(TypeError, NotImplementedError):  # an option of others; the base class
                    parameter = torch.ones(4, 6, requires_grad=True)
                    parameter.grad = torch.ones(4, 6)
                    make: Any = kind
                    optimizer = make([parameter], lr=0.01, **options)
                    optimizer.step()
                    optimizer.step()


def _forward_and_backward(op: Any, tensors: list, params: tuple) -> None:
    if op.listed:
        y = op.call(*tensors, *params)
    else:
        named = {PUBLIC.get(name, name): t for name, t in zip(op.tensors, tensors, strict=True)}
        y = op.call(**named, **{name: value for (name, _), value in zip(op.params, params, strict=False)})
    results = [t for t in (y if isinstance(y, tuple | list) else [y]) if getattr(t, "requires_grad", False)]
    for t in results:
        t.backward(torch.ones_like(t), retain_graph=True)


def calls(op: Any) -> Iterator[tuple[list, tuple]]:
    """Operands and parameters: float32 and int64; contiguous, transposed and broadcast; few elements and many."""
    if isinstance(op, ElementwiseOp):
        numbers = tuple(
            0.7 if default is not None and not isinstance(default, int | float) else default for _, default in op.params
        )
        shapes: list[tuple[list, tuple]] = [
            ([(4, 6)] * len(op.tensors), numbers),
            ([(2048, 2048)] * len(op.tensors), numbers),
        ]
    else:
        shapes = [
            (list(s[: len(op.tensors)]), tuple(s[len(op.tensors) :])) for s in (op.samples() if op.samples else [])
        ]
    for dtype in (torch.float32, torch.int64):
        for operands, params in shapes:
            operands = operands + [None] * (len(op.tensors) - len(operands))
            yield [_operand(s, dtype) for s in operands], params
            yield [_transposed(_operand(s, dtype)) for s in operands], params
            if isinstance(op, ElementwiseOp) and len(operands) > 1:
                yield [_operand(operands[0], dtype), *[_operand(s[1:], dtype) for s in operands[1:]]], params


def _operand(sample: Any, dtype: Any) -> Any:
    if sample is None:
        return None
    if isinstance(sample, list | tuple) and sample and isinstance(sample[0], tuple):
        return [_operand(s, dtype) for s in sample]
    if isinstance(sample, index | exactly | mask):
        return torch.from_numpy(sample.array())
    shape = sample.shape if isinstance(sample, positive | fan_in) else tuple(sample)
    if dtype.is_floating_point:
        return torch.rand(shape, dtype=dtype, requires_grad=True)
    return torch.ones(shape, dtype=dtype)


def _transposed(x: Any) -> Any:
    """The same shape, and other strides."""
    if isinstance(x, list):
        return [_transposed(v) for v in x]
    if x is None or x.ndim < 2 or not x.is_floating_point():
        return x
    return x.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_(x.requires_grad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
