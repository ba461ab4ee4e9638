"""Files of PyTorch's format: read as PyTorch reads them and written so that it does; and what no file can do."""

import argparse
import collections
import errno
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

import file_mutations
import numpy as np
import pytest

import numtorch as torch
from numtorch import convert, files
from numtorch.dtype import COMPUTED
from numtorch.dtype import UNSIGNED as INTEGERS_TO_STORE
from numtorch.errors import CorruptFile, UnknownGlobal
from numtorch.serialization import archive, pytorch
from numtorch.serialization import globals as class_names
from numtorch.serialization.opcodes import MAX_DEPTH
from numtorch.torch_shim import names

REAL = [d.name for d in COMPUTED]
UNSIGNED = [d.name for d in INTEGERS_TO_STORE]
OLD = {"_use_new_zipfile_serialization": False}


def written(obj, lib=torch, **options):
    f = io.BytesIO()
    lib.save(obj, f, **({"format": "pt"} if lib is torch else {}), **options)
    return f.getvalue()


def through(obj, **options):
    return torch.load(io.BytesIO(written(obj)), **options)


@pytest.fixture
def theirs():
    return pytest.importorskip("torch")


# --- as PyTorch reads and writes them ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REAL, *UNSIGNED])
def test_every_dtype_in_both_directions(name, theirs):
    ours = torch.arange(6).remainder(2).reshape(2, 3).to(getattr(torch, name))
    other = theirs.arange(6).remainder(2).reshape(2, 3).to(getattr(theirs, name))
    there = theirs.load(io.BytesIO(written({"x": ours, "t": ours.t(), "row": ours[1]})), weights_only=True)
    assert there["x"].equal(other) and there["t"].equal(other.t()) and there["row"].equal(other[1])
    assert len({t.untyped_storage().data_ptr() for t in there.values()}) == 1
    for options in ({}, OLD) if name in REAL else ({},):
        back = torch.load(io.BytesIO(written({"x": other, "t": other.t(), "row": other[1]}, theirs, **options)))
        assert [t.tolist() for t in back.values()] == [ours.tolist(), ours.t().tolist(), ours[1].tolist()]
        assert {t.dtype for t in back.values()} == {ours.dtype} and back["t"].stride() == (1, 3)
        back["x"][1, 2] = 0
        assert back["t"][2, 1].item() == back["row"][2].item() == 0


def contents(lib):
    return {
        "numbers": [1, -7, 300, 70000, 2**90, -(2**40), 1.5, float("inf"), True, None, 1 + 2j],
        "long": list(range(3000)),
        "text": "ü\ud800 \n",
        "bytes": [b"a\xff", b"", bytearray(b"x")],
        "containers": ((), (1,), (1, 2, 3, 4), [], {}, {1, 2}, OrderedDict(z=1, a=2)),
        "keys": {1: 1, "1": 2, (1, "a"): 3, None: 4, 2.5: 5, False: 6},
        "torch": (lib.Size([2, 3]), lib.float16, lib.device("cpu"), lib.strided),
        "parameter": lib.nn.Parameter(lib.ones(2)),
        "frozen": lib.nn.Parameter(lib.ones(2), requires_grad=False),
        "leaf": lib.ones(1, requires_grad=True),
        "scalar": lib.tensor(2.5),
        "empty": lib.empty(0, 3),
        "expanded": lib.ones(1, 2).expand(3, 2),
        "meta": lib.ones(2, device="meta"),
        "conj": lib.tensor([1 + 2j, 3.0]).conj(),
    }


