"""Names beside the usual ones: copies of views, memory by strides, segments, histograms in several dimensions,
factorisations of indefinite matrices, differences, draws. Values from NumPy or a formula, and torch's beside."""

import importlib.util

import numpy as np
import pytest

import numtorch as N

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 6))


def close(found, expected, **tolerance):
    np.testing.assert_allclose(found.detach().numpy(), expected, **({"rtol": 1e-9, "atol": 1e-12} | tolerance))


def test_copies_of_views_share_nothing():
    x = N.tensor(X, requires_grad=True)
    for y, expected in (
        (N.permute_copy(x, (1, 0)), X.T),
        (N.slice_copy(x, 1, 1, None, 2), X[:, 1::2]),
        (N.narrow_copy(x, 0, 1, 2), X[1:3]),
        (N.view_copy(x, (3, 8)), X.reshape(3, 8)),
        (N.expand_copy(x[:1], (2, -1)), np.broadcast_to(X[:1], (2, 6))),
        (N.unbind_copy(x)[2], X[2]),
        (N.split_with_sizes_copy(x, [1, 3])[1], X[1:]),
    ):
        close(y, expected)
        assert y.is_contiguous() and y.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
        assert N.equal(N.autograd.grad(y.sum(), x)[0] != 0, N.autograd.grad(y.abs().sum(), x)[0] != 0)
    out = N.empty(0, dtype=N.float64)
    assert N.t_copy(x.detach(), out=out) is out
    close(out, X.T)
    parts = N.unsafe_split(x * 1, 2, 1)
    parts[0].zero_()  # of a view the others would get a new history
    assert parts[1]._base is None
    with pytest.raises(RuntimeError, match="slice step must be positive"):
        N.slice_copy(x, 0, 0, 2, 0)
    with pytest.raises(RuntimeError, match=r"src size = \[3\], slice size = \[2\]"):
        N.as_strided_scatter(N.zeros(2, 2), N.ones(3), (2,), (1,))
    close(N.as_strided_scatter(N.zeros(2, 3), N.ones(2), (2,), (2,), 1), [[0, 1, 0], [1, 0, 0]])


def test_memory_by_strides():
    assert N.empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert N.zeros(1, dtype=N.int64).new_empty_strided((2, 3), (0, 1)).dtype is N.int64
    assert N.empty_permuted((2, 3, 4), (0, 2, 1)).stride() == (12, 1, 3)
    assert N.ones(4, 6).sum_to_size(1, 6).tolist() == [[4.0] * 6]
    assert N.nonzero_static(N.tensor([0, 1, 1]), size=1).tolist() == [[1]]
    assert N._chunk_cat([N.ones(3), 2 * N.ones(2)], 0, 2).tolist() == [[1, 1, 2], [1, 0, 2]]
    assert N.fill(N.tensor([1, 2]), 2.5).tolist() == [2, 2]
    for wrong, text in (
        (lambda: N.empty_strided((2,), (1, 1)), "must match dimensionality of strides"),
        (lambda: N.empty_permuted((2, 3), (0, 0)), "Duplicate dim"),
        (lambda: N.ones(2, 3).sum_to_size(3, 3), "is not expandable to size"),
        (lambda: N.nonzero_static(N.ones(2), size=-1), "non-negative"),
        (lambda: N._chunk_cat([], 0, 2), "non-empty"),
        (lambda: N.constant_pad_nd(N.ones(2), (1,)), "must be even"),
    ):
        with pytest.raises(RuntimeError, match=text):
            wrong()
    with pytest.raises(TypeError, match="must be Number"):
        N.scalar_tensor("3")


def test_segments():
    x, lengths = N.tensor(X), N.tensor([1, 0, 3])
    for reduce, f in (("sum", np.sum), ("mean", np.mean), ("max", np.max), ("prod", np.prod)):
        found = N.segment_reduce(x, reduce, lengths=lengths, initial=0 if reduce == "mean" else None)
        close(found[0], X[0])
        close(found[2], f(X[1:], 0))
        close(N.segment_reduce(x, reduce, offsets=N.tensor([0, 1, 1, 4]))[2], f(X[1:], 0))
    for wrong, text in (
        ({"reduce": "median", "lengths": lengths}, "must be either sum"),
        ({"reduce": "sum"}, "Either lengths or offsets"),
        ({"reduce": "sum", "lengths": N.tensor([1, 1])}, "to sum to data.size"),
    ):
        with pytest.raises(RuntimeError, match=text):
            N.segment_reduce(x, **wrong)


def test_histograms_of_points_and_hashes():
    points = rng.uniform(-1, 2, (50, 2))
    hist, edges = N.histogramdd(N.tensor(points), [3, 4], range=[-1.0, 2.0, -1.0, 1.0])
    expected, ends = np.histogramdd(points, [3, 4], [(-1, 2), (-1, 1)])
    close(hist, expected)
    close(edges[1], ends[1])
    with pytest.raises(RuntimeError, match="size of bins"):
        N.histogramdd(N.tensor(points), [3])
    bits = X.view(np.uint64)
    assert N.hash_tensor(N.tensor(X)).item() == np.bitwise_xor.reduce(bits.ravel())
    assert N.hash_tensor(N.tensor(X), 1).tolist() == np.bitwise_xor.reduce(bits, 1).tolist()
    with pytest.raises(RuntimeError, match="Unknown hash_tensor mode: 2"):
        N.hash_tensor(N.ones(2), mode=2)


