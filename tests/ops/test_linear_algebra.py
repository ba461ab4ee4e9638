"""Linear algebra: identities, NumPy's values, gradients of gradients, and what is refused; beside torch its values and
gradients too."""

import importlib.util

import numpy as np
import pytest

import numtorch as N
from numtorch.dispatch.op import OPS

rng = np.random.default_rng(0)


def random(*shape, complex_=False):
    a = rng.standard_normal(shape)
    return a + 1j * rng.standard_normal(shape) if complex_ else a


def definite(a):
    return a @ np.swapaxes(a, -1, -2).conj() + np.eye(a.shape[-1])


def hermitian(x):
    return (x + x.mH) / 2


TYPES = pytest.mark.parametrize("complex_", [False, True])
SHAPES = [(2, 5, 3), (2, 3, 5), (4, 4)]


def close(x, expected, tolerance=1e-10):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@TYPES
def test_factors_make_the_matrix(complex_):
    for shape in SHAPES:
        a = random(*shape, complex_=complex_)
        x = N.tensor(a)
        for mode in ("reduced", "complete"):
            q, r = N.linalg.qr(x, mode)
            close(q @ r, a)
            close(q.mH @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])))
        u, s, vh = N.linalg.svd(x, full_matrices=False)
        close((u * s.unsqueeze(-2).to(u.dtype)) @ vh, a)
        close(s, np.linalg.svd(a, compute_uv=False))
        p, lower, upper = N.linalg.lu(x)
        close(p @ lower @ upper, a)
        close(x @ N.linalg.pinv(x) @ x, a)


@TYPES
def test_inverses_and_systems(complex_):
    a, b = random(2, 4, 4, complex_=complex_) + 3 * np.eye(4), random(2, 4, 2, complex_=complex_)
    x, y = N.tensor(a), N.tensor(b)
    close(N.linalg.inv(x), np.linalg.inv(a))
    close(N.linalg.det(x), np.linalg.det(a))
    close(N.linalg.slogdet(x).logabsdet, np.linalg.slogdet(a)[1])
    close(N.linalg.slogdet(x).sign, np.linalg.slogdet(a)[0])
    close(N.linalg.solve(x, y), np.linalg.solve(a, b))
    close(N.linalg.solve(x, y.mT, left=False) @ x, np.swapaxes(b, -1, -2))
    close(N.linalg.lu_solve(*N.linalg.lu_factor(x), y), np.linalg.solve(a, b))
    close(N.linalg.lu_solve(*N.linalg.lu_factor(x), y, adjoint=True), np.linalg.solve(np.swapaxes(a, -1, -2).conj(), b))
    for upper in (False, True):
        triangle = (np.triu if upper else np.tril)(a)
        close(N.linalg.solve_triangular(x, y, upper=upper), np.linalg.solve(triangle, b))
    root = N.linalg.cholesky(N.tensor(definite(a)))
    close(root @ root.mH, definite(a))
    close(N.cholesky_solve(y, root), np.linalg.solve(definite(a), b))
    close(N.linalg.matrix_power(x, -3), np.linalg.matrix_power(a, -3))
    close(N.linalg.matrix_exp(x) @ N.linalg.matrix_exp(-x), np.broadcast_to(np.eye(4), (2, 4, 4)), 1e-8)


@TYPES
def test_eigenvectors(complex_):
    a = random(2, 4, 4, complex_=complex_)
    x = hermitian(N.tensor(a))
    values, vectors = N.linalg.eigh(x)
    close(x @ vectors, (vectors * values.unsqueeze(-2).to(vectors.dtype)).numpy())
    values, vectors = N.linalg.eig(N.tensor(a))
    close(N.tensor(a.astype(complex)) @ vectors, (vectors * values.unsqueeze(-2)).numpy())


def test_norms():
    a = random(3, 4)
    for order in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf):
        close(N.linalg.matrix_norm(N.tensor(a), order), np.linalg.norm(a, order))
        close(N.linalg.norm(N.tensor(a), order), np.linalg.norm(a, order))
    for p in (None, "fro", 1, np.inf, 2, -2):
        close(N.linalg.cond(N.tensor(a[:, :3]), p), np.linalg.cond(a[:, :3], p))
    assert N.linalg.matrix_rank(N.tensor(a)).item() == 3


