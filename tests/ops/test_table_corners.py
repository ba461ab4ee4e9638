"""Corners that PyTorch's operator table visits: linear algebra, pooling, losses of numbers, nothing and halves."""

import numpy as np
import pytest

import numtorch as N

F = N.nn.functional


def close(x, expected, atol=1e-6):
    np.testing.assert_allclose(x.detach().numpy(), np.asarray(expected), atol=atol, rtol=1e-6)


# --- linear algebra -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [lambda x: N.linalg.norm(x, 2), lambda x: N.linalg.svdvals(x).sum() / 3], ids=["2", "mean"]
)
def test_singular_values_that_are_equal_have_gradients(f):
    x = N.zeros(3, 3, dtype=N.float64, requires_grad=True)
    f(x).backward()
    close(x.grad, np.eye(3) / 3)


def test_eigenvalues_that_are_equal_have_gradients():
    x = N.eye(3, dtype=N.float64).requires_grad_()
    N.linalg.eigvalsh(x).sum().backward()
    close(x.grad, np.eye(3))


@pytest.mark.parametrize("dtype", [N.float64, N.complex128])
def test_gradients_of_hermitian_functions_are_hermitian(dtype):
    a = np.random.default_rng(0).standard_normal((3, 3)) + (1j if dtype.is_complex else 0) * np.arange(9).reshape(3, 3)
    x = N.tensor(a, dtype=dtype, requires_grad=True)
    N.linalg.eigh(x)[1].abs()[0].sum().backward()
    close(x.grad, x.grad.mH.numpy(), 1e-12)
    assert x.grad.abs().max() > 0.01


def test_both_triangles_of_a_root_have_the_same_gradient():
    a = np.array([[4, 1 - 1j, 0], [1 + 1j, 3, 1j], [0, -1j, 5]])
    weight = N.tensor(np.random.default_rng(1).standard_normal((3, 3)) * (1 + 0.5j))
    slopes = []
    for upper in (False, True):
        x = N.tensor(a, requires_grad=True)
        root = N.linalg.cholesky(x, upper=upper)
        close((root.mH @ root) if upper else (root @ root.mH), a)
        ((root.mH if upper else root) * weight).sum().real.backward()
        slopes.append(x.grad)
    close(slopes[0], slopes[1].numpy(), 1e-12)


def test_an_upper_root_reads_only_the_upper_triangle_and_says_which_minor_is_bad():
    x = N.tensor([[4.0, 2.0], [99.0, 5.0]])
    close(N.linalg.cholesky(x, upper=True), [[2, 1], [0, 2]])
    with pytest.raises(N.linalg.LinAlgError, match="minor of order 2"):
        N.linalg.cholesky(N.tensor([[1.0, 2.0], [0.0, 1.0]]), upper=True)


def test_least_squares_are_written_and_their_residuals_are_in_the_graph():
    a = N.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    b = N.tensor([[1.0], [4.0]])
    found = N.linalg.lstsq(a, b, driver="gelsd")
    assert found.residuals.requires_grad and found.residuals.shape == (0,)
    assert not found.singular_values.requires_grad
    outs = (N.empty(2, 1), N.empty(0), N.empty((), dtype=N.int64), N.empty(0))
    assert N.linalg.lstsq(a.detach(), b, out=outs).solution is outs[0]
    close(outs[0], [[1], [2]])
    assert outs[2].item() == 2


def test_tolerances_are_tensors_too():
    x = N.diag(N.tensor([4.0, 1.0]))
    assert N.linalg.matrix_rank(x, atol=N.tensor([0.5, 2.0, 5.0])).tolist() == [2, 1, 0]
    assert N.linalg.matrix_rank(x, rtol=N.tensor(0.5)).item() == 1
    assert N.linalg.matrix_rank(N.zeros(2, 0, 0), atol=N.tensor([0.5, 1.0])).tolist() == [0, 0]
    close(N.linalg.pinv(x, rtol=N.tensor([0.5, 0.1])), [[[0.25, 0], [0, 0]], [[0.25, 0], [0, 1]]])
    assert N.linalg.pinv(N.zeros(0, 2, 3), atol=N.tensor([0.5])).shape == (0, 3, 2)
    with pytest.raises(RuntimeError, match="tolerances are real numbers"):
        N.linalg.pinv(x, rtol=N.tensor(1j))


