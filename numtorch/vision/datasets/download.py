"""Downloads files: from several mirrors, with a checksum, and never leaves an incomplete file on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from numtorch import downloads
from numtorch.files import write_atomically


def md5(data: bytes) -> str:
    """The MD5 checksum, as the publishers of the data sets give it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def fetch(name: str, mirrors: Sequence[str], folder: Path, check: Callable[[bytes], str | None]) -> Path:
    """Download ``name`` into ``folder`` from the first mirror that gives a good copy.

    ``check`` returns what is wrong with the bytes, or None. Nothing is written unless it is
    content.

    Raises:
        RuntimeError: if no mirror has a good copy; the message lists what each one answered.
    """
    answers = []
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + name
        try:
            data = b"".join(downloads.chunks(url, name))
        except OSError as error:  # refused, unknown host, HTTP error, timeout
            answers.append(f"  {url}: {error}")
            continue
        if wrong := check(data):
            answers.append(f"  {url}: {wrong}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, data)
        return folder / name
    raise RuntimeError(
        f"could not download {name}; tried\n" + "\n".join(answers) + "\n"
        f"Check the network, or put the file into {folder} yourself"
    )
