"""Optimizers against torch's, step by step, and the API around them."""

import copy
import math
import pickle

import numpy as np
import pytest

import numtorch
from numtorch import optim

torch = pytest.importorskip("torch")

# Compiled and plain updates are compared in test_update_kernels; here a few are compared with torch's at once.
formulas = pytest.mark.plain(but=r"SGD-options[03]|\[Adam-options0")
ALONE = ("LBFGS", "Muon", "SparseAdam")  # they need a closure, matrices, sparse gradients: test_other_optimizers
OPTIMIZERS = {
    name: value
    for name, value in vars(optim).items()
    if isinstance(value, type) and value is not optim.Optimizer and name not in ALONE
}
CASES = [(name, options) for name, made in OPTIMIZERS.items() for options in made.samples]
FEW = [(name, OPTIMIZERS[name].samples[i]) for name, i in (("Adam", 0), ("AdamW", 1), ("RMSprop", 1), ("SGD", 3))]
SHAPES = [(7, 5), (5,), (), (0,), (3, 2, 2)]


def pair(shapes=SHAPES, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    values = [np.asarray(rng.standard_normal(s), dtype) for s in shapes]
    ours = [numtorch.from_numpy(v.copy()).requires_grad_() for v in values]
    theirs = [torch.from_numpy(v.copy()).requires_grad_() for v in values]
    return ours, theirs, rng


def give(ours, theirs, rng, dtype=np.float32):
    for p, q in zip(ours, theirs, strict=True):
        g = np.asarray(rng.standard_normal(tuple(p.shape)), dtype)
        p.grad, q.grad = numtorch.from_numpy(g.copy()), torch.from_numpy(g.copy())


def same(ours, theirs, rtol, atol):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_can_be_tested(name):
    assert OPTIMIZERS[name].samples, f"{name} lacks samples: options with which it is compared with torch's"


@formulas
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_sixty_steps_give_torchs_parameters_and_state(name, options, dtype):
    shapes = [s for s in SHAPES if name != "Adafactor" or 0 not in s]  # torch's divides by their number of elements
    ours, theirs, rng = pair(shapes, dtype=dtype)
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for _ in range(60):
        give(ours, theirs, rng, dtype)
        a.step()
        b.step()
    tight = {"rtol": 1e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    same(ours, theirs, **tight)
    mine, other = a.state_dict(), b.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert list(mine["state"]) == list(other["state"])
    for k, state in other["state"].items():
        assert list(mine["state"][k]) == list(state)
        for key, value in state.items():
            got = mine["state"][k][key]
            assert repr(got.dtype) == repr(value.dtype), key
            np.testing.assert_allclose(got.numpy(), value.numpy(), **tight, err_msg=key)


@pytest.mark.parametrize(("name", "options"), FEW[1:])
def test_large_parameters_run_in_parallel_with_the_same_result(name, options):
    ours, theirs, rng = pair([(300, 400)])
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for _ in range(3):
        give(ours, theirs, rng)
        a.step()
        b.step()
    same(ours, theirs, 1e-5, 1e-6)


@formulas
@pytest.mark.parametrize(("name", "options"), CASES)
def test_parameters_and_gradients_that_are_not_contiguous(name, options):
    ours, theirs, rng = pair([(6, 4)])
    mine = ours[0].detach().t().requires_grad_()
    other = theirs[0].detach().t().requires_grad_()
    assert not mine.is_contiguous()
    a, b = getattr(optim, name)([mine], **options), getattr(torch.optim, name)([other], **options)
    for step in range(5):
        g = rng.standard_normal((6, 4) if step % 2 else (4, 6)).astype(np.float32)
        g = g.T if step % 2 else g
        mine.grad, other.grad = numtorch.from_numpy(g), torch.from_numpy(g)
        a.step()
        b.step()
    same([mine], [other], 1e-5, 1e-6)
    np.testing.assert_allclose(ours[0].detach().numpy(), mine.detach().numpy().T)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_half_parameters(name, dtype):
    ours, theirs, rng = pair([(33,)])
    mine = ours[0].detach().to(getattr(numtorch, dtype)).requires_grad_()
    other = theirs[0].detach().to(getattr(torch, dtype)).requires_grad_()
    options = {"lr": 0.01, **({"momentum": 0.9} if name == "SGD" else {"eps": 1e-3})}
    a, b = getattr(optim, name)([mine], **options), getattr(torch.optim, name)([other], **options)
    for _ in range(10):
        g = rng.standard_normal(33).astype(np.float32)
        mine.grad = numtorch.from_numpy(g).to(mine.dtype)
        other.grad = torch.from_numpy(g).to(other.dtype)
        a.step()
        b.step()
    np.testing.assert_allclose(mine.detach().float().numpy(), other.detach().float().numpy(), rtol=0.03, atol=0.03)


@formulas
def test_nan_and_infinite_gradients_do_what_they_do_in_torch():
    for name, options in CASES:
        ours, theirs, rng = pair([(4,)])
        a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
        for values in ([1, np.nan, np.inf, 0], [1, 1, 1, 0]):
            g = np.array(values, np.float32)
            ours[0].grad, theirs[0].grad = numtorch.from_numpy(g.copy()), torch.from_numpy(g.copy())
            a.step()
            b.step()
        np.testing.assert_allclose(
            ours[0].detach().numpy(), theirs[0].detach().numpy(), rtol=1e-5, atol=1e-6, err_msg=f"{name} {options}"
        )


LARGE = [
    ("Adam", {"lr": 0.1}, 3e19),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}, 3e19),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "betas": (0.9, 0.9999)}, 1e21),
    ("AdamW", {"lr": 0.1}, 3e19),
    ("AdamW", {"lr": 0.1, "amsgrad": True}, -3e20),
    ("RMSprop", {"lr": 0.1}, 3e19),
    ("RMSprop", {"lr": 0.1, "alpha": 0.999, "momentum": 0.9}, -3e20),
    ("RMSprop", {"lr": 0.1, "centered": True}, 3e19),
    ("SGD", {"lr": 1e-38, "momentum": 0.9}, 1.5e38),
    ("SGD", {"lr": 1e-38, "momentum": 0.9, "nesterov": True}, 2e38),
]


