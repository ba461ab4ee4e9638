"""Worker processes: each receives its own tasks, makes the batches, and sends them back in order.

A worker has one pipe to the parent. In the worker one thread receives tasks and another sends results. So neither side
waits for the other to read: the parent never blocks when it sends work, and a worker makes its next batch while the
last one waits to be received. A worker ends when it is told to, when the parent dies, or when the parent closes the
pipe. Knows nothing of samplers or
of the order of an epoch.
"""

from __future__ import annotations

import os
import pickle
import queue
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data import shared
from numtorch.utils.data.dataset import IterableDataset

Fetch = Callable[[Any], Any]

EXHAUSTED = "exhausted"  # a worker's stream of samples has ended
BATCH = "batch"
ERROR = "error"


@dataclass(frozen=True)
class WorkerInfo:
    """What ``get_worker_info`` tells a worker about itself.

    Args:
        id: its number, from 0.
        num_workers: how many there are.
        seed: of its random numbers.
        dataset: its copy of the dataset.

    >>> torch.utils.data.WorkerInfo(id=0, num_workers=2, seed=7, dataset="abc")
    WorkerInfo(id=0, num_workers=2, seed=7, dataset='abc')
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The worker that this code runs in.

    Returns:
        A ``WorkerInfo``: ``id``, ``num_workers``, ``seed``, ``dataset``; None in the main process.

    >>> torch.utils.data.get_worker_info() is None
    True
    """
    return _info


class WorkerError:
    """An exception on its way to the parent: its type and its traceback as text."""

    def __init__(self, where: str):
        error = sys.exc_info()[1]
        assert error is not None, "made while an exception is handled"
        self.kind: type[BaseException] = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise the worker's exception here, with the worker's traceback in its message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is StopIteration:  # would end the parent's loop in silence
            raise RuntimeError(message)
        if self.kind is KeyError:
            message = _Verbatim(message)  # KeyError shows the repr of its message
        try:
            error = self.kind(message)
        except Exception:  # a constructor that takes something other than a message
            raise RuntimeError(message) from None
        raise error

    def __reduce__(self) -> tuple:
        try:
            pickle.dumps(self.kind)
            kind = self.kind
        except Exception:  # a class made inside a function
            kind = RuntimeError
        return _rebuild_error, (kind, self.text, self.where)


def _rebuild_error(kind: type, text: str, where: str) -> WorkerError:
    error = WorkerError.__new__(WorkerError)
    error.kind, error.text, error.where = kind, text, where
    return error


class _Verbatim(str):
    def __repr__(self) -> str:
        return str(self)


def _tensor(array: np.ndarray) -> Any:
    return nt.from_numpy(array)


class _Pickler(pickle.Pickler):
    """Tensors travel as NumPy arrays: large ones in shared memory, others with one copy into the stream."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is nt.Tensor and not obj.requires_grad and obj.device.type == "cpu":
            try:
                return _tensor, (obj.numpy(),)
            except (TypeError, RuntimeError):  # a dtype that NumPy lacks
                return NotImplemented
        return NotImplemented


def encode(obj: Any) -> shared.Message:
    """``obj`` as a message for a pipe."""
    return shared.encode(obj, _Pickler)


def run(
    pipe: connection.Connection,
    inherited: list[connection.Connection],
    make_fetch: Callable[[], Fetch],
    info: WorkerInfo,
    init: Callable[[int], None] | None,
) -> None:
    """A worker's life: prepare, then a result for every task until the end.

    A task is ``(number, index)``, or ``(number, None)`` to start a new epoch, which has no result.
    A result is ``(number, BATCH | ERROR | EXHAUSTED, value)``.
    """
    global _info
    for other in inherited:  # ends of pipes that a fork copied: they would keep the pipes alive
        other.close()
    # Ctrl-C goes to the whole group; the parent decides what it means. SIGTERM is the parent's last
    # word, so a handler that the training script installed must not swallow it here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _info = info
    nt.set_num_threads(1)  # the parent's kernels, or the other workers, have the other cores
    random.seed(info.seed)
    np.random.seed(_generate_state(info.seed - info.id, info.id))  # noqa: NPY002 - datasets draw from the global state
    nt.manual_seed(info.seed)
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    results: queue.SimpleQueue = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_receive, args=(pipe, tasks, stop), daemon=True).start()
    threading.Thread(target=_send, args=(pipe, results), daemon=True).start()
    where = f"in DataLoader worker process {info.id}"
    fetch, failure = _prepare(make_fetch, where, init, info.id)
    ended = StopIteration if _streams(info.dataset) else _Never
    while (task := tasks.get()) is not None and not stop.is_set():
        number, index = task
        if index is None:
            if fetch is not None:
                fetch, failure = _prepare(make_fetch, where)
            continue
        try:
            if fetch is None:
                result = encode((number, ERROR, failure))
            else:
                result = encode((number, BATCH, fetch(index)))
        except ended:
            result = encode((number, EXHAUSTED, None))
        except Exception:
            result = encode((number, ERROR, WorkerError(where)))
        results.put(result)


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """The seed of NumPy's global random numbers in a worker: PyTorch's."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4).tolist()


def _prepare(
    make_fetch: Callable[[], Fetch], where: str, init: Callable[[int], None] | None = None, number: int = 0
) -> tuple[Fetch | None, WorkerError | None]:
    """The function that makes batches, or the error that stands in the way of it."""
    try:
        if init is not None:
            init(number)
        return make_fetch(), None
    except Exception:
        return None, WorkerError(where)


class _Never(Exception):
    """Raised by nobody: a StopIteration from an indexed dataset is an error like any other."""


def _streams(dataset: Any) -> bool:
    return isinstance(dataset, IterableDataset)


def _receive(pipe: connection.Connection, tasks: queue.SimpleQueue, stop: threading.Event) -> None:
    parent = parent_process()
    watched: list[Any] = [pipe] if parent is None else [pipe, parent.sentinel]
    while True:
        try:
            if pipe not in connection.wait(watched):
                raise EOFError
            task = pipe.recv()
        except (EOFError, OSError):
            os._exit(1)  # nobody is left to read what this worker makes
        if task is None:
            stop.set()  # what is still queued was asked for by an epoch that is over
        tasks.put(task)
        if task is None:
            return


def _send(pipe: connection.Connection, results: queue.SimpleQueue) -> None:
    while True:
        result = results.get()
        try:
            shared.send(pipe, result)
        except OSError:
            os._exit(1)
