"""Builds the package: setuptools' way, after the kernels have been compiled.

pip asks this module for a wheel. Before that it bakes kernel packs (``python -m numtorch.kernels bake``): one for this
machine where the source folder itself is installed (``pip install -e .``), and one for each level of processors where a
wheel is made that goes to other machines. An installation without packs works, and compiles kernels as they are called;
so what fails here is said in a line and ends nothing. ``NUMTORCH_BAKE=0`` leaves the packs out. With
``NUMTORCH_BAKE=all`` they also hold the common forms of all ops, which takes minutes: for wheels that are published.

Imports nothing of numtorch: pip calls it where only setuptools and what ``get_requires_for_...`` names is installed.
"""

from __future__ import annotations

import compileall
import contextlib
import hashlib
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import build_sdist as build_sdist
from setuptools.build_meta import get_requires_for_build_sdist as get_requires_for_build_sdist
from setuptools.build_meta import prepare_metadata_for_build_editable as prepare_metadata_for_build_editable
from setuptools.build_meta import prepare_metadata_for_build_wheel as prepare_metadata_for_build_wheel

ROOT = Path(__file__).resolve().parents[2]
PACKS = ROOT / "numtorch" / "kernels" / "packs"
LEVELS = ("x86-64-v3", "x86-64-v4")  # of the wheel
OFF = ("0", "no", "false", "off")


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """What pip installs beside setuptools before it builds."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_needed()]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What pip installs beside setuptools before it builds."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_needed()]


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """An installation of this folder, with a pack for this machine, and its bytecode."""
    byte_compile()
    bake("native")
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """A wheel with a pack for each level."""
    for level in LEVELS:
        bake(level)
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def byte_compile() -> None:
    """Write the bytecode of all modules, as pip does for a wheel. Where Python may write none later
    (``PYTHONDONTWRITEBYTECODE``, a folder of somebody else's), each import would compile the package again."""
    compileall.compile_dir(ROOT / "numtorch", quiet=2, workers=0)


def possible() -> bool:
    """Whether packs can be made here, and are wanted."""
    wanted = os.environ.get("NUMTORCH_BAKE", "1").lower() not in OFF
    return wanted and sys.platform == "linux" and platform.machine() == "x86_64"


def bake(level: str) -> None:
    """Write the pack of a level, unless it is there already and made of the same source."""
    if not possible():
        return
    more = ["--ops"] if os.environ.get("NUMTORCH_BAKE", "").lower() == "all" else []
    stamp, source = PACKS / f"{level}.stamp", " ".join([_digest(), *more])
    with contextlib.suppress(OSError):
        if stamp.read_text() == source and (PACKS / f"{level}.ntk").exists():
            return
    command = [sys.executable, "-m", "numtorch.kernels", "bake", "--models", *more, "--cpu", level]
    with _terminal() as out:
        print(f"numtorch: compiling kernels for {level}, once (NUMTORCH_BAKE=0 leaves it out)", file=out, flush=True)
        try:
            done = subprocess.run(command, cwd=ROOT, env=_environment(), stdout=out, stderr=out)
            if done.returncode:
                raise OSError(f"bake ended with {done.returncode}")
            stamp.write_text(source)
        except OSError as e:  # a read-only folder, a full disk, no compiler: kernels are compiled as they are called
            print(f"numtorch: no kernel pack ({e}); kernels will be compiled when they are first called", file=out)


def _needed() -> list[str]:
    """What the compiler of kernels needs: the dependencies of the package."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"] if possible() else []


def _environment() -> dict[str, str]:
    """That of the compiling process, in which this folder is the package."""
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(f for f in folders if f)}


def _digest() -> str:
    """Of all that the kernels are made of: the source, and the versions of what compiles it."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("numpy", "numba", "llvmlite"):
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}".encode())
    with contextlib.suppress(OSError):
        processor = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
        digest.update("\n".join(line for line in processor if line.startswith(("model name", "flags"))).encode())
    for path in sorted((ROOT / "numtorch").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _terminal() -> Iterator[Any]:
    """Where the user sees what is written: pip keeps what a build prints to itself."""
    with contextlib.ExitStack() as stack:
        try:
            out: Any = stack.enter_context(open("/dev/tty", "w"))
        except OSError:
            out = sys.stderr
        yield out