def shown(value):
    """What can be compared across the libraries."""
    if hasattr(value, "requires_grad"):
        elements = None if value.device.type == "meta" else value.detach().tolist()
        return type(value).__name__, str(value.dtype), tuple(value.shape), value.requires_grad, elements
    if isinstance(value, dict):
        return type(value).__name__, [(shown(k), shown(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return type(value).__name__, [shown(v) for v in value]
    return type(value).__name__, str(value)


def test_containers_numbers_and_parameters_in_both_directions(theirs):
    there = theirs.load(io.BytesIO(written(contents(torch))), weights_only=True)
    assert shown(there) == shown(contents(theirs))
    for options in ({}, OLD):
        assert shown(torch.load(io.BytesIO(written(contents(theirs), theirs, **options)))) == shown(contents(torch))
    assert shown(through(contents(torch))) == shown(contents(torch))


def test_attributes_and_metadata_are_kept(theirs):
    def made(lib):
        p = lib.nn.Parameter(lib.ones(2))
        p.decay = False
        net = lib.nn.Sequential(lib.nn.Linear(2, 1), lib.nn.BatchNorm1d(1))
        return {"p": p, "state": net.state_dict()}

    for back in (theirs.load(io.BytesIO(written(made(torch)))), torch.load(io.BytesIO(written(made(theirs), theirs)))):
        assert back["p"].decay is False
        assert back["state"]._metadata["1"] == {"version": 2}
    buffer = torch.load(io.BytesIO(written(theirs.nn.Buffer(theirs.ones(2), persistent=False), theirs)))
    assert type(buffer) is torch.nn.Buffer and buffer.persistent is False


def network(lib):
    nn = lib.nn
    return nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout()),
        *(nn.Linear(12, 4), nn.LayerNorm(4), nn.GELU()),
    )


def test_whole_modules_in_both_directions(theirs):
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4)).astype(np.float32)
    ours, other = network(torch).eval(), network(theirs).eval()
    there = theirs.load(io.BytesIO(written(ours)), weights_only=False)
    here = torch.load(io.BytesIO(written(other, theirs)), weights_only=False)
    for a, b in ((ours, there), (here, other)):
        y, z = a(torch.from_numpy(x)), b(theirs.from_numpy(x))
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert [n for n, _ in here.named_parameters()] == [n for n, _ in other.named_parameters()]
    here.train()(torch.from_numpy(x)).sum().backward()
    with pytest.raises(UnknownGlobal, match=r"torch\.nn\.modules\.container\.Sequential.*weights_only=False"):
        torch.load(io.BytesIO(written(other, theirs)))


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_training_goes_on_in_the_other_library(kind, theirs):
    def build(lib):
        layer = lib.nn.Linear(3, 2)
        return layer, getattr(lib.optim, kind)(
            layer.parameters(), lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {})
        )

    def step(lib, layer, optimizer):
        optimizer.zero_grad()
        layer(lib.ones(4, 3)).square().sum().backward()
        optimizer.step()

    (a, left), (b, right) = build(torch), build(theirs)
    a.load_state_dict(torch.load(io.BytesIO(written(b.state_dict(), theirs))))
    step(torch, a, left), step(theirs, b, right)
    here, there = written(left.state_dict()), written(right.state_dict(), theirs)
    left.load_state_dict(torch.load(io.BytesIO(there)))
    right.load_state_dict(theirs.load(io.BytesIO(here)))
    step(torch, a, left), step(theirs, b, right)
    np.testing.assert_allclose(a.weight.detach().numpy(), b.weight.detach().numpy(), rtol=1e-5)


def rezipped(data, change):
    """The archive with its entries changed."""
    entries = {}
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        for name in z.namelist():
            entries[name.partition("/")[2]] = z.read(name)
    return b"".join(bytes(p) for p in archive.written(list(change(entries).items())))


@pytest.mark.parametrize("name", ["int16", "float32", "float64", "complex64", "bfloat16", "uint8"])
def test_files_of_big_endian_machines(name):
    x = torch.arange(1, 5).to(getattr(torch, name))
    part = x.dtype.itemsize // (2 if x.is_complex() else 1)

    def swapped(entries):
        data = np.frombuffer(entries["data/0"], np.uint8).reshape(-1, part)[:, ::-1].tobytes()
        return entries | {"byteorder": b"big", "data/0": data}

    assert torch.load(io.BytesIO(rezipped(written(x), swapped))).tolist() == x.tolist()


def test_other_protocols_and_older_globals(theirs):
    obj = {
        "x": theirs.ones(2),
        "n": (1, "a", {3}, frozenset({4}), b"bytes", [2**70]),
        "d": collections.defaultdict(int, a=1),
    }
    for protocol in (2, 3, 4, 5):
        back = torch.load(io.BytesIO(written(obj, theirs, pickle_protocol=protocol)))
        assert back["x"].tolist() == [1, 1] and back["n"] == obj["n"] and back["d"]["b"] == 0
    counts = torch.load(io.BytesIO(written(collections.Counter("aab"), theirs)))
    assert counts == collections.Counter("aab")


