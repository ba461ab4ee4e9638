"""Averaged models and their schedule, against the means themselves and against torch's."""

import numpy as np
import pytest

import numtorch
from numtorch.optim import swa_utils

try:
    import torch
except ImportError:
    torch = None

LIBRARIES = [numtorch, *([torch] if torch else [])]
WAYS = {
    "default": lambda u: {},
    "swa": lambda u: {"avg_fn": u.get_swa_avg_fn()},
    "swa of lists": lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()},
    "ema": lambda u: {"avg_fn": u.get_ema_avg_fn(0.75)},
    "ema of lists": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.75)},
}


def model(lib):
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 1))


def set_to(lib, net, seed):
    rng = np.random.default_rng(seed)
    with lib.no_grad():
        for p in net.parameters():
            p.copy_(lib.from_numpy(rng.standard_normal(tuple(p.shape)).astype(np.float32)))


@pytest.mark.parametrize("lib", LIBRARIES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_means_of_parameters(lib, way, use_buffers):
    if lib is torch and use_buffers and way == "swa of lists":
        pytest.skip("torch's function for lists refuses the integer buffer of BatchNorm")
    net = model(lib)
    mean = lib.optim.swa_utils.AveragedModel(net, use_buffers=use_buffers, **WAYS[way](lib.optim.swa_utils))
    seen, expected = [], None
    for i in range(4):
        set_to(lib, net, i)
        net[1].running_mean.fill_(float(i))
        mean.update_parameters(net)
        seen.append(net[0].weight.detach().numpy().copy())
        expected = seen[0] if i == 0 or expected is None else expected * 0.75 + seen[-1] * 0.25
    if "ema" not in way:
        expected = np.mean(seen, 0)
    np.testing.assert_allclose(mean.module[0].weight.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    forgetful = 3 - 0.75 - 0.75**2 - 0.75**3  # of 0, 1, 2, 3
    kept = 3.0 if not use_buffers else forgetful if "ema" in way else 1.5
    np.testing.assert_allclose(mean.module[1].running_mean.numpy(), kept, rtol=1e-5)
    assert mean.n_averaged.item() == 4
    assert list(mean.state_dict())[0] == "n_averaged"
    assert mean.module is not net and mean(lib.ones(2, 3)).shape == (2, 1)


@pytest.mark.parametrize("lib", LIBRARIES)
def test_statistics_of_all_batches(lib):
    net = model(lib)
    set_to(lib, net, 0)
    with lib.no_grad():
        net[0].weight.copy_(lib.eye(4)[:, :3])
        net[0].bias.zero_()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 6, 3)).astype(np.float32)
    net.eval()
    lib.optim.swa_utils.update_bn([(lib.from_numpy(part), 0) for part in x], net)
    assert not net.training and net[1].momentum == 0.1
    np.testing.assert_allclose(net[1].running_mean.numpy()[:3], x.mean((0, 1)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net[1].running_var.numpy()[:3], x.var(1, ddof=1).mean(0), rtol=1e-4)
    lib.optim.swa_utils.update_bn([lib.ones(2, 3)], lib.nn.Linear(3, 1))  # nothing to do


@pytest.mark.skipif(torch is None, reason="compares with torch")
@pytest.mark.parametrize(
    "options",
    [
        {"swa_lr": 0.5},
        {"swa_lr": [0.5, 0.6], "anneal_epochs": 4, "anneal_strategy": "linear"},
        {"swa_lr": 0.5, "anneal_epochs": 0},
    ],
)
def test_rates_are_torchs(options):
    made = []
    for lib in (numtorch, torch):
        groups = [{"params": [lib.ones(1, requires_grad=True)]}, {"params": [lib.ones(1, requires_grad=True)], "lr": 1}]
        opt = lib.optim.SGD(groups, lr=0.1)
        made.append((opt, lib.optim.swa_utils.SWALR(opt, **options)))
    for _ in range(13):
        assert made[0][1].get_last_lr() == made[1][1].get_last_lr()
        for opt, schedule in made:
            opt.step()
            schedule.step()
    fresh = swa_utils.SWALR(made[0][0], **options)
    fresh.load_state_dict(made[0][1].state_dict())
    assert fresh.last_epoch == 13


@pytest.mark.parametrize("lib", LIBRARIES)
def test_errors(lib):
    u, net = lib.optim.swa_utils, lib.nn.Linear(1, 1)
    opt = lib.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        u.AveragedModel(net, avg_fn=u.get_swa_avg_fn(), multi_avg_fn=u.get_swa_multi_avg_fn())
    for made in (u.get_ema_avg_fn, u.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value 1.5"):
            made(1.5)
    with pytest.raises(ValueError, match="anneal_strategy must be one of"):
        u.SWALR(opt, 0.1, anneal_strategy="up")
    with pytest.raises(ValueError, match="anneal_epochs must be"):
        u.SWALR(opt, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="swa_lr must have the same length"):
        u.SWALR(opt, [0.1, 0.2])
