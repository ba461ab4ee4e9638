"""Where an epoch goes on after an interruption; batches made by threads; collate functions of one's own."""

import itertools
import threading

import numpy as np
import pytest

import numtorch as torch
from numtorch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    collate,
    worker,
)
from numtorch.utils.data import loader as loaders


class Numbers(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        return i


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(20))


def lists(batches):
    return [[t.tolist() for t in b] if isinstance(b, list) else b.tolist() for b in batches]


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": True, "generator": True},
        {"shuffle": True, "num_workers": 2},
        {"shuffle": True, "num_workers": 2, "persistent_workers": True},
        {"sampler": True},
        {"tensors": True, "shuffle": True, "num_workers": 2},
        {"stream": True},
    ],
    ids=str,
)
def test_an_epoch_goes_on_where_it_was(options):
    def made():
        chosen = dict(options)
        data = Stream() if chosen.pop("stream", False) else Numbers()
        if chosen.pop("tensors", False):
            data = TensorDataset(torch.arange(20))
        if chosen.get("generator"):
            chosen["generator"] = torch.Generator().manual_seed(3)
        if chosen.get("sampler"):
            chosen["sampler"] = DistributedSampler(data, 2, 0)
            chosen["sampler"].set_epoch(4)
        return DataLoader(data, batch_size=3, **chosen)

    torch.manual_seed(1)
    first = made()
    list(first)  # an epoch before
    batches = iter(first)
    seen = list(itertools.islice(batches, 2))
    state = first.state_dict()
    rest, following = lists(batches), lists(first)
    assert state["batches"] == 2 and len(seen) == 2
    torch.manual_seed(99)
    again = made()
    again.load_state_dict(state)
    assert again.state_dict()["batches"] == 2
    assert lists(again) == rest and len(following) == len(rest) + 2
    assert again.state_dict()["batches"] == 0
    assert len(lists(again)) == len(following)


def test_resuming_leaves_the_programs_random_numbers_alone():
    loader = DataLoader(Numbers(), shuffle=True)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    loader.load_state_dict(state)
    iter(loader)
    assert torch.rand(3).tolist() == expected
    with pytest.raises(ValueError, match="not the state of a DataLoader"):
        loader.load_state_dict({"epoch": 1})


def test_kernels_make_batches_in_threads(monkeypatch):
    names = set()
    gather = TensorDataset.gather_batch

    def watched(self, index):
        names.add(threading.current_thread().name.partition("_")[0])
        return gather(self, index)

    monkeypatch.setattr(TensorDataset, "gather_batch", watched)
    data = TensorDataset(torch.arange(50), torch.arange(50.0) * 2)
    for part in (data, Subset(data, range(40)), ConcatDataset([data, data])):
        names.clear()
        options = {"batch_size": 4, "shuffle": True}
        torch.manual_seed(0)
        plain = lists(DataLoader(part, **options))
        torch.manual_seed(0)
        loader = DataLoader(part, num_workers=2, **options)
        assert lists(loader) == plain and isinstance(iter(loader), loaders._ThreadsIterator)
        assert "numtorch-data" in names
    assert isinstance(iter(DataLoader(data, num_workers=1, worker_init_fn=print)), loaders._WorkersIterator)


def test_an_error_in_a_thread_and_a_loader_that_is_left():
    data = TensorDataset(torch.arange(9))
    with pytest.raises(IndexError, match="out of range"):
        list(DataLoader(data, sampler=[1, 99], num_workers=2))
    batches = iter(DataLoader(data, num_workers=2))
    next(batches)
    pool = batches._pool
    del batches
    pool.shutdown(wait=True)
    assert not any(t.is_alive() for t in pool._threads)


def test_collate_functions_of_ones_own(monkeypatch):
    class Box:
        def __init__(self, x):
            self.x = x

    def joined(batch, *, collate_fn_map=None):
        return Box(collate.collate([b.x for b in batch], collate_fn_map=collate_fn_map))

    monkeypatch.setitem(collate.default_collate_fn_map, Box, joined)
    found = torch.utils.data.default_collate([{"b": Box(torch.ones(2)), "n": 1}] * 3)
    assert found["b"].x.shape == (3, 2) and found["n"].tolist() == [1, 1, 1]
    assert collate.collate([1, 2], collate_fn_map={int: lambda batch, **_: sum(batch)}) == 3
    with pytest.raises(TypeError, match="object"):
        torch.utils.data.default_collate([object()])


def test_nested_datasets_are_asked_for_many_samples_at_once():
    class Many(Numbers):
        def __getitems__(self, indices):
            return [i * 10 for i in indices]

    both = StackDataset(Many(), Numbers())
    assert both.__getitems__([1, 2]) == [(10, 1), (20, 2)]
    assert StackDataset(a=Many(), b=Numbers()).__getitems__([3]) == [{"a": 30, "b": 3}]
    joined = ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(3) + 10)])
    assert joined.gather_batch(np.array([3, 5]))[0].tolist() == [10, 12]
    assert joined.gather_batch(np.array([2, 3])) is None and joined.gather_batch(np.array([6])) is None
    assert lists(DataLoader(joined, batch_size=2)) == [[[0, 1]], [[2, 10]], [[11, 12]]]


def test_numpys_seeds_in_workers_are_pytorchs():
    theirs = pytest.importorskip("torch.utils.data._utils.worker")
    for seed, number in ((12345678901234, 3), (7, 0), (2**62 + 5, 1)):
        assert worker._generate_state(seed, number) == theirs._generate_state(seed, number)
