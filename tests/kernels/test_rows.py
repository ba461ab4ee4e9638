"""Row formulas: their passes, what they compute on any geometry, what they refuse, and a user's own op."""

import numpy as np
import pytest

import numtorch as torch
from numtorch.autograd import gradcheck, gradgradcheck
from numtorch.dispatch.op import OPS, op
from numtorch.dispatch.rows import RowFormula
from numtorch.kernels import bodies_only, explain, launch, source
from numtorch.kernels.codegen.expr import Untraceable, symbol
from numtorch.kernels.registry import ENTRIES, watched
from numtorch.ops.reduction import dropped, sum_to

pytestmark = pytest.mark.usefixtures("scratch_registry")
SHAPES = [((4, 9), 1), ((3, 300), -1), ((2, 7, 5), 1), ((130, 3), 0), ((2, 3, 4), (1, 2)), ((70, 2, 33), 1), ((), 0)]


@op(rows="dim", public=False, samples=lambda: [((3, 4), 1)])
def spread_of_rows(x, dim: int, eps: float = 0.5):
    """Exponentials of what lies above the mean, over the largest; three reductions, two of which need no other."""
    e = torch.exp(x - torch.mean(x, dim, keepdim=True)) * torch.amin(x, dim, keepdim=True)
    return e / (torch.sum(torch.abs(e), dim, keepdim=True) + eps)


@op(rows="dim", public=False, samples=lambda: [((3, 4), (4,), 1)])
def weighted_rows(x, w, dim: int):
    """Each row over its length, times a weight."""
    return x * torch.rsqrt(torch.mean(x * x, dim, keepdim=True)) * w


@op(rows="dim", public=False, samples=lambda: [((3, 4), 1)])
def root_of_squares(x, dim: int, keepdim: bool = False):
    """One number for each row."""
    return dropped(torch.sqrt(torch.sum(x * x, dim, keepdim=True)), (dim,), keepdim)


@op(rows="dim", public=False, samples=lambda: [((3, 4), 1)])
def masked_softmax(x, mask, dim: int):
    """Softmax of the elements that a mask chooses."""
    s = torch.where(mask, x, float("-inf"))
    e = torch.exp(s - torch.amax(s, dim, keepdim=True))
    return e / torch.sum(e, dim, keepdim=True)


@masked_softmax.vjp
def _(g, mask, *, out, dim):
    return out * (g - torch.sum(g * out, dim, keepdim=True)), None


@op(rows="dim", public=False, samples=lambda: [((3, 4), (4,), 1)])
def scaled_rows(x, w, dim: int):
    """Each row over the root of its mean square and 1, times a weight."""
    return x * torch.rsqrt(torch.mean(x * x, dim, keepdim=True) + 1) * w


@scaled_rows.vjp
def _(g, x, w, w_shape, *, dim, needs):
    scale = torch.rsqrt(torch.mean(x * x, dim, keepdim=True) + 1)
    slope = torch.mean(g * w * x, dim, keepdim=True) * scale * scale
    return (g * w - x * slope) * scale if needs[0] else None, sum_to(g * x * scale, w_shape) if needs[1] else None


@op(rows="dim", public=False, samples=lambda: [((3, 4), 1)])
def careful_length(x, dim: int):
    """Each row over its length, whose squares are of shares of the largest where they leave the numbers."""
    square = torch.sum(x * x, dim, keepdim=True)
    beyond = torch.logical_not(torch.isfinite(square))
    top = torch.where(beyond, torch.amax(torch.abs(x), dim, keepdim=True), 1.0)
    share = x / top
    return share * torch.rsqrt(torch.where(beyond, torch.sum(share * share, dim, keepdim=True), square))


for _op in (spread_of_rows, weighted_rows, root_of_squares, masked_softmax, scaled_rows, careful_length):
    for _table in (OPS, ENTRIES):  # those of the package have tests of their own
        for _name in [n for n in _table if n.partition(".")[0] == _op.op.name]:
            del _table[_name]


