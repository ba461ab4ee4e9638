"""What shares memory: types seen as other types, resized and repeated tensors; and what numtorch decides otherwise than
torch."""

import numpy as np
import pytest

import numtorch as nt

F = nt.nn.functional


def test_views_of_other_types_share_memory_and_versions():
    x = nt.arange(6.0).reshape(2, 3)
    bits = x.T.view(nt.int32)  # not contiguous, and still no copy
    assert bits.stride() == (1, 3) and bits.data_ptr() == x.data_ptr()
    bits[1:].zero_()  # a view of the view: of the other type, too
    assert x.tolist() == [[0, 0, 0], [3, 0, 0]] and bits[1:].dtype is nt.int32
    halves = x.view(nt.int16)
    halves[1, 1] = 0x4000
    assert x[1, 0].item() == 2 and halves[:, 1:].view(nt.uint8).shape == (2, 10)
    with pytest.raises(RuntimeError, match="must be divisible by 2"):
        halves[:, 1:].view(nt.int32)
    assert halves.view(nt.float32)._storage is x._storage  # there and back again


def test_writes_through_another_type_are_seen_by_the_graph():
    x = nt.ones(3, requires_grad=True)
    y = x * 1
    loss = (y * y).sum()
    y.detach().view(nt.int32).zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_overlapping_copies_are_told_by_their_memory():
    for seen in (lambda x: x.data, lambda x: x.view(nt.int32)):
        x = nt.arange(100.0)
        seen(x)[1:].copy_(seen(x)[:-1])
        assert x.tolist() == [0.0, *range(99)]


def test_repeated_elements_are_filled_once():
    x = nt.zeros(3, 1)
    assert x.expand(3, 4).fill_(2.0).shape == (3, 4) and x.flatten().tolist() == [2, 2, 2]
    version = x._version
    x.expand(3, 4)[1].zero_()
    assert x.flatten().tolist() == [2, 0, 2] and x._version > version
    a = nt.ones(2, 1, requires_grad=True)
    b = a * 1
    part = b.expand(2, 3)[1].fill_(3.0)
    (part.sum() + b.sum()).backward()
    assert b.tolist() == [[1], [3]] and a.grad.tolist() == [[1], [0]]
    y = nt.ones(1, dtype=nt.bool)
    y.expand(2, 2).zero_()
    assert y.tolist() == [False]


def test_resizing_keeps_to_the_memory():
    x = nt.arange(6.0)
    part = x[2:4]
    part.resize_(4).fill_(9)
    assert x.tolist() == [0, 1, 9, 9, 9, 9]
    part.resize_(8)  # more than there is: a memory of its own
    part.zero_()
    assert part.shape == (8,) and x.tolist() == [0, 1, 9, 9, 9, 9]


def test_no_view_reaches_outside():
    x = nt.arange(4.0)[1:3]
    for size, stride, start in (
        ((4,), (1,), 1),
        ((2,), (1,), -1),
        ((2,), (-1,), 1),
        ((2,), (2**62,), 0),
        ((2, 2), (2**63 - 1, 1), 0),
        ((-1,), (1,), 0),
        ((1,), (1,), 2**63 - 1),
        ((1,), (1,), 4),
    ):
        with pytest.raises(RuntimeError):
            x.as_strided(size, stride, start)
    assert x.as_strided((4,), (1,), 0).tolist() == [0, 1, 2, 3]
    assert x.as_strided((0,), (1,), 2**62).shape == (0,)
    with pytest.raises(RuntimeError, match="overflow"):
        x[:1].expand(2**62, 2**62)
    assert x[:: 2**62].numpy().tolist() == [1.0] and x.unfold(0, 1, 2**62).numpy().tolist() == [[1.0]]


