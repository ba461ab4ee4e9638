"""Optimizers that need more than gradients (a closure, matrices), steps that autograd follows, states that go from one
library to the other, and steps by their published formulas."""

import inspect
import io
import warnings

import numpy as np
import pytest

import numtorch
from numtorch import optim

try:
    import torch
except ImportError:
    torch = None

LIBRARIES = [numtorch, *([torch] if torch else [])]
needs_torch = pytest.mark.skipif(torch is None, reason="compares with torch")
NAMES = [n for n, v in vars(optim).items() if isinstance(v, type) and v is not optim.Optimizer]
BY_FORMULA = [n for n in NAMES if hasattr(vars(optim)[n], "_formula")]


def weights(lib, *shapes, seed=0):
    rng = np.random.default_rng(seed)
    made = [lib.from_numpy(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in shapes]
    return made, rng


def give(lib, params, rng):
    for p in params:
        p.grad = lib.from_numpy(rng.standard_normal(tuple(p.shape)).astype(np.float32))


def minimized(lib, steps, **options):
    """A quartic of five numbers in two tensors."""
    rng = np.random.default_rng(0)
    a, b = (lib.from_numpy(rng.standard_normal(s).astype(np.float32)) for s in ((8, 5), 8))
    params = [lib.zeros(3, requires_grad=True), lib.zeros(2, requires_grad=True)]
    opt = lib.optim.LBFGS(params, **options)

    def closure():
        opt.zero_grad()
        x = lib.cat(params)
        loss = ((a @ x - b) ** 2).sum() + (x**4).sum()
        loss.backward()
        return loss

    losses = [opt.step(closure).item() for _ in range(steps)]
    return losses, [v for p in params for v in p.tolist()], opt


SEARCHES = [
    {"lr": 0.1, "max_iter": 8},
    {"line_search_fn": "strong_wolfe"},
    {"lr": 0.5, "max_iter": 5, "history_size": 2},
    {"max_iter": 3, "max_eval": 4, "line_search_fn": "strong_wolfe"},
]


@needs_torch
@pytest.mark.parametrize("options", SEARCHES)
def test_lbfgs_follows_torch(options):
    (mine, x, a), (other, y, b) = (minimized(lib, 4, **options) for lib in (numtorch, torch))
    np.testing.assert_allclose(mine, other, rtol=1e-5)
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)
    a, b = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert set(a) == set(b)
    assert (a["n_iter"], a["func_evals"]) == (b["n_iter"], b["func_evals"])
    assert len(a["old_dirs"]) == len(b["old_dirs"]) and len(a["al"]) == len(b["al"])


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_where_the_gradient_is_zero(search):
    x = numtorch.tensor([-1.2, 1.0], dtype=numtorch.float64, requires_grad=True)
    opt = optim.LBFGS([x], lr=1 if search else 0.2, max_iter=100, line_search_fn=search)

    def closure():
        opt.zero_grad()
        loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        loss.backward()
        return loss

    for _ in range(6):
        opt.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), [1, 1], atol=1e-3)


def test_lbfgs_stands_a_loss_without_a_slope_or_a_bottom():
    w = numtorch.tensor([1.0], requires_grad=True)
    opt = optim.LBFGS([w], line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = (w * 3).sum()
        loss.backward()
        return loss

    opt.step(closure)
    assert numtorch.isfinite(w).all() and w.item() < 1


@pytest.mark.parametrize("lib", LIBRARIES)
def test_lbfgs_refuses(lib):
    w, v = (lib.ones(1, requires_grad=True) for _ in range(2))
    with pytest.raises(TypeError, match="closure"):
        lib.optim.LBFGS([w]).step()
    with pytest.raises(ValueError, match="parameter groups"):
        lib.optim.LBFGS([{"params": [w]}, {"params": [v]}])
    opt = lib.optim.LBFGS([w], line_search_fn="golden")

    def closure():
        loss = (w * w).sum()
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        opt.step(closure)


@needs_torch
@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw"}])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_muon_follows_torch(options, shape):
    (p,), rng = weights(numtorch, shape)
    (q,), same = weights(torch, shape)
    a, b = optim.Muon([p], lr=0.01, **options), torch.optim.Muon([q], lr=0.01, **options)
    for _ in range(50):
        give(numtorch, [p], rng)
        give(torch, [q], same)
        a.step()
        b.step()
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), atol=3e-4)  # roundings to bfloat16
    np.testing.assert_allclose(a.state[p]["momentum_buffer"].numpy(), b.state[q]["momentum_buffer"].numpy(), atol=1e-6)
    assert repr(a) == repr(b)


def test_muon_steps_along_a_matrix_that_is_nearly_orthogonal():
    (p,), rng = weights(numtorch, (6, 4))
    before = p.detach().numpy().copy()
    opt = optim.Muon([p], lr=1.0, weight_decay=0.0)
    give(numtorch, [p], rng)
    opt.step()
    sizes = np.linalg.svd(before - p.detach().numpy(), compute_uv=False) / np.sqrt(6 / 4)
    assert ((sizes > 0.5) & (sizes < 1.5)).all()


