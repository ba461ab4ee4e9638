"""Products of a matrix and a vector. Reading the matrix once limits their speed, so nothing is packed.

If the rows of the matrix are multiplied by the vector, each result is a dot product along a row. If the columns are,
scaled rows are added up. In both cases the order of each sum depends only on the shape.
"""

from __future__ import annotations

from numtorch.kernels.gemm.tile import ACCUMULATE, BIAS, RELU, dot
from numtorch.kernels.jit import jit, prange

# What stands where in a plan, an int64 array.
TABLE = 0
ROWS = 1  # of the matrix x
COLS = 2
FLAGS = 3
BATCH = 4
X_STRIDE = 5  # between matrices of the batch
V_STRIDE = 6
BIAS_STEP = 7  # 0 where all results take bias[0]
CHUNKS = 8
PLAN_SIZE = 9

BLOCK = 1024  # results summed at a time: they stay in the first-level cache
NEEDS = "numtorch.kernels.gemm.calls"
# No reassociation: the compiler may arrange the serial and the parallel loop differently.
EXACT = frozenset({"contract"})


@jit(needs=NEEDS, fastmath=EXACT, _nrt=False)
def along_rows_chunk(plan, x, v, bias, out, chunk):
    """``out[b, i] = sum_j x[b, i, j] * v[b, j]`` for one share of the rows of all matrices."""
    rows, cols, flags = plan[ROWS], plan[COLS], plan[FLAGS]
    total = rows * plan[BATCH]
    for row in range(total * chunk // plan[CHUNKS], total * (chunk + 1) // plan[CHUNKS]):
        item, i = row // rows, row % rows
        value = dot(plan[TABLE], x, item * plan[X_STRIDE] + i * cols, v, item * plan[V_STRIDE], cols)
        if flags & ACCUMULATE:
            value += out[row]
        if flags & BIAS:
            value += bias[i * plan[BIAS_STEP]]
        if flags & RELU and value < 0:
            value = out.dtype.type(0)
        out[row] = value


@jit(needs=NEEDS, fastmath=EXACT, _nrt=False)
def along_rows(plan, x, v, bias, out):
    along_rows_chunk(plan, x, v, bias, out, 0)


@jit(parallel=True, needs=NEEDS, fastmath=EXACT)
def along_rows_parallel(plan, x, v, bias, out):
    for chunk in prange(plan[CHUNKS]):
        along_rows_chunk(plan, x, v, bias, out, chunk)


@jit(fastmath=EXACT, _nrt=False)
def along_columns_chunk(plan, x, v, out, chunk):
    """``out[b, j] = sum_i v[b, i] * x[b, i, j]`` for one share of the blocks of columns.

    Four rows at a time: a quarter of the reads and writes of ``out``.
    """
    rows, cols = plan[ROWS], plan[COLS]
    blocks = (cols + BLOCK - 1) // BLOCK
    total = blocks * plan[BATCH]
    for task in range(total * chunk // plan[CHUNKS], total * (chunk + 1) // plan[CHUNKS]):
        item, j0 = task // blocks, task % blocks * BLOCK
        width = min(BLOCK, cols - j0)
        y = out[item * cols + j0 : item * cols + j0 + width]
        first = item * plan[X_STRIDE] + j0
        if not plan[FLAGS] & ACCUMULATE:
            for j in range(width):
                y[j] = 0
        whole = rows // 4 * 4
        for i in range(0, whole, 4):
            at, vi = first + i * cols, item * plan[V_STRIDE] + i
            v0, v1, v2, v3 = v[vi], v[vi + 1], v[vi + 2], v[vi + 3]
            x0, x1 = x[at : at + width], x[at + cols : at + cols + width]
            x2, x3 = (x[at + 2 * cols : at + 2 * cols + width], x[at + 3 * cols : at + 3 * cols + width])
            for j in range(width):
                y[j] = y[j] + v0 * x0[j] + v1 * x1[j] + v2 * x2[j] + v3 * x3[j]
        for i in range(whole, rows):
            at, v0 = first + i * cols, v[item * plan[V_STRIDE] + i]
            x0 = x[at : at + width]
            for j in range(width):
                y[j] = y[j] + v0 * x0[j]


@jit(fastmath=EXACT, _nrt=False)
def along_columns(plan, x, v, bias, out):
    along_columns_chunk(plan, x, v, out, 0)


@jit(parallel=True, fastmath=EXACT)
def along_columns_parallel(plan, x, v, bias, out):
    for chunk in prange(plan[CHUNKS]):
        along_columns_chunk(plan, x, v, out, chunk)
