"""Programs that learn through distributions: a policy by its score function, an encoder by its samples."""

from __future__ import annotations

import math

import numpy as np

import numtorch as torch
from numtorch import nn
from numtorch.distributions import Categorical, Normal, kl_divergence


class CartPole:
    """A pole on a cart (Barto, Sutton and Anderson 1983): how many steps it stands, of 200."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def reset(self):
        self.state, self.steps = self.random.uniform(-0.05, 0.05, 4), 0
        return self.state.astype(np.float32)

    def step(self, action):
        x, v, angle, spin = self.state
        force, cos, sin = (10.0 if action else -10.0), math.cos(angle), math.sin(angle)
        push = (force + 0.05 * spin * spin * sin) / 1.1
        turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos * cos / 1.1))
        move = push - 0.05 * turn * cos / 1.1
        self.state = self.state + 0.02 * np.array([v, move, spin, turn])
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095
        return self.state.astype(np.float32), fallen or self.steps == 200


def lengths_of_episodes(seed):
    """How long the pole stands while a policy learns."""
    torch.manual_seed(seed)
    env, net = CartPole(seed), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    lengths = []
    for _ in range(80):
        state, done, log_probs = env.reset(), False, []
        while not done:
            policy = Categorical(logits=net(torch.from_numpy(state)))
            action = policy.sample()
            log_probs.append(policy.log_prob(action))
            state, done = env.step(int(action))
        lengths.append(len(log_probs))
        gains = np.cumsum(0.99 ** np.arange(lengths[-1]))[::-1]
        gains = torch.tensor(((gains - gains.mean()) / (gains.std() + 1e-6)).astype(np.float32))
        loss = -(torch.stack(log_probs) * gains).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return lengths


def test_reinforce_learns_to_balance():
    """From some of the beginnings, as by this method in PyTorch."""
    for seed in (1, 2, 0, 3):
        lengths = lengths_of_episodes(seed)
        if np.mean(lengths[-20:]) > 2.5 * np.mean(lengths[:20]):
            return
    raise AssertionError("no policy learned")


def test_encoder_and_decoder():
    """The evidence bound of a small autoencoder rises."""
    torch.manual_seed(0)
    code = torch.randn(64, 2)
    x = code @ torch.randn(2, 6) + 0.1 * torch.randn(64, 6)
    encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.05)
    bounds = []
    for _ in range(60):
        loc, log_scale = encoder(x).chunk(2, -1)
        posterior = Normal(loc, log_scale.exp())
        fit = Normal(decoder(posterior.rsample()), 0.5).log_prob(x).sum(-1)
        bound = (fit - kl_divergence(posterior, Normal(0.0, 1.0)).sum(-1)).mean()
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()
        bounds.append(bound.item())
    assert np.mean(bounds[-5:]) > np.mean(bounds[:5]) + 5
