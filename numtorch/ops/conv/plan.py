"""The plan of an implicit product: where each tap reads, block sizes, and the work of each thread.

The rules use only shapes, never timings. A plan is made once per shape, with what an op remembers.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np

from numtorch.kernels.gemm.plan import Scratch, scratch_key
from numtorch.kernels.gemm.variants import Variants, variants
from numtorch.ops.conv import depthwise
from numtorch.ops.conv import implicit as at
from numtorch.ops.conv.pointer import address

DEPTH_BYTES = 2048  # of a row of products summed in one tile: with it a panel of weights fits a first-level cache
STRIP_BYTES = 256 * 1024  # of strips gathered together: a part of a second-level cache
TURNED_BYTES = 512 * 1024  # the same for a weight gradient, which shares them with nothing else
PARALLEL_WORK = 60_000  # multiply-adds below which starting the thread pool costs more than it saves
SHARED_WEIGHTS = 1 << 15  # from which packing them is shared among threads
FEW_WEIGHTS = 1 << 16  # up to which a weight gradient is summed by parts of the images
PARTS = 8  # of the images: fixed, so that the result does not depend on the threads

scratch = Scratch()
packs = Scratch()  # of packed weights and of partial sums: kept, as fresh memory costs more than what is written to it


class Plan(NamedTuple):
    """What the loops of ``implicit`` take for one shape.

    Attributes:
        starts: where each row (channel, tap) begins in the source; ``phases``: (row, column) of each phase plane;
        jobs: a row for each product; ``chosen``: the taps of each job.
        weights: elements of the packed weights; ``parts``: partial sums of a weight gradient.
        kernel: address of the chunks' loop, 0 for one chunk; ``packing``: of the one that packs weights.
        gaps: whether there are elements of the result that no job writes, which are zero.
    """

    numbers: np.ndarray
    starts: np.ndarray
    phases: np.ndarray
    jobs: np.ndarray
    chosen: np.ndarray
    scratch: int
    weights: int
    parts: int
    chunks: int
    kernel: Any
    packing: Any = 0
    gaps: bool = False


class Job(NamedTuple):
    """One product: the taps (index, phase, row shift, column shift), the grid, where it goes in the result."""

    taps: list
    h: int
    w: int
    row: int = 0
    col: int = 0


class Source(NamedTuple):
    """What is shifted: images, groups, channels of a group, extents, steps between its phases' rows and columns."""

    images: int
    groups: int
    channels: int
    h: int
    w: int
    step_h: int
    step_w: int


def forward_job(kh: int, kw: int, ho: int, wo: int, sh: int, sw: int, ph: int, pw: int, dh: int, dw: int) -> Job:
    """Position r reads source row ``r*sh + a*dh - ph``: row ``r + shift`` of a phase plane."""
    taps = []
    for t, (a, b) in enumerate(product(range(kh), range(kw))):
        (down, row), (right, col) = divmod(a * dh - ph, sh), divmod(b * dw - pw, sw)
        taps.append((t, (row, col), down, right))
    return Job(taps, ho, wo)


