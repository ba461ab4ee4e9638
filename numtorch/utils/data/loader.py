"""``DataLoader``: makes batches from a dataset and an order of samples, here, in threads or in worker processes.

Owns the options, the order of batches and the start and end of workers. ``collate`` and ``gather`` make a batch;
``worker`` has the code of a worker process.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from numtorch.ops.generator import default_generator
from numtorch.utils.data import shared, worker
from numtorch.utils.data.collate import default_collate, default_convert
from numtorch.utils.data.dataset import IterableDataset, as_numbers, gathers, gathers_alone
from numtorch.utils.data.sampler import BatchSampler, DistributedSampler, RandomSampler, SequentialSampler, draw_seed

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)  # what a batch is: no type tells what collate_fn makes of samples
else:
    from typing import TypeVar

    T = TypeVar("T")

_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


# Samplers of which the whole order can be had as an array, drawn as their __iter__ would draw it.
_ARRAY_SAMPLERS = (SequentialSampler, RandomSampler, DistributedSampler)


class _Endless:
    """The order of a stream: it has none."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T]):
    """Iterates over a dataset in batches.

    A dataset that implements ``gather_batch`` (``TensorDataset``, ``Subset``, the vision datasets
    with pixelwise transforms) makes each batch in one kernel call, with the values of the
    sample-by-sample path; if no code of yours is part of that, ``num_workers`` threads make the batches ahead, and no
    processes. ``state_dict()`` and ``load_state_dict()`` keep the place in an epoch. Differs from torch: ``pin_memory``
    and ``in_order=False`` change nothing.

    Args:
        dataset: maps an index to a sample, or an ``IterableDataset``.
        batch_size: samples in a batch; None hands out single samples.
        shuffle: a new random order in every epoch.
        sampler: the order, as an iterable of indices.
        batch_sampler: the batches, as an iterable of lists of indices.
        num_workers: processes (or threads) that make batches; 0 makes them here.
        collate_fn: makes a batch from a list of samples.
        pin_memory, pin_memory_device: accepted; CPU memory is used as it is.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; 0 waits forever.
        worker_init_fn: called with the worker's number when it starts.
        multiprocessing_context: how workers are started: ``"fork"``, ``"spawn"``, or a context.
        generator: source of randomness of the order and of the workers' seeds.
        prefetch_factor: batches that each worker makes ahead (default 2).
        persistent_workers: keep the workers from one epoch to the next.
        in_order: accepted; batches always come in the order of the sampler.

    Raises:
        ValueError: a number is out of its range, or options exclude each other, as ``shuffle`` and ``sampler``.

    >>> data = torch.utils.data.TensorDataset(torch.arange(5), torch.arange(5) * 10)
    >>> for x, y in torch.utils.data.DataLoader(data, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [0, 1] [0, 10]
    [2, 3] [20, 30]
    [4] [40]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing. "
                "Let num_workers > 0 to enable it, otherwise set prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 1:
            raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self._streaming = isinstance(dataset, IterableDataset)
        if self._streaming:
            for name, value in (("shuffle", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value not in (None, False):
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._streaming:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.in_order = in_order
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = self._context(multiprocessing_context)
        self._iterator: _WorkersIterator | None = None
        self._last: weakref.ref[_BaseDataLoaderIter] | None = None  # the iterator that gives the current epoch
        self._resumed: dict | None = None  # where the next epoch begins
        self._ready = True

    def _context(self, given: Any) -> Any:
        if given is None or not isinstance(given, str):
            if given is not None and self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading "
                    "(num_workers > 0), but got num_workers=0"
                )
            if given is not None and not hasattr(given, "Process"):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string "
                    f"specifying the start method, but got multiprocessing_context={given}"
                )
            return given
        if given not in multiprocessing.get_all_start_methods():
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{multiprocessing.get_all_start_methods()!r}, but got {given!r}"
            )
        return self._context(multiprocessing.get_context(given))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and getattr(self, "_ready", False):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if not self._streaming:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Any:
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            made = self._get_iterator(_random_state(self), None)
            self._last = weakref.ref(made)
            return made
        present = _random_state(self)
        _set_random_state(self, resumed)
        made = self._get_iterator(resumed, resumed["batches"])
        _set_random_state(self, present)  # what the program itself has restored, or will draw next
        self._last = weakref.ref(made)
        return made

    def _get_iterator(self, state: dict | None = None, skip: int | None = None) -> _BaseDataLoaderIter:
        state = _random_state(self) if state is None else state
        tasks = _tasks(self.sampler, self.batch_sampler)
        if skip is not None and not self._streaming:
            tasks = itertools.islice(tasks, skip, None)
        if self.num_workers == 0:
            made: _BaseDataLoaderIter = _LocalIterator(self, tasks)
        elif self.worker_init_fn is None and self.collate_fn is default_collate and gathers_alone(self.dataset):
            made = _ThreadsIterator(self, tasks)
        elif self.persistent_workers and self._iterator is not None and not self._iterator.closed:
            made = self._iterator
            self._iterator.restart(tasks)
        else:
            made = _WorkersIterator(self, tasks)
            if self.persistent_workers:
                self._iterator = made
        made._state, made._given = state, 0
        if skip is not None and self._streaming:
            for _ in range(skip):
                next(made, None)
        elif skip is not None:
            made._tasks = _begun(made._tasks)
        made._given = skip or 0
        return made

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def state_dict(self) -> dict[str, Any]:
        """The place in the current epoch: how many batches have been given, and the random numbers that its order was
        drawn from.

        Returns:
            A dict for ``load_state_dict``.

        >>> loader = torch.utils.data.DataLoader(range(6), batch_size=2, shuffle=True)
        >>> batches = iter(loader)
        >>> first = next(batches)
        >>> again = torch.utils.data.DataLoader(range(6), batch_size=2, shuffle=True)
        >>> again.load_state_dict(loader.state_dict())
        >>> [b.tolist() for b in again] == [b.tolist() for b in batches]
        True
        """
        last = None if self._last is None else self._last()
        if last is None or last._over:
            return self._resumed or {"batches": 0, **_random_state(self)}
        return {**last._state, "batches": last._given}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next epoch go on where another one was.

        Batches that were given are not made again; of a stream they are, and thrown away. Random numbers that a dataset
        draws for each sample begin anew.

        Args:
            state_dict: what ``state_dict`` returned, of a loader of the same options.

        Raises:
            ValueError: it is no such dict.

        >>> loader = torch.utils.data.DataLoader(range(4))
        >>> loader.load_state_dict({**loader.state_dict(), "batches": 3})
        >>> [batch.tolist() for batch in loader]
        [[3]]
        """
        if not {"batches", "default"} <= set(state_dict):
            raise ValueError("load_state_dict: this is not the state of a DataLoader")
        self._resumed = dict(state_dict)


