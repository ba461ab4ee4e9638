"""The micro-kernels as assembly, for this and other processors: vectors of the right length, and nothing spilled.

A tile whose sums do not stay in registers is several times slower and just as correct, so only this shows it.
"""

import os
import re

import pytest

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled")

# Architecture -> triple, processor, features; vector length; what a product of vectors and the stack look like.
X86 = "x86_64-unknown-linux-gnu"
TARGETS = {
    "avx512": (X86, "x86-64-v4", "-prefer-256-bit", 512, r"vfmadd\w+p[sd]\s.*%zmm", r"\(%rsp"),
    "avx2": (X86, "x86-64-v3", "", 256, r"vfmadd\w+p[sd]\s.*%ymm", r"\(%rsp"),
    "neon": ("aarch64-unknown-linux-gnu", "neoverse-n1", "", 128, r"fmla\s+v\d+\.", r"\[(sp|x29)"),
}
PAIRS = {
    "avx512bf16": (X86, "znver4", "-prefer-256-bit", 512, r"vdpbf16ps\s.*%zmm", r"\(%rsp"),
    "arm bf16": ("aarch64-unknown-linux-gnu", "neoverse-v1", "", 128, r"bfdot\s+v\d+\.", r"\[(sp|x29)"),
}


def assembly(triple, cpu, features, double, lanes, height, vectors, by_rows, pairs=False):
    """One tile, as LLVM compiles it for a processor."""
    from numtorch.kernels.jit import numba

    numba()
    from numtorch.kernels.gemm.calls import TILE_TYPE
    from numtorch.kernels.gemm.microkernel import build_tile

    return compiled(
        triple, cpu, features, TILE_TYPE, lambda fn: build_tile(fn, double, lanes, height, vectors, by_rows, pairs)
    )


def compiled(triple, cpu, features, function_type, build):
    """One function that ``build`` writes, as LLVM compiles it for a processor."""
    import llvmlite.binding as llvm
    from llvmlite import ir

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module("tile")
    module.triple = triple
    build(ir.Function(module, function_type, "tile"))
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, opt=3)
    parsed = llvm.parse_assembly(str(module))
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_assembly(parsed)


def inner_loop(text, product):
    """The instructions of the loop of one block with the most products; of two, that which reads no vector by a
    mask."""
    lines = [re.split(r"\s(?:#|//)", line)[0].strip() for line in text.splitlines()]
    best, start = [], 0
    for i, line in enumerate(lines):
        if re.fullmatch(r"\.\w+:", line):
            start = i
        elif re.fullmatch(rf"(?:j\w+|b\.\w+|cbnz\s+\w+,)\s+{re.escape(lines[start][:-1])}", line):
            best = max(best, lines[start + 1 : i], key=lambda body: (count(body, product), -count(body, "vmaskmov")))
    return best


def count(body, instruction):
    return sum(bool(re.match(instruction, line)) for line in body)


def spills(body, stack):
    """Instructions that move vectors to or from the stack; a counter there costs nothing."""
    return [line for line in body if re.search(stack, line) and re.search(r"%[xyz]mm\d|\b[qd]\d", line)]


def check(target, double, by_rows, pairs=False):
    from numtorch.kernels.gemm.microkernel import UNROLL
    from numtorch.kernels.gemm.variants import tile_for

    triple, cpu, features, bits, product, stack = target
    tile = tile_for(triple.startswith(("aarch64", "arm64")), bits, double)
    text = assembly(triple, cpu, features, double, tile.lanes, tile.height, tile.vectors, by_rows, pairs)
    body = inner_loop(text, product)
    assert count(body, product) == UNROLL * tile.height * tile.vectors
    assert spills(body, stack) == []


@pytest.mark.parametrize("by_rows", [False, True], ids=["by columns", "by rows"])
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("name", TARGETS)
def test_sums_stay_in_registers(name, double, by_rows):
    check(TARGETS[name], double, by_rows)


@pytest.mark.parametrize("by_rows", [False, True], ids=["by columns", "by rows"])
@pytest.mark.parametrize("name", PAIRS)
def test_sums_of_pairs_stay_in_registers(name, by_rows):
    check(PAIRS[name], False, by_rows, pairs=True)


@pytest.mark.parametrize("name", PAIRS)
def test_sums_are_narrowed_by_the_processor(name):
    """LLVM has other ways to round to bfloat16, of a dozen instructions each."""
    from numtorch.kernels.jit import numba

    numba()
    from numtorch.kernels.gemm.calls import BLOCK_TYPE
    from numtorch.kernels.gemm.microkernel import build_narrow_rows

    triple, cpu, features, bits, *_ = PAIRS[name]
    text = compiled(triple, cpu, features, BLOCK_TYPE, lambda fn: build_narrow_rows(fn, False, bits // 32))
    assert re.search(r"\tvcvtneps2bf16\s.*%zmm|\tbfcvtn\s", text)


def test_spills_are_seen():
    """More sums than registers: what the tests above would fail for."""
    triple, cpu, features, _, product, stack = TARGETS["avx2"]
    body = inner_loop(assembly(triple, cpu, features, False, 8, 12, 2, False), product)
    assert spills(body, stack)
