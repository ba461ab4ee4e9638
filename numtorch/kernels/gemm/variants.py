"""Which micro-kernels this machine uses, and the table of their addresses.

A variant is compiled when a shape first needs it, cached like every kernel, and entered into the table through which
drivers call it. Knows the registers of the processor; knows nothing of matrix sizes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import numpy as np

from numtorch.kernels import target
from numtorch.kernels.gemm.table import SHIFT, TABLE_SIZE, slot_of
from numtorch.kernels.jit import compile_source, disabled

MICROKERNEL = "numtorch.kernels.gemm.microkernel"  # imports Numba: only when a micro-kernel is compiled


@dataclass(frozen=True)
class Registers:
    """The tile that fills the registers: ``height`` rows of ``vectors`` vectors of ``lanes``."""

    bits: int
    lanes: int
    height: int
    vectors: int

    @property
    def strip(self) -> int:
        """Columns of a tile."""
        return self.lanes * self.vectors


def vector_bits(features: frozenset[str]) -> int:
    """``NUMTORCH_VECTOR_BITS``, else the longest vectors that the processor computes with."""
    if override := os.environ.get("NUMTORCH_VECTOR_BITS"):
        if override not in ("128", "256", "512"):
            raise ValueError(f"NUMTORCH_VECTOR_BITS: expected 128, 256 or 512, got {override!r}")
        return int(override)
    if "avx512f" in features:
        return 512
    return 256 if "avx2" in features else 128


def tile_for(arm: bool, bits: int, double: bool) -> Registers:
    """The tile for a processor: all sums, one row of b and one broadcast of a must fit."""
    height, vectors = {512: (14, 2), 256: (6, 2), 128: (4, 2)}[bits]
    if arm:
        height, vectors = 8, 3  # 32 registers of 128 bits
    return Registers(bits, bits // (64 if double else 32), height, vectors)


@cache
def registers(double: bool) -> Registers:
    """The tile for this machine."""
    if disabled():
        return Registers(0, 4, 6, 2)
    return tile_for(target.is_arm(), vector_bits(target.features()), double)


class Variants:
    """The compiled micro-kernels of one element type; ``address`` is the ``table`` of kernels.

    With ``pairs`` the elements of the operands are pairs of bfloat16, as wide as the float32 of the results.
    """

    def __init__(self, double: bool, pairs: bool = False):
        self.double = double
        self.tile = "pair_tile" if pairs else "tile"
        self.kernels: list = []  # whose code the table points to
        self.registers = registers(double)
        self.address = 0
        if not disabled():
            self.table = np.zeros(TABLE_SIZE, np.int64)
            self.table[SHIFT] = self.registers.lanes.bit_length() - 1
            self.address = self.table.ctypes.data

    def need_tile(self, height: int, width: int, by_rows: bool) -> None:
        self._need(self.tile, height, -(-width // self.registers.lanes), int(by_rows))

    def need_copy(self, width: int) -> None:
        self._need("copy_rows", 0, -(-width // self.registers.lanes), 0)

    def need_transpose(self) -> None:
        self._need("transpose", 0, 0, 0)

    def need_gather(self, width: int) -> None:
        self._need("gather_rows", 0, -(-width // self.registers.lanes), 0)

    def need_gather_transpose(self) -> None:
        self._need("gather_transpose", 0, 0, 0)

    def need_every_second(self) -> None:
        self._need("take_every_second", 0, 0, 0)
        self._need("put_every_second", 0, 0, 0)

    def need_pairs(self, width: int) -> None:
        self._need("pair_rows", 0, -(-width // self.registers.lanes), 0)

    def need_narrow(self) -> None:
        self._need("narrow_rows", 0, 0, 0)

    def need_dot(self) -> None:
        self._need("dot", 0, 0, 0)

    def _need(self, kind: str, height: int, vectors: int, by_rows: int) -> None:
        if disabled():
            return
        slot = slot_of(kind, height, vectors, by_rows)
        if self.table[slot]:
            return
        lanes = self.registers.lanes
        dtype = "f64" if self.double else "f32"
        symbol = f"numtorch_{kind}_{dtype}x{lanes}_{height}x{vectors}_{by_rows}"
        literals = (symbol, kind, int(self.double), lanes, height, vectors, by_rows)
        source = f"def {kind}():\n    define({', '.join(map(repr, literals))})\n"
        kernel = compile_source(
            source,
            kind,
            {},
            f"gemm {symbol}",
            needs=MICROKERNEL,
            fastmath=frozenset(),
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
        )
        self.kernels.append(kernel)
        self.table[slot] = kernel.address(symbol=symbol)


@cache
def variants(double: bool, pairs: bool = False) -> Variants:
    return Variants(double, pairs)


@cache
def multiplies_pairs() -> bool:
    """Whether the processor has an instruction for products of bfloat16 pairs (AVX512-BF16, or Arm's BF16)."""
    if disabled():
        return False
    features = target.features()
    if target.is_arm():
        return "bf16" in features
    return "avx512_bf16" in features and vector_bits(features) >= 256


@cache
def outruns_blas() -> bool:
    """Whether the micro-kernels are faster than a BLAS here: they need vectors of 256 bits, or Arm's many registers."""
    if disabled():
        return True
    return target.is_arm() or vector_bits(target.features()) >= 256
