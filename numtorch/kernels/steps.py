"""Training steps of well-known models, by name, which ``python -m numtorch.kernels warmup`` compiles in advance.

Written like a user's code. The kernels of a step depend on its layers, types and sizes; the sizes here are usual ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch
import numtorch.nn.functional as F
from numtorch import demo, nn, optim


class Residual(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2015)."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.downsample = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Attending(nn.Module):
    """A block of a transformer: causal self-attention, then an MLP, each after a LayerNorm and beside a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ln_1, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        n, t, c = x.shape
        q, k, v = (
            z.view(n, t, self.heads, c // self.heads).transpose(1, 2) for z in self.qkv(self.ln_1(x)).split(c, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).contiguous().view(n, t, c))
        return x + self.mlp(self.ln_2(x))


class CharacterModel(nn.Module):
    """A small GPT over 65 characters and 64 places."""

    def __init__(self, width: int = 128):
        super().__init__()
        self.tokens, self.places = nn.Embedding(65, width), nn.Embedding(64, width)
        self.blocks = nn.Sequential(*[Attending(width, 4) for _ in range(2)])
        self.ln, self.head = nn.LayerNorm(width), nn.Linear(width, 65, bias=False)

    def forward(self, x: Any) -> Any:
        return self.head(self.ln(self.blocks(self.tokens(x) + self.places(torch.arange(x.shape[1])))))


def mlp() -> tuple:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return net, torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))


def lenet() -> tuple:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    return net, torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))


def resnet18() -> tuple:
    sizes = [64, 64, 64, 128, 128, 256, 256, 512, 512]
    blocks = [Residual(a, b, 1 if a == b else 2) for a, b in zip(sizes, sizes[1:], strict=False)]
    net = nn.Sequential(
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    return net, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))


def gpt() -> tuple:
    characters = torch.randint(0, 65, (12, 65))
    return CharacterModel(), characters[:, :-1], characters[:, 1:]


def lenet_of_the_demo() -> tuple:
    return demo.LeNet(28), demo.shifted(torch.randn(64, 1, 28, 28)), torch.randint(0, 10, (64,))


MODELS: dict[str, Callable[[], tuple]] = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet18": resnet18,
    "gpt": gpt,
    "demo": lenet_of_the_demo,
}


def step(model: str) -> None:
    """One training step, from making the model to the optimizer; Adam, and SGD with momentum for the ResNet."""
    net, x, t = MODELS[model]()
    optimizer: Any
    if model == "resnet18":
        optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    else:
        optimizer = (optim.AdamW if model == "gpt" else optim.Adam)(net.parameters(), lr=1e-3)
    optimizer.zero_grad()
    y = net(x)
    F.cross_entropy(y.reshape(-1, y.shape[-1]), t.reshape(-1)).backward()
    optimizer.step()
