"""``torch.backends.cpu``: what the processor can do."""

from __future__ import annotations

from numtorch.kernels import target


def get_cpu_capability() -> str:
    """The widest vectors that kernels are compiled for.

    Returns:
        ``"AVX512"``, ``"AVX2"``, or ``"DEFAULT"`` for all others.

    >>> torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    True
    """
    found = target.features()
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= found:
        return "AVX512"
    return "AVX2" if {"avx2", "fma"} <= found else "DEFAULT"
