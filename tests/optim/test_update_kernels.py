"""The optimizers' update ops: kernels against bodies, on every layout and device that has one."""

import inspect
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import numtorch
from numtorch.dispatch.binding import optional
from numtorch.dispatch.op import OPS
from numtorch.dispatch.update import UpdateOp
from numtorch.kernels import launch, registry
from numtorch.ops import optimizer as ops

FORMS = [
    (ops.sgd_step, 2, {"lr": 0.1}),
    (ops.sgd_step, 2, {"lr": 0.1, "weight_decay": 0.1, "decay": True, "maximize": True}),
    (ops.sgd_step, 3, {"lr": 0.1, "momentum": 0.9, "gain": 0.7, "maximize": True}),
    (ops.sgd_step, 3, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "decay": True}),
    (ops.adam_step, 4, {}),
    (ops.adam_step, 4, {"decoupled": True, "shrink": 0.99, "maximize": True}),
    (ops.adam_step, 5, {"weight_decay": 0.1, "decay": True, "root": 0.3}),
    (ops.rmsprop_step, 3, {}),
    (ops.rmsprop_step, 4, {"momentum": 0.9, "weight_decay": 0.1, "decay": True}),
    (ops.rmsprop_step, 5, {"momentum": 0.9, "maximize": True}),
]
# Updates of which nothing more is said: with all tensors, and with those alone that are always there.
FORMS += [
    (op.call, count, {})
    for op in OPS.values()
    if isinstance(op, UpdateOp) and op.call not in {f[0] for f in FORMS}
    for count in {len(op.tensors), len(op.tensors) - len(optional(op))}
]


def operands(count, shape, dtype, device="cpu"):
    rng = np.random.default_rng(3)
    values = [rng.uniform(0.5, 1.5, shape) for _ in range(count)]
    values[-1] = values[-1] * 0.1  # so that a centered second moment stays positive
    return [numtorch.tensor(v.tolist(), dtype=dtype, device=device) for v in values]


@pytest.mark.parametrize("dtype", [numtorch.float32, numtorch.float64])
@pytest.mark.parametrize(("op", "count", "options"), FORMS)
@pytest.mark.parametrize("shape", [(37,), (3, 5), (), (0,), (200, 300)])
def test_kernels_compute_what_the_body_says(op, count, options, dtype, shape):
    if len(shape) == 2 and shape[0] == 200 and dtype is numtorch.float64 and op is not ops.adam_step:
        shape = (41, 3)  # one op is enough to prove the threaded kernel in double
    fast, slow = operands(count, shape, dtype), operands(count, shape, dtype)
    assert op(*fast, **options) is fast[0]
    with registry.bodies_only():
        op(*slow, **options)
    for x, y in zip(fast, slow, strict=True):
        single = dtype is numtorch.float32
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-5 if single else 1e-12, atol=1e-6 if single else 1e-14)


@pytest.mark.parametrize(("op", "count", "options"), FORMS)
def test_layouts_agree(op, count, options):
    flat = operands(count, (4, 6), numtorch.float32)
    strided = [t.t().contiguous().t() for t in operands(count, (4, 6), numtorch.float32)]
    op(*flat, **options)
    op(*strided, **options)
    for x, y in zip(flat, strided, strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-5, atol=1e-6)


def test_written_tensors_and_no_others_get_a_new_version():
    tensors = operands(5, (3,), numtorch.float32)
    for _ in range(2):
        before = [t._version for t in tensors]
        ops.adam_step(*tensors)
        assert [t._version - b for t, b in zip(tensors, before, strict=True)] == [1, 0, 1, 1, 1]
    strided = [t[::2] for t in operands(3, (8,), numtorch.float32)]
    ops.sgd_step(*strided)
    assert [t._version for t in strided] == [1, 0, 1]


def test_the_text_that_runs_is_one_loop_in_place():
    text = numtorch.kernels.source(ops.sgd_step, *operands(3, (2,), numtorch.float32), momentum=0.9, nesterov=True)
    assert text.startswith("def sgd_step(x_, g_, m_, lr_, momentum_")
    assert text.count("for ") == 1
    assert "x_[i] = " in text
    assert "g_[i] = " not in text
    assert "def sgd_step" in numtorch.kernels.source(ops.sgd_step)
    assert "-> generated (cpu" in numtorch.kernels.explain(ops.sgd_step, *operands(2, (2,), numtorch.float32))


def test_measured_time_is_the_loops():
    tensors = operands(4, (50,), numtorch.float32)
    with numtorch.profiler.profile() as prof:
        ops.adam_step(*tensors)
        ops.adam_step(*[t[::2] for t in tensors])
    rows = [r for r in prof.rows if r.kind == "kernel"]
    assert {r.kernel for r in rows} == {"adam_step/cpu/generated"}
    assert sum(r.calls for r in rows) == 2
    (row,) = [r for r in rows if r.shapes == "n=50"]
    assert row.bytes == 50 * 4 * (4 + 3)  # x, g, m, v are read, all but g written


