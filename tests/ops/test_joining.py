"""split, chunk and unbind: one node with several outputs, whatever becomes of them. cat and stack: ops on a list."""

import numpy as np
import pytest

import numtorch as torch


def leaf(*shape):
    return torch.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


CUTS = {
    "split": lambda x: x.split([1, 3, 2], 1),
    "chunk": lambda x: x.chunk(3, 1),
    "unbind": lambda x: x.unbind(1),
    "tensor_split": lambda x: x.tensor_split((2, 3), 1),
}


def expected(cut, x, weights):
    """The gradient of sum(w * piece ** 2) over the pieces that have a weight."""
    g = torch.zeros_like(x)
    for part, piece, w in zip(cut(g), cut(x.detach()), weights, strict=False):
        if w:
            part.copy_(2 * w * piece)
    return g


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("weights", [(1, 2, 3, 4, 5, 6), (0, 2, 0), (1, 0, 3), (3,)], ids=str)
def test_gradients_of_the_pieces_that_are_used(name, weights):
    x, cut = leaf(2, 6), CUTS[name]
    pieces = cut(x)
    loss = sum((w * p * p).sum() for w, p in zip(weights, pieces, strict=False) if w)
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    assert torch.equal(g, expected(cut, x, weights))
    (second,) = torch.autograd.grad((g * x).sum(), x)
    assert torch.allclose(second, 2 * expected(cut, x, weights))


@pytest.mark.parametrize("name", CUTS)
def test_pieces_are_views_of_one_node(name):
    x = leaf(2, 6)
    pieces = CUTS[name](x * 1)
    assert len({id(p.grad_fn) for p in pieces}) == 1
    assert all(
        p.data_ptr() == pieces[0].data_ptr() + 8 * at
        for p, at in zip(pieces, np.cumsum([0, *[1 if p.ndim == 1 else p.shape[1] for p in pieces]]), strict=False)
    )


def test_hooks_and_second_passes():
    x, seen = leaf(2, 6), []
    a, _, c = x.chunk(3, 1)
    a.register_hook(lambda g: seen.append(g.shape) or g * 10)
    loss = (a * 2).sum() + c.sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert seen == [(2, 2), (2, 2)]
    assert x.grad.tolist() == [[40.0, 40.0, 0.0, 0.0, 2.0, 2.0]] * 2


def test_a_gradient_for_a_piece_alone():
    x = leaf(2, 6)
    a, b = (x * 1).split(3, 1)
    ga, gb = torch.autograd.grad((a * b).sum(), (a, b))
    assert torch.equal(ga, b) and torch.equal(gb, a)


def test_a_piece_may_be_written_to():
    x = leaf(2, 6)
    y = x * 1
    a, b = y.split(3, 1)
    a.mul_(b)
    y.sum().backward()
    assert torch.allclose(x.grad, torch.cat([x[:, 3:], 1 + x[:, :3]], 1).detach())


def test_a_tensor_joined_to_itself_is_no_plan_for_two():
    x, y = torch.ones(2, 3), torch.zeros(2, 3)
    for joined in (torch.cat, torch.stack):
        assert joined([x, x]).sum() == 12
        assert joined([x, y]).sum() == 6
        assert joined(t for t in (x, y)).sum() == 6


def test_a_kernel_of_ones_own_joins():
    def last(tensors, dim):
        return tensors[-1]

    x, y = torch.ones(2), torch.zeros(2)
    with torch.kernels.use(torch.cat, last):
        assert torch.cat([x, y]) is y
    assert torch.cat([x, y]).tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("count", [1, 2, 8, 9, 30])
@pytest.mark.parametrize("size", [1, 700, 9000])
def test_any_number_of_tensors_is_joined(count, size):
    parts = [torch.arange(2 * size).reshape(2, size) + i for i in range(count)]
    arrays = [p.numpy() for p in parts]
    np.testing.assert_array_equal(torch.cat(parts, 1).numpy(), np.concatenate(arrays, 1))
    np.testing.assert_array_equal(torch.stack(parts).numpy(), np.stack(arrays))


@pytest.mark.parametrize("size", [3, 9000])
def test_strided_tensors_are_joined(size):
    x = torch.arange(12 * size).reshape(4, 3, size)
    parts = x[:, 1], x[:, 2], torch.ones(4, size, dtype=torch.int64), x[:, :, 0:1].expand(4, 3, size)[:, 0]
    arrays = [p.numpy() for p in parts]
    np.testing.assert_array_equal(torch.cat(parts, 1).numpy(), np.concatenate(arrays, 1))
    np.testing.assert_array_equal(torch.stack(parts, 1).numpy(), np.stack(arrays, 1))
    np.testing.assert_array_equal(torch.cat([p.T for p in parts], 1).numpy(), np.concatenate([a.T for a in arrays], 1))