def test_arrays_of_numpy_are_read():
    arrays = [
        np.arange(6.0).reshape(2, 3).T,
        np.float32(2),
        np.array(["a", "bc"]),
        np.array([], np.int8),
        np.bool_(True),
    ]
    back = through({"a": arrays[0], "rest": arrays[2:4]})
    assert back["a"].tolist() == arrays[0].tolist() and back["rest"][0].tolist() == ["a", "bc"]
    assert through([arrays[1], arrays[4]]) == [2.0, True]
    with pytest.raises(CorruptFile, match="may hold objects"):
        through(np.array([{}], dtype=object))


def test_views_of_other_types_share_their_memory():
    x = torch.zeros(4)
    back = through([x, x.view(torch.int32), x.view(torch.uint8)])
    back[0][1] = 1.0
    assert back[1].tolist()[1] == 0x3F800000 and back[2].tolist()[4:8] == [0, 0, 0x80, 0x3F]


def test_tied_things_are_one_again():
    w, shared = torch.ones(3), [1]
    back = through({"a": w, "b": w, "c": shared, "d": shared, "p": torch.nn.Parameter(w)})
    assert back["a"] is back["b"] and back["c"] is back["d"]
    back["a"][0] = 5
    assert back["p"].tolist() == [5, 1, 1]
    loop = []
    loop.append(loop)
    assert (again := through(loop))[0] is again


class Kind(Enum):
    ONE = 1


@dataclass
class Config:
    width: int
    kind: Kind


Point = collections.namedtuple("Point", "x y")


class Net(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.layer = config, torch.nn.Linear(2, config.width)
        self.activation = torch.nn.functional.relu

    def forward(self, x):
        return self.activation(self.layer(x))


def test_objects_of_ones_own_classes():
    net = Net(Config(3, Kind.ONE))
    back = through({"net": net, "args": argparse.Namespace(lr=0.1), "p": Point(1, 2)}, weights_only=False)
    x = torch.ones(1, 2)
    assert back["net"](x).tolist() == net(x).tolist() and back["net"].config == net.config
    assert back["args"].lr == 0.1 and back["p"] == Point(1, 2)
    with pytest.raises(UnknownGlobal, match="Namespace"):
        through(argparse.Namespace(lr=0.1))
    with torch.serialization.safe_globals([argparse.Namespace, (Point, f"{__name__}.Point")]):
        assert through([argparse.Namespace(lr=0.1), Point(3, 4)]) == [argparse.Namespace(lr=0.1), Point(3, 4)]
    assert torch.serialization.get_safe_globals() == []
    with pytest.raises(pickle.PicklingError, match="lambda"):
        through(lambda: 0)
    f = io.BytesIO(written({"args": argparse.Namespace(lr=0.1), "w": torch.ones(1)}))
    assert torch.serialization.get_unsafe_globals_in_checkpoint(f) == ["argparse.Namespace"]


def test_places(tmp_path):
    data = written(torch.ones(2))
    seen = []
    assert torch.load(io.BytesIO(data), lambda storage, where: seen.append(where)).tolist() == [1, 1]
    assert seen == ["cpu"] and torch.load(io.BytesIO(data), lambda storage, where: storage).tolist() == [1, 1]
    assert torch.load(io.BytesIO(data), "meta").device.type == "meta"
    gpu = rezipped(data, lambda e: e | {"data.pkl": e["data.pkl"].replace(b"\x03\0\0\0cpu", b"\x06\0\0\0cuda:0")})
    assert torch.load(io.BytesIO(gpu), "cpu").tolist() == [1, 1]
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="map_location='cpu'"):
            torch.load(io.BytesIO(gpu))