@pytest.mark.parametrize(("op", "count", "options"), FORMS[:1])
def test_a_kernel_of_ones_own_can_take_its_place(op, count, options):
    tensors = operands(count, (3,), numtorch.float32)
    with numtorch.kernels.use(op, lambda x, *rest: x.zero_()):
        op(*tensors, **options)
    assert tensors[0].tolist() == [0, 0, 0]
    op(*tensors, **options)
    assert tensors[0].tolist() != [0, 0, 0]


def test_mixed_types_run_the_body():
    x, g = numtorch.ones(3), numtorch.ones(3, dtype=numtorch.float64)
    assert ops.sgd_step(x, g, lr=0.5).tolist() == [0.5] * 3
    assert x.dtype is numtorch.float32


def test_shapes_must_agree():
    with pytest.raises(RuntimeError, match="gradient or state of shape"):
        ops.sgd_step(numtorch.ones(3), numtorch.ones(2))
    with pytest.raises(RuntimeError, match="gradient or state of shape"):
        ops.sgd_step(numtorch.ones(4, 2), numtorch.ones(2, 4))


def test_meta_tensors_have_only_shapes():
    x, g, m, v = (numtorch.empty(3, device="meta") for _ in range(4))
    assert ops.adam_step(x, g, m, v) is x


@pytest.mark.parametrize("dtype", [numtorch.float32, numtorch.float16, numtorch.bfloat16])
@pytest.mark.parametrize(("op", "count", "options"), FORMS)
def test_cuda_kernels_compile_without_a_double(op, count, options, dtype):
    pytest.importorskip("numba_cuda")
    with launch.compiling_for((9, 0)) as offline:
        tensors = [numtorch.empty(64, dtype=dtype, device="cuda") for _ in range(count)]
        op(*tensors, **options)
    assert offline.ptx
    assert all(".f64" not in text for text in offline.ptx.values())


def test_advance_counts():
    step = numtorch.zeros(())
    assert [ops.advance(step), ops.advance(step)] == [1.0, 2.0]
    assert step.item() == 2
    assert step._version == 2
    half = numtorch.zeros((), dtype=numtorch.float16)
    assert ops.advance(half) == 1.0


def test_every_flag_is_a_way_to_choose():
    for op in (ops.sgd_step, ops.adam_step, ops.rmsprop_step):
        flags = [p.name for p in inspect.signature(op.op.body).parameters.values() if p.annotation == "bool"]
        assert list(op.op.select) == flags


SIMULATED = """
    import io
    import numpy as np
    import numtorch as torch
    from test_update_kernels import FORMS, operands

    for op, count, options in FORMS:
        for shape in ((5,), (2, 3)):
            here, there = operands(count, shape, torch.float32), operands(count, shape, torch.float32, "cuda")
            if len(shape) == 2:
                here[-1], there[-1] = (t.t().contiguous().t() for t in (here[-1], there[-1]))
            op(*here, **options)
            op(*there, **options)
            for x, y in zip(here, there, strict=True):
                np.testing.assert_allclose(y.cpu().numpy(), x.numpy(), rtol=1e-5, atol=1e-6)

    w = torch.ones(3, device="cuda", requires_grad=True)
    opt = torch.optim.Adam([w], amsgrad=True)
    w.grad = torch.ones(3, device="cuda")
    opt.step()
    state = opt.state[w]
    assert state["step"].device.type == "cpu" and state["exp_avg"].device.type == "cuda"
    f = io.BytesIO()
    torch.save({"w": w, "tied": w.detach(), "opt": opt.state_dict()}, f)
    f.seek(0)
    back = torch.load(f)
    assert back["w"].device == w.device and back["w"].requires_grad and not back["tied"].requires_grad
    assert back["w"].tolist() == back["tied"].tolist() == w.tolist()
    back["tied"].zero_()
    assert back["w"].tolist() == [0, 0, 0]
    opt.load_state_dict(back["opt"])
    opt.step()
    f.seek(0)
    assert torch.load(f, map_location="cpu")["opt"]["state"][0]["exp_avg"].device.type == "cpu"
    print("agreed")
"""


def test_simulated_cuda_agrees_with_the_cpu():
    pytest.importorskip("numba_cuda")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.path.dirname(__file__)}
    p = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SIMULATED)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert p.stdout.strip() == "agreed", p.stderr


def test_kernels_run_as_plain_python():
    code = """
        from test_update_kernels import FORMS, operands
        import numtorch, numpy as np
        from numtorch.kernels import registry
        for op, count, options in FORMS:
            fast, slow = operands(count, (3,), numtorch.float32), operands(count, (3,), numtorch.float32)
            op(*fast, **options)
            with registry.bodies_only():
                op(*slow, **options)
            for x, y in zip(fast, slow, strict=True):
                np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-5, atol=1e-6)
        print("agreed")
    """
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.path.dirname(__file__)}
    p = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert p.stdout.strip() == "agreed", p.stderr


@pytest.mark.parametrize(("op", "count", "options"), FORMS)
def test_results_do_not_depend_on_the_number_of_threads(op, count, options):
    before, results = numtorch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            numtorch.set_num_threads(threads)
            tensors = operands(count, (40003,), numtorch.float32)
            op(*tensors, **options)
            results.append([t.numpy().tobytes() for t in tensors])
    finally:
        numtorch.set_num_threads(before)
    assert results[0] == results[1] == results[2]
