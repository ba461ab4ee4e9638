"""Saving and loading: what comes back, what is refused, and what a crash leaves."""

import errno
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as torch
from numtorch import files
from numtorch.errors import CorruptFile

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
]


def round_trip(obj, **options):
    f = io.BytesIO()
    torch.save(obj, f)
    f.seek(0)
    return torch.load(f, **options)


def file_of(header, data=b"", pad=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text + pad).to_bytes(8, "little") + text + pad + data


# --- what comes back ------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4), (5,)])
def test_every_dtype_and_shape(d, shape, tmp_path):
    t = (torch.arange(int(np.prod(shape))).reshape(shape) % 2).to(d)
    torch.save(t, tmp_path / "t")
    for options in ({}, {"mmap": True}):
        back = torch.load(tmp_path / "t", **options)
        assert (back.dtype, back.shape, back.tolist()) == (d, t.shape, t.tolist())
        assert back.is_contiguous()
        (back + back).sum()


def test_bits_of_special_values_stay():
    t = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38])
    assert round_trip(t).numpy().tobytes() == t.numpy().tobytes()


def test_training_state_keeps_structure_order_and_types():
    state = {
        "epoch": 3,
        "lr": 0.1,
        "best": float("inf"),
        "worst": float("-inf"),
        "done": False,
        "note": 'a "quote", a\nline, ü, 東京',
        "none": None,
        "big": 2**80,
        "shape": torch.Size([2, 3]),
        "dtype": torch.float32,
        "device": torch.device("cuda", 1),
        "betas": (0.9, 0.999),
        "nested": [{"a": (1, [2, (3,)])}, []],
        "empty": {},
        "unit": (),
        "model": OrderedDict(z=torch.ones(2), a=torch.zeros(1, dtype=torch.int64)),
        "optimizer": {"state": {1: {"step": torch.tensor(2.0)}, 0: {"step": torch.tensor(3.0)}}},
        1: "int",
        "1": "str",
        False: "zero",
        2.5: "float",
        None: "none",
        (1, "x"): "tuple",
    }
    back = round_trip(state)
    assert list(back) == list(state)
    assert [type(k) for k in back] == [type(k) for k in state]
    assert type(back["model"]) is OrderedDict
    assert list(back["model"]) == ["z", "a"]
    assert list(back["optimizer"]["state"]) == [1, 0]
    for key, value in state.items():
        if key not in ("model", "optimizer"):
            assert back[key] == value
            assert type(back[key]) is type(value)
    assert np.isnan(round_trip({"x": float("nan")})["x"])
    assert back["optimizer"]["state"][0]["step"].item() == 3.0


def test_numpy_scalars_become_numbers():
    back = round_trip(
        {"a": np.float64(0.1), "b": np.float32(0.5), "c": np.int64(7), "d": np.bool_(True), "e": np.float64("inf")}
    )
    assert back == {"a": 0.1, "b": 0.5, "c": 7, "d": True, "e": float("inf")}
    assert [type(v) for v in back.values()] == [float, float, int, bool, float]


def test_views_and_strides():
    base = torch.arange(12).reshape(3, 4)
    back = round_trip(
        {
            "t": base.t(),
            "row": base[1],
            "col": base[:, 2],
            "step": base[::2, ::3],
            "expanded": torch.ones(1, 2).expand(3, 2),
        }
    )
    assert back["t"].tolist() == base.t().tolist()
    assert back["row"].tolist() == [4, 5, 6, 7]
    assert back["col"].tolist() == [2, 6, 10]
    assert back["step"].tolist() == [[0, 3], [8, 11]]
    assert back["expanded"].tolist() == [[1, 1]] * 3


def test_tied_tensors_are_stored_once_and_tied_again():
    w = torch.ones(1000, requires_grad=True)
    f = io.BytesIO()
    torch.save({"a": w, "b": w.detach(), "c": w.data, "d": w.detach().clone(), "e": w.detach().reshape(10, 100)}, f)
    assert len(f.getvalue()) < 2 * 4000 + 1500
    f.seek(0)
    back = torch.load(f)
    assert back["b"] is back["c"]
    back["b"][0] = 5
    assert [back[k].reshape(-1)[0].item() for k in "abcde"] == [5, 5, 5, 1, 5]
    assert [back[k].requires_grad for k in "abcde"] == [True, False, False, False, False]


def test_empty_tensors_are_never_tied():
    back = round_trip([torch.empty(0), torch.empty(0)])
    assert back[0] is not back[1]


