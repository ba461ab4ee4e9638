"""Computes a dilated convolution as one without dilation. All taps of a window read the same *phase* of an image: every
``dilation``-th row and column.

Each phase is an image of its own: ``phases[(i, a, b), c, y, x] = image[i, c, y * dh + a, x * dw + b]``. Copying to
phases and back costs little compared with what an undilated convolution may save. Padding and sizes must be multiples
of the dilation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numtorch.kernels.gemm.tile import put_every_second, take_every_second
from numtorch.kernels.gemm.variants import variants
from numtorch.kernels.jit import jit
from numtorch.ops.conv.pointer import address
from numtorch.ops.conv.winograd import CHUNK, block_parallel

SHARED = 1 << 14  # elements from which copying them is shared among threads

# What stands where in a plan, an int64 array.
TABLE = 0
CHANNELS = 1
H = 2
W = 3
DH = 4
DW = 5
PLANES = 6  # of all images
CHUNKS = 7
JOIN = 8  # whether phases become images


@jit(**CHUNK)
def phases_chunk(plan, x, w, bias, out, scratch, first, last, chunk):
    """Those planes that fall to one chunk, from images to phases or back."""
    channels, h, width, dh, dw = plan[CHANNELS], plan[H], plan[W], plan[DH], plan[DW]
    rows, cols = h // dh, width // dw
    for plane in range(plan[PLANES] * chunk // plan[CHUNKS], plan[PLANES] * (chunk + 1) // plan[CHUNKS]):
        image, c = plane // channels, plane % channels
        for a in range(dh):
            for b in range(dw):
                phase = (((image * dh + a) * dw + b) * channels + c) * rows * cols
                pixel = (plane * h + a) * width + b
                if dw == 2 and plan[JOIN]:
                    put_every_second(plan[TABLE], x, phase, cols, out, pixel, dh * width, rows, cols)
                elif dw == 2:
                    take_every_second(plan[TABLE], x, pixel, dh * width, out, phase, cols, rows, cols)
                else:
                    for r in range(rows):
                        near, far = phase + r * cols, pixel + r * dh * width
                        for j in range(cols):
                            if plan[JOIN]:
                                out[far + j * dw] = x[near + j]
                            else:
                                out[near + j] = x[far + j * dw]


def _copy(threads: int, n: int, c: int, h: int, w: int, dh: int, dw: int, join: bool) -> Callable:
    micro = variants(False)
    micro.need_every_second()
    chunks = min(threads, n * c) if n * c * h * w >= SHARED else 1
    numbers = np.array([micro.address, c, h, w, dh, dw, n * c, chunks, join], np.int64)
    if chunks == 1:
        return lambda x, out: phases_chunk(numbers, x, x, x, out, x, 0, 0, 0)
    one = np.empty(1, np.float32)
    kernel = address(phases_chunk, numbers, *[one] * 5, 0, 0, 0)
    return lambda x, out: block_parallel(kernel, numbers, x, x, x, out, x, 0, 0, chunks)


def split(threads: int, n: int, c: int, h: int, w: int, dh: int, dw: int) -> Callable:
    """What copies images (n, c, h, w) to phases (n * dh * dw, c, h / dh, w / dw)."""
    return _copy(threads, n, c, h, w, dh, dw, False)


def join(threads: int, n: int, c: int, h: int, w: int, dh: int, dw: int) -> Callable:
    """What copies phases to images."""
    return _copy(threads, n, c, h, w, dh, dw, True)
