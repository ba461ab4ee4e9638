"""What users are told: without a GPU, with tensors on two devices, at the wrong door."""

import subprocess
import sys

import numpy as np
import pytest

import numtorch as torch
from numtorch.kernels import launch


@pytest.fixture
def offline():
    with launch.compiling_for((9, 0)) as compiled:
        yield compiled


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(launch, "is_available", lambda: False)


@pytest.mark.parametrize(
    "use",
    [
        lambda: torch.ones(2).cuda(),
        lambda: torch.ones(2, device="cuda"),
        lambda: torch.ones(2).to("cuda:0"),
        lambda: torch.cuda.synchronize(),
        lambda: torch.cuda.current_device(),
        lambda: torch.cuda.set_device(0),
        lambda: torch.cuda.get_device_name(),
    ],
)
def test_without_a_gpu(use, without_gpu):
    with pytest.raises(RuntimeError, match=r"Found no NVIDIA GPU.*torch\.cuda\.is_available\(\)"):
        use()


def test_questions_that_need_no_gpu(without_gpu):
    assert torch.cuda.device_count() == 0
    assert torch.cuda.memory_allocated() == 0
    torch.cuda.empty_cache()
    torch.cuda.manual_seed(3)
    a = torch.rand(2)
    torch.cuda.manual_seed_all(3)
    assert a.equal(torch.rand(2))


def test_asking_for_a_gpu_imports_no_numba():
    code = (
        "import sys, numtorch as torch\n"
        "found = torch.cuda.is_available()\n"
        "assert found or 'numba' not in sys.modules\n"
        "assert 'numba.cuda' not in sys.modules or found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_numba_cuda(monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    launch.is_available.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"pip install 'numba-cuda\[cu13\]'"):
            torch.ones(2).cuda()
    finally:
        launch.is_available.cache_clear()


def test_two_devices(offline):
    x, y = torch.ones(2), torch.ones(2, device="cuda")
    with pytest.raises(RuntimeError, match=r"same device, but found at least two devices, cpu and cuda:0! \(in add"):
        x + y
    with pytest.raises(RuntimeError, match=r"two devices, cuda:0 and cpu! \(in matmul"):
        y.reshape(1, 2) @ x.reshape(2, 1)
    with pytest.raises(RuntimeError, match=r"two devices.*in gather"):
        torch.gather(y, 0, torch.tensor([0]))
    with pytest.raises(RuntimeError, match=r"two devices, cpu and cuda:0"):
        x += y
    with pytest.raises(RuntimeError, match=r"two devices, cuda:0 and cpu! \(in linear"):
        torch.nn.functional.linear(y.reshape(1, 2), x.reshape(1, 2))


def test_numpy_needs_host_memory(offline):
    x = torch.ones(2, device="cuda")
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu\(\)"):
        x.numpy()
    with pytest.raises(TypeError, match=r"Use Tensor.cpu\(\)"):
        np.asarray(x)
    assert x.cpu().numpy().shape == (2,)


def test_where_tensors_say_they_are(offline):
    x = torch.ones(2, device="cuda")
    assert torch.device("cuda") != torch.device("cuda", 0)
    assert x.device == torch.device("cuda", 0) == x.cuda().device
    assert x.is_cuda and not x.cpu().is_cuda
    assert x.cuda() is x and x.to("cuda") is x and x.to(torch.device("cuda:0")) is x
    assert x.type() == "torch.cuda.FloatTensor"
    assert torch.zeros_like(x).device == (x + 1).device == x.sum().device == x[0].device == x.device
    y = torch.ones(2)
    assert y.pin_memory() is y


def test_another_device_than_the_current_one(offline):
    with pytest.raises(RuntimeError, match=r"current device, cuda:0.*set_device\(1\)"):
        torch.ones(2, device="cuda:1")


def test_devices_that_are_none():
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda, meta"):
        torch.device("gpu")
    with pytest.raises(ValueError, match="Expected a cuda device"):
        torch.cuda.synchronize("cpu") if launch.is_available() else torch.cuda.set_device("cpu")


def test_kernels_show_their_source(offline):
    x = torch.ones(2, 3, device="cuda")
    x * torch.ones(3, device="cuda")
    (text,) = [name for name, _ in offline.ptx if name.startswith("mul_rows")]
    assert "float32 full, float32 row" in text