def filled(shape, dtype=torch.float32, seed=0):
    return torch.from_numpy(np.asarray(np.random.default_rng(seed).standard_normal(shape))).to(dtype)


def chosen(f, *args):
    return explain(f, *args).split("-> ")[1].split(" ")[0]


def same(f, *args, rtol=2e-6):
    with bodies_only():
        expected = f(*args)
    made = f(*args)
    assert made.shape == expected.shape and made.dtype is expected.dtype
    np.testing.assert_allclose(made.numpy(), expected.numpy(), rtol, 1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("shape", "dim"), SHAPES, ids=str)
def test_kernels_compute_the_body(shape, dim, dtype):
    x = filled(shape, dtype)
    assert chosen(spread_of_rows, x, dim) == "rows"
    same(spread_of_rows, x, dim)
    same(spread_of_rows, x, dim, 2.0)
    if len(shape) == 3:
        same(spread_of_rows, x.transpose(0, 2), 1)


def test_one_kernel_serves_all_numbers_and_shapes():
    texts = {source(spread_of_rows, filled((n, 9)), 1, eps) for n in (2, 3) for eps in (0.5, 0.25)}
    assert len(texts) == 1


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_computed_in_float32(half):
    x = filled((5, 40), half)
    expected = spread_of_rows(x.float(), 1).to(half)
    np.testing.assert_array_equal(spread_of_rows(x, 1).float().numpy(), expected.float().numpy())


def test_a_weight_varies_along_the_row():
    x, w = filled((6, 10)), filled((10,), seed=1)
    assert chosen(weighted_rows, x, w, 1) == "rows" and "w_[j]" in source(weighted_rows, x, w, 1)
    same(weighted_rows, x, w, 1)
    same(weighted_rows, x, filled((6, 1), seed=1), 1)  # one number for each row
    same(weighted_rows, x, filled((6, 1), seed=1), 0)  # now that of a column's row
    same(weighted_rows, filled((1, 10)), w, 1)
    square = filled((5, 5))
    same(weighted_rows, square, filled((5,), seed=2), 1)
    same(weighted_rows, square, filled((5,), seed=2), 0)
    assert chosen(weighted_rows, filled((2, 3, 4)), filled((3, 4)), 2) == "body"  # neither a row's nor a number of one
    same(weighted_rows, filled((2, 3, 4)), filled((3, 4)), 2)


def gradients(shape, w_shape, dim, dtype=torch.float32):
    x, w = filled(shape, dtype).requires_grad_(), filled(w_shape, dtype, 1).requires_grad_()
    scaled_rows(x, w, dim).backward(filled(shape, dtype, 2))
    return x.grad.numpy(), w.grad.numpy()


WEIGHTED = [((6, 10), (10,), 1), ((70, 300), (300,), 1), ((4, 7, 5), (7, 1), 1), ((3, 4, 700), (1, 4, 1), 1)]
WEIGHTED += [((300, 40), (300, 1), 0), ((1, 20), (1, 20), 1), ((2, 3, 40), (3, 40), (1, 2)), ((9, 5000), (5000,), 1)]


WEIGHTED = [(*w, torch.float32) for w in WEIGHTED] + [(*w, torch.float64) for w in WEIGHTED[1::3]]  # of one template


@pytest.mark.parametrize(("shape", "w_shape", "dim", "dtype"), WEIGHTED, ids=str)
def test_gradients_of_weights_are_added_up_over_the_rows(shape, w_shape, dim, dtype):
    with bodies_only():
        wanted = gradients(shape, w_shape, dim, dtype)
    with watched() as seen:
        made = gradients(shape, w_shape, dim, dtype)
    assert {d.kernel.name for d in seen if d.entry is scaled_rows.op.gradient.entry} == {"rows"}
    for got, want in zip(made, wanted, strict=True):
        np.testing.assert_allclose(got, want, 3e-5, 3e-5)


