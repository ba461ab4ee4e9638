"""stable-baselines3: PPO learns in a small environment."""

import gymnasium
import numpy as np
import torch
from _values import fill, tell
from stable_baselines3 import PPO


class Corridor(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.steps = 0.0, 0
        return np.array([self.at, 0], np.float32), {}

    def step(self, action):
        self.at, self.steps = float(np.clip(self.at + (0.2 if action else -0.2), -1, 1)), self.steps + 1
        return np.array([self.at, self.steps / 20], np.float32), self.at, self.at >= 1, self.steps >= 20, {}


agent = PPO("MlpPolicy", Corridor(), n_steps=64, batch_size=32, n_epochs=4, learning_rate=0.01, seed=0, device="cpu")
fill(agent.policy)
values = agent.policy.predict_values(torch.tensor([[0.5, 0.1], [-0.5, 0.9]]))
agent.learn(1024)
tell(values=values, goes_right=int(agent.predict(np.array([0.0, 0.2], np.float32), deterministic=True)[0]))
