"""lightning: the Trainer fits, validates, stops, and writes a checkpoint that goes on."""

import logging
import tempfile
import warnings

import lightning as L
import torch
from _values import fill, numbers, tell
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)


class Regression(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = fill(torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)))
        self.save_hyperparameters()
        self.losses = []

    def training_step(self, batch, i):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, i):
        self.log("val", torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]))

    def on_validation_epoch_end(self):
        self.losses.append(float(self.trainer.callback_metrics["val"]))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), 0.05)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]


x = numbers(0, 32, 3)
data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8)
with tempfile.TemporaryDirectory() as folder:
    some = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    some |= {"default_root_dir": folder, "num_sanity_val_steps": 0}
    first = Regression()
    trainer = L.Trainer(max_epochs=3, gradient_clip_val=1.0, **some)
    trainer.fit(first, data, data)
    trainer.save_checkpoint(f"{folder}/at.ckpt")
    second = Regression()
    L.Trainer(max_epochs=5, enable_checkpointing=False, **some).fit(
        second, data, data, ckpt_path=f"{folder}/at.ckpt", weights_only=False
    )
tell(first=first.losses, second=second.losses)
