"""``python -m numtorch.convert``: files of weights in another format.

    python -m numtorch.convert model.pt model.safetensors        of PyTorch's format, to be read without its pickles
    python -m numtorch.convert model.safetensors model.pt        and back
    python -m numtorch.convert pytorch_model.bin folder/         several files with an index, as HuggingFace has them
    python -m numtorch.convert folder/ model.pt                  and back

Nothing in a file is executed. A folder is written if the target ends with ``/`` or is one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from numtorch import serialization
from numtorch.errors import CorruptFile


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m numtorch.convert", description="Write a file of weights in another format."
    )
    parser.add_argument("source", help="a .pt, .pth, .bin or .safetensors file, an index, or a folder with one of them")
    parser.add_argument("target", help="a .pt, .pth, .bin or .safetensors file, or a folder")
    parser.add_argument("--max-shard-size", default="5GB", help="of the files in a folder (default 5GB)")
    given = parser.parse_args(argv)
    try:
        convert(given.source, given.target, given.max_shard_size)
    except (CorruptFile, OSError, RuntimeError, TypeError, ValueError) as e:
        print(f"numtorch.convert: {e}", file=sys.stderr)
        return 1
    return 0


def convert(source: str, target: str, max_shard_size: int | str = "5GB") -> None:
    """Read a file or a folder, and write another one in the format that its name tells."""
    found = serialization.load(source, "cpu", mmap=not os.path.isdir(source))
    if target.endswith(("/", os.sep)) or os.path.isdir(target):
        if not isinstance(found, dict):
            raise TypeError(f"{source} holds no tensors by name, so it has no files in a folder")
        serialization.save_sharded(found, target, max_shard_size)
        return
    ending = os.path.splitext(target)[1].lower()
    formats = {".pt": "pt", ".pth": "pt", ".bin": "pt", ".ckpt": "pt", ".safetensors": "safetensors"}
    if ending not in formats:
        raise ValueError(f"the name {target!r} tells no format: it ends with none of {', '.join(formats)}")
    serialization.save(found, target, format=formats[ending])


if __name__ == "__main__":
    sys.exit(main())