def test_names_that_collide():
    obj = {
        "a": {"b": torch.tensor(1)},
        "a.b": torch.tensor(2),
        0: torch.tensor(3),
        "0": torch.tensor(4),
        "__metadata__": torch.tensor(5),
        "": torch.tensor(6),
    }
    back = round_trip(obj)
    assert [back["a"]["b"].item(), *[back[k].item() for k in ("a.b", 0, "0", "__metadata__", "")]] == [1, 2, 3, 4, 5, 6]


def test_objects_that_are_no_dict():
    assert round_trip(torch.ones(2)).tolist() == [1, 1]
    assert round_trip([torch.ones(1), 2])[1] == 2
    assert round_trip(7) == 7
    assert round_trip({}) == {}


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(TREES)
def test_any_tree_comes_back(tree):
    assert repr(round_trip(tree)) == repr(tree)


def test_map_location():
    f = io.BytesIO()
    torch.save({"w": torch.ones(2)}, f)

    def load(where):
        f.seek(0)
        return torch.load(f, map_location=where)["w"]

    assert load("cpu").device.type == "cpu"
    assert load(torch.device("meta")).device.type == "meta"
    assert load({"cuda:0": "cpu"}).device.type == "cpu"
    assert load({"cpu": "meta"}).device.type == "meta"
    seen = []
    assert load(lambda t, where: seen.append(where)).tolist() == [1, 1]
    assert load(lambda t, where: t * 2).tolist() == [2, 2]
    assert seen == ["cpu"]
    with pytest.raises(KeyError, match="mine"):  # an error of the caller's, not of the file
        load(lambda t, where: {}["mine"])


def test_a_gpus_tensor_on_a_machine_without_one():
    data = np.ones(2, np.float32).tobytes()
    f = file_of(
        {
            "__metadata__": {"numtorch": json.dumps({"object": {"tensor": "w", "device": "cuda:0"}, "version": 1})},
            "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        },
        data,
    )
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="map_location='cpu'"):
            torch.load(io.BytesIO(f))
    assert torch.load(io.BytesIO(f), map_location="cpu").tolist() == [1, 1]
    assert torch.load(io.BytesIO(f), map_location={"cuda": "cpu"}).tolist() == [1, 1]


def test_streams(tmp_path):
    f = io.BytesIO()
    torch.save([1, torch.ones(3)], f)
    torch.save("second", f)
    f.seek(0)
    assert torch.load(f)[1].tolist() == [1, 1, 1]
    assert torch.load(f) == "second"

    class Slow:  # gives one byte at a time and has no readinto
        def __init__(self, data):
            self.f = io.BytesIO(data)

        def read(self, n):
            return self.f.read(min(n, 1))

    f = io.BytesIO()
    torch.save(torch.arange(4), f)
    assert torch.load(Slow(f.getvalue())).tolist() == [0, 1, 2, 3]
    with open(tmp_path / "f", "wb") as g:
        torch.save(torch.ones(1), g)
    with open(tmp_path / "f", "rb") as g:
        assert torch.load(g).tolist() == [1]
    with pytest.raises(ValueError, match="mmap"):
        torch.load(f, mmap=True)
    with pytest.raises(TypeError, match="'rb'"):
        torch.load(io.StringIO("text, and more of it"))


def test_mapped_tensors_do_not_write_to_the_file(tmp_path):
    torch.save({"a": torch.ones(3)}, str(tmp_path / "f"))
    a = torch.load(tmp_path / "f", mmap=True)["a"]
    a.add_(1)
    assert a.tolist() == [2, 2, 2]
    assert torch.load(tmp_path / "f")["a"].tolist() == [1, 1, 1]


# --- together with other programs -------------------------------------------------------------------------


def test_the_safetensors_library_reads_our_files(tmp_path):
    st_numpy = pytest.importorskip("safetensors.numpy")
    state = OrderedDict(
        (f"layer.{d.name}", (torch.arange(6).reshape(2, 3) % 2).to(d)) for d in DTYPES if d is not torch.bfloat16
    )
    state["scalar"], state["empty"], state["view"] = (
        torch.tensor(1.5),
        torch.empty(0, 3),
        torch.arange(6).reshape(2, 3).t(),
    )
    torch.save(state, tmp_path / "f.safetensors")
    read = st_numpy.load_file(tmp_path / "f.safetensors")
    assert set(read) == set(state)
    for key, t in state.items():
        assert read[key].shape == tuple(t.shape)
        assert read[key].dtype == t.numpy().dtype
        assert read[key].tolist() == t.tolist()


