"""Supplies data to a training loop: datasets, the order of samples, batches, worker processes.

    dataset.py   what samples are          sampler.py   in which order they come
    collate.py   samples to a batch        gather.py    batches made by one kernel
    loader.py    DataLoader                worker.py    what happens in a worker process

To make a batch of your own dataset in one step, give it ``gather_batch(index)``; see ``dataset.py``.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.utils.data.collate import default_collate, default_convert
from numtorch.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from numtorch.utils.data.loader import DataLoader
from numtorch.utils.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from numtorch.utils.data.worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
