"""Datasets, samplers, collation and the DataLoader in one process."""

from __future__ import annotations

import collections
import re
import subprocess
import sys

import numpy as np
import pytest

import numtorch as nt
from numtorch.utils import data as D
from numtorch.utils.data import gather
from numtorch.utils.data.dataset import gathers

try:
    import torch
    import torch.utils.data as torch_data
except ImportError:
    torch = None

Point = collections.namedtuple("Point", "x y")


class Squares(D.Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return i, float(i * i)


class Stream(D.IterableDataset):
    def __init__(self, n=7):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def generator(seed=0):
    g = nt.Generator()
    g.manual_seed(seed)
    return g


def plain(x):
    """Tensors inside ``x`` as (dtype, list), so that == compares."""
    if isinstance(x, nt.Tensor) or (torch is not None and isinstance(x, torch.Tensor)):
        return str(x.dtype).split(".")[-1], x.tolist()
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return type(x).__name__, [plain(v) for v in x]
    return x


def tensors():
    x = nt.from_numpy(np.random.default_rng(0).standard_normal((23, 3, 2)).astype(np.float32))
    return x, nt.arange(23)


# Kernels


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float32", "int64", "float64", "complex128"])
@pytest.mark.parametrize("tail", [(), (1,), (3,), (2, 5), (0,)])
def test_take_rows_is_indexing(dtype, tail):
    g = np.random.default_rng(0)
    x = (g.standard_normal((11, *tail)) * 50).astype(dtype)
    index = g.integers(-11, 11, 17)
    out = gather.take_rows(x, index)
    assert out.dtype == x.dtype and out.flags.c_contiguous
    assert np.array_equal(out, x[index])
    assert gather.take_rows(x, index[:0]).shape == (0, *tail)


def test_take_mapped_is_a_table_lookup():
    g = np.random.default_rng(0)
    x = g.integers(0, 256, (9, 3, 4, 5)).astype(np.uint8)
    table = g.standard_normal((3, 256)).astype(np.float32)
    index = np.array([8, -9, 0, 0, -1])
    wanted = np.stack([[table[k][x[i, k]] for k in range(3)] for i in index])
    assert np.array_equal(gather.take_mapped(x, index, table), wanted)


@pytest.mark.parametrize("samples", [0, 1, 15, 16, 17, 100])
def test_parallel_and_plain_python_kernels_agree_with_the_serial_ones(samples):
    g = np.random.default_rng(0)
    n, c, plane = 20, 2, 7
    x = g.integers(0, 256, n * c * plane).astype(np.uint8)
    index = g.integers(-n, n, samples)
    table = g.standard_normal(c * 256).astype(np.float32)
    outs = []
    for kernel in (gather.mapped, gather.mapped_parallel, gather.mapped.fn):
        out = np.empty(samples * c * plane, np.float32)
        kernel(x, index, n, table, c, plane, out)
        outs.append(out)
    for kernel in (gather.rows, gather.rows_parallel, gather.rows.fn):
        out = np.empty(samples * c * plane, np.uint8)
        kernel(x, index, n, c * plane, out)
        outs.append(table[out])
    assert all(np.array_equal(out, outs[0]) for out in outs[1:3])
    assert all(np.array_equal(out, outs[3]) for out in outs[4:])


def test_large_batches_take_the_parallel_kernel_with_the_same_result():
    x = np.arange(40 * 8192, dtype=np.float32).reshape(40, 8192)
    index = np.random.default_rng(0).permutation(40)
    assert np.array_equal(gather.take_rows(x, index), x[index])


@pytest.mark.parametrize("bad", [5, -6, 10**12])
def test_a_bad_index_is_named(bad):
    with pytest.raises(IndexError, match=f"index {bad} is out of range for a dataset of 5 samples"):
        gather.take_rows(np.zeros((5, 2)), np.array([0, bad]))
    with pytest.raises(IndexError):
        list(D.DataLoader(D.TensorDataset(nt.zeros(5)), batch_sampler=[[0, bad]]))


# Datasets


def test_tensor_dataset():
    x, y = tensors()
    data = D.TensorDataset(x, y)
    assert len(data) == 23
    assert plain(data[4]) == plain((x[4], y[4]))
    with pytest.raises(ValueError, match="Size mismatch between tensors: first extents are 23, 3"):
        D.TensorDataset(x, nt.zeros(3))


@pytest.mark.parametrize("make", [
    lambda x, y: D.TensorDataset(x, y),
    lambda x, y: D.TensorDataset(y),
    lambda x, y: D.TensorDataset(x.transpose(1, 2), y),
    lambda x, y: D.TensorDataset(x[::2], y[::2]),
    lambda x, y: D.Subset(D.TensorDataset(x, y), [3, 1, -1, 22]),
    lambda x, y: D.Subset(D.Subset(D.TensorDataset(x, y), range(5, 15)), [9, 0, 4]),
    lambda x, y: D.Subset(D.TensorDataset(x, y), np.array([7, 7, 2])),
    lambda x, y: D.ConcatDataset([D.TensorDataset(x, y), D.TensorDataset(x * 2, y)]),
], ids=range(8))  # fmt: skip
@pytest.mark.parametrize("batch", [1, 4, 100])
def test_gathered_batches_have_the_bits_of_collated_samples(make, batch):
    data = make(*tensors())
    gathered = list(D.DataLoader(data, batch_size=batch))
    samples = [data[i] for i in range(len(data))]
    collated = [D.default_collate(samples[i : i + batch]) for i in range(0, len(data), batch)]
    assert plain(gathered) == plain(collated)


def test_a_subclass_that_overrides_getitem_is_not_gathered_past():
    class Doubled(D.TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)[0] * 2

    data = Doubled(nt.arange(4))
    assert gathers(D.TensorDataset(nt.arange(4))) and not gathers(data)
    assert next(iter(D.DataLoader(data, batch_size=4))).tolist() == [0, 2, 4, 6]
    part = D.Subset(data, [1, 2])
    assert next(iter(D.DataLoader(part, batch_size=4))).tolist() == [2, 4]


def test_gathering_sees_changes_made_between_batches():
    data = D.TensorDataset(nt.arange(4))
    part = D.Subset(data, [0, 1])
    batches = iter(D.DataLoader(part, batch_size=1))
    assert next(batches)[0].tolist() == [0]
    part.indices[1] = 3
    data.tensors = (nt.arange(4) * 10,)
    assert next(batches)[0].tolist() == [30]


def test_a_batch_is_a_copy():
    x = nt.zeros(4)
    (batch,) = next(iter(D.DataLoader(D.TensorDataset(x), batch_size=4)))
    batch += 1
    assert x.tolist() == [0] * 4


def test_getitems_hook_is_used():
    class Hooked(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert next(iter(D.DataLoader(Hooked(), batch_size=3))).tolist() == [0, -1, -2]


def test_concat_and_chain():
    both = Squares() + D.Subset(Squares(), [3])
    assert isinstance(both, D.ConcatDataset) and len(both) == 11
    assert both[10] == both[-1] == (3, 9.0) and both.cumulative_sizes == [10, 11]
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-12]
    with pytest.raises(IndexError, match="index 11 is out of range for 11 samples"):
        both[11]
    with pytest.raises(ValueError, match="should not be an empty iterable"):
        D.ConcatDataset([])
    with pytest.raises(AssertionError, match="ChainDataset"):
        D.ConcatDataset([Stream()])
    chain = Stream(2) + Stream(3)
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5


def test_stack_dataset():
    assert D.StackDataset("ab", [1, 2])[1] == ("b", 2)
    assert D.StackDataset(a="ab", b=[1, 2])[0] == {"a": "a", "b": 1}
    for args, kwargs in (((), {}), (("a",), {"b": "b"}), (("a", "bc"), {})):
        with pytest.raises(ValueError):
            D.StackDataset(*args, **kwargs)


def test_unimplemented_methods_say_which_class():
    for call in (lambda: D.Dataset()[0], lambda: iter(D.IterableDataset()), lambda: iter(D.Sampler())):
        with pytest.raises(NotImplementedError, match="must define __"):
            call()


@pytest.mark.parametrize(("lengths", "counts"), [
    ([7, 3], [7, 3]),
    ([0.7, 0.3], [7, 3]),
    ([1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
    ([1.0], [10]),
    ([10, 0], [10, 0]),
])  # fmt: skip
def test_random_split(lengths, counts):
    parts = D.random_split(range(10), lengths, generator=generator(1))
    assert [len(p) for p in parts] == counts
    assert sorted(i for p in parts for i in p) == list(range(10))
    again = D.random_split(range(10), lengths, generator=generator(1))
    assert [list(p) for p in again] == [list(p) for p in parts]


def test_random_split_errors():
    with pytest.raises(ValueError, match=r"Sum of input lengths.*\[7, 2\] sum to 9, not to 10"):
        D.random_split(range(10), [7, 2])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1: 1.5"):
        D.random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        D.random_split(range(1), [0.9, 0.1])


# Samplers


def test_random_sampler():
    order = list(D.RandomSampler(range(50), generator=generator(3)))
    assert sorted(order) == list(range(50)) and order != sorted(order)
    assert order == list(D.RandomSampler(range(50), generator=generator(3)))
    nt.manual_seed(5)
    first, second = list(D.RandomSampler(range(50))), list(D.RandomSampler(range(50)))
    nt.manual_seed(5)
    assert first == list(D.RandomSampler(range(50))) and first != second
    many = list(D.RandomSampler(range(4), replacement=True, num_samples=100))
    assert len(many) == 100 and set(many) == set(range(4))
    twice = list(D.RandomSampler(range(4), num_samples=7))
    assert sorted(twice[:4]) == list(range(4)) and len(twice) == len(set(twice[4:])) + 4 == 7


def test_other_samplers():
    assert list(D.SequentialSampler("abc")) == [0, 1, 2]
    subset = D.SubsetRandomSampler([5, 6, 9], generator=generator())
    assert sorted(subset) == [5, 6, 9] and len(subset) == 3
    weighted = D.WeightedRandomSampler([0, 3.0, 1.0, 0], 4000, generator=generator())
    counts = np.bincount(list(weighted), minlength=4)
    assert counts[0] == counts[3] == 0 and 0.70 < counts[1] / 4000 < 0.80
    once = D.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)
    assert sorted(once) == [0, 1, 2] and len(once) == 3
    batches = D.BatchSampler(range(5), 2, False)
    assert list(batches) == [[0, 1], [2, 3], [4]] and len(batches) == 3
    assert len(D.BatchSampler(range(5), 2, True)) == 2


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [3, 8, 10])
def test_distributed_sampler(n, shuffle, drop_last):
    shares = [
        D.DistributedSampler(range(n), 4, rank, shuffle=shuffle, seed=2, drop_last=drop_last) for rank in range(4)
    ]
    lists = [list(s) for s in shares]
    assert {len(x) for x in lists} == {len(shares[0])}
    seen = {i for x in lists for i in x}
    assert drop_last or seen == set(range(n))
    if torch is not None and not shuffle:
        theirs = [
            list(torch_data.DistributedSampler(range(n), 4, r, shuffle=False, drop_last=drop_last)) for r in range(4)
        ]
        assert lists == theirs
    if shuffle and n > 3:
        for s in shares:
            s.set_epoch(1)
        assert [list(s) for s in shares] != lists


@pytest.mark.parametrize("make", [
    lambda d: d.RandomSampler(range(3), replacement=1),
    lambda d: d.RandomSampler(range(3), num_samples=0),
    lambda d: d.RandomSampler([]),
    lambda d: d.BatchSampler(range(3), 0, False),
    lambda d: d.BatchSampler(range(3), True, False),
    lambda d: d.BatchSampler(range(3), 2, 1),
    lambda d: d.WeightedRandomSampler([1.0], 0),
    lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
    lambda d: d.WeightedRandomSampler([[1.0]], 1),
    lambda d: d.DistributedSampler(range(3), 2, 2),
    lambda d: d.DataLoader([1], num_workers=-1),
    lambda d: d.DataLoader([1], timeout=-1),
    lambda d: d.DataLoader([1], prefetch_factor=2),
    lambda d: d.DataLoader([1], num_workers=1, prefetch_factor=-1),
    lambda d: d.DataLoader([1], persistent_workers=True),
    lambda d: d.DataLoader([1], sampler=[0], shuffle=True),
    lambda d: d.DataLoader([1], batch_sampler=[[0]], batch_size=2),
    lambda d: d.DataLoader([1], batch_sampler=[[0]], shuffle=True),
    lambda d: d.DataLoader([1], batch_sampler=[[0]], drop_last=True),
    lambda d: d.DataLoader([1], batch_size=None, drop_last=True),
    lambda d: d.DataLoader([1], batch_size=0),
    lambda d: d.DataLoader([1], batch_size=1.5),
    lambda d: d.DataLoader([], shuffle=True),
    lambda d: d.DataLoader([1], multiprocessing_context="fork"),
    lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context="thread"),
    lambda d: d.DataLoader([1], num_workers=1, multiprocessing_context=3),
    lambda d: setattr(d.DataLoader([1]), "batch_size", 3),
    lambda d: setattr(d.DataLoader([1]), "dataset", []),
    lambda d: d.default_collate([object()]),
    lambda d: d.default_collate([(1, 2), (1,)]),
    lambda d: d.default_collate([np.array(["a"])]),
    lambda d: d.default_collate([np.zeros(2), np.zeros(3)]),
], ids=range(32))  # fmt: skip
def test_errors_are_of_torchs_kind(make):
    with pytest.raises((ValueError, TypeError, RuntimeError)) as ours:
        make(D)
    if torch is not None:
        torch_data.default_collate = torch.utils.data.default_collate
        with pytest.raises(type(ours.value)) as theirs:
            make(torch_data)
        assert type(theirs.value) is type(ours.value)


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_streams_have_no_order(name):
    with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
        D.DataLoader(Stream(), **{name: [[0]]})