def test_mapped_tensors_lie_in_the_file(tmp_path, theirs):
    path = tmp_path / "f.pt"
    theirs.save({"a": theirs.ones(3), "b": theirs.arange(5)}, path)
    back = torch.load(path, mmap=True)
    assert not back["a"].numpy().flags.owndata and isinstance(base_of(back["a"].numpy()), np.memmap)
    back["a"].add_(1)
    assert back["a"].tolist() == [2, 2, 2] and torch.load(path)["a"].tolist() == [1, 1, 1]


def base_of(array):
    while isinstance(array.base, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return array


def test_streams():
    data = written([torch.ones(2), 1])

    class Pipe:
        def __init__(self):
            self.f = io.BytesIO(data)

        def read(self, n=-1):
            return self.f.read(n)

    assert torch.load(Pipe())[0].tolist() == [1, 1]
    f = io.BytesIO(file_mutations.stacked() * 2)
    assert [torch.load(f)["w"].shape for _ in range(2)] == [(4096,)] * 2


def test_the_name_tells_the_format(tmp_path):
    for name, zipped in (("a.pt", True), ("a.pth", True), ("a.safetensors", False), ("a", False)):
        torch.save({"w": torch.ones(1)}, tmp_path / name)
        assert ((tmp_path / name).read_bytes()[:2] == b"PK") == zipped
        assert torch.load(tmp_path / name)["w"].tolist() == [1]
    torch.save(1, tmp_path / "a.pt", format="safetensors")
    assert (tmp_path / "a.pt").read_bytes()[:2] != b"PK"


# --- what no file can do ----------------------------------------------------------------------------------


class Evil:
    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, "echo bad > bad"),
        Evil(eval, "open('bad', 'w')"),
        Evil(getattr, "text", "upper"),
        Evil(exec, "open('bad', 'w')"),
        Evil(subprocess.check_output, ["touch", "bad"]),
        Evil(pickle.loads, b"."),
        Evil(open, "bad", "w"),
        Evil(__import__, "antigravity"),
        Evil(torch.load, "bad"),
    ],
)
def test_functions_are_never_called(evil, trusted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = written({"w": torch.ones(1), "evil": evil})
    stacked = b"".join(pickle.dumps(v, 2) for v in (pytorch.MAGIC, 1001, {"little_endian": True}, evil, []))
    for content in (data, stacked):
        with pytest.raises(CorruptFile):
            torch.load(io.BytesIO(content), weights_only=not trusted)
    assert not (tmp_path / "bad").exists()


def with_pickle(text, **entries):
    return b"".join(bytes(p) for p in archive.written([("data.pkl", text), ("version", b"3\n"), *entries.items()]))


def tensor(key=b"0", n=4, offset=0, shape=(4,), strides=(1,), kind=b"FloatStorage"):
    """A pickle of one tensor, whatever the numbers say."""

    def number(k):
        return b"\x8a\x09" + k.to_bytes(9, "little", signed=True)

    def sizes(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    text = b"X" + struct.pack("<I", len(key)) + key
    memory = b"(X\x07\0\0\0storagectorch\n" + kind + b"\n" + text + b"X\x03\0\0\0cpu" + number(n) + b"tQ"
    end = b"\x89ccollections\nOrderedDict\n)RtR."
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + memory + number(offset) + sizes(shape) + sizes(strides) + end
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 5}, "has 16 bytes in the file"),
        ({"n": 1 << 61}, "has 16 bytes in the file"),
        ({"n": -1}, "damaged"),
        ({"key": b"1"}, "missing"),
        ({"key": b"../data.pkl"}, "missing"),
        ({"kind": b"DoubleStorage"}, "has 16 bytes"),
        ({"kind": b"NoStorage"}, "no type of memory"),
        ({"shape": (5,)}, "leaves its memory"),
        ({"offset": 1}, "leaves its memory"),
        ({"offset": -1}, "do not go together"),
        ({"strides": (2,)}, "leaves its memory"),
        ({"strides": (-1,), "offset": 3}, "not sizes"),
        ({"strides": (1 << 61,)}, "leaves its memory"),
        ({"shape": (1 << 61, 1 << 61), "strides": (0, 0)}, "can be counted"),
        ({"shape": (2, 2)}, "do not go together"),
        ({"shape": (1,) * 70, "strides": (1,) * 70}, "do not go together"),
    ],
)
def test_tensors_cannot_leave_their_memory(options, message):
    assert torch.load(io.BytesIO(with_pickle(tensor(), **{"data/0": b"\0" * 16}))).tolist() == [0] * 4
    with pytest.raises(CorruptFile, match=message):
        torch.load(io.BytesIO(with_pickle(tensor(**options), **{"data/0": b"\0" * 16})))