# Functions of which the values do not depend on the signs and phases of vectors, and an operand of each.
DIFFERENTIABLE = {
    "inv": (N.linalg.inv, (3, 3)),
    "det": (N.linalg.det, (3, 3)),
    "slogdet": (lambda x: N.linalg.slogdet(x)[1], (3, 3)),
    "solve": (lambda x: N.linalg.solve(x, x[..., :2]), (3, 3)),
    "solve_triangular": (lambda x: N.linalg.solve_triangular(x, x[:2].mT, upper=True), (3, 3)),
    "cholesky": (lambda x: N.linalg.cholesky(x @ x.mH + N.eye(3, dtype=x.dtype)), (3, 3)),
    "qr": (lambda x: N.linalg.qr(x).R.abs(), (4, 3)),
    "wide qr": (lambda x: N.linalg.qr(x).R.abs(), (2, 4)),
    "eigvalsh": (lambda x: N.linalg.eigvalsh(hermitian(x)), (3, 3)),
    "projector": (lambda x: (v := N.linalg.eigh(hermitian(x)).eigenvectors[:, :1]) @ v.mH, (3, 3)),
    "svdvals": (N.linalg.svdvals, (4, 3)),
    "polar": (lambda x: (f := N.linalg.svd(x, full_matrices=False)).U @ f.Vh, (4, 3)),
    "pinv": (N.linalg.pinv, (2, 4)),
    "lu": (lambda x: N.linalg.lu(x)[1:], (3, 4)),
    "tall lu": (lambda x: N.linalg.lu(x)[1:], (4, 3)),
    "matrix_exp": (N.linalg.matrix_exp, (3, 3)),
    "nuclear norm": (lambda x: N.linalg.matrix_norm(x, "nuc"), (3, 2)),
}


@pytest.mark.plain(but=r"inv|det|norm")
@TYPES
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name, complex_):
    f, shape = DIFFERENTIABLE[name]
    a = np.random.default_rng(len(name)).standard_normal(shape)
    a = a + 1j * np.random.default_rng(1).standard_normal(shape) if complex_ else a
    a = a + 2 * np.eye(*shape)
    x = N.tensor(a, requires_grad=True)
    assert N.autograd.gradcheck(f, (x,))
    if name in ("inv", "solve", "cholesky", "eigvalsh", "svdvals", "qr", "pinv", "lu"):
        assert N.autograd.gradgradcheck(f, (x,))


def test_the_determinant_of_a_singular_matrix_has_its_cofactors_for_gradient():
    x = N.tensor([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]], dtype=N.float64, requires_grad=True)
    N.linalg.det(x).backward()
    close(x.grad, [[4, 4, -4], [-2, -2, 2], [0, 0, 0]])


def test_eigenvalues_of_any_matrix_have_gradients():
    x = N.tensor(random(3, 3), requires_grad=True)
    assert N.autograd.gradcheck(lambda x: N.linalg.eigvals(x).real.sum(), (x,))


def test_least_squares():
    a, b = random(5, 3), random(5, 2)
    found = N.linalg.lstsq(N.tensor(a), N.tensor(b), driver="gelsd")
    expected, residuals, rank, values = np.linalg.lstsq(a, b)
    close(found.solution, expected)
    close(found.residuals, residuals)
    assert found.rank.item() == rank
    close(found.singular_values, values)


ONE, TWO = ((2, 4, 4),), ((2, 4, 4), (2, 4, 3))
OPERANDS = {  # of the ops that LAPACK computes: shapes of operands, and parameters
    "inv": (ONE, ()),
    "det": (ONE, ()),
    "sign_and_logarithm": (ONE, ()),
    "solved": (TWO, ()),
    "triangular": (TWO, (True,)),
    "lower_root": (ONE, ()),
    "orthogonal_and_upper": (((2, 5, 3),), (True,)),
    "hermitian_eigen": (ONE, (False,)),
    "general_eigen": (ONE, ()),
    "singular": (((2, 3, 5),), (True,)),
    "lower_and_upper": (((2, 3, 5),), ()),
    "pseudo_inverse": (((2, 3, 5),), (0.0, 0.0, False)),
    "reflections": (((2, 5, 3),), ()),
}


@pytest.mark.parametrize("name", OPERANDS)
@TYPES
def test_shapes_and_types_are_known_without_elements(name, complex_):
    shapes, params = OPERANDS[name]
    arrays = [random(*s, complex_=complex_) for s in shapes]
    arrays[0] = definite(arrays[0]) if name == "lower_root" else arrays[0]
    found = []
    for device in ("cpu", "meta"):
        y = OPS[name].call(*[N.tensor(a).to(device) for a in arrays], *params)
        found.append([(t.shape, t.dtype) for t in (y if isinstance(y, tuple) else (y,))])
    assert found[0] == found[1]


