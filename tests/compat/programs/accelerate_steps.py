"""accelerate: prepare, accumulation of gradients, clipping, and its loader."""

import torch
from _values import fill, numbers, tell
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset

accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
net = fill(torch.nn.Linear(3, 1))
optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
x = numbers(0, 32, 3)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8)
net, optimizer, loader, schedule = accelerator.prepare(net, optimizer, loader, schedule)
losses = []
for _ in range(3):
    for a, b in loader:
        with accelerator.accumulate(net):
            loss = torch.nn.functional.mse_loss(net(a), b)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        losses.append(accelerator.gather(loss.detach()).mean().item())
tell(losses=losses, weight=accelerator.unwrap_model(net).weight)