def _random_sources(loader: DataLoader) -> dict[str, Any]:
    """What the order of an epoch is drawn from."""
    found = {"default": default_generator, "generator": loader.generator}
    found["sampler"] = getattr(loader.sampler, "generator", None)
    return {name: g for name, g in found.items() if hasattr(g, "get_state")}


def _random_state(loader: DataLoader) -> dict[str, Any]:
    found = {name: g.get_state() for name, g in _random_sources(loader).items()}
    epoch = getattr(loader.sampler, "epoch", None)
    return found if epoch is None else {**found, "epoch": epoch}


def _set_random_state(loader: DataLoader, state: dict[str, Any]) -> None:
    for name, g in _random_sources(loader).items():
        if name in state:
            g.set_state(state[name])
    if "epoch" in state and hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(state["epoch"])


def _begun(tasks: Iterator[Any]) -> Iterator[Any]:
    """The same tasks, their order drawn at once."""
    return itertools.chain(list(itertools.islice(tasks, 1)), tasks)


def _tasks(sampler: Any, batch_sampler: Any) -> Iterator[Any]:
    """The epoch's tasks: lists (or int64 arrays) of indices, or single indices."""
    if batch_sampler is None:
        return iter(sampler)
    if type(batch_sampler) is not BatchSampler or type(batch_sampler.sampler) not in _ARRAY_SAMPLERS:
        return iter(batch_sampler)
    inner: Any = batch_sampler.sampler
    return _slices(batch_sampler) if len(inner) <= inner._at_once else iter(batch_sampler)


def _slices(batches: BatchSampler) -> Iterator[np.ndarray]:
    order = batches.sampler.index_array()  # type: ignore[attr-defined]
    size = batches.batch_size
    stop = len(order) - len(order) % size if batches.drop_last else len(order)
    for i in range(0, stop, size):
        yield order[i : i + size]


