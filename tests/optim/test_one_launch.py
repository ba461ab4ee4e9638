"""One launch for all tensors of a group: optimizers, clipping, zeros and the scaler's check."""

import copy
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import numtorch as torch
from numtorch.dispatch import update
from numtorch.kernels import launch, tables
from numtorch.ops import gradients
from numtorch.ops import optimizer as ops

SHAPES = [(7, 5), (5,), (), (0,), (3, 2, 2)]
MADE = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.01},
    "RMSprop": {"lr": 0.01},
    "Adagrad": {"lr": 0.1},
    "NAdam": {"lr": 0.01},
    "ASGD": {"lr": 0.1},
}


def parameters(shapes=SHAPES, dtype=torch.float32, seed=0):
    rng = np.random.default_rng(seed)
    made = [torch.tensor(rng.standard_normal(s).tolist(), dtype=dtype).requires_grad_() for s in shapes]
    for p in made:
        p.grad = torch.tensor(rng.standard_normal(tuple(p.shape)).tolist(), dtype=dtype).reshape(p.shape)
    return made


def bits(tensors):
    return [t.detach().numpy().tobytes() for t in tensors]


@pytest.mark.parametrize("name", MADE)
def test_a_step_is_one_row_of_a_profile_with_all_bytes(name):
    params = parameters()
    opt = getattr(torch.optim, name)(params, **MADE[name])
    opt.step()
    with torch.profiler.profile() as prof:
        opt.step()
    rows = [r for r in prof.rows if r.kind == "kernel" and r.kernel.endswith("_step/cpu/generated")]
    assert [r.calls for r in rows] == [1]
    n = sum(p.numel() for p in params)
    kept = len([k for k in opt.state[params[0]] if opt.state[params[0]][k].shape == params[0].shape])
    assert rows[0].shapes == f"n={n}"
    assert rows[0].bytes == n * 4 * (2 + kept + 1 + kept)  # all are read, and all but the gradient written


@pytest.mark.parametrize("name", MADE)
def test_a_table_gives_the_bits_of_single_tensors_for_any_number_of_threads(name):
    shapes = [(3,), (tables.CHUNK + 5,), (40, 50), (0,), (tables.CHUNK * 2,)]
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            params = parameters(shapes)
            opt = getattr(torch.optim, name)(params, **MADE[name])
            for _ in range(3):
                opt.step()
            results.append(bits(params))
        torch.set_num_threads(1)
        alone = parameters(shapes)
        for p in alone:
            opt = getattr(torch.optim, name)([p], **MADE[name])
            for _ in range(3):
                opt.step()
        results.append(bits(alone))
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2] == results[3]