LAUGHS = b"\x80\x02]q\x00" + b"".join(b"(" + b"h%c" % i * 10 + b"tq%c" % (i + 1) for i in range(60)) + b"."
KEYS = b"\x80\x02)q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60)) + b"}h%cNs." % 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "ends before its STOP"),
        (b".", "empty stack"),
        (b"\x80\x02", "ends before its STOP"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\x80\x02h\x05.", "empty stack or memo"),
        (b"\x80\x02i__main__\nX\n.", "not one that saved objects need"),
        (b"\x80\x02V1\n.", "not one that saved objects need"),
        (b"\x80\x02X\xff\xff\xff\xffab.", "longer than the file"),
        (b"\x80\x02NNb.", "no new object"),
        (b"\x80\x02NNR.", "no function"),
        (b"\x80\x02(" + b"(" * (MAX_DEPTH + 5) + b".", "nested too deeply"),
        (b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b".", "nested too deeply"),
        (KEYS, "neither a number nor a text"),
        (b"\x80\x02}]Ns.", "neither a number nor a text"),
        (b"\x80\x02NQ.", "not one to the memory"),
        (b"\x80\x02ctorch.nn\n" + b"x" * 100, "does not end"),
    ],
)
def test_broken_pickles(text, message):
    with pytest.raises(CorruptFile, match=message):
        torch.load(io.BytesIO(with_pickle(text)))


def test_lists_in_lists_take_no_more_than_they_say():
    """Sixty tuples, each of ten times the one before: 10**60 elements, if nothing were shared."""
    outer = torch.load(io.BytesIO(with_pickle(LAUGHS)))
    assert len(outer) == 10 and outer[0] is outer[9]


def zipped(entries, compress=zipfile.ZIP_STORED):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", compress) as z:
        for name, data in entries:
            z.writestr(name, data)
    return f.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: zipped([("a/data.pkl", b"N."), ("a/data.pkl", b"N.")]), "two entries"),
        (lambda: zipped([("a/data.pkl", b"N."), ("a/../../x", b"")]), "leads out of the archive"),
        (lambda: zipped([("/data.pkl", b"N.")]), "leads out of the archive"),
        (lambda: zipped([("a/data.pkl", b"N.."), ("b/x", b"")]), "do not lie in one folder"),
        (lambda: zipped([("arr_0.npy", b"")]), "do not lie in one folder"),
        (lambda: zipped([("a/x", b"")]), "no data.pkl"),
        (lambda: zipped([("a/data.pkl", b"N." * 100)], zipfile.ZIP_DEFLATED), "compressed"),
        (lambda: zipped([("a/data.pkl", b"N."), ("a/constants.pkl", b"")]), "TorchScript"),
        (lambda: zipped([("a/data.pkl", b"N."), ("a/code/x.py", b"")]), "TorchScript"),
        (lambda: zipped([("a/data.pkl", b"N."), ("a/byteorder", b"middle")]), "byte order"),
        (lambda: zipped([("a/data.pkl", b"N.")])[:-5], "list of entries is missing"),
        (lambda: zipped([("a/data.pkl", b"N.")])[40:], "not a safetensors|damaged|lie in it"),
    ],
)
def test_archives_that_are_refused(data, message):
    with pytest.raises(CorruptFile, match=message):
        torch.load(io.BytesIO(data()))


def test_overlapping_entries_are_refused():
    """An archive can name the same bytes often, and so be far larger unpacked."""
    data = bytearray(zipped([("a/data.pkl", b"N."), ("a/data/0", b"0" * 100), ("a/data/1", b"1" * 100)]))
    first = data.index(b"a/data/0") - 30
    last = data.rindex(b"a/data/1")
    data[last - 4 : last] = struct.pack("<I", first)
    data[last : last + 8] = b"a/data/0"
    with pytest.raises(CorruptFile, match="two entries|overlap"):
        torch.load(io.BytesIO(bytes(data)))