def make_fetch(dataset: Any, streaming: bool, batched: bool, collate: Callable, drop_last: bool) -> Callable:
    """The function that makes a batch from a task; a stream's raises StopIteration at the end."""
    if streaming:
        return _stream_fetch(iter(dataset), batched, collate, drop_last)
    if not batched:
        return lambda index: collate(dataset[index])
    gather = dataset.gather_batch if collate is default_collate and gathers(dataset) else None
    many = getattr(dataset, "__getitems__", None)

    def fetch(index: Any) -> Any:
        if gather is not None:
            numbers = as_numbers(index)
            batch = None if numbers is None else gather(numbers)
            if batch is not None:
                return batch
        if isinstance(index, np.ndarray):
            index = index.tolist()
        return collate(many(index) if many else [dataset[i] for i in index])

    return fetch


def _stream_fetch(stream: Iterator, batched: bool, collate: Callable, drop_last: bool) -> Callable:
    ended = False

    def fetch(index: list | None) -> Any:
        nonlocal ended
        if ended:
            raise StopIteration
        if not batched:
            return collate(next(stream))
        batch = []
        for _ in index or ():
            try:
                batch.append(next(stream))
            except StopIteration:
                ended = True
                break
        if not batch or (drop_last and ended):
            raise StopIteration
        return collate(batch)

    return fetch


class _BaseDataLoaderIter:
    """An epoch.

    Attributes:
        _state: of the random numbers before its order was drawn.
        _given: how many batches it has given.
        _over: whether it has ended.
    """

    _state: dict
    _tasks: Iterator[Any]
    _given = 0
    _over = False

    def __init__(self, loader: DataLoader):
        self._sampler = loader._index_sampler

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def __len__(self) -> int:
        return len(self._sampler)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        try:
            batch = self._next_data()
        except StopIteration:
            self._over = True
            raise
        self._given += 1
        return batch


class _LocalIterator(_BaseDataLoaderIter):
    """Batches made in this process, when they are asked for."""

    def __init__(self, loader: DataLoader, tasks: Iterator[Any]):
        super().__init__(loader)
        self._fetch = make_fetch(
            loader.dataset, loader._streaming, loader.batch_sampler is not None, loader.collate_fn, loader.drop_last
        )
        draw_seed(loader.generator)  # so that the order does not depend on the number of workers
        self._tasks = tasks

    def _next_data(self) -> Any:
        return self._fetch(next(self._tasks))

    def __next__(self) -> Any:  # what ``_BaseDataLoaderIter`` does, without calls
        try:
            batch = self._fetch(next(self._tasks))
        except StopIteration:
            self._over = True
            raise
        self._given += 1
        return batch


class _ThreadsIterator(_BaseDataLoaderIter):
    """Batches made ahead by threads: of datasets whose batches one kernel makes, which no lock of Python's holds up."""

    def __init__(self, loader: DataLoader, tasks: Iterator[Any]):
        super().__init__(loader)
        self._fetch = make_fetch(loader.dataset, False, loader.batch_sampler is not None, loader.collate_fn, False)
        draw_seed(loader.generator)
        self._tasks, self._timeout = tasks, loader.timeout or None
        self._pool = ThreadPoolExecutor(loader.num_workers, "numtorch-data")
        self._end = weakref.finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        self._pending: deque[Future] = deque()
        for _ in range(loader.prefetch_factor * loader.num_workers):  # type: ignore[operator]
            self._hand_out()

    def _hand_out(self) -> None:
        for task in itertools.islice(self._tasks, 1):
            self._pending.append(self._pool.submit(self._fetch, task))

    def _next_data(self) -> Any:
        if not self._pending:
            self._end()
            raise StopIteration
        first = self._pending.popleft()
        self._hand_out()
        try:
            return first.result(self._timeout)
        except TimeoutError:
            self._end()
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None


class _Maker:
    """``make_fetch`` with its arguments, in a form that a spawned worker can receive."""

    def __init__(self, loader: DataLoader):
        self.args = (
            loader.dataset,
            loader._streaming,
            loader.batch_sampler is not None,
            loader.collate_fn,
            loader.drop_last,
        )

    def __call__(self) -> Callable:
        return make_fetch(*self.args)


