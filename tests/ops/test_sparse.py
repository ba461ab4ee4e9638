"""Sparse tensors: how they are made, computed with, differentiated, printed and refused. Values of torch stand here as
numbers, or are computed by dense tensors; where torch is installed, a table of calls is compared with it as well.
"""

import copy
import importlib.util
import pickle

import numpy as np
import pytest

import numtorch as torch

HAS_TORCH = importlib.util.find_spec("torch") is not None

DENSE = np.array([[0, 0, 3, 0], [9, 0, 0, 1], [0, 0, 0, 0]], np.float64)


def matrix(how="coo", dtype=torch.float64):
    return getattr(torch.tensor(DENSE, dtype=dtype), f"to_sparse_{how}")()


def doubled():
    return torch.sparse_coo_tensor([[0, 1, 1, 1], [2, 3, 0, 0]], [3.0, 1.0, 4.0, 5.0], (3, 4), dtype=torch.float64)


def equal(x, expected):
    x = x.to_dense()
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("how", ["coo", "csr", "csc"])
def test_a_matrix_keeps_its_elements_in_every_layout(how):
    x = matrix(how)
    assert x.layout is getattr(torch, f"sparse_{how}") and x._nnz() == 3 and isinstance(x, torch.Tensor)
    assert (x.is_sparse, x.is_sparse_csr) == (how == "coo", how == "csr")
    equal(x, DENSE)
    for other in ("coo", "csr", "csc"):
        equal(getattr(x, f"to_sparse_{other}")(), DENSE)
    equal(x.t(), DENSE.T)
    equal(x.transpose(0, 1).to_sparse_coo(), DENSE.T)


def test_the_parts_of_a_tensor():
    x = doubled()
    assert (x.sparse_dim(), x.dense_dim(), x._nnz(), x.is_coalesced(), x.ndim) == (2, 0, 4, False, 2)
    y = x.coalesce()
    assert y.is_coalesced() and y.indices().tolist() == [[0, 1, 1], [2, 0, 3]] and y.values().tolist() == [3, 9, 1]
    csr, csc = y.to_sparse_csr(), y.to_sparse_csc()
    assert csr.crow_indices().tolist() == [0, 1, 3, 3] and csr.col_indices().tolist() == [2, 0, 3]
    assert csc.ccol_indices().tolist() == [0, 1, 1, 2, 3] and csc.row_indices().tolist() == [1, 0, 1]
    hybrid = torch.tensor(DENSE).to_sparse(1)
    assert (hybrid.sparse_dim(), hybrid.dense_dim(), hybrid._nnz()) == (1, 1, 2)
    assert hybrid.values().tolist() == DENSE[:2].tolist()
    equal(hybrid, DENSE)


def test_they_print_as_in_torch():
    assert repr(doubled().float()) == (
        "tensor(indices=tensor([[0, 1, 1, 1],\n"
        "                       [2, 3, 0, 0]]),\n"
        "       values=tensor([3., 1., 4., 5.]),\n"
        "       size=(3, 4), nnz=4, layout=torch.sparse_coo)"
    )
    assert repr(matrix("csr").float()) == (
        "tensor(crow_indices=tensor([0, 1, 3, 3]),\n"
        "       col_indices=tensor([2, 0, 3]),\n"
        "       values=tensor([3., 9., 1.]), size=(3, 4), nnz=3,\n"
        "       layout=torch.sparse_csr)"
    )
    assert repr(torch.sparse_coo_tensor((2, 3), requires_grad=True)) == (
        "tensor(indices=tensor([], size=(2, 0)),\n"
        "       values=tensor([], size=(0,)),\n"
        "       size=(2, 3), nnz=0, layout=torch.sparse_coo, requires_grad=True)"
    )


