"""Pruning: which elements go, what iterations and containers leave, and torch's masks for the same weights."""

import numpy as np
import pytest

import numtorch as nt

prune = nt.nn.utils.prune
W = np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)


def layer(f=nt):
    m = f.nn.Linear(6, 4)
    m.weight.data = f.from_numpy(W.copy())
    return m


def test_a_pruned_parameter():
    m = prune.l1_unstructured(layer(), "weight", 10)
    gone = np.argsort(np.abs(W).ravel())[:10]
    mask = np.ones(24, np.float32)
    mask[gone] = 0
    np.testing.assert_array_equal(m.weight_mask.numpy(), mask.reshape(4, 6))
    assert list(m.state_dict()) == ["bias", "weight_orig", "weight_mask"] and prune.is_pruned(nt.nn.Sequential(m))
    m(nt.ones(1, 6)).sum().backward()
    np.testing.assert_array_equal(m.weight_orig.grad.numpy(), mask.reshape(4, 6))
    m.weight_orig.data.fill_(3.0)
    m(nt.ones(1, 6))
    np.testing.assert_array_equal(m.weight.detach().numpy(), 3 * mask.reshape(4, 6))
    prune.remove(m, "weight")
    assert list(m.state_dict()) == ["bias", "weight"] and not prune.is_pruned(m)
    assert int((m.weight == 0).sum()) == 10


def test_random_amounts():
    nt.manual_seed(0)
    for amount, left in ((0.25, 18), (5, 19), (0, 24)):
        assert prune.random_unstructured(layer(), "weight", amount).weight_mask.sum() == left
    mask = prune.random_structured(layer(), "weight", 2, dim=1).weight_mask
    assert sorted(mask.sum(0).tolist()) == [0, 0, 4, 4, 4, 4]
    m = prune.random_unstructured(prune.random_structured(layer(), "weight", 0.5, dim=0), "weight", 0.5)
    assert m.weight_mask.sum() == 6
    (hook,) = m._forward_pre_hooks.values()
    assert isinstance(hook, prune.PruningContainer) and [type(h).__name__ for h in hook] == [
        "RandomStructured",
        "RandomUnstructured",
    ]


def steps(f):
    p, m = f.nn.utils.prune, layer(f)
    yield p.ln_structured(m, "weight", 0.4, n=2, dim=0).weight_mask
    yield p.l1_unstructured(m, "weight", 0.3).weight_mask
    yield p.ln_structured(m, "weight", 1, n=float("inf"), dim=1).weight_mask
    yield p.custom_from_mask(m, "weight", f.tensor([[1, 0] * 3] * 4)).weight_mask
    yield p.identity(m, "bias").bias_mask
    scores = f.arange(24.0).view(4, 6)
    yield p.l1_unstructured(layer(f), "weight", 6, importance_scores=scores).weight_mask
    yield p.ln_structured(layer(f), "weight", 2, 1, -1, importance_scores=scores).weight_mask
    net = [layer(f), p.l1_unstructured(layer(f), "weight", 4)]
    net[1].weight_orig.data *= 2
    p.global_unstructured([(m, "weight") for m in net], p.L1Unstructured, amount=0.3)
    yield from (m.weight_mask for m in net)
    p.global_unstructured(
        [(m, "weight") for m in net], p.L1Unstructured, importance_scores={(net[0], "weight"): scores}, amount=7
    )
    yield from (m.weight_mask for m in net)


def test_masks_are_torchs():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")
    for ours, theirs in zip(steps(nt), steps(torch), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "error, words, call",
    [
        (ValueError, r"in the range \[0, 1\]", lambda m: prune.random_unstructured(m, "weight", 1.5)),
        (TypeError, "Must be int or float", lambda m: prune.l1_unstructured(m, "weight", "a")),
        (ValueError, "should be smaller than the number", lambda m: prune.l1_unstructured(m, "weight", 25)),
        (ValueError, "applied to multidimensional", lambda m: prune.ln_structured(m, "bias", 1, 2, 0)),
        (IndexError, "out of range", lambda m: prune.random_structured(m, "weight", 1, 2)),
        (ValueError, "has to be pruned before", lambda m: prune.remove(m, "weight")),
        (ValueError, "importance_scores", lambda m: prune.l1_unstructured(m, "weight", 1, nt.ones(2))),
        (
            TypeError,
            "choose elements",
            lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=2),
        ),
        (TypeError, "pairs", lambda m: prune.global_unstructured(3, prune.L1Unstructured, amount=1)),
        (TypeError, "not a BasePruningMethod", lambda m: prune.PruningContainer().add_pruning_method(3)),
    ],
)
def test_refusals(error, words, call):
    m = layer()
    with pytest.raises(error, match=words):
        call(m)
    np.testing.assert_array_equal(m.weight.detach().numpy(), W)
    assert list(m.state_dict()) == ["weight", "bias"]
