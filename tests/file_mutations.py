"""Changes bytes of saved files at random and loads them: whatever a file holds, ``load`` raises CorruptFile or returns,
and needs no more than twice the memory that the file has.

    python tests/file_mutations.py 10000
"""

from __future__ import annotations

import io
import random
import sys
import tracemalloc
from collections import OrderedDict

import numpy as np

import numtorch as torch
from numtorch.errors import CorruptFile

ALLOWANCE = 1 << 18  # bytes of Python's own objects: tracebacks, imports, tables of the archive


class Net(torch.nn.Module):
    """A module whose pickle names a class."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.kind = "plain"


def samples():
    """Files of each format, as bytes."""
    x = torch.arange(16384.0).reshape(128, 128)
    obj = {
        "model": OrderedDict(w=x, view=x.t(), row=x[3:5], p=torch.nn.Parameter(torch.ones(2))),
        "kinds": [torch.ones(3, dtype=torch.bool), torch.ones(2, dtype=torch.uint16), torch.tensor(1 + 2j)],
        "epoch": 3,
        "numbers": (1.5, -1, 2**80, None, True, "text", b"bytes", {1, 2}, torch.float16, torch.Size([2])),
        "buffer": torch.nn.Buffer(torch.ones(1)),
    }
    found = {}
    for name, value, form in (
        ("pt", obj, "pt"),
        ("module", Net(), "pt"),
        ("safetensors", {k: v for k, v in obj.items() if k in ("model", "epoch")}, "safetensors"),
    ):
        f = io.BytesIO()
        torch.save(value, f, format=form)
        found[name] = f.getvalue()
    found["stacked"] = stacked()
    return found


def stacked():
    """A file of the format before PyTorch 1.6, made by hand."""
    import pickle

    from numtorch.serialization import pytorch
    from numtorch.serialization.pickling import Pickler

    pickler = Pickler()
    text = pickler.dumps({"w": torch.arange(4096.0), "n": [torch.ones(2, dtype=torch.int64), 1, "a"]})
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    keys = [str(m.key) for m in pickler.memories]
    parts = [pickle.dumps(v, 2) for v in (pytorch.MAGIC, pytorch.PROTOCOL, system)] + [text, pickle.dumps(keys, 2)]
    for m in pickler.memories:
        parts += [m.n.to_bytes(8, "little"), bytes(m.data.view(np.uint8))]
    return b"".join(parts)


def changed(data, rng):
    """The bytes with a few changes."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if len(made) < 2:
            break
        # mostly where the structure stands: at the beginning and at the end
        at = rng.choice((rng.randrange(len(made)), rng.randrange(min(2500, len(made))), -rng.randrange(1, 2000))) % len(
            made
        )
        kind = rng.randrange(6)
        if kind == 0:
            made[at] = rng.randrange(256)
        elif kind == 1:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            made[at : at + rng.choice((1, 2, 4, 8))] = bytes(
                rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 8)))
            )
        elif kind == 3:
            made[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
        elif kind == 4:
            del made[at : at + rng.choice((1, 2, 16, 300))]
        else:
            other = rng.randrange(len(made))
            made[at:at] = made[other : other + rng.choice((1, 3, 20))]
    return bytes(made)


def check(count, seed=0):
    """How many of ``count`` changed files were refused; AssertionError if one did anything else."""
    rng = random.Random(seed)
    files = samples()
    for data in files.values():
        torch.load(io.BytesIO(data), weights_only=False)
    refused = 0
    tracemalloc.start()
    try:
        for i in range(count):
            name = rng.choice(list(files))
            data = changed(files[name], rng)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                torch.load(io.BytesIO(data), "cpu", weights_only=name != "module")
            except CorruptFile as e:
                refused += 1
                e.__traceback__ = None
            except BaseException as e:
                raise AssertionError(f"change {i} of {name} (seed {seed}): {e!r}") from e
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak <= 2 * len(data) + ALLOWANCE, (
                f"change {i} of {name} (seed {seed}): {peak} for {len(data)} bytes"
            )
    finally:
        tracemalloc.stop()
    return refused


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{check(number, int(sys.argv[2]) if len(sys.argv) > 2 else 0)} of {number} changed files were refused")
