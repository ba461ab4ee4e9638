"""``python -m benchmarks.loading``: samples a second from data sets, as multiples of torch's with torchvision.

Pictures of MNIST's shape with ``ToTensor`` and ``Normalize``; of CIFAR's shape with a random crop, a flip and the same;
JPEG files in folders, cropped and the same. Both run in this process on one thread and take turns; a ratio is the
median over the rounds. The pictures are random, and equal for both.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

GOALS = {"MNIST": 20.0, "CIFAR": 8.0, "folder of JPEG": 1.0}  # times torch's samples a second
ROUNDS = 5


def epoch(loader: Any) -> float:
    """Seconds of CPU time for each sample."""
    start, count = time.process_time(), 0
    for images, _ in loader:
        count += len(images)
    return (time.process_time() - start) / count


def reference() -> Any:
    """torchvision. Where its compiled part was built for another PyTorch, its ops are declared."""
    import torch

    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        module: Any = importlib.import_module("torchvision")
        module.declared = library  # it declares as long as it lives
        return module


def loaders(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, our loader, torch's."""
    import torch
    from PIL import Image

    import numtorch
    from numtorch.vision import datasets, transforms

    torch.set_num_threads(1)
    numtorch.set_num_threads(1)
    rng = np.random.default_rng(0)

    def pair(ours: Any, theirs: Any) -> tuple[Any, Any]:
        return (
            numtorch.utils.data.DataLoader(ours, batch_size=64, shuffle=True),
            torch.utils.data.DataLoader(theirs, batch_size=64, shuffle=True),
        )

    def made_of(cls: Any, data: Any, targets: Any, transform: Callable) -> Any:
        made = object.__new__(cls)
        made.data, made.targets, made.transform, made.target_transform = data, targets, transform, None
        made.transforms = None
        return made

    def prepared(t: Any, *before: Any, n: int = 3) -> Any:
        return t.Compose([*before, t.ToTensor(), t.Normalize((0.4,) * n, (0.2,) * n)])

    def cropped(t: Any) -> Any:
        return prepared(t, t.RandomCrop(32, padding=4), t.RandomHorizontalFlip())

    torchvision = reference()
    tv, tt = torchvision.datasets, torchvision.transforms
    images, labels = rng.integers(0, 256, (2048, 28, 28), np.uint8), rng.integers(0, 10, 2048)
    mnist = made_of(tv.MNIST, torch.from_numpy(images), torch.from_numpy(labels), prepared(tt, n=1))
    yield "MNIST", *pair(datasets.ImageDataset(images, labels, prepared(transforms, n=1)), mnist)
    images = rng.integers(0, 256, (2048, 32, 32, 3), np.uint8)
    cifar = made_of(tv.CIFAR10, images, labels.tolist(), cropped(tt))
    yield "CIFAR", *pair(made_of(datasets.CIFAR10, images, labels.tolist(), cropped(transforms)), cifar)
    for i in range(64):
        place = folder / str(i % 2)
        place.mkdir(exist_ok=True)
        smooth = np.asarray(Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((256, 256)))
        Image.fromarray(smooth).save(place / f"{i}.jpg", quality=90)
    files = [
        lib.ImageFolder(str(folder), prepared(t, t.Resize(128), t.CenterCrop(112)))
        for lib, t in ((datasets, transforms), (tv, tt))
    ]
    yield "folder of JPEG", *pair(*files)


def main() -> int:
    """Print the ratios; 1 if one is below its goal."""
    warnings.simplefilter("ignore")
    short = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, ours, theirs in loaders(Path(folder)):
            epoch(ours)
            epoch(theirs)
            ratios = [epoch(theirs) / epoch(ours) for _ in range(ROUNDS)]
            ratio = statistics.median(ratios)
            short += ratio < GOALS[name]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"{name:16} {ratio:6.2f} times torch's samples a second ({spread}), goal {GOALS[name]:g}", flush=True)
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main())