def test_arithmetic():
    x, y, dense = doubled(), matrix() * 2, torch.arange(12.0, dtype=torch.float64).view(3, 4)
    d = dense.numpy()
    for made, expected in (
        (x + y, 3 * DENSE),
        (x - y, -DENSE),
        (torch.add(x, y, alpha=3), 7 * DENSE),
        (dense + x, d + DENSE),
        (dense - x, d - DENSE),
        (x * 2, 2 * DENSE),
        (2 * x, 2 * DENSE),
        (x / 2, DENSE / 2),
        (-x, -DENSE),
        (x * dense, DENSE * d),
        (dense * x, DENSE * d),
        (x * y, 2 * DENSE**2),
        (x**2, DENSE**2),
        (x.sqrt(), np.sqrt(DENSE)),
        (torch.relu(-x), 0 * DENSE),
        (x.float().sin(), np.sin(DENSE)),
        (x.unsqueeze(0), DENSE[None]),
        (x[1], DENSE[1]),
        (x[0:2], DENSE[:2]),
        (x[1, 0], DENSE[1, 0]),
        (torch.cat([x, y]), np.concatenate([DENSE, 2 * DENSE])),
        (torch.cat([x, y], 1), np.concatenate([DENSE, 2 * DENSE], 1)),
        (x.index_select(1, torch.tensor([2, 0])), DENSE[:, [2, 0]]),
        (matrix("csr") + matrix("csr"), 2 * DENSE),
        (matrix("csr") * 3, 3 * DENSE),
        (x.permute(1, 0), DENSE.T),
        (torch.zeros_like(x), 0 * DENSE),
    ):
        equal(made, expected)
    z = x.clone()
    z.mul_(2)
    equal(z, 2 * DENSE)
    equal(x, DENSE)
    assert dense.add_(x) is dense
    equal(dense, d)
    assert x.norm().item() == pytest.approx(np.linalg.norm(DENSE))


@pytest.mark.parametrize("how", ["coo", "csr", "csc"])
def test_products(how):
    rng = np.random.default_rng(0)
    right, left, v = rng.standard_normal((4, 5)), rng.standard_normal((2, 3)), rng.standard_normal(4)
    x = matrix(how)
    r, le, vec = torch.tensor(right), torch.tensor(left), torch.tensor(v)
    for made, expected in (
        (x @ r, DENSE @ right),
        (torch.mm(x, r), DENSE @ right),
        (torch.spmm(x, r), DENSE @ right),
        (torch.sparse.mm(x, r), DENSE @ right),
        (le @ x, left @ DENSE),
        (x @ vec, DENSE @ v),
        (torch.mv(x, vec), DENSE @ v),
        (torch.sparse.mm(x, x.t()), DENSE @ DENSE.T),
        (torch.sparse.addmm(torch.ones(3, 5, dtype=torch.float64), x, r, beta=2, alpha=3), 2 + 3 * (DENSE @ right)),
        (torch.smm(x, r), DENSE @ right),
        (torch.hspmm(x, r), DENSE @ right),
        (torch.nn.functional.linear(x, torch.tensor(right.T.copy())), DENSE @ right),
    ):
        equal(made, expected)
    equal(doubled() @ r, DENSE @ right)


def test_sums_and_softmax():
    x = doubled()
    assert x.sum().item() == 13 and torch.sparse.sum(x).item() == 13
    equal(torch.sparse.sum(x, 0), DENSE.sum(0))
    equal(x.sum(1), DENSE.sum(1))
    equal(torch.sparse.sum(torch.tensor(DENSE).to_sparse(1), 1), DENSE.sum(1))
    equal(torch.sparse.sum(torch.tensor(DENSE).to_sparse(1), 0), DENSE.sum(0))
    e = np.exp([9 - 9.0, 1 - 9.0])
    np.testing.assert_allclose(torch.sparse.softmax(x, 1).values().numpy(), [1, *(e / e.sum())])
    np.testing.assert_allclose(torch.sparse.log_softmax(x, 1).values().numpy(), [0, *np.log(e / e.sum())])
    equal(torch.arange(12.0).view(3, 4).sparse_mask(x), np.where(DENSE != 0, np.arange(12.0).reshape(3, 4), 0))


