"""The demo: a small CNN learns to read digits; then a profile shows the time of each kernel.

It is written like a user's program and uses only the public API.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numtorch as torch
import numtorch.nn as nn
import numtorch.nn.functional as F
from numtorch import downloads, notices, optim
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms


class LeNet(nn.Module):
    """Two convolutions and two linear layers, for square images of ``side`` pixels."""

    def __init__(self, side: int):
        super().__init__()
        self.shrink = 2 if side > 16 else 1  # small images have little to give away
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * (side // self.shrink // 2) ** 2, 128)
        self.dropout = nn.Dropout(0.3)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(x, 2) if self.shrink == 2 else x
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(F.relu(self.fc1(torch.flatten(x, 1))))
        return self.fc2(x)


def shifted(images: torch.Tensor) -> torch.Tensor:
    """The images moved by up to one pixel each way: digits are what they are wherever they stand."""
    side = images.shape[-1]
    down, right = torch.randint(0, 3, (2,)).tolist()
    return F.pad(images, (1, 1, 1, 1), value=images.min().item())[:, :, down : down + side, right : right + side]


def load(data: str, root: str) -> tuple[Any, Any, str]:
    """(training set, test set, name): MNIST where it is found or can be downloaded, else the bundled digits."""
    if data in ("auto", "mnist"):
        if data == "auto":
            downloads.TIMEOUT = 5  # nobody asked for MNIST: do not wait long for a network that is not there
        normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
        try:
            return (
                datasets.MNIST(root, train=True, download=True, transform=normalise),
                datasets.MNIST(root, train=False, download=True, transform=normalise),
                "MNIST",
            )
        except (RuntimeError, OSError):
            if data == "mnist":
                raise
        print(
            f"MNIST is neither in {root}/ nor in NUMTORCH_DATA and cannot be downloaded: training on the bundled UCI "
            "digits instead."
        )
    normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3,), (0.38,))])
    return (
        datasets.Digits(train=True, transform=normalise),
        datasets.Digits(train=False, transform=normalise),
        "UCI digits",
    )


def accuracy(net: nn.Module, loader: Any, device: str) -> float:
    """The share of images whose digit the network gets right."""
    net.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            _, predicted = torch.max(net(images.to(device)), 1)
            right += (predicted == labels.to(device)).sum().item()
            total += labels.size(0)
    return right / total


def train_epoch(
    net: nn.Module, loader: DataLoader, loss_of: nn.Module, optimizer: optim.Optimizer, device: str, progress: Any
) -> float:
    """One pass over the training images; the mean loss."""
    net.train()
    running, count = 0.0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = loss_of(net(shifted(images).to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        running += loss.item()
        count += 1
        progress.update(1)
        if count % 16 == 0:
            progress.set_postfix(loss=f"{running / count:.3f}", refresh=False)
    return running / count


def run(data: str = "auto", root: str = "data", epochs: int | None = None, device: str = "cpu", seed: int = 0) -> int:
    """Train, report, profile; 0 when done, 1 without data, 130 when interrupted."""
    torch.manual_seed(seed)
    try:
        train_set, test_set, name = load(data, root)
    except (RuntimeError, OSError) as e:  # the files are not to be had: what to do about it is in the message
        print(f"demo: {e}", file=sys.stderr)
        return 1
    side = train_set[0][0].shape[-1]
    epochs = epochs or (3 if name == "MNIST" else 40)
    train_loader: DataLoader = DataLoader(train_set, batch_size=64, shuffle=True)
    test_loader: DataLoader = DataLoader(test_set, batch_size=500)
    net = LeNet(side).to(device)
    loss_of = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=1e-3 if name == "MNIST" else 2e-3)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=max(1, epochs * 2 // 3), gamma=0.2)
    print(f"{name}: {len(train_set):,} images to learn from, {len(test_set):,} to test on\n{net}")

    def first_step() -> None:
        images, labels = next(iter(train_loader))
        loss = loss_of(net(shifted(images).to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        accuracy(net, [next(iter(test_loader))], device)

    torch.kernels.warmup(first_step, backward=False, run=False)  # compiles in all cores; nothing is trained yet
    started, reached, done = time.perf_counter(), 0.0, 0
    try:
        for epoch in range(1, epochs + 1):
            with notices.progress(len(train_loader), f"epoch {epoch}/{epochs}") as progress:
                loss = train_epoch(net, train_loader, loss_of, optimizer, device, progress)
            scheduler.step()
            reached, done = accuracy(net, test_loader, device), epoch
            if epoch == 1 or epoch == epochs or name == "MNIST" or epoch % 5 == 0:
                print(f"epoch {epoch}: loss {loss:.4f}, test accuracy {reached:.2%}")
    except KeyboardInterrupt:
        print(f"\ninterrupted after {done} of {epochs} epochs: test accuracy {reached:.2%}")
        return 130
    print(f"trained in {time.perf_counter() - started:.1f} s; test accuracy {reached:.2%}\n")
    profile(net, train_loader, loss_of, optimizer, device)
    return 0


def profile(
    net: nn.Module, loader: DataLoader, loss_of: nn.Module, optimizer: optim.Optimizer, device: str, steps: int = 20
) -> None:
    """Print what the kernels of a few more training steps cost."""
    from itertools import islice

    batches = list(islice(loader, steps))
    net.train()
    with torch.profiler.profile() as prof:
        for images, labels in batches:
            optimizer.zero_grad()
            loss_of(net(images.to(device)), labels.to(device)).backward()
            optimizer.step()
    prof.measure()  # the machine's peaks, which kernels are held against: some seconds, the first time
    costs = prof.key_averages(by=("name", "phase"))
    columns = ("name", "phase", "calls", "time_ns", "share", "mean_ns", "gbps", "gflops", "percent_of_roof", "bound")
    print(
        f"Where {len(batches)} training steps of {len(batches[0][1])} images "
        f"went:\n{costs.table(row_limit=20, columns=columns)}"
    )