def test_pytorch_reads_our_files(tmp_path):
    st_torch = pytest.importorskip("safetensors.torch")
    torch.save({"model": {"w": torch.ones(2, dtype=torch.bfloat16)}, "epoch": 1}, tmp_path / "f")
    read = st_torch.load_file(tmp_path / "f")
    assert {k: (str(v.dtype), v.tolist()) for k, v in read.items()} == {"model.w": ("torch.bfloat16", [1.0, 1.0])}


def test_we_read_the_safetensors_librarys_files(tmp_path):
    st_numpy = pytest.importorskip("safetensors.numpy")
    arrays = {
        "b": np.ones((2, 2), np.float16),
        "a": np.arange(3),
        "odd": np.array([1, 2, 3], np.int8),
        "c": np.array(2.0),
    }
    st_numpy.save_file(arrays, tmp_path / "f", metadata={"author": "x"})
    for options in ({}, {"mmap": True}):
        back = torch.load(tmp_path / "f", **options)
        assert {k: v.tolist() for k, v in back.items()} == {k: v.tolist() for k, v in arrays.items()}


def test_a_file_that_is_not_aligned_can_be_mapped(tmp_path):
    data = bytes([1]) + np.arange(3, dtype=np.float64).tobytes()
    (tmp_path / "f").write_bytes(
        file_of(
            {
                "b": {"dtype": "I8", "shape": [1], "data_offsets": [0, 1]},
                "x": {"dtype": "F64", "shape": [3], "data_offsets": [1, 25]},
            },
            data,
        )
    )
    assert (torch.load(tmp_path / "f", mmap=True)["x"] + 1).tolist() == [1, 2, 3]


# --- what is refused ----------------------------------------------------------------------------------------


class Layer:
    def state_dict(self):
        return {}


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (lambda: 0, "functions and classes"),
        (Layer(), r"save its state_dict\(\)"),
        (Layer, "functions and classes|state_dict"),
        (np.ones(2), "from_numpy"),
        ({1, 2}, "sorted"),
        (Counter("ab"), "dict"),
        (Point(1, 2), "tuple"),
        (b"bytes", "tensors, numbers"),
        (1j, "tensors, numbers"),
        (object(), "tensors, numbers"),
    ],
)
def test_code_and_foreign_objects_are_refused_with_their_place(value, advice, tmp_path):
    with pytest.raises(TypeError, match=r"a\.1\.b is of type") as e:
        torch.save({"a": [0, {"b": value}]}, tmp_path / "f")
    assert e.match(advice)
    assert not (tmp_path / "f").exists()


def test_other_things_that_cannot_be_saved(tmp_path):
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contains itself"):
        torch.save({"x": loop}, tmp_path / "f")
    with pytest.raises(TypeError, match="meta device"):
        torch.save({"x": torch.empty(2, device="meta")}, tmp_path / "f")
    with pytest.raises(TypeError, match="key of state is a tensor"):
        torch.save({"state": {torch.ones(1): 1}}, tmp_path / "f")
    with pytest.raises(ValueError, match="UTF-8"):
        torch.save({"\ud800": torch.ones(1)}, tmp_path / "f")
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        torch.save(1, tmp_path / "no" / "f")
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "missing")
    with pytest.raises(ValueError, match="formats are safetensors and pt"):
        torch.save(1, tmp_path / "f", format="npz")
    assert not list(tmp_path.iterdir())


def one(**changes):
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


def structured(text, tensors=True):
    return {"__metadata__": {"numtorch": text}, **(one() if tensors else {})}


