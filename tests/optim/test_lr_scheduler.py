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


@pytest.mark.parametrize(("name", "options"), [c for c in CASES if c[0] not in ("OneCycleLR", "LambdaLR")])
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
