"""``python -m numtorch.collect_env``: prints what a bug report should contain, as text or with ``--json``.

Nothing is compiled, and nothing is sent anywhere. The home folder is printed as ``~``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numtorch as torch
from numtorch._version import __version__
from numtorch.kernels import cache, jit, remarks, threads

PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "numba-cuda",
    "cuda-bindings",
    "torch",
    "scipy",
    "matplotlib",
    "tqdm",
    "pillow",
    "tbb",
)
VARIABLES = (
    "NUMTORCH_",
    "NUMBA_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "KMP_",
    "CUDA_VISIBLE_DEVICES",
    "PYTHONDONTWRITEBYTECODE",
)
VECTORS = ("avx512f", "avx512bw", "avx512vl", "avx512bf16", "amx-tile", "avx2", "fma", "f16c", "sse4.2", "neon", "sve")


def collect() -> dict[str, Any]:
    """Everything, by section.

    >>> from numtorch.collect_env import collect
    >>> sorted(collect())
    ['cache', 'cuda', 'environment', 'packages', 'processor', 'system', 'threads']
    """
    return {
        "system": _system(),
        "packages": _packages(),
        "processor": _processor(),
        "threads": _threads(),
        "cuda": _cuda(),
        "cache": _cache(),
        "environment": _environment(),
    }


def _system() -> dict[str, Any]:
    return {
        "python": f"{platform.python_version()} ({platform.python_implementation()}, "
        f"{sys.maxsize.bit_length() + 1} bits)",
        "platform": platform.platform(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
    }


def _packages() -> dict[str, Any]:
    found: dict[str, Any] = {"numtorch": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _processor() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    names = (
        [s.partition(":")[2].strip() for s in info.read_text().splitlines() if s.startswith("model name")]
        if info.exists()
        else []
    )
    target = remarks.host()
    present = [f for f in VECTORS if target["features"].get(f)]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "model": names[0] if names else platform.processor() or platform.machine(),
        "llvm name": target["cpu"],
        "triple": target["triple"],
        "llvm": target["llvm"],
        "vectors": ", ".join(present) or None,
        "cores": os.cpu_count(),
        "cores usable": usable,
        "memory GB": _memory(),
    }


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _threads() -> dict[str, Any]:
    layer = None
    if not jit.disabled():
        jit.numba()
        threads.configure()
        layer = threads.state().layer
    return {
        "threads": threads.get_num_threads(),
        "layer": layer,
        "kernels as plain Python": jit.disabled(),
        "blas": _blas(),
    }


def _blas() -> str | None:
    """NumPy's BLAS: products that no kernel takes (integers, on rare paths) go to it."""
    import numpy as np

    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index, call-overload]
    except (TypeError, KeyError):
        return None
    return f"{found.get('name')} {found.get('version')}"


def _cuda() -> dict[str, Any]:
    found: dict[str, Any] = {"available": torch.cuda.is_available()}
    if found["available"]:
        found["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found


def _cache() -> dict[str, Any]:
    most = cache.limit()
    return {
        "folder": _home(str(cache.folder())),
        "kernels": len(cache.entries()),
        "MB": round(cache.size() / 1e6, 1),
        "at most MB": None if most is None else round(most / 1e6, 1),
    }


def _environment() -> dict[str, Any]:
    return {k: _home(v) for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)}


def _home(text: str) -> str:
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def text(found: dict[str, Any]) -> str:
    """The sections as lines."""
    lines = []
    for section, values in found.items():
        lines.append(section)
        lines += [
            f"  {k}: {'-' if v is None else ', '.join(v) if isinstance(v, list) else v}" for k, v in values.items()
        ] or ["  -"]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m numtorch.collect_env", description="Print what a bug report should contain."
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    found = collect()
    print(json.dumps(found, indent=1) if parser.parse_args(argv).json else text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