def test_rows_that_share_memory_are_updated_in_turn():
    n = 3 * tables.CHUNK
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            whole = torch.arange(2.0 * n)
            rows = [whole[:n], whole[n // 2 : n // 2 + n], whole[:n]]
            grads = [torch.full((n,), 0.5), whole[n:], torch.ones(n)]
            ops.sgd_step.op.together([rows, grads, None], {"lr": 0.1})
            results.append(whole.numpy().tobytes())
        torch.set_num_threads(1)  # a row's own arrays overlap, too: their order is that of one thread
        whole = torch.arange(2.0 * n)
        for x, g in zip(
            [whole[:n], whole[n // 2 : n // 2 + n], whole[:n]],
            [torch.full((n,), 0.5), whole[n:], torch.ones(n)],
            strict=True,
        ):
            ops.sgd_step(x, g, lr=0.1)
    finally:
        torch.set_num_threads(before)
    assert results == [whole.numpy().tobytes()] * 2


def test_which_rows_are_apart():
    at = np.array([0, 100, 200, 300], np.int64)  # two rows of two columns of 4-byte elements
    assert tables.apart(at, (25, 25), [0], 4)
    assert not tables.apart(at, (26, 25), [0], 4)  # what is written of the first row reaches into the second
    assert not tables.apart(np.array([0, 100, 100, 300], np.int64), (5, 5), [0], 4)  # a row reads what another writes
    assert tables.apart(np.array([0, 100, 300, 300], np.int64), (5, 5), [0], 4)  # two read the same
    assert tables.apart(np.array([0, 100, 0, 100], np.int64), (5, 5), [0, 1], 4)  # each has its own memory twice
    assert tables.apart(np.array([0, 4, 300, 400], np.int64), (0, 5), [0], 4)


def test_one_group_of_many_kinds():
    def made():
        strided = torch.arange(6.0).reshape(2, 3).t().detach().requires_grad_()
        few = [
            torch.ones(3, requires_grad=True),
            torch.ones(3, dtype=torch.float64, requires_grad=True),
            strided,
            torch.ones(2, dtype=torch.complex64, requires_grad=True),
            torch.ones(4, requires_grad=True),
            torch.ones(3, dtype=torch.bfloat16, requires_grad=True),
        ]
        for p in few:
            p.grad = torch.full_like(p, 0.25).detach()
        few[4].grad = None
        return few

    together, alone = made(), made()
    opt = torch.optim.Adam(together, lr=0.1)
    others = [torch.optim.Adam([p], lr=0.1) for p in alone]
    for _ in range(3):
        for o in (opt, *others):
            o.step()
    assert [p.tolist() for p in together] == [p.tolist() for p in alone]
    assert together[4].tolist() == [1.0] * 4
    assert together[4] not in opt.state


def test_parameters_that_have_taken_more_steps_than_others():
    first, second = parameters([(3,), (2,)])
    late = second.grad
    second.grad = None
    a, b = copy.deepcopy(first), copy.deepcopy(second)
    a.grad = first.grad.clone()
    opt, of_a, of_b = (torch.optim.Adam(ps, lr=0.1) for ps in ([first, second], [a], [b]))
    opt.step()
    of_a.step()
    second.grad, b.grad = late, late.clone()
    for _ in range(2):
        for o in (opt, of_a, of_b):
            o.step()
    assert [opt.state[p]["step"].item() for p in (first, second)] == [3.0, 2.0]
    assert bits([first, second]) == bits([a, b])


def test_what_is_replaced_between_steps_is_found():
    (p,) = parameters([(4,)])
    opt = torch.optim.SGD([p], lr=0.5, momentum=0.5)
    opt.step()
    old = p.detach().clone()
    p.data = torch.zeros(4)
    opt.state[p]["momentum_buffer"] = torch.zeros(4)
    p.grad = torch.ones(4)
    opt.step()
    assert p.tolist() == [-0.5] * 4
    assert old.tolist() != [-0.5] * 4
    opt.load_state_dict(copy.deepcopy(opt.state_dict()))
    opt.step()
    assert p.tolist() == [-1.25] * 4


def test_written_tensors_and_no_others_get_a_new_version():
    xs, gs, ms = ([torch.ones(3), torch.ones(2)] for _ in range(3))
    for count in (1, 2):
        ops.sgd_step.op.together([xs, gs, ms], {"momentum": 0.9})
        assert [t._version for t in xs + ms] == [count] * 4
        assert [t._version for t in gs] == [0, 0]


def test_a_state_of_another_shape_is_refused_before_anything_is_written():
    xs = [torch.ones(3), torch.ones(2)]
    with pytest.raises(RuntimeError, match="gradient or state of shape"):
        ops.sgd_step.op.together([xs, [torch.ones(3), torch.ones(3)], None], {})
    assert [x.tolist() for x in xs] == [[1.0] * 3, [1.0] * 2]


def test_a_kernel_of_ones_own_takes_the_place_of_the_table():
    params = parameters([(3,), (2,)])
    with torch.kernels.use(ops.sgd_step, lambda x, *rest: x.zero_()), torch.no_grad():
        torch.optim.SGD(params).step()
    assert [p.tolist() for p in params] == [[0.0] * 3, [0.0] * 2]


def test_where_no_object_tells_its_address(monkeypatch):
    monkeypatch.setattr(tables, "WITHIN", -1)
    monkeypatch.setattr(tables, "_entry", tables._address)
    x = torch.ones(3)
    ops.sgd_step.op.together([[x], [torch.ones(3)], None], {"lr": 0.5})
    assert x.tolist() == [0.5] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, 0.0, math.inf])
def test_total_norm(order, dtype):
    tensors = [p.grad for p in parameters([(7, 5), (5,), (), (9000,)], dtype)]
    flat = np.concatenate([t.double().numpy().ravel() for t in tensors])
    if order == 0.0:  # the number of tensors that are not zero: the norm of their norms
        expected = 4.0
    else:
        expected = np.linalg.norm(flat, order)
    total = torch.nn.utils.get_total_norm(tensors, order)
    assert total.dtype is dtype
    assert total.shape == ()
    assert total.item() == pytest.approx(expected, rel={torch.float64: 1e-12, torch.float32: 1e-6}.get(dtype, 0.02))


@pytest.mark.parametrize("order", [1.0, 2.0, math.inf])
def test_total_norm_of_what_is_no_number(order):
    finite, nan, infinite = torch.tensor([1.0, -2.0]), torch.tensor([3.0, math.nan]), torch.tensor([-math.inf])
    norm = torch.nn.utils.get_total_norm
    assert math.isnan(norm([finite, nan], order).item())
    assert math.isnan(norm([finite, nan, infinite], order).item())
    assert norm([finite, infinite], order).item() == math.inf
    with pytest.raises(RuntimeError, match="non-finite"):
        norm([nan], order, error_if_nonfinite=True)


def test_total_norm_of_numbers_whose_squares_are_beyond_their_type():
    norm = torch.nn.utils.get_total_norm
    assert norm([torch.tensor([3e30]), torch.tensor([4e30])]).item() == pytest.approx(5e30)
    assert norm([torch.tensor([3e-30]), torch.tensor([4e-30])]).item() == pytest.approx(5e-30)
    assert norm([torch.tensor([3e38, 3e38])]).item() == math.inf


def test_total_norm_of_nothing():
    norm = torch.nn.utils.get_total_norm
    assert norm([]).item() == 0.0
    assert norm([torch.zeros(0), torch.tensor([3.0])]).item() == 3.0
    with pytest.raises(RuntimeError, match="norm"):  # the largest of no elements
        norm([torch.zeros(0)], math.inf)


def test_clipping_is_two_launches_for_all_gradients():
    params = parameters()
    before = [p.grad.clone() for p in params]
    with torch.profiler.profile() as prof:
        total = torch.nn.utils.clip_grad_norm_(params, 0.5)
    calls = {r.kernel: r.calls for r in prof.rows if r.kind == "kernel"}
    assert calls["scale_each/cpu/generated"] == 1
    assert sum(count for name, count in calls.items() if name.startswith("norm")) == 1
    factor = np.float32(0.5) / (np.float32(total.item()) + np.float32(1e-6))
    for p, g in zip(params, before, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g.numpy() * factor, rtol=1e-6)
        assert p.grad._version == 1
    torch.nn.utils.clip_grad_value_(params, 0.01)
    assert max(p.grad.abs().max().item() for p in params if p.numel()) == pytest.approx(0.01)


def test_limits_leave_nan_and_take_infinity():
    p = torch.zeros(4, requires_grad=True)
    p.grad = torch.tensor([math.nan, math.inf, -math.inf, 0.5])
    torch.nn.utils.clip_grad_value_([p], 1.0)
    assert math.isnan(p.grad[0].item())
    assert p.grad[1:].tolist() == [1.0, -1.0, 0.5]


def test_zeros_are_written_into_the_gradients():
    params = [*parameters(), torch.ones(2, dtype=torch.complex64, requires_grad=True)]
    params[-1].grad = torch.ones(2, dtype=torch.complex64)
    params[0].grad.fill_(math.nan)
    kept = [p.grad for p in params]
    opt = torch.optim.SGD(params)
    opt.zero_grad(set_to_none=False)
    for p, g in zip(params, kept, strict=True):
        assert p.grad is g
        assert not g.resolve_conj().numpy().any()
    assert kept[0]._version == 2
    w = torch.ones(2, requires_grad=True)
    (w * w).sum().backward(create_graph=True)
    torch.optim.SGD([w]).zero_grad(set_to_none=False)
    assert not w.grad.requires_grad


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_scaler_finds_what_is_not_finite(dtype, bad):
    params = parameters([(3,), (9000,)], dtype)
    if bad is not None:
        params[1].grad[8999] = bad
    scaler, opt = torch.amp.GradScaler("cpu", init_scale=4.0), torch.optim.SGD(params, lr=1.0)
    values, grads = [p.detach().clone() for p in params], [p.grad.clone() for p in params]
    scaler.step(opt)
    assert scaler._infinite[id(opt)] is (bad is not None)
    for p, x, g in zip(params, values, grads, strict=True):
        expected = x if bad is not None else x - g * 0.25
        assert p.tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_step_on_cuda_is_one_launch(name):
    pytest.importorskip("numba_cuda")
    with launch.compiling_for((9, 0)) as offline:
        params = [torch.zeros(n, device="cuda").requires_grad_() for n in (3, 40)]
        for p in params:
            p.grad = torch.zeros(tuple(p.shape), device="cuda")
        opt = getattr(torch.optim, name)(params, **MADE[name])
        opt.step()
        offline.launched.clear()
        opt.step()
        torch.nn.utils.clip_grad_value_(params, 1.0)
        opt.zero_grad(set_to_none=False)
    assert offline.launched == [f"{name.lower()}_step", "limit_each", "fill_each"]
    assert all(
        ".f64" not in text for (kernel, _), text in offline.ptx.items() if "_each" in kernel or "_step" in kernel
    )


PROGRAM = """
    import numtorch as torch

    def run(device):
        params = [torch.full(s, 0.5, device=device).requires_grad_() for s in ((3,), (2, 2), (9,))]
        opt = torch.optim.Adam(params, lr=0.1)
        for _ in range(2):
            for p in params:
                p.grad = torch.full(tuple(p.shape), 2.0, device=device)
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            opt.step()
        opt.zero_grad(set_to_none=False)
        assert not any(p.grad.cpu().numpy().any() for p in params)
        return [p.detach().cpu().numpy().ravel().tolist() for p in params]

    for x in sum(run(DEVICE), []):
        assert abs(x - 0.3) < 1e-5, x
    print("agreed")
"""


@pytest.mark.parametrize(
    ("variable", "device"),
    [("NUMBA_DISABLE_JIT", "cpu"), ("NUMBA_ENABLE_CUDASIM", "cuda")],
    ids=["python", "simulator"],
)
def test_tables_elsewhere(variable, device):
    if device == "cuda":
        pytest.importorskip("numba_cuda")
    p = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).replace("DEVICE", repr(device))],
        env={**os.environ, variable: "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert p.stdout.strip() == "agreed", p.stderr


def test_tables_are_chunked_by_sizes_alone():
    chunks, like = tables.chunks((tables.CHUNK + 1, 0, 2), np.dtype("f4"))
    assert chunks.reshape(3, -1).T.tolist() == [[0, 0, tables.CHUNK], [0, tables.CHUNK, 1], [2, 0, 2]]
    assert like.size == tables.CHUNK + 3
    assert gradients.finite([])
    assert isinstance(ops.sgd_step.op, update.UpdateOp)