def test_sampled_addmm():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 5)), rng.standard_normal((5, 4))
    y = torch.sparse.sampled_addmm(matrix("csr"), torch.tensor(a), torch.tensor(b), beta=0.5, alpha=2)
    equal(y, np.where(DENSE != 0, 0.5 * DENSE + 2 * (a @ b), 0))
    with pytest.raises(RuntimeError, match="csr layout"):
        torch.sparse.sampled_addmm(matrix(), torch.tensor(a), torch.tensor(b))
    out = torch.empty_like(matrix("csr"))
    assert (
        torch.sparse.sampled_addmm(matrix("csr"), torch.tensor(a), torch.tensor(b), beta=0.5, alpha=2, out=out) is out
    )
    assert (out.to_dense() == y.to_dense()).all() and torch.empty_like(matrix()).values().shape[0] == 0


def leaf(*shape):
    rng = np.random.default_rng(sum(shape))
    return torch.tensor(rng.standard_normal(shape)).requires_grad_()


FUNCTIONS = {
    "mm": (lambda x, d: torch.sparse.mm(x, d), lambda: (matrix().requires_grad_(), leaf(4, 2))),
    "mm_csr": (lambda x, d: x @ d, lambda: (matrix("csr").requires_grad_(), leaf(4, 2))),
    "mm_left": (lambda x, d: d @ x, lambda: (matrix("csc").requires_grad_(), leaf(2, 3))),
    "of_two": (lambda x: torch.sparse.mm(x, x.t()), lambda: (matrix().requires_grad_(),)),
    "sampled": (
        lambda x, a, b: torch.sparse.sampled_addmm(x, a, b, beta=2.0),
        lambda: (matrix("csr").requires_grad_(), leaf(3, 2), leaf(2, 4)),
    ),
    "sum": (lambda x: x + x * x, lambda: (matrix().requires_grad_(),)),
    "product": (lambda x, d: x * d, lambda: (matrix().requires_grad_(), leaf(3, 4))),
    "sparse_sum": (lambda x: torch.sparse.sum(x, 0), lambda: (matrix().requires_grad_(),)),
    "softmax": (lambda x: torch.sparse.softmax(x, 1), lambda: (matrix().requires_grad_(),)),
    "to_sparse": (lambda d: d.to_sparse() * 3, lambda: (leaf(3, 2),)),
    "to_csr": (lambda d: d.to_sparse_csr().values().exp(), lambda: (leaf(3, 2),)),
    "values": (
        lambda v: torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], v, (2, 3)).coalesce().values() ** 2,
        lambda: (leaf(3),),
    ),
    "mask": (lambda d: d.sparse_mask(matrix()).t(), lambda: (leaf(3, 4),)),
    "cat": (lambda x: torch.cat([x, x[1:]]), lambda: (matrix().requires_grad_(),)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_both_orders(name):
    f, inputs = FUNCTIONS[name]
    assert torch.autograd.gradcheck(f, inputs(), masked=True)
    assert torch.autograd.gradgradcheck(f, inputs(), masked=True)


def test_gradients_are_sparse_where_the_tensor_is():
    x, d = matrix().requires_grad_(), leaf(4, 2)
    for _ in range(2):
        torch.sparse.mm(x, d).sum().backward()
    assert x.grad.layout is torch.sparse_coo and x.grad._nnz() == 3
    g = 2 * np.ones((3, 2)) @ d.detach().numpy().T
    equal(x.grad, np.where(DENSE != 0, g, 0))
    equal(d.grad, 2 * DENSE.T @ np.ones((3, 2)))
    v = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    y = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], v, (2, 3))
    (y.to_dense() * torch.arange(6.0).view(2, 3)).sum().backward()
    assert v.grad.tolist() == [2, 3, 3]
    x = matrix().requires_grad_()
    g = torch.ones(3, 4, dtype=torch.float64)
    (masked,) = torch.autograd.grad(x.to_dense(), x, g)
    (whole,) = torch.autograd.grad(x.to_dense(masked_grad=False), x, g)
    assert masked._nnz() == 3 and whole._nnz() == 12


