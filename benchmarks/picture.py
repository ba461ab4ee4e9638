"""``python -m benchmarks.picture``: trains a small CNN on the bundled digits, and draws the roofline plot of its
kernels."""

from __future__ import annotations

import numtorch as torch
from benchmarks.table import RESULTS
from numtorch import nn
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms


def main() -> None:
    """Write results/roofline.png."""
    import matplotlib

    matplotlib.use("agg")
    torch.manual_seed(0)
    loader = DataLoader(datasets.Digits(train=True, transform=transforms.ToTensor()), batch_size=256, shuffle=True)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )
    optimizer, loss_of = torch.optim.Adam(net.parameters()), nn.CrossEntropyLoss()

    def epoch() -> None:
        for images, labels in loader:
            optimizer.zero_grad()
            loss_of(net(images), labels).backward()
            optimizer.step()

    epoch()
    with torch.profiler.profile() as prof:
        for _ in range(5):
            epoch()
    prof.measure()
    RESULTS.mkdir(exist_ok=True)
    prof.roofline().figure.savefig(RESULTS / "roofline.png", dpi=120)
    print(prof.table(row_limit=12))


if __name__ == "__main__":
    main()
