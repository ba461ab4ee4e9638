"""Where in the table of addresses each micro-kernel stands, for those who fill it and for what llvmlite writes."""

from __future__ import annotations

# Log2 of the vector length, then addresses.
SHIFT = 0
TRANSPOSE = 1
DOT = 2
COPIES = 4  # one for each number of vectors
TILES = 8  # by_rows x vectors x rows
MOST_VECTORS = 4
MOST_ROWS = 16
GATHERS = TILES + 2 * MOST_VECTORS * MOST_ROWS  # one for each number of vectors
GATHER_TRANSPOSE = GATHERS + MOST_VECTORS
TAKE_EVERY_SECOND = GATHER_TRANSPOSE + 1
PUT_EVERY_SECOND = TAKE_EVERY_SECOND + 1
PAIRS = PUT_EVERY_SECOND + 1  # one for each number of vectors
NARROW = PAIRS + MOST_VECTORS
TABLE_SIZE = NARROW + 1


def slot_of(kind: str, height: int, vectors: int, by_rows: int) -> int:
    """Where in the table a variant's address stands."""
    if kind in ("tile", "pair_tile"):
        return TILES + (by_rows * MOST_VECTORS + vectors - 1) * MOST_ROWS + height - 1
    return {
        "transpose": TRANSPOSE,
        "dot": DOT,
        "copy_rows": COPIES + vectors - 1,
        "gather_rows": GATHERS + vectors - 1,
        "pair_rows": PAIRS + vectors - 1,
        "narrow_rows": NARROW,
        "gather_transpose": GATHER_TRANSPOSE,
        "take_every_second": TAKE_EVERY_SECOND,
        "put_every_second": PUT_EVERY_SECOND,
    }[kind]