@pytest.mark.parametrize(("shape", "w_shape", "dim"), [((3000, 40), (40,), 1), ((20, 30, 64), (30, 1), 1)], ids=str)
def test_sums_over_rows_do_not_depend_on_threads(shape, w_shape, dim):
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(gradients(shape, w_shape, dim))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_sum_over_rows_has_the_shape_of_a_row():
    with bodies_only():
        wanted = gradients((4, 3, 5), (4, 3, 1), 2)
    np.testing.assert_allclose(gradients((4, 3, 5), (4, 3, 1), 2)[1], wanted[1], 1e-5)
    with pytest.raises(Untraceable, match="not elementwise"):
        sum_to(symbol("x"), (3,))


@pytest.mark.parametrize("layout", [((50, 7), 1), ((9, 3000), 1), ((30, 200), 0), ((3, 20, 6), 1)], ids=str)
@pytest.mark.parametrize("huge", [False, True])
def test_a_guarded_pass_runs_for_the_rows_that_need_it(layout, huge):
    shape, dim = layout
    x = filled(shape)
    if huge:
        x.select(1 - dim if len(shape) == 2 else 0, 2).mul_(1e37)
    y = careful_length(x, dim).numpy()
    wide = x.double().numpy()
    np.testing.assert_allclose(y, wide / np.sqrt((wide * wide).sum(dim, keepdims=True)), 3e-6)
    assert "wrong > 0" in source(careful_length, x, dim)


def test_a_mask_keeps_its_type():
    x = filled((6, 10), torch.float64).requires_grad_()
    mask = filled((6, 10), seed=3) > -0.5
    same(masked_softmax, x.detach(), mask, 1)
    y = masked_softmax(x, mask, 1)
    assert gradcheck(lambda x: masked_softmax(x, mask, 1), (x,)) and not y[~mask].any()
    assert gradgradcheck(lambda x: masked_softmax(x, mask, 1), (x,))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_results_with_one_number_for_each_row(dim, keepdim):
    x = filled((3, 5, 4))
    same(root_of_squares, x, dim, keepdim)
    assert root_of_squares(torch.empty(3, 5, 4, device="meta"), dim, keepdim).shape == x.sum(dim, keepdim).shape


def test_nan_is_the_largest_of_its_row_alone():
    x = filled((4, 200))
    x[1, 77] = float("nan")
    for dim in (0, 1):
        y = torch.softmax(x, dim).isnan().any(dim)
        assert y.sum().item() == 1 and y[77 if dim == 0 else 1].item()


def test_what_no_row_formula_is_runs_op_by_op():
    @op(rows="dim", public=False, name="sorted_rows", samples=lambda: [((3, 4), 1)])
    def sorted_rows(x, dim: int):
        return torch.sort(x, dim)[0] - torch.amax(x, dim, keepdim=True)

    @op(rows="dim", public=False, name="other_dimension", samples=lambda: [((3, 4), 1)])
    def other_dimension(x, dim: int):
        return x - torch.amax(x, 0, keepdim=True)

    @op(rows="dim", public=False, name="lost_dimension", samples=lambda: [((3, 3), 1)])
    def lost_dimension(x, dim: int):
        return x - torch.amax(x, dim)  # of a square this broadcasts along the rows

    x = filled((4, 4))
    for f, expected in [
        (sorted_rows, x.sort(1)[0] - x.amax(1, True)),
        (other_dimension, x - x.amax(0, True)),
        (lost_dimension, x - x.amax(1)),
    ]:
        assert chosen(f, x, 1) == "body"
        np.testing.assert_array_equal(f(x, 1).numpy(), expected.numpy())
    with pytest.raises(IndexError):
        spread_of_rows(x, 2)


def test_truth_values_keep_their_types():
    @op(rows="dim", public=False, name="above_the_mean", differentiable=False, samples=lambda: [((3, 4), 1)])
    def above_the_mean(x, dim: int):
        return x > torch.mean(x, dim, keepdim=True)

    @op(rows="dim", public=False, name="count_positive", differentiable=False, samples=lambda: [((3, 4), 1)])
    def count_positive(x, dim: int):
        return torch.sum(x > 0, dim, keepdim=True)

    x = filled((4, 5))
    assert above_the_mean(x, 1).dtype is torch.bool and count_positive(x, 1).dtype is torch.int64