class _WorkersIterator(_BaseDataLoaderIter):
    """Batches made by worker processes, handed out in the order of their tasks.

    Tasks go to the workers in turn; each worker answers in order, so the next batch is always the
    next answer of one known worker.
    """

    def __init__(self, loader: DataLoader, tasks: Iterator[Any]):
        # Not the loader itself: it may hold this iterator, and workers must not wait for a cycle
        # of references to be collected.
        super().__init__(loader)
        self._timeout = loader.timeout
        self._generator = loader.generator
        self._ahead = loader.prefetch_factor * loader.num_workers  # type: ignore[operator]
        self._keep = loader.persistent_workers
        context = loader.multiprocessing_context or multiprocessing.get_context()
        forking = context.get_start_method() == "fork"
        seed = draw_seed(loader.generator)
        self._pipes: list[connection.Connection] = []
        self._processes: list[Any] = []
        self._close = weakref.finalize(self, _shut_down, self._pipes, self._processes, os.getpid())
        for i in range(loader.num_workers):
            here, there = context.Pipe()
            info = worker.WorkerInfo(i, loader.num_workers, seed + i, loader.dataset)
            inherited = [*self._pipes, here] if forking else []
            process = context.Process(
                target=worker.run, args=(there, inherited, _Maker(loader), info, loader.worker_init_fn), daemon=True
            )
            with warnings.catch_warnings():
                # Python 3.12 warns of forking with threads; kernels run serially in a forked child.
                warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
                process.start()
            there.close()  # now only the worker holds it: its death closes the pipe
            self._pipes.append(here)
            self._processes.append(process)
        self._number = 0
        self._begin(tasks)

    @property
    def closed(self) -> bool:
        return not self._close.alive

    def _begin(self, tasks: Iterator[Any]) -> None:
        self._tasks, self._over = tasks, False
        self._pending: deque[tuple[int, int]] = deque()  # (task number, worker), in order
        self._active = set(range(len(self._pipes)))
        self._turn = 0
        for _ in range(self._ahead):
            self._hand_out()

    def restart(self, tasks: Iterator[Any]) -> None:
        """A new epoch with the same workers; what is left of the last one is thrown away."""
        while self._pending:
            self._answer(*self._pending.popleft())
        draw_seed(self._generator)
        for i in range(len(self._pipes)):
            self._send(i, (self._number, None))
        self._begin(tasks)

    def _send(self, i: int, task: Any) -> None:
        with contextlib.suppress(OSError):  # a dead worker is reported when its answer is due
            self._pipes[i].send(task)

    def _hand_out(self) -> None:
        if not self._active:
            return
        try:
            index = next(self._tasks)
        except StopIteration:
            return
        while self._turn not in self._active:
            self._turn = (self._turn + 1) % len(self._pipes)
        i = self._turn
        self._turn = (i + 1) % len(self._pipes)
        # A stream without batches has tasks that say nothing; None is reserved for a new epoch.
        self._send(i, (self._number, () if index is None else index))
        self._pending.append((self._number, i))
        self._number += 1

    def _answer(self, number: int, i: int) -> tuple[str, Any]:
        pipe, process = self._pipes[i], self._processes[i]
        ready = connection.wait([pipe, *[p.sentinel for p in self._processes]], self._timeout or None)
        if not ready:
            self._close()
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        try:
            if pipe not in ready and not pipe.poll():  # a worker has died, perhaps not the one whose turn it is
                i, process = next((i, p) for i, p in enumerate(self._processes) if p.sentinel in ready)
                raise EOFError
            got, kind, value = shared.receive(pipe)
        except (EOFError, OSError):
            process.join(1)
            pid, code = process.pid, process.exitcode
            self._close()
            reason = f"was killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            raise RuntimeError(
                f"DataLoader worker {i} (pid {pid}) exited unexpectedly ({reason}). "
                "Use num_workers=0 to see the error in the main process"
            ) from None
        assert got == number, (got, number)
        return kind, value

    def _next_data(self) -> Any:
        if self.closed:
            raise StopIteration
        try:
            while self._pending:
                number, i = self._pending.popleft()
                kind, value = self._answer(number, i)
                if kind == worker.EXHAUSTED:
                    self._retire(i)
                    continue
                self._hand_out()
                if kind == worker.ERROR:
                    value.reraise()
                return value
        except (KeyboardInterrupt, SystemExit):
            self._close()
            raise
        if not self._keep:
            self._close()
        raise StopIteration

    def _retire(self, i: int) -> None:
        """Give a worker whose stream has ended no more tasks, and its next task to another one."""
        self._active.discard(i)
        self._hand_out()


# As PyTorch calls them; programs ask for an iterator's type.
_SingleProcessDataLoaderIter, _MultiProcessingDataLoaderIter = _LocalIterator, _WorkersIterator
_InfiniteConstantSampler = _Endless


def _shut_down(pipes: list[connection.Connection], processes: list[Any], owner: int) -> None:
    """End the workers: ask, then insist. They hold nothing that needs saving."""
    if os.getpid() != owner:  # a forked copy of the iterator: these are not its workers
        return
    for pipe in pipes:
        with contextlib.suppress(OSError):
            pipe.send(None)
            pipe.close()
    deadline = time.monotonic() + 0.2
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(2)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