@pytest.mark.plain(but=r"\[Adam-options0-.*(bfloat16|float32)")
@pytest.mark.parametrize("layout", ["contiguous", "strided"])
@pytest.mark.parametrize(("dtype", "share"), [("float32", 1.0), ("bfloat16", 1.0), ("float16", 0.0)])
@pytest.mark.parametrize(("name", "options", "size"), LARGE)
def test_large_gradients_move_parameters_as_exact_numbers_would(name, options, size, dtype, share, layout):
    """Squares of such gradients overflow; their mean, that is kept, does not."""
    size = size if share else math.copysign(1500.0, size)  # in float16 its square overflows too
    if name == "SGD" and not share:
        options, size = {**options, "lr": 1e-4}, 38000.0
    cast, wide = getattr(numtorch, dtype), torch.float64
    mine = numtorch.full((6, 2), 0.5, dtype=cast)
    mine = (mine[:, 0] if layout == "strided" else mine[0:3].reshape(6)).detach().requires_grad_()
    other = torch.full((6,), 0.5, dtype=wide, requires_grad=True)
    a, b = getattr(optim, name)([mine], **options), getattr(torch.optim, name)([other], **options)
    for factor in (1.0, 0.5):
        g = numtorch.tensor([size * factor * r for r in (1, -1, 0.5, 0.25, 1e-3, 0)], dtype=cast)
        mine.grad, other.grad = g, torch.from_numpy(g.double().numpy())
        a.step()
        b.step()
    tolerance = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 5e-3}[dtype]
    np.testing.assert_allclose(mine.detach().double().numpy(), other.detach().numpy(), rtol=tolerance, atol=tolerance)
    for key, state in a.state[mine].items():
        assert numtorch.isfinite(state).all(), key


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_centred_steps_along_a_constant_gradient_are_numbers(dtype, momentum):
    """The variance goes to 0 and rounds to either side of it."""
    g = numtorch.from_numpy(np.random.default_rng(0).standard_normal(500)).to(getattr(numtorch, dtype))
    w = numtorch.ones(500, dtype=g.dtype, requires_grad=True)
    opt = optim.RMSprop([w], lr=1e-9, centered=True, momentum=momentum, alpha=0.9)
    w.grad = g
    for _ in range(600):
        opt.step()
    assert numtorch.isfinite(w).all() and ((w - 1).sign() == -g.sign()).all()


def test_training_a_small_network_follows_torch():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((16, 8)).astype(np.float32), rng.standard_normal((16, 3)).astype(np.float32)
    values = [rng.standard_normal(s).astype(np.float32) * 0.3 for s in ((8, 10), (10,), (10, 3), (3,))]

    def train(lib):
        ps = [lib.from_numpy(v.copy()).requires_grad_() for v in values]
        opt = lib.optim.Adam(ps, lr=0.01, weight_decay=0.01)
        a, b = lib.from_numpy(x), lib.from_numpy(y)
        losses = []
        for _ in range(50):
            loss = (((a @ ps[0] + ps[1]).relu() @ ps[2] + ps[3] - b) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        return losses

    np.testing.assert_allclose(train(numtorch), train(torch), rtol=1e-4)


def test_a_step_makes_values_saved_before_it_stale():
    w = numtorch.tensor([1.0, 2.0], requires_grad=True)
    opt = optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    before = w._version
    opt.step()
    assert w._version == before + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_parameters_without_gradient_are_left_alone():
    a, b = (numtorch.ones(2, requires_grad=True) for _ in range(2))
    opt = optim.Adam([a, b])
    a.grad = numtorch.ones(2)
    opt.step()
    assert a.tolist() != [1, 1]
    assert b.tolist() == [1, 1]
    assert list(opt.state) == [a]


def test_zero_grad():
    w = numtorch.ones(2, requires_grad=True)
    opt = optim.SGD([w], lr=0.1)
    (w * w).sum().backward(create_graph=True)
    g = w.grad
    opt.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0]
    assert not w.grad.requires_grad
    assert g.tolist() == [0, 0]  # the same memory, as in torch
    opt.zero_grad()
    assert w.grad is None


