"""``torch.amp``: what is off in PyTorch is off, what is not here says so, and the scaler scales as PyTorch's."""

import pytest

import numtorch
from numtorch import torch_shim
from numtorch.torch_shim import placeholders

without_gpu = pytest.mark.skipif(numtorch.cuda.is_available(), reason="there is a GPU")


@without_gpu
def test_without_a_gpu_it_is_off():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = numtorch.autocast("cuda", dtype=numtorch.float16)
    with context:
        assert (numtorch.ones(2, 2) @ numtorch.ones(2, 2)).dtype is numtorch.float32
    with pytest.warns(UserWarning, match="enabled, but CUDA is not available"):
        scaler = numtorch.amp.GradScaler("cuda")
    x = numtorch.ones(1)
    assert scaler.scale(x) is x and scaler.get_scale() == 1.0 and scaler.state_dict() == {} and not scaler.is_enabled()


def test_what_is_not_here_says_so():
    refused = pytest.raises(NotImplementedError, match=r"autocast\('cpu'\) is not here yet: net.bfloat16")
    with refused, numtorch.autocast("cpu", dtype=numtorch.bfloat16):
        pass

    @numtorch.autocast("cpu", enabled=False)
    def f(x):
        return x + 1

    assert f(1) == 2


def test_the_older_names(monkeypatch):
    monkeypatch.setattr(placeholders, "ASKED", {})
    monkeypatch.setenv(torch_shim.VARIABLE, "lenient:")
    with torch_shim.install():
        import torch
        from torch.amp.grad_scaler import GradScaler
        from torch.cuda.amp import GradScaler as Older
        from torch.cuda.amp import autocast

        assert issubclass(Older, GradScaler) and issubclass(autocast, torch.autocast)
        assert torch.cuda.amp.autocast is autocast
        with autocast(enabled=False):
            assert not Older(enabled=False).is_enabled()


def test_steps_as_in_torch():
    """Also with infinite gradients, with growth, and with gradients that are clipped in between."""
    torch = pytest.importorskip("torch")
    said = []
    for t in (torch, numtorch):
        scaler = t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        w = t.ones(2, requires_grad=True)
        opt = t.optim.SGD([w], lr=0.1)
        seen = []
        for i in range(7):
            opt.zero_grad()
            factor = float("inf") if i == 3 else float("nan") if i == 5 else float(i)
            scaler.scale((w * w * factor).sum()).backward()
            if i % 2:
                scaler.unscale_(opt)
                t.nn.utils.clip_grad_norm_([w], 1.0)
            scaler.step(opt)
            scaler.update()
            seen += [scaler.get_scale(), [round(v, 5) for v in w.tolist()]]
        other = t.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        assert other.state_dict() == scaler.state_dict()
        with pytest.raises(RuntimeError, match="already been called"):
            scaler.unscale_(opt)
            scaler.unscale_(opt)
        said.append((seen, scaler.state_dict()))
    assert said[0] == said[1]