def test_every_truncation_is_noticed():
    for data in (written({"a": torch.arange(5), "b": [torch.ones(2, 2), 1]}), file_mutations.stacked()[:3000]):
        for n in range(2, len(data), 7):
            with pytest.raises(CorruptFile):
                torch.load(io.BytesIO(data[:n]))


def test_changed_files_raise_nothing_else_and_take_no_memory():
    """``python tests/file_mutations.py 10000`` does the same more often."""
    assert file_mutations.check(400, random.randrange(1 << 30)) > 100


# --- what a crash leaves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sharded", [False, True])
def test_a_full_disk_leaves_the_previous_files(sharded, tmp_path, monkeypatch):
    def save(value):
        x = torch.full((1000,), value)
        if sharded:
            torch.serialization.save_sharded({"a": x, "b": x + 1}, tmp_path, 4000)
        else:
            torch.save({"a": x}, tmp_path / "f.pt")

    save(1.0)
    before = sorted(p.name for p in tmp_path.iterdir())
    synced = []

    def full(handle):
        synced.append(handle)
        if len(synced) > sharded:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(2.0)
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    back = torch.load(tmp_path if sharded else tmp_path / "f.pt")
    assert back["a"][0].item() == 1.0


# --- several files, and other formats ---------------------------------------------------------------------