def test_closure():
    w = numtorch.tensor([3.0], requires_grad=True)
    opt = optim.SGD([w], lr=0.1)

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with numtorch.no_grad():
        assert opt.step(closure).item() == 9.0
    assert w.item() == pytest.approx(2.4)


def test_groups_with_their_own_options():
    ours, theirs, rng = pair([(3,), (2,), (4,)])

    def build(lib, ps):
        opt = lib.SGD([{"params": ps[0], "lr": 0.5}, {"params": [ps[1]], "momentum": 0.9}], lr=0.1)
        opt.add_param_group({"params": [ps[2]], "weight_decay": 0.1})
        return opt

    a, b = build(optim, ours), build(torch.optim, theirs)
    for _ in range(3):
        give(ours, theirs, rng)
        a.step()
        b.step()
    same(ours, theirs, 1e-5, 1e-6)
    assert repr(a) == repr(b)


def test_named_parameters():
    ps = [("w", numtorch.ones(2, requires_grad=True)), ("b", numtorch.ones(1, requires_grad=True))]
    opt = optim.Adam(ps)
    assert opt.param_groups[0]["param_names"] == ["w", "b"]
    assert opt.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    with pytest.raises(ValueError, match="with/without names"):
        opt.add_param_group({"params": [numtorch.ones(1, requires_grad=True)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([ps[0], ps[1][1]], lr=0.1)


@pytest.mark.parametrize(("lib", "tensor"), [(optim, numtorch.ones), (torch.optim, torch.ones)])
def test_errors_are_torchs(lib, tensor):
    w = tensor(2, requires_grad=True)
    with pytest.raises(TypeError, match="iterable of Tensors or dicts"):
        lib.SGD(w, lr=0.1)
    with pytest.raises(ValueError, match="empty parameter list"):
        lib.SGD([], lr=0.1)
    with pytest.raises(TypeError, match="can only optimize Tensors"):
        lib.SGD([1.0], lr=0.1)
    with pytest.raises(ValueError, match="non-leaf"):
        lib.SGD([w * 2], lr=0.1)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        lib.SGD([w], lr=-1)
    with pytest.raises(ValueError, match="Invalid momentum value"):
        lib.SGD([w], lr=0.1, momentum=-0.1)
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum and zero dampening"):
        lib.SGD([w], lr=0.1, nesterov=True)
    with pytest.raises(ValueError, match="Invalid beta parameter at index 1: 1.0"):
        lib.Adam([w], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="Invalid epsilon value"):
        lib.AdamW([w], eps=-1.0)
    with pytest.raises(ValueError, match="Invalid weight_decay value"):
        lib.RMSprop([w], weight_decay=-1.0)
    with pytest.raises(ValueError, match="Invalid alpha value"):
        lib.RMSprop([w], alpha=-1.0)
    with pytest.raises(RuntimeError, match="cannot be `True` together"):
        lib.Adam([w], fused=True, foreach=True)
    opt = lib.SGD([w], lr=0.1)
    with pytest.raises(ValueError, match="more than one parameter group"):
        opt.add_param_group({"params": w})
    with pytest.raises(TypeError, match="ordered collections"):
        opt.add_param_group({"params": {tensor(1, requires_grad=True)}})
    with pytest.raises(TypeError, match="must be a dict"):
        opt.add_param_group([w])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        lib.SGD([w, w], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        opt.load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        opt.load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]})


def test_required_options():
    class Mine(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": optim.optimizer.required})

    w = numtorch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Mine([w])
    with pytest.raises(NotImplementedError, match="must define step"):
        Mine([{"params": [w], "lr": 0.1}]).step()


def test_state_of_another_model_is_refused_not_written_past_its_end():
    a, b = numtorch.ones(4, requires_grad=True), numtorch.ones(2, requires_grad=True)
    first, second = optim.Adam([a]), optim.Adam([b])
    b.grad = numtorch.ones(2)
    second.step()
    first.load_state_dict(second.state_dict())
    a.grad = numtorch.ones(4)
    with pytest.raises(RuntimeError, match="state of shape"):
        first.step()


def test_learning_rate_as_a_tensor():
    ours, theirs, rng = pair([(3,)])
    a = optim.SGD(ours, lr=numtorch.tensor(0.1))
    b = torch.optim.SGD(theirs, lr=torch.tensor(0.1))
    give(ours, theirs, rng)
    a.step()
    b.step()
    same(ours, theirs, 1e-6, 1e-7)
    with pytest.raises(ValueError, match="1-element"):
        optim.SGD(ours, lr=numtorch.ones(2))


@pytest.mark.parametrize(("name", "options"), FEW)
@pytest.mark.parametrize("how", ["state_dict", "pickle", "deepcopy"])
def test_restored_training_goes_on_bit_for_bit(name, options, how):
    ours, theirs, rng = pair()
    opt = getattr(optim, name)(ours, **options)
    for _ in range(3):
        give(ours, theirs, rng)
        opt.step()
    if how == "state_dict":
        restored = [p.detach().clone().requires_grad_() for p in ours]
        again = getattr(optim, name)(restored, lr=9.0)
        state = opt.state_dict()
        again.load_state_dict(state)
        assert state["param_groups"][0]["params"] == [0, 1, 2, 3, 4]
        assert again.param_groups[0]["lr"] == options["lr"]
    else:
        again = pickle.loads(pickle.dumps(opt)) if how == "pickle" else copy.deepcopy(opt)
        restored = again.param_groups[0]["params"]
        assert all(p is not q for p, q in zip(restored, ours, strict=True))
    for _ in range(3):
        give(ours, theirs, rng)
        for p, q in zip(ours, restored, strict=True):
            q.grad = p.grad.clone()
        opt.step()
        again.step()
    for p, q in zip(ours, restored, strict=True):
        assert p.detach().numpy().tobytes() == q.detach().numpy().tobytes()
    assert repr(opt) == repr(again)


def test_loading_casts_state_to_the_parameter_but_not_the_step():
    a = numtorch.ones(2, dtype=numtorch.float64, requires_grad=True)
    a.grad = numtorch.ones(2, dtype=numtorch.float64)
    first = optim.Adam([a])
    first.step()
    second = optim.Adam([numtorch.ones(2, requires_grad=True)])
    second.load_state_dict(first.state_dict())
    state = second.state[second.param_groups[0]["params"][0]]
    assert state["exp_avg"].dtype is numtorch.float32
    assert state["step"].item() == 1


def test_options_missing_from_an_older_state_take_their_defaults():
    w = numtorch.ones(2, requires_grad=True)
    opt = optim.AdamW([w], lr=0.5)
    opt.load_state_dict({"state": {}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "params": [0]}]})
    assert opt.param_groups[0]["amsgrad"] is False
    assert opt.param_groups[0]["decoupled_weight_decay"] is True
    assert opt.param_groups[0]["lr"] == 0.1