def input_grad_jobs(
    h: int, w: int, kh: int, kw: int, sh: int, sw: int, ph: int, pw: int, dh: int, dw: int
) -> list[Job]:
    """Row y of the gradient takes from row r of g where ``r*sh + a*dh - ph == y``: other taps for every ``y % sh``.

    Phases that no tap reaches have no job: the gradient is zero there.
    """
    rows, cols = _phases(h, kh, sh, ph, dh), _phases(w, kw, sw, pw, dw)
    jobs = [
        Job(
            [(a * kw + b, (0, 0), down, right) for (a, down), (b, right) in product(downs, rights)],
            -(-(h - row) // sh),
            -(-(w - col) // sw),
            row,
            col,
        )
        for (row, downs), (col, rights) in product(rows, cols)
    ]
    return jobs or [Job([], -(-h // sh), -(-w // sw))]


def _phases(n: int, k: int, s: int, p: int, d: int) -> list:
    """For each phase of a gradient's rows that a tap reaches, the taps and how far from the row that they read they
    stand."""
    found: dict[int, list] = {}
    for a in range(k):
        row = (a * d - p) % s
        if row < n:
            found.setdefault(row, []).append((a, (row + p - a * d) // s))
    return sorted(found.items())


def _lay_out(numbers: np.ndarray, source: Source, jobs: list[Job]) -> tuple[list, np.ndarray]:
    """The phases, and the starts of every job's rows; says in ``numbers`` how planes are arranged."""
    taps = [tap for job in jobs for tap in job.taps]
    phases = sorted({phase for _, phase, _, _ in taps}) or [(0, 0)]
    top, left = max([0, *[-down for _, _, down, _ in taps]]), max([0, *[-right for _, _, _, right in taps]])
    rows = max([1, *[job.h + down + top for job in jobs for _, _, down, _ in job.taps]])
    cols = max([1, *[job.w + right + left for job in jobs for _, _, _, right in job.taps]])
    in_place = top == left == 0 and rows <= source.h and cols <= source.w and source.step_h == source.step_w == 1
    if in_place:
        rows, cols = source.h, source.w
    channel = len(phases) * rows * cols
    for key, value in {
        at.IN_PLACE: in_place,
        at.TOP: top,
        at.LEFT: left,
        at.ROWS: rows,
        at.COLS: cols,
        at.PHASES: len(phases),
        at.CHANNEL: channel,
    }.items():
        numbers[key] = value
    starts = []
    for job in jobs:
        within = [
            phases.index(phase) * rows * cols + (down + top) * cols + right + left for _, phase, down, right in job.taps
        ]
        starts.append((np.arange(source.channels)[:, None] * channel + np.array(within, np.int64)).reshape(-1))
    return phases, np.concatenate(starts)


def _gaps(result: tuple, spread: tuple, jobs: tuple) -> bool:
    """Whether the jobs write fewer elements than the result has."""
    return len(jobs) < min(result[0], spread[0]) * min(result[1], spread[1])


def _begin(source: Source, double: bool, rows: int, taps: int, spread_w: int = 1) -> tuple[Variants, np.ndarray]:
    micro = variants(double)
    regs = micro.registers
    numbers = np.zeros(at.PLAN_SIZE, np.int64)
    for key, value in {
        at.TABLE: micro.address,
        at.LANES: regs.lanes,
        at.STRIP: regs.strip,
        at.HEIGHT: regs.height,
        at.IMAGES: source.images,
        at.GROUPS: source.groups,
        at.GROUP_CHANNELS: source.channels,
        at.SOURCE_H: source.h,
        at.SOURCE_W: source.w,
        at.STEP_H: source.step_h,
        at.STEP_W: source.step_w,
        at.GROUP_ROWS: rows,
        at.TAPS: taps,
    }.items():
        numbers[key] = value
    if source.step_w == 2 or spread_w == 2:
        micro.need_every_second()
    return micro, numbers


def _whole_lines(n: int) -> int:
    return -(-n // 16) * 16


def _heights(rows: int, most: int) -> set[int]:
    panels = -(-rows // most)
    return {rows // panels, -(-rows // panels)} - {0}


def _need(micro: Variants, heights: set[int], widths: set[int], pieces: set[int], turned: bool) -> None:
    """Have ready every micro-kernel that the loops will call."""
    for height, width in product(heights, {-(-w // micro.registers.lanes) for w in widths}):
        micro.need_tile(height, width * micro.registers.lanes, False)
    for width in range(micro.registers.lanes, micro.registers.strip + 1, micro.registers.lanes):
        micro.need_copy(width)
    micro.need_transpose()
    if turned:
        micro.need_gather_transpose()
    else:
        for width in {-(-w // micro.registers.lanes) * micro.registers.lanes for w in pieces}:
            micro.need_gather(width)


def _pieces(job: Job, strip: int) -> set[int]:
    """Lengths of the row pieces that strips of a job's positions fall into."""
    found, positions = set(), job.h * job.w
    for position in range(0, positions, strip):
        end = min(position + strip, positions)
        while position < end:
            n = min(job.w - position % job.w, end - position)
            found.add(n)
            position += n
    return found


def _chunk_address(kernel: Any, plan: tuple, dtype: np.dtype) -> Any:
    return address(kernel, *plan, *[np.empty(1, dtype)] * 5, 0)


def product_plan(
    source: Source,
    rows: int,
    taps: int,
    result: tuple,
    spread: tuple,
    jobs: tuple,
    dtype: np.dtype,
    threads: int,
    pack: Any = at.pack_weights,
) -> Plan:
    """The plan of ``implicit.product_chunk``: ``rows`` channels of the result in each group, weights packed by
    ``pack``."""
    micro, numbers = _begin(source, dtype == np.float64, rows, taps, spread[1])
    phases, starts = _lay_out(numbers, source, list(jobs))
    regs, item, strip = micro.registers, dtype.itemsize, micro.registers.strip
    deepest = max(source.channels * len(job.taps) for job in jobs)
    blocks = max(1, -(-deepest * item // DEPTH_BYTES))
    depth = max(1, -(-deepest // blocks))
    per_image = [-(-job.h * job.w // strip) for job in jobs]
    strips = max(1, STRIP_BYTES // (depth * strip * item))
    work = source.images * source.groups * rows * source.channels * sum(len(j.taps) * j.h * j.w for j in jobs)
    parallel = threads > 1 and work > PARALLEL_WORK
    # Small images are multiplied several at a time, unless too few blocks would be left for the threads.
    block = min(max(1, strips // max(1, *per_image)), max(1, source.images // (4 * threads if parallel else 1)))
    strips = max(1, min(strips, max(per_image) * block))
    table = np.zeros((len(jobs), at.JOB_SIZE), np.int64)
    first, weights = 0, 0
    for job, count, row in zip(jobs, per_image, table, strict=True):
        k = source.channels * len(job.taps)
        row[:] = (k, first, weights, job.h, job.w, job.row, job.col, count, -(-count * block // strips))
        first += k
        weights += source.groups * rows * k
    units = int(table[:, at.JOB_UNITS].sum())
    chunks = min(threads, -(-source.images // block) * units) if parallel else 1
    direct = len(jobs) == 1 and spread == (1, 1)
    planes = (
        0
        if numbers[at.IN_PLACE]
        else _whole_lines(block * source.groups * source.channels * int(numbers[at.CHANNEL]) + regs.lanes)
    )
    results = planes + strips * depth * strip
    size = max(results + (0 if direct else rows * strips * strip), regs.height * taps) + 16
    for key, value in {
        at.BLOCK: block,
        at.RESULT_H: result[0],
        at.RESULT_W: result[1],
        at.SPREAD_H: spread[0],
        at.SPREAD_W: spread[1],
        at.JOBS: len(jobs),
        at.UNITS: units,
        at.CHUNKS: chunks,
        at.DEPTH: depth,
        at.STRIPS: strips,
        at.SCRATCH_B: planes,
        at.SCRATCH_C: results,
        at.SCRATCH: _whole_lines(size),
    }.items():
        numbers[key] = value
    widths = {
        w for job in jobs for w in ({strip} if job.h * job.w >= strip else set()) | ({job.h * job.w % strip} - {0})
    }
    _need(micro, _heights(rows, regs.height), widths, {n for job in jobs for n in _pieces(job, strip)}, False)
    chosen = np.array([tap[0] for job in jobs for tap in job.taps], np.int64)
    arrays = numbers, starts.astype(np.int64), np.array(phases, np.int64).reshape(-1), table.reshape(-1)
    kernel, packing = (_chunk_address(k, arrays, dtype) if chunks > 1 else 0 for k in (at.product_chunk, pack))
    return Plan(
        *arrays,
        chosen,
        scratch_key(dtype, chunks * int(numbers[at.SCRATCH])),
        weights + regs.lanes,
        1,
        chunks,
        kernel,
        packing,
        _gaps(result, spread, jobs),
    )


def weight_grad_plan(source: Source, rows: int, taps: int, job: Job, dtype: np.dtype, threads: int) -> Plan:
    """The plan of ``implicit.weight_grad_chunk``."""
    micro, numbers = _begin(source, dtype == np.float64, rows, taps)
    phases, starts = _lay_out(numbers, source, [job])
    regs, item, strip = micro.registers, dtype.itemsize, micro.registers.strip
    k, positions = source.channels * taps, job.h * job.w
    most = max(1, DEPTH_BYTES // item)
    depth = -(-positions // -(-positions // most))
    all_strips = -(-k // strip)
    parts = (
        min(PARTS, source.images)
        if source.groups * rows * k <= FEW_WEIGHTS and all_strips * source.groups < PARTS
        else 1
    )
    block = max(1, min(most // depth, source.images // parts))
    depth = max(depth, block * positions) if positions <= most else depth
    threads = threads if source.images * source.groups * rows * k * positions > PARALLEL_WORK else 1
    cells = -(-threads // (parts * source.groups))
    # Each part across turns all of its rows of g, each part down all of its strips of x: the longer is cut first.
    panels = -(-rows // regs.height)
    across = min(cells, all_strips) if k >= rows else min(-(-cells // min(cells, panels)), all_strips)
    down = min(-(-cells // across), panels)
    chunks = min(threads, parts * source.groups * down * across)
    mine = -(-all_strips // across)
    strips = -(-mine // -(-mine * depth * strip * item // TURNED_BYTES))
    planes = (
        0 if numbers[at.IN_PLACE] else _whole_lines(block * source.channels * int(numbers[at.CHANNEL]) + regs.lanes)
    )
    panel = planes + strips * depth * strip
    size = panel + regs.height * depth + regs.lanes
    for key, value in {
        at.BLOCK: block,
        at.CHUNKS: chunks,
        at.DEPTH: depth,
        at.STRIPS: strips,
        at.PARTS: parts,
        at.DOWN: down,
        at.ACROSS: across,
        at.SCRATCH_B: planes,
        at.SCRATCH_C: panel,
        at.SCRATCH: _whole_lines(size),
    }.items():
        numbers[key] = value
    heights = {h for d in range(down) for h in _heights(rows * (d + 1) // down - rows * d // down, regs.height)}
    _need(micro, heights, ({strip} if k >= strip else set()) | ({k % strip} - {0}), set(), True)
    row = np.zeros(at.JOB_SIZE, np.int64)
    row[at.JOB_DEPTH], row[at.JOB_H], row[at.JOB_W] = k, job.h, job.w
    starts = np.concatenate([starts, np.zeros(regs.lanes, np.int64)])
    arrays = numbers, starts, np.array(phases, np.int64).reshape(-1), row
    kernel = _chunk_address(at.weight_grad_chunk, arrays, dtype) if chunks > 1 else 0
    return Plan(
        *arrays, np.zeros(0, np.int64), scratch_key(dtype, chunks * int(numbers[at.SCRATCH])), 0, parts, chunks, kernel
    )


def planes_plan(
    source: Source,
    rows: int,
    taps: int,
    result: tuple,
    spread: tuple,
    jobs: tuple,
    dtype: np.dtype,
    threads: int,
    weight_grad: bool = False,
) -> Plan:
    """The plan of the loops of ``depthwise``; ``starts`` also holds each tap's place among the weights."""
    micro, numbers = _begin(source, dtype == np.float64, rows, taps, spread[1])
    phases, _ = _lay_out(numbers, source, list(jobs))
    _, starts = _lay_out(numbers, source._replace(channels=1), list(jobs))
    regs = micro.registers
    table, first = np.zeros((len(jobs), at.JOB_SIZE), np.int64), 0
    parts: list[Any] = []
    for job, row in zip(jobs, table, strict=True):
        count = len(job.taps)
        row[:] = (count, 2 * first, 0, job.h, job.w, job.row, job.col, 0, 0)
        parts += [starts[first : first + count], [tap[0] for tap in job.taps]]
        first += count
    # Flat planes are read to whole vectors behind their last row.
    planes = _whole_lines(source.channels * int(numbers[at.CHANNEL]) + int(numbers[at.COLS]) + regs.lanes)
    total = _whole_lines(max(job.h for job in jobs) * int(numbers[at.COLS]) + regs.lanes)
    tasks = source.groups if weight_grad else source.images * source.groups
    work = source.images * source.groups * source.channels * rows * sum(len(job.taps) * job.h * job.w for job in jobs)
    chunks = min(threads, tasks) if work > PARALLEL_WORK else 1
    for key, value in {
        at.RESULT_H: result[0],
        at.RESULT_W: result[1],
        at.SPREAD_H: spread[0],
        at.SPREAD_W: spread[1],
        at.JOBS: len(jobs),
        at.CHUNKS: chunks,
        at.SCRATCH_B: planes,
        at.SCRATCH: planes + total,
    }.items():
        numbers[key] = value
    for width in range(regs.lanes, regs.strip + 1, regs.lanes):
        micro.need_copy(width)
    arrays = numbers, np.concatenate(parts).astype(np.int64), np.array(phases, np.int64).reshape(-1), table.reshape(-1)
    loop = depthwise.planes_weight_grad_chunk if weight_grad else depthwise.planes_chunk
    kernel = _chunk_address(loop, arrays, dtype) if chunks > 1 else 0
    return Plan(
        *arrays,
        np.zeros(0, np.int64),
        scratch_key(dtype, chunks * int(numbers[at.SCRATCH])),
        0,
        1,
        chunks,
        kernel,
        gaps=_gaps(result, spread, jobs),
    )


def pack_space(dtype: np.dtype, size: int) -> np.ndarray:
    """``size`` elements for packed weights or partial sums, until the next call."""
    return packs.take(scratch_key(dtype, size))[:size]


def pack(kernel: Any, plan: Plan, w: np.ndarray) -> np.ndarray:
    """The weights as ``kernel``, that of the plan, packs them."""
    packed = pack_space(w.dtype, plan.weights)
    arrays = plan.numbers, plan.starts, plan.chosen, plan.jobs, w, packed, w, w, scratch.take(plan.scratch)
    if plan.chunks > 1 and w.size >= SHARED_WEIGHTS:
        at.run_chunks(plan.packing, *arrays, plan.chunks)
    else:
        for chunk in range(plan.chunks):
            kernel(*arrays, chunk)
    return packed


def run(kernel: Any, plan: Plan, x: np.ndarray, w: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    """All chunks of a plan."""
    if plan.gaps:
        out.fill(0)
    arrays = plan.numbers, plan.starts, plan.phases, plan.jobs, x, w, bias, out, scratch.take(plan.scratch)
    if plan.chunks > 1:
        at.run_chunks(plan.kernel, *arrays, plan.chunks)
    else:
        kernel(*arrays, 0)
