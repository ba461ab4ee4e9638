"""Models that people train, on text and pictures: from equal weights each reaches the loss that torch reaches.

They take minutes, so only ``pytest -m slow tests/nn/test_real_input.py`` runs them. They train on Shakespeare and MNIST
if these are in the folder that ``NUMTORCH_DATA`` names, otherwise on the package's README and its own digits. Each
model is written once, for either library. What is random comes from NumPy, so that both see the same.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from same_as_torch import copy_state, torch

import numtorch as nt
from numtorch.vision import datasets

pytestmark = pytest.mark.slow


def text(most=20_000):
    """The codes of the letters of a text, and how many letters there are."""
    shakespeare = Path(os.environ.get("NUMTORCH_DATA", ""), "text", "tinyshakespeare.txt")
    path = shakespeare if shakespeare.is_file() else Path(nt.__file__).with_name("README.md")
    letters = path.read_text(encoding="utf-8")[:most]
    known = sorted(set(letters))
    return np.array([known.index(c) for c in letters]), len(known)


def pictures(n):
    """Pictures of digits, 1 x 16 x 16, with elements in [0, 1]."""
    try:
        images = datasets.MNIST("data", train=False).data.numpy()[:n, 6:22, 6:22] / 255
    except RuntimeError:
        images = np.repeat(np.repeat(datasets.Digits().data.numpy()[:n], 2, 1), 2, 2)
        images = images / images.max()
    return images[:, None].astype(np.float32)


def windows(lib, codes, starts, length):
    rows = np.stack([codes[i : i + length + 1] for i in starts])
    return lib.from_numpy(rows[:, :-1].copy()), lib.from_numpy(rows[:, 1:].copy())


class Characters:
    """An LSTM that predicts the next letter."""

    steps, tail = 60, 10

    @staticmethod
    def build(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self, letters):
                super().__init__()
                self.embedding = nn.Embedding(letters, 24)
                self.lstm = nn.LSTM(24, 48, num_layers=2, batch_first=True)
                self.head = nn.Linear(48, letters)

            def forward(self, x):
                return self.head(self.lstm(self.embedding(x))[0])

        return Net(text()[1])

    def train(self, lib, net):
        codes, letters = text()
        rng, losses = np.random.default_rng(0), []
        optimizer = lib.optim.Adam(net.parameters(), lr=5e-3)
        for _ in range(self.steps):
            x, y = windows(lib, codes, rng.integers(0, len(codes) - 33, 16), 32)
            loss = lib.nn.functional.cross_entropy(net(x).reshape(-1, letters), y.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            lib.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        return losses


class SmallGPT(Characters):
    """A transformer that sees only what stands before a letter."""

    @staticmethod
    def build(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self, letters):
                super().__init__()
                self.letters, self.places = nn.Embedding(letters, 32), nn.Embedding(32, 32)
                layer = nn.TransformerEncoderLayer(
                    32, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                )
                self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
                self.head = nn.Linear(32, letters)

            def forward(self, x):
                n = x.shape[1]
                mask = nn.Transformer.generate_square_subsequent_mask(n)
                x = self.letters(x) + self.places(lib.arange(n))
                return self.head(self.blocks(x, mask=mask, is_causal=True))

        return Net(text()[1])


class Translation:
    """Words, spelled backwards: an encoder, and a decoder that attends to what it made."""

    steps, tail = 60, 10

    @staticmethod
    def build(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self, letters):
                super().__init__()
                self.embedding = nn.Embedding(letters + 1, 32)
                self.encoder = nn.GRU(32, 32, batch_first=True)
                self.decoder = nn.GRU(32, 32, batch_first=True)
                self.query = nn.Linear(32, 32, bias=False)
                self.head = nn.Linear(64, letters)

            def forward(self, x, y):
                states, last = self.encoder(self.embedding(x))
                given, _ = self.decoder(self.embedding(y), last)
                weights = (self.query(given) @ states.transpose(1, 2)).softmax(dim=-1)
                return self.head(lib.cat([given, weights @ states], dim=-1))

        return Net(text()[1])

    def train(self, lib, net):
        codes, letters = text()
        rng, losses = np.random.default_rng(0), []
        optimizer = lib.optim.AdamW(net.parameters(), lr=5e-3)
        for _ in range(self.steps):
            words = np.stack([codes[i : i + 8] for i in rng.integers(0, len(codes) - 8, 32)])
            answer = words[:, ::-1].copy()
            shifted = np.concatenate([np.full((32, 1), letters), answer[:, :-1]], 1)
            logits = net(lib.from_numpy(words), lib.from_numpy(shifted))
            loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), lib.from_numpy(answer).flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses


class VAE:
    """A variational autoencoder."""

    steps, tail = 60, 10

    @staticmethod
    def build(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU())
                self.mean, self.log_variance = nn.Linear(64, 8), nn.Linear(64, 8)
                self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 256))

            def forward(self, x, noise):
                h = self.encoder(x)
                mean, log_variance = self.mean(h), self.log_variance(h)
                z = mean + noise * lib.exp(0.5 * log_variance)
                return self.decoder(z), mean, log_variance

        return Net()

    def train(self, lib, net):
        images, rng, losses = pictures(512), np.random.default_rng(0), []
        optimizer = lib.optim.Adam(net.parameters(), lr=2e-3)
        for _ in range(self.steps):
            x = lib.from_numpy(images[rng.integers(0, len(images), 32)])
            noise = lib.from_numpy(rng.standard_normal((32, 8)).astype(np.float32))
            logits, mean, log_variance = net(x, noise)
            shown = lib.nn.functional.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
            loss = (shown - 0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum()) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses


class DCGAN:
    """A generator and a discriminator of convolutions, trained against each other."""

    steps, tail = 25, 5

    @staticmethod
    def build(lib):
        nn = lib.nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.generator = nn.Sequential(
                    nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False),
                    nn.BatchNorm2d(16),
                    nn.ReLU(True),
                    nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(8),
                    nn.ReLU(True),
                    nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
                    nn.Tanh(),
                )
                self.discriminator = nn.Sequential(
                    nn.Conv2d(1, 8, 4, 2, 1, bias=False),
                    nn.LeakyReLU(0.2, inplace=True),
                    nn.Conv2d(8, 16, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(16),
                    nn.LeakyReLU(0.2, inplace=True),
                    nn.Conv2d(16, 1, 4, 1, 0, bias=False),
                )

        return Net()

    def train(self, lib, net):
        images, rng, losses = pictures(512) * 2 - 1, np.random.default_rng(0), []
        criterion = lib.nn.BCEWithLogitsLoss()
        of_d = lib.optim.Adam(net.discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        of_g = lib.optim.Adam(net.generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for _ in range(self.steps):
            real = lib.from_numpy(images[rng.integers(0, len(images), 16)])
            noise = lib.from_numpy(rng.standard_normal((16, 8, 1, 1)).astype(np.float32))
            net.discriminator.zero_grad()
            fake = net.generator(noise)
            judged, seen = net.discriminator(real).view(-1), net.discriminator(fake.detach()).view(-1)
            loss_d = criterion(judged, lib.ones_like(judged)) + criterion(seen, lib.zeros_like(seen))
            loss_d.backward()
            of_d.step()
            net.generator.zero_grad()
            seen = net.discriminator(fake).view(-1)
            loss_g = criterion(seen, lib.ones_like(seen))
            loss_g.backward()
            of_g.step()
            losses.append(loss_d.item() + loss_g.item())
        return losses


class UNet:
    """Pictures without their noise: down, up, and a path across."""

    steps, tail = 25, 5

    @staticmethod
    def build(lib):
        nn = lib.nn

        def twice(i, o):
            return nn.Sequential(
                nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU()
            )

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.down, self.pool, self.middle = twice(1, 8), nn.MaxPool2d(2), twice(8, 16)
                self.up, self.across = nn.ConvTranspose2d(16, 8, 2, stride=2), twice(16, 8)
                self.head = nn.Conv2d(8, 1, 1)

            def forward(self, x):
                kept = self.down(x)
                return self.head(self.across(lib.cat([self.up(self.middle(self.pool(kept))), kept], dim=1)))

        return Net()

    def train(self, lib, net):
        images, rng, losses = pictures(512), np.random.default_rng(0), []
        optimizer = lib.optim.Adam(net.parameters(), lr=2e-3)
        for _ in range(self.steps):
            clean = images[rng.integers(0, len(images), 16)]
            noisy = clean + 0.3 * rng.standard_normal(clean.shape).astype(np.float32)
            loss = lib.nn.functional.mse_loss(net(lib.from_numpy(noisy)), lib.from_numpy(clean))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses


def pole(state, push):
    """A pole on a cart, a fiftieth of a second later; whether it has fallen."""
    x, v, angle, turn = state
    force, cos, sin = 10.0 if push else -10.0, np.cos(angle), np.sin(angle)
    pushed = (force + 0.05 * turn**2 * sin) / 1.1
    turned = (9.8 * sin - cos * pushed) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    moved = pushed - 0.05 * turned * cos / 1.1
    state = state + 0.02 * np.array([v, moved, turn, turned])
    return state, abs(state[0]) > 2.4 or abs(state[2]) > 0.21


class Reinforce:
    """A policy that learns to keep a pole upright; its loss is minus the mean length of an episode."""

    steps, tail = 40, 10

    @staticmethod
    def build(lib):
        nn = lib.nn
        return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))

    def train(self, lib, net):
        rng, lengths = np.random.default_rng(0), []
        optimizer = lib.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(self.steps):
            state, fallen, logs = rng.uniform(-0.05, 0.05, 4), False, []
            while not fallen and len(logs) < 200:
                policy = lib.distributions.Categorical(logits=net(lib.tensor(state, dtype=lib.float32)))
                action = int(rng.random() < policy.probs[1].item())
                logs.append(policy.log_prob(lib.tensor(action)))
                state, fallen = pole(state, action)
            returns = lib.tensor([(1 - 0.99 ** (len(logs) - i)) / 0.01 for i in range(len(logs))])
            returns = (returns - returns.mean()) / (returns.std() + 1e-5)
            loss = -(lib.stack(logs) * returns).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            lengths.append(-float(len(logs)))
        return lengths


@pytest.mark.parametrize("task", [Characters, SmallGPT, Translation, VAE, DCGAN, UNet, Reinforce])
def test_it_reaches_torchs_loss(task):
    nt.manual_seed(0)
    ours, theirs = task.build(nt), task.build(torch)
    copy_state(ours, theirs)
    got, expected = task().train(nt, ours), task().train(torch, theirs)
    tail = task.tail
    assert np.mean(got[-tail:]) == pytest.approx(np.mean(expected[-tail:]), rel=0.02)
    if task is not DCGAN:  # of two that play against each other, neither need get better
        assert np.mean(got[-tail:]) < np.mean(got[:tail])