def test_shards(tmp_path):
    state = {f"layer{i}.weight": torch.full((10,), float(i)) for i in range(5)}
    made = torch.serialization.save_sharded(state, tmp_path, "80B")
    assert made[0] == "model-00001-of-00003.safetensors" and made[-1] == "model.safetensors.index.json"
    index = json.loads((tmp_path / made[-1]).read_text())
    assert index["metadata"]["total_size"] == 200 and list(index["weight_map"]) == list(state)
    for options in ({}, {"mmap": True}):
        for path in (tmp_path, tmp_path / made[-1]):
            back = torch.load(path, **options)
            assert list(back) == list(state) and all(back[k].tolist() == v.tolist() for k, v in state.items())
    torch.serialization.save_sharded(state, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    assert list(torch.load(tmp_path)) == list(state)
    with pytest.raises(ValueError, match="5GB"):
        torch.serialization.save_sharded(state, tmp_path, "much")
    with pytest.raises(TypeError, match="step is <class"):
        torch.serialization.save_sharded({"step": 1}, tmp_path)


def test_shards_that_are_not_what_the_index_says(tmp_path):
    made = torch.serialization.save_sharded({"a": torch.ones(1), "b": torch.ones(1), "c": torch.ones(1)}, tmp_path, 4)
    index = json.loads((tmp_path / made[-1]).read_text())

    def refused(error, message, **weights):
        (tmp_path / made[-1]).write_text(json.dumps({"weight_map": weights}))
        with pytest.raises(error, match=message):
            torch.load(tmp_path)

    places = index["weight_map"]
    refused(CorruptFile, "missing: d", **places, d=places["a"])
    refused(CorruptFile, r"not in the index: a \(in", b=places["b"], d=places["a"])
    refused(FileNotFoundError, "files of the index are missing: x.safetensors", a="x.safetensors")
    refused(CorruptFile, "outside its folder", a="../x.safetensors")
    refused(CorruptFile, "no map", a=1)
    (tmp_path / made[-1]).write_text("{")
    with pytest.raises(CorruptFile, match="no index of weights"):
        torch.load(tmp_path / made[-1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="a folder without weights"):
        torch.load(tmp_path / "empty")


def test_convert(tmp_path, theirs, capsys):
    theirs.save(network(theirs).state_dict(), tmp_path / "a.pt")
    a, b, c, folder = (str(tmp_path / name) for name in ("a.pt", "b.safetensors", "c.pth", "folder"))
    assert convert.main([a, b]) == convert.main([b, f"{folder}/", "--max-shard-size", "200B"]) == 0
    assert convert.main([folder, c]) == 0
    back, first = theirs.load(c, weights_only=True), theirs.load(a)
    assert back.keys() == first.keys() and all(back[k].equal(first[k]) for k in first)
    assert convert.main([a, str(tmp_path / "x.txt")]) == 1 and "tells no format" in capsys.readouterr().err
    assert convert.main([str(tmp_path / "none.pt"), b]) == 1 and "none.pt" in capsys.readouterr().err


SAFETENSORS = """
import torch, sys
from safetensors.torch import load, load_file, save, save_file, load_model, save_model
from safetensors import safe_open
assert "numtorch" in torch.__version__
folder = sys.argv[1]
state = {"a": torch.arange(6.0).reshape(2, 3), "h": torch.ones(2, dtype=torch.bfloat16), "n": torch.tensor(3),
         "e": torch.empty(0, 2), "b": torch.tensor([True, False])}
save_file(state, f"{folder}/x.safetensors", {"format": "pt"})
for back in (load_file(f"{folder}/x.safetensors"), load(save(state)), torch.load(f"{folder}/x.safetensors")):
    assert {k: (v.dtype, v.shape, v.tolist()) for k, v in back.items()} == \
        {k: (v.dtype, v.shape, v.tolist()) for k, v in state.items()}
with safe_open(f"{folder}/x.safetensors", "pt") as f:
    assert f.get_tensor("a").tolist() == state["a"].tolist() and f.get_slice("a")[1:, :2].tolist() == [[3.0, 4.0]]
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
net[1].weight = net[0].weight
save_model(net, f"{folder}/m.safetensors")
load_model(net, f"{folder}/m.safetensors")
torch.save(net.state_dict(), f"{folder}/any.ckpt")
assert open(f"{folder}/any.ckpt", "rb").read(2) == b"PK"
print("done")
"""


def run(code, *arguments):
    environment = dict(os.environ, HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", PYTHONWARNINGS="ignore")
    command = [sys.executable, "-m", "numtorch.run", "-c", code, *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert found.returncode == 0, found.stderr[-3000:]
    return found.stdout


def test_the_safetensors_library_works_on_numtorch(tmp_path):
    pytest.importorskip("safetensors")
    assert "done" in run(SAFETENSORS, tmp_path)


def test_names_of_classes_are_pytorchs():
    from numtorch.serialization import globals

    assert globals.theirs("numtorch.nn.normalization", "BatchNorm2d") == "torch.nn.modules.batchnorm"
    assert class_names.theirs("numtorch.nn.normalization", "LayerNorm") == "torch.nn.modules.normalization"
    assert names.here("torch.nn.modules.batchnorm") == "numtorch.nn.normalization"


def test_whole_attention_is_written_and_read(theirs):
    """Every part of a layer stands in PyTorch's module under the name that it is written with."""
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8).eval()
    there = theirs.load(io.BytesIO(written(layer)), weights_only=False)
    x = np.ones((3, 2, 4), np.float32)
    y, z = layer(torch.from_numpy(x)), there(theirs.from_numpy(x))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-5, atol=1e-6)


def _below(cls):
    return {cls, *(c for b in cls.__subclasses__() for c in _below(b))}


@pytest.mark.parametrize("space, base", [("nn", "Module"), ("optim", "Optimizer")])
def test_every_class_is_found_by_its_name_here_and_in_torch(space, base):
    classes = [c for c in _below(getattr(getattr(torch, space), base)) if c.__module__.startswith(f"numtorch.{space}.")]
    assert len(classes) > 10
    for cls in classes:
        assert getattr(sys.modules[cls.__module__], cls.__qualname__) is cls
        if not cls.__name__.startswith("_") and hasattr(getattr(torch, space), cls.__name__):
            where = class_names.theirs(cls.__module__, cls.__qualname__)
            assert where.startswith(f"torch.{space}") and class_names.ours(where, cls.__qualname__) is cls


@pytest.mark.parametrize("space", ["nn", "optim"])
def test_classes_are_written_with_the_names_of_torch(space, theirs):
    for name, cls in vars(getattr(torch, space)).items():
        other = getattr(getattr(theirs, space), name, None)
        if isinstance(cls, type) and isinstance(other, type) and cls.__module__.startswith(f"numtorch.{space}."):
            assert class_names.theirs(cls.__module__, cls.__qualname__) == other.__module__, name
