"""pytorch-ignite: an engine with handlers, metrics and early stopping."""

import torch
from _values import fill, numbers, tell
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import EarlyStopping
from ignite.metrics import Loss, MeanAbsoluteError
from torch.utils.data import DataLoader, TensorDataset

net, x = fill(torch.nn.Linear(3, 1)), numbers(0, 32, 3)
loader, loss = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8), torch.nn.MSELoss()
trainer = create_supervised_trainer(net, torch.optim.Adam(net.parameters(), 0.05), loss)
evaluator = create_supervised_evaluator(net, {"loss": Loss(loss), "mae": MeanAbsoluteError()})
seen = []


@trainer.on(Events.EPOCH_COMPLETED)
def evaluate(engine):
    evaluator.run(loader)
    seen.append([evaluator.state.metrics["loss"], evaluator.state.metrics["mae"]])


evaluator.add_event_handler(Events.COMPLETED, EarlyStopping(2, lambda e: -e.state.metrics["loss"], trainer))
trainer.run(loader, 4)
tell(seen=seen, iterations=trainer.state.iteration)