# Collation


COLLATED = {
    "ints": [1, 2],
    "bools": [True, False],
    "floats": [1.5, 2.0],
    "strings": ["a", "b"],
    "bytes": [b"a", b"b"],
    "tuples": [(1, 2.0), (3, 4.0)],
    "nested": [(1, ("a", [2.0])), (3, ("b", [4.0]))],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    "namedtuples": [Point(1, 2.0), Point(3, 4.0)],
    "arrays": [np.arange(3), np.arange(3)],
    "float arrays": [np.ones((2, 2), np.float32)] * 2,
    "numpy scalars": [np.float32(1), np.float32(2)],
    "numpy ints": [np.int64(1), np.int64(2)],
    "single": [7],
}


@pytest.mark.parametrize("name", COLLATED)
def test_default_collate(name):
    batch = COLLATED[name]
    out = plain(D.default_collate(batch))
    if torch is not None:
        assert out == plain(torch.utils.data.default_collate(batch))
    if name == "dicts":
        assert out == {"a": ("int64", [1, 2]), "b": ("list", ["x", "y"])}


def test_collate_keeps_mapping_and_sequence_types():
    default = collections.defaultdict(int, a=1)
    out = D.default_collate([default, default])
    assert type(out) is collections.defaultdict and out["a"].tolist() == [1, 1]
    ordered = D.default_collate([collections.OrderedDict(b=1, a=2)] * 2)
    assert type(ordered) is collections.OrderedDict and list(ordered) == ["b", "a"]
    assert type(D.default_collate([collections.deque([1, 2])] * 2)) is collections.deque
    assert D.default_collate([range(2)] * 2)[1].tolist() == [1, 1]