def test_no_matrices_at_all():
    assert N.linalg.inv(N.zeros(0, 0)).shape == (0, 0)
    assert N.linalg.det(N.zeros(0, 0)).item() == 1
    assert N.linalg.svdvals(N.zeros(0, 3)).shape == (0,)
    assert N.linalg.inv(N.zeros(2, 0, 0)).shape == (2, 0, 0)


SINGULAR = [[1.0, 2.0], [2.0, 4.0]]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: N.linalg.inv(N.tensor(SINGULAR)), N.linalg.LinAlgError, "inv: The diagonal element 2 is zero"),
        (lambda: N.linalg.solve(N.tensor(SINGULAR), N.ones(2)), N.linalg.LinAlgError, "matrix is singular"),
        (
            lambda: N.linalg.cholesky(N.stack([N.eye(3), -N.eye(3)])),
            N.linalg.LinAlgError,
            r"\(Batch element 1\).*leading minor of order 1",
        ),
        (lambda: N.linalg.inv(N.zeros(2, 3)), RuntimeError, "batches of square matrices, but they are 2 by 3"),
        (lambda: N.linalg.inv(N.ones(2)), RuntimeError, "at least 2 dimensions"),
        (lambda: N.linalg.inv(N.ones(2, 2, dtype=N.int64)), RuntimeError, "Expected a floating point or complex"),
        (lambda: N.linalg.det(N.ones(2, 2).half()), RuntimeError, "Low precision dtypes not supported"),
        (lambda: N.linalg.solve(N.eye(3), N.ones(2, 2)), RuntimeError, "Incompatible shapes"),
        (lambda: N.linalg.solve(N.eye(2), N.ones(2).double()), RuntimeError, "same dtype"),
        (lambda: N.linalg.qr(N.eye(2), "x"), RuntimeError, "unrecognized mode 'x'"),
        (lambda: N.linalg.eigh(N.eye(2), "X"), RuntimeError, "'L' or 'U'"),
        (lambda: N.linalg.matrix_norm(N.eye(2), 3), RuntimeError, "Order 3 not supported"),
        (lambda: N.linalg.inv([[1.0]]), TypeError, "must be Tensor, not list"),
    ],
)
def test_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_matrices_without_an_inverse_are_told():
    assert N.linalg.inv_ex(N.tensor(SINGULAR)).info.item() == 2
    assert N.linalg.cholesky_ex(-N.eye(2)).info.item() == 1
    assert N.linalg.lu_factor_ex(N.tensor(SINGULAR)).info.item() == 2
    assert str(N.linalg.cond(N.tensor(SINGULAR), 1).item()) == "inf"


if importlib.util.find_spec("torch"):
    import torch as T

    @TYPES
    def test_values_and_gradients_are_those_of_torch(complex_):
        def free(x):  # what does not depend on the phase of vectors
            return x[..., :1, :] * x[..., 1:2, :].conj()

        square, wide = random(2, 4, 4, complex_=complex_) + 3 * np.eye(4), random(2, 3, 5, complex_=complex_)
        calls = [
            (lambda lib, x: lib.linalg.lu_factor(x)[0], wide),
            (lambda lib, x: lib.linalg.qr(x)[1], wide),
            (lambda lib, x: free(lib.linalg.eig(x)[1]), square),
            (lambda lib, x: free(lib.linalg.eigh(hermitian(x))[1]), square),
            (lambda lib, x: free(lib.linalg.svd(x, full_matrices=False)[0]), wide),
            (lambda lib, x: lib.linalg.slogdet(x)[0], square),
            (lambda lib, x: lib.linalg.householder_product(x, x[..., 0, :3]), np.swapaxes(wide, -1, -2).copy()),
            (lambda lib, x: lib.linalg.tensorinv(x[0].reshape(2, 2, 4)), square),
            (lambda lib, x: lib.linalg.cross(x[..., :3, :], x[..., 1:, :], dim=1), square),
            (lambda lib, x: lib.linalg.vander(x[0, 0]), square),
        ]
        for f, a in calls:
            grads = []
            for lib in (T, N):
                x = lib.tensor(a, requires_grad=True)
                y = f(lib, x)
                if y.requires_grad:
                    weights = lib.tensor(np.random.default_rng(0).standard_normal(tuple(y.shape)))
                    total = (y * weights).sum()
                    (total.real if total.dtype.is_complex else total).backward()
                grads.append((y.detach().numpy(), None if x.grad is None else x.grad.numpy()))
            np.testing.assert_allclose(grads[1][0], grads[0][0], rtol=1e-8, atol=1e-8)
            if grads[0][1] is not None:
                np.testing.assert_allclose(grads[1][1], grads[0][1], rtol=1e-7, atol=1e-7)
