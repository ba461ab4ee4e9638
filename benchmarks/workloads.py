"""What is measured: each workload is written once and runs on either framework.

A workload is a function of the framework (as ``T``) that returns (run, check): ``run()`` is timed,
``check()`` gives the numbers that must agree between the frameworks before any timing counts.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

WORKLOADS: dict[str, Callable] = {}


def framework(name: str) -> SimpleNamespace:
    """The framework's modules under common names."""
    T = importlib.import_module(name)
    return SimpleNamespace(
        name=name, T=T, nn=importlib.import_module(f"{name}.nn"), F=importlib.import_module(f"{name}.nn.functional"),
        optim=importlib.import_module(f"{name}.optim"), data=importlib.import_module(f"{name}.utils.data"))


def workload(name: str) -> Callable:
    """Register a workload under ``group/name``."""
    def wrap(fn: Callable) -> Callable:
        WORKLOADS[name] = fn
        return fn

    return wrap


def values(*shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible standard normal float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# --- dispatch: 64 elements, where everything but the arithmetic shows ---------------------------------


def _dispatch(name: str, op: Callable, *shapes: tuple[int, ...]) -> None:
    for grad in (False, True):

        def make(fw: SimpleNamespace, op: Callable = op, grad: bool = grad) -> tuple[Callable, Callable]:
            args = [fw.T.tensor(values(*s, seed=i), requires_grad=grad) for i, s in enumerate(shapes)]
            return (lambda: op(*args)), (lambda: op(*args).detach().numpy())

        workload(f"dispatch/{name}{' with grad' if grad else ''}")(make)


_dispatch("add", lambda a, b: a + b, (64,), (64,))
_dispatch("mul", lambda a, b: a * b, (64,), (64,))
_dispatch("relu", lambda a: a.relu(), (64,))
_dispatch("sum", lambda a: a.sum(), (64,))
_dispatch("matmul", lambda a, b: a @ b, (8, 8), (8, 8))


@workload("dispatch/backward of a 3-op chain")
def backward_chain(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    x = fw.T.tensor(values(64), requires_grad=True)
    w = fw.T.tensor(values(64, seed=1))
    y = (x * w).relu().sum()

    def run() -> None:
        y.backward(retain_graph=True)

    def check() -> np.ndarray:
        x.grad = None
        run()
        return x.grad.numpy().copy()

    return run, check


# --- training steps -------------------------------------------------------------------------------------


def mlp(fw: SimpleNamespace) -> Any:
    """784-128-10."""
    return fw.nn.Sequential(fw.nn.Linear(784, 128), fw.nn.ReLU(), fw.nn.Linear(128, 10))


def lenet(fw: SimpleNamespace) -> Any:
    """The LeNet of PyTorch's introductory tutorial."""
    nn = fw.nn
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def set_weights(fw: SimpleNamespace, net: Any) -> None:
    """The same weights in either framework."""
    rng = np.random.default_rng(1)
    with fw.T.no_grad():
        for p in net.parameters():
            bound = 1 / np.sqrt(max(1, int(np.prod(p.shape[1:]))))
            p.copy_(fw.T.tensor(rng.uniform(-bound, bound, tuple(p.shape)).astype(np.float32)))


def _step(name: str, model: Callable, shape: tuple[int, ...], optimizer: str) -> None:
    def make(fw: SimpleNamespace) -> tuple[Callable, Callable]:
        rng = np.random.default_rng(2)
        inputs = [fw.T.tensor(rng.standard_normal((64, *shape)).astype(np.float32)) for _ in range(8)]
        labels = [fw.T.tensor(rng.integers(0, 10, 64)) for _ in range(8)]
        loss_of = fw.nn.CrossEntropyLoss()

        def trainer(dtype: Any) -> Callable:
            net = model(fw)
            set_weights(fw, net)
            net = net.to(dtype)
            images = [x.to(dtype) for x in inputs]
            opt = fw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9) if optimizer == "SGD" else fw.optim.Adam(net.parameters())
            at = [0]

            def step() -> Any:
                i = at[0] = (at[0] + 1) % 8
                opt.zero_grad()
                loss = loss_of(net(images[i]), labels[i])
                loss.backward()
                opt.step()
                return loss

            return step

        def check() -> np.ndarray:
            # Training amplifies rounding: with LeNet and Adam, torch's own float32 and float64 runs part by 0.02
            # within 200 steps. So 200 steps are compared in float64, and the first 50 in float32.
            exact, single = trainer(fw.T.float64), trainer(fw.T.float32)
            return np.array([exact().item() for _ in range(200)] + [single().item() for _ in range(50)])

        return trainer(fw.T.float32), check

    workload(f"step/{name} {optimizer}")(make)


for _optimizer in ("SGD", "Adam"):
    _step("MLP", mlp, (784,), _optimizer)
    _step("LeNet", lenet, (1, 28, 28), _optimizer)


# --- one epoch of MNIST -----------------------------------------------------------------------------------


class Pixels:
    """MNIST in memory with ToTensor and Normalize for each sample, as torchvision does it, for torch."""

    def __init__(self, fw: SimpleNamespace, images: np.ndarray, labels: np.ndarray):
        self.T, self.images, self.labels = fw.T, fw.T.from_numpy(images), labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple:
        x = self.images[i].unsqueeze(0).to(self.T.float32).div(255)
        return x.sub(0.1307).div(0.3081), int(self.labels[i])


@workload("epoch/MNIST, 60,000 images, MLP")
def mnist_epoch(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    from numtorch.vision import datasets, transforms

    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    ours = datasets.MNIST("data", train=True, transform=normalise)
    data = ours if fw.name == "numtorch" else Pixels(fw, ours.data.numpy(), ours.targets.numpy())
    loader = fw.data.DataLoader(data, batch_size=64, shuffle=True)
    net = mlp(fw)
    set_weights(fw, net)
    opt = fw.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    loss_of = fw.nn.CrossEntropyLoss()

    def run() -> None:
        for images, labels in loader:
            opt.zero_grad()
            loss_of(net(images.view(images.shape[0], -1)), labels).backward()
            opt.step()

    def check() -> np.ndarray:
        x, _ = data[5]
        return x.numpy()

    return run, check