def test_collating_tensors_stacks_them():
    out = D.default_collate([nt.tensor([1.0, 2.0]), nt.tensor([3.0, 4.0])])
    assert plain(out) == ("float32", [[1, 2], [3, 4]])
    with pytest.raises(RuntimeError, match="stack"):
        D.default_collate([nt.zeros(2), nt.zeros(3)])


def test_collate_errors_name_the_type():
    with pytest.raises(TypeError, match=re.escape("dicts or lists; found <class 'object'>")):
        D.default_collate([object()])
    with pytest.raises(RuntimeError, match=r"equal size; got lengths \[1, 2\]. Pass collate_fn="):
        D.default_collate([(1, 2), (1,)])


# DataLoader


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 10, 11])
def test_batches_in_order(batch, drop_last):
    loader = D.DataLoader(Squares(), batch_size=batch, drop_last=drop_last)
    got = [x.tolist() for x, _ in loader]
    stop = 10 - 10 % batch if drop_last else 10
    assert got == [list(range(i, min(10, i + batch))) for i in range(0, stop, batch)]
    assert len(loader) == len(got)


def test_shuffle_visits_every_sample_once_and_differs_between_epochs():
    loader = D.DataLoader(range(100), batch_size=7, shuffle=True, generator=generator(1))
    first, second = ([i for b in loader for i in b.tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    again = D.DataLoader(range(100), batch_size=7, shuffle=True, generator=generator(1))
    assert [i for b in again for i in b.tolist()] == first


def test_the_global_seed_decides_the_order():
    orders = []
    for _ in range(2):
        nt.manual_seed(11)
        orders.append([b.tolist() for b in D.DataLoader(range(20), batch_size=6, shuffle=True)])
    assert orders[0] == orders[1]


def test_custom_samplers():
    assert [b.tolist() for b in D.DataLoader(range(9), batch_size=2, sampler=[8, 0, 4])] == [[8, 0], [4]]
    loader = D.DataLoader(range(9), batch_sampler=[[1], [2, 3]])
    assert [b.tolist() for b in loader] == [[1], [2, 3]] and len(loader) == 2
    assert loader.batch_size is None


def test_without_batching_samples_are_converted():
    loader = D.DataLoader([np.arange(2), 3, "a"], batch_size=None)
    assert plain(list(loader)) == ("list", [("int64", [0, 1]), 3, "a"]) and len(loader) == 3
    assert list(D.DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_collate_fn():
    assert list(D.DataLoader(Squares(), batch_size=5, collate_fn=len)) == [5, 5]
    x = D.TensorDataset(nt.arange(4))
    assert list(D.DataLoader(x, batch_size=4, collate_fn=len)) == [4]


def test_streams():
    assert [b.tolist() for b in D.DataLoader(Stream(), batch_size=3)] == [[0, 1, 2], [3, 4, 5], [6]]
    loader = D.DataLoader(Stream(), batch_size=3, drop_last=True)
    assert [b.tolist() for b in loader] == [[0, 1, 2], [3, 4, 5]]
    assert len(loader) == 2 and len(D.DataLoader(Stream(), batch_size=3)) == 3


def test_iterator_interface():
    loader = D.DataLoader(range(5), batch_size=2, pin_memory=True)
    batches = iter(loader)
    assert len(batches) == 3 and iter(batches) is batches
    list(batches)
    with pytest.raises(StopIteration):
        next(batches)


def test_classes_take_type_parameters():
    assert D.Dataset[int] and D.Sampler[int] and D.DataLoader[int] and D.IterableDataset[int]


if torch is not None:

    @pytest.mark.parametrize("kind", [Squares, lambda: range(30), lambda: ["a", "b", "c"]])
    @pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"batch_size": None}], ids=str)
    def test_the_same_batches_as_torch(kind, options):
        ours, theirs = D.DataLoader(kind(), **options), torch_data.DataLoader(kind(), **options)
        assert plain(list(ours)) == plain(list(theirs))