def test_vandermonde_of_a_number():
    close(N.linalg.vander(N.tensor(2.0), N=3), [[1, 2, 4]])
    assert N.linalg.vander(N.tensor([2, 3], dtype=N.int8), N=3).tolist() == [[1, 2, 4], [1, 3, 9]]
    with pytest.raises(RuntimeError, match="N must be greater than 1"):
        N.linalg.vander(N.tensor([2.0]))
    with pytest.raises(RuntimeError, match="but got bool"):
        N.linalg.vander(N.tensor([True, False]))


def test_no_reflections_have_gradients_of_zero():
    x = N.ones(2, 2, requires_grad=True)
    y = N.linalg.householder_product(x, N.zeros(0))
    close(y, np.eye(2))
    y.sum().backward()
    assert not x.grad.any()


def test_norms_of_half_types():
    x = N.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=N.bfloat16)
    assert N.linalg.matrix_norm(x, 1).item() == 6
    assert N.linalg.norm(x, "fro").dtype is N.bfloat16
    with pytest.raises(RuntimeError, match="Low precision"):
        N.linalg.matrix_norm(x, "nuc")


# --- pooling and losses ---------------------------------------------------------------------------------


def test_means_of_volumes_of_integers_lose_their_fractions():
    x = N.tensor([[[[1, 2], [3, 5]]], [[[-1, -2], [-3, -5]]]])
    y = F.avg_pool3d(x, (1, 2, 2))
    assert y.dtype is N.int64 and y.flatten().tolist() == [2, -2]
    out = N.empty(2, 1, 1, 1)
    assert F.avg_pool3d(x.float(), (1, 2, 2), out=out) is out
    close(out.flatten(), [2.75, -2.75])


@pytest.mark.parametrize("pool", [F.adaptive_avg_pool3d, F.avg_pool3d])
def test_means_of_volumes_of_halves_are_rounded_once(pool):
    x = N.tensor(np.random.default_rng(0).standard_normal((1, 3, 4, 4, 4)), dtype=N.bfloat16)
    wide = pool(x.float(), 2)
    assert N.equal(pool(x, 2), wide.bfloat16())


def test_bags_of_halves_are_rounded_once():
    table = N.tensor(np.random.default_rng(0).standard_normal((6, 4)), dtype=N.bfloat16)
    bags = N.tensor([[0, 1, 2, 3, 4, 5]])
    weights = N.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]], dtype=N.bfloat16)
    for mode, factors in (("sum", None), ("mean", None), ("sum", weights)):
        wide = F.embedding_bag(
            bags, table.float(), mode=mode, per_sample_weights=None if factors is None else factors.float()
        )
        assert N.equal(F.embedding_bag(bags, table, mode=mode, per_sample_weights=factors), wide.bfloat16())


def test_margin_losses_of_a_number():
    x = N.tensor(0.3)
    assert F.multi_margin_loss(x, N.tensor(0)).item() == 0
    assert F.multi_margin_loss(x, N.tensor([0]), reduction="none").shape == (1,)
    assert F.multilabel_margin_loss(x, N.tensor(0)).item() == 0
    assert F.multilabel_margin_loss(N.tensor([0.3]), N.tensor(0), reduction="none").shape == ()
    with pytest.raises(RuntimeError, match="multilabel_margin_loss"):
        F.multilabel_margin_loss(N.zeros(0), N.zeros(0, dtype=N.int64))


def test_pooling_of_no_examples():
    x = N.zeros(0, 1, 2, 6, 6)
    y, at = F.max_pool3d(x, 2, return_indices=True)
    assert y.shape == at.shape == (0, 1, 1, 3, 3)
    assert F.max_unpool3d(y, at, 2).shape == x.shape
    samples = N.zeros(0, 1, 3)
    assert F.fractional_max_pool3d(x, (1, 2, 2), output_size=(1, 2, 2), _random_samples=samples).shape == (
        0,
        1,
        1,
        2,
        2,
    )


def test_batch_norm_of_nothing_has_no_channels():
    empty = N.zeros(0)
    assert F.batch_norm(empty, None, None, training=True).shape == (0,)
    assert F.batch_norm(empty, empty, empty).shape == (0,)
    with pytest.raises(RuntimeError, match="at least 2D"):
        F.batch_norm(N.zeros(3), None, None, training=True)