@pytest.mark.parametrize("size", [2**40, 2**61, 2**62, 2**70])
def test_what_does_not_fit_says_so_at_once(size):
    x = nt.ones(2, 3)
    pool = nt.memory.large
    before = pool.used, pool.peak
    for call in (
        nt.zeros,
        nt.ones,
        nt.empty,
        nt.rand,
        nt.arange,
        nt.randperm,
        nt.eye,
        x.new_zeros,
        x.tensor_split,
        x.repeat_interleave,
        lambda n: nt.full((n,), 1),
        lambda n: nt.linspace(0, 1, n),
        lambda n: x.repeat(n, n),
        lambda n: x.tile(n, 8),
        lambda n: nt.randint(0, 2, (n,)),
        lambda n: F.pad(x, (n, n)),
        lambda n: F.pad(x, (n, 0), "replicate"),
        lambda n: x[:, :0].chunk(n, 1),
        lambda n: nt.tril_indices(n, n),
        lambda n: x[0].diag_embed(n),
        lambda n: x.clone().resize_(n),
        lambda n: x.repeat_interleave(nt.tensor([min(n, 2**62), 1]), 0),
    ):
        with pytest.raises((RuntimeError, ValueError) if size > 2**63 else RuntimeError):
            call(size)
    assert (pool.used, pool.peak) == before
    assert x.tensor_split((size, -size))[0].shape == (2, 3) and len(x.split(size)) == 1 and len(x.chunk(size)) == 2


@pytest.mark.plain
def test_arrays_are_operands():
    x, a = nt.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 0.5])
    n = x.numpy()
    for f in (
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x * y,
        lambda x, y: x / y,
        lambda x, y: x // y,
        lambda x, y: x % y,
        lambda x, y: x**y,
        lambda x, y: x == y,
        lambda x, y: x != y,
        lambda x, y: x < y,
        lambda x, y: x >= y,
    ):
        for both in (
            (x, a),
            (x, a.astype(np.float32)),
            (x, np.array([1, 2, 3])),
            (x.long(), a),
            (x.long(), np.array([[1], [2]])),
        ):
            for left, right in (both, both[::-1]):
                with np.errstate(all="ignore"):
                    plain = [v.numpy() if isinstance(v, nt.Tensor) else v for v in (left, right)]
                    if f(1, 2) in (0, 1) and not np.asarray(plain[1]).all() and np.result_type(*plain).kind == "i":
                        continue  # integers are not divided by 0
                    want, made = f(*plain), f(left, right)
                assert isinstance(made, nt.Tensor) and (
                    made.numpy().dtype == want.dtype or np.result_type(*plain).kind == "i"
                )
                np.testing.assert_allclose(made.numpy(), want, rtol=1e-6)
    assert (x @ a.reshape(3, 1)).tolist() == (n @ a.reshape(3, 1)).tolist() and (a.reshape(1, 3) @ x.T).shape == (1, 2)
    y, seen = x.clone(), None
    seen = y[0]
    y += a
    assert seen.tolist() == [1, 3, 2.5] and y.dtype is nt.float32  # in place, in the tensor's own type
    x.requires_grad_()
    (x * a).sum().backward()
    assert x.grad.tolist() == [a.tolist()] * 2
    assert ((x == np.array(["a", "b", "c"])) is False) and isinstance(np.exp(x.detach()), nt.Tensor)
    with pytest.raises(TypeError):
        x + np.array(["a", "b", "c"])


def test_what_torch_refuses_and_is_computed_here():
    # A limit of torch's kernels, not a mistake of the caller's.
    assert F.pad(nt.tensor([[True, False]]), (1, 1), "replicate").tolist() == [[True, True, False, False]]
    # Shapes given as ``*shape`` may be empty.
    assert nt.ones(*()).shape == () and nt.tensor(3.0).permute(*()).item() == 3
    # Exact where torch's own arithmetic overflows.
    assert nt.arange(-(2**63), 2**63 - 1, 2**62).tolist() == [-(2**63), -(2**62), 0, 2**62]
    assert nt.ones(2, 2).tril(2**70).sum().item() == 4 and nt.ones(2, 2).diagonal(2**70).shape == (0,)
    # The elements of a block stay its own when another block is empty (torch counts rows from the wrong place).
    a = nt.ones(2, requires_grad=True)
    (nt.block_diag(nt.ones(0), a) * nt.tensor([[0.0, 0], [3, 4]])).sum().backward()
    assert a.grad.tolist() == [3, 4]