STEPS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}


@pytest.mark.parametrize("name", STEPS)
def test_optimizers_take_sparse_gradients_as_they_take_dense_ones(name):
    tables = []
    for sparse in (False, True):
        e = torch.nn.Embedding(6, 2, padding_idx=0, sparse=sparse, _weight=torch.arange(12.0).view(6, 2) / 7)
        opt = STEPS[name](e.parameters())
        for index in ([[1, 2, 2], [5, 1, 0]], [[2, 2, 3], [4, 1, 0]]):
            opt.zero_grad()
            (e(torch.tensor(index)) ** 2).sum().backward()
            assert e.weight.grad.is_sparse == sparse
            opt.step()
        tables.append(e.weight.detach().numpy())
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-6, atol=1e-7)


def test_sparse_adam_touches_the_rows_that_were_read():
    e = torch.nn.Embedding(4, 1, sparse=True, _weight=torch.ones(4, 1))
    opt = torch.optim.SparseAdam(e.parameters(), lr=0.5)
    for rows in ([1, 1], [1, 2]):
        opt.zero_grad()
        (e(torch.tensor(rows)) ** 2).sum().backward()
        opt.step()
    w = e.weight.detach().numpy().ravel()
    g = [4.0, 1.0]  # of row 1: 2 w twice; then 2 w at w = 0.5
    m = 0.9 * 0.1 * g[0] + 0.1 * g[1]
    v = 0.999 * 0.001 * g[0] ** 2 + 0.001 * g[1] ** 2
    second = 0.5 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2) * m / np.sqrt(v)
    one = 0.5 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2) * (0.1 * 2) / np.sqrt(0.001 * 4)
    np.testing.assert_allclose(w, [1, 0.5 - second, 1 - one, 1], rtol=1e-5)
    dense = torch.ones(2, requires_grad=True)
    dense.sum().backward()
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        torch.optim.SparseAdam([dense]).step()
    with pytest.raises(RuntimeError, match="Adam does not support sparse gradients"):
        torch.optim.Adam(e.parameters()).step()


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_have_sparse_gradients(mode):
    grads = []
    for sparse in (False, True):
        bag = torch.nn.EmbeddingBag(6, 2, mode=mode, sparse=sparse, _weight=torch.arange(12.0).view(6, 2))
        (bag(torch.tensor([1, 2, 2, 4]), torch.tensor([0, 2])) ** 2).sum().backward()
        assert bag.weight.grad.is_sparse == sparse
        grads.append(bag.weight.grad.to_dense().numpy())
    np.testing.assert_allclose(grads[1], grads[0])


def test_sparse_and_dense_gradients_add_up():
    w = torch.ones(3, 2, requires_grad=True)

    def read():
        return torch.nn.functional.embedding(torch.tensor([2, 2]), w, sparse=True).sum()

    (read() + (w * w).sum()).backward()
    read().backward()
    assert not w.grad.is_sparse and w.grad.tolist() == [[2, 2], [2, 2], [6, 6]]


@pytest.mark.parametrize("how", ["coo", "csr"])
def test_copies(how):
    x = matrix(how).requires_grad_()
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.layout is x.layout and y.requires_grad and y._nnz() == 3
        equal(y, DENSE)


@pytest.mark.filterwarnings("ignore")  # torch's, that compressed tensors are in beta state
@pytest.mark.parametrize("how", ["coo", "csr", "csc"])
def test_files(how, tmp_path):
    torch.save({"x": matrix(how), "y": doubled()}, tmp_path / "a.pt")
    read = torch.load(tmp_path / "a.pt")
    assert read["x"].layout is matrix(how).layout and read["x"].dtype is torch.float64
    equal(read["x"], DENSE)
    assert not read["y"].is_coalesced() and read["y"]._nnz() == 4
    if HAS_TORCH:
        import torch as reference

        theirs = reference.load(tmp_path / "a.pt", weights_only=True)
        assert repr(theirs["x"]) == repr(matrix(how)) and repr(theirs["y"]) == repr(doubled())
        reference.save(theirs, tmp_path / "b.pt")
        equal(torch.load(tmp_path / "b.pt")["x"], DENSE)