def test_hooks():
    w = numtorch.ones(1, requires_grad=True)
    opt = optim.SGD([w], lr=0.1)
    seen = []
    with (
        opt.register_step_pre_hook(lambda o, a, k: seen.append("pre")),
        opt.register_step_post_hook(lambda o, a, k: seen.append("post")),
        optim.optimizer.register_optimizer_step_pre_hook(lambda o, a, k: seen.append("global pre")),
        optim.optimizer.register_optimizer_step_post_hook(lambda o, a, k: seen.append("global post")),
    ):
        opt.step()
    opt.step()
    assert seen == ["global pre", "pre", "post", "global post"]
    with opt.register_step_pre_hook(lambda o, a, k: (a, {"closure": lambda: 5})):
        assert opt.step() == 5
    with (
        opt.register_step_pre_hook(lambda o, a, k: 3),
        pytest.raises(RuntimeError, match="must return None or a tuple"),
    ):
        opt.step()
    opt.register_state_dict_pre_hook(lambda o: seen.append("save"))
    opt.register_state_dict_post_hook(lambda o, s: {**s, "extra": 1})
    opt.register_load_state_dict_pre_hook(lambda o, s: {k: v for k, v in s.items() if k != "extra"})
    opt.register_load_state_dict_post_hook(lambda o: seen.append("loaded"), prepend=True)
    assert opt.state_dict()["extra"] == 1
    opt.load_state_dict(opt.state_dict())
    assert seen[-1] == "loaded"


def test_a_subclass_that_extends_step_runs_hooks_once():
    class Mine(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    opt = Mine([numtorch.ones(1, requires_grad=True)], lr=0.1)
    seen = []
    opt.register_step_post_hook(lambda *_: seen.append(1))
    opt.step()
    assert seen == [1]