@pytest.mark.parametrize("lib", LIBRARIES)
def test_bad_input_of_the_rarer_ones(lib):
    w, o = lib.ones(2, requires_grad=True), lib.optim
    bad = [
        (o.Adadelta, {"rho": 1.5}, "Invalid rho value: 1.5"),
        (o.Adadelta, {"lr": -1}, "Invalid learning rate: -1"),
        (o.Adamax, {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
        (o.NAdam, {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
        (o.RAdam, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (o.ASGD, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (o.Rprop, {"etas": (1.5, 0.5)}, "Invalid eta values: 1.5, 0.5"),
        (o.Adagrad, {"lr_decay": -1}, "Invalid lr_decay value: -1"),
        (o.LBFGS, {"lr": -1}, "Invalid learning rate: -1"),
        (o.SparseAdam, {"lr": 0.0}, "Invalid learning rate: 0.0"),
        (o.SparseAdam, {"eps": 0.0}, "Invalid epsilon value: 0.0"),
        (o.Adafactor, {"lr": -1}, "Learning rate should be >= 0 but is: -1"),
        (o.Adafactor, {"beta2_decay": 1}, "beta2_decay should be <= 0 but is: 1"),
        (o.Adafactor, {"eps": (-1, 0.1)}, "epsilon1 should be >= 0 but is: -1"),
        (o.Adafactor, {"eps": (None, -1)}, "epsilon2 should be >= 0 but is: -1"),
        (o.Adafactor, {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
        (o.Muon, {"weight_decay": -1}, "weight decay should be >= 0 but is: -1"),
        (o.Muon, {"adjust_lr_fn": "big"}, "Adjust learning rate function big is not supported"),
        (o.Muon, {}, "Muon only supports 2D parameters"),
    ]
    for made, options, said in bad:
        with pytest.raises(ValueError, match=said):
            made([w], **options)
    with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
        o.Adam([w], fused=True, differentiable=True)
    z = lib.ones(2, 2, dtype=lib.complex64, requires_grad=True)
    with pytest.raises(ValueError, match="SparseAdam does not support complex parameters"):
        o.SparseAdam([z])
    z.grad = lib.ones(2, 2, dtype=lib.complex64)
    for made in (o.Adafactor, o.Muon):
        with pytest.raises(RuntimeError, match="does not support complex parameters"):
            made([z]).step()
    w.grad = lib.ones(2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        o.SparseAdam([w]).step()
    m = lib.ones(2, 2, requires_grad=True)
    m.grad = lib.ones(2, 2)
    for options, said in (({"ns_steps": 100}, "less than 100"), ({"ns_coefficients": (1, 2)}, "exactly 3 values")):
        with pytest.raises(ValueError, match=said):
            o.Muon([m], **options).step()


@needs_torch
@pytest.mark.parametrize("name", NAMES)
def test_signatures_defaults_and_text_are_torchs(name):
    mine, other = getattr(optim, name), getattr(torch.optim, name)
    a, b = ([(k, v.kind, v.default) for k, v in inspect.signature(m).parameters.items()] for m in (mine, other))
    assert a == b
    p, q = (lib.zeros(2, 2, requires_grad=True) for lib in (numtorch, torch))
    a, b = mine([p]), other([q])
    assert repr(a) == repr(b)
    assert a.defaults == b.defaults and list(a.defaults) == list(b.defaults)


@needs_torch
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("SparseAdam", "Muon")])
def test_states_go_to_torch_and_back(name):
    shapes = [(3, 2), (4,)]
    options = {"lr": 0.05} | ({"momentum": 0.9} if name == "SGD" else {"amsgrad": True} if name == "Adam" else {})

    def run(lib, opt, params, rng, steps):
        def closure():
            opt.zero_grad()
            loss = sum(((p - 1) ** 2).sum() for p in params)
            loss.backward()
            return loss

        for _ in range(steps):
            if name != "LBFGS":
                give(lib, params, rng)
            opt.step(closure if name == "LBFGS" else None)

    def carried(state, lib):
        if isinstance(state, dict):
            return {k: carried(v, lib) for k, v in state.items()}
        if isinstance(state, list):
            return [carried(v, lib) for v in state]
        return lib.from_numpy(np.array(state.numpy())) if hasattr(state, "numpy") else state

    for here, there in ((numtorch, torch), (torch, numtorch)):
        ours, rng = weights(here, *shapes)
        a = getattr(here.optim, name)(ours, **options)
        run(here, a, ours, rng, 3)
        theirs, same = weights(there, *shapes)
        with there.no_grad():
            for p, q in zip(ours, theirs, strict=True):
                q.copy_(there.from_numpy(p.detach().numpy().copy()))
        b = getattr(there.optim, name)(theirs)
        b.load_state_dict(carried(a.state_dict(), there))
        rng, same = np.random.default_rng(7), np.random.default_rng(7)
        run(here, a, ours, rng, 5)
        run(there, b, theirs, same, 5)
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("SparseAdam", "LBFGS")])
def test_a_saved_state_goes_on_as_if_nothing_had_been(name):
    params, rng = weights(numtorch, (3, 2))
    opt = getattr(optim, name)(params, lr=0.05)
    for _ in range(3):
        give(numtorch, params, rng)
        opt.step()
    file = io.BytesIO()
    numtorch.save([opt.state_dict(), params[0].detach()], file)
    file.seek(0)
    state, value = numtorch.load(file)
    again = value.requires_grad_()
    other = getattr(optim, name)([again])
    other.load_state_dict(state)
    for _ in range(3):
        give(numtorch, params, rng)
        again.grad = params[0].grad.clone()
        opt.step()
        other.step()
    assert again.tolist() == params[0].tolist()


DIFFERENTIABLE = [(n, {"lr": 0.1} | ({"amsgrad": True} if n == "Adam" else {})) for n in BY_FORMULA]


@pytest.mark.parametrize(("name", "options"), DIFFERENTIABLE)
def test_autograd_follows_differentiable_steps(name, options):
    """Against a small change of the start and of the gradient, and against steps that are not followed."""

    def after(shift=0.0, stretch=0.0, followed=True):
        start = numtorch.tensor([1.0, 2.0], dtype=numtorch.float64, requires_grad=True)
        factor = numtorch.tensor(1.0 + stretch, dtype=numtorch.float64, requires_grad=True)
        p = start + shift if followed else (start.detach() + shift).requires_grad_()
        opt = getattr(optim, name)([p], differentiable=followed, **options)
        for g in ([0.5, -1.0], [0.25, 1.0], [1.0, 0.5]):
            g = numtorch.tensor(g, dtype=numtorch.float64) * factor
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                p.grad = g if followed else g.detach()
            opt.step()
        return p, start, factor

    p, start, factor = after()
    p.sum().backward()
    assert p.tolist() == pytest.approx(after(followed=False)[0].tolist(), rel=1e-12)
    tiny = 1e-6
    by_shift = (after(tiny)[0].sum() - after(-tiny)[0].sum()).item() / (2 * tiny)
    by_stretch = (after(0, tiny)[0].sum() - after(0, -tiny)[0].sum()).item() / (2 * tiny)
    assert start.grad.sum().item() == pytest.approx(by_shift, abs=1e-5)
    assert (0 if factor.grad is None else factor.grad.item()) == pytest.approx(by_stretch, abs=1e-5)


def steps_by_hand(x, grads, name):
    """The published algorithms, in double precision and with the options that the test passes."""
    m, v, u = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    size, before, product = np.full_like(x, 0.1), np.zeros_like(x), 1.0
    for t, g in enumerate(grads, 1):
        if name == "Adadelta":
            v = 0.9 * v + 0.1 * g**2
            s = g * np.sqrt((u + 1e-6) / (v + 1e-6))
            u = 0.9 * u + 0.1 * s**2
            x = x - 0.1 * s
        elif name == "Adamax":
            m, u = 0.9 * m + 0.1 * g, np.maximum(0.999 * u, abs(g) + 1e-8)
            x = x - 0.1 / (1 - 0.9**t) * m / u
        elif name == "NAdam":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            now, ahead = (0.9 * (1 - 0.5 * 0.96 ** (s * 4e-3)) for s in (t, t + 1))
            product *= now
            along = (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * m
            x = x - 0.1 * along / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        elif name == "RAdam":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            n = 1999 - 2 * t * 0.999**t / (1 - 0.999**t)
            r = np.sqrt((n - 4) * (n - 2) * 1999 / (1995 * 1997 * n)) if n > 5 else 1.0
            x = x - 0.1 * r * m / (1 - 0.9**t) / ((np.sqrt(v) + 1e-8) / np.sqrt(1 - 0.999**t) if n > 5 else 1.0)
        elif name == "ASGD":
            eta = 0.1 / (1 + 1e-4 * 0.1 * (t - 1)) ** 0.75
            x = x * (1 - 1e-4 * eta) - eta * g
        elif name == "Rprop":
            turned = g * before < 0
            size = np.clip(size * np.where(g * before > 0, 1.2, np.where(turned, 0.5, 1.0)), 1e-6, 50)
            before = np.where(turned, 0.0, g)
            x = x - size * np.sign(before)
    return x


@pytest.mark.parametrize("name", ["Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"])
def test_steps_are_those_of_the_papers(name):
    rng = np.random.default_rng(5)
    x, grads = rng.standard_normal((3, 4)), rng.standard_normal((12, 3, 4))
    p = numtorch.from_numpy(x.copy()).requires_grad_()
    opt = getattr(optim, name)([p], lr=0.1)
    for g in grads:
        p.grad = numtorch.from_numpy(g)
        opt.step()
    np.testing.assert_allclose(p.detach().numpy(), steps_by_hand(x, grads, name), rtol=1e-5)
