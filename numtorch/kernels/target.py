"""Which processor kernels are compiled for, known without LLVM.

By default it is this machine's. ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` name another one; ``bake`` sets them to a
*level*, a set of instructions that many machines have: x86-64-v3 (AVX2) or x86-64-v4 (AVX-512).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import sys
from functools import cache
from typing import Any

from numtorch.kernels import toolchain

# By the names of Linux. Of each level: what it has beyond the one before.
_V3 = (
    "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 sse sse2 cmov cx8 fxsr mmx avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
)
_V4 = "avx512f avx512bw avx512cd avx512dq avx512vl"
LEVELS = {"x86-64-v4": frozenset(f"{_V3} {_V4}".split()), "x86-64-v3": frozenset(_V3.split())}
NATIVE = "native"
# What changes the machine code, beside the processor.
OPTIONS = (
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_OPT",
    "NUMBA_BOUNDSCHECK",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
    "NUMBA_ENABLE_AVX",
    "NUMBA_DEBUGINFO",
    "NUMBA_DISABLE_INTEL_SVML",
)


_MAKERS = (
    "jit.py",
    "linker.py",
    "linking.py",
    "shortcuts.py",
    "toolchain.py",
    "math.py",
    "special.py",
    "bessel.py",
    "overloads.py",
    "overloads_complex.py",
)  # files by which machine code and its images are made


@cache
def versions() -> str:
    """Everything outside a kernel's own text, and beside the processor, that its machine code depends on."""
    here = os.path.dirname(__file__)
    digest = hashlib.sha256()
    for name in _MAKERS:
        with open(os.path.join(here, name), "rb") as f:
            digest.update(f.read())
    python = ".".join(map(str, sys.version_info[:2]))
    return f"Python {python} Numba {version('numba')} llvmlite {version('llvmlite')} kernels {digest.hexdigest()[:16]}"


def version(package: str) -> str:
    """Of a package that Versioneer describes, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "none"
    with open(os.path.join(os.path.dirname(spec.origin), "_version.py"), encoding="utf-8") as f:
        found = re.search(r"""version\w*['"]?\s*[:=]\s*['"](\d[^'"]*)""", f.read())
    return found[1] if found else "unknown"


@cache
def flags() -> frozenset[str]:
    """What Linux says that this processor can do; empty where nothing is known without LLVM."""
    return frozenset(_described().get("flags", "").split())


@cache
def _described() -> dict[str, str]:
    """The first processor of ``/proc/cpuinfo``."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            lines = f.read(16_384).partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def known() -> bool:
    """Whether ``features`` needs no LLVM here."""
    return sys.platform.startswith("linux") and platform.machine() == "x86_64" and bool(flags())


@cache
def features() -> frozenset[str]:
    """The instructions that kernels are compiled with, by the names of Linux, or else of LLVM."""
    name = os.environ.get("NUMBA_CPU_NAME")
    if known() and "NUMBA_CPU_FEATURES" not in os.environ and (name is None or name in LEVELS):
        return flags() if name is None else LEVELS[name]
    _, _, text = _of_llvm()
    return frozenset(f[1:].replace("avx512bf16", "avx512_bf16") for f in text.split(",") if f[:1] == "+")


@cache
def is_arm() -> bool:
    return platform.machine() in ("aarch64", "arm64")


@cache
def identity() -> str:
    """A text that differs where the machine code of a kernel may differ."""
    options = [f"{name}={os.environ[name]}" for name in OPTIONS if name in os.environ]
    if not known():
        return f"{_of_llvm()} {options}"
    cpu = [_described().get(k, "") for k in ("vendor_id", "cpu family", "model", "stepping")]
    return f"{cpu} {hashlib.sha256(' '.join(sorted(flags())).encode()).hexdigest()} {options}"


def plain() -> bool:
    """Whether code is compiled for this machine as usual, so that code of a level may take its place."""
    return known() and not any(name in os.environ for name in OPTIONS)


def runs(level: str) -> bool:
    """Whether this processor has all that a level asks for, or is the one that ``native:`` and a digest tell."""
    if level in LEVELS:
        return LEVELS[level] <= flags()
    return level == f"{NATIVE}:{identity_digest()}"


@cache
def identity_digest() -> str:
    return hashlib.sha256(identity().encode()).hexdigest()[:32]


def _of_llvm() -> Any:
    toolchain.run(toolchain.import_numba)
    from numba.core.registry import cpu_target

    return cpu_target.target_context.codegen().magic_tuple()