def test_distributed_sampler_without_a_process_group_is_an_error():
    with pytest.raises((RuntimeError, ValueError), match="process group"):
        D.DistributedSampler(range(4))


def test_importing_the_loader_starts_nothing():
    """No Numba, no network code, no optional package: importing costs what NumPy costs."""
    code = (
        "import sys, numtorch.utils.data, numtorch.vision\n"
        "names = ('numba', 'urllib.request', 'PIL', 'scipy')\n"
        "print([name for name in names if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout == "[]\n"


class Rows:
    """What is read sample by sample, of which ``TensorDataset`` makes batches in one step."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]


NUMBERS = {
    "fraction": [1.7],
    "whole float": [1.0],
    "bool": [True],
    "NumPy float": [np.float64(1)],
    "NumPy int": [np.int64(1)],
    "None": [None],
    "text": ["1"],
    "list": [[0, 1]],
    "huge": [2**70],
    "beyond": [7],
    "negative": [-1],
    "tensor": [nt.tensor(1)],
    "float tensor": [nt.tensor(1.5)],
    "mixed": [0, True, 1.5],
}


@pytest.mark.parametrize("order", NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize("subset", [False, True], ids=["whole", "subset"])
def test_what_is_no_number_of_a_sample_means_what_it_means_to_the_dataset(order, subset):
    data = D.TensorDataset(nt.arange(4.0) * 10)

    def batches(dataset):
        if subset:
            return list(D.DataLoader(D.Subset(dataset, order), batch_size=2))
        return list(D.DataLoader(dataset, batch_sampler=[order]))

    try:
        expected = batches(Rows(data))
    except Exception as e:
        with pytest.raises(type(e)):
            batches(data)
        return
    assert [b[0].tolist() for b in batches(data)] == [b[0].tolist() for b in expected]


def test_arrays_of_numbers():
    data = D.TensorDataset(nt.arange(4.0))
    for good in (np.array([2, 0]), np.array([2, 0], np.uint64), nt.tensor([2, 0]), (2, 0)):
        assert next(iter(D.DataLoader(data, batch_sampler=[good])))[0].tolist() == [2, 0]
    for bad in (np.array([1.0, 0.5]), nt.tensor([1.0, 0.5])):
        with pytest.raises(IndexError):
            next(iter(D.DataLoader(data, batch_sampler=[bad])))
    with pytest.raises(IndexError, match="one-dimensional array of integers"):
        data.gather_batch(np.array([1.5]))


@pytest.mark.parametrize(
    ("lengths", "error"),
    [
        ([2.7, 2.2], ValueError),
        ([2.5, 1.5], TypeError),
        ([-1, 5], ValueError),
        ([float("nan"), 0.5], ValueError),
        ([3, 2], ValueError),
        ([True, 3], TypeError),
    ],
)
def test_lengths_of_a_split_are_not_cut_off(lengths, error):
    with pytest.raises(error):
        D.random_split(range(4), lengths)


def test_an_epoch_without_end_is_drawn_in_parts():
    """minGPT draws 10 ** 10 samples with replacement, and stops by itself."""
    data = nt.utils.data
    source = data.TensorDataset(nt.arange(5))
    sampler = data.RandomSampler(source, replacement=True, num_samples=10**10)
    loader = data.DataLoader(source, 4, sampler=sampler)
    seen = [batch[0] for batch, _ in zip(loader, range(20), strict=False)]
    assert len(loader) == 25 * 10**8 and {len(x) for x in seen} == {4} and set(nt.cat(seen).tolist()) == set(range(5))

    class Counted(data.Dataset):
        def __len__(self):
            return 10**12

        def __getitem__(self, i):
            return i

    assert next(iter(data.DataLoader(Counted(), 3))).tolist() == [0, 1, 2]