def test_what_is_refused():
    x, d = doubled(), torch.ones(3, 4, dtype=torch.float64)
    for f, kind, message in (
        (lambda: x.exp(), NotImplementedError, "Could not run 'aten::exp' .*to_dense"),
        (lambda: torch.exp(x), NotImplementedError, "Could not run 'aten::exp'"),
        (lambda: x.view(12), NotImplementedError, "Could not run 'aten::view'"),
        (lambda: x == x, NotImplementedError, "Could not run 'aten::eq'"),
        (lambda: x + d, RuntimeError, r"add\(sparse, dense\) is not supported"),
        (lambda: x / d, RuntimeError, "Sparse division requires a scalar"),
        (lambda: x.numpy(), TypeError, "can't convert Sparse layout tensor to numpy"),
        (lambda: x.item(), RuntimeError, "cannot be converted to Scalar"),
        (lambda: x.indices(), RuntimeError, "Cannot get indices on an uncoalesced tensor"),
        (lambda: x.values(), RuntimeError, "Cannot get values on an uncoalesced tensor"),
        (lambda: d.indices(), RuntimeError, "indices expected sparse coordinate tensor layout but got Strided"),
        (lambda: x.crow_indices(), RuntimeError, "crow_indices expected sparse row compressed .* but got Sparse"),
        (lambda: x @ torch.ones(3, 2, dtype=torch.float64), RuntimeError, "mat1 and mat2 shapes cannot be multiplied"),
        (lambda: x @ torch.ones(4, 2), RuntimeError, "expected scalar type float64 but found float32"),
        (lambda: torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0]), RuntimeError, "found negative index -1 for dim 0"),
        (lambda: torch.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,)), RuntimeError, "size is 3 but found index 5"),
        (lambda: torch.sparse_coo_tensor([[0, 1]], [1.0]), RuntimeError, "must have same nnz"),
        (lambda: torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (2, 3)), RuntimeError, "sparse_dim . dense_dim"),
        (lambda: torch.sparse_csr_tensor([0, 1, 3], [0, 1], [1.0, 2.0]), RuntimeError, "== nnz` is not satisfied"),
        (lambda: torch.sparse_csr_tensor([0, 2], [1, 0], [1.0, 2.0]), RuntimeError, "sorted and distinct"),
    ):
        with pytest.raises(kind, match=message):
            f()


def test_sparse_tensors_of_zeros_hold_no_elements():
    x = torch.zeros(2, 3, layout=torch.sparse_coo, dtype=torch.float64, requires_grad=True)
    assert repr(x.detach().float()) == (
        "tensor(indices=tensor([], size=(2, 0)),\n       values=tensor([], size=(0,)),\n"
        "       size=(2, 3), nnz=0, layout=torch.sparse_coo)"
    )
    assert x.requires_grad and x.is_coalesced() and (x + x).to_dense().tolist() == [[0.0] * 3] * 2
    for how, lines in (("csr", [0, 0, 0]), ("csc", [0, 0, 0, 0])):
        layout = getattr(torch, f"sparse_{how}")
        for y in (torch.zeros((2, 3), layout=layout), torch.zeros_like(torch.ones(2, 3), layout=layout)):
            assert y.layout is layout and y.bounds.tolist() == lines and y.to_dense().tolist() == [[0.0] * 3] * 2
    assert torch.empty(3, layout=torch.sparse_coo).to_dense().tolist() == [0.0] * 3
    assert torch.zeros_like(matrix("csr"), layout=torch.sparse_csr).layout is torch.sparse_csr
    with pytest.raises(
        RuntimeError, match=r"sparse compressed \(non-block\) tensors are supported, but got size \[3\]"
    ):
        torch.zeros(3, layout=torch.sparse_csr)
    with pytest.raises(RuntimeError, match="layout=torch.sparse_coo is not here"):
        torch.ones(3, layout=torch.sparse_coo)