def test_a_formula_may_branch_on_its_numbers():
    @op(rows="dim", public=False, name="branching", samples=lambda: [((3, 4), 1)])
    def branching(x, dim: int, p: float = 2.0):
        shares = x * x if p == 2 else torch.abs(x) if p == 1 else torch.abs(x) * p
        return shares / torch.sum(shares, dim, keepdim=True)

    x = filled((4, 5))
    for p in (2.0, 1.0, 3.0):
        assert chosen(branching, x, 1, p) == "rows"
        same(branching, x, 1, p)
    assert "abs" in source(branching, x, 1, 1.0) and "abs" not in source(branching, x, 1, 2.0)


def test_numbers_of_rows_may_need_each_other_and_costly_functions():
    @op(rows="dim", public=False, name="chained_numbers", samples=lambda: [((3, 4), 1)])
    def chained_numbers(x, dim: int):
        top = torch.amax(torch.abs(x), dim, keepdim=True) + 1
        double = top * 2
        height = torch.log(double) + 3  # costly, of a number that the elements need too
        return torch.pow(torch.abs(x) + 1, height) / double + height * torch.exp(x - top)

    for shape, dim in (((5, 9), 1), ((3, 300), 1), ((2, 7, 5), 1)):
        same(chained_numbers, filled(shape), dim, rtol=2e-5)


def test_operands_may_be_called_as_the_loops_call_theirs():
    @op(rows="dim", public=False, name="awkward_names", samples=lambda: [((3, 4), (4,), (4,), 1)])
    def awkward_names(a1, m, rows, dim: int, plan: float = 2.0):
        return (a1 - torch.mean(a1, dim, keepdim=True)) * m + rows * plan

    for shape, dim in (((3, 4), 1), ((3, 4, 2), 1)):
        x = filled(shape)
        same(awkward_names, x, x + 1, x + 2, dim)


def test_passes_are_as_few_as_the_reductions_allow():
    def passes(f, *args):
        names = [*f.op.tensors, *[n for n, _ in f.op.params]]
        made = RowFormula(f.op.name, f.op.body, names, len(names), "dim").traced(list(args))
        return len(made.writer.formula.passes)

    x = filled((3, 4))
    assert passes(torch.softmax, x, 1, None) == 3
    assert passes(root_of_squares, x, 1, True) == 1
    assert passes(weighted_rows, x, filled((4,)), 1) == 2
    assert passes(spread_of_rows, x, 1, 0.5) == 3  # the mean and the minimum share one


def test_the_text_of_the_kernel():
    text = source(root_of_squares, filled((3, 4)), 1)
    assert (
        text
        == """\
def root_of_squares_rows(x_, out0, rows, n):
    count = float32(n)
    for i in prange(rows):
        x_row = x_[i * n : (i + 1) * n]
        a1 = float32(0)
        for j in range(n):
            x = x_row[j]
            t1 = x * x
            a1 = plus(a1, t1)
        s1 = a1
        t2 = sqrt(s1)
        s2 = t2
        out0[i] = s2
"""
    )


@pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
def test_cuda_kernels_compile(capability):
    pytest.importorskip("numba_cuda")
    with launch.compiling_for(capability) as offline:
        for dtype in (torch.float32, torch.float64):
            x = torch.empty(3, 5, 4, dtype=dtype, device="cuda")
            spread_of_rows(x, 1)
            root_of_squares(x, 2)
            weighted_rows(x, torch.empty(4, dtype=dtype, device="cuda"), 2)
            careful_length(x, 1)
            w = torch.empty(4, dtype=dtype, device="cuda", requires_grad=True)
            scaled_rows(x, w, 2).sum().backward()
    names = {name.split()[0] for name, _ in offline.ptx}
    assert {"spread_of_rows_blocks", "root_of_squares_blocks", "weighted_rows_blocks"} <= names
    assert {"careful_length_blocks", "scaled_rows_blocks_backward", "scaled_rows_sums_backward"} <= names
    assert not [key for key, text in offline.ptx.items() if ".f64" in text and "float64" not in "".join(key)]
