"""Schedules against torch's, epoch by epoch."""

import pytest

import numtorch
from numtorch import optim
from numtorch.optim import lr_scheduler

torch = pytest.importorskip("torch")

CASES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 8]}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.2, "end_factor": 0.8, "total_iters": 6}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.001}),
    ("OneCycleLR", {"max_lr": [0.4, 0.8], "total_steps": 25}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.4,
            "epochs": 5,
            "steps_per_epoch": 5,
            "three_phase": True,
            "anneal_strategy": "linear",
            "base_momentum": [0.8, 0.7],
        },
    ),
    ("LambdaLR", {"lr_lambda": lambda t: 0.95**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (t + 1), lambda t: 0.5]}),
    ("MultiplicativeLR", {"lr_lambda": [lambda t: 1 / (t + 1), lambda t: 0.5]}),
    ("PolynomialLR", {"total_iters": 7, "power": 1.5}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": [0.5, 0.7], "step_size_up": 3, "step_size_down": 5}),
    ("CyclicLR", {"base_lr": [0.1, 0.2], "max_lr": 0.5, "step_size_up": 3, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9}),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 4, "scale_fn": lambda t: 0.9**t, "scale_mode": "iterations"},
    ),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
]


def pair(kind="SGD"):
    return [
        getattr(lib.optim, kind)(
            [{"params": [lib.ones(1, requires_grad=True)]}, {"params": [lib.ones(2, requires_grad=True)], "lr": 0.3}],
            lr=0.1,
        )
        for lib in (numtorch, torch)
    ]


def advance(opt, schedule, *args):
    opt.step()
    schedule.step(*args)


def rates(opt):
    return [float(g["lr"]) for g in opt.param_groups]


def options_of(opt):
    return [{k: v for k, v in g.items() if k != "params"} for g in opt.param_groups]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rates_are_torchs(name, options, kind):
    ours, theirs = pair(kind)
    a, b = getattr(lr_scheduler, name)(ours, **options), getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for _ in range(24):
        assert a.get_last_lr() == b.get_last_lr()
        assert options_of(ours) == options_of(theirs)  # momentum as well
        assert a.last_epoch == b.last_epoch
        advance(ours, a)
        advance(theirs, b)
    assert rates(ours) == a.get_last_lr()


@pytest.mark.parametrize(
    ("name", "options"), [c for c in CASES if c[0].endswith(("StepLR", "ntLR", "arLR", "alLR", "gLR"))]
)
def test_a_given_epoch(name, options):
    ours, theirs = pair()
    a, b = getattr(lr_scheduler, name)(ours, **options), getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for t in (4, 9, 2):
        with pytest.warns(UserWarning, match="epoch parameter"):
            advance(ours, a, t)
        with pytest.warns(UserWarning, match="epoch parameter"):
            advance(theirs, b, t)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "factor": 0.5},
        {"patience": 1, "cooldown": 2, "threshold": 0.1},
        {"threshold_mode": "abs", "patience": 0},
        {"mode": "max", "threshold_mode": "abs", "patience": 0, "min_lr": 0.05},
        {"patience": 0, "min_lr": [0.02, 0.01], "factor": 0.3},
    ],
)
def test_plateau(options):
    ours, theirs = pair()
    a, b = (
        lr_scheduler.ReduceLROnPlateau(ours, **options),
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options),
    )
    for i in range(40):
        metric = [1.0, 0.9, 0.95, 0.9, 0.899, 1.2, 0.2, 0.3][i % 8]
        a.step(numtorch.tensor(metric, dtype=numtorch.float64))
        b.step(metric)
        assert rates(ours) == rates(theirs)
        assert (a.num_bad_epochs, a.cooldown_counter, a.last_epoch) == (
            b.num_bad_epochs,
            b.cooldown_counter,
            b.last_epoch,
        )
        assert a.best == pytest.approx(b.best)
    assert a.get_last_lr() == b.get_last_lr()
    assert a.get_last_lr() != [0.1, 0.3]


def test_plateau_after_a_group_was_added():
    (opt, _) = pair()
    schedule = lr_scheduler.ReduceLROnPlateau(opt, patience=0, min_lr=[0.0, 0.0])
    flexible = lr_scheduler.ReduceLROnPlateau(opt, patience=0)
    opt.add_param_group({"params": numtorch.ones(1, requires_grad=True)})
    schedule.step(1.0)
    flexible.step(1.0)
    with pytest.raises(RuntimeError, match="min_lrs"):
        schedule.step(2.0)
    flexible.step(2.0)
    assert rates(opt) == pytest.approx([0.01, 0.03, 0.01])