@pytest.mark.parametrize(
    "reduce, result, by_x, by_d",
    [
        ("mean", [[6.5, 0], [0, 0], [-8.5, -15]], [7, 1, -1, 11], [[3, 3], [2, 2], [-4, -4], [-1, -1]]),
        ("amax", [[7, 8], [0, 0], [3, -6]], [8, -14, -2, 0], [[6, 6], [0, 4], [0, 0], [-2, 0]]),
        ("amin", [[6, -8], [0, 0], [-20, -24]], [6, 16, 0, 22], [[0, 0], [4, 0], [-8, -8], [0, -2]]),
    ],
)
def test_products_of_a_row_are_reduced_as_in_torch(reduce, result, by_x, by_d):
    x = torch.tensor([[0, 2.0, 0, -1], [0, 0, 0, 0], [3, 0, -4, 0]]).to_sparse_csr().requires_grad_()
    d = torch.tensor([[1.0, -2], [3, 4], [5, 6], [-7, 8]], requires_grad=True)
    y = torch.sparse.mm(x, d, reduce)
    y.backward(torch.full_like(y, 2.0))
    assert y.tolist() == result and x.grad.values().tolist() == by_x and d.grad.tolist() == by_d
    with pytest.raises(NotImplementedError, match="to_sparse_csr"):
        torch.sparse.mm(x.detach().to_dense(), d, reduce)


def test_reduced_products_of_nan_of_equal_and_of_no_elements():
    d = torch.ones(2, 1, requires_grad=True)
    torch.sparse.mm(torch.ones(1, 2).to_sparse_csr(), d, "amax").sum().backward()
    assert d.grad.tolist() == [[1.0], [0.0]]
    x = torch.tensor([[np.nan, 1.0], [1.0, np.nan]]).to_sparse_csr()
    assert np.isnan(torch.sparse.mm(x, d, "amax").tolist()).all()
    assert torch.sparse.mm(torch.zeros(2, 2).to_sparse_csr(), d, "amin").tolist() == [[0.0], [0.0]]
    with pytest.raises(RuntimeError, match="reduce type of prod has not been enabled"):
        torch.sparse.mm(x, d, "prod")


@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_same_calls_in_torch():
    import torch as reference

    calls = [
        lambda t, x, d: x.coalesce(),
        lambda t, x, d: x.to_sparse_csr(),
        lambda t, x, d: x.to_sparse_csc(),
        lambda t, x, d: x + x,
        lambda t, x, d: x.coalesce() + x.coalesce() * 2,
        lambda t, x, d: x / 2,
        lambda t, x, d: x.t(),
        lambda t, x, d: x[0],
        lambda t, x, d: x[1],
        lambda t, x, d: x.sum(0),
        lambda t, x, d: t.sparse.sum(x),
        lambda t, x, d: t.cat([x, x]),
        lambda t, x, d: x.unsqueeze(0),
        lambda t, x, d: x.double(),
        lambda t, x, d: d.sparse_mask(x.coalesce()),
        lambda t, x, d: t.sparse.softmax(x, 1),
        lambda t, x, d: t.sparse.mm(x, x.t()),
        lambda t, x, d: t.sparse.mm(x, d.t()),
        lambda t, x, d: x.to_sparse_csr() @ d.t(),
        lambda t, x, d: d.to_sparse(1),
        lambda t, x, d: x.coalesce().requires_grad_(),
        lambda t, x, d: t.sparse_coo_tensor((2, 3)),
        lambda t, x, d: t.zeros_like(x),
    ]
    for i, call in enumerate(calls):
        shown = []
        for t in (torch, reference):
            x = t.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], t.tensor([3.0, 4.0, 5.0]), (2, 3))
            shown.append(repr(call(t, x, t.arange(6.0).view(2, 3))))
        assert shown[0] == shown[1], i
