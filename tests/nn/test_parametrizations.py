"""Parametrizations and both kinds of weight and spectral norm: by their formulas, and step by step as torch's."""

import copy
import pickle

import numpy as np
import pytest

import numtorch as nt

parametrize, parametrizations = nt.nn.utils.parametrize, nt.nn.utils.parametrizations
X = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)


class Symmetric(nt.nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


class Twice(nt.nn.Module):
    def forward(self, x):
        return 2 * x


def numpy(t):
    return t.detach().numpy()


def test_a_tensor_is_computed_when_it_is_read():
    layer = nt.nn.Linear(6, 6)
    w = numpy(layer.weight).copy()
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert type(layer).__name__ == "ParametrizedLinear" and isinstance(layer, nt.nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nt.nn.Linear
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    np.testing.assert_array_equal(numpy(layer.weight), np.triu(w) + np.triu(w, 1).T)
    parametrize.register_parametrization(layer, "weight", Twice())
    np.testing.assert_array_equal(numpy(layer.weight), 2 * (np.triu(w) + np.triu(w, 1).T))
    with pytest.raises(RuntimeError, match="Twice does not implement right_inverse"):
        layer.weight = layer.weight.detach()
    layer(nt.from_numpy(X)).sum().backward()
    assert layer.parametrizations.weight.original.grad.shape == (6, 6)
    other = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nt.nn.Linear and isinstance(layer.weight, nt.nn.Parameter) and not layer._modules
    assert list(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(numpy(other.weight), numpy(layer.weight))
    parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)
    np.testing.assert_array_equal(numpy(other.weight), np.triu(w))


def test_assigning_and_the_cache():
    layer = parametrize.register_parametrization(nt.nn.Linear(3, 3), "weight", Symmetric())
    layer.weight = nt.eye(3)
    np.testing.assert_array_equal(numpy(layer.weight), np.eye(3))
    assert layer.weight is not layer.weight
    with parametrize.cached():
        assert layer.weight is layer.weight
    moved = parametrize.transfer_parametrizations_and_params(layer, nt.nn.Linear(3, 3))
    np.testing.assert_array_equal(numpy(moved.weight), np.eye(3))


class Narrow(nt.nn.Module):
    def forward(self, x):
        return x[:2]


class Half(nt.nn.Module):
    def forward(self, x):
        return x.double()


@pytest.mark.parametrize(
    "error, words, call",
    [
        (ValueError, "does not have a parameter", lambda m: parametrize.register_parametrization(m, "w", Twice())),
        (ValueError, "changes the shape", lambda m: parametrize.register_parametrization(m, "weight", Narrow())),
        (ValueError, "changes the dtype", lambda m: parametrize.register_parametrization(m, "weight", Half())),
        (ValueError, "not have a parametrization", lambda m: parametrize.remove_parametrizations(m, "weight")),
        (ValueError, "at least one", lambda m: parametrize.ParametrizationList([], m.weight)),
        (RuntimeError, "cannot be pickled", lambda m: pickle.dumps(parametrizations.weight_norm(m))),
        (ValueError, "has to be one of", lambda m: parametrizations.orthogonal(m, orthogonal_map="qr")),
        (ValueError, "a matrix", lambda m: parametrizations.orthogonal(m, "bias")),
        (ValueError, "to be positive", lambda m: parametrizations.spectral_norm(m, n_power_iterations=0)),
        (IndexError, "out of range", lambda m: parametrizations.spectral_norm(m, dim=2)),
        (ValueError, "not found", nt.nn.utils.remove_weight_norm),
        (ValueError, "not found", nt.nn.utils.remove_spectral_norm),
    ],
)
def test_refusals(error, words, call):
    layer = nt.nn.Linear(3, 3)
    with pytest.raises(error, match=words):
        call(layer)


def test_a_shape_may_change_where_it_is_said():
    layer = parametrize.register_parametrization(nt.nn.Linear(3, 3), "weight", Narrow(), unsafe=True)
    assert layer.weight.shape == (2, 3) and layer.parametrizations.weight.unsafe


def test_by_their_formulas():
    w = numpy(parametrizations.orthogonal(nt.nn.Linear(6, 4), orthogonal_map="cayley").weight)
    np.testing.assert_allclose(w @ w.T, np.eye(4), atol=1e-5)
    layer = nt.nn.Linear(6, 4)
    w = numpy(layer.weight).copy()
    parametrizations.spectral_norm(layer).weight  # noqa: B018 - a step
    for _ in range(20):
        found = numpy(layer.weight)
    np.testing.assert_allclose(found, w / np.linalg.svd(w)[1][0], rtol=1e-3)
    layer = parametrizations.weight_norm(nt.nn.Linear(6, 4), dim=None)
    g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    np.testing.assert_allclose(numpy(layer.weight), numpy(g) * numpy(v) / np.linalg.norm(numpy(v)), rtol=1e-5)


def kinds(f):
    old, new = f.nn.utils, f.nn.utils.parametrizations
    return {
        "weight_norm": new.weight_norm,
        "weight_norm of columns": lambda m: new.weight_norm(m, dim=1),
        "weight_norm of all, and a bias": lambda m: new.weight_norm(new.spectral_norm(m, "bias"), dim=None),
        "spectral_norm": new.spectral_norm,
        "matrix_exp": lambda m: new.orthogonal(m, orthogonal_map="matrix_exp"),
        "cayley": lambda m: new.orthogonal(m, orthogonal_map="cayley", use_trivialization=False),
        "householder": new.orthogonal,
        "older weight_norm": old.weight_norm,
        "older spectral_norm": old.spectral_norm,
    }


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", kinds(nt))
def test_steps_of_training(kind):
    torch = pytest.importorskip("torch")
    ours, theirs = kinds(nt)[kind](nt.nn.Linear(6, 4)), kinds(torch)[kind](torch.nn.Linear(6, 4))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(numpy(v).copy()) for k, v in ours.state_dict().items()})
    for _ in range(2):
        for f, m in ((nt, ours), (torch, theirs)):
            m.zero_grad()
            m(f.from_numpy(X)).square().sum().backward()
            with f.no_grad():
                for p in m.parameters():
                    p -= 0.01 * p.grad
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(numpy(ours.state_dict()[name]), value, rtol=1e-3, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(
        numpy(ours(nt.from_numpy(X))), theirs(torch.from_numpy(X)).detach(), rtol=1e-3, atol=1e-4
    )


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_older_files_load_into_the_newer_kind():
    old = nt.nn.utils.weight_norm(nt.nn.Linear(6, 4))
    new = parametrizations.weight_norm(nt.nn.Linear(6, 4))
    new.load_state_dict(old.state_dict())
    np.testing.assert_array_equal(numpy(new(nt.from_numpy(X))), numpy(old(nt.from_numpy(X))))
    assert isinstance(nt.nn.utils.remove_weight_norm(old).weight, nt.nn.Parameter)
    normed = nt.nn.utils.spectral_norm(nt.nn.Linear(6, 4))
    kept = normed.state_dict()
    v = numpy(kept.pop("weight_v"))
    kept._metadata.clear()  # of a version before it was saved
    normed.load_state_dict(kept)
    assert abs(v @ numpy(normed.weight_v)) > 0.9 * np.linalg.norm(numpy(normed.weight_v))
    assert not nt.nn.utils.remove_spectral_norm(normed)._load_state_dict_pre_hooks