@pytest.mark.parametrize(("name", "options"), CASES)
def test_state_restores_the_schedule(name, options):
    first, _ = pair()
    second, _ = pair()
    a, b = getattr(lr_scheduler, name)(first, **options), getattr(lr_scheduler, name)(second, **options)
    for _ in range(4):
        advance(first, a)
    b.load_state_dict(a.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(6):
        advance(first, a)
        advance(second, b)
        assert rates(first) == rates(second)
    assert a.last_epoch == b.last_epoch == 10


def test_state_of_a_callable_object_is_its_fields():
    class Warm:
        def __init__(self, n):
            self.n = n

        def __call__(self, t):
            return min(1.0, (t + 1) / self.n)

    first, _ = pair()
    second, _ = pair()
    a = lr_scheduler.LambdaLR(first, [Warm(4), lambda t: 1.0])
    b = lr_scheduler.LambdaLR(second, [Warm(9), lambda t: 1.0])
    b.load_state_dict(a.state_dict())
    assert b.lr_lambdas[0].n == 4
    assert a.state_dict()["lr_lambdas"][1] is None


@pytest.mark.parametrize("lib", [numtorch, torch])
def test_order_of_steps_is_checked(lib):
    opt = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
    schedule = lib.optim.lr_scheduler.StepLR(opt, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        schedule.step()
    schedule.step()
    opt = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
    schedule = lib.optim.lr_scheduler.StepLR(opt, 1)
    opt.step()
    schedule.step()


def one_by_one(opt, s):
    warm = s.SequentialLR(opt, [s.LinearLR(opt, start_factor=0.1, total_iters=4), s.ExponentialLR(opt, 0.9)], [4])
    opt.step()  # the outer one begins with a step of the inner one
    return s.SequentialLR(opt, [warm, s.StepLR(opt, 2, 0.5), s.CosineAnnealingLR(opt, 5)], [7, 12])


def at_once(opt, s):
    return s.ChainedScheduler([s.ConstantLR(opt, 0.1, 4), s.ExponentialLR(opt, 0.9), s.MultiStepLR(opt, [3, 6])])


@pytest.mark.parametrize("made", [one_by_one, at_once])
def test_schedules_made_of_schedules(made):
    ours, theirs = pair()
    a, b = made(ours, lr_scheduler), made(theirs, torch.optim.lr_scheduler)
    other, _ = pair()
    restored = made(other, lr_scheduler)
    for t in range(20):
        assert a.get_last_lr() == b.get_last_lr() == rates(ours) == rates(theirs)
        if t == 10:
            restored.load_state_dict(a.state_dict())
            other.load_state_dict(ours.state_dict())
        advance(ours, a)
        advance(theirs, b)
        if t >= 10:
            advance(other, restored)
            assert restored.get_last_lr() == a.get_last_lr()


def test_restarts_at_any_moment():
    ours, theirs = pair()
    options = {"T_0": 3, "T_mult": 2}
    a = lr_scheduler.CosineAnnealingWarmRestarts(ours, **options)
    b = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(theirs, **options)
    for t in (0.5, 2.9, 3, 8.75, 9, 30.25, None, 1, None):
        a.step(t)
        b.step(t)
        assert a.get_last_lr() == b.get_last_lr()
        assert (a.T_cur, a.T_i, a.last_epoch) == (b.T_cur, b.T_i, b.last_epoch)


def test_closed_forms():
    """Without torch: the rates by their definitions."""
    opt, _ = pair()
    s = lr_scheduler.CyclicLR(opt, 1.0, 3.0, step_size_up=2, cycle_momentum=False, mode="triangular2")
    seen = []
    for _ in range(8):
        seen.append(s.get_last_lr()[0])
        advance(opt, s)
    assert seen == [1.0, 2.0, 3.0, 2.0, 1.0, 1.5, 2.0, 1.5]


@pytest.mark.parametrize("lib", [numtorch, torch])
def test_resuming_in_the_middle(lib):
    opt = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(KeyError, match="initial_lr"):
        lib.optim.lr_scheduler.StepLR(opt, 2, last_epoch=3)
    opt.param_groups[0]["initial_lr"] = 0.1
    schedule = lib.optim.lr_scheduler.StepLR(opt, 2, last_epoch=2)
    assert schedule.last_epoch == 3
    assert schedule.get_last_lr() == [0.1]
    cosine = lib.optim.lr_scheduler.CosineAnnealingLR(opt, 10, last_epoch=4)
    assert cosine.get_last_lr() == [0.1]
    opt.step()
    cosine.step()
    assert cosine.last_epoch == 6


@pytest.mark.parametrize("lib", [numtorch, torch])
def test_errors(lib):
    opt = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1)
    s = lib.optim.lr_scheduler
    with pytest.raises(TypeError, match="is not an Optimizer"):
        s.StepLR(3, 1)
    with pytest.raises(TypeError, match="is not an Optimizer"):
        s.ReduceLROnPlateau(3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        s.ConstantLR(opt, factor=2)
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        s.LinearLR(opt, start_factor=0)
    with pytest.raises(ValueError, match="Ending multiplicative factor"):
        s.LinearLR(opt, end_factor=2)
    with pytest.raises(ValueError, match="Factor should be < 1.0"):
        s.ReduceLROnPlateau(opt, factor=1.0)
    with pytest.raises(ValueError, match="mode other is unknown"):
        s.ReduceLROnPlateau(opt, mode="other")
    with pytest.raises(ValueError, match="threshold mode other is unknown"):
        s.ReduceLROnPlateau(opt, threshold_mode="other")
    with pytest.raises(ValueError, match="Expected 1 lr_lambdas"):
        s.LambdaLR(opt, [abs, abs])
    with pytest.raises(ValueError, match="either total_steps OR"):
        s.OneCycleLR(opt, 0.1, epochs=2)
    with pytest.raises(ValueError, match="Expected positive integer total_steps"):
        s.OneCycleLR(opt, 0.1, total_steps=0)
    with pytest.raises(ValueError, match="pct_start"):
        s.OneCycleLR(opt, 0.1, total_steps=4, pct_start=2.0)
    with pytest.raises(ValueError, match="anneal_strategy"):
        s.OneCycleLR(opt, 0.1, total_steps=4, anneal_strategy="up")
    with pytest.raises(TypeError, match="lr_lambda should be a function, but got int"):
        s.MultiplicativeLR(opt, 3)
    with pytest.raises(ValueError, match="mode is invalid and scale_fn is None"):
        s.CyclicLR(opt, 0.1, 1.0, mode="square")
    with pytest.raises(ValueError, match="base_lr must have the same length"):
        s.CyclicLR(opt, [0.1, 0.2], 1.0)
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        s.CyclicLR(lib.optim.Rprop([lib.ones(1, requires_grad=True)]), 0.1, 1.0)
    for wrong in ({"T_0": 0}, {"T_0": 1.5}, {"T_0": 2, "T_mult": 0}, {"T_0": 2, "eta_min": "low"}):
        with pytest.raises(ValueError, match="Expected .*but got"):
            s.CosineAnnealingWarmRestarts(opt, **wrong)
    with pytest.raises(ValueError, match="non-negative epoch"):
        s.CosineAnnealingWarmRestarts(opt, 2).step(-1)
    flat, plateau = s.ConstantLR(opt), s.ReduceLROnPlateau(opt)
    other = s.ConstantLR(lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.1))
    for made in (lambda parts: s.SequentialLR(opt, parts, [3] * len(parts[1:])), s.ChainedScheduler):
        with pytest.raises(ValueError, match="at least one scheduler"):
            made([])
        with pytest.raises(TypeError, match="should have `optimizer`"):
            made([flat, 3])
        with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
            made([flat, plateau])
        with pytest.raises(ValueError, match="belong to the same optimizer"):
            made([flat, other])
    with pytest.raises(ValueError, match="one more than the number of milestone points"):
        s.SequentialLR(opt, [flat], [1])
    schedule = s.OneCycleLR(opt, 0.1, total_steps=2)
    opt.step()
    schedule.step()
    schedule.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        schedule.step()


def test_rate_as_a_tensor_is_changed_in_place():
    lr = numtorch.tensor(0.5)
    opt = optim.SGD([numtorch.ones(1, requires_grad=True)], lr=lr)
    schedule = lr_scheduler.ExponentialLR(opt, 0.5)
    advance(opt, schedule)
    assert opt.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25
    assert schedule.get_last_lr()[0].item() == 0.25
