"""``grid_sample`` and ``affine_grid``: NumPy's sums over all elements, torch's values, and gradients."""

import importlib.util
import itertools

import numpy as np
import pytest

import numtorch as N
from numtorch.nn import functional as F

rng = np.random.default_rng(0)
CASES = [
    (dims, mode, padding, corners)
    for dims, mode, padding in itertools.product(
        (2, 3), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    )
    for corners in (True, False)
    if mode != "bicubic" or dims == 2
]


def operands(dims):
    return rng.standard_normal((2, 3, *(4, 5, 3)[:dims])), rng.uniform(-1.6, 1.6, (2, *(3, 2, 2)[:dims], dims))


def at_points(x, grid):
    """Linear between elements, 0 outside: every element counts 1 - its distance in each dimension, if that is not
    negative."""
    sizes = x.shape[2:]
    found = np.zeros((x.shape[0], x.shape[1], *grid.shape[1:-1]))
    for n in range(len(x)):
        for place in np.ndindex(grid.shape[1:-1]):
            w = np.ones(())
            for size, c in zip(sizes, grid[n][place][::-1], strict=True):
                w = np.multiply.outer(w, np.maximum(0, 1 - np.abs(np.arange(size) - (c + 1) / 2 * (size - 1))))
            found[(n, slice(None), *place)] = (x[n] * w).reshape(x.shape[1], -1).sum(1)
    return found


@pytest.mark.parametrize("dims", [2, 3])
def test_between_elements(dims):
    x, grid = operands(dims)
    y = F.grid_sample(N.tensor(x), N.tensor(grid), align_corners=True)
    np.testing.assert_allclose(y.numpy(), at_points(x, grid), rtol=1e-10, atol=1e-12)


def test_gradients():
    x, grid = operands(2)
    for mode in ("bilinear", "bicubic"):
        a, b = N.tensor(x[:1, :2], requires_grad=True), N.tensor(grid[:1, :1], requires_grad=True)
        assert N.autograd.gradcheck(lambda a, b: F.grid_sample(a, b, mode, "reflection", False), (a, b))  # noqa: B023
    assert N.autograd.gradgradcheck(lambda a, b: F.grid_sample(a, b, "bicubic", "zeros", True), (a, b))


def test_grids_of_matrices():
    turn = N.tensor([[[0.0, -1, 0], [1, 0, 0]]], dtype=N.float64)
    image = N.arange(9, dtype=N.float64).reshape(1, 1, 3, 3)
    for corners in (True, False):
        grid = F.affine_grid(turn, (1, 1, 3, 3), corners)
        turned = F.grid_sample(image, grid, align_corners=corners)
        np.testing.assert_allclose(turned[0, 0].numpy(), np.rot90(image[0, 0].numpy()), atol=1e-12)
    assert F.affine_grid(N.zeros(2, 3, 4), (2, 1, 2, 3, 4), False).shape == (2, 2, 3, 4, 3)


def test_refusals():
    x, grid = N.ones(1, 1, 2, 2), N.zeros(1, 1, 1, 2)
    for error, text, wrong in (
        (ValueError, "expected mode", lambda: F.grid_sample(x, grid, "cubic", align_corners=True)),
        (ValueError, "expected padding_mode", lambda: F.grid_sample(x, grid, padding_mode="wrap", align_corners=True)),
        (RuntimeError, "same floating dtype", lambda: F.grid_sample(x, grid.double(), align_corners=True)),
        (RuntimeError, "batch size 1", lambda: F.grid_sample(x, N.zeros(2, 1, 1, 2), align_corners=True)),
        (RuntimeError, "4D or 5D", lambda: F.grid_sample(x[0], grid, align_corners=True)),
        (RuntimeError, "bicubic", lambda: N.grid_sampler_3d(x[None], N.zeros(1, 1, 1, 1, 3), 2, 0, True)),
        (ValueError, "2D affine matrices", lambda: F.affine_grid(N.zeros(1, 3, 3), (1, 1, 2, 2), True)),
        (NotImplementedError, "4D and 5D", lambda: F.affine_grid(N.zeros(1, 2, 3), (1, 1, 2), True)),
    ):
        with pytest.raises(error, match=text):
            wrong()


if importlib.util.find_spec("torch"):
    import torch as T

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_as_in_torch(case):
        dims, *options = case
        x, grid = operands(dims)
        found = []
        for lib in (N, T):
            leaves = [lib.tensor(v, requires_grad=True) for v in (x, grid)]
            y = lib.nn.functional.grid_sample(*leaves, *options)
            (y * y).sum().backward()
            slopes = [
                np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in leaves
            ]  # none of the nearest element
            found.append([y.detach().numpy(), *slopes])
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
