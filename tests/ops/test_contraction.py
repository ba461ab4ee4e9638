"""einsum and what is made of matrix products: NumPy's values, gradients, and torch's errors."""

import numpy as np
import pytest

import numtorch as N

EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ij->ji", (3, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("i,j->ij", (3,), (4,)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ijk,ijl,kl->i", (2, 3, 4), (2, 3, 5), (4, 5)),
    ("nct,ncp->ntp", (2, 3, 4), (2, 3, 5)),
    ("...,...->...", (2, 3), (3,)),
    ("ijij->ij", (2, 3, 2, 3)),
    ("a,b,c->abc", (2,), (3,), (4,)),
    ("ij,kl->", (2, 3), (3, 2)),
    ("i...->...", (2, 3, 4)),
    ("ab,bc,cd,de->ae", (3, 4), (4, 5), (5, 2), (2, 3)),
    ("Aab,bA->a", (2, 3, 4), (4, 2)),
    ("...ii->...i", (2, 3, 3)),
]


def arrays(shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in shapes]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_values_are_numpys(case):
    equation, *shapes = case
    given = arrays(shapes)
    found = N.einsum(equation, *map(N.tensor, given))
    np.testing.assert_allclose(found.numpy(), np.einsum(equation, *given), atol=1e-12)


def test_gradients():
    for equation, *shapes in (EQUATIONS[0], EQUATIONS[3], EQUATIONS[9], EQUATIONS[12]):
        given = [N.tensor(a, requires_grad=True) for a in arrays(shapes)]
        assert N.autograd.gradcheck(lambda *xs, equation=equation: N.einsum(equation, *xs), given)
    assert N.autograd.gradgradcheck(lambda x, y: N.einsum("ij,jk->ik", x, y), _pair())


def _pair():
    return tuple(N.tensor(a, requires_grad=True) for a in arrays([(2, 3), (3, 2)]))


def test_extents_of_one_broadcast():
    x, y = N.ones(1, 3), N.ones(2, 3)
    assert N.einsum("ij,ij->ij", x, y).shape == (2, 3)
    assert N.einsum("ij,j", N.ones(3, 4), N.ones(1)).tolist() == [4.0] * 3
    assert N.einsum("zij,zjk->zik", N.ones(1, 3, 4), N.ones(2, 4, 5)).shape == (2, 3, 5)


def test_dimensions_as_numbers():
    x, y = arrays([(3, 4), (4, 5)])
    found = N.einsum(N.tensor(x), [0, 1], N.tensor(y), [1, 2], [2, 0])
    np.testing.assert_allclose(found.numpy(), (x @ y).T)
    assert N.einsum(N.ones(2, 3, 4), [..., 0], [0, ...]).shape == (4, 2, 3)
    assert N.einsum("ij->ji", [N.ones(2, 3)]).shape == (3, 2)


@pytest.mark.parametrize(
    ("equation", "says"),
    [
        ("ij,jk->iz", "output subscript z does not appear in the equation"),
        ("ij,jk->ii", "output subscript i appears more than once"),
        ("ij,jk,kl->il", "fewer operands were provided"),
        ("ij->ij", "more operands were provided"),
        ("ijk,jk->i", r"the number of subscripts in the equation \(3\) does not match"),
        ("...ijk,jk->i", r"is more than the number of dimensions \(2\)"),
        ("i1,jk->ik", "invalid subscript given at index 1"),
        ("i.j,jk->", "found '.' for operand 0 that is not part of any ellipsis"),
        ("ij,kj->ik", "subscript j has size 5 for operand 1 which does not broadcast"),
        ("ii,jk->", "repeated for operand 0 but the sizes don't match"),
    ],
)
def test_equations_that_do_not_fit(equation, says):
    x, y = map(N.tensor, arrays([(3, 4), (4, 5)]))
    with pytest.raises(RuntimeError, match=says):
        N.einsum(equation, x, y)


def test_calls_without_operands():
    with pytest.raises(ValueError, match="must specify the equation"):
        N.einsum()
    with pytest.raises(ValueError, match="at least one operand"):
        N.einsum("ij")
    with pytest.raises(TypeError, match="operand 0 must be Tensor"):
        N.einsum("ij", [[1.0]])


def test_other_products():
    x, y, v, w = arrays([(3, 4), (4, 5), (3,), (4,)])
    a, b, p, q = map(N.tensor, (x, y, v, w))
    one = N.ones(1, dtype=N.float64)
    pairs = [
        (N.tensordot(a, b, dims=1), x @ y),
        (N.tensordot(a, b, dims=([1], [0])), x @ y),
        (N.tensordot(a, b, dims=0), np.tensordot(x, y, 0)),
        (N.inner(a, b.mT), np.inner(x, y.T)),
        (N.kron(a, b), np.kron(x, y)),
        (N.kron(p, a), np.kron(v, x)),
        (N.vdot(p, p), v @ v),
        (N.linalg.vecdot(a, a), (x * x).sum(-1)),
        (N.addmv(p, a, q, beta=0.5, alpha=2), 0.5 * v + 2 * x @ w),
        (N.addr(a, p, q), x + np.outer(v, w)),
        (N.baddbmm(one, a[None], b[None]), 1 + (x @ y)[None]),
        (N.addbmm(one, N.stack([a, a]), N.stack([b, b])), 1 + 2 * x @ y),
        (N.linalg.multi_dot([a, b, b.mT, q]), x @ y @ y.T @ w),
        (N.chain_matmul(a, b), x @ y),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    nan = N.full((3,), float("nan"), dtype=N.float64)
    np.testing.assert_allclose(N.addmv(nan, a, q, beta=0).numpy(), x @ w)


def test_products_that_do_not_fit():
    for call, says in (
        (lambda: N.tensordot(N.ones(2, 3), N.ones(2, 3), 1), "contracted dimensions need to match"),
        (lambda: N.inner(N.ones(2), N.ones(3)), "last dimension must match"),
        (lambda: N.linalg.multi_dot([N.ones(2, 3)]), "at least 2 tensors"),
        (lambda: N.linalg.multi_dot([N.ones(2, 3), N.ones(2, 3)]), "cannot be multiplied"),
        (lambda: N.addmv(N.ones(2), N.ones(2), N.ones(2)), "Expected mat to be 2-D"),
    ):
        with pytest.raises(RuntimeError, match=says):
            call()