@pytest.mark.parametrize("scalar", [float, N.tensor], ids=["number", "scalar"])
def test_halves_are_divided_by_the_number_itself_and_rounded(scalar):
    for dtype, found, trunc, floor in (
        (N.bfloat16, [1.0, 3, 0.7, -2], [10, 30, 6, -20], [9, 29, 6, -20]),
        (N.float16, [1.0, 3, 0.7, -2], [10, 30, 7, -20], [9, 29, 7, -20]),
    ):
        x = N.tensor(found, dtype=dtype)
        assert N.div(x, scalar(0.1), rounding_mode="trunc").tolist() == trunc
        assert N.div(x, scalar(0.1), rounding_mode="floor").tolist() == floor
        assert N.floor_divide(x, scalar(0.1)).tolist() == floor
        assert x.clone().floor_divide_(scalar(0.1)).tolist() == floor
    assert (0.1 // N.tensor([0.1], dtype=N.bfloat16)).tolist() == [1.0]  # the number that is divided is rounded


def test_images_of_bytes_are_resampled_by_weights_of_16_bits():
    x = N.tensor([[[[10, 20, 255], [0, 30, 7]]]], dtype=N.uint8)
    for mode, antialias, expected in (  # what PyTorch 2.13 gives
        ("bilinear", False, [[10, 14, 20, 161, 255], [5, 13, 25, 89, 131], [0, 12, 30, 16, 7]]),
        ("bicubic", False, [[10, 0, 19, 178, 255], [5, 7, 25, 92, 130], [0, 14, 31, 5, 0]]),
        ("bicubic", True, [[10, 2, 19, 183, 255], [5, 8, 25, 95, 130], [0, 13, 31, 6, 0]]),
    ):
        y = F.interpolate(x, size=(3, 5), mode=mode, antialias=antialias)
        assert y.dtype is N.uint8 and y[0, 0].tolist() == expected
    y = F.interpolate(x, size=(2, 5), mode="bilinear", align_corners=True)
    assert y[0, 0].tolist() == [[10, 15, 20, 138, 255], [0, 15, 30, 19, 7]]


# --- narrow types; all values are PyTorch's -------------------------------------------------------------


def test_positions_of_a_narrow_type_are_found_in_64_bits():
    rows, columns = N.unravel_index(N.tensor([200, 7], dtype=N.uint8), (300, 5))
    assert rows.tolist() == [40, 1] and columns.tolist() == [0, 2] and rows.dtype is columns.dtype is N.int64


def test_a_contraction_that_only_sums_keeps_the_type_of_integers():
    y = N.tensordot(N.tensor([[1, 2], [3, 4]], dtype=N.int8), N.tensor([[5]], dtype=N.int8), dims=([1], [0]))
    assert y.dtype is N.int8 and y.tolist() == [[15], [35]]


def test_a_scalar_has_a_dimension_to_hash():
    assert N.hash_tensor(N.tensor(3.0), 0).item() == 4613937818241073152
    assert N.hash_tensor(N.tensor(3), (0,)).item() == 3 and N.hash_tensor(N.tensor(3), 0, keepdim=True).shape == ()


def test_intervals_of_halves_are_chosen_by_halves():
    x = N.arange(24).to(N.bfloat16) / 7
    assert N.histc(x, 10).tolist() == [3, 2, 2, 3, 2, 2, 3, 2, 2, 3]
    assert N.histc(x, 7, 0, 3).tolist() == [3, 3, 3, 3, 3, 3, 4]
    assert N.histc(N.arange(60).to(N.float16) / 7, 13).tolist() == [5, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 5]


def test_the_gradient_of_softmax_of_halves_is_rounded_once():
    out, g = N.softmax(N.arange(5).float() / 3, 0).half(), (N.arange(5).half() - 2) * 3.3
    close(N._softmax_backward_data(g, out, 0, N.float16), [-0.8013, -0.6943, -0.3770, 0.3005, 1.5723], 1e-3)


def test_a_shifted_polynomial_of_bytes_does_not_wrap():
    x = N.tensor([0, 1, 250], dtype=N.uint8)
    close(N.special.shifted_chebyshev_polynomial_t(x, 2), [1, 1, 498001])


def test_negative_multiples_of_bytes_wrap_in_plain_python_too():
    x = N.tensor([1, 2, 250], dtype=N.uint8)
    with np.errstate(over="ignore"):
        assert N.add(x, x, alpha=-3).tolist() == [254, 252, 12]
        assert N.rsub(x, 5, alpha=-2).tolist() == [7, 9, 249] and (x + -3).tolist() == [254, 255, 247]
