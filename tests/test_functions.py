"""Functions of ``torch`` that are those of ``nn.functional``, in-place forms, and questions: as in PyTorch."""

import pytest

import numtorch

CALLS = {
    "conv2d": lambda t, x: t.conv2d(x.reshape(1, 2, 2, 2), t.ones(3, 2, 1, 1)),
    "max_pool1d": lambda t, x: t.max_pool1d(x[None], 2),
    "bilinear": lambda t, x: t.bilinear(x, x, t.ones(3, 4, 4)),
    "threshold_": lambda t, x: t.threshold_(x, 3.0, -1.0),
    "celu": lambda t, x: t.celu(x - 4, 2.0),
    "prelu": lambda t, x: t.prelu(x - 4, t.tensor([0.25])),
    "batch_norm": lambda t, x: t.batch_norm(x, None, None, t.zeros(4), t.ones(4), False, 0.1, 1e-5, True),
    "instance_norm": lambda t, x: t.instance_norm(x[None], None, None, None, None, True, 0.1, 1e-5, True),
    "layer_norm": lambda t, x: t.layer_norm(x, [4], None, None, 1e-5, False),
    "group_norm": lambda t, x: t.group_norm(x, 2, None, None),
    "embedding": lambda t, x: t.embedding(x, t.tensor([1, 0, 1]), -1, False, False),
    "dropout": lambda t, x: t.dropout(x, 0.5, False),
    "dropout of all": lambda t, x: t.feature_dropout(x, 1.0, True),
    "native_dropout": lambda t, x: t.native_dropout(x, 0.0, True),
    "ctc_loss": lambda t, x: t.ctc_loss(
        x.log_softmax(-1)[:, None], t.tensor([[1]]), t.tensor([2]), t.tensor([1]), 0, 2, False
    ),
    "kl_div": lambda t, x: t.kl_div(x, x.softmax(-1), 2, log_target=False),
    "cosine_embedding_loss": lambda t, x: t.cosine_embedding_loss(x, x + 1, t.tensor([1, -1]), 0.1, 0),
    "hinge_embedding_loss": lambda t, x: t.hinge_embedding_loss(x, t.ones(2, 4), 1.0, 1),
    "margin_ranking_loss": lambda t, x: t.margin_ranking_loss(x, x * 2, t.ones(2, 4), 0.5, 2),
    "poisson_nll_loss": lambda t, x: t.poisson_nll_loss(x, x, True, True, 1e-8, 0),
    "triplet_margin_loss": lambda t, x: t.triplet_margin_loss(x, x + 1, x + 2, 1.0, 2, 1e-6, False, 0),
    "binary_cross_entropy_with_logits": lambda t, x: t.binary_cross_entropy_with_logits(x, x / 8, None, x, 0),
    "max_pool1d_with_indices": lambda t, x: t.max_pool1d_with_indices(x[None], 2),
    "exp_": lambda t, x: (t.exp_(x), x),
    "sqrt_": lambda t, x: (t.sqrt_(x), x),
    "clamp_": lambda t, x: t.clamp_(x, 2, 3),
    "zero_": lambda t, x: t.zero_(x),
    "split_with_sizes": lambda t, x: t.split_with_sizes(x, [1, 3], 1),
    "result_type": lambda t, x: [str(t.result_type(*pair)) for pair in ((x, 1), (1, 2.0), (t.tensor(1), x.long()))],
    "typename": lambda t, x: (t.typename(x), t.typename(x.long()), t.typename("a"), t.typename(t.nn.Module)[-6:]),
    "is_nonzero": lambda t, x: (t.is_nonzero(x[0, 0]), t.is_same_size(x, x[0]), x.is_signed(), t.get_device(x)),
    "sym": lambda t, x: (t.sym_max(1, 2.0), t.sym_min(1, 2), t.sym_not(1), t.sym_int(2.5), t.sym_sum([1, 2])),
    "elu_": lambda t, x: t.nn.functional.elu_(x - 4, 0.5),
    "hardtanh_": lambda t, x: t.nn.functional.hardtanh_(x, 2.0, 3.0),
}
SUMS = {
    "conv2d": 108.0,
    "embedding": 62.0,
    "threshold_": 27.0,
    "clamp_": 22.0,
    "hardtanh_": 22.0,
    "margin_ranking_loss": 40.0,
    "triplet_margin_loss": 0.0,
}


def answer(t, name):
    def plain(v):
        if isinstance(v, t.Tensor):
            return v.tolist()
        return [plain(e) for e in v] if isinstance(v, tuple | list) else v

    return plain(CALLS[name](t, t.arange(1.0, 9.0).reshape(2, 4)))


def flat(v):
    return [e for part in v for e in flat(part)] if isinstance(v, list) else [v]


@pytest.mark.parametrize("name", CALLS)
def test_as_in_torch(name):
    torch = pytest.importorskip("torch")
    found, expected = answer(numtorch, name), answer(torch, name)
    if name in ("typename", "result_type"):
        assert found == expected
    else:
        assert flat(found) == pytest.approx(flat(expected), rel=2e-5, abs=2e-5)


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    assert sum(flat(answer(numtorch, name))) == pytest.approx(SUMS[name], abs=1e-4)


def test_in_place_forms_write_into_their_input():
    x = numtorch.tensor([1.0, 4.0])
    assert numtorch.sqrt_(x) is x and x.tolist() == [1, 2]
    assert numtorch.nn.functional.leaky_relu_(x) is x
    assert numtorch.selu_ is numtorch.nn.functional.selu_


def test_branches_and_loops():
    x = numtorch.tensor(1.0, requires_grad=True)
    y = numtorch.cond(x > 0, lambda v: v * 3, lambda v: -v, (x,))
    y.backward()
    assert x.grad.item() == 3
    assert numtorch.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s + i), (0, 0)) == (3, 3)


def test_mistakes():
    with pytest.raises(RuntimeError, match="3 is not a valid value for reduction"):
        numtorch.kl_div(numtorch.zeros(1), numtorch.zeros(1), 3)
    with pytest.raises(RuntimeError, match="torch.solve has been removed from PyTorch; torch.linalg.solve"):
        numtorch.solve()
    with pytest.raises(RuntimeError, match="feature_dropout: expected at least 2 dimensions, got 1"):
        numtorch.feature_dropout(numtorch.zeros(3), 0.5, True)
    with pytest.raises(TypeError, match="expected a number, got str"):
        numtorch.result_type("a", 1)