EIGHT = b"\0" * 8
BROKEN = {
    "empty": (b"", "empty"),
    "short": (b"abc", "only 3 bytes"),
    "noise": (bytes(range(7, 250)), "not a safetensors file"),
    "long header": ((1 << 40).to_bytes(8, "little") + b"{}", "not a safetensors file"),
    "header cut": ((50).to_bytes(8, "little") + b'{"x"', "truncated|ends within its header"),
    "no json": (file_of(b"hello there"), "does not begin"),
    "bad json": (file_of(b'{"x": '), "cannot be read"),
    "bad utf8": (file_of(b'{"\xff": 1}'), "cannot be read"),
    "deep json": (file_of(b'{"x":' + b"[" * 100000), "cannot be read"),
    "nan": (file_of(b'{"x": NaN}'), "cannot be read"),
    "twice": (file_of(b'{"x": 1, "x": 2}'), "twice"),
    "truncated": (file_of(one(), EIGHT[:5]), "3 bytes are missing|ends within"),
    "entry": (file_of({"x": 3}, b""), "dtype, shape and data_offsets"),
    "extra field": (file_of(one(code="x"), EIGHT), "dtype, shape and data_offsets"),
    "dtype": (file_of(one(dtype="F8_E5M2"), EIGHT), "type 'F8_E5M2'"),
    "dtype list": (file_of(one(dtype=[]), EIGHT), "has the type"),
    "size": (file_of(one(shape=[3]), EIGHT), "needs 12 bytes"),
    "negative": (file_of(one(shape=[-2]), EIGHT), "not lists of sizes"),
    "bool shape": (file_of(one(shape=[True]), EIGHT), "not lists of sizes"),
    "huge": (file_of(one(shape=[1 << 63, 0], data_offsets=[0, 0])), "not lists of sizes"),
    "reversed": (file_of(one(data_offsets=[8, 0]), EIGHT), "needs 8 bytes"),
    "three offsets": (file_of(one(data_offsets=[0, 8, 8]), EIGHT), "needs 8 bytes"),
    "gap": (file_of(one(data_offsets=[4, 12]), EIGHT + EIGHT[:4]), "begin at 4"),
    "overlap": (file_of({**one(), "y": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, EIGHT), "end at 8"),
    "outside": (file_of(one(data_offsets=[1 << 50, (1 << 50) + 8]), EIGHT), "begin at"),
    "bool": (file_of(one(dtype="BOOL", data_offsets=[0, 2]), b"\x01\x02"), "0 and 1"),
    "metadata": (file_of({"__metadata__": [1]}), "__metadata__"),
    "metadata value": (file_of({"__metadata__": {"a": 1}}), "__metadata__"),
    "structure": (file_of(structured("[1]"), EIGHT), "structure"),
    "structure json": (file_of(structured("{"), EIGHT), "cannot be read"),
    "version": (file_of(structured('{"version": 3, "object": 1}'), EIGHT), "version 3"),
    "absent": (file_of(structured('{"version": 1, "object": {"tensor": "y"}}'), EIGHT), "no tensor 'y'"),
    "unused": (file_of(structured('{"version": 1, "object": 1}'), EIGHT), "'x' has no place"),
    "kind": (file_of(structured('{"version": 1, "object": {"eval": "1"}}', False)), "unknown kind"),
    "kinds": (file_of(structured('{"version": 1, "object": {"dict": [], "list": []}}', False)), "cannot be read"),
    "unhashable": (file_of(structured('{"version": 1, "object": {"dict": [[[], 1]]}}', False)), "cannot be read"),
    "pairs": (file_of(structured('{"version": 1, "object": {"dict": [1]}}', False)), "cannot be read"),
    "float": (file_of(structured('{"version": 1, "object": {"float": "1"}}', False)), "cannot be read"),
    "dtype name": (file_of(structured('{"version": 1, "object": {"dtype": "object"}}', False)), "cannot be read"),
    "device name": (
        file_of(structured('{"version": 1, "object": {"tensor": "x", "device": "moon"}}'), EIGHT),
        "cannot be read|moon",
    ),
    "oldest pickle": (pickle.dumps({"x": 1}, 1), "not a safetensors file|only"),
    "old pickle": (pickle.dumps({"x": 1}, 2), "not one of torch.save"),
    "new pickle": (pickle.dumps({"x": 1}, 5), "not one of torch.save"),
    "zip": (b"PK\x03\x04" + b"\0" * 100, "list of entries is missing"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_and_foreign_files(case, tmp_path):
    data, message = BROKEN[case]
    (tmp_path / "f.pt").write_bytes(data)
    for options in ({}, {"mmap": True}):
        with pytest.raises(CorruptFile, match=message) as e:
            torch.load(tmp_path / "f.pt", **options)
        assert "Nothing in the file was executed" in str(e.value)
        assert "f.pt" in str(e.value)
    with pytest.raises(CorruptFile, match=message):
        torch.load(io.BytesIO(data))


def test_bytes_after_the_end(tmp_path):
    (tmp_path / "f").write_bytes(file_of(one(), EIGHT + b"more"))
    with pytest.raises(CorruptFile, match="4 bytes follow"):
        torch.load(tmp_path / "f")


def test_every_truncation_is_noticed(tmp_path):
    torch.save({"a": torch.arange(5), "b": [torch.ones(2, 2), 1]}, tmp_path / "f")
    whole = (tmp_path / "f").read_bytes()
    for n in range(len(whole)):
        with pytest.raises(CorruptFile):
            torch.load(io.BytesIO(whole[:n]))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_bytes_never_raise_anything_else(data):
    f = io.BytesIO()
    torch.save({"a": torch.arange(3), "b": (1, [torch.ones(2, dtype=torch.bool)]), "c": float("inf")}, f)
    broken = bytearray(f.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        torch.load(io.BytesIO(bytes(broken)), map_location="cpu")
    except CorruptFile:
        pass


# --- what a crash leaves -------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_previous_file(tmp_path, monkeypatch):
    path = tmp_path / "f"
    torch.save({"w": torch.ones(2)}, path)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        torch.save({"w": torch.zeros(100_000)}, path)
    monkeypatch.undo()
    assert torch.load(path)["w"].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def run(code, *args, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits and signals of POSIX")
def test_a_write_that_fails_half_way(tmp_path):
    path = tmp_path / "f"
    torch.save({"w": torch.ones(2)}, path)
    p = run(
        """
        import resource, signal, sys
        import numtorch as torch
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            torch.save({"w": torch.zeros(1_000_000)}, sys.argv[1])
        except OSError as e:
            print("refused", e.errno)
    """,
        path,
    )
    out, err = p.communicate(timeout=60)
    assert out.strip() == f"refused {errno.EFBIG}", err
    assert torch.load(path)["w"].tolist() == [1, 1]
    assert [q.name for q in tmp_path.iterdir()] == ["f"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_killed_process_leaves_the_previous_file(tmp_path):
    path = tmp_path / "f"
    torch.save({"w": torch.ones(2)}, path)
    p = run(
        """
        import sys, time
        import numtorch as torch
        from numtorch.serialization import safetensors
        parts = safetensors._parts
        def slow(head, tensors):
            for part in parts(head, tensors):
                yield part
                print("wrote", flush=True)
                time.sleep(0 if len(part) < 1000 else 60)
        safetensors._parts = slow
        torch.save({"v": torch.zeros(100_000), "w": torch.zeros(100_000)}, sys.argv[1])
    """,
        path,
    )
    assert [p.stdout.readline() for _ in range(2)] == ["wrote\n"] * 2
    p.send_signal(signal.SIGKILL)
    p.communicate(timeout=60)
    assert torch.load(path)["w"].tolist() == [1, 1]
    torch.save({"w": torch.zeros(3)}, path)  # and the next save works
    assert torch.load(path)["w"].tolist() == [0, 0, 0]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_links_permissions_and_special_files(tmp_path):
    path, link = tmp_path / "f", tmp_path / "link"
    before = os.umask(0o027)
    try:
        torch.save(1, path)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        torch.save(2, path)
        assert path.stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)
    link.symlink_to(path)
    torch.save(3, link)
    assert link.is_symlink()
    assert torch.load(path) == 3
    torch.save(torch.ones(3), os.devnull)
    assert not os.path.isfile(os.devnull)


TRAIN = """
    import sys
    import numtorch as torch

    def build(kind):
        torch.manual_seed(0)
        ps = [(torch.randn(6, 5) * 0.3).requires_grad_(), torch.zeros(5, requires_grad=True), torch.randn(5, 2).requires_grad_()]
        opt = torch.optim.SGD(ps, lr=0.05, momentum=0.9) if kind == "sgd" else torch.optim.Adam(ps, lr=0.01, amsgrad=True)
        return ps, opt, torch.optim.lr_scheduler.StepLR(opt, 4, 0.5)

    def train(ps, opt, schedule, steps):
        for _ in range(steps):
            x, y = torch.randn(8, 6), torch.randn(8, 2)
            loss = ((torch.tanh(x @ ps[0] + ps[1]) @ ps[2] - y) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
        return loss.item()

    kind, path, what = sys.argv[1:]
    ps, opt, schedule = build(kind)
    if what == "whole":
        train(ps, opt, schedule, 14)
    elif what == "first":
        loss = train(ps, opt, schedule, 7)
        torch.save({"params": ps, "optimizer": opt.state_dict(), "schedule": schedule.state_dict(), "rng": torch.get_rng_state(),
                    "loss": loss}, path)
    else:
        state = torch.load(path)
        with torch.no_grad():
            for p, saved in zip(ps, state["params"]):
                p.copy_(saved)
        opt.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["rng"])
        train(ps, opt, schedule, 7)
    print([p.detach().numpy().tobytes().hex() for p in ps], opt.param_groups[0]["lr"])
"""  # noqa: E501


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_training_continued_in_another_process_is_the_same_bit_for_bit(kind, tmp_path):
    results = {}
    for what in ("whole", "first", "second"):
        p = run(TRAIN, kind, tmp_path / "state", what)
        results[what], err = p.communicate(timeout=300)
        assert p.returncode == 0, err
    assert results["second"] == results["whole"] != results["first"]


def test_modules_optimizers_and_whole_checkpoints():
    nn = torch.nn

    def build():
        net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        net.register_buffer("seen", torch.zeros(2, dtype=torch.int64))
        return net, torch.optim.AdamW(net.named_parameters(), lr=0.1)

    def step(net, opt):
        opt.zero_grad()
        net(x).square().mean().backward()
        opt.step()

    x = torch.arange(12, dtype=torch.float32).reshape(4, 3)
    net, opt = build()
    step(net, opt)
    state = round_trip({"model": net.state_dict(), "optimizer": opt.state_dict(), "weight": net[0].weight})
    assert type(state["weight"]) is nn.Parameter and type(state["model"]["0.weight"]) is torch.Tensor
    again, opt_again = build()
    again.load_state_dict(state["model"])
    opt_again.load_state_dict(state["optimizer"])
    for _ in range(2):
        step(net, opt)
        step(again, opt_again)
    for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert a.tolist() == b.tolist()
    with pytest.raises(TypeError, match=r"the object is of type numtorch\.nn.*save its state_dict\(\)"):
        torch.save(net, io.BytesIO())


# --- what tensors are, and what they share -----------------------------------------------------------------


def through_a_file(obj):
    f = io.BytesIO()
    torch.save(obj, f)
    f.seek(0)
    return torch.load(f)


def test_parameters_and_gradients_wanted_are_kept():
    p = torch.nn.Parameter(torch.ones(2))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    got = through_a_file(
        {
            "p": p,
            "again": p,
            "frozen": frozen,
            "leaf": torch.ones(1, requires_grad=True),
            "plain": torch.ones(1),
            "values": p.detach(),
        }
    )
    assert type(got["p"]) is torch.nn.Parameter and got["p"].requires_grad and got["again"] is got["p"]
    assert type(got["frozen"]) is torch.nn.Parameter and not got["frozen"].requires_grad
    assert type(got["leaf"]) is torch.Tensor and got["leaf"].requires_grad and got["leaf"].is_leaf
    assert not got["plain"].requires_grad
    assert type(got["values"]) is torch.Tensor and not got["values"].requires_grad
    got["values"][0] = 7
    assert got["p"].tolist() == [7, 1]


@pytest.mark.parametrize(
    "views",
    [
        lambda x: [x, x[:2]],
        lambda x: [x[:2], x],
        lambda x: [x[:3], x[1:]],
        lambda x: [x.T, x[0], x[:, 1]],
        lambda x: [x[1:2].expand(3, 4), x],
    ],
)
def test_views_share_their_memory_again_and_are_stored_once(views):
    x = torch.arange(16.0).reshape(4, 4)
    made = views(x)
    f = io.BytesIO()
    torch.save(made, f)
    f.seek(0)
    got = torch.load(f)
    assert [t.tolist() for t in got] == [t.tolist() for t in made]
    assert [t.stride() for t in got] == [t.stride() for t in made]
    got[0][1, 1], made[0][1, 1] = 100, 100
    assert [t.tolist() for t in got] == [t.tolist() for t in made]
    assert len(f.getvalue()) < 64 * 20


def test_views_that_are_apart_are_stored_as_their_elements():
    x = torch.zeros(1000, 1000)
    f = io.BytesIO()
    torch.save([x[0], x[-1]], f)
    assert len(f.getvalue()) < 2 * 4000 + 1000


@pytest.mark.parametrize(
    "view",
    [
        "[[2],[1],3]",
        "[[2],[-1],1]",
        "[[5],[1],0]",
        "[[2],[4611686018427387903],0]",
        "[[2],[1]]",
        "7",
        "[[true],[1],0]",
        '[["a"],[1],0]',
        "[[0],[1],0]",
    ],
)
def test_views_in_a_file_cannot_leave_their_tensor(view):
    header = {
        "__metadata__": {"numtorch": f'{{"object":{{"tensor":"x","view":{view}}},"version":2}}'},
        "x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
    }
    text = json.dumps(header).encode()
    with pytest.raises(torch.load.__globals__["CorruptFile"]):
        torch.load(io.BytesIO(len(text).to_bytes(8, "little") + text + bytes(16)))
