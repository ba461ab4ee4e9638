"""Every kernel compiles for real GPUs, on a machine without one, and float32 kernels compute in float32."""

import pytest
from places import doubles

import numtorch as torch
from numtorch.kernels import launch
from numtorch.ops import matmul_cuda

CAPABILITIES = [(8, 0), (9, 0)]

# libdevice reduces the angles of huge arguments in double precision, off the usual path.


@pytest.fixture(params=CAPABILITIES, ids=["sm_80", "sm_90"])
def compiled(request):
    with launch.compiling_for(request.param) as offline:
        yield offline


def names(offline):
    return {name.split()[0] for name, _ in offline.ptx}


def test_numbers_travel_in_the_type_that_computes(compiled):
    x = torch.ones(3, device="cuda")
    x * 2.5 + 1
    x.half() * 0.1
    x[0] = 3.0
    for _, signature in compiled.ptx:
        assert "float64" not in signature, signature


@pytest.mark.parametrize(
    "what, shape, dim, kernels",
    [
        ("sum", (1 << 20,), None, ["sum_rows"] * 2),
        ("mean", (2, 1 << 16), 1, ["mean_rows"] * 2),
        ("count_nonzero", (1 << 14, 3), 0, ["count_nonzero_columns"] * 2),
        ("amax", (512, 100), 1, ["amax_rows"]),
        ("sum", (4, 3), 0, ["sum_columns"]),
        ("argmax", (1 << 20,), None, ["extreme_columns", "extreme_parts"]),
        ("argmax", (40, 10), 1, ["extreme_columns"]),
    ],
)
def test_few_long_reductions_take_two_stages(compiled, what, shape, dim, kernels):
    x = torch.empty(shape, device="cuda")
    compiled.launched.clear()
    getattr(torch, what)(x, dim=dim)
    assert compiled.launched == kernels
    assert not doubles(compiled)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_keep_their_results_in_registers(compiled, dtype):
    for n in (16, 500, 2000):
        x = torch.empty(n, n, dtype=getattr(torch, dtype), device="cuda")
        x @ x
    assert names(compiled) >= {f"matmul_{16 * r}x{16 * r}" for r in matmul_cuda.REGISTERS}
    for (name, _), text in compiled.ptx.items():
        if name.startswith("matmul"):
            assert f"fma.rn.f{dtype[-2:]}" in text
            assert ".local" not in text, f"{name} spills"


def test_positions_beyond_32_bits(compiled):
    from numtorch.kernels.codegen import reduction
    from numtorch.kernels.codegen.elementwise import FULL, ROW, Operand, Spec, build_cuda

    op = torch.mul.op.program
    spec = Spec(
        "mul_rows",
        "rows",
        (Operand("x", torch.float32, FULL), Operand("y", torch.float32, ROW)),
        (torch.float32,),
        torch.float32,
    )
    x = torch.empty(4, device="cuda")._buf
    for numel, width in ((1 << 20, "u32"), (1 << 33, "u64")):
        build_cuda(spec, op.outputs, numel).launch(1, x, x, x, 2, 2)
        text = list(compiled.ptx.values())[-1]
        compiled.ptx.clear()
        assert f"rem.{width}" in text
    f32 = torch.float32
    for wide in (False, True):
        kernel = reduction.build_cuda(reduction.SUM, "rows", f32, f32.compute, f32, "whole", wide)
        kernel.launch_blocks(1, 32, x, x, 1, 4, 1, 1, 4, f32.compute.type(4))
    assert not doubles(compiled)