@pytest.mark.parametrize("hermitian", [False, True])
def test_indefinite_systems(hermitian):
    a = rng.standard_normal((3, 5, 5)) + 1j * rng.standard_normal((3, 5, 5))
    a = a + (a.conj() if hermitian else a).swapaxes(1, 2)
    a[0] *= 1 - np.eye(5)  # whose pivots have two rows
    b = rng.standard_normal((5, 2)) + 0j
    factors, pivots, info = N.linalg.ldl_factor_ex(N.tensor(a), hermitian=hermitian)
    assert info.tolist() == [0, 0, 0] and bool((pivots < 0).any())
    close(N.linalg.ldl_solve(factors, pivots, N.tensor(b), hermitian=hermitian), np.linalg.solve(a, b))
    with pytest.raises(RuntimeError, match="square matrices"):
        N.linalg.ldl_factor(N.ones(2, 3))
    with pytest.raises(N.linalg.LinAlgError, match="diagonal block of D is zero"):
        N.linalg.ldl_factor_ex(N.zeros(2, 2), check_errors=True)


def test_factorisations_of_low_rank():
    a = rng.standard_normal((7, 2)) @ rng.standard_normal((2, 5))
    for x in (a, a.T):
        U, S, V = N.svd_lowrank(N.tensor(x), 3)
        close((U * S) @ V.T, x)
    U, S, V = N.pca_lowrank(N.tensor(a), 2)
    close((U * S) @ V.T, a - a.mean(0))
    with pytest.raises(ValueError, match="q"):
        N.pca_lowrank(N.tensor(a), 9)


def test_differences():
    x, y = np.float32([1, -1, 0, 0, 2, np.inf]), np.float32([2, 1, -1, 1, 2, 0])
    assert N.nextafter(N.tensor(x), N.tensor(y)).tolist() == np.nextafter(x, y).tolist()
    at = np.array([0, 1, 3, 4, 6, 9.0])
    for order in (1, 2):
        found = N.gradient(N.tensor(X), spacing=[2.0, N.tensor(at)], edge_order=order)
        for one, expected in zip(found, np.gradient(X, 2.0, at, edge_order=order), strict=True):
            close(one, expected)
    with pytest.raises(RuntimeError, match=r"edge_order=1 and edge_order=2"):
        N.gradient(N.ones(4), edge_order=3)
    with pytest.raises(TypeError, match="must be Tensor, not float"):
        N.nextafter(N.ones(2), 2.0)


def test_draws():
    """Quantiles, which NumPy's formulas give, of 20,000 numbers."""
    N.manual_seed(0)
    x = N.empty(20000)
    q = np.quantile(x.cauchy_(1, 2).numpy(), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(q, [-1, 1, 3], atol=0.15)
    q = np.quantile(np.log(x.log_normal_(1, 0.5).numpy()), [0.1587, 0.5, 0.8413])
    np.testing.assert_allclose(q, [0.5, 1, 1.5], atol=0.03)
    x.geometric_(0.3)
    np.testing.assert_allclose([(x == k).float().mean().item() for k in (1, 2, 3)], [0.3, 0.21, 0.147], atol=0.015)
    for wrong in (lambda: x.cauchy_(0, -1), lambda: x.log_normal_(0, 0), lambda: x.geometric_(1.0)):
        with pytest.raises(RuntimeError, match="expects"):
            wrong()


if importlib.util.find_spec("torch"):
    from against_torch import evaluated, lines, same

    @pytest.mark.parametrize(
        "text",
        lines("""
t.native_layer_norm(x, (4,), None, None, 1e-5)
t.native_group_norm(x.reshape(3, 4, 1), None, None, 3, 4, 1, 2, 1e-5)
t.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
t._native_batch_norm_legit(x, None, None, True, 0.1, 1e-5)
t._softmax_backward_data(x, x.softmax(1), 1, t.float32)
t._unsafe_masked_index(x, l([1, 0, 1]) > 0, [l([0, 9, 2]), l([1, 7, 3])], -1)
t._unsafe_masked_index_put_accumulate(x, l([1, 0, 1]) > 0, [l([0, 9, 0]), l([1, 7, 1])], t.ones(3))
t.slice_inverse(x[1:3], x, 0, 1, 3), t.split_with_sizes(x, [1, 2]), t.constant_pad_nd(x, (1, -1, 0, 2), 7)
t.linalg.ldl_factor(x[:, :3] + x[:, :3].T - 9 * t.eye(3)), t.linalg.matmul(x, x.T), x.clone().addmm_(x[:, :3], x)
t.scalar_tensor(True), t.scalar_tensor(3), x.clone().resize_as_(t.ones(2, 3)), x.clone().swapaxes_(0, 1)
t.lu(x[:, :3] + t.eye(3))[:2], x.double().float_power_(2), x.sum_to_size(3, 1)
"""),
    )
    @pytest.mark.filterwarnings("ignore")
    def test_as_in_torch(text):
        same(evaluated(text), rtol=1e-5, atol=1e-5)
