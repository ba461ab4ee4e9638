"""One epoch of MNIST through Dataset, transforms and DataLoader; random images if MNIST is not available."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.models import mlp, set_weights
from benchmarks.workloads import workload


class Pixels:
    """MNIST in memory with ToTensor and Normalize for each sample, as torchvision does it, for torch."""

    def __init__(self, fw: SimpleNamespace, images: np.ndarray, labels: np.ndarray):
        self.T, self.images, self.labels = fw.T, fw.T.from_numpy(images), labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple:
        x = self.images[i].unsqueeze(0).to(self.T.float32).div(255)
        return x.sub(0.1307).div(0.3081), int(self.labels[i])


def at_hand() -> bool:
    """Whether MNIST's files are where ``datasets.MNIST`` looks for them; without importing it, for torch's sake."""
    places = [Path("data/MNIST/raw"), Path("data")]
    if shared := os.environ.get("NUMTORCH_DATA"):
        places += [Path(shared, "MNIST/raw"), Path(shared, "mnist"), Path(shared)]
    return any((place / f"train-images-idx3-ubyte{end}").is_file() for place in places for end in ("", ".gz"))


MNIST = at_hand()


def pictures(transform: Callable) -> Any:
    """The data set: MNIST, or as many random images of its shape."""
    from numtorch.vision import datasets

    if MNIST:
        return datasets.MNIST("data", train=True, transform=transform)
    rng = np.random.default_rng(3)
    return datasets.ImageDataset(
        rng.integers(0, 256, (60_000, 28, 28), np.uint8), rng.integers(0, 10, 60_000), transform
    )


@workload(f"epoch/{'MNIST' if MNIST else 'random pictures'}, 60,000 images, MLP", budget=0.15, alone=True)
def mnist_epoch(fw: SimpleNamespace) -> tuple[Callable, Callable]:
    from numtorch.vision import transforms

    ours = pictures(transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]))
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
